// Package holders names who can hold a role: a user, a group or a client of an
// identity provider, by what a claim says of it. Packages that only compute name
// holders by it; package claims uses its types under their own names there.
package holders

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/internal/names"
)

// Type is what kind of thing a claim names. It is sent as its number, and read
// from number or name. A type that this library does not know is kept as the
// server wrote it, and cannot be sent.
type Type string

// The types that Command knows.
const (
	TypeUser          Type = "User"          // 0: Active Directory user
	TypeGroup         Type = "Group"         // 1: Active Directory group
	TypeComputer      Type = "Computer"      // 2: Active Directory machine account; its value ends in $
	TypeOAuthOid      Type = "OAuthOid"      // 3: OAuth claim that is none of the following
	TypeOAuthRole     Type = "OAuthRole"     // 4: OAuth group or role
	TypeOAuthSubject  Type = "OAuthSubject"  // 5: OAuth user
	TypeOAuthClientID Type = "OAuthClientId" // 6: OAuth client application
)

// SchemeActiveDirectory is the scheme of the claims that are Active Directory
// accounts, and of every identity.
const SchemeActiveDirectory = "Active Directory"

// types lists the known types, each at its number. It is never changed.
var types = [...]Type{
	TypeUser, TypeGroup, TypeComputer, TypeOAuthOid, TypeOAuthRole, TypeOAuthSubject, TypeOAuthClientID,
}

// Types lists the known types, each at its number.
func Types() []Type { return slices.Clone(types[:]) }

// ParseType reads a type from its name in any case, with or without spaces
// ("OAuth Role"), or from its number.
func ParseType(s string) (Type, error) {
	t := read(s)
	if _, ok := t.Number(); !ok {
		return "", fmt.Errorf("%q is not a claim type; the types are %v", s, types)
	}
	return t, nil
}

// read never fails: what is not known is kept.
func read(s string) Type {
	known := types[:]
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < len(known) {
		return known[n]
	}
	name := strings.ReplaceAll(s, " ", "")
	for _, t := range known {
		if strings.EqualFold(name, string(t)) {
			return t
		}
	}
	return Type(s)
}

// Number is the type's number on the wire, and whether the type is known.
func (t Type) Number() (int, bool) {
	n := slices.Index(types[:], t)
	return n, n >= 0
}

// AD reports whether t names something in Active Directory.
func (t Type) AD() bool { return t == TypeUser || t == TypeGroup || t == TypeComputer }

// MarshalJSON writes the number.
func (t Type) MarshalJSON() ([]byte, error) {
	n, ok := t.Number()
	if !ok {
		return nil, fmt.Errorf("%q is not a claim type; the types are %v", string(t), types)
	}
	return strconv.AppendInt(nil, int64(n), 10), nil
}

// UnmarshalJSON reads a name or a number.
func (t *Type) UnmarshalJSON(data []byte) error {
	for _, known := range types { // what nearly every claim says, without decoding
		if n := len(data); n > 1 && data[0] == '"' && string(data[1:n-1]) == string(known) {
			*t = known
			return nil
		}
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*t = ""
	case string:
		*t = read(v)
	case float64:
		*t = read(strconv.FormatFloat(v, 'f', -1, 64))
	default:
		return fmt.Errorf("a claim type is a name or a number, got %s", data)
	}
	return nil
}

// Key is the natural key of a claim: two claims with the same key are one claim to
// the server, which finds them by it. An identity has one, too: it is the claim of
// a user or a group with the scheme [SchemeActiveDirectory].
type Key struct {
	Type   Type
	Value  string // DOMAIN\name for Active Directory, otherwise as the provider writes it
	Scheme string // authentication scheme of the identity provider; empty if the server does not name it
}

// String is "OAuthRole pki-admins (System)".
func (k Key) String() string { return fmt.Sprintf("%s %s (%s)", k.Type, k.Value, k.Scheme) }

// keyJSON is a key in a file: unlike in a request, the type is its name.
type keyJSON struct {
	Type   *string `json:"type"`
	Value  *string `json:"value"`
	Scheme *string `json:"scheme"`
}

// MarshalJSON writes the key for a file, with the type's name.
func (k Key) MarshalJSON() ([]byte, error) {
	return json.Marshal(keyJSON{(*string)(&k.Type), &k.Value, &k.Scheme})
}

// UnmarshalJSON reads a key from a file. It has these three members and no other.
func (k *Key) UnmarshalJSON(data []byte) error {
	var read keyJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&read); err != nil {
		return err
	}
	if read.Type == nil || read.Value == nil || read.Scheme == nil {
		return errors.New("a holder has the members type, value and scheme")
	}
	*k = Key{Type(*read.Type), *read.Value, *read.Scheme}
	return nil
}

// Same reports whether both keys name the same claim. Schemes, and the values
// of Active Directory types, are compared without regard to case; a DOMAIN\ that
// only one of the values has is tolerated, because the server adds it.
func (k Key) Same(other Key) bool {
	domain, bare := k.Fold().Domain()
	otherDomain, otherBare := other.Fold().Domain()
	return bare == otherBare && (domain == otherDomain || domain == "" || otherDomain == "")
}

// Fold returns the key in the one form of all spellings that name the same claim:
// case counts in the values of OAuth claims only.
func (k Key) Fold() Key {
	k.Scheme = names.Fold(k.Scheme)
	if k.Type.AD() {
		k.Value = names.Fold(k.Value)
	}
	return k
}

// Domain returns the domain of an Active Directory key, and the key without it.
// The domain is empty for a value that has none, and for every other key.
func (k Key) Domain() (domain string, bare Key) {
	if k.Type.AD() {
		domain, k.Value = names.SplitDomain(k.Value)
	}
	return domain, k
}
