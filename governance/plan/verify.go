package plan

import (
	"fmt"
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
	v := verifier{found: map[string]int{}, named: map[[2]string]bool{}, plan: p, world: newWorld(after.Sorted(), nil), report: &report.Report{
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
	if n := p.Blocked(); n > 0 {
		r.Lead = "Everything is as planned, apart from " + count(n, "step") + " that the plan leaves out."
	}
	if len(r.Findings) > 0 {
		r.Lead = "Not everything is as planned: " + v.different() + "."
	}
	r.Figures = []report.Figure{
		{Label: "Holders as planned", Number: v.same},
		{Label: "Holders who can do more than planned", Number: v.wider, Severity: severityIf(v.wider > 0, report.High)},
		{Label: "Holders who can do less than planned", Number: v.narrower, Severity: severityIf(v.narrower > 0, report.High)},
		{Label: "Objects as planned", Number: v.done},
		{Label: "Objects not as planned", Number: v.undone, Severity: severityIf(v.undone > 0, report.High)},
	}
	if n := p.Blocked(); n > 0 {
		r.Notes = append(r.Notes, report.Note{Title: "Left out", Text: count(n, "step") + " of the plan could not be carried out, so nothing of it is expected."})
	}
	r.Notes = append(r.Notes, report.Note{Title: "Rights", Text: "The effective rights of a holder are what all of its roles grant together."})
	return r
}

type verifier struct {
	*world

	plan   *Plan
	report *report.Report

	found map[string]int     // index of a finding, by what it says of several holders
	named map[[2]string]bool // roles of such findings

	same, wider, narrower, done, undone int
}

// different says in short what is not as planned.
func (v *verifier) different() string {
	var parts []string
	for _, part := range []struct {
		n          int
		what, more string
	}{{v.wider, "holder", " can do more"}, {v.narrower, "holder", " can do less"}, {v.undone, "object", " not as planned"}} {
		if part.n > 0 {
			parts = append(parts, count(part.n, part.what)+part.more)
		}
	}
	if len(parts) == 0 {
		return count(len(v.report.Findings), "finding")
	}
	return strings.Join(parts, ", ")
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
	now, roles := map[Key][]int{}, map[Key][]string{}
	spelled := map[Key]Key{}
	granted := map[string]int{} // by role
	for i := range v.Roles {
		r := &v.Roles[i]
		set := s.add(v.grants(r))
		granted[r.Name] = set
		for _, h := range r.Holders {
			k := h.Key.Fold()
			now[k], roles[k] = append(now[k], set), append(roles[k], r.Name)
			spelled[k] = h.Key
		}
	}
	planned := make([]int, len(v.plan.Sets)) // numbers of the plan's sets among ours
	for i, paths := range v.plan.Sets {
		planned[i] = s.add(permissions.NewSet(paths...))
	}
	words := v.plan.words()
	var different, alike []report.Row
	check := func(k Key, before, want int, unplanned bool) {
		is := s.join(now[k.Fold()])
		more, less := s.lacks(want, is), s.lacks(is, want)
		row := report.Row{Mark: report.OK, Cells: []report.Cell{{Text: k.String()}, {Text: "as planned"}}}
		if !more && !less {
			v.same++
			if before != want {
				alike = append(alike, row)
			}
			return
		}
		diff := s.list[want].Diff(s.list[is])
		added, removed := words.effects(diff.Added, report.Widened), words.effects(diff.Removed, report.Lost)
		switch {
		case more && less:
			row.Cells[1].Text, row.Mark = "wider and narrower", report.Warning
		case more:
			row.Cells[1].Text, row.Mark = "wider", report.Widened
		default:
			row.Cells[1].Text, row.Mark = "narrower", report.Lost
		}
		row.Cells = append(row.Cells, report.Cell{Items: added}, report.Cell{Items: removed})
		different = append(different, row)
		id := fmt.Sprintf("%d %d %t", want, is, unplanned)
		if more {
			v.wider++
			var through []string // that grant what is too much
			for _, name := range roles[k.Fold()] {
				if slices.ContainsFunc(diff.Added, func(e permissions.Effect) bool { return s.list[granted[name]].Allows(e.Path) }) {
					through = append(through, name)
				}
			}
			what := "can do more than planned"
			if unplanned {
				what = "held no role when the plan was made, and can now do what the plan does not give"
			}
			v.findHolder(CodeWider, id, what, k, through, added)
		}
		if less {
			v.narrower++
			v.findHolder(CodeNarrower, id, "can do less than planned", k, nil, removed)
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
	columns := []report.Column{{Title: "Holder", Kind: report.Holders}, {Title: "Result"}, {Title: "Can do more than planned"}, {Title: "Can do less than planned"}}
	v.tables("holders", "Holders", columns, different, alike, "Those whom the plan does not change are not among them.")
	for _, g := range v.Gaps {
		if about := g.Part == snapshot.PartRolesV1 || g.Part == snapshot.PartRolesV2; about && g.Reason != snapshot.ReasonNotThere && g.Reason != snapshot.ReasonGone {
			v.find(CodeNotKnown, report.Medium, "The rights of holders of what could not be read are not known: "+gapText(&g)+".", g.Object, "")
		}
	}
}

// findHolder notes a finding about a holder. Holders of whom the same is to be said are
// in one.
func (v *verifier) findHolder(code Code, id, what string, k Key, through []string, evidence []report.Item) {
	id = string(code) + " " + id
	at, found := v.found[id]
	if !found {
		at = len(v.report.Findings)
		v.found[id] = at
		v.find(code, report.High, quote(k.String())+" "+what+".", "", k.String())
		v.report.Findings[at].Evidence = evidence
	}
	f := &v.report.Findings[at]
	if found {
		f.Holders = append(f.Holders, report.Item{Text: k.String()})
		f.Title = count(len(f.Holders), "holder") + " " + what + "."
	}
	for _, name := range through {
		if !v.named[[2]string{id, name}] {
			v.named[[2]string{id, name}] = true
			f.Roles = append(f.Roles, report.Item{Text: name})
		}
	}
}

// tables adds what differs as a table, and then what is as planned.
func (v *verifier) tables(id, title string, columns []report.Column, different, alike []report.Row, note string) {
	if len(different) > 0 {
		v.report.Tables = append(v.report.Tables, report.Table{ID: id, Title: title + " that are not as planned", Columns: columns, Rows: different})
	}
	if len(alike) > 0 {
		v.report.Tables = append(v.report.Tables, report.Table{ID: id + "-as-planned", Title: title + " that are as planned", Note: note, Columns: columns[:min(len(columns), len(alike[0].Cells))], Rows: alike, Folded: true})
	}
}

// objects compares each object that the plan changes.
func (v *verifier) objects() {
	words := v.plan.words()
	var different, alike []report.Row
	var untouched []*whole
	deleted := map[string]bool{}      // roles that the plan deletes: their identities go with them
	become := map[string]*RoleState{} // what becomes of the others
	wholes := v.plan.wholes()
	for _, w := range wholes {
		switch {
		case w.kind != KindRole:
		case w.after != nil:
			become[names.Fold(w.name)] = w.after.Role
		case w.steps[0].Blocked == "":
			deleted[names.Fold(w.name)] = true
		}
	}
	for _, w := range wholes {
		if w.steps[0].Blocked != "" || w.kind == KindMembers && deleted[names.Fold(w.name)] {
			continue
		}
		some := w.after
		if some == nil {
			some = w.before
		}
		now, unread := v.current(some)
		if now == nil && w.kind == KindMembers { // of a role that was renamed, too
			now, unread = v.membersNow(become[names.Fold(w.name)])
		}
		result, mark := "as planned", report.OK
		switch {
		case unread != "":
			result, mark = "not known: "+unread, report.Warning
			v.find(CodeNotKnown, report.Medium, v.title(w)+" could not be read: "+unread+".", w.role(), "")
		case !now.Same(w.after):
			result, mark = v.differs(now, w), report.Warning
			if now.Same(w.before) {
				untouched = append(untouched, w)
				break
			}
			v.find(CodeObject, report.High, v.title(w)+" is not as planned: "+result+".", w.role(), "")
			v.report.Findings[len(v.report.Findings)-1].Evidence = w.instead(now, words)
		}
		var steps []string
		for _, s := range w.steps {
			steps = append(steps, strconv.Itoa(s.Number))
		}
		row := report.Row{Mark: mark, Cells: []report.Cell{{Text: string(w.kind) + " " + w.name}, {Text: strings.Join(steps, ", ")}, {Text: result}}}
		if mark == report.OK {
			v.done++
			alike = append(alike, row)
		} else {
			v.undone++
			different = append(different, row)
		}
	}
	v.untouched(untouched)
	v.tables("objects", "Objects", []report.Column{{Title: "Object"}, {Title: "Steps"}, {Title: "Result"}}, different, alike, "")
}

// untouched notes the objects that are as they were before the plan, in one finding.
func (v *verifier) untouched(list []*whole) {
	if len(list) == 0 {
		return
	}
	title := v.title(list[0]) + " is as it was before the plan."
	if len(list) > 1 {
		title = count(len(list), "object") + " are as they were before the plan."
	}
	v.find(CodeObject, report.High, title, "", "")
	f := &v.report.Findings[len(v.report.Findings)-1]
	f.Do = "If the plan was not carried out, or not in full: apply it."
	named := map[string]bool{}
	for _, w := range list {
		if name := w.role(); name != "" && !named[name] {
			named[name] = true
			f.Roles = append(f.Roles, report.Item{Text: name})
		}
		if len(list) > 1 && w.kind != KindRole {
			f.Evidence = append(f.Evidence, report.Item{Text: string(w.kind) + " " + w.name})
		}
	}
}

// instead says what an object has that is not planned, and what it lacks.
func (w *whole) instead(now *Object, words *words) (items []report.Item) {
	if now == nil || w.after == nil {
		return nil
	}
	for _, f := range (&whole{kind: w.kind, before: w.after, after: now}).fields(words) {
		for _, i := range slices.Concat(f.Before, f.After) {
			if i.Mark != "" {
				i.Text = strings.ToLower(f.Label) + ": " + i.Text
				items = append(items, i)
			}
		}
	}
	return items
}

// membersNow finds the identities of a role that the plan creates or renames.
func (v *verifier) membersNow(role *RoleState) (*Object, string) {
	if role == nil {
		return nil, ""
	}
	if r := v.roleNow(role.ID, role.Name); r != nil {
		return &Object{Members: v.members(r)}, v.unread(r, 1)
	}
	return nil, ""
}

func (v *verifier) title(w *whole) string {
	text := "The " + string(w.kind) + " " + quote(w.name)
	if w.kind == KindRole && w.after != nil && !names.Same(w.after.Role.Name, w.name) {
		text += ", which becomes " + quote(w.after.Role.Name) + ","
	}
	return text
}

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
