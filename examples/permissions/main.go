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

	"github.com/commandsec/commandsec-go/permissions"
)

const usage = `Usage: permissions <command> [flags] [permission ...]

Works on permissions of Keyfactor Command roles, with no server at hand. Permissions are given as arguments, in a
file (-f), or else on standard input: one per line, or a JSON array of strings.

Commands:
  convert   version one names to version two paths, with what is lost, gained or guessed;
            paths (starting with /) are led back to names
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
  permissions lint -fix /Portal/Read /ssl/modify/
  permissions diff /certificates/ -- /certificates/collections/read/6/

Exit status: 0, or 1 if lint finds errors or convert meets unknown or refused names, or 2 if it is called wrongly.
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are what the flags say.
type options struct {
	json, fix bool
	file      string
	convert   permissions.ConvertOptions
	inside    string
}

// errUsage marks errors about how the program is called.
var errUsage = errors.New("see permissions -h")

// run is the program; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("permissions", flag.ContinueOnError)
	var said strings.Builder // what the flags have to say: help goes to standard output, complaints do not
	flags.SetOutput(&said)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
		fmt.Fprint(flags.Output(), examples)
	}
	flags.BoolVar(&o.json, "json", false, "write JSON instead of text")
	flags.StringVar(&o.file, "f", "", "read the permissions from this `file`")
	flags.StringVar(&o.convert.Version, "on", "", "convert: report what this Command `version` lacks, 11.3 for example")
	flags.TextVar(&o.convert.MinConfidence, "min", permissions.None, "convert: refuse what is mapped with less `confidence`: guess, inferred or documented")
	flags.BoolVar(&o.fix, "fix", false, "lint: write the paths with everything fixed that can be, missing companions included")
	flags.StringVar(&o.inside, "inside", "", "lint: report what is outside this permission set, `paths` separated by commas")

	commands := map[string]func(options, []string, io.Writer) (int, error){"convert": convert, "explain": explain, "lint": lint, "diff": diff}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	command := commands[name]
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, name) {
		args = []string{name, "-h"}
	} else if command == nil {
		fmt.Fprintf(stderr, "permissions: unknown command %q: write convert, explain, lint or diff; see permissions -h\n", name)
		return 2
	}
	// What follows "--" is no flag; diff also takes it as its divider.
	head, tail := args[1:], []string(nil)
	if cut := slices.Index(head, "--"); cut >= 0 {
		head, tail = head[:cut], head[cut:]
	}
	var list []string
	for { // flags may stand before, between and after the permissions
		if err := flags.Parse(head); errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, &said)
			return 0
		} else if err != nil {
			fmt.Fprint(stderr, &said)
			return 2
		}
		if head = flags.Args(); len(head) == 0 {
			break
		}
		list, head = append(list, head[0]), head[1:]
	}
	if len(tail) > 0 && name != "diff" {
		tail = tail[1:]
	}
	list, err := input(o, append(list, tail...), stdin)
	status := 2
	if err == nil {
		status, err = command(o, list, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "permissions: %v\n", err)
	}
	return status
}

// input returns the permissions from the arguments, the file or standard input.
func input(o options, args []string, stdin io.Reader) ([]string, error) {
	if len(args) > 0 && o.file != "" {
		return nil, fmt.Errorf("give permissions as arguments or in a file, not both; %w", errUsage)
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
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors open a file with it
	var list []string
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("input looks like JSON but is not an array of strings: %w", err)
		}
	} else {
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				list = append(list, line)
			}
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no permissions given; %w", errUsage)
	}
	return list, nil
}

func convert(o options, list []string, w io.Writer) (int, error) {
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
		return 2, fmt.Errorf("give names or paths, not both; %w", errUsage)
	}
	if len(paths) > 0 {
		narrowing := permissions.Narrow(paths, &permissions.NarrowOptions{MinConfidence: o.convert.MinConfidence})
		return 0, write(o, w, narrowing, narrowing.String())
	}
	conv := permissions.Convert(names, &o.convert)
	if errors.Is(conv.Err(), permissions.ErrVersion) {
		return 2, conv.Err()
	}
	if err := write(o, w, conv, conv.String()); err != nil {
		return 2, err
	}
	if conv.Err() == nil {
		return 0, nil
	}
	return 1, nil // the report says why
}

// explanation is what explain says about one argument.
type explanation struct {
	Input string `json:"input"`
	permissions.Entries
}

func explain(o options, list []string, w io.Writer) (int, error) {
	var all []explanation
	status := 0
	for _, s := range list {
		e := explanation{Input: s, Entries: permissions.Entries{Legacy: []permissions.LegacyInfo{}, Paths: []permissions.PathInfo{}}}
		if info, ok := permissions.Known(permissions.Path(s)); ok && strings.Contains(s, "/") {
			e.Paths = append(e.Paths, info)
		} else if info, ok := permissions.KnownLegacy(permissions.Legacy(s)); ok {
			e.Legacy = append(e.Legacy, info)
		} else if e.Entries = permissions.InArea(s); len(e.Legacy)+len(e.Paths) == 0 {
			e.Entries = permissions.WithLabel(s)
		}
		if len(e.Legacy)+len(e.Paths) == 0 {
			status = 1
		}
		all = append(all, e)
	}
	if o.json {
		return status, write(o, w, all, "")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, text string) {
		if text != "" {
			fmt.Fprintf(t, "  %s\t%s\n", what, text)
		}
	}
	for _, e := range all {
		if len(e.Legacy)+len(e.Paths) == 0 {
			fmt.Fprintf(t, "%q is not known here\n", e.Input)
		}
		for _, l := range e.Legacy {
			fmt.Fprintf(t, "%s\n", l.Name)
			row("allows", l.Description())
			row("portal", strings.Trim(l.Area+": "+l.Label, ": "))
			row("listed", l.Listed)
			row("deprecated", l.Deprecated)
			for _, m := range l.Mappings {
				if m.Path == "" {
					row("version two", "none: "+m.Remark)
					continue
				}
				row("version two", fmt.Sprintf("%s (%s %s: %s)", m.Path, m.Confidence, m.Evidence, m.Source))
				row("reasoning", m.Remark)
				if m.Widens != "" {
					row("widens", "can then "+m.Widens+", unless the role also holds "+string(m.Unless))
				}
				row("caution", m.Caution)
			}
		}
		for _, p := range e.Paths {
			asked := p.Path
			if c, err := permissions.ParsePath(e.Input); err == nil && p.Path.Covers(c) {
				asked = c
			}
			fmt.Fprintf(t, "%s\n", asked)
			row("allows to", permissions.EffectOf(asked))
			row("note", p.Note)
			row("risk", p.Risk)
			if p.Scope != permissions.ScopeGlobal {
				row("can be limited to one", strings.ReplaceAll(string(p.Scope), "_", " "))
			}
			row("since", p.Since)
			row("deprecated", p.Deprecated())
			row("evidence", strings.TrimSuffix(p.Evidence+"; seen: "+p.Seen, "; seen: "))
			var names []string
			for _, l := range permissions.NamesOf(asked) {
				names = append(names, string(l))
			}
			row("version one", strings.Join(names, ", "))
		}
	}
	return status, t.Flush()
}

func lint(o options, list []string, w io.Writer) (int, error) {
	paths := toPaths(list)
	var opts []permissions.LintOption
	if o.inside != "" {
		set, err := permissions.ParseSet(strings.Split(o.inside, ",")...)
		if err != nil {
			return 2, err
		}
		opts = append(opts, permissions.Inside(set))
	}
	findings := permissions.Lint(paths, opts...)
	status := 0
	if slices.ContainsFunc(findings, func(f permissions.Finding) bool { return f.Severity == permissions.SeverityError }) {
		status = 1
	}
	if o.fix {
		fixed := permissions.Fix(paths, findings)
		var text strings.Builder
		for _, p := range fixed {
			fmt.Fprintln(&text, p)
		}
		return status, write(o, w, fixed, text.String())
	}
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		path := string(f.Path)
		if _, err := permissions.ParsePath(path); path != "" && (err != nil || strings.TrimSpace(path) != path) {
			path = fmt.Sprintf("%q", path)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Severity, f.Code, path, f.Text)
	}
	if err := t.Flush(); err != nil {
		return 2, err
	}
	if len(findings) == 0 {
		findings = []permissions.Finding{}
		text.WriteString("nothing to report\n")
	}
	return status, write(o, w, findings, text.String())
}

func diff(o options, list []string, w io.Writer) (int, error) {
	cut := slices.Index(list, "--")
	if cut < 0 {
		return 2, fmt.Errorf(`write "--" between the paths before and after; %w`, errUsage)
	}
	before, err := permissions.ParseSet(list[:cut]...)
	if err != nil {
		return 2, err
	}
	after, err := permissions.ParseSet(list[cut+1:]...)
	if err != nil {
		return 2, err
	}
	d := before.Diff(after)
	text := d.String()
	if d.Empty() {
		text = "no change in effect\n"
	}
	return 0, write(o, w, d, text)
}

func toPaths(list []string) []permissions.Path {
	paths := make([]permissions.Path, len(list))
	for i, s := range list {
		paths[i] = permissions.Path(s)
	}
	return paths
}

// write writes v as JSON or text as it is.
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
