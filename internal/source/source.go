// Package source reads the source of this module, for the tests and tools that
// hold it to its rules. Nothing that a program links imports it.
package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ModulePath is the import path of the module.
const ModulePath = "github.com/commandsec/commandsec-go"

// Module is the module's source, parsed and type-checked.
type Module struct {
	Packages []*Package // by directory

	root  string
	set   *token.FileSet
	graph map[string][]string // what each package, of the module or not, imports
}

// Package is one package of the module.
type Package struct {
	Dir   string      // below the root of the module, such as "security/securitytest"
	Name  string      // such as "securitytest"
	Files []*ast.File // without tests
	Tests []*ast.File
	Types *types.Package // nil for a program, which is parsed only
	Info  *types.Info
}

// Load reads the module in the directory root. The go command must be there. extra has files to read besides,
// or instead: the text by the path below root.
func Load(root string, extra map[string]string) (*Module, error) {
	m := &Module{root: root, set: token.NewFileSet(), graph: map[string][]string{}}
	dirs, err := m.files(extra)
	if err != nil {
		return nil, err
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		p := &Package{Dir: dir}
		for _, name := range dirs[dir] {
			if err := m.parse(p, name, extra); err != nil {
				return nil, err
			}
		}
		if len(p.Files) > 0 {
			m.Packages = append(m.Packages, p)
		}
	}
	return m, m.check()
}

// files lists the Go files of the module by directory.
func (m *Module) files(extra map[string]string) (map[string][]string, error) {
	found := map[string]bool{}
	err := filepath.WalkDir(m.root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(file, "go.mod"))
			if file != m.root && (nested == nil || d.Name() == "testdata" || strings.ContainsAny(d.Name()[:1], "._")) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(file, ".go") {
			if match, err := build.Default.MatchFile(filepath.Dir(file), d.Name()); err != nil || !match {
				return err
			}
			below, err := filepath.Rel(m.root, file)
			found[filepath.ToSlash(below)] = true
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for name := range extra {
		found[name] = true
	}
	dirs := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		dirs[path.Dir(name)] = append(dirs[path.Dir(name)], name)
	}
	return dirs, nil
}

func (m *Module) parse(p *Package, name string, extra map[string]string) error {
	text, ok := extra[name]
	if !ok {
		data, err := os.ReadFile(filepath.Join(m.root, name))
		if err != nil {
			return err
		}
		text = string(data)
	}
	f, err := parser.ParseFile(m.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	switch {
	case err != nil:
		return err
	case strings.HasSuffix(name, "_test.go"):
		p.Tests = append(p.Tests, f)
	default:
		p.Files, p.Name = append(p.Files, f), f.Name.Name
	}
	return nil
}

// check type-checks every package. Those of the module come from their source,
// all others from what the go command has compiled.
func (m *Module) check() error {
	own := map[string]*Package{}
	others := map[string]bool{}
	for _, p := range m.Packages {
		self := path.Join(ModulePath, p.Dir)
		own[self] = p
		for _, f := range p.Files {
			for _, i := range f.Imports {
				name := Imported(i)
				m.graph[self] = append(m.graph[self], name)
				if p.Name != "main" && name != "unsafe" && !Inside(name) {
					others[name] = true
				}
			}
		}
	}
	compiled, err := m.compiled(slices.Sorted(maps.Keys(others)))
	if err != nil {
		return err
	}
	imports := &resolver{set: m.set, own: own, others: importer.ForCompiler(m.set, "gc", compiled)}
	for _, p := range m.Packages {
		if p.Name == "main" {
			continue
		}
		if _, err := imports.Import(path.Join(ModulePath, p.Dir)); err != nil {
			return err
		}
	}
	return nil
}

// compiled returns where the compiled form of packages is.
func (m *Module) compiled(packages []string) (func(string) (io.ReadCloser, error), error) {
	var out, problems bytes.Buffer
	//nolint:gosec // the arguments are the imports of our own source
	list := exec.CommandContext(context.Background(), "go", append([]string{"list", "-deps", "-export", "-f", "{{.ImportPath}}\t{{.Export}}\t{{join .Imports \" \"}}", "--"}, packages...)...)
	list.Dir, list.Stdout, list.Stderr = m.root, &out, &problems
	if err := list.Run(); err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, problems.String())
	}
	files := map[string]string{}
	for line := range strings.Lines(out.String()) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		files[fields[0]], m.graph[fields[0]] = fields[1], strings.Fields(fields[2])
	}
	return func(name string) (io.ReadCloser, error) {
		if files[name] == "" {
			return nil, fmt.Errorf("package %s is not compiled", name)
		}
		return os.Open(files[name])
	}, nil
}

// resolver imports packages, each once.
type resolver struct {
	set    *token.FileSet
	own    map[string]*Package
	others types.Importer
}

// Import type-checks a package of the module, and loads any other.
func (r *resolver) Import(name string) (*types.Package, error) {
	p, ok := r.own[name]
	if !ok {
		return r.others.Import(name)
	}
	if p.Types != nil {
		return p.Types, nil
	}
	p.Info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	var err error
	config := types.Config{Importer: r, Error: func(e error) { err = errors.Join(err, e) }}
	p.Types, _ = config.Check(name, r.set, p.Files, p.Info)
	return p.Types, err
}

// At is the place of something: "roles/v2.go:35".
func (m *Module) At(pos token.Pos) string {
	p := m.set.Position(pos)
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// Chain is how a package of the module comes to import another one, directly or
// not: the packages between them, the import itself last. It is nil if it does
// not.
func (m *Module) Chain(from *Package, to string) []string {
	seen := map[string]bool{}
	queue := [][]string{{path.Join(ModulePath, from.Dir)}}
	for len(queue) > 0 {
		chain := queue[0]
		queue = queue[1:]
		for _, next := range m.graph[chain[len(chain)-1]] {
			if seen[next] {
				continue
			}
			seen[next] = true
			longer := append(slices.Clip(chain), next)
			if next == to {
				return longer[1:]
			}
			queue = append(queue, longer)
		}
	}
	return nil
}

// Package returns the package in a directory below the root, or nil.
func (m *Module) Package(dir string) *Package {
	i := slices.IndexFunc(m.Packages, func(p *Package) bool { return p.Dir == dir })
	if i < 0 {
		return nil
	}
	return m.Packages[i]
}

// Inside reports whether an import path is one of the module's.
func Inside(name string) bool { return name == ModulePath || strings.HasPrefix(name, ModulePath+"/") }

// Imported is the path that an import names.
func Imported(i *ast.ImportSpec) string {
	name, _ := strconv.Unquote(i.Path.Value)
	return name
}

// Public reports whether programs may import the package and are promised that
// it stays compatible.
func (p *Package) Public() bool {
	first, _, _ := strings.Cut(p.Dir, "/")
	return !slices.Contains([]string{"internal", "examples", "bench", "tools", "cmd", "e2e"}, first) && p.Name != "main" && p.Dir != "security/securitytest"
}

// Versions lists the types of the package that are a version of a service (V1,
// V2, ...), the oldest first. A service is a public package that has one.
func (p *Package) Versions() []*types.TypeName {
	if !p.Public() {
		return nil
	}
	var versions []*types.TypeName
	for _, name := range p.Types.Scope().Names() {
		if t, ok := p.Types.Scope().Lookup(name).(*types.TypeName); ok && VersionOf(name) > 0 && "V"+strconv.Itoa(VersionOf(name)) == name {
			versions = append(versions, t)
		}
	}
	slices.SortFunc(versions, func(a, b *types.TypeName) int { return cmp.Compare(VersionOf(a.Name()), VersionOf(b.Name())) })
	return versions
}

// VersionOf is the version that a name ends in: 2 for "RoleV2", 0 for "Role".
func VersionOf(name string) int {
	i := strings.LastIndexByte(name, 'V')
	if i < 0 {
		return 0
	}
	n, err := strconv.Atoi(name[i+1:])
	if err != nil || n < 1 || name[i+1] == '0' {
		return 0
	}
	return n
}
