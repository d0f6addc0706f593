package securitytest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Claims: the list, one claim, create, update of the description, delete, and the roles of a claim.

// claimBody is a claim as it is written.
type claimBody struct {
	ID          int            `json:"Id"`
	Description string         `json:"Description"`
	ClaimType   string         `json:"ClaimType"`
	ClaimValue  string         `json:"ClaimValue"`
	Provider    *claimProvider `json:"Provider,omitempty"`
}

type claimProvider struct {
	ID                   string `json:"Id"`
	AuthenticationScheme string `json:"AuthenticationScheme"`
	DisplayName          string `json:"DisplayName"`
}

func (s *state) claimBody(c *claim) claimBody {
	body := claimBody{ID: c.id, Description: c.description, ClaimType: claimTypes[c.kind], ClaimValue: c.value}
	if !s.cfg.quirks.OmitClaimProviders || c.provider.kind == typeBuiltIn {
		body.Provider = &claimProvider{c.provider.id, c.provider.scheme, c.provider.displayName}
	}
	return body
}

// claimRequest is a claim as clients write it, on its own and inside a role.
type claimRequest struct {
	ClaimType                    claimType
	ClaimValue                   *string
	ProviderAuthenticationScheme *string
	Description                  *string
}

// claimType reads the number of a claim type, or its name: numbers are documented, names in any case are known to work.
type claimType struct {
	kind  int
	given bool
}

// UnmarshalJSON reads either form.
func (t *claimType) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var name string
	if json.Unmarshal(data, &name) != nil {
		name = string(data)
	}
	kind, found := parseClaimType(name)
	if !found {
		return invalid("there is no claim type %s", data)
	}
	t.kind, t.given = kind, true
	return nil
}

// parseClaimType reads the name or the number of a claim type.
func parseClaimType(text string) (int, bool) {
	if kind, err := strconv.Atoi(text); err == nil {
		return kind, kind >= 0 && kind < len(claimTypes)
	}
	kind := slices.IndexFunc(claimTypes, func(name string) bool { return strings.EqualFold(name, text) })
	return kind, kind >= 0
}

// check makes a claim of a request, without storing it.
func (s *state) check(req claimRequest) (*claim, error) {
	switch {
	case !req.ClaimType.given:
		return nil, invalid("The ClaimType is required.")
	case blank(req.ClaimValue):
		return nil, invalid("The ClaimValue is required.")
	case blank(req.ProviderAuthenticationScheme):
		return nil, invalid("The ProviderAuthenticationScheme is required.")
	case blank(req.Description):
		return nil, invalid("The Description is required.")
	case utf8.RuneCountInString(*req.ClaimValue) > maxClaimText,
		utf8.RuneCountInString(*req.ProviderAuthenticationScheme) > maxClaimText,
		utf8.RuneCountInString(*req.Description) > maxDescription:
		return nil, invalid("A text of the claim is longer than %d characters.", maxClaimText)
	}
	return s.newClaim(req.ClaimType.kind, *req.ClaimValue, *req.ProviderAuthenticationScheme, *req.Description)
}

// newClaim makes a claim without storing it. It is an assumption that a scheme must be that of a provider.
func (s *state) newClaim(kind int, text, scheme, description string) (*claim, error) {
	for _, p := range s.providers {
		if !strings.EqualFold(p.scheme, scheme) {
			continue
		}
		if domain := s.cfg.quirks.NormalizeADClaims; domain != "" && p.scheme == schemeAD {
			if !strings.Contains(text, `\`) {
				text = domain + `\` + text
			}
			text = strings.ToUpper(text)
		}
		return &claim{kind: kind, value: text, provider: p, description: description}, nil
	}
	return nil, invalid("There is no identity provider with the authentication scheme '%s'.", scheme)
}

// ensureClaim finds a claim by its natural key, or creates it. The description of one that exists stays.
func (s *state) ensureClaim(kind int, text, scheme, description string) (*claim, error) {
	c, err := s.newClaim(kind, text, scheme, description)
	if err != nil {
		return nil, err
	}
	return s.findOrPut(c), nil
}

func (s *state) findOrPut(c *claim) *claim {
	if known, found := s.claims.find(c.key()); found {
		return known
	}
	return s.put(s.claims, c)
}

// claimsFor are the ids of the claims that a role request names. Nothing is created unless all of them are in order.
// A claim that is named twice comes back twice.
func (s *state) claimsFor(reqs []claimRequest) ([]int, error) {
	wanted := make([]*claim, 0, len(reqs))
	for _, req := range reqs {
		c, err := s.check(req)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, c)
	}
	ids := make([]int, 0, len(wanted))
	for _, c := range wanted {
		ids = append(ids, s.findOrPut(c).id)
	}
	return ids, nil
}

// claimColumns are the fields of the list of claims. Sorting by the documented query fields is an assumption, and so is
// that ClaimValue finds the values of Active Directory claims too.
func claimColumns() []column[*claim] {
	return []column[*claim]{
		{name: "Provider", sorts: true, filter: true, value: func(c *claim) value { return value{text: c.provider.displayName} }},
		{name: "ClaimType", kind: number, sorts: true, filter: true, exact: true, value: func(c *claim) value {
			return value{number: c.kind}
		}},
		{name: "ClaimValue", sorts: true, filter: true, value: func(c *claim) value { return value{text: c.value} }},
		{name: "ADClaimValue", filter: true, exact: true, value: func(c *claim) value {
			return value{text: c.value, null: c.provider.scheme != schemeAD}
		}},
		{name: "Description", sorts: true, filter: true, value: func(c *claim) value { return value{text: c.description} }},
		{name: "Id", kind: number, sorts: true, value: func(c *claim) value { return value{number: c.id} }},
	}
}

func listClaims(c *call) (any, error) {
	claims, err := pageOf(c, &c.h.lists.claims, c.s.claims.all)
	if err != nil {
		return nil, err
	}
	result := make([]claimBody, 0, len(claims))
	for _, found := range claims {
		result = append(result, c.s.claimBody(found))
	}
	return result, nil
}

// claim is the claim that the path of a request names.
func (c *call) claim() (*claim, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return c.s.claim(id)
}

func (s *state) claim(id int) (*claim, error) {
	found, ok := s.claims.byID[id]
	if !ok {
		return nil, notFound("Claim", id)
	}
	return found, nil
}

func getClaim(c *call) (any, error) {
	found, err := c.claim()
	if err != nil {
		return nil, err
	}
	return c.s.claimBody(found), nil
}

// createClaim refuses a claim that exists already, which is an assumption.
func createClaim(c *call) (any, error) {
	var req claimRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	created, err := c.s.check(req)
	if err != nil {
		return nil, err
	}
	if known, found := c.s.claims.find(created.key()); found {
		return nil, invalid("The claim exists already, with the id %d.", known.id)
	}
	return c.s.claimBody(c.s.put(c.s.claims, created)), nil
}

// updateClaim changes the description, the only member that can be changed.
func updateClaim(c *call) (any, error) {
	var req struct {
		ID          *int32 `json:"Id"`
		Description *string
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if req.ID == nil {
		return nil, invalid("The Id is required.")
	}
	old, err := c.s.claim(int(*req.ID))
	if err != nil {
		return nil, err
	}
	if blank(req.Description) || utf8.RuneCountInString(*req.Description) > maxDescription {
		return nil, invalid("A Description of at most %d characters is required.", maxDescription)
	}
	changed := *old
	changed.description = *req.Description
	return c.s.claimBody(c.s.put(c.s.claims, &changed)), nil
}

func deleteClaim(c *call) (any, error) {
	found, err := c.claim()
	if err != nil {
		return nil, err
	}
	if c.h.cfg.quirks.RefuseInUse && len(c.s.claims.roles[found.id]) > 0 {
		return nil, invalid("The claim is still used by a role.")
	}
	c.s.drop(c.s.claims, found)
	return nil, nil
}

// claimRole is a role in the list of the roles of a claim.
type claimRole struct {
	ID              int    `json:"Id"`
	Name            string `json:"Name"`
	Description     string `json:"Description"`
	PermissionSetID string `json:"PermissionSetId"`
}

// listClaimRoles lists the roles that have a claim. A claim that does not exist has none, which is an assumption.
func listClaimRoles(c *call) (any, error) {
	kind, found := parseClaimType(c.query.get("ClaimType"))
	if !found {
		return nil, invalid("A valid ClaimType is required.")
	}
	claimValue, scheme := c.query.get("ClaimValue"), c.query.get("ProviderAuthenticationScheme")
	if claimValue == "" || scheme == "" {
		return nil, invalid("ClaimValue and ProviderAuthenticationScheme are required.")
	}
	result := []claimRole{}
	wanted, err := c.s.newClaim(kind, claimValue, scheme, "")
	if err != nil {
		return nil, err
	}
	known, found := c.s.claims.find(wanted.key())
	if !found {
		return result, nil
	}
	for _, r := range c.s.rolesOf(c.s.claims.roles[known.id]) {
		result = append(result, claimRole{r.id, r.name, r.description, r.set})
	}
	return result, nil
}
