package securitytest

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/internal/validate"
)

// Roles, versions 1 and 2: the lists, one role, create, update, delete and copy.

// roleV1 is a role as version 1 writes it.
type roleV1 struct {
	ID              int             `json:"Id"`
	Description     string          `json:"Description"`
	EmailAddress    json.RawMessage `json:"EmailAddress,omitempty"` // null when unset; missing before 24.4
	Enabled         bool            `json:"Enabled"`
	Immutable       bool            `json:"Immutable"`
	Valid           *bool           `json:"Valid"`
	Private         bool            `json:"Private"`
	PermissionSetID string          `json:"PermissionSetId,omitempty"` // missing in 10.x
	Identities      []roleIdentity  `json:"Identities"`
	Name            string          `json:"Name"`
	Permissions     []string        `json:"Permissions"`
}

// roleIdentity is an identity inside a role: with its SID, without Roles and Valid.
type roleIdentity struct {
	ID           int    `json:"Id"`
	AccountName  string `json:"AccountName"`
	IdentityType string `json:"IdentityType"`
	SID          string `json:"SID"`
}

// roleItemV2 is a role in the list of version 2.
type roleItemV2 struct {
	ID              int             `json:"Id"`
	Name            string          `json:"Name"`
	EmailAddress    json.RawMessage `json:"EmailAddress,omitempty"`
	Immutable       bool            `json:"Immutable"`
	PermissionSetID string          `json:"PermissionSetId"`
	ClaimsCount     int             `json:"ClaimsCount"`
}

// roleV2 is one role as version 2 writes it.
type roleV2 struct {
	ID              int             `json:"Id"`
	Name            string          `json:"Name"`
	Description     string          `json:"Description"`
	EmailAddress    json.RawMessage `json:"EmailAddress,omitempty"`
	Immutable       bool            `json:"Immutable"`
	PermissionSetID string          `json:"PermissionSetId"`
	Permissions     []string        `json:"Permissions"`
	Claims          []claimBody     `json:"Claims"`
}

// The limits of text members.
const (
	maxRoleName    = 128
	maxDescription = 512
	maxEmail       = 256
	maxClaimText   = 512
)

// email is the EmailAddress member: null when empty, missing in versions that do not have it.
func (s *state) email(address string) json.RawMessage {
	if !s.cfg.version.atLeast(v244) {
		return nil
	}
	return textOrNull(address)
}

func (s *state) roleV1(r *role, valid *bool) roleV1 {
	body := roleV1{
		ID: r.id, Description: r.description, EmailAddress: s.email(r.email), Enabled: r.enabled, Immutable: r.immutable,
		Valid: valid, Private: r.private, Identities: []roleIdentity{}, Name: r.name,
		Permissions: append([]string{}, r.legacy...),
	}
	if s.cfg.version.atLeast(v11) {
		body.PermissionSetID = r.set
	}
	for _, i := range s.identitiesOf(r) {
		body.Identities = append(body.Identities, roleIdentity{i.id, i.value, claimTypes[i.kind], i.sid})
	}
	return body
}

func (s *state) roleV2(r *role) roleV2 {
	body := roleV2{
		ID: r.id, Name: r.name, Description: r.description, EmailAddress: s.email(r.email), Immutable: r.immutable,
		PermissionSetID: r.set, Permissions: minimal(r.paths), Claims: make([]claimBody, 0, len(r.claims)),
	}
	for _, id := range r.claims {
		body.Claims = append(body.Claims, s.claimBody(s.claims.byID[id]))
	}
	return body
}

// roleColumns are the fields of both lists of roles. Only Name is known to work; the others are an assumption.
func roleColumns() []column[*role] {
	return []column[*role]{
		{name: "Name", sorts: true, filter: true, value: func(r *role) value { return value{text: r.name} }},
		{name: "Id", kind: number, sorts: true, filter: true, value: func(r *role) value { return value{number: r.id} }},
		{name: "Description", sorts: true, filter: true, value: func(r *role) value {
			return value{text: r.description, null: r.description == ""}
		}},
		{name: "EmailAddress", sorts: true, filter: true, value: func(r *role) value {
			return value{text: r.email, null: r.email == ""}
		}},
		{name: "Immutable", kind: flag, filter: true, value: func(r *role) value { return value{number: toNumber(r.immutable)} }},
	}
}

func toNumber(b bool) int {
	if b {
		return 1
	}
	return 0
}

var yes = true

// valid is the Valid member of a list. It is an assumption that it is null if the request asks not to validate.
func (c *call) valid() (*bool, error) {
	validate, err := c.query.truth("Validate", true)
	if err != nil || !validate {
		return nil, err
	}
	return &yes, nil
}

func listRolesV1(c *call) (any, error) {
	valid, err := c.valid()
	if err != nil {
		return nil, err
	}
	roles, err := c.rolePage()
	if err != nil {
		return nil, err
	}
	result := make([]roleV1, 0, len(roles))
	for _, r := range roles {
		result = append(result, c.s.roleV1(r, valid))
	}
	return result, nil
}

func listRolesV2(c *call) (any, error) {
	roles, err := c.rolePage()
	if err != nil {
		return nil, err
	}
	result := make([]roleItemV2, 0, len(roles))
	for _, r := range roles {
		result = append(result, roleItemV2{r.id, r.name, c.s.email(r.email), r.immutable, r.set, len(r.claims)})
	}
	return result, nil
}

func (c *call) rolePage() ([]*role, error) { return pageOf(c, &c.h.lists.roles, c.s.allRoles) }

// pageOf is the page of a list that a request asks for.
func pageOf[T any](c *call, l *list[T], all func() []T) ([]T, error) {
	query, err := parseListQuery(c.query)
	if err != nil {
		return nil, err
	}
	quirks := &c.h.cfg.quirks
	if quirks.MaxPageSize > 0 {
		query.size = min(query.size, quirks.MaxPageSize)
	}
	if quirks.IgnorePaging {
		query.page, query.size = 1, math.MaxInt32
	}
	if slices.ContainsFunc(quirks.RefuseSortFields, func(f string) bool { return strings.EqualFold(f, query.sortField) }) {
		return nil, invalidSortField(query.sortField)
	}
	query.page, query.shift = max(query.page+c.fault.PageOff, 1), c.fault.ItemOff
	items, total, err := l.page(query, c.s.writes, all)
	c.total = &total
	return items, err
}

// role is the role that the path of a request names.
func (c *call) role() (*role, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return c.s.role(id)
}

func (s *state) role(id int) (*role, error) {
	r, found := s.roles[id]
	if !found {
		return nil, unableToFind("Security Role", id)
	}
	return r, nil
}

// mutableRole is the role that the path of a request names, if it can be changed.
func (c *call) mutableRole() (*role, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	if r.immutable {
		return nil, invalid("The role '%s' cannot be changed.", r.name)
	}
	return r, nil
}

func getRoleV1(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	return c.s.roleV1(r, &yes), nil
}

func getRoleV2(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	if r.corrupt {
		return nil, &apiError{500, codeUnexpected, "The claims of the role could not be loaded."}
	}
	return c.s.roleV2(r), nil
}

// roleRequestV1 is what version 1 takes. Id is for updates only.
type roleRequestV1 struct {
	Name            *string
	Description     *string
	EmailAddress    *string
	Enabled         *bool
	Private         *bool
	Permissions     []string
	PermissionSetID *string `json:"PermissionSetId"`
	Identities      []struct{ AccountName, SID *string }
}

func createRoleV1(c *call) (any, error) {
	var req roleRequestV1
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	r := &role{enabled: true}
	if err := c.fillV1(r, req); err != nil {
		return nil, err
	}
	return c.s.roleV1(c.s.putRole(r), &yes), nil
}

func updateRoleV1(c *call) (any, error) {
	var req struct {
		ID *int32 `json:"Id"`
		roleRequestV1
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	old, err := c.roleInBody(req.ID)
	if err != nil {
		return nil, err
	}
	r := old.clone()
	if err := c.fillV1(r, req.roleRequestV1); err != nil {
		return nil, err
	}
	if old.immutable && !sameExceptMembers(old, r) {
		return nil, invalid("The role '%s' cannot be changed.", old.name)
	}
	return c.s.roleV1(c.s.putRole(r), &yes), nil
}

// roleInBody is the role that the body of an update names.
func (c *call) roleInBody(id *int32) (*role, error) {
	if id == nil {
		return nil, invalid("The Id is required.")
	}
	return c.s.role(int(*id))
}

// fillV1 checks a request and writes it into a role. Enabled and Private stay as they are if the request leaves them
// out, which the vendor's Terraform provider says was confirmed on a live server. Everything else is then cleared. The
// permission set becomes Global: whether a role of another set keeps it is not known. Version 1 does not show claims
// other than identities, nor permissions on objects. Both stay.
func (c *call) fillV1(r *role, req roleRequestV1) error {
	if err := c.fillCommon(r, req.Name, req.Description, req.EmailAddress); err != nil {
		return err
	}
	var err error
	if r.set, err = c.s.set(valueOf(req.PermissionSetID)); err != nil {
		return err
	}
	if req.Enabled != nil {
		r.enabled = *req.Enabled
	}
	if req.Private != nil {
		r.private = *req.Private
	}
	if err := c.setGlobal(r, req.Permissions); err != nil {
		return err
	}
	identities := make([]*claim, 0, len(req.Identities))
	for _, given := range req.Identities {
		i, found := c.s.identify(valueOf(given.AccountName), valueOf(given.SID))
		if !found {
			return invalid("An identity of the role does not exist.")
		}
		identities = append(identities, i)
	}
	c.s.setIdentities(r, identities)
	return c.s.checkSet(r)
}

// identify finds an identity by its account name or, without one, by its SID.
func (s *state) identify(account, sid string) (*claim, bool) {
	if account != "" {
		return s.account(account)
	}
	if sid == "" {
		return nil, false
	}
	for _, i := range s.allIdentities() {
		if strings.EqualFold(i.sid, sid) {
			return i, true
		}
	}
	return nil, false
}

// roleRequestV2 is what version 2 takes. Id is for updates only.
type roleRequestV2 struct {
	Name            *string
	Description     *string
	EmailAddress    *string
	PermissionSetID *string `json:"PermissionSetId"`
	Permissions     []string
	Claims          []claimRequest
}

func createRoleV2(c *call) (any, error) {
	var req roleRequestV2
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	r := &role{enabled: true}
	if err := c.fillV2(r, req); err != nil {
		return nil, err
	}
	return c.s.roleV2(c.s.putRole(r)), nil
}

func updateRoleV2(c *call) (any, error) {
	var req struct {
		ID *int32 `json:"Id"`
		roleRequestV2
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	old, err := c.roleInBody(req.ID)
	if err != nil {
		return nil, err
	}
	r := old.clone()
	if err := c.fillV2(r, req.roleRequestV2); err != nil {
		return nil, err
	}
	return c.s.roleV2(c.s.putRole(r)), nil
}

// fillV2 checks a request and writes it into a role. Permissions and Claims are the complete lists. The flags of version
// 1 stay, and so do identities on a server that keeps them apart from claims.
func (c *call) fillV2(r *role, req roleRequestV2) error {
	old := r.clone()
	if err := c.fillCommon(r, req.Name, req.Description, req.EmailAddress); err != nil {
		return err
	}
	if len(*req.Name) > maxRoleName && utf8.RuneCountInString(*req.Name) > maxRoleName {
		return invalid("The Name is longer than %d characters.", maxRoleName)
	}
	if utf8.RuneCountInString(*req.Description) > maxDescription {
		return invalid("The Description is longer than %d characters.", maxDescription)
	}
	if set := valueOf(req.PermissionSetID); set == "" || set == zeroGUID {
		return invalid("The PermissionSetId is required.")
	}
	var err error
	if r.set, err = c.s.set(*req.PermissionSetID); err != nil {
		return err
	}
	if err := c.s.checkPaths(req.Permissions); err != nil {
		return err
	}
	// A role may be redundant behind the scenes: version 1 grants globally and by object side by side. Writing back
	// what version 2 shows of it changes nothing.
	if !samePaths(req.Permissions, minimal(r.paths)) {
		r.paths = slices.Clone(req.Permissions)
		r.legacy = mapping.legacyNames(r.paths, r.legacy)
	}
	if err := c.s.checkSet(r); err != nil {
		return err
	}
	if old.immutable && !sameExceptMembers(old, r) {
		return invalid("The role '%s' cannot be changed.", old.name)
	}
	claims, err := c.s.claimsFor(req.Claims)
	if err != nil {
		return err
	}
	r.claims = claims
	r.corrupt = c.h.cfg.quirks.CorruptDuplicates && hasDuplicates(claims)
	return nil
}

func hasDuplicates(ids []int) bool {
	sorted := slices.Sorted(slices.Values(ids))
	return len(slices.Compact(sorted)) < len(ids)
}

func samePaths(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// fillCommon writes the texts that both versions have. It is an assumption that names are unique without regard to case.
func (c *call) fillCommon(r *role, name, description, email *string) error {
	if blank(name) {
		return invalid("The Name is required.")
	}
	if blank(description) {
		return invalid("The Description is required.")
	}
	if id, taken := c.s.roleNames[strings.ToLower(*name)]; taken && id != r.id {
		return invalid("A role named '%s' exists already.", *name)
	}
	r.name, r.description, r.email = *name, *description, ""
	if email != nil && c.h.cfg.version.atLeast(v244) {
		if utf8.RuneCountInString(*email) > maxEmail {
			return invalid("The EmailAddress is longer than %d characters.", maxEmail)
		}
		r.email = *email
	}
	return nil
}

// blank reports whether a required text is missing.
func blank(text *string) bool { return text == nil || strings.TrimSpace(*text) == "" }

// set is the id of the permission set that a request names by its id. Without one it is Global.
func (s *state) set(id string) (string, error) {
	if id != "" && !validate.IsGUID(id) {
		return "", invalid("The PermissionSetId '%s' is not a GUID.", id)
	}
	set, found := s.findSet(id)
	if !found {
		return "", invalid("There is no permission set %s.", id)
	}
	return set, nil
}

// checkPaths refuses what is no access control string, and lists in which one path grants another or stands twice. It is
// an assumption that the latter counts as redundant.
func (s *state) checkPaths(paths []string) error {
	for _, path := range paths {
		if !wellFormed(path) || s.cfg.quirks.RefuseUnknownPermissions && !mapping.known(path) {
			return invalid("Invalid permission: '%s'.", path)
		}
	}
	if len(minimal(paths)) < len(paths) {
		return invalid("Redundant permissions detected.")
	}
	return nil
}

// checkSet refuses a role that grants more than its permission set allows.
func (s *state) checkSet(r *role) error {
	set := s.sets[r.set]
	for _, path := range r.paths {
		if !anyCovers(set.paths, path) {
			return invalid("The permission set '%s' does not contain the permission %s.", set.name, path)
		}
	}
	return nil
}

// sameExceptMembers reports whether two roles differ at most in their claims and identities.
func sameExceptMembers(a, b *role) bool {
	return a.name == b.name && a.description == b.description && a.email == b.email && a.set == b.set &&
		a.enabled == b.enabled && a.private == b.private && samePaths(a.paths, b.paths)
}

func deleteRole(c *call) (any, error) {
	r, err := c.mutableRole()
	if err != nil {
		return nil, err
	}
	c.s.dropRole(r.id)
	return nil, nil
}

// copyRole copies permissions and identities. It is an assumption that other claims stay behind. The reference asks for
// name and description, the API description for neither: here the name is needed, since names are unique, and the
// description defaults to that of the original.
func copyRole(c *call) (any, error) {
	original, err := c.role()
	if err != nil {
		return nil, err
	}
	var req struct{ Name, Description, EmailAddress *string }
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if blank(req.Description) {
		req.Description = &original.description
	}
	r := original.clone()
	r.id, r.immutable, r.claims, r.corrupt = 0, false, nil, false
	c.s.setIdentities(r, c.s.identitiesOf(original))
	if err := c.fillCommon(r, req.Name, req.Description, req.EmailAddress); err != nil {
		return nil, err
	}
	return c.s.roleV1(c.s.putRole(r), &yes), nil
}

// roleMember is an identity in the list of a role's identities.
type roleMember struct {
	ID   int    `json:"Id"`
	Name string `json:"Name"`
}

func (s *state) roleMembers(r *role) []roleMember {
	members := []roleMember{}
	for _, i := range s.identitiesOf(r) {
		members = append(members, roleMember{i.id, i.value})
	}
	return members
}

func listRoleIdentities(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	return c.s.roleMembers(r), nil
}

// setRoleIdentities takes the complete list, also for immutable roles, whose members may change.
func setRoleIdentities(c *call) (any, error) {
	r, err := c.role()
	if err != nil {
		return nil, err
	}
	var req struct {
		IDs []int32 `json:"Ids"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	identities := make([]*claim, 0, len(req.IDs))
	for _, id := range req.IDs {
		i, err := c.s.identity(int(id))
		if err != nil {
			return nil, invalid("There is no identity %d.", id)
		}
		identities = append(identities, i)
	}
	changed := r.clone()
	c.s.setIdentities(changed, identities)
	return c.s.roleMembers(c.s.putRole(changed)), nil
}
