package plan_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

// server is a small server as package take would read it.
func server() *snapshot.Snapshot {
	ops := snapshot.Key{Type: "OAuthRole", Value: "pki-ops", Scheme: "Entra"}
	return &snapshot.Snapshot{
		Server: snapshot.Server{URL: "https://command.example.com/KeyfactorAPI", Version: "25.4.1"},
		PermissionSets: []snapshot.PermissionSet{
			{ID: "099c05f0-deba-4562-a5b1-f491e19c0749", Name: "Global", Permissions: []permissions.Path{"/"}},
		},
		Providers:   []snapshot.Provider{{ID: "33333333-3333-3333-3333-333333333333", Scheme: "Entra"}},
		Collections: []snapshot.Collection{{ID: 6, Name: "Web servers"}},
		Claims:      []snapshot.Claim{{Key: ops, ClaimID: 7, Description: "Operators", Versions: []int{2}}},
		Roles: []snapshot.Role{{
			ID: 3, Name: "Operators", Description: "Run the PKI", PermissionSetID: "099c05f0-deba-4562-a5b1-f491e19c0749",
			Versions: []int{2}, Paths: []permissions.Path{"/certificates/collections/read/"},
			Holders: []snapshot.Holder{{Key: ops, Versions: []int{2}}},
		}},
	}
}

func ExampleMake() {
	text := func(s string) plan.Text { return plan.Text{Value: s} }
	desired := &plan.Desired{Roles: []plan.Role{{
		Name:        "Operators",
		Permissions: []plan.Text{text("/certificates/collections/read/{Web servers}/"), text("/portal/read/")},
		// Holders is nil: they stay as they are.
	}}}
	p, err := plan.Make(server(), desired, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range p.Steps {
		fmt.Println(p.Steps[i].Number, p.Steps[i].Words())
	}
	for _, h := range p.Holders {
		fmt.Println(h.Key, "could do", p.Sets[h.Before], "and can do", p.Sets[h.After])
	}
	// Output:
	// 1 update role "Operators": add 1 permission
	// 2 update role "Operators": add 1 permission, remove 1 permission
	// OAuthRole pki-ops (Entra) could do [/certificates/collections/read/] and can do [/certificates/collections/read/6/ /portal/read/]
}

func ExampleLoadDesired() {
	dir, err := os.MkdirTemp("", "access")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "access.yaml"), []byte("roles:\n  - name: Operators\n    permision: []\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	_, err = plan.LoadDesired(filepath.Join(dir, "access.yaml"))
	if problems, ok := err.(plan.Problems); ok { //nolint:errorlint // LoadDesired wraps none
		for _, p := range problems {
			fmt.Println(p.At.Line, p.At.Column, p.Text)
		}
	}
	// Output:
	// 3 5 a role has no "permision"; did you mean "permissions"?
}

func ExampleExport() {
	desired, err := plan.Export(server())
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := desired.WriteYAML(os.Stdout); err != nil {
		fmt.Println(err)
	}
	p, err := plan.Make(server(), desired, nil)
	fmt.Println("# nothing to do:", err == nil && p.Empty())
	// Output:
	// format: 1
	// server: https://command.example.com/KeyfactorAPI
	// claims:
	//   - type: OAuthRole
	//     value: pki-ops
	//     scheme: Entra
	//     description: Operators
	// roles:
	//   - name: Operators
	//     description: Run the PKI
	//     permissionSet: Global
	//     permissions:
	//       - /certificates/collections/read/
	//     holders:
	//       - OAuthRole:pki-ops@Entra
	// # nothing to do: true
}

func ExampleVerify() {
	desired := &plan.Desired{Roles: []plan.Role{{Name: "Operators", Permissions: []plan.Text{{Value: "/portal/read/"}}}}}
	p, err := plan.Make(server(), desired, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Nobody carried it out.
	for _, f := range plan.Verify(p, server()).Findings {
		fmt.Println(f.Code+":", f.Title)
	}
	// Output:
	// wider-than-planned: "OAuthRole pki-ops (Entra)" can do more than planned.
	// narrower-than-planned: "OAuthRole pki-ops (Entra)" can do less than planned.
	// not-as-planned: The role "Operators" is as it was before the plan.
}
