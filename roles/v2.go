package roles

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strconv"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/security"
)

// V2 is version 2 of the roles API, from Command 11 on.
type V2 struct {
	c         *service.Client
	sets      *permissionsets.V1 // for what safe changes check
	providers *providers.V1
}

// NewV2 returns the service that works through client.
func NewV2(client *security.Client) *V2 {
	return &V2{c: service.Of(client), sets: permissionsets.NewV1(client), providers: providers.NewV1(client)}
}

var (
	opListV2   = transport.Op{Method: http.MethodGet, Path: "Security/Roles", Version: 2}
	opGetV2    = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}", Version: 2}
	opCreateV2 = transport.Op{Method: http.MethodPost, Path: "Security/Roles", Version: 2}
	opUpdateV2 = transport.Op{Method: http.MethodPut, Path: "Security/Roles", Version: 2}
)

// SummaryV2 is a role as lists show it: without description, permissions and
// claims.
type SummaryV2 struct {
	ID              int     `json:"Id"`
	Name            string  `json:"Name"`
	EmailAddress    *string `json:"EmailAddress"`
	Immutable       bool    `json:"Immutable"`       // true: only its claims can be changed
	PermissionSetID string  `json:"PermissionSetId"` // GUID
	ClaimsCount     int     `json:"ClaimsCount"`
}

// RoleV2 is a role in full.
type RoleV2 struct {
	ID              int                `json:"Id"` // 1 or more
	Name            string             `json:"Name"`
	Description     string             `json:"Description"`
	EmailAddress    *string            `json:"EmailAddress"`
	Immutable       bool               `json:"Immutable"`       // true: only its claims can be changed
	PermissionSetID string             `json:"PermissionSetId"` // GUID
	Permissions     []permissions.Path `json:"Permissions"`
	Claims          []claims.Claim     `json:"Claims"` // for identities that hold the role see [V1.Identities]
}

// ToUpdate returns the update that changes nothing.
func (r RoleV2) ToUpdate() UpdateV2 {
	u := UpdateV2{
		ID: r.ID, Name: r.Name, Description: r.Description, EmailAddress: r.EmailAddress,
		PermissionSetID: r.PermissionSetID, Permissions: slices.Clone(r.Permissions),
	}
	for _, c := range r.Claims {
		u.Claims = append(u.Claims, c.ToRequest())
	}
	return u
}

// CreateV2 is a role to create.
type CreateV2 struct {
	Name            string  `json:"Name"`                  // required, at most 128 characters, none of them invisible
	Description     string  `json:"Description"`           // required, at most 512 characters
	EmailAddress    *string `json:"EmailAddress,omitzero"` // at most 256 characters
	PermissionSetID string  `json:"PermissionSetId"`       // GUID; empty: the Global set

	// Permissions must be in canonical form (see permissions.ParsePath) and inside
	// the permission set, and none may cover another: the server refuses such
	// redundancy.
	Permissions []permissions.Path `json:"Permissions"`

	// Claims are found by their key, and created if there are none. Of several
	// with the same key the first is sent.
	Claims []claims.Request `json:"Claims"`
}

// UpdateV2 replaces a role, all of it: what it leaves empty is cleared, and
// claims that it does not name lose the role. Start from [RoleV2.ToUpdate] to
// change one thing.
type UpdateV2 struct {
	ID              int                `json:"Id"`
	Name            string             `json:"Name"`                  // required, at most 128 characters
	Description     string             `json:"Description"`           // required, at most 512 characters
	EmailAddress    *string            `json:"EmailAddress,omitzero"` // at most 256 characters
	PermissionSetID string             `json:"PermissionSetId"`       // GUID, required
	Permissions     []permissions.Path `json:"Permissions"`           // as for CreateV2
	Claims          []claims.Request   `json:"Claims"`                // those spelled alike are sent once
}

// create is the update without its id.
func (u UpdateV2) create() CreateV2 {
	return CreateV2{u.Name, u.Description, u.EmailAddress, u.PermissionSetID, u.Permissions, u.Claims}
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (c CreateV2) Validate() error {
	var p validate.Problems
	p.Name("Name", c.Name, maxName)
	c.check(&p)
	if c.PermissionSetID != "" {
		p.GUID("PermissionSetID", c.PermissionSetID)
	}
	for i, path := range c.Permissions {
		// An update may hold what the server has in a form of its own.
		if path.Canonical() != path {
			p.Add(at("Permissions", i), "%q is not in canonical form, write %q", path, path.Canonical())
		}
	}
	for i, claim := range c.Claims {
		checkLooks(&p, at("Claims", i), claim)
	}
	return p.Err()
}

// checkLooks notes a claim that nobody could tell from another one by its looks: a
// role is not given to such a claim, which the server would create. One that a role
// holds already may stay.
func checkLooks(p *validate.Problems, field string, claim claims.Request) {
	if claim.Validate() == nil {
		p.Name(field+".Value", claim.Value, 0)
		p.Name(field+".Scheme", claim.Scheme, 0)
	}
}

// check notes what is wrong with a creation and with an update alike.
func (c CreateV2) check(p *validate.Problems) {
	p.Required("Description", c.Description, maxDescription)
	if c.EmailAddress != nil {
		p.Optional("EmailAddress", *c.EmailAddress, maxEmail)
	}
	for i, path := range c.Permissions {
		if _, err := permissions.ParsePath(string(path)); err != nil {
			p.Add(at("Permissions", i), "%v", err)
		}
	}
	for _, path := range permissions.Redundant(c.Permissions) {
		p.Add("Permissions", "%s is redundant, another one covers it", path)
	}
	for i, claim := range c.Claims {
		p.Within(at("Claims", i), claim.Validate())
	}
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (u UpdateV2) Validate() error {
	var p validate.Problems
	p.ID("ID", u.ID)
	p.Required("Name", u.Name, maxName) // in any characters: the role may have it already
	u.create().check(&p)
	p.GUID("PermissionSetID", u.PermissionSetID)
	return p.Err()
}

// MarshalJSON writes the request as it is sent: with a permission set, lists
// that are never null, and each claim once.
func (c CreateV2) MarshalJSON() ([]byte, error) {
	type wire CreateV2
	if c.PermissionSetID == "" {
		c.PermissionSetID = permissionsets.GlobalID
	}
	c.Permissions, c.Claims = list(c.Permissions), claims.Unique(c.Claims)
	return json.Marshal(wire(c))
}

// MarshalJSON writes the request as it is sent: lists that are never null, and
// each claim once. Claims that are spelled differently are all sent: the role may
// hold them all.
func (u UpdateV2) MarshalJSON() ([]byte, error) {
	type wire UpdateV2
	u.Permissions, u.Claims = list(u.Permissions), distinct(u.Claims)
	return json.Marshal(wire(u))
}

// list makes an absent list an empty one.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func at(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// List returns one page of roles.
//
// API: GET /Security/Roles, version 2.
func (s *V2) List(ctx context.Context, opts *ListOptionsV2, call ...security.CallOption) (*security.Page[SummaryV2], error) {
	return paging.List[SummaryV2](ctx, s.c, opListV2, opts, call)
}

// All yields every role that opts selects, page after page, sorted by name unless
// opts says otherwise.
//
// API: GET /Security/Roles, version 2.
func (s *V2) All(ctx context.Context, opts *ListOptionsV2, call ...security.CallOption) iter.Seq2[SummaryV2, error] {
	return paging.All(ctx, s.c, opListV2, opts, string(SortName), func(r *SummaryV2) int { return r.ID }, call)
}

// Get returns one role with its permissions and claims. An answer about another
// role than the one asked for is an error, here and wherever a role is read.
//
// API: GET /Security/Roles/{id}, version 2.
func (s *V2) Get(ctx context.Context, id int, call ...security.CallOption) (*RoleV2, error) {
	return service.One[RoleV2](ctx, s.c, call, transport.Call{Op: opGetV2, Args: []any{id}, Check: about(id)})
}

// Create makes a role. What the server does if the name is taken is not documented;
// we assume that it refuses.
//
// API: POST /Security/Roles, version 2.
func (s *V2) Create(ctx context.Context, role CreateV2, call ...security.CallOption) (*RoleV2, error) {
	return service.One[RoleV2](ctx, s.c, call, transport.Call{Op: opCreateV2, Body: role, Check: named(role.Name)})
}

// Update replaces a role. The last writer wins: what another program changed
// since the role was read is lost.
//
// API: PUT /Security/Roles, version 2.
func (s *V2) Update(ctx context.Context, role UpdateV2, call ...security.CallOption) (*RoleV2, error) {
	return service.One[RoleV2](ctx, s.c, call, transport.Call{Op: opUpdateV2, Body: role, Check: updated(role.ID, role.Name)})
}

// Delete removes a role; see [V1.Delete], which is the same operation: version 2
// of the API has none of its own.
//
// API: DELETE /Security/Roles/{id}, version 1.
func (s *V2) Delete(ctx context.Context, id int, call ...security.CallOption) error {
	return service.None(ctx, s.c, call, transport.Call{Op: opDeleteV1, Args: []any{id}})
}
