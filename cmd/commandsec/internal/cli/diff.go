package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/permissions"
)

func newDiff() *cobra.Command {
	var f permissionFlags
	c := &cobra.Command{
		Use:   "diff [PATH...] -- [PATH...]",
		Short: "Say what a change of paths means: before, then --, then after",
		Long: `Diff says in words what a role can do, and can no longer do, after a change of its paths.
Write the paths before, then --, then the paths after. In a file, a line -- divides them.`,
		Example: `  commandsec permissions diff /certificates/ -- /certificates/collections/read/6/
  commandsec permissions diff -f change.txt --exit-code`,
		RunE: func(c *cobra.Command, args []string) error {
			if dash := c.ArgsLenAtDash(); dash >= 0 {
				args = slices.Insert(slices.Clone(args), dash, "--")
			}
			return diff(c, f, args)
		},
	}
	addPermissionFlags(c, &f)
	exitCodeFlag(c, &f.exitCode, "there is a change")
	return c
}

func diff(c *cobra.Command, f permissionFlags, args []string) error {
	in, err := f.read(c, args)
	if err != nil {
		return err
	}
	list, err := in.list()
	if err != nil {
		return err
	}
	cut := slices.Index(list, "--")
	if cut < 0 {
		return wrongly("write -- between the paths before and after")
	}
	for i, p := range list {
		if i != cut && !strings.Contains(p, "/") {
			return wrongly("%s is not a path; diff takes paths, or one file of them with -f", shown(permissions.Path(p)))
		}
	}
	before, errBefore := permissions.ParseSet(list[:cut]...)
	after, errAfter := permissions.ParseSet(list[cut+1:]...)
	if err := errors.Join(errBefore, errAfter); err != nil {
		return usageError{err}
	}
	d := before.Diff(after)
	text := d.String()
	if d.Empty() {
		text = "no change in effect\n"
	}
	if err := f.write(c, d, text); err != nil || d.Empty() || !f.exitCode {
		return err
	}
	return errFound
}
