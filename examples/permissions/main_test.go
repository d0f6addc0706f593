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
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	file := write("role.txt", "# a role\nAdminPortal: Read\n\nCollections[6]:Read\n")
	roles := write("roles.txt", "Operators:\nAdminPortal:Read\nAPI:Read\n\nApprovers:\nCertificateEnrollment:PendingCsr\nCollections[6]:Recover\n")
	decided := write("overrides.txt", "API:Read | - | gone\nCollections[{id}]:Recover | - | no keys\n")
	sections := write("sections.txt", "Operators:\nAPI:Read | accept | nobody uses it\nApprovers:\nCertificateEnrollment:PendingCsr | - | owner\nCollections[6]:Recover | - |\n")
	misspelled := write("misspelled.txt", "APY:Read | - | gone\n")
	overlay := write("overlay.txt", "AdminPortal:Read | /portal/read/ | confirmed exactly | 25.1 | 2026-01-31 | 57\nSSH:User | /ssh/user/ | refuted | - | - | -\n")
	broken := write("broken.txt", "AdminPortal:Read | /portal/read/ | certain | - | - | -\nAPI:Read\n")
	server := write("server.json", `{"known": ["/portal/read/", "/auditing/read/"], "roles": [
		{"role": "secret", "names": ["AdminPortal:Read", "Auditing:Read"], "paths": ["/portal/read/", "/auditing/read/"]},
		{"role": "secret too", "names": ["AdminPortal:Read"], "paths": ["/portal/read/"], "exact": true}]}`)
	for _, c := range []struct {
		args   string
		stdin  string
		status int
		want   string // a part of standard output or standard error
	}{
		{"convert AdminPortal:Read Certificates:Read", "", 0, "AdminPortal:Read   /portal/read/  (inferred E3)\n                   source: vendor page POST Security Roles"},
		{"convert Auditing:Read", "", 0, "must work:       GET /Audit (takes /auditing/read/): 200\n"},
		{"convert API:Read", "", 3, "UNDECIDED: API:Read narrows the role. Write in the file of -overrides: API:Read | accept, - or paths | reason\n"},
		{"convert", "A:\nSSH:User\nWorkflowManagement:Manage\n", 1, "UNDECIDED: WorkflowManagement:Manage is refused. Write in the file of -overrides, below \"A:\" if it is for this role alone: WorkflowManagement:Manage | - or paths | reason\n"},
		{"convert Nonsense:X", "", 1, "UNDECIDED: Nonsense:X is unknown: correct it, or decide. Write in the file of -overrides: Nonsense:X | - or paths | reason\n"},
		{"convert API:Read -accept API:Read", "", 0, "accepted by name\n"},
		{"convert WorkflowManagement:Manage -accept WorkflowManagement:Manage", "", 1, "accepted by name, which does not grant what is refused\n"},
		{"convert API:Read -accept SSH:User,API:Read", "", 1, "unused acceptance: SSH:User is not among the names"},
		{"convert CertificateEnrollment:PendingCsr", "", 3, "UNDECIDED"},
		{"convert CertificateStoreManagement:EditMetadata", "", 3, "UNDECIDED"},
		{"convert -f " + roles, "", 3, "Role \"Approvers\"\n"},
		{"convert -f " + roles + " -overrides " + decided, "", 3, "UNDECIDED: CertificateEnrollment:PendingCsr"},
		{"convert -f " + roles + " -overrides " + decided + " -accept CertificateEnrollment:PendingCsr", "", 0, "lost: /certificates/collections/private_key/read/6/"},
		{"convert -f " + roles + " -overrides " + decided + " -refuse-widening", "", 1, "REFUSED: it widens the role"},
		{"convert -json -f " + roles, "", 3, `"undecided": [`},
		{"convert -f " + roles + " -overrides " + misspelled, "", 1, "did you mean API:Read?"},
		{"convert -f " + roles + " -overrides " + roles, "", 2, "line 2: what was decided is missing"},
		{"convert -overrides missing AdminPortal:Read", "", 1, "no such file"},
		{"convert -overlay missing AdminPortal:Read", "", 1, "no such file"},
		{"convert -min proven -overlay " + overlay + " AdminPortal:Read", "", 0, "the mapping is confirmed on the server, version 25.1, on 2026-01-31, by 57 roles, exactly\n"},
		{"convert -overlay " + overlay + " SSH:User", "", 1, "REFUSED: the mapping is refuted on the server"},
		{"convert -overlay " + broken + " SSH:User", "", 2, "permissions: line 2: it has 1 column, not 6\n"},
		{"convert", "{\"Operators\": [\"AdminPortal:Read\"]}", 0, "Role \"Operators\"\n"},
		{"convert -f " + server, "", 0, "Role \"secret too\"\n"},
		{"prove -f " + server, "", 0, "confirmed   AdminPortal:Read"},
		{"prove -json -f " + server, "", 0, `"verdict": "confirmed"`},
		{"prove -redact -f " + server, "", 0, "\nAdminPortal:Read | /portal/read/ | confirmed exactly | - | - | -\n"},
		{"prove -experiment -f " + server, "", 0, "on a test server"},
		{"prove -f " + server + " -on 25.1 -date 2026-01-31 -out " + filepath.Join(dir, "proof.txt"), "", 0, "Next: permissions convert -overlay "},
		{"prove -f " + server + " -out " + filepath.Join(dir, "missing", "proof.txt"), "", 1, "no such file"},
		{"prove -f " + server + " -on new", "", 2, "not a Command version"},
		{"prove -f " + server + " -date today", "", 2, "write it like 2026-01-31"},
		{"prove -f " + roles, "", 2, "not a list of observations"},
		{"prove AdminPortal:Read", "", 2, "not arguments"},
		{"lint -accept -fix -f " + file + " -overlay x", "", 2, "overlay"},
		{"convert", "[\"AdminPortal:Read\", \"API:Read\"]", 3, "2 names: 1 converted, 1 dropped."},
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
		{"convert", "[1]", 2, "not an array of names"},
		{"lint", "[1]", 2, "array of strings"},
		{"convert", " \n", 2, "no names given"},
		{"lint", " \n", 2, "no permissions given"},
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
		{"lint -fix /Portal/Read", "", 0, "/portal/read/\n"},
		{"lint -fix /Portal/Read /reports/raed/", "", 1, "-accept /reports/read/"},
		{"lint -fix -inside /ssl/ /Portal/Read", "", 1, "/portal/read/\n"},
		{"diff before.txt -- after.txt", "", 2, "\"before.txt\" is not a path; diff takes paths"},
		{"lint -accept /ssl/read/ /ssl/modify/", "", 2, "goes with -fix"},
		{"lint -fix -accept /ssl/raed/ /ssl/modify/", "", 2, "-accept /ssl/raed/: nothing suggests it"},
		{"lint -fix -accept x//y /ssl/modify/", "", 2, "empty segment"},
		{"prove -experiment -redact -f " + server, "", 2, "call prove once for each"},
		{"prove -experiment -out x.txt -f " + server, "", 2, "call prove once for each"},
		{"convert -f " + roles + " -overrides " + sections, "", 0, "\nExit status 0: each name is converted as it is, or somebody decided about it. Next: "},
		{"convert -f " + roles + " -overrides " + sections, "", 0, "  API:Read: accept, for role \"Operators\" only (\"nobody uses it\")\n"},
		{"convert -on 11.3 CertificateStoreManagement:Revoke", "", 0, "Next: look at what is NOT ON THIS VERSION; then"},
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
		{"diff /a/ -- /c d/", "", 0, "+ do what /c/ grants"},
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
		got := stdout.String() + stderr.String()
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

// What is sent to others has no role, id or date; the overlay has what converting needs.
func TestProve(t *testing.T) {
	dir := t.TempDir()
	in := `{"known": ["/portal/read/"], "roles": [{"role": "secret", "names": ["AdminPortal:Read", "Collections[4711]:Read"], "paths": ["/portal/read/", "/certificates/collections/read/4711/"]}]}`
	overlay := filepath.Join(dir, "overlay.txt")
	for _, args := range []string{"prove -redact -on 25.1", "prove -redact -json", "prove -on 25.1 -date 2026-01-31 -out " + overlay} {
		var stdout, stderr strings.Builder
		if status := run(strings.Fields(args), strings.NewReader(in), &stdout, &stderr); status != 0 {
			t.Fatalf("permissions %s: status %d, %s", args, status, &stderr)
		}
		for _, secret := range []string{"secret", "4711", "25.1", "2026"} {
			if strings.Contains(args, "redact") && strings.Contains(stdout.String(), secret) {
				t.Errorf("permissions %s tells %s:\n%s", args, secret, &stdout)
			}
		}
	}
	text, err := os.ReadFile(overlay)
	if err != nil || !strings.Contains(string(text), "\nCollections[{id}]:Read | /certificates/collections/read/{id}/ | consistent | 25.1 | 2026-01-31 | 1\n") {
		t.Errorf("%v, %s", err, text)
	}
}

// Results are on standard output, with the meaning of the exit status in the last line; errors are on standard error.
func TestStreams(t *testing.T) {
	const in = "A:\nCertificateEnrollment:PendingCsr\nB:\nNonsense:X\nAPI:Read\n"
	for _, c := range []struct{ args, last, notes string }{
		{
			"convert -accept SSH:User",
			"Exit status 1: 1 name is refused or unknown; 1 decision is about no name of these roles; 2 names give or take something, or are guesses, and nobody decided about them. Next: decide",
			"permissions: unused acceptance: SSH:User is not among the names\npermissions: role \"B\": unknown permission name: \"Nonsense:X\" is not a permission that is known here\n",
		},
		{"convert -accept API:Read,CertificateEnrollment:PendingCsr", "Exit status 1: 1 name is refused or unknown. Next: decide", "permissions: role \"B\": unknown permission name"},
		{"convert -accept SSH:User AdminPortal:Read", "Exit status 1: 1 decision is about no name of these roles. Next: correct or remove", "permissions: unused acceptance"},
		{"convert API:Read", "Exit status 3: 1 name gives or takes something, or is a guess, and nobody decided about it. Next: decide", ""},
		{"convert AdminPortal:Read", "Exit status 0: ", ""},
	} {
		var stdout, stderr, asJSON, meaning strings.Builder
		run(strings.Fields(c.args), strings.NewReader(in), &stdout, &stderr)
		lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, c.last) {
			t.Errorf("permissions %s: %q, want %q", c.args, last, c.last)
		}
		if !strings.HasPrefix(stderr.String(), c.notes) || c.notes == "" && stderr.Len() > 0 || strings.Contains(stdout.String(), "permissions: ") {
			t.Errorf("permissions %s: %q on standard error, want %q; on standard output\n%s", c.args, &stderr, c.notes, &stdout)
		}
		run(strings.Fields(c.args+" -json"), strings.NewReader(in), &asJSON, &meaning)
		if wrong := !strings.HasPrefix(c.last, "Exit status 0"); !json.Valid([]byte(asJSON.String())) || strings.Contains(meaning.String(), c.last) != wrong {
			t.Errorf("permissions %s -json: %q, %q", c.args, &asJSON, &meaning)
		}
	}
}

// Only the suggestions that somebody named are taken, and what they let the role do is said.
func TestLintAccept(t *testing.T) {
	const in = "/ssl/modify/\n/reports/raed/\n/certificates/requests/manag/\n"
	for _, c := range []struct{ accept, want, notes string }{
		{"", in, "not accepted: /certificates/requests/manage/ instead of /certificates/requests/manag/, which lets the role approve"},
		{"/ssl/read/", "/ssl/modify/\n/reports/raed/\n/certificates/requests/manag/\n/ssl/read/\n", "accepted: /ssl/read/ besides /ssl/modify/, which lets the role view SSL"},
		{"/reports/read/", "/ssl/modify/\n/reports/read/\n/certificates/requests/manag/\n", "; to take it, write -accept /ssl/read/\n"},
		{"/certificates/", "", "nothing suggests it"},
		{"Certificates/Requests/Manage,/reports/read/", "/ssl/modify/\n/reports/read/\n/certificates/requests/manage/\n", "accepted: /certificates/requests/manage/ instead of /certificates/requests/manag/, which lets the role approve and deny certificate requests and handle pending CSRs (SENSITIVE: whoever approves"},
	} {
		args := []string{"lint", "-fix"}
		if c.accept != "" {
			args = append(args, "-accept", c.accept)
		}
		var stdout, stderr strings.Builder
		run(args, strings.NewReader(in), &stdout, &stderr)
		if stdout.String() != c.want || !strings.Contains(stderr.String(), c.notes) {
			t.Errorf("-accept %s: %q, %q, want %q, %q", c.accept, &stdout, &stderr, c.want, c.notes)
		}
	}
}

// What is redacted is redacted in the file, too.
func TestRedactedFile(t *testing.T) {
	const in = `{"known": ["/portal/read/"], "roles": [{"role": "secret", "names": ["AdminPortal:Read"], "paths": ["/portal/read/"]}]}`
	file := filepath.Join(t.TempDir(), "overlay.txt")
	var stdout, stderr strings.Builder
	status := run([]string{"prove", "-redact", "-on", "25.1", "-out", file}, strings.NewReader(in), &stdout, &stderr)
	text, err := os.ReadFile(file)
	if status != 0 || err != nil || string(text) != stdout.String() || strings.Contains(string(text), "25.1") || !strings.Contains(string(text), "AdminPortal:Read") {
		t.Errorf("%d, %v, %q, want %q", status, err, text, &stdout)
	}
}

// full is an output that takes nothing more, like a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// Output that does not arrive is a failure, whatever the command found.
func TestOutputFails(t *testing.T) {
	for _, args := range []string{
		"convert AdminPortal:Read", "convert Nonsense", "convert API:Read", "convert /portal/read/", "convert -json AdminPortal:Read", "explain /", "explain -json /",
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
