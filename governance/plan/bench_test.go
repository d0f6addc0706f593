package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/permissions"
)

// tenant is a server with many roles and holders, and what it should look like: each
// role changes permissions and holders.
func tenant(roles, people int) (*snapshot.Snapshot, *Desired) {
	s := &snapshot.Snapshot{
		Server: snapshot.Server{URL: "https://command.example.com/KeyfactorAPI", Version: "25.4.1"}, TakenAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		Signatures: snapshot.SignaturesChecked, PermissionSets: []snapshot.PermissionSet{{ID: globalSet, Name: "Global", Permissions: []permissions.Path{"/"}}},
		Providers: []snapshot.Provider{{ID: "33333333-3333-3333-3333-333333333333", Scheme: "Entra"}},
	}
	d := &Desired{}
	key := func(i int) Key {
		return Key{Type: holders.TypeOAuthRole, Value: fmt.Sprintf("group-%d", i), Scheme: "Entra"}
	}
	for i := range people {
		s.Claims = append(s.Claims, snapshot.Claim{Key: key(i), ClaimID: i + 1, Description: "x", Versions: []int{2}})
	}
	for i := range roles {
		r := snapshot.Role{ID: i + 1, Name: fmt.Sprintf("Role %d", i), Description: "x", PermissionSetID: globalSet, Versions: []int{1, 2}}
		want := Role{Name: r.Name, Existing: Replace}
		for n := range 20 {
			r.Paths = append(r.Paths, permissions.Path(fmt.Sprintf("/certificates/collections/read/%d/", (i*7+n)%500+1)))
			want.Permissions = append(want.Permissions, Text{Value: fmt.Sprintf("/certificates/collections/read/%d/", (i*7+n+3)%500+1)})
		}
		for n := range 15 {
			r.Holders = append(r.Holders, snapshot.Holder{Key: key((i*5 + n) % people), Versions: []int{2}})
			want.Holders = append(want.Holders, Holder{Key: key((i*5 + n + 2) % people)})
		}
		s.Roles = append(s.Roles, r)
		d.Roles = append(d.Roles, want)
	}
	return s, d
}

func BenchmarkMake(b *testing.B) {
	for _, size := range []struct{ roles, people int }{{250, 1250}, {1000, 5000}, {4000, 20000}} {
		b.Run(fmt.Sprintf("%d roles, %d holders", size.roles, size.people), func(b *testing.B) {
			s, d := tenant(size.roles, size.people)
			for b.Loop() {
				if _, err := Make(s, d, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReport(b *testing.B) {
	s, d := tenant(1000, 5000)
	p, err := Make(s, d, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p.Report()
	}
}
