package securitytest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// TokenPath is the path of the OAuth token endpoint, outside the API path.
const TokenPath = "/oauth2/token"

// The administrator that every server has, unless another user of that name is given.
const (
	adminUsername     = `KEYEXAMPLE\admin`
	adminPassword     = "simulated-password"
	adminToken        = "simulated-access-token"
	adminClientID     = "simulated-client"
	adminClientSecret = "simulated-secret"
)

// maxBody bounds request bodies.
const maxBody = 32 << 20

// maxRecorded is how many requests are remembered; older ones are forgotten.
const maxRecorded = 50_000

// Handler is the simulated server as an [http.Handler], and the controls of the simulation. It serves every URL path
// in which the API path occurs, whatever stands before it, and the token endpoint at every path that ends in
// [TokenPath]. It is safe for concurrent use.
type Handler struct {
	// Username and Password are the credentials of an administrator.
	Username, Password string
	// Token is a bearer token of an administrator that does not expire.
	Token string
	// ClientID and ClientSecret are the credentials of an OAuth client whose tokens are an administrator's.
	ClientID, ClientSecret string

	cfg      config
	problems error
	apiPath  []string
	routes   []route
	auth     *authenticator
	faults   faults

	mu    sync.RWMutex
	state *state
	lists *lists

	recording     sync.Mutex
	sequence      int
	requests      []Request
	tokenRequests []Request
}

// NewHandler returns the simulated server as a handler. Without options it has the built-in roles, permission set and
// identity providers, and an administrator.
func NewHandler(opts ...Option) *Handler {
	h := &Handler{
		Username: adminUsername, Password: adminPassword, Token: adminToken,
		ClientID: adminClientID, ClientSecret: adminClientSecret,
		cfg: config{apiPath: "/KeyfactorAPI", version: parseVersion("25.4.1"), tokenLifetime: 5 * time.Minute},
	}
	for _, opt := range opts {
		opt(&h.cfg)
	}
	h.apiPath = segments(h.cfg.apiPath)
	h.routes = newRoutes(&h.cfg)
	h.lists = newLists(&h.cfg)
	var stateErr, usersErr error
	h.state, stateErr = newState(&h.cfg)
	const administrator = "Administrator"
	h.auth, usersErr = newAuthenticator(h.state, h.cfg.tokenLifetime, slices.Concat([]user{
		{name: h.Username, password: h.Password, roles: []string{administrator}},
		{name: h.Username, token: h.Token, roles: []string{administrator}},
		{name: h.ClientID, secret: h.ClientSecret, roles: []string{administrator}},
	}, h.cfg.users))
	h.problems = errors.Join(stateErr, usersErr)
	return h
}

// Err reports what was wrong with the options, for example a role seeded twice. Such a server answers every request
// with status 500 and this text.
func (h *Handler) Err() error { return h.problems }

// A Request is a request that the server received.
type Request struct {
	// Sequence counts the requests from 1, in the order of their arrival.
	Sequence int
	// Time is when the request arrived.
	Time time.Time
	// Method is the HTTP method.
	Method string
	// Path is the URL path as it was sent, escaped, API path included.
	Path string
	// Template is the path of the operation, as in "/Security/Roles/{id}"; empty for an unknown path.
	Template string
	// Version is the API version asked for: 1 when none was given, 0 when there is no such version.
	Version int
	// RawQuery is the query as it was sent.
	RawQuery string
	// Query is the query.
	Query url.Values
	// Header are the headers, without those that carry credentials.
	Header http.Header
	// Body is the body.
	Body []byte
}

// Requests returns the requests to the API so far, the latest fifty thousand at most.
func (h *Handler) Requests() []Request {
	h.recording.Lock()
	defer h.recording.Unlock()
	return slices.Clone(h.requests)
}

// TokenRequests returns the requests to the token endpoint so far. Their bodies have no client secret.
func (h *Handler) TokenRequests() []Request {
	h.recording.Lock()
	defer h.recording.Unlock()
	return slices.Clone(h.tokenRequests)
}

// ResetRequests forgets the requests so far.
func (h *Handler) ResetRequests() {
	h.recording.Lock()
	defer h.recording.Unlock()
	h.requests, h.tokenRequests, h.sequence = nil, nil, 0
}

func (h *Handler) record(req Request, list *[]Request) {
	h.recording.Lock()
	defer h.recording.Unlock()
	h.sequence++
	req.Sequence = h.sequence
	if len(*list) >= maxRecorded {
		*list = slices.Clone((*list)[maxRecorded/2:])
	}
	*list = append(*list, req)
}

// call is one request on its way through the server.
type call struct {
	h      *Handler
	s      *state
	r      *http.Request
	body   []byte
	route  *route
	args   []string // the path parameters, in order
	query  params
	caller *caller
	// total is what X-Total-Count will say, nil when the operation is not a list.
	total *int
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		// The client went away, or sent far too much; nobody waits for a particular answer.
		http.Error(w, "the request body could not be read", http.StatusBadRequest)
		return
	}
	seen := Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Query: r.URL.Query(),
		Header: withoutCredentials(r.Header), Body: body, Version: apiVersion(r),
	}
	if strings.HasSuffix(r.URL.Path, TokenPath) {
		seen.Template, seen.Version, seen.Body = TokenPath, 0, redactForm(body)
		h.record(seen, &h.tokenRequests)
		h.serve(w, r, seen, func() *response { return h.auth.issue(r, body) })
		return
	}
	matched, args := h.match(r)
	if len(matched) > 0 {
		seen.Template = matched[0].template()
	}
	h.record(seen, &h.requests)
	h.serve(w, r, seen, func() *response { return h.answer(r, body, seen.Version, matched, args) })
}

// serve lets the faults have their way with a request, and processes it as far as they let it.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, seen Request, process func() *response) {
	fault := h.faults.pick(seen)
	if !pause(r, h.cfg.latency) || !pause(r, fault.Latency) {
		reset(w)
		return
	}
	if fault.Interleave != nil {
		fault.Interleave()
	}
	if !fault.fails() {
		process().send(w, fault.Truncate)
		return
	}
	if fault.Commit {
		process()
	}
	fault.fail(w, r, h.headers)
}

// answer processes a request to the API: who asks, is the request in order, may they, and only then the operation.
func (h *Handler) answer(r *http.Request, body []byte, version int, matched []*route, args []string) *response {
	supported := "1.0"
	for _, candidate := range matched {
		if candidate.twoVersions() && h.cfg.version.atLeast(11, 0) {
			supported = "1.0, 2"
		}
	}
	c := &call{h: h, s: h.state, r: r, body: body, args: args, query: parseParams(r)}
	result, err := c.run(version, matched)
	var refused *apiError
	var resp *response
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusUnauthorized:
		resp = htmlResponse(refused.status, pageUnauthorized)
	case errors.As(err, &refused):
		resp = errorResponse(refused)
	case err != nil:
		resp = errorResponse(&apiError{http.StatusInternalServerError, codeUnexpected, err.Error()})
	case result == nil:
		resp = &response{status: http.StatusNoContent}
	default:
		resp = jsonResponse(http.StatusOK, result)
	}
	resp.header = h.headers()
	resp.header.Set("Api-Supported-Versions", supported)
	if c.total != nil && err == nil && !h.cfg.noTotalCount {
		resp.header.Set("X-Total-Count", strconv.Itoa(*c.total))
	}
	return resp
}

// headers are the headers that every answer has.
func (h *Handler) headers() http.Header {
	header := http.Header{}
	var id [16]byte
	// Never fails.
	_, _ = rand.Read(id[:])
	header.Set("X-Keyfactor-Correlation-Id", fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]))
	if h.cfg.version.atLeast(11, 0) {
		// Version 10 is documented not to tell.
		header.Set("X-Keyfactor-Product-Version", h.cfg.version.text+"+4f1c2ab09d7e35866b0e1f94c8d2a7733e5b6091")
	}
	return header
}

// run does what the request asks for. Without a result the answer has no body.
func (c *call) run(version int, matched []*route) (any, error) {
	h := c.h
	if h.problems != nil {
		return nil, fmt.Errorf("the simulated server is not set up right: %w", h.problems)
	}
	who, ok := h.auth.authenticate(c.r)
	if !ok {
		return nil, &apiError{status: http.StatusUnauthorized}
	}
	switch strings.ToLower(c.r.Header.Get("X-Keyfactor-Requested-With")) {
	case "apiclient", "xmlhttprequest":
	default:
		return nil, invalid("The header x-keyfactor-requested-with is missing or has an unknown value.")
	}
	if len(matched) == 0 {
		return nil, &apiError{http.StatusNotFound, codeNotFound, "There is nothing at " + c.r.URL.Path + "."}
	}
	for _, candidate := range matched {
		if candidate.method == c.r.Method && candidate.version == version {
			c.route = candidate
		}
	}
	if c.route == nil {
		sameMethod := func(candidate *route) bool { return candidate.method == c.r.Method }
		if !slices.ContainsFunc(matched, sameMethod) {
			return nil, &apiError{
				http.StatusMethodNotAllowed, codeInvalid,
				fmt.Sprintf("%s is not allowed at %s.", c.r.Method, c.r.URL.Path),
			}
		}
		return nil, invalid("UnsupportedApiVersion: %s %s does not support API version %q.",
			c.r.Method, c.r.URL.Path, c.r.Header.Get(versionHeader))
	}
	if c.route.writes() {
		h.mu.Lock()
		defer h.mu.Unlock()
	} else {
		h.mu.RLock()
		defer h.mu.RUnlock()
	}
	c.caller = c.s.caller(who)
	if !c.caller.may(c.route.needs) {
		return nil, forbidden(c.route.needs.path)
	}
	return c.route.run(c)
}

const versionHeader = "X-Keyfactor-Api-Version"

// apiVersion reads the version header: 0 for a version that does not exist.
func apiVersion(r *http.Request) int {
	switch r.Header.Get(versionHeader) {
	case "", "1", "1.0":
		return 1
	case "2", "2.0":
		return 2
	default:
		return 0
	}
}

// decode reads the request body. Names of members are matched without regard to case.
func (c *call) decode(into any) error {
	if !jsonMediaType(c.r.Header.Get("Content-Type")) {
		return &apiError{http.StatusUnsupportedMediaType, codeInvalid, "The request body must be JSON."}
	}
	body := strings.TrimSpace(string(c.body))
	if body == "" || body == "null" {
		return invalid("A request body is required.")
	}
	dec := json.NewDecoder(strings.NewReader(body))
	if c.h.cfg.strictBodies {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			// The error itself speaks of Go types, and so does all of its path but the end.
			member := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
			return invalid("The request body is not valid: unexpected %s at %s.", wrong.Value, cmp.Or(member, "its beginning"))
		}
		return invalid("The request body is not valid: %v.", err)
	}
	if dec.More() {
		return invalid("The request body goes on after its end.")
	}
	return nil
}

func jsonMediaType(contentType string) bool {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	media = strings.TrimSpace(media)
	switch media {
	case "application/json", "application/json-patch+json", "text/json":
		return true
	}
	return strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// credentialHeaders are not recorded.
var credentialHeaders = []string{"Authorization", "Cookie", "Proxy-Authorization"}

func withoutCredentials(header http.Header) http.Header {
	kept := header.Clone()
	for _, name := range credentialHeaders {
		kept.Del(name)
	}
	return kept
}

func redactForm(body []byte) []byte {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	form.Del("client_secret")
	form.Del("password")
	return []byte(form.Encode())
}

// segments splits a path.
func segments(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
