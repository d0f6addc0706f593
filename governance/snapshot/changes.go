package snapshot

import (
	"slices"
	"strconv"

	"github.com/commandsec/commandsec-go/permissions"
)

// fields collects the fields that differ.
type fields []FieldChange

func (f *fields) text(field, before, after string) {
	if before != after {
		*f = append(*f, FieldChange{field, before, after})
	}
}

// flag compares a flag that may be unknown; then it is not compared.
func (f *fields) flag(field string, before, after *bool) {
	if before != nil && after != nil {
		f.text(field, strconv.FormatBool(*before), strconv.FormatBool(*after))
	}
}

// number compares an id, 0 if it is not known; then it is not compared.
func (f *fields) number(field string, before, after int) {
	if before != 0 && after != 0 {
		f.text(field, strconv.Itoa(before), strconv.Itoa(after))
	}
}

// delta returns what after has and before has not, and the other way round. same is
// the form in which items are compared.
func delta[T any, K comparable](before, after []T, same func(T) K) (added, removed []T) {
	return without(after, before, same), without(before, after, same)
}

func without[T any, K comparable](list, others []T, same func(T) K) []T {
	there := make(map[K]bool, len(others))
	for _, o := range others {
		there[same(o)] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(item T) bool { return there[same(item)] })
}

// roles compares the roles, if both snapshots have a list of them.
func (c comparer) roles() []RoleChange {
	out := []RoleChange{}
	listed := func(s *Snapshot) bool { return s.has(PartRolesV1) || s.has(PartRolesV2) || len(s.Roles) > 0 }
	if !listed(c.before) || !listed(c.after) {
		return out
	}
	for _, p := range byName(c.before.Roles, c.after.Roles, func(r *Role) string { return r.Name }) {
		if change := c.role(p); change.Kind != KindChanged || change.differs() {
			out = append(out, change)
		}
	}
	return out
}

func (r *RoleChange) differs() bool {
	return len(r.Fields)+len(r.AddedPaths)+len(r.RemovedPaths)+len(r.AddedNames)+len(r.RemovedNames)+
		len(r.AddedHolders)+len(r.RemovedHolders) > 0
}

func (c comparer) role(p pair[Role]) RoleChange {
	change := RoleChange{Kind: p.kind(), Before: p.before, After: p.after}
	before, after := p.before, p.after
	switch change.Kind {
	case KindAdded: // compared with a role that has nothing, seen as this one is
		before = &Role{Versions: after.Versions, ObjectNames: after.ObjectNames}
	case KindRemoved:
		after = &Role{Versions: before.Versions, ObjectNames: before.ObjectNames}
	default:
		change.Fields = c.roleFields(before, after)
	}
	change.Name = after.Name
	if change.Kind == KindRemoved {
		change.Name = before.Name
	}
	if before.seen(2) && after.seen(2) {
		change.AddedPaths, change.RemovedPaths = delta(before.Paths, after.Paths, permissions.Path.Canonical)
	}
	change.AddedNames, change.RemovedNames = delta(comparableNames(before, after), comparableNames(after, before), identity[permissions.Legacy])
	change.AddedHolders = newHolders(before, after)
	change.RemovedHolders = newHolders(after, before)
	return change
}

func identity[T any](v T) T { return v }

func (r *Role) seen(version int) bool { return slices.Contains(r.Versions, version) }

// comparableNames are the version 1 names of a role that can be compared with those of
// another: without those for single objects, if they are not known of both.
func comparableNames(r, other *Role) []permissions.Legacy {
	switch {
	case !r.seen(1) || !other.seen(1):
		return nil
	case r.ObjectNames && other.ObjectNames:
		return r.Names
	}
	return slices.DeleteFunc(slices.Clone(r.Names), func(name permissions.Legacy) bool {
		_, _, object := name.Object()
		return object
	})
}

// newHolders are those who hold a role and did not before, as far as the versions of
// the API that both were read through tell.
func newHolders(before, after *Role) []Holder {
	held := make(map[Key]bool, len(before.Holders))
	for _, h := range before.Holders {
		held[h.Key.Fold()] = true
	}
	return slices.DeleteFunc(slices.Clone(after.Holders), func(h Holder) bool {
		told := slices.ContainsFunc(h.Versions, before.seen)
		return held[h.Key.Fold()] || !told
	})
}

func (c comparer) roleFields(before, after *Role) []FieldChange {
	var f fields
	f.text("name", before.Name, after.Name)
	if c.sameServer {
		f.number("id", before.ID, after.ID)
	}
	if len(before.Versions) > 0 && len(after.Versions) > 0 { // lists do not show it
		f.text("description", before.Description, after.Description)
	}
	f.text("emailAddress", before.EmailAddress, after.EmailAddress)
	c.permissionSet(&f, before.PermissionSetID, after.PermissionSetID)
	f.text("immutable", strconv.FormatBool(before.Immutable), strconv.FormatBool(after.Immutable))
	f.flag("enabled", before.Enabled, after.Enabled)
	f.flag("private", before.Private, after.Private)
	f.flag("valid", before.Valid, after.Valid)
	return f
}

// permissionSet compares the permission sets that two objects are in, by name, or else
// by id on one server: a snapshot may lack the names. Before Command 11 there are none.
func (c comparer) permissionSet(f *fields, before, after string) {
	from, to := c.before.setName(before), c.after.setName(after)
	switch {
	case before == "" || after == "":
	case from != "" && to != "":
		f.text("permissionSet", from, to)
	case c.sameServer:
		f.text("permissionSet", before, after)
	}
}

// setName is the name of a permission set, "" if the snapshot does not have it.
func (s *Snapshot) setName(id string) string {
	for _, set := range s.PermissionSets {
		if set.ID == id {
			return set.Name
		}
	}
	return ""
}

func (c comparer) claims() []ClaimChange {
	out := []ClaimChange{}
	spelled := func(k Key) string { return string(k.Type) + "\x00" + k.Scheme + "\x00" + k.Value }
	pairs := match(c.before.Claims, c.after.Claims,
		func(claim *Claim) string { return spelled(claim.Key.Fold()) }, func(claim *Claim) string { return spelled(claim.Key) })
	for _, p := range pairs {
		change := ClaimChange{Kind: p.kind(), Before: p.before, After: p.after}
		switch {
		case change.Kind == KindAdded && c.before.lists(p.after):
			change.Key = p.after.Key
		case change.Kind == KindRemoved && c.after.lists(p.before):
			change.Key = p.before.Key
		case change.Kind == KindChanged:
			change.Key, change.Fields = p.after.Key, c.claimFields(p.before, p.after)
		}
		if change.Key != (Key{}) && (change.Kind != KindChanged || len(change.Fields) > 0) {
			out = append(out, change)
		}
	}
	return out
}

// lists reports whether the snapshot would have a claim if the server had it: whether
// one of the lists was read that show it elsewhere.
func (s *Snapshot) lists(claim *Claim) bool {
	return slices.ContainsFunc(claim.Versions, func(version int) bool {
		return version == 1 && s.has(PartIdentities) || version == 2 && s.has(PartClaims)
	})
}

func (c comparer) claimFields(before, after *Claim) []FieldChange {
	var f fields
	f.text("key", before.Key.String(), after.Key.String())
	if c.sameServer {
		f.number("claimId", before.ClaimID, after.ClaimID)
		f.number("identityId", before.IdentityID, after.IdentityID)
	}
	if c.both(PartClaims) {
		f.text("description", before.Description, after.Description)
	}
	if before.SID != "" && after.SID != "" {
		f.text("sid", before.SID, after.SID)
	}
	f.flag("valid", before.Valid, after.Valid)
	return f
}
