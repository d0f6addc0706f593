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

func TestSameAccount(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]bool{
		{`KEYEXAMPLE\ops`, `keyexample\OPS `}:       true,
		{`KEYEXAMPLE\ops`, `ops`}:                   true,
		{`ops`, `KEYEXAMPLE\ops`}:                   true,
		{`KEYEXAMPLE\ops`, `ops@keyexample.com`}:    true,
		{`KEYEXAMPLE\ops`, `ops@local`}:             true,
		{`KEYEXAMPLE\ops`, `keyexample.com\ops`}:    true,
		{`KEYEXAMPLE\a@b`, `KEYEXAMPLE\a@b`}:        true,
		{`KEYEXAMPLE\ops`, `OTHER\ops`}:             false,
		{`KEYEXAMPLE\ops`, `KEYEXAMPLE\ops2`}:       false,
		{`KEYEXAMPLE\root`, `ops@keyexample.com`}:   false,
		{`KEYEXAMPLE\root`, `keyexample.com\ops`}:   false,
		{`KEYEXAMPLE`, `KEYEXAMPLE\ops`}:            false,
		{``, `ops`}:                                 false,
		{"KEYEXAMPLE\\\u212aey", `KEYEXAMPLE\Key`}:  false,
		{`KEYEXAMPLE\sub\ops`, `KEYEXAMPLE\sub`}:    false,
		{`KEYEXAMPLE\ops`, `ops@keyexample.com@x`}:  false,
		{`@keyexample.com`, `KEYEXAMPLE\`}:          false,
		{`KEYEXAMPLE\ops$`, `KEYEXAMPLE\ops`}:       false,
		{`KEYEXAMPLE\ops@x.com`, `ops@x.com`}:       false,
		{`ops@keyexample.com`, `ops@other.example`}: true, // which short names they have is not known
	} {
		if got := names.SameAccount(pair[0], pair[1]); got != want {
			t.Errorf("%q for %q: %v", pair[0], pair[1], got)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	all := []string{"Operators", "Auditors", "x"}
	for word, want := range map[string]string{"operatorz": "Operators", "AUDITORS": "Auditors", "Readers": "", "y": "", "X": "x", "": ""} {
		if got := names.Nearest(word, all); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
