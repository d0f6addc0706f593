package claims_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// start starts a server with a claim that belongs to others.
func start(t *testing.T, opts ...securitytest.Option) *securitytest.Server {
	t.Helper()
	server := securitytest.NewServer(opts...)
	t.Cleanup(server.Close)
	if _, err := server.AddClaim(securitytest.Claim{Type: "OAuthRole", Value: "others", Scheme: "System", Description: "theirs"}); err != nil {
		t.Fatal(err)
	}
	return server
}

func serviceOf(t *testing.T, server *securitytest.Server, opts ...security.Option) *claims.V1 {
	t.Helper()
	client, err := server.Client(append([]security.Option{
		security.WithRetry(security.Retry{MaxAttempts: 4, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return claims.NewV1(client)
}

func role(value string) claims.Request {
	return claims.Request{Type: claims.TypeOAuthRole, Value: value, Scheme: "System", Description: "test"}
}

func group(value string) claims.Request {
	return claims.Request{Type: claims.TypeGroup, Value: value, Scheme: "Active Directory", Description: "test"}
}

func add(t *testing.T, server *securitytest.Server, r claims.Request) {
	t.Helper()
	_, err := server.AddClaim(securitytest.Claim{Type: string(r.Type), Value: r.Value, Scheme: r.Scheme, Description: r.Description})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	described := func(r claims.Request, description string) claims.Request {
		r.Description = description
		return r
	}
	for name, tt := range map[string]struct {
		existing []claims.Request
		desired  claims.Request
		action   security.Action
		text     string // of the change, without the ids
	}{
		"created": {
			nil, role("ops"), security.Created,
			"claim OAuthRole ops (System) created\n  Description: \"\" -> \"test\"",
		},
		"unchanged": {
			[]claims.Request{role("ops")},
			role("ops"), security.Unchanged,
			"claim OAuthRole ops (System) unchanged",
		},
		"updated": {
			[]claims.Request{role("ops")},
			described(role("ops"), "Ops"), security.Updated,
			"claim OAuthRole ops (System) updated\n  Description: \"test\" -> \"Ops\"",
		},
		"another case is another value of OAuth": {
			[]claims.Request{role("OPS")},
			role("ops"), security.Created,
			"claim OAuthRole ops (System) created\n  Description: \"\" -> \"test\"",
		},
		"another type": {
			[]claims.Request{role("ops")},
			claims.Request{Type: claims.TypeOAuthSubject, Value: "ops", Scheme: "System", Description: "test"},
			security.Created, "claim OAuthSubject ops (System) created\n  Description: \"\" -> \"test\"",
		},
		"another scheme": {
			[]claims.Request{role("ops")},
			claims.Request{Type: claims.TypeOAuthRole, Value: "ops", Scheme: "unknown", Description: "test"},
			security.Created, "claim OAuthRole ops (unknown) created\n  Description: \"\" -> \"test\"",
		},
		"a scheme in another case": {
			[]claims.Request{role("ops")},
			claims.Request{Type: claims.TypeOAuthRole, Value: "ops", Scheme: "SYSTEM", Description: "test"},
			security.Unchanged, "claim OAuthRole ops (SYSTEM) unchanged",
		},
		"a quote in the value": {
			[]claims.Request{role(`the "a" team`)},
			described(role(`the "a" team`), "Ops"), security.Updated,
			"claim OAuthRole the \"a\" team (System) updated\n  Description: \"test\" -> \"Ops\"",
		},
		"a control character in the value": {
			[]claims.Request{role("tab\tteam")},
			role("tab\tteam"), security.Unchanged,
			`claim OAuthRole tab\tteam (System) unchanged`,
		},
		"Active Directory in another case": {
			[]claims.Request{group(`KEYEXAMPLE\PKI Admins`)},
			group(`keyexample\pki admins`), security.Unchanged,
			`claim Group keyexample\pki admins (Active Directory) unchanged`,
		},
		"Active Directory without its domain": {
			[]claims.Request{group(`KEYEXAMPLE\PKI Admins`)},
			described(group(`pki admins`), "Ops"), security.Updated,
			"claim Group pki admins (Active Directory) updated\n  Description: \"test\" -> \"Ops\"",
		},
		"the same name in another domain": {
			[]claims.Request{group(`OTHER\PKI Admins`)},
			group(`KEYEXAMPLE\PKI Admins`), security.Created,
			"claim Group KEYEXAMPLE\\PKI Admins (Active Directory) created\n  Description: \"\" -> \"test\"",
		},
		"the exact one before a similar one": {
			[]claims.Request{group(`ops`), described(group(`KEYEXAMPLE\OPS`), "exact")},
			described(group(`KeyExample\Ops`), "exact"), security.Unchanged,
			`claim Group KeyExample\Ops (Active Directory) unchanged`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			for _, r := range tt.existing {
				add(t, server, r)
			}
			s := serviceOf(t, server)
			_, planned, err := s.Ensure(t.Context(), tt.desired, security.WithDryRun())
			if err != nil {
				t.Fatal(err)
			}
			if n := apitest.Writes(server); n != 0 {
				t.Errorf("a dry run makes %d writes", n)
			}
			claim, change, err := s.Ensure(t.Context(), tt.desired)
			if err != nil {
				t.Fatal(err)
			}
			if change.Action != tt.action || claim.Description != tt.desired.Description || !claim.Key().Same(tt.desired.Key()) || change.ID != strconv.Itoa(claim.ID) {
				t.Errorf("%+v, %+v", claim, change)
			}
			if got := strings.Replace(change.String(), fmt.Sprintf(" (%d)", claim.ID), "", 1); got != tt.text {
				t.Errorf("change is\n%s\nwant\n%s", got, tt.text)
			}
			planned.DryRun = false
			if tt.action == security.Created {
				change.ID = ""
			}
			if !reflect.DeepEqual(planned, change) {
				t.Errorf("the dry run says %v, the real one %v", planned, change)
			}
			want := 1
			if tt.action == security.Unchanged {
				want = 0
			}
			if n := apitest.Writes(server); n != want {
				t.Errorf("%d writes, want %d", n, want)
			}
			if _, change, err = s.Ensure(t.Context(), tt.desired); err != nil || change.Action != security.Unchanged {
				t.Errorf("again: %v, %v", change, err)
			}
		})
	}
}

// The server may normalize what it is given; that is no reason to create again.
func TestEnsureOnServersThatNormalize(t *testing.T) {
	t.Parallel()
	server := start(t, securitytest.WithQuirks(securitytest.Quirks{NormalizeADClaims: "KEYEXAMPLE", NormalizeSchemes: true}))
	s := serviceOf(t, server)
	unknown := claims.Request{Type: claims.TypeOAuthOid, Value: "x", Scheme: "unknown", Description: "test"}
	for _, r := range []claims.Request{group("pki admins"), unknown} {
		for _, want := range []security.Action{security.Created, security.Unchanged} {
			if _, change, err := s.Ensure(t.Context(), r); err != nil || change.Action != want {
				t.Errorf("%v: %v, %v, want %s", r, change, err, want)
			}
		}
	}
	if n := len(server.Claims()); n != 3 {
		t.Errorf("there are %d claims", n)
	}
}

// A name that several domains have is not corrected in one of them by chance.
func TestFindRefusesToChoose(t *testing.T) {
	t.Parallel()
	server := start(t)
	add(t, server, group(`ONE\ops`))
	add(t, server, group(`TWO\ops`))
	s := serviceOf(t, server)
	if _, err := s.Find(t.Context(), group("ops").Key()); !errors.Is(err, security.ErrConflict) || !strings.Contains(err.Error(), `ONE\ops`) {
		t.Errorf("error is %v", err)
	}
	if _, _, err := s.Ensure(t.Context(), group("ops")); !errors.Is(err, security.ErrConflict) || apitest.Writes(server) != 0 {
		t.Errorf("after %d writes: %v", apitest.Writes(server), err)
	}
	if found, err := s.Find(t.Context(), group(`two\OPS`).Key()); err != nil || found.Value != `TWO\ops` {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := s.Find(t.Context(), group(`THREE\ops`).Key()); !errors.Is(err, security.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
}

func TestEnsureRefusesBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	server := start(t)
	s := serviceOf(t, server)
	long := strings.Repeat("x", 513)
	for _, tt := range []struct {
		desired claims.Request
		fields  []string
	}{
		{claims.Request{}, []string{"Type", "Value", "Scheme", "Description"}},
		{claims.Request{Type: "Nonsense", Value: long, Scheme: long, Description: long}, []string{"Type", "Value", "Scheme", "Description"}},
		{claims.Request{Type: claims.TypeUser, Value: "v", Scheme: "s"}, []string{"Description"}},
	} {
		_, change, err := s.Ensure(t.Context(), tt.desired)
		problems, _ := errors.AsType[security.FieldErrors](err)
		var fields []string
		for _, p := range problems {
			fields = append(fields, p.Field)
		}
		if !slices.Equal(fields, tt.fields) || !errors.Is(err, security.ErrInvalid) || change.Action != "" {
			t.Errorf("%+v: %v, %v", tt.desired, change, err)
		}
	}
	if _, _, err := s.Ensure(t.Context(), role("ops"), security.WithConcurrency(0)); !errors.Is(err, security.ErrInvalid) {
		t.Errorf("a bad option gives %v", err)
	}
	if _, _, err := s.Ensure(t.Context(), role("ops"), security.WithProgress(func(int, int) {})); !errors.Is(err, security.ErrInvalid) {
		t.Errorf("progress of one thing gives %v", err)
	}
	if _, err := s.EnsureAll(t.Context(), []claims.Request{role("ops")}, nil, security.WithConcurrency(0)); !errors.Is(err, security.ErrInvalid) {
		t.Errorf("a bad option gives %v", err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestEnsureTheSameAtTheSameTime(t *testing.T) {
	t.Parallel()
	for name, spellings := range map[string][]claims.Request{
		"OAuth":            {role("ops")},
		"Active Directory": {group(`KEYEXAMPLE\Ops`), group(`keyexample\OPS`), group("ops")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t, securitytest.WithLatency(time.Millisecond))
			s := serviceOf(t, server)
			var created atomic.Int32
			var goroutines sync.WaitGroup
			for i := range 24 {
				goroutines.Go(func() {
					_, change, err := s.Ensure(t.Context(), spellings[i%len(spellings)])
					if err != nil {
						t.Error(err)
					}
					if change.Action == security.Created {
						created.Add(1)
					}
				})
			}
			goroutines.Wait()
			if n := created.Load(); n != 1 || len(server.Claims()) != 2 {
				t.Errorf("created %d times, there are %+v", n, server.Claims())
			}
		})
	}
}

func TestEnsureConvergesAfterEveryFailure(t *testing.T) {
	t.Parallel()
	for _, fault := range apitest.Network() {
		for request := range 4 {
			for _, times := range []int{1, 2, 10} {
				for _, existing := range []string{"", "wrong"} {
					fault := fault
					fault.After, fault.Times = request, times
					t.Run(fmt.Sprintf("%+v %q", fault, existing), func(t *testing.T) {
						t.Parallel()
						server := start(t)
						desired := group(`KEYEXAMPLE\ops`)
						if existing != "" {
							wrong := desired
							wrong.Description = existing
							add(t, server, wrong)
						}
						s := serviceOf(t, server, apitest.Patience(fault))
						server.Inject(fault)
						_, _, err := s.Ensure(t.Context(), desired)
						if err != nil && times == 1 && !fault.HTMLLogin {
							t.Errorf("one failure is too much: %v", err)
						}
						if err != nil {
							server.ClearFaults()
							if _, _, err := s.Ensure(t.Context(), desired); err != nil {
								t.Errorf("again: %v", err)
							}
						}
						ensured(t, server, desired)
					})
				}
			}
		}
	}
}

// ensured checks that the server has the claim once and that of others as it was.
func ensured(t *testing.T, server *securitytest.Server, desired claims.Request) {
	t.Helper()
	got := server.Claims()
	if len(got) != 2 || got[0].Value != "others" || got[0].Description != "theirs" ||
		got[1].Value != desired.Value || got[1].Description != desired.Description {
		t.Errorf("there are %+v", got)
	}
}

// A hundred runs over a network in which anything fails leave one claim.
func TestEnsureAHundredTimesOverABadNetwork(t *testing.T) {
	t.Parallel()
	server := start(t)
	random := rand.New(rand.NewPCG(5, 7)) // to be repeatable
	var runs sync.WaitGroup
	slots := make(chan struct{}, 8)
	for range 100 {
		s := serviceOf(t, server, security.WithTimeout(50*time.Millisecond)) // a program of its own
		for range 3 {
			fault := apitest.Network()[random.IntN(len(apitest.Network()))]
			fault.After, fault.Times = random.IntN(5), 1+random.IntN(2)
			fault.Method = []string{"", "POST"}[random.IntN(2)]
			server.Inject(fault)
		}
		runs.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, _, _ = s.Ensure(t.Context(), role("ops")) // whatever comes of it
		})
	}
	runs.Wait()
	server.ClearFaults()
	if _, _, err := serviceOf(t, server).Ensure(t.Context(), role("ops")); err != nil {
		t.Error(err)
	}
	ensured(t, server, role("ops"))
}

func TestEnsureWhereSomebodyElseIsFaster(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]securitytest.Fault{"refused as taken": {}, "lost before it arrived": {Reset: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			fault.Method, fault.Times = "POST", 1
			fault.Interleave = func() {
				if _, err := server.AddClaim(securitytest.Claim{Type: "OAuthRole", Value: "ops", Scheme: "System", Description: "hasty"}); err != nil {
					t.Error(err)
				}
			}
			server.Inject(fault)
			claim, change, err := serviceOf(t, server).Ensure(t.Context(), role("ops"))
			if err != nil || claim.Description != "test" || change.Action != security.Updated {
				t.Errorf("%+v, %v, %v", claim, change, err)
			}
			ensured(t, server, role("ops"))
		})
	}
}

func TestEnsureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server.Inject(securitytest.Fault{Method: "POST", Hang: true, Interleave: cancel})
	_, _, err := serviceOf(t, server).Ensure(ctx, role("ops"))
	if !errors.Is(err, context.Canceled) || !errors.Is(err, security.ErrUnknownOutcome) {
		t.Errorf("error is %v", err)
	}
}

// watch counts the most requests that are under way at the same time.
func watch(server *securitytest.Server) *atomic.Int32 {
	var now, peak atomic.Int32
	server.Inject(securitytest.Fault{Interleave: func() {
		n := now.Add(1)
		for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
		}
		time.Sleep(time.Millisecond) // a slow server
		now.Add(-1)
	}})
	return &peak
}

// Many Active Directory groups: they cannot be asked for one by one, so that
// each is looked for in a list that the others are growing, from two pages to three.
func TestEnsureAllOfAGrowingList(t *testing.T) {
	t.Parallel()
	server := start(t)
	for i := range 390 {
		add(t, server, group(fmt.Sprintf(`KEYEXAMPLE\old-%03d`, i)))
	}
	var list []claims.Request
	for i := range 40 {
		list = append(list, group(fmt.Sprintf(`KEYEXAMPLE\new-%03d`, i)))
	}
	peak := watch(server)
	var told []int
	var response security.Response
	results, err := serviceOf(t, server).EnsureAll(t.Context(), list, nil, security.WithProgress(func(finished, total int) {
		if total != len(list) {
			t.Errorf("total is %d", total)
		}
		told = append(told, finished)
	}), security.WithConcurrency(6), security.WithResponse(&response))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Err != nil || r.Value.Value != list[i].Value || r.Change.Action != security.Created {
			t.Errorf("result %d is %+v", i, r)
		}
	}
	if n := len(server.Claims()); n != 431 || len(told) != 40 || told[39] != 40 || !slices.IsSorted(told) {
		t.Errorf("there are %d claims, progress was %v", n, told)
	}
	if got := peak.Load(); got > 6 || got < 3 {
		t.Errorf("%d requests were under way at the same time", got)
	}
	t.Logf("%d requests for %d claims", len(server.Requests()), len(list))
}

func TestEnsureAllReportsEachItem(t *testing.T) {
	t.Parallel()
	server := start(t)
	add(t, server, role("same"))
	other := role("other")
	other.Description = "old"
	add(t, server, other)
	list := []claims.Request{role("new"), role("same"), role("other"), {Value: "bad"}, role("new"), role("last")}
	want := []security.Action{security.Created, security.Unchanged, security.Updated, "", security.Unchanged, security.Created}
	results, err := serviceOf(t, server).EnsureAll(t.Context(), list, nil, security.WithConcurrency(1))
	if !errors.Is(err, security.ErrInvalid) {
		t.Errorf("error is %v", err)
	}
	for i, r := range results {
		if r.Change.Action != want[i] || (r.Err == nil) != (i != 3) || (r.Value == nil) != (i == 3) {
			t.Errorf("result %d is %+v", i, r)
		}
	}
	results, err = serviceOf(t, server).EnsureAll(t.Context(), nil, nil)
	if len(results) != 0 || err != nil {
		t.Errorf("of nothing comes %v, %v", results, err)
	}
}

func TestEnsureAllEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := start(t)
	var list []claims.Request
	for i := range 30 {
		list = append(list, role(fmt.Sprintf("team-%02d", i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results, err := serviceOf(t, server).EnsureAll(ctx, list, nil, security.WithProgress(func(finished, _ int) {
		if finished == 10 {
			cancel()
		}
	}), security.WithConcurrency(2))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	left := 0
	for _, r := range results {
		if errors.Is(r.Err, security.ErrNotAttempted) {
			left++
		}
	}
	if left < 18 || len(server.Claims()) < 11 {
		t.Errorf("%d were not attempted, %d are there", left, len(server.Claims()))
	}
}

// TestDryRunForesees: what the server would refuse is told, as far as it can be read.
func TestDryRunForesees(t *testing.T) {
	t.Parallel()
	server := start(t)
	s := serviceOf(t, server)
	foreign := role("ops")
	foreign.Scheme = "Nobody"
	hidden := role("ops\u202e")
	for _, desired := range []claims.Request{foreign, hidden} {
		claim, change, err := s.Ensure(t.Context(), desired, security.WithDryRun())
		if !errors.Is(err, security.ErrInvalid) || claim != nil || change.Action != "" {
			t.Errorf("%v: %v, %v", desired, change, err)
		}
	}
	if _, change, err := s.Ensure(t.Context(), group(`KEYEXAMPLE\new`), security.WithDryRun()); err != nil || change.Action != security.Created {
		t.Errorf("Active Directory: %v, %v", change, err)
	}
	for _, fault := range []securitytest.Fault{{Path: "/IdentityProviders", Status: 403}, {Path: "/IdentityProviders", Status: 404, Body: "<html>"}} {
		server.Inject(fault)
		if _, change, err := s.Ensure(t.Context(), foreign, security.WithDryRun()); err != nil || change.Action != security.Created {
			t.Errorf("unreadable providers: %v, %v", change, err)
		}
		server.ClearFaults()
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
}
