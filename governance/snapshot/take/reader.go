package take

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/named"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// reader reads a server. What it has read is joined when all of it is there.
type reader struct {
	client   *security.Client
	opts     *Options
	settings service.Settings
	call     []security.CallOption // for each request: one at a time, and told to nobody
	v1       *roles.V1
	v2       *roles.V2

	// What the lists say. Each is written by one task, and read when all are done.
	summaries      []roles.SummaryV2
	rolesV1        []roles.RoleV1
	identities     []identities.Identity
	claims         []claims.Claim
	permissionSets []permissionsets.PermissionSet
	providers      []providers.Provider
	permissions    []permissions.Path
	collections    []named.Object
	containers     []named.Object
	pamProviders   []named.Object

	mu          sync.Mutex // for what follows
	details     map[int]*roles.RoleV2
	gone        map[int]bool                 // roles that were deleted before they were read
	asked       map[snapshot.Part]int        // how many roles were asked for
	objectNames map[int][]permissions.Legacy // of the roles of which all were read
	listed      map[snapshot.Part]bool       // the lists that were read
	gaps        []snapshot.Gap
	rereads     map[snapshot.Part]int
	version     string
	done, total int
}

func newReader(client *security.Client, opts *Options) *reader {
	return &reader{
		client: client, opts: opts, settings: service.Resolve(service.Of(client), opts.Call),
		call: append(slices.Clip(opts.Call), service.Quiet[security.CallOption](), security.WithConcurrency(1)),
		v1:   roles.NewV1(client), v2: roles.NewV2(client),
		details: map[int]*roles.RoleV2{}, gone: map[int]bool{}, asked: map[snapshot.Part]int{}, objectNames: map[int][]permissions.Legacy{},
		listed: map[snapshot.Part]bool{}, rereads: map[snapshot.Part]int{}, total: -1,
	}
}

// task is one thing to read. An error ends the reading.
type task func(context.Context) error

// read reads everything: first the list of roles of version 2, which shows what the
// server is and what else to ask, then all other lists together with the roles, and
// at last the names for single objects.
func (r *reader) read(ctx context.Context) error {
	if err := r.run(ctx, []task{r.readSummaries}); err != nil {
		return err
	}
	tasks := append(r.lists(), r.roles()...)
	r.asked[snapshot.PartRolesV2] = len(r.summaries)
	r.expect(1 + len(tasks))
	if err := r.run(ctx, tasks); err != nil {
		return err
	}
	if !r.legacy() && !r.opts.Proof {
		r.gap(snapshot.Gap{
			Part: snapshot.PartObjectNames, Reason: snapshot.ReasonNotAsked, Option: "Proof",
			Detail: "version 1 names for single collections, containers and PAM providers take three requests a role",
		})
		return nil
	}
	names := r.names()
	r.asked[snapshot.PartObjectNames] = len(names)
	r.expect(1 + len(tasks) + len(names))
	return r.run(ctx, names)
}

// run carries tasks out, as many at a time as the options say. The first error ends
// those that are under way, and no other is begun.
func (r *reader) run(ctx context.Context, tasks []task) error {
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(r.settings.InFlight())
	for _, t := range tasks {
		if running.Err() != nil {
			break
		}
		group.Go(func() error {
			err := t(running)
			if err == nil {
				r.progress()
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// expect sets how many tasks there are in all.
func (r *reader) expect(total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total = total
}

// progress notes that one more task is done.
func (r *reader) progress() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.settings.Progress != nil {
		r.settings.Progress(r.done, r.total)
	}
}

func (r *reader) gap(g snapshot.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gaps = append(r.gaps, g)
}

// saw notes the product version, which every answer has.
func (r *reader) saw(version string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.version == "" {
		r.version = version
	}
}

// legacy reports whether the server is of Command 10: it has no version 2 of roles,
// and does not say that it is newer.
func (r *reader) legacy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	missing := slices.ContainsFunc(r.gaps, func(g snapshot.Gap) bool {
		return g.Part == snapshot.PartRolesV2 && g.Object == "" && g.Reason == snapshot.ReasonNotThere
	})
	return missing && !security.ParseServerVersion(r.version).AtLeast(11, 0)
}
