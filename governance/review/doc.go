// Package review answers questions about a snapshot, who can do something
// ([Review.WhoCan]) and what somebody can do ([Review.Can]), finds what somebody
// should look at ([Review.Findings]), and makes the report that people sign
// ([Review.Report]). [Changes] says what changed between two snapshots, and for whom.
//
// Holders are accounts, groups and clients, not people: who is in a group, and which
// accounts are one person's, a server does not tell. A file can say which holders are
// one person or one team, see [ParsePeople].
//
// What rests on something other than the server's own words says so: rights on
// Command 10 are converted from names of version 1, and the built-in role
// Administrator, whose rights version 1 hides, is taken to grant everything.
//
// Package review is pure: it computes, and knows no files and no network. Whoever
// hands it two equal snapshots and options gets two equal reports.
package review
