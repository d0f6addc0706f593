// Package strict reads JSON files that this module writes: members that are not
// known, missing or given twice are errors that say the line and the member.
package strict

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/show"
)

// maxFile is the size of the largest file that is read, in bytes. The snapshot of a
// server with ten thousand roles takes a tenth of it.
const maxFile = 256 << 20

// Read reads a file of at most 256 MiB. kind is what the file should be: "plan".
func Read(path, kind string) ([]byte, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d MiB, which no %s is", maxFile>>20, kind)
	}
	return data, nil
}

// CheckFormat refuses data of another format than want, which may have other members.
// What is no JSON, [Decode] refuses.
func CheckFormat(data []byte, want int, kind string) error {
	var head struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Format != nil && *head.Format == want {
		return nil //nolint:nilerr // Decode says it better
	}
	said := "the file does not say its format, so it is no " + kind
	if head.Format != nil {
		said = strconv.Itoa(*head.Format)
	}
	return fmt.Errorf("%s; this version of commandsec-go reads format %d", said, want)
}

// Decode decodes data into a pointer. Names of members count in their exact case, none
// may be null, and all must be there, except those with omitempty or omitzero.
func Decode(data []byte, into any) error {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		at := int64(len(data))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = syntax.Offset
		}
		return fmt.Errorf("line %d: it is not JSON: %w", line(data, at), err)
	}
	w := walker{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	w.dec.UseNumber()
	if err := w.value(reflect.TypeOf(into).Elem(), ""); err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// line is the number of the line that an offset is in.
func line(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

// walker compares what a file has with what a type takes, token by token. The file is
// known to be JSON.
type walker struct {
	data []byte
	dec  *json.Decoder
}

// fail is an error about the member at path, which ends where the walker is.
func (w *walker) fail(path, format string, args ...any) error {
	text := fmt.Sprintf("line %d: ", line(w.data, w.dec.InputOffset()))
	if path != "" {
		text += show.Text(path, 200) + ": "
	}
	return fmt.Errorf("%s%w", text, fmt.Errorf(format, args...))
}

// value walks one value of a type.
func (w *walker) value(t reflect.Type, path string) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if decodesItself(t) {
		return w.leaf(t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return w.object(path, fieldsOf(t))
	case reflect.Map:
		return w.object(path, members{elem: t.Elem()})
	case reflect.Slice:
		return w.list(t.Elem(), path)
	default:
		return w.leaf(t, path)
	}
}

func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// leaf decodes a value as a whole.
func (w *walker) leaf(t reflect.Type, path string) error {
	var raw json.RawMessage
	if err := w.dec.Decode(&raw); err != nil {
		return w.fail(path, "%w", err)
	}
	if string(raw) == "null" {
		return w.fail(path, "must not be null")
	}
	if err := json.Unmarshal(raw, reflect.New(t).Interface()); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return w.fail(path, "must be of the kind %s, not a %s", t.Kind(), wrong.Value)
		}
		return w.fail(path, "%w", err)
	}
	return nil
}

// members are what an object may have.
type members struct {
	known    map[string]reflect.Type
	required []string
	elem     reflect.Type // of a map, which takes every name
}

func fieldsOf(t reflect.Type) members {
	m := members{known: map[string]reflect.Type{}}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "-" {
			continue
		}
		m.known[name] = f.Type
		if !strings.Contains(options, "omit") {
			m.required = append(m.required, name)
		}
	}
	return m
}

func (m members) typeOf(name string) (reflect.Type, bool) {
	if m.elem != nil {
		return m.elem, true
	}
	t, ok := m.known[name]
	return t, ok
}

// object walks an object and compares its members.
func (w *walker) object(path string, m members) error {
	if err := w.open(json.Delim('{'), "an object", path); err != nil {
		return err
	}
	seen := map[string]bool{}
	for w.dec.More() {
		token, err := w.dec.Token()
		if err != nil {
			return w.fail(path, "%w", err)
		}
		name, _ := token.(string) // the decoder takes nothing else
		inside := strings.TrimPrefix(path+"."+name, ".")
		t, known := m.typeOf(name)
		switch {
		case !known:
			return w.fail(inside, "there is no such member")
		case seen[name]:
			return w.fail(inside, "it is there twice")
		}
		seen[name] = true
		if err := w.value(t, inside); err != nil {
			return err
		}
	}
	if _, err := w.dec.Token(); err != nil {
		return w.fail(path, "%w", err)
	}
	if i := slices.IndexFunc(m.required, func(name string) bool { return !seen[name] }); i >= 0 {
		return w.fail(path, "the member %q is missing", m.required[i])
	}
	return nil
}

func (w *walker) list(elem reflect.Type, path string) error {
	if err := w.open(json.Delim('['), "a list", path); err != nil {
		return err
	}
	for i := 0; w.dec.More(); i++ {
		if err := w.value(elem, path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	if _, err := w.dec.Token(); err != nil {
		return w.fail(path, "%w", err)
	}
	return nil
}

// open reads the token that an object or a list begins with.
func (w *walker) open(delim json.Delim, what, path string) error {
	token, err := w.dec.Token()
	if err != nil {
		return w.fail(path, "%w", err)
	}
	if token != delim {
		return w.fail(path, "must be %s", what)
	}
	return nil
}
