package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStory(t *testing.T) {
	t.Setenv("KEYFACTOR_HOSTNAME", "")
	var out bytes.Buffer
	if err := run(t.Context(), nil, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"started a simulated server",
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
	t.Setenv("KEYFACTOR_HOSTNAME", server.URL)
	t.Setenv("KEYFACTOR_USERNAME", server.Username)
	t.Setenv("KEYFACTOR_PASSWORD", server.Password)
	t.Setenv("KEYFACTOR_CA_CERT", string(server.CertificatePEM()))
	for _, args := range [][]string{nil, {"-write"}} {
		server.ResetRequests()
		var out bytes.Buffer
		if err := run(t.Context(), args, &out); err != nil {
			t.Fatal(err)
		}
		writes := apitest.Writes(server)
		if want := 4 * len(args); writes != want {
			t.Errorf("with %q there were %d writes, want %d", args, writes, want)
		}
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
	server.Inject(securitytest.Fault{Method: "GET", Path: "/Security/Roles/{id}", Times: 1, Interleave: cancel})
	server.Inject(securitytest.Fault{Method: "DELETE", Path: "/Security/Roles/{id}", Status: 403})
	s := &story{out: &bytes.Buffer{}, client: client, v1: roles.NewV1(client), v2: roles.NewV2(client), claims: claims.NewV1(client)}
	if err := s.make(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, errLeft) {
		t.Error(err)
	}
}
