package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/snapshot"
)

// Gaps are told, the first ones one by one; what the server does not have is one line, and no gap of an answer.
func TestTellGaps(t *testing.T) {
	t.Parallel()
	s := &snapshot.Snapshot{Gaps: []snapshot.Gap{
		{Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere},
		{Part: snapshot.PartPermissions, Reason: snapshot.ReasonNotThere},
		{Part: snapshot.PartObjectNames, Reason: snapshot.ReasonNotAsked, Option: "Proof"},
	}}
	for i := range 12 {
		s.Gaps = append(s.Gaps, snapshot.Gap{Part: snapshot.PartRolesV2, Object: fmt.Sprintf("Role %d\x1b[31m", i), Reason: snapshot.ReasonFailed, Detail: "500"})
	}
	var all, missing strings.Builder
	tellGaps(&all, s.Gaps)
	tellMissing(&missing, s)
	for _, want := range []string{
		"Not read: names for single objects; 'snapshot --proof' does",
		`Not read: roles, version 2 of Role 0\x1b[31m: failed (500)` + "\n",
		"Not read: 3 more, see \"gaps\" in the snapshot.\n",
		"The server does not have: claims; permissions.\n",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("told is not %q:\n%s", want, &all)
		}
	}
	if n := strings.Count(missing.String(), "\n"); n != maxGaps+1 || strings.Contains(missing.String(), "claims") || !strings.Contains(missing.String(), "Not read: 2 more") {
		t.Errorf("%d lines:\n%s", n, &missing)
	}
}
