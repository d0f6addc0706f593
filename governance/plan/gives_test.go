package plan

import (
	"slices"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

// TestGivesAndTakes: who gets what, and who loses what, by one step.
func TestGivesAndTakes(t *testing.T) {
	t.Parallel()
	role := func(set string, paths []permissions.Path, keys ...Key) *Object {
		state := &RoleState{Name: "R", PermissionSet: set, Paths: paths}
		for _, k := range keys {
			state.Claims = append(state.Claims, ClaimState{Key: k})
		}
		return &Object{Role: state}
	}
	members := func(names ...string) *Object {
		state := &MembersState{Role: "R"}
		for _, name := range names {
			state.Identities = append(state.Identities, IdentityState{Key: account(name)})
		}
		return &Object{Members: state}
	}
	a, b := oauth("a"), oauth("b")
	read, more := []permissions.Path{"/portal/read/"}, []permissions.Path{"/agents/management/read/", "/portal/read/"}
	renamed := role("Global", read, a, b)
	renamed.Role.Name, renamed.Role.Description = "S", "Another"
	for name, c := range map[string]struct {
		before, after *Object
		gives, takes  []Key
	}{
		"a new role":                  {nil, role("Global", read, a, b), []Key{a, b}, nil},
		"a role that goes":            {role("Global", read, a, b), nil, nil, []Key{a, b}},
		"another name":                {role("Global", read, a, b), renamed, nil, nil},
		"more paths":                  {role("Global", read, a), role("Global", more, a, b), []Key{a, b}, nil},
		"fewer paths":                 {role("Global", more, a, b), role("Global", read, a), nil, []Key{a, b}},
		"another holder":              {role("Global", read, a), role("Global", read, b), []Key{b}, []Key{a}},
		"another permission set":      {role("Tiny", read, a), role("Global", read, a), []Key{a}, nil},
		"identities":                  {members("x", "y"), members("y", "z"), []Key{account("z")}, []Key{account("x")}},
		"something that nobody holds": {nil, &Object{Claim: &ClaimState{Key: a}}, nil, nil},
	} {
		kind := KindRole
		for _, o := range []*Object{c.before, c.after} {
			if o != nil && o.Members != nil {
				kind = KindMembers
			} else if o != nil && o.Claim != nil {
				kind = KindClaim
			}
		}
		s := &Step{Kind: kind, Before: c.before, After: c.after}
		if gives, takes := s.GivesTo(), s.TakesFrom(); !slices.Equal(gives, c.gives) || !slices.Equal(takes, c.takes) {
			t.Errorf("%s: gives to %v and takes from %v, want %v and %v", name, gives, takes, c.gives, c.takes)
		}
	}
}

// TestGivesAndTakesSecurity: leaving the permission set Global takes what allows changing
// security, though the paths stay.
func TestGivesAndTakesSecurity(t *testing.T) {
	t.Parallel()
	a := oauth("a")
	role := func(set string) *Object {
		return &Object{Role: &RoleState{Name: "R", PermissionSetID: set, Paths: []permissions.Path{"/security/"}, Claims: []ClaimState{{Key: a}}}}
	}
	const tiny = "11111111-1111-1111-1111-111111111111"
	leaves := &Step{Kind: KindRole, Before: role(globalSet), After: role(tiny)}
	if takes := leaves.TakesFrom(); !slices.Equal(takes, []Key{a}) {
		t.Errorf("leaving Global takes from %v", takes)
	}
	joins := &Step{Kind: KindRole, Before: role(tiny), After: role(globalSet)}
	if takes := joins.TakesFrom(); len(takes) > 0 {
		t.Errorf("joining Global takes from %v", takes)
	}
}

// TestGivesAndTakesIdentities: what a role allows concerns those, too, who hold it through
// version 1.
func TestGivesAndTakesIdentities(t *testing.T) {
	t.Parallel()
	x, y := account("x"), account("y")
	role := func(paths ...permissions.Path) *Object {
		return &Object{Role: &RoleState{Name: "R", PermissionSetID: globalSet, Paths: paths}}
	}
	less, more := role("/portal/read/"), role("/portal/read/", "/agents/management/read/")
	wider := &Step{Kind: KindRole, Before: less, After: more, IdentitiesBefore: []Key{x}, IdentitiesAfter: []Key{y}}
	if gives, takes := wider.GivesTo(), wider.TakesFrom(); !slices.Equal(gives, []Key{y}) || len(takes) > 0 {
		t.Errorf("wider: gives to %v and takes from %v", gives, takes)
	}
	narrower := &Step{Kind: KindRole, Before: more, After: less, IdentitiesBefore: []Key{x}, IdentitiesAfter: []Key{y}}
	if gives, takes := narrower.GivesTo(), narrower.TakesFrom(); len(gives) > 0 || !slices.Equal(takes, []Key{x}) {
		t.Errorf("narrower: gives to %v and takes from %v", gives, takes)
	}
}
