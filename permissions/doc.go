// Package permissions knows both models of role permissions in Keyfactor Command and how they relate.
//
// Version one, of Command 10 and before, is a list of names such as "AdminPortal:Read" ([Legacy]). Version two, of
// Command 11 and later, is a set of access-control paths such as "/portal/read/" ([Path], [Set]), in which a path grants
// everything below it. [Convert] leads from names to paths, [Narrow] back as far as that goes. [Lint] finds what is wrong
// with a role's paths, [Set.Diff] says what a change means to the people who hold the role.
//
// No vendor document prints the mapping between the models. The table here is put together from pages that name both
// for one and the same call and, where there is no such pair, from weaker evidence; every row says which (see
// [Confidence] and [Mapping]).
//
// The package does no I/O. Its data lies in four text files in the directory data, one line per path, name, pair or
// companion: what a later version of Command adds is a line there. Values are immutable and safe for concurrent use,
// except the slices handed out, which belong to the caller.
package permissions
