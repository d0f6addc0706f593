package migration

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// final is a role of the target: what it grants to whom.
type final struct {
	name    string
	set     permissions.Set
	holders []Key
}

// current is what a role of the target grants.
func (e *engine) current(r *snapshot.Role) permissions.Set {
	switch {
	case len(r.Paths) > 0:
		return permissions.NewSet(r.Paths...)
	case names.Same(r.Name, administrator) && len(r.Names) == 0:
		return permissions.NewSet("/")
	case read(r, 2):
		return permissions.Set{}
	}
	return permissions.Convert(r.Names, e.convert).Set
}

func keysOf(r *snapshot.Role) []Key {
	out := make([]Key, 0, len(r.Holders))
	for _, h := range r.Holders {
		out = append(out, h.Key)
	}
	return out
}

// now are the roles of the target as they are.
func (e *engine) now() []final {
	out := make([]final, 0, len(e.target.Roles))
	for i := range e.target.Roles {
		r := &e.target.Roles[i]
		out = append(out, final{r.Name, e.current(r), keysOf(r)})
	}
	return out
}

// promised are the roles of the target as they become.
func (e *engine) promised() []final {
	byRole, absent := map[*snapshot.Role]*result{}, map[string]bool{}
	var out []final
	for _, res := range e.results {
		if res.left {
			continue
		}
		for _, name := range res.absent {
			absent[names.Fold(name)] = true
		}
		if res.now != nil {
			byRole[res.now] = res
			continue
		}
		out = append(out, final{res.name, res.paths, res.holders})
	}
	for i := range e.target.Roles {
		r := &e.target.Roles[i]
		f := final{r.Name, e.current(r), keysOf(r)}
		if absent[names.Fold(r.Name)] {
			continue
		}
		if res := byRole[r]; res != nil {
			switch {
			case !res.says:
			case res.existing == plan.Add:
				f.set = f.set.Union(res.paths)
			default:
				f.set = res.paths
			}
			switch {
			case !res.holds:
			case res.existing == plan.Add:
				f.holders = slices.Concat(f.holders, res.holders)
			default:
				f.holders = res.holders
			}
		}
		out = append(out, f)
	}
	return out
}

// rights are what somebody can do, in paths of the target, and in words if no path says
// it.
type rights struct {
	set   permissions.Set
	lost  []string           // what no path of the target says
	items []permissions.Item // of names, together
	paths [][]permissions.Path
	// part are paths that a name allowed in part only, with what it did, if nothing else
	// gives them.
	part map[permissions.Path]string
}

// ledger works out what holders can do, once for all who hold the same roles.
type ledger struct {
	e      *engine
	index  map[*role]int
	before map[string]*rights
	finals []final
	held   map[Key][]int // finals
	after  map[string]*rights
}

func (e *engine) ledger(finals []final) *ledger {
	l := &ledger{e: e, index: map[*role]int{}, before: map[string]*rights{}, finals: finals, held: map[Key][]int{}, after: map[string]*rights{}}
	for i, r := range e.roles {
		l.index[r] = i
	}
	for i, f := range finals {
		for _, k := range f.holders {
			if at := l.held[k.Fold()]; len(at) == 0 || at[len(at)-1] != i {
				l.held[k.Fold()] = append(at, i)
			}
		}
	}
	return l
}

func signature(list []int) string {
	var b []byte
	for _, n := range list {
		b = binary.AppendUvarint(b, uint64(n)) //nolint:gosec // an index is not negative
	}
	return string(b)
}

// source is what a holder of the source can do.
func (l *ledger) source(m *mapping) *rights {
	var list []int
	for _, r := range m.roles {
		list = append(list, l.index[r])
	}
	slices.Sort(list)
	id := signature(list)
	if known := l.before[id]; known != nil {
		return known
	}
	out := &rights{}
	var paths []permissions.Path
	var legacy []permissions.Legacy
	for _, i := range list {
		r := l.e.roles[i]
		paths = append(paths, r.before.Paths()...)
		out.lost = append(out.lost, r.words...)
		legacy = append(legacy, r.legacy...)
	}
	slices.Sort(out.lost)
	out.lost = slices.Compact(out.lost)
	out.set = permissions.NewSet(paths...)
	out.part = map[permissions.Path]string{}
	var whole []permissions.Path // that somebody had in full
	for _, i := range list {
		if len(l.e.roles[i].legacy) == 0 {
			whole = append(whole, l.e.roles[i].before.Paths()...)
		}
	}
	for _, item := range permissions.Convert(legacy, l.e.convert).Items {
		var at []permissions.Path
		for _, p := range item.Paths {
			if t := l.e.objects.translate(p); t.path != "" {
				at = append(at, t.path)
			}
		}
		if info, known := permissions.KnownLegacy(item.Name); item.Widens == "" {
			whole = append(whole, at...)
		} else if known && len(at) == 1 {
			p := at[0].Canonical()
			out.part[p] = strings.TrimPrefix(out.part[p]+"; "+info.Effect+" (through "+string(item.Name)+")", "; ")
		}
		if item.Widens == "" && item.Narrows == "" || item.Outcome != permissions.OutcomeConverted && item.Outcome != permissions.OutcomeDropped {
			continue
		}
		out.items, out.paths = append(out.items, item), append(out.paths, at)
	}
	had := permissions.NewSet(whole...)
	maps.DeleteFunc(out.part, func(p permissions.Path, _ string) bool { return had.Allows(p) })
	l.before[id] = out
	return out
}

// target is what a holder of the target can do.
func (l *ledger) target(k Key) *rights {
	list := l.held[k.Fold()]
	id := signature(list)
	if known := l.after[id]; known != nil {
		return known
	}
	var paths []permissions.Path
	for _, i := range list {
		paths = append(paths, l.finals[i].set.Paths()...)
	}
	out := &rights{set: permissions.NewSet(paths...)}
	l.after[id] = out
	return out
}

// verdict is what is different for a holder.
type verdict struct {
	more, less           []permissions.Effect // in paths
	moreWords, lessWords []string
	part                 map[permissions.Path]string // of what is less
}

func (v *verdict) wider() bool    { return len(v.more)+len(v.moreWords) > 0 }
func (v *verdict) narrower() bool { return len(v.less)+len(v.lessWords) > 0 }

func (v *verdict) String() string {
	switch {
	case v.wider() && v.narrower():
		return "wider and narrower"
	case v.wider():
		return "wider"
	case v.narrower():
		return "narrower"
	}
	return "same"
}

// compare says what is different. A path that allows more, or less, than the name that
// it was converted from counts, although it is the same path.
func compare(before, after *rights) verdict {
	diff := before.set.Diff(after.set)
	v := verdict{more: diff.Added, less: diff.Removed, part: before.part}
	var more, less []said
	for i, item := range before.items {
		if item.Widens != "" && slices.ContainsFunc(before.paths[i], after.set.Allows) {
			more = say(more, item.Widens, item.Name)
		}
		if item.Narrows != "" {
			less = say(less, item.Narrows, item.Name)
		}
	}
	for _, s := range more {
		v.moreWords = append(v.moreWords, s.text+" (through "+strings.Join(s.names, ", ")+")")
	}
	v.lessWords = slices.Clone(before.lost)
	for _, s := range less {
		v.lessWords = append(v.lessWords, s.text+" (from "+strings.Join(s.names, ", ")+")")
	}
	return v
}

// said is what is to be said of one or several names.
type said struct {
	text  string
	names []string
}

func say(list []said, text string, name permissions.Legacy) []said {
	i := slices.IndexFunc(list, func(s said) bool { return s.text == text })
	if i < 0 {
		i = len(list)
		list = append(list, said{text: text})
	}
	list[i].names = append(list[i].names, string(name))
	return list
}
