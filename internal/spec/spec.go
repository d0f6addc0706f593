// Package spec holds the published description of the API and checks requests
// and answers against it. It is for tests: nothing that a program links imports
// it.
package spec

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// One file for each version of the API: its name ends in -v<version>.json.
//
//go:embed *-v*.json
var files embed.FS

// Operation is one described operation.
type Operation struct {
	Method    string
	Path      string // such as "/Security/Roles/{id}"
	Version   int
	Described *openapi3.Operation

	doc  *openapi3.T
	item *openapi3.PathItem
}

// String is the operation as the library names it:
// "GET /Security/Roles/{id}, version 2".
func (o *Operation) String() string {
	return fmt.Sprintf("%s %s, version %d", o.Method, o.Path, o.Version)
}

// Operations returns every described operation, by path, version and method.
func Operations() ([]*Operation, error) { return load() }

var load = sync.OnceValues(func() ([]*Operation, error) {
	var all []*Operation
	names, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, f := range names {
		name := f.Name()
		version, err := strconv.Atoi(strings.TrimSuffix(name[strings.LastIndex(name, "-v")+2:], ".json"))
		if err != nil {
			return nil, fmt.Errorf("%s: the name must end in -v<version of the API>.json", name)
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		doc, err := openapi3.NewLoader().LoadFromData(data)
		if err == nil {
			err = doc.Validate(context.Background())
		}
		if err == nil && !strings.HasSuffix(doc.Info.Title, "version "+strconv.Itoa(version)) {
			err = fmt.Errorf("its title must end in \"version %d\", and is %q", version, doc.Info.Title)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for path, item := range doc.Paths.Map() {
			for method, op := range item.Operations() {
				all = append(all, &Operation{method, path, version, op, doc, item})
			}
		}
	}
	slices.SortFunc(all, func(a, b *Operation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Version, b.Version), strings.Compare(a.Method, b.Method))
	})
	return all, nil
})

// ErrUndescribed is a request that is no described operation.
var ErrUndescribed = errors.New("no such operation is described")

// Find returns the operation that a request is, and the arguments in its path.
// apiPath is the path that the API is served under.
func Find(r *http.Request, apiPath string) (*Operation, map[string]string, error) {
	all, err := Operations()
	if err != nil {
		return nil, nil, err
	}
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), apiPath)
	version, err := strconv.Atoi(r.Header.Get("X-Keyfactor-Api-Version"))
	if !ok || err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, ErrUndescribed)
	}
	var found *Operation
	var args map[string]string
	for _, o := range all {
		if o.Method != r.Method || o.Version != version {
			continue
		}
		// Of two templates that fit, the one with fewer places is meant.
		if a, ok := match(o.Path, path); ok && (found == nil || len(a) < len(args)) {
			found, args = o, a
		}
	}
	if found == nil {
		return nil, nil, fmt.Errorf("%s %s, version %d: %w", r.Method, path, version, ErrUndescribed)
	}
	return found, args, nil
}

func match(template, path string) (map[string]string, bool) {
	places, segments := strings.Split(template, "/"), strings.Split(path, "/")
	if len(places) != len(segments) {
		return nil, false
	}
	args := map[string]string{}
	for i, place := range places {
		name, isPlace := strings.CutPrefix(place, "{")
		switch {
		case isPlace && segments[i] != "":
			args[strings.TrimSuffix(name, "}")] = segments[i]
		case place != segments[i]:
			return nil, false
		}
	}
	return args, true
}

// CheckRequest reports what of a request the description does not allow: a
// parameter or a member of the body that it does not know, a required one that
// is missing, a wrong type. It also returns the operation. The request is left
// as it was; body is what it carries.
func CheckRequest(r *http.Request, apiPath string, body []byte) (*Operation, error) {
	o, input, err := request(r, apiPath, body)
	if err != nil {
		return nil, err
	}
	var errs []error
	for name := range input.Request.URL.Query() {
		if o.Described.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			errs = append(errs, fmt.Errorf("query parameter %s is not described", name))
		}
	}
	switch wanted := o.Described.RequestBody != nil; {
	case wanted && len(body) == 0:
		errs = append(errs, errors.New("a body is described, none is sent"))
	case !wanted && len(body) > 0:
		errs = append(errs, errors.New("no body is described, one is sent"))
	}
	errs = append(errs, openapi3filter.ValidateRequest(r.Context(), input))
	if err := errors.Join(errs...); err != nil {
		return o, fmt.Errorf("%s: request: %w", o, err)
	}
	return o, nil
}

// CheckResponse reports what of the answer to a request the description does
// not allow: a status, a member that it does not know, a wrong type.
func CheckResponse(r *http.Request, apiPath string, resp *http.Response, body []byte) error {
	o, input, err := request(r, apiPath, nil)
	if err != nil {
		return err
	}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: input.Options,
	})
	if err == nil && len(body) > 0 && o.Described.Responses.Status(resp.StatusCode).Value.Content == nil {
		err = errors.New("no body is described, one is sent")
	}
	if err != nil {
		return fmt.Errorf("%s: answer %d: %w", o, resp.StatusCode, err)
	}
	return nil
}

func request(r *http.Request, apiPath string, body []byte) (*Operation, *openapi3filter.RequestValidationInput, error) {
	o, args, err := Find(r, apiPath)
	if err != nil {
		return nil, nil, err
	}
	copied := r.Clone(r.Context())
	copied.Body, copied.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	options := &openapi3filter.Options{
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true,
		MultiError:            true,
		SkipSettingDefaults:   true,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{
			openapi3.WithStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")),
		},
	}
	options.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		return "/" + strings.Join(err.JSONPointer(), "/") + ": " + err.Reason
	})
	return o, &openapi3filter.RequestValidationInput{
		Request: copied, PathParams: args, Options: options,
		Route: &routers.Route{Spec: o.doc, Path: o.Path, PathItem: o.item, Method: o.Method, Operation: o.Described},
	}, nil
}
