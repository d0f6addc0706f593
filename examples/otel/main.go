// Otel traces a program with OpenTelemetry. Each request becomes a span that is
// named by its operation, "GET /Security/Roles/{id}, version 2", and not by its
// URL, so that a thousand roles do not make a thousand names.
//
// It runs on a simulated server that fails once, to show a request that is
// repeated. It is a module of its own, so that the library does not depend on
// OpenTelemetry.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// tracing returns a middleware for security.WithMiddleware that makes a span of
// each attempt.
func tracing(provider trace.TracerProvider) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return otelhttp.NewTransport(describing{next},
			otelhttp.WithTracerProvider(provider),
			otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
				if op, ok := security.OperationFromContext(r.Context()); ok {
					return op.String()
				}
				return r.Method
			}))
	}
}

// describing adds to the span what otelhttp cannot know.
type describing struct{ next http.RoundTripper }

func (d describing) RoundTrip(r *http.Request) (*http.Response, error) {
	if op, ok := security.OperationFromContext(r.Context()); ok {
		span := trace.SpanFromContext(r.Context())
		span.SetAttributes(attribute.String("url.template", "/"+op.Path))
		if op.Attempt > 1 {
			span.SetAttributes(attribute.Int("http.request.resend_count", op.Attempt-1))
		}
	}
	return d.next.RoundTrip(r)
}

// printing is an exporter that prints a line for each span. A program in
// production uses one of OpenTelemetry's, such as otlptracehttp.
type printing struct{ out io.Writer }

func (p printing) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, span := range spans {
		fmt.Fprint(p.out, span.Name())
		for _, a := range span.Attributes() {
			if a.Key == "http.response.status_code" || a.Key == "http.request.resend_count" {
				fmt.Fprintf(p.out, " %s=%s", a.Key, a.Value.String())
			}
		}
		fmt.Fprintln(p.out)
	}
	return nil
}

func (printing) Shutdown(context.Context) error { return nil }

func main() {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printing{os.Stdout}))
	ctx := context.Background()
	if err := errors.Join(run(ctx, provider), provider.Shutdown(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, "otel:", err)
		os.Exit(1)
	}
}

// run reads one role. provider gets a span for that, with a child for each request.
func run(ctx context.Context, provider trace.TracerProvider) error {
	server := securitytest.NewServer()
	defer server.Close()
	server.Inject(securitytest.Fault{Method: http.MethodGet, Path: "/Security/Roles/{id}", Times: 1, Status: http.StatusServiceUnavailable})
	client, err := server.Client(
		security.WithMiddleware(tracing(provider)),
		security.WithRetry(security.Retry{MinWait: time.Millisecond}))
	if err != nil {
		return err
	}

	ctx, span := provider.Tracer("otel").Start(ctx, "read the first role")
	defer span.End()
	service := roles.NewV2(client)
	page, err := service.List(ctx, nil)
	if err != nil {
		return err
	}
	_, err = service.Get(ctx, page.Items[0].ID) // the simulated server has roles
	return err
}
