package roles

import (
	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/validate"
)

// claimKey is a claim's key in the one form of all spellings that name the same
// claim: case counts in the values of OAuth claims only.
type claimKey struct {
	bare   claims.Key // without the domain
	domain string     // empty for claims that are not of Active Directory
}

func fold(k claims.Key) claimKey {
	domain, bare := k.Fold().Domain()
	return claimKey{bare, domain}
}

// short is the key without the domain.
func (k claimKey) short() claimKey {
	k.domain = ""
	return k
}

// claimIndex finds the claims of a list by their key.
type claimIndex struct {
	exact     map[claims.Key]int
	folded    map[claimKey][]int // in any spelling
	qualified map[claimKey][]int // those with a domain, by their key without it
}

func indexClaims(list []claims.Request) claimIndex {
	x := claimIndex{
		exact:     make(map[claims.Key]int, len(list)),
		folded:    make(map[claimKey][]int, len(list)),
		qualified: map[claimKey][]int{},
	}
	for i, c := range list {
		key := c.Key()
		if x.has(key) {
			continue // the same claim again
		}
		x.exact[key] = i
		folded := fold(key)
		x.folded[folded] = append(x.folded[folded], i)
		if folded.domain != "" {
			x.qualified[folded.short()] = append(x.qualified[folded.short()], i)
		}
	}
	return x
}

// has reports whether a claim is in the list, spelled like this.
func (x claimIndex) has(key claims.Key) bool {
	_, ok := x.exact[key]
	return ok
}

// find returns the places of the claims that key can mean: the one spelled like it,
// or else those in another spelling, or else for a name without a domain those with
// one, because the server adds it.
func (x claimIndex) find(key claims.Key) []int {
	if at, ok := x.exact[key]; ok {
		return []int{at}
	}
	folded := fold(key)
	if at := x.folded[folded]; len(at) > 0 {
		return at
	}
	if folded.bare.Type.AD() && folded.domain == "" {
		return x.qualified[folded]
	}
	return nil
}

// asHeld returns the claims that a role is to have, each once, those that it holds
// already first and written as it holds them: of another spelling, the server could
// make another claim. It refuses a name that fits several claims of the role.
func asHeld(held, wanted []claims.Request) ([]claims.Request, error) {
	var (
		problems validate.Problems
		index    = indexClaims(held)
		kept     = make(map[int]bool, len(held))
		out      = make([]claims.Request, 0, len(wanted))
		fresh    []claims.Request
	)
	for i, c := range wanted {
		switch fits := index.find(c.Key()); {
		case len(fits) > 1:
			problems.Add(at("Claims", i), "%s fits %d claims of the role, name the domain as it is written there", c.Key(), len(fits))
		case len(fits) == 0:
			fresh = append(fresh, c)
		case !kept[fits[0]]:
			kept[fits[0]] = true
			out = append(out, held[fits[0]])
		}
	}
	return append(out, claims.Unique(fresh)...), problems.Err()
}

// distinct returns the requests without those whose key is written like that of an
// earlier one.
func distinct(requests []claims.Request) []claims.Request {
	seen := make(map[claims.Key]bool, len(requests))
	out := make([]claims.Request, 0, len(requests))
	for _, r := range requests {
		if key := r.Key(); !seen[key] {
			seen[key] = true
			out = append(out, r)
		}
	}
	return out
}
