package security

import (
	"context"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// Operation is the call of the API that a request belongs to, and which attempt
// of it. It names a trace or a metric without the ids that a URL has. A request for
// a token, which goes to the identity provider, has the path "token" and version 0.
type Operation struct {
	Method  string // such as "GET"
	Path    string // below the API path, as a template: "Security/Roles/{id}"
	Version int    // of the API, as x-keyfactor-api-version says it
	Attempt int    // 1 for the first
}

// String is the operation as errors and logs name it:
// "GET /Security/Roles/{id}, version 2", or "POST token".
func (o Operation) String() string {
	if o.Version == 0 {
		return o.Method + " " + o.Path
	}
	return transport.Op{Method: o.Method, Path: o.Path, Version: o.Version}.String()
}

// OperationFromContext returns the operation that ctx, the context of a request,
// belongs to. It is for middleware (see [WithMiddleware]); ok is false for a
// context that is not one of a request of this library.
func OperationFromContext(ctx context.Context) (op Operation, ok bool) {
	o, attempt, ok := transport.Under(ctx)
	return Operation{Method: o.Method, Path: o.Path, Version: o.Version, Attempt: attempt}, ok
}
