// Package limits has the lengths of texts that the server takes.
package limits

import "unicode/utf16"

// The longest texts, in UTF-16 units, as the server's framework counts.
const (
	RoleName    = 128
	Description = 512 // of a role
	Email       = 256
	ClaimText   = 512 // the value, the scheme and the description of a claim
)

// Exceeds reports whether a text is longer than a limit.
func Exceeds(text string, limit int) bool {
	return len(text) > limit && len(utf16.Encode([]rune(text))) > limit
}
