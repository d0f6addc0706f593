package plan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/yamlfile"
	"github.com/commandsec/commandsec-go/permissions"
)

// formatHolder is what [yamlfile.ParseClaim] reads, and whether it reads it back as the same.
func formatHolder(k Key) (string, bool) {
	s := string(k.Type) + ":" + k.Value + "@" + k.Scheme
	back, err := yamlfile.ParseClaim(s)
	return s, err == nil && back == k
}

// identityKey is the key of an Active Directory account.
func identityKey(account string, t holders.Type) Key {
	return Key{Type: t, Value: account, Scheme: holders.SchemeActiveDirectory}
}

// A right is what somebody wrote for a permission: a path, or a version 1 name, perhaps
// with the name of an object instead of its id.
type right struct {
	path   permissions.Path // without the object, if it has one by name
	legacy string           // area of a version 1 name, "" if it is a path
	name   string           // what comes after the colon of a version 1 name
	object string           // name of the object
	named  bool
}

// parseRight reads a path such as /certificates/collections/read/{Web servers}/, or a
// version 1 name such as Collections[{Web servers}]:Read. The name of an object lies
// between the first brace and the last one, so that it may contain any character.
func parseRight(s string) (right, error) {
	s = strings.TrimSpace(s)
	if area, rest, ok := strings.Cut(s, "[{"); ok && !strings.Contains(area, "/") {
		end := strings.LastIndex(rest, "}]")
		after := ""
		if end >= 0 {
			after = strings.TrimSpace(rest[end+2:])
		}
		if end < 1 || !strings.HasPrefix(after, ":") {
			return right{}, fmt.Errorf("%s is not a permission; write Collections[{NAME}]:Read", quote(s))
		}
		return right{legacy: strings.TrimSpace(area), name: strings.TrimSpace(after[1:]), object: rest[:end], named: true}, nil
	}
	if before, rest, ok := strings.Cut(s, "/{"); ok {
		name, found := strings.CutSuffix(strings.TrimSuffix(rest, "/"), "}")
		if !found || name == "" {
			return right{}, fmt.Errorf("%s is not a permission; the name of an object stands in braces at the end: "+
				"/certificates/collections/read/{NAME}/", quote(s))
		}
		path, err := permissions.ParsePath(before + "/")
		if err != nil {
			return right{}, err
		}
		return right{path: path, object: name, named: true}, nil
	}
	if !strings.Contains(s, "/") && strings.Contains(s, ":") {
		l, err := permissions.ParseLegacy(s)
		if err != nil {
			return right{}, err
		}
		return right{legacy: string(l)}, nil
	}
	path, err := permissions.ParsePath(s)
	return right{path: path}, err
}

// scope is what kind of object the right is for.
func (r right) scope() permissions.Scope {
	if r.legacy != "" {
		l, err := permissions.ParseLegacy(r.legacy + "[1]:" + r.name)
		if err != nil {
			return ""
		}
		kind, _, _ := l.Object()
		return kind
	}
	if info, ok := permissions.Known(r.path); ok && info.Scope != permissions.ScopeGlobal {
		return info.Scope
	}
	return ""
}

// objects finds the objects that permissions can be limited to, by name and by id.
type objects struct {
	byName map[permissions.Scope]map[string][]string // ids by folded name
	byID   map[permissions.Scope]map[string]string   // names by id
	gaps   map[permissions.Scope]*snapshot.Gap

	searches int // for what was probably meant
}

// searched counts a search for what was probably meant, and reports whether there were too
// many.
func (o *objects) searched() bool {
	o.searches++
	return o.searches > mostSearches
}

func newObjects(s *snapshot.Snapshot) *objects {
	o := &objects{
		byName: map[permissions.Scope]map[string][]string{}, byID: map[permissions.Scope]map[string]string{},
		gaps: map[permissions.Scope]*snapshot.Gap{},
	}
	for _, kind := range []permissions.Scope{
		permissions.ScopeCollection, permissions.ScopeContainer, permissions.ScopePAMProvider, permissions.ScopeIdentityProvider,
	} {
		o.byName[kind], o.byID[kind] = map[string][]string{}, map[string]string{}
	}
	for _, c := range s.Collections {
		o.add(permissions.ScopeCollection, strconv.Itoa(c.ID), c.Name)
	}
	for _, c := range s.Containers {
		o.add(permissions.ScopeContainer, strconv.Itoa(c.ID), c.Name)
	}
	for _, p := range s.PAMProviders {
		o.add(permissions.ScopePAMProvider, strconv.Itoa(p.ID), p.Name)
	}
	for _, p := range s.Providers {
		o.add(permissions.ScopeIdentityProvider, strings.ToLower(p.ID), p.Scheme)
	}
	for kind, part := range partOf {
		o.gaps[kind] = gapOf(s, part)
	}
	return o
}

// partOf is where a snapshot has the objects of a kind.
var partOf = map[permissions.Scope]snapshot.Part{
	permissions.ScopeCollection:       snapshot.PartCollections,
	permissions.ScopeContainer:        snapshot.PartContainers,
	permissions.ScopePAMProvider:      snapshot.PartPAMProviders,
	permissions.ScopeIdentityProvider: snapshot.PartProviders,
}

// nounOf is what people call an object of a kind.
var nounOf = map[permissions.Scope]string{
	permissions.ScopeCollection:       "collection",
	permissions.ScopeContainer:        "container",
	permissions.ScopePAMProvider:      "PAM provider",
	permissions.ScopeIdentityProvider: "identity provider",
}

func (o *objects) add(kind permissions.Scope, id, name string) {
	fold := names.Fold(name)
	o.byName[kind][fold] = append(o.byName[kind][fold], id)
	o.byID[kind][id] = name
}

// id finds an object by its name.
func (o *objects) id(kind permissions.Scope, name string) (string, error) {
	ids := o.byName[kind][names.Fold(name)]
	if len(ids) == 1 {
		return ids[0], nil
	}
	if len(ids) > 1 {
		slices.Sort(ids)
		return "", fmt.Errorf("the server has %d objects of the kind %s with the name %s; write the id of one: %s",
			len(ids), nounOf[kind], quote(name), strings.Join(ids, ", "))
	}
	if gap := o.gaps[kind]; gap != nil {
		return "", fmt.Errorf("no %s is known by its name, because the list could not be read (%s); write the id", nounOf[kind], gapText(gap))
	}
	meant := ""
	if !o.searched() {
		meant = didYouMean(name, slices.Collect(maps.Values(o.byID[kind]))) // which does not depend on their order
	}
	return "", fmt.Errorf("the server has no %s %s%s", nounOf[kind], quote(name), meant)
}

// missing is what kind of object a path is for that the server does not have, or "".
func (o *objects) missing(p permissions.Path) string {
	id, limited := p.Scope()
	info, known := permissions.Known(p.Unscoped())
	if !limited || !known || o.byID[info.Scope] == nil || o.gaps[info.Scope] != nil {
		return ""
	}
	if _, there := o.byID[info.Scope][strings.ToLower(id)]; there {
		return ""
	}
	return nounOf[info.Scope]
}

// resolve makes a path or a version 1 name of a right; exactly one is not empty.
func (o *objects) resolve(r right) (permissions.Path, permissions.Legacy, error) {
	if !r.named {
		return r.path, permissions.Legacy(r.legacy), nil
	}
	kind := r.scope()
	if kind == "" {
		what := string(r.path)
		if r.legacy != "" {
			what = r.legacy
		}
		return "", "", fmt.Errorf("%s is not known to take a collection, container, PAM provider or identity provider; write an id, not a name",
			quote(what))
	}
	id, err := o.id(kind, r.object)
	if err != nil {
		return "", "", err
	}
	if r.legacy != "" {
		l, err := permissions.ParseLegacy(r.legacy + "[" + id + "]:" + r.name)
		return "", l, err
	}
	p, err := r.path.WithScope(id)
	return p, "", err
}

// write is how a path is written in a file: with the name of its object, if that name
// leads back to the same path, and whether it can be written at all.
func (o *objects) write(p permissions.Path) (string, bool) {
	canonical, err := permissions.ParsePath(string(p))
	if err != nil {
		return "", false
	}
	id, limited := canonical.Scope()
	if !limited {
		return string(canonical), true
	}
	base := canonical.Unscoped()
	if info, ok := permissions.Known(base); ok {
		if name := o.byID[info.Scope][id]; name != "" {
			s := string(base) + "{" + name + "}/"
			if r, err := parseRight(s); err == nil {
				if back, _, err := o.resolve(r); err == nil && back == canonical {
					return s, true
				}
			}
		}
	}
	return string(canonical), true
}

// writeName is the same for a version 1 name.
func (o *objects) writeName(l permissions.Legacy) (string, bool) {
	parsed, err := permissions.ParseLegacy(string(l))
	if err != nil {
		return "", false
	}
	kind, id, limited := parsed.Object()
	if !limited {
		return string(parsed), true
	}
	if name := o.byID[kind][strconv.Itoa(id)]; name != "" {
		s := parsed.Area() + "[{" + name + "}]:" + parsed.Name()
		if r, err := parseRight(s); err == nil {
			if _, back, err := o.resolve(r); err == nil && back == parsed {
				return s, true
			}
		}
	}
	return string(parsed), true
}

// gapOf finds the gap about all of a part.
func gapOf(s *snapshot.Snapshot, part snapshot.Part) *snapshot.Gap {
	for i, g := range s.Gaps {
		if g.Part == part && g.Object == "" {
			return &s.Gaps[i]
		}
	}
	return nil
}

func gapText(g *snapshot.Gap) string {
	text := string(g.Part) + ": " + string(g.Reason)
	if g.Detail != "" {
		text += ", " + quote(g.Detail)
	}
	return text
}

// didYouMean suggests the candidate that is nearest to a word, if one is near.
func didYouMean(word string, candidates []string) string {
	if near := names.Nearest(word, candidates); near != "" {
		return "; did you mean " + quote(near) + "?"
	}
	return ""
}
