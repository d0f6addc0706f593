// Package yamlfile reads the YAML files that people write: rules, people, decisions. It
// collects everything that is wrong, with lines and columns, and takes nothing that it
// does not know. It also reads what these files and a desired state have in common: the
// files that they name, and claims in their short form.
package yamlfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/commandsec/commandsec-go/internal/show"
)

// MaxText is the length of the longest text, in bytes.
const MaxText = 1000

const (
	maxProblems = 20  // that one error tells
	maxName     = 100 // characters of a name within a sentence
)

// Node is a value of the file.
type Node = yaml.Node

// File is a file while it is read. It collects everything that is wrong with it.
type File struct {
	problems []problem
}

type problem struct {
	line, column int
	text         string
}

// Read reads a file of at most limit bytes, and returns the members of its mapping by
// their keys. what is what the file holds, for the error.
func (f *File) Read(from io.Reader, what string, limit int64, keys ...string) (map[string]*Node, error) {
	data, err := bounded(from, limit)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	var doc, further yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("reading %s: the file is empty; it needs %s", what, quotedList(keys))
	case err != nil:
		text := show.Text(strings.TrimPrefix(err.Error(), "yaml: "), 200)
		if strings.Contains(text, "did not find expected") { // the line is that where the list or mapping begins
			text += "; look further down, too: the entries of a list have to be indented the same"
		}
		return nil, fmt.Errorf("reading %s: it is not valid YAML: %s", what, text)
	}
	if !errors.Is(decoder.Decode(&further), io.EOF) {
		return nil, fmt.Errorf("reading %s: the file holds more than one document; leave one", what)
	}
	return f.Members(doc.Content[0], "the file", keys), nil
}

// Err is everything that is wrong, in the order of the file.
func (f *File) Err(what string) error {
	if len(f.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(f.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var all []error
	for i, p := range f.problems {
		if i == maxProblems {
			all = append(all, fmt.Errorf("and %d more", len(f.problems)-i))
			break
		}
		all = append(all, fmt.Errorf("line %d, column %d: %s", p.line, p.column, p.text))
	}
	return fmt.Errorf("reading %s: %w", what, errors.Join(all...))
}

// Add notes that something is wrong with a value.
func (f *File) Add(n *Node, text string, args ...any) { f.AddAt(n.Line, n.Column, text, args...) }

// AddAt notes that something is wrong at a place of the file.
func (f *File) AddAt(line, column int, text string, args ...any) {
	f.problems = append(f.problems, problem{line, column, fmt.Sprintf(text, args...)})
}

// Members returns the members of a mapping. Those not among keys are wrong.
func (f *File) Members(n *Node, what string, keys []string) map[string]*Node {
	if n.Kind != yaml.MappingNode {
		f.Add(n, "%s has to be a mapping with %s", what, quotedList(keys))
		return nil
	}
	out := map[string]*Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !slices.Contains(keys, key.Value):
			f.Add(key, "%s has no member %s; it has %s", what, quoted(key.Value), quotedList(keys))
		case out[key.Value] != nil:
			f.Add(key, "%s is there twice", quoted(key.Value))
		default:
			out[key.Value] = value
		}
	}
	return out
}

// List returns the items of a list. A missing node is an empty list.
func (f *File) List(n *Node, what string) []*Node {
	switch {
	case n == nil:
		return nil
	case n.Kind != yaml.SequenceNode:
		f.Add(n, "%s has to be a list", what)
		return nil
	}
	return n.Content
}

// Text returns a text that is not empty, without spaces at its ends, or "" if n is
// missing or wrong.
func (f *File) Text(n *Node, what string) string { return strings.TrimSpace(f.Exact(n, what)) }

// Exact is Text with the spaces at its ends, for names that a server may have like that.
func (f *File) Exact(n *Node, what string) string {
	switch {
	case n == nil:
	case n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null":
		f.Add(n, "%s has to be a text", what)
	case strings.TrimSpace(n.Value) == "":
		f.Add(n, "%s is empty", what)
	case len(n.Value) > MaxText:
		f.Add(n, "%s is longer than %d bytes", what, MaxText)
	default:
		return n.Value
	}
	return ""
}

// Flag returns whether n is true. A missing node is false.
func (f *File) Flag(n *Node, what string) bool {
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		f.Add(n, "%s has to be true or false", what)
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// Null reports whether a value is left empty: "accounts:" with nothing behind it.
func Null(n *Node) bool { return n != nil && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// IsList reports whether a value is there, and is a list.
func IsList(n *Node) bool { return n != nil && n.Kind == yaml.SequenceNode }

// IsMapping reports whether a value is there, and is a mapping.
func IsMapping(n *Node) bool { return n != nil && n.Kind == yaml.MappingNode }

func quoted(name string) string { return `"` + show.Text(name, maxName) + `"` }

// quotedList is "a", "b" and "c".
func quotedList(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = `"` + w + `"`
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " and " + out[n-1]
	}
	return strings.Join(out, "")
}
