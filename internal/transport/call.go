package transport

import (
	"net/http"
	"net/url"
	"time"
)

// Call is one use of an operation. A service fills the first block; the second
// is what call options and safe changes ask for.
type Call struct {
	Op    Op
	Args  []any      // for the path template
	Query url.Values // nil for none
	Body  any        // encoded as JSON; nil for none
	// Bodiless means that the answer has no body: one with a body came from somebody
	// else, or says something else.
	Bodiless bool
	Items    int // how many items of a list were asked for; 0 if that is not said

	// Check refuses a decoded answer that is not to the question: one about another
	// object than the one asked for. nil for no check.
	Check func(answer any) error

	Header   http.Header
	OnMeta   func(Meta) // told about the last response, also if the call failed
	Replay   bool       // the caller vouches that this call may be sent twice
	Attempts int        // how often to try, if less than the client's own; 0 for that
	NotAfter time.Time  // not to be sent later, see ErrStale; zero for no limit
	Err      error      // what was wrong with the input; reported instead of sending
}

// Meta is what there is to know about a response besides its body.
type Meta struct {
	StatusCode int // 0 if nothing came back
	Header     http.Header
	Attempts   int
}

// validator is a body that can check itself. It is asked before any I/O.
type validator interface{ Validate() error }
