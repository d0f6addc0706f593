// Package trusted reads the small files that decide where a credential goes, or hold
// one: configurations, keytabs, credential caches.
package trusted

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"github.com/commandsec/commandsec-go/internal/show"
)

// maxFile is the size of the largest file that is read, in bytes.
const maxFile = 1 << 20

const maxShown = 400

// Read reads a regular file of at most 1 MiB, and tells its mode. It waits for
// nobody: opening a pipe would block until somebody writes to it.
func Read(path string) ([]byte, fs.FileMode, error) {
	shown := show.Text(path, maxShown)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, 0, fmt.Errorf("%s: %w", shown, failed.Err)
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", shown)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, 0, err
	}
	if len(data) > maxFile {
		return nil, 0, fmt.Errorf("%s is larger than %d MiB", shown, maxFile>>20)
	}
	return data, info.Mode(), nil
}

// Writable reports whether others than its owner can write a file of this mode.
// Windows has other rules, which Go does not tell.
func Writable(mode fs.FileMode) bool { return runtime.GOOS != "windows" && mode.Perm()&0o022 != 0 }

// Readable reports whether others than its owner can read a file of this mode.
func Readable(mode fs.FileMode) bool { return runtime.GOOS != "windows" && mode.Perm()&0o044 != 0 }
