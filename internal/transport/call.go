package transport

import (
	"net/http"
	"net/url"
	"time"
)

// Call is one use of an operation. A service fills the first block; call
// options, and what is built on several calls, fill the second.
type Call struct {
	Op    Op
	Args  []any      // for the path template
	Query url.Values // nil for none
	Body  any        // encoded as JSON; nil for none

	Header      http.Header
	OnMeta      func(Meta) // told about the last response, also where the call failed
	Concurrency int        // see InFlight; 0 for the default
	Replay      bool       // the caller vouches that this call may be sent twice
	Attempts    int        // how often to try, where less than the client's own; 0 for that
	NotAfter    time.Time  // not to be sent later, see ErrStale; zero for no limit
	OnChange    func(any)  // safe edits only: told what was changed
	DryRun      bool       // safe edits only: do everything but the write
	Settle      time.Duration
	Err         error // what was wrong with a call option
}

// InFlight is how many requests a walk or a bulk operation may have under way at
// a time.
func (c *Call) InFlight() int {
	if c.Concurrency < 1 {
		return 4
	}
	return c.Concurrency
}

// Mute is a call option that reports nothing to the caller. Calls made at the
// same time must not report to one place.
func Mute(c *Call) { c.OnMeta, c.OnChange = nil, nil }

// Meta is what there is to know about a response besides its body.
type Meta struct {
	StatusCode int // 0 where nothing came back
	Header     http.Header
	Attempts   int
}

// validator is a body that can check itself. It is asked before any I/O.
type validator interface{ Validate() error }
