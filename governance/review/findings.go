package review

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// The codes of findings. Those of duty rules are "duty-" and the rule's name.
const (
	CodeSignature        = "broken-signature"
	CodeEverything       = "rights-to-everything"
	CodeSecurity         = "rights-to-security"
	CodeDuty             = "duty-" // and the name of a rule
	CodeDisabled         = "role-disabled"
	CodeMembers          = "members-differ"
	CodeGuess            = "right-guessed"
	CodeName             = "name-not-converted"
	CodeMisspelled       = "path-misspelled"
	CodeUnlisted         = "path-not-listed"
	CodeUnheld           = "role-without-holders"
	CodeIdle             = "holders-without-roles"
	CodeEmpty            = "role-without-rights"
	CodeEqual            = "roles-equal"
	CodeContained        = "role-contained"
	CodeContainedFurther = "role-contained-further"
	CodeQuery            = "query-changed" // of [Changes] only
	CodeNotRead          = "not-read"
)

// guides explain the codes that are not about duty rules.
var guides = []report.Guide{
	{
		Code: CodeSignature, Title: "A record was changed behind the server's back",
		Why: "Command signs its records of roles and identities. This signature does not match any more: somebody changed the database and did not go through Command, so that no permission was asked for and nothing is in the audit log.",
		Do:  "Treat it as an incident. Find out from backups and the logs of the database what was changed, when and by whom, before anybody saves the record again: saving signs what is there.",
	},
	{
		Code: CodeEverything, Title: "Grants everything",
		Why: "Whoever holds it can do everything, what later versions of Command bring included. Nothing else in this review limits them. They meet every duty rule, and are not named there again.",
		Do:  "Keep it for a few accounts that are used for nothing else, and give everybody else what they need.",
	},
	{
		Code: CodeSecurity, Title: "Can give itself every right",
		Why: "Whoever can change security can give any role to anybody, themselves included. In effect that is the right to everything; only the role's permission set can limit it.",
		Do:  "Treat its holders like those who can do everything. If it is there to look things up, /security/read/ is enough.",
	},
	{
		Code: CodeDisabled, Title: "A disabled role has holders",
		Why: "A disabled role cannot be given to anybody. Whether those who hold it can still use it is not documented, and enabling it gives all of it back to them.",
		Do:  "Take the role from its holders, or delete it.",
	},
	{
		Code: CodeMembers, Title: "Both versions of the API show different holders",
		Why: "From Command 11 on, a user or group of Active Directory is a claim, and both versions of the API show the same holders of a role. If they do not, one of them shows something old, and it is not known which one counts.",
		Do:  "Look at the role in the Management Portal. Adding the missing holder again, or removing the surplus one, makes both alike.",
	},
	{
		Code: CodeGuess, Title: "A right rests on a guess",
		Why: "The role was read through version 1 of the API, which has names and no paths. For this name no source says which path it stands for. The review counts it, so that nothing is left out; it may be wrong.",
		Do:  "Look up in the Management Portal what the role can do. On a server of version 11 or later, commandsec prove finds out what its names stand for.",
	},
	{
		Code: CodeName, Title: "A name could not be converted",
		Why: "The role was read through version 1 of the API, which has names and no paths. This name is not known, or stands for nothing in version 2. What it grants is missing in this review.",
		Do:  "Look up in the Management Portal what the role can do.",
	},
	{
		Code: CodeMisspelled, Title: "A path is misspelled",
		Why: "The server takes the path and it grants nothing, or not what it looks like.",
		Do:  "Replace it by the right one, if the role is meant to have that right.",
	},
	{
		Code: CodeUnlisted, Title: "A path is not among those that the server lists",
		Why: "The server publishes what can be granted. A path that is not among it grants nothing today. It may grant something after an upgrade, without anybody deciding so.",
		Do:  "Remove it from the role, unless you know what it is for.",
	},
	{
		Code: CodeUnheld, Title: "Nobody holds the role",
		Why: "A role that nobody holds is ready to be given away, and nobody looks after it.",
		Do:  "Delete it, or write into its description what it is kept for.",
	},
	{
		Code: CodeIdle, Title: "Holders have no role",
		Why: "They can do nothing, as far as this server knows. Often they are left over from people who went.",
		Do:  "Delete those that nobody needs.",
	},
	{
		Code: CodeEmpty, Title: "The role grants nothing",
		Why: "Whoever holds it may believe that they can do something.",
		Do:  "Give it rights, or delete it.",
	},
	{
		Code: CodeEqual, Title: "Roles grant the same",
		Why: "Two roles for one job are changed one without the other, sooner or later.",
		Do:  "Keep one, and give it to the holders of both; unless they are kept apart on purpose, for two teams or two permission sets.",
	},
	{
		Code: CodeContained, Title: "Another role grants all of it and more",
		Why: "Whoever holds the larger role does not need the smaller one. If people hold both, taking the larger one away does not take all of it.",
		Do:  "Nothing, if the roles are for different people. Otherwise take the smaller one from those who hold both.",
	},
	{
		Code: CodeContainedFurther, Title: "Further roles are contained in others",
		Why: "They are counted here, and not listed.",
		Do:  "Tidy up the ones above first.",
	},
	{
		Code: CodeQuery, Title: "A collection has another query",
		Why: "The query decides which certificates are in the collection. Every right on it is a right on other certificates now, and no role shows it.",
		Do:  "Ask who changed it and why. If it finds more certificates than before, everybody named here can do more than before.",
	},
	{
		Code: CodeNotRead, Title: "A part of the server could not be read",
		Why: "What was not read was not reviewed.",
		Do:  "Take the snapshot again with an account that may read it, or accept that this review does not cover it.",
	},
}

// Guides explain every code that a finding can have without rules from a file, by
// code.
func Guides() []report.Guide {
	out := slices.Clone(guides)
	for i := range builtIn() {
		out = append(out, builtIn()[i].guide())
	}
	slices.SortFunc(out, func(a, b report.Guide) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

// guide returns the guide of the rule's findings.
func (r *Rule) guide() report.Guide {
	return report.Guide{Code: CodeDuty + r.Name, Title: r.Title, Why: r.Why, Do: r.Do}
}

// guide returns the guide of a code.
func (r *Review) guide(code string) report.Guide {
	if i := slices.IndexFunc(guides, func(g report.Guide) bool { return g.Code == code }); i >= 0 {
		return guides[i]
	}
	for i := range r.rules {
		if g := r.rules[i].guide(); g.Code == code {
			return g
		}
	}
	return report.Guide{Code: code}
}

// Findings are everything that somebody should look at, the worst first. Those that
// were accepted say by whom.
func (r *Review) Findings() []Finding { return slices.Clone(r.findings) }

// Unused are the acceptances that fit no finding: what they accepted is gone, or is
// not the same any more.
func (r *Review) Unused() []report.Acceptance { return slices.Clone(r.unused) }

// find finds everything.
func (r *Review) find() {
	for i := range r.roles {
		r.signature(i)
		r.power(i)
		r.disabled(i)
		r.members(i)
		r.converted(i)
		r.paths(i)
		r.unheld(i)
	}
	for i := range r.holders {
		if c := r.holders[i].claim; c != nil && c.Valid != nil && !*c.Valid {
			r.add(Finding{
				Code: CodeSignature, Severity: report.Critical, Title: "The signature of the identity " + quoted(c.Key.Value) + " does not match",
				Detail: "It holds " + plural(len(r.holders[i].roles), "role") + ".", Holders: r.holderItems([]int{i}),
			})
		}
	}
	for _, c := range r.conflicts() {
		r.duty(c)
	}
	r.idle()
	r.contained()
	r.notRead()
	r.accept()
	slices.SortFunc(r.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID))
	})
}

func rank(s report.Severity) int {
	return slices.Index([]report.Severity{report.Critical, report.High, report.Medium, report.Low, report.Info}, s)
}

// mostItems is how many roles, holders and rights a finding lists. The tables have all.
const mostItems = 50

func (r *Review) add(f Finding) {
	a := aboutOf(&f)
	f = identified(f)
	r.findings, r.about[f.ID] = append(r.findings, f), a
}

// about is everything that a finding is about, however much of it is shown.
type about struct {
	code                     string
	roles, holders, evidence []string
}

func aboutOf(f *Finding) about {
	return about{f.Code, itemNames(f.Roles), itemNames(f.Holders), itemNames(f.Evidence)}
}

func itemNames(items []report.Item) []string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = cmp.Or(item.Code, item.Text)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// id is the ID of a finding: a digest of what it is about.
func (a about) id() string {
	h := sha256.New()
	for _, names := range [][]string{a.roles, a.holders, a.evidence} {
		for _, name := range names {
			fmt.Fprintf(h, "%d %s ", len(name), name)
		}
		h.Write([]byte{'\n'})
	}
	return a.code + "-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// fewer reports whether the finding is the one with an ID that is about these holders, or
// fewer of them: same roles, same rights. The ID proves the list of holders.
func (a about) fewer(id string, holders []string) bool {
	slices.Sort(holders)
	for _, h := range a.holders {
		if _, found := slices.BinarySearch(holders, h); !found {
			return false
		}
	}
	return about{a.code, a.roles, slices.Compact(holders), a.evidence}.id() == id
}

// identified returns a finding with its ID, and with as many of its items as are shown.
func identified(f Finding) Finding {
	f.ID = aboutOf(&f).id()
	for _, list := range []*[]report.Item{&f.Roles, &f.Holders, &f.Evidence} {
		if n := len(*list); n > mostItems {
			*list = append((*list)[:mostItems:mostItems], report.Item{Text: fmt.Sprintf("and %d more", n-mostItems)})
		}
	}
	return f
}

func (r *Review) roleItem(i int) report.Item {
	return report.Item{Text: r.roles[i].Name, Link: roleAnchor(i)}
}

func (r *Review) roleItems(roles []int) []report.Item {
	out := make([]report.Item, len(roles))
	for k, i := range roles {
		out[k] = r.roleItem(i)
	}
	return out
}

func (r *Review) holderItems(holders []int) []report.Item {
	out := make([]report.Item, len(holders))
	for k, h := range holders {
		out[k] = report.Item{Text: r.holders[h].key.String(), Link: holderAnchor(h)}
	}
	return out
}

// rightItem is a right of a role in words, with what it rests on.
func (r *Review) rightItem(i int, p permissions.Path) report.Item {
	text := r.text(p)
	if how := r.roles[i].how(p); how != "" {
		text += " (" + how + ")"
	}
	return report.Item{Text: text, Code: string(p)}
}

// how says what a right rests on, if it is not what the server itself shows.
func (r *role) how(p permissions.Path) string {
	if r.assumed {
		return "assumed: the server shows no permissions of this built-in role"
	}
	switch from := r.right(p); {
	case from.name == "":
		return ""
	case from.confidence == permissions.ConfidenceGuess:
		return "a guess, from " + string(from.name)
	default:
		return "from " + string(from.name) + ", " + from.confidence.String()
	}
}

func (r *Review) heldBy(i int) string {
	n := len(r.roles[i].holders)
	if n == 0 {
		return "Nobody holds it."
	}
	if n == 1 {
		return "1 holder has it."
	}
	return itoa(n) + " holders have it."
}

func (r *Review) signature(i int) {
	role := &r.roles[i]
	if role.Valid != nil && !*role.Valid {
		r.add(Finding{
			Code: CodeSignature, Severity: report.Critical, Title: "The signature of the role " + quoted(role.Name) + " does not match",
			Detail: r.heldBy(i), Roles: r.roleItems([]int{i}), Holders: r.holderItems(role.holders),
		})
	}
}

// power: rights to everything, and those that come down to it.
func (r *Review) power(i int) {
	role := &r.roles[i]
	f := Finding{
		Severity: report.High, Detail: r.heldBy(i),
		Roles: r.roleItems([]int{i}), Holders: r.holderItems(role.holders),
	}
	if len(role.holders) == 0 {
		f.Severity = report.Medium
	}
	why, ok := role.set.Why(admin.Path)
	switch {
	case !ok:
		return
	case why == "/":
		f.Code, f.Title = CodeEverything, "The role "+quoted(role.Name)+" grants everything"
	default:
		f.Code, f.Title = CodeSecurity, "The role "+quoted(role.Name)+" can change who has which rights"
		if set := r.permissionSet(role); set != nil && !permissions.NewSet(set.Permissions...).Allows("/") {
			f.Detail += " Its permission set " + quoted(set.Name) + " limits it."
		}
	}
	f.Evidence = []report.Item{r.rightItem(i, why)}
	r.add(f)
}

// permissionSet is the permission set of a role, nil if it is not known.
func (r *Review) permissionSet(role *role) *snapshot.PermissionSet {
	return r.sets[strings.ToLower(role.PermissionSetID)]
}

func (r *Review) disabled(i int) {
	role := &r.roles[i]
	if role.Enabled != nil && !*role.Enabled && len(role.holders) > 0 {
		r.add(Finding{
			Code: CodeDisabled, Severity: report.Medium, Title: "The role " + quoted(role.Name) + " is disabled",
			Detail: r.heldBy(i), Roles: r.roleItems([]int{i}), Holders: r.holderItems(role.holders),
		})
	}
}

// joined reports whether both versions of the API should show the same holders.
func (r *Review) joined() bool {
	major, _, _ := strings.Cut(r.s.Server.Version, ".")
	return len(major) == 2 && major >= "11" && major <= "99"
}

// members finds holders whom one version of the API shows and the other does not.
// Version 1 knows users and groups of Active Directory only.
func (r *Review) members(i int) {
	role := &r.roles[i]
	if !r.joined() || !role.readV1() || !slices.Contains(role.Versions, 2) {
		return
	}
	var items []report.Item
	var at []int
	for _, h := range role.Holders {
		if isIdentity(h.Key) && len(h.Versions) == 1 {
			at = append(at, r.byKey[h.Key.Fold()])
			items = append(items, report.Item{Text: fmt.Sprintf("only version %d shows %s", h.Versions[0], h.Key)})
		}
	}
	if items != nil {
		r.add(Finding{
			Code: CodeMembers, Severity: report.Medium, Title: "Both versions of the API show different holders of the role " + quoted(role.Name),
			Detail: "Command " + r.s.Server.Version + " should show the same.",
			Roles:  r.roleItems([]int{i}), Holders: r.holderItems(at), Evidence: items,
		})
	}
}

// isIdentity reports whether a holder can be an identity of version 1.
func isIdentity(k Key) bool {
	return (k.Type == holders.TypeUser || k.Type == holders.TypeGroup) && strings.EqualFold(k.Scheme, holders.SchemeActiveDirectory)
}

// converted tells which rights rest on a guess, and which names could not be
// converted.
func (r *Review) converted(i int) {
	role := &r.roles[i]
	var guessed, lost []report.Item
	for _, item := range role.guessed {
		for _, p := range item.Paths {
			text := string(item.Name) + ", counted as: " + r.text(p)
			if at := slices.IndexFunc(item.Mappings, func(m permissions.Mapping) bool { return m.Path == p }); at >= 0 {
				m := item.Mappings[at]
				text += "; evidence " + string(m.Evidence) + ", " + m.Source
			}
			guessed = append(guessed, report.Item{Text: text, Code: string(p)})
		}
	}
	for _, item := range role.lost {
		lost = append(lost, report.Item{Text: string(item.Input) + " " + item.Reason})
	}
	if guessed != nil {
		r.add(Finding{
			Code: CodeGuess, Severity: report.Medium, Title: fmt.Sprintf("The role %s has %s by a guess", quoted(role.Name), plural(len(guessed), "right")),
			Roles: r.roleItems([]int{i}), Evidence: guessed,
		})
	}
	if lost != nil {
		r.add(Finding{
			Code: CodeName, Severity: report.Medium, Title: fmt.Sprintf("The role %s has %s that could not be converted", quoted(role.Name), plural(len(lost), "name")),
			Roles: r.roleItems([]int{i}), Evidence: lost,
		})
	}
}

// paths finds paths that the server does not list, and misspelled ones.
func (r *Review) paths(i int) {
	role := &r.roles[i]
	var misspelled, unlisted []report.Item
	for _, p := range role.Paths {
		if r.lists(p) {
			continue
		}
		if reason := misspelling(p); reason != "" {
			misspelled = append(misspelled, report.Item{Text: reason, Code: string(p)})
		} else if r.listed != nil {
			unlisted = append(unlisted, r.rightItem(i, p))
		}
	}
	if misspelled != nil {
		r.add(Finding{
			Code: CodeMisspelled, Severity: report.Medium, Title: fmt.Sprintf("The role %s has %s", quoted(role.Name), plural(len(misspelled), "misspelled path")),
			Detail: r.heldBy(i), Roles: r.roleItems([]int{i}), Evidence: misspelled,
		})
	}
	if unlisted != nil {
		r.add(Finding{
			Code: CodeUnlisted, Severity: report.Low, Title: fmt.Sprintf("The role %s has %s that the server does not list", quoted(role.Name), plural(len(unlisted), "path")),
			Detail: r.heldBy(i), Roles: r.roleItems([]int{i}), Evidence: unlisted,
		})
	}
}

// lists reports whether the server lists a path. It lists paths without ids.
func (r *Review) lists(p permissions.Path) bool {
	if r.listed[p] {
		return true
	}
	base := p.Unscoped()
	_, known := permissions.Known(p)
	_, baseKnown := permissions.Known(base)
	return r.listed[base] && p.Canonical() == p && (known || !baseKnown)
}

// misspelling says what is wrong with the spelling of a path, "" if nothing is.
func misspelling(p permissions.Path) string {
	if _, known := permissions.Known(p); known && p.Canonical() == p {
		return ""
	}
	for _, f := range permissions.Lint([]permissions.Path{p}, nil) {
		if f.Code == permissions.CodeMalformed || f.Code == permissions.CodeForm || f.Code == permissions.CodeMisspelled {
			return f.Text
		}
	}
	return ""
}

// unheld finds roles without holders or rights.
func (r *Review) unheld(i int) {
	role := &r.roles[i]
	if len(role.holders) == 0 && r.holdersRead(role) {
		r.add(Finding{
			Code: CodeUnheld, Severity: report.Low, Title: "Nobody holds the role " + quoted(role.Name),
			Roles: r.roleItems([]int{i}),
		})
	}
	if len(role.rights) == 0 && len(role.lost) == 0 && r.rightsRead(role) {
		r.add(Finding{
			Code: CodeEmpty, Severity: report.Low, Title: "The role " + quoted(role.Name) + " grants nothing",
			Detail: r.heldBy(i), Roles: r.roleItems([]int{i}),
		})
	}
}

// holdersRead reports whether all holders of a role were read: from 11 on version 2
// shows them all, before there is version 1 only.
func (r *Review) holdersRead(role *role) bool {
	return slices.Contains(role.Versions, 2) || role.readV1() && r.onlyV1
}

// isV1 reports whether the server has neither version 2 of roles nor claims, as before
// Command 11. A later one that says so hides them: then not all is known.
func (r *Review) isV1() bool {
	lacks := func(part snapshot.Part) bool {
		return slices.ContainsFunc(r.s.Gaps, func(g snapshot.Gap) bool {
			return g.Part == part && g.Object == "" && g.Reason == snapshot.ReasonNotThere
		})
	}
	return !r.joined() && lacks(snapshot.PartRolesV2) && lacks(snapshot.PartClaims)
}

// rightsRead reports whether everything that a role grants was read. From 11 on, version
// 1 has no names for some of it.
func (r *Review) rightsRead(role *role) bool {
	return slices.Contains(role.Versions, 2) || role.assumed || role.readV1() && role.ObjectNames && r.onlyV1
}

// idle finds holders without roles.
func (r *Review) idle() {
	if !r.rolesRead() {
		return // they may hold one that was not read
	}
	var idle []int
	for h := range r.holders {
		if len(r.holders[h].roles) == 0 {
			idle = append(idle, h)
		}
	}
	if idle != nil {
		f := Finding{
			Code: CodeIdle, Severity: report.Low, Title: plural(len(idle), "holder") + " without a role",
			Detail: "The table of holders lists them all.", Holders: r.holderItems(idle),
		}
		if r.lost(snapshot.PartClaims, snapshot.PartIdentities) {
			f.Detail = "There may be more: not all lists of holders could be read."
		}
		r.add(f)
	}
}

// duty reports a conflict.
func (r *Review) duty(c conflict) {
	rule := &r.rules[c.rule]
	f := Finding{
		Code: CodeDuty + rule.Name, Severity: rule.Severity,
		Roles: r.roleItems(c.roles), Holders: r.holderItems(c.holders), Evidence: r.evidence(rule, c.roles),
	}
	can := ": " + rule.Title
	if what, ok := strings.CutPrefix(rule.Title, "Can "); ok {
		can = " can " + what
	}
	switch {
	case c.group != nil && c.group.team:
		f.Title = "The team " + quoted(c.group.name) + can + ", together"
		f.Detail = fmt.Sprintf("No one of its holders can. They hold %s for it. In a team it may be meant so: what counts is that no one person has both.", plural(len(c.roles), "role"))
		if rank(f.Severity) < rank(report.Low) {
			f.Severity = report.Low
		}
	case c.group != nil:
		f.Title = quoted(c.group.name) + can + ", through several accounts"
		f.Detail = "No one of the accounts can. The file of people says that they are one person's."
	case len(c.roles) > 1:
		var names []string
		for _, h := range c.holders {
			names = append(names, show.Text(r.holders[h].key.String(), maxName))
		}
		f.Title = fmt.Sprintf("%s%s, through %d roles together", enumerate(short(names)), can, len(c.roles))
		f.Detail = "None of the roles allows it alone: " + enumerate(short(r.roleNames(c.roles))) + "."
	default:
		f.Title = "The role " + quoted(r.roles[c.roles[0]].Name) + can
		f.Detail = r.heldBy(c.roles[0])
		if len(c.holders) == 0 {
			f.Severity = report.Low
		}
	}
	r.add(f)
}

func (r *Review) roleNames(roles []int) []string {
	out := make([]string, len(roles))
	for k, i := range roles {
		out[k] = quoted(r.roles[i].Name)
	}
	return out
}

// evidence are the rights by which roles meet a rule, by side.
func (r *Review) evidence(rule *Rule, roles []int) []report.Item {
	var out []report.Item
	for n, side := range rule.Sides {
		name := side.Name
		if name == "" {
			name = "side " + itoa(n+1)
		}
		seen := map[string]bool{}
		for _, i := range roles {
			for _, p := range side.Paths {
				whole, parts := r.roles[i].grants(p)
				if whole != "" {
					parts = []permissions.Path{whole}
				}
				for _, p := range parts {
					key := itoa(i) + string(p)
					if seen[key] {
						continue
					}
					seen[key] = true
					item := r.rightItem(i, p)
					item.Text = name + ": " + item.Text
					if len(roles) > 1 {
						item.Text += ", by the role " + quoted(r.roles[i].Name)
					}
					out = append(out, item)
				}
			}
		}
	}
	return out
}

// accept notes what somebody accepted.
func (r *Review) accept() {
	rep := report.Report{Findings: r.findings}
	r.unused = rep.Accept(r.accepted())
	r.findings = rep.Findings
}

// accepted are the acceptances, those for holders of whom some went made out for those
// who stay. One that was made out for the finding as it is comes last, and so counts.
func (r *Review) accepted() (all []report.Acceptance) {
	var exact []report.Acceptance
	for _, a := range r.opts.Accepted {
		if _, found := r.about[a.Finding]; found || len(a.Holders) == 0 {
			exact = append(exact, a)
			continue
		}
		covers := false
		for i := range r.findings {
			f := &r.findings[i]
			if strings.HasPrefix(a.Finding, f.Code+"-") && r.about[f.ID].fewer(a.Finding, slices.Clone(a.Holders)) {
				narrowed := a
				narrowed.Finding, covers = f.ID, true
				all = append(all, narrowed)
			}
		}
		if !covers {
			exact = append(exact, a)
		}
	}
	slices.SortStableFunc(all, func(a, b report.Acceptance) int { return a.Until.Compare(b.Until) })
	return append(all, exact...)
}

// notRead makes findings of the gaps.
func (r *Review) notRead() {
	for _, g := range r.Gaps() {
		r.add(Finding{
			Code: CodeNotRead, Severity: report.Medium, Title: "Not read: " + g.What,
			Detail: g.Effect, Do: g.Do, Evidence: []report.Item{{Text: g.What + ": " + g.Reason}},
		})
	}
}
