package permissions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// overrides are the caller's decisions, by the names that they are about.
type overrides struct {
	byName map[Legacy]*decision
	all    []*decision // sorted by key
}

// decision is what the caller wants a name to stand for.
type decision struct {
	key   Legacy // as the caller wrote it
	paths []Path
	used  bool
}

// newOverrides makes decisions findable by canonical name as well. If two spellings of one name disagree, each holds for
// inputs spelled like it, and the first in sorted order for all others.
func newOverrides(list map[Legacy][]Path) overrides {
	o := overrides{byName: make(map[Legacy]*decision, len(list))}
	for _, key := range slices.Sorted(maps.Keys(list)) {
		d := &decision{key: key, paths: list[key]}
		o.all = append(o.all, d)
		o.byName[key] = d
	}
	for _, d := range o.all {
		if name := canonicalKey(d.key); o.byName[name] == nil {
			o.byName[name] = d
		}
	}
	return o
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
func (o overrides) find(n *parsedLegacy) *decision {
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

// unused returns the keys of decisions that are about none of the names.
func (o overrides) unused() []Legacy {
	var keys []Legacy
	for _, d := range o.all {
		if !d.used {
			keys = append(keys, d.key)
		}
	}
	return keys
}

// unusedErrs are the errors about keys of overrides and acceptances that are about none of the names.
func unusedErrs(overrides, accepts []Legacy) []error {
	var errs []error
	for _, l := range overrides {
		errs = append(errs, unused(ErrOverride, l))
	}
	for _, l := range accepts {
		errs = append(errs, unused(ErrAccept, l))
	}
	return errs
}

func unused(kind error, key Legacy) error {
	if _, known := KnownLegacy(canonicalKey(key)); known {
		return fmt.Errorf("permissions: %w: %s is not among the names", kind, key)
	}
	hint := ""
	if near := nearestLegacy(strings.Replace(string(key), placeholder, "[1]", 1)); near != "" {
		hint = "; did you mean " + strings.Replace(string(near), "[1]", placeholder, 1) + "?"
	}
	return fmt.Errorf("permissions: %w: %s is not known here, and not among the names%s", kind, quote(string(key)), hint)
}

// resolve returns the paths of the decision for a name, with its id in the place of placeholders.
func (d *decision) resolve(n *parsedLegacy) []Path {
	if n.key.id == "" {
		return d.paths
	}
	id := "/" + n.key.id + "/"
	ids := strings.NewReplacer("/{id}/", id, "/{collectionId}/", id, "/{containerId}/", id, "/{pamProviderId}/", id)
	paths := make([]Path, len(d.paths))
	for i, p := range d.paths {
		paths[i] = Path(ids.Replace(string(p)))
	}
	return paths
}

// override applies the caller's decision and says what it gives.
func (c *converter) override(item *Item, n *parsedLegacy, d *decision) {
	item.Overridden, item.Outcome = true, OutcomeConverted
	if len(d.paths) == 0 {
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
		d, proof := c.overrides.find(n), c.overlay.find(n)
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
