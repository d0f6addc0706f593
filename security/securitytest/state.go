package securitytest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/internal/validate"
)

// state is everything the server knows. Its methods expect the lock of the Handler to be held.
//
// Roles and claims are never changed in place: a write puts a new value, so that what a request has read stays as it was
// while its answer is being encoded.
type state struct {
	cfg *config

	roles map[int]*role
	// claims are all claims. identities hold those that version 1 shows as identities: the same store, unless the
	// server keeps the two apart.
	claims, identities *holders

	sets      map[string]*permissionSet
	providers map[string]*provider
	objects   map[string]map[int]*object // collections, containers and PAM providers, by kind
	certs     map[int]Certificate
	directory map[string]Identity // by lower-case account name; nil if every account exists

	roleNames map[string]int // ids by lower-case name

	// The last ids given away. Ids are not used again.
	lastRole, lastGUID int

	// writes counts the changes. What is derived from the state is stale after the next one.
	writes uint64
}

type role struct {
	id          int
	name        string
	description string
	email       string
	enabled     bool
	private     bool
	immutable   bool
	set         string
	// paths is all that the role grants. It may be redundant, since version 1 grants globally and by object side by side.
	paths []string
	// legacy are the global names that version 1 shows.
	legacy []string
	claims []int
	// identities are empty if identities are claims.
	identities []int
	// corrupt roles cannot be read with version 2.
	corrupt bool
}

// claim is a claim, or an identity: an identity is the claim of a user or a group with the scheme Active Directory.
type claim struct {
	id          int
	kind        int
	value       string
	provider    *provider
	description string
	// sid is the security identifier of an account, empty for other claims.
	sid string
}

// isAccount reports whether version 1 shows the claim as an identity.
func (c *claim) isAccount() bool {
	return c.provider.scheme == schemeAD && (c.kind == claimUser || c.kind == claimGroup)
}

// claimKey is the natural key of a claim. Active Directory values compare without regard to case, others exactly; the
// latter is an assumption.
type claimKey struct {
	kind     int
	value    string
	provider string
}

func (c *claim) key() claimKey {
	key := claimKey{kind: c.kind, value: c.value, provider: c.provider.id}
	if c.provider.scheme == schemeAD {
		key.value = strings.ToLower(key.value)
	}
	return key
}

// holders are what roles are given to: claims, or identities.
type holders struct {
	byID  map[int]*claim
	byKey map[claimKey]int
	// roles are the ids of the roles of each holder.
	roles map[int]map[int]bool
	// last is the last id given away.
	last int
}

func newHolders() *holders {
	return &holders{byID: map[int]*claim{}, byKey: map[claimKey]int{}, roles: map[int]map[int]bool{}}
}

// find finds a holder by its natural key.
func (h *holders) find(key claimKey) (*claim, bool) {
	c, found := h.byID[h.byKey[key]]
	return c, found
}

// all are the holders by id.
func (h *holders) all() []*claim {
	return slices.SortedFunc(maps.Values(h.byID), func(a, b *claim) int { return cmp.Compare(a.id, b.id) })
}

type permissionSet struct {
	id    string
	name  string
	paths []string
}

// schemeAD is the scheme of the claims whose values are accounts of the Active Directory.
const schemeAD = "Active Directory"

// claimTypes are the names of the claim types; the index is the number that requests carry.
var claimTypes = []string{"User", "Group", "Computer", "OAuthOid", "OAuthRole", "OAuthSubject", "OAuthClientId"}

const (
	claimUser     = 0
	claimGroup    = 1
	claimSubject  = 5
	claimClientID = 6
)

// newState sets up the state of a fresh server and the seeds of the configuration.
func newState(cfg *config) (*state, error) {
	s := &state{
		cfg:       cfg,
		roles:     map[int]*role{},
		claims:    newHolders(),
		sets:      map[string]*permissionSet{},
		providers: map[string]*provider{},
		objects:   map[string]map[int]*object{collections: {}, containers: {}, pamProviders: {}},
		certs:     map[int]Certificate{},
		roleNames: map[string]int{},
	}
	s.identities = s.claims
	if cfg.quirks.SeparateIdentities || !s.hasClaims() {
		s.identities = newHolders()
	}
	s.sets[GlobalPermissionSetID] = &permissionSet{id: GlobalPermissionSetID, name: "Global", paths: []string{"/"}}
	s.seedBuiltIn()
	s.putRole(&role{
		id: 1, name: "Administrator", description: "Built-in management portal administration role",
		enabled: true, immutable: true, set: GlobalPermissionSetID, paths: []string{"/"},
	})
	s.putRole(&role{
		id: 2, name: "Reporting API Access", description: "Default Role For Dashboard use",
		enabled: true, immutable: true, set: GlobalPermissionSetID,
		paths:  []string{"/portal/read/", "/dashboard/read/"},
		legacy: []string{"AdminPortal:Read", "Dashboard:Read"},
	})
	err := s.seed(cfg)
	return s, err
}

// hasClaims reports whether the version of the server has claims. Version 10 has identities only.
func (s *state) hasClaims() bool { return s.cfg.version.atLeast(v11) }

// keepsApart reports whether identities are something else than claims.
func (s *state) keepsApart() bool { return s.identities != s.claims }

// seed adds the configured objects, and reports all that do not fit.
func (s *state) seed(cfg *config) error {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, c := range cfg.collections {
		s.putObject(collections, c.object())
	}
	for _, c := range cfg.containers {
		s.putObject(containers, object{id: c.ID, name: c.Name})
	}
	for _, p := range cfg.pamProviders {
		s.putObject(pamProviders, object{id: p.ID, name: p.Name})
	}
	for _, c := range cfg.certificates {
		if c.ID == 0 {
			c.ID = len(s.certs) + 1
		}
		s.certs[c.ID] = c
	}
	if cfg.directory != nil {
		s.directory = map[string]Identity{}
		for _, account := range cfg.directory {
			_, err := s.newIdentity(account)
			note(err)
			s.directory[strings.ToLower(account.AccountName)] = account
		}
	}
	for _, set := range cfg.permissionSets {
		note(s.seedSet(set))
	}
	for _, p := range cfg.providers {
		note(s.seedProvider(p))
	}
	described := map[int]bool{} // identities that a seeded claim may describe
	for _, i := range cfg.identities {
		seeded, err := s.seedIdentity(i)
		note(err)
		if err == nil && !s.keepsApart() {
			described[seeded.id] = true
		}
	}
	if s.hasClaims() {
		for _, c := range cfg.claims {
			_, err := s.seedClaim(c, described)
			note(err)
		}
	}
	for _, r := range cfg.roles {
		_, err := s.seedRole(r)
		note(err)
	}
	return errors.Join(errs...)
}

func (s *state) seedSet(set PermissionSet) error {
	for _, path := range set.Permissions {
		if !wellFormed(path) {
			return fmt.Errorf("permission set %q: %q is not an access control string", set.Name, path)
		}
	}
	id := strings.ToLower(set.ID)
	if id == "" {
		id = s.newGUID()
	} else if !validate.IsGUID(id) {
		return fmt.Errorf("permission set %q: the id %q is not a GUID", set.Name, set.ID)
	}
	s.sets[id] = &permissionSet{id: id, name: set.Name, paths: slices.Clone(set.Permissions)}
	return nil
}

func (s *state) seedIdentity(seed Identity) (*claim, error) {
	if seed.AccountName == "" {
		return nil, errors.New("identity without an account name")
	}
	if known, found := s.account(seed.AccountName); found {
		return nil, fmt.Errorf("identity %q: it exists already, with id %d", seed.AccountName, known.id)
	}
	if _, taken := s.identities.byID[seed.ID]; taken {
		return nil, fmt.Errorf("identity %q: the id %d is taken", seed.AccountName, seed.ID)
	}
	i, err := s.newIdentity(seed)
	if err != nil {
		return nil, err
	}
	return s.put(s.identities, i), nil
}

// seedClaim stores a claim. One that is an identity in described gives that identity its description.
func (s *state) seedClaim(seed Claim, described map[int]bool) (*claim, error) {
	kind, found := parseClaimType(seed.Type)
	if !found {
		return nil, fmt.Errorf("claim %q: there is no claim type %q", seed.Value, seed.Type)
	}
	c, err := s.newClaim(kind, seed.Value, seed.Scheme, seed.Description)
	if err != nil {
		return nil, fmt.Errorf("claim %q: %w", seed.Value, err)
	}
	c.id = seed.ID
	known, found := s.claims.find(c.key())
	if found && described[known.id] && (c.id == 0 || c.id == known.id) {
		delete(described, known.id)
		changed := *known
		changed.description = c.description
		return s.put(s.claims, &changed), nil
	}
	if found {
		return nil, fmt.Errorf("claim %q: it exists already, with id %d", seed.Value, known.id)
	}
	if _, taken := s.claims.byID[seed.ID]; taken {
		return nil, fmt.Errorf("claim %q: the id %d is taken", seed.Value, seed.ID)
	}
	return s.put(s.claims, c), nil
}

// seedRole puts a role from its description, replacing the one with the same id.
func (s *state) seedRole(seed Role) (*role, error) {
	r := &role{
		id: seed.ID, name: seed.Name, description: seed.Description, email: seed.EmailAddress,
		enabled: !seed.Disabled, private: seed.Private, immutable: seed.Immutable,
	}
	if id, found := s.roleNames[strings.ToLower(seed.Name)]; found && id != seed.ID {
		return nil, fmt.Errorf("role %q: there is one already, with id %d", seed.Name, id)
	}
	set, found := s.findSet(seed.PermissionSet)
	if !found {
		return nil, fmt.Errorf("role %q: there is no permission set %q", seed.Name, seed.PermissionSet)
	}
	r.set = set
	for _, path := range seed.Permissions {
		if !wellFormed(path) {
			return nil, fmt.Errorf("role %q: %q is not an access control string", seed.Name, path)
		}
		r.grant(path)
	}
	var names []string
	for _, name := range seed.Legacy {
		if path, isObject := mapping.parseObjectName(name); isObject {
			r.grant(path)
			continue
		}
		names = append(names, name)
		for _, path := range mapping.paths[name] {
			r.grant(path)
		}
	}
	// Every name that was seeded stays, also those that version 2 does not know.
	r.legacy = names
	for _, name := range mapping.legacyNames(r.paths, names) {
		if !slices.Contains(r.legacy, name) {
			r.legacy = append(r.legacy, name)
		}
	}
	for _, c := range seed.Claims {
		kind, found := parseClaimType(c.Type)
		if !found {
			return nil, fmt.Errorf("role %q: there is no claim type %q", seed.Name, c.Type)
		}
		if !s.hasClaims() {
			continue
		}
		known, err := s.ensureClaim(kind, c.Value, c.Scheme, c.Description)
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", seed.Name, err)
		}
		r.claims = append(r.claims, known.id)
	}
	for _, account := range seed.Identities {
		i, found := s.account(account)
		if !found {
			var err error
			if i, err = s.seedIdentity(Identity{AccountName: account}); err != nil {
				return nil, fmt.Errorf("role %q: %w", seed.Name, err)
			}
		}
		s.addIdentity(r, i)
	}
	return s.putRole(r), nil
}

// grant adds a path to a role that is being built.
func (r *role) grant(path string) {
	if !slices.Contains(r.paths, path) {
		r.paths = append(r.paths, path)
	}
}

// clone is a copy that can be changed and put.
func (r *role) clone() *role {
	c := *r
	c.paths = slices.Clone(r.paths)
	c.legacy = slices.Clone(r.legacy)
	c.claims = slices.Clone(r.claims)
	c.identities = slices.Clone(r.identities)
	return &c
}

// putRole stores a role, giving it an id if it has none, and keeps the indexes in step.
func (s *state) putRole(r *role) *role {
	if r.id == 0 {
		r.id = s.lastRole + 1
	}
	s.lastRole = max(s.lastRole, r.id)
	s.dropRole(r.id)
	s.roles[r.id] = r
	s.roleNames[strings.ToLower(r.name)] = r.id
	for _, id := range r.claims {
		link(s.claims.roles, id, r.id)
	}
	for _, id := range r.identities {
		link(s.identities.roles, id, r.id)
	}
	return r
}

func (s *state) dropRole(id int) {
	s.writes++
	old, found := s.roles[id]
	if !found {
		return
	}
	delete(s.roles, id)
	delete(s.roleNames, strings.ToLower(old.name))
	for _, claimID := range old.claims {
		delete(s.claims.roles[claimID], id)
	}
	for _, identityID := range old.identities {
		delete(s.identities.roles[identityID], id)
	}
}

func link(index map[int]map[int]bool, from, to int) {
	if index[from] == nil {
		index[from] = map[int]bool{}
	}
	index[from][to] = true
}

// put stores a claim or an identity, giving it an id if it has none.
func (s *state) put(into *holders, c *claim) *claim {
	s.writes++
	if c.id == 0 {
		c.id = into.last + 1
	}
	into.last = max(into.last, c.id)
	if c.sid == "" && c.isAccount() {
		c.sid = fmt.Sprintf("S-1-5-21-1111111111-2222222222-3333333333-%d", 1102+c.id)
	}
	into.byID[c.id] = c
	into.byKey[c.key()] = c.id
	return c
}

// drop removes a claim or an identity and takes it from the roles that have it.
func (s *state) drop(from *holders, c *claim) {
	for _, r := range s.rolesOf(from.roles[c.id]) {
		changed := r.clone()
		members := &changed.claims
		if from != s.claims {
			members = &changed.identities
		}
		*members = slices.DeleteFunc(*members, func(id int) bool { return id == c.id })
		s.putRole(changed)
	}
	s.writes++
	delete(from.byID, c.id)
	delete(from.byKey, c.key())
	delete(from.roles, c.id)
}

// rolesOf are the roles with the ids given, by id.
func (s *state) rolesOf(ids map[int]bool) []*role {
	roles := make([]*role, 0, len(ids))
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		roles = append(roles, s.roles[id])
	}
	return roles
}

// allRoles are the roles by id.
func (s *state) allRoles() []*role {
	return slices.SortedFunc(maps.Values(s.roles), func(a, b *role) int { return cmp.Compare(a.id, b.id) })
}

func (s *state) allSets() []*permissionSet {
	return slices.SortedFunc(maps.Values(s.sets), func(a, b *permissionSet) int { return cmp.Compare(a.id, b.id) })
}

func (s *state) allProviders() []*provider {
	return slices.SortedFunc(maps.Values(s.providers), func(a, b *provider) int { return cmp.Compare(a.id, b.id) })
}

// findSet finds a permission set by id or name. An empty text and the GUID of zeros mean Global.
func (s *state) findSet(nameOrID string) (id string, found bool) {
	if nameOrID == "" || nameOrID == zeroGUID {
		return GlobalPermissionSetID, true
	}
	if set, found := s.sets[strings.ToLower(nameOrID)]; found {
		return set.id, true
	}
	for _, set := range s.sets {
		if strings.EqualFold(set.name, nameOrID) {
			return set.id, true
		}
	}
	return "", false
}

const zeroGUID = "00000000-0000-0000-0000-000000000000"

// newGUID makes up an id. It counts, so that two servers with the same history have the same ids.
func (s *state) newGUID() string {
	s.lastGUID++
	return fmt.Sprintf("7d0b6c1e-52a4-4f3b-9c8e-%012x", s.lastGUID)
}
