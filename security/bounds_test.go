package security_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/security"
)

// TestBoundsOfOneObject: what is no list has bounds of its own, which the largest
// role does not reach.
func TestBoundsOfOneObject(t *testing.T) { // not parallel: it measures memory
	type claim struct {
		ID                                 int `json:"Id"`
		Description, ClaimType, ClaimValue string
	}
	type role struct {
		ID          int `json:"Id"`
		Name        string
		Permissions []string
		Claims      []claim
	}
	many := func(begin, item string, n int, end string) func(io.Writer) {
		return func(w io.Writer) { _, _ = io.WriteString(w, begin+strings.Repeat(item+",", n-1)+item+end) }
	}
	const tooMany, tooLarge = "it holds more than 250000 values", "the answer is larger than 16777216 bytes"
	for name, tt := range map[string]struct {
		body func(io.Writer)
		into any
		want string // of the error
		most uint64
	}{
		"a large role": {many(`{"Id":1,"Claims":[`, `{"Id":1,"Description":"the operators","ClaimType":"OAuthRole","ClaimValue":"operators",`+
			`"Provider":{"Id":"0c5a","AuthenticationScheme":"Okta","DisplayName":"Okta"}}`, 20_000, "]}"), &role{}, "", 200 << 20},
		"small values":           {many(`{"Id":1,"Claims":[`, "{}", 250_002, "]}"), &role{}, tooMany, 20 << 20},
		"the same member":        {many("{", `"Id":1`, 250_002, "}"), &role{}, tooMany, 20 << 20},
		"small values in a map":  {many(`{"Id":[`, "{}", 250_002, "]}"), &map[string]any{}, tooMany, 20 << 20},
		"an object as anything":  {many(`{"Id":[`, "{}", 250_002, "]}"), new(any), tooMany, 20 << 20},
		"one long text":          {many(`{"Name":"`, strings.Repeat("a", 1<<20), 17, `"}`), &role{}, tooLarge, 64 << 20},
		"nothing is to come":     {many(`"`, strings.Repeat("a", 1<<20), 17, `"`), nil, tooLarge, 64 << 20},
		"a list may be larger":   {many("[", `"`+strings.Repeat("a", 1<<20)+`"`, 17, "]"), &[]string{}, "", 200 << 20},
		"a list as it came":      {many("[", `{"Id":1}`, 20_000, "]"), &json.RawMessage{}, "", 20 << 20},
		"a list longer than one": {many("[", "1", 300_000, "]"), new(any), "", 100 << 20},
	} {
		s := newServer(t, gunzipped(tt.body))
		client := s.client(t, once)
		var err error
		used := allocated(func() { err = client.Do(t.Context(), get, "Security/Roles/1", 1, nil, tt.into) })
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) || used > tt.most {
			t.Errorf("%s: %v, %d bytes allocated", name, err, used)
		}
		if r, ok := tt.into.(*role); ok && tt.want == "" && len(r.Claims) != 20_000 {
			t.Errorf("%s: %d claims", name, len(r.Claims))
		}
	}
}

// stubborn is a value that cancels the call while it is decoded, and goes on until
// it is released.
type stubborn struct{}

type release struct {
	cancel   func()
	released chan struct{}
	late     atomic.Bool // nobody released it
}

var stuck atomic.Pointer[release]

func (*stubborn) UnmarshalJSON([]byte) error {
	r := stuck.Load()
	r.cancel()
	select {
	case <-r.released:
	case <-time.After(time.Minute):
		r.late.Store(true)
	}
	return nil
}

// TestContextEndsDecodingOfAnObject: the call returns though package json goes on.
func TestContextEndsDecodingOfAnObject(t *testing.T) { // not parallel: it shares what a stubborn value asks
	for _, method := range []string{get, post} {
		for name, body := range map[string]string{
			"many values": `{"Last":{},"Rest":[1` + strings.Repeat(",1", 20_000) + `]}`,
			"one text":    `{"Last":{},"Rest":"` + strings.Repeat("a", 2<<20) + `"}`,
		} {
			ctx, cancel := context.WithCancel(t.Context())
			r := &release{cancel: cancel, released: make(chan struct{})}
			stuck.Store(r)
			var in any
			if method == post {
				in = object{}
			}
			into := struct {
				Last *stubborn
				Rest any
			}{}
			err := newClient(t, newScript(reply(200, body))).Do(ctx, method, "Security/Roles", 1, in, &into)
			close(r.released)
			if e := failure(t, err); r.late.Load() || !errors.Is(err, context.Canceled) || e.Attempts != 1 || into.Last != nil {
				t.Errorf("%s, %s: %v, late %t", method, name, err, r.late.Load())
			}
			if unknown := errors.Is(err, security.ErrUnknownOutcome); unknown != (method == post) {
				t.Errorf("%s, %s: unknown outcome is %t", method, name, unknown)
			}
		}
	}
}

// tap counts what is read of a body, and cancels the call after the first bytes.
type tap struct {
	io.ReadCloser
	cancel func()
	after  atomic.Int64 // bytes that were read after the end
	ended  bool
	once   sync.Once
}

func (b *tap) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.ended {
		b.after.Add(int64(n))
	}
	b.once.Do(func() { b.cancel(); b.ended = true })
	return n, err
}

// TestContextEndsReading: what a connection holds already can stand for far more,
// and is not read for nobody.
func TestContextEndsReading(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		for _, method := range []string{get, post} {
			s := newServer(t, gunzipped(func(w io.Writer) {
				_, _ = io.WriteString(w, `{"Id":1,"Name":"`+strings.Repeat("a", 15<<20)+`"}`)
			}), func(s *httptest.Server) { s.EnableHTTP2 = http2 })
			ctx, cancel := context.WithCancel(t.Context())
			var body *tap
			var major int
			client := s.client(t, security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				return tripper(func(r *http.Request) (*http.Response, error) {
					resp, err := next.RoundTrip(r)
					if err == nil {
						body = &tap{ReadCloser: resp.Body, cancel: cancel}
						resp.Body, major = body, resp.ProtoMajor
					}
					return resp, err
				})
			}))
			_, err := do(ctx, client, method)
			cancel()
			what := fmt.Sprintf("%s in HTTP/%d", method, major)
			// What is left of an answer is drained up to 256 KiB, for the connection's sake.
			if n := body.after.Load(); !errors.Is(err, context.Canceled) || n > 1<<20 || http2 != (major == 2) {
				t.Errorf("%s: %v, %d bytes were read after the end", what, err, n)
			}
			if unknown := errors.Is(err, security.ErrUnknownOutcome); unknown != (method == post) {
				t.Errorf("%s: unknown outcome is %t", what, unknown)
			}
		}
	}
}
