package migration

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// desired writes the results as a desired state.
func (e *engine) desired() *plan.Desired {
	d := &plan.Desired{Server: plan.Text{Value: e.target.Server.URL}}
	describe := map[Key]bool{}
	for _, res := range e.results {
		if res.left {
			for _, r := range res.members {
				d.Notes = append(d.Notes, fmt.Sprintf("The role %s is left out: %s", quote(r.Name), r.reasons[0].short()))
			}
			continue
		}
		d.Roles = append(d.Roles, e.desiredRole(res))
		for _, name := range res.absent {
			d.Absent.Roles = append(d.Absent.Roles, plan.Text{Value: name})
		}
		for _, k := range res.holders {
			describe[k.Fold()] = true
		}
	}
	for _, r := range e.roles {
		if r.skipped {
			d.Notes = append(d.Notes, fmt.Sprintf("The role %s is skipped by the rules.", quote(r.Name)))
		}
	}
	slices.SortFunc(d.Roles, func(a, b plan.Role) int {
		return cmp.Or(cmp.Compare(names.Fold(a.Name), names.Fold(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(d.Absent.Roles, func(a, b plan.Text) int { return cmp.Compare(a.Value, b.Value) })
	slices.Sort(d.Notes)
	e.describeClaims(d, describe)
	return d
}

// describeClaims keeps the descriptions of claims that are new on the target.
func (e *engine) describeClaims(d *plan.Desired, held map[Key]bool) {
	has := map[Key]bool{}
	for _, c := range e.target.Claims {
		has[c.Key.Fold()] = true
	}
	for _, c := range e.source.Claims {
		m := e.mapped[c.Key.Fold()]
		if m == nil || m.to.Type != m.from.Type || m.to.Value != m.from.Value || !held[m.to.Fold()] || has[m.to.Fold()] ||
			strings.TrimSpace(c.Description) == "" || limits.Exceeds(c.Description, limits.ClaimText) || limits.UnfitDescription(c.Description) != "" {
			continue
		}
		has[m.to.Fold()] = true
		description := c.Description
		d.Claims = append(d.Claims, plan.Claim{Key: m.to, Description: &description})
	}
}

func (e *engine) desiredRole(res *result) plan.Role {
	out := plan.Role{Name: res.name, Was: res.was, PermissionSet: res.set, Existing: res.existing}
	first := res.members[0]
	if res.texts {
		description := shorten(cmp.Or(strings.TrimSpace(limits.Seen(first.Description)), res.name), limits.Description)
		out.Description = &description
		if first.EmailAddress != "" && !e.noEmail && !limits.Exceeds(first.EmailAddress, limits.Email) && limits.UnfitEmail(first.EmailAddress) == "" {
			email := first.EmailAddress
			out.EmailAddress = &email
		}
	}
	if res.says {
		out.Permissions = []plan.Text{}
		for p := range res.paths.All() {
			out.Permissions = append(out.Permissions, plan.Text{Value: e.objects.text(p)})
		}
	}
	if res.holds {
		out.Holders = []plan.Holder{}
		for _, k := range res.holders {
			out.Holders = append(out.Holders, plan.Holder{Key: k})
		}
	}
	return out
}

// shorten keeps the beginning of a text that is longer than the server takes.
func shorten(text string, limit int) string {
	for limits.Exceeds(text, limit) {
		runes := []rune(text)
		text = string(runes[:min(len(runes)-1, limit)])
	}
	return text
}

func (r reason) short() string {
	if r.code == CodePermission {
		return "somebody has to decide about the permission " + r.text + "."
	}
	return r.text
}

// plural is "1 role", "2 roles".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

func severityIf(condition bool, s report.Severity) report.Severity {
	if condition {
		return s
	}
	return ""
}

// counts are the numbers of a report.
type counts struct {
	migrated, waiting, skipped int // roles
	widened, lost, toDecide    int // permissions of roles
	more, less, unmapped       int // holders
	waits                      int // of less: only because roles wait
	nothing, moved, admins     int
}

// report says what became of everything.
func (e *engine) report() *report.Report {
	var n counts
	r := &report.Report{
		Kind: report.Migration, Title: "Migration from " + e.source.Server.URL + " to " + e.target.Server.URL,
		Provenance: e.provenance(), Gaps: slices.Concat(gapsOf(e.source, "source"), gapsOf(e.target, "target")), Guides: guides,
	}
	if e.same {
		r.Title = "Migration of " + e.source.Server.URL
	}
	roles, rows := e.rolesTable(&n), e.permissionsTable(&n)
	l := e.ledger(e.promised())
	people := e.holdersTable(&n, l)
	e.admins(l)
	r.Findings = slices.Concat(e.waiting(), e.findings)
	r.Tables = []report.Table{roles, people, rows}
	if objects := e.objectsTable(); len(objects.Rows) > 0 {
		r.Tables = append(r.Tables, objects)
	}
	if evidence := e.evidenceTable(); len(evidence.Rows) > 0 {
		r.Tables = append(r.Tables, evidence)
	}
	if e.rules.overlay != nil {
		r.Tables = append(r.Tables, e.overlayTable())
	}
	r.Lead = fmt.Sprintf("%s can be migrated.", plural(n.migrated, "role"))
	if n.waiting > 0 {
		r.Lead += fmt.Sprintf(" Left out until somebody decides: %s.", plural(n.waiting, "role"))
	}
	if n.skipped > 0 {
		r.Lead += fmt.Sprintf(" Skipped by the rules: %s.", plural(n.skipped, "role"))
	}
	before := "before"
	if e.same && !e.source.TakenAt.Equal(e.target.TakenAt) { // the plan compares with what the server is now
		before = "when the source was read"
	}
	r.Lead += fmt.Sprintf(" Afterwards %s can do more than %s, and %s less.", plural(n.more, "holder"), before, strconv.Itoa(n.less))
	if n.waits > 0 {
		of := fmt.Sprintf("%d of them only", n.waits)
		if n.waits == n.less {
			of = "only"
		}
		r.Lead = strings.TrimSuffix(r.Lead, ".") + ", " + of + " because roles of theirs are left out."
	}
	if n.nothing > 0 {
		r.Lead += fmt.Sprintf(" %s can do nothing any more.", plural(n.nothing, "holder"))
	}
	if n.moved > 0 {
		r.Lead += fmt.Sprintf(" %s will have rights on other certificates than before.", plural(n.moved, "holder"))
	}
	if n.admins > 0 {
		r.Lead += fmt.Sprintf(" %s can change security who could not before.", plural(n.admins, "holder"))
	}
	if e.joins > 0 {
		r.Lead += fmt.Sprintf(" By patterns, %d accounts become %s: each gets what all of them could do.", e.joined, plural(e.joins, "claim"))
	}
	r.Figures = []report.Figure{
		{Label: "Roles left out, because somebody has to decide", Number: n.waiting, Severity: severityIf(n.waiting > 0, report.High)},
		{Label: "Roles that can be migrated", Number: n.migrated},
		{Label: "Roles skipped by the rules", Number: n.skipped},
		{Label: "Permissions to decide about", Number: n.toDecide, Note: "counted for each role", Severity: severityIf(n.toDecide > 0, report.High)},
		{Label: "Permissions that become wider", Number: n.widened, Severity: severityIf(n.widened > 0, report.Medium)},
		{Label: "Permissions that are lost, in part or as a whole", Number: n.lost, Severity: severityIf(n.lost > 0, report.Medium)},
		{Label: "Holders who can do more afterwards", Number: n.more, Severity: severityIf(n.more > 0, report.Medium)},
		{Label: "Holders who can do less afterwards", Number: n.less, Note: onlyBecause(n.waits), Severity: severityIf(n.less > 0, report.Medium)},
		{Label: "Holders who can do nothing any more", Number: n.nothing, Severity: severityIf(n.nothing > 0, report.Medium)},
		{Label: "Holders with rights on other certificates", Number: n.moved, Severity: severityIf(n.moved > 0, report.Medium)},
		{Label: "Holders who can change security, and could not before", Number: n.admins, Severity: severityIf(n.admins > 0, report.High)},
		{Label: "Holders who become no claim", Number: n.unmapped, Severity: severityIf(n.unmapped > 0, report.Medium)},
	}
	r.Notes = e.notes()
	r.SignOff = &report.SignOff{
		Statement: "I have read what becomes of the roles and their holders on " + e.target.Server.URL + ", and approve the rules that decide it.",
		Decisions: []string{"approved", "approved with exceptions", "not approved"}, Signers: []string{"Reviewer", "Owner of the PKI"},
	}
	return r
}

func sourceOf(s *snapshot.Snapshot, label string) report.Source {
	return report.Source{Label: label, Server: s.Server.URL, Version: s.Server.Version, Account: s.Account, Taken: s.TakenAt.UTC(), Digest: s.Digest()}
}

func (e *engine) provenance() report.Provenance {
	return report.Provenance{Sources: []report.Source{sourceOf(e.source, "source"), sourceOf(e.target, "target")}, Files: e.rules.files}
}

func gapsOf(s *snapshot.Snapshot, label string) []report.Gap {
	var out []report.Gap
	for _, g := range s.Gaps {
		if g.Reason == snapshot.ReasonNotAsked || g.Reason == snapshot.ReasonNotThere {
			continue
		}
		what := label + ": " + string(g.Part)
		if g.Object != "" {
			what += " (" + g.Object + ")"
		}
		reason := string(g.Reason)
		if g.Detail != "" {
			reason += ": " + g.Detail
		}
		out = append(out, report.Gap{What: what, Reason: reason, Effect: "A role that depends on it is left out, unless the rules accept that."})
	}
	return out
}

// guides say once what findings of a kind have in common.
var guides = []report.Guide{
	{
		Code: string(CodePermission), Title: "Permissions that somebody has to decide about",
		Why: "The two models differ. A permission that would become wider or narrower, that is converted by a guess, or not at all, keeps its roles from being migrated.",
		Do:  "Write a decision about it into the rules, for all roles or for one: accept takes what it becomes, paths say what it stands for, drop leaves it out.",
	},
	{
		Code: string(CodeObject), Title: "Objects that are not found on the target",
		Why: "Permissions name collections, containers and providers by ids, which differ between servers. They are translated by name.",
		Do:  "Say in the rules which object of the target is meant, or drop it.",
	},
	{Code: string(CodeHolder), Title: "Holders that become no claim", Do: "Say in the rules what they become (identities), or drop them."},
	{Code: string(CodePermissionSet), Title: "Permission sets", Why: "A role can be granted what its permission set allows, and nothing else."},
	{Code: string(CodeName), Title: "Names of roles"},
	{Code: string(CodeExists), Title: "Roles that the target has already", Why: "Nothing that others made is overwritten unless somebody says so."},
	{Code: string(CodeMerged), Title: "Roles that wait for others"},
	{Code: string(CodeNotRead), Title: "Roles that could not be read in full"},
	{Code: string(CodeDisabled), Title: "Disabled roles", Why: "Version 2 of the API cannot disable a role. Whether a disabled one grants anything is not documented."},
	{Code: string(CodeSignature), Title: "Broken signatures"},
	{
		Code: string(CodeBuiltIn), Title: "Built-in roles",
		Why: "Every server has Administrator and Reporting API Access. Nobody can change more of them than who holds them.",
	},
	{Code: string(CodeGone), Title: "Roles that were deleted since"},
	{Code: string(CodeUnused), Title: "Rules that are about nothing"},
	{Code: string(CodeUnlisted), Title: "Permissions that the target does not list"},
	{Code: string(CodeImmutable), Title: "Roles of the target that cannot be changed"},
	{Code: string(CodeRenamed), Title: "Roles with another name"},
	{Code: string(CodeCut), Title: "Texts that are too long, or cannot be reviewed"},
	{
		Code: string(CodeOneClaim), Title: "Accounts that become one claim",
		Why: "A pattern fits many accounts. Without a part of the account in its claim, all of them become one.",
	},
	{
		Code: string(CodeAdmin), Title: "New rights to change security", Why: "Who can change roles can give themselves everything.",
		Do: "Make sure that this is meant: look at the pattern, the merge or the decision that is the cause.",
	},
	{Code: string(CodeTexts), Title: "Descriptions of merged roles"},
	{Code: string(CodeEmail), Title: "E-mail addresses of roles"},
}

// waiting are the findings about what has to be decided: one for each permission, object,
// holder and other reason, however many roles wait for it.
func (e *engine) waiting() []report.Finding {
	type about struct {
		code Code
		text string
	}
	byAbout := map[about]*report.Finding{}
	var order []about
	for _, r := range e.roles {
		for _, why := range r.reasons {
			key := about{why.code, why.text}
			f := byAbout[key]
			if f == nil {
				f = &report.Finding{Code: string(why.code), Severity: report.High, Title: why.text, Do: why.do}
				byAbout[key] = f
				order = append(order, key)
			}
			if n := len(f.Roles); n == 0 || f.Roles[n-1].Text != r.Name {
				f.Roles = append(f.Roles, report.Item{Text: r.Name, Link: r.anchor})
			}
			switch shared := why.code == CodePermission || why.code == CodeObject || why.code == CodeHolder; {
			case shared: // the title says what it is about
			case len(f.Roles) == 1:
				f.Title = fmt.Sprintf("The role %s is left out. %s", quote(r.Name), why.text)
			default:
				f.Title = fmt.Sprintf("%d roles are left out, each for this reason. %s", len(f.Roles), why.text)
			}
		}
		for _, row := range r.rows {
			if row.item == nil || !row.waits {
				continue
			}
			if f := byAbout[about{code: CodePermission, text: string(row.item.Name)}]; f != nil && f.Detail == "" {
				describePermission(f, row.item)
			}
		}
	}
	out := make([]report.Finding, 0, len(order))
	for _, key := range order {
		out = append(out, *byAbout[key])
	}
	return out
}

// describePermission says what is to be decided about a name.
func describePermission(f *report.Finding, item *permissions.Item) {
	name := string(item.Name)
	switch {
	case item.Outcome == permissions.OutcomeUnknown, item.Outcome == permissions.OutcomeRefused:
		f.Title = fmt.Sprintf("%s is not converted: %s.", name, strings.TrimSuffix(item.Reason, "."))
		f.Do = "Write paths or drop: true. Accepting it is not enough, because nothing is granted for it."
	case item.Outcome == permissions.OutcomeDropped:
		f.Title = name + " would be lost."
	case item.Widens != "":
		f.Title = name + " would become wider."
	case item.Narrows != "":
		f.Title = name + " would become narrower."
	default:
		f.Title = name + " is converted by a guess."
	}
	f.Detail = evidence(item) + "."
	if item.Widens != "" {
		f.Detail += " Its holders could then: " + item.Widens + "."
	}
	if item.Narrows != "" {
		f.Detail += " They could no longer: " + item.Narrows + "."
	}
	for _, p := range item.Paths {
		f.Evidence = append(f.Evidence, report.Item{Code: string(p), Text: permissions.EffectOf(p)})
	}
}

// evidence says how sure a conversion is, and by what.
func evidence(item *permissions.Item) string {
	if item.Proven {
		return item.Confidence.String() + ", " + proof(item.Proof)
	}
	if len(item.Mappings) == 0 {
		return "nothing is known about it"
	}
	var sources []string
	for _, m := range item.Mappings {
		text := m.Confidence.String()
		if m.Evidence != "" {
			text += " (" + string(m.Evidence) + ")"
		}
		if m.Source != "" {
			text += ": " + m.Source
		}
		if !slices.Contains(sources, text) {
			sources = append(sources, text)
		}
	}
	text := strings.Join(sources, "; ")
	if item.Proof != nil {
		text += "; " + string(item.Proof.Verdict) + " " + proof(item.Proof)
	}
	return text
}

// sureness says in short how sure a conversion is.
func sureness(item *permissions.Item) string {
	if item.Proven {
		return evidence(item)
	}
	if item.Overridden {
		return "decided"
	}
	text := item.Confidence.String()
	marks := ""
	for _, m := range item.Mappings {
		if m.Evidence != "" && !strings.Contains(marks, string(m.Evidence)) {
			marks += " " + string(m.Evidence)
		}
	}
	if marks != "" {
		text += " (" + strings.TrimSpace(marks) + ")"
	}
	return text
}

// evidenceTable says once for each name what its conversion rests on.
func (e *engine) evidenceTable() report.Table {
	t := report.Table{ID: "evidence", Title: "What the conversion rests on", Columns: []report.Column{
		{Title: "Permission"}, {Title: "How sure"}, {Title: "Why"}, {Title: "Roles", Kind: report.Number},
	}}
	items, count := map[string]*permissions.Item{}, map[string]int{}
	for _, r := range e.roles {
		for _, row := range r.rows {
			if row.item == nil {
				continue
			}
			name := string(row.item.Name)
			if area, rest, ok := strings.Cut(name, "["); ok { // all objects have the same
				_, word, _ := strings.Cut(rest, "]")
				name = area + anyID + word
			}
			items[name] = row.item
			count[name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(items)) {
		var why []report.Item
		for _, m := range items[name].Mappings {
			for _, text := range []string{m.Remark, m.Caution} {
				if text != "" && !slices.ContainsFunc(why, func(i report.Item) bool { return i.Text == text }) {
					why = append(why, report.Item{Text: text})
				}
			}
		}
		t.Rows = append(t.Rows, report.Row{Cells: []report.Cell{{Text: name}, {Text: evidence(items[name])}, {Items: why}, {Text: strconv.Itoa(count[name])}}})
	}
	return t
}

// proof says where a row of an overlay comes from.
func proof(row *permissions.OverlayRow) string {
	text := "by a server"
	if row.Version != "" {
		text += " of version " + row.Version
	}
	if !row.Date.IsZero() {
		text += " on " + row.Date.Format(time.DateOnly)
	}
	if row.Roles > 0 {
		text += ", " + plural(row.Roles, "role")
	}
	return text
}

func (e *engine) rolesTable(n *counts) report.Table {
	t := report.Table{ID: "roles", Title: "Roles", Columns: []report.Column{
		{Title: "Role", Kind: report.Roles},
		{Title: "What becomes of it"},
		{Title: "On the target"},
		{Title: "Permission set"},
		{Title: "Permissions", Kind: report.Number},
		{Title: "Holders", Kind: report.Number},
		{Title: "Why"},
	}}
	for _, r := range e.roles {
		row := report.Row{Anchor: r.anchor, Cells: []report.Cell{{Text: r.Name}}}
		if r.skipped {
			n.skipped++
			row.Cells = append(row.Cells, report.Cell{Text: "skipped by the rules"}, report.Cell{}, report.Cell{}, report.Cell{}, report.Cell{},
				report.Cell{Items: []report.Item{{Text: "The rule in " + r.rule.because(r.rule.why)}}})
			t.Rows = append(t.Rows, row)
			continue
		}
		res := r.result
		var why []report.Item
		what, set := "created", ""
		switch {
		case res.left:
			n.waiting++
			what, row.Mark = "left out", report.Warning
			for _, reason := range r.reasons {
				why = append(why, report.Item{Text: reason.short()})
			}
			if r.rule != nil {
				why = append(why, report.Item{Text: "The rule in " + r.rule.because(r.rule.why)})
			}
			row.Cells = append(row.Cells, report.Cell{Text: what}, report.Cell{}, report.Cell{}, report.Cell{}, report.Cell{}, report.Cell{Items: why})
			t.Rows = append(t.Rows, row)
			continue
		case r.builtIn:
			what = res.holdersOnly()
			why = append(why, report.Item{Text: "It is built in: what it grants cannot be changed. Nobody is taken from it, so that nobody is locked out."})
		case len(res.members) > 1:
			what = "merged"
		case res.was != "" && res.was != res.name:
			what = "renamed"
		case res.now != nil && !res.says:
			what = res.holdersOnly()
		case res.now != nil && res.existing == plan.Add:
			what = "completed"
		case res.now != nil:
			what = "made so"
		}
		for _, reason := range r.accepted {
			why = append(why, report.Item{Text: "Accepted: " + reason.text, Mark: report.Warning})
		}
		if r.rule != nil {
			why = append(why, report.Item{Text: "The rule in " + r.rule.because(r.rule.why)})
		}
		n.migrated++
		if res.set != nil {
			set = *res.set
		}
		row.Mark = report.OK
		paths := strconv.Itoa(res.paths.Len())
		if !res.says {
			paths = "as it is"
		}
		held := strconv.Itoa(len(res.holders))
		if !res.holds {
			held = "as it is"
		}
		row.Cells = append(row.Cells, report.Cell{Text: what}, report.Cell{Text: res.name}, report.Cell{Text: set}, report.Cell{Text: paths}, report.Cell{Text: held}, report.Cell{Items: why})
		t.Rows = append(t.Rows, row)
	}
	return t
}

// holdersOnly says what becomes of a role that keeps what it grants.
func (res *result) holdersOnly() string {
	held, will := map[Key]bool{}, map[Key]bool{}
	if res.now != nil {
		for _, k := range keysOf(res.now) {
			held[k.Fold()] = true
		}
	}
	comes, goes := false, false
	for _, k := range res.holders {
		will[k.Fold()] = true
		comes = comes || !held[k.Fold()]
	}
	for k := range held {
		goes = goes || !will[k]
	}
	switch {
	case res.holds && comes:
		return "gets holders"
	case res.holds && goes && res.existing != plan.Add && len(will) == 0:
		return "loses its holders"
	case res.holds && goes && res.existing != plan.Add:
		return "loses holders"
	}
	return "stays as it is"
}

func (e *engine) permissionsTable(n *counts) report.Table {
	t := report.Table{
		ID: "permissions", Title: "Permissions of the roles", Note: "Lost is what nobody can do any more through the permission, Widens what its holders could not do before.",
		Columns: []report.Column{
			{Title: "Permission"}, {Title: "Becomes"}, {Title: "How sure"}, {Title: "Widens"}, {Title: "Lost"}, {Title: "Decision"}, {Title: "Role", Kind: report.Roles},
		},
	}
	for _, r := range e.roles {
		for _, row := range r.rows {
			out := report.Row{Group: "Role " + r.Name, Filter: r.Name}
			sure, widens, lost, decision := "as the server shows it", "", row.lostWhat, row.decided
			if row.item != nil {
				sure, widens, lost = sureness(row.item), row.item.Widens, row.item.Narrows
			}
			for _, name := range row.dropped {
				lost = strings.TrimPrefix(lost+"; what it is about is dropped: "+name, "; ")
			}
			notes := row.notes
			if row.lost && lost == "" && row.item != nil && row.item.Outcome != permissions.OutcomeRefused {
				if still := stillGranted(row.item); still != "" {
					notes = append(slices.Clone(notes), "What it became is still granted by "+still)
				} else {
					lost = "everything"
				}
			}
			switch {
			case row.waits && !r.skipped:
				out.Mark = report.Warning
				decision = strings.TrimPrefix(decision+"; needs one", "; ")
				n.toDecide++
			case widens != "":
				out.Mark = report.Widened
			case lost != "":
				out.Mark = report.Lost
			}
			if widens != "" {
				n.widened++
			}
			if lost != "" {
				n.lost++
			}
			if len(notes) > 0 {
				decision = strings.TrimPrefix(decision+". "+strings.Join(notes, ". "), ". ")
			}
			out.Cells = []report.Cell{{Text: row.name}, {Items: row.becomes}, {Text: sure}, {Text: widens}, {Text: lost}, {Text: decision}, {Text: r.Name}}
			t.Rows = append(t.Rows, out)
		}
	}
	return t
}

func (e *engine) holdersTable(n *counts, l *ledger) report.Table {
	t := report.Table{
		ID: "holders", Title: "Holders", Note: "Those who can change security come first, then those who can do more, then less. " +
			"What holders can do is what all their roles grant together, when the desired state is carried out. " +
			"Before, a name counts as the paths that it is converted to without decisions, even if they allow more than it did.",
		Columns: holderColumns("Becomes"),
	}
	var people []person
	for _, m := range e.sortedMappings() {
		before, after := l.source(m.roles), l.target(m.is())
		v := compare(before, after)
		if m.wait != "" || m.drop {
			n.unmapped++
		}
		if v.wider() {
			n.more++
		}
		if len(v.moved) > 0 {
			n.moved++
		}
		if v.admin {
			n.admins++
		}
		waits := !m.drop && e.onlyWaits(l, m, after)
		if before.can() && !after.can() && !waits {
			n.nothing++
		}
		if v.narrower() {
			n.less++
			if waits {
				n.waits++
			}
		}
		people = append(people, e.person(m, &v))
	}
	t.Rows = sortedRows(people)
	return t
}

// onlyBecause is a note about how many holders lose something because roles wait.
func onlyBecause(waits int) string {
	if waits == 0 {
		return ""
	}
	return fmt.Sprintf("%d of them only because roles are left out", waits)
}

// onlyWaits reports whether a holder loses nothing but what roles grant that wait for a
// decision.
func (e *engine) onlyWaits(l *ledger, m *mapping, after *rights) bool {
	var ready []*role
	for _, r := range m.roles {
		if r.skipped || !r.result.left {
			ready = append(ready, r)
		}
	}
	if len(ready) == len(m.roles) {
		return false
	}
	v := compare(l.source(ready), after)
	return !v.narrower()
}

// waiting says how many roles of a holder are left out.
func (m *mapping) waiting() string {
	n := 0
	for _, r := range m.roles {
		if !r.skipped && r.result.left {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (roles that wait for a decision: %d of %d)", n, len(m.roles))
}

func (v *verdict) mark() report.Mark {
	switch {
	case v.admin || v.wider() && v.narrower():
		return report.Warning
	case v.wider():
		return report.Widened
	case len(v.moved) > 0:
		return report.Changed
	case v.narrower():
		return report.Lost
	}
	return report.OK
}

// items are what is different, in paths and in words.
func (e *engine) items(effects []permissions.Effect, words []string, mark report.Mark) []report.Item {
	var out []report.Item
	for _, effect := range effects {
		out = append(out, report.Item{Code: string(effect.Path), Text: e.objects.say(effect.Path), Mark: mark})
	}
	for _, text := range words {
		out = append(out, report.Item{Text: text, Mark: mark})
	}
	return out
}

// stillGranted names the permissions of the role that grant all that a dropped one would
// become, or is empty.
func stillGranted(item *permissions.Item) string {
	var by []string
	for _, m := range item.Mappings {
		i := slices.IndexFunc(item.StillGranted, func(r permissions.Redundancy) bool { return r.Path == m.Path })
		if m.Path == "" || i < 0 {
			return ""
		}
		if name := string(item.StillGranted[i].By); !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	return strings.Join(by, ", ")
}

// losses are what somebody can no longer do. Of a path that they were given only because
// a name is converted to it, that is what the name allowed.
func (e *engine) losses(v *verdict) []report.Item {
	out := e.items(v.less, v.lessWords, report.Lost)
	for i := range out {
		if text := v.part[permissions.Path(out[i].Code)]; text != "" {
			out[i].Text = text
		}
	}
	return out
}

// objectsTable says how the ids in permissions were translated.
func (e *engine) objectsTable() report.Table {
	t := report.Table{ID: "objects", Title: "Collections, containers and providers", Columns: []report.Column{
		{Title: "On the source"}, {Title: "Kind"}, {Title: "Id", Kind: report.Number}, {Title: "On the target"}, {Title: "Id"}, {Title: "How"},
	}}
	for _, kind := range kinds {
		known := e.objects.known[kind.scope]
		ids := slices.SortedFunc(maps.Keys(known), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		for _, id := range ids {
			o := known[id]
			row := report.Row{Cells: []report.Cell{{Text: o.name}, {Text: kind.noun}, {Text: id}, {}, {}, {Text: o.how}}}
			switch {
			case o.wait != "":
				row.Mark, row.Cells[5].Text = report.Warning, o.wait
			case o.drop:
				row.Mark = report.Removed
			case o.moved != "":
				row.Mark = report.Changed
				fallthrough
			default:
				row.Cells[3].Text, row.Cells[4].Text = o.to.name, o.to.id
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// overlayTable names what the conversion rests on besides the mapping of the library.
func (e *engine) overlayTable() report.Table {
	t := report.Table{
		ID: "overlay", Title: "What a server proved", Note: "The overlay takes precedence over the mapping of commandsec-go, and decisions over both.",
		Columns: []report.Column{{Title: "Name"}, {Title: "Verdict"}, {Title: "Paths"}, {Title: "Proved"}},
	}
	for _, row := range e.rules.overlay.Rows() {
		var paths []report.Item
		for _, p := range row.Paths {
			paths = append(paths, report.Item{Code: string(p)})
		}
		verdict := string(row.Verdict)
		if row.Exact {
			verdict += ", exactly"
		}
		t.Rows = append(t.Rows, report.Row{Cells: []report.Cell{{Text: string(row.Name)}, {Text: verdict}, {Items: paths}, {Text: proof(&row)}}})
	}
	return t
}

func (e *engine) notes() []report.Note {
	out := []report.Note{
		{Title: "How sure", Text: "documented: the vendor prints it. inferred: both sides describe the same job, or names match. guess: confirm it on a server first. " +
			"proven: a server's own roles show it. E1 to E3 say how strong the evidence is; docs/permissions.md explains them."},
		{Title: "Built-in roles", Text: "Administrator can do everything, and version 1 shows no permissions of it. " +
			"Nobody is taken from a built-in role, so that nobody is locked out: take people from it by hand, when others can sign in."},
	}
	if e.same {
		out = append(out, report.Note{Title: "The same server", Text: "Source and target are one server. Ids are kept, roles are found by their ids, and a role becomes what the report says: " +
			"what was added to it since the snapshot of the source is taken away again, and the plan shows that. Roles that are left out or skipped stay as they are."})
	} else {
		out = append(out, report.Note{Title: "Another server", Text: "Roles that are left out or skipped are not created. " +
			"Holders may hold other roles of the target; what those grant counts for them."})
	}
	if e.rules.overlay == nil {
		out = append(out, report.Note{Title: "No overlay", Text: "The conversion rests on documents and on the decisions alone. What a server proves about it is better evidence (commandsec prove)."})
	}
	if e.rules.file != "" {
		out = append(out, report.Note{Title: "Rules", Text: "Lines are those of " + filepath.Base(e.rules.file) + "."})
	}
	return out
}
