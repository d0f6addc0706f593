package securitytest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// operation is one operation of the API: what it is called, what the caller must hold, what it does, and since which
// product version there is one.
type operation struct {
	method  string
	path    string
	version int
	needs   requirement
	run     func(*call) (any, error)
	since   version
}

// route is an operation that requests can be matched with.
type route struct {
	operation

	segments []string
}

// requirement is a path that one of the caller's roles must grant. Most writes ask for a role in the Global permission
// set. The zero requirement asks for nothing but being signed in.
type requirement struct {
	path   string
	global bool
}

var (
	signedIn        = requirement{}
	securityRead    = requirement{path: "/security/read/"}
	securityModify  = requirement{path: "/security/modify/"}
	globalModify    = requirement{path: "/security/modify/", global: true}
	providersModify = requirement{path: "/identity_providers/modify/"}
)

// newRoutes is the table of operations that the configured product version has. Of two paths that match, the first
// counts, so that fixed segments come before parameters.
func newRoutes(cfg *config) []route {
	listIdentities := securityModify
	if !cfg.version.atLeast(11, 0) {
		listIdentities = securityRead
	}
	if cfg.identitiesListWrite != nil {
		listIdentities = securityRead
		if *cfg.identitiesListWrite {
			listIdentities = securityModify
		}
	}
	const (
		get    = http.MethodGet
		post   = http.MethodPost
		put    = http.MethodPut
		remove = http.MethodDelete
	)
	v10, v11, v111, v25 := version{major: 10}, version{major: 11}, version{major: 11, minor: 1}, version{major: 25}
	table := []operation{
		{get, "Security/Roles", 1, securityRead, listRolesV1, v10},
		{get, "Security/Roles", 2, securityRead, listRolesV2, v11},
		{post, "Security/Roles", 1, globalModify, createRoleV1, v10},
		{post, "Security/Roles", 2, globalModify, createRoleV2, v11},
		{put, "Security/Roles", 1, globalModify, updateRoleV1, v10},
		{put, "Security/Roles", 2, globalModify, updateRoleV2, v11},
		{get, "Security/Roles/{id}", 1, securityRead, getRoleV1, v10},
		{get, "Security/Roles/{id}", 2, securityRead, getRoleV2, v11},
		{remove, "Security/Roles/{id}", 1, globalModify, deleteRole, v10},
		{post, "Security/Roles/{id}/Copy", 1, globalModify, copyRole, v10},
		{get, "Security/Roles/{id}/Identities", 1, securityRead, listRoleIdentities, v10},
		{put, "Security/Roles/{id}/Identities", 1, globalModify, setRoleIdentities, v10},

		{get, "Security/Roles/{id}/Permissions", 1, securityRead, listAreaPermissions, v10},
		{get, "Security/Roles/{id}/Permissions/Global", 1, securityRead, listGlobalPermissions, v10},
		{post, "Security/Roles/{id}/Permissions/Global", 1, globalModify, addGlobalPermissions, v10},
		{put, "Security/Roles/{id}/Permissions/Global", 1, globalModify, setGlobalPermissions, v10},
		{get, "Security/Roles/{id}/Permissions/Collections", 1, securityRead, listCollectionPermissions, v10},
		{post, "Security/Roles/{id}/Permissions/Collections", 1, globalModify, addCollectionPermissions, v10},
		{put, "Security/Roles/{id}/Permissions/Collections", 1, globalModify, setCollectionPermissions, v10},
		{get, "Security/Roles/{id}/Permissions/Containers", 1, securityRead, listContainerPermissions, v10},
		{post, "Security/Roles/{id}/Permissions/Containers", 1, globalModify, addContainerPermissions, v10},
		{put, "Security/Roles/{id}/Permissions/Containers", 1, globalModify, setContainerPermissions, v10},
		{get, "Security/Roles/{id}/Permissions/PamProviders", 1, securityRead, listPAMPermissions, v11},
		{put, "Security/Roles/{id}/Permissions/PamProviders", 1, globalModify, setPAMPermissions, v11},

		{get, "Security/Claims", 1, securityRead, listClaims, v11},
		{post, "Security/Claims", 1, globalModify, createClaim, v11},
		{put, "Security/Claims", 1, globalModify, updateClaim, v11},
		{get, "Security/Claims/Roles", 1, securityRead, listClaimRoles, v11},
		{get, "Security/Claims/{id}", 1, securityRead, getClaim, v11},
		{remove, "Security/Claims/{id}", 1, globalModify, deleteClaim, v11},

		{get, "Security/Identities", 1, listIdentities, listSecurityIdentities, v10},
		{post, "Security/Identities", 1, globalModify, createIdentity, v10},
		{get, "Security/Identities/Lookup", 1, securityRead, lookupIdentity, v10},
		{get, "Security/Identities/{id}", 1, securityRead, getIdentityPermissions, v10},
		// The page of this one operation does not ask for the Global set.
		{remove, "Security/Identities/{id}", 1, securityModify, deleteIdentity, v10},

		{get, "Security/My", 1, signedIn, getMy, v10},
		{get, "Security/My/Permissions", 1, signedIn, getMyPermissions, v25},
		{get, "Security/Audit/Collections/{id}", 1, securityRead, auditCollection, v111},
		{get, "Security/Containers/{id}/Roles", 1, securityRead, listContainerRoles, v10},
		{post, "Security/Containers/{id}/Roles", 1, globalModify, setContainerRoles, v10},
		{get, "Security/Applications/{id}/Roles", 1, securityRead, listContainerRoles, v25},
		{post, "Security/Applications/{id}/Roles", 1, globalModify, setContainerRoles, v25},

		{get, "PermissionSets", 1, securityRead, listPermissionSets, v11},
		{post, "PermissionSets", 1, globalModify, createPermissionSet, v11},
		{put, "PermissionSets", 1, globalModify, updatePermissionSet, v11},
		{get, "PermissionSets/My", 1, signedIn, listMyPermissionSets, v11},
		{get, "PermissionSets/{id}", 1, securityRead, getPermissionSet, v11},
		{remove, "PermissionSets/{id}", 1, globalModify, deletePermissionSet, v11},
		{get, "Permissions", 1, securityRead, listPermissions, v11},

		// Reading identity providers can be granted one by one, so the operations look at the roles themselves.
		{get, "IdentityProviders", 1, signedIn, listProviders, v11},
		{post, "IdentityProviders", 1, providersModify, createProvider, v11},
		{get, "IdentityProviders/Types", 1, signedIn, listProviderTypes, v11},
		{get, "IdentityProviders/{id}", 1, signedIn, getProvider, v11},
		{put, "IdentityProviders/{id}", 1, signedIn, updateProvider, v11},

		{get, "Certificates/IdentityAudit/{id}", 1, securityRead, auditCertificateV1, v10},
		{get, "Certificates/IdentityAudit/{id}", 2, securityRead, auditCertificateV2, v11},
		{get, "Certificates/{id}/Security", 1, securityRead, getCertificateSecurity, v10},

		{get, "Status/Endpoints", 1, signedIn, listEndpoints, v10},
		{get, "Status/HealthCheck", 1, signedIn, checkHealth, v10},
	}
	var routes []route
	for _, op := range table {
		if cfg.version.atLeast(op.since.major, op.since.minor) {
			routes = append(routes, route{op, segments(op.path)})
		}
	}
	return routes
}

func (r *route) template() string { return "/" + r.path }

func (r *route) writes() bool { return r.method != http.MethodGet }

// twoVersions reports whether the operation belongs to a controller that has a version 2: the header that lists the
// versions is the same for all of its operations.
func (r *route) twoVersions() bool {
	return strings.HasPrefix(r.path, "Security/Roles") || strings.HasPrefix(r.path, "Certificates/")
}

// match finds the operations at the path of a request, whatever their method and version, and the path parameters.
func (h *Handler) match(r *http.Request) ([]*route, []string) {
	rest, found := h.afterAPIPath(segments(r.URL.Path))
	if !found {
		return nil, nil
	}
	var matched []*route
	var args []string
	for i := range h.routes {
		candidate := &h.routes[i]
		if len(matched) > 0 && candidate.path != matched[0].path {
			continue
		}
		if values, ok := candidate.match(rest); ok {
			matched, args = append(matched, candidate), values
		}
	}
	return matched, args
}

// afterAPIPath is what follows the first occurrence of the API path.
func (h *Handler) afterAPIPath(path []string) ([]string, bool) {
	for start := 0; start+len(h.apiPath) <= len(path); start++ {
		if slices.EqualFunc(path[start:start+len(h.apiPath)], h.apiPath, strings.EqualFold) {
			return path[start+len(h.apiPath):], true
		}
	}
	return nil, false
}

func (r *route) match(path []string) (args []string, ok bool) {
	if len(path) != len(r.segments) {
		return nil, false
	}
	for i, segment := range r.segments {
		switch {
		case strings.HasPrefix(segment, "{"):
			args = append(args, path[i])
		case !strings.EqualFold(segment, path[i]):
			return nil, false
		}
	}
	return args, true
}

// id is the id in the path of a request.
func (c *call) id() (int, error) {
	id, err := strconv.ParseInt(c.args[0], 10, 32)
	if err != nil {
		return 0, invalid("%q is not an id.", c.args[0])
	}
	return int(id), nil
}

// guid is the GUID in the path of a request.
func (c *call) guid() (string, error) {
	if !isGUID(c.args[0]) {
		return "", invalid("%q is not an id.", c.args[0])
	}
	return strings.ToLower(c.args[0]), nil
}
