// Package schemes tells which authentication schemes a server knows, so that a dry
// run can say what a write would be refused for.
package schemes

import (
	"context"
	"errors"

	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/security"
)

// builtIn are the schemes of claims that no configured provider vouches for. The
// server documents them, and not whether its list of providers has them.
var builtIn = [...]string{"Active Directory", "Client Certificate Authentication CA", "unknown"}

// Known returns a function that reports whether the server knows a scheme. If the
// caller may not read the identity providers, or the server does not say their
// schemes, as Command 11, every scheme counts as known: the write will tell.
func Known(ctx context.Context, s *providers.V1, opts []security.CallOption) (func(scheme string) bool, error) {
	known := make(map[string]bool)
	for _, scheme := range builtIn {
		known[safe.Fold(scheme)] = true
	}
	for provider, err := range s.All(ctx, nil, opts...) {
		switch {
		case Unreadable(err), err == nil && provider.AuthenticationScheme == "":
			return func(string) bool { return true }, nil
		case err != nil:
			return nil, err
		}
		known[safe.Fold(provider.AuthenticationScheme)] = true
	}
	return func(scheme string) bool { return known[safe.Fold(scheme)] }, nil
}

// Unreadable reports whether the caller may not read something, or the server does
// not have it to read.
func Unreadable(err error) bool {
	return errors.Is(err, security.ErrForbidden) || errors.Is(err, security.ErrNoEndpoint)
}
