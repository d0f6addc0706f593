package apitest

import (
	"net/http"
	"time"

	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// Network lists what can happen to a request on its way, for tests that a safe
// change survives it.
func Network() []securitytest.Fault {
	return []securitytest.Fault{
		{Status: http.StatusInternalServerError},
		{Status: http.StatusServiceUnavailable, RetryAfter: "0"},
		{Status: http.StatusTooManyRequests},
		{Reset: true},
		{Reset: true, Commit: true},
		{Status: http.StatusBadGateway, Commit: true},
		{Status: http.StatusBadGateway},
		{Truncate: true},
		{HTMLLogin: true},
		{HTMLLogin: true, Commit: true},
		{Hang: true, Commit: true},
		{Hang: true},
	}
}

// Patience is how long to wait for an answer: not long if none will come.
func Patience(fault securitytest.Fault) security.Option {
	if fault.Hang {
		return security.WithTimeout(150 * time.Millisecond)
	}
	return security.WithTimeout(time.Minute)
}

// Writes counts the requests to a server that are not readings.
func Writes(server *securitytest.Server) int {
	n := 0
	for _, r := range server.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}
