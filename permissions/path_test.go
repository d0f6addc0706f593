package permissions_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/permissions"
)

func TestParsePath(t *testing.T) {
	for in, want := range map[string]permissions.Path{
		"/":                                 "/",
		" / ":                               "/",
		"/certificates/collections/read/6/": "/certificates/collections/read/6/",
		"certificates/collections/read/6":   "/certificates/collections/read/6/",
		"/Security/Modify":                  "/security/modify/",
		"\t/portal/read/\r\n":               "/portal/read/",
		"/agents/management/mac/auto-enrollment/management/read/": "/agents/management/mac/auto-enrollment/management/read/",
		"/not/known.yet/": "/not/known.yet/",
		"/identity_providers/read/0AB1CDE2-0000-4000-8000-00000000/": "/identity_providers/read/0ab1cde2-0000-4000-8000-00000000/",
		"/ ":  "/",
		" x":  "/x/",
		"x ":  "/x/",
		"/x ": "/x/",
		" x/": "/x/",
	} {
		got, err := permissions.ParsePath(in)
		if err != nil || got != want {
			t.Errorf("ParsePath(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for in, hint := range map[string]string{
		"":                         "empty",
		" \t":                      "empty",
		"//":                       "empty segment",
		"///":                      "empty segment",
		"/a//b/":                   "empty segment",
		"//a/":                     "empty segment",
		"/a//":                     "empty segment",
		"/a/../b/":                 "dot segment",
		"./a":                      "dot segment",
		"..":                       "dot segment",
		"/a b/":                    "space inside",
		"/ a/":                     "space inside",
		"/a/#/":                    "write the id",
		"/a/{id}/":                 "write the id",
		"/a/*":                     "wildcard",
		"Certificates:Read":        "converted",
		`\a\b`:                     "backslash",
		"/a\x00b/":                 "control character",
		"/a\x7f/":                  "control character",
		"/a\n/b/":                  "control character",
		"/a%2fb/":                  "no path uses",
		"/certificates/ré/":        "no path uses",
		"/a/?x=1":                  "no path uses",
		"/\u212aelvin/":            "no path uses", // the Kelvin sign lowers to k
		"/a\u200b/":                "no path uses",
		"/a\xff/":                  "no path uses",
		strings.Repeat("a ", 1000): "…",
	} {
		got, err := permissions.ParsePath(in)
		if !errors.Is(err, permissions.ErrPath) || !strings.Contains(err.Error(), hint) || got != "" {
			t.Errorf("ParsePath(%q) = %q, %v; want an error that says %q", in, got, err, hint)
		}
		if err != nil && (len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x00\n")) {
			t.Errorf("ParsePath(%q): the error is not fit to be shown: %q", in, err)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		p, q permissions.Path
		want bool
	}{
		{"/", "/", true},
		{"/", "/certificates/", true},
		{"/certificates/", "/", false},
		{"/certificates/", "/certificates/import/", true},
		{"/certificates/", "/certificate_stores/read/", false},
		{"/certificates/collections/read/", "/certificates/collections/read/6/", true},
		{"/certificates/collections/read/6/", "/certificates/collections/read/", false},
		{"/certificates/collections/read/6/", "/certificates/collections/read/60/", false},
		{"/certificates/enrollment/csr/", "/certificates/enrollment/csr_generation/", false},
		{"/certificates/enrollment/csr/", "/certificates/enrollment/csr/generation/", true},
		// Not canonical, on either side.
		{"/certificates", "/certificates/import/", true},
		{"/Certificates/", "certificates/IMPORT", true},
		{"/certificates/collections/read/6", "/certificates/collections/read/60", false},
		{"/certificates/import/", "certificates/import", true},
		// Malformed values cover only themselves, and nothing else covers them.
		{"", "", true},
		{"", "/", false},
		{"", "/certificates/", false},
		{"/", "", false},
		{"//", "/certificates/", false},
		{"/", "//", false},
		{"/certificates/", "/certificates//import/", false},
		{"/certificates/", "/certificates/../security/", false},
		{"/certificates/", "/certificates/im port/", false},
		{"/certificates/*", "/certificates/import/", false},
	} {
		if got := c.p.Covers(c.q); got != c.want {
			t.Errorf("%q covers %q: %v, want %v", c.p, c.q, got, c.want)
		}
	}
}

func TestScope(t *testing.T) {
	const guid = "6cbdb8ee-e4f5-4f44-a7f6-5d1d0d9b1c11"
	for _, c := range []struct {
		p, base permissions.Path
		id      string
	}{
		{"/certificates/collections/read/6/", "/certificates/collections/read/", "6"},
		{"certificates/collections/read/2147483647", "/certificates/collections/read/", "2147483647"},
		{"/identity_providers/read/" + guid + "/", "/identity_providers/read/", guid},
		{"/identity_providers/read/" + permissions.Path(strings.ToUpper(guid)), "/identity_providers/read/", guid},
		{"/certificates/collections/read/", "/certificates/collections/read/", ""},
		{"/certificates/collections/read/0/", "/certificates/collections/read/0/", ""},
		{"/certificates/collections/read/06/", "/certificates/collections/read/06/", ""},
		{"/certificates/collections/read/2147483648/", "/certificates/collections/read/2147483648/", ""},
		{"/certificates/collections/read/99999999999999999999/", "/certificates/collections/read/99999999999999999999/", ""},
		{"/certificates/collections/read/-6/", "/certificates/collections/read/-6/", ""},
		{"/identity_providers/read/6cbdb8ee-e4f5-4f44-a7f6-5d1d0d9b1cxx/", "/identity_providers/read/6cbdb8ee-e4f5-4f44-a7f6-5d1d0d9b1cxx/", ""},
		{"/identity_providers/read/6cbdb8ee0e4f504f440a7f605d1d0d9b1c11/", "/identity_providers/read/6cbdb8ee0e4f504f440a7f605d1d0d9b1c11/", ""},
		{"/6/", "/6/", ""},
		{"/", "/", ""},
		{"", "", ""},
		{"/a//6/", "/a//6/", ""},
	} {
		id, ok := c.p.Scope()
		if id != c.id || ok != (c.id != "") {
			t.Errorf("%q.Scope() = %q, %v; want %q", c.p, id, ok, c.id)
		}
		if base := c.p.Unscoped(); base != c.base {
			t.Errorf("%q.Unscoped() = %q; want %q", c.p, base, c.base)
		}
	}
}

func TestWithScope(t *testing.T) {
	const guid = "6CBDB8EE-E4F5-4F44-A7F6-5D1D0D9B1C11"
	for _, c := range []struct {
		p    permissions.Path
		id   string
		want permissions.Path
		err  error
	}{
		{"/certificates/collections/read/", "6", "/certificates/collections/read/6/", nil},
		{"Certificate_Stores/Read", "12", "/certificate_stores/read/12/", nil},
		{"/identity_providers/read/", guid, "/identity_providers/read/" + permissions.Path(strings.ToLower(guid)) + "/", nil},
		{"/not/known/", "6", "/not/known/6/", nil},
		{"/not/known/", guid, "/not/known/" + permissions.Path(strings.ToLower(guid)) + "/", nil},
		{"/certificates/collections/read/6/", "7", "", permissions.ErrScope},
		{"/certificates/collections/read/", guid, "", permissions.ErrScope},
		{"/identity_providers/read/", "6", "", permissions.ErrScope},
		{"/certificates/import/", "6", "", permissions.ErrScope},
		{"/certificates/", "6", "", permissions.ErrScope},
		{"/", "6", "", permissions.ErrScope},
		{"/certificates/collections/read/", "", "", permissions.ErrScope},
		{"/certificates/collections/read/", "0", "", permissions.ErrScope},
		{"/certificates/collections/read/", "-1", "", permissions.ErrScope},
		{"/certificates/collections/read/", "+1", "", permissions.ErrScope},
		{"/certificates/collections/read/", " 6", "", permissions.ErrScope},
		{"/certificates/collections/read/", "6/7", "", permissions.ErrScope},
		{"/certificates/collections/read/", "../6", "", permissions.ErrScope},
		{"/certificates/collections/read/", "٦", "", permissions.ErrScope},
		{"/a b/", "6", "", permissions.ErrPath},
	} {
		got, err := c.p.WithScope(c.id)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q.WithScope(%q) = %q, %v; want %q, %v", c.p, c.id, got, err, c.want, c.err)
		}
	}
}

// Every scopable path of the catalogue takes an id and gives it back.
func TestScopeRoundTrip(t *testing.T) {
	scopable := 0
	for _, info := range permissions.Catalogue().Paths {
		id := "17"
		if info.Scope == permissions.ScopeIdentityProvider {
			id = "6cbdb8ee-e4f5-4f44-a7f6-5d1d0d9b1c11"
		}
		scoped, err := info.Path.WithScope(id)
		if (err == nil) != (info.Scope != permissions.ScopeGlobal) {
			t.Errorf("%s with id %s: %v", info.Path, id, err)
		}
		if err != nil {
			continue
		}
		scopable++
		if got, _ := scoped.Scope(); got != id || scoped.Unscoped() != info.Path {
			t.Errorf("%s: id %q, base %q", scoped, got, scoped.Unscoped())
		}
		if known, ok := permissions.Known(scoped); !ok || known.Path != info.Path {
			t.Errorf("%s is not known by its base", scoped)
		}
	}
	if scopable != 6+7+2+2 {
		t.Errorf("%d paths take an id", scopable)
	}
}

func TestPathDoesNotAllocate(t *testing.T) {
	p, q := permissions.Path("/Certificates/collections"), permissions.Path("/certificates/collections/metadata/modify/6/")
	if n := testing.AllocsPerRun(100, func() {
		_ = p.Covers(q)
		_ = q.Covers(p)
		_, _ = q.Scope()
		_, _ = permissions.Known(q)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// model is a path as the naive model sees it: its segments, or nothing if it is malformed.
func model(p permissions.Path) (segments []string, ok bool) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	s := strings.TrimSpace(string(p))
	if s == "/" {
		return nil, true
	}
	segments = strings.Split(strings.TrimSuffix(strings.TrimPrefix(s, "/"), "/"), "/")
	for i, segment := range segments {
		if segment == "" || segment == "." || segment == ".." || strings.Trim(segment, letters) != "" {
			return nil, false
		}
		segments[i] = strings.ToLower(segment)
	}
	return segments, true
}

func modelCovers(p, q permissions.Path) bool {
	a, okA := model(p)
	b, okB := model(q)
	if !okA || !okB {
		return p == q
	}
	if len(a) > len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// segment is drawn from few words, so that paths often lie below each other or nearly so.
var segment = rapid.SampledFrom([]string{"a", "b", "ab", "a_b", "6", "60", "read"})

// anyPath draws paths that are canonical for the most part, but also with slips, and malformed.
func anyPath() *rapid.Generator[permissions.Path] {
	return rapid.Custom(func(t *rapid.T) permissions.Path {
		segments := rapid.SliceOfN(segment, 0, 4).Draw(t, "segments")
		s := "/" + strings.Join(segments, "/")
		if len(segments) > 0 {
			s += "/"
		}
		switch rapid.IntRange(0, 15).Draw(t, "slip") {
		case 0:
			s = strings.ToUpper(s)
		case 1:
			s = strings.Trim(s, "/")
		case 2:
			s = " " + s + "\n"
		case 3:
			s += "/"
		case 4:
			s = strings.Replace(s, "a", "a b", 1)
		case 5:
			s = rapid.String().Draw(t, "anything")
		}
		return permissions.Path(s)
	})
}

func TestCoversLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q, r := anyPath().Draw(t, "p"), anyPath().Draw(t, "q"), anyPath().Draw(t, "r")
		if p.Covers(q) != modelCovers(p, q) {
			t.Fatalf("%q covers %q: %v, the model disagrees", p, q, p.Covers(q))
		}
		if !p.Covers(p) {
			t.Fatalf("%q does not cover itself", p)
		}
		if p.Covers(q) && q.Covers(r) && !p.Covers(r) {
			t.Fatalf("%q covers %q covers %q: not transitive", p, q, r)
		}
		if p.Covers(q) && q.Covers(p) {
			a, _ := permissions.ParsePath(string(p))
			b, _ := permissions.ParsePath(string(q))
			if a != b {
				t.Fatalf("%q and %q cover each other", p, q)
			}
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{
		"", "/", "//", "/a/", "A/B", "/certificates/collections/read/6/", " /x ", "/a//b", "/../", "/\x00/", "/ /", "/é/", "/K/", "/a/6", "\u00a0/a",
		"/identity_providers/read/6CBDB8EE-e4f5-4f44-a7f6-5d1d0d9b1c11", "/a/%2e%2e/", "/a/{id}/", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := permissions.ParsePath(s)
		raw := permissions.Path(s)
		if _, ok := model(raw); ok != (err == nil) {
			t.Fatalf("ParsePath(%q): %v; the model disagrees", s, err)
		}
		if err != nil {
			if !errors.Is(err, permissions.ErrPath) || p != "" {
				t.Fatalf("ParsePath(%q) = %q, %v", s, p, err)
			}
			if permissions.Path("/").Covers(raw) {
				t.Fatalf("the root covers the malformed %q", s)
			}
			return
		}
		if again, err := permissions.ParsePath(string(p)); err != nil || again != p {
			t.Fatalf("ParsePath(%q) = %q, which parses to %q, %v", s, p, again, err)
		}
		if string(p) != strings.ToLower(string(p)) || p[0] != '/' || p[len(p)-1] != '/' || strings.Contains(string(p), "//") {
			t.Fatalf("ParsePath(%q) = %q, which is not canonical", s, p)
		}
		if !p.Covers(raw) || !raw.Covers(p) || !permissions.Path("/").Covers(raw) {
			t.Fatalf("%q and %q are not the same path", s, p)
		}
		if id, ok := p.Scope(); ok {
			if back, err := p.Unscoped().WithScope(id); err == nil && back != p {
				t.Fatalf("%q limited to %q again is %q", p, id, back)
			}
		}
	})
}
