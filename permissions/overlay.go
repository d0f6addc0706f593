package permissions

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrOverlay matches every error about a malformed overlay.
var ErrOverlay = errors.New("not an overlay")

// Overlay is what a server proved about the mapping, to convert with: see [ConvertOptions.Overlay]. Its text has one row a
// line, and can be kept, read and compared. It is immutable.
type Overlay struct {
	rows   []OverlayRow // sorted by name
	byName map[Legacy]*OverlayRow
}

// OverlaySource says where a proof comes from.
type OverlaySource struct {
	Version string    // the server's version, "25.1"; empty if it is not known
	Date    time.Time // the day on which the roles were read; zero if it is not known
}

// OverlayRow is what a server proved about one name. A name for one object and its paths have the placeholder "{id}".
type OverlayRow struct {
	Name Legacy `json:"name"`
	// Paths are what a confirmed name stands for. For other verdicts they are what the mapping has.
	Paths   []Path  `json:"paths"`
	Verdict Verdict `json:"verdict"`
	// Exact says that roles which were created with known names prove Paths. Otherwise the name stands for Paths if it stands
	// for anything.
	Exact   bool      `json:"exact,omitempty"`
	Version string    `json:"version,omitempty"`
	Date    time.Time `json:"date,omitzero"`
	Roles   int       `json:"roles,omitempty"`
}

// Overlay returns what is proven, to convert with. Names about which nothing can be said are left out.
func (p *Proof) Overlay(source OverlaySource) *Overlay {
	var rows []OverlayRow
	for _, r := range p.rows {
		if r.Verdict != VerdictOpen {
			rows = append(rows, OverlayRow{r.Name, slices.Clone(r.Paths), r.Verdict, r.Exact, source.Version, source.Date, r.Roles})
		}
	}
	return newOverlay(rows)
}

func newOverlay(rows []OverlayRow) *Overlay {
	o := &Overlay{rows, make(map[Legacy]*OverlayRow, len(rows))}
	slices.SortFunc(rows, func(a, b OverlayRow) int { return cmp.Compare(a.Name, b.Name) })
	for i := range rows {
		o.byName[rows[i].Name] = &rows[i]
	}
	return o
}

// Rows returns the rows, sorted by name.
func (o *Overlay) Rows() []OverlayRow {
	rows := append([]OverlayRow{}, o.rows...)
	for i := range rows {
		rows[i].Paths = slices.Clone(rows[i].Paths)
	}
	return rows
}

// Redact returns the names, paths and verdicts alone, to be sent to others: neither version, date nor number of roles. A row
// with an id in a path is left out: it is about one object of this server, which means nothing elsewhere. A name or path that
// only this server has stays: a person has to look whether it tells whose server it is.
func (o *Overlay) Redact() *Overlay {
	rows := slices.DeleteFunc(o.Rows(), func(r OverlayRow) bool { return slices.ContainsFunc(r.Paths, hasID) })
	for i := range rows {
		rows[i].Version, rows[i].Date, rows[i].Roles = "", time.Time{}, 0
	}
	return newOverlay(rows)
}

// hasID reports whether a segment of p is an id.
func hasID(p Path) bool {
	for segment := range strings.SplitSeq(string(p), "/") {
		if idKindOf(segment) != idNone {
			return true
		}
	}
	return false
}

const overlayHead = `# What a server's own notations of its roles prove about the mapping from version 1 to version 2.
#
# One line is one name. Columns are separated by "|", paths by spaces; "-" is empty.
#
#   name     {id} stands for the id of an object
#   paths    what a confirmed name stands for; otherwise what the mapping has
#   verdict  confirmed exactly, confirmed (if the name stands for anything), refuted, consistent
#   version  of the server
#   date     on which the roles were read
#   roles    how many have the name
#
# name | paths | verdict | version | date | roles
`

const exactly = " exactly"

// MarshalText returns the overlay as text, one row a line. It is an error if a version is malformed.
func (o *Overlay) MarshalText() ([]byte, error) {
	var b strings.Builder
	b.WriteString(overlayHead)
	for _, r := range o.rows {
		if _, err := parseVersion(r.Version); r.Version != "" && err != nil {
			return nil, err
		}
		paths, verdict, date, roles := strings.ReplaceAll(join(r.Paths), ", ", " "), string(r.Verdict), "", ""
		if r.Exact {
			verdict += exactly
		}
		if !r.Date.IsZero() {
			date = r.Date.Format(time.DateOnly)
		}
		if r.Roles > 0 {
			roles = strconv.Itoa(r.Roles)
		}
		columns := []string{string(r.Name), paths, verdict, r.Version, date, roles}
		for i, c := range columns {
			columns[i] = cmp.Or(c, "-")
		}
		b.WriteString(strings.Join(columns, " | ") + "\n")
	}
	return []byte(b.String()), nil
}

// ParseOverlay reads what [Overlay.MarshalText] writes. The error names everything that is wrong, by line, and matches
// [ErrOverlay].
func ParseOverlay(text []byte) (*Overlay, error) {
	var rows []OverlayRow
	seen := map[Legacy]bool{}
	err := parseTable(text, 6, 6, func(col []string) error {
		row, err := parseOverlayRow(col)
		if err == nil && seen[row.Name] {
			err = fmt.Errorf("there is a row about %s already", row.Name)
		}
		seen[row.Name] = true
		rows = append(rows, row)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("permissions: %w: %w", ErrOverlay, err)
	}
	return newOverlay(rows), nil
}

func parseOverlayRow(col []string) (row OverlayRow, err error) {
	for i := range col {
		if col[i] == "-" {
			col[i] = ""
		}
	}
	if row.Name, err = parseTemplateName(col[0]); err != nil {
		return row, err
	}
	if row.Paths, err = parseTemplates(row.Name, col[1]); err != nil {
		return row, err
	}
	verdict, exact := strings.CutSuffix(col[2], exactly)
	row.Verdict, row.Exact, row.Version = Verdict(verdict), exact, col[3]
	switch row.Verdict {
	case VerdictConfirmed:
		if len(row.Paths) == 0 {
			return row, errors.New("a confirmed name needs paths")
		}
	case VerdictRefuted, VerdictConsistent, VerdictOpen:
		if exact {
			return row, errors.New("only what is confirmed can be so exactly")
		}
	default:
		return row, fmt.Errorf("unknown verdict %s; write confirmed exactly, confirmed, refuted or consistent", quote(col[2]))
	}
	if row.Version != "" {
		if _, err := parseVersion(row.Version); err != nil {
			return row, fmt.Errorf("%s is not a version; write it like 25.1", quote(row.Version))
		}
	}
	if col[4] != "" {
		if row.Date, err = time.Parse(time.DateOnly, col[4]); err != nil {
			return row, fmt.Errorf("%s is not a date; write it like 2026-01-31", quote(col[4]))
		}
	}
	if col[5] != "" {
		n, err := strconv.ParseUint(col[5], 10, 31)
		if err != nil {
			return row, fmt.Errorf("%s is not a number of roles", quote(col[5]))
		}
		row.Roles = int(n)
	}
	return row, nil
}

// parseTable passes each line of a table to reader, as columns, of which at least the first few have to be there. The error
// names the line of each that reader gives.
func parseTable(text []byte, least, most int, reader func(col []string) error) error {
	var errs []error
	line := 0
	for s := range strings.SplitSeq(strings.TrimPrefix(string(text), "\ufeff"), "\n") { // some editors start a file with it
		line++
		if s = strings.TrimSpace(s); s == "" || s[0] == '#' {
			continue
		}
		col := strings.Split(s, "|")
		for i := range col {
			col[i] = strings.TrimSpace(col[i])
		}
		err := fmt.Errorf("it has %s, not %d", count(len(col), "column"), least)
		if least <= len(col) && len(col) <= most {
			err = reader(append(col, make([]string, most-len(col))...))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", line, err))
		}
	}
	return errors.Join(errs...)
}

// parseTemplateName reads a name that can have the placeholder for an id.
func parseTemplateName(s string) (Legacy, error) {
	head, tail, object := strings.Cut(s, placeholder)
	input := Legacy(s)
	if object {
		input = Legacy(head + "[1]" + tail)
	}
	area, id, word, problem := input.parts()
	switch {
	case problem != "":
		return "", fmt.Errorf("%s %s", quote(s), problem)
	case id != "" && !object:
		return "", fmt.Errorf("%s has an id; write %s in its place", quote(s), placeholder)
	}
	if e := data().find(area, object, word); e != nil {
		return e.Name, nil
	}
	if object {
		return Legacy(area + placeholder + ":" + word), nil
	}
	return Legacy(area + ":" + word), nil
}

// parseTemplates reads paths that can have the placeholder for an id if the name has it.
func parseTemplates(name Legacy, s string) ([]Path, error) {
	paths := []Path{}
	for field := range strings.FieldsSeq(s) {
		sample := field
		if strings.Contains(string(name), placeholder) {
			sample = strings.ReplaceAll(field, idSegment, "1")
		}
		if _, problem := canonicalPath(sample); problem != "" {
			return nil, fmt.Errorf("%s %s", quote(field), problem)
		}
		paths = append(paths, lenient(Path(field)))
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// find returns the row about a name, nil if there is none. A nil overlay has no rows.
func (o *Overlay) find(n *parsedLegacy) *OverlayRow {
	switch {
	case o == nil:
		return nil
	case n.key.id != "":
		return o.byName[n.withPlaceholder()]
	}
	return o.byName[n.name]
}

// decides reports whether the row says what the name stands for. If the mapping has no path for the name, only exact roles
// prove that it stands for anything.
func (r *OverlayRow) decides(info *legacyEntry) bool {
	return r != nil && r.Verdict == VerdictConfirmed && (r.Exact || info != nil && len(info.bases) > 0)
}

// disproves reports whether the name, for the object with this id, does not stand for a path of the mapping.
func (r *OverlayRow) disproves(p Path, id string) bool {
	return r != nil && (r.Verdict == VerdictRefuted || r.Verdict == VerdictConfirmed && !slices.Contains(r.on(id), p))
}

// on returns the paths for the object with this id.
func (r *OverlayRow) on(id string) []Path {
	paths := slices.Clone(r.Paths)
	for i := range paths {
		paths[i] = Path(strings.ReplaceAll(string(paths[i]), idSegment, id))
	}
	return paths
}

// source says where the row comes from: "on the server, version 25.1, on 2026-01-31, by 57 roles".
func (r *OverlayRow) source() string {
	s := "on the server"
	if r.Version != "" {
		s += ", version " + r.Version
	}
	if !r.Date.IsZero() {
		s += ", on " + r.Date.Format(time.DateOnly)
	}
	if r.Roles > 0 {
		s += ", by " + count(r.Roles, "role")
	}
	return s
}

// prove applies a row that decides what the name stands for.
func (c *converter) prove(item *Item, n *parsedLegacy, row *OverlayRow) {
	item.Outcome = OutcomeConverted
	weakest, against := c.replace(item, row.on(n.key.id))
	item.Confidence = ConfidenceProven
	if !row.Exact && weakest <= ConfidenceGuess {
		// The name may stand for nothing: the server does not prove more than that no other path is possible.
		item.Confidence = ConfidenceInferred
	}
	c.judge(item, against)
}

// riskOf says why granting a path is sensitive, empty if it is not.
func riskOf(p Path) string {
	info := data().path(p)
	if info == nil {
		return "what it grants is not known here"
	}
	if info.Sensitive != "" || info.Kind == KindLeaf {
		return info.Sensitive
	}
	for _, below := range data().pathList {
		if below.Sensitive != "" && p.Covers(below.Path) {
			return "it includes " + string(below.Path)
		}
	}
	return ""
}
