package roles

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/turns"
	"github.com/commandsec/commandsec-go/security"
)

// edit is one safe edit under way: look, plan, write, wait, verify, settle. The diagram in
// docs/architecture.md shows how one leads to another. It knows nothing of what a
// role is made of; that is the form's.
type edit struct {
	form  *formV2
	call  service.Settings // what the call options say
	retry transport.Retry
	turn  *turns.Turn[settling]

	rounds   int                    // that could end in a write
	failures int                    // writes that the server did not answer with a success
	ignored  int                    // writes in a row that changed nothing, see notKept
	sent     bool                   // a write was done, or may have been done
	written  *delta                 // by the last write that may have been done; nil if there is none
	seen     *delta                 // the change, once the server showed it; nil before
	changes  []security.FieldChange // what the edit changes, as it was on the first reading
}

// maxRounds is how often an edit writes before it gives up against other
// writers. Each round that is lost means that another program wrote in between.
const maxRounds = 40

// maxIgnored is how often in a row the server may answer that the role is as it was
// before, as if nothing had been written.
const maxIgnored = 3

// do takes the turn and edits.
func (e *edit) do(ctx context.Context, registry *turns.Registry) (*RoleV2, security.Change, error) {
	err := e.call.Err
	if err == nil {
		e.turn, err = turns.Take[settling](ctx, registry, "role "+strconv.Itoa(e.form.id))
	}
	if err == nil {
		defer e.turn.Leave()
		err = e.run(ctx)
	}
	if err != nil {
		return nil, security.Change{}, e.explain(err)
	}
	change := security.Change{
		Action: security.Unchanged, Object: fmt.Sprintf("role %q", e.form.role.Name), ID: strconv.Itoa(e.form.id), DryRun: e.call.DryRun,
	}
	if len(e.changes) > 0 {
		change.Action, change.Fields = security.Updated, e.changes
	}
	return e.form.role, change, nil
}

// explain says what was attempted, and after a write that the change may be there.
func (e *edit) explain(err error) error {
	if e.sent {
		err = safe.Unconfirmed(err)
	}
	return fmt.Errorf("edit role %d: %w", e.form.id, err)
}

// run goes through the states of the edit. It has the turn, except while it
// settles.
func (e *edit) run(ctx context.Context) error {
	for {
		there, err := e.look(ctx)
		if err != nil {
			return err
		}
		if !there {
			change, err := e.plan(ctx)
			if err != nil || change == nil {
				return err
			}
			before := e.form.role
			failure := e.write(ctx, change)
			if err := e.wait(ctx, failure); err != nil {
				return err
			}
			if failure != nil && !errors.Is(failure, security.ErrUnknownOutcome) {
				continue // it was not done
			}
			e.written = change
			there, err = e.verify(ctx, change)
			switch {
			case err != nil:
				return err
			case !there && failure != nil && e.failures >= e.retry.MaxAttempts:
				return failure
			case !there && e.notKept(before):
				return notKept(change)
			case !there: // another program undid it, or it is still under way
				if err := transport.Sleep(ctx, safe.Stagger(e.rounds)); err != nil {
					return err
				}
				continue
			}
		}
		if e.call.Settle == 0 {
			return nil
		}
		if there, err = e.settle(ctx, e.written); there || err != nil {
			return err
		}
		e.written = nil
	}
}

// look reads the role, and reports whether it shows what was written last. A write
// that the server was slow to carry out may be there only now: to plan the change
// anew would make it twice.
func (e *edit) look(ctx context.Context) (bool, error) {
	if err := e.form.read(ctx); err != nil {
		return false, err
	}
	return e.written != nil && e.written.holds(e.form.role), nil
}

// plan works out what is to be written to the role as it was read. It returns nil if
// that is nothing.
func (e *edit) plan(ctx context.Context) (*delta, error) {
	// What other edits through this client wrote, and another program undid, is
	// written again. Once this edit was seen it is repeated as it was: later edits
	// took from it what they changed, and its function would bring that back.
	change, err := e.form.plan(e.turn.Shared.list(), e.seen)
	if err == nil && ctx.Err() != nil {
		err = transport.EndOf(ctx)
	}
	if err != nil {
		return nil, err
	}
	if e.changes == nil {
		e.changes = change.describe()
	}
	if change.empty() {
		return nil, nil //nolint:nilnil // nothing to write is no error
	}
	if err := e.form.check(ctx, change); err != nil {
		return nil, err
	}
	if e.call.DryRun {
		e.form.role = e.form.preview()
		return nil, nil //nolint:nilnil // likewise
	}
	if e.rounds++; e.rounds > maxRounds {
		return nil, e.conflict()
	}
	return change, nil
}

func (e *edit) conflict() error {
	if !e.sent {
		return fmt.Errorf("%w: %d times the server was slower than the settle time of %v; take a longer one", security.ErrConflict, maxRounds, e.call.Settle)
	}
	return fmt.Errorf("%w: other programs undid the change, the server did not keep it, or it was slower than the settle time, %d times; "+
		"find the other program, or take a longer settle time", security.ErrConflict, maxRounds)
}

// notKept reports whether the server takes writes and keeps nothing of them. What another
// program undoes is in the answer to the write; here neither the answer nor the reading
// after it differs from the reading before.
func (e *edit) notKept(before *RoleV2) bool {
	same := func(role *RoleV2) bool { return role != nil && compare(before.ToUpdate(), role.ToUpdate()).empty() }
	if !same(e.form.answer) || !same(e.form.role) {
		e.ignored = 0
		return false
	}
	e.ignored++
	return e.ignored == maxIgnored
}

// notKept is the error about a change of which the server keeps nothing.
func notKept(change *delta) error {
	var what []string
	for _, f := range change.describe() {
		what = append(what, f.Field)
	}
	hint := "it may be too old for that"
	if change.sets("EmailAddress") {
		hint = "roles have e-mail addresses from Command 24.4 on"
	}
	return fmt.Errorf("the server does not keep %s: it took the write %d times, and answered each time with the role as it was before; %s",
		strings.Join(what, ", "), maxIgnored, hint)
}

// write sends the change, once: to repeat it blindly could undo what others wrote
// meanwhile. It returns how it failed.
func (e *edit) write(ctx context.Context, change *delta) error {
	var notAfter time.Time
	if e.call.Settle > 0 {
		notAfter = e.form.readAt.Add(e.call.Settle)
	}
	failure := e.form.write(ctx, notAfter)
	if failure == nil || errors.Is(failure, security.ErrUnknownOutcome) {
		e.sent = true
		e.turn.Shared.wrote(change)
	}
	return failure
}

// wait returns the error of a write that is final. If it may go better next time,
// it waits as long as the server asks. The turn stays here: another edit must not
// come between a write that may still be carried out and the look at what became of
// it.
func (e *edit) wait(ctx context.Context, failure error) error {
	if failure == nil || errors.Is(failure, transport.ErrStale) {
		return nil
	}
	e.failures++
	answer, ok := errors.AsType[*security.Error](failure)
	if !ok || ctx.Err() != nil || errors.Is(failure, security.ErrInvalid) || answer.RetryAfter > e.retry.MaxWait {
		return failure
	}
	refused := answer.StatusCode >= 300 && answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests
	last := e.failures >= e.retry.MaxAttempts && !errors.Is(failure, security.ErrUnknownOutcome)
	if refused || last {
		return failure
	}
	wait := answer.RetryAfter
	if wait == 0 {
		wait = min(e.retry.MinWait<<min(e.failures-1, 16), e.retry.MaxWait) // a longer shift could overflow
	}
	if err := transport.Sleep(ctx, wait); err != nil {
		return fmt.Errorf("%w, after %w", err, failure)
	}
	return nil
}

// verify reads the role again, and reports whether it shows the change.
func (e *edit) verify(ctx context.Context, change *delta) (bool, error) {
	if err := e.form.read(ctx); err != nil {
		return false, err
	}
	return change.holds(e.form.role), nil
}

// settle waits until no write that was built on older data can still arrive, and
// looks once more. Other edits through this client go on meanwhile: they share the
// change, to repeat it if another program undoes it, and to take from it what they
// change themselves.
func (e *edit) settle(ctx context.Context, change *delta) (bool, error) {
	if e.seen == nil {
		e.seen = change
	}
	shared := e.turn.Shared
	shared.add(e.seen)
	defer shared.remove(e.seen)
	// Every write of this client holds the change. One may have brought it back
	// after another program undid it, and what that program read in between can
	// still arrive: the time counts from the last of them.
	for left := e.left(); left > 0; left = e.left() {
		e.turn.Pause()
		if err := transport.Sleep(ctx, left); err != nil {
			return false, err
		}
		if err := e.turn.Resume(ctx); err != nil {
			return false, err
		}
	}
	return e.verify(ctx, e.seen)
}

// left is how long it takes until the role is settled.
func (e *edit) left() time.Duration { return time.Until(e.turn.Shared.last().Add(e.call.Settle)) }

// settling is what the edits of one role through one client share: the changes that
// were seen on the server and wait to be confirmed, and when the role was written
// last. The changes themselves are for whoever has the turn.
type settling struct {
	mu      sync.Mutex // an edit whose context ends leaves without the turn
	changes []*delta
	written time.Time // when the last write was over
}

// wrote notes that a change was written. What it is about is no longer for earlier
// changes to confirm.
func (s *settling) wrote(later *delta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = time.Now()
	for _, change := range s.changes {
		change.cede(later)
	}
}

func (s *settling) last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

func (s *settling) list() []*delta {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes)
}

func (s *settling) add(change *delta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, change)
}

func (s *settling) remove(change *delta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = slices.DeleteFunc(s.changes, func(other *delta) bool { return other == change })
}
