package security_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { apitest.Main(m) }

const (
	baseURL  = "https://command.example.com/Keyfactor/API"
	user     = `KEYEXAMPLE\tester`
	password = "pa55-w0rd-of-tester"
	basic    = "Basic S0VZRVhBTVBMRVx0ZXN0ZXI6cGE1NS13MHJkLW9mLXRlc3Rlcg=="
)

// answer is what a scripted server does with one request.
type answer func(*http.Request) (*http.Response, error)

// sent is a request as it arrived.
type sent struct {
	at     time.Duration // since the script was made
	method string
	url    string
	header http.Header
	body   string
}

// script is a server that gives its answers in order, the last one for ever.
type script struct {
	http.RoundTripper
	mu       sync.Mutex
	requests []sent
}

func newScript(answers ...answer) *script {
	s := &script{}
	start := time.Now()
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		rec := sent{at: time.Since(start), method: r.Method, url: r.URL.String(), header: r.Header.Clone()}
		if r.Body != nil {
			raw, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			rec.body = string(raw)
		}
		s.mu.Lock()
		n := min(len(s.requests), len(answers)-1)
		s.requests = append(s.requests, rec)
		s.mu.Unlock()
		return answers[n](r)
	})
	s.RoundTripper = mock
	return s
}

// all is what arrived so far.
func (s *script) all() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// waits is the time between one request and the next.
func (s *script) waits() []time.Duration {
	var d []time.Duration
	all := s.all()
	for i := 1; i < len(all); i++ {
		d = append(d, all[i].at-all[i-1].at)
	}
	return d
}

func reply(status int, body string, header ...string) answer {
	return func(*http.Request) (*http.Response, error) {
		resp := httpmock.NewStringResponse(status, body)
		resp.Header.Set("Content-Type", "application/json; charset=utf-8")
		for i := 0; i+1 < len(header); i += 2 {
			resp.Header.Set(header[i], header[i+1])
		}
		return resp, nil
	}
}

func broken(err error) answer {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hang answers never.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// truncated breaks off in the middle of a body.
func truncated(*http.Request) (*http.Response, error) {
	resp := httpmock.NewStringResponse(http.StatusOK, "")
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"Id":1,"Na`), errReader{io.ErrUnexpectedEOF}))
	return resp, nil
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

var (
	errDial  = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	missing  = reply(http.StatusNotFound, `{"ErrorCode":"0xA0110002","Message":"Unable to find \u0027Security Role\u0027 with Id \u00271\u0027"}`)
	ok       = reply(http.StatusOK, `{"Id":1,"Name":"one"}`)
)

// object is what the calls of these tests read.
type object struct {
	ID   int `json:"Id"`
	Name string
}

// newClient is a client with basic authentication that sends through rt.
func newClient(t testing.TB, rt http.RoundTripper, opts ...security.Option) *security.Client {
	t.Helper()
	client, err := security.NewClient(baseURL, append([]security.Option{
		security.WithBasicAuth(user, password), security.WithHTTPClient(&http.Client{Transport: rt}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// do sends a call with method and, if the method has one, a body.
func do(ctx context.Context, c *security.Client, method string, opts ...security.CallOption) (object, error) {
	var (
		in  any
		out object
	)
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		in = map[string]string{"Name": "one"}
	}
	if method == http.MethodDelete {
		return out, c.Do(ctx, method, "Security/Roles/1", 1, in, nil, opts...)
	}
	err := c.Do(ctx, method, "Security/Roles/1", 1, in, &out, opts...)
	return out, err
}

// failure takes an error apart as programs do.
func failure(t testing.TB, err error) *security.Error {
	t.Helper()
	e, ok := errors.AsType[*security.Error](err)
	if !ok {
		t.Fatalf("the error is a %T (%v), want a *security.Error", err, err)
	}
	return e
}

// check fails the test unless exactly the sentinels in want match err.
func sentinels(t testing.TB, err error, want ...error) {
	t.Helper()
	for name, sentinel := range map[string]error{
		"ErrInvalid": security.ErrInvalid, "ErrUnauthorized": security.ErrUnauthorized, "ErrForbidden": security.ErrForbidden,
		"ErrNotFound": security.ErrNotFound, "ErrNoEndpoint": security.ErrNoEndpoint, "ErrConflict": security.ErrConflict, "ErrRateLimited": security.ErrRateLimited,
		"ErrServer": security.ErrServer, "ErrUnknownOutcome": security.ErrUnknownOutcome, "ErrNotJSON": security.ErrNotJSON, "ErrWrongAnswer": security.ErrWrongAnswer,
		"ErrListChanged": security.ErrListChanged,
	} {
		if got := errors.Is(err, sentinel); got != slices.Contains(want, sentinel) {
			t.Errorf("errors.Is(err, %s) is %t; err: %v", name, got, err)
		}
	}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// debug is a logger of everything.
func debug(b *buffer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// tlsThatAsks wants a client certificate.
func tlsThatAsks() *tls.Config { return &tls.Config{ClientAuth: tls.RequireAnyClientCert} }
