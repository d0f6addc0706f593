package take

import (
	"cmp"

	"github.com/commandsec/commandsec-go/governance/snapshot"
)

// registry has every claim and identity once, and finds them by their natural keys.
type registry struct {
	all    []*snapshot.Claim
	exact  map[snapshot.Key]*snapshot.Claim
	folded map[snapshot.Key]*snapshot.Claim // the first of each spelling
}

// registry joins the lists of claims and identities.
func (r *reader) registry() *registry {
	g := &registry{exact: map[snapshot.Key]*snapshot.Claim{}, folded: map[snapshot.Key]*snapshot.Claim{}}
	for _, c := range r.claims {
		claim := g.claim(c.Key())
		claim.ClaimID, claim.Description = cmp.Or(claim.ClaimID, c.ID), cmp.Or(claim.Description, c.Description)
		claim.Versions = union(claim.Versions, 2)
	}
	for _, i := range r.identities {
		claim := g.identity(identityKey(i.IdentityType, i.AccountName))
		claim.IdentityID, claim.SID = cmp.Or(claim.IdentityID, i.ID), cmp.Or(claim.SID, text(i.SID))
		claim.Versions = union(claim.Versions, 1)
		if !r.opts.SkipSignatures {
			claim.Valid = i.Valid
		}
	}
	return g
}

// claim returns the claim with a key that is spelled like this.
func (g *registry) claim(key snapshot.Key) *snapshot.Claim {
	if c := g.exact[key]; c != nil {
		return c
	}
	c := &snapshot.Claim{Key: key}
	g.all = append(g.all, c)
	g.exact[key] = c
	if folded := key.Fold(); g.folded[folded] == nil {
		g.folded[folded] = c
	}
	return c
}

// identity returns the claim that an identity is: the one that is spelled like it, or
// else the first in another spelling, or else a new one.
func (g *registry) identity(key snapshot.Key) *snapshot.Claim {
	if c := g.exact[key]; c != nil {
		return c
	}
	if c := g.folded[key.Fold()]; c != nil {
		return c
	}
	return g.claim(key)
}
