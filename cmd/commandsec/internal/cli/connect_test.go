package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// The client of a command reads and refuses to write, and names the program.
func TestClientReadsOnly(t *testing.T) {
	server := securitytest.Start(t)
	t.Setenv("KEYFACTOR_HOSTNAME", server.URL)
	t.Setenv("KEYFACTOR_AUTH_ACCESS_TOKEN", server.Token)
	t.Setenv("KEYFACTOR_CA_CERT", string(server.CertificatePEM()))
	t.Setenv("KEYFACTOR_SKIP_VERIFY", "")
	command := &cobra.Command{}
	var stderr strings.Builder
	command.SetErr(&stderr)
	client, err := connectionFlags(command).client(command)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := roles.NewV2(client).Get(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if err := roles.NewV2(client).Delete(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "only reads") {
		t.Errorf("a deletion: %v", err)
	}
	for _, r := range server.Requests() {
		if r.Method != "GET" {
			t.Errorf("%s %s was sent", r.Method, r.Path)
		}
		if agent := r.Header.Get("User-Agent"); !strings.HasPrefix(agent, "commandsec/") {
			t.Errorf("the program calls itself %s", agent)
		}
	}
	if stderr.Len() > 0 {
		t.Errorf("it says %q", &stderr)
	}
}

// The client of apply writes, except in a dry run.
func TestClientOfApply(t *testing.T) {
	server := securitytest.Start(t)
	t.Setenv("KEYFACTOR_HOSTNAME", server.URL)
	t.Setenv("KEYFACTOR_AUTH_ACCESS_TOKEN", server.Token)
	t.Setenv("KEYFACTOR_CA_CERT", string(server.CertificatePEM()))
	t.Setenv("KEYFACTOR_SKIP_VERIFY", "")
	for _, dry := range []bool{true, false} {
		id, err := server.AddRole(securitytest.Role{Name: "Temporary"})
		if err != nil {
			t.Fatal(err)
		}
		command := &cobra.Command{}
		a := applying{opts: apply.Options{DryRun: dry}, conn: connectionFlags(command)}
		client, err := a.client(command)
		if err != nil {
			t.Fatal(err)
		}
		err = roles.NewV2(client).Delete(t.Context(), id)
		if refused := err != nil && strings.Contains(err.Error(), "only reads"); refused != dry || !dry && err != nil {
			t.Errorf("dry run %t: %v", dry, err)
		}
		server.DeleteRole(id)
	}
}

// What a person should know about the configuration is told once.
func TestWarnings(t *testing.T) {
	t.Setenv("KEYFACTOR_HOSTNAME", "command.example.com")
	t.Setenv("KEYFACTOR_AUTH_ACCESS_TOKEN", "t")
	t.Setenv("KEYFACTOR_SKIP_VERIFY", "true")
	command := &cobra.Command{}
	var stderr strings.Builder
	command.SetErr(&stderr)
	if _, err := connectionFlags(command).client(command); err != nil {
		t.Fatal(err)
	}
	if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "Warning: the server's certificate is not verified") {
		t.Errorf("it says %q", got)
	}
}

// A configuration may sign in with Kerberos. What goes wrong at the KDC is told as it is.
func TestKerberos(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(conf, []byte("[libdefaults]\n default_realm = EXAMPLE.COM\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEYFACTOR_HOSTNAME", "127.0.0.1:1")
	t.Setenv("KEYFACTOR_AUTH_KRB_USERNAME", "svc")
	t.Setenv("KEYFACTOR_AUTH_KRB_PASSWORD", "hunter2")
	t.Setenv("KEYFACTOR_AUTH_KRB_CONFIG", conf)
	command := &cobra.Command{}
	client, err := connectionFlags(command).client(command)
	if err != nil {
		t.Fatal(err)
	}
	err = client.HealthCheck(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no Kerberos ticket for HTTP/127.0.0.1: "+conf+" names no KDC of the realm EXAMPLE.COM") || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}
