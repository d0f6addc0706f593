// Package apply carries a plan of package plan out on a server, with a journal.
//
// [Run] does nothing unless the digest of the plan is the one that was approved. It asks
// the server first whether the account may change security, and looks at every object
// that the plan names: if one of them is not as the plan found it, nothing is written,
// and the error names all of them ([MovedError]). Nothing is ever written that the plan
// does not name.
//
// # Writing
//
// Steps are carried out in the order of the plan, those that do not need each other
// several at a time. Right before each write the object is read again, and it is written
// only if it still looks as planned. After a change it is read once more.
//
// The server cannot compare and write in one go. What somebody else writes in the window
// between that last reading and the write is lost. For a change, or the removal of a role,
// the window is one request long: the write. Before a claim or a permission set is
// deleted, the roles that use it are read, too. Whether something is there already that is
// to be created, and whom an identity that is to be deleted holds, is read from a list,
// for 64 objects or more at a time: there the window is the time that these take. Two
// plans that are carried out at once, each with a journal of its own, can overwrite each
// other so. The server refuses to create what is there already; that is assumed.
//
// A step that fails does not stop those that do not need it, unless
// [Options.StopOnError] says so. Steps that need it are skipped, and so are removals that
// would take a role from somebody who gets another one by a step that was not done. A
// refused sign-in stops everything, and so does a server that three steps in a row had no
// connection to; what was not begun is left for the next run.
//
// # Journal
//
// A [Journal] notes each object as it was before it is written. If the program is killed,
// or the machine stops, run the same plan with the same journal again: it goes on, and ends
// in the same state. A write of which nobody knows what became is looked for, after
// [Options.CrashSettle], in which a server that still works on it can finish.
//
// [Journal.Entries] are what [plan.Back] makes the way back of.
package apply
