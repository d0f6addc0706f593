package claims_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
)

// FuzzAnswers: whatever the server answers, a call refuses it or understands it.
func FuzzAnswers(f *testing.F) {
	for _, name := range []string{"claim.json", "claims_ad.json", "roles.json"} {
		f.Add([]byte(apitest.Fixture(f, name)))
	}
	f.Add([]byte(`[{"Id":1,"ClaimType":0,"ClaimValue":"A\\ops\u001b[31m"},{"Id":2,"ClaimType":"User","ClaimValue":"B\\ops"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx, s := t.Context(), claims.NewV1(apitest.Saying(t, body))
		page, err := s.List(ctx, nil)
		apitest.Listed(t, page, err)
		apitest.Walked(t, s.All(ctx, nil))
		got, err := s.Get(ctx, 1)
		apitest.Answered(t, got, err)
		if err == nil && got.ID != 1 {
			t.Errorf("claim 1 is %+v", got)
		}
		if err == nil {
			if request := got.ToRequest(); request.Key() != got.Key() {
				t.Errorf("%+v is asked for as %+v", got, request)
			}
		}
		for _, key := range []claims.Key{
			{Type: claims.TypeUser, Value: "ops"},
			{Type: claims.TypeUser, Value: "ops", Scheme: "Active Directory"},
			{Type: claims.TypeOAuthSubject, Value: "user-1", Scheme: "System"},
		} {
			found, err := s.Find(ctx, key)
			apitest.Answered(t, found, err)
			if err == nil && !found.Key().Same(key) {
				t.Errorf("%v is found as %v", key, found.Key())
			}
		}
		updated, err := s.Update(ctx, claims.Update{ID: 1, Description: "d"})
		apitest.Answered(t, updated, err)
		held, err := s.Roles(ctx, claims.Key{Type: claims.TypeOAuthSubject, Value: "user-1", Scheme: "System"})
		apitest.Answered(t, held, err)
	})
}

// FuzzEnsure: what is desired is refused before anything is sent, or sent as it is.
func FuzzEnsure(f *testing.F) {
	f.Add("OAuthSubject", "user-1", "System", "A user")
	f.Add("User", `KEYEXAMPLE\jsmith`, "Active Directory", "J. Smith")
	f.Add("7", "\x1b[31m", "S\u202e", "")
	f.Add("", "\xff", "", " ")
	f.Fuzz(func(t *testing.T, kind, value, scheme, description string) {
		desired := claims.Request{Type: claims.Type(kind), Value: value, Scheme: scheme, Description: description}
		d := apitest.Desire(t, `{"Id":7,"ClaimType":5,"ClaimValue":"x","Description":"d"}`)
		_, change, err := claims.NewV1(d.Client).Ensure(t.Context(), desired)
		if strings.ContainsFunc(value+scheme, show.Hidden) && errors.Is(err, security.ErrInvalid) && d.Created() == nil {
			return // it is looked for, since there may be one, and not created
		}
		d.Check(desired.Validate(), err)
		if err == nil && change.ID != "7" {
			t.Errorf("the change is %v", change)
		}
		if body := d.Created(); body != nil {
			number, _ := desired.Type.Number()
			if body["ClaimType"] != float64(number) || body["ClaimValue"] != value || body["ProviderAuthenticationScheme"] != scheme || body["Description"] != description {
				t.Errorf("%+v is sent as %v", desired, body)
			}
		}
	})
}
