package permissions

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrLegacy matches every error about a malformed version 1 name.
var ErrLegacy = errors.New("not a permission name")

// Legacy is a permission name of version 1, such as "AdminPortal:Read".
//
// It is a plain string: JSON passes through untouched, whether the name is known here or not. Command keeps the names
// that a role holds for one object apart from the role's list of names. This package writes them
// "Collections[6]:Read", "Containers[2]:Schedule" and "PamProviders[1]:Modify"; the notation is its own, not the product's.
// [CollectionPermission], [ContainerPermission] and [PAMProviderPermission] make such names.
type Legacy string

// ParseLegacy returns the canonical form of s, "Area:Name" or, for one object, "Collections[6]:Read". It drops space around
// s and around the colon, because vendor tables print "Area: Name". A known name gets its exact spelling whatever the case
// of its letters. An unknown name is accepted as it is if it is well formed: two words of ASCII letters, digits and "_",
// each starting with a letter. Everything else is refused with an error that matches [ErrLegacy] and says what to write.
func ParseLegacy(s string) (Legacy, error) {
	n := parseLegacy(Legacy(s))
	if n.problem == "" {
		return n.name, nil
	}
	problem := n.problem
	if near := nearestLegacy(s); near != "" {
		problem += "; did you mean " + string(near) + "?"
	}
	return "", fmt.Errorf("permissions: %w: %s %s", ErrLegacy, quote(s), problem)
}

// Area returns what comes before the colon, without an object's id: "Certificates", "Collections". It is empty for a
// malformed name.
func (l Legacy) Area() string {
	area, _, _, _ := l.parts()
	return area
}

// Name returns what comes after the colon: "Read". It is empty for a malformed name.
func (l Legacy) Name() string {
	_, _, name, _ := l.parts()
	return name
}

// Object returns the kind and id of the object that the name is limited to; ok is false for a name that holds
// everywhere and for a malformed one.
func (l Legacy) Object() (kind Scope, id int, ok bool) {
	area, digits, _, problem := l.parts()
	if problem != "" || digits == "" {
		return ScopeGlobal, 0, false
	}
	id, _ = strconv.Atoi(digits) // parts has checked it
	return objectKind(area), id, true
}

// CollectionPermission is a permission that a version 1 role can hold on a certificate collection.
type CollectionPermission string

// The permissions on a collection.
const (
	CollectionRead         CollectionPermission = "Read"
	CollectionEditMetadata CollectionPermission = "EditMetadata"
	CollectionRecover      CollectionPermission = "Recover"
	CollectionRevoke       CollectionPermission = "Revoke"
	CollectionDelete       CollectionPermission = "Delete"
)

// On returns the name for the collection with this id. An id below 1 gives a name that is malformed.
func (p CollectionPermission) On(id int) Legacy { return onObject("Collections", id, string(p)) }

// Requires returns the permissions on the same collection that Command requires for p, as documented: none.
func (p CollectionPermission) Requires() []CollectionPermission {
	return required[CollectionPermission]("Collections", string(p))
}

// ContainerPermission is a permission that a version 1 role can hold on a certificate store container. Late 25.x
// documentation calls containers applications.
type ContainerPermission string

// The permissions on a container. The last four are known from Command 25 on.
const (
	ContainerRead         ContainerPermission = "Read"
	ContainerSchedule     ContainerPermission = "Schedule"
	ContainerModify       ContainerPermission = "Modify"
	ContainerEditMetadata ContainerPermission = "EditMetadata"
	ContainerRecover      ContainerPermission = "Recover"
	ContainerRevoke       ContainerPermission = "Revoke"
	ContainerChangeOwner  ContainerPermission = "ChangeOwner"
)

// On returns the name for the container with this id. An id below 1 gives a name that is malformed.
func (p ContainerPermission) On(id int) Legacy { return onObject("Containers", id, string(p)) }

// Requires returns the permissions on the same container that Command requires for p, as documented.
func (p ContainerPermission) Requires() []ContainerPermission {
	return required[ContainerPermission]("Containers", string(p))
}

// PAMProviderPermission is a permission that a version 1 role can hold on a PAM provider, from Command 11 on.
type PAMProviderPermission string

// The permissions on a PAM provider.
const (
	PAMProviderRead   PAMProviderPermission = "Read"
	PAMProviderModify PAMProviderPermission = "Modify"
)

// On returns the name for the PAM provider with this id. An id below 1 gives a name that is malformed.
func (p PAMProviderPermission) On(id int) Legacy { return onObject("PamProviders", id, string(p)) }

// Requires returns the permissions on the same PAM provider that Command requires for p, as documented.
func (p PAMProviderPermission) Requires() []PAMProviderPermission {
	return required[PAMProviderPermission]("PamProviders", string(p))
}

func onObject(area string, id int, name string) Legacy {
	return Legacy(area + "[" + strconv.Itoa(id) + "]:" + name)
}

func required[T ~string](area, name string) []T {
	info := data().names[nameKey{area, true, name}]
	if info == nil {
		return nil
	}
	var out []T
	for _, l := range info.Needs {
		_, name, _ := strings.Cut(string(l), ":")
		out = append(out, T(name))
	}
	return out
}

// objectKind returns the kind of object that an area of our notation stands for, ScopeGlobal if it is none of them.
func objectKind(area string) Scope {
	switch area {
	case "Collections":
		return ScopeCollection
	case "Containers":
		return ScopeContainer
	case "PamProviders":
		return ScopePAMProvider
	}
	return ScopeGlobal
}

// parts takes a name apart and keeps its spelling. id is empty for a name that holds everywhere. It does not allocate.
func (l Legacy) parts() (area, id, name, problem string) {
	s := strings.TrimSpace(string(l))
	if s == "" {
		return "", "", "", "is empty"
	}
	area, name, ok := strings.Cut(s, ":")
	if !ok {
		if strings.HasPrefix(s, "/") {
			return "", "", "", "is a version 2 path; a name is Area:Name"
		}
		return "", "", "", "has no colon; a name is Area:Name"
	}
	area, name = strings.TrimSpace(area), strings.TrimSpace(name)
	if open := strings.IndexByte(area, '['); open >= 0 {
		rest := area[open+1:]
		area = area[:open]
		if id, ok = strings.CutSuffix(rest, "]"); !ok || idKindOf(id) != idNumber {
			return "", "", "", "has no valid id in brackets; write the number that Command gave the object, such as " + exampleArea(area) + "[6], not its name"
		}
	}
	if !isWord(area) || !isWord(name) {
		return "", "", "", "is not two plain words with a colon between them; a name is Area:Name"
	}
	return area, id, name, ""
}

// exampleArea returns the area of our notation that an area was probably meant to be.
func exampleArea(area string) string {
	for _, known := range []string{"Containers", "PamProviders"} {
		if strings.EqualFold(strings.TrimSpace(area), known) {
			return known
		}
	}
	return "Collections"
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || '9' < c)) {
			return false
		}
	}
	return s != ""
}

// parsedLegacy is a name that was read.
type parsedLegacy struct {
	input, name Legacy       // name is the canonical form, or the input if it is malformed
	key         legacyKey    // empty if the input cannot be taken apart
	info        *legacyEntry // nil if the name is not known
	problem     string       // why the input is malformed
}

func parseLegacy(input Legacy) parsedLegacy {
	n := parsedLegacy{input: input, name: input}
	if e := data().byName[input]; e != nil && !e.object {
		n.key, n.info = legacyKey{area: e.area, name: e.name}, e // the usual case: a name as it is on the wire
		return n
	}
	area, id, name, problem := input.parts()
	if problem != "" {
		n.problem = problem
		return n
	}
	n.info = data().find(area, id != "", name)
	if n.info != nil {
		area, name = n.info.area, n.info.name
	}
	n.key = legacyKey{area, id, name}
	if id != "" && objectKind(area) == ScopeGlobal {
		n.problem = "names an object of an unknown kind; write Collections[6], Containers[6] or PamProviders[6] before the colon"
		return n
	}
	n.name = n.key.legacy()
	return n
}

// legacyKey is a name taken apart. Names are ordered by it: those that hold everywhere first, then by area, id and name.
type legacyKey struct {
	area, id, name string
}

func keyOf(l Legacy) legacyKey {
	area, id, name, _ := l.parts()
	return legacyKey{area, id, name}
}

func (k legacyKey) legacy() Legacy {
	if k.id == "" {
		return Legacy(k.area + ":" + k.name)
	}
	return Legacy(k.area + "[" + k.id + "]:" + k.name)
}

func (k legacyKey) compare(other legacyKey) int {
	if k.id == other.id && k.area == other.area {
		return strings.Compare(k.name, other.name)
	}
	return cmp.Or(
		cmp.Compare(min(len(k.id), 1), min(len(other.id), 1)),
		strings.Compare(k.area, other.area),
		cmp.Compare(len(k.id), len(other.id)), // ids have no leading zeros, so the longer one is the larger
		strings.Compare(k.id, other.id),
	)
}
