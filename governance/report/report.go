package report

import "time"

// A Kind says what a report is about.
type Kind string

// The kinds of reports.
const (
	Review       Kind = "review"
	Comparison   Kind = "comparison"
	Plan         Kind = "plan"
	Migration    Kind = "migration"
	Verification Kind = "verification"
)

// A Report is what a review, a comparison, a plan, a migration or a verification
// has to say. Nothing in it is needed but Kind and Title.
type Report struct {
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
	// Lead says in a sentence or two what the report is about and what came out.
	Lead string `json:"lead,omitzero"`

	Provenance Provenance `json:"provenance"`
	// Gaps are what could not be read, and is therefore missing in the report. The
	// summary points to them.
	Gaps []Gap `json:"gaps,omitempty"`
	// Figures are the numbers that a manager reads, the most important one first.
	Figures []Figure `json:"figures,omitempty"`
	// Findings may be in any order. They are shown by code, the worst first.
	Findings []Finding `json:"findings,omitempty"`
	// Guides say once what all findings with one code have in common.
	Guides []Guide `json:"guides,omitempty"`
	// Changes show before and after side by side, in the order given.
	Changes []Change `json:"changes,omitempty"`
	// Tables are shown in the order given: roles, holders, a matrix.
	Tables []Table `json:"tables,omitempty"`
	Notes  []Note  `json:"notes,omitempty"`
	// SignOff is the place to sign. Without it, there is none.
	SignOff *SignOff `json:"signOff,omitempty"`
}

// Provenance says where a report comes from, and ties paper to files.
type Provenance struct {
	// Sources are the snapshots that the report was made from: one for a review,
	// two for a comparison.
	Sources []Source `json:"sources,omitempty"`
	// Files are the other files that went into it: rules, accepted findings, plans.
	Files []File `json:"files,omitempty"`
	// Made is when the report was made. Whether an acceptance has expired is
	// decided by it.
	Made time.Time `json:"made,omitzero"`
	// Program is the name and version of the program that made the report.
	Program string `json:"program,omitzero"`
}

// A Source is a server at a moment, as a snapshot holds it.
type Source struct {
	// Label tells several sources apart: "before", "after", "target".
	Label   string    `json:"label,omitzero"`
	Server  string    `json:"server"`           // URL
	Version string    `json:"version,omitzero"` // of the product
	Account string    `json:"account,omitzero"` // that the server was read as
	Taken   time.Time `json:"taken,omitzero"`   // when it was read
	File    string    `json:"file,omitzero"`    // name of the snapshot's file
	Digest  string    `json:"digest,omitzero"`  // of the snapshot, such as "sha256:..."
}

// A File is a file that went into a report.
type File struct {
	Label  string `json:"label"` // what it is: "accepted findings"
	Name   string `json:"name"`
	Digest string `json:"digest,omitzero"`
}

// A Gap is something that could not be read.
type Gap struct {
	What   string `json:"what"`            // "the names of collections"
	Reason string `json:"reason,omitzero"` // "the server answered 403"
	// Effect says what the report therefore cannot tell.
	Effect string `json:"effect,omitzero"`
	Do     string `json:"do,omitzero"` // how to close it
}

// A Figure is a number of the summary.
type Figure struct {
	Label  string `json:"label"`
	Number int    `json:"number"`
	// Unknown says that the number is not known, because of a gap. Number is not
	// shown then.
	Unknown  bool     `json:"unknown,omitzero"`
	Severity Severity `json:"severity,omitzero"`
	Note     string   `json:"note,omitzero"`
}

// A Severity says how bad something is. The empty one says nothing about it.
type Severity string

// The severities, the worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// A Finding is something that somebody should look at.
type Finding struct {
	// ID names the finding in a worksheet, and so in the file of accepted
	// findings. It is the same for the same matter in a later report. If it is
	// empty, the writers use [Finding.Key].
	ID       string   `json:"id,omitzero"`
	Code     string   `json:"code"` // "duty-request-approve"
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`           // what is the matter, in one line
	Detail   string   `json:"detail,omitzero"` // what exactly, and how it is known
	Do       string   `json:"do,omitzero"`     // what to do about this one, if its guide does not say it
	Roles    []Item   `json:"roles,omitempty"` // that it is about
	Holders  []Item   `json:"holders,omitempty"`
	Evidence []Item   `json:"evidence,omitempty"` // rights and whatever else shows it
	// Accepted is somebody's decision to live with it.
	Accepted *Acceptance `json:"accepted,omitempty"`
}

// An Acceptance is the decision of somebody to live with a finding for a while.
type Acceptance struct {
	Finding string    `json:"-"` // ID or [Finding.Key] of the finding
	Owner   string    `json:"owner"`
	Reason  string    `json:"reason"`
	Until   time.Time `json:"until"` // the last day on which it holds, in UTC
	Line    int       `json:"-"`     // of the file that it was read from
	// Holders are those of the worksheet's line. Package review takes the acceptance for
	// fewer of them, too, if the ID proves the list.
	Holders []string `json:"-"`
}

// A Guide explains all findings of one code.
type Guide struct {
	Code  string `json:"code"`
	Title string `json:"title"`        // "One person can request and approve"
	Why   string `json:"why,omitzero"` // why it matters
	Do    string `json:"do,omitzero"`  // what to do
}

// A Mark says what happened to something, or what to think of it.
type Mark string

// The marks.
const (
	Added   Mark = "added"
	Removed Mark = "removed"
	Changed Mark = "changed"
	Widened Mark = "widened" // it allows more than before
	Lost    Mark = "lost"    // somebody can no longer do it
	Warning Mark = "warning"
	OK      Mark = "ok" // it is as it should be
)

// An Item is one thing in a list: a right, a role, a holder.
type Item struct {
	Text string `json:"text,omitzero"` // in words: "approve certificate requests"
	Code string `json:"code,omitzero"` // as the server writes it: "/certificates/requests/approve/"
	Mark Mark   `json:"mark,omitzero"`
	// Link is the Anchor of the row or change that says more.
	Link string `json:"link,omitzero"`
}

// A Table is a list of things with the same properties.
type Table struct {
	ID      string   `json:"id"` // names the section: "roles"
	Title   string   `json:"title"`
	Note    string   `json:"note,omitzero"`
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows,omitempty"`
	// Matrix says that all columns but the first hold something short, such as a
	// check mark: they are shown narrow, and empty cells stay empty.
	Matrix bool `json:"matrix,omitzero"`
	// Folded says that the rows are what nobody has to look at: text has their number,
	// and the other formats have them.
	Folded bool `json:"folded,omitzero"`
}

// A Column of a table. The first column names the row.
type Column struct {
	Title string     `json:"title"`
	Kind  ColumnKind `json:"kind,omitzero"`
}

// A ColumnKind says what a column holds, for alignment and filters.
type ColumnKind string

// The kinds of columns. The empty one is text.
const (
	Number  ColumnKind = "number"
	Roles   ColumnKind = "roles"   // the filter by role looks at these
	Holders ColumnKind = "holders" // the filter by holder looks at these
)

// A Row of a table. It has one cell for each column; cells that are missing at
// the end are empty.
type Row struct {
	// Anchor is what Item.Link names. It is unique in the report.
	Anchor string `json:"anchor,omitzero"`
	// Group puts rows that follow each other below one heading.
	Group string `json:"group,omitzero"`
	// Filter holds words that the row is found by, besides those in its cells.
	Filter string `json:"-"`
	Mark   Mark   `json:"mark,omitzero"`
	Cells  []Cell `json:"cells,omitempty"`
}

// A Cell holds text, items, or both.
type Cell struct {
	Text  string `json:"text,omitzero"`
	Items []Item `json:"items,omitempty"`
}

// A Change shows one thing before and after.
type Change struct {
	Anchor string `json:"anchor,omitzero"` // as in a Row
	Group  string `json:"group,omitzero"`  // as in a Row
	Title  string `json:"title"`           // what changed: "Role Operators"
	Mark   Mark   `json:"mark,omitzero"`
	Detail string `json:"detail,omitzero"` // in words, and for how many holders
	// Fields are what changed in it.
	Fields  []Field `json:"fields,omitempty"`
	Roles   []Item  `json:"roles,omitempty"` // that it concerns, for the filters
	Holders []Item  `json:"holders,omitempty"`
}

// A Field is one property of a thing before and after. Marks of items say which
// of them were added and removed; a side that has none did not hold anything.
type Field struct {
	Label  string `json:"label"`
	Before []Item `json:"before,omitempty"`
	After  []Item `json:"after,omitempty"`
}

// A Note is something that a reader should know: how to read the report, what it
// does not answer.
type Note struct {
	Title string `json:"title,omitzero"`
	Text  string `json:"text"`
}

// SignOff is the place where people sign.
type SignOff struct {
	// Statement is what they sign.
	Statement string `json:"statement"`
	// Decisions are what they can tick: "approved", "approved with exceptions".
	Decisions []string `json:"decisions,omitempty"`
	// Signers are who signs, one line each: "Reviewer", "Owner of the PKI".
	Signers []string `json:"signers,omitempty"`
	// Digest is that of the file that they sign, if it is one of its own, such as a
	// plan. It is at the foot of each page of paper, in place of those of the snapshots.
	Digest string `json:"digest,omitzero"`
}
