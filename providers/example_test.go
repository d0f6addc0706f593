package providers_test

import (
	"context"
	"fmt"
	"log"

	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func ExampleV1_All() {
	server := securitytest.NewServer(securitytest.WithIdentityProviders(
		securitytest.IdentityProvider{Scheme: "Corporate", DisplayName: "Corporate sign-in"},
	))
	defer server.Close() // a program calls security.NewClient with the URL of its server
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	for provider, err := range providers.NewV1(client).All(context.Background(), &providers.ListOptions{
		Filter: providers.FieldDisplayName.StartsWith("Corp"),
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s (%s)\n", provider.DisplayName, provider.AuthenticationScheme)
	}
	// Output: Corporate sign-in (Corporate)
}
