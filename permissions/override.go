package permissions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Decision is what somebody decided about a name, with the reason.
type Decision struct {
	// Role is the role that it is about, empty for all roles.
	Role string `json:"role,omitempty"`
	// Name is the name, or one for all objects: "Collections[{id}]:Recover".
	Name Legacy `json:"name"`
	// Accept takes what becomes of the name as it is; Paths is empty then. Otherwise Paths are what the name stands for, and no
	// paths drop it. See [ConvertOptions] for placeholders.
	Accept bool   `json:"accept,omitempty"`
	Paths  []Path `json:"paths,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// What says what was decided: "accept", "drop" or the paths.
func (d Decision) What() string {
	switch {
	case d.Accept:
		return "accept"
	case len(d.Paths) == 0:
		return "drop"
	}
	paths := make([]string, len(d.Paths))
	for i, p := range d.Paths {
		paths[i] = shownTemplate(p)
	}
	return strings.Join(paths, " ")
}

// decided is what was decided about all roles, or about one.
type decided struct {
	overrides, accepts overrides
}

// newDecided returns what options say about all roles. Decisions about one role are left out.
func newDecided(opts *ConvertOptions) *decided {
	var d decided
	for _, key := range slices.Sorted(maps.Keys(opts.Overrides)) {
		d.overrides.list = append(d.overrides.list, &decision{Decision: Decision{Name: key, Paths: opts.Overrides[key]}})
	}
	for _, key := range slices.Compact(slices.Sorted(slices.Values(opts.Accept))) {
		d.accepts.list = append(d.accepts.list, &decision{Decision: Decision{Name: key, Accept: true}})
	}
	for _, one := range opts.Decisions {
		if one.Role == "" {
			d.add(one)
		}
	}
	d.overrides.index()
	d.accepts.index()
	return &d
}

// newDecidedByRole returns what options say about single roles.
func newDecidedByRole(opts *ConvertOptions) map[string]*decided {
	byRole := map[string]*decided{}
	for _, one := range opts.Decisions {
		if one.Role == "" {
			continue
		}
		if byRole[one.Role] == nil {
			byRole[one.Role] = &decided{}
		}
		byRole[one.Role].add(one)
	}
	for _, d := range byRole {
		d.overrides.index()
		d.accepts.index()
	}
	return byRole
}

func (d *decided) add(one Decision) {
	list := &d.overrides.list
	if one.Accept {
		list = &d.accepts.list
	}
	*list = append(*list, &decision{Decision: one})
}

// overrideOf returns the override that is about a name, nil if there is none.
func (c *converter) overrideOf(n *parsedLegacy) *decision {
	if c.own != nil {
		if d := c.own.overrides.find(n); d != nil || c.own.accepts.find(n) != nil {
			return d
		}
	}
	return c.all.overrides.find(n)
}

// acceptOf returns the acceptance that is about a name, nil if there is none.
func (c *converter) acceptOf(n *parsedLegacy) *decision {
	if c.own != nil {
		if d := c.own.accepts.find(n); d != nil || c.own.overrides.find(n) != nil {
			return d
		}
	}
	return c.all.accepts.find(n)
}

// overrides are decisions, findable by the names that they are about.
type overrides struct {
	list   []*decision
	byName map[Legacy]*decision
}

// decision is a decision, and the numbers of the roles that it was used for.
type decision struct {
	Decision

	roles []int
}

// use notes that the decision is about a name of a role.
func (d *decision) use(role int) {
	if n := len(d.roles); n == 0 || d.roles[n-1] != role {
		d.roles = append(d.roles, role)
	}
}

// index makes the decisions findable, by canonical name as well. If two spellings of one name disagree, each holds for
// inputs spelled like it, and the first one for all others.
func (o *overrides) index() {
	o.byName = make(map[Legacy]*decision, len(o.list))
	for _, d := range o.list {
		step(1)
		if o.byName[d.Name] == nil {
			o.byName[d.Name] = d
		}
	}
	for _, d := range o.list {
		if name := canonicalKey(d.Name); o.byName[name] == nil {
			o.byName[name] = d
		}
	}
}

// canonicalKey returns the canonical form of a name that can have the placeholder for an id.
func canonicalKey(key Legacy) Legacy {
	head, tail, ok := strings.Cut(string(key), placeholder)
	if !ok {
		return parseLegacy(key).name
	}
	n := parseLegacy(Legacy(head + "[1]" + tail))
	if n.problem != "" {
		return key
	}
	return n.withPlaceholder()
}

// withPlaceholder returns the name with the placeholder instead of its id.
func (n *parsedLegacy) withPlaceholder() Legacy {
	return Legacy(n.key.area + placeholder + ":" + n.key.name)
}

// find returns the decision about a name. It is nil if there is none.
func (o *overrides) find(n *parsedLegacy) *decision {
	if len(o.byName) == 0 {
		return nil
	}
	if d := o.byName[n.input]; d != nil {
		return d
	}
	if d := o.byName[n.name]; d != nil || n.key.id == "" {
		return d
	}
	return o.byName[n.withPlaceholder()]
}

// unused returns the names of decisions that are about none of the names, sorted.
func (o *overrides) unused() []Legacy {
	var keys []Legacy
	for _, d := range o.list {
		if len(d.roles) == 0 {
			keys = append(keys, d.Name)
		}
	}
	slices.Sort(keys)
	return keys
}

// unusedErrs are the errors about keys of overrides and acceptances that are about none of the names.
func unusedErrs(overrides, accepts []Legacy) []error {
	var errs []error
	for _, l := range overrides {
		errs = append(errs, unused(ErrOverride, "", l))
	}
	for _, l := range accepts {
		errs = append(errs, unused(ErrAccept, "", l))
	}
	return errs
}

func unused(kind error, role string, key Legacy) error {
	if _, known := KnownLegacy(canonicalKey(key)); known {
		return fmt.Errorf("permissions: %s%w: %s is not among the names", about(role), kind, key)
	}
	hint := ""
	if near := nearestLegacy(strings.Replace(string(key), placeholder, "[1]", 1)); near != "" {
		hint = "; did you mean " + strings.Replace(string(near), "[1]", placeholder, 1) + "?"
	}
	return fmt.Errorf("permissions: %s%w: %s is not known here, and not among the names%s", about(role), kind, quote(string(key)), hint)
}

// resolve returns the paths of the decision for a name, with its id in the place of placeholders.
func (d *decision) resolve(n *parsedLegacy) []Path {
	if n.key.id == "" {
		return d.Paths
	}
	id := "/" + n.key.id + "/"
	ids := strings.NewReplacer("/{id}/", id, "/{collectionId}/", id, "/{containerId}/", id, "/{pamProviderId}/", id)
	paths := make([]Path, len(d.Paths))
	for i, p := range d.Paths {
		paths[i] = Path(ids.Replace(string(p)))
	}
	return paths
}

// override applies the caller's decision and says what it gives.
func (c *converter) override(item *Item, n *parsedLegacy, d *decision) {
	item.Overridden, item.Outcome = true, OutcomeConverted
	if len(d.Paths) == 0 {
		item.Outcome, item.Reason, item.Confidence = OutcomeDropped, "by the caller's decision", ConfidenceNone
		return
	}
	for _, p := range d.resolve(n) {
		canonical, ok := p.canonical()
		if !ok {
			item.Outcome = OutcomeRefused
			item.Reason = "the caller's decision names " + quote(string(p)) + ", which is not a permission path"
		}
		item.Paths = append(item.Paths, canonical)
	}
	item.Confidence, _ = c.replace(item, item.Paths)
	if item.Outcome == OutcomeRefused {
		item.Widens = ""
	}
}

// replace makes paths what the item stands for instead of those of the mapping, and says what that gives. weakest is the
// confidence of the weakest row of the mapping that has one of them, ConfidenceNone if a path is in none. against is as in
// widen.
func (c *converter) replace(item *Item, paths []Path) (weakest Confidence, against Legacy) {
	item.Paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	weakest = ConfidenceDocumented
	var widens phrases
	for _, p := range item.Paths {
		confidence, own := ConfidenceNone, false
		for _, m := range item.Mappings {
			if m.Path == p {
				confidence = m.Confidence
			}
			if m.Path != "" && m.Path.Covers(p) {
				own = true
				against = cmp.Or(c.widen(&widens, m), against)
			}
		}
		weakest = min(weakest, confidence)
		if !own && !c.allowedBefore().Allows(p) {
			widens.add(EffectOf(p))
		}
	}
	item.Widens = widens.String()
	return weakest, against
}

// allowedBefore returns what the names allowed as far as it can be told in paths: those of rows whose path allows no more
// than the name did, and that no decision takes away.
func (c *converter) allowedBefore() Set {
	if c.allowed != nil {
		return *c.allowed
	}
	var paths []Path
	for _, n := range c.names {
		if n.info == nil {
			continue
		}
		d, proof := c.overrideOf(n), c.overlay.find(n)
		for i, m := range n.info.Mappings {
			if m.Path == "" || len(m.Widens) > 0 || m.Confidence == ConfidenceGuess {
				continue
			}
			p := scoped(n.info.bases[i], n.key.id)
			if proof.disproves(p, n.key.id) {
				continue
			}
			if d == nil || slices.ContainsFunc(d.resolve(n), func(q Path) bool { return q.Covers(p) }) {
				paths = append(paths, p)
			}
		}
	}
	set := NewSet(paths...)
	c.allowed = &set
	return set
}
