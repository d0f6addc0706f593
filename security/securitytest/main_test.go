package securitytest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const globalSet = "099c05f0-deba-4562-a5b1-f491e19c0749"

// api drives a server with plain HTTP and literal JSON.
type api struct {
	t      *testing.T
	server *securitytest.Server
	// authorization is the header that is sent; empty for none.
	authorization string
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
	// chunked answers did not tell their length.
	chunked bool
}

// start starts a server that lives as long as the test, and signs in as the administrator.
func start(t *testing.T, opts ...securitytest.Option) *api {
	t.Helper()
	server := securitytest.Start(t, opts...)
	return (&api{t: t, server: server}).as(server.Username, server.Password)
}

// as signs in as another user.
func (a *api) as(user, password string) *api {
	return a.with("Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

// bearer signs in with a token.
func (a *api) bearer(token string) *api { return a.with("Bearer " + token) }

func (a *api) with(authorization string) *api {
	other := *a
	other.authorization = authorization
	return &other
}

// request makes a request that has everything it needs.
func (a *api) request(method, path string, version int, body string) *http.Request {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.server.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("x-keyfactor-requested-with", "APIClient")
	req.Header.Set("x-keyfactor-api-version", strconv.Itoa(version))
	req.Header.Set("Accept", "application/json")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.authorization != "" {
		req.Header.Set("Authorization", a.authorization)
	}
	return req
}

// observe sees every exchange.
var observe = func(*testing.T, *http.Request, string, answer) {}

func (a *api) send(req *http.Request, body string) answer {
	a.t.Helper()
	resp, err := a.server.HTTPClient().Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	received, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	got := answer{a.t, resp.StatusCode, resp.Header, string(received), slices.Contains(resp.TransferEncoding, "chunked")}
	observe(a.t, req, body, got)
	return got
}

func (a *api) do(method, path string, version int, body string) answer {
	a.t.Helper()
	return a.send(a.request(method, path, version, body), body)
}

func (a *api) get(path string, version int) answer {
	a.t.Helper()
	return a.do(http.MethodGet, path, version, "")
}

func (a *api) post(path string, version int, body string) answer {
	a.t.Helper()
	return a.do(http.MethodPost, path, version, body)
}

func (a *api) put(path string, version int, body string) answer {
	a.t.Helper()
	return a.do(http.MethodPut, path, version, body)
}

func (a *api) delete(path string) answer {
	a.t.Helper()
	return a.do(http.MethodDelete, path, 1, "")
}

// is checks the status and the exact body.
func (got answer) is(status int, body string) answer {
	got.t.Helper()
	if got.status != status || got.body != body {
		got.t.Errorf("got %d %s\nwant %d %s", got.status, got.body, status, body)
	}
	return got
}

// total checks the number of items on all pages.
func (got answer) total(count string) answer {
	got.t.Helper()
	if told := got.header.Get("X-Total-Count"); told != count {
		got.t.Errorf("X-Total-Count %q, want %s", told, count)
	}
	return got
}

// like checks the status and what the body means.
func (got answer) like(status int, body string) answer {
	got.t.Helper()
	var gotValue, wantValue any
	if err := json.Unmarshal([]byte(body), &wantValue); err != nil {
		got.t.Fatalf("the expected body: %v", err)
	}
	if err := json.Unmarshal([]byte(got.body), &gotValue); err != nil || got.status != status || !reflect.DeepEqual(gotValue, wantValue) {
		got.t.Errorf("got %d %s\nwant %d %s", got.status, got.body, status, body)
	}
	return got
}

// ok checks that there was no error.
func (got answer) ok() answer {
	got.t.Helper()
	if got.status != http.StatusOK && got.status != http.StatusNoContent {
		got.t.Fatalf("got %d %s", got.status, got.body)
	}
	return got
}

// noEndpoint checks for the 404 of a web server that has no route there.
func (got answer) noEndpoint() {
	got.t.Helper()
	if got.status != http.StatusNotFound || !strings.HasPrefix(got.body, "<!DOCTYPE html>") {
		got.t.Errorf("got %d %s, want 404 and a page", got.status, got.body)
	}
}

// refused checks for an error body with this status.
func (got answer) refused(status int) answer {
	got.t.Helper()
	var body struct {
		ErrorCode string `json:"ErrorCode"`
		Message   string `json:"Message"`
	}
	err := json.Unmarshal([]byte(got.body), &body)
	if got.status != status || err != nil || body.Message == "" || !strings.HasPrefix(body.ErrorCode, "0xA011") {
		got.t.Errorf("got %d %s, want %d and an error body", got.status, got.body, status)
	}
	return got
}

// decode reads the body.
func decode[T any](got answer) T {
	got.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		got.t.Fatalf("%v in %s", err, got.body)
	}
	return v
}

// column is one member of each item of a list.
func (got answer) column(name string) []any {
	got.t.Helper()
	var result []any
	for _, item := range decode[[]map[string]any](got.ok()) {
		result = append(result, item[name])
	}
	return result
}
