package security_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/commandsec/commandsec-go/security"
)

func (s *server) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// TestDefaultTransportIsNotTrusted: another package may have turned verification
// off there.
func TestDefaultTransportIsNotTrusted(t *testing.T) { // not parallel: it changes net/http's default
	shared := http.DefaultTransport.(*http.Transport)
	before := shared.TLSClientConfig
	shared.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	t.Cleanup(func() { shared.TLSClientConfig = before })
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) })
	client := connect(t, s.URL, security.WithBasicAuth(user, password), once)
	if _, err := do(t.Context(), client, get); err == nil || s.requests.Load() != 0 {
		t.Errorf("an untrusted server got %d requests, %v", s.requests.Load(), err)
	}
}

// TestSkipVerify: it is told to the log, and does not hold for the token endpoint.
func TestSkipVerify(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) })
	var log buffer
	if _, err := do(t.Context(), connect(t, s.URL, security.WithBasicAuth(user, password), security.WithInsecureSkipVerify(), security.WithLogger(debug(&log))), get); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), `"level":"WARN","msg":"the server's certificate is not verified`) {
		t.Errorf("the log is %s", log.String())
	}
	own := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	log = buffer{}
	connect(t, s.URL, security.WithBasicAuth(user, password), security.WithHTTPClient(own), security.WithLogger(debug(&log)))
	if !strings.Contains(log.String(), "is not verified") {
		t.Errorf("with a client of one's own, the log is %s", log.String())
	}

	tokens := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		write(w, 200, jsonText, `{"access_token":"t","token_type":"bearer","expires_in":3600}`)
	})
	cc := security.WithClientCredentials(security.ClientCredentials{TokenURL: tokens.URL, ClientID: "i", ClientSecret: security.NewSecret(clientSecret)})
	_, err := do(t.Context(), connect(t, s.URL, cc, security.WithInsecureSkipVerify(), once), get)
	if err == nil || tokens.requests.Load() != 0 {
		t.Errorf("an untrusted token endpoint got %d requests, %v", tokens.requests.Load(), err)
	}
	if _, err := do(t.Context(), connect(t, s.URL, cc, security.WithInsecureSkipVerify(), tokens.roots()), get); err != nil {
		t.Error(err)
	}
	// So does a client of one's own that skips it, unless it checks by itself.
	tokens.requests.Store(0)
	_, err = do(t.Context(), connect(t, s.URL, cc, security.WithHTTPClient(own), once), get)
	if err == nil || tokens.requests.Load() != 0 || !own.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify {
		t.Errorf("with a client of one's own, an untrusted token endpoint got %d requests, %v", tokens.requests.Load(), err)
	}
	if _, err := do(t.Context(), connect(t, s.URL, cc, security.WithHTTPClient(own), tokens.roots()), get); err != nil {
		t.Error(err)
	}
	checking := own.Transport.(*http.Transport).Clone()
	var checked atomic.Int32
	checking.TLSClientConfig.VerifyConnection = func(tls.ConnectionState) error { checked.Add(1); return nil }
	_, err = do(t.Context(), connect(t, s.URL, cc, security.WithHTTPClient(&http.Client{Transport: checking})), get)
	if err != nil || checked.Load() != 2 {
		t.Errorf("the client's own check was asked %d times, %v", checked.Load(), err)
	}
}

// TestOwnChecksOfCertificates: what the program itself refuses is not tried again.
func TestOwnChecksOfCertificates(t *testing.T) {
	t.Parallel()
	refusal := errors.New("revoked")
	for name, config := range map[string]*tls.Config{
		"connection": {VerifyConnection: func(tls.ConnectionState) error { return refusal }},
		"peer":       {VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return refusal }},
	} {
		for _, method := range []string{get, post} {
			s := newServer(t, nil)
			config.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			client := connect(t, s.URL, security.WithBasicAuth(user, password), quick,
				security.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: config}}))
			_, err := do(t.Context(), client, method)
			if e := failure(t, err); e.Attempts != 1 || s.conns.Load() != 1 || !errors.Is(err, refusal) || errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("%s, %s: %d attempts, %d connections, %v", name, method, e.Attempts, s.conns.Load(), err)
			}
		}
	}
}

// TestSkipVerifyIsSaidOnce: by the client, whoever asked for it.
func TestSkipVerifyIsSaidOnce(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, `{"servers":{"default":{"host":"h.example.com","access_token":"t","skip_tls_verify":true,"domain":"D"}}}`, "")
	if err != nil {
		t.Fatal(err)
	}
	var log buffer
	if _, err := security.NewClientFromConfig(cfg, security.WithLogger(debug(&log))); err != nil {
		t.Fatal(err)
	}
	if said := strings.Count(log.String(), "is not verified"); said != 1 || strings.Count(log.String(), "\n") != 2 || len(cfg.Warnings) != 2 {
		t.Errorf("said %d times:\n%s", said, log.String())
	}
}

// TestVerifiedTLS: nothing turns verification off, or hides whether it is on.
func TestVerifiedTLS(t *testing.T) {
	t.Parallel()
	skipping := &tls.Config{InsecureSkipVerify: true}
	var dial http.Transport
	dial.DialTLSContext = (&tls.Dialer{Config: skipping}).DialContext
	config := security.Config{Host: "command.example.com", APIPath: "KeyfactorAPI", AccessToken: security.NewSecret("x"), SkipVerify: true}
	for name, tt := range map[string]struct {
		url  string
		opts []security.Option
		want bool
	}{
		"alone":                {baseURL, nil, true},
		"with CAs":             {baseURL, []security.Option{security.WithOnlyRootCAs(newServer(t, nil).pem())}, true},
		"a transport":          {baseURL, []security.Option{security.WithHTTPClient(&http.Client{Transport: &http.Transport{}})}, true},
		"no transport":         {baseURL, []security.Option{security.WithHTTPClient(&http.Client{})}, true},
		"skip":                 {baseURL, []security.Option{security.WithInsecureSkipVerify()}, false},
		"a transport skips":    {baseURL, []security.Option{security.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: skipping}})}, false},
		"a transport dials":    {baseURL, []security.Option{security.WithHTTPClient(&http.Client{Transport: &dial})}, false},
		"a transport, unknown": {baseURL, []security.Option{security.WithHTTPClient(&http.Client{Transport: newScript(ok)})}, false},
		"http":                 {"http://localhost/KeyfactorAPI", []security.Option{security.WithInsecureHTTP()}, false},
	} {
		opts := append([]security.Option{security.WithAccessToken("x"), security.WithVerifiedTLS()}, tt.opts...)
		_, err := security.NewClient(tt.url, opts...)
		slices.Reverse(opts) // the order of options says nothing
		_, reversed := security.NewClient(tt.url, opts...)
		if (err == nil) != tt.want || (reversed == nil) != tt.want || err != nil && !strings.Contains(err.Error(), "WithVerifiedTLS") {
			t.Errorf("%s: %v, %v", name, err, reversed)
		}
	}
	if _, err := security.NewClientFromConfig(&config, security.WithVerifiedTLS()); err == nil || !strings.Contains(err.Error(), "WithVerifiedTLS") {
		t.Errorf("a configuration that skips: %v", err)
	}
	if _, err := security.NewClient(baseURL, security.WithVerifiedTLS(), security.WithInsecureHTTP(), security.WithClientCredentials(security.ClientCredentials{
		TokenURL: "http://localhost/token", ClientID: "i", ClientSecret: security.NewSecret("s"),
	})); err == nil {
		t.Error("a token URL without TLS is accepted")
	}
}

// TestOnlyRootCAs: these and no others, for the server and the token endpoint.
func TestOnlyRootCAs(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) })
	good := connect(t, s.URL, security.WithBasicAuth(user, password), security.WithOnlyRootCAs(s.pem()))
	if _, err := do(t.Context(), good, get); err != nil {
		t.Error(err)
	}
	// What the HTTP client trusts besides does not count.
	pool := &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs.Clone()}
	other := foreignCA(t)
	bad := connect(t, s.URL, security.WithBasicAuth(user, password), security.WithOnlyRootCAs(other), once,
		security.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: pool}}))
	if _, err := do(t.Context(), bad, get); err == nil {
		t.Error("another CA is trusted")
	}
	for name, opts := range map[string][]security.Option{
		"no PEM":        {security.WithOnlyRootCAs([]byte("x"))},
		"twice":         {security.WithOnlyRootCAs(s.pem()), security.WithOnlyRootCAs(s.pem())},
		"and the other": {security.WithOnlyRootCAs(s.pem()), s.roots()},
		"a transport that makes TLS connections itself": {security.WithOnlyRootCAs(s.pem()), security.WithHTTPClient(&http.Client{
			Transport: &http.Transport{DialTLSContext: (&tls.Dialer{}).DialContext},
		})},
	} {
		if _, err := security.NewClient(baseURL, append(opts, security.WithAccessToken("x"))...); !errors.Is(err, security.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func foreignCA(t *testing.T) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate(t).Certificate[0]})
}

// TestInsecureHTTPHosts: in clear to this machine, and to hosts that were named.
func TestInsecureHTTPHosts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host  string
		names []string
		want  bool
	}{
		{"localhost", nil, true},
		{"127.0.0.1:8080", nil, true},
		{"127.9.9.9", nil, true},
		{"[::1]:8080", nil, true},
		{"LOCALHOST", nil, true},
		{"command.example.com", nil, false},
		{"10.0.0.1", nil, false},
		{"localhost.example.com", nil, false},
		{"128.0.0.1", nil, false},
		{"command.test:8080", []string{"command.test"}, true},
		{"COMMAND.test", []string{"Command.Test"}, true},
		{"other.test", []string{"command.test"}, false},
		{"[fd00::1]", []string{"fd00::1"}, true},
		{"[fd00::1]", []string{"[fd00::1]"}, true},
	} {
		_, err := security.NewClient("http://"+tt.host+"/KeyfactorAPI", security.WithAccessToken("x"), security.WithInsecureHTTP(tt.names...))
		if (err == nil) != tt.want {
			t.Errorf("%s with %v: %v", tt.host, tt.names, err)
		}
		_, err = security.NewClient(baseURL, security.WithInsecureHTTP(tt.names...), security.WithClientCredentials(security.ClientCredentials{
			TokenURL: "http://" + tt.host + "/token", ClientID: "i", ClientSecret: security.NewSecret("s"),
		}))
		if (err == nil) != tt.want {
			t.Errorf("a token endpoint at %s with %v: %v", tt.host, tt.names, err)
		}
	}
	for _, host := range []string{"", "https://command.test", "command.test:8080", "a/b"} {
		if _, err := security.NewClient(baseURL, security.WithAccessToken("x"), security.WithInsecureHTTP(host)); !errors.Is(err, security.ErrInvalid) {
			t.Errorf("the host %q: %v", host, err)
		}
	}
}
