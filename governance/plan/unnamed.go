package plan

import (
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/internal/names"
)

// mostUnnamed is how many roles and holders the warning about what the file does not name
// lists; it counts all.
const mostUnnamed = 50

// unnamed says what the server has and the desired state does not name: nothing of it
// changes, and so a plan would not show that somebody made it. What every server has is
// left out.
func (m *maker) unnamed() {
	var roles, admins, sets []string
	inNamed := map[string]bool{} // permission sets of roles that are named
	for i := range m.Roles {
		r := &m.Roles[i]
		switch {
		case m.roles[names.Fold(r.Name)] != nil:
			inNamed[r.PermissionSetID] = true
		case r.ID == administrator || r.Immutable:
		default:
			roles = append(roles, r.Name)
			if admin.Grants(m.grants(r), r.PermissionSetID, m.legacy) {
				admins = append(admins, r.Name)
			}
		}
	}
	claims := m.unnamedClaims()
	named := map[string]bool{} // permission sets
	for _, set := range m.desired.PermissionSets {
		named[names.Fold(set.Name)] = true
	}
	for _, name := range m.desired.Absent.PermissionSets {
		named[names.Fold(name.Value)] = true
	}
	for i := range m.desired.Roles {
		if set := m.desired.Roles[i].PermissionSet; set != nil {
			named[names.Fold(*set)] = true
		}
	}
	for i := range m.PermissionSets {
		if s := &m.PermissionSets[i]; s.ID != globalSet && !inNamed[s.ID] && !named[names.Fold(s.Name)] {
			sets = append(sets, s.Name)
		}
	}
	var parts []string
	if n := len(roles); n > 0 {
		parts = append(parts, count(n, "role")+" ("+strings.Join(quoteAll(roles, 5), ", ")+")")
	}
	if n := len(claims); n > 0 {
		text := count(n, "claim")
		if m.separate() {
			text = cmpText(n == 1, "1 claim or identity", strconv.Itoa(n)+" claims and identities")
		}
		parts = append(parts, text)
	}
	if n := len(sets); n > 0 {
		parts = append(parts, count(n, "permission set")+" ("+strings.Join(quoteAll(sets, 5), ", ")+")")
	}
	if len(parts) == 0 {
		return
	}
	w := Warning{
		Code: CodeUnnamed, Severity: report.Info, Roles: roles[:min(len(roles), mostUnnamed)], Holders: claims[:min(len(claims), mostUnnamed)],
		Text: "Not in the file, and so left as it is: " + strings.Join(parts, ", ") + ".",
		Do:   "Add to the file what should be kept under control, and name under absent what should go. Comparing two snapshots shows what came new.",
	}
	if len(admins) > 0 {
		w.Severity = report.Medium
		w.Text += " Who holds one of these can change security: " + strings.Join(quoteAll(admins, 5), ", ") + "."
	}
	m.warnings = append(m.warnings, w)
}

// unnamedClaims are the claims and identities that the desired state names nowhere.
func (m *maker) unnamedClaims() []Key {
	named := map[Key]bool{}
	for k := range m.namedAt {
		named[k] = true
	}
	for g := range m.gone {
		named[g.key] = true
	}
	for _, c := range m.desired.Claims {
		if k, err := m.key(Holder{Key: c.Key}); err == nil {
			named[k.Fold()] = true
		}
	}
	out := without(m.Claims, func(c snapshot.Claim) Key { return c.Key }, named)
	keys := make([]Key, 0, len(out))
	for _, c := range out {
		keys = append(keys, c.Key)
	}
	return keys
}
