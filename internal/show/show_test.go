package show_test

import (
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/show"
)

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"plain", `KEYEXAMPLE\jsmith, "Ops" äöü 日本`, `KEYEXAMPLE\jsmith, "Ops" äöü 日本`},
		{"newline", "a\nFAKE: b", `a\nFAKE: b`},
		{"escape sequence", "\x1b[31mred", `\x1b[31mred`},
		{"bidi", "abc\u202ecba", `abc\u202ecba`},
		{"zero width", "a\u200bb", `a\u200bb`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"C1 control", "a\u0085b", `a\u0085b`},
		{"invalid UTF-8", "a\xffb", `a\xffb`},
		{"replacement character", "a\uFFFDb", "a\uFFFDb"},
		{"long", strings.Repeat("x", 30), strings.Repeat("x", 20) + "..."},
		{"long and wide", strings.Repeat("ä", 21), strings.Repeat("ä", 20) + "..."},
		{"just fits", strings.Repeat("ä", 20), strings.Repeat("ä", 20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := show.Text(c.in, 20); c.name != "plain" && got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := show.Text(c.in, 1000); c.name == "plain" && got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	in := "{\n\t\"a\": \"äö 日本 \u202e\u2028\U000e0001\"\n}\n"
	if got, want := string(show.JSON([]byte(in))), "{\n\t\"a\": \"äö 日本 "+`\u202e\u2028\udb40\udc01`+"\"\n}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(show.JSON([]byte("{\"a\": \"\x7f\"}"))); got != `{"a": "\u007f"}` { // which encoding/json leaves as it is
		t.Errorf("got %q for DEL", got)
	}
	if plain := []byte("{\"a\": 1}\n"); &show.JSON(plain)[0] != &plain[0] {
		t.Error("plain JSON was copied")
	}
}
