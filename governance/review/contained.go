package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/permissions"
)

const (
	// mostContained is how many contained roles are told. The rest are counted.
	mostContained = 50
	// mostCandidates is how many roles are compared with one role at most, so that a
	// server with very many roles that have the same rights does not take long.
	mostCandidates = 2000
)

// A rightSet is what one or more roles grant.
type rightSet struct {
	set   permissions.Set
	roles []int
}

// contained finds roles that grant the same, and roles all of whose rights another
// role grants. Roles that grant everything contain all others, which says nothing.
func (r *Review) contained() {
	sets := r.rightSets()
	for _, s := range sets {
		if len(s.roles) > 1 {
			r.add(Finding{
				Code: CodeEqual, Severity: report.Low,
				Title: "The roles " + enumerate(short(r.roleNames(s.roles))) + " grant the same",
				Roles: r.roleItems(s.roles),
			})
		}
	}
	found, further := 0, 0
	index := map[permissions.Path][]int{} // the sets with a path as a member, the smallest first
	for n, s := range sets {
		for p := range s.set.All() {
			index[p] = append(index[p], n)
		}
	}
	undone := 0
	for n, s := range sets {
		larger, all := container(sets, index, n)
		if larger < 0 {
			if !all {
				undone += len(s.roles)
			}
			continue
		}
		if found++; found > mostContained {
			further += len(s.roles)
			continue
		}
		r.add(Finding{
			Code: CodeContained, Severity: report.Info,
			Title: fmt.Sprintf("The role %s grants all that %s grants", r.roleNames(sets[larger].roles)[0], enumerate(short(r.roleNames(s.roles)))),
			Roles: r.roleItems([]int{s.roles[0], sets[larger].roles[0]}),
		})
	}
	if further > 0 {
		r.add(Finding{
			Code: CodeContainedFurther, Severity: report.Info,
			Title: plural(further, "further role") + " contained in others",
		})
	}
	if undone > 0 {
		r.notes = append(r.notes, report.Note{
			Title: "Contained roles", Text: fmt.Sprintf("%s compared with %d others only, because very many roles have the same rights: whether another one grants all of it is not known.", were(undone, "role"), mostCandidates),
		})
	}
}

// rightSets returns what roles grant, each set once, those with few rights first.
func (r *Review) rightSets() []rightSet {
	byText := map[string]int{}
	var sets []rightSet
	for i := range r.roles {
		role := &r.roles[i]
		if len(role.rights) == 0 || !r.rightsRead(role) {
			continue // what else it grants is not known
		}
		key := role.set.String()
		at, ok := byText[key]
		if !ok {
			at = len(sets)
			byText[key] = at
			sets = append(sets, rightSet{set: role.set})
		}
		sets[at].roles = append(sets[at].roles, i)
	}
	slices.SortStableFunc(sets, func(a, b rightSet) int { return cmp.Compare(a.set.Len(), b.set.Len()) })
	return sets
}

// container returns a set that includes the nth one, the smallest that is found, or -1
// and whether all were looked at that could.
// Whatever includes the set includes its rarest right: only sets that do are compared.
// The root is not looked up, so that a set with it neither is a container nor has one.
func container(sets []rightSet, index map[permissions.Path][]int, n int) (at int, all bool) {
	var candidates []int
	fewest := -1
	for p := range sets[n].set.All() {
		count := 0
		for q := range covering(p) {
			count += len(index[q])
		}
		if fewest < 0 || count < fewest {
			fewest = count
			candidates = candidates[:0]
			for q := range covering(p) {
				candidates = append(candidates, index[q][:min(len(index[q]), mostCandidates)]...)
			}
		}
	}
	slices.Sort(candidates)
	for _, c := range candidates[:min(len(candidates), mostCandidates)] {
		if c != n && sets[c].set.Covers(sets[n].set) {
			return c, true
		}
	}
	return -1, fewest <= mostCandidates
}

// covering yields p and everything above it except the root.
func covering(p permissions.Path) func(yield func(permissions.Path) bool) {
	return func(yield func(permissions.Path) bool) {
		for len(p) > 1 {
			if !yield(p) {
				return
			}
			p = p[:strings.LastIndexByte(strings.TrimSuffix(string(p), "/"), '/')+1]
		}
	}
}
