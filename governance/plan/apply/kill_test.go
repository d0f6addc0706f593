package apply_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// childVariable makes a process of this test the one that is killed.
const childVariable = "COMMANDSEC_APPLY_CHILD"

// child applies the plan that its environment names.
func child() {
	err := func() error {
		client, err := plain(os.Getenv("URL"))
		if err != nil {
			return err
		}
		p, err := plan.Load(os.Getenv("PLAN"))
		if err != nil {
			return err
		}
		if err := limitFiles(); err != nil {
			return err
		}
		j, err := apply.OpenJournal(os.Getenv("JOURNAL"))
		if err != nil {
			return err
		}
		_, err = apply.Run(context.Background(), client, p, j, approved(p))
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// plain is a client of a server without TLS, which starts faster.
func plain(url string) (*security.Client, error) {
	return security.NewClient(url, security.WithAccessToken("t"), security.WithInsecureHTTP(), quick)
}

// place is a server that can wait for the end of all that clients began.
type place struct {
	t       *testing.T
	handler *securitytest.Handler
	server  *httptest.Server

	requests atomic.Int32
	before   atomic.Pointer[func(n int32)]         // called with the number of a request before it is processed
	after    atomic.Pointer[func(n int32)]         // and after that, before the answer is sent
	sent     atomic.Pointer[func(n int32)]         // and after that
	open     atomic.Int32                          // connections
	hold     atomic.Pointer[func(r *http.Request)] // called before a request is processed
}

func newPlace(t *testing.T, opts []securitytest.Option) *place {
	t.Helper()
	p := &place{t: t, handler: securitytest.NewHandler(opts...)}
	if err := p.handler.Err(); err != nil {
		t.Fatal(err)
	}
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := p.requests.Add(1)
		if before := p.before.Load(); before != nil {
			(*before)(n)
		}
		if hold := p.hold.Load(); hold != nil {
			(*hold)(r)
		}
		answer := httptest.NewRecorder()
		p.handler.ServeHTTP(answer, r)
		if after := p.after.Load(); after != nil {
			(*after)(n)
		}
		maps.Copy(w.Header(), answer.Header())
		if answer.Code != http.StatusNoContent {
			w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len())) // so that nothing follows
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client may be dead
		if sent := p.sent.Load(); sent != nil {
			_ = http.NewResponseController(w).Flush() // likewise
			(*sent)(n)
		}
	}))
	p.server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			p.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			p.open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
	p.server.Start()
	t.Cleanup(p.server.Close)
	return p
}

// settle waits until all that clients began is over, dead ones too, and counts requests
// from the beginning.
func (p *place) settle() {
	p.t.Helper()
	p.before.Store(nil)
	p.after.Store(nil)
	p.sent.Store(nil)
	conn, err := net.Dial("tcp", p.server.Listener.Addr().String()) // accepted after those that wait
	if err != nil {
		p.t.Fatal(err)
	}
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
	for p.open.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	p.requests.Store(0)
}

func (p *place) client() *security.Client {
	p.t.Helper()
	client, err := plain(p.server.URL + "/KeyfactorAPI")
	if err != nil {
		p.t.Fatal(err)
	}
	return client
}

// process starts a child that applies a plan.
func (p *place) process(dir string, more ...string) *exec.Cmd {
	p.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), exe)
	cmd.Env = append(os.Environ(), childVariable+"=1", "URL="+p.server.URL+"/KeyfactorAPI",
		"PLAN="+filepath.Join(dir, "plan.json"), "JOURNAL="+filepath.Join(dir, "journal"), "GORACE=atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, more...)
	return cmd
}

// moment is when a process is killed.
type moment string

const (
	arrived   moment = "before its request is processed"
	processed moment = "after its request is processed"
	answered  moment = "after its request is answered"
)

// killAt applies the plan in a child that is killed at its n-th request. It reports whether
// there was one.
func (p *place) killAt(dir string, n int, when moment) bool {
	p.t.Helper()
	cmd := p.process(dir)
	var output strings.Builder
	cmd.Stderr = &output
	ready, dead := make(chan struct{}), make(chan struct{})
	var reached atomic.Bool
	kill := func(is int32) {
		if int(is) != n {
			return
		}
		<-ready
		reached.Store(true)
		if when == answered { // how far it gets with the answer differs
			time.Sleep(time.Duration(n%4) * 300 * time.Microsecond)
		}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			p.t.Error(err)
		}
		<-dead // it is not there any more when the request goes on
	}
	switch when {
	case arrived:
		p.before.Store(&kill)
	case processed:
		p.after.Store(&kill)
	case answered:
		p.sent.Store(&kill)
		wait := func(is int32) { // what comes next is not to be answered
			if int(is) > n {
				<-dead
			}
		}
		p.before.Store(&wait)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	close(ready)
	err := cmd.Wait()
	close(dead)
	if err != nil && cmd.ProcessState.Exited() {
		p.t.Fatalf("the child was not killed: %v: %s", err, output.String())
	}
	return reached.Load()
}

// TestKilled kills a process that applies a plan at each of its requests, before and after
// the server processed it, and when the answer is on its way, and goes on: the journal can
// be read, the server ends in the state that it has if nobody disturbs, and the way back
// leads back. Two of the servers are tried at every third request only, which of them
// differs with the moment, unless the environment variable COMMANDSEC_EVERY_KILL is set.
func TestKilled(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		for offset, when := range []moment{arrived, processed, answered} {
			first, stride := 1, 1
			if name != "25.4, separated" && os.Getenv("COMMANDSEC_EVERY_KILL") == "" {
				first, stride = 1+offset, 3
			}
			t.Run(name+", "+string(when), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, tenant(opts...))
				dir := t.TempDir()
				made := save(t, p, dir)
				before := essence(t, p.handler)
				undisturbed := p.client()
				run(t, undisturbed, made, fresh(t))
				undisturbed.CloseIdleConnections()
				want := essence(t, p.handler)
				for n := first; ; n += stride {
					p.again(tenant(opts...))
					if err := os.Remove(filepath.Join(dir, "journal")); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
					if !p.killAt(dir, n, when) {
						t.Logf("killed up to request %d", n-stride)
						if n < 50 {
							t.Error("these are too few")
						}
						return
					}
					p.settle()
					what := fmt.Sprintf("killed at request %d", n)
					if n%5 > 0 {
						resumed(t, what, p, made, dir, want)
					} else {
						resumedAndBack(t, what, p, made, dir, want, before)
					}
				}
			})
		}
	}
}

// again makes the server anew, with nobody connected.
func (p *place) again(opts []securitytest.Option) {
	p.t.Helper()
	p.settle()
	p.handler = securitytest.NewHandler(opts...)
	p.requests.Store(0)
}

// TestKilledAgain kills each process a few requests after it began to write, until one
// comes to the end.
func TestKilledAgain(t *testing.T) {
	t.Parallel()
	reference := newPlace(t, tenant(kinds["25.4, separated"]...))
	before := essence(t, reference.handler)
	run(t, reference.client(), planned(t, reference.client(), wish), fresh(t))
	want := essence(t, reference.handler)
	p := newPlace(t, tenant(kinds["25.4, separated"]...))
	dir := t.TempDir()
	plan := save(t, p, dir)
	times := 0
	for n := 24; ; times++ {
		p.settle()
		if !p.killAt(dir, n, []moment{arrived, processed, answered}[times%3]) {
			break
		}
	}
	if times < 3 {
		t.Errorf("it was killed %d times only", times)
	}
	p.settle()
	resumedAndBack(t, "killed again and again", p, plan, dir, want, before)
}

// TestKilledWhileCreating: the server carries out the creation of a dead client while the
// next run waits. That run finds what was made, and does not make it again.
func TestKilledWhileCreating(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killedWhileCreating(t, opts)
		})
	}
}

func killedWhileCreating(t *testing.T, opts []securitytest.Option) {
	t.Helper()
	p := newPlace(t, tenant(opts...))
	dir := t.TempDir()
	made := save(t, p, dir)
	p.settle()
	cmd := p.process(dir)
	arrived, dead, resumed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	hold := func(r *http.Request) {
		select {
		case <-dead:
			select {
			case <-resumed:
			default:
				close(resumed) // the first request of the next run
			}
		default:
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Security/Roles") {
				close(arrived)
				<-resumed
				time.Sleep(100 * time.Millisecond) // the next run has looked by then, if it does not wait
			}
		}
	}
	p.hold.Store(&hold)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	close(dead)
	options := approved(made)
	options.CrashSettle = time.Second
	result, err := apply.Run(t.Context(), p.client(), made, open(t, filepath.Join(dir, "journal")), options)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range result.Steps {
		if s.Kind == plan.KindRole && s.Action == plan.Create && (s.Status != apply.AlreadyDone || !strings.Contains(s.Text, "was stopped")) {
			t.Errorf("step %d: %s, %s", s.Number, s.Status, s.Text)
		}
	}
	posts := 0
	for _, r := range p.handler.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/Security/Roles") {
			posts++
		}
	}
	if posts != 1 {
		t.Errorf("%d creations were sent", posts)
	}
}

// save plans what the little tenant should become.
func save(t *testing.T, p *place, dir string) *plan.Plan {
	t.Helper()
	client := p.client()
	defer client.CloseIdleConnections()
	made := planned(t, client, wish)
	if err := made.Save(filepath.Join(dir, "plan.json")); err != nil {
		t.Fatal(err)
	}
	return made
}

// resumed goes on with a plan, and returns what the journal has then.
func resumed(t *testing.T, what string, p *place, made *plan.Plan, dir, want string) []plan.Entry {
	t.Helper()
	client := p.client()
	defer client.CloseIdleConnections()
	j, err := apply.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	run(t, client, made, j)
	if got := essence(t, p.handler); got != want {
		t.Fatalf("%s, the server is\n%s\nand not\n%s", what, got, want)
	}
	entries := j.Entries()
	if len(entries) != len(made.Steps) {
		t.Errorf("%s, the journal has %d steps of %d", what, len(entries), len(made.Steps))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return entries
}

// resumedAndBack goes on with a plan, and back.
func resumedAndBack(t *testing.T, what string, p *place, made *plan.Plan, dir, want, before string) {
	t.Helper()
	entries := resumed(t, what, p, made, dir, want)
	client := p.client()
	defer client.CloseIdleConnections()
	back, err := plan.Back(entries, taken(t, client))
	if err != nil {
		t.Fatal(err)
	}
	run(t, client, back, fresh(t))
	if got := essence(t, p.handler); got != before {
		t.Fatalf("%s, after the way back the server is\n%s\nand not\n%s", what, got, before)
	}
}
