package bench_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Keyfactor/keyfactor-auth-client-go/auth_providers"
	keyfactor "github.com/Keyfactor/keyfactor-go-client-sdk/v25"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// TestOnlyWhatIsPlanned looks at a server through the client that Keyfactor publishes, which shares nothing with this
// library: before a plan, after it, and after the way back. Every member of every role, claim, identity, permission set
// and identity provider is compared, the order of lists included. What differs is what the plan names, and no more.
func TestOnlyWhatIsPlanned(t *testing.T) {
	log.SetOutput(io.Discard) // the published client writes to the standard logger
	for _, c := range []struct {
		version string
		seed    uint64
		quirks  securitytest.Quirks
	}{
		{version: "10.5.0", seed: 1},
		{version: "11.0.0", seed: 2},
		{version: "24.4.0", seed: 3},
		{version: "25.4.1", seed: 4},
		{version: "25.4.1", seed: 5, quirks: securitytest.Quirks{SeparateIdentities: true, RefuseInUse: true}},
	} {
		t.Run(fmt.Sprintf("%s, seed %d", c.version, c.seed), func(t *testing.T) {
			s := securitytest.Start(t,
				securitytest.WithVersion(c.version), securitytest.WithLegacyTenant(c.seed, 24), securitytest.WithQuirks(c.quirks),
				securitytest.WithRoles(securitytest.Role{
					Name: "Watched", Description: "Every member has a value", EmailAddress: "watched@keyexample.com", Disabled: true, Private: true,
					PermissionSet: "Delegated", Permissions: []string{"/reports/read/", "/portal/read/", "/certificates/collections/read/6/"},
					Claims: []securitytest.Claim{
						{Type: "OAuthRole", Value: "z-watched", Scheme: "System", Description: "One"},
						{Type: "OAuthSubject", Value: "a-watched", Scheme: "System", Description: "Other"},
					},
				}))
			claims := c.version != "10.5.0"
			p := published(t, s)
			before := p.look(claims)
			w := identitiesOnly(t, before)
			if claims {
				w = everything(t, before, c.quirks.SeparateIdentities, c.version != "11.0.0")
			}

			client, err := s.Client()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "access.json")
			if err := os.WriteFile(file, encode(t, w.desired()), 0o600); err != nil {
				t.Fatal(err)
			}
			desired, err := plan.LoadDesired(file)
			if err != nil {
				t.Fatal(err)
			}
			made, err := plan.Make(snap(t, client), desired, nil)
			if err != nil {
				t.Fatal(err)
			}
			journal := carryOut(t, client, made)
			after := p.look(claims)
			w.made(after)
			if got := differences(before, after); !maps.EqualFunc(got, w.want, slices.Equal) {
				t.Errorf("this differs:\n%s\nthis is planned:\n%s", lines(got), lines(w.want))
			}
			for _, check := range w.checks {
				check(t, after)
			}

			back, err := plan.Back(journal, snap(t, client))
			if err != nil {
				t.Fatal(err)
			}
			carryOut(t, client, back)
			if got := differences(before.settled(t), p.look(claims).settled(t)); len(got) > 0 {
				t.Errorf("after the way back this differs:\n%s", lines(got))
			}
		})
	}
}

func snap(t *testing.T, client *security.Client) *snapshot.Snapshot {
	t.Helper()
	s, err := take.From(t.Context(), client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// carryOut applies a plan of which nothing may be left out.
func carryOut(t *testing.T, client *security.Client, p *plan.Plan) []plan.Entry {
	t.Helper()
	journal, err := apply.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := apply.Run(t.Context(), client, p, journal, &apply.Options{Approve: p.Digest(), AllowLarge: true})
	if err != nil || result.Count(apply.Done) != len(p.Steps) {
		t.Fatalf("%v: %v", result, err)
	}
	entries := journal.Entries()
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	return entries
}

// picture is what a server shows: the members of its objects, as JSON.
type picture map[string]map[string]string

// add notes an object. Objects are told apart by what a plan does not change.
func (p picture) add(t *testing.T, object string, v any) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(encode(t, v), &members); err != nil {
		t.Fatal(err)
	}
	p[object] = map[string]string{}
	for name, value := range members {
		p[object][name] = string(value)
	}
}

// settled leaves out what the way back does not restore: the id of a role that was made anew, and the places in lists that
// have an order of the server's own.
func (p picture) settled(t *testing.T) picture {
	t.Helper()
	out := picture{}
	for object, members := range p {
		members = maps.Clone(members)
		ordered := []string{"Claims", "Identities", "Roles"}
		if kind, _, ok := strings.Cut(object, " #"); ok {
			object = kind + " " + members["Name"]
			delete(members, "Id")
			if kind == "role, version 1" {
				ordered = append(ordered, "Permissions") // what it calls the paths, which version 2 has in order
			}
		}
		for _, name := range ordered {
			var items []any
			if members[name] == "" {
				continue
			}
			if err := json.Unmarshal([]byte(members[name]), &items); err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, item := range items {
				if role, ok := item.(map[string]any); ok && name == "Roles" {
					delete(role, "Id")
				}
				texts = append(texts, string(encode(t, item)))
			}
			slices.Sort(texts)
			members[name] = strings.Join(texts, ",")
		}
		out[object] = members
	}
	return out
}

// differences are the members that differ. An object that is new or gone has one difference, that.
func differences(a, b picture) map[string][]string {
	out := map[string][]string{}
	for object := range b {
		if a[object] == nil {
			out[object] = []string{"new"}
		}
	}
	for object, members := range a {
		if b[object] == nil {
			out[object] = []string{"gone"}
			continue
		}
		all := maps.Clone(members)
		maps.Copy(all, b[object])
		for name := range all {
			if members[name] != b[object][name] {
				out[object] = append(out[object], name)
			}
		}
		slices.Sort(out[object])
	}
	return out
}

func lines(m map[string][]string) string {
	var b strings.Builder
	for _, object := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "  %s: %s\n", object, strings.Join(m[object], ", "))
	}
	return b.String()
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// watcher looks at a server through the published client.
type watcher struct {
	t      *testing.T
	client *keyfactor.APIClient
}

func published(t *testing.T, s *securitytest.Server) *watcher {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := keyfactor.NewAPIClient(&auth_providers.Server{
		Host: u.Host, APIPath: strings.Trim(u.Path, "/"), Username: s.Username, Password: s.Password, SkipTLSVerify: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &watcher{t, client}
}

// look reads everything.
func (w *watcher) look(claims bool) picture {
	w.t.Helper()
	p := picture{}
	const all = 1_000
	ctx, v1, v2 := w.t.Context(), w.client.V1, w.client.V2
	roles, _, err := v1.SecurityRolesApi.NewGetSecurityRolesRequest(ctx).ReturnLimit(all).Execute()
	w.must(err)
	for _, row := range roles {
		id := *row.Id.Get()
		role, _, err := v1.SecurityRolesApi.NewGetSecurityRolesByIdRequest(ctx, id).Execute()
		w.must(err)
		p.add(w.t, roleObject(1, id), role)
		if claims {
			full, _, err := v2.SecurityRolesApi.NewGetSecurityRolesByIdRequest(ctx, id).Execute()
			w.must(err)
			p.add(w.t, roleObject(2, id), full)
			continue
		}
		collections, _, err := v1.SecurityRolePermissionsApi.NewGetSecurityRolesByIdPermissionsCollectionsRequest(ctx, id).Execute()
		w.must(err)
		p[roleObject(1, id)]["Collections"] = string(encode(w.t, collections))
	}
	identities, _, err := v1.SecurityApi.NewGetSecurityIdentitiesRequest(ctx).ReturnLimit(all).Execute()
	w.must(err)
	for _, i := range identities {
		p.add(w.t, "identity "+i.GetAccountName(), i)
	}
	if !claims {
		return p
	}
	list, _, err := v1.SecurityClaimsApi.NewGetSecurityClaimsRequest(ctx).ReturnLimit(all).Execute()
	w.must(err)
	for _, c := range list {
		p.add(w.t, "claim "+c.GetClaimType()+" "+c.GetClaimValue()+" of "+c.Provider.GetAuthenticationScheme(), c)
	}
	sets, _, err := v1.PermissionSetApi.NewGetPermissionSetsRequest(ctx).ReturnLimit(all).Execute()
	w.must(err)
	for _, set := range sets {
		p.add(w.t, "permission set "+set.GetName(), set)
	}
	providers, _, err := v1.IdentityProviderApi.NewGetIdentityProvidersRequest(ctx).ReturnLimit(all).Execute()
	w.must(err)
	for _, provider := range providers {
		p.add(w.t, "identity provider "+*provider.Id, provider)
	}
	return p
}

func (w *watcher) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func roleObject(version int, id int32) string {
	return fmt.Sprintf("role, version %d #%d", version, id)
}

// wish is a desired state, and what differs once the server is like that.
type wish struct {
	roles, claims, sets, absent []any
	want                        map[string][]string
	checks                      []func(t *testing.T, after picture)
}

// desired is the file.
func (w *wish) desired() map[string]any {
	d := map[string]any{"roles": w.roles}
	if len(w.claims) > 0 {
		d["claims"], d["permissionSets"], d["absent"] = w.claims, w.sets, map[string]any{"roles": w.absent}
	}
	return d
}

// made names the role that the plan made, of which only now the id is known.
func (w *wish) made(after picture) {
	for object, members := range after {
		if members["Name"] == `"Made"` {
			w.want[object] = []string{"new"}
		}
	}
}

// change notes a change of a role and the members that differ: in version 1, and in version 2.
func (w *wish) change(k *known, say map[string]any, v1, v2 []string) {
	if say["name"] == nil {
		say["name"] = k.Name
	}
	w.roles = append(w.roles, say)
	if len(v1) > 0 {
		w.want[roleObject(1, k.ID)] = v1
	}
	if len(v2) > 0 {
		w.want[roleObject(2, k.ID)] = v2
	}
}

// becomes notes what a member is afterwards.
func (w *wish) becomes(object, member string, value any) {
	w.checks = append(w.checks, func(t *testing.T, after picture) {
		t.Helper()
		if got, want := after[object][member], string(encode(t, value)); got != want {
			t.Errorf("%s: %s is %s, not %s", object, member, got, want)
		}
	})
}

// identitiesOnly changes what can be changed on Command 10.
func identitiesOnly(t *testing.T, before picture) *wish {
	t.Helper()
	w, list := &wish{want: map[string][]string{}}, before.known(t, false)
	held := func(k *known) bool { return len(k.Identities) > 1 }
	k := pick(t, &list, held)
	w.change(k, map[string]any{"holders": append(k.holders(true), map[string]string{"identity": `KEYEXAMPLE\newcomer`, "type": "User"})}, []string{"Identities"}, nil)
	w.want[`identity KEYEXAMPLE\newcomer`] = []string{"new"}
	k = pick(t, &list, held)
	w.change(k, map[string]any{"holders": k.holders(true)[1:]}, []string{"Identities"}, nil)
	w.want["identity "+k.Identities[0].AccountName] = []string{"Roles"}
	return w
}

// everything changes each member of a role once, each in another role, and something of every other kind.
func everything(t *testing.T, before picture, separate, emails bool) *wish {
	t.Helper()
	w, list := &wish{want: map[string][]string{}}, before.known(t, true)
	both := func(member string) ([]string, []string) { return []string{member}, []string{member} }

	watched := before.named(t, "Watched")
	v1, v2 := both("Description")
	w.change(watched, map[string]any{"description": "Described anew"}, v1, v2)
	w.becomes(roleObject(2, watched.ID), "Description", "Described anew")

	// Permissions: what stays keeps its place.
	granted := pick(t, &list, func(k *known) bool { return k.global() && !permissions.NewSet(k.paths()...).Allows("/dashboard/read/") })
	v1, v2 = both("Permissions")
	w.change(granted, map[string]any{"permissions": append(slices.Clone(granted.Permissions), "/dashboard/read/")}, v1, v2)
	w.checks = append(w.checks, func(t *testing.T, after picture) {
		t.Helper()
		now := &known{}
		after.decode(t, roleObject(2, granted.ID), now)
		if rest := slices.DeleteFunc(slices.Clone(now.Permissions), func(p string) bool { return p == "/dashboard/read/" }); !slices.Equal(rest, granted.Permissions) {
			t.Errorf("%s had the permissions %v, and now has %v", granted.Name, granted.Permissions, now.Permissions)
		}
	})
	revoked := pick(t, &list, func(k *known) bool { return len(k.Permissions) > 2 && slices.Contains(k.Permissions, "/portal/read/") })
	rest := slices.DeleteFunc(slices.Clone(revoked.Permissions), func(p string) bool { return p == "/portal/read/" })
	w.change(revoked, map[string]any{"permissions": rest}, v1, v2)
	w.becomes(roleObject(2, revoked.ID), "Permissions", rest)

	// Holders.
	team := map[string]string{"type": "OAuthRole", "value": "new-team", "scheme": "System"}
	k := pick(t, &list, func(k *known) bool { return len(k.Claims) > 0 })
	holders := append(k.holders(separate), any(team))
	w.change(k, map[string]any{"holders": holders}, nil, []string{"Claims"})
	k = pick(t, &list, func(k *known) bool { return len(k.Identities) > 1 })
	account := k.Identities[0].AccountName
	kept := slices.DeleteFunc(k.holders(separate), func(h any) bool {
		holder, _ := h.(map[string]string)
		return separate && holder["identity"] == account || !separate && holder["value"] == account
	})
	v1, v2 = []string{"Identities"}, []string{"Claims"}
	if separate {
		v2 = nil
	}
	w.change(k, map[string]any{"holders": kept}, v1, v2)
	w.want["identity "+account] = []string{"Roles"}

	// What is renamed or gone shows at the identities that hold it.
	renamed := pick(t, &list, func(k *known) bool { return len(k.Identities) > 0 })
	v1, v2 = both("Name")
	w.change(renamed, map[string]any{"name": "Renamed", "was": renamed.Name}, v1, v2)
	w.becomes(roleObject(2, renamed.ID), "Name", "Renamed")
	gone := pick(t, &list, func(k *known) bool { return len(k.Identities) > 0 })
	w.absent = []any{gone.Name}
	w.want[roleObject(1, gone.ID)], w.want[roleObject(2, gone.ID)] = []string{"gone"}, []string{"gone"}
	for _, i := range slices.Concat(renamed.Identities, gone.Identities) {
		w.want["identity "+i.AccountName] = []string{"Roles"}
	}

	if emails {
		k = pick(t, &list, func(*known) bool { return true })
		v1, v2 = both("EmailAddress")
		w.change(k, map[string]any{"email": "new@keyexample.com"}, v1, v2)
		w.becomes(roleObject(2, k.ID), "EmailAddress", "new@keyexample.com")
	}
	w.roles = append(w.roles, map[string]any{"name": "Made", "description": "New", "permissions": []string{"/portal/read/"}, "holders": []any{team}})
	w.claims = []any{team, map[string]string{"type": "OAuthSubject", "value": "somebody", "scheme": "System", "description": "Somebody"}}
	w.want["claim OAuthRole new-team of System"], w.want["claim OAuthSubject somebody of System"] = []string{"new"}, []string{"new"}
	set := &known{}
	before.decode(t, "permission set Delegated", set)
	w.sets = []any{map[string]any{"name": "Delegated", "permissions": append(set.Permissions, "/ssh/")}}
	w.want["permission set Delegated"] = []string{"Permissions"}
	return w
}

// known is a role as the published client shows it, before the plan.
type known struct {
	ID              int32 `json:"Id"`
	Name            string
	Immutable       bool
	PermissionSetID string `json:"PermissionSetId"`
	Permissions     []string
	Claims          []struct {
		ClaimType, ClaimValue string
		Provider              struct{ AuthenticationScheme string }
	}
	Identities []struct{ AccountName, IdentityType string }
}

func (k *known) global() bool { return k.PermissionSetID == permissionsets.GlobalID }

func (k *known) paths() []permissions.Path {
	out := make([]permissions.Path, 0, len(k.Permissions))
	for _, p := range k.Permissions {
		out = append(out, permissions.Path(p))
	}
	return out
}

// holders are the holders of a role, as a desired state has them. If identities are not kept apart, each of them is a
// claim as well.
func (k *known) holders(identities bool) []any {
	out := []any{}
	for _, c := range k.Claims {
		out = append(out, map[string]string{"type": c.ClaimType, "value": c.ClaimValue, "scheme": c.Provider.AuthenticationScheme})
	}
	if identities {
		for _, i := range k.Identities {
			out = append(out, map[string]string{"identity": i.AccountName, "type": i.IdentityType})
		}
	}
	return out
}

func (p picture) decode(t *testing.T, object string, k *known) {
	t.Helper()
	members := map[string]json.RawMessage{}
	for name, value := range p[object] {
		if name == "Id" && value[0] == '"' {
			continue // a GUID
		}
		members[name] = json.RawMessage(value)
	}
	if err := json.Unmarshal(encode(t, members), k); err != nil {
		t.Fatal(err)
	}
}

// known are the roles that a plan can change, by name. Those with names that no path stands for are left out: a write
// through version 2 drops such names, and the plan warns of that.
func (p picture) known(t *testing.T, claims bool) []*known {
	t.Helper()
	var out []*known
	for object := range p {
		if !strings.HasPrefix(object, "role, version 1 ") {
			continue
		}
		k := &known{}
		p.decode(t, object, k)
		lost := slices.ContainsFunc(k.Permissions, func(name string) bool {
			return len(permissions.Convert([]permissions.Legacy{permissions.Legacy(name)}, nil).Items[0].Paths) == 0
		})
		if claims {
			p.decode(t, roleObject(2, k.ID), k)
		}
		if !k.Immutable && !lost && k.Name != "Watched" {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b *known) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// named is the role with a name.
func (p picture) named(t *testing.T, name string) *known {
	t.Helper()
	for object, members := range p {
		if strings.HasPrefix(object, "role, version 2 ") && members["Name"] == string(encode(t, name)) {
			k := &known{}
			p.decode(t, object, k)
			return k
		}
	}
	t.Fatalf("there is no role %s", name)
	return nil
}

// pick takes the first role that fits from the list.
func pick(t *testing.T, list *[]*known, fits func(*known) bool) *known {
	t.Helper()
	at := slices.IndexFunc(*list, fits)
	if at < 0 {
		t.Fatal("the installation has no role that fits")
	}
	k := (*list)[at]
	*list = slices.Delete(*list, at, at+1)
	return k
}
