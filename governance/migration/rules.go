package migration

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/yamlfile"
	"github.com/commandsec/commandsec-go/permissions"
)

// Key is the natural key of a holder: type, value, scheme. See [holders.Key].
type Key = snapshot.Key

// What rules may hold.
const (
	maxFile     = 16 << 20 // bytes
	maxEntries  = 200_000  // of one list
	maxPatterns = 100
)

// Rules are what somebody decided about a migration. [LoadRules] reads them from a file,
// and [Skeleton] writes a file to begin with. Nil rules decide nothing. They are
// immutable.
type Rules struct {
	file  string        // "" if there is none
	files []report.File // what they were read from

	permissionSet place // "": as the source has it, or Global
	existing      plan.Existing
	fromNames     bool
	undecided     bool // an account without a rule needs a decision

	accounts  map[string][]*identityRule // by folded account
	patterns  []*identityRule
	objects   map[permissions.Scope]map[string]*objectRule // by folded name
	roles     map[string]*roleRule                         // by folded name
	decisions []decision
	overlay   *permissions.Overlay
}

// place is a text of the file, and where it is.
type place struct {
	text         string
	line, column int
}

// compare puts places in the order of the file.
func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.line, q.line), cmp.Compare(p.column, q.column))
}

// identityRule says which claim an Active Directory account becomes.
type identityRule struct {
	place // the account or the pattern

	kind    holders.Type // "": any
	pattern *regexp.Regexp
	claim   Key // groups of the pattern are not filled in
	drop    bool
	why     string
}

// objectRule says which object of the target one of the source is.
type objectRule struct {
	place // its name on the source

	to   string
	drop bool
	why  string
}

// roleRule says what becomes of a role.
type roleRule struct {
	place // its name on the source

	to       string
	merge    string
	skip     bool
	set      place
	existing plan.Existing
	accept   []Code
	why      string
}

// because names a rule, and says why it is there.
func (p place) because(why string) string {
	if why == "" {
		return fmt.Sprintf("line %d", p.line)
	}
	return fmt.Sprintf("line %d (%s)", p.line, show.Text(why, maxShown))
}

func (r *roleRule) accepts(code Code) bool { return r != nil && slices.Contains(r.accept, code) }

// decision is a decision about a permission, and where it is. The line is 0 if it is in
// a file of decisions.
type decision struct {
	permissions.Decision

	line, column int
}

// LoadRules reads rules from a YAML file, and the overlay and the decisions that it
// names, which lie beside it or below. The package documentation shows such a file. A
// member that is not known is refused. The error says everything that is wrong, with
// lines and columns. Whether roles, accounts and objects are there is for [Desired] to say.
func LoadRules(path string) (*Rules, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	read := func(name string) ([]byte, error) { return yamlfile.Below(dir, name, maxFile) }
	data, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("reading rules %s: %w", show.Text(path, maxShown), err)
	}
	return parseRules(path, data, read)
}

var (
	fileKeys = []string{
		"format", "permissionSet", "existing", "from", "otherIdentities", "identities", "collections", "containers", "pamProviders",
		"identityProviders", "roles", "decisions", "overlay", "decisionsFile",
	}
	identityKeys = []string{"account", "pattern", "type", "claim", "drop", "why"}
	claimKeys    = []string{"type", "value", "scheme"}
	objectKeys   = []string{"from", "to", "drop", "why"}
	roleKeys     = []string{"name", "to", "merge", "skip", "permissionSet", "existing", "accept", "decisions", "why"}
	decisionKeys = []string{"name", "accept", "drop", "paths", "why"}
)

// kinds are the objects that permissions can be limited to.
var kinds = []struct {
	scope permissions.Scope
	key   string // of the rules
	noun  string
	part  snapshot.Part
}{
	{permissions.ScopeCollection, "collections", "collection", snapshot.PartCollections},
	{permissions.ScopeContainer, "containers", "container", snapshot.PartContainers},
	{permissions.ScopePAMProvider, "pamProviders", "PAM provider", snapshot.PartPAMProviders},
	{permissions.ScopeIdentityProvider, "identityProviders", "identity provider", snapshot.PartProviders},
}

// reader reads rules.
type reader struct {
	yamlfile.File
	*Rules

	what  string // the file, for errors
	read  func(string) ([]byte, error)
	taken map[string]bool // decisions, by role and name
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// parseRules reads rules. read reads the files that they name.
func parseRules(file string, data []byte, read func(string) ([]byte, error)) (*Rules, error) {
	r := reader{
		Rules: &Rules{
			file: file, files: []report.File{{Label: "Rules", Name: filepath.Base(file), Digest: digest(data)}},
			accounts: map[string][]*identityRule{}, objects: map[permissions.Scope]map[string]*objectRule{}, roles: map[string]*roleRule{},
		},
		what: "rules " + show.Text(file, maxShown), read: read, taken: map[string]bool{},
	}
	m, err := r.Read(bytes.NewReader(data), r.what, maxFile, fileKeys...)
	if err != nil {
		return nil, err
	}
	for key, n := range m {
		if yamlfile.Null(n) {
			delete(m, key) // everything below it is a comment
		}
	}
	if n := m["format"]; n != nil && r.Text(n, "format") != "1" {
		r.Add(n, "format has to be 1; a later version of commandsec-go may read the file")
	}
	r.permissionSet = r.place(m["permissionSet"], "permissionSet")
	r.existing = r.existingOf(m["existing"])
	r.fromNames = r.choice(m["from"], "from", "paths", "names") == "names"
	r.undecided = r.choice(m["otherIdentities"], "otherIdentities", "same", "undecided") == "undecided"
	for _, n := range r.items(m["identities"], "identities") {
		r.identity(n)
	}
	for _, kind := range kinds {
		r.objects[kind.scope] = map[string]*objectRule{}
		for _, n := range r.items(m[kind.key], kind.key) {
			r.object(n, kind.scope, kind.noun)
		}
	}
	for _, n := range r.items(m["decisions"], "decisions") {
		r.decision(n, "")
	}
	for _, n := range r.items(m["roles"], "roles") {
		r.role(n)
	}
	r.loadOverlay(m["overlay"])
	r.loadDecisions(m["decisionsFile"])
	if err := r.Err(r.what); err != nil {
		return nil, err
	}
	return r.Rules, nil
}

// items are those of a list, unless there are too many.
func (r *reader) items(n *yamlfile.Node, what string) []*yamlfile.Node {
	items := r.List(n, what)
	if len(items) > maxEntries {
		r.Add(n, "%s has more than %d entries", what, maxEntries)
		return nil
	}
	return items
}

func (r *reader) place(n *yamlfile.Node, what string) place {
	text := r.Exact(n, what)
	if text == "" {
		return place{}
	}
	return place{text, n.Line, n.Column}
}

// choice returns one of the words, the first one if n is missing or wrong.
func (r *reader) choice(n *yamlfile.Node, what string, words ...string) string {
	text := r.Text(n, what)
	if text == "" {
		return words[0]
	}
	if !slices.Contains(words, text) {
		r.Add(n, "%s is %s; write %s", what, quote(text), strings.Join(words, " or "))
		return words[0]
	}
	return text
}

func (r *reader) existingOf(n *yamlfile.Node) plan.Existing {
	if n == nil {
		return ""
	}
	return plan.Existing(r.choice(n, "existing", string(plan.Add), string(plan.Replace)))
}

// group is the place of a group of a pattern in the value of a claim: ${1}, ${name}. $$
// is a dollar sign, and so is any other one: machine accounts end in it.
var group = regexp.MustCompile(`\$(\$|\{[^{}]*\})`)

func (r *reader) identity(n *yamlfile.Node) {
	m := r.Members(n, "an identity", identityKeys)
	if m == nil {
		return
	}
	rule := &identityRule{place: r.place(m["account"], "account"), claim: r.claim(m["claim"]), drop: r.Flag(m["drop"], "drop"), why: r.Text(m["why"], "why")}
	if text := r.Text(m["type"], "type"); text != "" {
		var err error
		if rule.kind, err = holders.ParseType(text); err != nil || !rule.kind.AD() {
			r.Add(m["type"], "type is %s; an account is a User, a Group or a Computer", quote(text))
		}
	}
	switch {
	case (m["account"] == nil) == (m["pattern"] == nil):
		r.Add(n, "the identity needs either an account or a pattern")
		return
	case (m["claim"] == nil) != rule.drop:
		r.Add(n, "the identity needs either a claim or drop: true")
		return
	case m["account"] != nil:
		account := names.Fold(rule.text)
		for _, other := range r.accounts[account] {
			if other.kind == rule.kind {
				r.Add(m["account"], "there is a rule for %s already, in line %d", quote(rule.text), other.line)
			}
		}
		r.accounts[account] = append(r.accounts[account], rule)
		return
	}
	rule.place = r.place(m["pattern"], "pattern")
	if rule.text == "" {
		return
	}
	pattern, err := regexp.Compile(`\A(?i:` + rule.text + `)\z`)
	if err != nil {
		r.Add(m["pattern"], "the pattern is no regular expression: %s", show.Text(err.Error(), maxShown))
		return
	}
	rule.pattern = pattern
	for _, use := range group.FindAllString(rule.claim.Value, -1) {
		if name := strings.Trim(use, "${}"); use != "$$" && groupOf(pattern, name) < 0 {
			r.Add(m["claim"], "the pattern has no group %s; a group is a part in parentheses: ${1} is the first one", quote(name))
		}
	}
	if len(r.patterns) == maxPatterns {
		r.Add(n, "there are more than %d patterns", maxPatterns)
		return
	}
	r.patterns = append(r.patterns, rule)
}

// groupOf is the number of a group of a pattern, by number or name; -1 if there is none.
func groupOf(pattern *regexp.Regexp, name string) int {
	for i := range pattern.NumSubexp() + 1 {
		if name == strconv.Itoa(i) {
			return i
		}
	}
	return pattern.SubexpIndex(name)
}

// claim reads TYPE:VALUE@SCHEME, or a mapping of the three.
func (r *reader) claim(n *yamlfile.Node) Key {
	if n == nil {
		return Key{}
	}
	if !yamlfile.IsMapping(n) {
		text := r.Exact(n, "a claim")
		if text == "" {
			return Key{}
		}
		k, err := yamlfile.ParseClaim(text)
		if err != nil {
			r.Add(n, "%v", err)
		}
		return k
	}
	m := r.Members(n, "a claim", claimKeys)
	for _, key := range claimKeys {
		if m[key] == nil {
			r.Add(n, "the claim has no %s", key)
		}
	}
	k := Key{Value: r.Exact(m["value"], "value"), Scheme: r.Exact(m["scheme"], "scheme")}
	if kind := r.Text(m["type"], "type"); kind != "" {
		var err error
		if k.Type, err = holders.ParseType(kind); err != nil {
			r.Add(n, "%s is not a claim type; the types are %v", quote(kind), holders.Types())
		}
	}
	return k
}

func (r *reader) object(n *yamlfile.Node, scope permissions.Scope, noun string) {
	m := r.Members(n, "a "+noun, objectKeys)
	if m == nil {
		return
	}
	rule := &objectRule{place: r.place(m["from"], "from"), to: r.Exact(m["to"], "to"), drop: r.Flag(m["drop"], "drop"), why: r.Text(m["why"], "why")}
	switch {
	case m["from"] == nil:
		r.Add(n, "the %s has no from: its name on the source", noun)
	case rule.text == "":
	case (m["to"] == nil) != rule.drop:
		r.Add(n, "the %s needs either to, its name on the target, or drop: true", noun)
	case r.objects[scope][names.Fold(rule.text)] != nil:
		r.Add(m["from"], "the %s %s is there twice", noun, quote(rule.text))
	default:
		r.objects[scope][names.Fold(rule.text)] = rule
	}
}

func (r *reader) role(n *yamlfile.Node) {
	m := r.Members(n, "a role", roleKeys)
	if m == nil {
		return
	}
	rule := &roleRule{
		place: r.place(m["name"], "name"), to: r.Exact(m["to"], "to"), merge: r.Exact(m["merge"], "merge"), skip: r.Flag(m["skip"], "skip"),
		set: r.place(m["permissionSet"], "permissionSet"), existing: r.existingOf(m["existing"]), why: r.Text(m["why"], "why"),
	}
	if m["name"] == nil {
		r.Add(n, "the role has no name")
	}
	if rule.text == "" {
		return
	}
	if other := r.roles[names.Fold(rule.text)]; other != nil {
		r.Add(m["name"], "the role %s is there twice, also in line %d", quote(rule.text), other.line)
	}
	r.roles[names.Fold(rule.text)] = rule
	if m["to"] != nil && m["merge"] != nil {
		r.Add(n, "the role has to and merge: to renames it, and merge makes one role of several; leave one")
	}
	for key, name := range map[string]string{"to": rule.to, "merge": rule.merge} {
		if problem := unfitName(name); name != "" && problem != "" {
			r.Add(m[key], "the name %s", problem)
		}
	}
	for key, value := range m {
		if rule.skip && key != "name" && key != "skip" && key != "why" {
			r.Add(value, "the role is skipped, so that nothing else can be said of it")
		}
	}
	for _, n := range r.items(m["accept"], "accept") {
		code := Code(r.Text(n, "accept"))
		if code != "" && !slices.Contains(acceptable, code) {
			r.Add(n, "%s cannot be accepted; what can be is %s", quote(string(code)), joinCodes(acceptable))
		}
		rule.accept = append(rule.accept, code)
	}
	for _, n := range r.items(m["decisions"], "decisions") {
		r.decision(n, rule.text)
	}
}

func joinCodes(codes []Code) string {
	texts := make([]string, 0, len(codes))
	for _, c := range codes {
		texts = append(texts, string(c))
	}
	return strings.Join(texts, ", ")
}

// anyID is the place of an id in a name of version 1.
const anyID = "[{id}]"

func (r *reader) decision(n *yamlfile.Node, role string) {
	m := r.Members(n, "a decision", decisionKeys)
	if m == nil {
		return
	}
	d := decision{Decision: permissions.Decision{Role: role, Accept: r.Flag(m["accept"], "accept"), Reason: r.Text(m["why"], "why")}, line: n.Line, column: n.Column}
	said := 0
	for _, is := range []bool{d.Accept, r.Flag(m["drop"], "drop"), m["paths"] != nil} {
		if is {
			said++
		}
	}
	if said != 1 {
		r.Add(n, "a decision is one of accept: true, drop: true and paths")
	}
	text := r.Text(m["name"], "name")
	if m["name"] == nil {
		r.Add(n, "the decision has no name: the permission that it is about")
	}
	if text == "" {
		return
	}
	parsed, err := permissions.ParseLegacy(strings.Replace(text, anyID, "[1]", 1))
	if err != nil {
		r.Add(m["name"], "%s", strings.TrimPrefix(err.Error(), "permissions: "))
		return
	}
	if d.Name = parsed; strings.Contains(text, anyID) {
		d.Name = permissions.Legacy(strings.Replace(string(parsed), "[1]", anyID, 1))
	}
	for _, n := range r.items(m["paths"], "paths") {
		text := r.Text(n, "a path")
		if text == "" {
			continue
		}
		sample := text
		if strings.Contains(string(d.Name), anyID) {
			sample = strings.ReplaceAll(text, "/{id}/", "/1/")
		}
		if _, err := permissions.ParsePath(sample); err != nil {
			r.Add(n, "%s", strings.TrimPrefix(err.Error(), "permissions: "))
			continue
		}
		d.Paths = append(d.Paths, permissions.Path(text))
	}
	if m["paths"] != nil && len(d.Paths) == 0 && yamlfile.IsList(m["paths"]) {
		r.Add(m["paths"], "there are no paths; write drop: true to drop the permission")
	}
	r.keep(d)
}

// keep keeps a decision, unless there is one already.
func (r *reader) keep(d decision) {
	id := names.Fold(d.Role) + "\x00" + string(d.Name)
	if r.taken[id] {
		r.AddAt(d.line, d.column, "there is a decision about %s already", d.Name)
		return
	}
	r.taken[id] = true
	r.decisions = append(r.decisions, d)
}

// beside reads a file that the rules name.
func (r *reader) beside(n *yamlfile.Node, what, label string) []byte {
	name := r.Text(n, what)
	if name == "" {
		return nil
	}
	data, err := r.read(name)
	if err != nil {
		r.Add(n, "%s %s: %s", what, quote(name), show.Text(err.Error(), maxShown))
		return nil
	}
	r.files = append(r.files, report.File{Label: label, Name: name, Digest: digest(data)})
	return data
}

func (r *reader) loadOverlay(n *yamlfile.Node) {
	data := r.beside(n, "overlay", "Overlay")
	if data == nil {
		return
	}
	overlay, err := permissions.ParseOverlay(data)
	if err != nil {
		r.Add(n, "overlay: %s", show.Text(strings.TrimPrefix(err.Error(), "permissions: "), 5*maxShown))
		return
	}
	r.overlay = overlay
}

func (r *reader) loadDecisions(n *yamlfile.Node) {
	data := r.beside(n, "decisionsFile", "Decisions")
	if data == nil {
		return
	}
	list, err := permissions.ParseDecisions(data)
	if err != nil {
		r.Add(n, "decisionsFile: %s", show.Text(strings.TrimPrefix(err.Error(), "permissions: "), 5*maxShown))
		return
	}
	for _, d := range list {
		r.keep(decision{Decision: d, line: n.Line, column: n.Column})
	}
}

// unfitName says why no role of the target may have a name.
func unfitName(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "is empty"
	case strings.ToValidUTF8(name, "") != name:
		return "is not valid UTF-8"
	case strings.ContainsFunc(name, show.Hidden):
		return "holds control or invisible characters"
	case limits.Exceeds(name, limits.RoleName):
		return fmt.Sprintf("is longer than the %d characters that the server takes", limits.RoleName)
	}
	return ""
}
