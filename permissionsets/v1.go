package permissionsets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/foresee"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

// V1 is version 1 of the permission sets API, the only one.
type V1 struct{ c *service.Client }

// NewV1 returns the service that works through client.
func NewV1(client *security.Client) *V1 { return &V1{c: service.Of(client)} }

var (
	opListV1      = transport.Op{Method: http.MethodGet, Path: "PermissionSets", Version: 1}
	opGetV1       = transport.Op{Method: http.MethodGet, Path: "PermissionSets/{id}", Version: 1}
	opCreateV1    = transport.Op{Method: http.MethodPost, Path: "PermissionSets", Version: 1}
	opUpdateV1    = transport.Op{Method: http.MethodPut, Path: "PermissionSets", Version: 1}
	opDeleteV1    = transport.Op{Method: http.MethodDelete, Path: "PermissionSets/{id}", Version: 1}
	opMineV1      = transport.Op{Method: http.MethodGet, Path: "PermissionSets/My", Version: 1}
	opAvailableV1 = transport.Op{Method: http.MethodGet, Path: "Permissions", Version: 1}
)

// List returns one page of permission sets: all of them if a role of the
// caller's in the Global set has /security/read/, otherwise the sets of those of
// the caller's roles that have /security/modify/.
//
// API: GET /PermissionSets, version 1.
func (s *V1) List(ctx context.Context, opts *ListOptions, call ...security.CallOption) (*security.Page[PermissionSet], error) {
	return paging.List[PermissionSet](ctx, s.c, opListV1, opts, call)
}

// All yields every permission set, page after page, by id unless opts says
// otherwise.
//
// API: GET /PermissionSets, version 1.
func (s *V1) All(ctx context.Context, opts *ListOptions, call ...security.CallOption) iter.Seq2[PermissionSet, error] {
	return paging.All(ctx, s.c, opListV1, opts, string(SortID), func(p *PermissionSet) string { return p.ID }, call)
}

// Get returns one permission set. id is a GUID.
//
// API: GET /PermissionSets/{id}, version 1.
func (s *V1) Get(ctx context.Context, id string, call ...security.CallOption) (*PermissionSet, error) {
	return service.One[PermissionSet](ctx, s.c, call, transport.Call{Op: opGetV1, Args: []any{id}, Check: about(id), Err: validate.CheckGUID("id", id)})
}

// Create makes a permission set.
//
// API: POST /PermissionSets, version 1.
func (s *V1) Create(ctx context.Context, set Create, call ...security.CallOption) (*PermissionSet, error) {
	return service.One[PermissionSet](ctx, s.c, call, transport.Call{Op: opCreateV1, Body: set, Check: about("", safe.Named(set.Name, nameOf), holding(set.Permissions))})
}

// Update replaces the permissions of a set.
//
// API: PUT /PermissionSets, version 1.
func (s *V1) Update(ctx context.Context, set Update, call ...security.CallOption) (*PermissionSet, error) {
	return service.One[PermissionSet](ctx, s.c, call, transport.Call{Op: opUpdateV1, Body: set, Check: about(set.ID, holding(set.Permissions))})
}

// Delete removes a permission set. What the server does with a set that has
// roles is not documented; we assume that it refuses, as it does for Global.
//
// API: DELETE /PermissionSets/{id}, version 1.
func (s *V1) Delete(ctx context.Context, id string, call ...security.CallOption) error {
	return service.None(ctx, s.c, call, transport.Call{Op: opDeleteV1, Args: []any{id}, Err: validate.CheckGUID("id", id)})
}

// Mine returns the permission sets in which the caller's roles hold path.
//
// API: GET /PermissionSets/My, version 1.
func (s *V1) Mine(ctx context.Context, path permissions.Path, call ...security.CallOption) ([]Held, error) {
	var p validate.Problems
	if _, err := permissions.ParsePath(string(path)); err != nil {
		p.Add("path", "%v", err)
	}
	return service.Many[Held](ctx, s.c, call, transport.Call{
		Op: opMineV1, Err: p.Err(), Check: service.Each("id", func(h *Held) bool { return h.ID != "" }), Query: url.Values{"accessControlString": {string(path)}},
	})
}

// Available lists the permissions that this server knows, parents included and
// without ids. It is the authority if [permissions.Catalogue] differs.
//
// API: GET /Permissions, version 1.
func (s *V1) Available(ctx context.Context, call ...security.CallOption) ([]permissions.Path, error) {
	return service.Many[permissions.Path](ctx, s.c, call, transport.Call{Op: opAvailableV1, Check: service.Each("text", func(p *permissions.Path) bool { return *p != "" })})
}

func about(id string, more ...func(*PermissionSet) error) func(any) error {
	return service.About(strings.ToLower(id), func(p *PermissionSet) string { return strings.ToLower(p.ID) }, more...)
}

func nameOf(p *PermissionSet) string { return p.Name }

// holding refuses an answer with other permissions than those that were sent. They
// are compared by what they allow: the server may leave out one that another covers.
// An answer that does not list them says nothing.
func holding(sent []permissions.Path) func(*PermissionSet) error {
	return func(p *PermissionSet) error {
		if p.Permissions == nil {
			return nil
		}
		got, want := permissions.NewSet(p.Permissions...), permissions.NewSet(sent...)
		for path := range got.All() {
			if !want.Allows(path) {
				return fmt.Errorf("it lists %s, which was not sent", path)
			}
		}
		for path := range want.All() {
			if !got.Allows(path) {
				return fmt.Errorf("it does not list %s, which was sent", path)
			}
		}
		return nil
	}
}

// Find returns the permission set with a name: the one that is written like it, or
// else the only one that differs from it in case.
//
// The error is [security.ErrNotFound] if there is none, and [security.ErrConflict]
// if several fit and none is written like it.
//
// API: GET /PermissionSets, version 1.
func (s *V1) Find(ctx context.Context, name string, call ...security.CallOption) (*PermissionSet, error) {
	found, err := s.find(ctx, name, call)
	if err == nil && found == nil {
		err = fmt.Errorf("find permission set %q: %w", name, security.ErrNotFound)
	}
	return found, err
}

// Ensure makes a permission set as desired: it finds it by name, creates it
// if there is none, and otherwise corrects its permissions: nil leaves them
// as they are, an empty list that is not nil takes all away. It may be repeated.
// A creation whose outcome is unknown is resolved by looking. Under
// [security.WithDryRun] nothing is written; the set is nil if it would be
// created, and permissions that the server does not list are refused, if the caller
// may read the list.
//
// API: GET, POST and PUT /PermissionSets, version 1.
func (s *V1) Ensure(ctx context.Context, desired Create, call ...security.CallOption) (*PermissionSet, security.Change, error) {
	object := fmt.Sprintf("permission set %q", desired.Name)
	resolved := service.Resolve(s.c, call)
	return safe.Ensure(ctx, s.c, resolved, safe.Resource[PermissionSet]{
		Key:    names.Fold(object),
		Object: object, Invalid: desired.Validate(),
		Find: func(ctx context.Context) (*PermissionSet, error) { return s.find(ctx, desired.Name, call) },
		Check: func(ctx context.Context) error {
			if !resolved.DryRun {
				return nil
			}
			return s.checkKnown(ctx, desired.Permissions, call)
		},
		Create: func(ctx context.Context) (*PermissionSet, error) { return s.Create(ctx, desired, call...) },
		Correct: func(ctx context.Context, found *PermissionSet) (*PermissionSet, security.Change, error) {
			change := security.Change{Action: security.Unchanged, Object: object, ID: found.ID, DryRun: resolved.DryRun}
			field := compare(found.Permissions, desired.Permissions)
			if desired.Permissions == nil || len(field.Added)+len(field.Removed) == 0 {
				return found, change, nil
			}
			change.Action, change.Fields = security.Updated, []security.FieldChange{field}
			if resolved.DryRun {
				if err := s.checkKnown(ctx, asPaths(field.Added), call); err != nil {
					return nil, security.Change{}, err
				}
				found.Permissions = slices.Clone(desired.Permissions)
				return found, change, nil
			}
			updated, err := s.Update(ctx, Update{ID: found.ID, Permissions: desired.Permissions}, call...)
			return updated, change, err
		},
		Created: []security.FieldChange{compare(nil, desired.Permissions)},
		ID:      func(p *PermissionSet) string { return p.ID },
	})
}

// checkKnown refuses permissions that the server does not list. Only a dry run reads
// that list; a real run leaves it to the server.
func (s *V1) checkKnown(ctx context.Context, paths []permissions.Path, call []security.CallOption) error {
	unknown, err := foresee.UnknownPaths(ctx, s.Available, paths, call)
	if err != nil {
		return err
	}
	var p validate.Problems
	for _, path := range unknown {
		p.Add("Permissions", "%s is not among the permissions that this server knows", path)
	}
	return p.Err()
}

func asPaths(texts []string) []permissions.Path {
	paths := make([]permissions.Path, len(texts))
	for i, text := range texts {
		paths[i] = permissions.Path(text)
	}
	return paths
}

// EnsureAll ensures many permission sets, several at a time (see
// [security.WithConcurrency]), and returns what became of each, in order. The
// error is nil if all went well; it says how many failed or were not attempted,
// and holds the first error. After a refused sign-in (a 401 that stands) no further
// permission set is attempted.
//
// API: GET, POST and PUT /PermissionSets, version 1.
func (s *V1) EnsureAll(ctx context.Context, desired []Create, opts *security.BulkOptions, call ...security.CallOption) ([]security.BulkResult[PermissionSet], error) {
	return safe.All(ctx, s.c, call, desired, opts, s.Ensure)
}

// find returns the set with a name, or nil if there is none.
func (s *V1) find(ctx context.Context, name string, call []security.CallOption) (*PermissionSet, error) {
	list := func(filter security.Filter) iter.Seq2[PermissionSet, error] {
		return s.All(ctx, &ListOptions{Filter: filter}, call...)
	}
	found, err := safe.Find("permission set", name, nameOf, FieldName, list)
	if errors.Is(err, security.ErrInvalid) { // a server that cannot filter these
		found, err = safe.Find("permission set", name, nameOf, FieldName, func(security.Filter) iter.Seq2[PermissionSet, error] {
			return list(security.Filter{})
		})
	}
	return found, err
}

// compare says which permissions come and go. They are compared in canonical
// form: the server may write a path its own way.
func compare(from, to []permissions.Path) security.FieldChange {
	return security.FieldChange{Field: "Permissions", Added: without(to, from), Removed: without(from, to)}
}

// without lists those of paths that are not among others.
func without(paths, others []permissions.Path) []string {
	there := make(map[permissions.Path]bool, len(others))
	for _, o := range others {
		there[o.Canonical()] = true
	}
	var out []string
	for _, p := range paths {
		if !there[p.Canonical()] {
			out = append(out, string(p))
		}
	}
	return out
}
