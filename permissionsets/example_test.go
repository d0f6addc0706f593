package permissionsets_test

import (
	"context"
	"fmt"
	"log"

	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func ExampleV1_Ensure() {
	server := securitytest.NewServer(securitytest.WithPermissionSets(
		securitytest.PermissionSet{Name: "Web team", Permissions: []string{"/portal/"}},
	))
	defer server.Close() // a program calls security.NewClient with the URL of its server
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	set, change, err := permissionsets.NewV1(client).Ensure(context.Background(), permissionsets.Create{
		Name: "Web team", Permissions: []permissions.Path{"/portal/", "/certificates/collections/read/6/"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(set.Name, change.Action, change.Fields[0].Added)
	// Output: Web team updated [/certificates/collections/read/6/]
}
