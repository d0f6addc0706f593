package apitest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a test that remembers its failures and clean-ups.
type recorder struct {
	testing.TB
	failures []string
	cleanups []func()
}

func (r *recorder) Helper()           {}
func (r *recorder) Cleanup(f func())  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Error(args ...any) { r.failures = append(r.failures, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(f, args...))
}

// TestExchangesAreChecked: what is wrong with a request must not pass.
func TestExchangesAreChecked(t *testing.T) {
	t.Parallel()
	right := apitest.Exchange{
		Method: http.MethodPut, Path: "/Things/5", Query: "b=2&a=1", Version: 2, Body: `{"A":1,"B":[]}`,
		Header: http.Header{"X-Total-Count": {"7"}}, Answer: `{"Id":5}`,
	}
	send := func(c *security.Client) (int, error) {
		var (
			out struct{ ID int }
			r   security.Response
		)
		err := c.Do(context.Background(), http.MethodPut, "Things/5?a=1&b=2", 2, map[string]any{"B": []int{}, "A": 1}, &out, security.WithResponse(&r))
		return out.ID*100 + r.Total, err
	}
	for name, tc := range map[string]struct {
		change func(*apitest.Exchange)
		times  int
		fails  string // "" = it passes
	}{
		"right":         {func(*apitest.Exchange) {}, 1, ""},
		"method":        {func(e *apitest.Exchange) { e.Method = http.MethodPost }, 1, "request is PUT /Things/5, want POST"},
		"path":          {func(e *apitest.Exchange) { e.Path = "/Things/6" }, 1, "request is PUT /Things/5"},
		"query missing": {func(e *apitest.Exchange) { e.Query = "a=1" }, 1, "query is"},
		"query more":    {func(e *apitest.Exchange) { e.Query += "&c=3" }, 1, "query is"},
		"version":       {func(e *apitest.Exchange) { e.Version = 1 }, 1, "x-keyfactor-api-version"},
		"body":          {func(e *apitest.Exchange) { e.Body = `{"A":1}` }, 1, "JSON is"},
		"no body":       {func(e *apitest.Exchange) { e.Body = "" }, 1, "Content-Type"},
		"not sent":      {func(*apitest.Exchange) {}, 0, "PUT /Things/5 was not sent"},
		"sent twice":    {func(*apitest.Exchange) {}, 2, "unexpected request PUT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := right
			tc.change(&e)
			r := &recorder{TB: t}
			client := apitest.Client(r, e)
			for i := range tc.times {
				if got, err := send(client); i == 0 && (got != 507 || err != nil) {
					t.Errorf("the answer is %d, %v", got, err)
				}
			}
			for _, f := range r.cleanups {
				f()
			}
			all := strings.Join(r.failures, "\n")
			if (all == "") != (tc.fails == "") || !strings.Contains(all, tc.fails) {
				t.Errorf("the failures are %q, want %q", all, tc.fails)
			}
		})
	}
}

func TestSameJSON(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{``, ``, true},
		{`{"a":1,"b":[1,2]}`, ` {"b":[1,2], "a":1.0}`, true},
		{`null`, `null`, true},
		{`{"a":null}`, `{}`, false},
		{`[]`, `null`, false},
		{`[1,2]`, `[2,1]`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`{"a":1}`, ``, false},
		{``, `{}`, false},
		{`{`, `{}`, false},
		{`{"a":1}`, `{"A":1}`, false},
	} {
		r := &recorder{TB: t}
		apitest.SameJSON(r, tc.a, tc.b)
		if same := len(r.failures) == 0; same != tc.same {
			t.Errorf("%s and %s: same is %t", tc.a, tc.b, same)
		}
	}
}
