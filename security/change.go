package security

import (
	"errors"
	"fmt"
	"strings"

	"github.com/commandsec/commandsec-go/internal/show"
)

// Action is what a safe change did.
type Action string

// The actions.
const (
	Unchanged Action = "unchanged" // it was as wanted already
	Created   Action = "created"
	Updated   Action = "updated"
)

// Change is what a safe change did, or under [WithDryRun] would do.
type Change struct {
	Action Action
	Object string // such as `role "PKI Operators"`
	ID     string // "" for an object that does not exist yet
	DryRun bool   // nothing was written
	Fields []FieldChange
}

// FieldChange is what changed about one field: its value, or for a list what
// came and what went.
type FieldChange struct {
	Field    string
	From, To string
	Added    []string
	Removed  []string
}

// String is the change in one paragraph for people:
//
//	role "PKI Operators" (5) updated
//	  Description: "Ops" -> "Operators"
//	  Permissions: + /portal/read/
//
// It is "" for the zero Change.
func (c Change) String() string {
	if c.Action == "" && c.Object == "" && len(c.Fields) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(show.Text(c.Object, maxShown))
	if c.ID != "" {
		b.WriteString(" (" + show.Text(c.ID, maxShown) + ")")
	}
	if c.DryRun && c.Action != Unchanged {
		b.WriteString(" would be")
	}
	b.WriteString(" " + string(c.Action))
	for _, f := range c.Fields {
		if f.From != f.To {
			fmt.Fprintf(&b, "\n  %s: \"%s\" -> \"%s\"", f.Field, show.Text(f.From, maxShown), show.Text(f.To, maxShown))
		}
		for _, s := range f.Added {
			fmt.Fprintf(&b, "\n  %s: + %s", f.Field, show.Text(s, maxShown))
		}
		for _, s := range f.Removed {
			fmt.Fprintf(&b, "\n  %s: - %s", f.Field, show.Text(s, maxShown))
		}
	}
	return b.String()
}

// ErrNotAttempted means that a bulk operation ended before it came to this item.
var ErrNotAttempted = errors.New("not attempted")

// BulkOptions changes how a bulk operation goes. How many items are worked on
// at the same time is [WithConcurrency], 4 by default; the first one goes alone, so
// that a wrong password is tried once. [WithProgress] tells how far it is.
type BulkOptions struct {
	// StopOnError starts no further item after one failed. By default the others
	// go on, except after a refused sign-in ([ErrUnauthorized]), which every further
	// item would repeat until the account is locked.
	StopOnError bool
}

// BulkResult is what became of one item of a bulk operation.
type BulkResult[T any] struct {
	Value  *T // nil if Err is set, and for a creation under [WithDryRun]
	Change Change
	Err    error // wraps [ErrNotAttempted] if the operation ended before
}
