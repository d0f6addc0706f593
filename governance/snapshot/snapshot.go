// Package snapshot holds who can do what on one Command server, at one time, as one
// value and one file. It computes and knows no network: package take, below it, reads
// a server into a [Snapshot].
//
// A snapshot says what it does not know. Whatever could not be read is a [Gap] with
// its reason, and a list that changed while it was read is named in
// [Snapshot.Rereads]. An empty list without a gap is a list that the server has empty.
//
// Objects are told apart by what people know them by, their natural keys: roles,
// permission sets, collections, containers and PAM providers by name, identity
// providers by scheme, holders by [Key]. Ids are kept, because paths name objects by
// them, but they differ between servers.
package snapshot

import (
	"time"

	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/permissions"
)

// Format is the format of the files that this package writes, and the only one that
// it reads.
const Format = 1

// Key is the natural key of a holder: type, value, scheme. See [holders.Key].
type Key = holders.Key

// Snapshot is who can do what on one server. Snapshots from package take and from
// [Load] are sorted. Nothing in this package changes a snapshot that it is given.
type Snapshot struct {
	Server  Server    `json:"server"`
	TakenAt time.Time `json:"takenAt"` // when the reading began, in UTC, to the second

	// Account is who it was read as: a user, a client id, or the subject of a client
	// certificate. It is empty if the client does not know it, as with a token. What
	// this account may not see is not in the snapshot.
	Account string `json:"account"`

	// Signatures says whether the server was asked to check the audit signatures of
	// its records: whether the Valid of roles and claims means anything.
	Signatures Signatures `json:"signatures"`

	Roles          []Role             `json:"roles"`          // by name
	Claims         []Claim            `json:"claims"`         // by key
	PermissionSets []PermissionSet    `json:"permissionSets"` // by name
	Providers      []Provider         `json:"providers"`      // by scheme
	Permissions    []permissions.Path `json:"permissions"`    // what the server lists as grantable, without ids
	Collections    []Collection       `json:"collections"`    // by name
	Containers     []Object           `json:"containers"`     // certificate store containers, by name
	PAMProviders   []Object           `json:"pamProviders"`   // by name

	Gaps    []Gap    `json:"gaps"`    // what could not be read, or was not asked for
	Rereads []Reread `json:"rereads"` // lists that changed while they were read
}

// Server is the server that a snapshot is of.
type Server struct {
	URL     string `json:"url"`     // with the API path, see [NormalizeURL]
	Version string `json:"version"` // as the server sent it; empty if it does not say, as before 11
}

// Signatures is whether audit signatures were checked.
type Signatures string

// Whether they were.
const (
	SignaturesChecked Signatures = "checked"
	SignaturesSkipped Signatures = "skipped" // by an option of the reading: it is slow
)

// Role is a security role with everything that it grants and everybody who holds it.
type Role struct {
	ID              int    `json:"id"`
	Name            string `json:"name"`
	Description     string `json:"description"`
	EmailAddress    string `json:"emailAddress,omitempty"`
	PermissionSetID string `json:"permissionSetId,omitempty"` // GUID; none before Command 11
	Immutable       bool   `json:"immutable"`                 // true: only its holders can be changed

	// What only version 1 shows; nil if version 1 was not read.
	Enabled *bool `json:"enabled,omitempty"` // a disabled role cannot be assigned
	Private *bool `json:"private,omitempty"` // without documented effect
	Valid   *bool `json:"valid,omitempty"`   // false: the record's audit signature does not match; nil: not checked

	// Versions are those of the API that showed the role in full, in order: 1, 2. Paths
	// were read if 2 is among them, Names if 1 is. Of a role with neither only a list
	// is known: there is a gap about it.
	Versions []int `json:"versions"`
	// Paths are what the role grants, as version 2 shows it.
	Paths []permissions.Path `json:"paths"`
	// Names are what the role grants, as version 1 shows it. Those for single objects
	// ("Collections[6]:Read") were read, too, if ObjectNames is true.
	Names       []permissions.Legacy `json:"names"`
	ObjectNames bool                 `json:"objectNames"`

	// Holders are all who hold the role, through either version, by key.
	Holders []Holder `json:"holders"`
}

// Holder is somebody who holds a role.
type Holder struct {
	Key Key `json:"key"`
	// Versions are those of the API that showed the holder at this role, in order: 1
	// (among its identities), 2 (among its claims).
	Versions []int `json:"versions"`
}

// Claim is somebody who can hold roles: a claim, an identity, or one that is seen as
// both. They are joined by [Key.Fold]: of two spellings that differ in case where case
// does not count, one is kept, that of the claim. A value without a domain is not
// joined to one with a domain: they may be two accounts.
//
// Whoever holds a role of the snapshot is among the claims, listed by the server or not.
type Claim struct {
	Key         Key    `json:"key"`
	ClaimID     int    `json:"claimId,omitempty"`    // 0: not seen as a claim
	IdentityID  int    `json:"identityId,omitempty"` // 0: not seen as an identity
	Description string `json:"description,omitempty"`
	SID         string `json:"sid,omitempty"`   // as far as version 1 tells
	Valid       *bool  `json:"valid,omitempty"` // false: the identity's audit signature does not match; nil: not checked
	// Versions are those through which it was seen, in order: 1 (as an identity), 2
	// (as a claim, although the list of claims is of version 1 of the API).
	Versions []int `json:"versions"`
}

// PermissionSet is the limit of what the roles in it can be granted.
type PermissionSet struct {
	ID          string             `json:"id"` // GUID
	Name        string             `json:"name"`
	Permissions []permissions.Path `json:"permissions"`
}

// Provider is an identity provider, without its secrets.
type Provider struct {
	ID              string `json:"id"`     // GUID
	Scheme          string `json:"scheme"` // as claims name it; on Command 11.0 the display name
	Name            string `json:"name"`
	TypeID          string `json:"typeId,omitempty"`          // GUID
	PermissionSetID string `json:"permissionSetId,omitempty"` // GUID
	Enabled         bool   `json:"enabled"`
	// Parameters say who the provider is and how it names people: addresses, client
	// id, the names of claims, by the parameter's name. No other parameter is kept.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Collection is a certificate collection. Whoever changes its query changes what every
// right on it means.
type Collection struct {
	ID          int    `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Query       string `json:"query"`
}

// Object is a certificate store container or a PAM provider.
type Object struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// Part is a part of a snapshot, read by requests of its own.
type Part string

// The parts.
const (
	PartRolesV1        Part = "roles, version 1" // names, identities, signatures, flags
	PartRolesV2        Part = "roles, version 2" // paths, claims
	PartObjectNames    Part = "names for single objects"
	PartClaims         Part = "claims"
	PartIdentities     Part = "identities"
	PartPermissionSets Part = "permission sets"
	PartProviders      Part = "identity providers"
	PartPermissions    Part = "permissions"
	PartCollections    Part = "collections"
	PartContainers     Part = "containers"
	PartPAMProviders   Part = "PAM providers"
)

// Reason is why something is not in a snapshot.
type Reason string

// The reasons.
const (
	ReasonRefused    Reason = "refused"     // the account lacks the permission (403)
	ReasonNotThere   Reason = "not there"   // the server has no such endpoint
	ReasonGone       Reason = "gone"        // it was deleted between the list and the reading
	ReasonFailed     Reason = "failed"      // the server failed to read it (400, 500)
	ReasonUnreadable Reason = "unreadable"  // the server's answer makes no sense
	ReasonNotAsked   Reason = "not asked"   // an option was not given, see Gap.Option
	ReasonHidden     Reason = "not visible" // something refers to it, and the list lacks it
)

// Gap is something that a snapshot lacks, and why.
type Gap struct {
	Part Part `json:"part"`
	// Object is the name of the role, or whatever else, that the gap is about; empty
	// if it is about the whole part.
	Object string `json:"object,omitempty"`
	Reason Reason `json:"reason"`
	Detail string `json:"detail,omitempty"` // in words, of the server perhaps: untrusted
	// Option is the option of package take that would have read it: "Proof".
	Option string `json:"option,omitempty"`
}

// Reread is a list that changed while it was read, so that it was read again.
type Reread struct {
	Part  Part `json:"part"`
	Times int  `json:"times"` // how often it was read again
}
