package securitytest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// protocols are the two that the server speaks.
var protocols = map[int][]securitytest.Option{1: nil, 2: {securitytest.WithHTTP2()}}

// seen is what a client saw of one exchange.
type seen struct {
	status int
	proto  int
	length int64
	header http.Header
	body   string
	err    error
	took   time.Duration
}

// watch sends a request and does not follow redirects. It gives up after the time given.
func (a *api) watch(patience time.Duration, method, path string, version int, body string) seen {
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	client := *a.server.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	before := time.Now()
	resp, err := client.Do(a.request(method, path, version, body).WithContext(ctx))
	if err != nil {
		return seen{err: err, took: time.Since(before)}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// No context ends reading from what is no HTTP any more.
		return seen{status: resp.StatusCode, proto: resp.ProtoMajor, header: resp.Header}
	}
	received, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return seen{resp.StatusCode, resp.ProtoMajor, resp.ContentLength, resp.Header, string(received), err, time.Since(before)}
}

const (
	patient   = 20 * time.Second
	impatient = 300 * time.Millisecond
)

// TestEveryKindOfFault plays each kind of fault once in both protocols, and checks what the client sees, what became of
// the request, and that the next request is answered as if nothing had been.
func TestEveryKindOfFault(t *testing.T) {
	t.Parallel()
	gone := func(s seen) bool { return s.status == 0 && s.err != nil && !errors.Is(s.err, context.DeadlineExceeded) }
	stalled := func(s seen) bool { return errors.Is(s.err, context.DeadlineExceeded) }
	unended := func(s seen) bool { return s.status == 200 && errors.Is(s.err, io.ErrUnexpectedEOF) }
	status := func(status int) func(seen) bool {
		return func(s seen) bool { return s.err == nil && s.status == status }
	}
	location := func(want string) func(seen) bool {
		return func(s seen) bool { return s.status/100 == 3 && s.header.Get("Location") == want }
	}
	const (
		claim    = "/Security/Claims"
		list     = "/Security/Roles?SortField=Id&ReturnLimit=2"
		rename   = `{"Id":3,"Name":"Renamed","Description":"d","Permissions":[],"Identities":[]}`
		done     = 1
		get      = "GET"
		post     = "POST"
		patience = impatient
	)
	for name, test := range map[string]struct {
		fault   securitytest.Fault
		method  string // GET unless given
		path    string // of claims unless given
		body    string
		stalls  bool
		claims  int // how many there are afterwards
		http1   func(seen) bool
		http2   func(seen) bool // like http1 unless given
		unasked bool            // the request did not get to the API
	}{
		"latency":              {fault: securitytest.Fault{Latency: 50 * time.Millisecond}, http1: func(s seen) bool { return s.status == 200 && s.took >= 50*time.Millisecond }},
		"refused":              {fault: securitytest.Fault{Refuse: true}, method: post, http1: func(s seen) bool { return gone(s) && errors.Is(s.err, syscall.ECONNRESET) }, unasked: true},
		"reset":                {fault: securitytest.Fault{Reset: true}, method: post, http1: gone},
		"reset before reading": {fault: securitytest.Fault{Reset: true, Unread: true}, method: post, http1: gone},
		"reset after":          {fault: securitytest.Fault{Reset: true, Commit: true}, method: post, http1: gone, claims: done},
		"severed":              {fault: securitytest.Fault{Sever: true}, method: post, http1: gone},
		"severed after":        {fault: securitytest.Fault{Sever: true, Commit: true}, method: post, http1: gone, claims: done},
		"garbage":              {fault: securitytest.Fault{Garbage: true}, method: post, http1: gone},
		"garbage after":        {fault: securitytest.Fault{Garbage: true, Commit: true}, method: post, http1: gone, claims: done},
		"hang":                 {fault: securitytest.Fault{Hang: true}, method: post, http1: stalled, stalls: true},
		"hang after":           {fault: securitytest.Fault{Hang: true, Commit: true}, method: post, http1: stalled, stalls: true, claims: done},
		"switching protocols": {
			fault: securitytest.Fault{Status: 101}, method: post, stalls: true,
			http1: func(s seen) bool {
				return s.status == 101 && s.header.Get("Upgrade") != ""
			},
			http2: func(s seen) bool { return s.err != nil },
		},
		"a status before reading": {fault: securitytest.Fault{Status: 413, Unread: true}, method: post, http1: status(413)},
		"a gateway gave up":       {fault: securitytest.Fault{Status: 504, CommitLate: 20 * time.Millisecond}, method: post, http1: status(504), claims: done},
		"a day":                   {fault: securitytest.Fault{Status: 429, RetryAfter: "86400"}, method: post, http1: func(s seen) bool { return s.status == 429 && s.header.Get("Retry-After") == "86400" }},
		"an echo": {fault: securitytest.Fault{Status: 500, Echo: true}, method: post, http1: func(s seen) bool {
			return s.status == 500 && strings.Contains(s.body, "Basic ") && strings.HasPrefix(s.header.Get("X-Keyfactor-Correlation-Id"), "Basic ")
		}},
		"redirected to itself": {fault: securitytest.Fault{Location: "{uri}"}, path: list, http1: location("/KeyfactorAPI" + list)},
		"redirected outside":   {fault: securitytest.Fault{Location: "/login{uri}", Status: 302}, method: post, http1: location("/login/KeyfactorAPI" + claim)},
		"redirected to a host": {fault: securitytest.Fault{Location: "https://other.invalid{uri}", Status: 308}, method: post, http1: location("https://other.invalid/KeyfactorAPI" + claim)},
		"redirected after":     {fault: securitytest.Fault{Location: "/done", Status: 303, Commit: true}, method: post, http1: location("/done"), claims: done},
		"login page":           {fault: securitytest.Fault{HTMLLogin: true}, method: post, http1: func(s seen) bool { return s.status == 200 && strings.Contains(s.body, "<form") }},
		"another type":         {fault: securitytest.Fault{ContentType: "text/plain"}, method: post, http1: func(s seen) bool { return s.header.Get("Content-Type") == "text/plain" && s.status == 200 }, claims: done},
		"another header":       {fault: securitytest.Fault{Header: http.Header{"X-Total-Count": {"many"}}}, path: list, http1: func(s seen) bool { return s.header.Get("X-Total-Count") == "many" && s.status == 200 }},
		"another role":         {fault: securitytest.Fault{OtherID: "1"}, path: "/Security/Roles/2", http1: func(s seen) bool { return s.status == 200 && ids(s.body) == "1" }},
		"no role":              {fault: securitytest.Fault{OtherID: "99"}, path: "/Security/Roles/2", http1: status(404)},
		"an answer with its id": {fault: securitytest.Fault{OtherID: "7"}, method: "PUT", path: "/Security/Roles", body: rename, http1: func(s seen) bool {
			return s.status == 200 && strings.Contains(s.body, `"Id":7`) && strings.Contains(s.body, "Renamed")
		}},
		"an answer with its GUID": {fault: securitytest.Fault{OtherID: "x-y"}, method: "PUT", path: "/Security/Roles", body: rename, http1: func(s seen) bool { return strings.Contains(s.body, `"Id":"x-y"`) }},
		"the page before":         {fault: securitytest.Fault{PageOff: -1}, path: list + "&PageReturned=2", http1: func(s seen) bool { return ids(s.body) == "1 2" }},
		"the page after":          {fault: securitytest.Fault{PageOff: 1}, path: list, http1: func(s seen) bool { return ids(s.body) == "3 4" }},
		"one item removed":        {fault: securitytest.Fault{ItemOff: 1}, path: list, http1: func(s seen) bool { return ids(s.body) == "2 3" && s.header.Get("X-Total-Count") == "4" }},
		"one item added":          {fault: securitytest.Fault{ItemOff: -1}, path: list + "&PageReturned=2", http1: func(s seen) bool { return ids(s.body) == "2 3" && s.header.Get("X-Total-Count") == "4" }},
		"one item added in front": {fault: securitytest.Fault{ItemOff: -1}, path: list, http1: func(s seen) bool { return ids(s.body) == "1" }},
		"a total too high":        {fault: securitytest.Fault{TotalOff: 2}, path: list, http1: func(s seen) bool { return ids(s.body) == "1 2" && s.header.Get("X-Total-Count") == "6" }},
		"a total below none":      {fault: securitytest.Fault{TotalOff: -9}, path: list, http1: func(s seen) bool { return s.header.Get("X-Total-Count") == "0" }},
		"cut off":                 {fault: securitytest.Fault{Truncate: true}, method: post, http1: unended, claims: done},
		"too long a length":       {fault: securitytest.Fault{LengthOff: 7}, method: post, http1: func(s seen) bool { return unended(s) && strings.HasSuffix(s.body, "}") }, claims: done},
		"too short a length": {fault: securitytest.Fault{LengthOff: -7}, method: post, http1: func(s seen) bool {
			return s.status == 200 && s.err == nil && s.length == int64(len(s.body)) && !strings.HasSuffix(s.body, "}") && len(s.body) > 20
		}, claims: done},
		"stalled in the header": {fault: securitytest.Fault{StallHeader: true}, method: post, http1: func(s seen) bool { return stalled(s) && s.status == 0 }, stalls: true, claims: done},
		"stalled in the body":   {fault: securitytest.Fault{StallBody: true}, method: post, http1: func(s seen) bool { return stalled(s) && s.status == 200 && len(s.body) > 20 }, stalls: true, claims: done},
		"drips": {fault: securitytest.Fault{Drip: time.Millisecond}, method: post, http1: func(s seen) bool {
			return s.status == 200 && s.err == nil && s.took > 80*time.Millisecond && strings.HasSuffix(s.body, "}")
		}, claims: done},
		"drips for too long": {fault: securitytest.Fault{Drip: 50 * time.Millisecond}, method: post, http1: stalled, stalls: true, claims: done},
		"never ends":         {fault: securitytest.Fault{Endless: true}, method: post, http1: func(s seen) bool { return s.status == 200 && len(s.body) == 4<<20 && s.err == nil }, claims: done},
		"unpacks to a lot":   {fault: securitytest.Fault{Inflate: 3 << 20}, method: post, http1: func(s seen) bool { return s.err == nil && len(s.body) > 3<<20 && strings.HasSuffix(s.body, "}") }, claims: done},
		"closed after":       {fault: securitytest.Fault{CloseAfter: true}, method: post, http1: status(200), claims: done},
		"garbage as JSON":    {fault: securitytest.Fault{Status: 200, Body: "\x00{]"}, method: post, http1: func(s seen) bool { return s.body == "\x00{]" && strings.Contains(s.header.Get("Content-Type"), "json") }},
		"late, seen and cut off": {fault: securitytest.Fault{Latency: 30 * time.Millisecond, Commit: true, Status: 502, Truncate: true}, method: post, http1: func(s seen) bool {
			return s.status == 502 && errors.Is(s.err, io.ErrUnexpectedEOF) && s.took >= 30*time.Millisecond
		}, claims: done},
		"an error that never ends": {fault: securitytest.Fault{Status: 400, Endless: true}, method: post, http1: func(s seen) bool { return s.status == 400 && len(s.body) == 4<<20 }},
		"an answer without a body": {fault: securitytest.Fault{LengthOff: 9}, path: "/Status/HealthCheck", http1: status(204)},
	} {
		for proto, opts := range protocols {
			t.Run(fmt.Sprintf("%s, HTTP/%d", name, proto), func(t *testing.T) {
				t.Parallel()
				a := start(t, append(opts, securitytest.WithRoles(securitytest.Role{ID: 3, Name: "Three"}, securitytest.Role{ID: 4, Name: "Four"}))...)
				a.get("/Permissions", 1).ok() // so that there is a connection
				// A copy, because both protocols run at the same time.
				fault := test.fault
				fault.Times = 1
				a.server.Inject(fault)
				if fault.Refuse {
					a.server.HTTPClient().CloseIdleConnections()
				}
				method, path, body := test.method, test.path, test.body
				if method == "" {
					method = get
				}
				if path == "" {
					path = claim
				}
				if method == post {
					body = newClaim
				}
				wait := patient
				if test.stalls {
					wait = patience
				}
				got := a.watch(wait, method, path, 1, body)
				fits := test.http1
				if proto == 2 && test.http2 != nil {
					fits = test.http2
				}
				if !fits(got) {
					t.Errorf("the client saw %.300v", fmt.Sprintf("%+v", got))
				}
				if got.proto != 0 && got.proto != proto {
					t.Errorf("HTTP/%d", got.proto)
				}
				for until := time.Now().Add(5 * time.Second); len(a.server.Claims()) < test.claims && time.Now().Before(until); {
					time.Sleep(time.Millisecond)
				}
				equal(t, len(a.server.Claims()), test.claims)
				if requests := a.server.Requests(); !test.unasked && requests[1].Fault == "" {
					t.Errorf("the request does not tell its fault: %+v", requests)
				}
				if next := a.watch(patient, get, "/Permissions", 1, ""); next.status != 200 || next.err != nil || next.proto != proto {
					t.Errorf("the next request: %.300v", fmt.Sprintf("%+v", next))
				}
			})
		}
	}
}

// ids are those of the roles in a list.
func ids(list string) string {
	var found []string
	for _, part := range strings.Split(list, `"Id":`)[1:] {
		found = append(found, part[:1])
	}
	return strings.Join(found, " ")
}

// TestSeverTakesTheConnection: in HTTP/2 a broken connection breaks what else is on it, and a reset does not.
func TestSeverTakesTheConnection(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]securitytest.Fault{"reset": {Reset: true}, "sever": {Sever: true}, "garbage": {Garbage: true}} {
		a := start(t, securitytest.WithHTTP2())
		a.get("/Permissions", 1).ok()
		fault.Path = "/Security/Roles"
		a.server.Inject(fault)
		a.server.Inject(securitytest.Fault{Path: "/Security/Claims", Hang: true})
		other := make(chan seen, 1)
		go func() { other <- a.watch(impatient, "GET", "/Security/Claims", 1, "") }()
		for len(a.server.Requests()) < 2 {
			time.Sleep(time.Millisecond)
		}
		if got := a.watch(patient, "GET", "/Security/Roles", 1, ""); got.err == nil {
			t.Errorf("%s: %+v", name, got)
		}
		survived := errors.Is((<-other).err, context.DeadlineExceeded)
		if survived != (name == "reset") {
			t.Errorf("%s: the other request survived: %v", name, survived)
		}
	}
}

// TestFaultsCombine: what does not contradict itself hits the same request, and what does comes after the other.
func TestFaultsCombine(t *testing.T) {
	t.Parallel()
	a := start(t)
	for _, fault := range []securitytest.Fault{
		{Latency: 20 * time.Millisecond},
		{Latency: 20 * time.Millisecond, Header: http.Header{"A": {"1"}}},
		{Method: "POST", Commit: true},
		{Method: "POST", Status: 503, Times: 1},
		{Method: "POST", Status: 504, Times: 1},
		{Method: "POST", Reset: true, Times: 1},
		{Truncate: true, Times: 1},
		{LengthOff: 1, Times: 1},
		{TotalOff: 1, Times: 1},
		{CloseAfter: true, RetryAfter: "1"},
	} {
		a.server.Inject(fault)
	}
	other := func(description string) {
		a.server.Inject(securitytest.Fault{Times: 1, Interleave: func() {
			if _, err := a.server.AddClaim(securitytest.Claim{Type: "User", Value: description, Scheme: "System"}); err != nil {
				t.Error(err)
			}
		}})
	}
	other("by one")
	other("by two")
	body := func(value string) string { return strings.Replace(newClaim, `"u"`, `"`+value+`"`, 1) }

	got := a.watch(patient, "POST", "/Security/Claims", 1, body("first"))
	if got.status != 503 || !errors.Is(got.err, io.ErrUnexpectedEOF) || got.took < 40*time.Millisecond || got.header.Get("A") != "1" || got.header.Get("Retry-After") != "1" {
		t.Errorf("the first: %+v", got)
	}
	if got := a.watch(patient, "POST", "/Security/Claims", 1, body("second")); got.status != 504 || !errors.Is(got.err, io.ErrUnexpectedEOF) {
		t.Errorf("the second: %+v", got)
	}
	if got := a.watch(patient, "POST", "/Security/Claims", 1, body("third")); got.status != 0 || got.err == nil {
		t.Errorf("the third: %+v", got)
	}
	if got := a.watch(patient, "GET", "/Security/Claims?ReturnLimit=9", 1, ""); got.status != 200 || got.err != nil || got.header.Get("X-Total-Count") != "6" {
		t.Errorf("the fourth: %+v", got)
	}
	equal(t, a.get("/Security/Claims?SortField=ClaimValue", 1).column("ClaimValue"), []any{"by one", "by two", "first", "second", "third"})
	equal(t, a.server.Requests()[0].Fault, "latency 20ms, latency 20ms, headers, commit, status 503, truncate, retry after 1, close, interleave, interleave")
}

// TestContradictions: of two faults that cannot both be, the first is taken, and the other is for the next request.
func TestContradictions(t *testing.T) {
	t.Parallel()
	faults := []securitytest.Fault{
		{Status: 500},
		{Location: "/x"},
		{HTMLLogin: true},
		{Sever: true},
		{OtherID: "1"},
	}
	for i, first := range faults {
		for j, second := range faults {
			a := start(t)
			first.Times, second.Times = 1, 1
			a.server.Inject(first)
			a.server.Inject(second)
			a.watch(patient, "GET", "/Security/Roles/2", 1, "")
			if n := len(a.server.UnusedFaults()); n != 1 {
				t.Errorf("%d and %d: %d unused", i, j, n)
			}
			a.watch(patient, "GET", "/Security/Roles/2", 1, "")
		}
	}
}

// TestRefuse: connections are counted, and a fault that also names requests never fires.
func TestRefuse(t *testing.T) {
	t.Parallel()
	server := securitytest.NewServer()
	defer server.Close()
	a := (&api{t: t, server: server}).as(server.Username, server.Password)
	server.Inject(securitytest.Fault{Refuse: true, Path: "/Permissions"})
	server.Inject(securitytest.Fault{Refuse: true, After: 1, Times: 2})
	fresh := func() seen {
		server.HTTPClient().CloseIdleConnections()
		return a.watch(patient, "GET", "/Permissions", 1, "")
	}
	for i, want := range []int{200, 0, 0, 200} {
		if got := fresh(); got.status != want {
			t.Errorf("%d: %+v", i, got)
		}
	}
	unused := server.UnusedFaults()
	if len(unused) != 1 || unused[0].String() != "(any connection): refuse" {
		t.Errorf("unused %v", unused)
	}
	equal(t, len(server.Requests()), 2)
}

// TestWhereFaultsDoNotFit: what changes an object or a page hits no request that has none.
func TestWhereFaultsDoNotFit(t *testing.T) {
	t.Parallel()
	server := securitytest.NewServer()
	defer server.Close()
	a := (&api{t: t, server: server}).as(server.Username, server.Password)
	for _, fault := range []securitytest.Fault{{OtherID: "1"}, {PageOff: 1}, {ItemOff: 1}, {TotalOff: 1}} {
		server.Inject(fault)
	}
	a.get("/Security/Roles", 1).ok().total("2")
	a.post("/Security/Claims?ReturnLimit=1", 1, newClaim).ok()
	a.get("/Permissions", 1).ok()
	equal(t, len(server.UnusedFaults()), 4)
}

// TestChaosRepeats: the seed says what happens to which request, whatever comes in between.
func TestChaosRepeats(t *testing.T) {
	t.Parallel()
	plan := func(seed uint64, others int) (faults []string, hit int) {
		a := start(t)
		a.server.InjectChaos(securitytest.Chaos{Seed: seed, Rate: 0.5, Faults: []securitytest.Fault{
			{Status: 500}, {Status: 501}, {Status: 502}, {TotalOff: 1}, {Method: "GET", Status: 503},
		}})
		for i := range 40 {
			for range others {
				a.get("/Permissions", 1)
			}
			a.get(fmt.Sprintf("/Security/Roles?ReturnLimit=%d", i%4+1), 1)
		}
		for _, r := range a.server.Requests() {
			if r.Template == "/Security/Roles" {
				faults = append(faults, r.Fault)
				if r.Fault != "" {
					hit++
				}
			}
		}
		return faults, hit
	}
	first, hit := plan(7, 0)
	again, _ := plan(7, 2)
	equal(t, again, first)
	if other, _ := plan(8, 0); strings.Join(other, ";") == strings.Join(first, ";") {
		t.Error("another seed has the same plan")
	}
	if hit < 10 || hit > 30 {
		t.Errorf("%d of 40 requests were hit", hit)
	}
}

// TestChaosCombinesAndCounts: chaos adds to what was injected, tells what never fired, and ends when faults are cleared.
func TestChaosCombinesAndCounts(t *testing.T) {
	t.Parallel()
	server := securitytest.NewServer()
	defer server.Close()
	a := (&api{t: t, server: server}).as(server.Username, server.Password)
	server.Inject(securitytest.Fault{Status: 500})
	server.InjectChaos(securitytest.Chaos{Rate: 1, Faults: []securitytest.Fault{{Status: 418}, {Truncate: true, Times: 1}, {Method: "PUT", Latency: time.Hour}}})
	server.InjectChaos(securitytest.Chaos{Rate: 0})
	for i, want := range []error{io.ErrUnexpectedEOF, nil} {
		if got := a.watch(patient, "GET", "/Permissions", 1, ""); got.status != 500 || !errors.Is(got.err, want) {
			t.Errorf("%d: %+v", i, got)
		}
	}
	// The status 418 contradicts the 500, nobody sends a PUT, and a rate of 0 hits nothing.
	if n := len(server.UnusedFaults()); n != 2+len(securitytest.EveryFault()) {
		t.Errorf("%d unused", n)
	}
	server.ClearFaults()
	a.get("/Permissions", 1).ok()
	server.InjectChaos(securitytest.Chaos{Seed: 1, Rate: 1})
	a.watch(impatient, "GET", "/Permissions", 1, "")
	a.watch(impatient, "GET", "/Permissions", 1, "")
	requests := server.Requests()
	if requests[len(requests)-1].Fault == "" {
		t.Error("chaos of every fault hit nothing")
	}
}

// TestEveryFaultIsHonest: of the faults that chaos plays, none lies about a write.
func TestEveryFaultIsHonest(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, fault := range securitytest.EveryFault() {
		kinds[fmt.Sprintf("%#v", fault)] = true
		done := fault.Commit || fault.CommitLate > 0
		if done && fault.Status >= 400 && fault.Status < 500 {
			t.Errorf("%v: a refusal of what was done", fault)
		}
	}
	if len(kinds) != len(securitytest.EveryFault()) {
		t.Error("a fault is listed twice")
	}
	if securitytest.EveryFault()[0].Times != 0 {
		t.Error("chaos would use its faults up")
	}
}
