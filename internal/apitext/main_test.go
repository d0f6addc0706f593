package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// TestAPI compares the files under api/ with the source.
func TestAPI(t *testing.T) {
	t.Parallel()
	texts, err := describe(root)
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]string{}
	err = filepath.WalkDir(filepath.Join(root, "api"), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		written[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	stale := false
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if d := diff(written[name], texts[name]); d != "" {
			stale = true
			t.Errorf("%s is not the API of the source:\n%s", name, d)
		}
		delete(written, name)
	}
	for name := range written {
		stale = true
		t.Errorf("%s is about a package that does not exist", name)
	}
	if stale {
		t.Error("a line that goes breaks programs that use it. If the changes are what you want, run: go run ./internal/apitext")
	}
}

// diff lists the lines that only one of two sorted texts has.
func diff(from, to string) string {
	before, after := strings.Split(from, "\n"), strings.Split(to, "\n")
	var lines []string
	for _, line := range before {
		if !slices.Contains(after, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			lines = append(lines, "+ "+line)
		}
	}
	if len(lines) == 0 && from != to {
		return "the lines are not in order, or repeated"
	}
	return strings.Join(lines, "\n")
}

// TestDescribePackage: nothing that is exported is left out.
func TestDescribePackage(t *testing.T) {
	t.Parallel()
	const code = `package p

import "io"

const (
	A      Kind = "a"
	B           = 7
	hidden      = 1
)

var V, w []Kind

type Kind string

func (k *Kind) Set(text string) error { return nil }
func (k Kind) String() string         { return "" }

type Pair[K comparable, T any] struct {
	Key    K
	values map[K]T
	io.Reader
}

func (p *Pair[K, T]) Value(key K) (value T, ok bool) { return }

type inner struct{ Promoted int }

func (inner) Method() {}

type Outer struct{ inner }

type Sealed interface {
	io.Closer
	Do(name string, more ...func(done int)) (err error)
	seal()
}

type Other = Kind

type Func func(name string) bool

func F[T any](first T, rest ...*Kind) (a, b int) { return }

func unexported() {}
`
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "p.go", code, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: importer.ForCompiler(set, "source", nil)}
	pkg, err := config.Check("p", set, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `const A Kind = "a"
const B untyped int = 7
func F[T any](T, ...*Kind) (int, int)
method (*Kind) Set(string) error
method (*Pair) Value(K) (T, bool)
method (Kind) String() string
method (Outer) Method()
method (Pair) Read([]byte) (int, error)
type Func func(string) bool
type Kind string
type Other = Kind
type Outer struct
type Outer struct, unexported fields
type Pair[K comparable, T any] struct
type Pair[K comparable, T any] struct, Key K
type Pair[K comparable, T any] struct, embedded io.Reader
type Pair[K comparable, T any] struct, unexported fields
type Sealed interface
type Sealed interface, Close() error
type Sealed interface, Do(string, ...func(int)) error
type Sealed interface, unexported methods
var V []Kind`
	got := describePackage(pkg)
	if d := diff(strings.Join(got, "\n"), want); d != "" {
		t.Errorf("the description is\n%s\nto mend:\n%s", strings.Join(got, "\n"), d)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	if got := diff("a\nb\nc\n", "a\nc\nd\n"); got != "- b\n+ d" {
		t.Errorf("diff is %q", got)
	}
	if got := diff("a\n", "a\n"); got != "" {
		t.Errorf("diff of equal texts is %q", got)
	}
	if got := diff("b\na\n", "a\nb\n"); got == "" {
		t.Error("another order is no difference")
	}
}
