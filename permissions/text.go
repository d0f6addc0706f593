package permissions

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// enumText returns the spelling of an ordered constant, or its type and number if it is none of those that are spelled out.
func enumText[T ~int](value T, spellings []string, typeName string) string {
	if value < 0 || int(value) >= len(spellings) {
		return fmt.Sprintf("%s(%d)", typeName, int(value))
	}
	return spellings[value]
}

// setEnum sets value to the constant that is spelled like text. what names the kind of constant in the error.
func setEnum[T ~int](value *T, text []byte, spellings []string, what string) error {
	i := slices.Index(spellings, string(text))
	if i < 0 {
		last := len(spellings) - 1
		return fmt.Errorf("permissions: unknown %s %s: write %s or %s", what, quote(string(text)), strings.Join(spellings[:last], ", "), spellings[last])
	}
	*value = T(i)
	return nil
}

// quote returns untrusted text as it is shown in a message: quoted, escaped, and cut if it is long.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.Quote(s)
}

// shown returns a path as it is shown to people, on one line: quoted if it is malformed, has space around it or is longer
// than any path of Command.
func shown(p Path) string {
	if _, ok := p.canonical(); !ok || strings.TrimSpace(string(p)) != string(p) || len(p) > 200 {
		return quote(string(p))
	}
	return string(p)
}

// shownName returns a name as it is shown to people: quoted if it is malformed or longer than any name of Command.
func shownName(l Legacy) string {
	if _, _, _, problem := l.parts(); problem != "" || len(l) > 200 {
		return quote(string(l))
	}
	return string(l)
}

// shownKey is shownName for a name that can have the placeholder for an id.
func shownKey(l Legacy) string {
	if filled := strings.Replace(string(l), placeholder, "[1]", 1); shownName(Legacy(filled)) == filled {
		return string(l)
	}
	return quote(string(l))
}

// few lists the first few names or paths with commas.
func few[T ~string](list []T) string {
	const most = 10
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", join(list[:most]), len(list)-most)
	}
	return join(list)
}

// join lists names or paths with commas.
func join[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// count returns a number with its noun: "1 name", "2 names".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// sentences makes sentences of an effect and a note.
func sentences(effect, note string) string {
	s := upperFirst(effect) + "."
	if note != "" {
		s += " " + note
	}
	return s
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// clause returns a sentence as it continues another one: without its capital and its period.
func clause(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + strings.TrimSuffix(s[1:], ".")
}

// fold returns the letters and digits of s in lower case, without anything else.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return -1
	}, s)
}
