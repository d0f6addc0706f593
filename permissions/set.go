package permissions

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// Set is what a role holds in version 2: sorted paths, none of which covers another. The zero value is the empty set.
//
// A Set stands for all paths that its members cover. It is immutable: every operation returns a new one, and copies can be
// shared. Compare sets with [Set.Equal].
type Set struct {
	paths []Path // canonical if possible, sorted, none covers another; never written to after construction
	valid []Path // those of paths that are well formed; the same slice if all are
}

// NewSet returns the set of what paths grant. It puts each path in canonical form and leaves out duplicates and paths that
// another one covers, because Command refuses a role that has them (see [Redundant]). It keeps a value that has no
// canonical form as it is, so that nothing a server sent is lost; such a value covers only itself. [ParseSet] refuses such
// values instead.
func NewSet(paths ...Path) Set {
	all := make([]Path, len(paths))
	for i, p := range paths {
		all[i], _ = p.canonical()
	}
	step(len(all) * bits.Len(uint(len(all))))
	slices.Sort(all)
	kept, last := all[:0], Path("") // last is the last kept path that is well formed
	for _, p := range slices.Compact(all) {
		if _, ok := p.canonical(); ok {
			// What covers p sorts before it, and what sorts in between is covered as well or malformed.
			if last != "" && strings.HasPrefix(string(p), string(last)) {
				continue
			}
			last = p
		}
		kept = append(kept, p)
	}
	return minimalSet(slices.Clip(kept))
}

// minimalSet returns the set of members that are sorted, and none of which covers another.
func minimalSet(paths []Path) Set {
	malformed := func(p Path) bool { _, ok := p.canonical(); return !ok }
	if !slices.ContainsFunc(paths, malformed) {
		return Set{paths, paths}
	}
	return Set{paths, slices.DeleteFunc(slices.Clone(paths), malformed)}
}

// ParseSet parses every path with [ParsePath] and returns their set. The error names each malformed path and matches
// [ErrPath].
func ParseSet(paths ...string) (Set, error) {
	parsed := make([]Path, 0, len(paths))
	var errs []error
	for _, s := range paths {
		p, err := ParsePath(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		parsed = append(parsed, p)
	}
	if err := errors.Join(errs...); err != nil {
		return Set{}, err
	}
	return NewSet(parsed...), nil
}

// Redundant returns the paths that add nothing because another one covers them, in their order and as they are written.
// Of equal paths, all except the first are redundant. Command refuses a role with redundant permissions; what it does with
// an exact duplicate is not documented.
func Redundant(paths []Path) []Path {
	set := NewSet(paths...)
	seen := make(map[Path]bool, len(paths))
	var out []Path
	for _, p := range paths {
		c, _ := p.canonical()
		if why, _ := set.Why(c); why != c || seen[c] {
			out = append(out, p)
		}
		seen[c] = true
	}
	return out
}

// Len returns the number of members.
func (s Set) Len() int { return len(s.paths) }

// Paths returns the members, sorted. The slice is a copy and never nil.
func (s Set) Paths() []Path { return append([]Path{}, s.paths...) }

// All iterates over the members, sorted.
func (s Set) All() iter.Seq[Path] { return slices.Values(s.paths) }

// Allows reports whether a holder of the set holds p. It does not allocate for a canonical p.
func (s Set) Allows(p Path) bool {
	_, ok := s.Why(p)
	return ok
}

// Why returns the member that grants p, and whether there is one.
//
// Everything that sorts between a path and one below it starts with that path. Members do not cover each other, so the one
// that covers p is p itself or the nearest well-formed one before p.
func (s Set) Why(p Path) (member Path, ok bool) {
	c, ok := p.canonical()
	if !ok {
		if _, found := find(s.paths, p); !found {
			return "", false
		}
		return p, true
	}
	i, found := find(s.valid, c)
	switch {
	case found:
		return c, true
	case i > 0 && strings.HasPrefix(string(c), string(s.valid[i-1])):
		return s.valid[i-1], true
	}
	return "", false
}

// below returns the members that p covers. The slice belongs to the set.
func (s Set) below(p Path) []Path {
	c, ok := p.canonical()
	if !ok {
		return nil
	}
	from, _ := find(s.valid, c)
	n := sort.Search(len(s.valid)-from, func(i int) bool { return !strings.HasPrefix(string(s.valid[from+i]), string(c)) })
	return s.valid[from : from+n]
}

// find returns where a path is in a sorted list, or would be.
func find(list []Path, p Path) (at int, found bool) {
	step(bits.Len(uint(len(list))))
	return slices.BinarySearch(list, p)
}

// Covers reports whether s grants everything that other grants.
func (s Set) Covers(other Set) bool {
	for _, p := range other.paths {
		if !s.Allows(p) {
			return false
		}
	}
	return true
}

// Equal reports whether both sets grant the same.
func (s Set) Equal(other Set) bool { return slices.Equal(s.paths, other.paths) }

// Add returns the set that also grants paths.
func (s Set) Add(paths ...Path) Set { return NewSet(slices.Concat(s.paths, paths)...) }

// Union returns the set that grants what either set grants.
func (s Set) Union(other Set) Set { return s.Add(other.paths...) }

// Intersect returns the set that grants exactly what both sets grant.
func (s Set) Intersect(other Set) Set {
	var both []Path
	for _, p := range s.paths {
		if other.Allows(p) {
			both = append(both, p)
		}
	}
	for _, p := range other.paths {
		if s.Allows(p) {
			both = append(both, p)
		}
	}
	return NewSet(both...)
}

// Minus returns the members of s that other does not grant in full.
//
// A set cannot say "all certificates, except importing them": paths only add. A member that other grants in part stays
// whole, and the result can overlap with other: {"/certificates/"} minus {"/certificates/import/"} is {"/certificates/"}.
// The result never grants more than s, and together with other it grants what s and other grant together. [Set.Diff]
// describes such differences in detail.
func (s Set) Minus(other Set) Set {
	var rest []Path
	for _, p := range s.paths {
		if !other.Allows(p) {
			rest = append(rest, p)
		}
	}
	return minimalSet(rest)
}

// String returns the members separated by spaces, in braces. Malformed members are quoted.
func (s Set) String() string {
	members := make([]string, len(s.paths))
	for i, p := range s.paths {
		members[i] = shown(p)
	}
	return "{" + strings.Join(members, " ") + "}"
}

// MarshalJSON writes the set as an array of paths, "[]" if it is empty. A member that is not valid UTF-8 is an error,
// because JSON would change it.
func (s Set) MarshalJSON() ([]byte, error) {
	for _, p := range s.paths {
		if !utf8.ValidString(string(p)) {
			return nil, fmt.Errorf("permissions: %w: %s is not valid UTF-8, which JSON cannot hold", ErrPath, quote(string(p)))
		}
	}
	return json.Marshal(s.Paths())
}

// UnmarshalJSON reads an array of paths as [NewSet] takes them.
func (s *Set) UnmarshalJSON(data []byte) error {
	var paths []Path
	if err := json.Unmarshal(data, &paths); err != nil {
		return err
	}
	*s = NewSet(paths...)
	return nil
}
