package security

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// AuditOutcome is what became of a write.
type AuditOutcome string

// The outcomes.
const (
	AuditDone    AuditOutcome = "done"    // the server said so
	AuditFailed  AuditOutcome = "failed"  // nothing was written
	AuditUnknown AuditOutcome = "unknown" // it may or may not have been done, see [ErrUnknownOutcome]
)

// AuditRecord is one write: a POST, PUT, PATCH or DELETE, with all its attempts. It
// holds no secret.
type AuditRecord struct {
	Time     time.Time // when it began
	Duration time.Duration

	// Account is the user name or the client id that signed in, or the subject of
	// the client certificate; "" if the client does not know it, as with a token.
	Account string

	Operation     Operation // with the number of attempts
	Path          string    // below the API path, as sent, without query
	Outcome       AuditOutcome
	StatusCode    int // 0 if nothing came back
	CorrelationID string
	Err           error // nil if it was done
}

// WithAudit tells record of every write that was tried, once, when it is over, even if
// a middleware panics. record runs in the goroutine of the call, and gets its context.
// What was refused before anything was tried is no write: invalid input,
// [WithReadOnly], a dry run. record must be safe for concurrent use; the call returns
// when it does.
func WithAudit(record func(context.Context, AuditRecord)) Option {
	return option(func(c *config) error {
		if record == nil {
			return badOption("WithAudit", "must not be nil")
		}
		c.audit = record
		return nil
	})
}

// auditor turns what the transport tells into records.
func (c *config) auditor(account func() string) func(context.Context, transport.Audit) {
	if c.audit == nil {
		return nil
	}
	return func(ctx context.Context, a transport.Audit) {
		r := AuditRecord{
			Time: a.Begun, Duration: a.Duration, Path: a.Path,
			Operation:  Operation{Method: a.Op.Method, Path: a.Op.Path, Version: a.Op.Version, Attempt: a.Attempts},
			StatusCode: a.StatusCode, CorrelationID: a.Correlation, Outcome: AuditDone, Err: a.Err,
		}
		if account != nil {
			r.Account = account()
		}
		switch {
		case a.Unknown:
			r.Outcome = AuditUnknown
		case a.Err != nil:
			r.Outcome = AuditFailed
		}
		c.audit(ctx, r)
	}
}

// subject names a client certificate.
func subject(cert *tls.Certificate) string {
	leaf := cert.Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return ""
		}
	}
	return leaf.Subject.String()
}
