package kerberos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// When a ticket is renewed.
const (
	maxAhead = 5 * time.Minute  // how long before its end, at most
	maxSpare = 5 * time.Second  // how long before its end it is not used any more, at most
	pause    = 30 * time.Second // between attempts to renew one that can still be used
	patience = 5 * time.Second  // how long such an attempt takes at most
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

// sharing keeps the lease of a client. Whoever needs another one fetches it, with its own
// context, and the others wait for it, each no longer than its own context lasts. So no
// request to a KDC outlives the call that made it.
type sharing struct {
	fetch func(context.Context) (*lease, error)
	turn  chan struct{} // holds a token while somebody fetches

	mu       sync.Mutex
	current  *lease
	replaced bool // it is not the first
	failed   int  // fetches that no context ended
	failure  error
	resting  time.Time // not to renew ahead before then
}

func newSharing(fetch func(context.Context) (*lease, error)) *sharing {
	return &sharing{fetch: fetch, turn: make(chan struct{}, 1)}
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
		s.mu.Unlock()
		var err error
		if l, err = s.next(ctx, l); err != nil {
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

// lease returns one that can be used, and waits only if there is none. One caller now and
// then renews it ahead, and waits for that a little.
func (s *sharing) lease(ctx context.Context) (*lease, error) {
	s.mu.Lock()
	now, l := time.Now(), s.current
	usable := l != nil && now.Before(l.spent())
	due := usable && !now.Before(l.ahead()) && !now.Before(s.resting)
	s.mu.Unlock()
	if !usable {
		return s.next(ctx, l)
	}
	if due {
		select {
		case s.turn <- struct{}{}:
			return s.renew(ctx, l), nil
		default: // somebody else does
		}
	}
	return l, nil
}

// renew fetches the lease after l, which can still be used. The turn is held.
func (s *sharing) renew(ctx context.Context, l *lease) *lease {
	defer func() { <-s.turn }()
	limit := patience
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2) // the call itself takes time, too
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	next, err := s.get(ctx, l)
	if err != nil {
		s.mu.Lock()
		s.resting = time.Now().Add(pause)
		s.mu.Unlock()
		return l
	}
	return next
}

// next is the lease after old, which may be nil. If it cannot be had, all who wait for it
// get the same error.
func (s *sharing) next(ctx context.Context, old *lease) (*lease, error) {
	s.mu.Lock()
	before := s.failed
	s.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("no Kerberos ticket yet, while another call waited for the KDC: %w", transport.EndOf(ctx))
	}
	s.mu.Lock()
	l, failed, failure := s.current, s.failed, s.failure
	s.mu.Unlock()
	if l == old && failed != before {
		return nil, failure
	}
	return s.get(ctx, old)
}

// get fetches the lease after old, unless somebody did. The turn is held.
func (s *sharing) get(ctx context.Context, old *lease) (*lease, error) {
	s.mu.Lock()
	l := s.current
	s.mu.Unlock()
	if l != old {
		return l, nil
	}
	l, err := safely(func() (*lease, error) { return s.fetch(ctx) })
	failed := err != nil && ended(ctx) == nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if failed {
			s.failed, s.failure = s.failed+1, err
		}
		return nil, err
	}
	s.replaced = s.current != nil
	s.current, s.resting = l, time.Time{}
	return l, nil
}

// safely keeps the program running if the Kerberos library panics. Fuzzing what a KDC
// sends found no panic, but anybody on the way to one can write it, and the library's
// decoder is not made for that. The library holds no locks and keeps no state between
// calls, and what is held here is released by defer, so nothing is left in disorder.
func safely[T any](do func() (T, error)) (result T, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("a file or an answer is malformed, and the Kerberos library could not read it")
		}
	}()
	return do()
}
