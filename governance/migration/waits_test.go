package migration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/migration"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/permissions"
)

func roleOf(s *snapshot.Snapshot, name string) *snapshot.Role {
	for i := range s.Roles {
		if s.Roles[i].Name == name {
			return &s.Roles[i]
		}
	}
	return nil
}

// modern is a server of Command 24 that is moved to another one.
func modern() *snapshot.Snapshot {
	s := upgraded()
	s.Server = snapshot.Server{URL: "https://modern.example.com/KeyfactorAPI", Version: "24.4.0"}
	return s
}

// TestFindings: each thing that keeps a role from being migrated, or that somebody should
// know, is found, and what the rules accept does not wait.
func TestFindings(t *testing.T) {
	t.Parallel()
	const operators = "Operators"
	for name, c := range map[string]struct {
		source, target func() *snapshot.Snapshot // old and fresh
		change         func(source, target *snapshot.Snapshot)
		rules          string
		role           string // operators if it is empty
		want           migration.Code
		waits          bool
		accepted       string // rules with which it does not wait
	}{
		"outside of the permission set": {rules: "permissionSet: Readers", want: migration.CodePermissionSet, waits: true, accepted: "roles: [{name: Operators, permissionSet: Global}]"},
		"two permission sets merged": {
			rules: "roles: [{name: Auditors, merge: A, permissionSet: Readers}, {name: Auditors east, merge: A}]", role: "Auditors east",
			want: migration.CodePermissionSet, waits: true, accepted: "roles: [{name: Auditors, merge: A}, {name: Auditors east, merge: A}]",
		},
		"a permission set that the target lacks": {
			source: modern, change: func(s, _ *snapshot.Snapshot) {
				s.PermissionSets = append(s.PermissionSets, snapshot.PermissionSet{ID: "22222222-2222-2222-2222-222222222222", Name: "Own"})
				roleOf(s, operators).PermissionSetID = "22222222-2222-2222-2222-222222222222"
			}, want: migration.CodePermissionSet, waits: true, accepted: "permissionSet: Global",
		},
		"a permission set that could not be read": {
			source: modern, change: func(s, _ *snapshot.Snapshot) { roleOf(s, operators).PermissionSetID = "5" }, want: migration.CodePermissionSet, waits: true,
			accepted: "permissionSet: Global",
		},
		"identities that could not be read": {
			source: modern, change: func(s, _ *snapshot.Snapshot) {
				roleOf(s, operators).Versions = []int{2}
				s.Gaps = append(s.Gaps, snapshot.Gap{Part: snapshot.PartRolesV1, Object: operators, Reason: snapshot.ReasonFailed})
			}, want: migration.CodeNotRead, waits: true, accepted: "roles: [{name: Operators, accept: [not-read]}]",
		},
		"claims that could not be read": {
			source: modern, change: func(s, _ *snapshot.Snapshot) {
				roleOf(s, operators).Versions, roleOf(s, operators).ObjectNames = []int{1}, true
				s.Gaps = append(s.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Object: operators, Reason: snapshot.ReasonRefused})
			}, want: migration.CodeNotRead, waits: true, accepted: "roles: [{name: Operators, accept: [not-read]}]",
		},
		"a role of which only the name is known": {
			change: func(s, _ *snapshot.Snapshot) { roleOf(s, operators).Versions = nil }, want: migration.CodeNotRead, waits: true,
			accepted: "roles: [{name: Operators, accept: [not-read]}]",
		},
		"a role that was deleted since": {
			target: upgraded, change: func(_, t *snapshot.Snapshot) {
				t.Roles = slices.DeleteFunc(t.Roles, func(r snapshot.Role) bool { return r.Name == operators })
			}, want: migration.CodeGone, waits: true, accepted: "roles: [{name: Operators, accept: [role-gone]}]",
		},
		"several roles of the target": {
			change: func(_, t *snapshot.Snapshot) {
				t.Roles = append(t.Roles, snapshot.Role{ID: 50, Name: "operators", Versions: []int{1, 2}}, snapshot.Role{ID: 51, Name: "OPERATORS", Versions: []int{1, 2}})
			}, want: migration.CodeName, waits: true, accepted: "roles: [{name: Operators, to: Ops}]",
		},
		"two roles with one name": {rules: "roles: [{name: Requesters, to: operators}]", want: migration.CodeName, waits: true, accepted: "roles: [{name: Requesters, to: Ops}]"},
		"a name that is another role's": {
			target: upgraded, rules: "roles: [{name: Operators, to: Requesters}, {name: Requesters, skip: true}]", want: migration.CodeName, waits: true,
			accepted: "roles: [{name: Operators, to: Ops}]",
		},
		"a name of a role that is not merged": {
			target: upgraded, rules: "roles: [{name: Operators, merge: Signers}, {name: Signers, skip: true}, {name: Web hosting, merge: Signers}]", want: migration.CodeName,
			waits: true, accepted: "roles: [{name: Operators, merge: Ops}, {name: Web hosting, merge: Ops}]",
		},
		"merged with a role that waits": {
			rules: "roles: [{name: Operators, merge: Ops}, {name: Broken, merge: Ops}]", want: migration.CodeMerged, waits: true,
			accepted: "roles: [{name: Operators, merge: Ops}, {name: Broken, merge: Ops, accept: [broken-signature]}]",
		},
		"a built-in role renamed": {
			rules: "roles: [{name: Administrator, to: Admins, accept: [built-in-role]}]", role: "Administrator", want: migration.CodeName, waits: true,
			accepted: "roles: [{name: Administrator, accept: [built-in-role]}]",
		},
		"a role of the target that cannot be changed": {
			change: func(_, t *snapshot.Snapshot) {
				t.Roles = append(t.Roles, snapshot.Role{ID: 50, Name: operators, Versions: []int{1, 2}, Immutable: true, Paths: []permissions.Path{"/portal/read/"}})
			}, rules: "existing: replace", want: migration.CodeImmutable,
		},
		"a path that the target does not list": {
			change: func(_, t *snapshot.Snapshot) {
				t.Permissions = []permissions.Path{"/portal/read/", "/certificates/collections/read/", "/certificates/collections/revoke/"}
			}, want: migration.CodeUnlisted,
		},
		"a text that is too long": {
			change: func(s, _ *snapshot.Snapshot) { roleOf(s, operators).Description = strings.Repeat("é", 600) }, want: migration.CodeCut,
		},
		"an address that is none": {
			change: func(s, _ *snapshot.Snapshot) { roleOf(s, operators).EmailAddress = "nobody" }, want: migration.CodeCut,
		},
		"a name that ends with a space": {
			change: func(s, _ *snapshot.Snapshot) { roleOf(s, operators).Name = operators + " " }, role: operators + " ", want: migration.CodeName, waits: true,
			accepted: "roles: [{name: 'Operators ', to: Operators}]",
		},
		"an object in a path that nobody knows": {
			source: modern, change: func(s, _ *snapshot.Snapshot) { roleOf(s, operators).Paths = []permissions.Path{"/made/up/7/"} }, want: migration.CodeObject, waits: true,
			accepted: "roles: [{name: Operators, accept: []}]",
		},
		"an object that is gone": {
			target: upgraded, change: func(_, t *snapshot.Snapshot) { t.Collections = nil }, role: "Signers", want: migration.CodeObject, waits: true,
			accepted: "collections: [{from: Code signing, drop: true}]",
		},
		"a list of the target that could not be read": {
			change: func(_, t *snapshot.Snapshot) {
				t.Collections, t.Gaps = nil, []snapshot.Gap{{Part: snapshot.PartCollections, Reason: snapshot.ReasonRefused}}
			}, role: "Signers", want: migration.CodeObject, waits: true, accepted: "collections: [{from: Code signing, drop: true}]",
		},
		"a claim of a provider that the target lacks": {
			source: modern, change: func(s, _ *snapshot.Snapshot) {
				roleOf(s, operators).Holders = held([]int{2}, migration.Key{Type: holders.TypeOAuthRole, Value: "ops", Scheme: "System"})
				s.Providers = append(s.Providers, snapshot.Provider{ID: "55555555-5555-5555-5555-555555555555", Scheme: "System"})
			}, want: migration.CodeHolder, waits: true, accepted: "identityProviders: [{from: System, to: Entra}]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, target, role := old(), fresh(), operators
			if c.source != nil {
				source = c.source()
			}
			if c.target != nil {
				target = c.target()
			}
			if c.role != "" {
				role = c.role
			}
			if c.change != nil {
				c.change(source, target)
			}
			_, r, err := migration.Desired(source, target, load(t, c.rules+"\n"+"format: 1"))
			if err != nil {
				t.Fatal(err)
			}
			codes := codesOfRole(r, role)
			if !slices.Contains(codes, string(c.want)) || c.waits != leftOut(r, role) {
				t.Errorf("%s has the findings %v, want %s; left out: %t", role, codes, c.want, leftOut(r, role))
			}
			if !c.waits || name == "an object in a path that nobody knows" { // nothing but a skip helps
				return
			}
			_, r, err = migration.Desired(source, target, load(t, c.accepted+"\n"+"format: 1"))
			if err == nil && strings.Contains(c.accepted, "accept:") && c.want != migration.CodeMerged && !leftOut(r, role) {
				var said strings.Builder
				if err := r.WriteCSV(&said); err != nil || !strings.Contains(said.String(), "Accepted: ") {
					t.Errorf("the report does not say that something was accepted (%v)", err)
				}
			}
			if err != nil || slices.Contains(codesOfRole(r, role), string(c.want)) {
				t.Errorf("with %s, %s still has the findings %v (%v)", c.accepted, role, codesOfRole(r, role), err)
			}
		})
	}
}

// TestUnseenTexts: what a plan refuses, a migration does not ask for.
func TestUnseenTexts(t *testing.T) {
	t.Parallel()
	source, target := modern(), fresh()
	source.Roles = append(source.Roles, snapshot.Role{
		ID: 60, Name: "New", Description: "a\x1b\u202eb\tc\r\nd", EmailAddress: "no\nbody@example.com", PermissionSetID: roleOf(source, "Operators").PermissionSetID,
		Versions: []int{1, 2}, Paths: []permissions.Path{"/portal/read/"},
	})
	for i := range source.Claims {
		source.Claims[i].Description = "\u2066" + source.Claims[i].Description
	}
	d, r, err := migration.Desired(source, target, load(t, "permissionSet: Global\nformat: 1"))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(d.Roles, func(r plan.Role) bool { return r.Name == "New" })
	if at < 0 || *d.Roles[at].Description != "ab c\nd" || d.Roles[at].EmailAddress != nil || !slices.Contains(codesOfRole(r, "New"), string(migration.CodeCut)) {
		t.Errorf("role %d of %+v, %v", at, d.Roles, codesOfRole(r, "New"))
	}
	if _, err := plan.Make(target, d, nil); err != nil {
		t.Error(err)
	}
}

// leftOut reports whether the table of roles says that a role is left out.
func leftOut(r *report.Report, role string) bool {
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			if t.ID == "roles" && row.Cells[0].Text == role {
				return row.Cells[1].Text == "left out"
			}
		}
	}
	return false
}

func holderRow(r *report.Report, holder string) []report.Cell {
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			if t.ID == "holders" && strings.Contains(row.Cells[0].Text, holder) {
				return row.Cells
			}
		}
	}
	return nil
}

func textOf(c report.Cell) string { return fmt.Sprint(c.Text, c.Items) }

// TestWider: a permission that was accepted although it widens is told of each holder, and
// so is what merging gives.
func TestWider(t *testing.T) {
	t.Parallel()
	rules := load(t, `
decisions: [{name: 'CertificateEnrollment:PendingCsr', accept: true}]
roles: [{name: Auditors, merge: Audit}, {name: Auditors east, merge: Audit}]
`)
	for _, target := range []*snapshot.Snapshot{fresh(), upgraded()} {
		d, r, err := migration.Desired(old(), target, rules)
		if err != nil {
			t.Fatal(err)
		}
		for holder, want := range map[string]string{"requesters": "approve and deny certificate requests (through CertificateEnrollment:PendingCsr)", "audit-east": "/auditing/read/"} {
			if row := holderRow(r, holder); row == nil || row[2].Text != "wider" || !strings.Contains(textOf(row[2]), want) {
				t.Errorf("%s: %v, want %s", holder, row, want)
			}
		}
		same := target.Server.URL == old().Server.URL
		if same != (len(d.Absent.Roles) == 2) {
			t.Errorf("absent are %v", d.Absent.Roles)
		}
	}
}

// TestGoneRights: what only a role that is merged away granted is lost to those who held
// it in another way.
func TestGoneRights(t *testing.T) {
	t.Parallel()
	target := upgraded()
	late := user("late")
	roleOf(target, "Auditors").Holders = append(roleOf(target, "Auditors").Holders, held([]int{1, 2}, late)...)
	source := old()
	roleOf(source, "Signers").Holders = append(roleOf(source, "Signers").Holders, held([]int{1}, late)...)
	_, r, err := migration.Desired(source, target, load(t, "roles: [{name: Auditors, merge: Audit}, {name: Auditors east, merge: Audit}]"))
	if err != nil {
		t.Fatal(err)
	}
	if row := holderRow(r, `\late`); row == nil || row[2].Text != "same" {
		t.Errorf("the role that is merged away still counts: %v", row)
	}
}

// TestNotReadStays: what is not known of a role is never overwritten.
func TestNotReadStays(t *testing.T) {
	t.Parallel()
	rules := load(t, "roles: [{name: Half, accept: [not-read]}, {name: Operators, accept: [not-read]}]")
	source, target := old(), upgraded()
	roleOf(source, "Operators").Versions = nil
	d, _, err := migration.Desired(source, target, rules)
	if err != nil {
		t.Fatal(err)
	}
	if half, ops := find(d, "Half"), find(d, "Operators"); half.Permissions != nil || half.Holders == nil || ops.Permissions != nil || ops.Holders != nil {
		t.Errorf("Half became %+v, and Operators %+v", half, ops)
	}
}

// TestClaims: claims of another provider keep their descriptions, and paths about a
// provider get the id of the target's.
func TestClaims(t *testing.T) {
	t.Parallel()
	source := modern()
	k := migration.Key{Type: holders.TypeOAuthRole, Value: "ops", Scheme: "System"}
	source.Providers = append(source.Providers, snapshot.Provider{ID: "55555555-5555-5555-5555-555555555555", Scheme: "System"})
	source.Claims = append(source.Claims, snapshot.Claim{Key: k, ClaimID: 9, Description: "The operators", Versions: []int{2}})
	roleOf(source, "Operators").Holders = held([]int{2}, k)
	roleOf(source, "Operators").Paths = []permissions.Path{"/identity_providers/read/55555555-5555-5555-5555-555555555555/"}
	roleOf(source, "Operators").Description = strings.Repeat("é", 600)
	d, _, err := migration.Desired(source, fresh(), load(t, "identityProviders: [{from: system, to: Entra}]"))
	if err != nil {
		t.Fatal(err)
	}
	op := find(d, "Operators")
	if op == nil || len(op.Permissions) != 1 || op.Permissions[0].Value != "/identity_providers/read/{Entra}/" || len([]rune(*op.Description)) != 512 {
		t.Fatalf("Operators became %+v", op)
	}
	if len(d.Claims) != 1 || *d.Claims[0].Description != "The operators" || d.Claims[0].Key.Scheme != "Entra" {
		t.Errorf("the claims are %+v", d.Claims)
	}
	p, err := plan.Make(fresh(), d, &plan.Options{Only: []string{"Operators"}})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Kind == plan.KindRole })
	if at < 0 || string(p.Steps[at].After.Role.Paths[0]) != "/identity_providers/read/33333333-3333-3333-3333-333333333333/" {
		t.Errorf("the steps are %+v", p.Steps)
	}
}
