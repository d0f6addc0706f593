package conventions_test

import (
	"go/types"
	"reflect"
	"regexp"
	"strings"

	"github.com/commandsec/commandsec-go/internal/source"
)

// results are what a method of a service may return.
var results = regexp.MustCompile(`^(error|\*[^,]+, error|\[\][^,]+, error|\*[^,]+, security\.Change, error|iter\.Seq2\[[^,]+, error\])$`)

// signatures: ctx first, path arguments, a body by value, options as a pointer,
// ...security.CallOption last, and results of a few kinds.
func signatures(c *checker) {
	for _, p := range c.services() {
		for _, version := range p.Versions() {
			constructor, ok := p.Types.Scope().Lookup("New" + version.Name()).(*types.Func)
			if !ok || short(constructor.Type()) != "func(client *security.Client) *"+p.Name+"."+version.Name() {
				c.report(version.Pos(), "package %s needs func New%s(client *security.Client) *%[2]s, which makes the service", p.Name, version.Name())
			}
		}
	}
	for _, m := range c.methods {
		params := m.Sig.Params()
		if n := params.Len(); n == 0 || short(params.At(0).Type()) != "context.Context" || params.At(0).Name() != "ctx" {
			c.report(m.Func.Pos(), "%s must have ctx context.Context as its first parameter", m.Name())
		}
		if n := params.Len(); n == 0 || !m.Sig.Variadic() || short(params.At(n-1).Type()) != "[]security.CallOption" {
			c.report(m.Func.Pos(), "%s must have call ...security.CallOption as its last parameter", m.Name())
		}
		if source.VersionOf(m.Of) == 0 {
			continue // a client's methods return what they like
		}
		var returned []string
		for r := range m.Sig.Results().Variables() {
			returned = append(returned, short(r.Type()))
		}
		if got := strings.Join(returned, ", "); !results.MatchString(got) {
			c.report(m.Func.Pos(), "%s returns (%s); a method returns error, (*T, error), ([]T, error), (*security.Page[T], error) "+
				"or iter.Seq2[T, error], and a safe change (*T, security.Change, error)", m.Name(), got)
		}
		selects := false
		for v := range params.Variables() {
			selects = c.parameter(m, v) || selects
		}
		if got := returned[0]; !selects && strings.HasPrefix(got, "*security.Page[") {
			c.report(m.Func.Pos(), "%s returns a page and takes no opts *ListOptions (in a package of several versions *ListOptions%s)", m.Name(), m.Of)
		}
	}
}

// parameter checks that a body is taken by value and options by pointer. It
// reports whether the parameter is list options.
func (c *checker) parameter(m source.Method, v *types.Var) (listOptions bool) {
	n := named(v.Type())
	if n == nil {
		return false
	}
	if _, ok := n.Underlying().(*types.Struct); !ok {
		return false
	}
	_, pointer := types.Unalias(v.Type()).(*types.Pointer)
	options := strings.HasSuffix(base(n.Obj().Name()), "Options")
	switch {
	case options && !pointer:
		c.report(v.Pos(), "%s takes %s by value; options are a pointer, which may be nil", m.Name(), short(n))
	case pointer && !options:
		c.report(v.Pos(), "%s takes %s by pointer; a body is a value (and a type of options ends in Options)", m.Name(), short(n))
	}
	return isListOptions(n.Obj().Name())
}

func isListOptions(name string) bool { return base(name) == "ListOptions" }

// parameters are how the fields that lists share are sent.
var parameters = map[string]string{
	"Filter": "QueryString", "SortBy": "SortField", "Order": "SortAscending", "Page": "PageReturned", "PageSize": "ReturnLimit", "Validate": "Validate",
}

// listOptions: go-querystring ignores omitzero, sends a field without a tag
// under its Go name, and can never send a bool that is false.
func listOptions(c *checker) {
	for _, p := range c.public() {
		declared(p, func(name string, t *types.TypeName) {
			s, ok := t.Type().Underlying().(*types.Struct)
			if !ok || !isListOptions(name) {
				return
			}
			for i := range s.NumFields() {
				f := s.Field(i)
				tag := reflect.StructTag(s.Tag(i)).Get("url")
				param, rest, _ := strings.Cut(tag, ",")
				want := parameters[f.Name()]
				if want == "" {
					want = f.Name()
				}
				switch {
				case f.Embedded() || !f.Exported():
					c.report(f.Pos(), "%s.%s: list options have exported fields only, and embed nothing", name, f.Name())
				case param == "" || rest != "omitempty" || parameters[f.Name()] != "" && param != want:
					c.report(f.Pos(), "%s.%s is tagged %q; write `url:\"%s,omitempty\"`", name, f.Name(), tag, want)
				case short(f.Type()) == "bool":
					c.report(f.Pos(), "%s.%s is a bool, which could never be sent as false; make it a *bool", name, f.Name())
				}
			}
		})
	}
}
