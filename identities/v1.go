package identities

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/foresee"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// V1 is version 1 of the identities API, the only one.
type V1 struct{ c *service.Client }

// NewV1 returns the service that works through client.
func NewV1(client *security.Client) *V1 { return &V1{c: service.Of(client)} }

var (
	opListV1        = transport.Op{Method: http.MethodGet, Path: "Security/Identities", Version: 1}
	opCreateV1      = transport.Op{Method: http.MethodPost, Path: "Security/Identities", Version: 1}
	opLookupV1      = transport.Op{Method: http.MethodGet, Path: "Security/Identities/Lookup", Version: 1}
	opPermissionsV1 = transport.Op{Method: http.MethodGet, Path: "Security/Identities/{id}", Version: 1}
	opDeleteV1      = transport.Op{Method: http.MethodDelete, Path: "Security/Identities/{id}", Version: 1}
)

// List returns one page of identities.
//
// API: GET /Security/Identities, version 1.
func (s *V1) List(ctx context.Context, opts *ListOptions, call ...security.CallOption) (*security.Page[Identity], error) {
	return paging.List[Identity](ctx, s.c, opListV1, opts, call)
}

// All yields every identity, page after page, by id unless opts says otherwise.
//
// API: GET /Security/Identities, version 1.
func (s *V1) All(ctx context.Context, opts *ListOptions, call ...security.CallOption) iter.Seq2[Identity, error] {
	return paging.All(ctx, s.c, opListV1, opts, string(SortID), func(i *Identity) int { return i.ID }, call)
}

// made refuses an identity that the server cannot have made of a request.
func made(c Create) func(any) error {
	return service.About(0, func(i *Identity) int { return i.ID }, func(i *Identity) error {
		if !names.SameAccount(i.AccountName, c.AccountName) {
			return fmt.Errorf("it is about %q, and not about %q", i.AccountName, c.AccountName)
		}
		return nil
	})
}

// Create adds an Active Directory account. What the server does with an account
// that it has already, or does not find, is not documented; we assume that it
// refuses.
//
// API: POST /Security/Identities, version 1.
func (s *V1) Create(ctx context.Context, identity Create, call ...security.CallOption) (*Identity, error) {
	return service.One[Identity](ctx, s.c, call, transport.Call{Op: opCreateV1, Body: identity, Check: made(identity)})
}

// Lookup asks whether Active Directory knows an account: DOMAIN\name,
// name@domain, or a name in the server's own domain. An unknown account is no
// error.
//
// API: GET /Security/Identities/Lookup, version 1.
func (s *V1) Lookup(ctx context.Context, accountName string, call ...security.CallOption) (*LookupResult, error) {
	return service.One[LookupResult](ctx, s.c, call, transport.Call{
		Op: opLookupV1, Err: checkAccount(accountName), Query: url.Values{"accountName": {accountName}},
	}, "Valid")
}

// Permissions returns what an identity may do and through which roles. It is
// all that the API has by id; for the identity itself see [V1.Find].
//
// API: GET /Security/Identities/{id}, version 1.
func (s *V1) Permissions(ctx context.Context, id int, call ...security.CallOption) (*Permissions, error) {
	return service.One[Permissions](ctx, s.c, call, transport.Call{Op: opPermissionsV1, Args: []any{id}}, "Identity", "SecuredAreaPermissions")
}

// Delete removes an identity and takes its roles from it. The server refuses to
// delete the caller's own.
//
// API: DELETE /Security/Identities/{id}, version 1.
func (s *V1) Delete(ctx context.Context, id int, call ...security.CallOption) error {
	return service.None(ctx, s.c, call, transport.Call{Op: opDeleteV1, Args: []any{id}})
}

// maxShown is how much of a server's text an error shows.
const maxShown = 400

// Find returns the identity with an account name, DOMAIN\name in any case. A
// bare name finds the one identity that has it in whatever domain. The API
// cannot search identities, so this walks the list.
//
// The error is [security.ErrNotFound] if there is none, and
// [security.ErrConflict] if a bare name fits several.
//
// API: GET /Security/Identities, version 1.
func (s *V1) Find(ctx context.Context, accountName string, call ...security.CallOption) (*Identity, error) {
	if err := checkAccount(accountName); err != nil {
		return nil, fmt.Errorf("find identity: %w", err)
	}
	var found *Identity
	for identity, err := range s.All(ctx, nil, call...) {
		switch {
		case err != nil:
			return nil, err
		case names.Same(identity.AccountName, accountName):
			return &identity, nil
		case !strings.Contains(accountName, `\`) && names.Same(bare(identity.AccountName), accountName):
			if found != nil {
				return nil, fmt.Errorf("find identity %q: %w: it fits %s and %s, name the domain",
					accountName, security.ErrConflict, show.Text(found.AccountName, maxShown), show.Text(identity.AccountName, maxShown))
			}
			found = &identity
		}
	}
	if found == nil {
		return nil, fmt.Errorf("find identity %q: %w", accountName, security.ErrNotFound)
	}
	return found, nil
}

// bare is an account name without its domain.
func bare(accountName string) string {
	return accountName[strings.LastIndexByte(accountName, '\\')+1:]
}

func checkAccount(accountName string) error {
	var p validate.Problems
	p.Required("accountName", accountName, 0)
	return p.Err()
}

// Ensure adds an identity unless it is there, found by account name: DOMAIN\name
// or a bare name, but not name@domain, which no list shows. It may be repeated.
// A creation whose outcome is unknown is resolved by looking. Under
// [security.WithDryRun] nothing is written; the identity is nil if it would be
// created, and an account that Active Directory does not know is refused.
//
// API: GET and POST /Security/Identities, version 1.
func (s *V1) Ensure(ctx context.Context, desired Create, call ...security.CallOption) (*Identity, security.Change, error) {
	object := "identity " + desired.AccountName
	var p validate.Problems
	p.Merge(desired.Validate())
	if strings.Contains(desired.AccountName, "@") && !strings.Contains(desired.AccountName, `\`) {
		p.Add("AccountName", `must be DOMAIN\name: name@domain is in no list, so that it could not be found again`)
	}
	resolved := service.Resolve(s.c, call)
	return safe.Ensure(ctx, s.c, resolved, safe.Resource[Identity]{
		Key:    "identity " + names.Fold(bare(desired.AccountName)),
		Object: object, Invalid: p.Err(),
		Find: func(ctx context.Context) (*Identity, error) {
			found, err := s.Find(ctx, desired.AccountName, call...)
			if _, answered := errors.AsType[*security.Error](err); !answered && errors.Is(err, security.ErrNotFound) {
				return nil, nil //nolint:nilnil // the list was walked, and it is not there
			}
			return found, err
		},
		Check: func(ctx context.Context) error {
			if !resolved.DryRun {
				return nil
			}
			return s.checkKnown(ctx, desired.AccountName, call)
		},
		Create: func(ctx context.Context) (*Identity, error) { return s.Create(ctx, desired, call...) },
		Correct: func(_ context.Context, found *Identity) (*Identity, security.Change, error) {
			return found, security.Change{Action: security.Unchanged, Object: object, ID: strconv.Itoa(found.ID), DryRun: resolved.DryRun}, nil
		},
		ID: func(i *Identity) string { return strconv.Itoa(i.ID) },
	})
}

// checkKnown refuses an account that Active Directory does not know. Only a dry run
// asks; a real run leaves it to the server.
func (s *V1) checkKnown(ctx context.Context, account string, call []security.CallOption) error {
	known, err := s.Lookup(ctx, account, append(slices.Clip(call), service.Option[security.CallOption](func(s *service.Settings) { s.DryRun = false }))...)
	switch {
	case foresee.Unreadable(err):
		return nil
	case err != nil:
		return err
	case !known.Valid:
		return security.FieldErrors{{Field: "AccountName", Problem: "Active Directory does not know " + account}}
	}
	return nil
}

// EnsureAll ensures many identities, several at a time (see
// [security.WithConcurrency]), and returns what became of each, in order. The
// error is nil if all went well; it says how many failed or were not attempted,
// and holds the first error. After a refused sign-in (a 401 that stands) no further
// identity is attempted.
//
// API: GET and POST /Security/Identities, version 1.
func (s *V1) EnsureAll(ctx context.Context, desired []Create, opts *security.BulkOptions, call ...security.CallOption) ([]security.BulkResult[Identity], error) {
	return safe.All(ctx, s.c, call, desired, opts, s.Ensure)
}
