package permissions_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/permissions"
)

func TestNarrow(t *testing.T) {
	in := paths(
		"/portal/read/", "/certificate_authorities/read/", "/certificate_templates/read/", "/certificate_authorities/modify/",
		"/monitoring/alerts/read/", "/certificates/requests/manage/", "/certificates/collections/read/6/", "/certificates/collections/change_owner/6/",
		"/workflows/", "/monitoring/alerts/schedule/", "/unknown/path/", "not a path", "/enrollment_pattern/", "/certificates/collections/modify/",
		"/identity_providers/read/6cbdb8ee-e4f5-4f44-a7f6-5d1d0d9b1c11/",
	)
	got := permissions.Narrow(in, nil)
	if want := names("AdminPortal:Read", "CertificateCollections:Modify", "PkiManagement:Read", "Collections[6]:Read"); !slices.Equal(got.Names, want) {
		t.Errorf("%v, want %v", got.Names, want)
	}
	if len(got.Items) != len(in) {
		t.Errorf("%d items for %d paths", len(got.Items), len(in))
	}
	for _, it := range got.Items {
		want, ok := map[permissions.Path]permissions.Expression{
			"/portal/read/": permissions.ExpressionExact, "/certificate_authorities/read/": permissions.ExpressionExact, "/certificate_templates/read/": permissions.ExpressionExact,
			"/certificates/collections/read/6/": permissions.ExpressionExact, "/certificates/collections/modify/": permissions.ExpressionExact,
			"/monitoring/alerts/read/": permissions.ExpressionAmbiguous, "/certificates/requests/manage/": permissions.ExpressionAmbiguous,
		}[it.Path]
		if !ok {
			want = permissions.ExpressionNone
		}
		if it.Expression != want || (it.Reason == "") != ok {
			t.Errorf("%+v, want %s", it, want)
		}
		if within := it.Path == "/workflows/"; within != (len(it.Within) > 0) {
			t.Errorf("%s: within are %v", it.Path, it.Within)
		}
		switch it.Path {
		case "/certificate_authorities/modify/":
			if !strings.Contains(it.Reason, "PkiManagement:Modify would also grant /certificate_templates/modify/") {
				t.Errorf("%+v", it)
			}
		case "/certificates/requests/manage/":
			if len(it.Names) != 2 { // the third is a guess
				t.Errorf("%+v", it)
			}
		case "/workflows/":
			if len(it.Within) != 6 {
				t.Errorf("%+v", it)
			}
		}
	}
	for _, l := range permissions.Narrow(paths("/certificates/"), nil).Items[0].Within {
		if info, ok := permissions.KnownLegacy(l); !ok || info.Scope != permissions.ScopeGlobal {
			t.Errorf("%s is within /certificates/", l)
		}
	}
	strict := permissions.Narrow(paths("/certificates/requests/manage/", "/portal/read/", "/certificate_stores/private_key/read/2/"),
		&permissions.NarrowOptions{MinConfidence: permissions.ConfidenceDocumented})
	if len(strict.Names) != 0 || len(strict.Items[1].Names) != 2 || strict.Items[2].Expression != permissions.ExpressionNone {
		t.Errorf("%+v", strict)
	}
	for _, want := range []string{
		"one of Monitoring:Read, WorkflowManagement:Read", "below it: WorkflowDefinitions:Read, ", `"not a path"`, "no name: the path is not known here",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, got)
		}
	}
}

// realPath draws paths of the catalogue, some limited to an object, some unknown or malformed.
func realPath() *rapid.Generator[permissions.Path] {
	all := permissions.Catalogue().Paths
	return rapid.Custom(func(t *rapid.T) permissions.Path {
		p := all[rapid.IntRange(0, len(all)-1).Draw(t, "which")].Path
		switch rapid.IntRange(0, 9).Draw(t, "form") {
		case 0, 1, 2:
			if scoped, err := p.WithScope(rapid.SampledFrom([]string{"6", "60"}).Draw(t, "id")); err == nil {
				return scoped
			}
		case 3:
			return anyPath().Draw(t, "odd")
		}
		return p
	})
}

func TestNarrowNeverGrantsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(realPath(), 0, 10).Draw(t, "paths")
		least := permissions.Confidence(rapid.IntRange(0, 3).Draw(t, "least"))
		set := permissions.NewSet(in...)
		got := permissions.Narrow(in, &permissions.NarrowOptions{MinConfidence: least})
		back := permissions.Convert(got.Names, &permissions.ConvertOptions{MinConfidence: least})
		if !set.Covers(back.Set) || back.Err() != nil {
			t.Fatalf("%v became %v became %v, %v", set, got.Names, back.Set, back.Err())
		}
		every := slices.Clone(got.Names)
		if len(got.Items) != set.Len() {
			t.Fatalf("%d items for %d members", len(got.Items), set.Len())
		}
		for _, it := range got.Items {
			every = append(append(every, it.Names...), it.Within...)
			if it.Expression != permissions.ExpressionNone {
				if one := permissions.Convert(it.Names[:1], nil).Set; !one.Allows(it.Path) {
					t.Fatalf("%s does not grant %s", it.Names[0], it.Path)
				}
			}
		}
		if all := permissions.Convert(every, nil).Set; !set.Covers(all) {
			t.Fatalf("%v became at most %v became %v", set, every, all)
		}
	})
}

// The way to version 2 and back gives the same permissions, as far as names are unambiguous or all candidates are taken.
func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		there := permissions.Convert(rapid.SliceOfN(anyName(), 0, 10).Draw(t, "names"), nil)
		var all []permissions.Legacy
		for _, it := range permissions.Narrow(there.Set.Paths(), nil).Items {
			if it.Expression == permissions.ExpressionNone {
				t.Fatalf("%+v has no name but came from one", it)
			}
			all = append(all, it.Names...)
		}
		if back := permissions.Convert(all, nil); !back.Set.Equal(there.Set) {
			t.Fatalf("%v became %v", there.Set, back.Set)
		}
	})
}
