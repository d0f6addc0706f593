package review

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/show"
)

// maxName is how much of a name is shown within a sentence, in characters.
const maxName = 100

// quoted is a name within a sentence.
func quoted(name string) string { return `"` + show.Text(name, maxName) + `"` }

func itoa(n int) string { return strconv.Itoa(n) }

// plural is "1 role", "2 roles".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return itoa(n) + " " + one + "s"
}

// enumerate is "a, b and c".
func enumerate(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

// maxListed is how much of a long list is written out within a text.
const maxListed = 10

// short is the beginning of a list, and how much more there is.
func short(list []string) []string {
	if len(list) <= maxListed {
		return list
	}
	return append(list[:maxListed:maxListed], fmt.Sprintf("%d more", len(list)-maxListed))
}

// keyOf is a list of numbers as a key of a map.
func keyOf(list []int) string {
	var b strings.Builder
	for _, n := range list {
		b.WriteString(itoa(n) + " ")
	}
	return b.String()
}
