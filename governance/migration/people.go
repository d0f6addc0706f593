package migration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/permissions"
)

// person is a row of a table of holders.
type person struct {
	row  report.Row
	rank int
	key  Key
}

// rankUndecided is the rank of who needs a decision and loses nothing yet.
const rankUndecided = 4

// holderColumns are few, so that the page shows all of them.
func holderColumns(becomes string) []report.Column {
	return []report.Column{
		{Title: "Holder", Kind: report.Holders}, {Title: becomes, Kind: report.Holders}, {Title: "What is different"}, {Title: "Why"},
	}
}

// sortedRows puts first what matters most, and then goes by name.
func sortedRows(people []person) []report.Row {
	slices.SortStableFunc(people, func(a, b person) int { return cmp.Or(cmp.Compare(a.rank, b.rank), compareKeys(a.key, b.key)) })
	var out []report.Row
	for _, p := range people {
		out = append(out, p.row)
	}
	return out
}

// is is the claim that somebody is on the target: without a decision, and if they are
// dropped, who they were.
func (m *mapping) is() Key {
	if m.wait != "" || m.drop {
		return m.from
	}
	return m.to
}

// person says what is different for a holder of the source.
func (e *engine) person(m *mapping, v *verdict) person {
	p := person{key: m.from, rank: v.rank(), row: report.Row{Mark: v.mark()}}
	result, is := v.String(), m.to.String()
	switch {
	case m.wait != "":
		is, result, p.rank = "", "needs a decision", min(p.rank, rankUndecided)
		p.row.Mark = report.Warning
	case m.drop:
		is, result = "", "dropped"
		p.row.Mark = report.Removed
	case m.to == m.from:
		is = "the same claim"
	}
	p.row.Cells = []report.Cell{{Text: m.from.String()}, {Text: is}, {Text: result + m.waiting(), Items: e.differences(v)}, {Items: e.why(m, v)}}
	return p
}

// differences are what is more, what is elsewhere, and what is less.
func (e *engine) differences(v *verdict) []report.Item {
	var out []report.Item
	if v.admin {
		out = append(out, report.Item{Text: "can change security, and could not before: they can give themselves everything", Mark: report.Warning})
	}
	out = append(out, e.items(v.more, v.moreWords, report.Widened)...)
	for _, text := range v.moved {
		out = append(out, report.Item{Text: text, Mark: report.Changed})
	}
	return append(out, e.losses(v)...)
}

// mostReasons is how many rules of a kind a row names.
const mostReasons = 5

// why names the rules that explain what is different for a holder.
func (e *engine) why(m *mapping, v *verdict) []report.Item {
	var out []report.Item
	add := func(intro string, list []string, n int) { // the list begins with those of n that are named
		if n == 0 {
			return
		}
		text := intro + strings.Join(list[:min(len(list), mostReasons)], ", ")
		if n > mostReasons {
			text += fmt.Sprintf(" and %d more", n-mostReasons)
		}
		out = append(out, report.Item{Text: text})
	}
	all := func(intro string, list []string) {
		slices.Sort(list)
		list = slices.Compact(list)
		add(intro, list, len(list))
	}
	switch {
	case m.wait != "":
		out = append(out, report.Item{Text: m.wait})
	case m.how != "" && (m.ruled || m.to != m.from):
		out = append(out, report.Item{Text: m.how})
	}
	var others, merged, skipped, decisions []string
	claim := e.byClaim[m.to.Fold()]
	for _, other := range claim {
		if other != m && len(others) < mostReasons { // a pattern may join thousands
			others = append(others, quote(other.from.String()))
		}
	}
	for _, r := range m.roles {
		switch {
		case r.skipped:
			skipped = append(skipped, quote(r.Name)+", "+r.rule.because(r.rule.why))
			continue
		case r.result.left:
			continue
		case len(r.result.members) > 1:
			merged = append(merged, quote(r.Name)+" into "+quote(r.result.name)+", "+r.rule.because(r.rule.why))
		}
		for _, row := range r.rows {
			widens := row.item != nil && row.item.Widens != "" || row.item != nil && row.item.Overridden
			loses := row.lost || row.item != nil && (row.item.Narrows != "" || row.item.Overridden)
			if row.decided != "" && (v.wider() && widens || v.narrower() && loses) {
				decisions = append(decisions, row.name+": "+row.decided)
			}
		}
	}
	joined := slices.Contains(claim, m)
	if (v.wider() || v.admin) && joined {
		add("one claim with ", others, len(claim)-1)
	}
	if v.wider() || v.admin {
		all("merged: ", merged)
	}
	if v.narrower() && !m.drop {
		all("skipped: ", skipped)
	}
	if !v.same() && !m.drop {
		all("decided: ", decisions)
	}
	return out
}

// admins notes who can change security afterwards, and could not before. Those for whom
// it has the same cause are in one finding.
func (e *engine) admins(l *ledger) {
	index := map[string]int{}
	for _, m := range e.sortedMappings() {
		is := m.is()
		if before := l.source(m.roles); before.admin || !l.target(is).admin {
			continue
		}
		for _, i := range l.held[is.Fold()] {
			f := &l.finals[i]
			if !f.admin {
				continue
			}
			cause := e.cause(m, f)
			at, found := index[f.name+"\x00"+cause]
			if !found {
				at = len(e.findings)
				index[f.name+"\x00"+cause] = at
				e.findings = append(e.findings, report.Finding{
					Code: string(CodeAdmin), Severity: report.High, Detail: "The cause: " + cause + ".", Roles: []report.Item{{Text: f.name}},
				})
			}
			finding := &e.findings[at]
			finding.Holders = append(finding.Holders, report.Item{Text: m.from.String()})
			finding.Title = fmt.Sprintf("Through the role %s, %s can change security afterwards, and could not before.", quote(f.name), plural(len(finding.Holders), "holder"))
		}
	}
}

// cause says why a role lets a holder change security who could not before.
func (e *engine) cause(m *mapping, f *final) string {
	if f.res == nil {
		return "the target has this role, which is not part of the migration, and they hold it there"
	}
	through := func(roles []*role) (out []*role) {
		for _, r := range roles {
			if r.result == f.res {
				out = append(out, r)
			}
		}
		return out
	}
	mine := through(m.roles)
	if len(mine) == 0 {
		var others []string
		for _, other := range e.byClaim[m.is().Fold()] {
			if other == m || len(through(other.roles)) == 0 {
				continue
			}
			if len(others) == mostReasons {
				others = append(others, "others")
				break
			}
			others = append(others, quote(other.from.String()))
		}
		if len(others) == 0 {
			return "they hold this role on the target already"
		}
		return "they become one claim with " + join(others) + ", " + m.how
	}
	grants := func(p report.Item) bool {
		return p.Code != "" && permissions.NewSet(permissions.Path(p.Code)).Allows(admin.Path)
	}
	names := func(roles []*role) (out []string) { // of what becomes the right
		for _, r := range roles {
			for _, row := range r.rows {
				if slices.ContainsFunc(row.becomes, grants) {
					text := row.name + " of the role " + quote(r.Name)
					if row.decided != "" {
						text += ": " + row.decided
					}
					out = append(out, text)
				}
			}
		}
		return out
	}
	if list := names(mine); len(list) > 0 {
		return "a permission became wider, " + join(list)
	}
	if list := names(f.res.members); len(list) > 0 {
		return fmt.Sprintf("merged roles, %s into %s, %s; it comes from %s", quote(mine[0].Name), quote(f.name), mine[0].rule.because(mine[0].rule.why), join(list))
	}
	return "the role of the target grants it already"
}
