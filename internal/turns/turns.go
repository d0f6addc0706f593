// Package turns lets the safe changes of one client that concern the same object
// go one after the other.
package turns

import (
	"context"
	"fmt"
	"sync"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// Registry holds what the callers of one client take turns at, for as long as
// somebody wants it. Its zero value is ready for use.
type Registry struct {
	mu     sync.Mutex
	queues map[string]*queue
}

type queue struct {
	turn   chan struct{} // holds a token while somebody has the turn
	users  int           // who has the turn, waits for it, or paused
	shared any           // a *S, see Turn
}

// Turn is the right to be the only one of a client's callers who works on
// something. S is what those who take turns share; all turns of one name have the
// same.
type Turn[S any] struct {
	// Shared lasts until the last of those who take turns leaves.
	Shared *S

	registry *Registry
	name     string
	queue    *queue
	held     bool
}

// Take waits until no other caller has the turn of that name, or ctx ends.
// Leave must be called in the end.
func Take[S any](ctx context.Context, r *Registry, name string) (*Turn[S], error) {
	q := r.join(name, func() any { return new(S) })
	t := &Turn[S]{Shared: q.shared.(*S), registry: r, name: name, queue: q}
	if err := t.Resume(ctx); err != nil {
		t.Leave()
		return nil, err
	}
	return t, nil
}

// Pause lets others have the turn.
func (t *Turn[S]) Pause() {
	if t.held {
		t.held = false
		<-t.queue.turn
	}
}

// Resume waits for the turn again.
func (t *Turn[S]) Resume(ctx context.Context) error {
	select {
	case t.queue.turn <- struct{}{}:
		t.held = true
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for another call of this client to finish its change: %w", transport.EndOf(ctx))
	}
}

// Leave ends the turn.
func (t *Turn[S]) Leave() {
	t.Pause()
	t.registry.leave(t.name, t.queue)
}

func (r *Registry) join(name string, shared func() any) *queue {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queues[name]
	if q == nil {
		if r.queues == nil {
			r.queues = map[string]*queue{}
		}
		q = &queue{turn: make(chan struct{}, 1), shared: shared()}
		r.queues[name] = q
	}
	q.users++
	return q
}

func (r *Registry) leave(name string, q *queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(r.queues, name)
	}
}
