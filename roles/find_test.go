package roles_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

const (
	kelvin = "\u212aey Operators" // looks like "Key Operators"
	global = `"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749"`
)

// listed is a list of roles as either version answers it.
func listed(names ...string) string {
	var items []string
	for i, name := range names {
		items = append(items, fmt.Sprintf(`{"Id":%d,"Name":%q,"Description":"d","EmailAddress":null,"Immutable":false,%s,"Permissions":[]}`, i+1, name, global))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func TestFind(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		name   string
		filter string // "" for the whole list
		list   []string
		want   int // id; 0 for none
		err    error
	}{
		"as it is written":            {"Operators", `Name -eq "Operators"`, []string{"OPERATORS", "Operators", "operators"}, 2, nil},
		"in another case":             {"prüfer", `Name -eq "prüfer"`, []string{"PRÜFER"}, 1, nil},
		"none":                        {"Operators", `Name -eq "Operators"`, nil, 0, security.ErrNotFound},
		"one like it, but not it":     {"Key Operators", `Name -eq "Key Operators"`, []string{kelvin}, 0, security.ErrNotFound},
		"several, and none exactly":   {"Operators", `Name -eq "Operators"`, []string{"OPERATORS", "operators"}, 0, security.ErrConflict},
		"a name that has a quote":     {`The "A" team`, "", []string{"Others", `THE "a" TEAM`}, 2, nil},
		"a name that does not show":   {"a\u202eb", `Name -eq "a` + "\u202e" + `b"`, []string{"a\u202eb"}, 1, nil},
		"a name with a control":       {"a\tb", "", []string{"a\tb"}, 1, nil},
		"others that the server adds": {"Operators", `Name -eq "Operators"`, []string{"Operators of the PKI"}, 0, security.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			query := "SortField=Name&PageReturned=1&ReturnLimit=200"
			if tt.filter != "" {
				query = "QueryString=(" + strings.ReplaceAll(tt.filter, " ", "+") + ")&" + query
			}
			list := apitest.Exchange{
				Method: "GET", Path: "/Security/Roles", Version: 2, Query: query,
				Header: http.Header{"X-Total-Count": {strconv.Itoa(len(tt.list))}}, Answer: listed(tt.list...),
			}
			exchanges := []apitest.Exchange{list}
			if tt.want > 0 {
				exchanges = append(exchanges, apitest.Exchange{
					Method: "GET", Path: fmt.Sprintf("/Security/Roles/%d", tt.want), Version: 2,
					Answer: fmt.Sprintf(`{"Id":%d,"Name":%s,"Description":"found","EmailAddress":null,%s,"Permissions":[],"Claims":[]}`, tt.want, apitest.Quote(tt.list[tt.want-1]), global),
				})
			}
			role, err := roles.NewV2(apitest.Client(t, exchanges...)).Find(t.Context(), tt.name)
			if !errors.Is(err, tt.err) || (role != nil) != (tt.want > 0) || role != nil && role.Description != "found" {
				t.Errorf("version 2: %v, %v", role, err)
			}
			list.Version = 1
			v1, err := roles.NewV1(apitest.Client(t, list)).Find(t.Context(), tt.name)
			if !errors.Is(err, tt.err) || (v1 != nil) != (tt.want > 0) || v1 != nil && v1.ID != tt.want {
				t.Errorf("version 1: %v, %v", v1, err)
			}
		})
	}
	s := roles.NewV2(apitest.Client(t))
	_, err := s.Find(t.Context(), " ")
	apitest.Refused(t, err, "name")
	_, err = roles.NewV1(apitest.Client(t)).Find(t.Context(), "")
	apitest.Refused(t, err, "name")
}

// A role that has another name when it is read than in the list is not the one that
// was looked for.
func TestFindOfARoleThatIsRenamedMeanwhile(t *testing.T) {
	t.Parallel()
	_, err := roles.NewV2(apitest.Client(t, apitest.Exchange{
		Method: "GET", Path: "/Security/Roles", Version: 2, Query: "QueryString=(Name+-eq+\"A\")&SortField=Name&PageReturned=1&ReturnLimit=200",
		Header: http.Header{"X-Total-Count": {"1"}}, Answer: listed("A"),
	}, apitest.Exchange{
		Method: "GET", Path: "/Security/Roles/1", Version: 2, Answer: `{"Id":1,"Name":"B","Description":"d",` + global + `,"Permissions":[],"Claims":[]}`,
	})).Find(t.Context(), "A")
	is(t, err, security.ErrListChanged)
}

// A role that is deleted between the list and its reading is not there.
func TestFindOfARoleThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	list := apitest.Exchange{
		Method: "GET", Path: "/Security/Roles", Version: 2, Query: "QueryString=(Name+-eq+\"A\")&SortField=Name&PageReturned=1&ReturnLimit=200",
		Header: http.Header{"X-Total-Count": {"1"}}, Answer: listed("A"),
	}
	for status, want := range map[int]error{404: security.ErrNotFound, 403: security.ErrForbidden} {
		_, err := roles.NewV2(apitest.Client(t, list, apitest.Exchange{
			Method: "GET", Path: "/Security/Roles/1", Version: 2, Status: status, Answer: `{"ErrorCode":"0xA0110000","Message":"made up"}`,
		})).Find(t.Context(), "A")
		is(t, err, want)
	}
}

// A role that only looks like the desired one is left alone, whether the server takes
// the names for the same or not.
func TestEnsureDoesNotTakeOverALookalike(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	id, err := server.AddRole(securitytest.Role{Name: kelvin, Description: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	_, change, err := serviceOf(t, server).Ensure(t.Context(), roles.CreateV2{Name: "Key Operators", Description: "ours"})
	if err == nil && change.Action != security.Created || err != nil && !errors.Is(err, security.ErrInvalid) {
		t.Errorf("%v, %v", change, err)
	}
	if theirs, _ := server.Role(id); theirs.Description != "theirs" {
		t.Errorf("their role is %+v", theirs)
	}
}

// A server that has no total and the same page for every number is asked a few
// times, and not a few hundred.
func TestEnsureOnAServerThatIgnoresPages(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	s := roles.NewV2(apitest.NewClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		requests.Add(1)
		return response(r, http.StatusOK, listed("Others")), nil
	})))
	_, _, err := s.Ensure(t.Context(), roles.CreateV2{Name: "Operators", Description: "d"})
	is(t, err, security.ErrListChanged)
	if n := requests.Load(); n > 15 {
		t.Errorf("%d requests", n)
	}
}

// A creation whose answer was lost was done; that its correction fails does not hide
// it.
func TestEnsureTellsOfUnknownOutcomes(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	server.Inject(securitytest.Fault{Method: "POST", Reset: true, Commit: true})
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", After: 1, Status: 403})
	_, _, err := serviceOf(t, server).Ensure(t.Context(), desired())
	is(t, err, security.ErrUnknownOutcome, security.ErrForbidden)
	if len(named(server, "PKI Auditors")) != 1 {
		t.Error("it was not created")
	}
}

// A dry run refuses what the write would be refused for, as far as it can be read.
func TestDryRunForesees(t *testing.T) {
	t.Parallel()
	const set = "11111111-2222-3333-4444-555555555555"
	bad := claim("x")
	bad.Scheme = "Systen"
	for name, tt := range map[string]struct {
		faults  []securitytest.Fault
		desired func(*roles.CreateV2)
		want    []string
	}{
		"nothing wrong": {nil, func(c *roles.CreateV2) {
			c.Permissions = append(c.Permissions, "/certificates/collections/read/6/", "/reports/")
			c.Claims[0].Scheme = "SYSTEM"
		}, nil},
		"a scheme": {nil, func(c *roles.CreateV2) { c.Claims = append(c.Claims, bad) }, []string{`Claims: OAuthRole x (Systen): no identity provider has the scheme "Systen"`}},
		"built-in schemes": {nil, func(c *roles.CreateV2) {
			c.Claims = append(c.Claims, claims.Request{Type: claims.TypeUser, Value: `KEYEXAMPLE\x`, Scheme: "active directory", Description: "d"})
		}, nil},
		"permissions": {nil, func(c *roles.CreateV2) {
			c.Permissions = paths("/portal/reed/", "/portal/read/", "/certificates/collections/reed/6/")
		}, []string{
			"Permissions: /portal/reed/ is not among the permissions that this server knows",
			"Permissions: /certificates/collections/reed/6/ is not among the permissions that this server knows",
		}},
		"a permission set": {nil, func(c *roles.CreateV2) { c.PermissionSetID = set }, []string{"PermissionSetID: there is no permission set " + set}},
		"all at once": {nil, func(c *roles.CreateV2) {
			c.PermissionSetID, c.Permissions, c.Claims = set, paths("/portal/reed/"), []claims.Request{bad}
		}, []string{"PermissionSetID: ", "Permissions: ", "Claims: "}},
		"permissions that may not be read": {
			[]securitytest.Fault{{Path: "/Permissions", Status: 403}},
			func(c *roles.CreateV2) { c.Permissions = paths("/portal/reed/") }, nil,
		},
		"providers that may not be read": {
			[]securitytest.Fault{{Path: "/IdentityProviders", Status: 403}},
			func(c *roles.CreateV2) { c.Claims = []claims.Request{bad} }, nil,
		},
		"a server without providers": {
			[]securitytest.Fault{{Path: "/IdentityProviders", Status: 404, Body: "<html>", ContentType: "text/html"}},
			func(c *roles.CreateV2) { c.Claims = []claims.Request{bad} }, nil,
		},
		"providers without schemes": {
			[]securitytest.Fault{{Path: "/IdentityProviders", Status: 200, Body: `[{"Id":"` + set + `","Name":"System"}]`}},
			func(c *roles.CreateV2) { c.Claims = []claims.Request{bad} }, nil,
		},
		"a permission set that may not be read": {
			[]securitytest.Fault{{Path: "/PermissionSets/{id}", Status: 403}},
			func(c *roles.CreateV2) { c.PermissionSetID = set }, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, id := start(t)
			for _, fault := range tt.faults {
				server.Inject(fault)
			}
			s := serviceOf(t, server)
			want := desired()
			tt.desired(&want)
			_, _, created := s.Ensure(t.Context(), want, security.WithDryRun())
			_, _, edited := s.Edit(t.Context(), id, func(u *roles.UpdateV2) error {
				if want.PermissionSetID != "" {
					u.PermissionSetID = want.PermissionSetID
				}
				u.Permissions, u.Claims = want.Permissions, want.Claims
				return nil
			}, security.WithDryRun())
			for _, err := range []error{created, edited} {
				problems, _ := errors.AsType[security.FieldErrors](err)
				if len(problems) != len(tt.want) || (err != nil) != (len(tt.want) > 0) {
					t.Errorf("error is %v", err)
				}
				for i := range min(len(problems), len(tt.want)) {
					if !strings.HasPrefix(problems[i].Error(), tt.want[i]) {
						t.Errorf("problem %d is %v, want %s", i, problems[i], tt.want[i])
					}
				}
			}
			if n := apitest.Writes(server); n != 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
	// A server that does not work is another matter.
	for _, path := range []string{"/Permissions", "/IdentityProviders"} {
		server, _ := start(t)
		server.Inject(securitytest.Fault{Path: path, Status: 500})
		_, _, err := serviceOf(t, server).Ensure(t.Context(), desired(), security.WithDryRun())
		is(t, err, security.ErrServer)
	}
}

// Reading the rest is for dry runs: a real run lets the server check.
func TestRealRunsReadNoMoreThanTheyMust(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	s := serviceOf(t, server)
	if _, _, err := s.Ensure(t.Context(), desired()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.AddClaims(t.Context(), id, []claims.Request{claim("new")}); err != nil {
		t.Fatal(err)
	}
	var templates []string
	for _, r := range server.Requests() {
		templates = append(templates, r.Method+" "+r.Template)
	}
	want := []string{"GET /Security/Roles", "POST /Security/Roles", "GET /Security/Roles/{id}", "PUT /Security/Roles", "GET /Security/Roles/{id}"}
	if !slices.Equal(templates, want) {
		t.Errorf("requests are %v", templates)
	}
}

func TestEditAll(t *testing.T) {
	t.Parallel()
	server := many(t, 40, securitytest.WithLatency(2*time.Millisecond))
	peak := watch(server)
	var ids []int
	for _, r := range server.Roles() {
		if strings.HasPrefix(r.Name, "Team") {
			ids = append(ids, r.ID)
		}
	}
	ids[7] = 4711 // there is none
	var told []int
	results, err := serviceOf(t, server).EditAll(t.Context(), ids, func(u *roles.UpdateV2) error {
		if u.Name == "Team 0003" {
			return nil
		}
		u.Description = "of " + u.Name
		return nil
	}, nil, security.WithConcurrency(5), security.WithProgress(func(done, total int) {
		if total != 40 {
			t.Errorf("total is %d", total)
		}
		told = append(told, done)
	}))
	if is(t, err, security.ErrNotFound); !strings.HasPrefix(err.Error(), "1 of 40 items failed, 0 not attempted; the first error: ") {
		t.Errorf("error is %v", err)
	}
	for i, r := range results {
		switch {
		case i == 7:
			is(t, r.Err, security.ErrNotFound)
		case r.Err != nil || r.Value.ID != ids[i]:
			t.Errorf("result %d is %+v", i, r)
		case (r.Change.Action == security.Unchanged) != (i == 3):
			t.Errorf("result %d is %s", i, r.Change.Action)
		}
	}
	if role, _ := server.Role(ids[9]); role.Description != "of Team 0009" {
		t.Errorf("role 9 is %+v", role)
	}
	if len(told) != 40 || !slices.IsSorted(told) {
		t.Errorf("progress was %v", told)
	}
	if got := peak.Load(); got > 5 || got < 2 {
		t.Errorf("%d requests were under way at the same time", got)
	}
	before := apitest.Writes(server)
	results, err = serviceOf(t, server).EditAll(t.Context(), ids[:3], describe("dry"), &security.BulkOptions{StopOnError: true}, security.WithDryRun())
	if err != nil || len(results) != 3 || !results[2].Change.DryRun || apitest.Writes(server) != before {
		t.Errorf("%+v, %v", results, err)
	}
	_, err = serviceOf(t, server).EditAll(t.Context(), ids[:3], nil, nil)
	is(t, err, security.ErrInvalid)
}

// TestFindTellsProgress: of the walk, and of nothing else.
func TestFindTellsProgress(t *testing.T) {
	t.Parallel()
	server, id := start(t)
	var told int
	role, err := serviceOf(t, server).Find(t.Context(), "Operators", security.WithProgress(func(int, int) { told++ }))
	if err != nil || role.ID != id || told == 0 {
		t.Errorf("%v, %v, told %d times", role, err, told)
	}
}
