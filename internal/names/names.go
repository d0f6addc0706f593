// Package names compares names as the server does, as far as that is known.
package names

import (
	"strings"
	"unicode"
)

// Fold returns a name in a form that is the same for all names that differ in
// case only: in letters that are each other's upper and lower case. The Kelvin
// sign is no K, although its lower case is k. That the server compares names like
// this is assumed; it is the reading that takes fewer names for the same.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		if lower := unicode.ToLower(r); unicode.ToUpper(lower) == r {
			return lower
		}
		return r
	}, name)
}

// Same reports whether two names differ in case at most, see [Fold].
func Same(a, b string) bool { return a == b || Fold(a) == Fold(b) }
