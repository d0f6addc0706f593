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
	// Change says what becomes of the right: "kept", "new" for one that lets the role do more than its names, "lost" for one
	// that it no longer has, "withheld" for what a refused name would have been converted to.
	Change string `json:"change"`
	// Works is a call that must work, nil for a right that the role does not have. Refused is a call that must be refused: for
	// such a right the call for it, for any other the call for a right nearby that the role does not hold. If there is no call
	// that does no harm, the request is empty: check by hand.
	Works   *TestCall `json:"works,omitempty"`
	Refused *TestCall `json:"refused,omitempty"`
}

// TestCall is a call of Command's API that does no harm: a GET, or a write to an id that does not exist.
type TestCall struct {
	Request string `json:"request,omitempty"` // "GET /Agents"; empty: check by hand
	// Path is the path that it takes.
	Path Path `json:"path,omitempty"`
	// Source is the page that says so, "assumed" if none was seen.
	Source string `json:"source,omitempty"`

	or []Path // paths that serve as well
}

// expect returns the call with the answer to expect.
func (c TestCall) expect(works bool) string {
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

func (c TestCall) text() string {
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
func call(p Path) (c TestCall, ok bool) {
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
func refusedTo(p Path, set Set) (c TestCall, ok bool) {
	c, ok = call(p)
	for _, q := range slices.Concat([]Path{p}, c.or) {
		ok = ok && !set.Allows(q) && len(set.below(q)) == 0
	}
	return c, ok
}

// nearby returns a call that takes what a set does not grant: for a sibling of p if possible, else for something else in
// its area, else for viewing roles. It is nil if there is none.
func nearby(p Path, set Set) *TestCall {
	base, _ := p.split()
	var best *TestCall
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
// order, then what the role can no longer do, in the words of [Item.Narrows], and what was withheld from it. Each call is
// safe: a GET, or a write to an id that does not exist. A conversion that was read from JSON does not have the losses any more.
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
		check := Check{Path: p, Effect: EffectOf(p), Change: "kept", Works: &TestCall{}, Refused: cmp.Or(nearby(p, c.Set), &TestCall{})}
		if widened.Allows(p) {
			check.Change = "new"
		}
		if works, ok := call(p); ok {
			check.Works = &works
		}
		checks = append(checks, check)
	}
	seen := map[Path]bool{}
	without := func(change string, e Effect) {
		if e.Path != "" && (seen[e.Path] || c.Set.Allows(e.Path)) {
			return
		}
		seen[e.Path] = true
		check := Check{Path: e.Path, Effect: e.sentence(fromNowOn), Change: change, Refused: &TestCall{}}
		if refused, ok := refusedTo(e.Path, c.Set); ok {
			check.Refused = &refused
		}
		checks = append(checks, check)
	}
	for _, item := range c.Items {
		refused := item.Outcome == OutcomeRefused
		for _, e := range item.lost {
			if e.Path != "" || !refused {
				without("lost", e)
			}
		}
		for _, p := range item.Paths {
			if refused {
				without("withheld", Effect{Path: p, Text: EffectOf(p)})
			}
		}
	}
	return checks
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
