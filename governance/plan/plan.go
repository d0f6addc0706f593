package plan

import (
	"slices"
	"time"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

// Format is the format of the files that [Plan.Save] writes, and the only one that
// [Load] reads.
const Format = 1

// Plan is what it takes to make a server what somebody wants: steps to carry out in
// their order, and what they mean. It is bound to a server, and to what the server
// looked like.
type Plan struct {
	Server   snapshot.Server `json:"server"`
	Snapshot string          `json:"snapshot"` // digest of the snapshot that it was made from
	TakenAt  time.Time       `json:"takenAt"`  // when that was read
	ReadAs   string          `json:"readAs"`   // by whom, as far as known
	Account  string          `json:"account"`  // who carries the plan out, as far as known; see [Options.Account]
	Desired  Source          `json:"desired"`

	// Conversion are the files that version 1 names were converted with, see
	// [Options.Conversion].
	Conversion []Source `json:"conversion,omitempty"`

	// TakesBack says what a plan of the way back takes back. Every other plan has none.
	TakesBack *TakesBack `json:"takesBack,omitempty"`

	// Only are the roles that the plan was limited to, Later those that would change
	// without that limit.
	Only  []string `json:"only"`
	Later []string `json:"later"`

	Steps    []Step    `json:"steps"`
	Warnings []Warning `json:"warnings"` // the worst first

	// Holders are all who hold a role before or after, by key, with their effective
	// rights: what all of their roles grant together. Rights are counted if the plan is
	// carried out without its blocked steps.
	Holders []HolderRights `json:"holders"`
	// Sets are the sets of paths that Holders name by index.
	Sets [][]permissions.Path `json:"sets"`

	// Objects are the names of collections, containers, PAM providers and identity
	// providers that paths of the plan name by id.
	Objects []ObjectName `json:"objects"`

	Totals Totals         `json:"totals"`
	Gaps   []snapshot.Gap `json:"gaps"` // of the snapshot
}

// Source is a file that a plan comes from.
type Source struct {
	File   string `json:"file"`
	Digest string `json:"digest"`
}

// TakesBack is what a plan of the way back takes back. [Back] leaves it empty: it has the
// steps of a journal, and not the journal.
type TakesBack struct {
	Plan       string `json:"plan"`       // digest of the plan that was carried out
	Journal    string `json:"journal"`    // name of its journal
	ApprovedBy string `json:"approvedBy"` // who approved that plan, as far as the journal says
	Reason     string `json:"reason"`
}

// ObjectName is what people call an object that a path can be limited to.
type ObjectName struct {
	Kind permissions.Scope `json:"kind"`
	ID   string            `json:"id"`
	Name string            `json:"name"`
}

// Totals are the numbers behind "more than a third".
type Totals struct {
	Roles         int `json:"roles"`         // before
	RolesLosing   int `json:"rolesLosing"`   // that are removed, or lose paths or holders
	Holders       int `json:"holders"`       // who held a role before
	HoldersLosing int `json:"holdersLosing"` // who can do less afterwards
	HoldersGain   int `json:"holdersGaining"`
}

// Kind is what a step is about.
type Kind string

// The kinds.
const (
	KindPermissionSet Kind = "permission set"
	KindClaim         Kind = "claim"
	KindIdentity      Kind = "identity"
	KindRole          Kind = "role"
	// KindMembers are the identities of a role, on servers that keep them apart from
	// claims.
	KindMembers Kind = "identities of role"
)

// Action is what a step does.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// Step is one write. It is carried out if the object looks like Before, as far as
// [Object.Same] compares, and makes it look like After. Before is nil if the object is
// to be created, After if it is to be deleted. An object can have two steps: the first
// adds, the second takes away.
type Step struct {
	Number int    `json:"number"` // from 1 on, the place in the order
	Action Action `json:"action"`
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"`
	// Version is the version of the API to write through.
	Version int `json:"version"`
	// Removal says that the step takes something away. All removals come after all
	// additions, so that nobody loses, in between, a right that they keep.
	Removal bool `json:"removal"`
	// Needs are the numbers of steps that must be done before. What such a step creates
	// has no id in Before and After of this one: it is found by name or key.
	Needs []int `json:"needs"`
	// Blocked says why the step cannot be carried out. It is left out then, and so are
	// those that need it. After can be nil although nothing is to be deleted.
	Blocked string  `json:"blocked"`
	Before  *Object `json:"before,omitempty"`
	After   *Object `json:"after,omitempty"`
	// IdentitiesBefore and IdentitiesAfter hold the role of the step through version 1, on
	// servers that keep identities apart from claims: they get and lose what the role does.
	// Only a step that changes what a role allows has them.
	IdentitiesBefore []Key `json:"identitiesBefore,omitempty"`
	IdentitiesAfter  []Key `json:"identitiesAfter,omitempty"`

	// Holders is how many hold the role before or after; Gaining and Losing how many of
	// them can do more, or less, when the whole plan is carried out.
	Holders int `json:"holders"`
	Gaining int `json:"gaining"`
	Losing  int `json:"losing"`

	At string `json:"at"` // where the desired state says so: "access.yaml:12:5"
}

// HolderRights are the effective rights of a holder, as indexes into [Plan.Sets].
type HolderRights struct {
	Key    Key `json:"key"`
	Before int `json:"before"`
	After  int `json:"after"`
}

// Code says what a warning is about. Codes are stable.
type Code string

// The codes of warnings.
const (
	// CodeLockOut: the account that applies the plan, or everybody, loses what allows
	// changing security.
	CodeLockOut Code = "lock-out"
	// CodeLarge: more than a third of all roles or holders lose something.
	CodeLarge      Code = "large"
	CodeBlocked    Code = "blocked"             // steps that cannot be carried out
	CodeNamed      Code = "named-elsewhere"     // a role is renamed or removed, and may be named elsewhere
	CodeWidened    Code = "conversion-widens"   // a version 1 name became more than it allowed, or less, or by a guess
	CodeUnknown    Code = "unknown-permission"  // neither the server's list nor the catalogue has it, or no object has its id
	CodeScheme     Code = "unknown-scheme"      // no identity provider has the scheme
	CodeDomain     Code = "no-domain"           // a new Active Directory account is named without its domain
	CodeAdmin      Code = "can-change-security" // somebody can change security who could not before
	CodeAbsent     Code = "absent-misspelled"   // what should be absent is not there, and something of a similar name is
	CodeScripts    Code = "mixed-scripts"       // a new name has letters of several scripts in one word
	CodeNames      Code = "names-lost"          // version 1 shows names of a role that version 2 has no path for
	CodeDisabled   Code = "disabled-role"       // the role cannot be assigned
	CodeNewID      Code = "new-id"              // a role comes back under another id
	CodeUnnamed    Code = "not-in-the-file"     // the server has it, and the desired state names it nowhere
	CodeIncomplete Code = "incomplete"          // the snapshot has gaps, so that more may change than is said
)

// Warning is something that somebody should know before the plan is approved.
type Warning struct {
	Code     Code            `json:"code"`
	Severity report.Severity `json:"severity"`
	Text     string          `json:"text"`
	Do       string          `json:"do"`
	Roles    []string        `json:"roles"`
	Holders  []Key           `json:"holders"`
	Steps    []int           `json:"steps"` // by number
}

// Empty reports whether there is nothing to do: no step, not even a blocked one.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// Incomplete reports whether roles, their holders, or permission sets of the server
// could not be read in full. The server may differ then without a step that says so,
// even if the plan is empty.
func (p *Plan) Incomplete() bool {
	parts := []snapshot.Part{snapshot.PartRolesV1, snapshot.PartRolesV2, snapshot.PartClaims, snapshot.PartIdentities, snapshot.PartPermissionSets}
	return slices.ContainsFunc(p.Gaps, func(g snapshot.Gap) bool {
		return slices.Contains(parts, g.Part) && g.Reason != snapshot.ReasonNotThere && g.Reason != snapshot.ReasonNotAsked && g.Reason != snapshot.ReasonGone
	})
}

// LockOut reports whether carrying the plan out would take from the applying account,
// or from everybody, what allows changing security. Package apply refuses such a plan
// unless that is allowed.
func (p *Plan) LockOut() bool { return p.has(CodeLockOut) }

// Large reports whether more than a third of all roles or holders lose something.
// Package apply refuses such a plan unless that is allowed.
func (p *Plan) Large() bool { return p.has(CodeLarge) }

// Blocked counts the steps that cannot be carried out.
func (p *Plan) Blocked() int {
	n := 0
	for i := range p.Steps {
		if p.Steps[i].Blocked != "" {
			n++
		}
	}
	return n
}

func (p *Plan) has(code Code) bool {
	return slices.ContainsFunc(p.Warnings, func(w Warning) bool { return w.Code == code })
}

// Options adjust [Make]. The zero value plans everything.
type Options struct {
	// Only limits the plan to these roles, and to what they need: a pilot wave. The
	// other roles stay planned, see [Plan.Later].
	Only []string

	// Convert says how version 1 names become paths: with an overlay that the server
	// proved, with decisions. Nil: as package permissions does by default.
	Convert *permissions.ConvertOptions

	// Conversion are the files that Convert was read from, such as an overlay. The plan
	// names them, as what its conversions rest on.
	Conversion []Source

	// Account is who will carry the plan out, if that is not the account that the
	// snapshot was read as. It is needed to tell whether it locks itself out.
	Account string
}
