// Package turns lets the safe changes of one client that concern the same object
// go one after the other.
package turns

import (
	"context"
	"fmt"
	"sync"
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
	shared any
}

// Turn is the right to be the only one of a client's callers who works on
// something. Safe edits of one object take turns.
type Turn struct {
	registry *Registry
	name     string
	queue    *queue
	held     bool
}

// Take waits until no other caller has the turn of that name, or ctx ends.
// Leave must be called in the end.
func (s *Registry) Take(ctx context.Context, name string) (*Turn, error) {
	t := &Turn{registry: s, name: name, queue: s.join(name)}
	if err := t.Resume(ctx); err != nil {
		t.Leave()
		return nil, err
	}
	return t, nil
}

// Pause lets others have the turn.
func (t *Turn) Pause() {
	if t.held {
		t.held = false
		<-t.queue.turn
	}
}

// Resume waits for the turn again.
func (t *Turn) Resume(ctx context.Context) error {
	select {
	case t.queue.turn <- struct{}{}:
		t.held = true
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for another call of this client to finish its change: %w", context.Cause(ctx))
	}
}

// Leave ends the turn.
func (t *Turn) Leave() {
	t.Pause()
	t.registry.leave(t.name, t.queue)
}

// Shared is a place for what those who take turns must know of each other. It
// is for whoever has the turn, and lasts until the last of them leaves.
func (t *Turn) Shared() *any { return &t.queue.shared }

func (s *Registry) join(name string) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		if s.queues == nil {
			s.queues = map[string]*queue{}
		}
		q = &queue{turn: make(chan struct{}, 1)}
		s.queues[name] = q
	}
	q.users++
	return q
}

func (s *Registry) leave(name string, q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(s.queues, name)
	}
}
