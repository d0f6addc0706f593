package transport

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
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
	WrongAnswer        // a success that is about something else, see Call.Check
)

// ErrNoConn matches the error of a call whose last attempt did not get as far as a
// connection: the server's name has no address, nobody listens there, or one side will
// not talk TLS with the other.
var ErrNoConn = errors.New("no connection to the server")

// Failure is everything known about a call that failed.
type Failure struct {
	Op         Op
	Path       string // below the API path, as sent, without query; "" if nothing was sent
	BaseURL    string // with the API path, without a trailing slash
	Reason     Reason
	StatusCode int // 0 if nothing came back
	Header     http.Header
	Body       []byte
	RetryAfter time.Duration
	Attempts   int
	Unknown    bool                // a write may or may not have been done
	NoConn     bool                // there was no connection to the server, see ErrNoConn
	NoEndpoint bool                // a 404 that Command did not write: no object was looked for
	Advice     string              // what to do about a 401, if the credential knows
	Scrub      func(string) string // takes credentials out of what came back
	Err        error
}

func (f *flight) failure(reason Reason, err error) *Failure {
	unknown := f.unknown
	if Writes(f.op.Method) && (reason == NotJSON || reason == Undecodable || reason == WrongAnswer) {
		unknown = true // answered by somebody, but not in a way that tells
	}
	wait, _ := RetryAfter(f.header)
	advice := ""
	if refused := f.client.refused; f.status == http.StatusUnauthorized && refused != nil {
		advice = refused(f.header)
	}
	return &Failure{
		Op: f.op, Path: f.path, BaseURL: strings.TrimSuffix(f.client.base, "/"), Reason: reason,
		StatusCode: f.status, Header: f.header, Body: f.body, RetryAfter: wait, Attempts: f.tried(), Unknown: unknown,
		NoConn:     reason == NoAnswer && (f.unsent(err) || shunned(err)),
		NoEndpoint: reason == BadStatus && f.status == http.StatusNotFound && !f.noObject(), Advice: advice, Scrub: f.scrub, Err: err,
	}
}

// noObject reports whether Command itself answered that there is no such object:
// a 404 with its own error body. Any other 404 is about the URL: a wrong API path,
// or an endpoint that the server's version does not have, answered by IIS (HTML),
// by the framework underneath (problem details, or a MessageDetail) or by a proxy.
func (f *flight) noObject() bool {
	if f.status != http.StatusNotFound || f.redirected {
		return false // after a redirect, something else was looked for
	}
	var own struct {
		ErrorCode     string  `json:"ErrorCode"`
		Message       string  `json:"Message"`
		MessageDetail *string `json:"MessageDetail"`
	}
	if json.Unmarshal(f.body, &own) != nil || own.MessageDetail != nil {
		return false
	}
	return own.ErrorCode != "" || own.Message != "" && !strings.HasPrefix(own.Message, "No HTTP resource was found")
}
