package securitytest_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// The bodies of this file have the form of recorded ones, with names and ids replaced. They are compared byte by byte. Only
// the answer of Lookup, the claim of a group, and the error codes other than that of the sort field were never recorded.

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
	got.total("2")

	a.get(`/Security/Roles?pq.queryString=name%20-eq%20%22Reporting%20API%20Access%22`, 1).is(http.StatusOK,
		`[{"Id":2,"Description":"Default Role For Dashboard use","EmailAddress":null,"Enabled":true,"Immutable":true,"Valid":true,`+
			`"Private":false,"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Identities":[{"Id":2,`+
			`"AccountName":"KEYEXAMPLE\\svc_pool","IdentityType":"User","SID":"S-1-5-21-1111111111-2222222222-3333333333-1104"}],`+
			`"Name":"Reporting API Access","Permissions":["AdminPortal:Read","Dashboard:Read"]}]`)

	a.get("/Security/Identities/Lookup?accountName=KEYEXAMPLE%5Cjsmith", 1).is(http.StatusOK, `{"Valid":true}`)
	a.delete("/Security/Identities/7").is(http.StatusNoContent, "")
}

// TestRecordedIdentityList is a list of four, which came in an order of its own, to a client that sends null as a body.
func TestRecordedIdentityList(t *testing.T) {
	t.Parallel()
	const operations = `KEYEXAMPLE\pki_ops`
	a := start(t,
		securitytest.WithIdentities(
			securitytest.Identity{ID: 1, AccountName: `KEYEXAMPLE\Administrator`}, securitytest.Identity{ID: 2, AccountName: `KEYEXAMPLE\svc_pool`},
			securitytest.Identity{ID: 3, AccountName: operations}, securitytest.Identity{ID: 7, AccountName: `KEYEXAMPLE\jsmith`}),
		securitytest.WithRoles(
			securitytest.Role{
				ID: 1, Name: "Administrator", Description: "Built-in management portal administration role", Immutable: true,
				Permissions: []string{"/"}, Identities: []string{`KEYEXAMPLE\Administrator`},
			},
			securitytest.Role{
				ID: 2, Name: "Reporting API Access", Description: "Default Role For Dashboard use", Immutable: true,
				Legacy: []string{"AdminPortal:Read", "Dashboard:Read"}, Identities: []string{`KEYEXAMPLE\svc_pool`},
			},
			securitytest.Role{ID: 3, Name: "pki_ops", Description: "pki_ops", Legacy: []string{"SSH:User"}, Identities: []string{operations}},
		),
	)
	stub := func(id, name, description string) string {
		return `[{"Id":` + id + `,"Description":"` + description + `","EmailAddress":null,"Enabled":false,"Immutable":false,"Valid":null,` +
			`"Private":false,"PermissionSetId":"00000000-0000-0000-0000-000000000000","Identities":[],"Name":"` + name + `","Permissions":[]}]`
	}
	pool := `{"Id":2,"AccountName":"KEYEXAMPLE\\svc_pool","IdentityType":"User","Roles":` +
		stub("2", "Reporting API Access", "Default Role For Dashboard use") + `,"Valid":true}`
	administrator := `{"Id":1,"AccountName":"KEYEXAMPLE\\Administrator","IdentityType":"User","Roles":` +
		stub("1", "Administrator", "Built-in management portal administration role") + `,"Valid":true}`
	smith := `{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Roles":[],"Valid":true}`
	ops := `{"Id":3,"AccountName":"KEYEXAMPLE\\pki_ops","IdentityType":"User","Roles":` + stub("3", "pki_ops", "pki_ops") + `,"Valid":true}`

	a.do(http.MethodGet, "/Security/Identities", 1, "null").is(http.StatusOK, "["+pool+","+administrator+","+smith+","+ops+"]").total("4")
	a.do(http.MethodDelete, "/Security/Identities/7", 1, "null").is(http.StatusNoContent, "")
	a.do(http.MethodGet, "/Security/Identities", 1, "null").is(http.StatusOK, "["+pool+","+administrator+","+ops+"]").total("3")
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
	got.total("1")
	a.delete("/Security/Roles/909").is(http.StatusNoContent, "")
	// The id is gone for good, for both versions.
	a.post("/Security/Roles", 1, `{"Name":"Auditors","Description":"Read-only staff","Permissions":[]}`).is(http.StatusOK,
		`{"Id":910,"Description":"Read-only staff","EmailAddress":null,"Enabled":true,"Immutable":false,"Valid":true,"Private":false,`+
			`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Identities":[],"Name":"Auditors","Permissions":[]}`)
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
			`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","ClaimsCount":0}]`).total("1")
	const updated = `{"Id":359,"Name":"Metadata","Description":"Metadata readers","EmailAddress":"team@example.com","Immutable":false,` +
		`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":[],"Claims":[{"Id":244,"Description":"Build system",` +
		`"ClaimType":"OAuthClientId","ClaimValue":"app-client-1","Provider":` + systemProvider + `}]}`
	a.put("/Security/Roles", 2, `{"Claims":[{"ClaimType":6,"ClaimValue":"app-client-1","Description":"Build system",`+
		`"ProviderAuthenticationScheme":"System"}],"Description":"Metadata readers","EmailAddress":"team@example.com","Id":359,`+
		`"Name":"Metadata","PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":[]}`).is(http.StatusOK, updated)
	a.get("/Security/Roles/359", 2).is(http.StatusOK, updated)
	// A second claim of the role, then none. The claims themselves stay until somebody deletes them.
	const second = `{"Id":245,"Description":"Second build system","ClaimType":"OAuthClientId","ClaimValue":"app-client-2","Provider":` + systemProvider + `}`
	a.put("/Security/Roles", 2, `{"Claims":[{"ClaimType":6,"ClaimValue":"app-client-1","Description":"Build system",`+
		`"ProviderAuthenticationScheme":"System"},{"ClaimType":6,"ClaimValue":"app-client-2","Description":"Second build system",`+
		`"ProviderAuthenticationScheme":"System"}],"Description":"Metadata readers","EmailAddress":"team@example.com","Id":359,`+
		`"Name":"Metadata","PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":[]}`).
		is(http.StatusOK, strings.TrimSuffix(updated, "]}")+","+second+"]}")
	a.put("/Security/Roles", 2, `{"Claims":[],"Description":"Metadata readers","EmailAddress":"team@example.com","Id":359,`+
		`"Name":"Metadata","PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":[]}`).is(http.StatusOK,
		`{"Id":359,"Name":"Metadata","Description":"Metadata readers","EmailAddress":"team@example.com","Immutable":false,`+
			`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":[],"Claims":[]}`)
	a.get("/Security/Claims/245", 1).is(http.StatusOK, second)
	a.delete("/Security/Claims/245").is(http.StatusNoContent, "")
	// The client sends version 1 to delete what it created with version 2.
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
	a.get(`/Security/Claims?QueryString=%28%28ClaimValue+-eq+%22user-1%22+and+ClaimType+-eq+5%29%29`, 1).is(http.StatusOK, "["+claim+"]").total("1")
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
	got.total("1")
}

// TestRecordedScripts are the requests of scripts that the vendor publishes and that run against live servers: paths and
// members in any case, names of claim types, versions with a zero, text/plain.
func TestRecordedScripts(t *testing.T) {
	t.Parallel()
	a := start(t)
	script := func(method, path, version, body string) answer {
		t.Helper()
		req := a.request(method, path, 1, body)
		req.Header.Set("x-keyfactor-api-version", version)
		req.Header.Set("Accept", "text/plain")
		return a.send(req, body)
	}
	script(http.MethodGet, `/PermissionSets?QueryString=name%20-eq%20%22global%22`, "1.0", "").is(http.StatusOK,
		`[{"Id":"099c05f0-deba-4562-a5b1-f491e19c0749","Name":"Global","Permissions":["/"]}]`).total("1")
	script(http.MethodPost, "/Security/claims", "1.0", `{"claimtype":"oauthrole","claimvalue":"PKI Team","description":"PKI Team",`+
		`"providerauthenticationscheme":"System"}`).is(http.StatusOK,
		`{"Id":1,"Description":"PKI Team","ClaimType":"OAuthRole","ClaimValue":"PKI Team","Provider":`+systemProvider+`}`)
	script(http.MethodPost, "/Security/roles", "2.0", `{"name":"PKI Team","description":"PKI Team","emailaddress":"",`+
		`"permissionSetid":"099c05f0-deba-4562-a5b1-f491e19c0749","permissions":[],"claims":[{"claimtype":"oauthrole","claimvalue":"PKI Team",`+
		`"description":"PKI Team","providerauthenticationscheme":"System"}]}`).is(http.StatusOK,
		`{"Id":3,"Name":"PKI Team","Description":"PKI Team","EmailAddress":null,"Immutable":false,`+
			`"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":[],"Claims":[{"Id":1,"Description":"PKI Team",`+
			`"ClaimType":"OAuthRole","ClaimValue":"PKI Team","Provider":`+systemProvider+`}]}`)
	// The number of pages comes from the total, which is the number before paging.
	equal(t, len(script(http.MethodGet, "/Security/roles?ReturnLimit=2&PageReturned=1", "2.0", "").total("3").column("Id")), 2)
	equal(t, len(script(http.MethodGet, "/status/endpoints", "1.0", "").ok().body) > 2, true)
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

// TestRecordedVersions are the forms of the product version header.
func TestRecordedVersions(t *testing.T) {
	t.Parallel()
	for product, want := range map[string]string{
		"25.4.1":      "25.4.1+4f1c2ab09d7e35866b0e1f94c8d2a7733e5b6091",
		"25.4.1+dc0d": "25.4.1+dc0d",
		"25.5.1":      "25.5.1",
		"25.5":        "25.5.0",
		"26.1.0.2":    "26.1.0.2",
		"10.5":        "",
	} {
		got := start(t, securitytest.WithVersion(product)).get("/Status/HealthCheck", 1).ok()
		if told := got.header.Get("X-Keyfactor-Product-Version"); told != want {
			t.Errorf("%s: told %q, want %q", product, told, want)
		}
	}
}

// TestRecordedErrors are the forms of error bodies: chunked, quotes escaped. Of the codes only that of the sort field was
// recorded.
func TestRecordedErrors(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithVersion("25.5.1"), securitytest.WithDirectory(securitytest.Identity{AccountName: `KEYEXAMPLE\jsmith`}))
	for _, got := range []answer{
		a.get("/Security/Roles?SortField=Foo", 1).is(http.StatusBadRequest, `{"ErrorCode":"0xA011004A","Message":"Invalid sort field: Foo."}`),
		a.get("/Security/Roles/999999", 1).is(http.StatusNotFound,
			`{"ErrorCode":"0xA0110000","Message":"Unable to find \u0027Security Role\u0027 with Id \u0027999999\u0027"}`),
		a.get("/Security/Roles/999999", 2).is(http.StatusNotFound,
			`{"ErrorCode":"0xA0110000","Message":"Unable to find \u0027Security Role\u0027 with Id \u0027999999\u0027"}`),
		a.delete("/Security/Roles/999999").is(http.StatusNotFound,
			`{"ErrorCode":"0xA0110000","Message":"Unable to find \u0027Security Role\u0027 with Id \u0027999999\u0027"}`),
		a.get("/Certificates/999999999/Security", 1).is(http.StatusNotFound,
			`{"ErrorCode":"0xA0110000","Message":"Unable to find \u0027Certificate\u0027 with Id \u0027999999999\u0027"}`),
		// An account has one backslash, which JSON doubles.
		a.post("/Security/Identities", 1, `{"AccountName":"KEYEXAMPLE\\nobody"}`).is(http.StatusBadRequest,
			`{"ErrorCode":"0xA0110001","Message":"The account \u0027KEYEXAMPLE\\nobody\u0027 was not found."}`),
		a.get("/Security/Roles?SortField=%3C%22%C3%A4%F0%9F%94%91%09", 1).is(http.StatusBadRequest,
			`{"ErrorCode":"0xA011004A","Message":"Invalid sort field: \u003C\u0022\u00E4\uD83D\uDD11\t."}`),
	} {
		if !got.chunked || got.header.Get("Content-Length") != "" {
			t.Errorf("%s: not chunked: %v", got.body, got.header)
		}
	}
	if got := a.get("/Security/Roles/1", 1); got.chunked || got.header.Get("Content-Length") == "" {
		t.Errorf("a success does not tell its length: %v", got.header)
	}
}
