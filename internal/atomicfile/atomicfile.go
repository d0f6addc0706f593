// Package atomicfile writes files in one step: whoever opens a file sees all of it, or
// what was there before, even if the program is killed or the machine stops.
package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
)

// Write writes a file that only its owner may read and write. What goes wrong leaves
// the file as it was, and nothing beside it.
func Write(path string, data []byte) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path) // a device such as /dev/null must not be replaced
	}
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+name+".*") // for its owner only
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it may be closed already
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("put it in place: %w", err)
	}
	SyncDir(dir)
	return nil
}

// SyncDir makes new names in a directory outlast a loss of power. Not every system can, and the
// file is complete all the same.
func SyncDir(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	_ = d.Sync()
	_ = d.Close()
}
