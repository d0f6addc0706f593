package securitytest

import (
	"fmt"
	"slices"
)

// Reading and changing the state directly, past the API: for assertions, and to play another program that writes. None
// of these methods is recorded, checked for permission or subject to faults.

// lists are the paged lists of the API.
type lists struct {
	roles      list[*role]
	claims     list[*claim]
	identities list[*identity]
	sets       *list[*permissionSet]
	providers  *list[*provider]
}

func newLists(cfg *config) *lists {
	return &lists{
		roles:      list[*role]{columns: roleColumns(), sortBy: "Name"},
		claims:     list[*claim]{columns: claimColumns(), sortBy: "Provider"},
		identities: list[*identity]{columns: identityColumns()},
		sets:       &list[*permissionSet]{columns: permissionSetColumns(), sortBy: "Id"},
		providers:  &list[*provider]{columns: providerColumns(cfg), sortBy: "Provider"},
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
	for _, c := range h.state.allClaims() {
		result = append(result, c.exported())
	}
	return result
}

// Identities returns all identities by id.
func (h *Handler) Identities() []Identity {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var result []Identity
	for _, i := range h.state.allIdentities() {
		result = append(result, Identity{i.id, i.account, i.kind, i.sid})
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

// UpdateRole changes a role, also an immutable one. When the function changes only one of Permissions and Legacy, the
// other follows; when it changes both, the role gets what they grant together.
func (h *Handler) UpdateRole(id int, change func(*Role)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	old, found := h.state.roles[id]
	if !found {
		return fmt.Errorf("there is no role %d", id)
	}
	seed := h.state.exported(old)
	permissions, legacy := slices.Clone(seed.Permissions), slices.Clone(seed.Legacy)
	change(&seed)
	switch permissionsSame, legacySame := slices.Equal(permissions, seed.Permissions), slices.Equal(legacy, seed.Legacy); {
	case permissionsSame && !legacySame:
		seed.Permissions = nil
	case !permissionsSame && legacySame:
		seed.Legacy = nil
	}
	seed.ID = id
	_, err := h.state.seedRole(seed)
	return err
}

// DeleteRole removes a role, also an immutable one, and reports whether there was one.
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
	c, err := h.state.seedClaim(seed)
	if err != nil {
		return 0, err
	}
	return c.id, nil
}

// DeleteClaim removes a claim, takes it from its roles, and reports whether there was one.
func (h *Handler) DeleteClaim(id int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, found := h.state.claims[id]
	if found {
		h.state.dropClaim(c)
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

// DeleteIdentity removes an identity, takes it from its roles, and reports whether there was one.
func (h *Handler) DeleteIdentity(id int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, found := h.state.identities[id]
	if found {
		h.state.dropIdentity(i)
	}
	return found
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
		result.Claims = append(result.Claims, s.claims[id].exported())
	}
	for _, id := range r.identities {
		result.Identities = append(result.Identities, s.identities[id].account)
	}
	return result
}

func (c *claim) exported() Claim {
	return Claim{c.id, claimTypes[c.kind], c.value, c.provider.scheme, c.description}
}
