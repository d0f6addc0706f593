package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/kerberos"
)

// connection is how the flags say to reach the server. They have no secrets, and no
// host: that comes with its credential.
type connection struct {
	config, profile string
	ca              string
	timeout         time.Duration
	concurrency     int
	verbose         bool
}

// connectionFlagNames are the flags of a connection.
var connectionFlagNames = []string{"profile", "config", "ca", "timeout", "concurrency", "verbose"}

func connectionFlags(c *cobra.Command) *connection {
	var conn connection
	f := c.Flags()
	f.StringVar(&conn.profile, "profile", "", "take the server from this `profile` of kfutil's configuration file (default \"default\")")
	f.StringVar(&conn.config, "config", "", "take it from this configuration `file` (default ~/.keyfactor/command_config.json)")
	f.StringVar(&conn.ca, "ca", "", "also trust the certificates in this PEM `file`")
	f.DurationVar(&conn.timeout, "timeout", 0, "give up an attempt after this `time`, such as 90s (default 60s)")
	f.IntVar(&conn.concurrency, "concurrency", 0, "send this `number` of requests at a time (default 4)")
	f.BoolVarP(&conn.verbose, "verbose", "v", false, "log each request to standard error")
	return &conn
}

// client returns a client that refuses to write.
func (conn *connection) client(c *cobra.Command) (*security.Client, error) {
	return conn.open(c, security.WithReadOnly())
}

// open returns a client that writes, unless an option forbids it. Only apply calls it by
// itself.
func (conn *connection) open(c *cobra.Command, opts ...security.Option) (*security.Client, error) {
	cfg, err := conn.load()
	if err != nil {
		return nil, err
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(c.ErrOrStderr(), "Warning: %s\n", show.Text(warning, 500))
	}
	cfg.Warnings = nil // told
	opts = append(opts, security.WithUserAgent(userAgent()))
	if conn.ca != "" {
		pem, err := os.ReadFile(conn.ca)
		if err != nil {
			return nil, fmt.Errorf("read --ca: %w", err)
		}
		opts = append(opts, security.WithRootCAs(pem))
	}
	if c.Flags().Changed("timeout") {
		opts = append(opts, security.WithTimeout(conn.timeout))
	}
	if c.Flags().Changed("concurrency") {
		opts = append(opts, security.WithConcurrency(conn.concurrency))
	}
	var log slog.Handler = warnings{c.ErrOrStderr()}
	if conn.verbose {
		log = slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	opts = append(opts, security.WithLogger(slog.New(log)))
	return kerberos.NewClientFromConfig(cfg, opts...)
}

// load reads the profile that is named, or else the variables, or else the profile
// that kfutil uses.
func (conn *connection) load() (*security.Config, error) {
	if conn.config != "" || conn.profile != "" {
		return security.LoadConfig(conn.config, conn.profile)
	}
	cfg, err := security.ConfigFromEnv()
	if !errors.Is(err, security.ErrNotConfigured) {
		return cfg, err
	}
	if security.DefaultConfigPath() != "" {
		cfg, err = security.LoadConfig("", "")
	}
	if errors.Is(err, security.ErrNotConfigured) {
		return nil, errors.New("no server is configured: set KEYFACTOR_HOSTNAME and a credential, or name a profile of kfutil with --profile " +
			"(and --config for another file); to try things without a server, run 'commandsec simulate --env server.env'")
	}
	return cfg, err
}

// userAgent is how the program names itself to the server.
func userAgent() string {
	version := strings.Trim(thisBuild().Version, "()")
	return "commandsec/" + strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '-'
		}
		return r
	}, version)
}

// warnings writes what the library warns of as a line for people.
type warnings struct{ w io.Writer }

// Enabled is for warnings and what is worse.
func (h warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle writes the message and what it is about, and leaves out what is for machines.
// What is no call is about the configuration, and told already.
func (h warnings) Handle(_ context.Context, r slog.Record) error {
	var about []string
	r.Attrs(func(a slog.Attr) bool {
		if slices.Contains([]string{"op", "error", "wait"}, a.Key) {
			about = append(about, a.Key+": "+a.Value.String())
		}
		return true
	})
	if len(about) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(h.w, "Warning: %s (%s)\n", r.Message, show.Text(strings.Join(about, ", "), 500))
	return err
}

// WithAttrs returns the handler: what it writes has no other attributes.
func (h warnings) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup returns the handler.
func (h warnings) WithGroup(string) slog.Handler { return h }
