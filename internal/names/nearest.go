package names

import "slices"

// maxNear is the length of the longest word that something is looked for that is near, in
// bytes.
const maxNear = 200

// Nearest is the candidate that differs least from a word, "" if none is near: a third
// of it may be mistyped. Case does not count.
func Nearest(word string, candidates []string) string {
	limit := min(1+len(word)/3, len(word)-1)
	best, least := "", limit+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := Distance(Fold(word), Fold(c), limit); d < least {
			best, least = c, d
		}
	}
	return best
}

// Distance is the number of bytes to change, to add and to drop that make one word of the
// other, at most limit+1. It is limit+1 if the first word is too long to look at.
func Distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > maxNear {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit+1)
}
