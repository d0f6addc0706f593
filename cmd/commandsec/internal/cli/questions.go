package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// origin is where a command takes what a server looks like from: a file, or the server.
type origin struct {
	in   string
	conn *connection
}

func addOriginFlags(c *cobra.Command, o *origin) {
	c.Flags().StringVar(&o.in, "in", "", "take this `file`, a snapshot, instead of asking the server")
	o.conn = connectionFlags(c)
}

// check refuses flags about both, before work is done.
func (o *origin) check(c *cobra.Command) error { return exclusive(c, "in", connectionFlagNames...) }

// read reads the file or the server. Signatures are not checked: nothing that is asked is about them.
func (o *origin) read(c *cobra.Command) (*snapshot.Snapshot, error) {
	if o.in != "" {
		return load(o.in)
	}
	return takeSnapshot(c, o.conn, take.Options{SkipSignatures: true})
}

// question is how to answer: from a file or from the server.
type question struct {
	origin

	out  string
	json bool
}

func addQuestionFlags(c *cobra.Command, q *question) {
	addOriginFlags(c, &q.origin)
	jsonFlag(c, &q.json)
	outFlag(c, &q.out)
}

// review reads what the answer is taken from.
func (q *question) review(c *cobra.Command) (*review.Review, *snapshot.Snapshot, error) {
	if err := q.check(c); err != nil {
		return nil, nil, err
	}
	if err := checkOut(q.out, q.in); err != nil {
		return nil, nil, err
	}
	s, err := q.read(c)
	if err != nil {
		return nil, nil, err
	}
	return review.New(s, nil), s, nil
}

// answerFormat is the number of the form of answers as JSON. It changes if a program that
// read the form before would misunderstand the new one.
const answerFormat = 1

// answer is what programs get. Exactly one of Grants and Holders is there.
type answer struct {
	Format  int            `json:"format"`
	Grants  []review.Grant `json:"grants,omitzero"`  // of who-can
	Holders []rights       `json:"holders,omitzero"` // of can
	NotRead []report.Gap   `json:"notRead"`          // because of which the answer may lack something
}

func answerFrom(r *review.Review) answer {
	return answer{Format: answerFormat, NotRead: append([]report.Gap{}, r.Gaps()...)}
}

// write writes v as JSON, or the text.
func (q *question) write(c *cobra.Command, v answer, text string) error {
	if q.json {
		return output(c, q.out, func(w io.Writer) error { return writeJSON(w, v) })
	}
	return output(c, q.out, plain(text))
}

func newWhoCan() *cobra.Command {
	var q question
	c := &cobra.Command{
		Use:   "who-can PATH",
		Short: "Say who can do something, and through which role",
		Long: `Who-can says who can do what a path allows, through which role and which path of it:
the path itself, or one that includes it. If the path can be limited to one object,
those who can do it on single objects are told as well.

Holders are accounts, groups and clients. Who is in a group, the server does not tell.
What could not be read is told: the answer may lack somebody because of it.`,
		Example: `  commandsec who-can /certificates/collections/revoke/ --in q3.json
  commandsec who-can /certificates/collections/private_key/read/6/ --json   # asks the server
  commandsec permissions explain "Manage Pending CSRs"                     # finds a path`,
		Args: operands("PATH"),
		RunE: func(c *cobra.Command, args []string) error { return whoCan(c, &q, args[0]) },
	}
	addQuestionFlags(c, &q)
	return c
}

func whoCan(c *cobra.Command, q *question, asked string) error {
	path, err := permissions.ParsePath(asked)
	if err != nil || !strings.HasPrefix(strings.TrimSpace(asked), "/") {
		return wrongly("%q is not a path such as /certificates/collections/revoke/; to find one: commandsec permissions explain %s", asked, quoted(asked))
	}
	for _, f := range permissions.Lint([]permissions.Path{path}, nil) {
		if f.Code == permissions.CodeMisspelled || f.Code == permissions.CodeUnknown {
			fmt.Fprintf(c.ErrOrStderr(), "%s %s\n", show.Text(string(path), 200), show.Text(f.Text, 500))
		}
	}
	r, _, err := q.review(c)
	if err != nil {
		return err
	}
	grants := r.WhoCan(path)
	var text strings.Builder
	rows := [][]string{{"HOLDER", "ROLE", "THROUGH", "NOTE"}}
	for _, g := range grants {
		rows = append(rows, []string{g.Holder.String(), g.Role, string(g.Path), note(g)})
	}
	if len(grants) == 0 {
		fmt.Fprintf(&text, "Nobody can %s%s.\n", permissions.EffectOf(path), reserve(r))
	} else if err := writeTable(&text, rows); err != nil {
		return err
	}
	told := answerFrom(r)
	told.Grants = grants
	if err := q.write(c, told, text.String()); err != nil {
		return err
	}
	tellMissing(c.ErrOrStderr(), r)
	if len(grants) > 0 {
		next(c, "what else somebody can do: commandsec can %s%s", quoted(named(grants[0].Holder)), q.again())
	}
	return nil
}

// again are the flags that ask the same place once more.
func (o *origin) again() string {
	return given("in", o.in)
}

func newCan() *cobra.Command {
	var q question
	c := &cobra.Command{
		Use:   "can HOLDER",
		Short: "Say what somebody can do, and through which role",
		Long: `Can says what a holder can do, through which role and which path of it. A holder is an
account, a group or a client, as in OAuthRole:pki-admins@System: type, value, scheme.
The value alone will do; if several holders have it, all are told.

What somebody can do besides as a member of a group, the server does not tell.`,
		Example: `  commandsec can 'OAuthRole:pki-admins@System' --in q3.json
  commandsec can 'KEYEXAMPLE\jsmith' --in q3.json
  commandsec can jsmith --json                     # asks the server`,
		Args: operands("HOLDER"),
		RunE: func(c *cobra.Command, args []string) error { return can(c, &q, args[0]) },
	}
	addQuestionFlags(c, &q)
	return c
}

// rights are what one holder can do.
type rights struct {
	Holder review.Key     `json:"holder"`
	Grants []review.Grant `json:"grants"`
}

func can(c *cobra.Command, q *question, asked string) error {
	r, s, err := q.review(c)
	if err != nil {
		return err
	}
	keys := r.Find(asked)
	if len(keys) == 0 {
		tellMissing(c.ErrOrStderr(), r)
		return fmt.Errorf("nobody there is called %s%s", asked, nearby(s, asked))
	}
	var (
		all  []rights
		text strings.Builder
	)
	for i, key := range keys {
		one := rights{key, r.Can(key)}
		all = append(all, one)
		if i > 0 {
			text.WriteString("\n")
		}
		fmt.Fprintf(&text, "%s\n", show.Text(key.String(), 300))
		if len(one.Grants) == 0 {
			fmt.Fprintf(&text, "  holds no role that grants something%s\n", reserve(r))
			continue
		}
		rows := [][]string{{"ROLE", "CAN", "THROUGH", "NOTE"}}
		for _, g := range one.Grants {
			rows = append(rows, []string{g.Role, g.Text, string(g.Path), note(g)})
		}
		if err := writeTable(&text, rows); err != nil {
			return err
		}
	}
	told := answerFrom(r)
	told.Holders = all
	if err := q.write(c, told, text.String()); err != nil {
		return err
	}
	tellMissing(c.ErrOrStderr(), r)
	if grants := all[0].Grants; len(grants) > 0 {
		next(c, "who else can do it: commandsec who-can %s%s", quoted(string(grants[0].Path)), q.again())
	}
	return nil
}

// reserve is what an answer ends with that may be wrong because something is missing.
func reserve(r *review.Review) string {
	if len(r.Gaps()) > 0 {
		return ", as far as could be read"
	}
	return ""
}

// maxNear is how many holders are suggested.
const maxNear = 5

// nearby suggests holders whose name has what was asked for in it.
func nearby(s *snapshot.Snapshot, asked string) string {
	_, value, ok := strings.Cut(asked, ":")
	if !ok {
		value = asked
	}
	value, _, _ = strings.Cut(value, "@")
	if _, bare, ok := strings.Cut(value, `\`); ok {
		value = bare
	}
	var near []string
	for _, claim := range s.Claims {
		if value != "" && strings.Contains(strings.ToLower(claim.Key.Value), strings.ToLower(value)) {
			near = append(near, quoted(named(claim.Key)))
		}
	}
	switch {
	case len(near) == 0:
		return "; name a holder as in OAuthRole:pki-admins@System ('commandsec review' lists all holders of a snapshot)"
	case len(near) > maxNear:
		return fmt.Sprintf("; did you mean %s, or one of %d others?", strings.Join(near[:maxNear], ", "), len(near)-maxNear)
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// named is a holder as a command takes it.
func named(k review.Key) string { return fmt.Sprintf("%s:%s@%s", k.Type, k.Value, k.Scheme) }

// note says what to know about a grant.
func note(g review.Grant) string {
	var notes []string
	if g.Part {
		notes = append(notes, "there only")
	}
	if g.Disabled {
		notes = append(notes, "the role is disabled")
	}
	if g.Assumed {
		notes = append(notes, "assumed")
	}
	if g.Name != "" {
		notes = append(notes, fmt.Sprintf("from %s (%s)", g.Name, g.Confidence))
	}
	return strings.Join(notes, "; ")
}

// writeTable writes rows with their cells below each other. The last column is left out if only its title has text. The text
// of others is shown as text.
func writeTable(w io.Writer, rows [][]string) error {
	last := len(rows[0]) - 1
	if !slices.ContainsFunc(rows[1:], func(row []string) bool { return row[last] != "" }) {
		last--
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, last+1)
		for i := range cells {
			cells[i] = show.Text(row[i], 300)
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	return t.Flush()
}
