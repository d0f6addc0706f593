package permissionsets_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/security"
)

func TestAnotherSetWasWritten(t *testing.T) {
	t.Parallel()
	sent := []permissions.Path{"/agents/", "/certificates/", "/certificates/import/"}
	for name, tt := range map[string]struct {
		name, permissions string
		created, updated  bool
	}{
		"as sent":                    {"Ops", `["/agents/","/certificates/","/certificates/import/"]`, true, true},
		"another order and case":     {" OPS", `["/certificates/import/","/agents/","/certificates/"]`, true, true},
		"without what another holds": {"Ops", `["/agents/","/certificates/"]`, true, true},
		"another spelling":           {"Ops", `["agents","/Certificates/"]`, true, true},
		"permissions not said":       {"Ops", `null`, true, true},
		"another name":               {"Everyone", `["/agents/","/certificates/"]`, false, true}, // an update sends none
		"no name":                    {"", `["/agents/","/certificates/"]`, false, true},
		"one permission less":        {"Ops", `["/certificates/"]`, false, false},
		"none":                       {"Ops", `[]`, false, false},
		"one permission more":        {"Ops", `["/agents/","/certificates/","/portal/read/"]`, false, false},
		"all permissions":            {"Ops", `["/"]`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := permissionsets.NewV1(apitest.Saying(t, []byte(`{"Id":"`+setID+`","Name":"`+tt.name+`","Permissions":`+tt.permissions+`}`)))
			set, err := s.Create(t.Context(), permissionsets.Create{Name: "Ops", Permissions: sent})
			if tt.created != (err == nil) || tt.created != (set != nil) || !tt.created && !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("Create: %v, %v", set, err)
			}
			set, err = s.Update(t.Context(), permissionsets.Update{ID: setID, Permissions: sent})
			if tt.updated != (err == nil) || tt.updated != (set != nil) || !tt.updated && !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("Update: %v, %v", set, err)
			}
		})
	}
}

func TestListsOfNothing(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`[{}]`, `[null]`, `[{"Name":"Ops"}]`} {
		if got, err := permissionsets.NewV1(apitest.Saying(t, []byte(answer))).Mine(t.Context(), "/agents/"); err == nil || got != nil {
			t.Errorf("Mine takes %s: %v", answer, got)
		}
	}
	for _, answer := range []string{`[null]`, `["/agents/",""]`} {
		if got, err := permissionsets.NewV1(apitest.Saying(t, []byte(answer))).Available(t.Context()); err == nil || got != nil || !strings.Contains(err.Error(), "of the list has no text") {
			t.Errorf("Available takes %s: %v, %v", answer, got, err)
		}
	}
}
