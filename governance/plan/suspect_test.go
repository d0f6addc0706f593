package plan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

// refused is why there is no plan of a text.
func refused(s *snapshot.Snapshot, text string, opts *Options) string {
	d, err := parseDesired("x.yaml", []byte(text), nil)
	if err == nil {
		_, err = Make(s, d, opts)
	}
	return fmt.Sprint(err)
}

// role finds a role of a snapshot.
func role(t *testing.T, s *snapshot.Snapshot, name string) *snapshot.Role {
	t.Helper()
	at := slices.IndexFunc(s.Roles, func(r snapshot.Role) bool { return r.Name == name })
	if at < 0 {
		t.Fatalf("there is no role %s", name)
	}
	return &s.Roles[at]
}

// TestSuspectNames: what is probably a slip of the pen is refused, or warned about.
func TestSuspectNames(t *testing.T) {
	t.Parallel()
	unread := story()
	unread.Gaps = append(unread.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonRefused})
	for _, c := range []struct {
		text string
		s    *snapshot.Snapshot
		want string
	}{
		{"roles:\n- name: Pool\n  was: Operator", story(), `x.yaml:3:8: there is no role "Operator" to be renamed to "Pool", nor one of that name already; if the role is new, leave was out; did you mean "Operators"?`},
		{"roles:\n- name: Pool\n  was: Readers", legacyStory(), `x.yaml:3:8: there is no role "Readers"`},
		{"roles: [{name: Operators, was: Operator}]", story(), "<nil>"}, // renamed already
		{"roles: [{name: Pool, was: Operator}]", unread, "<nil>"},       // perhaps there is one
		{"roles: [{name: 'Pool '}]", story(), `x.yaml:1:16: the name of the role must not begin or end with a space`},
		{"roles: [{name: ' Pool', was: Operators}]", story(), `the name of the role must not begin or end with a space`},
		{"permissionSets: [{name: ' Mine'}]", story(), "the name of the permission set must not begin or end with a space"},
		{"claims: [{type: OAuthRole, value: 'x ', scheme: Entra}]", story(), "the value of the claim must not begin or end with a space"},
		{"roles: [{name: Operators, existing: add, holders: [{identity: ' x', type: User}]}]", story(), "the account must not begin or end with a space"},
	} {
		if got := refused(c.s, c.text, nil); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
	spaced := story()
	role(t, spaced, "Auditors").Name += " " // one that is there may be named
	if got := refused(spaced, "roles: [{name: 'Auditors ', permissions: []}]", nil); got != "<nil>" {
		t.Errorf("a role that is there: %s", got)
	}
}

func TestAbsentMisspelled(t *testing.T) {
	t.Parallel()
	s := story()
	role(t, s, "Old operators").Name = "Team 1"
	s = s.Sorted()
	for text, want := range map[string]string{
		"roles: [Auditor]":                                         `The role "Auditor", which should be absent, is not there; did you mean "Auditors"? See x.yaml:1:18.` + "\n",
		"roles: ['operators ']":                                    `did you mean "Operators"?`,
		"permissionSets: [Operationa]":                             `The permission set "Operationa", which should be absent, is not there; did you mean "Operational"?`,
		"claims: ['OAuthRole:audits@Entra']":                       `The claim "OAuthRole audits (Entra)", which should be absent, is not there; did you mean "OAuthRole audit (Entra)"?`,
		`identities: ['KEYEXAMPLE\jsmit']`:                         `The identity "KEYEXAMPLE\jsmit", which should be absent, is not there; did you mean "KEYEXAMPLE\jsmith"?`,
		`identities: [{identity: 'KEYEXAMPLE\jsmit', type: User}]`: `did you mean "KEYEXAMPLE\jsmith"?`,
		"roles: [Gone]":                                            "",
		"roles: [Team 2]":                                          "", // another number is another name
	} {
		p := plan(t, s, "absent: {"+text+"}", nil)
		if got := said(p, CodeAbsent); want == "" && got != "" || !strings.Contains(got, want) || !p.Empty() {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestMixedScripts(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"\u0410dministrator": true, "Help D\u0435sk": true, "\u0391dmin": true, // Cyrillic, and Greek
		"Administrator2": false, "\u0410\u0443\u0434\u0438\u0442 PKI": false, "\u30c1\u30fc\u30e0\u7d44": false, "Prüfer": false,
	} {
		for _, text := range []string{"roles: [{name: '%s'}]", "roles: [{name: '%s', was: Auditors}]", "permissionSets: [{name: '%s'}]"} {
			p := plan(t, story(), fmt.Sprintf(text, name), nil)
			if got := said(p, CodeScripts) != ""; got != want {
				t.Errorf(text+": %v, want %v", name, got, want)
			}
		}
	}
	if p := plan(t, story(), "roles: [{name: Auditors, permissions: []}]", nil); said(p, CodeScripts) != "" {
		t.Error("a role that is there is warned about")
	}
}

// TestNewAdmins: who gets the right to change security is told, whichever way it comes.
func TestNewAdmins(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"roles: [{name: Auditors, permissions: [/]}]":                                                                                        `Through the role "Auditors", "OAuthRole audit (Entra)" can change security afterwards, and could not before`,
		"roles: [{name: Auditors, permissions: [/security/]}]":                                                                               `"OAuthRole audit (Entra)"`,
		"roles: [{name: Administrator, existing: add, holders: ['OAuthRole:audit@Entra']}]":                                                  `Through the role "Administrator", "OAuthRole audit (Entra)"`,
		"roles: [{name: New, permissions: [/security/modify/], holders: ['OAuthRole:new@Entra']}]":                                           `Through the role "New", "OAuthRole new (Entra)"`,
		"roles: [{name: New, permissions: [/security/modify/], holders: ['OAuthRole:pki@Entra']}]":                                           "", // could before
		"roles: [{name: Auditors, permissions: [/security/read/]}]":                                                                          "",
		"roles: [{name: Auditors, permissionSet: Mine, permissions: [/security/modify/]}]\npermissionSets: [{name: Mine, permissions: [/]}]": "", // outside of Global
	} {
		p := plan(t, story(), text, nil)
		got := said(p, CodeAdmin)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestHiddenTexts: nobody reviews what does not show.
func TestHiddenTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"roles:\n- name: R\n  description: \"a\\eb\"":                                               "x.yaml:3:16: the description must not hold control or invisible characters",
		"roles:\n- name: R\n  description: \"a\\u202Eb\"":                                           "x.yaml:3:16: the description must not hold",
		"roles: [{name: R, description: \"two\\nlines\"}]":                                          "<nil>",
		"roles:\n- name: R\n  email: \"a@b.c\\nBcc: x@y\"":                                          "x.yaml:3:10: the e-mail address must not hold control or invisible characters",
		"roles:\n- name: R\n  email: nobody":                                                        `x.yaml:3:10: the e-mail address must have the form name@domain; write "" if there should be none`,
		"roles: [{name: R, email: \"\"}]":                                                           "<nil>",
		"roles: [{name: R, email: \"a@b.c; d@e.f\"}]":                                               "<nil>", // the server decides
		"claims: [{type: 6, value: x, scheme: Entra, description: \"\\u200B\"}]":                    "the description of the claim must not hold",
		"roles: [{name: R, holders: [{type: 6, value: x, scheme: Entra, description: \"a\\tb\"}]}]": "the description of the claim must not hold",
	} {
		if got := refused(story(), text, nil); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestExportHidden: what a server has of such texts is left out, names show as escapes,
// and the file leads to an empty plan.
func TestExportHidden(t *testing.T) {
	t.Parallel()
	s := story()
	auditors := role(t, s, "Auditors")
	auditors.Description, auditors.EmailAddress = "a\x1b[2Jb", "nobody"
	role(t, s, "Operators").Description = "two\nlines"
	role(t, s, "Old operators").Name = "Old\u202eoperators \U000e0041"
	s.Claims[0].Description, s.Claims[4].Description = "\u2066", "\u2066"
	d, err := Export(s)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := d.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`# The description of the role "Auditors" is left out, and so stays as it is: it must not hold control`,
		`# The e-mail address of the role "Auditors" is left out, and so stays as it is: it must have the form`,
		`# The description of the claim "`, `name: "Old\u202Eoperators \U000E0041"`, `description: "two\nlines"`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %s", want)
		}
	}
	if strings.ContainsAny(b.String(), "\u202e\u2066\x1b\U000e0041") {
		t.Errorf("something does not show:\n%q", &b)
	}
	if p := plan(t, s, b.String(), nil); !p.Empty() {
		t.Errorf("%s\n%s", outcome(p), &b)
	}
}

// TestUnusedDecisions: a decision that is about no name is a slip of the pen.
func TestUnusedDecisions(t *testing.T) {
	t.Parallel()
	const text = "roles: [{name: New, permissions: ['CertificateEnrollment:PendingCsr']}]"
	for decision, want := range map[string]string{
		"CertificateEnrollment:PendingCsr | - | why":         "<nil>",
		"CertificateEnrollment:PendingCsrs | - | why":        `the decision about the version 1 name "CertificateEnrollment:PendingCsrs" is used nowhere: no role has this name`,
		"New:\nCertificateEnrollment:PendingCsr | - | why":   "<nil>",
		"Other:\nCertificateEnrollment:PendingCsr | - | why": `is used nowhere: the role "Other" of the desired state does not have this name`,
		"AdminPortal:Read | accept | why":                    "<nil>", // of a role that is there
	} {
		decisions, err := permissions.ParseDecisions([]byte(decision + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		s := story()
		role(t, s, "Operators").Names = []permissions.Legacy{"AdminPortal:Read"}
		if got := refused(s, text, &Options{Convert: &permissions.ConvertOptions{Decisions: decisions}}); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", decision, got, want)
		}
	}
}

// TestPageOfOldServer: what a version of Command does not have is not missing.
func TestPageOfOldServer(t *testing.T) {
	t.Parallel()
	r := plan(t, legacyStory(), "roles: [{name: Operators, holders: []}]", nil).Report()
	notes := fmt.Sprint(r.Notes)
	if len(r.Gaps) != 0 || !strings.Contains(notes, "This server does not have: claims; roles, version 2.") {
		t.Errorf("got %v, %s", r.Gaps, notes)
	}
}

// TestKeysOfFindings: each finding of a page has its own.
func TestKeysOfFindings(t *testing.T) {
	t.Parallel()
	r := plan(t, story(), "roles: [{name: Auditors, permissions: [/odd/one/, /odd/two/]}]", nil).Report()
	seen := map[string]bool{}
	for i := range r.Findings {
		if key := r.Findings[i].Key(); seen[key] {
			t.Errorf("%s is there twice", key)
		} else {
			seen[key] = true
		}
	}
	if len(seen) < 2 {
		t.Errorf("there are %d findings", len(seen))
	}
}
