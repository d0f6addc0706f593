package conventions_test

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/commandsec/commandsec-go/internal/source"
)

// services: each has a line in the README and in the documentation of package
// security, which are where people look, and an example that runs.
func services(c *checker) {
	_, list, _ := strings.Cut(c.readme(), "\n## Packages\n")
	list, _, _ = strings.Cut(list, "\n## ")
	entry := c.entry()
	for _, p := range c.services() {
		if row := fmt.Sprintf("| [`%s`](%[1]s) | ", p.Dir); !strings.Contains(list, "\n"+row) {
			c.report(p.Files[0].Package, "service %s is not in README.md; write in the table under \"## Packages\" a row that begins with %q, and what it is for", p.Name, row)
		}
		if item := "[" + module + "/" + p.Dir + "]: "; !strings.Contains(entry, item) {
			c.report(p.Files[0].Package, "service %s is not in the documentation of package security; write in the list under \"# Services\" in security/doc.go \"//   - %s\" "+
				"and what it is for", p.Name, item)
		}
		if !showsExample(p) {
			c.report(p.Files[0].Package, "service %s has no example; write in %s/example_test.go a function Example%s_<Method> that uses a server of "+
				"security/securitytest and ends in an \"// Output:\" comment (access/example_test.go is one)", p.Name, p.Dir, p.Versions()[0].Name())
		}
	}
}

// programs: each directory under examples/ is named in the README and in the
// documentation of package security.
func programs(c *checker) {
	entry := c.entry()
	text := c.readme()
	examples, err := os.ReadDir(filepath.Join(root, "examples"))
	if err != nil {
		c.found = append(c.found, err.Error())
	}
	for _, e := range examples {
		name := "examples/" + e.Name()
		if !e.IsDir() {
			continue
		}
		if !strings.Contains(text, "("+name+")") {
			c.found = append(c.found, fmt.Sprintf("%s is not in README.md; write a row for [%[1]s](%[1]s) in the table under \"## Examples\"", name))
		}
		if !strings.Contains(entry, name) {
			c.found = append(c.found, name+" is not in the documentation of package security; name it under \"# Examples\" in security/doc.go")
		}
	}
}

func (c *checker) readme() string {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		c.found = append(c.found, err.Error())
	}
	return string(text)
}

// entry is the documentation of package security, on one line.
func (c *checker) entry() string {
	for _, f := range c.Package("security").Files {
		if f.Doc != nil {
			return strings.Join(strings.Fields(f.Doc.Text()), " ")
		}
	}
	return ""
}

var output = regexp.MustCompile(`(?i)^//\s*(unordered )?output:`)

// showsExample reports whether a package has an example that the tests run.
func showsExample(p *source.Package) bool {
	for _, f := range p.Tests {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Example") {
				continue
			}
			for _, group := range f.Comments {
				for _, comment := range group.List {
					if comment.Pos() > fn.Pos() && comment.End() < fn.End() && output.MatchString(comment.Text) {
						return true
					}
				}
			}
		}
	}
	return false
}
