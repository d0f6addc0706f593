package securitytest

import (
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Fault makes requests fail, or come late, or run into somebody else's write. The fields Method, Path, Version, After
// and Times choose the requests; the others say what happens. When several faults fit a request, the one injected
// first is taken.
//
// Of Status, HTMLLogin, Reset and Hang, which keep the answer from the client, one is enough. Alone they also keep the
// request from being processed. With Commit it is processed first, so that a write has happened although the client
// sees a failure: Commit and Hang together are the write that times out.
type Fault struct {
	// Method limits the fault to a method; empty means all.
	Method string
	// Path limits the fault to an operation, as in "/Security/Roles/{id}", or to all that start alike, as in
	// "/Security/*". It has no API path. The token endpoint is TokenPath. Empty means all operations of the API.
	Path string
	// Version limits the fault to an API version; zero means all.
	Version int
	// After lets that many matching requests through first.
	After int
	// Times is how many matching requests are hit; zero means all until ClearFaults.
	Times int

	// Latency delays the answer, in addition to the latency of the server.
	Latency time.Duration
	// Interleave is called right before the request is processed. It plays the other program that writes between a
	// client's read and its write, and may use every method of the handler.
	Interleave func()

	// Commit processes the request before it fails.
	Commit bool
	// Status answers with this status.
	Status int
	// Body is the body of that answer. When it is empty there is an HTML page for 401 and from 500 on, a JSON error
	// for other refusals, and no body below 400.
	Body string
	// ContentType is the content type of Body; empty means JSON.
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

// Inject adds a fault.
func (h *Handler) Inject(fault Fault) {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.active = append(h.faults.active, &activeFault{Fault: fault})
}

// ClearFaults removes all faults.
func (h *Handler) ClearFaults() {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.active = nil
}

type faults struct {
	mu     sync.Mutex
	active []*activeFault
}

type activeFault struct {
	Fault

	seen int
}

// pick returns the fault that hits a request; the zero Fault does nothing.
func (f *faults) pick(r Request) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.active {
		if !fault.fits(r) {
			continue
		}
		fault.seen++
		if fault.seen <= fault.After || fault.Times > 0 && fault.seen > fault.After+fault.Times {
			continue
		}
		return fault.Fault
	}
	return Fault{}
}

func (f *Fault) fits(r Request) bool {
	if f.Method != "" && f.Method != r.Method || f.Version != 0 && f.Version != r.Version {
		return false
	}
	if f.Path == "" {
		return r.Template != TokenPath
	}
	path := "/" + strings.TrimPrefix(f.Path, "/")
	if prefix, wild := strings.CutSuffix(path, "*"); wild {
		return len(r.Template) >= len(prefix) && strings.EqualFold(r.Template[:len(prefix)], prefix)
	}
	return strings.EqualFold(r.Template, path)
}

// fails reports whether the fault keeps the answer from the client.
func (f *Fault) fails() bool { return f.Status != 0 || f.HTMLLogin || f.Reset || f.Hang }

// fail does to a request what the fault says.
func (f *Fault) fail(w http.ResponseWriter, r *http.Request, headers func() http.Header) {
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

func (f *Fault) answer() *response {
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
// aborted the way net/http provides for.
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
