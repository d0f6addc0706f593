package apply

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lock keeps other processes out until the file is closed or the process ends. It locks
// a byte far behind the end, so that people can read the file meanwhile.
func lock(f *os.File) error {
	at := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrInUse
	}
	return err
}

// unlock has nothing to do: closing the file lets others in.
func unlock(*os.File) error { return nil }
