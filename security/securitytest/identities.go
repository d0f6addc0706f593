package securitytest

import (
	"maps"
	"slices"
	"strings"
)

// Legacy identities: the list, add, look up, the view of one identity's permissions, delete.

// identityBody is an identity as it is written. The SID is left out, although the description of the API has it.
type identityBody struct {
	ID           int      `json:"Id"`
	AccountName  string   `json:"AccountName"`
	IdentityType string   `json:"IdentityType"`
	Roles        []roleV1 `json:"Roles"`
	Valid        *bool    `json:"Valid,omitempty"`
}

func (s *state) identityBody(i *identity, valid *bool) identityBody {
	body := identityBody{i.id, i.account, i.kind, []roleV1{}, valid}
	for _, r := range s.rolesOf(s.identityRoles[i.id]) {
		body.Roles = append(body.Roles, s.roleStub(r))
	}
	return body
}

// roleStub is a role inside an identity. Only the id, the name and the description mean anything; the rest are the
// defaults that were recorded, whatever the role is like.
func (s *state) roleStub(r *role) roleV1 {
	stub := roleV1{
		ID: r.id, Description: r.description, EmailAddress: s.email(""), Identities: []roleIdentity{}, Name: r.name,
		Permissions: []string{},
	}
	if s.cfg.version.atLeast(11, 0) {
		stub.PermissionSetID = zeroGUID
	}
	return stub
}

// identityColumns are the fields of the list of identities. The order without a sort field is recorded to be neither by
// id nor by name: ids 1, 2, 3 and 7 came as 2, 1, 7, 3. The unnamed column shuffles them likewise.
func identityColumns() []column[*identity] {
	return []column[*identity]{
		{name: "", kind: number, value: func(i *identity) value {
			const prime = 7919
			return value{number: i.id % prime * (i.id % prime) % prime * 2147 % prime}
		}},
		{name: "Id", kind: number, sorts: true, value: func(i *identity) value { return value{number: i.id} }},
		{name: "AccountName", sorts: true, value: func(i *identity) value { return value{text: i.account} }},
		{name: "IdentityType", sorts: true, value: func(i *identity) value { return value{text: i.kind} }},
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
	_, ok := s.accounts[strings.ToLower(found.AccountName)]
	return found, ok
}

// createIdentity refuses accounts that the directory does not have, and those that are there already. Both are
// assumptions as far as the status goes.
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
		return nil, invalid("The account %q was not found.", *req.AccountName)
	}
	if _, taken := c.s.accounts[strings.ToLower(account.AccountName)]; taken {
		return nil, invalid("The identity %q exists already.", account.AccountName)
	}
	created := c.s.putIdentity(&identity{account: account.AccountName, kind: account.Type, sid: account.SID})
	return c.s.identityBody(created, &yes), nil
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
func (c *call) identity() (*identity, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	i, found := c.s.identities[id]
	if !found {
		return nil, notFound("Identity", id)
	}
	return i, nil
}

func deleteIdentity(c *call) (any, error) {
	i, err := c.identity()
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(i.account, c.caller.name) {
		return nil, invalid("Nobody can delete their own identity.")
	}
	if c.h.cfg.refuseInUse && len(c.s.identityRoles[i.id]) > 0 {
		return nil, invalid("The identity is still used by a role.")
	}
	c.s.dropIdentity(i)
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
	for _, r := range c.s.rolesOf(c.s.identityRoles[i.id]) {
		for _, name := range mapping.coveredNames(r.paths) {
			areas[""][name] = append(areas[""][name], r.name)
		}
		for _, path := range r.paths {
			if grant, ok := mapping.grant(path); ok {
				name := c.s.objects[grant.kind][grant.id] + ":" + grant.name
				areas[grant.kind][name] = append(areas[grant.kind][name], r.name)
			} else if p, name, ok := c.s.providerGrant(path); ok {
				name = p.displayName + ":" + name
				areas[providerKind][name] = append(areas[providerKind][name], r.name)
			}
		}
	}
	view := identityPermissions{
		Identity:               i.account,
		SecuredAreaPermissions: grantedList(areas[""]),
		CollectionPermissions:  grantedList(areas[collections]),
		ContainerPermissions:   grantedList(areas[containers]),
	}
	if c.h.cfg.version.atLeast(25, 0) {
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

// claimOfIdentity is the Active Directory claim with the identity's account, if there is one. That identities and
// claims are kept apart otherwise is an assumption.
func (s *state) claimOfIdentity(i *identity) *claimBody {
	for kind := range claimTypes {
		found, err := s.newClaim(kind, i.account, schemeAD, "")
		if err != nil {
			return nil
		}
		if id, ok := s.claimKeys[found.key()]; ok {
			body := s.claims[id].body()
			return &body
		}
	}
	return nil
}
