package transport

import (
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// minSecret is the shortest text that is hidden: hiding every "a" in a text would
// say what the secret is.
const minSecret = 4

// MaxSecret is how long a secret can be in a text, escapes included: longer than any
// header that a server takes.
const MaxSecret = 64 << 10

// Hide takes a secret out of s: as it is, and as JSON, URLs, forms and HTML write
// it, each character in its own way.
func Hide(s, secret string) string {
	if len(secret) < minSecret {
		return s
	}
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); {
		if s[i] != secret[0] && strings.IndexByte(escapes, s[i]) < 0 {
			i++ // most of a text
			continue
		}
		n := begins(s[i:], secret)
		if n == 0 {
			i++
			continue
		}
		b.WriteString(s[done:i])
		b.WriteString("(hidden)")
		i += n
		done = i
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// escapes are what an escaped character begins with, see written.
const escapes = `+%&\`

// begins returns how much of s, from its beginning, stands for secret; 0 if it does
// not begin with it.
func begins(s, secret string) int {
	var ends, next [4]int // where the characters so far can end: "%25" may be one or three
	n := 1
	for i, c := range secret {
		size := utf8.RuneLen(c)
		if c == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(secret[i:])
		}
		char, m := secret[i:i+size], 0
		for _, end := range ends[:n] {
			for _, length := range written(s[end:], char) {
				if at := end + length; length > 0 && m < len(next) && !slices.Contains(next[:m], at) {
					next[m] = at
					m++
				}
			}
		}
		if m == 0 {
			return 0
		}
		ends, n = next, m
	}
	return slices.Max(ends[:n])
}

// written returns how much of s, from its beginning, stands for a character: as it
// is, and escaped; 0 if nothing does.
func written(s, char string) [2]int {
	var n [2]int
	if strings.HasPrefix(s, char) {
		n[0] = len(char)
	}
	if s == "" {
		return n
	}
	switch s[0] {
	case '+': // in a form
		if char == " " {
			n[1] = 1
		}
	case '%':
		n[1] = same(s, char, 3*len(char), url.PathUnescape)
	case '&':
		if end := strings.IndexByte(s[:min(len(s), 12)], ';'); end > 0 {
			n[1] = same(s, char, end+1, func(text string) (string, error) { return html.UnescapeString(text), nil })
		}
	case '\\':
		if len(s) > 1 && s[1] == 'u' {
			n[1] = max(same(s, char, 6, unicodes), same(s, char, 12, unicodes))
		} else {
			n[1] = same(s, char, 2, short)
		}
	}
	return n
}

// same returns length if as much of s stands for char, or 0.
func same(s, char string, length int, decode func(string) (string, error)) int {
	if len(s) < length {
		return 0
	}
	if text, err := decode(s[:length]); err != nil || text != char {
		return 0
	}
	return length
}

// short reads an escape of JSON that has one character.
func short(s string) (string, error) {
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return "\"\\/\b\f\n\r\t"[i : i+1], nil
	}
	return "", strconv.ErrSyntax
}

// unicodes reads escapes of JSON that have four digits, one or two of them.
func unicodes(s string) (string, error) {
	var units [2]uint16
	n := 0
	for ; len(s) >= 6 && s[:2] == `\u`; s = s[6:] {
		unit, err := strconv.ParseUint(s[2:6], 16, 16)
		if err != nil {
			return "", err
		}
		units[n] = uint16(unit)
		n++
	}
	if s != "" {
		return "", strconv.ErrSyntax
	}
	return string(utf16.Decode(units[:n])), nil
}
