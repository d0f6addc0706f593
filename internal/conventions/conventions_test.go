// Package conventions_test holds the library's source to the rules of
// CONTRIBUTING.md that the compiler does not check.
package conventions_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/commandsec/commandsec-go/internal/source"
)

const (
	root   = "../.."
	module = source.ModulePath
)

// rules are all conventions. Each looks at the whole source and reports what
// breaks it: the place, what is wrong, and what to write instead.
var rules = map[string]func(*checker){
	"every method has the signature of its kind":     signatures,
	"list options can be sent":                       listOptions,
	"types that differ by version say so":            suffixes,
	"operations are declared values":                 operations,
	"methods say which operation they call":          documentedOperations,
	"answers are checked":                            checkedAnswers,
	"what is exported is documented":                 documented,
	"requests check themselves":                      requests,
	"what converts is named after what it makes":     conversions,
	"nothing internal is in the public API":          internals,
	"packages import what they may":                  imports,
	"services can be found, and show an example":     services,
	"packages that declare operations prove them":    provenOperations,
	"the programs under examples/ can be found, too": programs,
}

// checker collects what is wrong with the source.
type checker struct {
	*source.Module

	methods []source.Method
	found   []string
}

func (c *checker) report(pos token.Pos, format string, args ...any) {
	c.found = append(c.found, c.At(pos)+": "+fmt.Sprintf(format, args...))
}

// load reads the source once for all tests.
var load = sync.OnceValues(func() (*source.Module, error) { return source.Load(root, nil) })

// TestConventions: the library keeps to the rules.
func TestConventions(t *testing.T) {
	t.Parallel()
	m, err := load()
	if err != nil {
		t.Fatal(err)
	}
	methods, err := m.Methods()
	if err != nil {
		t.Fatal(err)
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &checker{Module: m, methods: methods}
			rule(c)
			for _, problem := range c.found {
				t.Error(problem)
			}
		})
	}
}

// services lists the packages that have a version of a service.
func (c *checker) services() []*source.Package {
	return slices.DeleteFunc(slices.Clone(c.Packages), func(p *source.Package) bool { return len(p.Versions()) == 0 })
}

// public lists the packages that programs import.
func (c *checker) public() []*source.Package {
	return slices.DeleteFunc(slices.Clone(c.Packages), func(p *source.Package) bool { return !p.Public() && p.Dir != "security/securitytest" })
}

// short prints a type without import paths: "*security.Page".
func short(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}

// named is the declared type that t is, or points to.
func named(t types.Type) *types.Named {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, _ := t.(*types.Named)
	return n
}

// declared calls visit with every type that a package declares, by name.
func declared(p *source.Package, visit func(name string, t *types.TypeName)) {
	for _, name := range p.Types.Scope().Names() {
		if t, ok := p.Types.Scope().Lookup(name).(*types.TypeName); ok {
			visit(name, t)
		}
	}
}

// base is a name without the version that it ends in.
func base(name string) string {
	if v := source.VersionOf(name); v > 0 {
		return strings.TrimSuffix(name, "V"+strconv.Itoa(v))
	}
	return name
}

// documented: every exported name, and every package, has a doc comment.
func documented(c *checker) {
	for _, p := range c.Packages {
		if p.Types == nil {
			continue
		}
		about := false
		for _, f := range p.Files {
			about = about || f.Doc != nil
			for _, d := range f.Decls {
				for _, name := range undocumented(d) {
					c.report(name.Pos(), "%s is exported and has no doc comment; say what it does, its units, limits and errors", name)
				}
			}
		}
		if !about {
			c.report(p.Files[0].Package, "package %s has no doc comment; say what it is for", p.Name)
		}
	}
}

// undocumented lists the exported names of a declaration that have no comment.
func undocumented(d ast.Decl) []*ast.Ident {
	var names []*ast.Ident
	switch d := d.(type) {
	case *ast.FuncDecl:
		exported := d.Name.IsExported()
		if d.Recv != nil {
			t := d.Recv.List[0].Type
			if s, ok := t.(*ast.StarExpr); ok {
				t = s.X
			}
			if g, ok := t.(*ast.IndexExpr); ok {
				t = g.X
			}
			id, ok := t.(*ast.Ident)
			exported = exported && ok && id.IsExported()
		}
		if exported && d.Doc == nil {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					names = append(names, s.Name)
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					names = append(names, s.Names[0])
				}
			}
		}
	}
	return names
}
