// Package limits says what texts may be written: how long the server takes them, and
// what nobody could review.
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
