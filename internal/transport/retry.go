package transport

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/commandsec/commandsec-go/internal/show"
)

// Retry bounds how often and how patiently a call is repeated.
type Retry struct {
	MaxAttempts int // 1 = never repeat
	MinWait     time.Duration
	MaxWait     time.Duration // longest wait, and the longest Retry-After that is obeyed
}

// flight is one call under way. It travels in the request's context, for the round
// trippers below.
type flight struct {
	ctx    context.Context //nolint:containedctx // the caller's context, to tell its end from a timeout of one attempt
	client *Client
	op     Op
	path   string
	replay bool

	notAfter time.Time
	asked    int // items of a list
	bodiless bool
	limit    int64           // of the body of a success, in bytes
	max      int             // attempts allowed
	attempts atomic.Int32    // a middleware may ask for it at any time, see Under
	started  time.Time       // of this attempt
	cancel   func()          // ends the context of this attempt; nil if there is none
	attempt  context.Context //nolint:containedctx // of this attempt, to tell when it is over
	wantConn atomic.Bool     // net/http began to look for a connection
	gotConn  atomic.Bool     // and found one: from here on the request may have left

	clean      func(string) string // takes out what must not show; a closure, because a context can be dumped
	redirected bool                // the last attempt followed a redirect

	status  int // of the last answer
	header  http.Header
	body    []byte
	read    bool  // the body of this attempt was read
	refused bool  // this attempt was not sent: no credential, or too late
	unknown bool  // some attempt may have been processed without our knowing
	warned  bool  // a warning said that the call is repeated
	err     error // of this attempt, if another follows
}

type flightKey struct{}

// tried is how many attempts there were.
func (f *flight) tried() int { return int(f.attempts.Load()) }

// Under returns the operation that ctx, the context of a request, belongs to, and
// which attempt it is.
func Under(ctx context.Context) (op Op, attempt int, ok bool) {
	if ctx.Value(tokenKey{}) != nil {
		return tokenOp, 1, true
	}
	f := flightOf(ctx)
	if f == nil {
		return Op{}, 0, false
	}
	return f.op, f.tried(), true
}

func flightOf(ctx context.Context) *flight {
	f, _ := ctx.Value(flightKey{}).(*flight)
	return f
}

// context returns ctx with the flight and a trace that tells whether a request
// can have reached the server.
func (f *flight) context(ctx context.Context) context.Context {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { f.wantConn.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { f.gotConn.Store(true) },
	})
	return context.WithValue(ctx, flightKey{}, f)
}

// begin is retryablehttp's RequestLogHook: it runs before each attempt.
func (f *flight) begin(retryablehttp.Logger, *http.Request, int) {
	f.attempts.Add(1)
	f.started = time.Now()
	f.connected(false)
	f.status, f.header, f.body, f.read, f.refused, f.redirected = 0, nil, nil, false, false, false
}

// over frees what an attempt holds, once nothing is to come of it.
func (f *flight) over() {
	if f.cancel != nil {
		f.cancel()
	}
}

// timing bounds attempts, redirects and the reading of the answer included. It
// is the outermost RoundTripper and does what http.Client.Timeout does, without
// a goroutine for each request.
type timing struct {
	timeout time.Duration
	next    http.RoundTripper
}

func (t *timing) RoundTrip(r *http.Request) (*http.Response, error) {
	f := flightOf(r.Context())
	f.over() // the attempt before, or the request that was redirected
	var ctx context.Context
	ctx, f.cancel = context.WithDeadline(r.Context(), f.started.Add(t.timeout))
	f.attempt = ctx
	return t.next.RoundTrip(r.WithContext(ctx))
}

// connected says whether this attempt has had a connection to the server yet.
func (f *flight) connected(yes bool) {
	f.wantConn.Store(yes)
	f.gotConn.Store(yes)
}

// checkRetry is retryablehttp's CheckRetry. It is asked once when an attempt
// got its header (or failed), and again when the body was read.
func (f *flight) checkRetry(_ context.Context, resp *http.Response, err error) (bool, error) {
	if resp != nil {
		f.status, f.header = resp.StatusCode, resp.Header
	}
	again := f.again(err)
	if err == nil && !again && !f.read {
		return false, nil // good so far; the body is read next
	}
	if Writes(f.op.Method) && !f.certain(err) {
		f.unknown = true
	}
	if !again {
		f.log(err, false, 0)
		return false, nil
	}
	f.err = err
	if err == nil {
		drain(resp.Body) // retryablehttp reads too little of it to keep the connection
	}
	return true, nil
}

// again decides whether this attempt is worth another.
func (f *flight) again(err error) bool {
	if f.ctx.Err() != nil || f.tried() >= f.max || f.refused || permanent(err) {
		return false
	}
	if wait, ok := RetryAfter(f.header); ok && f.status >= 400 && wait > f.client.retry.MaxWait {
		return false // tell the caller instead of sleeping
	}
	switch {
	case err != nil:
		return f.unsent(err) || f.replayable()
	case f.status == http.StatusTooManyRequests:
		return true
	case f.status >= 500:
		return f.replayable()
	}
	return false
}

func (f *flight) replayable() bool {
	switch f.op.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete:
		return true
	}
	return f.replay
}

// unsent reports whether the request provably never reached the server: there
// was no connection to send it on.
func (f *flight) unsent(err error) bool {
	if f.wantConn.Load() {
		return !f.gotConn.Load()
	}
	// Another RoundTripper than net/http's: trust only what names its cause.
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || is[*tls.CertificateVerificationError](err)
}

// alerts are what a server says in the TLS handshake of a client that it will not
// talk to. The client learns it when it reads the answer.
var alerts = [...]string{
	"tls: certificate required", "tls: bad certificate", "tls: unsupported certificate", "tls: certificate revoked",
	"tls: expired certificate", "tls: unknown certificate", "tls: unknown certificate authority", "tls: access denied",
}

// shunned reports an error by which the server refused this client, or its
// certificate, in the TLS handshake: no request was looked at.
func shunned(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" && slices.Contains(alerts[:], op.Err.Error())
}

// CheckError is a certificate that the program's own check refused.
type CheckError struct{ Err error }

// Error says whose check it was.
func (e *CheckError) Error() string {
	return "the program's own check refused the server's certificate: " + e.Err.Error()
}

// Unwrap returns what the check said.
func (e *CheckError) Unwrap() error { return e.Err }

// ProxyError is a proxy that did not let a connection through.
type ProxyError struct {
	Proxy  string // host and port
	Status int
	Text   string // the proxy's words
}

// Error names the proxy.
func (e *ProxyError) Error() string {
	s := fmt.Sprintf("the proxy %s refused the connection: %d %s", e.Proxy, e.Status, e.Text)
	if e.Status == http.StatusProxyAuthRequired {
		s += "; give it a user and a password in the URL of the proxy"
	}
	return s
}

// certain reports whether the server's answer settles what became of the
// request. A 5xx does not: the server, or a proxy, may have failed after the
// work was done.
func (f *flight) certain(err error) bool {
	switch {
	case f.status >= 400 && f.status < 500: // even if its body broke off
		return true
	case err != nil:
		return f.refused || f.unsent(err) || shunned(err)
	}
	return f.status >= 200 && f.status < 300
}

// Writes reports whether a method changes something at the server.
func Writes(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// permanent reports errors that another attempt would only repeat.
func permanent(err error) bool {
	if proxy, ok := errors.AsType[*ProxyError](err); ok && proxy.Status >= 400 && proxy.Status < 500 {
		return true
	}
	return is[*redirectError](err) || is[*tooLargeError](err) || is[*tls.CertificateVerificationError](err) || is[*CheckError](err) || shunned(err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// backoff is retryablehttp's Backoff: what Retry-After says, or else an
// exponential wait of which half is random, so that clients that failed
// together do not come back together.
func (f *flight) backoff(minWait, maxWait time.Duration, attempt int, resp *http.Response) time.Duration {
	wait := pause(minWait, maxWait, attempt, resp)
	f.log(f.err, true, wait)
	return wait
}

func pause(minWait, maxWait time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if wait, ok := RetryAfter(resp.Header); ok {
			return min(wait, maxWait)
		}
	}
	wait := maxWait
	if attempt < 30 && minWait<<attempt>>attempt == minWait {
		wait = min(minWait<<attempt, maxWait)
	}
	if wait <= 1 {
		return wait
	}
	return wait/2 + rand.N(wait/2) //nolint:gosec // jitter needs no secrecy
}

// RetryAfter reads a Retry-After header: seconds or a date. A value that is
// neither, or negative, is not ok.
func RetryAfter(h http.Header) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if v == "" {
		return 0, false
	}
	if n, err := strconv.ParseUint(v, 10, 31); err == nil { // 31 bits cannot overflow a Duration
		return time.Duration(n) * time.Second, true
	}
	if n, err := strconv.ParseUint(v, 10, 64); err == nil && n > 0 || errors.Is(err, strconv.ErrRange) {
		return 1<<63 - 1, true // longer than anybody waits
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0), true
	}
	return 0, false
}

// log says one line an attempt, and warns the first time that a call is
// repeated, with the wait before the next attempt. The lines carry neither headers
// nor query nor body: any of them can hold what must not be in a log.
func (f *flight) log(err error, again bool, wait time.Duration) {
	level := slog.LevelDebug
	if again && !f.warned {
		level, f.warned = slog.LevelWarn, true
	}
	log := f.client.log
	if !log.Enabled(f.ctx, level) {
		return
	}
	text := "keyfactor call"
	attrs := []slog.Attr{
		slog.String("op", f.op.String()),
		slog.String("path", f.path),
		slog.Int("attempt", f.tried()),
		slog.Int("status", f.status),
		slog.Duration("duration", time.Since(f.started)),
		slog.String("correlation_id", f.shown(f.header.Get("X-Keyfactor-Correlation-Id"), 100)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", f.shown(plain(err).Error(), 400)))
	}
	if again {
		text = "keyfactor call failed and will be repeated"
		attrs = append(attrs, slog.Duration("wait", wait), slog.Int("attempts_left", f.max-f.tried()))
	}
	log.LogAttrs(f.ctx, level, text, attrs...)
}

// hide notes a credential that is being sent, and must not show if it comes back.
func (f *flight) hide(value string) {
	before := f.clean
	f.clean = func(s string) string {
		if before != nil {
			s = before(s)
		}
		return without(s, value)
	}
}

// scrub takes out of s the credentials that this call sent.
func (f *flight) scrub(s string) string {
	if s == "" || f.clean == nil {
		return s
	}
	return f.clean(s)
}

// clear is a header without the credentials that this call sent.
func (f *flight) clear(header http.Header) http.Header {
	if f.clean == nil {
		return header
	}
	h := make(http.Header, len(header))
	for name, values := range header {
		h[name] = make([]string, len(values))
		for i, value := range values {
			h[name][i] = f.scrub(value)
		}
	}
	return h
}

// without takes out of s the value of an Authorization header, and the password in
// it.
func without(s, value string) string {
	scheme, credential, ok := strings.Cut(value, " ")
	if !ok {
		credential = value
	}
	s = Hide(s, credential)
	if strings.EqualFold(scheme, "Basic") {
		if plain, err := base64.StdEncoding.DecodeString(credential); err == nil {
			_, password, _ := strings.Cut(string(plain), ":")
			s = Hide(s, password)
		}
	}
	return s
}

// shown is s as it may be shown.
func (f *flight) shown(s string, limit int) string { return show.Text(f.scrub(s), limit) }
