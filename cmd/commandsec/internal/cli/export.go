package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/plan"
)

func newExport() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write a snapshot as a desired state, to take a server under control",
		Long: `Export writes a snapshot as a desired state: a YAML file of roles, holders, claims and
permission sets to keep in git and to change there. A plan of the two is empty: nothing
changes until somebody changes the file.

What the snapshot does not know, or what cannot be told apart by name, is left out, and
so stays as it is on the server. Comments at the top of the file say so.`,
		Example: `  commandsec snapshot --out server.json
  commandsec export server.json --out access.yaml
  commandsec plan access.yaml --in server.json     # nothing to do`,
		Args: operands("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return export(c, out, args[0]) },
	}
	outFlag(c, &out)
	return c
}

func export(c *cobra.Command, out, file string) error {
	if err := checkOut(out, file); err != nil {
		return err
	}
	s, err := load(file)
	if err != nil {
		return err
	}
	desired, err := plan.Export(s)
	if err != nil {
		return err
	}
	if err := output(c, out, desired.WriteYAML); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s, %s.\n", count(len(desired.Roles), "role", "roles"), count(len(desired.Claims), "claim", "claims"))
	if n := len(desired.Notes); n > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "Left out: %s at the top of the file.\n", count(n, "thing, see the comment", "things, see the comments"))
	}
	if out == "" {
		next(c, "keep it in a file: commandsec export %s --out access.yaml", quoted(file))
	} else {
		next(c, "change %s, and then: commandsec plan %[1]s --out plan.json --html plan.html", quoted(out))
	}
	return nil
}
