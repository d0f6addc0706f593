package transport

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/commandsec/commandsec-go/internal/show"
)

// tokenOp is the operation of requests for tokens. They are none of the API.
var tokenOp = Op{Method: http.MethodPost, Path: "token"}

type tokenKey struct{}

// TokenClient returns hc as requests for tokens use it: seen by the middleware and
// told to the log, like calls. hc is copied, never changed.
func TokenClient(hc *http.Client, middleware []func(http.RoundTripper) http.RoundTripper, log *slog.Logger) *http.Client {
	c := *hc
	rt := c.Transport
	if rt == nil {
		rt = http.DefaultTransport
	}
	for _, wrap := range slices.Backward(middleware) {
		rt = wrap(rt)
	}
	c.Transport = &tokenTrip{log, rt}
	return &c
}

// Hidden is ctx for a request for a token: what hide takes out of a text does not
// get into the log.
func Hidden(ctx context.Context, hide func(string) string) context.Context {
	return context.WithValue(ctx, hideKey{}, hide)
}

type hideKey struct{}

// tokenTrip names and logs requests for tokens.
type tokenTrip struct {
	log  *slog.Logger
	next http.RoundTripper
}

func (t *tokenTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	resp, err := t.next.RoundTrip(r.WithContext(context.WithValue(r.Context(), tokenKey{}, true)))
	if t.log.Enabled(r.Context(), slog.LevelDebug) {
		attrs := []slog.Attr{slog.String("host", r.URL.Host), slog.Duration("duration", time.Since(begun))}
		if resp != nil {
			attrs = append(attrs, slog.Int("status", resp.StatusCode))
		}
		if err != nil {
			text := plain(err).Error()
			if hide, ok := r.Context().Value(hideKey{}).(func(string) string); ok {
				text = hide(text)
			}
			attrs = append(attrs, slog.String("error", show.Text(text, 400)))
		}
		t.log.LogAttrs(r.Context(), slog.LevelDebug, "token request", attrs...)
	}
	return resp, err
}
