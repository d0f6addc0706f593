package identities_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
)

func TestAnotherIdentityWasMade(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sent, answer string
		ok           bool
	}{
		"another case":       {`KEYEXAMPLE\jsmith`, `keyexample\JSMITH`, true},
		"the domain added":   {"jsmith", `KEYEXAMPLE\jsmith`, true},
		"a principal":        {"jsmith@keyexample.com", `KEYEXAMPLE\jsmith`, true},
		"another account":    {`KEYEXAMPLE\jsmith`, `KEYEXAMPLE\root`, false},
		"another domain":     {`KEYEXAMPLE\jsmith`, `OTHER\jsmith`, false},
		"another's domain":   {"jsmith", `jsmith\root`, false},
		"no account at all":  {"jsmith", "", false},
		"the domain as name": {`KEYEXAMPLE\jsmith`, "KEYEXAMPLE", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := identities.NewV1(apitest.Saying(t, []byte(`{"Id":7,"AccountName":`+apitest.Quote(tt.answer)+`}`)))
			identity, err := s.Create(t.Context(), identities.Create{AccountName: tt.sent})
			if tt.ok != (err == nil) || tt.ok != (identity != nil) || !tt.ok && !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("%v, %v", identity, err)
			}
		})
	}
}

// An answer that says nothing must not pass for "nothing is allowed" or "not known".
func TestAnswersThatSayNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call    func(context.Context, *identities.V1) (any, error)
		refused []string
		taken   []string
	}{
		"Lookup": {
			func(ctx context.Context, s *identities.V1) (any, error) {
				r, err := s.Lookup(ctx, "jsmith")
				return r != nil, err
			},
			[]string{`{}`, `{"Message":"fine"}`, `{"IsValid":true}`},
			[]string{`{"Valid":false}`, `{"valid":true}`},
		},
		"Permissions": {
			func(ctx context.Context, s *identities.V1) (any, error) {
				p, err := s.Permissions(ctx, 7)
				return p != nil, err
			},
			[]string{
				`{}`, `{"Message":"fine"}`, `{"Identity":"a"}`, `{"SecuredAreaPermissions":[]}`,
				`{"Identity":"a","SecuredAreaPermissions":[{}]}`, `{"Identity":"a","SecuredAreaPermissions":[],"PamPermissions":[null]}`,
			},
			[]string{`{"Identity":"a","SecuredAreaPermissions":[]}`, `{"identity":null,"securedAreaPermissions":null}`},
		},
	} {
		for _, answer := range tt.refused {
			got, err := tt.call(t.Context(), identities.NewV1(apitest.Saying(t, []byte(answer))))
			if err == nil || got != false || !strings.Contains(err.Error(), "the answer cannot be used") {
				t.Errorf("%s takes %s: %v", name, answer, err)
			}
		}
		for _, answer := range tt.taken {
			if got, err := tt.call(t.Context(), identities.NewV1(apitest.Saying(t, []byte(answer)))); err != nil || got != true {
				t.Errorf("%s refuses %s: %v", name, answer, err)
			}
		}
	}
}
