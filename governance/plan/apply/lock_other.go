//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package apply

import (
	"errors"
	"os"
)

// lock refuses: without a lock, two processes could carry out the same plan.
func lock(*os.File) error {
	return errors.New("this system has no way to keep a second process out of the journal; apply the plan on another one")
}

// unlock has nothing to do: closing the file lets others in.
func unlock(*os.File) error { return nil }
