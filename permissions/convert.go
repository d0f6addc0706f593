package permissions

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnknown matches [Conversion.Err] if a name is unknown.
var ErrUnknown = errors.New("unknown permission name")

// ErrRefused matches [Conversion.Err] if a name was refused.
var ErrRefused = errors.New("refused")

// ErrOverride matches [Conversion.Err] if an override is about none of the names.
var ErrOverride = errors.New("unused override")

// ConvertOptions adjust a conversion.
type ConvertOptions struct {
	// Version is the Command version to convert for, "11.3" or "25.1". Paths known not to exist there are reported. They
	// stay in the set, because the server's own list is better evidence than documents.
	Version string
	// MinConfidence refuses names that are mapped with less confidence. A name that is known to have no equivalent is still
	// dropped, not refused.
	MinConfidence Confidence
	// RefuseWidening refuses names whose path lets the role do more than its names allowed.
	RefuseWidening bool
	// Overrides are the caller's own decisions, by name. They take precedence over the mapping, MinConfidence and
	// RefuseWidening, and can be about unknown names. An empty list drops the name. The conversion reports what a decision
	// gives and takes. A key for all objects has a placeholder for the id, and its paths can have one too:
	// "Collections[{id}]:Recover" and "/certificates/collections/read/{id}/". A key with an id takes precedence over it.
	// An override that is about none of the names is an error.
	Overrides map[Legacy][]Path
	// Decisions are overrides and acceptances with who they are about and why; see [ParseDecisions]. Convert takes those
	// about all roles, [ConvertAll] also those about one, which take precedence over everything else about that role. Next to
	// an entry of Overrides or Accept for the same name, one about all roles is unused.
	Decisions []Decision
	// Overlay is what a server proved about the mapping, see [Learn]. It takes precedence over the mapping: a confirmed name
	// gets the paths that the server proved, and a refuted one is refused. A name that the mapping has no path for gets some
	// only if exact roles prove them. Rows about other names are ignored, so that many roles can share an overlay.
	Overlay *Overlay
	// Accept are names whose gains, losses and guesses the caller accepts; see [Conversion.Undecided]. It changes nothing of
	// what is granted. Placeholders work as in Overrides. A name that is none of the names is an error.
	Accept []Legacy
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
	// UnusedOverrides are the keys of overrides that are about none of the names, UnusedAccepts the names accepted that are
	// none of them. Both are sorted.
	UnusedOverrides []Legacy `json:"unusedOverrides,omitempty"`
	UnusedAccepts   []Legacy `json:"unusedAccepts,omitempty"`

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
	// Confidence is that of the weakest row that was used. For an override it is ConfidenceNone unless the mapping has all
	// of its paths.
	Confidence Confidence `json:"confidence"`
	// Mappings are the rows of the mapping for the name, with ids filled in. They are there for an override as well.
	Mappings []Mapping `json:"mappings,omitempty"`
	// Overridden says that the caller decided what the name stands for.
	Overridden bool `json:"overridden,omitempty"`
	// Accepted says that the caller accepted what becomes of the name.
	Accepted bool `json:"accepted,omitempty"`
	// Proof is what the overlay says about the name, nil if it says nothing. Proven says that Paths rest on it.
	Proof  *OverlayRow `json:"proof,omitempty"`
	Proven bool        `json:"proven,omitempty"`
	// Widens is what the role can do after the conversion that none of its names allowed, as verb phrases separated by
	// semicolons: "approve and deny certificate requests". Narrows is what it can no longer do. Those of a refused name say
	// what the conversion would have given and taken. They are for people; the effects of a row alone are in Mappings.
	Widens  string `json:"widens,omitempty"`
	Narrows string `json:"narrows,omitempty"`
	// Redundant lists the paths of this name that the set does not need, because other names bring them in.
	Redundant []Redundancy `json:"redundant,omitempty"`
	// StillGranted lists the paths that an override takes from this name, but that the role holds through other names.
	StillGranted []Redundancy `json:"stillGranted,omitempty"`
	// Unavailable lists the paths that are known not to exist on the target version.
	Unavailable []Unavailability `json:"unavailable,omitempty"`

	lost []Effect // what Narrows says; without a path if version 2 has none for it
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
// is known is converted, including guesses. A guess whose path is sensitive (see [PathInfo]) is refused unless the role
// holds the path anyway: an override grants it, or drops the name.
//
// No input is lost: each distinct one has its [Item]. Names that are malformed, unknown or refused add nothing to the set.
// [Conversion.Err] names them.
func Convert(legacy []Legacy, opts *ConvertOptions) Conversion {
	if opts == nil {
		opts = &ConvertOptions{}
	}
	all := newDecided(opts)
	conv := convert(legacy, opts, all, nil, 0)
	conv.UnusedOverrides, conv.UnusedAccepts = all.overrides.unused(), all.accepts.unused()
	return conv
}

// convert is Convert with the decisions about all roles, and those about this one alone, nil if there are none. role is the
// number of the role.
func convert(legacy []Legacy, opts *ConvertOptions, all, own *decided, role int) Conversion {
	c := newConverter(legacy, opts, all, own, role)
	var conv Conversion
	if opts.Version != "" {
		c.target, conv.err = parseVersion(opts.Version)
	}
	conv.Items = make([]Item, len(c.names))
	for i, n := range c.names {
		conv.Items[i] = c.decide(n)
	}
	conv.Set = c.grant(conv.Items)
	from := newSources(conv.Set, conv.Items)
	for i := range conv.Items {
		c.compare(&conv.Items[i], c.names[i], from)
	}
	return conv
}

// converter decides what becomes of each name.
type converter struct {
	names   []*parsedLegacy // distinct, sorted
	all     *decided
	own     *decided // nil if no decision is about this role alone
	role    int
	overlay *Overlay
	target  version // nil if there is none
	least   Confidence
	strict  bool // refuses what widens

	// What the items list, in one piece each: every item has a part of its own.
	paths    []Path
	mappings []Mapping

	held     map[holding][2]bool // see holds
	allowed  *Set                // see allowedBefore
	searched int                 // names for which the nearest known one was searched
}

func newConverter(legacy []Legacy, opts *ConvertOptions, all, own *decided, role int) *converter {
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
		names: names, all: all, own: own, role: role, overlay: opts.Overlay,
		least: opts.MinConfidence, strict: opts.RefuseWidening,
		paths: make([]Path, 0, room), mappings: make([]Mapping, 0, room), held: map[holding][2]bool{},
	}
}

// decide says what becomes of a name.
func (c *converter) decide(n *parsedLegacy) Item {
	item := Item{Input: n.input, Name: n.name, Mappings: c.rows(n)}
	d, proof := c.overrideOf(n), c.overlay.find(n)
	if a := c.acceptOf(n); a != nil {
		a.use(c.role)
		item.Accepted = true
	}
	if proof != nil {
		row := *proof
		row.Paths = slices.Clone(row.Paths)
		item.Proof = &row
	}
	switch {
	case d != nil:
		d.use(c.role)
		c.override(&item, n, d)
	case proof.decides(n.info):
		item.Proven = true
		c.prove(&item, n, proof)
	case n.info == nil:
		item.Outcome, item.Reason = OutcomeUnknown, cmp.Or(n.problem, "is not a permission that is known here")
		if near := c.nearest(n.input); near != "" {
			item.Reason += "; did you mean " + string(near) + "?"
		}
	default:
		c.convert(&item)
	}
	return item
}

// nearest returns the known name that an unknown one probably stands for. It searches for the first names only, so that
// many unknown ones do not take long.
func (c *converter) nearest(l Legacy) Legacy {
	if c.searched++; c.searched > mostSearches {
		return ""
	}
	return nearestLegacy(string(l))
}

// holding is what holds is asked.
type holding struct {
	name Legacy
	path Path
}

// rows returns the rows of the mapping for a name, with its id filled in.
func (c *converter) rows(n *parsedLegacy) []Mapping {
	if n.info == nil {
		return nil
	}
	first := len(c.mappings)
	c.mappings = append(c.mappings, n.info.Mappings...)
	rows := slices.Clip(c.mappings[first:])
	for i := range rows {
		rows[i] = rows[i].clone()
		if rows[i].Path != "" {
			rows[i].Path = scoped(n.info.bases[i], n.key.id)
		}
	}
	return rows
}

// convert applies the mapping.
func (c *converter) convert(item *Item) {
	item.Outcome, item.Confidence = OutcomeConverted, ConfidenceDocumented
	first := len(c.paths)
	var widens phrases
	var against Legacy // a name that the caller decided about, if this one would undo the decision
	for _, m := range item.Mappings {
		item.Confidence = min(item.Confidence, m.Confidence)
		if m.Path == "" {
			item.Outcome, item.Reason = OutcomeDropped, "has no equivalent in version 2: "+clause(m.Remark)
			continue
		}
		c.paths = append(c.paths, m.Path)
		against = cmp.Or(c.widen(&widens, m), against)
	}
	item.Paths = slices.Clip(c.paths[first:])
	item.Widens = widens.String()
	if item.Proof != nil && item.Proof.Verdict == VerdictRefuted {
		item.Outcome, item.Reason = OutcomeRefused, "the mapping is refuted "+item.Proof.source()+"; only an override decides what it stands for or drops the name"
		return
	}
	if len(item.Paths) > 0 {
		c.judge(item, against)
	}
}

// judge refuses what the caller does not want. against is a name that the caller decided about, if this one would undo the
// decision.
func (c *converter) judge(item *Item, against Legacy) {
	switch {
	case item.Confidence < c.least && item.Proven:
		item.Reason = fmt.Sprintf("%s, which counts as %s, and %s was asked for", provesHalf, item.Confidence, c.least)
	case item.Confidence < c.least:
		item.Reason = fmt.Sprintf("its mapping is %s, and %s was asked for", withArticle(item.Confidence), c.least)
	case against != "":
		item.Reason = fmt.Sprintf("it would undo your decision about %s: the role could %s; decide about this name too", against, item.Widens)
	case c.strict && item.Widens != "":
		item.Reason = fmt.Sprintf("it widens the role: it could %s; only an override grants that or drops the name", item.Widens)
	default:
		return
	}
	item.Outcome = OutcomeRefused
}

// widen adds what a holder of a row's path can do that the name did not allow. It returns a name that the caller decided
// about if the effect is new because of that decision only.
func (c *converter) widen(widens *phrases, m Mapping) (against Legacy) {
	for _, effect := range m.Widens {
		if applies, decided := c.applies(effect, m.Path); applies {
			widens.add(effect.text(c.target))
			against = cmp.Or(decided, against)
		}
	}
	return against
}

// applies reports whether a side effect of granting p applies to the role. decided is a name that would prevent it if the
// caller had not decided otherwise.
func (c *converter) applies(effect SideEffect, p Path) (applies bool, decided Legacy) {
	if c.before(effect.Since) {
		return false, ""
	}
	holdsAll := len(effect.Unless) > 0
	for _, l := range effect.Unless {
		has, holds := c.holds(l, p)
		holdsAll = holdsAll && holds
		if has && !holds {
			decided = l
		}
	}
	return !holdsAll, decided
}

// before reports whether the target version is known to be earlier than this one.
func (c *converter) before(since string) bool {
	if c.target == nil || since == "" {
		return false
	}
	v, _ := parseVersion(since) // the data is checked when it is loaded
	return c.target.before(v)
}

// holds reports whether the role has a name, and whether the caller left it what it is: a name that stands for p holds
// unless a decision takes p from it.
func (c *converter) holds(l Legacy, p Path) (has, holds bool) {
	question := holding{l, p}
	answer, asked := c.held[question]
	if !asked {
		answer[0], answer[1] = c.lookUp(l, p)
		c.held[question] = answer
	}
	return answer[0], answer[1]
}

// standsFor reports whether the mapping has p for the name.
func (n *parsedLegacy) standsFor(p Path) bool {
	return n.info != nil && slices.ContainsFunc(n.info.bases, func(base Path) bool { return scoped(base, n.key.id) == p })
}

// lookUp is holds without memory.
func (c *converter) lookUp(l Legacy, p Path) (has, holds bool) {
	key := keyOf(l)
	for _, n := range c.names {
		step(1)
		if n.key != key {
			continue
		}
		has = true
		d := c.overrideOf(n)
		if d == nil || !n.standsFor(p) || slices.ContainsFunc(d.resolve(n), func(q Path) bool { return q.Covers(p) }) {
			return true, true
		}
	}
	return has, false
}

// grant returns the set of what the converted items grant. It refuses guesses that would add something sensitive.
func (c *converter) grant(items []Item) Set {
	granted := make([]Path, 0, cap(c.paths))
	var guesses []int
	for i := range items {
		item := &items[i]
		switch {
		case item.Outcome != OutcomeConverted:
		case c.guessRisk(item, c.names[i]) != "":
			guesses = append(guesses, i)
		default:
			granted = append(granted, item.Paths...)
		}
	}
	set := NewSet(granted...)
	for _, i := range guesses {
		item := &items[i]
		if !slices.ContainsFunc(item.Paths, func(p Path) bool { return !set.Allows(p) }) {
			continue // the role holds it anyway
		}
		item.Outcome = OutcomeRefused
		basis := "its mapping is a guess"
		if item.Proven {
			basis = provesHalf
		}
		item.Reason = fmt.Sprintf("%s, and the path is sensitive (%s); only an override grants it or drops the name", basis, c.guessRisk(item, c.names[i]))
	}
	return set
}

// provesHalf is what a row of an overlay proves if no exact role is among its roles.
const provesHalf = "the server proves only that the name stands for this or for nothing"

// guessRisk says why what an item grants is sensitive although it is not certain. It is empty if it is certain, not
// sensitive, or the caller's decision.
func (c *converter) guessRisk(item *Item, n *parsedLegacy) string {
	switch {
	case item.Overridden:
		return ""
	case !item.Proven:
		return n.info.guessRisk
	case item.Confidence >= ConfidenceDocumented:
		return ""
	}
	for _, p := range item.Paths {
		if risk := riskOf(p); risk != "" {
			return risk
		}
	}
	return ""
}

// sources says where the members of a set come from.
type sources struct {
	set   Set
	first []*Item // the first item that brings each member in
}

func newSources(set Set, items []Item) sources {
	s := sources{set, make([]*Item, set.Len())}
	for i := range items {
		if items[i].Outcome != OutcomeConverted {
			continue
		}
		for _, p := range items[i].Paths {
			if at, ok := find(set.paths, p); ok && s.first[at] == nil {
				s.first[at] = &items[i]
			}
		}
	}
	return s
}

// why returns the member that grants p and the item that it comes from. The item is nil if there is none.
func (s sources) why(p Path) (through Path, by *Item) {
	through, ok := s.set.Why(p)
	if !ok {
		return "", nil
	}
	at, _ := find(s.set.paths, through)
	return through, s.first[at]
}

// compare fills in what can be said about an item only when the set is known.
func (c *converter) compare(item *Item, n *parsedLegacy, from sources) {
	for _, p := range item.Paths {
		if reason := unavailable(p, c.target); reason != "" {
			item.Unavailable = append(item.Unavailable, Unavailability{p, reason})
		}
		if item.Outcome != OutcomeConverted {
			continue
		}
		if through, by := from.why(p); through != p || by != item {
			item.Redundant = append(item.Redundant, Redundancy{p, through, by.Name})
		}
	}
	if item.Outcome == OutcomeRefused && item.Overridden {
		return // the decision is malformed, so it gives and takes nothing
	}
	gone := 0 // paths of the mapping
	for _, m := range item.Mappings {
		taken := (item.Overridden || item.Proven) && m.Path != "" && !slices.ContainsFunc(item.Paths, func(p Path) bool { return p.Covers(m.Path) })
		switch through, by := from.why(m.Path); {
		case taken && by != nil && item.Overridden:
			item.StillGranted = append(item.StillGranted, Redundancy{m.Path, through, by.Name})
		case taken && by != nil: // nobody took it away
		case taken:
			gone++
			effect := Effect{Path: m.Path, Text: EffectOf(m.Path), Apart: from.set.below(m.Path)}
			if len(m.Widens) > 0 {
				effect.Text = n.info.Effect // the path allows more than the name did
			}
			item.lost = append(item.lost, effect)
		default:
			for _, effect := range m.Narrows {
				if applies, _ := c.applies(effect, m.Path); applies {
					item.lost = append(item.lost, Effect{Text: effect.text(c.target)})
				}
			}
		}
	}
	var narrows phrases
	if gone > 0 && gone == len(item.Mappings) && len(item.Paths) == 0 && n.key.id == "" {
		narrows.add(n.info.Effect) // says it better than the paths
	} else {
		for _, effect := range item.lost {
			narrows.add(effect.sentence(fromNowOn))
		}
	}
	item.Narrows = narrows.String()
}

// text is the effect, with the version it depends on if the target is not known to have it.
func (e SideEffect) text(target version) string {
	if e.Since == "" || target != nil {
		return e.Effect
	}
	return e.Effect + " (from Command " + e.Since + " on)"
}

// phrases are distinct verb phrases.
type phrases struct {
	list []string
	seen map[string]bool
}

func (p *phrases) add(phrase string) {
	if p.seen[phrase] {
		return
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[phrase] = true
	p.list = append(p.list, phrase)
}

func (p *phrases) String() string { return strings.Join(p.list, "; ") }

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

// Err returns an error that names every unknown name, every refused name, every unused override and acceptance, and a
// malformed target version. It is nil if there is none of them. It matches [ErrUnknown], [ErrRefused], [ErrOverride],
// [ErrAccept] and [ErrVersion] accordingly.
func (c Conversion) Err() error { return errors.Join(c.errs("")...) }

// errs are the errors of a conversion, each with the role that it is about, unless that has no name.
func (c Conversion) errs(role string) []error {
	about := about(role)
	var errs []error
	if c.err != nil {
		errs = append(errs, c.err)
	}
	errs = append(errs, unusedErrs(c.UnusedOverrides, c.UnusedAccepts)...)
	for _, item := range c.Items {
		switch item.Outcome {
		case OutcomeUnknown:
			errs = append(errs, fmt.Errorf("permissions: %s%w: %s %s", about, ErrUnknown, quote(string(item.Input)), item.Reason))
		case OutcomeRefused:
			errs = append(errs, fmt.Errorf("permissions: %s%s %w: %s", about, shownName(item.Name), ErrRefused, item.Reason))
		case OutcomeConverted, OutcomeDropped:
		}
	}
	return errs
}

// about begins a message about a role, unless that has no name.
func about(role string) string {
	if role == "" {
		return ""
	}
	return "role " + quote(role) + ": "
}

// Widening returns the items whose conversion lets the role do more than before. It includes refused ones, which would
// have done so; see [Item.Outcome].
func (c Conversion) Widening() []Item {
	return slices.DeleteFunc(slices.Clone(c.Items), func(item Item) bool { return item.Widens == "" })
}

// Narrowing returns the items whose conversion takes something from the role. It includes refused ones, which would have
// done so; see [Item.Outcome].
func (c Conversion) Narrowing() []Item {
	return slices.DeleteFunc(slices.Clone(c.Items), func(item Item) bool { return item.Narrows == "" })
}
