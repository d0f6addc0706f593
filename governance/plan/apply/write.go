package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// gate lets steps begin until something stops the run.
type gate struct {
	mu          sync.Mutex
	shut        bool
	err         error // why, if that is no failed step
	unreached   int   // steps in a row that had no connection to the server
	over, total int   // progress
}

func (g *gate) close(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	if g.err == nil {
		g.err = err
	}
}

// maxUnreached is how many steps in a row may fail because there is no connection to the
// server. Each of them tried several times.
const maxUnreached = 3

// reached notes whether a step had a connection, and closes the gate after too many that
// had none.
func (g *gate) reached(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !errors.Is(err, transport.ErrNoConn) {
		g.unreached = 0
		return
	}
	if g.unreached++; g.unreached == maxUnreached && g.err == nil {
		g.shut, g.err = true, fmt.Errorf("%d steps in a row had no connection to the server, and no further one was begun; "+
			"see to it that it can be reached from here (is it running? are its name and certificate right?), and run the plan again with the same journal", maxUnreached)
	}
}

func (g *gate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// wave carries out steps that do not need each other. The journal has them, and is
// synced, before the first of them is written.
func (r *run) wave(ctx context.Context, wave []*step) error {
	var begin []*step
	var lines []line
	for _, s := range wave {
		if r.gate.closed() {
			break
		}
		if why := r.skips(s); why != "" {
			s.leave(Skipped, why)
			r.owe(s)
			r.progress(1)
			continue
		}
		begin = append(begin, s)
		lines = append(lines, line{Intend: &intention{Step: *s.Step, Before: s.chain.now}})
	}
	if len(begin) == 0 {
		return r.gate.err
	}
	// The list is read while the disk writes. Nothing is sent before both are done.
	var l *lists
	var unread error
	var before errgroup.Group
	before.Go(func() error { return r.journal.note(true, lines...) })
	if begin[0].listed() {
		l = &lists{}
		unread = r.load(ctx, l, begin[0].Kind)
	}
	if err := before.Wait(); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(r.settings.InFlight())
	for _, s := range begin {
		group.Go(func() error {
			if ctx.Err() != nil {
				r.gate.close(transport.EndOf(ctx))
			}
			if !r.gate.closed() {
				r.carry(ctx, s, l, unread)
				r.progress(1)
			}
			return nil
		})
	}
	_ = group.Wait() // what fails is in the steps
	for _, s := range begin {
		if s.status == Failed || s.status == Unknown {
			r.owe(s)
		}
	}
	if err := r.leave(begin); err != nil {
		r.gate.close(err)
	}
	return r.gate.err
}

// leave notes that steps were not begun.
func (r *run) leave(steps []*step) error {
	var lines []line
	for _, s := range steps {
		if s.status == "" && !s.pending {
			lines = append(lines, line{Not: &refusal{s.Number, now(), "not begun"}})
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return r.journal.note(false, lines...)
}

// carry carries a step out and notes what became of it. unread is why the list that it
// needs could not be read.
func (r *run) carry(ctx context.Context, s *step, l *lists, unread error) {
	var (
		after *plan.Object
		sent  bool
		err   error
	)
	switch {
	case unread != nil:
		err = unread
	case s.Action == plan.Create:
		after, sent, err = r.create(ctx, s, l)
	case s.Kind == plan.KindRole && s.Action == plan.Update:
		after, sent, err = r.edit(ctx, s)
	default:
		after, sent, err = r.change(ctx, s, l)
	}
	noted := line{Done: &outcome{Step: s.Number, Time: now(), Found: !sent, After: after}}
	switch {
	case err == nil && (sent || s.pending):
		s.end(Done, s.Words(), nil)
		if want := r.known.resolved(s.After); !after.Same(want) {
			s.text += "; the server made something else of it: " + apart(s, want, after)
		}
	case err == nil:
		const why = "somebody else did it meanwhile"
		s.leave(AlreadyDone, why)
		noted = line{Not: &refusal{s.Number, now(), why}}
	case errors.Is(err, security.ErrUnknownOutcome):
		s.end(Unknown, s.Words()+": "+err.Error()+"; run the plan again with the same journal, which looks for it", err)
		noted = line{}
	default:
		s.end(Failed, s.Words()+": "+err.Error(), err)
		noted = line{Not: &refusal{s.Number, now(), show.Text(err.Error(), maxShown)}}
	}
	r.gate.reached(err)
	if err == nil {
		s.now, s.chain.now = after, after
		r.known.learn(s.After, after)
	} else if stops(ctx, err) {
		r.gate.close(err)
	} else if r.opts.StopOnError {
		r.gate.close(nil)
	}
	if noted != (line{}) {
		if err := r.journal.note(false, noted); err != nil {
			r.gate.close(err)
		}
	}
}

// once is the option for writes that must not be repeated without another look.
func once() security.CallOption {
	return service.Option[security.CallOption](func(s *service.Settings) { s.Attempts = 1 })
}

// change changes or deletes an object that looks as planned, and reads it again. It
// reports whether a write was sent that was done, or may have been.
func (r *run) change(ctx context.Context, s *step, l *lists) (now *plan.Object, sent bool, err error) {
	before, after := r.known.resolved(s.Before), r.known.resolved(s.After)
	var failure error
	late := false // a write that nobody waits for any more may still be carried out
	for try := 1; ; try++ {
		if now, err = r.read(ctx, s, l); err == nil {
			err = r.judge(ctx, s, now, before, after, l, sent)
		}
		if err == nil && late && now.Same(after) {
			late = false
			if err = r.settle(ctx, s.Words()); err == nil {
				continue
			}
		}
		switch {
		case err == nil && now.Same(after):
			return now, sent, nil
		case err == nil && try > r.retry.MaxAttempts && failure != nil:
			err = failure
		case err == nil && try > r.retry.MaxAttempts:
			err = errors.New("it was written, and each time another program wrote it back")
		}
		if err != nil {
			if sent {
				err = safe.Unconfirmed(err)
			}
			return nil, sent, err
		}
		failure = r.write(ctx, s, after)
		unknown := errors.Is(failure, security.ErrUnknownOutcome)
		sent, late = sent || failure == nil || unknown, late || unknown && s.After != nil
		if err := r.wait(ctx, failure, try); err != nil {
			return nil, sent, err
		}
		if s.Kind == plan.KindIdentity {
			if failure == nil {
				return nil, true, nil // it has no answer of its own, and the list is long
			}
			l = &lists{}
			if err := r.load(ctx, l, s.Kind); err != nil {
				return nil, sent, safe.Unconfirmed(err)
			}
		}
	}
}

// judge refuses to write an object that is not as planned, or is in use.
func (r *run) judge(ctx context.Context, s *step, now, before, after *plan.Object, l *lists, sent bool) error {
	switch {
	case now.Same(after):
		return nil
	case sent && !now.Same(before):
		return &movedError{"after the write it is not as planned; the server did not take all of it, or another program wrote it: " + apart(s, after, now)}
	}
	if !now.Same(before) {
		return &movedError{differs(s, before, now) + "; it was not written; take a new snapshot and make a new plan"}
	}
	if s.Action != plan.Delete {
		return nil
	}
	user := ""
	switch s.Kind {
	case plan.KindClaim:
		if _, known := now.Claim.Key.Type.Number(); !known || now.Claim.Key.Scheme == "" {
			return nil // nobody can ask for it
		}
		held, err := r.claims.Roles(ctx, now.Claim.Key, r.call...)
		if err != nil {
			return err
		}
		if len(held) > 0 {
			user = "it holds the role " + show.Text(held[0].Name, maxShown)
		}
	case plan.KindIdentity:
		if held := l.identity(now.Identity.Key).Roles; len(held) > 0 {
			user = "it holds the role " + show.Text(held[0].Name, maxShown)
		}
	case plan.KindPermissionSet:
		for role, err := range r.rolesV2.All(ctx, nil, r.call...) {
			if err != nil {
				return err
			}
			if names.Same(role.PermissionSetID, now.PermissionSet.ID) {
				user = "the role " + show.Text(role.Name, maxShown) + " is in it"
			}
		}
	case plan.KindRole, plan.KindMembers:
	}
	if user != "" {
		return &movedError{"somebody else has used it since: " + user + "; it was not deleted; take a new snapshot and make a new plan"}
	}
	return nil
}

// write changes or deletes an object, once.
func (r *run) write(ctx context.Context, s *step, after *plan.Object) error {
	call := append(slices.Clip(r.call), once())
	var err error
	switch {
	case s.Kind == plan.KindPermissionSet && s.Action == plan.Delete:
		err = r.sets.Delete(ctx, s.Before.PermissionSet.ID, call...)
	case s.Kind == plan.KindPermissionSet:
		_, err = r.sets.Update(ctx, permissionsets.Update{ID: after.PermissionSet.ID, Permissions: after.PermissionSet.Permissions}, call...)
	case s.Kind == plan.KindClaim && s.Action == plan.Delete:
		err = r.claims.Delete(ctx, s.Before.Claim.ID, call...)
	case s.Kind == plan.KindClaim:
		_, err = r.claims.Update(ctx, claims.Update{ID: after.Claim.ID, Description: after.Claim.Description}, call...)
	case s.Kind == plan.KindIdentity && s.Action == plan.Delete:
		err = r.identities.Delete(ctx, s.Before.Identity.ID, call...)
	case s.Kind == plan.KindRole && s.Action == plan.Delete:
		err = r.rolesV2.Delete(ctx, s.Before.Role.ID, call...)
	case s.Kind == plan.KindMembers && s.Action == plan.Update:
		members := make([]int, 0, len(after.Members.Identities))
		for _, i := range after.Members.Identities {
			if i.ID == 0 {
				return fmt.Errorf("the id of %s is not known; take a new snapshot and make a new plan", i.Key)
			}
			members = append(members, i.ID)
		}
		_, err = r.rolesV1.SetIdentities(ctx, after.Members.RoleID, members, call...)
	default:
		return fmt.Errorf("nothing can %s a %s", s.Action, s.Kind)
	}
	return err
}

// wait returns the error of a write that is final. If it may go better next time, it
// waits as long as the server asks.
func (r *run) wait(ctx context.Context, failure error, try int) error {
	if failure == nil {
		return nil
	}
	answer, ok := errors.AsType[*security.Error](failure)
	if !ok || ctx.Err() != nil || errors.Is(failure, security.ErrInvalid) || errors.Is(failure, security.ErrUnauthorized) || answer.RetryAfter > r.retry.MaxWait {
		return failure
	}
	unknown := errors.Is(failure, security.ErrUnknownOutcome)
	refused := answer.StatusCode >= 300 && answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests
	if refused || try >= r.retry.MaxAttempts && !unknown {
		return failure
	}
	pause := answer.RetryAfter
	if pause == 0 {
		pause = min(r.retry.MinWait<<min(try-1, 16), r.retry.MaxWait) // a longer shift could overflow
	}
	if err := transport.Sleep(ctx, pause); err != nil {
		return fmt.Errorf("%w, after %w", err, failure)
	}
	return nil
}

// edit changes a role. What it looks like is checked on the very reading that the write
// is made of.
func (r *run) edit(ctx context.Context, s *step) (*plan.Object, bool, error) {
	before, after := r.known.resolved(s.Before), r.known.resolved(s.After)
	if after.Role.PermissionSetID == "" {
		return nil, false, fmt.Errorf("the id of its permission set %q is not known; take a new snapshot and make a new plan", show.Text(after.Role.PermissionSet, maxShown))
	}
	sent, changed := false, false
	change := func(u *roles.UpdateV2) error {
		now := r.fromUpdate(u)
		if err := r.judge(ctx, s, now, before, after, nil, sent); err != nil || now.Same(after) {
			return err
		}
		sent = true // right after this
		put(u, before.Role, after.Role)
		return nil
	}
	for try := 1; ; try++ {
		late := false // a write that nobody waits for any more may still be carried out
		watch := service.Option[security.CallOption](func(c *service.Settings) {
			c.Directly = true // the plan has seen to it
			c.OnMeta = func(m transport.Meta) { late = late || m.StatusCode == 0 || m.StatusCode >= 500 }
		})
		role, made, err := r.rolesV2.Edit(ctx, before.Role.ID, change, append(slices.Clip(r.call), watch)...)
		changed = changed || made.Action == security.Updated
		switch {
		case errors.Is(err, security.ErrNotFound) && !sent:
			return nil, false, &movedError{"it is not there any more; take a new snapshot and make a new plan"}
		case err != nil:
			return nil, sent, r.unsure(err, changed)
		case !late || try > r.retry.MaxAttempts:
			return r.fromRole(role), changed, nil
		}
		if err := r.settle(ctx, s.Words()); err != nil {
			return nil, sent, r.unsure(err, sent)
		}
	}
}

// put makes the change of a step on a role that looks like before.
func put(u *roles.UpdateV2, before, after *plan.RoleState) {
	u.Name, u.Description = after.Name, after.Description
	if after.EmailAddress != before.EmailAddress {
		u.EmailAddress = new(after.EmailAddress)
	}
	if !names.Same(u.PermissionSetID, after.PermissionSetID) {
		u.PermissionSetID = after.PermissionSetID
	}
	if !permissions.NewSet(u.Permissions...).Equal(permissions.NewSet(after.Paths...)) {
		u.Permissions = arrange(u.Permissions, after.Paths)
	}
	want := map[plan.Key]bool{}
	for _, c := range after.Claims {
		want[c.Key.Fold()] = true
	}
	u.Claims = slices.DeleteFunc(u.Claims, func(c claims.Request) bool { return !want[c.Key().Fold()] })
	for _, c := range u.Claims {
		delete(want, c.Key().Fold())
	}
	for _, c := range after.Claims {
		if want[c.Key.Fold()] {
			u.Claims = append(u.Claims, request(c))
		}
	}
}

// arrange returns want in the order of have: what stays keeps its place, and what is new comes after what it follows in
// want. Whoever compares lists member by member, as Terraform does, finds what the plan names and nothing else.
func arrange(have, want []permissions.Path) []permissions.Path {
	out := make([]permissions.Path, 0, len(want))
	for _, p := range have {
		if slices.Contains(want, p) && !slices.Contains(out, p) { // a list with a path twice may be refused
			out = append(out, p)
		}
	}
	next := 0
	for _, p := range want {
		if at := slices.Index(out, p); at >= 0 {
			next = at + 1
			continue
		}
		out = slices.Insert(out, next, p)
		next++
	}
	return out
}

func request(c plan.ClaimState) claims.Request {
	return claims.Request{Type: c.Key.Type, Value: c.Key.Value, Scheme: c.Key.Scheme, Description: cmp.Or(c.Description, c.Key.Value)}
}

// create makes an object that is not there. If the answer is lost, it looks for the
// object before it makes it again.
func (r *run) create(ctx context.Context, s *step, l *lists) (after *plan.Object, sent bool, err error) {
	for try := 1; ; try++ {
		now, err := r.read(ctx, s, l)
		if err == nil && now != nil {
			if !now.Same(r.known.resolved(s.After)) {
				err = &movedError{differs(s, nil, now) + "; take a new snapshot and make a new plan"}
			}
			return now, sent, r.unsure(err, sent)
		}
		if err != nil {
			return nil, sent, r.unsure(err, sent)
		}
		after, failure := r.send(ctx, s)
		if failure == nil {
			return after, true, nil
		}
		unknown := errors.Is(failure, security.ErrUnknownOutcome)
		sent = sent || unknown
		if ctx.Err() != nil || !unknown && !errors.Is(failure, security.ErrInvalid) && !errors.Is(failure, security.ErrConflict) {
			return nil, sent, r.unsure(failure, sent)
		}
		// It is looked for at once, and again when a server that still works on it must
		// be done. What was refused may be there, too: another program was faster.
		for _, settled := range []bool{false, true} {
			if settled {
				if err := r.settle(ctx, s.Words()); err != nil {
					return nil, sent, r.unsure(fmt.Errorf("%w, after %w", err, failure), sent)
				}
			}
			l = &lists{}
			if err := r.load(ctx, l, s.Kind); err != nil {
				return nil, sent, r.unsure(fmt.Errorf("%w; then it could not be looked for: %w", failure, err), sent)
			}
			if now, err = r.read(ctx, s, l); err != nil || now != nil || !unknown {
				break
			}
		}
		if err == nil && now == nil && (!unknown || try >= r.retry.MaxAttempts) {
			return nil, sent, r.unsure(failure, sent)
		}
	}
}

// unsure makes an error after a write that may have been done say that.
func (r *run) unsure(err error, sent bool) error {
	if err != nil && sent {
		return safe.Unconfirmed(err)
	}
	return err
}

// send makes an object.
func (r *run) send(ctx context.Context, s *step) (*plan.Object, error) {
	switch o := r.known.resolved(s.After); s.Kind {
	case plan.KindPermissionSet:
		set, err := r.sets.Create(ctx, permissionsets.Create{Name: o.PermissionSet.Name, Permissions: o.PermissionSet.Permissions}, r.call...)
		if err != nil {
			return nil, err
		}
		return fromSet(set), nil
	case plan.KindClaim:
		claim, err := r.claims.Create(ctx, request(*o.Claim), r.call...)
		if err != nil {
			return nil, err
		}
		return fromClaim(claim), nil
	case plan.KindIdentity:
		identity, err := r.identities.Create(ctx, identities.Create{AccountName: o.Identity.Key.Value}, r.call...)
		if err != nil {
			return nil, err
		}
		return fromIdentity(identity), nil
	case plan.KindRole:
		if o.Role.PermissionSetID == "" {
			return nil, fmt.Errorf("the id of its permission set %q is not known; take a new snapshot and make a new plan", show.Text(o.Role.PermissionSet, maxShown))
		}
		create := roles.CreateV2{
			Name: o.Role.Name, Description: o.Role.Description, PermissionSetID: o.Role.PermissionSetID, Permissions: o.Role.Paths,
		}
		if o.Role.EmailAddress != "" {
			create.EmailAddress = new(o.Role.EmailAddress)
		}
		for _, c := range o.Role.Claims {
			create.Claims = append(create.Claims, request(c))
		}
		role, err := r.rolesV2.Create(ctx, create, r.call...)
		if err != nil {
			return nil, err
		}
		return r.fromRole(role), nil
	case plan.KindMembers:
	}
	return nil, fmt.Errorf("nothing can create %s", s.Kind)
}
