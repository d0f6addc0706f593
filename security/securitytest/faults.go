package securitytest

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Fault makes requests fail, or come late, or run into somebody else's write. The fields Method, Path, Version, After
// and Times choose the requests. The others say what happens. If several faults fit a request, the one injected first is
// taken.
//
// One of Status, HTMLLogin, Reset and Hang is enough to keep the answer from the client. Alone they also keep the
// request from being processed. With Commit it is processed first, so that a write has happened although the client
// sees a failure: Commit and Hang together are the write that times out.
//
// A fault that fits no request changes nothing, and a test that relies on it tests nothing. [Handler.UnusedFaults] tells
// which faults never fired, and [Start] fails the test for them.
type Fault struct {
	// Method limits the fault to a method, in any case. Empty means all.
	Method string
	// Path limits the fault to requests at a path: that of an operation, as in "/Security/Roles/{id}", or that of an
	// object, as in "/Security/Roles/5". A star at the end means all paths that start alike, as in "/Security/*". The
	// path is read in any case, with and without the API path or the URL of the server in front, and with and without
	// a slash at its beginning. The token endpoint is TokenPath. Empty means all requests to the API.
	Path string
	// Version limits the fault to an API version. Zero means all.
	Version int
	// After lets that many matching requests through first.
	After int
	// Times is how many matching requests are hit. Zero means all until ClearFaults.
	Times int

	// Latency delays the answer, in addition to the latency of the server.
	Latency time.Duration
	// Interleave is called right before the request is processed. It plays the other program that writes between a
	// client's read and its write, and may call every method of the handler.
	Interleave func()

	// Commit processes the request before it fails.
	Commit bool
	// Status answers with this status.
	Status int
	// Body is the body of that answer. If it is empty, 401 and statuses from 500 on have an HTML page, other refusals
	// have a JSON error, and statuses below 400 have no body.
	Body string
	// ContentType is the content type of Body. Empty means JSON.
	ContentType string
	// RetryAfter is sent as the Retry-After header together with Status.
	RetryAfter string
	// HTMLLogin answers with status 200 and a login page.
	HTMLLogin bool
	// Reset breaks the connection without an answer.
	Reset bool
	// Hang keeps the connection open without an answer until the client gives up or the server is closed.
	Hang bool

	// Truncate sends the right answer, but only the first half of its body before the connection is closed.
	Truncate bool
}

// String says which requests the fault is for and what it does, as in "POST /Security/Claims: commit, hang".
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(strings.ToUpper(f.Method) + " " + cmp.Or(f.Path, "(any path)")))
	if f.Version > 0 {
		fmt.Fprintf(&b, ", version %d", f.Version)
	}
	if f.After > 0 {
		fmt.Fprintf(&b, ", after %d", f.After)
	}
	var does []string
	for _, effect := range []struct {
		set  bool
		name string
	}{
		{f.Latency > 0, "latency " + f.Latency.String()},
		{f.Interleave != nil, "interleave"},
		{f.Commit, "commit"},
		{f.Status != 0, fmt.Sprintf("status %d", f.Status)},
		{f.HTMLLogin, "login page"},
		{f.Reset, "reset"},
		{f.Hang, "hang"},
		{f.Truncate, "truncate"},
	} {
		if effect.set {
			does = append(does, effect.name)
		}
	}
	return b.String() + ": " + cmp.Or(strings.Join(does, ", "), "nothing")
}

// Inject adds a fault.
func (h *Handler) Inject(fault Fault) {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	path, prefix := strings.CutSuffix(fault.Path, "*")
	h.faults.active = append(h.faults.active, &activeFault{Fault: fault, path: h.belowAPIPath(path), prefix: prefix})
}

// ClearFaults removes all faults. Those that never fired are still told by UnusedFaults.
func (h *Handler) ClearFaults() {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.unused = h.faults.neverFired()
	h.faults.active = nil
}

// UnusedFaults returns the faults that have not hit a single request: injected for a path or a method that no client
// used, or behind another fault that took all requests.
func (h *Handler) UnusedFaults() []Fault {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	return h.faults.neverFired()
}

type faults struct {
	mu     sync.Mutex
	active []*activeFault
	unused []Fault // those cleared before they fired
}

type activeFault struct {
	Fault

	path   []string // what Path names below the API path
	prefix bool     // Path names all paths that start with path
	seen   int
	fired  bool
}

func (f *faults) neverFired() []Fault {
	unused := slices.Clone(f.unused)
	for _, fault := range f.active {
		if !fault.fired {
			unused = append(unused, fault.Fault)
		}
	}
	return unused
}

// pick returns the fault that hits a request at a path below the API path. The zero Fault does nothing.
func (f *faults) pick(r Request, path []string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.active {
		if !fault.fits(r, path) {
			continue
		}
		fault.seen++
		if fault.seen <= fault.After || fault.Times > 0 && fault.seen > fault.After+fault.Times {
			continue
		}
		fault.fired = true
		return fault.Fault
	}
	return Fault{}
}

func (f *activeFault) fits(r Request, path []string) bool {
	if f.Method != "" && !strings.EqualFold(f.Method, r.Method) || f.Version != 0 && f.Version != r.Version {
		return false
	}
	if len(f.path) == 0 {
		return r.Template != TokenPath
	}
	if len(path) < len(f.path) || !f.prefix && len(path) > len(f.path) {
		return false
	}
	template := segments(r.Template)
	if len(template) != len(path) {
		template = path // nothing is at this path
	}
	for i, wanted := range f.path {
		switch last := i == len(f.path)-1; {
		case isParameter(wanted) && (isParameter(template[i]) || r.Template == ""):
		case strings.EqualFold(wanted, path[i]):
		case f.prefix && last && !strings.HasSuffix(f.Path, "/*") && hasPrefixFold(path[i], wanted):
		default:
			return false
		}
	}
	return !f.prefix || !strings.HasSuffix(f.Path, "/*") || len(path) > len(f.path)
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// fails reports whether the fault keeps the answer from the client.
func (f Fault) fails() bool { return f.Status != 0 || f.HTMLLogin || f.Reset || f.Hang }

// fail does to a request what the fault says.
func (f Fault) fail(w http.ResponseWriter, r *http.Request, headers func() http.Header) {
	switch {
	case f.Hang:
		<-r.Context().Done()
		// Returning would answer whoever is still there.
		reset(w)
	case f.Reset:
		reset(w)
	case f.HTMLLogin:
		// The page of a proxy: it has none of the headers of the API.
		htmlResponse(http.StatusOK, pageLogin).send(w, false)
	default:
		resp := f.answer()
		resp.header = headers()
		if f.RetryAfter != "" {
			resp.header.Set("Retry-After", f.RetryAfter)
		}
		resp.send(w, f.Truncate)
	}
}

func (f Fault) answer() *response {
	switch {
	case f.Body != "":
		resp := &response{status: f.Status, contentType: f.ContentType, body: []byte(f.Body)}
		if resp.contentType == "" {
			resp.contentType = typeJSON
		}
		return resp
	case f.Status == http.StatusUnauthorized:
		return htmlResponse(f.Status, pageUnauthorized)
	case f.Status >= http.StatusInternalServerError:
		return htmlResponse(f.Status, pageUnavailable)
	case f.Status >= http.StatusBadRequest:
		return errorResponse(&apiError{f.Status, codeUnexpected, "The request was refused: " + http.StatusText(f.Status) + "."})
	default:
		return &response{status: f.Status}
	}
}

// reset breaks the connection of a request. A connection that cannot be taken over, because it is not HTTP/1, is
// aborted in the way that net/http has for it.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) //nolint:forbidigo // the documented way to break off an answer that is not HTTP/1
	}
	raw := conn
	if secure, ok := conn.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		// Without lingering, closing sends a reset instead of an orderly end.
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}

// pause waits, and reports whether the client is still there afterwards.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
