// Quickstart tells the main job as a short story: connect, look around, read a
// role in both models, convert its permissions, make a claim and a role, handle
// an error, and leave everything as it was.
//
// On the command line, "commandsec snapshot" and "commandsec review" look around on a server, and "commandsec permissions
// convert" converts.
//
// Without configuration it runs on a simulated server. If a server is configured
// it uses that one, and writes only with -write.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/commandsec/commandsec-go/access"
	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

const help = `Quickstart shows what this library does, on a server.

  go run ./examples/quickstart                 on a simulated server that it starts
  go run ./examples/quickstart -all            the same, with every role printed
  go run ./examples/quickstart -profile lab    on the server of a profile of kfutil

With -profile or -config it uses the server of that profile. Else, if KEYFACTOR_*
variables are set, the server that they name (see "go doc ./security
ConfigFromEnv"). On such a server it only reads, unless -write is given. What it
makes it removes again, also on Ctrl-C.

The exit status is 1 if something failed, and 2 if the flags are wrong.

Flags:
`

var (
	errUsage = errors.New("see -h")
	// errLeft: something that the story made could not be removed again.
	errLeft = errors.New("is left behind")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(report(err, os.Stderr))
}

// report says what went wrong, and returns the exit status.
func report(err error, out io.Writer) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && !errors.Is(err, errLeft):
		fmt.Fprintln(out, "interrupted; nothing of what was made is left")
		return 1
	}
	fmt.Fprintln(out, "quickstart:", err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	all := flags.Bool("all", false, "print every role instead of the first twelve")
	write := flags.Bool("write", false, "create and delete a claim and a role also on a real server")
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
	client, done, err := connect(out, cfg)
	if err != nil {
		return err
	}
	defer done()
	err = tell(ctx, client, out, *all, *write || cfg == nil)
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
func connect(out io.Writer, cfg *security.Config) (*security.Client, func(), error) {
	agent := security.WithUserAgent("quickstart/1")
	if cfg != nil {
		fmt.Fprintf(out, "Using the server at %s, from %s.\n", cfg.BaseURL(), cfg.Source)
		for _, warning := range cfg.Warnings {
			fmt.Fprintln(out, "Warning:", warning)
		}
		client, err := security.NewClientFromConfig(cfg, agent)
		return client, func() {}, err
	}
	server := securitytest.NewServer(securitytest.WithLegacyTenant(11, 260))
	client, err := server.Client(agent)
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	fmt.Fprintf(out, "No server is configured: started a simulated one at %s\n"+
		"with the roles of a company that has used Command since version 10.\n", server.URL)
	return client, server.Close, nil
}

// tell tells the story.
func tell(ctx context.Context, client *security.Client, out io.Writer, all, write bool) error {
	s := &story{out: out, client: client, v1: roles.NewV1(client), v2: roles.NewV2(client), claims: claims.NewV1(client)}
	if err := s.introduce(ctx); err != nil {
		return err
	}
	example, err := s.listRoles(ctx, all)
	if err != nil {
		return err
	}
	if err := s.convert(ctx, example); err != nil {
		return err
	}
	if write {
		if err := s.make(ctx); err != nil {
			return err
		}
	} else {
		s.chapter("Making a role: skipped, because this is a real server; -write does it")
	}
	return s.fail(ctx)
}

// story is the program's state.
type story struct {
	out      io.Writer
	client   *security.Client
	v1       *roles.V1
	v2       *roles.V2
	claims   *claims.V1
	chapters int
}

func (s *story) chapter(title string) {
	s.chapters++
	fmt.Fprintf(s.out, "\n%d. %s\n\n", s.chapters, title)
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, "   "+format+"\n", args...) }

func (s *story) blank() { fmt.Fprintln(s.out) }

// introduce prints the server's version and who we are to it.
func (s *story) introduce(ctx context.Context) error {
	s.chapter("Who is there")
	version, err := s.client.Version(ctx)
	if err != nil {
		return err
	}
	s.say("The server runs Keyfactor Command %s.", version)
	who := access.NewV1(s.client)
	my, err := who.My(ctx) // the only call that names the caller's roles
	if err != nil {
		return err
	}
	s.say("We hold the roles: %s.", strings.Join(my.Roles, ", "))
	mine, err := who.MyPermissions(ctx)
	switch {
	case errors.Is(err, security.ErrNoEndpoint):
		s.say("It is too old to say what they allow us (that came with Command 25.2).")
	case err != nil:
		return err
	default:
		s.say("They allow us: %v.", mine.Permissions)
	}
	return nil
}

// listRoles walks all roles and prints them. It returns one with legacy
// permissions to look at.
func (s *story) listRoles(ctx context.Context, all bool) (*roles.RoleV1, error) {
	s.chapter("All roles, page after page (API version 2)")
	const shown = 12
	var response security.Response
	count := 0
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "   ID\tNAME\tCLAIMS\tEDITABLE")
	for role, err := range s.v2.All(ctx, nil, security.WithResponse(&response)) {
		if err != nil {
			return nil, err
		}
		if count++; all || count <= shown {
			fmt.Fprintf(table, "   %d\t%s\t%d\t%s\n", role.ID, role.Name, role.ClaimsCount, yesNo(!role.Immutable))
		}
	}
	if !all && count > shown {
		fmt.Fprintf(table, "   ...\t(%d more; -all prints them)\n", count-shown)
	}
	if err := table.Flush(); err != nil {
		return nil, err
	}
	s.blank()
	s.say("%d roles arrived, as many as the server says it has (%d).", count, response.Total)

	s.chapter("One role as the old model shows it (API version 1)")
	for role, err := range s.v1.All(ctx, nil) {
		if err != nil {
			return nil, err
		}
		if role.Immutable || len(role.Permissions) < 4 {
			continue
		}
		s.say("%q (%d): %s", role.Name, role.ID, role.Description)
		s.say("Permissions: %s", join(role.Permissions))
		var accounts []string
		for _, i := range role.Identities {
			accounts = append(accounts, i.AccountName)
		}
		if len(accounts) > 0 {
			s.say("Identities:  %s", strings.Join(accounts, ", "))
		}
		return &role, nil
	}
	return nil, nil //nolint:nilnil // a server may have no such role
}

// convert prints what a role's old permissions are in the new model.
func (s *story) convert(ctx context.Context, role *roles.RoleV1) error {
	s.chapter("Its permissions in the new model")
	if role == nil {
		s.say("This server has no role with old permissions to convert.")
		return ctx.Err()
	}
	conversion := permissions.Convert(role.Permissions, nil)
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "   OLD\tNEW\tHOW SURE")
	for _, item := range conversion.Items {
		fmt.Fprintf(table, "   %s\t%s\t%s\n", item.Input, orDash(join(item.Paths)), item.Confidence)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	s.blank()
	s.say("%d permissions are enough for all of them: %s", conversion.Set.Len(), join(conversion.Set.Paths()))
	for _, item := range conversion.Widening() {
		s.say("Careful: with %s the role could now also %s.", item.Input, item.Widens)
	}
	return ctx.Err()
}

// make creates a claim and a role that holds it, reads the role back, and
// removes both again, whatever happens.
func (s *story) make(ctx context.Context) (err error) {
	s.chapter("A claim, and a role for it")
	// Ctrl-C must not break off a creation: what it made would be left behind, and
	// nobody would know. It ends the story between the calls.
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()

	name := "Quickstart " + time.Now().UTC().Format("2006-01-02 15:04:05.000")
	claim, err := s.claims.Create(writing, claims.Request{
		Type: claims.TypeOAuthRole, Value: name, Scheme: "System", Description: "Made by the quickstart example",
	})
	if err != nil {
		return fmt.Errorf("create a claim: %w", err)
	}
	defer func() { err = errors.Join(err, s.remove(writing, "claim", claim.ID, s.claims.Delete)) }()
	s.say("Created the claim %s with id %d.", claim.Key(), claim.ID)
	if ctx.Err() != nil {
		return ctx.Err()
	}

	role, err := s.v2.Create(writing, roles.CreateV2{
		Name:        name,
		Description: "Made by the quickstart example",
		Permissions: []permissions.Path{"/portal/read/", "/certificates/collections/read/"},
		Claims:      []claims.Request{claim.ToRequest()},
	})
	if err != nil {
		return fmt.Errorf("create a role: %w", err)
	}
	id := role.ID
	defer func() { err = errors.Join(err, s.remove(writing, "role", id, s.v2.Delete)) }()
	s.say("Created the role %q with id %d.", role.Name, id)

	if role, err = s.v2.Get(ctx, id); err != nil {
		return err
	}
	s.say("Read back, it allows: %s", join(role.Permissions))
	for _, c := range role.Claims {
		s.say("and is held by:       %s", c.Key())
	}
	return nil
}

// remove deletes what the story made.
func (s *story) remove(ctx context.Context, kind string, id int, del func(context.Context, int, ...security.CallOption) error) error {
	if err := del(ctx, id); err != nil {
		return fmt.Errorf("the %s %d %w: %w", kind, id, errLeft, err)
	}
	s.say("Removed the %s again.", kind)
	return nil
}

// fail shows how a failed call tells what went wrong.
func (s *story) fail(ctx context.Context) error {
	s.chapter("An error, handled")
	const missing = 2147483647
	_, err := s.v2.Get(ctx, missing)
	failure, typed := errors.AsType[*security.Error](err)
	if !typed || !errors.Is(err, security.ErrNotFound) {
		return fmt.Errorf("a role with id %d was expected to be missing: %w", missing, err)
	}
	s.say("Asked for role %d. errors.Is(err, security.ErrNotFound) is true,", missing)
	s.say("the status is %d, and the server's log knows the call as %s.", failure.StatusCode, failure.CorrelationID)
	s.blank()
	s.say("That is all. Next: examples/permissions, examples/onboard, and \"go doc ./security\".")
	return nil
}

func join[T ~string](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = string(item)
	}
	return strings.Join(texts, ", ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
