package security_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"

	"github.com/commandsec/commandsec-go/security"
)

// noPiece fails the test if as little as ten characters of secret are in text.
func noPiece(t *testing.T, what, text, secret string) {
	t.Helper()
	for i := 0; i+10 <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+10]) {
			t.Errorf("%s shows %q", what, secret[i:i+10])
			return
		}
	}
}

const longToken = "the.access-token_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// TestEchoThatIsCutOff: what is kept of a long text may end in the middle of the
// credential, which is then not found as a whole.
func TestEchoThatIsCutOff(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400} {
		for _, before := range []int{150, 199, 64<<10 - 40, 128<<10 - 40} {
			server := newScript(func(r *http.Request) (*http.Response, error) {
				return reply(status, strings.Repeat("x", before)+r.Header.Get("Authorization")+strings.Repeat("y", 1000))(r)
			})
			client, err := security.NewClient(baseURL, security.WithAccessToken(longToken), security.WithHTTPClient(&http.Client{Transport: server}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = do(t.Context(), client, get)
			e := failure(t, err)
			noPiece(t, fmt.Sprintf("%d after %d", status, before), err.Error()+e.Message+string(e.Body), longToken)
			if len(e.Body) < min(before, 64<<10-100) || len(e.Body) > 64<<10 {
				t.Errorf("%d after %d: %d bytes are kept", status, before, len(e.Body))
			}
		}
	}
}

// TestEchoOfARenewedCredential: the second one is hidden as well.
func TestEchoOfARenewedCredential(t *testing.T) {
	t.Parallel()
	n := 0
	var sent []string
	client, err := security.NewClient(baseURL, once, security.WithBasicAuthFunc(func(context.Context) (string, string, error) {
		n++
		return user, fmt.Sprintf("%d%d%d-%s", n, n, n, password), nil
	}), security.WithHTTPClient(&http.Client{Transport: newScript(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.Header.Get("Authorization"))
		return reply(401, strings.Join(sent, " "))(r)
	})}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(t.Context(), client, get)
	e := failure(t, err)
	if len(sent) != 2 || sent[0] == sent[1] {
		t.Fatalf("sent %q", sent)
	}
	for _, credential := range sent {
		noPiece(t, "the error", err.Error()+string(e.Body), strings.TrimPrefix(credential, "Basic "))
	}
}

// TestEchoInHeaders: Response tells headers, and not the credential.
func TestEchoInHeaders(t *testing.T) {
	t.Parallel()
	server := newScript(func(r *http.Request) (*http.Response, error) {
		sent := r.Header.Get("Authorization")
		return reply(200, `{"Id":1}`, "X-Keyfactor-Correlation-Id", sent, "X-Echo", "you sent "+sent)(r)
	})
	client, err := security.NewClient(baseURL, security.WithAccessToken(longToken), security.WithHTTPClient(&http.Client{Transport: server}))
	if err != nil {
		t.Fatal(err)
	}
	var response security.Response
	if _, err := do(t.Context(), client, get, security.WithResponse(&response)); err != nil {
		t.Fatal(err)
	}
	noPiece(t, "the response", fmt.Sprintf("%+v", response), longToken)
	if got := response.Header.Get("X-Echo"); got != "you sent Bearer (hidden)" {
		t.Errorf("the header is %q", got)
	}
}

// TestEchoInTheChain: whoever prints each error of a chain prints no credential, and
// the errors are still found.
func TestEchoInTheChain(t *testing.T) {
	t.Parallel()
	server := newScript(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("malformed HTTP response %q: %w", r.Header.Get("Authorization"), errReset)
	})
	client, err := security.NewClient(baseURL, once, security.WithAccessToken(longToken), security.WithHTTPClient(&http.Client{Transport: server}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(t.Context(), client, get)
	if !errors.Is(err, errReset) || !strings.Contains(err.Error(), "malformed") {
		t.Error(err)
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		noPiece(t, "the chain", inner.Error(), longToken)
	}
}

// TestEchoOfATokenEndpoint: what it answers can get into errors of packages below.
func TestEchoOfATokenEndpoint(t *testing.T) {
	t.Parallel()
	for name, issue := range map[string]func(int, *http.Request) (*http.Response, error){
		"a member of the wrong type": func(int, *http.Request) (*http.Response, error) {
			return httpmock.NewStringResponse(200, `{"access_token":"abc","expires_in":"`+clientSecret+`"}`), nil
		},
		"no HTTP": func(int, *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("malformed HTTP response %q: %w", clientSecret, errReset)
		},
	} {
		var log buffer
		p := &idp{issue: issue}
		_, err := do(t.Context(), p.client(t, security.WithLogger(debug(&log))), get)
		if err == nil || !strings.Contains(err.Error(), "(hidden)") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "no HTTP" && !errors.Is(err, errReset) {
			t.Errorf("%s: %v", name, err)
		}
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			noSecrets(t, inner.Error())
		}
		noSecrets(t, log.String())
	}
}

// TestErrorWithAHiddenNumber: a credential of digits, which was echoed as a number.
func TestErrorWithAHiddenNumber(t *testing.T) {
	t.Parallel()
	client, err := security.NewClient(baseURL, security.WithBasicAuth(user, "20261129"), security.WithHTTPClient(&http.Client{
		Transport: newScript(reply(400, `{"FailedOperations":[{"Id":20261129,"Reason":"no"}]}`)),
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(t.Context(), client, get)
	raw, problem := json.Marshal(err)
	if problem != nil || strings.Contains(string(raw), "20261129") {
		t.Errorf("%s, %v", raw, problem)
	}
}

// TestTransportWithoutABody: other transports than net/http's leave it out.
func TestTransportWithoutABody(t *testing.T) {
	t.Parallel()
	for _, status := range []int{101, 200, 401, 404, 503} {
		n := 0
		client, err := security.NewClient(baseURL, once, security.WithBasicAuthFunc(func(context.Context) (string, string, error) {
			n++
			return user, fmt.Sprint("password", n), nil
		}), security.WithHTTPClient(&http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status}, nil
		})}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := do(t.Context(), client, get); err == nil {
			t.Errorf("%d without a body is a success", status)
		}
	}
}

// TestAuditOfAPanic: the program's own code can end a call, and the write is told.
func TestAuditOfAPanic(t *testing.T) {
	t.Parallel()
	var told []security.AuditRecord
	client := newClient(t, newScript(ok), security.WithAudit(func(_ context.Context, r security.AuditRecord) { told = append(told, r) }),
		security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				_, _ = next.RoundTrip(r)
				panic("a middleware that is wrong")
			})
		}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is swallowed")
			}
		}()
		_, _ = do(t.Context(), client, post)
	}()
	if len(told) != 1 || told[0].Outcome != security.AuditUnknown || told[0].Err == nil || told[0].Operation.Attempt != 1 {
		t.Errorf("told %+v", told)
	}
}

// TestSignedIdempotencyKey: net/http would send a POST again by itself.
func TestSignedIdempotencyKey(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		server := newScript(ok)
		client, err := security.NewClient(baseURL, security.WithHTTPClient(&http.Client{Transport: server}), security.WithAuthorization(func(r *http.Request) error {
			r.Header.Set("Authorization", "Negotiate abc")
			r.Header.Set(name, "1")
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = do(t.Context(), client, post)
		if err == nil || errors.Is(err, security.ErrUnknownOutcome) || !strings.Contains(err.Error(), "Idempotency-Key") || len(server.all()) != 0 {
			t.Errorf("%s: after %d requests: %v", name, len(server.all()), err)
		}
		if _, err := do(t.Context(), client, put); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := do(t.Context(), client, post, security.WithReplay()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHugeHeader: what a header holds takes memory and work, and no context ends it.
func TestHugeHeader(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Keyfactor-Correlation-Id", strings.Repeat("e", 2<<20))
		write(w, 200, jsonText, `{"Id":1}`)
	})
	_, err := do(t.Context(), connect(t, s.URL, s.roots(), once, security.WithAccessToken(longToken)), get)
	if err == nil || !strings.Contains(err.Error(), "headers exceeded") {
		t.Error(err)
	}
}

// TestLargeListWithMoreAfterIt: it is decoded item by item, and nothing may follow it,
// as for a small one.
func TestLargeListWithMoreAfterIt(t *testing.T) {
	t.Parallel()
	list := "[" + strings.TrimSuffix(strings.Repeat(`{"Id":1,"Name":"one"},`, 6000), ",") + "]"
	for after, good := range map[string]bool{"": true, " \n": true, "]": false, "}": false, " []": false, "x": false} {
		var items []object
		err := newClient(t, newScript(reply(200, list+after))).Do(t.Context(), get, "Things", 1, nil, &items)
		if (err == nil) != good || good && len(items) != 6000 {
			t.Errorf("%q after the list: %d items, %v", after, len(items), err)
		}
	}
}

// TestTooLargeIsNotRead: what is known to be too large may never come.
func TestTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	body := &unread{t: t}
	client := newClient(t, tripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, ContentLength: 1 << 40, Body: body}, nil
	}))
	if _, err := do(t.Context(), client, get); err == nil || !strings.Contains(err.Error(), "larger than") || !body.closed {
		t.Errorf("%v, closed %t", err, body.closed)
	}
}

// unread is a body that nobody should read before it is closed.
type unread struct {
	t      *testing.T
	closed bool
}

func (u *unread) Read([]byte) (int, error) {
	if !u.closed {
		u.t.Error("the body is read")
	}
	return 0, io.EOF
}

func (u *unread) Close() error {
	u.closed = true
	return nil
}
