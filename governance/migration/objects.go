package migration

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// object is a collection, a container, a PAM provider or an identity provider.
type object struct {
	id, name, query string
}

// catalog finds objects of a server by id and by folded name.
type catalog map[permissions.Scope]*catalogPart

type catalogPart struct {
	byID   map[string]*object
	byName map[string][]*object
	gap    *snapshot.Gap // the list could not be read
}

func newCatalog(s *snapshot.Snapshot) catalog {
	c := catalog{}
	for _, kind := range kinds {
		c[kind.scope] = &catalogPart{byID: map[string]*object{}, byName: map[string][]*object{}, gap: gapOf(s, kind.part)}
	}
	for _, o := range s.Collections {
		c[permissions.ScopeCollection].add(strconv.Itoa(o.ID), o.Name, o.Query)
	}
	for _, o := range s.Containers {
		c[permissions.ScopeContainer].add(strconv.Itoa(o.ID), o.Name, "")
	}
	for _, o := range s.PAMProviders {
		c[permissions.ScopePAMProvider].add(strconv.Itoa(o.ID), o.Name, "")
	}
	for _, o := range s.Providers {
		c[permissions.ScopeIdentityProvider].add(strings.ToLower(o.ID), o.Scheme, "")
	}
	return c
}

func (c *catalogPart) add(id, name, query string) {
	o := &object{id, name, query}
	c.byID[id] = o
	c.byName[names.Fold(name)] = append(c.byName[names.Fold(name)], o)
}

// translation is what a path, or an object, of the source is on the target.
type translation struct {
	path permissions.Path // "": none
	name string           // of the object on the source, or what is known of it
	to   *object          // on the target; nil if it is not known there
	how  string
	// moved says that a right on it is a right on other certificates than before, because
	// a rule names a collection with another query.
	moved string
	drop  bool
	wait  string // why somebody has to decide; a sentence
	do    string
}

// translator translates the ids in paths by the names of their objects.
type translator struct {
	same           bool
	source, target catalog
	rules          map[permissions.Scope]map[string]*objectRule
	known          map[permissions.Scope]map[string]*translation // of objects, by id
}

func newTranslator(e *engine) *translator {
	t := &translator{
		same: e.same, source: newCatalog(e.source), target: newCatalog(e.target), rules: e.rules.objects, known: map[permissions.Scope]map[string]*translation{},
	}
	for _, kind := range kinds {
		t.known[kind.scope] = map[string]*translation{}
	}
	return t
}

// knows reports whether a server has an object with a name.
func (t *translator) knows(c catalog, scope permissions.Scope, name string) bool {
	return len(c[scope].byName[names.Fold(name)]) > 0
}

// translate is what a path of the source is on the target.
func (t *translator) translate(p permissions.Path) translation {
	p = p.Canonical()
	id, limited := p.Scope()
	if !limited {
		return translation{path: p}
	}
	base := p.Unscoped()
	info, ok := permissions.Known(base)
	part := t.known[info.Scope]
	if !ok || part == nil {
		if t.same {
			return translation{path: p}
		}
		return translation{
			name: string(p), wait: fmt.Sprintf("It is not known what kind of object %s is about, so that its id cannot be translated.", p),
			do: "Decide about the permission, or skip the role.",
		}
	}
	o := part[id]
	if o == nil {
		o = t.object(info.Scope, id)
		part[id] = o
	}
	out := *o
	if out.to != nil {
		var err error
		if out.path, err = base.WithScope(out.to.id); err != nil {
			out.wait, out.do = fmt.Sprintf("%s cannot be limited to the object %s of the target.", base, quote(out.to.name)), "Skip the role."
		}
	}
	return out
}

// object translates an object.
func (t *translator) object(scope permissions.Scope, id string) *translation {
	noun, key := "", ""
	for _, kind := range kinds {
		if kind.scope == scope {
			noun, key = kind.noun, kind.key
		}
	}
	from, theirs := t.source[scope].byID[id], t.target[scope]
	out := &translation{name: "id " + id}
	var rule *objectRule
	if from != nil {
		out.name = from.name
		rule = t.rules[scope][names.Fold(from.name)]
	}
	switch {
	case rule != nil && rule.drop:
		out.drop, out.how = true, "dropped by the rules, "+rule.because(rule.why)
	case rule == nil && t.same:
		out.to, out.how = theirs.byID[id], "the same server"
		if out.to == nil && theirs.gap != nil {
			out.to = &object{id: id} // its name is not known, and it is the same id
		}
		if out.to == nil {
			out.wait = fmt.Sprintf("The %s %s is not on the server any more.", noun, quote(out.name))
		}
	case from == nil:
		out.wait = fmt.Sprintf("The source has no %s with the id %s, or its list could not be read.", noun, quote(id))
		out.do = "Decide about the permissions on it, or skip the roles."
	case theirs.gap != nil:
		out.wait = fmt.Sprintf("It is not known which %s of the target %s is, because its list could not be read (%s).", noun, quote(from.name), gapText(theirs.gap))
		out.do = "Take the snapshot of the target as an account that may read it."
	default:
		name := from.name
		out.how = "by its name"
		if rule != nil {
			name, out.how = rule.to, "by the rules, "+rule.because(rule.why)
		}
		found := theirs.byName[names.Fold(name)]
		if len(found) == 1 {
			out.to = found[0]
		}
		switch {
		case len(found) == 0:
			out.wait = fmt.Sprintf("The target has no %s %s.", noun, quote(name))
		case len(found) > 1:
			out.wait = fmt.Sprintf("The target has %d objects of the kind %s with the name %s.", len(found), noun, quote(name))
		case rule == nil && len(t.source[scope].byName[names.Fold(name)]) > 1:
			out.wait, out.to = fmt.Sprintf("The source has several objects of the kind %s with the name %s.", noun, quote(name)), nil
		case rule == nil && found[0].query != from.query:
			out.wait = fmt.Sprintf("The %s %s of the target has another query: a right on it is a right on other certificates.", noun, quote(name))
			out.to = nil
		case scope == permissions.ScopeCollection && found[0].query != from.query:
			moves := fmt.Sprintf("now on other certificates: %s (%s) → %s (%s)",
				quote(from.name), queryText(from.query), quote(found[0].name), queryText(found[0].query))
			out.moved, out.how = moves+", "+out.how, out.how+"; rights on it are "+moves
		}
	}
	if out.wait != "" && out.do == "" {
		out.do = fmt.Sprintf("Say which one it is (%s: from and to), or drop it.", key)
	}
	return out
}

func queryText(query string) string {
	if query == "" {
		return "no query"
	}
	return "query " + show.Text(query, maxShown)
}

// text is how a path is written in a desired state: with the name of its object, if that
// name is the only one of its kind.
func (t *translator) text(p permissions.Path) string {
	id, limited := p.Scope()
	if !limited {
		return string(p)
	}
	base := p.Unscoped()
	info, _ := permissions.Known(base)
	part := t.target[info.Scope]
	if part == nil || part.byID[id] == nil {
		return string(p)
	}
	name := part.byID[id].name
	if strings.TrimSpace(name) != name || name == "" || len(part.byName[names.Fold(name)]) > 1 || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, show.Hidden) {
		return string(p)
	}
	return string(base) + "{" + name + "}/"
}

// say says in words what a path of the target allows, with the name of its object.
func (t *translator) say(p permissions.Path) string {
	text := permissions.EffectOf(p)
	if id, limited := p.Scope(); limited {
		info, _ := permissions.Known(p.Unscoped())
		if part := t.target[info.Scope]; part != nil && part.byID[id] != nil {
			text += " (" + quote(part.byID[id].name) + ")"
		}
	}
	return text
}
