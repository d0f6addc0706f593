package snapshot

import (
	"cmp"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/names"
)

// Sorted returns a copy in the one order that files have: every list by natural key,
// none of them nil, and no path, name or version twice. It shares the lists that are in
// order with the original.
func (s *Snapshot) Sorted() *Snapshot {
	out := *s
	out.TakenAt = s.TakenAt.UTC()
	out.Roles = sorted(s.Roles, func(r Role) string { return r.Name }, func(r Role) int { return r.ID })
	for i := range out.Roles {
		out.Roles[i].sort()
	}
	out.Claims = slices.SortedFunc(slices.Values(s.Claims), func(a, b Claim) int { return compareKeys(a.Key, b.Key) })
	for i := range out.Claims {
		out.Claims[i].Versions = set(out.Claims[i].Versions)
	}
	out.PermissionSets = sorted(s.PermissionSets, func(p PermissionSet) string { return p.Name }, func(p PermissionSet) string { return p.ID })
	for i := range out.PermissionSets {
		out.PermissionSets[i].Permissions = set(out.PermissionSets[i].Permissions)
	}
	out.Providers = sorted(s.Providers, func(p Provider) string { return p.Scheme }, func(p Provider) string { return p.ID })
	out.Permissions = set(s.Permissions)
	out.Collections = sorted(s.Collections, func(c Collection) string { return c.Name }, func(c Collection) int { return c.ID })
	out.Containers = sorted(s.Containers, objectName, objectID)
	out.PAMProviders = sorted(s.PAMProviders, objectName, objectID)
	out.Gaps = slices.SortedFunc(slices.Values(s.Gaps), compareGaps)
	out.Rereads = slices.SortedFunc(slices.Values(s.Rereads), func(a, b Reread) int { return cmp.Compare(a.Part, b.Part) })
	out.Claims, out.Gaps, out.Rereads = notNil(out.Claims), notNil(out.Gaps), notNil(out.Rereads)
	return &out
}

func objectName(o Object) string { return o.Name }
func objectID(o Object) int      { return o.ID }

// sort puts the lists of a role into order. The lists are copied: a role is shared.
func (r *Role) sort() {
	r.Versions, r.Paths, r.Names = set(r.Versions), set(r.Paths), set(r.Names)
	r.Holders = notNil(slices.SortedFunc(slices.Values(r.Holders), func(a, b Holder) int { return compareKeys(a.Key, b.Key) }))
	for i := range r.Holders {
		r.Holders[i].Versions = set(r.Holders[i].Versions)
	}
}

// sorted returns a copy of a list by name: first as names compare to the product, then
// as they are written, then by id.
func sorted[T any, I cmp.Ordered](list []T, name func(T) string, id func(T) I) []T {
	type keyed struct {
		folded string
		item   T
	}
	items := make([]keyed, 0, len(list))
	for _, item := range list {
		items = append(items, keyed{names.Fold(name(item)), item})
	}
	slices.SortFunc(items, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.folded, b.folded), cmp.Compare(name(a.item), name(b.item)), cmp.Compare(id(a.item), id(b.item)))
	})
	out := make([]T, 0, len(items))
	for _, k := range items {
		out = append(out, k.item)
	}
	return out
}

// set returns a list sorted and without duplicates: a copy, unless it is so already.
func set[T cmp.Ordered](list []T) []T {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return slices.Compact(slices.Sorted(slices.Values(list)))
		}
	}
	return notNil(list)
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		strings.Compare(string(a.Type), string(b.Type)), strings.Compare(a.Scheme, b.Scheme), strings.Compare(a.Value, b.Value))
}

func compareGaps(a, b Gap) int {
	return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Detail, b.Detail), cmp.Compare(a.Option, b.Option))
}
