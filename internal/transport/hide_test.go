package transport_test

import (
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// TestHide: a secret that comes back is hidden however its characters are written.
func TestHide(t *testing.T) {
	t.Parallel()
	each := func(write func(c rune) string) func(string) string {
		return func(s string) string {
			var b strings.Builder
			for _, c := range s {
				b.WriteString(write(c))
			}
			return b.String()
		}
	}
	escape := func(format string) func(string) string {
		return each(func(c rune) string {
			var b strings.Builder
			for _, unit := range utf16.AppendRune(nil, c) {
				fmt.Fprintf(&b, format, unit)
			}
			return b.String()
		})
	}
	percent := func(format string) func(string) string {
		return each(func(c rune) string {
			var b strings.Builder
			for _, octet := range []byte(string(c)) {
				fmt.Fprintf(&b, format, octet)
			}
			return b.String()
		})
	}
	forms := map[string]func(string) string{
		"as it is":            func(s string) string { return s },
		"in a form":           url.QueryEscape,
		"in a path":           url.PathEscape,
		"percent, upper case": percent("%%%02X"),
		"percent, lower case": percent("%%%02x"),
		"some of it":          strings.NewReplacer("+", "%2b", "&", `\u0026`, `"`, "&quot;", "/", `\/`).Replace,
		"JSON, lower case":    escape(`\u%04x`),
		"JSON, upper case":    escape(`\u%04X`),
		"JSON, short":         strings.NewReplacer(`\`, `\\`, `"`, `\"`, "/", `\/`, "\t", `\t`).Replace,
		"HTML":                html.EscapeString,
		"HTML, decimal":       each(func(c rune) string { return fmt.Sprintf("&#%d;", c) }),
		"HTML, hexadecimal":   each(func(c rune) string { return fmt.Sprintf("&#x%X;", c) }),
		"HTML, zeros":         each(func(c rune) string { return fmt.Sprintf("&#x%06x;", c) }),
	}
	for _, secret := range []string{`pa55"w0rd+of&te/st\er <'>`, "100%25%2525", "p\u00e4ss\U0001f511w\u00f6rd", "aaab", "tab\there", `\u0041\\`, "a\xffb\xfe"} {
		for name, write := range forms {
			if !utf8.ValidString(secret) && name != "as it is" {
				continue // what is no text is not written as one
			}
			for _, around := range []string{"", "aa", "%", `\`, "&", "the secret is "} {
				if around == `\` && strings.Contains(secret, `\`) {
					continue // may as well be an escape
				}
				text := around + write(secret) + around
				if got := transport.Hide(text, secret); got != around+"(hidden)"+around {
					t.Errorf("%q, %s: %q became %q", secret, name, text, got)
				}
			}
		}
	}
	for _, text := range []string{"", "abc", "%", "%7", `\`, `\u`, `\u00`, "&", "&#", "&#1", "&;", "secre", "secre%74s", "secreT"} {
		if got := transport.Hide(text, "secret"); got != strings.Replace(text, "secre%74", "(hidden)", 1) {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := transport.Hide("abc", "abc"); got != "abc" {
		t.Errorf("a short secret is hidden: %q", got)
	}
}
