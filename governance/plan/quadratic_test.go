package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/snapshot"
)

// TestLinear: what a file or a server makes large does not take its square. Each of these
// took minutes.
func TestLinear(t *testing.T) {
	t.Parallel()
	const n = 4000
	s, _ := tenant(n, n)
	for i := range n {
		s.Collections = append(s.Collections, snapshot.Collection{ID: i + 1, Name: fmt.Sprintf("A collection with a rather long name %d", i)})
		s.PermissionSets = append(s.PermissionSets, snapshot.PermissionSet{ID: fmt.Sprintf("11111111-1111-1111-1111-%012d", i), Name: fmt.Sprintf("A set with a long name %d", i)})
	}
	for name, one := range map[string]func(d *Desired, i int){
		"renamed roles that are not there": func(d *Desired, i int) {
			d.Roles = append(d.Roles, Role{Name: fmt.Sprintf("Fresh %d", i), Was: fmt.Sprintf("Older %d", i), Existing: Replace})
		},
		"permission sets that are not there": func(d *Desired, i int) {
			d.Roles = append(d.Roles, Role{Name: fmt.Sprintf("Fresh %d", i), PermissionSet: new(fmt.Sprintf("A sett with a lang name %d", i)), Existing: Replace})
		},
		"collections that are not there": func(d *Desired, i int) {
			text := fmt.Sprintf("/certificates/collections/read/{A kollection with a rather lang name %d}/", i)
			d.Roles = append(d.Roles, Role{Name: fmt.Sprintf("Fresh %d", i), Permissions: []Text{{Value: text}}, Existing: Replace})
		},
		"absent claims that are not there": func(d *Desired, i int) {
			d.Absent.Claims = append(d.Absent.Claims, Holder{Key: Key{Type: "OAuthRole", Value: fmt.Sprintf("gone-%d", i), Scheme: "Entra"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &Desired{}
			for i := range n {
				one(d, i)
			}
			soon(t, func() { _, _ = Make(s, d, nil) }) // most are problems
		})
	}
	t.Run("JSON in one line", func(t *testing.T) {
		t.Parallel()
		data := []byte(`{"roles": [` + strings.Repeat(`{"name": "x"},`, 300_000) + `{"name": "x"}]}`)
		soon(t, func() {
			if (&loader{values: maxValues}).parseJSON(data) == nil {
				t.Error("it cannot be read")
			}
		})
	})
}

// soon fails if something takes far longer than it should.
func soon(t *testing.T, do func()) {
	t.Helper()
	begun := time.Now()
	do()
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}
