package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unset makes sure that no server is configured.
func unset(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "KEYFACTOR_") {
			t.Setenv(name, "")
		}
	}
}

// profile writes a configuration file of kfutil with the server as the profile "lab".
func profile(t *testing.T, server *securitytest.Server) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "command_config.yaml")
	text := fmt.Sprintf("servers:\n  lab:\n    host: %s\n    username: '%s'\n    password: '%s'\n    ca_cert_path: ca.pem\n", server.URL, server.Username, server.Password)
	for name, data := range map[string][]byte{file: []byte(text), filepath.Join(dir, "ca.pem"): server.CertificatePEM()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// broken is standard output on a full disk.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left on device")

func TestOnASimulatedServer(t *testing.T) {
	unset(t)
	var out, progress bytes.Buffer
	if err := run(t.Context(), nil, &out, &progress); err != nil {
		t.Fatal(err)
	}
	wantParts(t, out.String(),
		"No server is configured: started a simulated one",
		"Look at teams.json:15: teams[1]: warning risky /certificates/collections/revoke/6/",
		"Web Platform       updated  Description: \"The web people\" -> \"Runs the public web servers\"\n",
		"Incident Response  created  Description",
		"Permissions: + /certificates/collections/read/6/ (view certificates in collection 6)\n",
		"Claims: + Group KEYEXAMPLE\\Web Operators (Active Directory)\n",
		"3 teams: 2 created, 1 updated, 0 unchanged, 0 failed, 0 not attempted.",
		"Once more",
		"3 teams: 0 created, 0 updated, 3 unchanged, 0 failed, 0 not attempted.",
	)
	if strings.Contains(out.String(), ": - ") {
		t.Errorf("something is taken away:\n%s", out.String())
	}
	wantParts(t, progress.String(), "roles: 1 of 3", "roles: 3 of 3", "groups and permissions: 3 of 3")
}

// Whatever is half configured, or called wrongly, is no reason to use another server.
func TestExitStatus(t *testing.T) {
	unset(t)
	t.Setenv("HOME", t.TempDir())
	for _, tt := range []struct {
		args   []string
		env    string // a variable that is set
		status int
	}{
		{[]string{"-h"}, "", 0},
		{[]string{"-unknown"}, "", 2},
		{[]string{"-settle", "soon"}, "", 2},
		{[]string{"extra"}, "", 2},
		{[]string{"-settle", "-1s"}, "", 1},
		{[]string{"-file", "missing.json"}, "", 1},
		{[]string{"-profile", "lab"}, "", 1},
		{[]string{"-config", "missing.json"}, "", 1},
		{nil, "KEYFACTOR_SKIP_VERIFY", 1},
		{nil, "KEYFACTOR_AUTH_CONFIG_PROFILE", 1},
	} {
		if tt.env != "" {
			t.Setenv(tt.env, "true")
		}
		var out, errs bytes.Buffer
		if got := report(run(t.Context(), tt.args, &out, io.Discard), &errs); got != tt.status {
			t.Errorf("%q and %s: the status is %d, want %d: %s", tt.args, tt.env, got, tt.status, errs.String())
		}
		if strings.Contains(out.String(), "TEAM ") || (errs.Len() > 0) != (tt.status > 0) {
			t.Errorf("%q and %s: it says %s and %s", tt.args, tt.env, out.String(), errs.String())
		}
		if tt.status == 0 {
			wantParts(t, out.String(), "-dry-run", "-file", "-profile", "KEYFACTOR_")
		}
		if tt.env != "" {
			t.Setenv(tt.env, "")
		}
	}
	for _, args := range [][]string{nil, {"-dry-run"}, {"-h"}} {
		if err := run(t.Context(), args, broken{}, io.Discard); !errors.Is(err, errFull) {
			t.Errorf("%q: on a full disk it ends with %v", args, err)
		}
	}
}

func wantParts(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, want := range parts {
		if !strings.Contains(got, want) {
			t.Errorf("the output lacks %q:\n%s", want, got)
		}
	}
}

// start starts a server that has one of the teams of the sample already, with
// what other people gave it.
func start(t *testing.T) *securitytest.Server {
	t.Helper()
	server := securitytest.NewServer(securitytest.WithQuirks(securitytest.Quirks{NormalizeADClaims: "KEYEXAMPLE"}), securitytest.WithRoles(
		securitytest.Role{
			Name: "Web Platform", Description: "Old", Permissions: []string{"/portal/read/", "/reports/read/"},
			Claims: []securitytest.Claim{
				{Type: "OAuthRole", Value: "interns", Scheme: "System", Description: "theirs"},
				{Type: "OAuthRole", Value: "web-platform", Scheme: "System", Description: "theirs"},
			},
		},
		securitytest.Role{Name: "Bystander", Description: "Not ours", Permissions: []string{"/ssh/user/"}},
	))
	t.Cleanup(server.Close)
	return server
}

// state is what the server has, without ids and what is built in.
func state(server *securitytest.Server) string {
	var b strings.Builder
	for _, r := range server.Roles() {
		if r.Immutable {
			continue
		}
		var groups []string
		for _, c := range r.Claims {
			groups = append(groups, fmt.Sprintf("%s=%s", c.Value, c.Description))
		}
		slices.Sort(groups)
		slices.Sort(r.Permissions)
		fmt.Fprintf(&b, "%s|%s|%s|%s|%s\n", r.Name, r.Description, r.EmailAddress, r.Permissions, groups)
	}
	lines := strings.Split(b.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n") + fmt.Sprintf("\n%d claims", len(server.Claims()))
}

const complete = `
Bystander|Not ours||[/ssh/user/]|[]
Incident Response|Revokes what must not be trusted any more||[/auditing/read/ /certificates/collections/read/6/ /certificates/collections/read/7/ /certificates/collections/read/8/ /certificates/collections/revoke/6/ /certificates/collections/revoke/7/ /certificates/collections/revoke/8/ /portal/read/]|[incident-response=Group of the team Incident Response]
Inventory Robot|Reads certificates every night||[/certificates/collections/read/]|[inventory-robot=Group of the team Inventory Robot]
Web Platform|Runs the public web servers|web-platform@example.com|[/certificates/collections/metadata/modify/6/ /certificates/collections/metadata/modify/8/ /certificates/collections/read/6/ /certificates/collections/read/8/ /certificates/enrollment/csr/ /portal/read/ /reports/read/]|[KEYEXAMPLE\WEB OPERATORS=Group of the team Web Platform interns=theirs web-platform=theirs]
5 claims`

func serviceOf(t *testing.T, server *securitytest.Server, patience time.Duration) *roles.V2 {
	t.Helper()
	client, err := server.Client(
		security.WithRetry(security.Retry{MaxAttempts: 3, MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond}),
		security.WithTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return roles.NewV2(client)
}

func onboard(ctx context.Context, t *testing.T, service *roles.V2, dryRun bool) (string, error) {
	t.Helper()
	teams, _, err := readTeams("teams.json", sample)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o := &onboarding{service: service, dryRun: dryRun, progress: io.Discard}
	err = o.onboard(ctx, teams).print(&out, dryRun)
	return out.String(), err
}

// A real server is used if one is configured, and a file has to be named.
func TestOnAConfiguredServer(t *testing.T) {
	server := start(t)
	unset(t)
	config := profile(t, server)
	sampleFile := filepath.Join(t.TempDir(), "teams.json")
	if err := os.WriteFile(sampleFile, sample, 0o600); err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	if err := run(t.Context(), []string{"-config", config, "-profile", "lab", "-file", sampleFile, "-dry-run"}, &told, io.Discard); err != nil {
		t.Error(err)
	}
	wantParts(t, told.String(), "Using the server at "+server.URL, `profile "lab" of `+config, "nothing was written")
	t.Setenv("KEYFACTOR_HOSTNAME", server.URL)
	t.Setenv("KEYFACTOR_USERNAME", server.Username)
	t.Setenv("KEYFACTOR_PASSWORD", server.Password)
	t.Setenv("KEYFACTOR_CA_CERT", string(server.CertificatePEM()))
	if err := run(t.Context(), nil, io.Discard, io.Discard); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), "-file") {
		t.Errorf("error is %v", err)
	}
	file := sampleFile
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-file", file, "-dry-run"}, &out, io.Discard); err != nil || apitest.Writes(server) != 0 {
		t.Errorf("%d writes, %v", apitest.Writes(server), err)
	}
	wantParts(t, out.String(), "TEAM               WOULD BE  WHAT", "nothing was written")
	if err := run(t.Context(), []string{"-file", file, "-settle", "10ms"}, &out, io.Discard); err != nil {
		t.Error(err)
	}
	if got := "\n" + strings.TrimLeft(state(server), "\n"); got != complete {
		t.Errorf("the server has\n%s\nwant\n%s", got, complete)
	}
	server.ResetRequests()
	if err := os.WriteFile(file, []byte(`{"teams": [{"team": "X"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-file", file}, &out, io.Discard); err == nil || len(server.Requests()) != 0 {
		t.Errorf("after %d requests: %v", len(server.Requests()), err)
	}
}

// The dry run announces what the real run then does, and does nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	server := start(t)
	service := serviceOf(t, server, time.Minute)
	plan, err := onboard(t.Context(), t, service, true)
	if err != nil || apitest.Writes(server) != 0 {
		t.Errorf("%d writes, %v", apitest.Writes(server), err)
	}
	done, err := onboard(t.Context(), t, service, false)
	if err != nil {
		t.Error(err)
	}
	strip := func(s string) string {
		var lines []string
		for line := range strings.Lines(s) {
			if fields := strings.Fields(line); !strings.HasPrefix(line, "TEAM") && !strings.HasPrefix(line, "This was") {
				lines = append(lines, strings.Join(fields, " "))
			}
		}
		return strings.Join(lines, "\n")
	}
	if strip(plan) != strip(done) {
		t.Errorf("the plan is\n%s\nand what was done\n%s", plan, done)
	}
}

// Whatever fails at whatever request: running it again completes the work, and
// nothing is doubled, and nothing of others is lost.
func TestEveryFailureAtEveryRequest(t *testing.T) {
	t.Parallel()
	probe := start(t)
	if _, err := onboard(t.Context(), t, serviceOf(t, probe, time.Minute), false); err != nil {
		t.Fatal(err)
	}
	requests := len(probe.Requests())
	for _, fault := range []securitytest.Fault{
		{Status: 500},
		{Status: 403},
		{Status: 429},
		{Reset: true},
		{Reset: true, Commit: true},
		{Status: 502, Commit: true},
		{Truncate: true},
		{HTMLLogin: true, Commit: true},
		{Hang: true, Commit: true},
	} {
		for after := range requests {
			for _, times := range []int{1, 6} {
				if fault.Hang && times > 1 {
					continue // the same as a reset, only slower
				}
				fault := fault
				fault.After, fault.Times = after, times
				t.Run(fmt.Sprintf("%+v", fault), func(t *testing.T) {
					t.Parallel()
					server := start(t)
					patience := time.Minute
					if fault.Hang {
						patience = 150 * time.Millisecond
					}
					service := serviceOf(t, server, patience)
					server.Inject(fault)
					out, err := onboard(t.Context(), t, service, false)
					if (err != nil) != strings.Contains(out, "error: ") || err != nil && !errors.Is(err, errFailed) {
						t.Errorf("%v with\n%s", err, out)
					}
					if err != nil {
						server.ClearFaults()
						if out, err = onboard(t.Context(), t, service, false); err != nil {
							t.Errorf("again: %v with\n%s", err, out)
						}
					}
					if got := "\n" + strings.TrimLeft(state(server), "\n"); got != complete {
						t.Errorf("the server has\n%s\nwant\n%s", got, complete)
					}
				})
			}
		}
	}
}

// Somebody who gives one of the roles something while we work keeps it.
func TestOthersAtWork(t *testing.T) {
	t.Parallel()
	server := start(t)
	theirs := 0
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", Interleave: func() {
		for _, r := range server.Roles() {
			if r.Name == "Web Platform" && theirs < 3 {
				theirs++
				if err := server.UpdateRole(r.ID, func(r *securitytest.Role) {
					r.Claims = append(r.Claims, securitytest.Claim{Type: "OAuthRole", Value: fmt.Sprint("their-", theirs), Scheme: "System", Description: "theirs"})
				}); err != nil {
					t.Error(err)
				}
			}
		}
	}})
	if out, err := onboard(t.Context(), t, serviceOf(t, server, time.Minute), false); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{"interns", "their-1", "their-2", "their-3", "web-platform"} {
		if !strings.Contains(state(server), want+"=") {
			t.Errorf("%s is lost:\n%s", want, state(server))
		}
	}
}

// Ctrl-C at any moment: the table tells what was done, and the rest can follow.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for after := range 14 {
		server := start(t)
		service := serviceOf(t, server, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		server.Inject(securitytest.Fault{After: after, Times: 1, Interleave: cancel})
		out, err := onboard(ctx, t, service, false)
		if err == nil && ctx.Err() != nil && strings.Contains(out, "error: ") || err != nil && !errors.Is(err, errFailed) {
			t.Errorf("at %d: %v\n%s", after, err, out)
		}
		wantParts(t, out, "Web Platform", "Incident Response", "Inventory Robot", "3 teams: ")
		if err == nil {
			t.Errorf("at %d it goes on:\n%s", after, out)
		}
		created := strings.Count(out, "created:\n") + strings.Count(out, "created ")
		made := 0
		for _, r := range server.Roles() {
			if r.Name == "Incident Response" || r.Name == "Inventory Robot" {
				made++
			}
		}
		if unsure := strings.Count(out, "may or may not have been done"); made > created+unsure {
			t.Errorf("at %d: %d roles were made, told is\n%s", after, made, out)
		}
		if out, err := onboard(t.Context(), t, service, false); err != nil {
			t.Errorf("again: %v\n%s", err, out)
		}
		if got := "\n" + strings.TrimLeft(state(server), "\n"); got != complete {
			t.Errorf("the server has\n%s", got)
		}
	}
}

// All that is wrong with a file is told at once, each with its place.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file string
		want []string
	}{
		{``, []string{"f:1: not JSON: unexpected "}},
		{`{"teams": [`, []string{"f:1: not JSON: unexpected "}},
		{"{\"teams\":\n [{\"team\": \"A\",, }]}", []string{"f:2: not JSON: invalid character"}},
		{`[]`, []string{"f:1: must be an object"}},
		{`{}`, []string{"f:1: teams: there are none"}},
		{`{"teams": []} {}`, []string{"f:1: there is more after the end"}},
		{`{"teams": 5}`, []string{"f:1: teams: must be a list"}},
		{`{"teams": {"a": [1, {"b": 2}]}}`, []string{"f:1: teams: must be a list"}},
		{`{"teams": [7, null]}`, []string{"teams[0]: must be an object", "teams[1]: must be an object"}},
		{`{
 "extra": {"a": 1},
 "teams": [
  {
   "team": "A",
   "team": "B",
   "color": "red",
   "email": 5,
   "groups": [{"type": "Nonsense", "value": "", "color": "red"}, "text"],
   "collections": [0, "x", 6],
   "rights": ["fly"],
   "permissions": ["/portal/reed/", "/reports/", "/reports/read/", 3]
  },
  {"team": "a", "description": "d", "collections": [5]}
 ]
}`, []string{
			"f:2: extra: unknown field; known are teams\n",
			"f:6: teams[0].team: is there twice\n",
			"f:7: teams[0].color: unknown field; known are collections, description,",
			"f:8: teams[0].email: must be a text\n",
			"f:9: teams[0].groups[0].color: unknown field; known are scheme, type, value\n",
			"f:9: teams[0].groups[1]: must be an object\n",
			"f:10: teams[0].collections[0]: must be the id of a collection\n",
			"f:10: teams[0].collections[1]: must be the id of a collection\n",
			`f:11: teams[0].rights[0]: "fly" is not a right; the rights are change_owner, delete, edit_metadata, read, recover, revoke`,
			"f:12: teams[0].permissions[3]: must be a text\n",
			"f:4: teams[0].description: must not be empty\n",
			`f:4: teams[0].groups[0].type: "Nonsense" is not a claim type`,
			"f:4: teams[0].groups[0].value: must not be empty\n",
			"f:4: teams[0]: error misspelled /portal/reed/",
			"f:4: teams[0]: error redundant /reports/read/",
			`f:14: teams[1].team: "a" is the name of teams[0] too`,
			"f:14: teams[1]: collections and rights need each other",
		}},
	} {
		teams, _, err := readTeams("f", []byte(tt.file))
		if err == nil || teams != nil {
			t.Errorf("%s is accepted", tt.file)
			continue
		}
		wantParts(t, err.Error()+"\n", tt.want...)
	}
	if _, warnings, err := readTeams("f", []byte(`{"teams": [{"team": "A", "description": "d", "permissions": ["/certificates/collections/revoke/6/", "/new/thing/"]}]}`)); err != nil ||
		!strings.Contains(strings.Join(warnings, "\n"), "risky /certificates/collections/revoke/6/") || !strings.Contains(strings.Join(warnings, "\n"), "unknown /new/thing/") {
		t.Errorf("warnings are %q, error %v", warnings, err)
	}
}

func FuzzReadTeams(f *testing.F) {
	f.Add(sample)
	f.Add([]byte(`{"teams": [{"team": "A", "groups": [{"type": {}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if teams, _, err := readTeams("f", data); err == nil {
			for _, team := range teams {
				if err := team.role().Validate(); err != nil {
					t.Errorf("accepted, and then refused: %v", err)
				}
			}
		}
	})
}
