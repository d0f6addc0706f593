package permissions

import (
	"slices"
	"strings"
)

// mostSearches is how many unknown names or paths of one role get a search for the nearest known one.
const mostSearches = 500

// nearestLegacy returns the known name that s probably stands for. It is empty if none is near. It understands portal
// labels ("Certificates: Edit Metadata") and run-together names ("Certificates_EditMetadata").
func nearestLegacy(s string) Legacy {
	id := ""
	if before, rest, ok := strings.Cut(s, "["); ok {
		var after string
		if id, after, ok = strings.Cut(rest, "]"); !ok || idKindOf(id) != idNumber {
			return ""
		}
		s = before + after
	}
	want := fold(s)
	if want == "" {
		return ""
	}
	near, best := Legacy(""), min(3, len(want))
	for _, e := range data().nameList {
		if e.object != (id != "") {
			continue
		}
		if want == e.folded || want == e.foldedLabel {
			return e.on(id)
		}
		if d := distance(want, e.folded, best); d < best {
			near, best = e.on(id), d
		}
	}
	return near
}

// nearestPath returns the known path that p probably stands for, with the same id. It is empty if none is near. sure says
// that it differs by a typing error only and that no other path is as near.
func nearestPath(p Path) (near Path, sure bool) {
	base, id := p.split()
	if len(base) > 200 {
		return "", false
	}
	want := strings.Split(strings.Trim(string(base), "/"), "/")
	folded := fold(string(base))
	tooFar := min(farthest, len(folded)) // a word that shares nothing with another is not near it, however short both are
	words := wordDistances(want)
	best, alike := tooFar, 0
	for _, candidate := range data().candidates {
		if !candidate.Scope.takes(id) {
			continue
		}
		d := 0 // if only the separators are wrong
		if folded != candidate.folded {
			d = words.to(candidate.words)
		}
		ends := 0 // of two equally near paths, the likelier one begins and ends like p
		if have := candidate.segments; have[0] == want[0] {
			ends++
		}
		if have := candidate.segments; have[len(have)-1] == want[len(want)-1] {
			ends++
		}
		switch {
		case d < best || d == best && d < tooFar && ends > alike:
			near, best, alike = candidate.Path, d, ends
			sure = d <= 2 && 4*d <= len(folded)
		case d == best && ends == alike:
			sure = false
		}
	}
	if near != "" && id != "" {
		near += Path(id) + "/"
	}
	return near, sure
}

const (
	farthest  = 5 // edits from which on a path is not near another
	wholeWord = 3 // edits that a whole segment more or less counts for
)

// pathCandidate is a known path, prepared for the search.
type pathCandidate struct {
	*PathInfo

	segments []string
	words    []int  // the segments as indexes of the catalogue's words
	folded   string // see fold
}

// prepareSearch fills in what the searches for the nearest name and path need.
func (c *catalogue) prepareSearch() {
	for _, e := range c.nameList {
		e.folded = fold(e.area + e.name)
		if e.Label != "" {
			e.foldedLabel = fold(e.Area + e.Label)
		}
	}
	for _, info := range c.pathList {
		if info.Path == "/" {
			continue
		}
		candidate := pathCandidate{PathInfo: info, segments: strings.Split(strings.Trim(string(info.Path), "/"), "/"), folded: fold(string(info.Path))}
		for _, word := range candidate.segments {
			at := slices.Index(c.words, word)
			if at < 0 {
				at = len(c.words)
				c.words = append(c.words, word)
			}
			candidate.words = append(candidate.words, at)
		}
		c.candidates = append(c.candidates, candidate)
	}
}

// distances are those of each segment of a path to each word of the catalogue.
type distances [][]int

func wordDistances(segments []string) distances {
	d := make(distances, len(segments))
	for i, segment := range segments {
		d[i] = make([]int, len(data().words))
		for j, word := range data().words {
			d[i][j] = distance(segment, word, farthest)
		}
	}
	return d
}

// to returns the edit distance to a known path.
func (d distances) to(words []int) int {
	return edit(len(d), len(words), wholeWord, func(i, j int) int { return d[i][words[j]] })
}

// distance is the edit distance of two words in letters, or limit if it is not less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	return min(limit, edit(len(a), len(b), 1, func(i, j int) int {
		if a[i] == b[j] {
			return 0
		}
		return 1
	}))
}

// edit is the least cost of turning n items into m others: gap for one more or less, swap for one in place of another.
func edit(n, m, gap int, swap func(i, j int) int) int {
	step(n * m)
	row := make([]int, m+1)
	for j := range row {
		row[j] = j * gap
	}
	for i := range n {
		diagonal := row[0]
		row[0] += gap
		for j := range m {
			cost := min(diagonal+swap(i, j), row[j]+gap, row[j+1]+gap)
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[m]
}
