package roles

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"

	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

// V1 is version 1 of the roles API. It works with Active Directory identities
// only. Command deprecates all of it except [V1.Delete], in favor of [V2].
type V1 struct{ c *service.Client }

// NewV1 returns the service that works through client.
func NewV1(client *security.Client) *V1 { return &V1{c: service.Of(client)} }

var (
	opListV1   = transport.Op{Method: http.MethodGet, Path: "Security/Roles", Version: 1}
	opGetV1    = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}", Version: 1}
	opCreateV1 = transport.Op{Method: http.MethodPost, Path: "Security/Roles", Version: 1}
	opUpdateV1 = transport.Op{Method: http.MethodPut, Path: "Security/Roles", Version: 1}
	opDeleteV1 = transport.Op{Method: http.MethodDelete, Path: "Security/Roles/{id}", Version: 1}
	opCopyV1   = transport.Op{Method: http.MethodPost, Path: "Security/Roles/{id}/Copy", Version: 1}

	opIdentitiesV1    = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}/Identities", Version: 1}
	opSetIdentitiesV1 = transport.Op{Method: http.MethodPut, Path: "Security/Roles/{id}/Identities", Version: 1}

	opPermissionsV1     = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}/Permissions", Version: 1}
	opGlobalsV1         = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}/Permissions/Global", Version: 1}
	opAddGlobalsV1      = transport.Op{Method: http.MethodPost, Path: "Security/Roles/{id}/Permissions/Global", Version: 1}
	opSetGlobalsV1      = transport.Op{Method: http.MethodPut, Path: "Security/Roles/{id}/Permissions/Global", Version: 1}
	opCollectionsV1     = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}/Permissions/Collections", Version: 1}
	opAddCollectionsV1  = transport.Op{Method: http.MethodPost, Path: "Security/Roles/{id}/Permissions/Collections", Version: 1}
	opSetCollectionsV1  = transport.Op{Method: http.MethodPut, Path: "Security/Roles/{id}/Permissions/Collections", Version: 1}
	opContainersV1      = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}/Permissions/Containers", Version: 1}
	opAddContainersV1   = transport.Op{Method: http.MethodPost, Path: "Security/Roles/{id}/Permissions/Containers", Version: 1}
	opSetContainersV1   = transport.Op{Method: http.MethodPut, Path: "Security/Roles/{id}/Permissions/Containers", Version: 1}
	opPAMProvidersV1    = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}/Permissions/PamProviders", Version: 1}
	opSetPAMProvidersV1 = transport.Op{Method: http.MethodPut, Path: "Security/Roles/{id}/Permissions/PamProviders", Version: 1}
)

// RoleV1 is a role as version 1 shows it.
type RoleV1 struct {
	ID              int                  `json:"Id"` // 0 if a list has null
	Description     string               `json:"Description"`
	EmailAddress    *string              `json:"EmailAddress"`              // from Command 24.4 on
	Enabled         bool                 `json:"Enabled"`                   // a disabled role cannot be assigned
	Immutable       bool                 `json:"Immutable"`                 // true: cannot be edited
	Valid           *bool                `json:"Valid"`                     // false: the record's audit signature does not match; nil: not checked
	Private         bool                 `json:"Private"`                   // without documented effect
	PermissionSetID string               `json:"PermissionSetId,omitempty"` // GUID, from Command 11 on
	Identities      []IdentityRefV1      `json:"Identities"`                // for claims that hold the role see RoleV2.Claims
	Name            string               `json:"Name"`
	Permissions     []permissions.Legacy `json:"Permissions"` // global ones; empty for a role that version 2 gave its permissions
}

// IdentityRefV1 is an identity that holds a role.
type IdentityRefV1 struct {
	ID           int             `json:"Id"`
	AccountName  string          `json:"AccountName"`
	IdentityType identities.Type `json:"IdentityType"`
	SID          *string         `json:"SID,omitzero"`
}

// ToUpdate returns the update that changes nothing.
//
// Writing back what version 1 read can destroy a role: version 1 shows no
// claims, and none of the permissions that it has no name for. Edit roles
// through [V2] if the server has it.
func (r RoleV1) ToUpdate() UpdateV1 {
	u := UpdateV1{
		ID: r.ID, Name: r.Name, Description: r.Description, EmailAddress: r.EmailAddress,
		Enabled: &r.Enabled, Private: &r.Private,
		Permissions: slices.Clone(r.Permissions), PermissionSetID: r.PermissionSetID,
	}
	for _, i := range r.Identities {
		u.Identities = append(u.Identities, MemberV1{AccountName: i.AccountName, SID: i.SID})
	}
	return u
}

// CreateV1 is a role to create.
type CreateV1 struct {
	Name            string               `json:"Name"`                  // required
	Description     string               `json:"Description"`           // required
	EmailAddress    *string              `json:"EmailAddress,omitzero"` // at most 256 characters
	Enabled         *bool                `json:"Enabled,omitzero"`      // nil: true
	Private         *bool                `json:"Private,omitzero"`      // nil: false
	Permissions     []permissions.Legacy `json:"Permissions"`
	PermissionSetID string               `json:"PermissionSetId,omitempty"` // GUID; empty: the Global set
	Identities      []MemberV1           `json:"Identities"`
}

// MemberV1 names an identity to give a role to, by account name.
type MemberV1 struct {
	AccountName string  `json:"AccountName"` // required, DOMAIN\name
	SID         *string `json:"SID,omitzero"`
}

// UpdateV1 replaces a role. What it leaves empty is cleared; start from
// [RoleV1.ToUpdate] to change one thing.
type UpdateV1 struct {
	ID              int                  `json:"Id"`
	Name            string               `json:"Name"`                      // required
	Description     string               `json:"Description"`               // required
	EmailAddress    *string              `json:"EmailAddress,omitzero"`     // at most 256 characters
	Enabled         *bool                `json:"Enabled,omitzero"`          // nil: stays as it is
	Private         *bool                `json:"Private,omitzero"`          // nil: stays as it is
	Permissions     []permissions.Legacy `json:"Permissions"`               // global ones
	PermissionSetID string               `json:"PermissionSetId,omitempty"` // GUID; empty: the Global set
	Identities      []MemberV1           `json:"Identities"`
}

// create is the update without its id.
func (u UpdateV1) create() CreateV1 {
	return CreateV1{u.Name, u.Description, u.EmailAddress, u.Enabled, u.Private, u.Permissions, u.PermissionSetID, u.Identities}
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (c CreateV1) Validate() error {
	var p validate.Problems
	p.Name("Name", c.Name, 0)
	c.check(&p)
	return p.Err()
}

// check notes what is wrong with a creation and with an update alike.
func (c CreateV1) check(p *validate.Problems) {
	p.Required("Description", c.Description, 0)
	if c.EmailAddress != nil {
		p.Optional("EmailAddress", *c.EmailAddress, maxEmail)
	}
	if c.PermissionSetID != "" {
		p.GUID("PermissionSetID", c.PermissionSetID)
	}
	for i, name := range c.Permissions {
		if _, err := permissions.ParseLegacy(string(name)); err != nil {
			p.Add(at("Permissions", i), "%v", err)
		}
	}
	for i, m := range c.Identities {
		p.Required(at("Identities", i)+".AccountName", m.AccountName, 0)
	}
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (u UpdateV1) Validate() error {
	var p validate.Problems
	p.ID("ID", u.ID)
	p.Required("Name", u.Name, 0) // in any characters: the role may have it already
	u.create().check(&p)
	return p.Err()
}

// MarshalJSON writes the request as it is sent: lists that are never null.
func (c CreateV1) MarshalJSON() ([]byte, error) {
	type wire CreateV1
	c.Permissions, c.Identities = list(c.Permissions), list(c.Identities)
	return json.Marshal(wire(c))
}

// MarshalJSON writes the request as it is sent: lists that are never null.
func (u UpdateV1) MarshalJSON() ([]byte, error) {
	type wire UpdateV1
	u.Permissions, u.Identities = list(u.Permissions), list(u.Identities)
	return json.Marshal(wire(u))
}

// CopyV1 is what a copy of a role does not take from the role.
type CopyV1 struct {
	Name         string  `json:"Name"`        // required
	Description  string  `json:"Description"` // required
	EmailAddress *string `json:"EmailAddress,omitzero"`
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (c CopyV1) Validate() error {
	var p validate.Problems
	p.Name("Name", c.Name, 0)
	p.Required("Description", c.Description, 0)
	return p.Err()
}

// RoleIdentityV1 is an identity that holds a role, as [V1.Identities] lists it.
type RoleIdentityV1 struct {
	ID   int    `json:"Id"`
	Name string `json:"Name"` // the account name
}

// identityIDs is the complete list of a role's identities, as it is sent.
type identityIDs struct {
	IDs []int `json:"Ids"`
}

// Validate reports numbers that cannot be ids.
func (l identityIDs) Validate() error {
	var p validate.Problems
	for i, id := range l.IDs {
		p.ID(at("ids", i), id)
	}
	return p.Err()
}

// AreaPermissionV1 is one of all the permissions that a role holds.
type AreaPermissionV1 struct {
	Type       string `json:"Type"` // what the permission is on; the values are not documented
	Area       string `json:"Area"`
	Permission string `json:"Permission"`
}

// GlobalPermissionV1 is a permission that holds everywhere.
type GlobalPermissionV1 struct {
	Area       string `json:"Area"`       // such as "Certificates"
	Permission string `json:"Permission"` // such as "Read"
}

// Legacy is the permission as roles list it: "Certificates:Read".
func (g GlobalPermissionV1) Legacy() permissions.Legacy {
	return permissions.Legacy(g.Area + ":" + g.Permission)
}

// CollectionPermissionV1 is a permission on one certificate collection.
type CollectionPermissionV1 struct {
	CollectionID int                              `json:"CollectionId"`
	Name         string                           `json:"Name"` // the collection's; read only, not sent
	Permission   permissions.CollectionPermission `json:"Permission"`
}

// ContainerPermissionV1 is a permission on one certificate store container.
type ContainerPermissionV1 struct {
	ContainerID int                             `json:"ContainerId"`
	Name        string                          `json:"Name"` // the container's; read only, not sent
	Permission  permissions.ContainerPermission `json:"Permission"`
}

// PAMProviderPermissionsV1 is what a role holds on one PAM provider.
type PAMProviderPermissionsV1 struct {
	PAMProviderID int                                 `json:"PamProviderId"`
	Name          string                              `json:"Name"` // the provider's; read only, not sent
	Permissions   []permissions.PAMProviderPermission `json:"Permissions"`
}

// grants is a list of permissions on its way to the server.
type grants struct {
	items any // as encoded
	wrong validate.Problems
}

// Validate reports everything that is wrong with the list.
func (g *grants) Validate() error { return g.wrong.Err() }

// MarshalJSON writes the bare array.
func (g *grants) MarshalJSON() ([]byte, error) { return json.Marshal(g.items) }

func globalGrants(items []GlobalPermissionV1) *grants {
	g := &grants{items: unique(items)}
	for i, item := range items {
		field := at("items", i)
		g.wrong.Required(field+".Area", item.Area, 0)
		g.wrong.Required(field+".Permission", item.Permission, 0)
		if item.Area == "" || item.Permission == "" {
			continue
		}
		if _, err := permissions.ParseLegacy(string(item.Legacy())); err != nil {
			g.wrong.Add(field, "%v", err)
		} else if _, _, ok := item.Legacy().Object(); ok {
			g.wrong.Add(field+".Area", "%s is not an area", item.Area)
		}
	}
	return g
}

func collectionGrants(items []CollectionPermissionV1) *grants {
	type wire struct {
		CollectionID int                              `json:"CollectionId"`
		Permission   permissions.CollectionPermission `json:"Permission"`
	}
	g, sent := &grants{}, make([]wire, len(items))
	for i, item := range items {
		g.wrong.ID(at("items", i)+".CollectionID", item.CollectionID)
		g.wrong.Required(at("items", i)+".Permission", string(item.Permission), 0)
		sent[i] = wire{item.CollectionID, item.Permission}
	}
	g.items = unique(sent)
	return g
}

// containerGrants checks prerequisites only of a complete list: what is added
// to a role may need what the role holds already.
func containerGrants(items []ContainerPermissionV1, complete bool) *grants {
	type wire struct {
		ContainerID int                             `json:"ContainerId"`
		Permission  permissions.ContainerPermission `json:"Permission"`
	}
	g, sent, held := &grants{}, make([]wire, len(items)), make(map[wire]bool, len(items))
	for i, item := range items {
		g.wrong.ID(at("items", i)+".ContainerID", item.ContainerID)
		g.wrong.Required(at("items", i)+".Permission", string(item.Permission), 0)
		sent[i] = wire{item.ContainerID, item.Permission}
		held[sent[i]] = true
	}
	for i, item := range sent {
		for _, needed := range item.Permission.Requires() {
			if complete && !held[wire{item.ContainerID, needed}] {
				g.need(at("items", i), item.Permission, needed, "container", item.ContainerID)
			}
		}
	}
	g.items = unique(sent)
	return g
}

func pamProviderGrants(items []PAMProviderPermissionsV1) *grants {
	type wire struct {
		PAMProviderID int                                 `json:"PamProviderId"`
		Permissions   []permissions.PAMProviderPermission `json:"Permissions"`
	}
	g, sent, seen := &grants{}, make([]wire, len(items)), make(map[int]bool, len(items))
	for i, item := range items {
		g.wrong.ID(at("items", i)+".PAMProviderID", item.PAMProviderID)
		if seen[item.PAMProviderID] {
			g.wrong.Add(at("items", i)+".PAMProviderID", "%d is in the list twice", item.PAMProviderID)
		}
		seen[item.PAMProviderID] = true
		for j, held := range item.Permissions {
			g.wrong.Required(at("items", i)+"."+at("Permissions", j), string(held), 0)
			for _, needed := range held.Requires() {
				if !slices.Contains(item.Permissions, needed) {
					g.need(at("items", i)+"."+at("Permissions", j), held, needed, "PAM provider", item.PAMProviderID)
				}
			}
		}
		sent[i] = wire{item.PAMProviderID, unique(item.Permissions)}
	}
	g.items = sent
	return g
}

// need notes a prerequisite that is missing from a complete list.
func (g *grants) need(field string, held, needed any, object string, id int) {
	g.wrong.Add(field, "%s needs %s on the same %s (%d)", held, needed, object, id)
}

// unique copies a list without repetitions. It is never nil.
func unique[T comparable](items []T) []T {
	seen := make(map[T]bool, len(items))
	kept := make([]T, 0, len(items))
	for _, item := range items {
		if !seen[item] {
			seen[item] = true
			kept = append(kept, item)
		}
	}
	return kept
}

// List returns one page of roles, each in full.
//
// API: GET /Security/Roles, version 1.
//
// Command deprecates it, in favor of [V2.List].
func (s *V1) List(ctx context.Context, opts *ListOptionsV1, call ...security.CallOption) (*security.Page[RoleV1], error) {
	return paging.List[RoleV1](ctx, s.c, opListV1, opts, call)
}

// All yields every role that opts selects, page after page, sorted by name unless
// opts says otherwise.
//
// API: GET /Security/Roles, version 1.
//
// Command deprecates it, in favor of [V2.All].
func (s *V1) All(ctx context.Context, opts *ListOptionsV1, call ...security.CallOption) iter.Seq2[RoleV1, error] {
	return paging.All(ctx, s.c, opListV1, opts, string(SortName), func(r *RoleV1) int { return r.ID }, call)
}

// Get returns one role.
//
// API: GET /Security/Roles/{id}, version 1.
//
// Command deprecates it, in favor of [V2.Get].
func (s *V1) Get(ctx context.Context, id int, call ...security.CallOption) (*RoleV1, error) {
	return service.One[RoleV1](ctx, s.c, call, transport.Call{Op: opGetV1, Args: []any{id}, Check: about(id)})
}

// Find returns the role with a name, compared as [V2.Find] compares it.
//
// The error is [security.ErrNotFound] if there is none, and [security.ErrConflict]
// if several fit and none exactly.
//
// API: GET /Security/Roles, version 1.
//
// Command deprecates it, in favor of [V2.Find].
func (s *V1) Find(ctx context.Context, name string, call ...security.CallOption) (*RoleV1, error) {
	role, err := safe.Find("role", name, func(r *RoleV1) string { return r.Name }, FieldName, func(filter security.Filter) iter.Seq2[RoleV1, error] {
		return s.All(ctx, &ListOptionsV1{Filter: filter}, call...)
	})
	if err == nil && role == nil {
		err = fmt.Errorf("find role %q: %w", name, security.ErrNotFound)
	}
	return role, err
}

// Create makes a role.
//
// API: POST /Security/Roles, version 1.
//
// Command deprecates it, in favor of [V2.Create].
func (s *V1) Create(ctx context.Context, role CreateV1, call ...security.CallOption) (*RoleV1, error) {
	return service.One[RoleV1](ctx, s.c, call, transport.Call{Op: opCreateV1, Body: role, Check: named(role.Name)})
}

// Update replaces a role.
//
// API: PUT /Security/Roles, version 1.
//
// Command deprecates it, in favor of [V2.Update].
func (s *V1) Update(ctx context.Context, role UpdateV1, call ...security.CallOption) (*RoleV1, error) {
	return service.One[RoleV1](ctx, s.c, call, transport.Call{Op: opUpdateV1, Body: role, Check: updated(role.ID, role.Name)})
}

// Delete removes a role, made through either version. The built-in Administrator role
// cannot be deleted. What happens to a role that is still assigned is not
// documented; we assume that the assignments go with it.
//
// API: DELETE /Security/Roles/{id}, version 1.
func (s *V1) Delete(ctx context.Context, id int, call ...security.CallOption) error {
	return service.None(ctx, s.c, call, transport.Call{Op: opDeleteV1, Args: []any{id}})
}

// Copy makes a role with the permissions of another one. Whether the identities
// are copied too is not documented.
//
// API: POST /Security/Roles/{id}/Copy, version 1.
//
// Command deprecates it, in favor of [V2.Get] and [V2.Create].
func (s *V1) Copy(ctx context.Context, id int, role CopyV1, call ...security.CallOption) (*RoleV1, error) {
	return service.One[RoleV1](ctx, s.c, call, transport.Call{Op: opCopyV1, Args: []any{id}, Body: role, Check: copied(id, role.Name)})
}

// Identities lists the identities that hold a role.
//
// API: GET /Security/Roles/{id}/Identities, version 1.
//
// Command deprecates it, in favor of [V2.Get], which lists claims.
func (s *V1) Identities(ctx context.Context, id int, call ...security.CallOption) ([]RoleIdentityV1, error) {
	return service.Many[RoleIdentityV1](ctx, s.c, call, transport.Call{Op: opIdentitiesV1, Args: []any{id}, Check: members()})
}

// SetIdentities gives a role to the identities with these ids, and takes it from
// all others. It returns the identities that hold it now.
//
// API: PUT /Security/Roles/{id}/Identities, version 1.
//
// Command deprecates it, in favor of [V2.Update], which sets claims.
func (s *V1) SetIdentities(ctx context.Context, id int, ids []int, call ...security.CallOption) ([]RoleIdentityV1, error) {
	return service.Many[RoleIdentityV1](ctx, s.c, call, transport.Call{Op: opSetIdentitiesV1, Args: []any{id}, Body: identityIDs{unique(ids)}, Check: members(onlyThese(ids))})
}

// Permissions lists every permission of a role, on any object.
//
// API: GET /Security/Roles/{id}/Permissions, version 1.
//
// Command deprecates it, in favor of [V2.Get].
func (s *V1) Permissions(ctx context.Context, id int, call ...security.CallOption) ([]AreaPermissionV1, error) {
	return service.Many[AreaPermissionV1](ctx, s.c, call, transport.Call{Op: opPermissionsV1, Args: []any{id}, Check: service.Each("permission", func(p *AreaPermissionV1) bool { return p.Permission != "" })})
}

// GlobalPermissions lists the permissions of a role that hold everywhere.
//
// API: GET /Security/Roles/{id}/Permissions/Global, version 1.
//
// Command deprecates it, in favor of [V2.Get].
func (s *V1) GlobalPermissions(ctx context.Context, id int, call ...security.CallOption) ([]GlobalPermissionV1, error) {
	return service.Many[GlobalPermissionV1](ctx, s.c, call, transport.Call{Op: opGlobalsV1, Args: []any{id}, Check: globalList()})
}

// AddGlobalPermissions gives a role permissions that hold everywhere, and leaves
// those that it has.
//
// API: POST /Security/Roles/{id}/Permissions/Global, version 1.
//
// Command deprecates it, in favor of [V2.Update].
func (s *V1) AddGlobalPermissions(ctx context.Context, id int, items []GlobalPermissionV1, call ...security.CallOption) ([]GlobalPermissionV1, error) {
	return service.Many[GlobalPermissionV1](ctx, s.c, call, transport.Call{Op: opAddGlobalsV1, Args: []any{id}, Body: globalGrants(items), Check: globalList(globalsGiven(items, false))})
}

// SetGlobalPermissions replaces the permissions of a role that hold everywhere,
// all of them. Those on single objects stay.
//
// API: PUT /Security/Roles/{id}/Permissions/Global, version 1.
//
// Command deprecates it, in favor of [V2.Update].
func (s *V1) SetGlobalPermissions(ctx context.Context, id int, items []GlobalPermissionV1, call ...security.CallOption) ([]GlobalPermissionV1, error) {
	return service.Many[GlobalPermissionV1](ctx, s.c, call, transport.Call{Op: opSetGlobalsV1, Args: []any{id}, Body: globalGrants(items), Check: globalList(globalsGiven(items, true))})
}

// CollectionPermissions lists the permissions of a role on single collections.
//
// API: GET /Security/Roles/{id}/Permissions/Collections, version 1.
//
// Command deprecates it, in favor of [V2.Get].
func (s *V1) CollectionPermissions(ctx context.Context, id int, call ...security.CallOption) ([]CollectionPermissionV1, error) {
	return service.Many[CollectionPermissionV1](ctx, s.c, call, transport.Call{Op: opCollectionsV1, Args: []any{id}, Check: collectionList()})
}

// AddCollectionPermissions gives a role permissions on collections, and leaves
// those that it has.
//
// API: POST /Security/Roles/{id}/Permissions/Collections, version 1.
//
// Command deprecates it, in favor of [V2.Update].
func (s *V1) AddCollectionPermissions(ctx context.Context, id int, items []CollectionPermissionV1, call ...security.CallOption) ([]CollectionPermissionV1, error) {
	return service.Many[CollectionPermissionV1](ctx, s.c, call, transport.Call{Op: opAddCollectionsV1, Args: []any{id}, Body: collectionGrants(items), Check: collectionList(collectionEcho(items, false))})
}

// SetCollectionPermissions replaces the permissions of a role on collections,
// all of them, on every collection. Other permissions stay.
//
// API: PUT /Security/Roles/{id}/Permissions/Collections, version 1.
//
// Command deprecates it, in favor of [V2.Update].
func (s *V1) SetCollectionPermissions(ctx context.Context, id int, items []CollectionPermissionV1, call ...security.CallOption) ([]CollectionPermissionV1, error) {
	return service.Many[CollectionPermissionV1](ctx, s.c, call, transport.Call{Op: opSetCollectionsV1, Args: []any{id}, Body: collectionGrants(items), Check: collectionList(collectionEcho(items, true))})
}

// ContainerPermissions lists the permissions of a role on single containers.
//
// API: GET /Security/Roles/{id}/Permissions/Containers, version 1.
//
// Command deprecates it, in favor of [V2.Get].
func (s *V1) ContainerPermissions(ctx context.Context, id int, call ...security.CallOption) ([]ContainerPermissionV1, error) {
	return service.Many[ContainerPermissionV1](ctx, s.c, call, transport.Call{Op: opContainersV1, Args: []any{id}, Check: containerList()})
}

// AddContainerPermissions gives a role permissions on containers, and leaves
// those that it has. Prerequisites are not checked: the role may hold them.
//
// API: POST /Security/Roles/{id}/Permissions/Containers, version 1.
//
// Command deprecates it, in favor of [V2.Update].
func (s *V1) AddContainerPermissions(ctx context.Context, id int, items []ContainerPermissionV1, call ...security.CallOption) ([]ContainerPermissionV1, error) {
	return service.Many[ContainerPermissionV1](ctx, s.c, call, transport.Call{Op: opAddContainersV1, Args: []any{id}, Body: containerGrants(items, false), Check: containerList(containerEcho(items, false))})
}

// SetContainerPermissions replaces the permissions of a role on containers, all
// of them, on every container. Other permissions stay. A list in which a
// permission lacks what it needs (Schedule needs Read, Modify needs both) is
// refused before it is sent.
//
// API: PUT /Security/Roles/{id}/Permissions/Containers, version 1.
//
// Command deprecates it, in favor of [V2.Update].
func (s *V1) SetContainerPermissions(ctx context.Context, id int, items []ContainerPermissionV1, call ...security.CallOption) ([]ContainerPermissionV1, error) {
	return service.Many[ContainerPermissionV1](ctx, s.c, call, transport.Call{Op: opSetContainersV1, Args: []any{id}, Body: containerGrants(items, true), Check: containerList(containerEcho(items, true))})
}

// PAMProviderPermissions lists the permissions of a role on single PAM
// providers.
//
// API: GET /Security/Roles/{id}/Permissions/PamProviders, version 1.
//
// Command deprecates it, in favor of [V2.Get].
func (s *V1) PAMProviderPermissions(ctx context.Context, id int, call ...security.CallOption) ([]PAMProviderPermissionsV1, error) {
	return service.Many[PAMProviderPermissionsV1](ctx, s.c, call, transport.Call{Op: opPAMProvidersV1, Args: []any{id}, Check: pamProviderList()})
}

// SetPAMProviderPermissions replaces the permissions of a role on PAM providers,
// all of them, on every provider. Other permissions stay. A list in which
// Modify comes without Read is refused before it is sent.
//
// API: PUT /Security/Roles/{id}/Permissions/PamProviders, version 1.
//
// Command deprecates it, in favor of [V2.Update].
func (s *V1) SetPAMProviderPermissions(ctx context.Context, id int, items []PAMProviderPermissionsV1, call ...security.CallOption) ([]PAMProviderPermissionsV1, error) {
	return service.Many[PAMProviderPermissionsV1](ctx, s.c, call, transport.Call{Op: opSetPAMProvidersV1, Args: []any{id}, Body: pamProviderGrants(items), Check: pamProviderList(pamProviderEcho(items))})
}
