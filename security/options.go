package security

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/turns"
)

// Option configures a client that [NewClient] makes. The options are those of this
// package; no other package can make one.
type Option interface {
	apply(*config) error
}

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

// config collects what the options say, until it is complete.
type config struct {
	http         *http.Client
	insecureHTTP bool
	skipVerify   bool
	roots        [][]byte
	timeout      time.Duration
	retry        transport.Retry
	limiter      *rate.Limiter
	middleware   []func(http.RoundTripper) http.RoundTripper
	logger       *slog.Logger
	userAgent    string
	maxBytes     int64
	callDefaults []callOption
	credentials  []credential
	clientCert   *tls.Certificate
	kerberos     string // the source of a configuration that signs in with Kerberos
}

const (
	defaultTimeout  = 60 * time.Second
	defaultMaxBytes = 64 << 20
	version         = "0.1.0" // of this library
)

func defaults() *config {
	return &config{
		retry:     transport.Retry{MaxAttempts: 4, MinWait: 500 * time.Millisecond, MaxWait: 30 * time.Second},
		logger:    slog.New(slog.DiscardHandler),
		userAgent: "commandsec-go/" + version,
		maxBytes:  defaultMaxBytes,
	}
}

// WithHTTPClient uses hc's transport, cookie jar and timeout. hc is copied,
// never changed; its CheckRedirect is replaced, because a redirect must not
// carry a credential away.
func WithHTTPClient(hc *http.Client) Option {
	return option(func(c *config) error {
		if hc == nil {
			return badOption("WithHTTPClient", "must not be nil")
		}
		c.http = hc
		return nil
	})
}

// WithMiddleware wraps the transport, for tracing, metrics or tests. The first
// one given is the outermost. A middleware sees each attempt, before the
// credential is added to it.
func WithMiddleware(wrap func(http.RoundTripper) http.RoundTripper) Option {
	return option(func(c *config) error {
		if wrap == nil {
			return badOption("WithMiddleware", "must not be nil")
		}
		c.middleware = append(c.middleware, wrap)
		return nil
	})
}

// WithRootCAs trusts the certificates in pem in addition to the system's.
func WithRootCAs(pem []byte) Option {
	return option(func(c *config) error {
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return badOption("WithRootCAs", "holds no PEM certificate")
		}
		c.roots = append(c.roots, slices.Clone(pem))
		return nil
	})
}

// WithInsecureSkipVerify turns off the check of the server's certificate.
// Anybody between the program and the server can then read the credential: use
// it against a test server only, and [WithRootCAs] for a private CA.
func WithInsecureSkipVerify() Option {
	return option(func(c *config) error { c.skipVerify = true; return nil })
}

// WithInsecureHTTP allows http:// URLs, over which credentials travel in clear.
func WithInsecureHTTP() Option {
	return option(func(c *config) error { c.insecureHTTP = true; return nil })
}

// WithTimeout bounds each attempt of a call, reading the answer included. The
// default is 60 seconds. The context bounds the whole call.
func WithTimeout(perAttempt time.Duration) Option {
	return option(func(c *config) error {
		if perAttempt <= 0 {
			return badOption("WithTimeout", "must be more than 0, got %v", perAttempt)
		}
		c.timeout = perAttempt
		return nil
	})
}

// Retry says how often and how patiently a call is repeated. A zero field
// leaves the default.
type Retry struct {
	MaxAttempts int           // tries in all, 4 by default; 1 = never repeat
	MinWait     time.Duration // before the second attempt, 0.5 s by default; it doubles from there
	MaxWait     time.Duration // longest wait, and longest Retry-After that is obeyed; 30 s by default
}

// WithRetry changes how calls are repeated.
func WithRetry(r Retry) Option {
	return option(func(c *config) error {
		if r.MaxAttempts < 0 || r.MinWait < 0 || r.MaxWait < 0 {
			return badOption("WithRetry", "must not be negative")
		}
		if r.MaxAttempts > 0 {
			c.retry.MaxAttempts = r.MaxAttempts
		}
		if r.MinWait > 0 {
			c.retry.MinWait = r.MinWait
		}
		if r.MaxWait > 0 {
			c.retry.MaxWait = r.MaxWait
		}
		if c.retry.MinWait > c.retry.MaxWait {
			if r.MinWait > 0 && r.MaxWait > 0 {
				return badOption("WithRetry", "MinWait %v is longer than MaxWait %v", r.MinWait, r.MaxWait)
			}
			// Only one was given: it moves the default of the other.
			c.retry.MinWait = cmp.Or(r.MinWait, r.MaxWait)
			c.retry.MaxWait = cmp.Or(r.MaxWait, r.MinWait)
		}
		return nil
	})
}

// WithRateLimit sends at most rps requests a second on average, and at most
// burst at once.
func WithRateLimit(rps float64, burst int) Option {
	return option(func(c *config) error {
		if !(rps > 0) || burst < 1 {
			return badOption("WithRateLimit", "needs a rate above 0 and a burst of 1 or more, got %v and %d", rps, burst)
		}
		c.limiter = rate.NewLimiter(rate.Limit(rps), burst)
		return nil
	})
}

// WithLogger logs each attempt at debug level: operation, path, attempt,
// status, duration and correlation id; never headers, queries or bodies. By
// default nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return option(func(c *config) error {
		if l == nil {
			return badOption("WithLogger", "must not be nil")
		}
		c.logger = l
		return nil
	})
}

// WithUserAgent puts product, such as "rolesync/1.4", before this library's own
// name in the User-Agent header.
func WithUserAgent(product string) Option {
	return option(func(c *config) error {
		if product == "" || strings.ContainsFunc(product, func(r rune) bool { return r < ' ' || r > '~' }) {
			return badOption("WithUserAgent", "must be printable ASCII, got %q", product)
		}
		c.userAgent = product + " commandsec-go/" + version
		return nil
	})
}

// WithMaxResponseBytes refuses answers larger than n bytes. The default is
// 64 MiB.
func WithMaxResponseBytes(n int64) Option {
	return option(func(c *config) error {
		if n < 1 {
			return badOption("WithMaxResponseBytes", "must be 1 or more, got %d", n)
		}
		c.maxBytes = min(n, math.MaxInt64-1) // one byte more is asked for, to see whether there is more
		return nil
	})
}

func badOption(field, format string, args ...any) error {
	return FieldErrors{{Field: field, Problem: fmt.Sprintf(format, args...)}}
}

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
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, badOption(field, "must not have a query or a fragment")
	case slices.Contains(strings.Split(u.Path, "/"), ".."):
		return nil, badOption(field, "must not contain \"..\"")
	}
	return u.JoinPath("."), nil
}

// httpClients returns the client that all calls go through, and the one for the
// token endpoint, before credentials and middleware are added. They differ if a
// client certificate is to be presented to the server.
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
	switch needed := len(c.roots) > 0 || c.skipVerify || c.clientCert != nil; {
	case hc.Transport == nil:
		own = newHTTPTransport()
		c.trust(own)
	case !needed:
		return &hc, &hc, nil
	case !ok:
		return nil, nil, badOption("WithHTTPClient", "its Transport is a %T, so WithRootCAs, WithClientCertificate and "+
			"WithInsecureSkipVerify cannot be applied to it; set up TLS in it yourself", hc.Transport)
	default:
		own = own.Clone()
		c.trust(own)
	}
	hc.Transport = own
	if c.clientCert == nil {
		return &hc, &hc, nil
	}
	withCert := hc
	presenting := own.Clone()
	presenting.TLSClientConfig.Certificates = []tls.Certificate{*c.clientCert}
	withCert.Transport = presenting
	return &withCert, &hc, nil
}

// newHTTPTransport is like net/http's default transport, which is not copied: any
// package of the program may have changed that one, its TLS settings included.
func newHTTPTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   64, // the default of 2 throws away what concurrent calls opened
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// trust changes whose certificates t accepts.
func (c *config) trust(t *http.Transport) {
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.skipVerify {
		t.TLSClientConfig.InsecureSkipVerify = true
	}
	if len(c.roots) == 0 {
		return
	}
	pool := t.TLSClientConfig.RootCAs
	if pool == nil {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool() // a system without roots still has the given ones
		}
	} else {
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
				"give WithAuthorization a function that adds the Negotiate header, or configure another way to sign in", c.kerberos)
		}
		if c.clientCert != nil {
			return credential{name: "WithClientCertificate", authorizer: func(*http.Client) transport.Authorizer {
				return transport.Authorizer{}
			}}, nil
		}
		return credential{}, badOption("credentials", "none given; use one of WithBasicAuth, WithClientCredentials, WithAccessToken, "+
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

// build puts everything together, and reports every bad option at once.
func build(baseURL, hostSource string, opts []Option) (*Client, error) {
	c := defaults()
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, o := range opts {
		if o == nil {
			note(badOption("NewClient", "a nil option"))
			continue
		}
		note(o.apply(c))
	}
	base, err := c.parseBase(baseURL)
	note(err)
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
	if len(errs) > 0 {
		return nil, fmt.Errorf("security client: %w", errors.Join(errs...))
	}
	perCall := c.callDefaults
	cfg := transport.Config{
		Base: base, HTTP: calls, Auth: cred.authorizer(tokens),
		Middleware: c.middleware, Limiter: c.limiter, Retry: c.retry, Log: c.logger,
		UserAgent: c.userAgent, MaxBytes: c.maxBytes, Fail: newError,
	}
	shared := &service.Client{Transport: transport.New(cfg), Turns: &turns.Registry{}}
	if len(perCall) > 0 {
		shared.Defaults = func(settings *service.Settings) {
			for _, o := range perCall {
				o.Set(settings)
			}
		}
	}
	return &Client{shared}, nil
}
