package limits

import (
	"strings"

	"github.com/commandsec/commandsec-go/internal/show"
)

// UnfitDescription says why somebody who reviews a text as a description would not see
// what it is, "" if they would. It may have several lines.
func UnfitDescription(text string) string {
	if strings.ContainsFunc(text, unseen) {
		return "must not hold control or invisible characters, apart from the ends of lines"
	}
	return ""
}

// Seen is a description without what does not show.
func Seen(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unseen(r):
			return -1
		}
		return r
	}, text)
}

func unseen(r rune) bool { return r != '\n' && show.Hidden(r) }

// UnfitEmail says why a text is no e-mail address, "" if it may be one: the rest is for
// the server to say, and it takes none, which is empty.
func UnfitEmail(text string) string {
	switch {
	case strings.ContainsFunc(text, show.Hidden):
		return "must not hold control or invisible characters"
	case text != "" && !strings.Contains(strings.Trim(text, "@ "), "@"):
		return `must have the form name@domain; write "" if there should be none`
	}
	return ""
}
