package permissions_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/permissions"
)

func paths(p ...permissions.Path) []permissions.Path { return p }

func TestSet(t *testing.T) {
	set := permissions.NewSet(
		"/security/read/", "/certificates/collections/read/60/", "/certificates/collections/read/6/", "/certificates/collections/read/6/",
		"/workflows/instances/read/mine/", "/workflows/instances/read/", "Security/Read", "/certificates/enrollment/csr_generation/",
		"/certificates/enrollment/csr/",
	)
	want := paths(
		"/certificates/collections/read/6/", "/certificates/collections/read/60/", "/certificates/enrollment/csr/",
		"/certificates/enrollment/csr_generation/", "/security/read/", "/workflows/instances/read/",
	)
	if !slices.Equal(set.Paths(), want) || set.Len() != len(want) || !slices.Equal(slices.Collect(set.All()), want) {
		t.Fatalf("%v, want %v", set, want)
	}
	for p, why := range map[permissions.Path]permissions.Path{
		"/workflows/instances/read/pending/":       "/workflows/instances/read/",
		"WORKFLOWS/instances/read":                 "/workflows/instances/read/",
		"/certificates/collections/read/60/":       "/certificates/collections/read/60/",
		"/certificates/collections/read/600/":      "",
		"/certificates/collections/read/":          "",
		"/certificates/enrollment/csr/generation/": "/certificates/enrollment/csr/",
		"/security/": "",
		"/":          "",
		"":           "",
	} {
		if got, ok := set.Why(p); got != why || ok != (why != "") || set.Allows(p) != ok {
			t.Errorf("Why(%q) = %q, %v; want %q", p, got, ok, why)
		}
	}
}

func TestZeroSet(t *testing.T) {
	var zero permissions.Set
	if zero.Len() != 0 || zero.Allows("/") || !zero.Equal(permissions.NewSet()) || zero.String() != "{}" || zero.Paths() == nil {
		t.Errorf("the zero Set is not the empty one: %v", zero)
	}
	if !zero.Covers(zero) || !zero.Add("/").Allows("/x/") || zero.Len() != 0 {
		t.Error("the zero Set does not work")
	}
}

// A value that cannot be a path is kept and neither covers nor hides anything.
func TestSetKeepsMalformed(t *testing.T) {
	set := permissions.NewSet("", "/a/ x", "/a/", "/a/b/", "//", "/a/", "/a/ x")
	if want := paths("", "//", "/a/", "/a/ x"); !slices.Equal(set.Paths(), want) {
		t.Fatalf("%q, want %q", set.Paths(), want)
	}
	if !set.Allows("/a/b/") || set.Allows("/b/") || !set.Allows("/a/ x") || !set.Allows("") || set.Allows("///") {
		t.Errorf("%q allows the wrong paths", set.Paths())
	}
}

func TestParseSet(t *testing.T) {
	set, err := permissions.ParseSet("Portal/Read", "/portal/")
	if err != nil || !set.Equal(permissions.NewSet("/portal/")) {
		t.Errorf("%v, %v", set, err)
	}
	if set, err = permissions.ParseSet("/a b/", "/ok/", "/c//"); err == nil || set.Len() != 0 {
		t.Errorf("%v, %v", set, err)
	}
}

func TestSetIsImmutable(t *testing.T) {
	in := paths("/b/", "/a/x/", "/a/")
	set := permissions.NewSet(in...)
	if !slices.Equal(in, paths("/b/", "/a/x/", "/a/")) {
		t.Errorf("NewSet changed its argument: %v", in)
	}
	set.Paths()[0] = "/changed/"
	in[0] = "/changed/"
	one, two := set.Add("/c/"), set.Add("/d/")
	if !set.Equal(permissions.NewSet("/a/", "/b/")) || !one.Equal(permissions.NewSet("/a/", "/b/", "/c/")) || two.Allows("/c/") {
		t.Errorf("%v %v %v", set, one, two)
	}
	rest := set.Minus(permissions.NewSet("/a/"))
	_ = rest.Add("/z/")
	if !rest.Equal(permissions.NewSet("/b/")) {
		t.Errorf("%v", rest)
	}
}

func TestRedundant(t *testing.T) {
	in := paths("/security/read/", "/security/", "/portal/read/", "Portal/Read", "/security/modify/", "/portal/read/", "bad path", "bad path", "/security/")
	want := paths("/security/read/", "Portal/Read", "/security/modify/", "/portal/read/", "bad path", "/security/")
	if got := permissions.Redundant(in); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := permissions.Redundant(paths("/a/", "/b/")); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestSetJSON(t *testing.T) {
	for _, c := range []struct {
		set  permissions.Set
		want string
	}{
		{permissions.Set{}, `[]`},
		{permissions.NewSet("/b/", "/a/"), `["/a/","/b/"]`},
	} {
		got, err := json.Marshal(struct{ S permissions.Set }{c.set})
		if err != nil || string(got) != `{"S":`+c.want+`}` {
			t.Errorf("%s, %v", got, err)
		}
		var back struct{ S permissions.Set }
		if err := json.Unmarshal(got, &back); err != nil || !back.S.Equal(c.set) {
			t.Errorf("%v, %v", back, err)
		}
	}
	var set permissions.Set
	if err := json.Unmarshal([]byte(`["/a/","/a/b/","A"]`), &set); err != nil || !set.Equal(permissions.NewSet("/a/")) {
		t.Errorf("%v, %v", set, err)
	}
	if err := json.Unmarshal([]byte(`"/a/"`), &set); err == nil {
		t.Error("a string is no set")
	}
}

// JSON holds a set as it is, or not at all.
func TestSetJSONRoundTrip(t *testing.T) {
	if text, err := json.Marshal(permissions.NewSet("/a/", "/b\xff/")); !errors.Is(err, permissions.ErrPath) || !strings.Contains(err.Error(), `"/b\xff/"`) {
		t.Errorf("%s, %v", text, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		set := permissions.NewSet(rapid.SliceOfN(rapid.OneOf(anyPath(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) permissions.Path { return permissions.Path(b) })), 0, 8).Draw(t, "paths")...)
		text, err := json.Marshal(set)
		if err != nil {
			return
		}
		var back permissions.Set
		if err := json.Unmarshal(text, &back); err != nil || !back.Equal(set) {
			t.Fatalf("%q became %s became %q, %v", set.Paths(), text, back.Paths(), err)
		}
	})
}

// Paths and names are strings on the wire, whatever is in them.
func TestJSONPassesThrough(t *testing.T) {
	const wire = `{"P":["/Odd path","","/certificates/"],"L":["AdminPortal: Read","","x"]}`
	var v struct {
		P []permissions.Path
		L []permissions.Legacy
	}
	if err := json.Unmarshal([]byte(wire), &v); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(v); err != nil || string(got) != wire {
		t.Errorf("%s, %v", got, err)
	}
}

func anySet() *rapid.Generator[permissions.Set] {
	return rapid.Map(rapid.SliceOfN(anyPath(), 0, 8), func(p []permissions.Path) permissions.Set { return permissions.NewSet(p...) })
}

func modelAllows(members []permissions.Path, p permissions.Path) bool {
	return slices.ContainsFunc(members, func(m permissions.Path) bool { return modelCovers(m, p) })
}

// A set allows what a plain list allows, is minimal and sorted, and tells the member that grants.
func TestSetAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(anyPath(), 0, 12).Draw(t, "list")
		p := anyPath().Draw(t, "p")
		set := permissions.NewSet(list...)
		if set.Allows(p) != modelAllows(list, p) {
			t.Fatalf("%q allows %q: %v, the model disagrees", set.Paths(), p, set.Allows(p))
		}
		if why, ok := set.Why(p); ok && (!why.Covers(p) || !slices.Contains(set.Paths(), why)) {
			t.Fatalf("%q grants %q through %q", set.Paths(), p, why)
		}
		members := set.Paths()
		if !slices.IsSorted(members) {
			t.Fatalf("%q is not sorted", members)
		}
		for i, m := range members {
			for j, n := range members {
				if i != j && m.Covers(n) {
					t.Fatalf("%q is not minimal", members)
				}
			}
		}
		for _, q := range list {
			if !set.Allows(q) {
				t.Fatalf("%q lost %q", members, q)
			}
		}
		if shuffled := permissions.NewSet(rapid.Permutation(list).Draw(t, "shuffled")...); !shuffled.Equal(set) {
			t.Fatalf("%v and %v differ by order only", shuffled, set)
		}
		if len(permissions.Redundant(list)) != len(list)-set.Len() {
			t.Fatalf("%q: redundant are %q, but the set is %q", list, permissions.Redundant(list), members)
		}
	})
}

func TestSetLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anySet().Draw(t, "a"), anySet().Draw(t, "b"), anySet().Draw(t, "c")
		p := anyPath().Draw(t, "p")
		must := func(law bool, name string) {
			if !law {
				t.Fatalf("%s: a=%q b=%q c=%q p=%q", name, a.Paths(), b.Paths(), c.Paths(), p)
			}
		}
		union, both, minus := a.Union(b), a.Intersect(b), a.Minus(b)
		must(union.Allows(p) == (a.Allows(p) || b.Allows(p)), "a union allows what either allows")
		must(both.Allows(p) == (a.Allows(p) && b.Allows(p)), "an intersection allows what both allow")
		must(union.Equal(b.Union(a)) && both.Equal(b.Intersect(a)), "commutative")
		must(union.Union(c).Equal(a.Union(b.Union(c))), "union is associative")
		must(both.Intersect(c).Equal(a.Intersect(b.Intersect(c))), "intersection is associative")
		must(a.Union(a).Equal(a) && a.Intersect(a).Equal(a), "idempotent")
		must(a.Union(both).Equal(a) && a.Intersect(union).Equal(a), "absorption")
		must(a.Intersect(b.Union(c)).Equal(both.Union(a.Intersect(c))), "distributive")
		must(union.Covers(a) && union.Covers(b) && a.Covers(both) && b.Covers(both), "bounds")
		must(a.Covers(b) == a.Union(b).Equal(a) && a.Covers(b) == a.Intersect(b).Equal(b), "covers is the order of the algebra")
		must((a.Covers(b) && b.Covers(a)) == a.Equal(b), "covers is antisymmetric")
		must(!(a.Covers(b) && b.Covers(c)) || a.Covers(c), "covers is transitive")
		must(a.Covers(minus) && minus.Union(b).Equal(union), "what is left and what was taken make the whole")
		for m := range a.All() {
			must(slices.Contains(minus.Paths(), m) == !b.Allows(m), "minus keeps exactly the members the other does not grant")
		}
		must(a.Minus(a).Len() == 0 && a.Minus(permissions.Set{}).Equal(a), "minus itself, minus nothing")
		must(a.Covers(permissions.Set{}), "the empty set is the least")
		must(a.Diff(b).Empty() == a.Equal(b), "no difference, no change")
	})
}

func TestAllowsDoesNotAllocate(t *testing.T) {
	set := hundred()
	if set.Len() != 100 {
		t.Fatal(set.Len())
	}
	if n := testing.AllocsPerRun(100, func() {
		if !set.Allows("/certificates/collections/read/50/") || set.Allows("/certificates/collections/read/500/") || set.Allows("/zz/") {
			t.Fatal("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
