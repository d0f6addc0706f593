package review_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// server reads a simulated server.
func server(t *testing.T, opts ...securitytest.Option) *snapshot.Snapshot {
	t.Helper()
	return read(t, securitytest.Start(t, opts...), nil)
}

func read(t *testing.T, simulated *securitytest.Server, opts *take.Options) *snapshot.Snapshot {
	t.Helper()
	client, err := simulated.Client()
	if err != nil {
		t.Fatal(err)
	}
	s, err := take.From(t.Context(), client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// installation is a small one, the same on every version.
func installation(version string) []securitytest.Option {
	return []securitytest.Option{
		securitytest.WithVersion(version),
		securitytest.WithCollections(securitytest.Collection{ID: 6, Name: "Web servers", Query: `CN -contains "www"`}),
		securitytest.WithIdentities(securitytest.Identity{ID: 7, AccountName: `KEYEXAMPLE\jsmith`}, securitytest.Identity{ID: 8, AccountName: `KEYEXAMPLE\idle`}),
		securitytest.WithRoles(
			securitytest.Role{
				ID: 3, Name: "Operators", Identities: []string{`KEYEXAMPLE\jsmith`},
				Legacy: []string{"CertificateEnrollment:EnrollCSR", "WorkflowManagement:Participate", "Collections[6]:Recover"},
				Claims: []securitytest.Claim{{Type: "OAuthRole", Value: "pki-ops", Scheme: "System"}},
			},
			securitytest.Role{ID: 4, Name: "Auditors", Legacy: []string{"Auditing:Read"}, Disabled: true, Identities: []string{`KEYEXAMPLE\jsmith`}},
		),
	}
}

// TestVersions: the same installation says the same on every version of Command.
func TestVersions(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"10.5.0", "11.0.0", "24.4.0", "25.4.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := review.New(server(t, installation(version)...), nil)
			var who []string
			for _, g := range r.WhoCan("/certificates/collections/private_key/read/6/") {
				if g.Role == "Operators" {
					who = append(who, g.Holder.Value)
					if g.Text != `download private keys of certificates in collection "Web servers" (6)` || (g.Name != "") != (version == "10.5.0") {
						t.Errorf("the grant is %+v", g)
					}
				}
			}
			want := []string{"pki-ops", `KEYEXAMPLE\jsmith`}
			if version == "10.5.0" {
				want = want[1:] // there are no claims
			}
			if !slices.Equal(who, want) {
				t.Errorf("%v can, want %v", who, want)
			}
			got := codes(r.Findings())
			for _, code := range []string{
				review.CodeDuty + "request-approve", review.CodeDuty + "export-key", review.CodeEverything, review.CodeDisabled, review.CodeIdle,
			} {
				if !slices.Contains(got, code) {
					t.Errorf("there is no finding %s among %v", code, got)
				}
			}
			for _, code := range []string{review.CodeSignature, review.CodeMembers, review.CodeNotRead, review.CodeUnlisted, review.CodeMisspelled} {
				if slices.Contains(got, code) {
					t.Errorf("there is a finding %s", code)
				}
			}
		})
	}
}

// TestUpgrade: an upgrade from 10.5 to 25.4 takes nothing from anybody.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	before, after := server(t, installation("10.5.0")...), server(t, installation("25.4.1")...)
	after.Server.URL = before.Server.URL
	r := review.Changes(snapshot.Compare(before, after), nil)
	for _, c := range r.Changes {
		if c.Group == "What holders can do" && strings.Contains(c.Title, "jsmith") {
			t.Errorf("jsmith can do something else: %+v", c.Fields)
		}
	}
	if len(r.Gaps) != 1 || r.Gaps[0].What != "before: claims, identity providers, permission sets, permissions and roles, version 2" ||
		!strings.Contains(r.Gaps[0].Reason, "Command 10") || r.Gaps[0].Do != "" {
		t.Errorf("the gaps are %+v, want one about what Command 10 does not have", r.Gaps)
	}
	if !slices.ContainsFunc(r.Notes, func(n report.Note) bool { return n.Title == "Rights that are converted" }) {
		t.Error("it is not said that rights are converted")
	}
}

// TestTenant: every right that a tenant was seeded with is in the answers.
func TestTenant(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"10.5.0", "25.4.1"} {
		s := server(t, securitytest.WithVersion(version), securitytest.WithLegacyTenant(1, 60))
		r := review.New(s, nil)
		if err := r.Report().WriteHTML(io.Discard); err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, role := range s.Roles {
			paths := role.Paths
			if len(paths) == 0 {
				paths = permissions.Convert(role.Names, nil).Set.Paths()
			}
			for _, p := range paths {
				grants := r.WhoCan(p)
				for _, h := range role.Holders {
					held++
					if !slices.ContainsFunc(grants, func(g review.Grant) bool { return g.Holder == h.Key && g.Role == role.Name && !g.Part }) {
						t.Errorf("%s: %s of the role %s is not among those who can %s", version, h.Key, role.Name, p)
					}
				}
			}
		}
		if held < 100 {
			t.Errorf("%s: only %d rights were looked at", version, held)
		}
	}
}
