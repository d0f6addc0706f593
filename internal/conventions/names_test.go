package conventions_test

import (
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/source"
)

// suffixes: in a package with several versions, a type is named after the oldest
// version that uses it; the oldest version of the package may leave that out. In
// a package with one version no type has a suffix.
func suffixes(c *checker) {
	for _, p := range c.services() {
		versions := p.Versions()
		oldest := source.VersionOf(versions[0].Name())
		first := map[*types.TypeName]int{} // the oldest version that uses a type
		for _, v := range slices.Backward(versions) {
			for used := range c.uses(p, v) {
				first[used] = source.VersionOf(v.Name())
			}
		}
		for t, since := range first {
			has := source.VersionOf(t.Name())
			want := base(t.Name()) + "V" + strconv.Itoa(since)
			switch {
			case len(versions) == 1 && has > 0:
				c.report(t.Pos(), "%s: package %s has one version, so that its types need no suffix; name it %s", t.Name(), p.Name, base(t.Name()))
			case len(versions) > 1 && has > 0 && has != since:
				c.report(t.Pos(), "%s: the oldest version that uses it is V%d; name it %s", t.Name(), since, want)
			case len(versions) > 1 && has == 0 && since != oldest:
				c.report(t.Pos(), "%s: V%d is the oldest version that uses it, and a name without a suffix belongs to V%d; name it %s", t.Name(), since, oldest, want)
			}
		}
	}
}

// uses are the types of the package that the methods of a version take and
// return, with the types of their fields.
func (c *checker) uses(p *source.Package, version *types.TypeName) map[*types.TypeName]bool {
	seen := map[*types.TypeName]bool{}
	var visit func(types.Type)
	visit = func(t types.Type) {
		switch t := types.Unalias(t).(type) {
		case *types.Named:
			for arg := range t.TypeArgs().Types() {
				visit(arg)
			}
			if o := t.Obj(); o.Pkg() == p.Types && o.Exported() && o != version && !seen[o] {
				seen[o] = true
				visit(t.Underlying())
			}
		case *types.Struct:
			for f := range t.Fields() {
				visit(f.Type())
			}
		case *types.Signature:
			visit(t.Params())
			visit(t.Results())
		case *types.Tuple:
			for v := range t.Variables() {
				visit(v.Type())
			}
		case *types.Map:
			visit(t.Key())
			visit(t.Elem())
		case interface{ Elem() types.Type }: // a pointer, a slice, an array or a channel
			visit(t.Elem())
		}
	}
	for _, m := range c.methods {
		if m.Package == p && m.Of == version.Name() {
			visit(m.Sig)
		}
	}
	return seen
}

// body is what a call sends.
type body struct {
	pkg    *source.Package
	method *ast.FuncDecl // that sends it
	value  ast.Expr
	t      types.Type
}

// bodies finds what the services send: the Body of each transport.Call.
func (c *checker) bodies() []body {
	var all []body
	for _, p := range c.services() {
		for _, f := range p.Files {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				ast.Inspect(fn, func(n ast.Node) bool {
					lit, ok := n.(*ast.CompositeLit)
					if !ok || short(p.Info.TypeOf(lit)) != "transport.Call" {
						return true
					}
					for _, e := range lit.Elts {
						if kv, ok := e.(*ast.KeyValueExpr); ok && types.ExprString(kv.Key) == "Body" {
							all = append(all, body{p, fn, kv.Value, p.Info.TypeOf(kv.Value)})
						}
					}
					return true
				})
			}
		}
	}
	return all
}

// requests: whatever is sent can check itself, and is named after the method
// that takes it.
func requests(c *checker) {
	for _, b := range c.bodies() {
		if validate, _, _ := types.LookupFieldOrMethod(b.t, false, b.pkg.Types, "Validate"); validate == nil || short(validate.Type()) != "func() error" {
			c.report(b.value.Pos(), "%s sends %s, which cannot check itself; give the type a method Validate() error that collects with validate.Problems "+
				"(see internal/validate) whatever the server would refuse", b.method.Name.Name, short(b.t))
		}
		n := named(b.t)
		if n == nil || !n.Obj().Exported() || n.Obj().Name() == "Request" {
			continue
		}
		name := n.Obj().Name()
		if want := b.method.Name.Name + strings.TrimPrefix(name, base(name)); name != want {
			c.report(n.Obj().Pos(), "%s is what %s sends; a body is named after the method that takes it: %s", name, b.method.Name.Name, want)
		}
	}
}

// conversions: what makes a request of something that was read is called
// ToUpdate, ToRequest and so on; Update alone would read as if it did it.
func conversions(c *checker) {
	made := map[*types.TypeName]bool{}
	for _, b := range c.bodies() {
		if n := named(b.t); n != nil {
			made[n.Obj()] = true
		}
	}
	for _, p := range c.public() {
		declared(p, func(name string, t *types.TypeName) {
			n, ok := t.Type().(*types.Named)
			if !ok || !t.Exported() {
				return
			}
			for m := range n.Methods() {
				sig := m.Signature()
				if !m.Exported() || sig.Params().Len() > 0 || sig.Results().Len() == 0 {
					continue
				}
				into := named(sig.Results().At(0).Type())
				if into == nil || !made[into.Obj()] || m.Name() == "To"+base(into.Obj().Name()) {
					continue
				}
				c.report(m.Pos(), "%s.%s converts into %s and does nothing else; name it To%s", name, m.Name(), short(into), base(into.Obj().Name()))
			}
		})
	}
}

// internals: no exported name of a package that programs import mentions an
// internal package. The unexported methods that seal an interface may.
func internals(c *checker) {
	for _, p := range c.public() {
		for _, name := range p.Types.Scope().Names() {
			o := p.Types.Scope().Lookup(name)
			if !o.Exported() {
				continue
			}
			mentions := map[string]bool{}
			switch o := o.(type) {
			case *types.TypeName:
				if n, ok := o.Type().(*types.Named); ok && !o.IsAlias() {
					mentioned(mentions, n.Underlying())
					for m := range n.Methods() {
						if m.Exported() {
							mentioned(mentions, m.Type())
						}
					}
				} else {
					mentioned(mentions, o.Type())
				}
			default:
				mentioned(mentions, o.Type())
			}
			for _, inside := range slices.Sorted(maps.Keys(mentions)) {
				c.report(o.Pos(), "%s mentions %s, which programs cannot import; keep it unexported, or declare a type here", name, inside)
			}
		}
	}
}

// mentioned notes the types of internal packages in what is exported of a type.
func mentioned(found map[string]bool, t types.Type) {
	switch t := t.(type) {
	case *types.Alias:
		mentioned(found, types.Unalias(t))
	case *types.Named:
		if pkg := t.Obj().Pkg(); pkg != nil && strings.Contains(pkg.Path(), module+"/internal/") {
			found[short(t)] = true
		}
		for arg := range t.TypeArgs().Types() {
			mentioned(found, arg)
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				mentioned(found, f.Type())
			}
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			if m.Exported() {
				mentioned(found, m.Type())
			}
		}
		for e := range t.EmbeddedTypes() {
			mentioned(found, e)
		}
	case *types.Signature:
		mentioned(found, t.Params())
		mentioned(found, t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			mentioned(found, v.Type())
		}
	case *types.Map:
		mentioned(found, t.Key())
		mentioned(found, t.Elem())
	case interface{ Elem() types.Type }: // a pointer, a slice, an array or a channel
		mentioned(found, t.Elem())
	}
}
