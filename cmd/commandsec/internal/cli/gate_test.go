package cli_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// A gate passes if all was read and is as it should be. It never passes because
// something was not read.
func TestGates(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"10.5.0", "11.0.0", "25.4.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			client, err := securitytest.Start(t, securitytest.WithVersion(version)).Client()
			if err != nil {
				t.Fatal(err)
			}
			s, err := take.From(t.Context(), client, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.Roles, s.Claims = nil, nil // of which a review would have findings
			dir := t.TempDir()
			save := func(name string, s *snapshot.Snapshot) string {
				file := filepath.Join(dir, name)
				if err := s.Save(file); err != nil {
					t.Fatal(err)
				}
				return file
			}
			all := save("all.json", s)
			part := snapshot.PartRolesV1 // on Command 25, that with the identities
			for _, g := range []snapshot.Gap{
				{Part: part, Reason: snapshot.ReasonRefused}, {Part: part, Object: "Secret role", Reason: snapshot.ReasonFailed},
			} {
				lacking := *s
				lacking.Gaps = append(slices.Clip(lacking.Gaps), g)
				some := save("some.json", &lacking)
				calls := [][3][]string{
					{{"compare", all, all}, {"compare", all, some}, {"compare", some, all}},
					{{"review", all}, {"review", some}},
				}
				if version == "25.4.1" {
					desired := filepath.Join(dir, "access.yaml")
					if status, _, stderr := run(t, "", "export", all, "--out", desired); status != 0 {
						t.Fatal(stderr)
					}
					calls = append(calls, [3][]string{{"plan", desired, "--in", all}, {"plan", desired, "--in", some}})
				}
				for _, list := range calls {
					for i, call := range list {
						if call == nil {
							continue
						}
						want := 0
						if i > 0 {
							want = 3
						}
						status, stdout, stderr := run(t, "", append(call, "--exit-code")...)
						if status != want {
							t.Errorf("%v: status %d, want %d\n%s%s", call, status, want, stdout, stderr)
						}
						if told := strings.Contains(stderr, "roles, version 1"); told != (i > 0) {
							t.Errorf("%v tells what was not read: %t\n%s", call, told, stderr)
						}
						if status, _, _ := run(t, "", call...); status != 0 {
							t.Errorf("%v without --exit-code: status %d", call, status)
						}
					}
				}
			}
		})
	}
}
