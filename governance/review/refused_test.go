package review_test

import (
	"fmt"
	"net/http"
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

// traps is an installation on which a review that takes what was not read for what is
// not there would say something wrong.
func traps(version string) []securitytest.Option {
	claim := func(value string) securitytest.Claim {
		return securitytest.Claim{Type: "OAuthRole", Value: value, Scheme: "System"}
	}
	return append(installation(version),
		securitytest.WithLegacyTenant(1, 30),
		securitytest.WithRoles(
			// Version 1 shows no holder of it.
			securitytest.Role{ID: 9001, Name: "Only claims", Legacy: []string{"AdminPortal:Read"}, Claims: []securitytest.Claim{claim("only")}},
			// Version 1 has no name for what it grants.
			securitytest.Role{ID: 9002, Name: "Only paths", Permissions: []string{"/enrollment_pattern/modify/"}, Identities: []string{`KEYEXAMPLE\jsmith`}},
			// Without the names for single objects they look the same.
			securitytest.Role{ID: 9003, Name: "Readers A", Legacy: []string{"Auditing:Read", "Collections[1]:Read"}, Identities: []string{`KEYEXAMPLE\jsmith`}},
			securitytest.Role{ID: 9004, Name: "Readers B", Legacy: []string{"Auditing:Read", "Collections[2]:Read"}, Identities: []string{`KEYEXAMPLE\jsmith`}},
			// It grants something on a single object alone.
			securitytest.Role{ID: 9005, Name: "One collection", Legacy: []string{"Collections[3]:Read"}, Identities: []string{`KEYEXAMPLE\jsmith`}},
		))
}

// TestRefused refuses what a snapshot is made of, part by part. The page says what is
// missing, and nothing on it is claimed that the whole server would not confirm.
func TestRefused(t *testing.T) {
	t.Parallel()
	type part struct {
		path    string
		version int
		missing []snapshot.Part
		unknown []string // figures
		proof   bool     // with the names for single objects
	}
	const signatures, powerful = "records with a broken signature", "holders who can do everything"
	lists := []part{
		{"/Security/Identities", 1, []snapshot.Part{snapshot.PartIdentities}, nil, false},
		{"/CertificateCollections", 1, []snapshot.Part{snapshot.PartCollections}, nil, false},
		{"/CertificateStoreContainers", 1, []snapshot.Part{snapshot.PartContainers}, nil, false},
		{"/PamProviders", 1, []snapshot.Part{snapshot.PartPAMProviders}, nil, false},
	}
	newer := append([]part{
		{"/Security/Roles", 1, []snapshot.Part{snapshot.PartRolesV1}, nil, false},
		{"/Security/Roles", 2, []snapshot.Part{snapshot.PartRolesV2, snapshot.PartObjectNames}, []string{powerful}, false},
		{"/Security/Roles", 0, []snapshot.Part{snapshot.PartRolesV1, snapshot.PartRolesV2}, []string{powerful, "roles"}, false},
		{"/Security/Roles/{id}", 2, []snapshot.Part{snapshot.PartRolesV2}, []string{powerful}, false},
		{"/Security/Roles", 2, []snapshot.Part{snapshot.PartRolesV2}, []string{powerful}, true},
		{"/Security/Roles/9001", 2, []snapshot.Part{snapshot.PartRolesV2}, []string{powerful}, false},
		{"/Security/Claims", 1, []snapshot.Part{snapshot.PartClaims}, nil, false},
		{"/PermissionSets", 1, []snapshot.Part{snapshot.PartPermissionSets}, nil, false},
		{"/Permissions", 1, []snapshot.Part{snapshot.PartPermissions}, nil, false},
		{"/IdentityProviders", 1, []snapshot.Part{snapshot.PartProviders}, nil, false},
		{"/Security/*", 0, []snapshot.Part{snapshot.PartRolesV1, snapshot.PartRolesV2, snapshot.PartIdentities, snapshot.PartClaims}, []string{signatures, powerful, "roles", "holders"}, false},
	}, lists...)
	oldest := append([]part{
		{"/Security/Roles", 1, []snapshot.Part{snapshot.PartRolesV1}, []string{powerful, "roles"}, false},
		{"/Security/Roles/{id}/Permissions/Collections", 1, []snapshot.Part{snapshot.PartObjectNames}, []string{powerful}, false},
		{"/Security/Roles/{id}/Permissions/Containers", 1, []snapshot.Part{snapshot.PartObjectNames}, []string{powerful}, false},
	}, lists...)
	for version, parts := range map[string][]part{"10.5.0": oldest, "11.0.0": newer, "24.4.0": newer, "25.4.1": newer} {
		whole := review.New(server(t, traps(version)...), nil)
		for _, p := range parts {
			for _, status := range []int{http.StatusForbidden, http.StatusNotFound} {
				t.Run(fmt.Sprintf("%s %s version %d proof %v %d", version, p.path, p.version, p.proof, status), func(t *testing.T) {
					t.Parallel()
					simulated := securitytest.Start(t, traps(version)...)
					simulated.Inject(securitytest.Fault{Method: http.MethodGet, Path: p.path, Version: p.version, Status: status})
					s := read(t, simulated, &take.Options{Proof: p.proof})
					r := review.New(s, nil)
					says(t, r, p.missing)
					claims(t, r, whole)
					for _, f := range r.Report().Figures {
						if slices.Contains(p.unknown, f.Label) && !f.Unknown && !strings.Contains(f.Note, "at least") {
							t.Errorf("%d %s: it is not said that not all could be read", f.Number, f.Label)
						}
					}
				})
			}
		}
	}
}

// says checks that the page says what is missing.
func says(t *testing.T, r *review.Review, missing []snapshot.Part) {
	t.Helper()
	var page strings.Builder
	if err := r.Report().WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "could not be read</a>") {
		t.Error("the page does not say at its head that something is missing")
	}
	for _, part := range missing {
		told := func(g report.Gap) bool {
			return strings.HasPrefix(g.What, string(part)) && g.Reason != "" && g.Effect != "" && g.Do != ""
		}
		if !slices.ContainsFunc(r.Gaps(), told) {
			t.Errorf("the page does not say that %s could not be read, why, what follows and what to do: %+v", part, r.Gaps())
		}
		if !slices.ContainsFunc(r.Findings(), func(f review.Finding) bool {
			return f.Code == review.CodeNotRead && strings.HasPrefix(f.Title, "Not read: "+string(part))
		}) {
			t.Errorf("there is no finding about %s, which could not be read", part)
		}
	}
}

// claims checks that a review says nothing that a review of the whole server does not.
func claims(t *testing.T, r, whole *review.Review) {
	t.Helper()
	known := map[string]bool{}
	idle := map[string]bool{}
	for _, f := range whole.Findings() {
		known[f.Title] = true
		if f.Code == review.CodeIdle {
			for _, h := range f.Holders {
				idle[h.Text] = true
			}
		}
	}
	for _, f := range r.Findings() {
		switch f.Code {
		case review.CodeNotRead:
		case review.CodeIdle:
			for _, h := range f.Holders {
				if !idle[h.Text] {
					t.Errorf("this is not so: %s has no role", h.Text)
				}
			}
			if !strings.Contains(f.Detail, "There may be more") && !known[f.Title] {
				t.Errorf("this is not so: %s", f.Title)
			}
		case review.CodeGuess, review.CodeName: // of names that are converted only now
		default:
			if !known[f.Title] {
				t.Errorf("this is not so: %s: %s", f.Code, f.Title)
			}
		}
	}
	if lead := r.Report().Lead; strings.Contains(lead, "Nobody can") && !strings.Contains(whole.Report().Lead, "Nobody can") {
		t.Errorf("this is not so: %s", lead)
	}
	cells := func(of *review.Review) map[string]string { // what is said about what is not there
		said := map[string]string{}
		for _, table := range of.Report().Tables {
			for _, row := range table.Rows {
				for n, cell := range row.Cells {
					if cell.Text == "nothing" || cell.Text == "nobody" || cell.Text == "none" {
						said[fmt.Sprint(table.ID, " ", row.Cells[0].Text, " ", n)] = cell.Text
					}
				}
			}
		}
		return said
	}
	all := cells(whole)
	for where, text := range cells(r) {
		if all[where] != text {
			t.Errorf("this is not so: %s: %s", where, text)
		}
	}
	for _, path := range []string{"/", "/security/modify/", "/certificates/collections/read/", "/enrollment_pattern/modify/", "/portal/read/"} {
		all := whole.WhoCan(permissions.Path(path))
		for _, g := range r.WhoCan(permissions.Path(path)) {
			if !slices.ContainsFunc(all, func(have review.Grant) bool { return have.Holder.Fold() == g.Holder.Fold() && have.Role == g.Role }) {
				t.Errorf("this is not so: %s can %s through %s", g.Holder, g.Text, g.Role)
			}
		}
	}
}
