package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
)

// applying is a call of apply.
type applying struct {
	opts    apply.Options
	journal string
	json    bool
	conn    *connection
	refused bool // what a dry run found out, and told
}

func newApply() *cobra.Command {
	var a applying
	c := &cobra.Command{
		Use:   "apply PLAN",
		Short: "Carry out a plan that somebody approved, or go on with it",
		Long: `Apply carries out a plan, and nothing else. --approve names the digest of the plan that
was approved, --journal the file that notes each object before it is written: it is what
'commandsec rollback' makes the way back of. If apply is stopped, however that happens,
run it again with the same journal: it goes on.

Before it writes, apply asks the server whether the account may do it, and looks at each
object of the plan. If one of them moved on since the plan was made, nothing is written,
and each of them is told. Steps that are blocked in the plan are left out.
Run one apply for a server at a time: of two, each may write what the other one does not
expect.

--dry-run does all of that but write. It needs no approval, and no journal. It tells
everything for which the plan would be refused, and goes on to what moved on.

What an earlier run did is told as a number; --json names each step.

Exit status 3 if the plan is refused, so that this run wrote nothing: it is not the one
that was approved, it locks somebody out, it is large, or objects moved on. Also if all
else was done and steps of the plan are left out: the server is not as somebody wants it.`,
		Example: `  commandsec apply plan.json --dry-run
  commandsec apply plan.json --approve sha256:4958... --journal journal.log
  commandsec apply plan.json --approve sha256:4958... --journal journal.log --approved-by 'A. Miller' --reason CHG-1742`,
		Args: operands("PLAN"),
		RunE: func(c *cobra.Command, args []string) error { return a.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&a.opts.Approve, "approve", "", "the `digest` of the plan that was approved, as the plan and its page show it")
	f.StringVar(&a.journal, "journal", "", "note in this `file` what is done, and go on where it ends")
	f.StringVar(&a.opts.ApprovedBy, "approved-by", "", "note `who` approved the plan in the journal")
	f.StringVar(&a.opts.Reason, "reason", "", "note `why` in the journal")
	f.BoolVar(&a.opts.DryRun, "dry-run", false, "write nothing, and say what would be done")
	f.BoolVar(&a.opts.AllowLockout, "allow-lockout", false, "carry out a plan that takes from the account, or from everybody, what allows changing security")
	f.BoolVar(&a.opts.AllowLarge, "allow-large", false, "carry out a plan that takes something from more than a third of all roles or holders")
	jsonFlag(c, &a.json)
	a.conn = connectionFlags(c)
	return c
}

func (a *applying) run(c *cobra.Command, file string) error {
	switch {
	case a.opts.DryRun:
	case a.opts.Approve == "":
		return wrongly("name the digest of the plan that was approved: --approve DIGEST; 'commandsec plan show %s' shows it, and --dry-run needs none", quoted(file))
	case a.journal == "":
		return wrongly("name the file that notes what is done: --journal FILE")
	}
	made, err := loadPlan(file)
	if err != nil {
		return err
	}
	if refused := a.refuse(made, file); len(refused) > 0 {
		complain(c.ErrOrStderr(), errors.Join(refused...))
		if !a.opts.DryRun {
			fmt.Fprintln(c.ErrOrStderr(), "Nothing was written by this run.")
			next(c, "read the plan: commandsec plan show %s", quoted(file))
			return errFound
		}
		a.refused = true
		a.opts.Approve, a.opts.AllowLockout, a.opts.AllowLarge = "", true, true // to hear the rest
	}
	client, err := a.client(c)
	if err != nil {
		return err
	}
	result, err := a.carryOut(c, client, made)
	if a.opts.DryRun && errors.Is(err, apply.ErrLockOut) { // of the account that it would be carried out as
		complain(c.ErrOrStderr(), err)
		a.refused, a.opts.AllowLockout = true, true
		result, err = a.carryOut(c, client, made)
	}
	if result == nil {
		return a.notBegun(c, made, err)
	}
	if err := output(c, "", func(w io.Writer) error { return a.write(w, result) }); err != nil && c.Context().Err() == nil {
		return err
	}
	return a.end(c, file, made, result, err)
}

// refuse says why the plan is not carried out, in words of the flags. [apply.Run] would
// refuse it for the same reasons.
func (a *applying) refuse(made *plan.Plan, file string) []error {
	var all []error
	if digest := made.Digest(); a.opts.Approve != "" && a.opts.Approve != digest {
		all = append(all, fmt.Errorf("the plan is not the one that was approved: approved was %s, and the digest of the plan is %s; look at the plan again (commandsec plan show %s), and approve its whole digest, sha256: included", show.Text(a.opts.Approve, 200), digest, quoted(file)))
	}
	if made.LockOut() && !a.opts.AllowLockout {
		all = append(all, errors.New("the plan takes from the account, or from everybody, what allows changing security; if that is meant, allow it: --allow-lockout"))
	}
	if made.Large() && !a.opts.AllowLarge {
		all = append(all, errors.New("the plan takes something from more than a third of all roles or holders; if that is meant, allow it: --allow-large"))
	}
	return all
}

// client returns a client that writes, unless this is a dry run.
func (a *applying) client(c *cobra.Command) (*security.Client, error) {
	if a.opts.DryRun {
		return a.conn.client(c)
	}
	return a.conn.open(c)
}

func (a *applying) carryOut(c *cobra.Command, client *security.Client, made *plan.Plan) (result *apply.Result, err error) {
	var journal *apply.Journal
	if !a.opts.DryRun {
		if journal, err = apply.OpenJournal(a.journal); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, journal.Close()) }()
	}
	progress := newProgress(c.ErrOrStderr())
	defer progress.end()
	a.opts.Call = []security.CallOption{security.WithProgress(func(done, total int) { progress.tell("Carrying out the plan", done, total) })}
	return apply.Run(c.Context(), client, made, journal, &a.opts)
}

// notBegun tells why nothing was written by this run.
func (a *applying) notBegun(c *cobra.Command, made *plan.Plan, err error) error {
	if err == nil || c.Context().Err() != nil {
		return err
	}
	moved, isMoved := errors.AsType[*apply.MovedError](err)
	switch {
	case isMoved:
		if errors.Is(err, apply.ErrMayNot) { // a dry run tells both
			complain(c.ErrOrStderr(), fmt.Errorf("%w: none of its roles allows it; give it one, or use another account", apply.ErrMayNot))
		}
		a.tellMoved(c, moved)
		next(c, "plan again, and have the new plan approved: %s", planCall(made))
		return errFound
	case errors.Is(err, apply.ErrLockOut):
		complain(c.ErrOrStderr(), err)
		fmt.Fprintln(c.ErrOrStderr(), "Nothing was written by this run. If that is meant, allow it: --allow-lockout")
		return errFound
	}
	complain(c.ErrOrStderr(), err)
	fmt.Fprintln(c.ErrOrStderr(), "Nothing was written by this run.")
	return errTold
}

// tellMoved tells each object that is not as the plan found it.
func (a *applying) tellMoved(c *cobra.Command, moved *apply.MovedError) {
	w := c.ErrOrStderr()
	fmt.Fprintf(w, "commandsec: nothing was written by this run: %s since the plan was made:\n", count(len(moved.Objects), "object moved on", "objects moved on"))
	for _, o := range moved.Objects {
		fmt.Fprintf(w, "  %s %q: %s\n", o.Kind, show.Text(o.Name, 300), show.Text(o.Text, 1000))
	}
}

// planCall is how a plan is made anew: of a desired state or, if it comes from none, of a
// journal.
func planCall(made *plan.Plan) string {
	if made.Desired.File == "" {
		return "commandsec rollback JOURNAL --out back.json"
	}
	call := fmt.Sprintf("commandsec plan %s --out plan.json --html plan.html", quoted(made.Desired.File))
	if len(made.Only)+len(made.Conversion) > 0 {
		call += ", and the flags that this plan was made with"
	}
	return call
}

// appliedFormat is the number of the form of what became of a plan as JSON.
const appliedFormat = 1

// applied is what became of a plan, for programs.
type applied struct {
	Format int           `json:"format"`
	Plan   string        `json:"plan"` // digest
	DryRun bool          `json:"dryRun"`
	Steps  []appliedStep `json:"steps"`
	Notes  []string      `json:"notes"`
}

type appliedStep struct {
	Number int          `json:"number"`
	Action plan.Action  `json:"action"`
	Kind   plan.Kind    `json:"kind"`
	Name   string       `json:"name"`
	Status apply.Status `json:"status"`
	Text   string       `json:"text"`
}

// write writes what became of each step, as JSON or as text.
func (a *applying) write(w io.Writer, result *apply.Result) error {
	if a.json {
		told := applied{Format: appliedFormat, Plan: result.Plan, DryRun: result.DryRun, Steps: []appliedStep{}, Notes: append([]string{}, result.Notes...)}
		for i := range result.Steps {
			s := &result.Steps[i]
			told.Steps = append(told.Steps, appliedStep{s.Number, s.Action, s.Kind, s.Name, s.Status, s.Text})
		}
		return writeJSON(w, told)
	}
	var b strings.Builder
	earlier := 0
	for i := range result.Steps {
		s := &result.Steps[i]
		if s.Earlier {
			earlier++
			continue
		}
		fmt.Fprintf(&b, "%4d  %-12s  %s\n", s.Number, s.Status, show.Text(s.Text, 1000))
	}
	if earlier > 0 {
		fmt.Fprintf(&b, "An earlier run did %s.\n", count(earlier, "step", "steps"))
	}
	for _, note := range result.Notes {
		fmt.Fprintf(&b, "Note: %s\n", show.Text(note, 1000))
	}
	fmt.Fprintf(&b, "%s\n", result)
	_, err := io.WriteString(w, b.String())
	return err
}

// end says what to do next.
func (a *applying) end(c *cobra.Command, file string, made *plan.Plan, result *apply.Result, err error) error {
	switch {
	case err != nil && errors.Is(err, context.Canceled) && c.Context().Err() != nil:
		complain(c.ErrOrStderr(), fmt.Errorf("interrupted: %s", result))
	case err != nil:
		complain(c.ErrOrStderr(), err)
	case a.refused:
		next(c, "read the plan: commandsec plan show %s", quoted(file))
		return errFound
	case result.DryRun:
		next(c, "%s", applyCall(made, file))
		return leftOut(c, made, "would be done")
	default:
		back := ""
		if _, err := os.Stat(a.journal); err == nil { // none is left if nothing was done
			back = fmt.Sprintf(" (the way back: %s)", a.back(file))
		}
		next(c, "commandsec verify %s%s", quoted(file), back)
		return leftOut(c, made, "done")
	}
	if result.DryRun {
		next(c, "look at what failed, and try again: commandsec apply %s --dry-run", quoted(file))
	} else {
		next(c, "run the same command again: it goes on with the journal %s (the way back: %s)", quoted(a.journal), a.back(file))
	}
	return errTold
}

// back is how the way back is planned. The plan that was carried out, which may be a way
// back itself, is not written over.
func (a *applying) back(file string) string {
	out := "back.json"
	if filepath.Base(file) == out {
		out = beside(file, "-back.json")
	}
	return fmt.Sprintf("commandsec rollback %s --out %s", quoted(a.journal), quoted(out))
}

// leftOut says last that the server is not as somebody wants it, if the plan leaves
// something out.
func leftOut(c *cobra.Command, made *plan.Plan, done string) error {
	n := made.Blocked()
	if n == 0 {
		return nil
	}
	wanted := "the desired state says"
	if made.Desired.File == "" { // the way back
		wanted = "it was"
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s; %s left out, so that the server is not as %s\n", done, count(n, "step of the plan is", "steps of the plan are"), wanted)
	return errFound
}
