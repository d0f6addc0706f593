package cli

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/permissions"
)

// reviewFiles are the files that a review takes besides the snapshot.
type reviewFiles struct{ rules, accepted, people, overlay string }

func newReview() *cobra.Command {
	var (
		f     reportFlags
		files reviewFiles
	)
	c := &cobra.Command{
		Use:   "review FILE",
		Short: "Review a snapshot: findings, roles, holders, and a page to sign",
		Long: `Review says what somebody should look at in a snapshot, and what every role and every
holder can do. As HTML it is one page to read, print and sign; as a worksheet it is a
table of the findings to decide on, which --accepted reads again when it is filled in.

Separation of duties is looked at by built-in rules and by those of --rules. Holders are
accounts, groups and clients: --people says which of them are one person or one team.

Exit status 3 if --exit-code is given and there are findings that nobody accepted; what
could not be read is one. Those that are for information only do not count.`,
		Example: `  commandsec review q3.json                           # as text
  commandsec review q3.json --out q3.html             # the page
  commandsec review q3.json --format worksheet --out decisions.csv
  commandsec review q3.json --accepted decisions.csv --rules rules.yaml --people people.yaml --out q3.html
  commandsec review q3.json --json --exit-code`,
		Args: operands("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return runReview(c, f, files, args[0]) },
	}
	addReportFlags(c, &f, "text", "csv", "json", "html", "worksheet")
	exitCodeFlag(c, &f.exitCode, "there are findings that nobody accepted")
	files.flags(c)
	return c
}

// flags adds the flags that name the files.
func (files *reviewFiles) flags(c *cobra.Command) {
	c.Flags().StringVar(&files.rules, "rules", "", "also take duty rules from this `file`")
	c.Flags().StringVar(&files.accepted, "accepted", "", "take accepted findings from this `file`, a worksheet that was filled in")
	c.Flags().StringVar(&files.people, "people", "", "take from this `file` which holders are one person or one team")
	c.Flags().StringVar(&files.overlay, "overlay", "", "take from this `file` what a server proved about names of version 1, for Command 10")
}

// again are the flags that take the same files once more.
func (files *reviewFiles) again() string {
	return given("accepted", files.accepted, "rules", files.rules, "people", files.people, "overlay", files.overlay)
}

func runReview(c *cobra.Command, f reportFlags, files reviewFiles, file string) error {
	if err := f.check(c, file, files.rules, files.accepted, files.people, files.overlay); err != nil {
		return err
	}
	s, err := load(file)
	if err != nil {
		return err
	}
	opts, err := files.options(file)
	if err != nil {
		return err
	}
	r := review.New(s, opts)
	if err := f.write(c, r.Report()); err != nil {
		return err
	}
	tellMissing(c.ErrOrStderr(), r)
	if n := len(r.Unused()); n > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "Of the accepted findings, %s no more: they are gone, or are about others now.\n", count(n, "is there", "are there"))
	}
	open := openFindings(r, opts.Made)
	switch {
	case f.format == "worksheet" && f.out != "":
		files.accepted = f.out
		next(c, "decide in %s, and then: commandsec review %s%s --out review.html", quoted(f.out), quoted(file), files.again())
	case f.format == "html" && f.out != "" && files.accepted != "": // another worksheet would be without these decisions
		next(c, "open %s in a browser, print it and sign it.", quoted(f.out))
	case f.format == "html" && f.out != "":
		next(c, "open %s in a browser; to decide about findings: commandsec review %s%s --format worksheet --out decisions.csv",
			quoted(f.out), quoted(file), files.again())
	default:
		next(c, "a page to sign: commandsec review %s%s --out review.html", quoted(file), files.again())
	}
	if f.exitCode && open > 0 {
		return errFound
	}
	return nil
}

// openFindings counts the findings that nobody accepted.
func openFindings(r *review.Review, at time.Time) int {
	n := 0
	for _, f := range r.Findings() {
		if f.Severity != report.Info && (f.Accepted == nil || f.Accepted.Expired(at)) {
			n++
		}
	}
	return n
}

// options reads the files.
func (files *reviewFiles) options(file string) (opts *review.Options, err error) {
	opts = &review.Options{File: filepath.Base(file), Program: program(), Made: time.Now().UTC().Truncate(time.Second)}
	if opts.Rules, err = fromFile("--rules", files.rules, noting(opts, "duty rules", files.rules, reading(review.ParseRules))); err != nil {
		return nil, err
	}
	if opts.People, err = fromFile("--people", files.people, noting(opts, "people and teams", files.people, reading(review.ParsePeople))); err != nil {
		return nil, err
	}
	if opts.Accepted, err = fromFile("--accepted", files.accepted, noting(opts, "accepted findings", files.accepted, reading(report.ParseAccepted))); err != nil {
		return nil, err
	}
	if opts.Overlay, err = fromFile("--overlay", files.overlay, noting(opts, "overlay", files.overlay, permissions.ParseOverlay)); err != nil {
		return nil, err
	}
	return opts, nil
}

// noting notes a file among those of a review while it is parsed: what is a pipe cannot
// be read twice.
func noting[T any](opts *review.Options, label, name string, parse func([]byte) (T, error)) func([]byte) (T, error) {
	return digesting(func(digest string) {
		opts.Files = append(opts.Files, report.File{Label: label, Name: filepath.Base(name), Digest: digest})
	}, parse)
}

// reading turns a function that parses what it reads into one that parses a text.
func reading[T any](parse func(io.Reader) (T, error)) func([]byte) (T, error) {
	return func(text []byte) (T, error) { return parse(bytes.NewReader(text)) }
}

// program is the program's name and version.
func program() string { return "commandsec " + thisBuild().Version }
