package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/internal/show"
)

// How many characters of one text are shown. A name is seldom longer than 100; a
// server may hold any.
const (
	terminalLimit = 500
	pageLimit     = 2000
	cellLimit     = 30000 // a spreadsheet takes 32,767 in a cell
)

// Format is the number of the form that WriteJSON writes. It changes if a program
// that read the form before would misunderstand the new one.
const Format = 1

// A group is all findings of one code.
type group struct {
	Guide    Guide
	Severity Severity // of the worst finding that nobody accepted, or of the worst one
	Findings []*Finding
	Open     int // findings that nobody accepted, or not any more
}

// groups returns the findings by code, the worst first. Those that somebody
// accepted come last.
func (r *Report) groups() []*group {
	guides := make(map[string]Guide, len(r.Guides))
	for _, g := range r.Guides {
		guides[g.Code] = g
	}
	byCode := map[string]*group{}
	var groups []*group
	for i := range r.Findings {
		f := &r.Findings[i]
		g := byCode[f.Code]
		if g == nil {
			g = &group{Guide: guides[f.Code]}
			g.Guide.Code = f.Code
			byCode[f.Code] = g
			groups = append(groups, g)
		}
		g.Findings = append(g.Findings, f)
		if !r.accepted(f) {
			g.Open++
		}
	}
	for _, g := range groups {
		slices.SortStableFunc(g.Findings, func(a, b *Finding) int {
			return cmp.Or(
				compareBool(r.accepted(a), r.accepted(b)),
				cmp.Compare(a.Severity.rank(), b.Severity.rank()),
				titles(a.Title, b.Title),
				cmp.Compare(a.Key(), b.Key()))
		})
		worst := g.Findings[0]
		g.Severity = worst.Severity
		if g.Guide.Title == "" {
			g.Guide.Title = worst.Title
		}
	}
	slices.SortStableFunc(groups, func(a, b *group) int {
		return cmp.Or(
			compareBool(a.Open == 0, b.Open == 0),
			cmp.Compare(a.Severity.rank(), b.Severity.rank()),
			cmp.Compare(a.Guide.Code, b.Guide.Code))
	})
	return groups
}

// titles compares titles, in which names are in quotes: "Berlin" comes before "Berlin 2".
func titles(a, b string) int {
	closed := func(s string) string { return strings.ReplaceAll(s, `"`, "\x00") } // before a space
	return natural(closed(a), closed(b))
}

// natural compares texts, and the numbers in them as numbers: step 2 comes before step 10.
func natural(a, b string) int {
	const digits = "0123456789"
	for {
		i, j := strings.IndexAny(a, digits), strings.IndexAny(b, digits)
		if i < 0 || i != j || a[:i] != b[:i] {
			return cmp.Compare(a, b)
		}
		a, b = a[i:], b[i:]
		restA, restB := strings.TrimLeft(a, digits), strings.TrimLeft(b, digits)
		numA, numB := a[:len(a)-len(restA)], b[:len(b)-len(restB)]
		shortA, shortB := strings.TrimLeft(numA, "0"), strings.TrimLeft(numB, "0")
		if c := cmp.Or(cmp.Compare(len(shortA), len(shortB)), cmp.Compare(shortA, shortB), cmp.Compare(numA, numB)); c != 0 {
			return c
		}
		a, b = restA, restB
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// accepted reports whether somebody accepted the finding and that still holds.
func (r *Report) accepted(f *Finding) bool {
	return f.Accepted != nil && !f.Accepted.Expired(r.made())
}

// made is when the report was made: it decides what has expired.
func (r *Report) made() time.Time {
	made := r.Provenance.Made
	if made.IsZero() {
		for _, s := range r.Provenance.Sources {
			if s.Taken.After(made) {
				made = s.Taken
			}
		}
	}
	return made
}

// A tally counts the findings.
type tally struct {
	Open     []severityCount // by severity, the worst first
	Accepted int
	Expired  int // acceptances that no longer hold; their findings count as open
}

type severityCount struct {
	Severity Severity
	Number   int
}

func (r *Report) tally() tally {
	var t tally
	open := map[Severity]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if r.accepted(f) {
			t.Accepted++
			continue
		}
		open[severities[min(f.Severity.rank(), len(severities)-1)]]++
		if f.Accepted != nil {
			t.Expired++
		}
	}
	for _, s := range severities {
		if open[s] > 0 {
			t.Open = append(t.Open, severityCount{s, open[s]})
		}
	}
	return t
}

// facts are where the report comes from, as labels and values.
type fact struct{ Label, Value string }

func (s *Source) facts() []fact {
	return present([]fact{
		{"Server", s.Server},
		{"Version", s.Version},
		{"Read as", s.Account},
		{"Read at", moment(s.Taken)},
		{"Snapshot", s.File},
		{"Snapshot digest", s.Digest},
	})
}

func (p *Provenance) facts() []fact {
	facts := []fact{{"Report made", moment(p.Made)}, {"Program", p.Program}}
	for _, f := range p.Files {
		facts = append(facts, fact{f.Label, join(f.Name, f.Digest)})
	}
	return present(facts)
}

func present(facts []fact) []fact {
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func day(t time.Time) string {
	return t.UTC().Format(time.DateOnly)
}

// verdict says what became of a finding that somebody accepted, or "".
func (r *Report) verdict(f *Finding) string {
	a := f.Accepted
	switch {
	case a == nil:
		return ""
	case a.Expired(r.made()):
		return "Acceptance expired on " + day(a.Until) + ". It was accepted by " + a.Owner + ": " + a.Reason
	}
	return "Accepted by " + a.Owner + " until " + day(a.Until) + ": " + a.Reason
}

// capital returns a word of ours with a capital letter.
func capital[T ~string](word T) string {
	if word == "" || word[0] < 'a' || word[0] > 'z' {
		return string(word)
	}
	return strings.ToUpper(string(word[:1])) + string(word[1:])
}

// shown is a text in a file that is read back: without what show hides.
func shown(s string) string {
	return show.Text(s, cellLimit)
}
