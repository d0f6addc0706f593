package plan

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/accounts"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// sets keeps each set of paths once, and joins them.
type sets struct {
	list   []permissions.Set
	index  map[string]int
	joined map[string]int // by the indexes of the sets that were joined
	covers map[[2]int]bool
}

func newSets() *sets {
	s := &sets{index: map[string]int{}, joined: map[string]int{}, covers: map[[2]int]bool{}}
	s.add(permissions.Set{}) // nothing is always 0
	return s
}

func (s *sets) add(set permissions.Set) int {
	var b strings.Builder
	for p := range set.All() {
		b.WriteString(string(p))
		b.WriteByte(0)
	}
	id, found := s.index[b.String()]
	if !found {
		id = len(s.list)
		s.index[b.String()] = id
		s.list = append(s.list, set)
	}
	return id
}

// join is what several sets grant together. ids are changed.
func (s *sets) join(ids []int) int {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	switch len(ids) {
	case 0:
		return 0
	case 1:
		return ids[0]
	}
	signature := make([]byte, 0, 2*len(ids))
	for _, id := range ids {
		signature = binary.AppendUvarint(signature, uint64(id)) //nolint:gosec // an index is not negative
	}
	id, found := s.joined[string(signature)]
	if !found {
		var all []permissions.Path
		for _, one := range ids {
			all = append(all, s.list[one].Paths()...)
		}
		id = s.add(permissions.NewSet(all...))
		s.joined[string(signature)] = id
	}
	return id
}

// lacks reports whether set b lacks something of set a.
func (s *sets) lacks(b, a int) bool {
	if a == b || a == 0 {
		return false
	}
	covers, found := s.covers[[2]int{b, a}]
	if !found {
		covers = s.list[b].Covers(s.list[a])
		s.covers[[2]int{b, a}] = covers
	}
	return !covers
}

// holding is what somebody holds before and after.
type holding struct {
	key                  Key
	before, after        []int // sets of roles
	setBefore, setAfter  int   // what they grant together
	heldRole             bool  // before
	couldAdmin, canAdmin bool  // change security
	gains, loses         bool
}

// rights works out who can do what before and after, and warns about it.
func (b *builder) rights(p *Plan) {
	s := newSets()
	all := map[Key]*holding{}
	of := func(k Key) *holding {
		h := all[k.Fold()]
		if h == nil {
			h = &holding{key: k}
			all[k.Fold()] = h
		}
		return h
	}
	for _, f := range b.final {
		before, after := s.add(f.before), s.add(f.after)
		adminBefore := admin.Grants(f.before, f.setBefore, b.legacy)
		adminAfter := admin.Grants(f.after, f.setAfter, b.legacy)
		for _, k := range f.held {
			h := of(k)
			h.before, h.heldRole, h.couldAdmin = append(h.before, before), true, h.couldAdmin || adminBefore
		}
		for _, k := range f.holders {
			h := of(k)
			h.after, h.canAdmin = append(h.after, after), h.canAdmin || adminAfter
		}
	}
	sorted := make([]*holding, 0, len(all))
	for _, h := range all {
		h.setBefore, h.setAfter = s.join(h.before), s.join(h.after)
		h.gains, h.loses = s.lacks(h.setBefore, h.setAfter), s.lacks(h.setAfter, h.setBefore)
		sorted = append(sorted, h)
	}
	slices.SortFunc(sorted, func(x, y *holding) int { return compareKeys(x.key, y.key) })
	b.store(p, s, sorted)
	b.count(p, all)
	b.lockOut(sorted)
	b.admins(all)
	b.large(p, sorted)
	b.warnSteps(p)
	p.Warnings = notNil(b.warnings)
	sortWarnings(p.Warnings)
}

// store writes holders and their rights into the plan, sets in the order in which
// holders have them.
func (b *builder) store(p *Plan, s *sets, sorted []*holding) {
	p.Holders, p.Sets = make([]HolderRights, 0, len(sorted)), [][]permissions.Path{{}}
	number := map[int]int{0: 0}
	place := func(id int) int {
		at, found := number[id]
		if !found {
			at = len(p.Sets)
			number[id] = at
			p.Sets = append(p.Sets, s.list[id].Paths())
		}
		return at
	}
	for _, h := range sorted {
		p.Holders = append(p.Holders, HolderRights{h.key, place(h.setBefore), place(h.setAfter)})
		if h.heldRole {
			p.Totals.Holders++
			if h.loses {
				p.Totals.HoldersLosing++
			}
		}
		if h.gains {
			p.Totals.HoldersGain++
		}
	}
	p.Totals.Roles = len(b.Roles)
	for _, f := range b.final {
		if f.now != nil && (f.gone || (f.role != nil || f.members != nil) && (!f.after.Covers(f.before) || f.loses())) {
			p.Totals.RolesLosing++
		}
	}
}

// loses reports whether somebody no longer holds the role.
func (f *finalRole) loses() bool {
	stay := make(map[Key]bool, len(f.holders))
	for _, k := range f.holders {
		stay[k.Fold()] = true
	}
	return slices.ContainsFunc(f.held, func(k Key) bool { return !stay[k.Fold()] })
}

// count notes for each step how many holders it concerns.
func (b *builder) count(p *Plan, all map[Key]*holding) {
	finals := make(map[string]*finalRole, len(b.final))
	for _, f := range b.final {
		finals[names.Fold(f.name)] = f
	}
	for i := range p.Steps {
		step := &p.Steps[i]
		var keys []Key
		switch step.Kind {
		case KindRole, KindMembers:
			if f := finals[names.Fold(step.Name)]; f != nil {
				keys = slices.Concat(f.held, f.holders)
			}
		case KindClaim, KindIdentity:
			for _, o := range []*Object{step.Before, step.After} {
				if o != nil && o.Claim != nil {
					keys = append(keys, o.Claim.Key)
				}
				if o != nil && o.Identity != nil {
					keys = append(keys, o.Identity.Key)
				}
			}
		default: // nobody in particular
		}
		seen := make(map[Key]bool, len(keys))
		for _, k := range keys {
			h := all[k.Fold()]
			if h == nil || seen[k.Fold()] {
				continue
			}
			seen[k.Fold()] = true
			step.Holders++
			if h.gains {
				step.Gaining++
			}
			if h.loses {
				step.Losing++
			}
		}
	}
}

// lockOut warns if what allows changing security is lost.
func (b *builder) lockOut(sorted []*holding) {
	var could, can, losing, own, ownLosing []Key
	who := cmp.Or(b.account, b.Account)
	for _, h := range sorted {
		if h.canAdmin {
			can = append(can, h.key)
		}
		if !h.couldAdmin {
			continue
		}
		could = append(could, h.key)
		mine := accounts.Is(h.key, who)
		if mine {
			own = append(own, h.key)
		}
		if !h.canAdmin {
			losing = append(losing, h.key)
			if mine {
				ownLosing = append(ownLosing, h.key)
			}
		}
	}
	still := func(k Key) bool { return accounts.Is(k, who) }
	switch {
	case len(could) > 0 && len(can) == 0:
		last := "the last holder who can loses it"
		if len(losing) > 1 {
			last = fmt.Sprintf("the last %d holders who can lose it", len(losing))
		}
		b.warn(CodeLockOut, report.Critical, "Afterwards nobody can change security: "+last+".",
			"Let somebody keep /security/modify/ through a role in the permission set Global.", losing)
	case len(ownLosing) > 0 && !slices.ContainsFunc(can, still):
		b.warn(CodeLockOut, report.Critical, fmt.Sprintf("The account %s, which applies the plan, can no longer change security afterwards.", quote(who)),
			"Let another account apply the plan, or keep /security/modify/ for this one.", ownLosing)
	case len(own) == 0 && !slices.ContainsFunc(can, still):
		perhaps := slices.DeleteFunc(slices.Clone(losing), func(k Key) bool { return !accounts.May(k, who) })
		if len(perhaps) == 0 {
			return
		}
		text := "It is not known as which account the plan will be applied. These lose what allows changing security, and it may be one of them."
		if who != "" {
			text = fmt.Sprintf("The account %s, which applies the plan, holds no role itself that allows changing security. "+
				"These groups lose what allows changing security, and it may hold it through one of them.", quote(who))
		}
		b.warn(CodeLockOut, report.High, text, "Make sure that the account keeps /security/modify/ through a role in the permission set Global.", perhaps)
	}
}

// admins warns, once, if somebody can change security who could not before: who can, can
// give themselves everything.
func (b *builder) admins(all map[Key]*holding) {
	w := Warning{Code: CodeAdmin, Severity: report.High, Do: "Make sure that this is meant."}
	come := map[Key]Key{} // by folded key
	for _, f := range b.final {
		if !admin.Grants(f.after, f.setAfter, b.legacy) {
			continue
		}
		before := len(w.Roles)
		for _, k := range f.holders {
			if !all[k.Fold()].couldAdmin {
				come[k.Fold()] = k
				w.Roles = append(w.Roles[:before], f.name)
			}
		}
	}
	if len(come) == 0 {
		return
	}
	slices.Sort(w.Roles)
	w.Holders = slices.SortedFunc(maps.Values(come), compareKeys)
	texts := make([]string, 0, len(come))
	for _, k := range w.Holders {
		texts = append(texts, k.String())
	}
	slices.Sort(texts)
	through, who := "the role "+quote(w.Roles[0]), strings.Join(quoteAll(texts, 5), ", ")
	if n := len(w.Roles); n > 1 {
		through, who = strconv.Itoa(n)+" roles", count(len(come), "holder")
	}
	w.Text = fmt.Sprintf("Through %s, %s can change security afterwards, and could not before: they can give themselves everything.", through, who)
	b.warnings = append(b.warnings, w)
}

func (b *builder) warn(code Code, severity report.Severity, text, do string, keys []Key) {
	b.warnings = append(b.warnings, Warning{Code: code, Severity: severity, Text: text, Do: do, Holders: keys})
}

// large warns if more than a third of all roles or holders lose something.
func (b *builder) large(p *Plan, sorted []*holding) {
	t := p.Totals
	if 3*t.RolesLosing > t.Roles {
		b.warn(CodeLarge, report.High, fmt.Sprintf("%d of %d roles lose something: more than a third.", t.RolesLosing, t.Roles),
			"Make sure that the desired state is complete, and for this server.", nil)
	}
	if 3*t.HoldersLosing > t.Holders {
		var losing []Key
		for _, h := range sorted {
			if h.loses && h.heldRole {
				losing = append(losing, h.key)
			}
		}
		b.warn(CodeLarge, report.High, fmt.Sprintf("%d of %d holders can do less afterwards: more than a third.", t.HoldersLosing, t.Holders),
			"Make sure that the desired state is complete, and for this server.", losing)
	}
}

// warnSteps warns about steps. What is to be said of several is said once.
func (b *builder) warnSteps(p *Plan) {
	alike := alike{index: map[string]int{}, named: map[[2]string]bool{}}
	do := "Remove the reason and plan again, or take this out of the desired state."
	if b.back {
		do = "Look at the object as it is now. If it should still be as it was, plan that by itself; otherwise leave it."
	}
	for i := range p.Steps {
		step := &p.Steps[i]
		if step.Blocked != "" {
			alike.add(step, Warning{Code: CodeBlocked, Severity: report.High, Do: do},
				step.Blocked, fmt.Sprintf("Step %d is left out (%s %s): %s.", step.Number, step.Action, step.object(), step.Blocked),
				"%d steps are left out: "+strings.ReplaceAll(step.Blocked, "%", "%%")+".")
			continue
		}
		if step.Kind != KindRole || step.Before == nil {
			continue
		}
		const elsewhere = "Something that this API does not show may name %s, such as the allowed requesters of a template, " +
			"or the owner of a certificate."
		one, several := fmt.Sprintf(elsewhere, "the role"), fmt.Sprintf(elsewhere, "them")
		if lost := b.lostNames(step); len(lost) > 0 {
			list := strings.Join(quoteAll(lost, 10), ", ")
			const drops = "that version 2 has no path for: %s. Writing %s through version 2 may drop them, and the way back does not bring them back."
			alike.add(step, Warning{Code: CodeNames, Severity: report.Low, Do: "Find out whether somebody needs them."}, strings.Join(lost, "\x00"),
				fmt.Sprintf("Version 1 shows names of the role %s "+drops, quote(step.Name), list, "the role"),
				"Version 1 shows names of %d roles "+strings.ReplaceAll(fmt.Sprintf(drops, list, "the roles"), "%", "%%"))
		}
		named := Warning{Code: CodeNamed, Severity: report.Medium, Do: "Look there first."}
		switch now := b.roles[names.Fold(step.Name)]; {
		case step.Action == Delete:
			alike.add(step, named, "removed", fmt.Sprintf("The role %s is removed. %s", quote(step.Name), one), "%d roles are removed. "+several)
			if len(now) == 1 && now[0].Enabled != nil && !*now[0].Enabled {
				alike.add(step, Warning{Code: CodeDisabled, Severity: report.Low, Do: "Note that it was disabled."}, "removed",
					fmt.Sprintf("The role %s is disabled. If the way back makes it again, it is enabled.", quote(step.Name)),
					"%d disabled roles are removed. If the way back makes them again, they are enabled.")
			}
			continue
		case step.After.Role.Name != step.Before.Role.Name && !names.Same(step.After.Role.Name, step.Before.Role.Name):
			alike.add(step, named, "renamed", fmt.Sprintf("The role %s is renamed to %s. %s", quote(step.Name), quote(step.After.Role.Name), one),
				"%d roles are renamed. "+several)
		case len(now) == 1 && now[0].Enabled != nil && !*now[0].Enabled:
			const counts = "it cannot be assigned, as the vendor puts it. The plan counts what it grants all the same, and does not enable it."
			alike.add(step, Warning{Code: CodeDisabled, Severity: report.Low, Do: "Enable it in the portal if that is meant."}, "",
				fmt.Sprintf("The role %s is disabled: %s", quote(step.Name), counts), "%d roles are disabled. For each of them: "+counts)
		}
	}
	b.warnings = append(b.warnings, alike.list...)
	var roles []string
	for _, g := range b.Gaps {
		about := g.Part == snapshot.PartRolesV1 || g.Part == snapshot.PartRolesV2
		if about && g.Reason != snapshot.ReasonNotThere && g.Reason != snapshot.ReasonGone {
			roles = append(roles, cmp.Or(g.Object, "(all: "+string(g.Part)+")"))
		}
	}
	if len(roles) > 0 && len(p.Steps) > 0 {
		b.warnings = append(b.warnings, Warning{
			Code: CodeIncomplete, Severity: report.Medium, Roles: roles,
			Text: "Some roles could not be read in full. What the plan says of the rights of their holders leaves them out.",
			Do:   "Take the snapshot as an account that may read everything.",
		})
	}
}

// alike are warnings about steps. Those that differ in nothing but the step are one.
type alike struct {
	list  []Warning
	index map[string]int     // by code and by what they are about
	named map[[2]string]bool // roles of each
}

// add warns about a step: one is the text if it is the only such step, several, which has
// a %d for the number, if there are more. about tells warnings with the same code apart.
func (a *alike) add(step *Step, w Warning, about, one, several string) {
	key := string(w.Code) + "\x00" + about
	at, found := a.index[key]
	if !found {
		at = len(a.list)
		a.index[key] = at
		w.Text = one
		a.list = append(a.list, w)
	}
	known := &a.list[at]
	known.Steps = append(known.Steps, step.Number)
	if role := [2]string{key, step.Name}; (step.Kind == KindRole || step.Kind == KindMembers) && !a.named[role] {
		a.named[role] = true
		known.Roles = append(known.Roles, step.Name)
	}
	n := len(known.Roles)
	if w.Code == CodeBlocked {
		n = len(known.Steps)
	}
	if n > 1 { // and not a role that two steps are about
		known.Text = fmt.Sprintf(several, n)
	}
}

// joined makes one warning of those that say the same of a name of several roles.
func joined(list []Warning) []Warning {
	var out []Warning
	index := map[string]int{}
	for _, w := range list {
		if w.Code != CodeWidened || len(w.Roles) != 1 {
			out = append(out, w)
			continue
		}
		before, after, _ := strings.Cut(w.Text, " of role "+quote(w.Roles[0])+" ")
		at, found := index[before+after]
		if !found {
			index[before+after] = len(out)
			out = append(out, w)
			continue
		}
		out[at].Roles = append(out[at].Roles, w.Roles[0])
		out[at].Text = fmt.Sprintf("%s of %d roles %s", before, len(out[at].Roles), after)
	}
	return out
}

// lostNames are the version 1 names of a role that a step writes, or deletes, and that
// no path stands for.
func (b *builder) lostNames(step *Step) (lost []string) {
	now := b.roleByID[step.Before.Role.ID]
	if now == nil || len(now.Names) == 0 || step.After != nil && step.After.Role.set().Equal(step.Before.Role.set()) {
		return nil
	}
	for _, item := range permissions.Convert(now.Names, b.convert).Items {
		if len(item.Paths) == 0 {
			lost = append(lost, string(item.Name))
		}
	}
	return lost
}

// ranks of severities, the worst first.
var ranks = map[report.Severity]int{report.Critical: 0, report.High: 1, report.Medium: 2, report.Low: 3, report.Info: 4}

func sortWarnings(list []Warning) {
	for i := range list {
		w := &list[i]
		w.Roles, w.Holders, w.Steps = notNil(w.Roles), notNil(w.Holders), notNil(w.Steps)
	}
	slices.SortStableFunc(list, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(ranks[a.Severity], ranks[b.Severity]), cmp.Compare(a.Code, b.Code), slices.Compare(a.Steps, b.Steps), cmp.Compare(a.Text, b.Text))
	})
}
