// Package cli is the program commandsec: its commands, and what they have in common.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/internal/show"
)

// The exit statuses.
const (
	statusDone   = 0
	statusFailed = 1
	statusUsage  = 2 // called wrongly
	statusFound  = 3 // differences or findings, for those who asked for it
)

// usageError is an error in how the program was called.
type usageError struct{ error }

func wrongly(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// operands checks that a command is given as many arguments as it has names for.
func operands(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == len(names):
			return nil
		case len(args) > len(names):
			return wrongly("%s does not know what to do with %q", c.CommandPath(), args[len(names)])
		}
		return wrongly("%s needs %s", c.CommandPath(), strings.Join(names[len(args):], " and "))
	}
}

// exclusive refuses flags that do not go with another one.
func exclusive(c *cobra.Command, flag string, others ...string) error {
	for _, other := range others {
		if c.Flags().Changed(flag) && c.Flags().Changed(other) {
			return wrongly("--%s and --%s do not go together", flag, other)
		}
	}
	return nil
}

// errFound says that the command has done its work and found what the caller wants
// to be told by the exit status.
var errFound = errors.New("found something")

// errTold is a failure that the command has told.
var errTold = errors.New("failed")

// Main runs the program for the process. Ctrl-C ends what it does and lets it clean
// up; a second one ends it at once.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	return Run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

// Run is the program. It returns the exit status. The environment is that of the
// process.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	begun := begins(root)
	command, err := root.ExecuteContextC(ctx)
	_, called := errors.AsType[usageError](err)
	switch {
	case err == nil:
		return statusDone
	case errors.Is(err, errFound):
		return statusFound
	case errors.Is(err, errTold):
		return statusFailed
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		complain(stderr, errors.New("interrupted; nothing is half-written"))
		return statusFailed
	case called || !*begun: // cobra refuses arguments and flags before the command begins
		complain(stderr, err)
		fmt.Fprintf(stderr, "Run '%s --help' for how to call it.\n", command.CommandPath())
		return statusUsage
	}
	complain(stderr, err)
	return statusFailed
}

// begins tells whether one of the commands has begun: until then errors are about
// how it was called.
func begins(c *cobra.Command) *bool {
	begun := new(bool)
	var wrap func(*cobra.Command)
	wrap = func(c *cobra.Command) {
		if run := c.RunE; run != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				*begun = true
				return run(c, args)
			}
		}
		for _, sub := range c.Commands() {
			wrap(sub)
		}
	}
	wrap(c)
	return begun
}

// flagWords are the flags that stand for options of the library, which its errors name.
var flagWords = strings.NewReplacer("WithRootCAs", "--ca FILE", "AllowLockout", "--allow-lockout", "AllowLarge", "--allow-large")

// complain writes an error, which can have several lines.
func complain(w io.Writer, err error) {
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		line = strings.TrimPrefix(line, "permissions: ") // the package, which people need not know
		line = flagWords.Replace(line)
		fmt.Fprintf(w, "commandsec: %s\n", show.Text(strings.TrimRight(line, "\r"), 2000))
	}
}

// next writes what to do after a command.
func next(c *cobra.Command, format string, args ...any) {
	fmt.Fprintf(c.ErrOrStderr(), "Next: "+format+"\n", args...)
}
