package review

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/permissions"
)

func roleAnchor(i int) string   { return "role-" + itoa(i+1) }
func holderAnchor(h int) string { return "holder-" + itoa(h+1) }

// Report makes the report that people sign.
func (r *Review) Report() *report.Report {
	out := &report.Report{
		Kind: report.Review, Title: "Who can do what on " + r.s.Server.URL, Lead: r.lead(),
		Provenance: report.Provenance{
			Sources: []report.Source{source("", r.opts.File, snapshot.Source{
				Server: r.s.Server, TakenAt: r.s.TakenAt, Account: r.s.Account, Digest: r.s.Digest(),
			})},
			Files: r.opts.Files, Made: r.opts.Made, Program: r.opts.Program,
		},
		Gaps: r.Gaps(), Figures: r.figures(), Findings: r.Findings(), Guides: r.usedGuides(),
		Tables: []report.Table{r.roleTable(), r.holderTable(), r.matrix()},
		Notes:  r.reportNotes(),
		SignOff: &report.SignOff{
			Statement: "I have looked at who can do what on this server, and at the findings above. What is not accepted here will be changed.",
			Decisions: []string{"Approved", "Approved with exceptions", "Not approved"},
			Signers:   []string{"Reviewer", "Owner of the PKI"},
		},
	}
	if len(r.s.Collections) > 0 {
		out.Tables = append(out.Tables, r.collectionTable())
	}
	if len(r.unused) > 0 {
		out.Tables = append(out.Tables, r.unusedTable())
	}
	return out
}

// source is where a snapshot comes from.
func source(label, file string, from snapshot.Source) report.Source {
	return report.Source{
		Label: label, Server: from.Server.URL, Version: cmp.Or(from.Server.Version, "not told by the server"), Account: from.Account,
		Taken: from.TakenAt, File: file, Digest: from.Digest,
	}
}

// usedGuides are the guides of the codes that findings have.
func (r *Review) usedGuides() []report.Guide {
	codes := map[string]bool{}
	for _, f := range r.findings {
		codes[f.Code] = true
	}
	var out []report.Guide
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		out = append(out, r.guide(code))
	}
	return out
}

// counts are what the summary says.
type counts struct {
	holding, powerful, broken, duties, open int

	missing    int  // parts
	signatures bool // whether broken is known
	partly     bool // whether signatures of some records only are known
	worst      report.Severity
}

func (r *Review) count() counts {
	var c counts
	for _, h := range r.holders {
		if len(h.roles) > 0 {
			c.holding++
		}
		if slices.ContainsFunc(h.roles, func(i int) bool { return r.roles[i].set.Allows(admin.Path) }) {
			c.powerful++
		}
	}
	c.missing = len(r.Gaps())
	made := r.made()
	for _, f := range r.findings {
		if f.Accepted != nil && !f.Accepted.Expired(made) {
			continue
		}
		c.open++
		if c.worst == "" {
			c.worst = f.Severity // they are sorted
		}
		if strings.HasPrefix(f.Code, CodeDuty) {
			c.duties++
		}
	}
	checked := func(valid *bool) {
		if valid != nil {
			c.signatures = true
			if !*valid {
				c.broken++
			}
		}
	}
	for i := range r.roles {
		checked(r.roles[i].Valid)
	}
	for _, h := range r.holders {
		if h.claim != nil {
			checked(h.claim.Valid)
		}
	}
	c.partly = c.signatures && r.lost(snapshot.PartRolesV1, snapshot.PartIdentities)
	c.signatures = c.signatures || len(r.roles)+len(r.holders)+len(r.s.Gaps) == 0 && r.s.Signatures == snapshot.SignaturesChecked
	return c
}

func (r *Review) lead() string {
	c := r.count()
	s := fmt.Sprintf("%s and %s with a role. ", plural(len(r.roles), "role"), plural(c.holding, "holder"))
	if r.noRoles() {
		s = "No list of roles could be read. "
	}
	switch all := r.allRead(); {
	case c.powerful > 0 && all:
		s += fmt.Sprintf("%d of them can do everything, or give themselves the right to. ", c.powerful)
	case c.powerful > 0:
		s += fmt.Sprintf("At least %d of them can do everything, or give themselves the right to. ", c.powerful)
	case all:
		s += "Nobody can do everything, or give themselves the right to. "
	default:
		s += "Whether somebody can do everything is not known. "
	}
	if c.broken > 0 {
		s += plural(c.broken, "record") + " changed behind the server's back: look at this first. "
	}
	if c.open == 0 {
		return s + "No finding is open."
	}
	is := "are"
	if c.open == 1 {
		is = "is"
	}
	return s + fmt.Sprintf("%s %s open, the worst one is %s.", plural(c.open, "finding"), is, c.worst)
}

// figures are the numbers of the summary. The writers count findings by severity.
func (r *Review) figures() []report.Figure {
	c := r.count()
	figures := []report.Figure{
		{Label: "records with a broken signature", Number: c.broken, Unknown: !c.signatures, Severity: severe(c.broken, report.Critical)},
		{Label: "holders who can do everything", Number: c.powerful, Severity: severe(c.powerful, report.High), Note: "or change security, and so give themselves every right"},
		{Label: "duty conflicts", Number: c.duties, Severity: severe(c.duties, report.High), Note: "open findings about separation of duties"},
		{Label: "parts that could not be read", Number: c.missing, Severity: severe(c.missing, report.Medium)},
		{Label: "roles", Number: len(r.roles)},
		{Label: "holders", Number: len(r.holders), Note: plural(c.holding, "holder") + " with a role"},
	}
	if !c.signatures {
		figures[0].Note = "audit signatures were not checked"
	}
	// A number of which a part is missing is the least that it can be. If it is 0, it says nothing.
	lacks := []bool{c.partly, !r.allRead(), !r.allRead(), false, r.noRoles(), !r.rolesRead() || r.lost(snapshot.PartClaims, snapshot.PartIdentities)}
	for i, lack := range lacks {
		switch f := &figures[i]; {
		case !lack:
		case f.Number == 0:
			f.Unknown = true
		default:
			f.Note = strings.TrimSuffix("at least, since not all could be read; "+f.Note, "; ")
		}
	}
	return figures
}

// noRoles reports whether no list of roles was read.
func (r *Review) noRoles() bool {
	return len(r.roles) == 0 && r.lost(snapshot.PartRolesV1) && (r.onlyV1 || r.lost(snapshot.PartRolesV2))
}

func severe(n int, s report.Severity) report.Severity {
	if n == 0 {
		return ""
	}
	return s
}

func (r *Review) roleTable() report.Table {
	t := report.Table{
		ID: "roles", Title: "Roles", Note: "What each role allows, with the path that says so, and who holds it.",
		Columns: []report.Column{
			{Title: "Role", Kind: report.Roles}, {Title: "State"}, {Title: "Permission set"}, {Title: "Holders", Kind: report.Holders}, {Title: "Rights"},
		},
	}
	for i := range r.roles {
		role := &r.roles[i]
		row := report.Row{Anchor: roleAnchor(i), Filter: role.Description, Cells: []report.Cell{
			{Text: role.Name}, {Text: role.state()}, {Text: r.setName(role)}, {Items: r.holderItems(role.holders)}, {},
		}}
		switch all := r.holdersRead(role); {
		case !all:
			row.Cells[3].Text = notAll
		case len(role.holders) == 0:
			row.Cells[3].Text = "nobody"
		}
		rights := &row.Cells[4]
		switch all := r.rightsRead(role); {
		case !all:
			rights.Text = notAll
		case len(role.rights) == 0:
			rights.Text = "nothing"
		}
		for _, right := range role.rights {
			rights.Items = append(rights.Items, r.rightItem(i, right.path))
		}
		for _, item := range role.lost {
			rights.Items = append(rights.Items, report.Item{Text: "not converted: " + string(item.Input), Mark: report.Warning})
		}
		if role.Valid != nil && !*role.Valid || role.everything() {
			row.Mark = report.Warning
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// notAll stands in a table for what is missing in a cell.
const notAll = "not all could be read"

// state says what a role is, apart from what it grants.
func (r *role) state() string {
	var words []string
	if r.Valid != nil && !*r.Valid {
		words = append(words, "signature does not match")
	}
	switch {
	case r.Enabled == nil:
		words = append(words, "enabled or not is unknown")
	case *r.Enabled:
		words = append(words, "enabled")
	default:
		words = append(words, "disabled")
	}
	if r.Immutable {
		words = append(words, "built in, only its holders can be changed")
	}
	return strings.Join(words, "; ")
}

func (r *Review) setName(role *role) string {
	if set := r.permissionSet(role); set != nil {
		return set.Name
	}
	return role.PermissionSetID
}

func (r *Review) holderTable() report.Table {
	t := report.Table{
		ID: "holders", Title: "Holders", Note: "Accounts, groups and clients, and what they can do in short. The roles say it in full.",
		Columns: []report.Column{
			{Title: "Holder", Kind: report.Holders}, {Title: "Kind"}, {Title: "Description"}, {Title: "Roles", Kind: report.Roles}, {Title: "In short"},
		},
	}
	none := "none"
	if !r.rolesRead() {
		none = "none that could be read"
		t.Note += " Roles that could not be read are missing."
	}
	for h := range r.holders {
		holder := &r.holders[h]
		row := report.Row{Anchor: holderAnchor(h), Cells: []report.Cell{
			{Text: holder.key.String()}, {Text: kindOf(holder.key)}, {}, {Items: r.roleItems(holder.roles)}, {Text: r.short(holder)},
		}}
		if c := holder.claim; c != nil {
			row.Cells[2].Text = c.Description
			if c.Valid != nil && !*c.Valid {
				row.Mark = report.Warning
				row.Cells[1].Text += "; signature does not match"
			}
		}
		if len(holder.roles) == 0 {
			row.Cells[3].Text = none
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func kindOf(k Key) string {
	switch k.Type {
	case holders.TypeUser, holders.TypeOAuthSubject:
		return "user"
	case holders.TypeGroup, holders.TypeOAuthRole:
		return "group"
	case holders.TypeComputer:
		return "computer"
	case holders.TypeOAuthClientID:
		return "client"
	case holders.TypeOAuthOid:
	}
	return "other"
}

// levels of what somebody can do in an area.
const (
	levelNone = iota
	levelView
	levelSome
	levelAll
)

var levels = []string{"", "view", "some", "all"}

// areaOf is the first level of a path.
func areaOf(p permissions.Path) permissions.Path {
	c := p.Canonical()
	end := strings.IndexByte(strings.TrimPrefix(string(c), "/"), '/')
	if end < 0 || c[0] != '/' {
		return "" // the root, or no path
	}
	return c[:end+2]
}

// areaName is how people call an area.
func areaName(area permissions.Path) string {
	if info, ok := permissions.Known(area); ok {
		return info.Label
	}
	return strings.Trim(string(area), "/")
}

// short says in what areas a holder can do something.
func (r *Review) short(h *holder) string {
	best := map[permissions.Path]int{}
	for _, i := range h.roles {
		role := &r.roles[i]
		if role.everything() {
			return "everything"
		}
		for area, level := range r.levels(i) {
			best[area] = max(best[area], level)
		}
	}
	byLevel := make([][]string, levelAll+1)
	for area, level := range best {
		byLevel[level] = append(byLevel[level], areaName(area))
	}
	var parts []string
	for _, part := range []struct {
		level int
		intro string
	}{{levelAll, "everything in "}, {levelSome, "some of "}, {levelView, "view some of "}} {
		if names := byLevel[part.level]; len(names) > 0 {
			slices.Sort(names)
			parts = append(parts, part.intro+strings.Join(names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// levels says what a role allows, by area.
func (r *Review) levels(i int) map[permissions.Path]int {
	out := map[permissions.Path]int{}
	for p := range r.roles[i].set.All() {
		area := areaOf(p)
		switch {
		case area == "":
		case p == area:
			out[area] = levelAll
		case looks(p):
			out[area] = max(out[area], levelView)
		default:
			out[area] = max(out[area], levelSome)
		}
	}
	return out
}

// matrix shows areas against roles.
func (r *Review) matrix() report.Table {
	t := report.Table{
		ID: "areas", Title: "Areas and roles", Matrix: true,
		Note:    `"all" is everything in an area, "some" is more than looking, "view" is looking only.`,
		Columns: []report.Column{{Title: "Role", Kind: report.Roles}},
	}
	byRole := make([]map[permissions.Path]int, len(r.roles))
	seen := map[permissions.Path]bool{}
	for i := range r.roles {
		byRole[i] = r.levels(i)
		for area := range byRole[i] {
			seen[area] = true
		}
	}
	areas := slices.SortedFunc(maps.Keys(seen), func(a, b permissions.Path) int {
		return cmp.Or(cmp.Compare(areaName(a), areaName(b)), cmp.Compare(a, b))
	})
	if len(areas) > maxAreas {
		t.Note += fmt.Sprintf(" %d areas that the roles name are left out.", len(areas)-maxAreas)
		areas = areas[:maxAreas]
	}
	if !r.allRead() {
		t.Note += " Rights that could not be read are missing."
	}
	for _, area := range areas {
		t.Columns = append(t.Columns, report.Column{Title: areaName(area)})
	}
	for i := range r.roles {
		row := report.Row{Cells: []report.Cell{{Items: r.roleItems([]int{i})}}}
		for _, area := range areas {
			level := byRole[i][area]
			if r.roles[i].everything() {
				level = levelAll
			}
			row.Cells = append(row.Cells, report.Cell{Text: levels[level]})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// maxAreas is how many columns the matrix has. The product has some twenty areas.
const maxAreas = 40

func (r *Review) collectionTable() report.Table {
	t := report.Table{
		ID: "collections", Title: "Certificate collections",
		Note: "A right on a collection is a right on the certificates that its query finds. Whoever can change the query can change what the right means.",
		Columns: []report.Column{
			{Title: "Collection"}, {Title: "Id", Kind: report.Number}, {Title: "Query"}, {Title: "Roles with rights on it alone", Kind: report.Roles},
		},
	}
	byID := r.collectionRoles()
	for _, c := range r.s.Collections {
		t.Rows = append(t.Rows, report.Row{Anchor: "collection-" + itoa(c.ID), Filter: c.Description, Cells: []report.Cell{
			{Text: c.Name}, {Text: itoa(c.ID)}, {Text: c.Query}, {Items: r.roleItems(byID[c.ID])},
		}})
	}
	return t
}

// collectionRoles are the roles with rights on single collections, by the
// collection's id.
func (r *Review) collectionRoles() map[int][]int {
	out := map[int][]int{}
	for i := range r.roles {
		for _, right := range r.roles[i].rights {
			if id := collectionID(right.path); id > 0 && (len(out[id]) == 0 || out[id][len(out[id])-1] != i) {
				out[id] = append(out[id], i)
			}
		}
	}
	return out
}

// collectionID is the id of the collection that a path is limited to, or 0.
func collectionID(p permissions.Path) int {
	info, known := permissions.Known(p)
	text, scoped := p.Scope()
	if !known || !scoped || info.Scope != permissions.ScopeCollection {
		return 0
	}
	id, _ := strconv.Atoi(text) // a scope of a collection is a number
	return id
}

func (r *Review) unusedTable() report.Table {
	t := report.Table{
		ID: "unused", Title: "Accepted, and not found",
		Note:    "These findings were accepted and are not there any more, or are about other roles, holders or rights now. Take them out of the file.",
		Columns: []report.Column{{Title: "Finding"}, {Title: "Owner"}, {Title: "Reason"}, {Title: "Until"}, {Title: "Line", Kind: report.Number}},
	}
	for _, a := range r.unused {
		line := ""
		if a.Line > 0 {
			line = itoa(a.Line)
		}
		t.Rows = append(t.Rows, report.Row{Cells: []report.Cell{
			{Text: a.Finding}, {Text: a.Owner}, {Text: a.Reason}, {Text: a.Until.UTC().Format("2006-01-02")}, {Text: line},
		}})
	}
	return t
}

// reportNotes say what a reader should know.
func (r *Review) reportNotes() []report.Note {
	notes := []report.Note{
		{Title: "Holders are not people", Text: "Holders are accounts, groups and clients. Who is in a group, and which accounts one person has, this server does not say. Duty rules look at what one holder can do, and at the persons and teams that a file names."},
		{Title: "What a review cannot tell", Text: "It shows the roles of this server at one moment. It does not show what templates, enrollment patterns and workflow steps allow beyond roles, who owns certificates, what was done, and who can get at the database, the server or the certificate authorities without Command."},
	}
	if r.onlyV1 {
		notes = append(notes, report.Note{Title: "Command 10", Text: "The server has no version 2 of roles, and is taken for Command 10. Claims, identity providers, permission sets and the list of permissions came with Command 11. They are not missing here."})
	}
	var converted, assumed []string
	for i := range r.roles {
		role := &r.roles[i]
		if role.assumed {
			assumed = append(assumed, quoted(role.Name))
		} else if !slices.Contains(role.Versions, 2) {
			converted = append(converted, quoted(role.Name))
		}
	}
	if n := len(converted); n > 0 {
		notes = append(notes, report.Note{Title: "Rights that are converted", Text: fmt.Sprintf("%s read through version 1 of the API only, which has names and no paths. Their paths come from a mapping; each right says how sure it is. No document of the vendor prints the whole mapping. Findings about these roles rest on it.", were(n, "role"))})
	}
	if len(assumed) > 0 {
		notes = append(notes, report.Note{Title: "Assumed", Text: "The server shows no permissions of the built-in role " + enumerate(assumed) + ", as version 1 of the API always does. It is taken to grant everything."})
	}
	if r.s.Signatures == snapshot.SignaturesSkipped {
		notes = append(notes, report.Note{Title: "Audit signatures were not checked", Text: "The snapshot was taken without the check, which is slow. Whether somebody changed a record behind the server's back is not known. Take it with the check for a review that is signed."})
	}
	for _, again := range r.s.Rereads {
		notes = append(notes, report.Note{Title: "Changed while it was read", Text: fmt.Sprintf("The list of %s changed while it was read, and was read again %s.", again.Part, times(again.Times))})
	}
	return append(notes, r.notes...)
}

func were(n int, one string) string {
	if n == 1 {
		return "1 " + one + " was"
	}
	return itoa(n) + " " + one + "s were"
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return itoa(n) + " times"
}
