package providers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/providers"
)

// FuzzAnswers: whatever the server answers, a call refuses it or understands it.
// Nothing that may be a secret is printed.
func FuzzAnswers(f *testing.F) {
	for _, name := range []string{"provider.json", "types.json"} {
		f.Add([]byte(apitest.Fixture(f, name)))
	}
	const id = "099c05f0-deba-4562-a5b1-f491e19c0749"
	f.Add([]byte(`{"Id":"` + id + `","Parameters":[{"Id":1,"Name":"x","DataType":2,"Value":"in-cl34r","SecretValue":{"SecretValue":"in-cl34r"}},null]}`))
	f.Add([]byte(`{"Id":"` + id + `","Parameters":[{"Name":"RequestHeaders","Value":[{"name":"X-Api-Key","value":"in-cl34r"}]}]}`))
	f.Add([]byte(`[{"Id":"","AuthenticationScheme":"System","DisplayName":null}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx, s := t.Context(), providers.NewV1(apitest.Saying(t, body))
		page, err := s.List(ctx, nil)
		apitest.Presentable(t, err)
		if err == nil {
			for _, p := range page.Items {
				hidden(t, p)
			}
		}
		got, err := s.Get(ctx, id)
		apitest.Presentable(t, err)
		if err == nil {
			if !strings.EqualFold(got.ID, id) {
				t.Errorf("the provider is %+v", got)
			}
			hidden(t, *got)
			apitest.Presentable(t, got.ToUpdate().Validate())
		}
		found, err := s.Find(ctx, "System")
		apitest.Presentable(t, err)
		if err == nil && !names.Same(found.AuthenticationScheme, "System") && !names.Same(found.DisplayName, "System") {
			t.Errorf("found %+v", found)
		}
		types, err := s.Types(ctx)
		apitest.Answered(t, types, err)
	})
}

// hidden fails the test if the value of a parameter that is a secret is printed. What
// is also said elsewhere does not count.
func hidden(t *testing.T, p providers.Provider) {
	t.Helper()
	printed := fmt.Sprintf("%v %+v %#v", p, p, p.LogValue())
	for _, param := range p.Parameters {
		if param.SecretValue == nil {
			continue
		}
		secret := param.SecretValue.Reveal()
		bare := p
		bare.Parameters = nil
		var others strings.Builder
		fmt.Fprintf(&others, "%+v", bare)
		for _, other := range p.Parameters {
			other.SecretValue = nil
			fmt.Fprintf(&others, "%#v", other)
		}
		if len(secret) > 5 && strings.Contains(printed, secret) && !strings.Contains(others.String(), secret) {
			t.Errorf("the secret %q is printed: %s", secret, printed)
		}
	}
}
