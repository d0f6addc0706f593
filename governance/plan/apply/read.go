package apply

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// lists are lists of the server, as far as they were read.
type lists struct {
	sets       map[string]*permissionsets.PermissionSet // by id and by folded name, which are never alike
	claims     map[plan.Key]*claims.Claim               // by folded key
	bare       map[plan.Key][]*claims.Claim             // Active Directory, without domain
	identities []identities.Identity
	accounts   map[string]*identities.Identity // by folded name
	roles      map[string]int                  // ids by folded name
}

// maxRereads is how often a list that changes is read again.
const maxRereads = 5

// collect reads a list. Nothing else is read meanwhile.
func collect[T any](ctx context.Context, r *run, kind plan.Kind, all func(...security.CallOption) iter.Seq2[T, error]) ([]T, error) {
	for again := 0; ; again++ {
		items, err := security.Collect(all(append(slices.Clip(r.call), security.WithConcurrency(r.settings.InFlight()))...))
		if errors.Is(err, security.ErrListChanged) && again < maxRereads && ctx.Err() == nil {
			continue
		}
		r.known.mu.Lock()
		r.known.lengths[kind] = len(items)
		r.known.mu.Unlock()
		return items, err
	}
}

// load reads the list of a kind.
func (r *run) load(ctx context.Context, l *lists, kind plan.Kind) error {
	switch kind {
	case plan.KindPermissionSet:
		all, err := collect(ctx, r, kind, func(call ...security.CallOption) iter.Seq2[permissionsets.PermissionSet, error] {
			return r.sets.All(ctx, nil, call...)
		})
		l.sets = map[string]*permissionsets.PermissionSet{}
		for i := range all {
			l.sets[names.Fold(all[i].Name)] = &all[i]
			l.sets[" "+names.Fold(all[i].ID)] = &all[i]
		}
		return err
	case plan.KindClaim:
		all, err := collect(ctx, r, kind, func(call ...security.CallOption) iter.Seq2[claims.Claim, error] {
			return r.claims.All(ctx, nil, call...)
		})
		l.claims, l.bare = map[plan.Key]*claims.Claim{}, map[plan.Key][]*claims.Claim{}
		for i := range all {
			k := all[i].Key().Fold()
			l.claims[k] = &all[i]
			if domain, bare := k.Domain(); domain != "" {
				l.bare[bare] = append(l.bare[bare], &all[i])
			}
		}
		return err
	case plan.KindIdentity:
		all, err := collect(ctx, r, kind, func(call ...security.CallOption) iter.Seq2[identities.Identity, error] {
			return r.identities.All(ctx, nil, call...)
		})
		l.identities, l.accounts = all, map[string]*identities.Identity{}
		for i := range all {
			l.accounts[names.Fold(all[i].AccountName)] = &all[i]
		}
		return err
	case plan.KindRole:
		all, err := collect(ctx, r, kind, func(call ...security.CallOption) iter.Seq2[roles.SummaryV2, error] {
			return r.rolesV2.All(ctx, nil, call...)
		})
		l.roles = map[string]int{}
		for _, role := range all {
			l.roles[names.Fold(role.Name)] = role.ID
		}
		return err
	case plan.KindMembers: // each role shows its own
	}
	return nil
}

// claim finds a claim by its key; the server may have added the domain.
func (l *lists) claim(k plan.Key) *claims.Claim {
	if c := l.claims[k.Fold()]; c != nil {
		return c
	}
	if domain, bare := k.Fold().Domain(); domain == "" && len(l.bare[bare]) == 1 {
		return l.bare[bare][0]
	}
	return nil
}

// identity finds an identity by its account.
func (l *lists) identity(k plan.Key) *identities.Identity {
	if i := l.accounts[names.Fold(k.Value)]; i != nil {
		return i
	}
	var found *identities.Identity
	for i := range l.identities {
		if names.SameAccount(l.identities[i].AccountName, k.Value) {
			if found != nil {
				return nil
			}
			found = &l.identities[i]
		}
	}
	return found
}

// read reads the object of a step as it is now: from lists that were read for it, or by
// its id. It is nil if there is none.
func (r *run) read(ctx context.Context, s *step, l *lists) (*plan.Object, error) {
	switch o := s.some(); s.Kind {
	case plan.KindPermissionSet:
		if l == nil {
			set, err := r.sets.Get(ctx, o.PermissionSet.ID, r.call...)
			return there(set, err, fromSet)
		}
		key := names.Fold(o.PermissionSet.Name)
		if o.PermissionSet.ID != "" {
			key = " " + names.Fold(o.PermissionSet.ID)
		}
		return there(l.sets[key], nil, fromSet)
	case plan.KindClaim:
		if l == nil {
			claim, err := r.claims.Get(ctx, o.Claim.ID, r.call...)
			return there(claim, err, fromClaim)
		}
		claim := l.claim(o.Claim.Key)
		if claim != nil && s.Action == plan.Create {
			r.known.learn(s.After, fromClaim(claim))
		}
		return there(claim, nil, fromClaim)
	case plan.KindIdentity:
		identity := l.identity(o.Identity.Key)
		if identity != nil && s.Action == plan.Create {
			r.known.learn(s.After, fromIdentity(identity))
		}
		return there(identity, nil, fromIdentity)
	case plan.KindRole:
		id := o.Role.ID
		if s.Action == plan.Create {
			if id = l.roles[names.Fold(o.Role.Name)]; id == 0 {
				return nil, nil //nolint:nilnil // there is none
			}
		}
		role, err := r.rolesV2.Get(ctx, id, r.call...)
		return there(role, err, r.fromRole)
	case plan.KindMembers:
		members := r.known.resolved(o).Members
		role, err := r.rolesV1.Get(ctx, members.RoleID, r.call...)
		return there(role, err, func(role *roles.RoleV1) *plan.Object { return fromMembers(role, members.Role) })
	}
	return nil, fmt.Errorf("the kind %q is none", s.Kind)
}

// there makes an object of what was read, and nil of what is not there.
func there[T any](v *T, err error, from func(*T) *plan.Object) (*plan.Object, error) {
	if errors.Is(err, security.ErrNotFound) {
		return nil, nil //nolint:nilnil // that is the answer
	}
	if err != nil || v == nil {
		return nil, err
	}
	return from(v), nil
}

func fromSet(set *permissionsets.PermissionSet) *plan.Object {
	return &plan.Object{PermissionSet: &plan.PermissionSetState{
		ID: names.Fold(set.ID), Name: set.Name, Permissions: append([]permissions.Path{}, set.Permissions...),
	}}
}

func fromClaim(c *claims.Claim) *plan.Object {
	return &plan.Object{Claim: &plan.ClaimState{ID: c.ID, Key: c.Key(), Description: c.Description}}
}

func fromIdentity(i *identities.Identity) *plan.Object {
	return &plan.Object{Identity: &plan.IdentityState{ID: i.ID, Key: account(i.IdentityType, i.AccountName)}}
}

func account(kind identities.Type, name string) plan.Key {
	return plan.Key{Type: holders.Type(kind), Value: name, Scheme: holders.SchemeActiveDirectory}
}

func fromMembers(role *roles.RoleV1, name string) *plan.Object {
	state := &plan.MembersState{RoleID: role.ID, Role: name, Identities: []plan.IdentityState{}}
	for _, i := range role.Identities {
		state.Identities = append(state.Identities, plan.IdentityState{ID: i.ID, Key: account(i.IdentityType, i.AccountName)})
	}
	return &plan.Object{Members: state}
}

func (r *run) fromRole(role *roles.RoleV2) *plan.Object {
	o := r.fromUpdate(new(role.ToUpdate()))
	for i := range role.Claims {
		o.Role.Claims[i].ID = role.Claims[i].ID
	}
	return o
}

// fromUpdate is a role as an edit reads it.
func (r *run) fromUpdate(u *roles.UpdateV2) *plan.Object {
	state := &plan.RoleState{
		ID: u.ID, Name: u.Name, Description: u.Description, PermissionSetID: names.Fold(u.PermissionSetID),
		Paths: append([]permissions.Path{}, u.Permissions...), Claims: []plan.ClaimState{},
	}
	if u.EmailAddress != nil {
		state.EmailAddress = *u.EmailAddress
	}
	if state.PermissionSetID == "00000000-0000-0000-0000-000000000000" { // how some servers write none
		state.PermissionSetID = ""
	}
	state.PermissionSet = r.known.setName(state.PermissionSetID)
	for _, c := range u.Claims {
		state.Claims = append(state.Claims, plan.ClaimState{Key: c.Key(), Description: c.Description})
	}
	return &plan.Object{Role: state}
}

// look reads every object that something is left to do about, and refuses all that are
// not as planned.
func (r *run) look(ctx context.Context) error {
	r.progress(0)
	var moved []Moved
	l := &lists{}
	for _, kinds := range [][]plan.Kind{{plan.KindPermissionSet, plan.KindClaim, plan.KindIdentity}, {plan.KindRole}, {plan.KindMembers}} {
		if err := r.loadFor(ctx, l, kinds); err != nil {
			return err
		}
		found, err := r.lookAt(ctx, l, kinds)
		if err != nil {
			return err
		}
		moved = append(moved, found...)
	}
	if len(moved) > 0 {
		return &MovedError{moved}
	}
	return nil
}

// loadFor reads the lists that show objects of some kinds.
func (r *run) loadFor(ctx context.Context, l *lists, kinds []plan.Kind) error {
	needs := map[plan.Kind]bool{}
	for _, c := range r.chains {
		for _, s := range c.steps[c.at:] {
			switch s.Kind {
			case plan.KindPermissionSet, plan.KindClaim, plan.KindIdentity:
				needs[s.Kind] = true
			case plan.KindRole:
				needs[plan.KindRole] = needs[plan.KindRole] || s.Action == plan.Create
				needs[plan.KindClaim] = needs[plan.KindClaim] || len(r.gains(s)) > 0
			case plan.KindMembers:
			}
		}
	}
	for _, kind := range kinds {
		if needs[kind] {
			if err := r.load(ctx, l, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// gains are the claims that get a role by a step and that the plan does not make: they
// must be there, for the server would make them.
func (r *run) gains(s *step) []plan.Key {
	if s.Kind != plan.KindRole || s.After == nil {
		return nil
	}
	held := map[plan.Key]bool{}
	if s.Before != nil {
		for _, c := range s.Before.Role.Claims {
			held[c.Key.Fold()] = true
		}
	}
	var out []plan.Key
	for _, c := range s.After.Role.Claims {
		if k := c.Key.Fold(); !held[k] && !r.known.made[k] {
			out = append(out, c.Key)
		}
	}
	return out
}

// lookAt reads the objects of some kinds.
func (r *run) lookAt(ctx context.Context, l *lists, kinds []plan.Kind) ([]Moved, error) {
	var mu sync.Mutex
	texts := map[*chain]string{}
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(r.settings.InFlight())
	of := map[plan.Kind]bool{}
	for _, k := range kinds {
		of[k] = true
	}
	for _, c := range r.chains {
		if !of[c.steps[0].Kind] || c.at == len(c.steps) || running.Err() != nil {
			continue
		}
		group.Go(func() error {
			text, err := r.lookOne(running, c, l)
			mu.Lock()
			defer mu.Unlock()
			if text != "" {
				texts[c] = text
			}
			return err
		})
	}
	err := group.Wait()
	var moved []Moved
	for _, c := range r.chains {
		if texts[c] == "" {
			continue
		}
		m := Moved{Kind: c.steps[0].Kind, Name: c.steps[0].Name, Text: texts[c]}
		for _, s := range c.steps {
			m.Steps = append(m.Steps, s.Number)
		}
		moved = append(moved, m)
	}
	return moved, err
}

// lookOne reads an object, and finds out which of its steps are done. It says how the
// object differs from all that is planned for it.
func (r *run) lookOne(ctx context.Context, c *chain, l *lists) (string, error) {
	first := c.at
	defer func() { r.progress(1 + c.at - first) }()
	s := c.steps[c.at]
	if s.Kind == plan.KindMembers && r.known.resolved(s.some()).Members.RoleID == 0 {
		c.now = s.Before
		return "", nil // the role is yet to be made
	}
	from := l
	if s.Kind == plan.KindMembers || s.Kind == plan.KindRole && s.Action != plan.Create {
		from = nil
	}
	now, err := r.read(ctx, s, from)
	if err != nil {
		return "", err
	}
	at := -1
	for i := c.at; i <= len(c.steps); i++ {
		if now.Same(r.known.resolved(c.state(i))) {
			at = i
		}
	}
	if at < 0 {
		return differs(s, r.known.resolved(c.state(c.at)), now), nil
	}
	c.now = now
	for _, s := range c.steps[c.at:at] {
		if s.found = s.pending; s.found {
			s.leave(AlreadyDone, "an earlier run did it, and was stopped before it could note that")
			s.earlier = true
		} else {
			s.leave(AlreadyDone, "it was done already, not by this plan as far as is known")
		}
		s.now = now
		r.known.learn(s.After, now)
	}
	c.at = at
	for _, s := range c.steps[at:] {
		for _, k := range r.gains(s) {
			if l.claim(k) == nil {
				return fmt.Sprintf("the claim %s that it is to get is not there any more", k), nil
			}
		}
	}
	return "", nil
}

// differs says what others did to an object.
func differs(s *step, planned, now *plan.Object) string {
	switch {
	case now == nil:
		return "it is not there any more"
	case planned == nil:
		return "there is one already, which is not as the plan makes it; somebody else made it"
	}
	return "somebody else changed it since: " + apart(s, planned, now)
}

// apart says in words what leads from one state of an object to another.
func apart(s *step, from, to *plan.Object) string {
	switch {
	case from == nil && to == nil:
		return "nothing"
	case from == nil:
		return "it is there"
	case to == nil:
		return "it is not there"
	}
	change := plan.Step{Action: plan.Update, Kind: s.Kind, Name: s.Name, Before: from, After: to}
	what := plan.Step{Action: plan.Update, Kind: s.Kind, Name: s.Name}
	return strings.TrimPrefix(change.Words(), what.Words()+": ") // whoever reads it knows the object
}

// progress tells how much is over: of the objects that are looked at, and the steps.
func (r *run) progress(n int) {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	if r.gate.total == 0 {
		for _, c := range r.chains {
			if left := len(c.steps) - c.at; left > 0 {
				r.gate.total += 1 + left
			}
		}
	}
	r.gate.over += n
	if n > 0 && r.settings.Progress != nil {
		r.settings.Progress(min(r.gate.over, r.gate.total), r.gate.total)
	}
}
