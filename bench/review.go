package bench

import (
	"context"
	"io"
	"runtime"

	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

// reviewWorks are the review of a large installation, from the snapshot to the page,
// and what changed between two readings of it.
func reviewWorks(size string) []Work {
	before, after := dutiful(largeSnapshot(0)), dutiful(largeSnapshot(1))
	whole := func() error {
		r := review.New(before, nil)
		err := r.Report().WriteHTML(io.Discard)
		return check(err, len(r.Findings()) >= governedRoles/4)
	}
	var most uint64 // of the heap, beyond what this process has anyway
	page := Work{Name: "`review.New`, `Report` and `WriteHTML` of " + size, Ways: []Way{
		{"every holder breaks a duty rule", func(context.Context) error { return whole() }},
		{"the same, its heap looked at", func(context.Context) error {
			runtime.GC()
			idle, err := peak(func() error { return nil })
			if err != nil {
				return err
			}
			heap, err := peak(whole)
			most = max(most, heap-min(heap, idle))
			return err
		}},
	}}
	page.Targets = []Target{
		{page.Name + ": CPU", 2000, "ms", func(r []Result) float64 { return milliseconds(r[0]) }},
		{page.Name + ": heap", 150, "MiB", func([]Result) float64 { return float64(most) / (1 << 20) }},
	}
	changes := Work{Name: "`review.Changes` of two such", Ways: []Way{
		{"every hundredth role differs", func(context.Context) error {
			return check(nil, len(review.Changes(snapshot.Compare(before, after), nil).Changes) > governedRoles/100)
		}},
	}}
	changes.Targets = []Target{{changes.Name + ": CPU", 2000, "ms", func(r []Result) float64 { return milliseconds(r[0]) }}}
	list := []Work{page, changes}
	for i := range list {
		list[i].Ops, list[i].Rounds = 1, 11
	}
	return list
}

// dutiful lets every holder request through some roles and approve through others.
func dutiful(s *snapshot.Snapshot) *snapshot.Snapshot {
	for i := range s.Roles {
		path := permissions.Path("/certificates/enrollment/csr/")
		if i/(governedRoles/4)%2 == 1 {
			path = "/certificates/requests/manage/"
		}
		s.Roles[i].Paths = append(s.Roles[i].Paths, path)
	}
	return s
}
