package plan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/accounts"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// Make plans how a server becomes what is desired. It needs no server, changes neither
// of its arguments, and the same arguments give the same plan.
//
// An error of type [Problems] says everything that is wrong with the desired state on
// this server. What cannot be done, or must not be done because the snapshot lacks
// something, is no error but a step that is blocked, with the reason.
func Make(current *snapshot.Snapshot, desired *Desired, opts *Options) (*Plan, error) {
	if current == nil || desired == nil {
		return nil, errors.New("make a plan: there must be a snapshot and a desired state")
	}
	if opts == nil {
		opts = &Options{}
	}
	m := &maker{
		world: newWorld(current.Sorted(), opts.Convert), opts: opts, desired: desired, problems: check(desired),
		sets: map[string]*target{}, claims: map[Key]*target{}, identities: map[Key]*target{},
		roles: map[string]*roleTarget{}, gone: map[gone]Position{}, described: map[string]string{}, namedAt: map[Key]Position{}, nearest: map[permissions.Path]string{},
	}
	m.problems = append(m.problems, desired.wrong...)
	if !m.server() {
		return nil, m.problems.err() // on another server, everything else is wrong, too
	}
	m.descriptions()
	m.permissionSets()
	m.describeClaims()
	m.absentClaims()
	for i := range desired.Roles {
		m.role(&desired.Roles[i])
	}
	m.absentRoles()
	m.takeFromAll()
	m.unnamed()
	m.only()
	m.decisions()
	if len(m.problems) > 0 {
		m.problems = append(m.problems, m.doubts...)
		return nil, m.problems.err()
	}
	b := &builder{world: m.world, account: opts.Account, warnings: joined(m.warnings), later: m.later}
	b.targets = m.targets()
	p := b.build()
	p.Desired = Source{desired.File, desired.Digest}
	p.Conversion = slices.Clone(opts.Conversion)
	p.Only = append([]string{}, opts.Only...)
	return p, nil
}

// target is an object and what is to become of it.
type target struct {
	kind    Kind
	name    string
	version int
	before  *Object // nil: it is not there
	after   *Object // nil: it should not be there
	vague   bool    // it should be changed, and to what is not known; always blocked
	blocked string
	at      Position

	promised []Key // who should hold the role, if it is vague
	// heldBefore and heldAfter hold a role through version 1, on servers that keep
	// identities apart from claims.
	heldBefore, heldAfter []Key
	implied               bool // nobody named it but a holder of a role
}

// roleTarget is a role and what is to become of it.
type roleTarget struct {
	name    string
	now     *snapshot.Role // nil: it is new
	role    *target        // what version 2 writes
	fixed   *target        // what is desired and nobody can change: always blocked
	members *target        // what version 1 writes
	delete  bool
	at      Position
}

// maker compares a desired state with a world.
type maker struct {
	*world

	opts       *Options
	desired    *Desired
	problems   problems
	doubts     problems // what may be wrong: said together with problems, if there are any
	warnings   []Warning
	sets       map[string]*target     // by folded name
	claims     map[Key]*target        // by folded key
	identities map[Key]*target        // likewise
	roles      map[string]*roleTarget // by folded name as it is now, that of a new role as it will be
	gone       map[gone]Position      // who should hold nothing any more
	described  map[string]string      // descriptions of claims that are created, by [holderID]
	namedAt    map[Key]Position       // where holders are named first, by folded key
	nearest    map[permissions.Path]string
	later      []string
}

// gone is a holder who should hold nothing any more, by folded key: as a claim, or as an
// identity of a server that keeps the two apart.
type gone struct {
	key      Key
	identity bool
}

func (m *maker) goneAs(k Key, identity bool) gone { return gone{k.Fold(), identity && m.separate()} }

// server reports whether the desired state is for this server.
func (m *maker) server() bool {
	if m.desired.Server.Value == "" {
		return true
	}
	want, err := snapshot.NormalizeURL(m.desired.Server.Value)
	if err != nil || want == m.Server.URL {
		return true // check noted what is no URL
	}
	m.problems.add(m.desired.Server.At, "the desired state is for the server %s, and the snapshot is of %s; correct or remove its server",
		quote(want), quote(m.Server.URL))
	return false
}

// descriptions notes what claims are to be called if they are created.
func (m *maker) descriptions() {
	for i := range m.desired.Roles {
		for _, h := range m.desired.Roles[i].Holders {
			if h.Description != nil && !h.Identity {
				m.described[holderID(h.Key)] = *h.Description
			}
		}
	}
}

// path makes a path of what somebody wrote.
func (m *maker) path(t Text) (permissions.Path, permissions.Legacy, bool) {
	r, err := parseRight(t.Value)
	if err != nil {
		return "", "", false // check noted it
	}
	p, l, err := m.objects.resolve(r)
	if err != nil {
		m.problems.add(t.At, "%s", strings.TrimPrefix(err.Error(), "permissions: "))
		return "", "", false
	}
	return p, l, true
}

// paths makes paths of what somebody wrote for a role or, without a name, for a
// permission set, and says where each is written.
func (m *maker) paths(role string, list []Text) (permissions.Set, map[permissions.Path]Position) {
	paths, written := make([]permissions.Path, 0, len(list)), make(map[permissions.Path]Position, len(list))
	var legacy []permissions.Legacy
	at := map[permissions.Legacy]Position{}
	for _, t := range list {
		p, l, ok := m.path(t)
		switch {
		case !ok:
		case l == "":
			paths, written[p] = append(paths, p), t.At
		case role != "": // check noted it in a permission set
			legacy, at[l] = append(legacy, l), t.At
		}
	}
	if len(legacy) == 0 {
		return permissions.NewSet(paths...), written
	}
	// ConvertAll, because a decision may be about one role alone.
	c := permissions.ConvertAll([]permissions.LegacyRole{{Role: role, Names: legacy}}, m.convert).Roles[0]
	for _, item := range c.Items {
		for _, p := range item.Paths {
			written[p] = at[item.Input]
		}
		if item.Outcome == permissions.OutcomeUnknown || item.Outcome == permissions.OutcomeRefused {
			m.problems.add(at[item.Input], "cannot convert %s, write paths instead: %s", quote(string(item.Input)), item.Reason)
		}
	}
	for _, item := range c.Undecided() {
		text := fmt.Sprintf("The version 1 name %s of role %s became %s (%s).", item.Name, quote(role), joinPaths(item.Paths), item.Confidence)
		if len(item.Paths) == 0 {
			text = fmt.Sprintf("The version 1 name %s of role %s became nothing.", item.Name, quote(role))
		}
		if item.Widens != "" {
			text += " It allows more: " + item.Widens + "."
		}
		if item.Narrows != "" {
			text += " It allows less: " + item.Narrows + "."
		}
		m.warn(CodeWidened, report.Medium, text, "Decide whether that is right; write the paths that are.", []string{role})
	}
	return c.Set.Add(paths...), written
}

func joinPaths(list []permissions.Path) string {
	texts := make([]string, 0, len(list))
	for _, p := range list {
		texts = append(texts, string(p))
	}
	return strings.Join(texts, " ")
}

func (m *maker) warn(code Code, severity report.Severity, text, do string, roles []string, keys ...Key) {
	m.warnings = append(m.warnings, Warning{Code: code, Severity: severity, Text: text, Do: do, Roles: roles, Holders: keys})
}

// unknown warns about paths that nobody knows, and about those for objects that are not
// there, among those that come new.
func (m *maker) unknown(what, name string, added permissions.Set, at map[permissions.Path]Position) {
	for p := range added.All() {
		var text, do string
		switch noun := m.objects.missing(p); {
		case !m.known(p):
			text = fmt.Sprintf("Nobody knows the permission %s of %s %s: neither the server's list nor the catalogue has it.%s", p, what, quote(name), m.near(p))
			do = "Check the spelling; the server may refuse it, or it grants nothing."
		case noun != "":
			text = fmt.Sprintf("The permission %s of %s %s is for a %s that the server does not have.", p, what, quote(name), noun)
			do = "Check the id, or write the name in braces in its place."
		default:
			continue
		}
		m.doubts.add(at[p], "%s", text)
		if s := at[p].String(); s != "" {
			text += " See " + s + "."
		}
		m.warn(CodeUnknown, report.Medium, text, do, []string{name})
	}
}

// mostSearches is how many names get a search for the one that was probably meant, and how
// many paths: each looks at all that the server has. An error lists fewer.
const mostSearches = 100

// near suggests the known path that one was probably meant to be.
func (m *maker) near(p permissions.Path) string {
	text, searched := m.nearest[p]
	if searched || len(m.nearest) == mostSearches {
		return text
	}
	for _, f := range permissions.Lint([]permissions.Path{p}, nil) {
		if f.Code == permissions.CodeMisspelled && len(f.Suggest) > 0 {
			text = " Did you mean " + string(f.Suggest[0]) + "?"
		}
	}
	m.nearest[p] = text
	return text
}

// fit refuses a name that nothing new may have. One that is empty in a file is told
// already.
func (m *maker) fit(at Position, what, name string, limit int) {
	if problem := unfitName(name, limit); problem != "" && !(strings.TrimSpace(name) == "" && len(m.desired.wrong) > 0) {
		m.problems.add(at, "%s %s%s", what, problem, escaped(name))
	}
}

// escaped is what to do about a name whose backslash YAML took for the beginning of a
// control character.
func escaped(name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return "; in double quotes, YAML makes one of a backslash and a letter: write 'DOMAIN\\name' in single quotes"
	}
	return ""
}

const noSets = "the server has no permission sets: Command has them from version 11 on"

func (m *maker) permissionSets() {
	for i := range m.desired.PermissionSets {
		m.permissionSet(&m.desired.PermissionSets[i])
	}
	for _, t := range m.desired.Absent.PermissionSets {
		found := m.world.sets[names.Fold(t.Value)]
		gap := m.gap(snapshot.PartPermissionSets, "")
		switch {
		case len(found) > 1:
			m.ambiguous("permission sets", t.Value, t.At)
		case len(found) == 1:
			set := &target{kind: KindPermissionSet, name: found[0].Name, version: 1, before: setObject(found[0]), at: t.At}
			if found[0].ID == globalSet {
				set.blocked = "the permission set Global is built in: every server has it"
			}
			m.sets[names.Fold(t.Value)] = set
		case gap != nil && !m.legacy:
			m.sets[names.Fold(t.Value)] = &target{
				kind: KindPermissionSet, name: t.Value, version: 1, at: t.At,
				blocked: "whether there is such a permission set is not known: " + gapText(gap),
			}
		default:
			m.misspelled("permission set", t.Value, m.setNames, t.At)
		}
	}
}

func setObject(set *snapshot.PermissionSet) *Object {
	return &Object{PermissionSet: &PermissionSetState{ID: set.ID, Name: set.Name, Permissions: append([]permissions.Path{}, set.Permissions...)}}
}

func (m *maker) ambiguous(what, name string, at Position) {
	m.problems.add(at, "the server has several %s with the name %s, so that a plan cannot tell which is meant", what, quote(name))
}

func (m *maker) permissionSet(d *PermissionSet) {
	fold := names.Fold(d.Name)
	want, at := m.paths("", d.Permissions)
	t := &target{kind: KindPermissionSet, name: d.Name, version: 1, at: d.At}
	found := m.world.sets[fold]
	gap := m.gap(snapshot.PartPermissionSets, "")
	switch {
	case len(found) > 1:
		m.ambiguous("permission sets", d.Name, d.At)
		return
	case len(found) == 1:
		t.name, t.before = found[0].Name, setObject(found[0])
		has := permissions.NewSet(found[0].Permissions...)
		if d.Permissions == nil || want.Equal(has) {
			return
		}
		m.unknown("permission set", t.name, want.Minus(has), at)
		t.after = &Object{PermissionSet: &PermissionSetState{ID: found[0].ID, Name: t.name, Permissions: want.Paths()}}
		if found[0].ID == globalSet {
			t.blocked = "the permission set Global is built in: it allows everything on every server"
		}
	default:
		m.fit(d.At, "the name of the permission set", d.Name, 0)
		m.scripts(d.At, "permission set", d.Name)
		m.unknown("permission set", d.Name, want, at)
		t.after = &Object{PermissionSet: &PermissionSetState{Name: d.Name, Permissions: want.Paths()}}
		switch {
		case m.legacy:
			t.blocked = noSets
		case gap != nil:
			t.blocked = "whether there is such a permission set is not known: " + gapText(gap)
		}
	}
	m.sets[fold] = t
}

// describeClaims plans the claims that there should be.
func (m *maker) describeClaims() {
	for _, c := range m.desired.Claims {
		k, err := m.key(Holder{Key: c.Key})
		if err != nil {
			m.problems.add(c.At, "%v", err)
			continue
		}
		if !m.isClaim(k) {
			m.newClaim(k, c.Description, c.At)
			continue
		}
		now := m.claim(k)
		now.Description = m.world.claims[k.Fold()].Description
		if c.Description == nil || *c.Description == now.Description {
			continue
		}
		after := now
		after.Description = *c.Description
		m.claims[k.Fold()] = &target{
			kind: KindClaim, name: k.String(), version: 1, at: c.At, before: &Object{Claim: &now}, after: &Object{Claim: &after},
			blocked: cmpText(now.ID == 0, "the list of claims does not have it, so that its id is not known", ""),
		}
	}
}

func cmpText(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// newClaim plans a claim that the server lacks.
func (m *maker) newClaim(k Key, description *string, at Position) {
	if m.claims[k.Fold()] != nil {
		return
	}
	m.fit(at, "the value of the claim", k.Value, limits.ClaimText)
	m.domain(k, at)
	state := ClaimState{Key: k, Description: cmp.Or(m.described[holderID(k)], k.Value)}
	if description != nil {
		state.Description = *description
	}
	t := &target{kind: KindClaim, name: k.String(), version: 1, at: at, after: &Object{Claim: &state}}
	switch gap := m.gap(snapshot.PartClaims, ""); {
	case m.legacy:
		t.blocked = "the server has no claims: Command has them from version 11 on"
	case gap != nil:
		t.blocked = "whether there is such a claim is not known: " + gapText(gap)
	}
	m.claims[k.Fold()] = t
	if m.gap(snapshot.PartProviders, "") == nil && !names.Same(k.Scheme, holders.SchemeActiveDirectory) &&
		!slices.ContainsFunc(m.Providers, func(p snapshot.Provider) bool { return names.Same(p.Scheme, k.Scheme) }) {
		schemes := make([]string, 0, len(m.Providers))
		for _, p := range m.Providers {
			schemes = append(schemes, p.Scheme)
		}
		text := fmt.Sprintf("No identity provider of the server has the scheme %s of the new claim %s%s.",
			quote(k.Scheme), quote(k.String()), strings.TrimSuffix(didYouMean(k.Scheme, schemes), "?"))
		m.doubts.add(at, "%s", text)
		m.warn(CodeScheme, report.High, text,
			"Correct the scheme, or set the identity provider up first. A plan never changes identity providers.", nil, k)
	}
}

// domain warns about a new account without domain, which the server may spell in its own
// way: what was written would then not be what is there.
func (m *maker) domain(k Key, at Position) {
	if !k.Type.AD() || strings.Contains(k.Value, `\`) {
		return
	}
	text := fmt.Sprintf(`The new account %s is named without a domain. The server may add one, and then it is not what was planned.`, quote(k.Value))
	m.doubts.add(at, "%s", text)
	m.warn(CodeDomain, report.Medium, text, `Write DOMAIN\name.`, nil, k)
}

// newIdentity plans an identity that the server lacks.
func (m *maker) newIdentity(k Key, at Position) {
	if m.identities[k.Fold()] != nil {
		return
	}
	m.fit(at, "the account", k.Value, limits.ClaimText)
	m.domain(k, at)
	t := &target{kind: KindIdentity, name: k.Value, version: 1, at: at, after: &Object{Identity: &IdentityState{Key: k}}}
	if gap := m.gap(snapshot.PartIdentities, ""); gap != nil {
		t.blocked = "whether there is such an identity is not known: " + gapText(gap)
	}
	m.identities[k.Fold()] = t
}

// absentClaims plans the claims and identities that should not be there.
func (m *maker) absentClaims() {
	for _, h := range m.desired.Absent.Claims {
		k, err := m.key(h)
		if err != nil {
			m.problems.add(h.At, "%v", err)
			continue
		}
		m.gone[m.goneAs(k, false)] = h.At
		if m.claims[k.Fold()] != nil {
			m.problems.add(h.At, "the claim %s should be there and be absent", quote(k.String()))
			continue
		}
		t := &target{kind: KindClaim, name: k.String(), version: 1, at: h.At}
		gap := m.gap(snapshot.PartClaims, "")
		switch {
		case m.isClaim(k):
			now := m.claim(k)
			now.Description = m.world.claims[k.Fold()].Description
			t.before = &Object{Claim: &now}
			t.blocked = cmpText(now.ID == 0, "the list of claims does not have it, so that its id is not known", "")
		case gap != nil && !m.legacy:
			t.blocked = "whether there is such a claim is not known: " + gapText(gap)
		default:
			m.misspelled("claim", k.String(), m.claimNames, h.At)
			continue
		}
		m.claims[k.Fold()] = t
	}
	for _, h := range m.desired.Absent.Identities {
		m.absentIdentity(h)
	}
}

func (m *maker) absentIdentity(h Holder) {
	h.Identity = true
	if h.Key.Type == "" { // an account that nobody knows is absent already
		known := false
		for _, t := range []holders.Type{holders.TypeUser, holders.TypeGroup} {
			spelled, err := m.spelled(identityKey(h.Key.Value, t))
			known = known || err != nil || m.world.claims[spelled.Fold()] != nil
		}
		if !known && m.gap(snapshot.PartIdentities, "") == nil {
			m.misspelled("identity", h.Key.Value, m.accountNames, h.At)
			return
		}
	}
	k, err := m.key(h)
	if err != nil {
		m.problems.add(h.At, "%v", err)
		return
	}
	t := &target{kind: KindIdentity, name: k.Value, version: 1, at: h.At}
	gap := m.gap(snapshot.PartIdentities, "")
	switch {
	case m.isIdentity(k):
		m.gone[m.goneAs(k, true)] = h.At
		now := m.identity(k)
		t.before = &Object{Identity: &now}
		if now.ID == 0 {
			t.blocked = "the list of identities does not have it, so that its id is not known"
		} else if accounts.Is(k, m.account()) {
			t.blocked = "the server does not let an account delete its own identity"
		}
	case gap != nil:
		t.blocked = "whether there is such an identity is not known: " + gapText(gap)
	default:
		m.misspelled("identity", k.Value, m.accountNames, h.At)
		return
	}
	m.identities[k.Fold()] = t
}

func (m *maker) account() string {
	if m.opts.Account != "" {
		return m.opts.Account
	}
	return m.Account
}
