package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
)

// globalSet is the id of the permission set that every server has, and that allows
// everything.
const globalSet = admin.GlobalSet

// administrator is the id of the built-in role that can do everything, whatever its
// list of permissions says.
const administrator = 1

// world is a snapshot, found by name and key.
type world struct {
	*snapshot.Snapshot

	convert *permissions.ConvertOptions
	gaps    map[gapKey]*snapshot.Gap

	// legacy: the server has version 1 of roles only. apart: it keeps identities apart
	// from claims, so that they are written through version 1.
	legacy, apart bool
	// noEmail: the server does not show the e-mail addresses of roles.
	noEmail bool

	roles    map[string][]*snapshot.Role // by folded name, like the following
	roleByID map[int]*snapshot.Role
	claims   map[Key]*snapshot.Claim
	bare     map[Key][]*snapshot.Claim // Active Directory, without domain
	sets     map[string][]*snapshot.PermissionSet
	setByID  map[string]*snapshot.PermissionSet
	listed   map[permissions.Path]bool // what the server lists as grantable
	objects  *objects
}

type gapKey struct {
	part   snapshot.Part
	object string
}

func newWorld(s *snapshot.Snapshot, convert *permissions.ConvertOptions) *world {
	w := &world{
		Snapshot: s, convert: convert,
		gaps: map[gapKey]*snapshot.Gap{}, roles: map[string][]*snapshot.Role{}, roleByID: map[int]*snapshot.Role{}, claims: map[Key]*snapshot.Claim{},
		bare: map[Key][]*snapshot.Claim{}, sets: map[string][]*snapshot.PermissionSet{},
		setByID: map[string]*snapshot.PermissionSet{}, listed: map[permissions.Path]bool{}, objects: newObjects(s),
	}
	for i := range s.Gaps {
		g := &s.Gaps[i]
		w.gaps[gapKey{g.Part, names.Fold(g.Object)}] = g
	}
	for i := range s.Roles {
		r := &s.Roles[i]
		w.roles[names.Fold(r.Name)] = append(w.roles[names.Fold(r.Name)], r)
		w.roleByID[r.ID] = r
		if read(r, 1) && read(r, 2) {
			w.apart = w.apart || slices.ContainsFunc(r.Holders, seenOnce)
		}
	}
	for i := range s.Claims {
		c := &s.Claims[i]
		w.claims[c.Key.Fold()] = c
		if domain, bare := c.Key.Domain(); domain != "" {
			w.bare[bare.Fold()] = append(w.bare[bare.Fold()], c)
		}
	}
	for i := range s.PermissionSets {
		set := &s.PermissionSets[i]
		w.sets[names.Fold(set.Name)] = append(w.sets[names.Fold(set.Name)], set)
		w.setByID[set.ID] = set
	}
	for _, p := range s.Permissions {
		w.listed[p.Canonical()] = true
	}
	w.noEmail = limits.BeforeEmail(s.Server.Version) && !slices.ContainsFunc(s.Roles, func(r snapshot.Role) bool { return r.EmailAddress != "" })
	if g := w.gap(snapshot.PartRolesV2, ""); g != nil && g.Reason == snapshot.ReasonNotThere {
		w.legacy = !slices.ContainsFunc(s.Roles, func(r snapshot.Role) bool { return read(&r, 2) })
	}
	return w
}

// seenOnce reports an Active Directory user or group that only one version shows at a
// role that both have read.
func seenOnce(h snapshot.Holder) bool {
	return (h.Key.Type == holders.TypeUser || h.Key.Type == holders.TypeGroup) && len(h.Versions) == 1
}

// read reports whether a version of the API showed a role.
func read(r *snapshot.Role, version int) bool { return slices.Contains(r.Versions, version) }

// gap finds the gap about an object, or about the whole part.
func (w *world) gap(part snapshot.Part, object string) *snapshot.Gap {
	if object != "" {
		if g := w.gaps[gapKey{part, names.Fold(object)}]; g != nil {
			return g
		}
	}
	return w.gaps[gapKey{part, ""}]
}

// unread says why what a version of the API shows of a role is not known, or "".
func (w *world) unread(r *snapshot.Role, version int) string {
	part := snapshot.PartRolesV1
	if version == 2 {
		part = snapshot.PartRolesV2
	}
	g := w.gap(part, r.Name)
	switch {
	case version == 1 && g != nil && g.Reason == snapshot.ReasonNotThere:
		return "" // the server has no version 1, so there is nothing to know
	case read(r, version) && (g == nil || g.Object == ""):
		return ""
	case g != nil:
		return gapText(g)
	}
	return fmt.Sprintf("version %d of the API did not show it", version)
}

// state is a role as version 2 shows it.
func (w *world) state(r *snapshot.Role) *RoleState {
	out := &RoleState{
		ID: r.ID, Name: r.Name, Description: r.Description, EmailAddress: r.EmailAddress,
		PermissionSetID: r.PermissionSetID, PermissionSet: w.setName(r.PermissionSetID),
		Paths: append([]permissions.Path{}, r.Paths...), Claims: make([]ClaimState, 0, len(r.Holders)),
	}
	for _, h := range r.Holders {
		if slices.Contains(h.Versions, 2) {
			out.Claims = append(out.Claims, w.claim(h.Key))
		}
	}
	out.Claims = sortClaims(out.Claims)
	return out
}

// members are the identities that hold a role and are no claims.
func (w *world) members(r *snapshot.Role) *MembersState {
	out := &MembersState{RoleID: r.ID, Role: r.Name, Identities: []IdentityState{}}
	for _, h := range r.Holders {
		if slices.Contains(h.Versions, 1) {
			out.Identities = append(out.Identities, w.identity(h.Key))
		}
	}
	out.Identities = sortIdentities(out.Identities)
	return out
}

func (w *world) claim(k Key) ClaimState {
	out := ClaimState{Key: k}
	if c := w.claims[k.Fold()]; c != nil {
		out = ClaimState{ID: c.ClaimID, Key: c.Key, Description: c.Description}
	}
	out.Description = cmp.Or(out.Description, k.Value)
	return out
}

func (w *world) identity(k Key) IdentityState {
	if c := w.claims[k.Fold()]; c != nil {
		return IdentityState{c.IdentityID, c.Key}
	}
	return IdentityState{Key: k}
}

// setName is what people call a permission set.
func (w *world) setName(id string) string {
	if set := w.setByID[id]; set != nil {
		return set.Name
	}
	if id == globalSet {
		return "Global"
	}
	return id
}

// grants is what a role grants: its paths or, if only version 1 shows it, what its names
// stand for. The built-in role Administrator can do everything, even if its lists are
// empty.
func (w *world) grants(r *snapshot.Role) permissions.Set {
	switch {
	case len(r.Paths) > 0:
		return permissions.NewSet(r.Paths...)
	case r.ID == administrator && r.Immutable:
		return permissions.NewSet("/")
	case read(r, 2):
		return permissions.Set{}
	}
	return permissions.Convert(r.Names, w.convert).Set
}

// known reports whether a path is one that the server or the catalogue has.
func (w *world) known(p permissions.Path) bool {
	_, ok := permissions.Known(p)
	return ok || w.listed[p] || w.listed[p.Unscoped()]
}

// key is the spelling of the server for a holder that somebody wrote: the server adds
// the domain of an Active Directory account.
func (w *world) key(h Holder) (Key, error) {
	k := h.Key
	if !h.Identity || k.Type != "" {
		return w.spelled(k)
	}
	var found []Key
	for _, t := range []holders.Type{holders.TypeUser, holders.TypeGroup} {
		k.Type = t
		spelled, err := w.spelled(k)
		if err != nil {
			return Key{}, err
		}
		if w.claims[spelled.Fold()] != nil {
			found = append(found, spelled)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Key{}, fmt.Errorf("the server does not know the account %s; add type: User or type: Group to create it%s", quote(k.Value), escaped(k.Value))
	}
	return Key{}, fmt.Errorf("the account %s is a user and a group on the server; add its type", quote(k.Value))
}

func (w *world) spelled(k Key) (Key, error) {
	if c := w.claims[k.Fold()]; c != nil {
		return c.Key, nil
	}
	domain, bare := k.Domain()
	if !k.Type.AD() || domain != "" {
		return k, nil
	}
	switch found := w.bare[bare.Fold()]; len(found) {
	case 0:
		return k, nil
	case 1:
		return found[0].Key, nil
	default:
		all := make([]string, 0, len(found))
		for _, c := range found {
			all = append(all, quote(c.Key.Value))
		}
		return Key{}, fmt.Errorf("%s may be each of %s; write the domain", quote(k.Value), strings.Join(all, ", "))
	}
}

// isClaim and isIdentity report whether the server has a holder as such.
func (w *world) isClaim(k Key) bool {
	c := w.claims[k.Fold()]
	return c != nil && slices.Contains(c.Versions, 2)
}

func (w *world) isIdentity(k Key) bool {
	c := w.claims[k.Fold()]
	return c != nil && slices.Contains(c.Versions, 1)
}

// separate reports whether identities are written through version 1.
func (w *world) separate() bool { return w.apart || w.legacy }
