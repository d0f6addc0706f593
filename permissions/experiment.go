package permissions

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// TestRole is a role to create on a test server; see [Proof.Experiment].
type TestRole struct {
	Name string `json:"name"`
	// Names are what the role gets through version 1: its list of names, and permissions on single objects in the notation of
	// [CollectionPermission.On].
	Names []Legacy `json:"names"`
}

// Experiment returns the fewest roles it finds that, created on a test server through version 1, would decide what is not
// confirmed yet. Read in both notations, each is an exact [Observation] for [Learn].
//
// The roles are chosen so that they decide everything if the mapping is right about the names that are not in an exact role
// yet. What is open afterwards takes a second experiment, in which each name is in a role without any other that can stand
// for the same path. Only a server that is very different from the mapping takes more.
//
// A name that Command grants only together with others, such as "Containers[6]:Schedule", is in a role with those. Whether
// it also stands for their paths cannot be decided.
func (p *Proof) Experiment() []TestRole {
	e := experiment{proof: p, at: map[Legacy]int{}}
	for i, row := range p.rows {
		e.at[row.Name] = i
	}
	var expected, whatever []*candidate
	for i := range p.rows {
		switch c := e.candidate(i); {
		case c == nil:
		case p.open[i].examined:
			whatever = append(whatever, c)
		default:
			expected = append(expected, c)
		}
	}
	roles := []TestRole{}
	for chunk := range slices.Chunk(expected, 2*mostTogether) {
		roles = e.roles(roles, chunk)
	}
	for chunk := range slices.Chunk(whatever, mostTogether) {
		roles = e.roles(roles, chunk)
	}
	for i := range roles {
		roles[i].Name = fmt.Sprintf("permission test %d of %d", i+1, len(roles))
	}
	return roles
}

const (
	mostTogether = 60   // names that can be planned together whatever they stand for: a role for each fits into a code
	mostCodes    = 4000 // codes of one weight that are tried
)

// experiment plans roles. A name has a code: the roles that it is in, as bits.
//
// A name is decided if for each path that it can stand for, one of its roles has no other name that is expected to bring the
// path in. That role either lacks the path, which excludes it, or has it from this name.
type experiment struct {
	proof *Proof
	at    map[Legacy]int // the row about a name
}

// candidate is a name to decide.
type candidate struct {
	row    *ProofRow
	with   []Legacy // what the server grants it together with
	can    []Path   // what it can stand for
	shared []Path   // what the names that it is granted with bring in
	brings []Path   // what it is expected to bring in
	fresh  bool     // it can bring in anything of can, and nothing is known about it
	// anything says that it can stand for any path, because neither roles nor the server's list say what there is.
	anything bool
	code     uint64
}

// candidate returns the name of a row as one to decide, nil if it is decided or cannot be.
func (e *experiment) candidate(i int) *candidate {
	row, open := &e.proof.rows[i], e.proof.open[i]
	if open.decided {
		return nil
	}
	c := &candidate{row: row, anything: row.Roles == 0 && !e.proof.complete}
	info := data().byName[row.Name]
	if info != nil && info.object {
		c.with = info.Needs
	}
	for _, l := range c.with {
		j := e.at[l]
		switch other := e.proof.open[j]; {
		case open.examined && other.broken:
			return nil // anything could come from the other name
		case open.examined && !other.decided:
			c.shared = append(c.shared, other.can...)
		default:
			c.shared = append(c.shared, e.proof.rows[j].Paths...)
		}
	}
	c.can = slices.DeleteFunc(slices.Clone(open.can), func(q Path) bool { return coversAny(c.shared, q) })
	switch {
	case open.examined:
		c.brings = c.can
		if len(c.with) > 0 && coverAll(row.Lower, c.can) {
			return nil // the rest cannot be decided
		}
	case info != nil && (row.Verdict == VerdictConsistent || row.Roles == 0):
		c.brings = row.Paths
	default:
		c.fresh = true
	}
	c.brings = slices.Concat(c.brings, c.shared)
	return c
}

// roles appends the fewest roles found that decide names.
func (e *experiment) roles(roles []TestRole, names []*candidate) []TestRole {
	if len(names) == 0 {
		return roles
	}
	plan := newPlan(names)
	n := plan.least()
	for !plan.assign(n) {
		if n++; n > mostTogether && len(names) > 1 {
			return e.roles(e.roles(roles, names[:len(names)/2]), names[len(names)/2:])
		}
	}
	first := len(roles)
	roles = append(roles, make([]TestRole, n)...)
	for _, c := range names {
		for role := range n {
			if c.code>>role&1 == 1 {
				r := &roles[first+role]
				r.Names = append(append(r.Names, e.concrete(c.row.Name)), e.concreteAll(c.with)...)
			}
		}
	}
	for i := range roles[first:] {
		r := &roles[first+i]
		slices.SortFunc(r.Names, func(a, b Legacy) int { return keyOf(a).compare(keyOf(b)) })
		r.Names = slices.Compact(r.Names)
	}
	return roles
}

// concrete returns a name with an id in the place of the placeholder: one that was seen, or 1.
func (e *experiment) concrete(l Legacy) Legacy {
	area, _, object := strings.Cut(string(l), placeholder)
	if !object {
		return l
	}
	id := cmp.Or(e.proof.ids[objectKind(area)], "1")
	return Legacy(strings.Replace(string(l), placeholder, "["+id+"]", 1))
}

func (e *experiment) concreteAll(list []Legacy) []Legacy {
	out := make([]Legacy, len(list))
	for i, l := range list {
		out[i] = e.concrete(l)
	}
	return out
}

// canBe reports whether the name can stand for a path that a role of the experiment brings in.
func (c *candidate) canBe(p Path) bool {
	switch {
	case !strings.Contains(string(c.row.Name), placeholder) && strings.Contains(string(p), idSegment):
		return false
	case coversAny(c.shared, p):
		return false // or it cannot be told
	}
	return c.anything || coversAny(c.can, p)
}

// plan has what matters for the codes of names, with names and paths as numbers.
type plan struct {
	names   []*candidate
	needs   [][]int // for each name, the paths to decide
	brings  [][]int // for each name, the paths that it is expected to bring in
	holders [][]int // for each path, the names that bring it in
	needers [][]int // for each path, the names that it is to be decided for
}

func newPlan(names []*candidate) *plan {
	p := &plan{names: names}
	number := map[Path]int{}
	for _, c := range names {
		for _, q := range slices.Concat(c.can, c.brings) {
			if _, ok := number[q]; !ok {
				number[q] = len(number)
			}
		}
	}
	p.holders, p.needers = make([][]int, len(number)), make([][]int, len(number))
	for i, c := range names {
		var needs, brings []int
		for q, n := range number {
			if coversAny(c.brings, q) {
				brings = append(brings, n)
			}
			if c.canBe(q) {
				needs = append(needs, n)
			}
		}
		slices.Sort(brings)
		slices.Sort(needs)
		p.needs, p.brings = append(p.needs, needs), append(p.brings, brings)
		for _, n := range brings {
			p.holders[n] = append(p.holders[n], i)
		}
		for _, n := range needs {
			p.needers[n] = append(p.needers[n], i)
		}
	}
	// A name of which nothing is known brings in a path of its own, which others that can stand for the same have to be told
	// apart from.
	for i, c := range names {
		if !c.fresh {
			continue
		}
		n := len(p.holders)
		p.holders, p.needers = append(p.holders, []int{i}), append(p.needers, nil)
		p.brings[i] = append(p.brings[i], n)
		for j, other := range names {
			if i == j || slices.ContainsFunc(other.can, func(q Path) bool { _, both := slices.BinarySearch(c.can, q); return both }) {
				p.needs[j] = append(p.needs[j], n)
				p.needers[n] = append(p.needers[n], j)
			}
		}
	}
	return p
}

// least is how many roles it takes at least: of the names that bring in a path that is to be decided for them, each needs a
// role without the others.
func (p *plan) least() int {
	least := 1
	for n, holders := range p.holders {
		both := 0
		for _, i := range holders {
			if slices.Contains(p.needers[n], i) {
				both++
			}
		}
		least = max(least, both)
	}
	return least
}

// assign gives each name a code of n bits and reports whether it found one for all.
func (p *plan) assign(n int) bool {
	for weight := 1; weight <= (n+1)/2; weight++ {
		if p.assignWeight(n, weight) {
			return true
		}
	}
	return false
}

// assignWeight is assign with codes of one weight.
func (p *plan) assignWeight(n, weight int) bool {
	for _, c := range p.names {
		c.code = 0
	}
	codes := codesOf(n, weight)
	for i, c := range p.names {
		at := slices.IndexFunc(codes, func(code uint64) bool { return p.fits(i, code) })
		if at < 0 {
			return false
		}
		c.code = codes[at]
	}
	return true
}

// codesOf returns codes of n bits with this many ones, in order, at most mostCodes of them.
func codesOf(n, weight int) []uint64 {
	var codes []uint64
	for code := uint64(1)<<weight - 1; bits.Len64(code) <= n && len(codes) < mostCodes; {
		codes = append(codes, code)
		low := code & -code // the next larger number with as many ones
		next := code + low
		code = next | (code^next)/low>>2
	}
	return codes
}

// fits reports whether a name can have a code, given those that others have already.
func (p *plan) fits(i int, code uint64) bool {
	for _, n := range p.needs[i] {
		if code&^p.union(n, i) == 0 {
			return false
		}
	}
	for _, n := range p.brings[i] {
		for _, j := range p.needers[n] {
			if j != i && p.names[j].code != 0 && p.names[j].code&^(p.union(n, j)|code) == 0 {
				return false
			}
		}
	}
	return true
}

// union returns the roles of the names, except one, that bring a path in.
func (p *plan) union(path, except int) uint64 {
	var roles uint64
	for _, j := range p.holders[path] {
		step(1)
		if j != except {
			roles |= p.names[j].code
		}
	}
	return roles
}

// FormatExperiment says what to do with the roles of an experiment, for a person. It is empty if there are none.
func FormatExperiment(roles []TestRole) string {
	if len(roles) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `What is open takes %s on a test server. Never use a production server: the roles hold strong permissions.
Give the roles no members, and delete them at the end.

1. Create each role through version 1 of the API, with exactly the permissions listed below and nothing else:
     POST /Security/Roles with header x-keyfactor-api-version: 1
     {"Name": ..., "Description": "permission test", "Permissions": [...], "Identities": []}
   Permissions on a collection, container or PAM provider follow in a second call:
     POST /Security/Roles/{id}/Permissions/Collections or .../Containers, PUT /Security/Roles/{id}/Permissions/PamProviders
   If an id below does not exist on the test server, use one that does.
   If the server refuses a name, it does not know it: leave it out.
2. Read each role through version 2. Write down its paths, the names below with which you created it (not those that
   version 1 shows, which can be fewer), and "exact": true.
3. Add them to the roles that you have already, and prove again.
4. Delete the roles.
`, count(len(roles), "role"))
	for _, r := range roles {
		fmt.Fprintf(&b, "\n%s\n", r.Name)
		for _, l := range r.Names {
			b.WriteString("  " + shownName(l) + "\n")
		}
	}
	return b.String()
}
