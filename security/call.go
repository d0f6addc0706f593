package security

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
)

// CallOption changes one call. The options are those of this package; no other
// package can make one. [WithHeader], [WithConcurrency] and [WithSettle] may also
// be given to [NewClient], and then hold for every call of that client.
type CallOption interface {
	forCall()
}

// SharedOption is an option for a single call and for a whole client alike.
type SharedOption interface {
	CallOption
	Option
}

// callOption is every CallOption.
type callOption func(*service.Settings)

func (callOption) forCall() {}

// Set is how the services read the option.
func (o callOption) Set(s *service.Settings) { o(s) }

// sharedOption is a call option that a client can have too.
type sharedOption struct{ callOption }

func (o sharedOption) apply(c *config) error {
	var probe service.Settings
	if o.Set(&probe); probe.Err != nil {
		return probe.Err
	}
	c.callDefaults = append(c.callDefaults, o.callOption)
	return nil
}

// Response is what there is to know about an answer besides its body.
type Response struct {
	StatusCode    int // 0 if nothing came back
	Header        http.Header
	Total         int // X-Total-Count of a list, -1 if the server did not say
	Attempts      int
	CorrelationID string // names this request in the server's log
}

// WithResponse fills r with the answer's status and headers, also if the
// call fails. While a list is walked it holds the answer to the page that the
// walk is at; of several calls made for one it holds the last. Calls that a bulk
// operation (Details, EnsureAll) makes at the same time do not fill it. Do not
// share r between calls that run at the same time.
func WithResponse(r *Response) CallOption {
	return callOption(func(c *service.Settings) {
		if r == nil {
			c.Err = FieldErrors{{Field: "WithResponse", Problem: "must not be nil"}}
			return
		}
		before := c.OnMeta
		c.OnMeta = func(m transport.Meta) {
			if before != nil {
				before(m)
			}
			*r = Response{
				StatusCode: m.StatusCode, Header: m.Header, Total: -1, Attempts: m.Attempts,
				CorrelationID: m.Header.Get("X-Keyfactor-Correlation-Id"),
			}
			if n, err := strconv.Atoi(m.Header.Get("X-Total-Count")); err == nil && n >= 0 {
				r.Total = n
			}
		}
	})
}

// WithHeader adds a header to the request. It refuses what belongs to the client
// (credentials, the version, the form of the body), what changes the connection or
// the method, and what makes net/http repeat a request by itself
// (Idempotency-Key).
func WithHeader(name, value string) SharedOption {
	return shared(func(c *service.Settings) {
		name := http.CanonicalHeaderKey(name)
		switch {
		case name == "" || strings.ContainsFunc(name, notToken) || strings.ContainsFunc(value, unprintable):
			c.Err = FieldErrors{{Field: "WithHeader", Problem: fmt.Sprintf("%q is not a valid header", name)}}
		case name == "Authorization" || name == "Proxy-Authorization":
			c.Err = FieldErrors{{Field: "WithHeader", Problem: "cannot set " + name + ", give the client a credential"}}
		case slices.Contains(reservedHeaders[:], name):
			c.Err = FieldErrors{{Field: "WithHeader", Problem: "cannot set " + name + ", which is the client's own"}}
		default:
			if c.Header == nil {
				c.Header = http.Header{}
			}
			c.Header.Set(name, value)
		}
	})
}

// reservedHeaders would make another request of the one that was asked for.
var reservedHeaders = [...]string{
	"Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Expect", "Host",
	"Idempotency-Key", "X-Idempotency-Key", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Keyfactor-Api-Version", "X-Keyfactor-Requested-With",
}

// notToken reports runes that a header name cannot hold (RFC 9110, section 5.6.2).
func notToken(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func shared(set func(*service.Settings)) SharedOption { return sharedOption{set} }

// WithConcurrency lets a walk over pages, or a bulk operation, have up to n
// requests under way at the same time. The default is 4; 1 is strictly
// sequential.
func WithConcurrency(n int) SharedOption {
	return shared(func(c *service.Settings) {
		if n < 1 {
			c.Err = FieldErrors{{Field: "WithConcurrency", Problem: "must be 1 or more, got " + strconv.Itoa(n)}}
		}
		c.Concurrency = n
	})
}

// WithReplay vouches that this POST may be sent more than once, so that it is
// repeated like a PUT. Without it a POST is repeated only if it provably was
// not processed.
func WithReplay() CallOption {
	return callOption(func(c *service.Settings) { c.Replay = true })
}

// WithDryRun makes a safe edit (Edit, Ensure and what is built on them) do
// everything but the write, and return the change that it would make. Other
// operations refuse it: they have nothing to say before they write.
func WithDryRun() CallOption {
	return callOption(func(c *service.Settings) { c.DryRun = true })
}

// WithSettle makes safe edits of roles hold against other programs that use
// WithSettle too: a write built on a reading older than d is not sent but built
// again on a new one, and what was written is looked at once more d after this
// client's last write to the role. Each edit that changes something takes at least d
// longer. Choose d longer than a reading and a write take at their slowest;
// docs/safe-changes.md has the limits.
func WithSettle(d time.Duration) SharedOption {
	return shared(func(c *service.Settings) {
		if d <= 0 {
			c.Err = FieldErrors{{Field: "WithSettle", Problem: "must be more than 0, got " + d.String()}}
		}
		c.Settle = d
	})
}

// WithProgress tells f after each item how many are done, of how many. total is
// -1 if nobody knows. It is for what works on many items: walks over a list (All,
// Find, Details), EnsureAll and EditAll; any other call refuses it. f is never called
// twice at the same time, and the work waits while it runs.
func WithProgress(f func(done, total int)) CallOption {
	return callOption(func(c *service.Settings) {
		if f == nil {
			c.Err = FieldErrors{{Field: "WithProgress", Problem: "must not be nil"}}
			return
		}
		c.Progress = f
	})
}
