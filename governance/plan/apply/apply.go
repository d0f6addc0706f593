package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/commandsec/commandsec-go/access"
	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/accounts"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// Reasons for which a plan is not carried out. They match the errors of [Run], which
// then has written nothing: an earlier run with the same journal may have.
var (
	ErrNotApproved = errors.New("the plan is not the one that was approved")
	ErrOtherServer = errors.New("the plan is for another server")
	ErrLockOut     = errors.New("the plan takes from the account, or from everybody, what allows changing security")
	ErrLarge       = errors.New("the plan takes something from more than a third of all roles or holders")
	ErrMayNot      = errors.New("the account may not change security")
)

// defaultCrashSettle is how long a server may work on a request that nobody waits for.
const defaultCrashSettle = 10 * time.Second

// maxShown is how much of a text from outside an error shows.
const maxShown = 400

// Options say what is allowed, and how a plan is carried out.
type Options struct {
	// Approve is the digest of the plan that was approved, see [plan.Plan.Digest]. It
	// says which plan that was, and not by whom.
	Approve string

	// ApprovedBy and Reason are kept in the journal: who approved the plan, and why.
	ApprovedBy, Reason string

	// DryRun reads, and says what would be done. It needs neither approval nor journal. It
	// goes on if the account may not change security ([ErrMayNot]), to tell the rest, too.
	DryRun bool

	// AllowLockout carries out a plan that takes from the account, or from everybody,
	// what allows changing security ([plan.Plan.LockOut]).
	AllowLockout bool
	// AllowLarge carries out a plan that takes something from more than a third of all
	// roles or holders ([plan.Plan.Large]).
	AllowLarge bool

	// StopOnError begins no further step after one that failed.
	StopOnError bool

	// CrashSettle is how long to wait before looking for a write whose answer was lost:
	// the server may still be working on it. Zero means ten seconds. The log of the client
	// is told of each such wait, as a warning.
	CrashSettle time.Duration

	// Call are options for the requests: [security.WithConcurrency] bounds those under
	// way at a time, and [security.WithProgress] is told of the objects that were looked
	// at and the steps that are over. [security.WithSettle] has no effect: nothing is
	// written again that others changed.
	Call []security.CallOption
}

// Run carries a plan out, or goes on with it. It returns what became of each step, and
// an error if something is left that is not blocked in the plan; run it again then, with
// the same journal, or plan anew. If there is no result, this run has written nothing.
//
// Only a dry run takes a nil journal.
//
// API: GET, POST, PUT and DELETE of /Security/Roles, /Security/Claims,
// /Security/Identities and /PermissionSets, and GET and PUT
// /Security/Roles/{id}/Identities, as far as the plan needs them; also GET
// /PermissionSets/My or /Security/My.
func Run(ctx context.Context, client *security.Client, p *plan.Plan, journal *Journal, opts *Options) (*Result, error) {
	r, err := newRun(client, p, journal, opts)
	if err == nil {
		err = r.prepare(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("apply the plan: %w", err)
	}
	err = errors.Join(r.mayNot, r.carryOut(ctx))
	r.result.fill(r.steps)
	r.noteUnknown()
	err = errors.Join(err, r.result.err())
	if err != nil {
		err = fmt.Errorf("apply the plan (%s): %w", r.result, err)
	}
	return r.result, err
}

// run is a plan that is being carried out.
type run struct {
	plan     *plan.Plan
	digest   string
	journal  *Journal // nil in a dry run
	opts     Options
	settings service.Settings
	call     []security.CallOption // for each request: one at a time, and told to nobody
	retry    transport.Retry
	log      *slog.Logger
	account  string

	sets       *permissionsets.V1
	claims     *claims.V1
	identities *identities.V1
	rolesV1    *roles.V1
	rolesV2    *roles.V2
	access     *access.V1

	steps  []*step
	chains []*chain
	known  ids
	result *Result
	mayNot error // of a dry run, which goes on
	gate   gate
}

// newRun checks all that can be checked without a server.
func newRun(client *security.Client, p *plan.Plan, journal *Journal, opts *Options) (*run, error) {
	if client == nil || p == nil {
		return nil, errors.New("there must be a client and a plan")
	}
	if opts == nil {
		opts = &Options{}
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("it is no plan: %w", err)
	}
	parts := service.Of(client)
	digest := p.Digest()
	r := &run{
		plan: p, digest: digest, journal: journal, opts: *opts, settings: service.Resolve(parts, opts.Call),
		call:  slices.Concat(opts.Call, []security.CallOption{service.Quiet[security.CallOption](), security.WithConcurrency(1), writing()}),
		retry: parts.Transport.Retry(), log: parts.Transport.Log(),
		sets: permissionsets.NewV1(client), claims: claims.NewV1(client), identities: identities.NewV1(client),
		rolesV1: roles.NewV1(client), rolesV2: roles.NewV2(client), access: access.NewV1(client),
		known: newIDs(), result: &Result{Plan: digest},
	}
	r.opts.DryRun = r.opts.DryRun || r.settings.DryRun
	r.result.DryRun = r.opts.DryRun
	if r.opts.CrashSettle == 0 {
		r.opts.CrashSettle = defaultCrashSettle
	}
	if parts.Account != nil {
		r.account = parts.Account()
	}
	if r.opts.DryRun {
		r.journal = nil
	}
	if r.settings.Err != nil {
		return nil, r.settings.Err
	}
	url, err := snapshot.NormalizeURL(parts.Transport.Base())
	if err != nil {
		return nil, err
	}
	return r, r.refuse(url)
}

// writing is the option for requests of a run that writes. A dry run does not get as far
// as a write, and an edit that settles would write a role again that others changed.
func writing() security.CallOption {
	return service.Option[security.CallOption](func(s *service.Settings) { s.DryRun, s.Settle = false, 0 })
}

// refuse says why the plan is not carried out, all at once.
func (r *run) refuse(url string) error {
	var all []error
	switch {
	case r.opts.Approve == "" && r.opts.DryRun, r.opts.Approve == r.digest:
	case r.opts.Approve == "":
		all = append(all, fmt.Errorf("%w: none was; read the plan, and approve it by its digest, which is %s", ErrNotApproved, r.digest))
	default:
		all = append(all, fmt.Errorf("%w: approved was %s, and the digest of the plan is %s; read it again, and approve its whole digest, sha256: included", ErrNotApproved, show.Text(r.opts.Approve, maxShown), r.digest))
	}
	if url != r.plan.Server.URL {
		all = append(all, fmt.Errorf("%w: it is for %s, and the client is for %s; make a plan from a snapshot of this server",
			ErrOtherServer, show.Text(r.plan.Server.URL, maxShown), url))
	}
	if r.plan.LockOut() && !r.opts.AllowLockout {
		all = append(all, fmt.Errorf("%w; look for the warning %q in the plan, and allow it by AllowLockout if that is meant", ErrLockOut, plan.CodeLockOut))
	}
	if r.plan.Large() && !r.opts.AllowLarge {
		all = append(all, fmt.Errorf("%w; look for the warning %q in the plan, and allow it by AllowLarge if that is meant", ErrLarge, plan.CodeLarge))
	}
	switch {
	case r.opts.DryRun:
	case r.journal == nil:
		all = append(all, errors.New("there must be a journal; open one with OpenJournal"))
	default:
		if err := r.journal.fits(r.digest); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// prepare asks the server what the account may do, waits for writes of an earlier run,
// and looks at each object. It writes nothing.
func (r *run) prepare(ctx context.Context) error {
	r.arrange()
	if r.journal != nil {
		r.result.Notes = append(r.result.Notes, r.journal.doubts()...)
	}
	if err := r.mayWrite(ctx); r.opts.DryRun && errors.Is(err, ErrMayNot) {
		r.mayNot = err
	} else if err != nil {
		return err
	}
	if r.journal != nil && r.journal.open() {
		if err := r.settle(ctx, "what an earlier run wrote"); err != nil {
			return err
		}
	}
	if err := r.look(ctx); err != nil {
		return errors.Join(r.mayNot, err)
	}
	return nil
}

// settle waits before a write whose answer was lost is looked for, and tells that: it is
// long enough to look like a program that hangs.
func (r *run) settle(ctx context.Context, what string) error {
	r.log.LogAttrs(ctx, slog.LevelWarn, "waiting for a write whose answer was lost: the server may still be working on it",
		slog.String("op", what), slog.Duration("wait", r.opts.CrashSettle))
	return transport.Sleep(ctx, r.opts.CrashSettle)
}

// noteUnknown notes what was done, and is not in the journal.
func (r *run) noteUnknown() {
	n := 0
	for _, s := range r.steps {
		if s.status == AlreadyDone && !s.earlier {
			n++
		}
	}
	if n > 0 && r.journal != nil {
		r.result.note("%d of the steps were found done, and the journal does not have them: it is not complete, or somebody else did them. "+
			"The way back does not have them either.", n)
	}
}

// mayWrite asks the server whether the account may change security.
func (r *run) mayWrite(ctx context.Context) error {
	held, err := r.sets.Mine(ctx, admin.Path, r.call...)
	if err == nil {
		at := slices.IndexFunc(held, func(h permissionsets.Held) bool { return names.Same(h.ID, permissionsets.GlobalID) })
		if at < 0 {
			return fmt.Errorf("%w: none of its roles in the permission set Global has %s; give it one, or use another account", ErrMayNot, admin.Path)
		}
		return r.keepsRight(held[at])
	}
	if refused, ok := errors.AsType[*security.Error](err); !ok || errors.Is(err, security.ErrUnauthorized) || refused.StatusCode == 0 {
		return err
	}
	my, old := r.access.My(ctx, r.call...) // Command 10 has nothing else
	switch {
	case old == nil:
		if !slices.ContainsFunc(my.Global, func(p access.GlobalPermission) bool { return p.Legacy() == "SecuritySettings:Modify" }) {
			return fmt.Errorf("%w: none of its roles has SecuritySettings:Modify; give it one, or use another account", ErrMayNot)
		}
	default:
		r.result.note("The server did not say what the account may do (%v). That it may change security is assumed.", err)
	}
	return nil
}

// keepsRight refuses a plan that takes from each role that gives the account the right
// to change security what gives it, or takes the role from the account. A plan that was
// made for this account says so itself; this is for one that was made for another, and
// for what others changed since outside of the plan. The server names the roles from 25.2
// on.
func (r *run) keepsRight(global permissionsets.Held) error {
	lost, what := accounts.Is, "others changed since what else allowed it; take a new snapshot and make a new plan"
	if r.plan.Account != "" && (r.account == "" || !names.Same(r.plan.Account, r.account)) {
		lost, what = accounts.May, "make the plan for this account"
		r.result.note("The plan was made for the account %s, and %s carries it out: what that one loses is not in the plan.",
			show.Text(r.plan.Account, maxShown), show.Text(cmp.Or(r.account, "one that is not known"), maxShown))
	}
	if len(global.Roles) == 0 || r.opts.AllowLockout || slices.ContainsFunc(r.chains, r.gives) {
		return nil
	}
	for _, role := range global.Roles {
		if r.keeps(role.ID, lost) {
			return nil
		}
	}
	return fmt.Errorf("%w: the roles that allow it lose that or may be taken from it, or go; %s, or allow it by AllowLockout", ErrLockOut, what)
}

// gives reports whether the account holds a role after the plan that allows changing
// security, as a step about it says.
func (r *run) gives(c *chain) bool {
	last := c.steps[len(c.steps)-1]
	return last.Kind == plan.KindRole && allows(last.After) && slices.ContainsFunc(keys(last.After), func(k plan.Key) bool { return accounts.Is(k, r.account) })
}

// allows reports whether a role allows changing security.
func allows(role *plan.Object) bool {
	return role != nil && admin.Grants(permissions.NewSet(role.Role.Paths...), role.Role.PermissionSetID, false)
}

// keeps reports whether a role still allows changing security after the plan, and the
// account still holds it, as far as one can tell. lost says through whom it may have held it.
func (r *run) keeps(role int, lost func(plan.Key, string) bool) bool {
	var before, after []plan.Key
	for _, c := range r.chains {
		first, last := c.steps[0], c.steps[len(c.steps)-1]
		switch {
		case first.Before == nil:
		case first.Kind == plan.KindRole && first.Before.Role.ID == role:
			if !allows(last.After) {
				return false
			}
			before, after = append(before, keys(first.Before)...), append(after, keys(last.After)...)
		case first.Kind == plan.KindMembers && first.Before.Members.RoleID == role:
			before, after = append(before, keys(first.Before)...), append(after, keys(last.After)...)
		}
	}
	if slices.ContainsFunc(after, func(k plan.Key) bool { return accounts.Is(k, r.account) }) {
		return true
	}
	return !slices.ContainsFunc(before, func(k plan.Key) bool {
		return lost(k, r.account) && !slices.ContainsFunc(after, k.Same)
	})
}

// keys are those who hold a role by a step about it.
func keys(o *plan.Object) []plan.Key {
	var out []plan.Key
	switch {
	case o == nil:
	case o.Role != nil:
		for _, c := range o.Role.Claims {
			out = append(out, c.Key)
		}
	case o.Members != nil:
		for _, i := range o.Members.Identities {
			out = append(out, i.Key)
		}
	}
	return out
}

// carryOut does what is left to do.
func (r *run) carryOut(ctx context.Context) error {
	if r.opts.DryRun || !slices.ContainsFunc(r.steps, func(s *step) bool { return s.status == "" }) && !r.found() {
		r.pretend()
		return nil
	}
	begin := &Attempt{
		Format: format, Time: now(), Server: r.plan.Server.URL, Plan: r.digest, Account: r.account, ApprovedBy: r.opts.ApprovedBy, Reason: r.opts.Reason,
	}
	lines := []line{{Begin: begin}}
	for _, s := range r.steps {
		if s.found {
			lines = append(lines, line{Done: &outcome{Step: s.Number, Time: now(), Found: true, After: s.now}})
		}
	}
	if err := r.journal.note(true, lines...); err != nil {
		return err
	}
	for _, wave := range r.waves() {
		if err := r.wave(ctx, wave); err != nil {
			return err
		}
	}
	return r.journal.sync()
}

// found reports whether a write of an earlier run was found to be done.
func (r *run) found() bool {
	return slices.ContainsFunc(r.steps, func(s *step) bool { return s.found })
}

// pretend says what would be done.
func (r *run) pretend() {
	for _, s := range r.steps {
		if s.status == "" {
			if why := r.skips(s); why != "" {
				s.leave(Skipped, why)
			} else {
				s.end(ToDo, "would "+s.Words(), nil)
			}
		}
	}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
