//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/commandsec/commandsec-go/governance/plan/apply"
)

// limitFiles makes the disk look full for files of a size, if the environment says so.
func limitFiles() error {
	text := os.Getenv("LIMIT")
	if text == "" {
		return nil
	}
	size, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size})
}

// TestDevice: a device is no journal, whatever it takes.
func TestDevice(t *testing.T) {
	t.Parallel()
	if _, err := apply.OpenJournal(os.DevNull); err == nil || !strings.Contains(err.Error(), "it is not a plain file; name one") {
		t.Error(err)
	}
}

// TestDiskFull: if the journal cannot be written, nothing is written to the server that it
// does not have. With room again, the plan goes on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	reference := newPlace(t, tenant())
	before := essence(t, reference.handler)
	run(t, reference.client(), planned(t, reference.client(), wish), fresh(t))
	want := essence(t, reference.handler)
	refused := 0
	for limit := 100; ; limit += 1500 {
		p := newPlace(t, tenant())
		dir := t.TempDir()
		made := save(t, p, dir)
		p.handler.ResetRequests()
		output, err := p.process(dir, fmt.Sprintf("LIMIT=%d", limit)).CombinedOutput()
		if err == nil {
			break
		}
		if _, exited := errors.AsType[*exec.ExitError](err); !exited || !strings.Contains(string(output), "see to it that the disk has room") {
			t.Fatalf("with %d bytes: %v: %s", limit, err, output)
		}
		refused++
		writes := 0
		for _, r := range p.handler.Requests() {
			if r.Method != http.MethodGet {
				writes++
			}
		}
		j := open(t, filepath.Join(dir, "journal"))
		if writes > len(j.Entries()) {
			t.Errorf("with %d bytes, the server got %d writes, and the journal has %d", limit, writes, len(j.Entries()))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if limit == 100 && essence(t, p.handler) != before {
			t.Error("without room for anything, something was written")
		}
		p.settle()
		resumedAndBack(t, fmt.Sprintf("with a disk of %d bytes", limit), p, made, dir, want, before)
	}
	if refused < 5 {
		t.Errorf("the disk was full %d times only", refused)
	}
}
