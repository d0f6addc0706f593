//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package apply_test

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// limitFiles makes the disk look full for files of a size, if the environment says so.
func limitFiles() {
	size, err := strconv.ParseUint(os.Getenv("LIMIT"), 10, 64)
	if err != nil {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size}); err != nil {
		panic(err)
	}
}
