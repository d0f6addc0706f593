package permissions

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrPath matches every error about a malformed path.
var ErrPath = errors.New("not a permission path")

// ErrScope matches every error about an id that a path does not take.
var ErrScope = errors.New("cannot be limited to this id")

// Path is an access-control path of Command 11 and later, such as "/certificates/collections/read/6/".
//
// It is a plain string: JSON passes through untouched, whether the path is known here or not. The canonical form is lower
// case with one slash at each end; [ParsePath] returns it. The methods also take values in another form: they treat a
// path like its canonical form, and a value that ParsePath refuses covers only the identical value.
type Path string

// ParsePath returns the canonical form of s. It drops surrounding space, lowers letters, and adds a missing slash at
// either end. It refuses everything else that is not in form with an error that matches [ErrPath] and says what to write:
// empty, "." and ".." segments, and all characters except ASCII letters, digits, "_", "-" and ".". A path does not have
// to be in the catalogue; see [Known].
func ParsePath(s string) (Path, error) {
	p, problem := canonicalPath(s)
	if problem != "" {
		return "", fmt.Errorf("permissions: %w: %s %s", ErrPath, quote(s), problem)
	}
	return p, nil
}

// Canonical returns the path in canonical form, see [ParsePath]. What is no path
// comes back as it is.
func (p Path) Canonical() Path {
	if parsed, err := ParsePath(string(p)); err == nil {
		return parsed
	}
	return p
}

// canonical returns the canonical form of p, or p itself and false if it has none.
func (p Path) canonical() (Path, bool) {
	c, problem := canonicalPath(string(p))
	if problem != "" {
		return p, false
	}
	return c, true
}

// canonicalPath returns the canonical form of s or says what is wrong with s. It allocates only if s is not canonical.
func canonicalPath(s string) (p Path, problem string) {
	step(1)
	body, lower, problem := pathBody(s)
	switch {
	case problem != "":
		return "", problem
	case body == "":
		return "/", ""
	case lower && s[0] == '/' && s[len(s)-1] == '/':
		return Path(s), ""
	}
	return Path("/" + strings.ToLower(body) + "/"), ""
}

// plainBytes are the bytes that canonical paths are usually made of.
var plainBytes = func() (plain [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789_-") {
		plain[c] = true
	}
	return plain
}()

// isPlain reports whether s is a canonical path without dots, as all known ones are.
func isPlain(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !plainBytes[s[i]] && (s[i] != '/' || s[i-1] == '/') {
			return false
		}
	}
	return s[len(s)-1] == '/'
}

// pathBody returns what lies between the outer slashes of s, letters as they are ("" for the root), and whether they are
// all lower case, or says what is wrong with s. It does not allocate.
func pathBody(s string) (body string, lower bool, problem string) {
	if len(s) > 1 && isPlain(s) {
		return s[1 : len(s)-1], true, ""
	}
	s = strings.TrimSpace(s)
	switch s {
	case "":
		return "", false, "is empty; write / for the root"
	case "/":
		return "", true, ""
	}
	s = strings.TrimPrefix(s, "/")
	s = strings.TrimSuffix(s, "/")
	lower = true
	start := 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '/' {
			switch s[start:i] {
			case "":
				return "", false, "has an empty segment; write single slashes"
			case ".", "..":
				return "", false, "has a dot segment; write the whole path from the root"
			}
			start = i + 1
			continue
		}
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-', c == '.':
		case 'A' <= c && c <= 'Z':
			lower = false
		case c == ' ':
			return "", false, "has a space inside; words are joined with _"
		case c == '#', c == '{', c == '}', c == '<', c == '>':
			return "", false, "has a placeholder; write the id in its place"
		case c == ':':
			return "", false, "has a colon; a name such as Certificates:Read has to be converted first"
		case c == '\\':
			return "", false, "has a backslash; write / between segments"
		case c == '*':
			return "", false, "has a wildcard; a path covers everything below it without one"
		case c < ' ' || c == 0x7f:
			return "", false, "has a control character"
		default:
			return "", false, "has a character that no path uses; write letters, digits, _, - and . between slashes"
		}
	}
	return s, lower, ""
}

// Covers reports whether a role that holds p also holds q, because q is p or lies below it. Segments are compared whole:
// collection 6 does not cover collection 60. Covers does not allocate.
func (p Path) Covers(q Path) bool {
	step(1)
	if p == q {
		return true
	}
	if isPlain(string(q)) && strings.HasSuffix(string(p), "/") && strings.HasPrefix(string(q), string(p)) {
		return true // p ends at a slash of q, so it is as well formed as q
	}
	outer, _, problem := pathBody(string(p))
	if problem != "" {
		return false
	}
	inner, _, problem := pathBody(string(q))
	switch {
	case problem != "":
		return false
	case outer == "":
		return true
	case len(inner) < len(outer) || !strings.EqualFold(inner[:len(outer)], outer):
		return false
	}
	return len(inner) == len(outer) || inner[len(outer)] == '/'
}

// Scope returns the id that p ends in, which limits it to one object: a whole number from 1 to 2147483647 or a GUID,
// after at least one other segment. Whether Command knows such a path is another question; see [Known].
func (p Path) Scope() (id string, ok bool) {
	_, id = p.split()
	return id, id != ""
}

// WithScope returns p limited to the object with this id, for example a collection. The id must be one that
// [Path.Scope] finds. For a path in the catalogue it must also be of the kind that the path takes: a whole number for
// collections, containers and PAM providers, a GUID for identity providers. A path that takes no id is refused, and so is
// one that has an id already. A path outside the catalogue takes any id, because the server may know it. All errors match
// [ErrScope] or, if p itself is malformed, [ErrPath].
func (p Path) WithScope(id string) (Path, error) {
	base, err := ParsePath(string(p))
	if err != nil {
		return "", err
	}
	kind := idKindOf(id)
	switch {
	case kind == idNone:
		return "", fmt.Errorf("permissions: %s %w %s: an id is a whole number above 0 or a GUID", base, ErrScope, quote(id))
	case base == "/":
		return "", fmt.Errorf("permissions: %s %w %s: the root takes no id", base, ErrScope, quote(id))
	}
	if has, ok := base.Scope(); ok {
		return "", fmt.Errorf("permissions: %s %w %s: it is limited to %s already", base, ErrScope, quote(id), has)
	}
	if info := data().paths[base]; info != nil {
		if info.Scope == ScopeGlobal {
			return "", fmt.Errorf("permissions: %s %w %s: it takes no id", base, ErrScope, quote(id))
		}
		if want := info.Scope.idKind(); kind != want {
			return "", fmt.Errorf("permissions: %s %w %s: the id of %s is %s", base, ErrScope, quote(id), info.Scope.noun(), want)
		}
	}
	return scoped(base, strings.ToLower(id)), nil
}

// Unscoped returns p without the id that it ends in, in canonical form. A malformed p is returned as it is.
func (p Path) Unscoped() Path {
	base, _ := p.split()
	return base
}

// scoped returns a canonical path without an id limited to this one, or as it is if the id is empty.
func scoped(base Path, id string) Path {
	if id == "" {
		return base
	}
	return base + Path(id) + "/"
}

// split takes a path apart into its canonical base and its id, "" if it has none.
func (p Path) split() (base Path, id string) {
	c, ok := p.canonical()
	if !ok || c == "/" {
		return c, ""
	}
	cut := strings.LastIndexByte(string(c[:len(c)-1]), '/') + 1
	id = string(c[cut : len(c)-1])
	if cut == 1 || idKindOf(id) == idNone {
		return c, ""
	}
	return c[:cut], id
}

// idKind tells the two kinds of ids apart; as text it is what an error message calls them.
type idKind string

const (
	idNone   idKind = ""
	idNumber idKind = "a whole number"
	idGUID   idKind = "a GUID"
)

func idKindOf(id string) idKind {
	if id == "" {
		return idNone
	}
	if isNumber(id) {
		return idNumber
	}
	if len(id) != 36 {
		return idNone
	}
	for i := range len(id) {
		c := id[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return idNone
			}
		} else if (c < '0' || '9' < c) && (c < 'a' || 'f' < c) && (c < 'A' || 'F' < c) {
			return idNone
		}
	}
	return idGUID
}

// isNumber accepts the decimal form of an id as Command has them: 32 bits, above 0, no leading zero.
func isNumber(id string) bool {
	if len(id) > 10 || id[0] < '1' || '9' < id[0] {
		return false
	}
	_, err := strconv.ParseInt(id, 10, 32)
	return err == nil
}
