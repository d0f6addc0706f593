package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/specimen"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// simulated reads a tenant, a few of whose roles, holders and collections have names
// that try to be something else.
func simulated(version string) (*snapshot.Snapshot, error) {
	options := []securitytest.Option{securitytest.WithVersion(version), securitytest.WithLegacyTenant(1, 20)}
	for i, name := range hostileNames() {
		options = append(options,
			securitytest.WithCollections(securitytest.Collection{ID: 900 + i, Name: name, Description: name, Query: name}),
			securitytest.WithIdentities(securitytest.Identity{ID: 900 + i, AccountName: `KEYEXAMPLE\` + name}),
			securitytest.WithRoles(securitytest.Role{
				ID: 9000 + i, Name: name, Description: name, Identities: []string{`KEYEXAMPLE\` + name}, Disabled: i%2 == 0,
				Legacy: []string{"AdminPortal:Read", "CertificateEnrollment:EnrollCSR", fmt.Sprintf("Collections[%d]:Recover", 900+i)},
				Claims: []securitytest.Claim{{Type: "OAuthRole", Value: name, Scheme: "System", Description: name}},
			}))
	}
	server := securitytest.NewServer(options...)
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		return nil, err
	}
	s, err := take.From(context.Background(), client, nil)
	if err != nil {
		return nil, err
	}
	s.Server.URL = "https://" + strings.Split(version, ".")[0] + ".keyexample.com/KeyfactorAPI" // the same every time
	return s, nil
}

// hostileNames are the names that a server can have: JSON is UTF-8.
func hostileNames() []string {
	names := specimen.Names()
	for i := range names {
		names[i] = strings.ToValidUTF8(names[i], "\uFFFD")
	}
	return names
}

// snapshots are of simulated servers, before and after an upgrade.
var snapshots = sync.OnceValues(func() (both [2]*snapshot.Snapshot, err error) {
	for i, version := range []string{"10.5.0", "25.4.1"} {
		if both[i], err = simulated(version); err != nil {
			return both, err
		}
	}
	return both, nil
})

// tenants are reviews and a comparison of simulated servers.
func tenants(t *testing.T) map[string]*report.Report {
	t.Helper()
	both, err := snapshots()
	if err != nil {
		t.Fatal(err)
	}
	old, now := both[0], both[1]
	return map[string]*report.Report{
		"real 10.5": review.New(old, nil).Report(), "real 25.4": review.New(now, nil).Report(),
		"real changes": review.Changes(snapshot.Compare(old, now), nil),
	}
}

// What a server calls its things is on the page of a review as text, and nothing came
// of it.
func TestRealHostileNames(t *testing.T) {
	t.Parallel()
	for name, r := range tenants(t) {
		p := open(t, r, look{})
		text := eval[string](p, "document.body.textContent")
		for _, hostile := range hostileNames() {
			if want := strings.TrimSuffix(show.Text(hostile, 90), "..."); !strings.Contains(text, want) {
				t.Errorf("%s: %q is not on the page", name, want)
			}
		}
		if got := eval[[]int](p, `[document.querySelectorAll("#injected").length, document.images.length, document.scripts.length, document.styleSheets.length,
			document.querySelectorAll("[onerror], [style], iframe, object, embed, base, link").length]`); fmt.Sprint(got) != "[0 0 1 1 0]" {
			t.Errorf("%s: injected, images, scripts, styles, suspects are %v, want [0 0 1 1 0]", name, got)
		}
	}
}
