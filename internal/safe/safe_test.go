package safe_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/turns"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is never asked to send anything.
func client(t *testing.T, retry security.Retry) *service.Client {
	t.Helper()
	return service.Of(apitest.NewClient(t, http.NewFileTransport(http.Dir(t.TempDir())), security.WithRetry(retry)))
}

func three(t *testing.T) *service.Client {
	t.Helper()
	return client(t, security.Retry{MaxAttempts: 3, MinWait: time.Second, MaxWait: 4 * time.Second})
}

// thing is an object of a pretended server.
type thing struct{ state string }

// server pretends to be one. Each of its functions says what happens in turn;
// what is not there happens as it should.
type server struct {
	object       *thing
	find, create []error
	committed    []bool // for each creation that fails, whether it was done
	finds        int
	creations    int
	log          []string
}

func (s *server) resource() safe.Resource[thing] {
	return safe.Resource[thing]{
		Key: "thing", Object: "thing x",
		Find: func(context.Context) (*thing, error) {
			s.log = append(s.log, "find")
			s.finds++
			if s.finds <= len(s.find) && s.find[s.finds-1] != nil {
				return nil, s.find[s.finds-1]
			}
			return s.object, nil
		},
		Check: func(context.Context) error { s.log = append(s.log, "check"); return nil },
		Create: func(context.Context) (*thing, error) {
			s.log = append(s.log, "create")
			s.creations++
			if s.creations <= len(s.create) && s.create[s.creations-1] != nil {
				if s.creations <= len(s.committed) && s.committed[s.creations-1] {
					s.object = &thing{"wanted"}
				}
				return nil, s.create[s.creations-1]
			}
			s.object = &thing{"wanted"}
			return s.object, nil
		},
		Correct: func(_ context.Context, found *thing) (*thing, security.Change, error) {
			s.log = append(s.log, "correct")
			c := security.Change{Action: security.Unchanged, Object: "thing x", ID: "7"}
			if found.state != "wanted" {
				c.Action = security.Updated
				found.state = "wanted"
			}
			return found, c, nil
		},
		Created: []security.FieldChange{{Field: "State", To: "wanted"}},
		ID:      func(*thing) string { return "7" },
	}
}

func lost() error { return fmt.Errorf("POST: %w", security.ErrUnknownOutcome) }

// moves lists n errors of walks over a list that changes all the time.
func moves(n int) []error {
	list := make([]error, n)
	for i := range list {
		list[i] = fmt.Errorf("%w: the total went from %d to %d", security.ErrListChanged, i, i+1)
	}
	return list
}

func refused(status int) error { return &security.Error{Op: "POST /Things", StatusCode: status} }

func TestEnsure(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server *server
		call   service.Settings
		action security.Action
		err    error
		log    string
	}{
		"there":       {&server{object: &thing{"wanted"}}, service.Settings{}, security.Unchanged, nil, "find correct"},
		"wrong":       {&server{object: &thing{"wrong"}}, service.Settings{}, security.Updated, nil, "find correct"},
		"not there":   {&server{}, service.Settings{}, security.Created, nil, "find check create"},
		"dry run":     {&server{}, service.Settings{DryRun: true}, security.Created, nil, "find check"},
		"bad option":  {&server{}, service.Settings{Err: security.ErrInvalid}, "", security.ErrInvalid, ""},
		"cannot look": {&server{find: []error{security.ErrForbidden}}, service.Settings{}, "", security.ErrForbidden, "find"},
		"answer lost": {
			&server{create: []error{lost()}, committed: []bool{true}},
			service.Settings{},
			security.Created, nil, "find check create find correct",
		},
		"request lost": {
			&server{create: []error{lost()}},
			service.Settings{},
			security.Created, nil, "find check create find check create",
		},
		"lost at the last attempt, but done": {
			&server{create: []error{lost(), lost(), lost()}, committed: []bool{false, false, true}},
			service.Settings{},
			security.Created, nil,
			"find check create find check create find check create find correct",
		},
		"always lost": {
			&server{create: []error{lost(), lost(), lost(), lost()}},
			service.Settings{},
			"", security.ErrUnknownOutcome,
			"find check create find check create find check create find",
		},
		"refused, and not there": {
			&server{create: []error{refused(400)}}, service.Settings{}, "", security.ErrInvalid, "find check create find",
		},
		"taken": {
			&server{create: []error{refused(409)}, committed: []bool{true}}, service.Settings{}, security.Unchanged, nil, "find check create find correct",
		},
		"forbidden": {&server{create: []error{refused(403)}}, service.Settings{}, "", security.ErrForbidden, "find check create"},
		"lost, and then it cannot be looked for": {
			&server{create: []error{lost()}, find: []error{nil, security.ErrServer}},
			service.Settings{},
			"", security.ErrUnknownOutcome, "find check create find",
		},
		"a list that moves": {
			&server{object: &thing{"wanted"}, find: moves(5)},
			service.Settings{},
			security.Unchanged, nil, "find find find find find find correct",
		},
		"a list that never keeps still": {
			&server{find: moves(100)},
			service.Settings{},
			"", security.ErrListChanged, strings.TrimSpace(strings.Repeat("find ", 30)),
		},
		"a list that always ends in the same way": {
			&server{find: slices.Repeat([]error{security.ErrListChanged}, 100)},
			service.Settings{},
			"", security.ErrListChanged, "find find find",
		},
		"a list that moves, twice in the same way": {
			&server{object: &thing{"wanted"}, find: append(slices.Repeat([]error{security.ErrListChanged}, 2), moves(3)...)},
			service.Settings{},
			security.Unchanged, nil, "find find find find find find correct",
		},
		"lost, and then refused": {
			&server{create: []error{lost(), refused(403)}},
			service.Settings{},
			"", security.ErrUnknownOutcome, "find check create find check create",
		},
		"lost, and then refused as taken, and not there": {
			&server{create: []error{lost(), refused(400)}},
			service.Settings{},
			"", security.ErrUnknownOutcome, "find check create find check create find",
		},
		"lost, then refused as taken, and there": {
			&server{create: []error{lost(), refused(409)}, committed: []bool{false, true}},
			service.Settings{},
			security.Created, nil, "find check create find check create find correct",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := three(t)
			synctest.Test(t, func(t *testing.T) {
				value, change, err := safe.Ensure(t.Context(), c, tt.call, tt.server.resource())
				if !errors.Is(err, tt.err) || change.Action != tt.action {
					t.Errorf("%v, %v, %v", value, change, err)
				}
				if (value == nil) != (err != nil || tt.call.DryRun) {
					t.Errorf("value is %v with error %v", value, err)
				}
				if err != nil && (change.Object != "" || change.Fields != nil) {
					t.Errorf("an error comes with the change %+v", change)
				}
				if got := strings.Join(tt.server.log, " "); got != tt.log {
					t.Errorf("it did %q, want %q", got, tt.log)
				}
			})
		})
	}
}

func TestEnsureErrorsOfTheParts(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	c := three(t)
	s := &server{object: &thing{"wrong"}}
	r := s.resource()
	r.Correct = func(context.Context, *thing) (*thing, security.Change, error) {
		return &thing{}, security.Change{Action: security.Updated}, bad
	}
	if value, change, err := safe.Ensure(t.Context(), c, service.Settings{}, r); !errors.Is(err, bad) || value != nil || change.Action != "" {
		t.Errorf("%v, %v, %v", value, change, err)
	}
	// A creation whose answer was lost was found, and could not be corrected.
	s = &server{create: []error{lost()}, committed: []bool{true}}
	r = s.resource()
	r.Correct = func(context.Context, *thing) (*thing, security.Change, error) { return nil, security.Change{}, bad }
	synctest.Test(t, func(t *testing.T) {
		if _, _, err := safe.Ensure(t.Context(), c, service.Settings{}, r); !errors.Is(err, bad) || !errors.Is(err, security.ErrUnknownOutcome) {
			t.Errorf("what was begun is not told: %v", err)
		}
	})
	// A check that fails after a creation of unknown outcome.
	s = &server{create: []error{lost()}}
	r = s.resource()
	r.Check = func(context.Context) error {
		if s.creations > 0 {
			return bad
		}
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		if _, _, err := safe.Ensure(t.Context(), c, service.Settings{}, r); !errors.Is(err, bad) || !errors.Is(err, security.ErrUnknownOutcome) {
			t.Errorf("what was begun is not told: %v", err)
		}
	})
	s = &server{}
	r = s.resource()
	r.Check = func(context.Context) error { return bad }
	for _, dry := range []bool{false, true} {
		if value, change, err := safe.Ensure(t.Context(), c, service.Settings{DryRun: dry}, r); !errors.Is(err, bad) || value != nil || change.Action != "" || s.creations > 0 {
			t.Errorf("%v, %v, %v", value, change, err)
		}
	}
	r.Check = nil
	if _, change, err := safe.Ensure(t.Context(), c, service.Settings{}, r); err != nil || change.Action != security.Created || change.ID != "7" {
		t.Errorf("%v, %v", change, err)
	}
}

// The waits between creations grow to the longest and stay there.
func TestEnsureWaits(t *testing.T) {
	t.Parallel()
	c := client(t, security.Retry{MaxAttempts: 100, MinWait: time.Second, MaxWait: 4 * time.Second})
	synctest.Test(t, func(t *testing.T) {
		s := &server{create: slices.Repeat([]error{lost()}, 200)}
		begin := time.Now()
		_, _, err := safe.Ensure(t.Context(), c, service.Settings{}, s.resource())
		if took := time.Since(begin); !errors.Is(err, security.ErrUnknownOutcome) || s.creations != 100 || took != (1+2+98*4)*time.Second {
			t.Errorf("%d creations took %v: %v", s.creations, took, err)
		}
	})
}

func TestEnsureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := three(t)
	for name, s := range map[string]*server{
		"between creations": {create: slices.Repeat([]error{lost()}, 10)},
		"between looks":     {find: moves(100)},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, _, err := safe.Ensure(ctx, c, service.Settings{}, s.resource())
			if err == nil || s.creations > 1 || s.finds > 20 {
				t.Errorf("%s: %v", name, err)
			}
			if s.creations == 1 && !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("%s: what was begun is not told: %v", name, err)
			}
		})
	}
	// Nobody waits forever for a turn.
	turn, err := turns.Take[struct{}](t.Context(), c.Turns, "ensure thing")
	if err != nil {
		t.Fatal(err)
	}
	defer turn.Leave()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	s := &server{}
	if _, _, err := safe.Ensure(ctx, c, service.Settings{}, s.resource()); !errors.Is(err, context.DeadlineExceeded) || len(s.log) != 0 {
		t.Errorf("%v, %v", s.log, err)
	}
}

// ten is what All is given.
func ten() []int { return []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9} }

// with is the call options that say what s says.
func with(s service.Settings) []security.CallOption {
	return []security.CallOption{service.Option[security.CallOption](func(to *service.Settings) { *to = s })}
}

func TestAll(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	for _, tt := range []struct {
		limit, want int
	}{{0, 4}, {1, 1}, {3, 3}, {50, 9}} {
		synctest.Test(t, func(t *testing.T) {
			var now, most atomic.Int32
			var told []int
			progress := func(finished, total int) { told = append(told, finished, total) }
			results, err := safe.All(t.Context(), three(t), with(service.Settings{Concurrency: tt.limit, Progress: progress}), ten(), nil, func(_ context.Context, n int, _ ...security.CallOption) (*int, security.Change, error) {
				if i := now.Add(1); i > most.Load() {
					most.Store(i)
				}
				defer now.Add(-1)
				time.Sleep(time.Duration(10-n) * time.Millisecond) // the first are the slowest
				if n%2 == 0 {
					return nil, security.Change{}, fmt.Errorf("item %d: %w", n, bad)
				}
				return &n, security.Change{Action: security.Created}, nil
			})
			if got := int(most.Load()); got != tt.want {
				t.Errorf("%d at the same time, want %d", got, tt.want)
			}
			if !errors.Is(err, bad) || !strings.HasPrefix(err.Error(), "5 of 10 items failed, 0 not attempted; the first error: item ") {
				t.Errorf("error is %v", err)
			}
			for i, r := range results {
				if i%2 == 0 && (r.Value != nil || r.Err == nil || r.Err.Error() != fmt.Sprintf("item %d: bad", i)) ||
					i%2 == 1 && (r.Err != nil || *r.Value != i || r.Change.Action != security.Created) {
					t.Errorf("result %d is %+v", i, r)
				}
			}
			if want := []int{1, 10, 2, 10, 3, 10, 4, 10, 5, 10, 6, 10, 7, 10, 8, 10, 9, 10, 10, 10}; !slices.Equal(told, want) {
				t.Errorf("progress was %v", told)
			}
		})
	}
}

func TestAllStops(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	attempted := func(results []security.BulkResult[int]) (n int) {
		for _, r := range results {
			if !errors.Is(r.Err, security.ErrNotAttempted) {
				n++
			}
		}
		return n
	}
	synctest.Test(t, func(t *testing.T) {
		// What is under way when one fails goes on to its end.
		results, err := safe.All(t.Context(), three(t), with(service.Settings{Concurrency: 2}), ten(), &security.BulkOptions{StopOnError: true},
			func(_ context.Context, n int, _ ...security.CallOption) (*int, security.Change, error) {
				if n == 1 {
					time.Sleep(time.Millisecond) // the other one has begun
					return nil, security.Change{}, bad
				}
				time.Sleep(time.Second) // a request
				return &n, security.Change{}, nil
			})
		if !errors.Is(err, bad) || !strings.HasPrefix(err.Error(), "1 of 10 items failed, 7 not attempted; the first error: ") || attempted(results) != 3 {
			t.Errorf("%d attempted: %v", attempted(results), err)
		}
		if results[2].Err != nil {
			t.Errorf("what was under way was broken off: %v", results[2].Err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		time.AfterFunc(2500*time.Millisecond, func() { cancel(enough) })
		results, err := safe.All(ctx, three(t), with(service.Settings{Concurrency: 2}), ten(), nil, func(ctx context.Context, n int, _ ...security.CallOption) (*int, security.Change, error) {
			if err := transport.Sleep(ctx, time.Second); err != nil {
				return nil, security.Change{}, err
			}
			return &n, security.Change{}, nil
		})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, enough) || !strings.HasPrefix(err.Error(), "ended after 5 of 10 items, 2 of them failed: ") {
			t.Errorf("error is %v", err)
		}
		if attempted(results) != 5 || results[2].Err != nil || !errors.Is(results[4].Err, context.Canceled) {
			t.Errorf("results are %+v", results)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		// A refused sign-in stops it: the rest would lock the account.
		results, err := safe.All(t.Context(), three(t), with(service.Settings{Concurrency: 2}), ten(), nil, func(_ context.Context, n int, _ ...security.CallOption) (*int, security.Change, error) {
			if n == 3 {
				time.Sleep(time.Millisecond)
				return nil, security.Change{}, refused(401)
			}
			time.Sleep(time.Second)
			return &n, security.Change{}, nil
		})
		if !errors.Is(err, security.ErrUnauthorized) || !strings.HasPrefix(err.Error(), "1 of 10 items failed, 5 not attempted") || attempted(results) != 5 {
			t.Errorf("%d attempted: %v", attempted(results), err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		// A wrong password is tried once: the first item goes alone.
		results, err := safe.All(t.Context(), three(t), with(service.Settings{Concurrency: 8}), ten(), nil, func(context.Context, int, ...security.CallOption) (*int, security.Change, error) {
			time.Sleep(time.Second)
			return nil, security.Change{}, refused(401)
		})
		if !errors.Is(err, security.ErrUnauthorized) || attempted(results) != 1 {
			t.Errorf("%d attempted: %v", attempted(results), err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(context.Context, int, ...security.CallOption) (*int, security.Change, error) {
		t.Error("it was begun")
		return nil, security.Change{}, nil
	}
	if results, err := safe.All(ctx, three(t), with(service.Settings{}), ten(), nil, never); !errors.Is(err, context.Canceled) || len(results) != 10 || attempted(results) != 0 {
		t.Errorf("%+v, %v", results, err)
	}
	if results, err := safe.All(t.Context(), three(t), with(service.Settings{Err: bad}), ten(), nil, never); !errors.Is(err, bad) || results != nil {
		t.Errorf("%+v, %v", results, err)
	}
	if results, err := safe.All(ctx, three(t), with(service.Settings{}), nil, nil, never); err != nil || len(results) != 0 {
		t.Errorf("%+v, %v", results, err)
	}
}
