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

func (f *fetcher) fetch() (*lease, error) {
	time.Sleep(f.takes)
	n := f.count.Add(1)
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
		s := &sharing{fetch: f.fetch}
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

// TestAhead: nobody waits for the next ticket while one is left, not even if the KDC
// is gone, and nobody asks it all the time.
func TestAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{}
		s := &sharing{fetch: f.fetch}
		value(t, s, "I")
		time.Sleep(54 * time.Minute)
		value(t, s, "I")
		synctest.Wait()
		if n := f.count.Load(); n != 1 {
			t.Errorf("%d tickets were fetched, the second too early", n)
		}
		f.fail(errors.New("the KDC is gone"))
		f.takes = 10 * time.Second
		time.Sleep(2 * time.Minute)
		for range 100 {
			begun := time.Now()
			value(t, s, "I")
			if waited := time.Since(begun); waited > 0 {
				t.Fatalf("a call waited %v", waited)
			}
			time.Sleep(time.Second)
		}
		if n := f.count.Load(); n < 3 || n > 4 {
			t.Errorf("the KDC was asked %d times, want 2 or 3 more in 100 seconds", n-1)
		}
		f.fail(nil)
		time.Sleep(time.Minute)
		value(t, s, "I") // fetches
		time.Sleep(11 * time.Second)
		synctest.Wait()
		value(t, s, strings.Repeat("I", int(f.count.Load())))
	})
}

// TestSpent: a ticket that has ended is not used, and the failure is told.
func TestSpent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{}
		s := &sharing{fetch: f.fetch}
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

// TestReleased: a caller is released when its context ends, and the fetch goes on for
// the others.
func TestReleased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{takes: 30 * time.Second}
		s := &sharing{fetch: f.fetch}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := s.value(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the KDC was waited for") || time.Since(begun) != time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		value(t, s, "I")
		if n, waited := f.count.Load(), time.Since(begun); n != 1 || waited != 30*time.Second {
			t.Errorf("%d tickets were fetched in %v", n, waited)
		}
	})
}

// TestRefresh: a refused ticket is replaced, unless it is new.
func TestRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fetcher{}
		s := &sharing{fetch: f.fetch}
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
	s := &sharing{fetch: func() (*lease, error) {
		var none []int
		return nil, errors.New(strings.Repeat(" ", none[len(none)]))
	}}
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
	s.fetch = func() (*lease, error) { return spoiled, nil }
	if _, err := s.refresh(t.Context(), "refused"); err == nil || !strings.Contains(err.Error(), "malformed") {
		t.Error(err)
	}
}
