package snapshot

import (
	"maps"
	"slices"
	"strconv"

	"github.com/commandsec/commandsec-go/permissions"
)

// objects compares everything that is neither a role nor a claim, each part only if
// both snapshots have it.
func (c comparer) objects() []ObjectChange {
	out := []ObjectChange{}
	out = append(out, c.permissionSets()...)
	out = append(out, c.providers()...)
	out = append(out, c.permissions()...)
	out = append(out, c.collections()...)
	out = append(out, c.named(PartContainers, c.before.Containers, c.after.Containers)...)
	return append(out, c.named(PartPAMProviders, c.before.PAMProviders, c.after.PAMProviders)...)
}

// part compares the objects of a part by name. fill adds what is different about an
// object of both snapshots, or about the paths of one that is new or gone.
func part[T any](c comparer, p Part, before, after []T, name, id func(*T) string, fill func(*ObjectChange, *T, *T)) []ObjectChange {
	if !c.both(p) {
		return nil
	}
	var out []ObjectChange
	for _, pair := range byName(before, after, name) {
		change := ObjectChange{Part: p, Kind: pair.kind()}
		switch {
		case pair.before == nil && c.before.hides(p, id(pair.after)), pair.after == nil && c.after.hides(p, id(pair.before)):
			continue // it may be there all the same
		case pair.after == nil:
			change.Name = name(pair.before)
		default:
			change.Name = name(pair.after)
		}
		fill(&change, pair.before, pair.after)
		if change.Kind != KindChanged || len(change.Fields)+len(change.AddedPaths)+len(change.RemovedPaths) > 0 {
			out = append(out, change)
		}
	}
	return out
}

// hides reports whether the account that a snapshot was read as may not see an object.
func (s *Snapshot) hides(part Part, object string) bool {
	return slices.ContainsFunc(s.Gaps, func(g Gap) bool { return g.Part == part && g.Object == object && g.Reason == ReasonHidden })
}

func (c comparer) permissionSets() []ObjectChange {
	return part(c, PartPermissionSets, c.before.PermissionSets, c.after.PermissionSets,
		func(s *PermissionSet) string { return s.Name }, func(s *PermissionSet) string { return s.ID },
		func(change *ObjectChange, before, after *PermissionSet) {
			var from, to []permissions.Path
			if before != nil {
				from = before.Permissions
			}
			if after != nil {
				to = after.Permissions
			}
			change.AddedPaths, change.RemovedPaths = delta(from, to, permissions.Path.Canonical)
			if before != nil && after != nil {
				var f fields
				f.text("name", before.Name, after.Name)
				if c.sameServer {
					f.text("id", before.ID, after.ID)
				}
				change.Fields = f
			}
		})
}

func (c comparer) providers() []ObjectChange {
	scheme := func(p *Provider) string { return p.Scheme }
	return part(c, PartProviders, c.before.Providers, c.after.Providers, scheme, scheme,
		func(change *ObjectChange, before, after *Provider) {
			if before == nil || after == nil {
				return
			}
			var f fields
			f.text("scheme", before.Scheme, after.Scheme)
			f.text("name", before.Name, after.Name)
			f.text("enabled", strconv.FormatBool(before.Enabled), strconv.FormatBool(after.Enabled))
			c.permissionSet(&f, before.PermissionSetID, after.PermissionSetID)
			if c.sameServer {
				f.text("id", before.ID, after.ID)
				f.text("typeId", before.TypeID, after.TypeID)
			}
			all := maps.Clone(before.Parameters)
			if all == nil {
				all = map[string]string{}
			}
			maps.Copy(all, after.Parameters)
			for _, name := range slices.Sorted(maps.Keys(all)) {
				f.text("parameters."+name, before.Parameters[name], after.Parameters[name])
			}
			change.Fields = f
		})
}

// permissions compares what the servers list as grantable.
func (c comparer) permissions() []ObjectChange {
	if !c.both(PartPermissions) {
		return nil
	}
	added, removed := delta(c.before.Permissions, c.after.Permissions, permissions.Path.Canonical)
	var out []ObjectChange
	for _, path := range added {
		out = append(out, ObjectChange{Part: PartPermissions, Kind: KindAdded, Name: string(path)})
	}
	for _, path := range removed {
		out = append(out, ObjectChange{Part: PartPermissions, Kind: KindRemoved, Name: string(path)})
	}
	return out
}

// collections compares collections. A changed query is a kind of its own: it changes
// what every right on the collection means.
func (c comparer) collections() []ObjectChange {
	return part(c, PartCollections, c.before.Collections, c.after.Collections,
		func(o *Collection) string { return o.Name }, func(o *Collection) string { return o.Name },
		func(change *ObjectChange, before, after *Collection) {
			if before == nil || after == nil {
				return
			}
			var f fields
			f.text("query", before.Query, after.Query)
			if len(f) > 0 {
				change.Kind = KindQuery
			}
			f.text("name", before.Name, after.Name)
			f.text("description", before.Description, after.Description)
			if c.sameServer {
				f.number("id", before.ID, after.ID)
			}
			change.Fields = f
		})
}

func (c comparer) named(p Part, before, after []Object) []ObjectChange {
	name := func(o *Object) string { return o.Name }
	return part(c, p, before, after, name, name, func(change *ObjectChange, before, after *Object) {
		if before == nil || after == nil {
			return
		}
		var f fields
		f.text("name", before.Name, after.Name)
		if c.sameServer {
			f.number("id", before.ID, after.ID)
		}
		change.Fields = f
	})
}
