package access_test

import (
	"context"
	"fmt"
	"log"

	"github.com/commandsec/commandsec-go/access"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func ExampleV1_MyPermissions() {
	server := securitytest.NewServer(
		securitytest.WithRoles(securitytest.Role{
			Name: "Operators", Description: "They run it",
			Permissions: []string{"/portal/read/", "/certificates/collections/read/6/"},
		}),
		securitytest.WithToken("a-token", "Operators"),
	)
	defer server.Close()
	client, err := server.Client(security.WithAccessToken("a-token"))
	if err != nil {
		log.Fatal(err)
	}
	mine, err := access.NewV1(client).MyPermissions(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(mine.Permissions)
	// Output: [/certificates/collections/read/6/ /portal/read/]
}
