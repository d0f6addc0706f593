package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/roles"
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

func TestStory(t *testing.T) {
	unset(t)
	var out bytes.Buffer
	if err := run(t.Context(), nil, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"No server is configured: started a simulated one",
		"runs Keyfactor Command 25.",
		"262 roles arrived, as many as the server says it has (262).",
		"WorkflowManagement:Read        /monitoring/alerts/read/                 documented",
		"Created the role",
		"Removed the role again.",
		"Removed the claim again.",
		"the status is 404",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestRealServerIsOnlyReadUnlessAsked(t *testing.T) {
	server := securitytest.NewServer(securitytest.WithLegacyTenant(1, 20))
	defer server.Close()
	unset(t)
	check := func(writes int, args ...string) {
		t.Helper()
		server.ResetRequests()
		var out bytes.Buffer
		if err := run(t.Context(), args, &out); err != nil {
			t.Fatal(err)
		}
		if got := apitest.Writes(server); got != writes {
			t.Errorf("with %q there were %d writes, want %d", args, got, writes)
		}
		if !strings.Contains(out.String(), "Using the server at "+server.URL) {
			t.Errorf("with %q it does not say which server it uses:\n%s", args, out.String())
		}
	}
	file := profile(t, server)
	check(0, "-config", file, "-profile", "lab")
	check(4, "-config", file, "-profile", "lab", "-write")
	t.Setenv("KEYFACTOR_HOSTNAME", server.URL)
	t.Setenv("KEYFACTOR_USERNAME", server.Username)
	t.Setenv("KEYFACTOR_PASSWORD", server.Password)
	t.Setenv("KEYFACTOR_CA_CERT", string(server.CertificatePEM()))
	check(0)
	check(4, "-write")
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
		{[]string{"-all=perhaps"}, "", 2},
		{[]string{"extra"}, "", 2},
		{[]string{"-profile", "lab"}, "", 1},
		{[]string{"-config", "missing.json"}, "", 1},
		{nil, "KEYFACTOR_SKIP_VERIFY", 1},
		{nil, "KEYFACTOR_AUTH_CONFIG_PROFILE", 1},
	} {
		if tt.env != "" {
			t.Setenv(tt.env, "true")
		}
		var out, errs bytes.Buffer
		if got := report(run(t.Context(), tt.args, &out), &errs); got != tt.status {
			t.Errorf("%q and %s: the status is %d, want %d: %s", tt.args, tt.env, got, tt.status, errs.String())
		}
		if strings.Contains(out.String(), "simulated one") || (errs.Len() > 0) != (tt.status > 0) {
			t.Errorf("%q and %s: it says %s and %s", tt.args, tt.env, out.String(), errs.String())
		}
		if tt.env != "" {
			t.Setenv(tt.env, "")
		}
	}
	for _, args := range [][]string{nil, {"-h"}} {
		if err := run(t.Context(), args, broken{}); !errors.Is(err, errFull) {
			t.Errorf("%q: on a full disk it ends with %v", args, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs bytes.Buffer
	if got := report(run(ctx, nil, io.Discard), &errs); got != 1 || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("interrupted it ends with %d: %s", got, errs.String())
	}
}

// A server that lacks what the story asks for is no failure.
func TestOlderServer(t *testing.T) {
	t.Parallel()
	server := securitytest.NewServer(securitytest.WithVersion("11.0.0"))
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tell(t.Context(), client, &out, false, true); err != nil || !strings.Contains(out.String(), "too old") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// An interruption at any moment leaves the server as it was.
func TestInterruptedCleansUp(t *testing.T) {
	t.Parallel()
	for _, at := range []securitytest.Fault{
		{Method: "POST", Path: "/Security/Claims"},
		{Method: "POST", Path: "/Security/Roles"},
		{Method: "GET", Path: "/Security/Roles/{id}"},
		{Method: "DELETE", Path: "/Security/Roles/{id}"},
	} {
		server := securitytest.NewServer()
		defer server.Close()
		client, err := server.Client()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		interrupted := false
		at.Times, at.Interleave = 1, func() { interrupted = true; cancel() }
		server.Inject(at)
		roleCount, claimCount := len(server.Roles()), len(server.Claims())
		s := &story{out: &bytes.Buffer{}, client: client, v1: roles.NewV1(client), v2: roles.NewV2(client), claims: claims.NewV1(client)}
		if err := s.make(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s %s: %v", at.Method, at.Path, err)
		}
		if !interrupted {
			t.Errorf("%s %s was not reached", at.Method, at.Path)
		}
		if r, c := len(server.Roles())-roleCount, len(server.Claims())-claimCount; r != 0 || c != 0 {
			t.Errorf("%s %s: %d roles and %d claims are left behind", at.Method, at.Path, r, c)
		}
	}
}

// What cannot be removed is said, also after an interruption.
func TestInterruptedAndLeftBehind(t *testing.T) {
	t.Parallel()
	server := securitytest.NewServer()
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", Times: 1, Interleave: cancel, Hang: true})
	server.Inject(securitytest.Fault{Method: "DELETE", Path: "/Security/Roles/{id}", Status: 403})
	s := &story{out: &bytes.Buffer{}, client: client, v1: roles.NewV1(client), v2: roles.NewV2(client), claims: claims.NewV1(client)}
	if err := s.make(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, errLeft) {
		t.Error(err)
	}
}
