package main

import (
	"fmt"
	"os"
	"time"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// prove works out what a server's roles prove about the mapping.
func prove(o options, in input, w output) error {
	switch {
	case in.args != nil:
		return wrongly("prove reads a file or standard input, not arguments")
	case o.experiment && (o.redact || o.out != ""):
		return wrongly("-experiment writes roles to create, -redact and -out an overlay: call prove once for each")
	}
	observations, known, err := permissions.ParseObservations(in.text)
	if err != nil {
		return usageError{err}
	}
	version, err := o.version()
	if err != nil {
		return err
	}
	day, err := time.Parse(time.DateOnly, o.day)
	if err != nil {
		return wrongly("%q is not a day: write it like 2026-01-31", o.day)
	}
	proof := permissions.Learn(observations, known)
	if o.experiment {
		tests := proof.Experiment()
		text := permissions.FormatExperiment(tests)
		if text == "" {
			text = "nothing is open\n"
		}
		return write(o, w.result, tests, text)
	}
	overlay := proof.Overlay(permissions.OverlaySource{Version: version, Date: day})
	if o.redact {
		overlay = overlay.Redact()
	}
	text, err := overlay.MarshalText()
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := os.WriteFile(o.out, text, 0o600); err != nil {
			return err
		}
	}
	if o.redact {
		return write(o, w.result, overlay.Rows(), string(text))
	}
	table := proof.String()
	if o.out != "" {
		table += fmt.Sprintf("Next: permissions convert -overlay %s -f ROLES\n", show.Text(o.out, 200))
	}
	return write(o, w.result, proof.Rows(), table)
}
