// Package conventions_test checks the rules of CONTRIBUTING.md that the
// compiler does not.
package conventions_test

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/commandsec/commandsec-go"
)

// pkg is a parsed package of the module, without its tests.
type pkg struct {
	dir   string // below the root, such as "roles"
	set   *token.FileSet
	files []*ast.File
	types map[string]*ast.TypeSpec
}

func (p pkg) public() bool { return !strings.HasPrefix(p.dir, "internal") }

func (p pkg) at(n ast.Node) string { return p.set.Position(n.Pos()).String() }

// packages parses every package that is part of the library.
func packages(t *testing.T) []pkg {
	t.Helper()
	var all []pkg
	err := filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); dir != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"testdata", "examples", "bench", "tools", "docs"}, name)) {
			return filepath.SkipDir
		}
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		p := pkg{dir: filepath.ToSlash(below), set: token.NewFileSet(), types: map[string]*ast.TypeSpec{}}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(p.set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			p.files = append(p.files, f)
			for _, d := range f.Decls {
				if g, ok := d.(*ast.GenDecl); ok {
					for _, s := range g.Specs {
						if s, ok := s.(*ast.TypeSpec); ok {
							p.types[s.Name.Name] = s
						}
					}
				}
			}
		}
		if len(p.files) > 0 {
			all = append(all, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 8 {
		t.Fatalf("only %d packages were found", len(all))
	}
	return all
}

// methods calls visit with each method of an exported version type.
func (p pkg) methods(visit func(version string, fn *ast.FuncDecl)) {
	for _, f := range p.files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			if r := receiver(fn); r == "V1" || r == "V2" {
				visit(r, fn)
			}
		}
	}
}

func receiver(fn *ast.FuncDecl) string {
	e := fn.Recv.List[0].Type
	if s, ok := e.(*ast.StarExpr); ok {
		e = s.X
	}
	if g, ok := e.(*ast.IndexExpr); ok {
		e = g.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.StarExpr:
		return "*" + text(e.X)
	case *ast.Ellipsis:
		return "..." + text(e.Elt)
	case *ast.ArrayType:
		return "[]" + text(e.Elt)
	}
	return fmt.Sprintf("%T", e)
}

// TestListOptions: go-querystring ignores omitzero, sends a field without a tag
// under its Go name, and can never send a bool that is false.
func TestListOptions(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range packages(t) {
		for name, spec := range p.types {
			fields, ok := spec.Type.(*ast.StructType)
			if !ok || !p.public() || !strings.HasSuffix(name, "ListOptions") {
				continue
			}
			found++
			for _, f := range fields.Fields.List {
				if len(f.Names) == 0 {
					t.Errorf("%s: %s embeds a type", p.at(f), name)
					continue
				}
				if !f.Names[0].IsExported() {
					t.Errorf("%s: %s.%s is not exported", p.at(f), name, f.Names[0])
				}
				tag := ""
				if f.Tag != nil {
					raw, _ := strconv.Unquote(f.Tag.Value)
					tag = reflect.StructTag(raw).Get("url")
				}
				param, rest, _ := strings.Cut(tag, ",")
				switch {
				case param == "":
					t.Errorf("%s: %s.%s has no url tag", p.at(f), name, f.Names[0])
				case rest != "omitempty":
					t.Errorf("%s: %s.%s is tagged %q, want omitempty and nothing else", p.at(f), name, f.Names[0], tag)
				case text(f.Type) == "bool":
					t.Errorf("%s: %s.%s is a bool, which could never be sent as false; use *bool", p.at(f), name, f.Names[0])
				}
				// The same field has the same parameter in every package.
				if want := map[string]string{
					"Filter": "QueryString", "SortBy": "SortField", "Order": "SortAscending", "Page": "PageReturned", "PageSize": "ReturnLimit", "Validate": "Validate",
				}[f.Names[0].Name]; want != "" && want != param {
					t.Errorf("%s: %s.%s is sent as %s, want %s", p.at(f), name, f.Names[0], param, want)
				}
			}
		}
	}
	if found < 4 {
		t.Errorf("only %d ListOptions were found", found)
	}
}

// TestSignatures: ctx first, call options last.
func TestSignatures(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range packages(t) {
		p.methods(func(version string, fn *ast.FuncDecl) {
			if !fn.Name.IsExported() {
				return
			}
			found++
			params := fn.Type.Params.List
			if len(params) < 2 || text(params[0].Type) != "context.Context" || len(params[0].Names) != 1 || params[0].Names[0].Name != "ctx" {
				t.Errorf("%s: %s.%s does not begin with ctx", p.at(fn), version, fn.Name)
			}
			if len(params) == 0 || text(params[len(params)-1].Type) != "...security.CallOption" {
				t.Errorf("%s: %s.%s does not end with ...security.CallOption", p.at(fn), version, fn.Name)
			}
			for _, q := range params {
				if name := text(q.Type); strings.HasPrefix(name, "ListOptions") {
					t.Errorf("%s: %s.%s takes its list options by value", p.at(fn), version, fn.Name)
				}
			}
		})
	}
	if found < 30 {
		t.Errorf("only %d methods were found", found)
	}
}

// TestVersionSuffixes: where a package has two versions, a type that only one of
// them uses says so in its name, and one that both use does not.
func TestVersionSuffixes(t *testing.T) {
	t.Parallel()
	found := 0
	exempt := map[string]bool{}
	for _, p := range packages(t) {
		if p.types["V1"] == nil || p.types["V2"] == nil {
			continue
		}
		found++
		used := map[string]map[string]bool{"V1": {}, "V2": {}}
		for version, seen := range used {
			var visit func(n ast.Node)
			visit = func(n ast.Node) {
				ast.Inspect(n, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.SelectorExpr: // of another package
						return false
					case *ast.Ident:
						if spec := p.types[n.Name]; spec != nil && n.IsExported() && n.Name != "V1" && n.Name != "V2" && !seen[n.Name] {
							seen[n.Name] = true
							visit(spec.Type)
						}
					}
					return true
				})
			}
			p.methods(func(v string, fn *ast.FuncDecl) {
				if v == version && fn.Name.IsExported() {
					visit(fn.Type)
				}
			})
		}
		for name, spec := range p.types {
			one, two := used["V1"][name], used["V2"][name]
			switch {
			case one && two && (strings.HasSuffix(name, "V1") || strings.HasSuffix(name, "V2")):
				t.Errorf("%s: %s is used by both versions, and named after one", p.at(spec), name)
			case one && !two && !strings.HasSuffix(name, "V1"), two && !one && !strings.HasSuffix(name, "V2"):
				if slices.Contains(existsInOneVersion, p.dir+"."+name) {
					exempt[p.dir+"."+name] = true
					continue
				}
				t.Errorf("%s: %s is used by one version only, and not named after it", p.at(spec), name)
			}
		}
	}
	if found < 2 {
		t.Errorf("only %d packages with two versions were found", found)
	}
	for _, name := range existsInOneVersion {
		if !exempt[name] {
			t.Errorf("%s needs no exemption", name)
		}
	}
}

// existsInOneVersion are types of endpoints that only one version of the API
// has at all: nothing in the other could be mistaken for them.
var existsInOneVersion = []string{
	"access.AssignableRole", "access.CertificateRole", "access.CertificateSecurity", "access.CollectionAccess", "access.CollectionAudit",
	"access.GlobalPermission", "access.GranularPermission", "access.My", "access.MyPermissions", "access.RoleAccess",
}

// TestDocComments: every exported identifier is documented.
func TestDocComments(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		documented := false
		for _, f := range p.files {
			documented = documented || f.Doc != nil
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
						t.Errorf("%s: %s has no doc comment", p.at(d), d.Name)
					}
				case *ast.GenDecl:
					for _, s := range d.Specs {
						switch s := s.(type) {
						case *ast.TypeSpec:
							if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
								t.Errorf("%s: %s has no doc comment", p.at(s), s.Name)
							}
						case *ast.ValueSpec:
							if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
								t.Errorf("%s: %s has no doc comment", p.at(s), s.Names[0])
							}
						}
					}
				}
			}
		}
		if !documented {
			t.Errorf("package %s has no doc comment", p.dir)
		}
	}
}

// How a doc comment names operations: "API: GET and PUT /Security/Roles,
// version 2.".
var (
	sentence  = regexp.MustCompile(`(?m)^API: (.*), version (\d)\.$`)
	operation = regexp.MustCompile(`((?:GET|POST|PUT|DELETE)(?:(?:, | and )(?:GET|POST|PUT|DELETE))*) (/\S+?)(?: and |$)`)
)

// TestDocOperations: a method's doc comment names the operation that its body
// uses, or for a method built on others, operations that exist.
func TestDocOperations(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	all := packages(t)
	variables := map[string]map[string]string{} // package, variable: operation
	for _, p := range all {
		variables[p.dir] = p.operations(t)
		for _, op := range variables[p.dir] {
			known[op] = true
		}
	}
	if len(known) < 30 {
		t.Fatalf("only %d operations were found", len(known))
	}
	for _, p := range all {
		p.methods(func(version string, fn *ast.FuncDecl) {
			if !fn.Name.IsExported() {
				return
			}
			var uses []string
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					if op := variables[p.dir][id.Name]; op != "" && !slices.Contains(uses, op) {
						uses = append(uses, op)
					}
				}
				return true
			})
			var names []string
			if m := sentence.FindStringSubmatch(strings.ReplaceAll(fn.Doc.Text(), "\n/", " /")); m != nil {
				for _, o := range operation.FindAllStringSubmatch(m[1], -1) {
					for _, method := range regexp.MustCompile(`[A-Z]+`).FindAllString(o[1], -1) {
						names = append(names, fmt.Sprintf("%s %s, version %s", method, o[2], m[2]))
					}
				}
			}
			slices.Sort(uses)
			slices.Sort(names)
			if len(uses) > 0 && !slices.Equal(uses, names) {
				t.Errorf("%s: %s.%s uses %q and is documented with %q", p.at(fn), version, fn.Name, uses, names)
			}
			for _, n := range names {
				if !known[n] {
					t.Errorf("%s: %s.%s is documented with %q, which no package declares", p.at(fn), version, fn.Name, n)
				}
			}
		})
	}
}

// operations is the transport.Ops of a package by variable.
func (p pkg) operations(t *testing.T) map[string]string {
	t.Helper()
	ops := map[string]string{}
	for _, f := range p.files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec) //nolint:forcetypeassert // in a var declaration
				for i, value := range v.Values {
					lit, ok := value.(*ast.CompositeLit)
					if !ok || text(lit.Type) != "transport.Op" {
						continue
					}
					parts := map[string]string{}
					for _, e := range lit.Elts {
						kv := e.(*ast.KeyValueExpr) //nolint:forcetypeassert // the field names are given
						switch v := kv.Value.(type) {
						case *ast.BasicLit:
							parts[text(kv.Key)] = strings.Trim(v.Value, `"`)
						case *ast.SelectorExpr:
							parts[text(kv.Key)] = strings.ToUpper(strings.TrimPrefix(v.Sel.Name, "Method"))
						}
					}
					ops[v.Names[i].Name] = fmt.Sprintf("%s /%s, version %s", parts["Method"], parts["Path"], parts["Version"])
				}
			}
		}
	}
	return ops
}

// TestImports: who may import whom.
func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, i := range f.Imports {
				name, _ := strconv.Unquote(i.Path.Value)
				inside, own := strings.CutPrefix(name, module+"/")
				switch {
				case strings.HasPrefix(name, "github.com/hashicorp/go-retryablehttp") && p.dir != "internal/transport":
					t.Errorf("%s imports %s", p.at(i), name)
				case strings.HasPrefix(name, "github.com/google/go-querystring") && p.dir != "internal/paging":
					t.Errorf("%s imports %s", p.at(i), name)
				case (name == "testing" || strings.Contains(name, "httpmock") || strings.Contains(name, "goleak") || inside == "internal/apitest") && p.dir != "internal/apitest":
					t.Errorf("%s imports %s, which is for tests", p.at(i), name)
				case own && p.dir == "internal/transport":
					t.Errorf("%s: internal/transport knows nobody", p.at(i))
				case own && p.dir == "security" && inside != "internal/transport":
					t.Errorf("%s: security imports %s", p.at(i), inside)
				case own && p.dir == "permissions":
					t.Errorf("%s: permissions imports %s", p.at(i), inside)
				case own && p.dir == "security/securitytest" && p.types["V1"] == nil && slices.Contains([]string{"roles", "claims", "identities", "permissionsets", "providers", "access"}, path.Dir(inside+"/x")):
					t.Errorf("%s: the simulated server shares types with %s", p.at(i), inside)
				}
			}
		}
	}
}

// TestDependencies walks what a program gets with a package.
func TestDependencies(t *testing.T) {
	t.Parallel()
	for from, banned := range map[string][]string{
		"permissions":           {"net/http", "net", "os/exec", "testing"},
		"security/securitytest": {"testing", "github.com/jarcoal/httpmock"},
		"security":              {"testing"},
		"roles":                 {"testing"},
	} {
		deps := map[string]string{} // package: who imports it
		walk(t, filepath.Join(root, from), deps)
		if len(deps) < 5 {
			t.Errorf("%s: only %d imports were found", from, len(deps))
		}
		for _, b := range banned {
			if by, ok := deps[b]; ok {
				t.Errorf("%s depends on %s, through %s", from, b, by)
			}
		}
	}
}

// walk notes the imports of the package in dir and of the module's packages
// among them. Standard packages are followed too: testing hides behind some.
func walk(t *testing.T, dir string, deps map[string]string) {
	t.Helper()
	p, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range p.Imports {
		if _, ok := deps[name]; ok || name == "C" || name == "unsafe" {
			continue
		}
		deps[name] = dir
		if inside, ok := strings.CutPrefix(name, module+"/"); ok {
			walk(t, filepath.Join(root, inside), deps)
		} else if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
			std := filepath.Join(build.Default.GOROOT, "src", name)
			if vendored := filepath.Join(build.Default.GOROOT, "src/vendor", name); strings.HasPrefix(name, "golang.org") {
				std = vendored
			}
			walk(t, std, deps)
		}
	}
}
