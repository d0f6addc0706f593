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
	CodeMalformed   Code = "malformed"         // error: the value is not a path and cannot be turned into one
	CodeForm        Code = "form"              // error: case, slashes or space are wrong; the canonical form replaces it
	CodeRedundant   Code = "redundant"         // error: another path covers it; it is removed
	CodeMisspelled  Code = "misspelled"        // error: unknown, but close to a known path, which replaces it; other findings are about the known path
	CodeUnknown     Code = "unknown"           // warning: not in the catalogue; the text names the nearest path if there is one
	CodeOutside     Code = "outside-set"       // error: outside the permission set
	CodeCompanion   Code = "missing-companion" // warning: of little use without another path, which is added if the permission set has it; info if it matters for part of the work only
	CodePortal      Code = "no-portal"         // info: the role cannot sign in to the portal
	CodeRisky       Code = "risky"             // warning: deserves a second look
	CodeDeprecated  Code = "deprecated"        // info: missing in later versions of Command
	CodeUnconfirmed Code = "unconfirmed"       // info: the spelling is formed after a sibling and not seen in print
)

// Finding is something that is or may be wrong with a role's paths.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Path is the path as it is written in the input; empty if the finding is about all of them.
	Path Path `json:"path,omitempty"`
	// Text says what is wrong, in a sentence.
	Text string `json:"text"`
	// Remove and Add are the fix: Path is removed, others are added. Both are empty if a person has to decide.
	Remove bool   `json:"remove,omitempty"`
	Add    []Path `json:"add,omitempty"`
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
	// PermissionSet is what the role's permission set grants. Lint reports paths outside it, and suggests none. Nil means
	// that there is no limit.
	PermissionSet *Set
}

// Lint checks the paths of a role before they are sent. The findings come in the order of the paths, for one path the
// worst first. What is about the role as a whole comes last. Nil options are the defaults.
func Lint(paths []Path, opts *LintOptions) []Finding {
	if opts == nil {
		opts = &LintOptions{}
	}
	l := linter{set: NewSet(paths...), inside: opts.PermissionSet, seen: map[Path]bool{}}
	meant := make([]Path, len(paths))
	for i, p := range paths {
		meant[i], _ = intended(p)
	}
	l.meant = NewSet(meant...)
	for _, p := range paths {
		first := len(l.found)
		l.path(p)
		slices.SortStableFunc(l.found[first:], func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
	}
	if len(paths) > 0 && !l.meant.Allows("/portal/read/") {
		l.add(CodePortal, SeverityInfo, "", "the role alone cannot sign in to the Management Portal; add /portal/read/ unless the role is for programs")
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
	meant, misspelled := intended(c)
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
	l.companions(p, meant, l.meant)
	if d := info.Deprecated(); d != "" {
		l.add(CodeDeprecated, SeverityInfo, p, "%s", d)
	}
	if info.Inferred() {
		l.add(CodeUnconfirmed, SeverityInfo, p, "the spelling is formed after a sibling and not seen in print; check it against the server's own list")
	}
}

// intended returns the known path that p is a misspelling of, or p itself if it is none.
func intended(p Path) (meant Path, misspelled bool) {
	c, ok := p.canonical()
	base, id := c.split()
	if !ok || data().path(c) != nil || id != "" && data().paths[base] != nil {
		return c, false // spelled correctly, perhaps with an id that it does not take
	}
	if near, sure := nearestPath(c); sure {
		return near, true
	}
	return c, false
}

func (l *linter) outside(p, c Path) {
	part := NewSet(c).Intersect(*l.inside)
	if part.Len() == 0 {
		l.add(CodeOutside, SeverityError, p, "is outside the role's permission set")
		return
	}
	l.add(CodeOutside, SeverityError, p, "goes beyond the role's permission set, which has %s of it", join(part.Paths()))
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
	if near, _ := nearestPath(c); near != "" {
		l.add(CodeUnknown, SeverityWarning, p, "is not known here; did you mean %s?", near)
		return
	}
	l.add(CodeUnknown, SeverityWarning, p, "is not known here; later versions of Command can have it")
}

func (l *linter) misspelled(p, near Path, info *PathInfo) {
	text := "is not known here; " + string(near) + " is"
	if info.Note != "" {
		text += ". " + strings.TrimSuffix(info.Note, ".")
	}
	f := l.add(CodeMisspelled, SeverityError, p, "%s", text)
	f.Remove, f.Add = true, []Path{near}
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

// companions reports what c is of little use without and is not in held, and what that needs in turn. It returns held with
// the additions that the findings suggest.
func (l *linter) companions(p, c Path, held Set) Set {
	base, id := c.split()
	for _, k := range data().companions[base] {
		if k.when == "portal" && !held.Allows("/portal/read/") {
			continue
		}
		needs, maybe := k.needs, k.when == "maybe"
		if id != "" && data().paths[needs].Scope == data().paths[base].Scope {
			needs = scoped(needs, id)
		}
		if held.Allows(needs) || holdsPartOf(held, needs, maybe) || maybe && !l.meant.Allows(c) {
			continue // held, or of possible use to something that is not held itself
		}
		why := strings.TrimSuffix(k.why, ".")
		switch {
		case maybe:
			l.add(CodeCompanion, SeverityInfo, p, "may need %s as well. %s", needs, why)
		case l.inside != nil && !l.inside.Allows(needs):
			l.add(CodeCompanion, SeverityWarning, p, "needs %s as well, which is outside the role's permission set. %s", needs, why)
		default:
			l.add(CodeCompanion, SeverityWarning, p, "needs %s as well. %s", needs, why).Add = []Path{needs}
			held = l.companions(p, needs, held.Add(needs))
		}
	}
	return held
}

// holdsPartOf reports whether held has a narrower permission below p. Those that limit p to a single object count only if
// single is true.
func holdsPartOf(held Set, p Path, single bool) bool {
	for q := range held.All() {
		if p.Covers(q) && (single || q.Unscoped() != p) {
			return true
		}
	}
	return false
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
// A fix can widen the role, for example by a missing companion: pass only the findings that you want to fix.
func Fix(paths []Path, findings []Finding) []Path {
	out := slices.Clone(paths)
	var added []Path
	for _, f := range findings {
		add := f.Add
		if f.Remove {
			// A redundant path may be a later copy of one that stays, so the last one goes.
			for i, p := range slices.Backward(out) {
				if p == f.Path {
					out = slices.Replace(out, i, i+1, add...)
					add = nil
					break
				}
			}
		}
		out = append(out, add...)
		added = append(added, f.Add...)
	}
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
