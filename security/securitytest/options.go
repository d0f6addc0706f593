package securitytest

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An Option changes how the simulated server is set up. [Handler.Err] reports options that are not valid, or that
// contradict the seeded state.
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

	http2     bool
	endpoints []Endpoint
	quirks    Quirks
	// problems are what is wrong with the options themselves.
	problems []error
}

// user is somebody who may sign in. Exactly one of password, token and secret is set.
type user struct {
	name     string
	password string
	token    string
	secret   string
	roles    []string
}

// addUser adds a user, and notes a name or a credential that is missing.
func (c *config) addUser(option string, u user) {
	if u.name == "" || u.password+u.token+u.secret == "" {
		c.problems = append(c.problems, fmt.Errorf("%s: a name and a credential are required", option))
		return
	}
	c.users = append(c.users, u)
}

// WithAPIPath sets the path that the API is served under, /KeyfactorAPI unless given. It may have several segments and
// is matched without regard to case.
func WithAPIPath(path string) Option {
	return func(c *config) { c.apiPath = path }
}

// WithVersion sets the product version, 25.4.1 unless given. It is two to four numbers with dots between, and a commit
// after a plus sign if one is to be told. The oldest is 10.0.
//
// Versions 10.x have only version 1 of the API, no claims, permission sets and identity providers, and do not tell their
// product version. Claims that other options seed are left out there. Versions before 24.4 have no role email address.
// What came with 25 and 25.2 is missing from everything older.
func WithVersion(product string) Option {
	return func(c *config) {
		var err error
		if c.version, err = parseVersion(product); err != nil {
			c.problems = append(c.problems, err)
		}
	}
}

// WithRoles seeds roles, after everything else has been seeded.
func WithRoles(roles ...Role) Option {
	return func(c *config) { c.roles = append(c.roles, roles...) }
}

// WithIdentities seeds identities. From version 11 on each of them is a claim as well, with the same id; see
// [Quirks.SeparateIdentities].
func WithIdentities(identities ...Identity) Option {
	return func(c *config) { c.identities = append(c.identities, identities...) }
}

// WithClaims seeds claims. From version 11 on, a claim of type User or Group with the scheme Active Directory is an
// identity as well. If WithIdentities seeds the same account, the claim gives it its description.
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

// WithUser adds a user who signs in with a name and a password, neither of them empty. The user holds the roles named,
// and those whose identities or claims name the account.
func WithUser(name, password string, roleNames ...string) Option {
	return func(c *config) { c.addUser("WithUser", user{name: name, password: password, roles: roleNames}) }
}

// WithToken adds a bearer token that does not expire and holds the roles named. It must not be empty.
func WithToken(token string, roleNames ...string) Option {
	return func(c *config) { c.addUser("WithToken", user{name: "token", token: token, roles: roleNames}) }
}

// WithClientCredentials adds an OAuth client that can fetch tokens from the token endpoint. Neither its id nor its
// secret may be empty. Its tokens hold the roles named, and those with an OAuthClientId or OAuthSubject claim of this
// id.
func WithClientCredentials(id, secret string, roleNames ...string) Option {
	return func(c *config) {
		c.addUser("WithClientCredentials", user{name: id, secret: secret, roles: roleNames})
	}
}

// WithTokenLifetime sets how long the tokens of the token endpoint are valid, five minutes unless given.
func WithTokenLifetime(lifetime time.Duration) Option {
	return func(c *config) { c.tokenLifetime = lifetime }
}

// WithLatency delays every answer.
func WithLatency(latency time.Duration) Option {
	return func(c *config) { c.latency = latency }
}

// WithHTTP2 lets a [Server] speak HTTP/2 with clients that can, besides HTTP/1.1. Without it all speak HTTP/1.1, in which
// every [Fault] can be played. Handlers that are mounted elsewhere speak what their server speaks.
func WithHTTP2() Option {
	return func(c *config) { c.http2 = true }
}

// WithQuirks sets what the sources leave open, or what only some servers do. A second WithQuirks replaces the first.
func WithQuirks(quirks Quirks) Option {
	return func(c *config) { c.quirks = quirks }
}

// Quirks are behaviors that no source settles, or that only some servers show. The zero value is what the package
// assumes of a Command server.
type Quirks struct {
	// SeparateIdentities keeps identities and claims apart: identities are seen through version 1 only, claims through
	// version 2 only, and each have ids of their own. Without it, an identity on a server of version 11 or later is the
	// claim of a user or a group with the scheme Active Directory, seen through both versions under the same id. That
	// is inferred. Version 10 has identities only.
	SeparateIdentities bool

	// StrictBodies refuses request members that the API does not describe, with 400. Whether the real server does is
	// not known. Without it they are ignored.
	StrictBodies bool

	// IdentitiesListNeedsRead lets callers with /security/read/ list identities, as they can look up a single one.
	// Without it the list needs /security/modify/ from version 11 on, as the reference pages have it. Version 10 needs
	// read in any case.
	IdentitiesListNeedsRead bool

	// RefuseInUse refuses with 400 to delete a claim or an identity that a role still has. What the real server does is
	// not known. Without it the claim or identity disappears from its roles.
	RefuseInUse bool

	// RefuseUnknownPermissions refuses with 400 access control strings that GET /Permissions does not list. What the
	// real server does is not known. Without it every well-formed string is accepted.
	RefuseUnknownPermissions bool

	// CorruptDuplicates breaks a role that is written with the same claim twice: the write is answered as if all was
	// well, and from then on reading the role with version 2 gives 500 until it is written again without duplicates.
	// The real server is known to accept duplicates and to damage the role. How is not known. Without it the role has
	// the claim twice.
	CorruptDuplicates bool

	// NormalizeADClaims is a domain. If it is set, the values of Active Directory claims that clients write are
	// rewritten as some servers do: in capitals, and with this domain in front if there is none.
	NormalizeADClaims string

	// NormalizeSchemes reads back the scheme "unknown" as "Unknown", as some servers do.
	NormalizeSchemes bool

	// OmitClaimProviders leaves the member Provider out of claims, except for those of the built-in providers. A server
	// of version 25.5.1 with an OpenID Connect provider was seen to do so.
	OmitClaimProviders bool

	// MaxPageSize caps the ReturnLimit of lists silently. No maximum is documented. Zero is no cap.
	MaxPageSize int

	// IgnorePaging answers every page of a list with the whole list.
	IgnorePaging bool

	// OmitTotalCount leaves the header X-Total-Count out of lists.
	OmitTotalCount bool

	// RefuseSortFields are fields that no list can be sorted by: they are refused with 400 and the recorded error code
	// and text of an invalid sort field. The order without a sort field stays.
	RefuseSortFields []string
}

// version is a product version.
type version struct {
	text         string
	major, minor int
}

// The versions with which something came.
var (
	v10  = version{major: 10}
	v11  = version{major: 11}
	v111 = version{major: 11, minor: 1}
	v12  = version{major: 12}
	v244 = version{major: 24, minor: 4}
	v25  = version{major: 25}
	// v252 is the first version of what the vendor's client for 25.1.1 lacks and the published description of version
	// 25 has: GranularPermissions of /Security/My, /Security/My/Permissions, the roles of applications, and the
	// parameters of identity providers with data type 4. That they came with 25.2 is inferred: the same description has
	// the roles of permission sets, which are documented from 25.2 on.
	v252 = version{major: 25, minor: 2}
	v255 = version{major: 25, minor: 5}
)

var versionForm = regexp.MustCompile(`^(\d{1,4})\.(\d{1,4})((?:\.\d{1,9}){0,2})((?:\+[0-9A-Za-z.-]+)?)$`)

// parseVersion reads a product version. The text has three numbers at least.
func parseVersion(text string) (version, error) {
	parts := versionForm.FindStringSubmatch(text)
	if parts == nil {
		return version{}, fmt.Errorf("WithVersion: %q is not a product version such as 25.4.1", text)
	}
	major, majorErr := strconv.Atoi(parts[1])
	minor, minorErr := strconv.Atoi(parts[2])
	v := version{parts[1] + "." + parts[2] + cmp.Or(parts[3], ".0") + parts[4], major, minor}
	if !v.atLeast(v10) {
		return version{}, fmt.Errorf("WithVersion: %s is older than 10.0, the oldest version that is simulated", text)
	}
	return v, errors.Join(majorErr, minorErr)
}

// atLeast reports whether v is the version given or a later one.
func (v version) atLeast(other version) bool {
	return v.major > other.major || v.major == other.major && v.minor >= other.minor
}

// told is the version as the product version header tells it: with a commit in what was recorded of 25.4, without one
// in what was recorded of 25.5. Version 10 is documented not to tell.
func (v version) told() string {
	switch {
	case !v.atLeast(v11):
		return ""
	case v.atLeast(v255) || strings.Contains(v.text, "+"):
		return v.text
	default:
		return v.text + "+4f1c2ab09d7e35866b0e1f94c8d2a7733e5b6091"
	}
}
