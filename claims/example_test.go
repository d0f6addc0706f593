package claims_test

import (
	"context"
	"fmt"
	"log"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func ExampleV1_Ensure() {
	server := securitytest.NewServer() // a program calls security.NewClient with the URL of its server
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	desired := claims.Request{
		Type: claims.TypeOAuthRole, Value: "pki-operators", Scheme: "System", Description: "They run the PKI",
	}
	for range 2 {
		claim, change, err := claims.NewV1(client).Ensure(context.Background(), desired)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(claim.Key(), change.Action)
	}
	// Output:
	// OAuthRole pki-operators (System) created
	// OAuthRole pki-operators (System) unchanged
}

func ExampleV1_Roles() {
	server := securitytest.NewServer(securitytest.WithRoles(securitytest.Role{
		Name: "Operators", Description: "They run it",
		Claims: []securitytest.Claim{{Type: "OAuthRole", Value: "pki-operators", Scheme: "System"}},
	}))
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	held, err := claims.NewV1(client).Roles(context.Background(), claims.Key{
		Type: claims.TypeOAuthRole, Value: "pki-operators", Scheme: "System",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, role := range held {
		fmt.Println(role.Name)
	}
	// Output: Operators
}
