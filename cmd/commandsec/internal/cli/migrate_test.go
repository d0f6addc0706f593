package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/permissions"
)

// A pattern that makes one claim of all accounts is told where people look. It is decided:
// nothing else waits.
func TestMigrateOneClaim(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	old := &snapshot.Snapshot{
		Server: snapshot.Server{URL: "https://old.example.com/KeyfactorAPI"}, TakenAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Signatures: snapshot.SignaturesChecked,
		Gaps: []snapshot.Gap{{Part: snapshot.PartRolesV2, Reason: snapshot.ReasonNotThere}, {Part: snapshot.PartClaims, Reason: snapshot.ReasonNotThere}},
	}
	role := snapshot.Role{ID: 10, Name: "Portal", Description: "Portal", Versions: []int{1}, Names: []permissions.Legacy{"AdminPortal:Read"}, ObjectNames: true}
	for i, account := range []string{`KEYEXAMPLE\jsmith`, `KEYEXAMPLE\rroe`} {
		k := snapshot.Key{Type: holders.TypeUser, Value: account, Scheme: holders.SchemeActiveDirectory}
		role.Holders = append(role.Holders, snapshot.Holder{Key: k, Versions: []int{1}})
		old.Claims = append(old.Claims, snapshot.Claim{Key: k, IdentityID: i + 1, Versions: []int{1}})
	}
	old.Roles = []snapshot.Role{role}
	target := &snapshot.Snapshot{
		Server: snapshot.Server{URL: "https://new.example.com/KeyfactorAPI", Version: "25.4.1"}, TakenAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Signatures: snapshot.SignaturesChecked,
		PermissionSets: []snapshot.PermissionSet{{ID: "099c05f0-deba-4562-a5b1-f491e19c0749", Name: "Global", Permissions: []permissions.Path{"/"}}},
		Providers:      []snapshot.Provider{{ID: "33333333-3333-3333-3333-333333333333", Scheme: "Entra", Name: "Entra", Enabled: true}},
	}
	for name, s := range map[string]*snapshot.Snapshot{"old.json": old, "new.json": target} {
		if err := s.Save(file(name)); err != nil {
			t.Fatal(err)
		}
	}
	rules := `identities: [{pattern: 'KEYEXAMPLE\\.*', claim: 'OAuthSubject:all@Entra'}]`
	if err := os.WriteFile(file("rules.yaml"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := run(t, "", "migrate", "--source", file("old.json"), "--target", file("new.json"), "--rules", file("rules.yaml"), "--out", file("desired.yaml"))
	if status != 0 || !strings.Contains(stdout, "By patterns, 2 accounts become 1 claim: each gets what all of them could do.\n") || !strings.Contains(stderr, "Next: commandsec plan ") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	// The report is what the name of its file ends with, and a page otherwise.
	for name, begins := range map[string]string{"m.csv": "section,group,", "m.json": "{", "m.html": "<!doctype html>", "m": "<!doctype html>"} {
		status, _, stderr := run(t, "", "migrate", "--source", file("old.json"), "--target", file("new.json"), "--rules", file("rules.yaml"), "--report", file(name))
		written, err := os.ReadFile(file(name))
		if status != 0 || err != nil || !strings.HasPrefix(strings.ToLower(strings.TrimPrefix(string(written), "\ufeff")), begins) {
			t.Errorf("%s: status %d, %v, %q, %.40q", name, status, err, stderr, written)
		}
	}
}
