package permissions

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says how bad a finding is. Severities are ordered: SeverityInfo < SeverityWarning < SeverityError.
type Severity int

// The severities.
const (
	SeverityInfo    Severity = iota // worth knowing
	SeverityWarning                 // works, but perhaps not as intended
	SeverityError                   // Command refuses it, or it grants nothing
)

var severities = []string{SeverityInfo: "info", SeverityWarning: "warning", SeverityError: "error"}

// String returns "info", "warning" or "error".
func (s Severity) String() string { return enumText(s, severities, "Severity") }

// MarshalText writes what String returns.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String returns.
func (s *Severity) UnmarshalText(text []byte) error {
	return setEnum(s, text, severities, "severity")
}

// Code names a kind of finding. Codes are stable.
type Code string

// The kinds of findings, with their severity and their fix.
const (
	CodeMalformed       Code = "malformed"         // error: the value is not a path and cannot be turned into one
	CodeForm            Code = "form"              // error: case, slashes or space are wrong; the canonical form replaces it
	CodeRedundant       Code = "redundant"         // error: another path covers it; it is removed
	CodeMisspelled      Code = "misspelled"        // error: unknown, but close to a known path, which is suggested instead; other findings are about the known path
	CodeUnknown         Code = "unknown"           // warning: not in the catalogue; the text names the nearest path if there is one
	CodeOutside         Code = "outside-set"       // error: outside the permission set
	CodeCompanion       Code = "missing-companion" // warning: a call also needs another path, which is suggested if the permission set has it; info if only a part of the work needs it
	CodePortalCompanion Code = "portal-companion"  // warning: the portal, but not the API, also needs another path, which is suggested if the permission set has it
	CodeNoPortal        Code = "no-portal"         // info: the role cannot sign in to the portal
	CodeRisky           Code = "risky"             // warning: deserves a second look
	CodeDeprecated      Code = "deprecated"        // info: missing in later versions of Command
	CodeUnconfirmed     Code = "unconfirmed"       // info: the spelling is formed after a sibling and not seen in print
)

// Finding is something that is or may be wrong with a role's paths.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Path is the path as it is written in the input; empty if the finding is about all of them.
	Path Path `json:"path,omitempty"`
	// Text says what is wrong, in a sentence.
	Text string `json:"text"`
	// Remove and Add are the fix: Path is removed, others are added. It changes nothing that the role can do. Both are empty
	// if a person has to decide.
	Remove bool   `json:"remove,omitempty"`
	Add    []Path `json:"add,omitempty"`
	// Suggest are paths that would help, but let the role do more. [Finding.Accept] makes them the fix.
	Suggest []Path `json:"suggest,omitempty"`
}

// Accept returns the finding with its suggestion as its fix: the suggested paths are added, and replace a misspelled one.
// A finding without a suggestion stays as it is.
func (f Finding) Accept() Finding {
	if len(f.Suggest) > 0 {
		f.Remove, f.Add, f.Suggest = f.Code == CodeMisspelled, f.Suggest, nil
	}
	return f
}

// String returns the finding on one line.
func (f Finding) String() string {
	s := f.Severity.String() + " " + string(f.Code)
	if f.Path != "" {
		s += " " + shown(f.Path)
	}
	return s + ": " + f.Text
}

// LintOptions adjust Lint.
type LintOptions struct {
	// PermissionSet is what the role's permission set grants. Lint reports paths outside it, and suggests none as companions.
	// Nil means that there is no limit.
	PermissionSet *Set
}

// Lint checks the paths of a role before they are sent. The findings come in the order of the paths, for one path the
// worst first. What is about the role as a whole comes last. Nil options are the defaults.
func Lint(paths []Path, opts *LintOptions) []Finding {
	if opts == nil {
		opts = &LintOptions{}
	}
	l := linter{
		set: NewSet(paths...), inside: opts.PermissionSet, seen: map[Path]bool{}, guesses: map[Path]guess{}, partly: map[partQuestion]bool{},
	}
	meant := make([]Path, len(paths))
	for i, p := range paths {
		meant[i], _ = l.intended(p)
	}
	l.meant = NewSet(meant...)
	for _, p := range paths {
		first := len(l.found)
		l.path(p)
		slices.SortStableFunc(l.found[first:], func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
	}
	if len(paths) > 0 && !l.meant.Allows("/portal/read/") {
		l.add(CodeNoPortal, SeverityInfo, "", "the role alone cannot sign in to the Management Portal; add /portal/read/ unless the role is for programs")
	}
	return l.found
}

// linter collects findings about one role.
type linter struct {
	set    Set // of the paths as they are
	meant  Set // of the paths with their spelling corrected
	inside *Set
	seen   map[Path]bool
	found  []Finding

	guesses map[Path]guess        // see nearest
	partly  map[partQuestion]bool // see holdsPartOf
}

// guess is the known path that an unknown one probably stands for; see nearestPath.
type guess struct {
	near Path
	sure bool
}

// nearest searches for the known path that an unknown one probably stands for. It does so for the first ones only, so that
// many unknown ones do not take long.
func (l *linter) nearest(c Path) guess {
	g, ok := l.guesses[c]
	if !ok && len(l.guesses) < mostSearches {
		g.near, g.sure = nearestPath(c)
		l.guesses[c] = g
	}
	return g
}

func (l *linter) add(code Code, severity Severity, p Path, text string, args ...any) *Finding {
	l.found = append(l.found, Finding{Code: code, Severity: severity, Path: p, Text: fmt.Sprintf(text, args...)})
	return &l.found[len(l.found)-1]
}

func (l *linter) path(p Path) {
	c, problem := canonicalPath(string(p))
	if problem != "" {
		l.add(CodeMalformed, SeverityError, p, "%s", problem)
		if l.seen[p] {
			l.add(CodeRedundant, SeverityError, p, "is listed already").Remove = true
		}
		l.seen[p] = true
		return
	}
	again := l.seen[c]
	l.seen[c] = true
	switch why, _ := l.set.Why(c); {
	case why != c:
		l.add(CodeRedundant, SeverityError, p, "%s covers it; Command refuses redundant permissions", why).Remove = true
		return
	case again:
		l.add(CodeRedundant, SeverityError, p, "is listed already").Remove = true
		return
	}
	// A misspelled path is checked as what it is going to be.
	meant, misspelled := l.intended(c)
	info := data().path(meant)
	switch {
	case misspelled:
		l.misspelled(p, meant, info)
	case p != c:
		f := l.add(CodeForm, SeverityError, p, "is not in canonical form; write %s", c)
		f.Remove, f.Add = true, []Path{c}
	}
	if l.inside != nil && !l.inside.Allows(meant) {
		l.outside(p, meant)
	}
	if info == nil {
		l.unknown(p, c)
		return
	}
	l.risk(p, meant, info)
	l.companions(p, meant, nil)
	if d := info.Deprecated(); d != "" {
		l.add(CodeDeprecated, SeverityInfo, p, "%s", d)
	}
	if info.Inferred() {
		l.add(CodeUnconfirmed, SeverityInfo, p, "the spelling is formed after a sibling and not seen in print; check it against the server's own list")
	}
}

// intended returns the known path that p is a misspelling of, or p itself if it is none.
func (l *linter) intended(p Path) (meant Path, misspelled bool) {
	c, ok := p.canonical()
	base, id := c.split()
	if !ok || data().path(c) != nil || id != "" && data().paths[base] != nil {
		return c, false // spelled correctly, perhaps with an id that it does not take
	}
	if g := l.nearest(c); g.sure {
		return g.near, true
	}
	return c, false
}

func (l *linter) outside(p, c Path) {
	part := l.inside.below(c)
	if len(part) == 0 {
		l.add(CodeOutside, SeverityError, p, "is outside the role's permission set")
		return
	}
	l.add(CodeOutside, SeverityError, p, "goes beyond the role's permission set, which has %s of it", few(part))
}

func (l *linter) unknown(p, c Path) {
	if base, id := c.split(); id != "" && data().paths[base] != nil {
		info := data().paths[base]
		if info.Scope == ScopeGlobal {
			l.add(CodeUnknown, SeverityWarning, p, "%s takes no id, as far as known", base)
			return
		}
		l.add(CodeUnknown, SeverityWarning, p, "%s takes the id of %s %s, which is %s", base, article(info.Scope), info.Scope.noun(), info.Scope.idKind())
		return
	}
	if g := l.nearest(c); g.near != "" {
		l.add(CodeUnknown, SeverityWarning, p, "is not known here; did you mean %s?", g.near)
		return
	}
	l.add(CodeUnknown, SeverityWarning, p, "is not known here; later versions of Command can have it")
}

func (l *linter) misspelled(p, near Path, info *PathInfo) {
	text := "is not known here; " + string(near) + " is"
	if info.Note != "" {
		text += ". " + strings.TrimSuffix(info.Note, ".")
	}
	l.add(CodeMisspelled, SeverityError, p, "%s", text).Suggest = []Path{near}
}

// risk reports a risky path, and one that covers risky ones.
func (l *linter) risk(p, c Path, info *PathInfo) {
	if info.Risk != "" {
		text := info.Risk
		if info.Note != "" {
			text += ". " + strings.TrimSuffix(info.Note, ".")
		}
		l.add(CodeRisky, SeverityWarning, p, "%s", text)
		return
	}
	if info.Kind == KindLeaf {
		return
	}
	var covered []string
	for _, below := range data().pathList {
		if below.Risk != "" && c.Covers(below.Path) {
			covered = append(covered, fmt.Sprintf("%s (%s)", below.Path, below.Risk))
		}
	}
	if len(covered) > 0 {
		l.add(CodeRisky, SeverityWarning, p, "includes %s", strings.Join(covered, ", "))
	}
}

// companions reports what c is of little use without and the role does not hold, and what that needs in turn. added is what
// the findings about p suggest so far; the result has the further suggestions as well.
func (l *linter) companions(p, c Path, added []Path) []Path {
	holds := func(q Path) bool {
		return l.meant.Allows(q) || slices.ContainsFunc(added, func(a Path) bool { return a.Covers(q) })
	}
	base, id := c.split()
	for _, k := range data().companions[base] {
		if k.when == whenPortal && !holds("/portal/read/") {
			continue
		}
		needs, part := k.needs, k.when == whenPart
		if id != "" && data().paths[needs].Scope == data().paths[base].Scope {
			needs = scoped(needs, id)
		}
		if holds(needs) || l.holdsPartOf(needs, part, added) || part && !l.meant.Allows(c) {
			continue // held, or of possible use to something that is not held itself
		}
		why := strings.TrimSuffix(k.why, ".")
		code, text := CodeCompanion, "needs %s as well"
		if k.when == whenPortal {
			code, text = CodePortalCompanion, "needs %s as well in the portal"
		}
		switch {
		case part:
			l.add(CodeCompanion, SeverityInfo, p, "may need %s as well. %s", needs, why)
		case l.inside != nil && !l.inside.Allows(needs):
			l.add(code, SeverityWarning, p, text+", which is outside the role's permission set. %s", needs, why)
		default:
			l.add(code, SeverityWarning, p, text+". %s", needs, why).Suggest = []Path{needs}
			added = l.companions(p, needs, append(added, needs))
		}
	}
	return added
}

// partQuestion is what holdsPartOf is asked.
type partQuestion struct {
	path   Path
	single bool
}

// holdsPartOf reports whether the role or what is added has a narrower permission below p. Those that limit p to a single
// object count only if single is true.
func (l *linter) holdsPartOf(p Path, single bool, added []Path) bool {
	narrower := func(q Path) bool { step(1); return single || q.Unscoped() != p }
	question := partQuestion{p, single}
	part, asked := l.partly[question]
	if !asked {
		part = slices.ContainsFunc(l.meant.below(p), narrower)
		l.partly[question] = part
	}
	return part || slices.ContainsFunc(added, func(q Path) bool { return p.Covers(q) && narrower(q) })
}

func article(s Scope) string {
	if s == ScopeIdentityProvider {
		return "an"
	}
	return "a"
}

// Fix applies the fixes of findings to the paths that were linted and returns the result. What replaces a path takes its
// place; other additions come last. Findings without a fix change nothing, and no fix adds a redundant path.
//
// Fix never lets the role do more, unless a finding was accepted (see [Finding.Accept]).
func Fix(paths []Path, findings []Finding) []Path {
	at := make(map[Path][]int, len(paths)) // where each path stands that is still there
	for i, p := range paths {
		at[p] = append(at[p], i)
	}
	replaced := map[int][]Path{} // what stands in the place of paths that are removed
	var added, last []Path
	for _, f := range findings {
		step(1)
		added = append(added, f.Add...)
		places := at[f.Path]
		if !f.Remove || len(places) == 0 {
			last = append(last, f.Add...)
			continue
		}
		// A redundant path may be a later copy of one that stays, so the last one goes.
		at[f.Path] = places[:len(places)-1]
		replaced[places[len(places)-1]] = f.Add
	}
	out := make([]Path, 0, len(paths)+len(last))
	for i, p := range paths {
		if instead, ok := replaced[i]; ok {
			out = append(out, instead...)
		} else {
			out = append(out, p)
		}
	}
	out = append(out, last...)
	// Drop what has become redundant: additions, and what additions cover.
	additions, set := NewSet(added...), NewSet(out...)
	seen := make(map[Path]bool, len(out))
	return slices.DeleteFunc(out, func(p Path) bool {
		c, _ := p.canonical()
		why, _ := set.Why(c)
		redundant := why != c || seen[c]
		seen[c] = true
		return redundant && additions.Allows(c)
	})
}
