package security_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func ExampleNewClient() {
	client, err := security.NewClient("https://command.example.com/KeyfactorAPI",
		security.WithClientCredentials(security.ClientCredentials{
			TokenURL: "https://login.example.com/oauth2/token",
			ClientID: "rolesync", ClientSecret: security.NewSecret("from your vault"),
		}),
		security.WithUserAgent("rolesync/1.4"))
	fmt.Println(client != nil, err)
	// Output: true <nil>
}

func ExampleNewClient_problems() {
	_, err := security.NewClient("command.example.com", security.WithTimeout(0))
	problems, _ := errors.AsType[security.FieldErrors](err) // all of them
	for _, p := range problems {
		fmt.Println(p)
	}
	// Output:
	// WithTimeout: must be more than 0, got 0s
	// baseURL: must look like https://command.example.com/KeyfactorAPI, got "command.example.com"
	// credentials: none given; use one of WithBasicAuth, WithBasicAuthFunc, WithClientCredentials, WithAccessToken, WithTokenSource, WithAuthorization, WithClientCertificate
}

func ExampleFilterField() {
	fmt.Println(security.And(
		claims.FieldType.Eq(claims.TypeOAuthRole),
		security.Or(claims.FieldValue.StartsWith("pki-"), claims.FieldDescription.Contains("PKI")),
	))
	// Output: ((ClaimType -eq 4) AND ((ClaimValue -startswith "pki-") OR (Description -contains "PKI")))
}

func ExampleFieldErrors() {
	server := securitytest.NewServer()
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	_, err = claims.NewV1(client).Create(context.Background(), claims.Request{Type: "Robot", Value: "r2"})
	problems, _ := errors.AsType[security.FieldErrors](err)
	for _, p := range problems {
		fmt.Println(p.Field)
	}
	// Output:
	// Type
	// Scheme
	// Description
}
