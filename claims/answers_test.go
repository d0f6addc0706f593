package claims_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
)

// The answer to a creation is about the claim that was sent, in any form that the
// server may give it. Otherwise nobody knows what was made.
func TestAnotherClaimWasMade(t *testing.T) {
	t.Parallel()
	group := claims.Request{Type: claims.TypeGroup, Value: `KEYEXAMPLE\ops`, Scheme: "Active Directory", Description: "d"}
	bare, principal, dns := group, group, group
	bare.Value, principal.Value, dns.Value = "ops", "ops@keyexample.com", `keyexample.com\ops`
	subject := claims.Request{Type: claims.TypeOAuthSubject, Value: "user-1", Scheme: "System", Description: "d"}
	odd := subject
	odd.Scheme = "unknown"
	answer := func(kind, value, scheme, name string) string {
		return `{"Id":7,"Description":"d","ClaimType":"` + kind + `","ClaimValue":"` + strings.ReplaceAll(value, `\`, `\\`) + `","Provider":{"Id":"p","AuthenticationScheme":"` + scheme + `","DisplayName":"` + name + `"}}`
	}
	for name, tt := range map[string]struct {
		sent   claims.Request
		answer string
		ok     bool
	}{
		"as sent":                       {group, answer("Group", `KEYEXAMPLE\ops`, "Active Directory", "AD"), true},
		"another case":                  {group, answer("Group", `keyexample\OPS`, "ACTIVE DIRECTORY", "AD"), true},
		"the domain added":              {bare, answer("Group", `KEYEXAMPLE\ops`, "Active Directory", "AD"), true},
		"the domain dropped":            {group, answer("Group", "ops", "Active Directory", "AD"), true},
		"a principal written by domain": {principal, answer("Group", `KEYEXAMPLE\ops`, "Active Directory", "AD"), true},
		"a domain of DNS made short":    {dns, answer("Group", `KEYEXAMPLE\ops`, "Active Directory", "AD"), true},
		"the number of the type":        {group, strings.Replace(answer("Group", `KEYEXAMPLE\ops`, "Active Directory", "AD"), `"Group"`, "1", 1), true},
		"the scheme by display name":    {subject, answer("OAuthSubject", "user-1", "8f14", "System"), true},
		"no provider":                   {subject, `{"Id":7,"ClaimType":"OAuthSubject","ClaimValue":"user-1"}`, true},
		"another scheme for unknown":    {odd, answer("OAuthSubject", "user-1", "System", "System"), true},
		"unknown for another scheme":    {subject, answer("OAuthSubject", "user-1", "unknown", "unknown"), true},
		"a subject in another case":     {subject, answer("OAuthSubject", "USER-1", "System", "System"), true},

		"another type":               {group, answer("User", `KEYEXAMPLE\ops`, "Active Directory", "AD"), false},
		"another value":              {group, answer("Group", `KEYEXAMPLE\admins`, "Active Directory", "AD"), false},
		"another domain":             {group, answer("Group", `OTHER\ops`, "Active Directory", "AD"), false},
		"another name in any domain": {bare, answer("Group", `KEYEXAMPLE\ops2`, "Active Directory", "AD"), false},
		"another principal":          {principal, answer("Group", `KEYEXAMPLE\admins`, "Active Directory", "AD"), false},
		"another scheme":             {subject, answer("OAuthSubject", "user-1", "Other", "Other"), false},
		"another subject":            {subject, answer("OAuthSubject", "user-2", "System", "System"), false},
		"a domain for a subject":     {subject, answer("OAuthSubject", `KEYEXAMPLE\user-1`, "System", "System"), false},
		"an id alone":                {subject, `{"Id":7}`, false},
		"no object":                  {subject, `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claim, err := claims.NewV1(apitest.Saying(t, []byte(tt.answer))).Create(t.Context(), tt.sent)
			if tt.ok != (err == nil) || tt.ok != (claim != nil) || !tt.ok && !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("%v, %v", claim, err)
			}
		})
	}
}

func TestRolesThatAreNone(t *testing.T) {
	t.Parallel()
	key := claims.Key{Type: claims.TypeOAuthSubject, Value: "user-1", Scheme: "System"}
	for answer, want := range map[string]string{
		`[{"Id":5,"Name":"Ops"},{}]`:            "item 2 of the list is empty",
		`[null]`:                                "item 1 of the list is empty",
		`[{"Name":"Ops","Description":"d"}]`:    "item 1 of the list has no id",
		`{"Message":"fine"}`:                    "cannot be decoded",
		`[{"Id":5,"Name":"Ops"},{"Roles":"x"}]`: "item 2 of the list is empty",
	} {
		if got, err := claims.NewV1(apitest.Saying(t, []byte(answer))).Roles(t.Context(), key); err == nil || got != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", answer, got, err)
		}
	}
	if got, err := claims.NewV1(apitest.Saying(t, []byte(`[]`))).Roles(t.Context(), key); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// An empty item among claims is no claim, in lists of pages too.
func TestClaimsThatAreNone(t *testing.T) {
	t.Parallel()
	s := claims.NewV1(apitest.Saying(t, []byte(`[{"Id":5,"ClaimType":"User","ClaimValue":"a"},null]`)))
	if page, err := s.List(t.Context(), nil); err == nil || page != nil || !strings.Contains(err.Error(), "item 2 of the list is empty") {
		t.Errorf("List: %v, %v", page, err)
	}
	if all, err := security.Collect(s.All(t.Context(), nil)); err == nil || len(all) > 0 {
		t.Errorf("All: %v, %v", all, err)
	}
}
