package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// Server is the simulated server in a process of its own.
type Server struct {
	Addr string `json:"addr"` // of the loopback interface, with port
	// Addr443 is the same server on port 443, "" if it may not listen there, for the reason Why443.
	Addr443     string `json:"addr443"`
	Why443      string `json:"why443"`
	Certificate []byte `json:"certificate"` // PEM; its own authority
	Username    string `json:"username"`
	Password    string `json:"password"`

	roots *x509.CertPool
	stop  func() error
}

// Base is the URL of the API of a server with that many roles that waits that
// long before it answers a request.
func (s *Server) Base(roles int, latency time.Duration) string {
	return "https://" + s.Addr + apiPath(strconv.Itoa(roles), latency)
}

// GovernedBase is the URL of the API of a large installation.
func (s *Server) GovernedBase(latency time.Duration) string {
	return "https://" + s.Addr + apiPath(governed, latency)
}

// LiveBase is the URL of the API of a server that can be written to.
func (s *Server) LiveBase() string { return "https://" + s.Addr + apiPath("live", 0) }

// AppliedBase is the URL of the API of a server that plans are applied to.
func (s *Server) AppliedBase(latency time.Duration) string {
	return "https://" + s.Addr + apiPath(applied, latency)
}

func apiPath(tenant string, latency time.Duration) string {
	return "/" + tenant + "/" + latency.String() + apiRoot
}

// TLS trusts the server's certificate.
func (s *Server) TLS() *tls.Config {
	return &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

// Close ends the server's process.
func (s *Server) Close() error { return s.stop() }

// Requests is how many requests for the API the server has got.
func (s *Server) Requests(ctx context.Context) (n int64, err error) {
	err = s.ask(ctx, requestsPath, &n)
	return n, err
}

// ask gets what the server noted about the requests.
func (s *Server) ask(ctx context.Context, path string, to any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.Addr+path, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: s.TLS(), DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	return errors.Join(json.NewDecoder(resp.Body).Decode(to), resp.Body.Close())
}

const (
	apiRoot      = "/KeyfactorAPI"
	requestsPath = "/requests"
	windowsPath  = "/windows"
	resetPath    = "/reset" // makes the server that plans are applied to anew
)

// The environment variables that make this program the server, or the process
// whose memory is measured, and that choose the server's key.
const (
	roleVar    = "COMMANDSEC_BENCH_ROLE"
	keyVar     = "COMMANDSEC_BENCH_KEY" // ecdsa; otherwise RSA with 2048 bits
	roleServer = "server"
	roleWeigh  = "weigh"
)

// Child does what this process was started for, and does not return, if it is a
// child of a benchmark. Otherwise it does nothing.
func Child() {
	var err error
	switch os.Getenv(roleVar) {
	case "":
		return
	case roleServer:
		err = serve()
	case roleWeigh:
		err = weigh()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// StartServer starts this program again, as the server.
func StartServer(ctx context.Context) (*Server, error) {
	cmd, err := child(ctx, roleServer)
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe() // it ends with its standard input
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{stop: func() error { return errors.Join(in.Close(), cmd.Wait()) }, roots: x509.NewCertPool()}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), s.Close())
	}
	s.roots.AppendCertsFromPEM(s.Certificate)
	return s, nil
}

// child is this program, to be started again for another purpose.
func child(ctx context.Context, role string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// serve is the server's process: it writes to standard output where it listens,
// and ends when standard input ends.
func serve() error {
	certificate, err := newCertificate()
	if err != nil {
		return err
	}
	live := securitytest.NewHandler(securitytest.WithRoles(seeds(10)...))
	info := Server{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}),
		Username:    live.Username, Password: live.Password,
	}
	// HTTP/1.1, which all clients speak.
	server := &http.Server{
		Handler:           &tenants{live: live, replays: map[string]*replay{}, applied: appliedServer(live), watch: newWatch()},
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       10 * time.Second, // of connections that a client opens and forgets
		ErrorLog:          log.New(io.Discard, "", 0),
		Protocols:         new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	listen := func(addr string) (string, error) {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
		if err != nil {
			return "", err
		}
		go func() { _ = server.ServeTLS(l, "", "") }()
		return l.Addr().String(), nil
	}
	if info.Addr, err = listen("127.0.0.1:0"); err != nil {
		return err
	}
	if info.Addr443, err = listen("127.0.0.1:443"); err != nil {
		info.Why443 = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(info); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, server.Close())
}

// tenants serves a simulated server of any size below /{roles}/{latency}/, a large
// installation below /governed/{latency}/, and two that can be written to below
// /live/{latency}/ and /applied/{latency}/.
type tenants struct {
	live     *securitytest.Handler
	requests atomic.Int64
	mu       sync.Mutex
	replays  map[string]*replay
	applied  *securitytest.Handler
	watch    *watch // of applied
}

// appliedServer is a server that plans are applied to, with the account of another one.
func appliedServer(live *securitytest.Handler) *securitytest.Handler {
	return securitytest.NewHandler(securitytest.WithUser(live.Username, live.Password, "Administrator"), securitytest.WithRoles(seeds(appliedRoles)...))
}

func (t *tenants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == requestsPath {
		_, _ = fmt.Fprintln(w, t.requests.Load())
		return
	}
	if r.URL.Path == resetPath {
		t.mu.Lock()
		t.applied, t.watch = appliedServer(t.live), newWatch()
		t.mu.Unlock()
		return
	}
	if r.URL.Path == windowsPath {
		t.mu.Lock()
		defer t.mu.Unlock()
		_ = t.watch.write(w)
		return
	}
	t.requests.Add(1)
	parts := strings.SplitN(r.URL.Path, "/", 4)
	if len(parts) < 4 {
		http.NotFound(w, r)
		return
	}
	latency, err := time.ParseDuration(parts[2])
	if err != nil {
		http.NotFound(w, r)
		return
	}
	select {
	case <-time.After(latency):
	case <-r.Context().Done():
		return
	}
	if parts[1] == "live" {
		t.live.ServeHTTP(w, r)
		t.live.ResetRequests() // it keeps them all
		return
	}
	if parts[1] == applied {
		t.mu.Lock()
		handler, watch := t.applied, t.watch
		t.mu.Unlock()
		if err := watch.note(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		handler.ServeHTTP(w, r)
		return
	}
	replay, err := t.replay(parts[1])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	replay.ServeHTTP(w, r)
}

func (t *tenants) replay(roles string) (*replay, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.replays[roles]
	if p == nil {
		n, more := governedRoles, governedSeeds
		if roles != governed {
			var err error
			if n, err = strconv.Atoi(roles); err != nil {
				return nil, err
			}
			more = func() []securitytest.Option { return nil }
		}
		var err error
		if p, err = newReplay(n, append(more(), securitytest.WithUser(t.live.Username, t.live.Password, "Administrator"))...); err != nil {
			return nil, err
		}
		t.replays[roles] = p
	}
	return p, nil
}

// replay gives the answers of a simulated server without its work: the server
// must cost little, because it shares the machine with what is measured.
type replay struct {
	sim    *securitytest.Handler
	rows   [][]byte // of the list of roles, by name
	header http.Header

	mu      sync.Mutex
	answers map[string]*httptest.ResponseRecorder
}

func newReplay(n int, opts ...securitytest.Option) (*replay, error) {
	p := &replay{answers: map[string]*httptest.ResponseRecorder{}}
	p.sim = securitytest.NewHandler(append(opts, securitytest.WithRoles(seeds(n-len(securitytest.NewHandler().Roles()))...))...)
	if err := p.sim.Err(); err != nil {
		return nil, err
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/KeyfactorAPI/Security/Roles?ReturnLimit="+strconv.Itoa(n), nil)
	r.SetBasicAuth(p.sim.Username, p.sim.Password)
	r.Header.Set("X-Keyfactor-Requested-With", "APIClient")
	r.Header.Set("X-Keyfactor-Api-Version", "2")
	w := httptest.NewRecorder()
	p.sim.ServeHTTP(w, r)
	var rows []json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil || w.Code != http.StatusOK || len(rows) != n {
		return nil, fmt.Errorf("the simulated server gives %d of %d roles (status %d): %w", len(rows), n, w.Code, err)
	}
	for _, row := range rows {
		p.rows = append(p.rows, row)
	}
	p.header = w.Header()
	p.header.Del("Content-Length")
	return p, nil
}

func (p *replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != p.sim.Username || password != p.sim.Password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/Security/Roles") && r.Header.Get("X-Keyfactor-Api-Version") == "2" {
		p.list(w, r)
		return
	}
	key := r.URL.Path + "?" + r.URL.RawQuery + "#" + r.Header.Get("X-Keyfactor-Api-Version")
	p.mu.Lock()
	answer := p.answers[key]
	if answer == nil {
		answer = httptest.NewRecorder()
		p.sim.ServeHTTP(answer, r)
		p.answers[key] = answer
	}
	p.mu.Unlock()
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) //nolint:gosec // no browser reads it
}

func (p *replay) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number, size := 1, 50
	if n, err := strconv.Atoi(q.Get("PageReturned")); err == nil {
		number = n
	}
	if n, err := strconv.Atoi(q.Get("ReturnLimit")); err == nil {
		size = n
	}
	from := min((number-1)*size, len(p.rows))
	to := min(from+size, len(p.rows))
	body := append(append([]byte{'['}, bytes.Join(p.rows[from:to], []byte{','})...), ']')
	maps.Copy(w.Header(), p.header)
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body) //nolint:gosec // no browser reads it
}

// seeds are roles of a usual size: ten permissions and five claims, of which
// there are a few hundred different ones.
func seeds(n int) []securitytest.Role {
	list := make([]securitytest.Role, n)
	for i := range list {
		role := securitytest.Role{
			Name:         fmt.Sprintf("PKI Operators %06d", i+1),
			Description:  "Requests and renews the certificates of team " + strconv.Itoa(i+1),
			EmailAddress: fmt.Sprintf("team-%d@keyexample.example", i+1),
			Permissions: []string{
				"/portal/read/", "/dashboard/read/", "/certificates/collections/metadata/modify/",
				"/certificates/enrollment/pfx/", "/certificates/enrollment/csr/", "/reports/read/",
			},
		}
		for k := range 4 {
			role.Permissions = append(role.Permissions, fmt.Sprintf("/certificates/collections/read/%d/", 10*(i%50)+k+1))
		}
		for k := range 5 {
			role.Claims = append(role.Claims, securitytest.Claim{
				Type: "OAuthRole", Value: fmt.Sprintf("pki-team-%d", (5*i+k)%400), Scheme: "System", Description: "Members of a team",
			})
		}
		list[i] = role
	}
	return list
}

// newCertificate makes a certificate for the loopback interface, with a kind of
// key that most servers have, unless the environment asks for a cheaper one.
func newCertificate() (tls.Certificate, error) {
	var key crypto.Signer
	var err error
	if os.Getenv(keyVar) == "ecdsa" {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
