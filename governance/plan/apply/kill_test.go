package apply_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
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
	before   atomic.Pointer[func(n int32)] // called with the number of a request before it is processed
	after    atomic.Pointer[func(n int32)]
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
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client may be dead
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

// killAt applies the plan in a child that is killed when its n-th request comes, before
// or after that is processed. It reports whether there was an n-th request.
func (p *place) killAt(dir string, n int, before bool) bool {
	p.t.Helper()
	cmd := p.process(dir)
	var output strings.Builder
	cmd.Stderr = &output
	dead := make(chan struct{})
	kill := func(is int32) {
		if int(is) == n {
			if err := cmd.Process.Kill(); err != nil {
				p.t.Error(err)
			}
			<-dead // it is not there any more when the request goes on
		}
	}
	ready := make(chan struct{})
	at := func(is int32) { <-ready; kill(is) }
	if before {
		p.before.Store(&at)
	} else {
		p.after.Store(&at)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	close(ready)
	err := cmd.Wait()
	close(dead)
	if err == nil {
		return false
	}
	if cmd.ProcessState.Exited() {
		p.t.Fatalf("the child was not killed: %v: %s", err, output.String())
	}
	return true
}

// TestKilled kills a process that applies a plan at each of its requests, before and
// after the server processed it, and goes on: the server ends in the state that it has
// if nobody disturbs, and the way back leads back.
func TestKilled(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]securitytest.Option{"joined": kinds["25.4"], "separated": kinds["25.4, separated"]} {
		reference := newPlace(t, tenant(opts...))
		before := essence(t, reference.handler)
		run(t, reference.client(), planned(t, reference.client(), wish), fresh(t))
		want := essence(t, reference.handler)
		for _, early := range []bool{true, false} {
			if early && name == "joined" {
				continue // nothing about it depends on that
			}
			t.Run(fmt.Sprintf("%s, before processing %v", name, early), func(t *testing.T) {
				t.Parallel()
				killed := 0
				for n := 1; ; n++ {
					p := newPlace(t, tenant(opts...))
					dir := t.TempDir()
					plan := save(t, p, dir)
					p.settle()
					if !p.killAt(dir, n, early) {
						break
					}
					killed++
					p.settle()
					resumed(t, fmt.Sprintf("killed at request %d", n), p, plan, dir, want, before)
					p.server.Close()
				}
				t.Logf("killed %d times", killed)
				if killed < 40 {
					t.Errorf("it was killed %d times only", killed)
				}
			})
		}
	}
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
		if !p.killAt(dir, n, times%2 == 0) {
			break
		}
	}
	if times < 3 {
		t.Errorf("it was killed %d times only", times)
	}
	p.settle()
	resumed(t, "killed again and again", p, plan, dir, want, before)
}

// TestKilledWhileCreating: the server carries out the creation of a dead client while the
// next run waits. That run finds what was made, and does not make it again.
func TestKilledWhileCreating(t *testing.T) {
	t.Parallel()
	p := newPlace(t, tenant())
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
	opts := approved(made)
	opts.CrashSettle = time.Second
	result, err := apply.Run(t.Context(), p.client(), made, open(t, filepath.Join(dir, "journal")), opts)
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

// resumed goes on with a plan, and back.
func resumed(t *testing.T, what string, p *place, made *plan.Plan, dir, want, before string) {
	t.Helper()
	client := p.client()
	j := open(t, filepath.Join(dir, "journal"))
	run(t, client, made, j)
	if got := essence(t, p.handler); got != want {
		t.Fatalf("%s, the server is\n%s\nand not\n%s", what, got, want)
	}
	entries := j.Entries()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	back, err := plan.Back(entries, taken(t, client))
	if err != nil {
		t.Fatal(err)
	}
	run(t, client, back, fresh(t))
	if got := essence(t, p.handler); got != before {
		t.Fatalf("%s, after the way back the server is\n%s\nand not\n%s", what, got, before)
	}
	client.CloseIdleConnections()
}
