package transport_test

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// failed is a failure as an error.
type failed struct{ *transport.Failure }

func (f failed) Error() string { return "failed" }
func (f failed) Unwrap() error { return f.Err }

// client sends through hc to base, a URL with an API path.
func client(t testing.TB, base string, hc *http.Client, auth transport.Authorizer, attempts int) *transport.Client {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return transport.New(transport.Config{
		Base: u, HTTP: hc, Auth: auth, Log: slog.New(slog.DiscardHandler), MaxBytes: 1 << 20,
		Retry: transport.Retry{MaxAttempts: attempts, MinWait: time.Second, MaxWait: time.Second},
		Fail:  func(f *transport.Failure) error { return failed{f} },
	})
}

const api = "https://command.example.com/api"

// call makes a call with method, which has a body if it is not a GET or a DELETE.
func call(method string, notAfter time.Time) *transport.Call {
	c := &transport.Call{Op: transport.Op{Method: method, Path: "Things", Version: 1}, NotAfter: notAfter}
	if method != http.MethodGet && method != http.MethodDelete {
		c.Body = map[string]string{"Name": "one"}
	}
	return c
}

// tripper is a RoundTripper that is told which request it is, from 1.
type tripper struct {
	n     atomic.Int32
	reply func(n int, r *http.Request) (*http.Response, error)
}

func (s *tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	n := s.n.Add(1)
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	resp, err := s.reply(int(n), r)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// TestStaleAfterARenewedToken: the time that a new token takes counts as well.
func TestStaleAfterARenewedToken(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
		for took, stale := range map[time.Duration]bool{time.Second: false, 3 * time.Second: true} {
			synctest.Test(t, func(t *testing.T) {
				server := &tripper{reply: func(n int, _ *http.Request) (*http.Response, error) {
					if n == 1 {
						return answer(401, ""), nil
					}
					return answer(204, ""), nil
				}}
				auth := transport.Authorizer{
					Value: func(context.Context) (string, error) { return "Bearer old-token", nil },
					Refresh: func(context.Context, string) (string, error) {
						time.Sleep(took)
						return "Bearer new-token", nil
					},
				}
				err := client(t, api, &http.Client{Transport: server}, auth, 3).Do(t.Context(), call(method, time.Now().Add(2*time.Second)), nil)
				if errors.Is(err, transport.ErrStale) != stale || stale == (err == nil) {
					t.Errorf("%s, new token after %v: %v", method, took, err)
				}
				if n := int(server.n.Load()); (n == 1) != stale {
					t.Errorf("%s, new token after %v: %d requests", method, took, n)
				}
				if f, ok := errors.AsType[failed](err); ok && f.Unknown {
					t.Errorf("%s: it was not done, and the outcome is unknown", method)
				}
			})
		}
	}
}

// TestStaleBodyReadAgain: net/http reads the body anew where a kept connection turns
// out to be closed.
func TestStaleBodyReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var again error
		server := &tripper{reply: func(_ int, r *http.Request) (*http.Response, error) {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			time.Sleep(time.Minute)
			_, again = body.Read(make([]byte, 10))
			return nil, errors.New("the connection is closed")
		}}
		err := client(t, api, &http.Client{Transport: server}, transport.Authorizer{}, 3).Do(t.Context(), call(http.MethodPut, time.Now().Add(time.Second)), nil)
		if !errors.Is(again, transport.ErrStale) || !errors.Is(err, transport.ErrStale) || server.n.Load() != 1 {
			t.Errorf("the body gives %v, the call %v after %d requests", again, err, server.n.Load())
		}
		if f, ok := errors.AsType[failed](err); ok && f.Unknown {
			t.Error("it was not sent, and the outcome is unknown")
		}
	})
}

// cutOff is the body of an answer that ends because the caller gave up.
type cutOff struct {
	io.Reader
	cancel func()
}

func (c cutOff) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		c.cancel()
	}
	return n, err
}

func (cutOff) Close() error { return nil }

// TestAnswerCutOffByTheContext: half an answer, which ends as if it were whole, does
// not tell whether the write was done.
func TestAnswerCutOffByTheContext(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost} {
		ctx, cancel := context.WithCancel(t.Context())
		server := &tripper{reply: func(int, *http.Request) (*http.Response, error) {
			resp := answer(200, "")
			resp.Body, resp.ContentLength = cutOff{strings.NewReader(`{"Id":1,"Na`), cancel}, -1
			return resp, nil
		}}
		var into struct{ Name string }
		err := client(t, api, &http.Client{Transport: server}, transport.Authorizer{}, 3).Do(ctx, call(method, time.Time{}), &into)
		cancel()
		f, ok := errors.AsType[failed](err)
		if !ok || f.Reason != transport.Ended || !errors.Is(err, context.Canceled) || f.Unknown != (method != http.MethodGet) {
			t.Errorf("%s: %v, %+v", method, err, f.Failure)
		}
	}
}

// canceling cancels the call that it is an answer to, and cannot be decoded.
type canceling struct{ cancel func() }

func (c *canceling) UnmarshalJSON([]byte) error {
	c.cancel()
	return errors.New("not this")
}

// TestContextEndsInDecoding: what was not decoded for that reason is no wrong answer.
func TestContextEndsInDecoding(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		ctx, cancel := context.WithCancel(t.Context())
		server := &tripper{reply: func(int, *http.Request) (*http.Response, error) { return answer(200, "{}"), nil }}
		err := client(t, api, &http.Client{Transport: server}, transport.Authorizer{}, 3).Do(ctx, call(method, time.Time{}), &canceling{cancel})
		f, ok := errors.AsType[failed](err)
		if !ok || f.Reason != transport.Ended || !errors.Is(err, context.Canceled) || f.Unknown != (method != http.MethodGet) {
			t.Errorf("%s: %v, %+v", method, err, f.Failure)
		}
	}
}

// TestAnswerAfterTheEnd: a server that sees the connection close may answer as if all
// were done. That is too late to count.
func TestAnswerAfterTheEnd(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPost} {
		for _, caller := range []bool{false, true} {
			for _, inBody := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					end := func(r *http.Request) {
						if caller {
							cancel()
						}
						<-r.Context().Done()
					}
					server := &tripper{reply: func(_ int, r *http.Request) (*http.Response, error) {
						if inBody {
							resp := answer(204, "")
							resp.Body = cutOff{strings.NewReader(""), func() { end(r) }}
							return resp, nil
						}
						end(r)
						return answer(499, ""), nil // as some proxies say it
					}}
					err := client(t, api, &http.Client{Transport: server, Timeout: time.Minute}, transport.Authorizer{}, 3).Do(ctx, call(method, time.Time{}), nil)
					f, ok := errors.AsType[failed](err)
					if !ok {
						t.Fatalf("%s: the error is %v", method, err)
					}
					want, attempts := context.DeadlineExceeded, 3
					if caller {
						want = context.Canceled
					}
					if caller || method == http.MethodPost {
						attempts = 1
					}
					if !errors.Is(err, want) || f.Attempts != attempts || f.Unknown != (method != http.MethodGet) {
						t.Errorf("%s, canceled %t, in the body %t: %v, %+v", method, caller, inBody, err, f.Failure)
					}
				})
			}
		}
	}
}

// TestRedirectsDoNotProlongAnAttempt: the time for one attempt is for all of it.
func TestRedirectsDoNotProlongAnAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &tripper{reply: func(n int, r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(40 * time.Second):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
			resp := answer(307, "")
			resp.Header.Set("Location", "/api/Things?"+string(rune('a'+n)))
			return resp, nil
		}}
		begin := time.Now()
		err := client(t, api, &http.Client{Transport: server, Timeout: time.Minute}, transport.Authorizer{}, 1).Do(t.Context(), call(http.MethodGet, time.Time{}), nil)
		if took := time.Since(begin); took != time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it took %v: %v", took, err)
		}
	})
}

// TestContextsAreFreed: the context of an attempt, with its timer, does not stay until
// the call is over, nor the one of a request that was redirected.
func TestContextsAreFreed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ctxs []context.Context
		server := &tripper{reply: func(n int, r *http.Request) (*http.Response, error) {
			for i, ctx := range ctxs {
				if !errors.Is(ctx.Err(), context.Canceled) {
					t.Errorf("request %d: the context of request %d is still there (%v)", n, i+1, ctx.Err())
				}
			}
			if r.Context().Err() != nil {
				t.Errorf("request %d has a context that is over", n)
			}
			ctxs = append(ctxs, r.Context())
			switch n {
			case 1:
				return answer(503, ""), nil
			case 2:
				resp := answer(307, "")
				resp.Header.Set("Location", "/api/Others")
				return resp, nil
			case 3:
				return nil, io.ErrUnexpectedEOF
			}
			return answer(204, ""), nil
		}}
		err := client(t, api, &http.Client{Transport: server, Timeout: time.Minute}, transport.Authorizer{}, 5).Do(t.Context(), call(http.MethodPut, time.Time{}), nil)
		if err != nil || len(ctxs) != 4 || !errors.Is(ctxs[3].Err(), context.Canceled) {
			t.Errorf("%v after %d requests, the last context is over: %v", err, len(ctxs), ctxs[len(ctxs)-1].Err())
		}
	})
}

// TestConnectionOfTheFirstSend is none of the second one, with a new token: what
// could not be sent was not done, whatever the first send reached.
func TestConnectionOfTheFirstSend(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	hc := &http.Client{Transport: &http.Transport{}}
	auth := transport.Authorizer{
		Value: func(context.Context) (string, error) { return "Bearer old-token", nil },
		Refresh: func(context.Context, string) (string, error) {
			server.Close()
			return "Bearer new-token", nil
		},
	}
	err := client(t, server.URL+"/api", hc, auth, 1).Do(t.Context(), call(http.MethodPost, time.Time{}), nil)
	f, ok := errors.AsType[failed](err)
	op, dial := errors.AsType[*net.OpError](err)
	if !ok || !dial || op.Op != "dial" || f.Unknown || f.Attempts != 2 {
		t.Errorf("%v, %+v", err, f.Failure)
	}
}

// slow delays the TLS handshake of each connection.
type slow struct {
	net.Listener
	delay time.Duration
}

func (l slow) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &slowConn{Conn: conn, delay: l.delay}, err
}

type slowConn struct {
	net.Conn
	once  sync.Once
	delay time.Duration
}

func (c *slowConn) Read(p []byte) (int, error) {
	c.once.Do(func() { time.Sleep(c.delay) })
	return c.Conn.Read(p)
}

// socket is a server on a socket, which counts the requests that arrive completely.
type socket struct {
	*httptest.Server
	whole atomic.Int32
	proto atomic.Pointer[string]
	hold  atomic.Pointer[chan struct{}] // the next request waits for it
	begun chan struct{}                 // closed when one does
}

func newSocket(t testing.TB, http2 bool, delay time.Duration) *socket {
	t.Helper()
	s := &socket{begun: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.proto.Store(&r.Proto)
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		s.whole.Add(1)
		if hold := s.hold.Swap(nil); hold != nil {
			close(s.begun)
			<-*hold
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	s.EnableHTTP2 = http2
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Listener = slow{s.Listener, delay}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// client has one connection to the server, and one request at a time on it. Without
// the strict setting, net/http in HTTP/2 would wait for a second connection.
func (s *socket) client(t testing.TB) *transport.Client {
	t.Helper()
	hc := s.Client()
	rt := hc.Transport.(*http.Transport)
	rt.MaxConnsPerHost = 1
	rt.HTTP2 = &http.HTTP2Config{StrictMaxConcurrentRequests: true}
	t.Cleanup(hc.CloseIdleConnections)
	return client(t, s.URL+"/api", hc, transport.Authorizer{}, 3)
}

func versions(t *testing.T, test func(t *testing.T, http2 bool, proto string)) {
	t.Helper()
	for proto, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			test(t, http2, proto)
		})
	}
}

// TestStaleAfterASlowHandshake: the age counts when the request is about to leave, and
// not when a connection for it is looked for.
func TestStaleAfterASlowHandshake(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, http2 bool, proto string) {
		s := newSocket(t, http2, 400*time.Millisecond)
		c := s.client(t)
		err := c.Do(t.Context(), call(http.MethodPut, time.Now().Add(100*time.Millisecond)), nil)
		if !errors.Is(err, transport.ErrStale) || s.whole.Load() != 0 {
			t.Errorf("%v, and %d requests arrived", err, s.whole.Load())
		}
		if f, ok := errors.AsType[failed](err); !ok || f.Unknown || f.Attempts != 1 {
			t.Errorf("%+v", f.Failure)
		}
		if err := c.Do(t.Context(), call(http.MethodPut, time.Now().Add(time.Minute)), nil); err != nil || *s.proto.Load() != proto || s.whole.Load() != 1 {
			t.Errorf("with time enough: %v, %d requests arrived", err, s.whole.Load())
		}
	})
}

// TestStaleAfterAWaitForTheConnection has another call use the only connection.
func TestStaleAfterAWaitForTheConnection(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, http2 bool, proto string) {
		s := newSocket(t, http2, 0)
		c := s.client(t)
		hold := make(chan struct{})
		s.hold.Store(&hold)
		first := make(chan error, 1)
		go func() { first <- c.Do(t.Context(), call(http.MethodPut, time.Time{}), nil) }()
		<-s.begun
		second := make(chan error, 1)
		go func() { second <- c.Do(t.Context(), call(http.MethodPut, time.Now().Add(100*time.Millisecond)), nil) }()
		time.Sleep(300 * time.Millisecond)
		select {
		case err := <-second:
			t.Errorf("it did not wait for the connection: %v", err)
		default:
		}
		close(hold)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := <-second; !errors.Is(err, transport.ErrStale) {
			t.Error(err)
		}
		if got := *s.proto.Load(); s.whole.Load() != 1 || got != proto {
			t.Errorf("%d requests arrived, with %s", s.whole.Load(), got)
		}
		if err := c.Do(t.Context(), call(http.MethodPut, time.Now().Add(time.Minute)), nil); err != nil || s.whole.Load() != 2 {
			t.Errorf("with time enough: %v, %d requests arrived", err, s.whole.Load())
		}
	})
}
