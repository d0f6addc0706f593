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

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

const usage = `Usage: permissions <command> [flags] [permission ...]

Works on permissions of Keyfactor Command roles. It needs no server. Permissions are arguments, or come from a file
(-f) or standard input: one per line, or a JSON array of strings.

Commands:
  convert   version 1 names to version 2 paths, with what is lost, gained or guessed;
            paths (starting with /) are converted back to names
  explain   what each name, path, area or portal label means
  lint      what is wrong or risky about a role's paths
  diff      what a change means: the paths before, then "--", then the paths after
            (with -f, a line "--" divides the file)

Flags:
`

const examples = `
Examples:
  permissions convert AdminPortal:Read CertificateEnrollment:PendingCsr "Collections[6]:Revoke"
  permissions convert -min documented -on 11.3 -f role.txt
  permissions explain /certificates/requests/manage/ "Manage Pending CSRs"
  permissions lint -fix -accept /Portal/Read /ssl/modify/
  permissions diff /certificates/ -- /certificates/collections/read/6/

Exit status:
  0  done
  1  failed: lint found errors, convert met unknown or refused names, explain met something that is not known, or
     input or output did not work
  2  called wrongly
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are what the flags say.
type options struct {
	json        bool
	file        string
	convert     permissions.ConvertOptions
	fix, accept bool
	inside      string
}

// usageError is an error in how the program is called.
type usageError struct{ error }

func wrongly(format string, args ...any) error {
	return usageError{fmt.Errorf(format+"; see permissions -h", args...)}
}

// errFound says that the output reports a failure.
var errFound = errors.New("see the output")

// commands are the commands by name. Each writes its result to w.
var commands = map[string]func(o options, list []string, w io.Writer) error{
	"convert": convert, "explain": explain, "lint": lint, "diff": diff,
}

// run is the program. It returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := command(args, stdin, stdout)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return 1
	}
	report(stderr, err)
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// report writes an error, one line for each of those it joins.
func report(w io.Writer, err error) {
	if wrong, ok := errors.AsType[usageError](err); ok {
		err = wrong.error
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			report(w, err)
		}
		return
	}
	fmt.Fprintf(w, "permissions: %s\n", show.Text(err.Error(), 1000))
}

// command runs the command that the arguments name.
func command(args []string, stdin io.Reader, stdout io.Writer) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, name) {
		args = []string{"-h"}
	} else if commands[name] == nil {
		return wrongly("unknown command %q: write convert, explain, lint or diff", name)
	}
	o, list, err := parse(name, args)
	if errors.Is(err, flag.ErrHelp) {
		return help(stdout)
	}
	if err != nil {
		return err
	}
	if list, err = input(o, list, stdin); err != nil {
		return err
	}
	return commands[name](o, list, stdout)
}

// flagsFor returns the flags of the program, which set o.
func flagsFor(o *options) *flag.FlagSet {
	flags := flag.NewFlagSet("permissions", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are returned, and help is asked for
	flags.BoolVar(&o.json, "json", false, "write JSON instead of text")
	flags.StringVar(&o.file, "f", "", "read the permissions from this `file`")
	flags.StringVar(&o.convert.Version, "on", "", "convert: report what this Command `version` lacks, for example 11.3")
	flags.TextVar(&o.convert.MinConfidence, "min", permissions.ConfidenceNone, "convert: refuse what is mapped with less `confidence`: guess, inferred or documented")
	flags.BoolVar(&o.convert.RefuseWidening, "refuse-widening", false, "convert: refuse what lets the role do more than its names allowed")
	flags.BoolVar(&o.fix, "fix", false, "lint: write the paths with everything fixed that changes no right")
	flags.BoolVar(&o.accept, "accept", false, "lint: with -fix, also correct misspelled paths and add missing ones, which lets the role do more")
	flags.StringVar(&o.inside, "inside", "", "lint: report what is outside this permission set, `paths` separated by commas")
	return flags
}

func help(w io.Writer) error {
	var text bytes.Buffer
	flags := flagsFor(&options{})
	flags.SetOutput(&text)
	text.WriteString(usage)
	flags.PrintDefaults()
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
	flags := flagsFor(&o)
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

// input returns the permissions from the arguments, the file or standard input.
func input(o options, args []string, stdin io.Reader) ([]string, error) {
	if len(args) > 0 && o.file != "" {
		return nil, wrongly("give permissions as arguments or in a file, not both")
	}
	if len(args) > 0 {
		return args, nil
	}
	if o.file != "" {
		f, err := os.Open(o.file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it is only read
		stdin = f
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors start a file with it
	var list []string
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, wrongly("the input looks like JSON but is not an array of strings: %w", err)
		}
	} else {
		for line := range strings.Lines(string(text)) {
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

func convert(o options, list []string, w io.Writer) error {
	var names []permissions.Legacy
	var paths []permissions.Path
	for _, s := range list {
		if strings.HasPrefix(s, "/") {
			paths = append(paths, permissions.Path(s))
		} else {
			names = append(names, permissions.Legacy(s))
		}
	}
	if len(names) > 0 && len(paths) > 0 {
		return wrongly("give names or paths, not both")
	}
	if len(paths) > 0 {
		narrowing := permissions.Narrow(paths, &permissions.NarrowOptions{MinConfidence: o.convert.MinConfidence})
		return write(o, w, narrowing, narrowing.String())
	}
	conversion := permissions.Convert(names, &o.convert)
	err := conversion.Err()
	if errors.Is(err, permissions.ErrVersion) {
		return usageError{err}
	}
	return found(write(o, w, conversion, conversion.String()), err != nil)
}

func lint(o options, list []string, w io.Writer) error {
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

func diff(o options, list []string, w io.Writer) error {
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
