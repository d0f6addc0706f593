package securitytest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// A program that also reads templates finds them behind the same authorization as everything else.
func ExampleWithEndpoint() {
	templates := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintf(w, `{"Id":%s,"CommonName":"WebServer"}`, r.PathValue("id"))
	})
	server := securitytest.NewServer(
		securitytest.WithEndpoint(securitytest.Endpoint{
			Method: http.MethodGet, Path: "/Templates/{id}", Needs: "/certificate_templates/read/", Handler: templates,
		}),
		securitytest.WithUser("help-desk", "secret"),
	)
	defer server.Close()

	ask := func(user, password string) {
		req, err := http.NewRequest(http.MethodGet, server.URL+"/Templates/12", http.NoBody)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.SetBasicAuth(user, password)
		req.Header.Set("x-keyfactor-requested-with", "APIClient")
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
	}
	ask(server.Username, server.Password)
	ask("help-desk", "secret")
	// Output:
	// 200 {"Id":12,"CommonName":"WebServer"}
	// 403 {"ErrorCode":"0xA0110003","Message":"The caller does not have the required permissions: /certificate_templates/read/."}
}

func TestOwnEndpoints(t *testing.T) {
	t.Parallel()
	var server *securitytest.Server
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		// The handler may use the server.
		if _, err := server.AddRole(securitytest.Role{Name: string(body), Description: "d"}); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.Header().Set("X-Own", "yes")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(r.PathValue("area") + "/" + r.PathValue("id"))
	})
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	a := start(t,
		securitytest.WithRoles(securitytest.Role{Name: "Readers", Description: "d", Permissions: []string{"/agents/management/read/"}}),
		securitytest.WithUser("reader", "p", "Readers"), securitytest.WithUser("nobody", "p"),
		securitytest.WithEndpoint(securitytest.Endpoint{Method: "post", Path: "Agents/{area}/{id}", Needs: "/agents/management/read/", Handler: echo}),
		// A further version of a path of the server, and a fixed path where the server has a parameter.
		securitytest.WithEndpoint(securitytest.Endpoint{Method: "GET", Path: "/security/roles/{role}", Version: 3, Handler: empty}),
		securitytest.WithEndpoint(securitytest.Endpoint{Method: "GET", Path: "/KeyfactorAPI/Security/Roles/Special", Version: 1, Handler: empty}),
	)
	server = a.server

	got := a.post("/Agents/unix/5?x=1", 1, "one")
	if got.status != http.StatusAccepted || got.body != "\"unix/5\"\n" || got.header.Get("X-Own") != "yes" ||
		got.header.Get("Api-Supported-Versions") != "1.0" || got.header.Get("X-Keyfactor-Correlation-Id") == "" {
		t.Errorf("got %d %q %v", got.status, got.body, got.header)
	}
	if seen := a.server.Requests(); seen[0].Template != "/Agents/{area}/{id}" || string(seen[0].Body) != "one" {
		t.Errorf("recorded %+v", seen[0])
	}
	a.as("reader", "p").post("/Agents/unix/5", 1, "two")
	a.as("nobody", "p").post("/Agents/unix/5", 1, "three").refused(403)
	if got := a.with("").post("/Agents/unix/5", 1, "four"); got.status != 401 {
		t.Errorf("not signed in: %d", got.status)
	}
	a.post("/Agents/unix/5", 2, "five").refused(400)
	a.get("/Agents/unix/5", 1).refused(405)
	equal(t, len(a.server.Roles()), 5)

	a.get("/Security/Roles/1", 1).ok()
	if got := a.get("/Security/Roles/1", 3).is(204, ""); got.header.Get("Api-Supported-Versions") != "1.0, 2, 3" {
		t.Errorf("versions %v", got.header)
	}
	a.get("/Security/Roles/special", 1).is(204, "")
	if paths := a.get("/Status/Endpoints", 1).body; !strings.Contains(paths, `"/Agents/{area}/{id}"`) {
		t.Errorf("paths %s", paths)
	}

	a.server.Inject(securitytest.Fault{Path: "/Agents/{area}/{id}", Status: 503, Times: 1})
	if got := a.post("/Agents/unix/5", 1, "six"); got.status != 503 {
		t.Errorf("with a fault: %d", got.status)
	}

	for name, bad := range map[string]securitytest.Endpoint{
		"no method":    {Path: "/Templates", Handler: echo},
		"no path":      {Method: "GET", Handler: echo},
		"no handler":   {Method: "GET", Path: "/Templates"},
		"bad version":  {Method: "GET", Path: "/Templates", Version: -1, Handler: echo},
		"bad need":     {Method: "GET", Path: "/Templates", Needs: "Templates:Read", Handler: echo},
		"there before": {Method: "get", Path: "security/roles/{x}", Version: 2, Handler: echo},
	} {
		if err := securitytest.NewHandler(securitytest.WithEndpoint(bad)).Err(); err == nil || !strings.Contains(err.Error(), "WithEndpoint: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	twice := securitytest.WithEndpoint(securitytest.Endpoint{Method: "GET", Path: "/Templates", Handler: empty})
	if securitytest.NewHandler(twice, twice).Err() == nil {
		t.Error("the same endpoint twice")
	}
}
