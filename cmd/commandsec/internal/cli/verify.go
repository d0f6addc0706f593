package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/migration"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/show"
)

// verification is a call of verify: of a plan, or of a migration.
type verification struct {
	reportFlags

	from          origin
	source, rules string
}

func newVerify() *cobra.Command {
	var v verification
	c := &cobra.Command{
		Use:   "verify PLAN | --source OLD --rules RULES",
		Short: "Say whether a server is as a plan promised, or as a migration should make it",
		Long: `Verify compares a server with what a plan promised: what each holder can do, whether the
plan names it or not, and each object that the plan changes. Run it after 'commandsec
apply', and again whenever you want to know whether that still holds.

After a migration, --source is the snapshot that 'commandsec migrate' was given, and
--rules are its rules. Verify then compares what everybody could do before with what the
claim that they became can do now. What the rules explain is told, and what they do not
is a finding. Rights through roles that are not part of the migration are told apart: who
can change security through one is a finding. On the same server, the source is the
snapshot from before, and the server is read again.

Exit status 3 if something is not as planned, or could not be read.`,
		Example: `  commandsec verify plan.json
  commandsec verify plan.json --in after.json --out verified.html
  commandsec verify --source old.json --rules rules.yaml --in after.json --out migrated.html`,
		Args: v.operands,
		RunE: v.run,
	}
	c.Flags().StringVar(&v.source, "source", "", "verify the migration from this `file`, a snapshot, instead of a plan")
	c.Flags().StringVar(&v.rules, "rules", "", "by the rules of the migration in this `file`")
	addReportFlags(c, &v.reportFlags, "text", "csv", "json", "html")
	addOriginFlags(c, &v.from)
	return c
}

// operands checks that either a plan or a migration is to be verified.
func (v *verification) operands(c *cobra.Command, args []string) error {
	migrated, ruled := c.Flags().Changed("source"), c.Flags().Changed("rules")
	switch {
	case len(args) > 0 && migrated:
		return wrongly("%s takes a plan or --source, which is for a migration, and not both", c.CommandPath())
	case len(args) > 0 && ruled:
		return wrongly("--rules is for a migration: %s --source OLD --rules RULES, without a plan", c.CommandPath())
	case len(args) > 0:
		return operands("PLAN")(c, args)
	case !migrated && ruled:
		return wrongly("name the snapshot that was migrated from: --source FILE")
	case !migrated:
		return wrongly("%s needs what to verify: a plan (PLAN), or a migration (--source OLD --rules RULES)", c.CommandPath())
	case v.source == "":
		return wrongly("name the snapshot that was migrated from: --source FILE")
	case v.rules == "":
		return wrongly("name the rules of the migration: --rules FILE")
	}
	return nil
}

func (v *verification) run(c *cobra.Command, args []string) error {
	if err := v.from.check(c); err != nil {
		return err
	}
	inputs := append([]string{v.source, v.rules, v.from.in}, args...)
	if err := v.check(c, inputs...); err != nil {
		return err
	}
	var (
		r           *report.Report
		err         error
		good, wrong string
	)
	if len(args) > 0 {
		r, err = v.plan(c, args[0])
		good = "keep the plan, its journal and what was signed together."
		wrong = "if the plan was not carried out in full, run its 'commandsec apply' again with the same journal; if others changed something since, " +
			"plan again; the way back: commandsec rollback JOURNAL --out back.json"
	} else {
		r, err = v.migration(c)
		good = "keep the snapshots, the rules and what was signed together; from now on, the server as a file: commandsec "
		if v.from.in == "" {
			good += "snapshot --out after.json, and then commandsec "
		}
		good += "export " + quoted(cmp.Or(v.from.in, "after.json")) + " --out access.yaml"
		wrong = "if the plan was not carried out in full, run its 'commandsec apply' again with the same journal; " +
			"otherwise plan the desired state of the migration again, and look: commandsec plan DESIRED --out plan.json --html plan.html"
	}
	if err != nil {
		return err
	}
	if err := v.write(c, byThisProgram(r)); err != nil {
		return err
	}
	if v.out != "" {
		fmt.Fprintln(c.ErrOrStderr(), r.Lead)
	}
	if len(r.Findings) == 0 {
		next(c, "%s", good)
		return nil
	}
	next(c, "%s", wrong)
	return errFound
}

func (v *verification) plan(c *cobra.Command, file string) (*report.Report, error) {
	made, err := loadPlan(file)
	if err != nil {
		return nil, err
	}
	after, err := v.from.read(c)
	if err != nil {
		return nil, err
	}
	if made.Server.URL != after.Server.URL {
		return nil, fmt.Errorf("the plan %s is for the server %s, and this is %s; name the server of the plan", file, show.Text(made.Server.URL, 300), show.Text(after.Server.URL, 300))
	}
	return plan.Verify(made, after), nil
}

func (v *verification) migration(c *cobra.Command) (*report.Report, error) {
	source, err := load(v.source)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(v.rules); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s; name the rules that 'commandsec migrate' was given", v.rules)
	}
	rules, err := migration.LoadRules(v.rules)
	if err != nil {
		return nil, err
	}
	target, err := v.from.read(c)
	if err != nil {
		return nil, err
	}
	r := migration.Verify(source, target, rules)
	if len(r.Findings) > 0 && r.Findings[0].Code == string(migration.CodeRules) {
		return nil, errors.New("cannot verify: " + strings.TrimPrefix(r.Findings[0].Detail, "migrate: "))
	}
	return r, nil
}
