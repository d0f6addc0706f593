package spec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/source"
	"github.com/commandsec/commandsec-go/internal/spec"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// apiPath is the path below which mocked clients find the API.
var apiPath = strings.TrimPrefix(apitest.BaseURL, "https://command.example.com")

// An exception is something described that the library, or the simulated
// server, leaves out on purpose.
type exception struct {
	operation string // "" for every operation
	what      string // how the name of what is left out starts
	why       string
}

var (
	notRead = []exception{
		{"GET /Security/Identities, version 1", "[].Roles[].", "the server fills in no more than id, name and description there"},
		{"POST /Security/Identities, version 1", "Roles[].", "the server fills in no more than id, name and description there"},
		{"GET /Security/Roles, version 1", "[].Identities[].Roles", "the server leaves it out there"},
		{"GET /Security/Roles, version 1", "[].Identities[].Valid", "the server leaves it out there"},
		{"", "Identities[].Roles", "the server leaves it out of the identities of a role"},
		{"", "Identities[].Valid", "the server leaves it out of the identities of a role"},
		{"", "Parameters[].SecretValue", "it is read, and encoding hides it; a test in providers decodes it"},
		{"", "[].Parameters[].SecretValue", "it is read, and encoding hides it; a test in providers decodes it"},
		{"", "Parameters[].RequestHeaders[]", "it is read, and encoding hides it; a test in providers decodes it"},
		{"", "[].Parameters[].RequestHeaders[]", "it is read, and encoding hides it; a test in providers decodes it"},
		{"", "Parameters[].RequestURLParameters[]", "it is read, and encoding hides it; a test in providers decodes it"},
		{"", "[].Parameters[].RequestURLParameters[]", "it is read, and encoding hides it; a test in providers decodes it"},
	}
	notSent = []exception{
		{"GET /PermissionSets, version 1", "QueryString", "permission sets have no field to filter by"},
		{"POST /Security/Containers/{id}/Roles, version 1", "[].Name", "it must stay blank"},
		{"POST /Security/Applications/{id}/Roles, version 1", "[].Name", "it must stay blank"},
	}
	// notAnswered is what the simulated server leaves out.
	notAnswered = []exception{
		{"GET /Security/Identities, version 1", "[].SID", "recorded answers do not have it"},
		{"POST /Security/Identities, version 1", "SID", "recorded answers do not have it"},
		{"GET /Security/Roles, version 1", "[].Identities[].Roles", "recorded answers do not have it"},
		{"GET /Security/Roles, version 1", "[].Identities[].Valid", "recorded answers do not have it"},
		{"", "Identities[].Roles", "recorded answers do not have it"},
		{"", "Identities[].Valid", "recorded answers do not have it"},
		{"", "Parameters[].RequestHeaders", "this parameter is another one"},
		{"", "Parameters[].RequestURLParameters", "this parameter is another one"},
		{"", "Parameters[].SecretValue", "secrets are not told"},
	}
)

// excused reports whether an exception covers what an operation leaves out, and
// notes that the exception is needed.
func excused(exceptions []exception, used map[exception]bool, operation, what string) bool {
	for _, e := range exceptions {
		if (e.operation == "" || e.operation == operation) && strings.HasPrefix(what, e.what) {
			used[e] = true
			return true
		}
	}
	return false
}

func checkUsed(t *testing.T, exceptions []exception, used map[exception]bool) {
	t.Helper()
	for _, e := range exceptions {
		if !used[e] {
			t.Errorf("%s: the exception for %s is not needed; delete it from internal/spec/contract_test.go", e.operation, e.what)
		}
	}
}

// TestRequestsAndResponses makes every call with every argument, and answers it
// with a body that has every property. Requests must be as described, and hold
// everything that is described; of the answers, nothing may be lost.
func TestRequestsAndResponses(t *testing.T) {
	server := &describedServer{t: t, sent: map[string]map[string]bool{}}
	client := apitest.NewClient(t, server, security.WithRetry(security.Retry{MaxAttempts: 1}))
	used := map[exception]bool{}
	all, _ := methods(t)
	for _, c := range calls() {
		// A method that is built on others is tried on the simulated server only,
		// where its requests lead somewhere.
		if i := slices.IndexFunc(all, func(m source.Method) bool { return m.Name() == c.method }); i < 0 || len(all[i].Ops) == 0 {
			continue
		}
		server.last, server.answer = nil, nil
		result, err := c.do(t.Context(), client)
		switch {
		case server.last == nil:
			t.Errorf("%s: sends nothing that is described: %v", c.method, err)
			continue
		case err != nil:
			t.Errorf("%s: %s cannot read the answer: %v", server.last, c.method, err)
			continue
		case server.answer == nil && result == nil:
			continue
		case server.answer == nil || result == nil:
			t.Errorf("%s: %s returns %v, and the answer is %s", server.last, c.method, result, server.answer)
			continue
		}
		lost, err := apitest.Lost(server.answer, result)
		if err != nil {
			t.Errorf("%s: the result of %s cannot be encoded: %v", server.last, c.method, err)
		}
		for _, what := range lost {
			if !excused(notRead, used, server.last.String(), what) {
				t.Errorf("%s: in the result of %s, %s; add the field to the type, or say in notRead in internal/spec/contract_test.go why not", server.last, c.method, what)
			}
		}
	}
	checkUsed(t, notRead, used)

	used = map[exception]bool{}
	for _, o := range operations(t) {
		for _, what := range describedInputs(o) {
			if !server.sent[o.String()][what] && !excused(notSent, used, o.String(), what) {
				t.Errorf("%s: %s is described, and never sent; send it in internal/spec/calls_test.go, or say in notSent in contract_test.go why not", o, what)
			}
		}
	}
	checkUsed(t, notSent, used)
}

// describedServer checks every request and answers with a body that has every
// property described.
type describedServer struct {
	t      *testing.T
	last   *spec.Operation
	answer []byte
	sent   map[string]map[string]bool // operation, query parameter or path of a member
}

func (s *describedServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body := bodyOf(s.t, r)
	o, err := spec.CheckRequest(r, apiPath, body)
	if err != nil {
		s.t.Error(err)
	}
	if o == nil {
		return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
	s.last = o
	if s.sent[o.String()] == nil {
		s.sent[o.String()] = map[string]bool{}
	}
	sent := s.sent[o.String()]
	for name := range r.URL.Query() {
		sent[name] = true
	}
	if len(body) > 0 {
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return nil, err
		}
		members(sent, "", v)
	}
	resp := &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: r}
	ok := o.Described.Responses.Status(http.StatusOK)
	if ok == nil {
		return resp, nil
	}
	g := generator{open: map[string]int{}}
	answer, err := s.echo(g.sample("", ok.Value.Content.Get("application/json").Schema), r, body)
	if err != nil {
		return nil, err
	}
	if s.answer, err = json.Marshal(answer); err != nil {
		return nil, err
	}
	resp.StatusCode = http.StatusOK
	resp.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp.Header.Set("X-Total-Count", "1")
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(s.answer)), int64(len(s.answer))
	if err := spec.CheckResponse(r, apiPath, resp, s.answer); err != nil {
		s.t.Errorf("the sample is wrong: %v", err)
	}
	return resp, nil
}

// echo makes an answer be about what was asked for: the id is the one in the path,
// and what the request says is said again.
func (s *describedServer) echo(answer any, r *http.Request, body []byte) (any, error) {
	var asked any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &asked); err != nil {
			return nil, err
		}
	}
	switch answer := answer.(type) {
	case map[string]any:
		object, ok := asked.(map[string]any)
		if !ok {
			object = map[string]any{}
		}
		o, args, err := spec.Find(r, apiPath)
		if id, ok := args["id"]; err == nil && ok && strings.HasSuffix(o.Path, "{id}") {
			object["Id"], object["QueryId"] = any(id), any(id)
			if number, err := strconv.Atoi(id); err == nil {
				object["Id"], object["QueryId"] = number, number
			}
		}
		repeat(answer, object)
		return answer, err
	case []any:
		var items []any
		switch asked := asked.(type) {
		case []any:
			items = asked
		case map[string]any:
			ids, _ := asked["Ids"].([]any)
			for _, id := range ids {
				items = append(items, map[string]any{"Id": id})
			}
		}
		if len(items) == 0 {
			return answer, nil
		}
		list := make([]any, len(items))
		for i, item := range items {
			object := maps.Clone(answer[0].(map[string]any))
			repeat(object, item.(map[string]any))
			list[i] = object
		}
		return list, nil
	}
	return answer, nil
}

// repeat gives an object the values that another one has for the same members. Members
// that answers write differently from requests are left alone, except the key of a claim.
func repeat(object, asked map[string]any) {
	for name, value := range asked {
		_, text := value.(string)
		_, id := value.(int)
		number, isNumber := value.(float64)
		list, isList := value.([]any)
		if isList && len(list) > 0 {
			_, isList = list[0].(string)
		}
		provider, claim := object["Provider"].(map[string]any)
		switch {
		case name == "ProviderAuthenticationScheme" && claim:
			provider["AuthenticationScheme"] = value
		case object[name] == nil || isList && len(list) == 0:
		case name == "ClaimType":
			object[name] = []string{"User", "Group", "Computer", "OAuthOid", "OAuthRole", "OAuthSubject", "OAuthClientId"}[int(number)]
		case text || id || isNumber || isList:
			object[name] = value
		}
	}
}

func bodyOf(t *testing.T, r *http.Request) []byte {
	t.Helper()
	if r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return body
}

// members notes the path of every member of a JSON value.
func members(found map[string]bool, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			p := strings.TrimPrefix(path+"."+name, ".")
			found[p] = true
			members(found, p, member)
		}
	case []any:
		for _, item := range v {
			members(found, path+"[]", item)
		}
	}
}

// describedInputs lists the query parameters and the members of the body of an
// operation.
func describedInputs(o *spec.Operation) []string {
	found := map[string]bool{}
	for _, p := range o.Described.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			found[p.Value.Name] = true
		}
	}
	if o.Described.RequestBody != nil {
		g := generator{open: map[string]int{}}
		members(found, "", g.sample("", o.Described.RequestBody.Value.Content.Get("application/json").Schema))
	}
	maps.DeleteFunc(found, func(path string, _ bool) bool { return strings.HasSuffix(path, "."+anyName) })
	return slices.Sorted(maps.Keys(found))
}

// anyName is the name of a member whose name is free.
const anyName = "any"

// generator makes JSON values that have every property described, each with a
// value of its own.
type generator struct {
	count int
	open  map[string]int // schemas that are being filled in
}

func (g *generator) sample(name string, ref *openapi3.SchemaRef) any {
	s := ref.Value
	g.count++
	switch {
	case s.Type.Is("object"):
		if ref.Ref != "" {
			g.open[ref.Ref]++
			defer func() { g.open[ref.Ref]-- }()
		}
		object := map[string]any{}
		for name, property := range s.Properties {
			object[name] = g.sample(name, property)
		}
		if s.AdditionalProperties.Schema != nil {
			object[anyName] = g.sample(anyName, s.AdditionalProperties.Schema)
		}
		return object
	case s.Type.Is("array"):
		if g.open[s.Items.Ref] == 2 {
			return []any{} // roles have identities, which have roles, and so on
		}
		return []any{g.sample(name, s.Items)}
	case s.Type.Is("boolean"):
		return true
	case s.Type.Is("integer") && len(s.Enum) > 0:
		return s.Enum[len(s.Enum)-1]
	case s.Type.Is("integer"):
		return 1000 + g.count
	case s.Type.Is("string") && s.Format == "uuid":
		return fmt.Sprintf("%08x-0000-4000-8000-000000000000", g.count)
	case s.Type.Is("string") && name == "ClaimType":
		return "OAuthRole" // an unknown one could be read and not be written
	case s.Type.Is("string"):
		return name + " " + strconv.Itoa(g.count)
	}
	panic(fmt.Sprintf("a schema of type %v", s.Type))
}

// TestSimulatedServer makes every call on the simulated server. Requests and
// answers must be as described, and the answers must have every member.
func TestSimulatedServer(t *testing.T) {
	used := map[exception]bool{}
	for _, c := range calls() {
		t.Run(c.method, func(t *testing.T) {
			if _, err := c.do(t.Context(), simulated(t, used, seeds()...)); err != nil {
				t.Error(err)
			}
		})
	}
	checkUsed(t, notAnswered, used)
}

// TestSimulatedTenant reads all of a grown installation, so that answers with
// unusual content are checked too.
func TestSimulatedTenant(t *testing.T) {
	t.Parallel()
	client := simulated(t, map[exception]bool{}, securitytest.WithLegacyTenant(7, 80))
	v1, v2 := roles.NewV1(client), roles.NewV2(client)
	for role, err := range v2.All(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v2.Get(t.Context(), role.ID); err != nil {
			t.Error(err)
		}
		if _, err := v1.Permissions(t.Context(), role.ID); err != nil {
			t.Error(err)
		}
	}
	for _, c := range calls() {
		if strings.HasSuffix(c.method, ".All") {
			if _, err := c.do(t.Context(), client); err != nil {
				t.Errorf("%s: %v", c.method, err)
			}
		}
	}
}

// simulated returns a client of a simulated server whose requests and answers
// are checked. The exceptions that the answers need are noted in used.
func simulated(t *testing.T, used map[exception]bool, opts ...securitytest.Option) *security.Client {
	t.Helper()
	handler := securitytest.NewHandler(append([]securitytest.Option{
		securitytest.WithAPIPath(apiPath), securitytest.WithVersion("99.0.0"), // a version that has every operation
	}, opts...)...)
	if err := handler.Err(); err != nil {
		t.Fatal(err)
	}
	client, err := security.NewClient(apitest.BaseURL,
		security.WithBasicAuth(handler.Username, handler.Password),
		security.WithRetry(security.Retry{MaxAttempts: 1}),
		security.WithHTTPClient(&http.Client{Transport: checkedHandler{t, handler, used}}))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// checkedHandler is a handler as a transport, with requests and answers checked.
type checkedHandler struct {
	t       *testing.T
	handler http.Handler
	used    map[exception]bool
}

func (h checkedHandler) RoundTrip(r *http.Request) (*http.Response, error) {
	body := bodyOf(h.t, r)
	o, err := spec.CheckRequest(r, apiPath, body)
	if err != nil {
		h.t.Error(err)
	}
	served := r.Clone(r.Context())
	served.Body = io.NopCloser(bytes.NewReader(body))
	served.RequestURI = r.URL.RequestURI()
	recorder := httptest.NewRecorder()
	h.handler.ServeHTTP(recorder, served)
	resp := recorder.Result()
	resp.Request = r
	if err := spec.CheckResponse(r, apiPath, resp, recorder.Body.Bytes()); err != nil {
		h.t.Error(err)
	}
	if o == nil || resp.StatusCode != http.StatusOK {
		return resp, nil
	}
	var answer any
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		h.t.Errorf("%s: %v", o, err)
	}
	schema := o.Described.Responses.Status(http.StatusOK).Value.Content.Get("application/json").Schema
	for _, what := range missing("", schema, answer) {
		if !excused(notAnswered, h.used, o.String(), what) {
			h.t.Errorf("%s: %s is described, and missing from the answer of the simulated server; add it there, or say in notAnswered in internal/spec/contract_test.go why not", o, what)
		}
	}
	return resp, nil
}

// missing lists the members that the objects in a JSON value could have, and do
// not have.
func missing(path string, ref *openapi3.SchemaRef, v any) []string {
	var found []string
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			found = append(found, missing(path+"[]", ref.Value.Items, item)...)
		}
	case map[string]any:
		for name, property := range ref.Value.Properties {
			p := strings.TrimPrefix(path+"."+name, ".")
			if member, ok := v[name]; ok {
				found = append(found, missing(p, property, member)...)
			} else {
				found = append(found, p)
			}
		}
	}
	return found
}
