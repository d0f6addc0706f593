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
