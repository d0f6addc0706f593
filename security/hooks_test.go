package security_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// TestAuthorization: the caller's own way to sign in is asked for each attempt, can
// set headers only, and ends the call if it fails.
func TestAuthorization(t *testing.T) {
	t.Parallel()
	server := newScript(reply(503, ""), ok)
	var calls atomic.Int32
	client, err := security.NewClient(baseURL, quick, security.WithHTTPClient(&http.Client{Transport: server}),
		security.WithAuthorization(func(r *http.Request) error {
			if r.Body != nil || r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/Security/Roles/1") {
				t.Errorf("it sees %s %s with body %v", r.Method, r.URL, r.Body)
			}
			r.Header.Set("Authorization", "Negotiate "+strconv.Itoa(int(calls.Add(1))))
			r.URL.Host, r.Method = "evil.example.com", http.MethodDelete // is not sent
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, put); err != nil {
		t.Fatal(err)
	}
	for i, r := range server.all() {
		if r.header.Get("Authorization") != "Negotiate "+strconv.Itoa(i+1) || r.method != put || !strings.HasPrefix(r.url, baseURL) || r.body == "" {
			t.Errorf("attempt %d is %+v", i+1, r)
		}
	}

	refused := errors.New("no ticket")
	server = newScript(ok)
	client, err = security.NewClient(baseURL, security.WithHTTPClient(&http.Client{Transport: server}),
		security.WithAuthorization(func(*http.Request) error { return refused }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(t.Context(), client, post)
	if !errors.Is(err, refused) || errors.Is(err, security.ErrUnknownOutcome) || len(server.all()) != 0 || failure(t, err).Attempts != 1 {
		t.Errorf("after %d requests: %v", len(server.all()), err)
	}
}

// TestAuthorizationStaysAtHome: another origin does not get what it adds.
func TestAuthorizationStaysAtHome(t *testing.T) {
	t.Parallel()
	asked := 0
	server := newScript(func(r *http.Request) (*http.Response, error) {
		resp, err := reply(307, "", "Location", "https://evil.example.com/Keyfactor/API/Security/Roles/1")(r)
		resp.Request = r
		return resp, err
	}, ok)
	client, err := security.NewClient(baseURL, security.WithHTTPClient(&http.Client{Transport: server}),
		security.WithAuthorization(func(r *http.Request) error {
			asked++
			r.Header.Set("Authorization", "Negotiate secret")
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, get); err == nil || asked != 1 || len(server.all()) != 1 {
		t.Errorf("%v, asked %d times, %d requests", err, asked, len(server.all()))
	}
}

// certificate is a self-signed client certificate.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "svc_sdk"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestClientCertificate: it is presented alone and besides another credential, to
// the server and not to the token endpoint.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	presented := func(r *http.Request) string {
		if len(r.TLS.PeerCertificates) == 0 {
			return ""
		}
		return r.TLS.PeerCertificates[0].Subject.CommonName
	}
	asks := func(s *httptest.Server) { s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} }
	var seen, authorization, atIDP atomic.Value
	var certificateSeen atomic.Pointer[x509.Certificate]
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			certificateSeen.Store(r.TLS.PeerCertificates[0])
		}
		seen.Store(presented(r))
		authorization.Store(r.Header.Get("Authorization"))
		write(w, 200, "application/json", `{"Id":1,"Name":"one"}`)
	}, asks)
	idp := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		atIDP.Store(presented(r))
		write(w, 200, "application/json", `{"access_token":"t","token_type":"Bearer","expires_in":3600}`)
	}, asks)
	mine := certificate(t)
	cert := security.WithClientCertificate(mine)
	for name, tt := range map[string]struct {
		besides security.Option
		want    string
	}{
		"alone":        {idp.roots(), ""},
		"basic":        {security.WithBasicAuth(user, password), basic},
		"OAuth client": {security.WithClientCredentials(security.ClientCredentials{TokenURL: idp.URL, ClientID: "i", ClientSecret: security.NewSecret("s")}), "Bearer t"},
	} {
		client := connect(t, s.URL, s.roots(), idp.roots(), cert, tt.besides)
		if _, err := do(t.Context(), client, get); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if seen.Load() != "svc_sdk" || authorization.Load() != tt.want {
			t.Errorf("%s: the server saw %q and %q", name, seen.Load(), authorization.Load())
		}
	}
	other := certificate(t)
	client := connect(t, s.URL, cert, security.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:              s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &other, nil },
	}}}))
	want, _ := x509.ParseCertificate(mine.Certificate[0])
	if _, err := do(t.Context(), client, get); err != nil || !want.Equal(certificateSeen.Load()) {
		t.Errorf("with a transport that has another one: %v", err)
	}
	fresh := connect(t, s.URL, s.roots(), cert) // without connections, which change while they are looked at
	if strings.Contains(apitest.Dump(service.Of(fresh)), string(mine.PrivateKey.(ed25519.PrivateKey))) {
		t.Error("reflection finds the private key")
	}
	if atIDP.Load() != "" {
		t.Errorf("the token endpoint saw %q", atIDP.Load())
	}
	if _, err := security.NewClient(baseURL, cert, cert); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("given twice: %v", err)
	}
	_, err := security.NewClient(baseURL, cert, security.WithHTTPClient(&http.Client{Transport: newScript(ok)}))
	if err == nil || !strings.Contains(err.Error(), "WithClientCertificate") {
		t.Errorf("with a transport that cannot present it: %v", err)
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestOperationFromContext: a middleware learns which operation and attempt it sees.
func TestOperationFromContext(t *testing.T) {
	t.Parallel()
	var seen []security.Operation
	client := newClient(t, newScript(reply(503, ""), ok), quick, security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return tripper(func(r *http.Request) (*http.Response, error) {
			op, ok := security.OperationFromContext(r.Context())
			if !ok {
				t.Error("the request has no operation")
			}
			seen = append(seen, op)
			return next.RoundTrip(r)
		})
	}))
	if _, err := do(t.Context(), client, get); err != nil {
		t.Fatal(err)
	}
	want := security.Operation{Method: get, Path: "Security/Roles/1", Version: 1, Attempt: 1}
	second := want
	second.Attempt = 2
	if len(seen) != 2 || seen[0] != want || seen[1] != second || seen[0].String() != "GET /Security/Roles/1, version 1" {
		t.Errorf("it saw %+v", seen)
	}
	if op, ok := security.OperationFromContext(t.Context()); ok {
		t.Errorf("another context has %v", op)
	}
}

// TestNoEndpoint: a 404 that Command did not write says nothing of the object.
func TestNoEndpoint(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer answer
		is     error
	}{
		"Command":            {missing, security.ErrNotFound},
		"Command, no code":   {reply(404, `{"Message":"Unable to find it"}`), security.ErrNotFound},
		"Command, no words":  {reply(404, `{"ErrorCode":"0xA0110002","Message":null}`), security.ErrNotFound},
		"IIS":                {reply(404, "<!DOCTYPE html><h1>404</h1>", "Content-Type", "text/html"), security.ErrNoEndpoint},
		"empty":              {reply(404, ""), security.ErrNoEndpoint},
		"an empty object":    {reply(404, "{}"), security.ErrNoEndpoint},
		"null":               {reply(404, "null"), security.ErrNoEndpoint},
		"a list":             {reply(404, "[]"), security.ErrNoEndpoint},
		"problem details":    {reply(404, `{"type":"https://tools.ietf.org/html/rfc9110","title":"Not Found","status":404}`), security.ErrNoEndpoint},
		"ASP.NET routing":    {reply(404, `{"Message":"No HTTP resource was found that matches the request URI.","MessageDetail":"No type was found"}`), security.ErrNoEndpoint},
		"a plain text":       {reply(404, "404 page not found", "Content-Type", "text/plain"), security.ErrNoEndpoint},
		"a proxy, as JSON":   {reply(404, `{"error":"no route"}`), security.ErrNoEndpoint},
		"a version says so":  {reply(404, "", "X-Keyfactor-Product-Version", "10.5.0"), security.ErrNoEndpoint},
		"a version it lacks": {reply(400, `{"error":{"code":"UnsupportedApiVersion","message":"The HTTP resource does not support the API version '2'."}}`), security.ErrNoEndpoint},
		"in its own form":    {reply(400, `{"ErrorCode":"0xA0110001","Message":"UnsupportedApiVersion: version 2 is not supported."}`), security.ErrNoEndpoint},
		"a body that is cut": {reply(404, `{"ErrorCode":"0xA0110002","Mess`), security.ErrNoEndpoint},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := do(t.Context(), newClient(t, newScript(tt.answer)), get)
			sentinels(t, err, tt.is)
			if !errors.Is(err, security.ErrNoEndpoint) {
				return
			}
			if e := failure(t, err); e.StatusCode == 400 {
				if !strings.Contains(err.Error(), "version 1 only") {
					t.Errorf("%v does not say what to do", err)
				}
				return
			}
			for _, part := range []string{baseURL + "/Security/Roles/1", `"/Keyfactor/API"`, "nothing is known of the object"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %s", err, part)
				}
			}
			if e := failure(t, err); e.ProductVersion != "" && !strings.Contains(err.Error(), "Command 10.5.0 has") {
				t.Errorf("%v does not say the server's version", err)
			}
		})
	}
}

// TestProblemDetails: what the framework says of single fields is what helps.
func TestProblemDetails(t *testing.T) {
	t.Parallel()
	_, err := do(t.Context(), newClient(t, newScript(reply(400, `{"title":"One or more validation errors occurred.","status":400,
		"errors":{"$.Id":["The JSON value could not be converted."],"Name":["The Name field is required.","It is too short."],"":["A non-empty body is required."]}}`,
		"Content-Type", "application/problem+json"))), put)
	want := "One or more validation errors occurred. A non-empty body is required.; $.Id: The JSON value could not be converted.; Name: The Name field is required. It is too short."
	if e := failure(t, err); e.Message != want {
		t.Errorf("the message is %q", e.Message)
	}
}

// TestProgressOfOneThing: a call that is about one thing has no progress to tell.
func TestProgressOfOneThing(t *testing.T) {
	t.Parallel()
	server := newScript(ok)
	_, err := do(t.Context(), newClient(t, server), get, security.WithProgress(func(int, int) {}))
	sentinels(t, err, security.ErrInvalid)
	if len(server.all()) != 0 || !strings.Contains(err.Error(), "WithProgress") {
		t.Errorf("after %d requests: %v", len(server.all()), err)
	}
	if _, err := do(t.Context(), newClient(t, server), get, security.WithProgress(nil)); !errors.Is(err, security.ErrInvalid) {
		t.Errorf("nil: %v", err)
	}
}

// TestConfigurationWithoutCredential: a client certificate, or a way to sign in of
// the program's own, can go with it; nothing else can.
func TestConfigurationWithoutCredential(t *testing.T) {
	t.Setenv("KEYFACTOR_HOSTNAME", "command.example.com")
	cfg, err := security.ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]security.Option{
		"certificate":   security.WithClientCertificate(certificate(t)),
		"authorization": security.WithAuthorization(func(*http.Request) error { return nil }),
	} {
		if _, err := security.NewClientFromConfig(cfg, opt); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = security.NewClientFromConfig(cfg)
	problems, _ := errors.AsType[security.FieldErrors](err)
	if len(problems) != 1 || problems[0].Field != "credentials" || !strings.Contains(err.Error(), "WithClientCertificate") {
		t.Errorf("without: %v", err)
	}
	if _, err := security.NewClientFromConfig(cfg, security.WithBasicAuth(user, password)); err == nil || !strings.Contains(err.Error(), "the host comes from") {
		t.Errorf("a password for another host: %v", err)
	}
}

// TestSignIn: a package for another way to sign in gives what a credential of this
// package has, and says what to do about a 401 that stands.
func TestSignIn(t *testing.T) {
	t.Parallel()
	tickets := 0
	credential := service.Credential{
		Name: "WithTickets", Account: func() string { return "svc@EXAMPLE.COM" },
		Authorizer: func(base *url.URL) transport.Authorizer {
			return transport.Authorizer{
				Value: func(context.Context) (string, error) {
					tickets++
					return "Negotiate " + base.Hostname() + strconv.Itoa(tickets), nil
				},
				Refused: func(h http.Header) string { return "it offers " + h.Get("Www-Authenticate") },
			}
		},
	}
	var account string
	server := newScript(ok, reply(http.StatusUnauthorized, "", "Www-Authenticate", "Basic"))
	client, err := security.NewClient(baseURL, quick, security.WithHTTPClient(&http.Client{Transport: server}),
		service.SignIn[security.Option](credential), security.WithAudit(func(_ context.Context, r security.AuditRecord) { account = r.Account }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, put); err != nil || account != "svc@EXAMPLE.COM" {
		t.Error(err, account)
	}
	_, err = do(t.Context(), client, put)
	if !errors.Is(err, security.ErrUnauthorized) || !strings.HasSuffix(err.Error(), "; it offers Basic") {
		t.Error(err)
	}
	for i, sent := range server.all() {
		if got, want := sent.header.Get("Authorization"), "Negotiate "+mustURL(t, baseURL).Hostname()+strconv.Itoa(i+1); got != want {
			t.Errorf("request %d has %s, want %s", i, got, want)
		}
	}
	cfg := &security.Config{Source: "profile X", Host: "h", Kerberos: &security.Kerberos{Keytab: "k"}}
	if _, err := security.NewClientFromConfig(cfg, service.SignIn[security.Option](credential)); err != nil {
		t.Error(err)
	}
	credential.Err = security.FieldErrors{{Field: "Ticket", Problem: "none"}}
	if _, err := security.NewClient(baseURL, service.SignIn[security.Option](credential)); err == nil || !strings.Contains(err.Error(), "Ticket: none") {
		t.Error(err)
	}
}
