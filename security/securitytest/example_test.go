package securitytest_test

import (
	"fmt"
	"io"
	"net/http"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// The server speaks the wire protocol, so that every client can use it.
func ExampleNewServer() {
	server := securitytest.NewServer(securitytest.WithRoles(
		securitytest.Role{Name: "Auditors", Description: "Read-only staff", Legacy: []string{"Auditing:Read"}},
	))
	defer server.Close()
	if err := server.Err(); err != nil {
		fmt.Println(err)
		return
	}

	req, err := http.NewRequest(http.MethodGet, server.URL+"/Security/Roles/3", http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	req.SetBasicAuth(server.Username, server.Password)
	req.Header.Set("x-keyfactor-requested-with", "APIClient")
	req.Header.Set("x-keyfactor-api-version", "2")
	resp, err := server.HTTPClient().Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, string(body))
	// Output: 200 {"Id":3,"Name":"Auditors","Description":"Read-only staff","EmailAddress":null,"Immutable":false,"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":["/auditing/read/"],"Claims":[]}
}

// A fault makes a write time out although it has happened.
func ExampleHandler_Inject() {
	server := securitytest.NewServer()
	defer server.Close()
	server.Inject(securitytest.Fault{
		Method: http.MethodPost, Path: "/Security/Claims", Times: 1,
		Commit: true, Hang: true,
	})
}
