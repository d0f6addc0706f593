package spec_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/commandsec/commandsec-go/internal/source"
	"github.com/commandsec/commandsec-go/internal/spec"
)

// moduleRoot is where the source of the library is.
const moduleRoot = "../.."

var load = sync.OnceValues(func() (*source.Module, error) { return source.Load(moduleRoot, nil) })

// methods lists the methods of all services, and where they are.
func methods(t testing.TB) (all []source.Method, at func(source.Method) string) {
	t.Helper()
	m, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if all, err = m.Methods(); err != nil {
		t.Fatal(err)
	}
	return all, func(method source.Method) string { return m.At(method.Func.Pos()) }
}

func operations(t testing.TB) []*spec.Operation {
	t.Helper()
	all, err := spec.Operations()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOperations compares the operations that the library declares with those
// that are described, in both directions.
func TestOperations(t *testing.T) {
	t.Parallel()
	m, err := load()
	if err != nil {
		t.Fatal(err)
	}
	declared, described := map[string]bool{}, map[string]bool{}
	for _, o := range operations(t) {
		described[o.String()] = true
	}
	for _, p := range m.Packages {
		if !p.Public() {
			continue
		}
		ops, err := p.Operations()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range ops {
			declared[o.Text] = true
			if !described[o.Text] {
				t.Errorf("%s: %s is not described; add it to internal/spec/command-v25-api-v%d.json, or to a new file whose name ends in -v%[3]d.json", m.At(o.Pos), o.Text, o.Version)
			}
		}
	}
	for _, o := range operations(t) {
		if !declared[o.String()] {
			t.Errorf("%s is described, and no package declares it; add a transport.Op and a method to the service that it belongs to", o)
		}
	}
}

// TestDeprecated: the comment of a method says what Command deprecates, and
// nothing else. It is no "Deprecated:" paragraph: linters would warn of it in every
// program for Command 10, which has nothing else.
func TestDeprecated(t *testing.T) {
	t.Parallel()
	all, at := methods(t)
	deprecated := map[string]bool{}
	for _, o := range operations(t) {
		deprecated[o.String()] = o.Described.Deprecated
	}
	for _, m := range all {
		if len(m.Ops) == 0 {
			continue
		}
		switch says := strings.Contains(m.Func.Doc.Text(), "\n\nCommand deprecates it"); {
		case says && !deprecated[m.Ops[0]]:
			t.Errorf("%s: %s is documented as deprecated, and %s is not", at(m), m.Name(), m.Ops[0])
		case !says && deprecated[m.Ops[0]]:
			t.Errorf("%s: Command deprecates %s; say so with a paragraph \"Command deprecates it, in favor of ...\" at the end of the comment of %s", at(m), m.Ops[0], m.Name())
		}
	}
}

// TestCalls: calls_test.go uses every method of every service, and each of its
// calls uses the method that it is named after.
func TestCalls(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, c := range calls() {
		used[c.method] = true
	}
	all, at := methods(t)
	known := map[string]bool{}
	for _, m := range all {
		known[m.Name()] = true
		if !used[m.Name()] {
			t.Errorf("%s: %s is not tried against the simulated server; add to calls() in internal/spec/calls_test.go:\n"+
				"{method: %[2]q, do: func(x ctx, c cli) (any, error) { return %[3]s.New%[4]s(c).%[5]s(x, ...) }},",
				at(m), m.Name(), m.Package.Name, m.Of, m.Func.Name.Name)
		}
	}
	for name, does := range callsAsWritten(t) {
		if !known[name] {
			t.Errorf("internal/spec/calls_test.go: there is no method %s", name)
		} else if !does {
			t.Errorf("internal/spec/calls_test.go: the call named %s does not call that method", name)
		}
	}
}

// callsAsWritten reads calls_test.go: the name of each call, and whether its
// function calls what it is named after.
func callsAsWritten(t *testing.T) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "calls_test.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok || len(lit.Elts) != 2 {
			return true
		}
		name, function := keyed(lit.Elts[0], "method"), keyed(lit.Elts[1], "do")
		text, ok := name.(*ast.BasicLit)
		if !ok || function == nil {
			return true
		}
		method, err := strconv.Unquote(text.Value)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(method, ".")
		want := fmt.Sprintf("%s.New%s(c).%s", parts[0], parts[1], parts[2])
		if method == "security.Client."+parts[2] {
			want = "c." + parts[2]
		}
		does := false
		ast.Inspect(function, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			does = does || ok && types.ExprString(call.Fun) == want
			return true
		})
		if before, ok := found[method]; !ok || before {
			found[method] = does
		}
		return false
	})
	return found
}

func keyed(e ast.Expr, name string) ast.Expr {
	if kv, ok := e.(*ast.KeyValueExpr); ok && types.ExprString(kv.Key) == name {
		return kv.Value
	}
	return nil
}
