// Package providers manages identity providers: the OAuth services that vouch
// for the claims that roles are given to.
//
// There is no Ensure: the client secret cannot be read back, so that nobody can tell
// whether a provider is as desired, and to write it each time would be no Ensure. Use
// [V1.Find], then [V1.Create] or [V1.Update].
//
// API: /IdentityProviders, version 1, from Command 11 on.
package providers

import (
	"encoding/json"
	"log/slog"
	"strconv"

	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// Provider is an identity provider. Command 11 calls the scheme Name, so that it
// is empty here.
type Provider struct {
	ID                    string           `json:"Id"`                   // GUID
	AuthenticationScheme  string           `json:"AuthenticationScheme"` // unique; claims name their provider by it
	DisplayName           string           `json:"DisplayName"`          // unique
	TypeID                string           `json:"TypeId"`               // GUID, see [V1.Types]
	Parameters            []ParameterValue `json:"Parameters"`
	PermissionSetID       string           `json:"PermissionSetId"` // GUID
	AuthenticationEnabled bool             `json:"AuthenticationEnabled"`
}

// ToUpdate returns the update that changes nothing. It has no
// parameters, which leaves those of the provider as they are.
func (p Provider) ToUpdate() Update {
	return Update{
		AuthenticationScheme: p.AuthenticationScheme, DisplayName: p.DisplayName,
		PermissionSetID: p.PermissionSetID, AuthenticationEnabled: &p.AuthenticationEnabled,
	}
}

// LogValue leaves the parameters out, which may hold secrets.
func (p Provider) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", p.ID),
		slog.String("scheme", p.AuthenticationScheme),
		slog.String("name", p.DisplayName),
		slog.Bool("enabled", p.AuthenticationEnabled),
	)
}

// DataType says what kind of value a parameter has. The server's documents list
// the numbers 1 to 4 (4 from Command 25.2 on, by inference) and not what they mean.
type DataType int

// ParameterValue is one parameter of a provider, with its value in one of the
// last four fields.
type ParameterValue struct {
	ID          int      `json:"Id"`
	Name        string   `json:"Name"`
	DisplayName string   `json:"DisplayName"`
	Required    bool     `json:"Required"`
	DataType    DataType `json:"DataType"`

	Value                string      `json:"Value,omitempty"`
	RequestHeaders       []NameValue `json:"RequestHeaders,omitempty"`
	RequestURLParameters []NameValue `json:"RequestURLParameters,omitempty"`
	SecretValue          *Secret     `json:"SecretValue,omitzero"`
}

// LogValue leaves the value out, which may be a secret.
func (p ParameterValue) LogValue() slog.Value { return slog.StringValue(p.Name) }

// NameValue is a header, or a URL parameter, that Command adds to its requests
// to the provider. Its value may be a key.
type NameValue struct {
	Name  string
	Value security.Secret
}

// MarshalText writes the name: what is encoded for anybody else to read holds no
// key.
func (v NameValue) MarshalText() ([]byte, error) { return []byte(v.Name), nil }

// UnmarshalJSON reads a pair as the server writes it.
func (v *NameValue) UnmarshalJSON(data []byte) error {
	var p pair
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*v = NameValue{p.Name, security.NewSecret(p.Value)}
	return nil
}

// Type is a type of provider, with the parameters that providers of that type
// have.
type Type struct {
	ID             string          `json:"Id"` // GUID
	Name           string          `json:"Name"`
	TypeParameters []TypeParameter `json:"TypeParameters"`
}

// TypeParameter is a parameter that providers of a type have.
type TypeParameter struct {
	ID          int      `json:"Id"`
	Name        string   `json:"Name"`
	DisplayName string   `json:"DisplayName"`
	DataType    DataType `json:"DataType"`
	Required    bool     `json:"Required"`
}

// Create is a provider to create. Printing or logging it shows no secret.
type Create struct {
	AuthenticationScheme string      `json:"AuthenticationScheme"`      // required, unique, at most 512 characters
	DisplayName          string      `json:"DisplayName"`               // required, unique, at most 512 characters
	ProviderType         string      `json:"ProviderType"`              // required, the name of a type, see [V1.Types]
	PermissionSetID      string      `json:"PermissionSetId,omitempty"` // GUID; empty: the Global set, if the caller has a role in it
	Parameters           *Parameters `json:"Parameters,omitzero"`
}

// Update changes a provider; [V1.Update] takes its id. Printing or logging it
// shows no secret.
type Update struct {
	AuthenticationScheme  string `json:"AuthenticationScheme"`           // required, unique, at most 512 characters
	DisplayName           string `json:"DisplayName"`                    // required, unique, at most 512 characters
	PermissionSetID       string `json:"PermissionSetId,omitempty"`      // GUID; empty: the Global set, if the caller has a role in it
	AuthenticationEnabled *bool  `json:"AuthenticationEnabled,omitzero"` // nil leaves the choice to the server

	// Parameters are the parameters to change, nil for none: the API changes
	// those that it is given. It wants the required ones in any case, the client
	// secret among them, which cannot be read back.
	Parameters *Parameters `json:"Parameters,omitzero"`
}

// Parameters is how Command and the provider talk to each other. Optional
// fields that are nil are not sent; an empty list is.
type Parameters struct {
	Authority             string `json:"Authority"`             // required
	AuthorizationEndpoint string `json:"AuthorizationEndpoint"` // required
	TokenEndpoint         string `json:"TokenEndpoint"`         // required
	JSONWebKeySetURI      string `json:"JSONWebKeySetUri"`      // required

	ClientID     string `json:"ClientId"`     // required
	ClientSecret Secret `json:"ClientSecret"` // required

	NameClaimType           string `json:"NameClaimType"`           // required
	RoleClaimType           string `json:"RoleClaimType"`           // required
	UniqueClaimType         string `json:"UniqueClaimType"`         // required
	FallbackUniqueClaimType string `json:"FallbackUniqueClaimType"` // required

	UserInfoEndpoint     *string     `json:"UserInfoEndpoint,omitzero"`
	SignOutURL           *string     `json:"SignOutUrl,omitzero"`
	Auth0APIURL          *string     `json:"Auth0ApiUrl,omitzero"`
	OIDCAudience         *string     `json:"OIDCAudience,omitzero"`
	OIDCScope            *string     `json:"OIDCScope,omitzero"`
	Timeout              *int        `json:"Timeout,omitzero"` // 1 or more; the unit is not documented
	RequestHeaders       []NameValue `json:"RequestHeaders,omitzero"`
	RequestURLParameters []NameValue `json:"RequestURLParameters,omitzero"`
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (c Create) Validate() error {
	var p validate.Problems
	check(&p, c.AuthenticationScheme, c.DisplayName, c.PermissionSetID, c.Parameters)
	p.Required("ProviderType", c.ProviderType, 0)
	return p.Err()
}

// Validate reports everything that is wrong with the request, as
// security.FieldErrors.
func (u Update) Validate() error {
	var p validate.Problems
	check(&p, u.AuthenticationScheme, u.DisplayName, u.PermissionSetID, u.Parameters)
	return p.Err()
}

// maxText is the longest scheme and display name.
const maxText = 512

func check(p *validate.Problems, scheme, name, permissionSetID string, parameters *Parameters) {
	p.Required("AuthenticationScheme", scheme, maxText)
	p.Required("DisplayName", name, maxText)
	if permissionSetID != "" {
		p.GUID("PermissionSetID", permissionSetID)
	}
	if parameters != nil {
		p.Within("Parameters", parameters.Validate())
	}
}

// Validate reports everything that is wrong with the parameters, as
// security.FieldErrors. It never repeats a secret.
func (p Parameters) Validate() error {
	var problems validate.Problems
	for _, required := range []struct{ field, value string }{
		{"Authority", p.Authority},
		{"AuthorizationEndpoint", p.AuthorizationEndpoint},
		{"TokenEndpoint", p.TokenEndpoint},
		{"JSONWebKeySetURI", p.JSONWebKeySetURI},
		{"ClientID", p.ClientID},
		{"NameClaimType", p.NameClaimType},
		{"RoleClaimType", p.RoleClaimType},
		{"UniqueClaimType", p.UniqueClaimType},
		{"FallbackUniqueClaimType", p.FallbackUniqueClaimType},
	} {
		problems.Required(required.field, required.value, 0)
	}
	if p.ClientSecret.IsZero() {
		problems.Add("ClientSecret", "must have a value or name a PAM provider")
	}
	if p.Timeout != nil && *p.Timeout < 1 {
		problems.Add("Timeout", "must be 1 or more, got %s", strconv.Itoa(*p.Timeout))
	}
	return problems.Err()
}

// LogValue leaves the parameters out, which hold a secret.
func (c Create) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("scheme", c.AuthenticationScheme),
		slog.String("name", c.DisplayName),
		slog.String("type", c.ProviderType),
	)
}

// LogValue leaves the parameters out, which hold a secret.
func (u Update) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("scheme", u.AuthenticationScheme),
		slog.String("name", u.DisplayName),
	)
}

// LogValue leaves out what is or may be secret.
func (p Parameters) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("authority", p.Authority),
		slog.String("client_id", p.ClientID),
	)
}

// The fields that a list of providers can be filtered by, from Command 12.1 on.
// Command 11.0 knows FieldDisplayName and FieldTypes of them.
const (
	FieldScheme           security.FilterField = "AuthenticationScheme"
	FieldAuthorizationURL security.FilterField = "AuthorizationUrl"
	FieldDisplayName      security.FilterField = "DisplayName"
	FieldTypes            security.FilterField = "ProviderTypes"
)

// SortField is a field that a list of providers can be sorted by.
type SortField string

// SortProvider sorts by provider, which is the server's default. Which other
// fields there are is not documented.
const SortProvider SortField = "Provider"

// ListOptions selects, sorts and pages a list of providers. Zero fields leave
// the choice to the server.
type ListOptions struct {
	Filter   security.Filter `url:"QueryString,omitempty"`
	SortBy   SortField       `url:"SortField,omitempty"`
	Order    security.Order  `url:"SortAscending,omitempty"`
	Page     int             `url:"PageReturned,omitempty"` // 1 is the first
	PageSize int             `url:"ReturnLimit,omitempty"`  // 50 by default, 200 in All
}
