package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/show"
)

// Key is the natural key of a holder: type, value, scheme. See
// [github.com/commandsec/commandsec-go/holders.Key].
type Key = snapshot.Key

// Desired is what a server should look like, as far as somebody wants to decide it.
// [LoadDesired] reads one from a file, [Export] makes one from a snapshot. What it does
// not name stays as it is.
type Desired struct {
	// Server is the URL of the server that it is for. Empty: any.
	Server Text

	PermissionSets []PermissionSet
	Claims         []Claim
	Roles          []Role
	Absent         Absent

	// File and Digest are where it was read from, and the SHA-256 of that file and the
	// lists that it names; empty otherwise.
	File   string
	Digest string

	// Notes say what the file leaves out, and why. [Desired.WriteYAML] writes them as
	// comments; they mean nothing to [Make].
	Notes []string

	wrong Problems // what [LoadDesired] found, if it could read the file
}

// Text is a text of a desired state, and where it is written.
type Text struct {
	Value string
	At    Position
}

// PermissionSet is a permission set that there should be.
type PermissionSet struct {
	Name string
	// Permissions are all that it should hold: paths, see the package documentation.
	// Nil: they stay as they are, and a new set has none.
	Permissions []Text
	At          Position
}

// Claim is a claim that there should be.
type Claim struct {
	Key Key
	// Description nil: it stays as it is, and that of a new claim is its value.
	Description *string
	At          Position

	described Position // where the description is written
}

// Role is a role that there should be. What is nil stays as it is.
type Role struct {
	Name string
	// Was is the name that it has until now, if it is to be renamed.
	Was           string
	Description   *string // of a new role: its name
	EmailAddress  *string // "": none
	PermissionSet *string // name or id; of a new role: Global
	Permissions   []Text  // paths and version 1 names, see the package documentation
	Holders       []Holder
	// Existing says what becomes of a role that is there already.
	Existing Existing
	At       Position

	at map[string]Position // of members that were read from a file
}

// where is where a member of the role is written or, if that is not known, the role.
func (r *Role) where(member string) Position {
	if at, known := r.at[member]; known {
		return at
	}
	return r.At
}

// Existing says what becomes of a role that is there already.
type Existing string

// What becomes of it.
const (
	// Replace makes it what the desired state says: a list that is given is complete.
	Replace Existing = "replace"
	// Add completes it: permissions and holders are added, and description, e-mail
	// address and permission set are set if the role has none.
	Add Existing = "add"
)

// Holder is somebody who should hold a role.
type Holder struct {
	Key Key
	// Identity says that the holder is named as an Active Directory account. On servers
	// that keep identities apart from claims, it is written through version 1. The type
	// of the key may be empty if the server knows the account.
	Identity bool
	// Description is what a claim gets that the server lacks; one that is there keeps its
	// own. Nil: its value.
	Description *string
	At          Position
}

// Absent are the objects that should not be there. Nothing else is ever deleted.
type Absent struct {
	Roles          []Text
	Claims         []Holder
	Identities     []Holder
	PermissionSets []Text // by name
}

// Position is where something is written. The zero value is nowhere: what a program
// made.
type Position struct {
	File         string
	Line, Column int
}

// String is "access.yaml:12:5".
func (p Position) String() string {
	switch {
	case p.File == "" && p.Line == 0:
		return ""
	case p.Line == 0:
		return show.Text(p.File, maxShown)
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", show.Text(p.File, maxShown), p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", show.Text(p.File, maxShown), p.Line, p.Column)
}

// maxShown is how much of a text an error or a sentence shows, in characters.
const maxShown = 200

// quote shows a text from a file or a server in quotation marks.
func quote(s string) string { return `"` + show.Text(s, maxShown) + `"` }

// Problem is something wrong with a desired state.
type Problem struct {
	At   Position
	Text string
}

// String is "access.yaml:12:5: what is wrong".
func (p Problem) String() string {
	if at := p.At.String(); at != "" {
		return at + ": " + p.Text
	}
	return p.Text
}

// Problems are all that is wrong with a desired state, in the order of the file.
type Problems []Problem

// maxProblems is how many problems an error lists.
const maxProblems = 50

// Error has one problem a line.
func (p Problems) Error() string {
	lines := make([]string, 0, min(len(p), maxProblems)+1)
	for i, problem := range p {
		if i == maxProblems {
			lines = append(lines, fmt.Sprintf("and %d more problems", len(p)-i))
			break
		}
		lines = append(lines, problem.String())
	}
	return strings.Join(lines, "\n")
}

// problems are those that were found so far.
type problems []Problem

func (p *problems) add(at Position, format string, args ...any) {
	*p = append(*p, Problem{at, fmt.Sprintf(format, args...)})
}

// err is what was found as [Problems], in the order of the files and without
// repetitions, or nil.
func (p *problems) err() error {
	if len(*p) == 0 {
		return nil
	}
	sorted := slices.Clone(*p)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.At.File, b.At.File), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	told := make(map[Problem]bool, len(sorted))
	return Problems(slices.DeleteFunc(sorted, func(p Problem) bool {
		again := told[p]
		told[p] = true
		return again
	}))
}
