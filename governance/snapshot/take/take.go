// Package take reads a Command server into a snapshot. It only reads.
package take

import (
	"context"
	"errors"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/security"
)

// Options say how to read. The zero value reads everything that needs no extra requests.
type Options struct {
	// Proof also reads the version 1 names for single objects on a server that has
	// version 2: three requests a role, for [permissions.Learn]. Without it they are a
	// gap there. On Command 10 they are always read, since nothing else shows them.
	Proof bool

	// SkipSignatures does not ask the server to check the audit signatures of its
	// records, which is slow. The snapshot says so.
	SkipSignatures bool

	// Call are options for the reading: [security.WithConcurrency] bounds the
	// requests under way at a time, [security.WithProgress] is told of the lists and
	// roles that are done.
	Call []security.CallOption
}

// From reads the server of client.
func From(ctx context.Context, client *security.Client, opts *Options) (*snapshot.Snapshot, error) {
	return nil, errors.New("take: not written yet")
}
