package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// wish changes something of every kind.
const wish = `
permissionSets: [{name: Fresh, permissions: [/portal/]}]
claims: [{type: OAuthRole, value: made, scheme: System, description: New}]
roles:
  - {name: Operators, description: Changed, permissions: [/portal/read/, /reports/read/], holders: ["OAuthRole:made@System", {identity: 'KEYEXAMPLE\jsmith'}]}
  - {name: Made, description: New, permissionSet: Fresh, permissions: [/portal/read/], holders: ["OAuthRole:made@System"]}
absent:
  roles: [Temporary]
  claims: ["OAuthRole:former@System"]
`

// victim is a server, and a folder to use it from.
type victim struct {
	*securitytest.Server
	dir    string
	digest string
}

func newVictim(t *testing.T) (*victim, error) {
	t.Helper()
	claim := func(value string) []securitytest.Claim {
		return []securitytest.Claim{{Type: "OAuthRole", Value: value, Scheme: "System"}}
	}
	v := &victim{dir: t.TempDir(), Server: securitytest.NewServer(
		securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true}),
		securitytest.WithIdentities(securitytest.Identity{AccountName: `KEYEXAMPLE\jsmith`}),
		securitytest.WithRoles(
			securitytest.Role{Name: "Operators", Description: "Day-to-day work", Permissions: []string{"/portal/read/"}, Claims: claim("ops")},
			securitytest.Role{Name: "Temporary", Description: "Nobody knows", Permissions: []string{"/portal/read/"}, Claims: claim("former")},
			securitytest.Role{Name: "Others", Description: "Not in the plan", Permissions: []string{"/reports/read/"}, Claims: claim("others")},
			securitytest.Role{Name: "More", Description: "Not in the plan", Permissions: []string{"/reports/read/"}}))}
	t.Cleanup(v.Close)
	if err := os.WriteFile(filepath.Join(v.dir, "access.yaml"), []byte(wish), 0o600); err != nil {
		return nil, err
	}
	if output, err := v.program("plan", "access.yaml", "--out", "plan.json").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("plan: %w: %s", err, output)
	}
	made, err := plan.Load(filepath.Join(v.dir, "plan.json"))
	if err != nil {
		return nil, err
	}
	v.digest = made.Digest()
	v.ResetRequests()
	return v, nil
}

// program is the program, to be started in the folder.
func (v *victim) program(args ...string) *exec.Cmd {
	cmd := exec.Command("commandsec", args...)
	cmd.Dir = v.dir
	cmd.Env = append(os.Environ(), "HOME="+v.dir, "GORACE=atexit_sleep_ms=0", "KEYFACTOR_HOSTNAME="+strings.TrimPrefix(v.URL, "https://"),
		"KEYFACTOR_API_PATH=KeyfactorAPI", "KEYFACTOR_USERNAME="+v.Username, "KEYFACTOR_PASSWORD="+v.Password, "KEYFACTOR_CA_CERT="+string(v.CertificatePEM()))
	return cmd
}

func (v *victim) apply() *exec.Cmd {
	return v.program("apply", "plan.json", "--approve", v.digest, "--journal", "journal.log", "--allow-large")
}

// ends applies the plan to its end, verifies it, and returns all that the server has then,
// without ids.
func (v *victim) ends() (string, error) {
	if output, err := v.apply().CombinedOutput(); err != nil {
		return "", fmt.Errorf("apply: %w: %s", err, output)
	}
	if output, err := v.program("verify", "plan.json").CombinedOutput(); err != nil {
		return "", fmt.Errorf("verify: %w: %s", err, output)
	}
	var lines []string
	add := func(value any) {
		text, err := json.Marshal(value)
		if err != nil {
			text = []byte(err.Error())
		}
		lines = append(lines, string(text))
	}
	sets := map[string]string{}
	for _, s := range v.PermissionSets() {
		sets[s.ID] = s.Name
		s.ID = ""
		add(s)
	}
	for _, c := range v.Claims() {
		c.ID = 0
		add(c)
	}
	for _, i := range v.Identities() {
		i.ID = 0
		add(i)
	}
	for _, r := range v.Roles() {
		r.ID, r.PermissionSet = 0, sets[r.PermissionSet]
		for i := range r.Claims {
			r.Claims[i].ID = 0
		}
		slices.SortFunc(r.Claims, func(a, b securitytest.Claim) int { return strings.Compare(a.Value, b.Value) })
		add(r)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

// killed applies the plan with the program, which is killed when its n-th request arrives.
// If the server is to go on with that, it does so when the program is not there any more.
func (v *victim) killed(n int, goesOn bool) error {
	cmd := v.apply()
	ready, dead := make(chan struct{}), make(chan struct{})
	var once sync.Once
	v.Inject(securitytest.Fault{After: n - 1, Times: 1, Reset: !goesOn, Interleave: func() {
		once.Do(func() {
			<-ready
			_ = cmd.Process.Kill() // how it ended is looked at below
		})
		<-dead
	}})
	if err := cmd.Start(); err != nil {
		return err
	}
	close(ready)
	err := cmd.Wait()
	close(dead)
	if err == nil || cmd.ProcessState.Exited() {
		return fmt.Errorf("it was not killed: %w", err)
	}
	return nil
}

// TestKilled kills the program while it applies a plan, and calls it again in the same way:
// it goes on, the server ends as if nobody had disturbed, and the verification finds
// nothing. Every third request is tried or, if the environment variable
// COMMANDSEC_EVERY_KILL is set, every one.
func TestKilled(t *testing.T) {
	t.Parallel()
	quiet, err := newVictim(t)
	if err != nil {
		t.Fatal(err)
	}
	if output, err := quiet.apply().CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	requests := len(quiet.Requests())
	want, err := quiet.ends() // once more: it has nothing to do
	if err != nil {
		t.Fatal(err)
	}
	if requests < 20 {
		t.Fatalf("%d requests are too few", requests)
	}
	stride := 3
	if os.Getenv("COMMANDSEC_EVERY_KILL") != "" {
		stride = 1
	}
	var all sync.WaitGroup // all at a time: each waits until a server must be done with what a dead client sent
	for n := 1; n <= requests; n += stride {
		all.Go(func() {
			v, err := newVictim(t)
			if err == nil {
				err = v.killed(n, n%2 == 0)
			}
			if err != nil {
				t.Errorf("killed at request %d: %v", n, err)
				return
			}
			switch got, err := v.ends(); {
			case err != nil:
				t.Errorf("killed at request %d: %v", n, err)
			case got != want:
				t.Errorf("killed at request %d, the server is\n%s\nand not\n%s", n, got, want)
			}
		})
	}
	all.Wait()
	t.Logf("%d requests, killed at every %d", requests, stride)
}
