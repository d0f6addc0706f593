package securitytest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestVersionHeader(t *testing.T) {
	t.Parallel()
	a := start(t)
	for _, test := range []struct {
		method, path, version string
		status                int
	}{
		{"GET", "/Security/Roles/1", "", 200},
		{"GET", "/Security/Roles/1", "1", 200},
		{"GET", "/Security/Roles/1", "1.0", 200},
		{"GET", "/Security/Roles/1", "2", 200},
		{"GET", "/Security/Roles/1", "2.0", 200},
		{"GET", "/Security/Roles/1", "3", 400},
		{"GET", "/Security/Roles/1", "x", 400},
		{"GET", "/Security/Claims", "2", 400},
		{"GET", "/PermissionSets", "2.0", 400},
		{"DELETE", "/Security/Roles/1", "2", 400},
		{"GET", "/Security/My", "2", 400},
	} {
		req := a.request(test.method, test.path, 1, "")
		req.Header.Set("x-keyfactor-api-version", test.version)
		if test.version == "" {
			req.Header.Del("x-keyfactor-api-version")
		}
		got := a.send(req, "")
		if got.status != test.status {
			t.Errorf("%s %s, version %q: got %d", test.method, test.path, test.version, got.status)
		}
		if two := strings.Contains(got.body, "ClaimsCount") || strings.Contains(got.body, `"Claims"`); test.status == 200 && two != strings.HasPrefix(test.version, "2") {
			t.Errorf("version %q: %s", test.version, got.body)
		}
	}
}

func TestVersion10(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithVersion("10.5"), securitytest.WithLegacyTenant(1, 20))
	got := a.get(`/Security/Roles?pq.queryString=name%20-eq%20%22Administrator%22&pageReturned=1`, 1).is(http.StatusOK,
		`[{"Id":1,"Description":"Built-in management portal administration role","Enabled":true,"Immutable":true,"Valid":true,`+
			`"Private":false,"Identities":[],"Name":"Administrator","Permissions":[]}]`)
	if _, told := got.header["X-Keyfactor-Product-Version"]; told || got.header.Get("Api-Supported-Versions") != "1.0" {
		t.Errorf("headers %v", got.header)
	}
	for _, path := range []string{
		"/Security/Claims", "/PermissionSets", "/Permissions", "/IdentityProviders", "/Security/My/Permissions", "/Security/Applications/1/Roles",
		"/Security/Roles/1/Permissions/PamProviders", "/Security/Audit/Collections/1",
	} {
		a.get(path, 1).noEndpoint()
	}
	a.get("/Security/Roles", 2).refused(400)
	a.post("/Security/Roles", 1, `{"Name":"A","Description":"d","EmailAddress":"x@example.com","Permissions":["SecuritySettings:Read"]}`).is(200,
		`{"Id":23,"Description":"d","Enabled":true,"Immutable":false,"Valid":true,"Private":false,"Identities":[],"Name":"A","Permissions":["SecuritySettings:Read"]}`)
	a.get("/Security/Identities", 1).ok()
	a.get("/Security/My", 1).ok()
	if body := a.get("/Security/Identities/1", 1).ok().body; strings.Contains(body, "PamProvider") {
		t.Errorf("identity %s", body)
	}
}

// TestVersion25 checks what came between 25.1 and 25.2. The vendor's client for 25.1.1 cannot read it.
func TestVersion25(t *testing.T) {
	t.Parallel()
	create := `{"AuthenticationScheme":"Corporate","DisplayName":"Corporate","ProviderType":"Auth0","Parameters":` + providerParameters + `}`
	old := populated(t, securitytest.WithVersion("25.1.1"))
	for _, path := range []string{"/Security/My/Permissions", "/Security/Applications/2/Roles"} {
		old.get(path, 1).noEndpoint()
	}
	old.post("/Security/Applications/2/Roles", 1, `[]`).noEndpoint()
	for path, absent := range map[string]string{
		"/Security/My": "GranularPermissions", "/IdentityProviders/Types": `"DataType":4`, "/PermissionSets/My?accessControlString=/": "SecurityRoles",
	} {
		if body := old.get(path, 1).ok().body; strings.Contains(body, absent) {
			t.Errorf("25.1.1 %s: %s", path, body)
		}
	}
	if body := old.post("/IdentityProviders", 1, create).ok().body; strings.Contains(body, "RequestHeaders") || !strings.Contains(body, `"Value":"30"`) {
		t.Errorf("25.1.1: %s", body)
	}
	strict := start(t, securitytest.WithVersion("25.1.1"), securitytest.WithQuirks(securitytest.Quirks{StrictBodies: true}))
	strict.post("/IdentityProviders", 1, create).refused(400)
	// This is older than 25.2.
	if body := old.get("/Security/Identities/7", 1).ok().body; !strings.Contains(body, "PamProviderPermissions") {
		t.Errorf("25.1.1: %s", body)
	}

	a := populated(t, securitytest.WithVersion("25.2"))
	for path, present := range map[string]string{
		"/Security/My/Permissions": `"Permissions":["/"]`, "/Security/Applications/2/Roles": "Operators", "/Security/My": "GranularPermissions",
		"/IdentityProviders/Types": `"DataType":4`, "/PermissionSets/My?accessControlString=/": "SecurityRoles",
	} {
		if body := a.get(path, 1).ok().body; !strings.Contains(body, present) {
			t.Errorf("25.2 %s: %s", path, body)
		}
	}
	if body := a.post("/IdentityProviders", 1, create).ok().body; !strings.Contains(body, "RequestHeaders") {
		t.Errorf("25.2: %s", body)
	}
}

func TestVersion11(t *testing.T) {
	t.Parallel()
	a := populated(t, securitytest.WithVersion("11.0"))
	a.get("/Security/Roles/2", 2).is(200, `{"Id":2,"Name":"Reporting API Access","Description":"Default Role For Dashboard use","Immutable":true,`+
		`"PermissionSetId":"`+globalSet+`","Permissions":["/portal/read/","/dashboard/read/"],"Claims":[]}`)
	got := a.get("/Security/Roles?ReturnLimit=1", 1)
	if strings.Contains(got.body, "EmailAddress") || !strings.Contains(got.body, "PermissionSetId") {
		t.Errorf("role %s", got.body)
	}
	if v := got.header.Get("X-Keyfactor-Product-Version"); !strings.HasPrefix(v, "11.0.0+") {
		t.Errorf("product version %q", v)
	}
	equal(t, a.get("/IdentityProviders?SortField=Name", 1).column("Name")[0], "Active Directory")
	a.get("/IdentityProviders?SortField=AuthenticationScheme", 1).refused(400)
	a.get("/Security/My/Permissions", 1).noEndpoint()
	a.get("/PermissionSets/My?accessControlString=/", 1).is(200, `[{"Id":"`+globalSet+`","Name":"Global","Permissions":["/"]}]`)
}

func TestAPIPath(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithAPIPath("Keyfactor/API/"))
	if !strings.HasSuffix(a.server.URL, "/Keyfactor/API") {
		t.Errorf("URL %s", a.server.URL)
	}
	a.get("/Status/HealthCheck", 1).is(204, "")
	a.get("/STATUS/healthcheck/", 1).is(204, "")
	a.server.URL = strings.TrimSuffix(a.server.URL, "/Keyfactor/API")
	a.get("/tenant-1/keyfactor/api/Status/HealthCheck", 1).is(204, "")
	a.get("/KeyfactorAPI/Status/HealthCheck", 1).noEndpoint()
}

func TestBodies(t *testing.T) {
	t.Parallel()
	a := start(t)
	// One of the clients sends null along with requests that have no body.
	a.do(http.MethodGet, "/Security/Roles/1", 1, "null").ok()
	a.post("/Security/Claims", 1, `{"claimtype":"OAuthRole","CLAIMVALUE":"<a&b>","providerauthenticationscheme":"SYSTEM","description":"d","Extra":1}`).is(200,
		`{"Id":1,"Description":"d","ClaimType":"OAuthRole","ClaimValue":"<a&b>","Provider":`+systemProvider+`}`)
	a.do(http.MethodDelete, "/Security/Claims/1", 1, "null").is(204, "")
	for contentType, status := range map[string]int{
		"": 415, "text/plain": 415, "application/json; charset=utf-8": 400, "text/json": 400, "application/json-patch+json": 400, "application/problem+json": 400,
	} {
		req := a.request(http.MethodPost, "/Security/Claims", 1, "{}")
		req.Header.Set("Content-Type", contentType)
		a.send(req, "{}").refused(status)
	}
	// What is wrong is said in words of the API.
	for body, want := range map[string]string{`[]`: "array at its beginning", `{"Name":5}`: "number at Name"} {
		if got := a.put("/Security/Roles", 2, body).refused(400); !strings.Contains(got.body, "unexpected "+want+".") {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	start(t, securitytest.WithQuirks(securitytest.Quirks{StrictBodies: true})).post("/Security/Claims", 1,
		`{"ClaimType":4,"ClaimValue":"v","ProviderAuthenticationScheme":"System","Description":"d","Extra":1}`).refused(400)
}

func TestClaimSwitches(t *testing.T) {
	t.Parallel()
	claim := func(value, scheme string) string {
		return `{"ClaimType":0,"ClaimValue":"` + value + `","ProviderAuthenticationScheme":"` + scheme + `","Description":"d"}`
	}
	a := start(t)
	a.post("/Security/Claims", 1, claim(`KEYEXAMPLE\\Jo`, "Active Directory")).ok()
	a.post("/Security/Claims", 1, claim(`keyexample\\jo`, "active directory")).refused(400)
	a.post("/Security/Claims", 1, claim(`jo`, "unknown")).ok()
	a.post("/Security/Claims", 1, claim(`Jo`, "unknown")).ok()
	equal(t, decode[map[string]any](a.get("/Security/Claims/2", 1))["Provider"].(map[string]any)["AuthenticationScheme"], "unknown")
	a.put("/Security/Claims", 1, `{"Id":1}`).refused(400)
	a.put("/Security/Claims", 1, `{"Description":"d"}`).refused(400)
	a.put("/Security/Claims", 1, `{"Id":99,"Description":"d"}`).refused(404)
	a.delete("/Security/Claims/99").refused(404)

	a = start(t, securitytest.WithQuirks(securitytest.Quirks{NormalizeADClaims: "KEYEXAMPLE", NormalizeSchemes: true}))
	equal(t, decode[map[string]any](a.post("/Security/Claims", 1, claim("terra", "Active Directory")).ok())["ClaimValue"], `KEYEXAMPLE\TERRA`)
	a.post("/Security/Claims", 1, claim(`KeyExample\\Terra`, "Active Directory")).refused(400)
	provider := decode[map[string]any](a.post("/Security/Claims", 1, claim("x", "unknown")).ok())["Provider"].(map[string]any)
	equal(t, provider["AuthenticationScheme"], "Unknown")
}

// TestClaimsWithoutProvider checks the claims of a server that was seen to leave the provider out.
func TestClaimsWithoutProvider(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithVersion("25.5.1"), securitytest.WithQuirks(securitytest.Quirks{OmitClaimProviders: true}),
		securitytest.WithIdentityProviders(securitytest.IdentityProvider{Scheme: "OIDC"}))
	const bare = `{"Id":1,"Description":"d","ClaimType":"OAuthRole","ClaimValue":"pki"}`
	a.post("/Security/Claims", 1, `{"ClaimType":4,"ClaimValue":"pki","ProviderAuthenticationScheme":"OIDC","Description":"d"}`).is(200, bare)
	a.get("/Security/Claims/1", 1).is(200, bare)
	a.get("/Security/Claims", 1).is(200, "["+bare+"]")
	a.post("/Security/Roles", 2, roleV2(0, "A", "[]", `[{"ClaimType":4,"ClaimValue":"pki","ProviderAuthenticationScheme":"OIDC","Description":"d"},`+someClaim+`]`)).is(200,
		`{"Id":3,"Name":"A","Description":"d","EmailAddress":null,"Immutable":false,"PermissionSetId":"`+globalSet+`","Permissions":[],"Claims":[`+bare+
			`,{"Id":2,"Description":"d","ClaimType":"OAuthSubject","ClaimValue":"u","Provider":`+systemProvider+`}]}`)
}

func TestUnknownPermissionsRefused(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithQuirks(securitytest.Quirks{RefuseUnknownPermissions: true}))
	a.post("/Security/Roles", 2, roleV2(0, "A", `["/certificates/collections/read/6/","/ssl/"]`, "[]")).ok()
	a.post("/Security/Roles", 2, roleV2(0, "B", `["/something/new/"]`, "[]")).refused(400)
	a.post("/PermissionSets", 1, `{"Name":"S","Permissions":["/something/new/"]}`).refused(400)
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	a := populated(t, securitytest.WithDirectory(
		securitytest.Identity{AccountName: `KEYEXAMPLE\PKI Admins`, Type: "Group", SID: "S-1-5-21-1-2-3-4"}))
	for name, valid := range map[string]string{
		`KEYEXAMPLE%5Cpki+admins`: "true", "PKI%20Admins": "true", "pki+admins@keyexample.com": "true", `KEYEXAMPLE%5Cjsmith`: "true",
		`KEYEXAMPLE%5Cnobody`: "false", "": "false", `%5C`: "false", "a@": "false",
	} {
		a.get("/Security/Identities/Lookup?accountName="+name, 1).is(200, `{"Valid":`+valid+`}`)
		a.get("/Security/Identities/Lookup?Name="+name, 1).is(200, `{"Valid":`+valid+`}`)
	}
	a.post("/Security/Identities", 1, `{"AccountName":"PKI ADMINS"}`).is(200,
		`{"Id":8,"AccountName":"KEYEXAMPLE\\PKI Admins","IdentityType":"Group","Roles":[],"Valid":true}`)
	a.post("/Security/Identities", 1, `{"AccountName":"KEYEXAMPLE\\pki admins"}`).refused(400)
	a.post("/Security/Identities", 1, `{"AccountName":"KEYEXAMPLE\\nobody"}`).refused(400)
	a.post("/Security/Identities", 1, `{"AccountName":""}`).refused(400)
	a.put("/Security/Roles/3/Identities", 1, `{"Ids":[8]}`).ok()
	if body := a.get("/Security/Roles/3", 1).body; !strings.Contains(body, `"IdentityType":"Group","SID":"S-1-5-21-1-2-3-4"`) {
		t.Errorf("role %s", body)
	}
	if body := a.get("/Security/Identities?Validate=false", 1).body; strings.Contains(body, `},{"Id":8,"AccountName":"KEYEXAMPLE\\PKI Admins","IdentityType":"Group","Roles":[],"Valid"`) || strings.Contains(body, `"Valid":true`) {
		t.Errorf("identities %s", body)
	}
	if body := a.get("/Security/Roles?Validate=false", 1).body; !strings.Contains(body, `"Valid":null`) || strings.Contains(body, `"Valid":true`) {
		t.Errorf("roles %s", body)
	}

	a.post("/Security/Claims", 1, `{"ClaimType":1,"ClaimValue":"KEYEXAMPLE\\PKI Admins","ProviderAuthenticationScheme":"Active Directory","Description":"d"}`).refused(400)
	a.put("/Security/Claims", 1, `{"Id":8,"Description":"d"}`).ok()
	a.get("/Security/Identities/8", 1).like(200, `{"Identity":"KEYEXAMPLE\\PKI Admins",`+
		`"SecuredAreaPermissions":[{"Permission":"AdminPortal:Read","GrantedByRoles":["Operators"]},{"Permission":"Dashboard:Read","GrantedByRoles":["Operators"]}],`+
		`"CollectionPermissions":[{"Permission":"Web servers:Read","GrantedByRoles":["Operators"]}],`+
		`"ContainerPermissions":[{"Permission":"IIS:Read","GrantedByRoles":["Operators"]},{"Permission":"IIS:Schedule","GrantedByRoles":["Operators"]}],`+
		`"PamProviderPermissions":[{"Permission":"Vault:Read","GrantedByRoles":["Operators"]}],"IdentityProviderPermissions":[],"PamPermissions":[],`+
		`"Claim":{"Id":8,"Description":"d","ClaimType":"Group","ClaimValue":"KEYEXAMPLE\\PKI Admins","Provider":{"Id":"11111111-2222-3333-4444-555555555555",`+
		`"AuthenticationScheme":"Active Directory","DisplayName":"Active Directory"}}}`)
}

func TestIdentitiesListPermission(t *testing.T) {
	t.Parallel()
	reader := []securitytest.Option{
		securitytest.WithRoles(securitytest.Role{Name: "Readers", Description: "d", Permissions: []string{"/security/read/"}}),
		securitytest.WithUser("reader", "p", "Readers"),
	}
	start(t, reader...).as("reader", "p").get("/Security/Identities", 1).refused(403)
	start(t, append(reader, securitytest.WithQuirks(securitytest.Quirks{IdentitiesListNeedsRead: true}))...).as("reader", "p").get("/Security/Identities", 1).ok()
	start(t, append(reader, securitytest.WithVersion("10.5"))...).as("reader", "p").get("/Security/Identities", 1).ok()
}

func TestMyPermissions(t *testing.T) {
	t.Parallel()
	a := populated(t, securitytest.WithRoles(
		securitytest.Role{Name: "A", Description: "d", Permissions: []string{"/ssl/read/", "/certificates/collections/read/6/", "/pam/read/1/", "/portal/"}},
		securitytest.Role{Name: "B", Description: "d", Permissions: []string{"/certificates/collections/read/", "/dashboard/", "/ssl/read/"}},
	), securitytest.WithUser("u", "p", "A", "B"))
	a.as("u", "p").get("/Security/My/Permissions", 1).is(200,
		`{"Permissions":["/certificates/collections/read/","/dashboard/","/pam/read/1/","/portal/","/ssl/read/"]}`)
	a.as("u", "p").get("/PermissionSets/My?accessControlString=/ssl/read/", 1).like(200,
		`[{"Id":"`+globalSet+`","Name":"Global","Permissions":["/"],"SecurityRoles":[{"Id":4,"Name":"A"},{"Id":5,"Name":"B"}]}]`)
	a.as("u", "p").get("/PermissionSets/My?accessControlString=/security/", 1).is(200, "[]")
	a.get("/PermissionSets/My", 1).refused(400)
	a.get("/PermissionSets/My?accessControlString=x", 1).refused(400)
}

func TestPermissionSets(t *testing.T) {
	t.Parallel()
	a := start(t)
	for _, body := range []string{
		`{"Name":"","Permissions":[]}`, `{"Name":"X"}`, `{"Permissions":["/ssl/"]}`, `{"Name":"GLOBAL","Permissions":["/ssl/"]}`,
		`{"Name":"X","Permissions":["/","/ssl/"]}`, `{"Name":"X","Permissions":["ssl"]}`,
	} {
		a.post("/PermissionSets", 1, body).refused(400)
	}
	id := decode[struct{ ID string }](a.post("/PermissionSets", 1, `{"Name":"X","Permissions":["/ssl/","/ssh/"]}`).ok()).ID
	a.post("/Security/Roles", 2, strings.Replace(roleV2(0, "In X", `["/ssl/read/"]`, "[]"), globalSet, id, 1)).ok()
	a.put("/PermissionSets", 1, `{"Id":"`+strings.ToUpper(id)+`","Permissions":["/ssl/"]}`).is(200, `{"Id":"`+id+`","Name":"X","Permissions":["/ssl/"]}`)
	a.put("/PermissionSets", 1, `{"Id":"`+id+`","Permissions":["/ssh/"]}`).refused(400)
	a.put("/PermissionSets", 1, `{"Id":"`+globalSet+`","Permissions":["/ssh/"]}`).refused(400)
	a.put("/PermissionSets", 1, `{"Id":"`+id+`"}`).refused(400)
	a.put("/PermissionSets", 1, `{"Permissions":[]}`).refused(400)
	a.put("/PermissionSets", 1, `{"Id":"x","Permissions":[]}`).refused(400)
	a.delete("/PermissionSets/" + id).refused(400)
	a.delete("/PermissionSets/" + globalSet).refused(400)
	// A role goes back to Global when version 1 leaves the set out.
	a.put("/Security/Roles", 1, `{"Id":3,"Name":"In X","Description":"d","Permissions":[]}`).ok()
	a.delete("/PermissionSets/"+id).is(204, "")
	a.delete("/PermissionSets/" + id).refused(404)
	equal(t, len(a.server.PermissionSets()), 1)
}

func TestIdentityProviders(t *testing.T) {
	t.Parallel()
	a := start(t)
	create := func(scheme, name, kind, parameters string) string {
		return `{"AuthenticationScheme":"` + scheme + `","DisplayName":"` + name + `","ProviderType":"` + kind + `","Parameters":` + parameters + `}`
	}
	created := a.post("/IdentityProviders", 1, create("Corporate", "Corporate sign-in", "auth0", providerParameters)).ok()
	if strings.Contains(created.body, "hush") {
		t.Errorf("the secret came back: %s", created.body)
	}
	id := decode[struct{ ID string }](created).ID
	a.get("/IdentityProviders/"+id, 1).is(200, created.body)
	values := func(got answer) map[string]any {
		result := map[string]any{}
		for _, p := range decode[struct{ Parameters []map[string]any }](got).Parameters {
			result[p["Name"].(string)] = p["Value"]
		}
		return result
	}
	v := values(created)
	if v["Timeout"] != "30" || v["ClientId"] != "command" || v["ClientSecret"] != nil {
		t.Errorf("parameters %v", v)
	}
	if _, there := v["OIDCScope"]; there {
		t.Errorf("a parameter that was null: %v", v)
	}
	if !strings.Contains(created.body, `"RequestHeaders":[{"Name":"X-Tenant","Value":"a"}]`) {
		t.Errorf("headers are missing: %s", created.body)
	}

	// Claims can name it at once, and follow when it is renamed.
	a.post("/Security/Claims", 1, `{"ClaimType":4,"ClaimValue":"g","ProviderAuthenticationScheme":"corporate","Description":"d"}`).ok()
	updated := a.put("/IdentityProviders/"+id, 1, `{"AuthenticationScheme":"Corp","DisplayName":"Corp","AuthenticationEnabled":false,"Parameters":{"ClientId":"other"}}`).ok()
	if v := values(updated); v["ClientId"] != "other" || v["Timeout"] != "30" || !strings.Contains(updated.body, `"AuthenticationEnabled":false`) {
		t.Errorf("updated %s", updated.body)
	}
	equal(t, decode[map[string]any](a.get("/Security/Claims/1", 1))["Provider"], map[string]any{"Id": id, "AuthenticationScheme": "Corp", "DisplayName": "Corp"})

	for name, body := range map[string]string{
		"taken scheme":   create("SYSTEM", "x", "Generic", providerParameters),
		"taken name":     create("x", "corp", "Generic", providerParameters),
		"no scheme":      create("", "x", "Generic", providerParameters),
		"no type":        create("x", "x", "", providerParameters),
		"unknown type":   create("x", "x", "Built-in", providerParameters),
		"no parameters":  create("x", "x", "Generic", "null"),
		"missing":        create("x", "x", "Generic", "{}"),
		"bad timeout":    create("x", "x", "Generic", strings.Replace(providerParameters, "30", "0", 1)),
		"bad parameter":  create("x", "x", "Generic", strings.Replace(providerParameters, `"command"`, "5", 1)),
		"bad set":        `{"PermissionSetId":"x",` + create("x", "x", "Generic", providerParameters)[1:],
		"unknown set":    `{"PermissionSetId":"99999999-0000-0000-0000-000000000000",` + create("x", "x", "Generic", providerParameters)[1:],
		"no body at all": "null",
	} {
		if a.post("/IdentityProviders", 1, body).refused(400); t.Failed() {
			t.Fatalf("after %s", name)
		}
	}
	a.put("/IdentityProviders/c70e8641-a543-45b1-a47f-8b7d253fbf14", 1, `{"AuthenticationScheme":"x","DisplayName":"x"}`).refused(400)
	equal(t, len(a.get("/IdentityProviders?SortField=DisplayName&ReturnLimit=2&PageReturned=3", 1).column("Id")), 1)
	types := decode[[]struct {
		Name           string
		TypeParameters []struct{ Name string }
	}](a.get("/IdentityProviders/Types", 1))
	if len(types) != 3 || len(types[2].TypeParameters) != 18 {
		t.Errorf("types %+v", types)
	}
}
