// Package roles manages security roles, in both of the API's models.
//
// Version 1 ([V1]) knows permissions named "Area:Name" and Active Directory
// identities. Version 2 ([V2], from Command 11 on) knows access-control paths
// and claims. Both describe the same roles: what one writes, the other reads.
//
// API: /Security/Roles, versions 1 and 2.
package roles

import (
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
