package security

import (
	"errors"
	"fmt"
)

// Secret is a password, a client secret or a token. Printing, logging or encoding
// it tells whether there is one, and nothing more: with any verb of fmt, inside
// other values, and in packages that look into values by reflection. [NewSecret]
// makes one; the zero value holds none.
type Secret struct {
	reveal func() string // a closure: reflection sees its address, not what it holds
}

// NewSecret returns a secret that holds text; an empty text is no secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// Reveal returns the text, "" if there is none.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.reveal == nil }

// String is "(hidden)", or "(none)" for the zero value.
func (s Secret) String() string {
	if s.IsZero() {
		return "(none)"
	}
	return "(hidden)"
}

// Format prints what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// MarshalText returns what String returns: JSON, XML, YAML and structured logs
// hold no secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// GobEncode refuses to encode a secret.
func (s Secret) GobEncode() ([]byte, error) { return nil, errNoGob }

var errNoGob = errors.New("a secret is not encoded; send it another way")
