package transport

import (
	"net/http"
	"time"
)

// Reason is why a call failed.
type Reason int

// The reasons.
const (
	OK          Reason = iota
	BadInput           // refused before anything was sent
	NoAnswer           // no answer, or one that broke off
	Ended              // the context ended
	BadStatus          // an answer that is not a success
	NotJSON            // a success that is HTML or empty
	Undecodable        // a success that is not the JSON expected
)

// Failure is everything known about a call that failed.
type Failure struct {
	Op         Op
	Path       string
	Reason     Reason
	StatusCode int // 0 where nothing came back
	Header     http.Header
	Body       []byte
	RetryAfter time.Duration
	Attempts   int
	// Unknown is set where a write may or may not have been done.
	Unknown bool
	Err     error
}

func (f *flight) failure(reason Reason, err error) *Failure {
	unknown := f.unknown
	if write(f.op.Method) && (reason == NotJSON || reason == Undecodable) {
		unknown = true // answered by somebody, but not in a way that tells
	}
	wait, _ := RetryAfter(f.header)
	return &Failure{
		Op: f.op, Path: f.path, Reason: reason, StatusCode: f.status, Header: f.header, Body: f.body,
		RetryAfter: wait, Attempts: f.attempts, Unknown: unknown, Err: err,
	}
}
