package identities_test

import (
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/security"
)

// FuzzAnswers: whatever the server answers, a call refuses it or understands it.
func FuzzAnswers(f *testing.F) {
	for _, name := range []string{"identities.json", "identity.json", "lookup.json", "permissions.json", "permissions_25.json"} {
		f.Add([]byte(apitest.Fixture(f, name)))
	}
	f.Add([]byte(`[{"Id":1,"AccountName":null,"IdentityType":7,"Roles":[null]},{"Id":1}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx, s := t.Context(), identities.NewV1(apitest.Saying(t, body))
		page, err := s.List(ctx, nil)
		apitest.Listed(t, page, err)
		apitest.Walked(t, s.All(ctx, nil))
		found, err := s.Find(ctx, `KEYEXAMPLE\jsmith`)
		apitest.Answered(t, found, err)
		if err == nil && !names.Same(found.AccountName, `KEYEXAMPLE\jsmith`) {
			t.Errorf("found %q", found.AccountName)
		}
		looked, err := s.Lookup(ctx, `KEYEXAMPLE\jsmith`)
		apitest.Answered(t, looked, err)
		held, err := s.Permissions(ctx, 1)
		apitest.Answered(t, held, err)
		made, err := s.Create(ctx, identities.Create{AccountName: `KEYEXAMPLE\jsmith`})
		apitest.Answered(t, made, err)
		if err == nil && made.ID < 1 {
			t.Errorf("created without an id: %+v", made)
		}
	})
}

// FuzzEnsure: what is desired is refused before anything is sent, or sent as it is.
func FuzzEnsure(f *testing.F) {
	for _, s := range []string{`KEYEXAMPLE\jsmith`, "", `\`, "jsmith", "KEY\u202eEXAMPLE\\x", "K\\\xff", `a\b\c`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, account string) {
		desired := identities.Create{AccountName: account}
		d := apitest.Desire(t, `{"Id":7,"AccountName":`+apitest.Quote(account)+`,"IdentityType":"User"}`)
		_, change, err := identities.NewV1(d.Client).Ensure(t.Context(), desired)
		invalid := desired.Validate()
		if strings.Contains(account, "@") && !strings.Contains(account, `\`) {
			invalid = security.ErrInvalid // such a name could not be found again
		}
		d.Check(invalid, err)
		if err == nil && change.ID != "7" {
			t.Errorf("the change is %v", change)
		}
		if body := d.Created(); body != nil && body["AccountName"] != account {
			t.Errorf("%q is sent as %v", account, body)
		}
	})
}
