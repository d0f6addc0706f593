package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/cmd/commandsec/internal/simulated"
)

// simulatedVersion is the version that is simulated if nobody asks for another one.
const simulatedVersion = "25.4.1"

func newSimulate() *cobra.Command {
	var (
		addr, env string
		tenant    simulated.Tenant
	)
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run a simulated server to try things on, until Ctrl-C",
		Long: `Simulate runs a simulated Keyfactor Command server until it is interrupted. It has an
untidy installation on it: roles, holders, legacy permissions, collections. The same
seed and sizes give the same one. Nothing leaves this machine.

The KEYFACTOR_* variables that lead a shell to it, certificate included, go to the file
that --env names, which is removed at the end, or else to standard output. They are for
a POSIX shell, or for PowerShell if the name of the file ends with .ps1. The password and
the certificate are made anew at each start.`,
		Example: `  commandsec simulate --env server.env
  # in another shell
  . ./server.env
  commandsec snapshot --out today.json

  # An old and large installation, at an address of your choice
  commandsec simulate --version 10.5 --roles 1000 --addr 127.0.0.1:8443 --env old.env`,
		Args: operands(),
		RunE: func(c *cobra.Command, _ []string) error { return simulate(c, addr, env, tenant) },
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:0", "listen at this `address`; port 0 takes a free one")
	c.Flags().StringVar(&env, "env", "", "write the variables to this `file`, for PowerShell if it ends with .ps1")
	c.Flags().StringVar(&tenant.Version, "version", simulatedVersion, "simulate this `version` of Command, 10.0 or later")
	c.Flags().IntVar(&tenant.Claims, "claims", 0, "have this `number` of further claims, which hold no role")
	tenantFlags(c, &tenant, 300)
	return c
}

// tenantFlags are the flags that say what a simulated server has.
func tenantFlags(c *cobra.Command, t *simulated.Tenant, roles int) {
	c.Flags().Uint64Var(&t.Seed, "seed", 1, "make another installation with another `number`")
	c.Flags().IntVar(&t.Roles, "roles", roles, "have this `number` of roles, and as many holders")
}

func simulate(c *cobra.Command, addr, env string, tenant simulated.Tenant) (err error) {
	if err := checkOut(env); err != nil {
		return err
	}
	server, err := startServer(c.Context(), addr, tenant)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	variables := server.Variables()
	if strings.EqualFold(filepath.Ext(env), ".ps1") {
		variables = server.PowerShell()
	}
	if err := output(c, env, plain(variables)); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "A simulated Keyfactor Command %s is at %s until you press Ctrl-C.\n", tenant.Version, server.URL())
	if env != "" {
		defer func() { err = errors.Join(err, removeOwn(env, variables)) }()
		next(c, "in another shell, '. %s', and then 'commandsec snapshot --out today.json'.", quoted(sourced(env)))
	}
	select {
	case <-c.Context().Done():
		return nil // this is how it is meant to end
	case err := <-server.Ended():
		return fmt.Errorf("the simulated server stopped: %w", err)
	}
}

// startServer starts a simulated server.
func startServer(ctx context.Context, addr string, tenant simulated.Tenant) (*simulated.Server, error) {
	if tenant.Roles < 0 || tenant.Claims < 0 {
		return nil, wrongly("--roles and --claims must not be negative")
	}
	server, err := simulated.Start(ctx, addr, tenant)
	if errors.Is(err, simulated.ErrVersion) {
		return nil, wrongly("--version %s cannot be simulated: %w", tenant.Version, simulated.ErrVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("start a simulated server: %w", err)
	}
	return server, nil
}

// sourced is a file as the command "." of a shell takes it: without a slash it would
// be looked for in the PATH.
func sourced(file string) string {
	if strings.ContainsRune(file, os.PathSeparator) {
		return file
	}
	return "./" + file
}

// removeOwn removes a file that still has what was written to it. If a later server
// has taken the file over, it stays.
func removeOwn(file string, written string) error {
	now, err := os.ReadFile(file)
	if err != nil || string(now) != written {
		return nil //nolint:nilerr // it is gone, or no longer ours
	}
	return os.Remove(file)
}
