package apitest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/security"
)

// TestUntested: an operation counts as tested once a client has sent it.
func TestUntested(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "widgets")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const code = `package widgets

var (
	opGetV1 = transport.Op{Method: http.MethodGet, Path: "Widgets/5", Version: 1}
	opPutV1 = transport.Op{Method: http.MethodPut, Path: "Widgets/5", Version: 1}
)
`
	if err := os.WriteFile(filepath.Join(dir, "v1.go"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := func() []string {
		t.Helper()
		problems, err := untested(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range problems {
			problems[i], _, _ = strings.Cut(p, " has no wire test: no test of package widgets")
		}
		return problems
	}
	get, put := "FAIL: GET /Widgets/5, version 1", "FAIL: PUT /Widgets/5, version 1"
	if got := missing(); !slices.Equal(got, []string{get, put}) {
		t.Errorf("before any test, %q", got)
	}
	client := Client(t, Exchange{Method: "GET", Path: "/Widgets/5", Version: 1, Answer: "{}"})
	var response security.Response
	if err := client.Do(t.Context(), "GET", "Widgets/5", 1, nil, nil, security.WithResponse(&response)); err != nil {
		t.Fatal(err)
	}
	if got := missing(); !slices.Equal(got, []string{put}) {
		t.Errorf("after a test of one, %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "v2.go"), []byte("package widgets\nvar opV2 = transport.Op{Path: path}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := untested(dir); err == nil {
		t.Error("an operation that is not spelled out is no error")
	}
}
