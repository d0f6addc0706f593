package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// convert converts roles, or paths back to names.
func convert(o options, in input, w output) error {
	if list, err := in.list(); err == nil && slices.ContainsFunc(list, isPath) {
		return narrow(o, list, w.result)
	}
	roles, err := in.roles()
	if err != nil {
		return err
	}
	if err := readDecisions(o.overrides, o.overlay, &o.convert); err != nil {
		return err
	}
	if _, err := o.version(); err != nil {
		return err
	}
	conversions := permissions.ConvertAll(roles, &o.convert)
	meaning, status := gate(conversions)
	if err := write(o, w.result, jsonOf(conversions), textOf(conversions)); err != nil {
		return err
	}
	if failure := conversions.Err(); failure != nil {
		report(w.notes, failure)
	}
	switch {
	case !o.json:
		if _, err := fmt.Fprintln(w.result, meaning); err != nil {
			return err
		}
	case status != nil:
		fmt.Fprintln(w.notes, meaning)
	}
	return status
}

// readDecisions reads the files with decisions and with what a server proved into the options. An empty name stands for no
// file.
func readDecisions(overrides, overlay string, into *permissions.ConvertOptions) error {
	err := fromFile(overrides, func(text []byte) (err error) {
		into.Decisions, err = permissions.ParseDecisions(text)
		return err
	})
	if err != nil {
		return err
	}
	return fromFile(overlay, func(text []byte) (err error) {
		into.Overlay, err = permissions.ParseOverlay(text)
		return err
	})
}

// fromFile parses a file, if there is one.
func fromFile(name string, parse func([]byte) error) error {
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := parse(text); err != nil {
		return usageError{fmt.Errorf("%s: %w", name, err)}
	}
	return nil
}

// gate says whether what became of the roles can be used: nil, errFound or errUndecided. In words it says what that means
// and what to do next.
func gate(c permissions.Conversions) (meaning string, status error) {
	undecided, unused, lacking := 0, 0, 0
	for _, r := range c.Roles {
		undecided += len(r.Undecided())
		for _, item := range r.Items {
			lacking += len(item.Unavailable)
		}
	}
	for _, d := range c.Decisions {
		if len(d.Roles) == 0 {
			unused++
		}
	}
	unusable := c.Counts().ToDecide - undecided
	problems := slices.DeleteFunc([]string{
		amount(unusable, "1 name is refused or unknown", "%d names are refused or unknown"),
		amount(unused, "1 decision is about no name of these roles", "%d decisions are about no name of these roles"),
		amount(undecided, "1 name gives or takes something, or is a guess, and nobody decided about it", "%d names give or take something, or are guesses, and nobody decided about them"),
	}, func(s string) bool { return s == "" })
	next := "decide in a file (-overrides) about each name that is UNDECIDED above, then convert again."
	if unusable+undecided == 0 {
		next = "correct or remove these decisions, then convert again."
	}
	switch what := strings.Join(problems, "; "); {
	case unusable+unused > 0:
		return "Exit status 1: " + what + ". Next: " + next, errFound
	case undecided > 0:
		return "Exit status 3: " + what + ". Next: " + next, errUndecided
	case lacking > 0:
		next = "look at what is NOT ON THIS VERSION; then give the roles these paths, and make the test calls above."
	default:
		next = "give the roles these paths, and make the test calls above."
	}
	return "Exit status 0: each name is converted as it is, or somebody decided about it. Next: " + next, nil
}

// amount says how many there are of something, or nothing if there is none.
func amount(n int, one, many string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return one
	}
	return fmt.Sprintf(many, n)
}

// converted is a role with what to decide and what to test.
type converted struct {
	permissions.RoleConversion

	Counts    permissions.Counts  `json:"counts"`
	Undecided []permissions.Item  `json:"undecided"`
	Checks    []permissions.Check `json:"checks"`
}

// jsonOf returns conversions as a program gets them.
func jsonOf(c permissions.Conversions) any {
	result := struct {
		permissions.Conversions

		Roles  []converted        `json:"roles"`
		Counts permissions.Counts `json:"counts"`
	}{Conversions: c, Roles: []converted{}, Counts: c.Counts()}
	for _, r := range c.Roles {
		result.Roles = append(result.Roles, converted{r, r.Counts(), append([]permissions.Item{}, r.Undecided()...), r.Checks()})
	}
	return result
}

// textOf returns conversions as a person gets them: role by role what became of each name, what to test and what to decide,
// then the summary.
func textOf(c permissions.Conversions) string {
	var text strings.Builder
	for _, r := range c.Roles {
		if r.Role != "" {
			fmt.Fprintf(&text, "Role \"%s\"\n", show.Text(r.Role, 200))
		}
		text.WriteString(r.String() + permissions.FormatChecks(r.Checks()))
		text.WriteString(undecided(r))
		text.WriteString("\n")
	}
	return text.String() + c.Summary() + "\n"
}

// undecided says of each name that somebody has to decide about why, and what to write in the file of decisions.
func undecided(r permissions.RoleConversion) string {
	where := "Write in the file of -overrides"
	if r.Role != "" {
		where += fmt.Sprintf(", below \"%s:\" if it is for this role alone", show.Text(r.Role, 200))
	}
	var text strings.Builder
	line := func(item permissions.Item, why, choice string) {
		name := show.Text(string(item.Name), 200)
		fmt.Fprintf(&text, "UNDECIDED: %s %s. %s: %s | %s | reason\n", name, why, where, name, choice)
	}
	for _, item := range r.Undecided() {
		line(item, effects(item), "accept, - or paths")
	}
	for _, item := range r.Items {
		switch item.Outcome {
		case permissions.OutcomeRefused:
			line(item, "is refused", "- or paths")
		case permissions.OutcomeUnknown:
			line(item, "is unknown: correct it, or decide", "- or paths")
		case permissions.OutcomeConverted, permissions.OutcomeDropped:
		}
	}
	return text.String()
}

// effects says why somebody has to decide about an item.
func effects(item permissions.Item) string {
	switch {
	case item.Widens != "" && item.Narrows != "":
		return "widens and narrows the role"
	case item.Widens != "":
		return "widens the role"
	case item.Narrows != "":
		return "narrows the role"
	}
	return "is converted by a guess"
}

func isPath(s string) bool { return strings.HasPrefix(s, "/") }

// narrow converts paths back.
func narrow(o options, list []string, w io.Writer) error {
	paths := make([]permissions.Path, len(list))
	for i, s := range list {
		if !isPath(s) {
			return wrongly("give names or paths, not both")
		}
		paths[i] = permissions.Path(s)
	}
	narrowing := permissions.Narrow(paths, &permissions.NarrowOptions{MinConfidence: o.convert.MinConfidence})
	return write(o, w, narrowing, narrowing.String())
}

// version returns the version that a flag gives.
func (o options) version() (string, error) {
	conv := permissions.Convert(nil, &permissions.ConvertOptions{Version: o.convert.Version})
	if err := conv.Err(); err != nil && errors.Is(err, permissions.ErrVersion) {
		return "", usageError{err}
	}
	return o.convert.Version, nil
}
