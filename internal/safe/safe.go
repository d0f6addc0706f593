// Package safe holds what the safe changes of all resources share: creating
// where an answer may have been lost, and doing it for many.
package safe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// Resource is how a kind of object is found and made. Find returns nil where
// there is no such object; Correct brings one to the wanted state.
type Resource[T any] struct {
	Key     string // names the object among all of this client's, for taking turns
	Object  string // names it for people, such as `role "PKI Operators"`
	Find    func(context.Context) (*T, error)
	Check   func(context.Context) error // what speaks against creating it; nil for nothing
	Create  func(context.Context) (*T, error)
	Correct func(context.Context, *T) (*T, security.Change, error)
	Created []security.FieldChange // what a new object is made of
	ID      func(*T) string
}

// Ensure finds an object and corrects it, or creates it. Where a creation may or
// may not have been done, or was refused because somebody else was faster, it
// looks again: the object is created once, however often the network fails.
func Ensure[T any](ctx context.Context, c *service.Client, call service.Settings, r Resource[T]) (*T, security.Change, error) {
	if call.Err != nil {
		return nil, security.Change{}, fmt.Errorf("ensure %s: %w", r.Object, call.Err)
	}
	turn, err := c.Turns.Take(ctx, "ensure "+r.Key)
	if err != nil {
		return nil, security.Change{}, fmt.Errorf("ensure %s: %w", r.Object, err)
	}
	defer turn.Leave()
	retry := c.Transport.Retry()
	created := security.Change{Action: security.Created, Object: r.Object, DryRun: call.DryRun, Fields: r.Created}
	var failure error // of the creation before this round
	for attempt := 1; ; attempt++ {
		found, err := look(ctx, r.Find)
		switch {
		case err != nil && failure != nil:
			return nil, security.Change{}, fmt.Errorf("ensure %s: %w; then it could not be looked for: %w", r.Object, failure, err)
		case err != nil:
			return nil, security.Change{}, err
		case found != nil:
			value, change, err := r.Correct(ctx, found)
			switch {
			case err != nil:
				return nil, security.Change{}, err
			case change.Action == security.Unchanged && errors.Is(failure, security.ErrUnknownOutcome):
				created.ID = r.ID(found)
				change = created // the creation was done, and only its answer lost
			}
			return value, change, nil
		case failure != nil && (attempt > retry.MaxAttempts || !errors.Is(failure, security.ErrUnknownOutcome)):
			return nil, security.Change{}, failure
		}
		if r.Check != nil {
			if err := r.Check(ctx); err != nil {
				return nil, security.Change{}, err
			}
		}
		if call.DryRun {
			return nil, created, nil
		}
		made, err := r.Create(ctx)
		if err == nil {
			created.ID = r.ID(made)
			return made, created, nil
		}
		if ctx.Err() != nil || !errors.Is(err, security.ErrUnknownOutcome) && !taken(err) {
			return nil, security.Change{}, err
		}
		failure = err
		if taken(err) {
			continue
		}
		if err := transport.Sleep(ctx, min(retry.MinWait<<min(attempt-1, 16), retry.MaxWait)); err != nil {
			return nil, security.Change{}, failure
		}
	}
}

// maxLooks is how often an object is looked for in a list that does not keep
// still.
const maxLooks = 30

// look finds an object. A list that changed while it was walked is walked again:
// others create objects too, and so do the other items of a bulk operation.
func look[T any](ctx context.Context, find func(context.Context) (*T, error)) (*T, error) {
	for round := 1; ; round++ {
		found, err := find(ctx)
		if round == maxLooks || !errors.Is(err, security.ErrListChanged) {
			return found, err
		}
		if transport.Sleep(ctx, Stagger(round)) != nil {
			return nil, err
		}
	}
}

// Stagger is a short random wait before round (1 or more) is tried anew, so that
// two programs that got into each other's way do not do it again in step.
func Stagger(round int) time.Duration {
	return rand.N(min(time.Duration(round)*5*time.Millisecond, 200*time.Millisecond)) //nolint:gosec // jitter needs no secrecy
}

// taken reports a refusal that may mean that the object exists by now. Which
// status a duplicate gets is not documented.
func taken(err error) bool {
	e, ok := errors.AsType[*security.Error](err)
	return ok && (e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusConflict)
}

// All ensures many objects, several at a time, and returns what became of each,
// in order. The error is nil where all went well.
func All[In, Out any](ctx context.Context, call service.Settings, items []In, opts *security.BulkOptions,
	ensure func(context.Context, In) (*Out, security.Change, error),
) ([]security.BulkResult[Out], error) {
	if call.Err != nil {
		return nil, call.Err
	}
	var o security.BulkOptions
	if opts != nil {
		o = *opts
	}
	var (
		results = make([]security.BulkResult[Out], len(items))
		group   errgroup.Group
		mu      sync.Mutex
		failed  int
		done    int
		first   error
	)
	group.SetLimit(call.InFlight())
	over := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return ctx.Err() != nil || o.StopOnError && failed > 0
	}
	for i := range items {
		results[i].Err = security.ErrNotAttempted
		if over() {
			continue
		}
		group.Go(func() error {
			if over() {
				return nil
			}
			value, change, err := ensure(ctx, items[i])
			mu.Lock()
			defer mu.Unlock()
			results[i] = security.BulkResult[Out]{Value: value, Change: change, Err: err}
			done++
			if err != nil {
				failed++
				if first == nil {
					first = err
				}
			}
			if call.Progress != nil {
				call.Progress(done, len(items))
			}
			return nil
		})
	}
	_ = group.Wait()
	switch {
	case done < len(items) && ctx.Err() != nil:
		return results, fmt.Errorf("ended after %d of %d items, %d of them failed: %w", done, len(items), failed, transport.EndOf(ctx))
	case failed > 0:
		return results, fmt.Errorf("%d of %d items failed, %d not attempted; the first error: %w", failed, len(items), len(items)-done, first)
	}
	return results, nil
}
