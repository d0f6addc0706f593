package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/permissions"
)

// Paths that roles of seeded snapshots grant: some cover others, some are for one object.
var seedPaths = []permissions.Path{
	"/", "/certificates/", "/certificates/collections/read/", "/certificates/collections/read/1/", "/certificates/collections/read/2/",
	"/certificates/collections/revoke/2/", "/certificates/collections/read/9/", "/certificate_stores/read/3/", "/pam/read/4/",
	"/portal/read/", "/security/read/", "/security/modify/", "/agents/management/read/", "/agents/", "/dashboard/read/", "/made/up/",
}

var seedSets = []snapshot.PermissionSet{
	{ID: globalSet, Name: "Global", Permissions: []permissions.Path{"/"}},
	{ID: "11111111-1111-1111-1111-111111111111", Name: "Operational", Permissions: []permissions.Path{"/agents/", "/certificates/", "/portal/", "/pam/", "/security/"}},
	{ID: "22222222-2222-2222-2222-222222222222", Name: "Unused", Permissions: []permissions.Path{"/dashboard/"}},
}

var seedKeys = func() (keys []Key) {
	for i := range 6 {
		keys = append(keys,
			Key{Type: holders.TypeOAuthRole, Value: fmt.Sprintf("group-%d", i), Scheme: "Entra"},
			Key{Type: holders.TypeUser, Value: fmt.Sprintf(`KEYEXAMPLE\user%d`, i), Scheme: holders.SchemeActiveDirectory},
			Key{Type: holders.TypeGroup, Value: fmt.Sprintf(`KEYEXAMPLE\team%d`, i), Scheme: holders.SchemeActiveDirectory})
	}
	return keys
}()

func subset[T any](t *rapid.T, list []T, most int, label string) []T {
	out := []T{}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(list)-1), 0, most, rapid.ID[int]).Draw(t, label) {
		out = append(out, list[i])
	}
	return out
}

// seeded draws a snapshot. Its server joins identities and claims, keeps them apart, or
// has version 1 only.
func seeded(t *rapid.T) *snapshot.Snapshot {
	mode := rapid.SampledFrom([]string{"joined", "apart", "apart", "legacy"}).Draw(t, "mode")
	s := &snapshot.Snapshot{
		Server:  snapshot.Server{URL: "https://command.example.com/KeyfactorAPI", Version: "25.4.1"},
		TakenAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Account: `KEYEXAMPLE\user0`, Signatures: snapshot.SignaturesChecked,
		Collections:  []snapshot.Collection{{ID: 1, Name: "Web servers"}, {ID: 2, Name: `odd} [{name}]/x: y # z`}},
		Containers:   []snapshot.Object{{ID: 3, Name: "IIS"}, {ID: 5, Name: "Twin"}, {ID: 6, Name: "twin"}},
		PAMProviders: []snapshot.Object{{ID: 4, Name: "Vault"}},
		Providers: []snapshot.Provider{
			{ID: "33333333-3333-3333-3333-333333333333", Scheme: "Entra", Name: "Entra"},
			{ID: "44444444-4444-4444-4444-444444444444", Scheme: holders.SchemeActiveDirectory, Name: "AD"},
		},
	}
	if mode == "legacy" {
		s.Server.Version = ""
		s.Gaps = append(s.Gaps,
			snapshot.Gap{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonNotThere}, snapshot.Gap{Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere},
			snapshot.Gap{Part: snapshot.PartPermissionSets, Reason: snapshot.ReasonNotThere}, snapshot.Gap{Part: snapshot.PartProviders, Reason: snapshot.ReasonNotThere})
	} else {
		s.PermissionSets = slices.Clone(seedSets)
	}
	claims := map[Key]*snapshot.Claim{}
	see := func(k Key, versions ...int) snapshot.Holder {
		c := claims[k]
		if c == nil {
			c = &snapshot.Claim{Key: k, Description: rapid.SampledFrom([]string{"", "Somebody", k.Value}).Draw(t, "description")}
			claims[k] = c
		}
		for _, v := range versions {
			if !slices.Contains(c.Versions, v) {
				c.Versions = append(c.Versions, v)
				if v == 1 {
					c.IdentityID = 500 + len(claims)
				} else {
					c.ClaimID = 900 + len(claims)
				}
			}
		}
		return snapshot.Holder{Key: k, Versions: versions}
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "roles") {
		r := snapshot.Role{
			ID: i + 1, Name: fmt.Sprintf("Role %c", 'A'+i), Description: rapid.SampledFrom([]string{"", "x", "what: it # is"}).Draw(t, "text"),
			EmailAddress: rapid.SampledFrom([]string{"", "team@example.com"}).Draw(t, "email"), Versions: []int{1, 2}, PermissionSetID: globalSet,
			Immutable: i == 0 && rapid.Bool().Draw(t, "immutable"), Enabled: new(rapid.IntRange(0, 9).Draw(t, "enabled") > 0),
		}
		if mode == "legacy" {
			r.Versions, r.PermissionSetID, r.ObjectNames = []int{1}, "", true
			r.Names = subset(t, []permissions.Legacy{"AdminPortal:Read", "Certificates:Read", "SecuritySettings:Modify", "Collections[1]:Read", "Containers[3]:Read"}, 4, "names")
		} else {
			paths := subset(t, seedPaths, 5, "paths")
			if rapid.Bool().Draw(t, "operational") {
				r.PermissionSetID = seedSets[1].ID
				allowed := permissions.NewSet(seedSets[1].Permissions...)
				paths = slices.DeleteFunc(paths, func(p permissions.Path) bool { return !allowed.Allows(p) })
			}
			r.Paths = permissions.NewSet(paths...).Paths()
		}
		for _, k := range subset(t, seedKeys, 5, "holders") {
			switch {
			case mode == "legacy" && k.Type.AD():
				r.Holders = append(r.Holders, see(k, 1))
			case mode == "legacy":
			case mode == "joined" && k.Type.AD():
				r.Holders = append(r.Holders, see(k, 1, 2))
			case mode == "apart" && k.Type.AD():
				r.Holders = append(r.Holders, see(k, rapid.SampledFrom([][]int{{1}, {1}, {2}, {1, 2}}).Draw(t, "versions")...))
			default:
				r.Holders = append(r.Holders, see(k, 2))
			}
		}
		if i > 0 && mode != "legacy" && rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
			r.Versions, r.Paths = []int{1}, nil
			r.Holders = slices.DeleteFunc(r.Holders, func(h snapshot.Holder) bool { return !slices.Contains(h.Versions, 1) })
			for j := range r.Holders {
				r.Holders[j].Versions = []int{1}
			}
			s.Gaps = append(s.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Object: r.Name, Reason: snapshot.ReasonFailed})
		}
		s.Roles = append(s.Roles, r)
	}
	for _, c := range claims {
		s.Claims = append(s.Claims, *c)
	}
	return s.Sorted()
}

// wished draws a desired state for a snapshot.
func wished(t *rapid.T, s *snapshot.Snapshot) *Desired {
	d := &Desired{}
	w := newWorld(s, nil)
	gone := subset(t, seedKeys, 2, "gone")
	newKeys := []Key{{Type: holders.TypeOAuthRole, Value: "new", Scheme: "Entra"}, {Type: holders.TypeUser, Value: `KEYEXAMPLE\new`, Scheme: holders.SchemeActiveDirectory}}
	keys := slices.DeleteFunc(slices.Concat(seedKeys, newKeys), func(k Key) bool { return slices.Contains(gone, k) })
	if rapid.Bool().Draw(t, "absent claims") {
		for _, k := range gone {
			if k.Type.AD() && rapid.Bool().Draw(t, "identity") {
				d.Absent.Identities = append(d.Absent.Identities, Holder{Key: k, Identity: true})
			} else {
				d.Absent.Claims = append(d.Absent.Claims, Holder{Key: k})
			}
		}
	}
	for _, name := range subset(t, []string{"Operational", "Unused", "Fresh"}, 3, "sets") {
		if name != "Fresh" && rapid.IntRange(0, 3).Draw(t, "absent set") == 0 {
			d.Absent.PermissionSets = append(d.Absent.PermissionSets, Text{Value: name})
			continue
		}
		set := PermissionSet{Name: name, Permissions: []Text{}}
		for _, p := range subset(t, seedPaths, 6, "of set") {
			set.Permissions = append(set.Permissions, Text{Value: string(p)})
		}
		d.PermissionSets = append(d.PermissionSets, set)
	}
	for i := range 9 {
		name := fmt.Sprintf("Role %c", 'A'+i)
		switch rapid.IntRange(0, 4).Draw(t, "what") {
		case 0:
			continue
		case 1:
			if rapid.Bool().Draw(t, "absent role") {
				d.Absent.Roles = append(d.Absent.Roles, Text{Value: name})
			}
			continue
		}
		r := Role{Name: name, Existing: rapid.SampledFrom([]Existing{Replace, Replace, Add}).Draw(t, "existing")}
		if rapid.IntRange(0, 5).Draw(t, "rename") == 0 && len(w.roles[strings.ToLower(name)]) == 1 {
			r.Name, r.Was = name+" new", name
		}
		if rapid.Bool().Draw(t, "describe") {
			r.Description = new("described")
		}
		if rapid.Bool().Draw(t, "set?") {
			r.PermissionSet = new(rapid.SampledFrom([]string{"Global", "global"}).Draw(t, "set"))
			for _, set := range d.PermissionSets {
				if rapid.Bool().Draw(t, "that set") {
					r.PermissionSet = &set.Name
				}
			}
		}
		if r.PermissionSet != nil && w.legacy && rapid.Bool().Draw(t, "unset") {
			r.PermissionSet = nil
		}
		if rapid.IntRange(0, 3).Draw(t, "permissions?") > 0 {
			r.Permissions = []Text{}
			for _, p := range subset(t, seedPaths, 4, "permissions") {
				text, _ := w.objects.write(p)
				r.Permissions = append(r.Permissions, Text{Value: text})
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "holders?") > 0 {
			r.Holders = []Holder{}
			for _, k := range subset(t, keys, 5, "new holders") {
				identity := (k.Type == holders.TypeUser || k.Type == holders.TypeGroup) && rapid.Bool().Draw(t, "as identity")
				r.Holders = append(r.Holders, Holder{Key: k, Identity: identity})
			}
		}
		d.Roles = append(d.Roles, r)
	}
	return d
}

// carriedOut applies the steps of a plan to a copy of a snapshot as simply as that can
// be done, as a server would. joined says that the server shows Active Directory claims
// as identities as well.
func carriedOut(s *snapshot.Snapshot, steps []Step, joined bool) (*snapshot.Snapshot, []Entry, error) {
	out := s.Sorted()
	for i := range out.Roles {
		out.Roles[i].Holders = slices.Clone(out.Roles[i].Holders)
	}
	next := 5000
	for _, r := range out.Roles {
		next = max(next, r.ID)
	}
	for _, c := range out.Claims {
		next = max(next, c.ClaimID, c.IdentityID)
	}
	for _, p := range out.PermissionSets {
		if digits, ok := strings.CutPrefix(p.ID, "99999999-9999-9999-9999-"); ok {
			n, _ := strconv.Atoi(digits)
			next = max(next, n)
		}
	}
	next += 20000
	sets := map[string]string{} // ids of new sets by name
	var done []Entry
	for _, step := range steps {
		if step.Blocked != "" {
			continue
		}
		next++
		w := newWorld(out.Sorted(), nil)
		if now, _ := w.current(step.Before); !now.Same(step.Before) {
			return nil, nil, fmt.Errorf("step %d finds something else than planned: %+v", step.Number, now)
		}
		for _, r := range out.Roles { // what is in a permission set that is to go, or to become narrower
			set := step.Before
			if step.Kind != KindPermissionSet || set == nil || r.PermissionSetID != set.PermissionSet.ID || !read(&r, 2) {
				continue
			}
			if step.Action == Delete || !permissions.NewSet(step.After.PermissionSet.Permissions...).Covers(permissions.NewSet(r.Paths...)) {
				return nil, nil, fmt.Errorf("step %d takes a permission set from %q", step.Number, r.Name)
			}
		}
		entry := Entry{Step: step, Before: step.Before, After: step.After}
		switch step.Kind {
		case KindPermissionSet:
			if step.Action != Create {
				out.PermissionSets = slices.DeleteFunc(out.PermissionSets, func(p snapshot.PermissionSet) bool { return p.ID == step.Before.PermissionSet.ID })
			}
			if step.Action != Delete {
				set := *step.After.PermissionSet
				if set.ID == "" {
					set.ID = fmt.Sprintf("99999999-9999-9999-9999-%012d", next)
					sets[set.Name] = set.ID
				}
				out.PermissionSets = append(out.PermissionSets, snapshot.PermissionSet{ID: set.ID, Name: set.Name, Permissions: set.Permissions})
				entry.After = &Object{PermissionSet: &set}
			}
		case KindClaim, KindIdentity:
			key, version := Key{}, 2
			for _, o := range []*Object{step.After, step.Before} {
				if o != nil && o.Claim != nil {
					key = o.Claim.Key
				}
				if o != nil && o.Identity != nil {
					key, version = o.Identity.Key, 1
				}
			}
			if step.Action == Delete {
				for _, r := range out.Roles {
					for _, h := range r.Holders {
						if h.Key.Fold() == key.Fold() && (slices.Contains(h.Versions, version) || joined) {
							return nil, nil, fmt.Errorf("step %d deletes %v, which still holds %q", step.Number, key, r.Name)
						}
					}
				}
			}
			at := slices.IndexFunc(out.Claims, func(c snapshot.Claim) bool { return c.Key.Fold() == key.Fold() })
			if at < 0 {
				out.Claims = append(out.Claims, snapshot.Claim{Key: key})
				at = len(out.Claims) - 1
			}
			c := &out.Claims[at]
			versions := []int{version}
			if joined && key.Type.AD() {
				versions = []int{1, 2}
			}
			c.Versions = slices.DeleteFunc(slices.Clone(c.Versions), func(v int) bool { return slices.Contains(versions, v) })
			if step.Action != Delete {
				c.Versions = slices.Sorted(slices.Values(append(c.Versions, versions...)))
				if step.Action == Create && slices.Contains(versions, 1) {
					c.IdentityID = next
				}
				if step.Action == Create && slices.Contains(versions, 2) {
					c.ClaimID = next + 10000
				}
				if step.Kind == KindClaim {
					c.Description = step.After.Claim.Description
					entry.After = &Object{Claim: &ClaimState{c.ClaimID, c.Key, c.Description}}
				} else {
					entry.After = &Object{Identity: &IdentityState{c.IdentityID, c.Key}}
				}
			} else if len(c.Versions) == 0 {
				out.Claims = slices.Delete(out.Claims, at, at+1)
			}
		case KindRole:
			if step.Action == Create {
				out.Roles = append(out.Roles, snapshot.Role{ID: next, Versions: []int{1, 2}})
			}
			at := slices.IndexFunc(out.Roles, func(r snapshot.Role) bool {
				return step.Action == Create && r.ID == next || step.Before != nil && r.ID == step.Before.Role.ID
			})
			r := &out.Roles[at]
			if step.Action == Delete {
				if slices.ContainsFunc(r.Holders, func(h snapshot.Holder) bool { return !joined && slices.Contains(h.Versions, 1) }) {
					return nil, nil, fmt.Errorf("step %d deletes %q with identities", step.Number, r.Name)
				}
				out.Roles = slices.Delete(out.Roles, at, at+1)
				break
			}
			state := *step.After.Role
			if state.PermissionSetID == "" {
				state.PermissionSetID = sets[state.PermissionSet]
			}
			allowed := permissions.Set{}
			for _, set := range out.PermissionSets {
				if set.ID == state.PermissionSetID {
					allowed = permissions.NewSet(set.Permissions...)
				}
			}
			if !allowed.Covers(state.set()) && !(step.Before != nil && step.Before.Role.set().Equal(state.set()) && step.Before.Role.samePermissionSet(&state)) {
				return nil, nil, fmt.Errorf("step %d: %v of %q lies outside of its permission set %v", step.Number, state.set(), state.Name, allowed)
			}
			if len(permissions.Redundant(state.Paths)) > 0 {
				return nil, nil, fmt.Errorf("step %d: %q has redundant paths", step.Number, state.Name)
			}
			r.Name, r.Description, r.EmailAddress, r.PermissionSetID, r.Paths = state.Name, state.Description, state.EmailAddress, state.PermissionSetID, state.Paths
			state.ID = r.ID
			entry.After = &Object{Role: &state}
			held := []snapshot.Holder{}
			for _, c := range state.Claims {
				if !slices.ContainsFunc(out.Claims, func(x snapshot.Claim) bool { return x.Key == c.Key && slices.Contains(x.Versions, 2) }) {
					return nil, nil, fmt.Errorf("step %d gives %q to %v, which is not there", step.Number, r.Name, c.Key)
				}
				h := snapshot.Holder{Key: c.Key, Versions: []int{2}}
				if joined && c.Key.Type.AD() {
					h.Versions = []int{1, 2}
				}
				held = append(held, h)
			}
			if !joined {
				for _, h := range r.Holders {
					if !slices.Contains(h.Versions, 1) {
						continue
					}
					if i := slices.IndexFunc(held, func(x snapshot.Holder) bool { return x.Key == h.Key }); i >= 0 {
						held[i].Versions = []int{1, 2}
					} else {
						held = append(held, snapshot.Holder{Key: h.Key, Versions: []int{1}})
					}
				}
			}
			r.Holders = held
		case KindMembers:
			at := slices.IndexFunc(out.Roles, func(r snapshot.Role) bool {
				return step.Before.Members.RoleID == r.ID || step.Before.Members.RoleID == 0 && r.Name == step.Name
			})
			r := &out.Roles[at]
			held := []snapshot.Holder{}
			for _, h := range r.Holders {
				if slices.Contains(h.Versions, 2) {
					held = append(held, snapshot.Holder{Key: h.Key, Versions: []int{2}})
				}
			}
			for _, id := range step.After.Members.Identities {
				if !slices.ContainsFunc(out.Claims, func(x snapshot.Claim) bool { return x.Key == id.Key && slices.Contains(x.Versions, 1) }) {
					return nil, nil, fmt.Errorf("step %d gives %q to %v, which is not there", step.Number, r.Name, id.Key)
				}
				if i := slices.IndexFunc(held, func(x snapshot.Holder) bool { return x.Key == id.Key }); i >= 0 {
					held[i].Versions = []int{1, 2}
				} else {
					held = append(held, snapshot.Holder{Key: id.Key, Versions: []int{1}})
				}
			}
			r.Holders = held
			after := *step.After.Members
			after.RoleID = r.ID
			entry.After = &Object{Members: &after}
		}
		done = append(done, entry)
	}
	return out.Sorted(), done, nil
}

// effective is what each holder can do, worked out in the simplest way.
func effective(s *snapshot.Snapshot) map[Key]permissions.Set {
	w := newWorld(s, nil)
	out := map[Key]permissions.Set{}
	for i := range s.Roles {
		for _, h := range s.Roles[i].Holders {
			k := h.Key.Fold()
			out[k] = out[k].Union(w.grants(&s.Roles[i]))
		}
	}
	return out
}
