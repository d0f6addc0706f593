package migration

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// final is a role of the target: what it grants to whom.
type final struct {
	name    string
	set     permissions.Set
	holders []Key
	admin   bool    // it allows changing security
	res     *result // that it is; nil if it is not part of the migration
}

// setID is the id of the permission set that a result is in.
func (e *engine) setID(res *result) string {
	switch {
	case res.set == nil && res.now != nil:
		return res.now.PermissionSetID
	case res.set == nil:
		return ""
	}
	if found := e.sets[names.Fold(*res.set)]; len(found) > 0 {
		return found[0].ID
	}
	return *res.set
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

// byRole finds the results that roles of the target are.
func (e *engine) byRole() map[*snapshot.Role]*result {
	out := map[*snapshot.Role]*result{}
	for _, res := range e.results {
		if !res.left && res.now != nil {
			out[res.now] = res
		}
	}
	return out
}

// now are the roles of the target as they are.
func (e *engine) now() []final {
	byRole := e.byRole()
	out := make([]final, 0, len(e.target.Roles))
	for i := range e.target.Roles {
		r := &e.target.Roles[i]
		set := e.current(r)
		out = append(out, final{r.Name, set, keysOf(r), admin.Grants(set, r.PermissionSetID, false), byRole[r]})
	}
	return out
}

// ruled are the roles that the migration makes, and nothing of what the target has
// besides.
func (e *engine) ruled() []final {
	var out []final
	for _, res := range e.results {
		if res.left {
			continue
		}
		f := final{name: res.name, set: res.paths, holders: res.holders, res: res}
		if res.now != nil && !res.says {
			f.set = e.current(res.now)
		}
		if res.now != nil && !res.holds {
			f.holders = keysOf(res.now)
		}
		f.admin = admin.Grants(f.set, e.setID(res), false)
		out = append(out, f)
	}
	return out
}

// promised are the roles of the target as they become.
func (e *engine) promised() []final {
	byRole, absent := e.byRole(), map[string]bool{}
	var out []final
	for _, res := range e.results {
		if res.left {
			continue
		}
		for _, name := range res.absent {
			absent[names.Fold(name)] = true
		}
		if res.now == nil {
			out = append(out, final{res.name, res.paths, res.holders, admin.Grants(res.paths, e.setID(res), false), res})
		}
	}
	for i := range e.target.Roles {
		r := &e.target.Roles[i]
		f := final{name: r.Name, set: e.current(r), holders: keysOf(r), res: byRole[r]}
		setID := r.PermissionSetID
		if absent[names.Fold(r.Name)] {
			continue
		}
		if res := byRole[r]; res != nil {
			setID = e.setID(res)
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
		f.admin = admin.Grants(f.set, setID, false)
		out = append(out, f)
	}
	return out
}

// moved is a right on a collection that is another one on the target.
type moved struct {
	base, path permissions.Path // without the collection, and of the target
	text       string
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
	part  map[permissions.Path]string
	admin bool    // they can change security
	moved []moved // rights on other certificates than before
}

// can reports whether they can do anything.
func (r *rights) can() bool { return r.set.Len()+len(r.lost) > 0 }

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

// source is what a holder of roles of the source can do.
func (l *ledger) source(roles []*role) *rights {
	var list []int
	for _, r := range roles {
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
	for _, i := range list {
		r := l.e.roles[i]
		out.admin = out.admin || admin.Grants(r.before, r.PermissionSetID, !read(r.Role, 2)) && out.part[admin.Path] == ""
		for _, m := range r.moved {
			if !out.set.Allows(m.base) && !slices.Contains(out.moved, m) { // who has all collections has the same
				out.moved = append(out.moved, m)
			}
		}
	}
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
	out.admin = slices.ContainsFunc(list, func(i int) bool { return l.finals[i].admin })
	l.after[id] = out
	return out
}

// verdict is what is different for a holder.
type verdict struct {
	more, less           []permissions.Effect // in paths
	moreWords, lessWords []string
	part                 map[permissions.Path]string // of what is less
	moved                []string                    // rights on other certificates than before
	admin                bool                        // they can change security, and could not before
}

func (v *verdict) wider() bool    { return len(v.more)+len(v.moreWords) > 0 }
func (v *verdict) narrower() bool { return len(v.less)+len(v.lessWords) > 0 }
func (v *verdict) same() bool     { return !v.wider() && !v.narrower() && len(v.moved) == 0 && !v.admin }

func (v *verdict) String() string {
	var parts []string
	if v.admin {
		parts = append(parts, "can change security")
	}
	if v.wider() {
		parts = append(parts, "wider")
	}
	if len(v.moved) > 0 {
		parts = append(parts, "on other certificates")
	}
	if v.narrower() {
		parts = append(parts, "narrower")
	}
	if len(parts) == 0 {
		return "same"
	}
	return join(parts)
}

// rank is what matters most: who can change security, then who can do more, then less.
func (v *verdict) rank() int {
	switch {
	case v.admin:
		return 0
	case v.wider():
		return 1
	case len(v.moved) > 0:
		return 2
	case v.narrower():
		return 3
	}
	return 4
}

// join is "a", "a and b", "a, b and c".
func join(list []string) string {
	last := len(list) - 1
	if last < 1 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:last], ", ") + " and " + list[last]
}

// compare says what is different. A path that allows more, or less, than the name that
// it was converted from counts, although it is the same path.
func compare(before, after *rights) verdict {
	diff := before.set.Diff(after.set)
	v := verdict{more: diff.Added, less: diff.Removed, part: before.part, admin: after.admin && !before.admin}
	for _, m := range before.moved {
		if after.set.Allows(m.path) && !slices.Contains(v.moved, m.text) {
			v.moved = append(v.moved, m.text)
		}
	}
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
