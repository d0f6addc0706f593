package securitytest

import (
	"fmt"
	"slices"
	"strings"
)

// The permission sub-resources of version 1 roles. POST adds, PUT replaces the permissions of one kind and leaves the
// other kinds alone.

// areaPermission is a permission of any kind. The values of Type, and what Area says of permissions on objects, are
// assumptions: the name of the object.
type areaPermission struct {
	Type       string
	Area       string
	Permission string
}

// globalPermission is half of what a role's Permissions write as Area:Permission.
type globalPermission struct {
	Area       string
	Permission string
}

type collectionPermission struct {
	CollectionID int `json:"CollectionId"`
	Name         string
	Permission   string
}

func (p collectionPermission) grant() objectGrant {
	return objectGrant{collections, p.CollectionID, p.Permission}
}

type containerPermission struct {
	ContainerID int `json:"ContainerId"`
	Name        string
	Permission  string
}

func (p containerPermission) grant() objectGrant {
	return objectGrant{containers, p.ContainerID, p.Permission}
}

type pamPermission struct {
	PamProviderID int `json:"PamProviderId"`
	Name          string
	Permissions   []string
}

// grants are the role's permissions on objects of a kind, in the order they were given.
func (r *role) grants(kind string) []objectGrant {
	var result []objectGrant
	for _, path := range r.paths {
		if grant, ok := mapping.grant(path); ok && grant.kind == kind {
			result = append(result, grant)
		}
	}
	return result
}

func (s *state) collectionPermissions(r *role) []collectionPermission {
	result := []collectionPermission{}
	for _, g := range r.grants(collections) {
		result = append(result, collectionPermission{g.id, s.objectName(collections, g.id), g.name})
	}
	return result
}

func (s *state) containerPermissions(r *role) []containerPermission {
	result := []containerPermission{}
	for _, g := range r.grants(containers) {
		result = append(result, containerPermission{g.id, s.objectName(containers, g.id), g.name})
	}
	return result
}

func (s *state) pamPermissions(r *role) []pamPermission {
	result := []pamPermission{}
	for _, g := range r.grants(pamProviders) {
		at := slices.IndexFunc(result, func(p pamPermission) bool { return p.PamProviderID == g.id })
		if at < 0 {
			at = len(result)
			result = append(result, pamPermission{PamProviderID: g.id, Name: s.objectName(pamProviders, g.id)})
		}
		result[at].Permissions = append(result[at].Permissions, g.name)
	}
	return result
}

func globalPermissions(names []string) []globalPermission {
	result := make([]globalPermission, 0, len(names))
	for _, name := range names {
		area, permission, _ := strings.Cut(name, ":")
		result = append(result, globalPermission{area, permission})
	}
	return result
}

func listAreaPermissions(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	result := []areaPermission{}
	for _, p := range globalPermissions(r.legacy) {
		result = append(result, areaPermission{"Global", p.Area, p.Permission})
	}
	for _, kind := range []struct{ kind, name string }{
		{collections, "Collection"}, {containers, "Container"}, {pamProviders, "PamProvider"},
	} {
		for _, g := range r.grants(kind.kind) {
			result = append(result, areaPermission{kind.name, c.s.objectName(kind.kind, g.id), g.name})
		}
	}
	return result, nil
}

func listGlobalPermissions(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	return globalPermissions(r.legacy), nil
}

// addGlobalPermissions leaves everything else alone, also what version 1 has no name for.
func addGlobalPermissions(c *call) (any, error) {
	return c.writeGlobal(func(r *role, names []string) error {
		paths := r.paths
		if err := c.setGlobal(r, append(slices.Clone(r.legacy), names...)); err != nil {
			return err
		}
		for _, path := range paths {
			r.grant(path)
		}
		return nil
	})
}

func setGlobalPermissions(c *call) (any, error) { return c.writeGlobal(c.setGlobal) }

// writeGlobal changes the global permissions of a role by the names in the request.
func (c *call) writeGlobal(change func(r *role, names []string) error) (any, error) {
	old, err := c.mutableRole()
	if err != nil {
		return nil, err
	}
	var req []globalPermission
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(req))
	for _, p := range req {
		if blank(&p.Area) || blank(&p.Permission) {
			return nil, invalid("Area and Permission are required.")
		}
		names = append(names, p.Area+":"+p.Permission)
	}
	r := old.clone()
	if err := change(r, names); err != nil {
		return nil, err
	}
	if err := c.s.checkSet(r); err != nil {
		return nil, err
	}
	return globalPermissions(c.s.putRole(r).legacy), nil
}

// setGlobal replaces what a role grants globally. It is an assumption that names that do not exist are refused. An
// immutable role that already says the same keeps its paths: not all of them can be expressed as names, and repeating
// what version 1 shows of a role must not be a change.
func (c *call) setGlobal(r *role, names []string) error {
	var legacy []string
	for _, name := range names {
		known := mapping.canonicalName(name)
		if known == "" && slices.Contains(r.legacy, name) {
			// A name that was seeded although the table does not have it.
			known = name
		}
		if known == "" {
			return invalid("Invalid permission: '%s'.", name)
		}
		if !slices.Contains(legacy, known) {
			legacy = append(legacy, known)
		}
	}
	if r.immutable && samePaths(legacy, r.legacy) {
		return nil
	}
	paths := slices.DeleteFunc(slices.Clone(r.paths), func(path string) bool {
		_, _, scoped := splitScope(path)
		return !scoped
	})
	r.legacy, r.paths = legacy, nil
	for _, name := range legacy {
		for _, path := range mapping.paths[name] {
			r.grant(path)
		}
	}
	for _, path := range paths {
		r.grant(path)
	}
	return nil
}

func listCollectionPermissions(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	return c.s.collectionPermissions(r), nil
}

func addCollectionPermissions(c *call) (any, error) {
	return writeObjects(c, collections, false, c.s.collectionPermissions)
}

func setCollectionPermissions(c *call) (any, error) {
	return writeObjects(c, collections, true, c.s.collectionPermissions)
}

func listContainerPermissions(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	return c.s.containerPermissions(r), nil
}

func addContainerPermissions(c *call) (any, error) {
	return writeObjects(c, containers, false, c.s.containerPermissions)
}

func setContainerPermissions(c *call) (any, error) {
	return writeObjects(c, containers, true, c.s.containerPermissions)
}

func listPAMPermissions(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	return c.s.pamPermissions(r), nil
}

func setPAMPermissions(c *call) (any, error) {
	var req []pamPermission
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	var grants []objectGrant
	for _, p := range req {
		for _, name := range p.Permissions {
			grants = append(grants, objectGrant{pamProviders, p.PamProviderID, name})
		}
	}
	r, err := c.writeGrants(pamProviders, grants, true)
	if err != nil {
		return nil, err
	}
	return c.s.pamPermissions(r), nil
}

// writeObjects writes a list with one item per permission, and answers with what the role then has, as shown writes it.
func writeObjects[T interface{ grant() objectGrant }](c *call, kind string, replace bool, shown func(*role) []T) (any, error) {
	var req []T
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	grants := make([]objectGrant, 0, len(req))
	for _, item := range req {
		grants = append(grants, item.grant())
	}
	r, err := c.writeGrants(kind, grants, replace)
	if err != nil {
		return nil, err
	}
	return shown(r), nil
}

// writeGrants adds permissions on objects to the role of the request, or puts them in place of those of their kind.
func (c *call) writeGrants(kind string, grants []objectGrant, replace bool) (*role, error) {
	old, err := c.mutableRole()
	if err != nil {
		return nil, err
	}
	r := old.clone()
	if replace {
		r.paths = slices.DeleteFunc(r.paths, func(path string) bool {
			grant, ok := mapping.grant(path)
			return ok && grant.kind == kind
		})
	}
	if err := c.s.addGrants(r, grants); err != nil {
		return nil, err
	}
	return c.s.putRole(r), nil
}

// addGrants adds permissions on objects to a role that is being built. The documented prerequisites must be met by the
// result, on the object or globally; whether the real server refuses or adds what is missing is not known.
func (s *state) addGrants(r *role, grants []objectGrant) error {
	for i, g := range grants {
		if s.objectName(g.kind, g.id) == "" {
			return invalid("There is no object %d of the kind %s.", g.id, g.kind)
		}
		name := mapping.objectPermission(g.kind, g.name)
		if name == "" {
			return invalid("Invalid permission for %s: '%s'.", g.kind, g.name)
		}
		grants[i].name = name
		path, _ := mapping.objectPath(g.kind, g.id, name)
		r.grant(path)
	}
	for _, g := range grants {
		for _, needed := range prerequisites(g) {
			path, _ := mapping.objectPath(g.kind, g.id, needed)
			if !anyCovers(r.paths, path) {
				return invalid("%s needs %s.", g, needed)
			}
		}
	}
	return s.checkSet(r)
}

// prerequisites are the permissions that must go with one on an object.
func prerequisites(g objectGrant) []string {
	switch {
	case g.kind == collections || g.name == "Read":
		return nil
	case g.kind == containers && g.name == "Modify":
		return []string{"Read", "Schedule"}
	default:
		return []string{"Read"}
	}
}

// canonicalName spells a global name the way the table does; it is empty for a name that does not exist.
func (m *permissionMap) canonicalName(name string) string {
	if _, found := m.paths[name]; found {
		return name
	}
	for _, known := range m.order {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}

// objectPermission spells the name of a permission on an object the way the table does.
func (m *permissionMap) objectPermission(kind, name string) string {
	for _, known := range m.objectNames[kind] {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}

func (g objectGrant) String() string { return fmt.Sprintf("%s[%d]:%s", g.kind, g.id, g.name) }
