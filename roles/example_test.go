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
