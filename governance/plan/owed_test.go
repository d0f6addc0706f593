package plan

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// legacyStory is a server of Command 10.
func legacyStory() *snapshot.Snapshot {
	s := story()
	s.Server.Version = "10.5"
	s.Providers, s.PermissionSets = nil, nil
	s.Claims = s.Claims[:3]
	s.Roles = []snapshot.Role{{
		ID: 3, Name: "Operators", Description: "Ops", Versions: []int{1}, Names: []permissions.Legacy{"AdminPortal:Read"},
		ObjectNames: true, Holders: []snapshot.Holder{held(account("jsmith"), 1)},
	}}
	s.Gaps = []snapshot.Gap{{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonNotThere}, {Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere}}
	return s.Sorted()
}

// outcome has a line for each step: what it does, and why it is left out.
func outcome(p *Plan) string {
	var b strings.Builder
	for i := range p.Steps {
		b.WriteString(p.Steps[i].Words())
		if p.Steps[i].Blocked != "" {
			b.WriteString(": LEFT OUT: " + p.Steps[i].Blocked)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestOwed: what would take something from those who do not get what they get instead is
// left out with it.
func TestOwed(t *testing.T) {
	t.Parallel()
	const outside = "permissionSets: [{name: Tiny, permissions: [/portal/]}]\n" +
		"roles:\n- {name: Takes over, permissionSet: Tiny, permissions: [/auditing/read/], holders: ['OAuthRole:audit@Entra', 'OAuthRole:new@Entra']}\n"
	for _, c := range []struct {
		name, text string
		s          *snapshot.Snapshot
		want       []string // one of each line
	}{
		{
			"a role on Command 10", "roles: [{name: Operators, holders: ['OAuthRole:x@Entra']}]", legacyStory(),
			[]string{
				`update role "Operators": LEFT OUT: the server has no claims`,
				`update identities of role "Operators": remove 1 holder: LEFT OUT: those who come to hold the role instead cannot be added (update role "Operators": the server has no claims`,
			},
		},
		{
			"a new role on Command 10", "roles: [{name: New, holders: [{identity: new, type: User}]}]", legacyStory(),
			[]string{
				`create identity "new": LEFT OUT: nothing needs it: update identities of role "New" is left out`,
				`create role "New": LEFT OUT: the server has version 1 of roles only`,
				`update identities of role "New": add 1 holder: LEFT OUT: it needs the role`,
			},
		},
		{
			"an identity that something else needs", "roles: [{name: New, holders: [{identity: new, type: User}]}, {name: Operators, existing: add, holders: [{identity: new, type: User}]}]", legacyStory(),
			[]string{`create identity "new"` + "\n", "create role", `update identities of role "New"`, `update identities of role "Operators": add 1 holder` + "\n"},
		},
		{
			"a role that goes", outside + "absent: {roles: [Auditors]}", story(),
			[]string{
				`create permission set "Tiny": add 1 permission` + "\n",
				`create claim "OAuthRole new (Entra)": LEFT OUT: nothing needs it: create role "Takes over" is left out`,
				`create role "Takes over": add 1 permission, add 2 holders: LEFT OUT: its permission set "Tiny" does not allow /auditing/read/`,
				`delete role "Auditors": LEFT OUT: it would take something from "OAuthRole audit (Entra)", who gets something by a step that is left out (create role "Takes over": its permission set`,
			},
		},
		{
			"a claim that somebody named", outside + "claims: ['OAuthRole:new@Entra']", story(),
			[]string{"create permission set", `create claim "OAuthRole new (Entra)"` + "\n", "create role"},
		},
		{
			"a holder who goes, and another who comes", outside + "- {name: Auditors, holders: ['OAuthRole:pki@Entra']}", story(),
			[]string{"create permission set", "create claim", `update role "Auditors": add 1 holder` + "\n", "create role", `update role "Auditors": remove 1 holder: LEFT OUT: it would take something`},
		},
		{
			"permissions that go", outside + "- {name: Auditors, permissions: [/portal/read/]}", story(),
			[]string{"create permission set", "create claim", `update role "Auditors": add 1 permission` + "\n", "create role", `update role "Auditors": remove 1 permission: LEFT OUT: it would take something`},
		},
		{
			"a claim that goes with its roles", outside + "- {name: Old operators, holders: ['OAuthRole:audit@Entra']}\nabsent: {claims: ['OAuthRole:gone@Entra']}", story(),
			[]string{
				"create permission set", "create claim", `update role "Old operators": add 1 holder` + "\n", "create role",
				`update identities of role "Old operators": remove 1 holder` + "\n", `update role "Operators": remove 1 holder` + "\n",
				`update role "Old operators": remove 1 holder` + "\n", `delete claim "OAuthRole gone (Entra)"`,
			},
		},
		{
			"from others", outside + "- {name: Operators, permissions: []}", story(),
			[]string{"create permission set", "create claim", "create role", `update role "Operators": remove 3 permissions` + "\n"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := outcome(plan(t, c.s, c.text, nil))
			lines := strings.SplitAfter(got, "\n")
			ok := len(lines) == len(c.want)+1
			for i := 0; ok && i < len(c.want); i++ {
				ok = strings.HasPrefix(lines[i], c.want[i])
			}
			if !ok {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestInsteadNeeds: whom the other version of the API takes out of a role waits for those
// who come to hold it instead.
func TestInsteadNeeds(t *testing.T) {
	t.Parallel()
	p := plan(t, story(), "roles: [{name: Old operators, holders: ['OAuthRole:audit@Entra', 'OAuthRole:pki@Entra']}]", nil)
	got := outcome(p)
	if want := "update role \"Old operators\": add 1 holder\nupdate identities of role \"Old operators\": remove 1 holder\n"; got != want || !slices.Equal(p.Steps[1].Needs, []int{1}) {
		t.Errorf("got %s needs %v, want %s", got, p.Steps[1].Needs, want)
	}
}

// TestOwedBack: the way back follows the same rule.
func TestOwedBack(t *testing.T) {
	t.Parallel()
	p := plan(t, story(), "roles: [{name: Takes over, permissions: [/auditing/read/], holders: ['OAuthRole:audit@Entra']}]\nabsent: {roles: [Auditors]}", nil)
	now, done, err := carriedOut(story(), p.Steps, false)
	if err != nil {
		t.Fatal(err)
	}
	other := now.Roles[len(now.Roles)-1]
	other.ID, other.Name, other.Holders = 77, "Auditors", nil // somebody made one of that name
	now.Roles = append(now.Roles, other)
	now.Gaps = append(now.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Object: "Auditors", Reason: snapshot.ReasonFailed})
	back, err := Back(done, now)
	if err != nil {
		t.Fatal(err)
	}
	got := outcome(back)
	if !strings.Contains(got, `create role "Auditors": add 1 permission, add 1 holder: LEFT OUT: `) ||
		!strings.Contains(got, `delete role "Takes over": LEFT OUT: it would take something from "OAuthRole audit (Entra)"`) {
		t.Errorf("got\n%s", got)
	}
}

// TestNothingOwed: of no plan is a step carried out that takes something from somebody
// who gets something of another role by a step that is left out.
func TestNothingOwed(t *testing.T) {
	forAll(t, func(t *rapid.T, _ *snapshot.Snapshot, _ *Desired, p *Plan) {
		for i := range p.Steps {
			for j := range p.Steps {
				blocked, taking := &p.Steps[i], &p.Steps[j]
				if blocked.Blocked == "" || taking.Blocked != "" || !taking.Removal || names.Same(blocked.Name, taking.Name) {
					continue
				}
				if blocked.After == nil {
					continue
				}
				owed := foldAll(blocked.GivesTo())
				for _, k := range taking.TakesFrom() {
					if owed[k.Fold()] {
						t.Fatalf("%v loses something, and step %d is left out\n%s", k, blocked.Number, outcome(p))
					}
				}
			}
		}
	})
}
