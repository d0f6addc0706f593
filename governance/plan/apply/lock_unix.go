//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package apply

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps other processes out until the file is closed or the process ends.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrInUse
		}
		return err
	}
}

// unlock lets others in at once: a program that this process is just starting has a copy
// of the open file for a moment, which would keep the lock.
func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
