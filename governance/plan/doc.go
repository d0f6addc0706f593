// Package plan leads from what a Command server should look like to what that takes.
// It computes and knows no network; package apply, below it, carries plans out.
//
// The way is: a desired state in a file ([LoadDesired]) and a snapshot of the server
// make a [Plan] ([Make]). People read it ([Plan.Report]) and approve its digest
// ([Plan.Digest]). After it was carried out, [Verify] compares, and [Back] plans the way
// back. [Export] writes a server as a desired state, to begin with.
//
// # Desired state
//
// A desired state is YAML or JSON; [Schema] describes it for editors. A list that is
// given is complete, one that is left out stays as it is. An object goes only if it is
// named under absent. Names are compared without regard to case.
//
//	server: https://command.example.com/KeyfactorAPI
//	permissionSets:
//	  - name: Operational
//	    permissions: [/agents/, /certificates/, /portal/]
//	claims:
//	  - {type: OAuthRole, value: pki-operators, scheme: Entra, description: PKI operators}
//	roles:
//	  - name: Operators
//	    description: Issue and revoke
//	    permissionSet: Operational
//	    permissions:
//	      - /portal/read/
//	      - /certificates/collections/revoke/{Web servers}/
//	      - AgentManagement:Read
//	    holders:
//	      - OAuthRole:pki-operators@Entra
//	      - identity: KEYEXAMPLE\svc_pool
//	rolesFrom:
//	  - file: groups.csv
//	    name: ${group}
//	    holders: ["OAuthRole:${group}@Entra"]
//	absent:
//	  roles: [Old operators]
//
// A permission is a path, or a version 1 name, which is converted by
// [permissions.Convert]. The name of a collection, a container, a PAM provider or the
// scheme of an identity provider can stand in braces in the place of an id:
// /certificates/collections/read/{Web servers}/, or Collections[{Web servers}]:Read. The
// name is what lies between the first brace and the last.
//
// A holder is a claim, TYPE:VALUE@SCHEME or a mapping of the three, or an identity: an
// Active Directory account. On servers that show identities as claims, both are the
// same. On servers that keep them apart, a claim is written through version 2 and an
// identity through version 1. The mapping of a claim may have a description, which the
// claim gets if it is created.
//
// An entry of rolesFrom stands for a role for each line of a CSV or JSON list.
// ${column} is what the line has in a column, $$ a dollar sign. An entry of a list, or a
// text, that names an empty column is left out. An entry that is one column and nothing
// else stands for each of several values, which a CSV cell separates by semicolons. A
// role that is there already is completed, unless existing: replace says otherwise.
//
// # Plans
//
// A plan is bound to a server and to a snapshot. Its steps hold each object as it was
// and as it becomes. Additions come first, removals last and in reverse. What cannot be
// done safely is a step that is blocked, with the reason: a role whose holders could not
// be read is never overwritten. So is a removal from those who get something else by a
// step that is blocked, see [Step.GivesTo] and [Step.TakesFrom].
//
// Identity providers, collections, containers and PAM providers are never changed.
package plan
