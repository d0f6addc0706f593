package claims_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { apitest.Main(m) }

// user is the claim of testdata/claim.json.
func user() claims.Claim {
	return claims.Claim{
		ID: 231, Description: "A user", Type: claims.TypeOAuthSubject, Value: "user-1",
		Provider: claims.Provider{ID: "c70e8641-a543-45b1-a47f-8b7d253fbf14", AuthenticationScheme: "System", DisplayName: "System"},
	}
}

// admins is the claim of testdata/claims_ad.json.
func admins() claims.Claim {
	return claims.Claim{
		ID: 12, Description: "PKI admins", Type: claims.TypeGroup, Value: `KEYEXAMPLE\PKI Administrators`,
		Provider: claims.Provider{
			ID: "11111111-2222-3333-4444-555555555555", AuthenticationScheme: "Active Directory", DisplayName: "Active Directory",
		},
	}
}

func TestV1(t *testing.T) {
	t.Parallel()
	claim, claimed := apitest.Fixture(t, "claim.json"), user()
	for name, test := range map[string]struct {
		exchange apitest.Exchange
		call     func(context.Context, *claims.V1) (any, error)
		want     any
	}{
		"List": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Claims", Version: 1,
				Query:  `QueryString=((ClaimValue -eq "user-1") AND (ClaimType -eq 5))&SortField=Provider&SortAscending=1&ReturnLimit=10&PageReturned=2`,
				Header: http.Header{"X-Total-Count": {"11"}}, Answer: "[" + claim + "]",
			},
			call: func(ctx context.Context, s *claims.V1) (any, error) {
				return s.List(ctx, &claims.ListOptions{
					Filter: security.And(claims.FieldValue.Eq("user-1"), claims.FieldType.Eq(claims.TypeOAuthSubject)),
					SortBy: claims.SortProvider, Order: security.Descending, Page: 2, PageSize: 10,
				})
			},
			want: &security.Page[claims.Claim]{Items: []claims.Claim{user()}, Number: 2, Size: 10, Total: 11},
		},
		"List without options": {
			exchange: apitest.Exchange{Method: "GET", Path: "/Security/Claims", Version: 1, Answer: apitest.Fixture(t, "claims_ad.json")},
			call:     func(ctx context.Context, s *claims.V1) (any, error) { return s.List(ctx, nil) },
			want:     &security.Page[claims.Claim]{Items: []claims.Claim{admins()}, Number: 1, Total: -1},
		},
		"All": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Claims", Version: 1,
				Query:  `QueryString=(Description -contains "user")&PageReturned=1&ReturnLimit=200`,
				Header: http.Header{"X-Total-Count": {"1"}}, Answer: "[" + claim + "]",
			},
			call: func(ctx context.Context, s *claims.V1) (any, error) {
				return security.Collect(s.All(ctx, &claims.ListOptions{Filter: claims.FieldDescription.Contains("user")}))
			},
			want: []claims.Claim{user()},
		},
		"Get": {
			exchange: apitest.Exchange{Method: "GET", Path: "/Security/Claims/231", Version: 1, Answer: claim},
			call:     func(ctx context.Context, s *claims.V1) (any, error) { return s.Get(ctx, 231) },
			want:     &claimed,
		},
		"Create": {
			exchange: apitest.Exchange{
				Method: "POST", Path: "/Security/Claims", Version: 1,
				Body:   `{"ClaimType":5,"ClaimValue":"user-1","Description":"A user","ProviderAuthenticationScheme":"System"}`,
				Answer: claim,
			},
			call: func(ctx context.Context, s *claims.V1) (any, error) { return s.Create(ctx, user().ToRequest()) },
			want: &claimed,
		},
		"Update": {
			exchange: apitest.Exchange{
				Method: "PUT", Path: "/Security/Claims", Version: 1,
				Body: `{"Description":"A user","Id":231}`, Answer: claim,
			},
			call: func(ctx context.Context, s *claims.V1) (any, error) {
				return s.Update(ctx, claims.Update{ID: 231, Description: "A user"})
			},
			want: &claimed,
		},
		"Delete": {
			exchange: apitest.Exchange{Method: "DELETE", Path: "/Security/Claims/231", Version: 1, Status: 204},
			call:     func(ctx context.Context, s *claims.V1) (any, error) { return nil, s.Delete(ctx, 231) },
		},
		"Roles": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Claims/Roles", Version: 1,
				Query:  "ClaimType=5&ClaimValue=user-1&ProviderAuthenticationScheme=System",
				Answer: apitest.Fixture(t, "roles.json"),
			},
			call: func(ctx context.Context, s *claims.V1) (any, error) { return s.Roles(ctx, user().Key()) },
			want: []claims.RoleRef{{
				ID: 359, Name: "Metadata", Description: "Metadata readers", PermissionSetID: "099c05f0-deba-4562-a5b1-f491e19c0749",
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), claims.NewV1(apitest.Client(t, test.exchange)))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("result is %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	apitest.Lossless[claims.Claim](t, apitest.Fixture(t, "claim.json"))
	apitest.Lossless[[]claims.Claim](t, apitest.Fixture(t, "claims_ad.json"))
	apitest.Lossless[[]claims.RoleRef](t, apitest.Fixture(t, "roles.json"))
}

func TestRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 513)
	with := func(change func(*claims.Request)) claims.Request {
		r := user().ToRequest()
		change(&r)
		return r
	}
	for name, r := range map[string]struct {
		request claims.Request
		fields  []string
	}{
		"everything missing": {claims.Request{}, []string{"Type", "Value", "Scheme", "Description"}},
		"unknown type":       {with(func(r *claims.Request) { r.Type = "Robot" }), []string{"Type"}},
		"type as a number":   {with(func(r *claims.Request) { r.Type = "5" }), []string{"Type"}},
		"blank value":        {with(func(r *claims.Request) { r.Value = " \t" }), []string{"Value"}},
		"long value":         {with(func(r *claims.Request) { r.Value = long }), []string{"Value"}},
		"no scheme":          {with(func(r *claims.Request) { r.Scheme = "" }), []string{"Scheme"}},
		"long scheme":        {with(func(r *claims.Request) { r.Scheme = long }), []string{"Scheme"}},
		"no description":     {with(func(r *claims.Request) { r.Description = "" }), []string{"Description"}},
		"long description":   {with(func(r *claims.Request) { r.Description = long }), []string{"Description"}},
		"long in UTF-16":     {with(func(r *claims.Request) { r.Description = strings.Repeat("😀", 257) }), []string{"Description"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := claims.NewV1(apitest.Client(t))
			_, err := s.Create(t.Context(), r.request)
			apitest.Refused(t, err, r.fields...)
			if r.fields[0] != "Description" {
				_, err = s.Roles(t.Context(), r.request.Key())
				apitest.Refused(t, err, without(r.fields, "Description")...)
			}
		})
	}
	t.Run("the rest", func(t *testing.T) {
		t.Parallel()
		s := claims.NewV1(apitest.Client(t))
		_, err := s.Update(t.Context(), claims.Update{})
		apitest.Refused(t, err, "ID", "Description")
		_, err = s.Update(t.Context(), claims.Update{ID: -1, Description: long})
		apitest.Refused(t, err, "ID", "Description")
		_, err = s.Get(t.Context(), 0)
		apitest.Refused(t, err, "id")
		apitest.Refused(t, s.Delete(t.Context(), -5), "id")
		for _, opts := range []claims.ListOptions{
			{Filter: claims.FieldValue.Eq(`a"b`)},
			{Filter: claims.FieldType.Eq(claims.Type("Robot"))},
		} {
			_, err = s.List(t.Context(), &opts)
			apitest.Refused(t, err, "Filter")
			_, err = security.Collect(s.All(t.Context(), &opts))
			apitest.Refused(t, err, "Filter")
		}
		_, err = s.List(t.Context(), &claims.ListOptions{PageSize: -1})
		apitest.Refused(t, err, "PageSize")
		_, err = s.List(t.Context(), &claims.ListOptions{Order: 7})
		apitest.Refused(t, err, "Order")
	})
}

func without(list []string, item string) []string {
	var kept []string
	for _, s := range list {
		if s != item {
			kept = append(kept, s)
		}
	}
	return kept
}

// TestAnotherObject: an answer about another claim than the one asked for is none.
func TestAnotherObject(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"Id":8,"Description":"d","ClaimType":"User","ClaimValue":"v"}`, `{}`, `{"Message":"An error occurred"}`} {
		s := claims.NewV1(apitest.Client(t,
			apitest.Exchange{Method: "GET", Path: "/Security/Claims/7", Version: 1, Answer: answer},
			apitest.Exchange{Method: "PUT", Path: "/Security/Claims", Version: 1, Body: `{"Id":7,"Description":"d"}`, Answer: answer},
		))
		if claim, err := s.Get(t.Context(), 7); err == nil {
			t.Errorf("Get answered with %s gives %+v", answer, claim)
		}
		if _, err := s.Update(t.Context(), claims.Update{ID: 7, Description: "d"}); !errors.Is(err, security.ErrUnknownOutcome) {
			t.Errorf("Update answered with %s: %v", answer, err)
		}
	}
}

// TestCreateRefusesWhatDoesNotShow: nobody could tell such a claim from another.
func TestCreateRefusesWhatDoesNotShow(t *testing.T) {
	t.Parallel()
	s := claims.NewV1(apitest.Client(t))
	_, err := s.Create(t.Context(), claims.Request{Type: claims.TypeOAuthRole, Value: "ops\u202e", Scheme: "Sys\ntem", Description: "d"})
	apitest.Refused(t, err, "Value", "Scheme")
}

// TestDeleteAnsweredWithSomething: 204 has no body. Whoever answered with one may not
// have been Command.
func TestDeleteAnsweredWithSomething(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{}`, `{"error":"x"}`, `"ok"`, `[]`} {
		s := claims.NewV1(apitest.Client(t, apitest.Exchange{Method: "DELETE", Path: "/Security/Claims/7", Version: 1, Answer: answer}))
		if err := s.Delete(t.Context(), 7); !errors.Is(err, security.ErrUnknownOutcome) || !strings.Contains(err.Error(), "answers without one") {
			t.Errorf("answered with %s: %v", answer, err)
		}
	}
}
