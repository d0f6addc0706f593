package securitytest

import (
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Chaos hits random requests with random faults, in a way that can be repeated: what happens to a request depends on
// the seed, on its method, URL and version, and on how many such requests there were before, and not on what other
// requests come in between. Clients that send the same requests run into the same faults, however many of them send at
// the same time.
type Chaos struct {
	// Seed chooses. Another seed is another plan.
	Seed uint64
	// Rate is how many requests are hit, from 0 to 1: with 0.25 one of four.
	Rate float64
	// Faults are what to draw from: for each request, from those that fit it and do not contradict what hits it already.
	// A fault that is listed twice comes twice as often. Nil means EveryFault.
	Faults []Fault
}

// InjectChaos adds chaos to the faults that are injected. It may be called more than once: a request can then be hit by
// several faults that go together.
func (h *Handler) InjectChaos(c Chaos) {
	if c.Faults == nil {
		c.Faults = EveryFault()
	}
	active := &activeChaos{seed: c.Seed, rate: c.Rate, seen: map[string]int{}}
	for _, fault := range c.Faults {
		active.faults = append(active.faults, h.activate(fault))
	}
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.chaos = append(h.faults.chaos, active)
}

type activeChaos struct {
	seed   uint64
	rate   float64
	faults []*activeFault
	seen   map[string]int // how often each request came
}

// draw draws a fault for what the key names, and which is hit by others already. It returns nil for none.
func (c *activeChaos) draw(already *combined, fits func(*activeFault) bool, key string) *activeFault {
	n := c.seen[key]
	c.seen[key]++
	sum := fnv.New64a()
	// Never fails.
	_, _ = sum.Write([]byte(key + " " + strconv.Itoa(n)))
	draw := rand.New(rand.NewPCG(c.seed, sum.Sum64())) //nolint:gosec // to be repeated, not to be secret
	if draw.Float64() >= c.rate {
		return nil
	}
	var candidates []*activeFault
	for _, fault := range c.faults {
		if _, ok := already.with(fault.Fault); ok && fits(fault) {
			candidates = append(candidates, fault)
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	return candidates[draw.IntN(len(candidates))]
}

// EveryFault returns a fault of each kind, with short times, for [Chaos] and for tables in tests. Each of them is what a
// server, a proxy or a network can do without lying about a write: a write that is answered with success was done, one
// that is answered with a status from 400 to 499 was not, and no list or object is made up. Where it matters whether the
// request was processed, there is one fault for each case.
func EveryFault() []Fault {
	const (
		short = 5 * time.Millisecond
		late  = 30 * time.Millisecond
	)
	faults := []Fault{
		{Latency: short},
		{Refuse: true},
		{Reset: true, Unread: true},
		{Status: http.StatusBadRequest},
		{Status: http.StatusBadRequest, Echo: true},
		{Status: http.StatusUnauthorized},
		{Status: http.StatusForbidden},
		{Status: http.StatusNotFound, Body: "<html>no such application</html>", ContentType: typeHTML},
		{Status: http.StatusProxyAuthRequired},
		{Status: http.StatusConflict},
		{Status: http.StatusTooManyRequests},
		{Status: http.StatusTooManyRequests, RetryAfter: "0"},
		{Status: http.StatusTooManyRequests, RetryAfter: "86400"},
		{Status: http.StatusServiceUnavailable, RetryAfter: "86400"},
		{Location: "{uri}"},
		{Location: "/elsewhere{uri}"},
		{Location: "https://other.invalid{uri}"},
		{Location: "{uri}", Status: http.StatusFound},
		{Location: "{uri}", Status: http.StatusSeeOther},
		{CloseAfter: true},
		{Drip: time.Microsecond},
		{ContentType: "text/plain"},
		{OtherID: "1"},
		{PageOff: -1},
		{PageOff: 1},
		{ItemOff: -1},
		{ItemOff: 1},
		{TotalOff: -1},
		{TotalOff: 1},
		{Truncate: true},
		{LengthOff: 7},
		{LengthOff: -7},
		{StallHeader: true},
		{StallBody: true},
		{Endless: true},
		{Inflate: 8 << 20},
	}
	for _, commit := range []bool{false, true} {
		faults = append(
			faults,
			Fault{Commit: commit, Status: http.StatusInternalServerError},
			Fault{Commit: commit, Status: http.StatusBadGateway},
			Fault{Commit: commit, Status: http.StatusBadGateway, Echo: true},
			Fault{Commit: commit, Status: http.StatusGatewayTimeout},
			Fault{Commit: commit, Status: http.StatusOK, Body: "\x00\x01\x02 {]"},
			Fault{Commit: commit, Status: http.StatusSwitchingProtocols},
			Fault{Commit: commit, HTMLLogin: true},
			Fault{Commit: commit, Reset: true},
			Fault{Commit: commit, Sever: true},
			Fault{Commit: commit, Hang: true},
			Fault{Commit: commit, Garbage: true},
		)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		faults = append(faults, Fault{Method: method, Status: http.StatusOK, Body: "{}"})
	}
	// Not for PUT: what it undoes, if it comes late, nobody can see.
	for _, method := range []string{http.MethodPost, http.MethodDelete} {
		faults = append(faults, Fault{Method: method, CommitLate: late, Status: http.StatusGatewayTimeout})
	}
	return faults
}
