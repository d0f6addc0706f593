package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// planning is a call of plan.
type planning struct {
	origin

	out, html          string
	overrides, overlay string
	opts               plan.Options
	json, exitCode     bool
}

func newPlan() *cobra.Command {
	var p planning
	c := &cobra.Command{
		Use:   "plan DESIRED",
		Short: "Say what it takes to make a server what a file says, and what that means",
		Long: `Plan compares a desired state, a YAML or JSON file, with a server, and says which steps
it takes and what they mean for whom. It changes nothing. --out writes the plan, which
'commandsec apply' carries out once somebody approved its digest; --html writes a page
to read and sign.

A step that cannot be done safely is blocked, with the reason, and left out. Whether the
plan locks the account out is judged for the one that the server is read as, unless
--account names the one that will apply it.

Names of version 1 in the file become paths as 'commandsec permissions convert' says.
--overlay takes what a server proved, --overrides your own decisions. The plan names both.
A decision that is about no name is an error.

What is wrong with the file is told all at once, with line and column.

Exit status 3 if --exit-code is given, and the server is not as the file says, or its
roles and their holders could not be read in full.`,
		Example: `  commandsec plan access.yaml --out plan.json --html plan.html
  commandsec plan access.yaml --in server.json
  commandsec plan access.yaml --only Operators --out pilot.json
  commandsec plan access.yaml --account 'KEYEXAMPLE\svc_apply' --out plan.json
  commandsec plan access.yaml --exit-code          # is there drift?`,
		Args: operands("DESIRED"),
		RunE: func(c *cobra.Command, args []string) error { return p.run(c, args[0]) },
	}
	c.Flags().StringVarP(&p.out, "out", "o", "", "write the plan to this `file`")
	c.Flags().StringVar(&p.html, "html", "", "write a page to read and sign to this `file`")
	c.Flags().StringArrayVar(&p.opts.Only, "only", nil, "plan this `role` and what it needs, and leave the rest for later; can be repeated")
	c.Flags().StringVar(&p.opts.Account, "account", "", "judge a lock-out for this `account`, which will apply the plan (default: the one that reads)")
	c.Flags().StringVar(&p.overrides, "overrides", "", "convert names of version 1 by the decisions in this `file`")
	c.Flags().StringVar(&p.overlay, "overlay", "", "convert them by what a server proved, from this `file`, which 'commandsec prove' writes")
	exitCodeFlag(c, &p.exitCode, "there is something to do, or roles or holders could not be read")
	jsonFlag(c, &p.json)
	addOriginFlags(c, &p.origin)
	c.AddCommand(newPlanShow())
	return c
}

func (p *planning) run(c *cobra.Command, file string) error {
	if err := p.check(c); err != nil {
		return err
	}
	if err := checkOutputs(p.out, "--html", p.html, file, p.in, p.overrides, p.overlay); err != nil {
		return err
	}
	if err := p.conversion(); err != nil {
		return err
	}
	desired, wrong := loadDesired(file)
	if desired == nil {
		return wrong
	}
	current, err := p.read(c) // even if something is wrong: what the server shows of the rest is told, too
	if err != nil {
		return errors.Join(wrong, err)
	}
	made, err := plan.Make(current, desired, &p.opts)
	if err != nil {
		return err
	}
	if err := p.write(c, made); err != nil {
		return err
	}
	switch {
	case made.Empty():
		next(c, "change %s, and plan again.", quoted(file))
	case p.out == "":
		next(c, "to carry it out, write it: commandsec plan %s%s --out plan.json --html plan.html", quoted(file), p.again())
	default:
		nextApply(c, made, p.out, p.html)
	}
	if made.Incomplete() {
		tellGaps(c.ErrOrStderr(), made.Gaps)
	}
	if p.exitCode && (!made.Empty() || made.Incomplete()) {
		return errFound
	}
	return nil
}

// conversion reads how names of version 1 become paths.
func (p *planning) conversion() (err error) {
	note := func(file string) func(string) {
		return func(digest string) {
			p.opts.Conversion = append(p.opts.Conversion, plan.Source{File: file, Digest: digest})
		}
	}
	p.opts.Convert = &permissions.ConvertOptions{}
	if p.opts.Convert.Overlay, err = fromFile("--overlay", p.overlay, digesting(note(p.overlay), permissions.ParseOverlay)); err != nil {
		return err
	}
	p.opts.Convert.Decisions, err = fromFile("--overrides", p.overrides, digesting(note(p.overrides), permissions.ParseDecisions))
	return err
}

// again are the flags of this call that another one needs, too.
func (p *planning) again() string {
	flags := []string{"account", p.opts.Account, "overlay", p.overlay, "overrides", p.overrides}
	for _, only := range p.opts.Only {
		flags = append(flags, "only", only)
	}
	return p.origin.again() + given(flags...)
}

// write writes the plan, its page, and what it is about.
func (p *planning) write(c *cobra.Command, made *plan.Plan) error {
	if err := writePlan(c, made, p.out); err != nil {
		return err
	}
	r := planReport(made)
	if p.html != "" {
		if err := output(c, p.html, r.WriteHTML); err != nil {
			return err
		}
	}
	if p.json {
		return output(c, "", r.WriteJSON)
	}
	return output(c, "", plain(planText(made, r.Lead)))
}

// writePlan writes a plan to a file, if one is named.
func writePlan(c *cobra.Command, made *plan.Plan, out string) error {
	if out == "" {
		return nil
	}
	if err := c.Context().Err(); err != nil {
		return err
	}
	return made.Save(out)
}

// checkOutputs is checkOut for a command that writes a second file.
func checkOutputs(out, flag, second string, inputs ...string) error {
	if err := checkOut(out, inputs...); err != nil {
		return err
	}
	if out != "" && second != "" && filepath.Clean(out) == filepath.Clean(second) {
		return wrongly("--out and %s name the same file", flag)
	}
	return checkFile(flag, second, inputs...)
}

// nextApply says how a plan is carried out. page is its page, if that is written already.
func nextApply(c *cobra.Command, made *plan.Plan, file, page string) {
	if len(made.Steps) == made.Blocked() {
		next(c, "nothing of it can be carried out; the plan says why: commandsec plan show %s", quoted(file))
		return
	}
	if page == "" {
		next(c, "read it, and let somebody approve its digest: commandsec plan show %s --out %s", quoted(file), quoted(beside(file, ".html")))
	} else {
		next(c, "read %s, and let somebody approve the digest.", quoted(page))
	}
	fmt.Fprintf(c.ErrOrStderr(), "Then: %s\n", applyCall(made, file))
	var flags []string
	if made.LockOut() {
		flags = append(flags, "--allow-lockout")
	}
	if made.Large() {
		flags = append(flags, "--allow-large")
	}
	if len(flags) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "Left out on purpose, for whoever approves the plan to decide: %s.\n", strings.Join(flags, " and "))
	}
}

// applyCall is how apply is called for a plan, without the flags that allow a dangerous
// one: nobody should paste them unread.
func applyCall(made *plan.Plan, file string) string {
	digest := made.Digest()
	return fmt.Sprintf("commandsec apply %s --approve %s --journal %s", quoted(file), digest, quoted(beside(file, "-"+shortDigest(digest)+".log")))
}

// shortDigest is enough of a digest for the name of a journal: a file of the same name has
// another plan next time, and one plan has one journal.
func shortDigest(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return hex[:min(len(hex), 8)]
}

// beside replaces the extension of a file name.
func beside(file, end string) string { return strings.TrimSuffix(file, filepath.Ext(file)) + end }

// planReport is the report of a plan.
func planReport(made *plan.Plan) *report.Report { return byThisProgram(made.Report()) }

// byThisProgram notes in a report which program made it, and when.
func byThisProgram(r *report.Report) *report.Report {
	r.Provenance.Program, r.Provenance.Made = program(), time.Now().UTC().Truncate(time.Second)
	return r
}

// maxAlike is how many warnings with the same code a plan in short has, so that others
// are seen among them.
const maxAlike = 3

// planText is a plan in short: what it warns of, and its steps. The report has the rest.
func planText(made *plan.Plan, lead string) string {
	var b strings.Builder
	fmt.Fprintln(&b, lead)
	kinds := map[plan.Code]int{}
	for i := range made.Warnings {
		w := &made.Warnings[i]
		if kinds[w.Code]++; kinds[w.Code] > maxAlike {
			continue
		}
		fmt.Fprintf(&b, "\n%s %s: %s", strings.ToUpper(string(w.Severity)), w.Code, show.Text(w.Text, 1000))
		if w.Do != "" {
			fmt.Fprintf(&b, " %s", show.Text(w.Do, 1000))
		}
		if n := len(w.Roles); n > 1 {
			const shown = 10
			fmt.Fprintf(&b, "\n  Roles: %s", show.Text(strings.Join(w.Roles[:min(n, shown)], ", "), 2000))
			if n > shown {
				fmt.Fprintf(&b, ", and %d more", n-shown)
			}
			b.WriteString(".")
		}
		b.WriteString("\n")
	}
	more := 0
	for _, n := range kinds {
		more += max(n-maxAlike, 0)
	}
	if more > 0 {
		fmt.Fprintf(&b, "\nAnd %s like these: 'commandsec plan show' has all of them.\n", count(more, "more warning", "more warnings"))
	}
	if made.LockOut() {
		b.WriteString("\nApply refuses this plan unless --allow-lockout is given.\n")
	}
	if made.Large() {
		b.WriteString("\nApply refuses this plan unless --allow-large is given.\n")
	}
	if len(made.Steps) > 0 {
		b.WriteString("\n")
	}
	for i := range made.Steps {
		s := &made.Steps[i]
		fmt.Fprintf(&b, "%4d  %s\n", s.Number, show.Text(s.Words(), 1000))
		if s.Blocked != "" {
			fmt.Fprintf(&b, "      LEFT OUT: %s\n", show.Text(s.Blocked, 1000))
		}
	}
	if n := len(made.Later); n > 0 {
		fmt.Fprintf(&b, "\nLeft for later by --only: %s.\n", count(n, "role", "roles"))
	}
	if !made.Empty() {
		fmt.Fprintf(&b, "\nDigest %s\n", made.Digest())
	}
	return b.String()
}

// loadDesired reads a desired state from a file.
func loadDesired(file string) (*plan.Desired, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s; 'commandsec export SNAPSHOT --out %[1]s' makes one", file)
	}
	return plan.LoadDesired(file)
}

// loadPlan reads a plan from a file.
func loadPlan(file string) (*plan.Plan, error) {
	made, err := plan.Load(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s; 'commandsec plan DESIRED --out %[1]s' makes one", file)
	}
	return made, err
}

func newPlanShow() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "show PLAN",
		Short: "Show a plan: before and after side by side, warnings first, a place to sign",
		Long: `Show says what a plan is about: warnings first, what changes with before and after side
by side, what each holder can do before and after, and the steps. As HTML it is one page
to read, print and sign, with the digest to approve.`,
		Example: `  commandsec plan show plan.json                   # as text
  commandsec plan show plan.json --out plan.html   # the page
  commandsec plan show plan.json --json`,
		Args: operands("PLAN"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c, args[0]); err != nil {
				return err
			}
			made, err := loadPlan(args[0])
			if err != nil {
				return err
			}
			if err := f.write(c, planReport(made)); err != nil {
				return err
			}
			if made.Empty() {
				next(c, "there is nothing to do.")
				return nil
			}
			page := ""
			if f.format == "html" {
				page = f.out
			}
			nextApply(c, made, args[0], page)
			return nil
		},
	}
	addReportFlags(c, &f, "text", "csv", "json", "html")
	return c
}
