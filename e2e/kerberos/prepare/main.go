// Prepare gets the KDC that the tests of this module need. If there is none and it
// runs as root on Debian or Ubuntu, it installs MIT Kerberos; otherwise it says what is
// missing and ends with status 1. No service is started.
//
//	go -C e2e/kerberos run ./prepare
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/commandsec/commandsec-go/e2e/kerberos/realm"
)

func main() {
	missing := realm.Missing()
	if missing != nil && os.Geteuid() == 0 {
		if err := install(); err != nil {
			fmt.Fprintln(os.Stderr, "prepare:", err)
		}
		missing = realm.Missing()
	}
	if missing != nil {
		fmt.Fprintln(os.Stderr, "prepare:", missing)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, "there is a KDC")
}

// install installs the packages with apt-get, if that is possible here.
func install() error {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	for _, arguments := range [][]string{
		{"-q", "update"},
		append([]string{"-q", "install", "-y", "--no-install-recommends"}, realm.Packages...),
	} {
		command := exec.CommandContext(ctx, apt, arguments...)
		command.Stdout, command.Stderr = os.Stderr, os.Stderr
		// RUNLEVEL keeps the packages from starting a KDC of their own.
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if err := command.Run(); err != nil {
			return err
		}
	}
	return nil
}
