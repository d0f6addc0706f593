package paging_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/security"
)

// count yields 1 to n, and then err unless it is nil. pulled is how far it came.
func count(n int, err error, pulled *int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if pulled != nil {
				*pulled = i + 1
			}
			if !yield(i+1, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

// fixed is a list that is the same whatever the options.
func fixed[T any](seq iter.Seq2[T, error]) func([]security.CallOption) iter.Seq2[T, error] {
	return func([]security.CallOption) iter.Seq2[T, error] { return seq }
}

// load counts what is under way at the same time.
type load struct{ now, most, all atomic.Int32 }

func (l *load) enter() {
	l.all.Add(1)
	n := l.now.Add(1)
	for old := l.most.Load(); n > old && !l.most.CompareAndSwap(old, n); old = l.most.Load() {
	}
}

func (l *load) leave() { l.now.Add(-1) }

func concurrency(n int) []security.CallOption {
	return []security.CallOption{security.WithConcurrency(n)}
}

func TestEachInOrderAndBounded(t *testing.T) {
	t.Parallel()
	c := shape{}.server().client(t)
	for _, tt := range []struct {
		items, limit, peak int
		call               []security.CallOption
	}{
		{0, 4, 0, nil},
		{1, 4, 1, nil},
		{1000, 4, 4, nil},
		{1000, 1, 1, concurrency(1)},
		{1000, 8, 8, concurrency(8)},
		{5, 8, 5, concurrency(8)},
	} {
		synctest.Test(t, func(t *testing.T) {
			var l load
			seq := paging.Each(t.Context(), c, tt.call, fixed(count(tt.items, nil, nil)), func(_ context.Context, n int) (string, error) {
				l.enter()
				defer l.leave()
				time.Sleep(time.Duration(1+n%7) * time.Millisecond) // some take longer
				return strconv.Itoa(n), nil
			})
			for range 2 { // it can be ranged over again
				next := 0
				for got, err := range seq {
					if next++; err != nil || got != strconv.Itoa(next) {
						t.Fatalf("item %d is %q, %v", next, got, err)
					}
				}
				if next != tt.items {
					t.Errorf("%d items of %d", next, tt.items)
				}
			}
			if got := l.most.Load(); got != int32(tt.peak) {
				t.Errorf("%d at the same time, want %d", got, tt.peak)
			}
		})
	}
}

// As many as allowed are always under way, so that n items take n/limit times
// what one takes.
func TestEachKeepsBusy(t *testing.T) {
	t.Parallel()
	c := shape{}.server().client(t)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		for _, err := range paging.Each(t.Context(), c, concurrency(8), fixed(count(1000, nil, nil)), func(context.Context, int) (int, error) {
			time.Sleep(20 * time.Millisecond) // a request
			return 0, nil
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != 2500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestEachEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	c := shape{}.server().client(t)
	bad := errors.New("bad")
	for name, tt := range map[string]struct {
		seq  iter.Seq2[int, error]
		want int // items before the error
		err  error
	}{
		"of a fetch":    {count(100, nil, nil), 29, bad},
		"of the list":   {count(20, security.ErrListChanged, nil), 20, security.ErrListChanged},
		"at once":       {count(0, security.ErrListChanged, nil), 0, security.ErrListChanged},
		"the first one": {count(31, security.ErrListChanged, nil), 29, bad},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var l load
				var got []int
				var last error
				for n, err := range paging.Each(t.Context(), c, nil, fixed(tt.seq), func(ctx context.Context, n int) (int, error) {
					l.enter()
					defer l.leave()
					if n == 30 {
						time.Sleep(time.Second) // the others are done by then
						return 0, bad
					}
					time.Sleep(time.Millisecond) // a request
					return n, ctx.Err()
				}) {
					if last != nil {
						t.Fatal("it goes on after an error")
					}
					if last = err; err == nil {
						got = append(got, n)
					}
				}
				if !errors.Is(last, tt.err) || len(got) != tt.want || !slices.IsSorted(got) {
					t.Errorf("after %v: %v", got, last)
				}
				if l.now.Load() != 0 {
					t.Errorf("%d are still under way", l.now.Load())
				}
			})
		})
	}
}

// Leaving the loop, in whatever way, ends what is under way and reads no
// further in the list.
func TestEachLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	c := shape{}.server().client(t)
	for name, leave := range map[string]func(context.CancelFunc){
		"break":  func(context.CancelFunc) {},
		"cancel": func(cancel context.CancelFunc) { cancel() },
		"panic":  func(context.CancelFunc) { panic("the loop's own") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var l load
				pulled, got := 0, 0
				func() {
					defer func() { _ = recover() }()
					for _, err := range paging.Each(ctx, c, concurrency(3), fixed(count(100, nil, &pulled)), func(ctx context.Context, n int) (int, error) {
						l.enter()
						defer l.leave()
						if n > 3 {
							<-ctx.Done() // as long as it may
						}
						return n, ctx.Err()
					}) {
						if err != nil {
							break
						}
						if got++; got == 3 {
							if leave(cancel); name == "break" {
								break
							}
						}
					}
				}()
				if l.now.Load() != 0 || got != 3 || pulled > 6 {
					t.Errorf("after %d items and %d of the list, %d are still under way", got, pulled, l.now.Load())
				}
			})
		})
	}
}

// It reads no further ahead in the list than it fetches.
func TestEachIsLazy(t *testing.T) {
	t.Parallel()
	c := shape{}.server().client(t)
	pulled := 0
	seq := paging.Each(t.Context(), c, concurrency(5), fixed(count(100, nil, &pulled)), func(_ context.Context, n int) (int, error) { return n, nil })
	if pulled != 0 {
		t.Errorf("%d were read before anybody asked", pulled)
	}
	for n := range seq {
		if pulled > n+4 {
			t.Errorf("at item %d, %d were read", n, pulled)
		}
	}
}

// The pages of the list cost little beside what is made of their items.
func TestEachOverPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := shape{list: numbered(1000)}.server()
		s.latency = func(int) time.Duration { return 20 * time.Millisecond }
		c := s.client(t)
		begin := time.Now()
		n := 0
		for got, err := range paging.Each(t.Context(), c, concurrency(8), fixed(all(t.Context(), c, nil, security.WithConcurrency(1))),
			func(_ context.Context, i item) (int, error) {
				time.Sleep(20 * time.Millisecond) // a request
				return i.ID, nil
			}) {
			if n++; err != nil || got != n {
				t.Fatalf("item %d is %d, %v", n, got, err)
			}
		}
		if took := time.Since(begin); n != 1000 || took > 2500*time.Millisecond*13/10 {
			t.Errorf("%d items took %v", n, took)
		}
	})
}

// Whatever takes how long and fails at which item, the result is what a plain loop gives.
func TestEachAgainstAModel(t *testing.T) {
	t.Parallel()
	c := shape{}.server().client(t)
	rapid.Check(t, func(r *rapid.T) {
		delays := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 30).Draw(r, "delays")
		failing := rapid.IntRange(0, 40).Draw(r, "failing")
		limit := rapid.IntRange(1, 6).Draw(r, "limit")
		stop := rapid.IntRange(1, 40).Draw(r, "stop")
		bad := errors.New("bad")
		var want []int
		for i := range delays {
			if n := i + 1; n == failing {
				want = append(want, -1)
				break
			} else if want = append(want, n); n == stop {
				break
			}
		}
		var got []int
		var l load
		for n, err := range paging.Each(context.Background(), c, concurrency(limit), fixed(count(len(delays), nil, nil)), func(_ context.Context, n int) (int, error) { // rapid has no context
			l.enter()
			defer l.leave()
			time.Sleep(time.Duration(delays[n-1]) * 100 * time.Microsecond) // a request
			if n == failing {
				return 0, bad
			}
			return n, nil
		}) {
			if err != nil {
				n = -1
			}
			if got = append(got, n); n == stop {
				break
			}
		}
		if !slices.Equal(got, want) || int(l.most.Load()) > limit || l.now.Load() != 0 {
			r.Errorf("%v, want %v, with %d at the same time", got, want, l.most.Load())
		}
	})
}
