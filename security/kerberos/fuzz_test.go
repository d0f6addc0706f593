package kerberos

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/commandsec/commandsec-go/security"
)

// recorded is what MIT's KDC sent when svc_sdk@TEST.COMMANDSEC signed in for a service: it
// wanted a proof of the password, gave a ticket for that, and a ticket for the service.
// The parts are what was encrypted. keyOf is the account's key.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "mit", name+".der"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keyOf(t testing.TB) types.EncryptionKey {
	t.Helper()
	name := types.PrincipalName{NameType: 1, NameString: []string{"svc_sdk"}}
	key, _, err := crypto.GetKeyFromPassword(password, name, "TEST.COMMANDSEC", etypeID.AES256_CTS_HMAC_SHA1_96, nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keytabOf is a keytab with a key of svc@EXAMPLE.COM.
func keytabOf(t testing.TB, key types.EncryptionKey) string {
	t.Helper()
	kt := keytab.New()
	if err := kt.AddEntry("svc", "EXAMPLE.COM", password, time.Now(), 1, key.KeyType); err != nil {
		t.Fatal(err)
	}
	kt.Entries[0].Key = key
	data, err := kt.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "svc.keytab", string(data), 0o600)
}

// TestRecorded: an answer of MIT's KDC is read and decrypted, and not used a second time.
func TestRecorded(t *testing.T) {
	t.Parallel()
	k := listen(t, func(request []byte) []byte {
		var asked messages.ASReq
		if err := asked.Unmarshal(request); err != nil {
			t.Error(err)
		}
		if len(asked.PAData) < 2 {
			return recorded(t, "challenge")
		}
		return recorded(t, "as")
	})
	login := askLiar(t, k.Addr().String(), "", "TEST.COMMANDSEC")
	login.settings.Username = "svc_sdk@TEST.COMMANDSEC"
	fails(t, "replay", login, "it answers another request")
	if n := k.asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// FuzzKDC: whatever comes in place of an answer of a KDC, or of a part of one, ends in an
// error that can be shown, and in no ticket.
func FuzzKDC(f *testing.F) {
	const (
		challenge   = iota // the error that says what a KDC wants first
		wanted             // what it wants, in such an error
		signIn             // the answer to a proof
		signInPart         // what is encrypted in it
		service            // the ticket for the service
		servicePart        // what is encrypted in it
		stages
	)
	for stage, name := range []string{"challenge", "", "as", "as-part", "tgs", "tgs-part"} {
		if name != "" {
			f.Add(uint8(stage), recorded(f, name))
		}
		f.Add(uint8(stage), []byte("\x30\x00"))
	}
	var e messages.KRBError
	if err := e.Unmarshal(recorded(f, "challenge")); err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(wanted), e.EData)
	f.Add(uint8(challenge), recorded(f, "as"))

	key := keyOf(f)
	keys := keytabOf(f, key)
	var answer atomic.Value // func([]byte) []byte
	k := listen(f, func(request []byte) []byte { return answer.Load().(func([]byte) []byte)(request) })
	login := askLiar(f, k.Addr().String(), "")
	login.settings.Password, login.settings.Keytab = security.Secret{}, keys
	f.Fuzz(func(t *testing.T, stage uint8, data []byte) {
		if stage %= stages; len(data) > maxAnswer {
			return
		}
		l := &liar{TB: t, key: key, wants: types.ETypeInfo2{{EType: key.KeyType}}}
		sealed := func(kind int, key types.EncryptionKey, usage uint32) func(*messages.KDCRepFields) {
			return func(r *messages.KDCRepFields) {
				if r.MsgType != kind {
					return
				}
				var err error
				if r.EncPart, err = crypto.GetEncryptedData(data, key, usage, 1); err != nil {
					t.Error(err)
				}
			}
		}
		switch stage {
		case signInPart:
			l.sealed = sealed(11, key, 3)
		case servicePart:
			l.sealed = sealed(13, sessionKey(), 8)
		}
		answer.Store(func(request []byte) []byte {
			honest := l.answer(request)
			switch {
			case stage == challenge && l.proofs.Load() == 0, stage == signIn && l.proofs.Load() > 0, stage == service && l.grants.Load() > 0:
				return data
			case stage == wanted && l.proofs.Load() == 0:
				return refusalOf(l, 25, "", data)
			}
			return honest
		})
		login.tgt, login.refused, login.unsure = nil, nil, nil
		if stage == challenge || stage == wanted {
			if _, err := login.fetch(t.Context()); err == nil {
				return // it wanted what can be had
			}
		}
		err := fails(t, "stage", login)
		if err != nil && strings.Contains(err.Error(), "malformed") {
			t.Errorf("the library panicked at stage %d", stage)
		}
	})
}
