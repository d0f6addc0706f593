// Package roles manages security roles, in both of the API's models.
//
// Version 2 ([V2], from Command 11 on) knows access-control paths and claims.
// Version 1 ([V1]) knows permissions named "Area:Name" and Active Directory
// identities; Command deprecates it. Both work on the same roles, and each shows
// only what it can express: version 1 shows no claims, and no permission that it has
// no name for.
//
// To change a role, prefer the safe changes of [V2] to a bare [V2.Update]: the PUT of
// the API replaces the whole role, and undoes what others wrote since it was read.
//
//   - [V2.Edit] reads a role, lets a function change it, checks, writes, and looks
//     whether the change is there. [V2.AddClaims], [V2.RemoveClaims], [V2.Grant] and
//     [V2.Revoke] are edits of one kind; [V2.EditAll] edits many roles.
//   - [V2.Ensure] makes a role as desired, whether it exists or not; [V2.EnsureAll]
//     does so for many.
//
// What they promise, and what they cannot, is in docs/safe-changes.md of this module.
//
// API: /Security/Roles, versions 1 and 2.
package roles

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// SortField is a field that a list of roles can be sorted by.
type SortField string

// SortName sorts by name, which is the server's default. Which other fields
// there are is not documented.
const SortName SortField = "Name"

// FieldName is the name of a role. Which other fields a list of roles can be
// filtered by is not documented.
const FieldName security.FilterField = "Name"

// ListOptionsV1 selects, sorts and pages a list of roles in version 1. Zero fields
// leave the choice to the server.
type ListOptionsV1 struct {
	Filter   security.Filter `url:"QueryString,omitempty"`
	SortBy   SortField       `url:"SortField,omitempty"`
	Order    security.Order  `url:"SortAscending,omitempty"`
	Page     int             `url:"PageReturned,omitempty"` // 1 is the first
	PageSize int             `url:"ReturnLimit,omitempty"`  // 50 by default, 200 in All

	// Validate checks the audit signatures of the roles, which is the default and
	// slow; false skips it.
	Validate *bool `url:"Validate,omitempty"`
}

// ListOptionsV2 selects, sorts and pages a list of roles in version 2. Zero fields
// leave the choice to the server.
type ListOptionsV2 struct {
	Filter   security.Filter `url:"QueryString,omitempty"`
	SortBy   SortField       `url:"SortField,omitempty"`
	Order    security.Order  `url:"SortAscending,omitempty"`
	Page     int             `url:"PageReturned,omitempty"` // 1 is the first
	PageSize int             `url:"ReturnLimit,omitempty"`  // 50 by default, 200 in All
}

// The longest texts of a role.
const (
	maxName        = 128
	maxDescription = 512
	maxEmail       = 256
)

func (r RoleV1) key() (id int, name string) { return r.ID, r.Name }
func (r RoleV2) key() (id int, name string) { return r.ID, r.Name }

// keyed is a role in an answer.
type keyed interface{ key() (id int, name string) }

// about refuses an answer about another role than the one with an id.
func about(id int) func(any) error {
	return func(answer any) error {
		if got, _ := answer.(keyed).key(); got != id {
			return fmt.Errorf("it is about role %d, and not about role %d", got, id)
		}
		return nil
	}
}

// named refuses an answer about another role than the one that was to be made.
func named(name string) func(any) error {
	return func(answer any) error {
		switch id, got := answer.(keyed).key(); {
		case id < 1:
			return errors.New("it has no id")
		case !names.Same(strings.TrimSpace(got), strings.TrimSpace(name)):
			return fmt.Errorf("it is about role %q, and not about role %q", got, name)
		}
		return nil
	}
}

// find returns the item of a list with a name: the one that is written like it, or
// else the only one that differs from it in case at most (see names.Same). It is
// nil if there is none. list makes the list, with a filter or without.
func find[T any](name string, nameOf func(*T) string, list func(security.Filter) iter.Seq2[T, error]) (*T, error) {
	var p validate.Problems
	p.Required("name", name, 0)
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("find role: %w", err)
	}
	filter := FieldName.Eq(name)
	if filter.String() == "" {
		filter = security.Filter{} // the query language cannot quote the name
	}
	var similar []T
	for role, err := range list(filter) {
		switch {
		case err != nil:
			return nil, err
		case nameOf(&role) == name:
			return &role, nil
		case names.Same(nameOf(&role), name):
			similar = append(similar, role)
		}
	}
	switch len(similar) {
	case 0:
		return nil, nil //nolint:nilnil // for those who ask whether there is one
	case 1:
		return &similar[0], nil
	}
	return nil, fmt.Errorf("find role %q: %w: it fits %q and %q", name, security.ErrConflict, nameOf(&similar[0]), nameOf(&similar[1]))
}
