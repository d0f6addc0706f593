package securitytest_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// The bodies of this file were recorded, names and ids replaced. They are compared byte by byte.

const (
	systemProvider = `{"Id":"c70e8641-a543-45b1-a47f-8b7d253fbf14","AuthenticationScheme":"System","DisplayName":"System"}`
	adProvider     = `{"Id":"11111111-2222-3333-4444-555555555555","AuthenticationScheme":"Active Directory","DisplayName":"Active Directory"}`
)

func TestRecordedIdentities(t *testing.T) {
	t.Parallel()
	a := start(t,
		securitytest.WithIdentities(
			securitytest.Identity{ID: 2, AccountName: `KEYEXAMPLE\svc_pool`}, securitytest.Identity{ID: 6, AccountName: `KEYEXAMPLE\old`}),
		securitytest.WithRoles(securitytest.Role{
			ID: 2, Name: "Reporting API Access", Description: "Default Role For Dashboard use", Immutable: true,
			Legacy: []string{"AdminPortal:Read", "Dashboard:Read"}, Identities: []string{`KEYEXAMPLE\svc_pool`},
		}),
	)
	a.delete("/Security/Identities/6").is(http.StatusNoContent, "")

	a.post("/Security/Identities", 1, `{"AccountName":"KEYEXAMPLE\\jsmith"}`).is(http.StatusOK,
		`{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Roles":[],"Valid":true}`)

	got := a.get("/Security/Identities", 1).is(http.StatusOK, `[{"Id":2,"AccountName":"KEYEXAMPLE\\svc_pool","IdentityType":"User",`+
		`"Roles":[{"Id":2,"Description":"Default Role For Dashboard use","EmailAddress":null,"Enabled":false,"Immutable":false,`+
		`"Valid":null,"Private":false,"PermissionSetId":"00000000-0000-0000-0000-000000000000","Identities":[],`+
		`"Name":"Reporting API Access","Permissions":[]}],"Valid":true},`+
		`{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Roles":[],"Valid":true}]`)
	if count := got.header.Get("X-Total-Count"); count != "2" {
		t.Errorf("X-Total-Count %q", count)
	}

	a.get(`/Security/Roles?pq.queryString=name%20-eq%20%22Reporting%20API%20Access%22`, 1).is(http.StatusOK,
		`[{"Id":2,"Description":"Default Role For Dashboard use","EmailAddress":null,"Enabled":true,"Immutable":true,"Valid":true,`+
			`"Private":false,"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Identities":[{"Id":2,`+
			`"AccountName":"KEYEXAMPLE\\svc_pool","IdentityType":"User","SID":"S-1-5-21-1111111111-2222222222-3333333333-1104"}],`+
			`"Name":"Reporting API Access","Permissions":["AdminPortal:Read","Dashboard:Read"]}]`)

	a.get("/Security/Identities/Lookup?accountName=KEYEXAMPLE%5Cjsmith", 1).is(http.StatusOK, `{"Valid":true}`)
	a.delete("/Security/Identities/7").is(http.StatusNoContent, "")
}

func TestRecordedIdentityOrder(t *testing.T) {
	t.Parallel()
	var seeds []securitytest.Identity
	for id, name := range map[int]string{1: "Administrator", 2: "SVC_AppPool", 3: "kfadmin", 7: "Guest"} {
		seeds = append(seeds, securitytest.Identity{ID: id, AccountName: `KEYEXAMPLE\` + name})
	}
	a := start(t, securitytest.WithIdentities(seeds...))
	equal(t, a.get("/Security/Identities", 1).column("Id"), []any{2.0, 1.0, 7.0, 3.0})
	a.delete("/Security/Identities/7").ok()
	equal(t, a.get("/Security/Identities", 1).column("Id"), []any{2.0, 1.0, 3.0})
}

func TestRecordedRolesV1(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithRoles(securitytest.Role{ID: 908, Name: "before", Description: "d"}))
	a.post("/Security/Roles", 1, `{"Name":"Auditors","Description":"Read-only staff","Permissions":[]}`).is(http.StatusOK,
		`{"Id":909,"Description":"Read-only staff","EmailAddress":null,"Enabled":true,"Immutable":false,"Valid":true,"Private":false,`+
			`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Identities":[],"Name":"Auditors","Permissions":[]}`)
	const updated = `{"Id":909,"Description":"Updated","EmailAddress":null,"Enabled":true,"Immutable":false,"Valid":true,"Private":false,` +
		`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Identities":[],"Name":"Auditors",` +
		`"Permissions":["Certificates:EditMetadata","Certificates:Read"]}`
	a.put("/Security/Roles", 1, `{"Id":909,"Name":"Auditors","Description":"Updated",`+
		`"Permissions":["Certificates:EditMetadata","Certificates:Read"]}`).is(http.StatusOK, updated)
	a.get("/Security/Roles/909", 1).is(http.StatusOK, updated)

	got := a.get(`/Security/Roles?pq.queryString=name%20-eq%20%22Administrator%22`, 1).is(http.StatusOK,
		`[{"Id":1,"Description":"Built-in management portal administration role","EmailAddress":null,"Enabled":true,"Immutable":true,`+
			`"Valid":true,"Private":false,"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Identities":[],`+
			`"Name":"Administrator","Permissions":[]}]`)
	if count := got.header.Get("X-Total-Count"); count != "1" {
		t.Errorf("X-Total-Count %q", count)
	}
}

func TestRecordedRolesV2(t *testing.T) {
	t.Parallel()
	a := start(t,
		securitytest.WithRoles(securitytest.Role{ID: 358, Name: "before", Description: "d"}),
		securitytest.WithClaims(securitytest.Claim{ID: 243, Type: "OAuthOid", Value: "v", Scheme: "System", Description: "d"}),
	)
	a.post("/Security/Roles", 2, `{"Description":"Metadata readers","EmailAddress":"team@example.com","Name":"Metadata",`+
		`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":["/metadata/types/read/"]}`).is(http.StatusOK,
		`{"Id":359,"Name":"Metadata","Description":"Metadata readers","EmailAddress":"team@example.com","Immutable":false,`+
			`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":["/metadata/types/read/"],"Claims":[]}`)
	a.get(`/Security/Roles?QueryString=%28%28Name+-eq+%22Metadata%22%29%29`, 2).is(http.StatusOK,
		`[{"Id":359,"Name":"Metadata","EmailAddress":"team@example.com","Immutable":false,`+
			`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","ClaimsCount":0}]`)
	const updated = `{"Id":359,"Name":"Metadata","Description":"Metadata readers","EmailAddress":"team@example.com","Immutable":false,` +
		`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":[],"Claims":[{"Id":244,"Description":"Build system",` +
		`"ClaimType":"OAuthClientId","ClaimValue":"app-client-1","Provider":` + systemProvider + `}]}`
	a.put("/Security/Roles", 2, `{"Claims":[{"ClaimType":6,"ClaimValue":"app-client-1","Description":"Build system",`+
		`"ProviderAuthenticationScheme":"System"}],"Description":"Metadata readers","EmailAddress":"team@example.com","Id":359,`+
		`"Name":"Metadata","PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":[]}`).is(http.StatusOK, updated)
	a.get("/Security/Roles/359", 2).is(http.StatusOK, updated)
	a.delete("/Security/Roles/359").is(http.StatusNoContent, "")
}

func TestRecordedClaims(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithClaims(
		securitytest.Claim{ID: 12, Type: "Group", Value: `KEYEXAMPLE\PKI Administrators`, Scheme: "Active Directory", Description: "PKI admins"},
		securitytest.Claim{ID: 230, Type: "OAuthOid", Value: "v", Scheme: "System", Description: "d"},
	))
	const claim = `{"Id":231,"Description":"A user","ClaimType":"OAuthSubject","ClaimValue":"user-1","Provider":` + systemProvider + `}`
	a.post("/Security/Claims", 1,
		`{"ClaimType":5,"ClaimValue":"user-1","Description":"A user","ProviderAuthenticationScheme":"System"}`).is(http.StatusOK, claim)
	a.get("/Security/Claims/231", 1).is(http.StatusOK, claim)
	a.get(`/Security/Claims?QueryString=%28%28ClaimValue+-eq+%22user-1%22+and+ClaimType+-eq+5%29%29`, 1).is(http.StatusOK, "["+claim+"]")
	a.put("/Security/Claims", 1, `{"Description":"A user, renamed","Id":231}`).is(http.StatusOK,
		`{"Id":231,"Description":"A user, renamed","ClaimType":"OAuthSubject","ClaimValue":"user-1","Provider":`+systemProvider+`}`)
	a.get(`/Security/Claims?QueryString=ADClaimValue+-eq+%22KEYEXAMPLE%5CPKI+Administrators%22`, 1).is(http.StatusOK,
		`[{"Id":12,"Description":"PKI admins","ClaimType":"Group","ClaimValue":"KEYEXAMPLE\\PKI Administrators","Provider":`+
			`{"Id":"11111111-2222-3333-4444-555555555555","AuthenticationScheme":"Active Directory","DisplayName":"Active Directory"}}]`)
	a.delete("/Security/Claims/231").is(http.StatusNoContent, "")
}

func TestRecordedPermissionSets(t *testing.T) {
	t.Parallel()
	got := start(t).get("/PermissionSets?PageReturned=1&ReturnLimit=50", 1).is(http.StatusOK,
		`[{"Id":"099c05f0-deba-4562-a5b1-f491e19c0749","Name":"Global","Permissions":["/"]}]`)
	if count := got.header.Get("X-Total-Count"); count != "1" {
		t.Errorf("X-Total-Count %q", count)
	}
}

func TestRecordedHeaders(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithRoles(securitytest.Role{Name: "r", Description: "d"}))
	correlation := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	product := regexp.MustCompile(`^25\.4\.1\+[0-9a-f]{40}$`)
	seen := map[string]bool{}
	for _, test := range []struct {
		method, path, supported, contentType string
		count                                bool
	}{
		{http.MethodGet, "/Security/Roles", "1.0, 2", "application/json; charset=utf-8", true},
		{http.MethodGet, "/Security/Roles/1", "1.0, 2", "application/json; charset=utf-8", false},
		{http.MethodDelete, "/Security/Roles/3", "1.0, 2", "", false},
		{http.MethodGet, "/Security/Identities", "1.0", "application/json; charset=utf-8", true},
		{http.MethodGet, "/Security/Claims", "1.0", "application/json; charset=utf-8", true},
		{http.MethodGet, "/PermissionSets", "1.0", "application/json; charset=utf-8", true},
		{http.MethodGet, "/Permissions", "1.0", "application/json; charset=utf-8", false},
	} {
		got := a.do(test.method, test.path, 1, "").ok()
		_, counted := got.header["X-Total-Count"]
		if got.header.Get("Api-Supported-Versions") != test.supported || got.header.Get("Content-Type") != test.contentType || counted != test.count {
			t.Errorf("%s %s: headers %v", test.method, test.path, got.header)
		}
		if v := got.header.Get("X-Keyfactor-Product-Version"); !product.MatchString(v) {
			t.Errorf("%s: product version %q", test.path, v)
		}
		id := got.header.Get("X-Keyfactor-Correlation-Id")
		if !correlation.MatchString(id) || seen[id] {
			t.Errorf("%s: correlation id %q", test.path, id)
		}
		seen[id] = true
	}
}

func TestRecordedSortError(t *testing.T) {
	t.Parallel()
	start(t).get("/Security/Roles?SortField=Foo", 1).is(http.StatusBadRequest,
		`{"ErrorCode":"0xA011004A","Message":"Invalid sort field: Foo."}`)
}
