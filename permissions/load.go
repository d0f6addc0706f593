package permissions

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed data/*.txt
var files embed.FS

// data is the parsed catalogue. The data is part of the program and checked by the tests, so no error can occur here.
var data = sync.OnceValue(func() *catalogue {
	c, _ := load(files.ReadFile)
	return c
})

// load reads the data files and reports everything that is wrong with them, by file and line.
func load(read func(name string) ([]byte, error)) (*catalogue, error) {
	l := loader{read: read, catalogue: &catalogue{
		paths:      map[Path]*PathInfo{},
		names:      map[nameKey]*legacyEntry{},
		byName:     map[Legacy]*legacyEntry{},
		reverse:    map[reverseKey][]*legacyEntry{},
		companions: map[Path][]companion{},
		calls:      map[Path]TestCall{},
	}}
	l.table("paths.txt", 8, 11, l.readPath)
	l.table("names.txt", 7, 8, l.readName)
	l.table("mapping.txt", 6, 8, l.readMapping)
	l.table("sideeffects.txt", 7, 7, l.readSideEffect)
	l.table("companions.txt", 4, 4, l.readCompanion)
	l.table("calls.txt", 3, 4, l.readCall)
	l.addReadSiblings()
	l.checkNames()
	l.prepareSearch()
	return l.catalogue, errors.Join(l.errs...)
}

// loader builds a catalogue from the data files. Its readers take one line each, even one that has something wrong with
// it, so that a mistake does not cause others further down.
type loader struct {
	*catalogue

	read func(name string) ([]byte, error)
	line int // the line that is being read
	errs []error
}

func (l *loader) report(file string, line int, problem string) {
	l.errs = append(l.errs, fmt.Errorf("%s:%d: %s", file, line, problem))
}

// table passes each line of a file to reader, as columns of which at least the first few have to be there. reader says
// what is wrong with the line.
func (l *loader) table(file string, least, most int, reader func(col []string) (problem string)) {
	text, err := l.read("data/" + file)
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	l.line = 0
	for line := range strings.SplitSeq(string(text), "\n") {
		l.line++
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
		if least <= len(col) && len(col) <= most {
			problem = reader(append(col, make([]string, most-len(col))...))
		}
		if problem != "" {
			l.report(file, l.line, problem)
		}
	}
}

// readPath reads a line of paths.txt.
func (l *loader) readPath(col []string) (problem string) {
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
		Evidence: PathEvidence(col[5]), Seen: col[6], Effect: col[7], Risk: col[8], Note: col[9], Sensitive: cmp.Or(col[8], col[10]), Label: trail(p),
	}
	info.Area, _, _ = strings.Cut(strings.Trim(string(p), "/"), "/")
	duplicate := l.paths[p] != nil
	l.pathList = append(l.pathList, info)
	l.paths[p] = info
	switch {
	case duplicate:
		return "duplicate path"
	case !slices.Contains([]Kind{KindParent, KindLeaf, KindMixed}, info.Kind):
		return "unknown kind"
	case !slices.Contains([]Scope{ScopeGlobal, ScopeCollection, ScopeContainer, ScopePAMProvider, ScopeIdentityProvider}, info.Scope):
		return "unknown kind of id"
	case !slices.Contains([]PathEvidence{PathEvidenceList, PathEvidencePage, PathEvidenceInferred}, info.Evidence):
		return "unknown evidence"
	case info.Effect == "":
		return "no effect"
	case col[8] != "" && col[10] != "":
		return "guarded although it has a risk, which says it already"
	}
	for _, v := range []string{info.Since, info.Gone, info.ScopedSince} {
		if _, err := parseVersion(v); v != "" && err != nil {
			return "malformed version"
		}
	}
	return ""
}

// readName reads a line of names.txt.
func (l *loader) readName(col []string) (problem string) {
	name := Legacy(col[0])
	// A placeholder is no id, so a name for one object is checked and taken apart with an id in its place.
	area, id, word, problem := Legacy(strings.Replace(col[0], placeholder, "[1]", 1)).parts()
	e := &legacyEntry{
		area: area, name: word, object: id != "", line: l.line,
		LegacyInfo: LegacyInfo{Name: name, Scope: ScopeGlobal, Area: col[1], Label: col[2], Deprecated: col[5], Effect: col[6], Note: col[7]},
	}
	for list := range strings.FieldsSeq(col[3]) {
		e.Listed = append(e.Listed, NameList(list))
	}
	for need := range strings.FieldsSeq(col[4]) {
		e.Needs = append(e.Needs, Legacy(need))
	}
	if e.object {
		e.Scope = objectKind(area)
	}
	duplicate := l.byName[name] != nil
	l.byName[name] = e
	l.nameList = append(l.nameList, e)
	l.names[nameKey{area, e.object, word}] = e
	l.names[nameKey{strings.ToLower(area), e.object, strings.ToLower(word)}] = e
	switch {
	case problem != "":
		return problem
	case duplicate:
		return "duplicate name"
	case e.object && e.Scope == ScopeGlobal:
		return "unknown kind of object"
	case e.Effect == "" || len(e.Listed) == 0:
		return "no effect or not listed anywhere"
	}
	for _, list := range e.Listed {
		if !slices.Contains([]NameList{NameList10, NameList11, NameList25, NameListDocs}, list) {
			return "listed in an unknown list"
		}
	}
	return ""
}

// readMapping reads a line of mapping.txt.
func (l *loader) readMapping(col []string) (problem string) {
	e := l.byName[Legacy(col[0])]
	if e == nil {
		return "unknown name"
	}
	m := Mapping{
		Path: Path(col[1]), Evidence: Evidence(col[3]), Versions: col[4], Source: col[5], Remark: col[6], Caution: col[7],
	}
	err := m.Confidence.UnmarshalText([]byte(col[2]))
	e.Mappings = append(e.Mappings, m)
	switch {
	case err != nil:
		return err.Error()
	case m.Confidence == ConfidenceProven:
		return "only a server proves a row"
	case (m.Path == "") != (m.Confidence == ConfidenceNone):
		return "a path and no confidence, or the reverse"
	case (m.Path == "") != (m.Evidence == "") || m.Path != "" && !slices.Contains([]Evidence{EvidencePair, EvidenceSameJob, EvidenceAnalogy}, m.Evidence):
		return "a path without evidence of a known kind, or the reverse"
	case m.Versions == "" || m.Source == "":
		return "no versions or no source"
	case m.Path == "":
		return ""
	}
	return l.link(e, m.Path, m.Confidence == ConfidenceGuess)
}

// link connects a name with the path of one of its mappings.
func (l *loader) link(e *legacyEntry, p Path, guess bool) (problem string) {
	base := p
	if e.object {
		var ok bool
		if base, ok = cutPlaceholder(p, e.Scope); !ok {
			return "no placeholder for the id"
		}
	}
	info := l.paths[base]
	if info == nil || e.object && info.Scope != e.Scope {
		return "unknown path, or one that takes no such id"
	}
	if slices.Contains(e.bases, base) {
		return "duplicate row"
	}
	e.bases = append(e.bases, base)
	if guess {
		e.guessRisk = cmp.Or(e.guessRisk, info.Sensitive)
	}
	key := reverseKey{base, e.object}
	l.reverse[key] = append(l.reverse[key], e)
	return ""
}

// readSideEffect reads a line of sideeffects.txt.
func (l *loader) readSideEffect(col []string) (problem string) {
	e := l.byName[Legacy(col[0])]
	if e == nil {
		return "unknown name"
	}
	at := slices.IndexFunc(e.Mappings, func(m Mapping) bool { return m.Path == Path(col[1]) })
	if at < 0 {
		return "mapping.txt has no such name and path"
	}
	effect := SideEffect{Since: col[3], Effect: col[5], Source: col[6]}
	for name := range strings.FieldsSeq(col[4]) {
		if other := l.byName[Legacy(name)]; other == nil || other.object {
			return "unless names what is not a known name that holds everywhere"
		}
		effect.Unless = append(effect.Unless, Legacy(name))
	}
	switch m := &e.Mappings[at]; col[2] {
	case "widens":
		m.Widens = append(m.Widens, effect)
	case "narrows":
		m.Narrows = append(m.Narrows, effect)
	default:
		return "neither widens nor narrows"
	}
	if _, err := parseVersion(effect.Since); effect.Since != "" && err != nil {
		return "malformed version"
	}
	if effect.Effect == "" || effect.Source == "" {
		return "no effect or no source"
	}
	return ""
}

// readCompanion reads a line of companions.txt.
func (l *loader) readCompanion(col []string) (problem string) {
	p, k := Path(col[0]), companion{needs: Path(col[1]), when: when(col[2]), why: col[3]}
	l.companions[p] = append(l.companions[p], k)
	switch {
	case l.paths[p] == nil || l.paths[k.needs] == nil:
		return "unknown path"
	case !slices.Contains([]when{whenCall, whenPortal, whenPart}, k.when) || k.why == "":
		return "unknown when, or no reason"
	}
	return ""
}

// readCall reads a line of calls.txt.
func (l *loader) readCall(col []string) (problem string) {
	base, scoped := strings.CutSuffix(col[0], idSegment+"/")
	info := l.paths[Path(base)]
	method, rest, _ := strings.Cut(col[1], " ")
	_, duplicate := l.calls[Path(col[0])]
	switch {
	case info == nil || scoped && info.Scope == ScopeGlobal:
		return "unknown path, or one that takes no id"
	case duplicate:
		return "duplicate call"
	case !strings.HasPrefix(rest, "/") || !slices.Contains([]string{"GET", "POST", "PUT", "DELETE"}, method):
		return "not a call"
	case (method == "GET") == (strings.Contains(rest, "{none}") || strings.Contains(rest, "{no guid}")):
		return "neither a GET nor a write to an id that does not exist"
	case scoped != strings.Contains(rest, idSegment):
		return "an id in the path and not in the call, or the reverse"
	case col[2] == "":
		return "no source"
	}
	request := strings.NewReplacer("{none}", missingNumber, "{no guid}", missingGUID).Replace(col[1])
	c := TestCall{Request: request, Source: col[2]}
	for field := range strings.FieldsSeq(col[3]) {
		if c.or = append(c.or, Path(field)); l.paths[Path(field)] == nil {
			return "unknown path that serves as well"
		}
	}
	l.calls[Path(col[0])] = c
	return ""
}

// addReadSiblings adds the companions that are not written down: in the portal, what ends in modify needs its sibling that
// ends in read.
func (l *loader) addReadSiblings() {
	for _, info := range l.pathList {
		parent, ok := strings.CutSuffix(string(info.Path), "modify/")
		read, own := Path(parent+"read/"), l.companions[info.Path]
		if ok && l.paths[read] != nil && !slices.ContainsFunc(own, func(k companion) bool { return k.needs == read }) {
			l.companions[info.Path] = slices.Insert(own, 0, companion{read, whenPortal, "Changing does not include viewing, and the portal shows only what can be viewed."})
		}
	}
}

// checkNames checks what takes all files to check.
func (l *loader) checkNames() {
	for _, e := range l.nameList {
		switch {
		case len(e.Mappings) == 0:
			l.report("names.txt", e.line, "no line of mapping.txt is about "+string(e.Name))
		case len(e.Mappings) > max(len(e.bases), 1):
			l.report("names.txt", e.line, "mapping.txt has a line without a path next to others for "+string(e.Name))
		}
		for _, need := range e.Needs {
			if l.byName[need] == nil {
				l.report("names.txt", e.line, fmt.Sprintf("%s needs the unknown %s", e.Name, need))
			}
		}
	}
}

// placeholder stands for the id in the names of the data that are for one object.
const placeholder = "[{id}]"

// cutPlaceholder removes the placeholder for an id of this kind from the end of a path.
func cutPlaceholder(p Path, s Scope) (Path, bool) {
	word := map[Scope]string{
		ScopeCollection: "{collectionId}/", ScopeContainer: "{containerId}/", ScopePAMProvider: "{pamProviderId}/",
	}[s]
	base, ok := strings.CutSuffix(string(p), word)
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
