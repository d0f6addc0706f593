package roles_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// metadata is the role of testdata/v2_role.json, builders that of
// v2_role_updated.json.
func metadata() roles.RoleV2 {
	return roles.RoleV2{
		ID: 359, Name: "Metadata", Description: "Metadata readers", EmailAddress: new("team@example.com"),
		PermissionSetID: permissionsets.GlobalID, Permissions: []permissions.Path{"/metadata/types/read/"}, Claims: []claims.Claim{},
	}
}

func builders() roles.RoleV2 {
	r := metadata()
	r.Permissions = []permissions.Path{}
	r.Claims = []claims.Claim{{
		ID: 244, Description: "Build system", Type: claims.TypeOAuthClientID, Value: "app-client-1",
		Provider: claims.Provider{ID: "c70e8641-a543-45b1-a47f-8b7d253fbf14", AuthenticationScheme: "System", DisplayName: "System"},
	}}
	return r
}

func summary() roles.SummaryV2 {
	return roles.SummaryV2{ID: 359, Name: "Metadata", EmailAddress: new("team@example.com"), PermissionSetID: permissionsets.GlobalID}
}

func TestV2(t *testing.T) {
	t.Parallel()
	created, changed := metadata(), builders()
	one := http.Header{"X-Total-Count": {"1"}}
	list := apitest.Fixture(t, "v2_roles.json")
	const claim = `{"ClaimType":6,"ClaimValue":"app-client-1","Description":"Build system","ProviderAuthenticationScheme":"System"}`
	for name, test := range map[string]struct {
		exchange apitest.Exchange
		call     func(context.Context, *roles.V2) (any, error)
		want     any
	}{
		"List": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Roles", Version: 2,
				Query:  `QueryString=((Name -startswith "Meta") OR (Name -eq "O'Brien \ Söhne"))&SortField=Name&SortAscending=0&PageReturned=4&ReturnLimit=1`,
				Header: http.Header{"X-Total-Count": {"17"}}, Answer: list,
			},
			call: func(ctx context.Context, s *roles.V2) (any, error) {
				return s.List(ctx, &roles.ListOptionsV2{
					Filter: security.Or(roles.FieldName.StartsWith("Meta"), roles.FieldName.Eq(`O'Brien \ Söhne`)),
					SortBy: roles.SortName, Order: security.Ascending, Page: 4, PageSize: 1,
				})
			},
			want: &security.Page[roles.SummaryV2]{Items: []roles.SummaryV2{summary()}, Number: 4, Size: 1, Total: 17},
		},
		"List without options": {
			exchange: apitest.Exchange{Method: "GET", Path: "/Security/Roles", Version: 2, Header: one, Answer: list},
			call:     func(ctx context.Context, s *roles.V2) (any, error) { return s.List(ctx, nil) },
			want:     &security.Page[roles.SummaryV2]{Items: []roles.SummaryV2{summary()}, Number: 1, Total: 1},
		},
		"All": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Roles", Version: 2, Query: "SortField=Name&PageReturned=1&ReturnLimit=50",
				Header: one, Answer: list,
			},
			call: func(ctx context.Context, s *roles.V2) (any, error) {
				return security.Collect(s.All(ctx, &roles.ListOptionsV2{PageSize: 50}))
			},
			want: []roles.SummaryV2{summary()},
		},
		"Get": {
			exchange: apitest.Exchange{Method: "GET", Path: "/Security/Roles/359", Version: 2, Answer: apitest.Fixture(t, "v2_role_updated.json")},
			call:     func(ctx context.Context, s *roles.V2) (any, error) { return s.Get(ctx, 359) },
			want:     &changed,
		},
		"Create": {
			exchange: apitest.Exchange{
				Method: "POST", Path: "/Security/Roles", Version: 2,
				Body: `{"Description":"Metadata readers","EmailAddress":"team@example.com","Name":"Metadata",
					"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":["/metadata/types/read/"],"Claims":[]}`,
				Answer: apitest.Fixture(t, "v2_role.json"),
			},
			call: func(ctx context.Context, s *roles.V2) (any, error) {
				return s.Create(ctx, roles.CreateV2{
					Name: "Metadata", Description: "Metadata readers", EmailAddress: new("team@example.com"),
					Permissions: []permissions.Path{"/metadata/types/read/"},
				})
			},
			want: &created,
		},
		"Create with claims, one of them twice": {
			exchange: apitest.Exchange{
				Method: "POST", Path: "/Security/Roles", Version: 2,
				Body: `{"Description":"Metadata readers","Name":"Metadata","PermissionSetId":"11111111-2222-3333-4444-555555555555",
					"Permissions":[],"Claims":[` + claim + `]}`,
				Answer: apitest.Fixture(t, "v2_role_updated.json"),
			},
			call: func(ctx context.Context, s *roles.V2) (any, error) {
				request := builders().Claims[0].ToRequest()
				again := request
				again.Description = "The same claim in other words"
				return s.Create(ctx, roles.CreateV2{
					Name: "Metadata", Description: "Metadata readers", PermissionSetID: "11111111-2222-3333-4444-555555555555",
					Claims: []claims.Request{request, again},
				})
			},
			want: &changed,
		},
		"Update": {
			exchange: apitest.Exchange{
				Method: "PUT", Path: "/Security/Roles", Version: 2,
				Body: apitest.Fixture(t, "v2_update_request.json"), Answer: apitest.Fixture(t, "v2_role_updated.json"),
			},
			call: func(ctx context.Context, s *roles.V2) (any, error) { return s.Update(ctx, builders().ToUpdate()) },
			want: &changed,
		},
		"Update of an emptied role": {
			exchange: apitest.Exchange{
				Method: "PUT", Path: "/Security/Roles", Version: 2,
				Body: `{"Id":359,"Name":"Metadata","Description":"Metadata readers","PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749",
					"Permissions":[],"Claims":[]}`,
				Answer: apitest.Fixture(t, "v2_role.json"),
			},
			call: func(ctx context.Context, s *roles.V2) (any, error) {
				return s.Update(ctx, roles.UpdateV2{
					ID: 359, Name: "Metadata", Description: "Metadata readers", PermissionSetID: permissionsets.GlobalID,
				})
			},
			want: &created,
		},
		"Delete": { // by version 1, the only one that has it
			exchange: apitest.Exchange{Method: "DELETE", Path: "/Security/Roles/359", Version: 1, Status: 204},
			call:     func(ctx context.Context, s *roles.V2) (any, error) { return nil, s.Delete(ctx, 359) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), roles.NewV2(apitest.Client(t, test.exchange)))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("result is %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestV2RoundTrip(t *testing.T) {
	t.Parallel()
	apitest.Lossless[roles.RoleV2](t, apitest.Fixture(t, "v2_role.json"))
	apitest.Lossless[roles.RoleV2](t, apitest.Fixture(t, "v2_role_updated.json"))
	apitest.Lossless[[]roles.SummaryV2](t, apitest.Fixture(t, "v2_roles.json"))
	apitest.Lossless[roles.CreateV2](t, apitest.Fixture(t, "v2_create_request.json"))
	apitest.Lossless[roles.UpdateV2](t, apitest.Fixture(t, "v2_update_request.json"))
}

func TestRoleV2DecodesOddities(t *testing.T) {
	t.Parallel()
	role := builders()
	role.EmailAddress = nil
	role.Claims[0].Provider = claims.Provider{}
	unnumbered := role
	unnumbered.ID = 0
	unknown := role
	unknown.Permissions = []permissions.Path{"No Such Path"}
	unknown.Claims = []claims.Claim{{ID: 1, Type: "QuantumToken", Value: "v"}}
	const (
		head = `"Name":"Metadata","Description":"Metadata readers","EmailAddress":null,"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749",`
		tail = `"Permissions":[],"Claims":[{"Id":244,"Description":"Build system","ClaimType":"OAuthClientId","ClaimValue":"app-client-1"}]}`
	)
	camel := strings.NewReplacer(`"Name"`, `"name"`, `"EmailAddress"`, `"emailAddress"`, `"Permission`, `"permission`, `"Claim`, `"claim`)
	for text, want := range map[string]roles.RoleV2{
		`{"Id":359,` + head + tail:                                           role,
		camel.Replace(`{"id":359,` + head + tail):                            role,
		`{"Id":null,"Immutable":false,` + head + tail:                        unnumbered,
		`{"Id":359,"Immutable":null,"Owner":{"x":1},` + head + tail:          role,
		`{"Id":359,` + strings.Replace(head+tail, `"OAuthClientId"`, `6`, 1): role,
		`{"Id":359,` + head + `"Permissions":["No Such Path"],"Claims":[{"Id":1,"ClaimType":"QuantumToken","ClaimValue":"v"}]}`: unknown,
	} {
		var got roles.RoleV2
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis %+v\nwant %+v", text, got, want)
		}
	}
}

func TestRoleV2Update(t *testing.T) {
	t.Parallel()
	r := builders()
	r.Permissions = []permissions.Path{"/portal/read/"}
	want := roles.UpdateV2{
		ID: 359, Name: "Metadata", Description: "Metadata readers", EmailAddress: new("team@example.com"),
		PermissionSetID: permissionsets.GlobalID, Permissions: []permissions.Path{"/portal/read/"},
		Claims: []claims.Request{{Type: claims.TypeOAuthClientID, Value: "app-client-1", Scheme: "System", Description: "Build system"}},
	}
	u := r.ToUpdate()
	if !reflect.DeepEqual(u, want) {
		t.Errorf("update is %+v, want %+v", u, want)
	}
	u.Permissions[0], u.Claims[0].Value = "/", ""
	if r.Permissions[0] != "/portal/read/" || r.Claims[0].Value != "app-client-1" {
		t.Errorf("changing the update changed the role: %+v", r)
	}
}

func TestV2Refused(t *testing.T) {
	t.Parallel()
	s := roles.NewV2(apitest.Client(t))
	ctx := t.Context()
	refused := func(change func(*roles.UpdateV2), fields ...string) {
		t.Helper()
		u := builders().ToUpdate()
		change(&u)
		_, err := s.Update(ctx, u)
		apitest.Refused(t, err, fields...)
		if fields[0] == "ID" || u.PermissionSetID == "" {
			return
		}
		_, err = s.Create(ctx, roles.CreateV2{
			Name: u.Name, Description: u.Description, EmailAddress: u.EmailAddress, PermissionSetID: u.PermissionSetID,
			Permissions: u.Permissions, Claims: u.Claims,
		})
		apitest.Refused(t, err, fields...)
	}
	refused(func(u *roles.UpdateV2) { u.ID = 0 }, "ID")
	refused(func(u *roles.UpdateV2) { u.Name = "" }, "Name")
	refused(func(u *roles.UpdateV2) { u.Name = strings.Repeat("ä", 129) }, "Name")
	refused(func(u *roles.UpdateV2) { u.Description = "\n" }, "Description")
	refused(func(u *roles.UpdateV2) { u.Description = strings.Repeat("x", 513) }, "Description")
	refused(func(u *roles.UpdateV2) { u.EmailAddress = new(strings.Repeat("x", 257)) }, "EmailAddress")
	refused(func(u *roles.UpdateV2) { u.PermissionSetID = "" }, "PermissionSetID")
	refused(func(u *roles.UpdateV2) { u.PermissionSetID = "Global" }, "PermissionSetID")
	refused(func(u *roles.UpdateV2) { u.Permissions = []permissions.Path{"/portal/read/", "Certificates:Read"} }, "Permissions[1]")
	refused(func(u *roles.UpdateV2) { u.Permissions = []permissions.Path{"/agents/", "/agents/management/read/"} }, "Permissions")
	refused(func(u *roles.UpdateV2) { u.Claims[0].Type = "QuantumToken" }, "Claims[0].Type")
	refused(func(u *roles.UpdateV2) { u.Claims = append(u.Claims, claims.Request{Type: claims.TypeUser}) },
		"Claims[1].Value", "Claims[1].Scheme", "Claims[1].Description")
	refused(func(u *roles.UpdateV2) { *u = roles.UpdateV2{} }, "ID", "Name", "Description", "PermissionSetID")
	_, err := s.Create(ctx, roles.CreateV2{})
	apitest.Refused(t, err, "Name", "Description")

	for _, id := range []int{0, -1} {
		_, err := s.Get(ctx, id)
		apitest.Refused(t, err, "id")
		apitest.Refused(t, s.Delete(ctx, id), "id")
	}
	for field, opts := range map[string]roles.ListOptionsV2{
		"Filter":   {Filter: roles.FieldName.Contains(`"`)},
		"PageSize": {PageSize: -1},
		"Page":     {Page: -1},
		"Order":    {Order: 3},
	} {
		_, err := s.List(ctx, &opts)
		apitest.Refused(t, err, field)
		_, err = security.Collect(s.All(ctx, &opts))
		apitest.Refused(t, err, field)
	}
}

// TestLengths proves that the longest texts are sent.
func TestLengths(t *testing.T) {
	t.Parallel()
	u := metadata().ToUpdate()
	u.Name, u.Description = strings.Repeat("ä", 128), strings.Repeat("x", 512)
	u.EmailAddress = new(strings.Repeat("x", 256))
	if err := u.Validate(); err != nil {
		t.Error(err)
	}
}
