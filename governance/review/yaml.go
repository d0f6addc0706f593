package review

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

// What files of rules and people may hold.
const (
	maxFile     = 1 << 20 // bytes
	maxProblems = 20      // that one error tells
	maxText     = 1000    // bytes of one text
)

// A yamlFile is a file of rules or people while it is read. It collects everything
// that is wrong with it.
type yamlFile struct {
	problems []problem
}

type problem struct {
	line, column int
	text         string
}

// read reads a file, and returns the items of the lists under its keys. what is what
// the file holds, for the error.
func (f *yamlFile) read(from io.Reader, what string, keys ...string) (map[string][]*yaml.Node, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("reading %s: the file is larger than %d MiB", what, maxFile>>20)
	}
	var doc, further yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("reading %s: the file is empty; it needs %s", what, quotedList(keys))
	case err != nil:
		return nil, fmt.Errorf("reading %s: it is not valid YAML: %s", what, show.Text(strings.TrimPrefix(err.Error(), "yaml: "), 200))
	}
	if !errors.Is(decoder.Decode(&further), io.EOF) {
		return nil, fmt.Errorf("reading %s: the file holds more than one document; leave one", what)
	}
	lists := map[string][]*yaml.Node{}
	for key, value := range f.members(doc.Content[0], "the file", keys) {
		lists[key] = f.list(value, key)
	}
	return lists, nil
}

// err is everything that is wrong, in the order of the file.
func (f *yamlFile) err(what string) error {
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

func (f *yamlFile) add(n *yaml.Node, text string, args ...any) {
	f.problems = append(f.problems, problem{n.Line, n.Column, fmt.Sprintf(text, args...)})
}

// members returns the members of a mapping. Those not among keys are wrong.
func (f *yamlFile) members(n *yaml.Node, what string, keys []string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		f.add(n, "%s has to be a mapping with %s", what, quotedList(keys))
		return nil
	}
	out := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !slices.Contains(keys, key.Value):
			f.add(key, "%s has no member %s; it has %s", what, quoted(key.Value), quotedList(keys))
		case out[key.Value] != nil:
			f.add(key, "%s is there twice", quoted(key.Value))
		default:
			out[key.Value] = value
		}
	}
	return out
}

// list returns the items of a list. A missing node is an empty list.
func (f *yamlFile) list(n *yaml.Node, what string) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind != yaml.SequenceNode:
		f.add(n, "%s has to be a list", what)
		return nil
	}
	return n.Content
}

// text returns a text that is not empty, or "" if n is missing or wrong.
func (f *yamlFile) text(n *yaml.Node, what string) string {
	switch {
	case n == nil:
	case n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null":
		f.add(n, "%s has to be a text", what)
	case strings.TrimSpace(n.Value) == "":
		f.add(n, "%s is empty", what)
	case len(n.Value) > maxText:
		f.add(n, "%s is longer than %d bytes", what, maxText)
	default:
		return strings.TrimSpace(n.Value)
	}
	return ""
}

func quotedList(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = `"` + w + `"`
	}
	return enumerate(out)
}
