package conventions_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// free declares the names that a snippet may use without declaring them.
const free = `ctx context.Context, client *security.Client, service *roles.V2, password string,
	group claims.Request, desired []roles.CreateV2, paths []permissions.Path, negotiate func(context.Context, string) (string, error)`

// standard are the packages of the standard library that a snippet may use.
var standard = []string{
	"context", "crypto/tls", "errors", "fmt", "log/slog", "net/http", "os", "testing", "time",
}

// TestSnippets compiles every block of Go code in the documents, as a reader would
// paste it. A block that starts with a package clause is a file, one that starts
// with func, type or import is the rest of a file, and any other is the body of a
// function that returns an error and gets what is free. Imports are added. Of a
// block of changes (```diff) it compiles what is there after the change.
func TestSnippets(t *testing.T) {
	t.Parallel()
	base, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	imports := importable(t)
	temp := t.TempDir()
	replace := map[string]string{} // files that exist for the compiler only
	args := []string{"build", "-gcflags=-e", "-overlay=" + filepath.Join(temp, "overlay.json")}
	for _, doc := range documents(t) {
		for _, s := range snippets(t, doc) {
			at := fmt.Sprintf("%s:%d", filepath.Join(base, doc), s.line)
			code, err := s.file(at, imports)
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			name := fmt.Sprintf("snippet%d", len(replace)) // a package each, so that they do not see each other
			file := filepath.Join(temp, name+".go")
			if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			replace[filepath.Join(base, "internal", name, name+".go")] = file
			args = append(args, "./internal/"+name)
		}
	}
	if len(replace) < 5 {
		t.Fatalf("only %d snippets were found", len(replace))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(temp, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", args...)
	build.Dir = base
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("code in the documents does not compile (%v); names that need no declaration are in the constant free:\n%s", err, out)
	}
}

// documents are the files with code and links that are checked. CONTRIBUTING.md
// is not among them: its code shows parts of files that do not exist.
func documents(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	docs := []string{"README.md", "CHANGELOG.md", "SECURITY.md"}
	for _, file := range found {
		docs = append(docs, "docs/"+filepath.Base(file))
	}
	return docs
}

// importable maps names of packages to import paths. It reads every folder of the
// module, so that a cached result of this test is not used after a change.
func importable(t *testing.T) map[string]string {
	t.Helper()
	imports := map[string]string{}
	for _, p := range standard {
		imports[path.Base(p)] = p
	}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != root && (strings.HasPrefix(name, ".") || name == "examples" || name == "bench" || name == "tools") {
				return filepath.SkipDir
			}
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if dir = filepath.ToSlash(dir); err == nil && dir != "." && path.Ext(file) == ".go" && !strings.HasPrefix(dir, "internal") {
			imports[path.Base(dir)] = module + "/" + dir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

type snippet struct {
	line int // of its first line in the document
	code string
}

// snippets returns the blocks of Go code in a document.
func snippets(t *testing.T, doc string) []snippet {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, doc))
	if err != nil {
		t.Fatal(err)
	}
	var found []snippet
	fence := ""
	for i, line := range strings.Split(string(text), "\n") {
		switch trimmed := strings.TrimSpace(line); {
		case fence == "" && strings.HasPrefix(trimmed, "```"):
			fence = trimmed
			found = append(found, snippet{line: i + 2})
		case fence != "" && trimmed == "```":
			if fence != "```go" && fence != "```diff" {
				found = found[:len(found)-1]
			}
			fence = ""
		case fence != "":
			if fence == "```diff" {
				if strings.HasPrefix(line, "-") {
					line = "" // keeps the numbers of the lines
				}
				line = strings.TrimPrefix(strings.TrimPrefix(line, "+"), " ")
			}
			found[len(found)-1].code += line + "\n"
		}
	}
	if fence != "" {
		t.Errorf("%s: a block of code is not closed", doc)
	}
	return found
}

var declaration = regexp.MustCompile(`^(func|type|import) `)

// file returns a Go file with the snippet, which the compiler takes to be at at.
func (s snippet) file(at string, imports map[string]string) (string, error) {
	code := strings.TrimLeft(s.code, "\n")
	if strings.HasPrefix(code, "package ") {
		return "//line " + at + "\n" + s.code, nil
	}
	body := "//line " + at + "\n" + s.code
	if !declaration.MatchString(code) {
		body = "func _(" + free + ") error {\n{\n" + body + "}\nreturn nil\n}\n"
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), "", "package snippets\n"+body, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	used := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	var head strings.Builder
	head.WriteString("package snippets\n")
	for name, importPath := range imports {
		if used[name] {
			fmt.Fprintf(&head, "import %q\n", importPath)
		}
	}
	return head.String() + body, nil
}

var (
	block = regexp.MustCompile("(?ms)^```.*?^```$")
	link  = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)\s]*)?\)`)
)

// TestLinks checks that what the documents link to in this repository exists.
func TestLinks(t *testing.T) {
	t.Parallel()
	count := 0
	for _, doc := range append(documents(t), "CONTRIBUTING.md") {
		text, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(block.ReplaceAll(text, nil), -1) {
			count++
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(doc), string(m[1]))); err != nil {
				t.Errorf("%s links to %s, which does not exist", doc, m[1])
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d links were found", count)
	}
}
