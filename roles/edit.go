package roles

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/turns"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/security"
)

// maxRounds is how often an edit writes before it gives up against other
// writers. Each round that is lost means that another program wrote in between.
const maxRounds = 40

// Edit changes a role: it reads it, lets change change it, checks the result,
// writes it, and reads it again to see that the change is there. It returns the
// role as it then is.
//
// The server's PUT replaces the whole role and knows no versions, so that what
// another program writes at the same time can undo a change. Where the reading
// afterwards shows that, Edit starts over: change is called again, with the role
// as it now is. It must not depend on being called once. Nothing is written
// where it changes nothing. Edits of one role through one client take turns, so
// that change must not edit, nor ensure, the same role: it would wait for itself.
// See [security.WithSettle] for what the reading cannot see, and
// [security.WithDryRun] and [security.WithChange].
//
// Claims count as equal by [claims.Key.Same], so that values that the server
// normalized are no change; a claim's description belongs to the claim, not to
// the role (see [claims.V1.Update]).
//
// A result that is not valid, lies outside the role's permission set, or changes
// anything but the claims of an immutable role is refused before the write, with
// security.FieldErrors. The error is [security.ErrConflict] where other programs
// undid the change again and again, and [security.ErrUnknownOutcome] where it
// was written but cannot be confirmed.
//
// API: GET and PUT /Security/Roles, version 2.
func (s *V2) Edit(ctx context.Context, id int, change func(*UpdateV2) error, call ...security.CallOption) (*RoleV2, security.Change, error) {
	if change == nil {
		return nil, security.Change{}, fmt.Errorf("edit role %d: %w", id, security.FieldErrors{{Field: "change", Problem: "must not be nil"}})
	}
	e := &edit{s: s, id: id, change: change, call: service.Resolve(s.c, call), opts: call}
	role, err := e.run(ctx)
	if err != nil {
		if _, told := errors.AsType[*security.Error](err); told {
			return nil, security.Change{}, err
		}
		return nil, security.Change{}, fmt.Errorf("edit role %d: %w", id, err)
	}
	return role, e.report(role), nil
}

// AddClaims gives the role to claims, and leaves it to those that have it.
// Claims that do not exist yet are created.
func (s *V2) AddClaims(ctx context.Context, id int, add []claims.Request, call ...security.CallOption) (*RoleV2, security.Change, error) {
	return s.Edit(ctx, id, func(u *UpdateV2) error {
		u.Claims = claims.Unique(append(u.Claims, add...))
		return nil
	}, call...)
}

// RemoveClaims takes the role from claims. The claims themselves stay. A name
// without a domain that fits claims of several domains is refused, and so is a
// key that no claim can have.
func (s *V2) RemoveClaims(ctx context.Context, id int, remove []claims.Key, call ...security.CallOption) (*RoleV2, security.Change, error) {
	return s.Edit(ctx, id, func(u *UpdateV2) error {
		var problems validate.Problems
		for i, key := range remove {
			fits := func(c claims.Request) bool { return key.Same(c.Key()) }
			if exactly := func(c claims.Request) bool { return key == c.Key() }; slices.ContainsFunc(u.Claims, exactly) {
				fits = exactly
			}
			before := len(u.Claims)
			u.Claims = slices.DeleteFunc(u.Claims, fits)
			switch n := before - len(u.Claims); {
			case n > 1:
				problems.Add(at("remove", i), "%s fits %d claims of the role, name the domain", key, n)
			case n == 0:
				problems.Within(at("remove", i), key.Validate()) // no claim can have that key
			}
		}
		return problems.Err()
	}, call...)
}

// Grant adds permissions to the role. What the role can do already is not added
// again, and what a new permission covers gives way to it.
func (s *V2) Grant(ctx context.Context, id int, paths []permissions.Path, call ...security.CallOption) (*RoleV2, security.Change, error) {
	return s.Edit(ctx, id, func(u *UpdateV2) error {
		for _, p := range paths {
			if !slices.ContainsFunc(u.Permissions, func(held permissions.Path) bool { return held.Covers(p) }) {
				u.Permissions = append(slices.DeleteFunc(u.Permissions, p.Covers), p)
			}
		}
		return nil
	}, call...)
}

// Revoke takes permissions from the role, and all that they cover. A permission
// that the role has through a wider one cannot be taken alone; that is refused,
// and the error names the wider one. What is no permission is refused too.
func (s *V2) Revoke(ctx context.Context, id int, paths []permissions.Path, call ...security.CallOption) (*RoleV2, security.Change, error) {
	return s.Edit(ctx, id, func(u *UpdateV2) error {
		var problems validate.Problems
		for i, p := range paths {
			before := len(u.Permissions)
			u.Permissions = slices.DeleteFunc(u.Permissions, p.Covers)
			if _, err := permissions.ParsePath(string(p)); err != nil && before == len(u.Permissions) {
				problems.Add(at("paths", i), "%v", err)
			}
			for _, held := range u.Permissions {
				if held.Covers(p) {
					problems.Add(at("paths", i), "%s is held through %s; revoke that, and grant what shall stay", p, held)
				}
			}
		}
		return problems.Err()
	}, call...)
}

// edit is one Edit under way.
type edit struct {
	s      *V2
	id     int
	change func(*UpdateV2) error
	call   service.Settings // what the call options say
	opts   []security.CallOption

	writes   int
	failures int                    // writes that the server did not answer with a success
	failure  error                  // of the last write that may be tried; whether it was done is looked at
	written  time.Time              // when the last write was over
	changes  []security.FieldChange // what the edit changes, as it was on the first reading
	mine     *delta                 // what the last write changed; nil before it and after it was lost
}

// pending is what edits through this client wrote and still have to confirm,
// because they wait for the role to settle.
type pending []*delta

func (e *edit) run(ctx context.Context) (*RoleV2, error) {
	if e.call.Err != nil {
		return nil, e.call.Err
	}
	turn, err := e.s.c.Turns.Take(ctx, "role "+strconv.Itoa(e.id))
	if err != nil {
		return nil, err
	}
	defer turn.Leave()
	for {
		role, done, err := e.round(ctx, turn)
		if err != nil {
			return nil, e.unconfirmed(err)
		}
		if !done {
			continue
		}
		if e.call.Settle == 0 || e.mine == nil {
			return role, nil
		}
		held, err := e.settled(ctx, turn)
		if held != nil || err != nil {
			return held, e.unconfirmed(err)
		}
	}
}

// round reads the role. Where a write came before it, this is its verification;
// where there is something to write, it writes, and the next round verifies.
func (e *edit) round(ctx context.Context, turn *turns.Turn) (role *RoleV2, done bool, err error) {
	readAt := time.Now()
	role, err = e.s.Get(ctx, e.id, e.reading()...)
	if err != nil {
		return nil, false, err
	}
	if e.mine != nil {
		if e.mine.holds(role) {
			e.failure = nil
			return role, true, nil
		}
		e.forget(turn) // another writer undid it
		if e.failure != nil {
			return nil, false, e.failure
		}
		if err := e.pause(ctx, turn, safe.Stagger(e.writes)); err != nil {
			return nil, false, err
		}
		return nil, false, nil
	}

	update := role.ToUpdate()
	for _, d := range waiting(turn) {
		d.apply(&update) // what our own edits wrote and another writer undid
	}
	base := update.clone()
	if err := e.change(&update); err != nil {
		return nil, false, err
	}
	if update.ID != base.ID {
		return nil, false, security.FieldErrors{{Field: "ID", Problem: fmt.Sprintf("an edit cannot change it from %d to %d", base.ID, update.ID)}}
	}
	update.Claims = asHeld(base.Claims, update.Claims)
	mine := compare(base, update)
	if e.changes == nil {
		e.changes = mine.describe()
	}
	if mine.empty() {
		return role, true, nil
	}
	if err := e.check(ctx, role, update, mine); err != nil {
		return nil, false, err
	}
	if e.call.DryRun {
		return role.preview(update), true, nil
	}
	if err := e.spend(); err != nil {
		return nil, false, err
	}
	_, err = e.s.Update(ctx, update, e.writing(readAt)...)
	e.written = time.Now()
	if errors.Is(err, transport.ErrStale) {
		return nil, false, nil // the reading is too old to build on
	}
	if err != nil {
		if errors.Is(err, security.ErrUnknownOutcome) {
			e.remember(turn, mine) // the next round looks
		}
		return nil, false, e.failed(ctx, turn, err)
	}
	e.remember(turn, mine)
	return nil, false, nil
}

// reading is the call options for the requests of an edit that only read.
func (e *edit) reading() []security.CallOption {
	return slices.Concat(e.opts, []security.CallOption{service.Option[security.CallOption](func(c *service.Settings) { c.DryRun = false })})
}

// writing is the call options for a write that is built on a reading. It is
// tried once: to repeat it blindly could undo what others wrote meanwhile.
func (e *edit) writing(readAt time.Time) []security.CallOption {
	return slices.Concat(e.opts, []security.CallOption{service.Option[security.CallOption](func(c *service.Settings) {
		c.Attempts = 1
		if e.call.Settle > 0 {
			c.NotAfter = readAt.Add(e.call.Settle)
		}
	})})
}

// spend counts a round that can end in a write.
func (e *edit) spend() error {
	if e.writes++; e.writes > maxRounds {
		return fmt.Errorf("%w: other programs undid the change %d times, or the server is slower than the settle time", security.ErrConflict, maxRounds)
	}
	return nil
}

// failed handles a write that was not answered with a success. What may go
// better next time is tried again on fresh data; it may also have been done.
func (e *edit) failed(ctx context.Context, turn *turns.Turn, err error) error {
	answer, ok := errors.AsType[*security.Error](err)
	retry := e.s.c.Transport.Retry()
	e.failures++
	if !ok || ctx.Err() != nil || answer.RetryAfter > retry.MaxWait {
		return err
	}
	if e.failures >= retry.MaxAttempts {
		if e.mine == nil {
			return err
		}
		e.failure = err
	}
	lasting := answer.StatusCode >= 300 && answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests
	if lasting || errors.Is(err, security.ErrInvalid) {
		return err
	}
	wait := answer.RetryAfter
	if wait == 0 {
		wait = min(retry.MinWait<<min(e.failures-1, 16), retry.MaxWait) // a longer shift could overflow
	}
	return e.pause(ctx, turn, wait)
}

// pause lets other edits of the role go first.
func (e *edit) pause(ctx context.Context, turn *turns.Turn, wait time.Duration) error {
	turn.Pause()
	if err := transport.Sleep(ctx, wait); err != nil {
		return err
	}
	return turn.Resume(ctx)
}

// settled waits until no write that was built on older data can still arrive,
// and looks once more. It returns nil where the change was undone.
func (e *edit) settled(ctx context.Context, turn *turns.Turn) (*RoleV2, error) {
	if err := e.pause(ctx, turn, time.Until(e.written.Add(e.call.Settle))); err != nil {
		return nil, err
	}
	role, err := e.s.Get(ctx, e.id, e.reading()...)
	if err != nil {
		return nil, err
	}
	held := e.mine.holds(role)
	e.forget(turn)
	if !held {
		return nil, nil //nolint:nilnil // says that there is more to do
	}
	return role, nil
}

// remember notes what was written, for the verification, and for later edits of
// the same role through this client while this one waits. What this edit
// changed is no longer for earlier ones to confirm.
func (e *edit) remember(turn *turns.Turn, mine *delta) {
	mine.until = e.written.Add(e.call.Settle)
	e.mine = mine
	others := waiting(turn)
	for _, d := range others {
		d.yield(mine)
	}
	*turn.Shared() = append(others, mine)
}

func (e *edit) forget(turn *turns.Turn) {
	*turn.Shared() = slices.DeleteFunc(waiting(turn), func(d *delta) bool { return d == e.mine })
	e.mine = nil
}

// waiting returns what other edits through this client still have to confirm,
// but for what an edit that was given up left behind.
func waiting(turn *turns.Turn) pending {
	list, _ := (*turn.Shared()).(pending)
	now := time.Now()
	list = slices.DeleteFunc(list, func(d *delta) bool { return now.After(d.until) })
	*turn.Shared() = list
	return list
}

// unconfirmed says of an error that ended an edit after a write that the write
// may stand.
func (e *edit) unconfirmed(err error) error {
	if err == nil || e.mine == nil || errors.Is(err, security.ErrUnknownOutcome) {
		return err
	}
	return fmt.Errorf("edit role %d: %w: it was written, but could not be confirmed: %w", e.id, security.ErrUnknownOutcome, err)
}

// check reports everything that speaks against writing update.
func (e *edit) check(ctx context.Context, role *RoleV2, update UpdateV2, d *delta) error {
	var p validate.Problems
	if role.Immutable && (len(d.fields) > 0 || len(d.grant) > 0 || len(d.revoke) > 0) {
		p.Add("Immutable", "%q is immutable, only its claims can change", role.Name)
	}
	p.Merge(update.Validate())
	for _, path := range d.grant {
		if canonical(path) != path {
			p.Add("Permissions", "%q is not in canonical form, write %q", path, canonical(path))
		}
	}
	if len(d.grant) > 0 || d.sets("PermissionSetID") {
		if err := e.s.checkLimits(ctx, &p, update.PermissionSetID, update.Permissions, e.reading()); err != nil {
			return err
		}
	}
	return p.Err()
}

// checkLimits notes permissions that the permission set does not hold.
func (s *V2) checkLimits(ctx context.Context, p *validate.Problems, setID string, paths []permissions.Path, opts []security.CallOption) error {
	if setID == "" || strings.EqualFold(setID, permissionsets.GlobalID) || !validate.IsGUID(setID) {
		return nil // Global holds everything
	}
	set, err := s.sets.Get(ctx, setID, opts...)
	if err != nil {
		return err
	}
	held := permissions.NewSet(set.Permissions...)
	for i, path := range paths {
		if !held.Allows(path) {
			p.Add(at("Permissions", i), "%s lies outside the permission set %q", path, set.Name)
		}
	}
	return nil
}

// preview is the role as update would make it.
func (r RoleV2) preview(u UpdateV2) *RoleV2 {
	p := RoleV2{
		ID: r.ID, Name: u.Name, Description: u.Description, EmailAddress: u.EmailAddress,
		Immutable: r.Immutable, PermissionSetID: u.PermissionSetID, Permissions: slices.Clone(u.Permissions),
	}
	for _, c := range claims.Unique(u.Claims) {
		p.Claims = append(p.Claims, claimOf(r.Claims, c))
	}
	return &p
}

// claimOf is the claim that a request names: one of held, or one that is not
// there yet.
func claimOf(held []claims.Claim, c claims.Request) claims.Claim {
	for _, h := range held {
		if h.Key().Same(c.Key()) {
			return h
		}
	}
	return claims.Claim{
		Type: c.Type, Value: c.Value, Description: c.Description,
		Provider: claims.Provider{AuthenticationScheme: c.Scheme},
	}
}

// report is what the edit did, or would do.
func (e *edit) report(role *RoleV2) security.Change {
	c := security.Change{
		Action: security.Unchanged, Object: fmt.Sprintf("role %q", role.Name), ID: strconv.Itoa(e.id), DryRun: e.call.DryRun,
	}
	if len(e.changes) > 0 {
		c.Action, c.Fields = security.Updated, e.changes
	}
	return c
}
