package permissions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Check is what to test on a live server about one right of a converted role, as somebody who holds this role and no other.
type Check struct {
	// Path is the right; empty if version 2 has no path for it.
	Path Path `json:"path,omitempty"`
	// Effect says what the right allows, as a verb phrase.
	Effect string `json:"effect"`
	// Change says what becomes of the right: "kept", "new" for one that lets the role do more than its names, "lost".
	Change string `json:"change"`
	// Works is a call that must work, nil for a lost right. Refused is a call that must be refused: for a lost right the
	// call for it, for any other the call for a right nearby that the role does not hold. If there is no call that does no
	// harm, the request is empty: check by hand.
	Works   *Call `json:"works,omitempty"`
	Refused *Call `json:"refused,omitempty"`
}

// Call is a call of Command's API that does no harm: a GET, or a write to an id that does not exist.
type Call struct {
	Request string `json:"request,omitempty"` // "GET /Agents"; empty: check by hand
	// Path is the path that it takes.
	Path Path `json:"path,omitempty"`
	// Source is the page that says so, "assumed" if none was seen.
	Source string `json:"source,omitempty"`

	or []Path // paths that serve as well
}

// expect returns the call with the answer to expect.
func (c Call) expect(works bool) string {
	switch get := strings.HasPrefix(c.Request, "GET "); {
	case c.Request == "":
		return "check by hand"
	case works && get:
		return c.text() + ": 200"
	case works:
		return c.text() + ": 404 or 400, because there is no such id, not 403"
	}
	return c.text() + ": 403"
}

func (c Call) text() string {
	if c.Source == "assumed" {
		return c.Request + " (assumed to take " + string(c.Path) + ")"
	}
	return c.Request + " (takes " + string(c.Path) + ")"
}

// Ids that no server has.
const (
	missingNumber = "2147483647"
	missingGUID   = "00000000-0000-0000-0000-0000000000ff"
)

// call returns the call for a path, ok is false if there is none.
func call(p Path) (c Call, ok bool) {
	base, id := p.split()
	key := base
	if id != "" {
		key = base + idSegment + "/"
	}
	c, ok = data().calls[key]
	c.Path, c.Request = p, strings.ReplaceAll(c.Request, idSegment, id)
	return c, ok
}

// refusedTo returns the call for a path if somebody who holds a set must be refused it.
func refusedTo(p Path, set Set) (c Call, ok bool) {
	c, ok = call(p)
	for _, q := range slices.Concat([]Path{p}, c.or) {
		ok = ok && !set.Allows(q) && len(set.below(q)) == 0
	}
	return c, ok
}

// nearby returns a call that takes what a set does not grant: for a sibling of p if possible, else for something else in
// its area, else for viewing roles. It is nil if there is none.
func nearby(p Path, set Set) *Call {
	base, _ := p.split()
	var best *Call
	nearest := 0
	for _, info := range data().pathList {
		q := info.Path
		if strings.HasPrefix(string(base), string(q)) {
			continue
		}
		shared := 0 // segments that both begin with
		for i := 0; i < min(len(q), len(base)) && q[i] == base[i]; i++ {
			if q[i] == '/' {
				shared++
			}
		}
		if c, ok := refusedTo(q, set); ok && shared > max(nearest, 1) {
			best, nearest = &c, shared
		}
	}
	if c, ok := refusedTo("/security/read/", set); best == nil && ok && base != c.Path {
		return &c
	}
	return best
}

// Checks returns what to test on a live server before the converted role is relied on: each permission of the set, in its
// order, then what the role can no longer do. Each call is safe: a GET, or a write to an id that does not exist.
func (c Conversion) Checks() []Check {
	checks := []Check{}
	var gained []Path
	for _, item := range c.Items {
		if item.Outcome == OutcomeConverted && item.Widens != "" {
			gained = append(gained, item.Paths...)
		}
	}
	widened := NewSet(gained...)
	for p := range c.Set.All() {
		check := Check{Path: p, Effect: EffectOf(p), Change: "kept", Works: &Call{}, Refused: cmp.Or(nearby(p, c.Set), &Call{})}
		if widened.Allows(p) {
			check.Change = "new"
		}
		if works, ok := call(p); ok {
			check.Works = &works
		}
		checks = append(checks, check)
	}
	seen := map[Path]bool{}
	for _, item := range c.Items {
		lost := false
		for _, p := range slices.Concat(item.Paths, item.mapped()) {
			if seen[p] || c.Set.Allows(p) {
				continue
			}
			seen[p], lost = true, true
			check := Check{Path: p, Effect: EffectOf(p), Change: "lost", Refused: &Call{}}
			if refused, ok := refusedTo(p, c.Set); ok {
				check.Refused = &refused
			}
			checks = append(checks, check)
		}
		if item.Narrows != "" && item.Outcome != OutcomeRefused && !lost {
			checks = append(checks, Check{Effect: item.Narrows, Change: "lost", Refused: &Call{}})
		}
	}
	return checks
}

// mapped returns the paths that the mapping has for the name.
func (item Item) mapped() []Path {
	var paths []Path
	for _, m := range item.Mappings {
		if m.Path != "" {
			paths = append(paths, m.Path)
		}
	}
	return paths
}

// FormatChecks returns checks as text for a person. It is empty if there are none.
func FormatChecks(checks []Check) string {
	if len(checks) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "To test on a live server, as somebody who holds this role and no other. First make sure that nothing has the id %s or %s.\n", missingNumber, missingGUID)
	for _, c := range checks {
		b.WriteString("  " + c.Change + ": ")
		if c.Path != "" {
			b.WriteString(shown(c.Path) + ", ")
		}
		b.WriteString(c.Effect + "\n")
		if c.Works != nil {
			b.WriteString("    must work:       " + c.Works.expect(true) + "\n")
		}
		if c.Refused != nil {
			b.WriteString("    must be refused: " + c.Refused.expect(false) + "\n")
		}
	}
	return b.String()
}
