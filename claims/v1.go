package claims

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/commandsec/commandsec-go/internal/foresee"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/security"
)

// V1 is version 1 of the claims API, the only one.
type V1 struct {
	c         *service.Client
	providers *providers.V1 // for the schemes that a dry run checks
}

// NewV1 returns the service that works through client.
func NewV1(client *security.Client) *V1 {
	return &V1{c: service.Of(client), providers: providers.NewV1(client)}
}

var (
	opListV1   = transport.Op{Method: http.MethodGet, Path: "Security/Claims", Version: 1}
	opGetV1    = transport.Op{Method: http.MethodGet, Path: "Security/Claims/{id}", Version: 1}
	opCreateV1 = transport.Op{Method: http.MethodPost, Path: "Security/Claims", Version: 1}
	opUpdateV1 = transport.Op{Method: http.MethodPut, Path: "Security/Claims", Version: 1}
	opDeleteV1 = transport.Op{Method: http.MethodDelete, Path: "Security/Claims/{id}", Version: 1}
	opRolesV1  = transport.Op{Method: http.MethodGet, Path: "Security/Claims/Roles", Version: 1}
)

func about(id int, more ...func(*Claim) error) func(any) error {
	return service.About(id, func(c *Claim) int { return c.ID }, more...)
}

// made refuses a claim that the server cannot have made of a request. It writes the
// values of Active Directory in its own way, and others in another case at most. The
// scheme can come back as another one "in rare cases (like unknown)", as clients of
// the vendor note, and is the display name for some callers.
func made(r Request) func(*Claim) error {
	return func(c *Claim) error {
		value := names.SameText(c.Value, r.Value)
		if r.Type.AD() {
			value = names.SameAccount(c.Value, r.Value)
		}
		scheme := c.Provider.AuthenticationScheme
		unknown := scheme == "" || names.SameText(scheme, unknownScheme) || names.SameText(r.Scheme, unknownScheme)
		if c.Type != r.Type || !value || !unknown && !names.SameText(scheme, r.Scheme) && !names.SameText(c.Provider.DisplayName, r.Scheme) {
			return fmt.Errorf("it is about the claim %s, and not about %s", c.Key(), r.Key())
		}
		return nil
	}
}

// unknownScheme is a scheme of the server's own, which claims may have or get.
const unknownScheme = "unknown"

// List returns one page of claims.
//
// API: GET /Security/Claims, version 1.
func (s *V1) List(ctx context.Context, opts *ListOptions, call ...security.CallOption) (*security.Page[Claim], error) {
	return paging.List[Claim](ctx, s.c, opListV1, opts, call)
}

// All yields every claim that opts selects, page after page. No unique sort
// field is documented for claims, so they come in the server's order; if
// pages overlap, the walk ends with [security.ErrListChanged].
//
// API: GET /Security/Claims, version 1.
func (s *V1) All(ctx context.Context, opts *ListOptions, call ...security.CallOption) iter.Seq2[Claim, error] {
	return paging.All(ctx, s.c, opListV1, opts, "", func(c *Claim) int { return c.ID }, call)
}

// Get returns one claim.
//
// API: GET /Security/Claims/{id}, version 1.
func (s *V1) Get(ctx context.Context, id int, call ...security.CallOption) (*Claim, error) {
	return service.One[Claim](ctx, s.c, call, transport.Call{Op: opGetV1, Args: []any{id}, Check: about(id)})
}

// roleRefs refuses a list with a role that nobody could look up.
var roleRefs = service.Each("id", func(r *RoleRef) bool { return r.ID > 0 })

// Create makes a claim. A value or a scheme with control or invisible characters
// is refused. What the server does if the claim exists already is not documented;
// we assume that it refuses.
//
// API: POST /Security/Claims, version 1.
func (s *V1) Create(ctx context.Context, claim Request, call ...security.CallOption) (*Claim, error) {
	return service.One[Claim](ctx, s.c, call, transport.Call{Op: opCreateV1, Body: claim, Err: checkNew(claim), Check: about(0, made(claim))})
}

// Update changes a claim's description, the only thing about it that can change.
//
// API: PUT /Security/Claims, version 1.
func (s *V1) Update(ctx context.Context, claim Update, call ...security.CallOption) (*Claim, error) {
	return service.One[Claim](ctx, s.c, call, transport.Call{Op: opUpdateV1, Body: claim, Check: about(claim.ID)})
}

// Delete removes a claim. What happens to roles that it still has is not
// documented; take them from it first.
//
// API: DELETE /Security/Claims/{id}, version 1.
func (s *V1) Delete(ctx context.Context, id int, call ...security.CallOption) error {
	return service.None(ctx, s.c, call, transport.Call{Op: opDeleteV1, Args: []any{id}})
}

// Roles lists the roles that a claim has. The claim is named in full, with its
// domain. What the server answers for a claim that it does not have is not
// documented; no roles is assumed, so that a misspelled claim looks like one without
// roles. [V1.Find] tells them apart.
//
// API: GET /Security/Claims/Roles, version 1.
func (s *V1) Roles(ctx context.Context, claim Key, call ...security.CallOption) ([]RoleRef, error) {
	number, _ := claim.Type.Number()
	return service.Many[RoleRef](ctx, s.c, call, transport.Call{Op: opRolesV1, Err: validate.CheckClaim(claim), Check: roleRefs, Query: url.Values{
		"ClaimType":                    {strconv.Itoa(number)},
		"ClaimValue":                   {claim.Value},
		"ProviderAuthenticationScheme": {claim.Scheme},
	}})
}

// Find returns the claim with a key, compared by [Key.Same]; one with the same
// domain comes before one that only one of them has a domain for.
//
// The error is [security.ErrNotFound] if there is none, and
// [security.ErrConflict] if several fit and none exactly.
//
// API: GET /Security/Claims, version 1.
func (s *V1) Find(ctx context.Context, claim Key, call ...security.CallOption) (*Claim, error) {
	found, err := s.find(ctx, claim, call)
	if err == nil && found == nil {
		err = fmt.Errorf("find claim %s: %w", shown(claim.String()), security.ErrNotFound)
	}
	return found, err
}

// shown is s as an error shows it.
func shown(s string) string { return show.Text(s, 2*maxText) }

// find is Find, with nil if there is no such claim.
func (s *V1) find(ctx context.Context, claim Key, call []security.CallOption) (*Claim, error) {
	if err := validate.CheckClaim(claim); err != nil {
		return nil, fmt.Errorf("find claim: %w", err)
	}
	filter := FieldType.Eq(claim.Type)
	if value := FieldValue.Eq(claim.Value); !claim.Type.AD() && value.String() != "" {
		// The server finds it. What it made of an Active Directory value is not
		// known, and a quote cannot be asked for: those are looked for here.
		filter = security.And(value, filter)
	}
	var similar *Claim
	for c, err := range s.All(ctx, &ListOptions{Filter: filter}, call...) {
		switch {
		case err != nil:
			return nil, err
		case !c.Key().Same(claim):
		case names.Same(c.Value, claim.Value):
			return &c, nil
		case similar != nil:
			return nil, fmt.Errorf("find claim %s: %w: it fits %s and %s, name the domain", shown(claim.String()), security.ErrConflict, shown(similar.Value), shown(c.Value))
		default:
			similar = &c
		}
	}
	return similar, nil
}

// Ensure makes a claim as desired: it finds it by its key, creates it if
// there is none, and otherwise corrects its description. It may be repeated. A
// creation whose outcome is unknown is resolved by looking. Under
// [security.WithDryRun] nothing is written; the claim is nil if it would be
// created, and a scheme that no identity provider has is refused, if the caller may
// read them.
//
// API: GET, POST and PUT /Security/Claims, version 1.
func (s *V1) Ensure(ctx context.Context, desired Request, call ...security.CallOption) (*Claim, security.Change, error) {
	object := "claim " + desired.Key().String()
	_, bare := desired.Key().Fold().Domain() // the same for all keys that count as equal
	resolved := service.Resolve(s.c, call)
	return safe.Ensure(ctx, s.c, resolved, safe.Resource[Claim]{
		Key:    "claim " + bare.String(),
		Object: object, Invalid: desired.Validate(),
		Find:   func(ctx context.Context) (*Claim, error) { return s.find(ctx, desired.Key(), call) },
		Check:  func(ctx context.Context) error { return s.checkCreation(ctx, desired, resolved.DryRun, call) },
		Create: func(ctx context.Context) (*Claim, error) { return s.Create(ctx, desired, call...) },
		Correct: func(ctx context.Context, found *Claim) (*Claim, security.Change, error) {
			change := security.Change{Action: security.Unchanged, Object: object, ID: strconv.Itoa(found.ID), DryRun: resolved.DryRun}
			if found.Description == desired.Description {
				return found, change, nil
			}
			change.Action = security.Updated
			change.Fields = []security.FieldChange{{Field: "Description", From: found.Description, To: desired.Description}}
			if resolved.DryRun {
				found.Description = desired.Description
				return found, change, nil
			}
			updated, err := s.Update(ctx, Update{ID: found.ID, Description: desired.Description}, call...)
			return updated, change, err
		},
		Created: []security.FieldChange{{Field: "Description", To: desired.Description}},
		ID:      func(c *Claim) string { return strconv.Itoa(c.ID) },
	})
}

// checkCreation is what speaks against creating a claim. A dry run also reads whether
// the server knows the scheme.
func (s *V1) checkCreation(ctx context.Context, claim Request, dryRun bool, call []security.CallOption) error {
	if err := checkNew(claim); err != nil || !dryRun {
		return err
	}
	known, err := foresee.Schemes(ctx, s.providers, call)
	if err != nil {
		return err
	}
	var p validate.Problems
	if !known(claim.Scheme) {
		p.Add("Scheme", "no identity provider has the scheme %q", claim.Scheme)
	}
	return p.Err()
}

// EnsureAll ensures many claims, several at a time (see
// [security.WithConcurrency]), and returns what became of each, in order. The
// error is nil if all went well; it says how many failed or were not
// attempted, and holds the first error. After a refused sign-in (a 401 that stands) no
// further claim is attempted.
//
// API: GET, POST and PUT /Security/Claims, version 1.
func (s *V1) EnsureAll(ctx context.Context, desired []Request, opts *security.BulkOptions, call ...security.CallOption) ([]security.BulkResult[Claim], error) {
	return safe.All(ctx, s.c, call, desired, opts, s.Ensure)
}
