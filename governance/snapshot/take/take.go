// Package take reads a Command server into a snapshot: who can do what on it. It
// sends GET requests only.
//
// # What it asks
//
// Every list is walked in pages of 200 items; a list that has fewer is one request.
//
//   - From Command 11 on: ten lists (roles in both versions, identities, claims,
//     permission sets, identity providers, permissions, collections, containers, PAM
//     providers) and one request a role. A server with 300 roles and less than 200 of
//     everything else is read with 312 requests.
//   - With [Options.Proof]: three more a role.
//   - On Command 10: six lists, one of which is refused and shows that it is Command
//     10, and two requests a role.
//
// # What it cannot read
//
// A part that the account may not read (403), that the server does not have (404) or
// fails to read (500) is a gap of the snapshot, with its reason. So is a role that was
// deleted between the list and the reading; if the server says so of every role, the
// endpoint is taken to be missing. A refused sign-in, a server that cannot be
// reached or is out of order, and a context that ends are errors, and there is no
// snapshot then.
//
// A list that changes while it is read is read again, which the snapshot says. The
// snapshot is no picture of one moment: what is changed during the reading is in it or
// not, and a role may be read before and a claim after.
package take

import (
	"context"
	"fmt"
	"time"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/security"
)

// Options say how to read. The zero value reads everything that needs no more
// requests than one a role.
type Options struct {
	// Proof also reads the version 1 names for single objects on a server that has
	// version 2: three requests a role, for [permissions.Learn]. Without it they are a
	// gap there. On Command 10 they are always read, since nothing else shows them.
	//
	// [permissions.Learn]: https://pkg.go.dev/github.com/commandsec/commandsec-go/permissions#Learn
	Proof bool

	// SkipSignatures does not ask the server to check the audit signatures of its
	// records, which is slow. The snapshot says so.
	SkipSignatures bool

	// Call are options for the reading: [security.WithConcurrency] bounds the requests
	// under way at a time, and [security.WithProgress] is told of the lists and roles
	// that are done; there the total is -1 until the roles are counted.
	Call []security.CallOption
}

// From reads the server of client. opts may be nil.
//
// API: GET /Security/Roles, /Security/Roles/{id}, /Security/Identities,
// /Security/Claims, /PermissionSets, /Permissions, /IdentityProviders and, if they are
// asked for, /Security/Roles/{id}/Permissions/Collections, /Containers and
// /PamProviders; also GET /CertificateCollections, /CertificateStoreContainers and
// /PamProviders, which are no part of the security API.
func From(ctx context.Context, client *security.Client, opts *Options) (*snapshot.Snapshot, error) {
	if opts == nil {
		opts = &Options{}
	}
	parts := service.Of(client)
	url, err := snapshot.NormalizeURL(parts.Transport.Base())
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w", err)
	}
	r := newReader(client, opts)
	if r.settings.Err != nil {
		return nil, fmt.Errorf("take a snapshot of %s: %w", url, r.settings.Err)
	}
	begun := time.Now().UTC().Truncate(time.Second)
	if err := r.read(ctx); err != nil {
		return nil, fmt.Errorf("take a snapshot of %s: %w", url, err)
	}
	r.keepGone()
	s := r.join()
	s.Server.URL, s.TakenAt = url, begun
	if parts.Account != nil {
		s.Account = parts.Account()
	}
	return s, nil
}
