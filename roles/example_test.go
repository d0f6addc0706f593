package roles_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// connect returns a client of a simulated server with a few roles. A program
// calls security.NewClient with the URL of its server.
func connect() (*security.Client, func()) {
	server := securitytest.NewServer(securitytest.WithRoles(
		securitytest.Role{ID: 5, Name: "Auditors", Description: "They look", Permissions: []string{"/auditing/read/"}},
		securitytest.Role{ID: 6, Name: "Operators", Description: "They run it", Permissions: []string{"/portal/read/"}},
	))
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	return client, server.Close
}

func ExampleV2_All() {
	client, done := connect()
	defer done()

	for role, err := range roles.NewV2(client).All(context.Background(), &roles.ListOptionsV2{SortBy: roles.SortName}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(role.ID, role.Name, role.ClaimsCount)
	}
	// Output:
	// 1 Administrator 0
	// 5 Auditors 0
	// 6 Operators 0
	// 2 Reporting API Access 0
}

func ExampleV2_Get() {
	client, done := connect()
	defer done()

	_, err := roles.NewV2(client).Get(context.Background(), 42)
	if errors.Is(err, security.ErrNotFound) {
		fmt.Println("there is no role 42")
	}
	// Output: there is no role 42
}

func ExampleV2_Find() {
	client, done := connect()
	defer done()

	role, err := roles.NewV2(client).Find(context.Background(), "operators")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(role.ID, role.Name, role.Permissions)
	// Output: 6 Operators [/portal/read/]
}

func ExampleV2_Edit() {
	client, done := connect()
	defer done()

	_, change, err := roles.NewV2(client).Edit(context.Background(), 6, func(role *roles.UpdateV2) error {
		role.Description = "They run the PKI"
		role.Permissions = append(role.Permissions, "/certificates/collections/revoke/7/")
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(change)
	// Output:
	// role "Operators" (6) updated
	//   Description: "They run it" -> "They run the PKI"
	//   Permissions: + /certificates/collections/revoke/7/ (revoke certificates in collection 7)
}

// A dry run checks everything and writes nothing.
func ExampleV2_Grant() {
	client, done := connect()
	defer done()

	_, change, err := roles.NewV2(client).Grant(context.Background(), 6,
		[]permissions.Path{"/certificates/collections/read/7/"}, security.WithDryRun())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(change)
	// Output:
	// role "Operators" (6) would be updated
	//   Permissions: + /certificates/collections/read/7/ (view certificates in collection 7)
}

// One change for many roles. What became of each is in the results.
func ExampleV2_EditAll() {
	client, done := connect()
	defer done()

	ids := []int{5, 6, 42}
	results, err := roles.NewV2(client).EditAll(context.Background(), ids, func(role *roles.UpdateV2) error {
		role.EmailAddress = new("pki@example.com")
		return nil
	}, nil)
	for i, result := range results {
		if result.Err != nil {
			fmt.Println("role", ids[i], "failed, not found:", errors.Is(result.Err, security.ErrNotFound))
			continue
		}
		fmt.Println(result.Change)
	}
	fmt.Println("all went well:", err == nil)
	// Output:
	// role "Auditors" (5) updated
	//   EmailAddress: "" -> "pki@example.com"
	// role "Operators" (6) updated
	//   EmailAddress: "" -> "pki@example.com"
	// role 42 failed, not found: true
	// all went well: false
}

func ExampleV2_EnsureAll() {
	client, done := connect()
	defer done()

	results, err := roles.NewV2(client).EnsureAll(context.Background(), []roles.CreateV2{
		{Name: "Operators", Description: "They run it"},
		{Name: "Managers", Description: "They decide", Permissions: []permissions.Path{"/portal/read/"}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, result := range results {
		fmt.Println(result.Change.Object, result.Change.Action)
	}
	// Output:
	// role "Operators" unchanged
	// role "Managers" created
}

func ExampleV2_AddClaims() {
	client, done := connect()
	defer done()

	role, _, err := roles.NewV2(client).AddClaims(context.Background(), 5, []claims.Request{{
		Type: claims.TypeOAuthRole, Value: "pki-auditors", Scheme: "System", Description: "Auditors of the PKI",
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(role.Claims[0].Key())
	// Output: OAuthRole pki-auditors (System)
}

func ExampleV2_Ensure() {
	client, done := connect()
	defer done()

	desired := roles.CreateV2{
		Name: "Auditors", Description: "They look and report",
		Permissions: []permissions.Path{"/auditing/read/", "/reports/read/"},
	}
	for range 2 {
		_, change, err := roles.NewV2(client).Ensure(context.Background(), desired)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change)
	}
	// Output:
	// role "Auditors" (5) updated
	//   Description: "They look" -> "They look and report"
	//   Permissions: + /reports/read/ (run and view reports)
	// role "Auditors" (5) unchanged
}
