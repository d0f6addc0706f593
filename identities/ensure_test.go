package identities_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func start(t *testing.T, opts ...securitytest.Option) *securitytest.Server {
	t.Helper()
	server := securitytest.NewServer(opts...)
	t.Cleanup(server.Close)
	if _, err := server.AddIdentity(securitytest.Identity{AccountName: `KEYEXAMPLE\others`}); err != nil {
		t.Fatal(err)
	}
	return server
}

func serviceOf(t *testing.T, server *securitytest.Server, opts ...security.Option) *identities.V1 {
	t.Helper()
	client, err := server.Client(append([]security.Option{
		security.WithRetry(security.Retry{MaxAttempts: 4, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return identities.NewV1(client)
}

const ops = `KEYEXAMPLE\ops`

// once checks that the account is there once, besides that of others.
func once(t *testing.T, server *securitytest.Server) {
	t.Helper()
	found := 0
	for _, i := range server.Identities() {
		if strings.EqualFold(i.AccountName, ops) {
			found++
		}
	}
	if n := len(server.Identities()); found != 1 || n != 2 {
		t.Errorf("there are %+v", server.Identities())
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	server := start(t)
	s := serviceOf(t, server)
	create := identities.Create{AccountName: ops}

	found, change, err := s.Ensure(t.Context(), create, security.WithDryRun())
	if err != nil || found != nil || apitest.Writes(server) != 0 || change.String() != `identity KEYEXAMPLE\ops would be created` {
		t.Errorf("the dry run gives %v, %v, %v", found, change, err)
	}
	found, change, err = s.Ensure(t.Context(), create)
	if err != nil || found.AccountName != ops || change.String() != fmt.Sprintf(`identity KEYEXAMPLE\ops (%d) created`, found.ID) {
		t.Errorf("%v, %v, %v", found, change, err)
	}
	for _, name := range []string{ops, `keyexample\OPS`, "ops", "OPS"} {
		again, change, err := s.Ensure(t.Context(), identities.Create{AccountName: name})
		if err != nil || again.ID != found.ID || change.Action != security.Unchanged {
			t.Errorf("%s: %v, %v, %v", name, again, change, err)
		}
	}
	if n := apitest.Writes(server); n != 1 {
		t.Errorf("%d writes", n)
	}
	once(t, server)
}

func TestEnsureRefuses(t *testing.T) {
	t.Parallel()
	server := start(t, securitytest.WithDirectory(securitytest.Identity{AccountName: `KEYEXAMPLE\admin`}), securitytest.WithIdentities(
		securitytest.Identity{AccountName: `ONE\ops`}, securitytest.Identity{AccountName: `TWO\ops`}))
	s := serviceOf(t, server)
	_, _, err := s.Ensure(t.Context(), identities.Create{AccountName: " "})
	problems, _ := errors.AsType[security.FieldErrors](err)
	if len(problems) != 1 || problems[0].Field != "AccountName" || len(server.Requests()) != 0 {
		t.Errorf("error is %v after %d requests", err, len(server.Requests()))
	}
	if _, _, err = s.Ensure(t.Context(), identities.Create{AccountName: "ops"}); !errors.Is(err, security.ErrConflict) || apitest.Writes(server) != 0 {
		t.Errorf("an ambiguous name gives %v", err)
	}
	// What the directory does not know is refused by the server, once.
	if _, _, err = s.Ensure(t.Context(), identities.Create{AccountName: `THREE\ops`}); !errors.Is(err, security.ErrInvalid) || apitest.Writes(server) != 1 {
		t.Errorf("an unknown account gives %v after %d writes", err, apitest.Writes(server))
	}
	server.Inject(securitytest.Fault{Method: "GET", Status: 404})
	if _, _, err = s.Ensure(t.Context(), identities.Create{AccountName: `ONE\ops`}); !errors.Is(err, security.ErrNotFound) || apitest.Writes(server) != 1 {
		t.Errorf("a server without identities gives %v", err)
	}
}

func TestEnsureTheSameAtTheSameTime(t *testing.T) {
	t.Parallel()
	server := start(t, securitytest.WithLatency(time.Millisecond))
	for i := range 400 { // more than a page
		if _, err := server.AddIdentity(securitytest.Identity{AccountName: fmt.Sprintf(`KEYEXAMPLE\user%d`, i)}); err != nil {
			t.Fatal(err)
		}
	}
	s := serviceOf(t, server)
	var created atomic.Int32
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			name := []string{ops, "ops", fmt.Sprintf(`KEYEXAMPLE\new%d`, i)}[i%3]
			_, change, err := s.Ensure(t.Context(), identities.Create{AccountName: name})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if change.Action == security.Created && i%3 < 2 {
				created.Add(1)
			}
		})
	}
	group.Wait()
	if n := created.Load(); n != 1 || len(server.Identities()) != 1+400+1+13 {
		t.Errorf("created %d times, there are %d", n, len(server.Identities()))
	}
}

func TestEnsureConvergesAfterEveryFailure(t *testing.T) {
	t.Parallel()
	for _, fault := range apitest.Network() {
		for request := range 3 {
			for _, times := range []int{1, 2, 10} {
				fault := fault
				fault.After, fault.Times = request, times
				t.Run(fmt.Sprintf("%+v", fault), func(t *testing.T) {
					t.Parallel()
					server := start(t)
					s := serviceOf(t, server, apitest.Patience(fault))
					server.Inject(fault)
					_, _, err := s.Ensure(t.Context(), identities.Create{AccountName: ops})
					if err != nil && times == 1 && !fault.HTMLLogin {
						t.Errorf("one failure is too much: %v", err)
					}
					if err != nil {
						server.ClearFaults()
						if _, _, err := s.Ensure(t.Context(), identities.Create{AccountName: ops}); err != nil {
							t.Errorf("again: %v", err)
						}
					}
					once(t, server)
				})
			}
		}
	}
}

// A hundred runs over a network in which anything fails leave one identity.
func TestEnsureAHundredTimesOverABadNetwork(t *testing.T) {
	t.Parallel()
	server := start(t)
	random := rand.New(rand.NewPCG(5, 7)) // to be repeatable
	for range 100 {
		fault := apitest.Network()[random.IntN(len(apitest.Network()))]
		fault.After, fault.Times = random.IntN(3), 1+random.IntN(4)
		server.Inject(fault)
		s := serviceOf(t, server, security.WithTimeout(30*time.Millisecond)) // a program of its own
		_, _, _ = s.Ensure(t.Context(), identities.Create{AccountName: ops}) // whatever comes of it
		server.ClearFaults()
	}
	once(t, server)
}

func TestEnsureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server.Inject(securitytest.Fault{Method: "POST", Hang: true, Interleave: cancel})
	_, _, err := serviceOf(t, server).Ensure(ctx, identities.Create{AccountName: ops})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, security.ErrUnknownOutcome) {
		t.Errorf("error is %v", err)
	}
}

// An account that could not be found again is refused: Ensure would try to
// create it each time.
func TestEnsureRefusesWhatNoListShows(t *testing.T) {
	t.Parallel()
	_, _, err := identities.NewV1(apitest.Client(t)).Ensure(t.Context(), identities.Create{AccountName: "jsmith@example.com"})
	if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "AccountName") {
		t.Errorf("error is %v", err)
	}
}

func TestEnsureAll(t *testing.T) {
	t.Parallel()
	server := start(t)
	results, err := serviceOf(t, server).EnsureAll(t.Context(), []identities.Create{{AccountName: ops}, {AccountName: `KEYEXAMPLE\others`}, {AccountName: "a\nb"}}, nil)
	if !errors.Is(err, security.ErrInvalid) || len(results) != 3 || results[0].Change.Action != security.Created ||
		results[1].Change.Action != security.Unchanged || !errors.Is(results[2].Err, security.ErrInvalid) {
		t.Errorf("%+v, %v", results, err)
	}
	once(t, server)
}

// TestDryRunForesees: an account that Active Directory does not know is told before
// it is sent.
func TestDryRunForesees(t *testing.T) {
	t.Parallel()
	server := start(t, securitytest.WithDirectory(securitytest.Identity{AccountName: ops}))
	s := serviceOf(t, server)
	if _, change, err := s.Ensure(t.Context(), identities.Create{AccountName: ops}, security.WithDryRun()); err != nil || change.Action != security.Created {
		t.Errorf("a known account: %v, %v", change, err)
	}
	if _, change, err := s.Ensure(t.Context(), identities.Create{AccountName: `KEYEXAMPLE\nobody`}, security.WithDryRun()); !errors.Is(err, security.ErrInvalid) || change.Action != "" {
		t.Errorf("an unknown account: %v, %v", change, err)
	}
	server.Inject(securitytest.Fault{Path: "/Security/Identities/Lookup", Status: 403})
	if _, change, err := s.Ensure(t.Context(), identities.Create{AccountName: `KEYEXAMPLE\nobody`}, security.WithDryRun()); err != nil || change.Action != security.Created {
		t.Errorf("who may not look up: %v, %v", change, err)
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
}
