package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/report"
)

// tableOf is a table of a report, empty if there is none.
func tableOf(r *report.Report, id string) report.Table {
	for _, t := range r.Tables {
		if t.ID == id {
			return t
		}
	}
	return report.Table{}
}

// TestPageInShort: a new claim is a row and no card, those who get the same share a row,
// and several roles with new administrators are one warning.
func TestPageInShort(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("roles:\n")
	for i := range 4 {
		fmt.Fprintf(&text, "- {name: Role %d, permissions: [/security/modify/], holders: ['OAuthRole:team %d@Entra']}\n", i, i)
	}
	p := plan(t, story(), text.String(), nil)
	p.Steps[0].At = `C:\files\access.yaml:12:5`
	r := p.Report()
	if len(r.Changes) != 4 || slices.ContainsFunc(r.Changes, func(c report.Change) bool { return c.Group != "Roles" }) {
		t.Errorf("the cards are %+v", r.Changes)
	}
	if f := r.Changes[0].Fields; slices.ContainsFunc(f, func(f report.Field) bool { return f.Label == "Name" }) {
		t.Errorf("a new role has the name in its title already: %+v", f)
	}
	claims := tableOf(r, "claims")
	if len(claims.Rows) != 4 || claims.Rows[0].Cells[0].Text != "OAuthRole team 0 (Entra)" || claims.Rows[0].Cells[2].Text != "team 0" ||
		claims.Rows[0].Cells[3].Text != "access.yaml:12:5" {
		t.Errorf("the claims are %+v", claims.Rows)
	}
	if holders := tableOf(r, "holders"); len(holders.Rows) != 1 || len(holders.Rows[0].Cells[0].Items) != 4 || len(holders.Columns) != 2 {
		t.Errorf("the holders are %+v", holders)
	}
	if got := said(p, CodeAdmin); got != "Through 4 roles, 4 holders can change security afterwards, and could not before: they can give themselves everything.\n" {
		t.Errorf("got %q", got)
	}
	if i := slices.IndexFunc(p.Warnings, func(w Warning) bool { return w.Code == CodeAdmin }); len(p.Warnings[i].Roles) != 4 || len(p.Warnings[i].Holders) != 4 {
		t.Errorf("got %+v", p.Warnings[i])
	}
}

// TestNumbersAgree: a step that is left out is not among those that are carried out, on
// no part of the page.
func TestNumbersAgree(t *testing.T) {
	t.Parallel()
	p := plan(t, story(), "roles: [{name: Operators, description: New}]\nabsent: {roles: [Administrator]}", nil)
	r := p.Report()
	done, out := len(tableOf(r, "steps").Rows), len(tableOf(r, "left-out").Rows)
	if p.Blocked() != 1 || out != 1 || done != 1 || r.Figures[0].Number != done || r.Figures[1].Number != out || !strings.HasPrefix(r.Lead, "1 step. ") {
		t.Errorf("%d steps, %d left out, figures %+v, %q", done, out, r.Figures, r.Lead)
	}
	if last := r.Changes[len(r.Changes)-1]; last.Group != "Left out, and so not changed" || last.Title != "Role Administrator" {
		t.Errorf("the last card is %+v", last)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	if got := ranges([]int{1, 3, 4, 6, 7, 8, 12}); got != "1, 3, 4, 6 to 8, 12" {
		t.Errorf("got %q", got)
	}
}

// TestBackTells: a way back says what it takes back.
func TestBackTells(t *testing.T) {
	t.Parallel()
	p, err := Back(nil, story())
	if err != nil {
		t.Fatal(err)
	}
	*p.TakesBack = TakesBack{Plan: "sha256:1234", Journal: "plan.log", ApprovedBy: "A. Miller", Reason: "CHG-1742"}
	path := t.TempDir() + "/back.json"
	if err := p.Save(path); err != nil {
		t.Fatal(err)
	}
	if p, err = Load(path); err != nil {
		t.Fatal(err)
	}
	r := p.Report()
	if !strings.HasPrefix(r.Title, "Plan of the way back for https://") ||
		!strings.HasPrefix(r.Lead, `This plan takes back what the plan sha256:1234 did, which "A. Miller" approved (reason: "CHG-1742"). `) {
		t.Errorf("got %q, %q", r.Title, r.Lead)
	}
	if got := fmt.Sprint(r.Provenance.Files); !strings.Contains(got, "sha256:1234") || !strings.Contains(got, "plan.log") {
		t.Errorf("got %s", got)
	}
}

// TestOnlyOldName: who names a role as it was called before is told its new name.
func TestOnlyOldName(t *testing.T) {
	t.Parallel()
	d, err := parseDesired("x.yaml", []byte("roles: [{name: Operators, was: Auditor}, {name: Auditors}]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Make(story(), d, &Options{Only: []string{"auditor"}})
	if err == nil || !strings.Contains(err.Error(), `does not name this role; it renames it to "Operators": name that`) {
		t.Errorf("got %v", err)
	}
}
