package securitytest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
)

// The two permission models meet here. A role's permissions are kept as access control strings; version 1 sees them
// as names. A path that grants on one object ends in the object's id.

// The kinds of objects that version 1 grants permissions on, as they are spelled in the paths of the API.
const (
	collections  = "Collections"
	containers   = "Containers"
	pamProviders = "PamProviders"
)

// objectGrant is one permission on one object, as version 1 sees it.
type objectGrant struct {
	kind string
	id   int
	name string
}

// permissionMap is the mapping table, indexed for the questions asked here.
type permissionMap struct {
	// paths are the paths of each global name; API:Read has none.
	paths map[string][]string
	// names are the global names that need a path: those that Command 25 lists first, and documented ones before others.
	names map[string][]string
	// order lists the global names alphabetically.
	order []string
	// objectPaths are the paths without id of each kind and name of object permission.
	objectPaths map[string]map[string]string
	// objectNames are the names, by kind, in table order.
	objectNames map[string][]string
	// objects is the reverse of objectPaths.
	objects map[string]objectGrant
	// catalogue lists the paths that exist.
	catalogue []string
}

// mapping is read from the same table that clients convert with. A table of its own would only be another guess.
var mapping = newPermissionMap()

func newPermissionMap() *permissionMap {
	m := &permissionMap{
		paths:       map[string][]string{},
		names:       map[string][]string{},
		objectPaths: map[string]map[string]string{collections: {}, containers: {}, pamProviders: {}},
		objectNames: map[string][]string{},
		objects:     map[string]objectGrant{},
	}
	catalogue := permissions.Catalogue()
	for _, info := range catalogue.Paths {
		m.catalogue = append(m.catalogue, string(info.Path))
	}
	rank := map[string]int{}
	for _, info := range catalogue.Legacy {
		name := string(info.Name)
		if kind, permission, isObject := strings.Cut(name, "[{id}]:"); isObject {
			base, _, _ := strings.Cut(string(info.Mappings[0].Path), "{")
			m.objectPaths[kind][permission] = base
			m.objectNames[kind] = append(m.objectNames[kind], permission)
			m.objects[base] = objectGrant{kind: kind, name: permission}
			continue
		}
		m.paths[name] = nil
		m.order = append(m.order, name)
		if !slices.Contains(info.Listed, permissions.NameList25) {
			rank[name] += 2
		}
		for _, row := range info.Mappings {
			if row.Path == "" {
				continue
			}
			if row.Confidence != permissions.ConfidenceDocumented {
				rank[name]++
			}
			m.paths[name] = append(m.paths[name], string(row.Path))
			m.names[string(row.Path)] = append(m.names[string(row.Path)], name)
		}
	}
	for _, names := range m.names {
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank[a], rank[b]) })
	}
	slices.Sort(m.order)
	return m
}

// covers reports whether granting parent grants child. Both are canonical, so that the comparison of strings is one of
// whole segments.
func covers(parent, child string) bool { return strings.HasPrefix(child, parent) }

// anyCovers reports whether one of the paths grants child.
func anyCovers(paths []string, child string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return covers(p, child) })
}

// minimal drops what another path of the list grants already, keeping the order.
func minimal(paths []string) []string {
	granted := make(map[string]bool, len(paths))
	for _, path := range paths {
		granted[path] = true
	}
	result := make([]string, 0, len(paths))
	kept := make(map[string]bool, len(paths))
	for _, path := range paths {
		if !kept[path] && !underAny(granted, path) {
			kept[path] = true
			result = append(result, path)
		}
	}
	return result
}

// underAny reports whether one of the paths granted is a parent of path.
func underAny(granted map[string]bool, path string) bool {
	for i := range len(path) - 1 {
		if path[i] == '/' && granted[path[:i+1]] {
			return true
		}
	}
	return false
}

var pathForm = regexp.MustCompile(`^/([A-Za-z0-9_.-]+/)*$`)

// wellFormed reports whether a text can be an access control string. It is an assumption that slashes are required at
// both ends.
func wellFormed(path string) bool { return pathForm.MatchString(path) }

// known reports whether a path, without the id of an object at its end, is one that GET /Permissions lists.
func (m *permissionMap) known(path string) bool {
	base, _, _ := splitScope(path)
	return slices.Contains(m.catalogue, path) || slices.Contains(m.catalogue, base)
}

// splitScope splits the id of an object off a path: a number or a GUID as its last segment.
func splitScope(path string) (base, id string, scoped bool) {
	trimmed := strings.TrimSuffix(path, "/")
	slash := strings.LastIndexByte(trimmed, '/')
	if slash < 0 {
		return path, "", false
	}
	id = trimmed[slash+1:]
	if _, err := strconv.Atoi(id); err != nil && !validate.IsGUID(id) {
		return path, "", false
	}
	return trimmed[:slash+1], id, true
}

// grant reads a path as the permission on one object, if version 1 can express it.
func (m *permissionMap) grant(path string) (objectGrant, bool) {
	base, id, scoped := splitScope(path)
	if !scoped {
		return objectGrant{}, false
	}
	g, found := m.objects[base]
	if !found {
		return objectGrant{}, false
	}
	var err error
	g.id, err = strconv.Atoi(id)
	return g, err == nil
}

// objectPath is the path of one permission on one object.
func (m *permissionMap) objectPath(kind string, id int, name string) (string, bool) {
	base, found := m.objectPaths[kind][name]
	if !found {
		return "", false
	}
	return base + strconv.Itoa(id) + "/", true
}

// legacyNames are the global names for the paths given, which must be granted exactly: a role with "/" has no names.
// If several names stand for one path, those preferred are taken, otherwise the best documented one.
func (m *permissionMap) legacyNames(paths, preferred []string) []string {
	names := []string{}
	named := map[string]bool{}
	add := func(name string) bool {
		needed := m.paths[name]
		for _, path := range needed {
			if !slices.Contains(paths, path) {
				return false
			}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		for _, path := range needed {
			named[path] = true
		}
		return true
	}
	for _, name := range preferred {
		if len(m.paths[name]) > 0 {
			add(name)
		}
	}
	for _, path := range paths {
		if named[path] {
			continue
		}
		for _, name := range m.names[path] {
			if add(name) {
				break
			}
		}
	}
	return names
}

// coveredNames are the global names all of whose paths are granted, directly or by a parent, alphabetically.
func (m *permissionMap) coveredNames(paths []string) []string {
	names := []string{}
	for _, name := range m.order {
		needed := m.paths[name]
		if len(needed) > 0 && !slices.ContainsFunc(needed, func(p string) bool { return !anyCovers(paths, p) }) {
			names = append(names, name)
		}
	}
	return names
}

var objectName = regexp.MustCompile(`^(Collections|Containers|PamProviders)\[(\d+)\]:(\w+)$`)

// parseObjectName reads a name like Collections[6]:Read.
func (m *permissionMap) parseObjectName(text string) (path string, ok bool) {
	parts := objectName.FindStringSubmatch(text)
	if parts == nil {
		return "", false
	}
	id, err := strconv.Atoi(parts[2])
	if err != nil {
		return "", false
	}
	return m.objectPath(parts[1], id, parts[3])
}
