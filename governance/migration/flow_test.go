package migration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// server reads a simulated server.
func server(t testing.TB, url string, opts ...securitytest.Option) *snapshot.Snapshot {
	t.Helper()
	client, err := securitytest.Start(t, opts...).Client()
	if err != nil {
		t.Fatal(err)
	}
	s, err := take.From(t.Context(), client, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Server.URL = url
	return s
}

const (
	oldURL = "https://old.example.com/KeyfactorAPI"
	newURL = "https://new.example.com/KeyfactorAPI"
)

// tenant is a server of Command 10.5 as it looks after years.
func tenant(t testing.TB, seed uint64, size int) *snapshot.Snapshot {
	t.Helper()
	return server(t, oldURL, securitytest.WithVersion("10.5.0"), securitytest.WithLegacyTenant(seed, size))
}

// empty is a server of Command 25.4 with the objects of another one under other ids,
// and nothing else.
func empty(t testing.TB, like *snapshot.Snapshot) *snapshot.Snapshot {
	t.Helper()
	var collections []securitytest.Collection
	for _, c := range like.Collections {
		collections = append(collections, securitytest.Collection{ID: 1000 - c.ID, Name: strings.ToUpper(c.Name), Query: c.Query})
	}
	var containers []securitytest.Container
	for _, c := range like.Containers {
		containers = append(containers, securitytest.Container{ID: 1000 - c.ID, Name: c.Name})
	}
	var vaults []securitytest.PAMProvider
	for _, p := range like.PAMProviders {
		vaults = append(vaults, securitytest.PAMProvider{ID: 1000 - p.ID, Name: p.Name})
	}
	return server(t, newURL, securitytest.WithVersion("25.4.1"), securitytest.WithCollections(collections...),
		securitytest.WithContainers(containers...), securitytest.WithPAMProviders(vaults...))
}

// decide makes rules that decide what is undecided, by chance.
func decide(t *testing.T, rng *rand.Rand, source, target *snapshot.Snapshot) *Rules {
	t.Helper()
	_, r, err := Desired(source, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("identities:\n  - {pattern: 'KEYEXAMPLE\\\\(.*-.*)', type: Group, claim: 'OAuthRole:${1}@System'}\n")
	for _, m := range source.Claims {
		if rng.IntN(10) == 0 {
			fmt.Fprintf(&b, "  - {account: '%s', drop: true}\n", m.Key.Value)
		}
	}
	b.WriteString("decisions:\n")
	for _, f := range r.Findings {
		if f.Code == string(CodePermission) && rng.IntN(8) > 0 {
			name, _, _ := strings.Cut(f.Title, " ")
			what := []string{"drop: true", "accept: true", "paths: [/reports/read/]"}[rng.IntN(3)]
			if strings.Contains(f.Title, "is not converted") && what == "accept: true" {
				what = "paths: [/dashboard/]"
			}
			fmt.Fprintf(&b, "  - {name: '%s', %s}\n", name, what)
		}
	}
	b.WriteString("roles:\n")
	for i, role := range source.Roles {
		switch {
		case isBuiltIn(role.Name):
			fmt.Fprintf(&b, "  - {name: '%s', accept: [built-in-role]}\n", role.Name)
		case i%17 == 3:
			fmt.Fprintf(&b, "  - {name: '%s', skip: true}\n", role.Name)
		case i%17 == 4:
			fmt.Fprintf(&b, "  - {name: '%s', to: 'Renamed %d'}\n", role.Name, i)
		case i%17 < 7 && i%17 > 4 && rng.IntN(2) == 0:
			fmt.Fprintf(&b, "  - {name: '%s', merge: 'Merged %d', accept: [disabled-role]}\n", role.Name, i/40)
		default:
			fmt.Fprintf(&b, "  - {name: '%s', accept: [disabled-role]}\n", role.Name)
		}
	}
	rules, err := parseRules("rules.yaml", []byte(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// grantsOf is what a role grants, read without the package under test.
func grantsOf(r *snapshot.Role) permissions.Set {
	if slices.Contains(r.Versions, 2) {
		if r.Name == "Administrator" && len(r.Paths) == 0 {
			return permissions.NewSet("/")
		}
		return permissions.NewSet(r.Paths...)
	}
	if r.Name == "Administrator" {
		return permissions.NewSet("/")
	}
	var paths []permissions.Path
	for _, item := range permissions.Convert(r.Names, nil).Items {
		paths = append(paths, item.Paths...)
	}
	return permissions.NewSet(paths...)
}

// apply carries a desired state out on a snapshot, naively.
func apply(t *testing.T, s *snapshot.Snapshot, d *plan.Desired) *snapshot.Snapshot {
	t.Helper()
	out := *s
	out.Roles = slices.Clone(s.Roles)
	ids := map[string]string{}
	for _, c := range s.Collections {
		ids["/certificates/collections/"+names.Fold(c.Name)] = strconv.Itoa(c.ID)
	}
	for _, c := range s.Containers {
		ids["/certificate_stores/"+names.Fold(c.Name)] = strconv.Itoa(c.ID)
	}
	for _, p := range s.PAMProviders {
		ids["/pam/"+names.Fold(p.Name)] = strconv.Itoa(p.ID)
	}
	for _, want := range d.Roles {
		name := want.Name
		if want.Was != "" {
			name = want.Was
		}
		at := slices.IndexFunc(out.Roles, func(r snapshot.Role) bool { return names.Same(r.Name, name) })
		if at < 0 {
			at = len(out.Roles)
			out.Roles = append(out.Roles, snapshot.Role{ID: 5000 + at, Versions: []int{1, 2}})
		}
		r := &out.Roles[at]
		r.Name = want.Name
		if want.Permissions != nil {
			var paths []permissions.Path
			for _, text := range want.Permissions {
				before, object, limited := strings.Cut(strings.TrimSuffix(text.Value, "}/"), "{")
				if limited {
					for prefix, id := range ids {
						if root, name := prefix[:strings.LastIndex(prefix, "/")+1], prefix[strings.LastIndex(prefix, "/")+1:]; strings.HasPrefix(before, root) && name == names.Fold(object) {
							before += id + "/"
						}
					}
				}
				paths = append(paths, permissions.Path(before))
			}
			if want.Existing == plan.Add {
				paths = append(paths, r.Paths...)
			}
			r.Paths = permissions.NewSet(paths...).Paths()
		}
		if want.Holders != nil {
			var held []snapshot.Holder
			if want.Existing == plan.Add {
				held = r.Holders
			}
			for _, h := range want.Holders {
				held = append(held, snapshot.Holder{Key: h.Key, Versions: []int{1, 2}})
			}
			r.Holders = held
		}
	}
	for _, gone := range d.Absent.Roles {
		out.Roles = slices.DeleteFunc(out.Roles, func(r snapshot.Role) bool { return names.Same(r.Name, gone.Value) })
	}
	return out.Sorted()
}

// effective is what everybody can do.
func effective(s *snapshot.Snapshot) map[string]permissions.Set {
	paths := map[string][]permissions.Path{}
	for i := range s.Roles {
		set := grantsOf(&s.Roles[i])
		for _, h := range s.Roles[i].Holders {
			paths[h.Key.Fold().String()] = append(paths[h.Key.Fold().String()], set.Paths()...)
		}
	}
	out := map[string]permissions.Set{}
	for k, list := range paths {
		out[k] = permissions.NewSet(list...)
	}
	return out
}

func table(r *report.Report, id string) report.Table {
	for _, t := range r.Tables {
		if t.ID == id {
			return t
		}
	}
	return report.Table{}
}

func pathsOf(c report.Cell, mark report.Mark) (out []string) {
	for _, i := range c.Items {
		if i.Code != "" && i.Mark == mark {
			out = append(out, i.Code)
		}
	}
	return out
}

func codesOf(effects []permissions.Effect) (out []string) {
	for _, e := range effects {
		out = append(out, string(e.Path))
	}
	return out
}

// TestPromise: after a naive application, everybody can do what the report promised.
// Verify says that it is as the rules say, and notices whoever is not.
func TestPromise(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			source := tenant(t, seed, 90)
			target := empty(t, source)
			rename := func(p permissions.Path) permissions.Path { // ids of the target
				if id, limited := p.Scope(); limited {
					var n int
					if _, err := fmt.Sscan(id, &n); err != nil {
						t.Fatal(err)
					}
					p, _ = p.Unscoped().WithScope(strconv.Itoa(1000 - n))
				}
				return p
			}
			if seed%2 == 1 { // the same server, after its upgrade
				target = server(t, oldURL, securitytest.WithVersion("25.4.1"), securitytest.WithLegacyTenant(seed, 90),
					securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: seed > 3}))
				rename = func(p permissions.Path) permissions.Path { return p }
			}
			rules := decide(t, rng, source, target)
			d, r, err := Desired(source, target, rules)
			if err != nil {
				t.Fatal(err)
			}
			after := apply(t, target, d)
			got, before := effective(after), effective(source)
			compared, different := 0, 0
			for _, row := range table(r, "holders").Rows {
				compared++
				m := mappingOf(t, source, target, rules, row.Cells[0].Text)
				var was []permissions.Path
				for p := range before[m.from.Fold().String()].All() {
					was = append(was, rename(p))
				}
				diff := permissions.NewSet(was...).Diff(got[m.is().Fold().String()])
				if more, want := pathsOf(row.Cells[2], report.Widened), codesOf(diff.Added); !slices.Equal(more, want) {
					t.Errorf("%s: the report says that he can do more: %v, and it is %v", row.Cells[0].Text, more, want)
				}
				if less, want := pathsOf(row.Cells[2], report.Lost), codesOf(diff.Removed); !slices.Equal(less, want) {
					t.Errorf("%s: the report says that he can do less: %v, and it is %v", row.Cells[0].Text, less, want)
				}
				if !diff.Empty() {
					different++
				}
			}
			if compared < 50 || different < 5 {
				t.Errorf("only %d holders were compared, and %d differ", compared, different)
			}
			if len(d.Roles) < 40 || len(d.Roles) == len(source.Roles) {
				t.Errorf("%d of %d roles are migrated", len(d.Roles), len(source.Roles))
			}
			p, err := plan.Make(target, d, nil)
			if err != nil || p.Empty() || p.Blocked() > 0 {
				t.Fatalf("the desired state makes no plan, or one with steps that cannot be carried out: %v", err)
			}
			for _, h := range p.Holders { // package plan promises the same
				if planned, is := permissions.NewSet(p.Sets[h.After]...), got[h.Key.Fold().String()]; !planned.Equal(is) {
					t.Errorf("%s: the plan promises %v, and it is %v", h.Key, planned, is)
				}
			}
			v := Verify(source, after, rules)
			if len(v.Findings) > 0 {
				t.Errorf("Verify finds %d differences, the first: %+v", len(v.Findings), v.Findings[0])
			}
			const left = "Roles left out, because somebody has to decide" // and not those that are gone because they were merged
			if got, want := figure(t, v, left), figure(t, r, left); got != want {
				t.Errorf("Verify says that %d roles are left out, and they are %d", got, want)
			}
			if again, _, err := Desired(source, after, rules); seed%2 == 1 && (err != nil || len(again.Roles) == 0) {
				t.Errorf("a second migration fails: %v", err)
			}
			broken := *after
			broken.Roles = slices.Clone(after.Roles)
			for i := range broken.Roles {
				if broken.Roles[i].ID >= 3 {
					broken.Roles[i].Holders = nil
				}
			}
			if v := Verify(source, &broken, rules); len(v.Findings) == 0 {
				t.Error("Verify does not notice that nobody holds anything")
			}
		})
	}
}

func figure(t *testing.T, r *report.Report, label string) int {
	t.Helper()
	for _, f := range r.Figures {
		if f.Label == label {
			return f.Number
		}
	}
	t.Fatalf("the report has no figure %q", label)
	return 0
}

// TestVerifyNotices: what was done to the target besides, and what could not be read, is
// a finding.
func TestVerifyNotices(t *testing.T) {
	t.Parallel()
	const seed, size = 1, 60
	source := tenant(t, seed, size)
	target := server(t, oldURL, securitytest.WithVersion("25.4.1"), securitytest.WithLegacyTenant(seed, size))
	rules := decide(t, rand.New(rand.NewPCG(seed, 7)), source, target)
	d, _, err := Desired(source, target, rules)
	if err != nil {
		t.Fatal(err)
	}
	after := apply(t, target, d)
	granting := slices.IndexFunc(after.Roles, func(r snapshot.Role) bool {
		return !isBuiltIn(r.Name) && !strings.HasPrefix(r.Name, "Merged ") && len(r.Paths) > 0 && len(r.Holders) > 0 &&
			slices.ContainsFunc(d.Roles, func(w plan.Role) bool { return w.Name == r.Name })
	})
	merged := slices.IndexFunc(after.Roles, func(r snapshot.Role) bool { return strings.HasPrefix(r.Name, "Merged ") && len(r.Holders) > 0 })
	if granting < 0 || merged < 0 {
		t.Fatal("there is no such role")
	}
	stranger := Key{Type: "OAuthSubject", Value: "stranger", Scheme: "System"}
	for name, c := range map[string]struct {
		change func(source, after *snapshot.Snapshot)
		code   Code
		about  string // a role or a holder
	}{
		"a stranger holds a role": {func(_, after *snapshot.Snapshot) {
			after.Roles[granting].Holders = append(slices.Clone(after.Roles[granting].Holders), snapshot.Holder{Key: stranger, Versions: []int{2}})
		}, CodeWider, stranger.String()},
		"a stranger is an administrator": {func(_, after *snapshot.Snapshot) {
			r := named(after, administrator)
			r.Holders = append(slices.Clone(r.Holders), snapshot.Holder{Key: stranger, Versions: []int{2}})
		}, CodeStranger, stranger.String()},
		"a stranger can change security": {func(_, after *snapshot.Snapshot) {
			r := named(after, administrator)
			r.Holders, r.PermissionSetID = append(slices.Clone(r.Holders), snapshot.Holder{Key: stranger, Versions: []int{2}}), admin.GlobalSet
		}, CodeAdmin, stranger.String()},
		"a merged role grants more": {func(_, after *snapshot.Snapshot) {
			after.Roles[merged].Paths = []permissions.Path{"/"}
		}, CodeWider, after.Roles[merged].Holders[0].Key.String()},
		"a role is gone": {func(_, after *snapshot.Snapshot) {
			after.Roles = slices.Delete(after.Roles, granting, granting+1)
		}, CodeGone, after.Roles[granting].Name},
		"a role was not read": {func(_, after *snapshot.Snapshot) {
			after.Gaps = append(after.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Object: "Secret role", Reason: snapshot.ReasonRefused})
		}, CodeNotKnown, "Secret role"},
		"identities were not read": {func(_, after *snapshot.Snapshot) {
			after.Gaps = append(after.Gaps, snapshot.Gap{Part: snapshot.PartRolesV1, Reason: snapshot.ReasonRefused})
		}, CodeNotKnown, ""},
		"a role of the source was not read": {func(source, _ *snapshot.Snapshot) {
			source.Roles[5].Versions = nil
		}, CodeNotKnown, source.Roles[5].Name},
		"no role of the source was read": {func(source, _ *snapshot.Snapshot) {
			source.Roles, source.Gaps = nil, append(source.Gaps, snapshot.Gap{Part: snapshot.PartRolesV1, Reason: snapshot.ReasonRefused})
		}, CodeRules, ""},
		"the target is older": {func(source, after *snapshot.Snapshot) {
			after.TakenAt = source.TakenAt.Add(-1)
		}, CodeOld, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was, is := *source, *after
			was.Roles, is.Roles = slices.Clone(source.Roles), slices.Clone(after.Roles)
			was.Gaps, is.Gaps = slices.Clone(source.Gaps), slices.Clone(after.Gaps)
			c.change(&was, &is)
			with := rules
			if len(was.Roles) == 0 {
				with = nil // they are about roles
			}
			v := Verify(&was, &is, with)
			for _, f := range v.Findings {
				if name := after.Roles[granting].Name; f.Code == string(CodeWider) && c.about == stranger.String() && !slices.Contains(f.Roles, report.Item{Text: name}) {
					t.Errorf("the finding does not say that it is through %q: %+v", name, f.Roles)
				}
				if f.Code == string(c.code) && (c.about == "" || slices.ContainsFunc(slices.Concat(f.Roles, f.Holders), func(i report.Item) bool { return i.Text == c.about })) {
					return
				}
			}
			t.Errorf("there is no finding %s about %q, only %+v", c.code, c.about, v.Findings)
		})
	}
}

// mappingOf is what a holder becomes.
func mappingOf(t *testing.T, source, target *snapshot.Snapshot, rules *Rules, holder string) *mapping {
	t.Helper()
	e, err := newEngine(source, target, rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range source.Claims {
		if c.Key.String() == holder {
			return e.mapHolder(c.Key)
		}
	}
	t.Fatalf("the source has no holder %s", holder)
	return nil
}

// TestHoldersOnly: a role that keeps what it grants gets holders only if some come.
func TestHoldersOnly(t *testing.T) {
	t.Parallel()
	a, b := Key{Type: "User", Value: `KEYEXAMPLE\a`, Scheme: "Active Directory"}, Key{Type: "User", Value: `KEYEXAMPLE\b`, Scheme: "Active Directory"}
	held := func(keys ...Key) *snapshot.Role {
		r := &snapshot.Role{}
		for _, k := range keys {
			r.Holders = append(r.Holders, snapshot.Holder{Key: k})
		}
		return r
	}
	for _, c := range []struct {
		res  result
		want string
	}{
		{result{holds: true, existing: plan.Add}, "stays as it is"},
		{result{holds: true, existing: plan.Add, now: held(a)}, "stays as it is"},
		{result{holds: true, existing: plan.Add, now: held(a), holders: []Key{a}}, "stays as it is"},
		{result{holds: true, existing: plan.Add, now: held(a), holders: []Key{a, b}}, "gets holders"},
		{result{holds: true, existing: plan.Add, holders: []Key{b}}, "gets holders"},
		{result{holds: false, existing: plan.Add, holders: []Key{b}}, "stays as it is"},
		{result{holds: true, existing: plan.Replace, now: held(a)}, "loses its holders"},
		{result{holds: true, existing: plan.Replace, now: held(a), holders: []Key{b}}, "gets holders"},
		{result{holds: true, existing: plan.Replace, now: held(a, b), holders: []Key{b}}, "loses holders"},
		{result{holds: true, existing: plan.Replace, now: held(b), holders: []Key{b}}, "stays as it is"},
	} {
		if got := c.res.holdersOnly(); got != c.want {
			t.Errorf("now %v, holders %v, %s: %q, want %q", c.res.now, c.res.holders, c.res.existing, got, c.want)
		}
	}
}

// TestBuiltInWithoutHolders: the report does not say that a role gets holders if there
// are none.
func TestBuiltInWithoutHolders(t *testing.T) {
	t.Parallel()
	source := tenant(t, 2, 30)
	r := &source.Roles[slices.IndexFunc(source.Roles, func(r snapshot.Role) bool { return r.Name == reporting })]
	r.Holders = nil
	rules, err := parseRules("rules.yaml", []byte("roles: [{name: '"+reporting+"', accept: [built-in-role]}]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, report, err := Desired(source, empty(t, source), rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table(report, "roles").Rows {
		if row.Cells[0].Text == reporting && row.Cells[1].Text != "stays as it is" {
			t.Errorf("the role becomes: %q", row.Cells[1].Text)
		}
	}
}

// TestDroppedAndHeldElsewhere: what somebody can no longer do is what they could, and can
// do through no other permission and no other role.
func TestDroppedAndHeldElsewhere(t *testing.T) {
	t.Parallel()
	const pending, participate, manage = "CertificateEnrollment:PendingCsr", "WorkflowManagement:Participate", "/certificates/requests/manage/"
	source := tenant(t, 2, 30)
	a, b := Key{Type: "User", Value: `KEYEXAMPLE\a`, Scheme: "Active Directory"}, Key{Type: "User", Value: `KEYEXAMPLE\b`, Scheme: "Active Directory"}
	role := func(name string, id int, permitted []permissions.Legacy, keys ...Key) snapshot.Role {
		r := snapshot.Role{ID: id, Name: name, Names: permitted, Versions: []int{1}, ObjectNames: true, PermissionSetID: admin.GlobalSet}
		for _, k := range keys {
			r.Holders = append(r.Holders, snapshot.Holder{Key: k, Versions: []int{1}})
		}
		return r
	}
	source.Roles = []snapshot.Role{
		role("Requesters", 101, []permissions.Legacy{pending}, a, b),
		role("Approvers", 102, []permissions.Legacy{participate}, b),
		role("Both", 103, []permissions.Legacy{pending, participate}),
	}
	rules, err := parseRules("rules.yaml", []byte("decisions: [{name: '"+pending+"', drop: true}, {name: '"+participate+"', paths: ["+manage+"]}]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	target := empty(t, source)
	d, r, err := Desired(source, target, rules)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Roles) != 3 {
		t.Fatalf("%d roles are migrated: %+v", len(d.Roles), r.Findings)
	}
	verified := Verify(source, apply(t, target, d), rules)
	lost := map[string][]string{}
	for _, row := range slices.Concat(table(r, "holders").Rows, table(verified, "meant").Rows, table(verified, "same").Rows) {
		for _, i := range row.Cells[2].Items {
			lost[row.Cells[0].Text] = append(lost[row.Cells[0].Text], i.Code+" "+i.Text)
		}
	}
	const handle = manage + " handle CSRs that were generated but not yet enrolled (through " + pending + ")"
	if want := []string{handle, handle}; !slices.Equal(lost[a.String()], want) { // and not approving requests, which they never could
		t.Errorf("he can no longer: %q, want %q", lost[a.String()], want)
	}
	if got := lost[b.String()]; got != nil {
		t.Errorf("another role grants it, and the report says that he can no longer: %q", got)
	}
	for _, row := range table(r, "permissions").Rows {
		if row.Cells[0].Text != pending {
			continue
		}
		want := "handle CSRs that were generated but not yet enrolled"
		if row.Filter == "Both" {
			want = ""
			if !strings.Contains(row.Cells[5].Text, "What it became is still granted by "+participate) {
				t.Errorf("the decision is %q", row.Cells[5].Text)
			}
		}
		if row.Cells[4].Text != want {
			t.Errorf("%s loses %q, want %q", row.Filter, row.Cells[4].Text, want)
		}
	}
}

// TestAlike: what is to be said of many roles is one finding, which names them all.
func TestAlike(t *testing.T) {
	t.Parallel()
	const n = 40
	source := tenant(t, 3, n+10)
	target := empty(t, source)
	target.Permissions = []permissions.Path{"/portal/read/"}
	long := strings.Repeat("x", 5000)
	for i := range source.Roles {
		r := &source.Roles[i]
		if isBuiltIn(r.Name) || i >= n {
			continue
		}
		r.Names = []permissions.Legacy{"Reports:Read"}
		if i%2 == 0 {
			r.Enabled = new(false)
		} else {
			r.Enabled, r.Description = new(true), long
		}
	}
	_, r, err := Desired(source, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, f := range r.Findings {
		switch Code(f.Code) {
		case CodeDisabled, CodeCut, CodeUnlisted:
			if strings.Contains(f.Title, "/reports/read/") || Code(f.Code) != CodeUnlisted {
				count[f.Code]++
				if len(f.Roles) < n/2-4 {
					t.Errorf("%s names %d roles: %s", f.Code, len(f.Roles), f.Title)
				}
			}
		}
		if Code(f.Code) == CodeDisabled && !strings.Contains(f.Title, "roles are left out, each for this reason. It is disabled") {
			t.Errorf("the title is %q", f.Title)
		}
	}
	for _, code := range []Code{CodeDisabled, CodeCut, CodeUnlisted} {
		if count[string(code)] != 1 {
			t.Errorf("there are %d findings %s", count[string(code)], code)
		}
	}
}
