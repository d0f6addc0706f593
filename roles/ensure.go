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
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// Find returns the role with a name: the one that is written like it, or else the
// only one that differs from it in case at most. That the server takes such names
// for the same is assumed. Only letters that are each other's upper and lower case
// count: the Kelvin sign is no K.
//
// The error is [security.ErrNotFound] if there is none, and [security.ErrConflict]
// if several fit and none exactly. If the role has another name when it is read than
// it had in the list, the error is [security.ErrListChanged].
//
// API: GET /Security/Roles and GET /Security/Roles/{id}, version 2.
func (s *V2) Find(ctx context.Context, name string, call ...security.CallOption) (*RoleV2, error) {
	role, err := s.find(ctx, name, call)
	if err == nil && role == nil {
		err = fmt.Errorf("find role %q: %w", name, security.ErrNotFound)
	}
	return role, err
}

// find is Find, with nil for a role that does not exist.
func (s *V2) find(ctx context.Context, name string, call []security.CallOption) (*RoleV2, error) {
	found, err := safe.Find("role", name, func(r *SummaryV2) string { return r.Name }, FieldName, func(filter security.Filter) iter.Seq2[SummaryV2, error] {
		return s.All(ctx, &ListOptionsV2{Filter: filter}, call...)
	})
	if err != nil || found == nil {
		return nil, err
	}
	role, err := s.Get(ctx, found.ID, append(slices.Clip(call), service.Option[security.CallOption](func(s *service.Settings) {
		s.Progress = nil // it was told of the walk
	}))...)
	if errors.Is(err, security.ErrNotFound) {
		return nil, nil //nolint:nilnil // deleted since it was listed
	}
	if err == nil && !names.SameText(role.Name, found.Name) {
		return nil, fmt.Errorf("find role %q: %w: role %d has another name now, %q", name, security.ErrListChanged, role.ID, show.Text(role.Name, maxName))
	}
	return role, err
}

// Ensure makes a role as desired: it finds it by name as [V2.Find] does, creates it
// if there is none, and otherwise changes by [V2.Edit] what differs. It returns the
// role and what changed. It may be repeated.
//
// What desired leaves empty is left as it is: a nil EmailAddress, an empty
// PermissionSetID, and nil Permissions or Claims. An empty list that is not nil
// takes everything away. Claims that are not among desired ones lose the role;
// to add some and keep the others, use [V2.AddClaims].
//
// If the outcome of a creation is unknown, Ensure looks before it creates again. A
// creation that the server carries out after that look cannot be seen. Once a write
// was sent that was done, or may have been done, every error matches
// [security.ErrUnknownOutcome]: run Ensure again.
//
// Under [security.WithDryRun] nothing is written, and the role is nil if it would be
// created. The dry run refuses what the write would be refused for, as far as the
// caller may read it: permissions outside the permission set, permissions that the
// server does not list (GET /Permissions), and claims of a scheme that no identity
// provider has. Whether the collection, container or other object exists that a
// permission names by its id is not checked.
//
// API: GET, POST and PUT /Security/Roles, version 2.
func (s *V2) Ensure(ctx context.Context, desired CreateV2, call ...security.CallOption) (*RoleV2, security.Change, error) {
	object := fmt.Sprintf("role %q", desired.Name)
	settings := service.Resolve(s.c, call)
	created := compare(UpdateV2{}, desired.update())
	return safe.Ensure(ctx, s.c, settings, safe.Resource[RoleV2]{
		Key:    "role " + names.Fold(desired.Name),
		Object: object, Invalid: desired.Validate(),
		Find: func(ctx context.Context) (*RoleV2, error) { return s.find(ctx, desired.Name, call) },
		Check: func(ctx context.Context) error {
			var p validate.Problems
			err := s.checkLimits(ctx, &p, desired.PermissionSetID, desired.Permissions, call)
			if err == nil && settings.DryRun {
				err = s.foresee(ctx, &p, created.grant, created.add, call)
			}
			if err == nil {
				err = p.Err()
			}
			return err
		},
		Create: func(ctx context.Context) (*RoleV2, error) { return s.Create(ctx, desired, call...) },
		Correct: func(ctx context.Context, found *RoleV2) (*RoleV2, security.Change, error) {
			return s.Edit(ctx, found.ID, desired.correct, call...)
		},
		Created: created.describe(),
		ID:      func(r *RoleV2) string { return strconv.Itoa(r.ID) },
	})
}

// correct brings an update to what is desired.
func (c CreateV2) correct(u *UpdateV2) error {
	u.Description = c.Description // the name differs in case at most
	if c.EmailAddress != nil {
		u.EmailAddress = c.EmailAddress
	}
	if c.PermissionSetID != "" && !strings.EqualFold(c.PermissionSetID, u.PermissionSetID) { // a GUID in either case
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
// error is nil if all went well; it says how many failed or were not attempted, and
// wraps the first error. After a refused sign-in no further role is attempted.
//
// API: GET, POST and PUT /Security/Roles, version 2.
func (s *V2) EnsureAll(ctx context.Context, desired []CreateV2, opts *security.BulkOptions, call ...security.CallOption) ([]security.BulkResult[RoleV2], error) {
	return safe.All(ctx, s.c, call, desired, opts, s.Ensure)
}

// Details yields every role that opts selects, in full and in the order of the
// list. Roles are fetched by id, up to [security.WithConcurrency] (4 by default)
// at a time. If a role is gone between the list and the fetching, the walk ends with
// [security.ErrListChanged].
//
// API: GET /Security/Roles and GET /Security/Roles/{id}, version 2.
func (s *V2) Details(ctx context.Context, opts *ListOptionsV2, call ...security.CallOption) iter.Seq2[RoleV2, error] {
	return paging.Each(ctx, s.c, call, func(call []security.CallOption) iter.Seq2[SummaryV2, error] { return s.All(ctx, opts, call...) },
		func(ctx context.Context, role SummaryV2) (RoleV2, error) {
			full, err := s.Get(ctx, role.ID, append(slices.Clip(call), service.Quiet[security.CallOption]())...)
			switch {
			case errors.Is(err, security.ErrNotFound):
				return RoleV2{}, fmt.Errorf("%w: role %d is gone: %w", security.ErrListChanged, role.ID, err)
			case err != nil:
				return RoleV2{}, err
			}
			return *full, nil
		})
}
