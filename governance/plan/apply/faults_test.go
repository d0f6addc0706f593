package apply_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// TestFaults: plans that are drawn at random, carried out on servers that fail at random,
// run after run, until one run has no error. Whenever a run has failed, nobody lacks what
// the plan leaves them. In the end, the server is as if nothing had failed, and the way
// back restores it. The environment variable COMMANDSEC_SEEDS names how many of each kind
// are tried.
func TestFaults(t *testing.T) {
	t.Parallel()
	count := &faultCount{}
	t.Run("all", func(t *testing.T) { // ends when all that it starts have ended
		t.Parallel()
		t.Cleanup(func() { count.check(t) })
		for name, opts := range kinds {
			for seed := range seeds(t, 6) {
				t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
					t.Parallel()
					disturb(t, seed, opts, count)
				})
			}
		}
	})
}

// faultCount counts what was tried, so that the test cannot pass because nothing was.
type faultCount struct{ begun, planned, failed, restored atomic.Int32 }

// check wants most seeds to make a plan that some run fails to carry out, and a way back
// with nothing left out.
func (c *faultCount) check(t *testing.T) {
	t.Helper()
	begun, planned, failed, restored := c.begun.Load(), c.planned.Load(), c.failed.Load(), c.restored.Load()
	if 2*planned <= begun || 2*failed <= begun || 2*restored <= begun {
		t.Errorf("of %d seeds, %d had a plan, %d a run that failed, and %d a way back with nothing left out: most must", begun, planned, failed, restored)
	}
}

// disturb carries out the plan of a seed on two servers: one that fails, and one that does
// not and shows what the first must be like in the end.
func disturb(t *testing.T, seed uint64, opts []securitytest.Option, count *faultCount) {
	t.Helper()
	count.begun.Add(1)
	opts = append(drawnTenant(seed), opts...)
	server := securitytest.NewServer(opts...) // not all faults fire
	t.Cleanup(server.Close)
	client, err := server.Client(quick)
	if err != nil {
		t.Fatal(err)
	}
	d := desired(t, drawnWish(seed))
	origin, before := withoutLegacy(t, server.Handler), taken(t, client)
	p, err := plan.Make(before, d, nil)
	if err != nil {
		t.Logf("no plan, which faultCount notices if it is so for many: %v", err)
		return
	}
	count.planned.Add(1)
	want, after := undisturbed(t, opts, d)
	between := newBetween(p, before, after)

	path := filepath.Join(t.TempDir(), "journal")
	fails := repeat(t, seed, server, client, p, path, func() { between.check(t, taken(t, client)) })
	if fails > 0 {
		count.failed.Add(1)
	}
	if r := plan.Verify(p, taken(t, client)); len(r.Findings) > 0 {
		t.Errorf("%+v", r.Findings)
	}
	if got := withoutLegacy(t, server.Handler); got != want {
		t.Errorf("the server is\n%s\nand without faults it is\n%s", got, want)
	}

	back, err := plan.Back(open(t, path).Entries(), taken(t, client))
	if err != nil {
		t.Fatal(err)
	}
	run(t, client, back, fresh(t))
	if back.Blocked() > 0 {
		return // what cannot be undone stays
	}
	count.restored.Add(1)
	if got := withoutLegacy(t, server.Handler); got != origin {
		t.Errorf("after the way back the server is\n%s\nand was\n%s", got, origin)
	}
}

// undisturbed is what a server that does not fail is like after the plan.
func undisturbed(t *testing.T, opts []securitytest.Option, d *plan.Desired) (string, *snapshot.Snapshot) {
	t.Helper()
	server, client := start(t, opts...)
	p, err := plan.Make(taken(t, client), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, client, p, fresh(t))
	return withoutLegacy(t, server.Handler), taken(t, client)
}

// randomFaults are what a request can meet: not done, done without a word, refused.
var randomFaults = []securitytest.Fault{
	{Status: http.StatusServiceUnavailable},
	{Status: http.StatusServiceUnavailable, Commit: true},
	{Status: http.StatusInternalServerError, Commit: true},
	{Reset: true},
	{Reset: true, Commit: true},
	{Status: http.StatusBadRequest},
	{Status: http.StatusConflict},
	{Status: http.StatusTooManyRequests},
	{Status: http.StatusNotFound, Method: http.MethodPut},
	{Status: http.StatusBadRequest, Method: http.MethodPost},
}

// repeat runs the plan, each time with the journal at the path and with other faults,
// until there is no error. It calls failed after each run that failed, and returns how
// many did. The last runs have no faults, so that the end is sure.
func repeat(t *testing.T, seed uint64, server *securitytest.Server, client *security.Client, p *plan.Plan, path string, failed func()) int {
	t.Helper()
	const disturbed, most = 9, 12
	r := drawing(seed, 3)
	for i := range most {
		if i < disturbed {
			server.InjectChaos(securitytest.Chaos{Seed: seed*100 + uint64(i), Rate: 0.25, Faults: randomFaults})
		}
		o := approved(p)
		o.Call = []security.CallOption{security.WithConcurrency(1 + r.IntN(4))}
		o.StopOnError = r.IntN(3) == 0
		err := runOnce(t, client, p, path, o)
		server.ClearFaults()
		if err == nil {
			return i
		}
		if moved, ok := errors.AsType[*apply.MovedError](err); ok {
			t.Fatalf("run %d takes its own writes for those of somebody else: %v", i, moved)
		}
		failed()
	}
	t.Fatalf("%d runs, and the last without faults failed, too", most)
	return most
}

// runOnce runs the plan as a process of its own would: it opens the journal and closes it.
func runOnce(t *testing.T, client *security.Client, p *plan.Plan, path string, o *apply.Options) error {
	t.Helper()
	j, err := apply.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	_, failed := apply.Run(t.Context(), client, p, j, o)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return failed
}

// between is what must hold between the first write of a plan and the last one.
type between struct {
	keeps    map[plan.Key]permissions.Set // what a holder has both before and after
	security map[plan.Key]bool            // who can change security before or after
}

func newBetween(p *plan.Plan, before, after *snapshot.Snapshot) *between {
	b := &between{map[plan.Key]permissions.Set{}, map[plan.Key]bool{}}
	was, is, once := rights(before), rights(after), writtenOnce(p)
	for k := range was {
		// Of two roles that are written once, one is the first: nothing can be promised to
		// those who hold both. docs/access-as-code.md says so.
		if once[k] < 2 {
			b.keeps[k] = was[k].Intersect(is[k])
		}
	}
	for _, s := range []*snapshot.Snapshot{before, after} {
		for k := range changeSecurity(s) {
			b.security[k] = true
		}
	}
	return b
}

func (b *between) check(t *testing.T, now *snapshot.Snapshot) {
	t.Helper()
	can := rights(now)
	for k, keeps := range b.keeps {
		if lacks := keeps.Minus(can[k]); lacks.Len() > 0 {
			t.Errorf("in between, %s lacks %v, and has it before and after", k, lacks.Paths())
		}
	}
	for k := range changeSecurity(now) {
		if !b.security[k] {
			t.Errorf("in between, %s can change security, and can neither before nor after", k)
		}
	}
}

// changeSecurity are those who can change security, which takes a role in the permission
// set Global. It leaves out who holds the role through version 1 only: identities that a
// server keeps apart are added by a step of their own, before the role loses anything.
func changeSecurity(s *snapshot.Snapshot) map[plan.Key]bool {
	out := map[plan.Key]bool{}
	for _, r := range s.Roles {
		global := slices.ContainsFunc(s.PermissionSets, func(set snapshot.PermissionSet) bool {
			return set.ID == r.PermissionSetID && set.Name == "Global"
		})
		if !global || !permissions.NewSet(r.Paths...).Allows("/security/modify/") {
			continue
		}
		for _, h := range r.Holders {
			if slices.Contains(h.Versions, 2) {
				out[h.Key.Fold()] = true
			}
		}
	}
	return out
}

// writtenOnce counts for each holder the roles that one write both takes from and adds to,
// because two cannot: mostly those that move to another permission set. It does not ask
// the plan who gets something, which is what the test is about.
func writtenOnce(p *plan.Plan) map[plan.Key]int {
	out := map[plan.Key]int{}
	for _, s := range p.Steps {
		if !s.Removal || s.Kind != plan.KindRole || s.Before == nil || s.After == nil || !adds(s.Before.Role, s.After.Role) {
			continue
		}
		concerned := map[plan.Key]bool{}
		for _, k := range slices.Concat(s.IdentitiesBefore, s.IdentitiesAfter) {
			concerned[k.Fold()] = true
		}
		for _, c := range slices.Concat(s.Before.Role.Claims, s.After.Role.Claims) {
			concerned[c.Key.Fold()] = true
		}
		for k := range concerned {
			out[k]++
		}
	}
	return out
}

// adds reports whether a role gets paths, a permission set or a holder.
func adds(before, after *plan.RoleState) bool {
	held := func(c plan.ClaimState) bool {
		return slices.ContainsFunc(before.Claims, func(b plan.ClaimState) bool { return b.Key.Fold() == c.Key.Fold() })
	}
	return before.PermissionSet != after.PermissionSet ||
		!permissions.NewSet(before.Paths...).Covers(permissions.NewSet(after.Paths...)) ||
		slices.ContainsFunc(after.Claims, func(c plan.ClaimState) bool { return !held(c) })
}

var legacyNames = regexp.MustCompile(`"Legacy":(null|\[[^\]]*\])`)

// withoutLegacy is the essence of a server without the names that version 1 has for
// permissions: a write through version 2 makes them of the paths.
func withoutLegacy(t *testing.T, h *securitytest.Handler) string {
	t.Helper()
	return legacyNames.ReplaceAllString(essence(t, h), "")
}

// drawing draws the same for the same seed. What is drawn for one purpose does not depend
// on what is drawn for another.
func drawing(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }

// draw draws up to most elements of a list.
func draw(r *rand.Rand, list []string, most int) []string {
	out := []string{}
	for _, i := range r.Perm(len(list))[:r.IntN(most+1)] {
		out = append(out, list[i])
	}
	return out
}

// drawnPaths are what roles grant. Plans grant none of the last two, and so take them from
// those who can change security.
var drawnPaths = []string{
	"/portal/read/", "/reports/read/", "/dashboard/read/", "/certificates/collections/read/", "/certificates/", "/agents/management/read/",
	"/auditing/read/", "/security/modify/", "/security/read/",
}

// drawnSets are what permission sets allow. A role in the set Fresh, which a plan makes,
// may be wanted to grant what Narrow allows and Fresh does not: that step is blocked.
var drawnSets = map[string][]string{
	"Global": {"/"},
	"Narrow": {"/portal/", "/reports/", "/dashboard/"},
	"Wide":   {"/agents/", "/portal/", "/certificates/", "/auditing/"},
	"Fresh":  {"/portal/", "/reports/", "/dashboard/"},
}

// grants draws what a role in a permission set grants.
func grants(r *rand.Rand, set string, from []string) []string {
	var allowed, drawn []permissions.Path
	for _, path := range drawnSets[set] {
		allowed = append(allowed, permissions.Path(path))
	}
	for _, path := range draw(r, from, 4) {
		if permissions.NewSet(allowed...).Allows(permissions.Path(path)) {
			drawn = append(drawn, permissions.Path(path))
		}
	}
	var out []string
	for _, path := range permissions.NewSet(drawn...).Paths() { // none that another one covers
		out = append(out, string(path))
	}
	return out
}

// drawnRoles is how many roles a drawn tenant has. Plans name two more.
const drawnRoles = 8

var (
	drawnClaims   = []string{"a", "b", "c", "d", "e", "f"}
	drawnAccounts = []string{`KEYEXAMPLE\u0`, `KEYEXAMPLE\u1`, `KEYEXAMPLE\u2`, `KEYEXAMPLE\u3`}
)

// drawnTenant is an installation whose roles share holders and paths, so that somebody may
// have of one role what another one loses.
func drawnTenant(seed uint64) []securitytest.Option {
	r := drawing(seed, 1)
	var roles []securitytest.Role
	for i := range drawnRoles {
		set := []string{"Global", "Narrow", "Wide"}[r.IntN(3)]
		role := securitytest.Role{ID: 10 + i, Name: fmt.Sprintf("Role %d", i), Description: "x", PermissionSet: set, Permissions: grants(r, set, drawnPaths)}
		for _, c := range draw(r, drawnClaims, 4) {
			role.Claims = append(role.Claims, securitytest.Claim{Type: "OAuthRole", Value: c, Scheme: "System", Description: "Team " + c})
		}
		role.Identities = draw(r, drawnAccounts, 2)
		roles = append(roles, role)
	}
	var accounts []securitytest.Identity
	for _, name := range drawnAccounts {
		accounts = append(accounts, securitytest.Identity{AccountName: name})
	}
	return []securitytest.Option{
		securitytest.WithToken("t", "Administrator"), securitytest.WithIdentities(accounts...), securitytest.WithRoles(roles...),
		securitytest.WithPermissionSets(
			securitytest.PermissionSet{ID: "11111111-1111-1111-1111-111111111111", Name: "Narrow", Permissions: drawnSets["Narrow"]},
			securitytest.PermissionSet{ID: "22222222-2222-2222-2222-222222222222", Name: "Wide", Permissions: drawnSets["Wide"]}),
	}
}

// drawnWish is what a drawn tenant is to become: of its roles, some stay, some go, and
// some change in all that a role has.
func drawnWish(seed uint64) string {
	r := drawing(seed, 2)
	var b strings.Builder
	b.WriteString("permissionSets:\n  - {name: Fresh, permissions: [/portal/, /certificates/, /dashboard/]}\n")
	if r.IntN(2) == 0 {
		b.WriteString("  - {name: Narrow, permissions: [/portal/, /reports/read/, /dashboard/, /auditing/]}\n")
	}
	b.WriteString("roles:\n")
	var absent []string
	for i := range drawnRoles + 2 {
		name, there := fmt.Sprintf("Role %d", i), i < drawnRoles
		switch what := r.IntN(5); {
		case what == 0 && there:
			absent = append(absent, name)
		case what == 1 && there, what == 0:
			// It stays as it is, or is not made.
		default:
			fmt.Fprintf(&b, "  - {%s}\n", drawnRole(r, name, there))
		}
	}
	if len(absent) > 0 {
		fmt.Fprintf(&b, "absent: {roles: [%s]}\n", strings.Join(absent, ", "))
	}
	return b.String()
}

func drawnRole(r *rand.Rand, name string, there bool) string {
	text := "name: " + name
	if there && r.IntN(5) == 0 {
		text = fmt.Sprintf("name: %s new, was: %s", name, name)
	}
	set := []string{"Global", "Narrow", "Wide", "Fresh"}[r.IntN(4)]
	text += fmt.Sprintf(", permissionSet: %s, permissions: [%s]", set, strings.Join(grants(r, set, drawnPaths[:7]), ", "))
	if r.IntN(3) == 0 {
		return text // the holders stay
	}
	var holders []string
	for _, c := range draw(r, append([]string{"new1", "new2"}, drawnClaims...), 5) {
		holders = append(holders, `"OAuthRole:`+c+`@System"`)
	}
	for _, a := range draw(r, drawnAccounts, 2) {
		holders = append(holders, `{identity: '`+a+`', type: User}`)
	}
	return text + fmt.Sprintf(", holders: [%s]", strings.Join(holders, ", "))
}
