package apply_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// A role gets a holder, and loses it again on the way back.
func ExampleRun() {
	server := securitytest.NewServer(securitytest.WithRoles(
		securitytest.Role{Name: "Operators", Description: "Day-to-day work", Permissions: []string{"/portal/read/"}}))
	defer server.Close()
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	client, err := server.Client()
	if err != nil {
		fmt.Println(err)
		return
	}
	now, err := take.From(ctx, client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := plan.Make(now, &plan.Desired{Roles: []plan.Role{{
		Name: "Operators", Holders: []plan.Holder{{Key: plan.Key{Type: "OAuthRole", Value: "pki-operators", Scheme: "System"}}},
	}}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	journal, err := apply.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer journal.Close()
	result, err := apply.Run(ctx, client, p, journal, &apply.Options{Approve: p.Digest(), ApprovedBy: "R. Roe", Reason: "CHG-1234"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range result.Steps {
		fmt.Println(step.Number, step.Status, step.Text)
	}

	// The way back is a plan to read and to approve, too.
	now, err = take.From(ctx, client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := plan.Back(journal.Entries(), now)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range back.Steps {
		fmt.Println("the way back:", step.Words())
	}
	// Output:
	// 1 done create claim "OAuthRole pki-operators (System)"
	// 2 done update role "Operators": add 1 holder
	// the way back: update role "Operators": remove 1 holder
	// the way back: delete claim "OAuthRole pki-operators (System)"
}
