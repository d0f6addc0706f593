package securitytest

import (
	"strconv"
	"strings"
	"time"
)

// An Option changes how the simulated server is set up. Options that contradict the seeded state do not fail on the
// spot; [Handler.Err] reports them.
type Option func(*config)

// config is what the options fill in.
type config struct {
	apiPath string
	version version

	roles          []Role
	identities     []Identity
	claims         []Claim
	permissionSets []PermissionSet
	providers      []IdentityProvider
	collections    []Collection
	containers     []Container
	pamProviders   []PAMProvider
	certificates   []Certificate
	directory      []Identity

	users         []user
	tokenLifetime time.Duration
	latency       time.Duration

	strictBodies        bool
	identitiesListWrite *bool
	refuseInUse         bool
	refuseUnknownPaths  bool
	corruptDuplicates   bool
	normaliseDomain     string
	normaliseSchemes    bool
	maxPageSize         int
	noTotalCount        bool
}

// user is somebody who may sign in; exactly one of password, token and secret is set.
type user struct {
	name     string
	password string
	token    string
	secret   string
	roles    []string
}

// WithAPIPath sets the path that the API is served under, /KeyfactorAPI unless given. It may have several segments and
// is matched without regard to case.
func WithAPIPath(path string) Option {
	return func(c *config) { c.apiPath = path }
}

// WithVersion sets the product version, 25.4.1 unless given. Versions 10.x have only version 1 of the API, no claims,
// permission sets and identity providers, and do not tell their product version; 11.0 has no role email address, and
// what came with 24.4 and 25 is missing from everything older.
func WithVersion(product string) Option {
	return func(c *config) { c.version = parseVersion(product) }
}

// WithRoles seeds roles, after everything else has been seeded.
func WithRoles(roles ...Role) Option {
	return func(c *config) { c.roles = append(c.roles, roles...) }
}

// WithIdentities seeds identities.
func WithIdentities(identities ...Identity) Option {
	return func(c *config) { c.identities = append(c.identities, identities...) }
}

// WithClaims seeds claims.
func WithClaims(claims ...Claim) Option {
	return func(c *config) { c.claims = append(c.claims, claims...) }
}

// WithPermissionSets seeds permission sets in addition to Global.
func WithPermissionSets(sets ...PermissionSet) Option {
	return func(c *config) { c.permissionSets = append(c.permissionSets, sets...) }
}

// WithIdentityProviders seeds identity providers in addition to System, Active Directory, unknown and Client
// Certificate Authentication CA.
func WithIdentityProviders(providers ...IdentityProvider) Option {
	return func(c *config) { c.providers = append(c.providers, providers...) }
}

// WithCollections seeds certificate collections.
func WithCollections(collections ...Collection) Option {
	return func(c *config) { c.collections = append(c.collections, collections...) }
}

// WithContainers seeds certificate store containers (applications).
func WithContainers(containers ...Container) Option {
	return func(c *config) { c.containers = append(c.containers, containers...) }
}

// WithPAMProviders seeds PAM providers.
func WithPAMProviders(providers ...PAMProvider) Option {
	return func(c *config) { c.pamProviders = append(c.pamProviders, providers...) }
}

// WithCertificates seeds certificates.
func WithCertificates(certificates ...Certificate) Option {
	return func(c *config) { c.certificates = append(c.certificates, certificates...) }
}

// WithDirectory names the accounts that the Active Directory behind the server has. Only those and the seeded
// identities can then be looked up and added. Without it every account that has a name exists, and is a user.
func WithDirectory(accounts ...Identity) Option {
	return func(c *config) { c.directory = append(c.directory, accounts...) }
}

// WithUser adds a user who signs in with a name and a password and holds the roles named, besides those whose
// identities or claims name the account.
func WithUser(name, password string, roleNames ...string) Option {
	return func(c *config) { c.users = append(c.users, user{name: name, password: password, roles: roleNames}) }
}

// WithToken adds a bearer token that does not expire and holds the roles named.
func WithToken(token string, roleNames ...string) Option {
	return func(c *config) { c.users = append(c.users, user{name: "token", token: token, roles: roleNames}) }
}

// WithClientCredentials adds an OAuth client that can fetch tokens from the token endpoint. Its tokens hold the roles
// named, besides those with an OAuthClientId or OAuthSubject claim of this id.
func WithClientCredentials(id, secret string, roleNames ...string) Option {
	return func(c *config) { c.users = append(c.users, user{name: id, secret: secret, roles: roleNames}) }
}

// WithTokenLifetime sets how long the tokens of the token endpoint are valid, five minutes unless given.
func WithTokenLifetime(lifetime time.Duration) Option {
	return func(c *config) { c.tokenLifetime = lifetime }
}

// WithLatency delays every answer.
func WithLatency(latency time.Duration) Option {
	return func(c *config) { c.latency = latency }
}

// WithStrictBodies refuses request members that the API does not describe, with 400. Whether the real server does is
// not known; by default they are ignored.
func WithStrictBodies() Option {
	return func(c *config) { c.strictBodies = true }
}

// WithIdentitiesListNeedsModify says whether listing identities needs /security/modify/, as the reference pages have
// it, or /security/read/, like the lookup of one. No source settles it. The default is true, and false for version 10.
func WithIdentitiesListNeedsModify(needed bool) Option {
	return func(c *config) { c.identitiesListWrite = &needed }
}

// WithInUseRefused refuses with 400 to delete a claim or an identity that a role still has. What the real server does
// is not known; by default the claim or identity disappears from its roles.
func WithInUseRefused() Option {
	return func(c *config) { c.refuseInUse = true }
}

// WithUnknownPermissionsRefused refuses with 400 access control strings that GET /Permissions does not list. What the
// real server does is not known; by default every well-formed string is taken.
func WithUnknownPermissionsRefused() Option {
	return func(c *config) { c.refuseUnknownPaths = true }
}

// WithDuplicateClaimsCorruption breaks a role that is written with the same claim twice: the write is answered as if
// all was well, and from then on reading the role with version 2 gives 500 until it is written again without
// duplicates. The real server is known to accept duplicates and to damage the role, how is not known. By default the
// role just has the claim twice.
func WithDuplicateClaimsCorruption() Option {
	return func(c *config) { c.corruptDuplicates = true }
}

// WithADClaimNormalization rewrites the values of Active Directory claims the way some servers do: in capitals, and
// with the domain in front when it is missing.
func WithADClaimNormalization(domain string) Option {
	return func(c *config) { c.normaliseDomain = domain }
}

// WithSchemeNormalization reads back the scheme "unknown" as "Unknown", as some servers do.
func WithSchemeNormalization() Option {
	return func(c *config) { c.normaliseSchemes = true }
}

// WithMaxPageSize caps the ReturnLimit of lists silently. No maximum is documented; by default there is none.
func WithMaxPageSize(limit int) Option {
	return func(c *config) { c.maxPageSize = limit }
}

// WithoutTotalCount leaves the X-Total-Count header out of lists, for clients that must not depend on it.
func WithoutTotalCount() Option {
	return func(c *config) { c.noTotalCount = true }
}

// version is a product version.
type version struct {
	text         string
	major, minor int
}

// parseVersion reads a product version; what is missing or not a number counts as zero.
func parseVersion(text string) version {
	parts := strings.SplitN(text, ".", 3)
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	v := version{text: strings.Join(parts, ".")}
	v.major, _ = strconv.Atoi(parts[0])
	v.minor, _ = strconv.Atoi(parts[1])
	return v
}

// atLeast reports whether v is the version given or a later one.
func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}
