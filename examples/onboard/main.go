// Onboard gives teams what they need to work with Keyfactor Command: each team
// of a file gets a role, its groups get the role, and the role gets permissions
// for the team's certificate collections. It can be run again at any time: what
// is there already stays as it is, also what other people gave a role.
//
// Without configuration it runs on a simulated server with a sample file. Where
// KEYFACTOR_HOSTNAME is set it uses that server.
package main

import (
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
  go run ./examples/onboard -file teams.json -dry-run

Where KEYFACTOR_HOSTNAME is set it uses that server, with the credentials of the
other KEYFACTOR_* variables (see "go doc ./security ConfigFromEnv"), and needs
-file. examples/onboard/teams.json shows what a file looks like; the rights on
collections are read, edit_metadata, revoke, delete, recover and change_owner.

A role of the team's name that exists is completed: description and e-mail
address become those of the file, and groups and permissions are added. Nothing
is taken from a role. The exit status is 1 where something failed; run it again.

Flags:
`

//go:embed teams.json
var sample []byte

// errFailed: not everything was done. The table says what.
var errFailed = errors.New("not everything was done; what the table says is done stays, run it again for the rest")

func main() {
	progress := io.Discard
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		progress = os.Stderr // somebody is looking
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, progress)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "onboard:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("onboard", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { fmt.Fprint(out, help); flags.PrintDefaults() }
	file := flags.String("file", "", "the `file` with the teams")
	dryRun := flags.Bool("dry-run", false, "say what would be done, and do nothing")
	settle := flags.Duration("settle", 0, "guard against other programs that write at the same `time` (security.WithSettle)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q; see -h", flags.Arg(0))
	}
	configured := os.Getenv("KEYFACTOR_HOSTNAME") != ""
	if configured && *file == "" {
		return errors.New("KEYFACTOR_HOSTNAME is set, so -file is needed; see -h")
	}
	name, data := "teams.json", sample
	if *file != "" {
		var err error
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
	client, done, err := connect(out, configured, options)
	if err != nil {
		return err
	}
	defer done()
	for _, w := range warnings {
		fmt.Fprintf(out, "Look at %s\n", w)
	}
	o := &onboarding{service: roles.NewV2(client), dryRun: *dryRun, progress: progress}
	if err := o.onboard(ctx, teams).print(out, *dryRun); err != nil || configured || *dryRun {
		return err
	}
	fmt.Fprintln(out, "\nOnce more, to see that it can be repeated:")
	return o.onboard(ctx, teams).print(out, false)
}

func read(file string) (string, []byte, error) {
	data, err := os.ReadFile(file) // the user names it
	return file, data, err
}

// connect returns a client for the configured server, or for a simulated one.
func connect(out io.Writer, configured bool, options []security.Option) (*security.Client, func(), error) {
	if configured {
		cfg, err := security.ConfigFromEnv()
		if err != nil {
			return nil, nil, err
		}
		client, err := security.NewClientFromConfig(cfg, options...)
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(out, "KEYFACTOR_HOSTNAME is set: using the server at %s.\n", cfg.BaseURL())
		return client, func() {}, nil
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
	fmt.Fprintf(out, "KEYFACTOR_HOSTNAME is not set: started a simulated server at %s\n"+
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
	fields []security.FieldChange // what was done, also where the rest failed
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
	defer fmt.Fprint(o.progress, "\r\033[K")
	// The error says no more than the results.
	results, _ := o.service.EnsureAll(ctx, bare, &security.BulkOptions{Progress: o.tell("roles")}, options...)
	all := make(outcomes, len(teams))
	tell := o.tell("groups and permissions")
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

func (o *onboarding) tell(what string) func(finished, total int) {
	return func(finished, total int) { fmt.Fprintf(o.progress, "\r\033[K%s: %d of %d", what, finished, total) }
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
	var change security.Change
	_, result.err = o.service.Edit(ctx, made.Value.ID, func(u *roles.UpdateV2) error {
		u.Permissions = permissions.NewSet(u.Permissions...).Add(wanted.Permissions...).Paths()
		u.Claims = claims.Unique(append(u.Claims, wanted.Claims...))
		return nil
	}, append(slices.Clip(options), security.WithChange(&change))...)
	if result.err != nil {
		result.err = fmt.Errorf("its groups and permissions could not be completed: %w", result.err)
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

// print prints the table, and returns errFailed where something failed.
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
