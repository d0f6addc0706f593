package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/commandsec/commandsec-go/permissions"
)

// setWorks are the operations of the permission model on large sets.
func setWorks() []Work {
	held, other := scoped("read", "revoke"), scoped("delete", "private_key/read")
	shuffled := make([]permissions.Path, manyItems)
	for i := range shuffled {
		shuffled[i] = held[i*7919%manyItems] // a prime, so that each is there once
	}
	set := permissions.NewSet(held...)
	// Malformed and unknown paths are what a server of a later version may send.
	malformed := made("/certificates/collections/read/no %d/")
	unknown := made("/certificate/collection/red_%d/")
	untidy := slices.Clone(held)
	for i := range untidy {
		switch i % 4 {
		case 0:
			untidy[i] = permissions.Path(fmt.Sprintf("Certificates/Collections/Read/%d", manyItems+i)) // not in canonical form
		case 1:
			untidy[i] = held[i+1] // redundant
		}
	}
	findings := sync.OnceValue(func() []permissions.Finding { return permissions.Lint(untidy, nil) })

	allows := func(set permissions.Set, questions []permissions.Path, want int) func(context.Context) error {
		return func(context.Context) error {
			granted := 0
			for _, p := range questions {
				if set.Allows(p) {
					granted++
				}
			}
			return check(nil, granted == want)
		}
	}
	diff := func(from, to permissions.Set, want int) func(context.Context) error {
		return func(context.Context) error {
			d := from.Diff(to)
			return check(nil, len(d.Added) == want && len(d.Removed) == want)
		}
	}
	lint := func(paths []permissions.Path, code permissions.Code, want int) func(context.Context) error {
		return func(context.Context) error {
			count := 0
			for _, f := range permissions.Lint(paths, nil) {
				if f.Code == code {
					count++
				}
			}
			return check(nil, count == want)
		}
	}
	half := append(slices.Clone(held[:manyItems/2]), other[manyItems/2:]...)
	questions := append(slices.Clone(held[:manyItems/2]), other[:manyItems/2]...)
	list := []Work{
		{Name: "`NewSet` of 20,000 permissions", Ways: []Way{
			{"in any order", func(context.Context) error {
				return check(nil, permissions.NewSet(shuffled...).Len() == manyItems)
			}},
			{"malformed", func(context.Context) error {
				return check(nil, permissions.NewSet(malformed...).Len() == manyItems)
			}},
		}},
		{Name: "`Set.Allows`, 20,000 questions to 20,000 permissions", Ways: []Way{
			{"every other granted", allows(set, questions, manyItems/2)},
			{"malformed permissions", allows(permissions.NewSet(malformed...), questions, 0)},
		}},
		{Name: "`Set.Diff` of 20,000 permissions", Ways: []Way{
			{"half of them the same", diff(set, permissions.NewSet(half...), manyItems/2)},
			{"all of them different", diff(set, permissions.NewSet(other...), manyItems)},
		}},
		{Name: "`Lint` of 20,000 permissions", Ways: []Way{
			{"known", lint(held, permissions.CodeMalformed, 0)},
			{"every other to mend", lint(untidy, permissions.CodeForm, manyItems/4)},
			{"unknown", lint(unknown, permissions.CodeMalformed, 0)},
		}},
		{Name: "`Fix` of 20,000 permissions", Ways: []Way{
			{"every other to mend", func(context.Context) error {
				return check(nil, len(permissions.Fix(untidy, findings())) >= manyItems*3/4)
			}},
		}},
	}
	for i := range list {
		list[i].Ops, list[i].Rounds = 1, 11
		for way := range list[i].Ways {
			list[i].Targets = append(list[i].Targets, quick(list[i].Name, way, list[i].Ways[way].Name))
		}
	}
	return slices.Concat(list, learnWorks())
}

// learnWorks are about what a server's roles prove about the mapping. A second is what they may take.
func learnWorks() []Work {
	catalogue := permissions.Catalogue()
	var known []permissions.Path
	for _, p := range catalogue.Paths {
		known = append(known, p.Path)
	}
	var everywhere, onObjects []permissions.Legacy
	for _, l := range catalogue.Legacy {
		if l.Scope == permissions.ScopeGlobal {
			everywhere = append(everywhere, l.Name)
		} else {
			onObjects = append(onObjects, l.Name)
		}
	}
	r := rand.New(rand.NewPCG(1, 1)) // the same roles in each run
	found, exact := make([]permissions.Observation, 1000), make([]permissions.Observation, 1000)
	for i := range found {
		var names []permissions.Legacy
		for _, k := range r.Perm(len(everywhere))[:30] {
			names = append(names, everywhere[k])
		}
		for k := range 30 {
			l := string(onObjects[r.IntN(len(onObjects))])
			names = append(names, permissions.Legacy(strings.ReplaceAll(l, "{id}", strconv.Itoa(1+i%400+k))))
		}
		// A sensitive guess is refused, so its paths are taken as they are.
		var paths []permissions.Path
		for _, item := range permissions.Convert(names, nil).Items {
			paths = append(paths, item.Paths...)
		}
		exact[i] = permissions.Observation{Names: names, Paths: permissions.NewSet(paths...).Paths(), Exact: true}
		found[i] = permissions.Observation{Names: names, Paths: permissions.NewSet(append(paths, known[1+r.IntN(len(known)-1)], known[1+r.IntN(len(known)-1)])...).Paths()}
	}
	learn := func(roles []permissions.Observation, least int) func(context.Context) error {
		return func(context.Context) error {
			confirmed := 0
			for _, row := range permissions.Learn(roles, known).Rows() {
				if row.Verdict == permissions.VerdictConfirmed {
					confirmed++
				}
			}
			return check(nil, confirmed >= least)
		}
	}
	list := []Work{
		{Name: "`Learn` from 1,000 roles of 60 names", Ways: []Way{
			{"as they are found", learn(found, 50)},
			{"all of them exact", learn(exact, 50)},
		}},
		{Name: "`Experiment` about all names", Ways: []Way{
			{"nothing is known", func(context.Context) error {
				tests := permissions.Learn(nil, known).Experiment()
				return check(nil, len(tests) > 0 && len(tests) <= 15)
			}},
		}},
	}
	for i := range list {
		list[i].Ops, list[i].Rounds = 1, 11
		for way := range list[i].Ways {
			text := list[i].Name + ", " + list[i].Ways[way].Name + ": CPU"
			list[i].Targets = append(list[i].Targets, Target{text, 1000, "ms", func(r []Result) float64 { return milliseconds(r[way]) }})
		}
	}
	return list
}

// scoped makes 20,000 known permissions on single collections, half of them of
// either kind.
func scoped(kinds ...string) []permissions.Path {
	list := make([]permissions.Path, manyItems)
	for i := range list {
		list[i] = permissions.Path(fmt.Sprintf("/certificates/collections/%s/%d/", kinds[i%len(kinds)], i+1))
	}
	return list
}

func made(format string) []permissions.Path {
	list := make([]permissions.Path, manyItems)
	for i := range list {
		list[i] = permissions.Path(fmt.Sprintf(format, i+1))
	}
	return list
}

// quickly is how many milliseconds something may take with 20,000 permissions or claims.
const quickly = 100

func quick(work string, way int, name string) Target {
	return Target{work + ", " + name + ": CPU", quickly, "ms", func(r []Result) float64 { return milliseconds(r[way]) }}
}

// milliseconds is the processor time: nothing waits here, and other programs on
// the machine do not count.
func milliseconds(r Result) float64 { return r.Cost.CPU.Seconds() * 1e3 }
