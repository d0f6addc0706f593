package securitytest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// state is everything the server knows. Its methods expect the lock of the Handler to be held.
//
// Roles, claims and identities are never changed in place: a write puts a new value, so that what a request has read
// stays as it was while its answer is being encoded.
type state struct {
	cfg *config

	roles      map[int]*role
	claims     map[int]*claim
	identities map[int]*identity
	sets       map[string]*permissionSet
	providers  map[string]*provider
	objects    map[string]map[int]string // names of collections, containers and PAM providers, by kind
	certs      map[int]Certificate
	directory  map[string]Identity // by lower-case account name; nil when every account exists

	// Finding by name. Keys are in lower case where case does not matter.
	roleNames map[string]int
	claimKeys map[claimKey]int
	accounts  map[string]int

	// Which roles have a claim or an identity.
	claimRoles    map[int]map[int]bool
	identityRoles map[int]map[int]bool

	// The last ids given away. Ids are not used again.
	lastRole, lastClaim, lastIdentity, lastGUID int

	// writes counts the changes; what is derived from the state is stale when it has moved on.
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
	legacy     []string
	claims     []int
	identities []int
	// corrupt roles cannot be read with version 2.
	corrupt bool
}

type claim struct {
	id          int
	kind        int
	value       string
	provider    *provider
	description string
}

// claimKey is the natural key of a claim. Active Directory values compare without regard to case, others exactly; the
// latter is an assumption.
type claimKey struct {
	kind     int
	value    string
	provider string
}

type identity struct {
	id      int
	account string
	kind    string
	sid     string
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
	claimSubject  = 5
	claimClientID = 6
)

// newState sets up the state of a fresh server and the seeds of the configuration.
func newState(cfg *config) (*state, error) {
	s := &state{
		cfg:           cfg,
		roles:         map[int]*role{},
		claims:        map[int]*claim{},
		identities:    map[int]*identity{},
		sets:          map[string]*permissionSet{},
		providers:     map[string]*provider{},
		objects:       map[string]map[int]string{collections: {}, containers: {}, pamProviders: {}},
		certs:         map[int]Certificate{},
		roleNames:     map[string]int{},
		claimKeys:     map[claimKey]int{},
		accounts:      map[string]int{},
		claimRoles:    map[int]map[int]bool{},
		identityRoles: map[int]map[int]bool{},
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

// seed adds the configured objects, and reports all that do not fit.
func (s *state) seed(cfg *config) error {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, c := range cfg.collections {
		s.putObject(collections, c.ID, c.Name)
	}
	for _, c := range cfg.containers {
		s.putObject(containers, c.ID, c.Name)
	}
	for _, p := range cfg.pamProviders {
		s.putObject(pamProviders, p.ID, p.Name)
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
			s.directory[strings.ToLower(account.AccountName)] = account
		}
	}
	for _, set := range cfg.permissionSets {
		note(s.seedSet(set))
	}
	for _, p := range cfg.providers {
		note(s.seedProvider(p))
	}
	for _, i := range cfg.identities {
		_, err := s.seedIdentity(i)
		note(err)
	}
	for _, c := range cfg.claims {
		_, err := s.seedClaim(c)
		note(err)
	}
	for _, r := range cfg.roles {
		_, err := s.seedRole(r)
		note(err)
	}
	return errors.Join(errs...)
}

func (s *state) putObject(kind string, id int, name string) {
	if id == 0 {
		id = len(s.objects[kind]) + 1
		for s.objects[kind][id] != "" {
			id++
		}
	}
	s.objects[kind][id] = name
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
	} else if !isGUID(id) {
		return fmt.Errorf("permission set %q: the id %q is not a GUID", set.Name, set.ID)
	}
	s.sets[id] = &permissionSet{id: id, name: set.Name, paths: slices.Clone(set.Permissions)}
	return nil
}

func (s *state) seedIdentity(seed Identity) (*identity, error) {
	if seed.AccountName == "" {
		return nil, errors.New("identity without an account name")
	}
	if id, found := s.accounts[strings.ToLower(seed.AccountName)]; found {
		return nil, fmt.Errorf("identity %q: there is one already, with id %d", seed.AccountName, id)
	}
	if _, taken := s.identities[seed.ID]; taken {
		return nil, fmt.Errorf("identity %q: the id %d is taken", seed.AccountName, seed.ID)
	}
	return s.putIdentity(&identity{id: seed.ID, account: seed.AccountName, kind: seed.Type, sid: seed.SID}), nil
}

func (s *state) seedClaim(seed Claim) (*claim, error) {
	kind, found := parseClaimType(seed.Type)
	if !found {
		return nil, fmt.Errorf("claim %q: there is no type %q", seed.Value, seed.Type)
	}
	c, err := s.newClaim(kind, seed.Value, seed.Scheme, seed.Description)
	if err != nil {
		return nil, fmt.Errorf("claim %q: %w", seed.Value, err)
	}
	if id, found := s.claimKeys[c.key()]; found {
		return nil, fmt.Errorf("claim %q: there is one already, with id %d", seed.Value, id)
	}
	if _, taken := s.claims[seed.ID]; taken {
		return nil, fmt.Errorf("claim %q: the id %d is taken", seed.Value, seed.ID)
	}
	c.id = seed.ID
	return s.putClaim(c), nil
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
	for _, account := range seed.Identities {
		id, found := s.accounts[strings.ToLower(account)]
		if !found {
			i, err := s.seedIdentity(Identity{AccountName: account})
			if err != nil {
				return nil, fmt.Errorf("role %q: %w", seed.Name, err)
			}
			id = i.id
		}
		r.identities = append(r.identities, id)
	}
	for _, c := range seed.Claims {
		kind, found := parseClaimType(c.Type)
		if !found {
			return nil, fmt.Errorf("role %q: there is no claim type %q", seed.Name, c.Type)
		}
		known, err := s.ensureClaim(kind, c.Value, c.Scheme, c.Description)
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", seed.Name, err)
		}
		r.claims = append(r.claims, known.id)
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
		link(s.claimRoles, id, r.id)
	}
	for _, id := range r.identities {
		link(s.identityRoles, id, r.id)
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
		delete(s.claimRoles[claimID], id)
	}
	for _, identityID := range old.identities {
		delete(s.identityRoles[identityID], id)
	}
}

func link(index map[int]map[int]bool, from, to int) {
	if index[from] == nil {
		index[from] = map[int]bool{}
	}
	index[from][to] = true
}

func (s *state) putClaim(c *claim) *claim {
	s.writes++
	if c.id == 0 {
		c.id = s.lastClaim + 1
	}
	s.lastClaim = max(s.lastClaim, c.id)
	s.claims[c.id] = c
	s.claimKeys[c.key()] = c.id
	return c
}

// dropClaim removes a claim and takes it from the roles that have it.
func (s *state) dropClaim(c *claim) {
	for _, r := range s.rolesOf(s.claimRoles[c.id]) {
		changed := r.clone()
		changed.claims = slices.DeleteFunc(changed.claims, func(id int) bool { return id == c.id })
		s.putRole(changed)
	}
	s.writes++
	delete(s.claims, c.id)
	delete(s.claimKeys, c.key())
	delete(s.claimRoles, c.id)
}

func (s *state) putIdentity(i *identity) *identity {
	s.writes++
	if i.id == 0 {
		i.id = s.lastIdentity + 1
	}
	s.lastIdentity = max(s.lastIdentity, i.id)
	if i.kind == "" {
		i.kind = "User"
	}
	if i.sid == "" {
		i.sid = fmt.Sprintf("S-1-5-21-1111111111-2222222222-3333333333-%d", 1102+i.id)
	}
	s.identities[i.id] = i
	s.accounts[strings.ToLower(i.account)] = i.id
	return i
}

// dropIdentity removes an identity and takes it from the roles that have it.
func (s *state) dropIdentity(i *identity) {
	for _, r := range s.rolesOf(s.identityRoles[i.id]) {
		changed := r.clone()
		changed.identities = slices.DeleteFunc(changed.identities, func(id int) bool { return id == i.id })
		s.putRole(changed)
	}
	s.writes++
	delete(s.identities, i.id)
	delete(s.accounts, strings.ToLower(i.account))
	delete(s.identityRoles, i.id)
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

func (s *state) allClaims() []*claim {
	return slices.SortedFunc(maps.Values(s.claims), func(a, b *claim) int { return cmp.Compare(a.id, b.id) })
}

func (s *state) allIdentities() []*identity {
	return slices.SortedFunc(maps.Values(s.identities), func(a, b *identity) int { return cmp.Compare(a.id, b.id) })
}

func (s *state) allSets() []*permissionSet {
	return slices.SortedFunc(maps.Values(s.sets), func(a, b *permissionSet) int { return cmp.Compare(a.id, b.id) })
}

func (s *state) allProviders() []*provider {
	return slices.SortedFunc(maps.Values(s.providers), func(a, b *provider) int { return cmp.Compare(a.id, b.id) })
}

// findSet finds a permission set by id or name; nothing and the all-zero GUID mean Global.
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

var guidForm = regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func isGUID(text string) bool { return len(text) == len(zeroGUID) && guidForm.MatchString(text) }

// newGUID makes up an id. It counts, so that two servers with the same history have the same ids.
func (s *state) newGUID() string {
	s.lastGUID++
	return fmt.Sprintf("7d0b6c1e-52a4-4f3b-9c8e-%012x", s.lastGUID)
}
