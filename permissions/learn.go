package permissions

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sort"
	"strings"
)

// Observation is one role as a server shows it in both notations.
type Observation struct {
	Role string `json:"role,omitempty"`
	// Names are what version 1 shows: the role's list of names, and those for single objects in the notation of
	// [CollectionPermission.On].
	Names []Legacy `json:"names"`
	// Paths are what version 2 shows.
	Paths []Path `json:"paths"`
	// Exact says that the role was created through version 1 with exactly these names, and not changed since.
	Exact bool `json:"exact,omitempty"`
}

// Verdict says what is proven about a name.
type Verdict string

// The verdicts.
const (
	VerdictConfirmed  Verdict = "confirmed"  // Paths is exactly what the name stands for on this server, if it stands for anything at all
	VerdictRefuted    Verdict = "refuted"    // the paths of the mapping are not what the name stands for, and what it does is not known; Upper bounds it
	VerdictConsistent Verdict = "consistent" // nothing speaks against the mapping
	VerdictOpen       Verdict = "open"       // nothing can be said
)

// Proof is what a server's own notations of its roles prove about the mapping. It is immutable.
type Proof struct {
	rows     []ProofRow // sorted by name
	open     []opening  // for each row, what an experiment has to decide
	complete bool       // the server's list of paths is known
	ids      map[Scope]string
}

// opening is what is not known about a name.
type opening struct {
	decided  bool
	examined bool   // exact roles hold the name
	broken   bool   // see subject
	can      []Path // what it can stand for, as far as exact roles tell if others contradict each other
}

// ProofRow is what is proven about one name. A name for one object and its paths have the placeholder "{id}":
// "Collections[{id}]:Read", "/certificates/collections/read/{id}/".
type ProofRow struct {
	Name    Legacy  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Paths are what a confirmed name stands for. For every other verdict they are what the mapping has.
	Paths []Path `json:"paths"`
	// Lower are paths that the name stands for, at least. They come from exact roles alone.
	Lower []Path `json:"lower,omitempty"`
	// Upper are all paths that the name can stand for. For a name that no role holds, those are all that are known.
	Upper []Path `json:"upper"`
	// Roles is how many roles with the name were looked at.
	Roles int `json:"roles"`
	// Exact says that exact roles prove all Paths of a confirmed name, so that it certainly stands for something.
	Exact bool `json:"exact,omitempty"`
	// Note says what else is worth knowing, in a sentence.
	Note string `json:"note,omitempty"`
}

// Learn works out what a server's own mapping can and cannot be. known is the server's list of paths, as GET /Permissions
// returns it; Learn completes it with every path of the roles. Without known, only exact roles confirm anything, because a
// path of a role can cover others that were never seen.
//
// It makes one assumption about the mapping: a role shows a name only if it covers all paths that the name stands for there.
// Therefore a name stands for nothing outside what all roles that show it cover. That bound holds whatever else the roles
// hold. If the bound is empty, the name stands for nothing, or the assumption is broken; such a name is never refuted.
//
// Two more things have to hold. The list is complete: a path that is missing there and on all roles is not counted among what a
// name can stand for. And ids end paths, as they do in all known ones, or are the number of the object that a name is about.
//
// Ids become placeholders: a number or GUID at the end of a path is an id. A name that holds everywhere stands for paths
// without an id. A name for one object stands for paths without an id or with that of the object. Names that are not well
// formed prove nothing, nor does a role with a path that is not well formed.
//
// The rows are about every name of the catalogue and every other name of the roles. The same observations give the same
// proof, whatever their order.
func Learn(observations []Observation, known []Path) *Proof {
	l := newLearner(observations, known)
	for i := range l.roles {
		l.bound(&l.roles[i])
	}
	for _, s := range l.subjects {
		s.finish(l)
	}
	for i := range l.roles {
		l.attribute(&l.roles[i])
	}
	return l.proof(len(known) > 0)
}

// learner collects what the roles say about each name.
//
// universe has every path that a name can stand for, sorted, so that what a path covers is a range of it. The paths that
// are there for one object have a placeholder instead of the id. Every path is there both with and without it, because a
// server's list leaves ids out.
type learner struct {
	universe []Path
	scoped   bitset // those of universe with a placeholder
	subjects []*subject
	roles    []observed
	ids      map[Scope]string // of each kind of object, the first id that was seen
}

// subject is a name, and what is known about it so far.
type subject struct {
	name   Legacy // with the placeholder, if it is for one object
	object bool
	info   *legacyEntry // nil if the name is not known
	ours   []Path       // what the mapping has, with the placeholder

	roles, exact int
	upper        bitset // nil as long as no role holds the name
	exactUpper   bitset // of exact roles alone
	lower        map[int]bool
	outside      bool // a role that holds the name does not cover all of ours
	nothing      bool // exact roles alone leave no path, so it stands for nothing
	broken       bool // no path is left, although the mapping has one, and exact roles do not prove that
}

// observed is a role.
type observed struct {
	set   Set
	held  []heldName // distinct, sorted
	exact bool
	byID  map[string][]Path // of each number in a path, the paths that have it, with the placeholder instead
}

// heldName is a name of a role.
type heldName struct {
	subject *subject
	id      string
}

const idSegment = "{id}"

// lenient returns a path in the form of the universe, even if it is malformed: lower case, a slash at both ends.
func lenient(p Path) Path {
	if c, ok := p.canonical(); ok {
		return c
	}
	body := strings.Trim(strings.ToLower(strings.TrimSpace(string(p))), "/")
	if body == "" {
		return "/"
	}
	return Path("/" + body + "/")
}

// cutID returns a path of lenient form without the id or placeholder that it ends in.
func cutID(p Path) (base Path, ok bool) {
	if p == "/" {
		return p, false
	}
	cut := strings.LastIndexByte(string(p[:len(p)-1]), '/') + 1
	last := string(p[cut : len(p)-1])
	if cut == 1 || last != "#" && !strings.HasPrefix(last, "{") && idKindOf(last) == idNone {
		return p, false
	}
	return p[:cut], true
}

// replaceID returns p with the placeholder for each segment that is this id.
func replaceID(p Path, id string) Path {
	segments := strings.Split(string(p), "/")
	for i, s := range segments {
		if s == id {
			segments[i] = idSegment
		}
	}
	return Path(strings.Join(segments, "/"))
}

func newLearner(observations []Observation, known []Path) *learner {
	l := &learner{ids: map[Scope]string{}}
	universe := make(map[Path]bool, 2*len(known))
	add := func(p Path) {
		base, _ := cutID(lenient(p))
		universe[base] = true
		if base != "/" {
			universe[base+idSegment+"/"] = true
		}
	}
	for _, p := range known {
		add(p)
	}
	subjects := map[Legacy]*subject{}
	for _, e := range data().nameList {
		s := &subject{name: e.Name, object: e.object, info: e}
		for _, base := range e.bases {
			if e.object {
				base += idSegment + "/"
			}
			s.ours = append(s.ours, base)
		}
		slices.Sort(s.ours)
		subjects[e.Name] = s
	}
	ids := map[Scope][]string{}
	for _, o := range observations {
		role, ok := observe(o, subjects, ids)
		for _, p := range o.Paths {
			add(p)
		}
		if !ok {
			continue
		}
		for _, h := range role.held {
			for _, p := range role.byID[h.id] {
				universe[p] = true
			}
		}
		l.roles = append(l.roles, role)
	}
	l.universe = slices.Sorted(maps.Keys(universe))
	l.scoped = newBitset(len(l.universe))
	for i, p := range l.universe {
		if strings.Contains(string(p), "/"+idSegment+"/") {
			l.scoped.set(i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(subjects)) {
		l.subjects = append(l.subjects, subjects[name])
	}
	for kind, list := range ids {
		l.ids[kind] = slices.MinFunc(list, func(a, b string) int { return legacyKey{"", a, ""}.compare(legacyKey{"", b, ""}) })
	}
	return l
}

// observe takes a role apart. ok is false if it has a path that is not well formed: what it covers is not known then.
func observe(o Observation, subjects map[Legacy]*subject, ids map[Scope][]string) (role observed, ok bool) {
	role = observed{set: NewSet(o.Paths...), exact: o.Exact, byID: map[string][]Path{}}
	for _, input := range o.Names {
		area, id, word, problem := input.parts()
		if problem != "" {
			role.exact = false // what the name stands for would be attributed to others
			continue
		}
		if e := data().find(area, id != "", word); e != nil {
			area, word = e.area, e.name
		}
		name := legacyKey{area, id, word}.legacy()
		if id != "" {
			name = Legacy(area + placeholder + ":" + word)
			ids[objectKind(area)] = append(ids[objectKind(area)], id)
		}
		s := subjects[name]
		if s == nil {
			s = &subject{name: name, object: id != ""}
			subjects[name] = s
		}
		role.held = append(role.held, heldName{s, id})
	}
	slices.SortFunc(role.held, func(a, b heldName) int {
		return legacyKey{string(a.subject.name), a.id, ""}.compare(legacyKey{string(b.subject.name), b.id, ""})
	})
	role.held = slices.Compact(role.held)
	for _, p := range role.set.paths {
		for segment := range strings.SplitSeq(strings.Trim(string(p), "/"), "/") {
			if segment != "" && isNumber(segment) {
				if q := replaceID(p, segment); !slices.Contains(role.byID[segment], q) {
					role.byID[segment] = append(role.byID[segment], q)
				}
			}
		}
	}
	return role, len(role.set.valid) == len(role.set.paths)
}

// cover adds to b the paths of the universe that p covers: what starts with it.
func (l *learner) cover(b bitset, p Path) {
	from, _ := find(l.universe, p)
	n := sort.Search(len(l.universe)-from, func(i int) bool { return !strings.HasPrefix(string(l.universe[from+i]), string(p)) })
	b.setRange(from, from+n)
}

// bound lowers the bounds of the names that a role holds to what the role covers.
func (l *learner) bound(r *observed) {
	covered := newBitset(len(l.universe))
	for _, p := range r.set.paths {
		l.cover(covered, p)
	}
	byID := map[string]bitset{"": covered}
	for i, h := range r.held {
		s := h.subject
		if i == 0 || r.held[i-1].subject != s {
			s.roles++
			if r.exact {
				s.exact++
			}
		}
		b := byID[h.id]
		if b == nil {
			b = slices.Clone(covered)
			for _, p := range r.byID[h.id] {
				l.cover(b, p)
			}
			byID[h.id] = b
		}
		s.upper = s.upper.lower(b)
		if r.exact {
			s.exactUpper = s.exactUpper.lower(b)
		}
		for _, p := range s.ours {
			if s.object {
				p = Path(strings.Replace(string(p), idSegment, h.id, 1))
			}
			s.outside = s.outside || !r.set.Allows(p)
		}
	}
}

// finish completes the upper bound of a name, when all roles were looked at.
func (s *subject) finish(l *learner) {
	if s.upper == nil {
		s.upper = newBitset(len(l.universe))
		s.upper.setRange(0, len(l.universe))
	}
	if !s.object {
		s.upper.andNot(l.scoped)
	}
	if s.exact > 0 {
		if !s.object {
			s.exactUpper.andNot(l.scoped)
		}
		s.nothing = s.exactUpper.count() == 0
	}
	s.broken = !s.nothing && s.roles > 0 && len(s.ours) > 0 && s.upper.count() == 0
}

// attribute raises the lower bounds with the paths of an exact role that only one of its names can stand for.
func (l *learner) attribute(r *observed) {
	// A name that does not keep to the assumption could bring in anything.
	if !r.exact || slices.ContainsFunc(r.held, func(h heldName) bool { return h.subject.broken }) {
		return
	}
	// What each path can be in the universe: itself, or a path with a placeholder for one of the ids in it.
	plain, index := newBitset(len(l.universe)), map[int]int{}
	byID := map[string][]form{}
	for i, p := range r.set.paths {
		if _, limited := cutID(p); !limited {
			at, _ := find(l.universe, p) // every path of a role is there
			plain.set(at)
			index[at] = i
		}
		for segment := range strings.SplitSeq(string(p), "/") {
			if r.byID[segment] == nil {
				continue
			}
			if at, found := find(l.universe, replaceID(p, segment)); found {
				byID[segment] = append(byID[segment], form{i, at})
			}
		}
	}
	owners := make([]owner, len(r.set.paths))
	for i, h := range r.held {
		s := h.subject
		if i == 0 || r.held[i-1].subject != s {
			can := slices.Clone(s.upper)
			can.and(plain)
			for at := range can.all() {
				if owners[index[at]].add(s, at) {
					plain.clear(at) // no further name matters
				}
			}
		}
		for _, f := range byID[h.id] {
			step(1)
			if s.upper.has(f.at) {
				owners[f.path].add(s, f.at)
			}
		}
	}
	if slices.ContainsFunc(owners, func(o owner) bool { return o.subject == nil }) {
		return // no name of the role brings the path in, so the role is not what it was created as
	}
	for _, o := range owners {
		if o.several {
			continue
		}
		if o.subject.lower == nil {
			o.subject.lower = map[int]bool{}
		}
		o.subject.lower[o.at] = true
	}
}

// form is a path of a role, and its place in the universe with a placeholder.
type form struct{ path, at int }

// owner is a name that can bring in a path, and its place in the universe.
type owner struct {
	subject *subject
	at      int
	several bool // several can, or one in several ways
}

// add takes in a name that can bring in the path. It reports whether there are several.
func (o *owner) add(s *subject, at int) bool {
	step(1)
	if o.subject == nil {
		o.subject, o.at = s, at
	}
	o.several = o.several || o.subject != s || o.at != at
	return o.several
}

func (l *learner) proof(complete bool) *Proof {
	p := &Proof{complete: complete, ids: l.ids}
	for _, s := range l.subjects {
		row := s.row(l, complete)
		o := opening{examined: s.exact > 0, broken: s.broken, can: row.Upper}
		switch {
		case s.broken && s.exact > 0:
			o.can = l.paths(s.exactUpper)
		case s.broken:
			o.can = l.universe
		default:
			// What is confirmed stands for something, unless it is not known here or has no path in the mapping.
			o.decided = s.roles > 0 && len(row.Upper) == 0 || row.Verdict == VerdictConfirmed && (row.Exact || len(s.ours) > 0)
		}
		p.rows, p.open = append(p.rows, row), append(p.open, o)
	}
	return p
}

// paths returns the paths of the universe that are in b.
func (l *learner) paths(b bitset) []Path {
	paths := []Path{}
	for i := range b.all() {
		paths = append(paths, l.universe[i])
	}
	return paths
}

// row says what is proven about a name.
func (s *subject) row(l *learner, complete bool) ProofRow {
	row := ProofRow{Name: s.name, Verdict: VerdictOpen, Paths: append([]Path{}, s.ours...), Upper: l.paths(s.upper), Roles: s.roles}
	// A path of ours that the server's list lacks may be there all the same.
	for _, p := range s.ours {
		if _, listed := find(l.universe, p); !listed && !s.outside {
			row.Upper = append(row.Upper, p)
		}
	}
	slices.Sort(row.Upper)
	for _, i := range slices.Sorted(maps.Keys(s.lower)) {
		row.Lower = append(row.Lower, l.universe[i])
	}
	switch {
	case s.roles == 0:
		row.Note = "no role holds the name"
	case len(row.Upper) == 0:
		row.Note = "no path is covered by all roles that show the name: it stands for nothing here, or the assumption is broken"
		if s.nothing {
			row.Note = "exact roles leave no path: it stands for nothing here"
		}
		if s.info != nil && len(s.ours) == 0 {
			row.Verdict, row.Note = VerdictConsistent, "the name stands for nothing here"
		}
	case len(row.Lower) > 0 && coverAll(row.Lower, row.Upper):
		row.Verdict, row.Paths, row.Exact = VerdictConfirmed, outermost(row.Lower), true
	case complete && len(row.Upper) == 1 && (s.info == nil || len(s.ours) > 0):
		row.Verdict, row.Paths = VerdictConfirmed, slices.Clone(row.Upper)
		if s.info == nil {
			row.Note = "no exact role proves that the name stands for anything"
		}
	case s.outside, s.info != nil && !coverAll(s.ours, row.Lower):
		row.Verdict = VerdictRefuted
	case s.info == nil, s.vacuous(l):
		row.Note = "the roles that show the name cover too much"
	default:
		row.Verdict = VerdictConsistent
	}
	if row.Verdict == VerdictConfirmed && s.info != nil && !slices.Equal(row.Paths, outermost(s.ours)) {
		row.Note = otherMapping + cmpNothing(s.ours)
	}
	return row
}

// otherMapping begins the note of a confirmed row that is not what the mapping has.
const otherMapping = "the mapping has "

func cmpNothing(paths []Path) string {
	if len(paths) == 0 {
		return "nothing for it"
	}
	return join(paths)
}

// vacuous reports whether the roles exclude no path at all.
func (s *subject) vacuous(l *learner) bool {
	excluded := len(l.universe) - s.upper.count()
	if !s.object {
		excluded -= l.scoped.count()
	}
	return excluded == 0
}

// coverAll reports whether each path of the second list is covered by one of the first. Both are in the form of the universe.
func coverAll(outer, inner []Path) bool {
	return !slices.ContainsFunc(inner, func(p Path) bool { return !coversAny(outer, p) })
}

func coversAny(outer []Path, p Path) bool {
	return slices.ContainsFunc(outer, func(o Path) bool { step(1); return strings.HasPrefix(string(p), string(o)) })
}

// outermost returns the paths that no other one covers, from a sorted list.
func outermost(sorted []Path) []Path {
	out := []Path{}
	for _, p := range sorted {
		if len(out) == 0 || !strings.HasPrefix(string(p), string(out[len(out)-1])) {
			out = append(out, p)
		}
	}
	return out
}

// Rows returns what is proven, sorted by name.
func (p *Proof) Rows() []ProofRow {
	rows := slices.Clone(p.rows)
	for i := range rows {
		rows[i].Paths, rows[i].Lower, rows[i].Upper = slices.Clone(rows[i].Paths), slices.Clone(rows[i].Lower), slices.Clone(rows[i].Upper)
	}
	return rows
}

// String returns the proof as a table: what is confirmed or refuted first, then what is consistent, then what is open.
// Names that no role holds are counted.
func (p *Proof) String() string {
	var b strings.Builder
	width, counts, unseen, other := 0, map[Verdict]int{}, 0, 0
	for _, row := range p.rows {
		if row.Roles > 0 {
			width = max(width, len(shownKey(row.Name)))
		}
	}
	for _, verdict := range []Verdict{VerdictRefuted, VerdictConfirmed, VerdictConsistent, VerdictOpen} {
		for _, row := range p.rows {
			switch {
			case row.Verdict != verdict:
				continue
			case row.Roles == 0:
				unseen++
				continue
			}
			counts[verdict]++
			if verdict == VerdictConfirmed && strings.HasPrefix(row.Note, otherMapping) {
				other++
			}
			fmt.Fprintf(&b, "%-10s  %-*s  %s\n", verdict, width, shownKey(row.Name), row.text())
		}
	}
	differently := ""
	if other > 0 {
		differently = fmt.Sprintf(" (%d not as the mapping has it)", other)
	}
	fmt.Fprintf(&b, "%s: %d confirmed%s, %d refuted, %d consistent, %d open; %s no role holds.\n", count(len(p.rows)-unseen, "name"),
		counts[VerdictConfirmed], differently, counts[VerdictRefuted], counts[VerdictConsistent], counts[VerdictOpen], count(unseen, "name"))
	if !p.complete {
		b.WriteString("The server's list of paths is not known, so only exact roles confirm anything.\n")
	}
	return b.String()
}

// text says what is proven, for people.
func (r ProofRow) text() string {
	paths := make([]string, len(r.Paths))
	for i, p := range r.Paths {
		paths[i] = shownTemplate(p)
	}
	text := strings.Join(paths, " ")
	if text == "" {
		text = "nothing"
	}
	text += "  (" + count(r.Roles, "role")
	if r.Exact {
		text += ", exactly"
	}
	text += ")"
	if r.Verdict == VerdictRefuted {
		text += "; it can be " + fewTemplates(r.Upper)
	}
	if r.Note != "" {
		text += "; " + r.Note
	}
	return text
}

// shownTemplate returns a path that can have the placeholder as it is shown to people.
func shownTemplate(p Path) string {
	if _, ok := Path(strings.ReplaceAll(string(p), idSegment, "1")).canonical(); !ok {
		return quote(string(p))
	}
	return string(p)
}

func fewTemplates(list []Path) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = shownTemplate(p)
	}
	return few(words)
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) clear(i int)    { b[i/64] &^= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]>>(i%64)&1 == 1 }

// setRange adds the numbers from one up to, but not including, another.
func (b bitset) setRange(from, to int) {
	for i := from; i < to; {
		if i%64 == 0 && i+64 <= to {
			b[i/64] = ^uint64(0)
			i += 64
			continue
		}
		b.set(i)
		i++
	}
}

func (b bitset) and(other bitset) {
	step(len(b))
	for i := range b {
		b[i] &= other[i]
	}
}

// lower returns what both have. It changes b, unless that is nil, which stands for everything.
func (b bitset) lower(other bitset) bitset {
	if b == nil {
		return slices.Clone(other)
	}
	b.and(other)
	return b
}

func (b bitset) andNot(other bitset) {
	for i := range b {
		b[i] &^= other[i]
	}
}

func (b bitset) count() int {
	n := 0
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

// all returns the numbers, sorted.
func (b bitset) all() func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i, word := range b {
			for ; word != 0; word &= word - 1 {
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}
