package security_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/commandsec/commandsec-go/security"
)

// once lets a call be tried one time only.
var once = security.WithRetry(security.Retry{MaxAttempts: 1})

// gunzipped serves what write writes, compressed.
func gunzipped(write func(io.Writer)) http.HandlerFunc {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	write(z)
	_ = z.Close()
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", jsonText)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}
}

// allocated is what f allocates, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestFewBytesThatStandForManyValues: a body of a megabyte may decode to gigabytes.
func TestFewBytesThatStandForManyValues(t *testing.T) { // not parallel: it measures memory
	many := func(item string, n int) func(io.Writer) {
		return func(w io.Writer) {
			b := bufio.NewWriter(w)
			_, _ = b.WriteString("[" + item)
			for range n - 1 {
				_, _ = b.WriteString("," + item)
			}
			_, _ = b.WriteString("]")
			_ = b.Flush()
		}
	}
	for name, tt := range map[string]struct {
		body func(io.Writer)
		into any
		most uint64
	}{
		"ten million items of a list": {many("{}", 10_000_000), &[]object{}, 200 << 20},
		"a list of 20,001 items":      {many(`{"Id":1}`, 20_001), &[]object{}, 30 << 20},
		"ten million values in one":   {many("{}", 10_000_000), &json.RawMessage{}, 200 << 20},
	} {
		s := newServer(t, gunzipped(tt.body))
		client := s.client(t, once)
		var err error
		used := allocated(func() { err = client.Do(t.Context(), get, "Security/Roles", 1, nil, tt.into) })
		if err == nil || !strings.Contains(err.Error(), "holds more than") || used > tt.most {
			t.Errorf("%s: %v, %d bytes allocated", name, err, used)
		}
	}
	s := newServer(t, gunzipped(many(`{"Id":1}`, 9_999)))
	var all []object
	if err := s.client(t).Do(t.Context(), get, "Security/Roles", 1, nil, &all); err != nil || len(all) != 9_999 {
		t.Errorf("%d items, %v", len(all), err)
	}
	s = newServer(t, gunzipped(func(w io.Writer) { // large, and as it should be
		raw, _ := json.Marshal(make([]struct{ ID, Name, A, B string }, 9_999))
		_, _ = w.Write(bytes.ReplaceAll(raw, []byte(`""`), []byte(`"`+strings.Repeat("x", 100)+`"`)))
	}))
	var texts []struct{ Name string }
	if err := s.client(t).Do(t.Context(), get, "Security/Roles", 1, nil, &texts); err != nil || len(texts) != 9_999 || len(texts[9_998].Name) != 100 {
		t.Errorf("%d items, %v", len(texts), err)
	}
}

// TestMemoryOnTheWordOfAHeader: a Content-Length promises nothing.
func TestMemoryOnTheWordOfAHeader(t *testing.T) { // not parallel: it measures memory
	for _, length := range []int64{1 << 30, math.MaxInt64 - 1} {
		server := newScript(func(*http.Request) (*http.Response, error) {
			resp := httpmock.NewStringResponse(200, `{"Id":1}`)
			resp.ContentLength = length
			return resp, nil
		})
		client := newClient(t, server, security.WithMaxResponseBytes(math.MaxInt64))
		var err error
		used := allocated(func() { _, err = do(t.Context(), client, get) })
		if used > 8<<20 {
			t.Errorf("a length of %d allocates %d bytes (%v)", length, used, err)
		}
	}
}

// TestEndlessBody: no more is held than may come.
func TestEndlessBody(t *testing.T) { // not parallel: it measures memory
	server := newScript(func(*http.Request) (*http.Response, error) {
		resp := httpmock.NewStringResponse(200, "")
		resp.Body, resp.ContentLength = io.NopCloser(endless{}), -1
		return resp, nil
	})
	client := newClient(t, server, once, security.WithMaxResponseBytes(32<<20))
	var err error
	used := allocated(func() { _, err = do(t.Context(), client, get) })
	if err == nil || used > 36<<20 {
		t.Errorf("%v, %d bytes allocated", err, used)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// counted is an item that tells when it is decoded.
type counted struct{}

var decoded struct {
	items  atomic.Int32
	cancel atomic.Pointer[context.CancelFunc]
}

func (*counted) UnmarshalJSON([]byte) error {
	if decoded.items.Add(1) == 100 {
		(*decoded.cancel.Load())()
	}
	return nil
}

// TestContextEndsDecoding: a large list is not decoded to its end for nobody.
func TestContextEndsDecoding(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	decoded.cancel.Store(&cancel)
	var list []counted
	err := newClient(t, newScript(reply(200, "["+strings.Repeat(`{"A":1,"B":2},`, 9_000)+"{}]"))).Do(ctx, get, "Security/Roles", 1, nil, &list)
	if n := decoded.items.Load(); !errors.Is(err, context.Canceled) || n != 100 {
		t.Errorf("%v after %d items", err, n)
	}
}

// TestSwitchingProtocols: an answer that ends HTTP is an error, at once.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	for _, method := range []string{get, post} {
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := do(ctx, s.client(t, once), method)
		if err == nil || !strings.Contains(err.Error(), "101 Switching Protocols") || ctx.Err() != nil {
			t.Errorf("%s: %v", method, err)
		}
		if unknown := errors.Is(err, security.ErrUnknownOutcome); unknown != (method == post) {
			t.Errorf("%s: unknown outcome is %t", method, unknown)
		}
	}
}

// TestTransportWithoutAnAnswer: a RoundTripper that breaks its contract is no reason
// to panic.
func TestTransportWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	_, err := do(t.Context(), newClient(t, tripper(func(*http.Request) (*http.Response, error) { return nil, nil }), once), get)
	if err == nil || !strings.Contains(err.Error(), "neither an answer nor an error") {
		t.Error(err)
	}
}

// TestProxyThatRefuses: it is named, and not asked again.
func TestProxyThatRefuses(t *testing.T) {
	t.Parallel()
	for status, attempts := range map[int]int{407: 1, 403: 1, 502: 4} {
		var asked atomic.Int32
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(status)
		}))
		t.Cleanup(proxy.Close)
		u := mustURL(t, proxy.URL)
		client, err := security.NewClient(baseURL, security.WithBasicAuth(user, password), quick, newServer(t, nil).roots(),
			security.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = do(t.Context(), client, post)
		if e := failure(t, err); e.Attempts != attempts || int(asked.Load()) != attempts || errors.Is(err, security.ErrUnknownOutcome) {
			t.Errorf("%d: tried %d times, asked %d times: %v", status, e.Attempts, asked.Load(), err)
		}
		if !strings.Contains(err.Error(), u.Host) || status == 407 && !strings.Contains(err.Error(), "user and a password") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestServerThatWantsACertificate: without one, another attempt changes nothing.
func TestServerThatWantsACertificate(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(http.ResponseWriter, *http.Request) {}, func(s *httptest.Server) {
		s.TLS = tlsThatAsks()
	})
	for _, method := range []string{get, post} {
		_, err := do(t.Context(), s.client(t), method)
		if e := failure(t, err); e.Attempts != 1 || errors.Is(err, security.ErrUnknownOutcome) || !strings.Contains(err.Error(), "certificate required") {
			t.Errorf("%s: after %d attempts: %v", method, e.Attempts, err)
		}
	}
}

// TestEchoedCredential: who sends the credential back does not get it shown.
func TestEchoedCredential(t *testing.T) {
	t.Parallel()
	for name, credential := range map[string]security.Option{
		"basic":          security.WithBasicAuth(user, `pa55"w0rd+of&tester`),
		"token":          security.WithAccessToken("the.access-token_1234"),
		"basic function": security.WithBasicAuthFunc(func(context.Context) (string, string, error) { return user, `pa55"w0rd+of&tester`, nil }),
		"sign": security.WithAuthorization(func(r *http.Request) error {
			r.Header.Set("Authorization", "Negotiate the.access-token_1234")
			return nil
		}),
	} {
		for kind, write := range map[string]func(credential string) string{
			"json": func(c string) string {
				return string(must(json.Marshal(map[string]string{"Message": "you sent " + c, "ErrorCode": c})))
			},
			"text": func(c string) string { return "you sent " + c },
			"percent, lower case": func(c string) string {
				return strings.NewReplacer("+", "%2b", "&", "%26", `"`, "%22", "-", "%2d").Replace(c)
			},
			"json, escaped": func(c string) string {
				return `{"Message":"no","Sent":"` + strings.NewReplacer("+", `\u002B`, "&", `\u0026`, `"`, `\u0022`, "-", `\u002d`).Replace(c) + `"}`
			},
			"html": func(c string) string { return "<p>" + strings.ReplaceAll(html.EscapeString(c), "-", "&#x2D;") },
			"parts": func(c string) string {
				return string(must(json.Marshal(map[string]any{"FailedOperations": []any{map[string]string{"Reason": c}}})))
			},
		} {
			var log buffer
			server := newScript(func(r *http.Request) (*http.Response, error) {
				sent := r.Header.Get("Authorization")
				if _, password, ok := r.BasicAuth(); ok {
					sent += " " + password
				}
				resp, err := reply(400, write(sent))(r)
				resp.Header.Set("X-Keyfactor-Correlation-Id", sent)
				return resp, err
			})
			client, err := security.NewClient(baseURL, credential, security.WithHTTPClient(&http.Client{Transport: server}), security.WithLogger(debug(&log)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = do(t.Context(), client, get)
			e := failure(t, err)
			all := err.Error() + e.Message + e.Code + e.CorrelationID + string(e.Body) + log.String() + string(must(json.Marshal(e.FailedOperations)))
			for _, secret := range []string{"w0rd", "access-token", "S0VZRVhBTVBMR"} {
				if strings.Contains(all, secret) {
					t.Errorf("%s, %s: %s is shown in %s", name, kind, secret, all)
				}
			}
			if !strings.Contains(all, "(hidden)") {
				t.Errorf("%s, %s: nothing was echoed", name, kind)
			}
		}
	}
}

// TestTextOfOthersIsEscaped: what a server, a proxy or a certificate says stays on
// its line, and is not long.
func TestTextOfOthersIsEscaped(t *testing.T) {
	t.Parallel()
	evil := "a\x1b[31mb\nc\u202ed" + strings.Repeat("e", 1<<20)
	quoted := string(must(json.Marshal(evil)))
	for name, a := range map[string]answer{
		"message":      reply(400, `{"Message":`+quoted+`}`),
		"code":         reply(400, `{"ErrorCode":`+quoted+`}`),
		"operations":   reply(400, `{"FailedOperations":[{"Reason":`+quoted+`},{"Reason":`+quoted+`},{"Reason":`+quoted+`},{"Reason":`+quoted+`},{"Reason":`+quoted+`},{"Reason":`+quoted+`},{"Reason":`+quoted+`}]}`),
		"field errors": reply(400, `{"title":"t","errors":{`+quoted+`:[`+quoted+`]}}`),
		"plain text":   reply(500, evil),
		"correlation id": func(r *http.Request) (*http.Response, error) {
			return withHeader(r, "X-Keyfactor-Correlation-Id", evil)
		},
		"version": func(r *http.Request) (*http.Response, error) {
			return withHeader(r, "X-Keyfactor-Product-Version", evil)
		},
		"location": func(r *http.Request) (*http.Response, error) {
			return withHeader(r, "Location", "https://evil\u202e.example.com/%0A"+strings.Repeat("e", 1<<20))
		},
		"network error": broken(errors.New(evil)),
		"wrong type":    reply(200, `{"Id":`+quoted+`}`),
	} {
		_, err := do(t.Context(), newClient(t, newScript(a), once), get)
		text := err.Error()
		if strings.ContainsAny(text, "\x1b\n\u202e") || len(text) > 6000 {
			t.Errorf("%s: the error has %d bytes: %.200q", name, len(text), text)
		}
	}
}

func withHeader(r *http.Request, name, value string) (*http.Response, error) {
	resp := httpmock.NewStringResponse(404, "")
	if name == "Location" {
		resp.StatusCode = 302
	}
	resp.Header.Set(name, value)
	resp.Request = r
	return resp, nil
}

// TestBodyWhereNoneBelongs: a deletion answered with something may have been done,
// and by somebody else than Command.
func TestBodyWhereNoneBelongs(t *testing.T) {
	t.Parallel()
	for body, is := range map[string]error{
		"<html>": security.ErrNotJSON, "\ufeff<html>": security.ErrNotJSON, "deleted": security.ErrNotJSON,
		`{"error":"x"}`: nil, `{}`: nil, "[]": nil, `"ok"`: nil,
	} {
		err := newClient(t, newScript(reply(200, body))).Do(t.Context(), del, "Security/Roles/1", 1, nil, nil)
		if json.Valid([]byte(body)) { // Do knows nothing of the operation
			if err != nil {
				t.Errorf("%q: %v", body, err)
			}
			continue
		}
		if !errors.Is(err, security.ErrUnknownOutcome) || !errors.Is(err, is) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestHeadersThatAreRefused: they would make another request of it.
func TestHeadersThatAreRefused(t *testing.T) {
	t.Parallel()
	server := newScript(ok)
	for _, name := range []string{
		"authorization", "Proxy-Authorization", "x-keyfactor-api-version", "X-Keyfactor-Requested-With", "X-HTTP-Method-Override",
		"Idempotency-Key", "X-Idempotency-Key", "Host", "Content-Length", "Content-Type", "Accept-Encoding", "Transfer-Encoding",
	} {
		_, err := do(t.Context(), newClient(t, server), post, security.WithHeader(name, "x"))
		if !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "WithHeader") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(server.all()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestSignedHeaderThatCannotBeSent: nothing leaves, and nothing is tried again.
func TestSignedHeaderThatCannotBeSent(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(http.ResponseWriter, *http.Request) {})
	for header, word := range map[[2]string]string{
		{"Authorization", "Negotiate a\r\nX-Evil: 1"}: "control characters",
		{"X Evil", "1"}: "invalid header field name",
	} {
		client := connect(t, s.URL, s.roots(), quick, security.WithAuthorization(func(r *http.Request) error {
			r.Header[header[0]] = []string{header[1]}
			return nil
		}))
		for _, method := range []string{get, post} {
			_, err := do(t.Context(), client, method)
			if e := failure(t, err); e.Attempts != 1 || errors.Is(err, security.ErrUnknownOutcome) || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: after %d attempts: %v", method, e.Attempts, err)
			}
		}
	}
	if s.requests.Load() != 0 {
		t.Errorf("%d requests arrived", s.requests.Load())
	}
}

// TestRedirectsStayInTheAPI: another application of the same host gets neither the
// credential nor the body.
func TestRedirectsStayInTheAPI(t *testing.T) {
	t.Parallel()
	for target, followed := range map[string]bool{
		"/Keyfactor/API/moved": true, "/keyfactor/api/moved": true, "/otherapp": false, "/Keyfactor/APIs/x": false, "/Keyfactor": false,
		"/Keyfactor/API/../otherapp": false, "/Keyfactor/API/%2e%2e/otherapp": false, `/Keyfactor/API/..%5cotherapp`: false, "/": false,
		"/Keyfactor/API/%252e%252e/otherapp": false, "/Keyfactor/API/%25252e%25252e/otherapp": false, "/Keyfactor/API/..%252fotherapp": false,
		"/Keyfactor/API/..;/otherapp": false, "/Keyfactor/API/..;a=b/otherapp": false, "/Keyfactor/API/%2e%2e%3b/otherapp": false,
		`/Keyfactor/API/..\otherapp`: false, `/Keyfactor/API/a\b`: false, "/Keyfactor/API/a%5cb": false, "/Keyfactor/API/a%255cb": false,
		"/Keyfactor/API//otherapp": false, "/Keyfactor/API/a//b": false, "/Keyfactor/API/%2fotherapp": false, "/Keyfactor/API/a%252f%252fb": false,
		"/Keyfactor/API/..%20/otherapp": false, "/Keyfactor/API/..%00/otherapp": false, "/Keyfactor/API/%20..a/": true,
		"/Keyfactor/API/..%3f/otherapp": false, "/Keyfactor/API/..%23/otherapp": false, "/Keyfactor/API/%25u002e%25u002e/otherapp": false,
		"/Keyfactor/API/%c0%ae%c0%ae/otherapp": false, "/Keyfactor/API/%2525252525252e": false,
		"/Keyfactor/API/a.b/": true, "/Keyfactor/API/a..b": true, "/Keyfactor/API/a%20b": true, "/Keyfactor/API/a;b=c": true, "/Keyfactor/API/a%2fb": true,
	} {
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/Security/Roles/1") {
				w.Header().Set("Location", target)
				w.WriteHeader(307)
				return
			}
			write(w, 200, jsonText, `{"Id":1}`)
		})
		_, err := do(t.Context(), s.client(t), put)
		if n := s.requests.Load(); (err == nil) != followed || (n == 2) != followed {
			t.Errorf("%s: %d requests, %v", target, n, err)
		}
	}
}

// TestNotFoundAfterARedirect says nothing of the object that was asked for.
func TestNotFoundAfterARedirect(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/Security/Roles/1") {
			http.Redirect(w, r, "/Keyfactor/API/Security/Roles/2", http.StatusFound)
			return
		}
		write(w, 404, jsonText, `{"ErrorCode":"0xA0110002","Message":"Unable to find it"}`)
	})
	_, err := do(t.Context(), s.client(t), get)
	sentinels(t, err, security.ErrNoEndpoint)
}

// TestReadOnly: a client that only reads writes nothing.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	server := newScript(ok)
	client := newClient(t, server, security.WithReadOnly())
	for _, method := range []string{put, post, del, patch} {
		_, err := do(t.Context(), client, method, security.WithReplay())
		sentinels(t, err, security.ErrInvalid)
		if !strings.Contains(err.Error(), "WithReadOnly") {
			t.Errorf("%s: %v", method, err)
		}
	}
	if len(server.all()) != 0 {
		t.Errorf("%d requests were sent", len(server.all()))
	}
	if _, err := do(t.Context(), client, get); err != nil {
		t.Error(err)
	}
}

// TestAudit: every write that was tried is told, once, with what became of it.
func TestAudit(t *testing.T) {
	t.Parallel()
	type key struct{}
	for name, tt := range map[string]struct {
		method  string
		answers []answer
		want    security.AuditRecord
		none    bool
	}{
		"done": {method: put, answers: []answer{reply(503, ""), reply(200, `{"Id":1}`, "X-Keyfactor-Correlation-Id", "c1")}, want: security.AuditRecord{
			Outcome: security.AuditDone, StatusCode: 200, CorrelationID: "c1", Operation: security.Operation{Method: put, Attempt: 2},
		}},
		"refused": {method: post, answers: []answer{reply(403, "")}, want: security.AuditRecord{
			Outcome: security.AuditFailed, StatusCode: 403, Operation: security.Operation{Method: post, Attempt: 1},
		}},
		"unknown": {method: post, answers: []answer{broken(errReset)}, want: security.AuditRecord{
			Outcome: security.AuditUnknown, Operation: security.Operation{Method: post, Attempt: 1},
		}},
		"a reading": {method: get, answers: []answer{ok}, none: true},
	} {
		var told []security.AuditRecord
		var value any
		client := newClient(t, newScript(tt.answers...), quick, security.WithAudit(func(ctx context.Context, r security.AuditRecord) {
			told = append(told, r)
			value = ctx.Value(key{})
		}))
		_, err := do(context.WithValue(t.Context(), key{}, "mine"), client, tt.method)
		if tt.none {
			if len(told) != 0 {
				t.Errorf("%s is told: %+v", name, told)
			}
			continue
		}
		if len(told) != 1 || value != "mine" {
			t.Fatalf("%s: told %+v, the context has %v", name, told, value)
		}
		got := told[0]
		if time.Since(got.Time) > time.Minute || got.Duration <= 0 || got.Account != user || got.Path != "/Security/Roles/1" || !errors.Is(got.Err, err) {
			t.Errorf("%s: %+v", name, got)
		}
		tt.want.Operation.Path, tt.want.Operation.Version = "Security/Roles/1", 1
		if got.Outcome != tt.want.Outcome || got.StatusCode != tt.want.StatusCode || got.CorrelationID != tt.want.CorrelationID || got.Operation != tt.want.Operation {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	if _, err := security.NewClient(baseURL, security.WithBasicAuth(user, password), security.WithAudit(nil)); !errors.Is(err, security.ErrInvalid) {
		t.Error(err)
	}
}

// TestBasicAuthFunc: a password that changes is taken up, after a 401 at once.
func TestBasicAuthFunc(t *testing.T) {
	t.Parallel()
	current := atomic.Pointer[string]{}
	first, second := "first-pa55", "second-pa55"
	current.Store(&first)
	server := newScript(func(r *http.Request) (*http.Response, error) {
		if _, got, _ := r.BasicAuth(); got != second {
			current.Store(&second) // somebody rotates it meanwhile
			return reply(401, "")(r)
		}
		return ok(r)
	})
	var account string
	client, err := security.NewClient(baseURL, security.WithHTTPClient(&http.Client{Transport: server}),
		security.WithBasicAuthFunc(func(context.Context) (string, string, error) { return user, *current.Load(), nil }),
		security.WithAudit(func(_ context.Context, r security.AuditRecord) { account = r.Account }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, post); err != nil || len(server.all()) != 2 || account != user {
		t.Errorf("%d requests as %s, %v", len(server.all()), account, err)
	}
	current.Store(&first)
	never := newScript(reply(401, ""))
	client, err = security.NewClient(baseURL, security.WithHTTPClient(&http.Client{Transport: never}),
		security.WithBasicAuthFunc(func(context.Context) (string, string, error) { return user, *current.Load(), nil }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, get); !errors.Is(err, security.ErrUnauthorized) || len(never.all()) != 1 {
		t.Errorf("a 401 that stands: %d requests, %v", len(never.all()), err)
	}
	vault := errors.New("the vault is sealed")
	for name, get := range map[string]func(context.Context) (string, string, error){
		"an error":    func(context.Context) (string, string, error) { return "", "", vault },
		"no user":     func(context.Context) (string, string, error) { return "", "x", nil },
		"no password": func(context.Context) (string, string, error) { return "x", "", nil },
		"a colon":     func(context.Context) (string, string, error) { return "x:y", "x", nil },
	} {
		server := newScript(ok)
		client, err := security.NewClient(baseURL, security.WithHTTPClient(&http.Client{Transport: server}), security.WithBasicAuthFunc(get))
		if err != nil {
			t.Fatal(err)
		}
		_, err = do(t.Context(), client, post)
		if err == nil || len(server.all()) != 0 || errors.Is(err, security.ErrUnknownOutcome) || name == "an error" && !errors.Is(err, vault) {
			t.Errorf("%s: %d requests, %v", name, len(server.all()), err)
		}
	}
}

// TestRateLimitHoldsForSecondSends: a request that is sent again with a new token
// counts.
func TestRateLimitHoldsForSecondSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &idp{api: func(n int, _ string, _ *http.Request) *http.Response {
			if n%2 == 1 {
				return httpmock.NewStringResponse(401, "")
			}
			return nil
		}}
		client := p.client(t, security.WithRateLimit(10, 1))
		begin := time.Now()
		for range 10 {
			if _, err := do(t.Context(), client, get); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took < 1900*time.Millisecond {
			t.Errorf("20 requests at 10 a second took %v", took)
		}
	})
}

// must returns v of a call that cannot fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
