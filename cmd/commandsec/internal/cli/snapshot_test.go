package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/review"
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
	tellMissing(&missing, review.New(s, nil))
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
	for _, want := range []string{
		"Not read: claims: the server does not have it\n", // it is not of Command 10, which has none
		`Not read: roles, version 2 of "Role 0\x1b[31m", `,
	} {
		if !strings.Contains(missing.String(), want) {
			t.Errorf("missing is not %q:\n%s", want, &missing)
		}
	}
	if n := strings.Count(missing.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, &missing)
	}
	missing.Reset()
	for _, part := range []snapshot.Part{
		snapshot.PartRolesV1, snapshot.PartIdentities, snapshot.PartCollections, snapshot.PartContainers, snapshot.PartPAMProviders,
		snapshot.PartProviders, snapshot.PartPermissionSets, snapshot.PartRolesV2,
	} {
		s.Gaps = append(s.Gaps, snapshot.Gap{Part: part, Reason: snapshot.ReasonRefused})
	}
	tellMissing(&missing, review.New(s, nil))
	if n := strings.Count(missing.String(), "\n"); n != maxGaps+1 || !strings.HasSuffix(missing.String(), "Not read: 1 more, see \"gaps\" in the snapshot.\n") {
		t.Errorf("%d lines:\n%s", n, &missing)
	}
}

// What could not be compared is told, the first of it one by one.
func TestTellNotCompared(t *testing.T) {
	t.Parallel()
	list := []snapshot.NotCompared{
		{Side: "before", Gap: snapshot.Gap{Part: snapshot.PartObjectNames, Reason: snapshot.ReasonNotAsked}},
		{Side: "before", Gap: snapshot.Gap{Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere}}, // on neither side
		{Side: "after", Gap: snapshot.Gap{Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere}},
	}
	for i := range 12 {
		list = append(list, snapshot.NotCompared{
			Side: "after", Gap: snapshot.Gap{Part: snapshot.PartRolesV2, Object: fmt.Sprint("Role ", i), Reason: snapshot.ReasonFailed},
		})
	}
	var told strings.Builder
	tellNotCompared(&told, unread(list))
	if got := told.String(); strings.Count(got, "\n") != maxGaps+1 ||
		!strings.HasPrefix(got, "Not compared, because it was not read after: roles, version 2 of Role 0: failed\n") ||
		!strings.HasSuffix(got, "\nNot compared: 2 more, see \"gaps\" in the snapshots.\n") {
		t.Errorf("told is:\n%s", got)
	}
}
