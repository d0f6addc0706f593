package securitytest

import (
	"maps"
	"slices"
	"strconv"
)

// Who can do what: the caller's own rights, and audits of collections, containers and certificates.

type granularPermission struct {
	Area        string
	Permission  string
	SecurableID int `json:"SecurableId"`
}

// my is the caller's rights as version 1 names them. GranularPermissions came with 25.2, see v252.
type my struct {
	Roles               []string
	GlobalPermissions   []globalPermission
	GranularPermissions []granularPermission `json:",omitzero"`
}

// granularAreas are the areas under which permissions on objects appear. Their spelling is an assumption.
var granularAreas = map[string]string{
	collections: "Certificates", containers: "CertificateStoreManagement", pamProviders: "PrivilegedAccessManagement",
}

func getMy(c *call) (any, error) {
	result := my{Roles: []string{}}
	var paths []string
	for _, r := range c.caller.roles {
		result.Roles = append(result.Roles, r.name)
		paths = append(paths, r.paths...)
	}
	slices.Sort(result.Roles)
	result.GlobalPermissions = globalPermissions(mapping.coveredNames(paths))
	if !c.h.cfg.version.atLeast(v252) {
		return result, nil
	}
	result.GranularPermissions = []granularPermission{}
	for _, path := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		if grant, ok := mapping.grant(path); ok {
			result.GranularPermissions = append(result.GranularPermissions,
				granularPermission{granularAreas[grant.kind], grant.name, grant.id})
		}
	}
	return result, nil
}

// getMyPermissions is alphabetical and without duplicates, and leaves out permissions on one object that the caller
// holds system-wide.
func getMyPermissions(c *call) (any, error) {
	var paths []string
	for _, r := range c.caller.roles {
		paths = append(paths, r.paths...)
	}
	held := []string{}
	for _, path := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		if base, _, scoped := splitScope(path); !scoped || !anyCovers(paths, base) {
			held = append(held, path)
		}
	}
	return struct{ Permissions []string }{held}, nil
}

type collectionAccess struct {
	RoleID          int `json:"RoleId"`
	AreaPermissions []int
}

type assignableRole struct {
	RoleID int `json:"RoleId"`
	Name   string
}

type collectionAudit struct {
	QueryID           int `json:"QueryId"`
	AccessControlList []collectionAccess
	AssignableRoles   []assignableRole
}

// areaNumbers are the numbers of the permissions on collections. The API description lists numbers without names; 4, 5
// and 41 stand in the documented example. The rest is an assumption.
var areaNumbers = map[string]int{"Read": 4, "EditMetadata": 5, "Recover": 41, "Revoke": 42, "Delete": 43}

// auditCollection lists the roles that may do something with a collection, on it or system-wide. It is an assumption
// that every enabled role is assignable.
func auditCollection(c *call) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	if id < 1 {
		return nil, invalid("The id of a collection is 1 or more.")
	}
	if c.s.objectName(collections, id) == "" {
		return nil, notFound("Collection", id)
	}
	audit := collectionAudit{QueryID: id, AccessControlList: []collectionAccess{}, AssignableRoles: []assignableRole{}}
	for _, r := range c.s.allRoles() {
		var numbers []int
		for _, name := range c.s.allowedNames(r, []int{id}) {
			if n, found := areaNumbers[name]; found {
				numbers = append(numbers, n)
			}
		}
		if len(numbers) > 0 {
			slices.Sort(numbers)
			audit.AccessControlList = append(audit.AccessControlList, collectionAccess{r.id, numbers})
		}
		if r.enabled {
			audit.AssignableRoles = append(audit.AssignableRoles, assignableRole{r.id, r.name})
		}
	}
	return audit, nil
}

// changeOwner is a permission on collections that version 1 has no name for.
const changeOwner = "ChangeOwner"

// allowedNames are the permissions on collections that a role has on any of those given, or system-wide, in table
// order.
func (s *state) allowedNames(r *role, ids []int) []string {
	names := []string{}
	allows := func(base string) bool {
		return anyCovers(r.paths, base) || slices.ContainsFunc(ids, func(id int) bool {
			return anyCovers(r.paths, base+strconv.Itoa(id)+"/")
		})
	}
	for _, name := range mapping.objectNames[collections] {
		if allows(mapping.objectPaths[collections][name]) {
			names = append(names, name)
		}
	}
	if s.cfg.version.atLeast(v12) && allows("/certificates/collections/change_owner/") {
		names = append(names, changeOwner)
	}
	return names
}

// containerRole is a role's permissions on a container.
type containerRole struct {
	SecurityRoleID int `json:"SecurityRoleId"`
	Name           string
	Permissions    []string
}

// container is the container that the path of a request names. Containers and applications are the same things.
func (c *call) container() (int, error) {
	id, err := c.id()
	if err != nil {
		return 0, err
	}
	if c.s.objectName(containers, id) == "" {
		return 0, notFound("Container", id)
	}
	return id, nil
}

func (s *state) containerRoles(id int) []containerRole {
	result := []containerRole{}
	for _, r := range s.allRoles() {
		var names []string
		for _, g := range r.grants(containers) {
			if g.id == id {
				names = append(names, g.name)
			}
		}
		if len(names) > 0 {
			result = append(result, containerRole{r.id, r.name, names})
		}
	}
	return result
}

func listContainerRoles(c *call) (any, error) {
	id, err := c.container()
	if err != nil {
		return nil, err
	}
	return c.s.containerRoles(id), nil
}

// setContainerRoles gives each role of the request exactly the permissions listed for it. Roles that the request does
// not name keep theirs; no source says whether the list is complete.
func setContainerRoles(c *call) (any, error) {
	id, err := c.container()
	if err != nil {
		return nil, err
	}
	var req []struct {
		SecurityRoleID *int32 `json:"SecurityRoleId"`
		Name           *string
		Permissions    []string
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	changed := map[int]*role{}
	for _, item := range req {
		if item.SecurityRoleID == nil {
			return nil, invalid("The SecurityRoleId is required.")
		}
		old, found := c.s.roles[int(*item.SecurityRoleID)]
		if !found {
			return nil, invalid("There is no role %d.", *item.SecurityRoleID)
		}
		if old.immutable {
			return nil, invalid("The role '%s' cannot be changed.", old.name)
		}
		r := old.clone()
		r.paths = slices.DeleteFunc(r.paths, func(path string) bool {
			g, ok := mapping.grant(path)
			return ok && g.kind == containers && g.id == id
		})
		var grants []objectGrant
		for _, name := range item.Permissions {
			grants = append(grants, objectGrant{containers, id, name})
		}
		if err := c.s.addGrants(r, grants); err != nil {
			return nil, err
		}
		changed[r.id] = r
	}
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		c.s.putRole(changed[id])
	}
	return c.s.containerRoles(id), nil
}

// certificatePermission is a permission on a certificate and the names of the roles that grant it.
type certificatePermission struct {
	Name      string
	GrantedBy []string
}

// auditedAccount is an identity and its permissions on a certificate, version 1.
type auditedAccount struct {
	ID           int `json:"Id"`
	AccountName  string
	IdentityType string
	SID          string
	Permissions  []certificatePermission
}

// auditedClaim is a claim and its permissions on a certificate, version 2.
type auditedClaim struct {
	Identity    auditedIdentity
	Permissions []certificatePermission
}

type auditedIdentity struct {
	ID          int `json:"Id"`
	Description string
	ClaimType   string
	ClaimValue  string
	Provider    auditedProvider
}

type auditedProvider struct {
	ID   string `json:"Id"`
	Name string
}

// certificate is the certificate that the path of a request names, and the collections to look at: that of the
// parameter collectionId, or all that the certificate is in. The caller must be allowed to read certificates there. How
// the real server treats a certificate that is in no collection, or not in the one asked for, is not known.
func (c *call) certificate() (inCollections []int, err error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	collection, err := c.query.natural("collectionId", 0)
	if err != nil {
		return nil, err
	}
	read := mapping.objectPaths[collections]["Read"]
	if collection > 0 {
		read += strconv.Itoa(collection) + "/"
	}
	if !c.caller.may(requirement{path: read}) {
		return nil, forbidden(read)
	}
	certificate, found := c.s.certs[id]
	if !found {
		return nil, unableToFind("Certificate", id)
	}
	if collection == 0 {
		return certificate.Collections, nil
	}
	if !slices.Contains(certificate.Collections, collection) {
		return nil, unableToFind("Certificate", id)
	}
	return []int{collection}, nil
}

// certificatePermissions are what some roles grant on a certificate together.
func (s *state) certificatePermissions(roles []*role, inCollections []int) []certificatePermission {
	var result []certificatePermission
	for _, r := range roles {
		for _, name := range s.allowedNames(r, inCollections) {
			at := slices.IndexFunc(result, func(p certificatePermission) bool { return p.Name == name })
			if at < 0 {
				at = len(result)
				result = append(result, certificatePermission{Name: name})
			}
			result[at].GrantedBy = append(result[at].GrantedBy, r.name)
		}
	}
	return result
}

func auditCertificateV1(c *call) (any, error) {
	inCollections, err := c.certificate()
	if err != nil {
		return nil, err
	}
	result := []auditedAccount{}
	for _, i := range c.s.allIdentities() {
		held := c.s.certificatePermissions(c.s.rolesOf(c.s.identities.roles[i.id]), inCollections)
		if len(held) > 0 {
			result = append(result, auditedAccount{i.id, i.value, claimTypes[i.kind], i.sid, held})
		}
	}
	return result, nil
}

func auditCertificateV2(c *call) (any, error) {
	inCollections, err := c.certificate()
	if err != nil {
		return nil, err
	}
	result := []auditedClaim{}
	for _, known := range c.s.claims.all() {
		held := c.s.certificatePermissions(c.s.rolesOf(c.s.claims.roles[known.id]), inCollections)
		if len(held) > 0 {
			provider := auditedProvider{known.provider.id, known.provider.displayName}
			who := auditedIdentity{known.id, known.description, claimTypes[known.kind], known.value, provider}
			result = append(result, auditedClaim{who, held})
		}
	}
	return result, nil
}

// certificateRole is a role and its permissions on a certificate.
type certificateRole struct {
	Name        string
	Permissions []string
}

func getCertificateSecurity(c *call) (any, error) {
	inCollections, err := c.certificate()
	if err != nil {
		return nil, err
	}
	result := struct{ Roles []certificateRole }{[]certificateRole{}}
	for _, r := range c.s.allRoles() {
		if names := c.s.allowedNames(r, inCollections); len(names) > 0 {
			result.Roles = append(result.Roles, certificateRole{r.name, names})
		}
	}
	return result, nil
}
