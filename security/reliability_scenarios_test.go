package security_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// role is the role that the calls are about.
const role = `{"Id":1,"Name":"Ops","Description":"d","PermissionSetId":"bcdc0d3f-0a32-4f3e-a1f9-6e3dc4eb5d39","Permissions":[],"Claims":[]}`

// right answers as Command does.
func right(w http.ResponseWriter, r *http.Request) {
	if r.Method == del {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	write(w, http.StatusOK, jsonText, role)
}

var rightAnswer answer = func(r *http.Request) (*http.Response, error) {
	if r.Method == del {
		return reply(204, "")(r)
	}
	return reply(200, role)(r)
}

// says answers every request alike.
func says(status int, contentType, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		write(w, status, contentType, body)
	}
}

// raw writes an answer as it is, and then does something to the connection.
func raw(text string, then func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, text)
		if then == nil {
			_ = conn.Close()
			return
		}
		then(conn)
	}
}

// reset breaks a connection.
func reset(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// stall keeps the connection until the client has gone.
func stall(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// half answers with a success of which the second half does not come.
func half(status int, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "200")
		write(w, status, jsonText, `{"Id":1,`)
		w.(http.Flusher).Flush()
		then(w, r)
	}
}

// abort ends the connection, or the stream of it.
func abort(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	panic(http.ErrAbortHandler)
}

// silent never answers.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// accept treats each connection to a new listener in its own way, until the test is
// over. It returns the address.
func accept(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l := listen(t)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				serve(conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); served.Wait() })
	return l.Addr().String()
}

// handshaken is a scenario of connections that do something after the TLS handshake.
func handshaken(serve func(net.Conn)) callScenario {
	return callScenario{client: func(t *testing.T) *security.Client {
		cert := serverCertificate(t, time.Now().Add(time.Hour))
		address := accept(t, func(conn net.Conn) {
			secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
			if secure.HandshakeContext(t.Context()) == nil {
				serve(secure)
			}
		})
		return connect(t, "https://"+address, trusting(cert), security.WithBasicAuth(user, password), quick)
	}}
}

func trusting(cert tls.Certificate) security.Option {
	return security.WithRootCAs(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
}

// serverCertificate is self-signed, for 127.0.0.1.
func serverCertificate(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: until.Add(-48 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	return tls.Certificate{Certificate: [][]byte{must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))}, PrivateKey: key}
}

// proxied is a scenario of a proxy on the way. answer is nil if nobody listens there.
func proxied(answer http.HandlerFunc) callScenario {
	return callScenario{client: func(t *testing.T) *security.Client {
		address := "http://" + refused(t)
		if answer != nil {
			proxy := httptest.NewServer(answer)
			t.Cleanup(proxy.Close)
			address = proxy.URL
		}
		return newServer(t, right).client(t, security.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(mustURL(t, address))}}))
	}}
}

// via is a scenario of connections that are made in another way.
func via(dial func(ctx context.Context, network, address string) (net.Conn, error)) callScenario {
	return callScenario{client: func(t *testing.T) *security.Client {
		return newServer(t, right).client(t, security.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: dial}}))
	}}
}

// ended lets the context of a scenario end after a while.
func (s callScenario) ended(after time.Duration, how string) callScenario {
	s.ctx = func(t *testing.T) context.Context {
		if how == "canceled" {
			ctx, cancel := context.WithCancel(t.Context())
			if after == 0 {
				cancel()
			}
			time.AfterFunc(after, cancel)
			return ctx
		}
		ctx, cancel := context.WithTimeout(t.Context(), after)
		t.Cleanup(cancel)
		return ctx
	}
	return s
}

// signingIn is a scenario of a token endpoint.
func signingIn(issue func(int, *http.Request) (*http.Response, error), api func(int, string, *http.Request) *http.Response) callScenario {
	return callScenario{virtual: true, client: func(t *testing.T) *security.Client {
		return (&idp{issue: issue, api: api}).client(t, security.WithTimeout(time.Second))
	}}
}

// refusing is an API that answers the first n calls 401.
func refusing(n int) func(int, string, *http.Request) *http.Response {
	return func(call int, _ string, r *http.Request) *http.Response {
		if call <= n {
			return httpmock.NewStringResponse(401, "<html>")
		}
		return must(rightAnswer(r))
	}
}

func moved(status int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/moved") {
			right(w, r)
			return
		}
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}
}

// impatient gives an attempt little time.
var impatient = security.WithTimeout(200 * time.Millisecond)

// callScenarios are the rows of the tables of single calls in docs/reliability.md.
var callScenarios = map[string]callScenario{
	// No connection.
	"nobody listens at the address": {client: func(t *testing.T) *security.Client {
		return connect(t, "https://"+refused(t), security.WithBasicAuth(user, password), quick)
	}},
	"the name does not resolve": via(func(ctx context.Context, network, _ string) (net.Conn, error) {
		nobody := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no name server") }}
		return (&net.Dialer{Resolver: nobody}).DialContext(ctx, network, "command.invalid:443")
	}),
	"the TLS handshake breaks off": {client: func(t *testing.T) *security.Client {
		address := accept(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 100)) })
		return connect(t, "https://"+address, security.WithBasicAuth(user, password), quick)
	}},
	"the certificate is not trusted": {client: func(t *testing.T) *security.Client {
		return connect(t, newServer(t, right).URL, security.WithBasicAuth(user, password), quick)
	}},
	"the certificate has expired": {client: func(t *testing.T) *security.Client {
		cert := serverCertificate(t, time.Now().Add(-time.Hour))
		s := newServer(t, right, func(s *httptest.Server) { s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} })
		return connect(t, s.URL, trusting(cert), security.WithBasicAuth(user, password), quick)
	}},
	"the certificate is for another name": {client: func(t *testing.T) *security.Client {
		s := newServer(t, right)
		address := s.Listener.Addr().String()
		dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		return connect(t, "https://command.test", s.roots(), security.WithBasicAuth(user, password), quick,
			security.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: dial}}))
	}},
	"the program's own check refuses the certificate": {client: func(t *testing.T) *security.Client {
		check := &tls.Config{VerifyConnection: func(tls.ConnectionState) error { return errors.New("revoked") }}
		s := newServer(t, right)
		return connect(t, s.URL, s.roots(), security.WithBasicAuth(user, password), quick,
			security.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: check}}))
	}},
	"the server wants a client certificate": {client: func(t *testing.T) *security.Client {
		return newServer(t, right, func(s *httptest.Server) { s.TLS = tlsThatAsks() }).client(t)
	}},
	"the proxy cannot be reached":     proxied(nil),
	"the proxy wants a sign-in (407)": proxied(says(407, htmlText, "")),
	"the proxy forbids it (403)":      proxied(says(403, htmlText, "")),
	"the proxy finds no server (502)": proxied(says(502, htmlText, "")),
	"the connection takes longer than one attempt may": {client: func(t *testing.T) *security.Client {
		return connect(t, "https://"+accept(t, stall), security.WithBasicAuth(user, password), quick, impatient)
	}},

	// No answer, or half of one.
	"the connection is reset before the request is read": handshaken(reset),
	"the connection is reset after the request was read": socket(raw("", reset)),
	"the connection is closed without an answer":         sockets(abort),
	"no answer in the time for one attempt":              sockets(silent, impatient),
	"the body of the answer stalls":                      sockets(half(200, silent), impatient),
	"the body breaks off":                                sockets(half(200, abort)),
	"the body is longer than its Content-Length":         socket(raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 8\r\n\r\n"+role, nil)),
	"the answer is not HTTP":                             socket(raw("SSH-2.0-OpenSSH_9.6\r\n\r\n", nil)),
	"headers of more than 1 MiB":                         sockets(says(200, jsonText, role, "X-Long", strings.Repeat("e", 2<<20))),
	"101 Switching Protocols":                            socket(raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", stall)),

	// A success that is none.
	"a login page":            sockets(says(200, htmlText, "<html>Sign in</html>")),
	"plain text":              sockets(says(200, "text/plain", "all is well")),
	"no body":                 sockets(says(200, jsonText, "")),
	"null":                    sockets(says(200, jsonText, "null")),
	"broken JSON":             sockets(says(200, jsonText, `{"Id":1,"Name":`)),
	"JSON of another type":    sockets(says(200, jsonText, `[1,2]`)),
	"an object without an id": sockets(says(200, jsonText, `{"Message":"all is well"}`)),
	"another object":          sockets(says(200, jsonText, strings.NewReplacer(`"Id":1`, `"Id":7`, "Ops", "Everyone").Replace(role))),
	"an object with another name than was sent": sockets(func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, jsonText, strings.Replace(role, "Ops", "Everyone", 1))
	}),
	"the right object, said to be HTML":     sockets(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Type", htmlText); right(w, r) }),
	"a body that is not compressed as said": sockets(says(200, jsonText, role, "Content-Encoding", "gzip")),
	"an endless body": sockets(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
				return
			}
		}
	}, security.WithMaxResponseBytes(1<<20)),
	"a gzip bomb": sockets(gunzipped(func(w io.Writer) { _, _ = io.WriteString(w, role+strings.Repeat(" ", 2<<20)) }), security.WithMaxResponseBytes(1<<20)),
	"one object of more than 250,000 values": sockets(gunzipped(func(w io.Writer) {
		_, _ = io.WriteString(w, `{"Permissions":["a"`+strings.Repeat(`,""`, 300_000)+"]}")
	})),
	"one object of more than 16 MiB": sockets(gunzipped(func(w io.Writer) {
		_, _ = io.WriteString(w, `{"Name":"`+strings.Repeat("a", 17<<20)+`"}`)
	})),

	// Redirects.
	"307 or 308 to the same API":      sockets(moved(307, "/Keyfactor/API/moved")),
	"301, 302 or 303 to the same API": sockets(moved(302, "/Keyfactor/API/moved")),
	"a redirect out of the API":       sockets(moved(307, "/login/moved")),
	"a redirect to another host":      sockets(moved(308, "https://login.example.com/moved")),
	"a redirect from https to http": sockets(func(w http.ResponseWriter, r *http.Request) {
		moved(307, "http://"+r.Host+"/Keyfactor/API/moved")(w, r)
	}),
	"redirects without end":      sockets(func(w http.ResponseWriter, r *http.Request) { moved(307, r.URL.Path)(w, r) }),
	"a redirect without a place": sockets(says(302, htmlText, "")),

	// Statuses.
	"400":                                   sockets(says(400, jsonText, `{"ErrorCode":"0xA011004A","Message":"Invalid sort field: Id."}`)),
	"401, with a password or a fixed token": sockets(says(401, htmlText, "<html>")),
	"401 once, with a token that can be renewed":     signingIn(nil, refusing(1)),
	"401 for ever, with a token that can be renewed": signingIn(nil, refusing(99)),
	"403":                  sockets(says(403, htmlText, "")),
	"404 of Command":       sockets(says(404, jsonText, `{"ErrorCode":"0xA0110002","Message":"Unable to find it."}`)),
	"404 of anything else": sockets(says(404, htmlText, "<html>")),
	"409":                  sockets(says(409, jsonText, `{"Message":"in use"}`)),
	"any other 4xx":        sockets(says(418, jsonText, "")),
	"429":                  scripted(reply(429, "")),
	"429 with a Retry-After that is short enough": scripted(reply(429, "", "Retry-After", "20")),
	"429 with a Retry-After of a day":             scripted(reply(429, "", "Retry-After", "86400")),
	"5xx":                                         sockets(says(502, htmlText, "<html>")),
	"5xx once":                                    scripted(reply(503, ""), rightAnswer),
	"5xx with a Retry-After of a day":             scripted(reply(503, "", "Retry-After", "86400")),

	// The context.
	"the context is over before the call": scripted(rightAnswer).ended(0, "canceled"),
	"it is canceled in the TLS handshake": callScenario{client: func(t *testing.T) *security.Client {
		return connect(t, "https://"+accept(t, stall), security.WithBasicAuth(user, password), quick)
	}}.ended(2*time.Second, "canceled"),
	"it is canceled before an answer comes":      sockets(silent).ended(2*time.Second, "canceled"),
	"it is canceled in the body of a success":    sockets(half(200, silent)).ended(2*time.Second, "canceled"),
	"it is canceled in the body of a 4xx":        sockets(half(400, silent)).ended(2*time.Second, "canceled"),
	"it is canceled in the wait after a 429":     scripted(reply(429, "", "Retry-After", "20"), rightAnswer).ended(10*time.Second, "canceled"),
	"the deadline passes before an answer comes": sockets(silent).ended(300*time.Millisecond, "passed"),
	"it is canceled while a token is fetched":    signingIn(func(_ int, r *http.Request) (*http.Response, error) { return hang(r) }, nil).ended(500*time.Millisecond, "canceled"),

	// The token endpoint.
	"the token endpoint cannot be reached": signingIn(func(int, *http.Request) (*http.Response, error) { return nil, errDial }, nil),
	"the token endpoint refuses": signingIn(func(int, *http.Request) (*http.Response, error) {
		return httpmock.NewStringResponse(401, `{"error":"invalid_client"}`), nil
	}, nil),
	"the token endpoint answers 5xx or 429": signingIn(func(int, *http.Request) (*http.Response, error) { return httpmock.NewStringResponse(503, ""), nil }, nil),
	"the token endpoint answers something else": signingIn(func(int, *http.Request) (*http.Response, error) {
		return httpmock.NewStringResponse(200, "<html>"), nil
	}, nil),
	"the token endpoint redirects":       signingIn(redirectTo("https://login.example.com/token", 307), nil),
	"the token endpoint does not answer": signingIn(func(_ int, r *http.Request) (*http.Response, error) { return hang(r) }, nil),
	"the token holds control characters": signingIn(func(int, *http.Request) (*http.Response, error) { return token("a\r\nX-Evil: 1", 3600), nil }, nil),
	"the new token after a 401 cannot be had": signingIn(func(n int, _ *http.Request) (*http.Response, error) {
		if n > 1 {
			return httpmock.NewStringResponse(503, ""), nil
		}
		return token("first-token", 3600), nil
	}, refusing(1)),

	// Not sent.
	"input that cannot be right": {client: func(t *testing.T) *security.Client { return newClient(t, newScript(rightAnswer)) }, options: []security.CallOption{security.WithConcurrency(0)}},
	"a write with WithReadOnly": {client: func(t *testing.T) *security.Client {
		return newClient(t, newScript(rightAnswer), security.WithReadOnly())
	}},
	"a plain write with WithDryRun": {client: func(t *testing.T) *security.Client { return newClient(t, newScript(rightAnswer)) }, options: []security.CallOption{security.WithDryRun()}},
	"the rate limit leaves no time before the deadline": callScenario{virtual: true, client: func(t *testing.T) *security.Client {
		client := newClient(t, newScript(rightAnswer), security.WithRateLimit(0.01, 1))
		_, _ = do(t.Context(), client, get)
		return client
	}}.ended(time.Second, "passed"),
}

// walked is a walk over a server that answers page n with page(n). Items with a
// negative id have none.
func walked(page func(n int) (items []int, total int)) func(*testing.T) error {
	return func(t *testing.T) error {
		var requests atomic.Int32
		client := newClient(t, newScript(func(r *http.Request) (*http.Response, error) {
			if requests.Add(1) > 10_000 {
				return nil, errors.New("the walk does not end")
			}
			n, _ := strconv.Atoi(r.URL.Query().Get("PageReturned"))
			ids, total := page(n)
			var items []string
			for _, id := range ids {
				items = append(items, fmt.Sprintf(`{"Id":%d,"Name":"role %d"}`, max(id, 0), id))
			}
			var header []string
			if total >= 0 {
				header = []string{"X-Total-Count", strconv.Itoa(total)}
			}
			return reply(200, "["+strings.Join(items, ",")+"]", header...)(r)
		}))
		seen := map[int]bool{}
		for role, err := range roles.NewV2(client).All(t.Context(), &roles.ListOptionsV2{PageSize: 3}) {
			if err != nil {
				return err
			}
			if role.ID > 0 && seen[role.ID] {
				t.Errorf("role %d came twice", role.ID)
			}
			seen[role.ID] = true
		}
		return nil
	}
}

// span is the ids from first to last.
func span(first, last int) []int {
	var ids []int
	for id := first; id <= last; id++ {
		ids = append(ids, id)
	}
	return ids
}

// oneRole is a server with one role, of which the description changes.
type oneRole struct {
	mu          sync.Mutex
	description string
	gets, puts  int
	onGet       func(n int) *http.Response               // nil, or nil from it: as it should be
	onPut       func(n int, apply func()) *http.Response // likewise; after apply if that was not called
}

func (s *oneRole) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !strings.Contains(r.URL.Path, "/Security/Roles"): // what edits check
		return reply(403, "")(r)
	case r.Method == get:
		s.gets++
		if s.onGet != nil {
			if resp := s.onGet(s.gets); resp != nil {
				return resp, nil
			}
		}
	default:
		var update struct{ Description string }
		if err := json.NewDecoder(r.Body).Decode(&update); err != nil {
			return nil, err
		}
		s.puts++
		if s.onPut != nil {
			if resp := s.onPut(s.puts, func() { s.description = update.Description }); resp != nil {
				return resp, nil
			}
		}
		s.description = update.Description
	}
	return reply(200, strings.Replace(role, `"d"`, strconv.Quote(s.description), 1))(r)
}

// set is what another program writes.
func (s *oneRole) set(description string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.description = description
}

// edited edits the role of a server, in a bubble with a clock of its own, and checks
// what is written in the end and how often it was.
func edited(server func() *oneRole, opts []security.CallOption, left string, puts int) func(*testing.T) error {
	return func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			s := server()
			s.description = "d"
			_, _, err = roles.NewV2(newClient(t, s)).Edit(t.Context(), 1, func(u *roles.UpdateV2) error {
				u.Description = "mine"
				return nil
			}, opts...)
			synctest.Wait()
			time.Sleep(time.Hour) // whatever is still to be carried out
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.description != left || s.puts != puts {
				t.Errorf("%d PUTs, and the role says %q; want %d and %q", s.puts, s.description, puts, left)
			}
		})
		return err
	}
}

// ensured ensures roles on a server that creates them in its own way. It checks how
// many there are in the end.
func ensured(create func(n int, create func()) *http.Response, names []string, want int, ctx func(*testing.T) context.Context, look func([]error)) func(*testing.T) error {
	return func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			var (
				mu    sync.Mutex
				made  []string
				posts int
			)
			s := newScript(func(r *http.Request) (*http.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				if r.Method == post {
					posts++
					name := names[min(posts, len(names))-1]
					if resp := create(posts, func() { made = append(made, name) }); resp != nil {
						return resp, nil
					}
					made = append(made, name)
					return reply(200, strings.Replace(role, "Ops", name, 1))(r)
				}
				if strings.HasSuffix(r.URL.Path, "/Security/Roles/1") {
					return reply(200, strings.Replace(role, "Ops", made[0], 1))(r)
				}
				if !strings.HasSuffix(r.URL.Path, "/Security/Roles") {
					return reply(403, "")(r)
				}
				var items []string
				for i, name := range made {
					items = append(items, fmt.Sprintf(`{"Id":%d,"Name":%q}`, i+1, name))
				}
				return reply(200, "["+strings.Join(items, ",")+"]", "X-Total-Count", strconv.Itoa(len(items)))(r)
			})
			var wanted []roles.CreateV2
			for _, name := range names {
				wanted = append(wanted, roles.CreateV2{Name: name, Description: "d"})
			}
			within := t.Context()
			if ctx != nil {
				within = ctx(t)
			}
			var results []security.BulkResult[roles.RoleV2]
			results, err = roles.NewV2(newClient(t, s)).EnsureAll(within, wanted, nil, security.WithConcurrency(1))
			if len(names) == 1 {
				err = results[0].Err
			}
			if len(made) != want {
				t.Errorf("there are %d roles, want %d", len(made), want)
			}
			if look != nil {
				var errs []error
				for _, r := range results {
					errs = append(errs, r.Err)
				}
				look(errs)
			}
		})
		return err
	}
}

func status(code int) *http.Response { return httpmock.NewStringResponse(code, "") }

// changeScenarios are the rows of the tables of walks and safe changes.
var changeScenarios = map[string]func(*testing.T) error{
	// Walks.
	"every page is the first":              walked(func(int) ([]int, int) { return span(1, 3), 9 }),
	"two pages alternate, without a total": walked(func(n int) ([]int, int) { return span(n%2*3+1, n%2*3+3), -1 }),
	"an item is removed meanwhile": walked(func(n int) ([]int, int) {
		if n == 1 {
			return span(1, 3), 9
		}
		return span(n*3-1, min(n*3+1, 9)), 8
	}),
	"an item is added meanwhile": walked(func(n int) ([]int, int) {
		if n == 1 {
			return span(1, 3), 9
		}
		return span(n*3-3, min(n*3-1, 9)), 10
	}),
	"an item moves to a page that was read, without a total": func(t *testing.T) error {
		all, moved := span(1, 9), false
		return walked(func(n int) ([]int, int) {
			if n == 2 && !moved {
				all, moved = slices.Delete(all, 1, 2), true
			}
			return all[min((n-1)*3, len(all)):min(n*3, len(all))], -1
		})(t)
	},
	"the total is too large":                     walked(func(n int) ([]int, int) { return map[int][]int{1: span(1, 3), 2: span(4, 6)}[n], 9 }),
	"the total is too small":                     walked(func(n int) ([]int, int) { return span(n*3-2, n*3), 4 }),
	"the server ignores the page size":           walked(func(n int) ([]int, int) { return map[int][]int{1: span(1, 9)}[n], 9 }),
	"a page is short":                            walked(func(n int) ([]int, int) { return map[int][]int{1: span(1, 2), 2: span(3, 4), 3: span(5, 5)}[n], 5 }),
	"a list without end, of items without an id": walked(func(n int) ([]int, int) { return span(-30*n, -30*n+29), -1 }),
	"a page with an item that is `{}` or null": func(t *testing.T) (err error) {
		for _, item := range []string{"{}", "null"} {
			client := newClient(t, newScript(reply(200, `[{"Id":1,"Name":"a"},`+item+`]`, "X-Total-Count", "2")))
			n := 0
			for _, failed := range roles.NewV2(client).All(t.Context(), nil) {
				if err = failed; err == nil {
					n++
				}
			}
			if n > 0 || err == nil {
				t.Errorf("%s: %d items came, and the error is %v", item, n, err)
			}
		}
		return err
	},
	"a page of more than 10,000 items and ten times what was asked for": walked(func(int) ([]int, int) { return span(1, 10_001), 10_001 }),
	"a page that fails": func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, newScript(reply(200, `[{"Id":1},{"Id":2}]`, "X-Total-Count", "4"), reply(500, "")))
			for _, failed := range roles.NewV2(client).All(t.Context(), &roles.ListOptionsV2{PageSize: 2}) {
				err = failed
			}
		})
		return err
	},

	// Edits.
	"the PUT is done and its answer lost": edited(func() *oneRole {
		return &oneRole{onPut: func(_ int, apply func()) *http.Response { apply(); return status(504) }}
	}, nil, "mine", 1),
	"the PUT is not done and its answer lost": edited(func() *oneRole {
		return &oneRole{onPut: func(n int, _ func()) *http.Response {
			if n == 1 {
				return status(504)
			}
			return nil
		}}
	}, nil, "mine", 2),
	"the PUT is carried out after it was looked for": func(t *testing.T) error {
		s := &oneRole{}
		s.onPut = func(n int, _ func()) *http.Response {
			if n == 1 {
				time.AfterFunc(time.Minute, func() { s.set("mine") })
				return status(504)
			}
			return nil
		}
		return edited(func() *oneRole { return s }, nil, "mine", 2)(t)
	},
	"the PUT is answered 5xx every time": edited(func() *oneRole {
		return &oneRole{onPut: func(int, func()) *http.Response { return status(503) }}
	}, nil, "d", 4),
	"the PUT is refused": edited(func() *oneRole {
		return &oneRole{onPut: func(int, func()) *http.Response { return status(403) }}
	}, nil, "d", 1),
	"the PUT is answered with another role": edited(func() *oneRole {
		return &oneRole{onPut: func(_ int, apply func()) *http.Response {
			apply()
			return httpmock.NewStringResponse(200, strings.Replace(role, `"Id":1`, `"Id":7`, 1))
		}}
	}, nil, "mine", 1),
	"the role cannot be read again": edited(func() *oneRole {
		return &oneRole{onGet: func(n int) *http.Response {
			if n > 1 {
				return status(403)
			}
			return nil
		}}
	}, nil, "mine", 1),
	"another program undoes it before it is verified": func(t *testing.T) error {
		s := &oneRole{}
		s.onGet = func(n int) *http.Response {
			if n == 2 {
				s.description = "theirs"
			}
			return nil
		}
		return edited(func() *oneRole { return s }, nil, "mine", 2)(t)
	},
	"another program undoes it every time": func(t *testing.T) error {
		s := &oneRole{}
		s.onGet = func(int) *http.Response {
			s.description = "theirs"
			return nil
		}
		return edited(func() *oneRole { return s }, nil, "theirs", 40)(t)
	},
	"another program writes between the reading and the PUT": func(t *testing.T) error {
		s := &oneRole{}
		s.onPut = func(_ int, apply func()) *http.Response {
			s.description = "theirs"
			apply()
			return httpmock.NewStringResponse(200, strings.Replace(role, `"d"`, `"mine"`, 1))
		}
		return edited(func() *oneRole { return s }, nil, "mine", 1)(t)
	},
	"another program's PUT arrives late, without WithSettle": func(t *testing.T) error {
		s := &oneRole{}
		s.onPut = func(int, func()) *http.Response {
			time.AfterFunc(time.Second, func() { s.set("theirs") })
			return nil
		}
		return edited(func() *oneRole { return s }, nil, "theirs", 1)(t)
	},
	"another program's PUT arrives late, within the settle time": func(t *testing.T) error {
		s := &oneRole{}
		s.onPut = func(n int, _ func()) *http.Response {
			if n == 1 {
				time.AfterFunc(time.Second, func() { s.set("theirs") })
			}
			return nil
		}
		return edited(func() *oneRole { return s }, []security.CallOption{security.WithSettle(5 * time.Second)}, "mine", 2)(t)
	},
	"every reading is older than the settle time": func(t *testing.T) error {
		s := &oneRole{}
		s.onGet = func(int) *http.Response {
			time.Sleep(2 * time.Second)
			return nil
		}
		return edited(func() *oneRole { return s }, []security.CallOption{security.WithSettle(time.Second)}, "d", 0)(t)
	},
	"the role that was read is another one": edited(func() *oneRole {
		return &oneRole{onGet: func(int) *http.Response {
			return httpmock.NewStringResponse(200, strings.Replace(role, `"Id":1`, `"Id":7`, 1))
		}}
	}, nil, "d", 0),
	"the reading lacks permissions or claims": edited(func() *oneRole {
		return &oneRole{onGet: func(int) *http.Response {
			return httpmock.NewStringResponse(200, strings.Replace(role, `,"Claims":[]`, "", 1))
		}}
	}, nil, "d", 0),
	"a dry run": edited(func() *oneRole { return &oneRole{} }, []security.CallOption{security.WithDryRun()}, "d", 0),

	// Ensure.
	"the object is created and the answer lost": ensured(func(_ int, create func()) *http.Response { create(); return status(504) }, []string{"Ops"}, 1, nil, nil),
	"the object is not created and the answer lost": ensured(func(n int, _ func()) *http.Response {
		if n == 1 {
			return status(504)
		}
		return nil
	}, []string{"Ops"}, 1, nil, nil),
	"another program creates it first":           ensured(func(_ int, create func()) *http.Response { create(); return status(409) }, []string{"Ops"}, 1, nil, nil),
	"a creation that is refused":                 ensured(func(int, func()) *http.Response { return status(403) }, []string{"Ops"}, 0, nil, nil),
	"a creation that is answered 5xx every time": ensured(func(int, func()) *http.Response { return status(503) }, []string{"Ops"}, 0, nil, nil),

	// Many at once.
	"the sign-in is refused": func(t *testing.T) error {
		return ensured(func(int, func()) *http.Response { return status(401) }, []string{"A", "B", "C"}, 0, nil, func(errs []error) {
			if !errors.Is(errs[0], security.ErrUnauthorized) || !errors.Is(errs[1], security.ErrNotAttempted) || !errors.Is(errs[2], security.ErrNotAttempted) {
				t.Errorf("the items: %v", errs)
			}
		})(t)
	},
	"the context ends in between": func(t *testing.T) error {
		var cancel func()
		return ensured(func(_ int, create func()) *http.Response {
			create()
			cancel()
			return status(504)
		}, []string{"A", "B", "C"}, 1, func(t *testing.T) (ctx context.Context) {
			ctx, cancel = context.WithCancel(t.Context())
			return ctx
		}, func(errs []error) {
			if !errors.Is(errs[0], security.ErrUnknownOutcome) || !errors.Is(errs[1], security.ErrNotAttempted) || !errors.Is(errs[2], security.ErrNotAttempted) {
				t.Errorf("the items: %v", errs)
			}
		})(t)
	},
	"one of them fails": ensured(func(n int, _ func()) *http.Response {
		if n == 2 {
			return status(403)
		}
		return nil
	}, []string{"A", "B", "C"}, 2, nil, nil),
}
