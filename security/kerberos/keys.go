package kerberos

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Bounds on what a KDC can ask for when a key is made of a password. Nothing can
// interrupt that. The KDCs of Microsoft, MIT and Heimdal ask for 4,096 rounds, or
// 32,768 with SHA-2; 100,000 take about a tenth of a second.
const (
	maxRounds = 100_000
	maxSalt   = 1 << 10
)

// keySizes are the bytes that a key has, for each encryption type that can be allowed.
// The library's own sizes are wrong for AES-256 with SHA-2. It knows triple DES, too.
var keySizes = map[int32]int{
	etypeID.AES256_CTS_HMAC_SHA1_96:    32,
	etypeID.AES128_CTS_HMAC_SHA1_96:    16,
	etypeID.AES256_CTS_HMAC_SHA384_192: 32,
	etypeID.AES128_CTS_HMAC_SHA256_128: 16,
	etypeID.RC4_HMAC:                   16,
}

// strong is the encryption types that are used unless krb5.conf says otherwise.
var strong = []int32{
	etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA1_96,
	etypeID.AES256_CTS_HMAC_SHA384_192, etypeID.AES128_CTS_HMAC_SHA256_128,
}

// hint is which key a KDC wants, and how it is made of a password.
type hint struct {
	kind   int32
	salt   string
	params []byte
}

// noCommonType means that a KDC wants none of the encryption types that can be used.
type noCommonType struct{ wanted []int32 } // empty if it does not say

func (e *noCommonType) Error() string {
	return fmt.Sprintf("it wants the encryption types %v", e.wanted)
}

// hintOf is the first key that a KDC wants and that is of a usable type, nil if it does
// not say what it wants.
func hintOf(data types.PADataSequence, usable []int32) (*hint, error) {
	for _, d := range data {
		if d.PADataType != patype.PA_ETYPE_INFO2 {
			continue
		}
		wanted, err := d.GetETypeInfo2()
		if err != nil || len(wanted) == 0 {
			return nil, distrust("it names no encryption types that can be read")
		}
		none := &noCommonType{}
		for _, w := range wanted[:min(len(wanted), 32)] {
			if slices.Contains(usable, w.EType) {
				return &hint{w.EType, w.Salt, w.S2KParams}, nil
			}
			none.wanted = append(none.wanted, w.EType)
		}
		return nil, none
	}
	return nil, nil
}

// fromPassword makes a key of a password.
func fromPassword(password string, name types.PrincipalName, realm string, h hint) (types.EncryptionKey, error) {
	kind, err := crypto.GetEtype(h.kind)
	if err != nil {
		return types.EncryptionKey{}, err
	}
	params := kind.GetDefaultStringToKeyParams()
	if len(h.salt) > maxSalt {
		return types.EncryptionKey{}, distrust(fmt.Sprintf("it asks for a salt of %d bytes, and %d are used at most", len(h.salt), maxSalt))
	}
	if len(h.params) > 0 && params != "" { // RC4 has none
		usual, err := hex.DecodeString(params)
		if err != nil {
			return types.EncryptionKey{}, err
		}
		if len(h.params) != len(usual) {
			return types.EncryptionKey{}, distrust("it does not say how many rounds to make a key in")
		}
		// Few rounds make a weak password quick to guess. 0 stands for 2^32.
		if rounds, least := binary.BigEndian.Uint32(h.params), binary.BigEndian.Uint32(usual); rounds < least || rounds > maxRounds {
			return types.EncryptionKey{}, distrust(fmt.Sprintf("it asks for a key made in %d rounds, and %d to %d are used", rounds, least, maxRounds))
		}
		params = hex.EncodeToString(h.params)
	}
	if h.salt == "" {
		h.salt = name.GetSalt(realm)
	}
	key, err := kind.StringToKey(password, h.salt, params)
	return types.EncryptionKey{KeyType: h.kind, KeyValue: key}, err
}

// fromKeytab is the newest key of a type that a keytab holds of a principal.
func fromKeytab(kt *keytab.Keytab, principal string, kind int32) (types.EncryptionKey, error) {
	var key types.EncryptionKey
	newest := uint32(0)
	for _, e := range kt.Entries {
		if e.Principal.String() == principal && e.Key.KeyType == kind && (key.KeyValue == nil || e.KVNO > newest) {
			key, newest = e.Key, e.KVNO
		}
	}
	if key.KeyValue == nil {
		return key, &noCommonType{[]int32{kind}}
	}
	return key, nil
}

// sound reports whether a key is of an allowed type and as long as that type's are.
func sound(key types.EncryptionKey, allowed []int32) bool {
	return slices.Contains(allowed, key.KeyType) && len(key.KeyValue) == keySizes[key.KeyType]
}
