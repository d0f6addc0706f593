package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/internal/show"
)

func newRollback() *cobra.Command {
	var (
		out, html string
		from      origin
	)
	c := &cobra.Command{
		Use:   "rollback JOURNAL --out PLAN",
		Short: "Plan the way back from what apply did",
		Long: `Rollback makes a plan of a journal: it makes each object what it was before 'commandsec
apply'. It changes nothing itself: read the plan, approve it, apply it, like any other.

An object that somebody changed since, be it with a later plan, is left as it is, as a
whole: its step is blocked, and says so. A role that was deleted comes back under another
id.`,
		Example: `  commandsec rollback journal.log --out back.json --html back.html
  commandsec apply back.json --approve DIGEST --journal back-1a2b3c4d.log`,
		Args: operands("JOURNAL"),
		RunE: func(c *cobra.Command, args []string) error { return rollback(c, out, html, from, args[0]) },
	}
	c.Flags().StringVarP(&out, "out", "o", "", "write the plan to this `file`")
	c.Flags().StringVar(&html, "html", "", "write a page to read and sign to this `file`")
	addOriginFlags(c, &from)
	return c
}

func rollback(c *cobra.Command, out, html string, from origin, file string) error {
	if out == "" {
		return wrongly("name the file to write the plan to: --out FILE")
	}
	if err := from.check(c); err != nil {
		return err
	}
	if err := checkOutputs(out, "--html", html, file, from.in); err != nil {
		return err
	}
	done, last, err := readJournal(file)
	if err != nil {
		return err
	}
	now, err := from.read(c)
	if err != nil {
		return err
	}
	if last.Server != now.Server.URL {
		return fmt.Errorf("the journal %s is about the server %s, and this is %s; name the server of the journal", file, show.Text(last.Server, 300), now.Server.URL)
	}
	back, err := plan.Back(done, now)
	if err != nil {
		return err
	}
	*back.TakesBack = plan.TakesBack{Plan: last.Plan, Journal: filepath.Base(file), ApprovedBy: last.ApprovedBy, Reason: last.Reason}
	if err := writePlan(c, back, out); err != nil {
		return err
	}
	r := planReport(back)
	if back.Empty() {
		r.Lead = "There is nothing to take back: what was done is as it was before, or nothing was done."
	}
	if html != "" {
		if err := output(c, html, r.WriteHTML); err != nil {
			return err
		}
	}
	if err := output(c, "", plain(planText(back, r.Lead))); err != nil {
		return err
	}
	if back.Empty() {
		next(c, "there is nothing to take back.")
		return nil
	}
	nextApply(c, back, out, html)
	return nil
}

// readJournal reads from a journal what was done, and its last run. It does not create
// a journal that does not exist.
func readJournal(file string) (done []plan.Entry, last apply.Attempt, err error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, last, fmt.Errorf("there is no file %s; name the journal that 'commandsec apply --journal' wrote", file)
	}
	journal, err := apply.OpenJournal(file)
	if err != nil {
		return nil, last, err
	}
	attempts := journal.Attempts()
	if len(attempts) == 0 {
		return nil, last, errors.Join(fmt.Errorf("the journal %s has no run of apply: it is empty, or not the one that apply wrote", show.Text(file, 300)), journal.Close())
	}
	return journal.Entries(), attempts[len(attempts)-1], journal.Close()
}
