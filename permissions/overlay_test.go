package permissions_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/permissions"
)

// overlay parses rows of an overlay.
func overlay(t *testing.T, rows ...string) *permissions.Overlay {
	t.Helper()
	o, err := permissions.ParseOverlay([]byte(strings.Join(rows, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// observed is a server that maps Auditing:Read and the collections as we do, and other names otherwise.
func observed() *permissions.Proof {
	known := paths("/portal/", "/portal/read/", "/auditing/read/", "/dashboard/read/", "/quantum/read/", "/certificates/collections/read/", "/certificates/collections/revoke/")
	return permissions.Learn([]permissions.Observation{
		{Role: "secret role", Names: names("Auditing:Read", "Collections[6]:Read", "Dashboard:Read"), Paths: paths("/auditing/read/", "/certificates/collections/read/6/", "/quantum/read/", "/portal/")},
		{Role: "b", Names: names("Auditing:Read", "Collections[7]:Read"), Paths: paths("/auditing/read/", "/certificates/collections/read/7/", "/dashboard/read/")},
		{Role: "c", Names: names("Dashboard:Read", "SSH:User"), Paths: paths("/quantum/read/", "/portal/")},
		{Role: "d", Names: names("API:Read"), Paths: paths("/quantum/read/"), Exact: true},
		{Role: "e", Names: names("Home:Grown"), Paths: paths("/dashboard/read/")},
	}, known)
}

func TestLearnByHand(t *testing.T) {
	got := map[permissions.Legacy]permissions.ProofRow{}
	for _, row := range observed().Rows() {
		got[row.Name] = row
	}
	for _, want := range []permissions.ProofRow{
		{Name: "Auditing:Read", Verdict: "confirmed", Paths: paths("/auditing/read/"), Upper: paths("/auditing/read/"), Roles: 2},
		{Name: "Collections[{id}]:Read", Verdict: "open", Paths: paths("/certificates/collections/read/{id}/"), Upper: paths("/auditing/read/", "/auditing/read/{id}/", "/certificates/collections/read/{id}/"), Roles: 2, Note: "-"},
		{Name: "Dashboard:Read", Verdict: "refuted", Paths: paths("/dashboard/read/"), Upper: paths("/portal/", "/portal/read/", "/quantum/read/"), Roles: 2},
		{Name: "SSH:User", Verdict: "refuted", Paths: paths("/ssh/user/"), Upper: paths("/portal/", "/portal/read/", "/quantum/read/"), Roles: 1},
		{Name: "API:Read", Verdict: "confirmed", Paths: paths("/quantum/read/"), Lower: paths("/quantum/read/"), Upper: paths("/quantum/read/"), Roles: 1, Exact: true, Note: "the mapping has nothing for it"},
		{Name: "Home:Grown", Verdict: "confirmed", Paths: paths("/dashboard/read/"), Upper: paths("/dashboard/read/"), Roles: 1, Note: "no exact role proves that the name stands for anything"},
	} {
		if want.Note == "-" {
			want.Verdict, want.Note = "consistent", ""
		}
		if row := got[want.Name]; !reflect.DeepEqual(row, want) {
			t.Errorf("%+v, want %+v", row, want)
		}
	}
	for _, text := range []string{
		"confirmed   Auditing:Read", "(1 role, exactly); the mapping has nothing for it",
		"refuted     Dashboard:Read", "it can be /portal/, /portal/read/, /quantum/read/",
		"6 names: 3 confirmed (1 not as the mapping has it), 2 refuted, 1 consistent, 0 open; 78 names no role holds.",
	} {
		if s := observed().String(); !strings.Contains(s, text) {
			t.Errorf("%q is missing in\n%s", text, s)
		}
	}
	if s := permissions.Learn(nil, nil).String(); !strings.Contains(s, "only exact roles confirm anything") {
		t.Error(s)
	}
}

// Roles that contradict each other about a name break the assumption. Nothing is confirmed or refuted then, nor for the
// names of an exact role with it.
func TestLearnBrokenAssumption(t *testing.T) {
	known := paths("/auditing/read/", "/portal/read/", "/dashboard/read/")
	for name, roles := range map[string][]permissions.Observation{
		"no path is left": {{Names: names("Auditing:Read"), Paths: paths("/portal/read/")}, {Names: names("Auditing:Read"), Paths: paths("/dashboard/read/")}},
		"no path at all":  {{Names: names("Auditing:Read")}},
		"exact": {
			{Names: names("Auditing:Read"), Paths: paths("/portal/read/")},
			{Names: names("Auditing:Read"), Paths: paths("/dashboard/read/")},
			{Names: names("Auditing:Read", "AdminPortal:Read"), Paths: paths("/portal/read/"), Exact: true},
		},
		"exact, but with more": {
			{Names: names("Auditing:Read"), Paths: paths("/auditing/read/")},
			{Names: names("Auditing:Read", "API:Read"), Paths: paths("/auditing/read/", "/portal/read/", "/\xff/"), Exact: true},
		},
	} {
		for _, row := range permissions.Learn(roles, known).Rows() {
			broken := row.Name == "Auditing:Read" && name != "exact, but with more"
			if row.Verdict == permissions.VerdictRefuted || row.Exact || len(row.Lower) > 0 || broken && (row.Verdict != permissions.VerdictOpen || !strings.Contains(row.Note, "the assumption is broken")) {
				t.Errorf("%s: %+v", name, row)
			}
		}
	}
	// A role that somebody changed since is not exact, whatever the caller says.
	proof := permissions.Learn([]permissions.Observation{
		{Names: names("Auditing:Read"), Paths: paths("/auditing/read/", "/dashboard/read/")},
		{Names: names("Auditing:Read"), Paths: paths("/portal/read/", "/dashboard/read/"), Exact: true},
	}, known)
	for _, row := range proof.Rows() {
		if row.Name == "Auditing:Read" && (row.Exact || len(row.Lower) > 0) {
			t.Errorf("%+v", row)
		}
	}
}

// What is not well formed proves nothing.
func TestLearnMalformed(t *testing.T) {
	known := paths("/auditing/read/", "/portal/read/")
	for name, c := range map[string]struct {
		roles   []permissions.Observation
		verdict permissions.Verdict
		seen    int
	}{
		"a name of an exact role brings in what others then do not": {
			[]permissions.Observation{{Names: names("Auditing:Read", "not a name"), Paths: known, Exact: true}}, permissions.VerdictOpen, 1,
		},
		"a path may cover anything": {
			[]permissions.Observation{{Names: names("Auditing:Read"), Paths: paths("/audit*/")}, {Names: names("Auditing:Read"), Paths: paths("/auditing/read/")}},
			permissions.VerdictConfirmed, 1,
		},
		"a path of the only role": {[]permissions.Observation{{Names: names("Auditing:Read"), Paths: paths("/audit*/")}}, permissions.VerdictOpen, 0},
		// Nor does a role that may do everything.
		"a role with all paths": {[]permissions.Observation{{Names: names("Auditing:Read"), Paths: paths("/")}}, permissions.VerdictOpen, 1},
	} {
		for _, row := range permissions.Learn(c.roles, known).Rows() {
			if row.Name == "Auditing:Read" && (row.Verdict != c.verdict || row.Roles != c.seen || row.Exact || len(row.Lower) > 0) {
				t.Errorf("%s: %+v", name, row)
			}
		}
	}
}

// JSON has empty lists for what is empty.
func TestProofJSON(t *testing.T) {
	proof := permissions.Learn([]permissions.Observation{{Names: names("API:Read")}}, paths("/"))
	for _, v := range []any{proof.Rows(), proof.Experiment(), proof.Overlay(permissions.OverlaySource{}).Rows(), proof.Overlay(permissions.OverlaySource{}).Redact().Rows()} {
		if text, err := json.Marshal(v); err != nil || strings.Contains(string(text), "null") || text[0] != '[' {
			t.Errorf("%s, %v", text, err)
		}
	}
	if text, err := json.Marshal(permissions.Learn(nil, nil).Overlay(permissions.OverlaySource{}).Rows()); err != nil || string(text) != "[]" {
		t.Errorf("%s, %v", text, err)
	}
}

// A name without a path in the mapping is confirmed by exact roles only: it ends with one path by chance as well.
func TestLearnOfNoEquivalent(t *testing.T) {
	known := paths("/auditing/read/", "/portal/read/")
	for _, exact := range []bool{false, true} {
		for _, row := range permissions.Learn([]permissions.Observation{{Names: names("API:Read"), Paths: paths("/auditing/read/"), Exact: exact}}, known).Rows() {
			if row.Name == "API:Read" && (row.Verdict == permissions.VerdictConfirmed) != exact {
				t.Errorf("%+v", row)
			}
		}
	}
}

func TestOverlayText(t *testing.T) {
	day := time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)
	o := observed().Overlay(permissions.OverlaySource{Version: "25.1", Date: day})
	text, err := o.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n# name | paths | verdict | version | date | roles\n",
		"\nAPI:Read | /quantum/read/ | confirmed exactly | 25.1 | 2026-01-31 | 1\n",
		"\nCollections[{id}]:Read | /certificates/collections/read/{id}/ | consistent | 25.1 | 2026-01-31 | 2\n",
		"\nSSH:User | /ssh/user/ | refuted | 25.1 | 2026-01-31 | 1\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if len(o.Rows()) != 6 || strings.Contains(string(text), "secret") {
		t.Errorf("%s", text)
	}
	back, err := permissions.ParseOverlay(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.MarshalText()
	if err != nil || string(again) != string(text) {
		t.Errorf("%v, %s", err, again)
	}
	if text, err := observed().Overlay(permissions.OverlaySource{Version: "25|1"}).MarshalText(); !errors.Is(err, permissions.ErrVersion) {
		t.Errorf("%s, %v", text, err)
	}
	// What belongs to the caller is not the overlay's.
	o.Rows()[0].Paths[0] = "/changed/"
	if o.Rows()[0].Paths[0] == "/changed/" {
		t.Error("the rows share their paths")
	}
}

func TestRedact(t *testing.T) {
	proof := permissions.Learn([]permissions.Observation{
		{Names: names("Home:Grown"), Paths: paths("/x/4711/read/"), Exact: true},
		{Names: names("Collections[12]:Revoke"), Paths: paths("/x/4711/12/"), Exact: true},
		{Names: names("Collections[12]:Read"), Paths: paths("/certificates/collections/read/12/"), Exact: true},
	}, nil)
	text, err := proof.Overlay(permissions.OverlaySource{Version: "25.1", Date: time.Now()}).Redact().MarshalText()
	want := "Collections[{id}]:Read | /certificates/collections/read/{id}/ | confirmed exactly | - | - | -\n"
	if err != nil || !strings.HasSuffix(string(text), "| roles\n"+want) {
		t.Errorf("%v, %s", err, text)
	}
	if _, err := permissions.ParseOverlay(text); err != nil {
		t.Error(err)
	}
}

func TestParseOverlayErrors(t *testing.T) {
	for row, want := range map[string]string{
		"Auditing:Read | /auditing/read/ | confirmed":                              "line 2: it has 3 columns, not 6",
		"Auditing | /auditing/read/ | confirmed | - | - | -":                       "line 2: \"Auditing\" has no colon",
		"Collections[6]:Read | /x/ | confirmed | - | - | -":                        "has an id; write [{id}] in its place",
		"Auditing:Read | /audi ting// | confirmed | - | - | -":                     "empty segment",
		"Auditing:Read | /x/{id}/ | confirmed | - | - | -":                         "placeholder",
		"Auditing:Read | - | confirmed | - | - | -":                                "a confirmed name needs paths",
		"Auditing:Read | /x/ | proven | - | - | -":                                 `unknown verdict "proven"`,
		"Auditing:Read | /x/ | refuted exactly | - | - | -":                        "only what is confirmed",
		"Auditing:Read | /x/ | refuted | new | - | -":                              `"new" is not a version`,
		"Auditing:Read | /x/ | refuted | - | 31.1.2026 | -":                        "write it like 2026-01-31",
		"Auditing:Read | /x/ | refuted | - | - | many":                             "not a number of roles",
		"Auditing:Read | /x/ | refuted | - | - | -1":                               "not a number of roles",
		"auditing:read|/x/|refuted|-|-|-\nAuditing:Read | /x/ | refuted | - | - |": "line 3: there is a row about Auditing:Read already",
		"\x1b[31m | /x/ | refuted | - | - | -\nX | - | - | - | - | -":              "line 2: \"\\x1b[31m\"",
	} {
		_, err := permissions.ParseOverlay([]byte("# a comment\r\n" + row + "\r\n"))
		if !errors.Is(err, permissions.ErrOverlay) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v, want %q", row, err, want)
		}
	}
}

func TestConvertWithOverlay(t *testing.T) {
	const from = " | 25.1 | 2026-01-31 | 57"
	const pending, participate, manage = "CertificateEnrollment:PendingCsr", "WorkflowManagement:Participate", "WorkflowManagement:Manage"
	for _, c := range []struct {
		row        string
		in         []permissions.Legacy // the first is the one that the row is about
		opts       permissions.ConvertOptions
		outcome    permissions.Outcome
		to         []permissions.Path
		confidence permissions.Confidence
		says       []string
	}{
		{
			"AdminPortal:Read | /portal/read/ | confirmed", names("AdminPortal:Read"),
			permissions.ConvertOptions{MinConfidence: permissions.ConfidenceProven},
			permissions.OutcomeConverted, paths("/portal/read/"), permissions.ConfidenceProven,
			[]string{"/portal/read/  (proven; inferred E3)", "source: vendor page POST Security Roles", "the mapping is confirmed on the server, version 25.1, on 2026-01-31, by 57 roles"},
		},
		{
			"AdminPortal:Read | /portal/ | confirmed exactly", names("AdminPortal:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/portal/"), permissions.ConfidenceProven,
			[]string{"/portal/  (proven)", "WIDENS: can now sign in to the Management Portal"},
		},
		{
			"AdminPortal:Read | /auditing/read/ | confirmed", names("AdminPortal:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/auditing/read/"), permissions.ConfidenceInferred,
			[]string{"(proven, if the name stands for anything)", "WIDENS: can now read the audit log", "NARROWS: can no longer sign in"},
		},
		{
			"AdminPortal:Read | /auditing/read/ | confirmed", names("AdminPortal:Read"),
			permissions.ConvertOptions{MinConfidence: permissions.ConfidenceDocumented},
			permissions.OutcomeRefused, nil, permissions.ConfidenceInferred,
			[]string{"the server proves only that the name stands for this or for nothing, which counts as inferred, and documented was asked for"},
		},
		{
			"AdminPortal:Read | /auditing/read/ | confirmed exactly", names("AdminPortal:Read"),
			permissions.ConvertOptions{RefuseWidening: true},
			permissions.OutcomeRefused, nil, permissions.ConfidenceProven,
			[]string{"it widens the role: it could read the audit log"},
		},
		{
			"AdminPortal:Read | /portal/read/ | refuted", names("AdminPortal:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeRefused, nil, permissions.ConfidenceInferred,
			[]string{"REFUSED: the mapping is refuted on the server", "would be; inferred E3"},
		},
		{
			"AdminPortal:Read | /portal/read/ | consistent", names("AdminPortal:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/portal/read/"), permissions.ConfidenceInferred,
			[]string{"the mapping is consistent on the server"},
		},
		{
			"AdminPortal:Read | /portal/read/ | refuted", names("AdminPortal:Read"),
			permissions.ConvertOptions{Overrides: decisions{"AdminPortal:Read": paths("/portal/read/")}},
			permissions.OutcomeConverted, paths("/portal/read/"), permissions.ConfidenceInferred,
			[]string{"by the caller's decision", "the mapping is refuted"},
		},
		// The widening of a row stays when the row is confirmed.
		{
			pending + " | /certificates/requests/manage/ | confirmed exactly", names(pending),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/certificates/requests/manage/"), permissions.ConfidenceProven,
			[]string{"WIDENS: can now approve"},
		},
		{
			pending + " | /certificates/requests/manage/ | confirmed exactly", names(pending, participate),
			permissions.ConvertOptions{Overrides: decisions{participate: {}}},
			permissions.OutcomeRefused, nil, permissions.ConfidenceProven,
			[]string{"it would undo your decision about " + participate},
		},
		// A guess about something sensitive needs an exact role: a name that stands for nothing can end with one path as well.
		{
			manage + " | /certificates/requests/manage/ | confirmed", names(manage),
			permissions.ConvertOptions{},
			permissions.OutcomeRefused, nil, permissions.ConfidenceInferred,
			[]string{"the path is sensitive"},
		},
		{
			manage + " | /certificates/requests/manage/ | confirmed exactly", names(manage),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/certificates/requests/manage/"), permissions.ConfidenceProven, nil,
		},
		{
			"AdminPortal:Read | /security/ | confirmed", names("AdminPortal:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeRefused, nil, permissions.ConfidenceInferred,
			[]string{"the path is sensitive (it includes /security/modify/)"},
		},
		{
			"AdminPortal:Read | /application_settings/ | confirmed", names("AdminPortal:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeRefused, nil, permissions.ConfidenceInferred,
			[]string{"the path is sensitive (it includes /application_settings/modify/)"},
		},
		{
			"AdminPortal:Read | /quantum/ | confirmed", names("AdminPortal:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeRefused, nil, permissions.ConfidenceInferred,
			[]string{"what it grants is not known here"},
		},
		// A name without a path in the mapping gets one from an exact role only.
		{
			"API:Read | /auditing/read/ | confirmed", names("API:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeDropped, nil, permissions.ConfidenceNone,
			[]string{"has no equivalent"},
		},
		{
			"API:Read | /auditing/read/ | confirmed exactly", names("API:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/auditing/read/"), permissions.ConfidenceProven,
			[]string{"WIDENS: can now read the audit log", "NARROWS: can no longer use the Classic"},
		},
		{
			"API:Read | - | refuted", names("API:Read"), permissions.ConvertOptions{}, permissions.OutcomeRefused, nil, permissions.ConfidenceNone, []string{"refuted"},
		},
		{
			"Home:Grown | /auditing/read/ | confirmed", names("Home:Grown"),
			permissions.ConvertOptions{},
			permissions.OutcomeUnknown, nil, permissions.ConfidenceNone,
			[]string{"UNKNOWN"},
		},
		{
			"Home:Grown | /auditing/read/ | confirmed exactly", names("Home:Grown"),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/auditing/read/"), permissions.ConfidenceProven,
			[]string{"proven"},
		},
		// Ids take the place of placeholders.
		{
			"Collections[{id}]:Read | /collections/{id}/read/ | confirmed exactly", names("Collections[6]:Read", "Collections[7]:Read"),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/collections/6/read/", "/collections/7/read/"), permissions.ConfidenceProven, nil,
		},
		// Somebody who asks by name gets something sensitive, whatever the proof says.
		{
			manage + " | /certificates/requests/manage/ | consistent", names(manage),
			permissions.ConvertOptions{Overrides: decisions{manage: paths("/certificates/requests/manage/")}},
			permissions.OutcomeConverted, paths("/certificates/requests/manage/"), permissions.ConfidenceGuess,
			[]string{"by the caller's decision"},
		},
		// What the name does not stand for was not taken from it, if another name brings it in.
		{
			pending + " | /dashboard/read/ | confirmed exactly", names(pending, participate),
			permissions.ConvertOptions{},
			permissions.OutcomeConverted, paths("/dashboard/read/", "/certificates/requests/manage/"), permissions.ConfidenceProven,
			[]string{"not what the mapping has"},
		},
		// What a refuted name had is not what the role could do before.
		{
			"Auditing:Read | /auditing/read/ | refuted", names("Auditing:Read", "Dashboard:Read"),
			permissions.ConvertOptions{Overrides: decisions{"Dashboard:Read": paths("/dashboard/read/", "/auditing/read/")}},
			permissions.OutcomeRefused, paths("/dashboard/read/", "/auditing/read/"), permissions.ConfidenceDocumented,
			[]string{"WIDENS: can now read the audit log"},
		},
	} {
		c.opts.Overlay = overlay(t, c.row+from, "SSL:Unused | /ssl/ | confirmed"+from)
		conv := permissions.Convert(c.in, &c.opts)
		it := item(t, conv, c.in[0])
		proven := it.Outcome == permissions.OutcomeConverted && strings.Contains(c.row, "confirmed")
		if it.Outcome != c.outcome || !conv.Set.Equal(permissions.NewSet(c.to...)) || it.Confidence != c.confidence || proven && !it.Proven || it.Proof == nil || len(conv.UnusedOverrides) > 0 {
			t.Errorf("%s, %+v: %+v\n%v", c.row, c.opts, it, conv)
		}
		if len(c.opts.Overrides) == 0 && len(it.StillGranted) > 0 {
			t.Errorf("%s: nobody took something away, but %+v", c.row, it.StillGranted)
		}
		for _, text := range c.says {
			if !strings.Contains(conv.String(), text) {
				t.Errorf("%s: %q is missing in\n%v", c.row, text, conv)
			}
		}
		plain := item(t, permissions.Convert(c.in, nil), c.in[0])
		if !slices.EqualFunc(it.Mappings, plain.Mappings, func(a, b permissions.Mapping) bool { return reflect.DeepEqual(a, b) }) {
			t.Errorf("%s: the evidence is lost: %+v", c.row, it.Mappings)
		}
	}
}
