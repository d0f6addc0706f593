package plan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
)

// Entry is a step that was carried out, as the journal of package apply has it.
type Entry struct {
	Step   Step    `json:"step"`
	Before *Object `json:"before,omitempty"` // as it was read before the write; nil: it was not there
	After  *Object `json:"after,omitempty"`  // as it was read after the write, with its id; nil: it is gone
}

// Back plans the way back from steps that were carried out, in their order: a plan like
// any other, which makes each object what it was before the first of them. An object of
// which others changed anything since is left as it is: its step is blocked. A role that was deleted comes
// back under another id.
func Back(done []Entry, now *snapshot.Snapshot) (*Plan, error) {
	if now == nil {
		return nil, errors.New("plan the way back: there must be a snapshot of the server as it is now")
	}
	b := &backer{world: newWorld(now.Sorted(), nil), at: map[string]*undone{}}
	for i := range done {
		if err := b.add(&done[i]); err != nil {
			return nil, fmt.Errorf("plan the way back: entry %d: %w", i+1, err)
		}
	}
	builder := &builder{world: b.world, back: true}
	for _, u := range b.list {
		if t := b.target(u); t != nil {
			builder.targets = append(builder.targets, t)
		}
	}
	builder.targets = append(builder.targets, b.lacking(builder.targets)...)
	for _, t := range builder.targets {
		if t.kind == KindRole && t.action() == Create && t.blocked == "" {
			builder.warnings = append(builder.warnings, Warning{
				Code: CodeNewID, Severity: report.Medium, Roles: []string{t.name},
				Text: fmt.Sprintf("The role %s comes back under another id. What named it by its id does not find it any more.", quote(t.name)),
				Do:   "Look for what named the role, such as the allowed requesters of a template.",
			})
		}
	}
	p := builder.build()
	p.TakesBack = &TakesBack{}
	return p, nil
}

// undone is an object before and after everything that was done to it.
type undone struct {
	kind          Kind
	version       int
	before, after *Object
}

type backer struct {
	*world

	list []*undone
	at   map[string]*undone
}

// add notes an entry. What was done to one object in several steps is one thing.
func (b *backer) add(e *Entry) error {
	latest, original := e.After, e.Before
	if latest == nil && original == nil {
		return errors.New("it has neither before nor after")
	}
	for _, o := range []*Object{latest, original} {
		if o != nil && o.id(e.Step.Kind) == "" {
			return fmt.Errorf("its object is not of the kind %s", quote(string(e.Step.Kind)))
		}
	}
	some := latest
	if some == nil {
		some = original
	}
	u := b.at[some.id(e.Step.Kind)]
	if u == nil {
		u = &undone{kind: e.Step.Kind, version: e.Step.Version, before: original}
		b.list = append(b.list, u)
	}
	b.at[some.id(e.Step.Kind)] = u
	u.after = latest
	return nil
}

// id is what an object is found by as long as it is there; empty if it is of another
// kind.
func (o *Object) id(kind Kind) string {
	switch {
	case kind == KindPermissionSet && o.PermissionSet != nil:
		return string(kind) + cmp.Or(o.PermissionSet.ID, " "+names.Fold(o.PermissionSet.Name))
	case kind == KindClaim && o.Claim != nil:
		return string(kind) + holderID(o.Claim.Key)
	case kind == KindIdentity && o.Identity != nil:
		return string(kind) + holderID(o.Identity.Key)
	case kind == KindRole && o.Role != nil && o.Role.ID != 0:
		return fmt.Sprint(kind, o.Role.ID)
	case kind == KindRole && o.Role != nil:
		return string(kind) + " " + names.Fold(o.Role.Name)
	case kind == KindMembers && o.Members != nil && o.Members.RoleID != 0:
		return fmt.Sprint(kind, o.Members.RoleID)
	case kind == KindMembers && o.Members != nil:
		return string(kind) + " " + names.Fold(o.Members.Role)
	}
	return ""
}

// current finds an object as it is now: by its id or, if it has none, by its name. It
// says why what it looks like is not known.
func (w *world) current(o *Object) (now *Object, unread string) {
	if o == nil {
		return nil, ""
	}
	switch {
	case o.PermissionSet != nil:
		found := w.setByID[o.PermissionSet.ID]
		if list := w.sets[names.Fold(o.PermissionSet.Name)]; o.PermissionSet.ID == "" && len(list) == 1 {
			found = list[0]
		}
		if found != nil {
			return setObject(found), ""
		}
		return nil, w.missing(snapshot.PartPermissionSets, "")
	case o.Claim != nil:
		if w.isClaim(o.Claim.Key) {
			state := w.claim(o.Claim.Key)
			state.Description = w.claims[o.Claim.Key.Fold()].Description
			return &Object{Claim: &state}, ""
		}
		return nil, w.missing(snapshot.PartClaims, "")
	case o.Identity != nil:
		if w.isIdentity(o.Identity.Key) {
			state := w.identity(o.Identity.Key)
			return &Object{Identity: &state}, ""
		}
		return nil, w.missing(snapshot.PartIdentities, "")
	case o.Role != nil:
		r := w.roleNow(o.Role.ID, o.Role.Name)
		if r == nil {
			return nil, w.missing(snapshot.PartRolesV2, o.Role.Name)
		}
		return &Object{Role: w.state(r)}, w.unread(r, 2)
	case o.Members != nil:
		r := w.roleNow(o.Members.RoleID, o.Members.Role)
		if r == nil {
			return nil, w.missing(snapshot.PartRolesV1, o.Members.Role)
		}
		return &Object{Members: w.members(r)}, w.unread(r, 1)
	}
	return nil, ""
}

// missing says why something may be there although the snapshot lacks it.
func (w *world) missing(part snapshot.Part, object string) string {
	if g := w.gap(part, object); g != nil && g.Reason != snapshot.ReasonGone && g.Reason != snapshot.ReasonNotThere {
		return gapText(g)
	}
	return ""
}

func (w *world) roleNow(id int, name string) *snapshot.Role {
	if id == 0 {
		if list := w.roles[names.Fold(name)]; len(list) == 1 {
			return list[0]
		}
		return nil
	}
	return w.roleByID[id]
}

// target is what takes an object back, nil if it is there already.
func (b *backer) target(u *undone) *target {
	some := u.after
	if some == nil {
		some = u.before
	}
	now, unread := b.current(some)
	t := &target{kind: u.kind, version: u.version, before: now, after: b.original(u.before), name: some.name()}
	if now != nil && now.Members != nil {
		t.name = now.Members.Role // it may have been renamed
	}
	role := b.at[fmt.Sprint(KindRole, some.memberOf())]
	if now == nil && u.kind == KindMembers && role != nil && role.after == nil { // it went with the role, and comes back with it
		t.before = &Object{Members: &MembersState{Role: some.Members.Role, Identities: []IdentityState{}}}
		t.after.Members.RoleID = 0
		now = u.after
	}
	switch {
	case unread != "":
		t.block("whether somebody changed it since is not known: %s", unread)
	case !now.Same(u.after) && !now.Same(u.before):
		t.block("somebody, perhaps a later plan of yours, changed it since")
	}
	switch t.action() {
	case Delete:
		t.version = 1 // only that one can delete
	case Create:
		if u.kind == KindRole {
			t.version = 2
		}
	default:
	}
	if t.blocked == "" && t.before.Same(t.after) {
		return nil
	}
	if t.before == nil && t.after == nil {
		return nil
	}
	return t
}

// memberOf is the id of the role whose members an object are.
func (o *Object) memberOf() int {
	if o.Members == nil {
		return 0
	}
	return o.Members.RoleID
}

func (o *Object) name() string {
	switch {
	case o.PermissionSet != nil:
		return o.PermissionSet.Name
	case o.Claim != nil:
		return o.Claim.Key.String()
	case o.Identity != nil:
		return o.Identity.Key.Value
	case o.Role != nil:
		return o.Role.Name
	case o.Members != nil:
		return o.Members.Role
	}
	return ""
}

// original is an object as it was, with the ids that things have now. What has to be
// created again has none.
func (b *backer) original(o *Object) *Object {
	if o == nil {
		return nil
	}
	now, _ := b.current(o)
	switch {
	case o.PermissionSet != nil:
		set := *o.PermissionSet
		if set.ID = ""; now != nil {
			set.ID = now.PermissionSet.ID
		}
		return &Object{PermissionSet: &set}
	case o.Claim != nil:
		claim := *o.Claim
		if claim.ID = 0; now != nil {
			claim.ID = now.Claim.ID
		} else { // the server creates none without
			claim.Description = cmp.Or(claim.Description, claim.Key.Value)
		}
		return &Object{Claim: &claim}
	case o.Identity != nil:
		return &Object{Identity: new(b.identity(o.Identity.Key))}
	case o.Role != nil:
		role := *o.Role
		if now == nil {
			role.ID = 0
		}
		if b.setByID[role.PermissionSetID] == nil && role.PermissionSetID != globalSet {
			role.PermissionSetID = ""
			if list := b.sets[names.Fold(role.PermissionSet)]; len(list) == 1 {
				role.PermissionSetID = list[0].ID
			}
		}
		role.Claims = slices.Clone(role.Claims)
		for i := range role.Claims {
			c := &role.Claims[i]
			if c.ID = 0; b.isClaim(c.Key) {
				c.ID = b.claims[c.Key.Fold()].ClaimID
			}
		}
		return &Object{Role: &role}
	default:
		members := *o.Members
		if now != nil {
			members.RoleID = now.Members.RoleID
		}
		members.Identities = make([]IdentityState, 0, len(o.Members.Identities))
		for _, i := range o.Members.Identities {
			members.Identities = append(members.Identities, b.identity(i.Key))
		}
		return &Object{Members: &members}
	}
}

// lacking are the claims and identities that roles get back and that are gone without a
// step that would bring them back. A role whose permission set is gone for good is
// blocked.
func (b *backer) lacking(targets []*target) []*target {
	comes := map[string]bool{}
	for _, t := range targets {
		if t.action() == Create {
			comes[t.after.id(t.kind)] = true
		}
	}
	var out []*target
	create := func(kind Kind, o *Object) {
		if !comes[o.id(kind)] {
			comes[o.id(kind)] = true
			out = append(out, &target{kind: kind, name: o.name(), version: 1, after: o, implied: true})
		}
	}
	for _, t := range targets {
		switch {
		case t.kind == KindRole && t.after != nil:
			state := t.after.Role
			if state.PermissionSetID == "" && !comes[(&Object{PermissionSet: &PermissionSetState{Name: state.PermissionSet}}).id(KindPermissionSet)] {
				t.block("its permission set %s is gone", quote(state.PermissionSet))
			}
			for _, c := range state.Claims {
				identity := &Object{Identity: &IdentityState{Key: c.Key}}
				if !b.isClaim(c.Key) && (b.separate() || !comes[identity.id(KindIdentity)]) {
					create(KindClaim, &Object{Claim: &ClaimState{Key: c.Key, Description: cmp.Or(c.Description, c.Key.Value)}})
				}
			}
		case t.kind == KindMembers && t.after != nil:
			for _, i := range t.after.Members.Identities {
				if !b.isIdentity(i.Key) {
					create(KindIdentity, &Object{Identity: &IdentityState{Key: i.Key}})
				}
			}
		}
	}
	return out
}
