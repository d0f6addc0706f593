package plan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/snapshot"
)

// TestSearches: of many names that are not there, only the first get a search for what was
// meant, which looks at all that the server has.
func TestSearches(t *testing.T) {
	t.Parallel()
	const n = 3 * mostSearches
	s, _ := tenant(n, n)
	for i := range n {
		s.Collections = append(s.Collections, snapshot.Collection{ID: i + 1, Name: fmt.Sprintf("Collection %d", i)})
		s.PermissionSets = append(s.PermissionSets, snapshot.PermissionSet{ID: fmt.Sprintf("11111111-1111-1111-1111-%012d", i), Name: fmt.Sprintf("Set %d", i)})
	}
	for name, one := range map[string]func(i int) Role{
		"roles": func(i int) Role { return Role{Name: fmt.Sprintf("Fresh %d", i), Was: fmt.Sprintf("Rolle %d", i)} },
		"permission sets": func(i int) Role {
			return Role{Name: fmt.Sprintf("Fresh %d", i), PermissionSet: new(fmt.Sprintf("Sett %d", i))}
		},
		"collections": func(i int) Role {
			text := fmt.Sprintf("/certificates/collections/read/{Kollection %d}/", i)
			return Role{Name: fmt.Sprintf("Fresh %d", i), Permissions: []Text{{Value: text}}}
		},
	} {
		d := &Desired{}
		for i := range n {
			d.Roles = append(d.Roles, one(i))
		}
		_, err := Make(s, d, nil)
		problems, _ := errors.AsType[Problems](err)
		meant := 0
		for _, p := range problems {
			if strings.Contains(p.Text, "did you mean") {
				meant++
			}
		}
		if len(problems) != n || meant == 0 || meant > mostSearches {
			t.Errorf("%s: %d problems, %d suggestions", name, len(problems), meant)
		}
	}
}

// TestJSONInOneLine: where a value stands is found without reading the line again for each,
// which would take hours.
func TestJSONInOneLine(t *testing.T) {
	t.Parallel()
	data := []byte(`{"roles": [` + strings.Repeat(`{"name": "ü"},`, 300_000) + `{"name": "x"}]}`)
	begun := time.Now()
	root := (&loader{values: maxValues}).parseJSON(data)
	if took := time.Since(begun); root == nil || took > 2*time.Minute {
		t.Fatalf("%v, after %v", root, took)
	}
	list := root.Content[1].Content
	if last := list[len(list)-1].Content[1]; last.Line != 1 || last.Column != len(`{"roles": [`)+300_000*len(`{"name": "u"},`)+len(`{"name": `)+1 {
		t.Errorf("line %d, column %d", last.Line, last.Column)
	}
}
