package plan

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/yamlfile"
)

// Bounds of what is read. A server with ten thousand roles takes a tenth of them.
const (
	maxDesired = 32 << 20  // bytes of a file
	maxValues  = 4_000_000 // values of a desired state, what is behind aliases counted each time
	maxRoles   = 200_000
	maxDepth   = 100
)

// LoadDesired reads a desired state from a YAML or JSON file, and the lists that it
// names. It looks at everything before it returns an error, which is of type [Problems]
// if the file could be read: each problem says file, line and column. Members that are
// not known are refused.
//
// With such an error comes what could be read, if that is enough to go on: [Make] refuses
// it, and says these problems again together with those that need a server to be found.
func LoadDesired(path string) (*Desired, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	data, err := yamlfile.Below(dir, name, maxDesired)
	if err != nil {
		return nil, fmt.Errorf("load the desired state %s: %w", show.Text(path, maxShown), err)
	}
	return parseDesired(path, data, func(name string) ([]byte, error) { return yamlfile.Below(dir, name, maxDesired) })
}

// parseDesired reads a desired state. read reads the lists that it names.
func parseDesired(file string, data []byte, read func(string) ([]byte, error)) (*Desired, error) {
	l := &loader{file: file, read: read, hash: sha256.New(), values: maxValues}
	l.sum(data)
	root := l.parse(data)
	if root == nil {
		return nil, l.problems.err()
	}
	d := &Desired{File: file}
	l.desired(root, d)
	if l.full() {
		return nil, l.problems.err()
	}
	d.Digest = "sha256:" + hex.EncodeToString(l.hash.Sum(nil))
	l.problems = append(l.problems, check(d)...)
	err := l.problems.err()
	d.wrong, _ = errors.AsType[Problems](err)
	return d, err
}

// loader turns the nodes of a file into a desired state.
type loader struct {
	file     string // that the nodes at hand come from
	read     func(string) ([]byte, error)
	hash     hash.Hash
	values   int // that may still be read
	problems problems
	pattern  map[*yaml.Node]Position // nodes that come from another file
}

// sum adds a file to the digest. Its length keeps two files apart.
func (l *loader) sum(data []byte) {
	fmt.Fprintf(l.hash, "%d\n", len(data)) // a hash never fails
	l.hash.Write(data)
}

func (l *loader) at(n *yaml.Node) Position {
	if at, other := l.pattern[n]; other {
		return at
	}
	return Position{l.file, n.Line, n.Column}
}

// keep adds a holder to a list, unless something is wrong with it: what is said of it on
// a server would not help.
func (l *loader) keep(list *[]Holder, n *yaml.Node, read func(*yaml.Node) Holder) {
	before := len(l.problems)
	if h := read(n); len(l.problems) == before {
		*list = append(*list, h)
	}
}

func (l *loader) add(n *yaml.Node, format string, args ...any) {
	l.problems.add(l.at(n), format, args...)
}

// parse makes nodes of a YAML or JSON file. It returns nil after a problem.
func (l *loader) parse(data []byte) *yaml.Node {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		l.problems.add(Position{File: l.file}, "the file is not valid UTF-8")
		return nil
	}
	if strings.EqualFold(filepath.Ext(l.file), ".json") || json.Valid(data) {
		return l.parseJSON(data)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := dec.Decode(&document); err != nil {
		l.syntax(err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		l.add(&second, "there is a second document in the file; write everything in one")
		return nil
	} else if !errors.Is(err, io.EOF) {
		l.syntax(err)
		return nil
	}
	if len(document.Content) == 0 {
		l.syntax(io.EOF)
		return nil
	}
	return document.Content[0]
}

// yamlLine is how the YAML library says where it is.
var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntax notes an error of the YAML library, which knows the line and no column.
func (l *loader) syntax(err error) {
	at := Position{File: l.file}
	if errors.Is(err, io.EOF) {
		l.problems.add(at, "the file is empty")
		return
	}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m[1] != "" {
		at.Line, _ = strconv.Atoi(m[1]) // digits; a line that is too large is none
		text = strings.TrimPrefix(text, m[0])
	}
	l.problems.add(at, "this is not YAML: %s", show.Text(strings.TrimPrefix(text, "yaml: "), maxShown))
}

// parseJSON makes the same nodes of JSON.
func (l *loader) parseJSON(data []byte) *yaml.Node {
	r := jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1, column: 1}
	r.dec.UseNumber()
	root, err := r.value(0)
	if err == nil {
		if _, end := r.dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("the file goes on after its end")
		}
	}
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the file ends too early")
		}
		line, column := r.position(max(r.dec.InputOffset(), int64(r.done)))
		l.problems.add(Position{l.file, line, column}, "this is not JSON: %s", show.Text(err.Error(), maxShown))
		return nil
	}
	return root
}

// jsonReader reads JSON into nodes, token by token.
type jsonReader struct {
	data         []byte
	dec          *json.Decoder
	line, column int // of the byte at done
	done         int
}

// position is the line and column of an offset. Offsets only grow.
func (r *jsonReader) position(offset int64) (line, column int) {
	to := min(int(offset), len(r.data))
	for ; r.done < to; r.done++ {
		switch c := r.data[r.done]; {
		case c == '\n':
			r.line, r.column = r.line+1, 1
		case utf8.RuneStart(c):
			r.column++
		}
	}
	return r.line, r.column
}

// next is where the next token begins.
func (r *jsonReader) next() (line, column int) {
	at := int(r.dec.InputOffset())
	for at < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[at]) >= 0 {
		at++
	}
	return r.position(int64(at))
}

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, errors.New("it is nested too deeply")
	}
	line, column := r.next()
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Line: line, Column: column}
	switch t := token.(type) {
	case string:
		n.Value = t
	case json.Number:
		n.Tag, n.Value = "!!float", t.String()
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(t)
	case nil:
		n.Tag, n.Value = "!!null", "null"
	case json.Delim:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if t == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		for r.dec.More() { // members of an object are a name and a value
			item, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, item)
		}
		_, err = r.dec.Token()
	}
	return n, err
}

// visit follows an alias, and notes if there is too much.
func (l *loader) visit(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if l.values--; l.values == 0 {
		l.add(n, "the file has more than %d values", maxValues)
	}
	return n
}

// full reports that nothing more is read.
func (l *loader) full() bool { return l.values <= 0 }

// hints say what to do about members that people expect and that are not there.
var hints = map[string]string{
	"identityProviders": "identity providers are never changed by a plan",
	"providers":         "identity providers are never changed by a plan",
	"identities":        "identities are named where they hold a role: {identity: 'DOMAIN\\name'}",
	"collections":       "collections are never changed by a plan",
	"containers":        "containers are never changed by a plan",
	"enabled":           "version 2 of the API cannot enable and disable roles",
	"private":           "version 2 of the API does not have it, and it has no documented effect",
	"immutable":         "which roles are built in is not for a plan to change",
	"valid":             "the server says whether an audit signature matches",
	"id":                "objects are told apart by name",
	"<<":                "merge keys are not supported; use an alias for a whole value",
}

// fields returns the members of a mapping by name. what is what the mapping is: "a
// role".
func (l *loader) fields(n *yaml.Node, what string, known []string) map[string]*yaml.Node {
	n = l.visit(n)
	if n.Kind != yaml.MappingNode {
		l.add(n, "%s must be a mapping with some of %s", what, strings.Join(known, ", "))
		return nil
	}
	out := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content) && !l.full(); i += 2 {
		key, value := l.visit(n.Content[i]), n.Content[i+1]
		name := key.Value
		hint := hints[name]
		switch {
		case key.Kind != yaml.ScalarNode:
			l.add(key, "%s must have names before its colons", what)
		case !slices.Contains(known, name) && hint != "":
			l.add(key, "%s has no %s: %s", what, quote(name), hint)
		case !slices.Contains(known, name):
			l.add(key, "%s has no %s%s", what, quote(name), cmp.Or(didYouMean(name, known), "; it has "+strings.Join(known, ", ")))
		case out[name] != nil:
			l.add(key, "%s has %s twice", what, quote(name))
		default:
			out[name] = value
		}
	}
	return out
}

// list returns the items of a list, not nil if it is one.
func (l *loader) list(n *yaml.Node, what string) []*yaml.Node {
	n = l.visit(n)
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		l.add(n, "%s is given and has no value: write [] if there should be none, or leave it out if it should stay as it is", what)
	case n.Kind != yaml.SequenceNode:
		l.add(n, "%s must be a list", what)
	default:
		return append([]*yaml.Node{}, n.Content...)
	}
	return nil
}

// text returns a text.
func (l *loader) text(n *yaml.Node, what string) (Text, bool) {
	n = l.visit(n)
	switch {
	case n.Kind != yaml.ScalarNode:
		l.add(n, "%s must be text", what)
	case n.Tag == "!!null":
		l.add(n, `%s is given and has no value: write "" if it should be empty, or leave it out if it should stay as it is`, what)
	case !slices.Contains([]string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"}, n.Tag):
		l.add(n, "%s must be text, not %s", what, show.Text(n.Tag, maxShown))
	default:
		return Text{n.Value, l.at(n)}, true
	}
	return Text{}, false
}

// required returns the text of a member that must be there and not be empty.
func (l *loader) required(parent *yaml.Node, f map[string]*yaml.Node, name, what string) string {
	n := f[name]
	if n == nil {
		if f != nil {
			l.add(parent, "%s must have a %s", what, name)
		}
		return ""
	}
	t, ok := l.text(n, name)
	if ok && strings.TrimSpace(t.Value) == "" {
		l.add(n, "%s must not be empty", name)
	}
	return t.Value
}

// optional returns the text of a member, nil if it is left out.
func (l *loader) optional(f map[string]*yaml.Node, name string) *string {
	n := f[name]
	if n == nil {
		return nil
	}
	t, ok := l.text(n, name)
	if !ok {
		return nil
	}
	return &t.Value
}

// texts returns a list of texts, nil if it is left out.
func (l *loader) texts(f map[string]*yaml.Node, name string) []Text {
	n := f[name]
	if n == nil {
		return nil
	}
	items := l.list(n, name)
	if items == nil {
		return nil
	}
	out := make([]Text, 0, len(items))
	for _, item := range items {
		if l.full() {
			break
		}
		if t, ok := l.text(item, "an entry of "+name); ok {
			out = append(out, t)
		}
	}
	return out
}

// The members that each thing of a desired state has. A test compares them with the
// JSON Schema.
var (
	desiredFields  = []string{"format", "server", "permissionSets", "claims", "roles", "rolesFrom", "absent"}
	setFields      = []string{"name", "permissions"}
	claimFields    = []string{"type", "value", "scheme", "description"}
	keyFields      = []string{"type", "value", "scheme"}
	identityFields = []string{"identity", "type"}
	roleFields     = []string{"name", "was", "description", "email", "permissionSet", "permissions", "holders", "existing"}
	fromFields     = []string{"file", "name", "description", "email", "permissionSet", "permissions", "holders", "existing"}
	absentFields   = []string{"roles", "claims", "identities", "permissionSets"}
)

// each calls a function for each item of a member that is a list.
func (l *loader) each(f map[string]*yaml.Node, name string, do func(*yaml.Node)) {
	if n := f[name]; n != nil {
		for _, item := range l.list(n, name) {
			if l.full() {
				return
			}
			do(item)
		}
	}
}

func (l *loader) desired(root *yaml.Node, d *Desired) {
	f := l.fields(root, "a desired state", desiredFields)
	if n := f["format"]; n != nil {
		if t, ok := l.text(n, "format"); ok && t.Value != "1" {
			l.add(n, "the format is 1, not %s; a later version of commandsec-go may read it", quote(t.Value))
		}
	}
	if f["server"] != nil {
		d.Server, _ = l.text(f["server"], "server") // a problem is noted
	}
	l.each(f, "permissionSets", func(n *yaml.Node) {
		s := l.fields(n, "a permission set", setFields)
		d.PermissionSets = append(d.PermissionSets, PermissionSet{
			Name: l.required(n, s, "name", "a permission set"), Permissions: l.texts(s, "permissions"), At: l.at(n),
		})
	})
	l.each(f, "claims", func(n *yaml.Node) {
		before, c := len(l.problems), Claim{At: l.at(n)}
		if v := l.visit(n); v.Kind == yaml.MappingNode {
			m := l.fields(v, "a claim", claimFields)
			c.Key, c.Description = l.key(v, m), l.optional(m, "description")
			if m["description"] != nil {
				c.described = l.at(m["description"])
			}
		} else {
			c.Key = l.shortKey(v)
		}
		if len(l.problems) == before {
			d.Claims = append(d.Claims, c)
		}
	})
	l.each(f, "roles", func(n *yaml.Node) { d.Roles = append(d.Roles, l.role(n, Replace)) })
	l.each(f, "rolesFrom", func(n *yaml.Node) { d.Roles = append(d.Roles, l.rolesFrom(n)...) })
	if n := f["absent"]; n != nil {
		a := l.fields(n, "absent", absentFields)
		d.Absent.Roles = l.texts(a, "roles")
		d.Absent.PermissionSets = l.texts(a, "permissionSets")
		l.each(a, "claims", func(n *yaml.Node) { l.keep(&d.Absent.Claims, n, l.absentClaim) })
		l.each(a, "identities", func(n *yaml.Node) { l.keep(&d.Absent.Identities, n, l.identity) })
	}
}

func (l *loader) role(n *yaml.Node, existing Existing) Role {
	f := l.fields(n, "a role", roleFields)
	r := Role{
		Name: l.required(n, f, "name", "a role"), Description: l.optional(f, "description"), EmailAddress: l.optional(f, "email"),
		PermissionSet: l.optional(f, "permissionSet"), Permissions: l.texts(f, "permissions"), Existing: existing, At: l.at(n), at: make(map[string]Position, len(f)),
	}
	for name, value := range f {
		r.at[name] = l.at(value)
	}
	if was := l.optional(f, "was"); was != nil {
		r.Was = *was
	}
	if e := l.optional(f, "existing"); e != nil {
		r.Existing = Existing(*e)
		if r.Existing != Add && r.Existing != Replace {
			r.Existing = existing
			l.add(f["existing"], `existing must be "add" or "replace", not %s%s`, quote(*e), didYouMean(*e, []string{"add", "replace"}))
		}
	}
	if f["holders"] != nil {
		if items := l.list(f["holders"], "holders"); items != nil {
			r.Holders = make([]Holder, 0, len(items))
			for _, item := range items {
				if l.full() {
					break
				}
				l.keep(&r.Holders, item, l.holder)
			}
		}
	}
	return r
}

// holder reads a claim in either form, perhaps with the description that it gets if it is
// created, or an identity.
func (l *loader) holder(n *yaml.Node) Holder { return l.holderOf(n, claimFields) }

// absentClaim reads a claim, or an identity, which does not belong there.
func (l *loader) absentClaim(n *yaml.Node) Holder { return l.holderOf(n, keyFields) }

func (l *loader) holderOf(n *yaml.Node, fields []string) Holder {
	v := l.visit(n)
	if v.Kind == yaml.MappingNode {
		for i := 0; i < len(v.Content); i += 2 {
			if v.Content[i].Value == "identity" {
				return l.identity(n)
			}
		}
		f := l.fields(v, "a holder", fields)
		return Holder{Key: l.key(v, f), Description: l.optional(f, "description"), At: l.at(n)}
	}
	return Holder{Key: l.shortKey(v), At: l.at(n)}
}

// key reads the natural key of a claim from its members.
func (l *loader) key(n *yaml.Node, f map[string]*yaml.Node) Key {
	k := Key{Value: l.required(n, f, "value", "a claim"), Scheme: l.required(n, f, "scheme", "a claim")}
	if kind := l.required(n, f, "type", "a claim"); kind != "" {
		k.Type = l.claimType(f["type"], kind)
	}
	return k
}

func (l *loader) claimType(n *yaml.Node, text string) holders.Type {
	t, err := holders.ParseType(text)
	if err != nil {
		known := make([]string, 0, len(holders.Types()))
		for _, t := range holders.Types() {
			known = append(known, string(t))
		}
		l.add(n, "%s is not a claim type%s", quote(text), cmp.Or(didYouMean(text, known), "; the types are "+strings.Join(known, ", ")))
	}
	return t
}

// shortKey reads TYPE:VALUE@SCHEME.
func (l *loader) shortKey(n *yaml.Node) Key {
	t, ok := l.text(n, "a claim")
	if !ok {
		return Key{}
	}
	k, err := yamlfile.ParseClaim(t.Value)
	if err != nil {
		l.add(n, "%v", err)
	}
	return k
}

// identity reads an Active Directory account: its name, or a mapping.
func (l *loader) identity(n *yaml.Node) Holder {
	v := l.visit(n)
	h := Holder{Identity: true, At: l.at(n)}
	account := ""
	if v.Kind == yaml.MappingNode {
		f := l.fields(v, "an identity", identityFields)
		account = l.required(v, f, "identity", "an identity")
		if kind := l.optional(f, "type"); kind != nil {
			h.Key.Type = l.claimType(f["type"], *kind)
			if h.Key.Type != "" && h.Key.Type != holders.TypeUser && h.Key.Type != holders.TypeGroup {
				l.add(f["type"], "an identity is a User or a Group, not %s", quote(*kind))
			}
		}
	} else if t, ok := l.text(v, "an identity"); ok {
		account = t.Value
		if strings.TrimSpace(account) == "" {
			l.add(v, "an identity must not be empty")
		}
	}
	h.Key = identityKey(account, h.Key.Type)
	return h
}
