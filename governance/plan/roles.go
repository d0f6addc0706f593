package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// find finds the role that a desired one is about, nil if it is new.
func (m *maker) find(d *Role) (now *snapshot.Role, ok bool) {
	found := m.world.roles[names.Fold(d.Name)]
	old := m.world.roles[names.Fold(d.Was)]
	switch {
	case len(found) > 1:
		m.ambiguous("roles", d.Name, d.where("name"))
	case d.Was != "" && len(old)+len(found) == 0 && !m.perhaps(d.Was):
		m.problems.add(d.where("was"), "there is no role %s to be renamed to %s, nor one of that name already; if the role is new, leave was out%s",
			quote(d.Was), quote(d.Name), m.meant(d.Was, m.roleNames))
	case d.Was == "" || len(old) == 0 || len(found) == 1 && found[0] == old[0]:
		if len(found) == 1 {
			now = found[0]
		}
		return now, true
	case len(old) > 1:
		m.ambiguous("roles", d.Was, d.where("was"))
	case len(found) == 1:
		m.problems.add(d.where("was"), "the role %s is to be renamed to %s, and there is a role of that name already", quote(d.Was), quote(d.Name))
	default:
		return old[0], true
	}
	return nil, false
}

// perhaps reports whether there may be a role of a name that the snapshot lacks.
func (m *maker) perhaps(name string) bool {
	gap := m.gap(m.rolesPart(), name)
	return gap != nil && gap.Reason != snapshot.ReasonGone
}

// rolesPart is what the snapshot has its roles from.
func (m *maker) rolesPart() snapshot.Part {
	if m.legacy {
		return snapshot.PartRolesV1
	}
	return snapshot.PartRolesV2
}

func (m *maker) roleNames() []string {
	all := make([]string, 0, len(m.Roles))
	for i := range m.Roles {
		all = append(all, m.Roles[i].Name)
	}
	return all
}

// role plans a role that there should be.
func (m *maker) role(d *Role) {
	now, ok := m.find(d)
	if !ok {
		m.inspect(d)
		return
	}
	if now == nil {
		m.newRole(d)
		return
	}
	r := &roleTarget{name: now.Name, now: now, at: d.At}
	m.roles[names.Fold(now.Name)] = r
	switch {
	case m.legacy:
		m.legacyRole(d, r)
	case m.unread(now, 2) != "":
		claims := m.inspect(d)
		if d.says() {
			r.role = m.blocked(r, "the role could not be read in full, and what is not known is never overwritten: "+m.unread(now, 2))
			r.role.promised = claims
		}
	default:
		m.existingRole(d, r)
	}
	m.membersOf(d, r)
}

// inspect notes what is wrong with a role that goes no further, and returns the claims
// that should hold it.
func (m *maker) inspect(d *Role) []Key {
	warnings := len(m.warnings)
	m.email(d)
	if d.PermissionSet != nil && !m.legacy {
		m.setPermissionSet(d, &RoleState{}, *d.PermissionSet)
	}
	m.paths(d.Name, d.Permissions)
	claims, _ := m.holders(d)
	m.warnings = m.warnings[:warnings]
	return claims
}

// says reports whether a desired role says more than that the role is there.
func (d *Role) says() bool {
	return d.Description != nil || d.EmailAddress != nil || d.PermissionSet != nil || d.Permissions != nil || d.Holders != nil || d.Was != ""
}

// blocked is a change of a role that cannot even be described.
func (m *maker) blocked(r *roleTarget, reason string) *target {
	return &target{kind: KindRole, name: r.name, version: 2, before: &Object{Role: m.state(r.now)}, vague: true, blocked: reason, at: r.at}
}

// email refuses an e-mail address that nobody could read back, so that it would never be
// known whether the role has it.
func (m *maker) email(d *Role) {
	if m.noEmail && d.EmailAddress != nil && *d.EmailAddress != "" {
		version, _, _ := strings.Cut(m.Server.Version, "+") // without the commit
		m.problems.add(d.where("email"), "this server (Command %s) does not show e-mail addresses of roles, so that nobody could tell whether the role %s has it; leave email out",
			show.Text(version, maxShown), quote(d.Name))
	}
}

func (m *maker) newRole(d *Role) {
	m.email(d)
	state := &RoleState{Name: d.Name, Description: d.Name, Paths: []permissions.Path{}, Claims: []ClaimState{}}
	m.fit(d.where("name"), "the name of the role", d.Name, limits.RoleName)
	m.scripts(d.where("name"), "role", d.Name)
	if d.Description != nil {
		state.Description = cmp.Or(*d.Description, d.Name)
	}
	if d.EmailAddress != nil {
		state.EmailAddress = *d.EmailAddress
	}
	set := "Global"
	if d.PermissionSet != nil {
		set = *d.PermissionSet
	}
	r := &roleTarget{name: d.Name, at: d.At}
	r.role = &target{kind: KindRole, name: d.Name, version: 2, after: &Object{Role: state}, at: d.At}
	if m.legacy {
		r.role.blocked = "the server has version 1 of roles only: a plan creates roles on Command 11 and later"
	} else {
		m.setPermissionSet(d, state, set)
		if gap := m.gap(snapshot.PartRolesV2, d.Name); gap != nil {
			r.role.blocked = "whether there is such a role is not known: " + gapText(gap)
		}
	}
	granted, at := m.paths(d.Name, d.Permissions)
	m.unknown("role", d.Name, granted, at)
	state.Paths = granted.Paths()
	claims, identities := m.holders(d)
	for _, k := range claims {
		state.Claims = append(state.Claims, m.held(k))
	}
	state.Claims = sortClaims(state.Claims)
	if len(identities) > 0 {
		after := &MembersState{Role: d.Name, Identities: m.accounts(identities)}
		r.members = &target{
			kind: KindMembers, name: d.Name, version: 1, before: &Object{Members: &MembersState{Role: d.Name, Identities: []IdentityState{}}},
			after: &Object{Members: after}, at: d.At,
		}
	}
	m.roles[names.Fold(d.Name)] = r
}

// setPermissionSet puts a role into the set with a name or an id.
func (m *maker) setPermissionSet(d *Role, state *RoleState, set string) {
	if found := m.setByID[strings.ToLower(set)]; found != nil {
		state.PermissionSetID, state.PermissionSet = found.ID, found.Name
	} else if found := m.world.sets[names.Fold(set)]; len(found) > 1 {
		m.problems.add(d.where("permissionSet"), "the server has several permission sets with the name %s; write the id of one", quote(set))
	} else if len(found) == 1 {
		state.PermissionSetID, state.PermissionSet = found[0].ID, found[0].Name
	} else if t := m.sets[names.Fold(set)]; t != nil && t.before == nil && t.after != nil {
		state.PermissionSetID, state.PermissionSet = "", t.name
	} else if names.Same(set, "Global") {
		state.PermissionSetID, state.PermissionSet = globalSet, "Global"
	} else if gap := m.gap(snapshot.PartPermissionSets, ""); gap != nil && isGUID(set) {
		state.PermissionSetID, state.PermissionSet = strings.ToLower(set), set
	} else if gap != nil {
		m.problems.add(d.where("permissionSet"), "no permission set is known by its name, because the list could not be read (%s); write the id", gapText(gap))
	} else {
		m.problems.add(d.where("permissionSet"), "the server has no permission set %s, and the desired state creates none%s", quote(set), m.meant(set, m.setNames))
	}
}

// existingRole plans what version 2 writes of a role.
func (m *maker) existingRole(d *Role, r *roleTarget) {
	m.email(d)
	before := m.state(r.now)
	after := m.state(r.now)
	keep := d.Existing == Add
	after.Name = d.Name
	if !names.Same(d.Name, before.Name) {
		m.fit(d.where("name"), "the name of the role", d.Name, limits.RoleName)
		m.scripts(d.where("name"), "role", d.Name)
	}
	if d.Description != nil && (!keep || before.Description == "") {
		after.Description = *d.Description
		if after.Description == "" && before.Description != "" {
			m.problems.add(d.where("description"), "the server takes no role without a description")
		}
	}
	if d.EmailAddress != nil && (!keep || before.EmailAddress == "") {
		after.EmailAddress = *d.EmailAddress
	}
	if d.PermissionSet != nil && (!keep || before.PermissionSetID == "") {
		m.setPermissionSet(d, after, *d.PermissionSet)
	}
	if d.Permissions != nil {
		want, at := m.paths(d.Name, d.Permissions)
		has := before.set()
		if keep {
			want = want.Union(has)
		}
		m.unknown("role", r.name, want.Minus(has), at)
		if !want.Equal(has) {
			after.Paths = want.Paths()
		}
	}
	if d.Holders != nil {
		claims, _ := m.holders(d)
		if !keep {
			after.Claims = nil
		}
		held := claimKeys(before.Claims)
		for _, k := range claims {
			if held[k.Fold()] {
				after.Claims = append(after.Claims, m.claim(k))
			} else {
				after.Claims = append(after.Claims, m.held(k))
			}
		}
		after.Claims = sortClaims(after.Claims)
	}
	if r.now.Immutable && (!before.sameFields(after) || !before.set().Equal(after.set())) {
		fixed := *after
		fixed.Claims = before.Claims
		r.fixed = &target{
			kind: KindRole, name: r.name, version: 2, before: &Object{Role: before}, after: &Object{Role: &fixed}, at: d.At,
			blocked: "the role is built in (immutable): the server lets nobody change anything but its holders",
		}
		claims := after.Claims
		after = m.state(r.now)
		after.Claims = claims
	}
	if !before.same(after) {
		r.role = &target{kind: KindRole, name: r.name, version: 2, before: &Object{Role: before}, after: &Object{Role: after}, at: d.At}
	}
}

// legacyRole compares a role of a server that has version 1 only. A plan changes
// nothing but its holders there.
func (m *maker) legacyRole(d *Role, r *roleTarget) {
	now, keep := r.now, d.Existing == Add
	differs := func(want *string, has string) bool { return want != nil && *want != has && (!keep || has == "") }
	var what []string
	if d.Name != now.Name {
		what = append(what, "name")
	}
	if differs(d.Description, now.Description) {
		what = append(what, "description")
	}
	if differs(d.EmailAddress, now.EmailAddress) {
		what = append(what, "e-mail address")
	}
	if d.PermissionSet != nil && !names.Same(*d.PermissionSet, "Global") {
		what = append(what, "permission set")
	}
	if d.Permissions != nil && !m.sameNames(d, now) {
		what = append(what, "permissions")
	}
	if len(what) > 0 {
		r.fixed = m.blocked(r, "the server has version 1 of roles only: a plan changes nothing but the identities of a role there, not its "+
			strings.Join(what, ", "))
	}
}

// sameNames reports whether a role has the version 1 names that it should have.
func (m *maker) sameNames(d *Role, now *snapshot.Role) bool {
	has := map[permissions.Legacy]bool{}
	for _, l := range now.Names {
		if parsed, err := permissions.ParseLegacy(string(l)); err == nil {
			l = parsed
		}
		has[l] = true
	}
	want, same := map[permissions.Legacy]bool{}, true
	for _, t := range d.Permissions { // all of them: each may be wrong
		_, l, _ := m.path(t)
		same, want[l] = same && has[l], true
	}
	return now.ObjectNames && same && (d.Existing == Add || len(want) == len(has))
}

// holders are who should hold a role: through version 2, and through version 1.
func (m *maker) holders(d *Role) (claims, identities []Key) {
	for _, h := range d.Holders {
		k, err := m.key(h)
		if err != nil {
			m.problems.add(h.At, "%v", err)
			continue
		}
		if _, gone := m.gone[m.goneAs(k, h.Identity)]; gone {
			m.problems.add(h.At, "%s should hold the role %s and be absent", quote(k.String()), quote(d.Name))
			continue
		}
		if _, named := m.namedAt[k.Fold()]; !named {
			m.namedAt[k.Fold()] = h.At
		}
		if h.Identity && m.separate() {
			identities = append(identities, k)
		} else {
			claims = append(claims, k)
		}
	}
	return claims, identities
}

// held is a claim that a role gets; it is created if the server lacks it.
func (m *maker) held(k Key) ClaimState {
	if !m.isClaim(k) {
		if m.claims[k.Fold()] == nil {
			m.newClaim(k, nil, m.namedAt[k.Fold()])
			m.claims[k.Fold()].implied = true
		}
		return *m.claims[k.Fold()].after.Claim
	}
	return m.claim(k)
}

func (m *maker) accounts(keys []Key) []IdentityState {
	out := make([]IdentityState, 0, len(keys))
	for _, k := range keys {
		if !m.isIdentity(k) {
			m.newIdentity(k, m.namedAt[k.Fold()]) // identities stand nowhere but at roles
			m.identities[k.Fold()].implied = true
		}
		out = append(out, m.identity(k))
	}
	return sortIdentities(out)
}

// membersOf plans the identities of a role.
func (m *maker) membersOf(d *Role, r *roleTarget) {
	if d.Holders == nil || !m.separate() {
		return
	}
	claims, identities := m.holders(d)
	if m.legacy && len(claims) > 0 {
		r.role = m.blocked(r, "the server has no claims: Command has them from version 11 on")
		r.role.promised = claims
	}
	if reason := m.unread(r.now, 1); reason != "" {
		if len(identities) > 0 {
			r.members = &target{
				kind: KindMembers, name: r.name, version: 1, at: d.At, vague: true,
				blocked:  "the identities of the role could not be read, and what is not known is never overwritten: " + reason,
				promised: identities,
			}
		}
		return
	}
	before := m.members(r.now)
	after := &MembersState{RoleID: r.now.ID, Role: r.name, Identities: m.accounts(identities)}
	if d.Existing == Add {
		after.Identities = sortIdentities(slices.Concat(before.Identities, after.Identities))
	}
	m.setMembers(r, before, after)
}

func (m *maker) setMembers(r *roleTarget, before, after *MembersState) {
	t := &target{kind: KindMembers, name: r.name, version: 1, before: &Object{Members: before}, after: &Object{Members: after}, at: r.at}
	if r.members = t; t.before.Same(t.after) {
		r.members = nil
	}
}

// absentRoles plans the roles that should not be there.
func (m *maker) absentRoles() {
	for _, a := range m.desired.Absent.Roles {
		found := m.world.roles[names.Fold(a.Value)]
		gap := m.gap(m.rolesPart(), a.Value)
		switch {
		case len(found) > 1:
			m.ambiguous("roles", a.Value, a.At)
		case len(found) == 0 && gap == nil || gap != nil && gap.Reason == snapshot.ReasonGone:
			m.misspelled("role", a.Value, m.roleNames, a.At)
		case len(found) == 0:
			r := &roleTarget{name: a.Value, delete: true, at: a.At}
			r.role = &target{
				kind: KindRole, name: a.Value, version: 1, at: a.At, blocked: "whether there is such a role is not known: " + gapText(gap),
			}
			m.roles[names.Fold(a.Value)] = r
		default:
			m.absentRole(found[0], a.At)
		}
	}
}

func (m *maker) absentRole(now *snapshot.Role, at Position) {
	r := &roleTarget{name: now.Name, now: now, delete: true, at: at}
	m.roles[names.Fold(now.Name)] = r
	r.role = &target{kind: KindRole, name: now.Name, version: 1, before: &Object{Role: m.state(now)}, at: at}
	switch {
	case now.Immutable || now.ID == administrator:
		r.role.blocked = "the role is built in (immutable): the server lets nobody delete it"
	case m.legacy:
		r.role.blocked = "the server has version 1 of roles only: a plan deletes roles on Command 11 and later"
	case m.unread(now, 2) != "":
		r.role.blocked = "the role could not be read in full, so that what would be lost is not known: " + m.unread(now, 2)
	case m.unread(now, 1) != "":
		r.role.blocked = "the identities of the role could not be read, so that what would be lost is not known: " + m.unread(now, 1)
	}
	if m.apart && r.role.blocked == "" {
		m.setMembers(r, m.members(now), &MembersState{RoleID: now.ID, Role: now.Name, Identities: []IdentityState{}})
	}
}

// takeFromAll takes what should be absent from all roles that it holds, so that it can
// be deleted.
func (m *maker) takeFromAll() {
	if len(m.gone) == 0 {
		return
	}
	claims, identities := map[Key]bool{}, map[Key]bool{}
	for g := range m.gone {
		if g.identity {
			identities[g.key] = true
		} else {
			claims[g.key] = true
		}
	}
	for i := range m.Roles {
		now := &m.Roles[i]
		gone := slices.ContainsFunc(now.Holders, m.takes)
		r := m.roles[names.Fold(now.Name)]
		if !gone || len(m.world.roles[names.Fold(now.Name)]) > 1 || r != nil && r.delete {
			continue
		}
		if r == nil {
			r = &roleTarget{name: now.Name, now: now}
			m.roles[names.Fold(now.Name)] = r
		}
		m.take(r, claims, identities)
	}
}

// takes reports whether something of a holder is to go.
func (m *maker) takes(h snapshot.Holder) bool {
	_, claim := m.gone[m.goneAs(h.Key, false)]
	_, identity := m.gone[m.goneAs(h.Key, true)]
	return claim && slices.Contains(h.Versions, 2) || identity && slices.Contains(h.Versions, 1)
}

// take takes a role from claims and identities, by folded key.
func (m *maker) take(r *roleTarget, claims, identities map[Key]bool) {
	for _, h := range r.now.Holders {
		for _, identity := range []bool{false, true} {
			if at, gone := m.gone[m.goneAs(h.Key, identity)]; gone && r.at == (Position{}) {
				r.at = at
			}
		}
	}
	if !m.legacy && m.unread(r.now, 2) == "" {
		if r.role == nil {
			state := m.state(r.now)
			r.role = &target{kind: KindRole, name: r.name, version: 2, before: &Object{Role: state}, after: &Object{Role: m.state(r.now)}, at: r.at}
		}
		if r.role.after != nil {
			r.role.after.Role.Claims = notNil(without(r.role.after.Role.Claims, claimKey, claims))
			if r.role.before.Same(r.role.after) {
				r.role = nil
			}
		}
	}
	if m.separate() && m.unread(r.now, 1) == "" {
		before := m.members(r.now)
		after := &MembersState{RoleID: r.now.ID, Role: r.name, Identities: before.Identities}
		if r.members != nil && r.members.after != nil {
			after = r.members.after.Members
		}
		m.setMembers(r, before, &MembersState{RoleID: after.RoleID, Role: after.Role, Identities: notNil(without(after.Identities, identityKeyOf, identities))})
	}
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// only limits the plan to the roles of the options, and to what they need.
func (m *maker) only() {
	if len(m.opts.Only) == 0 {
		return
	}
	chosen := map[*roleTarget]bool{}
	for _, name := range m.opts.Only {
		fold := names.Fold(name)
		r := m.roles[fold]
		for i := range m.desired.Roles { // by its new name
			if d := &m.desired.Roles[i]; r == nil && d.Was != "" && names.Fold(d.Name) == fold {
				r = m.roles[names.Fold(d.Was)]
			}
		}
		if r == nil {
			var all []string
			for _, d := range m.desired.Roles {
				all = append(all, d.Name)
			}
			hint := didYouMean(name, all)
			for _, d := range m.desired.Roles { // it was renamed already
				if d.Was != "" && names.Fold(d.Was) == fold {
					hint = "; it renames it to " + quote(d.Name) + ": name that"
				}
			}
			m.problems.add(Position{}, "only %s: the desired state does not name this role%s", quote(name), hint)
			continue
		}
		chosen[r] = true
	}
	claims, accounts, sets := map[Key]bool{}, map[Key]bool{}, map[string]bool{}
	for fold, r := range m.roles {
		if !chosen[r] {
			if r.role != nil || r.members != nil || r.fixed != nil {
				m.later = append(m.later, r.name)
			}
			delete(m.roles, fold)
			continue
		}
		if r.role != nil && r.role.after != nil {
			sets[names.Fold(r.role.after.Role.PermissionSet)] = true
			maps.Copy(claims, claimKeys(r.role.after.Role.Claims))
		}
		if r.members != nil && r.members.after != nil {
			maps.Copy(accounts, identityKeys(r.members.after.Members.Identities))
		}
	}
	slices.Sort(m.later)
	for k, t := range m.claims {
		if t.before != nil || !claims[k] {
			delete(m.claims, k)
		}
	}
	for k, t := range m.identities {
		if t.before != nil || !accounts[k] {
			delete(m.identities, k)
		}
	}
	for fold, t := range m.sets {
		if t.after == nil || !sets[fold] {
			delete(m.sets, fold)
			continue
		}
		if t.before != nil { // what it takes away waits
			set := permissions.NewSet(t.before.PermissionSet.Permissions...).Add(t.after.PermissionSet.Permissions...)
			t.after = &Object{PermissionSet: &PermissionSetState{ID: t.before.PermissionSet.ID, Name: t.name, Permissions: set.Paths()}}
			if t.before.Same(t.after) {
				delete(m.sets, fold)
			}
		}
	}
	m.warnings = slices.DeleteFunc(m.warnings, func(w Warning) bool {
		return len(w.Roles) == 1 && !slices.ContainsFunc(m.opts.Only, func(name string) bool { return names.Same(name, w.Roles[0]) })
	})
}

// isGUID reports whether a permission set may have this id.
func isGUID(s string) bool {
	id, ok := permissions.Path("/set/" + s + "/").Scope()
	return ok && len(id) == 36
}

// targets are all objects that something is to become of.
func (m *maker) targets() []*target {
	var out []*target
	for _, t := range m.sets {
		out = append(out, t)
	}
	for _, t := range m.claims {
		out = append(out, t)
	}
	for _, t := range m.identities {
		out = append(out, t)
	}
	for _, r := range m.roles {
		for _, t := range []*target{r.fixed, r.role, r.members} {
			if t != nil {
				out = append(out, t)
			}
		}
	}
	return out
}
