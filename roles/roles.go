// Package roles manages security roles, in both of the API's models.
//
// Version 2 ([V2], from Command 11 on) knows access-control paths and claims.
// Version 1 ([V1]) knows permissions named "Area:Name" and Active Directory
// identities; Command deprecates it. Both work on the same roles, and each shows
// only what it can express: version 1 shows no claims, and no permission that it has
// no name for. So who holds a role is known only from both: RoleV2.Claims of [V2.Get]
// lists the claims, and [V1.Identities], or RoleV1.Identities of [V1.Get], the
// identities. Whether the server lists a holder in both is not documented.
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
	"github.com/commandsec/commandsec-go/internal/limits"
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
	maxName        = limits.RoleName
	maxDescription = limits.Description
	maxEmail       = limits.Email
)
