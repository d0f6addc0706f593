//go:build unix

package security_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/commandsec/commandsec-go/security"
)

// TestLoadConfigRefusesFiles: what is not a file of one's own, and never waits.
func TestLoadConfigRefusesFiles(t *testing.T) {
	t.Parallel()
	const text = `{"servers":{"default":{"host":"h","access_token":"t"}}}`
	for mode, want := range map[os.FileMode]string{ // "" = taken; "warns"; or a part of the error
		0o600: "", 0o400: "", 0o700: "", 0o640: "warns", 0o604: "warns", 0o644: "warns",
		0o660: "written by others", 0o620: "written by others", 0o664: "written by others", 0o602: "written by others", 0o666: "written by others", 0o777: "written by others",
	} {
		file := profiles(t, text)
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		cfg, err := security.LoadConfig(file, "")
		switch {
		case want == "" || want == "warns":
			if err != nil {
				t.Errorf("%o: %v", mode, err)
			} else if want == "" {
				warnings(t, cfg)
			} else {
				warnings(t, cfg, file)
			}
		case err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file):
			t.Errorf("%o: %v", mode, err)
		}
	}
	fifo := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	large := profiles(t, text+strings.Repeat(" ", 1<<20))
	for file, word := range map[string]string{
		fifo: "not a regular file", "/dev/zero": "not a regular file", filepath.Dir(fifo): "not a regular file", large: "larger than 1 MiB",
	} {
		if _, err := security.LoadConfig(file, ""); err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
		_, err := load(t, `{"servers":{"default":{"host":"h","access_token":"t","ca_cert_path":"`+file+`"}}}`, "")
		if err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s as the CA: %v", file, err)
		}
	}
	if _, err := load(t, text+strings.Repeat(" ", 1<<20-len(text)), ""); err != nil {
		t.Errorf("1 MiB: %v", err)
	}
}

// TestConfigWarnsOfKeytab: a keytab or credential cache that others can read is told of.
func TestConfigWarnsOfKeytab(t *testing.T) {
	t.Parallel()
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 2, 0o604: 2} {
		file := profiles(t, `{"servers":{"default":{"host":"h","kerberos_keytab":"svc.keytab","kerberos_ccache":"FILE:CACHE"}}}`)
		dir := filepath.Dir(file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cache := filepath.Join(dir, "krb5cc")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(data), "CACHE", cache)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{filepath.Join(dir, "svc.keytab"), cache} {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := security.LoadConfig(file, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(cfg.Warnings) != want || strings.Count(strings.Join(cfg.Warnings, "\n"), "can be read by others") != want {
			t.Errorf("mode %04o: %q", mode, cfg.Warnings)
		}
	}
}
