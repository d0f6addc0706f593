package spec_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/api-coverage.md anew")

// since says from which version of Command on operations are documented. The
// first entry whose prefix fits counts. Where older documentation was not to be
// had, the version is that of the description itself.
var since = []struct{ prefix, version string }{
	{"/Security/My/Permissions, version 1", "25"},
	{"/Security/Applications/", "25"},
	{"/Security/Claims", "11"},
	{"/Security/Roles/{id}/Permissions/PamProviders", "11"},
	{"/Security/Roles, version 2", "11"},
	{"/Security/Roles/{id}, version 2", "11"},
	{"/Security/Audit/", "11.1"},
	{"/Security/", "10"},
	{"/PermissionSets", "11"},
	{"/Permissions", "11"},
	{"/IdentityProviders", "11"},
	{"/Certificates/", "25 (older not known)"},
	{"/Status/", "10"},
}

// coverage is docs/api-coverage.md.
func coverage(t *testing.T) []byte {
	t.Helper()
	src := read(t)
	var b bytes.Buffer
	b.WriteString(`# API coverage

Every operation of the security API of Keyfactor Command 25, and the method that calls it. Operations without a method
do not exist: a test compares this list with the API description in both directions.

*From* is the version of Command from which on the operation is documented. *Deprecated* is by Command, not by this
library.

This file is generated: ` + "`go test ./internal/spec -run Coverage -update`" + `.

| Operation | API version | Method | From | Deprecated |
|---|---|---|---|---|
`)
	for _, o := range operations(t) {
		var methods []string
		for _, m := range src.methods {
			if slices.Contains(m.ops, o.String()) {
				methods = append(methods, "`"+m.name+"`")
			}
		}
		deprecated := ""
		if o.Described.Deprecated {
			deprecated = "yes"
		}
		fmt.Fprintf(&b, "| `%s %s` | %d | %s | %s | %s |\n", o.Method, o.Path, o.Version, strings.Join(methods, ", "),
			from(t, o.Path, o.Version), deprecated)
	}
	return b.Bytes()
}

func from(t *testing.T, path string, version int) string {
	t.Helper()
	for _, s := range since {
		if strings.HasPrefix(fmt.Sprintf("%s, version %d", path, version), s.prefix) {
			return s.version
		}
	}
	t.Errorf("%s, version %d: from which version of Command on is not known", path, version)
	return ""
}

// TestCoverage proves that docs/api-coverage.md is up to date.
func TestCoverage(t *testing.T) {
	t.Parallel()
	file := filepath.Join(moduleRoot, "docs", "api-coverage.md")
	want := coverage(t)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i, line := range wantLines {
		if i >= len(gotLines) || gotLines[i] != line {
			t.Fatalf("%s is stale at line %d, which should be\n%s\nrun: go test ./internal/spec -run Coverage -update", file, i+1, line)
		}
	}
	t.Fatalf("%s is stale; run: go test ./internal/spec -run Coverage -update", file)
}
