package security

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/turns"
)

// parseBase checks a base URL and returns it without a trailing slash.
func (c *config) parseBase(baseURL string) (*url.URL, error) {
	const field = "baseURL"
	u, err := url.Parse(strings.TrimSpace(baseURL))
	switch {
	case err != nil:
		// The parser's message repeats the input, which may hold a password.
		return nil, badOption(field, "is not a URL")
	case u.User != nil:
		return nil, badOption(field, "must not hold credentials, use WithBasicAuth")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return nil, badOption(field, "must look like https://command.example.com/KeyfactorAPI, got %q", safeURL(baseURL))
	case u.Hostname() == "":
		return nil, badOption(field, "names no host")
	case u.Scheme == "http" && !c.insecureHTTP:
		return nil, badOption(field, "is http, which sends credentials in clear; use https, or WithInsecureHTTP for a test server")
	case u.Scheme == "http" && !c.inClear(u):
		return nil, badOption(field, "is http to another machine, which sends credentials in clear over a network; use https, or name the host in WithInsecureHTTP")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, badOption(field, "must not have a query or a fragment")
	case slices.Contains(strings.Split(u.Path, "/"), ".."):
		return nil, badOption(field, "must not contain \"..\"")
	}
	return u.JoinPath("."), nil
}

// inClear reports whether u, an http URL, may be used.
func (c *config) inClear(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	if slices.Contains(c.clearHosts, host) {
		return true
	}
	ip := net.ParseIP(host)
	return c.insecureHTTP && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// httpClients returns the client that all calls go through, and the one for the
// token endpoint, before credentials and middleware are added. The token endpoint
// gets no client certificate, and is verified: as usual, or by the checks of the
// program's own transport.
func (c *config) httpClients() (calls, tokens *http.Client, err error) {
	hc := http.Client{}
	if c.http != nil {
		hc = *c.http
	}
	if c.timeout > 0 {
		hc.Timeout = c.timeout
	} else if hc.Timeout == 0 {
		hc.Timeout = defaultTimeout
	}
	own, ok := hc.Transport.(*http.Transport)
	if err := c.checkVerified(hc.Transport, own, ok); err != nil {
		return nil, nil, err
	}
	var skips, checks bool // what the program's own transport does
	if ok && own.TLSClientConfig != nil {
		skips = own.TLSClientConfig.InsecureSkipVerify
		checks = own.TLSClientConfig.VerifyConnection != nil || own.TLSClientConfig.VerifyPeerCertificate != nil
	}
	c.unverified = skips || c.skipVerify
	switch needed := len(c.roots) > 0 || c.onlyRoots != nil || c.skipVerify || c.clientCert != nil; {
	case hc.Transport == nil:
		own = newHTTPTransport()
	case !needed && !skips && !checks:
		return &hc, &hc, nil
	case !ok:
		return nil, nil, badOption("WithHTTPClient", "its Transport is a %T, so WithRootCAs, WithOnlyRootCAs, WithClientCertificate and "+
			"WithInsecureSkipVerify cannot be applied to it; set up TLS in it yourself", hc.Transport)
	case needed && (own.DialTLSContext != nil || own.DialTLS != nil): //nolint:staticcheck // a transport may still use the old one
		return nil, nil, badOption("WithHTTPClient", "its Transport makes TLS connections itself (DialTLSContext), so WithRootCAs, WithOnlyRootCAs, "+
			"WithClientCertificate and WithInsecureSkipVerify have no effect on them; set up TLS there")
	default:
		own = own.Clone()
	}
	c.trust(own)
	markChecks(own.TLSClientConfig)
	if own.OnProxyConnectResponse == nil {
		own.OnProxyConnectResponse = proxyAnswer
	}
	hc.Transport = own
	if c.clientCert == nil && !c.unverified {
		return &hc, &hc, nil
	}
	server := hc
	special := own.Clone()
	special.TLSClientConfig.InsecureSkipVerify = c.unverified
	own.TLSClientConfig.InsecureSkipVerify = skips && checks
	if c.clientCert != nil {
		special.TLSClientConfig.GetClientCertificate = presents(c.clientCert)
	}
	server.Transport = special
	return &server, &hc, nil
}

// presents gives cert to a server that asks for one that it is, as net/http does it
// with a list of certificates. It is a closure, so that reflection does not find the
// private key in a client, and it comes before what the transport of the program has.
func presents(cert *tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if asked.SupportsCertificate(cert) == nil {
			return cert, nil
		}
		return &tls.Certificate{}, nil
	}
}

// checkVerified is what speaks against WithVerifiedTLS.
func (c *config) checkVerified(rt http.RoundTripper, own *http.Transport, ok bool) error {
	const field = "WithVerifiedTLS"
	switch {
	case !c.verified:
		return nil
	case c.skipVerify:
		return badOption(field, "forbids WithInsecureSkipVerify, and a configuration that says so")
	case rt == nil:
		return nil
	case !ok:
		return badOption(field, "cannot look into the transport of WithHTTPClient, a %T", rt)
	case own.DialTLSContext != nil || own.DialTLS != nil: //nolint:staticcheck // a transport may still use the old one
		return badOption(field, "cannot look into the TLS connections that the transport of WithHTTPClient makes itself")
	case own.TLSClientConfig != nil && own.TLSClientConfig.InsecureSkipVerify:
		return badOption(field, "forbids the transport of WithHTTPClient, which does not verify certificates")
	}
	return nil
}

// markChecks makes the refusals of the program's own checks of certificates known as
// such: another attempt would change nothing.
func markChecks(t *tls.Config) {
	marked := func(err error) error {
		if err == nil {
			return nil
		}
		return &transport.CheckError{Err: err}
	}
	if check := t.VerifyConnection; check != nil {
		t.VerifyConnection = func(s tls.ConnectionState) error { return marked(check(s)) }
	}
	if check := t.VerifyPeerCertificate; check != nil {
		t.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error { return marked(check(raw, chains)) }
	}
}

// proxyAnswer is told what a proxy said to the request for a connection.
func proxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	_, text, _ := strings.Cut(answer.Status, " ")
	return &transport.ProxyError{Proxy: proxy.Host, Status: answer.StatusCode, Text: show.Text(text, 100)}
}

// newHTTPTransport is like net/http's default transport, which is not copied: any
// package of the program may have changed that one, its TLS settings included.
func newHTTPTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    64, // the default of 2 throws away what concurrent calls opened
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20, // the default is ten times as much
	}
}

// trust changes whose certificates t accepts.
func (c *config) trust(t *http.Transport) {
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if len(c.roots) == 0 && c.onlyRoots == nil {
		return
	}
	pool := t.TLSClientConfig.RootCAs
	switch {
	case c.onlyRoots != nil:
		pool = x509.NewCertPool()
		pool.AppendCertsFromPEM(c.onlyRoots)
	case pool == nil:
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool() // a system without roots still has the given ones
		}
	default:
		pool = pool.Clone()
	}
	for _, pem := range c.roots {
		pool.AppendCertsFromPEM(pem)
	}
	t.TLSClientConfig.RootCAs = pool
}

// credential returns the one credential given.
func (c *config) credential() (credential, error) {
	switch len(c.credentials) {
	case 0:
		if c.kerberos != "" {
			return credential{}, badOption("credentials", "%s signs in with Kerberos, which this package does not do by itself; "+
				"make the client with NewClientFromConfig of package security/kerberos, or give WithAuthorization a function that adds the Negotiate header", c.kerberos)
		}
		if c.clientCert != nil {
			return credential{
				name: nameCertificate, account: func() string { return subject(c.clientCert) },
				authorizer: func(*url.URL, *http.Client) transport.Authorizer { return transport.Authorizer{} },
			}, nil
		}
		if c.unsigned != "" {
			return credential{}, badOption("credentials", "%s: none; give %s, or the option WithClientCertificate or WithAuthorization", c.unsigned, credentialChoice)
		}
		return credential{}, badOption("credentials", "none given; use one of WithBasicAuth, WithBasicAuthFunc, WithClientCredentials, WithAccessToken, "+
			"WithTokenSource, WithAuthorization, WithClientCertificate")
	case 1:
		return c.credentials[0], nil
	}
	names := make([]string, len(c.credentials))
	for i, cred := range c.credentials {
		names[i] = cred.name
	}
	return credential{}, badOption("credentials", "more than one given (%s); give exactly one", strings.Join(names, ", "))
}

// fieldErrors is every FieldErrors in err, which may join several.
func fieldErrors(err error) FieldErrors {
	switch err := err.(type) { //nolint:errorlint // it takes the tree apart
	case nil:
		return nil
	case FieldErrors:
		return err
	case interface{ Unwrap() []error }:
		var all FieldErrors
		for _, e := range err.Unwrap() {
			all = append(all, fieldErrors(e)...)
		}
		return all
	}
	return FieldErrors{{Field: "NewClient", Problem: err.Error()}}
}

// build puts everything together, and reports every bad option at once.
func build(baseURL, hostSource string, opts []Option) (*Client, error) {
	c := defaults()
	var problems FieldErrors
	note := func(err error) { problems = append(problems, fieldErrors(err)...) }
	for _, o := range opts {
		if o == nil {
			note(badOption("NewClient", "a nil option"))
			continue
		}
		note(o.apply(c))
	}
	if c.onlyRoots != nil && len(c.roots) > 0 {
		note(badOption("WithOnlyRootCAs", "and WithRootCAs, or a CA of the configuration, contradict each other"))
	}
	base, err := c.parseBase(baseURL)
	note(err)
	if err == nil && c.verified && base.Scheme != "https" {
		note(badOption("WithVerifiedTLS", "needs an https URL"))
	}
	calls, tokens, err := c.httpClients()
	note(err)
	cred, err := c.credential()
	note(err)
	if err == nil && base != nil {
		note(cred.meantFor(base, hostSource))
	}
	if err == nil && cred.tokenURL != "" {
		note(c.checkTokenURL(cred.tokenURL))
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("security client: %w", problems)
	}
	if c.unverified {
		c.logger.Warn(warnUnverified, "server", base.Host)
	}
	perCall := c.callDefaults
	cfg := transport.Config{
		Base: base, HTTP: calls, Auth: cred.authorizer(base, transport.TokenClient(tokens, c.middleware, c.logger)),
		ReadOnly: c.readOnly, Audit: c.auditor(cred.account),
		Middleware: c.middleware, Limiter: c.limiter, Retry: c.retry, Log: c.logger,
		UserAgent: c.userAgent, MaxBytes: c.maxBytes, Fail: newError,
	}
	shared := &service.Client{Transport: transport.New(cfg), Turns: &turns.Registry{}, Account: cred.account}
	if len(perCall) > 0 {
		shared.Defaults = func(settings *service.Settings) {
			for _, o := range perCall {
				o.Set(settings)
			}
		}
	}
	return &Client{shared}, nil
}
