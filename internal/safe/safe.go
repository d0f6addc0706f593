// Package safe holds what the safe changes of all resources share: creating an
// object although an answer may be lost, doing it for many, and comparing names.
package safe

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/turns"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// Resource is how a kind of object is found and made. Find returns nil if there
// is no such object; Correct brings one to the wanted state.
type Resource[T any] struct {
	Key     string // names the object among all of this client's, for taking turns
	Object  string // names it for people, such as `role "PKI Operators"`
	Find    func(context.Context) (*T, error)
	Invalid error                       // what is wrong with it as it is wanted; nothing is sent then
	Check   func(context.Context) error // what speaks against creating it; nil for nothing
	Create  func(context.Context) (*T, error)
	Correct func(context.Context, *T) (*T, security.Change, error)
	Created []security.FieldChange // what a new object is made of
	ID      func(*T) string
}

// shown is the object as an error shows it: its name may come from anywhere.
func (r Resource[T]) shown() string { return show.Text(r.Object, maxShown) }

const maxShown = 400

// Ensure finds an object and corrects it, or creates it. If a creation may or may
// not have been done, or was refused because somebody else was faster, it looks
// again before it creates: what was created is found, however often the network
// fails. Once a creation was sent that may have been done, every error is
// [security.ErrUnknownOutcome] as well.
func Ensure[T any](ctx context.Context, c *service.Client, call service.Settings, r Resource[T]) (*T, security.Change, error) {
	err := r.Invalid
	if err == nil {
		err = call.Err
	}
	if err == nil && call.Progress != nil {
		err = security.FieldErrors{{Field: "WithProgress", Problem: "this call is about one thing; use it for a walk, Details, EnsureAll or EditAll"}}
	}
	if err != nil {
		return nil, security.Change{}, fmt.Errorf("ensure %s: %w", r.shown(), err)
	}
	turn, err := turns.Take[struct{}](ctx, c.Turns, "ensure "+r.Key)
	if err != nil {
		return nil, security.Change{}, fmt.Errorf("ensure %s: %w", r.shown(), err)
	}
	defer turn.Leave()
	e := ensuring[T]{Resource: r, retry: c.Transport.Retry(), dryRun: call.DryRun}
	value, change, err := e.run(ctx)
	if err != nil {
		if e.unknown != nil && !errors.Is(err, security.ErrUnknownOutcome) {
			err = fmt.Errorf("ensure %s: %w", r.shown(), Unconfirmed(err))
		}
		return nil, security.Change{}, err
	}
	return value, change, nil
}

// ensuring is one Ensure under way.
type ensuring[T any] struct {
	Resource[T]
	retry  transport.Retry
	dryRun bool

	creations int
	failure   error // of the last creation
	unknown   error // of the last creation that may have been done
}

// run looks for the object and creates it, in turns, until it is there.
func (e *ensuring[T]) run(ctx context.Context) (*T, security.Change, error) {
	for {
		found, err := look(ctx, e.Find)
		switch {
		case err != nil && e.failure != nil:
			return nil, security.Change{}, fmt.Errorf("ensure %s: %w; then it could not be looked for: %w", e.shown(), e.failure, err)
		case err != nil:
			return nil, security.Change{}, err
		case found != nil:
			return e.correct(ctx, found)
		case e.failure != nil && (e.creations >= e.retry.MaxAttempts || taken(e.failure)):
			return nil, security.Change{}, e.failure
		}
		if e.Check != nil {
			if err := e.Check(ctx); err != nil {
				if _, told := errors.AsType[*security.Error](err); !told { // it names the operation
					err = fmt.Errorf("ensure %s: %w", e.shown(), err)
				}
				return nil, security.Change{}, err
			}
		}
		if e.dryRun {
			return nil, e.created(""), nil
		}
		e.creations++
		made, err := e.Create(ctx)
		if err == nil {
			return made, e.created(e.ID(made)), nil
		}
		if err := e.failed(ctx, err); err != nil {
			return nil, security.Change{}, err
		}
	}
}

// created is the change that a creation is.
func (e *ensuring[T]) created(id string) security.Change {
	return security.Change{Action: security.Created, Object: e.Object, ID: id, DryRun: e.dryRun, Fields: e.Created}
}

// correct brings the object that was found to the wanted state.
func (e *ensuring[T]) correct(ctx context.Context, found *T) (*T, security.Change, error) {
	id := e.ID(found)
	value, change, err := e.Correct(ctx, found)
	if err == nil && change.Action == security.Unchanged && e.unknown != nil {
		change = e.created(id) // the creation was done, and only its answer lost
	}
	return value, change, err
}

// failed returns the error of a creation that is final. Otherwise it waits, and
// the object is looked for.
func (e *ensuring[T]) failed(ctx context.Context, err error) error {
	e.failure = err
	unknown := errors.Is(err, security.ErrUnknownOutcome)
	if unknown {
		e.unknown = err
	}
	switch {
	case ctx.Err() != nil || !unknown && !taken(err):
		return err
	case !unknown:
		return nil // somebody else was faster
	}
	if transport.Sleep(ctx, min(e.retry.MinWait<<min(e.creations-1, 16), e.retry.MaxWait)) != nil {
		return err
	}
	return nil
}

// Unconfirmed says of an error that came after a write that the write may stand.
func Unconfirmed(err error) error {
	if errors.Is(err, security.ErrUnknownOutcome) {
		return err
	}
	return fmt.Errorf("%w: a write was sent, but could not be confirmed: %w", security.ErrUnknownOutcome, err)
}

// How often an object is looked for in a list that does not keep still: maxLooks
// times, and no more than maxAlike times if every walk ends in the same way. Then
// it is the server's way to answer, and not a change.
const (
	maxLooks = 30
	maxAlike = 3
)

// look finds an object. A list that changed while it was walked is walked again:
// others create objects too, and so do the other items of a bulk operation.
func look[T any](ctx context.Context, find func(context.Context) (*T, error)) (*T, error) {
	alike, last := 0, ""
	for round := 1; ; round++ {
		found, err := find(ctx)
		if !errors.Is(err, security.ErrListChanged) {
			return found, err
		}
		if text := err.Error(); text != last {
			alike, last = 0, text
		}
		if alike++; alike == maxAlike || round == maxLooks {
			return nil, fmt.Errorf("after %d walks: %w", round, err)
		}
		if transport.Sleep(ctx, Stagger(round)) != nil {
			return nil, err
		}
	}
}

// Stagger is a short random wait before round (1 or more) is tried again, so that
// two programs that got into each other's way do not do it again in step.
func Stagger(round int) time.Duration {
	return rand.N(min(time.Duration(round)*5*time.Millisecond, 200*time.Millisecond)) //nolint:gosec // jitter needs no secrecy
}

// Named makes a check of an answer (see service.About) that refuses one about an
// object with another name than the one that was sent.
func Named[T any](sent string, name func(*T) string) func(*T) error {
	return func(answer *T) error {
		if got := name(answer); !names.SameText(got, sent) {
			return fmt.Errorf("it is about %q, and not about %q", got, sent)
		}
		return nil
	}
}

// Find returns the item of a list with a name: the one that is written like it, or
// else the only one that differs from it in case at most (see names.Same). It is nil if
// there is none. object says what the items are, such as "role". list makes the list,
// with a filter on field or without.
func Find[T any](object, name string, nameOf func(*T) string, field security.FilterField, list func(security.Filter) iter.Seq2[T, error]) (*T, error) {
	var p validate.Problems
	p.Required("name", name, 0)
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("find %s: %w", object, err)
	}
	filter := field.Eq(name)
	if filter.String() == "" {
		filter = security.Filter{} // the query language cannot quote the name
	}
	var similar, another *T
	shown := func(item *T) string { return `"` + show.Text(nameOf(item), maxShown) + `"` }
	for item, err := range list(filter) {
		switch {
		case err != nil:
			return nil, err
		case nameOf(&item) == "":
			return nil, fmt.Errorf("find %s %q: an item of the list has no name, so that it is not the list that was asked for", object, name)
		case nameOf(&item) == name:
			return &item, nil
		case !names.Same(nameOf(&item), name):
		case similar == nil:
			similar = &item
		default:
			another = &item
		}
	}
	if another != nil {
		return nil, fmt.Errorf("find %s %q: %w: it fits %s and %s; write the name as one of them is written, or rename one on the server",
			object, name, security.ErrConflict, shown(similar), shown(another))
	}
	return similar, nil
}

// taken reports a refusal that may mean that the object exists by now. Which
// status a duplicate gets is not documented.
func taken(err error) bool {
	e, ok := errors.AsType[*security.Error](err)
	return ok && (e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusConflict)
}

// All changes many objects, several at a time, and returns what became of each, in
// order. The error is nil if all went well. After a refused sign-in no further item
// is begun: every one would be refused, and an account is locked after a few. The first
// item goes alone, so that a wrong password is tried once.
func All[In, Out any](ctx context.Context, c *service.Client, options []security.CallOption, items []In, opts *security.BulkOptions,
	change func(context.Context, In, ...security.CallOption) (*Out, security.Change, error),
) ([]security.BulkResult[Out], error) {
	call := service.Resolve(c, options)
	// One request at a time for each item: those of an item do not report, and do
	// not multiply with the items.
	options = append(slices.Clip(options), service.Quiet[security.CallOption](), security.WithConcurrency(1))
	if call.Err != nil {
		return nil, call.Err
	}
	var o security.BulkOptions
	if opts != nil {
		o = *opts
	}
	b := bulk[Out]{results: make([]security.BulkResult[Out], len(items)), progress: call.Progress, stopOnError: o.StopOnError}
	var group errgroup.Group
	group.SetLimit(call.InFlight())
	for i := range items {
		b.results[i].Err = security.ErrNotAttempted
		if b.stopped(ctx) {
			continue
		}
		group.Go(func() error {
			if b.stopped(ctx) {
				return nil
			}
			value, change, err := change(ctx, items[i], options...)
			b.finish(i, security.BulkResult[Out]{Value: value, Change: change, Err: err})
			return nil
		})
		if i == 0 {
			_ = group.Wait() // alone: a wrong password is tried once, and not by each of those under way
		}
	}
	_ = group.Wait()
	return b.results, b.err(ctx)
}

// bulk is one All under way.
type bulk[Out any] struct {
	mu           sync.Mutex
	results      []security.BulkResult[Out]
	progress     func(done, total int)
	stopOnError  bool
	unauthorized bool
	done, failed int
	first        error
}

// stopped reports whether no further item is to be begun.
func (b *bulk[Out]) stopped(ctx context.Context) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return ctx.Err() != nil || b.unauthorized || b.stopOnError && b.failed > 0
}

// finish notes what became of item i.
func (b *bulk[Out]) finish(i int, result security.BulkResult[Out]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results[i] = result
	b.done++
	if result.Err != nil {
		b.failed++
		if b.first == nil {
			b.first = result.Err
		}
		b.unauthorized = b.unauthorized || errors.Is(result.Err, security.ErrUnauthorized)
	}
	if b.progress != nil {
		b.progress(b.done, len(b.results))
	}
}

// err is what came of it all.
func (b *bulk[Out]) err(ctx context.Context) error {
	total := len(b.results)
	switch {
	case b.done < total && ctx.Err() != nil:
		return fmt.Errorf("ended after %d of %d items, %d of them failed: %w", b.done, total, b.failed, transport.EndOf(ctx))
	case b.failed > 0:
		return fmt.Errorf("%d of %d items failed, %d not attempted; the first error: %w", b.failed, total, total-b.done, b.first)
	}
	return nil
}
