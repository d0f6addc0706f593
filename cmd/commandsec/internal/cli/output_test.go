package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// content is what a file has, and who can read it; "" if it is not there.
func content(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().String() + " " + string(data)
}

// A file is there as a whole, for its owner alone, or as it was before; nothing else is left.
func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "out.txt")
	broken := func(w io.Writer) error { return errors.Join(plain("half")(w), errors.New("broken")) }
	for _, step := range []struct {
		write func(io.Writer) error
		fails bool
		want  string
	}{
		{broken, true, ""},
		{plain("one"), false, "-rw------- one"},
		{broken, true, "-rw------- one"},
		{plain("two"), false, "-rw------- two"},
	} {
		if err := writeFile(name, step.write); (err != nil) != step.fails {
			t.Errorf("writeFile = %v", err)
		}
		if got := content(t, name); got != step.want {
			t.Errorf("the file has %q, want %q", got, step.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := writeFile(os.DevNull, plain("nothing")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s was replaced: %v, %v", os.DevNull, info.Mode(), err)
	}
}

func TestCheckOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	input, link := filepath.Join(dir, "in.json"), filepath.Join(dir, "link.json")
	if err := errors.Join(os.WriteFile(input, nil, 0o600), os.Symlink(input, link)); err != nil {
		t.Fatal(err)
	}
	for out, want := range map[string]string{
		"":                              "",
		filepath.Join(dir, "new"):       "",
		dir:                             "is a directory",
		filepath.Join(dir, "no", "new"): "there is no directory",
		filepath.Join(input, "new"):     "not a directory",
		input:                           "would replace what it is made from",
		link:                            "would replace what it is made from",
	} {
		if err := checkOut(out, "", input); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("checkOut(%q) = %v, want %q", out, err, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"q3.json": "q3.json", "./a/b_c-d.html": "./a/b_c-d.html", "my file": "'my file'", "a'b": `'a'\''b'`, "$(x)": "'$(x)'", "": "''",
		"Prüfung.json": "Prüfung.json",
	} {
		if got := quoted(name); got != want {
			t.Errorf("quoted(%q) = %s, want %s", name, got, want)
		}
	}
}

// Where there is no terminal, progress is a line from time to time, and nothing if it is done soon.
func TestProgressLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := newProgress(&out)
		for i := range 13 {
			p.tell("Reading", i, 100)
			time.Sleep(time.Second)
		}
		p.tell("Listing", 1, -1)
		time.Sleep(between)
		p.tell("Listing", 2, -1)
		p.end()
		if want := "Reading: 5 of 100\nReading: 10 of 100\nListing: 2\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

// On a terminal, progress is a bar with the numbers once they are known, and gone at the end.
func TestProgressBar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := &progress{w: &out, terminal: true}
		shows := func(want string) {
			t.Helper()
			lines := strings.Split(strings.TrimRight(out.String(), "\r"), "\r")
			if last := lines[len(lines)-1]; !strings.Contains(last, want) || want == "" && strings.TrimSpace(last) != "" || strings.Contains(last, "\n") {
				t.Errorf("the terminal shows %q, want %q", last, want)
			}
		}
		p.tell("Reading", 3, -1)
		shows("Reading: 3")
		p.tell("Reading", 10, 200)
		time.Sleep(time.Second) // the bar is not drawn more often than people can see
		p.tell("Reading", 50, 200)
		shows("(50/200)")
		p.end()
		shows("")
		p.tell("Listing", 1, -1)
		p.end()
		shows("")
	})
}

func TestColors(t *testing.T) {
	for _, c := range []struct {
		term, noColor string
		want          bool
	}{{"xterm", "", true}, {"xterm", "1", false}, {"dumb", "", false}, {"", "", false}} {
		t.Setenv("TERM", c.term)
		t.Setenv("NO_COLOR", c.noColor)
		if got := colors(); got != c.want {
			t.Errorf("TERM=%s NO_COLOR=%s: %t", c.term, c.noColor, got)
		}
	}
}
