// Apitext writes the public API of the library as text: one file for each
// package under api/, and in it one line for each exported name, with its
// signature. A test compares the files with the source, so that a change of the
// API is a decision that a reviewer sees.
//
//	go run ./internal/apitext
//
// A line has no names of parameters, and no documentation: changing those breaks
// no program. Package securitytest is left out; it is exempt from the promise of
// compatibility.
package main

import (
	"fmt"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/source"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write replaces the files under api/ in the module's directory root.
func write(root string) error {
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return fmt.Errorf("run it in the top folder of the repository: %w", err)
	}
	texts, err := describe(root)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(root, "api")); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // source files are for everybody
			return err
		}
		if err := os.WriteFile(file, []byte(texts[name]), 0o644); err != nil { //nolint:gosec // likewise
			return err
		}
	}
	return nil
}

// describe returns the text of each file under api/ by its path.
func describe(root string) (map[string]string, error) {
	m, err := source.Load(root, nil)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, p := range m.Packages {
		if p.Public() {
			texts["api/"+p.Dir+".txt"] = strings.Join(describePackage(p.Types), "\n") + "\n"
		}
	}
	return texts, nil
}

// writer describes one package.
type writer struct {
	pkg   *types.Package
	lines []string
}

func describePackage(pkg *types.Package) []string {
	w := &writer{pkg: pkg}
	for _, name := range pkg.Scope().Names() {
		o := pkg.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		switch o := o.(type) {
		case *types.Const:
			w.add("const %s %s = %s", name, w.text(o.Type()), o.Val().ExactString())
		case *types.Var:
			w.add("var %s %s", name, w.text(o.Type()))
		case *types.Func:
			w.add("func %s%s", name, w.signature(o.Signature()))
		case *types.TypeName:
			w.declaration(o)
		}
	}
	slices.Sort(w.lines)
	return w.lines
}

func (w *writer) add(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

func (w *writer) declaration(o *types.TypeName) {
	if o.IsAlias() {
		w.add("type %s = %s", o.Name(), w.text(types.Unalias(o.Type())))
		return
	}
	named, ok := o.Type().(*types.Named)
	if !ok {
		return
	}
	name := o.Name() + w.typeParams(named.TypeParams())
	switch t := named.Underlying().(type) {
	case *types.Struct:
		w.add("type %s struct", name)
		hidden := false
		for f := range t.Fields() {
			switch {
			case !f.Exported():
				hidden = true
			case f.Embedded():
				w.add("type %s struct, embedded %s", name, w.text(f.Type()))
			default:
				w.add("type %s struct, %s %s", name, f.Name(), w.text(f.Type()))
			}
		}
		if hidden {
			w.add("type %s struct, unexported fields", name)
		}
	case *types.Interface:
		w.add("type %s interface", name)
		sealed := false
		for m := range t.Methods() {
			if m.Exported() {
				w.add("type %s interface, %s%s", name, m.Name(), w.signature(m.Signature()))
			} else {
				sealed = true
			}
		}
		if sealed {
			w.add("type %s interface, unexported methods", name)
		}
		return // its methods are listed
	default:
		w.add("type %s %s", name, w.text(t))
	}
	values := types.NewMethodSet(named)
	for selection := range types.NewMethodSet(types.NewPointer(named)).Methods() {
		if m, ok := selection.Obj().(*types.Func); ok && m.Exported() {
			receiver := "*" + o.Name()
			if values.Lookup(w.pkg, m.Name()) != nil {
				receiver = o.Name()
			}
			w.add("method (%s) %s%s", receiver, m.Name(), w.signature(m.Signature()))
		}
	}
}

// signature is a function's type without the names of its parameters.
func (w *writer) signature(s *types.Signature) string {
	var params, results []string
	for i := range s.Params().Len() {
		t := s.Params().At(i).Type()
		if slice, ok := t.(*types.Slice); ok && s.Variadic() && i == s.Params().Len()-1 {
			params = append(params, "..."+w.text(slice.Elem()))
		} else {
			params = append(params, w.text(t))
		}
	}
	for v := range s.Results().Variables() {
		results = append(results, w.text(v.Type()))
	}
	text := w.typeParams(s.TypeParams()) + "(" + strings.Join(params, ", ") + ")"
	switch len(results) {
	case 0:
		return text
	case 1:
		return text + " " + results[0]
	}
	return text + " (" + strings.Join(results, ", ") + ")"
}

func (w *writer) typeParams(list *types.TypeParamList) string {
	var all []string
	for p := range list.TypeParams() {
		all = append(all, p.Obj().Name()+" "+w.text(p.Constraint()))
	}
	if len(all) == 0 {
		return ""
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// text is a type as the package would write it.
func (w *writer) text(t types.Type) string {
	switch t := t.(type) {
	case *types.Signature:
		return "func" + w.signature(t)
	case *types.Pointer:
		return "*" + w.text(t.Elem())
	case *types.Slice:
		return "[]" + w.text(t.Elem())
	}
	return types.TypeString(t, func(p *types.Package) string {
		if p == w.pkg {
			return ""
		}
		return p.Name()
	})
}
