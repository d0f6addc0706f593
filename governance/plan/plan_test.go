package plan

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/yamlfile"
	"github.com/commandsec/commandsec-go/permissions"
)

func oauth(value string) Key { return Key{Type: "OAuthRole", Value: value, Scheme: "Entra"} }

func account(name string) Key { return identityKey(`KEYEXAMPLE\`+name, "User") }

func held(k Key, versions ...int) snapshot.Holder { return snapshot.Holder{Key: k, Versions: versions} }

// story is a server that keeps identities apart from claims.
func story() *snapshot.Snapshot {
	both := []int{1, 2}
	return (&snapshot.Snapshot{
		Server:  snapshot.Server{URL: "https://command.example.com/KeyfactorAPI", Version: "25.4.1"},
		TakenAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Account: `KEYEXAMPLE\admin`, Signatures: snapshot.SignaturesChecked,
		PermissionSets: []snapshot.PermissionSet{
			{ID: globalSet, Name: "Global", Permissions: []permissions.Path{"/"}},
			{ID: "11111111-1111-1111-1111-111111111111", Name: "Operational", Permissions: []permissions.Path{"/certificates/", "/portal/"}},
		},
		Providers: []snapshot.Provider{
			{ID: "33333333-3333-3333-3333-333333333333", Scheme: "Entra"}, {ID: "44444444-4444-4444-4444-444444444444", Scheme: "Active Directory"},
		},
		Collections: []snapshot.Collection{{ID: 6, Name: "Web servers"}, {ID: 7, Name: "Mail"}, {ID: 8, Name: "mail"}},
		Claims: []snapshot.Claim{
			{Key: account("admin"), IdentityID: 1, Versions: []int{1}},
			{Key: account("svc_pool"), IdentityID: 2, Versions: []int{1}},
			{Key: account("jsmith"), IdentityID: 3, Versions: []int{1}},
			{Key: oauth("pki"), ClaimID: 21, Description: "PKI", Versions: []int{2}},
			{Key: oauth("gone"), ClaimID: 22, Description: "Gone", Versions: []int{2}},
			{Key: oauth("audit"), ClaimID: 23, Description: "Audit", Versions: []int{2}},
		},
		Roles: []snapshot.Role{
			{ID: 1, Name: "Administrator", Description: "Built-in", PermissionSetID: globalSet, Immutable: true, Enabled: new(true), Versions: both, Paths: []permissions.Path{"/"}, Holders: []snapshot.Holder{held(account("admin"), 1)}},
			{ID: 3, Name: "Operators", Description: "Ops", PermissionSetID: globalSet, Enabled: new(false), Versions: both, Paths: []permissions.Path{"/agents/management/read/", "/certificates/collections/read/", "/portal/read/"}, Holders: []snapshot.Holder{held(account("svc_pool"), 1), held(account("jsmith"), 1), held(oauth("pki"), 2), held(oauth("gone"), 2)}},
			{ID: 4, Name: "Auditors", Description: "Read", PermissionSetID: globalSet, Enabled: new(true), Versions: both, Paths: []permissions.Path{"/auditing/read/"}, Holders: []snapshot.Holder{held(oauth("audit"), 2)}},
			{ID: 5, Name: "Old operators", Description: "Old", PermissionSetID: globalSet, Enabled: new(true), Versions: both, Paths: []permissions.Path{"/portal/read/", "/security/modify/"}, Holders: []snapshot.Holder{held(oauth("pki"), 2), held(account("jsmith"), 1)}},
			{ID: 6, Name: "Broken", Versions: []int{1}, Enabled: new(true), PermissionSetID: globalSet},
		},
		Gaps: []snapshot.Gap{{Part: snapshot.PartRolesV2, Object: "Broken", Reason: snapshot.ReasonFailed, Detail: "500 Internal Server Error"}},
	}).Sorted()
}

// TestStory compares a plan, its page and its verification with golden files.
func TestStory(t *testing.T) {
	t.Parallel()
	d, err := LoadDesired("testdata/story/access.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := story()
	p, err := Make(s, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := p.Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read the plan: %v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/story/plan.json.golden", string(data))
	var page, after, html bytes.Buffer
	if err := errors.Join(p.Report().WriteText(&page), p.Report().WriteHTML(&html)); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/story/plan.txt.golden", page.String())
	got, done, err := carriedOut(s, p.Steps, false)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody gives a role away meanwhile, and takes a holder out of another one.
	for i := range got.Roles {
		switch r := &got.Roles[i]; r.Name {
		case "Auditors of the PKI":
			r.Holders = append(r.Holders, held(oauth("intruder"), 2))
		case "Operators":
			r.Holders = slices.DeleteFunc(r.Holders, func(h snapshot.Holder) bool { return h.Key == oauth("pki") })
		}
	}
	if err := Verify(p, got).WriteText(&after); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/story/verification.txt.golden", after.String())
	// Before it is carried out, what is true of many is said once.
	before := Verify(p, s)
	seen := map[string]bool{}
	for _, f := range before.Findings {
		if f.Code == string(CodeObject) && seen[f.Code] {
			t.Errorf("there are several findings about objects that no step has changed: %q", f.Title)
		}
		seen[f.Code] = true
	}
	if !strings.HasPrefix(before.Lead, "Not everything is as planned: ") || !strings.Contains(before.Lead, "6 objects not as planned") {
		t.Errorf("the verification begins with %q", before.Lead)
	}
	back, err := Back(done, got)
	if err != nil {
		t.Fatal(err)
	}
	after.Reset()
	if err := back.Report().WriteText(&after); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/story/back.txt.golden", after.String())
}

// plan makes a plan of YAML, for the story's server or a variant of it.
func plan(t *testing.T, s *snapshot.Snapshot, text string, opts *Options) *Plan {
	t.Helper()
	d, err := parseDesired("x.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Make(s, d, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// said are the texts of the warnings with a code.
func said(p *Plan, code Code) string {
	var b strings.Builder
	for _, w := range p.Warnings {
		if w.Code == code {
			b.WriteString(w.Text + "\n")
		}
	}
	return b.String()
}

func TestLockOut(t *testing.T) {
	t.Parallel()
	const adminOnly = "roles: [{name: Administrator, holders: ['OAuthRole:pki@Entra']}, {name: Old operators, holders: []}]"
	token := story()
	token.Account = ""
	for _, c := range []struct {
		name, text string
		s          *snapshot.Snapshot
		opts       *Options
		want       string // "": no lock-out
	}{
		{"the account loses it", adminOnly, story(), nil, `The account "KEYEXAMPLE\admin", which applies the plan, can no longer`},
		{"another account applies", "roles: [{name: Old operators, holders: []}]", story(), &Options{Account: `KEYEXAMPLE\nobody`}, "may hold it through one of them"},
		{"it holds another role", "roles: [{name: Old operators, holders: []}]", story(), &Options{Account: `KEYEXAMPLE\svc_pool`}, "holds no role itself that allows changing security"},
		{
			"the account gets it", "roles: [{name: Administrator, existing: add, holders: [{identity: 'KEYEXAMPLE\\svc_pool'}]}, {name: Old operators, holders: []}]",
			story(), &Options{Account: `KEYEXAMPLE\svc_pool`}, "",
		},
		{"spelled otherwise", adminOnly, story(), &Options{Account: "ADMIN@keyexample.com"}, `The account "ADMIN@keyexample.com", which`},
		{"kept through another role", "roles: [{name: Administrator, holders: []}, {name: Old operators, holders: [{identity: 'KEYEXAMPLE\\admin'}]}]", story(), nil, ""},
		{"somebody else loses it", "absent: {roles: [Old operators]}", story(), nil, ""},
		{"nobody is left", "roles: [{name: Administrator, holders: []}]\nabsent: {roles: [Old operators]}", story(), nil, "Afterwards nobody can change security: the last 3 holders who can lose it."},
		{"a token", "absent: {roles: [Old operators]}", token, nil, "not known as which account"},
		{"outside of the Global set", "permissionSets: [{name: Operational, permissions: [/security/, /certificates/, /portal/]}]\n" +
			"roles: [{name: Administrator, holders: []}, {name: Old operators, holders: []}, " +
			"{name: New, permissionSet: Operational, permissions: [/security/modify/], holders: [{identity: 'KEYEXAMPLE\\admin'}]}]", story(), nil, "Afterwards nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := plan(t, c.s, c.text, c.opts)
			if got := said(p, CodeLockOut); p.LockOut() != (c.want != "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLarge(t *testing.T) {
	t.Parallel()
	if p := plan(t, story(), "roles: [{name: Auditors, permissions: []}]", nil); p.Large() {
		t.Errorf("one of five roles is large: %q", said(p, CodeLarge))
	}
	p := plan(t, story(), "roles: [{name: Auditors, permissions: []}, {name: Operators, permissions: []}]", nil)
	if got := said(p, CodeLarge); !strings.Contains(got, "2 of 5 roles lose something") || !strings.Contains(got, "5 of 6 holders can do less") {
		t.Errorf("got %q", got)
	}
	// What one role loses and another grants is not lost.
	p = plan(t, story(), "roles: [{name: Auditors, permissions: []}, {name: More, permissions: [/auditing/], holders: ['OAuthRole:audit@Entra']}]", nil)
	if p.Totals.HoldersLosing != 0 || p.Totals.RolesLosing != 1 || p.Totals.HoldersGain != 1 {
		t.Errorf("got %+v", p.Totals)
	}
}

// TestAlike: what a plan warns of for many roles is one warning, which names them all.
func TestAlike(t *testing.T) {
	t.Parallel()
	const many = 200
	s := story()
	var d strings.Builder
	d.WriteString("absent:\n  roles:\n")
	for i := range many {
		r := s.Roles[slices.IndexFunc(s.Roles, func(r snapshot.Role) bool { return r.Name == "Auditors" })]
		r.ID, r.Name, r.Enabled = 1000+i, fmt.Sprintf("Old %03d", i), new(bool)
		if i%2 == 0 {
			r.Name = fmt.Sprintf("Other %03d", i)
		}
		s.Roles = append(s.Roles, r)
		if i%2 == 1 {
			fmt.Fprintf(&d, "    - %s\n", r.Name)
		}
	}
	d.WriteString("roles:\n")
	for i := range many {
		switch {
		case i%4 == 0:
			fmt.Fprintf(&d, "  - {name: New %03d, was: Other %03d}\n", i, i)
		case i%4 == 2:
			fmt.Fprintf(&d, "  - {name: Other %03d, permissions: [/portal/]}\n", i)
		}
	}
	p := plan(t, s, d.String(), nil)
	for code, want := range map[Code][]string{
		CodeNamed:    {"100 roles are removed. ", "50 roles are renamed. "},
		CodeDisabled: {"100 disabled roles are removed. ", "50 roles are disabled. "},
	} {
		var got []string
		for _, w := range p.Warnings {
			if w.Code != code {
				continue
			}
			got = append(got, w.Text)
			if n, _, _ := strings.Cut(w.Text, " "); strconv.Itoa(len(w.Roles)) != n || len(w.Steps) < len(w.Roles) {
				t.Errorf("%q names %d roles and %d steps", w.Text, len(w.Roles), len(w.Steps))
			}
		}
		slices.Sort(got)
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", code, got, want)
		}
	}
	for _, f := range p.Report().Findings {
		if strings.HasPrefix(f.Title, "50 roles are renamed. ") && !slices.ContainsFunc(f.Evidence, func(i report.Item) bool {
			return strings.HasSuffix(i.Text, `: update role "Other 004": rename it to "New 004"`)
		}) {
			t.Errorf("the page does not say which role is renamed to what: %+v", f.Evidence)
		}
	}
	p = plan(t, story(), "roles: [{name: A, permissions: ['Monitoring:Read']}, {name: B, permissions: ['Monitoring:Read']}, {name: C, permissions: ['API:Read']}]", nil)
	var widened []string
	for _, w := range p.Warnings {
		if w.Code == CodeWidened {
			widened = append(widened, strings.Join(w.Roles, " ")+": "+w.Text)
		}
	}
	slices.Sort(widened)
	if len(widened) != 2 || !strings.HasPrefix(widened[0], "A B: The version 1 name Monitoring:Read of 2 roles became ") ||
		!strings.HasPrefix(widened[1], `C: The version 1 name API:Read of role "C" became `) {
		t.Errorf("got %q", widened)
	}
	// One alone is named in words.
	p = plan(t, story(), "roles: [{name: Readers, was: Operators}]", nil)
	if got := said(p, CodeNamed); !strings.HasPrefix(got, `The role "Operators" is renamed to "Readers". `) {
		t.Errorf("got %q", got)
	}
}

// TestBlocked: what is not safe is left out, with the reason, and so is what needs it.
func TestBlocked(t *testing.T) {
	t.Parallel()
	without := func(parts ...snapshot.Part) *snapshot.Snapshot {
		s := story()
		for _, part := range parts {
			s.Gaps = append(s.Gaps, snapshot.Gap{Part: part, Reason: snapshot.ReasonRefused})
		}
		return s
	}
	legacy := without()
	legacy.Roles = []snapshot.Role{{ID: 3, Name: "Operators", Description: "Ops", Versions: []int{1}, Names: []permissions.Legacy{"AdminPortal:Read", "Collections[6]:Read"}, ObjectNames: true, Holders: []snapshot.Holder{held(account("jsmith"), 1)}}}
	legacy.Gaps = []snapshot.Gap{{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonNotThere}, {Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere}}
	noIdentities := story()
	noIdentities.Gaps = append(noIdentities.Gaps, snapshot.Gap{Part: snapshot.PartRolesV1, Object: "Operators", Reason: snapshot.ReasonFailed})
	operational := without()
	operational.Gaps = nil
	operational.Roles[0].PermissionSetID = "11111111-1111-1111-1111-111111111111"
	for _, c := range []struct {
		name, text string
		s          *snapshot.Snapshot
		want       []string // number, action, object: part of the reason; or "" for the reason
	}{
		{"a role that is not known", "roles: [{name: Broken, holders: []}]", story(), []string{`update role "Broken": what is not known is never overwritten`}},
		{"nothing said of it", "roles: [{name: Broken}]", story(), nil},
		{"removal of it", "absent: {roles: [Broken]}", story(), []string{`delete role "Broken": what would be lost is not known`}},
		{
			"identities that are not known", "roles: [{name: Operators, holders: [{identity: 'KEYEXAMPLE\\jsmith'}, 'OAuthRole:pki@Entra']}]", noIdentities,
			[]string{`update identities of role "Operators": could not be read`, `update role "Operators": instead cannot be added`},
		},
		{"removal with unknown identities", "absent: {roles: [Operators]}", noIdentities, []string{`delete role "Operators": identities of the role could not be read`}},
		{
			"built-in role", "roles: [{name: Administrator, permissions: [/portal/], holders: ['OAuthRole:pki@Entra']}]", story(),
			[]string{`update role "Administrator": `, `update identities of role "Administrator": `, `update role "Administrator": built in`},
		},
		{"removal of it", "absent: {roles: [administrator]}", story(), []string{`delete role "Administrator": built in`}},
		{"Global", "permissionSets: [{name: global, permissions: []}]", story(), []string{`update permission set "Global": built in`}},
		{"outside of the set", "roles: [{name: New, permissionSet: Operational, permissions: [/agents/]}]", story(), []string{`create role "New": does not allow /agents/`}},
		{"a set in use", "absent: {permissionSets: [Operational]}", operational, []string{`delete permission set "Operational": role "Administrator" is still in it`}},
		{
			"a set too narrow", "permissionSets: [{name: Operational, permissions: [/portal/, /agents/]}]", operational,
			[]string{`update permission set "Operational": `, `update permission set "Operational": grants /, which it would no longer allow`},
		},
		{
			"a claim that may be held", "absent: {claims: ['OAuthRole:audit@Entra']}", story(),
			[]string{`update role "Auditors": `, `delete claim "OAuthRole audit (Entra)": may hold the role "Broken"`},
		},
		{
			"the own identity", "absent: {identities: ['KEYEXAMPLE\\admin']}", story(),
			[]string{`update identities of role "Administrator": `, `delete identity "KEYEXAMPLE\admin": its own identity`},
		},
		{
			"lists of sets", "permissionSets: [{name: New}]\nroles: [{name: R, permissionSet: New}]", without(snapshot.PartPermissionSets),
			[]string{`create permission set "New": is not known: permission sets: refused`, `create role "R": needs the permission set "New"`},
		},
		{
			"lists of claims", "roles: [{name: R, holders: ['OAuthRole:new@Entra']}, {name: Auditors, holders: ['OAuthRole:pki@Entra', 'OAuthRole:audit@Entra']}]", without(snapshot.PartClaims),
			[]string{`create claim "OAuthRole new (Entra)": is not known: claims: refused`, `update role "Auditors": `, `create role "R": needs the claim`},
		},
		{
			"lists of identities", "roles: [{name: R, holders: [{identity: new, type: User}]}]", without(snapshot.PartIdentities),
			[]string{`create identity "new": is not known: identities: refused`, `create role "R": `, `update identities of role "R": needs the identity`},
		},
		{
			"lists of roles", "roles: [{name: R}]\nabsent: {roles: [Q], permissionSets: [Operational]}", without(snapshot.PartRolesV2),
			[]string{`create role "R": is not known`, `delete role "Q": is not known`, `delete permission set "Operational": could not be read`},
		},
		{
			"version 1 only", "roles: [{name: Operators, permissions: ['Collections[{Web servers}]:Read', 'AdminPortal:Read'], holders: [{identity: 'KEYEXAMPLE\\svc_pool'}]}, {name: R}]", legacy,
			[]string{`create role "R": version 1 of roles only`, `update identities of role "Operators": `, `update identities of role "Operators": `},
		},
		{
			"version 1 only, changed", "roles: [{name: Operators, description: x, permissions: [/portal/read/]}]", legacy,
			[]string{`update role "Operators": not its description, permissions`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := plan(t, c.s, c.text, nil)
			var got []string
			for _, s := range p.Steps {
				got = append(got, string(s.Action)+" "+s.object()+": "+s.Blocked)
			}
			ok := len(got) == len(c.want)
			for i := 0; ok && i < len(got); i++ {
				head, reason, _ := strings.Cut(c.want[i], "\": ")
				gotHead, gotReason, _ := strings.Cut(got[i], "\": ")
				ok = head == gotHead && strings.Contains(gotReason, reason) && (reason == "") == (gotReason == "")
			}
			if !ok {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestWrittenTwice: a role that gets and loses something is written twice, and warned of once. The first of the
// two steps has its permissions in the order that they end in.
func TestWrittenTwice(t *testing.T) {
	t.Parallel()
	s := story()
	operators := slices.IndexFunc(s.Roles, func(r snapshot.Role) bool { return r.Name == "Operators" })
	s.Roles[operators].Names = []permissions.Legacy{"API:Read"}
	p := plan(t, s, "roles: [{name: Operators, permissions: [/agents/management/read/, /reports/read/]}]", nil)
	for _, code := range []Code{CodeNames, CodeDisabled} {
		var got []Warning
		for _, w := range p.Warnings {
			if w.Code == code {
				got = append(got, w)
			}
		}
		if len(got) != 1 || !slices.Equal(got[0].Steps, []int{1, 2}) {
			t.Errorf("%s: %+v", code, got)
		}
	}
	want := []permissions.Path{"/agents/management/read/", "/reports/read/", "/certificates/collections/read/", "/portal/read/"}
	if got := p.Steps[0].After.Role.Paths; !slices.Equal(got, want) {
		t.Errorf("the first step writes %v", got)
	}
}

// TestContradictions: what does not fit the server is told with its place, all at once.
func TestContradictions(t *testing.T) {
	t.Parallel()
	text := `roles:
  - name: Operators
    permissionSet: Operationl
    permissions:
      - /certificates/collections/read/{Web server}/
      - /certificates/collections/read/{Mail}/
      - /portal/read/{Web servers}/
      - Certificates:Reed
    holders: [{identity: 'KEYEXAMPLE\nobody'}, 'OAuthRole:gone@Entra']
  - {name: Auditors, was: Old operators}
  - {name: "a\u202eb"}
absent:
  claims: ['OAuthRole:gone@Entra']
`
	d, err := parseDesired("access.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Make(story(), d, &Options{Only: []string{"Operatrs"}})
	want := `only "Operatrs": the desired state does not name this role; did you mean "Operators"?
access.yaml:3:20: the server has no permission set "Operationl", and the desired state creates none; did you mean "Operational"?
access.yaml:5:9: the server has no collection "Web server"; did you mean "Web servers"?
access.yaml:6:9: the server has 2 objects of the kind collection with the name "Mail"; write the id of one: 7, 8
access.yaml:7:9: "/portal/read/" is not known to take a collection, container, PAM provider or identity provider; write an id, not a name
access.yaml:8:9: cannot convert "Certificates:Reed", write paths instead: is not a permission that is known here; did you mean Certificates:Read?
access.yaml:9:15: the server does not know the account "KEYEXAMPLE\\nobody"; add type: User or type: Group to create it
access.yaml:9:48: "OAuthRole gone (Entra)" should hold the role "Operators" and be absent
access.yaml:10:27: the role "Old operators" is to be renamed to "Auditors", and there is a role of that name already
access.yaml:11:12: the name of the role must not hold control or invisible characters`
	if err == nil || err.Error() != strings.ReplaceAll(want, `\\`, `\`) {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	d.Server = Text{Value: "https://other.example.com/KeyfactorAPI", At: Position{"access.yaml", 1, 9}}
	if _, err := Make(story(), d, nil); err == nil || !strings.HasPrefix(err.Error(), "access.yaml:1:9: the desired state is for the server") {
		t.Errorf("another server: %v", err)
	}
	if _, err := Make(nil, d, nil); err == nil {
		t.Error("there is no snapshot")
	}
}

// TestAllAtOnce: mistakes of form, contradictions, what does not fit the server, and what
// a plan would only warn of are told in one run, each with its place.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"list.csv":       "group,set\nweb,Operationl\nmail\nshop,\n",
		"semicolons.csv": "group;set\nweb;Operational\n",
		"list.json":      `[{"group": "db"}, {"group": ["a", {}]}, {"group": "ftp"}]`,
	}
	text := `roles:
  - name: Operators
    permision: [/portal/read/]
    permissions: [/portal/raed/, /portal//read/, '/certificates/collections/read/{Web}/']
    holders: ['OAuthRole:new@Entar', 'OAuthRoel:new@Entra', {identity: 'KEYEXAMPLE\nobody'}]
    existing: ad
  - {name: operators}
  - {permissionSet: Operational2, was: Auditors, permissions: [/certificates/collections/read/5/, /certificates/collections/read/6/]}
  - {name: Old operators, was: Auditors, permissionSet: Mine, permissions: ['/pam/read/{Vault}/'], holders: [{identity: somebody}]}
claims: [{type: OAuthRole, value: pki, scheme: Entra, description: ''}]
permissionSets: [{name: New, permissions: [AdminPortal:Read, /made/up/]}]
rolesFrom:
  - file: list.csv
    name: ${group}
    permissionSet: ${set}
    permissions: [/poral/read/]
  - {file: list.json, name: '${group}', permissionSet: Nowhere}
  - {file: semicolons.csv, name: '${group}'}
`
	d, err := parseDesired("access.yaml", []byte(text), func(name string) ([]byte, error) { return []byte(files[name]), nil })
	if err == nil || d == nil {
		t.Fatalf("%v, %v", d, err)
	}
	_, err = Make(story(), d, nil)
	const want = `access.yaml:3:5: a role has no "permision"; did you mean "permissions"?
access.yaml:4:19: Nobody knows the permission /portal/raed/ of role "Operators": neither the server's list nor the catalogue has it. Did you mean /portal/read/?
access.yaml:4:34: not a permission path: "/portal//read/" has an empty segment; write single slashes
access.yaml:4:50: the server has no collection "Web"
access.yaml:5:15: No identity provider of the server has the scheme "Entar" of the new claim "OAuthRole new (Entar)"; did you mean "Entra".
access.yaml:5:38: "OAuthRoel" is not a claim type; the types are [User Group Computer OAuthOid OAuthRole OAuthSubject OAuthClientId]
access.yaml:5:61: the server does not know the account "KEYEXAMPLE\nobody"; add type: User or type: Group to create it
access.yaml:6:15: existing must be "add" or "replace", not "ad"; did you mean "add"?
access.yaml:7:12: the role "operators" is named twice, also at access.yaml:2:11
access.yaml:8:5: a role must have a name
access.yaml:8:21: the server has no permission set "Operational2", and the desired state creates none; did you mean "Operational"?
access.yaml:8:64: The permission /certificates/collections/read/5/ of role "Auditors" is for a collection that the server does not have.
access.yaml:9:32: the role "Auditors" is named twice, also at access.yaml:8:40
access.yaml:9:32: the role "Auditors" is to be renamed to "Old operators", and there is a role of that name already
access.yaml:9:57: the server has no permission set "Mine", and the desired state creates none
access.yaml:9:77: the server has no PAM provider "Vault"
access.yaml:9:110: the server does not know the account "somebody"; add type: User or type: Group to create it
access.yaml:10:68: the description of the claim must not be empty
access.yaml:11:44: a permission set holds paths, not version 1 names such as "AdminPortal:Read"
access.yaml:11:62: Nobody knows the permission /made/up/ of permission set "New": neither the server's list nor the catalogue has it.
access.yaml:16:19: Nobody knows the permission /poral/read/ of role "web": neither the server's list nor the catalogue has it. Did you mean /portal/read/?
access.yaml:16:19: Nobody knows the permission /poral/read/ of role "shop": neither the server's list nor the catalogue has it. Did you mean /portal/read/?
access.yaml:17:56: the server has no permission set "Nowhere", and the desired state creates none
list.csv:2:5: the server has no permission set "Operationl", and the desired state creates none; did you mean "Operational"?
list.csv:3:1: this is not a CSV list: wrong number of fields
list.json:1:35: "group" must be a text or a list of texts
semicolons.csv:1:1: the columns of a CSV list are separated by commas; this has one column, "group;set"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestEscaped: an account in double quotes has lost its backslash, which is said.
func TestEscaped(t *testing.T) {
	t.Parallel()
	d, err := parseDesired("access.yaml", []byte(`roles: [{name: Auditors, holders: [{identity: "KEYEXAMPLE\admin"}, {identity: "KEYEXAMPLE\bob", type: User}]}]`), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Make(story(), d, nil)
	const hint = "; in double quotes, YAML makes one of a backslash and a letter: write 'DOMAIN\\name' in single quotes"
	if err == nil || strings.Count(err.Error(), hint) != 2 {
		t.Errorf("got\n%v\nwant twice: %s", err, hint)
	}
}

// TestEmail: an e-mail address that the server does not show again is refused, since
// nobody could tell whether the role has it.
func TestEmail(t *testing.T) {
	t.Parallel()
	try := func(version, text string, shown ...string) error {
		d, err := parseDesired("access.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		s := story()
		s.Server.Version = version
		for i, address := range shown {
			s.Roles[i].EmailAddress = address
		}
		_, err = Make(s, d, nil)
		return err
	}
	const text = `roles:
  - {name: Auditors, email: a@example.com}
  - {name: Operators, existing: add, email: b@example.com}
  - {name: New, email: c@example.com}
  - {name: Old operators, email: ""}
`
	err := try("24.3.1+4f1c2ab", text)
	if problems, ok := errors.AsType[Problems](err); !ok || len(problems) != 3 {
		t.Errorf("%v, want a problem for each of 3 roles", err)
	}
	const want = `access.yaml:2:29: this server (Command 24.3.1) does not show e-mail addresses of roles, so that nobody could tell whether the role "Auditors" has it; leave email out`
	if err == nil || !strings.HasPrefix(err.Error(), want+"\n") {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	for _, version := range []string{"11.0", "23.9.2", "24.0"} {
		if try(version, text) == nil {
			t.Errorf("version %s shows no e-mail addresses", version)
		}
	}
	for _, version := range []string{"24.4", "24.10.0", "25.1", "", "custom", "24"} {
		if err := try(version, text); err != nil {
			t.Errorf("version %q: %v", version, err)
		}
	}
	if err := try("24.3.1", text, "shown@example.com"); err != nil {
		t.Errorf("the server shows one: %v", err)
	}
	if err := try("24.3.1", `roles: [{name: New, email: ""}]`); err != nil {
		t.Errorf("none: %v", err)
	}
}

// TestMoreProblems: roles that could not be read in full are looked at, too; nothing is
// told twice in other words; a name of version 1 has a place as well.
func TestMoreProblems(t *testing.T) {
	t.Parallel()
	try := func(text string) (*Plan, error) {
		d, _ := parseDesired("access.yaml", []byte(text), nil) // Make says what is wrong
		return Make(story(), d, nil)
	}
	for text, want := range map[string]string{
		"roles: [{name: Broken, permissionSet: Nowhere}]":                                      `access.yaml:1:39: the server has no permission set "Nowhere", and the desired state creates none`,
		"permissionSets: [{name: New, permissions: ['AdminPortal:Reed']}]":                     `access.yaml:1:44: a permission set holds paths, not version 1 names such as "AdminPortal:Reed"`,
		"server: https://other.example.com/KeyfactorAPI\nroles: [{name: X, permissionSet: Y}]": `access.yaml:1:9: the desired state is for the server "https://other.example.com/KeyfactorAPI", and the snapshot is of "https://command.example.com/KeyfactorAPI"; correct or remove its server`,
		"roles: [{name: New, permissions: ['Collections[99]:Read']}, {name: Y, existing: x}]": "access.yaml:1:35: The permission /certificates/collections/read/99/ of role \"New\" is for a collection that the server does not have.\n" +
			`access.yaml:1:81: existing must be "add" or "replace", not "x"`,
	} {
		if _, err := try(text); err == nil || err.Error() != want {
			t.Errorf("%s\ngot\n%v\nwant\n%s", text, err, want)
		}
	}
	p, err := try("roles: [{name: Broken, permissions: ['API:Read']}]")
	if err != nil || p.has(CodeWidened) || p.Blocked() != 1 {
		t.Errorf("%v, a role that is left out is warned of: %+v", err, p.Warnings)
	}
}

// TestLegacyNames: on a server with version 1 of roles only, too, everything wrong is told.
func TestLegacyNames(t *testing.T) {
	t.Parallel()
	s := story()
	s.Roles = []snapshot.Role{{ID: 3, Name: "Operators", Description: "Ops", Versions: []int{1}, Names: []permissions.Legacy{"AdminPortal:Read"}}}
	s.Gaps = []snapshot.Gap{{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonNotThere}}
	d, err := parseDesired("access.yaml", []byte("roles: [{name: Operators, permissions: ['Collections[{A}]:Read', 'Collections[{B}]:Read']}]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Make(s, d, nil)
	if problems, ok := errors.AsType[Problems](err); !ok || len(problems) != 2 {
		t.Errorf("%v, want what is wrong with both names", err)
	}
}

// TestDomain: the plan warns of new accounts without domain, and of no others.
func TestDomain(t *testing.T) {
	t.Parallel()
	p := plan(t, story(), `claims: [{type: Computer, value: web$, scheme: Active Directory}]
roles:
  - {name: New, holders: [{identity: new, type: User}, {identity: svc_pool}, {type: User, value: 'x@example.com', scheme: Active Directory}, {identity: 'KEYEXAMPLE\good', type: Group}, 'OAuthRole:x@Entra']}
`, nil)
	var got []string
	for _, w := range p.Warnings {
		if w.Code == CodeDomain {
			got = append(got, w.Holders[0].Value)
		}
	}
	if want := []string{"new", "web$", "x@example.com"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestDeletedDisabled: a disabled role that is deleted comes back enabled, which is said.
func TestDeletedDisabled(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"Operators": true, "Auditors": false} {
		s := story()
		s.Roles, s.Gaps = slices.DeleteFunc(s.Roles, func(r snapshot.Role) bool { return r.Name == "Broken" }), nil
		if p := plan(t, s, "absent: {roles: ["+name+"]}", nil); p.Blocked() > 0 || p.has(CodeDisabled) != want {
			t.Errorf("%s: %+v", name, p.Warnings)
		}
	}
}

// TestAccount: the page names the account that is to apply the plan, if another one read
// the server.
func TestAccount(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]bool{`KEYEXAMPLE\writer`: true, `KEYEXAMPLE\admin`: false, "": false} {
		p := plan(t, story(), "roles: [{name: Auditors, description: x}]", &Options{Account: account})
		got := slices.ContainsFunc(p.Report().Notes, func(n report.Note) bool { return strings.Contains(n.Text, `"KEYEXAMPLE\writer"`) })
		if got != want || p.Account != cmp.Or(account, `KEYEXAMPLE\admin`) {
			t.Errorf("%q: named %v, account %q", account, got, p.Account)
		}
	}
}

// TestConversion: decisions about one role count for it alone, and the plan names the
// files that its conversions rest on.
func TestConversion(t *testing.T) {
	t.Parallel()
	decisions, err := permissions.ParseDecisions([]byte("Auditors:\nCertificateEnrollment:PendingCsr | /dashboard/read/ | decided\n"))
	if err != nil {
		t.Fatal(err)
	}
	files := []Source{{"decisions.txt", "sha256:00"}}
	p := plan(t, story(), "roles: [{name: Auditors, permissions: ['CertificateEnrollment:PendingCsr']}, {name: New, permissions: ['CertificateEnrollment:PendingCsr']}]",
		&Options{Convert: &permissions.ConvertOptions{Decisions: decisions}, Conversion: files})
	got := map[string][]permissions.Path{}
	for _, s := range p.Steps {
		got[s.Name] = s.After.Role.Paths
	}
	if want := map[string][]permissions.Path{"Auditors": {"/dashboard/read/"}, "New": {"/certificates/requests/manage/"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !slices.Equal(p.Conversion, files) || !slices.ContainsFunc(p.Report().Provenance.Files, func(f report.File) bool { return f.Name == "decisions.txt" }) {
		t.Errorf("the plan names %v", p.Conversion)
	}
}

// TestDescriptions: a holder can say what its claim is called if that is created. A claim
// that is there keeps its description.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	read := func(text string) (*Desired, error) {
		return parseDesired("access.yaml", []byte(text), func(string) ([]byte, error) {
			return []byte("group,owner\nweb,Anna\nmail,\npki,Peter\n"), nil
		})
	}
	d, err := read(`roles:
  - {name: Auditors, existing: add, holders: ['OAuthRole:web@Entra']}
  - {name: Operators, existing: add, holders: [{type: OAuthRole, value: other, scheme: Entra, description: Other people}]}
rolesFrom:
  - {file: list.csv, name: 'Team ${group}', holders: [{type: OAuthRole, value: '${group}', scheme: Entra, description: '${owner} answers for it'}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Make(story(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range p.Steps {
		if s.Kind == KindClaim {
			got[s.Name] = string(s.Action) + " " + s.After.Claim.Description
		}
		if s.Kind == KindRole && s.Action == Create && s.After.Role.Claims[0].Description == "" {
			t.Errorf("%s has a claim without description", s.Name)
		}
	}
	want := map[string]string{
		"OAuthRole web (Entra)": "create Anna answers for it", "OAuthRole mail (Entra)": "create mail", "OAuthRole other (Entra)": "create Other people",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var b bytes.Buffer
	if err := d.WriteYAML(&b); err != nil || !strings.Contains(b.String(), "description: Other people") {
		t.Errorf("%v: a description is not written:\n%s", err, &b)
	}
	_, err = read(`claims: [{type: OAuthRole, value: web, scheme: Entra, description: The web}]
roles:
  - {name: A, holders: [{type: OAuthRole, value: web, scheme: Entra, description: Web}, {type: OAuthRole, value: x, scheme: Entra, description: ' '}]}
  - {name: B, holders: [{type: OAuthRole, value: web, scheme: Entra, description: The web}]}
absent: {claims: [{type: OAuthRole, value: y, scheme: Entra, description: Y}]}
`)
	const wrong = `access.yaml:3:25: the claim "OAuthRole web (Entra)" has another description at access.yaml:1:68
access.yaml:3:89: the description of the claim must not be empty
access.yaml:5:62: a holder has no "description"; it has type, value, scheme`
	if err == nil || err.Error() != wrong {
		t.Errorf("got\n%v\nwant\n%s", err, wrong)
	}
}

// TestOnly: a pilot wave takes what its roles need, and leaves the rest for later.
func TestOnly(t *testing.T) {
	t.Parallel()
	const text = `
permissionSets:
  - {name: Operational, permissions: [/portal/, /agents/]}
  - {name: Other}
claims: [{type: OAuthRole, value: pki, scheme: Entra, description: Later}]
roles:
  - {name: Pilot, permissionSet: Operational, permissions: [/agents/], holders: ['OAuthRole:new@Entra']}
  - {name: Auditors, permissions: [], holders: ['OAuthRole:later@Entra']}
  - {name: Readers, was: Operators}
absent: {roles: [Old operators], claims: ['OAuthRole:gone@Entra']}
`
	p := plan(t, story(), text, &Options{Only: []string{"pilot", "readers"}})
	var got []string
	for _, s := range p.Steps {
		got = append(got, s.Words())
	}
	want := []string{
		`update permission set "Operational": add 1 permission`, `create claim "OAuthRole new (Entra)"`, `update role "Operators": rename it to "Readers"`,
		`create role "Pilot": add 1 permission, add 1 holder`, `update role "Operators": remove 1 holder`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if later := strings.Join(p.Later, ", "); later != "Auditors, Old operators" {
		t.Errorf("later: %s", later)
	}
	for _, s := range p.Steps {
		if s.Kind == KindPermissionSet && s.Removal || s.Name == "Auditors" || s.Name == "Other" {
			t.Errorf("it does %s", s.Words())
		}
	}
}

// TestExisting: a role from a list is completed, and what others gave it stays.
func TestExisting(t *testing.T) {
	t.Parallel()
	read := func(string) ([]byte, error) { return []byte("name,group\nOperators,web\nNew,new\n"), nil }
	text := "rolesFrom:\n  - {file: x.csv, name: '${name}', description: Made, email: a@example.com, permissionSet: Operational, " +
		"permissions: [/dashboard/read/], holders: ['OAuthRole:${group}@Entra']}\n"
	d, err := parseDesired("x.yaml", []byte(text), read)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Make(story(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Steps {
		if s.Name != "Operators" {
			continue
		}
		before, after := s.Before.Role, s.After.Role
		if s.Kind != KindRole || s.Removal || after.Description != "Ops" || after.EmailAddress != "a@example.com" || after.PermissionSetID != globalSet ||
			!after.set().Equal(before.set().Add("/dashboard/read/")) || len(after.Claims) != len(before.Claims)+1 {
			t.Errorf("Operators becomes %+v", after)
		}
	}
	if p.Totals.RolesLosing+p.Totals.HoldersLosing > 0 {
		t.Errorf("somebody loses something: %+v", p.Totals)
	}
}

// TestBackOthers: what others changed since is not overwritten.
func TestBackOthers(t *testing.T) {
	t.Parallel()
	p := plan(t, story(), "roles: [{name: Auditors, permissions: [/portal/read/]}, {name: Operators, permissions: [/portal/read/]}]", nil)
	now, done, err := carriedOut(story(), p.Steps, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range now.Roles {
		if now.Roles[i].Name == "Auditors" {
			now.Roles[i].Description = "By others"
		}
	}
	back, err := Back(done, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range back.Steps {
		if blocked := s.Blocked == "somebody, perhaps a later plan of yours, changed it since"; blocked != (s.Name == "Auditors") {
			t.Errorf("%s: %q", s.Words(), s.Blocked)
		}
	}
	if back.Blocked() != 1 || len(back.Steps) < 2 {
		t.Errorf("got %d steps, %d blocked", len(back.Steps), back.Blocked())
	}
	again, err := Back(done, story()) // as before already
	if err != nil || !again.Empty() {
		t.Errorf("got %+v, %v", again, err)
	}
	if _, err := Back([]Entry{{Step: Step{Kind: KindRole}, After: &Object{Claim: &ClaimState{}}}}, now); err == nil {
		t.Error("an entry of another kind was taken")
	}
	if _, err := Back(done, nil); err == nil {
		t.Error("there is no snapshot")
	}
}

// TestLoad: a plan that somebody edited is refused.
func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "plan.json")
	if err := plan(t, story(), "roles: [{name: Auditors, permissions: [/portal/read/]}]", nil).Save(file); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"edited":           {`"/portal/read/"`, `"/"`, "the digest does not match"},
		"a further member": {`"later": []`, `"later": [], "more": 1`, "more"},
		"one in a key":     {`"scheme": "Entra"`, `"scheme": "Entra", "more": 1`, "more"},
		"twice in a key":   {`"scheme": "Entra"`, `"scheme": "Entra", "scheme": "Entra"`, "something besides"},
		"another format":   {`"format": 1`, `"format": 2`, "this version of commandsec-go reads format 1"},
		"no format":        {`"format": 1,`, ``, "does not say its format"},
		"cut off":          {`"totals"`, ``, "line "},
		"twice":            {`"later": []`, `"later": [], "later": []`, "later"},
	} {
		data := strings.Replace(string(good), c.old, c.new, 1)
		if data == string(good) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "plan.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(filepath.Join(dir, "none.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if err := (&Plan{}).Save(filepath.Join(dir, "no", "such", "folder")); err == nil || !strings.Contains(err.Error(), "save the plan") {
		t.Errorf("a missing folder: %v", err)
	}
}

// TestCheck: a plan with a right digest is still looked at.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Plan){
		"number":  func(p *Plan) { p.Steps[0].Number = 7 },
		"needs":   func(p *Plan) { p.Steps[0].Needs = []int{1} },
		"version": func(p *Plan) { p.Steps[0].Version = 3 },
		"kind":    func(p *Plan) { p.Steps[0].Kind = KindClaim },
		"two":     func(p *Plan) { p.Steps[0].After.Claim = &ClaimState{} },
		"action":  func(p *Plan) { p.Steps[0].Action = Create },
		"unknown": func(p *Plan) { p.Steps[0].Action = "burn" },
		"nothing": func(p *Plan) { p.Steps[0].After = nil },
		"set":     func(p *Plan) { p.Holders[0].After = 99 },
	} {
		p := plan(t, story(), "roles: [{name: Auditors, permissions: [/portal/read/]}]", nil)
		spoil(p)
		data, err := encode(file{Format, p.Digest(), *p})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(data); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func TestHolders(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Key{
		"OAuthRole:pki@Entra":                 oauth("pki"),
		"oauth role: pki @Entra":              {Type: "OAuthRole", Value: " pki ", Scheme: "Entra"},
		"5:a:b@c@Some where":                  {Type: "OAuthSubject", Value: "a:b@c", Scheme: "Some where"},
		`Group:KEYEXAMPLE\x@Active Directory`: {Type: "Group", Value: `KEYEXAMPLE\x`, Scheme: "Active Directory"},
	} {
		if got, err := yamlfile.ParseClaim(text); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	if _, ok := formatHolder(Key{Type: "OAuthRole", Value: "x", Scheme: "a@b"}); ok {
		t.Error("a scheme with @ has no short form")
	}
}

// TestNames: the name of an object may hold any character.
func TestNames(t *testing.T) {
	t.Parallel()
	s := story()
	s.Collections = nil
	all := []string{"plain", "a/b", "}/", "{x}", "}]:Read", "[{", "ÄÖ: # \u202e", " space "}
	for i, name := range all {
		s.Collections = append(s.Collections, snapshot.Collection{ID: i + 1, Name: name})
	}
	o := newObjects(s)
	for i, name := range all {
		path := permissions.Path("/certificates/collections/read/" + string(rune('1'+i)) + "/")
		text, ok := o.write(path)
		if r, err := parseRight(text); !ok || err != nil || text != "/certificates/collections/read/{"+name+"}/" {
			t.Errorf("%q: %s, %v", name, text, err)
		} else if back, _, err := o.resolve(r); err != nil || back != path {
			t.Errorf("%s is %s, %v", text, back, err)
		}
		legacy := permissions.CollectionRead.On(i + 1)
		text, ok = o.writeName(legacy)
		if r, err := parseRight(text); !ok || err != nil || text != "Collections[{"+name+"}]:Read" {
			t.Errorf("%q: %s, %v", name, text, err)
		} else if _, back, err := o.resolve(r); err != nil || back != legacy {
			t.Errorf("%s is %s, %v", text, back, err)
		}
	}
}

// TestExportLeavesOut: what cannot be told apart by name, or written, stays as it is.
func TestExportLeavesOut(t *testing.T) {
	t.Parallel()
	s := story()
	add := func(name string, paths ...permissions.Path) *snapshot.Role {
		s.Roles = append(s.Roles, snapshot.Role{ID: 100 + len(s.Roles), Name: name, PermissionSetID: globalSet, Versions: []int{1, 2}, Paths: paths})
		return &s.Roles[len(s.Roles)-1]
	}
	add("Twin")
	add("TWIN")
	add("")
	add("Odd paths", "/not a path/")
	add("Odd set").PermissionSetID = "55555555-5555-5555-5555-555555555555"
	strange := Key{Type: "Other", Value: "x", Scheme: "Entra"}
	s.Claims = append(s.Claims, snapshot.Claim{Key: strange, ClaimID: 77, Versions: []int{2}})
	add("Odd holder").Holders = []snapshot.Holder{held(strange, 2)}
	s.PermissionSets = append(s.PermissionSets,
		snapshot.PermissionSet{ID: "66666666-6666-6666-6666-666666666666", Name: "operational"}, snapshot.PermissionSet{ID: "77777777-7777-7777-7777-777777777777"})
	add("In a twin").PermissionSetID = "66666666-6666-6666-6666-666666666666"
	d, err := Export(s)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := d.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/story/export.yaml.golden", b.String())
	if p := plan(t, s, b.String(), nil); !p.Empty() {
		t.Errorf("%+v", p.Steps[0])
	}
	if _, err := Export(nil); err == nil {
		t.Error("there is no snapshot")
	}
}

// TestNoVersion1: a server without version 1 has no identities that could be lost.
func TestNoVersion1(t *testing.T) {
	t.Parallel()
	s := story()
	for i := range s.Roles {
		s.Roles[i].Versions = []int{2}
		s.Roles[i].Holders = slices.DeleteFunc(s.Roles[i].Holders, func(h snapshot.Holder) bool { return h.Versions[0] == 1 })
	}
	s.Gaps = []snapshot.Gap{{Part: snapshot.PartRolesV1, Reason: snapshot.ReasonNotThere}}
	p := plan(t, s, "absent: {roles: [Auditors]}\nroles: [{name: Operators, holders: ['OAuthRole:pki@Entra', {identity: 'KEYEXAMPLE\\jsmith', type: User}]}]", nil)
	if p.Blocked() > 0 || len(p.Steps) == 0 {
		t.Errorf("%+v", p.Steps)
	}
	for _, step := range p.Steps {
		if step.Kind == KindMembers || step.Kind == KindIdentity {
			t.Errorf("it writes through version 1: %s", step.Words())
		}
	}
}

// TestAdministrator: the built-in role can do everything, even if its lists are empty.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	s := story()
	s.Roles[slices.IndexFunc(s.Roles, func(r snapshot.Role) bool { return r.ID == administrator })].Paths = nil
	p := plan(t, s, "roles: [{name: Administrator, holders: []}]", nil)
	if got := said(p, CodeLockOut); !strings.Contains(got, "can no longer change security") || p.Totals.HoldersLosing != 1 {
		t.Errorf("%q, %+v", got, p.Totals)
	}
}

// TestNeedsOfRemovals: what is deleted waits until nothing uses it.
func TestNeedsOfRemovals(t *testing.T) {
	t.Parallel()
	s := story()
	s.Gaps = nil
	s.Roles = slices.DeleteFunc(s.Roles, func(r snapshot.Role) bool { return r.Name == "Broken" })
	for i := range s.Roles {
		if s.Roles[i].Name == "Auditors" {
			s.Roles[i].PermissionSetID, s.Roles[i].Paths = "11111111-1111-1111-1111-111111111111", []permissions.Path{"/portal/read/"}
		}
	}
	p := plan(t, s, `roles: [{name: Auditors, permissionSet: Global}]
absent: {claims: ['OAuthRole:gone@Entra'], identities: ['KEYEXAMPLE\jsmith'], permissionSets: [Operational]}`, nil)
	got := map[string]string{}
	for _, step := range p.Steps {
		var needs []string
		for _, n := range step.Needs {
			needs = append(needs, p.Steps[n-1].object())
		}
		slices.Sort(needs)
		if step.Action == Delete {
			got[step.object()] = strings.Join(needs, ", ") + step.Blocked
		}
	}
	want := map[string]string{
		`claim "OAuthRole gone (Entra)"`: `role "Operators"`,
		`identity "KEYEXAMPLE\jsmith"`:   `identities of role "Old operators", identities of role "Operators"`,
		`permission set "Operational"`:   `role "Auditors"`,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s.Providers[0].PermissionSetID = "11111111-1111-1111-1111-111111111111"
	p = plan(t, s, "roles: [{name: Auditors, permissionSet: Global}]\nabsent: {permissionSets: [Operational]}", nil)
	if last := p.Steps[len(p.Steps)-1]; !strings.Contains(last.Blocked, `identity provider "Active Directory" is in it`) {
		t.Errorf("%s: %q", last.Words(), last.Blocked)
	}
}

// TestTwoKeysOfAnAccount: a client can be known by its id and as a subject.
func TestTwoKeysOfAnAccount(t *testing.T) {
	t.Parallel()
	s := story()
	s.Account = "robot"
	for i, kind := range []Key{{Type: "OAuthSubject", Value: "robot", Scheme: "Entra"}, {Type: "OAuthClientId", Value: "robot", Scheme: "Entra"}} {
		s.Claims = append(s.Claims, snapshot.Claim{Key: kind, ClaimID: 50 + i, Versions: []int{2}})
		for j := range s.Roles {
			if r := &s.Roles[j]; r.ID == administrator || i == 0 && r.Name == "Old operators" {
				r.Holders = append(slices.Clone(r.Holders), held(kind, 2))
			}
		}
	}
	text := "roles: [{name: Administrator, holders: ['OAuthClientId:robot@Entra', {identity: 'KEYEXAMPLE\\admin'}]}, {name: Old operators, holders: []}]"
	if p := plan(t, s, text, nil); p.LockOut() {
		t.Errorf("%q", said(p, CodeLockOut))
	}
}
