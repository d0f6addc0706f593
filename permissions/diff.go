package permissions

import (
	"fmt"
	"slices"
	"strings"
)

// Difference is what a change of permissions means to the holders of a role.
type Difference struct {
	Added   []Effect `json:"added"`   // what they can do from now on
	Removed []Effect `json:"removed"` // what they can no longer do
}

// Effect is something that holders of a role can do.
type Effect struct {
	Path Path `json:"path"`
	// Text says what, as a verb phrase: "revoke certificates in collection 6".
	Text string `json:"text"`
	// Apart lists the paths below Path that are held before and after the change. The effect is only what goes beyond them.
	Apart []Path `json:"apart,omitempty"`
	// Rest marks what is left of a group whose known permissions are listed one by one: permissions that are not known
	// here, and those of later versions of Command.
	Rest bool `json:"rest,omitempty"`
}

// Diff says what changes in effect if a role that holds s holds to instead. It does not list what both sets allow: if a
// permission for collection 6 is replaced by the same permission for all collections, that is an addition only. A group
// that stays in part is listed as the permissions that are known to be in it.
func (s Set) Diff(to Set) Difference {
	return Difference{Added: gains(s, to), Removed: gains(to, s)}
}

// Empty reports whether nothing changes.
func (d Difference) Empty() bool { return len(d.Added) == 0 && len(d.Removed) == 0 }

// String returns one line for each effect, "+ revoke certificates in collection 6", additions first. It is empty if
// nothing changes.
func (d Difference) String() string {
	var b strings.Builder
	write := func(sign, apart string, effects []Effect) {
		for _, e := range effects {
			b.WriteString(sign + e.sentence(apart) + "\n")
		}
	}
	write("+ ", "so far only: ", d.Added)
	write("- ", fromNowOn, d.Removed)
	return b.String()
}

const fromNowOn = "from now on only: "

// sentence returns the effect with what is held before and after the change, which apart introduces.
func (e Effect) sentence(apart string) string {
	if len(e.Apart) == 0 {
		return e.Text
	}
	return e.Text + " (" + apart + effectsOf(e.Apart) + ")"
}

// effectsOf says what a holder of paths can do, for the first few of them.
func effectsOf(paths []Path) string {
	const most = 20
	texts := make([]string, 0, most+1)
	for i, p := range paths {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(paths)-most))
			break
		}
		texts = append(texts, EffectOf(p))
	}
	return strings.Join(texts, "; ")
}

// EffectOf says what a holder of p can do, as a verb phrase: "revoke certificates in collection 6". For an unknown path it
// says that the path is not known here.
func EffectOf(p Path) string {
	info := data().path(p)
	if info == nil {
		return "do what " + shown(p) + " grants, which is not known here"
	}
	id, scoped := p.Scope()
	switch noun := info.Scope.noun(); {
	case info.Scope == ScopeGlobal:
		return info.Effect
	case info.Scope == ScopeCollection || info.Scope == ScopeContainer:
		if scoped {
			return info.Effect + " in " + noun + " " + id
		}
		return info.Effect + ", whatever their " + noun
	case scoped:
		return info.Effect + " (" + noun + " " + id + " only)"
	}
	return info.Effect
}

// gains lists what get allows and have does not.
func gains(have, get Set) []Effect {
	out := []Effect{}
	for p := range get.All() {
		out = appendGains(out, have, p)
	}
	return out
}

// appendGains appends what p allows and have does not.
func appendGains(out []Effect, have Set, p Path) []Effect {
	if have.Allows(p) {
		return out
	}
	apart := slices.Clone(have.below(p))
	step(len(apart))
	info := data().path(p)
	if len(apart) == 0 || info == nil || info.Kind != KindParent {
		return append(out, Effect{Path: p, Text: EffectOf(p), Apart: apart})
	}
	// A part of the group stays: list its known members one by one, and what they leave over.
	var members []Path
	for _, below := range data().pathList {
		if below.Path != p && p.Covers(below.Path) {
			members = append(members, below.Path)
		}
	}
	known := NewSet(members...) // only the outermost: each of them may be a group again
	for q := range known.All() {
		out = appendGains(out, have, q)
	}
	var others []Path
	for _, q := range apart {
		if !known.Allows(q) {
			others = append(others, q)
		}
	}
	return append(out, Effect{Path: p, Text: "anything else under " + string(p) + ", now or in later versions of Command", Apart: others, Rest: true})
}
