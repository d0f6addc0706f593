package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/show"
)

var (
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
	//go:embed page.html
	pageHTML string
)

// Longer lists and tables start closed on a page.
const (
	openItems    = 8   // of a list: so many are shown, the others below "more"
	openRows     = 150 // of a table
	openFindings = 30  // of the report
)

// WriteHTML writes the report as one page, which needs no network and works
// without JavaScript. Its Content-Security-Policy allows its own style and script
// and nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	p := newPage(r)
	t, err := template.New("page").Funcs(p.funcs()).Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("writing a report as a page: %w", err)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	if err := t.Execute(b, p); err != nil {
		return fmt.Errorf("writing a report as a page: %w", err)
	}
	return b.Flush()
}

// A page is a report on its way into the template.
type page struct {
	*Report
	Groups []*group
	Tally  tally
	CSS    template.CSS
	JS     template.JS

	ids   map[string]string // of anchors
	taken map[string]bool   // ids that stand on the page already
}

func newPage(r *Report) *page {
	p := &page{
		Report: r, Groups: r.groups(), Tally: r.tally(),
		JS:  template.JS(pageJS), //nolint:gosec // it is ours
		ids: map[string]string{}, taken: map[string]bool{},
	}
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			p.anchor(row.Anchor)
		}
	}
	for _, c := range r.Changes {
		p.anchor(c.Anchor)
	}
	p.CSS = template.CSS(pageCSS + p.generatedCSS()) //nolint:gosec // cssString escapes what is not ours
	return p
}

func (p *page) anchor(name string) {
	if name != "" {
		p.ids[name] = "at-" + identifier(name)
	}
}

// identifier is a name that may stand in an id, as it is if it can be.
func identifier(name string) string {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' || len(name) > 80 {
			sum := sha256.Sum256([]byte(name))
			return hex.EncodeToString(sum[:8])
		}
	}
	return name
}

// Policy is the Content-Security-Policy of the page.
func (p *page) Policy() string {
	return "default-src 'none'; style-src '" + sourceHash(string(p.CSS)) + "'; script-src '" + sourceHash(string(p.JS)) +
		"'; base-uri 'none'; form-action 'none'"
}

func sourceHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// generatedCSS is the style that depends on the report. The titles of columns
// that stand in front of each cell on a small screen come from it rather than
// from an attribute of each cell: there may be ten thousands of them. So does
// what is printed at the foot of each page of paper.
func (p *page) generatedCSS() string {
	var b strings.Builder
	for i, t := range p.Tables {
		for n, c := range t.Columns {
			if n > 0 {
				fmt.Fprintf(&b, "\n#%s tbody>tr>:nth-child(%d){--label:%s}", p.TableID(i), n+1, cssString(c.Title))
			}
			if c.Kind == Number {
				fmt.Fprintf(&b, "\n#%s tr>:nth-child(%d){text-align:right;font-variant-numeric:tabular-nums}", p.TableID(i), n+1)
			}
		}
	}
	var left []string
	signed := p.SignOff != nil && p.SignOff.Digest != ""
	if signed {
		left = append(left, capital(p.Kind)+" "+shortDigest(p.SignOff.Digest))
	}
	for _, s := range p.Provenance.Sources {
		at := join(s.Server, moment(s.Taken))
		if !signed {
			at = join(at, shortDigest(s.Digest))
		}
		left = append(left, at)
	}
	fmt.Fprintf(&b, "\n@page{@bottom-left{content:%s}@bottom-right{content:\"Page \" counter(page) \" of \" counter(pages)}}\n",
		cssString(strings.Join(left, "  |  ")))
	return b.String()
}

// shortDigest is enough of a digest to recognize it.
func shortDigest(s string) string {
	if len(s) > 30 {
		return s[:30] + "..."
	}
	return s
}

// cssString returns s as a string of CSS. Everything but letters and digits is
// written as an escape, so that nothing in s can end it.
func cssString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range show.Text(s, 200) {
		if c < 0x80 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, `\%06x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// TableID is the id of a table's element.
func (p *page) TableID(i int) string {
	id := "table-" + identifier(p.Tables[i].ID)
	for _, other := range p.Tables[:i] {
		if other.ID == p.Tables[i].ID {
			return fmt.Sprintf("table-%d", i+1)
		}
	}
	return id
}

// sides says which sides of a change hold anything: "before", "after" or "both". What is
// new has nothing before, and needs no empty column beside it.
func sides(fields []Field) string {
	before, after := false, false
	for _, f := range fields {
		before, after = before || len(f.Before) > 0, after || len(f.After) > 0
	}
	switch {
	case before == after:
		return "both"
	case before:
		return "before"
	}
	return "after"
}

// details says what follows the signatures, so that who signs at the beginning knows
// that there is more.
func (p *page) details() string {
	var parts []string
	if n := len(p.Changes); n > 0 {
		parts = append(parts, "Changes ("+thousands(n)+")")
	}
	for _, t := range p.Tables {
		parts = append(parts, show.Text(t.Title, pageLimit)+" ("+thousands(len(t.Rows))+")")
	}
	if len(p.Notes) > 0 {
		parts = append(parts, "Notes ("+thousands(len(p.Notes))+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return "The details follow, and belong to what is signed: " + strings.Join(parts, "; ") + "."
}

// A part of a list: what is shown at once, and what stands below "more".
type parts struct{ First, More []Item }

// A run is rows or changes below one heading.
type run[T any] struct {
	Group string
	Items []T
}

func runs[T any](items []T, group func(*T) string) []run[T] {
	var all []run[T]
	start := 0
	for i := range items {
		if i == len(items)-1 || group(&items[i]) != group(&items[i+1]) {
			all = append(all, run[T]{group(&items[start]), items[start : i+1]})
			start = i + 1
		}
	}
	return all
}

func (p *page) funcs() template.FuncMap {
	return template.FuncMap{
		"t": func(s string) string { return show.Text(s, pageLimit) },
		"href": func(i Item) string { // an anchor that is nowhere is no link
			if i.Link == "" {
				return ""
			}
			return p.ids[i.Link]
		},
		"id": func(anchor string) string { // the first one that stands on the page has it
			id := p.ids[anchor]
			if id == "" || p.taken[id] {
				return ""
			}
			p.taken[id] = true
			return id
		},
		"parts": func(items []Item) parts {
			if len(items) <= openItems+1 {
				return parts{First: items}
			}
			return parts{items[:openItems], items[openItems:]}
		},
		"lists":    (*Finding).lists,
		"sides":    sides,
		"details":  p.details,
		"verdict":  p.verdict,
		"accepted": p.accepted,
		"open":     func() bool { return len(p.Findings) <= openFindings },
		"long":     func(t Table) bool { return len(t.Rows) > openRows },
		"number":   thousands,
		"figure":   func(f Figure) string { return f.number() },
		"capital":  func(s any) string { return capital(show.Text(fmt.Sprint(s), pageLimit)) },
		"severity": func(s Severity) string { // as a class
			return string(severities[min(s.rank(), len(severities)-1)])
		},
		"mark": func(m Mark) string {
			switch m {
			case Added, Removed, Changed, Widened, Lost, Warning, OK:
				return string(m)
			}
			return "other"
		},
		"sign": func(m Mark) string {
			switch m {
			case Added, Removed, Changed:
				return m.sign()
			case Widened:
				return "\u2197" // an arrow up
			case Lost:
				return "\u2198" // an arrow down
			case OK:
				return "\u2713"
			default:
				return "!"
			}
		},
		"rowRuns":    func(rows []Row) []run[Row] { return runs(rows, func(r *Row) string { return r.Group }) },
		"changeRuns": func(c []Change) []run[Change] { return runs(c, func(c *Change) string { return c.Group }) },
		"cells": func(t Table, row Row) []Cell {
			cells := row.cells(&t)
			if missing := len(t.Columns) - len(cells); missing > 0 {
				cells = append(slices.Clip(cells), make([]Cell, missing)...)
			}
			return cells
		},
		"facts":   (*Source).facts,
		"made":    func() []fact { return p.Provenance.facts() },
		"signers": (*SignOff).signers,
		"sources": func() []*Source {
			var all []*Source
			for i := range p.Provenance.Sources {
				all = append(all, &p.Provenance.Sources[i])
			}
			return all
		},
	}
}
