package migration

import (
	"fmt"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

// Verify compares what each holder could do on the source with what the claim that they
// became can do on the target: the same, wider, narrower, or nothing (missing). A nil
// target is the source itself.
//
// What the rules explain is in the tables of holders: a permission that somebody accepted
// or dropped, a role that is skipped, undecided or merged. What they do not explain is a
// finding, and so is what could not be read. So there is no finding if the target was
// read and is as the migration makes it. What the target has besides is taken as it is:
// other roles, and what a role has that the rules only complete (existing: add).
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
	e.again = true
	e.run()
	if e.same {
		r.Title += " of " + e.source.Server.URL
	} else {
		r.Title += " from " + e.source.Server.URL + " to " + e.target.Server.URL
	}
	r.Provenance = e.provenance()
	r.Gaps = append(gapsOf(e.source, "source"), gapsOf(e.target, "target")...)
	e.verify(r)
	return r
}

var verifyGuides = []report.Guide{
	{Code: string(CodeOld), Title: "An older snapshot"},
	{Code: string(CodeNotKnown), Title: "What could not be read", Why: "Whether its holders can do what they should is not known."},
	{Code: string(CodeGone), Title: "Roles that are gone, and no rule says so"},
	{Code: string(CodeWider), Title: "Holders who can do more, and no rule says so", Do: "Compare their roles on the target with the desired state: plan it again and look."},
	{Code: string(CodeNarrower), Title: "Holders who can do less, and no rule says so", Do: "Make sure that the whole plan was carried out: plan it again and look."},
	{Code: string(CodeMissing), Title: "Holders who can do nothing, and no rule says so", Do: "Make sure that the whole plan was carried out: plan it again and look."},
}

// verification compares holders of the source with the claims that they became.
type verification struct {
	*engine

	report        *report.Report
	promised, now *ledger
	findings      map[string]int // index of the finding, by what it says apart from the holder

	same, wider, narrower, missing, none, unexpected int
	// The rows of holders: not as the rules say, different as the rules say, as before.
	wrong, meant, alike []report.Row
}

func (e *engine) verify(r *report.Report) {
	v := &verification{engine: e, report: r, promised: e.ledger(e.promised()), now: e.ledger(e.now()), findings: map[string]int{}}
	v.unread()
	v.gone()
	became := map[Key]bool{}
	for _, m := range e.sortedMappings() {
		if m.wait == "" && !m.drop {
			became[m.to.Fold()] = true
		}
		v.holder(m)
	}
	v.others(became)
	v.tables()
	waiting := 0
	for _, role := range e.roles {
		if !role.skipped && role.result.left {
			waiting++
		}
	}
	r.Lead = fmt.Sprintf("%s can do the same as before. ", plural(v.same, "holder"))
	r.Lead += "What is different for others is as the rules say."
	if n := len(r.Findings); n > 0 {
		r.Lead = fmt.Sprintf("Not everything is as the rules say: %s. %s can do the same as before.", plural(n, "finding"), plural(v.same, "holder"))
	}
	r.Figures = []report.Figure{
		{Label: "Holders who are not as the rules say", Number: v.unexpected, Severity: severityIf(v.unexpected > 0, report.High)},
		{Label: "Holders who can do the same", Number: v.same},
		{Label: "Holders who can do more", Number: v.wider, Severity: severityIf(v.wider > 0, report.Medium)},
		{Label: "Holders who can do less", Number: v.narrower, Severity: severityIf(v.narrower > 0, report.Medium)},
		{Label: "Holders who can do nothing any more", Number: v.missing, Severity: severityIf(v.missing > 0, report.Medium)},
		{Label: "Holders who become no claim", Number: v.none},
		{Label: "Roles left out, because somebody has to decide", Number: waiting, Severity: severityIf(waiting > 0, report.Medium)},
	}
	r.SignOff = &report.SignOff{
		Statement: "I have read who can do more or less on " + e.target.Server.URL + " than before the migration, and that it is as it was decided.",
		Decisions: []string{"confirmed", "confirmed with exceptions", "not confirmed"}, Signers: []string{"Reviewer", "Owner of the PKI"},
	}
	r.Notes = []report.Note{{Title: "Rights", Text: "What a holder can do is what all of their roles grant together. Before, it is converted from names, as far as the source showed no paths: " +
		"guesses count, and so does what is refused without a decision."}}
}

// holder compares what somebody could do with what the claim that they became can do.
func (v *verification) holder(m *mapping) {
	row := report.Row{Cells: []report.Cell{{Text: m.from.String()}}}
	if m.wait != "" || m.drop {
		v.none++
		how := m.how
		if m.wait != "" {
			how = "needs a decision"
		}
		row.Cells = append(row.Cells, report.Cell{}, report.Cell{Text: how})
		v.meant = append(v.meant, row)
		return
	}
	before, after, want := v.now.source(m), v.now.target(m.to), v.promised.target(m.to)
	d := compare(before, after)
	result := d.String()
	switch gone := after.set.Len() == 0 && before.set.Len() > 0; {
	case gone:
		result = "missing"
		v.missing++
	case !d.wider() && !d.narrower():
		v.same++
	default:
		if d.wider() {
			v.wider++
		}
		if d.narrower() {
			v.narrower++
		}
	}
	row.Mark = d.mark()
	is := m.to.String()
	if m.to == m.from {
		is = "the same claim"
	}
	row.Cells = append(row.Cells, report.Cell{Text: is}, report.Cell{Text: result + m.waiting()},
		report.Cell{Items: v.items(d.more, d.moreWords, report.Widened)}, report.Cell{Items: v.losses(&d)})
	switch {
	case !after.set.Equal(want.set):
		row.Mark = report.Warning
		v.wrong = append(v.wrong, row)
		v.find(m.to, after, want)
	case d.wider() || d.narrower():
		v.meant = append(v.meant, row)
	default:
		v.alike = append(v.alike, row)
	}
}

// others finds who holds what the migration made, and came from nowhere.
func (v *verification) others(became map[Key]bool) {
	var keys []Key
	for i := range v.target.Roles {
		for _, h := range v.target.Roles[i].Holders {
			if k := h.Key.Fold(); !became[k] {
				became[k] = true
				keys = append(keys, h.Key)
			}
		}
	}
	slices.SortFunc(keys, compareKeys)
	for _, k := range keys {
		after, want := v.now.target(k), v.promised.target(k)
		diff := want.set.Diff(after.set)
		if diff.Empty() {
			continue
		}
		v.wrong = append(v.wrong, report.Row{Mark: report.Warning, Cells: []report.Cell{
			{Text: "nobody who held a role"},
			{Text: k.String()},
			{Text: "new"},
			{Items: v.items(diff.Added, nil, report.Widened)},
			{Items: v.items(diff.Removed, nil, report.Lost)},
		}})
		v.find(k, after, want)
	}
}

// tables has those first who are not as the rules say.
func (v *verification) tables() {
	for _, t := range []report.Table{
		{ID: "holders", Title: "Holders who are not as the rules say", Rows: v.wrong, Note: "More and less are counted from before the migration. What of it the rules do not say is in the findings."},
		{ID: "meant", Title: "Holders who can do something else, as the rules say", Rows: v.meant},
		{ID: "same", Title: "Holders who can do the same as before", Rows: v.alike, Folded: true},
	} {
		t.Columns = []report.Column{
			{Title: "Holder", Kind: report.Holders},
			{Title: "Is now", Kind: report.Holders},
			{Title: "Result"},
			{Title: "Can do more"},
			{Title: "Can do less"},
		}
		if len(t.Rows) > 0 {
			v.report.Tables = append(v.report.Tables, t)
		}
	}
}

// find notes that a holder cannot do what the migration makes possible, or more. Holders
// of whom the same is to be said are in one finding.
func (v *verification) find(k Key, after, want *rights) {
	v.unexpected++
	diff := want.set.Diff(after.set)
	f := report.Finding{Severity: report.High, Holders: []report.Item{{Text: k.String()}}}
	var what string
	switch {
	case after.set.Len() == 0:
		f.Code, what = string(CodeMissing), "can do nothing"
	case len(diff.Added) > 0 && len(diff.Removed) > 0:
		f.Code, what = string(CodeWider), "can do something else than the rules say"
	case len(diff.Added) > 0:
		f.Code, what = string(CodeWider), "can do more than the rules say"
	default:
		f.Code, what = string(CodeNarrower), "can do less than the rules say"
	}
	f.Title = quote(k.String()) + " " + what + "."
	f.Evidence = append(v.items(diff.Added, nil, report.Widened), v.items(diff.Removed, nil, report.Lost)...)
	parts := []string{f.Code}
	for _, item := range f.Evidence {
		parts = append(parts, string(item.Mark)+item.Code)
	}
	id := strings.Join(parts, "\x00")
	for _, i := range v.now.held[k.Fold()] { // through which roles they can do too much
		role := &v.now.finals[i]
		if slices.ContainsFunc(diff.Added, func(effect permissions.Effect) bool { return role.set.Allows(effect.Path) }) {
			f.Roles = append(f.Roles, report.Item{Text: role.name})
		}
	}
	at, found := v.findings[id]
	if !found {
		v.findings[id] = len(v.report.Findings)
		v.report.Findings = append(v.report.Findings, f)
		return
	}
	known := &v.report.Findings[at]
	if slices.Contains(known.Holders, f.Holders[0]) { // several became this one
		v.unexpected--
		return
	}
	known.Holders = append(known.Holders, f.Holders[0])
	for _, role := range f.Roles {
		if !slices.Contains(known.Roles, role) {
			known.Roles = append(known.Roles, role)
		}
	}
	known.Title = plural(len(known.Holders), "holder") + " " + what + "."
}

// unread notes what could not be read: what is not known is not as it should be.
func (v *verification) unread() {
	if v.target.TakenAt.Before(v.source.TakenAt) {
		v.report.Findings = append(v.report.Findings, report.Finding{
			Code: string(CodeOld), Severity: report.High, Title: "The snapshot of the target is older than that of the source.",
			Do: "Verify with a snapshot of the target that was taken after the migration.",
		})
	}
	const again = "Take the snapshot again, as an account that may read everything."
	var roles, gaps []report.Item
	for i := range v.target.Gaps {
		g := &v.target.Gaps[i]
		if about := g.Part == snapshot.PartRolesV1 || g.Part == snapshot.PartRolesV2; !about || g.Reason == snapshot.ReasonNotThere || g.Reason == snapshot.ReasonGone {
			continue
		}
		gaps = append(gaps, report.Item{Text: gapText(g)})
		if g.Object != "" {
			roles = append(roles, report.Item{Text: g.Object})
		}
	}
	if len(gaps) > 0 {
		v.report.Findings = append(v.report.Findings, report.Finding{
			Code: string(CodeNotKnown), Severity: report.High, Title: "Roles of the target could not be read in full: what their holders can do now is not known.",
			Do: again, Roles: roles, Evidence: gaps,
		})
	}
	f := report.Finding{
		Code: string(CodeNotKnown), Severity: report.High, Do: again + " Or say in the rules that it may be missing: accept: [" + string(CodeNotRead) + "].",
		Title: "Roles of the source could not be read in full: what their holders could do before is not known.",
	}
	for _, r := range v.roles {
		if !r.skipped && (r.unreadPermissions != "" || r.unreadHolders != "") && !r.rule.accepts(CodeNotRead) {
			f.Roles = append(f.Roles, report.Item{Text: r.Name})
			f.Evidence = append(f.Evidence, report.Item{Text: quote(r.Name) + ": " + strings.Trim(r.unreadPermissions+"; "+r.unreadHolders, "; ")})
		}
	}
	if len(f.Roles) > 0 {
		v.report.Findings = append(v.report.Findings, f)
	}
}

// gone notes roles of the same server that are not there any more, although they are
// neither merged nor skipped.
func (v *verification) gone() {
	f := report.Finding{
		Code: string(CodeGone), Severity: report.High, Title: "The server does not have these roles any more, and no rule says so.",
		Do: "Find out who removed them. If it was meant, skip them in the rules.",
	}
	for _, r := range v.roles {
		if !r.skipped && slices.ContainsFunc(r.reasons, func(why reason) bool { return why.code == CodeGone }) {
			f.Roles = append(f.Roles, report.Item{Text: r.Name})
		}
	}
	if len(f.Roles) > 0 {
		v.report.Findings = append(v.report.Findings, f)
	}
}
