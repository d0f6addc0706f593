package securitytest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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

// maxBody bounds request bodies.
const maxBody = 32 << 20

// maxRecorded is how many requests are remembered; older ones are forgotten.
const maxRecorded = 50_000

// Handler is the simulated server as an [http.Handler], and the controls of the simulation. It serves every URL path
// in which the API path occurs, whatever stands before it, and the token endpoint at every path that ends in
// [TokenPath]. It is safe for concurrent use.
//
// Every handler has an administrator, who can do everything wherever the handler is mounted. Its password, token and
// client secret are made up anew for each handler, so that nobody who reaches the handler knows them beforehand. An
// option that gives a user or a client of the same name replaces it.
type Handler struct {
	// Username and Password are the credentials of the administrator.
	Username, Password string
	// Token is a bearer token of the administrator that does not expire.
	Token string
	// ClientID and ClientSecret are the credentials of an OAuth client whose tokens are the administrator's.
	ClientID, ClientSecret string

	cfg      config
	problems error
	apiPath  []string
	routes   []route
	auth     *authenticator
	faults   faults
	serving  sync.WaitGroup // the requests under way

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
		Username: `KEYEXAMPLE\admin`, Password: rand.Text(), Token: rand.Text(),
		ClientID: "simulated-client", ClientSecret: rand.Text(),
		cfg: config{apiPath: "/KeyfactorAPI", version: version{"25.4.1", 25, 4}, tokenLifetime: 5 * time.Minute},
	}
	for _, opt := range opts {
		opt(&h.cfg)
	}
	h.apiPath = segments(h.cfg.apiPath)
	h.lists = newLists(&h.cfg)
	var routesErr, stateErr, usersErr error
	h.routes, routesErr = h.newRoutes()
	h.state, stateErr = newState(&h.cfg)
	for _, u := range h.cfg.users {
		switch {
		case strings.EqualFold(u.name, h.Username) && u.password != "":
			h.Password = u.password
		case u.name == h.ClientID && u.secret != "":
			h.ClientSecret = u.secret
		}
	}
	const administrator = "Administrator"
	h.auth, usersErr = newAuthenticator(h.state, h.cfg.tokenLifetime, slices.Concat([]user{
		{name: h.Username, password: h.Password, roles: []string{administrator}},
		{name: h.Username, token: h.Token, roles: []string{administrator}},
		{name: h.ClientID, secret: h.ClientSecret, roles: []string{administrator}},
	}, h.cfg.users))
	h.problems = errors.Join(errors.Join(h.cfg.problems...), routesErr, stateErr, usersErr)
	return h
}

// Err reports what is wrong with the options, for example a role seeded twice. Such a server answers every request with
// status 500 and this text.
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
	// Template is the path of the operation, as in "/Security/Roles/{id}". It is empty for an unknown path.
	Template string
	// Version is the API version asked for: 1 if none was given, 0 if what was given is not a version.
	Version int
	// RawQuery is the query as it was sent.
	RawQuery string
	// Query is the query.
	Query url.Values
	// Header are the headers, without those that carry credentials.
	Header http.Header
	// Body is the body. It is empty if a fault left it unread.
	Body []byte
	// Fault is what was done to the request by the faults that hit it, as in "commit, hang".
	Fault string
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
	fault  Fault    // as far as it changes what the answer says
	query  params
	caller *caller
	// total is what X-Total-Count will say. It is nil if the operation is not a list.
	total *int
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.serving.Add(1)
	defer h.serving.Done()
	seen := Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Query: r.URL.Query(),
		Header: withoutCredentials(r.Header), Version: apiVersion(r),
	}
	if strings.HasSuffix(r.URL.Path, TokenPath) {
		seen.Template, seen.Version = TokenPath, 0
		fault, effect := h.faults.pick(seen, segments(TokenPath))
		body, ok := readBody(w, r, fault)
		if !ok {
			return
		}
		seen.Body, seen.Fault = redactForm(body), effect
		h.record(seen, &h.tokenRequests)
		h.serve(w, r, fault, func() *response { return h.auth.issue(r, body) })
		return
	}
	path, _ := h.afterAPIPath(segments(r.URL.Path))
	matched, args := h.match(path)
	if len(matched) > 0 {
		seen.Template = matched[0].template()
	}
	fault, effect := h.faults.pick(seen, path)
	body, ok := readBody(w, r, fault)
	if !ok {
		return
	}
	seen.Body, seen.Fault = body, effect
	h.record(seen, &h.requests)
	if fault.OtherID != "" && r.Method == http.MethodGet {
		args = append(slices.Clone(args[:len(args)-1]), fault.OtherID)
	}
	h.serve(w, r, fault, func() *response {
		return h.answer(&call{h: h, s: h.state, r: r, body: body, args: args, query: parseParams(r), fault: fault}, seen.Version, matched)
	})
}

// readBody reads the body of a request, unless the request is to fail before. Of one that could not be read, it reports
// false: the client went away, or sent far too much, and nobody waits for a particular answer.
func readBody(w http.ResponseWriter, r *http.Request, fault Fault) (body []byte, ok bool) {
	if fault.Unread && fault.fails() {
		return nil, true
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the request body could not be read", http.StatusBadRequest)
	}
	return body, err == nil
}

// serve applies a fault to a request, and processes the request as far as the fault lets it.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, fault Fault, process func() *response) {
	if !pause(r, h.cfg.latency) || !pause(r, fault.Latency) {
		reset(w)
		return
	}
	if fault.Interleave != nil {
		fault.Interleave()
	}
	var resp *response
	if !fault.fails() || fault.Commit {
		resp = process()
	}
	if fault.CommitLate > 0 && fault.fails() {
		time.AfterFunc(fault.CommitLate, func() { process() })
	}
	switch {
	case fault.silent():
		fault.silence(w, r)
		return
	case fault.answers():
		resp = fault.answer(r, h.headers())
	default:
		fault.alter(r, resp)
	}
	fault.send(w, r, resp)
}

// answer processes a request to the API: who asks, is the request in order, may they, and only then the operation.
func (h *Handler) answer(c *call, version int, matched []*route) *response {
	result, err := c.run(version, matched)
	var refused *apiError
	var resp *response
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusUnauthorized:
		resp = htmlResponse(refused.status, pageUnauthorized)
	case errors.As(err, &refused) && refused.code == "":
		resp = htmlResponse(refused.status, pageNotFound)
	case errors.As(err, &refused):
		resp = errorResponse(refused)
	case err != nil:
		resp = errorResponse(&apiError{http.StatusInternalServerError, codeUnexpected, err.Error()})
	case result == nil:
		resp = &response{status: http.StatusNoContent}
	default:
		resp = jsonResponse(http.StatusOK, result)
		if own, ok := result.(*response); ok {
			resp = own
		}
	}
	header := h.headers()
	header.Set("Api-Supported-Versions", h.supportedVersions(matched))
	if c.total != nil && err == nil && !h.cfg.quirks.OmitTotalCount {
		header.Set(totalHeader, strconv.Itoa(*c.total))
	}
	maps.Copy(header, resp.header)
	resp.header = header
	return resp
}

// headers are the headers that every answer has.
func (h *Handler) headers() http.Header {
	header := http.Header{}
	var id [16]byte
	// Never fails.
	_, _ = rand.Read(id[:])
	header.Set("X-Keyfactor-Correlation-Id", fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]))
	if told := h.cfg.version.told(); told != "" {
		header.Set("X-Keyfactor-Product-Version", told)
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
		return nil, &apiError{status: http.StatusNotFound} // in the words of the web server, which has no route there
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
		return nil, invalid("UnsupportedApiVersion: %s %s does not support API version '%s'.",
			c.r.Method, c.r.URL.Path, c.r.Header.Get(versionHeader))
	}
	if c.route.own != nil {
		return c.runOwn(who)
	}
	if c.route.writes() {
		h.mu.Lock()
		defer h.mu.Unlock()
	} else {
		h.mu.RLock()
		defer h.mu.RUnlock()
	}
	if err := c.authorize(who); err != nil {
		return nil, err
	}
	return c.route.run(c)
}

// authorize notes who calls, and refuses callers that do not hold what the operation needs.
func (c *call) authorize(who *account) error {
	c.caller = c.s.caller(who)
	if !c.caller.may(c.route.needs) {
		return forbidden(c.route.needs.path)
	}
	return nil
}

const versionHeader = "X-Keyfactor-Api-Version"

// apiVersion reads the version header, a number such as 2 or 2.0. It is 0 for anything else.
func apiVersion(r *http.Request) int {
	given := r.Header.Get(versionHeader)
	if given == "" {
		return 1
	}
	n, err := strconv.Atoi(strings.TrimSuffix(given, ".0"))
	if err != nil || n < 1 {
		return 0
	}
	return n
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
	if c.h.cfg.quirks.StrictBodies {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			// The error itself speaks of Go types, and so does all of its path except the end.
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
