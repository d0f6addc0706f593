package securitytest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// A program is tried against a server whose answer to a write gets lost. In a test, Start takes the place of NewServer
// and Close.
func Example() {
	server := securitytest.NewServer(securitytest.WithRoles(
		securitytest.Role{ID: 3, Name: "Auditors", Description: "Read-only staff", Permissions: []string{"/auditing/read/"}},
	))
	defer server.Close()
	server.Inject(securitytest.Fault{Method: http.MethodPut, Path: "/Security/Roles", Times: 1, Commit: true, Reset: true})

	client, err := server.Client()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _, err = roles.NewV2(client).Grant(context.Background(), 3, []permissions.Path{"/dashboard/read/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	role, _ := server.Role(3)
	fmt.Println(role.Permissions)
	for _, r := range server.Requests() {
		fmt.Println(r.Method, r.Template)
	}
	fmt.Println("unused faults:", server.UnusedFaults())
	// Output:
	// [/auditing/read/ /dashboard/read/]
	// GET /Security/Roles/{id}
	// PUT /Security/Roles
	// GET /Security/Roles/{id}
	// unused faults: []
}

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

// A fault makes a write time out although it has happened. A typing error in the path of another one is told.
func ExampleHandler_Inject() {
	server := securitytest.NewServer()
	defer server.Close()
	server.Inject(securitytest.Fault{
		Method: http.MethodPost, Path: "/Security/Claims", Times: 1,
		Commit: true, Hang: true,
	})
	server.Inject(securitytest.Fault{Path: "/Security/Role/5", Status: http.StatusForbidden})
	for _, fault := range server.UnusedFaults() {
		fmt.Println(fault)
	}
	// Output:
	// POST /Security/Claims: commit, hang
	// /Security/Role/5: status 403
}
