package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// The codes of the findings of [Verify].
const (
	CodeServer   Code = "other-server"       // the snapshot is of another server
	CodeOld      Code = "older-snapshot"     // the snapshot is older than the plan's
	CodeObject   Code = "not-as-planned"     // an object is not what the plan makes it
	CodeWider    Code = "wider-than-planned" // a holder can do more
	CodeNarrower Code = "narrower-than-planned"
	CodeNotKnown Code = "not-known" // the snapshot lacks what would tell
)

var verifyGuides = []report.Guide{
	{Code: string(CodeServer), Title: "Another server"},
	{Code: string(CodeOld), Title: "An older snapshot"},
	{Code: string(CodeObject), Title: "Objects that are not as planned", Why: "A step was not carried out, or somebody changed the object since."},
	{Code: string(CodeWider), Title: "Holders who can do more than planned", Do: "Find out who gave them what they should not have."},
	{Code: string(CodeNarrower), Title: "Holders who can do less than planned", Do: "Find out what took it from them; they may be unable to work."},
	{Code: string(CodeNotKnown), Title: "What could not be read", Do: "Take the snapshot again, as an account that may read everything."},
}

// Verify compares a server after a plan was carried out with what the plan promised: the
// effective rights of each holder, whether the plan names it or not, and each object
// that the plan changes. It has a finding for whatever is not as planned, and none if
// all of it is.
func Verify(p *Plan, after *snapshot.Snapshot) *report.Report {
	v := verifier{plan: p, world: newWorld(after.Sorted(), nil), report: &report.Report{
		Kind: report.Verification, Title: "Verification of a plan for " + p.Server.URL, Provenance: p.provenance(p.Digest()), Gaps: gapsOf(after.Gaps),
		Guides: verifyGuides,
	}}
	v.report.Provenance.Sources = append(v.report.Provenance.Sources, report.Source{
		Label: "after", Server: after.Server.URL, Version: after.Server.Version, Account: after.Account, Taken: after.TakenAt.UTC(), Digest: after.Digest(),
	})
	if after.Server.URL != p.Server.URL {
		v.find(CodeServer, report.Critical, "The snapshot is of the server "+quote(after.Server.URL)+", the plan of "+quote(p.Server.URL)+".", "", "")
	}
	if after.TakenAt.Before(p.TakenAt) {
		v.find(CodeOld, report.High, "The snapshot is older than the one that the plan was made from.", "", "")
	}
	v.holders()
	v.objects()
	r := v.report
	r.Lead = "Everything is as planned."
	if n := len(r.Findings); n > 0 {
		r.Lead = "Not everything is as planned: " + count(n, "finding") + "."
	}
	r.Figures = []report.Figure{
		{Label: "Holders as planned", Number: v.same},
		{Label: "Holders who can do more than planned", Number: v.wider, Severity: severityIf(v.wider > 0, report.High)},
		{Label: "Holders who can do less than planned", Number: v.narrower, Severity: severityIf(v.narrower > 0, report.High)},
		{Label: "Objects as planned", Number: v.done},
		{Label: "Objects not as planned", Number: v.undone, Severity: severityIf(v.undone > 0, report.High)},
	}
	if n := p.Blocked(); n > 0 {
		r.Notes = append(r.Notes, report.Note{Title: "Left out", Text: count(n, "step") + " of the plan could not be carried out, and so is not expected."})
	}
	r.Notes = append(r.Notes, report.Note{Title: "Rights", Text: "The effective rights of a holder are what all of its roles grant together."})
	return r
}

type verifier struct {
	*world

	plan   *Plan
	report *report.Report

	same, wider, narrower, done, undone int
}

func (v *verifier) find(code Code, severity report.Severity, title, role, holder string) {
	f := report.Finding{Code: string(code), Severity: severity, Title: title}
	if role != "" {
		f.Roles = []report.Item{{Text: role}}
	}
	if holder != "" {
		f.Holders = []report.Item{{Text: holder}}
	}
	v.report.Findings = append(v.report.Findings, f)
}

// holders compares effective rights. Everybody who is as planned and whom the plan does
// not change is only counted.
func (v *verifier) holders() {
	s := newSets()
	now := map[Key][]int{}
	spelled := map[Key]Key{}
	for i := range v.Roles {
		set := s.add(v.grants(&v.Roles[i]))
		for _, h := range v.Roles[i].Holders {
			now[h.Key.Fold()] = append(now[h.Key.Fold()], set)
			spelled[h.Key.Fold()] = h.Key
		}
	}
	planned := make([]int, len(v.plan.Sets)) // numbers of the plan's sets among ours
	for i, paths := range v.plan.Sets {
		planned[i] = s.add(permissions.NewSet(paths...))
	}
	words := v.plan.words()
	table := report.Table{ID: "holders", Title: "Holders", Columns: []report.Column{
		{Title: "Holder", Kind: report.Holders}, {Title: "Result"}, {Title: "Can do more than planned"}, {Title: "Can do less than planned"},
	}}
	check := func(k Key, before, want int, unplanned bool) {
		is := s.join(now[k.Fold()])
		more, less := s.lacks(want, is), s.lacks(is, want)
		row := report.Row{Mark: report.OK, Cells: []report.Cell{{Text: k.String()}, {Text: "as planned"}}}
		switch {
		case more && less:
			row.Cells[1].Text, row.Mark = "wider and narrower", report.Warning
		case more:
			row.Cells[1].Text, row.Mark = "wider", report.Widened
		case less:
			row.Cells[1].Text, row.Mark = "narrower", report.Lost
		}
		if more || less {
			diff := s.list[want].Diff(s.list[is])
			row.Cells = append(row.Cells, report.Cell{Items: words.effects(diff.Added, report.Widened)}, report.Cell{Items: words.effects(diff.Removed, report.Lost)})
		}
		if more {
			v.wider++
			text := quote(k.String()) + " can do more than planned."
			if unplanned {
				text = quote(k.String()) + " held no role when the plan was made, and holds one now that the plan does not give."
			}
			v.find(CodeWider, report.High, text, "", k.String())
		}
		if less {
			v.narrower++
			v.find(CodeNarrower, report.High, quote(k.String())+" can do less than planned.", "", k.String())
		}
		if !more && !less {
			v.same++
		}
		if more || less || before != want {
			table.Rows = append(table.Rows, row)
		}
	}
	known := make(map[Key]bool, len(v.plan.Holders))
	for _, h := range v.plan.Holders {
		known[h.Key.Fold()] = true
		check(h.Key, planned[h.Before], planned[h.After], false)
	}
	var others []Key
	for k := range now {
		if !known[k] {
			others = append(others, spelled[k])
		}
	}
	slices.SortFunc(others, compareKeys)
	for _, k := range others {
		check(k, 0, 0, true)
	}
	if len(table.Rows) > 0 {
		table.Note = "Whoever is as planned, and whom the plan does not change, is not listed."
		v.report.Tables = append(v.report.Tables, table)
	}
	for _, g := range v.Gaps {
		if about := g.Part == snapshot.PartRolesV1 || g.Part == snapshot.PartRolesV2; about && g.Reason != snapshot.ReasonNotThere && g.Reason != snapshot.ReasonGone {
			v.find(CodeNotKnown, report.Medium, "The rights of holders of what could not be read are not known: "+gapText(&g)+".", g.Object, "")
		}
	}
}

// objects compares each object that the plan changes.
func (v *verifier) objects() {
	table := report.Table{ID: "objects", Title: "Objects", Columns: []report.Column{{Title: "Object"}, {Title: "Steps"}, {Title: "Result"}}}
	deleted := map[string]bool{} // roles that the plan deletes: their identities go with them
	for _, w := range v.plan.wholes() {
		if w.kind == KindRole && w.after == nil && w.steps[0].Blocked == "" {
			deleted[names.Fold(w.name)] = true
		}
	}
	for _, w := range v.plan.wholes() {
		if w.steps[0].Blocked != "" || w.kind == KindMembers && deleted[names.Fold(w.name)] {
			continue
		}
		some := w.after
		if some == nil {
			some = w.before
		}
		now, unread := v.current(some)
		if now == nil && w.kind == KindMembers { // of a role that was renamed, too
			now, unread = v.membersNow(w)
		}
		result, mark := "as planned", report.OK
		switch {
		case unread != "":
			result, mark = "not known: "+unread, report.Warning
			v.find(CodeNotKnown, report.Medium, v.title(w)+" could not be read: "+unread+".", w.role(), "")
		case !now.Same(w.after):
			result, mark = v.differs(now, w), report.Warning
			v.find(CodeObject, report.High, v.title(w)+" is not as planned: "+result+".", w.role(), "")
		}
		if mark == report.OK {
			v.done++
		} else {
			v.undone++
		}
		var steps []string
		for _, s := range w.steps {
			steps = append(steps, strconv.Itoa(s.Number))
		}
		table.Rows = append(table.Rows, report.Row{Mark: mark, Cells: []report.Cell{{Text: string(w.kind) + " " + w.name}, {Text: strings.Join(steps, ", ")}, {Text: result}}})
	}
	if len(table.Rows) > 0 {
		v.report.Tables = append(v.report.Tables, table)
	}
}

// membersNow finds the identities of a role that the plan creates or renames.
func (v *verifier) membersNow(w *whole) (*Object, string) {
	for _, other := range v.plan.wholes() {
		if other.kind == KindRole && names.Same(other.name, w.name) && other.after != nil {
			if r := v.roleNow(other.after.Role.ID, other.after.Role.Name); r != nil {
				return &Object{Members: v.members(r)}, v.unread(r, 1)
			}
		}
	}
	return nil, ""
}

func (v *verifier) title(w *whole) string { return "The " + string(w.kind) + " " + quote(w.name) }

func (w *whole) role() string {
	if w.kind == KindRole || w.kind == KindMembers {
		return w.name
	}
	return ""
}

// differs says how an object differs from what is planned.
func (v *verifier) differs(now *Object, w *whole) string {
	switch {
	case now.Same(w.before):
		return "it is as it was before the plan"
	case now == nil:
		return "it is not there"
	case w.after == nil:
		return "it is still there"
	}
	var what []string
	for _, f := range (&whole{kind: w.kind, before: w.after, after: now}).fields(nil) {
		what = append(what, strings.ToLower(f.Label))
	}
	return "it differs in its " + strings.Join(what, ", ")
}
