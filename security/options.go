package security

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/commandsec/commandsec-go/internal/transport"
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
	clearHosts   []string // that may be reached over http besides loopback
	skipVerify   bool
	verified     bool
	unverified   bool // found while the client is made
	roots        [][]byte
	onlyRoots    []byte
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
	readOnly     bool
	audit        func(context.Context, AuditRecord)
	unsigned     string // the source of a configuration without a credential
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
// credential is added to it; if a token is refused and the attempt is sent again with
// a new one, that is one attempt to it. It also sees each request for a token, whose
// header or body holds the client secret: it must not print those.
// [OperationFromContext] tells which is which.
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

// WithOnlyRootCAs trusts the certificates in pem, and none of the system's: for the
// server and for the token endpoint.
func WithOnlyRootCAs(pem []byte) Option {
	return option(func(c *config) error {
		switch {
		case !x509.NewCertPool().AppendCertsFromPEM(pem):
			return badOption("WithOnlyRootCAs", "holds no PEM certificate")
		case c.onlyRoots != nil:
			return badOption("WithOnlyRootCAs", "was given twice; put all certificates into one text")
		}
		c.onlyRoots = slices.Clone(pem)
		return nil
	})
}

// WithInsecureSkipVerify turns off the check of the server's certificate, not that
// of the token endpoint. Anybody between the program and the server can then read
// the credential: use it against a test server only, and [WithRootCAs] for a
// private CA. The client's logger gets a warning.
func WithInsecureSkipVerify() Option {
	return option(func(c *config) error { c.skipVerify = true; return nil })
}

// WithVerifiedTLS makes sure that certificates are verified: [NewClient] refuses an
// option, a configuration or an HTTP client that turns that off or hides whether it
// does, and a URL without TLS.
func WithVerifiedTLS() Option {
	return option(func(c *config) error { c.verified = true; return nil })
}

// WithInsecureHTTP allows http:// URLs, over which credentials travel in clear: for
// this machine (localhost and the loopback addresses), and for the hosts named.
func WithInsecureHTTP(hosts ...string) Option {
	return option(func(c *config) error {
		c.insecureHTTP = true
		for _, host := range hosts {
			name := strings.ToLower(strings.Trim(host, "[]"))
			if net.ParseIP(name) == nil && (name == "" || strings.ContainsFunc(name, func(r rune) bool {
				return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
			})) {
				return badOption("WithInsecureHTTP", "%q is not a host name or an address, without a port", host)
			}
			c.clearHosts = append(c.clearHosts, name)
		}
		return nil
	})
}

// WithReadOnly refuses every call that can change something, before anything is
// sent. What only reads goes on, and so do dry runs of safe changes.
func WithReadOnly() Option {
	return option(func(c *config) error { c.readOnly = true; return nil })
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

// WithLogger logs each attempt and each request for a token at debug level:
// operation, path, attempt, status, duration and correlation id; never headers,
// queries or bodies. The first time that a call is repeated is a warning, which
// tells the wait. By default nothing is logged.
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
// 64 MiB. An answer that is one object, and no list, is also refused above 16 MiB or
// 250,000 values; the largest role comes nowhere near.
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
