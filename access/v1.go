package access

import (
	"context"
	"fmt"
	"net/http"

	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// V1 is version 1 of the access questions.
type V1 struct{ c *service.Client }

// NewV1 returns the service that works through client.
func NewV1(client *security.Client) *V1 { return &V1{c: service.Of(client)} }

var (
	opMyV1                  = transport.Op{Method: http.MethodGet, Path: "Security/My", Version: 1}
	opMyPermissionsV1       = transport.Op{Method: http.MethodGet, Path: "Security/My/Permissions", Version: 1}
	opAuditCollectionV1     = transport.Op{Method: http.MethodGet, Path: "Security/Audit/Collections/{id}", Version: 1}
	opContainerRolesV1      = transport.Op{Method: http.MethodGet, Path: "Security/Containers/{id}/Roles", Version: 1}
	opSetContainerRolesV1   = transport.Op{Method: http.MethodPost, Path: "Security/Containers/{id}/Roles", Version: 1}
	opApplicationRolesV1    = transport.Op{Method: http.MethodGet, Path: "Security/Applications/{id}/Roles", Version: 1}
	opSetApplicationRolesV1 = transport.Op{Method: http.MethodPost, Path: "Security/Applications/{id}/Roles", Version: 1}
	opAuditCertificateV1    = transport.Op{Method: http.MethodGet, Path: "Certificates/IdentityAudit/{id}", Version: 1}
	opCertificateSecurityV1 = transport.Op{Method: http.MethodGet, Path: "Certificates/{id}/Security", Version: 1}
)

// audited refuses an audit of another collection than the one asked for, and one with
// an entry about no role.
func audited(id int) func(any) error {
	return func(answer any) error {
		audit := answer.(*CollectionAudit)
		if audit.CollectionID != 0 && audit.CollectionID != id {
			return fmt.Errorf("it is about collection %d, and not about collection %d", audit.CollectionID, id)
		}
		for i, entry := range audit.AccessControlList {
			if entry.RoleID < 1 {
				return fmt.Errorf("item %d of AccessControlList has no role", i+1)
			}
		}
		for i, role := range audit.AssignableRoles {
			if role.RoleID < 1 {
				return fmt.Errorf("item %d of AssignableRoles has no role", i+1)
			}
		}
		return nil
	}
}

// roleAccess refuses a list with an entry about no role.
func roleAccess(more ...func([]RoleAccess) error) func(any) error {
	return service.Each("role", func(r *RoleAccess) bool { return r.RoleID > 0 }, more...)
}

// given refuses an answer that lacks a permission that was to be given. It may have
// more: what becomes of other roles is not documented, nor whether the server adds
// what a permission needs. An empty list says nothing.
func given(roles []RoleAccess) func([]RoleAccess) error {
	type grant struct {
		role       int
		permission string
	}
	return func(answer []RoleAccess) error {
		if len(answer) == 0 {
			return nil
		}
		held := map[grant]bool{}
		for _, role := range answer {
			for _, p := range role.Permissions {
				held[grant{role.RoleID, names.Fold(string(p))}] = true
			}
		}
		for _, role := range roles {
			for _, p := range role.Permissions {
				if !held[grant{role.RoleID, names.Fold(string(p))}] {
					return fmt.Errorf("it does not list %s of role %d, which was sent", p, role.RoleID)
				}
			}
		}
		return nil
	}
}

// My returns the caller's roles and permissions, in the permission model of
// Command 10. It needs no permission.
//
// API: GET /Security/My, version 1.
//
// Command deprecates it, in favor of [V1.MyPermissions].
func (s *V1) My(ctx context.Context, call ...security.CallOption) (*My, error) {
	return service.One[My](ctx, s.c, call, transport.Call{Op: opMyV1}, "Roles", "GlobalPermissions")
}

// MyPermissions returns the caller's permissions as access-control paths, from
// Command 25.2 on, by inference. It needs no permission.
//
// API: GET /Security/My/Permissions, version 1.
func (s *V1) MyPermissions(ctx context.Context, call ...security.CallOption) (*MyPermissions, error) {
	return service.One[MyPermissions](ctx, s.c, call, transport.Call{Op: opMyPermissionsV1}, "Permissions")
}

// AuditCollection returns which roles may do what with a collection.
//
// API: GET /Security/Audit/Collections/{id}, version 1.
func (s *V1) AuditCollection(ctx context.Context, id int, call ...security.CallOption) (*CollectionAudit, error) {
	return service.One[CollectionAudit](ctx, s.c, call, transport.Call{Op: opAuditCollectionV1, Args: []any{id}, Check: audited(id)}, "AccessControlList")
}

// ContainerRoles lists which roles may do what with a container.
//
// API: GET /Security/Containers/{id}/Roles, version 1.
//
// Command deprecates it, in favor of [V1.ApplicationRoles].
func (s *V1) ContainerRoles(ctx context.Context, id int, call ...security.CallOption) ([]RoleAccess, error) {
	return service.Many[RoleAccess](ctx, s.c, call, transport.Call{Op: opContainerRolesV1, Args: []any{id}, Check: roleAccess()})
}

// SetContainerRoles changes what roles may do with a container. What becomes of
// roles that are not in the list is not documented: give all.
//
// API: POST /Security/Containers/{id}/Roles, version 1.
//
// Command deprecates it, in favor of [V1.SetApplicationRoles].
func (s *V1) SetContainerRoles(ctx context.Context, id int, roles []RoleAccess, call ...security.CallOption) ([]RoleAccess, error) {
	return service.Many[RoleAccess](ctx, s.c, call, transport.Call{Op: opSetContainerRolesV1, Args: []any{id}, Body: roleAccessList(roles), Check: roleAccess(given(roles))})
}

// ApplicationRoles lists which roles may do what with an application, which is
// what newer versions of Command call a container.
//
// API: GET /Security/Applications/{id}/Roles, version 1.
func (s *V1) ApplicationRoles(ctx context.Context, id int, call ...security.CallOption) ([]RoleAccess, error) {
	return service.Many[RoleAccess](ctx, s.c, call, transport.Call{Op: opApplicationRolesV1, Args: []any{id}, Check: roleAccess()})
}

// SetApplicationRoles changes what roles may do with an application. What
// becomes of roles that are not in the list is not documented: give all.
//
// API: POST /Security/Applications/{id}/Roles, version 1.
func (s *V1) SetApplicationRoles(ctx context.Context, id int, roles []RoleAccess, call ...security.CallOption) ([]RoleAccess, error) {
	return service.Many[RoleAccess](ctx, s.c, call, transport.Call{Op: opSetApplicationRolesV1, Args: []any{id}, Body: roleAccessList(roles), Check: roleAccess(given(roles))})
}

// AuditCertificate lists which accounts may do what with a certificate, as a
// member of a collection, or of none if collectionID is 0.
//
// API: GET /Certificates/IdentityAudit/{id}, version 1.
func (s *V1) AuditCertificate(ctx context.Context, id, collectionID int, call ...security.CallOption) ([]CertificateAccessV1, error) {
	query, err := inCollection(collectionID)
	return service.Many[CertificateAccessV1](ctx, s.c, call, transport.Call{
		Op: opAuditCertificateV1, Args: []any{id}, Query: query, Err: err,
		Check: service.Each("account", func(a *CertificateAccessV1) bool { return a.ID > 0 || a.AccountName != "" }),
	})
}

// CertificateSecurity returns which roles may do what with a certificate, as a
// member of a collection, or of none if collectionID is 0.
//
// API: GET /Certificates/{id}/Security, version 1.
func (s *V1) CertificateSecurity(ctx context.Context, id, collectionID int, call ...security.CallOption) (*CertificateSecurity, error) {
	query, err := inCollection(collectionID)
	return service.One[CertificateSecurity](ctx, s.c, call, transport.Call{Op: opCertificateSecurityV1, Args: []any{id}, Query: query, Err: err}, "Roles")
}
