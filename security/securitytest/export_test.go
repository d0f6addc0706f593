package securitytest

import "fmt"

// Operations are the operations that the server answers, as in "GET /Security/Roles/{id}, version 2".
func (h *Handler) Operations() []string {
	var operations []string
	for i := range h.routes {
		r := &h.routes[i]
		operations = append(operations, fmt.Sprintf("%s %s, version %d", r.method, r.template(), r.version))
	}
	return operations
}
