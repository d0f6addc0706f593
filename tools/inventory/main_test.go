package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/licenseclassifier/v2/assets"
)

const library = "../.."

func generate(t *testing.T) (sbom, notices []byte) {
	t.Helper()
	out := t.TempDir()
	if err := write(library, out); err != nil {
		t.Fatal(err)
	}
	sbom, err := os.ReadFile(filepath.Join(out, sbomFile))
	if err != nil {
		t.Fatal(err)
	}
	notices, err = os.ReadFile(filepath.Join(out, noticesFile))
	if err != nil {
		t.Fatal(err)
	}
	return sbom, notices
}

func TestSBOM(t *testing.T) {
	type licenses []struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
		Expression string `json:"expression"`
	}
	type component struct {
		Ref      string   `json:"bom-ref"`
		Name     string   `json:"name"`
		Version  string   `json:"version"`
		Scope    string   `json:"scope"`
		Licenses licenses `json:"licenses"`
		Hashes   []any    `json:"hashes"`
	}
	var sbom struct {
		Format   string `json:"bomFormat"`
		Metadata struct {
			Component component `json:"component"`
		} `json:"metadata"`
		Components   []component `json:"components"`
		Dependencies []struct {
			Ref       string   `json:"ref"`
			DependsOn []string `json:"dependsOn"`
		} `json:"dependencies"`
	}
	text, _ := generate(t)
	if err := json.Unmarshal(text, &sbom); err != nil {
		t.Fatal(err)
	}
	if sbom.Format != "CycloneDX" {
		t.Errorf("format %q", sbom.Format)
	}

	scopes := map[string]string{}
	licensed := map[string]string{}
	refs := []string{sbom.Metadata.Component.Ref}
	for _, c := range sbom.Components {
		refs = append(refs, c.Ref)
		scopes[c.Name] = c.Scope
		if len(c.Licenses) != 1 || len(c.Hashes) != 1 || c.Version == "" {
			t.Errorf("%s %q: %d licenses, %d hashes; want one each", c.Name, c.Version, len(c.Licenses), len(c.Hashes))
			continue
		}
		licensed[c.Name] = c.Licenses[0].License.ID + c.Licenses[0].Expression
	}
	for name, want := range map[string]string{
		"github.com/hashicorp/go-retryablehttp": "required",
		"github.com/hashicorp/go-cleanhttp":     "required", // linked, but required by another module
		"go.yaml.in/yaml/v3":                    "required",
		"github.com/jarcoal/httpmock":           "excluded", // an internal package imports it, for tests
		"github.com/getkin/kin-openapi":         "excluded",
		"pgregory.net/rapid":                    "excluded", // only test files import it
	} {
		if scopes[name] != want {
			t.Errorf("%s has scope %q, want %q", name, scopes[name], want)
		}
	}
	for name, want := range map[string]string{
		"github.com/hashicorp/go-retryablehttp": "MPL-2.0",
		"github.com/hashicorp/go-cleanhttp":     "MPL-2.0",
		"go.yaml.in/yaml/v3":                    "Apache-2.0 AND MIT",
		"golang.org/x/oauth2":                   "BSD-3-Clause",
	} {
		if licensed[name] != want {
			t.Errorf("%s has license %q, want %q", name, licensed[name], want)
		}
	}

	version, err := libraryVersion(library)
	if err != nil {
		t.Fatal(err)
	}
	if main := sbom.Metadata.Component; main.Version != "v"+version || !strings.Contains(main.Ref, "@v"+version) {
		t.Errorf("library is %q, %q; want version %s", main.Version, main.Ref, version)
	}
	if sbom.Dependencies[0].Ref != sbom.Metadata.Component.Ref || len(sbom.Dependencies[0].DependsOn) == 0 {
		t.Errorf("the library's own dependencies are missing: %+v", sbom.Dependencies[0])
	}
	for _, d := range sbom.Dependencies {
		for _, ref := range append(d.DependsOn, d.Ref) {
			if !slices.Contains(refs, ref) {
				t.Errorf("dependency %q is not a component", ref)
			}
		}
	}
}

func TestNotices(t *testing.T) {
	_, notices := generate(t)
	for _, want := range []string{
		"github.com/hashicorp/go-cleanhttp v0.",
		"github.com/hashicorp/go-retryablehttp v0.",
		"Mozilla Public License, version 2.0",
		`Exhibit B - "Incompatible With Secondary Licenses" Notice`, // the last words of the MPL
		"--- NOTICE ---", // of yaml
		"--- PATENTS ---",
		"Copyright (c) 2013 Google. All rights reserved.", // of go-querystring
	} {
		if !strings.Contains(string(notices), want) {
			t.Errorf("no %q", want)
		}
	}
	for _, unwanted := range []string{"httpmock", "kin-openapi", "rapid v", "\r"} {
		if strings.Contains(string(notices), unwanted) {
			t.Errorf("%q, which no program links", unwanted)
		}
	}
}

// What is committed must not depend on who made it.
func TestSameEverywhere(t *testing.T) {
	sbom, notices := generate(t)
	for _, goos := range []string{"windows", "js"} {
		t.Setenv("GOOS", goos)
		t.Setenv("GOARCH", map[string]string{"windows": "amd64", "js": "wasm"}[goos])
		otherSBOM, otherNotices := generate(t)
		if !bytes.Equal(sbom, otherSBOM) {
			t.Errorf("the SBOM differs with GOOS=%s:\n%s", goos, otherSBOM)
		}
		if !bytes.Equal(notices, otherNotices) {
			t.Errorf("the notices differ with GOOS=%s:\n%s", goos, otherNotices)
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(library)
	if err != nil {
		t.Fatal(err)
	}
	for _, volatile := range []string{"timestamp", "serialNumber", "go1.", home + "/", root} {
		if bytes.Contains(sbom, []byte(volatile)) {
			t.Errorf("the SBOM has %q", volatile)
		}
		if bytes.Contains(notices, []byte(volatile)) {
			t.Errorf("the notices have %q", volatile)
		}
	}
}

// What one platform links counts on all of them; what only tests, internal
// helpers of tests, or examples use does not.
func TestLinked(t *testing.T) {
	t.Parallel()
	classify, err := assets.DefaultClassifier()
	if err != nil {
		t.Fatal(err)
	}
	apache, err := os.ReadFile(filepath.Join(library, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var gomod strings.Builder
	gomod.WriteString("module example.com/lib\n\ngo 1.26\n")
	for _, name := range []string{"windows", "darwin", "plan9", "command", "intest", "helper", "example"} {
		gomod.WriteString("require example.com/" + name + " v1.0.0\nreplace example.com/" + name + " => ./deps/" + name + "\n")
		put("deps/"+name+"/go.mod", "module example.com/"+name+"\n\ngo 1.26\n")
		put("deps/"+name+"/LICENSE", string(apache))
		put("deps/"+name+"/code/p.go", "package code\n")
		put("deps/"+name+"/code/NOTICE", "of the package")
		put("deps/"+name+"/unused/NOTICE", "of another package")
	}
	put("go.mod", gomod.String())
	put("p.go", "package lib\n")
	put("p_windows.go", "package lib\n\nimport _ \"example.com/windows/code\"\n")
	put("p_darwin.go", "package lib\n\nimport _ \"example.com/darwin/code\"\n")
	put("p_plan9.go", "package lib\n\nimport _ \"example.com/plan9/code\"\n") // not one of the platforms
	put("p_test.go", "package lib\n\nimport _ \"example.com/intest/code\"\n")
	put("cmd/c/main.go", "package main\n\nimport _ \"example.com/command/code\"\n\nfunc main() {}\n")
	put("internal/h/h.go", "package h\n\nimport _ \"example.com/helper/code\"\n")
	put("examples/e/main.go", "package main\n\nimport _ \"example.com/example/code\"\n\nfunc main() {}\n")

	modules, err := linked(root, licenses{classify})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range modules {
		paths = append(paths, m.path)
		if m.version != "v1.0.0" || !slices.Equal(m.licenses, []string{"Apache-2.0"}) {
			t.Errorf("%s is %s with %q", m.path, m.version, m.licenses)
		}
		var files []string
		for _, f := range m.files {
			files = append(files, f.name)
		}
		if want := []string{"LICENSE", "code/NOTICE"}; !slices.Equal(files, want) {
			t.Errorf("%s has %q, want %q", m.path, files, want)
		}
	}
	if want := []string{"example.com/command", "example.com/darwin", "example.com/windows"}; !slices.Equal(paths, want) {
		t.Errorf("linked %q, want %q", paths, want)
	}
}

func TestLegalFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "inner")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"LICENSE", "LICENCE.md", "license-MIT", "COPYING", "NOTICE.txt", "PATENTS", "UNLICENSE", "ThirdPartyNotices.txt", // legal
		"license.go", "README.md", "notify", "main.go", // not
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("one\r\ntwo\r\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := legalFiles(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.name)
		if string(f.text) != "one\ntwo\n" {
			t.Errorf("%s reads %q", f.name, f.text)
		}
	}
	want := []string{
		"inner/COPYING", "inner/LICENCE.md", "inner/LICENSE", "inner/NOTICE.txt", "inner/PATENTS",
		"inner/ThirdPartyNotices.txt", "inner/UNLICENSE", "inner/license-MIT",
	}
	if !slices.Equal(names, want) {
		t.Errorf("found %q, want %q", names, want)
	}
}

func TestUnknownLicense(t *testing.T) {
	t.Parallel()
	classify, err := assets.DefaultClassifier()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("All rights reserved. You may look at it.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if found, err := (licenses{classify}).Detect("example.com/closed", "v1.0.0", dir); err == nil || !strings.Contains(err.Error(), "example.com/closed v1.0.0") {
		t.Errorf("found %v, error %v; want an error that names the module", found, err)
	}
}
