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

func TestParseOverrides(t *testing.T) {
	got, err := permissions.ParseOverrides([]byte("# decided on Monday\nCertificateEnrollment: PendingCsr | - | the owner does not want it\ncollections[{id}]:recover | /certificates/collections/read/{id}/ /Portal/Read\nAPI:Read|/auditing/read/|\n"))
	want := map[permissions.Legacy][]permissions.Path{
		"CertificateEnrollment:PendingCsr": {},
		"Collections[{id}]:Recover":        {"/certificates/collections/read/{id}/", "/portal/read/"},
		"API:Read":                         {"/auditing/read/"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for text, want := range map[string]string{
		"API:Read":                       "line 1: it has 1 column",
		"\nAPI | -":                      "line 2: \"API\" has no colon",
		"API:Read | /a//b/":              "line 1: \"/a//b/\" has an empty segment",
		"API:Read | /a/{id}/":            "placeholder",
		"API:Read | -\napi:read | /a/":   "line 2: there is a decision about API:Read already",
		"API:Read | - | why | what else": "it has 4 columns",
	} {
		if _, err := permissions.ParseOverrides([]byte(text)); !errors.Is(err, permissions.ErrOverrides) || !strings.Contains(err.Error(), want) {
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
	if !slices.Equal(all.UnusedOverrides, names("Dashbord:Read", "SSH:User")) || !slices.Equal(all.UnusedAccepts, names("Nosuch:Name", "Reports:Read")) || !slices.Equal(all.UnknownProofs, names("Un:Known")) {
		t.Errorf("%v %v %v", all.UnusedOverrides, all.UnusedAccepts, all.UnknownProofs)
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
	for _, text := range []string{"Role \"A\"\n", `Role "B\x1b"`, "note: the overlay has Un:Known, which is not known here", "accepted by name"} {
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
			for _, call := range []*permissions.Call{c.Works, c.Refused} {
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
			if (c.Change == "lost") != (c.Works == nil) || c.Refused == nil || c.Effect == "" {
				t.Errorf("%s: %+v", l.Name, c)
			}
		}
	}
}
