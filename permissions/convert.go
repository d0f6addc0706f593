package permissions

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrUnknown matches [Conversion.Err] if a name is unknown.
var ErrUnknown = errors.New("unknown permission name")

// ErrRefused matches [Conversion.Err] if a name was refused.
var ErrRefused = errors.New("refused")

// ConvertOptions adjust a conversion.
type ConvertOptions struct {
	// Version is the Command version to convert for, "11.3" or "25.1". Paths known not to exist there are reported. They
	// stay in the set, because the server's own list is better evidence than documents.
	Version string
	// MinConfidence refuses names that are mapped with less confidence. A name that is known to have no equivalent is still
	// dropped, not refused.
	MinConfidence Confidence
	// Overrides are the caller's own decisions, by name. They take precedence over the mapping and MinConfidence, and can be
	// about unknown names. An empty list drops the name.
	Overrides map[Legacy][]Path
}

// Outcome says what became of a name.
type Outcome string

// The outcomes.
const (
	OutcomeConverted Outcome = "converted" // its paths are in the set, or covered by it
	OutcomeDropped   Outcome = "dropped"   // it has no equivalent, or the caller decided to drop it
	OutcomeRefused   Outcome = "refused"   // it was not converted; Reason says why
	OutcomeUnknown   Outcome = "unknown"   // nothing is known about it
)

// Conversion is what became of a list of version 1 names. The same names give the same conversion, whatever their order.
type Conversion struct {
	// Set is what the role should hold in version 2.
	Set Set `json:"permissions"`
	// Items has one entry for each distinct input, sorted by name: those that hold everywhere first.
	Items []Item `json:"items"`

	err error // about the options
}

// Item is what became of one name.
type Item struct {
	// Input is the name as it was given, Name its canonical form. They are equal if the input is malformed.
	Input Legacy `json:"input"`
	Name  Legacy `json:"name"`

	Outcome Outcome `json:"outcome"`
	// Reason says why a name was dropped, refused or not known.
	Reason string `json:"reason,omitempty"`
	// Paths are what the name stands for. Those of a refused name are what it would have been converted to.
	Paths []Path `json:"paths,omitempty"`
	// Confidence is that of the weakest row in Mappings. Of an overridden name it is ConfidenceNone: the decision is the caller's.
	Confidence Confidence `json:"confidence"`
	// Mappings are the rows that were used, ids filled in, with their evidence.
	Mappings []Mapping `json:"mappings,omitempty"`
	// Overridden tells that the caller decided what the name stands for.
	Overridden bool `json:"overridden,omitempty"`
	// Widens is what the role can do after the conversion that none of its names allowed, a verb phrase: "approve and deny
	// certificate requests". Empty if the conversion gives no more than the name did.
	Widens string `json:"widens,omitempty"`
	// Redundant lists the paths of this name that the set does not need, because other names bring them in.
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

// Convert finds the version 2 paths for version 1 names: the names of a role's list, and those for single collections,
// containers and PAM providers in the notation of [CollectionPermission.On]. Nil options are the defaults: everything that
// is known is converted, guesses included.
//
// No input is lost: each distinct one has its [Item]. Names that are malformed, unknown or refused add nothing to the set.
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
		if item := &conv.Items[i]; item.Outcome == OutcomeConverted {
			granted = append(granted, item.Paths...)
		}
	}
	conv.Set = NewSet(granted...)

	source := make([]*Item, conv.Set.Len()) // the first item that brings each member in
	for i := range conv.Items {
		item := &conv.Items[i]
		if item.Outcome != OutcomeConverted {
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
			if item.Outcome != OutcomeConverted {
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

	// What the items list, in one piece each: every item has a part of its own.
	paths    []Path
	mappings []Mapping
}

func newConverter(legacy []Legacy, opts *ConvertOptions) *converter {
	parsed := make([]parsedLegacy, len(legacy))
	names := make([]*parsedLegacy, len(legacy)) // the entries are too large to be moved while sorting
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
		item.Outcome, item.Reason = OutcomeUnknown, cmp.Or(n.problem, "is not a permission that is known here")
		if near := nearestLegacy(string(n.input)); near != "" {
			item.Reason += "; did you mean " + string(near) + "?"
		}
	default:
		c.look(&item, n)
		if len(item.Paths) > 0 && item.Confidence < c.least {
			item.Outcome = OutcomeRefused
			item.Reason = fmt.Sprintf("its mapping is %s, and %s was asked for", withArticle(item.Confidence), c.least)
			item.Widens = ""
		}
	}
	return item
}

// look fills in what the mapping says.
func (c *converter) look(item *Item, n *parsedLegacy) {
	item.Outcome, item.Confidence = OutcomeConverted, ConfidenceDocumented
	firstPath, firstRow := len(c.paths), len(c.mappings)
	c.mappings = append(c.mappings, n.info.Mappings...)
	item.Mappings = slices.Clip(c.mappings[firstRow:])
	for i := range item.Mappings {
		m := &item.Mappings[i]
		item.Confidence = min(item.Confidence, m.Confidence)
		if m.Path == "" {
			item.Outcome, item.Reason = OutcomeDropped, "has no equivalent in version 2: "+clause(m.Remark)
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
	item.Overridden, item.Outcome = true, OutcomeConverted
	if len(decision) == 0 {
		item.Outcome, item.Reason = OutcomeDropped, "by the caller's decision"
		return
	}
	for _, p := range decision {
		c, ok := p.canonical()
		if !ok {
			item.Outcome = OutcomeRefused
			item.Reason = "the caller's decision names " + quote(string(p)) + ", which is not a permission path"
		}
		if !slices.Contains(item.Paths, c) {
			item.Paths = append(item.Paths, c)
		}
	}
	slices.Sort(item.Paths)
}

// unavailable says why a path is known not to exist on a version. It is empty if nothing speaks against the path.
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
		reason += "; " + clause(info.Note)
	}
	return strings.TrimSuffix(reason, ".")
}

// canonicalOverrides makes overrides findable by canonical name as well. If two spellings of one name disagree, each holds
// for inputs spelled like it, and the first in sorted order for all others.
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

// Err returns an error that names every unknown name, every refused name, and a malformed target version. It is nil if
// there is none of them. It matches [ErrUnknown], [ErrRefused] and [ErrVersion] accordingly.
func (c Conversion) Err() error {
	var errs []error
	if c.err != nil {
		errs = append(errs, c.err)
	}
	for _, item := range c.Items {
		switch item.Outcome {
		case OutcomeUnknown:
			errs = append(errs, fmt.Errorf("permissions: %w: %s %s", ErrUnknown, quote(string(item.Input)), item.Reason))
		case OutcomeRefused:
			errs = append(errs, fmt.Errorf("permissions: %s %w: %s", shownName(item.Name), ErrRefused, item.Reason))
		case OutcomeConverted, OutcomeDropped:
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
