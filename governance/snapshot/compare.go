package snapshot

import (
	"maps"
	"slices"

	"github.com/commandsec/commandsec-go/internal/names"
)

// Compare returns what became different from before to after. Objects are matched by
// natural key, never by position or id: an object that was renamed is gone and new. Of
// two objects whose names differ only in case where case does not count, those that
// are spelled alike are matched first. Ids are
// compared only on one server. Neither snapshot is changed.
func Compare(before, after *Snapshot) *Comparison {
	c := comparer{before: before.Sorted(), after: after.Sorted()}
	c.sameServer = c.before.Server.URL == c.after.Server.URL
	out := &Comparison{
		Before: source(c.before), After: source(c.after), From: c.before, To: c.after, NotCompared: c.notCompared(),
	}
	out.Roles = c.roles()
	out.Claims = c.claims()
	out.Objects = c.objects()
	return out
}

// Empty reports whether nothing is different, as far as it could be compared.
func (c *Comparison) Empty() bool { return len(c.Roles)+len(c.Claims)+len(c.Objects) == 0 }

// source says where a snapshot, which is sorted, comes from.
func source(s *Snapshot) Source {
	return Source{Server: s.Server, TakenAt: s.TakenAt, Account: s.Account, Digest: s.digest()}
}

type comparer struct {
	before, after *Snapshot
	sameServer    bool
}

// notCompared are the gaps of both sides.
func (c comparer) notCompared() []NotCompared {
	out := []NotCompared{}
	for _, g := range c.before.Gaps {
		out = append(out, NotCompared{"before", g})
	}
	for _, g := range c.after.Gaps {
		out = append(out, NotCompared{"after", g})
	}
	return out
}

// has reports whether a snapshot has a part, apart from single objects of it.
func (s *Snapshot) has(part Part) bool {
	return !slices.ContainsFunc(s.Gaps, func(g Gap) bool { return g.Part == part && g.Object == "" })
}

// both reports whether both snapshots have a part.
func (c comparer) both(part Part) bool { return c.before.has(part) && c.after.has(part) }

// pair is an object of both snapshots, or of one of them.
type pair[T any] struct{ before, after *T }

// match pairs the items of two sorted lists that have the same key, in the order of the
// keys. Those that are spelled alike are paired first.
func match[T any](before, after []T, key, spelled func(*T) string) []pair[T] {
	groups := map[string]*[2][]*T{}
	for side, list := range [][]T{before, after} {
		for i := range list {
			k := key(&list[i])
			if groups[k] == nil {
				groups[k] = &[2][]*T{}
			}
			groups[k][side] = append(groups[k][side], &list[i])
		}
	}
	var pairs []pair[T]
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		pairs = append(pairs, matchGroup(groups[k][0], groups[k][1], spelled)...)
	}
	return pairs
}

// byName pairs items by their names, as names compare to the product.
func byName[T any](before, after []T, name func(*T) string) []pair[T] {
	return match(before, after, func(item *T) string { return names.Fold(name(item)) }, name)
}

// kind is what happened to a pair that is different.
func (p pair[T]) kind() Kind {
	switch {
	case p.before == nil:
		return KindAdded
	case p.after == nil:
		return KindRemoved
	}
	return KindChanged
}

// matchGroup pairs items whose names fold alike: first those that are spelled alike,
// then the rest, each in their order.
func matchGroup[T any](before, after []*T, spelled func(*T) string) []pair[T] {
	var pairs []pair[T]
	for _, alike := range []func(a, b *T) bool{
		func(a, b *T) bool { return spelled(a) == spelled(b) },
		func(*T, *T) bool { return true },
	} {
		before = slices.DeleteFunc(before, func(b *T) bool {
			at := slices.IndexFunc(after, func(a *T) bool { return alike(b, a) })
			if at >= 0 {
				pairs = append(pairs, pair[T]{b, after[at]})
				after = slices.Delete(after, at, at+1)
			}
			return at >= 0
		})
	}
	for _, b := range before {
		pairs = append(pairs, pair[T]{before: b})
	}
	for _, a := range after {
		pairs = append(pairs, pair[T]{after: a})
	}
	return pairs
}
