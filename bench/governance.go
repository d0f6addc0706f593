package bench

import (
	"context"
	"fmt"
	"strconv"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// A large installation: the tenant "governed" of the server.
const (
	governed           = "governed"
	governedRoles      = 1_000
	governedClaims     = 5_000 // the identities are among them
	governedIdentities = 2_000

	// governedRequests is what a snapshot of it takes: the pages of the lists of roles in
	// both versions, identities and claims, six lists of one page, and one a role.
	governedRequests = 2*governedRoles/defaultPageSize + governedIdentities/defaultPageSize + governedClaims/defaultPageSize + 6 + governedRoles
)

// governedSeeds are its claims and identities. The roles hold 400 of the claims.
func governedSeeds() []securitytest.Option {
	const held = 400
	var identities []securitytest.Identity
	for i := range governedIdentities {
		identities = append(identities, securitytest.Identity{AccountName: fmt.Sprintf(`KEYEXAMPLE\user%05d`, i)})
	}
	var claims []securitytest.Claim
	for i := range governedClaims - governedIdentities - held {
		claims = append(claims, securitytest.Claim{Type: "OAuthSubject", Value: "subject-" + strconv.Itoa(i), Scheme: "System", Description: "Somebody"})
	}
	return []securitytest.Option{securitytest.WithIdentities(identities...), securitytest.WithClaims(claims...)}
}

// governanceWorks are reading a large installation and comparing two readings of it.
func governanceWorks(slow *security.Client) []Work {
	const size = "1,000 roles, 5,000 claims and 2,000 identities"
	before, after := largeSnapshot(0), largeSnapshot(1)
	compare := Work{Name: "`snapshot.Compare` of " + size, Ops: 1, Rounds: 11, Ways: []Way{
		{"every hundredth role differs", func(context.Context) error {
			c := snapshot.Compare(before, after)
			return check(nil, len(c.Roles) == governedRoles/100 && len(c.Claims) == 0)
		}},
		{"all are gone and new", func(context.Context) error {
			c := snapshot.Compare(before, &snapshot.Snapshot{Server: before.Server})
			return check(nil, len(c.Roles) == governedRoles)
		}},
	}}
	for i := range compare.Ways {
		compare.Targets = append(compare.Targets, Target{compare.Name + ", " + compare.Ways[i].Name + ": CPU", 500, "ms", func(r []Result) float64 {
			return milliseconds(r[i])
		}})
	}
	return append([]Work{
		atIdeal(governedRequests, inFlight, 0, Work{Name: "a snapshot of " + size + ", 20 ms a request", Ways: []Way{
			{"this library, 8 at a time", takeLarge(slow, inFlight)},
		}}),
		atIdeal(governedRequests, defaultConcurrency, 0, Work{Name: "the same with defaults, 20 ms a request", Ways: []Way{
			{"this library, defaults", takeLarge(slow, 0)},
		}}),
		compare,
	}, reviewWorks(size)...)
}

// takeLarge takes a snapshot, with a concurrency unless it is 0.
func takeLarge(client *security.Client, concurrency int) func(context.Context) error {
	opts := &take.Options{}
	if concurrency > 0 {
		opts.Call = append(opts.Call, security.WithConcurrency(concurrency))
	}
	return func(ctx context.Context) error {
		s, err := take.From(ctx, client, opts)
		return check(err, s != nil && len(s.Roles) == governedRoles && len(s.Claims) == governedClaims && len(s.Gaps) == 1)
	}
}

// largeSnapshot makes a snapshot of that size in memory. Every hundredth role has
// another path in each variant.
func largeSnapshot(variant int) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Server: snapshot.Server{URL: "https://command.example.com/KeyfactorAPI"}, Signatures: snapshot.SignaturesChecked}
	for i := range governedClaims {
		key := snapshot.Key{Type: "OAuthRole", Value: fmt.Sprintf("pki-team-%05d", i), Scheme: "System"}
		versions := []int{2}
		if i < governedIdentities {
			key, versions = snapshot.Key{Type: "User", Value: fmt.Sprintf(`KEYEXAMPLE\user%05d`, i), Scheme: "Active Directory"}, []int{1, 2}
		}
		s.Claims = append(s.Claims, snapshot.Claim{Key: key, Description: "Members of a team", Versions: versions})
	}
	for i := range governedRoles {
		r := snapshot.Role{ID: i + 1, Name: fmt.Sprintf("PKI Operators %06d", i), Description: "Requests and renews", Versions: []int{1, 2}}
		for k := range 30 {
			r.Paths = append(r.Paths, permissions.Path(fmt.Sprintf("/certificates/collections/read/%d/", 100*i+k+1)))
		}
		if i%100 == 0 {
			r.Paths = append(r.Paths, permissions.Path(fmt.Sprintf("/certificates/collections/revoke/%d/", variant+1)))
		}
		for k := range 20 {
			c := s.Claims[(20*i+k)%governedClaims]
			r.Holders = append(r.Holders, snapshot.Holder{Key: c.Key, Versions: c.Versions})
		}
		s.Roles = append(s.Roles, r)
	}
	return s
}
