package apply_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// other is another program that writes to the same server, past what the place counts.
type other struct {
	*securitytest.Handler
	claims *claims.V1
	sets   *permissionsets.V1
}

func (p *place) other() *other {
	p.t.Helper()
	server := httptest.NewServer(p.handler)
	p.t.Cleanup(server.Close)
	client, err := plain(server.URL + "/KeyfactorAPI")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.CloseIdleConnections)
	return &other{p.handler, claims.NewV1(client), permissionsets.NewV1(client)}
}

// claim is the id of a claim, 0 if it is not there.
func (o *other) claim(value string) int {
	for _, c := range o.Claims() {
		if c.Value == value {
			return c.ID
		}
	}
	return 0
}

func (o *other) describe(value, description string) error {
	_, err := o.claims.Update(context.Background(), claims.Update{ID: o.claim(value), Description: description})
	return err
}

func (o *other) described(value, description string) bool {
	return slices.ContainsFunc(o.Claims(), func(c securitytest.Claim) bool { return c.Value == value && c.Description == description })
}

func (o *other) allow(set string, paths ...permissions.Path) error {
	_, err := o.sets.Update(context.Background(), permissionsets.Update{ID: set, Permissions: paths})
	return err
}

func (o *other) allows(name, path string) bool {
	return slices.ContainsFunc(o.PermissionSets(), func(s securitytest.PermissionSet) bool {
		return s.Name == name && slices.Contains(s.Permissions, path)
	})
}

func (o *other) account(name string) bool {
	return slices.ContainsFunc(o.Identities(), func(i securitytest.Identity) bool { return i.AccountName == name })
}

func (o *other) role(id int) securitytest.Role {
	r, _ := o.Role(id)
	return r
}

const (
	narrowID = "11111111-1111-1111-1111-111111111111"
	unusedID = "22222222-2222-2222-2222-222222222222"
)

// race is a step, and another program that writes to its object.
type race struct {
	wish   string
	write  func(*other) error // what the other program does
	stands func(*other) bool  // and whether that is still there
	reads  string             // the request that shows it: its method and the end of its path
	window int                // requests from that reading to the write, which is one of them
	// refused: the server refuses the write of the plan in the window, or the other program's after it.
	refused bool
	agrees  bool // the other program does what the step does
}

// races has every kind of step.
var races = map[string]race{
	"change a role": {
		wish:   `roles: [{name: Auditors, description: Planned}]`,
		write:  func(o *other) error { return o.UpdateRole(4, func(r *securitytest.Role) { r.Description = "Other" }) },
		stands: func(o *other) bool { return o.role(4).Description == "Other" },
		reads:  "GET /Security/Roles/4", window: 1,
	},
	"give a role permissions": { // in a permission set that does not allow everything
		wish:   `roles: [{name: Readers, permissions: [/portal/read/, /reports/read/]}]`,
		write:  func(o *other) error { return o.UpdateRole(6, func(r *securitytest.Role) { r.Permissions = nil }) },
		stands: func(o *other) bool { return len(o.role(6).Permissions) == 0 },
		reads:  "GET /Security/Roles/6", window: 1,
	},
	"delete a role": {
		wish:   `absent: {roles: [Temporary]}`,
		write:  func(o *other) error { return o.UpdateRole(5, func(r *securitytest.Role) { r.Description = "Other" }) },
		stands: func(o *other) bool { return o.role(5).Description == "Other" },
		reads:  "GET /Security/Roles/5", window: 1, refused: true,
	},
	"create a role": {
		wish: `roles: [{name: Made, description: Planned, permissions: [/portal/read/], holders: []}]`,
		write: func(o *other) error {
			_, err := o.AddRole(securitytest.Role{Name: "Made", Description: "Other", Permissions: []string{"/portal/read/"}})
			return err
		},
		stands: func(o *other) bool {
			return slices.ContainsFunc(o.Roles(), func(r securitytest.Role) bool { return r.Name == "Made" && r.Description == "Other" })
		},
		reads: "GET /Security/Roles", window: 1, refused: true,
	},
	"change the identities of a role": {
		wish: `roles: [{name: Accounts, holders: [{identity: 'KEYEXAMPLE\jsmith'}]}]`,
		write: func(o *other) error {
			return o.UpdateRole(7, func(r *securitytest.Role) { r.Identities = append(r.Identities, `KEYEXAMPLE\guest`) })
		},
		stands: func(o *other) bool { return slices.Contains(o.role(7).Identities, `KEYEXAMPLE\guest`) },
		reads:  "GET /Security/Roles/7", window: 1,
	},
	"describe a claim": {
		wish:   `claims: [{type: OAuthRole, value: ops, scheme: System, description: Planned}]`,
		write:  func(o *other) error { return o.describe("ops", "Other") },
		stands: func(o *other) bool { return o.described("ops", "Other") },
		reads:  "GET /Security/Claims/{id}", window: 1,
	},
	"create a claim": {
		wish: `claims: [{type: OAuthRole, value: made, scheme: System, description: Planned}]`,
		write: func(o *other) error {
			_, err := o.AddClaim(securitytest.Claim{Type: "OAuthRole", Value: "made", Scheme: "System", Description: "Other"})
			return err
		},
		stands: func(o *other) bool { return o.described("made", "Other") },
		reads:  "GET /Security/Claims", window: 1, refused: true,
	},
	"delete a claim": {
		wish:   `absent: {claims: ["OAuthRole:idle@System"]}`,
		write:  func(o *other) error { return o.describe("idle", "Other") },
		stands: func(o *other) bool { return o.described("idle", "Other") },
		reads:  "GET /Security/Claims/{id}", window: 2, refused: true,
	},
	"delete a claim that gets a role": {
		wish: `absent: {claims: ["OAuthRole:idle@System"]}`,
		write: func(o *other) error {
			if o.claim("idle") == 0 {
				return errors.New("it is gone")
			}
			return o.UpdateRole(8, func(r *securitytest.Role) {
				r.Claims = append(r.Claims, securitytest.Claim{Type: "OAuthRole", Value: "idle", Scheme: "System"})
			})
		},
		stands: func(o *other) bool { return len(o.role(8).Claims) == 2 },
		reads:  "GET /Security/Claims/Roles", window: 1, refused: true,
	},
	"change a permission set": {
		wish:   `permissionSets: [{name: Narrow, permissions: [/portal/, /reports/, /dashboard/]}]`,
		write:  func(o *other) error { return o.allow(narrowID, "/portal/", "/agents/") },
		stands: func(o *other) bool { return o.allows("Narrow", "/agents/") },
		reads:  "GET /PermissionSets/" + narrowID, window: 1,
	},
	"create a permission set": {
		wish: `permissionSets: [{name: Made, permissions: [/portal/]}]`,
		write: func(o *other) error {
			_, err := o.sets.Create(context.Background(), permissionsets.Create{Name: "Made", Permissions: []permissions.Path{"/agents/"}})
			return err
		},
		stands: func(o *other) bool { return o.allows("Made", "/agents/") },
		reads:  "GET /PermissionSets", window: 1, refused: true,
	},
	"delete a permission set": {
		wish:   `absent: {permissionSets: [Unused]}`,
		write:  func(o *other) error { return o.allow(unusedID, "/portal/") },
		stands: func(o *other) bool { return o.allows("Unused", "/portal/") },
		reads:  "GET /PermissionSets/" + unusedID, window: 2, refused: true,
	},
	"delete a permission set that gets a role": {
		wish: `absent: {permissionSets: [Unused]}`,
		write: func(o *other) error {
			return o.UpdateRole(8, func(r *securitytest.Role) { r.PermissionSet, r.Permissions = unusedID, []string{"/agents/"} })
		},
		stands: func(o *other) bool { return o.role(8).PermissionSet == unusedID },
		reads:  "GET /Security/Roles", window: 1, refused: true,
	},
	"create an identity": {
		wish: `roles: [{name: Accounts, existing: add, holders: [{identity: 'KEYEXAMPLE\fresh', type: User}]}]`,
		write: func(o *other) error {
			_, err := o.AddIdentity(securitytest.Identity{AccountName: `KEYEXAMPLE\fresh`})
			return err
		},
		stands: func(o *other) bool { return o.account(`KEYEXAMPLE\fresh`) },
		reads:  "GET /Security/Identities", window: 1, refused: true, agrees: true,
	},
	"delete an identity that gets a role": {
		wish: `absent: {identities: ['KEYEXAMPLE\guest']}`,
		write: func(o *other) error {
			if !o.account(`KEYEXAMPLE\guest`) {
				return errors.New("it is gone")
			}
			return o.UpdateRole(8, func(r *securitytest.Role) { r.Identities = append(r.Identities, `KEYEXAMPLE\guest`) })
		},
		stands: func(o *other) bool { return slices.Contains(o.role(8).Identities, `KEYEXAMPLE\guest`) },
		reads:  "GET /Security/Identities", window: 1, refused: true,
	},
}

// is reports whether a request is the one of a race.
func is(r securitytest.Request, want string) bool {
	method, path, _ := strings.Cut(want, " ")
	return r.Method == method && (r.Template == path || strings.HasSuffix(r.Path, path))
}

// TestWindow lets another program write at every moment of a run, for every kind of step:
// up to the last reading before the write of the plan that is noticed, told, and never
// overwritten. In the window between the two, which is as short as the documents say, it
// is lost, or the server refuses the write. After that it stands, and is told or found by
// the verification.
func TestWindow(t *testing.T) {
	t.Parallel()
	for version, opts := range map[string][]securitytest.Option{
		"11.0": {securitytest.WithVersion("11.0.0")},
		"25.4": {securitytest.WithVersion("25.4.1")},
	} {
		opts = append(slices.Clone(opts), securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true}),
			securitytest.WithIdentities(securitytest.Identity{AccountName: `KEYEXAMPLE\guest`}))
		for name, c := range races {
			t.Run(version+", "+name, func(t *testing.T) {
				t.Parallel()
				quiet := raced(t, opts, c, 0)
				if quiet.err != nil || len(quiet.findings) > 0 {
					t.Fatalf("undisturbed: %v, %v", quiet.err, quiet.findings)
				}
				write := 1 + slices.IndexFunc(quiet.requests, func(r securitytest.Request) bool { return r.Method != http.MethodGet })
				read := 0
				for i, r := range quiet.requests[:write-1] {
					if is(r, c.reads) {
						read = i + 1
					}
				}
				if read == 0 || write-read != c.window {
					t.Errorf("the write is request %d, and %s is request %d of\n%s", write, c.reads, read, listed(quiet.requests))
				}
				for n := 1; n <= len(quiet.requests)+1; n++ {
					got := raced(t, opts, c, n)
					switch {
					case c.agrees:
						if got.err != nil || !got.stands {
							t.Errorf("right before request %d: it stands: %v; %s", n, got.stands, got.told)
						}
					case n <= read && (got.err == nil || !got.stands || !strings.Contains(got.told, "somebody else")):
						t.Errorf("right before request %d, at or before the last reading, which is %d: it stands: %v; %s", n, read, got.stands, got.told)
					case n > read && n <= write && c.refused && got.err == nil && got.stands:
						t.Errorf("right before request %d, in the window: it stands, and nothing is told", n)
					case n > read && n <= write && !c.refused && (got.err != nil || got.stands):
						t.Errorf("right before request %d, in the window: it stands: %v; %s", n, got.stands, got.told)
					case n > write && c.refused && got.refused == nil:
						t.Errorf("right before request %d, after the write: the server did not refuse it", n)
					case n > write && !c.refused && (!got.stands || len(got.findings) == 0):
						t.Errorf("right before request %d, after the write: it stands: %v, the verification finds %v; %s", n, got.stands, got.findings, got.told)
					case n > write && !c.refused && n <= len(quiet.requests) && !strings.Contains(got.told, "as planned") && !strings.Contains(got.told, "something else"):
						t.Errorf("right before request %d, after the write: it is not told: %s", n, got.told)
					}
				}
			})
		}
	}
}

// outcome is how a race ended.
type outcome struct {
	err      error  // of the run
	told     string // in it, and of the steps
	stands   bool
	refused  error // how the other program's write failed
	findings []string
	requests []securitytest.Request
}

// raced carries out the step of a race. The other program writes right before request n
// is processed, or after all of them; never if n is 0.
func raced(t *testing.T, opts []securitytest.Option, c race, n int) outcome {
	t.Helper()
	var got outcome
	p := newPlace(t, tenant(opts...))
	defer p.server.Close()
	client := p.client()
	defer client.CloseIdleConnections()
	made := planned(t, client, c.wish)
	o := p.other()
	p.handler.ResetRequests()
	p.requests.Store(0)
	interfere := func(is int32) {
		if int(is) == n {
			got.refused = c.write(o)
		}
	}
	p.before.Store(&interfere)
	options := approved(made)
	options.Call = []security.CallOption{security.WithConcurrency(1)}
	journal, err := apply.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := apply.Run(t.Context(), client, made, journal, options)
	got.err, got.told = err, fmt.Sprint(err)
	if result != nil {
		for _, s := range result.Steps {
			got.told += "\n" + s.Text
		}
	}
	if err := journal.Close(); err != nil {
		t.Error(err)
	}
	got.requests = p.handler.Requests()
	p.before.Store(nil)
	if n > len(got.requests) {
		got.refused = c.write(o)
	}
	got.stands = c.stands(o)
	for _, f := range plan.Verify(made, taken(t, client)).Findings {
		got.findings = append(got.findings, fmt.Sprint(f))
	}
	return got
}

func listed(requests []securitytest.Request) string {
	var b strings.Builder
	for i, r := range requests {
		fmt.Fprintf(&b, "%d: %s %s\n", i+1, r.Method, r.Path)
	}
	return b.String()
}

// TestOutsideSet: a permission set that somebody else narrowed meanwhile is not asked for
// right before the write. The server refuses what lies outside.
func TestOutsideSet(t *testing.T) {
	t.Parallel()
	p := newPlace(t, tenant())
	client := p.client()
	defer client.CloseIdleConnections()
	made := planned(t, client, `roles: [{name: Readers, permissions: [/portal/read/, /reports/read/]}]`)
	if err := p.other().allow(narrowID, "/portal/"); err != nil {
		t.Fatal(err)
	}
	result, err := apply.Run(t.Context(), client, made, fresh(t), approved(made))
	if !errors.Is(err, security.ErrInvalid) || result.Count(apply.Failed) != 1 {
		t.Errorf("%v: %v", result, err)
	}
	if r, _ := p.handler.Role(6); !slices.Equal(r.Permissions, []string{"/portal/read/"}) {
		t.Errorf("the role has %v", r.Permissions)
	}
}
