package spec_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/spec"
)

// moduleRoot is where the source of the library is.
const moduleRoot = "../.."

// source is what the library's source says about operations.
type source struct {
	ops     map[string]string // position of each declared operation, by its name
	methods []method
}

// method is an exported method whose body names an operation.
type method struct {
	name string // such as "roles.V2.Get"
	ops  []string
	doc  string
}

// read parses the packages that programs import.
func read(t *testing.T) source {
	t.Helper()
	src := source{ops: map[string]string{}}
	err := filepath.WalkDir(moduleRoot, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		switch name := d.Name(); {
		case path == moduleRoot:
		case name == "internal", name == "examples", name == "bench", name == "tools", name == "docs", name == "testdata",
			name == "securitytest", strings.HasPrefix(name, "."):
			return filepath.SkipDir
		}
		return src.readPackage(path)
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(src.methods, func(a, b method) int { return strings.Compare(a.name, b.name) })
	return src
}

func (src *source) readPackage(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	var parsed []*ast.File
	variables := map[string]string{} // operations of this package by the name of their variable
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, f)
		if err := src.readOps(set, f, variables); err != nil {
			return err
		}
	}
	for _, f := range parsed {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.IsExported() {
				src.readMethod(f.Name.Name, fn, variables)
			}
		}
	}
	return nil
}

// readOps notes every transport.Op that a file spells out.
func (src *source) readOps(set *token.FileSet, f *ast.File, variables map[string]string) error {
	var failed error
	names := map[ast.Expr]string{} // of the variables that literals are assigned to
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			// Client.Do takes the operation from its caller.
			return f.Name.Name != "security" || n.Name.Name != "Do"
		case *ast.ValueSpec:
			for i, v := range n.Values {
				names[v] = n.Names[i].Name
			}
		case *ast.CompositeLit:
			if !isOp(n.Type) {
				return true
			}
			op, err := literal(n)
			if err != nil {
				failed = fmt.Errorf("%s: %w", set.Position(n.Pos()), err)
				return false
			}
			if other, ok := src.ops[op]; ok {
				failed = fmt.Errorf("%s: %s is declared at %s too", set.Position(n.Pos()), op, other)
				return false
			}
			src.ops[op] = set.Position(n.Pos()).String()
			if name := names[n]; name != "" {
				variables[name] = op
			}
		}
		return true
	})
	return failed
}

func isOp(t ast.Expr) bool {
	s, ok := t.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "transport" && s.Sel.Name == "Op"
}

// literal reads a transport.Op, which must be spelled out.
func literal(n *ast.CompositeLit) (string, error) {
	fields := map[string]string{}
	for _, e := range n.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return "", fmt.Errorf("an operation without field names")
		}
		name := fmt.Sprint(kv.Key)
		switch v := kv.Value.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(v.Value)
			if v.Kind == token.INT {
				text, err = v.Value, nil
			}
			if err != nil {
				return "", err
			}
			fields[name] = text
		case *ast.SelectorExpr:
			method, ok := map[string]string{
				"MethodGet": http.MethodGet, "MethodPost": http.MethodPost, "MethodPut": http.MethodPut, "MethodDelete": http.MethodDelete,
			}[v.Sel.Name]
			if !ok {
				return "", fmt.Errorf("method %s is unknown", v.Sel.Name)
			}
			fields[name] = method
		default:
			return "", fmt.Errorf("field %s of an operation is not spelled out", name)
		}
	}
	return fmt.Sprintf("%s /%s, version %s", fields["Method"], fields["Path"], fields["Version"]), nil
}

func (src *source) readMethod(pkg string, fn *ast.FuncDecl, variables map[string]string) {
	star, ok := fn.Recv.List[0].Type.(*ast.StarExpr)
	if !ok || fn.Body == nil {
		return
	}
	m := method{name: fmt.Sprintf("%s.%s.%s", pkg, star.X, fn.Name.Name), doc: fn.Doc.Text()}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && variables[id.Name] != "" && !slices.Contains(m.ops, variables[id.Name]) {
			m.ops = append(m.ops, variables[id.Name])
		}
		return true
	})
	if len(m.ops) > 0 {
		src.methods = append(src.methods, m)
	}
}

// TestOperations compares the operations that the library declares with those
// that are described, in both directions.
func TestOperations(t *testing.T) {
	t.Parallel()
	src := read(t)
	described := map[string]bool{}
	for _, o := range operations(t) {
		described[o.String()] = true
		if src.ops[o.String()] == "" {
			t.Errorf("%s: described, and no package declares it", o)
		}
	}
	for op, position := range src.ops {
		if !described[op] {
			t.Errorf("%s: declared at %s, and not described", op, position)
		}
	}
}

// TestDocumentation proves that the comment of each method names the operation
// that the method calls, and says what Command deprecates, and nothing else.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	src := read(t)
	deprecated := map[string]bool{}
	for _, o := range operations(t) {
		deprecated[o.String()] = o.Described.Deprecated
	}
	called := map[string]bool{}
	for _, m := range src.methods {
		for _, op := range m.ops {
			called[op] = true
			if !regexp.MustCompile(`(?m)^API: ` + regexp.QuoteMeta(op) + `\.$`).MatchString(m.doc) {
				t.Errorf("%s: the comment of %s has no line \"API: %[1]s.\"", op, m.name)
			}
		}
		if got, want := strings.Contains(m.doc, "\n\nDeprecated: "), deprecated[m.ops[0]]; got != want {
			t.Errorf("%s: deprecated is %v, and the comment of %s says %v", m.ops[0], want, m.name, got)
		}
	}
	for op, position := range src.ops {
		if !called[op] {
			t.Errorf("%s: declared at %s, and no method calls it", op, position)
		}
	}
}

func operations(t testing.TB) []*spec.Operation {
	t.Helper()
	all, err := spec.Operations()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 59 {
		t.Errorf("%d operations are described, want 59", len(all))
	}
	return all
}
