package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/commandsec/commandsec-go/internal/atomicfile"
	"github.com/commandsec/commandsec-go/internal/show"
)

func jsonFlag(c *cobra.Command, asJSON *bool) {
	c.Flags().BoolVar(asJSON, "json", false, "write JSON, for programs")
}

func outFlag(c *cobra.Command, out *string) {
	c.Flags().StringVarP(out, "out", "o", "", "write to this `file`, which only its owner can read, instead of standard output")
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// plain writes a text as it is.
func plain(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// checkOut refuses an output that cannot be written, before work is done for it, and
// one that would replace what it is made from.
func checkOut(out string, inputs ...string) error { return checkFile("--out", out, inputs...) }

// checkFile is checkOut for the file of a flag.
func checkFile(flag, out string, inputs ...string) error {
	if out == "" {
		return nil
	}
	target, err := os.Stat(out)
	switch {
	case err == nil && target.IsDir():
		return fmt.Errorf("cannot write %s %s: it is a directory; name a file in it", flag, out)
	case errors.Is(err, fs.ErrNotExist):
		dir, err := os.Stat(filepath.Dir(out))
		if err != nil || !dir.IsDir() {
			return fmt.Errorf("cannot write %s %s: there is no directory %s", flag, out, filepath.Dir(out))
		}
		return nil
	case err != nil:
		return err
	}
	for _, input := range inputs {
		if from, err := os.Stat(input); err == nil && os.SameFile(target, from) {
			return wrongly("%s %s would replace what it is made from; name another file", flag, out)
		}
	}
	return nil
}

// output writes to standard output, or to a file if one is named.
func output(c *cobra.Command, out string, write func(io.Writer) error) error {
	if err := c.Context().Err(); err != nil {
		return err
	}
	if out != "" {
		return writeFile(out, write)
	}
	w := bufio.NewWriter(c.OutOrStdout())
	return errors.Join(write(w), w.Flush())
}

// writeFile writes a file in one step, for its owner alone. What is no file, such as
// /dev/stdout, is written to.
func writeFile(name string, write func(io.Writer) error) error {
	if target, err := os.Stat(name); err == nil && !target.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return atomicfile.Write(name, b.Bytes())
}

// quoted is a file name as a shell takes it.
func quoted(file string) string {
	if file == "" || strings.ContainsFunc(file, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/+:@%,=", r)
	}) {
		return "'" + strings.ReplaceAll(show.Text(file, 500), "'", `'\''`) + "'"
	}
	return file
}

// given are flags with their values, for another command: without those that are empty.
func given(flags ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(flags); i += 2 {
		if flags[i+1] != "" {
			b.WriteString(" --" + flags[i] + " " + quoted(flags[i+1]))
		}
	}
	return b.String()
}
