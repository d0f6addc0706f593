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

A file of overrides has your own decisions, one a line: name | what | reason. What is "-" to drop the name, "accept" to take
what becomes of it, or the paths that it stands for, separated by spaces. {id} stands for the id of an object:
  Collections[{id}]:Recover | /certificates/collections/read/{id}/ | no keys
Decisions are about all roles. A line such as "Operators:" begins those about the role with that name alone.

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
  permissions lint -fix -accept /ssl/read/ /Portal/Read /ssl/modify/
  permissions diff /certificates/ -- /certificates/collections/read/6/

Results are on standard output, errors on standard error. convert ends with a line that says what its exit status means.

Exit status:
  0  done
  1  failed: lint found errors (with -fix, errors that are left), convert met unknown or refused names or decisions about
     none of the names, explain met something that is not known, or input or output did not work
  2  called wrongly
  3  convert gives or takes something, or guesses, and nobody decided about it: use -overrides or -accept
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are what the flags say.
type options struct {
	json       bool
	file       string
	convert    permissions.ConvertOptions
	overlay    string // files
	overrides  string
	out        string
	day        string
	redact     bool
	experiment bool
	fix        bool
	accept     []string
	inside     string
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

// output is where a command writes: its result to one, everything else that people should know to the other.
type output struct{ result, notes io.Writer }

// commands are the commands by name.
var commands = map[string]func(o options, in input, w output) error{
	"convert": convert, "prove": prove, "explain": explain, "lint": lint, "diff": diff,
}

// run is the program. It returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := command(args, stdin, output{stdout, stderr})
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
func command(args []string, stdin io.Reader, w output) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, name) {
		return help(w.result)
	} else if commands[name] == nil {
		return wrongly("unknown command %q: write convert, prove, explain, lint or diff", name)
	}
	o, list, err := parse(name, args)
	if errors.Is(err, flag.ErrHelp) {
		return help(w.result)
	}
	if err != nil {
		return err
	}
	in, err := read(o, list, stdin)
	if err != nil {
		return err
	}
	return commands[name](o, in, w)
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
		flags.StringVar(&o.overrides, "overrides", "", "take your own decisions, about all roles or some, from this `file`")
		flags.StringVar(&o.overlay, "overlay", "", "take what a server proved from this `file`, which prove -out writes")
		flags.Func("accept", "accept what becomes of these `names` in all roles, separated by commas; can be repeated", func(list string) error {
			for l := range strings.SplitSeq(list, ",") {
				o.convert.Accept = append(o.convert.Accept, permissions.Legacy(strings.TrimSpace(l)))
			}
			return nil
		})
	case "prove":
		flags.StringVar(&o.convert.Version, "on", "", "the server's `version`, for the overlay")
		flags.StringVar(&o.day, "date", time.Now().Format(time.DateOnly), "the `day` on which the roles were read, for the overlay")
		flags.StringVar(&o.out, "out", "", "write the overlay to this `file`; with -redact, without what others should not know")
		flags.BoolVar(&o.redact, "redact", false, "write what can be sent to others: names, paths and verdicts alone")
		flags.BoolVar(&o.experiment, "experiment", false, "write the roles to create on a test server, and what to do with them")
	case "lint":
		flags.BoolVar(&o.fix, "fix", false, "write the paths with everything fixed that changes no right")
		flags.Func("accept", "with -fix, also take these suggested `paths`, separated by commas, which lets the role do more; can be repeated", func(list string) error {
			o.accept = append(o.accept, strings.Split(list, ",")...)
			return nil
		})
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

func diff(o options, in input, w output) error {
	list, err := in.list()
	if err != nil {
		return err
	}
	cut := slices.Index(list, "--")
	if cut < 0 {
		return wrongly(`write "--" between the paths before and after`)
	}
	for i, s := range list {
		if i != cut && !strings.Contains(s, "/") {
			return wrongly("%q is not a path; diff takes paths, or one file of them after -f", s)
		}
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
	return write(o, w.result, d, text)
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
