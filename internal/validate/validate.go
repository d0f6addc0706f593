// Package validate collects what is wrong with the input of a call, so that all
// of it is reported at once and before any I/O.
package validate

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
)

// Problems is what is wrong so far.
type Problems struct {
	list security.FieldErrors
}

// Add notes a problem.
func (p *Problems) Add(field, format string, args ...any) {
	p.list = append(p.list, security.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
}

// Err is what was noted, as security.FieldErrors, or nil.
func (p *Problems) Err() error {
	if len(p.list) == 0 {
		return nil
	}
	return p.list
}

// Within notes the problems of a part, each with the part's name before its
// field: Within("Claims[2]", claim.Validate()).
func (p *Problems) Within(part string, err error) {
	switch err := err.(type) { //nolint:errorlint // only what Err returns is taken apart
	case nil:
	case security.FieldErrors:
		for _, f := range err {
			p.Add(part+"."+f.Field, "%s", f.Problem)
		}
	default:
		p.Add(part, "%v", err)
	}
}

// Merge notes the problems of another check of the same input.
func (p *Problems) Merge(err error) {
	if fields, ok := errors.AsType[security.FieldErrors](err); ok {
		p.list = append(p.list, fields...)
	}
}

// Required notes a text that is empty or blank, or longer than limit (0 for
// none).
func (p *Problems) Required(field, value string, limit int) {
	if strings.TrimSpace(value) == "" {
		p.Add(field, "must not be empty")
		return
	}
	p.Optional(field, value, limit)
}

// Name notes what Required does, and characters that do not show as themselves:
// control and format characters, bidi controls and line separators among them. It
// is for the names of what is created or renamed; an object that the server has
// already keeps its name.
func (p *Problems) Name(field, value string, limit int) {
	before := len(p.list)
	p.Required(field, value, limit)
	if len(p.list) > before {
		return
	}
	if i := strings.IndexFunc(value, show.Hidden); i >= 0 {
		r, _ := utf8.DecodeRuneInString(value[i:])
		p.Add(field, "must not hold control or invisible characters, got %U", r)
	}
}

// Optional notes a text longer than limit, or one that is not valid UTF-8, which
// JSON cannot carry as it is. Length is counted in UTF-16 units, as the server's
// framework counts it.
func (p *Problems) Optional(field, value string, limit int) {
	if !utf8.ValidString(value) {
		p.Add(field, "must be valid UTF-8")
		return
	}
	if limit > 0 && len(value) > limit {
		if n := len(utf16.Encode([]rune(value))); n > limit {
			p.Add(field, "must be at most %d characters, got %d", limit, n)
		}
	}
}

// ID notes a number that cannot be an id.
func (p *Problems) ID(field string, id int) {
	if id < 1 {
		p.Add(field, "must be 1 or more, got %d", id)
	}
}

// GUID notes a text that is not a GUID such as
// 099c05f0-deba-4562-a5b1-f491e19c0749.
func (p *Problems) GUID(field, value string) {
	if value == "" {
		p.Add(field, "must not be empty")
	} else if !IsGUID(value) {
		p.Add(field, "must be a GUID, got %q", value)
	}
}

// CheckGUID returns what GUID would note, as security.FieldErrors, or nil.
func CheckGUID(field, value string) error {
	var p Problems
	p.GUID(field, value)
	return p.Err()
}

// Claim notes what is wrong with the natural key of a claim that is to be sent.
func (p *Problems) Claim(k holders.Key) {
	if _, ok := k.Type.Number(); !ok {
		p.Add("Type", "%q is not a claim type; the types are %v", string(k.Type), holders.Types())
	}
	p.Required("Value", k.Value, limits.ClaimText)
	p.Required("Scheme", k.Scheme, limits.ClaimText)
}

// CheckClaim returns what Claim would note, as security.FieldErrors, or nil.
func CheckClaim(k holders.Key) error {
	var p Problems
	p.Claim(k)
	return p.Err()
}

// IsGUID reports whether s is a GUID in the form with dashes.
func IsGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}
