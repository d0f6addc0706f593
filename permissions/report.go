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
	for _, err := range unusedErrs(c.UnusedOverrides, c.UnusedAccepts) {
		fmt.Fprintf(&b, "%v\n", err)
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
		if item.Widens != "" && item.Outcome == OutcomeConverted {
			counts["widening the role"]++
		}
		if item.Narrows != "" && item.Outcome == OutcomeConverted {
			counts["narrowing the role"]++
		}
	}
	var parts []string
	for _, what := range []string{"converted", "guessed", "widening the role", "narrowing the role", "dropped", "refused", "unknown"} {
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
	for _, p := range item.Paths {
		lines = append(lines, fmt.Sprintf("%s  (%s)", shown(p), item.how(p)))
		for _, m := range item.Mappings {
			if m.Path == p {
				lines = append(lines, "source: "+m.Source)
			}
		}
	}
	if proof := item.proof(); proof != "" {
		lines = append(lines, proof)
	}
	widens, narrows := "WIDENS: can now ", "NARROWS: can no longer "
	if item.Outcome == OutcomeRefused {
		widens, narrows = "would widen: could then ", "would narrow: could then no longer "
	}
	if item.Widens != "" {
		lines = append(lines, widens+item.Widens)
	}
	if item.Narrows != "" {
		lines = append(lines, narrows+item.Narrows)
	}
	if item.Accepted && item.Outcome == OutcomeRefused {
		lines = append(lines, "accepted by name, which does not grant what is refused")
	} else if item.Accepted {
		lines = append(lines, "accepted by name")
	}
	for _, r := range item.StillGranted {
		lines = append(lines, fmt.Sprintf("STILL GRANTED: %s through %s (%s)", shown(r.Path), shown(r.Through), shownName(r.By)))
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

// proof says what the overlay proves about the name. It is empty if it proves nothing.
func (item Item) proof() string {
	row := item.Proof
	if row == nil || row.Verdict == VerdictOpen {
		return ""
	}
	mapped := item.mapped()
	id := keyOf(item.Name).id
	switch paths := row.on(id); {
	case row.Verdict != VerdictConfirmed:
		return "the mapping is " + string(row.Verdict) + " " + row.source()
	case len(mapped) == 0 && !row.Exact:
		return "confirmed " + row.source() + ", if the name stands for anything; that takes exact roles to prove, because the mapping has nothing for the name"
	case NewSet(paths...).Equal(NewSet(mapped...)) && row.Exact:
		return "the mapping is confirmed " + row.source() + ", exactly"
	case NewSet(paths...).Equal(NewSet(mapped...)):
		return "the mapping is confirmed " + row.source() + ", if the name stands for anything"
	case row.Exact:
		return "not what the mapping has: " + row.source() + ", it stands for " + join(paths)
	default:
		return "not what the mapping has: " + row.source() + ", it stands for " + join(paths) + " or for nothing"
	}
}

// mapped returns the paths that the mapping has for the name.
func (item Item) mapped() []Path {
	var paths []Path
	for _, m := range item.Mappings {
		if m.Path != "" {
			paths = append(paths, m.Path)
		}
	}
	return paths
}

// how says what a path of the item rests on.
func (item Item) how(p Path) string {
	var how []string
	if item.Outcome == OutcomeRefused {
		how = append(how, "would be")
	}
	if item.Overridden {
		how = append(how, "by the caller's decision")
	}
	if item.Proven && item.Confidence == ConfidenceProven {
		how = append(how, "proven")
	} else if item.Proven {
		how = append(how, "proven, if the name stands for anything")
	}
	for _, m := range item.Mappings {
		if m.Path != p {
			continue
		}
		text := m.Confidence.String() + " " + string(m.Evidence)
		if m.Confidence == ConfidenceGuess && m.Remark != "" {
			text += ": " + m.Remark
		}
		how = append(how, text)
	}
	return strings.Join(how, "; ")
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
