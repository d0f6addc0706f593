package review_test

import (
	"fmt"
	"strings"

	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
)

func ExampleReview_WhoCan() {
	s := sample() // usually snapshot.Load("q4.json")
	for _, g := range review.New(s, nil).WhoCan("/certificates/collections/private_key/read/") {
		fmt.Printf("%s, through the role %s: %s\n", g.Holder, g.Role, g.Text)
	}
	// Output:
	// Group KEYEXAMPLE\PKI Administrators (Active Directory), through the role Administrator: do everything in Command
	// OAuthRole web-team (System), through the role Key export: download private keys of certificates in collection "Web servers" (6)
}

func ExampleReview_Can() {
	r := review.New(sample(), nil)
	for _, key := range r.Find("adm_jsmith") {
		for _, g := range r.Can(key) {
			fmt.Printf("%s: %s (%s)\n", g.Role, g.Text, g.Path)
		}
	}
	// Output:
	// Approvers: approve and deny certificate requests and handle pending CSRs (/certificates/requests/manage/)
	// Approvers: sign in to the Management Portal (/portal/read/)
}

func ExampleReview_Findings() {
	rules, err := review.ParseRules(strings.NewReader(`
rules:
  - name: portal-ssl
    title: Can sign in and view SSL results
    why: It shows how rules look.
    sides:
      - paths: [/portal/read/]
      - paths: [/ssl/read/]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range review.New(sample(), &review.Options{Rules: rules}).Findings()[:4] {
		fmt.Printf("%s: %s\n", f.Severity, f.Title)
	}
	// Output:
	// critical: The signature of the identity "KEYEXAMPLE\gone" does not match
	// critical: The signature of the role "Operators" does not match
	// high: The role "Operators" can request certificates and approve requests
	// high: User KEYEXAMPLE\rpatel (Active Directory) can request certificates and approve requests, through 2 roles together
}

func ExampleChanges() {
	report := review.Changes(snapshot.Compare(sample(), later()), nil)
	fmt.Println(report.Lead)
	for _, c := range report.Changes {
		if c.Group == "Collections" {
			fmt.Printf("%s: %s\n", c.Title, c.Detail)
		}
	}
	// Output:
	// 2 holders can do more than before, and 4 can do less. 6 roles are new, gone or different.
	// Web servers: Every right on this collection is a right on other certificates now. 1 role has rights on it, and 1 holder.
}
