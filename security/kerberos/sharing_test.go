package kerberos

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fetcher gives tickets that live an hour, numbered from 1.
type fetcher struct {
	count atomic.Int32
	err   atomic.Pointer[error]
	takes time.Duration
}

func (f *fetcher) fetch(ctx context.Context) (*lease, error) {
	n := f.count.Add(1)
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := f.err.Load(); err != nil {
		return nil, *err
	}
	now := time.Now()
	return &lease{from: now, end: now.Add(time.Hour), negotiate: func() (string, error) { return strings.Repeat("I", int(n)), nil }}, nil
}

func (f *fetcher) fail(err error) {
	if f.err.Store(&err); err == nil {
		f.err.Store(nil)
	}
}

func value(t *testing.T, s *sharing, want string) {
	t.Helper()
	if got, err := s.value(t.Context()); err != nil || got != want {
		t.Errorf("value = %q, %v, want %q", got, err, want)
	}
}

// TestShared: callers that come at the same time and later ones share a ticket.
func TestShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{takes: time.Second}
		s := newSharing(f.fetch)
		var callers sync.WaitGroup
		for range 200 {
			callers.Go(func() { value(t, s, "I") })
		}
		callers.Wait()
		value(t, s, "I")
		if n := f.count.Load(); n != 1 {
			t.Errorf("%d tickets were fetched", n)
		}
	})
}

// TestAhead: nobody waits for the next ticket while one is left, but one caller now and
// then, a little, and nobody asks the KDC all the time.
func TestAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{}
		s := newSharing(f.fetch)
		value(t, s, "I")
		time.Sleep(54 * time.Minute)
		value(t, s, "I")
		if n := f.count.Load(); n != 1 {
			t.Errorf("%d tickets were fetched, the second too early", n)
		}
		f.takes = time.Hour // the KDC does not answer
		time.Sleep(2 * time.Minute)
		var waited atomic.Int32
		var callers sync.WaitGroup
		for range 100 {
			for range 10 {
				callers.Go(func() {
					begun := time.Now()
					value(t, s, "I")
					if took := time.Since(begun); took == patience {
						waited.Add(1)
					} else if took > 0 {
						t.Errorf("a call waited %v", took)
					}
				})
			}
			time.Sleep(time.Second)
		}
		callers.Wait()
		if n := f.count.Load() - 1; n < 3 || n > 4 || waited.Load() != n {
			t.Errorf("the KDC was asked %d times in 100 seconds, and %d calls waited", n, waited.Load())
		}
		// The call itself takes time, too.
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begun := time.Now()
		if got, err := s.value(ctx); got != "I" || err != nil || time.Since(begun) != time.Second {
			t.Errorf("value = %q, %v after %v, want the ticket that is left when half of the time has gone", got, err, time.Since(begun))
		}
		f.takes = time.Second
		time.Sleep(time.Minute)
		value(t, s, strings.Repeat("I", int(f.count.Load())+1))
	})
}

// TestSpent: a ticket that has ended is not used, and the failure is told.
func TestSpent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{}
		s := newSharing(f.fetch)
		value(t, s, "I")
		time.Sleep(time.Hour - time.Second)
		gone := errors.New("the KDC is gone")
		f.fail(gone)
		if _, err := s.value(t.Context()); !errors.Is(err, gone) {
			t.Errorf("value: %v", err)
		}
		f.fail(nil)
		value(t, s, "III")
	})
}

// TestReleased: a caller is released when its context ends, and another one fetches. No
// fetch goes on without its caller.
func TestReleased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{takes: 30 * time.Second}
		s := newSharing(f.fetch)
		var callers sync.WaitGroup
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			begun := time.Now()
			if _, err := s.value(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 2*time.Second {
				t.Errorf("who fetches, after %v: %v", time.Since(begun), err)
			}
		})
		synctest.Wait()
		callers.Go(func() {
			enough := errors.New("enough")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
			defer cancel()
			begun := time.Now()
			_, err := s.value(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, enough) || !strings.Contains(err.Error(), "another call waited for the KDC") || time.Since(begun) != time.Second {
				t.Errorf("who waits, after %v: %v", time.Since(begun), err)
			}
		})
		begun := time.Now()
		value(t, s, "II")
		if took := time.Since(begun); took != 32*time.Second {
			t.Errorf("another one had a ticket after %v", took)
		}
		callers.Wait()
	})
}

// TestFailure: all who wait get the error of the one who fetched, and none tries again.
// Who comes later does.
func TestFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{takes: time.Second}
		s := newSharing(f.fetch)
		gone := errors.New("the KDC is gone")
		f.fail(gone)
		var callers sync.WaitGroup
		for range 200 {
			callers.Go(func() {
				if _, err := s.value(t.Context()); !errors.Is(err, gone) {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if n := f.count.Load(); n != 1 {
			t.Errorf("the KDC was asked %d times", n)
		}
		f.fail(nil)
		value(t, s, "II")
	})
}

// TestRefresh: a refused ticket is replaced, unless it is new.
func TestRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{}
		s := newSharing(f.fetch)
		refresh := func(want string) {
			t.Helper()
			if got, err := s.refresh(t.Context(), "refused"); err != nil || got != want {
				t.Errorf("refresh = %q, %v, want %q", got, err, want)
			}
		}
		refresh("") // there is none
		value(t, s, "I")
		refresh("") // it is new
		time.Sleep(2 * time.Minute)
		f.fail(errors.New("the KDC is gone"))
		refresh("") // the answer of the server stands
		f.fail(nil)
		refresh("III")
		refresh("III") // for a caller that was refused with the one before
		if n := f.count.Load(); n != 3 {
			t.Errorf("%d tickets were fetched", n)
		}
	})
}

// TestSafely: the program goes on when the Kerberos library panics.
func TestSafely(t *testing.T) {
	t.Parallel()
	s := newSharing(func(context.Context) (*lease, error) {
		var none []int
		return nil, errors.New(strings.Repeat(" ", none[len(none)]))
	})
	if _, err := s.value(t.Context()); err == nil || !strings.Contains(err.Error(), "malformed") {
		t.Error(err)
	}
	// A ticket that nothing can be made of is a caller's, and not the fetch's.
	old := time.Now().Add(-2 * minAge)
	s.current = &lease{from: old, end: old.Add(time.Hour), negotiate: func() (string, error) { return "", errors.New(strings.Repeat(" ", -1)) }}
	if _, err := s.value(t.Context()); err == nil || !strings.Contains(err.Error(), "malformed") {
		t.Error(err)
	}
	spoiled := s.current
	s.fetch = func(context.Context) (*lease, error) { return spoiled, nil }
	if _, err := s.refresh(t.Context(), "refused"); err == nil || !strings.Contains(err.Error(), "malformed") {
		t.Error(err)
	}
}
