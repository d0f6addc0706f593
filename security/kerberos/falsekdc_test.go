package kerberos

import (
	"context"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/commandsec/commandsec-go/security"
)

// liar is a KDC that knows the account svc, and answers as a KDC does but for what it is
// told to change.
type liar struct {
	testing.TB

	wants   types.ETypeInfo2 // before it gives a ticket; nil for nothing
	key     types.EncryptionKey
	as, tgs func(reply *messages.KDCRepFields) // change an answer before it is encrypted
	sealed  func(reply *messages.KDCRepFields) // and after that
	sum     func(sum []byte)                   // changes what it says of the request; nil if it says nothing
	silent  bool                               // it does not say which types of key it wants
	card    bool                               // it wants a smart card

	signIns, proofs, grants atomic.Int32
}

func newLiar(t testing.TB) *liar {
	t.Helper()
	l := &liar{TB: t}
	l.use(etypeID.AES256_CTS_HMAC_SHA1_96)
	return l
}

// use makes the account's key one of a type, and wants it.
func (l *liar) use(kind int32) {
	l.Helper()
	svc := types.PrincipalName{NameType: 1, NameString: []string{"svc"}}
	key, _, err := crypto.GetKeyFromPassword(password, svc, "EXAMPLE.COM", kind, nil)
	if err != nil {
		l.Fatal(err)
	}
	l.key, l.wants = key, types.ETypeInfo2{{EType: kind, Salt: "EXAMPLE.COMsvc"}}
}

func (l *liar) marshal(value any) []byte {
	b, err := asn1.Marshal(value)
	if err != nil {
		l.Error(err)
	}
	return b
}

// sessionKey is the key of every ticket.
func sessionKey() types.EncryptionKey {
	return types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: []byte(strings.Repeat("k", 32))}
}

// answer answers a request.
func (l *liar) answer(request []byte) []byte {
	var as messages.ASReq
	if as.Unmarshal(request) == nil {
		l.signIns.Add(1)
		switch {
		case as.PAData.Contains(patype.PA_ENC_TIMESTAMP):
			l.proofs.Add(1)
		case l.silent:
			return refusalOf(l, errorcode.KDC_ERR_PREAUTH_REQUIRED, "", l.marshal(types.PADataSequence{{PADataType: patype.PA_ENC_TIMESTAMP}}))
		case l.wants != nil:
			proof := patype.PA_ENC_TIMESTAMP
			if l.card {
				proof = patype.PA_PK_AS_REQ
			}
			return refusalOf(l, errorcode.KDC_ERR_PREAUTH_REQUIRED, "",
				l.marshal(types.PADataSequence{{PADataType: patype.PA_ETYPE_INFO2, PADataValue: l.marshal(l.wants)}, {PADataType: proof}}))
		}
		reply := messages.ASRep{KDCRepFields: l.reply(&as.ReqBody, as.ReqBody.CName, 11)}
		if l.sum != nil {
			l.confirm(&reply.DecryptedEncPart, request)
		}
		l.seal(&reply.KDCRepFields, l.as, l.key, keyusage.AS_REP_ENCPART)
		b, err := reply.Marshal()
		if err != nil {
			l.Error(err)
		}
		return b
	}
	var tgs messages.TGSReq
	var ap messages.APReq
	if err := errors.Join(tgs.Unmarshal(request), ap.Unmarshal(tgs.PAData[0].PADataValue), ap.DecryptAuthenticator(sessionKey())); err != nil {
		l.Errorf("a request that is none: %v", err)
	}
	if ap.Authenticator.CRealm != "EXAMPLE.COM" {
		l.Errorf("svc is said to be of the realm %s", ap.Authenticator.CRealm)
	}
	l.grants.Add(1)
	reply := messages.TGSRep{KDCRepFields: l.reply(&tgs.ReqBody, ap.Authenticator.CName, 13)}
	l.seal(&reply.KDCRepFields, l.tgs, sessionKey(), keyusage.TGS_REP_ENCPART_SESSION_KEY)
	b, err := reply.Marshal()
	if err != nil {
		l.Error(err)
	}
	return b
}

// reply is an honest answer.
func (l *liar) reply(request *messages.KDCReqBody, name types.PrincipalName, kind int) messages.KDCRepFields {
	now := time.Now().UTC().Truncate(time.Second)
	return messages.KDCRepFields{
		PVNO: 5, MsgType: kind, CRealm: "EXAMPLE.COM", CName: name,
		Ticket: messages.Ticket{TktVNO: 5, Realm: request.Realm, SName: request.SName, EncPart: types.EncryptedData{EType: 18, Cipher: []byte("x")}},
		DecryptedEncPart: messages.EncKDCRepPart{
			Key: sessionKey(), LastReqs: []messages.LastReq{{LRValue: now}}, Nonce: request.Nonce, Flags: types.NewKrbFlags(),
			AuthTime: now, StartTime: now, EndTime: now.Add(time.Hour), SRealm: request.Realm, SName: request.SName,
		},
	}
}

// confirm says what request was received.
func (l *liar) confirm(part *messages.EncKDCRepPart, request []byte) {
	kind, err := crypto.GetEtype(l.key.KeyType)
	if err != nil {
		l.Error(err)
	}
	sum, err := kind.GetChecksumHash(l.key.KeyValue, request, keyusage.KEY_USAGE_AS_REQ)
	if err != nil {
		l.Error(err)
	}
	l.sum(sum)
	types.SetFlag(&part.Flags, flags.EncPARep)
	part.EncPAData = types.PADataSequence{{
		PADataType: patype.PA_REQ_ENC_PA_REP, PADataValue: l.marshal(types.PAReqEncPARep{ChksumType: kind.GetHashID(), Chksum: sum}),
	}}
}

func (l *liar) seal(reply *messages.KDCRepFields, change func(*messages.KDCRepFields), key types.EncryptionKey, usage uint32) {
	if change != nil {
		change(reply)
	}
	plain, err := reply.DecryptedEncPart.Marshal()
	if err != nil {
		l.Error(err)
	}
	if reply.EncPart, err = crypto.GetEncryptedData(plain, key, usage, 1); err != nil {
		l.Error(err)
	}
	if l.sealed != nil {
		l.sealed(reply)
	}
}

// askLiar is a login that asks the KDC at an address, for EXAMPLE.COM and other realms.
func askLiar(t testing.TB, address, defaults string, realms ...string) *login {
	t.Helper()
	var text strings.Builder
	text.WriteString("[libdefaults]\n default_realm = EXAMPLE.COM\n" + defaults + " udp_preference_limit = 1\n[realms]\n")
	for _, realm := range append(realms, "EXAMPLE.COM") {
		text.WriteString(" " + realm + " = {\n  kdc = " + address + "\n }\n")
	}
	return newLogin(security.Kerberos{Username: "svc", Password: security.NewSecret(password), ConfigFile: write(t, "krb5.conf", text.String(), 0o600)},
		"HTTP/command.example.com", func(string) {})
}

// TestHonest: what the tests below change, works as it is. So does what a KDC may do.
func TestHonest(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*liar){
		"as it is":         func(*liar) {},
		"no proof wanted":  func(l *liar) { l.wants = nil },
		"no salt":          func(l *liar) { l.wants[0].Salt = "" },
		"the usual rounds": func(l *liar) { l.wants[0].S2KParams = []byte{0, 0, 0x10, 0} },
		"another type first": func(l *liar) {
			l.wants = append(types.ETypeInfo2{{EType: 3}, {EType: etypeID.RC4_HMAC}, {EType: 99}}, l.wants...)
		},
		"AES-128":           func(l *liar) { l.use(etypeID.AES128_CTS_HMAC_SHA1_96) },
		"AES-256, SHA-2":    func(l *liar) { l.use(etypeID.AES256_CTS_HMAC_SHA384_192) },
		"AES-128, SHA-2":    func(l *liar) { l.use(etypeID.AES128_CTS_HMAC_SHA256_128) },
		"request confirmed": func(l *liar) { l.sum = func([]byte) {} },
		// As with Active Directory: a salt of its own, and somebody in many groups.
		"another salt": func(l *liar) {
			key, err := fromPassword(password, types.PrincipalName{}, "", hint{kind: 18, salt: "EXAMPLE.COMhostsvc.example.com"})
			if err != nil {
				l.Error(err)
			}
			l.key, l.wants = key, types.ETypeInfo2{{EType: 18, Salt: "EXAMPLE.COMhostsvc.example.com"}}
		},
		"large tickets": func(l *liar) {
			l.sealed = func(r *messages.KDCRepFields) { r.Ticket.EncPart.Cipher = make([]byte, 65_000) }
		},
		"no time in a grant": func(l *liar) { l.tgs = func(r *messages.KDCRepFields) { r.DecryptedEncPart.StartTime = time.Time{} } },
	} {
		l := newLiar(t)
		change(l)
		if _, err := askLiar(t, listen(t, l.answer).Addr().String(), "").fetch(t.Context()); err != nil || l.signIns.Load() > 2 || l.grants.Load() != 1 {
			t.Errorf("%s: %v; asked %d and %d times", name, err, l.signIns.Load(), l.grants.Load())
		}
	}
}

// fails checks the error of a fetch: what it says, that it is short, and that it shows
// neither a secret nor a control character.
func fails(t *testing.T, name string, l *login, says ...string) error {
	t.Helper()
	_, err := l.fetch(t.Context())
	if err == nil {
		t.Errorf("%s: there is a ticket", name)
		return nil
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v does not say %q", name, err, text)
		}
	}
	if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, password) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) || len(text) > 6000 {
		t.Errorf("%s: %d bytes, or a secret or control character: %.6000q", name, len(text), text)
	}
	return err
}

// TestLies: an answer that does not fit the request, or asks for more than it may, is not
// used, and the error says why.
func TestLies(t *testing.T) {
	t.Parallel()
	other := types.PrincipalName{NameType: 1, NameString: []string{"\x1b[2J" + strings.Repeat("y", 10_000)}}
	changed := func(change func(*messages.KDCRepFields)) func(*liar) {
		return func(l *liar) { l.as = change }
	}
	granted := func(change func(*messages.KDCRepFields)) func(*liar) {
		return func(l *liar) { l.tgs = change }
	}
	wants := func(info types.ETypeInfo2) func(*liar) { return func(l *liar) { l.wants = info } }
	rounds := func(n ...byte) func(*liar) {
		return wants(types.ETypeInfo2{{EType: 18, Salt: "EXAMPLE.COMsvc", S2KParams: n}})
	}
	for name, tc := range map[string]struct {
		lie    func(*liar)
		says   string
		proofs int32 // how often it gets something encrypted with the password's key
	}{
		"4e9 rounds":            {rounds(0xff, 0xff, 0xff, 0xff), "in 4294967295 rounds, and 4096 to 100000 are used", 0},
		"2^32 rounds":           {rounds(0, 0, 0, 0), "in 0 rounds", 0},
		"one round":             {rounds(0, 0, 0, 1), "in 1 rounds", 0},
		"rounds that are none":  {rounds(0, 16, 0), "does not say how many rounds", 0},
		"a long salt":           {wants(types.ETypeInfo2{{EType: 18, Salt: strings.Repeat("s", 5000)}}), "a salt of 5000 bytes", 0},
		"RC4":                   {wants(types.ETypeInfo2{{EType: 23}}), "(it wants [23]) and this client have no encryption type in common", 0},
		"DES":                   {wants(types.ETypeInfo2{{EType: 3}, {EType: 1}, {EType: 16}}), "(it wants [3 1 16])", 0},
		"no type":               {wants(types.ETypeInfo2{}), "names no encryption types", 0},
		"a smart card":          {func(l *liar) { l.card = true }, "another proof than a password or key, such as a smart card", 0},
		"not a word":            {func(l *liar) { l.silent = true }, "no encryption type in common", 0},
		"an answer in RC4":      {func(l *liar) { l.use(23); l.wants = nil }, "no encryption type in common", 0},
		"rounds in the answer":  {func(l *liar) { l.wants = nil; l.as = hinting(l, []byte{0xff, 0, 0, 0}) }, "in 4278190080 rounds", 0},
		"nonce":                 {changed(func(r *messages.KDCRepFields) { r.DecryptedEncPart.Nonce ^= 1 }), "answers another request", 1},
		"account":               {changed(func(r *messages.KDCRepFields) { r.CName = other }), `the account \x1b[2Jyyyy`, 1},
		"its realm":             {changed(func(r *messages.KDCRepFields) { r.CRealm = "E" }), "svc@E", 1},
		"realm":                 {changed(func(r *messages.KDCRepFields) { r.DecryptedEncPart.SRealm = "E" }), "it is of the realm E, and EXAMPLE.COM was asked", 1},
		"realm of the ticket":   {changed(func(r *messages.KDCRepFields) { r.Ticket.Realm = "E" }), "the ticket in it is of the realm E, and EXAMPLE.COM was asked", 1},
		"service":               {changed(func(r *messages.KDCRepFields) { r.Ticket.SName, r.DecryptedEncPart.SName = other, other }), `the service \x1b`, 1},
		"service of the ticket": {changed(func(r *messages.KDCRepFields) { r.Ticket.SName = other }), `the key in it is for krbtgt/EXAMPLE.COM, and the ticket for \x1b[2J`, 1},
		"a key of RC4": {changed(func(r *messages.KDCRepFields) {
			r.DecryptedEncPart.Key = types.EncryptionKey{KeyType: 23, KeyValue: make([]byte, 16)}
		}), "(it wants [23])", 1},
		"a short key":             {changed(func(r *messages.KDCRepFields) { r.DecryptedEncPart.Key.KeyValue = []byte("k") }), "no encryption type in common", 1},
		"it has ended":            {changed(func(r *messages.KDCRepFields) { r.DecryptedEncPart.EndTime = time.Unix(1e9, 0).UTC() }), "ended at 2001-09-09T01:46:40Z", 1},
		"its clock":               {changed(func(r *messages.KDCRepFields) { r.DecryptedEncPart.AuthTime = time.Unix(1e9, 0).UTC() }), "the clock of this machine differs", 1},
		"another key":             {func(l *liar) { l.key.KeyValue[0] ^= 1 }, "not encrypted with the key that the KDC took", 1},
		"what is encrypted":       {func(l *liar) { l.sealed = func(r *messages.KDCRepFields) { r.EncPart.Cipher = []byte("x") } }, "too short", 1},
		"the request changed":     {func(l *liar) { l.sum = func(sum []byte) { sum[0] ^= 1 } }, "another request than the one that was sent", 1},
		"it does not say so":      {changed(func(r *messages.KDCRepFields) { types.SetFlag(&r.DecryptedEncPart.Flags, flags.EncPARep) }), "another request than the one", 1},
		"grant, nonce":            {granted(func(r *messages.KDCRepFields) { r.DecryptedEncPart.Nonce ^= 1 }), "answers another request", 1},
		"grant, account":          {granted(func(r *messages.KDCRepFields) { r.CName = other }), "is about the account", 1},
		"grant, its realm":        {granted(func(r *messages.KDCRepFields) { r.CRealm = "E" }), "svc@E", 1},
		"grant, service":          {granted(func(r *messages.KDCRepFields) { r.Ticket.SName, r.DecryptedEncPart.SName = other, other }), `the service \x1b`, 1},
		"grant, realm":            {granted(func(r *messages.KDCRepFields) { r.Ticket.Realm, r.DecryptedEncPart.SRealm = "E", "E" }), "of the realm E", 1},
		"grant, its clock":        {granted(func(r *messages.KDCRepFields) { r.DecryptedEncPart.StartTime = time.Unix(1e9, 0).UTC() }), "the clock of this machine", 1},
		"grant, a key of 3DES":    {granted(func(r *messages.KDCRepFields) { r.DecryptedEncPart.Key.KeyType = 16 }), "(it wants [16])", 1},
		"grant, it has ended":     {granted(func(r *messages.KDCRepFields) { r.DecryptedEncPart.EndTime = time.Unix(1e9, 0).UTC() }), "ended at", 1},
		"grant, what is in there": {func(l *liar) { l.sealed = func(r *messages.KDCRepFields) { shorten(r, 13) } }, "too short", 1},
	} {
		l := newLiar(t)
		tc.lie(l)
		err := fails(t, name, askLiar(t, listen(t, l.answer).Addr().String(), ""), tc.says)
		if errors.Is(err, security.ErrUnauthorized) {
			t.Errorf("%s: it is the credential's fault: %v", name, err)
		}
		if n := l.proofs.Load(); n != tc.proofs {
			t.Errorf("%s: %d proofs of the password were sent", name, n)
		}
	}
}

// TestAddresses: a ticket that is bound to addresses is for those that were asked for.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		defaults string
		says     string // "" for a ticket
	}{
		"none asked for": {"", ""},
		"other ones":     {" noaddresses = false\n extra_addresses = 192.0.2.7\n", "for other addresses than those of this machine"},
	} {
		l := newLiar(t)
		l.as = func(r *messages.KDCRepFields) {
			r.DecryptedEncPart.CAddr = []types.HostAddress{types.HostAddressFromNetIP(net.IPv4(192, 0, 2, 8))}
		}
		login := askLiar(t, listen(t, l.answer).Addr().String(), tc.defaults)
		if tc.says != "" {
			fails(t, name, login, tc.says)
		} else if _, err := login.fetch(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// shorten takes from answers of one kind what is encrypted.
func shorten(r *messages.KDCRepFields, kind int) {
	if r.MsgType == kind {
		r.EncPart.Cipher = r.EncPart.Cipher[:3]
	}
}

// hinting says in an answer in how many rounds its key is made.
func hinting(l *liar, rounds []byte) func(*messages.KDCRepFields) {
	return func(r *messages.KDCRepFields) {
		r.PAData = []types.PAData{{PADataType: patype.PA_ETYPE_INFO2, PADataValue: l.marshal(types.ETypeInfo2{{EType: 18, S2KParams: rounds}})}}
	}
}

// TestConfirmation: what a KDC says of a request that was not to be confirmed is not
// looked at.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	l.sum = func(sum []byte) { sum[0] ^= 1 }
	login := askLiar(t, listen(t, l.answer).Addr().String(), "")
	login.settings.DisablePAFXFast = true
	if _, err := login.fetch(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNamesStay: a KDC is not asked to write the name of the account in its own way, which
// would be refused, whatever krb5.conf says. Active Directory would.
func TestNamesStay(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	k := listen(t, func(request []byte) []byte {
		var as messages.ASReq
		l.as = nil
		if as.Unmarshal(request) == nil && types.IsFlagSet(&as.ReqBody.KDCOptions, flags.Canonicalize) {
			l.as = func(r *messages.KDCRepFields) { r.CName.NameString = []string{"SVC"} }
		}
		return l.answer(request)
	})
	if _, err := askLiar(t, k.Addr().String(), " canonicalize = true\n").fetch(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEncryptionTypes: RC4 is used only if permitted_enctypes names it, and triple DES
// never.
func TestEncryptionTypes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		defaults string
		kind     int32
		says     string // "" if it works
	}{
		"permitted":            {" permitted_enctypes = aes256-cts rc4-hmac\n", 23, ""},
		"by its other name":    {" permitted_enctypes = aes256-cts arcfour-hmac-md5\n", 23, ""},
		"default alone":        {" default_tkt_enctypes = aes256-cts rc4-hmac\n default_tgs_enctypes = aes256-cts rc4-hmac\n", 23, "no encryption type in common"},
		"permitted, not asked": {" permitted_enctypes = aes256-cts rc4-hmac\n default_tkt_enctypes = aes256-cts\n", 23, "no encryption type in common"},
		"AES-128 is not":       {" permitted_enctypes = aes256-cts\n", 17, "no encryption type in common"},
		"AES-128 is":           {" permitted_enctypes = aes256-cts aes128-cts\n", 17, ""},
		"triple DES":           {" allow_weak_crypto = true\n permitted_enctypes = des3-cbc-sha1-kd aes256-cts\n", 16, "no encryption type in common"},
		"nothing that is used": {" allow_weak_crypto = true\n permitted_enctypes = des3-cbc-sha1-kd des-cbc-md5\n", 18, "allows no encryption type that is used"},
		"nothing in common":    {" permitted_enctypes = aes256-cts\n default_tkt_enctypes = aes128-cts\n", 18, "default_tkt_enctypes have no AES in common"},
		"nor for services":     {" permitted_enctypes = aes256-cts\n default_tgs_enctypes = rc4-hmac\n", 18, "default_tgs_enctypes have no AES in common"},
	} {
		l := newLiar(t)
		l.use(tc.kind)
		login := askLiar(t, listen(t, l.answer).Addr().String(), tc.defaults)
		if tc.says != "" {
			fails(t, name, login, tc.says)
			if l.proofs.Load() != 0 {
				t.Errorf("%s: a proof of the password was sent", name)
			}
		} else if _, err := login.fetch(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReferrals: KDCs lead to the realm of a service, and not in circles or forever.
func TestReferrals(t *testing.T) {
	t.Parallel()
	refer := func(to func(at string) string) func(*messages.KDCRepFields) {
		return func(r *messages.KDCRepFields) {
			if next := to(r.DecryptedEncPart.SRealm); next != "" {
				r.Ticket.SName = types.PrincipalName{NameType: 2, NameString: []string{"krbtgt", next}}
				r.DecryptedEncPart.SName = r.Ticket.SName
			}
		}
	}
	var realms []string
	for i := range 20 {
		realms = append(realms, fmt.Sprintf("R%d", i))
	}
	after := func(at string) string {
		n := 0
		_, _ = fmt.Sscanf(at, "R%d", &n) // EXAMPLE.COM is before R1
		return fmt.Sprintf("R%d", n+1)
	}
	for name, tc := range map[string]struct {
		refer  func(at string) string
		says   string
		grants int32
	}{
		"two realms on the way": {func(at string) string { return map[string]string{"EXAMPLE.COM": "R1", "R1": "R2"}[at] }, "", 3},
		"to itself":             {func(at string) string { return at }, "refer from realm to realm (EXAMPLE.COM, EXAMPLE.COM)", 1},
		"in a circle":           {func(at string) string { return map[string]string{"EXAMPLE.COM": "R1", "R1": "EXAMPLE.COM"}[at] }, "(EXAMPLE.COM, R1, EXAMPLE.COM) without an end", 2},
		"on and on":             {after, "without an end; name the realm of the service", maxHops + 1},
		"out of the file":       {func(string) string { return "NO\x1bWHERE" }, `names no KDC of the realm NO\x1bWHERE`, 1},
	} {
		l := newLiar(t)
		l.tgs = refer(tc.refer)
		login := askLiar(t, listen(t, l.answer).Addr().String(), "", realms...)
		if tc.says != "" {
			fails(t, name, login, tc.says)
		} else if _, err := login.fetch(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := l.grants.Load(); n != tc.grants {
			t.Errorf("%s: %d tickets were asked for, want %d", name, n, tc.grants)
		}
	}
}

// serve listens, and lets talk have each connection, one after the other. talk gets no
// error for a connection that the other side closes.
func serve(t testing.TB, talk func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talk(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l
}

// gone waits until the other side has closed a connection.
func gone(conn net.Conn) {
	for b := make([]byte, 4096); ; {
		if _, err := conn.Read(b); err != nil {
			return
		}
	}
}

// TestFraming: what is claimed of a length is not believed. It does not run beside other
// tests, because it looks at the memory that it takes.
func TestFraming(t *testing.T) {
	for name, tc := range map[string]struct {
		sends string
		says  string
	}{
		"4 GiB":             {"\xff\xff\xff\xff", "it announced an answer of 4294967295 bytes, and one of 1 to 131072 is read"},
		"2 GiB":             {"\x7f\xff\xff\xff", "it announced an answer of 2147483647 bytes"},
		"one byte too many": {"\x00\x02\x00\x01", "it announced an answer of 131073 bytes"},
		"none":              {"\x00\x00\x00\x00", "it announced an answer of 0 bytes"},
		"less than claimed": {"\x00\x02\x00\x00abc", "the answer broke off after 3 of 131072 bytes"},
		"half of a length":  {"\x00\x00", "no answer: "},
		"nothing":           {"", "no answer: "},
		"garbage":           {"\x00\x00\x00\x03abc", "it is no message of Kerberos that was asked for"},
		"empty messages":    {"\x00\x00\x00\x02\x6b\x00", "it is no message of Kerberos"},
		"a false length":    {"\x00\x00\x00\x06\x6b\x84\xff\xff\xff\xff", "it is no message of Kerberos"},
	} {
		l := serve(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte(tc.sends))
		})
		login := askLiar(t, l.Addr().String(), "")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fails(t, name, login, tc.says)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: it took %d bytes of memory", name, took)
		}
	}
}

// TestHostileText: what a KDC writes is shown, escaped and cut.
func TestHostileText(t *testing.T) {
	t.Parallel()
	k := refuse(t, errorcode.KRB_ERR_GENERIC, "look: "+password+strings.Repeat("\x1b[31m\u202e\n", 10_000), nil)
	fails(t, "text", askLiar(t, k.Addr().String(), ""), `did not give svc@EXAMPLE.COM a ticket`, `\x1b[31m\u202e\n`)
	wrong := messages.NewKRBError(types.PrincipalName{NameType: 2, NameString: []string{"krbtgt", "EXAMPLE.COM"}}, "EXAMPLE.COM", errorcode.KDC_ERR_WRONG_REALM, "")
	wrong.CRealm = "O\x1bTHER" + password
	k = listen(t, func([]byte) []byte {
		b, err := wrong.Marshal()
		if err != nil {
			t.Error(err)
		}
		return b
	})
	fails(t, "realm", askLiar(t, k.Addr().String(), ""), `says that svc@EXAMPLE.COM is of the realm O\x1bTHER`)
	if n := k.asked.Load(); n != 1 {
		t.Errorf("another realm was followed: %d requests", n)
	}
}

// TestContextEnds: a context ends a fetch wherever it is, and nothing goes on without the
// caller: the connection is closed.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	for name, sends := range map[string]string{"nothing comes": "", "some comes": "\x00\x00\x01\x00abc"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		var closed atomic.Int32
		var ended atomic.Value
		login := askLiar(t, serve(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte(sends))
			ended.Store(time.Now())
			cancel(enough)
			gone(conn)
			closed.Add(1)
		}).Addr().String(), "")
		_, err := login.fetch(ctx)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, enough) || !strings.Contains(err.Error(), "a KDC of the realm EXAMPLE.COM (127.0.0.1:") || !strings.Contains(err.Error(), "was waited for") {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(ended.Load().(time.Time)); took > answerWithin-time.Second { // usually a millisecond
			t.Errorf("%s: it took %v", name, took)
		}
		for closed.Load() == 0 { // or the test runs out of time
			time.Sleep(time.Millisecond)
		}
	}
}

// TestSilence: a KDC that says nothing, or never comes to an end, is left after some
// seconds even by a caller who could wait, and the next one is asked. It is not asked again
// while that one answers.
func TestSilence(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	silent := serve(t, func(conn net.Conn) {
		asked.Add(1)
		done := make(chan struct{})
		go func() { defer close(done); gone(conn) }()
		_, _ = conn.Write([]byte("\x00\x00\xff\xff"))
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = conn.Write([]byte("x"))
			}
		}
	}).Addr().String()
	l := newLiar(t)
	login := askLiar(t, silent+"\n  kdc = "+listen(t, l.answer).Addr().String(), "")
	if _, err := login.fetch(t.Context()); err != nil || l.proofs.Load() != 1 || asked.Load() != 1 {
		t.Errorf("%v; %d proofs, and the silent one was asked %d times", err, l.proofs.Load(), asked.Load())
	}
}

// mute is a KDC that takes requests and says nothing. asked counts the connections.
func mute(t *testing.T, asked *atomic.Int32) string {
	t.Helper()
	return serve(t, func(conn net.Conn) { asked.Add(1); gone(conn) }).Addr().String()
}

// TestShortCalls: a KDC that is silent does not take the whole time of a call that another
// one could answer, and it is the last to be asked from then on.
func TestShortCalls(t *testing.T) {
	t.Parallel()
	var asked, askedToo atomic.Int32
	l := newLiar(t)
	honest := listen(t, l.answer).Addr().String()
	login := askLiar(t, mute(t, &asked)+"\n  kdc = "+mute(t, &askedToo)+"\n  kdc = "+honest, "")
	ctx, cancel := context.WithTimeout(t.Context(), 4*answerWithin/5) // 2 seconds are enough
	defer cancel()
	if _, err := login.fetch(ctx); err != nil || asked.Load() != 1 || askedToo.Load() != 1 {
		t.Errorf("%v; the silent ones were asked %d and %d times", err, asked.Load(), askedToo.Load())
	}
	// A call with too little time to reach the next one leaves that to the next call.
	login = askLiar(t, mute(t, &asked)+"\n  kdc = "+honest, "")
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := login.fetch(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if asked.Store(0); login.first["EXAMPLE.COM"] != honest {
		t.Errorf("%s is asked first", login.first["EXAMPLE.COM"])
	}
	if _, err := login.fetch(t.Context()); err != nil || asked.Load() != 0 {
		t.Errorf("%v; the silent one was asked %d times", err, asked.Load())
	}
}

// TestSlow: KDCs that all take longer than one gets first have the time that there is when
// all were asked.
func TestSlow(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	slow := func() string {
		return listen(t, func(request []byte) []byte {
			time.Sleep(firstWithin + firstWithin/2)
			return l.answer(request)
		}).Addr().String()
	}
	login := askLiar(t, slow()+"\n  kdc = "+slow(), "")
	if _, err := login.fetch(t.Context()); err != nil || l.proofs.Load() != 1 {
		t.Errorf("%v; %d proofs", err, l.proofs.Load())
	}
	// The only one has the whole time at once.
	l.signIns.Store(0)
	if _, err := askLiar(t, slow(), "").fetch(t.Context()); err != nil || l.signIns.Load() != 2 {
		t.Errorf("%v; asked %d times", err, l.signIns.Load())
	}
}

// lateContext has a deadline that has passed, and ends a little later, as one whose timer
// was not heard yet.
type lateContext struct {
	context.Context
	deadline time.Time
}

func (l lateContext) Deadline() (time.Time, bool) { return l.deadline, true }

func late(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return lateContext{ctx, time.Now().Add(-time.Millisecond)}
}

// TestDeadlineFirst: the network can tell that a deadline has passed before the context
// does. That is the end of this call, and nobody else's failure.
func TestDeadlineFirst(t *testing.T) {
	t.Parallel()
	login := askLiar(t, listen(t, newLiar(t).answer).Addr().String(), "")
	if _, err := login.fetch(late(t)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "was waited for") {
		t.Error(err)
	}
	s := newSharing(login.fetch)
	if _, err := s.value(late(t)); !errors.Is(err, context.DeadlineExceeded) || s.failed != 0 {
		t.Errorf("%v; %d failures for all", err, s.failed)
	}
	s.fetch = func(context.Context) (*lease, error) { return nil, errors.New("i/o timeout") }
	if _, err := s.value(late(t)); err == nil || s.failed != 0 {
		t.Errorf("%v; %d failures for all", err, s.failed)
	}
	endless := lateContext{context.WithoutCancel(t.Context()), time.Now()} // of another make, and does not end
	if err := ended(endless); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestNotSent: a proof that no KDC was reached for is not one that somebody counted.
func TestNotSent(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	var k *kdc
	k = listen(t, func(request []byte) []byte {
		_ = k.Close() // nobody is there for the proof
		return l.answer(request)
	})
	login := askLiar(t, k.Addr().String(), "")
	fails(t, "gone", login, "no KDC of the realm EXAMPLE.COM answered")
	if login.unsure != nil {
		t.Errorf("the password rests: %+v", login.unsure)
	}
	if n := l.proofs.Load(); n != 0 {
		t.Errorf("%d proofs were sent", n)
	}
}

// TestUnheard: a password that a KDC got and did not answer is sent twice, and then it
// rests: the KDC may have counted it as wrong.
func TestUnheard(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	for name, heard := range map[string][]byte{"garbage": []byte("x"), "nothing": nil} {
		k := listen(t, func(request []byte) []byte {
			before := l.proofs.Load()
			if answer := l.answer(request); l.proofs.Load() == before {
				return answer
			}
			return heard
		})
		login := askLiar(t, k.Addr().String(), "")
		for range 2 {
			fails(t, name, login)
		}
		for range 5 {
			fails(t, name, login, "no answer that could be used came in time", "had too little time; give them more. It is not tried again before", "could lock the account")
		}
		if n := l.proofs.Swap(0); n != 2 {
			t.Errorf("%s: the password was sent %d times", name, n)
		}
		login.unsure.until = time.Now().Add(-time.Second)
		fails(t, name, login)
		if rest := time.Until(login.unsure.until); l.proofs.Swap(0) != 1 || rest < firstPause || rest > 3*firstPause {
			t.Errorf("%s: it rests for %v after the third time", name, rest)
		}
		login.unsure.times, login.unsure.until = 1000, time.Now()
		fails(t, name, login)
		if rest := time.Until(login.unsure.until); l.proofs.Swap(0) != 1 || rest < longestPause/2 || rest > longestPause {
			t.Errorf("%s: it rests for %v in the end", name, rest)
		}
		login.settings.Password = security.NewSecret("Another") // a new one is sent
		fails(t, name, login)
		if n := l.proofs.Swap(0); n != 1 {
			t.Errorf("%s: a new password was sent %d times", name, n)
		}
	}
}

// TestSessionKeyOfAnotherType: a keytab has keys of one type, and the KDC makes no key of
// that type for the session. It is asked again, with the other types too.
func TestSessionKeyOfAnotherType(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	var refused atomic.Int32
	k := listen(t, func(request []byte) []byte {
		var as messages.ASReq
		if as.Unmarshal(request) == nil && len(as.ReqBody.EType) == 1 {
			refused.Add(1)
			return refusalOf(l, errorcode.KDC_ERR_ETYPE_NOSUPP, "", nil)
		}
		return l.answer(request)
	})
	kt := keytab.New()
	if err := kt.AddEntry("svc", "EXAMPLE.COM", password, time.Now(), 1, l.key.KeyType); err != nil {
		t.Fatal(err)
	}
	data, err := kt.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	login := askLiar(t, k.Addr().String(), "")
	login.settings.Keytab = write(t, "keytab", string(data), 0o600)
	if _, err := login.fetch(t.Context()); err != nil || refused.Load() != 1 {
		t.Errorf("refused %d times: %v", refused.Load(), err)
	}
}

// TestUnheardByMany: a KDC that got a password and did not answer may have counted it, and
// the domain controllers of a domain count together. So no other one gets it from the same
// call. The next call begins with another one.
func TestUnheardByMany(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	deaf := func() string {
		return listen(t, func(request []byte) []byte {
			before := l.proofs.Load()
			if answer := l.answer(request); l.proofs.Load() == before {
				return answer
			}
			return nil
		}).Addr().String()
	}
	first := deaf()
	login := askLiar(t, first+"\n  kdc = "+deaf()+"\n  kdc = "+deaf(), "")
	fails(t, "three", login, "no KDC of the realm EXAMPLE.COM answered ("+first+")")
	if n := l.proofs.Swap(0); n != 1 {
		t.Errorf("the password was sent %d times in one call", n)
	}
	login = askLiar(t, deaf()+"\n  kdc = "+listen(t, l.answer).Addr().String(), "")
	fails(t, "two", login)
	if _, err := login.fetch(t.Context()); err != nil || l.proofs.Load() != 2 {
		t.Errorf("%v; the password was sent %d times", err, l.proofs.Load())
	}
}

// TestUnavailable: a KDC that says so is no reason to give up, whatever it was asked.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]int32{"from the first request on": 1, "for a proof": 2, "for the service": 3} {
		l := newLiar(t)
		var asked atomic.Int32
		k := listen(t, func(request []byte) []byte {
			if asked.Add(1) >= from {
				return refusalOf(l, errorcode.KDC_ERR_SVC_UNAVAILABLE, "", nil)
			}
			return l.answer(request)
		}).Addr().String()
		if _, err := askLiar(t, k+"\n  kdc = "+listen(t, l.answer).Addr().String(), "").fetch(t.Context()); err != nil || asked.Load() != from {
			t.Errorf("%s: %v; it was asked %d times", name, err, asked.Load())
		}
		fails(t, name+", alone", askLiar(t, k, ""), "no KDC of the realm EXAMPLE.COM answered", "it says that it is not available")
	}
}

// TestDatagrams: over UDP, too, what comes is not trusted, and a KDC that is not there is
// told at once. It does not run beside other tests, which could listen for TCP at its port.
func TestDatagrams(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0") // where nobody listens for TCP
	if err != nil {
		t.Fatal(err)
	}
	var sends atomic.Value
	sends.Store([]byte("x"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := make([]byte, 4096); ; {
			_, from, err := packets.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(sends.Load().([]byte), from)
		}
	}()
	login := askLiar(t, packets.LocalAddr().String(), " udp_preference_limit = 1465\n")
	fails(t, "garbage", login, "no message of Kerberos")
	sends.Store([]byte{})
	fails(t, "nothing", login, "no message of Kerberos")
	if err := packets.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	fails(t, "nobody", login, "no KDC of the realm EXAMPLE.COM answered", "tcp 127.0.0.1:", "udp 127.0.0.1:")
	err = fails(t, "TCP only", askLiar(t, packets.LocalAddr().String(), ""), "no KDC of the realm EXAMPLE.COM answered", "tcp 127.0.0.1:")
	if err != nil && strings.Contains(err.Error(), "udp ") {
		t.Errorf("UDP was tried, too: %v", err)
	}
}

// names is a DNS server that answers every question with so many KDCs at a port, and
// none at all if that is negative. asked counts the questions.
func names(t *testing.T, count, port int, asked *atomic.Int32) *net.Resolver {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := make([]byte, 4096); ; {
			n, from, err := packets.ReadFrom(b)
			if err != nil {
				return
			}
			asked.Add(1)
			question := b[12:n]
			for i := 0; i < len(question); i += 1 + int(question[i]) { // labels, up to the root
				if question[i] == 0 {
					question = question[:i+5]
					break
				}
			}
			if count < 0 {
				continue
			}
			answer := append([]byte{b[0], b[1], 0x81, 0x80, 0, 1, 0, byte(count), 0, 0, 0, 0}, question...)
			for range count {
				answer = append(answer, 0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 17, 0, 1, 0, 1)
				answer = binary.BigEndian.AppendUint16(answer, uint16(port))
				answer = append(answer, "\x09localhost\x00"...)
			}
			_, _ = packets.WriteTo(answer, from)
		}
	}()
	t.Cleanup(func() { _ = packets.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", packets.LocalAddr().String())
	}}
}

// TestDNS: KDCs are found in DNS if krb5.conf says so, not too many of them, and a name
// server that does not answer holds nobody.
func TestDNS(t *testing.T) {
	t.Parallel()
	ask := func(resolver *net.Resolver) *login {
		l := askLiar(t, "", "", "OTHER.EXAMPLE.COM")
		l.settings.ConfigFile = write(t, "krb5.conf", "[libdefaults]\n default_realm = EXAMPLE.COM\n dns_lookup_kdc = true\n udp_preference_limit = 1\n", 0o600)
		l.resolver = resolver
		return l
	}
	honest := newLiar(t)
	var asked atomic.Int32
	if _, err := ask(names(t, 1, listen(t, honest.answer).Addr().(*net.TCPAddr).Port, &asked)).fetch(t.Context()); err != nil {
		t.Error(err)
	}
	k := listen(t, func([]byte) []byte { return nil })
	fails(t, "20 KDCs", ask(names(t, 20, k.Addr().(*net.TCPAddr).Port, &asked)), "no KDC of the realm EXAMPLE.COM answered (found in DNS)")
	if n := k.asked.Load(); n != maxFound {
		t.Errorf("%d KDCs were asked, want %d", n, maxFound)
	}
	fails(t, "none", ask(names(t, 0, 1, &asked)), "no KDC of the realm EXAMPLE.COM was found in DNS (_kerberos._tcp.EXAMPLE.COM was asked for); check the realm", "no such host")
	asked.Store(0)
	fails(t, "silence", ask(names(t, -1, 1, &asked)), "no KDC of the realm EXAMPLE.COM was found in DNS", "timeout")
	if n := asked.Load(); n != 1 { // Go asks again after 5 seconds
		t.Errorf("a silent name server was asked %d times", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(names(t, -1, 1, &asked)).fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
