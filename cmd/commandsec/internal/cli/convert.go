package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

func newConvert() *cobra.Command {
	var (
		f                  permissionFlags
		options            permissions.ConvertOptions
		overrides, overlay string
		accept             []string
	)
	c := &cobra.Command{
		Use:   "convert [PERMISSION...]",
		Short: "Turn names of version 1 into paths of version 2, and back",
		Long: `Convert turns names of version 1 into paths of version 2. It says how sure each row of
the mapping is and what it rests on, what a role gains and loses, and what to test
afterwards. Paths, which start with /, are turned back into names.

A file of roles has one name a line, and a line such as "Operators:" begins the role of
that name. As JSON it is an object with the names of each role, or what
GET /Security/Roles answers in version 1.

A file of overrides has your own decisions, one a line: name | what | reason. What is "-"
to drop the name, "accept" to take what becomes of it, or the paths that it stands for,
separated by spaces. {id} stands for the id of an object:
  Collections[{id}]:Recover | /certificates/collections/read/{id}/ | no keys
Decisions are about all roles. A line such as "Operators:" begins those about one role.

Exit status 1 if a name is not known, or a decision is about none of the names. 3 if
somebody has to decide something: a name gives the role something or takes it away, or
is converted by a guess, and nobody accepted it by name (--accept, --overrides); or it is
refused (--min, --refuse-widening, --overlay).`,
		Example: `  commandsec permissions convert AdminPortal:Read CertificateEnrollment:PendingCsr "Collections[6]:Revoke"
  commandsec permissions convert -f roles.txt --overrides decisions.txt --overlay overlay.txt --accept API:Read
  commandsec permissions convert -f roles.txt --refuse-widening --min documented --on 11.3
  commandsec permissions convert /portal/read/ /certificates/collections/revoke/6/`,
		RunE: func(c *cobra.Command, args []string) error {
			for _, name := range accept {
				options.Accept = append(options.Accept, permissions.Legacy(strings.TrimSpace(name)))
			}
			return convert(c, f, args, options, overrides, overlay)
		},
	}
	addPermissionFlags(c, &f)
	c.Flags().StringVar(&options.Version, "on", "", "report what this `version` of Command lacks, such as 11.3")
	c.Flags().TextVar(&options.MinConfidence, "min", permissions.ConfidenceNone, "refuse what is mapped with less `confidence`: guess, inferred, documented or proven")
	c.Flags().BoolVar(&options.RefuseWidening, "refuse-widening", false, "refuse what lets a role do more than its names allowed")
	c.Flags().StringVar(&overrides, "overrides", "", "take your own decisions, about all roles or some, from this `file`")
	c.Flags().StringVar(&overlay, "overlay", "", "take what a server proved from this `file`, which 'commandsec prove' writes")
	c.Flags().StringSliceVar(&accept, "accept", nil, "accept what becomes of these `names` in all roles, separated by commas; can be repeated")
	return c
}

func convert(c *cobra.Command, f permissionFlags, args []string, options permissions.ConvertOptions, overrides, overlay string) error {
	in, err := f.read(c, args, overrides, overlay)
	if err != nil {
		return err
	}
	if list, err := in.list(); err == nil && slices.ContainsFunc(list, isPath) {
		return narrow(c, f, list, options.MinConfidence)
	}
	roles, err := in.roles()
	if err != nil {
		return err
	}
	if options.Decisions, err = fromFile("--overrides", overrides, permissions.ParseDecisions); err != nil {
		return err
	}
	if options.Overlay, err = fromFile("--overlay", overlay, permissions.ParseOverlay); err != nil {
		return err
	}
	conversions := permissions.ConvertAll(roles, &options)
	if err := conversions.Err(); errors.Is(err, permissions.ErrVersion) {
		return wrongly("--on: %q is not a version of Command; write it like 11.3", options.Version)
	}
	if err := f.write(c, jsonOf(conversions), textOf(conversions)); err != nil {
		return err
	}
	return judge(c, conversions)
}

// judge says whether what became of the roles can be used, and what to do next.
func judge(c *cobra.Command, conversions permissions.Conversions) error {
	unknown, refused, undecided, lacking, unused := 0, 0, 0, 0, 0
	for _, r := range conversions.Roles {
		undecided += len(r.Undecided())
		for _, item := range r.Items {
			switch item.Outcome {
			case permissions.OutcomeUnknown:
				unknown++
			case permissions.OutcomeRefused:
				refused++
			default:
			}
			lacking += len(item.Unavailable)
		}
	}
	for _, d := range conversions.Decisions {
		if len(d.Roles) == 0 {
			unused++
		}
	}
	if failure := conversions.Err(); failure != nil {
		complain(c.ErrOrStderr(), failure)
	}
	tell := func(n int, one, many string) {
		if n > 0 {
			fmt.Fprintf(c.ErrOrStderr(), "%s.\n", count(n, one, many))
		}
	}
	tell(unknown, "name is unknown", "names are unknown")
	tell(refused, "name is refused", "names are refused")
	tell(unused, "decision is about no name of these roles", "decisions are about no name of these roles")
	tell(undecided, "name gives or takes something, or is a guess, and nobody decided about it",
		"names give or take something, or are guesses, and nobody decided about them")
	switch {
	case unknown+refused+undecided > 0:
		next(c, "decide with --overrides about each name that is UNDECIDED, and convert again.")
	case unused > 0:
		next(c, "correct or remove these decisions, and convert again.")
	case lacking > 0:
		next(c, "look at what is NOT ON THIS VERSION; then give the roles these paths, and make the test calls.")
	default:
		next(c, "give the roles these paths, and make the test calls.")
	}
	switch {
	case unknown+unused > 0:
		return errTold
	case refused+undecided > 0:
		return errFound
	}
	return nil
}

// converted is a role with what to decide and what to test.
type converted struct {
	permissions.RoleConversion

	Counts    permissions.Counts  `json:"counts"`
	Undecided []permissions.Item  `json:"undecided"`
	Checks    []permissions.Check `json:"checks"`
}

// jsonOf returns conversions as a program gets them.
func jsonOf(c permissions.Conversions) any {
	result := struct {
		permissions.Conversions

		Roles  []converted        `json:"roles"`
		Counts permissions.Counts `json:"counts"`
	}{Conversions: c, Roles: []converted{}, Counts: c.Counts()}
	for _, r := range c.Roles {
		result.Roles = append(result.Roles, converted{r, r.Counts(), append([]permissions.Item{}, r.Undecided()...), r.Checks()})
	}
	return result
}

// textOf returns conversions as a person gets them: role by role what became of each name, what to test and what to decide,
// then the summary.
func textOf(c permissions.Conversions) string {
	var text strings.Builder
	for _, r := range c.Roles {
		if r.Role != "" {
			fmt.Fprintf(&text, "Role \"%s\"\n", show.Text(r.Role, 200))
		}
		text.WriteString(r.String() + permissions.FormatChecks(r.Checks()))
		text.WriteString(undecided(r))
		text.WriteString("\n")
	}
	return text.String() + c.Summary()
}

// undecided says of each name that somebody has to decide about why, and what to write in the file of decisions.
func undecided(r permissions.RoleConversion) string {
	where := "Write in the file of --overrides"
	if r.Role != "" {
		where += fmt.Sprintf(", below \"%s:\" if it is for this role alone", show.Text(r.Role, 200))
	}
	var text strings.Builder
	line := func(item permissions.Item, why, choice string) {
		name := show.Text(string(item.Name), 200)
		fmt.Fprintf(&text, "UNDECIDED: %s %s. %s: %s | %s | reason\n", name, why, where, name, choice)
	}
	for _, item := range r.Undecided() {
		line(item, effects(item), "accept, - or paths")
	}
	for _, item := range r.Items {
		switch item.Outcome {
		case permissions.OutcomeRefused:
			line(item, "is refused", "- or paths")
		case permissions.OutcomeUnknown:
			line(item, "is unknown: correct it, or decide", "- or paths")
		case permissions.OutcomeConverted, permissions.OutcomeDropped:
		}
	}
	return text.String()
}

// effects says why somebody has to decide about an item.
func effects(item permissions.Item) string {
	switch {
	case item.Widens != "" && item.Narrows != "":
		return "widens and narrows the role"
	case item.Widens != "":
		return "widens the role"
	case item.Narrows != "":
		return "narrows the role"
	}
	return "is converted by a guess"
}

// count is "1 name", or "2 names".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// roles returns the roles of a file, or the one whose names are the arguments.
func (in input) roles() ([]permissions.LegacyRole, error) {
	if in.args == nil {
		roles, err := permissions.ParseRoles(in.text)
		if err != nil {
			return nil, usageError{err}
		}
		return roles, nil
	}
	var role permissions.LegacyRole
	for _, s := range in.args {
		role.Names = append(role.Names, permissions.Legacy(s))
	}
	return []permissions.LegacyRole{role}, nil
}

func isPath(s string) bool { return strings.HasPrefix(s, "/") }

// narrow converts paths back.
func narrow(c *cobra.Command, f permissionFlags, list []string, least permissions.Confidence) error {
	paths := make([]permissions.Path, len(list))
	for i, s := range list {
		if !isPath(s) {
			return wrongly("give names or paths, not both")
		}
		paths[i] = permissions.Path(s)
	}
	narrowing := permissions.Narrow(paths, &permissions.NarrowOptions{MinConfidence: least})
	return f.write(c, narrowing, narrowing.String())
}

// fromFile parses a file, if one is named.
func fromFile[T any](flag, name string, parse func([]byte) (T, error)) (parsed T, err error) {
	if name == "" {
		return parsed, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return parsed, fmt.Errorf("read %s: %w", flag, err)
	}
	if parsed, err = parse(text); err != nil {
		return parsed, usageError{fmt.Errorf("%s %s: %w", flag, name, err)}
	}
	return parsed, nil
}

// digesting tells the digest of a file while it is parsed.
func digesting[T any](tell func(digest string), parse func([]byte) (T, error)) func([]byte) (T, error) {
	return func(text []byte) (T, error) {
		sum := sha256.Sum256(text)
		tell("sha256:" + hex.EncodeToString(sum[:]))
		return parse(text)
	}
}
