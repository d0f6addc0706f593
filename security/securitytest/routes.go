package securitytest

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/validate"
)

// operation is one operation of the API: what it is called, what the caller must hold, what it does, and since which
// product version it exists.
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
	own      *Endpoint // an endpoint of the user's own, instead of run
}

// requirement is a path that one of the caller's roles must grant. Most writes ask for a role in the Global permission
// set. The zero requirement asks only that the caller is signed in.
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

// newRoutes is the table of operations that the configured product version has, and of the user's own endpoints. Of two
// paths that match, the first counts, so that fixed segments come before parameters.
func (h *Handler) newRoutes() ([]route, error) {
	cfg := &h.cfg
	listIdentities := securityModify
	if !cfg.version.atLeast(v11) || cfg.quirks.IdentitiesListNeedsRead {
		listIdentities = securityRead
	}
	const (
		get    = http.MethodGet
		post   = http.MethodPost
		put    = http.MethodPut
		remove = http.MethodDelete
	)
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
		{get, "Security/My/Permissions", 1, signedIn, getMyPermissions, v252},
		{get, "Security/Audit/Collections/{id}", 1, securityRead, auditCollection, v111},
		{get, "Security/Containers/{id}/Roles", 1, securityRead, listContainerRoles, v10},
		{post, "Security/Containers/{id}/Roles", 1, globalModify, setContainerRoles, v10},
		{get, "Security/Applications/{id}/Roles", 1, securityRead, listContainerRoles, v252},
		{post, "Security/Applications/{id}/Roles", 1, globalModify, setContainerRoles, v252},

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

		// Not of the security API; see objects.go.
		{get, "CertificateCollections", 1, requirement{path: "/certificates/collections/read/"}, listCollections, v10},
		{get, "CertificateStoreContainers", 1, requirement{path: "/certificate_stores/read/"}, listContainers, v10},
		{get, "PamProviders", 1, requirement{path: "/pam/read/"}, listPAMProviders, v10},

		{get, "Status/Endpoints", 1, signedIn, listEndpoints, v10},
		{get, "Status/HealthCheck", 1, signedIn, checkHealth, v10},
	}
	var routes []route
	for _, op := range table {
		if cfg.version.atLeast(op.since) {
			routes = append(routes, route{operation: op, segments: segments(op.path)})
		}
	}
	var errs []error
	for i := range cfg.endpoints {
		own, err := h.ownRoute(&cfg.endpoints[i], routes)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		routes = append(routes, own)
	}
	slices.SortStableFunc(routes, func(a, b route) int {
		return slices.CompareFunc(a.segments, b.segments, func(x, y string) int {
			return cmp.Compare(toNumber(isParameter(x)), toNumber(isParameter(y)))
		})
	})
	return routes, errors.Join(errs...)
}

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

func (r *route) template() string { return "/" + r.path }

func (r *route) writes() bool { return r.method != http.MethodGet }

// twoVersions reports whether the operation belongs to a controller that has a version 2. The header that lists the
// versions is the same for all operations of a controller.
func (r *route) twoVersions() bool {
	return strings.HasPrefix(r.path, "Security/Roles") || strings.HasPrefix(r.path, "Certificates/")
}

// supportedVersions lists the versions of the controller that operations belong to, as the real server writes them.
func (h *Handler) supportedVersions(matched []*route) string {
	var versions []string
	for _, candidate := range matched {
		versions = append(versions, strconv.Itoa(candidate.version))
		if candidate.twoVersions() && h.cfg.version.atLeast(v11) {
			versions = append(versions, "1", "2")
		}
	}
	slices.Sort(versions)
	text := strings.Join(slices.Compact(versions), ", ")
	if text == "" || text == "1" || strings.HasPrefix(text, "1,") {
		// The first version is written with its zero.
		return "1.0" + strings.TrimPrefix(text, "1")
	}
	return text
}

// match finds the operations at a path below the API path, whatever their method and version, and the path parameters.
func (h *Handler) match(path []string) ([]*route, []string) {
	var matched []*route
	var args []string
	for i := range h.routes {
		candidate := &h.routes[i]
		if len(matched) > 0 && candidate.path != matched[0].path {
			continue
		}
		if values, ok := candidate.match(path); ok {
			matched, args = append(matched, candidate), values
		}
	}
	return matched, args
}

// belowAPIPath reads a path as a person writes it: with or without the URL of the server and the API path in front.
func (h *Handler) belowAPIPath(path string) []string {
	if _, rest, isURL := strings.Cut(path, "://"); isURL {
		_, path, _ = strings.Cut(rest, "/")
	}
	path, _, _ = strings.Cut(path, "?")
	parts := segments(path)
	if rest, found := h.afterAPIPath(parts); found {
		return rest
	}
	return parts
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
		case isParameter(segment):
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
		return 0, invalid("'%s' is not an id.", c.args[0])
	}
	return int(id), nil
}

// parseGUID reads an id that is a GUID.
func parseGUID(text string) (string, error) {
	if !validate.IsGUID(text) {
		return "", invalid("'%s' is not an id.", text)
	}
	return strings.ToLower(text), nil
}
