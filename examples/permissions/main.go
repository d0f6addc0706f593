// Permissions explains, converts and checks the permissions of Keyfactor Command roles. It needs no server.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

const usage = `Usage: permissions <command> [flags] [permission ...]

Works on permissions of Keyfactor Command roles. It needs no server. Permissions are arguments, or come from a file
(-f) or standard input: one per line, or a JSON array of strings.

Commands:
  convert   version 1 names to version 2 paths, with evidence, gains, losses and guesses, and what to test afterwards;
            many roles at once from a file; paths (starting with /) are converted back to names
  prove     what a server's own roles, read in both notations, prove about the mapping
  explain   what each name, path, area or portal label means
  lint      what is wrong or risky about a role's paths
  diff      what a change means: the paths before, then "--", then the paths after
            (with -f, a line "--" divides the file)
`

const examples = `
A file of roles has one name on each line, and a line such as "Operators:" begins the role with that name. As JSON, it is an
object with the names of each role, or what GET /Security/Roles answers in version 1.

A file of overrides has your own decisions, one a line: name | paths | reason. Paths are separated by spaces; "-" drops the
name. {id} stands for the id of an object: Collections[{id}]:Recover | /certificates/collections/read/{id}/ | no keys

prove reads a JSON object: {"known": [paths that GET /Permissions answers], "roles": [{"role": "Operators", "names": [...],
"paths": [...], "exact": false}]}. A role is exact if it was created through version 1 with exactly these names.

Examples:
  permissions convert AdminPortal:Read CertificateEnrollment:PendingCsr "Collections[6]:Revoke"
  permissions convert -f roles.txt -overrides decisions.txt -overlay overlay.txt -accept API:Read
  permissions convert -min documented -refuse-widening -on 11.3 -f role.txt
  permissions prove -f server.json -on 25.1 -out overlay.txt
  permissions prove -f server.json -experiment
  permissions prove -f server.json -redact
  permissions explain /certificates/requests/manage/ "Manage Pending CSRs"
  permissions lint -fix -accept /Portal/Read /ssl/modify/
  permissions diff /certificates/ -- /certificates/collections/read/6/

Exit status:
  0  done
  1  failed: lint found errors, convert met unknown or refused names or decisions about none of the names, explain met
     something that is not known, or input or output did not work
  2  called wrongly
  3  convert gives or takes something, or guesses, and nobody decided about it: use -accept or -overrides
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are what the flags say.
type options struct {
	json        bool
	file        string
	convert     permissions.ConvertOptions
	overlay     string // files
	overrides   string
	out         string
	day         string
	redact      bool
	experiment  bool
	fix, accept bool
	inside      string
}

// usageError is an error in how the program is called.
type usageError struct{ error }

func wrongly(format string, args ...any) error {
	return usageError{fmt.Errorf(format+"; see permissions -h", args...)}
}

// errFound says that the output reports a failure, errUndecided that it reports what somebody has to decide.
var (
	errFound     = errors.New("see the output")
	errUndecided = errors.New("see what is undecided in the output")
)

// commands are the commands by name. Each writes its result to w.
var commands = map[string]func(o options, in input, w io.Writer) error{
	"convert": convert, "prove": prove, "explain": explain, "lint": lint, "diff": diff,
}

// run is the program. It returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := command(args, stdin, stdout)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return 1
	case errors.Is(err, errUndecided):
		return 3
	}
	report(stderr, err)
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// report writes an error, which can have several lines.
func report(w io.Writer, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(w, "permissions: %s\n", show.Text(strings.TrimPrefix(line, "permissions: "), 1000))
	}
}

// command runs the command that the arguments name.
func command(args []string, stdin io.Reader, stdout io.Writer) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, name) {
		return help(stdout)
	} else if commands[name] == nil {
		return wrongly("unknown command %q: write convert, prove, explain, lint or diff", name)
	}
	o, list, err := parse(name, args)
	if errors.Is(err, flag.ErrHelp) {
		return help(stdout)
	}
	if err != nil {
		return err
	}
	in, err := read(o, list, stdin)
	if err != nil {
		return err
	}
	return commands[name](o, in, stdout)
}

// flagsFor returns the flags of a command, which set o.
func flagsFor(name string, o *options) *flag.FlagSet {
	flags := flag.NewFlagSet("permissions", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are returned, and help is asked for
	flags.BoolVar(&o.json, "json", false, "write JSON instead of text")
	flags.StringVar(&o.file, "f", "", "read the input from this `file`")
	switch name {
	case "convert":
		flags.StringVar(&o.convert.Version, "on", "", "report what this Command `version` lacks, for example 11.3")
		flags.TextVar(&o.convert.MinConfidence, "min", permissions.ConfidenceNone, "refuse what is mapped with less `confidence`: guess, inferred, documented or proven")
		flags.BoolVar(&o.convert.RefuseWidening, "refuse-widening", false, "refuse what lets a role do more than its names allowed")
		flags.StringVar(&o.overrides, "overrides", "", "take your own decisions from this `file`")
		flags.StringVar(&o.overlay, "overlay", "", "take what a server proved from this `file`, which prove -out writes")
		flags.Func("accept", "accept what becomes of these `names`, separated by commas; can be repeated", func(list string) error {
			for l := range strings.SplitSeq(list, ",") {
				o.convert.Accept = append(o.convert.Accept, permissions.Legacy(strings.TrimSpace(l)))
			}
			return nil
		})
	case "prove":
		flags.StringVar(&o.convert.Version, "on", "", "the server's `version`, for the overlay")
		flags.StringVar(&o.day, "date", time.Now().Format(time.DateOnly), "the `day` on which the roles were read, for the overlay")
		flags.StringVar(&o.out, "out", "", "write an overlay to this `file`")
		flags.BoolVar(&o.redact, "redact", false, "write what can be sent to others: names, paths and verdicts alone")
		flags.BoolVar(&o.experiment, "experiment", false, "write the roles to create on a test server, and what to do with them")
	case "lint":
		flags.BoolVar(&o.fix, "fix", false, "write the paths with everything fixed that changes no right")
		flags.BoolVar(&o.accept, "accept", false, "with -fix, also correct misspelled paths and add missing ones, which lets the role do more")
		flags.StringVar(&o.inside, "inside", "", "report what is outside this permission set, `paths` separated by commas")
	}
	return flags
}

func help(w io.Writer) error {
	var text bytes.Buffer
	text.WriteString(usage)
	for _, name := range []string{"convert", "prove", "lint", "explain and diff"} {
		flags := flagsFor(name, &options{})
		flags.SetOutput(&text)
		fmt.Fprintf(&text, "\nFlags of %s:\n", name)
		flags.PrintDefaults()
	}
	text.WriteString(examples)
	_, err := w.Write(text.Bytes())
	return err
}

// parse splits the arguments of a command into flags and permissions. Flags can come before, between and after the
// permissions. What follows "--" is not a flag; diff also takes it as its divider.
func parse(name string, args []string) (o options, list []string, err error) {
	head, tail := args, []string(nil)
	if cut := slices.Index(args, "--"); cut >= 0 {
		head, tail = args[:cut], args[cut:]
	}
	flags := flagsFor(name, &o)
	for {
		if err := flags.Parse(head); errors.Is(err, flag.ErrHelp) {
			return o, nil, err
		} else if err != nil {
			return o, nil, wrongly("%w", err)
		}
		if head = flags.Args(); len(head) == 0 {
			break
		}
		list, head = append(list, head[0]), head[1:]
	}
	if len(tail) > 0 && name != "diff" {
		tail = tail[1:]
	}
	return o, append(list, tail...), nil
}

// input is what a command works on: its arguments, or a text if there are none.
type input struct {
	args []string
	text []byte
}

// read reads the file or standard input if there are no arguments.
func read(o options, args []string, stdin io.Reader) (in input, err error) {
	switch {
	case len(args) > 0 && o.file != "":
		return in, wrongly("give permissions as arguments or in a file, not both")
	case len(args) > 0:
		return input{args: args}, nil
	case o.file != "":
		in.text, err = os.ReadFile(o.file)
	default:
		in.text, err = io.ReadAll(stdin)
	}
	in.text = bytes.TrimPrefix(in.text, []byte("\ufeff")) // some editors start a file with it
	return in, err
}

// list returns the permissions.
func (in input) list() ([]string, error) {
	list := in.args
	if bytes.HasPrefix(bytes.TrimSpace(in.text), []byte("[")) {
		if err := json.Unmarshal(in.text, &list); err != nil {
			return nil, wrongly("the input looks like JSON but is not an array of strings: %w", err)
		}
	} else {
		for line := range strings.Lines(string(in.text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				list = append(list, line)
			}
		}
	}
	if len(list) == 0 {
		return nil, wrongly("no permissions given")
	}
	return list, nil
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

// converted is a role with what to test.
type converted struct {
	permissions.RoleConversion
	Undecided []permissions.Item  `json:"undecided"`
	Checks    []permissions.Check `json:"checks"`
}

func convert(o options, in input, w io.Writer) error {
	if list, err := in.list(); err == nil && slices.ContainsFunc(list, isPath) {
		return narrow(o, list, w)
	}
	roles, err := in.roles()
	if err != nil {
		return err
	}
	if err := decisions(&o); err != nil {
		return err
	}
	conversions := permissions.ConvertAll(roles, &o.convert)
	failure := conversions.Err()
	if errors.Is(failure, permissions.ErrVersion) {
		_, err := o.version()
		return err
	}
	result := struct {
		permissions.Conversions
		Roles []converted `json:"roles"`
	}{Conversions: conversions}
	var text strings.Builder
	text.WriteString(conversions.String())
	for _, r := range conversions.Roles {
		c := converted{r, append([]permissions.Item{}, r.Undecided()...), r.Checks()}
		result.Roles = append(result.Roles, c)
		text.WriteString("\n")
		if r.Role != "" {
			fmt.Fprintf(&text, "Role \"%s\"\n", show.Text(r.Role, 200))
		}
		text.WriteString(permissions.FormatChecks(c.Checks))
		for _, item := range c.Undecided {
			fmt.Fprintf(&text, "UNDECIDED: %s; accept what becomes of it with -accept %[1]s, or decide in a file of -overrides\n", show.Text(string(item.Name), 200))
		}
	}
	err = found(write(o, w, result, text.String()), failure != nil)
	if err == nil && conversions.Undecided() {
		return errUndecided
	}
	return err
}

func isPath(s string) bool { return strings.HasPrefix(s, "/") }

// narrow converts paths back.
func narrow(o options, list []string, w io.Writer) error {
	paths := make([]permissions.Path, len(list))
	for i, s := range list {
		if !isPath(s) {
			return wrongly("give names or paths, not both")
		}
		paths[i] = permissions.Path(s)
	}
	narrowing := permissions.Narrow(paths, &permissions.NarrowOptions{MinConfidence: o.convert.MinConfidence})
	return write(o, w, narrowing, narrowing.String())
}

// version returns the version that a flag gives.
func (o options) version() (string, error) {
	conv := permissions.Convert(nil, &permissions.ConvertOptions{Version: o.convert.Version})
	if err := conv.Err(); err != nil {
		return "", usageError{err}
	}
	return o.convert.Version, nil
}

// decisions reads the files with overrides and proofs.
func decisions(o *options) error {
	err := fromFile(o.overrides, func(text []byte) (err error) {
		o.convert.Overrides, err = permissions.ParseOverrides(text)
		return err
	})
	if err != nil {
		return err
	}
	return fromFile(o.overlay, func(text []byte) (err error) {
		o.convert.Overlay, err = permissions.ParseOverlay(text)
		return err
	})
}

// fromFile parses a file, if there is one.
func fromFile(name string, parse func([]byte) error) error {
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := parse(text); err != nil {
		return usageError{fmt.Errorf("%s: %w", name, err)}
	}
	return nil
}

func prove(o options, in input, w io.Writer) error {
	if in.args != nil {
		return wrongly("prove reads a file or standard input, not arguments")
	}
	observations, known, err := permissions.ParseObservations(in.text)
	if err != nil {
		return usageError{err}
	}
	version, err := o.version()
	if err != nil {
		return err
	}
	day, err := time.Parse(time.DateOnly, o.day)
	if err != nil {
		return wrongly("%q is not a day: write it like 2026-01-31", o.day)
	}
	proof := permissions.Learn(observations, known)
	overlay := proof.Overlay(permissions.OverlaySource{Version: version, Date: day})
	if o.out != "" {
		text, err := overlay.MarshalText()
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.out, text, 0o600); err != nil {
			return err
		}
	}
	switch {
	case o.redact:
		redacted := overlay.Redact()
		text, err := redacted.MarshalText()
		if err != nil {
			return err
		}
		return write(o, w, redacted.Rows(), string(text))
	case o.experiment:
		tests := proof.Experiment()
		text := permissions.FormatExperiment(tests)
		if text == "" {
			text = "nothing is open\n"
		}
		return write(o, w, tests, text)
	}
	text := proof.String()
	if o.out != "" {
		text += "Next: permissions convert -overlay " + show.Text(o.out, 200) + " -f ROLES\n"
	}
	return write(o, w, proof.Rows(), text)
}

func lint(o options, in input, w io.Writer) error {
	list, err := in.list()
	if err != nil {
		return err
	}
	paths := make([]permissions.Path, len(list))
	for i, s := range list {
		paths[i] = permissions.Path(s)
	}
	var opts permissions.LintOptions
	if o.inside != "" {
		set, err := permissions.ParseSet(strings.Split(o.inside, ",")...)
		if err != nil {
			return usageError{err}
		}
		opts.PermissionSet = &set
	}
	findings := permissions.Lint(paths, &opts)
	failed := slices.ContainsFunc(findings, func(f permissions.Finding) bool { return f.Severity == permissions.SeverityError })
	var text strings.Builder
	if o.accept && !o.fix {
		return wrongly("-accept goes with -fix")
	}
	if o.fix {
		for i, f := range findings {
			if o.accept {
				findings[i] = f.Accept()
			}
		}
		fixed := permissions.Fix(paths, findings)
		for _, p := range fixed {
			text.WriteString(shown(p) + "\n")
		}
		return found(write(o, w, fixed, text.String()), failed)
	}
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Severity, f.Code, shown(f.Path), f.Text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(findings) == 0 {
		findings = []permissions.Finding{}
		text.WriteString("nothing to report\n")
	}
	return found(write(o, w, findings, text.String()), failed)
}

func diff(o options, in input, w io.Writer) error {
	list, err := in.list()
	if err != nil {
		return err
	}
	cut := slices.Index(list, "--")
	if cut < 0 {
		return wrongly(`write "--" between the paths before and after`)
	}
	before, errBefore := permissions.ParseSet(list[:cut]...)
	after, errAfter := permissions.ParseSet(list[cut+1:]...)
	if err := errors.Join(errBefore, errAfter); err != nil {
		return usageError{err}
	}
	d := before.Diff(after)
	text := d.String()
	if d.Empty() {
		text = "no change in effect\n"
	}
	return write(o, w, d, text)
}

// shown returns a path as text on one line: quoted if it is malformed or has space around it.
func shown(p permissions.Path) string {
	text := show.Text(string(p), 200)
	if _, err := permissions.ParsePath(string(p)); p != "" && (err != nil || strings.TrimSpace(string(p)) != string(p)) {
		return `"` + text + `"`
	}
	return text
}

// found returns errFound for a result that reports a failure, once it is written.
func found(err error, failed bool) error {
	if err == nil && failed {
		return errFound
	}
	return err
}

// write writes v as JSON, or text as it is.
func write(o options, w io.Writer, v any, text string) error {
	if o.json {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	_, err := io.WriteString(w, text)
	return err
}
