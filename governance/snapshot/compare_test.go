package snapshot_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

// story is what a comparison says, in a line each.
func story(c *snapshot.Comparison) []string {
	lines := []string{}
	note := func(kind snapshot.Kind, what string, fields []snapshot.FieldChange, lists ...any) {
		var line strings.Builder
		line.WriteString(string(kind) + " " + what)
		for _, f := range fields {
			fmt.Fprintf(&line, " %s:%s>%s", f.Field, f.Before, f.After)
		}
		for i := 0; i < len(lists); i += 2 {
			line.WriteString(texts("+", lists[i]) + texts("-", lists[i+1]))
		}
		lines = append(lines, line.String())
	}
	for _, r := range c.Roles {
		note(r.Kind, r.Name, r.Fields, r.AddedPaths, r.RemovedPaths, r.AddedNames, r.RemovedNames, r.AddedHolders, r.RemovedHolders)
	}
	for _, r := range c.Claims {
		note(r.Kind, r.Key.String(), r.Fields)
	}
	for _, o := range c.Objects {
		note(o.Kind, string(o.Part)+" "+o.Name, o.Fields, o.AddedPaths, o.RemovedPaths)
	}
	return lines
}

func texts(sign string, list any) string {
	var b strings.Builder
	v := reflect.ValueOf(list)
	for i := range v.Len() {
		item := v.Index(i).Interface()
		if h, ok := item.(snapshot.Holder); ok {
			item = h.Key.Value
		}
		fmt.Fprintf(&b, " %s%v", sign, item)
	}
	return b.String()
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before, after func(*snapshot.Snapshot) // change one of the two
		want          []string
	}{
		"nothing": {want: []string{}},
		"order": {after: func(s *snapshot.Snapshot) {
			slices.Reverse(s.Roles)
			slices.Reverse(s.Claims)
		}, want: []string{}},
		"paths in another form": {after: func(s *snapshot.Snapshot) { s.Roles[0].Paths[0] = "/Portal/Read" }, want: []string{}},
		"rights": {after: func(s *snapshot.Snapshot) {
			s.Roles[0].Paths = []permissions.Path{"/portal/read/", "/security/modify/"}
			s.Roles[0].Names = []permissions.Legacy{"SecuritySettings:Modify"}
		}, want: []string{"changed operators +/security/modify/ -/certificates/collections/read/6/ +SecuritySettings:Modify -AdminPortal:Read"}},
		"fields": {after: func(s *snapshot.Snapshot) {
			r := &s.Roles[0]
			r.Name, r.Description, r.EmailAddress, r.Immutable, r.Enabled, r.Valid = "Operators", "e", "x@example.com", true, new(false), new(true)
			s.PermissionSets = append(s.PermissionSets, snapshot.PermissionSet{ID: "s2", Name: "Delegated", Permissions: []permissions.Path{"/portal/"}})
			r.PermissionSetID = "s2"
		}, want: []string{
			"changed Operators name:operators>Operators description:d>e emailAddress:>x@example.com permissionSet:Global>Delegated " +
				"immutable:false>true enabled:true>false valid:false>true",
			"added permission sets Delegated +/portal/",
		}},
		"an unknown flag is no change": {after: func(s *snapshot.Snapshot) { s.Roles[0].Valid, s.Roles[0].Enabled = nil, nil }, want: []string{}},
		"roles": {after: func(s *snapshot.Snapshot) {
			s.Roles[0].Name, s.Roles[0].ID = "Helpers", 5
		}, want: []string{
			"added Helpers +/certificates/collections/read/6/ +/portal/read/ +AdminPortal:Read +pki-ops +KEYEXAMPLE\\jsmith",
			"removed operators -/certificates/collections/read/6/ -/portal/read/ -AdminPortal:Read -pki-ops -KEYEXAMPLE\\jsmith",
		}},
		"a role made anew": {after: func(s *snapshot.Snapshot) { s.Roles[0].ID = 9 }, want: []string{"changed operators id:3>9"}},
		"another server": {after: func(s *snapshot.Snapshot) {
			s.Server.URL = "https://other.example.com/KeyfactorAPI"
			s.Roles[0].ID, s.Collections[0].ID, s.Containers[0].ID, s.Claims[1].ClaimID = 30, 60, 20, 90
			s.PermissionSets[0].ID, s.Roles[0].PermissionSetID, s.Providers[0].ID = "x", "x", "y"
		}, want: []string{}},
		"names that differ in case only": {before: func(s *snapshot.Snapshot) {
			s.Roles = append(s.Roles, snapshot.Role{ID: 8, Name: "OPERATORS", Versions: []int{2}})
		}, after: func(s *snapshot.Snapshot) {
			s.Roles[0].ID = 8
			s.Roles = append(s.Roles, snapshot.Role{ID: 3, Name: "OPERATORS", Versions: []int{2}, Paths: []permissions.Path{"/"}})
		}, want: []string{"changed OPERATORS id:8>3 +/", "changed operators id:3>8"}},
		"one of two names that differ in case only is gone": {before: func(s *snapshot.Snapshot) {
			s.Roles = append(s.Roles, snapshot.Role{ID: 8, Name: "OPERATORS", Versions: []int{2}})
		}, want: []string{"removed OPERATORS"}},
		"holders": {after: func(s *snapshot.Snapshot) {
			s.Roles[0].Holders = []snapshot.Holder{{Key: jsmith, Versions: []int{1, 2}}}
			s.Roles[1].Holders = []snapshot.Holder{{Key: pkiOps, Versions: []int{2}}}
		}, want: []string{"changed Auditors +pki-ops", "changed operators -pki-ops"}},
		"a holder in another spelling": {after: func(s *snapshot.Snapshot) {
			other := snapshot.Key{Type: "User", Value: `keyexample\JSMITH`, Scheme: "active directory"}
			s.Claims[0].Key, s.Roles[0].Holders[0].Key = other, other
		}, want: []string{`changed User keyexample\JSMITH (active directory) key:User KEYEXAMPLE\jsmith (Active Directory)>User keyexample\JSMITH (active directory)`}},
		"values of OAuth differ by case": {after: func(s *snapshot.Snapshot) {
			other := snapshot.Key{Type: "OAuthRole", Value: "PKI-OPS", Scheme: "System"}
			s.Claims[1].Key, s.Roles[0].Holders[1].Key = other, other
		}, want: []string{"changed operators +PKI-OPS -pki-ops", "added OAuthRole PKI-OPS (System)", "removed OAuthRole pki-ops (System)"}},
		"claims": {after: func(s *snapshot.Snapshot) {
			s.Claims[0].SID, s.Claims[0].Valid = "S-1", new(false)
			s.Claims[1].Description, s.Claims[1].ClaimID = "Other", 10
		}, want: []string{
			"changed OAuthRole pki-ops (System) claimId:9>10 description:Ops>Other",
			`changed User KEYEXAMPLE\jsmith (Active Directory) valid:true>false`,
		}},
		"a query": {after: func(s *snapshot.Snapshot) {
			s.Collections[0].Query, s.Collections[0].Description = "", "all of them"
		}, want: []string{`query changed collections Web query:CN -contains "www"> description:>all of them`}},
		"a collection's description": {after: func(s *snapshot.Snapshot) { s.Collections[0].Description = "d" }, want: []string{"changed collections Web description:>d"}},
		"objects": {after: func(s *snapshot.Snapshot) {
			s.Containers[0].Name = "F5"
			s.PAMProviders[0].ID = 3
			s.Permissions = []permissions.Path{"/", "/ssl/"}
			s.PermissionSets[0].Permissions = []permissions.Path{"/portal/"}
			s.Providers[0].Enabled, s.Providers[0].Parameters = false, map[string]string{"Authority": "https://evil.example.com", "ClientId": "c"}
		}, want: []string{
			"changed permission sets Global +/portal/ -/",
			"changed identity providers System enabled:true>false parameters.Authority:https://idp.example.com>https://evil.example.com parameters.ClientId:>c",
			"added permissions /ssl/", "removed permissions /portal/read/",
			"added containers F5", "removed containers IIS", "changed PAM providers Vault id:1>3",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := sample(), sample()
			if test.before != nil {
				test.before(before)
			}
			if test.after != nil {
				test.after(after)
			}
			c := snapshot.Compare(before, after)
			if got := story(c); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if c.Empty() != (len(test.want) == 0) || c.Before.Digest != before.Digest() || c.After.Digest != after.Digest() {
				t.Errorf("empty %v, sources %+v, %+v", c.Empty(), c.Before, c.After)
			}
			back := story(snapshot.Compare(after, before))
			if len(back) != len(test.want) {
				t.Errorf("the other way round:\n%s", strings.Join(back, "\n"))
			}
		})
	}
}

// TestCompareGaps: what one of the snapshots could not read is neither gone nor new.
func TestCompareGaps(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		part snapshot.Part
		lose func(*snapshot.Snapshot)
	}{
		"claims": {snapshot.PartClaims, func(s *snapshot.Snapshot) {
			s.Claims = s.Claims[:1]
			s.Roles[0].Holders = s.Roles[0].Holders[:1]
			s.Roles[0].Versions = []int{1}
		}},
		"identities": {snapshot.PartIdentities, func(s *snapshot.Snapshot) {
			s.Claims = s.Claims[1:]
			s.Roles[0].Holders = s.Roles[0].Holders[1:]
			s.Roles[0].Versions = []int{2}
		}},
		"sets":        {snapshot.PartPermissionSets, func(s *snapshot.Snapshot) { s.PermissionSets = nil }},
		"providers":   {snapshot.PartProviders, func(s *snapshot.Snapshot) { s.Providers = nil }},
		"permissions": {snapshot.PartPermissions, func(s *snapshot.Snapshot) { s.Permissions = nil }},
		"collections": {snapshot.PartCollections, func(s *snapshot.Snapshot) { s.Collections = nil }},
		"containers":  {snapshot.PartContainers, func(s *snapshot.Snapshot) { s.Containers = nil }},
		"PAM":         {snapshot.PartPAMProviders, func(s *snapshot.Snapshot) { s.PAMProviders = nil }},
		"paths":       {snapshot.PartRolesV2, func(s *snapshot.Snapshot) { s.Roles[0].Paths = nil; s.Roles[0].Versions = []int{1} }},
	} {
		less := sample()
		test.lose(less)
		gap := snapshot.Gap{Part: test.part, Reason: snapshot.ReasonUnreadable}
		less.Gaps = append(less.Gaps, gap)
		for _, c := range []*snapshot.Comparison{snapshot.Compare(sample(), less), snapshot.Compare(less, sample())} {
			if lines := story(c); len(lines) > 0 {
				t.Errorf("%s: %s", name, strings.Join(lines, "\n"))
			}
			if !slices.ContainsFunc(c.NotCompared, func(n snapshot.NotCompared) bool { return n.Gap == gap }) {
				t.Errorf("%s: it is not said what was not compared: %+v", name, c.NotCompared)
			}
		}
	}
	listed := sample()
	listed.Roles[0] = snapshot.Role{ID: 3, Name: "operators", PermissionSetID: "s1"}
	if c := snapshot.Compare(sample(), listed); len(c.Roles) > 0 {
		t.Errorf("a role of which only a list is known differs: %v", story(c))
	}
	empty := &snapshot.Snapshot{Gaps: []snapshot.Gap{{Part: snapshot.PartRolesV1, Reason: snapshot.ReasonRefused}, {Part: snapshot.PartRolesV2, Reason: snapshot.ReasonRefused}}}
	if c := snapshot.Compare(sample(), empty); len(c.Roles) > 0 {
		t.Errorf("roles that could not be read: %+v", c.Roles)
	}
	hidden := sample()
	hidden.PermissionSets = nil
	hidden.Gaps = append(hidden.Gaps, snapshot.Gap{Part: snapshot.PartPermissionSets, Object: "s1", Reason: snapshot.ReasonHidden})
	if c := snapshot.Compare(sample(), hidden); len(c.Objects) > 0 {
		t.Errorf("a set that is hidden is gone: %+v", c.Objects)
	}
}

// TestCompareObjectNames: names for single objects that only one snapshot asked for are
// no change.
func TestCompareObjectNames(t *testing.T) {
	t.Parallel()
	proof := sample()
	proof.Roles[0].ObjectNames = true
	proof.Roles[0].Names = append(proof.Roles[0].Names, "Collections[6]:Read")
	if c := snapshot.Compare(sample(), proof); !c.Empty() {
		t.Errorf("%+v", story(c))
	}
	without := sample()
	without.Roles[0].ObjectNames = true
	if got := story(snapshot.Compare(without, proof)); !reflect.DeepEqual(got, []string{"changed operators +Collections[6]:Read"}) {
		t.Errorf("%v", got)
	}
}

// large is a snapshot of a large installation. Its members are renamed by variant.
func large(variant int) *snapshot.Snapshot {
	s := sample()
	s.Roles, s.Claims = nil, nil
	for i := range 7000 {
		key := snapshot.Key{Type: "OAuthRole", Value: fmt.Sprint("claim ", i, " ", i%100/99*variant), Scheme: "System"}
		if i >= 5000 {
			key = snapshot.Key{Type: "User", Value: fmt.Sprint(`KEYEXAMPLE\user`, i), Scheme: "Active Directory"}
		}
		s.Claims = append(s.Claims, snapshot.Claim{Key: key, Versions: []int{2}})
	}
	for i := range 1000 {
		r := snapshot.Role{ID: i + 1, Name: fmt.Sprint("role ", i), Versions: []int{1, 2}}
		for j := range 30 {
			r.Paths = append(r.Paths, permissions.Path(fmt.Sprintf("/certificates/collections/read/%d/", i*30+j+i%100/99*variant)))
			r.Holders = append(r.Holders, snapshot.Holder{Key: s.Claims[(i*7+j)%len(s.Claims)].Key, Versions: []int{2}})
		}
		s.Roles = append(s.Roles, r)
	}
	return s
}

// TestCompareLarge: a large comparison finds what is different and nothing else. How
// long that may take is checked in bench/.
func TestCompareLarge(t *testing.T) {
	t.Parallel()
	c := snapshot.Compare(large(0), large(1))
	paths := 0
	for _, r := range c.Roles {
		if len(r.AddedPaths) > 0 {
			paths++
		}
	}
	if paths != 10 || len(c.Claims) != 100 {
		t.Errorf("%d roles with other paths, %d claims", paths, len(c.Claims))
	}
}
