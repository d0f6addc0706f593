package securitytest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

const newClaim = `{"ClaimType":5,"ClaimValue":"u","ProviderAuthenticationScheme":"System","Description":"d"}`

func TestFaultStatus(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.server.Inject(securitytest.Fault{Method: "POST", Path: "/Security/Claims", After: 1, Times: 1, Status: 429, RetryAfter: "7"})
	a.server.Inject(securitytest.Fault{Path: "Security/Roles/{id}", Version: 2, Status: 503})
	a.server.Inject(securitytest.Fault{Path: "/PermissionSets*", Status: 401})
	a.server.Inject(securitytest.Fault{Path: "/Permissions", Status: 200})
	a.server.Inject(securitytest.Fault{Path: "/Status/Endpoints", Status: 502, Body: "bad gateway", ContentType: "text/plain", RetryAfter: "Sun, 06 Nov 1994 08:49:37 GMT"})
	a.server.Inject(securitytest.Fault{Path: "/Security/My", Status: 409, Body: `{"Message":"no"}`})

	a.post("/Security/Claims", 1, newClaim).ok()
	got := a.post("/Security/Claims", 1, strings.Replace(newClaim, `"u"`, `"v"`, 1)).refused(429)
	if got.header.Get("Retry-After") != "7" || got.header.Get("X-Keyfactor-Correlation-Id") == "" {
		t.Errorf("headers %v", got.header)
	}
	a.post("/Security/Claims", 1, strings.Replace(newClaim, `"u"`, `"w"`, 1)).ok()
	equal(t, a.get("/Security/Claims", 1).column("ClaimValue"), []any{"u", "w"})

	a.get("/Security/Roles/1", 1).ok()
	a.get("/Security/Roles", 2).ok()
	for path, status := range map[string]int{"/Security/Roles/1": 503, "/Security/Roles/2": 503} {
		if got := a.get(path, 2); got.status != status || got.header.Get("Content-Type") != "text/html" {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
	}
	for _, path := range []string{"/PermissionSets", "/PermissionSets/" + globalSet} {
		if got := a.get(path, 1); got.status != 401 || !strings.Contains(got.body, "<html>") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	a.get("/Permissions", 1).is(200, "")
	got = a.get("/Status/Endpoints", 1).is(502, "bad gateway")
	if got.header.Get("Content-Type") != "text/plain" || got.header.Get("Retry-After") != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Errorf("headers %v", got.header)
	}
	a.get("/Security/My", 1).is(409, `{"Message":"no"}`)
	a.server.ClearFaults()
	a.get("/Security/Roles/1", 2).ok()
}

func TestFaultLoginPage(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.server.Inject(securitytest.Fault{HTMLLogin: true, Times: 1})
	got := a.get("/Security/Roles", 1)
	if got.status != 200 || got.header.Get("Content-Type") != "text/html" || !strings.Contains(got.body, "<form") || got.header.Get("X-Keyfactor-Product-Version") != "" {
		t.Errorf("got %d %v %s", got.status, got.header, got.body)
	}
	a.get("/Security/Roles", 1).ok()
}

// try sends a request that is expected to fail, and returns how.
func (a *api) try(ctx context.Context, method, path string, body string) error {
	resp, err := a.server.HTTPClient().Do(a.request(method, path, 1, body).WithContext(ctx))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.ReadAll(resp.Body)
	return err
}

func TestFaultReset(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.server.Inject(securitytest.Fault{Method: "POST", Reset: true, Times: 1})
	if err := a.try(t.Context(), "POST", "/Security/Claims", newClaim); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("before: %v", err)
	}
	equal(t, len(a.server.Claims()), 0)
	a.server.Inject(securitytest.Fault{Method: "POST", Reset: true, Commit: true})
	if err := a.try(t.Context(), "POST", "/Security/Claims", newClaim); err == nil {
		t.Error("after: no error")
	}
	equal(t, len(a.server.Claims()), 1)
}

func TestFaultTruncate(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.server.Inject(securitytest.Fault{Truncate: true, Times: 1})
	if err := a.try(t.Context(), "GET", "/Security/Roles", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	// Error bodies do not tell their length, unless they are cut off.
	a.server.Inject(securitytest.Fault{Truncate: true, Path: "/Security/Roles/99"})
	if err := a.try(t.Context(), "GET", "/Security/Roles/99", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	a.server.Inject(securitytest.Fault{Truncate: true, Method: "POST"})
	if err := a.try(t.Context(), "POST", "/Security/Claims", newClaim); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	equal(t, len(a.server.Claims()), 1)
}

func TestFaultHang(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.server.Inject(securitytest.Fault{Method: "POST", Hang: true, Commit: true, Times: 1})
	a.server.Inject(securitytest.Fault{Method: "GET", Hang: true})
	for i, method := range []string{"POST", "GET"} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.try(ctx, method, "/Security/Claims", newClaim) }()
		for len(a.server.Requests()) == i || len(a.server.Claims()) == 0 {
			time.Sleep(time.Millisecond)
		}
		select {
		case err := <-ended:
			t.Errorf("%s: ended before the client gave up: %v", method, err)
		case <-time.After(20 * time.Millisecond):
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", method, err)
			}
		}
		cancel()
	}
	equal(t, len(a.server.Claims()), 1)
}

func TestLatency(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithLatency(30*time.Millisecond))
	a.server.Inject(securitytest.Fault{Latency: 30 * time.Millisecond, Times: 1})
	for _, least := range []time.Duration{60 * time.Millisecond, 30 * time.Millisecond} {
		before := time.Now()
		a.get("/Status/HealthCheck", 1).is(204, "")
		if took := time.Since(before); took < least {
			t.Errorf("took %v, want at least %v", took, least)
		}
	}
	a.server.Inject(securitytest.Fault{Latency: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.try(ctx, "GET", "/Status/HealthCheck", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestInterleave plays the lost update: another program writes between a client's read and its write.
func TestInterleave(t *testing.T) {
	t.Parallel()
	a := populated(t)
	var met securitytest.Role
	a.server.Inject(securitytest.Fault{Method: "PUT", Path: "/Security/Roles", Times: 1, Interleave: func() {
		if err := a.server.UpdateRole(3, func(r *securitytest.Role) { r.Permissions = append(r.Permissions, "/ssl/read/") }); err != nil {
			t.Error(err)
		}
		met, _ = a.server.Role(3)
	}})
	a.put("/Security/Roles", 2, roleV2(3, "Operators", `["/portal/read/"]`, "[]")).ok()
	equal(t, met.Permissions[len(met.Permissions)-1], "/ssl/read/")
	role, _ := a.server.Role(3)
	equal(t, role.Permissions, []string{"/portal/read/"})
	// A fault can do both: let the other program write and fail.
	a.server.Inject(securitytest.Fault{Method: "GET", Status: 500, Interleave: func() { a.server.DeleteRole(3) }, Times: 1})
	if got := a.get("/Security/Roles/3", 2); got.status != 500 {
		t.Errorf("got %d", got.status)
	}
	a.get("/Security/Roles/3", 2).refused(404)
}

func TestFaultAtTokenEndpoint(t *testing.T) {
	t.Parallel()
	a := start(t)
	// A fault without a path is for the API only.
	a.server.Inject(securitytest.Fault{Status: 503, Times: 1})
	fetchToken(t, a, a.server.ClientID, a.server.ClientSecret)
	if got := a.get("/Permissions", 1); got.status != 503 {
		t.Errorf("got %d", got.status)
	}
	a.server.ClearFaults()
	a.server.Inject(securitytest.Fault{Path: securitytest.TokenPath, Status: 503, Times: 1})
	if _, status := askToken(t, a, nil); status != 503 {
		t.Errorf("got %d", status)
	}
	fetchToken(t, a, a.server.ClientID, a.server.ClientSecret)
}

// TestFaultPaths checks that a fault hits the requests that a person would say it describes, and no others.
func TestFaultPaths(t *testing.T) {
	t.Parallel()
	// Not by Start: half of the faults here are meant to miss.
	server := securitytest.NewServer(securitytest.WithRoles(securitytest.Role{ID: 12, Name: "A", Description: "d"}), securitytest.WithAPIPath("/Keyfactor/API"))
	defer server.Close()
	a := (&api{t: t, server: server}).as(server.Username, server.Password)
	host := strings.TrimSuffix(a.server.URL, "/Keyfactor/API")
	for _, test := range []struct {
		fault     securitytest.Fault
		hit, miss []string
	}{
		{fault: securitytest.Fault{Path: "/Security/Roles/{id}"}, hit: []string{"/Security/Roles/1", "/security/roles/12"}, miss: []string{"/Security/Roles", "/Security/Roles/1/Identities"}},
		{fault: securitytest.Fault{Path: "Security/Roles/{roleId}"}, hit: []string{"/Security/Roles/1"}},
		{fault: securitytest.Fault{Path: "/Security/Roles/1"}, hit: []string{"/Security/Roles/1"}, miss: []string{"/Security/Roles/12", "/Security/Roles/2"}},
		{fault: securitytest.Fault{Path: "/keyfactor/api/security/roles/1/"}, hit: []string{"/Security/Roles/1"}, miss: []string{"/Security/Roles/2"}},
		{fault: securitytest.Fault{Path: "Keyfactor/API/Security/Roles/{id}"}, hit: []string{"/Security/Roles/1"}},
		{fault: securitytest.Fault{Path: host + "/Keyfactor/API/Security/Roles?ReturnLimit=5"}, hit: []string{"/Security/Roles", "/Security/Roles?ReturnLimit=1"}},
		{fault: securitytest.Fault{Path: "/Security/Claims/{id}"}, hit: []string{"/Security/Claims/1"}, miss: []string{"/Security/Claims/Roles", "/Security/Claims"}},
		{fault: securitytest.Fault{Path: "/Security/*"}, hit: []string{"/Security/Claims", "/Security/Roles/1"}, miss: []string{"/PermissionSets", "/Security"}},
		{fault: securitytest.Fault{Path: "/PermissionSets*"}, hit: []string{"/PermissionSets", "/PermissionSets/" + globalSet}, miss: []string{"/Permissions"}},
		{fault: securitytest.Fault{Path: "/Security/Roles/1*"}, hit: []string{"/Security/Roles/1", "/Security/Roles/12", "/Security/Roles/1/Identities"}, miss: []string{"/Security/Roles/2"}},
		{fault: securitytest.Fault{Path: "/Security/Roles/{id}*"}, hit: []string{"/Security/Roles/1", "/Security/Roles/1/Identities"}, miss: []string{"/Security/Roles"}},
		{fault: securitytest.Fault{Path: "*"}, hit: []string{"/Permissions", "/Nothing"}},
		{fault: securitytest.Fault{Path: "/Nothing/{id}"}, hit: []string{"/Nothing/5"}, miss: []string{"/Nothing"}},
		{fault: securitytest.Fault{Method: "get", Path: "/Permissions"}, hit: []string{"/Permissions"}},
		{fault: securitytest.Fault{Method: "Post", Path: "*"}, miss: []string{"/Permissions"}},
	} {
		for status, paths := range map[int][]string{418: test.hit, 0: test.miss} {
			for _, path := range paths {
				a.server.ClearFaults()
				test.fault.Status = 418
				a.server.Inject(test.fault)
				if got := a.get(path, 1); (got.status == 418) != (status == 418) {
					t.Errorf("%v: %s got %d", test.fault, path, got.status)
				}
			}
		}
	}
	a.server.Inject(securitytest.Fault{Path: a.server.TokenURL(), Status: 418, Times: 1})
	if _, status := askToken(t, a, nil); status != 418 {
		t.Errorf("the token endpoint: got %d", status)
	}
}

// TestUnusedFaults checks that nobody believes in a fault that never fired.
func TestUnusedFaults(t *testing.T) {
	t.Parallel()
	var complaints []string
	test := &fakeTest{complain: func(text string) { complaints = append(complaints, text) }}
	server := securitytest.Start(test)
	a := (&api{t: t, server: server}).as(server.Username, server.Password)
	server.Inject(securitytest.Fault{Method: "get", Path: "/Security/Role", Version: 2, After: 1, Status: 503})
	server.ClearFaults()
	server.Inject(securitytest.Fault{Path: "/Security/Roles/{id}", Commit: true, Hang: true})
	server.Inject(securitytest.Fault{Path: "/Permissions", Latency: time.Millisecond, Truncate: true, HTMLLogin: true, Reset: true, Interleave: func() {}})
	server.Inject(securitytest.Fault{Method: "GET", Path: "/PermissionSets", Status: 503})
	server.Inject(securitytest.Fault{Method: "GET", Path: "/PermissionSets", Status: 504})
	server.Inject(securitytest.Fault{})
	if got := a.get("/PermissionSets", 1); got.status != 503 {
		t.Errorf("got %d", got.status)
	}
	if n := len(server.UnusedFaults()); n != 5 {
		t.Errorf("%d unused faults", n)
	}
	test.end()
	const intro = "securitytest: this fault has hit no request: "
	equal(t, complaints, []string{
		intro + "GET /Security/Role, version 2, after 1: status 503",
		intro + "/Security/Roles/{id}: commit, hang",
		intro + "/Permissions: latency 1ms, interleave, login page, reset, truncate",
		intro + "GET /PermissionSets: status 504",
		intro + "(any path): nothing",
	})

	complaints = nil
	test = &fakeTest{complain: func(text string) { complaints = append(complaints, text) }}
	securitytest.Start(test, securitytest.WithToken(""))
	test.end()
	equal(t, complaints, []string{"fatal: securitytest: WithToken: a name and a credential are required"})
}

// fakeTest is a test that notes what it is told.
type fakeTest struct {
	complain func(string)
	cleanup  []func()
}

func (f *fakeTest) Helper()                           {}
func (f *fakeTest) Cleanup(do func())                 { f.cleanup = append(f.cleanup, do) }
func (f *fakeTest) Errorf(format string, args ...any) { f.complain(fmt.Sprintf(format, args...)) }
func (f *fakeTest) Fatalf(format string, args ...any) {
	f.complain("fatal: " + fmt.Sprintf(format, args...))
}

func (f *fakeTest) end() {
	for _, do := range f.cleanup {
		do()
	}
}

func TestFaultsTogether(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.server.Inject(securitytest.Fault{Times: 20, Status: 503})
	var failed sync.Map
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			if got := a.get("/Security/Roles", 2); got.status == 503 {
				failed.Store(i, true)
			}
			a.server.Requests()
		})
	}
	group.Wait()
	n := 0
	failed.Range(func(any, any) bool { n++; return true })
	if n != 20 {
		t.Errorf("%d failed", n)
	}
}

// TestCloseEndsEverything checks that closing does not wait for requests that hang or are slow. That nothing stays
// behind is checked at the end of all tests.
func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.server.Inject(securitytest.Fault{Method: "GET", Hang: true})
	a.server.Inject(securitytest.Fault{Method: "POST", Latency: time.Hour})
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() { _ = a.try(t.Context(), "GET", "/Security/Roles", "") })
		group.Go(func() { _ = a.try(t.Context(), "POST", "/Security/Roles", "{}") })
	}
	// A request whose body never ends.
	body, sender := io.Pipe()
	group.Go(func() {
		req := a.request("POST", "/Security/Claims", 1, "")
		req.Body, req.ContentLength = body, 100
		if resp, err := a.server.HTTPClient().Do(req); err == nil {
			_ = resp.Body.Close()
		}
	})
	if _, err := sender.Write([]byte("{")); err != nil {
		t.Fatal(err)
	}
	// A connection that says nothing.
	address := strings.TrimSuffix(strings.TrimPrefix(a.server.URL, "https://"), "/KeyfactorAPI")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for len(a.server.Requests()) < 6 {
		time.Sleep(time.Millisecond)
	}
	before := time.Now()
	a.server.Close()
	a.server.Close()
	if took := time.Since(before); took > time.Second {
		t.Errorf("closing took %v", took)
	}
	_ = sender.Close()
	group.Wait()
	if err := a.try(t.Context(), "GET", "/Security/Roles", ""); err == nil {
		t.Error("the closed server answered")
	}
}

func TestHandlerUnderPrefix(t *testing.T) {
	t.Parallel()
	handler := securitytest.NewHandler(securitytest.WithLegacyTenant(1, 5))
	mux := http.NewServeMux()
	mux.Handle("/one/two/", handler)
	server := httptest.NewServer(mux)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/one/two/keyfactorapi/Security/Roles", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(handler.Username, handler.Password)
	req.Header.Set("x-keyfactor-requested-with", "XMLHttpRequest")
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Total-Count") != "7" {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
	if seen := handler.Requests(); len(seen) != 1 || seen[0].Path != "/one/two/keyfactorapi/Security/Roles" {
		t.Errorf("recorded %+v", seen)
	}
}
