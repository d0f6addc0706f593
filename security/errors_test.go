package security_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/security"
)

// FuzzErrorBody: whatever a server sends with a status that is no success, the
// call fails with an *Error that knows the status, and nothing panics.
func FuzzErrorBody(f *testing.F) {
	for _, body := range []string{
		"", "null", "{", "<html>", `{"ErrorCode":"0xA011004A","Message":"Invalid sort field: Id."}`, `{"ErrorCode":{"a":[1]},"Message":[null]}`,
		`{"FailedOperations":[null,{"Reason":null},{"Reason":5},"x"]}`, `{"FailedOperations":{"Reason":"x"}}`, `[{"Message":"x"}]`, `"text"`, "\xff\xfe{", "text\x00",
		`{"title":"t","errors":{"Name":["too long"]}}`, strings.Repeat("[", 20000), "\ufeff{}",
	} {
		for _, status := range []int{300, 302, 400, 401, 404, 500} {
			f.Add(status, body, "5")
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		status = 300 + (status%300+300)%300 // of any number, a status that is an error
		server := newScript(reply(status, body, "Retry-After", retryAfter, "X-Keyfactor-Correlation-Id", "c0ffee"))
		client := newClient(t, server, security.WithRetry(security.Retry{MaxAttempts: 1}))
		for _, method := range []string{get, put} {
			out, err := do(t.Context(), client, method)
			e, ok := errors.AsType[*security.Error](err)
			if !ok {
				t.Fatalf("%d %q gives %v (%T)", status, body, err, err)
			}
			if e.StatusCode != status || e.CorrelationID != "c0ffee" || string(e.Body) != body[:min(len(body), 64<<10)] || e.RetryAfter < 0 || out != (object{}) {
				t.Fatalf("%d %q gives %+v", status, body, e)
			}
			if e.Error() == "" || !strings.Contains(e.Error(), method+" /Security/Roles/1") {
				t.Fatalf("%d %q has the text %q", status, body, e.Error())
			}
			_ = e.LogValue()
		}
	})
}

// TestZeroError: an Error that a test makes by hand must not panic.
func TestZeroError(t *testing.T) {
	t.Parallel()
	e := &security.Error{}
	_ = e.Error()
	_ = e.LogValue()
	sentinels(t, e)
	if e.Unwrap() != nil {
		t.Error("there is something underneath")
	}
	sentinels(t, &security.Error{StatusCode: http.StatusNotFound}, security.ErrNotFound)
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method string
		answer answer
		want   []string // parts of the text
	}{
		"forbidden":     {get, reply(403, ""), []string{"GET /Security/Roles/1, version 1", "403 Forbidden", "permission"}},
		"unauthorized":  {get, reply(401, "<html>"), []string{"401 Unauthorized", "credentials"}},
		"page":          {get, reply(200, "<html>"), []string{"200 OK", "JSON", "base URL"}},
		"empty":         {get, reply(200, ""), []string{"200 OK", "without a body"}},
		"limited":       {get, reply(429, "", "Retry-After", "120"), []string{"429 Too Many Requests", "2m0s"}},
		"unknown":       {post, broken(errReset), []string{"connection reset", "may or may not", "read before"}},
		"not decodable": {get, reply(200, `{"Id":"x"}`), []string{"200 OK", "cannot be decoded"}},
	} {
		_, err := do(t.Context(), newClient(t, newScript(tc.answer), security.WithRetry(security.Retry{MaxAttempts: 1})), tc.method)
		for _, part := range tc.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v does not say %q", name, err, part)
			}
		}
	}
}

func TestErrorAsLogged(t *testing.T) {
	t.Parallel()
	var log buffer
	_, err := do(t.Context(), newClient(t, newScript(reply(404, `{"ErrorCode":"0xA0110002","Message":"no such role"}`))), get)
	slog.New(slog.NewTextHandler(&log, nil)).Error("x", "error", err)
	for _, part := range []string{"error.status=404", "error.code=0xA0110002", "error.attempts=1", "error.path=/Security/Roles/1"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%s does not contain %s", log.String(), part)
		}
	}
}

// TestDeadlineOfTheCallerAgainstTheTimeoutOfAnAttempt: which of the two it was
// must be seen.
func TestDeadlineOfTheCallerAgainstTheTimeoutOfAnAttempt(t *testing.T) {
	t.Parallel()
	one := security.WithRetry(security.Retry{MaxAttempts: 1})
	_, err := do(t.Context(), newClient(t, newScript(hang), one, security.WithTimeout(10*time.Millisecond)), get)
	if !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("timeout of an attempt: %v", err)
	}
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v is not a timeout", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = do(ctx, newClient(t, newScript(hang), one), get)
	if strings.Contains(err.Error(), "no answer in time") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline of the caller: %v", err)
	}
}

// TestUnreachableServer: Go's own errors tell why, as docs/reliability.md says.
func TestUnreachableServer(t *testing.T) {
	t.Parallel()
	certificates := newServer(t, nil)
	for name, tt := range map[string]struct {
		url string
		is  func(error) bool
	}{
		"nobody listens": {"https://" + refused(t), func(err error) bool { _, ok := errors.AsType[*net.OpError](err); return ok }},
		"no such name":   {"https://command.invalid", func(err error) bool { _, ok := errors.AsType[*net.DNSError](err); return ok }},
		"not trusted": {certificates.URL, func(err error) bool {
			_, ok := errors.AsType[*tls.CertificateVerificationError](err)
			return ok && strings.Contains(err.Error(), "give a private CA with WithRootCAs (KEYFACTOR_CA_CERT, ca_cert_path)")
		}},
	} {
		_, err := do(t.Context(), connect(t, tt.url, security.WithBasicAuth(user, password), quick), post)
		if e := failure(t, err); !tt.is(err) || e.StatusCode != 0 || errors.Is(err, security.ErrUnknownOutcome) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
