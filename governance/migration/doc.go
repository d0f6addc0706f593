// Package migration leads from the permission names and Active Directory identities of
// Command 10 to the paths and claims of Command 11 and later: on the same server after
// its upgrade, or on another one. It computes and knows no network.
//
// [Skeleton] writes rules to begin with, people decide, [LoadRules] reads them,
// [Desired] makes a desired state of them, for package plan, and a report. What nobody
// decided keeps its role from being migrated, and no other one. Afterwards, [Verify]
// compares what each holder could do with what they can do now.
//
// # Rules
//
//	format: 1
//	permissionSet: Global             # of all roles; left out: as on the source, or Global
//	existing: add                     # roles that the target has already: add or replace
//	from: paths                       # or names: convert roles although the source shows paths
//	overlay: overlay.txt              # what a server proved, see permissions.ParseOverlay
//	decisionsFile: decisions.txt      # see permissions.ParseDecisions
//
//	otherIdentities: same             # or undecided: every account needs a rule
//	identities:
//	  - account: KEYEXAMPLE\svc_pool
//	    claim: OAuthClientId:pool@Entra
//	  - pattern: 'KEYEXAMPLE\\(.+)-admins'   # a regular expression for the whole account
//	    type: Group
//	    claim: OAuthRole:${1}@Entra
//	  - account: KEYEXAMPLE\gone
//	    drop: true
//
//	collections:                      # likewise: containers, pamProviders, identityProviders
//	  - {from: Web servers, to: Web}
//	  - {from: Old, drop: true}
//
//	decisions:                        # for all roles
//	  - {name: 'API:Read', accept: true, why: the Classic API is switched off}
//	  - {name: 'Collections[{id}]:Recover', drop: true}
//
//	roles:
//	  - {name: PKI Operators, to: Operators}
//	  - {name: Web east, merge: Web}
//	  - {name: Web west, merge: Web}
//	  - {name: Old, skip: true}
//	  - name: Approvers
//	    permissionSet: Operational
//	    accept: [disabled-role]
//	    decisions:
//	      - {name: 'CertificateEnrollment:PendingCsr', paths: [/certificates/requests/manage/]}
//
// Any entry can have a why. Names are compared without regard to case. Ids in decisions
// are those of the source. Accounts come before patterns, and the first pattern that
// fits counts. A scheme under identityProviders is also that of the claims of the source
// that are no Active Directory accounts.
//
// # What needs a decision
//
// A name that becomes wider or narrower, that is converted by a guess, or not at all; an
// object, a claim or a permission set that the target does not have; a collection with
// another query; a role that the target has already, that could not be read, is
// disabled, has a broken signature, or is built in. Each has a [Code]; the report says
// what to write.
package migration
