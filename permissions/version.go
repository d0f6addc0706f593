package permissions

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrVersion matches every error about a malformed Command version.
var ErrVersion = errors.New("not a Command version")

// version holds the numbers of a Command version, as many as are given.
type version []int

func parseVersion(s string) (version, error) {
	var v version
	for part := range strings.SplitSeq(strings.TrimSpace(s), ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("permissions: %w: %s; write it like 11.3 or 25.1", ErrVersion, quote(s))
		}
		v = append(v, int(n))
	}
	return v, nil
}

// before reports whether v is certainly earlier than w. It compares the numbers that both have: 25 is not before 25.1,
// because it can be any 25.
func (v version) before(w version) bool {
	n := min(len(v), len(w))
	return slices.Compare(v[:n], w[:n]) < 0
}
