// Package identities manages security identities: Active Directory users and
// groups that hold roles. They belong to the permission model of Command 10;
// from Command 11 on, claims take their place (package claims).
//
// API: /Security/Identities, version 1.
package identities

import (
	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

// Type says what an identity is. A type that this library does not know is kept
// as the server wrote it.
type Type string

// The known types.
const (
	TypeUser  Type = "User"
	TypeGroup Type = "Group"
)

// Identity is an Active Directory user or group that is known to Command.
type Identity struct {
	ID           int       `json:"Id"`
	AccountName  string    `json:"AccountName"` // DOMAIN\name
	IdentityType Type      `json:"IdentityType"`
	SID          *string   `json:"SID,omitzero"` // nil if the server leaves it out, as lists do
	Roles        []RoleRef `json:"Roles"`
	Valid        *bool     `json:"Valid,omitzero"` // false: the record's audit signature does not match; nil: not checked
}

// RoleRef is a role that an identity holds. The server fills in no more than
// this there, whatever else its answer seems to say.
type RoleRef struct {
	ID          int    `json:"Id"`
	Name        string `json:"Name"`
	Description string `json:"Description"`
}

// Create is an identity to add. The server looks the account up in Active
// Directory; see [V1.Lookup].
type Create struct {
	AccountName string `json:"AccountName"` // required, DOMAIN\name
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (c Create) Validate() error {
	var p validate.Problems
	p.Name("AccountName", c.AccountName, 0)
	return p.Err()
}

// LookupResult is whether Active Directory knows an account.
type LookupResult struct {
	Valid bool `json:"Valid"`
}

// Permissions is what an identity may do, and through which roles.
type Permissions struct {
	Identity    string        `json:"Identity"`       // DOMAIN\name
	Claim       *claims.Claim `json:"Claim,omitzero"` // from Command 25 on
	Global      []Grant       `json:"SecuredAreaPermissions"`
	Collections []Grant       `json:"CollectionPermissions"`
	Containers  []Grant       `json:"ContainerPermissions"`
	// From Command 25 on. What sets PAM apart from PAMProviders is not documented.
	PAMProviders      []Grant `json:"PamProviderPermissions,omitempty"`
	IdentityProviders []Grant `json:"IdentityProviderPermissions,omitempty"`
	PAM               []Grant `json:"PamPermissions,omitempty"`
}

// Grant is one permission and the names of the roles that give it.
type Grant struct {
	Permission     permissions.Legacy `json:"Permission"` // such as "AdminPortal:Read"
	GrantedByRoles []string           `json:"GrantedByRoles"`
}

// SortField is a field that a list of identities can be sorted by.
type SortField string

// The documented sort fields. The server claims to sort by id unless told
// otherwise, and does not.
const (
	SortID           SortField = "Id"
	SortIdentityType SortField = "IdentityType" // from Command 11.3 on
)

// ListOptions sorts and pages a list of identities. Zero fields leave the choice
// to the server. Identities cannot be filtered; see [V1.Find].
type ListOptions struct {
	SortBy   SortField      `url:"SortField,omitempty"`
	Order    security.Order `url:"SortAscending,omitempty"`
	Page     int            `url:"PageReturned,omitempty"` // 1 is the first
	PageSize int            `url:"ReturnLimit,omitempty"`  // 50 by default, 200 in All
	Validate *bool          `url:"Validate,omitempty"`     // false skips the check of audit signatures, which is the default and slow
}
