package securitytest

import (
	"errors"
	"fmt"
	"slices"
)

// Reading and changing the state directly, without the API: for assertions, and to play another program that writes.
// These methods are not recorded, need no permission, and no fault hits them.

// lists are the paged lists of the API.
type lists struct {
	roles      list[*role]
	claims     list[*claim]
	identities list[*claim]
	sets       *list[*permissionSet]
	providers  *list[*provider]
	objects    map[string]*list[*object] // by kind
}

func newLists(cfg *config) *lists {
	return &lists{
		roles:      list[*role]{columns: roleColumns(), sortBy: "Name"},
		claims:     list[*claim]{columns: claimColumns(), sortBy: "Provider"},
		identities: list[*claim]{columns: identityColumns()},
		sets:       &list[*permissionSet]{columns: permissionSetColumns(), sortBy: "Id"},
		providers:  &list[*provider]{columns: providerColumns(cfg), sortBy: "Provider"},
		objects: map[string]*list[*object]{
			collections:  {columns: objectColumns(), sortBy: "Name"},
			containers:   {columns: objectColumns(), sortBy: "Name"},
			pamProviders: {columns: objectColumns(), sortBy: "Name"},
		},
	}
}

// Roles returns all roles by id.
func (h *Handler) Roles() []Role {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var result []Role
	for _, r := range h.state.allRoles() {
		result = append(result, h.state.exported(r))
	}
	return result
}

// Role returns a role.
func (h *Handler) Role(id int) (Role, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	r, found := h.state.roles[id]
	if !found {
		return Role{}, false
	}
	return h.state.exported(r), true
}

// Claims returns all claims by id.
func (h *Handler) Claims() []Claim {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var result []Claim
	for _, c := range h.state.claims.all() {
		result = append(result, c.exported())
	}
	return result
}

// Identities returns all identities by id. From version 11 on they are among the claims too, unless the server keeps the
// two apart.
func (h *Handler) Identities() []Identity {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var result []Identity
	for _, i := range h.state.allIdentities() {
		result = append(result, Identity{i.id, i.value, claimTypes[i.kind], i.sid})
	}
	return result
}

// PermissionSets returns all permission sets by id.
func (h *Handler) PermissionSets() []PermissionSet {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var result []PermissionSet
	for _, set := range h.state.allSets() {
		result = append(result, PermissionSet{set.id, set.name, slices.Clone(set.paths)})
	}
	return result
}

// AddRole adds a role and returns its id. The id of an existing role replaces it.
func (h *Handler) AddRole(seed Role) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.state.seedRole(seed)
	if err != nil {
		return 0, err
	}
	return r.id, nil
}

// UpdateRole changes a role, even an immutable one. If the function changes only one of Permissions and Legacy, the
// other follows. If it changes both, the role gets what they grant together. The same is true of Claims and Identities,
// unless the server keeps them apart.
func (h *Handler) UpdateRole(id int, change func(*Role)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	old, found := h.state.roles[id]
	if !found {
		return fmt.Errorf("there is no role %d", id)
	}
	seed := h.state.exported(old)
	before := h.state.exported(old)
	change(&seed)
	switch permissions, legacy := !slices.Equal(before.Permissions, seed.Permissions), !slices.Equal(before.Legacy, seed.Legacy); {
	case legacy && !permissions:
		seed.Permissions = nil
	case permissions && !legacy:
		seed.Legacy = nil
	}
	switch claims, identities := !slices.Equal(before.Claims, seed.Claims), !slices.Equal(before.Identities, seed.Identities); {
	case h.state.keepsApart():
	case claims && !identities:
		seed.Identities = nil
	case identities && !claims:
		seed.Claims = slices.DeleteFunc(seed.Claims, func(c Claim) bool {
			known, found := h.state.claims.byID[c.ID]
			return found && known.isAccount()
		})
	}
	seed.ID = id
	_, err := h.state.seedRole(seed)
	return err
}

// DeleteRole removes a role, even an immutable one, and reports whether it existed.
func (h *Handler) DeleteRole(id int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, found := h.state.roles[id]
	h.state.dropRole(id)
	return found
}

// AddClaim adds a claim and returns its id.
func (h *Handler) AddClaim(seed Claim) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.state.hasClaims() {
		return 0, errors.New("version 10 has no claims")
	}
	c, err := h.state.seedClaim(seed, nil)
	if err != nil {
		return 0, err
	}
	return c.id, nil
}

// DeleteClaim removes a claim, takes it from its roles, and reports whether it existed.
func (h *Handler) DeleteClaim(id int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, found := h.state.claims.byID[id]
	if found {
		h.state.drop(h.state.claims, c)
	}
	return found
}

// AddIdentity adds an identity and returns its id.
func (h *Handler) AddIdentity(seed Identity) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, err := h.state.seedIdentity(seed)
	if err != nil {
		return 0, err
	}
	return i.id, nil
}

// DeleteIdentity removes an identity, takes it from its roles, and reports whether it existed.
func (h *Handler) DeleteIdentity(id int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, err := h.state.identity(id)
	if err == nil {
		h.state.drop(h.state.identities, i)
	}
	return err == nil
}

// exported describes a role.
func (s *state) exported(r *role) Role {
	result := Role{
		ID: r.id, Name: r.name, Description: r.description, EmailAddress: r.email, Disabled: !r.enabled, Private: r.private,
		Immutable: r.immutable, PermissionSet: r.set, Permissions: minimal(r.paths), Legacy: slices.Clone(r.legacy),
	}
	for _, path := range r.paths {
		if grant, ok := mapping.grant(path); ok {
			result.Legacy = append(result.Legacy, grant.String())
		}
	}
	for _, id := range r.claims {
		result.Claims = append(result.Claims, s.claims.byID[id].exported())
	}
	for _, i := range s.identitiesOf(r) {
		result.Identities = append(result.Identities, i.value)
	}
	return result
}

func (c *claim) exported() Claim {
	return Claim{c.id, claimTypes[c.kind], c.value, c.provider.scheme, c.description}
}
