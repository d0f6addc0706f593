package snapshot_test

import (
	"fmt"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

func ExampleCompare() {
	key := snapshot.Key{Type: "OAuthRole", Value: "pki-ops", Scheme: "System"}
	before := &snapshot.Snapshot{Roles: []snapshot.Role{
		{Name: "Operators", Versions: []int{2}, Paths: []permissions.Path{"/portal/read/"}},
	}}
	after := &snapshot.Snapshot{Roles: []snapshot.Role{
		{Name: "Auditors", Versions: []int{2}, Paths: []permissions.Path{"/auditing/read/"}},
		{
			Name: "Operators", Versions: []int{2}, Paths: []permissions.Path{"/", "/portal/read/"},
			Holders: []snapshot.Holder{{Key: key, Versions: []int{2}}},
		},
	}}
	for _, role := range snapshot.Compare(before, after).Roles {
		fmt.Println(role.Kind, role.Name, role.AddedPaths, role.AddedHolders)
	}
	// Output:
	// added Auditors [/auditing/read/] []
	// changed Operators [/] [{OAuthRole pki-ops (System) [2]}]
}
