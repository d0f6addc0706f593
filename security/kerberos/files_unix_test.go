//go:build unix

package kerberos

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFiles: what is no file of its kind, or could be anybody's, is refused, and not
// quoted.
func TestFiles(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	readers := map[string]func(string) error{
		"krb5.conf": func(path string) error { _, err := readConfig(path); return err },
		"keytab":    func(path string) error { _, _, err := readKeytab(path); return err },
		"cache":     func(path string) error { _, err := readCache("FILE:" + path); return err },
	}
	for kind, read := range readers {
		for path, want := range map[string]string{
			write(t, kind, "[libdefaults]\n", 0o620):          "can be written by others than its owner (mode 0620)",
			write(t, kind, "[libdefaults]\n", 0o602):          "can be written by others",
			write(t, kind, strings.Repeat("#", 2<<20), 0o600): "larger than 1 MiB",
			filepath.Join(t.TempDir(), "none"):                "no such file",
			pipe:                                              "not a regular file",
			t.TempDir():                                       "not a regular file",
		} {
			if err := read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v does not say %q", kind, err, want)
			}
		}
	}
	for kind, does := range map[string]string{
		"krb5.conf": "give the path of one as ConfigFile (KEYFACTOR_AUTH_KRB_CONFIG, kerberos_config)",
		"keytab":    "have the keytab put there (ktpass, ktutil), or correct Keytab (KEYFACTOR_AUTH_KRB_KEYTAB, kerberos_keytab)",
		"cache":     "run kinit -c FILE: and this path, or correct CCache (KEYFACTOR_AUTH_KRB_CCACHE, kerberos_ccache)",
	} {
		if err := readers[kind](filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), does) {
			t.Errorf("%s: %v does not say what to do", kind, err)
		}
	}
	const secret = "hunter2"
	for kind, texts := range map[string][]string{
		// The library panics over the first one.
		"krb5.conf": {"[realms]\n A = {\n b = {\n }\n }\n"},
		"keytab":    {"", secret, "\x05\x02", "\x05\x02\x00\x00\x7f\xff" + secret, "\x05\x02\xff\xff\xff\xfa" + secret},
		"cache":     {"", secret, "\x05\x04\x00\x00" + secret},
	} {
		for _, text := range texts {
			err := readers[kind](write(t, kind, text, 0o600))
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s %q: %v", kind, text, err)
			}
		}
	}
}
