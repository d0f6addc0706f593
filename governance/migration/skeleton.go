package migration

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/yamlfile"
	"github.com/commandsec/commandsec-go/permissions"
)

// Skeleton writes rules to begin with: what has to be decided for a migration, as
// comments. Lines with ## explain, lines with # suggest: a suggestion counts when its #
// is taken away, and each is one line, so that it is indented right then. They are the cautious choice if there is one, and what becomes of a
// permission otherwise. A nil target is the source itself.
func Skeleton(source, target *snapshot.Snapshot) ([]byte, error) {
	e, err := newEngine(source, target, nil)
	if err != nil {
		return nil, err
	}
	e.run()
	s := skeleton{engine: e}
	s.write()
	return s.Bytes(), nil
}

type skeleton struct {
	bytes.Buffer
	*engine
}

// line writes a line.
func (s *skeleton) line(text string) { fmt.Fprintln(&s.Buffer, text) }

// explain writes a comment for people.
func (s *skeleton) explain(format string, args ...any) {
	s.line("  ## " + show.Text(fmt.Sprintf(format, args...), 1000))
}

// suggest writes an entry of a list that counts without its #. There is no space after
// that: with one, some entries would be indented further than others, depending on who
// takes what away. The other choices are a comment.
func (s *skeleton) suggest(other string, members ...string) {
	s.line(strings.TrimRight("  #- {"+strings.Join(members, ", ")+"} "+other, " "))
}

// scalar writes a text as YAML on one line: as it is if that is plain, and otherwise in
// quotation marks, with everything that does not show as itself escaped.
func scalar(text string) string {
	if plainText.MatchString(text) && !strings.EqualFold(text, "null") {
		return text
	}
	return strconv.Quote(text)
}

// plainText is what YAML reads as a text without quotation marks.
var plainText = regexp.MustCompile(`^[A-Z][A-Za-z0-9 _.-]*[A-Za-z0-9][a-z]$|^[A-Z][A-Za-z]+:[A-Z][A-Za-z]+$`)

// suggestable reports whether rules can name something, and says so if they cannot.
func (s *skeleton) suggestable(text string) bool {
	if utf8.ValidString(text) && len(text) <= yamlfile.MaxText && strings.TrimSpace(text) != "" {
		return true
	}
	s.explain("  Rules cannot name it: it is empty, too long, or no valid text. Give it another name on the source.")
	return false
}

func (s *skeleton) write() {
	s.line("# Rules of a migration. Lines with ## explain, lines with # suggest: take the # away if a suggestion is right.")
	for _, side := range []struct{ name, url, version string }{
		{"source", s.source.Server.URL, s.source.Server.Version}, {"target", s.target.Server.URL, s.target.Server.Version},
	} {
		s.line("# " + side.name + ": " + show.Text(strings.TrimSpace(side.url+" "+side.version), maxShown))
	}
	s.line("format: 1")
	s.line("")
	if !s.same {
		s.line("# What becomes of roles that the target has already: add completes them, replace makes them what the source has.")
		s.line("# existing: add")
	}
	s.line("# What a server proved about the mapping (commandsec prove), in a file beside this one.")
	s.line("# overlay: overlay.txt")
	s.line("")
	s.identities()
	for _, kind := range kinds {
		s.objectsOf(kind.scope, kind.key, kind.noun)
	}
	s.decisions()
	s.rolesOf()
}

func (s *skeleton) identities() {
	s.line("# Which claims Active Directory accounts become. Without a rule: the same Active Directory claim.")
	s.line("# otherIdentities: undecided")
	s.line("identities:")
	s.explain("A pattern is a regular expression for whole accounts; ${1} is what its first part in parentheses matched:")
	s.explain(`- {pattern: 'KEYEXAMPLE\\(.*)', type: Group, claim: 'OAuthRole:${1}@Entra'}`)
	for _, m := range s.sortedMappings() {
		if m.wait == "" || !m.from.Type.AD() {
			continue
		}
		s.explain("%s", m.wait)
		if !s.suggestable(m.from.Value) {
			continue
		}
		s.suggest("# or claim: 'OAuthSubject:VALUE@SCHEME'", "account: "+scalar(m.from.Value), "type: "+string(m.from.Type), "drop: true")
	}
	s.line("")
}

func (s *skeleton) objectsOf(scope permissions.Scope, key, noun string) {
	s.line(key + ":")
	wanted := map[string]string{} // names on the source, and why
	for _, o := range s.objects.known[scope] {
		if o.wait != "" && s.objects.knows(s.objects.source, scope, o.name) {
			wanted[o.name] = o.wait
		}
	}
	if key == "identityProviders" {
		for _, m := range s.sortedMappings() {
			if m.wait != "" && !m.from.Type.AD() && s.objects.knows(s.objects.source, scope, m.from.Scheme) {
				wanted[m.from.Scheme] = m.wait
			}
		}
	}
	list := make([]string, 0, len(wanted))
	for name := range wanted {
		list = append(list, name)
	}
	slices.Sort(list)
	for i, name := range list {
		if i > 0 && names.Same(list[i-1], name) {
			continue
		}
		s.explain("%s", wanted[name])
		if !s.suggestable(name) {
			continue
		}
		from := "from: " + scalar(name)
		if found := s.objects.target[scope].byName[names.Fold(name)]; len(found) == 1 {
			s.suggest("", from, "to: "+scalar(found[0].name))
		} else {
			s.suggest("# or to: the name of a "+noun+" of the target", from, "drop: true")
		}
	}
	s.line("")
}

func (s *skeleton) decisions() {
	s.line("# What becomes of permissions, for all roles. For one role, write decisions into its entry below.")
	s.line("# Any entry can have a why: who decided it, and why.")
	s.line("decisions:")
	var order []permissions.Legacy
	items, count := map[permissions.Legacy]*permissions.Item{}, map[permissions.Legacy]int{}
	for _, r := range s.roles {
		for _, row := range r.rows {
			if row.item == nil || !undecidedItem(row.item) {
				continue
			}
			if items[row.item.Name] == nil {
				order = append(order, row.item.Name)
				items[row.item.Name] = row.item
			}
			count[row.item.Name]++
		}
	}
	slices.Sort(order)
	for _, name := range order {
		item := items[name]
		s.explain("%s (%s): %s", name, plural(count[name], "role"), evidence(item))
		if item.Reason != "" {
			s.explain("  %s", item.Reason)
		}
		if item.Widens != "" {
			s.explain("  WIDENS: its holders could %s", item.Widens)
		}
		if item.Narrows != "" {
			s.explain("  LOST: its holders could no longer %s", item.Narrows)
		}
		refused := item.Outcome == permissions.OutcomeRefused || item.Outcome == permissions.OutcomeUnknown
		if _, err := permissions.ParseLegacy(string(name)); err != nil {
			s.explain("  It is no name, so that nothing can be decided about it. Skip its roles, or correct them.")
			continue
		}
		if refused {
			s.suggest("# or paths: "+pathList(item), "name: "+scalar(string(name)), "drop: true")
		} else {
			s.suggest("# or drop: true, or paths: "+pathList(item), "name: "+scalar(string(name)), "accept: true")
		}
	}
	s.line("")
}

// pathList is what the mapping has for a name.
func pathList(item *permissions.Item) string {
	if len(item.Paths) == 0 {
		return "[/...]"
	}
	texts := make([]string, 0, len(item.Paths))
	for _, p := range item.Paths {
		texts = append(texts, string(p))
	}
	return show.Text("["+strings.Join(texts, ", ")+"]", 500)
}

func (s *skeleton) rolesOf() {
	s.line("# What becomes of roles. Without an entry, a role keeps its name.")
	s.line("roles:")
	s.explain("- name: NAME")
	s.explain("  skip: true                 # or one of:")
	s.explain("  to: NEW NAME               # rename it")
	s.explain("  merge: NAME OF ALL         # make one role of several")
	s.explain("  permissionSet: Global      # on the target")
	s.explain("  decisions: [...]           # as above, for this role alone")
	seen := map[string]bool{}
	for _, r := range s.roles {
		var accept []string
		other, exists := false, false
		for _, why := range r.reasons {
			switch {
			case why.code == CodePermission || why.code == CodeObject || why.code == CodeHolder || why.code == CodeMerged:
				continue
			case slices.Contains(acceptable, why.code):
				if !slices.Contains(accept, string(why.code)) {
					accept = append(accept, string(why.code))
				}
			case why.code == CodeExists:
				exists = true
			default:
				other = true
			}
			s.explain("%s: %s %s", quote(r.Name), why.text, why.do)
		}
		if len(accept) == 0 && !other && !exists || seen[names.Fold(r.Name)] || !s.suggestable(r.Name) {
			continue
		}
		seen[names.Fold(r.Name)] = true
		name := "name: " + scalar(r.Name)
		switch {
		case other:
			s.suggest("", name, "skip: true")
		case exists:
			s.suggest("# or existing: add, or existing: replace, or to: NEW NAME", name, "skip: true")
		default:
			s.suggest("# or skip: true", name, "accept: ["+strings.Join(accept, ", ")+"]")
		}
	}
}
