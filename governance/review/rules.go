package review

import (
	"io"
	"regexp"
	"slices"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/yamlfile"
	"github.com/commandsec/commandsec-go/permissions"
)

// What a file of rules may hold.
const (
	maxRules = 100
	maxSides = 8
	maxPaths = 200 // of one side
)

// Rules are duty rules from a file.
type Rules struct{ rules []Rule }

func (r *Rules) list() []Rule {
	if r == nil {
		return nil
	}
	return r.rules
}

// BuiltIn returns the duty rules that every review has.
func BuiltIn() []Rule {
	out := slices.Clone(builtIn())
	for i := range out {
		out[i].Sides = slices.Clone(out[i].Sides)
		for k := range out[i].Sides {
			out[i].Sides[k].Paths = slices.Clone(out[i].Sides[k].Paths)
		}
	}
	return out
}

var ruleName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// ParseRules reads duty rules from YAML:
//
//	rules:
//	  - name: revoke-audit
//	    title: Can revoke certificates and read the audit log
//	    why: Whoever revokes should not be the one who looks for revocations.
//	    do: Take the audit log away from operators.   # may be left out
//	    severity: medium                              # critical, high, medium, low; medium if left out
//	    sides:                                        # 1 to 8
//	      - name: revoking                            # may be left out
//	        paths: [/certificates/collections/revoke/]
//	      - paths: [/auditing/read/]
//
// Everything that is wrong is one error, with lines and columns. A path that looks
// misspelled is wrong, one that is not known is not: later versions of Command have
// others.
func ParseRules(from io.Reader) (*Rules, error) {
	const what = "duty rules"
	var f yamlFile
	lists, err := f.read(from, what, "rules")
	if err != nil {
		return nil, err
	}
	var out Rules
	taken := map[string]bool{}
	for _, rule := range builtIn() {
		taken[rule.Name] = true
	}
	for i, n := range lists["rules"] {
		if i == maxRules {
			f.Add(n, "there are more than %d rules", maxRules)
			break
		}
		out.rules = append(out.rules, f.rule(n, taken))
	}
	if err := f.Err(what); err != nil {
		return nil, err
	}
	return &out, nil
}

var severities = []report.Severity{report.Critical, report.High, report.Medium, report.Low}

func (f *yamlFile) rule(n *yamlfile.Node, taken map[string]bool) Rule {
	m := f.Members(n, "a rule", []string{"name", "title", "why", "do", "severity", "sides"})
	rule := Rule{
		Name: f.Text(m["name"], "name"), Title: f.Text(m["title"], "title"),
		Why: f.Text(m["why"], "why"), Do: f.Text(m["do"], "do"),
		Severity: report.Medium,
	}
	if m == nil {
		return rule
	}
	for _, needed := range []string{"name", "title", "why", "sides"} {
		if m[needed] == nil {
			f.Add(n, "the rule has no %s", needed)
		}
	}
	switch {
	case rule.Name == "":
	case !ruleName.MatchString(rule.Name) || len(rule.Name) > 40:
		f.Add(m["name"], "name is %s; write at most 40 small letters, digits and single hyphens", quoted(rule.Name))
	case taken[rule.Name]:
		f.Add(m["name"], "there is another rule %s", quoted(rule.Name))
	}
	taken[rule.Name] = true
	if s := f.Text(m["severity"], "severity"); s != "" {
		rule.Severity = report.Severity(s)
		if !slices.Contains(severities, rule.Severity) {
			f.Add(m["severity"], "severity is %s; write critical, high, medium or low", quoted(s))
		}
	}
	sides := f.List(m["sides"], "sides")
	if yamlfile.IsList(m["sides"]) && (len(sides) == 0 || len(sides) > maxSides) {
		f.Add(m["sides"], "a rule has 1 to %d sides, this one %d", maxSides, len(sides))
		return rule
	}
	for _, side := range sides {
		rule.Sides = append(rule.Sides, f.side(side))
	}
	return rule
}

func (f *yamlFile) side(n *yamlfile.Node) Side {
	m := f.Members(n, "a side", []string{"name", "paths"})
	side := Side{Name: f.Text(m["name"], "name")}
	paths := f.List(m["paths"], "paths")
	if m != nil && m["paths"] == nil || yamlfile.IsList(m["paths"]) && len(paths) == 0 {
		f.Add(n, "the side has no paths")
	}
	if len(paths) > maxPaths {
		f.Add(m["paths"], "a side has at most %d paths, this one %d", maxPaths, len(paths))
		return side
	}
	for _, n := range paths {
		text := f.Text(n, "a path")
		if text == "" {
			continue
		}
		p, err := permissions.ParsePath(text)
		if err != nil {
			f.Add(n, "%v", err)
			continue
		}
		for _, finding := range permissions.Lint([]permissions.Path{p}, nil) {
			if finding.Code == permissions.CodeMisspelled {
				f.Add(n, "%s %s", p, finding.Text)
			}
		}
		side.Paths = append(side.Paths, p)
	}
	return side
}
