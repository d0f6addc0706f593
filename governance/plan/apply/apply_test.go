package apply_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

// tenant is a small installation. Roles 3 to 8 are those that the plan of wish changes.
func tenant(more ...securitytest.Option) []securitytest.Option {
	claim := func(value string) securitytest.Claim {
		return securitytest.Claim{Type: "OAuthRole", Value: value, Scheme: "System", Description: "Team " + value}
	}
	return append([]securitytest.Option{
		securitytest.WithToken("t", "Administrator"),
		securitytest.WithClaims(claim("idle")),
		securitytest.WithIdentities(securitytest.Identity{AccountName: `KEYEXAMPLE\jsmith`}, securitytest.Identity{AccountName: `KEYEXAMPLE\leaver`}),
		securitytest.WithPermissionSets(
			securitytest.PermissionSet{ID: "11111111-1111-1111-1111-111111111111", Name: "Narrow", Permissions: []string{"/portal/", "/reports/"}},
			securitytest.PermissionSet{ID: "22222222-2222-2222-2222-222222222222", Name: "Unused", Permissions: []string{"/agents/"}}),
		securitytest.WithRoles(
			securitytest.Role{ID: 3, Name: "Operators", Description: "Day-to-day work", Permissions: []string{"/portal/read/", "/certificates/collections/read/"}, Claims: []securitytest.Claim{claim("ops"), claim("old-ops")}},
			securitytest.Role{ID: 4, Name: "Auditors", Description: "They look", Permissions: []string{"/auditing/read/"}, Claims: []securitytest.Claim{claim("audit")}},
			securitytest.Role{ID: 5, Name: "Temporary", Description: "Nobody knows", Permissions: []string{"/portal/read/"}, Claims: []securitytest.Claim{claim("former")}},
			securitytest.Role{ID: 6, Name: "Readers", Description: "They read", PermissionSet: "Narrow", Permissions: []string{"/portal/read/"}, Claims: []securitytest.Claim{claim("readers")}},
			securitytest.Role{ID: 7, Name: "Accounts", Description: "Windows", Permissions: []string{"/portal/read/"}, Identities: []string{`KEYEXAMPLE\jsmith`, `KEYEXAMPLE\leaver`}},
			securitytest.Role{ID: 8, Name: "Others", Description: "Not in the plan", Permissions: []string{"/reports/read/"}, Claims: []securitytest.Claim{claim("others")}},
		),
	}, more...)
}

// wish changes something of every kind.
const wish = `
permissionSets:
  - {name: Fresh, permissions: [/portal/, /certificates/]}
  - {name: Narrow, permissions: [/portal/, /dashboard/]}
claims:
  - {type: OAuthRole, value: described, scheme: System, description: Described}
  - {type: OAuthRole, value: ops, scheme: System, description: The operators}
roles:
  - name: Operators
    description: Issue and revoke
    permissionSet: Fresh
    permissions: [/portal/read/, /certificates/collections/revoke/]
    holders: ["OAuthRole:ops@System", "OAuthRole:new-ops@System"]
  - {name: Inspectors, was: Auditors}
  - name: Made
    description: New
    permissionSet: Fresh
    permissions: [/portal/]
    holders: ["OAuthRole:new-ops@System", {identity: 'KEYEXAMPLE\fresh', type: User}]
  - {name: Readers, permissions: [/portal/read/, /dashboard/read/], holders: ["OAuthRole:readers@System", "OAuthRole:idle@System"]}
  - {name: Accounts, holders: [{identity: 'KEYEXAMPLE\jsmith'}, {identity: 'KEYEXAMPLE\fresh', type: User}]}
absent:
  roles: [Temporary]
  claims: ["OAuthRole:former@System"]
  identities: ['KEYEXAMPLE\leaver']
  permissionSets: [Unused]
`

// kinds are servers that differ in what a plan has to know.
var kinds = map[string][]securitytest.Option{
	"11.0":            {securitytest.WithVersion("11.0.0")},
	"25.4":            {securitytest.WithVersion("25.4.1"), securitytest.WithQuirks(securitytest.Quirks{RefuseInUse: true})},
	"25.4, separated": {securitytest.WithVersion("25.4.1"), securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true, RefuseInUse: true})},
}

// quick is for clients that must not wait.
var quick = security.WithRetry(security.Retry{MaxAttempts: 3, MinWait: time.Millisecond, MaxWait: time.Millisecond})

func start(t *testing.T, opts ...securitytest.Option) (*securitytest.Server, *security.Client) {
	t.Helper()
	server := securitytest.Start(t, opts...)
	client, err := server.Client(quick)
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

func taken(t *testing.T, client *security.Client) *snapshot.Snapshot {
	t.Helper()
	s, err := take.From(t.Context(), client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func planned(t *testing.T, client *security.Client, text string) *plan.Plan {
	t.Helper()
	return made(t, taken(t, client), text)
}

func made(t *testing.T, s *snapshot.Snapshot, text string) *plan.Plan {
	t.Helper()
	p, err := plan.Make(s, desired(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func desired(t *testing.T, text string) *plan.Desired {
	t.Helper()
	file := filepath.Join(t.TempDir(), "access.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := plan.LoadDesired(file)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// open opens a journal until the test ends.
func open(t *testing.T, path string) *apply.Journal {
	t.Helper()
	j, err := apply.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func fresh(t *testing.T) *apply.Journal {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "journal"))
}

// approved are options that approve a plan, and allow all that the little tenant makes
// remarkable.
func approved(p *plan.Plan) *apply.Options {
	return &apply.Options{Approve: p.Digest(), ApprovedBy: "the security officer", Reason: "CHG-1", AllowLarge: true, AllowLockout: true, CrashSettle: time.Millisecond}
}

// run carries a plan out, and nothing may fail.
func run(t *testing.T, client *security.Client, p *plan.Plan, j *apply.Journal) *apply.Result {
	t.Helper()
	result, err := apply.Run(t.Context(), client, p, j, approved(p))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// essence is all that a server has, without ids.
func essence(t *testing.T, h *securitytest.Handler) string {
	t.Helper()
	var lines []string
	for _, r := range h.Roles() {
		r.ID = 0
		for i := range r.Claims {
			r.Claims[i].ID = 0
		}
		slices.SortFunc(r.Claims, func(a, b securitytest.Claim) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		slices.Sort(r.Identities)
		slices.Sort(r.Permissions)
		for _, set := range h.PermissionSets() {
			if r.PermissionSet == set.ID {
				r.PermissionSet = set.Name
			}
		}
		lines = append(lines, text(t, "role", r))
	}
	for _, c := range h.Claims() {
		c.ID = 0
		lines = append(lines, text(t, "claim", c))
	}
	for _, i := range h.Identities() {
		i.ID, i.SID = 0, ""
		lines = append(lines, text(t, "identity", i))
	}
	for _, p := range h.PermissionSets() {
		p.ID = ""
		slices.Sort(p.Permissions)
		lines = append(lines, text(t, "set", p))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func text(t *testing.T, kind string, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return kind + " " + string(data)
}

// TestRun: a plan is carried out, the server is as promised, a second run has nothing to
// do, and the way back leads back.
func TestRun(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := start(t, tenant(opts...)...)
			before := essence(t, server.Handler)
			p := planned(t, client, wish)
			if p.Blocked() > 0 || len(p.Steps) < 14 {
				t.Fatalf("%d steps, %d blocked", len(p.Steps), p.Blocked())
			}
			path := filepath.Join(t.TempDir(), "journal")
			j := open(t, path)
			result := run(t, client, p, j)
			if result.Count(apply.Done) != len(p.Steps) {
				t.Fatalf("%v: %+v", result, result.Steps)
			}
			if r := plan.Verify(p, taken(t, client)); len(r.Findings) > 0 {
				t.Fatalf("%+v", r.Findings)
			}
			server.ResetRequests()
			again := run(t, client, p, j)
			if again.Count(apply.AlreadyDone) != len(p.Steps) || len(server.Requests()) != 1 {
				t.Errorf("a second run: %v, %d requests", again, len(server.Requests()))
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}

			// The journal reads back, and says who approved what.
			j = open(t, path)
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the journal has the mode %v, %v", info.Mode(), err)
			}
			if a := j.Attempts(); len(a) != 1 || a[0].ApprovedBy != "the security officer" || a[0].Reason != "CHG-1" || a[0].Plan != p.Digest() || a[0].Server != p.Server.URL {
				t.Errorf("%+v", a)
			}
			entries := j.Entries()
			if len(entries) != len(p.Steps) {
				t.Fatalf("%d entries", len(entries))
			}
			for i, e := range entries {
				if !e.Before.Same(p.Steps[i].Before) {
					t.Errorf("step %d was %+v", i+1, e.Before)
				}
			}
			back, err := plan.Back(entries, taken(t, client))
			if err != nil {
				t.Fatal(err)
			}
			run(t, client, back, fresh(t))
			if after := essence(t, server.Handler); after != before {
				t.Errorf("after the way back:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// TestOrder: what a plan does not touch keeps its place, so that what compares lists member by member sees what the
// plan names and nothing else. The way back restores the order, too.
func TestOrder(t *testing.T) {
	t.Parallel()
	was := []string{"/reports/read/", "/portal/read/", "/auditing/read/", "/certificates/collections/read/"}
	server, client := start(t, tenant(securitytest.WithRoles(securitytest.Role{ID: 20, Name: "Ordered", Description: "In an order", Permissions: was}))...)
	j := fresh(t)
	run(t, client, planned(t, client, "roles: [{name: Ordered, permissions: [/certificates/collections/read/, /dashboard/read/, /portal/read/, /reports/read/]}]"), j)
	role, _ := server.Role(20)
	if want := []string{"/reports/read/", "/portal/read/", "/certificates/collections/read/", "/dashboard/read/"}; !slices.Equal(role.Permissions, want) {
		t.Errorf("the role grants %v", role.Permissions)
	}
	back, err := plan.Back(j.Entries(), taken(t, client))
	if err != nil {
		t.Fatal(err)
	}
	run(t, client, back, fresh(t))
	if role, _ = server.Role(20); !slices.Equal(role.Permissions, was) {
		t.Errorf("after the way back the role grants %v", role.Permissions)
	}
}

// TestVersion1: on Command 10 a plan changes the identities of roles.
func TestVersion1(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant(securitytest.WithVersion("10.5.0"))...)
	p := planned(t, client, `roles: [{name: Accounts, holders: [{identity: 'KEYEXAMPLE\jsmith'}, {identity: 'KEYEXAMPLE\fresh', type: User}]}]`)
	result := run(t, client, p, fresh(t))
	if role, _ := server.Role(7); result.Count(apply.Done) < 2 || !slices.Equal(slices.Sorted(slices.Values(role.Identities)), []string{`KEYEXAMPLE\fresh`, `KEYEXAMPLE\jsmith`}) {
		t.Errorf("%v: %v", result, role.Identities)
	}
}

// TestDryRun writes nothing, needs neither approval nor journal, and says what it would do.
func TestDryRun(t *testing.T) {
	t.Parallel()
	for _, opts := range []*apply.Options{
		{DryRun: true, AllowLarge: true, AllowLockout: true},
		{Call: []security.CallOption{security.WithDryRun()}, AllowLarge: true, AllowLockout: true},
	} {
		server, client := start(t, tenant()...)
		before := essence(t, server.Handler)
		p := planned(t, client, wish)
		result, err := apply.Run(t.Context(), client, p, nil, opts)
		if err != nil {
			t.Fatal(err)
		}
		if !result.DryRun || result.Count(apply.ToDo) != len(p.Steps) || !strings.HasPrefix(result.Steps[0].Text, "would create permission set") {
			t.Errorf("%v: %+v", result, result.Steps[0])
		}
		if essence(t, server.Handler) != before {
			t.Error("it wrote something")
		}
	}
}

// TestRefused: what is not approved, not for this server or not allowed is refused before
// a request is sent.
func TestRefused(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant()...)
	p := planned(t, client, wish)
	lockout := planned(t, client, `roles: [{name: Administrator, holders: []}]`)
	lockout.Warnings = append(lockout.Warnings, plan.Warning{Code: plan.CodeLockOut, Severity: "critical"})
	large := *p
	large.Warnings = []plan.Warning{{Code: plan.CodeLarge}}
	other := *p
	other.Server.URL = "https://other.example.com/KeyfactorAPI"
	broken := *p
	broken.Steps = slices.Clone(p.Steps)
	broken.Steps[3].Needs = []int{99}
	used := fresh(t)
	run(t, client, planned(t, client, `claims: ["OAuthRole:first@System"]`), used)
	closed := fresh(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	server.ResetRequests()
	for name, c := range map[string]struct {
		plan    *plan.Plan
		journal *apply.Journal
		opts    func(*apply.Options)
		want    error
		words   string
	}{
		"not approved":    {p, fresh(t), func(o *apply.Options) { o.Approve = "" }, apply.ErrNotApproved, p.Digest()},
		"other digest":    {p, fresh(t), func(o *apply.Options) { o.Approve = "sha256:00" }, apply.ErrNotApproved, "read it again"},
		"a prefix":        {p, fresh(t), func(o *apply.Options) { o.Approve = p.Digest()[:20] }, apply.ErrNotApproved, "approve its whole digest, sha256: included"},
		"other server":    {&other, fresh(t), nil, apply.ErrOtherServer, "other.example.com"},
		"lock-out":        {lockout, fresh(t), func(o *apply.Options) { o.AllowLockout = false }, apply.ErrLockOut, "AllowLockout"},
		"large":           {&large, fresh(t), func(o *apply.Options) { o.AllowLarge = false }, apply.ErrLarge, "AllowLarge"},
		"no journal":      {p, nil, nil, nil, "there must be a journal; open one with OpenJournal"},
		"closed journal":  {p, closed, nil, nil, "is closed; open it again"},
		"other journal":   {p, used, nil, apply.ErrOtherPlan, "use another file for each plan"},
		"broken plan":     {&broken, fresh(t), nil, nil, "steps[3].needs"},
		"all of it":       {&other, nil, func(o *apply.Options) { o.Approve = "" }, apply.ErrOtherServer, "there must be a journal"},
		"and not only it": {&other, nil, func(o *apply.Options) { o.Approve = "" }, apply.ErrNotApproved, "other.example.com"},
	} {
		opts := approved(c.plan)
		if c.opts != nil {
			c.opts(opts)
		}
		result, err := apply.Run(t.Context(), client, c.plan, c.journal, opts)
		if err == nil || result != nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(server.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
	if _, err := apply.Run(t.Context(), nil, p, used, nil); err == nil {
		t.Error("no client")
	}
}

// TestMayNot: the server is asked first whether the account may do it.
func TestMayNot(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"10.5.0", "11.0.0", "25.4.1"} {
		server, admin := start(t, tenant(securitytest.WithVersion(version), securitytest.WithToken("reader", "Readers"),
			securitytest.WithRoles(securitytest.Role{Name: "Looks", Description: "x", Permissions: []string{"/security/read/"}, Legacy: []string{"SecuritySettings:Read"}}),
			securitytest.WithToken("looks", "Looks"))...)
		p := planned(t, admin, `roles: [{name: Accounts, holders: [{identity: 'KEYEXAMPLE\jsmith'}]}]`)
		client, err := server.Client(security.WithAccessToken("looks"), quick)
		if err != nil {
			t.Fatal(err)
		}
		_, err = apply.Run(t.Context(), client, p, fresh(t), approved(p))
		if !errors.Is(err, apply.ErrMayNot) {
			t.Errorf("%s: %v", version, err)
		}
		result, err := apply.Run(t.Context(), client, p, nil, &apply.Options{DryRun: true, AllowLarge: true, AllowLockout: true})
		if !errors.Is(err, apply.ErrMayNot) || result == nil || result.Count(apply.ToDo) != len(p.Steps) {
			t.Errorf("%s: %v, %v", version, result, err)
		}
	}
}

// TestMoved: everything that others changed is told at once, and nothing is written.
func TestMoved(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := start(t, tenant(opts...)...)
			p := planned(t, client, wish)
			change := func(id int, f func(*securitytest.Role)) {
				if err := server.UpdateRole(id, f); err != nil {
					t.Fatal(err)
				}
			}
			change(3, func(r *securitytest.Role) { r.Permissions = append(r.Permissions, "/reports/read/") })
			change(4, func(r *securitytest.Role) { r.Name = "Looked at" })
			change(7, func(r *securitytest.Role) { r.Identities = r.Identities[:1] })
			server.DeleteRole(5)
			if _, err := server.AddRole(securitytest.Role{Name: "made", Description: "By somebody else"}); err != nil {
				t.Fatal(err)
			}
			for _, c := range server.Claims() {
				if c.Value == "idle" {
					server.DeleteClaim(c.ID)
				}
			}
			before := essence(t, server.Handler)
			path := filepath.Join(t.TempDir(), "journal")
			j := open(t, path)
			result, err := apply.Run(t.Context(), client, p, j, approved(p))
			moved, ok := errors.AsType[*apply.MovedError](err)
			if !ok || result != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range moved.Objects {
				got = append(got, fmt.Sprintf("%s %s: %s", o.Kind, o.Name, o.Text))
			}
			slices.Sort(got)
			for _, want := range []string{
				`role Auditors: somebody else changed it since: rename it to "Looked at"`,
				`role Made: there is one already`,
				`role Operators: somebody else changed it since: add 1 permission`,
				`role Readers: the claim OAuthRole idle (System) that it is to get is not there any more`,
			} {
				if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
					t.Errorf("%s is missing in\n%s", want, strings.Join(got, "\n"))
				}
			}
			if slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "Temporary") }) != (name == "") || !strings.Contains(err.Error(), "make a new plan") {
				t.Errorf("a role that is gone already: %s", strings.Join(got, "\n"))
			}
			if essence(t, server.Handler) != before {
				t.Error("something was written")
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a journal without anything in it was left: %v", err)
			}
		})
	}
}

// TestInterleaved: another program that writes right before the last reading of an object
// is noticed, its change stays, and what does not need that object is done.
func TestInterleaved(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := start(t, tenant(opts...)...)
			p := planned(t, client, wish)
			var others atomic.Int32
			// Every object changes after the first write of the plan, whatever that is.
			interfere := func() {
				if others.Add(1) > 1 {
					return
				}
				for _, id := range []int{3, 4, 5, 6, 7} {
					if err := server.UpdateRole(id, func(r *securitytest.Role) { r.Description = "Changed meanwhile" }); err != nil {
						t.Error(err)
					}
				}
			}
			server.Inject(securitytest.Fault{Method: http.MethodPost, Path: "/PermissionSets", Interleave: interfere})
			result, err := apply.Run(t.Context(), client, p, fresh(t), approved(p))
			if err == nil || result.Count(apply.Failed) == 0 || result.Count(apply.Done) == 0 {
				t.Fatalf("%v: %v", result, err)
			}
			for _, id := range []int{3, 4, 5, 6, 7} {
				role, ok := server.Role(id)
				if !ok || role.Description != "Changed meanwhile" {
					t.Errorf("role %d was overwritten: %+v", id, role)
				}
			}
			for _, s := range result.Steps {
				if s.Kind == plan.KindRole && s.Action == plan.Update && s.Status == apply.Failed && !strings.Contains(s.Text, "change the description") {
					t.Errorf("step %d: %s", s.Number, s.Text)
				}
			}
		})
	}
}

// TestRepeated: a write that failed is not repeated over what another program wrote in
// between.
func TestRepeated(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant(securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true}), securitytest.WithIdentities(securitytest.Identity{AccountName: `KEYEXAMPLE\guest`}))...)
	p := planned(t, client, `roles: [{name: Accounts, holders: [{identity: 'KEYEXAMPLE\jsmith'}]}, {name: Operators, email: a@example.com}]`)
	interfere := func(id int, change func(*securitytest.Role)) func() {
		return func() {
			if err := server.UpdateRole(id, change); err != nil {
				t.Error(err)
			}
		}
	}
	server.Inject(securitytest.Fault{
		Method: http.MethodPut, Path: "/Security/Roles/7/Identities", Times: 1, Status: http.StatusServiceUnavailable,
		Interleave: interfere(7, func(r *securitytest.Role) { r.Identities = append(r.Identities, `KEYEXAMPLE\guest`) }),
	})
	server.Inject(securitytest.Fault{
		Method: http.MethodPut, Path: "/Security/Roles", Times: 1, Status: http.StatusServiceUnavailable,
		Interleave: interfere(3, func(r *securitytest.Role) { r.Description = "By somebody else" }),
	})
	result, err := apply.Run(t.Context(), client, p, fresh(t), approved(p))
	if !errors.Is(err, security.ErrUnknownOutcome) || result.Count(apply.Unknown) != 2 {
		t.Errorf("%v: %v", result, err)
	}
	accounts, _ := server.Role(7)
	operators, _ := server.Role(3)
	if len(accounts.Identities) != 3 || operators.Description != "By somebody else" || operators.EmailAddress != "" {
		t.Errorf("%+v, %+v", accounts, operators)
	}
}

// TestListFails: a list that cannot be read fails the steps that need it, and no others.
func TestListFails(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant()...)
	p := planned(t, client, `
claims: ["OAuthRole:first@System"]
roles: [{name: Auditors, description: Changed}, {name: Readers, existing: add, holders: ["OAuthRole:second@System"]}]
`)
	server.Inject(securitytest.Fault{Method: http.MethodGet, Path: "/Security/Claims", After: 1, Status: http.StatusForbidden}) // the first look succeeds
	j := fresh(t)
	result, err := apply.Run(t.Context(), client, p, j, approved(p))
	if !errors.Is(err, security.ErrForbidden) || result.Count(apply.Failed) != 2 || result.Count(apply.Skipped) != 1 || result.Count(apply.Done) != 1 {
		t.Fatalf("%v: %v", result, err)
	}
	server.ClearFaults()
	if again := run(t, client, p, j); again.Count(apply.Done) != 3 {
		t.Errorf("%v", again)
	}
}

// TestFailed: a step that fails does not stop others; those that need it are skipped, and
// so is what would take something from those who do not get something. Run again, the rest
// is done.
func TestFailed(t *testing.T) {
	t.Parallel()
	for _, stop := range []bool{false, true} {
		t.Run(fmt.Sprintf("stop %v", stop), func(t *testing.T) {
			t.Parallel()
			server, client := start(t, tenant()...)
			p := planned(t, client, strings.Replace(wish, `"OAuthRole:new-ops@System", {identity`, `"OAuthRole:new-ops@System", "OAuthRole:audit@System", {identity`, 1))
			server.Inject(securitytest.Fault{Method: http.MethodPost, Path: "/PermissionSets", Status: http.StatusForbidden, Times: 1})
			j := fresh(t)
			opts := approved(p)
			opts.StopOnError = stop
			opts.Call = []security.CallOption{security.WithConcurrency(1)}
			result, err := apply.Run(t.Context(), client, p, j, opts)
			if !errors.Is(err, security.ErrForbidden) {
				t.Fatal(err)
			}
			if result.Steps[0].Status != apply.Failed || result.Steps[0].Err == nil {
				t.Errorf("%+v", result.Steps[0])
			}
			if stop {
				if result.Count(apply.NotBegun) != len(p.Steps)-1 {
					t.Errorf("%v", result)
				}
			} else {
				var skipped []string
				for _, s := range result.Steps {
					if s.Status == apply.Skipped {
						skipped = append(skipped, fmt.Sprintf("%s %s: %s", s.Kind, s.Name, s.Text))
					}
				}
				for _, want := range []string{"role Made: create role \"Made\": add 1 permission, add 3 holders: it needs step 1 (create permission set", "role Operators: update role \"Operators\": "} {
					if !slices.ContainsFunc(skipped, func(s string) bool { return strings.HasPrefix(s, want) && strings.Contains(s, ": it needs step 1 (") }) {
						t.Errorf("%s is missing: %s", want, strings.Join(skipped, "\n"))
					}
				}
				if result.Count(apply.Done) < 5 {
					t.Errorf("%v", result)
				}
			}
			again := run(t, client, p, j)
			if again.Count(apply.Done)+again.Count(apply.AlreadyDone) != len(p.Steps) {
				t.Errorf("%v: %+v", again, again.Steps)
			}
			if r := plan.Verify(p, taken(t, client)); len(r.Findings) > 0 {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

// TestMoves: somebody who moves from one role to another keeps the first if the second
// could not be written.
func TestMoves(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant()...)
	p := planned(t, client, `
roles:
  - {name: Operators, existing: add, holders: ["OAuthRole:audit@System"]}
  - {name: Auditors, holders: []}
  - {name: Readers, holders: []}
`)
	server.Inject(securitytest.Fault{Method: http.MethodGet, Path: "/Security/Roles/3", Version: 2, After: 1, Status: http.StatusForbidden})
	result, err := apply.Run(t.Context(), client, p, fresh(t), approved(p))
	if !errors.Is(err, security.ErrForbidden) {
		t.Fatal(err)
	}
	got := map[string]apply.StepResult{}
	for _, s := range result.Steps {
		got[s.Name] = s
	}
	if got["Operators"].Status != apply.Failed || got["Auditors"].Status != apply.Skipped || got["Readers"].Status != apply.Done {
		t.Errorf("%+v", result.Steps)
	}
	if !strings.Contains(got["Auditors"].Text, "OAuthRole audit (System)") {
		t.Error(got["Auditors"].Text)
	}
	if role, _ := server.Role(4); len(role.Claims) != 1 {
		t.Errorf("%+v", role)
	}
}

// TestUnauthorized: a refused sign-in stops everything at once.
func TestUnauthorized(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant()...)
	p := planned(t, client, wish)
	server.ResetRequests()
	server.Inject(securitytest.Fault{Method: http.MethodPost, Status: http.StatusUnauthorized})
	opts := approved(p)
	opts.Call = []security.CallOption{security.WithConcurrency(1)}
	result, err := apply.Run(t.Context(), client, p, fresh(t), opts)
	if !errors.Is(err, security.ErrUnauthorized) {
		t.Fatal(err)
	}
	if result.Count(apply.Failed) != 1 || result.Count(apply.NotBegun) != len(p.Steps)-1 {
		t.Errorf("%v", result)
	}
	writes := 0
	for _, r := range server.Requests() {
		if r.Method != http.MethodGet {
			writes++
		}
	}
	if writes != 1 {
		t.Errorf("%d writes were tried", writes)
	}
}

// TestLostAnswers: writes whose answers are lost are done once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		for _, fault := range []securitytest.Fault{
			{Commit: true, Reset: true},
			{Commit: true, Status: http.StatusBadGateway},
			{Reset: true},
			{Status: http.StatusServiceUnavailable},
			{CommitLate: 20 * time.Millisecond, Status: http.StatusGatewayTimeout},
		} {
			t.Run(name+", "+fault.String(), func(t *testing.T) {
				t.Parallel()
				server := securitytest.NewServer(tenant(opts...)...) // not all faults fire
				t.Cleanup(server.Close)
				client, err := server.Client(quick)
				if err != nil {
					t.Fatal(err)
				}
				p := planned(t, client, wish)
				for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
					for i := range 8 {
						f := fault
						f.Method, f.After, f.Times = method, i, 1
						server.Inject(f)
					}
				}
				o := approved(p)
				o.CrashSettle = 40 * time.Millisecond
				j := fresh(t)
				result, err := apply.Run(t.Context(), client, p, j, o)
				for range 5 {
					if err != nil {
						result, err = apply.Run(t.Context(), client, p, j, o)
					}
				}
				server.ClearFaults()
				if err != nil {
					t.Fatal(err)
				}
				if n := result.Count(apply.Done) + result.Count(apply.AlreadyDone); n != len(p.Steps) {
					t.Errorf("%v: %+v", result, result.Steps)
				}
				if r := plan.Verify(p, taken(t, client)); len(r.Findings) > 0 {
					t.Errorf("%+v", r.Findings)
				}
				seen := map[string]bool{}
				for _, r := range server.Roles() {
					if seen[r.Name] {
						t.Errorf("there are two roles %s", r.Name)
					}
					seen[r.Name] = true
				}
			})
		}
	}
}

// TestLate: a write that a gateway gave up on, and that the server carries out later, does
// not undo what comes after it.
func TestLate(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/Security/Roles", "/PermissionSets"} { // the first write of each, which the second takes from
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			server, client := start(t, tenant()...)
			p := planned(t, client, wish)
			server.Inject(securitytest.Fault{Method: http.MethodPut, Path: path, Times: 1, CommitLate: 100 * time.Millisecond, Status: http.StatusGatewayTimeout})
			o := approved(p)
			o.CrashSettle = time.Second
			if _, err := apply.Run(t.Context(), client, p, fresh(t), o); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond) // what is late is there now
			if r := plan.Verify(p, taken(t, client)); len(r.Findings) > 0 {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

// TestProgress: the numbers go up to the total.
func TestProgress(t *testing.T) {
	t.Parallel()
	_, client := start(t, tenant()...)
	p := planned(t, client, wish)
	last, calls := [2]int{}, 0
	opts := approved(p)
	opts.Call = []security.CallOption{security.WithProgress(func(done, total int) {
		if done < last[0] || total < done || calls > 0 && total != last[1] {
			t.Errorf("%d of %d after %v", done, total, last)
		}
		last, calls = [2]int{done, total}, calls+1
	})}
	if _, err := apply.Run(t.Context(), client, p, fresh(t), opts); err != nil {
		t.Fatal(err)
	}
	if last[0] != last[1] || last[0] == 0 {
		t.Errorf("%v", last)
	}
}

// TestCanceled: a context that ends stops the run, and the next one goes on.
func TestCanceled(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant()...)
	p := planned(t, client, wish)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server.Inject(securitytest.Fault{Method: http.MethodPost, Path: "/Security/Roles", Commit: true, Times: 1, Interleave: cancel, Hang: true})
	j := fresh(t)
	result, err := apply.Run(ctx, client, p, j, approved(p))
	if !errors.Is(err, context.Canceled) || result.Count(apply.NotBegun) == 0 || result.Count(apply.Done) == 0 {
		t.Fatalf("%v: %v", result, err)
	}
	again := run(t, client, p, j)
	if again.Count(apply.Done)+again.Count(apply.AlreadyDone) != len(p.Steps) {
		t.Errorf("%v", again)
	}
	if r := plan.Verify(p, taken(t, client)); len(r.Findings) > 0 {
		t.Errorf("%+v", r.Findings)
	}
}

// tenants are servers on which installations have grown.
var tenants = map[string][]securitytest.Option{
	"11.0":              {securitytest.WithVersion("11.0.0")},
	"24.3":              {securitytest.WithVersion("24.3.0"), securitytest.WithQuirks(securitytest.Quirks{RefuseInUse: true})},
	"24.3, separated":   {securitytest.WithVersion("24.3.0"), securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true})},
	"24.4":              {securitytest.WithVersion("24.4.0")},
	"25.4.1":            {securitytest.WithVersion("25.4.1"), securitytest.WithQuirks(securitytest.Quirks{RefuseInUse: true})},
	"25.4.1, separated": {securitytest.WithVersion("25.4.1"), securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true, RefuseInUse: true})},
}

// TestTenants: on installations that have grown, every right is as promised, and differs
// from before only as the plan says. The way back restores all of them. The environment
// variable COMMANDSEC_SEEDS names how many of each kind are tried.
func TestTenants(t *testing.T) {
	t.Parallel()
	for name, opts := range tenants {
		for seed := range seeds(t, 3) {
			t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
				t.Parallel()
				grow(t, seed, opts)
			})
		}
	}
}

// seeds is how many seeds of each kind are tried: what the environment variable
// COMMANDSEC_SEEDS says or, without it, few.
func seeds(t *testing.T, few uint64) uint64 {
	t.Helper()
	text := os.Getenv("COMMANDSEC_SEEDS")
	if text == "" {
		return few
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func grow(t *testing.T, seed uint64, opts []securitytest.Option) {
	t.Helper()
	place := newPlace(t, append([]securitytest.Option{securitytest.WithToken("t", "Administrator"), securitytest.WithLegacyTenant(seed, 60)}, opts...))
	server, client := place.handler, place.client()
	defer client.CloseIdleConnections()
	before := taken(t, client)
	p := made(t, before, grown(before, int(seed)))
	j := fresh(t)
	run(t, client, p, j)
	after := taken(t, client)
	if r := plan.Verify(p, after); len(r.Findings) > 0 {
		t.Fatalf("%+v", r.Findings)
	}
	named := map[string]bool{}
	for _, s := range p.Steps {
		named[s.Name] = true
	}
	for _, r := range snapshot.Compare(before, after).Roles {
		if r.Kind == snapshot.KindChanged && !named[r.Name] && !named[strings.TrimPrefix(r.Name, "New ")] {
			t.Errorf("the role %s changed, and the plan does not name it", r.Name)
		}
	}
	promised(t, p, before, after)
	back, err := plan.Back(j.Entries(), after)
	if err != nil {
		t.Fatal(err)
	}
	run(t, client, back, fresh(t))
	restored := taken(t, client)
	if r := plan.Verify(back, restored); len(r.Findings) > 0 {
		t.Errorf("%+v", r.Findings)
	}
	if len(server.Roles()) != len(before.Roles) {
		t.Errorf("%d roles, there were %d", len(server.Roles()), len(before.Roles))
	}
	was, is := rights(before), rights(restored)
	for k := range was {
		if !was[k].Equal(is[k]) {
			t.Errorf("after the way back %s can do %v, and could do %v", k, is[k].Paths(), was[k].Paths())
		}
	}
}

// rights are what each holder can do: what all of its roles grant together.
func rights(s *snapshot.Snapshot) map[plan.Key]permissions.Set {
	paths := map[plan.Key][]permissions.Path{}
	for _, r := range s.Roles {
		for _, h := range r.Holders {
			paths[h.Key.Fold()] = append(paths[h.Key.Fold()], r.Paths...)
		}
	}
	out := map[plan.Key]permissions.Set{}
	for k, p := range paths {
		out[k] = permissions.NewSet(p...)
	}
	return out
}

// promised compares the rights of every holder with what the plan says about them, without
// the code that verifies.
func promised(t *testing.T, p *plan.Plan, before, after *snapshot.Snapshot) {
	t.Helper()
	was, is := rights(before), rights(after)
	told := map[plan.Key]bool{}
	for _, h := range p.Holders {
		k := h.Key.Fold()
		told[k] = true
		if want := permissions.NewSet(p.Sets[h.After]...); !is[k].Equal(want) {
			t.Errorf("%s can do %v, and the plan says %v", k, is[k].Paths(), want.Paths())
		}
		if want := permissions.NewSet(p.Sets[h.Before]...); !was[k].Equal(want) {
			t.Errorf("%s could do %v, and the plan says %v", k, was[k].Paths(), want.Paths())
		}
	}
	for k := range is {
		if !told[k] && !is[k].Equal(was[k]) {
			t.Errorf("%s can do %v and could do %v, and the plan does not say so", k, is[k].Paths(), was[k].Paths())
		}
	}
	for k := range was {
		if _, ok := is[k]; !ok && !told[k] && was[k].Len() > 0 {
			t.Errorf("%s lost everything, and the plan does not say so", k)
		}
	}
}

// grown changes, renames and removes roles of a tenant, each seventh from one on in the same
// way.
func grown(s *snapshot.Snapshot, from int) string {
	var b strings.Builder
	b.WriteString("permissionSets: [{name: Fresh, permissions: [/portal/, /certificates/]}]\nroles:\n")
	absent := ""
	for i, r := range s.Roles {
		switch name := fmt.Sprintf("%q", r.Name); {
		case r.Immutable:
		case (i+from)%7 == 0:
			fmt.Fprintf(&b, "  - {name: %s, permissionSet: Fresh, permissions: [/portal/read/], holders: ['OAuthRole:new@System', {identity: 'KEYEXAMPLE\\fresh', type: User}]}\n", name)
		case (i+from)%7 == 1:
			fmt.Fprintf(&b, "  - {name: %q, was: %s, holders: []}\n", "New "+r.Name, name)
		case (i+from)%7 == 2:
			fmt.Fprintf(&b, "  - {name: %s, existing: add, permissions: [/portal/read/], holders: ['OAuthClientId:robot@System']}\n", name)
		case (i+from)%7 == 3:
			absent += fmt.Sprintf("    - %s\n", name)
		}
	}
	return b.String() + "absent:\n  roles:\n" + absent
}

// TestUsed: what somebody else has used since is not deleted.
func TestUsed(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant(securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true}))...)
	p := planned(t, client, `
absent:
  claims: ["OAuthRole:idle@System"]
  permissionSets: [Unused]
  identities: ['KEYEXAMPLE\leaver']
`)
	if len(p.Steps) != 4 { // the role of the leaver, too
		t.Fatalf("%+v", p.Steps)
	}
	// The role that is written first is followed by somebody else's changes.
	server.Inject(securitytest.Fault{Method: http.MethodPut, Path: "/Security/Roles/{id}/Identities", Times: 1, Interleave: func() {
		if err := server.UpdateRole(8, func(r *securitytest.Role) {
			r.Claims = append(r.Claims, securitytest.Claim{Type: "OAuthRole", Value: "idle", Scheme: "System"})
			r.Identities = append(r.Identities, `KEYEXAMPLE\leaver`)
			r.PermissionSet, r.Permissions = "22222222-2222-2222-2222-222222222222", []string{"/agents/"}
		}); err != nil {
			t.Error(err)
		}
	}})
	result, err := apply.Run(t.Context(), client, p, fresh(t), approved(p))
	if err == nil || result.Count(apply.Done) != 1 || result.Count(apply.Failed) != 3 {
		t.Fatalf("%v: %v", result, err)
	}
	for _, want := range []string{"it holds the role Others", "the role Others is in it"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing: %v", want, err)
		}
	}
	role, _ := server.Role(8)
	if len(role.Claims) != 2 || len(role.Identities) != 1 || len(server.PermissionSets()) != 3 {
		t.Errorf("%+v", role)
	}
}

// TestOtherAccount: an account that the plan was not made for does not lock itself out.
func TestOtherAccount(t *testing.T) {
	t.Parallel()
	server, admin := start(t, tenant(
		securitytest.WithUser(`KEYEXAMPLE\officer`, "p"),
		securitytest.WithIdentities(securitytest.Identity{AccountName: `KEYEXAMPLE\officer`}),
		securitytest.WithRoles(
			securitytest.Role{Name: "Chiefs", Description: "x", Permissions: []string{"/security/"}, Claims: []securitytest.Claim{{Type: "OAuthRole", Value: "chiefs", Scheme: "System"}}},
			securitytest.Role{Name: "Officers", Description: "x", Permissions: []string{"/security/", "/portal/read/"}, Identities: []string{`KEYEXAMPLE\officer`}}))...)
	p := planned(t, admin, `roles: [{name: Officers, permissions: [/portal/read/, /security/read/]}]`)
	client, err := server.Client(security.WithBasicAuth(`KEYEXAMPLE\officer`, "p"), quick)
	if err != nil {
		t.Fatal(err)
	}
	opts := approved(p)
	opts.AllowLockout = false
	if _, err := apply.Run(t.Context(), client, p, fresh(t), opts); !errors.Is(err, apply.ErrLockOut) || !strings.Contains(err.Error(), "make the plan for this account") {
		t.Fatal(err)
	}
	// To take the role from the account does the same. To take it from others does not.
	for text, refused := range map[string]bool{
		`roles: [{name: Officers, holders: []}]`:                                                            true,
		`roles: [{name: Officers, holders: [{identity: 'KEYEXAMPLE\officer'}]}]`:                            false,
		`roles: [{name: Officers, holders: [{identity: 'KEYEXAMPLE\officer'}, "OAuthRole:chiefs@System"]}]`: false,
	} {
		made := planned(t, admin, text)
		opts := approved(made)
		opts.AllowLockout = false
		opts.DryRun = true
		if _, err := apply.Run(t.Context(), client, made, nil, opts); errors.Is(err, apply.ErrLockOut) != refused || err != nil != refused {
			t.Errorf("%s: %v", text, err)
		}
	}
	result, err := apply.Run(t.Context(), client, p, fresh(t), approved(p))
	if err != nil || len(result.Notes) != 1 || !strings.Contains(result.Notes[0], "officer") {
		t.Errorf("%v: %+v", err, result)
	}
}

// TestLockedOutByOthers: a plan that leaves the account the right to change security does
// not lock it out if others took the rest of it since, outside of the plan.
func TestLockedOutByOthers(t *testing.T) {
	t.Parallel()
	const officer = `KEYEXAMPLE\officer`
	server, _ := start(t, tenant(
		securitytest.WithUser(officer, "p"), securitytest.WithIdentities(securitytest.Identity{AccountName: officer}),
		securitytest.WithRoles(
			securitytest.Role{ID: 20, Name: "Chiefs", Description: "x", Permissions: []string{"/security/"}, Identities: []string{officer}},
			securitytest.Role{ID: 21, Name: "Officers", Description: "x", Permissions: []string{"/security/", "/portal/read/"}, Identities: []string{officer}}))...)
	client, err := server.Client(security.WithBasicAuth(officer, "p"), quick)
	if err != nil {
		t.Fatal(err)
	}
	takes := planned(t, client, `roles: [{name: Officers, permissions: [/portal/read/, /security/read/]}]`)
	moves := planned(t, client, `
roles:
  - {name: Officers, permissions: [/portal/read/, /security/read/]}
  - {name: Heads, description: x, permissions: [/security/], holders: [{type: User, value: 'KEYEXAMPLE\officer', scheme: Active Directory}]}
`)
	if takes.LockOut() || moves.LockOut() {
		t.Fatal("the plans lock somebody out")
	}
	if err := server.UpdateRole(20, func(r *securitytest.Role) { r.Identities, r.Claims = nil, nil }); err != nil {
		t.Fatal(err)
	}
	opts := approved(takes)
	opts.AllowLockout = false
	if _, err := apply.Run(t.Context(), client, takes, fresh(t), opts); !errors.Is(err, apply.ErrLockOut) || !strings.Contains(err.Error(), "others changed since") {
		t.Fatal(err)
	}
	opts = approved(moves)
	opts.AllowLockout = false
	if _, err := apply.Run(t.Context(), client, moves, fresh(t), opts); err != nil {
		t.Fatal(err)
	}
}

// TestAssumed: a server that does not say what the account may do is taken at its word
// when it is asked to write, and the result says so.
func TestAssumed(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant()...)
	p := planned(t, client, `claims: ["OAuthRole:first@System"]`)
	server.Inject(securitytest.Fault{Path: "/PermissionSets/My", Status: http.StatusInternalServerError})
	server.Inject(securitytest.Fault{Path: "/Security/My", Status: http.StatusForbidden})
	result := run(t, client, p, fresh(t))
	if len(result.Notes) != 1 || !strings.Contains(result.Notes[0], "is assumed") {
		t.Errorf("%+v", result.Notes)
	}
}

// TestNormalized: what the server makes of an account without a domain is found again.
func TestNormalized(t *testing.T) {
	t.Parallel()
	server, client := start(t, tenant(securitytest.WithQuirks(securitytest.Quirks{NormalizeADClaims: "KEYEXAMPLE"}))...)
	p := planned(t, client, `roles: [{name: Others, existing: add, holders: [{type: User, value: newcomer, scheme: Active Directory}]}]`)
	server.Inject(securitytest.Fault{Method: http.MethodPost, Path: "/Security/Claims", Commit: true, Reset: true, Times: 1})
	result := run(t, client, p, fresh(t))
	role, _ := server.Role(8)
	if result.Count(apply.Done) != 2 || len(role.Claims) != 2 || !slices.ContainsFunc(role.Claims, func(c securitytest.Claim) bool { return c.Value == `KEYEXAMPLE\NEWCOMER` }) {
		t.Errorf("%v: %+v", result, role)
	}
}

// TestConcurrency: there are no more requests under way than the client allows.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	p := newPlace(t, tenant())
	var now, most atomic.Int32
	before := func(int32) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(time.Millisecond)
	}
	after := func(int32) { now.Add(-1) }
	client := p.client()
	made := planned(t, client, wish)
	p.before.Store(&before)
	p.after.Store(&after)
	opts := approved(made)
	opts.Call = []security.CallOption{security.WithConcurrency(2)}
	if _, err := apply.Run(t.Context(), client, made, fresh(t), opts); err != nil {
		t.Fatal(err)
	}
	if most.Load() != 2 {
		t.Errorf("%d requests were under way at a time", most.Load())
	}
}

// TestIdentitiesOwed: on a server that keeps identities apart, those who hold a role as
// identities keep what they have if the role does not become what they were to get instead.
func TestIdentitiesOwed(t *testing.T) {
	t.Parallel()
	server, client := start(t, append(tenant(), kinds["25.4, separated"]...)...)
	staff := securitytest.Role{Name: "Staff", Description: "Goes", Permissions: []string{"/reports/read/"}, Identities: []string{`KEYEXAMPLE\jsmith`}}
	if _, err := server.AddRole(staff); err != nil {
		t.Fatal(err)
	}
	p := planned(t, client, `
roles: [{name: Accounts, permissions: [/portal/read/, /reports/read/]}]
absent: {roles: [Staff]}
`)
	server.Inject(securitytest.Fault{Method: http.MethodPut, Path: "/Security/Roles", Times: 1, Status: http.StatusBadRequest})
	result, err := apply.Run(t.Context(), client, p, fresh(t), approved(p))
	if err == nil || result.Count(apply.Failed) != 1 || result.Count(apply.Done) != 0 {
		t.Fatalf("%v: %v", result, err)
	}
	for _, r := range server.Roles() {
		if r.Name == "Staff" && len(r.Identities) == 1 {
			return
		}
	}
	t.Error("somebody lost a role for nothing")
}
