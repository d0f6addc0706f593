package report

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// severities are in order, the worst first.
var severities = []Severity{Critical, High, Medium, Low, Info}

// rank puts severities in order, the worst first. One that is not known comes
// last.
func (s Severity) rank() int {
	if i := slices.Index(severities, s); i >= 0 {
		return i
	}
	return len(severities)
}

// Key names the finding: its ID, or else its code with a few hexadecimal digits
// made from its roles and holders. So a finding about the same roles and holders
// has the same key in a later report, and one that concerns a further holder has
// another: nobody accepted that.
func (f *Finding) Key() string {
	if f.ID != "" {
		return f.ID
	}
	var about []string
	for _, list := range [][]Item{f.Roles, f.Holders} {
		var names []string
		for _, i := range list {
			names = append(names, i.Text+"\x00"+i.Code)
		}
		slices.Sort(names)
		about = append(about, strings.Join(names, "\x01"))
	}
	if len(f.Roles)+len(f.Holders) == 0 {
		about = append(about, f.Title)
	}
	sum := sha256.Sum256([]byte(strings.Join(about, "\x02")))
	return f.Code + "-" + hex.EncodeToString(sum[:6])
}

// Expired reports whether the acceptance no longer holds at a time. It holds
// until the end of its last day, in UTC.
func (a *Acceptance) Expired(at time.Time) bool {
	y, m, d := a.Until.UTC().Date()
	return !at.Before(time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC))
}

// Accept notes on each finding whether it was accepted. It returns the
// acceptances that fit no finding: what they accepted is gone, or is not the same
// any more.
func (r *Report) Accept(accepted []Acceptance) (unused []Acceptance) {
	findings := make(map[string][]*Finding, len(r.Findings))
	for i := range r.Findings {
		f := &r.Findings[i]
		key := strings.TrimSpace(shown(f.Key()))
		findings[key] = append(findings[key], f)
	}
	for _, a := range accepted {
		fits := findings[a.Finding]
		if len(fits) == 0 {
			unused = append(unused, a)
		}
		for _, f := range fits {
			f.Accepted = &a
		}
	}
	return unused
}
