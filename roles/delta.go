package roles

import (
	"slices"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

// delta is what one writing changes about a role, so that it can be recognized,
// and repeated, on a role that others changed as well.
type delta struct {
	fields []fieldChange
	grant  []permissions.Path
	revoke []permissions.Path
	add    []claims.Request
	remove []claims.Request
	until  time.Time // when a write of it need no longer be confirmed
}

type fieldChange struct{ name, from, to string }

// fieldsOf lists the plain fields of an update, each with its place.
func fieldsOf(u *UpdateV2) []struct {
	name  string
	value **string
} {
	name, description, set := &u.Name, &u.Description, &u.PermissionSetID
	return []struct {
		name  string
		value **string
	}{{"Name", &name}, {"Description", &description}, {"EmailAddress", &u.EmailAddress}, {"PermissionSetID", &set}}
}

// clone is a copy that shares nothing with u.
func (u UpdateV2) clone() UpdateV2 {
	u.Permissions, u.Claims = slices.Clone(u.Permissions), slices.Clone(u.Claims)
	if u.EmailAddress != nil {
		u.EmailAddress = new(*u.EmailAddress)
	}
	return u
}

// asHeld returns the claims with those that the role holds already written as it
// holds them: of another spelling, the server could make another claim.
func asHeld(held, wanted []claims.Request) []claims.Request {
	out := slices.Clone(wanted)
	for i, c := range wanted {
		at := slices.IndexFunc(held, func(h claims.Request) bool { return h.Key() == c.Key() })
		if at < 0 {
			at = slices.IndexFunc(held, func(h claims.Request) bool { return sameClaim(h, c) })
		}
		if at >= 0 {
			out[i] = held[at]
		}
	}
	return out
}

// text is a field's value; an absent one is empty.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// compare is what leads from base to update.
func compare(base, update UpdateV2) *delta {
	d := &delta{}
	after := fieldsOf(&update)
	for i, f := range fieldsOf(&base) {
		if from, to := text(*f.value), text(*after[i].value); from != to {
			d.fields = append(d.fields, fieldChange{f.name, from, to})
		}
	}
	d.grant = without(update.Permissions, base.Permissions, samePath)
	d.revoke = without(base.Permissions, update.Permissions, samePath)
	d.add = claims.Unique(without(update.Claims, base.Claims, sameClaim))
	d.remove = without(base.Claims, update.Claims, sameClaim)
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
	again := u
	again.Permissions, again.Claims = slices.Clone(u.Permissions), slices.Clone(u.Claims)
	d.apply(&again)
	return compare(u, again).empty()
}

// apply makes the change, as far as it is not there.
func (d *delta) apply(u *UpdateV2) {
	for _, f := range d.fields {
		for _, place := range fieldsOf(u) {
			if place.name != f.name {
				continue
			}
			switch {
			case f.name != "EmailAddress":
				**place.value = f.to
			case f.to == "":
				u.EmailAddress = nil
			default:
				u.EmailAddress = new(f.to)
			}
		}
	}
	u.Permissions = without(u.Permissions, d.revoke, samePath)
	for _, p := range without(d.grant, u.Permissions, coveredBy) {
		u.Permissions = append(slices.DeleteFunc(u.Permissions, p.Covers), p)
	}
	u.Claims = append(without(u.Claims, d.remove, sameClaim), without(d.add, u.Claims, sameClaim)...)
}

// yield leaves to a later change what both are about.
func (d *delta) yield(later *delta) {
	d.fields = without(d.fields, later.fields, func(a, b fieldChange) bool { return a.name == b.name })
	for _, paths := range []*[]permissions.Path{&d.grant, &d.revoke} {
		*paths = without(without(*paths, later.grant, samePath), later.revoke, samePath)
	}
	for _, requests := range []*[]claims.Request{&d.add, &d.remove} {
		*requests = without(without(*requests, later.add, sameClaim), later.remove, sameClaim)
	}
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

// without returns a new list of those items that none of others is the same as.
func without[T any](items, others []T, same func(item, other T) bool) []T {
	out := make([]T, 0, len(items))
	for _, item := range items {
		if !slices.ContainsFunc(others, func(other T) bool { return same(item, other) }) {
			out = append(out, item)
		}
	}
	return out
}

func sameClaim(a, b claims.Request) bool { return a.Key().Same(b.Key()) }

// samePath compares in canonical form: the server may write a path its own way.
func samePath(a, b permissions.Path) bool { return a == b || canonical(a) == canonical(b) }

func coveredBy(p, held permissions.Path) bool { return canonical(held).Covers(canonical(p)) }

func canonical(p permissions.Path) permissions.Path {
	if c, err := permissions.ParsePath(string(p)); err == nil {
		return c
	}
	return p
}
