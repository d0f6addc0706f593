package review_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// grants are grants as "holder role path part".
func grants(list []review.Grant) []string {
	out := []string{}
	for _, g := range list {
		s := g.Holder.Value + " | " + g.Role + " | " + string(g.Path)
		if g.Part {
			s += " | part"
		}
		out = append(out, s)
	}
	return out
}

func TestWhoCan(t *testing.T) {
	t.Parallel()
	r := review.New(sample(), nil)
	for _, c := range []struct {
		path permissions.Path
		want []string
	}{
		{"/certificates/collections/private_key/read/", []string{
			`KEYEXAMPLE\PKI Administrators | Administrator | /`,
			"web-team | Key export | /certificates/collections/private_key/read/6/ | part",
		}},
		{"/certificates/collections/private_key/read/60/", []string{`KEYEXAMPLE\PKI Administrators | Administrator | /`}},
		{"certificates/Collections/read/6", []string{
			`KEYEXAMPLE\PKI Administrators | Administrator | /`,
			"web-team | Key export | /certificates/collections/read/6/",
			"web-team | Lookers | /certificates/collections/read/",
			`KEYEXAMPLE\jsmith | Readers | /certificates/collections/read/`,
		}},
		{"/security/modify/", []string{`KEYEXAMPLE\PKI Administrators | Administrator | /`, `KEYEXAMPLE\rpatel | Security officers | /security/`}},
	} {
		if got := grants(r.WhoCan(c.path)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("WhoCan(%s) =\n%s\nwant\n%s", c.path, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestCan(t *testing.T) {
	t.Parallel()
	r := review.New(sample(), nil)
	want := []string{
		"web-team | Key export | /certificates/collections/private_key/read/6/",
		"web-team | Key export | /certificates/collections/read/6/",
		"web-team | Lookers | /certificates/collections/read/",
		"web-team | Lookers | /portal/read/",
		"web-team | Operators | /certificates/enrollment/csr/",
		"web-team | Operators | /certificates/requests/manage/",
		"web-team | Operators | /portal/read/",
	}
	got := r.Can(web)
	if list := grants(got); !reflect.DeepEqual(list, want) {
		t.Errorf("Can =\n%s", strings.Join(list, "\n"))
	}
	if got[0].Text != `download private keys of certificates in collection "Web servers" (6)` {
		t.Errorf("the text is %q", got[0].Text)
	}
	if got := r.Can(user("GONE")); len(got) != 1 || !got[0].Disabled {
		t.Errorf("Can of an account in another case, with a disabled role = %v", got)
	}
	if got := r.Can(user("nobody")); got == nil || len(got) != 0 {
		t.Errorf("Can of nobody = %v", got)
	}
}

func TestLegacyGrants(t *testing.T) {
	t.Parallel()
	r := review.New(legacy(), nil)
	got := r.WhoCan(approve)
	if len(got) != 2 || !got[0].Assumed || got[1].Name != "WorkflowManagement:Manage" || got[1].Confidence != permissions.ConfidenceGuess {
		t.Errorf("WhoCan = %+v", got)
	}
	// A server that proves that the name stands for something else.
	proof := permissions.Learn([]permissions.Observation{
		{Role: "a", Names: []permissions.Legacy{"WorkflowManagement:Manage"}, Paths: []permissions.Path{"/workflows/instances/manage/"}, Exact: true},
	}, []permissions.Path{"/workflows/instances/manage/", approve})
	r = review.New(legacy(), &review.Options{Overlay: proof.Overlay(permissions.OverlaySource{Version: "11.0", Date: time.Now()})})
	if got := r.WhoCan(approve); len(got) != 1 {
		t.Errorf("with an overlay, WhoCan = %+v", got)
	}
	if got := r.WhoCan("/workflows/instances/manage/"); len(got) != 2 || got[1].Confidence != permissions.ConfidenceProven {
		t.Errorf("with an overlay, WhoCan of the proven path = %+v", got)
	}
}

// TestRefuted: what a server's own roles speak against is not counted.
func TestRefuted(t *testing.T) {
	t.Parallel()
	proof := permissions.Learn([]permissions.Observation{
		{Role: "a", Names: []permissions.Legacy{"WorkflowManagement:Manage"}, Paths: []permissions.Path{"/workflows/instances/manage/", "/ssl/read/"}},
	}, []permissions.Path{"/workflows/instances/manage/", "/ssl/read/", approve})
	r := review.New(legacy(), &review.Options{Overlay: proof.Overlay(permissions.OverlaySource{Version: "11.0", Date: time.Now()})})
	if got := grants(r.WhoCan(approve)); len(got) != 1 {
		t.Errorf("WhoCan = %v", got)
	}
	if !slices.ContainsFunc(r.Findings(), func(f report.Finding) bool { return f.Code == review.CodeName && f.Roles[0].Text == "Enroll" }) {
		t.Error("it is not said that the name was not converted")
	}
}

// TestSpellings: two spellings of one account at one role are one holder.
func TestSpellings(t *testing.T) {
	t.Parallel()
	s := sample()
	s.Roles[1].Holders = by(user("JSMITH"), user("jsmith"))
	if got := review.New(s, nil).WhoCan(csr); len(got) != 3 {
		t.Errorf("WhoCan = %v", grants(got))
	}
}

// TestPeople: a person is named only for what no account of theirs can do alone, and
// not for a name that may be somebody else's.
func TestPeople(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]bool{
		"people: [{name: Jo, holders: [jsmith, adm_jsmith]}]":                                      true,
		"people: [{name: Jo, holders: [jsmith, adm_jsmith, rpatel]}]":                              false, // who can alone
		"people: [{name: Jo, holders: [jsmith]}]":                                                  false,
		"people: [{name: Jo, holders: [jsmith, twin]}]":                                            false, // there are two
		"people: [{name: Jo, holders: [jsmith, 'User:OTHER\\twin']}]":                              true,
		"people: [{name: Jo, holders: [pipeline, jsmith]}]\nteams: [{name: Jos, holders: [gone]}]": false,
	} {
		people, err := review.ParsePeople(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		s := sample()
		for _, domain := range []string{"KEYEXAMPLE", "OTHER"} {
			k := user("twin")
			k.Value = domain + `\twin`
			s.Roles[2].Holders = append(s.Roles[2].Holders, by(k)...) // Approvers
		}
		r := review.New(s, &review.Options{People: people})
		got := slices.ContainsFunc(r.Findings(), func(f report.Finding) bool { return strings.HasPrefix(f.Title, `"Jo" `) })
		if got != want {
			t.Errorf("%s: named %v, want %v", file, got, want)
		}
		ambiguous := slices.ContainsFunc(r.Report().Notes, func(n report.Note) bool { return strings.HasPrefix(n.Text, `"twin". None of them was used.`) })
		if ambiguous != strings.Contains(file, " twin") {
			t.Errorf("%s: it is said that a name is ambiguous: %v", file, ambiguous)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	s := sample()
	s.Claims = append(s.Claims, snapshot.Claim{Key: snapshot.Key{Type: holders.TypeOAuthRole, Value: "web-team", Scheme: "Other"}, Versions: []int{2}})
	r := review.New(s, nil)
	for text, want := range map[string][]snapshot.Key{
		"OAuthRole:web-team@System":               {web},
		"OAuthRole web-team (System)":             {web},
		"OAuthRole:web-team":                      {{Type: web.Type, Value: web.Value, Scheme: "Other"}, web},
		"oauthrole:web-team@System":               nil,
		"WEB-TEAM":                                nil,
		`keyexample\JSMITH`:                       {jane},
		" adm_jsmith ":                            {janeAdm},
		`user:keyexample\jsmith@active directory`: {jane},
		"OAuthSubject:old@example.com@System":     {unusedID},
		"old@example.com":                         {unusedID},
		"":                                        nil,
	} {
		if got := r.Find(text); !reflect.DeepEqual(got, want) {
			t.Errorf("Find(%q) = %v, want %v", text, got, want)
		}
	}
}

// TestQuestionsAgainstModel compares the questions, and the built-in duty rules, with
// what somebody would do who reads the roles one by one.
func TestQuestionsAgainstModel(t *testing.T) {
	t.Parallel()
	paths := []permissions.Path{
		"/", "/certificates/", "/certificates/collections/", "/certificates/collections/read/", "/certificates/collections/read/6/",
		"/certificates/collections/read/60/", keys6, csr, approve, "/security/modify/", "/security/", "/workflows/definitions/modify/",
		"/workflows/instances/read/pending/", "/certificate_templates/modify/", "/ssl/modify/", "/portal/read/", "/pam/read/3/", "Certificates/Import", "no path?",
	}
	people := []snapshot.Key{jane, ravi, admins, pipeline, web}
	rapid.Check(t, func(t *rapid.T) {
		s := &snapshot.Snapshot{}
		for i := range rapid.IntRange(0, 6).Draw(t, "roles") {
			held := rapid.SliceOfDistinct(rapid.SampledFrom(people), func(k snapshot.Key) string { return k.Value }).Draw(t, "holders")
			s.Roles = append(s.Roles, role(i+1, fmt.Sprintf("role %d", i), by(held...), rapid.SliceOf(rapid.SampledFrom(paths)).Draw(t, "paths")...))
		}
		r := review.New(s, nil)
		for _, asked := range append(paths, "/certificates/collections/private_key/read/", "/pam/read/") {
			want := map[string]bool{} // holder, role, part
			for _, role := range s.Roles {
				for _, h := range role.Holders {
					whole := slices.ContainsFunc(role.Paths, func(p permissions.Path) bool { return p.Covers(asked) })
					part := slices.ContainsFunc(role.Paths, func(p permissions.Path) bool {
						_, scoped := p.Scope()
						return scoped && p.Unscoped() == asked.Canonical()
					})
					if whole || part {
						want[fmt.Sprint(h.Key, role.Name, !whole)] = true
					}
				}
			}
			got := map[string]bool{}
			for _, g := range r.WhoCan(asked) {
				got[fmt.Sprint(g.Holder, g.Role, g.Part)] = true
				if !g.Part && !g.Path.Covers(asked) || g.Part && !asked.Covers(g.Path) {
					t.Fatalf("%s does not grant %s", g.Path, asked)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("WhoCan(%s) = %v, want %v", asked, got, want)
			}
		}
		for _, k := range people {
			checkCan(t, s, k, r.Can(k))
			for _, rule := range review.BuiltIn() {
				if got, want := breaks(r, rule, k), meets(s, rule, k); got != want {
					t.Fatalf("%v breaks %s: %v, want %v", k, rule.Name, got, want)
				}
			}
		}
	})
}

// checkCan checks that somebody can do exactly what their roles have.
func checkCan(t *rapid.T, s *snapshot.Snapshot, k snapshot.Key, got []review.Grant) {
	want := map[string]permissions.Set{}
	for _, role := range s.Roles {
		if len(role.Paths) > 0 && slices.ContainsFunc(role.Holders, func(h snapshot.Holder) bool { return h.Key == k }) {
			want[role.Name] = permissions.NewSet(role.Paths...)
		}
	}
	have := map[string]permissions.Set{}
	for _, g := range got {
		have[g.Role] = have[g.Role].Add(g.Path)
	}
	if len(have) != len(want) {
		t.Fatalf("%v can %v, want %v", k, have, want)
	}
	for name, set := range want {
		if !have[name].Equal(set) {
			t.Fatalf("%v can %v through %s, want %v", k, have[name], name, set)
		}
	}
}

// breaks reports whether a review has a finding about a rule and a holder.
func breaks(r *review.Review, rule review.Rule, k snapshot.Key) bool {
	return slices.ContainsFunc(r.Findings(), func(f report.Finding) bool {
		return f.Code == review.CodeDuty+rule.Name && slices.ContainsFunc(f.Holders, func(i report.Item) bool { return i.Text == k.String() })
	})
}

// meets reports whether the roles of a holder meet a rule, apart from roles that grant
// everything.
func meets(s *snapshot.Snapshot, rule review.Rule, k snapshot.Key) bool {
	var all []permissions.Path
	alone, everything := false, false
	side := func(paths []permissions.Path, side review.Side) bool {
		return slices.ContainsFunc(side.Paths, func(p permissions.Path) bool {
			return slices.ContainsFunc(paths, func(q permissions.Path) bool {
				_, scoped := q.Scope()
				return q.Covers(p) || scoped && q.Unscoped() == p
			})
		})
	}
	met := func(paths []permissions.Path) bool {
		return !slices.ContainsFunc(rule.Sides, func(x review.Side) bool { return !side(paths, x) })
	}
	for _, role := range s.Roles {
		if !slices.ContainsFunc(role.Holders, func(h snapshot.Holder) bool { return h.Key == k }) {
			continue
		}
		if slices.Contains(role.Paths, "/") {
			everything = true
			continue
		}
		alone = alone || met(role.Paths)
		all = append(all, role.Paths...)
	}
	return alone || !everything && met(all)
}

// codes are the codes of findings, each once.
func codes(findings []report.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestNothingClaimed: what was not read is not said to be wrong.
func TestNothingClaimed(t *testing.T) {
	t.Parallel()
	s := sample()
	s.Gaps = []snapshot.Gap{{Part: snapshot.PartRolesV1, Reason: snapshot.ReasonRefused}, {Part: snapshot.PartPermissions, Reason: snapshot.ReasonRefused}}
	for i := range s.Roles {
		s.Roles[i].Enabled, s.Roles[i].Valid, s.Roles[i].Versions = nil, nil, []int{2}
	}
	for i := range s.Claims {
		s.Claims[i].Valid = nil
	}
	s.Permissions = nil
	r := review.New(s, nil)
	for _, code := range []string{review.CodeDisabled, review.CodeMembers, review.CodeSignature, review.CodeUnlisted} {
		if slices.Contains(codes(r.Findings()), code) {
			t.Errorf("there is a finding %s", code)
		}
	}
	if f := r.Report().Figures[0]; !f.Unknown {
		t.Errorf("the figure of broken signatures is known: %+v", f)
	}
	// On Command 10 both versions are not expected to be alike; roles of a newer
	// server that were read through version 1 only may have more holders.
	s = sample()
	s.Server.Version = "10.5.0"
	if got := codes(review.New(s, nil).Findings()); slices.Contains(got, review.CodeMembers) {
		t.Errorf("on 10.5 there is %v", got)
	}
	s = sample()
	s.Gaps = append(s.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonRefused})
	for i := range s.Roles {
		s.Roles[i].Versions, s.Roles[i].Paths = []int{1}, nil
	}
	got := codes(review.New(s, nil).Findings())
	if slices.Contains(got, review.CodeUnheld) || slices.Contains(got, review.CodeIdle) {
		t.Errorf("without version 2 there is %v", got)
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	var sheet bytes.Buffer
	if err := review.New(sample(), options(t)).Report().WriteWorksheet(&sheet); err != nil {
		t.Fatal(err)
	}
	// Somebody accepts everything until the end of the year.
	lines := strings.Split(strings.TrimSpace(sheet.String()), "\r\n")
	for i := range lines[1:] {
		lines[i+1] = strings.TrimSuffix(lines[i+1], ",,,,") + ",accept,Jane,it is meant so,2026-12-31\r\n"
	}
	accepted, err := report.ParseAccepted(strings.NewReader(strings.Join(append([]string{lines[0] + "\r\n"}, lines[1:]...), "")))
	if err != nil {
		t.Fatal(err)
	}
	opts := options(t)
	opts.Accepted = accepted
	r := review.New(sample(), opts)
	if len(r.Unused()) > 0 || len(accepted) != len(r.Findings()) {
		t.Errorf("%d accepted, %d findings, unused %v", len(accepted), len(r.Findings()), r.Unused())
	}
	if lead := r.Report().Lead; !strings.Contains(lead, "No finding is open") {
		t.Errorf("the lead is %q", lead)
	}
	opts.Made = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if lead := review.New(sample(), opts).Report().Lead; strings.Contains(lead, "No finding is open") {
		t.Errorf("after they expired, the lead is %q", lead)
	}
	// One more holder of Operators: nobody accepted that.
	s := sample()
	s.Roles[3].Holders = by(web, pipeline)
	opts.Made = time.Time{}
	r = review.New(s, opts)
	open := 0
	for _, f := range r.Findings() {
		if f.Accepted == nil {
			open++
		}
	}
	if open == 0 || len(r.Unused()) == 0 {
		t.Errorf("with another holder %d findings are open, %d acceptances unused", open, len(r.Unused()))
	}
	if !slices.ContainsFunc(r.Report().Tables, func(t report.Table) bool { return t.ID == "unused" && len(t.Rows) == len(r.Unused()) }) {
		t.Error("the report does not list the unused acceptances")
	}
}

// TestIDs: no two findings have the same ID, and the order of the snapshot's lists
// does not matter.
func TestIDs(t *testing.T) {
	t.Parallel()
	first := review.New(sample(), options(t)).Report()
	ids := map[string]bool{}
	for _, f := range first.Findings {
		if ids[f.ID] {
			t.Errorf("two findings are %s", f.ID)
		}
		ids[f.ID] = true
	}
	s := sample()
	slices.Reverse(s.Roles)
	slices.Reverse(s.Claims)
	for i := range s.Roles {
		slices.Reverse(s.Roles[i].Holders)
		slices.Reverse(s.Roles[i].Paths)
	}
	if second := review.New(s, options(t)).Report(); !reflect.DeepEqual(first, second) {
		t.Error("the report depends on the order of the snapshot")
	}
}

// TestContained compares the roles found to be contained with all pairs of roles.
func TestContained(t *testing.T) {
	t.Parallel()
	paths := []permissions.Path{"/", "/ssl/", "/ssl/read/", "/ssl/modify/", "/portal/read/", "/certificates/", "/certificates/import/", csr, "odd"}
	rapid.Check(t, func(t *rapid.T) {
		s := &snapshot.Snapshot{}
		for i := range rapid.IntRange(0, 80).Draw(t, "roles") {
			s.Roles = append(s.Roles, role(i+1, fmt.Sprintf("role %d", i), nil, rapid.SliceOfN(rapid.SampledFrom(paths), 0, 4).Draw(t, "paths")...))
		}
		contained := map[string]bool{} // sets
		sets := map[string]permissions.Set{}
		for _, a := range s.Roles {
			set := permissions.NewSet(a.Paths...)
			sets[a.Name] = set
			for _, b := range s.Roles {
				other := permissions.NewSet(b.Paths...)
				if set.Len() > 0 && !other.Allows("/") && other.Covers(set) && !set.Equal(other) {
					contained[set.String()] = true
				}
			}
		}
		found, further := 0, 0
		for _, f := range review.New(s, nil).Findings() {
			switch f.Code {
			case review.CodeContained:
				found++
				if inner, outer := sets[f.Roles[0].Text], sets[f.Roles[1].Text]; !outer.Covers(inner) || inner.Equal(outer) {
					t.Fatalf("%s: %v and %v", f.Title, inner, outer)
				}
			case review.CodeContainedFurther:
				further++
			}
		}
		if want := min(len(contained), 50); found != want || (further > 0) != (len(contained) > 50) {
			t.Fatalf("%d contained and further %d, want %d", found, further, len(contained))
		}
	})
}

// TestContainedFurther: fifty are told, the rest are counted.
func TestContainedFurther(t *testing.T) {
	t.Parallel()
	s := &snapshot.Snapshot{}
	var paths []permissions.Path
	for i := range 60 {
		paths = append(paths, permissions.Path(fmt.Sprintf("/ssl/x%d/", i)))
		s.Roles = append(s.Roles, role(i+1, fmt.Sprintf("role %d", i), nil, slices.Clone(paths)...))
	}
	found := 0
	further := ""
	for _, f := range review.New(s, nil).Findings() {
		switch f.Code {
		case review.CodeContained:
			found++
		case review.CodeContainedFurther:
			further = f.Title
		}
	}
	if found != 50 || further != "9 further roles contained in others" {
		t.Errorf("%d found, and %q", found, further)
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	s := sample()
	s.Roles[2].Holders = []snapshot.Holder{
		{Key: user("only1"), Versions: []int{1}},
		{Key: user("only2"), Versions: []int{2}},
		{Key: ravi, Versions: []int{1, 2}},
		{Key: web, Versions: []int{2}},
		{Key: snapshot.Key{Type: holders.TypeComputer, Value: `KEYEXAMPLE\HOST$`, Scheme: holders.SchemeActiveDirectory}, Versions: []int{2}},
	}
	for _, f := range review.New(s, nil).Findings() {
		if f.Code == review.CodeMembers {
			var got []string
			for _, h := range f.Evidence {
				got = append(got, h.Text)
			}
			want := []string{`only version 1 shows User KEYEXAMPLE\only1 (Active Directory)`, `only version 2 shows User KEYEXAMPLE\only2 (Active Directory)`}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the evidence is %q", got)
			}
			return
		}
	}
	t.Error("there is no finding")
}

// hostile is what a server may call things.
var hostile = []string{
	"<script>alert(1)</script>", "\u202egnitrevni", "a\nFAKE: b\r\n\x1b[31mred", `=HYPERLINK("http://x")`, strings.Repeat("long ", 4000), "\xff\xfe", `"; "quoted"`, "", "{{.}}",
}

// TestHostile: whatever things are called, it is shown as text.
func TestHostile(t *testing.T) {
	t.Parallel()
	s := sample()
	for i, name := range hostile {
		at := i % len(s.Roles)
		s.Roles[at].Name, s.Roles[at].Description = name, name
		s.Roles[at].Paths = append(s.Roles[at].Paths, permissions.Path(name))
		s.Roles[at].Holders = by(snapshot.Key{Type: holders.Type(name), Value: name, Scheme: name}, web)
		s.Collections = append(s.Collections, snapshot.Collection{ID: 100 + i, Name: name, Query: name})
		s.Gaps = append(s.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Object: name, Reason: snapshot.Reason(name), Detail: name, Option: name})
	}
	s.Server.URL, s.Account, s.Server.Version = hostile[0], hostile[1], hostile[2]
	for _, r := range []*report.Report{
		review.New(s, options(t)).Report(), review.Changes(snapshot.Compare(sample(), s), options(t)), review.Changes(snapshot.Compare(s, later()), nil),
	} {
		for _, f := range r.Findings {
			if n := len(f.Title); n > 5000 {
				t.Errorf("a title of %d bytes: %.100s...", n, f.Title)
			}
		}
		for _, write := range []func(io.Writer) error{r.WriteText, r.WriteCSV, r.WriteJSON, r.WriteHTML, r.WriteWorksheet} {
			var b strings.Builder
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			text := strings.TrimPrefix(b.String(), "\uFEFF")
			if strings.Contains(text, "<script>alert") && strings.Contains(text, "<!doctype html>") {
				t.Error("markup of the server is on the page")
			}
			if i := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && c != '\r' && c != '\t' && show.Hidden(c) }); i >= 0 {
				t.Errorf("%q is shown", text[i:min(i+20, len(text))])
			}
		}
	}
}

// TestCodesAreDocumented: every code is in the table of docs/access-review.md, with
// its title.
func TestCodesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/access-review.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (?:[a-z]+) \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		rows[m[1]] = m[2]
	}
	for _, g := range review.Guides() {
		if rows[g.Code] != g.Title {
			t.Errorf("docs/access-review.md: the row of `%s` says %q, not %q", g.Code, rows[g.Code], g.Title)
		}
		if g.Title == "" || g.Why == "" || g.Do == "" {
			t.Errorf("the guide of %s is not complete", g.Code)
		}
		delete(rows, g.Code)
	}
	for code := range rows {
		t.Errorf("docs/access-review.md: there is no code %s", code)
	}
	for _, s := range []*snapshot.Snapshot{sample(), later(), legacy()} {
		for _, f := range review.New(s, nil).Findings() {
			if !slices.ContainsFunc(review.Guides(), func(g report.Guide) bool { return g.Code == f.Code }) {
				t.Errorf("%s has no guide", f.Code)
			}
		}
	}
}

// big is a server with n roles, five times as many claims and twice as many
// identities.
func big(n int) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Server: snapshot.Server{URL: "https://command.example.com/KeyfactorAPI", Version: "25.4.1"}}
	var leaves []permissions.Path
	for _, p := range permissions.Catalogue().Paths {
		s.Permissions = append(s.Permissions, p.Path)
		if p.Kind == permissions.KindLeaf {
			leaves = append(leaves, p.Path)
		}
	}
	for i := range n * 7 {
		k := snapshot.Key{Type: holders.TypeOAuthSubject, Value: fmt.Sprintf("user%d@example.com", i), Scheme: "System"}
		if i >= n*5 {
			k = user(fmt.Sprintf("user%d", i))
		}
		s.Claims = append(s.Claims, snapshot.Claim{Key: k, ClaimID: i + 1, Versions: []int{2}})
	}
	for i := range n {
		held := []snapshot.Key{}
		for k := range 10 {
			held = append(held, s.Claims[(i*37+k*101)%len(s.Claims)].Key)
		}
		paths := []permissions.Path{"/portal/read/", permissions.Path(fmt.Sprintf("/certificates/collections/read/%d/", i+1))}
		for k := range 4 {
			paths = append(paths, leaves[(i*13+k*7)%len(leaves)])
		}
		s.Roles = append(s.Roles, role(i+1, fmt.Sprintf("role %d", i), by(held...), paths...))
		s.Collections = append(s.Collections, snapshot.Collection{ID: i + 1, Name: fmt.Sprintf("collection %d", i), Query: "x"})
	}
	return s
}

// TestGrowth: four times as much takes less than eight times as many allocations.
func TestGrowth(t *testing.T) {
	for name, work := range map[string]func(*snapshot.Snapshot){
		"review": func(s *snapshot.Snapshot) { review.New(s, nil).Report() },
		"changes": func(s *snapshot.Snapshot) {
			review.Changes(&snapshot.Comparison{From: s, To: &snapshot.Snapshot{}}, nil)
		},
	} {
		small, large := big(50), big(200)
		one, four := testing.AllocsPerRun(1, func() { work(small) }), testing.AllocsPerRun(1, func() { work(large) })
		if four > 8*one {
			t.Errorf("%s: %.0f allocations, and %.0f for four times as much", name, one, four)
		}
	}
}

// TestGaps: names for single objects are missing only if there are no paths.
func TestGaps(t *testing.T) {
	t.Parallel()
	gap := snapshot.Gap{Part: snapshot.PartObjectNames, Reason: snapshot.ReasonNotAsked, Option: "Proof"}
	s := sample()
	s.Gaps = append(s.Gaps, gap)
	if got := review.New(s, nil).Gaps(); len(got) != 1 {
		t.Errorf("with paths: %+v", got)
	}
	s = legacy()
	s.Gaps = append(s.Gaps, gap, snapshot.Gap{Part: snapshot.PartRolesV1, Object: "b", Reason: snapshot.ReasonFailed}, snapshot.Gap{Part: snapshot.PartRolesV1, Object: "a", Reason: snapshot.ReasonFailed})
	got := review.New(s, nil).Gaps()
	if len(got) != 2 || got[0].Do != "Take the snapshot with --proof." || got[1].What != `roles, version 1 of "a" and "b"` {
		t.Errorf("without paths: %+v", got)
	}
}

// TestContainedBound: what is beyond the bound of the search is not said to be contained in nothing.
func TestContainedBound(t *testing.T) {
	t.Parallel()
	const bound = 2000
	for _, many := range []int{10, bound} {
		s := &snapshot.Snapshot{}
		add := func(paths ...permissions.Path) {
			s.Roles = append(s.Roles, snapshot.Role{ID: len(s.Roles) + 1, Name: fmt.Sprintf("Role %05d", len(s.Roles)), Versions: []int{2}, Paths: paths})
		}
		add("/portal/read/", "/reports/read/")
		for i := range many {
			add("/portal/read/", permissions.Path(fmt.Sprintf("/a/%d/", i)))
			add("/reports/read/", permissions.Path(fmt.Sprintf("/b/%d/", i)))
		}
		r := review.New(s, nil)
		if slices.ContainsFunc(r.Findings(), func(f review.Finding) bool { return f.Code == review.CodeContained }) {
			t.Error("a role is contained in another one")
		}
		said := slices.ContainsFunc(r.Report().Notes, func(n report.Note) bool {
			return n.Title == "Contained roles" && strings.HasPrefix(n.Text, "1 role was compared with 2000 others only")
		})
		if want := many == bound; said != want {
			t.Errorf("with %d roles, it is said that not all were compared: %v, want %v", len(s.Roles), said, want)
		}
	}
}

func TestChangesBetweenServers(t *testing.T) {
	t.Parallel()
	other := sample()
	other.Server.URL = "https://other.example.com/KeyfactorAPI"
	other.Collections[0].ID = 66
	other.Roles[4].Paths = []permissions.Path{"/certificates/collections/private_key/read/66/", "/certificates/collections/read/66/"}
	changes := review.Changes(snapshot.Compare(sample(), other), nil)
	if want := "What is different on https://other.example.com/KeyfactorAPI from https://command.example.com/KeyfactorAPI"; changes.Title != want {
		t.Errorf("the title is %q, want %q", changes.Title, want)
	}
	for _, change := range changes.Changes {
		if change.Group == "What holders can do" {
			t.Errorf("the same rights under another id are a change: %+v", change)
		}
	}
	// On one server, another id is another collection.
	other.Server.URL = sample().Server.URL
	if r := review.Changes(snapshot.Compare(sample(), other), nil); r.Figures[0].Number != 1 || r.Figures[1].Number != 1 {
		t.Errorf("on one server, the figures are %+v", r.Figures[:2])
	}
}

// TestChangesKeepOtherRoles: who loses a role and keeps the right lost nothing.
func TestChangesKeepOtherRoles(t *testing.T) {
	t.Parallel()
	before, after := sample(), sample()
	before.Roles[9].Holders = by(jane) // Lookers, which grants what Readers grants
	after.Roles[9].Holders = by()
	r := review.Changes(snapshot.Compare(before, after), nil)
	if r.Figures[0].Number != 0 || r.Figures[1].Number != 0 {
		t.Errorf("somebody gained or lost something: %+v", r.Figures[:2])
	}
	if r := review.Changes(snapshot.Compare(before, before), nil); !strings.HasPrefix(r.Lead, "Nothing changed") || len(r.Changes)+len(r.Findings) > 0 {
		t.Errorf("compared with itself: %s %+v", r.Lead, r.Findings)
	}
	if r := review.Changes(&snapshot.Comparison{}, nil); r == nil {
		t.Error("there is no report without snapshots")
	}
}

// TestLeadTellsGaps: gains and losses that may come from a gap are not told as if
// somebody had changed something.
func TestLeadTellsGaps(t *testing.T) {
	t.Parallel()
	const unsure = "may come from that alone"
	gained := sample()
	gained.Roles[9].Paths = append(gained.Roles[9].Paths, "/ssl/read/") // Lookers
	refused := func(part snapshot.Part) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Gaps = append(s.Gaps, snapshot.Gap{Part: part, Reason: snapshot.ReasonRefused})
		}
	}
	for name, test := range map[string]struct {
		lack func(*snapshot.Snapshot)
		want bool
	}{
		"all read": {func(*snapshot.Snapshot) {}, false},
		"a role in part": {func(s *snapshot.Snapshot) {
			s.Roles[2].Versions, s.Roles[2].Paths = []int{}, nil
			s.Gaps = append(s.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Object: s.Roles[2].Name, Reason: snapshot.ReasonFailed})
		}, true},
		"roles, version 1": {refused(snapshot.PartRolesV1), true},
		"claims":           {refused(snapshot.PartClaims), false},
		"collections":      {refused(snapshot.PartCollections), false},
		"collections of another server": {func(s *snapshot.Snapshot) {
			refused(snapshot.PartCollections)(s)
			s.Server.URL = "https://other.example.com/KeyfactorAPI"
		}, true},
	} {
		lacking := sample()
		test.lack(lacking)
		lacking.Gaps = slices.DeleteFunc(lacking.Gaps, func(g snapshot.Gap) bool { return g.Part == snapshot.PartContainers })
		whole := *gained
		whole.Gaps = nil
		for _, c := range []*snapshot.Comparison{snapshot.Compare(lacking, &whole), snapshot.Compare(&whole, lacking)} {
			if r := review.Changes(c, nil); strings.Contains(r.Lead, unsure) != test.want || strings.HasPrefix(r.Lead, "Nothing changed") {
				t.Errorf("%s: the lead is %q", name, r.Lead)
			}
		}
	}
	// Without any list of roles nothing is different, and everybody seems to have lost everything.
	none := sample()
	none.Roles = nil
	refused(snapshot.PartRolesV1)(none)
	refused(snapshot.PartRolesV2)(none)
	if r := review.Changes(snapshot.Compare(sample(), none), nil); !strings.Contains(r.Lead, unsure) {
		t.Errorf("without roles, the lead is %q", r.Lead)
	}
}

// TestFewerHolders: if somebody lost a role, what is found of it is not new, and what was
// accepted stays accepted. If somebody got it, it is new, and nobody accepted it.
func TestFewerHolders(t *testing.T) {
	t.Parallel()
	with := func(held ...snapshot.Key) *snapshot.Snapshot {
		s := sample()
		s.Roles = append(s.Roles, role(77, "Keepers; of keys", by(held...), "/security/"))
		return s
	}
	about := func(list []report.Finding) (found []report.Finding) {
		for _, f := range list {
			if f.Code == review.CodeSecurity && f.Roles[0].Text == "Keepers; of keys" {
				found = append(found, f)
			}
		}
		return found
	}
	two, one := with(ravi, pipeline), with(ravi)
	if got := about(review.Changes(snapshot.Compare(two, one), options(t)).Findings); len(got) > 0 {
		t.Errorf("one of two holders lost the role, and this is new: %v", got)
	}
	if got := about(review.Changes(snapshot.Compare(one, two), options(t)).Findings); len(got) != 1 {
		t.Errorf("one more holder got the role, and this is new: %v", got)
	}
	if got := about(review.Changes(snapshot.Compare(two, with(ravi, web)), options(t)).Findings); len(got) != 1 {
		t.Errorf("another holder got the role, and this is new: %v", got)
	}

	accept := func(s *snapshot.Snapshot, replace ...string) []report.Acceptance {
		f := about(review.New(s, options(t)).Findings())[0]
		f.Accepted = &report.Acceptance{Owner: "Jane", Reason: "they look after it", Until: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)}
		var sheet bytes.Buffer
		if err := (&report.Report{Findings: []report.Finding{f}}).WriteWorksheet(&sheet); err != nil {
			t.Fatal(err)
		}
		accepted, err := report.ParseAccepted(strings.NewReader(strings.NewReplacer(replace...).Replace(sheet.String())))
		if err != nil {
			t.Fatal(err)
		}
		return accepted
	}
	for _, c := range []struct {
		name     string
		accepted []report.Acceptance
		now      *snapshot.Snapshot
		want     bool
	}{
		{"the same", accept(two), two, true},
		{"one went", accept(two), one, true},
		{"all went", accept(two), with(), true},
		{"one came", accept(one), two, false},
		{"another one", accept(one), with(web), false},
		{"another right", accept(two), func() *snapshot.Snapshot {
			s := with(ravi)
			s.Roles[len(s.Roles)-1].Paths = []permissions.Path{"/security/modify/"}
			return s
		}(), false},
		{"somebody wrote more holders into the list", accept(one, ravi.String(), ravi.String()+"; "+web.String()), with(web), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opts := options(t)
			opts.Accepted = c.accepted
			r := review.New(c.now, opts)
			got := about(r.Findings())
			if len(got) != 1 || (got[0].Accepted != nil) != c.want || (len(r.Unused()) == 0) != c.want {
				t.Errorf("got %+v, unused %v", got, r.Unused())
			}
		})
	}
}
