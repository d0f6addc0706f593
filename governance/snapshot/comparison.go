package snapshot

import (
	"time"

	"github.com/commandsec/commandsec-go/permissions"
)

// Comparison is what became different from one snapshot to another. What a gap hides
// in either of them is not compared: see NotCompared. Lists are sorted by key.
type Comparison struct {
	Before Source `json:"before"`
	After  Source `json:"after"`

	// From and To are the snapshots compared, sorted. What a change means for somebody
	// depends on what did not change.
	From *Snapshot `json:"-"`
	To   *Snapshot `json:"-"`

	Roles   []RoleChange   `json:"roles"`
	Claims  []ClaimChange  `json:"claims"`
	Objects []ObjectChange `json:"objects"` // everything else, by part and name

	// NotCompared are the gaps because of which something could not be compared,
	// those of both snapshots.
	NotCompared []NotCompared `json:"notCompared"`
}

// Source is where a side of a comparison comes from.
type Source struct {
	Server  Server    `json:"server"`
	TakenAt time.Time `json:"takenAt"`
	Account string    `json:"account"`
	Digest  string    `json:"digest"` // see [Snapshot.Digest]
}

// Kind is what happened to something.
type Kind string

// The kinds.
const (
	KindAdded   Kind = "added"
	KindRemoved Kind = "removed"
	KindChanged Kind = "changed"
	// KindQuery is a collection whose query changed: every right on it means
	// something else now. Other fields may have changed, too.
	KindQuery Kind = "query changed"
)

// FieldChange is a field with another value than before. Texts may come from a server:
// untrusted. A flag that is not known is "".
type FieldChange struct {
	Field  string `json:"field"` // as in the file: "description"
	Before string `json:"before"`
	After  string `json:"after"`
}

// RoleChange is a role that is new, gone or different. Of one that is new or gone,
// everything that it has is added or removed.
type RoleChange struct {
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"` // as it is now, or was
	Before *Role  `json:"-"`    // of the snapshot compared; nil if added
	After  *Role  `json:"-"`    // likewise; nil if removed

	Fields         []FieldChange        `json:"fields,omitempty"`
	AddedPaths     []permissions.Path   `json:"addedPaths,omitempty"`
	RemovedPaths   []permissions.Path   `json:"removedPaths,omitempty"`
	AddedNames     []permissions.Legacy `json:"addedNames,omitempty"`
	RemovedNames   []permissions.Legacy `json:"removedNames,omitempty"`
	AddedHolders   []Holder             `json:"addedHolders,omitempty"`
	RemovedHolders []Holder             `json:"removedHolders,omitempty"`
}

// ClaimChange is a claim or an identity that is new, gone or different.
type ClaimChange struct {
	Kind   Kind          `json:"kind"`
	Key    Key           `json:"key"`
	Before *Claim        `json:"-"` // nil if added
	After  *Claim        `json:"-"` // nil if removed
	Fields []FieldChange `json:"fields,omitempty"`
}

// ObjectChange is anything else that is new, gone or different: a permission set, an
// identity provider, a collection, a container, a PAM provider, a permission that the
// server lists.
type ObjectChange struct {
	Part         Part               `json:"part"`
	Kind         Kind               `json:"kind"`
	Name         string             `json:"name"` // its natural key
	Fields       []FieldChange      `json:"fields,omitempty"`
	AddedPaths   []permissions.Path `json:"addedPaths,omitempty"`   // of a permission set
	RemovedPaths []permissions.Path `json:"removedPaths,omitempty"` // likewise
}

// NotCompared is a gap of one of the snapshots.
type NotCompared struct {
	Side string `json:"side"` // "before" or "after"
	Gap  Gap    `json:"gap"`
}
