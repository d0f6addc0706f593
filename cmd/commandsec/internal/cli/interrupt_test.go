package cli_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/cmd/commandsec/internal/cli"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// use lets the variables lead to a server.
func use(t *testing.T, s *securitytest.Server) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "KEYFACTOR_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("KEYFACTOR_HOSTNAME", s.URL)
	t.Setenv("KEYFACTOR_USERNAME", s.Username)
	t.Setenv("KEYFACTOR_PASSWORD", s.Password)
	t.Setenv("KEYFACTOR_CA_CERT", string(s.CertificatePEM()))
}

// interrupt runs the program and ends its context once it is where it can be broken off.
func interrupt(t *testing.T, stdin io.Reader, stdout io.Writer, there func(), args ...string) (status int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	var errs strings.Builder
	go func() { ended <- cli.Run(ctx, args, stdin, stdout, &errs) }()
	there()
	cancel()
	select {
	case status = <-ended:
	case <-time.After(time.Minute):
		t.Fatalf("%v does not end", args)
	}
	return status, errs.String()
}

const interrupted = "commandsec: interrupted; nothing is half-written\n"

// Ctrl-C while the server is being read: nothing is left, and what was there stays.
func TestInterruptedSnapshot(t *testing.T) {
	server := securitytest.Start(t, securitytest.WithLatency(time.Hour))
	use(t, server)
	dir := t.TempDir()
	out := filepath.Join(dir, "today.json")
	if err := os.WriteFile(out, []byte("yesterday"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := func() {
		for len(server.Requests()) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for _, args := range [][]string{{"snapshot", "--out", out}, {"who-can", "/portal/read/", "--out", out}} {
		server.ResetRequests()
		status, stderr := interrupt(t, strings.NewReader(""), io.Discard, asked, args...)
		if status != 1 || stderr != interrupted {
			t.Errorf("%v: status %d, %q", args, status, stderr)
		}
		text, err := os.ReadFile(out)
		left, errDir := os.ReadDir(dir)
		if err != nil || errDir != nil || string(text) != "yesterday" || len(left) != 1 {
			t.Errorf("%v leaves %v with %q: %v, %v", args, left, text, err, errDir)
		}
	}
}

// Ctrl-C while a command waits for standard input.
func TestInterruptedInput(t *testing.T) {
	t.Parallel()
	stdin, typing := io.Pipe()
	defer typing.Close()
	typed := func() {
		if _, err := io.WriteString(typing, "AdminPortal:Read\n"); err != nil {
			t.Error(err)
		}
	}
	if status, stderr := interrupt(t, stdin, io.Discard, typed, "permissions", "convert"); status != 1 || stderr != interrupted {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// Ctrl-C is how simulate is meant to end. Without --env the variables are on standard output.
func TestInterruptedSimulate(t *testing.T) {
	t.Parallel()
	out, stdout := io.Pipe()
	started := func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "export KEYFACTOR_HOSTNAME='127.0.0.1:") {
			t.Errorf("%q, %v", line, err)
		}
	}
	if status, stderr := interrupt(t, strings.NewReader(""), stdout, started, "simulate", "--roles", "1"); status != 0 || !strings.Contains(stderr, "until you press Ctrl-C") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
