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
		f      permissionFlags
		fix    bool
		accept []string
		inside []string
	)
	c := &cobra.Command{
		Use:   "lint [PATH...]",
		Short: "Say what is wrong or risky about the paths of a role",
		Long: `Lint says what is wrong or risky about the paths of a role. With --fix it writes the
paths with everything fixed that changes no right.

Exit status 3 if --exit-code is given and there are errors (with --fix, errors that are
left), and whenever a path is outside of the permission set that --inside names.`,
		Example: `  commandsec permissions lint /Portal/Read /certificates/collections/revoke/
  commandsec permissions lint --fix --accept /ssl/read/ /Portal/Read /ssl/modify/
  commandsec permissions lint -f paths.txt --inside /portal/,/certificates/ --exit-code`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(accept) > 0 && !fix {
				return wrongly("--accept goes with --fix")
			}
			return lint(c, f, args, fix, accept, inside)
		},
	}
	addPermissionFlags(c, &f)
	exitCodeFlag(c, &f.exitCode, "there are errors")
	c.Flags().BoolVar(&fix, "fix", false, "write the paths with everything fixed that changes no right")
	c.Flags().StringSliceVar(&accept, "accept", nil, "with --fix, also take these suggested `paths`, separated by commas, which lets the role do more; can be repeated")
	c.Flags().StringSliceVar(&inside, "inside", nil, "report what is outside of this permission set, `paths` separated by commas")
	return c
}

func lint(c *cobra.Command, f permissionFlags, args []string, fix bool, accept, inside []string) error {
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
		var fixed []permissions.Path
		if fixed, err = writeFixed(c, f, paths, findings, accept); err == nil {
			findings = permissions.Lint(fixed, &opts) // what is fixed is no error any more
		}
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

// writeFixed writes the paths as they are when fixed, and returns them.
func writeFixed(c *cobra.Command, f permissionFlags, paths []permissions.Path, findings []permissions.Finding, accept []string) ([]permissions.Path, error) {
	todo, notes, err := accepted(findings, accept)
	if err != nil {
		return nil, err
	}
	fixed := permissions.Fix(paths, todo)
	var text strings.Builder
	for _, p := range fixed {
		text.WriteString(shown(p) + "\n")
	}
	if err := f.write(c, fixed, text.String()); err != nil {
		return nil, err
	}
	for _, note := range notes {
		fmt.Fprintln(c.ErrOrStderr(), note)
	}
	return fixed, nil
}

// accepted takes the suggestions of findings that somebody named, and no others. The notes say what was taken and what was
// not. A path that nothing suggests is an error, because it is probably misspelled.
func accepted(findings []permissions.Finding, named []string) (todo []permissions.Finding, notes []string, err error) {
	wanted := map[permissions.Path]bool{}
	for _, s := range named {
		p, err := permissions.ParsePath(s)
		if err != nil {
			return nil, nil, wrongly("--accept: %w", err)
		}
		wanted[p] = true
	}
	suggested := map[permissions.Path]bool{}
	for _, f := range findings {
		all := len(f.Suggest) > 0
		for _, p := range f.Suggest {
			suggested[p] = true
			all = all && wanted[p]
		}
		if len(f.Suggest) > 0 {
			notes = append(notes, noteOf(f, all))
		}
		if all {
			f = f.Accept()
		}
		todo = append(todo, f)
	}
	for p := range wanted {
		if !suggested[p] {
			return nil, nil, wrongly("--accept %s: nothing suggests it", shown(p))
		}
	}
	return todo, notes, nil
}

// noteOf says what became of a suggestion, and what it lets the role do.
func noteOf(f permissions.Finding, accepted bool) string {
	var parts []string
	for _, p := range f.Suggest {
		instead := "besides"
		if f.Code == permissions.CodeMisspelled {
			instead = "instead of"
		}
		part := fmt.Sprintf("%s %s %s, which lets the role %s", shown(p), instead, shown(f.Path), permissions.EffectOf(p))
		if info, _ := permissions.Known(p); info.Sensitive != "" {
			part += " (SENSITIVE: " + info.Sensitive + ")"
		}
		parts = append(parts, part)
	}
	if accepted {
		return "Accepted: " + strings.Join(parts, "; ")
	}
	return "Not accepted: " + strings.Join(parts, "; ") + "; to take it, write --accept " + join(f.Suggest, ",")
}
