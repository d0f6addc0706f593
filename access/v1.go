package access

import (
	"context"
	"net/http"

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

// My returns the caller's roles and permissions, in the permission model of
// Command 10. It needs no permission.
//
// API: GET /Security/My, version 1.
//
// Command deprecates it, in favor of [V1.MyPermissions].
func (s *V1) My(ctx context.Context, call ...security.CallOption) (*My, error) {
	return service.One[My](ctx, s.c, call, transport.Call{Op: opMyV1})
}

// MyPermissions returns the caller's permissions as access-control paths, from
// Command 25.2 on, by inference. It needs no permission.
//
// API: GET /Security/My/Permissions, version 1.
func (s *V1) MyPermissions(ctx context.Context, call ...security.CallOption) (*MyPermissions, error) {
	return service.One[MyPermissions](ctx, s.c, call, transport.Call{Op: opMyPermissionsV1})
}

// AuditCollection returns which roles may do what with a collection.
//
// API: GET /Security/Audit/Collections/{id}, version 1.
func (s *V1) AuditCollection(ctx context.Context, id int, call ...security.CallOption) (*CollectionAudit, error) {
	return service.One[CollectionAudit](ctx, s.c, call, transport.Call{Op: opAuditCollectionV1, Args: []any{id}})
}

// ContainerRoles lists which roles may do what with a container.
//
// API: GET /Security/Containers/{id}/Roles, version 1.
//
// Command deprecates it, in favor of [V1.ApplicationRoles].
func (s *V1) ContainerRoles(ctx context.Context, id int, call ...security.CallOption) ([]RoleAccess, error) {
	return service.Many[RoleAccess](ctx, s.c, call, transport.Call{Op: opContainerRolesV1, Args: []any{id}})
}

// SetContainerRoles changes what roles may do with a container. What becomes of
// roles that are not in the list is not documented: give all.
//
// API: POST /Security/Containers/{id}/Roles, version 1.
//
// Command deprecates it, in favor of [V1.SetApplicationRoles].
func (s *V1) SetContainerRoles(ctx context.Context, id int, roles []RoleAccess, call ...security.CallOption) ([]RoleAccess, error) {
	return service.Many[RoleAccess](ctx, s.c, call, transport.Call{Op: opSetContainerRolesV1, Args: []any{id}, Body: roleAccessList(roles)})
}

// ApplicationRoles lists which roles may do what with an application, which is
// what newer versions of Command call a container.
//
// API: GET /Security/Applications/{id}/Roles, version 1.
func (s *V1) ApplicationRoles(ctx context.Context, id int, call ...security.CallOption) ([]RoleAccess, error) {
	return service.Many[RoleAccess](ctx, s.c, call, transport.Call{Op: opApplicationRolesV1, Args: []any{id}})
}

// SetApplicationRoles changes what roles may do with an application. What
// becomes of roles that are not in the list is not documented: give all.
//
// API: POST /Security/Applications/{id}/Roles, version 1.
func (s *V1) SetApplicationRoles(ctx context.Context, id int, roles []RoleAccess, call ...security.CallOption) ([]RoleAccess, error) {
	return service.Many[RoleAccess](ctx, s.c, call, transport.Call{Op: opSetApplicationRolesV1, Args: []any{id}, Body: roleAccessList(roles)})
}

// AuditCertificate lists which accounts may do what with a certificate, as a
// member of a collection, or of none if collectionID is 0.
//
// API: GET /Certificates/IdentityAudit/{id}, version 1.
func (s *V1) AuditCertificate(ctx context.Context, id, collectionID int, call ...security.CallOption) ([]CertificateAccessV1, error) {
	query, err := inCollection(collectionID)
	return service.Many[CertificateAccessV1](ctx, s.c, call, transport.Call{Op: opAuditCertificateV1, Args: []any{id}, Query: query, Err: err})
}

// CertificateSecurity returns which roles may do what with a certificate, as a
// member of a collection, or of none if collectionID is 0.
//
// API: GET /Certificates/{id}/Security, version 1.
func (s *V1) CertificateSecurity(ctx context.Context, id, collectionID int, call ...security.CallOption) (*CertificateSecurity, error) {
	query, err := inCollection(collectionID)
	return service.One[CertificateSecurity](ctx, s.c, call, transport.Call{Op: opCertificateSecurityV1, Args: []any{id}, Query: query, Err: err})
}
