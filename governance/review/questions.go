package review

import (
	"cmp"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// Grant is one way in which somebody can do something: a role that they hold, and a
// path of it.
type Grant struct {
	Holder Key    `json:"holder"`
	Role   string `json:"role"`
	// Path is what the role grants: what was asked for, or something that includes it.
	Path permissions.Path `json:"path"`
	// Text says what Path allows, in words, with the names of objects.
	Text string `json:"text"`
	// Part says that Path allows only a part of what was asked for: on one object.
	Part bool `json:"part,omitempty"`
	// Disabled says that the role is disabled. Whether it still grants something to
	// those who hold it is not documented.
	Disabled bool `json:"disabled,omitempty"`

	// Name is the name of version 1 that Path was converted from, and Confidence says
	// how sure that is. Name is empty if the server itself shows the path.
	Name       permissions.Legacy     `json:"name,omitempty"`
	Confidence permissions.Confidence `json:"confidence,omitempty"`
	// Assumed says that the server shows no permissions of the role, as version 1 does
	// of Administrator, and that it is taken to grant everything.
	Assumed bool `json:"assumed,omitempty"`
}

func (r *Review) grant(h int, at int, p permissions.Path, part bool) Grant {
	role := &r.roles[at]
	from := role.right(p)
	return Grant{
		Holder: r.holders[h].key, Role: role.Name, Path: p, Text: r.text(p), Part: part,
		Disabled: role.Enabled != nil && !*role.Enabled,
		Name:     from.name, Confidence: from.confidence, Assumed: role.assumed,
	}
}

// WhoCan says who can do what p grants: by holder, role and path. If p can be limited
// to one object, those who can do it on single objects only are among the grants, with
// [Grant.Part].
func (r *Review) WhoCan(p permissions.Path) []Grant {
	p = p.Canonical()
	out := []Grant{}
	for at := range r.roles {
		role := &r.roles[at]
		whole, parts := role.grants(p)
		for _, h := range role.holders {
			if whole != "" {
				out = append(out, r.grant(h, at, whole, false))
			}
			for _, part := range parts {
				out = append(out, r.grant(h, at, part, true))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Grant) int { return compareKeys(a.Holder, b.Holder) })
	return out
}

// Can says what somebody can do: every right of each of their roles, by role and path.
// It is empty for somebody whom the snapshot does not have, see [Review.Find].
func (r *Review) Can(holder Key) []Grant {
	out := []Grant{}
	h, ok := r.byKey[holder.Fold()]
	if !ok {
		return out
	}
	for _, at := range r.holders[h].roles {
		for _, right := range r.roles[at].rights {
			out = append(out, r.grant(h, at, right.path, false))
		}
	}
	return out
}

// Find returns the holders that a text names, in one of these forms:
//
//	OAuthRole:pki-admins@System    type, value, scheme
//	OAuthRole:pki-admins           type, value
//	OAuthRole pki-admins (System)  as reports write it
//	pki-admins                     value
//	jsmith                         value without its domain
//
// The first form that names somebody counts. Where the server does not distinguish
// upper and lower case, Find does not either.
func (r *Review) Find(text string) []Key {
	var out []Key
	for _, h := range newFinder(r.holders).find(text) {
		out = append(out, r.holders[h].key)
	}
	return out
}

// A finder finds holders by what people call them.
type finder [len(forms{})]map[string][]int

// forms are the texts that name a holder, see [Review.Find].
type forms [5]string

// anyCase stands before forms whose case does not count. No text starts with it.
const anyCase = " "

func formsOf(k Key) forms {
	_, bare := k.Domain()
	short := string(k.Type) + ":" + k.Value
	return forms{short + "@" + k.Scheme, short, k.String(), k.Value, bare.Value}
}

func newFinder(holders []holder) *finder {
	var f finder
	for i := range f {
		f[i] = map[string][]int{}
	}
	for n, h := range holders {
		for i, form := range formsOf(h.key) {
			f[i][form] = append(f[i][form], n)
			if h.key.Type.AD() {
				f[i][anyCase+names.Fold(form)] = append(f[i][anyCase+names.Fold(form)], n)
			}
		}
	}
	return &f
}

// find returns the holders that the first fitting form names, in order.
func (f *finder) find(text string) []int {
	text = strings.TrimSpace(text)
	for _, byForm := range f {
		found := slices.Concat(byForm[text], byForm[anyCase+names.Fold(text)])
		if len(found) > 0 {
			slices.Sort(found)
			return slices.Compact(found)
		}
	}
	return nil
}

// objectNames are the names of what paths name by id.
type objectNames map[permissions.Scope]map[string]string

func namesOf(s *snapshot.Snapshot) objectNames {
	out := objectNames{
		permissions.ScopeCollection: {}, permissions.ScopeContainer: {},
		permissions.ScopePAMProvider: {}, permissions.ScopeIdentityProvider: {},
	}
	for _, c := range s.Collections {
		out[permissions.ScopeCollection][itoa(c.ID)] = c.Name
	}
	for _, c := range s.Containers {
		out[permissions.ScopeContainer][itoa(c.ID)] = c.Name
	}
	for _, p := range s.PAMProviders {
		out[permissions.ScopePAMProvider][itoa(p.ID)] = p.Name
	}
	for _, p := range s.Providers {
		out[permissions.ScopeIdentityProvider][strings.ToLower(p.ID)] = cmp.Or(p.Name, p.Scheme)
	}
	return out
}

// text says in words what a path allows, with the name of its object.
func (r *Review) text(p permissions.Path) string {
	if text, ok := r.words[p]; ok {
		return text
	}
	return r.names.text(p)
}

func (n objectNames) text(p permissions.Path) string {
	text := permissions.EffectOf(p)
	id, scoped := p.Scope()
	info, known := permissions.Known(p)
	if !scoped || !known {
		return text
	}
	name, ok := n[info.Scope][id]
	at := strings.LastIndex(text, id)
	if !ok || at < 0 {
		return text
	}
	return text[:at] + quoted(name) + " (" + id + ")" + text[at+len(id):]
}
