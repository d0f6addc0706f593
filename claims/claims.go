// Package claims manages security claims: who can hold a role. A claim names a
// user, a group or a client of an identity provider; roles are given to claims.
//
// API: /Security/Claims, version 1, from Command 11 on.
package claims

import (
	"strings"

	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// Type is what kind of thing a claim names; see [holders.Type].
type Type = holders.Type

// The types that Command knows.
const (
	TypeUser          = holders.TypeUser          // 0: Active Directory user
	TypeGroup         = holders.TypeGroup         // 1: Active Directory group
	TypeComputer      = holders.TypeComputer      // 2: Active Directory machine account; its value ends in $
	TypeOAuthOid      = holders.TypeOAuthOid      // 3: OAuth claim that is none of the following
	TypeOAuthRole     = holders.TypeOAuthRole     // 4: OAuth group or role
	TypeOAuthSubject  = holders.TypeOAuthSubject  // 5: OAuth user
	TypeOAuthClientID = holders.TypeOAuthClientID // 6: OAuth client application
)

// ParseType reads a type from its name in any case, with or without spaces
// ("OAuth Role"), or from its number.
func ParseType(s string) (Type, error) { return holders.ParseType(s) }

// Key is a claim's natural key: two claims with the same key are one claim to
// the server, which finds them by it; see [holders.Key].
type Key = holders.Key

// Claim is a claim as the server has it.
type Claim struct {
	ID          int      `json:"Id"`
	Description string   `json:"Description"`
	Type        Type     `json:"ClaimType"`
	Value       string   `json:"ClaimValue"`
	Provider    Provider `json:"Provider,omitzero"` // zero if the server does not name it
}

// Provider is the identity provider that vouches for a claim.
type Provider struct {
	ID                   string `json:"Id"` // GUID
	AuthenticationScheme string `json:"AuthenticationScheme"`
	DisplayName          string `json:"DisplayName"`
}

// Key is the claim's natural key.
func (c Claim) Key() Key {
	return Key{Type: c.Type, Value: c.Value, Scheme: c.Provider.AuthenticationScheme}
}

// ToRequest returns what can be sent of the claim. The API insists on a
// description; a claim that has none gets its value for one.
func (c Claim) ToRequest() Request {
	r := Request{Type: c.Type, Value: c.Value, Scheme: c.Provider.AuthenticationScheme, Description: c.Description}
	if strings.TrimSpace(r.Description) == "" {
		r.Description = c.Value
	}
	return r
}

// Request describes a claim to create, or to give a role to.
type Request struct {
	Type        Type   `json:"ClaimType"`
	Value       string `json:"ClaimValue"`                   // required, at most 512 characters
	Scheme      string `json:"ProviderAuthenticationScheme"` // required, at most 512 characters
	Description string `json:"Description"`                  // required, at most 512 characters
}

// Key is the claim's natural key.
func (r Request) Key() Key { return Key{Type: r.Type, Value: r.Value, Scheme: r.Scheme} }

// Validate reports everything that is wrong with the request, as
// security.FieldErrors. Calls that send it do this first.
func (r Request) Validate() error {
	var p validate.Problems
	p.Claim(r.Key())
	p.Required("Description", r.Description, maxText)
	return p.Err()
}

// checkNew is what is wrong with a claim that is to be created, beyond what
// Validate reports: nobody could tell it from another one by its looks.
func checkNew(r Request) error {
	var p validate.Problems
	p.Merge(r.Validate())
	if p.Err() == nil {
		p.Name("Value", r.Value, maxText)
		p.Name("Scheme", r.Scheme, maxText)
	}
	return p.Err()
}

// maxText is the longest value, scheme and description.
const maxText = limits.ClaimText

// Unique returns the requests without those whose key an earlier one has. The
// server does not reject such duplicates; they corrupt a role. An Active
// Directory claim without a domain gives way to one with a domain, which is
// what the server makes of it.
func Unique(requests []Request) []Request {
	unique := make([]Request, 0, len(requests))
	seen := make(map[Key]bool, len(requests))
	qualified := make(map[Key]bool) // without their domain
	for _, r := range requests {
		if domain, bare := r.Key().Fold().Domain(); domain != "" {
			qualified[bare] = true
		}
	}
	for _, r := range requests {
		key := r.Key().Fold()
		if domain, bare := key.Domain(); seen[key] || domain == "" && qualified[bare] {
			continue
		}
		seen[key] = true
		unique = append(unique, r)
	}
	return unique
}

// Update is a change of a claim. Only the description can change; a claim with
// another type, value or scheme is another claim.
type Update struct {
	ID          int    `json:"Id"`
	Description string `json:"Description"` // required, at most 512 characters
}

// Validate reports everything that is wrong with the update.
func (u Update) Validate() error {
	var p validate.Problems
	p.ID("ID", u.ID)
	p.Required("Description", u.Description, maxText)
	return p.Err()
}

// RoleRef is a role that a claim has.
type RoleRef struct {
	ID              int    `json:"Id"`
	Name            string `json:"Name"`
	Description     string `json:"Description"`
	PermissionSetID string `json:"PermissionSetId"` // GUID
}

// The fields that a list of claims can be filtered by.
const (
	// FieldADValue is the value of an Active Directory claim. It matches in full only.
	FieldADValue security.FilterField = "ADClaimValue"
	// FieldType is the claim's type. It can be equal or not: FieldType.Eq(claims.TypeGroup).
	FieldType security.FilterField = "ClaimType"
	// FieldValue is the value of a claim of an OAuth provider.
	FieldValue security.FilterField = "ClaimValue"
	// FieldDescription is the description.
	FieldDescription security.FilterField = "Description"
)

// SortField is a field that a list of claims can be sorted by.
type SortField string

// SortProvider sorts by identity provider, which is the server's default. No
// other field is documented.
const SortProvider SortField = "Provider"

// ListOptions selects, sorts and pages a list of claims. Zero fields leave the
// choice to the server.
type ListOptions struct {
	Filter   security.Filter `url:"QueryString,omitempty"`
	SortBy   SortField       `url:"SortField,omitempty"`
	Order    security.Order  `url:"SortAscending,omitempty"`
	Page     int             `url:"PageReturned,omitempty"` // 1 is the first
	PageSize int             `url:"ReturnLimit,omitempty"`  // 50 by default, 200 in All
}
