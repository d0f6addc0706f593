//go:build unix

package kerberos

import (
	"os"
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
		"krb5.conf": {"[realms]\n A = {\n }\n }\n"},
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

// TestIncluded: files and directories are included as on Red Hat's systems, of the same
// kind and size as krb5.conf itself, and nothing without an end.
func TestIncluded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("conf.d/crypto-policies", "[libdefaults]\npermitted_enctypes = aes256-cts\n", 0o644)
	put("conf.d/enable_sssd_conf_dir", "includedir "+dir+"/sssd\n", 0o644)
	put("conf.d/.hidden.conf", "[libdefaults]\nclockskew = 1\n", 0o644)
	put("conf.d/old~", "[libdefaults]\nclockskew = 2\n", 0o644)
	put("conf.d/sub/x", "[libdefaults]\nclockskew = 3\n", 0o644)
	put("sssd/domain_realm_example_com", "[domain_realm]\n.example.com = EXAMPLE.COM\n", 0o644)
	put("sssd/kdc.conf", "[realms]\nEXAMPLE.COM = {\n kdc = dc0\n}\n", 0o644)
	conf, err := readConfig(put("krb5.conf", "includedir "+dir+"/nowhere\nincludedir\t"+dir+"/conf.d/\ninclude "+put("one", usualDefaults, 0o644)+"\n[libdefaults]\n permitted_enctypes = rc4\n"+usualRealms, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := used(conf), "permitted=[18] domains=map[.example.com:EXAMPLE.COM] EXAMPLE.COM:[dc0:88 dc1:88]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, says := range map[string]string{
		put("writable", "include "+put("anybody", "", 0o666)+"\n", 0o600):                                            "anybody can be written by others",
		put("endless", "include "+dir+"/endless\n", 0o600):                                                           "includes more than is read",
		put("wide", strings.Repeat("include "+put("nothing", "", 0o600)+"\n", 100), 0o600):                           "includes more than is read",
		put("often", strings.Repeat("includedir "+dir+"/nowhere\n", maxIncluded+1), 0o600):                           "64 directories",
		put("large", strings.Repeat("include "+put("half", strings.Repeat("#", maxConfig/2), 0o600)+"\n", 3), 0o600): "1 MiB in all",
		put("deep", "include "+put("wrong", "[libdefaults]\nclockskew = x\n", 0o600)+"\n", 0o600):                    "deep, line 1: include: " + dir + "/wrong, line 2: clockskew = x",
		put("relative", "include krb5.conf\n", 0o600):                                                                "line 1: include needs an absolute path",
		put("gone", "\ninclude "+dir+"/nowhere/krb5.conf\n", 0o600):                                                  "line 2: include: read the Kerberos configuration: " + dir + "/nowhere/krb5.conf: no such file",
		put("file", "includedir "+put("esc\x1b", "", 0o600)+"\n", 0o600):                                             "line 1: includedir: " + dir + `/esc\x1b: not a directory`,
	} {
		if _, err := readConfig(name); err == nil || !strings.Contains(err.Error(), says) || len(err.Error()) > 3000 {
			t.Errorf("%s: %v does not say %q", name, err, says)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "sssd"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := readConfig(filepath.Join(dir, "krb5.conf")); err == nil || !strings.Contains(err.Error(), "sssd can be written by others") {
		t.Error(err)
	}
}
