package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
)

func newSnapshot() *cobra.Command {
	var (
		out  string
		opts take.Options
		conn *connection
	)
	c := &cobra.Command{
		Use:   "snapshot --out FILE",
		Short: "Read who can do what on a server into a file",
		Long: `Snapshot reads roles, who holds them, claims, permission sets, identity providers,
collections, containers and PAM providers of a server into one file. It only reads, and
the file has no secrets. Only its owner can read it, and it is there as a whole or not
at all.

What could not be read is told, and is in the file as a gap. The account needs
/security/read/. To be complete it also needs, for the names of objects,
/certificates/collections/read/, /certificate_stores/read/ and /pam/read/; for identity
providers /identity_providers/read/; and, from Command 11 on, /security/modify/ for the
list of identities, which reading alone does not show.`,
		Example: `  commandsec snapshot --out q3.json
  commandsec snapshot --profile production --out q3.json
  commandsec snapshot --proof --out q3.json    # what 'commandsec prove' needs`,
		Args: operands(),
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return wrongly("name the file to write: --out FILE")
			}
			if err := checkOut(out); err != nil {
				return err
			}
			s, err := takeSnapshot(c, conn, opts)
			if err != nil {
				return err
			}
			if err := c.Context().Err(); err != nil {
				return err
			}
			if err := s.Save(out); err != nil {
				return err
			}
			summarize(c.ErrOrStderr(), s)
			next(c, "commandsec review %s --out review.html", quoted(out))
			return nil
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "write the snapshot to this `file`")
	takeFlags(c, &opts)
	conn = connectionFlags(c)
	return c
}

func takeFlags(c *cobra.Command, opts *take.Options) {
	c.Flags().BoolVar(&opts.Proof, "proof", false, "also read the names for single objects: three requests more for each role")
	c.Flags().BoolVar(&opts.SkipSignatures, "skip-signatures", false, "do not let the server check the signatures of its records, which takes it a while")
}

// takeSnapshot reads the server.
func takeSnapshot(c *cobra.Command, conn *connection, opts take.Options) (*snapshot.Snapshot, error) {
	client, err := conn.client(c)
	if err != nil {
		return nil, err
	}
	progress := newProgress(c.ErrOrStderr())
	defer progress.end()
	opts.Call = append(opts.Call, security.WithProgress(func(done, total int) { progress.tell("Reading the server", done, total) }))
	return take.From(c.Context(), client, &opts)
}

// summarize says what a snapshot has, and what it lacks.
func summarize(w io.Writer, s *snapshot.Snapshot) {
	version := ""
	if s.Server.Version != "" {
		version = ", version " + show.Text(product(s), 100)
	}
	fmt.Fprintf(w, "Read %s%s: %s, %s.\n", show.Text(s.Server.URL, 300), version,
		count(len(s.Roles), "role", "roles"), count(len(s.Claims), "claim or identity", "claims and identities"))
	tellGaps(w, s.Gaps)
}

// maxGaps is how many gaps are told. All of them are in the file.
const maxGaps = 10

func tellGaps(w io.Writer, gaps []snapshot.Gap) {
	var lacks []string
	told := 0
	for _, g := range gaps {
		if g.Reason == snapshot.ReasonNotThere && g.Object == "" {
			lacks = append(lacks, string(g.Part))
			continue
		}
		if told++; told <= maxGaps {
			fmt.Fprintf(w, "Not read: %s\n", gapText(g))
		}
	}
	if told > maxGaps {
		fmt.Fprintf(w, "Not read: %d more, see \"gaps\" in the snapshot.\n", told-maxGaps)
	}
	if len(lacks) > 0 {
		fmt.Fprintf(w, "The server does not have: %s.\n", strings.Join(lacks, "; "))
	}
}

// tellMissing tells the gaps because of which an answer may lack something.
func tellMissing(w io.Writer, r *review.Review) {
	gaps := r.Gaps()
	for _, g := range gaps[:min(len(gaps), maxGaps)] {
		fmt.Fprintf(w, "Not read: %s: %s\n", show.Text(g.What, 500), show.Text(g.Reason, 500))
	}
	if more := len(gaps) - maxGaps; more > 0 {
		fmt.Fprintf(w, "Not read: %d more, see \"gaps\" in the snapshot.\n", more)
	}
}

func gapText(g snapshot.Gap) string {
	if g.Option == "Proof" {
		return "names for single objects; 'snapshot --proof' does, for 'commandsec prove'"
	}
	text := string(g.Part)
	if g.Object != "" {
		text += " of " + show.Text(g.Object, 200)
	}
	text += ": " + string(g.Reason)
	if g.Detail != "" {
		text += " (" + show.Text(g.Detail, 300) + ")"
	}
	return text
}

// product is the version of the server without the commit, which some tell after a plus sign.
func product(s *snapshot.Snapshot) string {
	version, _, _ := strings.Cut(s.Server.Version, "+")
	return version
}

// load reads a snapshot from a file.
func load(file string) (*snapshot.Snapshot, error) {
	s, err := snapshot.Load(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s; 'commandsec snapshot --out %[1]s' makes one", file)
	}
	return s, err
}
