package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
)

// RoundTripper is a function that answers requests.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f RoundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// JSON is an answer with a body of JSON.
func JSON(r *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// mostRequests is how many requests a call of a fuzz target may make. One that makes
// more does not end.
const mostRequests = 1000

// Saying returns a client that gets the same answer to every request.
func Saying(t testing.TB, body []byte) *security.Client {
	t.Helper()
	var n atomic.Int32
	return NewClient(t, RoundTripper(func(r *http.Request) (*http.Response, error) {
		if n.Add(1) > mostRequests {
			t.Errorf("more than %d requests, the last one %s %s", mostRequests, r.Method, r.URL)
			return nil, errors.New("too many requests")
		}
		return JSON(r, http.StatusOK, body), nil
	}))
}

// maxText is the longest text of an error. Its parts are limited in characters, and
// an escaped one takes up to ten bytes.
const maxText = 64 << 10

// Presentable fails the test if the text of an error is too long to be shown, or has
// characters that change how the rest is shown.
func Presentable(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if text := err.Error(); len(text) > maxText || !utf8.ValidString(text) || strings.ContainsFunc(text, show.Hidden) {
		t.Errorf("the error has %d bytes and is not fit to be shown: %.300q", len(text), text)
	}
}

// Answered fails the test unless an answer was either refused, in a way that can be
// shown, or is the same value when it is written as JSON and read again.
func Answered[T any](t testing.TB, value T, err error) {
	t.Helper()
	Presentable(t, err)
	if err != nil {
		if v := reflect.ValueOf(&value).Elem(); !v.IsZero() {
			t.Errorf("there is a value besides the error: %+v, %v", value, err)
		}
		return
	}
	first, err := json.Marshal(value)
	if err != nil && strings.Contains(err.Error(), "is not a claim type") {
		return // it is kept when it is read, and refused when it is sent
	}
	if err != nil {
		t.Errorf("%T cannot be written: %v", value, err)
		return
	}
	var again T
	if err := json.Unmarshal(first, &again); err != nil {
		t.Errorf("%T cannot be read again: %v: %s", value, err, first)
		return
	}
	if second, err := json.Marshal(again); err != nil || !bytes.Equal(first, second) {
		t.Errorf("%T changes when it is written and read:\n%s\n%s, %v", value, first, second, err)
	}
}

// Walked fails the test unless a walk ends, with items that are right one by one.
func Walked[T any](t testing.TB, seq iter.Seq2[T, error]) {
	t.Helper()
	for item, err := range seq {
		if err != nil {
			Presentable(t, err)
			return
		}
		Answered(t, item, nil)
	}
}

// Listed is Answered for a page.
func Listed[T any](t testing.TB, page *security.Page[T], err error) {
	t.Helper()
	if err != nil {
		Presentable(t, err)
		return
	}
	Answered(t, page.Items, nil)
}

// Desired is a server that has nothing yet, for targets that create what others
// desire.
type Desired struct {
	Client   *security.Client
	t        testing.TB
	requests atomic.Int32
	created  []byte
}

// Desire returns a server whose lists are empty, and which answers a creation with
// made, in which the members that the request has too are those of the request.
func Desire(t testing.TB, made string) *Desired {
	t.Helper()
	d := &Desired{t: t}
	d.Client = NewClient(t, RoundTripper(func(r *http.Request) (*http.Response, error) {
		d.requests.Add(1)
		if r.Method == http.MethodGet {
			resp := JSON(r, http.StatusOK, []byte("[]"))
			resp.Header.Set("X-Total-Count", "0")
			return resp, nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		d.created = body
		var answer, asked map[string]any
		if err := errors.Join(json.Unmarshal([]byte(made), &answer), json.Unmarshal(body, &asked)); err != nil {
			return nil, err
		}
		for name := range answer {
			if value, ok := asked[name]; ok {
				answer[name] = value
			}
		}
		if body, err = json.Marshal(answer); err != nil {
			return nil, err
		}
		return JSON(r, http.StatusOK, body), nil
	}))
	return d
}

// Check fails the test unless invalid, what speaks against the input, is told before
// anything is sent, and nothing else is wrong.
func (d *Desired) Check(invalid, err error) {
	d.t.Helper()
	Presentable(d.t, err)
	switch n := d.requests.Load(); {
	case invalid == nil && err != nil:
		d.t.Errorf("nothing is wrong with it, and the error is %v", err)
	case invalid != nil && (n > 0 || !errors.Is(err, security.ErrInvalid)):
		d.t.Errorf("it is wrong (%v), %d requests were sent, and the error is %v", invalid, n, err)
	}
}

// Created is the body of the creation, nil if there was none.
func (d *Desired) Created() map[string]any {
	d.t.Helper()
	if d.created == nil {
		return nil
	}
	var body map[string]any
	if err := json.Unmarshal(d.created, &body); err != nil {
		d.t.Errorf("%v: %s", err, d.created)
	}
	return body
}

// Quote is s in JSON.
func Quote(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(quoted)
}

// Lines fails the test if a text has more lines than it may, or a line that is not
// fit to be shown.
func Lines(t testing.TB, text string, most int) {
	t.Helper()
	lines := strings.Split(text, "\n")
	if len(lines) > most {
		t.Errorf("%d lines: %.300q", len(lines), text)
	}
	for _, line := range lines {
		Presentable(t, errors.New(line))
	}
}
