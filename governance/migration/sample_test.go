package migration_test

import (
	"time"

	"github.com/commandsec/commandsec-go/governance/migration"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/permissions"
)

func user(name string) migration.Key {
	return migration.Key{Type: holders.TypeUser, Value: `KEYEXAMPLE\` + name, Scheme: holders.SchemeActiveDirectory}
}

func team(name string) migration.Key {
	return migration.Key{Type: holders.TypeGroup, Value: `KEYEXAMPLE\` + name, Scheme: holders.SchemeActiveDirectory}
}

func held(versions []int, keys ...migration.Key) []snapshot.Holder {
	var out []snapshot.Holder
	for _, k := range keys {
		out = append(out, snapshot.Holder{Key: k, Versions: versions})
	}
	return out
}

// old is a server of Command 10.5.
func old() *snapshot.Snapshot {
	v1 := []int{1}
	role := func(id int, name string, names []permissions.Legacy, keys ...migration.Key) snapshot.Role {
		return snapshot.Role{ID: id, Name: name, Description: name + " of the old server", Versions: v1, Names: names, ObjectNames: true, Holders: held(v1, keys...)}
	}
	s := &snapshot.Snapshot{
		Server:  snapshot.Server{URL: "https://old.example.com/KeyfactorAPI"},
		TakenAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Account: `KEYEXAMPLE\admin`, Signatures: snapshot.SignaturesChecked,
		Collections: []snapshot.Collection{
			{ID: 6, Name: "Web servers", Query: `CN -contains "www"`},
			{ID: 7, Name: "Old ones", Query: `CN -contains "old"`},
			{ID: 8, Name: "Code signing", Query: `CN -contains "code"`},
		},
		Containers: []snapshot.Object{{ID: 2, Name: "IIS"}},
		Roles: []snapshot.Role{
			role(1, "Administrator", nil, user("admin")),
			role(2, "Reporting API Access", []permissions.Legacy{"AdminPortal:Read", "Dashboard:Read"}),
			role(3, "Operators", []permissions.Legacy{"AdminPortal:Read", "Certificates:Read", "Certificates:Revoke", "CertificateEnrollment:EnrollCSR"}, team("pki-operators"), user("jsmith")),
			role(4, "Requesters", []permissions.Legacy{"AdminPortal:Read", "CertificateEnrollment:PendingCsr"}, team("requesters")),
			role(5, "Web hosting", []permissions.Legacy{"Collections[6]:Read", "Collections[7]:Read", "Containers[2]:Read"}, user("svc_web")),
			role(6, "Signers", []permissions.Legacy{"Collections[8]:Read"}, user("svc_sign")),
			role(7, "Classic", []permissions.Legacy{"API:Read", "Made:Up"}, user("svc_old"), user("gone")),
			role(8, "Broken", []permissions.Legacy{"AdminPortal:Read"}, user("jsmith")),
			role(9, "Off", []permissions.Legacy{"AdminPortal:Read"}, user("jsmith")),
			role(10, "Half", []permissions.Legacy{"AdminPortal:Read"}, user("jsmith")),
			role(11, "Auditors", []permissions.Legacy{"AdminPortal:Read", "Auditing:Read"}, team("audit")),
			role(12, "Auditors east", []permissions.Legacy{"AdminPortal:Read", "Reports:Read"}, team("audit-east")),
		},
		Claims: []snapshot.Claim{{Key: user("nobody"), IdentityID: 99, Versions: v1}}, // holds no role
		Gaps: []snapshot.Gap{
			{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonNotThere},
			{Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere},
			{Part: snapshot.PartPermissionSets, Reason: snapshot.ReasonNotThere},
			{Part: snapshot.PartProviders, Reason: snapshot.ReasonNotThere},
			{Part: snapshot.PartObjectNames, Object: "Half", Reason: snapshot.ReasonRefused},
		},
	}
	s.Roles[7].Valid = new(false)
	s.Roles[8].Enabled = new(false)
	s.Roles[9].ObjectNames = false
	return s.Sorted()
}

const global = "099c05f0-deba-4562-a5b1-f491e19c0749"

// fresh is another server, of Command 25.4, with a role of its own.
func fresh() *snapshot.Snapshot {
	v := []int{1, 2}
	system := migration.Key{Type: holders.TypeOAuthClientID, Value: "installer", Scheme: "Entra"}
	s := &snapshot.Snapshot{
		Server:  snapshot.Server{URL: "https://new.example.com/KeyfactorAPI", Version: "25.4.1"},
		TakenAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Account: "installer", Signatures: snapshot.SignaturesChecked,
		PermissionSets: []snapshot.PermissionSet{
			{ID: global, Name: "Global", Permissions: []permissions.Path{"/"}},
			{ID: "11111111-1111-1111-1111-111111111111", Name: "Readers", Permissions: []permissions.Path{"/auditing/read/", "/portal/read/", "/reports/"}},
		},
		Providers: []snapshot.Provider{
			{ID: "33333333-3333-3333-3333-333333333333", Scheme: "Entra", Name: "Entra", Enabled: true},
			{ID: "44444444-4444-4444-4444-444444444444", Scheme: holders.SchemeActiveDirectory, Name: "AD", Enabled: true},
		},
		Collections: []snapshot.Collection{
			{ID: 60, Name: "web servers", Query: `CN -contains "www"`}, {ID: 61, Name: "Code signing", Query: `CN -contains "anything"`},
		},
		Containers: []snapshot.Object{{ID: 20, Name: "IIS"}},
		Roles: []snapshot.Role{
			{ID: 1, Name: "Administrator", Immutable: true, Versions: v, PermissionSetID: global, Holders: held(v, system)},
			{ID: 2, Name: "Reporting API Access", Immutable: true, Versions: v, PermissionSetID: global, Paths: []permissions.Path{"/dashboard/read/", "/portal/read/"}},
			{ID: 3, Name: "auditors", Versions: v, PermissionSetID: global, Paths: []permissions.Path{"/security/read/"}, Holders: held(v, system)},
		},
		Claims: []snapshot.Claim{{Key: system, ClaimID: 1, Versions: []int{2}}},
	}
	return s.Sorted()
}
