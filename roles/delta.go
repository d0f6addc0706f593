package roles

import (
	"slices"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

// delta is what one write changes about a role, so that it can be recognized,
// and repeated, on a role that others changed as well.
type delta struct {
	fields []fieldChange
	grant  []permissions.Path
	revoke []permissions.Path
	add    []claims.Request
	remove []claims.Request // as the role held them
}

type fieldChange struct{ name, from, to string }

// field is a plain field of an update, and its place there.
type field struct {
	name  string
	value **string // nil for an absent text
}

// fieldsOf lists the plain fields of an update.
func fieldsOf(u *UpdateV2) []field {
	name, description, set := &u.Name, &u.Description, &u.PermissionSetID
	return []field{{"Name", &name}, {"Description", &description}, {"EmailAddress", &u.EmailAddress}, {"PermissionSetID", &set}}
}

func (f field) text() string {
	if *f.value == nil {
		return ""
	}
	return **f.value
}

func (f field) set(text string) {
	switch {
	case f.name != "EmailAddress":
		**f.value = text
	case text == "":
		*f.value = nil
	default:
		*f.value = new(text)
	}
}

// compare is what leads from base to update. Claims that are held must be spelled
// as they are held, see asHeld.
func compare(base, update UpdateV2) *delta {
	d := &delta{
		grant:  without(update.Permissions, base.Permissions, permissions.Path.Canonical),
		revoke: without(base.Permissions, update.Permissions, permissions.Path.Canonical),
		add:    without(update.Claims, base.Claims, claims.Request.Key),
		remove: without(base.Claims, update.Claims, claims.Request.Key),
	}
	after := fieldsOf(&update)
	for i, f := range fieldsOf(&base) {
		if from, to := f.text(), after[i].text(); from != to {
			d.fields = append(d.fields, fieldChange{f.name, from, to})
		}
	}
	return d
}

func (d *delta) empty() bool {
	return len(d.fields)+len(d.grant)+len(d.revoke)+len(d.add)+len(d.remove) == 0
}

func (d *delta) sets(field string) bool {
	return slices.ContainsFunc(d.fields, func(f fieldChange) bool { return f.name == field })
}

// holds reports whether role shows all of the change.
func (d *delta) holds(role *RoleV2) bool {
	u := role.ToUpdate()
	for _, f := range fieldsOf(&u) {
		for _, change := range d.fields {
			if change.name == f.name && change.to != f.text() {
				return false
			}
		}
	}
	if len(without(d.revoke, u.Permissions, permissions.Path.Canonical)) != len(d.revoke) {
		return false
	}
	held := permissions.NewSet(u.Permissions...)
	if !all(d.grant, held.Allows) {
		return false
	}
	index := indexClaims(u.Claims)
	return all(d.add, func(c claims.Request) bool { return len(index.find(c.Key())) > 0 }) &&
		!slices.ContainsFunc(d.remove, func(c claims.Request) bool { return index.has(c.Key()) })
}

// apply makes the change, as far as it is not there.
func (d *delta) apply(u *UpdateV2) {
	for _, f := range fieldsOf(u) {
		for _, change := range d.fields {
			if change.name == f.name {
				f.set(change.to)
			}
		}
	}
	u.Permissions = granted(without(u.Permissions, d.revoke, permissions.Path.Canonical), d.grant)
	u.Claims = without(u.Claims, d.remove, claims.Request.Key)
	index := indexClaims(u.Claims)
	for _, c := range d.add {
		if len(index.find(c.Key())) == 0 {
			u.Claims = append(u.Claims, c)
		}
	}
}

// cede leaves to a later change what both are about. Claims whose names differ in
// the domain only count as the same here: the server may have added it.
func (d *delta) cede(later *delta) {
	d.fields = without(d.fields, later.fields, func(f fieldChange) string { return f.name })
	touched := slices.Concat(later.grant, later.revoke)
	d.grant, d.revoke = without(d.grant, touched, permissions.Path.Canonical), without(d.revoke, touched, permissions.Path.Canonical)
	short := func(c claims.Request) claimKey { return fold(c.Key()).short() }
	holders := slices.Concat(later.add, later.remove)
	d.add, d.remove = without(d.add, holders, short), without(d.remove, holders, short)
}

// describe says it for people.
func (d *delta) describe() []security.FieldChange {
	var out []security.FieldChange
	for _, f := range d.fields {
		out = append(out, security.FieldChange{Field: f.name, From: f.from, To: f.to})
	}
	if len(d.grant)+len(d.revoke) > 0 {
		out = append(out, security.FieldChange{Field: "Permissions", Added: effects(d.grant), Removed: effects(d.revoke)})
	}
	if len(d.add)+len(d.remove) > 0 {
		out = append(out, security.FieldChange{Field: "Claims", Added: keys(d.add), Removed: keys(d.remove)})
	}
	return out
}

func effects(paths []permissions.Path) []string {
	var out []string
	for _, p := range paths {
		out = append(out, string(p)+" ("+permissions.EffectOf(p)+")")
	}
	return out
}

func keys(requests []claims.Request) []string {
	var out []string
	for _, r := range requests {
		out = append(out, r.Key().String())
	}
	return out
}

// without returns a new list of those items whose key none of others has.
func without[T any, K comparable](items, others []T, key func(T) K) []T {
	taken := make(map[K]struct{}, len(others))
	for _, other := range others {
		taken[key(other)] = struct{}{}
	}
	out := make([]T, 0, len(items))
	for _, item := range items {
		if _, ok := taken[key(item)]; !ok {
			out = append(out, item)
		}
	}
	return out
}

func all[T any](items []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(items, func(item T) bool { return !holds(item) })
}
