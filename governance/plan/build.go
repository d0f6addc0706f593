package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// builder makes a plan of targets: it finds out what cannot be done, puts the rest into
// order, and says what it means for whom.
type builder struct {
	*world

	account  string
	back     bool // the plan takes back what another one did
	warnings []Warning
	later    []string
	targets  []*target

	newSets   map[string]*target // by folded name
	oldSets   map[string]*target // by id: those that are changed
	newClaims map[Key]*target
	newIDs    map[Key]*target // identities
	roleOf    map[string]*target
	membersOf map[string]*target
	final     []*finalRole
	steps     []Step
	first     map[*target]int // numbers of the steps of a target
	last      map[*target]int
}

// finalRole is a role before and after.
type finalRole struct {
	name          string
	now           *snapshot.Role // nil: new
	role, members *target        // nil: not changed, or blocked
	before, after permissions.Set
	held          []Key // before
	holders       []Key // after
	setBefore     string
	setAfter      string // its permission set: id or, if that is new, folded name
	gone          bool
}

// kindOrder is the order in which things are added.
var kindOrder = []Kind{KindPermissionSet, KindClaim, KindIdentity, KindRole, KindMembers}

func (b *builder) build() *Plan {
	b.sort()
	b.index()
	b.identities()
	b.blockRoles()
	b.blockOwed()
	b.blockUnused()
	b.finish()
	b.blockRemovals()
	b.sort()
	b.order()
	p := &Plan{
		Server: b.Server, Snapshot: b.Digest(), TakenAt: b.TakenAt.UTC(), ReadAs: b.Account, Account: cmp.Or(b.account, b.Account),
		Only: []string{}, Later: notNil(b.later), Steps: notNil(b.steps), Gaps: append([]snapshot.Gap{}, b.Gaps...),
	}
	b.rights(p)
	p.Objects = b.named(p)
	return p
}

// named are the names of the objects that paths of a plan are limited to.
func (b *builder) named(p *Plan) []ObjectName {
	found := map[ObjectName]bool{}
	note := func(paths []permissions.Path) {
		for _, path := range paths {
			id, limited := path.Scope()
			if !limited {
				continue
			}
			info, _ := permissions.Known(path)
			if name := b.objects.byID[info.Scope][id]; name != "" {
				found[ObjectName{info.Scope, id, name}] = true
			}
		}
	}
	for _, set := range p.Sets {
		note(set)
	}
	for i := range p.Steps {
		for _, o := range []*Object{p.Steps[i].Before, p.Steps[i].After} {
			if o != nil && o.Role != nil {
				note(o.Role.Paths)
			}
			if o != nil && o.PermissionSet != nil {
				note(o.PermissionSet.Permissions)
			}
		}
	}
	return notNil(slices.SortedFunc(maps.Keys(found), func(x, y ObjectName) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.ID, y.ID))
	}))
}

// sort puts the targets into the order in which things are added.
func (b *builder) sort() {
	slices.SortFunc(b.targets, func(x, y *target) int {
		return cmp.Or(
			cmp.Compare(slices.Index(kindOrder, x.kind), slices.Index(kindOrder, y.kind)),
			cmp.Compare(names.Fold(x.name), names.Fold(y.name)), cmp.Compare(x.name, y.name),
			cmp.Compare(x.action(), y.action()), cmp.Compare(x.blocked, y.blocked))
	})
}

func (t *target) action() Action {
	switch {
	case t.vague:
		return Update
	case t.before == nil && t.after != nil:
		return Create
	case t.after == nil:
		return Delete
	}
	return Update
}

func (b *builder) index() {
	b.newSets, b.oldSets = map[string]*target{}, map[string]*target{}
	b.newClaims, b.newIDs = map[Key]*target{}, map[Key]*target{}
	b.roleOf, b.membersOf = map[string]*target{}, map[string]*target{}
	for _, t := range b.targets {
		creates := t.action() == Create
		switch {
		case t.kind == KindPermissionSet && creates:
			b.newSets[names.Fold(t.name)] = t
		case t.kind == KindPermissionSet && t.before != nil && t.after != nil:
			b.oldSets[t.before.PermissionSet.ID] = t
		case t.kind == KindClaim && creates:
			b.newClaims[t.after.Claim.Key.Fold()] = t
		case t.kind == KindIdentity && creates:
			b.newIDs[t.after.Identity.Key.Fold()] = t
		case t.kind == KindRole && !t.vague && (t.blocked == "" || t.after != nil && b.roleOf[names.Fold(t.name)] == nil):
			b.roleOf[names.Fold(t.name)] = t
		case t.kind == KindMembers:
			b.membersOf[names.Fold(t.name)] = t
		}
	}
}

// block notes why a target cannot be carried out. The first reason counts.
func (t *target) block(format string, args ...any) {
	if t.blocked == "" {
		t.blocked = fmt.Sprintf(format, args...)
	}
}

// blockRoles blocks changes of roles that need what cannot be done, or that lie outside
// the permission set.
func (b *builder) blockRoles() {
	for _, t := range b.targets {
		if t.kind != KindRole || t.after == nil || t.blocked != "" {
			continue
		}
		state := t.after.Role
		if need := b.setTarget(state); need != nil && state.PermissionSetID == "" && need.blocked != "" {
			t.block("it needs the permission set %s, which cannot be created: %s", quote(need.name), need.blocked)
		}
		for _, c := range state.Claims {
			if need := b.newClaims[c.Key.Fold()]; need != nil && need.blocked != "" {
				t.block("it needs the claim %s, which cannot be created: %s", quote(need.name), need.blocked)
			}
		}
		if t.before != nil && t.before.Role.set().Equal(state.set()) && t.before.Role.samePermissionSet(state) {
			continue
		}
		if allowed, known := b.allowed(state); known {
			if outside := state.set().Minus(allowed); outside.Len() > 0 {
				t.block("its permission set %s does not allow %s", quote(state.PermissionSet), joinPaths(outside.Paths()))
			}
		}
	}
	for _, t := range b.targets {
		if t.kind != KindMembers || t.after == nil {
			continue
		}
		if role := b.roleOf[names.Fold(t.name)]; role != nil && role.blocked != "" && t.after.Members.RoleID == 0 {
			t.block("it needs the role, which cannot be created: %s", role.blocked)
		}
		for _, i := range t.after.Members.Identities {
			if need := b.newIDs[i.Key.Fold()]; need != nil && need.blocked != "" {
				t.block("it needs the identity %s, which cannot be created: %s", quote(need.name), need.blocked)
			}
		}
	}
}

// allowed is what the permission set of a role will allow.
func (b *builder) allowed(r *RoleState) (permissions.Set, bool) {
	if t := b.setTarget(r); t != nil && t.blocked == "" {
		return permissions.NewSet(t.after.PermissionSet.Permissions...), true
	}
	if set := b.setByID[r.PermissionSetID]; set != nil {
		return permissions.NewSet(set.Permissions...), true
	}
	return permissions.NewSet("/"), r.PermissionSetID == globalSet
}

// setTarget is what becomes of the permission set of a role, nil if it stays.
func (b *builder) setTarget(r *RoleState) *target {
	if r.PermissionSetID == "" {
		return b.newSets[names.Fold(r.PermissionSet)]
	}
	return b.oldSets[r.PermissionSetID]
}

// finish works out what roles there are before and after.
func (b *builder) finish() {
	b.final = make([]*finalRole, 0, len(b.Roles))
	taken := map[string]bool{}
	usable := func(t *target) *target {
		if t == nil || t.blocked != "" {
			return nil
		}
		return t
	}
	for i := range b.Roles {
		now := &b.Roles[i]
		fold := names.Fold(now.Name)
		taken[fold] = true
		f := &finalRole{name: now.Name, now: now, before: b.grants(now), setBefore: now.PermissionSetID}
		if len(b.roles[fold]) == 1 {
			f.role, f.members = usable(b.roleOf[fold]), usable(b.membersOf[fold])
		}
		f.after, f.setAfter = f.before, f.setBefore
		for _, h := range now.Holders {
			f.held = append(f.held, h.Key)
		}
		f.gone = f.role != nil && f.role.action() == Delete
		b.apply(f)
		b.final = append(b.final, f)
	}
	for _, t := range b.targets {
		if fold := names.Fold(t.name); t.kind == KindRole && t.action() == Create && !taken[fold] && t.blocked == "" {
			f := &finalRole{name: t.name, role: t, members: usable(b.membersOf[fold])}
			b.apply(f)
			b.final = append(b.final, f)
		}
	}
}

// apply works out what a role is after its targets.
func (b *builder) apply(f *finalRole) {
	if f.gone {
		f.after, f.setAfter = permissions.Set{}, ""
		return
	}
	if f.role != nil {
		state := f.role.after.Role
		if f.before.Len() == 0 || f.role.before == nil || !state.set().Equal(f.role.before.Role.set()) {
			f.after = state.set()
		}
		if f.setAfter = state.PermissionSetID; f.setAfter == "" {
			f.setAfter = names.Fold(state.PermissionSet)
		}
	}
	if f.role == nil && f.members == nil {
		f.holders = f.held
		return
	}
	after := map[Key]bool{}
	hold := func(k Key) {
		if !after[k.Fold()] {
			after[k.Fold()] = true
			f.holders = append(f.holders, k)
		}
	}
	if b.separate() {
		claims, identities := b.holdersOf(f)
		for _, k := range slices.Concat(claims, identities) {
			hold(k)
		}
		return
	}
	for _, c := range f.role.after.Role.Claims { // without a role, nothing is written
		hold(c.Key)
	}
	if f.now != nil {
		for _, h := range f.now.Holders { // what version 2 does not show, it does not take
			if !slices.Contains(h.Versions, 2) {
				hold(h.Key)
			}
		}
	}
}

// blockRemovals blocks what would take away what is still used, or may be.
func (b *builder) blockRemovals() {
	asClaim, asIdentity, inSet := map[Key]string{}, map[Key]string{}, map[string][]*finalRole{}
	unreadClaims, unreadIDs := "", ""
	for _, f := range b.final {
		if f.gone {
			continue
		}
		claims, identities := b.holdersOf(f)
		for _, k := range claims {
			asClaim[k.Fold()] = f.name
		}
		for _, k := range identities {
			asIdentity[k.Fold()] = f.name
		}
		inSet[f.setAfter] = append(inSet[f.setAfter], f)
		if f.now == nil || b.legacy {
			continue
		}
		if unreadClaims == "" && b.unread(f.now, 2) != "" {
			unreadClaims = f.name
		}
		if unreadIDs == "" && b.unread(f.now, 1) != "" {
			unreadIDs = f.name
		}
	}
	list := b.gap(snapshot.PartRolesV2, "")
	for _, t := range slices.Clone(b.targets) {
		if t.blocked != "" {
			continue
		}
		switch {
		case t.kind == KindPermissionSet && t.before != nil:
			b.blockSet(t, inSet[t.before.PermissionSet.ID], list)
			b.splitSet(t)
		case t.kind == KindClaim && t.after == nil:
			b.blockHolder(t, t.before.Claim.Key, asClaim, unreadClaims, list)
		case t.kind == KindIdentity && t.after == nil:
			b.blockHolder(t, t.before.Identity.Key, asIdentity, cmp.Or(unreadIDs, unreadClaims), nil)
		}
	}
}

// holdersOf are who holds a role after its targets, as claims and as identities. On a
// server that joins the two, everybody counts as both.
func (b *builder) holdersOf(f *finalRole) (claims, identities []Key) {
	if !b.separate() {
		return f.holders, f.holders
	}
	if f.role != nil {
		for _, c := range f.role.after.Role.Claims {
			claims = append(claims, c.Key)
		}
	}
	if f.members != nil {
		for _, i := range f.members.after.Members.Identities {
			identities = append(identities, i.Key)
		}
	}
	if f.now == nil {
		return claims, identities
	}
	for _, h := range f.now.Holders {
		if f.role == nil && slices.Contains(h.Versions, 2) {
			claims = append(claims, h.Key)
		}
		if f.members == nil && slices.Contains(h.Versions, 1) {
			identities = append(identities, h.Key)
		}
	}
	return claims, identities
}

func (b *builder) blockHolder(t *target, k Key, usedBy map[Key]string, unread string, list *snapshot.Gap) {
	if role := usedBy[k.Fold()]; role != "" {
		t.block("it still holds the role %s", quote(role))
	}
	if unread != "" {
		t.block("it may hold the role %s, which could not be read in full", quote(unread))
	}
	if list != nil && !b.legacy {
		t.block("it may hold roles that could not be read: %s", gapText(list))
	}
}

func (b *builder) blockSet(t *target, roles []*finalRole, list *snapshot.Gap) {
	before := permissions.NewSet(t.before.PermissionSet.Permissions...)
	var after permissions.Set
	if t.after != nil {
		after = permissions.NewSet(t.after.PermissionSet.Permissions...)
		if after.Covers(before) {
			return // it takes nothing away
		}
	}
	if list != nil {
		t.block("roles that could not be read may be in it: %s", gapText(list))
	}
	for _, f := range roles {
		switch {
		case t.after == nil:
			t.block("the role %s is still in it", quote(f.name))
		case f.now != nil && b.unread(f.now, 2) != "":
			t.block("the role %s is in it, and what it grants could not be read", quote(f.name))
		default:
			var paths permissions.Set // not what the built-in role can do beyond its list
			if f.role != nil {
				paths = f.role.after.Role.set()
			} else if f.now != nil {
				paths = permissions.NewSet(f.now.Paths...)
			}
			if outside := paths.Minus(after); outside.Len() > 0 {
				t.block("the role %s in it grants %s, which it would no longer allow", quote(f.name), joinPaths(outside.Paths()))
			}
		}
	}
	for _, p := range b.Providers {
		if t.after == nil && p.PermissionSetID == t.before.PermissionSet.ID {
			t.block("the identity provider %s is in it, and a plan never changes identity providers", quote(p.Scheme))
		}
	}
	if g := b.gap(snapshot.PartProviders, ""); t.after == nil && g != nil {
		t.block("identity providers that could not be read may be in it: %s", gapText(g))
	}
}

// splitSet makes two of a permission set that can be widened and cannot be narrowed.
func (b *builder) splitSet(t *target) {
	if t.blocked == "" || t.after == nil {
		return
	}
	why := t.blocked
	t.blocked = ""
	b.blockRemoval(t, b.middle(t), why)
}

// half is a step of a target, before it has a number.
type half struct {
	*target

	before, after *Object
	removal       bool
}

// order makes steps of the targets: all additions, then all removals in reverse. Those
// that give something, too, come first among them: others take from whom they give to.
func (b *builder) order() {
	var add, remove []half
	for _, t := range b.targets {
		switch t.action() {
		case Create:
			add = append(add, half{t, t.before, t.after, false})
		case Delete:
			remove = append(remove, half{t, t.before, t.after, true})
		default:
			mid := b.middle(t)
			switch {
			case t.vague || mid == nil && !t.takes():
				add = append(add, half{t, t.before, t.after, false})
			case mid == nil || mid.Same(t.before):
				remove = append(remove, half{t, t.before, t.after, true})
			case t.blocked != "" || mid.Same(t.after):
				add = append(add, half{t, t.before, t.after, false})
			default:
				add = append(add, half{t, t.before, mid, false})
				remove = append(remove, half{t, mid, t.after, true})
			}
		}
	}
	slices.Reverse(remove)
	var give, take []half
	for _, h := range remove {
		if len(h.step().GivesTo()) > 0 {
			give = append(give, h)
		} else {
			take = append(take, h)
		}
	}
	remove = slices.Concat(give, take)
	b.first, b.last = map[*target]int{}, map[*target]int{}
	for i, h := range slices.Concat(add, remove) {
		if b.first[h.target] == 0 {
			b.first[h.target] = i + 1
		}
		b.last[h.target] = i + 1
		s := h.step()
		s.Number = i + 1
		b.steps = append(b.steps, *s)
	}
	b.needs(slices.Concat(add, remove))
}

// step is what a half does.
func (h *half) step() *Step {
	return h.note(&Step{
		Action: h.action(), Kind: h.kind, Name: h.name, Version: h.version, Removal: h.removal,
		Blocked: h.blocked, Before: h.before, After: h.after, At: h.at.String(), Needs: []int{},
	})
}

// middle is what an object looks like when everything was added and nothing taken away,
// nil if it cannot look like that.
func (b *builder) middle(t *target) *Object {
	if t.before == nil || t.after == nil {
		return nil
	}
	switch t.kind {
	case KindPermissionSet:
		set := permissions.NewSet(t.before.PermissionSet.Permissions...).Add(t.after.PermissionSet.Permissions...)
		return &Object{PermissionSet: &PermissionSetState{ID: t.after.PermissionSet.ID, Name: t.name, Permissions: set.Paths()}}
	case KindMembers:
		mid := *t.after.Members
		mid.Identities = sortIdentities(slices.Concat(t.after.Members.Identities, t.before.Members.Identities))
		return &Object{Members: &mid}
	case KindRole:
		mid, before := *t.after.Role, t.before.Role
		set := before.set().Union(mid.set())
		if !set.Equal(before.set()) {
			mid.Paths = inOrder(set, mid.Paths, before.Paths)
		} else {
			mid.Paths = before.Paths
		}
		if set.Equal(t.after.Role.set()) {
			mid.Paths = t.after.Role.Paths
		}
		mid.Claims = sortClaims(slices.Concat(t.after.Role.Claims, before.Claims))
		if allowed, known := b.allowed(&mid); !mid.samePermissionSet(before) && known && !allowed.Covers(set) || before.loses(&mid) || mid.lends(before, t.after.Role) {
			return nil
		}
		return &Object{Role: &mid}
	default:
		return t.after
	}
}

// inOrder lists the members of a set in the order of the first list, and then in that of the second.
func inOrder(set permissions.Set, first, second []permissions.Path) []permissions.Path {
	left := map[permissions.Path]bool{}
	for p := range set.All() {
		left[p] = true
	}
	out := make([]permissions.Path, 0, len(left))
	for _, p := range slices.Concat(first, second) {
		if p = p.Canonical(); left[p] {
			delete(left, p)
			out = append(out, p)
		}
	}
	return out
}

// takes reports whether the change of a role takes something away.
func (t *target) takes() bool {
	if t.before == nil || t.before.Role == nil || t.after == nil || t.after.Role == nil {
		return false
	}
	before, after := t.before.Role, t.after.Role
	return before.loses(after) || len(without(before.Claims, claimKey, claimKeys(after.Claims))) > 0
}

// needs says which steps must come before which.
func (b *builder) needs(halves []half) {
	releases := map[Key][]int{} // steps that take a role from somebody
	leaves := map[string][]int{}
	gives := map[Key][]int{} // removals that give somebody something
	for i, h := range halves {
		if h.removal && b.steps[i].Blocked == "" {
			for _, k := range b.steps[i].GivesTo() {
				gives[k.Fold()] = append(gives[k.Fold()], i+1)
			}
		}
		if h.kind == KindRole && h.before != nil && h.before.Role != nil {
			leaves[h.before.Role.PermissionSetID] = append(leaves[h.before.Role.PermissionSetID], i+1)
			var stay map[Key]bool
			if h.after != nil {
				stay = claimKeys(h.after.Role.Claims)
			}
			for _, c := range without(h.before.Role.Claims, claimKey, stay) {
				releases[c.Key.Fold()] = append(releases[c.Key.Fold()], i+1)
			}
		}
		if h.kind == KindMembers && h.before != nil && h.after != nil {
			for _, id := range without(h.before.Members.Identities, identityKeyOf, identityKeys(h.after.Members.Identities)) {
				releases[id.Key.Fold()] = append(releases[id.Key.Fold()], i+1)
			}
		}
	}
	for i, h := range halves {
		step := &b.steps[i]
		need := func(numbers ...int) {
			for _, n := range numbers {
				if n > 0 && n < step.Number && b.steps[n-1].Blocked == "" {
					step.Needs = append(step.Needs, n)
				}
			}
		}
		if step.Blocked != "" {
			continue
		}
		need(b.first[h.target])
		if h.removal {
			for _, k := range step.TakesFrom() {
				need(gives[k.Fold()]...)
			}
			for _, other := range []*target{b.roleOf[names.Fold(h.name)], b.membersOf[names.Fold(h.name)]} {
				if other != nil && other != h.target && len(other.joins()) > 0 && len(step.TakesFrom()) > 0 {
					need(b.first[other]) // those who come to hold the role instead
				}
			}
		}
		switch {
		case h.kind == KindRole && h.after != nil:
			if t := b.setTarget(h.after.Role); t != nil {
				need(b.first[t]) // if it comes before: a set that is only narrowed comes last
			}
			for _, c := range h.after.Role.Claims {
				if t := b.newClaims[c.Key.Fold()]; t != nil {
					need(b.first[t])
				}
			}
		case h.kind == KindRole:
			if t := b.membersOf[names.Fold(h.name)]; t != nil {
				need(b.last[t])
			}
		case h.kind == KindMembers:
			if t := b.roleOf[names.Fold(h.name)]; t != nil && t.action() == Create {
				need(b.first[t])
			}
			for _, id := range h.after.Members.Identities {
				if t := b.newIDs[id.Key.Fold()]; t != nil {
					need(b.first[t])
				}
			}
		case h.kind == KindClaim && h.after == nil:
			need(releases[h.before.Claim.Key.Fold()]...)
		case h.kind == KindIdentity && h.after == nil:
			need(releases[h.before.Identity.Key.Fold()]...)
		case h.kind == KindPermissionSet && h.removal && h.before != nil:
			need(leaves[h.before.PermissionSet.ID]...)
		}
		slices.Sort(step.Needs)
		step.Needs = slices.Compact(step.Needs)
	}
}

// object is what a step is about, for sentences: role "Operators".
func (s *Step) object() string {
	return strings.TrimSpace(string(s.Kind) + " " + quote(s.Name))
}
