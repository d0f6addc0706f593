package permissions_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

func TestParseLegacy(t *testing.T) {
	for in, want := range map[string]permissions.Legacy{
		"AdminPortal:Read":                   "AdminPortal:Read",
		"AdminPortal: Read":                  "AdminPortal:Read",
		" adminportal :\tREAD\n":             "AdminPortal:Read",
		"certificateenrollment:enrollcsr":    "CertificateEnrollment:EnrollCSR",
		"ssh:serveradmin":                    "SSH:ServerAdmin",
		"Future:DoThings_2":                  "Future:DoThings_2",
		"future:read":                        "future:read",
		"Collections[6]:Read":                "Collections[6]:Read",
		"collections[6]: editmetadata":       "Collections[6]:EditMetadata",
		"Containers[2147483647]:ChangeOwner": "Containers[2147483647]:ChangeOwner",
		"PamProviders[1]:Modify":             "PamProviders[1]:Modify",
		"Collections[6]:Future":              "Collections[6]:Future",
	} {
		got, err := permissions.ParseLegacy(in)
		if err != nil || got != want {
			t.Errorf("ParseLegacy(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for in, hint := range map[string]string{
		"":                              "empty",
		"AdminPortal":                   "colon",
		"/portal/read/":                 "version 2 path",
		":Read":                         "two plain words",
		"AdminPortal:":                  "two plain words",
		"A:B:C":                         "two plain words",
		"1A:B":                          "two plain words",
		"Admin Portal:Read":             "did you mean AdminPortal:Read?",
		"Certificates: Edit Metadata":   "did you mean Certificates:EditMetadata?",
		"Certificates_EditMetadata":     "did you mean Certificates:EditMetadata?",
		"ManagementPortalRead":          "did you mean AdminPortal:Read?",
		"Certificate Requests: Manage":  "did you mean WorkflowManagement:Participate?",
		"AdminPortal:Réad":              "two plain words",
		"AdminPortal:Read\x00":          "two plain words",
		"Collections[0]:Read":           "id",
		"Collections[06]:Read":          "id",
		"Collections[-6]:Read":          "id",
		"Collections[{id}]:Read":        "id",
		"Collections[]:Read":            "id",
		"Collections[6:Read":            "id",
		"Collections[99999999999]:Read": "id",
		"Collections[Web]:Read":         "write the number that Command gave the object, such as Collections[6], not its name",
		"containers [Web]:Read":         "such as Containers[6],",
		"PamProviders[Vault]:Read":      "such as PamProviders[6],",
		"Widgets[6]:Read":               "unknown kind",
		strings.Repeat("x", 100000):     "colon",
	} {
		got, err := permissions.ParseLegacy(in)
		if !errors.Is(err, permissions.ErrLegacy) || !strings.Contains(err.Error(), hint) || got != "" || len(err.Error()) > 500 {
			t.Errorf("ParseLegacy(%.100q) = %q, %v; want an error that says %q", in, got, err, hint)
		}
	}
}

func TestLegacyParts(t *testing.T) {
	for _, c := range []struct {
		in         permissions.Legacy
		area, name string
		kind       permissions.Scope
		id         int
	}{
		{"AdminPortal:Read", "AdminPortal", "Read", permissions.ScopeGlobal, 0},
		{" AdminPortal: Read", "AdminPortal", "Read", permissions.ScopeGlobal, 0},
		{"Collections[6]:EditMetadata", "Collections", "EditMetadata", permissions.ScopeCollection, 6},
		{"Containers[2147483647]:Read", "Containers", "Read", permissions.ScopeContainer, 2147483647},
		{"PamProviders[1]:Modify", "PamProviders", "Modify", permissions.ScopePAMProvider, 1},
		{"nonsense", "", "", permissions.ScopeGlobal, 0},
		{"Collections[x]:Read", "", "", permissions.ScopeGlobal, 0},
	} {
		kind, id, ok := c.in.Object()
		if c.in.Area() != c.area || c.in.Name() != c.name || kind != c.kind || id != c.id || ok != (c.id != 0) {
			t.Errorf("%q: area %q, name %q, object %v %d %v", c.in, c.in.Area(), c.in.Name(), kind, id, ok)
		}
	}
}

func TestObjectPermissions(t *testing.T) {
	for got, want := range map[permissions.Legacy]permissions.Legacy{
		permissions.CollectionEditMetadata.On(6): "Collections[6]:EditMetadata",
		permissions.ContainerSchedule.On(2):      "Containers[2]:Schedule",
		permissions.PAMProviderModify.On(1):      "PamProviders[1]:Modify",
		permissions.CollectionRead.On(0):         "Collections[0]:Read",
		permissions.CollectionRead.On(-1):        "Collections[-1]:Read",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if _, err := permissions.ParseLegacy(string(permissions.CollectionRead.On(-1))); err == nil {
		t.Error("an id below 1 is accepted")
	}
	// Every constant is a name of the catalogue and the other way round.
	known := 0
	for _, l := range []permissions.Legacy{
		permissions.CollectionRead.On(1), permissions.CollectionEditMetadata.On(1), permissions.CollectionRecover.On(1),
		permissions.CollectionRevoke.On(1), permissions.CollectionDelete.On(1),
		permissions.ContainerRead.On(1), permissions.ContainerSchedule.On(1), permissions.ContainerModify.On(1),
		permissions.ContainerEditMetadata.On(1), permissions.ContainerRecover.On(1), permissions.ContainerRevoke.On(1), permissions.ContainerChangeOwner.On(1),
		permissions.PAMProviderRead.On(1), permissions.PAMProviderModify.On(1),
	} {
		if _, ok := permissions.KnownLegacy(l); ok {
			known++
		} else {
			t.Errorf("%s is not known", l)
		}
	}
	if known != 14 {
		t.Errorf("%d names for one object", known)
	}
}

func TestRequires(t *testing.T) {
	if got := permissions.CollectionRevoke.Requires(); len(got) != 0 {
		t.Errorf("revoke on a collection: %v", got)
	}
	for p, want := range map[permissions.ContainerPermission][]permissions.ContainerPermission{
		permissions.ContainerRead:         nil,
		permissions.ContainerSchedule:     {permissions.ContainerRead},
		permissions.ContainerModify:       {permissions.ContainerRead, permissions.ContainerSchedule},
		permissions.ContainerEditMetadata: {permissions.ContainerRead},
		permissions.ContainerRecover:      {permissions.ContainerRead},
		permissions.ContainerRevoke:       {permissions.ContainerRead},
		permissions.ContainerChangeOwner:  {permissions.ContainerRead},
		"Unknown":                         nil,
	} {
		if got := p.Requires(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", p, got, want)
		}
	}
	if got := permissions.PAMProviderModify.Requires(); !slices.Equal(got, []permissions.PAMProviderPermission{permissions.PAMProviderRead}) {
		t.Errorf("modify on a PAM provider: %v", got)
	}
	if got := permissions.PAMProviderRead.Requires(); len(got) != 0 {
		t.Errorf("read on a PAM provider: %v", got)
	}
}

func FuzzParseLegacy(f *testing.F) {
	for _, s := range []string{
		"", ":", "AdminPortal:Read", "adminportal : read", "Collections[6]:Read", "Collections[06]:Read", "collections[6] : future", "[6]:Read", "A[1]:B",
		"Certificates: Edit Metadata", "a:b:c", "A\x00:B", "/portal/read/", "Pamproviders[2147483648]:Read", "\u212a:A",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := permissions.ParseLegacy(s)
		if err != nil {
			if !errors.Is(err, permissions.ErrLegacy) || l != "" {
				t.Fatalf("ParseLegacy(%q) = %q, %v", s, l, err)
			}
		} else {
			if again, err := permissions.ParseLegacy(string(l)); err != nil || again != l {
				t.Fatalf("ParseLegacy(%q) = %q, which parses to %q, %v", s, l, again, err)
			}
			back := permissions.Legacy(l.Area() + ":" + l.Name())
			if kind, id, ok := l.Object(); ok {
				switch kind {
				case permissions.ScopeCollection:
					back = permissions.CollectionPermission(l.Name()).On(id)
				case permissions.ScopeContainer:
					back = permissions.ContainerPermission(l.Name()).On(id)
				case permissions.ScopePAMProvider:
					back = permissions.PAMProviderPermission(l.Name()).On(id)
				}
			}
			if back != l {
				t.Fatalf("ParseLegacy(%q) = %q, whose parts make %q", s, l, back)
			}
		}
		// A conversion loses nothing and shows everything on lines of its own, whatever it is given.
		conv := permissions.Convert([]permissions.Legacy{permissions.Legacy(s)}, nil)
		if len(conv.Items) != 1 || conv.Items[0].Input != permissions.Legacy(s) {
			t.Fatalf("Convert(%q) lost its input: %+v", s, conv.Items)
		}
		if (err != nil) && (conv.Items[0].Outcome != permissions.OutcomeUnknown || conv.Err() == nil) {
			t.Fatalf("Convert(%q): %+v", s, conv.Items[0])
		}
		if out := conv.String(); strings.ContainsAny(out, "\x00\r\x1b") {
			t.Fatalf("Convert(%q) is not fit to be shown: %q", s, out)
		}
	})
}
