package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Authorizer adds the credential to requests. Either Sign or Value is set, or
// neither if the connection itself is the credential (a client certificate).
type Authorizer struct {
	// Sign sets the headers of one attempt.
	Sign func(*http.Request) error
	// Value gives the value of the Authorization header. Refresh is asked after a
	// 401 with the value that was refused; it returns "" if there is no other, and
	// is nil if nothing can be refreshed.
	Value   func(context.Context) (string, error)
	Refresh func(ctx context.Context, refused string) (string, error)
	// Refused says what to do about a 401 that stands, given its header. It is nil if
	// there is no more to say than to check the credential.
	Refused func(http.Header) string
}

// authorizing is the RoundTripper nearest to the network. It adds the
// credential to each request for the configured origin, and to no other.
type authorizing struct {
	auth Authorizer
	base *url.URL
	next http.RoundTripper
}

func (a *authorizing) RoundTrip(r *http.Request) (*http.Response, error) {
	if !sameOrigin(r.URL, a.base) {
		return a.next.RoundTrip(r)
	}
	f := flightOf(r.Context())
	if f == nil {
		f = &flight{client: &Client{}} // a middleware changed the context
	}
	connected := f.gotConn.Load()
	header, value, err := a.credential(f, r)
	if err != nil {
		return nil, f.refuse(r, err)
	}
	f.connected(connected) // a connection to the token endpoint is none to the server
	resp, err := a.send(f, r, header)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || a.auth.Refresh == nil {
		return resp, err
	}
	// A request answered 401 was not processed: with a new token it can be
	// sent again whatever its method.
	fresh, err := a.auth.Refresh(r.Context(), value)
	if fresh == "" || err != nil {
		if err != nil {
			f.refused = true
			drain(resp.Body)
			return nil, &notSentError{err}
		}
		return resp, nil
	}
	again := *r
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return resp, nil // a middleware gave it a body that can be read only once
		}
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil //nolint:nilerr // the 401 itself is the better answer
		}
	}
	drain(resp.Body)
	if err := f.admit(nil); err != nil {
		return nil, f.refuse(&again, err)
	}
	f.attempts.Add(1)
	f.connected(false)
	f.hide(fresh)
	header.Set("Authorization", fresh)
	return a.send(f, &again, header)
}

// credential returns the header of r with the credential, and the credential's
// value if it can be refreshed.
func (a *authorizing) credential(f *flight, r *http.Request) (header http.Header, value string, err error) {
	switch {
	case a.auth.Value != nil:
		if value, err = a.auth.Value(r.Context()); err != nil {
			return nil, "", err
		}
		f.hide(value)
		header = maps.Clone(r.Header)
		header["Authorization"] = []string{value}
		return header, value, nil
	case a.auth.Sign != nil:
		signed := r.Clone(r.Context())
		signed.Body, signed.GetBody = nil, nil // not for the signer to read
		if err := a.auth.Sign(signed); err != nil {
			return nil, "", err
		}
		for name, values := range signed.Header {
			if added := values; !slices.Equal(added, r.Header[name]) {
				for _, v := range added {
					f.hide(v)
					if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
						return nil, "", fmt.Errorf("the header %s that was added holds control characters", name)
					}
				}
			}
		}
		return signed.Header, "", nil // whatever else it changed is not sent
	}
	return r.Header, "", nil
}

// send sends r with header instead of its own. It does so on a copy: a
// RoundTripper may not change the request that it was given, and the answer must
// not show the credential to a middleware.
func (a *authorizing) send(f *flight, r *http.Request, header http.Header) (*http.Response, error) {
	if !f.notAfter.IsZero() && time.Now().After(f.notAfter) {
		return nil, f.refuse(r, ErrStale)
	}
	if Writes(r.Method) && !f.replayable() && (header.Get("Idempotency-Key") != "" || header.Get("X-Idempotency-Key") != "") {
		return nil, f.refuse(r, errors.New("the program set an Idempotency-Key, by which net/http repeats a request that may have been carried out, and Command does not know it"))
	}
	c := *r
	c.Header = header
	aged := f.age(&c)
	resp, err := a.next.RoundTrip(&c)
	if resp != nil && resp.Body == nil {
		resp.Body = http.NoBody // another transport than net/http's may leave it out
	}
	switch {
	case aged != nil && aged.Load():
		if resp != nil {
			_ = resp.Body.Close()
		}
		f.refused = true
		return nil, &notSentError{ErrStale}
	case err != nil:
		if _, ok := a.next.(*http.Transport); ok && !f.wantConn.Load() && !f.gotConn.Load() {
			f.refused = true // net/http did not even look for a connection, such as for a header that it does not send
			err = &notSentError{err}
		}
		return nil, err
	case resp == nil:
		return nil, errors.New("the transport gave neither an answer nor an error")
	case resp.StatusCode < 200:
		// After 101 the connection speaks another protocol, and no context ends
		// reading from it.
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the server answered %d %s, which ends HTTP on this connection", resp.StatusCode, http.StatusText(resp.StatusCode))
	case r.Context().Err() != nil:
		// A server that sees the connection close may end its answer as if it had
		// done everything, and net/http may still receive that.
		_ = resp.Body.Close()
		return nil, r.Context().Err()
	}
	resp.Request = r
	return resp, nil
}

// age lets the body of r, whose call is not to be sent late, check the time when
// it is first read: when the request is about to leave, on a connection that may
// have been waited for. The result is true once it was too late.
func (f *flight) age(r *http.Request) *atomic.Bool {
	if f.notAfter.IsZero() || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	late := &atomic.Bool{}
	wrap := func(body io.ReadCloser) io.ReadCloser {
		return &agingBody{ReadCloser: body, notAfter: f.notAfter, late: late}
	}
	r.Body = wrap(r.Body)
	if again := r.GetBody; again != nil {
		r.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return wrap(body), nil
		}
	}
	return late
}

// agingBody refuses to begin after notAfter.
type agingBody struct {
	io.ReadCloser
	notAfter time.Time
	late     *atomic.Bool
	begun    bool
}

func (b *agingBody) Read(p []byte) (int, error) {
	if !b.begun && time.Now().After(b.notAfter) {
		b.late.Store(true)
		return 0, ErrStale
	}
	b.begun = true
	return b.ReadCloser.Read(p)
}

// ErrStale means that a call was not sent, because it was to be sent before now.
var ErrStale = errors.New("waited too long to be sent")

// refuse is the end of an attempt that does not send r.
func (f *flight) refuse(r *http.Request, err error) error {
	f.refused = true
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &notSentError{err}
}

// notSentError means that the request was not sent, because no credential could
// be had for it or it came too late. Trying again at once would not help.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return e.err.Error() }
func (e *notSentError) Unwrap() error { return e.err }

// Origin is scheme, host and port in one comparable form.
func Origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Host == b.Host || Origin(a) == Origin(b)
}

// redirectError refuses to follow a redirect.
type redirectError struct{ text string }

func (e *redirectError) Error() string { return e.text }

// redirects lets a call follow a redirect only if it stays the same call at the
// same API. A credential or a body must reach no other host and no other
// application, and a write that turned into a GET would look like a success.
func redirects(base *url.URL) func(r *http.Request, via []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error { return checkRedirect(base, r, via) }
}

func checkRedirect(base *url.URL, r *http.Request, via []*http.Request) error {
	if f := flightOf(r.Context()); f != nil {
		f.redirected = true
	}
	first := via[0]
	switch {
	case Origin(r.URL) != Origin(first.URL):
		return &redirectError{"the server redirects to another origin (" + r.URL.Scheme + "://" + r.URL.Host +
			"), which is not followed; correct the base URL if that is the right server"}
	case !within(base, r.URL):
		return &redirectError{"the server redirects out of the API, to " + r.URL.Path + ", which is not followed; " +
			"a login page or another application may answer there, or the API path in the base URL is wrong"}
	case r.Method != first.Method:
		return &redirectError{"the server redirects " + first.Method + " to " + r.Method + " " + r.URL.Path +
			", which is not followed: the write would be lost"}
	case len(via) >= 10:
		return &redirectError{"stopped after 10 redirects"}
	}
	return nil
}

// within reports whether u is below the API path, whoever reads it: a proxy in
// between may decode more than once, or take more for a slash than this library.
func within(base, u *url.URL) bool {
	api := strings.TrimSuffix(base.EscapedPath(), "/") + "/"
	path := u.EscapedPath()
	if len(path) < len(api) || !strings.EqualFold(path[:len(api)], api) {
		return false
	}
	rest, ok := decoded(path[len(api):])
	return ok && !strings.HasPrefix(rest, "/") && !strings.Contains(rest, "//") && !strings.Contains(rest, `\`) && !Dots(rest)
}

// maxDrain is how much of an unwanted body is read so that the connection can
// be used again. Beyond it, closing the connection is cheaper.
const maxDrain = 256 << 10

func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	_ = body.Close()
}
