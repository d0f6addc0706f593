package cli_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/cmd/commandsec/internal/cli"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// planned makes a plan of a desired state, as a person does, and returns how to apply it.
func planned(t *testing.T, desired string) (call []string, journal string) {
	t.Helper()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "access.yaml"), filepath.Join(dir, "plan.json")
	journal = filepath.Join(dir, "plan.log")
	if err := os.WriteFile(file, []byte(desired), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := run(t, "", "plan", file, "--out", out); status != 0 {
		t.Fatal(stderr)
	}
	made, err := plan.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"apply", out, "--approve", made.Digest(), "--journal", journal}, journal
}

const twoRoles = `
roles:
  - {name: First, permissions: [/portal/read/]}
  - {name: Second, permissions: [/portal/read/]}
`

// A step that the server refuses is told. The same command goes on.
func TestApplyGoesOn(t *testing.T) {
	server := securitytest.Start(t)
	use(t, server)
	call, _ := planned(t, twoRoles)
	server.Inject(securitytest.Fault{Method: http.MethodPost, Path: "/Security/Roles", Times: 1, Status: http.StatusForbidden})
	status, stdout, stderr := run(t, "", call...)
	if status != 1 || !strings.Contains(stdout, "1 done, 1 failed\n") || !strings.Contains(stderr, " failed: create role ") ||
		!strings.Contains(stderr, "Next: run the same command again: it goes on with the journal ") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	status, stdout, stderr = run(t, "", call...)
	if status != 0 || !strings.Contains(stdout, "1 done, 1 already done\n") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

// The next step after a way back does not write over its plan.
func TestWayBackOfAWayBack(t *testing.T) {
	server := securitytest.Start(t)
	use(t, server)
	call, _ := planned(t, twoRoles)
	for name, want := range map[string]string{"change.json": " --out back.json", "back.json": "back-back.json"} {
		file := filepath.Join(filepath.Dir(call[1]), name)
		if err := os.Rename(call[1], file); err != nil {
			t.Fatal(err)
		}
		call[1] = file
		if status, _, stderr := run(t, "", call...); status != 0 || !strings.Contains(stderr, want) {
			t.Errorf("status %d, %q", status, stderr)
		}
	}
}

// Ctrl-C before something is written leaves nothing, not even a journal.
func TestInterruptedBeforeApply(t *testing.T) {
	server := securitytest.Start(t)
	use(t, server)
	call, journal := planned(t, twoRoles)
	server.Inject(securitytest.Fault{Latency: time.Hour})
	server.ResetRequests()
	asked := func() {
		for len(server.Requests()) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	status, stderr := interrupt(t, strings.NewReader(""), io.Discard, asked, call...)
	if status != 1 || stderr != interrupted {
		t.Errorf("status %d, %q", status, stderr)
	}
	if _, err := os.Stat(journal); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal: %v", err)
	}
}

// Ctrl-C during a write is told as what it is: the journal says where to go on.
func TestInterruptedApply(t *testing.T) {
	server := securitytest.Start(t)
	use(t, server)
	call, journal := planned(t, twoRoles)
	server.Inject(securitytest.Fault{Method: http.MethodPost, Latency: time.Hour})
	server.ResetRequests()
	writing := func() {
		for range time.Tick(time.Millisecond) {
			for _, r := range server.Requests() {
				if r.Method == http.MethodPost {
					return
				}
			}
		}
	}
	status, stderr := interrupt(t, strings.NewReader(""), io.Discard, writing, call...)
	if status != 1 || !strings.HasPrefix(stderr, "commandsec: interrupted: ") || !strings.Contains(stderr, "it goes on with the journal ") {
		t.Errorf("status %d, %q", status, stderr)
	}
	if _, err := os.Stat(journal); err != nil {
		t.Error(err)
	}
}

// A plan that was made as another account is refused if it takes from this one the right
// to change security, with the flag that would allow it.
func TestApplyLocksOut(t *testing.T) {
	server := securitytest.Start(t,
		securitytest.WithRoles(securitytest.Role{Name: "Security", Permissions: []string{"/security/"}}),
		securitytest.WithUser("svc", "secret", "Security"))
	use(t, server)
	call, journal := planned(t, "absent: {roles: [Security]}")
	t.Setenv("KEYFACTOR_USERNAME", "svc")
	t.Setenv("KEYFACTOR_PASSWORD", "secret")
	status, _, stderr := run(t, "", call...)
	if status != 3 || !strings.Contains(stderr, "the roles that allow it lose that or may be taken from it, or go") || !strings.Contains(stderr, "Nothing was written by this run. If that is meant, allow it: --allow-lockout\n") {
		t.Errorf("status %d, %q", status, stderr)
	}
	if _, err := os.Stat(journal); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal: %v", err)
	}
	if status, _, stderr := run(t, "", append(call, "--allow-lockout", "--dry-run")...); status != 0 {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// A dry run as an account that may not write tells that, and what moved on as well.
func TestDryRunMayNot(t *testing.T) {
	server := securitytest.Start(t,
		securitytest.WithRoles(securitytest.Role{Name: "First", Permissions: []string{"/portal/read/"}}, securitytest.Role{Name: "Looks", Permissions: []string{"/security/read/"}}),
		securitytest.WithUser("looks", "secret", "Looks"))
	use(t, server)
	call, _ := planned(t, "roles: [{name: First, description: By the plan}, {name: Second, permissions: [/portal/read/]}]")
	dry := append(call[:2:2], "--dry-run")
	change, _ := planned(t, "roles: [{name: First, description: By others}]")
	user, password := os.Getenv("KEYFACTOR_USERNAME"), os.Getenv("KEYFACTOR_PASSWORD")
	t.Setenv("KEYFACTOR_USERNAME", "looks")
	t.Setenv("KEYFACTOR_PASSWORD", "secret")
	status, stdout, stderr := run(t, "", dry...)
	if status != 1 || !strings.Contains(stdout, "2 to do\n") || !strings.Contains(stderr, "the account may not change security") || !strings.Contains(stderr, "--dry-run\n") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	t.Setenv("KEYFACTOR_USERNAME", user)
	t.Setenv("KEYFACTOR_PASSWORD", password)
	if status, _, stderr := run(t, "", change...); status != 0 {
		t.Fatal(stderr)
	}
	t.Setenv("KEYFACTOR_USERNAME", "looks")
	t.Setenv("KEYFACTOR_PASSWORD", "secret")
	status, _, stderr = run(t, "", dry...)
	if status != 3 || !strings.Contains(stderr, "the account may not change security") || !strings.Contains(stderr, `role "First": somebody else changed it`) {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// A wait of seconds is told, on a terminal or not: it looks like a program that hangs.
func TestWaitIsTold(t *testing.T) {
	server := securitytest.Start(t)
	use(t, server)
	call, journal := planned(t, twoRoles)
	if status, _, stderr := run(t, "", call...); status != 0 {
		t.Fatal(stderr)
	}
	data, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(journal, data[:len(data)-5], 0o600); err != nil { // as if it was killed
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	told := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "waiting for a write whose answer was lost") {
				told <- lines.Text()
			}
		}
	}()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- cli.Run(ctx, call, strings.NewReader(""), io.Discard, writer) }()
	select {
	case line := <-told:
		if !strings.HasPrefix(line, "Warning: ") || !strings.Contains(line, "wait: 10s") {
			t.Errorf("%q", line)
		}
		stop()
		<-ended
	case status := <-ended:
		stop()
		t.Errorf("status %d, and nobody was told of the wait", status)
	}
	_ = writer.Close()
}

// A certificate that is not trusted is told with the flag that helps.
func TestApplyUntrusted(t *testing.T) {
	server := securitytest.Start(t)
	use(t, server)
	call, _ := planned(t, twoRoles)
	t.Setenv("KEYFACTOR_CA_CERT", "")
	status, _, stderr := run(t, "", call...)
	if status != 1 || !strings.Contains(stderr, "give a private CA with --ca FILE (KEYFACTOR_CA_CERT, ca_cert_path)") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// A dry run cannot write.
func TestDryRunReads(t *testing.T) {
	server := securitytest.Start(t)
	use(t, server)
	call, journal := planned(t, twoRoles)
	server.ResetRequests()
	if status, stdout, stderr := run(t, "", append(call, "--dry-run")...); status != 0 || !strings.Contains(stdout, "2 to do\n") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	for _, r := range server.Requests() {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
	if _, err := os.Stat(journal); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal: %v", err)
	}
}
