package simulated_test

import (
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/cmd/commandsec/internal/simulated"
	"github.com/commandsec/commandsec-go/roles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, addr string, tenant simulated.Tenant) *simulated.Server {
	t.Helper()
	s, err := simulated.Start(t.Context(), addr, tenant)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// names are the names of all roles and claims.
func names(t *testing.T, s *simulated.Server) []string {
	t.Helper()
	client, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for role, err := range roles.NewV2(client).All(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, role.Name)
	}
	for claim, err := range claims.NewV1(client).All(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, claim.Key().String())
	}
	return all
}

// The same seed and sizes make the same tenant, of the size that was asked for.
func TestTenant(t *testing.T) {
	t.Parallel()
	tenant := simulated.Tenant{Version: "25.4.1", Seed: 7, Roles: 20, Claims: 30}
	first, second := start(t, "127.0.0.1:0", tenant), start(t, "localhost:0", tenant)
	got := names(t, first)
	if again := names(t, second); !slices.Equal(got, again) {
		t.Errorf("two tenants of one seed differ:\n%v\n%v", got, again)
	}
	count := func(part string) (n int) {
		for _, name := range got {
			if strings.Contains(name, part) {
				n++
			}
		}
		return n
	}
	if n := count(" - "); n != 20 {
		t.Errorf("%d roles, want 20: %v", n, got)
	}
	if n := count("service-"); n != 30 {
		t.Errorf("%d further claims, want 30", n)
	}
	tenant.Seed++
	if other := names(t, start(t, "127.0.0.1:0", tenant)); slices.Equal(got, other) {
		t.Error("another seed makes the same tenant")
	}
}

// A server has a certificate of its own, and is reached at an address that a client can use.
func TestServers(t *testing.T) {
	t.Parallel()
	tenant := simulated.Tenant{Version: "25.4.1", Roles: 1}
	first, second := start(t, "127.0.0.1:0", tenant), start(t, ":0", tenant)
	if string(first.CA) == string(second.CA) || first.Handler.Password == second.Handler.Password {
		t.Error("two servers share a certificate or a password")
	}
	if host, _, err := net.SplitHostPort(second.Host); err != nil || host != "127.0.0.1" {
		t.Errorf("the server on all addresses is reached at %s, %v", second.Host, err)
	}
	names(t, second)
	if _, err := simulated.Start(t.Context(), first.Host, tenant); err == nil {
		t.Error("two servers at one address")
	}
	if _, err := simulated.Start(t.Context(), "127.0.0.1:0", simulated.Tenant{Version: "9.1"}); !errors.Is(err, simulated.ErrVersion) {
		t.Errorf("version 9.1: %v", err)
	}
}

// PowerShell takes everything in single quotes as it is, except these, which are doubled.
func TestPowerShell(t *testing.T) {
	t.Parallel()
	s := start(t, "127.0.0.1:0", simulated.Tenant{Version: "10.5", Roles: 1})
	s.Handler.Password = "it's $HOME"
	want := "$env:KEYFACTOR_HOSTNAME = '" + s.Host + "'\n$env:KEYFACTOR_API_PATH = 'KeyfactorAPI'\n$env:KEYFACTOR_USERNAME = '" + s.Handler.Username +
		"'\n$env:KEYFACTOR_PASSWORD = 'it''s $HOME'\n$env:KEYFACTOR_CA_CERT = '" + string(s.CA) + "'\n"
	if got := s.PowerShell(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// A shell reads the variables as they are meant, whatever is in them.
func TestVariables(t *testing.T) {
	t.Parallel()
	s := start(t, "127.0.0.1:0", simulated.Tenant{Version: "10.5", Roles: 1})
	s.Handler.Password = "it's $HOME `id` \\ \"x\"\n#"
	script := s.Variables() + `printf '%s|' "$KEYFACTOR_HOSTNAME" "$KEYFACTOR_API_PATH" "$KEYFACTOR_USERNAME" "$KEYFACTOR_PASSWORD" "$KEYFACTOR_CA_CERT"`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
	if want := strings.Join([]string{s.Host, "KeyfactorAPI", s.Handler.Username, s.Handler.Password, string(s.CA), ""}, "|"); err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}

// The account that signs in holds the built-in role on every version, as on real servers.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"10.5", "11.0", "24.3", "24.4", "25.4.1"} {
		s := start(t, "127.0.0.1:0", simulated.Tenant{Version: version, Seed: 3, Roles: 5})
		client, err := s.Client()
		if err != nil {
			t.Fatal(err)
		}
		role, err := roles.NewV1(client).Get(t.Context(), 1)
		if err != nil || role.Name != "Administrator" || len(role.Identities) != 1 || role.Identities[0].AccountName != s.Handler.Username || len(role.Permissions) > 0 {
			t.Errorf("%s: %+v, %v", version, role, err)
		}
	}
}
