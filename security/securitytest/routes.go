package securitytest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// route is one operation of the API: what it is called, what the caller must hold, and what it does.
type route struct {
	method  string
	path    string
	version int
	needs   requirement
	run     func(*call) (any, error)

	since    version
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
	v10, v11, v25 := version{major: 10}, version{major: 11}, version{major: 25}
	table := []route{
		{method: get, path: "Security/Roles", version: 1, needs: securityRead, run: listRolesV1, since: v10},
		{method: get, path: "Security/Roles", version: 2, needs: securityRead, run: listRolesV2, since: v11},
		{method: post, path: "Security/Roles", version: 1, needs: globalModify, run: createRoleV1, since: v10},
		{method: post, path: "Security/Roles", version: 2, needs: globalModify, run: createRoleV2, since: v11},
		{method: put, path: "Security/Roles", version: 1, needs: globalModify, run: updateRoleV1, since: v10},
		{method: put, path: "Security/Roles", version: 2, needs: globalModify, run: updateRoleV2, since: v11},
		{method: get, path: "Security/Roles/{id}", version: 1, needs: securityRead, run: getRoleV1, since: v10},
		{method: get, path: "Security/Roles/{id}", version: 2, needs: securityRead, run: getRoleV2, since: v11},
		{method: remove, path: "Security/Roles/{id}", version: 1, needs: globalModify, run: deleteRole, since: v10},
		{method: post, path: "Security/Roles/{id}/Copy", version: 1, needs: globalModify, run: copyRole, since: v10},
		{method: get, path: "Security/Roles/{id}/Identities", version: 1, needs: securityRead, run: listRoleIdentities, since: v10},
		{method: put, path: "Security/Roles/{id}/Identities", version: 1, needs: globalModify, run: setRoleIdentities, since: v10},

		{method: get, path: "Security/Roles/{id}/Permissions", version: 1, needs: securityRead, run: listAreaPermissions, since: v10},
		{method: get, path: "Security/Roles/{id}/Permissions/Global", version: 1, needs: securityRead, run: listGlobalPermissions, since: v10},
		{method: post, path: "Security/Roles/{id}/Permissions/Global", version: 1, needs: globalModify, run: addGlobalPermissions, since: v10},
		{method: put, path: "Security/Roles/{id}/Permissions/Global", version: 1, needs: globalModify, run: setGlobalPermissions, since: v10},
		{method: get, path: "Security/Roles/{id}/Permissions/Collections", version: 1, needs: securityRead, run: listCollectionPermissions, since: v10},
		{method: post, path: "Security/Roles/{id}/Permissions/Collections", version: 1, needs: globalModify, run: addCollectionPermissions, since: v10},
		{method: put, path: "Security/Roles/{id}/Permissions/Collections", version: 1, needs: globalModify, run: setCollectionPermissions, since: v10},
		{method: get, path: "Security/Roles/{id}/Permissions/Containers", version: 1, needs: securityRead, run: listContainerPermissions, since: v10},
		{method: post, path: "Security/Roles/{id}/Permissions/Containers", version: 1, needs: globalModify, run: addContainerPermissions, since: v10},
		{method: put, path: "Security/Roles/{id}/Permissions/Containers", version: 1, needs: globalModify, run: setContainerPermissions, since: v10},
		{method: get, path: "Security/Roles/{id}/Permissions/PamProviders", version: 1, needs: securityRead, run: listPAMPermissions, since: v11},
		{method: put, path: "Security/Roles/{id}/Permissions/PamProviders", version: 1, needs: globalModify, run: setPAMPermissions, since: v11},

		{method: get, path: "Security/Claims", version: 1, needs: securityRead, run: listClaims, since: v11},
		{method: post, path: "Security/Claims", version: 1, needs: globalModify, run: createClaim, since: v11},
		{method: put, path: "Security/Claims", version: 1, needs: globalModify, run: updateClaim, since: v11},
		{method: get, path: "Security/Claims/Roles", version: 1, needs: securityRead, run: listClaimRoles, since: v11},
		{method: get, path: "Security/Claims/{id}", version: 1, needs: securityRead, run: getClaim, since: v11},
		{method: remove, path: "Security/Claims/{id}", version: 1, needs: globalModify, run: deleteClaim, since: v11},

		{method: get, path: "Security/Identities", version: 1, needs: listIdentities, run: listSecurityIdentities, since: v10},
		{method: post, path: "Security/Identities", version: 1, needs: globalModify, run: createIdentity, since: v10},
		{method: get, path: "Security/Identities/Lookup", version: 1, needs: securityRead, run: lookupIdentity, since: v10},
		{method: get, path: "Security/Identities/{id}", version: 1, needs: securityRead, run: getIdentityPermissions, since: v10},
		// The page of this one operation does not ask for the Global set.
		{method: remove, path: "Security/Identities/{id}", version: 1, needs: securityModify, run: deleteIdentity, since: v10},

		{method: get, path: "Security/My", version: 1, needs: signedIn, run: getMy, since: v10},
		{method: get, path: "Security/My/Permissions", version: 1, needs: signedIn, run: getMyPermissions, since: v25},
		{method: get, path: "Security/Audit/Collections/{id}", version: 1, needs: securityRead, run: auditCollection, since: v10},
		{method: get, path: "Security/Containers/{id}/Roles", version: 1, needs: securityRead, run: listContainerRoles, since: v10},
		{method: post, path: "Security/Containers/{id}/Roles", version: 1, needs: globalModify, run: setContainerRoles, since: v10},
		{method: get, path: "Security/Applications/{id}/Roles", version: 1, needs: securityRead, run: listContainerRoles, since: v25},
		{method: post, path: "Security/Applications/{id}/Roles", version: 1, needs: globalModify, run: setContainerRoles, since: v25},

		{method: get, path: "PermissionSets", version: 1, needs: securityRead, run: listPermissionSets, since: v11},
		{method: post, path: "PermissionSets", version: 1, needs: globalModify, run: createPermissionSet, since: v11},
		{method: put, path: "PermissionSets", version: 1, needs: globalModify, run: updatePermissionSet, since: v11},
		{method: get, path: "PermissionSets/My", version: 1, needs: signedIn, run: listMyPermissionSets, since: v11},
		{method: get, path: "PermissionSets/{id}", version: 1, needs: securityRead, run: getPermissionSet, since: v11},
		{method: remove, path: "PermissionSets/{id}", version: 1, needs: globalModify, run: deletePermissionSet, since: v11},
		{method: get, path: "Permissions", version: 1, needs: securityRead, run: listPermissions, since: v11},

		// Reading identity providers can be granted one by one, so the operations look at the roles themselves.
		{method: get, path: "IdentityProviders", version: 1, needs: signedIn, run: listProviders, since: v11},
		{method: post, path: "IdentityProviders", version: 1, needs: providersModify, run: createProvider, since: v11},
		{method: get, path: "IdentityProviders/Types", version: 1, needs: signedIn, run: listProviderTypes, since: v11},
		{method: get, path: "IdentityProviders/{id}", version: 1, needs: signedIn, run: getProvider, since: v11},
		{method: put, path: "IdentityProviders/{id}", version: 1, needs: signedIn, run: updateProvider, since: v11},

		{method: get, path: "Certificates/IdentityAudit/{id}", version: 1, needs: securityRead, run: auditCertificateV1, since: v10},
		{method: get, path: "Certificates/IdentityAudit/{id}", version: 2, needs: securityRead, run: auditCertificateV2, since: v11},
		{method: get, path: "Certificates/{id}/Security", version: 1, needs: securityRead, run: getCertificateSecurity, since: v10},

		{method: get, path: "Status/Endpoints", version: 1, needs: signedIn, run: listEndpoints, since: v10},
		{method: get, path: "Status/HealthCheck", version: 1, needs: signedIn, run: checkHealth, since: v10},
	}
	table = slices.DeleteFunc(table, func(r route) bool { return !cfg.version.atLeast(r.since.major, 0) })
	for i := range table {
		table[i].segments = segments(table[i].path)
	}
	return table
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
