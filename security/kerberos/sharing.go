package kerberos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// When a ticket is renewed.
const (
	maxAhead = 5 * time.Minute  // how long before its end, at most
	maxSpare = 5 * time.Second  // how long before its end it is not used any more, at most
	pause    = 30 * time.Second // between attempts to renew one that can still be used
	minAge   = time.Minute      // of a ticket that is replaced because the server refused it
)

// A lease is what all calls of a client share: something that makes the value of the
// Authorization header, and how long that can be used.
type lease struct {
	from, end time.Time
	negotiate func() (string, error)
}

// ahead is when to fetch the next one, and spent from when on this one is not used. A
// short life has short margins.
func (l *lease) ahead() time.Time { return l.end.Add(-min(l.end.Sub(l.from)/6, maxAhead)) }
func (l *lease) spent() time.Time { return l.end.Add(-min(l.end.Sub(l.from)/10, maxSpare)) }

// sharing keeps the lease of a client. One goroutine at a time fetches another.
type sharing struct {
	fetch func() (*lease, error) // takes no context, and ends some time

	mu       sync.Mutex
	current  *lease
	replaced bool      // it is not the first
	underway *fetching // nil if nobody fetches
	resting  time.Time // not to renew ahead before then
}

// fetching is a fetch that others can wait for.
type fetching struct {
	done  chan struct{}
	lease *lease
	err   error
}

// value is the header for one attempt. Each has an authenticator of its own, because a
// server accepts one only once.
func (s *sharing) value(ctx context.Context) (string, error) {
	l, err := s.lease(ctx)
	if err != nil {
		return "", err
	}
	return safely(l.negotiate)
}

// refresh is the header for another attempt after the server refused one, "" for none.
// A new ticket can help if the service got a new key meanwhile. A recent
// ticket is not replaced: a server that refuses everybody must not send everybody to the KDC.
func (s *sharing) refresh(ctx context.Context, _ string) (string, error) {
	s.mu.Lock()
	l := s.current
	switch {
	case l == nil:
		s.mu.Unlock()
		return "", nil
	case time.Since(l.from) >= minAge:
		f := s.start()
		s.mu.Unlock()
		var err error
		if l, err = f.wait(ctx); err != nil {
			return "", nil //nolint:nilerr // the server's answer is the better one
		}
	default:
		first := !s.replaced
		s.mu.Unlock()
		if first {
			return "", nil
		}
		// What was refused may be the ticket before this one.
	}
	return safely(l.negotiate)
}

// lease returns one that can be used, and waits only if there is none.
func (s *sharing) lease(ctx context.Context) (*lease, error) {
	s.mu.Lock()
	now := time.Now()
	if l := s.current; l != nil && now.Before(l.spent()) {
		if !now.Before(l.ahead()) && !now.Before(s.resting) {
			s.start()
		}
		s.mu.Unlock()
		return l, nil
	}
	f := s.start()
	s.mu.Unlock()
	return f.wait(ctx)
}

// start begins a fetch unless there is one under way. s.mu is held.
func (s *sharing) start() *fetching {
	if s.underway != nil {
		return s.underway
	}
	f := &fetching{done: make(chan struct{})}
	s.underway = f
	go func() {
		f.lease, f.err = safely(s.fetch)
		s.mu.Lock()
		s.underway = nil
		s.resting = time.Now().Add(pause)
		if f.err == nil {
			s.replaced = s.current != nil
			s.current, s.resting = f.lease, time.Time{}
		}
		s.mu.Unlock()
		close(f.done)
	}()
	return f
}

func (f *fetching) wait(ctx context.Context) (*lease, error) {
	select {
	case <-f.done:
		return f.lease, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("no Kerberos ticket yet, while the KDC was waited for: %w", ctx.Err())
	}
}

// safely keeps the program running if the Kerberos library fails over a malformed
// answer: anybody on the way to a KDC can write one.
func safely[T any](do func() (T, error)) (result T, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("a file or an answer is malformed, and the Kerberos library could not read it")
		}
	}()
	return do()
}
