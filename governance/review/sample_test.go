package review_test

import (
	"time"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/permissions"
)

var (
	yes, no = new(true), new(false)

	jane     = user("jsmith")
	janeAdm  = user("adm_jsmith")
	ravi     = user("rpatel")
	gone     = user("gone")
	admins   = snapshot.Key{Type: holders.TypeGroup, Value: `KEYEXAMPLE\PKI Administrators`, Scheme: holders.SchemeActiveDirectory}
	pipeline = snapshot.Key{Type: holders.TypeOAuthClientID, Value: "pipeline", Scheme: "System"}
	web      = snapshot.Key{Type: holders.TypeOAuthRole, Value: "web-team", Scheme: "System"}
	unusedID = snapshot.Key{Type: holders.TypeOAuthSubject, Value: "old@example.com", Scheme: "System"}
)

func user(name string) snapshot.Key {
	return snapshot.Key{Type: holders.TypeUser, Value: `KEYEXAMPLE\` + name, Scheme: holders.SchemeActiveDirectory}
}

// by is a list of holders that both versions of the API show, as far as they can.
func by(keys ...snapshot.Key) []snapshot.Holder {
	out := []snapshot.Holder{}
	for _, k := range keys {
		versions := []int{2}
		if k.Type.AD() {
			versions = []int{1, 2}
		}
		out = append(out, snapshot.Holder{Key: k, Versions: versions})
	}
	return out
}

func role(id int, name string, held []snapshot.Holder, paths ...permissions.Path) snapshot.Role {
	return snapshot.Role{
		ID: id, Name: name, PermissionSetID: "099c05f0-deba-4562-a5b1-f491e19c0749", Enabled: yes, Valid: yes,
		Versions: []int{1, 2}, Paths: paths, Holders: held, ObjectNames: true,
	}
}

const (
	csr     permissions.Path = "/certificates/enrollment/csr/"
	approve permissions.Path = "/certificates/requests/manage/"
	keys6   permissions.Path = "/certificates/collections/private_key/read/6/"
	portal  permissions.Path = "/portal/read/"
)

// sample is a server of 25.4 with one of nearly everything that a review finds.
func sample() *snapshot.Snapshot {
	s := &snapshot.Snapshot{
		Server:  snapshot.Server{URL: "https://command.example.com/KeyfactorAPI", Version: "25.4.1"},
		TakenAt: time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC), Account: `KEYEXAMPLE\svc_review`,
		Signatures: snapshot.SignaturesChecked,
		Roles: []snapshot.Role{
			role(1, "Administrator", by(admins), "/"),
			role(3, "Requesters", by(jane, pipeline, ravi), csr, portal),
			role(4, "Approvers", by(ravi, janeAdm), approve, portal),
			role(5, "Operators", by(web), csr, approve, portal),
			role(6, "Key export", by(web), keys6, "/certificates/collections/read/6/"),
			role(7, "Security officers", by(ravi), "/security/"),
			role(8, "Former", by(gone), "/reports/read/"),
			role(9, "Spare", by(), "/ssl/read/"),
			role(10, "Readers", by(jane), "/certificates/collections/read/", portal),
			role(11, "Lookers", by(web), portal, "/certificates/collections/read/"),
			role(12, "Misspelled", by(jane), "/certificates/collections/delte/", "/future/thing/"),
			role(13, "Nothing", by(jane)),
		},
		PermissionSets: []snapshot.PermissionSet{{ID: "099c05f0-deba-4562-a5b1-f491e19c0749", Name: "Global", Permissions: []permissions.Path{"/"}}},
		Collections:    []snapshot.Collection{{ID: 6, Name: "Web servers", Query: `CN -contains "www"`}, {ID: 7, Name: "All", Query: ""}},
		Providers:      []snapshot.Provider{{ID: "c70e8641-a543-45b1-a47f-8b7d253fbf14", Scheme: "System", Name: "System", Enabled: true}},
		Gaps: []snapshot.Gap{
			{Part: snapshot.PartContainers, Reason: snapshot.ReasonRefused, Detail: "GET CertificateStoreContainers: 403 Forbidden"},
		},
	}
	for _, info := range permissions.Catalogue().Paths {
		s.Permissions = append(s.Permissions, info.Path)
	}
	s.Roles[6].Enabled = no                   // Former
	s.Roles[3].Valid = no                     // Operators
	s.Roles[2].Holders[0].Versions = []int{1} // Approvers: only version 1 shows ravi
	s.Roles[0].Immutable, s.Roles[0].Description = true, "Built-in management portal administration role"
	for i, k := range []snapshot.Key{jane, janeAdm, ravi, gone, admins, pipeline, web, unusedID} {
		claim := snapshot.Claim{Key: k, ClaimID: 20 + i, Description: "Holder " + k.Value, Versions: []int{2}}
		if k.Type.AD() {
			claim.IdentityID, claim.Valid, claim.Versions = 40+i, yes, []int{1, 2}
		}
		s.Claims = append(s.Claims, claim)
	}
	s.Claims[3].Valid = no // gone
	return s
}

// later is the sample a quarter later.
func later() *snapshot.Snapshot {
	s := sample()
	s.TakenAt = s.TakenAt.AddDate(0, 3, 0)
	s.Providers[0].Parameters = map[string]string{"Authority": "https://login.example.com"}
	s.PermissionSets[0].Permissions = []permissions.Path{"/certificates/", "/portal/", "/security/", "/ssl/", "/reports/"}
	s.Collections[0].Query = `CN -contains ""`
	s.Roles[1].Holders = by(pipeline, ravi)                                      // Requesters: not jane any more
	s.Roles[5].Paths = []permissions.Path{"/security/read/"}                     // Security officers: less
	s.Roles[7].Holders, s.Roles[7].Paths = by(jane), []permissions.Path{"/ssl/"} // Spare: more, and held
	s.Roles[9].Holders = by()                                                    // Lookers: web has lost it
	s.Roles = append(s.Roles[:6], s.Roles[7:]...)                                // Former is gone
	s.Roles = append(s.Roles, role(14, "New", by(web), "/certificates/collections/revoke/7/"))
	s.Claims = append(s.Claims[:3], s.Claims[4:]...)
	s.PermissionSets = append(s.PermissionSets, snapshot.PermissionSet{ID: "a", Name: "Web", Permissions: []permissions.Path{"/certificates/"}})
	return s
}

// legacy is a server of 10.5, which has names only.
func legacy() *snapshot.Snapshot {
	old := func(id int, name string, held []snapshot.Key, names ...permissions.Legacy) snapshot.Role {
		r := snapshot.Role{ID: id, Name: name, Enabled: yes, Versions: []int{1}, Names: names, ObjectNames: true}
		for _, k := range held {
			r.Holders = append(r.Holders, snapshot.Holder{Key: k, Versions: []int{1}})
		}
		return r
	}
	s := &snapshot.Snapshot{
		Server:  snapshot.Server{URL: "https://legacy.example.com/KeyfactorAPI"},
		TakenAt: time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC), Account: `KEYEXAMPLE\svc_review`,
		Signatures: snapshot.SignaturesSkipped,
		Roles: []snapshot.Role{
			old(1, "Administrator", []snapshot.Key{admins}),
			old(2, "Enroll", []snapshot.Key{jane}, "AdminPortal:Read", "CertificateEnrollment:EnrollCSR", "WorkflowManagement:Manage"),
			old(3, "Odd", []snapshot.Key{ravi}, "API:Read", "Cooking:Soup", "Collections[6]:Recover"),
		},
		Collections: []snapshot.Collection{{ID: 6, Name: "Web servers", Query: `CN -contains "www"`}},
		Gaps: []snapshot.Gap{
			{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonNotThere}, {Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere},
		},
	}
	s.Roles[0].Immutable = true
	for i, k := range []snapshot.Key{jane, ravi, admins} {
		s.Claims = append(s.Claims, snapshot.Claim{Key: k, IdentityID: 40 + i, Versions: []int{1}})
	}
	return s
}
