package apply_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// written carries the plan out, and returns its journal as it is in the file.
func written(t *testing.T) (*securitytest.Server, *plan.Plan, string, []byte) {
	t.Helper()
	server, client := start(t, tenant()...)
	p := planned(t, client, wish)
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	run(t, client, p, j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return server, p, path, data
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTornLine: whatever of the last line was written, the rest counts, and the plan goes
// on from there.
func TestTornLine(t *testing.T) {
	t.Parallel()
	server, p, path, data := written(t)
	client, err := server.Client(quick)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	if !bytes.Contains(data[last:], []byte(`"done"`)) {
		t.Fatalf("the last line is %s", data[last:])
	}
	for _, tear := range []func([]byte) []byte{
		func(d []byte) []byte { return d[:last+1] },
		func(d []byte) []byte { return d[:last+9] },
		func(d []byte) []byte { return d[:(last+len(d))/2] },
		func(d []byte) []byte { return d[:len(d)-1] },
		func(d []byte) []byte { return append(d[:len(d)-2], '?', '\n') },
		func(d []byte) []byte { return append(d[:last], make([]byte, 100)...) },
	} {
		put(t, path, tear(bytes.Clone(data)))
		j := open(t, path)
		if n := len(j.Entries()); n != len(p.Steps) {
			t.Errorf("%d entries", n)
		}
		result := run(t, client, p, j)
		if result.Count(apply.AlreadyDone) != len(p.Steps) {
			t.Errorf("%v: %+v", result, result.Steps)
		}
		if want := fmt.Sprintf("The last line of the journal, line %d, was torn or changed", bytes.Count(data, []byte("\n"))); len(result.Notes) != 1 || !strings.HasPrefix(result.Notes[0], want) {
			t.Errorf("%q, want %q", result.Notes, want)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, path) // what was appended follows sound lines
		if len(j.Attempts()) != 2 || len(j.Entries()) != len(p.Steps) {
			t.Errorf("%d attempts, %d entries", len(j.Attempts()), len(j.Entries()))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCut: lines that are missing at the end leave no trace in the file. The steps that
// they were about are found done, and told.
func TestCut(t *testing.T) {
	t.Parallel()
	server, p, path, data := written(t)
	client, err := server.Client(quick)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	put(t, path, bytes.Join(lines[:len(lines)/2], nil))
	j := open(t, path)
	result := run(t, client, p, j)
	missing := 0
	for _, s := range result.Steps {
		if s.Status != apply.AlreadyDone || !strings.HasPrefix(s.Text, p.Steps[s.Number-1].Words()+": ") {
			t.Errorf("%+v", s)
		}
		if !s.Earlier {
			missing++
		}
	}
	if want := fmt.Sprintf("%d of the steps were found done, and the journal does not have them", missing); missing == 0 || len(result.Notes) != 1 || !strings.HasPrefix(result.Notes[0], want) {
		t.Errorf("%q, want %q", result.Notes, want)
	}
	if n := len(j.Entries()); n != len(p.Steps)-missing {
		t.Errorf("%d entries", n)
	}
}

// TestOwnerOnly: a journal that others could read is its owner's alone once it is open,
// and another file stays as it is.
func TestOwnerOnly(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" { // its rights are others
		return
	}
	dir := t.TempDir()
	for name, want := range map[string]fs.FileMode{"": 0o600, "roles: []\n": 0o644} {
		path := filepath.Join(dir, fmt.Sprint(want))
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		j, err := apply.OpenJournal(path)
		if (err == nil) != (name == "") {
			t.Errorf("%q: %v", name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v, want %v", name, info.Mode(), err, want)
		}
		if j != nil {
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestDamaged: damage before the last line is an error that names the line, and the file
// stays as it is.
func TestDamaged(t *testing.T) {
	t.Parallel()
	_, _, path, data := written(t)
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines = lines[:len(lines)-1]
	join := func(lines ...[]byte) []byte { return bytes.Join(lines, nil) }
	for name, c := range map[string]struct {
		data []byte
		line int
	}{
		"a changed character": {bytes.Replace(data, []byte(`"Operators"`), []byte(`"operators"`), 1), 1 + bytes.Count(data[:bytes.Index(data, []byte(`"Operators"`))], []byte("\n"))},
		"a lost line":         {join(append([][]byte{lines[0], lines[1]}, lines[3:]...)...), 3},
		"a line twice":        {join(append([][]byte{lines[0], lines[1], lines[1]}, lines[2:]...)...), 3},
		"no first line":       {join(lines[1:]...), 1},
		"an empty line":       {join(append([][]byte{lines[0], []byte("\n")}, lines[1:]...)...), 2},
	} {
		put(t, path, c.data)
		j, err := apply.OpenJournal(path)
		if err == nil || j != nil || !errors.Is(err, apply.ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("line %d:", c.line)) || !strings.Contains(err.Error(), "new journal") {
			t.Errorf("%s: %v, want line %d", name, err, c.line)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, c.data) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// TestOtherVersion: a journal of another version is neither damaged nor torn, and stays as it is.
func TestOtherVersion(t *testing.T) {
	t.Parallel()
	_, _, path, data := written(t)
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines = lines[:len(lines)-1]
	again := func(line []byte, from, to string) []byte {
		text := bytes.Replace(bytes.TrimSuffix(line[9:], []byte("\n")), []byte(from), []byte(to), 1)
		return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)), text)
	}
	last := len(lines) - 1
	for name, changed := range map[string]struct {
		line int
		data []byte
	}{
		"a format":                   {0, again(lines[0], `"format":1`, `"format":2`)},
		"a member in the first line": {0, again(lines[0], `,`, `,"color":"red",`)},
		"a member in the last line":  {last, again(lines[last], `,`, `,"color":"red",`)},
	} {
		all := slices.Clone(lines)
		all[changed.line] = changed.data
		text := bytes.Join(all, nil)
		put(t, path, text)
		_, err := apply.OpenJournal(path)
		if err == nil || errors.Is(err, apply.ErrDamaged) || !strings.Contains(err.Error(), "go on with the version that wrote it") {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, text) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// TestOtherFile: a file that is no journal is refused, and stays as it is.
func TestOtherFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, text := range []string{"roles: []", "{", "{}\n", "hello\n", "{\n \"format\": 1\n}\n", "deadbeef {\"format\":1}"} {
		put(t, path, []byte(text))
		if _, err := apply.OpenJournal(path); err == nil || !strings.Contains(err.Error(), "name another one") {
			t.Errorf("%q: %v", text, err)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%q became %q", text, now)
		}
	}
	for what, path := range map[string]string{
		"a directory":                t.TempDir(),
		"a folder that is not there": filepath.Join(t.TempDir(), "no", "journal"),
	} {
		if _, err := apply.OpenJournal(path); err == nil || !strings.Contains(err.Error(), "name a file that can be read and written here") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestInUse: a journal is for one at a time, and a process that was killed lets it go.
func TestInUse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	if _, err := apply.OpenJournal(path); !errors.Is(err, apply.ErrInUse) || !strings.Contains(err.Error(), "wait until it has ended") {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	open(t, path)

	// Another process has it, until it dies.
	p := newPlace(t, tenant())
	dir := t.TempDir()
	save(t, p, dir)
	p.settle()
	path = filepath.Join(dir, "journal")
	cmd := p.process(dir)
	arrived := make(chan struct{})
	dead := make(chan struct{})
	first := func(n int32) {
		if n == 1 {
			close(arrived)
		}
		<-dead
	}
	p.before.Store(&first)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if _, err := apply.OpenJournal(path); !errors.Is(err, apply.ErrInUse) {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	close(dead)
	open(t, path)
}

// TestOpenedTogether: of many who open a journal at the same time and write nothing, each
// has the file that is there, and no file is left.
func TestOpenedTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				j, err := apply.OpenJournal(path)
				if errors.Is(err, apply.ErrInUse) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(path); err != nil {
					t.Errorf("the journal is open, and its file is not there: %v", err)
				}
				if err := j.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if j, err := apply.OpenJournal(path); err != nil {
		t.Error(err)
	} else if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// TestTornFirstLine: a journal that was killed while it began is a new one.
func TestTornFirstLine(t *testing.T) {
	t.Parallel()
	_, _, path, data := written(t)
	for n := range bytes.IndexByte(data, '\n') {
		put(t, path, data[:n])
		j := open(t, path)
		if len(j.Attempts())+len(j.Entries()) > 0 {
			t.Errorf("%d bytes: %v", n, j.Attempts())
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
