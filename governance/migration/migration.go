package migration

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/yamlfile"
	"github.com/commandsec/commandsec-go/permissions"
)

// Code says what a finding is about. Codes are stable.
type Code string

// The codes of what keeps a role from being migrated. The first four are decided by
// rules about what they name, the next three by a rule about the role, and the others
// are accepted by name: "accept: [disabled-role]".
const (
	CodePermission    Code = "undecided-permission" // a name is converted wider, narrower, by a guess, or not at all
	CodeObject        Code = "undecided-object"     // a collection, a container, a provider is not found on the target
	CodeHolder        Code = "undecided-holder"     // it is not known which claim somebody becomes
	CodePermissionSet Code = "permission-set"       // the target has no such set, or the set does not allow what the role grants
	CodeName          Code = "role-name"            // two roles would have one name, or the name cannot be used
	CodeExists        Code = "role-exists"          // the target has such a role already
	CodeMerged        Code = "merged-role"          // a role that it is merged with cannot be migrated
	CodeNotRead       Code = "not-read"             // what it grants, or who holds it, could not be read
	CodeDisabled      Code = "disabled-role"        // it would not be disabled on the target
	CodeSignature     Code = "broken-signature"     // somebody may have changed it behind the server's back
	CodeBuiltIn       Code = "built-in-role"        // its holders would hold that of another server
	CodeGone          Code = "role-gone"            // it was deleted since
)

// acceptable are the codes that a rule about a role can accept.
var acceptable = []Code{CodeNotRead, CodeDisabled, CodeSignature, CodeBuiltIn, CodeGone}

// The codes of other findings.
const (
	CodeUnused    Code = "unused-rule"         // a rule is about nothing that exists
	CodeUnlisted  Code = "unlisted-path"       // the target does not know a permission
	CodeImmutable Code = "immutable-role"      // the target's role can only be given to others
	CodeRenamed   Code = "renamed-role"        // it has another name on the server now
	CodeCut       Code = "shortened-text"      // a text is longer than the target takes
	CodeOneClaim  Code = "one-claim"           // a pattern makes one claim of several accounts
	CodeAdmin     Code = "can-change-security" // somebody can change security who could not before
	CodeStranger  Code = "unexpected-holder"   // somebody holds a migrated role, and no rule says so
	CodeDropped   Code = "dropped-holder"      // somebody holds a migrated role whom the rules drop
	CodeTexts     Code = "merged-text"         // a merged role has the description of one role only
	CodeEmail     Code = "email-address"       // the target has no e-mail addresses of roles
	CodeWider     Code = "wider"               // a holder can do more, although no rule says so
	CodeNarrower  Code = "narrower"            // a holder can do less, although no rule says so
	CodeMissing   Code = "missing"             // a holder can do nothing, although no rule says so
	CodeNotKnown  Code = "not-known"           // a snapshot lacks what would tell
	CodeOld       Code = "older-snapshot"      // the target was read before the source
	CodeRules     Code = "rules-do-not-fit"
)

// maxShown is how much of a text an error or a sentence shows, in characters.
const maxShown = 200

// quote shows a text from a file or a server in quotation marks.
func quote(s string) string { return `"` + show.Text(s, maxShown) + `"` }

// Desired works out from a snapshot of a server, and rules, what the target should look
// like. The target is of Command 11 or later: the same server after its upgrade, or
// another one. A nil target is the source itself. Nothing is changed; the same arguments
// give the same result.
//
// What nobody decided keeps its role from being migrated: it is left out, and the report
// says why and what to write into the rules. Rules about roles, accounts and objects that
// are not there are an error, which says all of them with their lines.
func Desired(source, target *snapshot.Snapshot, rules *Rules) (*plan.Desired, *report.Report, error) {
	e, err := newEngine(source, target, rules)
	if err != nil {
		return nil, nil, err
	}
	if err := e.misfits(); err != nil {
		return nil, nil, err
	}
	e.run()
	return e.desired(), e.report(), nil
}

// engine migrates the roles of a source.
type engine struct {
	source, target *snapshot.Snapshot // sorted
	rules          *Rules
	same           bool // source and target are one server
	again          bool // the migration was carried out: roles of the target with the same names are those that it made
	convert        *permissions.ConvertOptions

	gaps     map[gapKey]*snapshot.Gap // of the source
	objects  *translator
	schemes  map[string]bool // of the target, folded; nil if they are not known
	sets     map[string][]*snapshot.PermissionSet
	setByID  map[string]*snapshot.PermissionSet
	setNames map[string]string           // of the source, by id
	theirs   map[string][]*snapshot.Role // of the target, by folded name
	byID     map[int]*snapshot.Role      // of the target
	listed   map[permissions.Path]bool   // what the target lists; nil if it is not known
	noEmail  bool                        // roles of the target have no e-mail address

	roles     []*role
	results   []*result
	mapped    map[Key]*mapping // by folded key of the source
	used      map[*identityRule]bool
	converted permissions.Conversions
	findings  []report.Finding

	joined, joins int                // accounts that patterns make one claim of, and those claims
	byClaim       map[Key][]*mapping // that become the claim
}

// role is a role of the source, and what becomes of it.
type role struct {
	*snapshot.Role

	anchor  string // in the report
	rule    *roleRule
	builtIn bool
	now     *snapshot.Role // on the target
	to      string         // its name there
	result  *result        // nil if it is skipped
	skipped bool

	rows    []row
	after   []permissions.Path // what it becomes, in ids of the target
	holders []*mapping

	before permissions.Set      // what it grants now, in ids of the target
	words  []string             // what it grants now and cannot be said in ids of the target
	moved  []moved              // what it grants now on other certificates
	legacy []permissions.Legacy // its names, if it was converted

	unreadPermissions, unreadHolders string // why they are not known
	reasons                          []reason
	accepted                         []reason // by name, in the rules
}

// reason is why a role is not migrated.
type reason struct {
	code Code
	text string // a sentence
	do   string
}

func (r *role) wait(code Code, do, text string, args ...any) {
	why := reason{code, fmt.Sprintf(text, args...), do}
	if r.rule.accepts(code) {
		r.accepted = append(r.accepted, why)
		return
	}
	r.reasons = append(r.reasons, why)
}

// row is what became of a permission of a role.
type row struct {
	name     string            // as the source has it
	becomes  []report.Item     // paths of the target, or of the source if they cannot be translated
	item     *permissions.Item // nil: the source shows the path itself
	notes    []string
	decided  string
	waits    bool
	lost     bool
	dropped  []string // objects that a rule drops
	lostWhat string   // in words, of rows without item
}

// result is a role of the target.
type result struct {
	name    string
	members []*role
	now     *snapshot.Role
	was     string

	paths    permissions.Set
	says     bool // what it grants; otherwise that stays as it is
	holders  []Key
	holds    bool // who holds it; otherwise that stays as it is
	set      *string
	existing plan.Existing
	texts    bool // description and e-mail address come from the source
	absent   []string
	left     bool // it is left out
}

func newEngine(source, target *snapshot.Snapshot, rules *Rules) (*engine, error) {
	if source == nil {
		return nil, errors.New("migrate: there is no snapshot of the source")
	}
	if target == nil {
		target = source
	}
	if rules == nil {
		rules = &Rules{}
	}
	e := &engine{
		source: source.Sorted(), target: target.Sorted(), rules: rules, same: source.Server.URL == target.Server.URL,
		sets: map[string][]*snapshot.PermissionSet{}, setByID: map[string]*snapshot.PermissionSet{}, theirs: map[string][]*snapshot.Role{},
		byID: map[int]*snapshot.Role{}, mapped: map[Key]*mapping{}, used: map[*identityRule]bool{},
	}
	if g := gapOf(e.target, snapshot.PartRolesV2); g != nil && g.Reason == snapshot.ReasonNotThere {
		return nil, fmt.Errorf("migrate: the target %s is of Command 10, which has neither paths nor claims; "+
			"upgrade it, and take its snapshot again", quote(e.target.Server.URL))
	} else if g != nil {
		return nil, fmt.Errorf("migrate: the roles of the target %s could not be read (%s); take its snapshot as an account that may read them",
			quote(e.target.Server.URL), gapText(g))
	}
	for _, part := range []snapshot.Part{snapshot.PartRolesV2, snapshot.PartRolesV1} {
		if g := gapOf(e.source, part); len(e.source.Roles) == 0 && g != nil && g.Reason != snapshot.ReasonNotThere {
			return nil, fmt.Errorf("migrate: the roles of the source %s could not be read (%s); take its snapshot as an account that may read them",
				quote(e.source.Server.URL), gapText(g))
		}
	}
	version, _, _ := strings.Cut(e.target.Server.Version, "+")
	e.convert = &permissions.ConvertOptions{Version: version, Overlay: rules.overlay}
	if errors.Is(permissions.Convert(nil, e.convert).Err(), permissions.ErrVersion) {
		e.convert.Version = "" // the server calls it something else
	}
	e.objects = newTranslator(e)
	e.index()
	return e, nil
}

func (e *engine) index() {
	e.gaps = map[gapKey]*snapshot.Gap{}
	for i := range e.source.Gaps {
		g := &e.source.Gaps[i]
		e.gaps[gapKey{g.Part, names.Fold(g.Object)}] = g
	}
	e.setNames = map[string]string{}
	for _, set := range e.source.PermissionSets {
		e.setNames[strings.ToLower(set.ID)] = set.Name
	}
	for i := range e.target.PermissionSets {
		set := &e.target.PermissionSets[i]
		e.sets[names.Fold(set.Name)] = append(e.sets[names.Fold(set.Name)], set)
		e.setByID[strings.ToLower(set.ID)] = set
	}
	for i := range e.target.Roles {
		r := &e.target.Roles[i]
		e.theirs[names.Fold(r.Name)] = append(e.theirs[names.Fold(r.Name)], r)
		e.byID[r.ID] = r
	}
	e.noEmail = limits.BeforeEmail(e.target.Server.Version) &&
		!slices.ContainsFunc(e.target.Roles, func(r snapshot.Role) bool { return r.EmailAddress != "" })
	if gapOf(e.target, snapshot.PartProviders) == nil {
		e.schemes = map[string]bool{}
		for _, p := range e.target.Providers {
			e.schemes[names.Fold(p.Scheme)] = true
		}
		for _, c := range e.target.Claims { // of a provider that the account may not see
			e.schemes[names.Fold(c.Key.Scheme)] = true
		}
	}
	if gapOf(e.target, snapshot.PartPermissions) == nil && len(e.target.Permissions) > 0 {
		e.listed = map[permissions.Path]bool{}
		for _, p := range e.target.Permissions {
			p = p.Canonical()
			for i, c := range string(p) { // and the groups that it is in
				if c == '/' {
					e.listed[p[:i+1]] = true
				}
			}
		}
	}
}

// gapOf finds the gap about all of a part.
func gapOf(s *snapshot.Snapshot, part snapshot.Part) *snapshot.Gap {
	for i, g := range s.Gaps {
		if g.Part == part && g.Object == "" && g.Reason != snapshot.ReasonUnreadable {
			return &s.Gaps[i]
		}
	}
	return nil
}

func gapText(g *snapshot.Gap) string {
	text := string(g.Part) + ": " + string(g.Reason)
	if g.Detail != "" {
		text += ", " + quote(g.Detail)
	}
	return text
}

// misfits says which rules are about what is not there. Such a rule is a typing error:
// what it was meant for would be migrated as if there were no rule.
func (e *engine) misfits() error {
	var f yamlfile.File
	has := map[string]bool{}
	all := make([]string, 0, len(e.source.Roles))
	for i := range e.source.Roles {
		has[names.Fold(e.source.Roles[i].Name)] = true
		all = append(all, e.source.Roles[i].Name)
	}
	var strange []*roleRule
	for name, rule := range e.rules.roles {
		if !has[name] {
			strange = append(strange, rule)
		}
		e.misfitSet(&f, rule.set)
	}
	slices.SortFunc(strange, func(a, b *roleRule) int { return a.compare(b.place) })
	for i, rule := range strange {
		near := ""
		if i < maxMeant {
			near = names.Nearest(rule.text, all)
		}
		f.AddAt(rule.line, rule.column, "the source has no role %s%s", quote(rule.text), meant(near))
	}
	e.misfitAccounts(&f)
	for _, d := range e.rules.decisions {
		if d.Role != "" && !has[names.Fold(d.Role)] {
			f.AddAt(d.line, d.column, "the source has no role %s, which a decision about %s is for", quote(d.Role), d.Name)
		}
	}
	e.misfitSet(&f, e.rules.permissionSet)
	for _, kind := range kinds {
		for _, rule := range e.rules.objects[kind.scope] {
			if gapOf(e.source, kind.part) == nil && !e.objects.knows(e.objects.source, kind.scope, rule.text) {
				f.AddAt(rule.line, rule.column, "the source has no %s %s", kind.noun, quote(rule.text))
			}
			if !rule.drop && gapOf(e.target, kind.part) == nil && !e.objects.knows(e.objects.target, kind.scope, rule.to) {
				f.AddAt(rule.line, rule.column, "the target has no %s %s", kind.noun, quote(rule.to))
			}
		}
	}
	return f.Err("rules " + show.Text(e.rules.file, maxShown))
}

// maxMeant is for how many names of one kind that are not there the nearest one is looked
// for. An error does not show more.
const maxMeant = 20

// meant suggests what a name that is not there was meant to be; "" if that is not known.
func meant(near string) string {
	if near == "" {
		return ""
	}
	return "; did you mean " + quote(near) + "?"
}

// misfitAccounts notes accounts that the source does not have. Those without roles are
// fine.
func (e *engine) misfitAccounts(f *yamlfile.File) {
	if len(e.rules.accounts) == 0 {
		return
	}
	types := map[string][]holders.Type{}
	spelled := map[string]string{} // by what comes after the domain, which all have in common
	bare := func(account string) string { return account[strings.LastIndex(account, `\`)+1:] }
	note := func(k Key) {
		account := names.Fold(k.Value)
		if !k.Type.AD() || !names.Same(k.Scheme, holders.SchemeActiveDirectory) || slices.Contains(types[account], k.Type) {
			return
		}
		types[account] = append(types[account], k.Type)
		spelled[bare(k.Value)] = k.Value
	}
	for _, c := range e.source.Claims {
		note(c.Key)
	}
	for i := range e.source.Roles {
		for _, h := range e.source.Roles[i].Holders {
			note(h.Key)
		}
	}
	for _, part := range []snapshot.Part{snapshot.PartClaims, snapshot.PartIdentities} {
		if g := gapOf(e.source, part); g != nil && g.Reason != snapshot.ReasonNotThere {
			return // not all are known
		}
	}
	var strange []*identityRule
	for account, list := range e.rules.accounts {
		for _, rule := range list {
			if known := types[account]; len(known) == 0 || rule.kind != "" && !slices.Contains(known, rule.kind) {
				strange = append(strange, rule)
			}
		}
	}
	slices.SortFunc(strange, func(a, b *identityRule) int { return a.compare(b.place) })
	all := slices.Collect(maps.Keys(spelled)) // Nearest does not depend on their order
	for i, rule := range strange {
		if known := types[names.Fold(rule.text)]; len(known) > 0 {
			f.AddAt(rule.line, rule.column, "the source has no %s %s; it has a %s with that name", rule.kind, quote(rule.text), known[0])
			continue
		}
		near := ""
		if i < maxMeant {
			near = spelled[names.Nearest(bare(rule.text), all)]
		}
		f.AddAt(rule.line, rule.column, "the source has no account %s%s", quote(rule.text), meant(near))
	}
}

// misfitSet notes a permission set that the target does not have.
func (e *engine) misfitSet(f *yamlfile.File, set place) {
	if set.text != "" && gapOf(e.target, snapshot.PartPermissionSets) == nil && len(e.sets[names.Fold(set.text)]) == 0 {
		f.AddAt(set.line, set.column, "the target has no permission set %s", quote(set.text))
	}
}

// run works out what becomes of each role.
func (e *engine) run() {
	e.roles = make([]*role, len(e.source.Roles))
	for i := range e.source.Roles {
		r := &role{Role: &e.source.Roles[i], anchor: "role-" + strconv.Itoa(i+1)}
		r.rule = e.rules.roles[names.Fold(r.Name)]
		r.builtIn = isBuiltIn(r.Name)
		r.skipped = r.rule != nil && r.rule.skip
		e.roles[i] = r
	}
	e.convertAll()
	for _, r := range e.roles {
		e.grants(r)
		e.hold(r)
	}
	e.group()
	for _, res := range e.results {
		for _, r := range res.members {
			e.check(r, res)
		}
		e.finish(res)
	}
	e.conclude()
	e.oneClaim()
	e.unused()
}

// The built-in roles. What Immutable means on Command 10 is documented the other way
// round, so they are known by their names.
const (
	administrator = "Administrator"
	reporting     = "Reporting API Access"
)

func isBuiltIn(name string) bool {
	return names.Same(name, administrator) || names.Same(name, reporting)
}

func read(r *snapshot.Role, version int) bool { return slices.Contains(r.Versions, version) }

// fromNames reports whether the role is converted. Paths that the source shows are what
// the server goes by.
func (e *engine) fromNames(r *role) bool {
	return read(r.Role, 1) && (e.rules.fromNames || !read(r.Role, 2))
}

// convertAll converts the roles that have names only, with all decisions.
func (e *engine) convertAll() {
	opts := *e.convert
	spelled := make(map[string]string, len(e.roles))
	var list []permissions.LegacyRole
	for _, r := range e.roles {
		spelled[names.Fold(r.Name)] = r.Name
		if e.fromNames(r) && !r.skipped && !r.builtIn {
			list = append(list, permissions.LegacyRole{Role: r.Name, Names: r.Names})
		}
	}
	for _, d := range e.rules.decisions {
		if d.Role != "" {
			d.Role = cmp.Or(spelled[names.Fold(d.Role)], d.Role)
		}
		opts.Decisions = append(opts.Decisions, d.Decision)
	}
	e.converted = permissions.ConvertAll(list, &opts)
	decisions := make(map[decided]*permissions.Decision, len(opts.Decisions))
	for i := range opts.Decisions {
		decisions[decided{opts.Decisions[i].Role, opts.Decisions[i].Name}] = &opts.Decisions[i]
	}
	i := 0
	for _, r := range e.roles {
		if e.fromNames(r) && !r.skipped && !r.builtIn {
			e.rowsOf(r, e.converted.Roles[i].Conversion, decisions)
			i++
		}
	}
}

// rowsOf makes rows of a conversion.
func (e *engine) rowsOf(r *role, c permissions.Conversion, decisions map[decided]*permissions.Decision) {
	undecided := map[permissions.Legacy]bool{}
	for _, item := range c.Undecided() {
		undecided[item.Input] = true
	}
	for i := range c.Items {
		item := &c.Items[i]
		refused := item.Outcome == permissions.OutcomeRefused || item.Outcome == permissions.OutcomeUnknown
		out := row{name: string(item.Name), item: item, waits: refused || undecided[item.Input], lost: item.Outcome != permissions.OutcomeConverted}
		out.decided = decidedBy(item, r.Name, decisions)
		if item.Outcome == permissions.OutcomeConverted {
			for _, p := range item.Paths {
				e.place(r, &out, p)
			}
		}
		if item.Outcome == permissions.OutcomeUnknown || item.Outcome == permissions.OutcomeRefused {
			out.notes = append(out.notes, item.Reason)
		}
		for _, u := range item.Unavailable {
			out.notes = append(out.notes, string(u.Path)+" "+u.Reason)
		}
		r.rows = append(r.rows, out)
	}
}

// decidedBy says what was decided about an item, and why. Decisions about the role come
// before those about all, and names before those for all objects.
func decidedBy(item *permissions.Item, role string, decisions map[decided]*permissions.Decision) string {
	if !item.Overridden && !item.Accepted {
		return ""
	}
	general := item.Name
	if area, rest, ok := strings.Cut(string(item.Name), "["); ok {
		_, word, _ := strings.Cut(rest, "]")
		general = permissions.Legacy(area + anyID + word)
	}
	for _, key := range []decided{{role, item.Name}, {role, general}, {"", item.Name}, {"", general}} {
		if d := decisions[key]; d != nil {
			if d.Reason != "" {
				return d.What() + " (" + d.Reason + ")"
			}
			return d.What()
		}
	}
	return "decided"
}

// decided is a role, or all if it is empty, and a name.
type decided struct {
	role string
	name permissions.Legacy
}

// place adds a path to what a role becomes, in ids of the target.
func (e *engine) place(r *role, out *row, p permissions.Path) {
	t := e.objects.translate(p)
	switch {
	case t.wait != "":
		out.waits = true
		out.notes = append(out.notes, t.wait)
		out.becomes = append(out.becomes, report.Item{Code: string(p), Text: permissions.EffectOf(p) + " (" + quote(t.name) + " of the source)", Mark: report.Warning})
		r.wait(CodeObject, t.do, "%s", t.wait)
	case t.drop:
		out.lost = true
		out.dropped = append(out.dropped, quote(t.name)+", "+t.how)
	default:
		out.becomes = append(out.becomes, report.Item{Code: string(t.path), Text: e.objects.say(t.path)})
		if t.moved != "" {
			out.notes = append(out.notes, t.moved)
		}
		r.after = append(r.after, t.path)
	}
}

// grants works out what a role grants before, and after if it is not converted.
func (e *engine) grants(r *role) {
	var before []permissions.Path
	add := func(p permissions.Path) {
		if t := e.objects.translate(p); t.path != "" {
			before = append(before, t.path)
			if t.moved != "" {
				r.moved = append(r.moved, moved{p.Unscoped(), t.path, t.moved})
			}
		} else {
			r.words = append(r.words, permissions.EffectOf(p)+" ("+quote(t.name)+")")
		}
	}
	switch {
	case read(r.Role, 2):
		for _, p := range r.Paths {
			add(p)
		}
	case read(r.Role, 1):
		r.legacy = r.Names
		for _, item := range permissions.Convert(r.Names, e.convert).Items {
			if item.Outcome == permissions.OutcomeConverted || item.Outcome == permissions.OutcomeRefused && !refuted(&item) {
				for _, p := range item.Paths {
					add(p)
				}
			}
		}
	}
	if names.Same(r.Name, administrator) && len(r.Paths)+len(r.Names) == 0 {
		before = []permissions.Path{"/"} // version 1 shows no names for it
	}
	r.before = permissions.NewSet(before...)
	switch {
	case r.skipped || r.builtIn:
	case e.fromNames(r):
		if !r.ObjectNames {
			r.unreadPermissions = "the names for single objects were not read"
			if g := e.gapAbout(snapshot.PartObjectNames, r.Name); g != nil {
				r.unreadPermissions += " (" + gapText(g) + ")"
			}
		}
	case read(r.Role, 2):
		for _, p := range permissions.NewSet(r.Paths...).Paths() {
			out := row{name: string(p)}
			e.place(r, &out, p)
			if out.lost {
				out.lostWhat = permissions.EffectOf(p)
			}
			r.rows = append(r.rows, out)
		}
	default:
		r.unreadPermissions = "neither version of the API showed it in full"
	}
}

func refuted(item *permissions.Item) bool {
	return item.Proof != nil && item.Proof.Verdict == permissions.VerdictRefuted
}

// gapKey finds gaps: the object is folded.
type gapKey struct {
	part   snapshot.Part
	object string
}

// gapAbout finds the gap of the source about a role, or about the whole part.
func (e *engine) gapAbout(part snapshot.Part, role string) *snapshot.Gap {
	if g := e.gaps[gapKey{part, names.Fold(role)}]; g != nil {
		return g
	}
	return e.gaps[gapKey{part, ""}]
}

// hold works out who holds a role.
func (e *engine) hold(r *role) {
	v1, v2 := e.gapAbout(snapshot.PartRolesV1, r.Name), e.gapAbout(snapshot.PartRolesV2, r.Name)
	missing := func(g *snapshot.Gap, version int) bool {
		if read(r.Role, version) {
			return g != nil && g.Object != ""
		}
		return g == nil || g.Reason != snapshot.ReasonNotThere
	}
	switch {
	case missing(v2, 2):
		r.unreadHolders = "its claims could not be read"
		if v2 != nil {
			r.unreadHolders += " (" + gapText(v2) + ")"
		}
	case missing(v1, 1):
		r.unreadHolders = "its Active Directory identities could not be read"
		if v1 != nil {
			r.unreadHolders += " (" + gapText(v1) + ")"
		}
	}
	seen := map[Key]bool{}
	for _, h := range r.Holders {
		m := e.mapHolder(h.Key)
		if seen[h.Key.Fold()] {
			continue
		}
		seen[h.Key.Fold()] = true
		r.holders = append(r.holders, m)
		m.roles = append(m.roles, r)
	}
}

// group finds out which roles of the source make one role of the target.
func (e *engine) group() {
	merged := map[string]*result{}
	for _, r := range e.roles {
		if r.skipped {
			continue
		}
		if e.same {
			r.now = e.byID[r.ID]
			if found := e.theirs[names.Fold(r.Name)]; r.now == nil && len(found) == 1 {
				r.now = found[0]
			}
		}
		r.to = r.Name
		if r.now != nil {
			r.to = r.now.Name
		}
		if r.rule != nil {
			r.to = cmp.Or(r.rule.to, r.rule.merge, r.to)
		}
		var res *result
		if r.rule != nil && r.rule.merge != "" {
			res = merged[names.Fold(r.to)]
		}
		if res == nil {
			res = &result{name: r.to}
			e.results = append(e.results, res)
		}
		if r.rule != nil && r.rule.merge != "" {
			merged[names.Fold(r.to)] = res
		}
		res.members = append(res.members, r)
		r.result = res
	}
	for _, res := range e.results {
		e.find(res)
	}
	byName := map[string][]*result{}
	for _, res := range e.results {
		byName[names.Fold(res.name)] = append(byName[names.Fold(res.name)], res)
	}
	for _, res := range e.results {
		if n := len(byName[names.Fold(res.name)]); n > 1 {
			for _, r := range res.members {
				r.wait(CodeName, "Give one of them another name (to), skip it, or make one role of them (merge).",
					"%d roles of the target would have the name %s.", n, quote(res.name))
			}
		}
	}
}

// find finds the role of the target that a result is about.
func (e *engine) find(res *result) {
	found := e.theirs[names.Fold(res.name)]
	if len(found) > 1 {
		for _, r := range res.members {
			r.wait(CodeName, "Give it another name (to), or skip it.", "The target has several roles with the name %s.", quote(res.name))
		}
		return
	}
	if len(found) == 1 {
		res.now = found[0]
	}
	if !e.same {
		return
	}
	merge := res.members[0].rule != nil && res.members[0].rule.merge != ""
	for _, r := range res.members {
		switch {
		case r.now == nil || r.now == res.now:
		case merge:
			res.absent = append(res.absent, r.now.Name)
		case res.now != nil:
			r.wait(CodeName, "Choose another name (to).", "The server has another role with the name %s already.", quote(res.name))
		default:
			res.now, res.was = r.now, r.now.Name
		}
	}
	if merge && res.now != nil && !e.again && !slices.ContainsFunc(res.members, func(r *role) bool { return r.now == res.now }) {
		for _, r := range res.members {
			r.wait(CodeName, "Choose another name (merge), or merge that role, too.",
				"The server has a role %s already, which is not merged.", quote(res.name))
		}
	}
}

// check notes what keeps a role from being migrated.
func (e *engine) check(r *role, res *result) {
	if problem := unfitName(res.name); problem != "" {
		r.wait(CodeName, "Give it another name (to).", "Its name %s.", problem)
	}
	if strings.TrimSpace(res.name) != res.name && (res.now == nil || !names.Same(res.now.Name, res.name)) {
		r.wait(CodeName, "Give it another name (to).", "Its name begins or ends with a space.")
	}
	switch {
	case r.builtIn && (r.rule != nil && r.rule.merge != "" || res.was != "" || !names.Same(res.name, r.Name)):
		r.wait(CodeName, "Leave its name, or skip it.", "It is built in: nobody can rename it or merge it with others.")
	case r.builtIn && !e.same:
		r.wait(CodeBuiltIn, acceptText(CodeBuiltIn),
			"It is built in: the target has a role of its own with this name, and the holders would get that.")
	}
	if e.same && r.now == nil && !e.merged(r, res) {
		r.wait(CodeGone, acceptText(CodeGone), "The server does not have it any more. It would be created anew.")
	}
	if !e.same && res.now != nil && !r.builtIn && !e.again && r.existing(e) == "" {
		r.wait(CodeExists, "Say what becomes of it (existing): add completes it, replace makes it what the source has. Or give yours another name (to).",
			"The target has a role with %s already.", nameOf(r, res))
	}
	if r.unreadPermissions != "" {
		r.wait(CodeNotRead, notReadDo, "What it grants is not known: %s.", r.unreadPermissions)
	}
	if r.unreadHolders != "" {
		r.wait(CodeNotRead, notReadDo, "Who holds it is not known: %s.", r.unreadHolders)
	}
	if !e.same && r.Enabled != nil && !*r.Enabled {
		r.wait(CodeDisabled, acceptText(CodeDisabled), "It is disabled, which a role of the target cannot be made: its holders may be able to do more.")
	}
	if r.Valid != nil && !*r.Valid {
		r.wait(CodeSignature, acceptText(CodeSignature)+" First find out who changed it.",
			"Its audit signature does not match: somebody may have changed it in the database.")
	}
	for _, m := range r.holders {
		if m.wait != "" {
			r.wait(CodeHolder, m.do, "%s", m.wait)
		}
	}
	for _, row := range r.rows {
		if row.item != nil && row.waits {
			if row.item.Outcome == permissions.OutcomeConverted && !undecidedItem(row.item) {
				continue // an object, which is noted already
			}
			r.wait(CodePermission, "", "%s", row.item.Name)
		}
	}
}

// merged reports whether the migration has made one role of the role and others: it is
// gone because of that.
func (e *engine) merged(r *role, res *result) bool {
	return e.again && r.rule != nil && r.rule.merge != "" && res.now != nil
}

// nameOf is the name that a role gets: many roles keep theirs.
func nameOf(r *role, res *result) string {
	if res.name == r.Name {
		return "the same name"
	}
	return "the name " + quote(res.name)
}

const notReadDo = "Take the snapshot as an account that may read everything, or accept it: accept: [not-read]. What is not known stays as it is then, and a new role lacks it."

func acceptText(code Code) string {
	return "Accept it (accept: [" + string(code) + "]), or skip the role."
}

// undecidedItem reports whether somebody has to decide about an item.
func undecidedItem(item *permissions.Item) bool {
	if item.Outcome == permissions.OutcomeRefused || item.Outcome == permissions.OutcomeUnknown {
		return true
	}
	return len(permissions.Conversion{Items: []permissions.Item{*item}}.Undecided()) > 0
}

// existing says what becomes of a role that the target has already; "" if nobody said
// it.
func (r *role) existing(e *engine) plan.Existing {
	if r.rule != nil && r.rule.existing != "" {
		return r.rule.existing
	}
	return e.rules.existing
}

// finish works out what a role of the target becomes.
func (e *engine) finish(res *result) {
	first := res.members[0]
	fixed := first.builtIn || res.now != nil && res.now.Immutable
	res.says, res.holds, res.existing = true, true, plan.Replace
	var paths []permissions.Path
	seen := map[Key]bool{}
	for _, r := range res.members {
		paths = append(paths, r.after...)
		if r.unreadPermissions != "" && res.now != nil {
			res.says = false
		}
		if r.unreadHolders != "" && res.now != nil {
			res.holds = false
		}
		for _, m := range r.holders {
			if m.wait == "" && !m.drop && !seen[m.to.Fold()] {
				seen[m.to.Fold()] = true
				res.holders = append(res.holders, m.to)
			}
		}
		if existing := r.existing(e); existing != "" && res.now != nil {
			res.existing = existing
		}
	}
	slices.SortFunc(res.holders, compareKeys)
	res.paths = permissions.NewSet(paths...)
	res.texts = !e.same || res.now == nil
	if fixed {
		if !first.builtIn && !e.current(res.now).Covers(res.paths) {
			e.find1(CodeImmutable, report.Medium, fmt.Sprintf("The role %s of the target cannot be changed: it gets the holders and keeps what it grants.", quote(res.name)),
				"Give yours another name (to) if it should grant what the source grants.", res.members)
		}
		res.says, res.texts, res.existing, res.was = false, false, plan.Add, ""
		return
	}
	e.chooseSet(res)
}

// find1 notes a finding about roles. What is to be said of several is said once.
func (e *engine) find1(code Code, severity report.Severity, title, do string, roles []*role) {
	f := &report.Finding{Code: string(code), Severity: severity, Title: title, Do: do}
	if i := slices.IndexFunc(e.findings, func(known report.Finding) bool { return known.Code == f.Code && known.Title == title }); i >= 0 {
		f = &e.findings[i]
	} else {
		e.findings = append(e.findings, *f)
		f = &e.findings[len(e.findings)-1]
	}
	for _, r := range roles {
		f.Roles = append(f.Roles, report.Item{Text: r.Name, Link: r.anchor})
	}
}

// chooseSet finds the permission set of a role.
func (e *engine) chooseSet(res *result) {
	var wanted []string
	for _, r := range res.members {
		name := e.rules.permissionSet.text
		if r.rule != nil && r.rule.set.text != "" {
			name = r.rule.set.text
		}
		if name == "" && !(e.same && res.now != nil) {
			name = "Global"
			if set := e.setNames[strings.ToLower(r.PermissionSetID)]; set != "" {
				name = set
			} else if r.PermissionSetID != "" && r.PermissionSetID != admin.GlobalSet {
				r.wait(CodePermissionSet, "Name one of the target (permissionSet).", "Its permission set %s could not be read.", quote(r.PermissionSetID))
			}
		}
		wanted = append(wanted, name)
	}
	for i, name := range wanted {
		if !names.Same(name, wanted[0]) {
			res.members[i].wait(CodePermissionSet, "Give all roles that are merged the same one (permissionSet).",
				"It is merged with roles of another permission set.")
		}
	}
	allowed, known := permissions.Set{}, false
	name := wanted[0]
	found := e.sets[names.Fold(name)]
	switch {
	case name == "":
		if set := e.setByID[strings.ToLower(res.now.PermissionSetID)]; set != nil {
			allowed, known, name = permissions.NewSet(set.Permissions...), true, set.Name
		}
	case len(found) == 1:
		res.set = &name
		allowed, known = permissions.NewSet(found[0].Permissions...), true
	case gapOf(e.target, snapshot.PartPermissionSets) != nil && names.Same(name, "Global"):
		res.set = new(admin.GlobalSet)
	default:
		for _, r := range res.members {
			r.wait(CodePermissionSet, "Name one of the target (permissionSet), or create it there first.",
				"The target has no single permission set %s.", quote(name))
		}
	}
	if outside := res.paths.Minus(allowed); known && res.says && outside.Len() > 0 {
		for _, r := range res.members {
			r.wait(CodePermissionSet, "Name another one (permissionSet), or drop these permissions.",
				"The permission set %s of the target does not allow %s.", quote(name), outside)
		}
	}
}

// conclude leaves out what is undecided: a role that is merged with an undecided one,
// too.
func (e *engine) conclude() {
	for _, res := range e.results {
		var waits []string
		for _, r := range res.members {
			if len(r.reasons) > 0 {
				waits = append(waits, r.Name)
			}
		}
		res.left = len(waits) > 0
		if !res.left {
			e.describe(res)
			continue
		}
		for _, r := range res.members {
			if len(r.reasons) == 0 {
				r.wait(CodeMerged, "Decide about that one, or merge without it.", "It is merged with the role %s, which cannot be migrated yet.", quote(waits[0]))
			}
		}
	}
}

// describe notes what else is to be said of a role that is migrated.
func (e *engine) describe(res *result) {
	first := res.members[0]
	if e.same && first.now != nil && !names.Same(first.now.Name, first.Name) && res.was == "" && len(res.members) == 1 {
		e.find1(CodeRenamed, report.Low, fmt.Sprintf("The role %s is called %s on the server now.", quote(first.Name), quote(first.now.Name)),
			"Make sure that it is the same role.", res.members)
	}
	if e.noEmail && res.texts && first.EmailAddress != "" {
		e.find1(CodeEmail, report.Low, fmt.Sprintf("The target, of version %s, has no e-mail addresses of roles.", quote(e.target.Server.Version)),
			"They are left out. Command has them from 24.4 on.", res.members)
	}
	if other := slices.IndexFunc(res.members, func(r *role) bool {
		return r.Description != first.Description || r.EmailAddress != first.EmailAddress
	}); other > 0 && res.texts {
		e.find1(CodeTexts, report.Low, fmt.Sprintf("The merged role %s has the description and the e-mail address of %s. Those of the others are not kept.",
			quote(res.name), quote(first.Name)), "Write others into the desired state, or change them after the migration.", res.members)
	}
	if res.texts && (limits.Exceeds(first.Description, limits.Description) || limits.Exceeds(first.EmailAddress, limits.Email)) {
		e.find1(CodeCut, report.Low, "The description or the e-mail address of roles is longer than the target takes.",
			"The description is shortened, and the address is left out.", res.members)
	}
	if res.texts && (limits.UnfitDescription(first.Description) != "" || limits.UnfitEmail(first.EmailAddress) != "") {
		e.find1(CodeCut, report.Low, "The description of roles holds characters that do not show, or the e-mail address is none.",
			"These characters are dropped, and the address is left out.", res.members)
	}
	if !res.says || e.listed == nil {
		return
	}
	for p := range res.paths.All() {
		if !e.listed[p] && !e.listed[p.Unscoped()] {
			e.find1(CodeUnlisted, report.Medium, fmt.Sprintf("The target does not list the permission %s, which roles would grant.", p),
				"The target may refuse these roles, or the permission may grant nothing.", res.members)
		}
	}
}

// oneClaim notes claims that a pattern makes of several accounts. Rules for single
// accounts say so themselves.
func (e *engine) oneClaim() {
	byClaim := map[Key][]*mapping{}
	e.byClaim = byClaim
	var order []Key
	for _, m := range e.sortedMappings() {
		if m.wait != "" || m.drop || !slices.ContainsFunc(m.roles, func(r *role) bool { return !r.skipped }) {
			continue
		}
		k := m.to.Fold()
		if byClaim[k] == nil {
			order = append(order, k)
		}
		byClaim[k] = append(byClaim[k], m)
	}
	for _, k := range order {
		list := byClaim[k]
		if len(list) < 2 || !slices.ContainsFunc(list, func(m *mapping) bool { return m.pattern }) {
			continue
		}
		f := report.Finding{
			Code: string(CodeOneClaim), Severity: report.High,
			Title: fmt.Sprintf("%d accounts become one claim, %s: each gets what all of them could do.", len(list), quote(list[0].to.String())),
			Do:    "If that is not meant, say in the claim of the pattern which part of the account it has (${1}), or write rules for single accounts.",
		}
		for _, m := range list {
			f.Holders = append(f.Holders, report.Item{Text: m.from.String()})
		}
		e.findings = append(e.findings, f)
		e.joined += len(list)
		e.joins++
	}
}

// unused notes rules that are about nothing.
func (e *engine) unused() {
	note := func(text string) {
		e.findings = append(e.findings, report.Finding{Code: string(CodeUnused), Severity: report.Low, Title: text, Do: "Look for a typing error, or take the rule away."})
	}
	for _, d := range e.converted.Decisions {
		if len(d.Roles) == 0 {
			text := fmt.Sprintf("The decision about %s is used for no role.", d.Name)
			if d.Role != "" {
				text = fmt.Sprintf("The decision about %s for the role %s is not used: it is not converted from that name.", d.Name, quote(d.Role))
			}
			note(text)
		}
	}
	var idle []*identityRule
	for _, list := range e.rules.accounts {
		for _, rule := range list {
			if !e.used[rule] {
				idle = append(idle, rule)
			}
		}
	}
	for _, rule := range e.rules.patterns {
		if !e.used[rule] {
			idle = append(idle, rule)
		}
	}
	slices.SortFunc(idle, func(a, b *identityRule) int { return a.compare(b.place) })
	for _, rule := range idle {
		note(fmt.Sprintf("The rule for %s in line %d is used for nobody who holds a role.", quote(rule.text), rule.line))
	}
	for _, l := range e.converted.UnknownProofs {
		note(fmt.Sprintf("The overlay has %s, which is not known and not among the names of the roles.", quote(string(l))))
	}
}
