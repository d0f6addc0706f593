package names_test

import (
	"testing"

	"github.com/commandsec/commandsec-go/internal/names"
)

func TestSame(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"Key Operators", "KEY oPERATORS"}, {"Prüfer", "PRÜFER"}, {"", ""}, {"Ωmega", "ωMEGA"}} {
		if !names.Same(pair[0], pair[1]) || !names.Same(pair[1], pair[0]) {
			t.Errorf("%q and %q are the same", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{"Key Operators", "\u212aey Operators"}, // the Kelvin sign
		{"sign", "\u017fign"},                   // the long s
		{"\u00c5", "\u212b"},                    // A with a ring, and the Angstrom sign
		{"in", "\u0131n"}, {"IN", "\u0130N"},    // dotless and dotted
		{"ς", "σ"}, {"straße", "STRASSE"}, {"a", "a "}, {"a", "b"},
	} {
		if names.Same(pair[0], pair[1]) || names.Same(pair[1], pair[0]) {
			t.Errorf("%q and %q are not the same", pair[0], pair[1])
		}
	}
}
