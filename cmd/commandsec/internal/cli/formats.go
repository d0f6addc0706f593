package cli

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/commandsec/commandsec-go/governance/report"
)

// reportFlags say how to write a report.
type reportFlags struct {
	format   string
	json     bool
	out      string
	exitCode bool
	formats  []string
}

func addReportFlags(c *cobra.Command, f *reportFlags, formats ...string) {
	f.formats = formats
	list := strings.Join(formats[:len(formats)-1], ", ") + " or " + formats[len(formats)-1]
	c.Flags().StringVar(&f.format, "format", "", "write this `format`: "+list+" (default: what the name of --out ends with, or text)")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // it exists: see above
	c.Flags().BoolVar(&f.json, "json", false, "the same as --format json")
	outFlag(c, &f.out)
}

// check settles the format, before work is done.
func (f *reportFlags) check(c *cobra.Command, inputs ...string) error {
	if err := exclusive(c, "format", "json"); err != nil {
		return err
	}
	if f.json {
		f.format = "json"
	}
	if f.format == "" {
		f.format = cmp.Or(f.byName(), "text")
	}
	if !slices.Contains(f.formats, f.format) {
		return wrongly("--format %s is not one of %s", f.format, strings.Join(f.formats, ", "))
	}
	return checkOut(f.out, inputs...)
}

// byName is the format that the name of the file ends with; "" if that is none.
func (f *reportFlags) byName() string {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(f.out)), ".")
	if format == "htm" {
		format = "html"
	}
	if !slices.Contains(f.formats, format) {
		return ""
	}
	return format
}

// write writes the report as it was asked for.
func (f *reportFlags) write(c *cobra.Command, r *report.Report) error {
	return output(c, f.out, func(w io.Writer) error {
		switch f.format {
		case "csv":
			return r.WriteCSV(w)
		case "json":
			return r.WriteJSON(w)
		case "html":
			return r.WriteHTML(w)
		case "worksheet":
			return r.WriteWorksheet(w)
		}
		if width := terminalWidth(c.OutOrStdout()); f.out == "" && width > 0 {
			return r.WriteTerminal(w, width, colors())
		}
		return r.WriteText(w)
	})
}

// terminalWidth is the width of a terminal, and 0 of anything else.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// colors reports whether a terminal may be given colors: see https://no-color.org.
func colors() bool { return os.Getenv("NO_COLOR") == "" && cmp.Or(os.Getenv("TERM"), "dumb") != "dumb" }
