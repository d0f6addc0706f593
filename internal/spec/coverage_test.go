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

	"github.com/commandsec/commandsec-go/internal/spec"
)

var update = flag.Bool("update", false, "write docs/api-coverage.md")

const regenerate = "go test ./internal/spec -run Coverage -update"

// undocumented are operations of which older documentation was not to be had.
// The simulated server has them from the start; the page does not claim that.
var undocumented = map[string]string{"/Certificates/": "25 (older not known)"}

// coverage is docs/api-coverage.md.
func coverage(t *testing.T) []byte {
	t.Helper()
	all, _ := methods(t)
	first := since(t)
	var b bytes.Buffer
	b.WriteString(`# API coverage

Every operation of the security API of Keyfactor Command 25, and the method that calls it. Operations without a method
do not exist: a test compares this list with the API description in both directions.

*From* is the version of Command that brought the operation, as documented and as the simulated server has it.
*Deprecated* is by Command, not by this library.

This file is generated: ` + "`" + regenerate + "`" + `.

| Operation | API version | Method | From | Deprecated |
|---|---|---|---|---|
`)
	for _, o := range operations(t) {
		var methods []string
		for _, m := range all {
			if slices.Contains(m.Ops, o.String()) {
				methods = append(methods, "`"+m.Name()+"`")
			}
		}
		deprecated := ""
		if o.Described.Deprecated {
			deprecated = "yes"
		}
		fmt.Fprintf(&b, "| `%s %s` | %d | %s | %s | %s |\n", o.Method, o.Path, o.Version, strings.Join(methods, ", "),
			from(first, o), deprecated)
	}
	return b.Bytes()
}

func from(first map[string]string, o *spec.Operation) string {
	for prefix, version := range undocumented {
		if strings.HasPrefix(o.Path, prefix) {
			return version
		}
	}
	return first[o.String()]
}

// TestCoverage proves that docs/api-coverage.md is up to date.
func TestCoverage(t *testing.T) {
	t.Parallel()
	file := filepath.Join(moduleRoot, "docs", "api-coverage.md")
	want := coverage(t)
	if *update {
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
			t.Fatalf("docs/api-coverage.md is stale at line %d, which should be\n%s\nrun: %s", i+1, line, regenerate)
		}
	}
	t.Fatalf("docs/api-coverage.md is stale; run: %s", regenerate)
}
