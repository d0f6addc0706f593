package main

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/commandsec/commandsec-go/governance/plan"
)

// TestMain lets the test binary be the program, too: scripts run it as a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"commandsec": main})
}

// TestScripts runs the scripts in testdata/script, which use the program as people do.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)           // nobody's own profiles
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would make every process wait a second at its end
			env.Setenv("RED", "\x1b[31mred")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":   await,
			"source":  source,
			"status":  status,
			"mode":    mode,
			"profile": profile,
			"accept":  accept,
			"suggest": suggest,
			"digest":  digest,
		},
	})
}

// source waits for a file of variables, such as simulate writes, and sets them:
//
//	source FILE
func source(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: source FILE")
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(awaited(ts, args[0]), "'\n"), "'\nexport ") {
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "='")
		if !ok || strings.Contains(value, "'") {
			ts.Fatalf("%s: %q is not a variable", args[0], line)
		}
		ts.Setenv(name, value)
	}
}

// await waits for a file:
//
//	await FILE
func await(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		awaited(ts, name)
	}
}

// awaited is the text of a file that will be there soon.
func awaited(ts *testscript.TestScript, name string) string {
	deadline := time.Now().Add(time.Minute)
	for {
		text, err := os.ReadFile(ts.MkAbs(name))
		if err == nil {
			return string(text)
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is not there: %v", name, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// status runs a command that must end with an exit status:
//
//	status N COMMAND [ARGUMENT...]
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARGUMENT...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("the exit status is %s, not %s\n%s%s", got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// mode checks who can read a file: only its owner.
//
//	mode FILE
func mode(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if info.Mode().Perm() != 0o600 {
			ts.Fatalf("%s has mode %v", name, info.Mode())
		}
	}
}

// profile writes the variables that source has set into a configuration file of kfutil, as the profiles default, and lab
// without the certificate, which goes to ca.pem:
//
//	profile CONFIG
func profile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: profile CONFIG")
	}
	config := ts.MkAbs(args[0])
	server := map[string]string{
		"host": ts.Getenv("KEYFACTOR_HOSTNAME"), "username": ts.Getenv("KEYFACTOR_USERNAME"), "password": ts.Getenv("KEYFACTOR_PASSWORD"),
	}
	trusting := maps.Clone(server)
	trusting["ca_cert_path"] = ts.MkAbs("ca.pem")
	text, err := json.Marshal(map[string]any{"servers": map[string]any{"default": trusting, "lab": server}})
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(config), 0o700))
	ts.Check(os.WriteFile(config, text, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), []byte(ts.Getenv("KEYFACTOR_CA_CERT")), 0o600))
}

// accept accepts all findings of a worksheet until a day:
//
//	accept FILE DAY
func accept(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: accept FILE DAY")
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(ts.ReadFile(args[0]), "\ufeff"))).ReadAll()
	ts.Check(err)
	for _, row := range rows[1:] {
		copy(row[len(row)-4:], []string{"accept", "The owner", "It is a test", args[1]})
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(csv.NewWriter(f).WriteAll(rows))
	ts.Check(f.Close())
}

// suggest takes the suggestions in rules of a migration:
//
//	suggest FILE
func suggest(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: suggest FILE")
	}
	rules := strings.ReplaceAll(ts.ReadFile(args[0]), "\n  #- ", "\n  - ")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(rules), 0o600))
}

// digest sets a variable to the digest of a plan:
//
//	digest NAME FILE
func digest(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: digest NAME FILE")
	}
	p, err := plan.Load(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], p.Digest())
}
