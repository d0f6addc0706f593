package migration

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/plan"
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
// finding, and so is what could not be read. What the target has besides is in a table of
// its own, and counted apart: rights through other roles, and through what a role has
// that the rules only complete (existing: add), since nobody can tell whether that was
// there before. Of that, a finding is whoever can change security, and who holds a role
// that the rules only complete, unless the role's own entry says so. Somebody dropped who
// holds a migrated role is always one. A built-in role of another server has holders of
// its own, who are in the table only.
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
	{
		Code: string(CodeAdmin), Title: "Rights to change security that no rule gives", Why: "Who can change roles can give themselves everything.",
		Do: "Find out who gave it, and whether that is meant. Otherwise take it away, with a plan.",
	},
	{Code: string(CodeDropped), Title: "Holders of migrated roles whom the rules drop", Do: "Take them from the role, or take the rule back."},
	{
		Code: string(CodeStranger), Title: "Holders of migrated roles, and no rule says so",
		Why: "The rules only complete these roles (existing: add). Whether their holders were there before, or came since, cannot be told.",
		Do:  "Find out who they are, and take them from the role; or say existing: add in the entry of the role, if it is known that it has holders of its own.",
	},
	{Code: string(CodeMissing), Title: "Holders who can do nothing, and no rule says so", Do: "Make sure that the whole plan was carried out: plan it again and look."},
}

// verification compares holders of the source with the claims that they became.
type verification struct {
	*engine

	report               *report.Report
	promised, now, ruled *ledger
	became               map[Key]bool   // what holders of the source are now
	odd                  map[Key]bool   // who are not as the rules say
	findings             map[string]int // index of the finding, by what it says apart from the holder

	same, wider, narrower, missing, none, besides, moved, admins int
	// The holders: not as the rules say, who can do something that the migration does not
	// give, different as the rules say, as before.
	wrong, other, meant, alike []person
}

func (e *engine) verify(r *report.Report) {
	v := &verification{engine: e, report: r, promised: e.ledger(e.promised()), now: e.ledger(e.now()), ruled: e.ledger(e.ruled()), became: map[Key]bool{}, odd: map[Key]bool{}, findings: map[string]int{}}
	v.unread()
	v.gone()
	mappings := e.sortedMappings()
	for _, m := range mappings {
		v.became[m.is().Fold()] = true
	}
	for _, m := range mappings {
		v.holder(m)
	}
	v.others()
	v.strangers()
	v.tables()
	waiting := 0
	for _, role := range e.roles {
		if !role.skipped && role.result.left {
			waiting++
		}
	}
	same := plural(v.same, "holder") + " can do the same as before."
	switch n := len(r.Findings); {
	case n > 0:
		r.Lead = fmt.Sprintf("Not everything is as the rules say: %s. %s", plural(n, "finding"), same)
	case v.besides > 0:
		r.Lead = same + " What the migration made different is as the rules say."
	default:
		r.Lead = same + " What is different for others is as the rules say."
	}
	if v.besides > 0 {
		r.Lead += fmt.Sprintf(" %s can do something through roles that are not part of the migration, or through what others gave to roles of it: no rule says that.",
			plural(v.besides, "holder"))
	}
	r.Figures = []report.Figure{
		{Label: "Holders who are not as the rules say", Number: len(v.odd), Severity: severityIf(len(v.odd) > 0, report.High)},
		{Label: "Holders with rights through roles that are not part of the migration", Number: v.besides, Severity: severityIf(v.besides > 0, report.Medium)},
		{Label: "Holders who can change security, and could not before", Number: v.admins, Severity: severityIf(v.admins > 0, report.High)},
		{Label: "Holders who can do the same", Number: v.same},
		{Label: "Holders who can do more", Number: v.wider, Severity: severityIf(v.wider > 0, report.Medium)},
		{Label: "Holders who can do less", Number: v.narrower, Severity: severityIf(v.narrower > 0, report.Medium)},
		{Label: "Holders who can do nothing any more", Number: v.missing, Severity: severityIf(v.missing > 0, report.Medium)},
		{Label: "Holders with rights on other certificates", Number: v.moved, Severity: severityIf(v.moved > 0, report.Medium)},
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
	if m.wait != "" || m.drop {
		v.none++
	}
	is := m.is()
	before, after, want := v.now.source(m.roles), v.now.target(is), v.promised.target(is)
	d := compare(before, after)
	extra, why := v.extra(is, before)
	byRules := compare(before, v.ruled.target(is))
	p := v.person(m, &d)
	switch {
	case before.can() && !after.can():
		v.missing++
		if m.wait == "" && !m.drop {
			p.row.Cells[2].Text = "missing" + m.waiting()
		}
	case d.same():
		v.same++
	default:
		if d.wider() && (len(why) == 0 || byRules.wider()) {
			v.wider++
		}
		if d.narrower() {
			v.narrower++
		}
	}
	if len(d.moved) > 0 {
		v.moved++
	}
	if d.admin {
		v.admins++
	}
	if len(why) > 0 {
		v.besides++
		if after.set.Equal(want.set) { // so that what the rules make wider is told apart
			rest := d
			rest.more, rest.moreWords = byRules.more, byRules.moreWords
			p = v.person(m, &rest)
		}
		p.row.Mark = report.Warning
		p.row.Cells[2].Items = slices.Concat(v.items(extra, nil, report.Warning), p.row.Cells[2].Items)
		p.row.Cells[2].Text += "; besides, more that no rule gives"
		p.row.Cells[3].Items = slices.Concat(why, p.row.Cells[3].Items)
	}
	switch {
	case !after.set.Equal(want.set):
		p.row.Mark = report.Warning
		v.wrong = append(v.wrong, p)
		v.find(is, after, want)
	case len(why) > 0:
		v.other = append(v.other, p)
	case !d.same() || m.wait != "" || m.drop:
		v.meant = append(v.meant, p)
	default:
		v.alike = append(v.alike, p)
	}
}

// extra is what a holder of the target can do, could not do before, and is not given by
// the migration; and through which roles, if there is any. A right to change security is
// a finding: it can come without a new path, since it counts in one permission set only.
func (v *verification) extra(k Key, before *rights) ([]permissions.Effect, []report.Item) {
	after, ruled := v.now.target(k), v.ruled.target(k)
	added := before.set.Union(ruled.set).Diff(after.set).Added
	gained := after.admin && !before.admin && !ruled.admin
	var outside, completed []string
	for _, i := range v.now.held[k.Fold()] {
		f := &v.now.finals[i]
		secures := gained && f.admin
		if !secures && !slices.ContainsFunc(added, func(effect permissions.Effect) bool { return f.set.Allows(effect.Path) }) {
			continue
		}
		if f.res == nil {
			outside = append(outside, quote(f.name))
		} else {
			completed = append(completed, quote(f.name))
		}
		if secures && !v.own(f, k) {
			v.findAdmin(f, k)
		}
	}
	var why []report.Item
	if len(outside) > 0 {
		why = append(why, report.Item{Text: "through roles that are not part of the migration: " + strings.Join(outside, ", "), Mark: report.Warning})
	}
	if len(completed) > 0 {
		why = append(why, report.Item{Text: "through what others gave to roles of the migration: " + strings.Join(completed, ", "), Mark: report.Warning})
	}
	return added, why
}

// own reports whether it is known that a role of another server has holders of its own,
// and one who came from nowhere may be one of them: it is built in, or its entry in the
// rules says that it is completed.
func (v *verification) own(f *final, k Key) bool {
	if v.engine.same || v.became[k.Fold()] {
		return false
	}
	return isBuiltIn(f.name) || f.res != nil && f.res.ownEntry()
}

// ownEntry reports whether a rule about the role says that it is completed.
func (res *result) ownEntry() bool {
	return slices.ContainsFunc(res.members, func(r *role) bool { return r.rule != nil && r.rule.existing == plan.Add })
}

// findAdmin notes that a holder can change security, and no rule says so.
func (v *verification) findAdmin(f *final, k Key) {
	text := "which is not part of the migration"
	if f.res != nil {
		text = "to which others gave it"
	}
	v.note(string(CodeAdmin)+"\x00"+f.name, report.Finding{
		Code: string(CodeAdmin), Severity: report.High, Roles: []report.Item{{Text: f.name}}, Holders: []report.Item{{Text: k.String()}},
		Detail: "They can give themselves everything. No rule says that.",
	}, k, func(n int) string {
		return fmt.Sprintf("Through the role %s, %s, %s can change security.", quote(f.name), text, plural(n, "holder"))
	})
}

// note notes a finding about a holder: one for all of whom the same is to be said.
func (v *verification) note(id string, f report.Finding, k Key, title func(holders int) string) {
	v.odd[k.Fold()] = true
	at, found := v.findings[id]
	if !found {
		at = len(v.report.Findings)
		v.findings[id] = at
		v.report.Findings = append(v.report.Findings, f)
	}
	known := &v.report.Findings[at]
	if found && !slices.Contains(known.Holders, f.Holders[0]) { // several may have become one
		known.Holders = append(known.Holders, f.Holders[0])
		for _, role := range f.Roles {
			if !slices.Contains(known.Roles, role) {
				known.Roles = append(known.Roles, role)
			}
		}
	}
	known.Title = title(len(known.Holders))
}

// strangers finds who holds a migrated role, and no rule says so. Of a role that becomes
// what the rules say, others has found them.
func (v *verification) strangers() {
	for i := range v.now.finals {
		f := &v.now.finals[i]
		if f.res == nil || !f.res.holds {
			continue
		}
		meant := map[Key]bool{}
		for _, k := range f.res.holders {
			meant[k.Fold()] = true
		}
		for _, k := range f.holders {
			if meant[k.Fold()] {
				continue
			}
			about := report.Finding{Roles: []report.Item{{Text: f.name}}, Holders: []report.Item{{Text: k.String()}}}
			m := v.mapped[k.Fold()]
			switch {
			case m != nil && m.drop:
				about.Code, about.Severity = string(CodeDropped), report.High
				v.note(about.Code+"\x00"+f.name, about, k, func(n int) string {
					return fmt.Sprintf("Dropped by the rules, and holding the migrated role %s: %s.", quote(f.name), plural(n, "holder"))
				})
			case f.res.existing != plan.Add || v.own(f, k) || f.res.ownEntry():
			case v.engine.same && m != nil && slices.ContainsFunc(m.roles, func(r *role) bool { return r.result == f.res }):
				// what they were before stays in it, too
			default:
				about.Code, about.Severity = string(CodeStranger), report.Medium
				v.note(about.Code+"\x00"+f.name, about, k, func(n int) string {
					return fmt.Sprintf("Holding the migrated role %s, and no rule says so: %s.", quote(f.name), plural(n, "holder"))
				})
			}
		}
	}
}

// others finds who can do something on the target, and came from nowhere.
func (v *verification) others() {
	var keys []Key
	seen := maps.Clone(v.became)
	for i := range v.target.Roles {
		for _, h := range v.target.Roles[i].Holders {
			if k := h.Key.Fold(); !seen[k] {
				seen[k] = true
				keys = append(keys, h.Key)
			}
		}
	}
	for _, k := range keys {
		before := &rights{}
		from, result := "nobody who held a role", "new"
		if m := v.mapped[k.Fold()]; m != nil { // what somebody was, who is another claim now
			from, result = m.from.String(), "is still there besides the claim that it became"
			if v.engine.same {
				before = v.now.source(m.roles)
			}
		}
		after, want := v.now.target(k), v.promised.target(k)
		wrong := want.set.Diff(after.set)
		_, why := v.extra(k, before)
		d := compare(&rights{set: want.set, admin: before.admin}, after)
		if wrong.Empty() {
			d = compare(before, after)
		}
		p := person{key: k, rank: d.rank(), row: report.Row{Mark: report.Warning, Cells: []report.Cell{
			{Text: from}, {Text: k.String()}, {Text: result, Items: v.differences(&d)}, {Items: why},
		}}}
		if len(why) > 0 {
			v.besides++
		}
		switch {
		case !wrong.Empty():
			v.wrong = append(v.wrong, p)
			v.find(k, after, want)
		case len(why) > 0:
			v.other = append(v.other, p)
		}
	}
}

// tables has those first who are not as the rules say.
func (v *verification) tables() {
	for _, t := range []report.Table{
		{ID: "holders", Title: "Holders who are not as the rules say", Rows: sortedRows(v.wrong), Note: "More and less are counted from before the migration. What of it the rules do not say is in the findings."},
		{
			ID: "besides", Title: "Holders who can do something through roles that are not part of the migration", Rows: sortedRows(v.other),
			Note: "Or through what others gave to roles that the rules only complete (existing: add). No rule gives it to them, and it is not known whether it was there before the migration. " +
				"Of those who held a role before, that is marked with a warning.",
		},
		{ID: "meant", Title: "Holders who can do something else, as the rules say", Rows: sortedRows(v.meant)},
		{ID: "same", Title: "Holders who can do the same as before", Rows: sortedRows(v.alike), Folded: true},
	} {
		t.Columns = holderColumns("Is now")
		if len(t.Rows) > 0 {
			v.report.Tables = append(v.report.Tables, t)
		}
	}
}

// find notes that a holder cannot do what the migration makes possible, or more. Holders
// of whom the same is to be said are in one finding.
func (v *verification) find(k Key, after, want *rights) {
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
	v.note(id, f, k, func(n int) string {
		if n == 1 {
			return quote(k.String()) + " " + what + "."
		}
		return plural(n, "holder") + " " + what + "."
	})
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
