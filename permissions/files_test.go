package permissions_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/commandsec/commandsec-go/permissions"
)

// Whatever a file has in it is read or refused with an error that says so, on lines that show as they are; what was read can
// be converted with, and an overlay is written as it was read.
func FuzzFiles(f *testing.F) {
	for _, s := range []string{
		"", "AdminPortal:Read\n", "A:\nAPI:Read\nB:\nSSH:User\n", `{"A": ["API:Read"]}`, `[{"Name": "A", "Permissions": ["API:Read"]}]`,
		`{"known": ["/"], "roles": [{"role": "A", "names": ["API:Read"], "paths": ["/auditing/read/"], "exact": true}]}`,
		"API:Read | accept | why\nA:\nCollections[{id}]:Read | /certificates/{id}/ |\n", "API:Read | -",
		"AdminPortal:Read | /portal/read/ | confirmed exactly | 25.1 | 2026-01-31 | 57\nA[{id}]:B | /x/{id}/ | refuted | - | - | -\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check := func(err, kind error) bool {
			if err == nil {
				return true
			}
			if hidden := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }; !errors.Is(err, kind) || strings.ContainsFunc(err.Error(), hidden) {
				t.Fatalf("%q: %q", s, err)
			}
			return false
		}
		roles, err := permissions.ParseRoles([]byte(s))
		if !check(err, permissions.ErrRoles) {
			roles = []permissions.LegacyRole{{Role: "A", Names: names("API:Read", "Collections[6]:Read")}}
		}
		var opts permissions.ConvertOptions
		if opts.Decisions, err = permissions.ParseDecisions([]byte(s)); !check(err, permissions.ErrDecisions) {
			opts.Decisions = nil
		}
		if opts.Overlay, err = permissions.ParseOverlay([]byte(s)); check(err, permissions.ErrOverlay) {
			text, err := opts.Overlay.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			again, err := permissions.ParseOverlay(text)
			if err != nil || !reflect.DeepEqual(again.Rows(), opts.Overlay.Rows()) {
				t.Fatalf("%q: %q, %v", s, text, err)
			}
		}
		if observations, known, err := permissions.ParseObservations([]byte(s)); check(err, permissions.ErrObservations) {
			_ = permissions.Learn(observations, known).String()
		}
		all := permissions.ConvertAll(roles, &opts)
		if text := all.String(); strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Fatalf("%q: %q", s, text)
		}
		for _, r := range all.Roles {
			if n := r.Counts(); n.Names != n.Converted+n.Lost || n.Exact+max(n.Widened, n.Narrowed, n.Guesses) > n.Converted {
				t.Fatalf("%q: %+v", s, n)
			}
		}
	})
}
