package review

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// Key is the natural key of a holder. See [snapshot.Key].
type Key = snapshot.Key

// Finding is something that somebody should look at. Its ID is the same in a later
// review as long as the same roles, holders and rights are concerned.
type Finding = report.Finding

// Options adjust a review. Nil are the defaults.
type Options struct {
	// Rules are duty rules besides the built-in ones, see [ParseRules].
	Rules *Rules
	// People say which holders are one person or one team, see [ParsePeople].
	People *People
	// Accepted are findings that somebody accepted, see [report.ParseAccepted].
	Accepted []report.Acceptance
	// Overlay is what a server proved about the mapping from names to paths, see
	// [permissions.Learn]. It is used for roles that were read through version 1 only.
	Overlay *permissions.Overlay

	// File is the name of the snapshot's file (the later one for [Changes], which takes
	// that of the earlier one from FileBefore), Files are the other files that the
	// options come from, Program is the program that makes the report. All are for the
	// report's provenance.
	File       string
	FileBefore string
	Files      []report.File
	Program    string
	// Made is when the review is made. It decides which acceptances have expired. The
	// zero time is that of the snapshot.
	Made time.Time
}

// Review is a snapshot with everything that questions about it need.
type Review struct {
	s       *snapshot.Snapshot // sorted
	opts    Options
	roles   []role // as in the snapshot
	holders []holder
	byKey   map[Key]int // folded keys, to holders
	byRole  map[roleKey]int
	names   objectNames
	sets    map[string]*snapshot.PermissionSet // by id, in small letters
	words   map[permissions.Path]string        // of all rights, see Review.text
	listed  map[permissions.Path]bool          // what the server lists; nil if it is not known
	rules   []Rule                             // built-in ones first
	groups  []group                            // of people
	onlyV1  bool                               // the server is of Command 10

	findings []Finding
	about    map[string]about // by id of a finding
	unused   []report.Acceptance
	notes    []report.Note
}

// A roleKey tells roles apart.
type roleKey struct {
	name string
	id   int
}

// A role of the snapshot, with its rights in one notation.
type role struct {
	*snapshot.Role
	set    permissions.Set
	rights []right // the members of set
	// scoped are the rights on single objects, by the path without the id.
	scoped  map[permissions.Path][]permissions.Path
	holders []int
	lost    []permissions.Item // names of version 1 that stand for nothing, or nothing known
	guessed []permissions.Item // names of version 1 that stand for something by a guess
	assumed bool               // that it grants everything, although the server shows nothing
	duties  bits               // the sides of duty rules that it meets
}

// A right is something that a role grants.
type right struct {
	path       permissions.Path
	name       permissions.Legacy // that it was converted from, if it was
	confidence permissions.Confidence
}

// A holder is somebody who holds roles, or could.
type holder struct {
	key   Key
	claim *snapshot.Claim // nil if the snapshot has none
	roles []int
}

// New reviews a snapshot. It does not change the snapshot, and keeps a reference to
// it. Nil options are the defaults.
func New(s *snapshot.Snapshot, opts *Options) *Review {
	r := newModel(s, opts)
	r.rules = slices.Concat(builtIn(), r.opts.Rules.list())
	r.people()
	r.markDuties()
	r.find()
	return r
}

// newModel does all but look for findings.
func newModel(s *snapshot.Snapshot, opts *Options) *Review {
	r := &Review{s: s.Sorted(), byKey: map[Key]int{}, byRole: map[roleKey]int{}, words: map[permissions.Path]string{}, about: map[string]about{}}
	if opts != nil {
		r.opts = *opts
	}
	r.onlyV1 = r.isV1()
	r.names = namesOf(r.s)
	r.sets = map[string]*snapshot.PermissionSet{}
	for i := range r.s.PermissionSets {
		if id := r.s.PermissionSets[i].ID; id != "" {
			r.sets[strings.ToLower(id)] = &r.s.PermissionSets[i]
		}
	}
	if r.has(snapshot.PartPermissions) && len(r.s.Permissions) > 0 {
		r.listed = map[permissions.Path]bool{}
		for _, p := range r.s.Permissions {
			r.listed[p] = true
		}
	}
	for i := range r.s.Claims {
		c := &r.s.Claims[i]
		r.holders[r.holder(c.Key)].claim = c
	}
	r.roles = make([]role, len(r.s.Roles))
	for i := range r.roles {
		r.roles[i] = r.role(&r.s.Roles[i])
		r.byRole[roleKey{r.roles[i].Name, r.roles[i].ID}] = i
		for _, h := range r.roles[i].Holders {
			at := r.holder(h.Key)
			if n := len(r.holders[at].roles); n > 0 && r.holders[at].roles[n-1] == i {
				continue // two spellings of one holder
			}
			r.holders[at].roles = append(r.holders[at].roles, i)
		}
	}
	r.sortHolders()
	for i := range r.roles {
		for _, right := range r.roles[i].rights {
			if _, ok := r.words[right.path]; !ok {
				r.words[right.path] = r.names.text(right.path)
			}
		}
	}
	return r
}

// holder returns the place of a holder, a new one if need be.
func (r *Review) holder(k Key) int {
	at, ok := r.byKey[k.Fold()]
	if !ok {
		at = len(r.holders)
		r.byKey[k.Fold()] = at
		r.holders = append(r.holders, holder{key: k})
	}
	return at
}

// sortHolders puts the holders in order, and notes them at their roles.
func (r *Review) sortHolders() {
	slices.SortFunc(r.holders, func(a, b holder) int { return compareKeys(a.key, b.key) })
	for i, h := range r.holders {
		r.byKey[h.key.Fold()] = i
		for _, n := range h.roles {
			r.roles[n].holders = append(r.roles[n].holders, i)
		}
	}
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		cmp.Compare(a.Type, b.Type), cmp.Compare(strings.ToLower(a.Value), strings.ToLower(b.Value)),
		cmp.Compare(a.Value, b.Value), cmp.Compare(a.Scheme, b.Scheme))
}

// administrator is the built-in role that can do everything. Version 1 shows an empty
// list of permissions for it. What Immutable means on Command 10 is documented the other
// way round, so the role is known by its name.
const administrator = "Administrator"

// role works out what a role grants.
func (r *Review) role(from *snapshot.Role) role {
	out := role{Role: from}
	switch {
	case slices.Contains(from.Versions, 2):
		out.set = permissions.NewSet(from.Paths...)
		for p := range out.set.All() {
			out.rights = append(out.rights, right{path: p})
		}
	default:
		r.convert(&out)
	}
	if len(out.rights)+len(out.lost) == 0 && names.Same(from.Name, administrator) {
		out.assumed = true
		out.set = permissions.NewSet("/")
		out.rights = []right{{path: "/"}}
	}
	for _, right := range out.rights {
		if base := right.path.Unscoped(); base != right.path {
			if out.scoped == nil {
				out.scoped = map[permissions.Path][]permissions.Path{}
			}
			out.scoped[base] = append(out.scoped[base], right.path)
		}
	}
	return out
}

// convert works out the rights of a role that was read through version 1 only. A guess
// counts: a review that leaves out a right because nobody is sure of it would be
// reassuring and wrong.
func (r *Review) convert(out *role) {
	conversion := permissions.Convert(out.Names, &permissions.ConvertOptions{Overlay: r.opts.Overlay})
	basis := map[permissions.Path]right{}
	paths := conversion.Set.Paths()
	for _, item := range conversion.Items {
		counts := item.Outcome == permissions.OutcomeConverted
		if item.Outcome == permissions.OutcomeRefused && !refuted(item) {
			counts = true
			paths = append(paths, item.Paths...)
		}
		if !counts || len(item.Paths) == 0 {
			out.lost = append(out.lost, item)
			continue
		}
		if item.Confidence == permissions.ConfidenceGuess {
			out.guessed = append(out.guessed, item)
		}
		for _, p := range item.Paths {
			if known, ok := basis[p]; !ok || known.confidence < item.Confidence {
				basis[p] = right{p, item.Name, item.Confidence}
			}
		}
	}
	out.set = permissions.NewSet(paths...)
	for p := range out.set.All() {
		out.rights = append(out.rights, basis[p])
	}
}

// refuted reports whether a server's own roles say that a name stands for something
// else.
func refuted(item permissions.Item) bool {
	return item.Proof != nil && item.Proof.Verdict == permissions.VerdictRefuted
}

// everything reports whether the role grants everything.
func (r *role) everything() bool { return r.set.Allows("/") }

// readV1 reports whether version 1 was read of the role.
func (r *role) readV1() bool { return slices.Contains(r.Versions, 1) }

// grants returns the right of the role that includes p, or else those that allow p on
// single objects.
func (r *role) grants(p permissions.Path) (whole permissions.Path, parts []permissions.Path) {
	if why, ok := r.set.Why(p); ok {
		return why, nil
	}
	return "", r.scoped[p]
}

// right returns what the role's right rests on.
func (r *role) right(p permissions.Path) right {
	at, ok := slices.BinarySearchFunc(r.rights, p, func(a right, p permissions.Path) int { return cmp.Compare(a.path, p) })
	if !ok {
		return right{path: p}
	}
	return r.rights[at]
}

// has reports whether the snapshot has a part as a whole.
func (r *Review) has(part snapshot.Part) bool {
	return !slices.ContainsFunc(r.s.Gaps, func(g snapshot.Gap) bool {
		return g.Part == part && g.Object == "" && g.Reason != snapshot.ReasonUnreadable && g.Reason != snapshot.ReasonHidden
	})
}

// made is when the review is made.
func (r *Review) made() time.Time {
	if r.opts.Made.IsZero() {
		return r.s.TakenAt
	}
	return r.opts.Made
}
