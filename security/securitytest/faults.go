package securitytest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Fault makes requests fail, or come late, or run into somebody else's write. The fields Method, Path, Version, After
// and Times choose the requests. The others say what happens, in four groups: before the request is processed, while it
// is, what is answered instead of the right answer, and how the answer is sent. Fields of one fault combine, and so do
// faults that fit the same request, in the order in which they were injected: a latency, another program's write and an
// answer that is cut off can all hit one request. Of two that contradict each other, the one injected first is taken;
// each request is answered once, and that answer is sent in one way.
//
// A request that is answered with something else (Status, Location, HTMLLogin, Reset, Sever, Hang, Garbage) is not
// processed. With Commit it is, before it fails, so that a write has happened although the client sees a failure: Commit
// and Hang together are the write that times out. A request whose right answer is sent badly (Truncate and the other
// fields of the last group) is processed.
//
// What the client sees is said for HTTP/1.1, and for HTTP/2 (see [WithHTTP2]) if that is different.
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

	// Latency delays the request: it is processed that much later, in addition to the latency of the server.
	Latency time.Duration
	// Interleave is called right before the request is processed. It plays the other program that writes between a
	// client's read and its write, and may call every method of the handler.
	Interleave func()
	// Unread lets the request fail before its body is read: together with Reset, Sever or Status, and without Commit.
	// A client that is still sending sees the failure then.
	Unread bool

	// Commit processes the request before it fails.
	Commit bool
	// CommitLate processes the request that much later than it fails: the write that a gateway gave up on, and that
	// the server carries out all the same. It needs something that fails.
	CommitLate time.Duration
	// OtherID is the id of another object: a GET of one object is answered with that one, as a broken cache does, and
	// the answer to a PUT has that id. Nothing else is hit.
	OtherID string
	// PageOff moves the page of a list: -1 sends the page before once more, as if nobody had turned the page. It hits
	// only requests that name a page or its size, as do ItemOff and TotalOff.
	PageOff int
	// ItemOff moves the items of a page by that many, as if items before them had been removed (more than 0) or added
	// (less than 0) meanwhile. The total stays.
	ItemOff int
	// TotalOff is by how much the total of a list (X-Total-Count) is wrong.
	TotalOff int

	// Status answers with this status. A status below 200 is sent without a final answer to follow: the client waits
	// until it gives up. 101 has the headers of a switch to another protocol.
	Status int
	// Body is the body of the answer of Status. If it is empty, 401 and statuses from 500 on have an HTML page, other
	// refusals have a JSON error, and other statuses have no body.
	Body string
	// ContentType is the content type of the answer, of the right one too. Empty leaves the right one, and means JSON
	// for Body.
	ContentType string
	// Header is added to the answer, to the right one too. It replaces headers of the same name.
	Header http.Header
	// RetryAfter is sent as the Retry-After header together with Status, in seconds or as a date: "86400" is a day.
	RetryAfter string
	// Echo makes the answer of Status repeat the credential of the request, in the message of a JSON error, in the
	// correlation id and in a header of its own: what comes back must not show in a log.
	Echo bool
	// Location redirects there, with Status, or with 307 if there is none. It may be a path or a URL, and {uri} in it
	// stands for the path and query of the request: "https://other.example{uri}" is another host, "/app{uri}" is
	// outside the API, and "{uri}" alone is the same request again. A POST that is answered 302 or 303 is to become a
	// GET.
	Location string
	// HTMLLogin answers with status 200 and a login page.
	HTMLLogin bool
	// Refuse resets connections as soon as they are opened, before TLS begins: no request was sent. It needs a [Server],
	// and counts connections instead of requests, so that it never fires together with Method, Path or Version. It does
	// not touch connections that are open: let the client close its idle ones first.
	Refuse bool
	// Reset breaks the connection without an answer. In HTTP/2 it breaks the stream of this request only (RST_STREAM);
	// see Sever.
	Reset bool
	// Sever breaks the connection without an answer, and in HTTP/2 all other requests on it.
	Sever bool
	// Hang keeps the connection open without an answer until the client gives up or the server is closed.
	Hang bool
	// Garbage answers with bytes that are not HTTP. In HTTP/2 they end the connection, with all requests on it.
	Garbage bool

	// Truncate sends only the first half of the body before the connection is closed. The client sees an unexpected end.
	Truncate bool
	// LengthOff is by how much the Content-Length of the answer is wrong. Too long a length is an unexpected end. Too
	// short a one cuts the body off without a sign of it, except that the rest follows on the connection (not in HTTP/2).
	LengthOff int
	// StallHeader sends half of the header, and nothing more until the client gives up. In HTTP/2, if a header cannot
	// be divided, it is Hang.
	StallHeader bool
	// StallBody sends the header and half of the body, and nothing more until the client gives up.
	StallBody bool
	// Drip sends the body byte by byte, with that much time between.
	Drip time.Duration
	// Endless sends the body without its last byte and then white space without an end, as fast as the client reads.
	Endless bool
	// Inflate compresses the body with gzip, with that many bytes of white space in front, a thousandth of which go
	// over the network.
	Inflate int
	// CloseAfter ends the connection after this answer: Connection: close, and GOAWAY in HTTP/2.
	CloseAfter bool
}

// String says which requests the fault is for and what it does, as in "POST /Security/Claims: commit, hang".
func (f Fault) String() string {
	var b strings.Builder
	where := strings.TrimSpace(strings.ToUpper(f.Method) + " " + cmp.Or(f.Path, "(any path)"))
	if f.Refuse {
		where = "(any connection)"
	}
	b.WriteString(where)
	if f.Version > 0 {
		fmt.Fprintf(&b, ", version %d", f.Version)
	}
	if f.After > 0 {
		fmt.Fprintf(&b, ", after %d", f.After)
	}
	return b.String() + ": " + cmp.Or(f.effects(), "nothing")
}

// effects says what the fault does.
func (f Fault) effects() string {
	var does []string
	for _, effect := range []struct {
		set  bool
		name string
	}{
		{f.Latency > 0, "latency " + f.Latency.String()},
		{f.Interleave != nil, "interleave"},
		{f.Unread, "unread"},
		{f.Commit, "commit"},
		{f.CommitLate > 0, "commit after " + f.CommitLate.String()},
		{f.OtherID != "", "answer for id " + f.OtherID},
		{f.PageOff != 0, fmt.Sprintf("page %+d", f.PageOff)},
		{f.ItemOff != 0, fmt.Sprintf("items %+d", f.ItemOff)},
		{f.TotalOff != 0, fmt.Sprintf("total %+d", f.TotalOff)},
		{f.Status != 0, fmt.Sprintf("status %d", f.Status)},
		{f.ContentType != "", "content type " + f.ContentType},
		{len(f.Header) > 0, "headers"},
		{f.RetryAfter != "", "retry after " + f.RetryAfter},
		{f.Echo, "echo"},
		{f.Location != "", "redirect to " + f.Location},
		{f.HTMLLogin, "login page"},
		{f.Refuse, "refuse"},
		{f.Reset, "reset"},
		{f.Sever, "sever"},
		{f.Hang, "hang"},
		{f.Garbage, "garbage"},
		{f.Truncate, "truncate"},
		{f.LengthOff != 0, fmt.Sprintf("length %+d", f.LengthOff)},
		{f.StallHeader, "stall in the header"},
		{f.StallBody, "stall in the body"},
		{f.Drip > 0, "drip " + f.Drip.String()},
		{f.Endless, "endless"},
		{f.Inflate > 0, fmt.Sprintf("inflate to %d bytes", f.Inflate)},
		{f.CloseAfter, "close"},
	} {
		if effect.set {
			does = append(does, effect.name)
		}
	}
	return strings.Join(does, ", ")
}

// fails reports whether the fault keeps the right answer from the client.
func (f Fault) fails() bool { return f.answers() || f.silent() }

// answers reports whether the fault answers in place of the server.
func (f Fault) answers() bool { return f.Status != 0 || f.Location != "" || f.HTMLLogin }

// silent reports whether the fault answers nothing at all.
func (f Fault) silent() bool { return f.Reset || f.Sever || f.Hang || f.Garbage }

// alters reports whether the fault changes what the right answer says.
func (f Fault) alters() bool {
	return f.OtherID != "" || f.PageOff != 0 || f.ItemOff != 0 || f.TotalOff != 0
}

// sends reports whether the fault changes how the answer is sent.
func (f Fault) sends() bool {
	return f.Truncate || f.LengthOff != 0 || f.StallHeader || f.StallBody || f.Drip > 0 || f.Endless || f.Inflate > 0
}

// with is both faults, and whether they go together.
func (f Fault) with(g Fault) (Fault, bool) {
	switch {
	case f.fails() && g.fails(), f.sends() && g.sends(), f.alters() && g.alters(),
		f.fails() && g.alters(), f.alters() && g.fails(),
		f.silent() && g.sends(), f.sends() && g.silent(),
		f.ContentType != "" && g.ContentType != "",
		f.Unread && (g.Commit || g.CommitLate > 0), g.Unread && (f.Commit || f.CommitLate > 0):
		return f, false
	}
	both := g
	both.Latency, both.CommitLate = f.Latency+g.Latency, f.CommitLate+g.CommitLate
	both.Unread, both.Commit, both.Echo = f.Unread || g.Unread, f.Commit || g.Commit, f.Echo || g.Echo
	both.CloseAfter = f.CloseAfter || g.CloseAfter
	both.ContentType, both.RetryAfter = cmp.Or(f.ContentType, g.ContentType), cmp.Or(f.RetryAfter, g.RetryAfter)
	if f.Interleave != nil && g.Interleave != nil {
		both.Interleave = func() { f.Interleave(); g.Interleave() }
	} else if f.Interleave != nil {
		both.Interleave = f.Interleave
	}
	both.Header = http.Header{}
	maps.Copy(both.Header, g.Header)
	maps.Copy(both.Header, f.Header)
	if f.alters() {
		both.OtherID, both.PageOff, both.ItemOff, both.TotalOff = f.OtherID, f.PageOff, f.ItemOff, f.TotalOff
	}
	if f.fails() {
		both.Status, both.Body, both.Location, both.HTMLLogin = f.Status, f.Body, f.Location, f.HTMLLogin
		both.Reset, both.Sever, both.Hang, both.Garbage = f.Reset, f.Sever, f.Hang, f.Garbage
	}
	if f.sends() {
		both.Truncate, both.LengthOff, both.StallHeader, both.StallBody = f.Truncate, f.LengthOff, f.StallHeader, f.StallBody
		both.Drip, both.Endless, both.Inflate = f.Drip, f.Endless, f.Inflate
	}
	return both, true
}

// Inject adds a fault.
func (h *Handler) Inject(fault Fault) {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.active = append(h.faults.active, h.activate(fault))
}

func (h *Handler) activate(fault Fault) *activeFault {
	path, prefix := strings.CutSuffix(fault.Path, "*")
	return &activeFault{Fault: fault, effect: fault.effects(), path: h.belowAPIPath(path), prefix: prefix}
}

// ClearFaults removes all faults, and what [Handler.InjectChaos] added. Those that never fired are still told by
// UnusedFaults.
func (h *Handler) ClearFaults() {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.unused = h.faults.neverFired()
	h.faults.active, h.faults.chaos = nil, nil
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
	chaos  []*activeChaos
	unused []Fault // those cleared before they fired
}

type activeFault struct {
	Fault

	effect string   // empty for a fault that does nothing, which never fires
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
	for _, chaos := range f.chaos {
		for _, fault := range chaos.faults {
			if !fault.fired {
				unused = append(unused, fault.Fault)
			}
		}
	}
	return unused
}

// pick returns what hits a request at a path below the API path: all faults that fit and go together, in words too. The
// zero Fault does nothing.
func (f *faults) pick(r Request, path []string) (Fault, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hit := f.hit(func(fault *activeFault) bool { return fault.fits(r, path) }, r.Method+" "+r.Path+"?"+r.RawQuery+" "+strconv.Itoa(r.Version))
	return hit.Fault, strings.Join(hit.effects, ", ")
}

// refuses reports whether a new connection is to be reset.
func (f *faults) refuses() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	anywhere := func(fault *activeFault) bool {
		return fault.Refuse && fault.Method == "" && fault.Path == "" && fault.Version == 0
	}
	return f.hit(anywhere, "connection").Refuse
}

// hit puts together the faults that fit. The key names what is hit, for chaos.
func (f *faults) hit(fits func(*activeFault) bool, key string) combined {
	var all combined
	for _, fault := range f.active {
		if fault.effect != "" && fits(fault) {
			all.add(fault)
		}
	}
	for _, chaos := range f.chaos {
		if fault := chaos.draw(&all, fits, key); fault != nil {
			all.add(fault)
		}
	}
	return all
}

// combined are the faults that hit one request.
type combined struct {
	Fault

	effects []string
}

// add adds a fault, if it goes together with the others and is due.
func (c *combined) add(fault *activeFault) {
	both, ok := c.with(fault.Fault)
	if !ok || !fault.due() {
		return
	}
	fault.fired = true
	c.Fault, c.effects = both, append(c.effects, fault.effect)
}

// due counts a request that the fault fits, and reports whether it is one to be hit.
func (f *activeFault) due() bool {
	f.seen++
	return f.seen > f.After && (f.Times <= 0 || f.seen <= f.After+f.Times)
}

func (f *activeFault) fits(r Request, path []string) bool {
	switch {
	case f.Refuse, f.Method != "" && !strings.EqualFold(f.Method, r.Method), f.Version != 0 && f.Version != r.Version:
		return false
	case f.OtherID != "" && (r.Method != http.MethodGet || !strings.HasSuffix(r.Template, "}")) && r.Method != http.MethodPut:
		return false
	case (f.PageOff != 0 || f.ItemOff != 0 || f.TotalOff != 0) && !pages(r):
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

// pages reports whether a request asks for a page.
func pages(r Request) bool {
	for name := range r.Query {
		switch strings.TrimPrefix(strings.ToLower(name), "pq.") {
		case pageParameter, sizeParameter:
			return r.Method == http.MethodGet
		}
	}
	return false
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}
