package securitytest

import (
	"slices"
	"strings"
)

// Permission sets and the list of permissions.

// permissionSetBody is a permission set as it is written.
type permissionSetBody struct {
	ID          string `json:"Id"`
	Name        string
	Permissions []string
}

func (p *permissionSet) body() permissionSetBody {
	return permissionSetBody{p.id, p.name, append([]string{}, p.paths...)}
}

// permissionSetColumns are the fields of the list of permission sets. The reference knows no query field, but scripts of
// the vendor find the set Global by its name.
func permissionSetColumns() []column[*permissionSet] {
	return []column[*permissionSet]{
		{name: "Id", sorts: true, value: func(p *permissionSet) value { return value{text: p.id} }},
		{name: "Name", sorts: true, filter: true, value: func(p *permissionSet) value { return value{text: p.name} }},
	}
}

// listPermissionSets shows all sets to callers with a role in Global that may read security. Others see the sets of
// those of their roles that may modify it.
func listPermissionSets(c *call) (any, error) {
	visible := c.s.allSets
	if !c.caller.may(requirement{path: securityRead.path, global: true}) {
		visible = func() []*permissionSet {
			return slices.DeleteFunc(c.s.allSets(), func(p *permissionSet) bool { return !c.caller.manages(p.id) })
		}
		// What is visible depends on the caller: nothing that others asked for can be used again.
		sets, err := pageOf(c, newLists(&c.h.cfg).sets, visible)
		return permissionSetBodies(sets), err
	}
	sets, err := pageOf(c, c.h.lists.sets, visible)
	return permissionSetBodies(sets), err
}

// manages reports whether the caller has a role in a permission set that may modify security.
func (c *caller) manages(set string) bool {
	return slices.ContainsFunc(c.roles, func(r *role) bool { return r.set == set && anyCovers(r.paths, securityModify.path) })
}

func permissionSetBodies(sets []*permissionSet) []permissionSetBody {
	result := make([]permissionSetBody, 0, len(sets))
	for _, set := range sets {
		result = append(result, set.body())
	}
	return result
}

// permissionSet is the permission set that the path of a request names.
func (c *call) permissionSet() (*permissionSet, error) { return c.s.permissionSet(c.args[0]) }

func (s *state) permissionSet(id string) (*permissionSet, error) {
	id, err := parseGUID(id)
	if err != nil {
		return nil, err
	}
	set, found := s.sets[id]
	if !found {
		return nil, notFound("Permission set", id)
	}
	return set, nil
}

func getPermissionSet(c *call) (any, error) {
	set, err := c.permissionSet()
	if err != nil {
		return nil, err
	}
	return set.body(), nil
}

// createPermissionSet refuses a second set of the same name. That is an assumption.
func createPermissionSet(c *call) (any, error) {
	var req struct {
		Name        *string
		Permissions []string
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if blank(req.Name) || req.Permissions == nil {
		return nil, invalid("Name and Permissions are required.")
	}
	for _, set := range c.s.sets {
		if strings.EqualFold(set.name, *req.Name) {
			return nil, invalid("A permission set named '%s' exists already.", set.name)
		}
	}
	if err := c.s.checkPaths(req.Permissions); err != nil {
		return nil, err
	}
	set := &permissionSet{id: c.s.newGUID(), name: *req.Name, paths: req.Permissions}
	c.s.sets[set.id] = set
	c.s.writes++
	return set.body(), nil
}

// updatePermissionSet replaces the permissions. It is an assumption that Global stays as it is, and that no role may be
// left with more than its set allows.
func updatePermissionSet(c *call) (any, error) {
	var req struct {
		ID          *string `json:"Id"`
		Permissions []string
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if blank(req.ID) || req.Permissions == nil {
		return nil, invalid("Id and Permissions are required.")
	}
	old, err := c.s.permissionSet(*req.ID)
	if err != nil {
		return nil, err
	}
	if old.id == GlobalPermissionSetID {
		return nil, invalid("The permission set Global cannot be changed.")
	}
	if err := c.s.checkPaths(req.Permissions); err != nil {
		return nil, err
	}
	set := &permissionSet{id: old.id, name: old.name, paths: req.Permissions}
	c.s.sets[set.id] = set
	for _, r := range c.s.roles {
		if r.set == set.id && c.s.checkSet(r) != nil {
			c.s.sets[set.id] = old
			return nil, invalid("The role '%s' has a permission that the set would no longer contain.", r.name)
		}
	}
	c.s.writes++
	return set.body(), nil
}

// deletePermissionSet refuses Global and sets that are in use. That is an assumption.
func deletePermissionSet(c *call) (any, error) {
	set, err := c.permissionSet()
	if err != nil {
		return nil, err
	}
	if set.id == GlobalPermissionSetID {
		return nil, invalid("The permission set Global cannot be deleted.")
	}
	for _, r := range c.s.roles {
		if r.set == set.id {
			return nil, invalid("The permission set is still used by the role '%s'.", r.name)
		}
	}
	for _, p := range c.s.providers {
		if p.set == set.id {
			return nil, invalid("The permission set is still used by the identity provider '%s'.", p.displayName)
		}
	}
	delete(c.s.sets, set.id)
	c.s.writes++
	return nil, nil
}

// myPermissionSet is a permission set through which the caller holds a permission. The roles came with 25.2.
type myPermissionSet struct {
	ID            string `json:"Id"`
	Name          string
	Permissions   []string
	SecurityRoles []roleMember `json:",omitzero"`
}

func listMyPermissionSets(c *call) (any, error) {
	path := c.query.get("accessControlString")
	if path == "" {
		return nil, invalid("An accessControlString is required.")
	}
	if !wellFormed(path) {
		return nil, invalid("Invalid permission: '%s'.", path)
	}
	result := []myPermissionSet{}
	for _, set := range c.s.allSets() {
		roles := []roleMember{}
		for _, r := range c.caller.roles {
			if r.set == set.id && anyCovers(r.paths, path) {
				roles = append(roles, roleMember{r.id, r.name})
			}
		}
		if len(roles) == 0 {
			continue
		}
		held := myPermissionSet{ID: set.id, Name: set.name, Permissions: append([]string{}, set.paths...)}
		if c.h.cfg.version.atLeast(v252) {
			held.SecurityRoles = roles
		}
		result = append(result, held)
	}
	return result, nil
}

// listPermissions lists the access control strings that exist.
func listPermissions(*call) (any, error) { return mapping.catalogue, nil }
