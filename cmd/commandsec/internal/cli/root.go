package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const about = `Commandsec answers who can do what on a Keyfactor Command server, and changes it safely.

It reads a server into a snapshot, a file of its own. Reviews, questions, comparisons and
plans work on snapshots and need no server. Only 'commandsec apply' changes a server, and
only as a plan says that somebody approved.

The server is the one that the KEYFACTOR_* variables or a profile of kfutil name
(--profile, --config). Secrets come from there, never from flags.

Exit status: 0 done; 1 failed; 2 called wrongly; 3 differences or findings, if
--exit-code or a gate asks for it, a server that is not as planned, a plan that is
refused, and something left to decide.`

const firstSteps = `  # Try it without a server
  commandsec demo --out demo

  # The quarterly review
  commandsec snapshot --out q3.json
  commandsec review q3.json --out q3.html
  commandsec compare q2.json q3.json

  # Who can revoke certificates?
  commandsec who-can /certificates/collections/revoke/ --in q3.json

  # Change a server, with a signature
  commandsec export q3.json --out access.yaml
  commandsec plan access.yaml --out plan.json --html plan.html
  commandsec apply plan.json --approve DIGEST --journal journal.log
  commandsec verify plan.json`

// help is how each command is explained: what it does, examples, and then the rest.
const help = `{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}

{{end}}{{if .HasExample}}Examples:
{{.Example}}

{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}`

const usage = `Usage:
  {{.UseLine}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

Run '{{.CommandPath}} COMMAND --help' for more about a command.{{end}}
`

func newRoot() *cobra.Command {
	root := group(&cobra.Command{
		Use:           "commandsec COMMAND",
		Short:         "Who can do what on a Keyfactor Command server, and change it safely",
		Long:          about,
		Example:       firstSteps,
		SilenceErrors: true, // Run writes them
		SilenceUsage:  true,
	},
		newSnapshot(),
		newReview(),
		newWhoCan(),
		newCan(),
		newCompare(),
		newExport(),
		newPlan(),
		newApply(),
		newVerify(),
		newRollback(),
		newMigrate(),
		newProve(),
		newPermissions(),
		newSimulate(),
		newDemo(),
		newVersion(),
	)
	root.Version = thisBuild().Version // for --version; the command tells more
	root.SetHelpTemplate(help)
	root.SetUsageTemplate(usage)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		group(completion) // cobra's own would take an unknown shell for a request for help
	}
	return root
}

// group is a command that only has others. Called alone it explains itself.
func group(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.AddCommand(commands...)
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("there is no command %q in %s", args[0], c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			text += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return wrongly("%s", text)
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.SuggestionsMinimumDistance = 2
	return c
}
