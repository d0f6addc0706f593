package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

func newPermissions() *cobra.Command {
	return group(&cobra.Command{
		Use:   "permissions COMMAND",
		Short: "Convert, explain, check and compare permissions; needs no server",
		Long: `Permissions works on permissions of Keyfactor Command in both notations: the names of
version 1 (AdminPortal:Read) and the access-control paths of version 2 (/portal/read/).
It needs no server.

Permissions are arguments, or come from a file (--file) or from standard input: one a
line, or a JSON array of strings.`,
		Example: `  commandsec permissions explain "Manage Pending CSRs"
  commandsec permissions convert AdminPortal:Read "Collections[6]:Revoke"
  commandsec permissions diff /certificates/ -- /certificates/collections/read/6/`,
	}, newConvert(), newExplain(), newLint(), newDiff())
}

// permissionFlags are what the commands about permissions have in common.
type permissionFlags struct {
	json, exitCode bool
	file, out      string
}

func addPermissionFlags(c *cobra.Command, f *permissionFlags) {
	jsonFlag(c, &f.json)
	outFlag(c, &f.out)
	c.Flags().StringVarP(&f.file, "file", "f", "", "read the permissions from this `file`")
}

func exitCodeFlag(c *cobra.Command, exitCode *bool, what string) {
	c.Flags().BoolVar(exitCode, "exit-code", false, "exit with 3 if "+what)
}

// write writes v as JSON, or the text.
func (f *permissionFlags) write(c *cobra.Command, v any, text string) error {
	if f.json {
		return output(c, f.out, func(w io.Writer) error { return writeJSON(w, v) })
	}
	return output(c, f.out, plain(text))
}

// input is what a command works on: its arguments, or a text if there are none.
type input struct {
	args []string
	text []byte
}

// read reads the file or standard input if there are no arguments. inputs are other files that the command reads.
func (f *permissionFlags) read(c *cobra.Command, args []string, inputs ...string) (in input, err error) {
	if err := checkOut(f.out, append(inputs, f.file)...); err != nil {
		return in, err
	}
	switch {
	case len(args) > 0 && f.file != "":
		return in, wrongly("give permissions as arguments or with --file, not both")
	case len(args) > 0:
		return input{args: args}, nil
	case f.file != "":
		in.text, err = os.ReadFile(f.file)
	default:
		if isTerminal(c.InOrStdin()) {
			fmt.Fprintln(c.ErrOrStderr(), "Reading permissions from the terminal, one a line; end with Ctrl-D.")
		}
		in.text, err = readAll(c.Context(), c.InOrStdin())
	}
	in.text = bytes.TrimPrefix(in.text, []byte("\ufeff")) // some editors start a file with it
	return in, err
}

// readAll reads until the end, or until the context ends: a read of a terminal cannot
// be broken off, only left alone.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(r)
		read <- result{text, err}
	}()
	select {
	case all := <-read:
		return all.text, all.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// list returns the permissions.
func (in input) list() ([]string, error) {
	list := in.args
	if bytes.HasPrefix(bytes.TrimSpace(in.text), []byte("[")) {
		if err := json.Unmarshal(in.text, &list); err != nil {
			return nil, wrongly("the input looks like JSON but is not an array of strings: %w", err)
		}
	} else {
		for line := range strings.Lines(string(in.text)) {
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

// paths returns the permissions as paths.
func (in input) paths() ([]permissions.Path, error) {
	list, err := in.list()
	paths := make([]permissions.Path, len(list))
	for i, s := range list {
		paths[i] = permissions.Path(s)
	}
	return paths, err
}

// shown returns a path as text on one line: quoted if it is malformed or has space around it.
func shown(p permissions.Path) string {
	text := show.Text(string(p), 200)
	if _, err := permissions.ParsePath(string(p)); p != "" && (err != nil || strings.TrimSpace(string(p)) != string(p)) {
		return `"` + text + `"`
	}
	return text
}

func join[T ~string](list []T, separator string) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, separator)
}
