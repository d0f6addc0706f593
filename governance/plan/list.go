package plan

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
)

// row is a line of a list: what each column holds. A column of a JSON list can hold
// several texts, a cell of a CSV list those between its semicolons.
type row struct {
	at    *yaml.Node // where it is
	cells map[string]cell
}

type cell struct {
	texts []string
	whole string // the text of the cell, if a pattern puts it among other text
	at    *yaml.Node
}

// rolesFrom makes a role of each line of a list. Lines with the same name are one role.
func (l *loader) rolesFrom(n *yaml.Node) []Role {
	f := l.fields(n, "an entry of rolesFrom", fromFields)
	name := l.required(n, f, "file", "an entry of rolesFrom")
	if f["name"] == nil && f != nil {
		l.add(n, "an entry of rolesFrom must have a name, such as name: ${group}")
	}
	if name == "" || f["name"] == nil {
		return nil
	}
	data, err := l.read(name)
	if err != nil {
		l.add(f["file"], "the list cannot be read; it must be in the folder of this file or below it: %s", show.Text(err.Error(), maxShown))
		return nil
	}
	l.sum(data)
	pattern := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Column: n.Column}
	for _, field := range fromFields[1:] {
		if f[field] != nil {
			pattern.Content = append(pattern.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: field}, f[field])
		}
	}
	list := &loader{file: filepath.Join(filepath.Dir(l.file), name), values: l.values, problems: l.problems}
	columns, rows := list.rows(data)
	l.values, l.problems = list.values, list.problems
	if len(columns) == 0 {
		return nil
	}
	list.pattern = map[*yaml.Node]Position{}
	if !l.columns(pattern, columns, len(rows), list.pattern) {
		return nil
	}
	list.problems = l.problems
	var roles []Role
	byName := map[string]int{}
	for _, r := range rows {
		if l.values = list.values; l.full() {
			break
		}
		expanded := r.expand(pattern)
		if expanded == nil || len(expanded.Content) == 0 || expanded.Content[0].Value != "name" {
			list.add(r.at, "this line gives the role no name: a column that the name is made of is empty")
			continue
		}
		role := list.role(expanded, Add)
		fold := names.Fold(role.Name)
		if i, found := byName[fold]; found {
			list.merge(&roles[i], role, r.at)
			continue
		}
		byName[fold] = len(roles)
		roles = append(roles, role)
	}
	l.values, l.problems = list.values, list.problems
	return roles
}

// merge adds what a further line says of a role.
func (l *loader) merge(r *Role, other Role, at *yaml.Node) {
	same := func(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
	if !same(r.Description, other.Description) || !same(r.EmailAddress, other.EmailAddress) || !same(r.PermissionSet, other.PermissionSet) {
		l.add(at, "this line gives the role %s another description, e-mail address or permission set than line %d does", quote(r.Name), r.At.Line)
	}
	r.Permissions = append(r.Permissions, other.Permissions...)
	r.Holders = append(r.Holders, other.Holders...)
}

// rows reads a list, CSV with names of columns in its first line or JSON. Lines that are
// wrong are left out. There are no columns if nothing can be made of the list.
func (l *loader) rows(data []byte) (columns []string, rows []row) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // spreadsheets write it
	if strings.EqualFold(filepath.Ext(l.file), ".json") {
		return l.jsonRows(data)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			at := Position{File: l.file}
			if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
				at.Line, at.Column, err = wrong.Line, wrong.Column, wrong.Err
			}
			l.problems.add(at, "this is not a CSV list: %s", show.Text(err.Error(), maxShown))
			if errors.Is(err, csv.ErrFieldCount) {
				continue
			}
			return columns, rows
		}
		node := func(i int, text string) *yaml.Node {
			line, column := r.FieldPos(i)
			return l.visit(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: line, Column: column})
		}
		if columns == nil {
			before := len(l.problems)
			if len(record) == 1 && strings.ContainsAny(record[0], ";\t|") {
				l.add(node(0, ""), "the columns of a CSV list are separated by commas; this has one column, %s", quote(record[0]))
			}
			for i, name := range record {
				name = strings.TrimSpace(name)
				if name == "" || slices.Contains(columns, name) {
					l.add(node(i, name), "the column has no name, or that of another column: %s", quote(name))
				}
				columns = append(columns, name)
			}
			if len(l.problems) > before {
				return nil, nil
			}
			continue
		}
		out := row{at: node(0, ""), cells: make(map[string]cell, len(columns))}
		for i, text := range record {
			c := cell{whole: strings.TrimSpace(text), at: node(i, text)}
			for part := range strings.SplitSeq(text, ";") {
				if part = strings.TrimSpace(part); part != "" {
					c.texts = append(c.texts, part)
				}
			}
			out.cells[columns[i]] = c
		}
		if l.full() {
			return nil, nil // visit noted it
		}
		if rows = append(rows, out); len(rows) > maxRoles {
			l.add(out.at, "the list has more than %d lines; split it", maxRoles)
			return nil, nil
		}
	}
	if columns == nil {
		l.problems.add(Position{File: l.file}, "the list is empty; its first line names the columns")
	}
	return columns, rows
}

func (l *loader) jsonRows(data []byte) (columns []string, rows []row) {
	root := l.parseJSON(data)
	if root == nil {
		return nil, nil
	}
	known := map[string]bool{}
	for _, item := range l.list(root, "the list") {
		item = l.visit(item)
		if item.Kind != yaml.MappingNode {
			l.add(item, "each entry of the list must be an object")
			continue
		}
		before, out := len(l.problems), row{at: item, cells: map[string]cell{}}
		for i := 0; i+1 < len(item.Content) && !l.full(); i += 2 {
			name, value := item.Content[i], l.visit(item.Content[i+1])
			if _, twice := out.cells[name.Value]; twice {
				l.add(name, "%s is there twice", quote(name.Value))
			}
			known[name.Value] = true
			c := cell{at: value}
			texts := []*yaml.Node{value}
			if value.Kind == yaml.SequenceNode {
				texts = value.Content
			}
			for _, t := range texts {
				switch {
				case t.Kind != yaml.ScalarNode:
					l.add(t, "%s must be a text or a list of texts", quote(name.Value))
				case t.Tag != "!!null" && strings.TrimSpace(t.Value) != "":
					c.texts = append(c.texts, strings.TrimSpace(t.Value))
				}
			}
			if len(c.texts) == 1 {
				c.whole = c.texts[0]
			}
			out.cells[name.Value] = c
		}
		if len(l.problems) > before {
			continue
		}
		if rows = append(rows, out); len(rows) > maxRoles {
			l.add(item, "the list has more than %d entries; split it", maxRoles)
			return nil, nil
		}
	}
	return slices.Sorted(maps.Keys(known)), rows
}

// columns notes the columns that a pattern names and the list lacks, and a pattern that
// is too large for that many lines.
func (l *loader) columns(pattern *yaml.Node, known []string, lines int, at map[*yaml.Node]Position) bool {
	before, values := len(l.problems), l.values
	var walk func(n *yaml.Node, depth int)
	walk = func(n *yaml.Node, depth int) {
		n = l.visit(n)
		if at[n] = l.at(n); depth == maxDepth {
			l.add(n, "this is nested too deeply")
			return
		}
		for _, child := range n.Content {
			if len(l.problems) > before+maxProblems || l.full() {
				return
			}
			walk(child, depth+1)
		}
		if n.Kind != yaml.ScalarNode {
			return
		}
		for _, p := range pieces(n.Value) {
			if p.column && !slices.Contains(known, p.text) {
				l.add(n, "the list has no column %s%s", quote(p.text), didYouMean(p.text, known))
			}
		}
	}
	walk(pattern, 0)
	if size := values - l.values; len(l.problems) == before && size > l.values/max(lines, 1) {
		l.add(pattern, "a pattern of %d values for %d lines is too much", size, lines)
	}
	return len(l.problems) == before
}

// piece is a part of a pattern: text, or the name of a column.
type piece struct {
	text   string
	column bool
}

// pieces takes a pattern apart: ${group} is a column, $$ a dollar sign.
func pieces(pattern string) []piece {
	var out []piece
	for {
		at := strings.IndexByte(pattern, '$')
		if at < 0 || at+1 == len(pattern) {
			break
		}
		before, rest := pattern[:at], pattern[at+1:]
		end := strings.IndexByte(rest, '}')
		switch {
		case rest[0] == '$':
			out = append(out, piece{text: before + "$"})
			pattern = rest[1:]
		case rest[0] == '{' && end > 0:
			out = append(out, piece{text: before}, piece{text: strings.TrimSpace(rest[1:end]), column: true})
			pattern = rest[end+1:]
		default:
			out = append(out, piece{text: before + "$"})
			pattern = rest
		}
	}
	return append(out, piece{text: pattern})
}

// expand fills a pattern in. What names an empty column is left out: it returns nil.
func (r row) expand(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Line: r.at.Line, Column: r.at.Column}
		for i := 0; i+1 < len(n.Content); i += 2 {
			value := r.expand(n.Content[i+1])
			if name := n.Content[i].Value; value == nil && (name == "value" || name == "identity") { // a holder
				return nil
			}
			if value != nil {
				out.Content = append(out.Content, n.Content[i], value)
			}
		}
		return out
	case yaml.SequenceNode:
		out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Line: r.at.Line, Column: r.at.Column}
		for _, item := range n.Content {
			if c, alone := r.alone(item); alone {
				for _, text := range c.texts {
					out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: c.at.Line, Column: c.at.Column})
				}
			} else if filled := r.expand(item); filled != nil {
				out.Content = append(out.Content, filled)
			}
		}
		return out
	default:
		return r.fill(n)
	}
}

// alone returns the cell of a pattern that is one column and nothing else.
func (r row) alone(n *yaml.Node) (cell, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	p := pieces(n.Value)
	if n.Kind != yaml.ScalarNode || len(p) != 3 || p[0].text != "" || !p[1].column || p[2].text != "" {
		return cell{}, false
	}
	c, found := r.cells[p[1].text]
	if !found {
		c.at = r.at
	}
	return c, true
}

// fill fills the pattern of one text in. One that names no column stays where it is
// written.
func (r row) fill(n *yaml.Node) *yaml.Node {
	parts := pieces(n.Value)
	if len(parts) == 1 {
		return n
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Line: r.at.Line, Column: r.at.Column}
	var b strings.Builder
	for _, p := range parts {
		if !p.column {
			b.WriteString(p.text)
			continue
		}
		c := r.cells[p.text]
		if c.whole == "" {
			return nil
		}
		if out.Tag == "!!null" {
			out.Tag = "!!str"
		}
		out.Line, out.Column = c.at.Line, c.at.Column
		b.WriteString(c.whole)
	}
	out.Value = b.String()
	return out
}
