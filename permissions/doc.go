// Package permissions knows both models of role permissions in Keyfactor Command and how they relate.
//
// Version 1, of Command 10 and before, is a list of names such as "AdminPortal:Read" ([Legacy]). Version 2, of Command 11
// and later, is a set of access-control paths such as "/portal/read/" ([Path], [Set]). A path grants everything below it.
// The package needs no server and does no I/O.
//
// # Paths and sets
//
// [ParsePath] returns the canonical form of a path, and [Path.Covers] says whether one path grants another.
// [Path.WithScope] limits a path to one collection, container, PAM provider or identity provider. [NewSet] and [ParseSet]
// make a [Set], which never holds a path that another one covers. [Set.Allows] and [Set.Why] answer what a holder can do.
// [Set.Diff] says in words what a change means. See the examples of [Path.Covers], [Set.Why] and [Set.Diff].
//
// # What is known
//
// [Catalogue] has every known name and path. [Known] and [KnownLegacy] look up one of them, [FindByArea] and [FindByLabel]
// search, and [EffectOf] says what a path allows. See the example of [Known].
//
// # From names to paths and back
//
// [Convert] leads from names to paths, [Narrow] back as far as that is possible. The vendor prints the mapping for a few
// names only, and some paths allow more or less than the name did. Every [Item] of a conversion says how sure it is
// ([Confidence]), what it rests on ([Mapping]), what it gives and what it takes ([Conversion.Widening] and
// [Conversion.Narrowing]). See the examples of [Convert] and [Narrow].
//
// [ConvertAll] converts many roles at once, [Conversion.Undecided] lists what somebody has to decide, and
// [Conversion.Checks] what to test on a live server. See the example of [ConvertAll].
//
// # Proof
//
// A server shows a role in both notations. [Learn] works out what that proves about the server's own mapping, and
// [Proof.Overlay] makes rows of it to convert with. [Proof.Experiment] plans roles that decide on a test server what is open.
// See the example of [Learn].
//
// # Checking a role
//
// [Lint] finds what is wrong or risky about the paths of a role. [Fix] mends what can be mended without a change of
// rights; [Finding.Accept] takes a suggestion that adds to them. See the example of [Lint].
//
// # The data
//
// The directory data has text files with one line for each path, name, mapping, side effect, companion and call. What a
// later version of Command adds is a line there.
//
// Values are immutable and safe for concurrent use. The slices that functions return belong to the caller.
package permissions
