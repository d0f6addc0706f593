package providers

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// Secret is a secret of a provider: a value (see [NewSecret]), or where a PAM
// provider of Command keeps it.
//
// Package fmt prints no secret, whatever the verb, and package slog logs none of
// the types of this package with theirs. Package encoding/json does write it,
// because that is how it is sent: do not encode what holds a Secret for anyone
// else to read, and do not give slog's JSON handler, which encodes, a type of
// your own that holds one.
type Secret struct {
	value *string // fmt and reflection show no more than an address

	PAMProvider *int              // id of a PAM provider of Command
	Parameters  map[string]string // how to find the secret there
}

// NewSecret is a secret given by its value.
func NewSecret(value string) Secret { return Secret{value: &value} }

// Reveal returns the value, "" if there is none.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is neither a value nor a PAM provider.
func (s Secret) IsZero() bool { return s.Reveal() == "" && s.PAMProvider == nil }

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

// secretJSON is a secret on the wire.
type secretJSON struct {
	SecretValue *string           `json:"SecretValue,omitzero"`
	Parameters  map[string]string `json:"Parameters,omitzero"`
	Provider    *int              `json:"Provider,omitzero"`
}

// MarshalJSON writes the secret as it is sent, with its value.
func (s Secret) MarshalJSON() ([]byte, error) {
	return json.Marshal(secretJSON{s.value, s.Parameters, s.PAMProvider})
}

// UnmarshalJSON reads a secret.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var v secretJSON
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*s = Secret{v.SecretValue, v.Provider, v.Parameters}
	return nil
}
