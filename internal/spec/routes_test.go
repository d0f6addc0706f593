package spec_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/spec"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// noVersion is a version of the API that no operation has.
const noVersion = 999

// served reports whether the simulated server has an operation. It does not if
// the answer is what it would be for a method, or a version, that does not exist.
func served(server *securitytest.Handler, o *spec.Operation) bool {
	server.ResetRequests()
	status, text := probe(server, o, o.Version)
	if requests := server.Requests(); len(requests) == 0 || requests[0].Template != o.Path || status == http.StatusMethodNotAllowed {
		return false
	}
	otherStatus, other := probe(server, o, noVersion)
	return status != otherStatus || number.ReplaceAllString(text, "") != number.ReplaceAllString(other, "")
}

var (
	place  = regexp.MustCompile(`\{[^}]*\}`) // an argument in the path of an operation
	number = regexp.MustCompile(`\d+`)
)

func probe(server *securitytest.Handler, o *spec.Operation, version int) (status int, text string) {
	r := httptest.NewRequest(o.Method, "https://command.example.com"+apiPath+place.ReplaceAllString(o.Path, "1"), http.NoBody)
	r.SetBasicAuth(server.Username, server.Password)
	r.Header.Set("X-Keyfactor-Requested-With", "APIClient")
	r.Header.Set("X-Keyfactor-Api-Version", strconv.Itoa(version))
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// since returns the version of Command from which on the simulated server has
// each operation. "" means that it never has.
func since(t testing.TB) map[string]string {
	t.Helper()
	first := map[string]string{}
	missing := operations(t)
	for major := 10; major < 40 && len(missing) > 0; major++ {
		for minor := 0; minor < 10 && len(missing) > 0; minor++ {
			version := strings.TrimSuffix(fmt.Sprintf("%d.%d", major, minor), ".0")
			server := securitytest.NewHandler(securitytest.WithAPIPath(apiPath), securitytest.WithVersion(fmt.Sprintf("%d.%d.0", major, minor)))
			if err := server.Err(); err != nil {
				t.Fatal(err)
			}
			var still []*spec.Operation
			for _, o := range missing {
				if served(server, o) {
					first[o.String()] = version
				} else {
					still = append(still, o)
				}
			}
			missing = still
		}
	}
	return first
}

// TestServed: operations that no server has are not found.
func TestServed(t *testing.T) {
	t.Parallel()
	server := securitytest.NewHandler(securitytest.WithAPIPath(apiPath))
	for _, o := range []*spec.Operation{
		{Method: http.MethodGet, Path: "/Security/Nothing", Version: 1},
		{Method: http.MethodDelete, Path: "/Security/Roles", Version: 1},
		{Method: http.MethodGet, Path: "/Security/Claims", Version: 2},
		{Method: http.MethodPost, Path: "/Security/Claims", Version: 22},
		{Method: http.MethodDelete, Path: "/Security/Roles/{id}", Version: 2},
	} {
		if served(server, o) {
			t.Errorf("the simulated server seems to have %s", o)
		}
	}
}

// TestRoutes: the simulated server has every operation.
func TestRoutes(t *testing.T) {
	t.Parallel()
	first := since(t)
	for _, o := range operations(t) {
		if first[o.String()] == "" {
			t.Errorf("the simulated server lacks %s; add a row to the table in security/securitytest/routes.go: "+
				"the method, the path, the version, what the caller needs, the function that answers, and the version of Command that brought it", o)
		}
	}
}
