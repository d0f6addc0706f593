package permissions_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

func TestCounts(t *testing.T) {
	all := permissions.Catalogue()
	count := map[string]int{}
	for _, p := range all.Paths {
		count[string(p.Kind)]++
		count[string(p.Evidence)]++
	}
	for _, l := range all.Legacy {
		if l.Scope == permissions.ScopeGlobal {
			count["global"]++
		} else {
			count["object"]++
		}
		for _, listed := range l.Listed {
			if l.Scope == permissions.ScopeGlobal {
				count["listed "+string(listed)]++
			}
		}
		for _, m := range l.Mappings {
			count["rows"]++
			count[m.Stated().String()]++
			count[string(m.Evidence)]++
			if m.Confidence == permissions.ConfidenceGuess {
				count["guessed"]++
			}
		}
	}
	for what, want := range map[string]int{
		"parent": 36, "leaf": 69, "mixed": 2, "full list": 99, "endpoint page": 5, "inferred": 3 + 47,
		"global": 69, "object": 14, "listed 10": 61, "listed 11": 58, "listed 25": 62, "listed doc": 59,
		"rows": 85, "documented": 37, "none": 1, "E1": 37, "E2": 34, "E3": 13, "guessed": 6,
	} {
		if count[what] != want {
			t.Errorf("%s: %d, want %d", what, count[what], want)
		}
	}
	if len(all.Legacy) != 83 || len(all.Paths) != 107 {
		t.Errorf("%d names, %d paths", len(all.Legacy), len(all.Paths))
	}
}

// Every row of the mapping is there as it is recorded, and converts as it says.
func TestEveryRow(t *testing.T) {
	f, err := os.Open("testdata/mapping.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 86 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	guesses := []string{
		"WorkflowManagement:Manage", "Certificates:ImportPrivateKey", "CertificateStoreManagement:EditMetadata",
		"CertificateStoreManagement:Recover", "Containers[{id}]:EditMetadata", "Containers[{id}]:Recover",
	}
	want := map[string][]permissions.Path{} // by name
	for _, row := range rows[1:] {
		name, path, scope, confidence, evidence, versions := row[0], row[1], row[2], row[3], row[4], row[5]
		info, ok := permissions.KnownLegacy(permissions.Legacy(name))
		if !ok {
			t.Errorf("%s is not known", name)
			continue
		}
		i := slices.IndexFunc(info.Mappings, func(m permissions.Mapping) bool { return string(m.Path) == path })
		if i < 0 {
			t.Errorf("%s: no row for %q", name, path)
			continue
		}
		m := info.Mappings[i]
		if string(info.Scope) != scope || m.Stated().String() != confidence || string(m.Evidence) != evidence || m.Versions != versions || m.Source == "" {
			t.Errorf("%v: %v %+v", row, info.Scope, m)
		}
		if guess := slices.Contains(guesses, name); guess != (m.Confidence == permissions.ConfidenceGuess) {
			t.Errorf("%s: %v", name, m.Confidence)
		}
		concrete := strings.NewReplacer("{id}", "6", "{collectionId}", "6", "{containerId}", "6", "{pamProviderId}", "6")
		name = concrete.Replace(name)
		if want[name] == nil {
			want[name] = []permissions.Path{}
		}
		if path != "" {
			want[name] = append(want[name], permissions.Path(concrete.Replace(path)))
		}
	}
	if len(want) != 83 {
		t.Errorf("%d names", len(want))
	}
	// Guesses about sensitive paths are never granted by themselves.
	for _, name := range []string{"WorkflowManagement:Manage", "Certificates:ImportPrivateKey", "CertificateStoreManagement:Recover", "Containers[6]:Recover"} {
		conv := permissions.Convert([]permissions.Legacy{permissions.Legacy(name)}, nil)
		if it := conv.Items[0]; it.Outcome != permissions.OutcomeRefused || conv.Set.Len() != 0 || !slices.Equal(it.Paths, want[name]) {
			t.Errorf("%s: %+v", name, it)
		}
		delete(want, name)
	}
	for name, paths := range want {
		conv := permissions.Convert([]permissions.Legacy{permissions.Legacy(name)}, nil)
		if !conv.Set.Equal(permissions.NewSet(paths...)) || conv.Set.Len() != len(paths) || conv.Err() != nil || len(conv.Items) != 1 {
			t.Errorf("%s converts to %v, want %v", name, conv.Set, paths)
			continue
		}
		outcome := permissions.OutcomeConverted
		if name == "API:Read" {
			outcome = permissions.OutcomeDropped
		}
		if item := conv.Items[0]; item.Outcome != outcome || !slices.Equal(item.Paths, paths) || string(item.Name) != name {
			t.Errorf("%s: %+v", name, item)
		}
	}
}

func TestKnown(t *testing.T) {
	for p, want := range map[permissions.Path]permissions.Path{
		"/certificates/collections/read/":                                "/certificates/collections/read/",
		"/Certificates/Collections/Read/6":                               "/certificates/collections/read/",
		"/identity_providers/read/6cbdb8ee-e4f5-4f44-a7f6-5d1d0d9b1c11/": "/identity_providers/read/",
		"/":                                      "/",
		"/identity_providers/read/6/":            "",
		"/certificates/collections/read/6/7/":    "",
		"/certificates/collections/modify/6/":    "",
		"/certificates/import/6/":                "",
		"/certificates/requests/":                "",
		"/certificates/collections/metadata/":    "",
		"/certificates/collections/private_key/": "",
		"/certificates/collections/delte/":       "",
		"/certificates/read/":                    "",
		"":                                       "",
		"/a b/":                                  "",
	} {
		info, ok := permissions.Known(p)
		if info.Path != want || ok != (want != "") {
			t.Errorf("Known(%q) = %q, %v; want %q", p, info.Path, ok, want)
		}
	}
	info, _ := permissions.Known("/certificates/collections/private_key/read/6/")
	if info.Scope != permissions.ScopeCollection || info.Area != "certificates" || info.Risk == "" || info.Kind != permissions.KindLeaf ||
		info.Label != "Certificates > Collections > Private Key > Read" || info.Description() != "Download private keys of certificates." {
		t.Errorf("%+v", info)
	}
	if info, _ := permissions.Known("/agents/management/mac/"); info.Deprecated() == "" {
		t.Error("the Mac branch is not deprecated")
	}
	if info, _ := permissions.Known("/certificate_stores/metadata/modify/"); !info.Inferred() {
		t.Error("a path formed after a sibling does not say so")
	}
}

func TestKnownLegacy(t *testing.T) {
	for l, want := range map[permissions.Legacy]permissions.Legacy{
		"AdminPortal:Read":       "AdminPortal:Read",
		"adminportal: read":      "AdminPortal:Read",
		"Collections[6]:Read":    "Collections[{id}]:Read",
		"Collections[{id}]:Read": "Collections[{id}]:Read",
		"Collections:Read":       "",
		"AdminPortal[6]:Read":    "",
		"Nonsense:Read":          "",
		"":                       "",
	} {
		info, ok := permissions.KnownLegacy(l)
		if info.Name != want || ok != (want != "") {
			t.Errorf("KnownLegacy(%q) = %q, %v; want %q", l, info.Name, ok, want)
		}
	}
	info, _ := permissions.KnownLegacy("WorkflowManagement:Participate")
	lists := []permissions.NameList{permissions.NameList10, permissions.NameList11, permissions.NameList25, permissions.NameListDocs}
	if info.Area != "Certificate Requests" || info.Label != "Manage" || !slices.Equal(info.Listed, lists) {
		t.Errorf("%+v", info)
	}
	if info, _ := permissions.KnownLegacy("Monitoring:Test"); info.Deprecated == "" || !slices.Equal(info.Needs, []permissions.Legacy{"Monitoring:Read"}) {
		t.Errorf("%+v", info)
	}
}

// What is handed out belongs to the caller.
func TestCatalogueCannotBeChanged(t *testing.T) {
	all := permissions.Catalogue()
	for i := range all.Legacy {
		all.Legacy[i].Mappings[0].Path = "/changed/"
		for j := range all.Legacy[i].Needs {
			all.Legacy[i].Needs[j] = "Changed:Changed"
		}
		all.Legacy[i].Name = "Changed:Changed"
	}
	for i := range all.Paths {
		all.Paths[i].Path = "/changed/"
	}
	item := permissions.Convert([]permissions.Legacy{"CertificateEnrollment:PendingCsr"}, nil).Items[0]
	info, _ := permissions.KnownLegacy("CertificateEnrollment:PendingCsr")
	for _, mappings := range [][]permissions.Mapping{item.Mappings, info.Mappings} {
		mappings[0].Path = "/changed/"
		mappings[0].Widens[0].Effect = "do what Changed:Changed does"
		mappings[0].Widens[0].Unless[0] = "Changed:Changed"
	}
	after, err := json.Marshal(permissions.Catalogue())
	if err != nil || strings.Contains(string(after), "hanged/") || strings.Contains(string(after), "Changed:") {
		t.Errorf("the catalogue was changed, %v", err)
	}
}

func TestLookups(t *testing.T) {
	for _, c := range []struct {
		got         permissions.Entries
		names, path string
		lenNames    int
		lenPaths    int
	}{
		{permissions.FindByLabel("Manage Pending CSRs"), "CertificateEnrollment:PendingCsr", "", 1, 0},
		{permissions.FindByLabel("certificates: download with private key"), "Certificates:Recover", "", 1, 0},
		{permissions.FindByLabel("Read - Started By Me"), "WorkflowInstances:ReadMy", "", 1, 0},
		{permissions.FindByLabel("Certificates > Collections > Modify"), "", "/certificates/collections/modify/", 0, 1},
		{permissions.FindByLabel("SSH > Server Admin"), "SSH:ServerAdmin", "/ssh/server_admin/", 1, 1},
		{permissions.FindByLabel(""), "", "", 0, 0},
		{permissions.FindByLabel("::"), "", "", 0, 0},
		{permissions.FindByLabel("no such label"), "", "", 0, 0},
		{permissions.FindByArea("PAM"), "", "/pam/modify/", 0, 3},
		{permissions.FindByArea("workflowmanagement"), "WorkflowManagement:Participate", "", 5, 0},
		{permissions.FindByArea("Alerts"), "WorkflowManagement:Test", "", 3, 0},
		{permissions.FindByArea("SSL Management"), "SslManagement:Read", "", 2, 0},
		{permissions.FindByArea("certificates"), "Certificates:Revoke", "/certificates/import/", 7, 17},
		{permissions.FindByArea("nowhere"), "", "", 0, 0},
		{permissions.FindByArea(" "), "", "", 0, 0}, // the root has no area, and one name's is not known
	} {
		hasName := c.names == "" || slices.ContainsFunc(c.got.Legacy, func(l permissions.LegacyInfo) bool { return string(l.Name) == c.names })
		hasPath := c.path == "" || slices.ContainsFunc(c.got.Paths, func(p permissions.PathInfo) bool { return string(p.Path) == c.path })
		if !hasName || !hasPath || len(c.got.Legacy) != c.lenNames || len(c.got.Paths) != c.lenPaths {
			t.Errorf("want %s %s, %d names and %d paths; got %d and %d", c.names, c.path, c.lenNames, c.lenPaths, len(c.got.Legacy), len(c.got.Paths))
		}
	}
}

func TestNamesOf(t *testing.T) {
	for p, want := range map[permissions.Path][]permissions.Legacy{
		"/certificates/requests/manage/":            {"CertificateEnrollment:PendingCsr", "WorkflowManagement:Participate", "WorkflowManagement:Manage"},
		"/certificates/collections/read/6/":         {"Collections[6]:Read"},
		"/certificate_authorities/modify/":          {"PkiManagement:Modify"},
		"/certificates/":                            {},
		"/certificates/collections/change_owner/6/": {},
		"not a path": {},
	} {
		if got := permissions.NamesOf(p); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", p, got, want)
		}
	}
}

func TestConfidence(t *testing.T) {
	if !(permissions.ConfidenceNone < permissions.ConfidenceGuess && permissions.ConfidenceGuess < permissions.ConfidenceInferred && permissions.ConfidenceInferred < permissions.ConfidenceDocumented) {
		t.Error("confidences are out of order")
	}
	for _, c := range []permissions.Confidence{permissions.ConfidenceNone, permissions.ConfidenceGuess, permissions.ConfidenceInferred, permissions.ConfidenceDocumented} {
		text, err := c.MarshalText()
		var back permissions.Confidence
		if err != nil || back.UnmarshalText(text) != nil || back != c || c.String() != string(text) {
			t.Errorf("%v, %s", c, text)
		}
	}
	var c permissions.Confidence
	if err := c.UnmarshalText([]byte("certain")); err == nil {
		t.Error("accepted")
	}
	if permissions.Confidence(9).String() != "Confidence(9)" || permissions.Severity(-1).String() != "Severity(-1)" {
		t.Error("unknown values do not show their number")
	}
}
