package permissions_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/permissions"
)

func names(l ...permissions.Legacy) []permissions.Legacy { return l }

// item returns what became of a name.
func item(t *testing.T, conv permissions.Conversion, input permissions.Legacy) permissions.Item {
	t.Helper()
	for _, it := range conv.Items {
		if it.Input == input {
			return it
		}
	}
	t.Fatalf("%s is lost: %+v", input, conv.Items)
	return permissions.Item{}
}

func TestConvertRole(t *testing.T) {
	conv := permissions.Convert(names(
		"WorkflowInstances:ReadMy", "PkiManagement:Read", "AdminPortal: Read", "WorkflowInstances:ReadAll", "Certificates:Read", "API:Read",
		"Collections[6]:Read", "Collections[6]:Revoke", "Containers[2]:Schedule", "Monitoring:Read", "WorkflowManagement:Read", "AdminPortal:Read", "AdminPortal:Read",
	), nil)
	want := permissions.NewSet(
		"/certificate_authorities/read/", "/certificate_stores/schedule/2/", "/certificate_templates/read/", "/certificates/collections/read/",
		"/certificates/collections/revoke/6/", "/monitoring/alerts/read/", "/portal/read/", "/workflows/instances/read/",
	)
	if !conv.Set.Equal(want) || len(conv.Items) != 12 || conv.Err() != nil {
		t.Errorf("%v\n%v", conv, conv.Err())
	}
	for l, by := range map[permissions.Legacy]permissions.Redundancy{
		"WorkflowInstances:ReadMy": {Path: "/workflows/instances/read/mine/", Through: "/workflows/instances/read/", By: "WorkflowInstances:ReadAll"},
		"Collections[6]:Read":      {Path: "/certificates/collections/read/6/", Through: "/certificates/collections/read/", By: "Certificates:Read"},
		"WorkflowManagement:Read":  {Path: "/monitoring/alerts/read/", Through: "/monitoring/alerts/read/", By: "Monitoring:Read"},
		"AdminPortal:Read":         {Path: "/portal/read/", Through: "/portal/read/", By: "AdminPortal:Read"},
	} {
		if got := item(t, conv, l).Redundant; !slices.Equal(got, []permissions.Redundancy{by}) {
			t.Errorf("%s: %+v", l, got)
		}
	}
	for _, l := range names("Monitoring:Read", "WorkflowInstances:ReadAll", "Collections[6]:Revoke", "AdminPortal: Read") {
		if got := item(t, conv, l).Redundant; len(got) != 0 {
			t.Errorf("%s: %+v", l, got)
		}
	}
	if it := item(t, conv, "AdminPortal: Read"); it.Name != "AdminPortal:Read" {
		t.Errorf("%+v", it)
	}
	if it := item(t, conv, "API:Read"); it.Outcome != permissions.OutcomeDropped || !strings.Contains(it.Reason, "Classic") || it.Confidence != permissions.ConfidenceNone || len(it.Paths) != 0 {
		t.Errorf("%+v", it)
	}
	if it := item(t, conv, "PkiManagement:Read"); it.Confidence != permissions.ConfidenceInferred || len(it.Paths) != 2 || it.Mappings[0].Confidence != permissions.ConfidenceDocumented {
		t.Errorf("%+v", it)
	}
	if it := item(t, conv, "Collections[6]:Revoke"); it.Mappings[0].Path != "/certificates/collections/revoke/6/" || it.Mappings[0].Evidence != "E2" {
		t.Errorf("%+v", it)
	}
}

func TestWidening(t *testing.T) {
	for _, c := range []struct {
		in   []permissions.Legacy
		want map[permissions.Legacy]string // a part of what is said
	}{
		{names("CertificateEnrollment:PendingCsr"), map[permissions.Legacy]string{"CertificateEnrollment:PendingCsr": "approve and deny certificate requests"}},
		{names("CertificateEnrollment:PendingCsr", "WorkflowManagement:Participate"), nil},
		{names("CertificateEnrollment:PendingCsr", "workflowmanagement: participate"), nil},
		{names("CertificateEnrollment:PendingCsr", "WorkflowManagement:Manage"), map[permissions.Legacy]string{"CertificateEnrollment:PendingCsr": "approve"}},
		{names("WorkflowManagement:Participate"), map[permissions.Legacy]string{"WorkflowManagement:Participate": "not yet enrolled"}},
		{names("Monitoring:Read"), map[permissions.Legacy]string{"Monitoring:Read": "pending, issued and denied"}},
		{names("WorkflowManagement:Modify"), map[permissions.Legacy]string{"WorkflowManagement:Modify": "expiration"}},
		// Together they had alerts of every kind, except for two.
		{names("Monitoring:Read", "WorkflowManagement:Read"), map[permissions.Legacy]string{
			"Monitoring:Read": "=view key rotation and revocation alerts", "WorkflowManagement:Read": "=view key rotation and revocation alerts",
		}},
		// What took several names takes one path.
		{names("PrivilegedAccessManagement:Modify"), map[permissions.Legacy]string{"PrivilegedAccessManagement:Modify": "change PAM providers"}},
		{names("PrivilegedAccessManagement:Modify", "SystemSettings:Read"), map[permissions.Legacy]string{"PrivilegedAccessManagement:Modify": "change PAM providers"}},
		{names("PrivilegedAccessManagement:Modify", "CertificateStoreManagement:Modify", "SystemSettings:Read"), nil},
		{names("PrivilegedAccessManagement:Read"), map[permissions.Legacy]string{"PrivilegedAccessManagement:Read": "view PAM providers"}},
		{names("PrivilegedAccessManagement:Read", "SystemSettings:Read"), nil},
		{names("Monitoring:Read", "WorkflowManagement:Test"), map[permissions.Legacy]string{"Monitoring:Read": "view", "WorkflowManagement:Test": "test"}},
		{names("Certificates:Read", "Collections[6]:Delete", "PkiManagement:Modify"), nil},
	} {
		conv := permissions.Convert(c.in, nil)
		got := map[permissions.Legacy]string{}
		for _, it := range conv.Widening() {
			got[it.Name] = it.Widens
		}
		if len(got) != len(c.want) {
			t.Errorf("%v: %v", c.in, got)
		}
		for l, part := range c.want {
			if exact, ok := strings.CutPrefix(part, "="); ok && got[l] != exact || !ok && !strings.Contains(got[l], part) {
				t.Errorf("%v: %s widens to %q, want %q", c.in, l, got[l], part)
			}
		}
	}
}

// What a conversion takes depends on the version: enrollment patterns took over policy from templates.
func TestNarrowing(t *testing.T) {
	const modify = permissions.Legacy("PkiManagement:Modify")
	for version, want := range map[string]string{
		"":     "change the enrollment policy that enrollment patterns took over from templates (from Command 25.1 on)",
		"11.3": "",
		"24.4": "",
		"25":   "change the enrollment policy that enrollment patterns took over from templates", // may be a 25.1
		"25.1": "change the enrollment policy that enrollment patterns took over from templates",
	} {
		conv := permissions.Convert(names(modify, "API:Read"), &permissions.ConvertOptions{Version: version})
		if it := item(t, conv, modify); it.Narrows != want || it.Outcome != permissions.OutcomeConverted {
			t.Errorf("%q: %+v", version, it)
		}
		var got []permissions.Legacy
		for _, it := range conv.Narrowing() {
			got = append(got, it.Name)
		}
		losing := names("API:Read", modify)
		if want == "" {
			losing = names("API:Read")
		}
		if !slices.Equal(got, losing) {
			t.Errorf("%q: %v, want %v", version, got, losing)
		}
		if want != "" && !strings.Contains(conv.String(), "NARROWS: can no longer "+want) {
			t.Errorf("%q: %v", version, conv)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	in := names("Nonsense:Read", "no colon", "", "Collections[0]:Read", "Collections[6]:Import", "Certificatez:Read", "AdminPortal:Read", "/portal/read/")
	conv := permissions.Convert(in, nil)
	if !conv.Set.Equal(permissions.NewSet("/portal/read/")) || len(conv.Items) != len(in) {
		t.Fatalf("%v", conv)
	}
	err := conv.Err()
	if !errors.Is(err, permissions.ErrUnknown) || errors.Is(err, permissions.ErrRefused) {
		t.Error(err)
	}
	for _, l := range in {
		it := item(t, conv, l)
		if l == "AdminPortal:Read" {
			continue
		}
		if it.Outcome != permissions.OutcomeUnknown || it.Reason == "" || it.Confidence != permissions.ConfidenceNone || len(it.Paths) != 0 || !strings.Contains(err.Error(), string(l)) {
			t.Errorf("%+v", it)
		}
	}
	if it := item(t, conv, "Certificatez:Read"); !strings.Contains(it.Reason, "did you mean Certificates:Read?") {
		t.Errorf("%+v", it)
	}
}

func TestMinConfidence(t *testing.T) {
	in := names("Certificates:Read", "AdminPortal:Read", "CertificateStoreManagement:EditMetadata", "PkiManagement:Read", "API:Read")
	for least, want := range map[permissions.Confidence][]permissions.Legacy{
		permissions.ConfidenceNone:       nil,
		permissions.ConfidenceGuess:      nil,
		permissions.ConfidenceInferred:   names("CertificateStoreManagement:EditMetadata"),
		permissions.ConfidenceDocumented: names("AdminPortal:Read", "CertificateStoreManagement:EditMetadata", "PkiManagement:Read"),
	} {
		conv := permissions.Convert(in, &permissions.ConvertOptions{MinConfidence: least})
		var refused []permissions.Legacy
		for _, it := range conv.Items {
			if it.Outcome != permissions.OutcomeRefused {
				continue
			}
			refused = append(refused, it.Name)
			for _, p := range it.Paths {
				if conv.Set.Allows(p) {
					t.Errorf("%v: %s is refused, but %s is granted", least, it.Name, p)
				}
			}
			if len(it.Paths) == 0 || it.Reason == "" || !strings.Contains(conv.Err().Error(), string(it.Name)) {
				t.Errorf("%v: %+v", least, it)
			}
		}
		if !slices.Equal(refused, want) || errors.Is(conv.Err(), permissions.ErrRefused) != (want != nil) {
			t.Errorf("%v: refused are %v, want %v; %v", least, refused, want, conv.Err())
		}
		if item(t, conv, "API:Read").Outcome != permissions.OutcomeDropped || item(t, conv, "Certificates:Read").Outcome != permissions.OutcomeConverted {
			t.Errorf("%v: %v", least, conv)
		}
	}
	// What a refused name allowed before still counts, and so does what the others allowed.
	conv := permissions.Convert(names("Monitoring:Read", "WorkflowManagement:Read"), &permissions.ConvertOptions{MinConfidence: permissions.ConfidenceDocumented})
	if strings.Contains(item(t, conv, "WorkflowManagement:Read").Widens, "expiration") || item(t, conv, "Monitoring:Read").Outcome != permissions.OutcomeRefused {
		t.Errorf("%v", conv)
	}
}

func TestOverrides(t *testing.T) {
	conv := permissions.Convert(
		names("CertificateEnrollment:PendingCsr", "api:read", "Home:Grown", "Certificates:Read", "Collections[6]:Delete", "SSH:User"),
		&permissions.ConvertOptions{
			MinConfidence: permissions.ConfidenceDocumented,
			Overrides: map[permissions.Legacy][]permissions.Path{
				"CertificateEnrollment: PendingCsr": {},
				"API:Read":                          {"Certificates/Import", "/certificates/import/", "/auditing/read/"},
				"Home:Grown":                        {"/scripts/read/"},
				"Collections[6]:Delete":             nil,
				"SSH:User":                          {"/ssh/ user/"},
			},
		})
	if want := permissions.NewSet("/certificates/import/", "/auditing/read/", "/scripts/read/", "/certificates/collections/read/"); !conv.Set.Equal(want) {
		t.Errorf("%v, want %v", conv.Set, want)
	}
	for l, want := range map[permissions.Legacy]permissions.Outcome{
		"CertificateEnrollment:PendingCsr": permissions.OutcomeDropped,
		"api:read":                         permissions.OutcomeConverted,
		"Home:Grown":                       permissions.OutcomeConverted,
		"Collections[6]:Delete":            permissions.OutcomeDropped,
		"SSH:User":                         permissions.OutcomeRefused,
		"Certificates:Read":                permissions.OutcomeConverted,
	} {
		it := item(t, conv, l)
		if it.Outcome != want || it.Overridden != (l != "Certificates:Read") || it.Overridden && it.Confidence != permissions.ConfidenceNone {
			t.Errorf("%+v", it)
		}
	}
	if got := item(t, conv, "api:read").Paths; !slices.Equal(got, paths("/auditing/read/", "/certificates/import/")) {
		t.Errorf("%v", got)
	}
	if len(conv.Items) != 6 {
		t.Errorf("%d items", len(conv.Items))
	}
	if err := conv.Err(); !errors.Is(err, permissions.ErrRefused) || errors.Is(err, permissions.ErrUnknown) || !strings.Contains(err.Error(), "SSH:User") {
		t.Error(err)
	}
	// Two spellings of one name: each holds for its own, the first in order for any other, every time.
	for range 20 {
		conv := permissions.Convert(names("adminportal:read", "ADMINPORTAL:Read", "AdminPortal:Read"), &permissions.ConvertOptions{
			Overrides: map[permissions.Legacy][]permissions.Path{"adminportal:read": {"/a/"}, "ADMINPORTAL:Read": {"/b/"}},
		})
		if item(t, conv, "adminportal:read").Paths[0] != "/a/" || item(t, conv, "AdminPortal:Read").Paths[0] != "/b/" {
			t.Fatalf("%v", conv)
		}
	}
}

func TestTargetVersion(t *testing.T) {
	const (
		csr   = permissions.Legacy("CertificateEnrollment:CsrGeneration")
		mac   = permissions.Legacy("MacAutoEnrollManagement:Read")
		store = permissions.Legacy("Containers[2]:Revoke")
		plain = permissions.Legacy("AdminPortal:Read")
	)
	for version, want := range map[string][]permissions.Legacy{
		"":       nil,
		"10.5":   names(plain, csr, mac, store),
		"11":     names(csr, store),
		"11.3":   names(csr, store),
		"12.2.1": names(csr, store),
		"24":     names(store), // may be a 24.4
		"24.4":   names(store),
		"25":     names(mac),
		"25.1":   names(mac),
		"26.0":   names(mac),
	} {
		conv := permissions.Convert(names(csr, mac, store, plain), &permissions.ConvertOptions{Version: version})
		var got []permissions.Legacy
		for _, it := range conv.Items {
			if len(it.Unavailable) > 0 {
				got = append(got, it.Name)
				if it.Unavailable[0].Reason == "" || !conv.Set.Allows(it.Unavailable[0].Path) {
					t.Errorf("%s: %+v", version, it)
				}
			}
		}
		if !slices.Equal(got, want) || conv.Err() != nil {
			t.Errorf("%q: %v, want %v; %v", version, got, want, conv.Err())
		}
	}
	conv := permissions.Convert(names("IdentityProviders:Read"), &permissions.ConvertOptions{Version: "11.3"})
	if len(conv.Items[0].Unavailable) != 0 {
		t.Errorf("only the form with an id is new: %+v", conv.Items[0].Unavailable)
	}
	for path, versions := range map[permissions.Path][2]string{
		"/certificates/collections/change_owner/6/":                      {"11.6", "12.3"},
		"/enrollment_pattern/read/":                                      {"24.4", "25.1"},
		"/identity_providers/read/6cbdb8ee-e4f5-4f44-a7f6-5d1d0d9b1c11/": {"24.4", "25.0"},
		"/certificates/expanded_change_owner/":                           {"24.4", "25"},
	} {
		for i, version := range versions {
			conv := permissions.Convert(names("X:Y"), &permissions.ConvertOptions{
				Version: version, Overrides: map[permissions.Legacy][]permissions.Path{"X:Y": {path}},
			})
			if (len(conv.Items[0].Unavailable) > 0) != (i == 0) {
				t.Errorf("%s on %s: %+v", path, version, conv.Items[0].Unavailable)
			}
		}
	}
	for _, version := range []string{"new", "11.", "-1", "v25.1", "25,1", "11.99999999999"} {
		conv := permissions.Convert(names(plain), &permissions.ConvertOptions{Version: version})
		if !errors.Is(conv.Err(), permissions.ErrVersion) || conv.Set.Len() != 1 || !strings.Contains(conv.String(), "not a Command version") {
			t.Errorf("%q: %v", version, conv.Err())
		}
	}
}

// anyName draws known names in various spellings, names for objects, unknown ones and nonsense.
func anyName() *rapid.Generator[permissions.Legacy] {
	all := permissions.Catalogue().Legacy
	return rapid.Custom(func(t *rapid.T) permissions.Legacy {
		name := string(all[rapid.IntRange(0, len(all)-1).Draw(t, "which")].Name)
		name = strings.Replace(name, "{id}", rapid.SampledFrom([]string{"6", "60", "7"}).Draw(t, "id"), 1)
		switch rapid.IntRange(0, 19).Draw(t, "slip") {
		case 0:
			name = strings.ToLower(name)
		case 1:
			name = strings.Replace(name, ":", ": ", 1)
		case 2:
			name += "x"
		case 3:
			name = rapid.String().Draw(t, "anything")
		}
		return permissions.Legacy(name)
	})
}

func TestConvertLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(anyName(), 0, 12).Draw(t, "names")
		opts := &permissions.ConvertOptions{
			Version:       rapid.SampledFrom([]string{"", "11.3", "25.1"}).Draw(t, "version"),
			MinConfidence: permissions.Confidence(rapid.IntRange(0, 3).Draw(t, "least")),

			RefuseWidening: rapid.Bool().Draw(t, "strict"),
		}
		if len(in) > 0 && rapid.Bool().Draw(t, "override") {
			opts.Overrides = map[permissions.Legacy][]permissions.Path{in[0]: {anyPath().Draw(t, "to")}}
		}
		conv := permissions.Convert(in, opts)

		distinct := map[permissions.Legacy]bool{}
		for _, l := range in {
			distinct[l] = true
		}
		if len(conv.Items) != len(distinct) {
			t.Fatalf("%d items for %d distinct inputs", len(conv.Items), len(distinct))
		}
		var granted []permissions.Path
		for _, it := range conv.Items {
			if !distinct[it.Input] {
				t.Fatalf("%q comes from nowhere, or twice", it.Input)
			}
			delete(distinct, it.Input)
			if it.Outcome == permissions.OutcomeConverted {
				granted = append(granted, it.Paths...)
				for _, p := range it.Paths {
					if !conv.Set.Allows(p) {
						t.Fatalf("%q lost %q", it.Input, p)
					}
				}
				if !it.Overridden && it.Confidence < opts.MinConfidence {
					t.Fatalf("%q is mapped with too little confidence", it.Input)
				}
				if !it.Overridden && opts.RefuseWidening && it.Widens != "" {
					t.Fatalf("%q widens the role", it.Input)
				}
			} else if it.Reason == "" || it.Outcome != permissions.OutcomeRefused && it.Widens != "" || len(it.Redundant) != 0 {
				t.Fatalf("%+v", it)
			}
		}
		if !conv.Set.Equal(permissions.NewSet(granted...)) {
			t.Fatalf("the set %v is not what the names grant, %v", conv.Set, granted)
		}
		a, errA := json.Marshal(conv)
		shuffled := permissions.Convert(rapid.Permutation(in).Draw(t, "shuffled"), opts)
		b, errB := json.Marshal(shuffled)
		if errA != nil || errB != nil || string(a) != string(b) || conv.String() != shuffled.String() {
			t.Fatalf("order matters:\n%s\n%s", a, b)
		}
		var back permissions.Conversion
		if err := json.Unmarshal(a, &back); err != nil || !back.Set.Equal(conv.Set) || len(back.Items) != len(conv.Items) {
			t.Fatalf("%v: %v", err, back)
		}
	})
}

func TestItemsAreSorted(t *testing.T) {
	want := names("AdminPortal:Read", "SSH:User", "Collections[9]:Read", "Collections[9]:Revoke", "Collections[10]:Delete", "Containers[1]:Read")
	conv := permissions.Convert(names(want[4], want[2], want[1], want[5], want[3], want[0]), nil)
	for i, it := range conv.Items {
		if it.Name != want[i] {
			t.Errorf("%d: %s, want %s", i, it.Name, want[i])
		}
	}
}

// What a hostile server or caller sends is shown on one line, escaped, wherever it turns up.
func TestReportsAreFitToBeShown(t *testing.T) {
	const evil = "\x1b[31m\nevil"
	conv := permissions.Convert(names(evil, evil+":2", "Certificates:Import"), &permissions.ConvertOptions{
		Version:   "10.5",
		Overrides: map[permissions.Legacy][]permissions.Path{evil: {"/certificates/import/", "/x/"}, evil + ":2": {evil, "/x/"}},
	})
	narrowing := permissions.Narrow(paths(evil), nil)
	diff := permissions.NewSet(evil).Diff(permissions.NewSet())
	for _, text := range []string{conv.String(), conv.Err().Error(), narrowing.String(), diff.String(), permissions.Lint(paths(evil), nil)[0].String()} {
		if strings.Contains(text, "\x1b") || strings.Contains(text, "\nevil") || !strings.Contains(text, `\x1b[31m\nevil`) {
			t.Errorf("%q", text)
		}
	}
}

func TestFindingsStayOnOneLine(t *testing.T) {
	for _, f := range permissions.Lint(paths("\n/ssl/modify/\n", "/ssl/ read/\n"), nil) {
		if strings.Contains(f.String(), "\n") {
			t.Errorf("%q", f.String())
		}
	}
}

func TestConvertNothing(t *testing.T) {
	conv := permissions.Convert(nil, nil)
	if got, err := json.Marshal(conv); err != nil || string(got) != `{"permissions":[],"items":[]}` || conv.Err() != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestConvertDoesNotTouchItsInput(t *testing.T) {
	in := names("SSH:User", "AdminPortal: Read", "SSH:User")
	permissions.Convert(in, nil)
	if !slices.Equal(in, names("SSH:User", "AdminPortal: Read", "SSH:User")) {
		t.Errorf("%v", in)
	}
}

// What the items list belongs to the caller, each list for itself.
func TestItemsShareNothing(t *testing.T) {
	in := names("AdminPortal:Read", "PkiManagement:Read", "SSH:User")
	conv := permissions.Convert(in, nil)
	for i := range conv.Items {
		it := &conv.Items[i]
		_ = append(it.Paths, "/appended/")
		_ = append(it.Mappings, permissions.Mapping{Path: "/appended/"})
	}
	want := permissions.Convert(in, nil)
	for i, it := range conv.Items {
		if !slices.Equal(it.Paths, want.Items[i].Paths) || !reflect.DeepEqual(it.Mappings, want.Items[i].Mappings) {
			t.Errorf("%+v, want %+v", it, want.Items[i])
		}
		conv.Items[i].Paths[0] = "/changed/"
	}
	if !conv.Set.Equal(want.Set) {
		t.Errorf("%v, want %v", conv.Set, want.Set)
	}
}

func TestConversionReport(t *testing.T) {
	conv := permissions.Convert(names(
		"CertificateEnrollment:PendingCsr", "API:Read", "Certificates:ImportPrivateKey", "Collections[6]:Read", "Certificates:Read",
		"AdminPortal:Read", "Nonsense:X", "PkiManagement:Read", "MacAutoEnrollManagement:Read", "CertificateStoreManagement:EditMetadata",
	), &permissions.ConvertOptions{Version: "25.1", MinConfidence: permissions.ConfidenceGuess})
	report := conv.String()
	for _, want := range []string{
		"WIDENS: can now approve and deny certificate requests",
		"dropped: has no equivalent in version 2",
		"/certificate_stores/metadata/modify/  (guess E3: Formed after",
		"REFUSED: its mapping is a guess, and the path is sensitive",
		"/certificates/collections/private_key/import/  (would be; guess E3: By name only",
		"NARROWS: can no longer use the Classic (CMS) API",
		"/certificates/collections/read/6/ is not needed: /certificates/collections/read/ (Certificates:Read) covers it",
		`"Nonsense:X"`, "UNKNOWN: is not a permission that is known here",
		"note: Where 10.x put revocation monitoring was not found",
		"NOT ON THIS VERSION: /agents/management/mac/auto-enrollment/management/read/ no longer listed from Command 25 on",
		"10 names: 7 converted, 1 guessed, 1 widening the role, 1 narrowing the role, 1 dropped, 1 refused, 1 unknown. 7 permissions in version 2:",
		"\n  /portal/read/\n",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not say %q:\n%s", want, report)
		}
	}
	strict := permissions.Convert(names("Certificates:ImportPrivateKey"), &permissions.ConvertOptions{MinConfidence: permissions.ConfidenceDocumented})
	if want := "REFUSED: its mapping is a guess, and documented was asked for"; !strings.Contains(strict.String(), want) {
		t.Errorf("the report does not say %q:\n%s", want, strict)
	}
}
