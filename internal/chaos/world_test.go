package chaos_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// world is a server under faults, its clients, and what became known of them.
type world struct {
	*ledger

	t         *testing.T
	seed      uint64
	server    *securitytest.Server
	elsewhere *httptest.Server // another origin, to which the server redirects
	strayed   atomic.Int32     // requests that reached it
	clients   []*security.Client
	settling  []*security.Client // those that work on the same roles
	shared    []sharedRole       // edited through one client each
	contested []sharedRole       // edited through all settling clients
	answers   map[string]string  // of reads, without faults
	pulse     pulse

	mu      sync.Mutex
	output  bytes.Buffer // everything that was logged, printed and returned as an error
	secrets map[string]struct{}
	late    time.Duration // longest time that a call went on after its context
}

// sharedRole is a role that many edit.
type sharedRole struct {
	id     int
	name   string
	client *security.Client
}

const (
	stable  = 45 // roles and claims that nobody changes
	timeout = 600 * time.Millisecond
	settle  = 2 * time.Second
	patient = 2 * time.Minute // of an operation

	renewing = "renewing/1" // the client whose tokens are revoked
)

// newWorld starts a server and makes clients that trust and use it in different ways.
func newWorld(t *testing.T, seed uint64, operations int, opts ...securitytest.Option) *world {
	w := &world{ledger: newLedger(), t: t, seed: seed, secrets: map[string]struct{}{}, answers: map[string]string{}}
	editable := max(16, operations/200)
	var seeds []securitytest.Role
	for i := range stable {
		seeds = append(seeds, securitytest.Role{
			ID: 100 + i, Name: fmt.Sprintf("stable-%02d", i), Description: "Stays", Permissions: []string{fmt.Sprintf("/certificates/collections/read/%d/", 100+i)},
			Claims: []securitytest.Claim{{Type: "OAuthRole", Value: fmt.Sprintf("stable-%02d", i), Scheme: "System", Description: "Stays"}},
		})
	}
	for i := range editable + 2 {
		role := securitytest.Role{ID: 1000 + i, Name: fmt.Sprintf("shared-%d", i), Description: "0", Permissions: []string{"/portal/read/"}}
		seeds = append(seeds, role)
		w.shared = append(w.shared, sharedRole{id: role.ID, name: role.Name})
	}
	w.shared, w.contested = w.shared[:editable], w.shared[editable:]
	w.server = securitytest.NewServer(append(opts,
		securitytest.WithRoles(seeds...),
		securitytest.WithCollections(securitytest.Collection{ID: 6, Name: "Web servers"}),
		securitytest.WithContainers(securitytest.Container{ID: 2, Name: "IIS servers"}),
		securitytest.WithCertificates(securitytest.Certificate{ID: 31, Collections: []int{6}}),
		securitytest.WithTokenLifetime(time.Minute),
	)...)
	t.Cleanup(w.server.Close)
	if err := w.server.Err(); err != nil {
		t.Fatal(err)
	}
	w.elsewhere = httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { w.strayed.Add(1) }))
	t.Cleanup(w.elsewhere.Close)
	for _, secret := range []string{
		w.server.Password, w.server.Token, w.server.ClientSecret,
		base64.StdEncoding.EncodeToString([]byte(w.server.Username + ":" + w.server.Password)),
	} {
		w.secrets[secret] = struct{}{}
	}

	password := security.WithBasicAuth(w.server.Username, w.server.Password)
	w.clients = []*security.Client{
		w.client(password),
		w.client(security.WithUserAgent(renewing), security.WithClientCredentials(security.ClientCredentials{
			TokenURL: w.server.TokenURL(), ClientID: w.server.ClientID, ClientSecret: security.NewSecret(w.server.ClientSecret),
		})),
		w.client(security.WithAccessToken(w.server.Token)),
	}
	w.settling = []*security.Client{w.client(password, security.WithSettle(settle)), w.client(password, security.WithSettle(settle))}
	for i := range w.shared {
		w.shared[i].client = w.clients[i%len(w.clients)]
	}
	return w
}

// client makes a client whose connections break at any byte, now and then.
func (w *world) client(opts ...security.Option) *security.Client {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.server.CertificatePEM())
	roots.AddCert(w.elsewhere.Certificate()) // so that nothing else keeps a client from going there
	n := atomic.Uint64{}
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 100,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &fragile{Conn: conn, left: w.breaksAfter(n.Add(1))}, nil
		},
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	client, err := security.NewClient(w.server.URL, append(opts,
		security.WithHTTPClient(&http.Client{Transport: &watching{w: w, next: transport}}),
		security.WithTimeout(timeout),
		security.WithRetry(security.Retry{MaxAttempts: 4, MinWait: time.Millisecond, MaxWait: 50 * time.Millisecond}),
		security.WithMaxResponseBytes(1<<20),
		security.WithLogger(slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		security.WithAudit(func(_ context.Context, record security.AuditRecord) { w.print(fmt.Sprintf("%+v", record)) }),
	)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// breaksAfter is after how many bytes the nth connection of a client breaks.
func (w *world) breaksAfter(n uint64) int64 {
	draw := rand.New(rand.NewPCG(w.seed, n))
	if draw.IntN(3) > 0 {
		return 1 << 40
	}
	return draw.Int64N(200_000)
}

// fragile is a connection that breaks after some bytes, in either direction.
type fragile struct {
	net.Conn

	mu   sync.Mutex
	left int64
}

func (c *fragile) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return c.pass(n, err)
}

func (c *fragile) Write(p []byte) (int, error) {
	c.mu.Lock()
	most := max(min(int64(len(p)), c.left), 0)
	c.mu.Unlock()
	n, err := c.Conn.Write(p[:most])
	if n, err = c.pass(n, err); err == nil && n < len(p) {
		err = net.ErrClosed
	}
	return n, err
}

func (c *fragile) pass(n int, err error) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left -= int64(n); c.left <= 0 {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// watching sees each request as it leaves: where it goes, and with what credential.
type watching struct {
	w    *world
	next *http.Transport
}

func (t *watching) RoundTrip(r *http.Request) (*http.Response, error) {
	if origin := r.URL.Scheme + "://" + r.URL.Host; !strings.HasPrefix(t.w.server.URL, origin+"/") {
		t.w.problem("a request to %s", r.URL)
	}
	if _, credential, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		t.w.mu.Lock()
		t.w.secrets[credential] = struct{}{}
		t.w.mu.Unlock()
	}
	return t.next.RoundTrip(r)
}

func (t *watching) CloseIdleConnections() { t.next.CloseIdleConnections() }

// Write takes what is logged.
func (w *world) Write(p []byte) (int, error) {
	w.print(string(p))
	return len(p), nil
}

// print notes text that people may see. It is searched for credentials now and then.
func (w *world) print(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.output.WriteString(text)
	w.output.WriteByte('\n')
	if w.output.Len() > 32<<20 {
		w.search()
	}
}

// search looks for credentials in what was printed. It needs the lock.
func (w *world) search() {
	text := w.output.String()
	for secret := range w.secrets {
		if at := strings.Index(text, secret); at >= 0 {
			w.problem("a credential was printed: %.300q", text[max(at-200, 0):])
		}
	}
	w.output.Reset()
}

// faults are what the server does. Redirects really lead somewhere.
func (w *world) faults() []securitytest.Fault {
	faults := securitytest.EveryFault()
	for i := range faults {
		faults[i].Location = strings.Replace(faults[i].Location, "https://other.invalid", w.elsewhere.URL, 1)
	}
	return faults
}

// final is the state of the server when all is over: the values of each thing, more than one if it is there more than
// once.
type final struct {
	values   map[string][]string
	requests []securitytest.Request
}

func (w *world) final(ctx context.Context) *final {
	f := &final{values: map[string][]string{}, requests: w.server.Requests()}
	add := func(value, format string, args ...any) {
		what := fmt.Sprintf(format, args...)
		f.values[what] = append(f.values[what], value)
	}
	for _, role := range w.server.Roles() {
		add(role.Description, "role %s", role.Name)
		for _, claim := range role.Claims {
			add("held", "role %s claim %s", role.Name, claim.Value)
		}
		for _, path := range role.Permissions {
			add("held", "role %s path %s", role.Name, path)
		}
	}
	for _, claim := range w.server.Claims() {
		add(claim.Description, "claim %s", claim.Value)
	}
	for _, identity := range w.server.Identities() {
		add("there", "identity %s", identity.AccountName)
	}
	for _, set := range w.server.PermissionSets() {
		add(strings.Join(set.Permissions, " "), "set %s", set.Name)
	}
	all, err := security.Collect(providers.NewV1(w.clients[0]).All(ctx, nil))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, provider := range all {
		add(provider.DisplayName, "provider %s", provider.AuthenticationScheme)
	}
	return f
}

// repeated finds creations that were sent again although they may have been done. Only an answer that says that they were
// not, or that they are to be sent elsewhere, permits it. Ensuring is not meant, which looks in between, and neither
// is the client whose tokens are revoked at any time.
func (f *final) repeated() (problems []string) {
	last := map[string]string{} // the fault that hit the last one
	for _, r := range f.requests {
		revoked := strings.HasPrefix(r.Header.Get("User-Agent"), renewing)
		if revoked || r.Method != http.MethodPost || bytes.Contains(r.Body, []byte("ensured")) || len(r.Body) == 0 {
			continue
		}
		key := r.Path + string(r.Body)
		before, again := last[key]
		last[key] = r.Fault
		if again && !slices.ContainsFunc([]string{"status 429", "status 401", "redirect to {uri}"}, func(s string) bool { return strings.Contains(before, s) }) {
			problems = append(problems, fmt.Sprintf("POST %s %s was sent again after %q", r.Path, r.Body, before))
		}
	}
	return problems
}

// trace is what was asked of the server about a thing, and what faults hit it.
func (f *final) trace(what string) string {
	var b strings.Builder
	words := strings.Fields(what)
	last := words[len(words)-1]
	for _, r := range f.requests {
		if r.Method != http.MethodGet && strings.Contains(string(r.Body)+r.Path, last) {
			fmt.Fprintf(&b, "\n\t%s %s %s [%s] %.200s", r.Time.Format("05.000"), r.Method, r.Path, r.Fault, r.Body)
		}
	}
	return b.String()
}
