package security

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
)

// Client talks to one Keyfactor Command server. Make one with [NewClient] and
// hand it to the services. It is immutable and safe to share.
type Client struct {
	service *service.Client
}

// The services reach the transport of a client, and make call options, through
// these hooks, and so do other ways to sign in: nothing of it is in the public API.
func init() { //nolint:gochecknoinits // sets three functions, and does no work
	service.Hooks.Client = func(client any) *service.Client { return client.(*Client).service }
	service.Hooks.Option = func(set func(*service.Settings)) any { return callOption(set) }
	service.Hooks.Credential = func(c service.Credential) any {
		return withCredential(c.Name, func() (credential, error) {
			return credential{account: c.Account, separate: true, authorizer: func(base *url.URL, _ *http.Client) transport.Authorizer {
				return c.Authorizer(base)
			}}, c.Err
		})
	}
}

// NewClient returns a client for the API at baseURL, such as
// "https://command.example.com/KeyfactorAPI". The API path is part of the URL:
// servers are installed with different ones.
//
// It does no I/O and reads no environment. Everything wrong with the URL and
// the options is reported at once.
func NewClient(baseURL string, opts ...Option) (*Client, error) {
	return build(baseURL, "", opts)
}

// CloseIdleConnections closes the connections that no call is using. A client
// needs no closing; this is for programs that count their connections.
func (c *Client) CloseIdleConnections() { c.service.Transport.CloseIdleConnections() }

var (
	opEndpoints   = transport.Op{Method: http.MethodGet, Path: "Status/Endpoints", Version: 1}
	opHealthCheck = transport.Op{Method: http.MethodGet, Path: "Status/HealthCheck", Version: 1}
)

// Endpoints lists the endpoints that the server says it has.
//
// API: GET /Status/Endpoints, version 1.
func (c *Client) Endpoints(ctx context.Context, call ...CallOption) ([]string, error) {
	return service.Many[string](ctx, c.service, call, transport.Call{Op: opEndpoints, Check: service.Each("path", func(path *string) bool { return *path != "" })})
}

// HealthCheck returns nil if the server answers and accepts the credential.
//
// API: GET /Status/HealthCheck, version 1.
func (c *Client) HealthCheck(ctx context.Context, call ...CallOption) error {
	return service.None(ctx, c.service, call, transport.Call{Op: opHealthCheck})
}

// Version asks which version of Command the server runs. A server before 11
// may not say; the version is then zero, see [ServerVersion.IsZero].
//
// API: the product header of GET /Status/Endpoints, version 1.
func (c *Client) Version(ctx context.Context, call ...CallOption) (ServerVersion, error) {
	var r Response
	if _, err := c.Endpoints(ctx, append(slices.Clip(call), WithResponse(&r))...); err != nil {
		return ServerVersion{}, err
	}
	return ParseServerVersion(r.Header.Get("X-Keyfactor-Product-Version")), nil
}

// Do sends a call that no service covers yet. path is relative to the API path,
// and may have a query ("Certificates?ReturnLimit=5"); its segments must be
// escaped. body is encoded as JSON unless nil; the answer is decoded into into,
// a pointer, unless nil, and replaces what was there. Credentials, retries and
// errors are as for every other call.
func (c *Client) Do(ctx context.Context, method, path string, version int, body, into any, call ...CallOption) error {
	path, rawQuery, _ := strings.Cut(strings.TrimPrefix(path, "/"), "?")
	request := transport.Call{Op: transport.Op{Method: method, Path: path, Version: version}, Body: body}
	request.Err = checkDo(method, path, version, body, into)
	if rawQuery != "" {
		var err error
		if request.Query, err = url.ParseQuery(rawQuery); err != nil {
			request.Err = FieldErrors{{Field: "path", Problem: "its query cannot be parsed"}}
		}
	}
	settings := service.Resolve(c.service, call)
	request = settings.Call(request)
	if into == nil || request.Err != nil {
		return c.service.Transport.Do(ctx, &request, nil)
	}
	fresh := reflect.New(reflect.TypeOf(into).Elem()) // so that a failed call leaves nothing behind
	if err := c.service.Transport.Do(ctx, &request, fresh.Interface()); err != nil {
		return err
	}
	reflect.ValueOf(into).Elem().Set(fresh.Elem())
	return nil
}

func checkDo(method, path string, version int, body, into any) error {
	var errs FieldErrors
	if v := reflect.ValueOf(into); into != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		errs = append(errs, FieldError{Field: "into", Problem: fmt.Sprintf("must be a pointer to decode the answer into, got %T", into)})
	}
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	case http.MethodGet, http.MethodDelete:
		if body != nil {
			errs = append(errs, FieldError{Field: "body", Problem: "must be nil, " + method + " has none"})
		}
	default:
		errs = append(errs, FieldError{Field: "method", Problem: "must be GET, POST, PUT, PATCH or DELETE, got " + strconv.Quote(method)})
	}
	if version < 1 {
		errs = append(errs, FieldError{Field: "version", Problem: "must be 1 or more, got " + strconv.Itoa(version)})
	}
	for segment := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "" || transport.Dots(plain) || strings.ContainsAny(segment, "{}#\\") || strings.ContainsFunc(segment, unprintable) {
			errs = append(errs, FieldError{Field: "path", Problem: "must be relative to the API path, without empty or dot segments, got " + strconv.Quote(path)})
			break
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// ServerVersion is the version of Keyfactor Command that a server runs.
type ServerVersion struct {
	Major, Minor, Patch int
	Raw                 string // as the server sent it, with build or commit
}

// ParseServerVersion reads a product version such as "25.4.1+dc0db2c8" or
// "10.5.0.0". What it cannot read is zero; Raw is always kept.
func ParseServerVersion(s string) ServerVersion {
	v := ServerVersion{Raw: s}
	number, _, _ := strings.Cut(s, "+")
	for i, part := range strings.SplitN(number, ".", 4) {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 0 || i == 3 {
			break
		}
		*[]*int{&v.Major, &v.Minor, &v.Patch}[i] = n
	}
	return v
}

// IsZero reports whether the server did not say its version.
func (v ServerVersion) IsZero() bool { return v.Major == 0 }

// AtLeast reports whether v is major.minor or later. An unknown version is not.
func (v ServerVersion) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// String is "25.4.1", or "unknown".
func (v ServerVersion) String() string {
	if v.IsZero() {
		return "unknown"
	}
	return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) + "." + strconv.Itoa(v.Patch)
}
