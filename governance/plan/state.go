package plan

import (
	"cmp"
	"slices"

	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// Object is one object of a server: exactly one of the members is there.
type Object struct {
	PermissionSet *PermissionSetState `json:"permissionSet,omitempty"`
	Claim         *ClaimState         `json:"claim,omitempty"`
	Identity      *IdentityState      `json:"identity,omitempty"`
	Role          *RoleState          `json:"role,omitempty"`
	Members       *MembersState       `json:"members,omitempty"`
}

// PermissionSetState is a permission set.
type PermissionSetState struct {
	ID          string             `json:"id,omitempty"` // GUID; empty: not created yet
	Name        string             `json:"name"`
	Permissions []permissions.Path `json:"permissions"`
}

// ClaimState is a claim.
type ClaimState struct {
	ID          int    `json:"id,omitempty"` // 0: not created yet
	Key         Key    `json:"key"`
	Description string `json:"description"`
}

// IdentityState is an identity: an Active Directory account, as version 1 has it.
type IdentityState struct {
	ID  int `json:"id,omitempty"` // 0: not created yet
	Key Key `json:"key"`          // the value is the account's name
}

// RoleState is a role as version 2 reads and writes it.
type RoleState struct {
	ID           int    `json:"id,omitempty"` // 0: not created yet
	Name         string `json:"name"`
	Description  string `json:"description"`
	EmailAddress string `json:"emailAddress"`
	// PermissionSetID is a GUID; empty: the set with the name is created by another step.
	PermissionSetID string             `json:"permissionSetId,omitempty"`
	PermissionSet   string             `json:"permissionSet"`
	Paths           []permissions.Path `json:"paths"`
	Claims          []ClaimState       `json:"claims"` // the server finds them by key
}

// MembersState are the identities that hold a role: what version 1 shows on servers
// that keep them apart from claims.
type MembersState struct {
	RoleID     int             `json:"roleId,omitempty"` // 0: not created yet
	Role       string          `json:"role"`
	Identities []IdentityState `json:"identities"`
}

// set is what the role grants.
func (r *RoleState) set() permissions.Set {
	if r == nil {
		return permissions.Set{}
	}
	return permissions.NewSet(r.Paths...)
}

// sortClaims puts claims in order and drops those that are there twice.
func sortClaims(list []ClaimState) []ClaimState {
	slices.SortStableFunc(list, func(a, b ClaimState) int { return compareKeys(a.Key, b.Key) })
	return notNil(slices.CompactFunc(list, func(a, b ClaimState) bool { return a.Key.Fold() == b.Key.Fold() }))
}

func sortIdentities(list []IdentityState) []IdentityState {
	slices.SortStableFunc(list, func(a, b IdentityState) int { return compareKeys(a.Key, b.Key) })
	return notNil(slices.CompactFunc(list, func(a, b IdentityState) bool { return a.Key.Fold() == b.Key.Fold() }))
}

// compareKeys puts spellings of the same key side by side.
func compareKeys(a, b Key) int {
	fa, fb := a.Fold(), b.Fold()
	return cmp.Or(
		cmp.Compare(fa.Type, fb.Type), cmp.Compare(fa.Scheme, fb.Scheme), cmp.Compare(fa.Value, fb.Value),
		cmp.Compare(a.Value, b.Value), cmp.Compare(a.Scheme, b.Scheme))
}

// claimKeys are the folded keys of claims.
func claimKeys(list []ClaimState) map[Key]bool {
	out := make(map[Key]bool, len(list))
	for _, c := range list {
		out[c.Key.Fold()] = true
	}
	return out
}

func identityKeys(list []IdentityState) map[Key]bool {
	out := make(map[Key]bool, len(list))
	for _, i := range list {
		out[i.Key.Fold()] = true
	}
	return out
}

// without are the items of a list whose key is not among others.
func without[T any](list []T, key func(T) Key, others map[Key]bool) []T {
	var out []T
	for _, item := range list {
		if !others[key(item).Fold()] {
			out = append(out, item)
		}
	}
	return out
}

func claimKey(c ClaimState) Key         { return c.Key }
func identityKeyOf(i IdentityState) Key { return i.Key }

// Same reports whether two objects look the same, as far as a plan cares: lists are
// compared as sets, claims and identities by key.
func (o *Object) Same(other *Object) bool {
	if o == nil || other == nil {
		return o == other
	}
	switch {
	case o.Role != nil && other.Role != nil:
		return o.Role.same(other.Role)
	case o.Members != nil && other.Members != nil:
		return sameKeys(o.Members.Identities, other.Members.Identities, identityKeyOf)
	case o.PermissionSet != nil && other.PermissionSet != nil:
		a, b := o.PermissionSet, other.PermissionSet
		return a.Name == b.Name && permissions.NewSet(a.Permissions...).Equal(permissions.NewSet(b.Permissions...))
	case o.Claim != nil && other.Claim != nil:
		return o.Claim.Key.Fold() == other.Claim.Key.Fold() && o.Claim.Description == other.Claim.Description
	case o.Identity != nil && other.Identity != nil:
		return o.Identity.Key.Fold() == other.Identity.Key.Fold()
	}
	return false
}

func (r *RoleState) same(other *RoleState) bool {
	return r.sameFields(other) && r.set().Equal(other.set()) && sameKeys(r.Claims, other.Claims, claimKey)
}

// sameFields leaves out paths and claims. A permission set is the same by id or, if it
// is yet to be created, by name.
func (r *RoleState) sameFields(other *RoleState) bool {
	return r.Name == other.Name && r.Description == other.Description && r.EmailAddress == other.EmailAddress && r.samePermissionSet(other)
}

func (r *RoleState) samePermissionSet(other *RoleState) bool {
	if r.PermissionSetID != "" && other.PermissionSetID != "" {
		return r.PermissionSetID == other.PermissionSetID
	}
	return names.Same(r.PermissionSet, other.PermissionSet)
}

func sameKeys[T any](a, b []T, key func(T) Key) bool {
	in := func(list []T) map[Key]bool {
		out := make(map[Key]bool, len(list))
		for _, item := range list {
			out[key(item).Fold()] = true
		}
		return out
	}
	inA, inB := in(a), in(b)
	if len(inA) != len(inB) {
		return false
	}
	for k := range inA {
		if !inB[k] {
			return false
		}
	}
	return true
}
