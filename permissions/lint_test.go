package permissions_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/permissions"
)

// accept accepts every suggestion.
func accept(findings []permissions.Finding) []permissions.Finding {
	out := slices.Clone(findings)
	for i, f := range out {
		out[i] = f.Accept()
	}
	return out
}

func TestLint(t *testing.T) {
	const guid = "6cbdb8ee-e4f5-4f44-a7f6-5d1d0d9b1c11"
	for _, c := range []struct {
		in   []permissions.Path
		want string             // the findings, without their texts; the one about the portal is left out
		text string             // a part of what they say
		fix  []permissions.Path // with every suggestion accepted
	}{
		{paths("/portal/read/", "/certificates/collections/read/"), "", "", nil},
		{nil, "", "", nil},
		// Form.
		{paths("/Portal/Read"), "error form /Portal/Read", "write /portal/read/", paths("/portal/read/")},
		{paths(" /auditing/read/ "), "error form  /auditing/read/ ", "write /auditing/read/", paths("/auditing/read/")},
		{paths("/a b/"), "error malformed /a b/", "space", paths("/a b/")},
		{paths(""), "error malformed ", "empty", paths("")},
		{paths("Certificates:Read"), "error malformed Certificates:Read", "converted first", paths("Certificates:Read")},
		// Redundancy.
		{paths("/reports/", "/reports/read/"), "error redundant /reports/read/", "/reports/ covers it", paths("/reports/")},
		{paths("/reports/read/", "/reports/"), "error redundant /reports/read/", "/reports/ covers it", paths("/reports/")},
		{paths("/ssl/read/", "/ssl/read/"), "error redundant /ssl/read/", "listed already", paths("/ssl/read/")},
		{paths("/ssl/read/", "/reports/read/", "/ssl/read/"), "error redundant /ssl/read/", "", paths("/ssl/read/", "/reports/read/")},
		{paths("/ssl/read/", "/SSL/read/"), "error redundant /SSL/read/", "listed already", paths("/ssl/read/")},
		{paths("/SSL/read/", "/ssl/read/"), "error form /SSL/read/; error redundant /ssl/read/", "", paths("/ssl/read/")},
		{paths("x y", "x y"), "error malformed x y; error malformed x y; error redundant x y", "", paths("x y")},
		{paths("/certificates/collections/read/", "/certificates/collections/read/6/"), "error redundant /certificates/collections/read/6/", "", paths("/certificates/collections/read/")},
		{paths("/certificates/collections/read/6/", "/certificates/collections/read/60/"), "", "", nil},
		// Spelling.
		{paths("/certificates/collections/raed/"), "error misspelled /certificates/collections/raed/", "/certificates/collections/read/ is", paths("/certificates/collections/read/")},
		{
			paths("/certificates/collections/read/", "/certificates/collections/delte/6/"), "error misspelled /certificates/collections/delte/6/; warning risky /certificates/collections/delte/6/",
			"/certificates/collections/delete/6/ is",
			paths("/certificates/collections/read/", "/certificates/collections/delete/6/"),
		},
		{paths("/enrollment_patterns/read/"), "error misspelled /enrollment_patterns/read/", "/enrollment_pattern/read/", paths("/enrollment_pattern/read/")},
		{
			paths("/agents/auto-registration/read/", "/agents/management/read/"), "error misspelled /agents/auto-registration/read/", "/agents/auto_registration/read/",
			paths("/agents/auto_registration/read/", "/agents/management/read/"),
		},
		{paths("/certificates/enrollment/csr/generation/"), "error misspelled /certificates/enrollment/csr/generation/", "ask the server", paths("/certificates/enrollment/csr_generation/")},
		{paths("/reports/", "/report/read/"), "error misspelled /report/read/", "/reports/read/", paths("/reports/")},
		{paths("/certificates/read/"), "warning unknown /certificates/read/", "did you mean /certificates/collections/read/?", nil},
		{paths("/metadata/modify/"), "warning unknown /metadata/modify/", "did you mean /metadata/types/modify/?", nil},
		{paths("/pma/"), "warning unknown /pma/", "did you mean /pam/?", nil},
		{paths("/certificates/enrollment/pxr/"), "warning unknown /certificates/enrollment/pxr/", "did you mean /certificates/enrollment/", nil},
		{paths("/quantum/read/"), "warning unknown /quantum/read/", "later versions", nil},
		{paths("/foo/"), "warning unknown /foo/", "later versions", nil},
		{paths("/certificates/import/6/"), "warning unknown /certificates/import/6/", "takes no id", nil},
		{paths("/identity_providers/read/6/"), "warning unknown /identity_providers/read/6/", "a GUID", nil},
		{paths("/identity_provider/read/6/"), "warning unknown /identity_provider/read/6/", "later versions", nil},
		{paths("/identity_provider/read/" + guid + "/"), "error misspelled /identity_provider/read/" + guid + "/", "/identity_providers/read/" + guid + "/ is", nil},
		{paths("/identity_providers/read/" + guid + "/"), "", "", nil},
		{paths("/pam/read/" + guid + "/"), "warning unknown /pam/read/" + guid + "/", "a PAM provider, which is a whole number", nil},
		// Risk.
		{paths("/"), "warning risky /", "every permission", nil},
		{paths("/security/"), "warning risky /security/", "includes /security/modify/ (can give itself", nil},
		{paths("/security/read/", "/security/modify/"), "warning risky /security/modify/", "Global permission set", nil},
		{paths("/certificates/collections/read/", "/certificates/collections/private_key/read/6/"), "warning risky /certificates/collections/private_key/read/6/", "private keys", nil},
		{paths("/certificates/"), "warning risky /certificates/", "/certificates/collections/private_key/read/ (hands out private keys)", nil},
		// Companions.
		{paths("/application_settings/modify/"), "", "", paths("/application_settings/modify/")}, // the API needs no more
		{paths("/application_settings/modify/", "/portal/read/"), "warning portal-companion /application_settings/modify/", "needs /application_settings/read/ as well in the portal", paths("/application_settings/modify/", "/portal/read/", "/application_settings/read/")},
		{paths("/agents/management/modify/"), "warning missing-companion /agents/management/modify/", "needs /agents/management/read/ as well. The page of", paths("/agents/management/modify/", "/agents/management/read/")},
		{paths("/application_settings/modify/", "/application_settings/read/"), "", "", nil},
		{
			paths("/portal/", "/certificates/collections/metadata/modify/6/"), "warning portal-companion /certificates/collections/metadata/modify/6/", "needs /certificates/collections/read/6/",
			paths("/portal/", "/certificates/collections/metadata/modify/6/", "/certificates/collections/read/6/"),
		},
		{paths("/certificates/collections/metadata/modify/"), "", "", nil}, // through the API it suffices
		{paths("/certificates/collections/revoke/"), "warning risky /certificates/collections/revoke/", "", nil},
		{paths("/certificates/collections/delete/6/"), "warning risky /certificates/collections/delete/6/", "", nil},
		{paths("/certificates/enrollment/csr/"), "info missing-companion /certificates/enrollment/csr/", "may need /enrollment_pattern/read/ as well. From Command 25.1 on", nil},
		{paths("/portal/", "/certificates/collections/metadata/modify/6/", "/certificates/collections/read/60/"), "warning portal-companion /certificates/collections/metadata/modify/6/", "", nil},
		{paths("/portal/", "/certificates/collections/metadata/modify/6/", "/certificates/collections/read/"), "", "", nil},
		{
			paths("/portal/", "/certificates/collections/metadata/modify/", "/certificates/collections/read/6/"), "warning portal-companion /certificates/collections/metadata/modify/", "",
			paths("/portal/", "/certificates/collections/metadata/modify/", "/certificates/collections/read/"),
		},
		{
			paths("/portal/", "/certificate_stores/modify/2/", "/certificate_stores/read/2/"), "warning portal-companion /certificate_stores/modify/2/", "/certificate_stores/schedule/2/",
			paths("/portal/", "/certificate_stores/modify/2/", "/certificate_stores/read/2/", "/certificate_stores/schedule/2/"),
		},
		{paths("/certificates/requests/manage/"), "warning risky /certificates/requests/manage/; info missing-companion /certificates/requests/manage/", "/monitoring/alerts/read/", nil},
		{paths("/certificates/collections/private_key/import/"), "warning risky /certificates/collections/private_key/import/; warning missing-companion /certificates/collections/private_key/import/", "/certificates/import/", nil},
		{paths("/certificates/import/"), "info missing-companion /certificates/import/", "metadata", paths("/certificates/import/")},
		{paths("/certificates/collections/change_owner/6/", "/certificates/collections/read/6/"), "warning missing-companion /certificates/collections/change_owner/6/", "/security/read/", nil},
		{paths("/certificates/expanded_change_owner/"), "warning missing-companion /certificates/expanded_change_owner/", "/security/read/", nil},
		{paths("/workflows/instances/manage/"), "warning missing-companion /workflows/instances/manage/", "/workflows/instances/read/", nil},
		{paths("/workflows/instances/manage/", "/workflows/instances/read/mine/"), "", "", nil},
		{paths("/reports/modify/", "/reports/read/"), "info missing-companion /reports/modify/", "/certificates/collections/read/", nil},
		{paths("/reports/modify/", "/reports/read/", "/certificates/collections/read/6/"), "", "", nil},
		{paths("/monitoring/alerts/schedule/revocation/"), "", "", nil},
		{paths("/security/read/"), "", "", nil},
		{paths("/security/read/", "/portal/read/"), "warning portal-companion /security/read/", "/system_settings/read/", paths("/security/read/", "/portal/read/", "/system_settings/read/")},
		{paths("/pam/read/", "/portal/read/", "/system_settings/"), "", "", nil},
		{paths("/agents/auto_registration/read/", "/portal/read/"), "warning portal-companion /agents/auto_registration/read/", "/agents/management/read/", nil},
		// What a companion needs comes along, and what a misspelled path needs.
		{
			paths("/security/modify/", "/portal/read/"),
			"warning risky /security/modify/; warning portal-companion /security/modify/; warning portal-companion /security/modify/", "needs /system_settings/read/",
			paths("/security/modify/", "/portal/read/", "/security/read/", "/system_settings/read/"),
		},
		{paths("/Reports/Raed"), "error misspelled /Reports/Raed", "", paths("/reports/read/")},
		{paths("/ssl/modfy/"), "error misspelled /ssl/modfy/; warning missing-companion /ssl/modfy/", "needs /ssl/read/", paths("/ssl/modify/", "/ssl/read/")},
		{
			paths("/security/read/", "/portal/read/", "/system_settings/raed/"), "error misspelled /system_settings/raed/", "",
			paths("/security/read/", "/portal/read/", "/system_settings/read/"),
		},
		// Defining collections is not about the certificates in them.
		{paths("/certificates/collections/modify/"), "info missing-companion /certificates/collections/modify/", "may need /certificates/collections/read/", paths("/certificates/collections/modify/")},
		{paths("/certificates/collections/modify/", "/certificates/collections/read/6/"), "", "", nil},
		// Where we and the vendor are not sure.
		{paths("/agents/management/mac/auto-enrollment/management/read/"), "info deprecated /agents/management/mac/auto-enrollment/management/read/", "Command 25", nil},
		{paths("/certificate_stores/read/", "/certificate_stores/metadata/modify/"), "info unconfirmed /certificate_stores/metadata/modify/", "server's own list", nil},
	} {
		findings := permissions.Lint(c.in, nil)
		var got, texts []string
		portal := 0
		for _, f := range findings {
			texts = append(texts, f.Text)
			if f.Code == permissions.CodeNoPortal {
				portal++
				continue
			}
			got = append(got, f.Severity.String()+" "+string(f.Code)+" "+string(f.Path))
		}
		if strings.Join(got, "; ") != c.want || !strings.Contains(strings.Join(texts, "\n"), c.text) {
			t.Errorf("%q:\n got %s\nwant %s: %s\n%s", c.in, strings.Join(got, "; "), c.want, c.text, strings.Join(texts, "\n"))
		}
		if c.fix != nil {
			if fixed := permissions.Fix(c.in, accept(findings)); !slices.Equal(fixed, c.fix) {
				t.Errorf("%q is fixed to %q, want %q", c.in, fixed, c.fix)
			}
		}
		if want := len(c.in) > 0 && !permissions.NewSet(c.in...).Allows("/portal/read/"); want != (portal == 1) {
			t.Errorf("%q: %d findings about the portal", c.in, portal)
		}
	}
}

// within returns options for a role in a permission set.
func within(p ...permissions.Path) *permissions.LintOptions {
	set := permissions.NewSet(p...)
	return &permissions.LintOptions{PermissionSet: &set}
}

func TestLintInside(t *testing.T) {
	inside := within("/certificates/collections/", "/portal/")
	findings := permissions.Lint(paths("/portal/read/", "/certificates/", "/ssl/read/", "/certificates/collections/read/6/"), inside)
	var got []string
	for _, f := range findings {
		if f.Code == permissions.CodeOutside {
			got = append(got, f.String())
		}
	}
	want := []string{
		"error outside-set /certificates/: goes beyond the role's permission set, which has /certificates/collections/ of it",
		"error outside-set /ssl/read/: is outside the role's permission set",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	var many []permissions.Path
	for i := range 12 {
		many = append(many, permissions.Path(fmt.Sprintf("/reports/x%02d/", i)))
	}
	if text := permissions.Lint(paths("/reports/"), within(many...))[0].Text; !strings.HasSuffix(text, "/reports/x08/, /reports/x09/ and 2 more of it") {
		t.Error(text)
	}
	// No fix brings in what the permission set does not have, and a misspelled path is judged by what is meant.
	in := paths("/portal/read/", "/reports/modify/", "/portal/raed/", "/reports/raed/")
	inside = within("/portal/", "/reports/modify/", "/certificates/")
	findings, got = permissions.Lint(in, inside), nil
	for _, f := range findings {
		if f.Severity > permissions.SeverityInfo && f.Code != permissions.CodeMisspelled {
			got = append(got, f.String())
		}
	}
	want = []string{"error outside-set /reports/raed/: is outside the role's permission set"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	findings = permissions.Lint(in[:2], inside)
	if got := permissions.Fix(in[:2], findings); !slices.Equal(got, in[:2]) || len(findings) != 2 || !strings.Contains(findings[0].Text, "outside the role's permission set") {
		t.Errorf("%q, %v", got, findings)
	}
	if findings := permissions.Lint(paths("/portal/read/"), within("/")); len(findings) != 0 {
		t.Errorf("%v", findings)
	}
	if findings := permissions.Lint(paths("/portal/read/"), within()); len(findings) != 1 {
		t.Errorf("%v", findings)
	}
}

func TestFixOnlyWhatIsAsked(t *testing.T) {
	in := paths("/Portal/Read", "/reports/modify/", "/ssl/", "/ssl/read/")
	if got := permissions.Fix(in, nil); !slices.Equal(got, in) {
		t.Errorf("%q", got)
	}
	var form []permissions.Finding
	for _, f := range permissions.Lint(in, nil) {
		if f.Code == permissions.CodeForm {
			form = append(form, f)
		}
	}
	if got := permissions.Fix(in, form); !slices.Equal(got, paths("/portal/read/", "/reports/modify/", "/ssl/", "/ssl/read/")) {
		t.Errorf("%q", got)
	}
	if !slices.Equal(in, paths("/Portal/Read", "/reports/modify/", "/ssl/", "/ssl/read/")) {
		t.Errorf("Fix changed its argument: %q", in)
	}
}

// After fixing, nothing that has a fix is left, and nothing is outside the permission set that was not.
func TestFixLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.OneOf(realPath(), anyPath()), 0, 10).Draw(t, "paths")
		var opts *permissions.LintOptions
		inside := permissions.NewSet("/")
		if rapid.Bool().Draw(t, "limited") {
			inside = permissions.NewSet(rapid.SliceOfN(realPath(), 0, 6).Draw(t, "inside")...)
			opts = &permissions.LintOptions{PermissionSet: &inside}
		}
		findings := permissions.Lint(in, opts)
		redundant := 0
		if fixed := permissions.NewSet(permissions.Fix(in, findings)...); !permissions.NewSet(in...).Equal(fixed) {
			t.Fatalf("%q is fixed to %q, which is not the same", in, fixed.Paths())
		}
		for _, f := range findings {
			if f.Text == "" || f.Path != "" && !slices.Contains(in, f.Path) {
				t.Fatalf("%+v", f)
			}
			if f.Code == permissions.CodeRedundant {
				redundant++
			}
			if text, err := json.Marshal(f); err != nil || !strings.Contains(string(text), `"severity":"`+f.Severity.String()+`"`) {
				t.Fatalf("%s, %v", text, err)
			}
		}
		if redundant != len(permissions.Redundant(in)) {
			t.Fatalf("%d findings for %q", redundant, permissions.Redundant(in))
		}
		fixed := permissions.Fix(in, accept(findings))
		if left := permissions.Redundant(fixed); len(left) != 0 {
			t.Fatalf("%q is fixed to %q, in which %q is redundant", in, fixed, left)
		}
		outside := func(findings []permissions.Finding) int {
			return len(slices.DeleteFunc(slices.Clone(findings), func(f permissions.Finding) bool { return f.Code != permissions.CodeOutside }))
		}
		again := permissions.Lint(fixed, opts)
		if outside(again) > outside(findings) {
			t.Fatalf("%q is fixed to %q, in which more is outside %v: %v", in, fixed, inside, again)
		}
		for _, f := range again {
			if f.Remove || len(f.Add) > 0 || len(f.Suggest) > 0 {
				t.Fatalf("%q is fixed to %q, in which %v is left", in, fixed, f)
			}
		}
	})
}

func TestSeverity(t *testing.T) {
	if !(permissions.SeverityInfo < permissions.SeverityWarning && permissions.SeverityWarning < permissions.SeverityError) {
		t.Error("severities are out of order")
	}
	for _, s := range []permissions.Severity{permissions.SeverityInfo, permissions.SeverityWarning, permissions.SeverityError} {
		text, err := s.MarshalText()
		var back permissions.Severity
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%v, %s", s, text)
		}
	}
	var s permissions.Severity
	if s.UnmarshalText([]byte("fatal")) == nil {
		t.Error("accepted")
	}
}
