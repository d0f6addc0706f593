// Package apitest helps to test services against the API's own words: what a
// call must send, to the letter, and what the server answers.
package apitest

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/commandsec/commandsec-go/internal/spec"
	"github.com/commandsec/commandsec-go/security"
)

// BaseURL is the base URL of mocked clients. It has a path, so that a service
// that forgets it fails.
const BaseURL = "https://command.example.com/Keyfactor/API"

// Exchange is one request that must arrive, and its answer.
type Exchange struct {
	Method  string
	Path    string // below the API path, such as "/Security/Roles/5"
	Query   string // all of it, in any order: "ReturnLimit=5&SortField=Name"
	Version int
	Body    string // JSON, compared by meaning; "" for none

	Status int // 200 by default
	Header http.Header
	Answer string
}

// Client returns a client that may send the exchanges, each once and in this
// order, and nothing else. The test fails if one does not happen. What it sends
// counts as tested for [Main].
func Client(t testing.TB, exchanges ...Exchange) *security.Client {
	t.Helper()
	var (
		mu   sync.Mutex
		next int
	)
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(exchanges) {
			t.Errorf("unexpected request %s %s", r.Method, r.URL)
			return httpmock.NewStringResponse(http.StatusTeapot, ""), nil
		}
		e := exchanges[next]
		next++
		e.check(t, r)
		if op, ok := security.OperationFromContext(r.Context()); ok {
			exchanged.Store(op.String(), true)
		}
		return e.response(r), nil
	})
	t.Cleanup(func() {
		for _, e := range exchanges[next:] {
			t.Errorf("%s %s was not sent", e.Method, e.Path)
		}
	})
	return NewClient(t, mock)
}

// NewClient returns a client that sends through rt and hardly waits between
// attempts.
func NewClient(t testing.TB, rt http.RoundTripper, opts ...security.Option) *security.Client {
	t.Helper()
	client, err := security.NewClient(BaseURL, append([]security.Option{
		security.WithBasicAuth(`KEYEXAMPLE\tester`, "not-a-secret"),
		security.WithHTTPClient(&http.Client{Transport: rt}),
		security.WithRetry(security.Retry{MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (e Exchange) check(t testing.TB, r *http.Request) {
	t.Helper()
	base, _ := url.Parse(BaseURL)
	if got := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), base.Path); got != e.Method+" "+e.Path {
		t.Errorf("request is %s, want %s %s", got, e.Method, e.Path)
	}
	want, err := url.ParseQuery(e.Query)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.URL.Query(); !reflect.DeepEqual(got, want) {
		t.Errorf("%s %s: query is %v, want %v", e.Method, e.Path, got, want)
	}
	headers := map[string]string{
		"x-keyfactor-requested-with": "APIClient",
		"x-keyfactor-api-version":    strconv.Itoa(e.Version),
		"Accept":                     "application/json",
		"Authorization":              "Basic S0VZRVhBTVBMRVx0ZXN0ZXI6bm90LWEtc2VjcmV0",
		"Content-Type":               "",
	}
	if e.Body != "" {
		headers["Content-Type"] = "application/json"
	}
	for name, want := range headers {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s %s: header %s is %q, want %q", e.Method, e.Path, name, got, want)
		}
	}
	var body []byte
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
	}
	SameJSON(t, string(body), e.Body)
	if _, err := spec.CheckRequest(r, base.Path, body); err != nil && !errors.Is(err, spec.ErrUndescribed) {
		t.Error(err)
	}
}

func (e Exchange) response(r *http.Request) *http.Response {
	status := e.Status
	if status == 0 {
		status = http.StatusOK
	}
	resp := httpmock.NewStringResponse(status, e.Answer)
	resp.Request = r
	if e.Answer != "" {
		resp.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	maps.Copy(resp.Header, e.Header)
	return resp
}

// SameJSON fails the test if two JSON texts differ in meaning.
func SameJSON(t testing.TB, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	var g, w any
	if json.Unmarshal([]byte(got), &g) != nil || json.Unmarshal([]byte(want), &w) != nil || !reflect.DeepEqual(g, w) {
		t.Errorf("JSON is\n%s\nwant\n%s", got, want)
	}
}

// Fixture reads a file of testdata: the API's own words.
func Fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}
