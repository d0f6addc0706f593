package security_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// promises is the document whose tables TestReliability follows row by row.
const promises = "../docs/reliability.md"

// row is what the document says of one failure.
type row struct {
	line  int
	cells map[string]string // by the head of their column
}

// The columns of the tables that a test reads. The others are for people.
const (
	colFailure = "Failure"
	colError   = "The error is"
	colMessage = "It says"
)

// methods are the columns of a table of calls.
var methods = []string{get, put, del, post}

// promised reads the tables whose first column is called Failure.
func promised(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile(promises)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	var head []string
	for i, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "|") {
			head = nil
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		switch {
		case head == nil:
			head = cells
		case head[0] != colFailure || strings.HasPrefix(cells[0], "---"):
		case len(cells) != len(head):
			t.Errorf("%s:%d: %d cells below %d headings", promises, i+1, len(cells), len(head))
		default:
			r := row{line: i + 1, cells: map[string]string{}}
			for n, cell := range cells {
				r.cells[head[n]] = cell
			}
			if other, ok := rows[cells[0]]; ok {
				t.Errorf("%s:%d: %q is in line %d already", promises, i+1, cells[0], other.line)
			}
			rows[cells[0]] = r
		}
	}
	return rows
}

// quoted are the parts of a cell between backticks.
func quoted(cell string) []string {
	var parts []string
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			parts = append(parts, part)
		}
	}
	return parts
}

// only is what a cell says of a method. Of parts between semicolons, those that begin
// with a method and a colon are about that one.
func only(method, cell string) string {
	general := ""
	for part := range strings.SplitSeq(cell, ";") {
		name, text, ok := strings.Cut(part, ":")
		switch {
		case !ok || !slices.Contains(methods, strings.TrimSpace(name)):
			general = part
		case strings.TrimSpace(name) == method:
			return text
		}
	}
	return general
}

// outcomes are the errors that programs ask for, as the document names them.
var outcomes = map[string]error{
	"ErrInvalid": security.ErrInvalid, "ErrUnauthorized": security.ErrUnauthorized, "ErrForbidden": security.ErrForbidden,
	"ErrNotFound": security.ErrNotFound, "ErrNoEndpoint": security.ErrNoEndpoint, "ErrConflict": security.ErrConflict,
	"ErrRateLimited": security.ErrRateLimited, "ErrServer": security.ErrServer, "ErrUnknownOutcome": security.ErrUnknownOutcome,
	"ErrNotJSON": security.ErrNotJSON, "ErrWrongAnswer": security.ErrWrongAnswer, "ErrListChanged": security.ErrListChanged, "ErrNotAttempted": security.ErrNotAttempted,
	"context.Canceled": context.Canceled, "context.DeadlineExceeded": context.DeadlineExceeded,
}

// kinds are the names of the outcomes that err is.
func kinds(err error) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		if errors.Is(err, outcomes[name]) {
			names = append(names, name)
		}
	}
	return names
}

// attempt makes a call of each method, as programs do.
var attempt = map[string]func(context.Context, *security.Client, ...security.CallOption) error{
	get: func(ctx context.Context, c *security.Client, call ...security.CallOption) error {
		_, err := roles.NewV2(c).Get(ctx, 1, call...)
		return err
	},
	put: func(ctx context.Context, c *security.Client, call ...security.CallOption) error {
		_, err := roles.NewV2(c).Update(ctx, roles.UpdateV2{ID: 1, Name: "Ops", Description: "d", PermissionSetID: permissionsets.GlobalID}, call...)
		return err
	},
	del: func(ctx context.Context, c *security.Client, call ...security.CallOption) error {
		return roles.NewV2(c).Delete(ctx, 1, call...)
	},
	post: func(ctx context.Context, c *security.Client, call ...security.CallOption) error {
		_, err := roles.NewV2(c).Create(ctx, roles.CreateV2{Name: "Ops", Description: "d"}, call...)
		return err
	},
}

// TestReliability makes every failure of docs/reliability.md happen, and compares
// what comes of it with what the document says.
func TestReliability(t *testing.T) {
	t.Parallel()
	rows := promised(t)
	if len(rows) < 80 {
		t.Errorf("%s has %d rows in tables that begin with %q", promises, len(rows), colFailure)
	}
	for name, r := range rows {
		_, single := r.cells[get]
		_, ok := callScenarios[name]
		if !single {
			_, ok = changeScenarios[name]
		}
		if !ok {
			t.Errorf("%s:%d: no scenario for %q: add one with this name to security/reliability_scenarios_test.go", promises, r.line, name)
		}
	}
	for name, s := range callScenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.check(t, name, rows[name])
		})
	}
	for name, run := range changeScenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run(t)
			r, ok := rows[name]
			if !ok {
				t.Fatalf("%s has no row for this scenario: add\n| %s | ... | `%s` | `%v` | ... |\nif that is how it should be", promises, name, strings.Join(kinds(err), "`, `"), err)
			}
			r.compare(t, err)
		})
	}
}

// compare fails the test if an error is not as the document says.
func (r row) compare(t *testing.T, err error) {
	t.Helper()
	if got, want := kinds(err), quoted(r.cells[colError]); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("%s:%d: the error is %v, and the document says %v: %v", promises, r.line, got, want, err)
	}
	for _, part := range quoted(r.cells[colMessage]) {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s:%d: the document says %q, and the error is: %v", promises, r.line, part, err)
		}
	}
}

// callScenario is a failure that single calls meet.
type callScenario struct {
	client  func(t *testing.T) *security.Client
	http2   func(t *testing.T) *security.Client // likewise in HTTP/2; nil if that makes no difference
	ctx     func(t *testing.T) context.Context  // nil for one that does not end
	options []security.CallOption
	virtual bool // no sockets: it runs in a bubble with a clock of its own
}

// check makes a call of each method.
func (s callScenario) check(t *testing.T, name string, r row) {
	t.Helper()
	for _, client := range []func(*testing.T) *security.Client{s.client, s.http2} {
		if client == nil {
			continue
		}
		observed := map[string]string{}
		for method, result := range s.results(t, client) {
			err := result.err
			observed[method] = outcomeOf(t, err, result.answer)
			if r.cells == nil {
				t.Logf("%s: %v: %v", method, kinds(err), err)
				continue
			}
			if got, want := observed[method], r.cells[method]; got != want {
				t.Errorf("%s:%d: %s comes to %q, and the document says %q: %v", promises, r.line, method, got, want, err)
			}
			if err == nil {
				continue
			}
			want := row{line: r.line, cells: maps.Clone(r.cells)}
			want.cells[colError] = only(method, r.cells[colError])
			if errors.Is(err, security.ErrUnknownOutcome) {
				want.cells[colError] += " `ErrUnknownOutcome`" // which the mark of the attempts says
			}
			want.compare(t, err)
		}
		if r.cells == nil {
			t.Errorf("%s has no row for this scenario: add\n| %s | %s | %s | %s | %s | ... |\nif that is how it should be (go test -v shows the errors)",
				promises, name, observed[get], observed[put], observed[del], observed[post])
		}
	}
}

// result is what became of a call.
type result struct {
	err    error
	answer security.Response
}

// results makes a call of each method, at the same time: some of them wait.
func (s callScenario) results(t *testing.T, client func(*testing.T) *security.Client) map[string]*result {
	t.Helper()
	results := map[string]*result{}
	var calls sync.WaitGroup
	for _, method := range methods {
		r := &result{}
		results[method] = r
		call := func(t *testing.T, c *security.Client) {
			t.Helper()
			ctx := t.Context()
			if s.ctx != nil {
				ctx = s.ctx(t)
			}
			r.err = attempt[method](ctx, c, append(slices.Clone(s.options), security.WithResponse(&r.answer))...)
		}
		if s.virtual {
			synctest.Test(t, func(t *testing.T) { call(t, client(t)) })
			continue
		}
		c := client(t)
		calls.Go(func() { call(t, c) })
	}
	calls.Wait()
	return results
}

// outcomeOf writes what became of a call as the document does: ok, the attempts, and
// a question mark if the outcome is unknown.
func outcomeOf(t *testing.T, err error, answer security.Response) string {
	t.Helper()
	if err == nil {
		if answer.Attempts == 1 {
			return "ok"
		}
		return fmt.Sprintf("ok %d", answer.Attempts)
	}
	text := strconv.Itoa(failure(t, err).Attempts)
	if errors.Is(err, security.ErrUnknownOutcome) {
		text += " ?"
	}
	return text
}

// socket is a scenario of a server with TLS, in HTTP/1.1.
func socket(handler http.HandlerFunc, opts ...security.Option) callScenario {
	return callScenario{client: func(t *testing.T) *security.Client { return newServer(t, handler).client(t, opts...) }}
}

// sockets is likewise, in HTTP/1.1 and in HTTP/2. The first call finds a connection,
// so that the time of those that wait is not spent on making one.
func sockets(handler http.HandlerFunc, opts ...security.Option) callScenario {
	connected := func(configure ...func(*httptest.Server)) func(t *testing.T) *security.Client {
		return func(t *testing.T) *security.Client {
			client := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/Status/HealthCheck") {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				handler(w, r)
			}, configure...).client(t, opts...)
			if err := client.HealthCheck(t.Context()); err != nil {
				t.Error(err)
			}
			return client
		}
	}
	return callScenario{client: connected(), http2: connected(func(s *httptest.Server) { s.EnableHTTP2 = true })}
}

// scripted is a scenario of answers without a socket.
func scripted(answers ...answer) callScenario {
	return callScenario{virtual: true, client: func(t *testing.T) *security.Client { return newClient(t, newScript(answers...)) }}
}
