package permissions_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

type decisions = map[permissions.Legacy][]permissions.Path

func override(in []permissions.Legacy, d decisions) permissions.Conversion {
	return permissions.Convert(in, &permissions.ConvertOptions{Overrides: d})
}

// Who drops the approver's right means it: no other name gives it back.
func TestDropIsEffective(t *testing.T) {
	const pending, participate = permissions.Legacy("CertificateEnrollment:PendingCsr"), permissions.Legacy("WorkflowManagement:Participate")
	conv := override(names(pending, participate), decisions{participate: {}})
	it := item(t, conv, pending)
	if conv.Set.Allows("/certificates/requests/manage/") || it.Outcome != permissions.OutcomeRefused || !errors.Is(conv.Err(), permissions.ErrRefused) {
		t.Errorf("%v", conv)
	}
	if !strings.Contains(it.Widens, "approve") || len(conv.Widening()) != 1 || !strings.Contains(it.Reason, "your decision about WorkflowManagement:Participate") {
		t.Errorf("%+v", it)
	}
	if it := item(t, conv, participate); it.Outcome != permissions.OutcomeDropped || it.Narrows != "approve and deny certificate requests" || len(conv.Narrowing()) != 1 {
		t.Errorf("%+v", it)
	}
	// The same for a decision that replaces the right by another one.
	conv = override(names(pending, participate), decisions{participate: {"/auditing/read/"}})
	if conv.Set.Allows("/certificates/requests/manage/") || !conv.Set.Allows("/auditing/read/") {
		t.Errorf("%v", conv)
	}
	// A decision that keeps the right takes nothing away, so pending CSRs add nothing.
	conv = override(names(pending, participate), decisions{participate: {"/certificates/"}})
	if it := item(t, conv, pending); it.Outcome != permissions.OutcomeConverted || it.Widens != "" || conv.Err() != nil {
		t.Errorf("%+v", it)
	}
	// Who decides about both names gets what they decide, and is told what it means.
	conv = override(names(pending, participate), decisions{participate: {}, pending: {"/certificates/requests/manage/"}})
	if it := item(t, conv, pending); it.Outcome != permissions.OutcomeConverted || !strings.Contains(it.Widens, "approve") || conv.Err() != nil {
		t.Errorf("%+v", it)
	}
	want := []permissions.Redundancy{{Path: "/certificates/requests/manage/", Through: "/certificates/requests/manage/", By: pending}}
	if it := item(t, conv, participate); !slices.Equal(it.StillGranted, want) || it.Narrows != "" {
		t.Errorf("%+v", it)
	}
	if want := "STILL GRANTED: /certificates/requests/manage/ through /certificates/requests/manage/ (CertificateEnrollment:PendingCsr)"; !strings.Contains(conv.String(), want) {
		t.Errorf("%v does not say %q", conv, want)
	}
	// What another name allowed by itself stays, and is told.
	conv = override(names("Certificates:Read", "Collections[6]:Read"), decisions{"Collections[6]:Read": {}})
	want = []permissions.Redundancy{{Path: "/certificates/collections/read/6/", Through: "/certificates/collections/read/", By: "Certificates:Read"}}
	if it := item(t, conv, "Collections[6]:Read"); !slices.Equal(it.StillGranted, want) || it.Narrows != "" || conv.Err() != nil {
		t.Errorf("%+v", it)
	}
	// A name that another one required is not given back by it, whatever becomes of it.
	for _, to := range [][]permissions.Path{nil, paths("/system_settings/read/"), paths("/auditing/read/")} {
		conv = override(names("PrivilegedAccessManagement:Modify", "CertificateStoreManagement:Modify", "SystemSettings:Read"), decisions{"SystemSettings:Read": to})
		if it := item(t, conv, "PrivilegedAccessManagement:Modify"); it.Outcome != permissions.OutcomeConverted || it.Widens != "" {
			t.Errorf("%v: %+v", to, it)
		}
	}
	// What a decision takes from one name is a gain for another.
	conv = override(names("Auditing:Read", "Dashboard:Read"), decisions{"Auditing:Read": {}, "Dashboard:Read": {"/auditing/read/", "/dashboard/read/"}})
	if it := item(t, conv, "Dashboard:Read"); it.Widens != "read the audit log" {
		t.Errorf("%+v", it)
	}
	// A dropped name without a decision about it still counts as held.
	conv = permissions.Convert(names("Monitoring:Read", "WorkflowManagement:Read"), &permissions.ConvertOptions{MinConfidence: permissions.ConfidenceDocumented})
	if it := item(t, conv, "WorkflowManagement:Read"); strings.Contains(it.Widens, "expiration") || it.Outcome != permissions.OutcomeConverted {
		t.Errorf("%+v", it)
	}
}

// A decision says who decides, not what it does: evidence, gains and losses stay.
func TestOverrideKeepsEvidenceAndEffect(t *testing.T) {
	for _, c := range []struct {
		in              []permissions.Legacy
		name            permissions.Legacy
		to              []permissions.Path
		widens, narrows string
		confidence      permissions.Confidence
	}{
		{nil, "CertificateEnrollment:PendingCsr", paths("/certificates/requests/manage/"), "approve and deny certificate requests", "", permissions.ConfidenceDocumented},
		{nil, "WorkflowManagement:Manage", paths("/certificates/requests/manage/"), "", "", permissions.ConfidenceGuess},
		{nil, "Dashboard:Read", paths("/"), "do everything in Command", "", permissions.ConfidenceNone},
		{nil, "Dashboard:Read", paths("/dashboard/read/", "/auditing/read/"), "read the audit log", "", permissions.ConfidenceNone},
		{names("Auditing:Read"), "Dashboard:Read", paths("/dashboard/read/", "/auditing/read/"), "", "", permissions.ConfidenceNone},
		// What a name allows in part is no permission to allow all of it.
		{
			names("CertificateEnrollment:PendingCsr"), "Dashboard:Read", paths("/dashboard/read/", "/certificates/requests/manage/"),
			"approve and deny certificate requests and handle pending CSRs", "", permissions.ConfidenceNone,
		},
		{
			names("WorkflowManagement:Manage"), "Dashboard:Read", paths("/dashboard/read/", "/certificates/requests/manage/"),
			"approve and deny certificate requests and handle pending CSRs", "", permissions.ConfidenceNone,
		},
		{nil, "Dashboard:Read", nil, "", "view the dashboard panels", permissions.ConfidenceNone},
		{nil, "PkiManagement:Read", paths("/certificate_authorities/read/"), "", "view certificate templates", permissions.ConfidenceInferred},
		{
			nil, "Certificates:Read", paths("/certificates/collections/read/6/"), "",
			"view certificates, whatever their collection (from now on only: view certificates in collection 6)", permissions.ConfidenceNone,
		},
		{names("Collections[6]:Read"), "Certificates:Read", nil, "", "view and download certificates", permissions.ConfidenceNone},
		{nil, "Collections[6]:Read", paths("/certificates/collections/read/7/"), "view certificates in collection 7", "view certificates in collection 6", permissions.ConfidenceNone},
		{nil, "API:Read", paths("/auditing/read/"), "read the audit log", "use the Classic (CMS) API", permissions.ConfidenceNone},
		{nil, "SSH:User", paths("/ssh/user/", "/metadata/", "/metadata/types/"), "view and change metadata field definitions", "", permissions.ConfidenceNone},
		{nil, "Home:Grown", paths("/scripts/read/"), "view scripts", "", permissions.ConfidenceNone},
	} {
		conv := override(append(names(c.name), c.in...), decisions{c.name: c.to})
		it := item(t, conv, c.name)
		if it.Widens != c.widens || it.Narrows != c.narrows || it.Confidence != c.confidence || !it.Overridden {
			t.Errorf("%s to %v: %+v", c.name, c.to, it)
		}
		plain := item(t, permissions.Convert(names(c.name), nil), c.name)
		if !reflect.DeepEqual(it.Mappings, plain.Mappings) {
			t.Errorf("%s: %+v, want the rows of the mapping, %+v", c.name, it.Mappings, plain.Mappings)
		}
	}
}

func TestOverridePlaceholders(t *testing.T) {
	conv := override(
		names("Collections[6]:Recover", "Collections[7]:Recover", "Collections[8]:Recover", "Containers[2]:Read"),
		decisions{
			"collections[{id}]: recover": {"/certificates/collections/read/{id}/", "/certificates/collections/revoke/{collectionId}/"},
			"Collections[8]:Recover":     {"/certificates/collections/delete/{id}/"},
		})
	want := permissions.NewSet(
		"/certificates/collections/read/6/", "/certificates/collections/read/7/", "/certificates/collections/revoke/6/", "/certificates/collections/revoke/7/",
		"/certificates/collections/delete/8/", "/certificate_stores/read/2/",
	)
	if !conv.Set.Equal(want) || conv.Err() != nil {
		t.Errorf("%v, %v", conv, conv.Err())
	}
	conv = override(names("Collections[6]:Recover", "Collections[7]:Recover"), decisions{"Collections[{id}]:Recover": {}})
	if conv.Set.Len() != 0 || conv.Err() != nil || conv.Items[1].Outcome != permissions.OutcomeDropped {
		t.Errorf("%v, %v", conv, conv.Err())
	}
	conv = override(names("Certificates:Recover"), decisions{"Certificates:Recover": {"/certificates/collections/read/{id}/"}})
	if !errors.Is(conv.Err(), permissions.ErrRefused) || conv.Set.Len() != 0 || conv.Items[0].Widens != "" || conv.Items[0].Narrows != "" {
		t.Errorf("%v, %v", conv, conv.Err())
	}
}

func TestUnusedOverrides(t *testing.T) {
	in := names("Dashboard:Read", "Collections[6]:Recover", "adminportal:read")
	conv := override(in, decisions{
		"Dashbord:Read":            {"/"},
		"Containers[{id}]:Recover": {},
		"Containrs[{id}]:Recover":  {},
		"SSH:User":                 {},
		"\x1b[31m":                 {},
		"Dashboard:Read":           {"/dashboard/"},
		"AdminPortal: Read":        {"/portal/"},
	})
	want := names("\x1b[31m", "Containers[{id}]:Recover", "Containrs[{id}]:Recover", "Dashbord:Read", "SSH:User")
	if !slices.Equal(conv.UnusedOverrides, want) || !errors.Is(conv.Err(), permissions.ErrOverride) {
		t.Errorf("%v, %v", conv.UnusedOverrides, conv.Err())
	}
	for _, text := range []string{
		`unused override: "Dashbord:Read" is not known here, and not among the names; did you mean Dashboard:Read?`,
		"unused override: Containers[{id}]:Recover is not among the names",
		"did you mean Containers[{id}]:Recover?",
		"unused override: SSH:User is not among the names",
		`unused override: "\x1b[31m"`,
	} {
		if !strings.Contains(conv.Err().Error(), text) || !strings.Contains(conv.String(), text) {
			t.Errorf("%q is missing in %v\n%v", text, conv.Err(), conv)
		}
	}
	// The rest is converted all the same.
	if want := permissions.NewSet("/certificates/collections/private_key/read/6/", "/portal/", "/dashboard/"); !conv.Set.Equal(want) {
		t.Errorf("%v, want %v", conv.Set, want)
	}
	// A general key that particular ones leave nothing for is not used either.
	conv = override(names("Collections[6]:Recover"), decisions{"Collections[6]:Recover": {}, "Collections[{id}]:Recover": {}})
	if !slices.Equal(conv.UnusedOverrides, names("Collections[{id}]:Recover")) {
		t.Errorf("%v", conv.UnusedOverrides)
	}
}

func TestRefuseWidening(t *testing.T) {
	in := names("CertificateEnrollment:PendingCsr", "Certificates:Read", "API:Read")
	strict := &permissions.ConvertOptions{RefuseWidening: true}
	conv := permissions.Convert(in, strict)
	it := item(t, conv, in[0])
	if it.Outcome != permissions.OutcomeRefused || !conv.Set.Equal(permissions.NewSet("/certificates/collections/read/")) || !errors.Is(conv.Err(), permissions.ErrRefused) {
		t.Errorf("%v", conv)
	}
	if !strings.Contains(it.Reason, "approve and deny certificate requests") || !strings.Contains(conv.String(), "would widen: could then approve") || strings.Contains(conv.String(), "WIDENS") {
		t.Errorf("%v", conv)
	}
	// What the role could do before is no widening.
	conv = permissions.Convert(append(in, "WorkflowManagement:Participate"), strict)
	if it := item(t, conv, in[0]); it.Outcome != permissions.OutcomeConverted {
		t.Errorf("%+v", it)
	}
	// A decision by name is.
	strict.Overrides = decisions{in[0]: {"/certificates/requests/manage/"}}
	conv = permissions.Convert(in, strict)
	if it := item(t, conv, in[0]); it.Outcome != permissions.OutcomeConverted || it.Widens == "" || conv.Err() != nil {
		t.Errorf("%+v, %v", it, conv.Err())
	}
}

// A guess about a sensitive path is granted only if the role holds the path anyway, or by a decision.
func TestSensitiveGuess(t *testing.T) {
	const manage, participate = permissions.Legacy("WorkflowManagement:Manage"), permissions.Legacy("WorkflowManagement:Participate")
	conv := permissions.Convert(names(manage), &permissions.ConvertOptions{MinConfidence: permissions.ConfidenceGuess})
	if it := item(t, conv, manage); it.Outcome != permissions.OutcomeRefused || conv.Set.Len() != 0 || !strings.Contains(it.Reason, "only an override") {
		t.Errorf("%+v", it)
	}
	conv = permissions.Convert(names(manage, participate), nil)
	if it := item(t, conv, manage); it.Outcome != permissions.OutcomeConverted || conv.Set.Len() != 1 || conv.Err() != nil {
		t.Errorf("%+v", it)
	}
	conv = override(names(manage, participate), decisions{participate: {}})
	if it := item(t, conv, manage); it.Outcome != permissions.OutcomeRefused || conv.Set.Len() != 0 {
		t.Errorf("%+v", it)
	}
	conv = override(names(manage), decisions{manage: {"/certificates/requests/manage/"}})
	if it := item(t, conv, manage); it.Outcome != permissions.OutcomeConverted || conv.Set.Len() != 1 || conv.Err() != nil {
		t.Errorf("%+v", it)
	}
}

// To accept a name is not to ask for it: whatever refuses it still does.
func TestAcceptGrantsNothingRefused(t *testing.T) {
	const pending, participate, manage = "CertificateEnrollment:PendingCsr", "WorkflowManagement:Participate", "WorkflowManagement:Manage"
	for _, c := range []struct {
		in   []permissions.Legacy // the first is accepted
		opts permissions.ConvertOptions
	}{
		{names(pending), permissions.ConvertOptions{RefuseWidening: true}},
		{names("Dashboard:Read"), permissions.ConvertOptions{MinConfidence: permissions.ConfidenceDocumented}},
		{names(participate, pending), permissions.ConvertOptions{Overrides: decisions{pending: {}}}},
		{names(manage), permissions.ConvertOptions{}},
		{names("Dashboard:Read"), permissions.ConvertOptions{Overlay: overlay(t, "Dashboard:Read | /dashboard/read/ | refuted | - | - | -")}},
	} {
		c.opts.Accept = c.in[:1]
		conv := permissions.Convert(c.in, &c.opts)
		it := item(t, conv, c.in[0])
		if it.Outcome != permissions.OutcomeRefused || !it.Accepted || conv.Set.Len() != 0 || !errors.Is(conv.Err(), permissions.ErrRefused) {
			t.Errorf("%v: %+v, %v", c.in, it, conv)
		}
		if want := "accepted by name, which does not grant what is refused"; !strings.Contains(conv.String(), want) {
			t.Errorf("%q is missing in\n%v", want, conv)
		}
	}
}
