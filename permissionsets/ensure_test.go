package permissionsets_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// start starts a server with a permission set besides Global.
func start(t *testing.T, opts ...securitytest.Option) *securitytest.Server {
	t.Helper()
	server := securitytest.NewServer(append(opts, securitytest.WithPermissionSets(securitytest.PermissionSet{
		ID: "11111111-2222-3333-4444-555555555555", Name: "Small", Permissions: []string{"/portal/read/", "/certificates/import/"},
	}))...)
	t.Cleanup(server.Close)
	return server
}

func serviceOf(t *testing.T, server *securitytest.Server, opts ...security.Option) *permissionsets.V1 {
	t.Helper()
	client, err := server.Client(append([]security.Option{
		security.WithRetry(security.Retry{MaxAttempts: 4, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return permissionsets.NewV1(client)
}

// held lists the permissions of the sets with a name, in any case.
func held(server *securitytest.Server, name string) (sets [][]string) {
	for _, s := range server.PermissionSets() {
		if strings.EqualFold(s.Name, name) {
			sets = append(sets, slices.Sorted(slices.Values(s.Permissions)))
		}
	}
	return sets
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		desired permissionsets.Create
		text    string // of the change, without the id
		want    []string
	}{
		"created": {
			permissionsets.Create{Name: `The "New" one`, Permissions: []permissions.Path{"/portal/", "/ssh/user/"}},
			"permission set \"The \"New\" one\" created\n  Permissions: + /portal/\n  Permissions: + /ssh/user/",
			[]string{"/portal/", "/ssh/user/"},
		},
		"unchanged": {
			permissionsets.Create{Name: "Small", Permissions: []permissions.Path{"/certificates/import/", "/portal/read/"}},
			`permission set "Small" unchanged`,
			[]string{"/certificates/import/", "/portal/read/"},
		},
		"unchanged in another spelling": {
			permissionsets.Create{Name: "SMALL", Permissions: []permissions.Path{"Certificates/Import", "/portal/read", "/portal/read/"}},
			`permission set "SMALL" unchanged`,
			[]string{"/certificates/import/", "/portal/read/"},
		},
		"updated": {
			permissionsets.Create{Name: "Small", Permissions: []permissions.Path{"/portal/read/", "/ssh/user/"}},
			"permission set \"Small\" updated\n  Permissions: + /ssh/user/\n  Permissions: - /certificates/import/",
			[]string{"/portal/read/", "/ssh/user/"},
		},
		"left as it is": {
			permissionsets.Create{Name: "Small"},
			`permission set "Small" unchanged`,
			[]string{"/certificates/import/", "/portal/read/"},
		},
		"emptied": {
			permissionsets.Create{Name: "Small", Permissions: []permissions.Path{}},
			"permission set \"Small\" updated\n  Permissions: - /portal/read/\n  Permissions: - /certificates/import/",
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			s := serviceOf(t, server)
			_, planned, err := s.Ensure(t.Context(), tt.desired, security.WithDryRun())
			if err != nil {
				t.Fatal(err)
			}
			if n := apitest.Writes(server); n != 0 {
				t.Errorf("a dry run makes %d writes", n)
			}
			set, change, err := s.Ensure(t.Context(), tt.desired)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Replace(change.String(), " ("+set.ID+")", "", 1)
			if strings.ReplaceAll(got, `\"`, `"`) != tt.text {
				t.Errorf("change is\n%s\nwant\n%s", got, tt.text)
			}
			planned.DryRun = false
			if planned.ID == "" {
				change.ID = ""
			}
			if !reflect.DeepEqual(planned, change) {
				t.Errorf("the dry run says %v, the real one %v", planned, change)
			}
			if got := held(server, tt.desired.Name); len(got) != 1 || !slices.Equal(got[0], tt.want) {
				t.Errorf("the server has %v, want %v", got, tt.want)
			}
			n := apitest.Writes(server)
			if _, change, err = s.Ensure(t.Context(), tt.desired); err != nil || change.Action != security.Unchanged || apitest.Writes(server) != n {
				t.Errorf("again: %v, %v", change, err)
			}
		})
	}
}

func TestEnsureRefusesBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	server := start(t)
	_, _, err := serviceOf(t, server).Ensure(t.Context(), permissionsets.Create{Name: "", Permissions: []permissions.Path{"/portal/", "a b"}})
	problems, _ := errors.AsType[security.FieldErrors](err)
	if len(problems) != 2 || problems[0].Field != "Name" || problems[1].Field != "Permissions[1]" {
		t.Errorf("error is %v", err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func desired() permissionsets.Create {
	return permissionsets.Create{Name: "Ops", Permissions: []permissions.Path{"/portal/", "/ssh/user/"}}
}

// once checks that the desired set is there once, and the others as they were.
func once(t *testing.T, server *securitytest.Server) {
	t.Helper()
	if got := held(server, "Ops"); len(got) != 1 || !slices.Equal(got[0], []string{"/portal/", "/ssh/user/"}) {
		t.Errorf("there are %v", got)
	}
	if got := held(server, "Small"); len(got) != 1 || len(got[0]) != 2 {
		t.Errorf("another set is %v", got)
	}
	if n := len(server.PermissionSets()); n != 3 {
		t.Errorf("there are %d sets", n)
	}
}

func TestEnsureTheSameAtTheSameTime(t *testing.T) {
	t.Parallel()
	server := start(t, securitytest.WithLatency(time.Millisecond))
	s := serviceOf(t, server)
	var created atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_, change, err := s.Ensure(t.Context(), desired())
			if err != nil {
				t.Error(err)
			}
			if change.Action == security.Created {
				created.Add(1)
			}
		})
	}
	group.Wait()
	if n := created.Load(); n != 1 {
		t.Errorf("created %d times", n)
	}
	once(t, server)
}

func TestEnsureConvergesAfterEveryFailure(t *testing.T) {
	t.Parallel()
	for _, fault := range apitest.Network() {
		for request := range 3 {
			for _, times := range []int{1, 2, 10} {
				for _, exists := range []bool{false, true} {
					fault := fault
					fault.After, fault.Times = request, times
					t.Run(fmt.Sprintf("%+v exists %t", fault, exists), func(t *testing.T) {
						t.Parallel()
						server := start(t)
						s := serviceOf(t, server, apitest.Patience(fault))
						if exists {
							if _, err := serviceOf(t, server).Create(t.Context(), permissionsets.Create{Name: "Ops", Permissions: []permissions.Path{"/reports/"}}); err != nil {
								t.Fatal(err)
							}
						}
						server.Inject(fault)
						_, change, err := s.Ensure(t.Context(), desired())
						if err != nil && (times == 1 && !fault.HTMLLogin || change.Action != "") {
							t.Errorf("one failure is too much: %v, %v", change, err)
						}
						if err != nil {
							server.ClearFaults()
							if _, _, err := s.Ensure(t.Context(), desired()); err != nil {
								t.Errorf("again: %v", err)
							}
						}
						once(t, server)
					})
				}
			}
		}
	}
}

// A hundred runs over a network in which anything fails leave one set.
func TestEnsureAHundredTimesOverABadNetwork(t *testing.T) {
	t.Parallel()
	server := start(t)
	random := rand.New(rand.NewPCG(5, 7)) // to be repeatable
	for range 100 {
		fault := apitest.Network()[random.IntN(len(apitest.Network()))]
		fault.After, fault.Times = random.IntN(3), 1+random.IntN(4)
		server.Inject(fault)
		s := serviceOf(t, server, security.WithTimeout(30*time.Millisecond)) // a program of its own
		_, _, _ = s.Ensure(t.Context(), desired())                           // whatever comes of it
		server.ClearFaults()
	}
	once(t, server)
}

func TestEnsureWhereSomebodyElseIsFaster(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]securitytest.Fault{"refused as taken": {}, "lost before it arrived": {Reset: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			other := serviceOf(t, server)
			fault.Method, fault.Times = "POST", 1
			fault.Interleave = func() {
				if _, err := other.Create(context.WithoutCancel(t.Context()), permissionsets.Create{Name: "Ops", Permissions: []permissions.Path{"/reports/"}}); err != nil {
					t.Error(err)
				}
			}
			server.Inject(fault)
			_, change, err := serviceOf(t, server).Ensure(t.Context(), desired())
			if err != nil || change.Action != security.Updated {
				t.Errorf("%v, %v", change, err)
			}
			once(t, server)
		})
	}
}

// TestDryRunSharesNothing: a preview is the caller's to change.
func TestDryRunSharesNothing(t *testing.T) {
	t.Parallel()
	want := permissionsets.Create{Name: "Small", Permissions: []permissions.Path{"/reports/read/"}}
	set, _, err := serviceOf(t, start(t)).Ensure(t.Context(), want, security.WithDryRun())
	if err != nil {
		t.Fatal(err)
	}
	set.Permissions[0] = "/"
	if want.Permissions[0] != "/reports/read/" {
		t.Errorf("what is wanted became %v", want.Permissions)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	server := start(t)
	s := serviceOf(t, server)
	for name, want := range map[string]string{"Small": "Small", "sMALL": "Small", "global": "Global", "Smal": "", `the "a" team`: "", "\u212aey": ""} {
		found, err := s.Find(t.Context(), name)
		switch {
		case want == "" && !errors.Is(err, security.ErrNotFound):
			t.Errorf("%q: %v, %v", name, found, err)
		case want != "" && (err != nil || found.Name != want):
			t.Errorf("%q: %v, %v", name, found, err)
		}
	}
	before := len(server.Requests())
	if _, err := s.Find(t.Context(), " "); !errors.Is(err, security.ErrInvalid) || len(server.Requests()) != before {
		t.Errorf("an empty name: %v", err)
	}
}

// A server that cannot filter permission sets is asked for all of them.
func TestFindWithoutFilter(t *testing.T) {
	t.Parallel()
	list := apitest.Exchange{Method: "GET", Path: "/PermissionSets", Version: 1, Query: "PageReturned=1&ReturnLimit=200&SortField=Id"}
	filtered, unsorted := list, list
	filtered.Query += `&QueryString=(Name+-eq+"Small")`
	filtered.Status, filtered.Answer = 400, `{"ErrorCode":"0xA0110003","Message":"Invalid query field"}`
	unsorted.Query = `PageReturned=1&ReturnLimit=200&QueryString=(Name+-eq+"Small")`
	unsorted.Status, unsorted.Answer = filtered.Status, filtered.Answer
	list.Answer = `[{"Id":"11111111-2222-3333-4444-555555555555","Name":"SMALL","Permissions":[]}]`
	list.Header = http.Header{"X-Total-Count": {"1"}}
	found, err := permissionsets.NewV1(apitest.Client(t, filtered, unsorted, list)).Find(t.Context(), "Small")
	if err != nil || found.Name != "SMALL" {
		t.Errorf("%v, %v", found, err)
	}
}

func TestEnsureAll(t *testing.T) {
	t.Parallel()
	server := start(t)
	var told []int
	results, err := serviceOf(t, server).EnsureAll(t.Context(), []permissionsets.Create{desired(), {Name: "Small"}, {Name: "a\u202eb"}}, nil,
		security.WithProgress(func(done, total int) { told = append(told, done, total) }))
	if !errors.Is(err, security.ErrInvalid) || len(results) != 3 || results[0].Change.Action != security.Created ||
		results[1].Change.Action != security.Unchanged || !errors.Is(results[2].Err, security.ErrInvalid) {
		t.Errorf("%+v, %v", results, err)
	}
	if !slices.Equal(told, []int{1, 3, 2, 3, 3, 3}) {
		t.Errorf("progress is %v", told)
	}
	once(t, server)
}

// TestDryRunForesees: permissions that the server does not know are told before they
// are sent.
func TestDryRunForesees(t *testing.T) {
	t.Parallel()
	server := start(t)
	s := serviceOf(t, server)
	for _, name := range []string{"New", "Small"} {
		for path, known := range map[permissions.Path]bool{"/nonsense/": false, "/portal/": true, "/certificates/collections/read/6/": true} {
			_, change, err := s.Ensure(t.Context(), permissionsets.Create{Name: name, Permissions: []permissions.Path{path}}, security.WithDryRun())
			if (err == nil) != known || !known && (!errors.Is(err, security.ErrInvalid) || change.Action != "") {
				t.Errorf("%s with %s: %v, %v", name, path, change, err)
			}
		}
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
}
