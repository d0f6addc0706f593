// Package claims manages security claims: who can hold a role. A claim names a
// user, a group or a client of an identity provider; roles are given to claims.
//
// API: /Security/Claims, version 1, from Command 11 on.
package claims

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// Type is what kind of thing a claim names. It is sent as its number, and read
// from number or name. A type that this library does not know is kept as the
// server wrote it, and cannot be sent.
type Type string

// The types that Command knows.
const (
	TypeUser          Type = "User"          // 0: Active Directory user
	TypeGroup         Type = "Group"         // 1: Active Directory group
	TypeComputer      Type = "Computer"      // 2: Active Directory machine account; its value ends in $
	TypeOAuthOid      Type = "OAuthOid"      // 3: OAuth claim that is none of the following
	TypeOAuthRole     Type = "OAuthRole"     // 4: OAuth group or role
	TypeOAuthSubject  Type = "OAuthSubject"  // 5: OAuth user
	TypeOAuthClientID Type = "OAuthClientId" // 6: OAuth client application
)

// types lists the known types, each at its number. It is never changed.
var types = [...]Type{
	TypeUser, TypeGroup, TypeComputer, TypeOAuthOid, TypeOAuthRole, TypeOAuthSubject, TypeOAuthClientID,
}

// ParseType reads a type from its name in any case, with or without spaces
// ("OAuth Role"), or from its number.
func ParseType(s string) (Type, error) {
	t := read(s)
	if _, ok := t.Number(); !ok {
		return "", fmt.Errorf("%q is not a claim type; the types are %v", s, types)
	}
	return t, nil
}

// read never fails: what is not known is kept.
func read(s string) Type {
	known := types[:]
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < len(known) {
		return known[n]
	}
	name := strings.ReplaceAll(s, " ", "")
	for _, t := range known {
		if strings.EqualFold(name, string(t)) {
			return t
		}
	}
	return Type(s)
}

// Number is the type's number on the wire, and whether the type is known.
func (t Type) Number() (int, bool) {
	n := slices.Index(types[:], t)
	return n, n >= 0
}

// MarshalJSON writes the number.
func (t Type) MarshalJSON() ([]byte, error) {
	n, ok := t.Number()
	if !ok {
		return nil, fmt.Errorf("%q is not a claim type; the types are %v", string(t), types)
	}
	return strconv.AppendInt(nil, int64(n), 10), nil
}

// UnmarshalJSON reads a name or a number.
func (t *Type) UnmarshalJSON(data []byte) error {
	for _, known := range types { // what nearly every claim says, without decoding
		if n := len(data); n > 1 && data[0] == '"' && string(data[1:n-1]) == string(known) {
			*t = known
			return nil
		}
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*t = ""
	case string:
		*t = read(v)
	case float64:
		*t = read(strconv.FormatFloat(v, 'f', -1, 64))
	default:
		return fmt.Errorf("a claim type is a name or a number, got %s", data)
	}
	return nil
}

// Key is a claim's natural key: two claims with the same key are one claim to
// the server, which finds them by it.
type Key struct {
	Type   Type
	Value  string // DOMAIN\name for Active Directory, otherwise as the provider writes it
	Scheme string // authentication scheme of the identity provider
}

// String is "OAuthRole pki-admins (System)".
func (k Key) String() string { return fmt.Sprintf("%s %s (%s)", k.Type, k.Value, k.Scheme) }

// Same reports whether both keys name the same claim. Schemes, and the values
// of Active Directory types, are compared without regard to case; a DOMAIN\ that
// only one of the values has is tolerated, because the server adds it.
func (k Key) Same(other Key) bool {
	a, b := k.fold(), other.fold()
	return a == b || a.Short() == b.Short() && (a.Domain == "" || b.Domain == "")
}

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
	checkKey(&p, r.Key())
	p.Required("Description", r.Description, maxText)
	return p.Err()
}

// Validate reports everything that is wrong with the key, as
// security.FieldErrors.
func (k Key) Validate() error {
	var p validate.Problems
	checkKey(&p, k)
	return p.Err()
}

func checkKey(p *validate.Problems, k Key) {
	if _, ok := k.Type.Number(); !ok {
		p.Add("Type", "%q is not a claim type; the types are %v", string(k.Type), types)
	}
	p.Required("Value", k.Value, maxText)
	p.Required("Scheme", k.Scheme, maxText)
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
const maxText = 512

// Unique returns the requests without those whose key an earlier one has. The
// server does not reject such duplicates; they corrupt a role. An Active
// Directory claim without a domain gives way to one with a domain, which is
// what the server makes of it.
func Unique(requests []Request) []Request {
	unique := make([]Request, 0, len(requests))
	seen := make(map[safe.ClaimKey]bool, len(requests))
	qualified := make(map[safe.ClaimKey]bool) // without their domain
	for _, r := range requests {
		if key := r.Key().fold(); key.Domain != "" {
			qualified[key.Short()] = true
		}
	}
	for _, r := range requests {
		key := r.Key().fold()
		if seen[key] || key.Domain == "" && qualified[key] {
			continue
		}
		seen[key] = true
		unique = append(unique, r)
	}
	return unique
}

// fold returns the key in the one form of all that compare equal, but for a domain
// that only one of them has.
func (k Key) fold() safe.ClaimKey { return safe.FoldClaim(string(k.Type), k.Value, k.Scheme) }

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
