// Package transport sends operations: it builds requests, authorizes them,
// repeats what may be repeated, and decodes answers. It knows nothing about
// resources.
package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/time/rate"
)

// Config is what a Client is made of. Base, HTTP, Log and Fail are required.
type Config struct {
	Base       *url.URL // with the API path, without a trailing slash
	HTTP       *http.Client
	Auth       Authorizer
	Middleware []func(http.RoundTripper) http.RoundTripper // the first is the outermost
	Limiter    *rate.Limiter                               // nil for none
	Retry      Retry
	Log        *slog.Logger
	UserAgent  string
	MaxBytes   int64
	ReadOnly   bool                         // refuse every write
	Audit      func(context.Context, Audit) // told of every write that was tried; nil for nobody
	Fail       func(*Failure) error         // turns a failure into the public error
}

// Audit is what there is to tell of a write.
type Audit struct {
	Op       Op
	Path     string
	Begun    time.Time
	Duration time.Duration
	Meta
	Correlation string // the correlation id, without credentials
	Unknown     bool   // it may or may not have been done
	Err         error  // nil if it was done
}

// Client sends calls. It is immutable and safe to share.
type Client struct {
	base      string
	http      *http.Client
	retry     Retry
	limiter   *rate.Limiter
	log       *slog.Logger
	userAgent []string
	maxBytes  int64
	fail      func(*Failure) error
	readOnly  bool
	audit     func(context.Context, Audit)
	closeIdle func()
	refused   func(http.Header) string // see Authorizer
}

// Base is the URL that all paths are below, with a slash at its end.
func (c *Client) Base() string { return c.base }

// New returns a client. cfg.HTTP is copied, never changed.
func New(cfg Config) *Client {
	hc := *cfg.HTTP
	var rt http.RoundTripper = &authorizing{auth: cfg.Auth, base: cfg.Base, next: hc.Transport}
	for _, wrap := range slices.Backward(cfg.Middleware) {
		rt = wrap(rt)
	}
	if hc.Timeout > 0 {
		rt = &timing{timeout: hc.Timeout, next: rt}
		hc.Timeout = 0
	}
	hc.Transport = rt
	hc.CheckRedirect = redirects(cfg.Base)
	return &Client{
		base:      strings.TrimSuffix(cfg.Base.String(), "/") + "/",
		http:      &hc,
		retry:     cfg.Retry,
		limiter:   cfg.Limiter,
		log:       cfg.Log,
		userAgent: []string{cfg.UserAgent},
		maxBytes:  cfg.MaxBytes,
		fail:      cfg.Fail,
		readOnly:  cfg.ReadOnly,
		audit:     cfg.Audit,
		closeIdle: cfg.HTTP.CloseIdleConnections,
		refused:   cfg.Auth.Refused,
	}
}

// retrying is the client that repeats the attempts of one call.
func (c *Client) retrying(f *flight) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:     c.http,
		RetryWaitMin:   c.retry.MinWait,
		RetryWaitMax:   c.retry.MaxWait,
		RetryMax:       c.retry.MaxAttempts - 1,
		RequestLogHook: f.begin,
		CheckRetry:     f.checkRetry,
		Backoff:        f.backoff,
		PrepareRetry:   f.admit,
		ErrorHandler:   onlyError,
	}
}

// onlyError is retryablehttp's ErrorHandler: the flight keeps what is known of
// the last answer.
func onlyError(resp *http.Response, err error, _ int) (*http.Response, error) {
	if resp != nil {
		_ = resp.Body.Close()
	}
	return nil, err
}

// Retry is how calls are repeated.
func (c *Client) Retry() Retry { return c.retry }

// Log returns where the client logs.
func (c *Client) Log() *slog.Logger { return c.log }

// CloseIdleConnections closes connections that no call is using.
func (c *Client) CloseIdleConnections() { c.closeIdle() }

// Do sends a call and decodes the answer into into, a pointer, or nothing if into
// is nil.
func (c *Client) Do(ctx context.Context, call *Call, into any) error {
	f := &flight{ctx: ctx, client: c, op: call.Op, replay: call.Replay, max: c.retry.MaxAttempts, notAfter: call.NotAfter, asked: call.Items, bodiless: call.Bodiless, limit: c.maxBytes, attempt: ctx}
	if single(into) {
		f.limit = min(f.limit, maxObjectBytes)
	}
	defer f.over()
	if call.Attempts > 0 {
		f.max = min(f.max, call.Attempts)
	}
	if c.audit == nil || !Writes(call.Op.Method) {
		_, err := f.do(call, into)
		return err
	}
	return f.audited(call, into)
}

// audited is do, and tells the audit of what was sent.
func (f *flight) audited(call *Call, into any) error {
	begun := time.Now()
	unknown, err := true, errPanicked // unless do returns
	defer func() {
		if f.tried() == 0 {
			return
		}
		f.client.audit(f.ctx, Audit{
			Op: f.op, Path: f.path, Begun: begun, Duration: time.Since(begun), Err: err,
			Meta:        Meta{StatusCode: f.status, Header: f.header, Attempts: f.tried()},
			Correlation: f.scrub(f.header.Get("X-Keyfactor-Correlation-Id")), Unknown: unknown,
		})
	}()
	unknown, err = f.do(call, into)
	return err
}

// do sends the call, and reports whether a failure leaves open what became of it.
func (f *flight) do(call *Call, into any) (unknown bool, err error) {
	c := f.client
	req, err := c.request(f, call)
	if err != nil {
		if call.OnMeta != nil {
			call.OnMeta(Meta{})
		}
		return false, c.fail(&Failure{Op: call.Op, Reason: BadInput, Scrub: f.scrub, Err: err})
	}
	if err = f.ctx.Err(); err == nil {
		err = f.admit(nil)
	}
	if err == nil {
		var resp *http.Response
		if resp, err = c.retrying(f).Do(req); resp != nil {
			_ = resp.Body.Close() // read already
		}
	}
	if call.OnMeta != nil {
		call.OnMeta(Meta{StatusCode: f.status, Header: f.clear(f.header), Attempts: f.tried()})
	}
	reason, err := f.outcome(err, into)
	if reason == OK && call.Check != nil {
		if err = call.Check(into); err != nil {
			reason = WrongAnswer
		}
	}
	if reason == OK {
		return false, nil
	}
	failure := f.failure(reason, err)
	return failure.Unknown, c.fail(failure)
}

// errPanicked is told to the audit if the program's own code, such as a middleware,
// ends the goroutine of a call.
var errPanicked = errors.New("the program's own code panicked while the write was under way")

// admit waits until the rate limit allows another request. It does so outside
// of an attempt, whose time it must not use up.
func (f *flight) admit(*http.Request) error {
	if f.client.limiter == nil {
		return nil
	}
	err := f.client.limiter.Wait(f.ctx)
	if err != nil && f.ctx.Err() == nil {
		return fmt.Errorf("the rate limit leaves no time for it: %w", context.DeadlineExceeded)
	}
	return err
}

// request builds the request, and refuses what must not be sent.
func (c *Client) request(f *flight, call *Call) (*retryablehttp.Request, error) {
	switch {
	case call.Err != nil:
		return nil, call.Err
	case c.readOnly && Writes(call.Op.Method):
		return nil, &InputError{Field: "WithReadOnly", Problem: "this client only reads"}
	}
	path, err := call.Op.Expand(call.Args...)
	if err != nil {
		return nil, err
	}
	f.path = "/" + path
	if v, ok := call.Body.(validator); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	target := c.base + path
	if len(call.Query) > 0 {
		target += "?" + call.Query.Encode()
	}
	var body any
	if call.Body != nil {
		if body, err = json.Marshal(call.Body); err != nil {
			return nil, fmt.Errorf("the body cannot be encoded: %w", err)
		}
	}
	req, err := retryablehttp.NewRequestWithContext(f.context(f.ctx), call.Op.Method, target, body)
	if err != nil {
		return nil, err
	}
	h := req.Header
	h["X-Keyfactor-Requested-With"] = requestedWith
	h["X-Keyfactor-Api-Version"] = version(call.Op.Version)
	h["Accept"] = jsonType
	h["User-Agent"] = c.userAgent
	if body != nil {
		h["Content-Type"] = jsonType
	}
	maps.Copy(h, call.Header)
	req.SetResponseHandler(f.readBody)
	return req, nil
}

// Header values that all requests share. net/http does not change them.
var (
	requestedWith = []string{"APIClient"}
	jsonType      = []string{"application/json"}
	version1      = []string{"1"}
	version2      = []string{"2"}
)

func version(n int) []string {
	switch n {
	case 1:
		return version1
	case 2:
		return version2
	}
	return []string{strconv.Itoa(n)}
}

// maxErrorBody is how much is read of a body that is not an answer. An error keeps
// 64 KiB; the rest shows whether a credential begins there.
const maxErrorBody = 64<<10 + MaxSecret

// readBody is retryablehttp's response handler: it reads the body inside the
// attempt, so that a body that breaks off counts as a failed attempt.
func (f *flight) readBody(resp *http.Response) (err error) {
	f.read = true
	defer drain(resp.Body)
	defer func() {
		if errors.Is(err, context.DeadlineExceeded) {
			err = &timeoutError{err}
		}
	}()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// Keep what arrived: an error must never be lost to its own body.
		if f.body, err = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)); f.ctx.Err() != nil {
			return err
		}
		return nil
	}
	if resp.ContentLength > f.limit {
		_ = resp.Body.Close() // do not drain what is too large to read
		return &tooLargeError{f.limit}
	}
	f.body, err = readAll(f.attempt, resp.Body, resp.ContentLength, f.limit)
	if err == nil && f.attempt.Err() != nil {
		return f.attempt.Err() // as in send: the body may have been cut off
	}
	if is[*tooLargeError](err) {
		_ = resp.Body.Close()
	}
	return err
}

// maxChunk is the most memory that is taken before anything arrived to fill it.
const maxChunk = 1 << 20

// readAll reads a body of at most limit bytes, until the context ends.
// Memory grows with what arrives, whatever length the header claims.
func readAll(ctx context.Context, body io.Reader, claimed, limit int64) ([]byte, error) {
	size := int64(8 << 10)
	if claimed >= 0 {
		size = claimed + 1 // one byte of room, to see the end
	}
	var full [][]byte
	var total int64
	chunk := make([]byte, 0, min(size, maxChunk, limit+1))
	for {
		n, err := body.Read(chunk[len(chunk):cap(chunk)])
		chunk = chunk[:len(chunk)+n]
		total += int64(n)
		switch {
		case total > limit:
			return nil, &tooLargeError{limit}
		case err == io.EOF:
			if full == nil {
				return chunk, nil
			}
			return bytes.Join(append(full, chunk), nil), nil
		case err != nil:
			return bytes.Join(append(full, chunk), nil), err
		case ctx.Err() != nil:
			// What arrived before the end may stand for far more: compressed, and
			// in HTTP/2 buffered.
			return nil, ctx.Err()
		case len(chunk) == cap(chunk):
			full = append(full, chunk)
			chunk = make([]byte, 0, min(2*int64(cap(chunk)), maxChunk))
		}
	}
}

// outcome settles what the call came to, and decodes the answer.
func (f *flight) outcome(err error, into any) (Reason, error) {
	switch {
	case f.ctx.Err() != nil && (err != nil || f.status == 0):
		// Who waited for a credential says for what.
		if waited, ok := errors.AsType[*notSentError](err); ok && errors.Is(waited, f.ctx.Err()) && errors.Is(waited, context.Cause(f.ctx)) {
			return Ended, waited
		}
		return Ended, EndOf(f.ctx)
	case err != nil:
		return NoAnswer, plain(err)
	case f.op.Method == http.MethodDelete && f.unknown && f.noObject():
		return OK, nil // an attempt before this one did it
	case f.status < 200 || f.status > 299:
		return BadStatus, nil
	}
	reason, err := f.decoded(into)
	if reason != OK && f.ctx.Err() != nil {
		// A server that saw the connection close may end its answer as if it
		// were complete.
		f.unknown = f.unknown || Writes(f.op.Method)
		return Ended, EndOf(f.ctx)
	}
	return reason, err
}

// decode decodes the body of a success.
func (f *flight) decode(into any) (Reason, error) {
	body := bytes.TrimSpace(f.body)
	if into == nil {
		if len(body) == 0 || bytes.Equal(body, null) {
			return OK, nil
		}
		switch {
		case !json.Valid(body):
			return NotJSON, nil
		case f.bodiless:
			return WrongAnswer, errors.New("it has a body, and this operation answers without one")
		}
		return OK, nil
	}
	if len(body) == 0 || body[0] == '<' {
		return NotJSON, nil
	}
	if bytes.Equal(body, null) {
		return Undecodable, errors.New("the answer is null")
	}
	if err := f.unmarshal(body, into); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && !strings.Contains(f.header.Get("Content-Type"), "json") {
			return NotJSON, nil
		}
		return Undecodable, err
	}
	return OK, nil
}

// EndOf is why ctx ended: that the caller gave up or ran out of time, and the
// cause if the caller said one.
func EndOf(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

// Sleep waits for d, or returns why ctx ended before.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return EndOf(ctx)
	}
}

var null = []byte("null")

// plain takes away the wrapping that net/http adds, which repeats method and
// URL. The URL carries the query, and a query can carry names.
func plain(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		if wrapped.Timeout() && !errors.Is(wrapped.Err, context.Canceled) {
			return &timeoutError{wrapped.Err}
		}
		return wrapped.Err
	}
	return err
}

// timeoutError is an attempt that took longer than the time for one attempt.
type timeoutError struct{ err error }

func (e *timeoutError) Error() string { return "no answer in time: " + e.err.Error() }
func (e *timeoutError) Unwrap() error { return e.err }
func (e *timeoutError) Timeout() bool { return true }

type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than %d bytes", e.limit)
}
