package securitytest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
)

// An Endpoint is an operation that the simulation does not have: templates, agents, or whatever else a program calls.
// It stands behind the same checks as every other operation: requests must be signed in, have the required header and a
// version that exists, and the caller must hold what the endpoint needs. Requests are recorded, faults hit them, and
// answers have the headers that all answers of the server have.
type Endpoint struct {
	// Method is the HTTP method.
	Method string
	// Path is the path below the API path, as in "/Templates/{id}".
	Path string
	// Version is the API version. Zero means 1.
	Version int
	// Needs is the access control string that one of the caller's roles must grant, as in "/certificate_templates/read/".
	// If it is empty, every caller that has signed in may call the endpoint.
	Needs string
	// Handler answers the requests. [http.Request.PathValue] gives it the parameters of the path. It may call every
	// method of the simulated server's Handler.
	Handler http.Handler
}

// WithEndpoint adds an operation of your own. An operation that the server has already cannot be replaced.
func WithEndpoint(endpoint Endpoint) Option {
	return func(c *config) { c.endpoints = append(c.endpoints, endpoint) }
}

// ownRoute is the route of an endpoint of the user's own, beside the routes that are there already.
func (h *Handler) ownRoute(e *Endpoint, routes []route) (route, error) {
	if e.Version == 0 {
		e.Version = 1
	}
	parts := h.belowAPIPath(e.Path)
	fail := func(problem string) (route, error) {
		return route{}, fmt.Errorf("WithEndpoint: %s %s, version %d: %s", e.Method, e.Path, e.Version, problem)
	}
	switch {
	case e.Method == "" || len(parts) == 0:
		return fail("a method and a path are required")
	case e.Handler == nil:
		return fail("a handler is required")
	case e.Version < 0:
		return fail("versions start with 1")
	case e.Needs != "" && !wellFormed(e.Needs):
		return fail(fmt.Sprintf("%q is not an access control string", e.Needs))
	}
	own := route{
		operation: operation{
			method: strings.ToUpper(e.Method), path: strings.Join(parts, "/"), version: e.Version, needs: requirement{path: e.Needs},
		},
		segments: parts,
		own:      e,
	}
	for i := range routes {
		other := &routes[i]
		same := slices.EqualFunc(parts, other.segments, func(a, b string) bool {
			return strings.EqualFold(a, b) || isParameter(a) && isParameter(b)
		})
		if !same {
			continue
		}
		// Operations at one path are told apart by method and version.
		own.path = other.path
		if own.method == other.method && own.version == other.version {
			return fail("the server has this operation already")
		}
	}
	return own, nil
}

// runOwn calls the handler of an endpoint. It does not hold the lock meanwhile, because that handler may call the
// methods of Handler.
func (c *call) runOwn(who *account) (any, error) {
	c.h.mu.RLock()
	err := c.authorize(who)
	c.h.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	r := c.r.Clone(c.r.Context())
	r.Body = io.NopCloser(bytes.NewReader(c.body))
	args := c.args
	for _, segment := range c.route.segments {
		if isParameter(segment) {
			r.SetPathValue(strings.Trim(segment, "{}"), args[0])
			args = args[1:]
		}
	}
	recorder := httptest.NewRecorder()
	c.route.own.Handler.ServeHTTP(recorder, r)
	answer := recorder.Result()
	answer.Header.Del("Content-Length")
	return &response{status: answer.StatusCode, header: answer.Header, body: recorder.Body.Bytes()}, nil
}
