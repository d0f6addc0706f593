package cli_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/commandsec/commandsec-go/cmd/commandsec/internal/cli"
)

// run runs the program, and returns its exit status, standard output and standard error.
func run(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	status = cli.Run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

func TestPermissions(t *testing.T) {
	t.Parallel()
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
	for _, c := range []struct {
		args   string
		stdin  string
		status int
		want   string // a part of what it writes
	}{
		{"convert AdminPortal:Read Certificates:Read", "", 0, "AdminPortal:Read   /portal/read/  (inferred E3)\n                   source: vendor page POST Security Roles"},
		{"convert Auditing:Read", "", 0, "must work:       GET /Audit (takes /auditing/read/): 200\n"},
		{"convert API:Read", "", 3, "UNDECIDED: API:Read narrows the role. Write in the file of --overrides: API:Read | accept, - or paths | reason\n"},
		{"convert API:Read --accept API:Read", "", 0, "accepted by name\n"},
		{"convert WorkflowManagement:Manage --accept WorkflowManagement:Manage", "", 3, "accepted by name, which does not grant what is refused\n"},
		{"convert", "A:\nSSH:User\nWorkflowManagement:Manage\n", 3, "UNDECIDED: WorkflowManagement:Manage is refused. Write in the file of --overrides, below \"A:\" if it is for this role alone: WorkflowManagement:Manage | - or paths | reason\n"},
		{"convert Nonsense:X", "", 1, "UNDECIDED: Nonsense:X is unknown: correct it, or decide. Write in the file of --overrides: Nonsense:X | - or paths | reason\n"},
		{"convert API:Read --accept SSH:User,API:Read", "", 1, "unused acceptance: SSH:User is not among the names"},
		{"convert CertificateEnrollment:PendingCsr", "", 3, "UNDECIDED"},
		{"convert CertificateStoreManagement:EditMetadata", "", 3, "UNDECIDED"},
		{"convert -f " + roles, "", 3, "Role \"Approvers\"\n"},
		{"convert -f " + roles + " --overrides " + decided, "", 3, "UNDECIDED: CertificateEnrollment:PendingCsr"},
		{"convert -f " + roles + " --overrides " + decided + " --accept CertificateEnrollment:PendingCsr", "", 0, "lost: /certificates/collections/private_key/read/6/"},
		{"convert -f " + roles + " --overrides " + decided + " --refuse-widening", "", 3, "REFUSED: it widens the role"},
		{"convert --json -f " + roles, "", 3, `"undecided": [`},
		{"convert -f " + roles + " --overrides " + misspelled, "", 1, "did you mean API:Read?"},
		{"convert -f " + roles + " --overrides " + roles, "", 2, "line 2: what was decided is missing"},
		{"convert --overrides missing AdminPortal:Read", "", 1, "no such file"},
		{"convert --overlay missing AdminPortal:Read", "", 1, "no such file"},
		{"convert --min proven --overlay " + overlay + " AdminPortal:Read", "", 0, "the mapping is confirmed on the server, version 25.1, on 2026-01-31, by 57 roles, exactly\n"},
		{"convert --overlay " + overlay + " SSH:User", "", 3, "REFUSED: the mapping is refuted on the server"},
		{"convert --overlay " + broken + " SSH:User", "", 2, "commandsec: line 2: it has 1 column, not 6\n"},
		{"convert", "{\"Operators\": [\"AdminPortal:Read\"]}", 0, "Role \"Operators\"\n"},
		{"lint --accept --fix -f " + file + " --overlay x", "", 2, "overlay"},
		{"convert", "[\"AdminPortal:Read\", \"API:Read\"]", 3, "2 names: 1 converted, 1 dropped."},
		{"convert -f " + file, "", 0, `"AdminPortal: Read" = AdminPortal:Read`},
		{"convert --min documented AdminPortal:Read", "", 3, "REFUSED"},
		{"convert --on 11.3 CertificateStoreManagement:Revoke", "", 0, "NOT ON THIS VERSION"},
		{"convert --refuse-widening CertificateEnrollment:PendingCsr", "", 3, "REFUSED: it widens the role"},
		{"convert Nonsense", "", 1, "UNKNOWN"},
		{"convert /portal/read/", "", 0, "/portal/read/  AdminPortal:Read\n"},
		{"convert --json AdminPortal:Read", "", 0, `"confidence": "inferred"`},
		{"convert AdminPortal:Read --json", "", 0, `"confidence": "inferred"`},
		{"convert", "\ufeffAdminPortal:Read\r\nDashboard:Read\r\n", 0, "2 names: 2 converted."},
		{"convert AdminPortal:Read --on", "", 2, "needs an argument"},
		{"convert --on new AdminPortal:Read", "", 2, "not a version of Command; write it like 11.3"},
		{"convert AdminPortal:Read /portal/read/", "", 2, "not both"},
		{"convert --min certain AdminPortal:Read", "", 2, "certain"},
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
		{"explain --json nothing", "", 1, `"legacy": []`},
		{"lint /portal/read/ /certificates/collections/read/", "", 0, "nothing to report\n"},
		{"lint --exit-code /Portal/Read", "", 3, "error  form  /Portal/Read  is not in canonical form; write /portal/read/\n"},
		{"lint --exit-code", "/a b/\n", 3, `"/a b/"`},
		{"lint --exit-code", "[\" /auditing/read/\\n\"]", 3, `" /auditing/read/\n"  is not`},
		{"lint --exit-code", "/a\x1b[31m\u202e/\n", 3, `"/a\x1b[31m\u202e/"`},
		{"lint --exit-code --fix", "/a\x1b[31m/\n", 3, `"/a\x1b[31m/"`},
		{"explain", "\x1b[31mx\n", 1, `"\x1b[31mx" is not known here`},
		{"convert", "\x1b[31m:x\n", 1, `"\x1b[31m:x"`},
		{"diff /a/\x1b -- /b/", "", 2, `"/a/\x1b"`},
		{"lint -\x1b /a/", "", 2, `\x1b`},
		{"lint -f \x1b", "", 1, `\x1b`},
		{"lint /", "", 0, "warning  risky  /  grants every permission"},
		{"lint --exit-code --fix /Portal/Read", "", 0, "/portal/read/\n"},
		{"lint --exit-code --fix /Portal/Read /reports/raed/", "", 3, "--accept /reports/read/"},
		{"explain Dashbord:Read", "", 1, "\"Dashbord:Read\" is not known here; did you mean Dashboard:Read?"},
		{"explain /reports/raed/", "", 1, "\"/reports/raed/\" is not known here; did you mean /reports/read/?"},
		{"explain nothing", "", 1, "\"nothing\" is not known here\n"},
		{"diff before.txt -- after.txt", "", 2, "before.txt is not a path; diff takes paths"},
		{"lint --accept /ssl/read/ /ssl/modify/", "", 2, "goes with --fix"},
		{"lint --fix --accept /ssl/raed/ /ssl/modify/", "", 2, "--accept /ssl/raed/: nothing suggests it"},
		{"lint --fix --accept x//y /ssl/modify/", "", 2, "empty segment"},
		{"convert -f " + roles + " --overrides " + sections, "", 0, "Next: give the roles these paths, and make the test calls."},
		{"convert -f " + roles + " --overrides " + sections, "", 0, "  API:Read: accept, for role \"Operators\" only (\"nobody uses it\")\n"},
		{"convert --on 11.3 CertificateStoreManagement:Revoke", "", 0, "Next: look at what is NOT ON THIS VERSION; then give"},
		{"explain PkiManagement:Modify", "", 0, "can then no longer change the enrollment policy"},
		{"explain PrivilegedAccessManagement:Modify", "", 0, "unless the role also holds CertificateStoreManagement:Modify and SystemSettings:Read (On-Prem v10.1"},
		{"lint --json /portal/read/", "", 0, "[]\n"},
		{"lint --exit-code --inside /portal/,/ssl/ /portal/read/ /reports/read/", "", 3, "outside-set"},
		{"lint --inside x//y /portal/read/", "", 2, "empty segment"},
		{"diff /portal/read/ -- /portal/read/ /certificates/collections/revoke/6/", "", 0, "+ revoke certificates in collection 6\n"},
		{"diff -- /portal/read/", "", 0, "+ sign in to the Management Portal\n"},
		{"diff --json /portal/read/ --", "", 0, `"removed": [`},
		{"diff", "/portal/read/\n--\n/portal/\n", 0, "+ "},
		{"diff /portal/read/ -- /portal/read/", "", 0, "no change in effect\n"},
		{"diff /portal/read/", "", 2, "between the paths"},
		{"diff /a//b/ -- /c/", "", 2, "empty segment"},
		{"diff /a/ -- /c d/", "", 0, "+ do what /c/ grants"},
		{"lint -nonsense", "", 2, "nonsense"},
		{"lint -- /portal/read/", "", 0, "nothing to report\n"},
	} {
		status, stdout, stderr := run(t, c.stdin, strings.Fields("permissions "+c.args)...)
		if status == 2 && stdout != "" {
			t.Errorf("permissions %s: status 2 and output %q", c.args, stdout)
		}
		if status != c.status || !strings.Contains(stdout, c.want) && !strings.Contains(stderr, c.want) {
			t.Errorf("permissions %s: status %d, want %d, and %q in\n%s%s", c.args, status, c.status, c.want, stdout, stderr)
		}
		if strings.Contains(c.args, "--json") && !json.Valid([]byte(stdout)) {
			t.Errorf("permissions %s: not JSON:\n%s", c.args, stdout)
		}
	}
}

// What convert wants people to know beside its result is on standard error.
func TestConvertStreams(t *testing.T) {
	t.Parallel()
	const in = "A:\nCertificateEnrollment:PendingCsr\nB:\nNonsense:X\nAPI:Read\n"
	for args, want := range map[string]string{
		"--accept SSH:User": "1 name is unknown.\n1 decision is about no name of these roles.\n2 names give or take something, or are guesses, and nobody decided about them.\nNext: decide",
		"--accept API:Read,CertificateEnrollment:PendingCsr": "commandsec: role \"B\": unknown permission name: ",
		"--accept SSH:User AdminPortal:Read":                 "commandsec: unused acceptance: SSH:User is not among the names\n1 decision is about no name of these roles.\nNext: correct or remove",
		"API:Read":                                           "1 name gives or takes something, or is a guess, and nobody decided about it.\nNext: decide",
		"AdminPortal:Read":                                   "Next: give the roles",
	} {
		for _, form := range []string{"", " --json"} {
			_, stdout, stderr := run(t, in, strings.Fields("permissions convert "+args+form)...)
			if !strings.Contains(stderr, want) || strings.Contains(stdout, "commandsec: ") || form != "" && !json.Valid([]byte(stdout)) {
				t.Errorf("convert %s%s: want %q on standard error, got\n%s\nand on standard output\n%s", args, form, want, stderr, stdout)
			}
		}
	}
}

// A suggestion is taken if somebody names it.
func TestLintAccept(t *testing.T) {
	t.Parallel()
	const in = "/ssl/modify/\n/reports/raed/\n/certificates/requests/manag/\n"
	for _, c := range []struct{ accept, want, notes string }{
		{"", in, "Not accepted: /certificates/requests/manage/ instead of /certificates/requests/manag/, which lets the role approve"},
		{"/ssl/read/", "/ssl/modify/\n/reports/raed/\n/certificates/requests/manag/\n/ssl/read/\n", "Accepted: /ssl/read/ besides /ssl/modify/, which lets the role view SSL"},
		{"/reports/read/", "/ssl/modify/\n/reports/read/\n/certificates/requests/manag/\n", "; to take it, write --accept /ssl/read/\n"},
		{"/certificates/", "", "nothing suggests it"},
		{"Certificates/Requests/Manage,/reports/read/", "/ssl/modify/\n/reports/read/\n/certificates/requests/manage/\n", "(SENSITIVE: whoever approves"},
	} {
		args := []string{"permissions", "lint", "--fix"}
		if c.accept != "" {
			args = append(args, "--accept", c.accept)
		}
		if _, stdout, stderr := run(t, in, args...); stdout != c.want || !strings.Contains(stderr, c.notes) {
			t.Errorf("--accept %s: %q, %q, want %q, %q", c.accept, stdout, stderr, c.want, c.notes)
		}
	}
}

// full is an output that takes nothing more, like a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// Output that does not arrive is a failure, whatever the command found.
func TestOutputFails(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"permissions convert AdminPortal:Read", "permissions convert Nonsense", "permissions convert /portal/read/",
		"permissions convert API:Read", "permissions convert --json AdminPortal:Read", "permissions explain /",
		"permissions explain nothing", "permissions lint /portal/read/", "permissions lint --exit-code /Portal/Read",
		"permissions lint --fix /portal/read/", "permissions diff /a/ -- /b/", "permissions diff /a/ -- /a/", "version", "version --json",
		"simulate --roles 1",
	} {
		var stderr strings.Builder
		status := cli.Run(t.Context(), strings.Fields(args), strings.NewReader(""), full{}, &stderr)
		if status != 1 || stderr.String() != "commandsec: no space left on device\n" {
			t.Errorf("%s: status %d, %q", args, status, &stderr)
		}
	}
}

// Input that cannot be read is a failure too.
func TestInputFails(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	status := cli.Run(t.Context(), []string{"permissions", "lint"}, iotest.ErrReader(errors.New("device gone")), &stdout, &stderr)
	if status != 1 || stderr.String() != "commandsec: device gone\n" || stdout.Len() > 0 {
		t.Errorf("status %d, %q, %q", status, &stdout, &stderr)
	}
}
