package plan

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/permissions"
)

// Export writes a snapshot as a desired state, so that an existing server comes under
// control: [Make] of the two is an empty plan. What the snapshot does not know, and what
// cannot be told apart by name, is left out, and so stays as it is; Notes say so.
func Export(s *snapshot.Snapshot) (*Desired, error) {
	if s == nil {
		return nil, errors.New("export a snapshot: there is none")
	}
	e := &exporter{world: newWorld(s.Sorted(), nil), out: &Desired{Server: Text{Value: s.Server.URL}}}
	for i := range e.PermissionSets {
		e.permissionSet(&e.PermissionSets[i])
	}
	for i := range e.Claims {
		e.claim(&e.Claims[i])
	}
	for i := range e.Roles {
		e.role(&e.Roles[i])
	}
	if e.legacy {
		e.note("The server is taken for Command 10: a plan changes who holds a role there, and nothing else.")
	}
	for _, g := range s.Gaps {
		if g.Reason != snapshot.ReasonNotAsked && (g.Reason != snapshot.ReasonNotThere || !e.legacy) {
			about := ""
			if g.Object != "" {
				about = " (" + quote(g.Object) + ")"
			}
			e.note("The snapshot lacks %s%s: %s.", g.Part, about, g.Reason)
		}
	}
	return e.out, nil
}

type exporter struct {
	*world

	out *Desired
}

func (e *exporter) note(format string, args ...any) {
	e.out.Notes = append(e.out.Notes, fmt.Sprintf(format, args...))
}

func (e *exporter) permissionSet(set *snapshot.PermissionSet) {
	if set.ID == globalSet {
		return // every server has it, and nobody can change it
	}
	if strings.TrimSpace(set.Name) == "" || len(e.sets[names.Fold(set.Name)]) > 1 {
		e.note("The permission set %s is left out: it has no name, or that of another one.", set.ID)
		return
	}
	out := PermissionSet{Name: set.Name}
	var ok bool
	if out.Permissions, ok = e.paths(set.Permissions); !ok {
		e.note("The permissions of the permission set %s are left out: some are no paths.", quote(set.Name))
	}
	e.out.PermissionSets = append(e.out.PermissionSets, out)
}

// paths are nil if one of them cannot be written.
func (e *exporter) paths(paths []permissions.Path) ([]Text, bool) {
	set := permissions.NewSet(paths...)
	out := make([]Text, 0, set.Len())
	for p := range set.All() {
		text, ok := e.objects.write(p)
		if !ok {
			return nil, false
		}
		out = append(out, Text{Value: text})
	}
	return out, true
}

func (e *exporter) names(list []permissions.Legacy) ([]Text, bool) {
	out := make([]Text, 0, len(list))
	for _, l := range list {
		text, ok := e.objects.writeName(l)
		if !ok {
			return nil, false
		}
		out = append(out, Text{Value: text})
	}
	return out, true
}

// writable reports whether a key can be written in a file.
func writable(k Key) bool {
	_, known := k.Type.Number()
	return known && strings.TrimSpace(k.Value) != "" && strings.TrimSpace(k.Scheme) != ""
}

func (e *exporter) claim(c *snapshot.Claim) {
	if !slices.Contains(c.Versions, 2) {
		return
	}
	if !writable(c.Key) {
		e.note("The claim %s is left out: its type is not known, or it has no value or no scheme.", quote(c.Key.String()))
		return
	}
	out := Claim{Key: c.Key}
	if strings.TrimSpace(c.Description) != "" {
		out.Description = e.text("description", "claim", c.Key.String(), &c.Description, limits.ClaimText, limits.UnfitDescription)
	}
	e.out.Claims = append(e.out.Claims, out)
}

// text is a text of an object, nil if a desired state cannot have it: so it stays as it
// is.
func (e *exporter) text(member, what, name string, text *string, limit int, unfit func(string) string) *string {
	problem := cmp.Or(tooLong(*text, limit), unfit(*text))
	if problem == "" {
		return text
	}
	e.note("The %s of the %s %s is left out, and so stays as it is: it %s.", member, what, quote(name), problem)
	return nil
}

func (e *exporter) role(r *snapshot.Role) {
	if strings.TrimSpace(r.Name) == "" || len(e.roles[names.Fold(r.Name)]) > 1 {
		e.note("The role with id %d is left out: it has no name, or that of another one.", r.ID)
		return
	}
	if !e.legacy && e.unread(r, 2) != "" {
		e.note("The role %s is left out: it could not be read in full.", quote(r.Name))
		return
	}
	out := Role{Name: r.Name, Existing: Replace}
	if r.Description != "" {
		out.Description = e.text("description", "role", r.Name, &r.Description, limits.Description, limits.UnfitDescription)
	}
	if r.EmailAddress != "" {
		out.EmailAddress = e.text("e-mail address", "role", r.Name, &r.EmailAddress, limits.Email, limits.UnfitEmail)
	}
	ok := true
	switch {
	case e.legacy && r.ObjectNames:
		out.Permissions, ok = e.names(r.Names)
	case e.legacy:
		e.note("The permissions of the role %s are left out: those for single objects are not known.", quote(r.Name))
	default:
		set := e.setName(r.PermissionSetID)
		if found := e.sets[names.Fold(set)]; len(found) != 1 || found[0].ID != r.PermissionSetID {
			set = r.PermissionSetID
		}
		if set != "" && (e.setByID[r.PermissionSetID] != nil || r.PermissionSetID == globalSet) {
			out.PermissionSet = &set
		}
		out.Permissions, ok = e.paths(r.Paths)
	}
	if !ok {
		e.note("The permissions of the role %s are left out: some are not in form.", quote(r.Name))
	}
	if out.Holders, ok = e.holders(r); !ok {
		e.note("The holders of the role %s are left out: the type of one is not known, or it has no value or no scheme.", quote(r.Name))
	}
	e.out.Roles = append(e.out.Roles, out)
}

func (e *exporter) holders(r *snapshot.Role) ([]Holder, bool) {
	out := make([]Holder, 0, len(r.Holders))
	for _, h := range r.Holders {
		if !writable(h.Key) {
			return nil, false
		}
		if slices.Contains(h.Versions, 2) {
			out = append(out, Holder{Key: h.Key})
		}
		if slices.Contains(h.Versions, 1) && e.separate() {
			if t := h.Key.Type; t != holders.TypeUser && t != holders.TypeGroup || h.Key.Scheme != holders.SchemeActiveDirectory {
				return nil, false
			}
			out = append(out, Holder{Key: h.Key, Identity: true})
		}
	}
	return out, true
}

// WriteYAML writes the desired state as YAML that [LoadDesired] reads. Roles that came
// from a list are written one by one.
func (d *Desired) WriteYAML(w io.Writer) error {
	root := &node{}
	root.text("format", "1", "!!int")
	if d.Server.Value != "" {
		root.text("server", d.Server.Value, "")
	}
	for _, s := range d.PermissionSets {
		item := root.item("permissionSets")
		item.text("name", s.Name, "")
		item.texts("permissions", s.Permissions)
	}
	for _, c := range d.Claims {
		item := root.item("claims")
		item.key(c.Key)
		item.optional("description", c.Description)
	}
	for i := range d.Roles {
		d.Roles[i].write(root.item("roles"))
	}
	absent := &node{}
	absent.texts("roles", d.Absent.Roles)
	for _, h := range d.Absent.Claims {
		absent.holder("claims", h)
	}
	for _, h := range d.Absent.Identities {
		absent.holder("identities", h)
	}
	absent.texts("permissionSets", d.Absent.PermissionSets)
	if len(absent.yaml.Content) > 0 {
		root.add("absent", absent.mapping())
	}
	document := root.mapping()
	document.HeadComment = comment(d.Notes)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(document)
	if err == nil {
		err = enc.Close()
	}
	if err == nil {
		_, err = io.WriteString(w, visible(b.String()))
	}
	if err != nil {
		return fmt.Errorf("write a desired state: %w", err)
	}
	return nil
}

// visible writes what would not show as escapes, so that somebody who reads the file sees
// it. All of it stands in double quotes, see style; the ends of lines are the file's own.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || !show.Hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	return b.String()
}

// comment makes comments of notes, which may hold text from a server.
func comment(notes []string) string {
	const limit = 100 // notes; a server can have any number of roles that cannot be written
	lines := make([]string, 0, len(notes))
	for i, note := range notes {
		if i == limit {
			lines = append(lines, fmt.Sprintf("# and %d more notes", len(notes)-i))
			break
		}
		lines = append(lines, "# "+show.Text(note, 500))
	}
	return strings.Join(lines, "\n")
}

func (r *Role) write(item *node) {
	item.text("name", r.Name, "")
	if r.Was != "" {
		item.text("was", r.Was, "")
	}
	item.optional("description", r.Description)
	item.optional("email", r.EmailAddress)
	item.optional("permissionSet", r.PermissionSet)
	item.texts("permissions", r.Permissions)
	for _, h := range r.Holders {
		item.holder("holders", h)
	}
	if r.Holders != nil && len(r.Holders) == 0 {
		item.add("holders", &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle})
	}
	if r.Existing == Add {
		item.text("existing", string(Add), "")
	}
}

// node is a YAML mapping under construction.
type node struct{ yaml yaml.Node }

func (n *node) mapping() *yaml.Node {
	n.yaml.Kind, n.yaml.Tag = yaml.MappingNode, "!!map"
	return &n.yaml
}

func scalar(text, tag string) *yaml.Node {
	if tag == "" {
		tag = "!!str"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text, Style: style(text, tag)}
}

// style keeps a text on one line: whatever is in it, it reads back as it is.
func style(text, tag string) yaml.Style {
	if tag == "!!str" && (strings.ContainsFunc(text, show.Hidden) || strings.TrimSpace(text) != text) {
		return yaml.DoubleQuotedStyle
	}
	return 0
}

func (n *node) add(name string, value *yaml.Node) {
	n.yaml.Content = append(n.yaml.Content, scalar(name, ""), value)
}

func (n *node) text(name, value, tag string) { n.add(name, scalar(value, tag)) }

func (n *node) optional(name string, value *string) {
	if value != nil {
		n.text(name, *value, "")
	}
}

// list returns the list of a name, which is the last member or a new one.
func (n *node) list(name string) *yaml.Node {
	if c := n.yaml.Content; len(c) > 0 && c[len(c)-2].Value == name {
		return c[len(c)-1]
	}
	n.add(name, &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"})
	return n.yaml.Content[len(n.yaml.Content)-1]
}

// item adds a mapping to a list.
func (n *node) item(name string) *node {
	item := &node{}
	list := n.list(name)
	list.Content = append(list.Content, item.mapping())
	return item
}

func (n *node) texts(name string, list []Text) {
	if list == nil {
		return
	}
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if len(list) == 0 {
		out.Style = yaml.FlowStyle
	}
	for _, t := range list {
		out.Content = append(out.Content, scalar(t.Value, ""))
	}
	n.add(name, out)
}

func (n *node) key(k Key) {
	n.text("type", string(k.Type), "")
	n.text("value", k.Value, "")
	n.text("scheme", k.Scheme, "")
}

// holder adds a holder to a list, in the short form if that says the same.
func (n *node) holder(name string, h Holder) {
	list := n.list(name)
	item := &node{}
	switch short, ok := formatHolder(h.Key); {
	case h.Description != nil && !h.Identity:
		item.key(h.Key)
		item.optional("description", h.Description)
	case h.Identity:
		item.text("identity", h.Key.Value, "")
		if h.Key.Type != "" {
			item.text("type", string(h.Key.Type), "")
		}
	case ok:
		list.Content = append(list.Content, scalar(short, ""))
		return
	default:
		item.key(h.Key)
	}
	list.Content = append(list.Content, item.mapping())
}
