package providers_test

import (
	"errors"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/security"
)

func TestAnotherProviderWasWritten(t *testing.T) {
	t.Parallel()
	const id = "22222222-3333-4444-5555-666666666666"
	for name, tt := range map[string]struct {
		answer string
		ok     bool
	}{
		"as sent":         {`"AuthenticationScheme":"corp","DisplayName":"Corporate"`, true},
		"another case":    {`"AuthenticationScheme":"CORP","DisplayName":"corporate "`, true},
		"no scheme, 11.0": {`"Name":"corp","DisplayName":"Corporate"`, true},
		"another scheme":  {`"AuthenticationScheme":"evil","DisplayName":"Corporate"`, false},
		"another name":    {`"AuthenticationScheme":"corp","DisplayName":"Evil"`, false},
		"neither":         {`"TypeId":"x"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := providers.NewV1(apitest.Saying(t, []byte(`{"Id":"`+id+`",`+tt.answer+`}`)))
			provider, err := s.Create(t.Context(), providers.Create{AuthenticationScheme: "corp", DisplayName: "Corporate", ProviderType: "Generic"})
			if tt.ok != (err == nil) || tt.ok != (provider != nil) || !tt.ok && !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("Create: %v, %v", provider, err)
			}
			provider, err = s.Update(t.Context(), id, providers.Update{AuthenticationScheme: "corp", DisplayName: "Corporate"})
			if tt.ok != (err == nil) || tt.ok != (provider != nil) || !tt.ok && !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("Update: %v, %v", provider, err)
			}
		})
	}
	for _, answer := range []string{`[{}]`, `[null]`, `[{"Name":"Generic"}]`, `[{"Id":"x","TypeParameters":[null]}]`} {
		if got, err := providers.NewV1(apitest.Saying(t, []byte(answer))).Types(t.Context()); err == nil || got != nil {
			t.Errorf("Types takes %s: %v", answer, got)
		}
	}
}
