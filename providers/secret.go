package providers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/commandsec/commandsec-go/security"
)

// Secret is a secret of a provider: a value (see [NewSecret]), or where a PAM
// provider of Command keeps it.
//
// Printing, logging or encoding it, alone or inside other values, tells that there
// is one and not which: only [Secret.Reveal] and the request to the server hold it.
// Its value is a [security.Secret], which is not the same: it cannot be somewhere
// else.
type Secret struct {
	value security.Secret

	PAMProvider *int              // id of a PAM provider of Command
	Parameters  map[string]string // how to find the secret there
}

// NewSecret is a secret given by its value.
func NewSecret(value string) Secret { return Secret{value: security.NewSecret(value)} }

// Reveal returns the value, "" if there is none.
func (s Secret) Reveal() string { return s.value.Reveal() }

// IsZero reports whether there is neither a value nor a PAM provider.
func (s Secret) IsZero() bool { return s.value.IsZero() && s.PAMProvider == nil }

// String says that there is a secret, and not which.
func (s Secret) String() string {
	switch {
	case s.IsZero():
		return "[no secret]"
	case s.PAMProvider != nil:
		return "[secret of PAM provider " + strconv.Itoa(*s.PAMProvider) + "]"
	}
	return "[secret]"
}

// Format prints the same as String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is what slog prints, the same as String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes the same as String: what is encoded for anybody else to read
// holds no secret. What was written so cannot be read back.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// GobEncode refuses to encode a secret.
func (s Secret) GobEncode() ([]byte, error) {
	return nil, errors.New("a secret is not encoded; send it another way")
}

// secretJSON is a secret on the wire.
type secretJSON struct {
	SecretValue string            `json:"SecretValue,omitzero"`
	Parameters  map[string]string `json:"Parameters,omitzero"`
	Provider    *int              `json:"Provider,omitzero"`
}

// UnmarshalJSON reads a secret as the server writes it.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var v secretJSON
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*s = Secret{security.NewSecret(v.SecretValue), v.Provider, v.Parameters}
	return nil
}
