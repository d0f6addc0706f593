package kerberos

import (
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
)

// holder is somebody with a ticket for HTTP/a.
func holder() (*client.Client, *ticket) {
	name := types.PrincipalName{NameType: 1, NameString: []string{"svc"}}
	return &client.Client{Credentials: credentials.NewFromPrincipalName(name, "EXAMPLE.COM")}, &ticket{
		key: types.EncryptionKey{KeyType: 18, KeyValue: make([]byte, 32)},
		ticket: messages.Ticket{
			TktVNO: 5, Realm: "EXAMPLE.COM", SName: types.PrincipalName{NameType: 2, NameString: []string{"HTTP", "a"}},
			EncPart: types.EncryptedData{EType: 18, Cipher: []byte("x")},
		},
	}
}

// TestAuthenticators: no two are of the same microsecond, even if the clock stands. One
// that was set back holds no call until it is where it was.
func TestAuthenticators(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		l := &login{written: begun.Add(100 * time.Millisecond).UnixMicro()}
		owner, tkt := holder()
		seen := map[time.Time]bool{}
		const count = 10
		for range count {
			value, err := l.negotiate(owner, tkt)
			if err != nil {
				t.Fatal(err)
			}
			seen[authenticated(t, value, tkt)] = true
		}
		if len(seen) != count {
			t.Errorf("%d authenticators are of %d microseconds", count, len(seen))
		}
		if took := time.Since(begun); took > 10*time.Millisecond {
			t.Errorf("they took %v", took)
		}
	})
}

// authenticated is the time in the authenticator of a header.
func authenticated(t *testing.T, value string, tkt *ticket) time.Time {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, "Negotiate "))
	if err != nil {
		t.Fatal(err)
	}
	var token spnego.SPNEGOToken
	if err := token.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	var inner spnego.KRB5Token
	if err := inner.Unmarshal(token.NegTokenInit.MechTokenBytes); err != nil {
		t.Fatal(err)
	}
	if err := inner.APReq.DecryptAuthenticator(tkt.key); err != nil {
		t.Fatal(err)
	}
	a := inner.APReq.Authenticator
	return a.CTime.Add(time.Duration(a.Cusec) * time.Microsecond)
}
