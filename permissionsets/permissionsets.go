// Package permissionsets manages permission sets: the limits of what the roles
// in them can be granted. Every role belongs to one set. A new server has one
// set, Global, which holds every permission.
//
// API: /PermissionSets and /Permissions, version 1, from Command 11 on.
package permissionsets

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

// GlobalID is the id of the Global permission set. It is the same on every
// server.
const GlobalID = "099c05f0-deba-4562-a5b1-f491e19c0749"

// PermissionSet is a permission set.
type PermissionSet struct {
	ID          string             `json:"Id"` // GUID
	Name        string             `json:"Name"`
	Permissions []permissions.Path `json:"Permissions"`
}

// ToUpdate returns the update that changes nothing.
func (s PermissionSet) ToUpdate() Update {
	return Update{ID: s.ID, Permissions: slices.Clone(s.Permissions)}
}

// Create is a permission set to create.
type Create struct {
	Name        string             `json:"Name"`        // required; it cannot be changed later
	Permissions []permissions.Path `json:"Permissions"` // required
}

// Update replaces the permissions of a set. Its name cannot change.
type Update struct {
	ID          string             `json:"Id"`          // GUID
	Permissions []permissions.Path `json:"Permissions"` // required, the complete list
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (c Create) Validate() error {
	var p validate.Problems
	p.Name("Name", c.Name, 0)
	check(&p, c.Permissions)
	return p.Err()
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (u Update) Validate() error {
	var p validate.Problems
	p.GUID("ID", u.ID)
	check(&p, u.Permissions)
	return p.Err()
}

func check(p *validate.Problems, paths []permissions.Path) {
	for i, path := range paths {
		if _, err := permissions.ParsePath(string(path)); err != nil {
			p.Add("Permissions["+strconv.Itoa(i)+"]", "%v", err)
		}
	}
}

// MarshalJSON writes the request as it is sent: the list is never null.
func (c Create) MarshalJSON() ([]byte, error) {
	type wire Create
	if c.Permissions == nil {
		c.Permissions = []permissions.Path{}
	}
	return json.Marshal(wire(c))
}

// MarshalJSON writes the request as it is sent: the list is never null.
func (u Update) MarshalJSON() ([]byte, error) {
	type wire Update
	if u.Permissions == nil {
		u.Permissions = []permissions.Path{}
	}
	return json.Marshal(wire(u))
}

// Held is a permission set through which the caller holds a permission.
type Held struct {
	ID          string             `json:"Id"` // GUID
	Name        string             `json:"Name"`
	Permissions []permissions.Path `json:"Permissions"`
	Roles       []RoleRef          `json:"SecurityRoles"` // the caller's roles in the set; from Command 25.2 on
}

// RoleRef is a role in a permission set.
type RoleRef struct {
	ID   int    `json:"Id"`
	Name string `json:"Name"`
}

// SortField is a field that a list of permission sets can be sorted by.
type SortField string

// SortID sorts by id, which is the server's default. Which other fields there
// are is not documented.
const SortID SortField = "Id"

// FieldName is the name of a permission set. The documents name no field to filter
// by; scripts of the vendor filter by this one.
const FieldName security.FilterField = "Name"

// ListOptions selects, sorts and pages a list of permission sets. Zero fields
// leave the choice to the server.
type ListOptions struct {
	Filter   security.Filter `url:"QueryString,omitempty"`
	SortBy   SortField       `url:"SortField,omitempty"`
	Order    security.Order  `url:"SortAscending,omitempty"`
	Page     int             `url:"PageReturned,omitempty"` // 1 is the first
	PageSize int             `url:"ReturnLimit,omitempty"`  // 50 by default, 200 in All
}
