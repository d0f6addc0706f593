// Permissions shows what package permissions does for a program: it says what a name means, converts the names of a role
// to paths, takes a decision, works out what a server proves, and checks and compares paths. It needs no server.
//
// For your own roles there is a command: "commandsec permissions explain", "convert", "lint" and "diff", and
// "commandsec prove".
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/permissions"
)

// names are what version 1 of the API shows of a role.
var names = []permissions.Legacy{
	"AdminPortal:Read",
	"CertificateEnrollment:PendingCsr",
	"Certificates:Read",
	permissions.CollectionRevoke.On(6),
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "permissions:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	w := bufio.NewWriter(out)
	explain(w)
	if err := convert(w); err != nil {
		return err
	}
	if err := prove(w); err != nil {
		return err
	}
	check(w)
	if err := compare(w); err != nil {
		return err
	}
	return w.Flush()
}

// explain looks things up in the catalogue.
func explain(w io.Writer) {
	chapter(w, "What a path means")
	path := permissions.Path("/certificates/collections/revoke/6/")
	fmt.Fprintf(w, "%s allows to %s.\n", path, permissions.EffectOf(path))
	if info, ok := permissions.Known("/security/modify/"); ok {
		fmt.Fprintf(w, "%s is risky: %s.\n", info.Path, info.Risk)
	}
}

// convert turns the names into paths, twice: as they are, and after somebody decided.
func convert(w io.Writer) error {
	chapter(w, "From names to paths")
	conversion := permissions.Convert(names, nil)
	if err := conversion.Err(); err != nil {
		return err
	}
	for _, item := range conversion.Items {
		fmt.Fprintf(w, "%s becomes %v: %s\n", item.Name, item.Paths, item.Confidence)
	}
	for _, item := range conversion.Undecided() {
		fmt.Fprintf(w, "Somebody has to decide about %s, because the role can then %s.\n", item.Name, item.Widens)
	}

	decisions, err := permissions.ParseDecisions([]byte("CertificateEnrollment:PendingCsr | - | approvers get a role of their own"))
	if err != nil {
		return err
	}
	conversion = permissions.Convert(names, &permissions.ConvertOptions{Decisions: decisions})
	if err := conversion.Err(); err != nil {
		return err
	}
	fmt.Fprintf(w, "After that decision the role holds %v, and %d names are undecided.\n", conversion.Set.Paths(), len(conversion.Undecided()))
	return nil
}

// prove works out what two roles, as a server shows them in both notations, say about the mapping.
func prove(w io.Writer) error {
	chapter(w, "What a server proves")
	proof := permissions.Learn([]permissions.Observation{
		{Role: "Auditors", Names: []permissions.Legacy{"AdminPortal:Read", "Auditing:Read"}, Paths: []permissions.Path{"/portal/read/", "/auditing/read/"}},
		// Made through version 1 with exactly this name, on a test server.
		{Role: "Test", Names: []permissions.Legacy{"AdminPortal:Read"}, Paths: []permissions.Path{"/portal/read/"}, Exact: true},
	}, []permissions.Path{"/portal/read/", "/auditing/read/", "/reports/read/"})
	for _, row := range proof.Rows() {
		if row.Roles > 0 {
			fmt.Fprintf(w, "%s is %s: %v\n", row.Name, row.Verdict, row.Paths)
		}
	}
	overlay, err := proof.Overlay(permissions.OverlaySource{Version: "25.1", Date: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)}).MarshalText()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "As an overlay, a file to convert with, that is %d lines.\n", strings.Count(string(overlay), "\n"))
	return nil
}

// check finds what is wrong with paths, and mends what changes no right.
func check(w io.Writer) {
	chapter(w, "What is wrong with a role's paths")
	paths := []permissions.Path{"/Portal/Read", "/reports/", "/reports/read/"}
	findings := permissions.Lint(paths, nil)
	for _, f := range findings {
		fmt.Fprintln(w, f)
	}
	fmt.Fprintf(w, "Fixed: %v\n", permissions.Fix(paths, findings))
}

// compare says what a change means.
func compare(w io.Writer) error {
	chapter(w, "What a change means")
	before, err := permissions.ParseSet("/portal/read/", "/certificates/collections/revoke/")
	if err != nil {
		return err
	}
	after, err := permissions.ParseSet("/portal/read/", "/certificates/collections/revoke/6/", "/reports/read/")
	if err != nil {
		return err
	}
	fmt.Fprint(w, before.Diff(after))
	fmt.Fprintf(w, "To revoke a certificate of collection 7: %t before, %t after.\n",
		before.Allows("/certificates/collections/revoke/7/"), after.Allows("/certificates/collections/revoke/7/"))
	return nil
}

func chapter(w io.Writer, title string) {
	fmt.Fprintf(w, "\n%s\n%s\n", title, strings.Repeat("-", len(title)))
}
