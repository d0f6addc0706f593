package migration

import (
	"fmt"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
)

// Verify compares what each holder could do on the source with what the claim that they
// became can do on the target: the same, wider, narrower, or nothing (missing). A nil
// target is the source itself.
//
// What the rules explain is in the table of holders: a permission that somebody accepted
// or dropped, a role that is skipped, undecided or merged. What they do not explain is a
// finding. So there is no finding if the target is as the migration makes it.
func Verify(source, target *snapshot.Snapshot, rules *Rules) *report.Report {
	r := &report.Report{Kind: report.Verification, Title: "Verification of a migration", Guides: verifyGuides}
	e, err := newEngine(source, target, rules)
	if err == nil {
		err = e.misfits()
	}
	if err != nil {
		r.Lead = "It could not be verified."
		r.Findings = []report.Finding{{
			Code: string(CodeRules), Severity: report.Critical, Title: "The snapshots and the rules do not fit.", Detail: err.Error(),
			Do: "Verify with the rules and the source of the migration.",
		}}
		return r
	}
	e.run(true)
	r.Title += " from " + e.source.Server.URL + " to " + e.target.Server.URL
	r.Provenance = e.provenance()
	r.Gaps = append(gapsOf(e.source, "source"), gapsOf(e.target, "target")...)
	e.verify(r)
	return r
}

var verifyGuides = []report.Guide{
	{Code: string(CodeWider), Title: "Holders who can do more, and no rule says so", Do: "Compare their roles on the target with the desired state: plan it again and look."},
	{Code: string(CodeNarrower), Title: "Holders who can do less, and no rule says so", Do: "Make sure that the whole plan was carried out: plan it again and look."},
	{Code: string(CodeMissing), Title: "Holders who can do nothing, and no rule says so", Do: "Make sure that the whole plan was carried out: plan it again and look."},
}

func (e *engine) verify(r *report.Report) {
	promised, now := e.ledger(e.promised()), e.ledger(e.now())
	t := report.Table{ID: "holders", Title: "Holders", Columns: []report.Column{
		{Title: "Holder", Kind: report.Holders},
		{Title: "Is now", Kind: report.Holders},
		{Title: "Result"},
		{Title: "As the rules say"},
		{Title: "Can do more"},
		{Title: "Can do less"},
	}}
	var same, wider, narrower, missing, none int
	for _, m := range e.sortedMappings() {
		row := report.Row{Cells: []report.Cell{{Text: m.from.String()}}}
		if m.wait != "" || m.drop {
			none++
			how := m.how
			if m.wait != "" {
				how = "needs a decision"
			}
			row.Cells = append(row.Cells, report.Cell{}, report.Cell{Text: how}, report.Cell{Text: "yes"})
			t.Rows = append(t.Rows, row)
			continue
		}
		before, after, want := now.source(m), now.target(m.to), promised.target(m.to)
		v := compare(before, after)
		result := v.String()
		gone := after.set.Len() == 0 && before.set.Len() > 0
		switch {
		case gone:
			result = "missing"
			missing++
		case v.wider():
			wider++
		}
		if !gone && v.narrower() {
			narrower++
		}
		if !gone && !v.wider() && !v.narrower() {
			same++
		}
		row.Mark = v.mark()
		meant := "yes"
		if !after.set.Equal(want.set) {
			meant = "no"
			row.Mark = report.Warning
			e.unexpected(r, m, after, want)
		}
		row.Cells = append(row.Cells, report.Cell{Text: m.to.String()}, report.Cell{Text: result}, report.Cell{Text: meant},
			report.Cell{Items: e.items(v.more, v.moreWords, report.Widened)}, report.Cell{Items: e.items(v.less, v.lessWords, report.Lost)})
		t.Rows = append(t.Rows, row)
	}
	r.Tables = []report.Table{t}
	waiting := 0
	for _, role := range e.roles {
		if !role.skipped && role.result.left {
			waiting++
		}
	}
	r.Lead = fmt.Sprintf("%s can do the same as before. ", plural(same, "holder"))
	if len(r.Findings) == 0 {
		r.Lead += "What is different for others is as the rules say."
	} else {
		r.Lead += fmt.Sprintf("Not as the rules say: %s.", plural(len(r.Findings), "finding"))
	}
	r.Figures = []report.Figure{
		{Label: "Holders who are not as the rules say", Number: len(r.Findings), Severity: severityIf(len(r.Findings) > 0, report.High)},
		{Label: "Holders who can do the same", Number: same},
		{Label: "Holders who can do more", Number: wider, Severity: severityIf(wider > 0, report.Medium)},
		{Label: "Holders who can do less", Number: narrower, Severity: severityIf(narrower > 0, report.Medium)},
		{Label: "Holders who can do nothing any more", Number: missing, Severity: severityIf(missing > 0, report.Medium)},
		{Label: "Holders who become no claim", Number: none},
		{Label: "Roles left out, because somebody has to decide", Number: waiting, Severity: severityIf(waiting > 0, report.Medium)},
	}
	r.Notes = []report.Note{{Title: "Rights", Text: "What a holder can do is what all of their roles grant together. Before, it is converted from names, as far as the source showed no paths: " +
		"guesses count, and so does what is refused without a decision."}}
}

// unexpected notes that a holder cannot do what the migration makes possible, or more.
func (e *engine) unexpected(r *report.Report, m *mapping, after, want *rights) {
	diff := want.set.Diff(after.set)
	f := report.Finding{Severity: report.High, Holders: []report.Item{{Text: m.to.String()}}}
	switch {
	case after.set.Len() == 0:
		f.Code, f.Title = string(CodeMissing), quote(m.to.String())+" can do nothing."
	case len(diff.Added) > 0:
		f.Code, f.Title = string(CodeWider), quote(m.to.String())+" can do more than the rules say."
		if len(diff.Removed) > 0 {
			f.Title = quote(m.to.String()) + " can do something else than the rules say."
		}
	default:
		f.Code, f.Title = string(CodeNarrower), quote(m.to.String())+" can do less than the rules say."
	}
	f.Evidence = append(e.items(diff.Added, nil, report.Widened), e.items(diff.Removed, nil, report.Lost)...)
	r.Findings = append(r.Findings, f)
}
