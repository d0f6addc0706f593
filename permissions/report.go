package permissions

import (
	"fmt"
	"strings"
)

// String returns the conversion as a table for an administrator, followed by the permissions that result.
func (c Conversion) String() string {
	width := 0
	for _, item := range c.Items {
		width = max(width, len(item.title()))
	}
	var b strings.Builder
	for _, item := range c.Items {
		lead := fmt.Sprintf("%-*s  ", width, item.title())
		for _, line := range item.lines() {
			b.WriteString(lead + line + "\n")
			lead = strings.Repeat(" ", width+2)
		}
	}
	if c.err != nil {
		fmt.Fprintf(&b, "%v\n", c.err)
	}
	b.WriteString(c.summary() + "\n")
	for p := range c.Set.All() {
		b.WriteString("  " + string(p) + "\n")
	}
	return b.String()
}

// summary counts what became of the names.
func (c Conversion) summary() string {
	counts := map[string]int{}
	for _, item := range c.Items {
		counts[string(item.Outcome)]++
		if item.Outcome == OutcomeConverted && item.Confidence == ConfidenceGuess {
			counts["guessed"]++
		}
		if item.Widens != "" {
			counts["widening the role"]++
		}
	}
	var parts []string
	for _, what := range []string{"converted", "guessed", "widening the role", "dropped", "refused", "unknown"} {
		if n := counts[what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	s := count(len(c.Items), "name")
	if len(parts) > 0 {
		s += ": " + strings.Join(parts, ", ")
	}
	return s + ". " + count(c.Set.Len(), "permission") + " in version 2:"
}

// title returns the name as it is shown to people: on one line, whatever the input is.
func (item Item) title() string {
	switch {
	case item.Outcome == OutcomeUnknown:
		return quote(string(item.Input))
	case item.Input != item.Name:
		return quote(string(item.Input)) + " = " + string(item.Name)
	}
	return shownName(item.Name)
}

// lines says what became of the name, for people.
func (item Item) lines() []string {
	var lines []string
	switch {
	case item.Outcome == OutcomeUnknown:
		lines = append(lines, "UNKNOWN: "+item.Reason)
	case item.Outcome == OutcomeRefused:
		lines = append(lines, "REFUSED: "+item.Reason)
	case item.Outcome == OutcomeDropped:
		lines = append(lines, "dropped: "+item.Reason)
	}
	for i, p := range item.Paths {
		how := "by the caller's decision"
		if !item.Overridden {
			m := item.Mappings[i]
			how = m.Confidence.String()
			if m.Confidence == ConfidenceGuess && m.Remark != "" {
				how += ": " + m.Remark
			}
		}
		if item.Outcome == OutcomeRefused {
			how = "would be; " + how
		}
		lines = append(lines, fmt.Sprintf("%s  (%s)", shown(p), how))
	}
	if item.Widens != "" {
		lines = append(lines, "WIDENS: can now "+item.Widens)
	}
	for _, r := range item.Redundant {
		if r.By == item.Name && r.Path == r.Through {
			lines = append(lines, "the same name once more")
		} else if r.Path == r.Through {
			lines = append(lines, fmt.Sprintf("shares %s with %s", r.Path, shownName(r.By)))
		} else {
			lines = append(lines, fmt.Sprintf("%s is not needed: %s (%s) covers it", r.Path, r.Through, shownName(r.By)))
		}
	}
	for _, u := range item.Unavailable {
		lines = append(lines, fmt.Sprintf("NOT ON THIS VERSION: %s %s", shown(u.Path), u.Reason))
	}
	for _, m := range item.Mappings {
		if m.Caution != "" {
			lines = append(lines, "note: "+m.Caution)
		}
	}
	return lines
}

func withArticle(c Confidence) string {
	switch c {
	case ConfidenceGuess:
		return "a guess"
	case ConfidenceNone:
		return "without any evidence"
	default:
		return c.String()
	}
}
