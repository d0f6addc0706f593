package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/plan/apply"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/security"
)

// The plan that is applied: it makes a claim for each account, and changes each role.
const (
	applied        = "applied"
	appliedRoles   = 1_000
	appliedClaims  = 5_000
	appliedLatency = 10 * time.Millisecond

	// appliedRequests is what cannot be done without: one to make a claim, and four for a
	// role: to look at it before anything is written, and to read, write and read it.
	appliedRequests = appliedClaims + 4*appliedRoles
)

// applyWork is carrying out a plan.
func applyWork(ctx context.Context, s *Server) (Work, error) {
	p, err := appliedPlan(ctx, s, appliedRoles, appliedClaims)
	const name = "a plan of 1,000 roles and 5,000 identities, 10 ms a request"
	ideal := appliedLatency * appliedRequests / inFlight
	return Work{Name: name, Ops: 1, Rounds: 1, Ideal: ideal, Ways: []Way{
		{"this library, 8 at a time", func(ctx context.Context) error {
			return s.apply(ctx, p, security.WithConcurrency(inFlight))
		}},
	}, Targets: []Target{{name + ": time", 1.3, "× ideal", func(r []Result) float64 { return float64(r[0].Cost.Time) / float64(ideal) }}}}, err
}

// appliedPlan makes the plan, of that many roles and claims. It is for the slow server, which is the same as the fast one.
func appliedPlan(ctx context.Context, s *Server, roles, claims int) (*plan.Plan, error) {
	fast, err := newClients(s, s.AppliedBase(0), nil)
	if err != nil {
		return nil, err
	}
	if err := s.reset(ctx, fast); err != nil {
		return nil, err
	}
	now, err := take.From(ctx, fast.client, nil)
	if err != nil {
		return nil, err
	}
	now.Server.URL = s.AppliedBase(appliedLatency)
	d := &plan.Desired{}
	key := func(i int) plan.Key {
		return plan.Key{Type: "User", Value: fmt.Sprintf(`KEYEXAMPLE\user%05d`, i), Scheme: "Active Directory"}
	}
	for i := range claims {
		d.Claims = append(d.Claims, plan.Claim{Key: key(i)})
	}
	for i, r := range seeds(roles) {
		d.Roles = append(d.Roles, plan.Role{Name: r.Name, Existing: plan.Add, Holders: []plan.Holder{{Key: key(i % claims)}}})
	}
	return plan.Make(now, d, nil)
}

// apply makes the server anew and carries the plan out.
func (s *Server) apply(ctx context.Context, p *plan.Plan, call ...security.CallOption) (err error) {
	c, err := newClients(s, s.AppliedBase(appliedLatency), nil)
	if err != nil {
		return err
	}
	if err := s.reset(ctx, c); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	journal, err := apply.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	result, err := apply.Run(ctx, c.client, p, journal, &apply.Options{Approve: p.Digest(), AllowLarge: true, Call: call})
	return check(err, result != nil && result.Count(apply.Done) == len(p.Steps))
}

// reset makes the server that plans are applied to anew.
func (s *Server) reset(ctx context.Context, c *clients) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+s.Addr+resetPath, nil)
	if err != nil {
		return err
	}
	answer, err := c.floor.http.Do(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
