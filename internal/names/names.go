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
	if !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		return strings.ToLower(name) // the same, and faster
	}
	return strings.Map(func(r rune) rune {
		if lower := unicode.ToLower(r); unicode.ToUpper(lower) == r {
			return lower
		}
		return r
	}, name)
}

// Same reports whether two names differ in case at most, see [Fold].
func Same(a, b string) bool { return a == b || Fold(a) == Fold(b) }

// SameText is Same for a name that came back from the server, which may have taken
// spaces from its ends.
func SameText(a, b string) bool { return Same(strings.TrimSpace(a), strings.TrimSpace(b)) }

// SplitDomain takes DOMAIN\name apart. The domain is empty if there is none.
func SplitDomain(account string) (domain, name string) {
	if domain, name, ok := strings.Cut(account, `\`); ok {
		return domain, name
	}
	return "", account
}

// SameAccount reports whether a server can have made got of the Active Directory
// account sent: it adds the domain, changes the case, and may write DOMAIN\name for
// name@domain or for a domain in the form of DNS, whose short name cannot be told
// from it.
func SameAccount(got, sent string) bool {
	gotDomain, gotName := windowsAccount(got)
	domain, name := windowsAccount(sent)
	dns := strings.Contains(domain, ".") || strings.Contains(gotDomain, ".")
	return gotName == name && (gotDomain == "" || domain == "" || gotDomain == domain || dns)
}

// windowsAccount reads DOMAIN\name and name@domain.
func windowsAccount(account string) (domain, name string) {
	account = Fold(strings.TrimSpace(account))
	if domain, name = SplitDomain(account); domain == "" {
		if i := strings.LastIndexByte(name, '@'); i > 0 {
			return name[i+1:] + ".", name[:i] // a domain of DNS, even if it has one label
		}
	}
	return domain, name
}
