package security

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
)

// Kinds of failure, for errors.Is.
var (
	// ErrInvalid: the server answered 400, or the input was refused before
	// anything was sent; see [FieldErrors].
	ErrInvalid = errors.New("invalid request")
	// ErrUnauthorized: 401, or the token endpoint or the KDC refused to give a token
	// or a ticket (a 5xx or 429 is no refusal). The credential is wrong or expired.
	ErrUnauthorized = errors.New("not authenticated")
	// ErrForbidden: 403. The caller's roles lack the permission.
	ErrForbidden = errors.New("permission missing")
	// ErrNotFound: Command answered 404 with its own error: no object has that id.
	ErrNotFound = errors.New("not found")
	// ErrNoEndpoint: 404 from anything else. The API path is wrong, the server's
	// version has no such endpoint, or a proxy answered; or 400, because the server
	// does not have this version of the call (assumed: as ASP.NET says it). Whether
	// the object exists is not known.
	ErrNoEndpoint = errors.New("no such endpoint")
	// ErrConflict: 409.
	ErrConflict = errors.New("conflict")
	// ErrRateLimited: 429, still after the attempts allowed.
	ErrRateLimited = errors.New("too many requests")
	// ErrServer: 5xx.
	ErrServer = errors.New("server error")
	// ErrUnknownOutcome: a write failed after it may have reached the server.
	// It may or may not have been done: read before you repeat it.
	ErrUnknownOutcome = errors.New("the write may or may not have been done")
	// ErrNotJSON: a success that is HTML or empty. Usually a proxy or a login
	// page answered in the server's place.
	ErrNotJSON = errors.New("the answer is not JSON")
	// ErrWrongAnswer: a success that cannot be used: JSON of another form than
	// expected, or about another object than the one asked for.
	ErrWrongAnswer = errors.New("the answer cannot be used")
	// ErrListChanged: a list changed while it was walked, so that items may have
	// been missed. Walk it again.
	ErrListChanged = errors.New("the list changed while it was walked")
)

// Error is a failed call. Every method that is one call of the API returns its
// errors as this type. What is built on several calls (walks, Find, Edit, Ensure)
// passes them on, and has errors of its own that wrap one of the sentinels.
type Error struct {
	Op     string // the operation, such as "GET /Security/Roles/{id}, version 2"
	Method string
	Path   string // below the API path, as sent, without query; "" if nothing was sent

	StatusCode       int               // 0 if nothing came back
	Code             string            // the server's own code, such as "0xA011004A"
	Message          string            // the server's own words, unescaped: escape them before you show them
	FailedOperations []FailedOperation // of a bulk operation that failed in part
	CorrelationID    string            // names this request in the server's log
	ProductVersion   string            // of the server; "" if it did not say
	RetryAfter       time.Duration     // how long the server asked to wait; 0 for not at all
	Attempts         int               // how often it was tried; 0 if nothing was sent
	Body             []byte            // what came back, at most 64 KiB of it

	baseURL    string
	reason     transport.Reason
	unknown    bool
	noConn     bool
	noEndpoint bool
	noVersion  bool
	refused    string // what to do about a 401, if the credential knows
	cause      error
	scrub      func(string) string
}

// FailedOperation is one part of a bulk operation that the server could not do.
type FailedOperation struct {
	Reason string          // the server's words
	Raw    json.RawMessage // all that the server said of it: members differ by operation
}

// maxBody is how much of a body an Error keeps.
const maxBody = 64 << 10

// newError turns a failure of the transport into an Error.
func newError(f *transport.Failure) error {
	e := &Error{
		Op: f.Op.String(), Method: f.Op.Method, Path: f.Path,
		StatusCode:     f.StatusCode,
		CorrelationID:  f.Scrub(f.Header.Get("X-Keyfactor-Correlation-Id")),
		ProductVersion: f.Scrub(f.Header.Get("X-Keyfactor-Product-Version")),
		RetryAfter:     f.RetryAfter,
		Attempts:       f.Attempts,
		Body:           []byte(beginning(string(f.Body[:min(len(f.Body), maxBody+transport.MaxSecret)]), maxBody, f.Scrub)), // a copy, which lets go of the rest
		scrub:          f.Scrub,
		baseURL:        f.BaseURL,
		reason:         f.Reason,
		noEndpoint:     f.NoEndpoint,
		unknown:        f.Unknown,
		noConn:         f.NoConn,
		refused:        f.Advice,
		cause:          hidden(f.Err, f.Scrub),
	}
	if f.StatusCode > 299 {
		e.parse(f.Body)
		// What the framework of the server answers to a version that it does not have.
		e.noVersion = f.StatusCode == http.StatusBadRequest && strings.Contains(string(e.Body), "UnsupportedApiVersion")
	}
	if in, ok := errors.AsType[*transport.InputError](f.Err); ok {
		e.cause = FieldErrors{{Field: in.Field, Problem: in.Problem}}
	}
	if token, ok := errors.AsType[*tokenError](f.Err); ok {
		e.cause = token
	}
	return e
}

// beginning is the first limit bytes of s without credentials. One that the limit
// cuts in two would not be found in what is left of it: the text ends before it.
func beginning(s string, limit int, scrub func(string) string) string {
	if len(s) <= limit {
		return scrub(s)
	}
	cut, longer := scrub(s[:limit]), scrub(s[:min(len(s), limit+transport.MaxSecret)])
	same := 0
	for same < min(len(cut), len(longer)) && cut[same] == longer[same] {
		same++
	}
	return cut[:same]
}

// parse reads the error body. It cannot fail: whatever it does not understand
// stays in Body.
func (e *Error) parse(body []byte) {
	var fields struct {
		ErrorCode        any               `json:"ErrorCode"`
		Message          any               `json:"Message"`
		FailedOperations []json.RawMessage `json:"FailedOperations"`
		// Of problem details, which the framework underneath may send.
		Title  any                 `json:"title"`
		Errors map[string][]string `json:"errors"`
	}
	// A member of the wrong type must not cost the others.
	_ = json.Unmarshal(body, &fields)
	e.Code = e.scrub(text(fields.ErrorCode))
	if e.Message = text(fields.Message); e.Message == "" {
		e.Message = strings.TrimSpace(text(fields.Title) + " " + problems(fields.Errors))
	}
	for _, raw := range fields.FailedOperations {
		if string(raw) != "null" {
			e.FailedOperations = append(e.FailedOperations, FailedOperation{Reason: e.scrub(reason(raw)), Raw: e.scrubJSON(raw)})
		}
	}
	if plain := strings.TrimSpace(string(body)); e.Message == "" && plain != "" && plain != "null" && !strings.ContainsAny(plain[:1], "<{[") {
		e.Message = strings.ToValidUTF8(beginning(plain, 200, e.scrub), "")
	}
	e.Message = e.scrub(e.Message)
}

// scrubJSON takes credentials out of raw. If one stood there as a number, the rest
// is no JSON, and nothing of it is kept.
func (e *Error) scrubJSON(raw json.RawMessage) json.RawMessage {
	clean := e.scrub(string(raw))
	if !json.Valid([]byte(clean)) {
		clean = strconv.Quote("(hidden)")
	}
	return json.RawMessage(clean)
}

// reason is what a failed operation, an object or a bare text, says of itself.
func reason(operation json.RawMessage) string {
	var bare string
	if json.Unmarshal(operation, &bare) == nil {
		return bare
	}
	var op struct {
		Reason any `json:"Reason"`
	}
	_ = json.Unmarshal(operation, &op)
	return text(op.Reason)
}

// problems is what problem details say of the fields of a request, by name.
func problems(fields map[string][]string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		texts = append(texts, strings.Trim(name+": "+strings.Join(fields[name], " "), ": "))
	}
	return strings.Join(texts, "; ")
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// Error says what was attempted, what came back, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Path != "" && strings.Contains(e.Op, "{") {
		b.WriteString(" (" + show.Text(e.Path, maxShown) + ")")
	}
	b.WriteString(": ")
	b.WriteString(e.what())
	if e.CorrelationID != "" {
		b.WriteString(", correlation id " + show.Text(e.CorrelationID, 100))
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, ", after %d attempts", e.Attempts)
	}
	if advice := e.advice(); advice != "" {
		b.WriteString("; " + advice)
	}
	return b.String()
}

func (e *Error) what() string {
	switch e.reason {
	case transport.BadInput:
		return "not sent: " + e.why()
	case transport.NotJSON:
		if len(e.Body) == 0 {
			return fmt.Sprintf("%s without a body where JSON was expected", status(e.StatusCode))
		}
		return status(e.StatusCode) + " with a page where JSON was expected"
	case transport.Undecodable:
		return fmt.Sprintf("%s, but the answer cannot be decoded: %s", status(e.StatusCode), e.why())
	case transport.WrongAnswer:
		return fmt.Sprintf("%s, but the answer cannot be used: %s", status(e.StatusCode), e.why())
	default: // no answer, or one that is not a success
	}
	if e.cause != nil {
		if e.StatusCode >= 400 {
			return e.why() + ", the last answer was " + e.answer()
		}
		return e.why()
	}
	return e.answer()
}

// why is the cause as it may be shown: a certificate, a redirect or a proxy can put
// any text into it.
func (e *Error) why() string { return show.Text(e.hide(e.cause.Error()), maxCause) }

// hide takes credentials out of s. An Error that a program made knows of none.
func (e *Error) hide(s string) string {
	if e.scrub == nil {
		return s
	}
	return e.scrub(s)
}

// How much of the server's words an error text shows.
const (
	maxShown      = 400 // characters of one message
	maxCause      = 2000
	maxProblems   = 20
	maxOperations = 5
)

// answer is status, code and message of what came back.
func (e *Error) answer() string {
	parts := []string{status(e.StatusCode)}
	if e.Message != "" {
		parts[0] += ": " + show.Text(e.Message, maxShown)
	}
	for i, op := range e.FailedOperations {
		if i == maxOperations {
			parts = append(parts, fmt.Sprintf("and %d more", len(e.FailedOperations)-i))
			break
		}
		if op.Reason != "" {
			parts = append(parts, show.Text(op.Reason, maxShown))
		}
	}
	text := strings.Join(parts, "; ")
	if e.Code != "" {
		text += " [" + show.Text(e.Code, 40) + "]"
	}
	return text
}

func status(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

func (e *Error) advice() string {
	switch {
	case e.unknown:
		return "the write may or may not have been done, read before you repeat it"
	case e.reason == transport.NotJSON:
		return "a proxy or a login page may have answered, check the base URL and the credentials"
	case e.refused != "":
		return e.refused
	case e.Is(ErrUnauthorized):
		return "check the credentials"
	case e.noEndpoint:
		return e.whereTo()
	case e.noVersion:
		return "the server has no such version of this call; an older server has version 1 only"
	case e.StatusCode == http.StatusForbidden:
		return "the caller's roles lack the permission for this call"
	case e.StatusCode == http.StatusTooManyRequests && e.RetryAfter > 0:
		return fmt.Sprintf("the server asks to wait %v", e.RetryAfter)
	}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](e.cause); untrusted {
		return "check the host in the URL, and give a private CA with WithRootCAs (KEYFACTOR_CA_CERT, ca_cert_path)"
	}
	return ""
}

// whereTo says what to check after a 404 that is not about an object.
func (e *Error) whereTo() string {
	path := "/"
	if u, err := url.Parse(e.baseURL); err == nil && u.Path != "" {
		path = u.Path
	}
	s := fmt.Sprintf("this is not Command's own answer, so nothing is known of the object: check that the API path %q in %s is right", path, e.baseURL+e.Path)
	if e.ProductVersion != "" {
		s += fmt.Sprintf(", and that Command %s has this endpoint", show.Text(product(e.ProductVersion), 60))
	} else {
		s += ", and that the server's version has this endpoint"
	}
	return s
}

// product is a product version without the commit that some servers add.
func product(version string) string {
	number, _, _ := strings.Cut(version, "+")
	return number
}

// Unwrap returns what lies underneath: the context's error and cause, the
// network's error, the decoder's, or [FieldErrors].
func (e *Error) Unwrap() error { return e.cause }

// Is makes the sentinels of this package match.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrInvalid:
		return e.StatusCode == http.StatusBadRequest && !e.noVersion || e.reason == transport.BadInput
	case ErrUnauthorized:
		token, ok := errors.AsType[*tokenError](e.cause)
		return e.StatusCode == http.StatusUnauthorized || ok && !token.down
	case ErrForbidden:
		return e.StatusCode == http.StatusForbidden
	case ErrNotFound:
		return e.StatusCode == http.StatusNotFound && !e.noEndpoint
	case ErrNoEndpoint:
		return e.noEndpoint || e.noVersion
	case ErrConflict:
		return e.StatusCode == http.StatusConflict
	case ErrRateLimited:
		return e.StatusCode == http.StatusTooManyRequests
	case ErrServer:
		return e.StatusCode >= 500
	case ErrUnknownOutcome:
		return e.unknown
	case transport.ErrNoConn: // for this module
		return e.noConn
	case ErrNotJSON:
		return e.reason == transport.NotJSON
	case ErrWrongAnswer:
		ended := errors.Is(e.cause, context.Canceled) || errors.Is(e.cause, context.DeadlineExceeded) // while it was decoded
		return (e.reason == transport.Undecodable || e.reason == transport.WrongAnswer) && !ended
	}
	return false
}

// LogValue is what slog prints: everything but the body.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("op", e.Op),
		slog.String("path", e.Path),
		slog.Int("status", e.StatusCode),
		slog.String("code", e.Code),
		slog.String("correlation_id", e.CorrelationID),
		slog.Int("attempts", e.Attempts),
		slog.String("error", e.Error()),
	)
}

// hidden is err without a credential that its text quotes.
func hidden(err error, hide func(string) string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := hide(text); clean != text {
		return &hiddenError{clean, err}
	}
	return err
}

// hiddenError stands for an error that quotes a credential. It is found in errors.Is
// and errors.As, and not unwrapped: whoever prints a chain prints each of its errors.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string        { return e.text }
func (e *hiddenError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *hiddenError) As(target any) bool   { return errors.As(e.err, target) }

// tokenError is a token endpoint's refusal. It does not hold the body of the
// answer, which an identity provider may fill with anything.
type tokenError struct {
	text string
	down bool // it is the endpoint that does not work, not the credential
}

func (e *tokenError) Error() string { return e.text }

func newTokenError(err *oauth2.RetrieveError, hide func(string) string) *tokenError {
	s, down := "the token endpoint refused", false
	if err.Response != nil {
		code := err.Response.StatusCode
		if down = code >= 500 || code == http.StatusTooManyRequests; down {
			s = "the token endpoint failed"
		}
		s += " with " + status(code)
	}
	if err.ErrorCode != "" {
		s += ": " + err.ErrorCode
	}
	if err.ErrorDescription != "" {
		s += " (" + err.ErrorDescription + ")"
	}
	if hide != nil { // nil for a token source of the program
		s = hide(s)
	}
	return &tokenError{s, down}
}

// FieldError is one thing wrong with the input of a call.
type FieldError struct {
	Field   string // such as "Claims[2].Value"
	Problem string
}

// Error is "field: problem".
func (e FieldError) Error() string { return e.Field + ": " + e.Problem }

// FieldErrors is everything wrong with the input of a call. Get it from an
// error with errors.AsType[security.FieldErrors].
type FieldErrors []FieldError

// Error lists the problems in one line, the first 20 of them.
func (e FieldErrors) Error() string {
	var texts []string
	for i, f := range e {
		if i == maxProblems {
			texts = append(texts, fmt.Sprintf("and %d more", len(e)-i))
			break
		}
		texts = append(texts, show.Text(f.Error(), maxShown))
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the problems one by one.
func (e FieldErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, f := range e {
		errs[i] = f
	}
	return errs
}

// Is makes errors.Is(err, ErrInvalid) hold.
func (e FieldErrors) Is(target error) bool { return target == ErrInvalid }
