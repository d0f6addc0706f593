package conventions_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/source"
)

// broken is code that breaks every rule, beside the library's own: a third
// version of roles, a new service, and a package that should be pure. What the
// rules must say about a line stands behind it, after each //!.
var broken = map[string]string{
	"roles/v3.go": `package roles

import (
	"context"
	"net/http"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
	_ "github.com/jarcoal/httpmock" //! roles imports github.com/jarcoal/httpmock; programs link it //! roles imports github.com/jarcoal/httpmock; a library for command lines belongs under cmd/
)

// V3 is version 3.
type V3 struct{ c *service.Client } //! V3 mentions service.Client, which programs cannot import //! package roles needs func NewV3(client *security.Client) *V3

var (
	opGetV3  = transport.Op{Method: http.MethodGet, Path: "Security/Roles/{id}", Version: 3}
	opPutV2  = transport.Op{Method: http.MethodPut, Path: "Security/Roles", Version: 3} //! the name of the variable ends in V3
	opIdleV3 = transport.Op{Method: http.MethodGet, Path: "Security/Roles", Version: 3} //! no method calls GET /Security/Roles, version 3
	opDupV1  = transport.Op{Method: http.MethodGet, Path: "Security/Roles", Version: 1} //! is declared at roles/v1.go
)

// Detail is only known to version 3.
type Detail struct{ ID int } //! name it DetailV3

// PageV2 is only known to version 3.
type PageV2 struct{ ID int } //! name it PageV3

// ListOptionsV3 selects.
type ListOptionsV3 struct {
	SortBy SortField //! is tagged ""; write ` + "`url:\"SortField,omitempty\"`" + `
	Page   int       ` + "`url:\"PageReturned\"`" + ` //! write ` + "`url:\"PageReturned,omitempty\"`" + `
	All    bool      ` + "`url:\"All,omitempty\"`" + ` //! make it a *bool
	hidden int       ` + "`url:\"Hidden,omitempty\"`" + ` //! exported fields only
}

type UpdateV3 struct{ ID int } //! UpdateV3 is exported and has no doc comment

// ChangeV3 changes a role.
type ChangeV3 struct{ ID int } //! ChangeV3 is what Put sends; a body is named after the method that takes it: PutV3

// Validate checks.
func (ChangeV3) Validate() error { return nil }

// Change makes a request of what was read.
func (Detail) Change() ChangeV3 { return ChangeV3{} } //! name it ToChange

// Get is wrong about what it calls.
//
// API: GET /Security/Roles/{id}, version 2.
func (s *V3) Get(id int, ctx context.Context) (*Detail, error) { //! say so in its doc comment with a paragraph "API: GET /Security/Roles/{id}, version 3." //! is documented with GET /Security/Roles/{id}, version 2, and does not call it //! must have ctx context.Context as its first parameter //! must have call ...security.CallOption as its last
	return service.One[Detail](ctx, s.c, []security.CallOption{}, transport.Call{Op: opGetV3, Args: []any{id}}) //! add Check: service.About(...)
}

// Put is documented with what does not exist.
//
// API: PUT /Security/Roles, version 3.
//
// API: PUT /Security/Nothing, version 3.
func (s *V3) Put(ctx context.Context, role ChangeV3, call ...security.CallOption) (*PageV2, error) { //! is documented with PUT /Security/Nothing, version 3, which no package declares
	return service.One[PageV2](ctx, s.c, call, transport.Call{Op: opPutV2, Body: role}) //! add Check: service.About(...)
}

// Update sends what cannot check itself.
func (s *V3) Update(ctx context.Context, role *UpdateV3, call ...security.CallOption) (PageV2, error) { //! takes roles.UpdateV3 by pointer; a body is a value //! returns (roles.PageV2, error); a method returns
	_ = transport.Op{Method: http.MethodPut, Path: "Security/Roles/Inline", Version: 3} //! Update has an operation inside
	return PageV2{}, service.None(ctx, s.c, call, transport.Call{Op: transport.Op{}, Body: *role}) //! sends roles.UpdateV3, which cannot check itself //! has an operation inside
}

// List lists.
func (s *V3) List(ctx context.Context, opts ListOptionsV3, call ...security.CallOption) ([]Detail, error) { //! options are a pointer
	return nil, nil
}

// Pages lists.
func (s *V3) Pages(ctx context.Context, call ...security.CallOption) (*security.Page[Detail], error) { //! returns a page and takes no opts *ListOptions (in a package of several versions *ListOptionsV3)
	return nil, nil
}

// Shared shows what nobody can import.
func (s *V3) Shared(ctx context.Context, call ...security.CallOption) ([]service.Client, error) {
	return nil, nil
}
`,
	"widgets/v1.go": `package widgets //! package widgets has no doc comment //! service widgets is not in README.md; write in the table under "## Packages" a row that begins with "| [` + "`widgets`](widgets)" + ` | " //! service widgets is not in the documentation of package security; write in the list under "# Services" in security/doc.go //! service widgets has no example; write in widgets/example_test.go a function ExampleV1_<Method> //! package widgets declares operations, and nothing proves that each has a wire test

import (
	"context"
	"net/http"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// V1 is version 1.
type V1 struct{ c *service.Client }

// NewV1 makes the service.
func NewV1(client *security.Client) *V1 { return &V1{c: service.Of(client)} }

var opGetV1 = transport.Op{Method: http.MethodGet, Path: "Widgets/{id}", Version: 1}

// WidgetV1 needs no suffix.
type WidgetV1 struct{ ID int } //! name it Widget

// Call leaks.
type Call = transport.Call //! Call mentions transport.Call, which programs cannot import

// Get gets.
//
// API: GET /Widgets/{id}, version 1.
func (s *V1) Get(ctx context.Context, id int, call ...security.CallOption) (*WidgetV1, error) {
	return service.One[WidgetV1](ctx, s.c, call, transport.Call{Op: opGetV1, Args: []any{id}}) //! add Check: service.About(...)
}

// Parts lists.
//
// API: GET /Widgets/{id}, version 1.
func (s *V1) Parts(ctx context.Context, id int, call ...security.CallOption) ([]WidgetV1, error) {
	return service.Many[WidgetV1](ctx, s.c, call, transport.Call{Op: opGetV1, Args: []any{id}}) //! add Check: service.Each(...)
}

// Nameless is about nothing that has an id.
type Nameless struct{ Parts []int }

// Nameless gets.
//
// API: GET /Widgets/{id}, version 1.
func (s *V1) Nameless(ctx context.Context, id int, call ...security.CallOption) (*Nameless, error) {
	if id > 7 {
		request := transport.Call{Op: opGetV1, Args: []any{id}}
		return service.One[Nameless](ctx, s.c, call, request) //! as a literal
	}
	if id > 5 {
		return service.One[Nameless](ctx, s.c, call, transport.Call{Op: opGetV1, Args: []any{id}}, "Parts")
	}
	return service.One[Nameless](ctx, s.c, call, transport.Call{Op: opGetV1, Args: []any{id}}) //! name at the end of the call the members
}
`,
	"governance/plan/zz_broken.go": `// Package plan is not pure.
package plan

import (
	_ "net/http" //! governance/plan imports net/http; it is pure

	_ "github.com/commandsec/commandsec-go/roles" //! governance/plan imports github.com/commandsec/commandsec-go/roles; only governance/snapshot/take //! which imports github.com/jarcoal/httpmock; programs link it
)
`,
}

// TestConventionsFail: each rule catches what breaks it, and says what to do.
func TestConventionsFail(t *testing.T) {
	t.Parallel()
	m, err := source.Load(root, broken)
	if err != nil {
		t.Fatal(err)
	}
	methods, err := m.Methods()
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{Module: m, methods: methods}
	for _, rule := range rules {
		rule(c)
	}
	for name, text := range broken {
		for i, line := range strings.Split(text, "\n") {
			for _, want := range strings.Split(line, "//!")[1:] {
				at := name + ":" + strconv.Itoa(i+1) + ": "
				says := func(problem string) bool {
					return strings.HasPrefix(problem, at) && strings.Contains(problem, strings.TrimSpace(want))
				}
				if !slices.ContainsFunc(c.found, says) {
					t.Errorf("%sno rule says %q", at, strings.TrimSpace(want))
				}
				c.found = slices.DeleteFunc(c.found, says)
			}
		}
		for _, problem := range c.found {
			if strings.HasPrefix(problem, name+":") {
				t.Errorf("not expected: %s", problem)
			}
		}
	}
}
