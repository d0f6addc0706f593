package review

import (
	"io"
	"slices"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/yamlfile"
)

// What a file of people may hold.
const (
	maxPeople  = 10_000 // persons and teams
	maxMembers = 1_000  // holders of one of them
)

// People say which holders are one person or one team. Duty rules look at what their
// holders can do together.
type People struct{ entries []entry }

// An entry is one person or team of the file.
type entry struct {
	name    string
	team    bool
	holders []string
}

// ParsePeople reads from YAML which holders are one person or one team:
//
//	people:
//	  - name: Jane Smith
//	    holders: ['User:KEYEXAMPLE\jsmith', 'User:KEYEXAMPLE\adm_jsmith', 'OAuthSubject:jane@example.com@System']
//	teams:
//	  - name: PKI operations
//	    holders: ['OAuthRole:pki-operations@System', 'OAuthClientId:pipeline@System']
//
// Holders are written as [Review.Find] reads them. One that fits nobody in the
// snapshot, or several holders, is told in the report. Everything that is wrong with
// the file is one error, with lines and columns.
func ParsePeople(from io.Reader) (*People, error) {
	const what = "people"
	var f yamlFile
	lists, err := f.read(from, what, "people", "teams")
	if err != nil {
		return nil, err
	}
	var out People
	taken := map[string]bool{}
	for _, key := range []string{"people", "teams"} {
		for _, n := range lists[key] {
			if len(out.entries) == maxPeople {
				f.Add(n, "there are more than %d persons and teams", maxPeople)
				break
			}
			out.entries = append(out.entries, f.entry(n, key == "teams", taken))
		}
	}
	if err := f.Err(what); err != nil {
		return nil, err
	}
	return &out, nil
}

func (f *yamlFile) entry(n *yamlfile.Node, team bool, taken map[string]bool) entry {
	m := f.Members(n, "a person or team", []string{"name", "holders"})
	out := entry{name: f.Text(m["name"], "name"), team: team}
	if m == nil {
		return out
	}
	if m["name"] == nil {
		f.Add(n, "the person or team has no name")
	} else if out.name != "" && taken[out.name] {
		f.Add(m["name"], "%s is there twice", quoted(out.name))
	}
	taken[out.name] = true
	holders := f.List(m["holders"], "holders")
	if len(holders) == 0 && (m["holders"] == nil || yamlfile.IsList(m["holders"])) {
		f.Add(n, "%s has no holders", quoted(out.name))
	}
	if len(holders) > maxMembers {
		f.Add(m["holders"], "%s has more than %d holders", quoted(out.name), maxMembers)
		return out
	}
	for _, h := range holders {
		if text := f.Text(h, "a holder"); text != "" {
			out.holders = append(out.holders, text)
		}
	}
	return out
}

// A group is a person or a team whose holders the snapshot has.
type group struct {
	name    string
	team    bool
	holders []int
}

// people looks the holders of the people file up.
func (r *Review) people() {
	if r.opts.People == nil {
		return
	}
	index := newFinder(r.holders)
	var nobody, several []string
	for _, e := range r.opts.People.entries {
		g := group{name: e.name, team: e.team}
		for _, text := range e.holders {
			switch found := index.find(text); len(found) {
			case 0:
				nobody = append(nobody, quoted(text))
			case 1:
				g.holders = append(g.holders, found[0])
			default:
				several = append(several, quoted(text))
			}
		}
		slices.Sort(g.holders)
		g.holders = slices.Compact(g.holders)
		if len(g.holders) > 1 { // one alone is looked at anyway
			r.groups = append(r.groups, g)
		}
	}
	if len(nobody) > 0 {
		r.notes = append(r.notes, report.Note{
			Title: "In the file of people, but not on the server",
			Text:  enumerate(short(nobody)) + ".",
		})
	}
	if len(several) > 0 {
		r.notes = append(r.notes, report.Note{
			Title: "In the file of people, and fits several holders",
			Text:  enumerate(short(several)) + ". None of them was used. Write type, value and scheme, as in OAuthRole:pki-admins@System.",
		})
	}
}
