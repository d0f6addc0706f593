package migration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/permissions"
)

func ad(kind, name string) Key {
	k := Key{Type: "User", Value: `KEYEXAMPLE\` + name, Scheme: "Active Directory"}
	if kind == "group" {
		k.Type = "Group"
	}
	return k
}

func oauth(name string) Key { return Key{Type: "OAuthRole", Value: name, Scheme: "System"} }

func holding(keys ...Key) (out []snapshot.Holder) {
	for _, k := range keys {
		out = append(out, snapshot.Holder{Key: k, Versions: []int{1, 2}})
	}
	return out
}

// office is a small server of Command 10.
func office() *snapshot.Snapshot {
	role := func(id int, name string, permitted []permissions.Legacy, keys ...Key) snapshot.Role {
		return snapshot.Role{ID: id, Name: name, Description: name, Versions: []int{1}, Names: permitted, ObjectNames: true, Holders: holding(keys...)}
	}
	s := &snapshot.Snapshot{
		Server: snapshot.Server{URL: oldURL}, TakenAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Signatures: snapshot.SignaturesChecked,
		Collections: []snapshot.Collection{{ID: 6, Name: "Web", Query: "CN contains www"}, {ID: 7, Name: "Code", Query: "CN contains code"}},
		Gaps: []snapshot.Gap{
			{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonNotThere},
			{Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere},
			{Part: snapshot.PartPermissionSets, Reason: snapshot.ReasonNotThere},
			{Part: snapshot.PartProviders, Reason: snapshot.ReasonNotThere},
		},
		Roles: []snapshot.Role{
			role(10, "Auditors", []permissions.Legacy{"Auditing:Read"}, ad("group", "audit")),
			role(11, "Security", []permissions.Legacy{"SecuritySettings:Modify"}, ad("group", "security")),
			role(12, "Reports", []permissions.Legacy{"Reports:Read"}, ad("user", "zoe"), ad("user", "left")),
			role(13, "Web", []permissions.Legacy{"Collections[6]:Read"}, ad("user", "web")),
			role(14, "Code", []permissions.Legacy{"Collections[7]:Read"}, ad("user", "code")),
		},
	}
	return s.Sorted()
}

// branch is the server of Command 25 that it is migrated to, with an administrator of
// its own.
func branch() *snapshot.Snapshot {
	s := &snapshot.Snapshot{
		Server: snapshot.Server{URL: newURL, Version: "25.4.1"}, TakenAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Signatures: snapshot.SignaturesChecked,
		PermissionSets: []snapshot.PermissionSet{{ID: admin.GlobalSet, Name: "Global", Permissions: []permissions.Path{"/"}}},
		Providers: []snapshot.Provider{
			{ID: "33333333-3333-3333-3333-333333333333", Scheme: "System", Name: "System", Enabled: true},
			{ID: "44444444-4444-4444-4444-444444444444", Scheme: "Active Directory", Name: "AD", Enabled: true},
		},
		Collections: []snapshot.Collection{{ID: 60, Name: "Web sites", Query: "CN contains www"}, {ID: 70, Name: "Anything", Query: "CN contains a"}},
		Roles: []snapshot.Role{
			{ID: 1, Name: "Administrator", Immutable: true, Versions: []int{1, 2}, PermissionSetID: admin.GlobalSet, Holders: holding(oauth("installer"))},
		},
	}
	return s.Sorted()
}

const officeRules = `existing: add
identities:
  - {pattern: 'KEYEXAMPLE\\(audit|security)', type: Group, claim: 'OAuthRole:${1}@System', why: groups of Entra}
  - {account: 'KEYEXAMPLE\left', drop: true, why: left in March}
collections:
  - {from: Web, to: Web sites}
  - {from: Code, to: Anything, why: the owner says so}
decisions:
  - {name: 'Reports:Read', accept: true}
roles:
`

func rulesOf(t *testing.T, text string) *Rules {
	t.Helper()
	rules, err := parseRules("rules.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// migrated is the branch after the migration, and the report about it.
func migrated(t *testing.T, rules *Rules) (*snapshot.Snapshot, *report.Report) {
	t.Helper()
	d, r, err := Desired(office(), branch(), rules)
	if err != nil {
		t.Fatal(err)
	}
	after := apply(t, branch(), d)
	for i := range after.Roles {
		after.Roles[i].PermissionSetID = admin.GlobalSet
	}
	return after, r
}

func named(s *snapshot.Snapshot, name string) *snapshot.Role {
	return &s.Roles[slices.IndexFunc(s.Roles, func(r snapshot.Role) bool { return r.Name == name })]
}

// saidOf is what a table says of a holder.
func saidOf(r *report.Report, id string, k Key) string {
	var b strings.Builder
	for _, row := range table(r, id).Rows {
		if row.Cells[0].Text != k.String() && row.Cells[1].Text != k.String() {
			continue
		}
		for _, c := range row.Cells {
			b.WriteString(c.Text + "\n")
			for _, i := range c.Items {
				b.WriteString(i.Text + " " + i.Code + "\n")
			}
		}
	}
	return b.String()
}

func findingAbout(r *report.Report, code Code, k Key) *report.Finding {
	for i, f := range r.Findings {
		if f.Code == string(code) && slices.Contains(f.Holders, report.Item{Text: k.String()}) {
			return &r.Findings[i]
		}
	}
	return nil
}

// TestOtherRoles: what somebody can do through a role that is not part of the migration is
// never called as the rules say. Changing security through it is a finding.
func TestOtherRoles(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, officeRules)
	after, _ := migrated(t, rules)
	installer := oauth("installer")
	v := Verify(office(), after, rules)
	if len(v.Findings) > 0 || !strings.Contains(saidOf(v, "besides", installer), "nobody who held a role") ||
		!strings.Contains(v.Lead, "1 holder can do something through roles that are not part of the migration") {
		t.Errorf("the target's own administrator: %q, %+v", v.Lead, v.Findings)
	}
	audit, newcomer := oauth("audit"), oauth("newcomer")
	for _, c := range []struct {
		path  permissions.Path
		set   string
		admin bool
	}{{"/security/", admin.GlobalSet, true}, {"/security/", "11111111-1111-1111-1111-111111111111", false}, {"/reports/", admin.GlobalSet, false}} {
		shadowed := *after
		shadowed.Roles = append(slices.Clone(after.Roles), snapshot.Role{
			ID: 900, Name: "Shadow", Versions: []int{1, 2}, PermissionSetID: c.set, Paths: []permissions.Path{c.path}, Holders: holding(audit, newcomer),
		})
		v := Verify(office(), shadowed.Sorted(), rules)
		for _, k := range []Key{audit, newcomer} {
			said := saidOf(v, "besides", k)
			if !strings.Contains(said, `through roles that are not part of the migration: "Shadow"`) || !strings.Contains(said, string(c.path)) {
				t.Errorf("%s: the table says of %s: %q", c.path, k, said)
			}
			if k == audit && !strings.Contains(said, "\nsame; besides, more that no rule gives\n") && !strings.Contains(said, "\ncan change security; besides, more that no rule gives\n") {
				t.Errorf("%s: what the rules make wider is not told apart: %q", c.path, said)
			}
			if saidOf(v, "meant", k) != "" {
				t.Errorf("%s: %s is as the rules say", c.path, k)
			}
			f := findingAbout(v, CodeAdmin, k)
			if (f != nil) != c.admin || f != nil && (f.Severity != report.High || f.Title != `Through the role "Shadow", which is not part of the migration, 2 holders can change security.`) {
				t.Errorf("%s in %s: %+v", c.path, c.set, f)
			}
		}
		if n := figure(t, v, "Holders with rights through roles that are not part of the migration"); n != 3 || !strings.Contains(v.Lead, "3 holders can do something through roles") {
			t.Errorf("%d holders, %q", n, v.Lead)
		}
		if c.admin && !strings.HasPrefix(v.Lead, "Not everything is as the rules say: 1 finding.") {
			t.Errorf("the lead is %q", v.Lead)
		}
	}
}

// TestSameRightInGlobal: a right to change security counts in Global only. Who had the path
// in another set, and has it in Global now, can do what they could not.
func TestSameRightInGlobal(t *testing.T) {
	t.Parallel()
	local := oauth("local")
	before := branch()
	before.PermissionSets = append(before.PermissionSets, snapshot.PermissionSet{ID: "11111111-1111-1111-1111-111111111111", Name: "Branch"})
	before.Roles = append(before.Roles, snapshot.Role{
		ID: 20, Name: "Local", Description: "Local", Versions: []int{1, 2}, PermissionSetID: "11111111-1111-1111-1111-111111111111", Paths: []permissions.Path{"/security/"}, Holders: holding(local),
	})
	after := *before
	after.Roles = append(slices.Clone(before.Roles), snapshot.Role{
		ID: 900, Name: "Shadow", Versions: []int{1, 2}, PermissionSetID: admin.GlobalSet, Paths: []permissions.Path{"/security/"}, Holders: holding(local),
	})
	v := Verify(before.Sorted(), after.Sorted(), rulesOf(t, "roles:\n"))
	if findingAbout(v, CodeAdmin, local) == nil {
		t.Errorf("%q, %+v; the tables say: %q %q", v.Lead, v.Findings, saidOf(v, "meant", local), saidOf(v, "besides", local))
	}
	if said := saidOf(v, "meant", local); said != "" {
		t.Errorf("as the rules say: %q", said)
	}
}

// TestCompleted: what others gave to a role that the rules only complete is no rule's, and
// neither are its other holders.
func TestCompleted(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, officeRules)
	after, _ := migrated(t, rules)
	stranger, left := oauth("stranger"), ad("user", "left")
	named(after, "Reports").Holders = append(named(after, "Reports").Holders, holding(stranger, left)...)
	named(after, "Reports").Holders = append(named(after, "Reports").Holders, holding(oauth("audit"))...)
	named(after, "Auditors").Paths = append(named(after, "Auditors").Paths, "/security/modify/")
	v := Verify(office(), after, rules)
	if f := findingAbout(v, CodeStranger, stranger); f == nil || f.Severity != report.Medium || f.Title != `Holding the migrated role "Reports", and no rule says so: 2 holders.` || !slices.Contains(f.Holders, report.Item{Text: oauth("audit").String()}) {
		t.Errorf("the stranger: %+v", f)
	}
	if f := findingAbout(v, CodeDropped, left); f == nil || f.Severity != report.High || f.Title != `Dropped by the rules, and holding the migrated role "Reports": 1 holder.` {
		t.Errorf("who was dropped: %+v", f)
	}
	if f := findingAbout(v, CodeAdmin, oauth("audit")); f == nil || !strings.Contains(f.Title, `"Auditors", to which others gave it`) {
		t.Errorf("a role that was given more: %+v", f)
	}
	if said := saidOf(v, "besides", oauth("audit")); !strings.Contains(said, `through what others gave to roles of the migration: "Auditors"`) {
		t.Errorf("the table says %q", said)
	}
	// Its own entry says that it has holders of its own. Nobody says so of who was dropped.
	rules = rulesOf(t, officeRules+"  - {name: Reports, existing: add}\n")
	v = Verify(office(), after, rules)
	if findingAbout(v, CodeStranger, stranger) != nil || findingAbout(v, CodeStranger, oauth("audit")) != nil || findingAbout(v, CodeDropped, left) == nil || saidOf(v, "besides", stranger) == "" {
		t.Errorf("with an entry: %+v", v.Findings)
	}
	// Of a role that becomes what the rules say, everybody else is more than they say.
	rules = rulesOf(t, strings.Replace(officeRules, "existing: add", "existing: replace", 1))
	if v = Verify(office(), after, rules); findingAbout(v, CodeWider, stranger) == nil || findingAbout(v, CodeDropped, left) == nil || findingAbout(v, CodeStranger, stranger) != nil {
		t.Errorf("without existing: add: %+v", v.Findings)
	}
}

// TestAdministratorOfTheTarget: nobody of the source is an administrator of another server
// without a rule.
func TestAdministratorOfTheTarget(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, officeRules)
	after, _ := migrated(t, rules)
	named(after, administrator).Holders = append(named(after, administrator).Holders, holding(oauth("audit"))...)
	v := Verify(office(), after, rules)
	if findingAbout(v, CodeAdmin, oauth("audit")) == nil || findingAbout(v, CodeAdmin, oauth("installer")) != nil {
		t.Errorf("%+v", v.Findings)
	}
}

// TestOtherCertificates: a right on a collection that became one with another query is a
// right on other certificates, and both pages say so, with the reason.
func TestOtherCertificates(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, officeRules)
	after, r := migrated(t, rules)
	v := Verify(office(), after, rules)
	const want = `now on other certificates: "Code" (query CN contains code) → "Anything" (query CN contains a), by the rules, line 7 (the owner says so)`
	for _, said := range []string{saidOf(r, "holders", ad("user", "code")), saidOf(v, "meant", ad("user", "code"))} {
		if !strings.Contains(said, want) || !strings.Contains(said, "\non other certificates\n") {
			t.Errorf("the report says %q", said)
		}
	}
	if said := saidOf(v, "same", ad("user", "web")); said == "" || strings.Contains(saidOf(r, "holders", ad("user", "web")), "other certificates") {
		t.Errorf("the same query: %q", said)
	}
	for _, r := range []*report.Report{r, v} {
		if n := figure(t, r, "Holders with rights on other certificates"); n != 1 {
			t.Errorf("%d holders", n)
		}
	}
	if !strings.Contains(r.Lead, "1 holder will have rights on other certificates than before.") {
		t.Errorf("the lead is %q", r.Lead)
	}
	// Who can see all certificates before and after has lost and gained none.
	source := office()
	named(source, "Auditors").Names = append(named(source, "Auditors").Names, "Certificates:Read")
	named(source, "Code").Holders = holding(ad("group", "audit"))
	_, r, err := Desired(source, branch(), rules)
	if said := saidOf(r, "holders", oauth("audit")); err != nil || said == "" || strings.Contains(said, "other certificates") {
		t.Errorf("%v, %q", err, said)
	}
}

// TestNewAdministrators: who can change security afterwards, and could not before, is a
// finding with its cause, and comes first.
func TestNewAdministrators(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules, cause string
		holder       Key
	}{
		"a pattern": {
			strings.Replace(officeRules, "OAuthRole:${1}@System", "OAuthRole:all@System", 1),
			`they become one claim with "Group KEYEXAMPLE\security (Active Directory)", by the rules, line 3 (groups of Entra)`, ad("group", "audit"),
		},
		"a merge": {
			officeRules + "  - {name: Reports, merge: Both, why: one team}\n  - {name: Security, merge: Both}\n",
			`merged roles, "Reports" into "Both", line 11 (one team); it comes from SecuritySettings:Modify of the role "Security"`, ad("user", "zoe"),
		},
		"a permission": {
			strings.Replace(officeRules, "{name: 'Reports:Read', accept: true}", "{name: 'Reports:Read', paths: [/security/], why: they asked}", 1),
			`a permission became wider, Reports:Read of the role "Reports": `, ad("user", "zoe"),
		},
	} {
		_, r := migrated(t, rulesOf(t, c.rules))
		f := findingAbout(r, CodeAdmin, c.holder)
		if f == nil || f.Severity != report.High || !strings.HasPrefix(f.Detail, "The cause: "+c.cause) || len(f.Holders) != 1 {
			t.Errorf("%s: %+v", name, f)
		}
		if rows := table(r, "holders").Rows; rows[0].Cells[0].Text != c.holder.String() || rows[0].Mark != report.Warning {
			t.Errorf("%s: the first row is about %s", name, rows[0].Cells[0].Text)
		}
		if findingAbout(r, CodeAdmin, ad("group", "security")) != nil || !strings.Contains(r.Lead, "1 holder can change security who could not before.") {
			t.Errorf("%s: %q, %+v", name, r.Lead, r.Findings)
		}
	}
	if _, r := migrated(t, rulesOf(t, officeRules)); slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return f.Code == string(CodeAdmin) }) {
		t.Errorf("nobody is new: %+v", r.Findings)
	}
}

// TestLosses: dropped accounts and skipped roles are losses, and the report says how many
// there are only because roles wait.
func TestLosses(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, officeRules+"  - {name: Web, skip: true, why: closed}\n")
	after, r := migrated(t, rules)
	v := Verify(office(), after, rules)
	for _, said := range []string{saidOf(r, "holders", ad("user", "left")), saidOf(v, "meant", ad("user", "left"))} {
		if !strings.Contains(said, "dropped\n") || !strings.Contains(said, "/reports/") || !strings.Contains(said, "dropped by the rules, line 4 (left in March)") {
			t.Errorf("who was dropped: %q", said)
		}
	}
	for _, said := range []string{saidOf(r, "holders", ad("user", "web")), saidOf(v, "meant", ad("user", "web"))} {
		if !strings.Contains(said, `skipped: "Web", line 11 (closed)`) {
			t.Errorf("a skipped role: %q", said)
		}
	}
	for _, r := range []*report.Report{r, v} {
		if n := figure(t, r, "Holders who can do nothing any more"); n != 2 {
			t.Errorf("%d holders can do nothing any more", n)
		}
	}
	if n := figure(t, r, "Holders who can do less afterwards"); n < 2 || !strings.Contains(r.Lead, "2 holders can do nothing any more.") || strings.Contains(r.Lead, "only because") {
		t.Errorf("%d holders, %q", n, r.Lead)
	}
	var roles strings.Builder
	for _, row := range table(r, "roles").Rows {
		for _, i := range row.Cells[len(row.Cells)-1].Items {
			roles.WriteString(row.Cells[0].Text + ": " + i.Text + "\n")
		}
	}
	if !strings.Contains(roles.String(), "Web: The rule in line 11 (closed)\n") {
		t.Errorf("the table of roles says %q", roles.String())
	}
	// Code waits: that is why one holder loses it, and the other one is dropped.
	_, r, err := Desired(office(), branch(), rulesOf(t, strings.Replace(officeRules, "  - {from: Code, to: Anything, why: the owner says so}\n", "", 1)))
	if err != nil || !strings.Contains(r.Lead, "and 2 less, 1 of them only because roles of theirs are left out. 1 holder can do nothing any more.") {
		t.Errorf("%v, %q", err, r.Lead)
	}
	_, r, err = Desired(office(), branch(), nil)
	if err != nil || !strings.Contains(r.Lead, "less, only because roles of theirs are left out.") || strings.Contains(r.Lead, "nothing any more") {
		t.Errorf("%v, %q", err, r.Lead)
	}
}
