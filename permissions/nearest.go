package permissions

import "strings"

// nearestLegacy returns the known name that s probably stands for. It is empty if none is near. It understands portal
// labels ("Certificates: Edit Metadata") and run-together names ("Certificates_EditMetadata").
func nearestLegacy(s string) Legacy {
	if len(s) > 100 {
		return ""
	}
	id := ""
	if before, rest, ok := strings.Cut(s, "["); ok {
		var after string
		if id, after, ok = strings.Cut(rest, "]"); !ok || idKindOf(id) != idNumber {
			return ""
		}
		s = before + after
	}
	want := fold(s)
	near, best := Legacy(""), min(3, len(want))
	for _, e := range data().nameList {
		if e.object != (id != "") {
			continue
		}
		own := fold(e.area + e.name)
		if want == own || want == fold(e.Area+e.Label) && e.Label != "" {
			return e.on(id)
		}
		if d := distance(want, own); d < best {
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
	letters := len(fold(string(base)))
	tooFar := min(5, letters) // a word that shares nothing with another is not near it, however short both are
	best, alike := tooFar, 0
	for _, info := range data().pathList {
		candidate := info.Path
		if candidate == "/" || !info.Scope.takes(id) {
			continue
		}
		have := strings.Split(strings.Trim(string(candidate), "/"), "/")
		d := segmentDistance(want, have)
		if fold(string(base)) == fold(string(candidate)) {
			d = 0 // only the separators are wrong
		}
		ends := 0 // of two equally near paths, the likelier one begins and ends like p
		if have[0] == want[0] {
			ends++
		}
		if have[len(have)-1] == want[len(want)-1] {
			ends++
		}
		switch {
		case d < best || d == best && d < tooFar && ends > alike:
			near, best, alike = candidate, d, ends
			sure = d <= 2 && 4*d <= letters
		case d == best && ends == alike:
			sure = false
		}
	}
	if near != "" && id != "" {
		near += Path(id) + "/"
	}
	return near, sure
}

// segmentDistance is the edit distance of two paths. A whole segment more or less counts like three letters.
func segmentDistance(a, b []string) int {
	const segment = 3
	return edit(len(a), len(b), segment, func(i, j int) int { return distance(a[i], b[j]) })
}

// distance is the edit distance of two words in letters.
func distance(a, b string) int {
	return edit(len(a), len(b), 1, func(i, j int) int {
		if a[i] == b[j] {
			return 0
		}
		return 1
	})
}

// edit is the least cost of turning n items into m others: gap for one more or less, swap for one in place of another.
func edit(n, m, gap int, swap func(i, j int) int) int {
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
