package permissions

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrUnknown is what [Conversion.Err] matches if a name is unknown.
var ErrUnknown = errors.New("unknown permission name")

// ErrRefused is what [Conversion.Err] matches if a name was refused.
var ErrRefused = errors.New("refused")

// ConvertOptions adjust a conversion.
type ConvertOptions struct {
	// Version is the Command version to convert for, "11.3" or "25.1". Paths known not to exist there are reported; they
	// stay in the set, since documents are a weaker witness than the server's own list.
	Version string
	// MinConfidence refuses names that are mapped with less confidence. A name that is known to have no equivalent is dropped
	// as ever, not refused.
	MinConfidence Confidence
	// Overrides are the caller's own decisions, by name. They win over the mapping and MinConfidence, and may name unknown
	// permissions. An empty list drops the name deliberately.
	Overrides map[Legacy][]Path
}

// Outcome says what became of a name.
type Outcome string

// The outcomes.
const (
	Converted Outcome = "converted" // its paths are in the set, or covered by it
	Dropped   Outcome = "dropped"   // it has no equivalent, or the caller decided to drop it
	Refused   Outcome = "refused"   // it was not converted; Reason says why
	Unknown   Outcome = "unknown"   // nothing is known about it
)

// Conversion is what became of a list of version one names. The same names give the same conversion, byte for byte, in
// whatever order they come.
type Conversion struct {
	// Set is what the role should hold in version two.
	Set Set `json:"permissions"`
	// Items has one entry for each distinct input, sorted by name: those that hold everywhere first.
	Items []Item `json:"items"`

	err error // about the options
}

// Item is what became of one name.
type Item struct {
	// Input is the name as it was given, Name its canonical form; they are the same if the input is malformed.
	Input Legacy `json:"input"`
	Name  Legacy `json:"name"`

	Outcome Outcome `json:"outcome"`
	// Reason says why a name was dropped, refused or not known.
	Reason string `json:"reason,omitempty"`
	// Paths are what the name stands for. Those of a refused name are what it would have been converted to.
	Paths []Path `json:"paths,omitempty"`
	// Confidence is that of the weakest row in Mappings. Of an overridden name it is None: the decision is the caller's.
	Confidence Confidence `json:"confidence"`
	// Mappings are the rows that were used, ids filled in, with their evidence.
	Mappings []Mapping `json:"mappings,omitempty"`
	// Overridden tells that the caller decided what the name stands for.
	Overridden bool `json:"overridden,omitempty"`
	// Widens is what the role can do after the conversion that none of its names allowed, a verb phrase: "approve and deny
	// certificate requests". Empty if the conversion gives no more than the name did.
	Widens string `json:"widens,omitempty"`
	// Redundant lists the paths that the set does not need on account of this name.
	Redundant []Redundancy `json:"redundant,omitempty"`
	// Unavailable lists the paths that are known not to exist on the target version.
	Unavailable []Unavailability `json:"unavailable,omitempty"`
}

// Redundancy is a path that another name's path covers.
type Redundancy struct {
	Path    Path   `json:"path"`
	Through Path   `json:"through"` // the member of the set that covers it
	By      Legacy `json:"by"`      // the first name that brings Through in
}

// Unavailability is a path that does not exist on the target version.
type Unavailability struct {
	Path   Path   `json:"path"`
	Reason string `json:"reason"`
}

// Convert finds the version two paths for version one names: the names of a role's list and, written as by
// [CollectionPermission.On] and its like, those for single collections, containers and PAM providers. Nil options are
// the defaults: everything that is known is converted, guesses included.
//
// No input is lost: each distinct one has its [Item]. Names that are malformed, unknown or refused add nothing to the set;
// [Conversion.Err] names them.
func Convert(legacy []Legacy, opts *ConvertOptions) Conversion {
	if opts == nil {
		opts = &ConvertOptions{}
	}
	var conv Conversion
	var target version
	if opts.Version != "" {
		target, conv.err = parseVersion(opts.Version)
	}
	c := newConverter(legacy, opts)
	conv.Items = make([]Item, len(c.names))
	granted := make([]Path, 0, cap(c.paths))
	for i, n := range c.names {
		conv.Items[i] = c.decide(n)
		if item := &conv.Items[i]; item.Outcome == Converted {
			granted = append(granted, item.Paths...)
		}
	}
	conv.Set = NewSet(granted...)

	source := make([]*Item, conv.Set.Len()) // the first item that brings each member in
	for i := range conv.Items {
		item := &conv.Items[i]
		if item.Outcome != Converted {
			continue
		}
		for _, p := range item.Paths {
			if at, ok := slices.BinarySearch(conv.Set.paths, p); ok && source[at] == nil {
				source[at] = item
			}
		}
	}
	for i := range conv.Items {
		item := &conv.Items[i]
		for _, p := range item.Paths {
			if reason := unavailable(p, target); reason != "" {
				item.Unavailable = append(item.Unavailable, Unavailability{p, reason})
			}
			if item.Outcome != Converted {
				continue
			}
			at := conv.Set.index(p)
			if through, by := conv.Set.paths[at], source[at]; through != p || by != item {
				item.Redundant = append(item.Redundant, Redundancy{p, through, by.Name})
			}
		}
	}
	return conv
}

// converter decides what becomes of each name.
type converter struct {
	names     []*parsedLegacy // distinct, sorted
	overrides map[Legacy][]Path
	least     Confidence

	// What the items list, all in one piece: each item has a stretch of its own.
	paths    []Path
	mappings []Mapping
}

func newConverter(legacy []Legacy, opts *ConvertOptions) *converter {
	parsed := make([]parsedLegacy, len(legacy))
	names := make([]*parsedLegacy, len(legacy)) // the entries are too large to be moved about in sorting
	for i, input := range legacy {
		parsed[i] = parseLegacy(input)
		names[i] = &parsed[i]
	}
	slices.SortFunc(names, func(a, b *parsedLegacy) int {
		if c := a.key.compare(b.key); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(string(a.name), string(b.name)), strings.Compare(string(a.input), string(b.input)))
	})
	names = slices.CompactFunc(names, func(a, b *parsedLegacy) bool { return a.input == b.input })
	room := len(names) + 4 // few names stand for more than one path
	return &converter{
		names: names, overrides: canonicalOverrides(opts.Overrides), least: opts.MinConfidence,
		paths: make([]Path, 0, room), mappings: make([]Mapping, 0, room),
	}
}

// decide says what becomes of a name.
func (c *converter) decide(n *parsedLegacy) Item {
	item := Item{Input: n.input, Name: n.name}
	decision, overridden := c.overrides[n.input]
	if !overridden {
		decision, overridden = c.overrides[n.name]
	}
	switch {
	case overridden:
		override(&item, decision)
	case n.info == nil:
		item.Outcome, item.Reason = Unknown, cmp.Or(n.problem, "is not a permission that is known here")
		if near := nearestLegacy(string(n.input)); near != "" {
			item.Reason += "; did you mean " + string(near) + "?"
		}
	default:
		c.look(&item, n)
		if len(item.Paths) > 0 && item.Confidence < c.least {
			item.Outcome = Refused
			item.Reason = fmt.Sprintf("its mapping is %s, and %s was asked for", withArticle(item.Confidence), c.least)
			item.Widens = ""
		}
	}
	return item
}

// look fills in what the mapping says.
func (c *converter) look(item *Item, n *parsedLegacy) {
	item.Outcome, item.Confidence = Converted, Documented
	firstPath, firstRow := len(c.paths), len(c.mappings)
	c.mappings = append(c.mappings, n.info.Mappings...)
	item.Mappings = slices.Clip(c.mappings[firstRow:])
	for i := range item.Mappings {
		m := &item.Mappings[i]
		item.Confidence = min(item.Confidence, m.Confidence)
		if m.Path == "" {
			item.Outcome, item.Reason = Dropped, "has no equivalent in version two: "+lowerFirst(m.Remark)
			continue
		}
		m.Path = scoped(n.info.bases[i], n.key.id)
		c.paths = append(c.paths, m.Path)
		if m.Widens != "" && !c.held(m.Unless) {
			item.Widens = m.Widens
		}
	}
	item.Paths = slices.Clip(c.paths[firstPath:])
}

// held reports whether a name is converted along with the others.
func (c *converter) held(l Legacy) bool {
	return slices.ContainsFunc(c.names, func(n *parsedLegacy) bool { return n.name == l })
}

// override applies the caller's decision.
func override(item *Item, decision []Path) {
	item.Overridden, item.Outcome = true, Converted
	if len(decision) == 0 {
		item.Outcome, item.Reason = Dropped, "by the caller's decision"
		return
	}
	for _, p := range decision {
		c, ok := p.canonical()
		if !ok {
			item.Outcome = Refused
			item.Reason = "the caller's decision names " + quote(string(p)) + ", which is not a permission path"
		}
		if !slices.Contains(item.Paths, c) {
			item.Paths = append(item.Paths, c)
		}
	}
	slices.Sort(item.Paths)
}

// unavailable says why a path is known not to exist on a version; an empty answer means that nothing speaks against it.
func unavailable(p Path, target version) string {
	if target == nil {
		return ""
	}
	if target.before(version{11}) {
		return "access-control paths exist from Command 11 on"
	}
	info := data().path(p)
	if info == nil {
		return ""
	}
	is := func(since string) version { v, _ := parseVersion(since); return v } // the data is checked when it is loaded
	_, limited := p.Scope()
	var reason string
	switch {
	case info.Since != "" && target.before(is(info.Since)):
		reason = "is known from Command " + info.Since + " on"
	case limited && info.ScopedSince != "" && target.before(is(info.ScopedSince)):
		reason = "is known to take an id from Command " + info.ScopedSince + " on"
	case info.Gone != "" && !target.before(is(info.Gone)):
		reason = info.Deprecated()
	default:
		return ""
	}
	if info.Note != "" {
		reason += "; " + lowerFirst(info.Note)
	}
	return strings.TrimSuffix(reason, ".")
}

// canonicalOverrides makes overrides findable by canonical name as well. Where two spellings of one name disagree, each
// holds for inputs spelt like it, and the first in sorted order for all others.
func canonicalOverrides(overrides map[Legacy][]Path) map[Legacy][]Path {
	if len(overrides) == 0 {
		return nil
	}
	out := maps.Clone(overrides)
	for _, l := range slices.Sorted(maps.Keys(overrides)) {
		name := parseLegacy(l).name
		if _, taken := out[name]; !taken {
			out[name] = overrides[l]
		}
	}
	return out
}

// Err returns an error that names every unknown and every refused name, and a malformed target version; nil if there is
// none. It matches ErrUnknown, ErrRefused and ErrVersion accordingly.
func (c Conversion) Err() error {
	var errs []error
	if c.err != nil {
		errs = append(errs, c.err)
	}
	for _, item := range c.Items {
		switch item.Outcome {
		case Unknown:
			errs = append(errs, fmt.Errorf("permissions: %w: %s %s", ErrUnknown, quote(string(item.Input)), item.Reason))
		case Refused:
			errs = append(errs, fmt.Errorf("permissions: %s %w: %s", shownName(item.Name), ErrRefused, item.Reason))
		case Converted, Dropped:
		}
	}
	return errors.Join(errs...)
}

// Widening returns the items that let the role do more than before.
func (c Conversion) Widening() []Item {
	var out []Item
	for _, item := range c.Items {
		if item.Widens != "" {
			out = append(out, item)
		}
	}
	return out
}

// String returns the conversion as a table for an administrator, followed by the permissions that result.
func (c Conversion) String() string {
	width := 0
	for _, item := range c.Items {
		width = max(width, len(item.title()))
	}
	var b strings.Builder
	for _, item := range c.Items {
		lead := fmt.Sprintf("%-*s  ", width, item.title())
		for _, line := range item.lines() {
			b.WriteString(lead + line + "\n")
			lead = strings.Repeat(" ", width+2)
		}
	}
	if c.err != nil {
		fmt.Fprintf(&b, "%v\n", c.err)
	}
	b.WriteString(c.summary() + "\n")
	for p := range c.Set.All() {
		b.WriteString("  " + string(p) + "\n")
	}
	return b.String()
}

// summary counts what became of the names.
func (c Conversion) summary() string {
	counts := map[string]int{}
	for _, item := range c.Items {
		counts[string(item.Outcome)]++
		if item.Outcome == Converted && item.Confidence == Guess {
			counts["guessed"]++
		}
		if item.Widens != "" {
			counts["widening the role"]++
		}
	}
	var parts []string
	for _, what := range []string{"converted", "guessed", "widening the role", "dropped", "refused", "unknown"} {
		if n := counts[what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	s := count(len(c.Items), "name")
	if len(parts) > 0 {
		s += ": " + strings.Join(parts, ", ")
	}
	return s + ". " + count(c.Set.Len(), "permission") + " in version two:"
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// title returns the name as it is shown to people: on one line, whatever a hostile input holds.
func (item Item) title() string {
	switch {
	case item.Outcome == Unknown:
		return quote(string(item.Input))
	case item.Input != item.Name:
		return quote(string(item.Input)) + " = " + string(item.Name)
	}
	return shownName(item.Name)
}

// shownName returns a name as it is shown to people: quoted if it is malformed.
func shownName(l Legacy) string {
	if _, _, _, problem := l.parts(); problem != "" {
		return quote(string(l))
	}
	return string(l)
}

// lines says what became of the name, for people.
func (item Item) lines() []string {
	var lines []string
	switch {
	case item.Outcome == Unknown:
		lines = append(lines, "UNKNOWN: "+item.Reason)
	case item.Outcome == Refused:
		lines = append(lines, "REFUSED: "+item.Reason)
	case item.Outcome == Dropped:
		lines = append(lines, "dropped: "+item.Reason)
	}
	for i, p := range item.Paths {
		how := "by the caller's decision"
		if !item.Overridden {
			m := item.Mappings[i]
			how = m.Confidence.String()
			if m.Confidence == Guess && m.Remark != "" {
				how += ": " + m.Remark
			}
		}
		if item.Outcome == Refused {
			how = "would be; " + how
		}
		lines = append(lines, fmt.Sprintf("%s  (%s)", shown(p), how))
	}
	if item.Widens != "" {
		lines = append(lines, "WIDENS: can now "+item.Widens)
	}
	for _, r := range item.Redundant {
		if r.By == item.Name && r.Path == r.Through {
			lines = append(lines, "the same name once more")
		} else if r.Path == r.Through {
			lines = append(lines, fmt.Sprintf("shares %s with %s", r.Path, shownName(r.By)))
		} else {
			lines = append(lines, fmt.Sprintf("%s is not needed: %s (%s) covers it", r.Path, r.Through, shownName(r.By)))
		}
	}
	for _, u := range item.Unavailable {
		lines = append(lines, fmt.Sprintf("NOT ON THIS VERSION: %s %s", shown(u.Path), u.Reason))
	}
	for _, m := range item.Mappings {
		if m.Caution != "" {
			lines = append(lines, "note: "+m.Caution)
		}
	}
	return lines
}

func withArticle(c Confidence) string {
	switch c {
	case Guess:
		return "a guess"
	case None:
		return "without any evidence"
	default:
		return c.String()
	}
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + strings.TrimSuffix(s[1:], ".")
}
