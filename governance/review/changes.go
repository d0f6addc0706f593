package review

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// Changes says what changed from one snapshot to another, and for whom: for each
// holder what they can do now and could not before, whatever roles it comes from. Its
// findings are those that the later snapshot has and the earlier one has not, and
// collections with another query.
//
// The comparison has to be one of [snapshot.Compare]. Nil options are the defaults.
func Changes(c *snapshot.Comparison, opts *Options) *report.Report {
	var before, after Options
	if opts != nil {
		before, after = *opts, *opts
		before.File, before.Accepted = opts.FileBefore, nil
	}
	from, to := c.From, c.To
	if from == nil || to == nil { // not made by Compare: nothing is known but what is listed
		from, to = &snapshot.Snapshot{}, &snapshot.Snapshot{}
	}
	d := &differ{c: c, before: New(from, &before), after: New(to, &after)}
	d.translate()
	d.count()
	return d.report()
}

// A differ works out what changes mean.
type differ struct {
	c             *snapshot.Comparison
	before, after *Review
	// ids are the paths of objects before, by the path with which the later snapshot
	// names the object of the same name. It is empty on one server.
	ids map[permissions.Path]permissions.Path
	// Of the later snapshot: the roles in a permission set, by its name, and how many
	// holders an identity provider vouches for, by its scheme, folded.
	inSet   map[string][]int
	vouched map[string]int
	// onCollection are the roles with rights on a collection alone, by its name.
	onCollection map[string][]int

	changes  []report.Change
	findings []Finding
	gained   int // holders
	less     int // holders
	queries  int // collections
}

// translate works out what paths of the earlier snapshot are in the later one, if that
// is of another server: the same collection has another id there.
func (d *differ) translate() {
	d.ids = map[permissions.Path]permissions.Path{}
	if d.c.Before.Server.URL == d.c.After.Server.URL {
		return
	}
	ids := map[permissions.Scope]map[string]string{}
	for scope, byID := range d.after.names {
		ids[scope] = map[string]string{}
		for _, id := range slices.Sorted(maps.Keys(byID)) {
			ids[scope][names.Fold(byID[id])] = id
		}
	}
	for i := range d.before.roles {
		for _, right := range d.before.roles[i].rights {
			info, known := permissions.Known(right.path)
			id, scoped := right.path.Scope()
			if !known || !scoped {
				continue
			}
			name, ok := d.before.names[info.Scope][id]
			now, there := ids[info.Scope][names.Fold(name)]
			if !ok || !there {
				continue
			}
			if p, err := right.path.Unscoped().WithScope(now); err == nil {
				d.ids[right.path] = p
			}
		}
	}
}

// count works out whom permission sets and identity providers are about.
func (d *differ) count() {
	d.inSet, d.vouched = map[string][]int{}, map[string]int{}
	for i := range d.after.roles {
		if set := d.after.permissionSet(&d.after.roles[i]); set != nil {
			d.inSet[set.Name] = append(d.inSet[set.Name], i)
		}
	}
	for _, h := range d.after.holders {
		d.vouched[names.Fold(h.key.Scheme)]++
	}
	d.onCollection = map[string][]int{}
	byID := d.after.collectionRoles()
	for _, c := range d.after.s.Collections {
		d.onCollection[c.Name] = append(d.onCollection[c.Name], byID[c.ID]...)
	}
}

// earlier returns a set of the earlier snapshot in the ids of the later one.
func (d *differ) earlier(set permissions.Set) permissions.Set {
	if len(d.ids) == 0 {
		return set
	}
	paths := set.Paths()
	for i, p := range paths {
		if now, ok := d.ids[p]; ok {
			paths[i] = now
		}
	}
	return permissions.NewSet(paths...)
}

func (d *differ) report() *report.Report {
	for i := range d.c.Roles {
		d.role(&d.c.Roles[i])
	}
	d.holders()
	for i := range d.c.Claims {
		d.claim(&d.c.Claims[i])
	}
	for i := range d.c.Objects {
		d.object(&d.c.Objects[i])
	}
	d.newFindings()
	after := d.after
	out := &report.Report{
		Kind: report.Comparison, Title: d.title(), Lead: d.lead(),
		Provenance: report.Provenance{
			Sources: []report.Source{source("before", d.before.opts.File, d.c.Before), source("after", after.opts.File, d.c.After)},
			Files:   after.opts.Files, Made: after.opts.Made, Program: after.opts.Program,
		},
		Gaps: d.gaps(), Figures: d.figures(), Findings: d.findings, Changes: d.changes, Notes: d.notes(),
		SignOff: &report.SignOff{
			Statement: "I have looked at what changed. Every change was meant, or will be taken back.",
			Decisions: []string{"Approved", "Approved with exceptions", "Not approved"},
			Signers:   []string{"Reviewer", "Owner of the PKI"},
		},
	}
	out.Accept(after.opts.Accepted)
	codes := map[string]bool{}
	for _, f := range d.findings {
		codes[f.Code] = true
	}
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		out.Guides = append(out.Guides, after.guide(code))
	}
	return out
}

func (d *differ) title() string {
	if before, after := d.c.Before.Server.URL, d.c.After.Server.URL; before != after {
		return "What is different on " + after + " from " + before
	}
	return "What changed on " + d.c.After.Server.URL
}

// newFindings are the findings that the earlier snapshot has not. One whose holders only
// became fewer is not new.
func (d *differ) newFindings() {
	old := map[string][]string{} // ids, by code and roles
	key := func(a about) string { return a.code + "\x00" + strings.Join(a.roles, "\x00") }
	for id, a := range d.before.about {
		old[key(a)] = append(old[key(a)], id)
	}
	for _, f := range d.after.findings {
		now := d.after.about[f.ID]
		known := func(id string) bool { return id == f.ID || now.fewer(id, slices.Clone(d.before.about[id].holders)) }
		if f.Code == CodeNotRead || slices.ContainsFunc(old[key(now)], known) {
			continue
		}
		f.Roles, f.Holders = unlinked(f.Roles), unlinked(f.Holders)
		d.findings = append(d.findings, f)
	}
}

// unlinked are items without links: what they lead to in a review is not in a
// comparison.
func unlinked(items []report.Item) []report.Item {
	items = slices.Clone(items)
	for i := range items {
		items[i].Link = ""
	}
	return items
}

// roleOf returns the role of a review that was made from a role of its snapshot.
func (r *Review) roleOf(from *snapshot.Role) *role {
	if from == nil {
		return nil
	}
	at, ok := r.byRole[roleKey{from.Name, from.ID}]
	if !ok {
		return nil
	}
	return &r.roles[at]
}

func (d *differ) role(c *snapshot.RoleChange) {
	change := report.Change{
		Group: "Roles", Title: "Role " + c.Name, Mark: mark(c.Kind),
		Roles: []report.Item{{Text: c.Name}}, Fields: fields(c.Fields),
	}
	before, after := d.before.roleOf(c.Before), d.after.roleOf(c.After)
	var had, has permissions.Set
	holders := 0
	if before != nil {
		had = d.earlier(before.set)
		holders = len(before.holders)
	}
	if after != nil {
		has = after.set
		holders = len(after.holders)
	}
	change.Detail = holdersOf(holders, c.Kind)
	difference := had.Diff(has)
	if f, ok := d.rights("Rights", difference, report.Added, report.Removed); ok {
		change.Fields = append(change.Fields, f)
		if c.Kind == snapshot.KindChanged && len(difference.Added) > 0 {
			change.Mark = report.Widened
		}
	}
	if f, ok := list("Names of version 1", c.RemovedNames, c.AddedNames, func(n permissions.Legacy) report.Item { return report.Item{Code: string(n)} }); ok {
		change.Fields = append(change.Fields, f)
	}
	if f, ok := list("Holders", c.RemovedHolders, c.AddedHolders, func(h snapshot.Holder) report.Item { return report.Item{Text: h.Key.String()} }); ok {
		change.Fields = append(change.Fields, f)
		for _, h := range slices.Concat(c.RemovedHolders, c.AddedHolders) {
			change.Holders = append(change.Holders, report.Item{Text: h.Key.String()})
		}
	}
	d.changes = append(d.changes, change)
}

func holdersOf(n int, kind snapshot.Kind) string {
	switch {
	case kind == snapshot.KindRemoved && n == 0:
		return "Nobody held it."
	case kind == snapshot.KindRemoved:
		return plural(n, "holder") + " had it."
	case n == 0:
		return "Nobody holds it."
	}
	return "It is held by " + plural(n, "holder") + "."
}

// rights are the rights that came and went, in words.
func (d *differ) rights(label string, difference permissions.Difference, added, removed report.Mark) (report.Field, bool) {
	f := report.Field{Label: label}
	for _, e := range difference.Removed {
		f.Before = append(f.Before, d.effect(d.before, e, "from now on only", removed))
	}
	for _, e := range difference.Added {
		f.After = append(f.After, d.effect(d.after, e, "so far only", added))
	}
	return f, len(f.Before)+len(f.After) > 0
}

// mostApart is how many rights are named that stay as they are.
const mostApart = 5

func (d *differ) effect(r *Review, e permissions.Effect, apart string, m report.Mark) report.Item {
	item := report.Item{Text: e.Text, Code: string(e.Path), Mark: m}
	if !e.Rest {
		item.Text = d.after.text(e.Path)
		if text := r.text(e.Path); item.Text == permissions.EffectOf(e.Path) {
			item.Text = text // the object has a name in the other snapshot only
		}
	}
	if len(e.Apart) > 0 {
		var texts []string
		for i, p := range e.Apart {
			if i == mostApart {
				texts = append(texts, fmt.Sprintf("and %d more", len(e.Apart)-i))
				break
			}
			texts = append(texts, d.after.text(p))
		}
		item.Text += " (" + apart + ": " + strings.Join(texts, "; ") + ")"
	}
	return item
}

// list is a field of things that came and went.
func list[T any](label string, before, after []T, item func(T) report.Item) (report.Field, bool) {
	f := report.Field{Label: label}
	for _, b := range before {
		i := item(b)
		i.Mark = report.Removed
		f.Before = append(f.Before, i)
	}
	for _, a := range after {
		i := item(a)
		i.Mark = report.Added
		f.After = append(f.After, i)
	}
	return f, len(before)+len(after) > 0
}

// holders works out for whom something changed in effect.
func (d *differ) holders() {
	both := map[Key]Key{} // folded keys, and how the later snapshot writes them
	for _, h := range d.before.holders {
		both[h.key.Fold()] = h.key
	}
	for _, h := range d.after.holders {
		both[h.key.Fold()] = h.key
	}
	for _, key := range slices.SortedFunc(maps.Values(both), compareKeys) {
		had, rolesBefore := d.before.effective(key)
		has, rolesAfter := d.after.effective(key)
		difference := d.earlier(had).Diff(has)
		f, ok := d.rights("Can", difference, report.Widened, report.Lost)
		if !ok {
			continue
		}
		change := report.Change{
			Group: "What holders can do", Title: key.String(), Mark: report.Widened, Fields: []report.Field{f},
			Holders: []report.Item{{Text: key.String()}},
		}
		if len(difference.Added) > 0 {
			d.gained++
		} else {
			change.Mark = report.Lost
		}
		if len(difference.Removed) > 0 {
			d.less++
		}
		went, came := apart(rolesBefore, rolesAfter), apart(rolesAfter, rolesBefore)
		if f, ok := list("Roles", went, came, func(name string) report.Item { return report.Item{Text: name} }); ok {
			change.Fields = append(change.Fields, f)
		} else {
			change.Detail = "Holds the same roles as before: they changed."
		}
		for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(rolesBefore, rolesAfter)))) {
			change.Roles = append(change.Roles, report.Item{Text: name})
		}
		d.changes = append(d.changes, change)
	}
}

// effective is what a holder can do through all roles, and the names of these.
func (r *Review) effective(key Key) (permissions.Set, []string) {
	h, ok := r.byKey[key.Fold()]
	if !ok {
		return permissions.Set{}, nil
	}
	var paths []permissions.Path
	var roles []string
	for _, i := range r.holders[h].roles {
		paths = append(paths, r.roles[i].set.Paths()...)
		roles = append(roles, r.roles[i].Name)
	}
	return permissions.NewSet(paths...), roles
}

// apart are those of a list that another one lacks.
func apart(list, other []string) []string {
	there := make(map[string]bool, len(other))
	for _, s := range other {
		there[s] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return there[s] })
}

func (d *differ) claim(c *snapshot.ClaimChange) {
	change := report.Change{
		Group: "Accounts, groups and clients", Title: c.Key.String(), Mark: mark(c.Kind),
		Fields: fields(c.Fields), Holders: []report.Item{{Text: c.Key.String()}},
	}
	if c.Kind == snapshot.KindAdded && c.After != nil {
		change.Detail = c.After.Description
	}
	d.changes = append(d.changes, change)
}

// parts are the headings of what is neither a role nor a claim.
var parts = map[snapshot.Part]string{
	snapshot.PartPermissionSets: "Permission sets",
	snapshot.PartProviders:      "Identity providers",
	snapshot.PartPermissions:    "Permissions that the server lists",
	snapshot.PartCollections:    "Collections",
	snapshot.PartContainers:     "Containers",
	snapshot.PartPAMProviders:   "PAM providers",
}

func (d *differ) object(o *snapshot.ObjectChange) {
	change := report.Change{
		Group: cmp.Or(parts[o.Part], string(o.Part)), Title: o.Name, Mark: mark(o.Kind), Fields: fields(o.Fields),
	}
	if f, ok := list("Permissions", o.RemovedPaths, o.AddedPaths, func(p permissions.Path) report.Item {
		return report.Item{Text: d.after.text(p), Code: string(p)}
	}); ok {
		change.Fields = append(change.Fields, f)
	}
	switch {
	case o.Kind == snapshot.KindQuery:
		d.query(o, &change)
	case o.Part == snapshot.PartPermissionSets:
		change.Detail = "It limits " + plural(len(d.inSet[o.Name]), "role") + "."
		change.Roles = unlinked(d.after.roleItems(d.inSet[o.Name]))
	case o.Part == snapshot.PartProviders:
		change.Detail = "It vouches for " + plural(d.vouched[names.Fold(o.Name)], "holder") + "."
	case o.Part == snapshot.PartPermissions:
		change.Detail = permissions.EffectOf(permissions.Path(o.Name))
	}
	d.changes = append(d.changes, change)
}

// query says whom a collection with another query concerns.
func (d *differ) query(o *snapshot.ObjectChange, change *report.Change) {
	d.queries++
	roles := slices.Compact(slices.Sorted(slices.Values(d.onCollection[o.Name])))
	concerned := map[int]bool{}
	for _, i := range roles {
		for _, h := range d.after.roles[i].holders {
			concerned[h] = true
		}
	}
	change.Roles = unlinked(d.after.roleItems(roles))
	change.Holders = unlinked(d.after.holderItems(slices.Sorted(maps.Keys(concerned))))
	change.Mark = report.Changed
	change.Detail = fmt.Sprintf("Every right on this collection is a right on other certificates now. %s it, and %s.",
		have(len(roles)), plural(len(concerned), "holder"))
	if len(roles) == 0 {
		change.Detail = "No role has rights on this collection alone."
		return
	}
	d.findings = append(d.findings, identified(Finding{
		Code: CodeQuery, Severity: report.High, Title: "The collection " + quoted(o.Name) + " has another query",
		Detail: change.Detail, Roles: change.Roles, Holders: change.Holders, Evidence: queries(o.Fields),
	}))
}

func have(roles int) string {
	if roles == 1 {
		return "1 role has rights on"
	}
	return itoa(roles) + " roles have rights on"
}

// queries are the queries before and after.
func queries(fields []snapshot.FieldChange) []report.Item {
	var out []report.Item
	for _, f := range fields {
		if f.Field == "query" {
			out = append(out, report.Item{Text: "before: " + f.Before, Mark: report.Removed}, report.Item{Text: "after: " + f.After, Mark: report.Added})
		}
	}
	return out
}

// labels are the fields of snapshots as people call them.
var labels = map[string]string{
	"emailAddress": "E-mail address", "permissionSet": "Permission set", "valid": "Audit signature matches", "sid": "SID",
	"claimId": "Claim id", "identityId": "Identity id", "typeId": "Type", "key": "Spelling", "id": "Id",
}

func fields(changes []snapshot.FieldChange) []report.Field {
	var out []report.Field
	for _, c := range changes {
		label := labels[c.Field]
		if label == "" {
			label = strings.TrimPrefix(c.Field, "parameters.")
			if label == c.Field && label != "" {
				label = strings.ToUpper(label[:1]) + label[1:]
			}
		}
		f := report.Field{Label: label}
		if c.Before != "" {
			f.Before = []report.Item{{Text: c.Before, Mark: report.Removed}}
		}
		if c.After != "" {
			f.After = []report.Item{{Text: c.After, Mark: report.Added}}
		}
		out = append(out, f)
	}
	return out
}

func mark(kind snapshot.Kind) report.Mark {
	switch kind {
	case snapshot.KindAdded:
		return report.Added
	case snapshot.KindRemoved:
		return report.Removed
	default:
		return report.Changed
	}
}

func (d *differ) gaps() []report.Gap {
	var out []report.Gap
	for i, side := range []string{"before", "after"} {
		r := []*Review{d.before, d.after}[i]
		var gaps []snapshot.Gap
		var notYet []string
		for _, n := range d.c.NotCompared {
			switch {
			case n.Side != side:
			case r.notYet(n.Gap):
				notYet = append(notYet, string(n.Gap.Part))
			default:
				gaps = append(gaps, n.Gap)
			}
		}
		if notYet != nil {
			out = append(out, report.Gap{
				What: side + ": " + enumerate(notYet), Reason: "the server is taken for Command 10, which has none of this",
				Effect: "This is not compared. Rights of roles are, as far as names of version 1 say them: those that only version 2 has show as gained or lost.",
			})
		}
		for _, g := range gapsOf(r.lacking(gaps)) {
			g.What = side + ": " + g.What
			g.Effect = "It is not compared. What somebody could or can do through it may show as gained or lost."
			out = append(out, g)
		}
	}
	return out
}

func (d *differ) figures() []report.Figure {
	return []report.Figure{
		{Label: "holders who can do more", Number: d.gained, Severity: severe(d.gained, report.High)},
		{Label: "holders who can do less", Number: d.less},
		{Label: "collections with another query", Number: d.queries, Severity: severe(d.queries, report.High)},
		{Label: "roles that are new, gone or different", Number: len(d.c.Roles)},
		{Label: "accounts, groups and clients that are new, gone or different", Number: len(d.c.Claims)},
		{Label: "parts that could not be compared", Number: len(d.gaps()), Severity: severe(len(d.gaps()), report.Medium)},
	}
}

func (d *differ) lead() string {
	if d.c.Empty() && d.gained+d.less == 0 {
		return "Nothing changed, as far as it could be compared."
	}
	lead := fmt.Sprintf("%s can do more than before, and %d can do less. %s new, gone or different.",
		plural(d.gained, "holder"), d.less, are(len(d.c.Roles), "role"))
	if d.gained+d.less > 0 && d.uncertain() {
		lead += " Not everything was read that says what holders can do: some of the gains and losses may come from that alone."
	}
	return lead
}

// uncertain reports whether gains and losses may come from what one of the snapshots
// lacks: holders or rights of roles, and the names that tell which object of another
// server is the same.
func (d *differ) uncertain() bool {
	if d.before.onlyV1 != d.after.onlyV1 { // one of them has names, and no paths
		return true
	}
	parts := []snapshot.Part{snapshot.PartRolesV1}
	if d.c.Before.Server.URL != d.c.After.Server.URL {
		parts = append(parts, snapshot.PartCollections, snapshot.PartContainers, snapshot.PartPAMProviders, snapshot.PartProviders)
	}
	return slices.ContainsFunc([]*Review{d.before, d.after}, func(r *Review) bool { return !r.allRead() || r.lost(parts...) })
}

func are(n int, one string) string {
	if n == 1 {
		return "1 " + one + " is"
	}
	return itoa(n) + " " + one + "s are"
}

func (d *differ) notes() []report.Note {
	notes := []report.Note{
		{Title: "What holders can do", Text: "It is worked out from all roles together: somebody who loses a role and keeps the same right through another one is not listed."},
		{Title: "Findings", Text: "They are those that the later snapshot has and the earlier one has not, or that are about other roles, further holders or other rights now. A review of the later snapshot has all."},
	}
	if d.c.Before.Server.URL != d.c.After.Server.URL {
		notes = append(notes, report.Note{Title: "Two servers", Text: "The snapshots are of two servers. Roles and objects are the same if they have the same name; ids are not compared."})
	}
	for _, r := range []*Review{d.before, d.after} {
		if slices.ContainsFunc(r.roles, func(x role) bool { return !slices.Contains(x.Versions, 2) }) {
			return append(notes, report.Note{Title: "Rights that are converted", Text: "Some roles were read through version 1 of the API only, which has names and no paths. What their holders gained and lost rests on a mapping."})
		}
	}
	return notes
}
