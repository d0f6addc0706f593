package kerberos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/commandsec/commandsec-go/internal/show"
)

// The two exchanges with a KDC (RFC 4120, sections 3.1 and 3.3). The messages and the
// cryptography are the library's. The exchanges of its client are not used: they know no
// contexts, and do what a KDC says, whatever memory or time that takes.

// distrust is why an answer is not used. Anybody on the way to a KDC can write one.
type distrust string

func (d distrust) Error() string { return string(d) }

var (
	errWrongKey   = errors.New("the key does not decrypt the answer")
	errSkew       = errors.New("clock skew")
	errOtherProof = errors.New("it wants another proof than a password or key, such as a smart card or FAST armor")
)

// decode reads an answer: a message as it is wanted, or an error that a KDC reports. What
// the library says about one that is neither is not shown: it quotes the answer.
func decode(answer []byte, message interface{ Unmarshal(data []byte) error }) error {
	var refusal messages.KRBError
	if refusal.Unmarshal(answer) == nil {
		return refusal
	}
	if message.Unmarshal(answer) != nil {
		return distrust("it is no message of Kerberos that was asked for")
	}
	return nil
}

// account is who signs in, and the keys that this takes.
type account struct {
	name    types.PrincipalName
	realm   string
	usable  []int32 // encryption types that there can be a key of
	offered []int32 // those, and maybe more for the key of the session
	key     func(hint) (types.EncryptionKey, error)
}

// authenticate gets a ticket-granting ticket. trying is told before the key is used for
// something that a KDC can count as a wrong password, and when the KDC said whether it was.
func (l *login) authenticate(ctx context.Context, conf *krb5conf, who *account, trying func(underway bool)) (*ticket, error) {
	request, err := messages.NewASReqForTGT(who.realm, conf.Config, who.name)
	if err != nil {
		return nil, err
	}
	request.ReqBody.EType = who.offered
	if !l.settings.DisablePAFXFast {
		request.PAData = append(request.PAData, types.PAData{PADataType: patype.PA_REQ_ENC_PA_REP})
	}
	var reply messages.ASRep
	var key types.EncryptionKey
	sent, err := l.send(ctx, conf, who.realm, &request, &reply, false)
	if refusal, ok := errors.AsType[messages.KRBError](err); ok && refusal.ErrorCode == errorcode.KDC_ERR_PREAUTH_REQUIRED {
		var stamp types.PAData
		if key, stamp, err = who.prove(refusal.EData); err != nil {
			return nil, err
		}
		request.PAData = append(request.PAData, stamp)
		before := l.unsure
		trying(true)
		sent, err = l.send(ctx, conf, who.realm, &request, &reply, true)
		if _, refused := errors.AsType[messages.KRBError](err); refused || err == nil {
			trying(false)
		} else if none, ok := errors.AsType[*unanswered](err); ok && !none.reached {
			l.unsure = before // nobody got it
		}
	}
	if err != nil {
		return nil, err
	}
	if key, err = who.open(&reply, key); err != nil {
		return nil, err
	}
	if err := conf.check(&reply.KDCRepFields, &request.ReqBody, who.name, who.realm, reply.DecryptedEncPart.AuthTime); err != nil {
		return nil, err
	}
	if server := request.ReqBody.SName; !reply.Ticket.SName.Equal(server) {
		return nil, distrust("it is about the service " + reply.Ticket.SName.PrincipalNameString())
	}
	if err := confirmed(&reply.DecryptedEncPart, request.PAData, sent, key); err != nil {
		return nil, err
	}
	return issued(&reply.KDCRepFields), nil
}

// send sends a request, which may be proof of a password, and decodes the answer into
// reply. It returns what was sent.
func (l *login) send(ctx context.Context, conf *krb5conf, realm string,
	request interface{ Marshal() ([]byte, error) }, reply interface{ Unmarshal(data []byte) error }, proof bool,
) ([]byte, error) {
	sent, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	answer, err := l.ask(ctx, conf, realm, sent, proof)
	if err != nil {
		return nil, err
	}
	return sent, decode(answer, reply)
}

// prove encrypts the time with the key that a KDC wants.
func (who *account) prove(wanted []byte) (types.EncryptionKey, types.PAData, error) {
	var data types.PADataSequence
	if err := data.Unmarshal(wanted); err != nil {
		return types.EncryptionKey{}, types.PAData{}, distrust("what it wants to be told first cannot be read")
	}
	h, err := hintOf(data, who.usable)
	if err == nil && h == nil { // it has no key of any type that it was offered (RFC 4120, section 5.2.7.5)
		err = &noCommonType{}
	}
	if err == nil && !data.Contains(patype.PA_ENC_TIMESTAMP) { // it could count what it does not take as a wrong password
		err = errOtherProof
	}
	if err != nil {
		return types.EncryptionKey{}, types.PAData{}, err
	}
	key, err := who.key(*h)
	if err != nil {
		return types.EncryptionKey{}, types.PAData{}, err
	}
	now, err := types.GetPAEncTSEncAsnMarshalled()
	if err != nil {
		return types.EncryptionKey{}, types.PAData{}, err
	}
	sealed, err := crypto.GetEncryptedData(now, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, 0)
	if err != nil {
		return types.EncryptionKey{}, types.PAData{}, err
	}
	value, err := sealed.Marshal()
	return key, types.PAData{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: value}, err
}

// open decrypts what a KDC encrypted with the account's key, and returns that. known is
// the key that it took before, if it asked for one.
func (who *account) open(reply *messages.ASRep, known types.EncryptionKey) (types.EncryptionKey, error) {
	kind, key := reply.EncPart.EType, known
	if !slices.Contains(who.usable, kind) {
		return key, &noCommonType{[]int32{kind}}
	}
	if key.KeyType != kind {
		h, err := hintOf(reply.PAData, []int32{kind})
		if err != nil {
			return key, err
		}
		if h == nil {
			h = &hint{kind: kind} // made as usual
		}
		if key, err = who.key(*h); err != nil {
			return key, err
		}
	}
	err := decrypt(&reply.KDCRepFields, key, keyusage.AS_REP_ENCPART)
	if errors.Is(err, errWrongKey) && known.KeyValue != nil {
		err = distrust("it is not encrypted with the key that the KDC took before")
	}
	return key, err
}

// decrypt decrypts the part of an answer that only a KDC can write.
func decrypt(reply *messages.KDCRepFields, key types.EncryptionKey, usage uint32) error {
	kind, err := crypto.GetEtype(key.KeyType)
	if err != nil {
		return err
	}
	if len(reply.EncPart.Cipher) < kind.GetConfounderByteSize()+kind.GetHMACBitLength()/8 { // over which the library panics
		return distrust("what is encrypted in it is too short")
	}
	plain, err := crypto.DecryptEncPart(reply.EncPart, key, usage)
	if err != nil {
		return errWrongKey
	}
	if reply.DecryptedEncPart.Unmarshal(plain) != nil {
		return distrust("what is encrypted in it cannot be read")
	}
	return nil
}

// check compares an answer with the request. The library does so too, but makes keys of
// passwords on the way, and looks at less. given is the KDC's time, zero if it told none.
func (conf *krb5conf) check(reply *messages.KDCRepFields, request *messages.KDCReqBody, name types.PrincipalName, realm string, given time.Time) error {
	part, now, skew := &reply.DecryptedEncPart, time.Now(), conf.LibDefaults.Clockskew
	switch {
	case part.Nonce != request.Nonce:
		return distrust("it answers another request")
	case !reply.CName.Equal(name) || reply.CRealm != realm:
		return distrust("it is about the account " + reply.CName.PrincipalNameString() + "@" + reply.CRealm + " (case counts)")
	case part.SRealm != request.Realm:
		return distrust("it is of the realm " + part.SRealm + ", and " + request.Realm + " was asked")
	case reply.Ticket.Realm != request.Realm:
		return distrust("the ticket in it is of the realm " + reply.Ticket.Realm + ", and " + request.Realm + " was asked")
	case !part.SName.Equal(reply.Ticket.SName):
		return distrust("the key in it is for " + part.SName.PrincipalNameString() + ", and the ticket for " + reply.Ticket.SName.PrincipalNameString())
	case len(request.Addresses) > 0 && len(part.CAddr) > 0 && !types.HostAddressesEqual(part.CAddr, request.Addresses):
		return distrust("the ticket in it is for other addresses than those of this machine")
	case !sound(part.Key, conf.LibDefaults.PermittedEnctypeIDs):
		return &noCommonType{[]int32{part.Key.KeyType}}
	case !given.IsZero() && given.Sub(now).Abs() > skew:
		return errSkew
	case !part.EndTime.After(now):
		return distrust("the ticket in it ended at " + part.EndTime.Format(time.RFC3339))
	}
	return nil
}

// confirmed checks what a KDC says of the request that it got, if it was asked to say so
// and knows how (RFC 6806, section 11): nobody took from it what was offered. Whether the
// KDC does FAST does not matter, as FAST is not used.
func confirmed(part *messages.EncKDCRepPart, asked types.PADataSequence, sent []byte, key types.EncryptionKey) error {
	if !asked.Contains(patype.PA_REQ_ENC_PA_REP) || len(part.Flags.Bytes) < 4 || !types.IsFlagSet(&part.Flags, flags.EncPARep) {
		return nil
	}
	for _, d := range part.EncPAData {
		if d.PADataType != patype.PA_REQ_ENC_PA_REP {
			continue
		}
		var sum types.PAReqEncPARep
		if sum.Unmarshal(d.PADataValue) != nil {
			break
		}
		kind, err := crypto.GetChksumEtype(sum.ChksumType)
		if err == nil && kind.GetETypeID() == key.KeyType && kind.VerifyChecksum(key.KeyValue, sent, sum.Chksum, keyusage.KEY_USAGE_AS_REQ) {
			return nil
		}
	}
	return distrust("the KDC got another request than the one that was sent")
}

// grant gets a ticket from the KDC of a realm with a ticket-granting ticket for it. What
// comes may be a ticket-granting ticket for a realm that is nearer to the service.
func (l *login) grant(ctx context.Context, conf *krb5conf, tgt *ticket, realm string, server types.PrincipalName, options ...int) (*ticket, error) {
	request, err := messages.NewTGSReq(tgt.name, realm, conf.Config, tgt.ticket, tgt.key, server, slices.Contains(options, flags.Renew))
	if err != nil {
		return nil, err
	}
	types.SetFlags(&request.ReqBody.KDCOptions, options)
	if request.PAData, err = tgt.present(&request.ReqBody); err != nil {
		return nil, err
	}
	var reply messages.TGSRep
	if _, err := l.send(ctx, conf, realm, &request, &reply, false); err != nil {
		return nil, err
	}
	if err := decrypt(&reply.KDCRepFields, tgt.key, keyusage.TGS_REP_ENCPART_SESSION_KEY); err != nil {
		return nil, err
	}
	if err := conf.check(&reply.KDCRepFields, &request.ReqBody, tgt.name, tgt.realm, reply.DecryptedEncPart.StartTime); err != nil {
		return nil, err
	}
	t := issued(&reply.KDCRepFields)
	if !t.ticket.SName.Equal(server) && (t.opens() == "" || slices.Contains(options, flags.Renew)) {
		return nil, distrust("it is about the service " + t.ticket.SName.PrincipalNameString())
	}
	return t, nil
}

// present is what shows a KDC that somebody holds a ticket-granting ticket. The library
// names the realm that the ticket is from, and not that of its holder, which is wrong for
// the second realm on the way and later.
func (t *ticket) present(body *messages.KDCReqBody) (types.PADataSequence, error) {
	b, err := body.Marshal()
	if err != nil {
		return nil, err
	}
	kind, err := crypto.GetEtype(t.key.KeyType)
	if err != nil {
		return nil, err
	}
	sum, err := kind.GetChecksumHash(t.key.KeyValue, b, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR_CHKSUM)
	if err != nil {
		return nil, err
	}
	authenticator, err := types.NewAuthenticator(t.realm, t.name)
	if err != nil {
		return nil, err
	}
	authenticator.Cksum = types.Checksum{CksumType: kind.GetHashID(), Checksum: sum}
	request, err := messages.NewAPReq(t.ticket, t.key, authenticator)
	if err != nil {
		return nil, err
	}
	value, err := request.Marshal()
	return types.PADataSequence{{PADataType: patype.PA_TGS_REQ, PADataValue: value}}, err
}

// opens is the realm that a ticket is a ticket-granting ticket for, "" if it is none.
func (t *ticket) opens() string {
	if parts := t.ticket.SName.NameString; len(parts) == 2 && parts[0] == "krbtgt" {
		return parts[1]
	}
	return ""
}

// maxHops is how many realms are passed through at most.
const maxHops = 10

// reach gets a ticket for a service, in its realm if that is known. Otherwise the KDCs say
// which realm comes next (RFC 6806, section 8), as they do on the way to a realm that is
// known and that the own one does not trust directly.
func (l *login) reach(ctx context.Context, conf *krb5conf, tgt *ticket, spn, realm string) (*ticket, error) {
	at, way := tgt.opens(), []string(nil)
	for {
		server, options := types.NewPrincipalName(nametype.KRB_NT_SRV_INST, spn), []int{flags.Canonicalize}
		if realm != "" {
			options = nil
			if at != realm {
				server.NameString = []string{"krbtgt", realm}
			}
		}
		if err := conf.findable(at); err != nil {
			return nil, err
		}
		t, err := l.grant(ctx, conf, tgt, at, server, options...)
		if err != nil {
			s := situation{conf: conf, principal: tgt.name.PrincipalNameString() + "@" + tgt.realm, realm: at, spn: server.PrincipalNameString()}
			return nil, s.explain(err)
		}
		next := t.opens()
		if next == "" {
			return t, nil
		}
		if way = append(way, at); slices.Contains(way, next) || len(way) > maxHops {
			return nil, fmt.Errorf("the KDCs refer from realm to realm (%s) without an end; name the realm of the service in the SPN (%s@REALM), or in [domain_realm] in %s",
				list(append(way, next)), show.Text(spn, maxShown), conf.file)
		}
		tgt, at = t, next
	}
}
