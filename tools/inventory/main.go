// Command inventory writes what the library is made of: sbom.cdx.json, a
// software bill of materials in CycloneDX form with every module of go.mod, and
// THIRD-PARTY-NOTICES.txt, the licenses of the modules that a user's program
// links.
//
// Both depend on go.mod, the sources and the version of the library only: not
// on the machine, the time, the commit, or the release of Go. What is linked is
// the union over the platforms below, whichever of them it runs on.
//
//	go -C tools run ./inventory
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/mod"
	classifier "github.com/google/licenseclassifier/v2"
	"github.com/google/licenseclassifier/v2/assets"
	"github.com/rs/zerolog"
)

const (
	sbomFile    = "sbom.cdx.json"
	noticesFile = "THIRD-PARTY-NOTICES.txt"
)

// platforms are those whose packages count as linked.
var platforms = [][2]string{{"linux", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}}

func main() {
	dir := flag.String("module", "..", "directory of the library")
	out := flag.String("o", "", "directory to write to, instead of the library's")
	flag.Parse()
	if *out == "" {
		*out = *dir
	}
	if err := write(*dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "inventory:", err)
		os.Exit(1)
	}
}

func write(dir, out string) error {
	classify, err := assets.DefaultClassifier()
	if err != nil {
		return fmt.Errorf("load the known licenses: %w", err)
	}
	modules, err := linked(dir, licenses{classify})
	if err != nil {
		return err
	}
	sbom, err := makeSBOM(dir, modules, licenses{classify})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, sbomFile), sbom, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, noticesFile), makeNotices(modules), 0o644)
}

// module is a module that a program links if it uses the library.
type module struct {
	path, version string
	licenses      []string // SPDX identifiers
	files         []file
}

// file is a license, notice or patent grant.
type file struct {
	name string // relative to the module
	text []byte
}

// linked returns the modules whose code is in programs: those that import a
// public package of the library, and those that the library ships. They are in
// the order of their paths.
func linked(dir string, known licenses) ([]module, error) {
	type listed struct {
		ImportPath string `json:"ImportPath"`
		Dir        string `json:"Dir"`
		Standard   bool   `json:"Standard"` // of the standard library, which newer releases of Go call a module
		Module     *struct {
			Path    string `json:"Path"`
			Version string `json:"Version"`
			Dir     string `json:"Dir"`
			Main    bool   `json:"Main"`
		} `json:"Module"`
	}
	packages := map[string]listed{} // by import path
	for _, platform := range platforms {
		list := func(args ...string) ([]listed, error) {
			cmd := exec.CommandContext(context.Background(), "go", append([]string{"list", "-json=ImportPath,Dir,Standard,Module"}, args...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOOS="+platform[0], "GOARCH="+platform[1], "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", cmd, err, stderr.Bytes())
			}
			var all []listed
			for dec := json.NewDecoder(bytes.NewReader(out)); ; {
				var p listed
				if err := dec.Decode(&p); errors.Is(err, io.EOF) {
					return all, nil
				} else if err != nil {
					return nil, fmt.Errorf("read the output of %s: %w", cmd, err)
				}
				all = append(all, p)
			}
		}
		own, err := list("./...")
		if err != nil {
			return nil, err
		}
		args := []string{"-deps"}
		for _, p := range own {
			elements := strings.Split(p.ImportPath, "/")
			if !slices.Contains(elements, "internal") && !slices.Contains(elements, "examples") {
				args = append(args, p.ImportPath)
			}
		}
		all, err := list(args...)
		if err != nil {
			return nil, err
		}
		for _, p := range all {
			if !p.Standard && !p.Module.Main {
				packages[p.ImportPath] = p
			}
		}
	}

	var modules []module
	for _, importPath := range slices.Sorted(maps.Keys(packages)) {
		p := packages[importPath]
		i := slices.IndexFunc(modules, func(m module) bool { return m.path == p.Module.Path })
		if i < 0 {
			modules = append(modules, module{path: p.Module.Path, version: p.Module.Version})
			i = len(modules) - 1
		}
		// A package's own license counts, and that of each directory above it.
		for at := p.Dir; ; at = filepath.Dir(at) {
			found, err := legalFiles(p.Module.Dir, at)
			if err != nil {
				return nil, err
			}
			for _, f := range found {
				if !slices.ContainsFunc(modules[i].files, func(other file) bool { return other.name == f.name }) {
					modules[i].files = append(modules[i].files, f)
				}
			}
			if at == p.Module.Dir || at == filepath.Dir(at) {
				break
			}
		}
	}
	for i, m := range modules {
		slices.SortFunc(m.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
		if modules[i].licenses = known.in(m.files); len(modules[i].licenses) == 0 {
			return nil, fmt.Errorf("no known license in %s %s", m.path, m.version)
		}
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return modules, nil
}

var legalName = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents|third.?party)`)

// legalFiles reads the licenses, notices and patent grants in one directory of
// the module at root.
func legalFiles(root, dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !legalName.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(root, filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		files = append(files, file{filepath.ToSlash(name), text})
	}
	return files, nil
}

// licenses knows licenses by their text.
type licenses struct {
	classify *classifier.Classifier
}

// in returns the SPDX identifiers of the licenses in the files, sorted.
func (l licenses) in(files []file) []string {
	names := map[string]bool{}
	for _, f := range files {
		for _, match := range l.classify.Match(f.text).Matches {
			if match.MatchType == "License" || match.MatchType == "Header" {
				names[match.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Detect implements [licensedetect.Detector], with what is at the module's root.
//
// [licensedetect.Detector]: https://pkg.go.dev/github.com/CycloneDX/cyclonedx-gomod/pkg/licensedetect#Detector
func (l licenses) Detect(modulePath, version, dir string) ([]cdx.License, error) {
	files, err := legalFiles(dir, dir)
	if err != nil {
		return nil, err
	}
	names := l.in(files)
	if len(names) == 0 {
		return nil, fmt.Errorf("no known license in %s %s", modulePath, version)
	}
	found := make([]cdx.License, 0, len(names))
	for _, name := range names {
		found = append(found, cdx.License{ID: name})
	}
	return found, nil
}

// expression joins licenses with AND: whoever keeps to all of them is safe even
// if a module offers a choice.
func expression(names []string) string { return strings.Join(names, " AND ") }

// makeSBOM lists every module that building and testing the library takes. Its
// scope says whether a program links it: required, or excluded.
func makeSBOM(dir string, modules []module, known licenses) ([]byte, error) {
	version, err := libraryVersion(dir)
	if err != nil {
		return nil, err
	}
	generator, err := mod.NewGenerator(dir,
		mod.WithComponentType(cdx.ComponentTypeLibrary),
		mod.WithIncludeTestModules(true),
		mod.WithLicenseDetector(known),
		mod.WithLogger(zerolog.Nop()),
		mod.WithShortPURLS(true))
	if err != nil {
		return nil, err
	}
	bom, err := generator.Generate()
	if err != nil {
		return nil, err
	}

	// The generator takes the library's version from git, so that it would be
	// another one after each commit.
	library := bom.Metadata.Component
	old := library.BOMRef
	library.Version = "v" + version
	library.PackageURL = "pkg:golang/" + library.Name + "@" + library.Version
	library.BOMRef = library.PackageURL + "?type=module"
	for i := range *bom.Dependencies {
		if d := &(*bom.Dependencies)[i]; d.Ref == old {
			d.Ref = library.BOMRef
		}
	}
	tool, err := generatorVersion()
	if err != nil {
		return nil, err
	}
	bom.Metadata.Tools = &cdx.ToolsChoice{Components: &[]cdx.Component{tool}}

	assert(library)
	for i := range *bom.Components {
		c := &(*bom.Components)[i]
		assert(c)
		c.Scope = cdx.ScopeExcluded
		if j := slices.IndexFunc(modules, func(m module) bool { return m.path == c.Name }); j >= 0 {
			c.Scope = cdx.ScopeRequired
			c.Licenses = asserted(modules[j].licenses)
		}
	}
	for _, m := range modules {
		if !slices.ContainsFunc(*bom.Components, func(c cdx.Component) bool { return c.Name == m.path && c.Version == m.version }) {
			return nil, fmt.Errorf("the generator of the SBOM missed %s %s, which programs link", m.path, m.version)
		}
	}

	var out bytes.Buffer
	encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// assert turns the licenses that were found in a component into those that it
// has: readers of SBOMs look there.
func assert(c *cdx.Component) {
	var names []string
	for _, choice := range *c.Evidence.Licenses {
		names = append(names, choice.License.ID)
	}
	c.Licenses = asserted(names)
	c.Evidence = nil
}

func asserted(names []string) *cdx.Licenses {
	if len(names) == 1 {
		return &cdx.Licenses{{License: &cdx.License{ID: names[0]}}}
	}
	return &cdx.Licenses{{Expression: expression(names)}}
}

var versionLine = regexp.MustCompile(`(?m)^\s*version\s*=\s*"([^"]+)"`)

// libraryVersion reads the version of the library from its source.
func libraryVersion(dir string) (string, error) {
	name := filepath.Join(dir, "security", "options.go")
	source, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	match := versionLine.FindSubmatch(source)
	if match == nil {
		return "", fmt.Errorf("no line in %s reads: version = \"1.2.3\"", name)
	}
	return string(match[1]), nil
}

// generatorVersion names the tool that makes the SBOM.
func generatorVersion() (cdx.Component, error) {
	const tool = "github.com/CycloneDX/cyclonedx-gomod"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cdx.Component{}, errors.New("this program was built without module information")
	}
	for _, dep := range info.Deps {
		if dep.Path == tool {
			return cdx.Component{Type: cdx.ComponentTypeApplication, Name: path.Base(tool), Version: dep.Version}, nil
		}
	}
	return cdx.Component{}, errors.New("this program was built without " + tool)
}

// makeNotices returns the full text of every license, notice and patent grant.
func makeNotices(modules []module) []byte {
	rule := strings.Repeat("=", 80)
	var out bytes.Buffer
	fmt.Fprint(&out, `Third-party notices
===================

Programs that use the Go library github.com/commandsec/commandsec-go link modules
from the list below, in these versions or in newer ones that their own go.mod
chooses. The licenses follow in full. The Go standard library, which every Go
program links, has a license of its own: https://go.dev/LICENSE

This file is generated. The command is: go -C tools run ./inventory

`)
	for _, m := range modules {
		fmt.Fprintf(&out, "  %s %s (%s)\n", m.path, m.version, expression(m.licenses))
	}
	for _, m := range modules {
		fmt.Fprintf(&out, "\n%s\n%s %s\nLicense: %s\nSource:  https://pkg.go.dev/%s@%s\n%s\n",
			rule, m.path, m.version, expression(m.licenses), m.path, m.version, rule)
		for _, f := range m.files {
			fmt.Fprintf(&out, "\n--- %s ---\n\n%s\n", f.name, bytes.Trim(f.text, "\n"))
		}
	}
	return out.Bytes()
}
