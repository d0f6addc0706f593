// Package foresee reads what a server knows, so that a dry run can say what a write
// would be refused for.
package foresee

import (
	"context"
	"errors"

	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/security"
)

// builtIn are the schemes of claims that no configured provider vouches for. The
// server documents them, and not whether its list of providers has them.
var builtIn = [...]string{"Active Directory", "Client Certificate Authentication CA", "unknown"}

// Schemes returns a function that reports whether the server knows a scheme. If the
// caller may not read the identity providers, or the server does not say their
// schemes, as Command 11, every scheme counts as known: the write will tell.
func Schemes(ctx context.Context, s *providers.V1, opts []security.CallOption) (func(scheme string) bool, error) {
	known := make(map[string]bool)
	for _, scheme := range builtIn {
		known[names.Fold(scheme)] = true
	}
	for provider, err := range s.All(ctx, nil, opts...) {
		switch {
		case Unreadable(err), err == nil && provider.AuthenticationScheme == "":
			return func(string) bool { return true }, nil
		case err != nil:
			return nil, err
		}
		known[names.Fold(provider.AuthenticationScheme)] = true
	}
	return func(scheme string) bool { return known[names.Fold(scheme)] }, nil
}

// UnknownPaths returns those of paths that the server does not know, by its own list,
// which available reads. If the caller may not read it, none is unknown: the write
// will tell.
func UnknownPaths(ctx context.Context, available func(context.Context, ...security.CallOption) ([]permissions.Path, error),
	paths []permissions.Path, opts []security.CallOption,
) (unknown []permissions.Path, err error) {
	if len(paths) == 0 {
		return nil, nil
	}
	list, err := available(ctx, opts...)
	switch {
	case Unreadable(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	known := make(map[permissions.Path]bool, len(list))
	for _, path := range list {
		known[path.Canonical()] = true
	}
	for _, path := range paths {
		if !known[path.Canonical()] && !known[path.Unscoped()] {
			unknown = append(unknown, path)
		}
	}
	return unknown, nil
}

// Unreadable reports whether the caller may not read something, or the server does
// not have it to read.
func Unreadable(err error) bool {
	return errors.Is(err, security.ErrForbidden) || errors.Is(err, security.ErrNoEndpoint)
}
