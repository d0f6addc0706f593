package roles

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// Find returns the role with a name, in any case.
//
// The error is [security.ErrNotFound] where there is none, and
// [security.ErrConflict] where several differ from name in case only.
//
// API: GET /Security/Roles and GET /Security/Roles/{id}, version 2.
func (s *V2) Find(ctx context.Context, name string, call ...security.CallOption) (*RoleV2, error) {
	role, err := s.find(ctx, name, call)
	if err == nil && role == nil {
		err = fmt.Errorf("find role %q: %w", name, security.ErrNotFound)
	}
	return role, err
}

// find is Find, with nil for a role that there is not.
func (s *V2) find(ctx context.Context, name string, call []security.CallOption) (*RoleV2, error) {
	var p validate.Problems
	p.Required("name", name, 0)
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("find role: %w", err)
	}
	opts := &ListOptionsV2{Filter: FieldName.Eq(name)}
	if opts.Filter.String() == "" {
		opts = nil // the query language cannot quote it
	}
	get := func(id int) (*RoleV2, error) {
		role, err := s.Get(ctx, id, call...)
		if errors.Is(err, security.ErrNotFound) {
			return nil, nil //nolint:nilnil // deleted since it was listed
		}
		return role, err
	}
	var similar []SummaryV2
	for role, err := range s.All(ctx, opts, call...) {
		switch {
		case err != nil:
			return nil, err
		case role.Name == name:
			return get(role.ID)
		case strings.EqualFold(role.Name, name):
			similar = append(similar, role)
		}
	}
	switch len(similar) {
	case 0:
		return nil, nil //nolint:nilnil // for those who ask whether there is one
	case 1:
		return get(similar[0].ID)
	}
	return nil, fmt.Errorf("find role %q: %w: it fits %q and %q", name, security.ErrConflict, similar[0].Name, similar[1].Name)
}

// Ensure makes a role as desired: it finds it by name, creates it where there is
// none, and otherwise changes by [V2.Edit] what differs. It may be repeated.
//
// What desired leaves empty is left as it is: a nil EmailAddress, an empty
// PermissionSetID, and nil Permissions or Claims. An empty list that is not nil
// takes everything away. Claims that are not among desired ones lose the role;
// to add some and keep the others, use [V2.AddClaims].
//
// A creation whose outcome is unknown is resolved by looking. Under
// [security.WithDryRun] nothing is written; the role is nil where it would be
// created.
//
// API: GET, POST and PUT /Security/Roles, version 2.
func (s *V2) Ensure(ctx context.Context, desired CreateV2, call ...security.CallOption) (*RoleV2, security.Change, error) {
	object := fmt.Sprintf("role %q", desired.Name)
	if err := desired.Validate(); err != nil {
		return nil, security.Change{}, fmt.Errorf("ensure %s: %w", object, err)
	}
	resolved := service.Resolve(s.c, call)
	return safe.Ensure(ctx, s.c, resolved, safe.Resource[RoleV2]{
		Key:    "role " + strings.ToLower(desired.Name),
		Object: object,
		Find:   func(ctx context.Context) (*RoleV2, error) { return s.find(ctx, desired.Name, call) },
		Check: func(ctx context.Context) error {
			var p validate.Problems
			if err := s.checkLimits(ctx, &p, desired.PermissionSetID, desired.Permissions, call); err != nil {
				return err
			}
			if err := p.Err(); err != nil {
				return fmt.Errorf("ensure %s: %w", object, err)
			}
			return nil
		},
		Create: func(ctx context.Context) (*RoleV2, error) { return s.Create(ctx, desired, call...) },
		Correct: func(ctx context.Context, found *RoleV2) (*RoleV2, security.Change, error) {
			return s.Edit(ctx, found.ID, desired.correct, call...)
		},
		Created: compare(UpdateV2{}, desired.update()).describe(),
		ID:      func(r *RoleV2) string { return strconv.Itoa(r.ID) },
	})
}

// correct brings an update to what is desired.
func (c CreateV2) correct(u *UpdateV2) error {
	u.Description = c.Description // the name is as desired but for its case
	if c.EmailAddress != nil {
		u.EmailAddress = c.EmailAddress
	}
	if c.PermissionSetID != "" && !strings.EqualFold(c.PermissionSetID, u.PermissionSetID) {
		u.PermissionSetID = c.PermissionSetID
	}
	if c.Permissions != nil {
		u.Permissions = c.Permissions
	}
	if c.Claims != nil {
		u.Claims = c.Claims
	}
	return nil
}

// update is the creation as a change of nothing.
func (c CreateV2) update() UpdateV2 {
	return UpdateV2{0, "", c.Description, c.EmailAddress, c.PermissionSetID, c.Permissions, claims.Unique(c.Claims)}
}

// EnsureAll ensures many roles, several at a time (see
// [security.WithConcurrency]), and returns what became of each, in order. The
// error is nil where all went well; it says how many failed or were not
// attempted, and holds the first error.
func (s *V2) EnsureAll(ctx context.Context, desired []CreateV2, opts *security.BulkOptions, call ...security.CallOption) ([]security.BulkResult[RoleV2], error) {
	return safe.All(ctx, service.Resolve(s.c, call), desired, opts, func(ctx context.Context, role CreateV2) (*RoleV2, security.Change, error) {
		return s.Ensure(ctx, role, slices.Concat(call, quiet, onePage)...)
	})
}

// Details yields every role that opts selects, in full and in the order of the
// list. Roles are fetched by id, up to [security.WithConcurrency] (4 by default)
// at a time. Where a role is gone between the list and the fetching, the walk
// ends with [security.ErrListChanged].
//
// API: GET /Security/Roles and GET /Security/Roles/{id}, version 2.
func (s *V2) Details(ctx context.Context, opts *ListOptionsV2, call ...security.CallOption) iter.Seq2[RoleV2, error] {
	return paging.Each(ctx, s.c, call, func(call []security.CallOption) iter.Seq2[SummaryV2, error] { return s.All(ctx, opts, call...) },
		func(ctx context.Context, role SummaryV2) (RoleV2, error) {
			full, err := s.Get(ctx, role.ID, slices.Concat(call, quiet)...)
			switch {
			case errors.Is(err, security.ErrNotFound):
				return RoleV2{}, fmt.Errorf("%w: role %d is gone: %w", security.ErrListChanged, role.ID, err)
			case err != nil:
				return RoleV2{}, err
			}
			return *full, nil
		})
}

// Call options for requests that run at the same time as others.
var (
	quiet   = []security.CallOption{service.Quiet[security.CallOption]()}
	onePage = []security.CallOption{security.WithConcurrency(1)}
)
