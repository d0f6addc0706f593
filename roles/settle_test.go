package roles_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// An edit looks once more exactly d after its PUT was answered, and costs nothing
// extra if it changes nothing.
func TestSettleWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.delay = 100 * time.Millisecond
		s := w.service(security.WithSettle(5 * time.Second))
		if _, _, err := s.Edit(t.Context(), 5, describe("new")); err != nil {
			t.Error(err)
		}
		if got, want := w.requests(), "GET 0s, PUT 100ms, GET 200ms, GET 5.2s"; got != want {
			t.Errorf("requests are %s, want %s", got, want)
		}
		if _, _, err := s.Edit(t.Context(), 5, describe("new")); err != nil || w.writes() != 1 || time.Since(w.begin) != 5400*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(w.begin), err)
		}
	})
}

// What another program's late PUT undid is done again, and then watched as long
// again.
func TestSettleRepairs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		calls := 0
		time.AfterFunc(3*time.Second, func() { w.change(func(r *worldRole) { r.Claims = nil; r.Description = "theirs" }) })
		_, change, err := w.service(security.WithSettle(5*time.Second)).Edit(t.Context(), 5, func(u *roles.UpdateV2) error {
			calls++
			u.Claims = append(u.Claims, claim("a"), claim("b"))
			return nil
		})
		if err != nil || calls != 1 || len(change.Fields) != 1 || len(change.Fields[0].Added) != 2 {
			t.Errorf("after %d calls: %v, %v", calls, change, err)
		}
		w.expect("a", "b")
		if w.role.Description != "theirs" {
			t.Error("the other program's change is lost")
		}
		if got, want := w.requests(), "GET 0s, PUT 0s, GET 0s, GET 5s, GET 5s, PUT 5s, GET 5s, GET 10s"; got != want {
			t.Errorf("requests are %s, want %s", got, want)
		}
	})
}

// What is repaired once is watched as a whole.
func TestSettleWatchesTheWholeChangeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		without := func(value string) func() {
			return func() {
				w.change(func(r *worldRole) {
					r.Claims = slices.DeleteFunc(r.Claims, func(c worldClaim) bool { return c.ClaimValue == value })
				})
			}
		}
		time.AfterFunc(1*time.Second, without("a"))
		time.AfterFunc(6*time.Second, without("b"))
		_, _, err := w.service(security.WithSettle(5*time.Second)).AddClaims(t.Context(), 5, []claims.Request{claim("a"), claim("b")})
		if w.expect("a", "b"); err != nil {
			t.Error(err)
		}
	})
}

// TestSettleLeavesToLaterEdits: in one client the later edit has the last word, also
// if another program undoes something and the first edit repairs it.
func TestSettleLeavesToLaterEdits(t *testing.T) {
	t.Parallel()
	edit := func(change func(*roles.UpdateV2)) func(context.Context, *roles.V2) error {
		return func(ctx context.Context, s *roles.V2) error {
			_, _, err := s.Edit(ctx, 5, func(u *roles.UpdateV2) error { change(u); return nil })
			return err
		}
	}
	ad := claims.Request{Type: claims.TypeGroup, Value: "ops", Scheme: "Active Directory", Description: "d"}
	for name, tt := range map[string]struct {
		first, later func(context.Context, *roles.V2) error
		theirs       func(*worldRole) // what another program does meanwhile; nil for nothing
		check        func(*worldRole) bool
	}{
		"a claim added, and removed": {
			edit(func(u *roles.UpdateV2) { u.Claims = append(u.Claims, claim("brief"), claim("lasting")) }),
			func(ctx context.Context, s *roles.V2) error {
				_, _, err := s.RemoveClaims(ctx, 5, []claims.Key{claim("brief").Key()})
				return err
			},
			nil,
			func(r *worldRole) bool { return len(r.Claims) == 2 },
		},
		"a claim added, and removed, and the other one undone": {
			edit(func(u *roles.UpdateV2) { u.Claims = append(u.Claims, claim("brief"), claim("lasting")) }),
			func(ctx context.Context, s *roles.V2) error {
				_, _, err := s.RemoveClaims(ctx, 5, []claims.Key{claim("brief").Key()})
				return err
			},
			func(r *worldRole) { r.Claims = r.Claims[:1] },
			func(r *worldRole) bool { return len(r.Claims) == 2 && r.Claims[1].ClaimValue == "lasting" },
		},
		"a claim removed, and added": {
			func(ctx context.Context, s *roles.V2) error {
				_, _, err := s.RemoveClaims(ctx, 5, []claims.Key{claim("ops").Key()})
				return err
			},
			edit(func(u *roles.UpdateV2) { u.Claims = append(u.Claims, claim("ops")) }),
			nil,
			func(r *worldRole) bool { return len(r.Claims) == 1 },
		},
		"a claim whose domain the server added": {
			edit(func(u *roles.UpdateV2) { u.Claims = append(u.Claims, ad) }),
			func(ctx context.Context, s *roles.V2) error {
				key := ad.Key()
				key.Value = `KEYEXAMPLE\OPS`
				_, _, err := s.RemoveClaims(ctx, 5, []claims.Key{key})
				return err
			},
			nil,
			func(r *worldRole) bool { return len(r.Claims) == 1 },
		},
		"a permission granted, and revoked": {
			edit(func(u *roles.UpdateV2) { u.Permissions = append(u.Permissions, "/reports/read/") }),
			func(ctx context.Context, s *roles.V2) error {
				_, _, err := s.Revoke(ctx, 5, paths("/reports/"))
				return err
			},
			nil,
			func(r *worldRole) bool { return slices.Equal(r.Permissions, []string{"/portal/read/"}) },
		},
		"a permission revoked, and granted": {
			edit(func(u *roles.UpdateV2) { u.Permissions = nil }),
			func(ctx context.Context, s *roles.V2) error {
				_, _, err := s.Grant(ctx, 5, paths("/portal/read/"))
				return err
			},
			nil,
			func(r *worldRole) bool { return slices.Equal(r.Permissions, []string{"/portal/read/"}) },
		},
		"a field": {
			edit(func(u *roles.UpdateV2) { u.Description, u.EmailAddress = "first", new("first@example.com") }),
			edit(func(u *roles.UpdateV2) { u.Description = "later" }),
			nil,
			func(r *worldRole) bool { return r.Description == "later" && *r.EmailAddress == "first@example.com" },
		},
		"a field, and another one undone": {
			edit(func(u *roles.UpdateV2) { u.Description, u.EmailAddress = "first", new("first@example.com") }),
			edit(func(u *roles.UpdateV2) { u.Description = "later" }),
			func(r *worldRole) { r.EmailAddress = nil },
			func(r *worldRole) bool { return r.Description == "later" && *r.EmailAddress == "first@example.com" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "ops")
				w.read = func(s string) string {
					return strings.Replace(s, `"ClaimType":1,"ClaimValue":"ops"`, `"ClaimType":1,"ClaimValue":"KEYEXAMPLE\\OPS"`, 1)
				}
				s := w.service(security.WithSettle(5 * time.Second))
				var group sync.WaitGroup
				group.Go(func() {
					if err := tt.first(t.Context(), s); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(time.Second)
				group.Go(func() {
					if err := tt.later(t.Context(), s); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(time.Second)
				wantWrites := 2
				if tt.theirs != nil {
					w.change(tt.theirs)
					wantWrites = 3
				}
				group.Wait()
				if !tt.check(&w.role) || w.writes() != wantWrites {
					t.Errorf("after %d writes the role is %+v", w.writes(), w.role)
				}
			})
		})
	}
}

// While one edit waits for the role to settle, and another program undoes it,
// the next edit of the same client does it again, in a form that the server takes.
func TestSettleRepeatsWaitingEdits(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, first, theirs, want []string
	}{
		"narrower than before": {
			[]string{"/portal/read/", "/certificates/"},
			[]string{"/portal/read/", "/certificates/import/"},
			[]string{"/portal/read/", "/certificates/"},
			[]string{"/portal/read/", "/certificates/import/"},
		},
		"wider than what they add": {
			[]string{"/portal/read/"},
			[]string{"/portal/read/", "/certificates/"},
			[]string{"/portal/read/", "/certificates/import/"},
			[]string{"/portal/read/", "/certificates/"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.role.Permissions = tt.before
				s := w.service(security.WithSettle(5 * time.Second))
				var group sync.WaitGroup
				group.Go(func() {
					if _, _, err := s.Edit(t.Context(), 5, func(u *roles.UpdateV2) error { u.Permissions = paths(tt.first...); return nil }); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(time.Second)
				w.change(func(r *worldRole) { r.Permissions = tt.theirs })
				_, change, err := s.AddClaims(t.Context(), 5, []claims.Request{claim("ours")})
				if err != nil || len(change.Fields) != 1 {
					t.Errorf("%v, %v", change, err)
				}
				group.Wait()
				if !slices.Equal(w.role.Permissions, tt.want) || w.writes() != 2 {
					t.Errorf("after %d writes the role has %v, want %v", w.writes(), w.role.Permissions, tt.want)
				}
				if got, want := w.requests(), "GET 0s, PUT 0s, GET 0s, GET 1s, PUT 1s, GET 1s, GET 6s, GET 6s"; got != want {
					t.Errorf("requests are %s, want %s", got, want)
				}
			})
		})
	}
}

// What another edit of the client brings back after another program undid it can be
// undone again by what that program read in between: both edits wait for that.
func TestSettleCountsFromTheLastWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.service(security.WithSettle(5 * time.Second))
		theirs := func() { w.change(func(r *worldRole) { r.Claims = nil }) }
		time.AfterFunc(2*time.Second, theirs)
		time.AfterFunc(6*time.Second, theirs) // read after 2 s, sent late, as it may be
		var group sync.WaitGroup
		group.Go(func() {
			if _, _, err := s.AddClaims(t.Context(), 5, []claims.Request{claim("a")}); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(3 * time.Second)
		if _, _, err := s.AddClaims(t.Context(), 5, []claims.Request{claim("b")}); err != nil {
			t.Error(err)
		}
		group.Wait()
		w.expect("a", "b")
	})
}

// What an edit that is over wrote is no longer repeated by others.
func TestSettleForgetsWhatIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.service(security.WithSettle(5 * time.Second))
		// A third edit waits all the time, so that the turn is never given up.
		go func() {
			_, _, _ = s.AddClaims(t.Context(), 5, []claims.Request{claim("c")})
		}()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := s.AddClaims(ctx, 5, []claims.Request{claim("a")})
		is(t, err, context.DeadlineExceeded, security.ErrUnknownOutcome)
		w.change(func(r *worldRole) { r.Claims = nil })
		if _, _, err := s.AddClaims(t.Context(), 5, []claims.Request{claim("b")}); err != nil {
			t.Error(err)
		}
		w.expect("b", "c")
	})
}

// The change that an edit reports is what it wrote, also if a later edit of the
// same client took some of it over.
func TestSettleReportsTheWholeChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.service(security.WithSettle(5 * time.Second))
		var group sync.WaitGroup
		group.Go(func() {
			_, change, err := s.AddClaims(t.Context(), 5, []claims.Request{claim("brief")})
			if err != nil || change.Action != security.Updated || !slices.Equal(change.Fields[0].Added, []string{"OAuthRole brief (System)"}) {
				t.Errorf("%+v, %v", change, err)
			}
		})
		time.Sleep(time.Second)
		if _, _, err := s.RemoveClaims(t.Context(), 5, []claims.Key{claim("brief").Key()}); err != nil {
			t.Error(err)
		}
		group.Wait()
	})
}

// A write is not built on a reading older than the settle time.
func TestSettleReadsAgainWhatIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.on(1, func(_ *http.Request, do func() *http.Response) (*http.Response, error) {
			time.Sleep(6 * time.Second)
			return do(), nil
		})
		calls := 0
		_, _, err := w.service(security.WithSettle(5*time.Second)).Edit(t.Context(), 5, func(u *roles.UpdateV2) error {
			calls++
			u.Description = "new"
			return nil
		})
		if err != nil || calls != 2 {
			t.Errorf("after %d calls: %v", calls, err)
		}
		if got, want := w.requests(), "GET 0s, GET 6s, PUT 6s, GET 6s, GET 11s"; got != want {
			t.Errorf("requests are %s, want %s", got, want)
		}
	})
}

func TestSettleShorterThanAReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.delay = time.Second
		_, _, err := w.service(security.WithSettle(time.Millisecond)).AddClaims(t.Context(), 5, []claims.Request{claim("ours")})
		is(t, err, security.ErrConflict)
		if isNot(t, err, security.ErrUnknownOutcome); !strings.Contains(err.Error(), "slower than the settle time of 1ms") || w.writes() > 0 {
			t.Errorf("after %d writes: %v", w.writes(), err)
		}
	})
}

// Two programs that know nothing of each other, a hundred edits each at the same
// time, and the PUTs of one take long to arrive: with the settle time, every claim of
// both is there at the end. Without it some are not, which shows that the test would
// notice.
func TestSettleBetweenTwoPrograms(t *testing.T) {
	t.Parallel()
	for _, settle := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.travel = func(r *http.Request) time.Duration {
				if r.Method == http.MethodPut && r.Header.Get("X-Program") == "b" {
					return 25 * time.Millisecond
				}
				return 5 * time.Millisecond
			}
			var group sync.WaitGroup
			for _, program := range []string{"a", "b"} {
				opts := []security.Option{security.WithHeader("X-Program", program)}
				if settle {
					opts = append(opts, security.WithSettle(60*time.Millisecond))
				}
				s := w.service(opts...)
				for i := range 100 {
					group.Go(func() {
						err := security.ErrConflict // so much undoes itself that an edit may give up, and is run again
						for errors.Is(err, security.ErrConflict) {
							_, _, err = s.AddClaims(t.Context(), 5, []claims.Request{claim(fmt.Sprintf("%s-%03d", program, i))})
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
			}
			group.Wait()
			if got := len(w.holders()); settle != (got == 200) {
				t.Errorf("%d claims of 200 are there, after %d writes", got, w.writes())
			}
		})
	}
}
