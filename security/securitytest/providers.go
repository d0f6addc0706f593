package securitytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/internal/validate"
)

// Identity providers. The list shows every provider that claims can name, also the built-in ones. Whether the real
// server lists those is not known.

// providerKind stands beside the kinds of objects that version 1 knows.
const providerKind = "IdentityProviders"

type provider struct {
	id          string
	scheme      string
	displayName string
	kind        *providerType
	set         string
	enabled     bool
	values      map[string]parameterValue
}

// parameterValue is what a provider has for one of the parameters of its type.
type parameterValue struct {
	text  string
	pairs []pair
}

// pair is a request header or a URL parameter.
type pair struct {
	Name  *string `json:"Name"`
	Value *string `json:"Value"`
}

// providerType is a kind of provider and the parameters that it takes.
type providerType struct {
	ID         string          `json:"Id"`
	Name       string          `json:"Name"`
	Parameters []typeParameter `json:"TypeParameters"`
}

type typeParameter struct {
	ID          int `json:"Id"`
	Name        string
	DisplayName string
	DataType    int
	Required    bool
}

// The numbers of data types. The reference says that 1 is a string. The others are an assumption: the API description
// lists 1 to 4 without a meaning.
const (
	dataText   = 1
	dataNumber = 2
	dataSecret = 3
	dataPairs  = 4 // from 25.2 on, see v252
)

// typeBuiltIn is the type of the providers that every server has. No others can be made.
var typeBuiltIn = &providerType{ID: "0e1f5c52-8d3a-4b0e-9a51-2f6f6d1c0001", Name: "Built-in", Parameters: []typeParameter{}}

// providerTypes are the types of providers. Their names and ids are made up; the parameters are those of the API
// description.
var providerTypes = []*providerType{
	typeBuiltIn,
	{ID: "0e1f5c52-8d3a-4b0e-9a51-2f6f6d1c0002", Name: "Generic", Parameters: oauthParameters(false)},
	{ID: "0e1f5c52-8d3a-4b0e-9a51-2f6f6d1c0003", Name: "Auth0", Parameters: oauthParameters(true)},
}

// parameters are those parameters of a type that the version of the server has.
func (c *config) parameters(kind *providerType) []typeParameter {
	if c.version.atLeast(v252) {
		return kind.Parameters
	}
	return slices.DeleteFunc(slices.Clone(kind.Parameters), func(p typeParameter) bool { return p.DataType == dataPairs })
}

func oauthParameters(auth0 bool) []typeParameter {
	parameters := []typeParameter{
		{Name: "Authority", DisplayName: "Authority", DataType: dataText, Required: true},
		{Name: "AuthorizationEndpoint", DisplayName: "Authorization Endpoint", DataType: dataText, Required: true},
		{Name: "TokenEndpoint", DisplayName: "Token Endpoint", DataType: dataText, Required: true},
		{Name: "UserInfoEndpoint", DisplayName: "User Info Endpoint", DataType: dataText},
		{Name: "JSONWebKeySetUri", DisplayName: "JSON Web Key Set URI", DataType: dataText, Required: true},
		{Name: "ClientId", DisplayName: "Client Id", DataType: dataText, Required: true},
		{Name: "ClientSecret", DisplayName: "Client Secret", DataType: dataSecret, Required: true},
		{Name: "NameClaimType", DisplayName: "Name Claim Type", DataType: dataText, Required: true},
		{Name: "RoleClaimType", DisplayName: "Role Claim Type", DataType: dataText, Required: true},
		{Name: "UniqueClaimType", DisplayName: "Unique Claim Type", DataType: dataText, Required: true},
		{Name: "FallbackUniqueClaimType", DisplayName: "Fallback Unique Claim Type", DataType: dataText, Required: true},
		{Name: "OIDCScope", DisplayName: "Scope", DataType: dataText},
		{Name: "OIDCAudience", DisplayName: "Audience", DataType: dataText},
		{Name: "SignOutUrl", DisplayName: "Sign Out URL", DataType: dataText},
		{Name: "Timeout", DisplayName: "Timeout", DataType: dataNumber},
		{Name: "RequestHeaders", DisplayName: "Request Headers", DataType: dataPairs},
		{Name: "RequestURLParameters", DisplayName: "Request URL Parameters", DataType: dataPairs},
	}
	if auth0 {
		parameters = append(parameters, typeParameter{Name: "Auth0ApiUrl", DisplayName: "Auth0 API URL", DataType: dataText})
	}
	for i := range parameters {
		parameters[i].ID = i + 1
	}
	return parameters
}

// builtInProviders are there from the start. The id of System was recorded.
var builtInProviders = []provider{
	{id: "c70e8641-a543-45b1-a47f-8b7d253fbf14", scheme: "System", displayName: "System", enabled: true},
	{id: adProviderID, scheme: schemeAD, displayName: schemeAD, enabled: true},
	{id: "0e1f5c52-8d3a-4b0e-9a51-2f6f6d1c0011", scheme: "unknown", displayName: "unknown"},
	{
		id: "0e1f5c52-8d3a-4b0e-9a51-2f6f6d1c0012", scheme: "Client Certificate Authentication CA",
		displayName: "Client Certificate Authentication CA", enabled: true,
	},
}

// seedBuiltIn stores the providers that every server has.
func (s *state) seedBuiltIn() {
	for _, p := range builtInProviders {
		p.kind, p.set = typeBuiltIn, GlobalPermissionSetID
		if s.cfg.quirks.NormalizeSchemes && p.scheme == "unknown" {
			p.scheme = "Unknown"
		}
		s.providers[p.id] = &p
	}
}

func (s *state) seedProvider(seed IdentityProvider) error {
	p := &provider{
		id: strings.ToLower(seed.ID), scheme: seed.Scheme, displayName: seed.DisplayName, kind: providerTypes[1], enabled: true,
	}
	if p.displayName == "" {
		p.displayName = p.scheme
	}
	var found bool
	if p.set, found = s.findSet(seed.PermissionSet); !found {
		return fmt.Errorf("identity provider %q: there is no permission set %q", seed.Scheme, seed.PermissionSet)
	}
	if err := s.checkProvider(p); err != nil {
		return fmt.Errorf("identity provider %q: %w", seed.Scheme, err)
	}
	if p.id == "" {
		p.id = s.newGUID()
	} else if !validate.IsGUID(p.id) {
		return fmt.Errorf("identity provider %q: the id %q is not a GUID", seed.Scheme, seed.ID)
	}
	s.providers[p.id] = p
	s.writes++
	return nil
}

// checkProvider refuses a provider whose scheme or display name is taken or missing.
func (s *state) checkProvider(p *provider) error {
	if blank(&p.scheme) || blank(&p.displayName) ||
		utf8.RuneCountInString(p.scheme) > maxClaimText || utf8.RuneCountInString(p.displayName) > maxClaimText {
		return invalid("AuthenticationScheme and DisplayName of at most %d characters are required.", maxClaimText)
	}
	for _, other := range s.providers {
		if other.id == p.id {
			continue
		}
		if strings.EqualFold(other.scheme, p.scheme) {
			return invalid("The AuthenticationScheme '%s' is taken.", p.scheme)
		}
		if strings.EqualFold(other.displayName, p.displayName) {
			return invalid("The DisplayName '%s' is taken.", p.displayName)
		}
	}
	return nil
}

// providerBody is a provider as it is written. Before 12 the scheme was called Name.
type providerBody struct {
	ID                    string `json:"Id"`
	Name                  string `json:",omitempty"`
	AuthenticationScheme  string `json:",omitempty"`
	DisplayName           string
	TypeID                string `json:"TypeId"`
	Parameters            []providerParameter
	PermissionSetID       string `json:"PermissionSetId"`
	AuthenticationEnabled bool
}

// providerParameter is the value of one parameter. Secrets have none: they are never told.
type providerParameter struct {
	ID                   int `json:"Id"`
	Name                 string
	DisplayName          string
	Required             bool
	DataType             int
	Value                *string
	RequestHeaders       []pair `json:",omitzero"`
	RequestURLParameters []pair `json:",omitzero"`
}

func (s *state) providerBody(p *provider) providerBody {
	body := providerBody{
		ID: p.id, AuthenticationScheme: p.scheme, DisplayName: p.displayName, TypeID: p.kind.ID,
		Parameters: []providerParameter{}, PermissionSetID: p.set, AuthenticationEnabled: p.enabled,
	}
	if !s.cfg.version.atLeast(v12) {
		body.Name, body.AuthenticationScheme = p.scheme, ""
	}
	for _, parameter := range s.cfg.parameters(p.kind) {
		given, found := p.values[parameter.Name]
		if !found {
			continue
		}
		written := providerParameter{
			ID: parameter.ID, Name: parameter.Name, DisplayName: parameter.DisplayName, Required: parameter.Required,
			DataType: parameter.DataType,
		}
		switch {
		case parameter.DataType == dataText || parameter.DataType == dataNumber:
			written.Value = &given.text
		case parameter.Name == "RequestHeaders":
			written.RequestHeaders = given.pairs
		case parameter.Name == "RequestURLParameters":
			written.RequestURLParameters = given.pairs
		}
		body.Parameters = append(body.Parameters, written)
	}
	return body
}

func providerColumns(cfg *config) []column[*provider] {
	columns := []column[*provider]{
		{name: "DisplayName", sorts: true, filter: true, value: func(p *provider) value { return value{text: p.displayName} }},
		{name: "ProviderTypes", filter: true, value: func(p *provider) value { return value{text: p.kind.Name} }},
		{name: "Provider", sorts: true, value: func(p *provider) value { return value{text: p.displayName} }},
	}
	scheme := func(p *provider) value { return value{text: p.scheme} }
	if !cfg.version.atLeast(v12) {
		return append(columns,
			column[*provider]{name: "Name", sorts: true, filter: true, value: scheme},
			column[*provider]{name: "Private", kind: flag, filter: true, value: func(*provider) value { return value{} }})
	}
	return append(columns,
		column[*provider]{name: "AuthenticationScheme", sorts: true, filter: true, value: scheme},
		column[*provider]{name: "AuthorizationUrl", filter: true, value: func(p *provider) value {
			url := p.values["AuthorizationEndpoint"].text
			return value{text: url, null: url == ""}
		}})
}

const (
	providersRead  = "/identity_providers/read/"
	providersWrite = "/identity_providers/modify/"
)

// mayUse reports whether the caller holds a permission on a provider, system-wide or on this one, through a role in
// Global or in the provider's own permission set.
func (c *caller) mayUse(p *provider, path string) bool {
	target := path
	if p.id != "" {
		target += p.id + "/"
	}
	return slices.ContainsFunc(c.roles, func(r *role) bool {
		return anyCovers(r.paths, target) && (r.set == GlobalPermissionSetID || r.set == p.set)
	})
}

// providerGrant reads a path as a permission on one provider.
func (s *state) providerGrant(path string) (p *provider, name string, ok bool) {
	base, id, _ := splitScope(path)
	p, ok = s.providers[id]
	switch base {
	case providersRead:
		return p, "Read", ok
	case providersWrite:
		return p, "Modify", ok
	}
	return nil, "", false
}

// listProviders shows the providers that the caller may read. A caller that may read none is refused.
func listProviders(c *call) (any, error) {
	visible := slices.DeleteFunc(c.s.allProviders(), func(p *provider) bool { return !c.caller.mayUse(p, providersRead) })
	if len(visible) == 0 {
		return nil, forbidden(providersRead)
	}
	// What is visible depends on the caller, so no order can be kept. There are few providers.
	providers, err := pageOf(c, newLists(&c.h.cfg).providers, func() []*provider { return visible })
	if err != nil {
		return nil, err
	}
	result := make([]providerBody, 0, len(providers))
	for _, p := range providers {
		result = append(result, c.s.providerBody(p))
	}
	return result, nil
}

func listProviderTypes(c *call) (any, error) {
	reads := func(p *provider) bool { return c.caller.mayUse(p, providersRead) }
	if !slices.ContainsFunc(c.s.allProviders(), reads) {
		return nil, forbidden(providersRead)
	}
	types := make([]providerType, 0, len(providerTypes))
	for _, kind := range providerTypes {
		types = append(types, providerType{kind.ID, kind.Name, c.h.cfg.parameters(kind)})
	}
	return types, nil
}

// provider is the provider that the path of a request names, if the caller holds the permission on it.
func (c *call) provider(path string) (*provider, error) {
	id, err := parseGUID(c.args[0])
	if err != nil {
		return nil, err
	}
	p, found := c.s.providers[id]
	if !found {
		if !c.caller.may(requirement{path: path}) {
			return nil, forbidden(path)
		}
		return nil, notFound("Identity provider", id)
	}
	if !c.caller.mayUse(p, path) {
		return nil, forbidden(path)
	}
	return p, nil
}

func getProvider(c *call) (any, error) {
	p, err := c.provider(providersRead)
	if err != nil {
		return nil, err
	}
	return c.s.providerBody(p), nil
}

// providerRequest is what creating and updating take. A provider's type cannot be changed.
type providerRequest struct {
	AuthenticationScheme *string
	DisplayName          *string
	PermissionSetID      *string `json:"PermissionSetId"`
	Parameters           map[string]json.RawMessage
}

func createProvider(c *call) (any, error) {
	var req struct {
		providerRequest

		ProviderType *string
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if blank(req.ProviderType) {
		return nil, invalid("The ProviderType is required.")
	}
	p := &provider{enabled: true, values: map[string]parameterValue{}}
	for _, kind := range providerTypes {
		if kind != typeBuiltIn && (strings.EqualFold(kind.Name, *req.ProviderType) || strings.EqualFold(kind.ID, *req.ProviderType)) {
			p.kind = kind
		}
	}
	if p.kind == nil {
		return nil, invalid("There is no provider type '%s'.", *req.ProviderType)
	}
	if req.Parameters == nil {
		return nil, invalid("The Parameters are required.")
	}
	if err := c.fillProvider(p, req.providerRequest); err != nil {
		return nil, err
	}
	p.id = c.s.newGUID()
	c.s.providers[p.id] = p
	c.s.writes++
	return c.s.providerBody(p), nil
}

// updateProvider replaces scheme and display name, and those parameters that are given. Claims follow the provider. It
// is an assumption that built-in providers cannot be changed.
func updateProvider(c *call) (any, error) {
	old, err := c.provider(providersWrite)
	if err != nil {
		return nil, err
	}
	if old.kind == typeBuiltIn {
		return nil, invalid("The identity provider '%s' cannot be changed.", old.displayName)
	}
	var req struct {
		providerRequest

		AuthenticationEnabled *bool
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	p := *old
	p.values = map[string]parameterValue{}
	maps.Copy(p.values, old.values)
	if err := c.fillProvider(&p, req.providerRequest); err != nil {
		return nil, err
	}
	if req.AuthenticationEnabled != nil {
		p.enabled = *req.AuthenticationEnabled
	}
	c.s.providers[p.id] = &p
	c.s.writes++
	for _, known := range c.s.claims.all() {
		if known.provider == old {
			moved := *known
			moved.provider = &p
			c.s.put(c.s.claims, &moved)
		}
	}
	return c.s.providerBody(&p), nil
}

// fillProvider checks a request and writes it into a provider. Without a permission set the provider is in Global.
func (c *call) fillProvider(p *provider, req providerRequest) error {
	p.scheme, p.displayName = valueOf(req.AuthenticationScheme), valueOf(req.DisplayName)
	if err := c.s.checkProvider(p); err != nil {
		return err
	}
	var err error
	if p.set, err = c.s.set(valueOf(req.PermissionSetID)); err != nil {
		return err
	}
	if !c.caller.mayUse(p, providersWrite) {
		return forbidden(providersWrite)
	}
	return c.fillParameters(p, req.Parameters)
}

func (c *call) fillParameters(p *provider, given map[string]json.RawMessage) error {
	parameters := c.h.cfg.parameters(p.kind)
	known := func(name string) (typeParameter, bool) {
		for _, parameter := range parameters {
			if strings.EqualFold(parameter.Name, name) {
				return parameter, true
			}
		}
		return typeParameter{}, false
	}
	for name, data := range given {
		parameter, found := known(name)
		if !found {
			// Auth0ApiUrl is a member of every request, whatever the type.
			if c.h.cfg.quirks.StrictBodies && !strings.EqualFold(name, "Auth0ApiUrl") {
				return invalid("There is no parameter '%s'.", name)
			}
			continue
		}
		parsed, err := parameter.parse(data)
		if err != nil {
			return err
		}
		if parsed == nil {
			delete(p.values, parameter.Name)
			continue
		}
		p.values[parameter.Name] = *parsed
	}
	if given == nil {
		return nil
	}
	for _, parameter := range parameters {
		if _, found := p.values[parameter.Name]; parameter.Required && !found {
			return invalid("The parameter %s is required.", parameter.Name)
		}
	}
	return nil
}

// parse reads the value of a parameter; nil is none.
func (t typeParameter) parse(data json.RawMessage) (*parameterValue, error) {
	var given parameterValue
	if string(data) == "null" || string(data) == `""` {
		return nil, nil
	}
	var err error
	switch t.DataType {
	case dataText:
		err = json.Unmarshal(data, &given.text)
	case dataNumber:
		var n int32
		if err = json.Unmarshal(data, &n); err == nil && n < 1 {
			return nil, invalid("The parameter %s must be a number from 1 up.", t.Name)
		}
		given.text = strconv.Itoa(int(n))
	case dataSecret:
		// The secret itself is not kept: nothing ever reads it.
		err = json.Unmarshal(data, &map[string]json.RawMessage{})
	default:
		err = json.Unmarshal(data, &given.pairs)
	}
	if err != nil {
		return nil, invalid("The parameter %s is not valid.", t.Name)
	}
	return &given, nil
}

func valueOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
