// Package admin says what allows changing security: who may, can give themselves
// everything.
package admin

import (
	"strings"

	"github.com/commandsec/commandsec-go/permissions"
)

// Path is what allows writing roles, claims and permission sets, through a role in the
// permission set Global.
const Path permissions.Path = "/security/modify/"

// GlobalSet is the id of the permission set Global, which every server has.
const GlobalSet = "099c05f0-deba-4562-a5b1-f491e19c0749"

// Grants reports whether a role that grants paths allows changing security. set is the id
// of its permission set. A legacy server, of Command 10, has no sets.
func Grants(paths permissions.Set, set string, legacy bool) bool {
	return (strings.EqualFold(set, GlobalSet) || set == "" && legacy) && paths.Allows(Path)
}
