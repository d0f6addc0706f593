package identities_test

import (
	"context"
	"fmt"
	"log"

	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func ExampleV1_Permissions() {
	server := securitytest.NewServer(
		securitytest.WithIdentities(securitytest.Identity{ID: 12, AccountName: `KEYEXAMPLE\jsmith`}),
		securitytest.WithRoles(securitytest.Role{
			Name: "Operators", Description: "They run it",
			Identities: []string{`KEYEXAMPLE\jsmith`}, Legacy: []string{"AdminPortal:Read", "Collections[6]:Read"},
		}),
	)
	defer server.Close() // a program calls security.NewClient with the URL of its server
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	service := identities.NewV1(client)
	found, err := service.Find(context.Background(), `KEYEXAMPLE\jsmith`)
	if err != nil {
		log.Fatal(err)
	}
	may, err := service.Permissions(context.Background(), found.ID)
	if err != nil {
		log.Fatal(err)
	}
	for _, grant := range may.Global {
		fmt.Println(grant.Permission, "through", grant.GrantedByRoles)
	}
	// Output: AdminPortal:Read through [Operators]
}
