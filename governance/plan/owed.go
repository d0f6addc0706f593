package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/names"
)

// Nobody loses a role for another one that does not come. Make blocks the removal if the
// addition is blocked, and package apply skips it if the addition was not done: both ask
// GivesTo and TakesFrom.

// GivesTo are those who get something by the step: a role, or more than the role allowed
// before.
func (s *Step) GivesTo() []Key {
	before, after := s.Before.heldBy(), s.After.heldBy()
	if s.Kind == KindRole && s.Before != nil && s.After != nil {
		was, is := s.Before.Role, s.After.Role
		if !was.set().Covers(is.set()) || !was.samePermissionSet(is) {
			return slices.Concat(after, s.IdentitiesAfter)
		}
	}
	return without(after, same, foldAll(before))
}

// TakesFrom are those from whom the step takes something: a role, or some of what it
// allowed before.
func (s *Step) TakesFrom() []Key {
	before, after := s.Before.heldBy(), s.After.heldBy()
	if s.Kind == KindRole && s.After != nil && s.Before.role().loses(s.After.Role) {
		return slices.Concat(before, s.IdentitiesBefore)
	}
	return without(before, same, foldAll(after))
}

// loses reports whether a role allows less if it becomes another: some of its paths, or
// changing security, which takes the permission set Global.
func (r *RoleState) loses(after *RoleState) bool {
	return r != nil && (!after.set().Covers(r.set()) || r.admin() && !after.admin())
}

// lends reports whether a role, between what it was and what it becomes, would let somebody
// change security who can by neither.
func (r *RoleState) lends(before, after *RoleState) bool {
	if !r.admin() {
		return false
	}
	can := map[Key]bool{}
	for _, state := range []*RoleState{before, after} {
		if state.admin() {
			maps.Copy(can, claimKeys(state.Claims))
		}
	}
	return len(without(r.Claims, claimKey, can)) > 0
}

// admin reports whether a role allows changing security.
func (r *RoleState) admin() bool {
	return admin.Grants(r.set(), r.PermissionSetID, false)
}

func (o *Object) role() *RoleState {
	if o == nil {
		return nil
	}
	return o.Role
}

// heldBy are those who hold the role that an object is, or whose identities it is.
func (o *Object) heldBy() []Key {
	switch {
	case o == nil:
	case o.Role != nil:
		return keysOf(o.Role.Claims, claimKey)
	case o.Members != nil:
		return keysOf(o.Members.Identities, identityKeyOf)
	}
	return nil
}

// step is what a target does, as if it were one step.
func (t *target) step() *Step {
	return t.note(&Step{Action: t.action(), Kind: t.kind, Name: t.name, Before: t.before, After: t.after})
}

// identities notes in the targets of roles who holds them through version 1, and should.
func (b *builder) identities() {
	for _, t := range b.targets {
		if t.kind != KindRole || t.before == nil || !b.separate() {
			continue
		}
		if now := b.roleByID[t.before.Role.ID]; now != nil {
			t.heldBefore = (&Object{Members: b.members(now)}).heldBy()
		}
		t.heldAfter = t.heldBefore
		if members := b.membersOf[names.Fold(t.name)]; members != nil && members.vague {
			t.heldAfter = members.promised
		} else if members != nil {
			t.heldAfter = members.after.heldBy()
		}
	}
}

// note notes in a step that changes what a role allows whom it concerns beside claims.
func (t *target) note(s *Step) *Step {
	if s.Kind == KindRole && s.Before != nil && s.After != nil && !(s.Before.Role.set().Equal(s.After.Role.set()) && s.Before.Role.samePermissionSet(s.After.Role)) {
		s.IdentitiesBefore, s.IdentitiesAfter = t.heldBefore, t.heldAfter
	}
	return s
}

// givesTo are those who get something by a target.
func (t *target) givesTo() []Key {
	if t.vague {
		return t.promised
	}
	return t.step().GivesTo()
}

// joins are those who come to hold the role.
func (t *target) joins() []Key {
	if t.vague {
		return t.promised
	}
	return without(t.after.heldBy(), same, foldAll(t.before.heldBy()))
}

// blockOwed blocks removals from those who get something by what cannot be done, and
// from roles whose new holders cannot be added, until nothing more is blocked: what
// cannot be split is blocked as a whole, and may have given something.
func (b *builder) blockOwed() {
	takings, counted := map[*target]*taking{}, map[*target]bool{}
	owed, instead := map[Key][]*target{}, map[string]*target{}
	for again := true; again; {
		again = false
		for _, t := range b.targets {
			if t.blocked == "" || counted[t] || t.kind != KindRole && t.kind != KindMembers {
				continue
			}
			counted[t] = true
			for _, k := range t.givesTo() {
				// Of two roles, one is another role than that which a removal is about.
				if list := owed[k.Fold()]; len(list) == 0 || len(list) == 1 && !names.Same(list[0].name, t.name) {
					owed[k.Fold()] = append(list, t)
				}
			}
			if fold := names.Fold(t.name); instead[fold] == nil && len(t.joins()) > 0 {
				instead[fold] = t
			}
		}
		if len(counted) == 0 {
			return // as of nearly all plans
		}
		for _, t := range slices.Clone(b.targets) {
			if t.blocked == "" && (t.kind == KindRole || t.kind == KindMembers) {
				if takings[t] == nil {
					takings[t] = b.taking(t)
				}
				if b.blockTaking(t, takings[t], owed, instead[names.Fold(t.name)]) {
					again, takings[t] = true, nil
				}
			}
		}
	}
}

// blockTaking blocks what a target takes away if that must not go, and reports whether
// it did.
func (b *builder) blockTaking(t *target, taking *taking, owed map[Key][]*target, instead *target) bool {
	if !taking.removes {
		return false
	}
	why := ""
	for _, k := range taking.from {
		givers := owed[k.Fold()]
		if at := slices.IndexFunc(givers, func(g *target) bool { return !names.Same(g.name, t.name) }); at >= 0 {
			giver := givers[at]
			why = fmt.Sprintf("it would take something from %s, who gets something by a step that is left out (%s %s: %s)",
				quote(k.String()), giver.action(), giver.step().object(), giver.blocked)
			break
		}
	}
	if why == "" && instead != nil && instead != t && t.action() == Update && len(taking.from) > 0 {
		why = fmt.Sprintf("those who come to hold the role instead cannot be added (%s %s: %s)", instead.action(), instead.step().object(), instead.blocked)
	}
	fold := names.Fold(t.name)
	if role, members := b.roleOf[fold], b.membersOf[fold]; why == "" && members != nil && role != nil && role.action() == Delete {
		for _, other := range []*target{role, members} {
			if other.blocked != "" && other != t {
				why = fmt.Sprintf("it belongs to the removal of the role, which cannot be done: %s", other.blocked)
			}
		}
	}
	if why == "" {
		return false
	}
	b.blockRemoval(t, taking.mid, why)
	return true
}

// taking is what a target takes away.
type taking struct {
	removes bool
	mid     *Object // as in [builder.removal]
	from    []Key
}

func (b *builder) taking(t *target) *taking {
	removal, mid := b.removal(t)
	if removal == nil {
		return &taking{}
	}
	return &taking{true, mid, removal.TakesFrom()}
}

// removal is the step of a target that takes something away, nil if there is none, and
// what its object looks like before it, if that is not what it looks like now.
func (b *builder) removal(t *target) (step *Step, mid *Object) {
	step = t.step()
	if t.action() == Delete {
		return step, nil
	}
	if t.action() != Update || t.after == nil {
		return nil, nil
	}
	mid = b.middle(t)
	switch {
	case mid == nil && t.takes(), mid.Same(t.before):
		return step, nil
	case mid == nil, mid.Same(t.after):
		return nil, nil
	}
	step.Before = mid
	return step, mid
}

// blockRemoval makes two of a target of which only the first part can be done. Without a
// middle, none of it can.
func (b *builder) blockRemoval(t *target, mid *Object, why string) {
	if mid == nil || mid.Same(t.before) {
		t.block("%s", why)
		return
	}
	rest := *t
	rest.before, rest.blocked = mid, why
	t.after = mid
	b.targets = append(b.targets, &rest)
}

// blockUnused blocks claims and identities that would be created for nothing: what they
// were to hold is blocked.
func (b *builder) blockUnused() {
	used, forWhat := map[string]bool{}, map[string]*target{}
	for _, t := range b.targets {
		if t.after == nil {
			continue
		}
		kind := KindClaim
		if t.kind == KindMembers {
			kind = KindIdentity
		}
		for _, k := range t.after.heldBy() {
			id := string(kind) + holderID(k)
			if t.blocked == "" {
				used[id] = true
			} else if forWhat[id] == nil {
				forWhat[id] = t
			}
		}
	}
	for _, t := range b.targets {
		if !t.implied || t.action() != Create {
			continue
		}
		id := t.after.id(t.kind)
		if role := forWhat[id]; role != nil && !used[id] {
			t.block("nothing needs it: %s %s is left out (%s)", role.action(), role.step().object(), role.blocked)
		}
	}
}
