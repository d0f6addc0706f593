package security_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"reflect"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commandsec/commandsec-go/security"
)

const (
	get    = http.MethodGet
	put    = http.MethodPut
	post   = http.MethodPost
	del    = http.MethodDelete
	patch  = http.MethodPatch
	minute = time.Minute
)

// TestRetryByMethod has a server that fails in the same way for ever.
func TestRetryByMethod(t *testing.T) {
	t.Parallel()
	var (
		all      = []string{get, put, del, post, patch}
		repeated = map[string]bool{get: true, put: true, del: true}
	)
	for name, tc := range map[string]struct {
		answer  answer
		always  bool // repeated whatever the method
		never   bool // repeated for no method
		certain bool // nothing was done
		is      []error
		also    error // is underneath, too
		status  int
	}{
		"500":             {answer: reply(500, ""), is: []error{security.ErrServer}, status: 500},
		"502 HTML":        {answer: reply(502, "<html>", "Content-Type", "text/html"), is: []error{security.ErrServer}, status: 502},
		"503":             {answer: reply(503, ""), is: []error{security.ErrServer}, status: 503},
		"504":             {answer: reply(504, ""), is: []error{security.ErrServer}, status: 504},
		"reset":           {answer: broken(errReset), also: syscall.ECONNRESET},
		"EOF":             {answer: broken(io.EOF), also: io.EOF},
		"timeout":         {answer: hang, also: context.DeadlineExceeded},
		"truncated":       {answer: truncated, also: io.ErrUnexpectedEOF, status: 200},
		"dial":            {answer: broken(errDial), always: true, certain: true, also: syscall.ECONNREFUSED},
		"name resolution": {answer: broken(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "h"}}), always: true, certain: true},
		"certificate": {
			answer: broken(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
			never:  true, certain: true, also: x509.UnknownAuthorityError{},
		},
		"429":        {answer: reply(429, ""), always: true, certain: true, is: []error{security.ErrRateLimited}, status: 429},
		"400":        {answer: reply(400, `{"ErrorCode":"0xA011004A"}`), never: true, certain: true, is: []error{security.ErrInvalid}, status: 400},
		"401":        {answer: reply(401, "<html>"), never: true, certain: true, is: []error{security.ErrUnauthorized}, status: 401},
		"403":        {answer: reply(403, ""), never: true, certain: true, is: []error{security.ErrForbidden}, status: 403},
		"404":        {answer: missing, never: true, certain: true, is: []error{security.ErrNotFound}, status: 404},
		"404 of IIS": {answer: reply(404, "<html>", "Content-Type", "text/html"), never: true, certain: true, is: []error{security.ErrNoEndpoint}, status: 404},
		"409":        {answer: reply(409, ""), never: true, certain: true, is: []error{security.ErrConflict}, status: 409},
	} {
		for _, method := range all {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					server := newScript(tc.answer)
					_, err := do(t.Context(), newClient(t, server), method)
					attempts := 1
					if (tc.always || repeated[method]) && !tc.never {
						attempts = 4
					}
					want := tc.is
					if method != get && !tc.certain {
						want = append(slices.Clone(want), security.ErrUnknownOutcome)
					}
					sentinels(t, err, want...)
					e := failure(t, err)
					if e.Attempts != attempts || e.StatusCode != tc.status {
						t.Errorf("Attempts %d, StatusCode %d; want %d, %d", e.Attempts, e.StatusCode, attempts, tc.status)
					}
					if tc.also != nil && !errors.Is(err, tc.also) {
						t.Errorf("the error is %v, want %v underneath", err, tc.also)
					}
					requests := server.all()
					if len(requests) != attempts {
						t.Fatalf("%d requests arrived, want %d", len(requests), attempts)
					}
					for _, r := range requests {
						if r.method != method || r.body != requests[0].body || r.header.Get("Authorization") != basic {
							t.Errorf("an attempt differs from the first: %+v", r)
						}
					}
				})
			})
		}
	}
}

// TestRetrySequence has a server that changes its mind.
func TestRetrySequence(t *testing.T) {
	t.Parallel()
	replay := []security.CallOption{security.WithReplay()}
	for name, tc := range map[string]struct {
		method   string
		opts     []security.CallOption
		answers  []answer
		attempts int
		is       []error // nil: the call succeeds
	}{
		"GET recovers":                        {get, nil, []answer{reply(503, ""), broken(errReset), truncated, ok}, 4, nil},
		"GET, server error, then forbidden":   {get, nil, []answer{reply(503, ""), reply(403, "")}, 2, []error{security.ErrForbidden}},
		"PUT recovers":                        {put, nil, []answer{reply(500, ""), hang, ok}, 3, nil},
		"PUT, timeout, then forbidden":        {put, nil, []answer{hang, reply(403, "")}, 2, []error{security.ErrForbidden, security.ErrUnknownOutcome}},
		"PUT, limit, then forbidden":          {put, nil, []answer{reply(429, ""), reply(403, "")}, 2, []error{security.ErrForbidden}},
		"PUT, no connection, then forbidden":  {put, nil, []answer{broken(errDial), reply(403, "")}, 2, []error{security.ErrForbidden}},
		"PUT, timeout, then no connection":    {put, nil, []answer{hang, broken(errDial)}, 4, []error{security.ErrUnknownOutcome}},
		"PUT, timeout, then limit":            {put, nil, []answer{hang, reply(429, "")}, 4, []error{security.ErrRateLimited, security.ErrUnknownOutcome}},
		"DELETE, timeout, then gone":          {del, nil, []answer{hang, missing}, 2, nil},
		"DELETE, server error, then gone":     {del, nil, []answer{reply(502, ""), missing}, 2, nil},
		"DELETE, reset, no connection, gone":  {del, nil, []answer{broken(errReset), broken(errDial), missing}, 3, nil},
		"DELETE, timeout, then a wrong URL":   {del, nil, []answer{hang, reply(404, "")}, 2, []error{security.ErrNoEndpoint, security.ErrUnknownOutcome}},
		"DELETE, limit, then not found":       {del, nil, []answer{reply(429, ""), missing}, 2, []error{security.ErrNotFound}},
		"DELETE, unreachable, then not found": {del, nil, []answer{broken(errDial), missing}, 2, []error{security.ErrNotFound}},
		"PUT, timeout, then not found":        {put, nil, []answer{hang, missing}, 2, []error{security.ErrNotFound, security.ErrUnknownOutcome}},
		"POST, unprocessed twice, then done":  {post, nil, []answer{broken(errDial), reply(429, ""), ok}, 3, nil},
		"POST, limit, then server error":      {post, nil, []answer{reply(429, ""), reply(503, "")}, 2, []error{security.ErrServer, security.ErrUnknownOutcome}},
		"POST, limit, then reset":             {post, nil, []answer{reply(429, ""), broken(errReset)}, 2, []error{security.ErrUnknownOutcome}},
		"POST, limit, then invalid":           {post, nil, []answer{reply(429, ""), reply(400, "")}, 2, []error{security.ErrInvalid}},
		"replayed POST recovers":              {post, replay, []answer{reply(503, ""), hang, broken(errReset), ok}, 4, nil},
		"replayed POST, then conflict":        {post, replay, []answer{reply(503, ""), reply(409, "")}, 2, []error{security.ErrConflict, security.ErrUnknownOutcome}},
		"replayed PATCH recovers":             {patch, replay, []answer{truncated, ok}, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newScript(tc.answers...)
				var r security.Response
				got, err := do(t.Context(), newClient(t, server), tc.method, append(tc.opts, security.WithResponse(&r))...)
				if n := len(server.all()); n != tc.attempts {
					t.Errorf("%d requests arrived, want %d", n, tc.attempts)
				}
				if r.Attempts != tc.attempts {
					t.Errorf("Response.Attempts is %d, want %d", r.Attempts, tc.attempts)
				}
				if tc.is != nil {
					sentinels(t, err, tc.is...)
					if e := failure(t, err); e.Attempts != tc.attempts {
						t.Errorf("Error.Attempts is %d, want %d", e.Attempts, tc.attempts)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if tc.method != del && got != (object{1, "one"}) {
					t.Errorf("got %+v", got)
				}
			})
		})
	}
}

func TestWritesWithABrokenAnswer(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]answer{
		"a page":         reply(200, "<html>"),
		"nothing":        reply(200, ""),
		"null":           reply(200, "null"),
		"truncated JSON": reply(200, `{"Id":1`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newScript(a)
			_, err := do(t.Context(), newClient(t, server), post)
			if !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("the error is %v, want ErrUnknownOutcome: it may have been created", err)
			}
			if n := len(server.all()); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const none = -1 * time.Second          // a wait of our own
	date := func(d time.Duration) string { // the bubble's clock starts at midnight, to the second
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	for name, tc := range map[string]struct {
		value    string
		status   int
		method   string
		attempts int
		wait     time.Duration
		reported time.Duration
	}{
		"none":                {"", 429, post, 2, none, 0},
		"seconds":             {"2", 429, post, 2, 2 * time.Second, 2 * time.Second},
		"seconds, 503":        {"2", 503, get, 2, 2 * time.Second, 2 * time.Second},
		"POST 503":            {"2", 503, post, 1, 0, 2 * time.Second},
		"zero":                {"0", 429, get, 2, 0, 0},
		"just short enough":   {"30", 429, get, 2, 30 * time.Second, 30 * time.Second},
		"too long":            {"31", 429, get, 1, 0, 31 * time.Second},
		"a day":               {"86400", 503, get, 1, 0, 24 * time.Hour},
		"overflows Duration":  {"9223372037", 429, get, 1, 0, math.MaxInt64},
		"overflows int64":     {"99999999999999999999999", 429, get, 1, 0, math.MaxInt64},
		"negative":            {"-5", 429, get, 2, none, 0},
		"fraction":            {"1.5", 429, get, 2, none, 0},
		"words":               {"soon", 429, get, 2, none, 0},
		"date":                {date(10 * time.Second), 429, post, 2, 10 * time.Second, 0},
		"date in the past":    {date(-time.Hour), 429, get, 2, 0, 0},
		"date too far":        {date(time.Hour), 503, put, 1, 0, time.Hour},
		"date beyond measure": {"Fri, 31 Dec 9999 23:59:59 GMT", 503, put, 1, 0, math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newScript(reply(tc.status, "", "Retry-After", tc.value))
				_, err := do(t.Context(), newClient(t, server, security.WithRetry(security.Retry{MaxAttempts: 2})), tc.method)
				e := failure(t, err)
				if e.Attempts != tc.attempts || e.RetryAfter != tc.reported {
					t.Errorf("Attempts %d, RetryAfter %v; want %d, %v", e.Attempts, e.RetryAfter, tc.attempts, tc.reported)
				}
				waits := server.waits()
				if len(waits) != tc.attempts-1 {
					t.Fatalf("it waited %v, want %d times", waits, tc.attempts-1)
				}
				switch {
				case tc.attempts == 1:
					if elapsed := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); elapsed != 0 {
						t.Errorf("it waited %v before it told the caller", elapsed)
					}
				case tc.wait == none:
					if waits[0] < 250*time.Millisecond || waits[0] > 500*time.Millisecond {
						t.Errorf("it waited %v, want between 250 and 500 ms", waits[0])
					}
				case waits[0] != tc.wait:
					t.Errorf("it waited %v, want %v", waits[0], tc.wait)
				}
			})
		})
	}
}

func TestRetryWaits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		retry security.Retry
		upTo  []time.Duration // each wait is between half of it and it
	}{
		"default": {security.Retry{}, []time.Duration{minute / 120, minute / 60, minute / 30}},
		"capped": {
			security.Retry{MaxAttempts: 7, MinWait: time.Second, MaxWait: 4 * time.Second},
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second},
		},
		"only a short maximum": {security.Retry{MaxAttempts: 3, MaxWait: 100 * time.Millisecond}, []time.Duration{100 * time.Millisecond, 100 * time.Millisecond}},
		"only a long minimum":  {security.Retry{MaxAttempts: 3, MinWait: minute}, []time.Duration{minute, minute}},
		"one attempt":          {security.Retry{MaxAttempts: 1}, nil},
		"very many": {
			security.Retry{MaxAttempts: 80, MinWait: time.Second, MaxWait: time.Second}, // a shift must not overflow
			slices.Repeat([]time.Duration{time.Second}, 79),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newScript(reply(503, ""))
				_, err := do(t.Context(), newClient(t, server, security.WithRetry(tc.retry)), get)
				sentinels(t, err, security.ErrServer)
				waits := server.waits()
				if len(waits) != len(tc.upTo) {
					t.Fatalf("it waited %v, want %d times", waits, len(tc.upTo))
				}
				for i, w := range waits {
					if w < tc.upTo[i]/2 || w > tc.upTo[i] {
						t.Errorf("wait %d is %v, want between %v and %v", i+1, w, tc.upTo[i]/2, tc.upTo[i])
					}
				}
			})
		})
	}
}

// TestRetryJitter shows that clients that failed together do not come back
// together.
func TestRetryJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 20 {
			server := newScript(reply(503, ""))
			_, _ = do(t.Context(), newClient(t, server, security.WithRetry(security.Retry{MaxAttempts: 2})), get)
			seen[server.waits()[0]] = true
		}
		if len(seen) < 15 {
			t.Errorf("20 waits had %d different lengths", len(seen))
		}
	})
}

func TestTimeoutIsPerAttempt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts []security.Option
		each time.Duration
	}{
		"default": {nil, minute},
		"given":   {[]security.Option{security.WithTimeout(2 * time.Second)}, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newScript(hang, hang, ok)
				start := time.Now()
				if _, err := do(t.Context(), newClient(t, server, tc.opts...), get); err != nil {
					t.Fatal(err)
				}
				elapsed := time.Since(start)
				if elapsed < 2*tc.each || elapsed > 2*tc.each+1500*time.Millisecond {
					t.Errorf("two timeouts and two waits took %v", elapsed)
				}
			})
		})
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	reason := errors.New("the user pressed Ctrl-C")
	for name, tc := range map[string]struct {
		method   string
		answers  []answer
		after    time.Duration
		requests int
		is       []error
	}{
		"before anything is sent":  {post, []answer{ok}, 0, 0, nil},
		"while a GET hangs":        {get, []answer{hang}, time.Second, 1, nil},
		"while a POST hangs":       {post, []answer{hang}, time.Second, 1, []error{security.ErrUnknownOutcome}},
		"while waiting, GET":       {get, []answer{reply(503, "", "Retry-After", "20")}, 10 * time.Second, 1, []error{security.ErrServer}},
		"while waiting, PUT":       {put, []answer{reply(503, "", "Retry-After", "20")}, 10 * time.Second, 1, []error{security.ErrServer, security.ErrUnknownOutcome}},
		"while waiting, POST, 429": {post, []answer{reply(429, "", "Retry-After", "20")}, 10 * time.Second, 1, []error{security.ErrRateLimited}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, how := range []string{"cancel", "deadline"} {
				synctest.Test(t, func(t *testing.T) {
					server := newScript(tc.answers...)
					client := newClient(t, server)
					var (
						ctx  context.Context
						want = context.Canceled
					)
					if how == "cancel" {
						c, cancel := context.WithCancelCause(t.Context())
						if tc.after == 0 {
							cancel(reason)
						} else {
							time.AfterFunc(tc.after, func() { cancel(reason) })
						}
						ctx = c
					} else {
						c, cancel := context.WithTimeoutCause(t.Context(), tc.after, reason)
						defer cancel()
						ctx, want = c, context.DeadlineExceeded
					}
					start := time.Now()
					_, err := do(ctx, client, tc.method)
					if elapsed := time.Since(start); elapsed != tc.after {
						t.Errorf("%s: it returned after %v, want %v", how, elapsed, tc.after)
					}
					if !errors.Is(err, want) || !errors.Is(err, reason) {
						t.Errorf("%s: the error is %v, want %v and the cause", how, err, want)
					}
					sentinels(t, err, tc.is...)
					if e := failure(t, err); e.Attempts != tc.requests || len(server.all()) != tc.requests {
						t.Errorf("%s: %d requests, Attempts %d, want %d", how, len(server.all()), e.Attempts, tc.requests)
					}
				})
			}
		})
	}
}

// TestContextEndsTheWalkOfErrors cancels while the body of an error hangs.
func TestContextEndsInAnErrorBody(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 500} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			server := newScript(func(r *http.Request) (*http.Response, error) {
				resp, err := reply(status, "")(r)
				resp.Body = io.NopCloser(hangingReader{r.Context()})
				return resp, err
			})
			_, err := do(ctx, newClient(t, server, security.WithRetry(security.Retry{MaxAttempts: 1})), put)
			if e := failure(t, err); e.StatusCode != status {
				t.Errorf("StatusCode is %d, want %d", e.StatusCode, status)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%d: the error is %v, want context.Canceled underneath", status, err)
			}
			if unknown := errors.Is(err, security.ErrUnknownOutcome); unknown != (status == 500) {
				t.Errorf("%d: unknown outcome is %t", status, unknown)
			}
		})
	}
}

type hangingReader struct{ ctx context.Context }

func (r hangingReader) Read([]byte) (int, error) {
	<-r.ctx.Done()
	return 0, r.ctx.Err()
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	t.Run("spaces requests", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			server := newScript(ok)
			// The wait for the limit is longer than the time for one attempt,
			// which it must not use up.
			client := newClient(t, server, security.WithRateLimit(0.5, 2), security.WithTimeout(time.Second))
			for range 5 {
				go func() {
					if _, err := do(t.Context(), client, get); err != nil {
						t.Error(err)
					}
				}()
			}
			time.Sleep(time.Hour)
			var at []time.Duration
			for _, r := range server.all() {
				at = append(at, r.at)
			}
			if want := []time.Duration{0, 0, 2 * time.Second, 4 * time.Second, 6 * time.Second}; !slices.Equal(at, want) {
				t.Errorf("requests arrived at %v, want %v", at, want)
			}
		})
	})
	t.Run("spaces attempts", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			server := newScript(reply(503, "", "Retry-After", "1"), ok)
			if _, err := do(t.Context(), newClient(t, server, security.WithRateLimit(0.1, 1)), get); err != nil {
				t.Fatal(err)
			}
			if w := server.waits(); !slices.Equal(w, []time.Duration{10 * time.Second}) {
				t.Errorf("it waited %v, want 10 s", w)
			}
		})
	})
	t.Run("tells at once that the context will end before", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			server := newScript(ok)
			client := newClient(t, server, security.WithRateLimit(0.1, 1))
			if _, err := do(t.Context(), client, post); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			start := time.Now()
			_, err := do(ctx, client, post)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the error is %v, want DeadlineExceeded", err)
			}
			sentinels(t, err)
			if e := failure(t, err); e.Attempts != 0 || time.Since(start) != 0 || len(server.all()) != 1 {
				t.Errorf("Attempts %d, after %v, %d requests", e.Attempts, time.Since(start), len(server.all()))
			}
		})
	})
	t.Run("ends with the context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			server := newScript(ok)
			client := newClient(t, server, security.WithRateLimit(0.1, 1))
			_, _ = do(t.Context(), client, get)
			reason := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(reason) })
			_, err := do(ctx, client, post)
			if !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
				t.Errorf("the error is %v", err)
			}
			sentinels(t, err)
		})
	})
}

func TestMaxAttemptsOne(t *testing.T) {
	t.Parallel()
	for _, a := range []answer{reply(503, ""), reply(429, ""), broken(errDial), broken(errReset)} {
		server := newScript(a)
		_, err := do(t.Context(), newClient(t, server, security.WithRetry(security.Retry{MaxAttempts: 1})), get)
		if e := failure(t, err); e.Attempts != 1 || len(server.all()) != 1 {
			t.Errorf("%v: %d requests, want 1", err, len(server.all()))
		}
	}
}

// TestTheLastAnswerIsKept: what the server said must not be lost to retries.
func TestTheLastAnswerIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newScript(reply(503, ""), reply(503, ""), reply(503, ""), reply(500,
			`{"ErrorCode":"0xA0110002","Message":"out of order","FailedOperations":[{"Reason":"first","Id":4},null,"second"]}`,
			"X-Keyfactor-Correlation-Id", "c0ffee", "X-Keyfactor-Product-Version", "25.4.1"))
		var r security.Response
		_, err := do(t.Context(), newClient(t, server), get, security.WithResponse(&r))
		e := failure(t, err)
		failed := []security.FailedOperation{{Reason: "first", Raw: json.RawMessage(`{"Reason":"first","Id":4}`)}, {Reason: "second", Raw: json.RawMessage(`"second"`)}}
		if e.Code != "0xA0110002" || e.Message != "out of order" || !reflect.DeepEqual(e.FailedOperations, failed) ||
			e.CorrelationID != "c0ffee" || e.ProductVersion != "25.4.1" || e.StatusCode != 500 || e.Method != get ||
			e.Path != "/Security/Roles/1" || e.Op != "GET /Security/Roles/1, version 1" {
			t.Errorf("the error is %#v", e)
		}
		if r.StatusCode != 500 || r.CorrelationID != "c0ffee" || r.Attempts != 4 || r.Total != -1 {
			t.Errorf("the response is %+v", r)
		}
		if want := `GET /Security/Roles/1, version 1: 500 Internal Server Error: out of order; first; second [0xA0110002], correlation id c0ffee, after 4 attempts`; err.Error() != want {
			t.Errorf("the text is\n%s\nwant\n%s", err, want)
		}
	})
}
