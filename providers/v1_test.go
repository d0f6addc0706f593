package providers_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { apitest.Main(m) }

const (
	id     = "c70e8641-a543-45b1-a47f-8b7d253fbf14"
	typeID = "22222222-3333-4444-5555-666666666666"
)

// system is the provider of testdata/provider.json.
func system() providers.Provider {
	return providers.Provider{
		ID: id, AuthenticationScheme: "System", DisplayName: "System", TypeID: typeID,
		Parameters: []providers.ParameterValue{
			{ID: 1, Name: "Authority", DisplayName: "Authority", Required: true, DataType: 1, Value: "https://idp.example.com"},
			{
				ID: 2, Name: "ClientSecret", DisplayName: "Client Secret", Required: true, DataType: 2,
				SecretValue: &providers.Secret{PAMProvider: new(4), Parameters: map[string]string{"Folder": "idp", "Object": "secret"}},
			},
			{
				ID: 3, Name: "RequestHeaders", DisplayName: "Request Headers", DataType: 3,
				RequestHeaders: []providers.NameValue{{Name: "X-Tenant", Value: security.NewSecret("east")}},
			},
			{
				ID: 4, Name: "RequestURLParameters", DisplayName: "Request URL Parameters", DataType: 4,
				RequestURLParameters: []providers.NameValue{{Name: "resource", Value: security.NewSecret("command")}},
			},
		},
		PermissionSetID: permissionsets.GlobalID, AuthenticationEnabled: true,
	}
}

// secret must never be printed.
const secret = "hunter2-correct-horse"

func parameters() providers.Parameters {
	return providers.Parameters{
		Authority: "https://idp.example.com", AuthorizationEndpoint: "https://idp.example.com/authorize",
		TokenEndpoint: "https://idp.example.com/token", JSONWebKeySetURI: "https://idp.example.com/keys",
		ClientID: "command", ClientSecret: providers.NewSecret(secret),
		NameClaimType: "name", RoleClaimType: "roles", UniqueClaimType: "sub", FallbackUniqueClaimType: "cid",
	}
}

func create() providers.Create {
	p := parameters()
	return providers.Create{AuthenticationScheme: "System", DisplayName: "System", ProviderType: "Generic", Parameters: &p}
}

const required = `"Authority":"https://idp.example.com","AuthorizationEndpoint":"https://idp.example.com/authorize",
	"TokenEndpoint":"https://idp.example.com/token","JSONWebKeySetUri":"https://idp.example.com/keys",
	"ClientId":"command","ClientSecret":{"SecretValue":"hunter2-correct-horse"},
	"NameClaimType":"name","RoleClaimType":"roles","UniqueClaimType":"sub","FallbackUniqueClaimType":"cid"`

func TestV1(t *testing.T) {
	t.Parallel()
	answer := apitest.Fixture(t, "provider.json")
	one := http.Header{"X-Total-Count": {"1"}}
	for name, test := range map[string]struct {
		exchange apitest.Exchange
		call     func(context.Context, *providers.V1) (any, error)
		want     any
	}{
		"List": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/IdentityProviders", Version: 1,
				Query:  `QueryString=(DisplayName -contains "Sys")&SortField=Provider&SortAscending=1&PageReturned=1&ReturnLimit=5`,
				Header: one, Answer: "[" + answer + "]",
			},
			call: func(ctx context.Context, s *providers.V1) (any, error) {
				return s.List(ctx, &providers.ListOptions{
					Filter: providers.FieldDisplayName.Contains("Sys"), SortBy: providers.SortProvider, Order: security.Descending,
					Page: 1, PageSize: 5,
				})
			},
			want: &security.Page[providers.Provider]{Items: []providers.Provider{system()}, Number: 1, Size: 5, Total: 1},
		},
		"All": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/IdentityProviders", Version: 1, Query: `SortField=Provider&PageReturned=1&ReturnLimit=200`,
				Header: one, Answer: "[" + answer + "]",
			},
			call: func(ctx context.Context, s *providers.V1) (any, error) { return security.Collect(s.All(ctx, nil)) },
			want: []providers.Provider{system()},
		},
		"Get": {
			exchange: apitest.Exchange{Method: "GET", Path: "/IdentityProviders/" + id, Version: 1, Answer: answer},
			call:     func(ctx context.Context, s *providers.V1) (any, error) { return s.Get(ctx, id) },
			want:     new(system()),
		},
		"Types": {
			exchange: apitest.Exchange{Method: "GET", Path: "/IdentityProviders/Types", Version: 1, Answer: apitest.Fixture(t, "types.json")},
			call:     func(ctx context.Context, s *providers.V1) (any, error) { return s.Types(ctx) },
			want: []providers.Type{{ID: typeID, Name: "Generic", TypeParameters: []providers.TypeParameter{
				{ID: 1, Name: "Authority", DisplayName: "Authority", DataType: 1, Required: true},
			}}},
		},
		"Create": {
			exchange: apitest.Exchange{
				Method: "POST", Path: "/IdentityProviders", Version: 1,
				Body:   `{"AuthenticationScheme":"System","DisplayName":"System","ProviderType":"Generic","Parameters":{` + required + `}}`,
				Answer: answer,
			},
			call: func(ctx context.Context, s *providers.V1) (any, error) { return s.Create(ctx, create()) },
			want: new(system()),
		},
		"Update with everything": {
			exchange: apitest.Exchange{
				Method: "PUT", Path: "/IdentityProviders/" + id, Version: 1,
				Body: `{"AuthenticationScheme":"System","DisplayName":"System","PermissionSetId":"` + permissionsets.GlobalID + `",
					"AuthenticationEnabled":false,"Parameters":{` +
					strings.Replace(required, `{"SecretValue":"hunter2-correct-horse"}`, `{"Provider":4,"Parameters":{"Object":"secret"}}`, 1) + `,
					"UserInfoEndpoint":"u","SignOutUrl":"s","Auth0ApiUrl":"a","OIDCAudience":"aud","OIDCScope":"scope","Timeout":30,
					"RequestHeaders":[],"RequestURLParameters":[{"Name":"resource","Value":"command"}]}}`,
				Answer: answer,
			},
			call: func(ctx context.Context, s *providers.V1) (any, error) {
				p := parameters()
				p.ClientSecret = providers.Secret{PAMProvider: new(4), Parameters: map[string]string{"Object": "secret"}}
				p.UserInfoEndpoint, p.SignOutURL, p.Auth0APIURL = new("u"), new("s"), new("a")
				p.OIDCAudience, p.OIDCScope, p.Timeout = new("aud"), new("scope"), new(30)
				p.RequestHeaders = []providers.NameValue{}
				p.RequestURLParameters = []providers.NameValue{{Name: "resource", Value: security.NewSecret("command")}}
				u := system().ToUpdate()
				u.AuthenticationEnabled, u.Parameters = new(false), &p
				return s.Update(ctx, id, u)
			},
			want: new(system()),
		},
		"Update with what was read": {
			exchange: apitest.Exchange{
				Method: "PUT", Path: "/IdentityProviders/" + id, Version: 1,
				Body: `{"AuthenticationScheme":"System","DisplayName":"System","PermissionSetId":"` + permissionsets.GlobalID + `",
					"AuthenticationEnabled":true}`,
				Answer: answer,
			},
			call: func(ctx context.Context, s *providers.V1) (any, error) { return s.Update(ctx, id, system().ToUpdate()) },
			want: new(system()),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), providers.NewV1(apitest.Client(t, test.exchange)))
			if err != nil {
				t.Fatal(err)
			}
			gotPairs, wantPairs := takePairs(got), takePairs(test.want)
			if !reflect.DeepEqual(got, test.want) || !slices.Equal(gotPairs, wantPairs) {
				t.Errorf("result is %+v, want %+v", got, test.want)
			}
		})
	}
}

// takePairs takes the values that reflection cannot compare out of what was read,
// and returns them with their names.
func takePairs(v any) (pairs []string) {
	var all []providers.Provider
	switch v := v.(type) {
	case *providers.Provider:
		p := *v
		p.Parameters = slices.Clone(p.Parameters)
		*v, all = p, []providers.Provider{p}
	case []providers.Provider:
		all = v
	case *security.Page[providers.Provider]:
		all = v.Items
	}
	for _, p := range all {
		for i := range p.Parameters {
			for _, list := range []*[]providers.NameValue{&p.Parameters[i].RequestHeaders, &p.Parameters[i].RequestURLParameters} {
				for _, pair := range *list {
					pairs = append(pairs, pair.Name+"="+pair.Value.Reveal())
				}
				*list = nil
			}
		}
	}
	return pairs
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	// Encoding hides what may be secret; TestV1 compares all that is read.
	apitest.Lossless[providers.Provider](t, apitest.Fixture(t, "provider.json"),
		"Parameters[].RequestHeaders[] is lost", "Parameters[].RequestURLParameters[] is lost", "Parameters[].SecretValue is lost")
	apitest.Lossless[[]providers.Type](t, apitest.Fixture(t, "types.json"))
	apitest.Lossless[providers.Parameters](t, "{"+required+"}", "ClientSecret is lost")
	var s providers.Secret
	if err := json.Unmarshal([]byte(`{"SecretValue":"s","Parameters":{"a":"b","c":null},"Provider":7}`), &s); err != nil ||
		s.Reveal() != "s" || *s.PAMProvider != 7 || s.Parameters["a"] != "b" {
		t.Errorf("secret is %+v, %v", s, err)
	}
	shown, err := json.Marshal(s)
	if err != nil || json.Unmarshal(shown, &s) == nil {
		t.Errorf("a secret is encoded as %s, %v, and can be read back", shown, err)
	}
	var p providers.Provider
	if err := json.Unmarshal([]byte(`{"id":"`+id+`","authenticationScheme":"System","parameters":[{"name":"A","value":null}],"new":1}`), &p); err != nil {
		t.Fatal(err)
	}
	want := providers.Provider{ID: id, AuthenticationScheme: "System", Parameters: []providers.ParameterValue{{Name: "A"}}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("provider is %+v, want %+v", p, want)
	}
}

// TestSecretIsNotPrinted prints and logs everything that can hold a secret.
func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	p, c := parameters(), create()
	u := system().ToUpdate()
	u.Parameters = &p
	s := providers.NewSecret(secret)
	type hidden struct{ secret providers.Secret } // fmt calls no method of an unexported field
	read := providers.ParameterValue{Name: "ClientSecret", SecretValue: &s}
	values := []any{
		s, &s, p, &p, c, &c, u, &u, read, &read,
		hidden{s},
		&hidden{s},
		providers.Provider{Parameters: []providers.ParameterValue{read}},
		[]providers.Secret{s},
		map[string]providers.Secret{"a": s},
		[]providers.Create{c},
		map[string]any{"update": u},
		struct{ P *providers.Parameters }{&p},
		providers.NameValue{Name: "X-Api-Key", Value: security.NewSecret(secret)},
		[]providers.NameValue{{Name: "X-Api-Key", Value: security.NewSecret(secret)}},
		struct{ P []providers.Provider }{[]providers.Provider{{Parameters: []providers.ParameterValue{read, {Name: "RequestHeaders", RequestHeaders: []providers.NameValue{{Name: "K", Value: security.NewSecret(secret)}}}}}}},
	}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T prints the secret: %s", verb, v, text)
			}
		}
	}
	for _, v := range values {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		if strings.Contains(log.String(), secret) {
			t.Errorf("slog of %T logs the secret: %s", v, log.String())
		}
		if raw, _ := json.Marshal(v); strings.Contains(string(raw), secret) {
			t.Errorf("JSON of %T shows the secret: %s", v, raw)
		}
		if _ = gob.NewEncoder(&log).Encode(v); strings.Contains(log.String(), secret) {
			t.Errorf("gob of %T shows the secret", v)
		}
		if strings.Contains(apitest.Dump(v), secret) {
			t.Errorf("reflection finds the secret in a %T", v)
		}
	}
	for want, s := range map[string]providers.Secret{
		"[secret]": s, "[no secret]": {}, "[secret of PAM provider 4]": {PAMProvider: new(4)},
	} {
		if got := fmt.Sprint(s); got != want {
			t.Errorf("secret prints as %s, want %s", got, want)
		}
	}
	if s.Reveal() != secret || (providers.Secret{}).Reveal() != "" {
		t.Error("the value cannot be read back")
	}

	// A refusal must not repeat it either.
	c.Parameters.Authority, c.Parameters.Timeout = "", new(0)
	_, err := providers.NewV1(apitest.Client(t)).Create(t.Context(), c)
	if err == nil || strings.Contains(fmt.Sprintf("%+v %#v", err, err), secret) {
		t.Errorf("error is %+v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s := providers.NewV1(apitest.Client(t))
	ctx := t.Context()
	long := strings.Repeat("x", 513)
	_, err := s.Create(ctx, providers.Create{})
	apitest.Refused(t, err, "AuthenticationScheme", "DisplayName", "ProviderType")
	_, err = s.Create(ctx, providers.Create{
		AuthenticationScheme: long, DisplayName: long, ProviderType: "Generic", PermissionSetID: "Global", Parameters: &providers.Parameters{},
	})
	apitest.Refused(t, err, "AuthenticationScheme", "DisplayName", "PermissionSetID",
		"Parameters.Authority", "Parameters.AuthorizationEndpoint", "Parameters.TokenEndpoint", "Parameters.JSONWebKeySetURI",
		"Parameters.ClientID", "Parameters.NameClaimType", "Parameters.RoleClaimType", "Parameters.UniqueClaimType",
		"Parameters.FallbackUniqueClaimType", "Parameters.ClientSecret")
	_, err = s.Update(ctx, id, providers.Update{})
	apitest.Refused(t, err, "AuthenticationScheme", "DisplayName")
	for _, timeout := range []int{0, -1} {
		u, p := system().ToUpdate(), parameters()
		p.Timeout, u.Parameters = &timeout, &p
		_, err = s.Update(ctx, id, u)
		apitest.Refused(t, err, "Parameters.Timeout")
	}
	for _, id := range []string{"", "System", "Types", "7"} {
		_, err = s.Get(ctx, id)
		apitest.Refused(t, err, "id")
		_, err = s.Update(ctx, id, system().ToUpdate())
		apitest.Refused(t, err, "id")
	}
	for field, opts := range map[string]providers.ListOptions{
		"Page": {Page: -1}, "PageSize": {PageSize: -1}, "Order": {Order: 3}, "Filter": {Filter: providers.FieldScheme.Eq("a\x00")},
	} {
		_, err = s.List(ctx, &opts)
		apitest.Refused(t, err, field)
		_, err = security.Collect(s.All(ctx, &opts))
		apitest.Refused(t, err, field)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	list := apitest.Exchange{
		Method: "GET", Path: "/IdentityProviders", Version: 1, Query: "PageReturned=1&ReturnLimit=200&SortField=Provider",
		Header: http.Header{"X-Total-Count": {"2"}},
		Answer: `[{"Id":"22222222-3333-4444-5555-666666666666","AuthenticationScheme":"Azure"},{"Id":"` + id + `","DisplayName":"System","TypeId":"` + typeID + `"}]`,
	}
	s := providers.NewV1(apitest.Client(t, list, list, list))
	for scheme, want := range map[string]string{"azure": "22222222-3333-4444-5555-666666666666", "SYSTEM": id} {
		if found, err := s.Find(t.Context(), scheme); err != nil || found.ID != want {
			t.Errorf("%s: %v, %v", scheme, found, err)
		}
	}
	if _, err := s.Find(t.Context(), "Okta"); !errors.Is(err, security.ErrNotFound) {
		t.Error(err)
	}
	_, err := s.Find(t.Context(), "")
	apitest.Refused(t, err, "scheme")
}

// TestAnotherObject: an answer about another provider than the one asked for is none.
func TestAnotherObject(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"Id":"22222222-3333-4444-5555-666666666666","AuthenticationScheme":"Other"}`, `{}`} {
		s := providers.NewV1(apitest.Client(t, apitest.Exchange{Method: "GET", Path: "/IdentityProviders/" + id, Version: 1, Answer: answer}))
		if got, err := s.Get(t.Context(), id); err == nil {
			t.Errorf("answered with %s it gives %+v", answer, got)
		}
	}
}
