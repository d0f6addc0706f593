package conventions_test

import (
	"fmt"
	"go/ast"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/source"
)

// operations: each operation is a variable, declared once and named after its
// version, and a method calls it.
func operations(c *checker) {
	places := map[string]string{}
	called := map[string]bool{}
	for _, m := range c.methods {
		for _, op := range m.Ops {
			called[op] = true
		}
	}
	for _, p := range c.public() {
		declared, err := p.Operations()
		if err != nil {
			c.report(p.Files[0].Package, "%v", err)
		}
		for _, o := range declared {
			if other := places[o.Text]; other != "" {
				c.report(o.Pos, "%s is declared at %s, too; use that", o.Text, other)
			}
			places[o.Text] = c.At(o.Pos)
			if v := source.VersionOf(o.Variable); len(p.Versions()) > 0 && v != o.Version {
				c.report(o.Pos, "%s is %s; the name of the variable ends in V%d", o.Variable, o.Text, o.Version)
			}
			if !called[o.Text] {
				c.report(o.Pos, "no method calls %s; write one, or delete the variable", o.Text)
			}
		}
		if len(p.Versions()) > 0 {
			c.inlineOperations(p)
		}
	}
}

// inlineOperations reports operations that are no variables of the package: the
// other rules would not see them.
func (c *checker) inlineOperations(p *source.Package) {
	for _, f := range p.Files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if lit, ok := n.(*ast.CompositeLit); ok && source.IsOp(lit) {
					c.report(lit.Pos(), "%s has an operation inside; declare it beside the others, as a variable of the package", fn.Name.Name)
				}
				return true
			})
		}
	}
}

// checkedAnswers: an answer is compared with what was asked for. A cache or a proxy can
// mix answers up, and what is built on another object writes to the wrong one.
func checkedAnswers(c *checker) {
	for _, p := range c.services() {
		for _, f := range p.Files {
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					c.checkedAnswer(p, call)
				}
				return true
			})
		}
	}
}

// checkedAnswer looks at one call of service.One or service.Many.
func (c *checker) checkedAnswer(p *source.Package, call *ast.CallExpr) {
	helper, ok := call.Fun.(*ast.IndexExpr)
	if !ok || len(call.Args) < 4 {
		return
	}
	name := types.ExprString(helper.X)
	if name != "service.One" && name != "service.Many" {
		return
	}
	literal, ok := call.Args[3].(*ast.CompositeLit)
	if !ok {
		c.report(call.Args[3].Pos(), "write the transport.Call of %s as a literal, so that a test sees whether it has a Check", name)
		return
	}
	for _, e := range literal.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && types.ExprString(kv.Key) == "Check" {
			return
		}
	}
	answer := p.Info.TypeOf(helper.Index)
	id, _, _ := types.LookupFieldOrMethod(answer, true, p.Types, "ID")
	switch {
	case id != nil && name == "service.One":
		c.report(call.Pos(), "the answer is a %s, which has an ID, and nothing checks that it is the object asked for; "+
			"add Check: service.About(...) to the transport.Call, with the id of the path or of the body, and 0 or \"\" for what is created", short(answer))
	case id != nil:
		c.report(call.Pos(), "the answer is a list of %s, which has an ID, and nothing refuses items without one; "+
			"add Check: service.Each(...) to the transport.Call", short(answer))
	case name == "service.One" && len(call.Args) == 4:
		c.report(call.Pos(), "the answer is a %s, which has no ID, so that {} would pass for one; "+
			"name at the end of the call the members that every answer has", short(answer))
	}
}

// How a doc comment names operations: "API: GET and PUT /Security/Roles,
// version 2.".
var (
	sentence  = regexp.MustCompile(`^API: (.*), version ([0-9]+)\.$`)
	operation = regexp.MustCompile(`((?:GET|POST|PUT|PATCH|DELETE)(?:(?:, | and )(?:GET|POST|PUT|PATCH|DELETE))*) (/\S+?)(?: and |, |$)`)
	verb      = regexp.MustCompile(`[A-Z]+`)
)

// documentedOperations: the doc comment of a method names the operation that its
// body calls, or, of a method that is built on others, operations that exist.
func documentedOperations(c *checker) {
	known := map[string]bool{}
	for _, m := range c.methods {
		for _, op := range m.Ops {
			known[op] = true
		}
	}
	for _, m := range c.methods {
		var names []string
		for paragraph := range strings.SplitSeq(m.Func.Doc.Text(), "\n\n") {
			match := sentence.FindStringSubmatch(strings.Join(strings.Fields(paragraph), " "))
			if match == nil {
				continue
			}
			for _, o := range operation.FindAllStringSubmatch(match[1], -1) {
				for _, method := range verb.FindAllString(o[1], -1) {
					names = append(names, fmt.Sprintf("%s %s, version %s", method, o[2], match[2]))
				}
			}
		}
		for _, op := range m.Ops {
			if !slices.Contains(names, op) {
				c.report(m.Func.Pos(), "%s calls %s; say so in its doc comment with a paragraph \"API: %[2]s.\"", m.Name(), op)
			}
		}
		for _, name := range names {
			switch {
			case !known[name]:
				c.report(m.Func.Pos(), "%s is documented with %s, which no package declares", m.Name(), name)
			case len(m.Ops) > 0 && !slices.Contains(m.Ops, name):
				c.report(m.Func.Pos(), "%s is documented with %s, and does not call it", m.Name(), name)
			}
		}
	}
}

// provenOperations: the tests of a package fail if one of its operations was not
// sent to the letter, which apitest.Main sees to.
func provenOperations(c *checker) {
	for _, p := range c.Packages {
		if declared, err := p.Operations(); !p.Public() || err != nil || len(declared) == 0 || callsMain(p) {
			continue
		}
		c.report(p.Files[0].Package, "package %s declares operations, and nothing proves that each has a wire test; "+
			"write \"func TestMain(m *testing.M) { apitest.Main(m) }\" in a test file of %s/", p.Name, p.Dir)
	}
}

func callsMain(p *source.Package) bool {
	for _, f := range p.Tests {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || fn.Name.Name != "TestMain" {
				continue
			}
			calls := false
			ast.Inspect(fn, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if ok && s.Sel.Name == "Main" {
					x, ok := s.X.(*ast.Ident)
					calls = calls || ok && x.Name == "apitest"
				}
				return true
			})
			return calls
		}
	}
	return false
}
