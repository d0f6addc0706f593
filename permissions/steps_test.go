package permissions

import (
	"fmt"
	"strings"
	"testing"
)

// steps counts the steps that f takes.
func steps(f func()) int {
	n := 0
	stepped = func(more int) { n += more }
	defer func() { stepped = nil }()
	f()
	return n
}

// numbered returns n paths or names, each with a number in it.
func numbered[T ~string](n int, format string) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = T(fmt.Sprintf(format, i+1))
	}
	return list
}

// spellings returns a name in n spellings.
func spellings(n int, name string) []Legacy {
	list := make([]Legacy, n)
	for i := range list {
		spelled := []byte(name)
		for bit := range 12 {
			if i>>bit&1 == 1 {
				spelled[bit] -= 'a' - 'A'
			}
		}
		list[i] = Legacy(spelled)
	}
	return list
}

// Four times the input takes less than eight times the steps, whatever the input is.
func TestGrowth(t *testing.T) {
	limited := func(set Set) *LintOptions { return &LintOptions{PermissionSet: &set} }
	const revoke, read = "/certificates/collections/revoke/%d/", "/certificates/collections/read/%d/"
	for name, prepare := range map[string]func(n int) func(){
		"NewSet": func(n int) func() {
			list := append(numbered[Path](n, read), numbered[Path](n, "/a b %d/")...)
			return func() { NewSet(list...) }
		},
		"Set.Allows among malformed members": func(n int) func() {
			set, list := NewSet(numbered[Path](n, "/a/ %d")...), numbered[Path](n, "/a/x%d/")
			return func() {
				for _, p := range list {
					set.Allows(p)
				}
			}
		},
		"Set.Covers, Intersect and Minus": func(n int) func() {
			a, b := NewSet(numbered[Path](n, read)...), NewSet(numbered[Path](n, "/certificates/collections/read/%d000/")...)
			return func() { _, _, _ = a.Covers(a), a.Intersect(b), a.Minus(b) }
		},
		"Set.Diff of disjoint sets": func(n int) func() {
			a, b := NewSet(numbered[Path](n, read)...), NewSet(numbered[Path](n, revoke)...)
			return func() { _ = a.Diff(b).String() }
		},
		"Set.Diff with the whole": func(n int) func() {
			a := NewSet(numbered[Path](n, read)...)
			return func() { _ = a.Diff(NewSet("/")).String() }
		},
		"Set.Diff with unknown paths": func(n int) func() {
			a := NewSet(numbered[Path](n, "/reports/x%d/y/")...)
			return func() { _ = a.Diff(NewSet("/reports/")).String() }
		},
		"Set.Diff of wider paths": func(n int) func() {
			a, b := NewSet(numbered[Path](n, "/x%d/y/")...), NewSet(numbered[Path](n, "/x%d/")...)
			return func() { _ = a.Diff(b).String() }
		},
		"Redundant": func(n int) func() {
			list := append(append(numbered[Path](n, read), numbered[Path](n, "/a b %d/")...), "/certificates/")
			return func() { Redundant(list) }
		},
		"Lint of missing companions": func(n int) func() {
			list := numbered[Path](n, "/certificate_stores/modify/%d/")
			return func() { Lint(list, nil) }
		},
		"Lint of a companion that is there in part": func(n int) func() {
			list := append(numbered[Path](n, "/certificates/collections/change_owner/%d/"), numbered[Path](n, "/security/read/%d/")...)
			return func() { Lint(list, nil) }
		},
		"Lint of unknown paths": func(n int) func() {
			list := numbered[Path](n, "/unknown/x%dx/read/")
			return func() { Lint(list, nil) }
		},
		"Lint of malformed paths": func(n int) func() {
			list := append(numbered[Path](n, "/a b %d/"), numbered[Path](n, read)...)
			return func() { Lint(list, nil) }
		},
		"Lint inside a permission set": func(n int) func() {
			list := append(numbered[Path](n, revoke), "/certificates/collections/read/")
			inside := limited(NewSet(numbered[Path](n, read)...))
			return func() { Lint(list, inside) }
		},
		"Fix": func(n int) func() {
			list := append(append(numbered[Path](n, "/Certificates/Collections/Revoke/%d"), numbered[Path](n, read)...), numbered[Path](n, read)...)
			findings := Lint(list, nil)
			return func() { Fix(list, findings) }
		},
		"Narrow": func(n int) func() {
			list := append(append(numbered[Path](n, read), numbered[Path](n, "/x%d/")...), numbered[Path](n, "/a b %d/")...)
			return func() { _ = Narrow(list, nil).String() }
		},
		"Convert": func(n int) func() {
			list := append(numbered[Legacy](n, "Collections[%d]:Read"), "Certificates:Read", "Monitoring:Read")
			return func() { _ = Convert(list, nil).String() }
		},
		"Convert of unknown names": func(n int) func() {
			list := append(numbered[Legacy](n, "Certifictes%d:Read"), numbered[Legacy](n, "no colon %d")...)
			return func() { _ = Convert(list, nil).String() }
		},
		"Convert with many decisions": func(n int) func() {
			list, overrides := numbered[Legacy](n, "Collections[%d]:Read"), map[Legacy][]Path{"Certificates:Read": nil}
			for i, l := range list {
				overrides[l] = numbered[Path](1, fmt.Sprintf("/certificates/collections/revoke/%d/", i+1))
			}
			list = append(list, "Certificates:Read")
			return func() { _ = Convert(list, &ConvertOptions{Overrides: overrides}).String() }
		},
		"Convert with many spellings and a decision": func(n int) func() {
			list, overrides := spellings(n, "certificateenrollment:pendingcsr"), map[Legacy][]Path{}
			for _, l := range spellings(n, "workflowmanagement:participate") {
				list, overrides[l] = append(list, l), nil
			}
			list = append(list, numbered[Legacy](n, "Collections[%d]:Read")...)
			return func() { _ = Convert(list, &ConvertOptions{Overrides: overrides}).String() }
		},
		"Convert with a long decision": func(n int) func() {
			overrides := map[Legacy][]Path{"SSH:User": numbered[Path](n, revoke)}
			return func() { _ = Convert([]Legacy{"SSH:User"}, &ConvertOptions{Overrides: overrides}).String() }
		},
		"ConvertAll": func(n int) func() {
			roles, overrides, own := make([]LegacyRole, n), map[Legacy][]Path{}, []Decision{}
			for i, l := range numbered[Legacy](n, "Collections[%d]:Read") {
				role := fmt.Sprint("role ", i)
				roles[i], overrides[l] = LegacyRole{role, []Legacy{l, "AdminPortal:Read"}}, nil
				own = append(own, Decision{Role: role, Name: "AdminPortal:Read"})
			}
			return func() { _ = ConvertAll(roles, &ConvertOptions{Overrides: overrides, Decisions: own}).String() }
		},
		"Learn from many roles": func(n int) func() {
			roles := make([]Observation, n)
			for i := range roles {
				roles[i] = Observation{
					Names: numbered[Legacy](10, "Home:Grown%d"), Paths: numbered[Path](10, fmt.Sprintf("/quantum/x%d/", i%7)+"%d/"), Exact: i%2 == 0,
				}
			}
			return func() { _ = Learn(roles, numbered[Path](100, "/quantum/x%d/read/")).String() }
		},
		"Learn from a role with many ids": func(n int) func() {
			role := Observation{Names: numbered[Legacy](n, "Collections[%d]:Read"), Paths: numbered[Path](n, read), Exact: true}
			return func() { _ = Learn([]Observation{role}, nil).String() }
		},
		"Learn from an exact role with many names": func(n int) func() {
			role := Observation{Names: numbered[Legacy](n, "Home:Grown%d"), Paths: numbered[Path](n, "/quantum/x%d/"), Exact: true}
			return func() { Learn([]Observation{role}, nil) }
		},
		"Experiment": func(n int) func() {
			proof := Learn([]Observation{{Names: numbered[Legacy](n, "Home:Grown%d"), Paths: numbered[Path](10, "/quantum/x%d/")}}, []Path{"/"})
			return func() { FormatExperiment(proof.Experiment()) }
		},
	} {
		const small, growth, most = 500, 4, 8
		few, many := steps(prepare(small)), steps(prepare(small*growth))
		if few < small || many >= most*few {
			t.Errorf("%s: %d steps for %d, %d for %d", name, few, small, many, small*growth)
		}
	}
}

// Many unknown names or paths do not take a search each.
func TestSearchesAreFew(t *testing.T) {
	for name, run := range map[string]func(n int){
		"Lint":    func(n int) { Lint(numbered[Path](n, "/unknown/x%04dx/read/"), nil) },
		"Convert": func(n int) { Convert(numbered[Legacy](n, "Certifictes%04d:Read"), nil) },
	} {
		few, many := steps(func() { run(mostSearches) }), steps(func() { run(4 * mostSearches) })
		if each := (many - few) / (3 * mostSearches); each > 100 {
			t.Errorf("%s: %d steps for each further one", name, each)
		}
	}
}

// A search for what an unknown name or path stands for takes a bounded number of steps.
func TestSearchIsBounded(t *testing.T) {
	letters := func(n int) string { return strings.Repeat("r", n) }
	for _, n := range []int{10, 99, 1000, 100_000} {
		for _, s := range []string{letters(n), "a/" + letters(n), letters(n) + ":Read", "certificates/" + letters(n/10) + "/read"} {
			if got := steps(func() { nearestLegacy(s); nearestPath(Path("/" + s + "/")) }); got > 60_000 {
				t.Errorf("%d steps for %d characters, %.40q", got, len(s), s)
			}
		}
		if near := nearestLegacy("::"); near != "" {
			t.Errorf("nothing is near %s", near)
		}
		path := Path(strings.Repeat("/x", n) + "/")
		if got := steps(func() { nearestPath(path) }); got > 60_000 {
			t.Errorf("%d steps for %d segments", got, n)
		}
	}
}
