package identities_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { apitest.Main(m) }

// pool and smith are the identities of testdata/identities.json.
func pool() identities.Identity {
	return identities.Identity{
		ID: 2, AccountName: `KEYEXAMPLE\svc_pool`, IdentityType: "User", Valid: new(true),
		Roles: []identities.RoleRef{{ID: 2, Name: "Reporting API Access", Description: "Default Role For Dashboard use"}},
	}
}

func smith() identities.Identity {
	return identities.Identity{ID: 7, AccountName: `KEYEXAMPLE\jsmith`, IdentityType: "User", Roles: []identities.RoleRef{}, Valid: new(true)}
}

func TestV1(t *testing.T) {
	t.Parallel()
	jsmith := smith()
	two := http.Header{"X-Total-Count": {"2"}}
	list := apitest.Fixture(t, "identities.json")
	whole := apitest.Exchange{
		Method: "GET", Path: "/Security/Identities", Version: 1,
		Query: "SortField=Id&PageReturned=1&ReturnLimit=200", Header: two, Answer: list,
	}
	for name, test := range map[string]struct {
		exchange apitest.Exchange
		call     func(context.Context, *identities.V1) (any, error)
		want     any
	}{
		"List": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Identities", Version: 1,
				Query:  "SortField=IdentityType&SortAscending=0&PageReturned=3&ReturnLimit=2&Validate=false",
				Header: http.Header{"X-Total-Count": {"6"}}, Answer: list,
			},
			call: func(ctx context.Context, s *identities.V1) (any, error) {
				return s.List(ctx, &identities.ListOptions{
					SortBy: identities.SortIdentityType, Order: security.Ascending, Page: 3, PageSize: 2, Validate: new(false),
				})
			},
			want: &security.Page[identities.Identity]{Items: []identities.Identity{pool(), smith()}, Number: 3, Size: 2, Total: 6},
		},
		"List without options": {
			exchange: apitest.Exchange{Method: "GET", Path: "/Security/Identities", Version: 1, Header: two, Answer: list},
			call:     func(ctx context.Context, s *identities.V1) (any, error) { return s.List(ctx, nil) },
			want:     &security.Page[identities.Identity]{Items: []identities.Identity{pool(), smith()}, Number: 1, Total: 2},
		},
		"All": {
			exchange: whole,
			call: func(ctx context.Context, s *identities.V1) (any, error) {
				return security.Collect(s.All(ctx, nil))
			},
			want: []identities.Identity{pool(), smith()},
		},
		"Create": {
			exchange: apitest.Exchange{
				Method: "POST", Path: "/Security/Identities", Version: 1,
				Body: `{"AccountName":"KEYEXAMPLE\\jsmith"}`, Answer: apitest.Fixture(t, "identity.json"),
			},
			call: func(ctx context.Context, s *identities.V1) (any, error) {
				return s.Create(ctx, identities.Create{AccountName: `KEYEXAMPLE\jsmith`})
			},
			want: &jsmith,
		},
		"Lookup": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Identities/Lookup", Version: 1,
				Query: `accountName=KEYEXAMPLE%5Cjsmith`, Answer: apitest.Fixture(t, "lookup.json"),
			},
			call: func(ctx context.Context, s *identities.V1) (any, error) { return s.Lookup(ctx, `KEYEXAMPLE\jsmith`) },
			want: &identities.LookupResult{Valid: true},
		},
		"Lookup of an unknown account": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Identities/Lookup", Version: 1,
				Query: `accountName=nobody%40example.com`, Answer: `{"Valid":false}`,
			},
			call: func(ctx context.Context, s *identities.V1) (any, error) { return s.Lookup(ctx, "nobody@example.com") },
			want: &identities.LookupResult{},
		},
		"Permissions": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Identities/7", Version: 1, Answer: apitest.Fixture(t, "permissions.json"),
			},
			call: func(ctx context.Context, s *identities.V1) (any, error) { return s.Permissions(ctx, 7) },
			want: &identities.Permissions{
				Identity:    `KEYEXAMPLE\jsmith`,
				Global:      []identities.Grant{{Permission: "AdminPortal:Read", GrantedByRoles: []string{"Read Only", "Staff"}}},
				Collections: []identities.Grant{}, Containers: []identities.Grant{},
			},
		},
		"Permissions of Command 25": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Identities/12", Version: 1, Answer: apitest.Fixture(t, "permissions_25.json"),
			},
			call: func(ctx context.Context, s *identities.V1) (any, error) { return s.Permissions(ctx, 12) },
			want: &identities.Permissions{
				Identity: `KEYEXAMPLE\PKI Administrators`,
				Claim: &claims.Claim{
					ID: 12, Description: "PKI admins", Type: claims.TypeGroup, Value: `KEYEXAMPLE\PKI Administrators`,
					Provider: claims.Provider{
						ID: "11111111-2222-3333-4444-555555555555", AuthenticationScheme: "Active Directory", DisplayName: "Active Directory",
					},
				},
				Global:      []identities.Grant{{Permission: "AdminPortal:Read", GrantedByRoles: []string{"Read Only", "Staff"}}},
				Collections: []identities.Grant{{Permission: "Web servers:Read", GrantedByRoles: []string{"Staff"}}}, Containers: []identities.Grant{},
				PAMProviders:      []identities.Grant{{Permission: "Vault:Read", GrantedByRoles: []string{"Staff"}}},
				IdentityProviders: []identities.Grant{}, PAM: []identities.Grant{},
			},
		},
		"Delete": {
			exchange: apitest.Exchange{Method: "DELETE", Path: "/Security/Identities/7", Version: 1, Status: 204},
			call:     func(ctx context.Context, s *identities.V1) (any, error) { return nil, s.Delete(ctx, 7) },
		},
		"Find": {
			exchange: whole,
			call:     func(ctx context.Context, s *identities.V1) (any, error) { return s.Find(ctx, `keyexample\JSMITH`) },
			want:     &jsmith,
		},
		"Find by a bare name": {
			exchange: whole,
			call:     func(ctx context.Context, s *identities.V1) (any, error) { return s.Find(ctx, "jsmith") },
			want:     &jsmith,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), identities.NewV1(apitest.Client(t, test.exchange)))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("result is %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestFindFails(t *testing.T) {
	t.Parallel()
	twins := `[{"Id":1,"AccountName":"EAST\\jsmith"},{"Id":2,"AccountName":"WEST\\JSmith"},{"Id":3,"AccountName":"WEST\\jsmith2"}]`
	find := func(name, answer string) error {
		_, err := identities.NewV1(apitest.Client(t, apitest.Exchange{
			Method: "GET", Path: "/Security/Identities", Version: 1, Query: "SortField=Id&PageReturned=1&ReturnLimit=200",
			Header: http.Header{"X-Total-Count": {"3"}}, Answer: answer,
		})).Find(t.Context(), name)
		return err
	}
	if err := find("jsmith", twins); !errors.Is(err, security.ErrConflict) || !strings.Contains(err.Error(), `EAST\jsmith`) ||
		!strings.Contains(err.Error(), `WEST\JSmith`) {
		t.Errorf("a name that fits two accounts gives %v, want ErrConflict that names both", err)
	}
	for _, name := range []string{`NORTH\jsmith`, "smith", "jsmith@example.com", "%"} {
		if err := find(name, twins); !errors.Is(err, security.ErrNotFound) || !strings.Contains(err.Error(), strings.TrimPrefix(name, `NORTH\`)) {
			t.Errorf("%s gives %v, want ErrNotFound that names it", name, err)
		}
	}
	_, err := identities.NewV1(apitest.Client(t, apitest.Exchange{
		Method: "GET", Path: "/Security/Identities", Version: 1, Query: "SortField=Id&PageReturned=1&ReturnLimit=200", Status: 403,
	})).Find(t.Context(), "jsmith")
	if !errors.Is(err, security.ErrForbidden) {
		t.Errorf("error is %v, want ErrForbidden", err)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	apitest.Lossless[identities.Identity](t, apitest.Fixture(t, "identity.json"))
	// A role inside an identity carries defaults in place of what the server did
	// not load. They are left out, so that nobody takes them for facts.
	apitest.Lossless[[]identities.Identity](t, apitest.Fixture(t, "identities.json"), "[].Roles[].PermissionSetId is lost")
	apitest.Lossless[identities.LookupResult](t, apitest.Fixture(t, "lookup.json"))
	apitest.Lossless[identities.Permissions](t, apitest.Fixture(t, "permissions.json"))
	apitest.Lossless[identities.Permissions](t, apitest.Fixture(t, "permissions_25.json"))
}

func TestIdentityDecodesOddities(t *testing.T) {
	t.Parallel()
	full := smith()
	full.SID = new("S-1-5-21-1111111111-2222222222-3333333333-1104")
	unchecked := smith()
	unchecked.Valid = nil
	unnumbered := smith()
	unnumbered.ID = 0
	bare := identities.Identity{ID: 7, AccountName: `KEYEXAMPLE\jsmith`, IdentityType: "User"}
	for text, want := range map[string]identities.Identity{
		`{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Roles":[],"Valid":true,"SID":"S-1-5-21-1111111111-2222222222-3333333333-1104"}`: full,
		`{"id":7,"accountName":"KEYEXAMPLE\\jsmith","identityType":"User","roles":[],"valid":true,"sid":"S-1-5-21-1111111111-2222222222-3333333333-1104"}`: full,
		`{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Roles":[],"Valid":true,"SID":null}`:                                             smith(),
		`{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Roles":[],"Valid":null}`:                                                        unchecked,
		`{"Id":null,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Roles":[],"Valid":true}`:                                                     unnumbered,
		`{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Roles":null,"New":{"a":1}}`:                                                     bare,
		`{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User"}`:                                                                                bare,
	} {
		var got identities.Identity
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis %+v\nwant %+v", text, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s := identities.NewV1(apitest.Client(t))
	ctx := t.Context()
	for _, name := range []string{"", "  ", "\t"} {
		_, err := s.Create(ctx, identities.Create{AccountName: name})
		apitest.Refused(t, err, "AccountName")
		_, err = s.Lookup(ctx, name)
		apitest.Refused(t, err, "accountName")
		_, err = s.Find(ctx, name)
		apitest.Refused(t, err, "accountName")
	}
	for _, id := range []int{0, -1} {
		_, err := s.Permissions(ctx, id)
		apitest.Refused(t, err, "id")
		apitest.Refused(t, s.Delete(ctx, id), "id")
	}
	for field, opts := range map[string]identities.ListOptions{"Page": {Page: -1}, "PageSize": {PageSize: -200}, "Order": {Order: -1}} {
		_, err := s.List(ctx, &opts)
		apitest.Refused(t, err, field)
		_, err = security.Collect(s.All(ctx, &opts))
		apitest.Refused(t, err, field)
	}
}
