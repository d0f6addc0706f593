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
