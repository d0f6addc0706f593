package transport

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Op is one operation of the API: a method, a path template below the API
// path, and the version of the API that describes its bodies.
//
// The same value feeds the request, the log line, the error text and the
// contract test, so that none of them can disagree about what was called.
type Op struct {
	Method  string // such as http.MethodGet
	Path    string // such as "Security/Roles/{id}"; no leading slash
	Version int    // sent as x-keyfactor-api-version
}

// String is the operation as documentation names it:
// "GET /Security/Roles/{id}, version 2".
func (o Op) String() string {
	return o.Method + " /" + o.Path + ", version " + strconv.Itoa(o.Version)
}

// Expand fills the path template with args, in order. Each argument is escaped
// so that it stays one segment. What would address another endpoint (an empty
// argument, "." or "..") is refused, and so is an id below 1.
func (o Op) Expand(args ...any) (string, error) {
	rest := o.Path
	if len(args) == 0 && !strings.Contains(rest, "{") {
		return rest, nil
	}
	var b strings.Builder
	for _, arg := range args {
		before, after, ok := strings.Cut(rest, "{")
		name, after, closed := strings.Cut(after, "}")
		if !ok || !closed {
			return "", fmt.Errorf("%s: more arguments than the path has places", o)
		}
		segment, err := segment(name, arg)
		if err != nil {
			return "", err
		}
		b.WriteString(before)
		b.WriteString(segment)
		rest = after
	}
	if strings.Contains(rest, "{") {
		return "", fmt.Errorf("%s: fewer arguments than the path has places", o)
	}
	b.WriteString(rest)
	return b.String(), nil
}

func segment(name string, arg any) (string, error) {
	switch v := arg.(type) {
	case int:
		if v < 1 {
			return "", &InputError{Field: name, Problem: "must be 1 or more, got " + strconv.Itoa(v)}
		}
		return strconv.Itoa(v), nil
	case string:
		if v == "" || Dots(v) {
			return "", &InputError{Field: name, Problem: fmt.Sprintf("%q is not an id", v)}
		}
		return url.PathEscape(v), nil
	default:
		return "", fmt.Errorf("path argument %s: type %T is not supported", name, arg)
	}
}

// Dots reports whether a path segment is "." or "..", or what a server or a proxy
// may take for one: behind an escaped slash or backslash, escaped more than once,
// before parameters ("..;a") or between spaces.
func Dots(segment string) bool {
	if !strings.ContainsAny(segment, ".%") {
		return false
	}
	plain, ok := decoded(segment)
	if !ok {
		return true
	}
	for part := range strings.FieldsFuncSeq(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
		if end := strings.IndexAny(part, ";?#\x00"); end >= 0 {
			part = part[:end]
		}
		part = strings.TrimFunc(part, func(r rune) bool { return r <= ' ' || r == 0x7f })
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// escape is what a lenient server decodes; "%u002e" is an invention of IIS.
var escape = regexp.MustCompile(`%(?:[0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})`)

// decoded is a path without its escapes, of whatever depth. It is not ok if there
// is no end to them, or if they make no text.
func decoded(path string) (plain string, ok bool) {
	for range 5 {
		plain = escape.ReplaceAllStringFunc(path, func(s string) string {
			if s[1] == 'u' || s[1] == 'U' {
				code, _ := strconv.ParseUint(s[2:], 16, 16) // four digits
				return string(rune(code))
			}
			code, _ := strconv.ParseUint(s[1:], 16, 8) // two digits
			return string([]byte{byte(code)})
		})
		if plain == path {
			return plain, utf8.ValidString(plain)
		}
		path = plain
	}
	return "", false
}

// InputError says which argument was refused before anything was sent.
type InputError struct {
	Field   string
	Problem string
}

// Error is "field: problem".
func (e *InputError) Error() string { return e.Field + ": " + e.Problem }
