package report

import (
	"bufio"
	"cmp"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/commandsec/commandsec-go/internal/show"
)

// WriteText writes the report as plain text, at most 100 columns wide.
func (r *Report) WriteText(w io.Writer) error {
	return r.WriteTerminal(w, 100, false)
}

// WriteTerminal writes the report as text of at most width columns (40 at least),
// with or without colors.
func (r *Report) WriteTerminal(w io.Writer, width int, color bool) error {
	p := &printer{w: bufio.NewWriter(w), width: max(width, 40), color: color}
	p.line(0, p.paint(bold, clean(r.Title)), 0)
	p.line(0, strings.Repeat("=", min(columns(clean(r.Title)), p.width)), 0)
	if r.Lead != "" {
		p.line(0, clean(r.Lead), 0)
	}
	p.provenance(&r.Provenance)
	p.figures(r)
	p.gaps(r.Gaps)
	p.findings(r)
	p.changes(r.Changes)
	for i := range r.Tables {
		p.table(&r.Tables[i])
	}
	if len(r.Notes) > 0 {
		p.heading("Notes")
		for _, n := range r.Notes {
			p.line(2, strings.TrimSpace(clean(n.Title)+" "+clean(n.Text)), 2)
		}
	}
	p.signOff(r)
	return p.w.Flush() // which returns the first error of all writes
}

// A printer lays text out for a terminal.
type printer struct {
	w     *bufio.Writer
	width int
	color bool
}

// Styles of a terminal.
const (
	bold   = "1"
	red    = "1;31"
	yellow = "33"
	green  = "32"
	faint  = "2"
)

// raw writes s as it is. Flush returns the error, if there is one.
func (p *printer) raw(s string) { _, _ = p.w.WriteString(s) }

func (p *printer) paint(style, s string) string {
	if !p.color || style == "" || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (s Severity) style() string {
	switch s {
	case Critical, High:
		return red
	case Medium:
		return yellow
	default:
		return ""
	}
}

func (m Mark) style() string {
	switch m {
	case Added, OK:
		return green
	case Removed, Lost, Widened:
		return red
	case Changed, Warning:
		return yellow
	default:
		return ""
	}
}

// clean is a text of the report for one line of a terminal.
func clean(s string) string { return show.Text(s, terminalLimit) }

// line writes s from column indent on, and what does not fit below it, hang
// columns further in.
func (p *printer) line(indent int, s string, hang int) {
	for i, part := range wrap(s, p.width-indent-hang) {
		n := indent
		if i > 0 {
			n += hang
		}
		p.raw(strings.Repeat(" ", n) + part + "\n")
	}
}

func (p *printer) heading(s string) {
	p.raw("\n")
	p.line(0, p.paint(bold, clean(s)), 0)
	p.line(0, strings.Repeat("-", min(columns(clean(s)), p.width)), 0)
}

func (p *printer) provenance(from *Provenance) {
	for i := range from.Sources {
		s := &from.Sources[i]
		p.raw("\n")
		if s.Label != "" {
			p.line(0, capital(clean(s.Label))+":", 0)
		}
		p.facts(s.facts())
	}
	if facts := from.facts(); len(facts) > 0 {
		p.raw("\n")
		p.facts(facts)
	}
}

func (p *printer) facts(facts []fact) {
	widest := 0
	for _, f := range facts {
		widest = max(widest, columns(clean(f.Label)))
	}
	widest = min(widest, p.width/3)
	for _, f := range facts {
		label := wrap(clean(f.Label), widest)
		for i, part := range wrap(clean(f.Value), p.width-widest-2) {
			front := ""
			if i < len(label) {
				front = label[i]
			}
			p.raw(pad(front, widest) + "  " + part + "\n")
		}
	}
}

func (p *printer) gaps(gaps []Gap) {
	if len(gaps) == 0 {
		return
	}
	p.heading("Not read: this is missing in all that follows")
	for _, g := range gaps {
		p.line(0, p.paint(yellow, "!")+" "+clean(g.What), 2)
		for _, f := range present([]fact{{"Reason", g.Reason}, {"Effect", g.Effect}, {"What to do", g.Do}}) {
			p.line(2, f.Label+": "+clean(f.Value), 2)
		}
	}
}

func (p *printer) figures(r *Report) {
	if len(r.Figures)+len(r.Findings) == 0 {
		return
	}
	p.heading("Summary")
	if n := len(r.Gaps); n > 0 {
		p.line(2, p.paint(yellow, "Not complete: what could not be read stands below ("+thousands(n)+")."), 2)
	}
	widest := 0
	for _, f := range r.Figures {
		widest = max(widest, len(f.number()))
	}
	for _, f := range r.Figures {
		text := clean(f.Label)
		if f.Note != "" {
			text += " (" + clean(f.Note) + ")"
		}
		number := strings.Repeat(" ", widest-len(f.number())) + p.paint(cmp.Or(f.Severity.style(), bold), f.number())
		p.line(2, number+"  "+text, widest+2)
	}
	if len(r.Findings) > 0 {
		p.line(2, "Findings: "+r.tally().String(), 2)
	}
}

// number is the figure's number, for people.
func (f *Figure) number() string {
	if f.Unknown {
		return "?"
	}
	return thousands(f.Number)
}

// thousands writes 12345 as 12,345.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(digits) - 3; i > start; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// String says "2 critical, 1 high; 3 accepted, 1 acceptance expired".
func (t tally) String() string {
	var open []string
	for _, c := range t.Open {
		open = append(open, thousands(c.Number)+" "+string(c.Severity))
	}
	s := strings.Join(open, ", ")
	if s == "" {
		s = "none open"
	}
	if t.Accepted > 0 {
		s += "; " + thousands(t.Accepted) + " accepted"
	}
	if t.Expired > 0 {
		s += "; " + thousands(t.Expired) + " of the open ones with an acceptance that expired"
	}
	return s
}

func (p *printer) findings(r *Report) {
	groups := r.groups()
	if len(groups) == 0 {
		return
	}
	p.heading("Findings")
	for i, g := range groups {
		if i > 0 {
			p.raw("\n")
		}
		p.line(0, p.paint(g.Severity.style(), "["+strings.ToUpper(clean(string(g.Severity)))+"]")+" "+clean(g.Guide.Title)+
			" ("+clean(g.Guide.Code)+", "+thousands(len(g.Findings))+")", 4)
		for _, f := range present([]fact{{"Why it matters", g.Guide.Why}, {"What to do", g.Guide.Do}}) {
			p.line(2, f.Label+": "+clean(f.Value), 2)
		}
		for _, f := range g.Findings {
			p.finding(r, g, f)
		}
	}
}

func (p *printer) finding(r *Report, g *group, f *Finding) {
	title := clean(f.Title)
	if f.Severity != g.Severity {
		title += " [" + clean(string(f.Severity)) + "]"
	}
	p.line(2, "- "+title, 2)
	for _, text := range []string{f.Detail, r.verdict(f)} {
		if text != "" {
			p.line(4, clean(text), 0)
		}
	}
	if f.Do != "" {
		p.line(4, "What to do: "+clean(f.Do), 2)
	}
	for _, list := range f.lists() {
		p.list(4, list.Label, list.Items)
	}
}

// An itemList is a list with its name.
type itemList struct {
	Label string
	Items []Item
}

// lists are the lists of a finding that are not empty.
func (f *Finding) lists() []itemList {
	var lists []itemList
	for _, l := range []itemList{{"Roles", f.Roles}, {"Holders", f.Holders}, {"Evidence", f.Evidence}} {
		if len(l.Items) > 0 {
			lists = append(lists, l)
		}
	}
	return lists
}

// list writes a short list into one line, and another one item a line.
func (p *printer) list(indent int, label string, items []Item) {
	var texts []string
	total := 0
	for _, i := range items {
		text := p.item(i)
		texts = append(texts, text)
		total += columns(text) + 2
	}
	if len(items) == 1 || indent+columns(label)+2+total <= p.width {
		p.line(indent, label+": "+strings.Join(texts, "; "), 2)
		return
	}
	p.line(indent, label+":", 0)
	for _, text := range texts {
		p.line(indent+2, text, 2)
	}
}

func (p *printer) item(i Item) string {
	text := clean(i.Text)
	switch {
	case text == "":
		text = clean(i.Code)
	case i.Code != "":
		text += " (" + clean(i.Code) + ")"
	}
	if i.Mark == "" {
		return text
	}
	return strings.TrimSuffix(p.paint(i.Mark.style(), i.Mark.sign())+" "+text, " ")
}

// sign is the mark in front of a line.
func (m Mark) sign() string {
	switch m {
	case Added:
		return "+"
	case Removed:
		return "-"
	case Changed:
		return "~"
	case Warning:
		return "!"
	default:
		return "[" + clean(string(m)) + "]"
	}
}

func (p *printer) changes(changes []Change) {
	if len(changes) == 0 {
		return
	}
	p.heading("Changes")
	last := ""
	for _, c := range changes {
		if c.Group != last {
			last = c.Group
			if c.Group != "" {
				p.line(0, p.paint(bold, clean(c.Group)), 0)
			}
		}
		p.line(2, p.item(Item{Text: c.Title, Mark: c.Mark}), 2)
		if c.Detail != "" {
			p.line(4, clean(c.Detail), 0)
		}
		for _, f := range c.Fields {
			p.line(4, clean(f.Label)+":", 0)
			p.list(6, "before", orNothing(f.Before))
			p.list(6, "after", orNothing(f.After))
		}
		for _, l := range []itemList{{"Roles", c.Roles}, {"Holders", c.Holders}} {
			if len(l.Items) > 0 {
				p.list(4, l.Label, l.Items)
			}
		}
	}
}

func orNothing(items []Item) []Item {
	if len(items) == 0 {
		return []Item{{Text: "(nothing)"}}
	}
	return items
}

func (p *printer) table(t *Table) {
	p.heading(t.Title + " (" + thousands(len(t.Rows)) + ")")
	if t.Note != "" {
		p.line(0, clean(t.Note), 0)
	}
	if len(t.Rows) == 0 || len(t.Columns) == 0 {
		p.line(0, "None.", 0)
		return
	}
	if t.Folded {
		p.line(0, "Not listed here: the page, the CSV and the JSON of this report list them.", 0)
		return
	}
	const indent, gap, least = 2, 2, 8
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = columns(clean(c.Title))
	}
	for _, row := range t.Rows {
		for i, cell := range row.cells(t) {
			for _, line := range p.cell(row, i, cell) {
				widths[i] = max(widths[i], min(columns(line), p.width))
			}
		}
	}
	room, all, narrow := p.width-indent-gap*(len(widths)-1), 0, 0
	for _, w := range widths {
		all += w
		narrow += min(w, least)
	}
	if narrow > room {
		p.blocks(t)
		return
	}
	for ; all > room; all-- { // the widest column gives way
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		widths[widest]--
	}
	write := func(cells [][]string) {
		height := 0
		for i := range cells {
			var lines []string
			for _, line := range cells[i] {
				lines = append(lines, wrap(line, widths[i])...)
			}
			cells[i] = lines
			height = max(height, len(lines))
		}
		for n := range height {
			var line strings.Builder
			line.WriteString(strings.Repeat(" ", indent))
			for i, lines := range cells {
				part := ""
				if n < len(lines) {
					part = lines[n]
				}
				if t.Columns[i].Kind == Number {
					line.WriteString(strings.Repeat(" ", max(widths[i]-columns(part), 0)) + part)
				} else {
					line.WriteString(pad(part, widths[i]))
				}
				line.WriteString(strings.Repeat(" ", gap))
			}
			p.raw(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
	head, rule := make([][]string, len(widths)), make([][]string, len(widths))
	for i, c := range t.Columns {
		head[i], rule[i] = []string{clean(c.Title)}, []string{strings.Repeat("-", widths[i])}
	}
	write(head)
	write(rule)
	last := ""
	for _, row := range t.Rows {
		if row.Group != last {
			last = row.Group
			p.line(0, p.paint(bold, clean(row.Group)), 0)
		}
		cells := make([][]string, len(widths))
		for i, cell := range row.cells(t) {
			cells[i] = p.cell(row, i, cell)
		}
		write(cells)
	}
}

// blocks writes a table that is too wide for columns: one block for each row.
func (p *printer) blocks(t *Table) {
	last := ""
	for _, row := range t.Rows {
		if row.Group != last {
			last = row.Group
			p.line(0, p.paint(bold, clean(row.Group)), 0)
		}
		var short []string // a matrix is dense
		for i, cell := range row.cells(t) {
			lines := p.cell(row, i, cell)
			text := clean(t.Columns[i].Title) + ": " + strings.Join(lines, "; ")
			switch {
			case len(lines) == 0:
			case i == 0:
				p.line(2, strings.Join(lines, "; "), 2)
			case t.Matrix:
				short = append(short, text)
			default:
				p.line(4, text, 2)
			}
		}
		if short != nil {
			p.line(4, strings.Join(short, ", "), 0)
		}
	}
}

// cells are the cells of a row, as many as the table has columns at most.
func (row *Row) cells(t *Table) []Cell {
	return row.Cells[:min(len(row.Cells), len(t.Columns))]
}

// cell returns the lines of a cell.
func (p *printer) cell(row Row, column int, c Cell) []string {
	var lines []string
	if c.Text != "" {
		lines = append(lines, clean(c.Text))
	}
	for _, i := range c.Items {
		lines = append(lines, p.item(i))
	}
	if column == 0 && row.Mark != "" {
		sign := p.paint(row.Mark.style(), row.Mark.sign())
		if len(lines) == 0 {
			return []string{sign}
		}
		lines[0] = sign + " " + lines[0]
	}
	return lines
}

func (p *printer) signOff(r *Report) {
	s := r.SignOff
	if s == nil {
		return
	}
	p.heading("Signatures")
	p.line(0, clean(s.Statement), 0)
	for _, source := range r.Provenance.Sources {
		if source.Digest != "" {
			p.line(0, strings.TrimSpace(clean(source.Label)+" snapshot")+": "+clean(source.Digest), 2)
		}
	}
	for _, who := range s.signers() {
		p.raw("\n")
		p.line(0, clean(who), 0)
		for _, d := range s.Decisions {
			p.line(2, "[ ] "+clean(d), 4)
		}
		for _, what := range []string{"Name:      ", "Date:      ", "Signature: "} {
			p.line(2, what+strings.Repeat("_", 25), 0)
		}
	}
}

// signers are who signs.
func (s *SignOff) signers() []string {
	if len(s.Signers) == 0 {
		return []string{"Reviewer"}
	}
	return s.Signers
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-columns(s), 0))
}

// columns is how many columns of a terminal a text takes. Escape sequences of
// colors take none.
func columns(s string) int {
	n, escape := 0, false
	for _, c := range s {
		switch {
		case escape:
			escape = c != 'm'
		case c == '\x1b':
			escape = true
		default:
			n += columnsOf(c)
		}
	}
	return n
}

func columnsOf(c rune) int {
	switch {
	case c < 0x300:
		return 1
	case unicode.In(c, unicode.Mn, unicode.Me):
		return 0
	case unicode.In(c, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		c >= 0x3000 && c <= 0x303f, c >= 0xff01 && c <= 0xff60, c >= 0x1f300 && c <= 0x1faff:
		return 2
	}
	return 1
}

// wrap breaks a text into lines of at most width columns: at spaces, else after a
// slash, else anywhere.
func wrap(s string, width int) []string {
	width = max(width, 8)
	if columns(s) <= width {
		return []string{s}
	}
	var lines []string
	var line strings.Builder
	n := 0
	flush := func() {
		lines = append(lines, line.String())
		line.Reset()
		n = 0
	}
	for word := range strings.SplitSeq(s, " ") {
		size := columns(word)
		if n > 0 && n+1+size > width {
			flush()
		}
		for size > width {
			part := breakAt(word, width)
			lines = append(lines, part)
			word = word[len(part):]
			size = columns(word)
		}
		if n > 0 {
			line.WriteByte(' ')
			n++
		}
		line.WriteString(word)
		n += size
	}
	flush()
	return lines
}

// breakAt returns the start of a word that fits.
func breakAt(word string, width int) string {
	n, end, slash, escape := 0, len(word), 0, false
	for i, c := range word {
		switch {
		case escape:
			escape = c != 'm'
			continue
		case c == '\x1b':
			escape = true
			continue
		}
		n += columnsOf(c)
		if n > width {
			end = i
			break
		}
		if c == '/' {
			slash = i + 1
		}
	}
	if slash > width/2 {
		end = slash
	}
	return word[:end]
}
