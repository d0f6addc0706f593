package roles

import (
	"context"
	"fmt"
	"slices"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

// Edit changes a role: it reads it, lets change change it, checks the result,
// writes it, and reads it again to see that the change is there. It returns the
// role as it then is, and what changed. Nothing is written if change changes
// nothing.
//
// The server's PUT replaces the whole role and knows no versions, so that what
// another program writes at the same time can undo a change. If the reading
// afterwards shows that, Edit starts over with the role as it now is: change is
// called again, and must not depend on being called once. What the reading cannot
// see is another program's PUT that arrives after it; see [security.WithSettle].
//
// Edits of one role through one client take turns. So change must not edit or
// ensure the same role through the same client: it would wait until ctx ends.
//
// A claim that the role holds is left in the spelling in which it is held. A claim
// of Active Directory without a domain means the one that the role holds with a
// domain; if it holds several, the edit is refused. Two claims that the role holds
// are never merged. A claim's description belongs to the claim, not to the role (see
// [claims.V1.Update]).
//
// These are refused before the write, with [security.FieldErrors]: a result that is
// not valid, one outside the role's permission set (if the caller may read that), a
// new name with control or invisible characters, a change of anything except the
// claims of an immutable role, and text that came damaged from the server and would
// be written back. So is an answer that is about another role, or lacks the
// permissions or the claims.
//
// The error matches [security.ErrConflict] if other programs undid the change 40
// times. It names the fields if the server takes the change and keeps nothing of it,
// such as an e-mail address before Command 24.4. Once a write was sent that was done,
// or may have been done, every error matches [security.ErrUnknownOutcome]: a part of
// the change, or all of it, may be there. Run the edit again.
//
// Under [security.WithDryRun] nothing is written, and the role returned is as it
// would be; more is checked then, see [V2.Ensure].
//
// API: GET and PUT /Security/Roles, version 2.
func (s *V2) Edit(ctx context.Context, id int, change func(*UpdateV2) error, call ...security.CallOption) (*RoleV2, security.Change, error) {
	if change == nil {
		return nil, security.Change{}, fmt.Errorf("edit role %d: %w", id, security.FieldErrors{{Field: "change", Problem: "must not be nil"}})
	}
	settings := service.Resolve(s.c, call)
	e := &edit{
		form:  &formV2{s: s, id: id, change: change, opts: call, dryRun: settings.DryRun, direct: settings.Directly},
		call:  settings,
		retry: s.c.Transport.Retry(),
	}
	return e.do(ctx, s.c.Turns)
}

// EditAll edits many roles in the same way, several at a time (see
// [security.WithConcurrency]), and returns what became of each, in the order of
// ids. The function change is called as [V2.Edit] calls it, for several roles at
// the same time; its argument's ID says for which.
//
// The error is nil if all went well; it says how many failed or were not
// attempted, and wraps the first error. After a refused sign-in no further role is
// attempted.
//
// API: GET and PUT /Security/Roles, version 2.
func (s *V2) EditAll(ctx context.Context, ids []int, change func(*UpdateV2) error, opts *security.BulkOptions, call ...security.CallOption) ([]security.BulkResult[RoleV2], error) {
	return safe.All(ctx, s.c, call, ids, opts, func(ctx context.Context, id int, call ...security.CallOption) (*RoleV2, security.Change, error) {
		return s.Edit(ctx, id, change, call...)
	})
}

// AddClaims gives claims the role by [V2.Edit]. Those that hold it already keep it;
// those that do not exist yet are created.
func (s *V2) AddClaims(ctx context.Context, id int, add []claims.Request, call ...security.CallOption) (*RoleV2, security.Change, error) {
	return s.Edit(ctx, id, func(u *UpdateV2) error {
		u.Claims = append(u.Claims, add...)
		return nil
	}, call...)
}

// RemoveClaims takes the role from claims by [V2.Edit]. The claims themselves stay,
// and so does a claim that does not hold the role. A name without a domain means the
// one claim with a domain that holds the role; if there are several, it is refused,
// and so is a key that no claim can have.
func (s *V2) RemoveClaims(ctx context.Context, id int, remove []claims.Key, call ...security.CallOption) (*RoleV2, security.Change, error) {
	var meant map[claims.Key]bool // as the role held them at the first reading
	return s.Edit(ctx, id, func(u *UpdateV2) error {
		if meant == nil {
			found, err := findAll(u.Claims, remove)
			if err != nil {
				return err
			}
			meant = found
		}
		u.Claims = slices.DeleteFunc(u.Claims, func(c claims.Request) bool { return meant[c.Key()] })
		return nil
	}, call...)
}

// findAll returns those of held that keys name.
func findAll(held []claims.Request, keys []claims.Key) (map[claims.Key]bool, error) {
	var (
		problems validate.Problems
		index    = indexClaims(held)
		found    = make(map[claims.Key]bool, len(keys))
	)
	for i, key := range keys {
		switch fits := index.find(key); len(fits) {
		case 0:
			problems.Within(at("remove", i), validate.CheckClaim(key)) // no claim can have that key
		case 1:
			found[held[fits[0]].Key()] = true
		default:
			problems.Add(at("remove", i), "%s fits %d claims of the role, name the domain as it is written there", key, len(fits))
		}
	}
	return found, problems.Err()
}

// Grant adds permissions to the role by [V2.Edit]. What the role can do already is
// not added again, and a permission that a new one covers is replaced by it.
func (s *V2) Grant(ctx context.Context, id int, paths []permissions.Path, call ...security.CallOption) (*RoleV2, security.Change, error) {
	return s.Edit(ctx, id, func(u *UpdateV2) error {
		u.Permissions = granted(u.Permissions, paths)
		return nil
	}, call...)
}

// granted is what a role that holds paths holds after it was granted more: without
// what another one covers.
func granted(held, more []permissions.Path) []permissions.Path {
	have := permissions.NewSet(held...)
	more = slices.DeleteFunc(slices.Clone(more), have.Allows)
	added := permissions.NewSet(more...)
	out := slices.DeleteFunc(slices.Clone(held), added.Allows)
	seen := make(map[permissions.Path]bool, len(more))
	for _, p := range more {
		c := p.Canonical()
		if member, _ := added.Why(p); member == c && !seen[c] {
			seen[c] = true
			out = append(out, p)
		}
	}
	return out
}

// Revoke takes permissions from the role by [V2.Edit], and all that they cover. A
// permission that the role has through a wider one cannot be taken alone; that is
// refused, and the error names the wider one. What is no permission, and not held
// as it is, is refused too.
func (s *V2) Revoke(ctx context.Context, id int, paths []permissions.Path, call ...security.CallOption) (*RoleV2, security.Change, error) {
	return s.Edit(ctx, id, func(u *UpdateV2) error {
		var problems validate.Problems
		revoked, held := permissions.NewSet(paths...), permissions.NewSet(u.Permissions...)
		u.Permissions = slices.DeleteFunc(u.Permissions, revoked.Allows)
		rest := permissions.NewSet(u.Permissions...)
		for i, p := range paths {
			if _, err := permissions.ParsePath(string(p)); err != nil && !held.Allows(p) {
				problems.Add(at("paths", i), "%v", err)
			}
			if wider, ok := rest.Why(p); ok {
				problems.Add(at("paths", i), "%s is held through %s; revoke that, and grant the part of it that is to stay", p, wider)
			}
		}
		return problems.Err()
	}, call...)
}
