package permissions

import (
	"fmt"
	"slices"
	"strings"
)

// NarrowOptions adjust the way back to version 1.
type NarrowOptions struct {
	// MinConfidence leaves out names that are mapped with less confidence. Guesses about sensitive paths are always left
	// out.
	MinConfidence Confidence
}

// Expression says how well version 1 can express a path.
type Expression string

// The expressions.
const (
	ExpressionExact     Expression = "exact"     // one name stands for it
	ExpressionAmbiguous Expression = "ambiguous" // each of several names stands for it, or for a part of what it allows
	ExpressionNone      Expression = "none"      // no name stands for it without granting more or less
)

// Narrowing is what version 1 can say about a set of paths.
type Narrowing struct {
	// Names are the names of the exact items, sorted. They can be used without a decision by anyone.
	Names []Legacy `json:"names"`
	// Items has one entry for each member of the [Set] of the paths, in its order.
	Items []NarrowItem `json:"items"`
}

// NarrowItem is what version 1 can say about one path.
type NarrowItem struct {
	Path       Path       `json:"path"`
	Expression Expression `json:"expression"`
	// Names are the one name of an exact path, or the candidates for an ambiguous one.
	Names []Legacy `json:"names,omitempty"`
	// Within are the names for what lies below a path without a name of its own. Together they grant less than the path:
	// later versions of Command can add to it, and some paths have no name at all.
	Within []Legacy `json:"within,omitempty"`
	// Reason says why no name stands for the path.
	Reason string `json:"reason,omitempty"`
}

// Narrow finds the version 1 names for version 2 paths. Nil options are the defaults.
//
// It never proposes more than the paths grant: whatever you choose of the names in the result, [Convert] leads to a subset
// of the paths. A name that stands for two paths is proposed only if both are granted. A path that groups others, such
// as "/certificates/", has no name; Within lists what comes nearest.
func Narrow(paths []Path, opts *NarrowOptions) Narrowing {
	if opts == nil {
		opts = &NarrowOptions{}
	}
	set := NewSet(paths...)
	result := Narrowing{Names: []Legacy{}, Items: make([]NarrowItem, 0, set.Len())}
	for p := range set.All() {
		item := NarrowItem{Path: p}
		base, id := p.split()
		missing := "" // why the last name that was left out does not fit
		for _, e := range data().reverse[reverseKey{base, id != ""}] {
			if reason := e.unusable(set, id, opts.MinConfidence); reason != "" {
				missing = reason
				continue
			}
			item.Names = append(item.Names, e.on(id))
		}
		switch len(item.Names) {
		case 1:
			item.Expression = ExpressionExact
			result.Names = append(result.Names, item.Names...)
		case 0:
			item.Expression = ExpressionNone
			item.Within = within(set, p, opts.MinConfidence)
			item.Reason = noName(p, missing, len(item.Within))
		default:
			item.Expression = ExpressionAmbiguous
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
		case e.guessRisk != "":
			return fmt.Sprintf("%s is mapped as a guess only, and the path is sensitive (%s)", e.on(id), e.guessRisk)
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
		return "it groups other permissions, and version 1 has no names for groups"
	case info.Kind == KindParent:
		return "it groups other permissions, none of which has a name in version 1"
	}
	return "version 1 has no such permission"
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
		case ExpressionExact:
			b.WriteString(string(item.Names[0]))
		case ExpressionAmbiguous:
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
