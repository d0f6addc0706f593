package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// supported are the versions of Keyfactor Command that the program is made for.
const supported = "10 to 25"

// build is what version tells about this program.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"` // built from sources that differ from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Command  string `json:"command_versions"`
}

func newVersion() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:     "version",
		Short:   "Tell the version of this program and of the servers it is made for",
		Example: "  commandsec version\n  commandsec version --json",
		Args:    operands(),
		RunE: func(c *cobra.Command, _ []string) error {
			b := thisBuild()
			if asJSON {
				return writeJSON(c.OutOrStdout(), b)
			}
			changed := ""
			if b.Modified {
				changed = ", with changes"
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "commandsec %s\ncommit %s%s\n%s %s\nfor Keyfactor Command %s\n",
				b.Version, b.Commit, changed, b.Go, b.Platform, b.Command)
			return err
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func thisBuild() build {
	b := build{Version: "unknown", Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Command: supported}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
