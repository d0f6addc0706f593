package securitytest

import "slices"

// listEndpoints lists the paths at which the caller may do something.
func listEndpoints(c *call) (any, error) {
	paths := []string{}
	for i := range c.h.routes {
		r := &c.h.routes[i]
		if c.caller.may(r.needs) && !slices.Contains(paths, r.template()) {
			paths = append(paths, r.template())
		}
	}
	return paths, nil
}

// checkHealth answers without a body.
func checkHealth(*call) (any, error) { return nil, nil }
