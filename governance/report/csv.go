package report

import (
	"cmp"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// bom at the start of a file tells spreadsheets that it is UTF-8.
const bom = "\uFEFF"

// WriteCSV writes the report as one table in long form, which a spreadsheet can
// filter: one line for each text and each item of a list. Its columns are
//
//	section   "provenance", "gaps", "summary", "findings", "changes", "notes", or the ID of a table
//	group     the code of a finding, the group of a row or change
//	id        the key of a finding, the anchor of a row or change
//	subject   what the line is about: the title of a finding, the first cell of a row
//	field     what is said about it: "roles", the title of a column
//	side      "before" or "after", in changes
//	text      in words
//	path      as the server writes it
//	mark      what happened to it
//	severity  of a finding or a figure
//
// A cell that a spreadsheet would take for a formula gets an apostrophe in front.
func (r *Report) WriteCSV(w io.Writer) error {
	if _, err := io.WriteString(w, bom); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	write := func(l csvLine) {
		cells := []string{
			l.section, l.group, l.id, l.subject, l.field, l.side, l.text, l.path, string(l.mark), string(l.severity),
		}
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		_ = c.Write(cells) // c.Error has it
	}
	_ = c.Write([]string{"section", "group", "id", "subject", "field", "side", "text", "path", "mark", "severity"})
	r.csvHead(write)
	for _, g := range r.groups() {
		for _, f := range g.Findings {
			r.csvFinding(write, g, f)
		}
	}
	for _, change := range r.Changes {
		csvChange(write, change)
	}
	for i := range r.Tables {
		csvTable(write, &r.Tables[i])
	}
	for _, n := range r.Notes {
		write(csvLine{section: "notes", subject: n.Title, text: n.Text})
	}
	c.Flush()
	return c.Error()
}

type csvLine struct {
	section, group, id, subject, field, side, text, path string
	mark                                                 Mark
	severity                                             Severity
}

// items writes a line for each item.
func (l csvLine) items(write func(csvLine), field, side string, items []Item) {
	l.field, l.side = field, side
	for _, i := range items {
		l.text, l.path, l.mark = i.Text, i.Code, i.Mark
		write(l)
	}
}

// texts writes a line for each text that is not empty.
func (l csvLine) texts(write func(csvLine), facts ...fact) {
	for _, f := range present(facts) {
		l.field, l.text = f.Label, f.Value
		write(l)
	}
}

func (r *Report) csvHead(write func(csvLine)) {
	csvLine{section: "provenance", subject: r.Title}.texts(write, fact{"kind", string(r.Kind)}, fact{"lead", r.Lead})
	for i := range r.Provenance.Sources {
		s := &r.Provenance.Sources[i]
		csvLine{section: "provenance", subject: s.Label}.texts(write, s.facts()...)
	}
	csvLine{section: "provenance"}.texts(write, r.Provenance.facts()...)
	for _, f := range r.Figures {
		number := "unknown"
		if !f.Unknown {
			number = strconv.Itoa(f.Number)
		}
		write(csvLine{section: "summary", subject: f.Label, field: "number", text: number, severity: f.Severity})
		csvLine{section: "summary", subject: f.Label, severity: f.Severity}.texts(write, fact{"note", f.Note})
	}
	for _, g := range r.Gaps {
		write(csvLine{section: "gaps", subject: g.What, field: "not read", text: g.Reason})
		csvLine{section: "gaps", subject: g.What}.texts(write, fact{"effect", g.Effect}, fact{"what to do", g.Do})
	}
}

func (r *Report) csvFinding(write func(csvLine), g *group, f *Finding) {
	line := csvLine{section: "findings", group: f.Code, id: f.Key(), subject: f.Title, severity: f.Severity}
	detail := line
	detail.field, detail.text = "finding", f.Detail
	write(detail)
	line.texts(write, fact{"why it matters", g.Guide.Why}, fact{"what to do", join(f.Do, g.Guide.Do)})
	for _, l := range f.lists() {
		line.items(write, strings.ToLower(l.Label), "", l.Items)
	}
	line.texts(write, fact{"accepted", r.verdict(f)})
}

func csvChange(write func(csvLine), c Change) {
	line := csvLine{section: "changes", group: c.Group, id: c.Anchor, subject: c.Title}
	head := line
	head.field, head.text, head.mark = "change", c.Detail, c.Mark
	write(head)
	for _, f := range c.Fields {
		line.items(write, f.Label, "before", f.Before)
		line.items(write, f.Label, "after", f.After)
	}
	line.items(write, "roles", "", c.Roles)
	line.items(write, "holders", "", c.Holders)
}

func csvTable(write func(csvLine), t *Table) {
	for _, row := range t.Rows {
		line := csvLine{section: t.ID, group: row.Group, id: row.Anchor}
		for i, c := range row.cells(t) {
			if i == 0 {
				line.subject = c.Text
				if c.Text == "" && len(c.Items) > 0 {
					line.subject = cmp.Or(c.Items[0].Text, c.Items[0].Code)
				}
			}
			text := line
			text.field, text.text = t.Columns[i].Title, c.Text
			if i == 0 {
				text.mark = row.Mark
			}
			if c.Text != "" || i == 0 && row.Mark != "" {
				write(text)
			}
			line.items(write, t.Columns[i].Title, "", c.Items)
		}
	}
}

// cell makes a text fit for a spreadsheet: nothing in it starts a formula, not
// even if the spreadsheet splits cells at other separators than the file does.
// unquote takes back what it adds.
func cell(s string) string {
	s = shown(s)
	if !strings.ContainsAny(s, formula) {
		return s
	}
	var b strings.Builder
	start := true
	for i, c := range s {
		if start && startsFormula(s[i:]) {
			b.WriteByte('\'')
		}
		start = strings.ContainsRune(separators, c) || start && c == ' '
		b.WriteRune(c)
	}
	return b.String()
}

const (
	formula    = "=+-@\uFF1D\uFF0B\uFF0D\uFF20" // and their wide forms, which some spreadsheets take for the same
	separators = ",;|\""
)

// startsFormula reports whether s would start a formula, after the apostrophes
// that would keep it from doing so.
func startsFormula(s string) bool {
	s = strings.TrimLeft(s, "'")
	return s != "" && strings.IndexAny(s, formula) == 0
}

// unquote takes the apostrophes away that cell put in.
func unquote(s string) string {
	var b strings.Builder
	start := true
	for i, c := range s {
		if start && c == '\'' && startsFormula(s[i:]) {
			start = false
			continue
		}
		start = strings.ContainsRune(separators, c) || start && c == ' '
		b.WriteRune(c)
	}
	return b.String()
}
