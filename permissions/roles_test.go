package permissions_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

func TestParseRoles(t *testing.T) {
	operators := permissions.LegacyRole{Role: "Operators", Names: names("AdminPortal:Read", "Collections[6]:Read")}
	empty := permissions.LegacyRole{Role: "Empty", Names: []permissions.Legacy{}}
	for text, want := range map[string][]permissions.LegacyRole{
		"\ufeff# a comment\r\nAdminPortal:Read\r\n\r\nSSH:User\r\n":       {{Names: names("AdminPortal:Read", "SSH:User")}},
		"Operators:\n  AdminPortal:Read\n Collections[6]:Read\nEmpty :\n": {operators, empty},
		`["AdminPortal:Read"]`: {{Names: names("AdminPortal:Read")}},
		`{"Operators": ["AdminPortal:Read", "Collections[6]:Read"], "Empty": []}`:                                    {operators, empty},
		`[{"role": "Operators", "names": ["AdminPortal:Read", "Collections[6]:Read"]}, {"role":"Empty","names":[]}]`: {operators, empty},
		`[{"Id": 7, "Name": "Operators", "Permissions": ["AdminPortal:Read", "Collections[6]:Read"]}]`:               {operators},
		`{"known": ["/"], "roles": [{"role": "Empty", "names": [], "paths": ["/"]}]}`:                                {empty},
		`{"roles": ["AdminPortal:Read"]}`: {{Role: "roles", Names: names("AdminPortal:Read")}},
	} {
		if got, err := permissions.ParseRoles([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                     "no names given",
		"[]":                   "no names given",
		"{}":                   "no names given",
		"[1]":                  "not an array of names",
		`[{"Name":"A"}]`:       `role "A" has neither names nor Permissions`,
		`{"A": 1}`:             `role "A"`,
		`{"A": [], "A": []}`:   `role "A" is there twice`,
		"A:\nB:\nA:\nSSH:User": `role "A" is there twice`,
		`{"A": []`:             "not a list of roles",
		`{"A": []} {}`:         "something follows",
		"{\"\x1b\": 1}":        "invalid character",
	} {
		if got, err := permissions.ParseRoles([]byte(text)); !errors.Is(err, permissions.ErrRoles) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseObservations(t *testing.T) {
	roles, known, err := permissions.ParseObservations([]byte(`{"known":["/a/"],"roles":[{"role":"R","names":["SSH:User"],"paths":["/ssh/user/"],"exact":true}]}`))
	want := []permissions.Observation{{Role: "R", Names: names("SSH:User"), Paths: paths("/ssh/user/"), Exact: true}}
	if err != nil || !reflect.DeepEqual(roles, want) || !slices.Equal(known, paths("/a/")) {
		t.Errorf("%v, %v, %v", roles, known, err)
	}
	for _, text := range []string{"", "[]", `{"rolls":[]}`, `{"roles":[{"nmaes":[]}]}`, `{"roles":[]} x`} {
		if _, _, err := permissions.ParseObservations([]byte(text)); !errors.Is(err, permissions.ErrObservations) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParseDecisions(t *testing.T) {
	got, err := permissions.ParseDecisions([]byte(`# decided on Monday
CertificateEnrollment: PendingCsr | - | the owner does not want it
collections[{id}]:recover | /certificates/collections/read/{id}/ /Portal/Read
API:Read|/auditing/read/|

The operators: of the plant:
API:Read | Accept | nobody uses it
  Empty :
`))
	want := []permissions.Decision{
		{Name: "CertificateEnrollment:PendingCsr", Reason: "the owner does not want it"},
		{Name: "Collections[{id}]:Recover", Paths: paths("/certificates/collections/read/{id}/", "/portal/read/")},
		{Name: "API:Read", Paths: paths("/auditing/read/")},
		{Role: "The operators: of the plant", Name: "API:Read", Accept: true, Reason: "nobody uses it"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"API:Read":                     "line 1: what was decided is missing",
		"API:Read | | gone":            "line 1: what was decided is missing",
		"\nAPI | -":                    "line 2: \"API\" has no colon",
		"API:Read | /a//b/":            "line 1: \"/a//b/\" has an empty segment",
		"API:Read | /a/{id}/":          "placeholder",
		"API:Read | -\napi:read | /a/": "line 2: there is a decision about API:Read already",
		"API:Read | -\nA:\nAPI:Read | -\nB:\nAPI:Read | -\napi:read | accept": "line 6: there is a decision about API:Read already",
		"API:Read | - | why | what else":                                      "it has 4 columns",
		" : ":                                                                 "the name of the role is missing",
	} {
		if _, err := permissions.ParseDecisions([]byte(text)); !errors.Is(err, permissions.ErrDecisions) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// One file of decisions, acceptances and proofs serves many roles.
func TestConvertAll(t *testing.T) {
	roles := []permissions.LegacyRole{
		{Role: "A", Names: names("AdminPortal:Read", "API:Read")},
		{Role: "B\x1b", Names: names("CertificateEnrollment:PendingCsr", "Collections[6]:Recover", "Home:Grown")},
		{Role: "C", Names: names("AdminPortal:Read")},
	}
	opts := &permissions.ConvertOptions{
		Overrides: decisions{"Collections[{id}]:Recover": {}, "SSH:User": {}, "Dashbord:Read": {}},
		Accept:    names("api:read", "Reports:Read", "Nosuch:Name"),
		Overlay: overlay(
			t, "Home:Grown | /auditing/read/ | confirmed exactly | - | - | -", "Un:Known | /x/ | confirmed | - | - | -", "SSH:User | /ssh/user/ | confirmed | - | - | -",
		),
	}
	all := permissions.ConvertAll(roles, opts)
	if len(all.Roles) != 3 || all.Roles[1].Role != "B\x1b" || !all.Roles[1].Set.Equal(permissions.NewSet("/auditing/read/", "/certificates/requests/manage/")) {
		t.Fatalf("%+v", all)
	}
	used := map[permissions.Legacy][]string{}
	for _, d := range all.Decisions {
		used[d.Name] = d.Roles
	}
	want := map[permissions.Legacy][]string{"Collections[{id}]:Recover": {"B\x1b"}, "SSH:User": {}, "Dashbord:Read": {}, "api:read": {"A"}, "Reports:Read": {}, "Nosuch:Name": {}}
	if !reflect.DeepEqual(used, want) || !slices.Equal(all.UnknownProofs, names("Un:Known")) {
		t.Errorf("%v %v", used, all.UnknownProofs)
	}
	err := all.Err()
	if !errors.Is(err, permissions.ErrOverride) || !errors.Is(err, permissions.ErrAccept) || errors.Is(err, permissions.ErrRefused) {
		t.Error(err)
	}
	for _, text := range []string{
		"unused override: \"Dashbord:Read\" is not known here, and not among the names; did you mean Dashboard:Read?",
		"unused override: SSH:User is not among the names", "unused acceptance: Reports:Read is not among the names",
	} {
		if !strings.Contains(err.Error(), text) || strings.Count(all.String(), text) != 1 {
			t.Errorf("%q is missing, or there more than once:\n%v\n%v", text, err, all)
		}
	}
	for _, text := range []string{
		"Role \"A\"\n", `Role "B\x1b"`, "note: the overlay has Un:Known, which is not known here", "accepted by name",
		"  api:read: accept, for all roles that have it: \"A\"\n", "  SSH:User: drop, not used\n",
	} {
		if !strings.Contains(all.String(), text) {
			t.Errorf("%q is missing in\n%v", text, all)
		}
	}
	if refused := permissions.ConvertAll([]permissions.LegacyRole{{Role: "X", Names: names("Nonsense:X")}}, nil).Err(); !errors.Is(refused, permissions.ErrUnknown) || !strings.Contains(refused.Error(), `role "X"`) {
		t.Error(refused)
	}
	if got, err := json.Marshal(permissions.ConvertAll(nil, nil)); err != nil || string(got) != `{"roles":[]}` {
		t.Errorf("%s, %v", got, err)
	}
}

// A decision about one role holds for it alone, and goes before one about all roles.
func TestDecisionsAboutOneRole(t *testing.T) {
	const api, pending, download = permissions.Legacy("API:Read"), permissions.Legacy("CertificateEnrollment:PendingCsr"), permissions.Legacy("Collections[6]:Recover")
	roles := []permissions.LegacyRole{{Role: "A", Names: names(api, pending, download)}, {Role: "B", Names: names(api, pending, download)}, {Role: "C", Names: names("AdminPortal:Read")}}
	opts := &permissions.ConvertOptions{
		Overrides: decisions{download: {}},
		Decisions: []permissions.Decision{
			{Name: api, Paths: paths("/auditing/read/")},
			{Name: pending},
			{Role: "A", Name: api, Accept: true, Reason: "no longer\x1b"},
			{Role: "A", Name: "Collections[{id}]:Recover", Paths: paths("/certificates/collections/read/{id}/")},
			{Role: "B", Name: pending, Paths: paths("/certificates/requests/manage/")},
		},
	}
	all := permissions.ConvertAll(roles, opts)
	for i, want := range []permissions.Set{
		permissions.NewSet("/certificates/collections/read/6/"), permissions.NewSet("/auditing/read/", "/certificates/requests/manage/"), permissions.NewSet("/portal/read/"),
	} {
		if !all.Roles[i].Set.Equal(want) {
			t.Errorf("%v, want %v", all.Roles[i], want)
		}
	}
	if it := item(t, all.Roles[0].Conversion, api); !it.Accepted || it.Overridden {
		t.Errorf("%+v", it)
	}
	if err := all.Err(); err != nil || all.Undecided() {
		t.Error(err)
	}
	for _, line := range []string{
		"  API:Read: /auditing/read/, for all roles that have it: \"B\"\n", "  CertificateEnrollment:PendingCsr: drop, for all roles that have it: \"A\"\n",
		"  API:Read: accept, for role \"A\" only (\"no longer\\x1b\")\n", "  Collections[{id}]:Recover: /certificates/collections/read/{id}/, for role \"A\" only\n",
		"  CertificateEnrollment:PendingCsr: /certificates/requests/manage/, for role \"B\" only\n", "  Collections[6]:Recover: drop, for all roles that have it: \"B\"\n",
	} {
		if !strings.Contains(all.Summary(), line) {
			t.Errorf("%q is missing in\n%s", line, all.Summary())
		}
	}
	// An acceptance in all roles is not used for one that decided otherwise.
	all = permissions.ConvertAll(roles[:2], &permissions.ConvertOptions{Accept: names(api), Decisions: []permissions.Decision{{Role: "A", Name: api, Paths: paths("/auditing/read/")}}})
	if a, b := item(t, all.Roles[0].Conversion, api), item(t, all.Roles[1].Conversion, api); a.Accepted || !a.Overridden || !b.Accepted || b.Overridden || !slices.Equal(all.Decisions[0].Roles, []string{"B"}) {
		t.Errorf("%+v\n%+v\n%+v", a, b, all.Decisions)
	}
	opts.Decisions = []permissions.Decision{{Role: "D", Name: api}, {Role: "C", Name: api, Accept: true}, {Role: "C", Name: "AdminPortl:Read"}}
	opts.Overrides = nil
	text := permissions.ConvertAll(roles, opts).Err().Error()
	for _, want := range []string{
		`unused override: API:Read is for role "D", which is not among the roles`, `role "C": unused acceptance: API:Read is not among the names`, `did you mean AdminPortal:Read?`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	// One conversion takes what is about all roles.
	conv := permissions.Convert(names(api), &permissions.ConvertOptions{Decisions: []permissions.Decision{{Name: api, Accept: true}, {Name: pending}, {Role: "A", Name: api}}})
	if it := item(t, conv, api); !it.Accepted || it.Overridden || !slices.Equal(conv.UnusedOverrides, names(pending)) {
		t.Errorf("%v", conv)
	}
}

// Every name is either converted or lost, and counted where it belongs.
func TestCountsOfConversions(t *testing.T) {
	all := permissions.ConvertAll([]permissions.LegacyRole{
		{Role: "A", Names: names("AdminPortal:Read", "API:Read", "CertificateEnrollment:PendingCsr", "PkiManagement:Read", "CertificateStoreManagement:EditMetadata")},
		{Role: "B", Names: names("WorkflowManagement:Manage", "Nonsense:X", "SSH:User", "Auditing:Read")},
	}, &permissions.ConvertOptions{Accept: names("PkiManagement:Read"), Overrides: decisions{"SSH:User": {}}})
	a, b := all.Roles[0].Counts(), all.Roles[1].Counts()
	if want := (permissions.Counts{Names: 5, Converted: 4, Exact: 1, Widened: 1, Narrowed: 1, Guesses: 1, Lost: 1, ToDecide: 3}); a != want {
		t.Errorf("%+v, want %+v", a, want)
	}
	if want := (permissions.Counts{Names: 4, Converted: 1, Exact: 1, Lost: 3, ToDecide: 2}); b != want {
		t.Errorf("%+v, want %+v", b, want)
	}
	if want := (permissions.Counts{Names: 9, Converted: 5, Exact: 2, Widened: 1, Narrowed: 1, Guesses: 1, Lost: 4, ToDecide: 5}); all.Counts() != want {
		t.Errorf("%+v, want %+v", all.Counts(), want)
	}
	for _, want := range []string{"     5          4      1        1         1        1     1          3  \"A\"\n", "     9          5      2        1         1        1     4          5  2 roles\n"} {
		if !strings.Contains(all.Summary(), want) {
			t.Errorf("%q is missing in\n%s", want, all.Summary())
		}
	}
}

func TestUndecided(t *testing.T) {
	const guess = "CertificateStoreManagement:EditMetadata"
	for _, c := range []struct {
		in   []permissions.Legacy
		opts permissions.ConvertOptions
		want []permissions.Legacy
	}{
		{names("AdminPortal:Read", "Certificates:Read"), permissions.ConvertOptions{}, nil},
		{names("API:Read", "CertificateEnrollment:PendingCsr", guess), permissions.ConvertOptions{}, names("API:Read", "CertificateEnrollment:PendingCsr", guess)},
		{names("API:Read", "CertificateEnrollment:PendingCsr", guess), permissions.ConvertOptions{Accept: names("API:Read", guess)}, names("CertificateEnrollment:PendingCsr")},
		{names("CertificateEnrollment:PendingCsr"), permissions.ConvertOptions{Overrides: decisions{"CertificateEnrollment:PendingCsr": {}}}, nil},
		{names("CertificateEnrollment:PendingCsr"), permissions.ConvertOptions{RefuseWidening: true}, nil}, // refused, which is an error
		{names(guess, "Nonsense:X"), permissions.ConvertOptions{MinConfidence: permissions.ConfidenceInferred}, nil},
		{names("Containers[3]:EditMetadata"), permissions.ConvertOptions{Accept: names("Containers[{id}]:EditMetadata")}, nil},
		{names(guess, "Containers[3]:EditMetadata"), permissions.ConvertOptions{Accept: names(guess)}, nil}, // the second gives nothing
		{names("WorkflowManagement:Manage", "WorkflowManagement:Participate", "CertificateEnrollment:PendingCsr"), permissions.ConvertOptions{}, nil},
	} {
		conv := permissions.Convert(c.in, &c.opts)
		var got []permissions.Legacy
		for _, it := range conv.Undecided() {
			got = append(got, it.Name)
		}
		if !slices.Equal(got, c.want) || permissions.ConvertAll([]permissions.LegacyRole{{Names: c.in}}, &c.opts).Undecided() != (len(got) > 0) {
			t.Errorf("%v, %+v: %v, want %v\n%v", c.in, c.opts, got, c.want, conv)
		}
	}
	conv := permissions.Convert(names("AdminPortal:Read"), &permissions.ConvertOptions{Accept: names("SSH:User")})
	if !errors.Is(conv.Err(), permissions.ErrAccept) || !strings.Contains(conv.String(), "unused acceptance: SSH:User") {
		t.Errorf("%v", conv)
	}
}

func TestChecks(t *testing.T) {
	conv := permissions.Convert(names(
		"Auditing:Read", "Reports:Modify", "CertificateEnrollment:PendingCsr", "Collections[6]:Read", "AdminPortal:Read", "API:Read", "SSH:User", "WorkflowDefinitions:Read",
	), &permissions.ConvertOptions{Overrides: decisions{"SSH:User": {}, "WorkflowDefinitions:Read": {}}})
	text := permissions.FormatChecks(conv.Checks())
	for _, want := range []string{
		"First make sure that nothing has the id 2147483647 or 00000000-0000-0000-0000-0000000000ff.\n",
		"  kept: /auditing/read/, read the audit log\n    must work:       GET /Audit (takes /auditing/read/): 200\n    must be refused: GET /Security/Roles (takes /security/read/): 403\n",
		"  kept: /reports/modify/, add, change, remove and schedule reports\n    must work:       POST /Reports/2147483647/Schedules (takes /reports/modify/): 404 or 400, because there is no such id, not 403\n    must be refused: GET /Reports (assumed to take /reports/read/): 403\n",
		"  new: /certificates/requests/manage/, approve",
		"    must work:       GET /Certificates?collectionId=6 (assumed to take /certificates/collections/read/6/): 200\n    must be refused: ",
		"  kept: /portal/read/, sign in to the Management Portal\n    must work:       check by hand\n",
		"  lost: use the Classic (CMS) API\n    must be refused: check by hand\n",
		"  lost: /ssh/user/, generate SSH keys of their own\n    must be refused: check by hand\n",
		"  lost: /workflows/definitions/read/, view workflow definitions\n    must be refused: GET /Workflow/Definitions (takes /workflows/definitions/read/): 403\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if permissions.FormatChecks(permissions.Convert(nil, nil).Checks()) != "" {
		t.Error("there is something to check about nothing")
	}
	// A call that another path serves for as well is not refused to its holder.
	text = permissions.FormatChecks(permissions.Convert(names("CertificateStoreManagement:Revoke", "Certificates:Revoke"), &permissions.ConvertOptions{Overrides: decisions{"Certificates:Revoke": {}}}).Checks())
	if !strings.Contains(text, "lost: /certificates/collections/revoke/, revoke certificates, whatever their collection\n    must be refused: check by hand") {
		t.Error(text)
	}
	// Whoever may do everything is refused nothing; what is held in part is not lost.
	conv = permissions.Convert(names("Dashboard:Read", "Certificates:Read", "Collections[6]:Read"), &permissions.ConvertOptions{Overrides: decisions{"Dashboard:Read": {"/"}, "Certificates:Read": {}}})
	for _, c := range conv.Checks() {
		if c.Change == "lost" || c.Refused.Request != "" {
			t.Errorf("%+v", c)
		}
	}
	conv = permissions.Convert(names("Certificates:Read", "Collections[6]:Read"), &permissions.ConvertOptions{Overrides: decisions{"Certificates:Read": {}}})
	if c := conv.Checks(); len(c) != 2 || c[1].Change != "lost" || c[1].Refused.Request != "" {
		t.Errorf("%+v", c)
	}
}

// Every call is harmless, and says of a set what the set says.
func TestChecksAreSafe(t *testing.T) {
	for _, l := range permissions.Catalogue().Legacy {
		conv := permissions.Convert(names(on(l.Name, "6")), nil)
		for _, c := range conv.Checks() {
			for _, call := range []*permissions.TestCall{c.Works, c.Refused} {
				if call == nil || call.Request == "" {
					continue
				}
				missing := strings.Contains(call.Request, "2147483647") || strings.Contains(call.Request, "-0000000000ff")
				if get := strings.HasPrefix(call.Request, "GET "); get == missing || strings.Contains(call.Request, "{") || call.Source == "" {
					t.Errorf("%s: %+v", l.Name, call)
				}
				if conv.Set.Allows(call.Path) != (call == c.Works) {
					t.Errorf("%s: %+v", l.Name, c)
				}
			}
			if (c.Change == "lost" || c.Change == "withheld") != (c.Works == nil) || c.Refused == nil || c.Effect == "" {
				t.Errorf("%s: %+v", l.Name, c)
			}
		}
	}
}

// What a conversion takes is told once: the test list has the words of NARROWS.
func TestLostInTheWordsOfNarrows(t *testing.T) {
	const pending = permissions.Legacy("CertificateEnrollment:PendingCsr")
	for _, c := range []struct {
		name permissions.Legacy
		to   []permissions.Path
		want string
	}{
		// The path lets its holder approve requests. The name never did.
		{pending, nil, "handle CSRs that were generated but not yet enrolled"},
		{pending, paths("/auditing/read/"), "handle CSRs that were generated but not yet enrolled"},
		{"PkiManagement:Read", paths("/certificate_authorities/read/"), "view certificate templates"},
		{"Certificates:Read", paths("/certificates/collections/read/6/"), "view certificates, whatever their collection (from now on only: view certificates in collection 6)"},
		{"API:Read", nil, "use the Classic (CMS) API"},
	} {
		conv := override(names(c.name), decisions{c.name: c.to})
		var lost []string
		for _, check := range conv.Checks() {
			if check.Change == "lost" {
				lost = append(lost, check.Effect)
			}
		}
		if it := item(t, conv, c.name); it.Narrows != c.want || !slices.Equal(lost, []string{c.want}) {
			t.Errorf("%s to %v: NARROWS says %q, the list to test %q, want %q", c.name, c.to, it.Narrows, lost, c.want)
		}
	}
}

// What a refused name would have given is withheld, not lost: it is not known that the role had it.
func TestWithheld(t *testing.T) {
	conv := permissions.Convert(names("AdminPortal:Read", "WorkflowManagement:Manage", "PkiManagement:Read"), &permissions.ConvertOptions{
		Overlay: overlay(t, "AdminPortal:Read | /system_settings/modify/ | confirmed | - | - | -"),
	})
	it := item(t, conv, "AdminPortal:Read")
	if want := "the server proves only that the name stands for this or for nothing, and the path is sensitive (decides settings of the whole server"; !strings.HasPrefix(it.Reason, want) {
		t.Errorf("%q, want %q", it.Reason, want)
	}
	if text := conv.String(); strings.Contains(text, "the mapping is confirmed") || !strings.Contains(text, "not what the mapping has: on the server, it stands for /system_settings/modify/ or for nothing") {
		t.Error(text)
	}
	got := map[permissions.Path]string{}
	for _, c := range conv.Checks() {
		got[c.Path] += c.Change
	}
	want := map[permissions.Path]string{
		"/portal/read/": "lost", "/system_settings/modify/": "withheld", "/certificates/requests/manage/": "withheld",
		"/certificate_authorities/read/": "kept", "/certificate_templates/read/": "kept", "": "lost",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
