package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/permissions"
)

func newLint() *cobra.Command {
	var (
		f           permissionFlags
		fix, accept bool
		inside      []string
	)
	c := &cobra.Command{
		Use:   "lint [PATH...]",
		Short: "Say what is wrong or risky about the paths of a role",
		Long: `Lint says what is wrong or risky about the paths of a role. With --fix it writes the
paths with everything fixed that changes no right.

Exit status 3 if --exit-code is given and there are errors, and whenever a path is
outside of the permission set that --inside names.`,
		Example: `  commandsec permissions lint /Portal/Read /certificates/collections/revoke/
  commandsec permissions lint --fix --accept /Portal/Read /ssl/modify/
  commandsec permissions lint -f paths.txt --inside /portal/,/certificates/ --exit-code`,
		RunE: func(c *cobra.Command, args []string) error {
			if accept && !fix {
				return wrongly("--accept goes with --fix")
			}
			return lint(c, f, args, fix, accept, inside)
		},
	}
	addPermissionFlags(c, &f)
	exitCodeFlag(c, &f.exitCode, "there are errors")
	c.Flags().BoolVar(&fix, "fix", false, "write the paths with everything fixed that changes no right")
	c.Flags().BoolVar(&accept, "accept", false, "with --fix, also correct misspelled paths and add missing ones, which lets the role do more")
	c.Flags().StringSliceVar(&inside, "inside", nil, "report what is outside of this permission set, `paths` separated by commas")
	return c
}

func lint(c *cobra.Command, f permissionFlags, args []string, fix, accept bool, inside []string) error {
	in, err := f.read(c, args)
	if err != nil {
		return err
	}
	paths, err := in.paths()
	if err != nil {
		return err
	}
	var opts permissions.LintOptions
	if len(inside) > 0 {
		set, err := permissions.ParseSet(inside...)
		if err != nil {
			return wrongly("--inside: %w", err)
		}
		opts.PermissionSet = &set
	}
	findings := permissions.Lint(paths, &opts)
	if fix {
		err = writeFixed(c, f, paths, findings, accept)
	} else {
		err = writeFindings(c, f, findings)
	}
	if err != nil {
		return err
	}
	for _, finding := range findings {
		if finding.Code == permissions.CodeOutside || f.exitCode && finding.Severity == permissions.SeverityError {
			return errFound
		}
	}
	if !fix && slices.ContainsFunc(findings, func(f permissions.Finding) bool { return f.Remove || len(f.Add)+len(f.Suggest) > 0 }) {
		next(c, "run it with --fix to get the paths corrected.")
	}
	return nil
}

func writeFindings(c *cobra.Command, f permissionFlags, findings []permissions.Finding) error {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, finding := range findings {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", finding.Severity, finding.Code, shown(finding.Path), finding.Text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(findings) == 0 {
		findings = []permissions.Finding{}
		text.WriteString("nothing to report\n")
	}
	return f.write(c, findings, text.String())
}

func writeFixed(c *cobra.Command, f permissionFlags, paths []permissions.Path, findings []permissions.Finding, accept bool) error {
	todo := slices.Clone(findings)
	if accept {
		for i, finding := range todo {
			todo[i] = finding.Accept()
		}
	}
	fixed := permissions.Fix(paths, todo)
	var text strings.Builder
	for _, p := range fixed {
		text.WriteString(shown(p) + "\n")
	}
	return f.write(c, fixed, text.String())
}
