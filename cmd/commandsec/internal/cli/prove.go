package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

func newProve() *cobra.Command {
	var p proving
	c := &cobra.Command{
		Use:   "prove FILE",
		Short: "Say what a server's own roles prove about the mapping of permissions",
		Long: `A server of Command 11 or later shows a role in both notations. Prove works out from a
snapshot what that proves about the mapping that 'permissions convert' uses: which rows
are confirmed, which are refuted, and which are open. --out writes an overlay, a file
to convert with.

Take the snapshot with --proof: without it the names for single objects are missing, and
nothing is proven about them.

--experiment says which roles to create on a test server, so that they decide what is
open. What you read of them goes into a JSON file for --add:
  {"roles": [{"role": "...", "names": [...], "paths": [...], "exact": true}]}`,
		Example: `  commandsec snapshot --proof --out today.json
  commandsec prove today.json --out overlay.txt
  commandsec permissions convert -f roles.txt --overlay overlay.txt

  commandsec prove today.json --experiment            # how to decide what is open
  commandsec prove today.json --add tests.json --out overlay.txt
  commandsec prove today.json --redact                # what can be sent to others`,
		Args: operands("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return p.run(c, args[0]) },
	}
	jsonFlag(c, &p.json)
	c.Flags().StringVarP(&p.out, "out", "o", "", "write an overlay to this `file`")
	c.Flags().StringVar(&p.add, "add", "", "also take roles from this JSON `file`")
	c.Flags().BoolVar(&p.redact, "redact", false, "write an overlay that can be sent to others: names, paths and verdicts alone")
	c.Flags().BoolVar(&p.experiment, "experiment", false, "write the roles to create on a test server, and what to do with them")
	return c
}

type proving struct {
	json, redact, experiment bool
	out, add                 string
}

func (p *proving) run(c *cobra.Command, file string) error {
	if err := exclusive(c, "experiment", "redact", "out"); err != nil {
		return err
	}
	if err := checkOut(p.out, file, p.add); err != nil {
		return err
	}
	s, err := load(file)
	if err != nil {
		return err
	}
	added, err := fromFile("--add", p.add, parseAdded)
	if err != nil {
		return err
	}
	all := append(observations(s), added.roles...)
	if len(all) == 0 {
		return fmt.Errorf("%s proves nothing: it has no role in both notations; that takes Command 11 or later, and an account that may read roles", file)
	}
	if slices.ContainsFunc(s.Gaps, func(g snapshot.Gap) bool { return g.Part == snapshot.PartObjectNames }) {
		fmt.Fprintf(c.ErrOrStderr(), "The snapshot lacks names for single objects. To prove them too, take it with: commandsec snapshot --proof --out %s\n", quoted(file))
	}
	proof := permissions.Learn(all, append(slices.Clone(s.Permissions), added.known...))
	if p.experiment {
		return p.writeExperiment(c, proof.Experiment())
	}
	overlay := proof.Overlay(permissions.OverlaySource{Version: product(s), Date: s.TakenAt})
	if p.redact {
		overlay = overlay.Redact()
	}
	text, err := overlay.MarshalText()
	if err != nil {
		return err
	}
	if p.out != "" {
		if err := output(c, p.out, plain(string(text))); err != nil {
			return err
		}
	}
	switch {
	case p.redact:
		err = p.write(c, overlay.Rows(), string(text))
	default:
		err = p.write(c, proof.Rows(), proof.String())
	}
	switch {
	case err != nil:
		return err
	case p.redact:
	case p.out != "":
		next(c, "commandsec permissions convert --overlay %s -f ROLES", quoted(p.out))
	default:
		next(c, "write an overlay to convert with: commandsec prove %s --out overlay.txt", quoted(file))
	}
	return nil
}

func (p *proving) writeExperiment(c *cobra.Command, roles []permissions.TestRole) error {
	text := permissions.FormatExperiment(roles)
	if text == "" {
		text = "nothing is open\n"
	}
	return p.write(c, roles, text)
}

// write writes v as JSON, or the text, to standard output.
func (p *proving) write(c *cobra.Command, v any, text string) error {
	if p.json {
		return output(c, "", func(w io.Writer) error { return writeJSON(w, v) })
	}
	return output(c, "", plain(text))
}

// observations are the roles that the server showed in both notations.
func observations(s *snapshot.Snapshot) []permissions.Observation {
	var all []permissions.Observation
	for _, r := range s.Roles {
		if slices.Contains(r.Versions, 1) && slices.Contains(r.Versions, 2) {
			all = append(all, permissions.Observation{Role: r.Name, Names: r.Names, Paths: r.Paths})
		}
	}
	return all
}

// addedRoles are those of the --add file.
type addedRoles struct {
	roles []permissions.Observation
	known []permissions.Path
}

func parseAdded(text []byte) (a addedRoles, err error) {
	a.roles, a.known, err = permissions.ParseObservations(text)
	return a, err
}
