package permissions_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/permissions"
)

// modelForm returns the canonical form of a path, or the value as it is if it has none.
func modelForm(p permissions.Path) permissions.Path {
	segments, ok := model(p)
	switch {
	case !ok:
		return p
	case len(segments) == 0:
		return "/"
	}
	return permissions.Path("/" + strings.Join(segments, "/") + "/")
}

// modelMinimal returns what of a list no other one covers, sorted, by comparing each with each.
func modelMinimal(list []permissions.Path) []permissions.Path {
	out := []permissions.Path{}
	for _, p := range list {
		p = modelForm(p)
		covered := func(q permissions.Path) bool { q = modelForm(q); return q != p && modelCovers(q, p) }
		if !slices.ContainsFunc(list, covered) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// modelRedundant returns what of a list another one covers, or an equal one before it.
func modelRedundant(list []permissions.Path) []permissions.Path {
	var out []permissions.Path
	for i, p := range list {
		for j, q := range list {
			if i != j && modelCovers(modelForm(q), modelForm(p)) && (j < i || modelForm(q) != modelForm(p)) {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// Every operation on sets agrees with a model that compares each path with each: plain lists, taken apart at their slashes.
func TestAlgebraAgainstModel(t *testing.T) {
	catalogue := permissions.Catalogue().Paths
	lists := rapid.SliceOfN(rapid.OneOf(anyPath(), anyPath(), realPath()), 0, 10)
	rapid.Check(t, func(t *rapid.T) {
		a, b, p := lists.Draw(t, "a"), lists.Draw(t, "b"), rapid.OneOf(anyPath(), realPath()).Draw(t, "p")
		setA, setB := permissions.NewSet(a...), permissions.NewSet(b...)
		formsA, formsB, diff := formsOf(a), formsOf(b), setA.Diff(setB)
		// What is asked about: everything that was drawn, what lies below it, and one more.
		probes := []permissions.Path{p}
		for _, q := range slices.Concat(a, b) {
			probes = append(probes, q, modelForm(q)+"z/", modelForm(q)+"6/")
		}
		check := func(what string, set permissions.Set, members []permissions.Path) {
			if !slices.Equal(set.Paths(), members) || set.Len() != len(members) {
				t.Fatalf("%s of %q and %q: %q, the model has %q", what, a, b, set.Paths(), members)
			}
		}
		check("set", setA, modelMinimal(a))
		check("union", setA.Union(setB), modelMinimal(slices.Concat(a, b)))
		check("addition", setA.Add(b...), modelMinimal(slices.Concat(a, b)))
		var both, rest []permissions.Path
		for _, q := range a {
			if q = modelForm(q); modelAllows(formsB, q) {
				both = append(both, q)
			}
		}
		for _, q := range b {
			if q = modelForm(q); modelAllows(formsA, q) {
				both = append(both, q)
			}
		}
		for _, q := range modelMinimal(a) {
			if !modelAllows(formsB, q) {
				rest = append(rest, q)
			}
		}
		check("intersection", setA.Intersect(setB), modelMinimal(both))
		check("difference", setA.Minus(setB), append([]permissions.Path{}, rest...))
		if got := permissions.Redundant(a); !slices.Equal(got, modelRedundant(a)) {
			t.Fatalf("redundant in %q are %q, the model has %q", a, got, modelRedundant(a))
		}
		covers := !slices.ContainsFunc(formsB, func(q permissions.Path) bool { return !modelAllows(formsA, q) })
		if setA.Covers(setB) != covers || setA.Equal(setB) != slices.Equal(modelMinimal(a), modelMinimal(b)) {
			t.Fatalf("%q covers %q: %v, the model has %v", a, b, setA.Covers(setB), covers)
		}
		for _, q := range probes {
			before, after := modelAllows(formsA, modelForm(q)), modelAllows(formsB, modelForm(q))
			why, ok := setA.Why(q)
			if setA.Allows(q) != before || ok != before || ok && !(modelCovers(why, modelForm(q)) && slices.Contains(modelMinimal(a), why)) {
				t.Fatalf("%q allows %q: %v through %q, the model has %v", a, q, ok, why, before)
			}
			if isIn(diff.Added, q, catalogue) != (after && !before) || isIn(diff.Removed, q, catalogue) != (before && !after) {
				t.Fatalf("%q to %q: %v does not say what becomes of %q", a, b, diff, q)
			}
		}
	})
}

func formsOf(list []permissions.Path) []permissions.Path {
	forms := make([]permissions.Path, len(list))
	for i, p := range list {
		forms[i] = modelForm(p)
	}
	return forms
}

// isIn reports whether effects speak of a path.
func isIn(effects []permissions.Effect, p permissions.Path, catalogue []permissions.PathInfo) bool {
	p = modelForm(p)
	return slices.ContainsFunc(effects, func(e permissions.Effect) bool {
		if !modelCovers(e.Path, p) || modelAllows(e.Apart, p) {
			return false
		}
		// The rest of a group is what is not known here.
		known := func(info permissions.PathInfo) bool {
			return info.Path != e.Path && modelCovers(e.Path, info.Path) && modelCovers(info.Path, p)
		}
		return !e.Rest || !slices.ContainsFunc(catalogue, known)
	})
}
