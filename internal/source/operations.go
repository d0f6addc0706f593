package source

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Operation is an operation of the API that a package declares: a variable of
// type transport.Op.
type Operation struct {
	Variable string // such as "opGetV2"
	Text     string // as transport.Op prints it: "GET /Security/Roles/{id}, version 2"
	Version  int
	Pos      token.Pos
}

// Operations reads the operations that a package declares.
func (p *Package) Operations() ([]Operation, error) { return operations(p.Files) }

// OperationsIn reads the operations that the package in a directory declares,
// without type-checking anything.
func OperationsIn(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	declared, err := operations(files)
	var all []string
	for _, o := range declared {
		all = append(all, o.Text)
	}
	return all, err
}

func operations(files []*ast.File) ([]Operation, error) {
	var all []Operation
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v, ok := s.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for i, value := range v.Values {
					lit, ok := value.(*ast.CompositeLit)
					if !ok || !IsOp(lit) {
						continue
					}
					o, err := operation(lit)
					if err != nil {
						return nil, fmt.Errorf("%s: %w", v.Names[i].Name, err)
					}
					o.Variable, o.Pos = v.Names[i].Name, v.Names[i].Pos()
					all = append(all, o)
				}
			}
		}
	}
	return all, nil
}

// IsOp reports whether a literal is a transport.Op.
func IsOp(lit *ast.CompositeLit) bool {
	s, ok := lit.Type.(*ast.SelectorExpr)
	return ok && types.ExprString(s) == "transport.Op"
}

// operation reads a transport.Op, which must be spelled out.
func operation(lit *ast.CompositeLit) (Operation, error) {
	fields := map[string]string{}
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return Operation{}, errors.New("an operation without field names")
		}
		name := types.ExprString(kv.Key)
		switch v := kv.Value.(type) {
		case *ast.BasicLit:
			fields[name] = strings.Trim(v.Value, `"`)
		case *ast.SelectorExpr:
			fields[name] = strings.ToUpper(strings.TrimPrefix(v.Sel.Name, "Method"))
		default:
			return Operation{}, fmt.Errorf("field %s of an operation is not spelled out", name)
		}
	}
	version, err := strconv.Atoi(fields["Version"])
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch}, fields["Method"]) || err != nil {
		return Operation{}, fmt.Errorf("an operation needs a Method such as http.MethodGet, a Path and a Version, got %q", fields)
	}
	return Operation{Text: fmt.Sprintf("%s /%s, version %d", fields["Method"], fields["Path"], version), Version: version}, nil
}

// Method is an exported method of a service, or of security.Client, that takes
// a context.
type Method struct {
	Package *Package
	Of      string // the receiver's type, such as "V2"
	Func    *ast.FuncDecl
	Sig     *types.Signature
	Ops     []string // the operations that its body names
}

// Name is the method with package and type: "roles.V2.Get".
func (m Method) Name() string { return m.Package.Name + "." + m.Of + "." + m.Func.Name.Name }

// Methods lists the methods of all services and of security.Client, by name.
// Those of the client that take no context, and Do, which takes any operation,
// are not among them.
func (m *Module) Methods() ([]Method, error) {
	var all []Method
	for _, p := range m.Packages {
		declared, err := p.Operations()
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", p.Dir, err)
		}
		ops := map[string]string{}
		for _, o := range declared {
			ops[o.Variable] = o.Text
		}
		for _, f := range p.Files {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || fn.Recv == nil || !fn.Name.IsExported() || !p.Public() {
					continue
				}
				method := Method{Package: p, Of: receiver(fn), Func: fn}
				method.Sig, _ = p.Info.Defs[fn.Name].Type().(*types.Signature)
				client := p.Dir == "security" && method.Of == "Client" && fn.Name.Name != "Do" && takesContext(method.Sig)
				if !client && "V"+strconv.Itoa(VersionOf(method.Of)) != method.Of {
					continue
				}
				ast.Inspect(fn.Body, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok && ops[id.Name] != "" && !slices.Contains(method.Ops, ops[id.Name]) {
						method.Ops = append(method.Ops, ops[id.Name])
					}
					return true
				})
				all = append(all, method)
			}
		}
	}
	slices.SortFunc(all, func(a, b Method) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

func takesContext(sig *types.Signature) bool {
	return sig.Params().Len() > 0 && sig.Params().At(0).Type().String() == "context.Context"
}

func receiver(fn *ast.FuncDecl) string {
	return strings.TrimPrefix(types.ExprString(fn.Recv.List[0].Type), "*")
}
