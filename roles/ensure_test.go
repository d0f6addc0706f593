package roles_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// desired is a role that start does not make.
func desired() roles.CreateV2 {
	return roles.CreateV2{
		Name: "PKI Auditors", Description: "They look", EmailAddress: new("audit@example.com"),
		Permissions: []permissions.Path{"/portal/read/", "/auditing/read/"},
		Claims:      []claims.Request{claim("auditors"), claim("ops")},
	}
}

// named lists the roles of the server with a name, in any case.
func named(server *securitytest.Server, name string) []securitytest.Role {
	return slices.DeleteFunc(server.Roles(), func(r securitytest.Role) bool { return !strings.EqualFold(r.Name, name) })
}

func TestEnsureCreates(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	role, change, err := serviceOf(t, server).Ensure(t.Context(), desired())
	if err != nil {
		t.Fatal(err)
	}
	found := named(server, "PKI Auditors")
	if len(found) != 1 || found[0].ID != role.ID || found[0].EmailAddress != "audit@example.com" || len(found[0].Claims) != 2 {
		t.Errorf("the server has %+v", found)
	}
	want := fmt.Sprintf(`role "PKI Auditors" (%d) created
  Description: "" -> "They look"
  EmailAddress: "" -> "audit@example.com"
  Permissions: + /portal/read/ (%s)
  Permissions: + /auditing/read/ (%s)
  Claims: + OAuthRole auditors (System)
  Claims: + OAuthRole ops (System)`, role.ID, permissions.EffectOf("/portal/read/"), permissions.EffectOf("/auditing/read/"))
	if change.String() != want {
		t.Errorf("change is\n%s\nwant\n%s", change, want)
	}
	if n := apitest.Writes(server); n != 1 {
		t.Errorf("%d writes", n)
	}
}

func TestEnsureCorrects(t *testing.T) {
	t.Parallel()
	full := roles.CreateV2{
		Name: "Operators", Description: "Ops", EmailAddress: new("ops@example.com"),
		Permissions: []permissions.Path{"/certificates/import/", "/portal/read/"},
		Claims:      []claims.Request{claim("ops")},
	}
	with := func(change func(*roles.CreateV2)) roles.CreateV2 {
		c := full
		change(&c)
		return c
	}
	for name, tt := range map[string]struct {
		desired roles.CreateV2
		want    []security.FieldChange // nil for unchanged
		after   func(*securitytest.Role)
	}{
		"as it is":                 {full, nil, nil},
		"the name in another case": {with(func(c *roles.CreateV2) { c.Name = "OPERATORS" }), nil, nil},
		"nothing said":             {roles.CreateV2{Name: "Operators", Description: "Ops"}, nil, nil},
		"the description": {
			with(func(c *roles.CreateV2) { c.Description = "Operations" }),
			[]security.FieldChange{{Field: "Description", From: "Ops", To: "Operations"}},
			func(r *securitytest.Role) { r.Description = "Operations" },
		},
		"an address less": {
			with(func(c *roles.CreateV2) { c.EmailAddress = new("") }),
			[]security.FieldChange{{Field: "EmailAddress", From: "ops@example.com"}},
			func(r *securitytest.Role) { r.EmailAddress = "" },
		},
		"no permissions": {
			with(func(c *roles.CreateV2) { c.Permissions = []permissions.Path{} }),
			[]security.FieldChange{{Field: "Permissions", Removed: []string{
				"/portal/read/ (" + permissions.EffectOf("/portal/read/") + ")",
				"/certificates/import/ (" + permissions.EffectOf("/certificates/import/") + ")",
			}}},
			func(r *securitytest.Role) { r.Permissions = nil },
		},
		"no claims": {
			with(func(c *roles.CreateV2) { c.Claims = []claims.Request{} }),
			[]security.FieldChange{{Field: "Claims", Removed: []string{"OAuthRole ops (System)"}}},
			func(r *securitytest.Role) { r.Claims = nil },
		},
		"another claim, and permissions left alone": {
			with(func(c *roles.CreateV2) { c.Claims, c.Permissions = []claims.Request{claim("new")}, nil }),
			[]security.FieldChange{{Field: "Claims", Added: []string{"OAuthRole new (System)"}, Removed: []string{"OAuthRole ops (System)"}}},
			func(r *securitytest.Role) {
				r.Claims = []securitytest.Claim{{Type: "OAuthRole", Value: "new", Scheme: "System", Description: "test"}}
			},
		},
		"another permission set": {
			with(func(c *roles.CreateV2) { c.PermissionSetID = "11111111-2222-3333-4444-555555555555" }),
			[]security.FieldChange{{Field: "PermissionSetID", From: securitytest.GlobalPermissionSetID, To: "11111111-2222-3333-4444-555555555555"}},
			func(r *securitytest.Role) { r.PermissionSet = "11111111-2222-3333-4444-555555555555" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, id := start(t, securitytest.WithPermissionSets(securitytest.PermissionSet{
				ID: "11111111-2222-3333-4444-555555555555", Name: "Wide", Permissions: []string{"/portal/", "/certificates/"},
			}))
			if err := server.UpdateRole(id, func(r *securitytest.Role) { r.EmailAddress = "ops@example.com" }); err != nil {
				t.Fatal(err)
			}
			s := serviceOf(t, server)
			before, _ := server.Role(id)
			wantWrites := 1
			if tt.want == nil {
				wantWrites = 0
			}

			_, planned, err := s.Ensure(t.Context(), tt.desired, security.WithDryRun())
			if err != nil {
				t.Fatal(err)
			}
			if n := apitest.Writes(server); n != 0 {
				t.Errorf("a dry run makes %d writes", n)
			}
			role, change, err := s.Ensure(t.Context(), tt.desired)
			if err != nil {
				t.Fatal(err)
			}
			if n := apitest.Writes(server); n != wantWrites {
				t.Errorf("%d writes, want %d", n, wantWrites)
			}
			if !planned.DryRun || change.DryRun {
				t.Errorf("DryRun is %t in the dry run and %t in the real one", planned.DryRun, change.DryRun)
			}
			planned.DryRun = false
			if !reflect.DeepEqual(planned, change) {
				t.Errorf("the dry run says %v, the real one %v", planned, change)
			}
			if !reflect.DeepEqual(change.Fields, tt.want) || (change.Action == security.Unchanged) != (tt.want == nil) {
				t.Errorf("change is %+v\nwant %+v", change, tt.want)
			}
			if tt.after != nil {
				tt.after(&before)
			}
			after, _ := server.Role(id)
			if got, want := plain(after), plain(before); got != want {
				t.Errorf("the role is\n%s\nwant\n%s", got, want)
			}
			if role.Description != after.Description || len(role.Claims) != len(after.Claims) {
				t.Errorf("returned is %+v", role)
			}
			if _, change, err = s.Ensure(t.Context(), tt.desired); err != nil || change.Action != security.Unchanged {
				t.Errorf("again: %v, %v", change, err)
			}
		})
	}
}

// plain prints a role without what no client decides.
func plain(r securitytest.Role) string {
	r.Legacy = nil
	r.Permissions = slices.Sorted(slices.Values(r.Permissions))
	r.Claims = slices.Clone(r.Claims)
	for i := range r.Claims {
		r.Claims[i].ID = 0
	}
	slices.SortFunc(r.Claims, func(a, b securitytest.Claim) int { return strings.Compare(a.Value, b.Value) })
	return fmt.Sprintf("%+v", r)
}

func TestEnsureDryRunOfACreation(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	s := serviceOf(t, server)
	role, planned, err := s.Ensure(t.Context(), desired(), security.WithDryRun())
	if err != nil || role != nil {
		t.Fatalf("the dry run returns %v, %v", role, err)
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
	_, change, err := s.Ensure(t.Context(), desired())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(planned.String(), "role \"PKI Auditors\" would be created\n") {
		t.Errorf("the plan is %s", planned)
	}
	planned.DryRun, change.ID = false, ""
	if !reflect.DeepEqual(planned, change) {
		t.Errorf("the dry run says %v, the real one %v", planned, change)
	}
}

func TestEnsureRefusesBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	s := serviceOf(t, server)
	long := strings.Repeat("x", 600)
	for name, tt := range map[string]struct {
		desired roles.CreateV2
		fields  []string
	}{
		"nothing at all": {roles.CreateV2{}, []string{"Name", "Description"}},
		"too long": {
			roles.CreateV2{Name: long, Description: long, EmailAddress: &long},
			[]string{"Name", "Description", "EmailAddress"},
		},
		"no permission set": {roles.CreateV2{Name: "n", Description: "d", PermissionSetID: "Global"}, []string{"PermissionSetID"}},
		"bad and redundant permissions": {
			roles.CreateV2{Name: "n", Description: "d", Permissions: []permissions.Path{"/portal/", "a b", "/portal/read/"}},
			[]string{"Permissions[1]", "Permissions"},
		},
		"bad claims": {
			roles.CreateV2{Name: "n", Description: "d", Claims: []claims.Request{claim("good"), {Type: "Nonsense"}}},
			[]string{"Claims[1].Type", "Claims[1].Value", "Claims[1].Scheme", "Claims[1].Description"},
		},
	} {
		_, change, err := s.Ensure(t.Context(), tt.desired)
		problems, _ := errors.AsType[security.FieldErrors](err)
		var fields []string
		for _, p := range problems {
			fields = append(fields, p.Field)
		}
		if !slices.Equal(fields, tt.fields) || !errors.Is(err, security.ErrInvalid) || change.Action != "" {
			t.Errorf("%s: %v, %v", name, change, err)
		}
	}
	if _, _, err := s.Ensure(t.Context(), desired(), security.WithSettle(-1)); !errors.Is(err, security.ErrInvalid) {
		t.Errorf("a bad option gives %v", err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// What only the server's data can tell is refused before the creation, too.
func TestEnsureRefusesWhatThePermissionSetDoesNotHold(t *testing.T) {
	t.Parallel()
	const small = "11111111-2222-3333-4444-555555555555"
	server, _ := start(t, securitytest.WithPermissionSets(securitytest.PermissionSet{ID: small, Name: "Small", Permissions: []string{"/portal/"}}))
	d := desired()
	d.PermissionSetID = small
	for _, opts := range [][]security.CallOption{nil, {security.WithDryRun()}} {
		_, _, err := serviceOf(t, server).Ensure(t.Context(), d, opts...)
		if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), `Permissions[1]: /auditing/read/ lies outside the permission set "Small"`) {
			t.Errorf("error is %v", err)
		}
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
}

// A name that the query language cannot quote is looked for in the whole list.
func TestEnsureByNamesThatCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`The "A" team`, `Back\slash`, "Größe 'x' %ME%"} {
		server, _ := start(t)
		s := serviceOf(t, server)
		d := desired()
		d.Name = name
		for _, want := range []security.Action{security.Created, security.Unchanged} {
			if _, change, err := s.Ensure(t.Context(), d); err != nil || change.Action != want {
				t.Errorf("%q: %v, %v, want %s", name, change, err, want)
			}
		}
		if n := len(named(server, name)); n != 1 {
			t.Errorf("%q: there are %d", name, n)
		}
	}
}

// Many goroutines that ensure the same role create it once, and one of them says
// so.
func TestEnsureTheSameAtTheSameTime(t *testing.T) {
	t.Parallel()
	server, _ := start(t, securitytest.WithLatency(time.Millisecond))
	s := serviceOf(t, server)
	var created atomic.Int32
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			d := desired()
			if i%2 == 1 {
				d.Name = strings.ToUpper(d.Name)
			}
			_, change, err := s.Ensure(t.Context(), d)
			if err != nil {
				t.Error(err)
			}
			if change.Action == security.Created {
				created.Add(1)
			}
		})
	}
	group.Wait()
	if n := created.Load(); n != 1 || len(named(server, "PKI Auditors")) != 1 {
		t.Errorf("created %d times, %d are there", n, len(named(server, "PKI Auditors")))
	}
}

// Two programs: whoever comes second finds what the first made, although it was
// not there when it looked.
func TestEnsureWhereSomebodyElseIsFaster(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]securitytest.Fault{
		"refused as taken":                  {},
		"refused, and then the answer lost": {Commit: true, Reset: true},
		"lost before it arrived":            {Reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, _ := start(t)
			fault.Method, fault.Times = "POST", 1
			fault.Interleave = func() {
				if _, err := server.AddRole(securitytest.Role{Name: "PKI Auditors", Description: "theirs", Permissions: []string{"/portal/"}}); err != nil {
					t.Error(err)
				}
			}
			server.Inject(fault)
			role, change, err := serviceOf(t, server).Ensure(t.Context(), desired())
			if err != nil {
				t.Fatal(err)
			}
			if role.Description != "They look" || len(role.Permissions) != 2 || len(role.Claims) != 2 {
				t.Errorf("the role is not as desired: %+v", role)
			}
			if change.Action != security.Updated || len(change.Fields) != 4 {
				t.Errorf("change is %v", change)
			}
		})
	}
}

// again runs ensure until it succeeds, without faults after the third time.
func again(t *testing.T, server *securitytest.Server, ensure func() error) {
	t.Helper()
	var err error
	for i := range 4 {
		if i == 3 {
			server.ClearFaults()
		}
		if err = ensure(); err == nil {
			return
		}
	}
	t.Errorf("it does not converge: %v", err)
}

func TestEnsureConvergesAfterEveryFailure(t *testing.T) {
	t.Parallel()
	for _, fault := range apitest.Network() {
		for request := range 5 {
			for _, times := range []int{1, 10} {
				for _, exists := range []bool{false, true} {
					fault := fault
					fault.After, fault.Times = request, times
					t.Run(fmt.Sprintf("%+v exists %t", fault, exists), func(t *testing.T) {
						t.Parallel()
						server, id := start(t)
						if exists {
							if _, err := server.AddRole(securitytest.Role{Name: "PKI Auditors", Description: "other"}); err != nil {
								t.Fatal(err)
							}
						}
						others, _ := server.Role(id)
						s := serviceOf(t, server, apitest.Patience(fault))
						server.Inject(fault)
						runs := 0
						again(t, server, func() error {
							runs++
							_, _, err := s.Ensure(t.Context(), desired())
							return err
						})
						if runs > 1 && times == 1 && !fault.HTMLLogin {
							t.Errorf("one failure is too much")
						}
						complete(t, server, 1)
						if now, _ := server.Role(id); !reflect.DeepEqual(now, others) {
							t.Errorf("another role changed to %+v", now)
						}
					})
				}
			}
		}
	}
}

// complete checks that there is exactly the desired role, with nothing doubled.
func complete(t *testing.T, server *securitytest.Server, want int) {
	t.Helper()
	found := named(server, "PKI Auditors")
	if len(found) != want {
		t.Fatalf("there are %d roles", len(found))
	}
	if found[0].Description != "They look" || len(found[0].Claims) != 2 || len(found[0].Permissions) != 2 {
		t.Errorf("the role is %+v", found[0])
	}
	keys := map[string]int{}
	for _, c := range server.Claims() {
		if keys[c.Type+c.Value+c.Scheme]++; keys[c.Type+c.Value+c.Scheme] > 1 {
			t.Errorf("the claim %+v is there twice", c)
		}
	}
}

// A hundred runs over a network in which anything fails leave one role.
func TestEnsureAHundredTimesOverABadNetwork(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	others, _ := server.Role(id)
	random := rand.New(rand.NewPCG(5, 7)) // to be repeatable
	var group sync.WaitGroup
	slots := make(chan struct{}, 8)
	for range 100 {
		s := serviceOf(t, server, security.WithTimeout(50*time.Millisecond)) // a program of its own
		for range 3 {
			fault := apitest.Network()[random.IntN(len(apitest.Network()))]
			fault.After, fault.Times = random.IntN(6), 1+random.IntN(2)
			fault.Method = []string{"", "POST", "PUT"}[random.IntN(3)]
			server.Inject(fault)
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, _, _ = s.Ensure(t.Context(), desired()) // whatever comes of it
		})
	}
	group.Wait()
	server.ClearFaults()
	if _, _, err := serviceOf(t, server).Ensure(t.Context(), desired()); err != nil {
		t.Error(err)
	}
	complete(t, server, 1)
	if now, _ := server.Role(id); !reflect.DeepEqual(now, others) {
		t.Errorf("another role changed to %+v", now)
	}
}

func TestEnsureAll(t *testing.T) {
	t.Parallel()
	server, _ := start(t, securitytest.WithLatency(2*time.Millisecond))
	peak := watch(server)
	var list []roles.CreateV2
	for i := range 60 {
		d := desired()
		d.Name = fmt.Sprintf("Team %02d", i)
		if i == 7 {
			d.Description = ""
		}
		list = append(list, d)
	}
	if _, _, err := serviceOf(t, server).Ensure(t.Context(), list[3]); err != nil {
		t.Fatal(err)
	}
	var told []int
	var response security.Response
	results, err := serviceOf(t, server).EnsureAll(t.Context(), list, nil, security.WithProgress(func(finished, total int) {
		if total != 60 {
			t.Errorf("total is %d", total)
		}
		told = append(told, finished) // without a lock: the race detector sees calls at the same time
	}), security.WithConcurrency(5), security.WithResponse(&response))
	if err == nil || !errors.Is(err, security.ErrInvalid) || !strings.HasPrefix(err.Error(), "1 of 60 items failed, 0 not attempted; the first error: ") {
		t.Errorf("error is %v", err)
	}
	for i, r := range results {
		switch {
		case i == 7:
			if r.Err == nil || r.Value != nil {
				t.Errorf("result 7 is %+v", r)
			}
		case r.Err != nil || r.Value.Name != list[i].Name || r.Change.Object != fmt.Sprintf("role %q", list[i].Name):
			t.Errorf("result %d is %+v", i, r)
		case (r.Change.Action == security.Unchanged) != (i == 3):
			t.Errorf("result %d is %s", i, r.Change.Action)
		}
	}
	if len(told) != 60 || !slices.IsSorted(told) || told[0] != 1 || told[59] != 60 {
		t.Errorf("progress was %v", told)
	}
	if got := peak.Load(); got > 5 || got < 2 {
		t.Errorf("%d requests were under way at the same time", got)
	}
}

// watch counts the most requests that are under way at the same time.
func watch(server *securitytest.Server) *atomic.Int32 {
	var now, peak atomic.Int32
	server.Inject(securitytest.Fault{Interleave: func() {
		n := now.Add(1)
		for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
		}
		time.Sleep(3 * time.Millisecond) // a slow server
		now.Add(-1)
	}})
	return &peak
}

func TestEnsureAllStopsOnError(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	var list []roles.CreateV2
	for i := range 20 {
		d := desired()
		d.Name = fmt.Sprintf("Team %02d", i)
		list = append(list, d)
	}
	list[4].Description = ""
	results, err := serviceOf(t, server).EnsureAll(t.Context(), list, &security.BulkOptions{StopOnError: true}, security.WithConcurrency(1))
	if !errors.Is(err, security.ErrInvalid) || !strings.HasPrefix(err.Error(), "1 of 20 items failed, 15 not attempted") {
		t.Errorf("error is %v", err)
	}
	for i, r := range results {
		if i < 4 && r.Err != nil || i == 4 && !errors.Is(r.Err, security.ErrInvalid) || i > 4 && !errors.Is(r.Err, security.ErrNotAttempted) {
			t.Errorf("result %d: %v", i, r.Err)
		}
	}
	if n := apitest.Writes(server); n != 4 {
		t.Errorf("%d writes", n)
	}
}

func TestEnsureAllEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	var list []roles.CreateV2
	for i := range 30 {
		d := desired()
		d.Name = fmt.Sprintf("Team %02d", i)
		list = append(list, d)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	results, err := serviceOf(t, server).EnsureAll(ctx, list, nil, security.WithProgress(func(finished, _ int) {
		if finished == 10 {
			cancel(enough)
		}
	}), security.WithConcurrency(3))
	if !errors.Is(err, context.Canceled) || !errors.Is(err, enough) {
		t.Errorf("error is %v", err)
	}
	done, left := 0, 0
	for i, r := range results {
		switch {
		case r.Err == nil:
			done++
			if len(named(server, list[i].Name)) != 1 {
				t.Errorf("%s is said to be there", list[i].Name)
			}
		case errors.Is(r.Err, security.ErrNotAttempted):
			left++
			if len(named(server, list[i].Name)) != 0 {
				t.Errorf("%s is said not to have been attempted", list[i].Name)
			}
		case !errors.Is(r.Err, context.Canceled):
			t.Errorf("%s: %v", list[i].Name, r.Err)
		}
	}
	if done < 10 || left < 16 || len(results) != 30 {
		t.Errorf("%d done, %d not attempted, of %d", done, left, len(results))
	}
}

func TestEnsureAllDryRun(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	results, err := serviceOf(t, server).EnsureAll(t.Context(), []roles.CreateV2{desired(), {Name: "Operators", Description: "New"}}, nil, security.WithDryRun())
	if err != nil || results[0].Change.Action != security.Created || results[1].Change.Action != security.Updated {
		t.Errorf("results are %+v, %v", results, err)
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func many(t *testing.T, n int, opts ...securitytest.Option) *securitytest.Server {
	t.Helper()
	server := securitytest.NewServer(opts...)
	t.Cleanup(server.Close)
	for i := range n {
		_, err := server.AddRole(securitytest.Role{
			Name: fmt.Sprintf("Team %04d", i), Description: fmt.Sprintf("Number %d", i), Permissions: []string{"/portal/read/"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return server
}

func TestDetails(t *testing.T) {
	t.Parallel()
	server := many(t, 1000)
	s := serviceOf(t, server)
	for _, n := range []int{1, 8} {
		peak := watch(server)
		if n == 1 {
			server.ClearFaults() // only that all of them come
		}
		count := 0
		var response security.Response
		opts := &roles.ListOptionsV2{Filter: roles.FieldName.StartsWith("Team"), Order: security.Descending, PageSize: 150}
		for role, err := range s.Details(t.Context(), opts, security.WithConcurrency(n), security.WithResponse(&response)) {
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("Number %d", 999-count); role.Description != want || len(role.Permissions) != 1 {
				t.Fatalf("role %d is %+v", count, role)
			}
			count++
		}
		if count != 1000 {
			t.Errorf("%d roles", count)
		}
		if got := peak.Load(); n == 8 && (got > 8 || got < 6) {
			t.Errorf("%d requests were under way at the same time", got)
		}
	}
}

// A role that is deleted after it was listed is not silently missing.
func TestDetailsOfARoleThatIsGone(t *testing.T) {
	t.Parallel()
	server := many(t, 20)
	gone := named(server, "Team 0012")[0].ID
	server.Inject(securitytest.Fault{Path: "/Security/Roles/{id}", Times: 1, Interleave: func() { server.DeleteRole(gone) }})
	count := 0
	var err error
	for _, err = range serviceOf(t, server).Details(t.Context(), &roles.ListOptionsV2{Filter: roles.FieldName.StartsWith("Team")}) {
		if err == nil {
			count++
		}
	}
	if !errors.Is(err, security.ErrListChanged) || !errors.Is(err, security.ErrNotFound) || count != 12 {
		t.Errorf("after %d roles: %v", count, err)
	}
}

// A role that is deleted between the list and its reading is created again.
func TestEnsureOfARoleThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", Times: 1, Interleave: func() { server.DeleteRole(id) }})
	role, change, err := serviceOf(t, server).Ensure(t.Context(), roles.CreateV2{Name: "Operators", Description: "Ops"})
	if err != nil || change.Action != security.Created || role.ID == id {
		t.Errorf("%+v, %v, %v", role, change, err)
	}
}

// Leaving the loop, or an error, leaves nothing running and asks for no more.
func TestDetailsEnds(t *testing.T) {
	t.Parallel()
	server := many(t, 100)
	s := serviceOf(t, server)
	count := 0
	for _, err := range s.Details(t.Context(), nil, security.WithConcurrency(4)) {
		if err != nil {
			t.Fatal(err)
		}
		if count++; count == 10 {
			break
		}
	}
	n := len(server.Requests())
	if n > 1+10+4 {
		t.Errorf("%d requests for 10 roles", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	count = 0
	var last error
	for _, err := range s.Details(ctx, nil) {
		if last = err; err != nil {
			break
		}
		if count++; count == 10 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || count > 20 {
		t.Errorf("after %d roles: %v", count, last)
	}
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", After: 30, Status: 403})
	if list, err := security.Collect(s.Details(t.Context(), nil)); !errors.Is(err, security.ErrForbidden) || list != nil {
		t.Errorf("%d roles, %v", len(list), err)
	}
	if _, err := security.Collect(s.Details(t.Context(), nil, security.WithConcurrency(0))); !errors.Is(err, security.ErrInvalid) {
		t.Errorf("a bad option gives %v", err)
	}
}

// An edit that changes what a pointer points to is an edit.
func TestEditThroughThePointer(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	if err := server.UpdateRole(id, func(r *securitytest.Role) { r.EmailAddress = "old@example.com" }); err != nil {
		t.Fatal(err)
	}
	_, _, err := serviceOf(t, server).Edit(t.Context(), id, func(u *roles.UpdateV2) error {
		*u.EmailAddress = "new@example.com"
		return nil
	})
	if role, _ := server.Role(id); err != nil || role.EmailAddress != "new@example.com" {
		t.Errorf("the address is %q, error %v", role.EmailAddress, err)
	}
}

// An edit cannot end up in another role than the one that it read.
func TestEditCannotChangeTheID(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	other, err := server.AddRole(securitytest.Role{Name: "Others", Description: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []int{other, 0} {
		_, _, err := serviceOf(t, server).Edit(t.Context(), id, func(u *roles.UpdateV2) error {
			u.ID, u.Name, u.Description = wrong, "New", "mine"
			return nil
		})
		if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "ID: ") {
			t.Errorf("error is %v", err)
		}
	}
	if role, _ := server.Role(other); role.Description != "theirs" || apitest.Writes(server) != 0 {
		t.Errorf("another role is %+v", role)
	}
}

// A claim that counts as the same is left as the role has it, even if
// something else changes: the server could make another claim of it.
func TestEditKeepsClaimsAsTheyAreHeld(t *testing.T) {
	t.Parallel()
	server, id := start(t, securitytest.WithQuirks(securitytest.Quirks{NormalizeADClaims: "KEYEXAMPLE"}))
	bare := claims.Request{Type: claims.TypeGroup, Value: "ops", Scheme: "Active Directory", Description: "test"}
	qualified := bare
	qualified.Value = `OTHER\OPS`
	s := serviceOf(t, server)
	if _, _, err := s.AddClaims(t.Context(), id, []claims.Request{qualified}); err != nil {
		t.Fatal(err)
	}
	_, change, err := s.Ensure(t.Context(), roles.CreateV2{Name: "Operators", Description: "changed", Claims: []claims.Request{bare, claim("ops")}})
	if err != nil || len(change.Fields) != 1 {
		t.Errorf("%v, %v", change, err)
	}
	if got := values(t, server, id); !slices.Equal(got, []string{`OTHER\OPS`, "ops"}) {
		t.Errorf("claims are %v", got)
	}
}

// A write whose answer is lost is looked for, however little a client repeats.
func TestEditLooksAfterTheLastAttempt(t *testing.T) {
	t.Parallel()
	for _, fault := range []securitytest.Fault{{Reset: true, Commit: true}, {Status: 502, Commit: true}, {Truncate: true}} {
		server, id := start(t)
		fault.Method, fault.Times = "PUT", 1
		server.Inject(fault)
		s := serviceOf(t, server, security.WithRetry(security.Retry{MaxAttempts: 1, MinWait: time.Millisecond}))
		if _, _, err := s.AddClaims(t.Context(), id, []claims.Request{claim("ours")}); err != nil {
			t.Errorf("%+v: %v", fault, err)
		}
		if got := values(t, server, id); !slices.Equal(got, []string{"ops", "ours"}) {
			t.Errorf("claims are %v", got)
		}
	}
	server, id := start(t)
	server.Inject(securitytest.Fault{Method: "PUT", Reset: true})
	_, _, err := serviceOf(t, server).AddClaims(t.Context(), id, []claims.Request{claim("ours")})
	if !errors.Is(err, security.ErrUnknownOutcome) || apitest.Writes(server) != 4 {
		t.Errorf("after %d writes: %v", apitest.Writes(server), err)
	}
}

// TestHiddenCharactersInClaims: a role is not given to a claim that looks like
// another one, whichever call it goes through.
func TestHiddenCharactersInClaims(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	for _, hidden := range []string{"ops\x00", "ops\u202e", "o\u200bps"} {
		bad := claim(hidden)
		_, _, added := s.AddClaims(t.Context(), id, []claims.Request{bad})
		_, created := s.Create(t.Context(), roles.CreateV2{Name: "New", Description: "d", Claims: []claims.Request{bad}})
		_, _, ensured := s.Ensure(t.Context(), roles.CreateV2{Name: "New", Description: "d", Claims: []claims.Request{bad}}, security.WithDryRun())
		for name, err := range map[string]error{"AddClaims": added, "Create": created, "Ensure": ensured} {
			if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "Value") {
				t.Errorf("%s with %q: %v", name, hidden, err)
			}
		}
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
}

// TestEditNamesTheRole: the error of a bulk edit says which role it is about.
func TestEditNamesTheRole(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	server.Inject(securitytest.Fault{Method: "PUT", Status: 400, Times: 1})
	_, _, err := serviceOf(t, server).Edit(t.Context(), id, func(u *roles.UpdateV2) error { u.Description = "new"; return nil })
	if want := fmt.Sprintf("edit role %d: PUT /Security/Roles, version 2: 400", id); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v does not begin with %q", err, want)
	}
}
