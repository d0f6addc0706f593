package snapshot

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/show"
)

// NormalizeURL returns the URL of a server in the one form that all URLs of it have:
// scheme and host in lower case, no default port, no slash at the end. The case of the
// API path is kept.
func NormalizeURL(raw string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil: // its text repeats the input, which may hold a password
		return "", errors.New("the server's URL is not a URL")
	case u.User != nil:
		return "", errors.New("the server's URL must not hold credentials")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return "", fmt.Errorf("the server's URL must look like https://command.example.com/KeyfactorAPI, got %q", show.Text(raw, maxShown))
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("the server's URL must not have a query or a fragment")
	}
	u.Host = strings.ToLower(u.Host)
	if port := u.Port(); port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return strings.TrimRight(u.JoinPath(".").String(), "/"), nil
}

// maxProblems is how many problems of a file an error lists.
const maxProblems = 20

// problems are what is wrong with a snapshot.
type problems struct {
	list []error
	more int
}

func (p *problems) add(format string, args ...any) {
	if len(p.list) == maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, fmt.Errorf(format, args...))
}

func (p *problems) err() error {
	if p.more > 0 {
		p.list = append(p.list, fmt.Errorf("and %d more problems", p.more))
	}
	return errors.Join(p.list...)
}

// check returns what no snapshot can be, by member.
func (s *Snapshot) check() error {
	var p problems
	if normal, err := NormalizeURL(s.Server.URL); err != nil {
		p.add("server.url: %w", err)
	} else if normal != s.Server.URL {
		p.add("server.url: must be written %q", show.Text(normal, maxShown))
	}
	if s.Signatures != SignaturesChecked && s.Signatures != SignaturesSkipped {
		p.add("signatures: must be %q or %q", SignaturesChecked, SignaturesSkipped)
	}
	known := s.checkClaims(&p)
	s.checkRoles(&p, known)
	unique(&p, "permissionSets", s.PermissionSets, func(set PermissionSet) string { return set.ID })
	unique(&p, "providers", s.Providers, func(provider Provider) string { return provider.ID })
	unique(&p, "collections", s.Collections, func(c Collection) int { return c.ID })
	unique(&p, "containers", s.Containers, objectID)
	unique(&p, "pamProviders", s.PAMProviders, objectID)
	return p.err()
}

// unique notes items of a list without an id, or with that of another item.
func unique[T any, K comparable](p *problems, list string, items []T, id func(T) K) {
	var none K
	first := make(map[K]int, len(items))
	for i, item := range items {
		at, taken := first[id(item)]
		switch {
		case id(item) == none:
			p.add("%s[%d].id: must not be empty", list, i)
		case taken:
			p.add("%s[%d].id: it is that of %s[%d], too", list, i, list, at)
		default:
			first[id(item)] = i
		}
	}
}

// checkClaims checks the claims and returns their keys.
func (s *Snapshot) checkClaims(p *problems) map[Key]bool {
	known := make(map[Key]bool, len(s.Claims))
	for i, c := range s.Claims {
		if known[c.Key] {
			p.add("claims[%d].key: %s is there twice", i, show.Text(c.Key.String(), maxShown))
		}
		known[c.Key] = true
		checkVersions(p, fmt.Sprintf("claims[%d]", i), c.Versions)
	}
	return known
}

func (s *Snapshot) checkRoles(p *problems, known map[Key]bool) {
	unique(p, "roles", s.Roles, func(r Role) int { return r.ID })
	for i, r := range s.Roles {
		checkVersions(p, fmt.Sprintf("roles[%d]", i), r.Versions)
		held := make(map[Key]bool, len(r.Holders))
		for j, h := range r.Holders {
			at := fmt.Sprintf("roles[%d].holders[%d]", i, j)
			checkVersions(p, at, h.Versions)
			switch {
			case held[h.Key]:
				p.add("%s.key: %s is there twice", at, show.Text(h.Key.String(), maxShown))
			case !known[h.Key]:
				p.add("%s.key: %s is not among the claims", at, show.Text(h.Key.String(), maxShown))
			}
			held[h.Key] = true
		}
	}
}

func checkVersions(p *problems, at string, versions []int) {
	if slices.ContainsFunc(versions, func(v int) bool { return v != 1 && v != 2 }) {
		p.add("%s.versions: must be among 1 and 2", at)
	}
}
