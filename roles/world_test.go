package roles_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// world is a server with one role, number 5, in memory: no network stands in the way
// of virtual time. Requests can be answered in another way, see on.
type world struct {
	t     *testing.T
	begin time.Time

	mu     sync.Mutex
	role   worldRole
	log    []string // "GET 0s", "PUT 1s": method and time of each request
	script map[int]func(*http.Request, func() *http.Response) (*http.Response, error)
	read   func(text string) string          // changes what a GET answers
	delay  time.Duration                     // of every answer
	travel func(*http.Request) time.Duration // how long a request takes to arrive
	busy   func()                            // another program, before each GET after the first
}

// worldRole is the role as the server shows it.
type worldRole struct {
	ID              int          `json:"Id"`
	Name            string       `json:"Name"`
	Description     string       `json:"Description"`
	EmailAddress    *string      `json:"EmailAddress"`
	Immutable       bool         `json:"Immutable"`
	PermissionSetID string       `json:"PermissionSetId"`
	Permissions     []string     `json:"Permissions"`
	Claims          []worldClaim `json:"Claims"`
}

type worldClaim struct {
	ID          int            `json:"Id"`
	Description string         `json:"Description"`
	ClaimType   int            `json:"ClaimType"`
	ClaimValue  string         `json:"ClaimValue"`
	Provider    map[string]any `json:"Provider"`
}

// newWorld makes a world in which the role holds OAuth roles with these values.
func newWorld(t *testing.T, holders ...string) *world {
	t.Helper()
	w := &world{
		t: t, begin: time.Now(), script: map[int]func(*http.Request, func() *http.Response) (*http.Response, error){},
		role: worldRole{
			ID: 5, Name: "Operators", Description: "Ops", PermissionSetID: permissionsets.GlobalID,
			Permissions: []string{"/portal/read/"}, Claims: []worldClaim{},
		},
	}
	for _, value := range holders {
		w.role.Claims = append(w.role.Claims, oauth(value))
	}
	return w
}

func oauth(value string) worldClaim {
	return worldClaim{ID: 9, Description: value, ClaimType: 4, ClaimValue: value, Provider: map[string]any{"AuthenticationScheme": "System"}}
}

func adGroup(value string) worldClaim {
	return worldClaim{ID: 9, Description: "d", ClaimType: 1, ClaimValue: value, Provider: map[string]any{"AuthenticationScheme": "Active Directory"}}
}

// service makes a program of its own: another client.
func (w *world) service(opts ...security.Option) *roles.V2 {
	patience := security.WithRetry(security.Retry{MaxAttempts: 3, MinWait: time.Second, MaxWait: 4 * time.Second})
	return roles.NewV2(apitest.NewClient(w.t, w, append([]security.Option{patience}, opts...)...))
}

// on answers request number n (1 is the first) in another way. do is what the
// server would do.
func (w *world) on(n int, answer func(r *http.Request, do func() *http.Response) (*http.Response, error)) {
	w.script[n] = answer
}

// status answers with a status, and with done does first what was asked for.
func status(code int, done bool) func(*http.Request, func() *http.Response) (*http.Response, error) {
	return func(r *http.Request, do func() *http.Response) (*http.Response, error) {
		if done {
			do()
		}
		return response(r, code, `{"ErrorCode":"0xA0110000","Message":"made up"}`), nil
	}
}

// lost loses the answer, and with done does first what was asked for.
func lost(done bool) func(*http.Request, func() *http.Response) (*http.Response, error) {
	return func(_ *http.Request, do func() *http.Response) (*http.Response, error) {
		if done {
			do()
		}
		return nil, errors.New("connection reset")
	}
}

func response(r *http.Request, code int, body string) *http.Response {
	return &http.Response{
		StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	w.mu.Lock()
	w.log = append(w.log, r.Method+" "+time.Since(w.begin).Round(time.Millisecond).String())
	n := len(w.log)
	answer := w.script[n]
	if w.busy != nil && n > 1 && r.Method == http.MethodGet {
		w.busy()
	}
	w.mu.Unlock()
	if w.travel != nil {
		if err := transport.Sleep(r.Context(), w.travel(r)); err != nil {
			return nil, err
		}
	}
	do := func() *http.Response { return response(r, http.StatusOK, w.do(r, body)) }
	var resp *http.Response
	var err error
	if answer != nil {
		resp, err = answer(r, do)
	} else {
		resp = do()
	}
	if w.delay > 0 {
		if err := transport.Sleep(r.Context(), w.delay); err != nil {
			return nil, err
		}
	}
	return resp, err
}

// do does what a request asks for and returns the answer.
func (w *world) do(r *http.Request, body []byte) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method == http.MethodPut {
		var update struct {
			worldRole
			Claims []struct {
				ClaimType                                             int
				ClaimValue, Description, ProviderAuthenticationScheme string
			}
		}
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&update); err != nil {
			w.t.Errorf("%s: %v", body, err)
		}
		w.role = update.worldRole
		w.role.Claims = []worldClaim{}
		for i, c := range update.Claims {
			w.role.Claims = append(w.role.Claims, worldClaim{
				ID: 100 + i, Description: c.Description, ClaimType: c.ClaimType, ClaimValue: c.ClaimValue,
				Provider: map[string]any{"AuthenticationScheme": c.ProviderAuthenticationScheme},
			})
		}
	}
	text, err := json.Marshal(w.role)
	if err != nil {
		w.t.Error(err)
	}
	if w.read != nil && r.Method == http.MethodGet {
		return w.read(string(text))
	}
	return string(text)
}

// change is another program that changes the role.
func (w *world) change(change func(*worldRole)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.role)
}

// holders lists the claim values of the role.
func (w *world) holders() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, c := range w.role.Claims {
		out = append(out, c.ClaimValue)
	}
	slices.Sort(out)
	return out
}

// requests is the log in one line.
func (w *world) requests() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.log, ", ")
}

// writes counts the PUTs.
func (w *world) writes() int { return strings.Count(w.requests(), "PUT") }

// expect fails the test unless the role holds exactly these claims.
func (w *world) expect(values ...string) {
	w.t.Helper()
	if got := w.holders(); !slices.Equal(got, values) {
		w.t.Errorf("claims are %q, want %q", got, values)
	}
}

// describe sets the description.
func describe(text string) func(*roles.UpdateV2) error {
	return func(u *roles.UpdateV2) error { u.Description = text; return nil }
}

func paths(list ...string) (out []permissions.Path) {
	for _, p := range list {
		out = append(out, permissions.Path(p))
	}
	return out
}

// is fails the test unless err matches all of the targets.
func is(t *testing.T, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("error is %v, want %v", err, target)
		}
	}
}

// isNot fails the test if err matches the target.
func isNot(t *testing.T, err, target error) {
	t.Helper()
	if err == nil || errors.Is(err, target) {
		t.Errorf("error is %v, and must not be %v", err, target)
	}
}
