package conventions_test

import (
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// instruction is a line of CONTRIBUTING.md that says which file the next block of
// code belongs to, and where in it.
var instruction = regexp.MustCompile("^(?:New file `([^`]+)`|`([^`]+)`, at the end|`([^`]+)`, below (?:`` ?(.+?) ?``|`([^`]+)`))")

// TestContributing follows the worked examples of CONTRIBUTING.md in a copy of
// the repository, and runs the tests that they are about.
func TestContributing(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyModule(t, dir)
	done, touched := 0, map[string]bool{}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		m := instruction.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(m[1]+m[2]+m[3]))
		if err := follow(file, m, firstBlock(lines[i:])); err != nil {
			t.Fatalf("CONTRIBUTING.md:%d: %v; if the example has become real, take another name for it in CONTRIBUTING.md", i+1, err)
		}
		touched[file] = true
		done++
	}
	for file := range touched {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if formatted, err := format.Source(data); filepath.Ext(file) == ".go" && (err != nil || string(formatted) != string(data)) {
			t.Errorf("after the examples of CONTRIBUTING.md, %s is not as gofmt has it: %v", strings.TrimPrefix(file, dir), err)
		}
	}
	if done < 20 {
		t.Fatalf("only %d instructions were found", done)
	}
	for _, args := range [][]string{
		{"run", "./internal/apitext"},
		{"test", "./internal/spec", "-run=Coverage", "-update"},
		{"test", "./teams", "./internal/spec", "./internal/apitext", "./security/securitytest"},
		{"test", "./roles", "-run=^TestV2History$|^TestV3$"},
		{"test", "./internal/conventions", "-run=^TestConventions$"},
	} {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("after the examples of CONTRIBUTING.md, go %s: %v; if something is declared twice, an example has become real: take another name for it in CONTRIBUTING.md\n%s",
				strings.Join(args, " "), err, out)
		}
	}
}

// firstBlock is the first block of code in lines.
func firstBlock(lines []string) string {
	var code []string
	inside := false
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "```") && inside:
			return strings.Join(code, "\n") + "\n"
		case strings.HasPrefix(line, "```"):
			inside = true
		case inside:
			code = append(code, line)
		}
	}
	return ""
}

// follow does what an instruction says.
func follow(file string, m []string, code string) error {
	name, end, below, anchor := m[1], m[2], m[3], m[4]+m[5]
	old, err := os.ReadFile(file)
	if name != "" {
		if err == nil {
			return fmt.Errorf("%s exists", name)
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		return os.WriteFile(file, []byte(code), 0o600)
	}
	if err != nil {
		return err
	}
	text := string(old)
	if end != "" {
		return os.WriteFile(file, []byte(text+"\n"+code), 0o600)
	}
	before, after, found := strings.Cut(text, anchor)
	if !found {
		return fmt.Errorf("%s has no line with %q", below, anchor)
	}
	rest, after, _ := strings.Cut(after, "\n")
	return os.WriteFile(file, []byte(before+anchor+rest+"\n"+code+after), 0o600)
}

// copyModule copies what the tests need of the repository.
func copyModule(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != root && (strings.HasPrefix(name, ".") || name == "bench" || name == "tools") {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, below), 0o700)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, below), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
