package security_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/security"
)

// quick makes retries take no time.
var quick = security.WithRetry(security.Retry{MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond})

// server is an HTTP server over TLS, on a real socket.
type server struct {
	*httptest.Server
	conns    atomic.Int32 // connections accepted
	requests atomic.Int32
}

func newServer(t testing.TB, handler http.HandlerFunc, configure ...func(*httptest.Server)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handler(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
	}
	for _, c := range configure {
		c(s.Server)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) roots() security.Option {
	return security.WithRootCAs(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// client is a client for s; its connections end with the test.
func (s *server) client(t testing.TB, opts ...security.Option) *security.Client {
	t.Helper()
	return connect(t, s.URL, append([]security.Option{s.roots(), security.WithBasicAuth(user, password), quick}, opts...)...)
}

func connect(t testing.TB, url string, opts ...security.Option) *security.Client {
	t.Helper()
	client, err := security.NewClient(url+"/Keyfactor/API", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func write(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

const (
	jsonText = "application/json; charset=utf-8"
	htmlText = "text/html"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	page := `<!DOCTYPE html><html><body>Sign in</body></html>`
	for name, tc := range map[string]struct {
		status int
		ctype  string
		body   string
		is     []error
		code   string
		msg    string
	}{
		"login page":                {200, htmlText, page, []error{security.ErrNotJSON}, "", ""},
		"page said to be JSON":      {200, jsonText, "\n " + page, []error{security.ErrNotJSON}, "", ""},
		"text":                      {200, "text/plain", "please sign in", []error{security.ErrNotJSON}, "", ""},
		"empty":                     {200, jsonText, "", []error{security.ErrNotJSON}, "", ""},
		"blank":                     {200, jsonText, " \r\n", []error{security.ErrNotJSON}, "", ""},
		"no content":                {204, "", "", []error{security.ErrNotJSON}, "", ""},
		"null":                      {200, jsonText, "null", []error{security.ErrWrongAnswer}, "", ""},
		"truncated JSON":            {200, jsonText, `{"Id":5,"Name":"half`, []error{security.ErrWrongAnswer}, "", ""},
		"JSON of another kind":      {200, jsonText, `[1,2]`, []error{security.ErrWrongAnswer}, "", ""},
		"a field of another type":   {200, jsonText, `{"Id":5,"Name":{"a":1}}`, []error{security.ErrWrongAnswer}, "", ""},
		"two objects":               {200, jsonText, `{"Id":5}{"Id":6}`, []error{security.ErrWrongAnswer}, "", ""},
		"301 without a place":       {301, htmlText, page, nil, "", ""},
		"304":                       {304, "", "", nil, "", ""},
		"400 with a code":           {400, jsonText, `{"ErrorCode":"0xA011004A","Message":"Invalid sort field: Id."}`, []error{security.ErrInvalid}, "0xA011004A", "Invalid sort field: Id."},
		"400 in camelCase":          {400, jsonText, `{"errorCode":"0xA0110002","message":"no"}`, []error{security.ErrInvalid}, "0xA0110002", "no"},
		"400 with a numeric code":   {400, jsonText, `{"ErrorCode":7,"Message":"no"}`, []error{security.ErrInvalid}, "7", "no"},
		"400, wrong types":          {400, jsonText, `{"ErrorCode":"0xA0110002","Message":"no","FailedOperations":"all"}`, []error{security.ErrInvalid}, "0xA0110002", "no"},
		"400, null operations":      {400, jsonText, `{"ErrorCode":"0xA0110002","Message":"no","FailedOperations":null}`, []error{security.ErrInvalid}, "0xA0110002", "no"},
		"400 problem details":       {400, "application/problem+json", `{"type":"about:blank","title":"Bad things","status":400}`, []error{security.ErrInvalid}, "", "Bad things"},
		"400 text":                  {400, "text/plain", "no such thing", []error{security.ErrInvalid}, "", "no such thing"},
		"400 truncated JSON":        {400, jsonText, `{"ErrorCode":"0xA0`, []error{security.ErrInvalid}, "", ""},
		"401 page":                  {401, htmlText, page, []error{security.ErrUnauthorized}, "", ""},
		"403 empty":                 {403, "", "", []error{security.ErrForbidden}, "", ""},
		"404":                       {404, jsonText, `{"Message":"gone"}`, []error{security.ErrNotFound}, "", "gone"},
		"409":                       {409, jsonText, `null`, []error{security.ErrConflict}, "", ""},
		"418":                       {418, jsonText, `[]`, nil, "", ""},
		"500 page":                  {500, htmlText, page, []error{security.ErrServer}, "", ""},
		"503 page of another proxy": {503, htmlText, strings.Repeat(page, 3000), []error{security.ErrServer}, "", ""},
		"599":                       {599, "", "", []error{security.ErrServer}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Keyfactor-Correlation-Id", "c0ffee")
				write(w, tc.status, tc.ctype, tc.body)
			})
			out := object{ID: -1, Name: "untouched"}
			err := s.client(t).Do(t.Context(), get, "Security/Roles/5", 2, nil, &out)
			sentinels(t, err, tc.is...)
			e := failure(t, err)
			if e.StatusCode != tc.status || e.CorrelationID != "c0ffee" || e.Code != tc.code || e.Message != tc.msg {
				t.Errorf("the error has status %d, correlation id %q, code %q, message %q", e.StatusCode, e.CorrelationID, e.Code, e.Message)
			}
			if want := tc.body[:min(len(tc.body), 64<<10)]; string(e.Body) != want {
				t.Errorf("Body holds %d bytes, want the first %d of what came", len(e.Body), len(want))
			}
			if out != (object{ID: -1, Name: "untouched"}) {
				t.Errorf("a failed call left %+v behind", out)
			}
			if s.conns.Load() != 1 {
				t.Errorf("%d connections for %d requests", s.conns.Load(), s.requests.Load())
			}
		})
	}
}

// TestDecoding: the server's words may come in any case, with more than we know.
func TestDecoding(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"Id":5,"Name":"a"}`, `{"id":5,"name":"a","newInVersion26":{"x":[1]}}`, "\t{\"ID\":5,\"NAME\":\"a\"}\r\n"} {
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, "text/json", body) })
		var out object
		if err := s.client(t).Do(t.Context(), get, "Security/Roles/5", 2, nil, &out); err != nil || out != (object{5, "a"}) {
			t.Errorf("%s: %+v, %v", body, out, err)
		}
	}
}

// TestBrokenBodies has answers that do not arrive completely.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	half := func(how func(net.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", jsonText)
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"Id":5,"Name":"ha`)
			w.(http.Flusher).Flush()
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			how(conn)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"closed in the body": half(func(c net.Conn) { _ = c.(*tls.Conn).NetConn().Close() }),
		"reset in the body": half(func(c net.Conn) {
			raw := c.(*tls.Conn).NetConn().(*net.TCPConn)
			_ = raw.SetLinger(0)
			_ = raw.Close()
		}),
		"closed in a chunked body": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"Id":5`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"closed before the header": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for _, method := range []string{get, put, post} {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, handler)
				got, err := do(t.Context(), s.client(t), method)
				want, is := int32(4), []error(nil)
				if method != get {
					is = []error{security.ErrUnknownOutcome}
				}
				if method == post {
					want = 1
				}
				sentinels(t, err, is...)
				if e := failure(t, err); s.requests.Load() != want || e.Attempts != int(want) {
					t.Errorf("%d requests, Attempts %d, want %d", s.requests.Load(), e.Attempts, want)
				}
				if got != (object{}) {
					t.Errorf("half a result: %+v", got)
				}
				if e := failure(t, err); strings.Contains(string(e.Body), "\x00") {
					t.Errorf("Body is %q, more than what came", e.Body)
				}
			})
		}
	}
}

// TestReusedConnectionBreaks: net/http itself must not send a POST again when a
// kept connection turns out to be dead, on either version of HTTP.
func TestReusedConnectionBreaks(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*httptest.Server){
		"HTTP/1.1": func(*httptest.Server) {},
		"HTTP/2":   func(s *httptest.Server) { s.EnableHTTP2 = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var posts atomic.Int32
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Method == post {
					posts.Add(1)
					panic(http.ErrAbortHandler)
				}
				if r.Proto != name && r.Proto != name+".0" {
					t.Errorf("the protocol is %s", r.Proto)
				}
				write(w, 200, jsonText, `{"Id":1}`)
			}, configure)
			client := s.client(t)
			for range 3 {
				if _, err := do(t.Context(), client, get); err != nil {
					t.Fatal(err)
				}
				_, err := do(t.Context(), client, post)
				sentinels(t, err, security.ErrUnknownOutcome)
			}
			if n := posts.Load(); n != 3 {
				t.Errorf("3 POSTs arrived %d times", n)
			}
		})
	}
}

func TestNoConnection(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		client := connect(t, "https://"+refused(t), security.WithBasicAuth(user, password), quick)
		_, err := do(t.Context(), client, post)
		sentinels(t, err)
		if e := failure(t, err); e.Attempts != 4 {
			t.Errorf("Attempts is %d, want 4: %v", e.Attempts, err)
		}
	})
	t.Run("handshake fails", func(t *testing.T) {
		t.Parallel()
		l := listen(t)
		var conns atomic.Int32
		var done sync.WaitGroup
		done.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				conns.Add(1)
				_, _ = c.Read(make([]byte, 100)) // the client's hello
				_ = c.Close()
			}
		})
		client := connect(t, "https://"+l.Addr().String(), security.WithBasicAuth(user, password), quick)
		_, err := do(t.Context(), client, post)
		sentinels(t, err)
		if e := failure(t, err); e.Attempts != 4 || conns.Load() != 4 {
			t.Errorf("Attempts %d, %d connections, want 4: %v", e.Attempts, conns.Load(), err)
		}
		_ = l.Close()
		done.Wait()
	})
	t.Run("certificate not trusted", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{}`) })
		client := connect(t, s.URL, security.WithBasicAuth(user, password), quick)
		_, err := do(t.Context(), client, post)
		sentinels(t, err)
		var cert *tls.CertificateVerificationError
		if e := failure(t, err); !errors.As(err, &cert) || e.Attempts != 1 || s.conns.Load() != 1 || s.requests.Load() != 0 {
			t.Errorf("Attempts %d, %d connections, %d requests: %v", e.Attempts, s.conns.Load(), s.requests.Load(), err)
		}
		if !strings.Contains(err.Error(), "WithRootCAs") {
			t.Errorf("no advice in %v", err)
		}
	})
	t.Run("certificate check off", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) })
		client := connect(t, s.URL, security.WithBasicAuth(user, password), quick, security.WithInsecureSkipVerify())
		if _, err := do(t.Context(), client, post); err != nil {
			t.Error(err)
		}
	})
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// refused is an address that nobody listens on.
func refused(t testing.TB) string {
	t.Helper()
	l := listen(t)
	_ = l.Close()
	return l.Addr().String()
}

// TestHugeBodies streams 300 MiB, which must be neither read nor kept.
func TestHugeBodies(t *testing.T) { // not parallel: it measures memory
	const size = 300 << 20
	for name, tc := range map[string]struct {
		status int
		length string
		most   int64 // bytes that may be sent
	}{
		"success, length stated": {200, "314572800", 8 << 20},
		"success, chunked":       {200, "", 80 << 20},
		"error, length stated":   {500, "314572800", 8 << 20},
		"error, chunked":         {400, "", 8 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			var out atomic.Int64
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", jsonText)
				if tc.length != "" {
					w.Header().Set("Content-Length", tc.length)
				}
				w.WriteHeader(tc.status)
				chunk := []byte(strings.Repeat(" ", 64<<10))
				for range size / len(chunk) {
					n, err := w.Write(chunk)
					out.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			client := s.client(t, security.WithRetry(security.Retry{MaxAttempts: 1}))
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := do(t.Context(), client, get)
			runtime.GC()
			runtime.ReadMemStats(&after)
			e := failure(t, err)
			if e.StatusCode != tc.status || len(e.Body) > 64<<10 || cap(e.Body) > 128<<10 {
				t.Errorf("status %d, Body %d bytes of %d", e.StatusCode, len(e.Body), cap(e.Body))
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
				t.Errorf("%d bytes are still held after the call", grown)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 400<<20 {
				t.Errorf("%d bytes were allocated", used)
			}
			if sent := out.Load(); sent > tc.most {
				t.Errorf("%d bytes were read, want no more than %d", sent, tc.most)
			}
			runtime.KeepAlive(e)
		})
	}
}

func TestMaxResponseBytes(t *testing.T) {
	t.Parallel()
	body := `{"Id":1,"Name":"1234567890"}`
	for _, chunked := range []bool{false, true} {
		for limit, fits := range map[int64]bool{int64(len(body)): true, int64(len(body)) - 1: false, math.MaxInt64: true} {
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				if chunked {
					w.(http.Flusher).Flush()
				}
				_, _ = io.WriteString(w, body)
			})
			_, err := do(t.Context(), s.client(t, security.WithMaxResponseBytes(limit)), get)
			if (err == nil) != fits {
				t.Errorf("limit %d, chunked %t: %v", limit, chunked, err)
			}
			if n := s.requests.Load(); n != 1 {
				t.Errorf("limit %d: %d requests", limit, n)
			}
		}
	}
}

// TestLargeTruncatedBodyIsNotKept: an error keeps 64 KiB, not the slice that
// these are part of.
func TestLargeTruncatedBodyIsNotKept(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		write(w, 200, jsonText, `{"Name":"`+strings.Repeat("a", 8<<20))
	})
	_, err := do(t.Context(), s.client(t), get)
	if e := failure(t, err); len(e.Body) != 64<<10 || cap(e.Body) > 128<<10 {
		t.Errorf("Body is %d bytes of %d", len(e.Body), cap(e.Body))
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method   string
		status   int
		other    bool // to another origin
		followed bool
	}{
		"GET 302 same origin":     {get, 302, false, true},
		"GET 307 same origin":     {get, 307, false, true},
		"PUT 307 same origin":     {put, 307, false, true},
		"POST 308 same origin":    {post, 308, false, true},
		"POST 301 same origin":    {post, 301, false, false},
		"POST 302 same origin":    {post, 302, false, false},
		"POST 303 same origin":    {post, 303, false, false},
		"PUT 302 same origin":     {put, 302, false, false},
		"DELETE 302 same origin":  {del, 302, false, false},
		"GET 302 another origin":  {get, 302, true, false},
		"GET 307 another origin":  {get, 307, true, false},
		"POST 302 another origin": {post, 302, true, false},
		"POST 307 another origin": {post, 307, true, false},
		"PUT 308 another origin":  {put, 308, true, false},
	} {
		for _, oauth := range []bool{false, true} {
			if oauth {
				name += ", OAuth"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				other := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) })
				var seen []string
				s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					seen = append(seen, r.Header.Get("Authorization")+" "+r.Header.Get("x-keyfactor-api-version")+" "+string(body))
					switch {
					case strings.HasSuffix(r.URL.Path, "/moved"):
						write(w, 200, jsonText, `{"Id":1}`)
					case tc.other:
						http.Redirect(w, r, other.URL+"/moved?secret=in-the-query", tc.status)
					default:
						http.Redirect(w, r, "/Keyfactor/API/moved", tc.status)
					}
				})
				want := basic
				opts := []security.Option{s.roots(), other.roots(), quick, security.WithBasicAuth(user, password)}
				if oauth {
					want = "Bearer the-token"
					opts[3] = security.WithAccessToken("the-token")
				}
				var r security.Response
				_, err := do(t.Context(), connect(t, s.URL, opts...), tc.method, security.WithResponse(&r))
				if other.conns.Load() != 0 {
					t.Error("the other origin was contacted")
				}
				if tc.followed {
					if err != nil || len(seen) != 2 || seen[0] != seen[1] || !strings.HasPrefix(seen[1], want+" 1") {
						t.Errorf("requests %q, error %v", seen, err)
					}
					return
				}
				if e := failure(t, err); len(seen) != 1 || e.Attempts != 1 || e.StatusCode != tc.status || r.StatusCode != tc.status {
					t.Errorf("requests %q, Attempts %d, StatusCode %d", seen, e.Attempts, e.StatusCode)
				}
				if strings.Contains(err.Error(), "in-the-query") {
					t.Errorf("the error shows a query: %v", err)
				}
			})
		}
	}
}

func TestRedirectLoop(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	_, err := do(t.Context(), s.client(t), get)
	if e := failure(t, err); e.StatusCode != 302 || s.requests.Load() != 10 {
		t.Errorf("%d requests, status %d: %v", s.requests.Load(), e.StatusCode, err)
	}
}

func TestConnectionReuse(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"success": func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) },
		"large success": func(w http.ResponseWriter, _ *http.Request) {
			write(w, 200, jsonText, `{"Name":"`+strings.Repeat("a", 300<<10)+`"}`)
		},
		"not decodable": func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, strings.Repeat("{", 100<<10)) },
		"404 page":      func(w http.ResponseWriter, _ *http.Request) { write(w, 404, htmlText, strings.Repeat("<p>", 30<<10)) },
		"503, repeated": func(w http.ResponseWriter, _ *http.Request) { write(w, 503, htmlText, strings.Repeat("<p>", 30<<10)) },
		"429, repeated": func(w http.ResponseWriter, _ *http.Request) { write(w, 429, htmlText, strings.Repeat("<p>", 30<<10)) },
		"401":           func(w http.ResponseWriter, _ *http.Request) { write(w, 401, htmlText, strings.Repeat("<p>", 30<<10)) },
		"302 to nowhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example.com/", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, handler)
			client := s.client(t)
			for range 50 {
				_, _ = do(t.Context(), client, get)
			}
			if n := s.conns.Load(); n != 1 {
				t.Errorf("%d connections for %d requests", n, s.requests.Load())
			}
		})
	}
	t.Run("30 at a time", func(t *testing.T) {
		t.Parallel()
		var arrived atomic.Int32
		all := make(chan struct{})
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			// The first 30 wait for each other: each then has a connection of its own,
			// and none is still being opened.
			if arrived.Add(1) == 30 {
				close(all)
			}
			select {
			case <-all:
			case <-r.Context().Done():
			}
			write(w, 200, jsonText, `{"Id":1}`)
		})
		client := s.client(t)
		for range 5 {
			var group sync.WaitGroup
			for range 30 {
				group.Go(func() { _, _ = do(t.Context(), client, get) })
			}
			group.Wait()
		}
		if n := s.conns.Load(); n != 30 || s.requests.Load() != 150 {
			t.Errorf("%d connections for 30 callers and %d requests", n, s.requests.Load())
		}
	})
}

// TestCancelIsPrompt cancels calls while a real server hangs at various points.
func TestCancelIsPrompt(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"before the header": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in the body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"Id":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"in a chunked body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"Id":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"in an error body": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `<html>`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"in the wait for a retry": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(503)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{}, 1)
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				select {
				case arrived <- struct{}{}:
				default:
				}
				handler(w, r)
			})
			client := s.client(t, security.WithRetry(security.Retry{MaxWait: minute}))
			ctx, cancel := context.WithCancelCause(t.Context())
			reason := errors.New("enough")
			var at time.Time
			go func() {
				<-arrived
				time.Sleep(20 * time.Millisecond)
				at = time.Now()
				cancel(reason)
			}()
			_, err := do(ctx, client, get)
			if elapsed := time.Since(at); elapsed > 2*time.Second {
				t.Errorf("it took %v to return", elapsed)
			}
			if !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
				t.Errorf("the error is %v", err)
			}
			failure(t, err)
		})
	}
}

// TestMiddleware: the first is the outermost, and none sees the credential.
func TestMiddleware(t *testing.T) {
	t.Parallel()
	var order []string
	spy := func(name string) security.Option {
		return security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				order = append(order, name)
				if v := r.Header.Get("Authorization"); v != "" {
					t.Errorf("the middleware sees %q on the way out", v)
				}
				resp, err := next.RoundTrip(r)
				if err == nil && resp.Request.Header.Get("Authorization") != "" {
					t.Error("the middleware sees the credential on the way back")
				}
				return resp, err
			})
		})
	}
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != basic {
			t.Error("the server did not get the credential")
		}
		if strings.HasSuffix(r.URL.Path, "/1") && len(order) == 2 {
			w.WriteHeader(503)
			return
		}
		write(w, 200, jsonText, `{"Id":1}`)
	})
	if _, err := do(t.Context(), s.client(t, spy("a"), spy("b")), get); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
}

// TestMiddlewareCannotLeadTheCredentialAway: a request that a middleware sends to
// another host goes without it.
func TestMiddlewareCannotLeadTheCredentialAway(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"https://evil.example.com", "https://command.example.com:8443", "http://command.example.com"} {
		server := newScript(ok)
		client := newClient(t, server, security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				scheme, host, _ := strings.Cut(target, "://")
				r.URL.Scheme, r.URL.Host = scheme, host
				return next.RoundTrip(r)
			})
		}))
		if _, err := do(t.Context(), client, get); err != nil {
			t.Fatal(err)
		}
		if r := server.all()[0]; !strings.HasPrefix(r.url, target+"/") || r.header.Get("Authorization") != "" {
			t.Errorf("%s got the credential %q", r.url, r.header.Get("Authorization"))
		}
	}
}

// TestMiddlewareMayLoseTheContext: what it breaks must not panic.
func TestMiddlewareMayLoseTheContext(t *testing.T) {
	t.Parallel()
	server := newScript(reply(401, ""))
	client := newClient(t, server, security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			return next.RoundTrip(r.WithContext(context.Background())) // on purpose
		})
	}))
	_, err := do(t.Context(), client, get)
	sentinels(t, err, security.ErrUnauthorized)

	passwords := 'a' // a credential that is renewed takes another path
	client, err = security.NewClient(baseURL, quick, security.WithHTTPClient(&http.Client{Transport: server}),
		security.WithBasicAuthFunc(func(context.Context) (string, string, error) {
			passwords++
			return user, string(passwords), nil
		}),
		security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				return next.RoundTrip(r.WithContext(context.Background()))
			})
		}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(t.Context(), client, get)
	sentinels(t, err, security.ErrUnauthorized)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
