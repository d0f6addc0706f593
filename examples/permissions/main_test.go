package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "role.txt")
	if err := os.WriteFile(file, []byte("# a role\nAdminPortal: Read\n\nCollections[6]:Read\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		stdin  string
		status int
		want   string // a part of standard output, or of standard error if it says something
	}{
		{"convert AdminPortal:Read Certificates:Read", "", 0, "AdminPortal:Read   /portal/read/  (inferred)\n"},
		{"convert", "[\"AdminPortal:Read\", \"API:Read\"]", 0, "2 names: 1 converted, 1 narrowing it, 1 dropped."},
		{"convert -f " + file, "", 0, `"AdminPortal: Read" = AdminPortal:Read`},
		{"convert -min documented AdminPortal:Read", "", 1, "REFUSED"},
		{"convert -on 11.3 CertificateStoreManagement:Revoke", "", 0, "NOT ON THIS VERSION"},
		{"convert -refuse-widening CertificateEnrollment:PendingCsr", "", 1, "REFUSED: it widens the role"},
		{"convert Nonsense", "", 1, "UNKNOWN"},
		{"convert /portal/read/", "", 0, "/portal/read/  AdminPortal:Read\n"},
		{"convert -json AdminPortal:Read", "", 0, `"confidence": "inferred"`},
		{"convert AdminPortal:Read -json", "", 0, `"confidence": "inferred"`},
		{"convert", "\ufeffAdminPortal:Read\r\nDashboard:Read\r\n", 0, "2 names: 2 converted."},
		{"convert AdminPortal:Read -on", "", 2, "needs an argument"},
		{"convert -on new AdminPortal:Read", "", 2, "not a Command version"},
		{"convert AdminPortal:Read /portal/read/", "", 2, "not both"},
		{"convert -min certain AdminPortal:Read", "", 2, "certain"},
		{"convert -f " + file + " AdminPortal:Read", "", 2, "not both"},
		{"convert -f " + file + ".missing", "", 1, "no such file"},
		{"convert", "[1]", 2, "array of strings"},
		{"convert", " \n", 2, "no permissions given"},
		{"explain /certificates/collections/revoke/6/", "", 0, "revoke certificates in collection 6\n"},
		{"explain", "Manage Pending CSRs\n", 0, "can then approve and deny certificate requests, unless the role also holds WorkflowManagement:Participate"},
		{"explain API:Read", "", 0, "none: Guards the Classic (CMS) API"},
		{"explain PAM", "", 0, "/pam/modify/\n"},
		{"explain nothing", "", 1, `"nothing" is not known here`},
		{"explain -json nothing", "", 1, `"legacy": []`},
		{"lint /portal/read/ /certificates/collections/read/", "", 0, "nothing to report\n"},
		{"lint /Portal/Read", "", 1, "error  form  /Portal/Read  is not in canonical form; write /portal/read/\n"},
		{"lint", "/a b/\n", 1, `"/a b/"`},
		{"lint", "[\" /auditing/read/\\n\"]", 1, `" /auditing/read/\n"  is not`},
		{"lint", "/a\x1b[31m\u202e/\n", 1, `"/a\x1b[31m\u202e/"`},
		{"lint -fix", "/a\x1b[31m/\n", 1, `"/a\x1b[31m/"`},
		{"explain", "\x1b[31mx\n", 1, `"\x1b[31mx" is not known here`},
		{"convert", "\x1b[31m:x\n", 1, `"\x1b[31m:x"`},
		{"diff /a/\x1b -- /b/", "", 2, `"/a/\x1b"`},
		{"-\x1b", "", 2, `"-\x1b"`},
		{"lint -\x1b /a/", "", 2, `\x1b`},
		{"lint -f \x1b", "", 1, `\x1b`},
		{"lint /", "", 0, "warning  risky  /  grants every permission"},
		{"lint -fix /Portal/Read", "", 1, "/portal/read/\n"},
		{"lint -fix /ssl/modify/ /reports/raed/", "", 1, "/ssl/modify/\n/reports/raed/\n"},
		{"lint -fix -accept /ssl/modify/ /reports/raed/", "", 1, "/ssl/modify/\n/reports/read/\n/ssl/read/\n"},
		{"lint -accept /ssl/modify/", "", 2, "goes with -fix"},
		{"explain PkiManagement:Modify", "", 0, "can then no longer change the enrollment policy"},
		{"explain PrivilegedAccessManagement:Modify", "", 0, "unless the role also holds CertificateStoreManagement:Modify and SystemSettings:Read (On-Prem v10.1"},
		{"lint -json /portal/read/", "", 0, "[]\n"},
		{"lint -inside /portal/,/ssl/ /portal/read/ /reports/read/", "", 1, "outside-set"},
		{"lint -inside x//y /portal/read/", "", 2, "empty segment"},
		{"diff /portal/read/ -- /portal/read/ /certificates/collections/revoke/6/", "", 0, "+ revoke certificates in collection 6\n"},
		{"diff -- /portal/read/", "", 0, "+ sign in to the Management Portal\n"},
		{"diff -json /portal/read/ --", "", 0, `"removed": [`},
		{"diff", "/portal/read/\n--\n/portal/\n", 0, "+ "},
		{"diff /portal/read/ -- /portal/read/", "", 0, "no change in effect\n"},
		{"diff /portal/read/", "", 2, "between the paths"},
		{"diff /a//b/ -- /c/", "", 2, "empty segment"},
		{"diff /a/ -- /c d", "", 0, "+ do what /c/ grants"},
		{"-h", "", 0, "Exit status"},
		{"", "", 2, "unknown command"},
		{"help", "", 0, "Exit status"},
		{"lint -h", "", 0, "Usage:"},
		{"delete everything", "", 2, "unknown command"},
		{"lint -nonsense", "", 2, "nonsense"},
		{"lint -- /portal/read/", "", 0, "nothing to report\n"},
	} {
		var stdout, stderr strings.Builder
		status := run(strings.Fields(c.args), strings.NewReader(c.stdin), &stdout, &stderr)
		got := stdout.String()
		if stderr.Len() > 0 {
			got = stderr.String()
		}
		if c.status == 0 && stderr.Len() > 0 || c.status == 2 && stdout.Len() > 0 {
			t.Errorf("permissions %s: status %d, output %q, errors %q", c.args, status, &stdout, &stderr)
		}
		if status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("permissions %s: status %d, want %d, and %q in\n%s", c.args, status, c.status, c.want, got)
		}
		if strings.Contains(c.args, "-json") && !json.Valid([]byte(stdout.String())) {
			t.Errorf("permissions %s: not JSON:\n%s", c.args, &stdout)
		}
	}
}

// full is an output that takes nothing more, like a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// Output that does not arrive is a failure, whatever the command found.
func TestOutputFails(t *testing.T) {
	for _, args := range []string{
		"convert AdminPortal:Read", "convert Nonsense", "convert /portal/read/", "convert -json AdminPortal:Read", "explain /", "explain -json /",
		"explain nothing", "lint /portal/read/", "lint /Portal/Read", "lint -fix /portal/read/", "lint -json /portal/read/",
		"diff /a/ -- /b/", "diff /a/ -- /a/", "diff -json /a/ --", "help", "lint -h",
	} {
		var stderr strings.Builder
		if status := run(strings.Fields(args), strings.NewReader(""), full{}, &stderr); status != 1 || stderr.String() != "permissions: no space left on device\n" {
			t.Errorf("permissions %s: status %d, %q", args, status, &stderr)
		}
	}
}

// Input that cannot be read is a failure too.
func TestInputFails(t *testing.T) {
	var stdout, stderr strings.Builder
	status := run([]string{"lint"}, iotest.ErrReader(errors.New("device gone")), &stdout, &stderr)
	if status != 1 || stderr.String() != "permissions: device gone\n" || stdout.Len() > 0 {
		t.Errorf("status %d, %q, %q", status, &stdout, &stderr)
	}
}
