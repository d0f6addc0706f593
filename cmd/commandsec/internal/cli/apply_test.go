package cli_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	if status != 3 || !strings.Contains(stderr, "the roles that allow it lose that or may be taken from it, or go") || !strings.Contains(stderr, "Nothing was written. If that is meant, allow it: --allow-lockout\n") {
		t.Errorf("status %d, %q", status, stderr)
	}
	if _, err := os.Stat(journal); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal: %v", err)
	}
	if status, _, stderr := run(t, "", append(call, "--allow-lockout", "--dry-run")...); status != 0 {
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
