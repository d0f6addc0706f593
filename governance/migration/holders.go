package migration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
)

// mapping is what a holder of the source becomes.
type mapping struct {
	from, to Key
	drop     bool
	how      string
	pattern  bool   // by a pattern
	ruled    bool   // a rule says it
	wait, do string // why somebody has to decide
	roles    []*role
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		cmp.Compare(a.Type, b.Type), cmp.Compare(names.Fold(a.Value), names.Fold(b.Value)),
		cmp.Compare(a.Value, b.Value), cmp.Compare(a.Scheme, b.Scheme))
}

// mapHolder says what a holder becomes.
func (e *engine) mapHolder(k Key) *mapping {
	m := e.mapped[k.Fold()]
	if m != nil {
		return m
	}
	m = &mapping{from: k, to: k}
	e.mapped[k.Fold()] = m
	if k.Type.AD() && names.Same(k.Scheme, holders.SchemeActiveDirectory) {
		e.mapAccount(m)
	} else {
		e.mapClaim(m)
	}
	if m.wait != "" || m.drop {
		return m
	}
	switch problem := e.unfit(m.to); {
	case problem == "" || e.same && m.to == m.from:
	default:
		m.wait = fmt.Sprintf("%s cannot become %s: %s.", quote(k.String()), quote(m.to.String()), problem)
		m.do = "Say what it becomes (identities), or drop it."
	}
	return m
}

// mapAccount applies the rules about Active Directory accounts: those for the account
// first, then the first pattern that fits.
func (e *engine) mapAccount(m *mapping) {
	var rule *identityRule
	for _, r := range e.rules.accounts[names.Fold(m.from.Value)] {
		if r.kind == m.from.Type || r.kind == "" && rule == nil {
			rule = r
		}
	}
	if rule != nil {
		m.to = rule.claim
	} else {
		for _, r := range e.rules.patterns {
			if r.kind != "" && r.kind != m.from.Type {
				continue
			}
			if groups := r.pattern.FindStringSubmatch(m.from.Value); groups != nil {
				rule = r
				m.to, m.pattern = rule.claim, true
				m.to.Value = group.ReplaceAllStringFunc(m.to.Value, func(use string) string {
					if use == "$$" {
						return "$"
					}
					return groups[groupOf(r.pattern, strings.Trim(use, "${}"))]
				})
				break
			}
		}
	}
	switch {
	case rule != nil && rule.drop:
		e.used[rule] = true
		m.drop, m.ruled, m.how = true, true, "dropped by the rules, "+rule.because(rule.why)
	case rule != nil:
		e.used[rule] = true
		m.ruled, m.how = true, "by the rules, "+rule.because(rule.why)
	case e.rules.undecided:
		m.wait = fmt.Sprintf("No rule says which claim %s becomes.", quote(m.from.String()))
		m.do = "Say what it becomes (identities), or drop it."
	default:
		m.how = "the same Active Directory claim"
	}
}

// mapClaim applies the rules about identity providers to a claim of one.
func (e *engine) mapClaim(m *mapping) {
	m.how = "the same claim"
	for _, kind := range kinds {
		rule := e.rules.objects[kind.scope][names.Fold(m.from.Scheme)]
		if kind.key != "identityProviders" || rule == nil {
			continue
		}
		if rule.drop {
			m.drop, m.ruled, m.how = true, true, "its identity provider is dropped by the rules, "+rule.because(rule.why)
			return
		}
		m.to.Scheme, m.ruled, m.how = rule.to, true, "the same claim of another provider, by the rules, "+rule.because(rule.why)
	}
}

// unfit says why a key cannot hold roles of the target.
func (e *engine) unfit(k Key) string {
	_, known := k.Type.Number()
	switch {
	case !known:
		return "its type is not known"
	case strings.TrimSpace(k.Value) == "" || strings.TrimSpace(k.Scheme) == "":
		return "it has no value or no scheme"
	case limits.Exceeds(k.Value, limits.ClaimText) || limits.Exceeds(k.Scheme, limits.ClaimText):
		return fmt.Sprintf("it is longer than the %d characters that the server takes", limits.ClaimText)
	case strings.ToValidUTF8(k.Value, "") != k.Value || strings.ContainsFunc(k.Value, show.Hidden):
		return "it holds control or invisible characters"
	case e.schemes != nil && !e.schemes[names.Fold(k.Scheme)]:
		return "the target has no identity provider with the scheme " + quote(k.Scheme)
	}
	return ""
}

// sortedMappings are all holders of roles of the source, by key.
func (e *engine) sortedMappings() []*mapping {
	list := make([]*mapping, 0, len(e.mapped))
	for _, m := range e.mapped {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *mapping) int { return compareKeys(a.from, b.from) })
	return list
}
