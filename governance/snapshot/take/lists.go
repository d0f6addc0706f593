package take

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/named"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// maxRereads is how often a list that changes is read again.
const maxRereads = 5

// productHeader is the header with the product version.
const productHeader = "X-Keyfactor-Product-Version"

// walk makes a sequence of a list, with call options.
type walk[T any] func(context.Context, []security.CallOption) iter.Seq2[T, error]

// list reads a list to its end, again if it changes, and leaves out what has no id: a
// list of a server may have null in it. What cannot be read is a gap.
func list[T any, K comparable](ctx context.Context, r *reader, part snapshot.Part, into *[]T, id func(*T) K, all walk[T]) error {
	for again := 0; ; again++ {
		var answer security.Response
		items, err := security.Collect(all(ctx, append(slices.Clip(r.call), security.WithResponse(&answer))))
		r.saw(answer.Header.Get(productHeader))
		if errors.Is(err, security.ErrListChanged) && again < maxRereads {
			continue
		}
		if err != nil {
			gap, excused := excuse(part, "", err)
			if !excused {
				return err
			}
			r.gap(gap)
			return nil
		}
		var none K
		*into = slices.DeleteFunc(items, func(item T) bool { return id(&item) == none })
		r.noteList(part, again, len(items) > len(*into))
		return nil
	}
}

// noteList notes that a list was read.
func (r *reader) noteList(part snapshot.Part, again int, nameless bool) {
	if nameless {
		r.gap(snapshot.Gap{Part: part, Object: "items without an id", Reason: snapshot.ReasonUnreadable, Detail: "the list has some, which were left out"})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed[part] = true
	if again > 0 {
		r.rereads[part] = again
	}
}

// readSummaries reads the list of roles of version 2. Nothing else is read meanwhile,
// so that it may use all of the requests that are allowed at a time.
func (r *reader) readSummaries(ctx context.Context) error {
	return list(ctx, r, snapshot.PartRolesV2, &r.summaries, func(s *roles.SummaryV2) int { return s.ID },
		func(ctx context.Context, call []security.CallOption) iter.Seq2[roles.SummaryV2, error] {
			return r.v2.All(ctx, nil, append(call, security.WithConcurrency(r.settings.InFlight()))...)
		})
}

// lists are the tasks of all other lists. The longest come first: the roles are read
// beside them.
func (r *reader) lists() []task {
	tasks := []task{r.readIdentities, r.readRolesV1}
	if r.legacy() {
		for _, part := range []snapshot.Part{snapshot.PartClaims, snapshot.PartPermissionSets, snapshot.PartProviders, snapshot.PartPermissions} {
			r.gap(snapshot.Gap{Part: part, Reason: snapshot.ReasonNotThere, Detail: "not asked for: without version 2 of roles, the server is taken for Command 10, which has none"})
		}
	} else {
		tasks = append([]task{r.readClaims}, append(tasks, r.readPermissionSets, r.readProviders, r.readPermissions)...)
	}
	return append(tasks,
		r.objects(snapshot.PartCollections, &r.collections, named.Collections),
		r.objects(snapshot.PartContainers, &r.containers, named.Containers),
		r.objects(snapshot.PartPAMProviders, &r.pamProviders, named.PAMProviders))
}

// validate is what to ask about audit signatures. The server checks them unless told
// otherwise.
func (r *reader) validate() *bool {
	if r.opts.SkipSignatures {
		return new(false)
	}
	return nil
}

func (r *reader) readRolesV1(ctx context.Context) error {
	return list(ctx, r, snapshot.PartRolesV1, &r.rolesV1, func(role *roles.RoleV1) int { return role.ID },
		func(ctx context.Context, call []security.CallOption) iter.Seq2[roles.RoleV1, error] {
			return r.v1.All(ctx, &roles.ListOptionsV1{Validate: r.validate()}, call...)
		})
}

func (r *reader) readIdentities(ctx context.Context) error {
	return list(ctx, r, snapshot.PartIdentities, &r.identities, func(i *identities.Identity) int { return i.ID },
		func(ctx context.Context, call []security.CallOption) iter.Seq2[identities.Identity, error] {
			return identities.NewV1(r.client).All(ctx, &identities.ListOptions{Validate: r.validate()}, call...)
		})
}

func (r *reader) readClaims(ctx context.Context) error {
	return list(ctx, r, snapshot.PartClaims, &r.claims, func(c *claims.Claim) int { return c.ID },
		func(ctx context.Context, call []security.CallOption) iter.Seq2[claims.Claim, error] {
			return claims.NewV1(r.client).All(ctx, nil, call...)
		})
}

func (r *reader) readPermissionSets(ctx context.Context) error {
	return list(ctx, r, snapshot.PartPermissionSets, &r.permissionSets, func(s *permissionsets.PermissionSet) string { return s.ID },
		func(ctx context.Context, call []security.CallOption) iter.Seq2[permissionsets.PermissionSet, error] {
			return permissionsets.NewV1(r.client).All(ctx, nil, call...)
		})
}

func (r *reader) readProviders(ctx context.Context) error {
	return list(ctx, r, snapshot.PartProviders, &r.providers, func(p *providers.Provider) string { return p.ID },
		func(ctx context.Context, call []security.CallOption) iter.Seq2[providers.Provider, error] {
			return providers.NewV1(r.client).All(ctx, nil, call...)
		})
}

// readPermissions reads what the server lists as grantable, which has no pages.
func (r *reader) readPermissions(ctx context.Context) error {
	return list(ctx, r, snapshot.PartPermissions, &r.permissions, func(p *permissions.Path) permissions.Path { return *p },
		func(ctx context.Context, call []security.CallOption) iter.Seq2[permissions.Path, error] {
			return func(yield func(permissions.Path, error) bool) {
				all, err := permissionsets.NewV1(r.client).Available(ctx, call...)
				for _, path := range all {
					if !yield(path, nil) {
						return
					}
				}
				if err != nil {
					yield("", err)
				}
			}
		})
}

// objects is the task that reads one of the lists of named objects.
func (r *reader) objects(part snapshot.Part, into *[]named.Object,
	all func(context.Context, *security.Client, []security.CallOption) iter.Seq2[named.Object, error],
) task {
	return func(ctx context.Context) error {
		return list(ctx, r, part, into, func(o *named.Object) int { return o.ID },
			func(ctx context.Context, call []security.CallOption) iter.Seq2[named.Object, error] {
				return all(ctx, r.client, call)
			})
	}
}
