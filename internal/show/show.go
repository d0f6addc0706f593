// Package show makes text that came from a server, a file or a user fit to be
// shown: on one line, without characters that change how a terminal or a page
// shows the rest, and not too long.
package show

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns s with at most limit characters of it. Control characters, bidi
// controls, line separators and what is not valid UTF-8 are written as escapes
// (\n, \x1b, \u202e). Text without any of them comes back as it is.
func Text(s string, limit int) string {
	cut := false
	if len(s) > limit { // fewer bytes cannot be more characters
		n := 0
		for i := range s {
			if n++; n > limit {
				s, cut = s[:i], true
				break
			}
		}
	}
	if strings.ContainsFunc(s, Hidden) || !utf8.ValidString(s) {
		s = escape(s)
	}
	if cut {
		s += "..."
	}
	return s
}

func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case Hidden(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Hidden reports runes that do not show as themselves: control and format
// characters (the bidi controls and the zero-width ones among them), and line and
// paragraph separators.
func Hidden(r rune) bool {
	return r < ' ' || r == 0x7f || r > 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// JSON returns JSON in which characters that do not show as themselves are written as
// \u escapes: in a file that people compare, a bidi control must not hide anything. JSON
// has escaped those below the space already, apart from its own line ends.
func JSON(data []byte) []byte {
	if !slices.ContainsFunc(data, func(c byte) bool { return c >= 0x7f }) {
		return data // as nearly all of it
	}
	var b bytes.Buffer
	for _, r := range string(data) {
		if r < ' ' || !Hidden(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}
