package plan

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// misspelled warns about what should be absent, is not there, and is nearly the name of
// something that is: perhaps that one was meant.
func (m *maker) misspelled(what, name string, all func() []string, at Position) {
	if m.objects.searched() {
		return
	}
	near := nearly(name, all())
	if near == "" {
		return
	}
	text := fmt.Sprintf("The %s %s, which should be absent, is not there; did you mean %s?", what, quote(name), quote(near))
	m.doubts.add(at, "%s", text)
	if s := at.String(); s != "" {
		text += " See " + s + "."
	}
	m.warn(CodeAbsent, report.Medium, text, "Correct the name, or take it out of absent.", nil)
}

// nearly finds the name that a word is a slip of the pen away from. Names that differ in
// their numbers only are two names.
func nearly(word string, all []string) string {
	word = names.Fold(strings.TrimSpace(word))
	limit := min(len(word)/4, 2)
	best, least := "", limit+1
	for _, name := range all {
		fold := names.Fold(strings.TrimSpace(name))
		if d := names.Distance(word, fold, limit); d < least && (fold == word || letters(fold) != letters(word)) {
			best, least = name, d
		}
	}
	return best
}

// letters is a text without its digits.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s)
}

// meant suggests the name that somebody probably meant.
func (m *maker) meant(name string, all func() []string) string {
	if m.objects.searched() {
		return ""
	}
	return didYouMean(name, all())
}

func (m *maker) setNames() []string {
	all := make([]string, 0, len(m.PermissionSets))
	for _, set := range m.PermissionSets {
		all = append(all, set.Name)
	}
	return all
}

func (m *maker) claimNames() (all []string) {
	for i := range m.Claims {
		if c := &m.Claims[i]; slices.Contains(c.Versions, 2) {
			all = append(all, c.Key.String())
		}
	}
	return all
}

func (m *maker) accountNames() (all []string) {
	for i := range m.Claims {
		if c := &m.Claims[i]; slices.Contains(c.Versions, 1) {
			all = append(all, c.Key.Value)
		}
	}
	return all
}

// lookalikes are scripts with letters that look like those of Latin.
var lookalikes = []*unicode.RangeTable{unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee, unicode.Coptic, unicode.Lisu}

// scripts warns about a new name that may look like another one.
func (m *maker) scripts(at Position, what, name string) {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		latin := strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
		other := strings.ContainsFunc(word, func(r rune) bool { return unicode.In(r, lookalikes...) })
		if !latin || !other {
			continue
		}
		text := fmt.Sprintf("The new name %s of a %s mixes letters of several scripts in one word, so that it may look like another name.", quote(name), what)
		m.doubts.add(at, "%s", text)
		m.warn(CodeScripts, report.High, text, "Type the name anew, unless that is meant.", []string{name})
		return
	}
}

// decisions notes those that are about no name, neither of the desired state nor of the
// roles that are there.
func (m *maker) decisions() {
	c := m.opts.Convert
	if c == nil || len(c.Decisions)+len(c.Overrides)+len(c.Accept) == 0 {
		return
	}
	var all []permissions.LegacyRole
	for i := range m.desired.Roles {
		d := &m.desired.Roles[i]
		role := permissions.LegacyRole{Role: d.Name}
		for _, t := range d.Permissions {
			r, err := parseRight(t.Value)
			if err != nil {
				continue // check noted it
			}
			if _, l, err := m.objects.resolve(r); err == nil && l != "" {
				role.Names = append(role.Names, l)
			}
		}
		all = append(all, role)
	}
	for i := range m.Roles { // without a name: a decision about one role is about a desired one
		all = append(all, permissions.LegacyRole{Names: m.Roles[i].Names})
	}
	for _, u := range permissions.ConvertAll(all, c).Decisions {
		if len(u.Roles) > 0 {
			continue
		}
		about := "no role has this name"
		if u.Role != "" {
			about = "the role " + quote(u.Role) + " of the desired state does not have this name"
		}
		m.problems.add(Position{}, "the decision about the version 1 name %s is used nowhere: %s; correct or remove it", quote(string(u.Name)), about)
	}
}
