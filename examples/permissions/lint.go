package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/commandsec/commandsec-go/permissions"
)

// lint reports what is wrong or risky about paths, or fixes it.
func lint(o options, in input, w output) error {
	list, err := in.list()
	if err != nil {
		return err
	}
	paths := make([]permissions.Path, len(list))
	for i, s := range list {
		paths[i] = permissions.Path(s)
	}
	var opts permissions.LintOptions
	if o.inside != "" {
		set, err := permissions.ParseSet(strings.Split(o.inside, ",")...)
		if err != nil {
			return usageError{err}
		}
		opts.PermissionSet = &set
	}
	findings := permissions.Lint(paths, &opts)
	failed := slices.ContainsFunc(findings, isError)
	if o.fix {
		findings, notes, err := accept(findings, o.accept)
		if err != nil {
			return err
		}
		fixed := permissions.Fix(paths, findings)
		var text strings.Builder
		for _, p := range fixed {
			text.WriteString(shown(p) + "\n")
		}
		if err := write(o, w.result, fixed, text.String()); err != nil {
			return err
		}
		for _, note := range notes {
			report(w.notes, errors.New(note))
		}
		// What is fixed is no error any more.
		return found(nil, slices.ContainsFunc(permissions.Lint(fixed, &opts), isError))
	}
	if o.accept != nil {
		return wrongly("-accept goes with -fix")
	}
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Severity, f.Code, shown(f.Path), f.Text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(findings) == 0 {
		findings = []permissions.Finding{}
		text.WriteString("nothing to report\n")
	}
	return found(write(o, w.result, findings, text.String()), failed)
}

func isError(f permissions.Finding) bool { return f.Severity == permissions.SeverityError }

// accept takes the suggestions of findings that somebody named, and no others. The notes say what was taken and what was not.
// A path that nothing suggests is an error, because it is probably misspelled.
func accept(findings []permissions.Finding, named []string) (accepted []permissions.Finding, notes []string, err error) {
	wanted := map[permissions.Path]bool{}
	for _, s := range named {
		p, err := permissions.ParsePath(s)
		if err != nil {
			return nil, nil, usageError{err}
		}
		wanted[p] = true
	}
	suggested := map[permissions.Path]bool{}
	for _, f := range findings {
		all := len(f.Suggest) > 0
		for _, p := range f.Suggest {
			suggested[p] = true
			all = all && wanted[p]
		}
		if len(f.Suggest) > 0 {
			notes = append(notes, note(f, all))
		}
		if all {
			f = f.Accept()
		}
		accepted = append(accepted, f)
	}
	for p := range wanted {
		if !suggested[p] {
			return nil, nil, wrongly("-accept %s: nothing suggests it", shown(p))
		}
	}
	return accepted, notes, nil
}

// note says what became of a suggestion, and what it lets the role do.
func note(f permissions.Finding, accepted bool) string {
	var text strings.Builder
	for i, p := range f.Suggest {
		if i > 0 {
			text.WriteString("; ")
		}
		instead := "besides"
		if f.Code == permissions.CodeMisspelled {
			instead = "instead of"
		}
		fmt.Fprintf(&text, "%s %s %s, which lets the role %s", shown(p), instead, shown(f.Path), permissions.EffectOf(p))
		if info, _ := permissions.Known(p); info.Sensitive != "" {
			text.WriteString(" (SENSITIVE: " + info.Sensitive + ")")
		}
	}
	if accepted {
		return "accepted: " + text.String()
	}
	words := make([]string, len(f.Suggest))
	for i, p := range f.Suggest {
		words[i] = string(p)
	}
	return "not accepted: " + text.String() + "; to take it, write -accept " + strings.Join(words, ",")
}
