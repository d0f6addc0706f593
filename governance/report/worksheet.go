package report

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/internal/show"
)

// WriteWorksheet writes the findings as a table for a spreadsheet, with empty
// columns to decide in: decision, owner, reason and until. [ParseAccepted] reads
// it back. What was accepted before is filled in.
func (r *Report) WriteWorksheet(w io.Writer) error {
	if _, err := io.WriteString(w, bom); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	_ = c.Write([]string{
		"id", "code", "severity", "title", "detail", "what to do", "roles", "holders", "decision", "owner", "reason", "until",
	})
	for _, g := range r.groups() {
		for _, f := range g.Findings {
			cells := []string{
				f.Key(), f.Code, string(f.Severity), f.Title, f.Detail, join(f.Do, g.Guide.Do), listed(f.Roles), listed(f.Holders),
				"", "", "", "",
			}
			if a := f.Accepted; a != nil {
				copy(cells[8:], []string{"accept", a.Owner, a.Reason, day(a.Until)})
			}
			for i := range cells {
				cells[i] = cell(cells[i])
			}
			_ = c.Write(cells) // c.Error has it
		}
	}
	c.Flush()
	return c.Error()
}

// listed is a list in one cell.
func listed(items []Item) string {
	var texts []string
	for _, i := range items {
		texts = append(texts, cmp.Or(i.Text, i.Code))
	}
	return strings.Join(texts, "; ")
}

// What ParseAccepted takes.
const (
	maxWorksheet = 16 << 20 // bytes
	maxProblems  = 20
)

// The columns that ParseAccepted reads.
const (
	columnID = iota
	columnDecision
	columnOwner
	columnReason
	columnUntil
)

var columnNames = []string{"id", "decision", "owner", "reason", "until"}

// ParseAccepted reads the findings that somebody accepted from a worksheet that
// [Report.WriteWorksheet] wrote and somebody filled in. Of its columns it needs
// id, decision, owner, reason and until, in any order, and it reads holders. A line counts if its
// decision is "accept"; "fix" and "open" and an empty cell leave the finding open.
//
// A spreadsheet may have saved it with semicolons or tabs, and with its own dates:
// 2026-12-31, 31.12.2026 and, if only one of both is possible, 12/31/2026 and
// 31/12/2026 are read.
//
// All problems are one error, each with its line.
func ParseAccepted(r io.Reader) ([]Acceptance, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxWorksheet+1))
	if err != nil {
		return nil, fmt.Errorf("reading accepted findings: %w", err)
	}
	if len(data) > maxWorksheet {
		return nil, fmt.Errorf("reading accepted findings: the file is larger than %d MiB", maxWorksheet>>20)
	}
	data = bytes.TrimPrefix(data, []byte(bom))
	if !utf8.Valid(data) {
		return nil, errors.New(`reading accepted findings: the file is not in UTF-8; save it as "CSV UTF-8"`)
	}
	c := csv.NewReader(bytes.NewReader(data))
	c.Comma = delimiter(data)
	c.FieldsPerRecord = -1 // spreadsheets leave empty cells at the end out
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("reading accepted findings: the file is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("reading accepted findings: %w", err)
	}
	var places [5]int
	var missing []string
	for i, name := range columnNames {
		places[i] = slices.IndexFunc(head, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), name) })
		if places[i] < 0 {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("reading accepted findings: line 1: there is no column %s; fill in a worksheet that a review wrote",
			strings.Join(missing, ", "))
	}
	var accepted []Acceptance
	var problems []error
	lines := map[string]int{}
	holders := slices.IndexFunc(head, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "holders") })
	for len(problems) < maxProblems {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // it names the line; nothing after it can be trusted
			problems = append(problems, err)
			break
		}
		line, _ := c.FieldPos(0)
		var values [5]string
		for i, place := range places {
			if place < len(record) {
				values[i] = strings.TrimSpace(shown(unquote(record[place])))
			}
		}
		a, err := acceptance(values)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("line %d: %w", line, err))
		case a == nil:
		case lines[a.Finding] > 0:
			problems = append(problems, fmt.Errorf("line %d: id %s was accepted in line %d already; leave one of both lines",
				line, show.Text(a.Finding, 100), lines[a.Finding]))
		default:
			a.Line = line
			if holders >= 0 && holders < len(record) && record[holders] != "" {
				a.Holders = strings.Split(unquote(record[holders]), "; ")
			}
			lines[a.Finding] = line
			accepted = append(accepted, *a)
		}
	}
	if problems != nil {
		return nil, fmt.Errorf("reading accepted findings: %w", errors.Join(problems...))
	}
	return accepted, nil
}

// delimiter is what separates the cells in the first line.
func delimiter(data []byte) rune {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	best := ','
	for _, c := range ";\t" {
		if bytes.Count(first, []byte(string(c))) > bytes.Count(first, []byte(string(best))) {
			best = c
		}
	}
	return best
}

// acceptance reads one line. It is nil if the line accepts nothing.
func acceptance(values [5]string) (*Acceptance, error) {
	switch strings.ToLower(values[columnDecision]) {
	case "accept", "accepted":
	case "fix", "open":
		return nil, nil
	case "":
		if values[columnOwner]+values[columnReason]+values[columnUntil] != "" {
			return nil, errors.New(`decision is empty, but owner, reason or until is not; write "accept", "fix" or "open"`)
		}
		return nil, nil
	default:
		return nil, fmt.Errorf(`decision is %s; write "accept", "fix" or "open"`, strconv.QuoteToASCII(show.Text(values[columnDecision], 40)))
	}
	var missing []string
	for i, value := range values {
		if value == "" {
			missing = append(missing, columnNames[i])
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("%s is empty; what is accepted needs an owner, a reason and a last day", strings.Join(missing, ", "))
	}
	until, err := parseDay(values[columnUntil])
	if err != nil {
		return nil, err
	}
	return &Acceptance{
		Finding: values[columnID], Owner: values[columnOwner], Reason: values[columnReason], Until: until,
	}, nil
}

// parseDay reads a date as people and spreadsheets write it.
func parseDay(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2.1.2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	dayFirst, err1 := time.Parse("2/1/2006", s)
	monthFirst, err2 := time.Parse("1/2/2006", s)
	switch {
	case err1 == nil && err2 == nil && !dayFirst.Equal(monthFirst):
		return time.Time{}, fmt.Errorf("until is %s, which is %s or %s; write it like 2026-12-31, in a cell with the format Text", s, day(dayFirst), day(monthFirst))
	case err1 == nil:
		return dayFirst, nil
	case err2 == nil:
		return monthFirst, nil
	}
	return time.Time{}, fmt.Errorf("until is %s; write it like 2026-12-31", strconv.QuoteToASCII(show.Text(s, 40)))
}
