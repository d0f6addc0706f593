package securitytest

// The types of this file describe the state: they seed it (see the With functions), and the reading methods of Handler
// return them.

// GlobalPermissionSetID is the id of the permission set Global, the same on every server.
const GlobalPermissionSetID = "099c05f0-deba-4562-a5b1-f491e19c0749"

// A Role is a security role as both API versions see it.
type Role struct {
	// ID is the id. Zero, when seeding, takes the next free one; the id of an existing role replaces that role.
	ID int
	// Name is the name, unique without regard to case.
	Name string
	// Description is the description.
	Description string
	// EmailAddress is the address; empty stands for null on the wire.
	EmailAddress string
	// Disabled is the opposite of the Enabled of version 1.
	Disabled bool
	// Private is the deprecated flag of version 1.
	Private bool
	// Immutable roles refuse every change but that of their members.
	Immutable bool
	// PermissionSet is the id or the name of the role's permission set; empty means Global.
	PermissionSet string
	// Permissions are access control strings, as version 2 writes them.
	Permissions []string
	// Legacy are names as version 1 knows them: "AdminPortal:Read", and for permissions on one object
	// "Collections[6]:Read", "Containers[2]:Schedule" and "PamProviders[1]:Modify". When seeding, the role gets what
	// Permissions and Legacy grant together; names that have no counterpart in version 2 are kept for version 1.
	Legacy []string
	// Claims are the role's claims. When seeding they are matched by type, value and scheme, and created when absent.
	Claims []Claim
	// Identities are the account names of the role's identities. When seeding they are created when absent.
	Identities []string
}

// A Claim is a claim definition. Its type, value and scheme identify it.
type Claim struct {
	// ID is the id. Zero, when seeding, takes the next free one.
	ID int
	// Type is the name of the claim type: User, Group, Computer, OAuthOid, OAuthRole, OAuthSubject or OAuthClientId.
	Type string
	// Value is the value.
	Value string
	// Scheme is the authentication scheme of the provider, for example "System" or "Active Directory".
	Scheme string
	// Description is the description.
	Description string
}

// An Identity is a legacy Active Directory identity.
type Identity struct {
	// ID is the id. Zero, when seeding, takes the next free one.
	ID int
	// AccountName is the account as DOMAIN\name.
	AccountName string
	// Type is User or Group; empty means User.
	Type string
	// SID is the security identifier; empty makes one up.
	SID string
}

// A PermissionSet limits what the roles in it may be granted.
type PermissionSet struct {
	// ID is the id, a GUID; empty, when seeding, makes one up.
	ID string
	// Name is the name.
	Name string
	// Permissions are access control strings.
	Permissions []string
}

// An IdentityProvider is a source of claims.
type IdentityProvider struct {
	// ID is the id, a GUID; empty, when seeding, makes one up.
	ID string
	// Scheme is the authentication scheme, by which claims name their provider.
	Scheme string
	// DisplayName is the name shown; empty means the scheme.
	DisplayName string
	// PermissionSet is the id or the name of the provider's permission set; empty means Global.
	PermissionSet string
}

// A Collection is a certificate collection.
type Collection struct {
	// ID is the id. Zero, when seeding, takes the next free one.
	ID int
	// Name is the name.
	Name string
	// Description is the description.
	Description string
	// Query is what selects its certificates.
	Query string
}

// A Container is a certificate store container, called application in newer versions.
type Container struct {
	// ID is the id. Zero, when seeding, takes the next free one.
	ID int
	// Name is the name.
	Name string
}

// A PAMProvider is a privileged access management provider.
type PAMProvider struct {
	// ID is the id. Zero, when seeding, takes the next free one.
	ID int
	// Name is the name.
	Name string
}

// A Certificate is a certificate that permissions can be audited on.
type Certificate struct {
	// ID is the id. Zero, when seeding, takes the next free one.
	ID int
	// Collections are the ids of the collections that the certificate is in.
	Collections []int
}
