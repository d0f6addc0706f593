package securitytest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

var specs = map[string]*openapi3.T{}
var validated int

func init() {
	if os.Getenv("SPEC") == "" {
		return
	}
	for v, f := range map[string]string{"1": "/work/shared/spec/command-v25-api-v1.json", "2": "/work/shared/spec/command-v25-api-v2.json"} {
		doc, err := openapi3.NewLoader().LoadFromFile(f)
		if err != nil {
			panic(err)
		}
		specs[v] = doc
	}
	openapi3.DefineStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`))
	observe = check
}

func check(t *testing.T, req *http.Request, body string, got answer) {
	t.Helper()
	if got.status >= 400 || strings.Contains(t.Name(), "Version") {
		return
	}
	doc := specs[req.Header.Get("x-keyfactor-api-version")]
	if doc == nil {
		return
	}
	path := req.URL.Path
	i := strings.Index(strings.ToLower(path), "/keyfactorapi")
	if i < 0 {
		return
	}
	segs := strings.Split(path[i+len("/keyfactorapi"):], "/")
	for tpl, item := range doc.Paths.Map() {
		ts := strings.Split(tpl, "/")
		if len(ts) != len(segs) {
			continue
		}
		params := map[string]string{}
		ok := true
		for k := range ts {
			if strings.HasPrefix(ts[k], "{") {
				params[strings.Trim(ts[k], "{}")] = segs[k]
				continue
			}
			if !strings.EqualFold(ts[k], segs[k]) {
				ok = false
			}
		}
		if !ok {
			continue
		}
		op := item.GetOperation(req.Method)
		if op == nil {
			continue
		}
		if len(params) > 0 && doc.Paths.Value(strings.Join(segs, "/")) != nil {
			continue
		}
		r2 := req.Clone(context.Background())
		r2.Body = io.NopCloser(strings.NewReader(body))
		in := &openapi3filter.RequestValidationInput{Request: r2, PathParams: params, Route: &routers.Route{Spec: doc, Path: tpl, PathItem: item, Method: req.Method, Operation: op},
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: got.status, Header: got.header, Body: io.NopCloser(bytes.NewReader([]byte(got.body))), Options: in.Options}
		if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
			t.Errorf("SPEC %s %s: %v\n%s", req.Method, tpl, err, got.body)
		}
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil && os.Getenv("SPECREQ") != "" {
			t.Errorf("SPECREQ %s %s: %v\n%s", req.Method, tpl, err, body)
		}
		validated++
		return
	}
	t.Errorf("SPEC: no operation for %s %s", req.Method, path)
}
