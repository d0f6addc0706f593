package permissions

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// takes reports whether a path of this scope may end in this id; an empty one stands for none.
func (s Scope) takes(id string) bool {
	return id == "" || s != ScopeGlobal && s.idKind() == idKindOf(id)
}

func (s Scope) noun() string {
	return strings.ReplaceAll(strings.Replace(string(s), "pam", "PAM", 1), "_", " ")
}

// Kind tells what a path of the catalogue is to the paths below it.
type Kind string

// The kinds of paths.
const (
	KindParent Kind = "parent" // groups the paths below it; granting it grants them all
	KindLeaf   Kind = "leaf"   // has nothing below it but ids
	KindMixed  Kind = "mixed"  // a permission of its own, with narrower ones below it
)

// Confidence says how well a row of the mapping is founded. Confidences are ordered: None < Guess < Inferred < Documented.
type Confidence int

// The confidences.
const (
	// None: there is no equivalent, or the name is unknown.
	None Confidence = iota
	// Guess: inferred by analogy or name only, and to be confirmed on a server before anyone relies on it.
	Guess
	// Inferred: the texts on both sides describe the same job, or names match; no page shows both.
	Inferred
	// Documented: the pages of one and the same call name the permission for 10.x and the path for 11 or later.
	Documented
)

// confidences are their spellings.
var confidences = [...]string{None: "none", Guess: "guess", Inferred: "inferred", Documented: "documented"}

// String returns "none", "guess", "inferred" or "documented".
func (c Confidence) String() string {
	if c < None || c > Documented {
		return fmt.Sprintf("Confidence(%d)", int(c))
	}
	return confidences[c]
}

// MarshalText writes what String returns.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Confidence) UnmarshalText(text []byte) error {
	i := slices.Index(confidences[:], string(text))
	if i < 0 {
		return fmt.Errorf("permissions: unknown confidence %s: write none, guess, inferred or documented", quote(string(text)))
	}
	*c = Confidence(i)
	return nil
}

// PathInfo is what the catalogue knows about a path.
type PathInfo struct {
	Path  Path  `json:"path"`
	Kind  Kind  `json:"kind"`
	Scope Scope `json:"scope"` // what an id at its end limits it to
	// Area is the first segment, "certificates"; empty for the root.
	Area string `json:"area,omitempty"`
	// Label is the path as a trail of titles, "Certificates > Collections > Read", as the portal groups permissions. It is
	// made from the path, not taken from the product.
	Label string `json:"label"`
	// Since is the first Command version known to have the path, Gone the first known not to have it any more, ScopedSince
	// the first in which it takes an id. Empty means from 11 on, or still there, as far as known.
	Since       string `json:"since,omitempty"`
	Gone        string `json:"gone,omitempty"`
	ScopedSince string `json:"scopedSince,omitempty"`
	// Evidence is "full list" (the Terraform provider's list of every permission), "endpoint page" (named by the vendor's
	// page for a call) or "inferred" (formed after a sibling, not seen in print). Seen tells on which dated pages; a version
	// that is missing there proves nothing.
	Evidence string `json:"evidence"`
	Seen     string `json:"seen,omitempty"`
	// Effect is what a holder can do, as a verb phrase: "revoke certificates".
	Effect string `json:"effect"`
	// Risk is why the grant deserves a second look, empty if it does not.
	Risk string `json:"risk,omitempty"`
	Note string `json:"note,omitempty"`
}

// Inferred reports whether the path was formed after a sibling and has not been seen in print.
func (p PathInfo) Inferred() bool { return p.Evidence == "inferred" }

// Deprecated says why the path should no longer be granted, empty if nothing speaks against it.
func (p PathInfo) Deprecated() string {
	if p.Gone == "" {
		return ""
	}
	return "no longer listed from Command " + p.Gone + " on"
}

// Description says in a few sentences what the path grants.
func (p PathInfo) Description() string { return describe(p.Effect, p.Note) }

// LegacyInfo is what the catalogue knows about a version one name.
type LegacyInfo struct {
	// Name is the name; for one object it has the placeholder "{id}": "Collections[{id}]:Read".
	Name  Legacy `json:"name"`
	Scope Scope  `json:"scope"`
	// Area and Label are what the Management Portal calls them, as far as known: WorkflowManagement:Participate is "Manage"
	// in "Certificate Requests".
	Area  string `json:"area,omitempty"`
	Label string `json:"label,omitempty"`
	// Listed says where the name is listed: "10", "11", "25" for the list that the API of that version carries, "doc" for
	// the tables of the 25.x documentation.
	Listed string `json:"listed"`
	// Deprecated says why a role should no longer use the name. (All of version one is deprecated as of Command 11.)
	Deprecated string `json:"deprecated,omitempty"`
	// Effect is what a holder can do, as a verb phrase.
	Effect string `json:"effect"`
	Note   string `json:"note,omitempty"`
	// Needs are names that it does not work without, according to the documentation.
	Needs []Legacy `json:"needs,omitempty"`
	// Mappings are its rows of the mapping, one per path. A name without equivalent has one row without a path.
	Mappings []Mapping `json:"mappings"`
}

// Description says in a few sentences what the name grants.
func (l LegacyInfo) Description() string { return describe(l.Effect, l.Note) }

// Mapping is one row of the mapping from version one to version two.
type Mapping struct {
	// Path is the path; for one object it ends in a placeholder such as "{collectionId}". Empty if there is no equivalent.
	Path       Path       `json:"path,omitempty"`
	Confidence Confidence `json:"confidence"`
	// Evidence is the kind of evidence:
	//
	//	E1  the pages of one call name the permission for 10.x and the path for 11 or later
	//	E2  the 10.x text and an 11 or later page describe the same job, or a sibling row is E1
	//	E3  names match, parallel examples, or analogy with another branch
	Evidence string `json:"evidence,omitempty"`
	Versions string `json:"versions"` // releases whose pages carry the path
	Source   string `json:"source"`   // what the row rests on
	// Widens is what a holder can do after the conversion that the name did not allow, as a verb phrase. It does not apply to
	// a role that also holds the name in Unless.
	Widens string `json:"widens,omitempty"`
	Unless Legacy `json:"unless,omitempty"`
	// Remark is the reasoning, Caution what the role's owner should know about the result.
	Remark  string `json:"remark,omitempty"`
	Caution string `json:"caution,omitempty"`
}

// Stated returns what the sources alone say: documented, inferred or none. A [Guess] is an inferred row that we
// trust less than the others.
func (m Mapping) Stated() Confidence {
	if m.Confidence == Guess {
		return Inferred
	}
	return m.Confidence
}

// Entries are entries of the catalogue: names of version one and paths of version two.
type Entries struct {
	Legacy []LegacyInfo `json:"legacy"`
	Paths  []PathInfo   `json:"paths"`
}

// Catalogue returns everything that is known: 83 names of version one (69 that hold everywhere and 14 for one object) and
// 107 paths of version two (36 parents, 69 leaves, 2 mixed), in a stable order. The result belongs to the caller.
func Catalogue() Entries {
	return data().entries(func(*LegacyInfo) bool { return true }, func(*PathInfo) bool { return true })
}

// InArea returns the entries of one area: paths by their first segment, names by their wire name's area ("SslManagement")
// or the portal's ("SSL Management"). Letter case does not matter.
func InArea(area string) Entries {
	area = strings.TrimSpace(area)
	return data().entries(
		func(l *LegacyInfo) bool {
			return area != "" && (strings.EqualFold(l.Area, area) || strings.EqualFold(l.wireArea(), area))
		},
		func(p *PathInfo) bool { return area != "" && strings.EqualFold(p.Area, area) },
	)
}

// WithLabel returns the entries that have this portal label, on its own or after its area: "Manage Pending CSRs",
// "Certificates: Import", "Certificates > Import". Letter case, space and punctuation do not matter.
func WithLabel(label string) Entries {
	want := fold(label)
	return data().entries(
		func(l *LegacyInfo) bool { return want != "" && (fold(l.Label) == want || fold(l.Area+l.Label) == want) },
		func(p *PathInfo) bool { return want != "" && fold(p.Label) == want },
	)
}

// Known returns what is known about p, and whether anything is. A path limited to one object is known if its base is and
// takes such an id; the entry is that of the base.
func Known(p Path) (PathInfo, bool) {
	if info := data().path(p); info != nil {
		return *info, true
	}
	return PathInfo{}, false
}

// KnownLegacy returns what is known about l, and whether anything is. The spelling is as lenient as that of
// [ParseLegacy]; for a name limited to one object the entry is that with the placeholder.
func KnownLegacy(l Legacy) (LegacyInfo, bool) {
	info := data().byName[l] // with the placeholder, a name for one object is none that can be parsed
	if info == nil {
		info = parseLegacy(l).info
	}
	if info != nil {
		return info.clone(), true
	}
	return LegacyInfo{}, false
}

// NamesOf returns the version one names that convert to p or, among others, to p, as the catalogue has them; for a path limited to one
// object the names for that object. It is empty for a path that version one has no name for.
func NamesOf(p Path) []Legacy {
	base, id := p.split()
	out := []Legacy{}
	for _, l := range data().reverse[reverseKey{base, id != ""}] {
		out = append(out, l.on(id))
	}
	return out
}

//go:embed data/*.txt
var files embed.FS

// data is the parsed catalogue. The data is part of the program and checked by the tests, so no error can occur here.
var data = sync.OnceValue(func() *catalogue {
	c, _ := load(files.ReadFile)
	return c
})

// catalogue is the data, indexed. It is never written to once it is loaded.
type catalogue struct {
	pathList   []*PathInfo
	nameList   []*legacyEntry
	paths      map[Path]*PathInfo
	names      map[nameKey]*legacyEntry // as spelt, and in lower case
	byName     map[Legacy]*legacyEntry  // as in the data: names for one object with {id}
	reverse    map[reverseKey][]*legacyEntry
	companions map[Path][]companion
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
	needs     Path
	when, why string
}

// legacyEntry is a LegacyInfo with its name taken apart.
type legacyEntry struct {
	LegacyInfo

	area, name string
	object     bool
	bases      []Path // the paths of its mappings, without placeholders
}

func (e *legacyEntry) clone() LegacyInfo {
	info := e.LegacyInfo
	info.Needs = slices.Clone(info.Needs)
	info.Mappings = slices.Clone(info.Mappings)
	return info
}

// on returns the name for the object with this id, or the name itself if it is not for one object.
func (e *legacyEntry) on(id string) Legacy {
	if !e.object {
		return e.Name
	}
	return legacyKey{e.area, id, e.name}.legacy()
}

func (l LegacyInfo) wireArea() string {
	area, _, _ := strings.Cut(string(l.Name), ":")
	area, _, _ = strings.Cut(area, "[")
	return area
}

func (c *catalogue) path(p Path) *PathInfo {
	base, id := p.split()
	info := c.paths[base]
	if info == nil || !info.Scope.takes(id) {
		return nil
	}
	return info
}

func (c *catalogue) find(area string, object bool, name string) *legacyEntry {
	if e := c.names[nameKey{area, object, name}]; e != nil {
		return e
	}
	return c.names[nameKey{strings.ToLower(area), object, strings.ToLower(name)}]
}

func (c *catalogue) entries(name func(*LegacyInfo) bool, path func(*PathInfo) bool) Entries {
	e := Entries{Legacy: []LegacyInfo{}, Paths: []PathInfo{}}
	for _, l := range c.nameList {
		if name(&l.LegacyInfo) {
			e.Legacy = append(e.Legacy, l.clone())
		}
	}
	for _, p := range c.pathList {
		if path(p) {
			e.Paths = append(e.Paths, *p)
		}
	}
	return e
}

// load reads the data files and reports everything that is wrong with them.
func load(read func(name string) ([]byte, error)) (*catalogue, error) {
	c := &catalogue{
		paths:   map[Path]*PathInfo{},
		names:   map[nameKey]*legacyEntry{},
		byName:  map[Legacy]*legacyEntry{},
		reverse: map[reverseKey][]*legacyEntry{},

		companions: map[Path][]companion{},
	}
	var errs []error
	// table calls add for each line of a file with its columns, of which the first required ones must be filled.
	table := func(file string, columns, required int, add func(col []string) string) {
		text, err := read("data/" + file)
		if err != nil {
			errs = append(errs, err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			col := strings.Split(line, "|")
			for i := range col {
				if col[i] = strings.TrimSpace(col[i]); col[i] == "-" {
					col[i] = ""
				}
			}
			problem := "wrong number of columns"
			if required <= len(col) && len(col) <= columns {
				problem = add(append(col, make([]string, columns-len(col))...))
			}
			if problem != "" {
				errs = append(errs, fmt.Errorf("%s:%d: %s", file, i+1, problem))
			}
		}
	}

	table("paths.txt", 10, 8, func(col []string) string {
		p, err := ParsePath(col[0])
		if err != nil || string(p) != col[0] {
			return "not a canonical path"
		}
		scope, scopedSince, _ := strings.Cut(col[2], "@")
		if scope == "" {
			scope = string(ScopeGlobal)
		}
		info := &PathInfo{
			Path: p, Kind: Kind(col[1]), Scope: Scope(scope), ScopedSince: scopedSince, Since: col[3], Gone: col[4],
			Evidence: col[5], Seen: col[6], Effect: col[7], Risk: col[8], Note: col[9], Label: trail(p),
		}
		info.Area, _, _ = strings.Cut(strings.Trim(string(p), "/"), "/")
		c.pathList = append(c.pathList, info)
		_, badSince := parseVersion(info.Since)
		_, badGone := parseVersion(info.Gone)
		_, badScoped := parseVersion(info.ScopedSince)
		duplicate := c.paths[p] != nil
		c.paths[p] = info
		switch {
		case duplicate:
			return "duplicate path"
		case !slices.Contains([]Kind{KindParent, KindLeaf, KindMixed}, info.Kind):
			return "unknown kind"
		case !slices.Contains([]Scope{ScopeGlobal, ScopeCollection, ScopeContainer, ScopePAMProvider, ScopeIdentityProvider}, info.Scope):
			return "unknown kind of id"
		case !slices.Contains([]string{"full list", "endpoint page", "inferred"}, info.Evidence):
			return "unknown evidence"
		case info.Effect == "":
			return "no effect"
		case info.Since != "" && badSince != nil, info.Gone != "" && badGone != nil, info.ScopedSince != "" && badScoped != nil:
			return "malformed version"
		}
		return ""
	})

	table("names.txt", 8, 7, func(col []string) string {
		name := Legacy(col[0])
		// A placeholder is no id, so a name for one object is checked and taken apart with an id in its place.
		area, id, word, problem := Legacy(strings.Replace(col[0], "[{id}]", "[1]", 1)).parts()
		e := &legacyEntry{area: area, name: word, object: id != "", LegacyInfo: LegacyInfo{
			Name: name, Scope: ScopeGlobal, Area: col[1], Label: col[2], Listed: col[3], Deprecated: col[5], Effect: col[6], Note: col[7],
		}}
		for need := range strings.FieldsSeq(col[4]) {
			e.Needs = append(e.Needs, Legacy(need))
		}
		if e.object {
			e.Scope = objectKind(area)
		}
		duplicate := c.byName[name] != nil
		c.byName[name] = e
		c.nameList = append(c.nameList, e)
		c.names[nameKey{area, e.object, word}] = e
		c.names[nameKey{strings.ToLower(area), e.object, strings.ToLower(word)}] = e
		switch {
		case problem != "":
			return problem
		case duplicate:
			return "duplicate name"
		case e.object && e.Scope == ScopeGlobal:
			return "unknown kind of object"
		case e.Effect == "" || e.Listed == "":
			return "no effect or not listed anywhere"
		}
		return ""
	})

	table("mapping.txt", 10, 6, func(col []string) string {
		e := c.byName[Legacy(col[0])]
		if e == nil {
			return "unknown name"
		}
		m := Mapping{
			Path: Path(col[1]), Evidence: col[3], Versions: col[4], Source: col[5],
			Unless: Legacy(col[6]), Widens: col[7], Remark: col[8], Caution: col[9],
		}
		err := m.Confidence.UnmarshalText([]byte(col[2]))
		e.Mappings = append(e.Mappings, m)
		switch {
		case err != nil:
			return err.Error()
		case (m.Path == "") != (m.Confidence == None):
			return "a path and no confidence, or the reverse"
		case m.Versions == "" || m.Source == "":
			return "no versions or no source"
		case (m.Unless == "") != (m.Widens == "") || m.Unless != "" && c.byName[m.Unless] == nil:
			return "unless and widens do not go together"
		case m.Path == "":
			return ""
		}
		base := m.Path
		if e.object {
			var ok bool
			if base, ok = cutPlaceholder(m.Path, e.Scope); !ok {
				return "no placeholder for the id"
			}
		}
		info := c.paths[base]
		if info == nil || e.object && info.Scope != e.Scope {
			return "unknown path, or one that takes no such id"
		}
		if slices.Contains(e.bases, base) {
			return "duplicate row"
		}
		e.bases = append(e.bases, base)
		key := reverseKey{base, e.object}
		c.reverse[key] = append(c.reverse[key], e)
		return ""
	})

	table("companions.txt", 4, 4, func(col []string) string {
		p, k := Path(col[0]), companion{needs: Path(col[1]), when: col[2], why: col[3]}
		c.companions[p] = append(c.companions[p], k)
		switch {
		case c.paths[p] == nil || c.paths[k.needs] == nil:
			return "unknown path"
		case !slices.Contains([]string{"always", "portal", "maybe"}, k.when) || k.why == "":
			return "unknown when, or no reason"
		}
		return ""
	})

	for _, info := range c.pathList {
		parent, ok := strings.CutSuffix(string(info.Path), "modify/")
		read, own := Path(parent+"read/"), c.companions[info.Path]
		if ok && c.paths[read] != nil && !slices.ContainsFunc(own, func(k companion) bool { return k.needs == read }) {
			c.companions[info.Path] = slices.Insert(own, 0, companion{read, "always", "Changing does not include viewing."})
		}
	}
	for _, e := range c.nameList {
		switch {
		case len(e.Mappings) == 0:
			errs = append(errs, fmt.Errorf("mapping.txt: %s is missing", e.Name))
		case len(e.Mappings) > max(len(e.bases), 1):
			errs = append(errs, fmt.Errorf("mapping.txt: %s has a row without a path next to others", e.Name))
		}
		for _, need := range e.Needs {
			if c.byName[need] == nil {
				errs = append(errs, fmt.Errorf("names.txt: %s needs the unknown %s", e.Name, need))
			}
		}
	}
	return c, errors.Join(errs...)
}

// cutPlaceholder removes the placeholder for an id of this kind from the end of a path.
func cutPlaceholder(p Path, s Scope) (Path, bool) {
	placeholder := map[Scope]string{
		ScopeCollection: "{collectionId}/", ScopeContainer: "{containerId}/", ScopePAMProvider: "{pamProviderId}/",
	}[s]
	base, ok := strings.CutSuffix(string(p), placeholder)
	return Path(base), ok
}

// trail returns a path as titles: "Certificates > Collections > Private Key > Read".
func trail(p Path) string {
	if p == "/" {
		return "All"
	}
	segments := strings.Split(strings.Trim(string(p), "/"), "/")
	for i, segment := range segments {
		words := strings.Split(segment, "_")
		for j, w := range words {
			switch w {
			case "csr", "pam", "pfx", "ssh", "ssl":
				words[j] = strings.ToUpper(w)
			default:
				words[j] = upperFirst(w)
			}
		}
		segments[i] = strings.Join(words, " ")
	}
	return strings.Join(segments, " > ")
}

// describe makes sentences of an effect and a note.
func describe(effect, note string) string {
	s := upperFirst(effect) + "."
	if note != "" {
		s += " " + note
	}
	return s
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// fold drops everything but letters and digits, and their case.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return -1
	}, s)
}
