package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/migration"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
)

// migrating is a call of migrate.
type migrating struct{ source, target, rules, out, report string }

func newMigrate() *cobra.Command {
	var m migrating
	c := &cobra.Command{
		Use:   "migrate --source FILE --rules FILE",
		Short: "Lead from the permissions and accounts of Command 10 to paths and claims",
		Long: `Migrate makes a desired state for a server of Command 11 or later from a snapshot of a
server of any version, and from rules: which claims accounts become, what becomes of
permissions that have no exact counterpart, which collection is which. --target is a
snapshot of that server, and is left out if the source is that server. Nothing is
changed on a server.

If there is no file of rules, migrate writes one: what has to be decided, as comments
with suggestions. What nobody decided keeps its role from being migrated, and no other
one. The report says per role and permission what it becomes, and why.

Exit status 3 if somebody has to decide something.`,
		Example: `  commandsec migrate --source old.json --target new.json --rules rules.yaml   # begins the rules
  commandsec migrate --source old.json --target new.json --rules rules.yaml --out desired.yaml --report migration.html
  commandsec plan desired.yaml --in new.json --out plan.json --html plan.html`,
		Args: operands(),
		RunE: func(c *cobra.Command, _ []string) error { return m.run(c) },
	}
	c.Flags().StringVar(&m.source, "source", "", "migrate the roles of this `file`, a snapshot")
	c.Flags().StringVar(&m.target, "target", "", "onto the server of this `file`, a snapshot (default: the source itself)")
	c.Flags().StringVar(&m.rules, "rules", "", "by the rules in this `file`, which is begun if it is not there")
	c.Flags().StringVarP(&m.out, "out", "o", "", "write the desired state to this `file`")
	c.Flags().StringVar(&m.report, "report", "", "write the report to this `file`: a page to read and sign, or what its name ends with (.csv, .json)")
	return c
}

func (m *migrating) run(c *cobra.Command) error {
	switch {
	case m.source == "":
		return wrongly("name the snapshot to migrate from: --source FILE")
	case m.rules == "":
		return wrongly("name the rules, which are begun if they are not there: --rules FILE")
	}
	if err := checkOutputs(m.out, "--report", m.report, m.source, m.target, m.rules); err != nil {
		return err
	}
	source, err := load(m.source)
	if err != nil {
		return err
	}
	var target *snapshot.Snapshot
	if m.target != "" {
		if target, err = load(m.target); err != nil {
			return err
		}
	}
	begun, err := m.begin(c, source, target)
	if err != nil {
		return err
	}
	rules, err := migration.LoadRules(m.rules)
	if err != nil {
		return err
	}
	desired, r, err := migration.Desired(source, target, rules)
	if err != nil {
		return err
	}
	if m.out != "" {
		if err := output(c, m.out, desired.WriteYAML); err != nil {
			return err
		}
	}
	byThisProgram(r)
	if m.report != "" {
		flags := reportFlags{out: m.report, formats: []string{"csv", "json", "html"}}
		flags.format = cmp.Or(flags.byName(), "html")
		if err := flags.write(c, r); err != nil {
			return err
		}
	}
	if err := output(c, "", plain(r.Lead+"\n")); err != nil {
		return err
	}
	return m.end(c, begun, r)
}

// begin writes rules to begin with if there are none.
func (m *migrating) begin(c *cobra.Command, source, target *snapshot.Snapshot) (begun bool, err error) {
	if _, err := os.Stat(m.rules); !errors.Is(err, fs.ErrNotExist) {
		return false, nil // whatever else is wrong is told when they are read
	}
	if err := checkFile("--rules", m.rules); err != nil {
		return false, err
	}
	text, err := migration.Skeleton(source, target)
	if err != nil {
		return false, err
	}
	return true, output(c, m.rules, plain(string(text)))
}

// end says what to do next.
func (m *migrating) end(c *cobra.Command, begun bool, r *report.Report) error {
	again := fmt.Sprintf("commandsec migrate --source %s", quoted(m.source))
	if m.target != "" {
		again += " --target " + quoted(m.target)
	}
	again += " --rules " + quoted(m.rules) + " --out " + quoted(cmp.Or(m.out, "desired.yaml")) + " --report " + quoted(cmp.Or(m.report, "migration.html"))
	// What keeps a role from being migrated is that severe, and so is what nobody can
	// decide about, and the lead tells.
	told := []string{string(migration.CodeOneClaim), string(migration.CodeAdmin)}
	undecided := slices.ContainsFunc(r.Findings, func(f report.Finding) bool {
		return f.Severity == report.High && !slices.Contains(told, f.Code)
	})
	if begun {
		fmt.Fprintf(c.ErrOrStderr(), "There were no rules: %s says what has to be decided.\n", quoted(m.rules))
	}
	switch {
	case undecided:
		next(c, "decide in %s, and then again: %s", quoted(m.rules), again)
		return errFound
	case m.out == "":
		next(c, "%s", again)
	default:
		in := cmp.Or(m.target, m.source)
		next(c, "commandsec plan %s --in %s --out plan.json --html plan.html", quoted(m.out), quoted(in))
		fmt.Fprintf(c.ErrOrStderr(), "After the plan was applied: commandsec verify --source %s --rules %s\n", quoted(m.source), quoted(m.rules))
	}
	return nil
}
