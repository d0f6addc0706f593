package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// Report is the plan for people: what changes for whom, before and after side by side,
// warnings first, and a place to sign.
func (p *Plan) Report() *report.Report {
	digest := p.Digest()
	leftOut := ""
	if p.Blocked() > 0 {
		leftOut = "without those that are left out"
	}
	r := &report.Report{
		Kind: report.Plan, Title: p.title(), Lead: p.lead(),
		Provenance: p.provenance(digest), Gaps: gapsOf(p.Gaps),
		Figures: []report.Figure{
			{Label: "Steps", Number: len(p.Steps) - p.Blocked(), Note: leftOut},
			{Label: "Steps left out", Number: p.Blocked(), Severity: severityIf(p.Blocked() > 0, report.High)},
			{
				Label: "Holders who can do less", Number: p.Totals.HoldersLosing, Note: fmt.Sprintf("of %d who hold a role", p.Totals.Holders),
				Severity: severityIf(p.Totals.HoldersLosing > 0, report.Medium),
			},
			{Label: "Holders who can do more", Number: p.Totals.HoldersGain, Severity: severityIf(p.Totals.HoldersGain > 0, report.High)}, // as in a comparison
			{Label: "Roles that lose something", Number: p.Totals.RolesLosing, Note: fmt.Sprintf("of %d", p.Totals.Roles)},
		},
		Guides: guides,
	}
	alike := map[string]int{}
	for i := range p.Warnings {
		f := p.finding(&p.Warnings[i])
		key := f.Key() // two about one role have the same
		if alike[key]++; alike[key] > 1 {
			f.ID = key + "-" + strconv.Itoa(alike[key])
		}
		r.Findings = append(r.Findings, f)
	}
	var short []*whole
	r.Changes, short = p.changes()
	tables := []report.Table{shortTable(short, KindClaim), shortTable(short, KindIdentity), p.holdersTable(), p.stepsTable(false), p.stepsTable(true)}
	for _, table := range tables {
		if len(table.Rows) > 0 {
			r.Tables = append(r.Tables, table)
		}
	}
	r.Notes = p.notes()
	r.SignOff = &report.SignOff{
		Statement: "I have read this plan and approve that its steps are carried out on " + p.Server.URL + ". Digest of the plan: " + digest,
		Decisions: []string{"approved", "approved with exceptions", "not approved"},
		Signers:   []string{"Reviewer", "Owner of the PKI"},
		Digest:    digest,
	}
	return r
}

func severityIf(condition bool, s report.Severity) report.Severity {
	if condition {
		return s
	}
	return ""
}

func (p *Plan) title() string {
	if p.TakesBack != nil {
		return "Plan of the way back for " + p.Server.URL
	}
	return "Plan for " + p.Server.URL
}

func (p *Plan) lead() string {
	if p.TakesBack == nil {
		return p.outcome()
	}
	text := "This plan takes back what an earlier one did"
	if t := p.TakesBack; t.Plan != "" {
		text = "This plan takes back what the plan " + t.Plan + " did"
		if t.ApprovedBy != "" {
			text += ", which " + quote(t.ApprovedBy) + " approved"
		}
		if t.Reason != "" {
			text += " (reason: " + quote(t.Reason) + ")"
		}
	}
	return text + ". " + p.outcome()
}

// outcome says what a plan comes to.
func (p *Plan) outcome() string {
	if p.Empty() && p.Incomplete() {
		return "There is nothing to do, as far as the server could be read. What was not read may differ from what is desired."
	}
	if p.Empty() && p.Desired == (Source{}) { // a way back, or what a program wants
		return "There is nothing to do."
	}
	if p.Empty() {
		return "There is nothing to do: what the file names is as it is desired."
	}
	text := fmt.Sprintf("%s. Afterwards %s can do more than before, and %s can do less.", count(len(p.Steps)-p.Blocked(), "step"),
		count(p.Totals.HoldersGain, "holder"), count(p.Totals.HoldersLosing, "holder"))
	if n := p.Blocked(); n > 0 {
		text += " Left out, because they cannot be carried out: " + count(n, "step") + "."
	}
	return text
}

// count is "1 step" or "2 steps".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (p *Plan) provenance(digest string) report.Provenance {
	out := report.Provenance{
		Sources: []report.Source{{
			Label: "before", Server: p.Server.URL, Version: p.Server.Version, Account: p.ReadAs, Taken: p.TakenAt, Digest: p.Snapshot,
		}},
		Files: []report.File{{Label: "Plan digest", Digest: digest}},
	}
	if t := p.TakesBack; t != nil && t.Plan != "" {
		out.Files = append(out.Files, report.File{Label: "Takes back", Name: "the plan", Digest: t.Plan}, report.File{Label: "Journal of it", Name: t.Journal})
	}
	if p.Desired.File != "" || p.Desired.Digest != "" {
		out.Files = append(out.Files, report.File{Label: "Desired state", Name: p.Desired.File, Digest: p.Desired.Digest})
	}
	for _, f := range p.Conversion {
		out.Files = append(out.Files, report.File{Label: "Version 1 names converted with", Name: f.File, Digest: f.Digest})
	}
	return out
}

func gapsOf(list []snapshot.Gap) []report.Gap {
	var out []report.Gap
	for _, g := range list {
		if g.Reason == snapshot.ReasonNotAsked || g.Reason == snapshot.ReasonNotThere {
			continue // see notThere
		}
		what := string(g.Part)
		if g.Object != "" {
			what += " (" + g.Object + ")"
		}
		reason := string(g.Reason)
		if g.Detail != "" {
			reason += ": " + g.Detail
		}
		out = append(out, report.Gap{What: what, Reason: reason, Effect: "What it would show is not counted. A step that would be unsafe without it is left out."})
	}
	return out
}

// notThere is what the server does not have, so that nothing of it is missing.
func notThere(list []snapshot.Gap) (parts []string) {
	for _, g := range list {
		if g.Reason == snapshot.ReasonNotThere && g.Object == "" {
			parts = append(parts, string(g.Part))
		}
	}
	return parts
}

// guides say once what warnings of a kind have in common.
var guides = []report.Guide{
	{Code: string(CodeLockOut), Title: "The plan locks somebody out", Why: "Nobody could take the plan back. It is not carried out unless that is allowed by name (--allow-lockout)."},
	{Code: string(CodeLarge), Title: "A large part loses something", Why: "That is seldom meant. The plan is not carried out unless that is allowed by name (--allow-large)."},
	{Code: string(CodeBlocked), Title: "Steps that are left out", Why: "They cannot be carried out, or not safely. So are steps that need them, and removals from those who get something else by them. Everything else is planned without them."},
	{Code: string(CodeAdmin), Title: "New rights to change security", Why: "Who can change roles can give themselves everything."},
	{Code: string(CodeAbsent), Title: "Names under absent that are not there"},
	{Code: string(CodeScripts), Title: "Names in several scripts", Why: "A letter of another script can look like a Latin one, and the role like one that it is not."},
	{Code: string(CodeNamed), Title: "Roles that may be named elsewhere", Why: "The security API does not show who names a role outside of it."},
	{Code: string(CodeWidened), Title: "Version 1 names that became something else", Why: "The vendor prints the mapping for a few names only."},
	{Code: string(CodeUnknown), Title: "Permissions that nobody knows"},
	{Code: string(CodeScheme), Title: "Claims of identity providers that are not there"},
	{Code: string(CodeDomain), Title: "Accounts without domain", Why: "The server adds the domain, so that what it then has is not what was planned."},
	{Code: string(CodeNames), Title: "Version 1 names that version 2 does not show", Why: "What they allow is not counted among the rights of this plan."},
	{Code: string(CodeDisabled), Title: "Disabled roles"},
	{Code: string(CodeNewID), Title: "Roles that come back under another id"},
	{Code: string(CodeUnnamed), Title: "The file does not name everything", Why: "What a file does not name stays as it is, whoever made it, so that no plan shows a change of it."},
	{Code: string(CodeIncomplete), Title: "The snapshot is incomplete"},
}

func (p *Plan) finding(w *Warning) report.Finding {
	f := report.Finding{Code: string(w.Code), Severity: w.Severity, Title: w.Text, Do: w.Do}
	for _, role := range w.Roles {
		f.Roles = append(f.Roles, report.Item{Text: role})
	}
	for _, k := range w.Holders {
		f.Holders = append(f.Holders, report.Item{Text: k.String()})
	}
	for _, n := range w.Steps {
		text := "step " + strconv.Itoa(n)
		if len(w.Steps) > 1 { // the warning does not say what they do
			if n > 0 && n <= len(p.Steps) { // a step's number is its place
				text += ": " + p.Steps[n-1].Words()
			}
		}
		f.Evidence = append(f.Evidence, report.Item{Text: text, Link: stepAnchor(n)})
	}
	return f
}

// at is where the desired state says so, without the folder of the file, which stands at
// the top of the page.
func (s *Step) at() string { return s.At[strings.LastIndexAny(s.At, `/\`)+1:] }

func stepAnchor(n int) string { return "step-" + strconv.Itoa(n) }

// whole is an object with all of its steps.
type whole struct {
	kind          Kind
	name          string
	before, after *Object
	steps         []*Step
}

// wholes are the objects that steps are about, in the order of their first step. A
// blocked step is one of its own.
func (p *Plan) wholes() []*whole {
	var out []*whole
	byName := map[string]*whole{}
	for i := range p.Steps {
		s := &p.Steps[i]
		key := string(s.Kind) + "\x00" + names.Fold(s.Name)
		w := byName[key]
		if w == nil || s.Blocked != "" {
			w = &whole{kind: s.Kind, name: s.Name, before: s.Before}
			out = append(out, w)
		}
		if s.Blocked == "" {
			byName[key] = w
		}
		w.after = s.After
		w.steps = append(w.steps, s)
	}
	return out
}

// changes are the objects that a plan is about, each with before and after, and those
// about which a row of a table says everything.
func (p *Plan) changes() (changes []report.Change, short []*whole) {
	all := p.wholes()
	slices.SortStableFunc(all, func(a, b *whole) int {
		return cmp.Or(cmp.Compare(a.leftOut(), b.leftOut()), cmp.Compare(slices.Index(kindOrder, a.kind), slices.Index(kindOrder, b.kind)))
	})
	words := p.words()
	for _, w := range all {
		if w.short() {
			short = append(short, w)
			continue
		}
		changes = append(changes, w.change(words))
	}
	return changes, short
}

// leftOut is 1 for an object whose step is left out, so that it comes last.
func (w *whole) leftOut() int {
	if w.steps[0].Blocked != "" {
		return 1
	}
	return 0
}

// short reports a claim or an identity that comes or goes: it has a description at most.
func (w *whole) short() bool {
	return (w.kind == KindClaim || w.kind == KindIdentity) && w.steps[0].Action != Update && w.leftOut() == 0
}

// shortTable has the claims or the identities that come and go.
func shortTable(list []*whole, kind Kind) report.Table {
	table := report.Table{
		ID: strings.ReplaceAll(string(kind), " ", "-") + "s", Title: groupOf[kind] + " that come and go",
		Columns: []report.Column{{Title: groupOf[kind], Kind: report.Holders}, {Title: "Step", Kind: report.Number}, {Title: "Description"}, {Title: "Desired in"}},
	}
	if kind == KindIdentity {
		table.Columns[2].Title = "" // an identity has none
	}
	for _, w := range list {
		if w.kind != kind {
			continue
		}
		step, group, mark, object := w.steps[0], "Created", report.Added, w.after
		if step.Action == Delete {
			group, mark, object = "Deleted", report.Removed, w.before
		}
		description := member(object, func(o *Object) *ClaimState { return o.Claim }).Description
		table.Rows = append(table.Rows, report.Row{Group: group, Mark: mark, Cells: []report.Cell{
			{Text: w.name}, {Text: strconv.Itoa(step.Number)}, {Text: description}, {Text: step.at()},
		}})
	}
	slices.SortStableFunc(table.Rows, func(a, b report.Row) int { return cmp.Compare(a.Group, b.Group) })
	return table
}

var groupOf = map[Kind]string{
	KindPermissionSet: "Permission sets", KindClaim: "Claims", KindIdentity: "Identities", KindRole: "Roles", KindMembers: "Identities of roles",
}

func (w *whole) change(words *words) report.Change {
	kind := string(w.kind)
	c := report.Change{Title: strings.ToUpper(kind[:1]) + kind[1:] + " " + w.name, Group: groupOf[w.kind], Mark: report.Changed}
	first := w.steps[0]
	var numbers []string
	for _, s := range w.steps {
		numbers = append(numbers, strconv.Itoa(s.Number))
	}
	switch first.Action {
	case Create:
		c.Mark = report.Added
	case Delete:
		c.Mark = report.Removed
	default:
	}
	c.Detail = fmt.Sprintf("Step %s, through version %d of the API.", strings.Join(numbers, " and "), first.Version)
	if first.Holders > 0 && (w.kind == KindRole || w.kind == KindMembers) {
		c.Detail += fmt.Sprintf(" %s: all in all, %d can do more, and %d less.", count(first.Holders, "holder"), first.Gaining, first.Losing)
	}
	if first.Blocked != "" {
		c.Mark, c.Group = report.Warning, "Left out, and so not changed"
		c.Detail = fmt.Sprintf("Step %s is left out: %s.", strings.Join(numbers, " and "), first.Blocked)
		if w.after == nil && first.Action == Update {
			return c // what it would become is not known
		}
	}
	if first.At != "" {
		c.Detail += " Desired in " + first.at() + "."
	}
	if w.kind == KindRole || w.kind == KindMembers {
		c.Roles = []report.Item{{Text: w.name}}
	}
	c.Fields = slices.DeleteFunc(w.fields(words), func(f report.Field) bool {
		return f.Label == "Name" && (w.before == nil || w.after == nil) // the title has it
	})
	for _, f := range c.Fields {
		if f.Label == "Holders" {
			for _, i := range slices.Concat(f.Before, f.After) {
				if i.Mark != "" {
					c.Holders = append(c.Holders, report.Item{Text: i.Text})
				}
			}
		}
	}
	return c
}

// fields are what differs, side by side.
func (w *whole) fields(words *words) []report.Field {
	f := fields{words: words}
	switch w.kind {
	case KindPermissionSet:
		before, after := member(w.before, func(o *Object) *PermissionSetState { return o.PermissionSet }), member(w.after, func(o *Object) *PermissionSetState { return o.PermissionSet })
		f.paths(before.Permissions, after.Permissions)
	case KindClaim:
		before, after := member(w.before, func(o *Object) *ClaimState { return o.Claim }), member(w.after, func(o *Object) *ClaimState { return o.Claim })
		f.text("Description", before.Description, after.Description)
	case KindIdentity:
	case KindMembers:
		before, after := member(w.before, func(o *Object) *MembersState { return o.Members }), member(w.after, func(o *Object) *MembersState { return o.Members })
		f.keys(keysOf(before.Identities, identityKeyOf), keysOf(after.Identities, identityKeyOf))
	case KindRole:
		before, after := member(w.before, func(o *Object) *RoleState { return o.Role }), member(w.after, func(o *Object) *RoleState { return o.Role })
		f.text("Name", before.Name, after.Name)
		f.text("Description", before.Description, after.Description)
		f.text("E-mail address", before.EmailAddress, after.EmailAddress)
		f.text("Permission set", before.PermissionSet, after.PermissionSet)
		f.paths(before.Paths, after.Paths)
		f.keys(keysOf(before.Claims, claimKey), keysOf(after.Claims, claimKey))
	}
	return f.list
}

// member is a member of an object, or an empty one.
func member[T any](o *Object, get func(*Object) *T) *T {
	if o != nil {
		if found := get(o); found != nil {
			return found
		}
	}
	return new(T)
}

func keysOf[T any](list []T, key func(T) Key) []Key {
	var out []Key
	for _, item := range list {
		out = append(out, key(item))
	}
	return out
}

type fields struct {
	words *words
	list  []report.Field
}

// words says what permissions mean, with the names of objects. Nil knows none of them.
type words struct {
	names map[string]string // by kind and id
	sets  [][]permissions.Path
	said  map[[2]int]permissions.Difference
}

func (p *Plan) words() *words {
	w := &words{map[string]string{}, p.Sets, map[[2]int]permissions.Difference{}}
	for _, o := range p.Objects {
		w.names[string(o.Kind)+" "+o.ID] = o.Name
	}
	return w
}

// effect is what a path allows: "revoke certificates in collection 6 (Web servers)".
func (w *words) effect(path permissions.Path, text string) string {
	id, limited := path.Scope()
	if w == nil || !limited {
		return text
	}
	info, _ := permissions.Known(path)
	if name := w.names[string(info.Scope)+" "+id]; name != "" {
		text += " (" + name + ")"
	}
	return text
}

func (f *fields) text(label, before, after string) {
	if before != after {
		f.list = append(f.list, report.Field{Label: label, Before: some(before, report.Removed), After: some(after, report.Added)})
	}
}

func some(text string, mark report.Mark) []report.Item {
	if text == "" {
		return nil
	}
	return []report.Item{{Text: text, Mark: mark}}
}

func (f *fields) paths(before, after []permissions.Path) {
	was, is := permissions.NewSet(before...), permissions.NewSet(after...)
	if was.Equal(is) {
		return
	}
	side := func(set, other permissions.Set, mark report.Mark) (items []report.Item) {
		for p := range set.All() {
			item := report.Item{Code: string(p), Text: f.words.effect(p, permissions.EffectOf(p))}
			if member, _ := other.Why(p); member != p {
				item.Mark = mark
			}
			items = append(items, item)
		}
		return items
	}
	f.list = append(f.list, report.Field{Label: "Permissions", Before: side(was, is, report.Removed), After: side(is, was, report.Added)})
}

// keys shows who comes and goes, and how many stay.
func (f *fields) keys(before, after []Key) {
	gone, come := without(before, same, foldAll(after)), without(after, same, foldAll(before))
	if len(gone)+len(come) == 0 {
		return
	}
	side := func(list []Key, mark report.Mark, stay int) (items []report.Item) {
		for _, k := range list {
			items = append(items, report.Item{Text: k.String(), Mark: mark})
		}
		if stay > 0 {
			items = append(items, report.Item{Text: fmt.Sprintf("and %d who stay", stay)})
		}
		return items
	}
	stay := len(before) - len(gone)
	f.list = append(f.list, report.Field{Label: "Holders", Before: side(gone, report.Removed, stay), After: side(come, report.Added, stay)})
}

func same(k Key) Key { return k }

func foldAll(list []Key) map[Key]bool {
	out := make(map[Key]bool, len(list))
	for _, k := range list {
		out[k.Fold()] = true
	}
	return out
}

// difference says what changes from one set to another. Many holders share one.
func (w *words) difference(before, after int) permissions.Difference {
	out, found := w.said[[2]int{before, after}]
	if !found {
		out = permissions.NewSet(w.sets[before]...).Diff(permissions.NewSet(w.sets[after]...))
		w.said[[2]int{before, after}] = out
	}
	return out
}

func (w *words) effects(list []permissions.Effect, mark report.Mark) []report.Item {
	var items []report.Item
	for _, e := range list {
		item := report.Item{Text: w.effect(e.Path, e.Text), Code: string(e.Path), Mark: mark}
		if len(e.Apart) > 0 {
			item.Text += ", apart from what was and stays allowed"
		}
		items = append(items, item)
	}
	return items
}

// holdersTable has everybody whose rights change, those who lose something first.
func (p *Plan) holdersTable() report.Table {
	table := report.Table{
		ID: "holders", Title: "Who can do more, and who less",
		Note: "The rights of all roles of a holder together: what one role loses and another one grants is not lost. " +
			"Holders with the same change share a row. On paper, the paths stand with the roles only.",
		Columns: []report.Column{
			{Title: "Holder", Kind: report.Holders}, {Title: "Can do from now on"}, {Title: "Can no longer do"},
		},
	}
	w := p.words()
	var gain []report.Row
	var order [][2]int
	alike := map[[2]int][]report.Item{} // many have the same change
	for _, h := range p.Holders {
		if h.Before == h.After {
			continue
		}
		key := [2]int{h.Before, h.After}
		if alike[key] == nil {
			order = append(order, key)
		}
		alike[key] = append(alike[key], report.Item{Text: h.Key.String()})
	}
	for _, key := range order {
		diff := w.difference(key[0], key[1])
		row := report.Row{Group: "Can do less", Mark: report.Lost, Cells: []report.Cell{
			{Items: alike[key]}, {Items: w.effects(diff.Added, report.Widened)}, {Items: w.effects(diff.Removed, report.Lost)},
		}}
		if len(diff.Removed) > 0 {
			table.Rows = append(table.Rows, row)
			continue
		}
		row.Group, row.Mark = "Can do more", report.Widened
		gain = append(gain, row)
	}
	if len(table.Rows) == 0 { // nobody loses anything
		table.Columns = table.Columns[:2]
		for i := range gain {
			gain[i].Cells = gain[i].Cells[:2]
		}
	}
	table.Rows = append(table.Rows, gain...)
	return table
}

// stepsTable has the steps that are carried out, or those that are left out.
func (p *Plan) stepsTable(leftOut bool) report.Table {
	table := report.Table{
		ID: "steps", Title: "Steps in their order", Note: "Additions come first, removals last and in reverse.",
		Columns: []report.Column{{Title: "Step", Kind: report.Number}, {Title: "What"}, {Title: "API version", Kind: report.Number}, {Title: "Needs"}},
	}
	if leftOut {
		table.ID, table.Title, table.Note = "left-out", "Steps that are left out", ""
		table.Columns[3].Title = "Because"
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		if leftOut != (s.Blocked != "") {
			continue
		}
		row := report.Row{Anchor: stepAnchor(s.Number), Cells: []report.Cell{
			{Text: strconv.Itoa(s.Number)}, {Text: s.Words()}, {Text: strconv.Itoa(s.Version)}, {Text: cmp.Or(s.Blocked, ranges(s.Needs))},
		}}
		switch {
		case s.Blocked != "":
			row.Mark = report.Warning
		case s.Action == Create:
			row.Mark = report.Added
		case s.Action == Delete:
			row.Mark = report.Removed
		default:
			row.Mark = report.Changed
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// ranges writes numbers in short: "2, 5 to 9".
func ranges(list []int) string {
	var texts []string
	for i := 0; i < len(list); {
		end := i
		for end+1 < len(list) && list[end+1] == list[end]+1 {
			end++
		}
		text := strconv.Itoa(list[i])
		switch end - i {
		case 0:
		case 1:
			text += ", " + strconv.Itoa(list[end])
		default:
			text += " to " + strconv.Itoa(list[end])
		}
		texts = append(texts, text)
		i = end + 1
	}
	return strings.Join(texts, ", ")
}

// Words says in a sentence what a step does: "update role "Operators": add 2
// permissions, remove 1 holder".
func (s *Step) Words() string {
	text := string(s.Action) + " " + s.object()
	if s.Action == Delete || s.After == nil {
		return text
	}
	w := whole{kind: s.Kind, before: s.Before, after: s.After}
	var what []string
	for _, f := range w.fields(nil) {
		added, removed := marked(f.After, report.Added), marked(f.Before, report.Removed)
		switch f.Label {
		case "Permissions", "Holders":
			noun := strings.ToLower(strings.TrimSuffix(f.Label, "s"))
			if added > 0 {
				what = append(what, "add "+count(added, noun))
			}
			if removed > 0 {
				what = append(what, "remove "+count(removed, noun))
			}
		case "Name":
			if s.Action == Update {
				what = append(what, "rename it to "+quote(s.After.Role.Name))
			}
		default:
			if s.Action == Update {
				what = append(what, "change the "+strings.ToLower(f.Label))
			}
		}
	}
	if len(what) > 0 {
		text += ": " + strings.Join(what, ", ")
	}
	return text
}

func marked(items []report.Item, mark report.Mark) int {
	n := 0
	for _, i := range items {
		if i.Mark == mark {
			n++
		}
	}
	return n
}

func (p *Plan) notes() []report.Note {
	notes := []report.Note{
		{Title: "Approval", Text: "The digest says which plan was approved, not by whom."},
		{Title: "Identity providers", Text: "A plan never changes identity providers, collections, containers and PAM providers."},
		{Title: "Others", Text: "A step is carried out only if its object still looks as it is planned at the last reading before the write. " +
			"The server cannot compare and write at once, so that a short time remains in which somebody else's change is overwritten."},
		{Title: "Rights", Text: "Holders are accounts, groups and clients. Who is a member of a group, the server does not say. " +
			"What somebody can do also depends on what is outside of roles, such as the query of a collection."},
	}
	if parts := notThere(p.Gaps); len(parts) > 0 {
		notes = append(notes, report.Note{Title: "Not there", Text: "This server does not have: " + strings.Join(parts, "; ") + ". Nothing of it is missing here."})
	}
	for i := range p.Steps {
		if p.Steps[i].Kind == KindRole && p.Steps[i].Action == Delete && p.Steps[i].Blocked == "" {
			notes = append(notes, report.Note{Title: "The way back", Text: "A role that is removed comes back under another id if the plan is taken back."})
			break
		}
	}
	if p.Account != "" && p.Account != p.ReadAs {
		notes = append(notes, report.Note{Title: "Account", Text: "Whether the plan locks an account out is judged for " + quote(p.Account) + ", which is to apply it."})
	}
	if len(p.Only) > 0 {
		text := "Nothing else would change."
		if len(p.Later) > 0 {
			text = fmt.Sprintf("%s would change as well: %s.", cmp.Or(map[bool]string{true: "One more role"}[len(p.Later) == 1], strconv.Itoa(len(p.Later))+" more roles"),
				strings.Join(quoteAll(p.Later, 20), ", "))
		}
		notes = append(notes, report.Note{Title: "Only some roles", Text: "The plan is limited to " + strings.Join(quoteAll(p.Only, 20), ", ") + ". " + text})
	}
	return notes
}

// quoteAll quotes the first texts, and says how many there are more.
func quoteAll(list []string, limit int) []string {
	var out []string
	for i, s := range list {
		if i == limit {
			return append(out, fmt.Sprintf("and %d more", len(list)-i))
		}
		out = append(out, quote(s))
	}
	return out
}
