package securitytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Legacy identities: the list, add, look up, the view of one identity's permissions, delete.
//
// From version 11 on an identity is a claim: that of a user or a group with the scheme Active Directory. Both versions
// of the API show it, under the same id, and what one writes the other reads. No source says so: it is inferred from
// the reference, which calls identities "legacy formatted Active Directory identities", sends its readers to claims for
// Active Directory and everything else, and shows the claim in the view of an identity's permissions. Quirks has a
// switch for servers that keep the two apart. Version 10 has identities only.

// adProviderID is the id of the provider Active Directory, which is made up.
const adProviderID = "11111111-2222-3333-4444-555555555555"

// newIdentity makes an identity without storing it. It is an assumption that it is described by its account name.
func (s *state) newIdentity(seed Identity) (*claim, error) {
	kind := claimUser
	switch {
	case strings.EqualFold(seed.Type, claimTypes[claimGroup]):
		kind = claimGroup
	case seed.Type != "" && !strings.EqualFold(seed.Type, claimTypes[claimUser]):
		return nil, fmt.Errorf("identity %q: the type is User or Group, not %q", seed.AccountName, seed.Type)
	}
	return &claim{
		id: seed.ID, kind: kind, value: seed.AccountName, provider: s.providers[adProviderID], description: seed.AccountName,
		sid: seed.SID,
	}, nil
}

// account finds an identity by its account name.
func (s *state) account(name string) (*claim, bool) {
	for _, kind := range []int{claimUser, claimGroup} {
		if i, found := s.identities.find(claimKey{kind, strings.ToLower(name), adProviderID}); found {
			return i, true
		}
	}
	return nil, false
}

func (s *state) allIdentities() []*claim {
	return slices.DeleteFunc(s.identities.all(), func(c *claim) bool { return !c.isAccount() })
}

// identitiesOf are the identities that a role has, each of them once.
func (s *state) identitiesOf(r *role) []*claim {
	ids := r.claims
	if s.keepsApart() {
		ids = r.identities
	}
	result := make([]*claim, 0, len(ids))
	for _, id := range ids {
		if i := s.identities.byID[id]; i.isAccount() && !slices.Contains(result, i) {
			result = append(result, i)
		}
	}
	return result
}

// addIdentity gives a role that is being built to an identity.
func (s *state) addIdentity(r *role, i *claim) {
	members := &r.claims
	if s.keepsApart() {
		members = &r.identities
	}
	if !slices.Contains(*members, i.id) {
		*members = append(*members, i.id)
	}
}

// setIdentities gives a role that is being built to these identities and no others. Its other claims stay.
func (s *state) setIdentities(r *role, identities []*claim) {
	r.identities = nil
	if !s.keepsApart() {
		r.claims = slices.DeleteFunc(r.claims, func(id int) bool { return s.claims.byID[id].isAccount() })
	}
	for _, i := range identities {
		s.addIdentity(r, i)
	}
}

// identityBody is an identity as it is written. The SID is left out, although the description of the API has it.
type identityBody struct {
	ID           int      `json:"Id"`
	AccountName  string   `json:"AccountName"`
	IdentityType string   `json:"IdentityType"`
	Roles        []roleV1 `json:"Roles"`
	Valid        *bool    `json:"Valid,omitempty"`
}

func (s *state) identityBody(i *claim, valid *bool) identityBody {
	body := identityBody{i.id, i.value, claimTypes[i.kind], []roleV1{}, valid}
	for _, r := range s.rolesOf(s.identities.roles[i.id]) {
		body.Roles = append(body.Roles, s.roleStub(r))
	}
	return body
}

// roleStub is a role inside an identity. Only the id, the name and the description mean anything. The rest are the
// defaults that were recorded, whatever the role is like.
func (s *state) roleStub(r *role) roleV1 {
	stub := roleV1{
		ID: r.id, Description: r.description, EmailAddress: s.email(""), Identities: []roleIdentity{}, Name: r.name,
		Permissions: []string{},
	}
	if s.cfg.version.atLeast(v11) {
		stub.PermissionSetID = zeroGUID
	}
	return stub
}

// identityColumns are the fields of the list of identities. The order without a sort field is recorded to be neither by
// id nor by name: ids 1, 2, 3 and 7 came as 2, 1, 7, 3. The unnamed column shuffles them likewise.
func identityColumns() []column[*claim] {
	return []column[*claim]{
		{name: "", kind: number, value: func(i *claim) value {
			const prime = 7919
			return value{number: i.id % prime * (i.id % prime) % prime * 2147 % prime}
		}},
		{name: "Id", kind: number, sorts: true, value: func(i *claim) value { return value{number: i.id} }},
		{name: "AccountName", sorts: true, value: func(i *claim) value { return value{text: i.value} }},
		{name: "IdentityType", sorts: true, value: func(i *claim) value { return value{text: claimTypes[i.kind]} }},
	}
}

func listSecurityIdentities(c *call) (any, error) {
	valid, err := c.valid()
	if err != nil {
		return nil, err
	}
	// This list cannot be filtered; the parameter is documented to be ignored.
	delete(c.query, strings.ToLower("QueryString"))
	identities, err := pageOf(c, &c.h.lists.identities, c.s.allIdentities)
	if err != nil {
		return nil, err
	}
	result := make([]identityBody, 0, len(identities))
	for _, i := range identities {
		result = append(result, c.s.identityBody(i, valid))
	}
	return result, nil
}

// lookup finds an account in the directory: DOMAIN\name, name@domain, or a name in the server's own domain.
func (s *state) lookup(name string) (Identity, bool) {
	const ownDomain = "KEYEXAMPLE"
	domain, account, qualified := strings.Cut(name, `\`)
	if !qualified {
		var at bool
		if account, domain, at = strings.Cut(name, "@"); !at {
			domain = ownDomain
		} else {
			domain, _, _ = strings.Cut(strings.ToUpper(domain), ".")
		}
	}
	if strings.TrimSpace(domain) == "" || strings.TrimSpace(account) == "" {
		return Identity{}, false
	}
	found := Identity{AccountName: domain + `\` + account}
	if s.directory == nil {
		return found, true
	}
	if known, ok := s.directory[strings.ToLower(found.AccountName)]; ok {
		return known, true
	}
	_, ok := s.account(found.AccountName)
	return found, ok
}

// createIdentity refuses accounts that the directory does not have, and those that exist already. That both get status
// 400 is an assumption.
func createIdentity(c *call) (any, error) {
	var req struct{ AccountName *string }
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if blank(req.AccountName) {
		return nil, invalid("The AccountName is required.")
	}
	account, found := c.s.lookup(*req.AccountName)
	if !found {
		return nil, invalid("The account '%s' was not found.", *req.AccountName)
	}
	if _, taken := c.s.account(account.AccountName); taken {
		return nil, invalid("The identity '%s' exists already.", account.AccountName)
	}
	account.ID = 0
	created, err := c.s.newIdentity(account)
	if err != nil {
		return nil, err
	}
	return c.s.identityBody(c.s.put(c.s.identities, created), &yes), nil
}

// lookupIdentity takes the parameter under the name of the API description and under that of the reference.
func lookupIdentity(c *call) (any, error) {
	name := c.query.get("accountName")
	if name == "" {
		name = c.query.get("Name")
	}
	_, found := c.s.lookup(name)
	return struct{ Valid bool }{found}, nil
}

// identity is the identity that the path of a request names.
func (c *call) identity() (*claim, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return c.s.identity(id)
}

func (s *state) identity(id int) (*claim, error) {
	i, found := s.identities.byID[id]
	if !found || !i.isAccount() {
		return nil, notFound("Identity", id)
	}
	return i, nil
}

func deleteIdentity(c *call) (any, error) {
	i, err := c.identity()
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(i.value, c.caller.name) {
		return nil, invalid("Nobody can delete their own identity.")
	}
	if c.h.cfg.quirks.RefuseInUse && len(c.s.identities.roles[i.id]) > 0 {
		return nil, invalid("The identity is still used by a role.")
	}
	c.s.drop(c.s.identities, i)
	return nil, nil
}

// granted is a permission and the roles that grant it.
type granted struct {
	Permission     string
	GrantedByRoles []string
}

// identityPermissions is the view of what one identity may do. The members after ContainerPermissions came with 25.
type identityPermissions struct {
	Identity                    string
	SecuredAreaPermissions      []granted
	CollectionPermissions       []granted
	ContainerPermissions        []granted
	PamProviderPermissions      []granted  `json:",omitzero"`
	IdentityProviderPermissions []granted  `json:",omitzero"`
	PamPermissions              []granted  `json:",omitzero"`
	Claim                       *claimBody `json:",omitempty"`
}

// getIdentityPermissions tells what an identity may do, not what it is. How permissions on objects are spelled is not
// known: here it is the name of the object, a colon and the permission.
func getIdentityPermissions(c *call) (any, error) {
	i, err := c.identity()
	if err != nil {
		return nil, err
	}
	areas := map[string]map[string][]string{"": {}, collections: {}, containers: {}, pamProviders: {}, providerKind: {}}
	for _, r := range c.s.rolesOf(c.s.identities.roles[i.id]) {
		for _, name := range mapping.coveredNames(r.paths) {
			areas[""][name] = append(areas[""][name], r.name)
		}
		for _, path := range r.paths {
			if grant, ok := mapping.grant(path); ok {
				name := c.s.objectName(grant.kind, grant.id) + ":" + grant.name
				areas[grant.kind][name] = append(areas[grant.kind][name], r.name)
			} else if p, name, ok := c.s.providerGrant(path); ok {
				name = p.displayName + ":" + name
				areas[providerKind][name] = append(areas[providerKind][name], r.name)
			}
		}
	}
	view := identityPermissions{
		Identity:               i.value,
		SecuredAreaPermissions: grantedList(areas[""]),
		CollectionPermissions:  grantedList(areas[collections]),
		ContainerPermissions:   grantedList(areas[containers]),
	}
	if c.h.cfg.version.atLeast(v25) {
		view.PamProviderPermissions = grantedList(areas[pamProviders])
		view.IdentityProviderPermissions = grantedList(areas[providerKind])
		view.PamPermissions = []granted{}
		view.Claim = c.s.claimOfIdentity(i)
	}
	return view, nil
}

func grantedList(roles map[string][]string) []granted {
	result := make([]granted, 0, len(roles))
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		result = append(result, granted{name, roles[name]})
	}
	return result
}

// claimOfIdentity is the claim that an identity is. On a server that keeps the two apart it is the claim with the same
// account, if there is one.
func (s *state) claimOfIdentity(i *claim) *claimBody {
	found, ok := s.claims.find(i.key())
	if !ok {
		return nil
	}
	body := s.claimBody(found)
	return &body
}
