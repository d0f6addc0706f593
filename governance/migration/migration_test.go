package migration_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/governance/migration"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/permissions"
)

var update = flag.Bool("update", false, "write the golden files")

func load(t testing.TB, text string) *migration.Rules {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rules, err := migration.LoadRules(file)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func yamlOf(t testing.TB, d *plan.Desired) string {
	t.Helper()
	var b strings.Builder
	if err := d.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGolden: what a migration and its verification say, word for word.
func TestGolden(t *testing.T) {
	t.Parallel()
	rules, err := migration.LoadRules(filepath.Join("testdata", "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d, r, err := migration.Desired(old(), fresh(), rules)
	if err != nil {
		t.Fatal(err)
	}
	skeleton, err := migration.Skeleton(old(), fresh())
	if err != nil {
		t.Fatal(err)
	}
	var reported, verified bytes.Buffer
	if err := r.WriteJSON(&reported); err != nil {
		t.Fatal(err)
	}
	if err := migration.Verify(old(), fresh(), rules).WriteJSON(&verified); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{
		"desired.yaml": []byte(yamlOf(t, d)), "report.json": reported.Bytes(), "verify.json": verified.Bytes(), "skeleton.yaml": skeleton,
	} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs; look at the difference after: go test ./governance/migration -update", file)
		}
	}
}

// TestPlan: the desired state makes a plan.
func TestPlan(t *testing.T) {
	t.Parallel()
	d, _, err := migration.Desired(old(), fresh(), load(t, "roles: [{name: Auditors, existing: add}]"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(fresh(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Steps) < 3 || p.Blocked() > 0 {
		t.Errorf("the plan has %d steps, %d of them blocked", len(p.Steps), p.Blocked())
	}
}

func codesOfRole(r *report.Report, role string) (codes []string) {
	for _, f := range r.Findings {
		for _, i := range f.Roles {
			if i.Text == role && !slices.Contains(codes, f.Code) {
				codes = append(codes, f.Code)
			}
		}
	}
	slices.Sort(codes)
	return codes
}

func find(d *plan.Desired, name string) *plan.Role {
	for i := range d.Roles {
		if d.Roles[i].Name == name {
			return &d.Roles[i]
		}
	}
	return nil
}

// TestUndecided: what nobody decided keeps its role from being migrated, and no other.
func TestUndecided(t *testing.T) {
	t.Parallel()
	d, r, err := migration.Desired(old(), fresh(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for role, want := range map[string][]migration.Code{
		"Administrator": {migration.CodeBuiltIn}, "Reporting API Access": {migration.CodeBuiltIn}, "Operators": nil,
		"Requesters": {migration.CodePermission}, "Web hosting": {migration.CodeObject}, "Signers": {migration.CodeObject},
		"Classic": {migration.CodePermission}, "Broken": {migration.CodeSignature}, "Off": {migration.CodeDisabled},
		"Half": {migration.CodeNotRead}, "Auditors": {migration.CodeExists}, "Auditors east": nil,
	} {
		var codes []string
		for _, c := range want {
			codes = append(codes, string(c))
		}
		if got := codesOfRole(r, role); !slices.Equal(got, codes) {
			t.Errorf("%s has the findings %v, want %v", role, got, codes)
		}
		if there := find(d, role) != nil; there != (want == nil) {
			t.Errorf("%s is in the desired state: %t", role, there)
		}
	}
}

// TestSourceIsTarget: a server that was upgraded and has nothing to decide about stays as
// it is.
func TestSourceIsTarget(t *testing.T) {
	t.Parallel()
	d, r, err := migration.Desired(fresh(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Roles) != 3 {
		t.Errorf("%d roles of 3 are migrated: %v", len(d.Roles), r.Findings)
	}
	p, err := plan.Make(fresh(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Empty() {
		t.Errorf("the plan has %d steps, the first: %+v", len(p.Steps), p.Steps[0])
	}
	if v := migration.Verify(fresh(), nil, nil); len(v.Findings) > 0 || !strings.HasPrefix(v.Lead, "1 holder can do the same") {
		t.Errorf("Verify: %s %v", v.Lead, v.Findings)
	}
}

// upgraded is the old server after its upgrade, with ids as before.
func upgraded() *snapshot.Snapshot {
	s := fresh()
	s.Server.URL = old().Server.URL
	s.Collections, s.Containers = old().Collections, old().Containers
	s.Roles = nil
	for _, r := range old().Roles {
		r.Versions, r.PermissionSetID = []int{1, 2}, global
		r.Paths = permissions.Convert(r.Names, nil).Set.Paths()
		r.Immutable = r.ID < 3
		r.Holders = nil
		for _, h := range old().Roles {
			if h.ID == r.ID {
				for _, held := range h.Holders {
					r.Holders = append(r.Holders, snapshot.Holder{Key: held.Key, Versions: []int{1, 2}})
				}
			}
		}
		s.Roles = append(s.Roles, r)
	}
	return s.Sorted()
}

// TestUpgrade: on the same server, ids are kept, roles are found by id, renamed and
// merged, and nobody is taken from Administrator.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	target := upgraded()
	for i := range target.Roles {
		if target.Roles[i].Name == "Signers" {
			target.Roles[i].Name = "Signing"
		}
	}
	rules := load(t, `
identities: [{account: 'KEYEXAMPLE\admin', claim: 'OAuthSubject:admin@Entra'}]
roles:
  - {name: Operators, to: PKI operators}
  - {name: Auditors, merge: Audit}
  - {name: Auditors east, merge: Audit}
  - {name: Web hosting, skip: true}
`)
	d, r, err := migration.Desired(old(), target, rules)
	if err != nil {
		t.Fatal(err)
	}
	if op := find(d, "PKI operators"); op == nil || op.Was != "Operators" || op.Existing != plan.Replace || op.Description != nil || op.PermissionSet != nil {
		t.Errorf("Operators became %+v", op)
	}
	if find(d, "Audit") == nil || len(d.Absent.Roles) != 2 {
		t.Errorf("Auditors were not merged: absent are %v", d.Absent.Roles)
	}
	if s := find(d, "Signing"); s == nil || s.Was != "Signing" && s.Was != "" || s.Permissions[0].Value != "/certificates/collections/read/{Code signing}/" {
		t.Errorf("Signers became %+v", s)
	}
	if !slices.Contains(codesOfRole(r, "Signers"), string(migration.CodeRenamed)) {
		t.Error("nobody is told that Signers has another name now")
	}
	if a := find(d, "Administrator"); a == nil || a.Existing != plan.Add || a.Permissions != nil || len(a.Holders) != 1 || a.Holders[0].Key.Value != "admin" {
		t.Errorf("Administrator became %+v", a)
	}
	if got := codesOfRole(r, "Off"); len(got) > 0 { // it stays disabled
		t.Errorf("Off has the findings %v", got)
	}
	if got := codesOfRole(r, "Auditors"); len(got) != 1 || got[0] != string(migration.CodeTexts) { // it is there already
		t.Errorf("Auditors has the findings %v", got)
	}
	if p, err := plan.Make(target, d, nil); err != nil || p.LockOut() {
		t.Errorf("the plan: %v", err)
	}
}

// TestFromNames: an upgraded server is converted once more, with decisions, if that is
// asked for.
func TestFromNames(t *testing.T) {
	t.Parallel()
	rules := "decisions: [{name: 'CertificateEnrollment:PendingCsr', drop: true}]\n"
	for text, want := range map[string]int{rules: 2, rules + "from: names\n": 1} {
		d, _, err := migration.Desired(upgraded(), nil, load(t, text))
		if err != nil {
			t.Fatal(err)
		}
		if r := find(d, "Requesters"); r == nil || len(r.Permissions) != want {
			t.Errorf("%s: Requesters became %+v, want %d permissions", text, r, want)
		}
	}
}

// TestOverlay: what a server proved takes precedence, and the report names it.
func TestOverlay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"rules.yaml": "overlay: proof/overlay.txt\ndecisions: [{name: 'Certificates:Revoke', accept: true}]\n", "proof/overlay.txt": "Certificates:Revoke | /certificates/collections/delete/ | confirmed exactly | 25.1 | 2026-01-31 | 57\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := migration.LoadRules(filepath.Join(dir, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d, r, err := migration.Desired(old(), fresh(), rules)
	if err != nil {
		t.Fatal(err)
	}
	op := find(d, "Operators")
	if op == nil || !slices.ContainsFunc(op.Permissions, func(p plan.Text) bool { return p.Value == "/certificates/collections/delete/" }) {
		t.Errorf("Operators became %+v", op)
	}
	var text strings.Builder
	if err := r.WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "proven, by a server of version 25.1 on 2026-01-31, 57 roles") {
		t.Error("the report does not name the proof")
	}
	if len(r.Provenance.Files) != 2 || r.Provenance.Files[1].Name != "proof/overlay.txt" {
		t.Errorf("the files are %v", r.Provenance.Files)
	}
}

// taken takes all suggestions of a skeleton, as editors and people do: the # goes, and a
// space after it if there is one.
func taken(skeleton string) string {
	return suggestion.ReplaceAllString(skeleton, "$1$2")
}

var suggestion = regexp.MustCompile(`(?m)^( +)# ?([^#])`)

// TestSkeletonDecides: without the # of its suggestions, the skeleton is a file of rules
// that decides everything.
func TestSkeletonDecides(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]*snapshot.Snapshot{"another server": fresh(), "the same server": upgraded()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "another server" {
				target.Providers = slices.DeleteFunc(target.Providers, func(p snapshot.Provider) bool { return p.Scheme == holders.SchemeActiveDirectory })
			}
			skeleton, err := migration.Skeleton(old(), target)
			if err != nil {
				t.Fatal(err)
			}
			load(t, string(skeleton)) // as it is, it decides nothing
			if name == "another server" && !strings.Contains(string(skeleton), "\n  #- {name: Auditors, skip: true} # or existing: add, or existing: replace, or to: NEW NAME\n") {
				t.Errorf("a role that the target has: its choices are missing in\n%s", skeleton)
			}
			decided := taken(string(skeleton))
			_, r, err := migration.Desired(old(), target, load(t, decided))
			if err != nil {
				t.Fatal(err)
			}
			// Some suggestions without the #, and some without it and a space: their lists
			// are indented the same.
			mixed := regexp.MustCompile(`(?m)^( +)#([^#])`).ReplaceAllString(string(skeleton), "$1$2")
			if mixed != decided {
				t.Errorf("it makes a difference what is taken away:\n%s", mixed)
			}
			for _, f := range r.Findings {
				if f.Severity == report.High {
					t.Errorf("there is something left to decide: %s %v\n%s", f.Title, f.Roles, decided)
				}
			}
		})
	}
}

// TestHostile: whatever names, values and paths a server has, they are shown escaped, and
// come out as they are.
func TestHostile(t *testing.T) {
	t.Parallel()
	evil := []string{
		"<script>alert(1)</script>", "a\nroles: []", "\u202eevil", "  spaces  ", "}/{x}/", "[{}]:", "'\"# x: y", "\x00\x1b[31m", "", "\xff\xfe", strings.Repeat("x", 5000),
		"=cmd()", "---", "null", "&a *a", "{{.}}", "${1}", "NULL", "a\u2028b", "x@y:z", "- name: x",
	}
	source, target := old(), fresh()
	source.Roles, source.Collections, target.Collections = nil, nil, nil
	for i, text := range evil {
		source.Collections = append(source.Collections, snapshot.Collection{ID: 100 + i, Name: text, Query: text})
		target.Collections = append(target.Collections, snapshot.Collection{ID: 500 + i, Name: text, Query: text})
		source.Roles = append(source.Roles, snapshot.Role{
			ID: 100 + i, Name: text, Description: text, EmailAddress: text, Versions: []int{1}, ObjectNames: true,
			Names:   []permissions.Legacy{permissions.Legacy(text), permissions.Legacy(fmt.Sprintf("Collections[%d]:Read", 100+i))},
			Holders: held([]int{1}, user(text), team(text), migration.Key{Type: holders.Type(text), Value: text, Scheme: text}),
		}, snapshot.Role{
			ID: 1000 + i, Name: fmt.Sprintf("Plain %d", i), Versions: []int{1}, ObjectNames: true,
			Names: []permissions.Legacy{permissions.Legacy(fmt.Sprintf("Collections[%d]:Read", 100+i))}, Holders: held([]int{1}, user("jsmith")),
		})
	}
	skeleton, err := migration.Skeleton(source, target)
	if err != nil {
		t.Fatal(err)
	}
	load(t, string(skeleton))
	for line := range strings.SplitSeq(string(skeleton), "\n") {
		if trimmed := strings.TrimSpace(line); trimmed != "" && trimmed[0] != '#' && !strings.HasSuffix(trimmed, ":") && trimmed != "format: 1" {
			t.Errorf("the skeleton has the line %q", line)
		}
	}
	d, r, err := migration.Desired(source, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"html": func(b *bytes.Buffer) error { return r.WriteHTML(b) }, "text": func(b *bytes.Buffer) error { return r.WriteText(b) },
		"skeleton": func(b *bytes.Buffer) error { _, err := b.Write(skeleton); return err },
		"desired":  func(b *bytes.Buffer) error { return d.WriteYAML(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if text := b.String(); strings.ContainsAny(text, "\x00\x1b\u202e\u2028") || name == "html" && strings.Contains(text, "<script>alert") || !utf8.ValidString(text) {
			t.Errorf("%s shows text of the server as it is", name)
		}
	}
	file := filepath.Join(t.TempDir(), "desired.yaml")
	if err := os.WriteFile(file, []byte(yamlOf(t, d)), 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := plan.LoadDesired(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(target, back, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range evil {
		name := fmt.Sprintf("Plain %d", i)
		at := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Name == name })
		if find(d, name) == nil {
			continue // two names that cannot be told apart
		}
		want := fmt.Sprintf("/certificates/collections/read/%d/", 500+i)
		if at < 0 || len(p.Steps[at].After.Role.Paths) != 1 || string(p.Steps[at].After.Role.Paths[0]) != want {
			t.Errorf("%s, about %q, does not grant %s", name, evil[i], want)
		}
	}
	if n := len(d.Roles); n != len(evil)-2 { // "null" and "NULL" cannot be told apart
		t.Errorf("only %d roles are migrated", n)
	}
}

// TestTargets: what cannot be a target, and rules that do not fit, are errors that say
// what to do.
func TestTargets(t *testing.T) {
	t.Parallel()
	refused := fresh()
	refused.Gaps = append(refused.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonRefused})
	misfits := `
permissionSet: Nowhere
collections: [{from: Typo, drop: true}, {from: Old ones, to: Nowhere}]
decisions: []
roles:
  - {name: Operatorz, skip: true}
  - name: Operators
    permissionSet: Neither
`
	for name, c := range map[string]struct {
		source, target *snapshot.Snapshot
		rules          string
		want           []string
	}{
		"no source":        {nil, fresh(), "", []string{"there is no snapshot of the source"}},
		"a target of 10":   {fresh(), old(), "", []string{"of Command 10", "upgrade it"}},
		"10 alone":         {old(), nil, "", []string{"of Command 10"}},
		"an unread target": {old(), refused, "", []string{"could not be read (roles, version 2: refused)"}},
		"rules that misfit": {old(), fresh(), misfits, []string{
			`line 2, column 16: the target has no permission set "Nowhere"`, `line 3, column 22: the source has no collection "Typo"`,
			`line 3, column 48: the target has no collection "Nowhere"`, `line 6, column 12: the source has no role "Operatorz"`,
			`line 8, column 20: the target has no permission set "Neither"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rules *migration.Rules
			if c.rules != "" {
				rules = load(t, c.rules)
			}
			d, r, err := migration.Desired(c.source, c.target, rules)
			if err == nil || d != nil || r != nil {
				t.Fatalf("Desired = %v, %v, %v", d, r, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
			if v := migration.Verify(c.source, c.target, rules); len(v.Findings) != 1 || v.Findings[0].Code != string(migration.CodeRules) {
				t.Errorf("Verify finds %v", v.Findings)
			}
		})
	}
}

// large is a server with many of everything.
func large(n int) *snapshot.Snapshot {
	s := old()
	s.Roles = nil
	for i := range n {
		s.Collections = append(s.Collections, snapshot.Collection{ID: 1000 + i, Name: fmt.Sprintf("Collection %d", i)})
		s.Roles = append(s.Roles, snapshot.Role{
			ID: 100 + i, Name: fmt.Sprintf("Role %d", i), Versions: []int{1}, ObjectNames: true,
			Names:   []permissions.Legacy{"AdminPortal:Read", "API:Read", permissions.Legacy(fmt.Sprintf("Collections[%d]:Read", 1000+i))},
			Holders: held([]int{1}, user(fmt.Sprintf("user%d", i)), user(fmt.Sprintf("user%d", (i*7)%n)), team("everybody")),
		})
	}
	return s.Sorted()
}

// TestGrowth: four times the roles, holders, objects and rules cost less than eight times
// the memory that is asked for.
func TestGrowth(t *testing.T) {
	cost := func(n int) float64 {
		source, target := large(n), fresh()
		var b strings.Builder
		b.WriteString("decisions: [{name: 'API:Read', accept: true}]\nidentities:\n")
		for i := range n {
			fmt.Fprintf(&b, "  - {account: 'KEYEXAMPLE\\user%d', claim: 'OAuthSubject:user%d@Entra'}\n", i, i)
			target.Collections = append(target.Collections, snapshot.Collection{ID: 9000 + i, Name: fmt.Sprintf("Collection %d", i)})
		}
		rules := load(t, b.String())
		return testing.AllocsPerRun(1, func() {
			if d, _, err := migration.Desired(source, target, rules); err != nil || len(d.Roles) != n {
				t.Errorf("Desired: %v %d %+v", err, len(d.Roles), d.Notes[:1])
			}
			migration.Verify(source, target, rules)
		})
	}
	small, big := cost(200), cost(800)
	if big > 8*small {
		t.Errorf("200 roles take %.0f allocations, and 800 take %.0f", small, big)
	}
}
