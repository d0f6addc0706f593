package roles_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// TestRemovingNonsense: what can be neither a permission nor a claim's key, and
// is not held, is a mistake; to say that it is gone would hide it.
func TestRemovingNonsense(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	for _, p := range []permissions.Path{"", "Certificates:Import", "/certificates/ import/"} {
		_, _, err := s.Revoke(t.Context(), id, []permissions.Path{"/reports/read/", p})
		if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "paths[1]") {
			t.Errorf("revoking %q gives %v", p, err)
		}
	}
	for _, k := range []claims.Key{{}, {Type: "oauthrole", Value: "ops", Scheme: "System"}, {Type: claims.TypeOAuthRole, Value: "ops"}} {
		_, _, err := s.RemoveClaims(t.Context(), id, []claims.Key{claim("nobody").Key(), k})
		if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "remove[1].") {
			t.Errorf("removing %v gives %v", k, err)
		}
	}
}

// TestWaitingForATurn says what it waited for.
func TestWaitingForATurn(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	_, _, err := s.Edit(t.Context(), id, func(*roles.UpdateV2) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, _, err := s.Edit(ctx, id, func(*roles.UpdateV2) error { return nil })
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting for another call") {
		t.Error(err)
	}
}

// TestDryRunSharesNothing: a preview is the caller's to change.
func TestDryRunSharesNothing(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	want := roles.CreateV2{Name: "Operators", Description: "Ops", Permissions: []permissions.Path{"/reports/read/"}}
	role, _, err := serviceOf(t, server).Ensure(t.Context(), want, security.WithDryRun())
	if err != nil {
		t.Fatal(err)
	}
	role.Permissions[0] = "/"
	if want.Permissions[0] != "/reports/read/" {
		t.Errorf("what is wanted became %v", want.Permissions)
	}
}

// quick makes clients that hardly wait between attempts.
var quick = security.WithRetry(security.Retry{MaxAttempts: 4, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond})

// start starts a server with one role and returns the role's id.
func start(t *testing.T, opts ...securitytest.Option) (*securitytest.Server, int) {
	t.Helper()
	server := securitytest.NewServer(opts...)
	t.Cleanup(server.Close)
	id, err := server.AddRole(securitytest.Role{
		Name: "Operators", Description: "Ops", Permissions: []string{"/portal/read/", "/certificates/import/"},
		Claims: []securitytest.Claim{{Type: "OAuthRole", Value: "ops", Scheme: "System", Description: "Ops"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return server, id
}

func serviceOf(t *testing.T, server *securitytest.Server, opts ...security.Option) *roles.V2 {
	t.Helper()
	client, err := server.Client(append([]security.Option{quick}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return roles.NewV2(client)
}

func claim(value string) claims.Request {
	return claims.Request{Type: claims.TypeOAuthRole, Value: value, Scheme: "System", Description: "test"}
}

// values lists the claim values of a role as the server has it.
func values(t *testing.T, server *securitytest.Server, id int) []string {
	t.Helper()
	role, ok := server.Role(id)
	if !ok {
		t.Fatalf("role %d is gone", id)
	}
	var out []string
	for _, c := range role.Claims {
		out = append(out, c.Value)
	}
	slices.Sort(out)
	return out
}

func TestEditChangesOneThing(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	before, _ := server.Role(id)
	role, change, err := serviceOf(t, server).Edit(t.Context(), id, func(u *roles.UpdateV2) error {
		u.Description = "Operators of the PKI"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	after, _ := server.Role(id)
	if role.Description != "Operators of the PKI" || after.Description != role.Description {
		t.Errorf("description is %q, on the server %q", role.Description, after.Description)
	}
	after.Description = before.Description
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("something else changed:\n%+v\n%+v", before, after)
	}
	want := fmt.Sprintf("role \"Operators\" (%d) updated\n  Description: \"Ops\" -> \"Operators of the PKI\"", id)
	if change.String() != want {
		t.Errorf("change is\n%s\nwant\n%s", change, want)
	}
}

func TestEditWithoutChangeWritesNothing(t *testing.T) {
	t.Parallel()
	server, id := start(t, securitytest.WithQuirks(securitytest.Quirks{NormalizeADClaims: "KEYEXAMPLE"}))
	s := serviceOf(t, server)
	ad := claims.Request{Type: claims.TypeGroup, Value: "pki admins", Scheme: "Active Directory", Description: "d"}
	if _, _, err := s.AddClaims(t.Context(), id, []claims.Request{ad}); err != nil {
		t.Fatal(err)
	}
	server.ResetRequests()
	for name, edit := range map[string]func() error{
		"nothing": func() error {
			_, _, err := s.Edit(t.Context(), id, func(*roles.UpdateV2) error { return nil })
			return err
		},
		"a claim that the server normalized": func() error {
			_, _, err := s.AddClaims(t.Context(), id, []claims.Request{ad})
			return err
		},
		"a permission that is held": func() error {
			_, _, err := s.Grant(t.Context(), id, []permissions.Path{"/portal/read/"})
			return err
		},
		"a claim that does not hold it": func() error {
			_, _, err := s.RemoveClaims(t.Context(), id, []claims.Key{claim("stranger").Key()})
			return err
		},
		"another order": func() error {
			_, _, err := s.Edit(t.Context(), id, func(u *roles.UpdateV2) error {
				slices.Reverse(u.Permissions)
				slices.Reverse(u.Claims)
				return nil
			})
			return err
		},
	} {
		if err := edit(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := apitest.Writes(server); n != 0 {
			t.Errorf("%s: %d writes", name, n)
		}
	}
}

func TestGrantAndRevoke(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	role, _, err := s.Grant(t.Context(), id, []permissions.Path{"/certificates/", "/certificates/collections/read/6/", "/certificates/"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range server.Requests() {
		if r.Method == "PUT" && strings.Count(string(r.Body), `"/certificates/"`) != 1 {
			t.Errorf("what was granted twice is sent as %s", r.Body)
		}
	}
	if want := []permissions.Path{"/portal/read/", "/certificates/"}; !slices.Equal(role.Permissions, want) {
		t.Errorf("permissions are %v, want %v", role.Permissions, want)
	}
	_, _, err = s.Revoke(t.Context(), id, []permissions.Path{"/certificates/import/"})
	if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "held through /certificates/") {
		t.Errorf("revoking a part of what is held gives %v", err)
	}
	role, _, err = s.Revoke(t.Context(), id, []permissions.Path{"/certificates/"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []permissions.Path{"/portal/read/"}; !slices.Equal(role.Permissions, want) {
		t.Errorf("permissions are %v, want %v", role.Permissions, want)
	}
}

// TestEditAllStops: the options reach the bulk operation.
func TestEditAllStops(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	results, err := serviceOf(t, server).EditAll(t.Context(), []int{9999, id}, func(u *roles.UpdateV2) error {
		u.Description = "changed"
		return nil
	}, &security.BulkOptions{StopOnError: true})
	if !errors.Is(err, security.ErrNotFound) || len(results) != 2 || !errors.Is(results[1].Err, security.ErrNotAttempted) {
		t.Errorf("%+v, %v", results, err)
	}
}

func TestEditRefusesBeforeWriting(t *testing.T) {
	t.Parallel()
	server, id := start(t, securitytest.WithPermissionSets(securitytest.PermissionSet{
		ID: "11111111-2222-3333-4444-555555555555", Name: "Small", Permissions: []string{"/portal/"},
	}))
	small, err := server.AddRole(securitytest.Role{Name: "Small role", Description: "d", PermissionSet: "Small", Permissions: []string{"/portal/read/"}})
	if err != nil {
		t.Fatal(err)
	}
	s := serviceOf(t, server)
	own := errors.New("changed my mind")
	for name, tt := range map[string]struct {
		id     int
		change func(*roles.UpdateV2) error
		want   []string
	}{
		"the callback's error": {id, func(*roles.UpdateV2) error { return own }, []string{"changed my mind"}},
		"several problems at once": {id, func(u *roles.UpdateV2) error {
			u.Name, u.Description = "", strings.Repeat("x", 513)
			u.Permissions = append(u.Permissions, "/certificates/")
			u.Claims = append(u.Claims, claims.Request{Type: "Nonsense"})
			return nil
		}, []string{
			"Name: must not be empty", "Description: must be at most 512 characters, got 513",
			"Permissions: /certificates/import/ is redundant", "Claims[1].Type:", "Claims[1].Value: must not be empty",
		}},
		"outside the permission set": {small, func(u *roles.UpdateV2) error {
			u.Permissions = append(u.Permissions, "/security/modify/")
			return nil
		}, []string{`Permissions[1]: /security/modify/ lies outside the permission set "Small"`}},
		"immutable": {1, func(u *roles.UpdateV2) error {
			u.Description = "mine"
			return nil
		}, []string{"Immutable:"}},
	} {
		server.ResetRequests()
		_, _, err := s.Edit(t.Context(), tt.id, tt.change)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q", name, err, want)
			}
		}
		if n := apitest.Writes(server); n != 0 {
			t.Errorf("%s: %d writes", name, n)
		}
	}
	if _, _, err := s.Edit(t.Context(), id, nil); !errors.Is(err, security.ErrInvalid) {
		t.Errorf("no callback: %v", err)
	}
	if _, _, err := s.Edit(t.Context(), id, func(*roles.UpdateV2) error { return own }); !errors.Is(err, own) {
		t.Errorf("the callback's error is lost: %v", err)
	}
	if _, _, err := s.AddClaims(t.Context(), 1, []claims.Request{claim("admins")}); err != nil {
		t.Errorf("the immutable role refuses claims: %v", err)
	}
}

func TestEditDryRun(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	role, change, err := serviceOf(t, server).Edit(t.Context(), id, func(u *roles.UpdateV2) error {
		u.Permissions = []permissions.Path{"/portal/read/", "/certificates/collections/revoke/6/"}
		u.Claims = append(u.Claims, claim("new"), claim("ops")) // it holds one of them already
		return nil
	}, security.WithDryRun())
	if err != nil {
		t.Fatal(err)
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
	if len(role.Claims) != 2 || len(role.Permissions) != 2 {
		t.Errorf("the preview is %+v", role)
	}
	for _, want := range []string{"would be updated", "+ /certificates/collections/revoke/6/ (", "- /certificates/import/ (", "+ OAuthRole new (System)"} {
		if !strings.Contains(change.String(), want) {
			t.Errorf("the change lacks %q:\n%s", want, change)
		}
	}
}

// One client, a hundred goroutines: every claim added is there, every claim
// removed is gone.
func TestEditsOfOneClientTakeTurns(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	for i := range 50 {
		if _, err := server.AddClaim(securitytest.Claim{Type: "OAuthRole", Value: fmt.Sprintf("old-%02d", i), Scheme: "System", Description: "d"}); err != nil {
			t.Fatal(err)
		}
	}
	all := server.Claims()
	if err := server.UpdateRole(id, func(r *securitytest.Role) { r.Claims = all }); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if _, _, err := s.AddClaims(t.Context(), id, []claims.Request{claim(fmt.Sprintf("new-%02d", i))}); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			if _, _, err := s.RemoveClaims(t.Context(), id, []claims.Key{claim(fmt.Sprintf("old-%02d", i)).Key()}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got := values(t, server, id)
	if len(got) != 51 || slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, "old-") }) {
		t.Errorf("claims are %v", got)
	}
}

// Another writer that undoes the change between our write and our reading is
// noticed, and its own change survives.
func TestEditRepairsALostUpdate(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	stale, _ := server.Role(id)
	calls := 0
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", After: 1, Times: 1, Interleave: func() {
		// The other writer read before us and writes after us.
		if err := server.UpdateRole(id, func(r *securitytest.Role) { *r = stale; r.Description = "theirs" }); err != nil {
			t.Error(err)
		}
	}})
	role, _, err := serviceOf(t, server).Edit(t.Context(), id, func(u *roles.UpdateV2) error {
		calls++
		u.Claims = append(u.Claims, claim("ours"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls != 2 || role.Description != "theirs" || len(role.Claims) != 2 {
		t.Errorf("after %d calls the role is %+v", calls, role)
	}
}

// A write that the server carries out after we looked for it is not made twice: what
// is read before the next write is looked at first.
func TestEditFindsALateWrite(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	count := func(n *string) {
		i, _ := strconv.Atoi(*n)
		*n = strconv.Itoa(i + 1)
	}
	server.Inject(securitytest.Fault{Method: "PUT", Path: "/Security/Roles", Times: 1, Status: http.StatusGatewayTimeout})
	// The first reading, the one that looks for the write, and then this one.
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", After: 2, Times: 1, Interleave: func() {
		if err := server.UpdateRole(id, func(r *securitytest.Role) { count(&r.Description) }); err != nil {
			t.Error(err)
		}
	}})
	role, change, err := serviceOf(t, server).Edit(t.Context(), id, func(u *roles.UpdateV2) error {
		count(&u.Description)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if role.Description != "1" || change.Action != security.Updated || apitest.Writes(server) != 1 {
		t.Errorf("after %d writes the description is %q: %v", apitest.Writes(server), role.Description, change)
	}
}

func TestEditGivesUpAgainstABusyWriter(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	stale, _ := server.Role(id)
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", Interleave: func() {
		_ = server.UpdateRole(id, func(r *securitytest.Role) { *r = stale })
	}})
	_, _, err := serviceOf(t, server).AddClaims(t.Context(), id, []claims.Request{claim("ours")})
	if !errors.Is(err, security.ErrConflict) {
		t.Errorf("error is %v", err)
	}
	if n := apitest.Writes(server); n != 40 {
		t.Errorf("%d writes", n)
	}
}

// What the server takes and does not keep is told as that, early. A busy writer's undoing
// is in no answer.
func TestEditIsNotKept(t *testing.T) {
	t.Parallel()
	server, id := start(t, securitytest.WithVersion("24.3.0"))
	service := serviceOf(t, server)
	role, _, err := service.Edit(t.Context(), id, func(u *roles.UpdateV2) error {
		u.Description, u.EmailAddress = "Kept", new("pki@example.com")
		return nil
	})
	if role != nil || err == nil || errors.Is(err, security.ErrConflict) || !errors.Is(err, security.ErrUnknownOutcome) || !strings.Contains(err.Error(), "the server does not keep EmailAddress: ") || !strings.Contains(err.Error(), "Command 24.4") {
		t.Errorf("%v", err)
	}
	if n := apitest.Writes(server); n != 4 { // the description, and the address three times alone
		t.Errorf("%d writes", n)
	}
	if now, _ := server.Role(id); now.Description != "Kept" {
		t.Errorf("%+v", now)
	}
}

// A failure at every single request of an edit: the edit succeeds, or running it
// again does, and nothing is doubled or lost.
func TestEditConvergesAfterEveryFailure(t *testing.T) {
	t.Parallel()
	for _, fault := range []securitytest.Fault{
		{Status: 500},
		{Status: 503, RetryAfter: "0"},
		{Status: 429},
		{Reset: true},
		{Reset: true, Commit: true},
		{Status: 502, Commit: true},
		{Truncate: true},
		{HTMLLogin: true},
		{Hang: true, Commit: true},
		{Hang: true},
	} {
		for request := range 3 {
			for _, times := range []int{1, 2, 10} {
				fault := fault
				fault.After, fault.Times = request, times
				t.Run(fmt.Sprintf("%+v", fault), func(t *testing.T) {
					t.Parallel()
					server, id := start(t)
					s := serviceOf(t, server, security.WithTimeout(100*time.Millisecond))
					server.Inject(fault)
					_, _, err := s.AddClaims(t.Context(), id, []claims.Request{claim("ours")})
					if err != nil && times == 1 && !fault.HTMLLogin {
						t.Errorf("one failure is too much: %v", err)
					}
					if err != nil {
						server.ClearFaults()
						if _, _, err := s.AddClaims(t.Context(), id, []claims.Request{claim("ours")}); err != nil {
							t.Errorf("again: %v", err)
						}
					}
					if got := values(t, server, id); !slices.Equal(got, []string{"ops", "ours"}) {
						t.Errorf("claims are %v", got)
					}
				})
			}
		}
	}
}

func TestEditEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server.Inject(securitytest.Fault{Method: "PUT", Interleave: cancel, Commit: true, Hang: true})
	_, _, err := s.AddClaims(ctx, id, []claims.Request{claim("ours")})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, security.ErrUnknownOutcome) {
		t.Errorf("error is %v", err)
	}
}

func TestRemoveClaimsOfSeveralDomains(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	group := func(value string) claims.Request {
		return claims.Request{Type: claims.TypeGroup, Value: value, Scheme: "Active Directory", Description: "d"}
	}
	if _, _, err := s.AddClaims(t.Context(), id, []claims.Request{group(`EAST\admins`), group(`WEST\admins`)}); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.RemoveClaims(t.Context(), id, []claims.Key{group("admins").Key()})
	if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "name the domain") {
		t.Errorf("error is %v", err)
	}
	if _, _, err := s.RemoveClaims(t.Context(), id, []claims.Key{group(`west\ADMINS`).Key()}); err != nil {
		t.Fatal(err)
	}
	if got := values(t, server, id); !slices.Equal(got, []string{`EAST\admins`, "ops"}) {
		t.Errorf("claims are %v", got)
	}
}

func TestPermissionsMustBeCanonical(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	const want = `"Portal" is not in canonical form, write "/portal/"`
	_, _, err := s.Grant(t.Context(), id, []permissions.Path{"Portal"})
	if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("Grant: %v", err)
	}
	_, err = s.Create(t.Context(), roles.CreateV2{Name: "n", Description: "d", Permissions: []permissions.Path{"Portal"}})
	if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("Create: %v", err)
	}
	if n := apitest.Writes(server); n != 0 {
		t.Errorf("%d writes", n)
	}
}
