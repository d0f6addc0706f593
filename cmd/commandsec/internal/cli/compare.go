package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
)

func newCompare() *cobra.Command {
	var (
		f     reportFlags
		files reviewFiles
	)
	c := &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "Say what changed between two snapshots, and for whom",
		Long: `Compare says what changed between two snapshots: roles, who holds them, what they can do,
and what their rights mean: a collection with another query is another collection. It
compares by name, not by id. What one of the snapshots lacks is not compared, and told.

Findings that are new are on the report, too: those of --rules, of the persons and teams
of --people, and marked if --accepted has them.

Exit status 3 if --exit-code is given, and something changed or could not be compared.`,
		Example: `  commandsec compare q2.json q3.json
  commandsec compare q2.json q3.json --out changes.html
  commandsec compare q2.json q3.json --accepted decisions.csv --rules rules.yaml --people people.yaml --out changes.html
  commandsec compare q2.json q3.json --json --exit-code`,
		Args: operands("BEFORE", "AFTER"),
		RunE: func(c *cobra.Command, args []string) error { return compare(c, f, files, args[0], args[1]) },
	}
	addReportFlags(c, &f, "text", "csv", "json", "html")
	exitCodeFlag(c, &f.exitCode, "something changed, or could not be compared")
	files.flags(c)
	return c
}

func compare(c *cobra.Command, f reportFlags, files reviewFiles, before, after string) error {
	if err := f.check(c, before, after, files.rules, files.accepted, files.people, files.overlay); err != nil {
		return err
	}
	from, err := load(before)
	if err != nil {
		return err
	}
	to, err := load(after)
	if err != nil {
		return err
	}
	opts, err := files.options(after)
	if err != nil {
		return err
	}
	opts.FileBefore = filepath.Base(before)
	comparison := snapshot.Compare(from, to)
	changes := review.Changes(comparison, opts)
	if err := f.write(c, changes); err != nil {
		return err
	}
	missing := unread(comparison.NotCompared)
	tellNotCompared(c.ErrOrStderr(), missing)
	if comparison.Empty() {
		fmt.Fprintln(c.ErrOrStderr(), changes.Lead)
		if f.exitCode && len(missing) > 0 {
			return errFound
		}
		return nil
	}
	page := ""
	if f.format == "html" && f.out != "" {
		page = fmt.Sprintf("open %s in a browser; to ", quoted(f.out))
	}
	next(c, "%sreview the newer snapshot: commandsec review %s%s --out review.html", page, quoted(after), files.again())
	if f.exitCode {
		return errFound
	}
	return nil
}

// unread are the gaps because of which a change may have been missed: not what nobody
// asked for, nor what neither server has.
func unread(list []snapshot.NotCompared) []snapshot.NotCompared {
	return slices.DeleteFunc(slices.Clone(list), func(n snapshot.NotCompared) bool {
		neither := func(other snapshot.NotCompared) bool {
			return other.Side != n.Side && other.Gap.Reason == n.Gap.Reason && other.Gap.Part == n.Gap.Part && other.Gap.Object == n.Gap.Object
		}
		return n.Gap.Reason == snapshot.ReasonNotAsked || n.Gap.Reason == snapshot.ReasonNotThere && slices.ContainsFunc(list, neither)
	})
}

// tellNotCompared tells the gaps because of which something was not compared.
func tellNotCompared(w io.Writer, list []snapshot.NotCompared) {
	for _, n := range list[:min(len(list), maxGaps)] {
		fmt.Fprintf(w, "Not compared, because it was not read %s: %s\n", n.Side, gapText(n.Gap))
	}
	if more := len(list) - maxGaps; more > 0 {
		fmt.Fprintf(w, "Not compared: %d more, see \"gaps\" in the snapshots.\n", more)
	}
}
