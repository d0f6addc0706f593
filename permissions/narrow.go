package permissions

import (
	"fmt"
	"slices"
	"strings"
)

// NarrowOptions adjust the way back to version one.
type NarrowOptions struct {
	// MinConfidence leaves out names that are mapped with less confidence.
	MinConfidence Confidence
}

// Expression says how well version one can express a path.
type Expression string

// The expressions.
const (
	Exact     Expression = "exact"     // one name stands for it
	Ambiguous Expression = "ambiguous" // each of several names stands for it, or for a part of what it allows
	NoName    Expression = "none"      // no name stands for it without granting more or less
)

// Narrowing is what version one can say about a set of paths.
type Narrowing struct {
	// Names express the exact items, sorted: what can be used without a decision by anyone.
	Names []Legacy `json:"names"`
	// Items has one entry for each member of the set that the paths make, in its order.
	Items []NarrowItem `json:"items"`
}

// NarrowItem is what version one can say about one path.
type NarrowItem struct {
	Path       Path       `json:"path"`
	Expression Expression `json:"expression"`
	// Names are the one name of an exact path, or the candidates for an ambiguous one.
	Names []Legacy `json:"names,omitempty"`
	// Within are, for a path without a name of its own, the names for what lies below it. Together they grant less than the
	// path, since later versions of Command may add to it and some paths have no name at all.
	Within []Legacy `json:"within,omitempty"`
	// Reason says why no name stands for the path.
	Reason string `json:"reason,omitempty"`
}

// Narrow finds the version one names for version two paths. Nil options are the defaults.
//
// It never proposes more than the paths grant: [Convert] of any choice of the names in the result, Within included, is
// covered by the set of paths. So a name that stands for two paths is proposed only if both are granted, and a path
// that groups others, such as "/certificates/", has no name, whatever is below it; Within lists what comes nearest.
func Narrow(paths []Path, opts *NarrowOptions) Narrowing {
	if opts == nil {
		opts = &NarrowOptions{}
	}
	set := NewSet(paths...)
	result := Narrowing{Names: []Legacy{}, Items: make([]NarrowItem, 0, set.Len())}
	for p := range set.All() {
		item := NarrowItem{Path: p}
		base, id := p.split()
		missing := "" // why the last name that was left out does not do
		for _, e := range data().reverse[reverseKey{base, id != ""}] {
			if reason := e.unusable(set, id, opts.MinConfidence); reason != "" {
				missing = reason
				continue
			}
			item.Names = append(item.Names, e.on(id))
		}
		switch len(item.Names) {
		case 1:
			item.Expression = Exact
			result.Names = append(result.Names, item.Names...)
		case 0:
			item.Expression = NoName
			item.Within = within(set, p, opts.MinConfidence)
			item.Reason = noName(p, missing, len(item.Within))
		default:
			item.Expression = Ambiguous
		}
		result.Items = append(result.Items, item)
	}
	slices.SortFunc(result.Names, func(a, b Legacy) int { return keyOf(a).compare(keyOf(b)) })
	result.Names = slices.Compact(result.Names)
	return result
}

// unusable says why the name must not stand for paths of the set; empty if it may.
func (e *legacyEntry) unusable(set Set, id string, least Confidence) string {
	for i, m := range e.Mappings {
		p := scoped(e.bases[i], id) // a name with a path has one in each row
		switch {
		case m.Confidence < least:
			return fmt.Sprintf("%s is mapped as %s only", e.on(id), m.Confidence)
		case !set.Allows(p):
			return fmt.Sprintf("%s would also grant %s", e.on(id), p)
		}
	}
	return ""
}

// within returns the names that hold everywhere and grant something below p and nothing outside set.
func within(set Set, p Path, least Confidence) []Legacy {
	var out []Legacy
	for _, e := range data().nameList {
		below := func(base Path) bool { return base != p && p.Covers(base) }
		if !e.object && slices.ContainsFunc(e.bases, below) && e.unusable(set, "", least) == "" {
			out = append(out, e.Name)
		}
	}
	return out
}

// noName says why a path has no name.
func noName(p Path, missing string, within int) string {
	switch info, known := Known(p); {
	case missing != "":
		return missing
	case !known:
		return "the path is not known here"
	case within > 0:
		return "it groups other permissions, and version one has no names for groups"
	case info.Kind == KindParent:
		return "it groups other permissions, none of which has a name in version one"
	}
	return "version one has no such permission"
}

// String returns the result as a table.
func (n Narrowing) String() string {
	width := 0
	for _, item := range n.Items {
		width = max(width, len(shown(item.Path)))
	}
	var b strings.Builder
	for _, item := range n.Items {
		fmt.Fprintf(&b, "%-*s  ", width, shown(item.Path))
		switch item.Expression {
		case Exact:
			b.WriteString(string(item.Names[0]))
		case Ambiguous:
			b.WriteString("one of " + join(item.Names))
		default:
			b.WriteString("no name: " + item.Reason)
			if len(item.Within) > 0 {
				fmt.Fprintf(&b, "\n%*s  below it: %s", width, "", join(item.Within))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// shown returns a path as it is shown to people, on one line: quoted if it is malformed or has space around it.
func shown(p Path) string {
	if _, ok := p.canonical(); !ok || strings.TrimSpace(string(p)) != string(p) {
		return quote(string(p))
	}
	return string(p)
}

// join lists names or paths with commas.
func join[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}
