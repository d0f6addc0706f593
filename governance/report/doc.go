// Package report holds what a review, a comparison, a plan, a migration or a
// verification has to say, as one [Report], and writes it for a terminal
// ([Report.WriteText]), a spreadsheet ([Report.WriteCSV]), a program
// ([Report.WriteJSON]) and people who read and sign a page ([Report.WriteHTML]).
//
// A report is made of the same parts whatever it is about, and every writer for
// people keeps their order: where it comes from, figures, what could not be read,
// findings, what changed, tables, notes, a place to sign. A part that is empty is
// left out.
//
// The text in a report may come from a server. The writers show it as text,
// whatever is in it: characters that would change how a terminal, a spreadsheet
// or a page shows the rest are escaped. A caller hands names over as they are.
//
// Package report is pure: it reads and writes what it is handed, and knows no
// files and no network.
package report
