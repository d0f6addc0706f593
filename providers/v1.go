package providers

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// V1 is version 1 of the identity providers API, the only one. It can neither
// delete a provider nor show its secrets.
type V1 struct{ c *service.Client }

// NewV1 returns the service that works through client.
func NewV1(client *security.Client) *V1 { return &V1{c: service.Of(client)} }

var (
	opListV1   = transport.Op{Method: http.MethodGet, Path: "IdentityProviders", Version: 1}
	opGetV1    = transport.Op{Method: http.MethodGet, Path: "IdentityProviders/{id}", Version: 1}
	opTypesV1  = transport.Op{Method: http.MethodGet, Path: "IdentityProviders/Types", Version: 1}
	opCreateV1 = transport.Op{Method: http.MethodPost, Path: "IdentityProviders", Version: 1}
	opUpdateV1 = transport.Op{Method: http.MethodPut, Path: "IdentityProviders/{id}", Version: 1}
)

// List returns one page of providers: those that the caller's permission sets
// allow to see.
//
// API: GET /IdentityProviders, version 1.
func (s *V1) List(ctx context.Context, opts *ListOptions, call ...security.CallOption) (*security.Page[Provider], error) {
	return paging.List[Provider](ctx, s.c, opListV1, opts, call)
}

// All yields every provider that opts selects, page after page, in the server's
// default order unless opts says otherwise.
//
// API: GET /IdentityProviders, version 1.
func (s *V1) All(ctx context.Context, opts *ListOptions, call ...security.CallOption) iter.Seq2[Provider, error] {
	return paging.All(ctx, s.c, opListV1, opts, string(SortProvider), func(p *Provider) string { return p.ID }, call)
}

// Get returns one provider. id is a GUID.
//
// API: GET /IdentityProviders/{id}, version 1.
func (s *V1) Get(ctx context.Context, id string, call ...security.CallOption) (*Provider, error) {
	return service.One[Provider](ctx, s.c, call, transport.Call{Op: opGetV1, Args: []any{id}, Err: validate.CheckGUID("id", id), Check: about(id)})
}

// Types lists the types of providers, with their parameters.
//
// API: GET /IdentityProviders/Types, version 1.
func (s *V1) Types(ctx context.Context, call ...security.CallOption) ([]Type, error) {
	return service.Many[Type](ctx, s.c, call, transport.Call{Op: opTypesV1, Check: service.Each("id", func(t *Type) bool { return t.ID != "" })})
}

// Create makes a provider.
//
// API: POST /IdentityProviders, version 1.
func (s *V1) Create(ctx context.Context, provider Create, call ...security.CallOption) (*Provider, error) {
	return service.One[Provider](ctx, s.c, call, transport.Call{Op: opCreateV1, Body: createBody{provider}, Check: about("", called(provider.AuthenticationScheme, provider.DisplayName))})
}

// Update changes a provider. id is a GUID. Start from [Provider.ToUpdate] to change
// one thing: the scheme and the display name are always written, and a permission set
// that is left empty becomes Global. Parameters that are nil stay as they are; to
// change any of them, all required ones are given, the client secret among them. The
// last writer wins: what another program changed since the provider was read is lost.
//
// API: PUT /IdentityProviders/{id}, version 1.
func (s *V1) Update(ctx context.Context, id string, provider Update, call ...security.CallOption) (*Provider, error) {
	return service.One[Provider](ctx, s.c, call, transport.Call{Op: opUpdateV1, Args: []any{id}, Body: updateBody{provider}, Err: validate.CheckGUID("id", id), Check: about(id, called(provider.AuthenticationScheme, provider.DisplayName))})
}

func about(id string, more ...func(*Provider) error) func(any) error {
	return service.About(strings.ToLower(id), func(p *Provider) string { return strings.ToLower(p.ID) }, more...)
}

// called refuses an answer about a provider with another scheme or name than was
// sent. Command 11 answers without a scheme. The type is not compared: a request has
// its name, and an answer its id.
func called(scheme, name string) func(*Provider) error {
	return func(p *Provider) error {
		if p.AuthenticationScheme != "" && !names.SameText(p.AuthenticationScheme, scheme) || !names.SameText(p.DisplayName, name) {
			return fmt.Errorf("it is about %q with the scheme %q, and not about %q with the scheme %q", p.DisplayName, p.AuthenticationScheme, name, scheme)
		}
		return nil
	}
}

// Find returns the provider with an authentication scheme, in any case: the name
// by which claims know it. It walks the list, since Command 11 cannot filter it by
// scheme; there the scheme is unknown, and the display name is compared.
//
// The error is [security.ErrNotFound] if there is none that the caller may see.
//
// API: GET /IdentityProviders, version 1.
func (s *V1) Find(ctx context.Context, scheme string, call ...security.CallOption) (*Provider, error) {
	var p validate.Problems
	if p.Required("scheme", scheme, 0); p.Err() != nil {
		return nil, fmt.Errorf("find identity provider: %w", p.Err())
	}
	for provider, err := range s.All(ctx, nil, call...) {
		if err != nil {
			return nil, err
		}
		if names.Same(cmp.Or(provider.AuthenticationScheme, provider.DisplayName), scheme) {
			return &provider, nil
		}
	}
	return nil, fmt.Errorf("find identity provider %q: %w", scheme, security.ErrNotFound)
}
