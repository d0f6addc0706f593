package kerberos

import (
	"encoding/base64"
	"strings"
	"testing"
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

// TestAuthenticators: no two are of the same microsecond.
func TestAuthenticators(t *testing.T) {
	t.Parallel()
	l := &login{}
	owner, tkt := holder()
	seen := map[time.Time]bool{}
	const count = 500
	for range count {
		value, err := l.negotiate(owner, tkt)
		if err != nil {
			t.Fatal(err)
		}
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
		seen[a.CTime.Add(time.Duration(a.Cusec)*time.Microsecond)] = true
	}
	if len(seen) != count {
		t.Errorf("%d authenticators are of %d microseconds", count, len(seen))
	}
}

// TestClockSetBack: a clock that was set back by an hour holds no call for an hour.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	l := &login{written: time.Now().Add(time.Hour).UnixMicro()}
	owner, tkt := holder()
	done := make(chan error, 1)
	go func() {
		_, err := l.negotiate(owner, tkt)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("a call waits until the clock is where it was")
	}
}
