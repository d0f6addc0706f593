package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/access"
	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// op is one operation.
type op struct {
	*world

	i      int
	draw   *rand.Rand
	ctx    context.Context // lives as long as the operation
	client *security.Client
}

// kinds are the operations to choose from. One that is listed twice comes twice as often.
var kinds = []func(*op){
	(*op).roleLife, (*op).roleLife, (*op).oldRoleLife, (*op).claimLife, (*op).claimLife, (*op).setLife, (*op).identityLife, (*op).providerLife,
	(*op).editShared, (*op).editShared, (*op).editShared, (*op).editShared, (*op).editShared, (*op).editContested, (*op).editContested, (*op).countUp, (*op).countUp,
	(*op).editMany,
	(*op).ensureRole, (*op).ensureRole, (*op).ensureClaim, (*op).ensureSet, (*op).ensureIdentity, (*op).ensureMany,
	(*op).look, (*op).look, (*op).look, (*op).look, (*op).look, (*op).walk, (*op).walk,
}

// name is a name that no other operation uses.
func (o *op) name(kind string) string { return fmt.Sprintf("%s-%d-", kind, o.i) }

// goesOn says whether the life of an object goes on: not after an outcome that is not sure, and not always.
func (o *op) goesOn(result outcome) bool { return result == done && o.draw.IntN(5) > 0 }

// write notes the result of a write.
func (o *op) write(verb, what, before, after string, err error) outcome {
	o.said(err, security.Change{})
	return o.wrote(fmt.Sprintf("%s operation %d", verb, o.i), what, before, after, err)
}

// removed is like write, for a deletion.
func (o *op) removed(verb, what, before string, err error) { o.write(verb, what, before, absent, err) }

func (o *op) roleLife() {
	service, name := roles.NewV2(o.client), o.name("role")
	what := "role " + name
	create := roles.CreateV2{
		Name: name, Description: "created", Permissions: []permissions.Path{"/portal/read/"},
		Claims: []claims.Request{{Type: claims.TypeOAuthRole, Value: name, Scheme: "System", Description: "of a role"}},
	}
	role, err := service.Create(o.ctx, create)
	if !o.goesOn(o.write("roles.Create", what, absent, "created", err)) {
		return
	}
	update := role.ToUpdate()
	update.Description = "updated"
	role, err = service.Update(o.ctx, update)
	if !o.goesOn(o.write("roles.Update", what, "created", "updated", err)) {
		return
	}
	copied, err := roles.NewV1(o.client).Copy(o.ctx, role.ID, roles.CopyV1{Name: name + "copy", Description: "copied"})
	if o.write("roles.Copy", what+"copy", absent, "copied", err) == done && copied.ID == role.ID {
		o.problem("the copy of role %d is role %d", role.ID, copied.ID)
	}
	o.removed("roles.Delete", what, "updated", service.Delete(o.ctx, role.ID))
}

func (o *op) oldRoleLife() {
	service, name := roles.NewV1(o.client), o.name("old")
	what := "role " + name
	role, err := service.Create(o.ctx, roles.CreateV1{Name: name, Description: "created", Permissions: []permissions.Legacy{"AdminPortal:Read"}})
	if !o.goesOn(o.write("rolesV1.Create", what, absent, "created", err)) {
		return
	}
	_, err = service.Update(o.ctx, roles.UpdateV1{ID: role.ID, Name: name, Description: "updated", Permissions: []permissions.Legacy{"AdminPortal:Read"}})
	if !o.goesOn(o.write("rolesV1.Update", what, "created", "updated", err)) {
		return
	}
	o.removed("rolesV1.Delete", what, "updated", service.Delete(o.ctx, role.ID))
}

func (o *op) claimLife() {
	service, name := claims.NewV1(o.client), o.name("claim")
	what := "claim " + name
	claim, err := service.Create(o.ctx, claims.Request{Type: claims.TypeOAuthRole, Value: name, Scheme: "System", Description: "created"})
	if !o.goesOn(o.write("claims.Create", what, absent, "created", err)) {
		return
	}
	_, err = service.Update(o.ctx, claims.Update{ID: claim.ID, Description: "updated"})
	if !o.goesOn(o.write("claims.Update", what, "created", "updated", err)) {
		return
	}
	o.removed("claims.Delete", what, "updated", service.Delete(o.ctx, claim.ID))
}

func (o *op) setLife() {
	service, name := permissionsets.NewV1(o.client), o.name("set")
	what := "set " + name
	set, err := service.Create(o.ctx, permissionsets.Create{Name: name, Permissions: []permissions.Path{"/portal/read/"}})
	if !o.goesOn(o.write("permissionsets.Create", what, absent, "/portal/read/", err)) {
		return
	}
	_, err = service.Update(o.ctx, permissionsets.Update{ID: set.ID, Permissions: []permissions.Path{"/security/read/"}})
	if !o.goesOn(o.write("permissionsets.Update", what, "/portal/read/", "/security/read/", err)) {
		return
	}
	o.removed("permissionsets.Delete", what, "/security/read/", service.Delete(o.ctx, set.ID))
}

func (o *op) identityLife() {
	service, name := identities.NewV1(o.client), `KEYEXAMPLE\`+o.name("identity")
	what := "identity " + name
	identity, err := service.Create(o.ctx, identities.Create{AccountName: name})
	if !o.goesOn(o.write("identities.Create", what, absent, "there", err)) {
		return
	}
	o.removed("identities.Delete", what, "there", service.Delete(o.ctx, identity.ID))
}

func (o *op) providerLife() {
	service, name := providers.NewV1(o.client), o.name("provider")
	what := "provider " + name
	secret := "client-secret-of-" + name + "provider"
	o.mu.Lock()
	o.secrets[secret] = struct{}{}
	o.mu.Unlock()
	parameters := &providers.Parameters{
		Authority: "https://idp.example.com", AuthorizationEndpoint: "https://idp.example.com/authorize",
		TokenEndpoint: "https://idp.example.com/token", JSONWebKeySetURI: "https://idp.example.com/keys",
		ClientID: "command", ClientSecret: providers.NewSecret(secret),
		NameClaimType: "name", RoleClaimType: "roles", UniqueClaimType: "sub", FallbackUniqueClaimType: "cid",
	}
	provider, err := service.Create(o.ctx, providers.Create{AuthenticationScheme: name, DisplayName: name, ProviderType: "Generic", Parameters: parameters})
	o.print(fmt.Sprintf("%v %+v", provider, parameters))
	if !o.goesOn(o.write("providers.Create", what, absent, name, err)) {
		return
	}
	update := provider.ToUpdate()
	update.DisplayName, update.Parameters = name+"updated", parameters
	_, err = service.Update(o.ctx, provider.ID, update)
	o.write("providers.Update", what, name, name+"updated", err)
}

// edit adds a claim and a permission of its own to a role, and may take them away again if it is to go on.
func (o *op) edit(verb string, service *roles.V2, role sharedRole, goOn bool) {
	claim := claims.Request{Type: claims.TypeOAuthRole, Value: o.name("edit"), Scheme: "System", Description: "by an edit"}
	path := permissions.Path(fmt.Sprintf("/certificates/collections/read/%d/", 100_000+o.i))
	claimed, granted := fmt.Sprintf("role %s claim %s", role.name, claim.Value), fmt.Sprintf("role %s path %s", role.name, path)
	note := func(verb string, before, after string, change security.Change, err error, facts ...string) (result outcome) {
		o.said(err, change)
		for _, f := range facts {
			result = o.write(verb, f, before, after, err)
		}
		if result == done && change.Action != security.Updated {
			o.problem("%s operation %d says %q", verb, o.i, change)
		}
		return result
	}
	var change security.Change
	var err error
	switch o.draw.IntN(3) {
	case 0:
		_, change, err = service.AddClaims(o.ctx, role.id, []claims.Request{claim})
		if o.goesOn(note(verb+"AddClaims", absent, "held", change, err, claimed)) && goOn {
			_, change, err = service.RemoveClaims(o.ctx, role.id, []claims.Key{claim.Key()})
			note(verb+"RemoveClaims", "held", absent, change, err, claimed)
		}
	case 1:
		_, change, err = service.Grant(o.ctx, role.id, []permissions.Path{path})
		if o.goesOn(note(verb+"Grant", absent, "held", change, err, granted)) && goOn {
			_, change, err = service.Revoke(o.ctx, role.id, []permissions.Path{path})
			note(verb+"Revoke", "held", absent, change, err, granted)
		}
	default:
		_, change, err = service.Edit(o.ctx, role.id, func(u *roles.UpdateV2) error {
			u.Permissions, u.Claims = append(u.Permissions, path), append(u.Claims, claim)
			return nil
		})
		note(verb+"Edit", absent, "held", change, err, claimed, granted)
	}
}

// editShared edits a role that many edit through one client.
func (o *op) editShared() {
	role := o.shared[o.draw.IntN(len(o.shared))]
	o.edit("roles.", roles.NewV2(role.client), role, true)
}

// editContested edits a role that two clients edit. What one of them adds and takes away again, the other may see as
// added and undone.
func (o *op) editContested() {
	client := o.settling[o.draw.IntN(len(o.settling))]
	o.edit("settling.", roles.NewV2(client), o.contested[o.draw.IntN(len(o.contested))], false)
}

// countUp increments a number in a role. No increment is lost, and none happens twice.
func (o *op) countUp() {
	role := o.shared[o.draw.IntN(len(o.shared))]
	_, change, err := roles.NewV2(role.client).Edit(o.ctx, role.id, func(u *roles.UpdateV2) error {
		n, err := strconv.Atoi(u.Description)
		u.Description = strconv.Itoa(n + 1)
		return err
	})
	o.said(err, change)
	o.count("roles.Edit(count)", "role "+role.name, err)
}

// editMany adds a claim to several roles.
func (o *op) editMany() {
	claim := claims.Request{Type: claims.TypeOAuthRole, Value: o.name("many"), Scheme: "System", Description: "by many edits"}
	first := o.shared[o.draw.IntN(len(o.shared))]
	names, ids := map[int]string{}, []int(nil)
	for _, role := range o.shared {
		if role.client == first.client && len(ids) < 3 {
			names[role.id], ids = role.name, append(ids, role.id)
		}
	}
	results, err := roles.NewV2(first.client).EditAll(o.ctx, ids, func(u *roles.UpdateV2) error {
		u.Claims = append(u.Claims, claim)
		return nil
	}, nil)
	o.said(err, security.Change{})
	if len(results) != len(ids) {
		o.problem("EditAll of %d roles has %d results: %v", len(ids), len(results), err)
	}
	for i, result := range results {
		o.write("roles.EditAll", fmt.Sprintf("role %s claim %s", names[ids[i]], claim.Value), absent, "held", result.Err)
	}
}

// ensuredName is a name that several operations ensure, through different clients.
func (o *op) ensuredName(kind string) string { return fmt.Sprintf("%s-%d-", kind, o.i/40) }

func (o *op) ensured(verb, what string, change security.Change, err error) {
	o.said(err, change)
	o.ensure(fmt.Sprintf("%s operation %d", verb, o.i), what, err)
}

func (o *op) ensureRole() {
	name := o.ensuredName("ensured")
	role, change, err := roles.NewV2(o.client).Ensure(o.ctx, roles.CreateV2{
		Name: name, Description: "ensured", Permissions: []permissions.Path{"/portal/read/"},
		Claims: []claims.Request{{Type: claims.TypeOAuthRole, Value: name, Scheme: "System", Description: "ensured"}},
	})
	o.ensured("roles.Ensure", "role "+name, change, err)
	if err == nil && (role.Name != name || len(role.Claims) != 1 || len(role.Permissions) != 1) {
		o.problem("Ensure of role %s returned %+v", name, role)
	}
}

func (o *op) ensureClaim() {
	name := o.ensuredName("ensured-claim")
	_, change, err := claims.NewV1(o.client).Ensure(o.ctx, claims.Request{Type: claims.TypeOAuthSubject, Value: name, Scheme: "System", Description: "ensured"})
	o.ensured("claims.Ensure", "claim "+name, change, err)
}

func (o *op) ensureSet() {
	name := o.ensuredName("ensured-set")
	_, change, err := permissionsets.NewV1(o.client).Ensure(o.ctx, permissionsets.Create{Name: name, Permissions: []permissions.Path{"/portal/read/"}})
	o.ensured("permissionsets.Ensure", "set "+name, change, err)
}

func (o *op) ensureIdentity() {
	name := `KEYEXAMPLE\` + o.ensuredName("ensured-identity")
	_, change, err := identities.NewV1(o.client).Ensure(o.ctx, identities.Create{AccountName: name})
	o.ensured("identities.Ensure", "identity "+name, change, err)
}

func (o *op) ensureMany() {
	var want []claims.Request
	for i := range 4 {
		want = append(want, claims.Request{Type: claims.TypeOAuthSubject, Value: fmt.Sprintf("%s%d-", o.ensuredName("bulk"), i), Scheme: "System", Description: "ensured"})
	}
	results, err := claims.NewV1(o.client).EnsureAll(o.ctx, want, nil)
	o.said(err, security.Change{})
	if len(results) != len(want) {
		o.problem("EnsureAll of %d claims has %d results: %v", len(want), len(results), err)
	}
	for i, result := range results {
		o.ensured("claims.EnsureAll", "claim "+want[i].Value, result.Change, result.Err)
	}
}

// reads are what nobody changes. A read that succeeds under faults says what it said without. (A single page, as List
// returns it, is not among them: nobody can see that it was cut from another place of the list.)
var reads = map[string]func(context.Context, *security.Client) (any, error){
	"roles.Get": func(ctx context.Context, c *security.Client) (any, error) { return roles.NewV2(c).Get(ctx, 101) },
	"roles.Find": func(ctx context.Context, c *security.Client) (any, error) {
		return roles.NewV2(c).Find(ctx, "stable-02")
	},
	"rolesV1.Get": func(ctx context.Context, c *security.Client) (any, error) { return roles.NewV1(c).Get(ctx, 103) },
	"roles.All": func(ctx context.Context, c *security.Client) (any, error) {
		return collect(roles.NewV2(c).All(ctx, stableRoles))
	},
	"claims.Find": func(ctx context.Context, c *security.Client) (any, error) {
		return claims.NewV1(c).Find(ctx, claims.Key{Type: claims.TypeOAuthRole, Value: "stable-04", Scheme: "System"})
	},
	"claims.Roles": func(ctx context.Context, c *security.Client) (any, error) {
		return claims.NewV1(c).Roles(ctx, claims.Key{Type: claims.TypeOAuthRole, Value: "stable-04", Scheme: "System"})
	},
	"claims.All": func(ctx context.Context, c *security.Client) (any, error) {
		return collect(claims.NewV1(c).All(ctx, &claims.ListOptions{Filter: claims.FieldValue.Contains("stable-"), PageSize: 15}))
	},
	"roles.Details": func(ctx context.Context, c *security.Client) (any, error) {
		return collect(roles.NewV2(c).Details(ctx, stableRoles))
	},
	"rolesV1.Permissions": func(ctx context.Context, c *security.Client) (any, error) {
		return roles.NewV1(c).Permissions(ctx, 104)
	},
	"rolesV1.Collections": func(ctx context.Context, c *security.Client) (any, error) {
		return roles.NewV1(c).CollectionPermissions(ctx, 104)
	},
	"permissionsets.Get": func(ctx context.Context, c *security.Client) (any, error) {
		return permissionsets.NewV1(c).Get(ctx, permissionsets.GlobalID)
	},
	"permissionsets.Find": func(ctx context.Context, c *security.Client) (any, error) {
		return permissionsets.NewV1(c).Find(ctx, "Global")
	},
	"permissionsets.Available": func(ctx context.Context, c *security.Client) (any, error) {
		return permissionsets.NewV1(c).Available(ctx)
	},
	"providers.Find": func(ctx context.Context, c *security.Client) (any, error) {
		return providers.NewV1(c).Find(ctx, "System")
	},
	"providers.Types": func(ctx context.Context, c *security.Client) (any, error) { return providers.NewV1(c).Types(ctx) },
	"identities.Lookup": func(ctx context.Context, c *security.Client) (any, error) {
		return identities.NewV1(c).Lookup(ctx, `KEYEXAMPLE\nobody`)
	},
	"access.MyPermissions": func(ctx context.Context, c *security.Client) (any, error) { return access.NewV1(c).MyPermissions(ctx) },
	"access.ContainerRoles": func(ctx context.Context, c *security.Client) (any, error) {
		return access.NewV1(c).ContainerRoles(ctx, 2)
	},
	"security.Version":     func(ctx context.Context, c *security.Client) (any, error) { return c.Version(ctx) },
	"security.Endpoints":   func(ctx context.Context, c *security.Client) (any, error) { return c.Endpoints(ctx) },
	"security.HealthCheck": func(ctx context.Context, c *security.Client) (any, error) { return nil, c.HealthCheck(ctx) },
}

var stableRoles = &roles.ListOptionsV2{Filter: roles.FieldName.Contains("stable-"), PageSize: 15}

func collect[T any](seq iter.Seq2[T, error]) (any, error) { return security.Collect(seq) }

// learn reads everything once without faults.
func (w *world) learn() {
	for name, read := range reads {
		answer, err := read(w.t.Context(), w.clients[0])
		if err != nil {
			w.t.Fatalf("%s, without any fault: %v", name, err)
		}
		w.answers[name] = asText(answer)
	}
}

// asText is a value as it is compared. A list is compared in any order: two pages that each came in the place of the other
// are all that was asked for, and nobody can see more.
func asText(v any) string {
	text := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return text(v)
	}
	items := make([]string, list.Len())
	for i := range items {
		items[i] = text(list.Index(i).Interface())
	}
	slices.Sort(items)
	return strings.Join(items, "\n")
}

// look reads one thing.
func (o *op) look() {
	names := slices.Sorted(maps.Keys(reads))
	name := names[o.draw.IntN(len(names))]
	answer, err := reads[name](o.ctx, o.client)
	o.said(err, security.Change{})
	o.read(name, err)
	if got := asText(answer); err == nil && got != o.answers[name] {
		o.problem("%s under faults: %.2000s\nwithout: %.2000s", name, got, o.answers[name])
	}
}

// walk goes through a list that others change. It yields nothing twice.
func (o *op) walk() {
	seen := map[int]bool{}
	for role, err := range roles.NewV2(o.client).All(o.ctx, &roles.ListOptionsV2{PageSize: 20 + o.draw.IntN(100)}) {
		if err != nil {
			o.said(err, security.Change{})
			o.read("roles.All(changing)", err)
			if errors.Is(err, security.ErrUnknownOutcome) {
				o.problem("a walk of unknown outcome: %v", err)
			}
			return
		}
		if seen[role.ID] {
			o.problem("a walk yielded role %d twice", role.ID)
		}
		seen[role.ID] = true
	}
	o.read("roles.All(changing)", nil)
}
