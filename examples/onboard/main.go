// Onboard gives teams what they need to work with Keyfactor Command: each team
// of a file gets a role, its groups get the role, and the role gets permissions
// for the team's certificate collections. It can be run again at any time: what
// is there already stays as it is, also what other people gave a role.
//
// No command of the program does this: it only reads. "commandsec compare" tells afterwards who can do what now.
//
// Without configuration it runs on a simulated server with a sample file. If a
// server is configured it uses that one.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

const help = `Onboard gives each team of a file a role, with groups and permissions.

  go run ./examples/onboard                         a sample file, on a simulated server
  go run ./examples/onboard -file teams.json        your file, on a simulated server
  go run ./examples/onboard -file teams.json -profile lab -dry-run

With -profile or -config it uses the server of that profile of kfutil. Else, if
KEYFACTOR_* variables are set, the server that they name (see "go doc ./security
ConfigFromEnv"). On such a server it needs -file. examples/onboard/teams.json shows
what a file looks like; the rights on collections are read, edit_metadata, revoke,
delete, recover and change_owner.

A role of the team's name that exists is completed: description and e-mail
address become those of the file, and groups and permissions are added. Nothing
is taken from a role. How far it is goes to standard error. After Ctrl-C the table
tells what was done; run it again for the rest.

The exit status is 1 if something failed, and 2 if the flags are wrong.

Flags:
`

//go:embed teams.json
var sample []byte

var (
	errUsage = errors.New("see -h")
	// errFailed: not everything was done. The table says what.
	errFailed = errors.New("not everything was done; what the table says is done stays, run it again for the rest")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	listen := context.AfterFunc(ctx, func() {
		stop() // a second Ctrl-C ends the program at once
		fmt.Fprintln(os.Stderr, "interrupted: nothing more is begun")
	})
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	listen()
	stop()
	os.Exit(report(err, os.Stderr))
}

// report says what went wrong, and returns the exit status.
func report(err error, out io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(out, "onboard:", err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

func run(ctx context.Context, args []string, stdout, progress io.Writer) error {
	flags := flag.NewFlagSet("onboard", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("file", "", "the `file` with the teams")
	dryRun := flags.Bool("dry-run", false, "say what would be done, and do nothing")
	settle := flags.Duration("settle", 0, "guard against other programs that write at the same `time` (security.WithSettle)")
	config := flags.String("config", "", "the configuration `file` of kfutil, ~/.keyfactor/command_config.json by default")
	profile := flags.String("profile", "", `the profile in that file, "default" by default`)
	out := &output{Writer: stdout}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, help)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return out.err
	case err != nil:
		return fmt.Errorf("%w; %w", err, errUsage)
	case flags.NArg() > 0:
		return fmt.Errorf("unknown argument %q; %w", flags.Arg(0), errUsage)
	}
	cfg, err := configured(*config, *profile)
	if err != nil {
		return err
	}
	if cfg != nil && *file == "" {
		return fmt.Errorf("a server is configured (%s), so -file is needed; %w", cfg.Source, errUsage)
	}
	name, data := "teams.json", sample
	if *file != "" {
		if name, data, err = read(*file); err != nil {
			return err
		}
	}
	teams, warnings, err := readTeams(name, data)
	if err != nil {
		return err
	}
	options := []security.Option{security.WithUserAgent("onboard/1")}
	if *settle != 0 {
		options = append(options, security.WithSettle(*settle))
	}
	client, done, err := connect(out, cfg, options)
	if err != nil {
		return err
	}
	defer done()
	for _, w := range warnings {
		fmt.Fprintf(out, "Look at %s\n", w)
	}
	o := &onboarding{service: roles.NewV2(client), dryRun: *dryRun, progress: progress}
	err = o.onboard(ctx, teams).print(out, *dryRun)
	if err == nil && cfg == nil && !*dryRun {
		fmt.Fprintln(out, "\nOnce more, to see that it can be repeated:")
		err = o.onboard(ctx, teams).print(out, false)
	}
	if err == nil {
		err = out.err
	}
	return err
}

// output remembers that something could not be written.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	o.err = cmp.Or(o.err, err)
	return n, err
}

func read(file string) (string, []byte, error) {
	data, err := os.ReadFile(file) // the user names it
	return file, data, err
}

// configured returns the configuration of the profile, if one is named, or else of
// the environment; nil if there is neither.
func configured(file, profile string) (*security.Config, error) {
	if file != "" || profile != "" {
		return security.LoadConfig(file, profile)
	}
	cfg, err := security.ConfigFromEnv()
	if errors.Is(err, security.ErrNotConfigured) {
		return nil, nil //nolint:nilnil // not to have one is no error here
	}
	return cfg, err
}

// connect returns a client for the configured server, or for a simulated one.
func connect(out io.Writer, cfg *security.Config, options []security.Option) (*security.Client, func(), error) {
	if cfg != nil {
		fmt.Fprintf(out, "Using the server at %s, from %s.\n", cfg.BaseURL(), cfg.Source)
		for _, warning := range cfg.Warnings {
			fmt.Fprintln(out, "Warning:", warning)
		}
		client, err := security.NewClientFromConfig(cfg, options...)
		return client, func() {}, err
	}
	server := securitytest.NewServer(
		securitytest.WithQuirks(securitytest.Quirks{NormalizeADClaims: "KEYEXAMPLE"}),
		securitytest.WithRoles(securitytest.Role{
			Name: "Web Platform", Description: "The web people", Permissions: []string{"/portal/read/", "/reports/read/"},
			Claims: []securitytest.Claim{{Type: "OAuthRole", Value: "web-interns", Scheme: "System", Description: "Interns"}},
		}),
	)
	client, err := server.Client(options...)
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	fmt.Fprintf(out, "No server is configured: started a simulated one at %s\n"+
		"where somebody has made a role \"Web Platform\" already, with a group and permissions of its own.\n", server.URL)
	return client, server.Close, nil
}

// onboarding is the work on one server.
type onboarding struct {
	service  *roles.V2
	dryRun   bool
	progress io.Writer
}

// outcome is what became of one team.
type outcome struct {
	team   string
	action security.Action
	fields []security.FieldChange // what was done, even if the rest failed
	err    error
}

type outcomes []outcome

// onboard makes the roles, and then completes them. The first step says nothing
// about groups and permissions, so that a role that somebody else made keeps its
// own; the second only adds, on what the role has at that moment.
func (o *onboarding) onboard(ctx context.Context, teams []*team) outcomes {
	var options []security.CallOption
	if o.dryRun {
		options = append(options, security.WithDryRun())
	}
	wanted := make([]roles.CreateV2, len(teams))
	bare := make([]roles.CreateV2, len(teams))
	for i, t := range teams {
		wanted[i] = t.role()
		bare[i] = roles.CreateV2{Name: t.name, Description: t.description, EmailAddress: t.email}
	}
	// The error says no more than the results.
	results, _ := o.service.EnsureAll(ctx, bare, nil, append(slices.Clip(options), security.WithProgress(o.tell(ctx, "roles")))...)
	all := make(outcomes, len(teams))
	tell := o.tell(ctx, "groups and permissions")
	var (
		group    errgroup.Group
		mu       sync.Mutex
		finished int
	)
	group.SetLimit(4)
	for i, r := range results {
		group.Go(func() error {
			all[i] = o.complete(ctx, wanted[i], r, options)
			mu.Lock()
			defer mu.Unlock()
			finished++
			tell(finished, len(teams))
			return nil
		})
	}
	_ = group.Wait()
	return all
}

// tell says how far the work is, once a second at most, and at the end.
func (o *onboarding) tell(ctx context.Context, what string) func(finished, total int) {
	var last time.Time
	return func(finished, total int) {
		if ctx.Err() == nil && (finished == total || time.Since(last) >= time.Second) {
			last = time.Now()
			fmt.Fprintf(o.progress, "%s: %d of %d\n", what, finished, total)
		}
	}
}

// complete gives a role what is still missing.
func (o *onboarding) complete(ctx context.Context, wanted roles.CreateV2, made security.BulkResult[roles.RoleV2], options []security.CallOption) outcome {
	result := outcome{team: wanted.Name, action: made.Change.Action, fields: made.Change.Fields, err: made.Err}
	if made.Err != nil {
		return result
	}
	if made.Value == nil { // a dry run, and the role is not there
		result.fields = append(result.fields, whole(wanted)...)
		return result
	}
	_, change, err := o.service.Edit(ctx, made.Value.ID, func(u *roles.UpdateV2) error {
		u.Permissions = permissions.NewSet(u.Permissions...).Add(wanted.Permissions...).Paths()
		u.Claims = claims.Unique(append(u.Claims, wanted.Claims...))
		return nil
	}, options...)
	if err != nil {
		result.err = fmt.Errorf("its groups and permissions could not be completed: %w", err)
		return result
	}
	result.fields = append(result.fields, change.Fields...)
	if result.action == security.Unchanged {
		result.action = change.Action
	}
	return result
}

// whole is the groups and permissions of a role as a change of nothing.
func whole(wanted roles.CreateV2) []security.FieldChange {
	paths, groups := security.FieldChange{Field: "Permissions"}, security.FieldChange{Field: "Claims"}
	for _, p := range permissions.NewSet(wanted.Permissions...).Paths() {
		paths.Added = append(paths.Added, string(p)+" ("+permissions.EffectOf(p)+")")
	}
	for _, c := range claims.Unique(wanted.Claims) {
		groups.Added = append(groups.Added, c.Key().String())
	}
	return slices.DeleteFunc([]security.FieldChange{paths, groups}, func(f security.FieldChange) bool { return len(f.Added) == 0 })
}

// print prints the table, and returns errFailed if something failed.
func (all outcomes) print(out io.Writer, dryRun bool) error {
	counts := map[string]int{}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	heading := "RESULT"
	if dryRun {
		heading = "WOULD BE"
	}
	fmt.Fprintf(table, "\nTEAM\t%s\tWHAT\n", heading)
	for _, o := range all {
		counts[o.result()]++
		fmt.Fprintf(table, "%s\t%s\t", o.team, o.result())
		lines := o.lines()
		if len(lines) == 0 {
			lines = []string{"-"}
		}
		fmt.Fprintln(table, strings.Join(lines, "\n\t\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d teams: %d created, %d updated, %d unchanged, %d failed, %d not attempted.\n", len(all),
		counts["created"], counts["updated"], counts["unchanged"], counts["failed"], counts["not attempted"])
	if dryRun {
		fmt.Fprintln(out, "This was a dry run: nothing was written.")
	}
	if counts["failed"]+counts["not attempted"] > 0 {
		return errFailed
	}
	return nil
}

func (o outcome) result() string {
	switch {
	case errors.Is(o.err, security.ErrNotAttempted):
		return "not attempted"
	case o.err != nil:
		return "failed"
	}
	return string(o.action)
}

// lines say what was done, and what went wrong.
func (o outcome) lines() []string {
	lines := strings.Split(security.Change{Fields: o.fields}.String(), "\n  ")[1:]
	switch {
	case errors.Is(o.err, security.ErrNotAttempted):
	case o.err != nil && o.action != "":
		lines = append([]string{string(o.action) + ":"}, lines...)
		fallthrough
	case o.err != nil:
		lines = append(lines, "error: "+o.err.Error())
	}
	return lines
}
