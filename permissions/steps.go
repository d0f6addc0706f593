package permissions

// stepped is told of every step of work: a path that is read or compared, a cell of an edit distance. Tests count with it.
// It is nil otherwise.
var stepped func(n int)

func step(n int) {
	if stepped != nil {
		stepped(n)
	}
}
