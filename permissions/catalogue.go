package permissions

import (
	"slices"
	"strings"
)

// Scope is the kind of object that a permission can be limited to.
type Scope string

// The kinds of objects. ScopeGlobal means that a permission holds everywhere and takes no id.
const (
	ScopeGlobal           Scope = "global"
	ScopeCollection       Scope = "collection"
	ScopeContainer        Scope = "container"
	ScopePAMProvider      Scope = "pam_provider"
	ScopeIdentityProvider Scope = "identity_provider"
)

func (s Scope) idKind() idKind {
	if s == ScopeIdentityProvider {
		return idGUID
	}
	return idNumber
}

// takes reports whether a path of this scope may end in this id. An empty id stands for none.
func (s Scope) takes(id string) bool {
	return id == "" || s != ScopeGlobal && s.idKind() == idKindOf(id)
}

// noun returns the scope as people call it: "PAM provider".
func (s Scope) noun() string {
	return strings.ReplaceAll(strings.Replace(string(s), "pam", "PAM", 1), "_", " ")
}

// Kind says what a path of the catalogue is to the paths below it.
type Kind string

// The kinds of paths.
const (
	KindParent Kind = "parent" // groups the paths below it; granting it grants them all
	KindLeaf   Kind = "leaf"   // has nothing below it except ids
	KindMixed  Kind = "mixed"  // a permission of its own, with narrower ones below it
)

// Confidence says how well a row of the mapping is founded. Confidences are ordered:
// ConfidenceNone < ConfidenceGuess < ConfidenceInferred < ConfidenceDocumented < ConfidenceProven.
type Confidence int

// The confidences.
const (
	ConfidenceNone       Confidence = iota // there is no equivalent, or the name is unknown
	ConfidenceGuess                        // inferred from a name or an analogy only; confirm it on a server before you rely on it
	ConfidenceInferred                     // both sides describe the same job, or names match; nothing prints both
	ConfidenceDocumented                   // the vendor prints the name and the path for the same thing
	ConfidenceProven                       // a server's own roles prove it, see [Learn]; the mapping itself has no such row
)

var confidences = []string{ConfidenceNone: "none", ConfidenceGuess: "guess", ConfidenceInferred: "inferred", ConfidenceDocumented: "documented", ConfidenceProven: "proven"}

// String returns "none", "guess", "inferred", "documented" or "proven".
func (c Confidence) String() string { return enumText(c, confidences, "Confidence") }

// MarshalText writes what String returns.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Confidence) UnmarshalText(text []byte) error {
	return setEnum(c, text, confidences, "confidence")
}

// Evidence is the kind of evidence that a row of the mapping rests on.
type Evidence string

// The kinds of evidence, the strongest first.
const (
	EvidencePair    Evidence = "E1" // the vendor prints both in one table, or the pages of one call name the permission for 10.x and the path for 11 or later
	EvidenceSameJob Evidence = "E2" // the 10.x text and a page for 11 or later describe the same job, or a sibling row is E1
	EvidenceAnalogy Evidence = "E3" // names match, examples run parallel, or another branch is built the same way
)

// PathEvidence says where a path was seen.
type PathEvidence string

// Where paths were seen.
const (
	PathEvidenceList     PathEvidence = "full list"     // in the Terraform provider's list of every permission
	PathEvidencePage     PathEvidence = "endpoint page" // on the vendor's page for a call
	PathEvidenceInferred PathEvidence = "inferred"      // nowhere: it is formed after a sibling
)

// NameList is a list of names that the vendor publishes.
type NameList string

// The lists of names.
const (
	NameList10   NameList = "10"  // in the API of Command 10
	NameList11   NameList = "11"  // in the API of Command 11
	NameList25   NameList = "25"  // in the API of Command 25
	NameListDocs NameList = "doc" // the tables of the documentation for 25.x
)

// PathInfo is what the catalogue knows about a path.
type PathInfo struct {
	Path  Path  `json:"path"`
	Kind  Kind  `json:"kind"`
	Scope Scope `json:"scope"` // what an id at its end limits it to
	// Area is the first segment, "certificates". It is empty for the root.
	Area string `json:"area,omitempty"`
	// Label is the path as a trail of titles, "Certificates > Collections > Read", the way the portal groups permissions.
	// It is made from the path, not taken from the product.
	Label string `json:"label"`
	// Since is the first Command version known to have the path, Gone the first known to lack it again, ScopedSince the
	// first in which it takes an id. Empty means from 11 on, or still there, as far as known.
	Since       string `json:"since,omitempty"`
	Gone        string `json:"gone,omitempty"`
	ScopedSince string `json:"scopedSince,omitempty"`
	// Evidence says where the path was seen, Seen on which dated pages. A version that is missing there proves nothing.
	Evidence PathEvidence `json:"evidence"`
	Seen     string       `json:"seen,omitempty"`
	// Effect is what a holder can do, as a verb phrase: "revoke certificates".
	Effect string `json:"effect"`
	// Risk is why the grant deserves a second look. It is empty if it does not.
	Risk string `json:"risk,omitempty"`
	// Sensitive is why a conversion that rests on a guess does not grant it. It is Risk if there is one. Some paths without a
	// risk are sensitive, too: many roles rightly hold them, but no role should get them by mistake.
	Sensitive string `json:"sensitive,omitempty"`
	Note      string `json:"note,omitempty"`
}

// Inferred reports whether the path was formed after a sibling and has not been seen in print.
func (p PathInfo) Inferred() bool { return p.Evidence == PathEvidenceInferred }

// Deprecated says why the path should no longer be granted. It is empty if nothing speaks against it.
func (p PathInfo) Deprecated() string {
	if p.Gone == "" {
		return ""
	}
	return "no longer listed from Command " + p.Gone + " on"
}

// Description says in a few sentences what the path grants.
func (p PathInfo) Description() string { return sentences(p.Effect, p.Note) }

// LegacyInfo is what the catalogue knows about a version 1 name.
type LegacyInfo struct {
	// Name is the name. One for a single object has the placeholder "{id}": "Collections[{id}]:Read".
	Name  Legacy `json:"name"`
	Scope Scope  `json:"scope"`
	// Area and Label are what the Management Portal calls them, as far as known: WorkflowManagement:Participate is "Manage"
	// in "Certificate Requests".
	Area  string `json:"area,omitempty"`
	Label string `json:"label,omitempty"`
	// Listed names the lists that have the name.
	Listed []NameList `json:"listed"`
	// Deprecated says why a role should no longer use the name. (All of version 1 is deprecated as of Command 11.)
	Deprecated string `json:"deprecated,omitempty"`
	// Effect is what a holder can do, as a verb phrase.
	Effect string `json:"effect"`
	Note   string `json:"note,omitempty"`
	// Needs are names that it does not work without, according to the documentation.
	Needs []Legacy `json:"needs,omitempty"`
	// Mappings are its rows of the mapping, one per path. A name without an equivalent has one row without a path.
	Mappings []Mapping `json:"mappings"`
}

// Description says in a few sentences what the name grants.
func (l LegacyInfo) Description() string { return sentences(l.Effect, l.Note) }

// Mapping is one row of the mapping from version 1 to version 2.
type Mapping struct {
	// Path is the path. One for a single object ends in a placeholder such as "{collectionId}". It is empty if there is no
	// equivalent.
	Path       Path       `json:"path,omitempty"`
	Confidence Confidence `json:"confidence"`
	Evidence   Evidence   `json:"evidence,omitempty"`
	Versions   string     `json:"versions"` // releases whose pages have the path
	Source     string     `json:"source"`   // what the row rests on
	// Widens is what a holder can do after the conversion that the name did not allow, Narrows what a holder can no longer
	// do.
	Widens  []SideEffect `json:"widens,omitempty"`
	Narrows []SideEffect `json:"narrows,omitempty"`
	// Remark is the reasoning, Caution what the role's owner should know about the result.
	Remark  string `json:"remark,omitempty"`
	Caution string `json:"caution,omitempty"`
}

// SideEffect is a difference between what a name allowed and what its path allows.
type SideEffect struct {
	// Effect is what a holder can do from now on, or no longer, as a verb phrase.
	Effect string `json:"effect"`
	// Unless are names. The effect does not apply to a role that holds all of them.
	Unless []Legacy `json:"unless,omitempty"`
	// Since is the first Command version that has the effect. Empty means every version from 11 on.
	Since  string `json:"since,omitempty"`
	Source string `json:"source"` // what it rests on
}

// Stated returns what the sources alone say: documented, inferred or none. A guess is an inferred row that we trust less
// than the others.
func (m Mapping) Stated() Confidence {
	if m.Confidence == ConfidenceGuess {
		return ConfidenceInferred
	}
	return m.Confidence
}

// Entries are entries of the catalogue: names of version 1 and paths of version 2.
type Entries struct {
	Legacy []LegacyInfo `json:"legacy"`
	Paths  []PathInfo   `json:"paths"`
}

// Catalogue returns everything that is known: 83 names of version 1 (69 that hold everywhere and 14 for one object) and
// 107 paths of version 2 (36 parents, 69 leaves, 2 mixed), in a stable order. The result belongs to the caller.
func Catalogue() Entries {
	return data().entries(func(*legacyEntry) bool { return true }, func(*PathInfo) bool { return true })
}

// FindByArea returns the entries of one area: paths by their first segment ("ssl"), names by the area on the wire
// ("SslManagement") or in the portal ("SSL Management"). Letter case does not matter.
func FindByArea(area string) Entries {
	area = strings.TrimSpace(area)
	return data().entries(
		func(e *legacyEntry) bool {
			return area != "" && (strings.EqualFold(e.Area, area) || strings.EqualFold(e.area, area))
		},
		func(p *PathInfo) bool { return area != "" && strings.EqualFold(p.Area, area) },
	)
}

// FindByLabel returns the entries that have this portal label, on its own or after its area: "Manage Pending CSRs",
// "Certificates: Import", "Certificates > Import". Letter case, space and punctuation do not matter.
func FindByLabel(label string) Entries {
	want := fold(label)
	return data().entries(
		func(e *legacyEntry) bool {
			return want != "" && (fold(e.Label) == want || fold(e.Area+e.Label) == want)
		},
		func(p *PathInfo) bool { return want != "" && fold(p.Label) == want },
	)
}

// Known returns what is known about p, and whether anything is. A path limited to one object is known if the path
// without the id is and takes such an id; the entry is that of the path without the id.
func Known(p Path) (PathInfo, bool) {
	if info := data().path(p); info != nil {
		return *info, true
	}
	return PathInfo{}, false
}

// KnownLegacy returns what is known about l, and whether anything is. The spelling is as lenient as that of
// [ParseLegacy]. For a name limited to one object the entry is that with the placeholder.
func KnownLegacy(l Legacy) (LegacyInfo, bool) {
	e := data().byName[l] // a name with the placeholder cannot be parsed
	if e == nil {
		e = parseLegacy(l).info
	}
	if e != nil {
		return e.clone(), true
	}
	return LegacyInfo{}, false
}

// NamesOf returns the version 1 names that convert to p, alone or among others, as the catalogue has them. For a path
// limited to one object they are the names for that object. The result is empty for a path that version 1 has no name for.
func NamesOf(p Path) []Legacy {
	base, id := p.split()
	out := []Legacy{}
	for _, e := range data().reverse[reverseKey{base, id != ""}] {
		out = append(out, e.on(id))
	}
	return out
}

// catalogue is the data, indexed. It is never written to once it is loaded.
type catalogue struct {
	pathList   []*PathInfo
	nameList   []*legacyEntry
	paths      map[Path]*PathInfo
	names      map[nameKey]*legacyEntry // as spelled, and in lower case
	byName     map[Legacy]*legacyEntry  // as in the data: names for one object with the placeholder
	reverse    map[reverseKey][]*legacyEntry
	companions map[Path][]companion
	calls      map[Path]TestCall // by path, with idSegment if it is about one object

	candidates []pathCandidate // for the search for the nearest path
	words      []string        // the segments of all paths
}

type nameKey struct {
	area   string
	object bool
	name   string
}

type reverseKey struct {
	base   Path
	scoped bool
}

// companion is what a path is of little use without.
type companion struct {
	needs Path
	when  when
	why   string
}

// when says when a path needs its companion.
type when string

const (
	whenCall   when = "call"   // the call itself needs both
	whenPortal when = "portal" // only the Management Portal needs it
	whenPart   when = "part"   // only a part of the work needs it
)

// legacyEntry is a LegacyInfo with its name taken apart.
type legacyEntry struct {
	LegacyInfo

	area, name string
	object     bool
	bases      []Path // the paths of its mappings, without placeholders
	guessRisk  string // why a guess among its mappings is sensitive, empty if none is
	line       int    // of names.txt

	folded, foldedLabel string // see fold
}

// clone returns the information for a caller to keep.
func (e *legacyEntry) clone() LegacyInfo {
	info := e.LegacyInfo
	info.Listed = slices.Clone(info.Listed)
	info.Needs = slices.Clone(info.Needs)
	info.Mappings = slices.Clone(info.Mappings)
	for i := range info.Mappings {
		info.Mappings[i] = info.Mappings[i].clone()
	}
	return info
}

// clone returns the row for a caller to keep.
func (m Mapping) clone() Mapping {
	m.Widens, m.Narrows = cloneEffects(m.Widens), cloneEffects(m.Narrows)
	return m
}

func cloneEffects(effects []SideEffect) []SideEffect {
	effects = slices.Clone(effects) // nil stays nil
	for i := range effects {
		effects[i].Unless = slices.Clone(effects[i].Unless)
	}
	return effects
}

// on returns the name for the object with this id, or the name itself if it is not for one object.
func (e *legacyEntry) on(id string) Legacy {
	if !e.object {
		return e.Name
	}
	return legacyKey{e.area, id, e.name}.legacy()
}

// path returns the entry of p, or of p without its id. It is nil if nothing is known.
func (c *catalogue) path(p Path) *PathInfo {
	base, id := p.split()
	info := c.paths[base]
	if info == nil || !info.Scope.takes(id) {
		return nil
	}
	return info
}

// find returns the entry of a name, whatever the case of its letters. It is nil if nothing is known.
func (c *catalogue) find(area string, object bool, name string) *legacyEntry {
	if e := c.names[nameKey{area, object, name}]; e != nil {
		return e
	}
	return c.names[nameKey{strings.ToLower(area), object, strings.ToLower(name)}]
}

// entries returns the entries that the functions accept.
func (c *catalogue) entries(name func(*legacyEntry) bool, path func(*PathInfo) bool) Entries {
	found := Entries{Legacy: []LegacyInfo{}, Paths: []PathInfo{}}
	for _, e := range c.nameList {
		if name(e) {
			found.Legacy = append(found.Legacy, e.clone())
		}
	}
	for _, p := range c.pathList {
		if path(p) {
			found.Paths = append(found.Paths, *p)
		}
	}
	return found
}
