package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/internal/show"
)

func newVerify() *cobra.Command {
	var (
		f    reportFlags
		from origin
	)
	c := &cobra.Command{
		Use:   "verify PLAN",
		Short: "Say whether a server is as a plan promised",
		Long: `Verify compares a server with what a plan promised: what each holder can do, whether the
plan names it or not, and each object that the plan changes. Run it after 'commandsec
apply', and again whenever you want to know whether that still holds.

Exit status 3 if something is not as planned.`,
		Example: `  commandsec verify plan.json
  commandsec verify plan.json --in after.json --out verified.html`,
		Args: operands("PLAN"),
		RunE: func(c *cobra.Command, args []string) error { return verify(c, f, from, args[0]) },
	}
	addReportFlags(c, &f, "text", "csv", "json", "html")
	addOriginFlags(c, &from)
	return c
}

func verify(c *cobra.Command, f reportFlags, from origin, file string) error {
	if err := from.check(c); err != nil {
		return err
	}
	if err := f.check(c, file, from.in); err != nil {
		return err
	}
	made, err := loadPlan(file)
	if err != nil {
		return err
	}
	after, err := from.read(c)
	if err != nil {
		return err
	}
	if made.Server.URL != after.Server.URL {
		return fmt.Errorf("the plan %s is for the server %s, and this is %s; name the server of the plan", file, show.Text(made.Server.URL, 300), show.Text(after.Server.URL, 300))
	}
	r := byThisProgram(plan.Verify(made, after))
	if err := f.write(c, r); err != nil {
		return err
	}
	if f.out != "" {
		fmt.Fprintln(c.ErrOrStderr(), r.Lead)
	}
	if len(r.Findings) == 0 {
		next(c, "keep the plan, its journal and what was signed together.")
		return nil
	}
	next(c, "if the plan was not carried out in full, run its 'commandsec apply' again with the same journal; the way back: commandsec rollback JOURNAL --out back.json")
	return errFound
}
