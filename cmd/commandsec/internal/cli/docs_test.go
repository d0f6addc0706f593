package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command is in the table of docs/program.md, and explains itself with an
// example that can be called.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "program.md"))
	if err != nil {
		t.Fatal(err)
	}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			visit(sub)
		}
		path := strings.TrimPrefix(c.CommandPath(), "commandsec")
		if strings.HasPrefix(path, " completion") || strings.HasPrefix(path, " help") { // cobra's own
			return
		}
		if name := strings.TrimSpace(path); name != "" && !c.HasSubCommands() && !strings.Contains(string(text), "| `"+name) {
			t.Errorf("the table in docs/program.md lacks %s", name)
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: what it does is %q; write a phrase without a period", c.CommandPath(), c.Short)
		}
		for line := range strings.SplitSeq(c.Example, "\n") {
			checkExample(t, c.CommandPath(), strings.TrimSpace(line))
		}
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.SplitSeq(c.Long, "\n") {
			if len(line) > 90 {
				t.Errorf("%s: a line of the help is %d columns wide", c.CommandPath(), len(line))
			}
		}
	}
	visit(newRoot())
}

// The documents call only commands and flags that exist.
func TestDocsCalls(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..", "..")
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, name := range append(documents, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if strings.HasPrefix(line, "commandsec ") {
				calls++
				checkExample(t, filepath.Base(name), line)
			}
		}
	}
	if calls < 20 {
		t.Errorf("only %d calls were found", calls)
	}
}

// checkExample checks that a line of an example names a command and flags that exist.
func checkExample(t *testing.T, of, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " -- ") // what follows is no flag
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "commandsec" {
		return
	}
	c, _, err := newRoot().Find(words[1:])
	if err != nil || c.CommandPath() == "commandsec" {
		t.Errorf("an example of %s calls a command that does not exist: %s", of, line)
		return
	}
	for _, word := range words {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if strings.HasPrefix(word, "--") && name != "" && c.Flags().Lookup(name) == nil {
			t.Errorf("an example of %s has a flag that does not exist: %s", of, line)
		}
	}
}
