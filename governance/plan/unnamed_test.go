package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

// TestUnnamed: a role that somebody made beside the file changes no step, and is told.
func TestUnnamed(t *testing.T) {
	t.Parallel()
	made := story()
	made.Gaps, made.Roles = nil, slices.DeleteFunc(made.Roles, func(r snapshot.Role) bool { return r.Name == "Broken" }) // it could not be read
	d, err := Export(made)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Make(made, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := said(p, CodeUnnamed); !p.Empty() || got != "" {
		t.Fatalf("an export names everything, and the plan says %q", got)
	}
	shadow := Key{Type: "OAuthSubject", Scheme: "Entra", Value: "shadow"}
	made.Roles = append(made.Roles, snapshot.Role{
		ID: 999, Name: "Shadow", PermissionSetID: globalSet, Versions: []int{1, 2}, Paths: []permissions.Path{"/security/"}, Holders: []snapshot.Holder{held(shadow, 1, 2)},
	})
	made.Roles = append(made.Roles, snapshot.Role{ID: 998, Name: "Built in", Immutable: true, Versions: []int{1, 2}}) // every server has it
	made.Claims = append(made.Claims, snapshot.Claim{Key: shadow, ClaimID: 999, Versions: []int{2}})
	made.PermissionSets = append(made.PermissionSets, snapshot.PermissionSet{ID: "00000000-0000-0000-0000-000000000999", Name: "Hidden"})
	if p, err = Make(made, d, nil); err != nil {
		t.Fatal(err)
	}
	const want = "Not in the file, and so left as it is: 1 role (\"Shadow\"), 1 claim or identity, 1 permission set (\"Hidden\"). " +
		"Who holds one of these can change security: \"Shadow\".\n"
	if got := said(p, CodeUnnamed); got != want || !p.Empty() {
		t.Errorf("got %q, want %q", got, want)
	}
	if r := p.Report(); len(r.Findings) != 1 || r.Findings[0].Severity != report.Medium || r.Findings[0].Holders[0].Text != shadow.String() {
		t.Errorf("the page finds %+v", r.Findings)
	}
	if got := p.Report().Lead; got != "There is nothing to do." {
		t.Errorf("got %q", got)
	}
	p.Desired.File = "access.yaml"
	if got := p.Report().Lead; got != "There is nothing to do: what the file names is as it is desired." {
		t.Errorf("got %q", got)
	}
}

// TestUnnamedMany: the warning counts all, and lists some.
func TestUnnamedMany(t *testing.T) {
	t.Parallel()
	s := story()
	for i := range 60 {
		s.Roles = append(s.Roles, snapshot.Role{ID: 1000 + i, Name: fmt.Sprintf("Other %02d", i), Versions: []int{1, 2}})
	}
	p := plan(t, s, "roles: [{name: Operators}]\nabsent: {roles: [Other 00]}", nil)
	w := p.Warnings[len(p.Warnings)-1]
	if w.Code != CodeUnnamed || len(w.Roles) != mostUnnamed || strings.Contains(w.Text, "Other 00") || strings.Contains(w.Text, "Operators") ||
		!strings.Contains(w.Text, "left as it is: 62 roles (") {
		t.Errorf("got %+v", w)
	}
}
