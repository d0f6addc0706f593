package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/cmd/commandsec/internal/simulated"
	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

func newDemo() *cobra.Command {
	var (
		out    string
		tenant = simulated.Tenant{Version: simulatedVersion}
	)
	c := &cobra.Command{
		Use:   "demo --out DIR",
		Short: "Tell the whole story on simulated servers, and leave its files",
		Long: `Demo starts a simulated server with an installation that has grown for years, takes a
snapshot, reviews it, lets somebody change things, and compares. Then it migrates an
installation of Command 10 to an empty server of Command 25: rules, plan, apply, verify
the plan, and verify what everybody can do now against what they could do before. It
leaves in a folder what the commands of the story would: snapshots, pages, a worksheet,
rules, plan, journal, verifications. Nothing leaves this machine.`,
		Example: `  commandsec demo --out demo
  commandsec demo --out demo --roles 1000 --seed 7`,
		Args: operands(),
		RunE: func(c *cobra.Command, _ []string) error { return demo(c, out, tenant) },
	}
	c.Flags().StringVarP(&out, "out", "o", "", "leave the files in this `folder`, which is made if need be")
	tenantFlags(c, &tenant, 150)
	return c
}

// story is a demo while it is told.
type story struct {
	w      io.Writer
	dir    string
	client *security.Client
}

func demo(c *cobra.Command, out string, tenant simulated.Tenant) (err error) {
	if out == "" {
		return wrongly("name the folder to leave files in: --out DIR")
	}
	if tenant.Roles < fewest {
		return wrongly("--roles must be %d or more: the story is about the first roles", fewest)
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	server, err := startServer(c.Context(), "127.0.0.1:0", tenant)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	s := &story{w: c.OutOrStdout(), dir: out}
	if s.client, err = server.Client(); err != nil {
		return err
	}
	if err := s.tell(c.Context(), tenant); err != nil {
		return err
	}
	if err := s.migrate(c.Context(), tenant); err != nil {
		return err
	}
	next(c, "open %s and %s in a browser. With your own server: commandsec snapshot --out today.json",
		quoted(filepath.Join(out, "review.html")), quoted(filepath.Join(out, at("migration.html"))))
	return nil
}

func (s *story) tell(ctx context.Context, tenant simulated.Tenant) error {
	s.say("A simulated Keyfactor Command %s runs, with roles, holders and permissions that have grown for years.", tenant.Version)
	before, err := s.snapshot(ctx, "before.json")
	if err != nil {
		return err
	}
	s.command("review %s --out %s", "before.json", "review.html")
	r := review.New(before, &review.Options{File: "before.json", Program: program(), Made: before.TakenAt})
	if err := s.write("review.html", r.Report().WriteHTML); err != nil {
		return err
	}
	s.say("%s, with what to do about each. The page can be printed and signed.", count(len(r.Findings()), "finding", "findings"))
	s.command("review %s --format worksheet --out %s", "before.json", "decisions.csv")
	if err := s.write("decisions.csv", r.Report().WriteWorksheet); err != nil {
		return err
	}
	s.say("A table to decide in; what is accepted there, with owner, reason and date, is shown as accepted by the next review.")

	s.say("\nMeanwhile somebody changes things on the server:")
	if err := s.change(ctx); err != nil {
		return err
	}
	after, err := s.snapshot(ctx, "after.json")
	if err != nil {
		return err
	}
	s.command("compare %s %s --out %s", "before.json", "after.json", "changes.html")
	changed := review.Changes(snapshot.Compare(before, after), &review.Options{
		FileBefore: "before.json", File: "after.json", Program: program(), Made: after.TakenAt,
	})
	if err := s.write("changes.html", changed.WriteHTML); err != nil {
		return err
	}
	s.say("%s", changed.Lead)
	return nil
}

// snapshot takes a snapshot and saves it.
func (s *story) snapshot(ctx context.Context, name string) (*snapshot.Snapshot, error) {
	s.command("snapshot --out %s", name)
	taken, err := take.From(ctx, s.client, nil)
	if err != nil {
		return nil, err
	}
	s.say("%s, %s.", count(len(taken.Roles), "role", "roles"), count(len(taken.Claims), "claim or identity", "claims and identities"))
	return taken, taken.Save(filepath.Join(s.dir, name))
}

// fewest is how many roles a tenant needs, so that those below are among them.
const fewest = 6

// lateChanges are what somebody does to roles of the tenant.
var lateChanges = []struct {
	role, say string
	change    func(u *roles.UpdateV2)
}{
	{"Certificate Requesters - Berlin", "may now change certificate templates, too", func(u *roles.UpdateV2) {
		u.Permissions = permissions.NewSet(u.Permissions...).Add("/certificate_templates/modify/").Paths()
	}},
	{"Help Desk - Berlin", "is now held by the client app-night-shift", func(u *roles.UpdateV2) {
		u.Claims = append(u.Claims, claims.Request{Type: claims.TypeOAuthClientID, Value: "app-night-shift", Scheme: "System", Description: "Night shift"})
	}},
	{"Auditors - Berlin", "is no longer held by anybody", func(u *roles.UpdateV2) { u.Claims = nil }},
}

// change changes roles of the tenant.
func (s *story) change(ctx context.Context) error {
	service := roles.NewV2(s.client)
	for _, late := range lateChanges {
		role, err := service.Find(ctx, late.role)
		if err != nil {
			return err
		}
		_, _, err = service.Edit(ctx, role.ID, func(u *roles.UpdateV2) error {
			late.change(u)
			return nil
		})
		if err != nil {
			return err
		}
		s.say("  %s %s", role.Name, late.say)
	}
	return nil
}

func (s *story) write(name string, write func(io.Writer) error) error {
	return writeFile(filepath.Join(s.dir, name), write)
}

// command says which command does what comes next.
func (s *story) command(format string, names ...any) {
	for i, name := range names {
		names[i] = quoted(filepath.Join(s.dir, fmt.Sprint(name)))
	}
	fmt.Fprintf(s.w, "\n$ commandsec "+format+"\n", names...)
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.w, format+"\n", args...) }
