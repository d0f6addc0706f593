// Prepare gets the browser that the tests of this module need. If there is none
// and it runs as root on Debian or Ubuntu, it installs Chromium; otherwise it says
// what is missing and ends with status 1.
//
//	go -C e2e run ./prepare
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/commandsec/commandsec-go/e2e/browser"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(1)
	}
}

func run() error {
	path, err := browser.Find()
	if errors.Is(err, browser.ErrMissing) {
		if install() == nil {
			path, err = browser.Find()
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "the browser is", path)
	return nil
}

// install installs Chromium with apt-get, if that is possible here.
func install() error {
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return errors.New("only root can install it, with apt-get")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	for _, arguments := range [][]string{{"-q", "update"}, {"-q", "install", "-y", "--no-install-recommends", "chromium"}} {
		command := exec.CommandContext(ctx, apt, arguments...)
		command.Stdout, command.Stderr = os.Stderr, os.Stderr
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := command.Run(); err != nil {
			return err
		}
	}
	return nil
}
