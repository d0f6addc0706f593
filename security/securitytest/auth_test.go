package securitytest_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestSigningIn(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.bearer(a.server.Token).get("/Status/HealthCheck", 1).is(204, "")
	a.as(strings.ToUpper(a.server.Username), a.server.Password).get("/Status/HealthCheck", 1).is(204, "")
	for name, other := range map[string]*api{
		"nothing":        a.with(""),
		"wrong password": a.as(a.server.Username, "wrong"),
		"unknown user":   a.as("nobody", a.server.Password),
		"wrong token":    a.bearer("wrong"),
		"wrong scheme":   a.with("Negotiate abc"),
	} {
		got := other.get("/Security/Roles", 1)
		if got.status != http.StatusUnauthorized || got.header.Get("Content-Type") != "text/html" || !strings.Contains(got.body, "<html>") {
			t.Errorf("%s: got %d %v %s", name, got.status, got.header, got.body)
		}
		if got.header.Get("X-Keyfactor-Correlation-Id") == "" {
			t.Errorf("%s: no correlation id", name)
		}
	}
}

func TestRequestedWith(t *testing.T) {
	t.Parallel()
	a := start(t)
	for value, status := range map[string]int{"": 400, "curl": 400, "APIClient": 204, "XMLHttpRequest": 204, "apiclient": 204} {
		req := a.request(http.MethodGet, "/Status/HealthCheck", 1, "")
		req.Header.Set("x-keyfactor-requested-with", value)
		if got := a.send(req, ""); got.status != status {
			t.Errorf("%q: got %d, want %d", value, got.status, status)
		}
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	const delegated = "11111111-aaaa-4bbb-8ccc-222222222222"
	a := populated(t,
		securitytest.WithPermissionSets(securitytest.PermissionSet{ID: delegated, Name: "Delegated", Permissions: []string{"/security/"}}),
		securitytest.WithRoles(
			securitytest.Role{Name: "Readers", Description: "d", Permissions: []string{"/security/read/"}},
			securitytest.Role{Name: "Editors", Description: "d", Permissions: []string{"/security/"}},
			securitytest.Role{Name: "Writers only", Description: "d", Permissions: []string{"/security/modify/"}},
			securitytest.Role{Name: "Delegates", Description: "d", Permissions: []string{"/security/"}, PermissionSet: "Delegated"},
			securitytest.Role{Name: "Certificates", Description: "d", Permissions: []string{"/security/read/", "/certificates/collections/read/6/"}},
			securitytest.Role{Name: "One provider", Description: "d", Permissions: []string{"/identity_providers/read/c70e8641-a543-45b1-a47f-8b7d253fbf14/"}},
		),
		securitytest.WithUser("nobody", "p"),
		securitytest.WithUser("reader", "p", "Readers"),
		securitytest.WithUser("editor", "p", "Editors"),
		securitytest.WithUser("writer", "p", "Writers only"),
		securitytest.WithUser("delegate", "p", "delegates"),
		securitytest.WithUser("certs", "p", "Certificates"),
		securitytest.WithUser("provider", "p", "One provider"),
	)
	role := func(name string) string {
		return `{"Name":"` + name + `","Description":"d","PermissionSetId":"` + globalSet + `","Permissions":[],"Claims":[]}`
	}
	for _, test := range []struct {
		method, path, body string
		allowed            []string
	}{
		{"GET", "/Security/My", "", []string{"nobody", "reader", "editor", "writer", "delegate", "certs", "provider"}},
		{"GET", "/Security/My/Permissions", "", []string{"nobody", "reader", "editor", "writer", "delegate", "certs", "provider"}},
		{"GET", "/PermissionSets/My?accessControlString=/", "", []string{"nobody", "reader", "editor", "writer", "delegate", "certs", "provider"}},
		{"GET", "/Security/Roles", "", []string{"reader", "editor", "delegate", "certs"}},
		{"GET", "/Security/Claims/1", "", []string{"reader", "editor", "delegate", "certs"}},
		{"GET", "/Security/Identities/7", "", []string{"reader", "editor", "delegate", "certs"}},
		{"GET", "/Security/Identities", "", []string{"editor", "writer", "delegate"}},
		{"POST", "/Security/Roles", "*", []string{"editor", "writer"}},
		{"PUT", "/Security/Claims", `{"Id":1,"Description":"x"}`, []string{"editor", "writer"}},
		{"PUT", "/Security/Roles/3/Permissions/Global", `[]`, []string{"editor", "writer"}},
		{"DELETE", "/Security/Claims/999", "", []string{}},
		{"GET", "/IdentityProviders", "", []string{"provider"}},
		{"GET", "/IdentityProviders/c70e8641-a543-45b1-a47f-8b7d253fbf14", "", []string{"provider"}},
		{"GET", "/IdentityProviders/11111111-2222-3333-4444-555555555555", "", []string{}},
		{"PUT", "/IdentityProviders/c70e8641-a543-45b1-a47f-8b7d253fbf14", "{}", []string{}},
		{"GET", "/Certificates/11/Security", "", []string{}},
		{"GET", "/Certificates/11/Security?collectionId=6", "", []string{"certs"}},
		{"GET", "/Certificates/IdentityAudit/11?collectionId=6", "", []string{"certs"}},
	} {
		for _, user := range []string{"nobody", "reader", "editor", "writer", "delegate", "certs", "provider"} {
			body := test.body
			version := 1
			if body == "*" {
				body, version = role("Made by "+user), 2
			}
			got := a.as(user, "p").do(test.method, test.path, version, body)
			switch {
			case slices.Contains(test.allowed, user):
				if got.status != http.StatusOK {
					t.Errorf("%s %s as %s: got %d %s", test.method, test.path, user, got.status, got.body)
				}
			case test.path == "/Security/Claims/999" && (user == "editor" || user == "writer"):
				got.refused(http.StatusNotFound)
			default:
				if got.status != http.StatusForbidden {
					t.Errorf("%s %s as %s", test.method, test.path, user)
				}
				got.refused(http.StatusForbidden)
			}
		}
	}
	// The delegate sees the set that the delegate manages, and no other.
	equal(t, a.as("delegate", "p").get("/PermissionSets", 1).column("Name"), []any{"Delegated"})
	equal(t, a.as("editor", "p").get("/PermissionSets", 1).column("Name"), []any{"Global", "Delegated"})
	// Deleting an identity does not take the Global set.
	a.as("delegate", "p").delete("/Security/Identities/7").is(204, "")
	// What a user may do shows in the endpoints.
	if all := decode[[]string](a.as("nobody", "p").get("/Status/Endpoints", 1)); slices.Contains(all, "/Security/Claims") {
		t.Errorf("endpoints for nobody: %v", all)
	}
}

// TestRolesFollowMembers checks that callers hold the roles whose identities and claims name them, from one request to
// the next.
func TestRolesFollowMembers(t *testing.T) {
	t.Parallel()
	a := populated(t,
		securitytest.WithUser(`KEYEXAMPLE\jsmith`, "p"),
		securitytest.WithClientCredentials("app-1", "s"),
	)
	user := a.as(`KEYEXAMPLE\jsmith`, "p")
	user.get("/Security/My", 1).like(200, `{"Roles":["Operators"],"GlobalPermissions":[{"Area":"AdminPortal","Permission":"Read"},`+
		`{"Area":"Dashboard","Permission":"Read"}],"GranularPermissions":[{"Area":"CertificateStoreManagement","Permission":"Read","SecurableId":2},`+
		`{"Area":"CertificateStoreManagement","Permission":"Schedule","SecurableId":2},{"Area":"Certificates","Permission":"Read","SecurableId":6},`+
		`{"Area":"PrivilegedAccessManagement","Permission":"Read","SecurableId":1}]}`)
	user.get("/Security/Roles", 1).refused(403)
	a.post("/Security/Roles/3/Permissions/Global", 1, `[{"Area":"SecuritySettings","Permission":"Read"},{"Area":"SecuritySettings","Permission":"Modify"}]`).ok()
	user.get("/Security/Roles", 1).ok()
	user.delete("/Security/Identities/7").refused(400)
	a.put("/Security/Roles/3/Identities", 1, `{"Ids":[]}`).ok()
	user.get("/Security/Roles", 1).refused(403)

	client := a.bearer(fetchToken(t, a, "app-1", "s"))
	client.get("/Security/My/Permissions", 1).is(200, `{"Permissions":[]}`)
	a.post("/Security/Roles", 2, `{"Name":"App","Description":"d","PermissionSetId":"`+globalSet+`","Permissions":["/ssl/read/"],`+
		`"Claims":[{"ClaimType":6,"ClaimValue":"app-1","ProviderAuthenticationScheme":"System","Description":"d"}]}`).ok()
	client.get("/Security/My/Permissions", 1).is(200, `{"Permissions":["/ssl/read/"]}`)
}

func fetchToken(t *testing.T, a *api, id, secret string) string {
	t.Helper()
	token, status := askToken(t, a, url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	if status != http.StatusOK {
		t.Fatalf("token endpoint: %d", status)
	}
	return token
}

func askToken(t *testing.T, a *api, form url.Values) (string, int) {
	t.Helper()
	resp, err := a.server.HTTPClient().PostForm(a.server.TokenURL(), form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", resp.StatusCode
	}
	token := decode[map[string]any](answer{t: t, body: string(body)})
	if token["token_type"] != "Bearer" || token["expires_in"].(float64) < 1 {
		t.Errorf("token response %s", body)
	}
	return token["access_token"].(string), resp.StatusCode
}

func TestTokens(t *testing.T) {
	t.Parallel()
	a := start(t)
	first := fetchToken(t, a, a.server.ClientID, a.server.ClientSecret)
	second := fetchToken(t, a, a.server.ClientID, a.server.ClientSecret)
	if first == second {
		t.Error("the same token twice")
	}
	a.bearer(first).get("/Security/Roles", 1).ok()
	a.server.RevokeTokens()
	if got := a.bearer(first).get("/Security/Roles", 1); got.status != http.StatusUnauthorized {
		t.Errorf("a revoked token got %d", got.status)
	}
	if got := a.bearer(a.server.Token).get("/Security/Roles", 1); got.status != http.StatusOK {
		t.Errorf("the static token got %d", got.status)
	}

	for name, form := range map[string]url.Values{
		"wrong secret": {"grant_type": {"client_credentials"}, "client_id": {a.server.ClientID}, "client_secret": {"wrong"}},
		"wrong client": {"grant_type": {"client_credentials"}, "client_id": {"wrong"}},
	} {
		if _, status := askToken(t, a, form); status != http.StatusUnauthorized {
			t.Errorf("%s: got %d", name, status)
		}
	}
	if _, status := askToken(t, a, url.Values{"grant_type": {"password"}}); status != http.StatusBadRequest {
		t.Errorf("another grant: got %d", status)
	}

	seen := a.server.TokenRequests()
	if len(seen) != 5 || len(a.server.Requests()) != 3 {
		t.Errorf("%d token requests, %d others", len(seen), len(a.server.Requests()))
	}
	for _, r := range seen {
		if strings.Contains(string(r.Body), a.server.ClientSecret) {
			t.Errorf("the secret was recorded: %s", r.Body)
		}
	}
}

func TestTokenWithBasicClient(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithClientCredentials("a client", "s/ecret", "Administrator"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.server.TokenURL(), strings.NewReader("grant_type=client_credentials&scope=x"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(url.QueryEscape("a client"), url.QueryEscape("s/ecret"))
	resp, err := a.server.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithTokenLifetime(time.Nanosecond))
	resp, err := a.server.HTTPClient().PostForm(a.server.TokenURL(), url.Values{
		"grant_type": {"client_credentials"}, "client_id": {a.server.ClientID}, "client_secret": {a.server.ClientSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	token := decode[map[string]any](answer{t: t, body: string(body)})["access_token"].(string)
	if got := a.bearer(token).get("/Status/HealthCheck", 1); got.status != http.StatusUnauthorized {
		t.Errorf("an expired token got %d", got.status)
	}
}

func TestCredentialsAreNotRecorded(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.bearer(a.server.Token).get("/Status/HealthCheck?x=1", 1)
	a.post("/Security/Claims", 1, `{"broken`).refused(400)
	seen := a.server.Requests()
	if len(seen) != 2 {
		t.Fatalf("%d requests", len(seen))
	}
	basic := base64.StdEncoding.EncodeToString([]byte(a.server.Username + ":" + a.server.Password))
	for _, r := range seen {
		for name, values := range r.Header {
			if text := strings.Join(values, " "); strings.Contains(text, a.server.Token) || strings.Contains(text, basic) {
				t.Errorf("%s was recorded: %s", name, text)
			}
		}
	}
	r := seen[1]
	if r.Sequence != 2 || r.Method != http.MethodPost || r.Path != "/KeyfactorAPI/Security/Claims" || r.Template != "/Security/Claims" ||
		r.Version != 1 || string(r.Body) != `{"broken` || r.Header.Get("X-Keyfactor-Requested-With") != "APIClient" || r.Time.IsZero() {
		t.Errorf("recorded %+v", r)
	}
	if seen[0].RawQuery != "x=1" || seen[0].Query.Get("x") != "1" {
		t.Errorf("recorded %+v", seen[0])
	}
	a.server.ResetRequests()
	if len(a.server.Requests()) != 0 {
		t.Error("the requests are still there")
	}
}
