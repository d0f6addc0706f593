package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	var out strings.Builder
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSyncer(printing{&out}))
	if err := run(t.Context(), provider); err != nil {
		t.Fatal(err)
	}
	const want = `GET /Security/Roles, version 2 http.response.status_code=200
GET /Security/Roles/{id}, version 2 http.response.status_code=503
GET /Security/Roles/{id}, version 2 http.request.resend_count=1 http.response.status_code=200
read the first role
`
	if out.String() != want {
		t.Errorf("the spans are\n%s\nwant\n%s", &out, want)
	}

	spans := recorder.Ended()
	parent := spans[len(spans)-1].SpanContext()
	templates := []string{"/Security/Roles", "/Security/Roles/{id}", "/Security/Roles/{id}"}
	for i, span := range spans[:len(spans)-1] {
		if span.Parent().SpanID() != parent.SpanID() {
			t.Errorf("%q is not a child of the program's span", span.Name())
		}
		var found []string
		for _, a := range span.Attributes() {
			if a.Key == "url.template" {
				found = append(found, a.Value.AsString())
			}
		}
		if !slices.Equal(found, templates[i:i+1]) {
			t.Errorf("%q has the templates %q, want %q", span.Name(), found, templates[i])
		}
		if text := fmt.Sprint(span.Attributes()); strings.Contains(text, "Basic ") {
			t.Errorf("%q shows the credential: %s", span.Name(), text)
		}
	}
}
