package cli

import (
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

A file of overrides has your own decisions, one a line: name | paths | reason. Paths are
separated by spaces; "-" drops the name; {id} stands for the id of an object:
  Collections[{id}]:Recover | /certificates/collections/read/{id}/ | no keys

Exit status 1 if a name is not known, or a decision is about none of the names. 3 if a
name is refused (--min, --refuse-widening, --overlay), and with --exit-code if something
is undecided: use --accept or --overrides.`,
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
	exitCodeFlag(c, &f.exitCode, "something is undecided")
	c.Flags().StringVar(&options.Version, "on", "", "report what this `version` of Command lacks, such as 11.3")
	c.Flags().TextVar(&options.MinConfidence, "min", permissions.ConfidenceNone, "refuse what is mapped with less `confidence`: guess, inferred, documented or proven")
	c.Flags().BoolVar(&options.RefuseWidening, "refuse-widening", false, "refuse what lets a role do more than its names allowed")
	c.Flags().StringVar(&overrides, "overrides", "", "take your own decisions from this `file`")
	c.Flags().StringVar(&overlay, "overlay", "", "take what a server proved from this `file`, which 'commandsec prove' writes")
	c.Flags().StringSliceVar(&accept, "accept", nil, "accept what becomes of these `names`, separated by commas; can be repeated")
	return c
}

// converted is a role with what to test.
type converted struct {
	permissions.RoleConversion
	Undecided []permissions.Item  `json:"undecided"`
	Checks    []permissions.Check `json:"checks"`
}

func convert(c *cobra.Command, f permissionFlags, args []string, options permissions.ConvertOptions, overrides, overlay string) error {
	in, err := f.read(c, args)
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
	result := struct {
		permissions.Conversions
		Roles []converted `json:"roles"`
	}{Conversions: conversions}
	var text strings.Builder
	text.WriteString(conversions.String())
	for _, r := range conversions.Roles {
		one := converted{r, append([]permissions.Item{}, r.Undecided()...), r.Checks()}
		result.Roles = append(result.Roles, one)
		text.WriteString("\n")
		if r.Role != "" {
			fmt.Fprintf(&text, "Role \"%s\"\n", show.Text(r.Role, 200))
		}
		text.WriteString(permissions.FormatChecks(one.Checks))
		for _, item := range one.Undecided {
			fmt.Fprintf(&text, "UNDECIDED: %s; accept what becomes of it with --accept %[1]s, or decide in a file of --overrides\n", show.Text(string(item.Name), 200))
		}
	}
	if err := f.write(c, result, text.String()); err != nil {
		return err
	}
	return judge(c, f, conversions)
}

// judge says what the exit status is to say.
func judge(c *cobra.Command, f permissionFlags, conversions permissions.Conversions) error {
	undecided := 0
	for _, r := range conversions.Roles {
		undecided += len(r.Undecided())
	}
	unknown, refused := outcomes(conversions)
	failure := conversions.Err()
	switch {
	case errors.Is(failure, permissions.ErrOverride), errors.Is(failure, permissions.ErrAccept):
		return failure
	case unknown > 0:
		return fmt.Errorf("%s not known; decide about them with --overrides", count(unknown, "name is", "names are"))
	case refused > 0:
		next(c, "decide about %s with --overrides.", count(refused, "refused name", "refused names"))
		return errFound
	case undecided > 0:
		next(c, "decide about %s with --accept or --overrides.", count(undecided, "name", "names"))
		if f.exitCode {
			return errFound
		}
	default:
		next(c, "give the roles these paths, and then test what is listed.")
	}
	return nil
}

func outcomes(conversions permissions.Conversions) (unknown, refused int) {
	for _, r := range conversions.Roles {
		for _, item := range r.Items {
			switch item.Outcome {
			case permissions.OutcomeUnknown:
				unknown++
			case permissions.OutcomeRefused:
				refused++
			default:
			}
		}
	}
	return unknown, refused
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
