package plan_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// simulated are servers that differ in what a plan has to know.
var simulated = map[string][]securitytest.Option{
	"10.5":            {securitytest.WithVersion("10.5.0")},
	"11.0":            {securitytest.WithVersion("11.0.0")},
	"25.4":            {securitytest.WithVersion("25.4.1")},
	"25.4, separated": {securitytest.WithVersion("25.4.1"), securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true})},
}

func client(t *testing.T, opts []securitytest.Option) *security.Client {
	t.Helper()
	client, err := securitytest.Start(t, append([]securitytest.Option{securitytest.WithLegacyTenant(1, 60)}, opts...)...).Client()
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func taken(t *testing.T, client *security.Client) *snapshot.Snapshot {
	t.Helper()
	s, err := take.From(t.Context(), client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// load reads a desired state from a text.
func load(t *testing.T, text string) *plan.Desired {
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

// TestExportOfServers: a simulated server comes under control with an empty plan.
func TestExportOfServers(t *testing.T) {
	t.Parallel()
	for name, opts := range simulated {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := taken(t, client(t, opts))
			d, err := plan.Export(s)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := d.WriteYAML(&text); err != nil {
				t.Fatal(err)
			}
			p, err := plan.Make(s, load(t, text.String()), nil)
			if err != nil {
				t.Fatal(err)
			}
			var notes []string // what a server of that version does not have is not missing
			if name == "10.5" {
				notes = []string{"The server is taken for Command 10: a plan changes who holds a role there, and nothing else."}
			}
			if !slices.Equal(d.Notes, notes) {
				t.Errorf("notes: %q", d.Notes)
			}
			if !p.Empty() || len(d.Roles) < 50 {
				t.Errorf("%d roles, %d steps, the first %+v", len(d.Roles), len(p.Steps), p.Steps)
			}
		})
	}
}

// TestCarriedOut carries a plan out on simulated servers: its steps hold all that the
// services need, and what they lead to is what was promised. So is the way back.
func TestCarriedOut(t *testing.T) {
	t.Parallel()
	for name, opts := range simulated {
		if name == "10.5" {
			continue // a plan changes identities of roles only there
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := client(t, opts)
			before := taken(t, client)
			p, err := plan.Make(before, wanted(t, before), nil)
			if err != nil {
				t.Fatal(err)
			}
			if p.Blocked() > 0 || len(p.Steps) < 20 {
				t.Fatalf("%d of %d steps are blocked", p.Blocked(), len(p.Steps))
			}
			c := carrier{client: client, steps: map[int]*plan.Object{}}
			done := c.all(t, p)
			after := taken(t, client)
			if r := plan.Verify(p, after); len(r.Findings) > 0 {
				t.Fatalf("%+v", r.Findings)
			}
			back, err := plan.Back(done, after)
			if err != nil {
				t.Fatal(err)
			}
			c.all(t, back)
			for _, r := range snapshot.Compare(before, taken(t, client)).Roles { // ids differ, and names that version 2 does not know
				again := slices.DeleteFunc(r.Fields, func(f snapshot.FieldChange) bool { return f.Field == "id" })
				if r.Kind != snapshot.KindChanged || len(again)+len(r.AddedPaths)+len(r.RemovedPaths)+len(r.AddedHolders)+len(r.RemovedHolders) > 0 {
					t.Errorf("after the way back, the role %s is %s: %+v", r.Name, r.Kind, r)
				}
			}
		})
	}
}

// wanted changes something of every kind.
func wanted(t *testing.T, s *snapshot.Snapshot) *plan.Desired {
	t.Helper()
	var b strings.Builder
	b.WriteString(`permissionSets: [{name: Fresh, permissions: [/portal/, /certificates/]}]
claims: [{type: OAuthRole, value: described, scheme: System, description: Described}]
roles:
`)
	for i, r := range s.Roles {
		switch name := fmt.Sprintf("%q", r.Name); {
		case r.Immutable:
		case i%7 == 0:
			fmt.Fprintf(&b, "  - {name: %s, permissionSet: Fresh, permissions: [/portal/read/, '/certificates/collections/read/3/'], "+
				"holders: ['OAuthRole:new@System', {identity: 'KEYEXAMPLE\\fresh', type: User}]}\n", name)
		case i%7 == 1:
			fmt.Fprintf(&b, "  - {name: %q, was: %s, holders: []}\n", "New "+r.Name, name)
		case i%7 == 2:
			fmt.Fprintf(&b, "  - {name: %s, existing: add, permissions: [/dashboard/read/], holders: ['OAuthClientId:robot@System']}\n", name)
		}
	}
	b.WriteString("  - {name: Made, permissionSet: Fresh, permissions: [/portal/], holders: ['OAuthRole:new@System', {identity: 'KEYEXAMPLE\\fresh', type: User}]}\nabsent:\n  roles:\n")
	for i, r := range s.Roles {
		if i%7 == 3 && !r.Immutable {
			fmt.Fprintf(&b, "    - %q\n", r.Name)
		}
	}
	for _, c := range s.Claims {
		if !c.Key.Type.AD() && c.ClaimID > 0 {
			fmt.Fprintf(&b, "  claims: [{type: %s, value: %q, scheme: %q}]\n", c.Key.Type, c.Key.Value, c.Key.Scheme)
			break
		}
	}
	return load(t, strings.ReplaceAll(b.String(), "/dashboard/read/", "/portal/read/"))
}

// carrier carries plans out in the simplest way.
type carrier struct {
	client *security.Client
	steps  map[int]*plan.Object
}

func (c *carrier) all(t *testing.T, p *plan.Plan) []plan.Entry {
	t.Helper()
	var done []plan.Entry
	created := map[string]string{} // permission sets
	for _, step := range p.Steps {
		if step.Blocked != "" {
			continue
		}
		after, err := c.step(t.Context(), &step, created)
		if err != nil {
			t.Fatalf("step %d, %s: %v", step.Number, step.Words(), err)
		}
		done = append(done, plan.Entry{Step: step, Before: step.Before, After: after})
	}
	return done
}

func (c *carrier) step(ctx context.Context, step *plan.Step, created map[string]string) (*plan.Object, error) {
	after := step.After
	switch step.Kind {
	case plan.KindPermissionSet:
		service := permissionsets.NewV1(c.client)
		if step.Action == plan.Delete {
			return nil, service.Delete(ctx, step.Before.PermissionSet.ID)
		}
		state := *after.PermissionSet
		if step.Action == plan.Create {
			set, err := service.Create(ctx, permissionsets.Create{Name: state.Name, Permissions: state.Permissions})
			if err != nil {
				return nil, err
			}
			state.ID = set.ID
			created[state.Name] = set.ID
		} else if _, err := service.Update(ctx, permissionsets.Update{ID: state.ID, Permissions: state.Permissions}); err != nil {
			return nil, err
		}
		return &plan.Object{PermissionSet: &state}, nil
	case plan.KindClaim:
		service := claims.NewV1(c.client)
		if step.Action == plan.Delete {
			return nil, service.Delete(ctx, step.Before.Claim.ID)
		}
		state := *after.Claim
		if step.Action == plan.Create {
			claim, err := service.Create(ctx, claims.Request{Type: state.Key.Type, Value: state.Key.Value, Scheme: state.Key.Scheme, Description: state.Description})
			if err != nil {
				return nil, err
			}
			state.ID = claim.ID
		} else if _, err := service.Update(ctx, claims.Update{ID: state.ID, Description: state.Description}); err != nil {
			return nil, err
		}
		return &plan.Object{Claim: &state}, nil
	case plan.KindIdentity:
		service := identities.NewV1(c.client)
		if step.Action == plan.Delete {
			return nil, service.Delete(ctx, step.Before.Identity.ID)
		}
		identity, err := service.Create(ctx, identities.Create{AccountName: after.Identity.Key.Value})
		if err != nil {
			return nil, err
		}
		return &plan.Object{Identity: &plan.IdentityState{ID: identity.ID, Key: after.Identity.Key}}, nil
	case plan.KindMembers:
		state := *after.Members
		if state.RoleID == 0 {
			role, err := roles.NewV2(c.client).Find(ctx, state.Role)
			if err != nil {
				return nil, err
			}
			state.RoleID = role.ID
		}
		var ids []int
		for _, i := range state.Identities {
			if i.ID == 0 {
				found, err := identities.NewV1(c.client).Find(ctx, i.Key.Value)
				if err != nil {
					return nil, err
				}
				i.ID = found.ID
			}
			ids = append(ids, i.ID)
		}
		_, err := roles.NewV1(c.client).SetIdentities(ctx, state.RoleID, ids)
		return &plan.Object{Members: &state}, err
	default:
		return c.role(ctx, step, created)
	}
}

func (c *carrier) role(ctx context.Context, step *plan.Step, created map[string]string) (*plan.Object, error) {
	service := roles.NewV2(c.client)
	if step.Action == plan.Delete {
		return nil, service.Delete(ctx, step.Before.Role.ID)
	}
	state := *step.After.Role
	if state.PermissionSetID == "" {
		state.PermissionSetID = created[state.PermissionSet]
	}
	var email *string
	if state.EmailAddress != "" {
		email = &state.EmailAddress
	}
	var held []claims.Request
	for _, claim := range state.Claims {
		held = append(held, claims.Request{Type: claim.Key.Type, Value: claim.Key.Value, Scheme: claim.Key.Scheme, Description: cmp.Or(claim.Description, "x")})
	}
	create := roles.CreateV2{
		Name: state.Name, Description: state.Description, EmailAddress: email, PermissionSetID: state.PermissionSetID, Permissions: state.Paths, Claims: held,
	}
	if step.Action == plan.Create {
		role, err := service.Create(ctx, create)
		if err != nil {
			return nil, err
		}
		state.ID = role.ID
		return &plan.Object{Role: &state}, nil
	}
	_, err := service.Update(ctx, roles.UpdateV2{
		ID: state.ID, Name: create.Name, Description: create.Description, EmailAddress: email, PermissionSetID: create.PermissionSetID,
		Permissions: create.Permissions, Claims: held,
	})
	return &plan.Object{Role: &state}, err
}
