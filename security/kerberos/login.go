package kerberos

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
)

// ticket is a ticket with its key.
type ticket struct {
	name      types.PrincipalName // whose
	realm     string              // where that is
	ticket    messages.Ticket
	key       types.EncryptionKey
	from, end time.Time
	renewTill time.Time
}

func issued(reply *messages.KDCRepFields) *ticket {
	part := &reply.DecryptedEncPart
	return &ticket{reply.CName, reply.CRealm, reply.Ticket, part.Key, time.Now(), part.EndTime, part.RenewTill}
}

// fresh reports whether a ticket is not about to be renewed.
func (t *ticket) fresh() bool {
	l := lease{from: t.from, end: t.end}
	return time.Now().Before(l.ahead())
}

// begun reports whether a ticket is valid already, by a clock that may differ. One that is
// postdated is not.
func (t *ticket) begun(skew time.Duration) bool { return !t.from.After(time.Now().Add(skew)) }

// login gets tickets for one client. One call at a time fetches.
type login struct {
	settings security.Kerberos
	spn      string
	signedIn func(principal string)
	resolver *net.Resolver // nil for the machine's

	tgt     *ticket           // the last one
	lent    []byte            // the ticket for the service that a credential cache had
	refused *refusal          // the last credential that was refused
	unsure  *doubt            // the last credential whose refusal may not have been heard
	first   map[string]string // which KDC of a realm is asked first

	writing sync.Mutex // one authenticator at a time
	written int64      // when the last one was, in microseconds
}

func newLogin(settings security.Kerberos, spn string, signedIn func(principal string)) *login {
	return &login{settings: settings, spn: spn, signedIn: signedIn, first: map[string]string{}}
}

// refusal is a credential that a KDC refused.
type refusal struct {
	credential [sha256.Size]byte
	err        error
}

// doubt is a credential that was sent, so often without an answer that could be used. A
// KDC may have counted each as a wrong password.
type doubt struct {
	credential [sha256.Size]byte
	times      int
	until      time.Time // when it may be sent again
}

// How long a credential is not sent after it was sent twice without an answer, and then
// each time twice as long. Accounts are usually locked by 5 to 10 wrong passwords within 15
// to 30 minutes. The first time may just be a caller that gave up.
const (
	firstPause   = time.Minute
	longestPause = 15 * time.Minute
)

// fetch gets a ticket for the service.
func (l *login) fetch(ctx context.Context) (*lease, error) {
	conf, err := readConfig(l.settings.ConfigFile)
	if err != nil {
		return nil, fmt.Errorf("no Kerberos ticket: %w", err)
	}
	t, err := l.serviceTicket(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("no Kerberos ticket for %s: %w", show.Text(l.spn, maxShown), err)
	}
	l.signedIn(t.name.PrincipalNameString() + "@" + t.realm)
	owner := &client.Client{Credentials: credentials.NewFromPrincipalName(t.name, t.realm)}
	return &lease{from: t.from, end: t.end, negotiate: func() (string, error) { return l.negotiate(owner, t) }}, nil
}

// negotiate is the value of an Authorization header, with a new authenticator. No two
// are of the same microsecond: a server would take the second for a replay. A clock that
// was set back keeps nobody waiting.
func (l *login) negotiate(owner *client.Client, t *ticket) (string, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	for time.Now().UnixMicro() == l.written {
		time.Sleep(time.Microsecond) //nolint:forbidigo // hardly ever, and until a coarse clock moves
	}
	defer func() { l.written = time.Now().UnixMicro() }()
	init, err := spnego.NewNegTokenInitKRB5(owner, t.ticket, t.key)
	if err != nil {
		return "", errors.New("the Kerberos library could not use the ticket")
	}
	token := spnego.SPNEGOToken{Init: true, NegTokenInit: init}
	b, err := token.Marshal()
	if err != nil {
		return "", errors.New("the Kerberos library could not write the token")
	}
	return "Negotiate " + base64.StdEncoding.EncodeToString(b), nil
}

// serviceTicket signs in, unless a ticket-granting ticket is left, and gets the ticket.
func (l *login) serviceTicket(ctx context.Context, conf *krb5conf) (*ticket, error) {
	spn, realm, _ := strings.Cut(l.spn, "@")
	if realm == "" {
		_, host, _ := strings.Cut(spn, "/")
		realm = conf.realmOf(host)
	}
	if l.settings.CCache != "" {
		c, err := l.cache()
		if err != nil {
			return nil, err
		}
		// Once: if the server refuses it, another one is needed.
		if t := c.service(spn, realm); t != nil && t.fresh() && t.begun(conf.LibDefaults.Clockskew) &&
			sound(t.key, conf.LibDefaults.PermittedEnctypeIDs) && !bytes.Equal(t.ticket.EncPart.Cipher, l.lent) {
			l.lent = t.ticket.EncPart.Cipher
			return t, nil
		}
		tgt, err := l.fromCache(ctx, conf, c)
		if err != nil {
			return nil, err
		}
		return l.reach(ctx, conf, tgt, spn, realm)
	}
	if l.tgt != nil && l.tgt.fresh() {
		t, err := l.reach(ctx, conf, l.tgt, spn, realm)
		if err == nil || !spoiled(err) {
			return t, err
		}
		// The KDC got a new key, or was replaced.
	}
	tgt, err := l.signIn(ctx, conf)
	if err != nil {
		return nil, err
	}
	l.tgt = tgt
	return l.reach(ctx, conf, tgt, spn, realm)
}

// cache is the credential cache, if it is of whom the settings say.
func (l *login) cache() (*cached, error) {
	c, err := readCache(l.settings.CCache)
	if err != nil {
		return nil, err
	}
	want, realm, _ := strings.Cut(l.settings.Username, "@")
	realm = cmp.Or(realm, l.settings.Realm)
	if want != "" && want != c.name.PrincipalNameString() || realm != "" && realm != c.realm {
		if want == "" {
			want = "the realm " + realm
		} else if realm != "" {
			want += "@" + realm
		}
		return nil, fmt.Errorf("the credential cache %s holds tickets of %s, and not of %s; correct one of them (case counts)",
			show.Text(l.settings.CCache, maxShown), show.Text(c.principal(), maxShown), show.Text(want, maxShown))
	}
	return c, nil
}

// fromCache is the ticket-granting ticket in a credential cache, renewed if it is about to
// end and can be.
func (l *login) fromCache(ctx context.Context, conf *krb5conf, c *cached) (*ticket, error) {
	file, principal := show.Text(l.settings.CCache, maxShown), c.principal()
	tgt := c.tgt
	if tgt == nil {
		return nil, unauthorizedf("the credential cache %s holds no ticket-granting ticket of %s; run kinit for it", file, show.Text(principal, maxShown))
	}
	if l.tgt != nil && l.tgt.realm == tgt.realm && l.tgt.name.Equal(tgt.name) && l.tgt.end.After(tgt.end) {
		tgt = l.tgt // renewed before
	}
	if !time.Now().Before(tgt.end) {
		return nil, unauthorizedf("the ticket of %s in the credential cache %s expired at %s; run kinit for it, or have something renew it",
			show.Text(principal, maxShown), file, tgt.end.Format(time.RFC3339))
	}
	if !sound(tgt.key, conf.LibDefaults.PermittedEnctypeIDs) {
		return nil, fmt.Errorf("the ticket of %s in the credential cache %s has a key of the encryption type %d, which %s does not permit; run kinit with AES allowed",
			show.Text(principal, maxShown), file, tgt.key.KeyType, conf.file)
	}
	if !tgt.fresh() && time.Now().Before(tgt.renewTill) {
		if renewed, err := l.grant(ctx, conf, tgt, tgt.realm, types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "krbtgt/"+tgt.realm), flags.Renew); err == nil {
			l.tgt, tgt = renewed, renewed
		} // if not, there is some time left
	}
	return tgt, nil
}

// signIn gets a ticket-granting ticket with the keytab or the password.
func (l *login) signIn(ctx context.Context, conf *krb5conf) (*ticket, error) {
	who, secret, err := l.account(conf)
	if err != nil {
		return nil, err
	}
	principal := who.name.PrincipalNameString() + "@" + who.realm
	credential := sha256.Sum256(append([]byte(principal+"\x00"), secret...))
	if l.refused != nil && l.refused.credential == credential {
		return nil, l.refused.err
	}
	if l.unsure != nil && l.unsure.credential == credential && time.Now().Before(l.unsure.until) {
		return nil, fmt.Errorf("the KDC of the realm %s got the credential of %s and no answer that could be used came in time: the KDC is slow or silent, or the calls had too little time; "+
			"give them more. It is not tried again before %s, because that could lock the account",
			show.Text(who.realm, maxShown), show.Text(principal, maxShown), l.unsure.until.Format(time.RFC3339))
	}
	if err := conf.findable(who.realm); err != nil {
		return nil, err
	}
	trying := func(underway bool) {
		if !underway {
			l.unsure = nil
			return
		}
		next := doubt{credential: credential, times: 1}
		if before := l.unsure; before != nil && before.credential == credential {
			next.times = before.times + 1
			next.until = time.Now().Add(min(firstPause<<min(before.times-1, 10), longestPause))
		}
		l.unsure = &next
	}
	tgt, err := l.authenticate(ctx, conf, who, trying)
	if refusal, ok := errors.AsType[messages.KRBError](err); ok && refusal.ErrorCode == errorcode.KDC_ERR_ETYPE_NOSUPP && len(who.offered) < len(conf.LibDefaults.DefaultTktEnctypeIDs) {
		who.offered = append(who.offered, conf.LibDefaults.DefaultTktEnctypeIDs...) // for the key of the session
		tgt, err = l.authenticate(ctx, conf, who, trying)
	}
	if err == nil {
		return tgt, nil
	}
	s := situation{conf: conf, principal: principal, realm: who.realm, keytab: l.settings.Keytab, hide: l.settings.Password.Reveal()}
	f := s.explain(err)
	if f.final {
		until := ""
		if l.settings.Keytab != "" {
			until = " before the keytab changes"
		}
		l.refused = &refusal{credential, fmt.Errorf("%w (refused at %s, and not tried again%s)", f, time.Now().Format(time.RFC3339), until)}
	}
	return nil, f
}

// account is who signs in, and the secret that this takes.
func (l *login) account(conf *krb5conf) (who *account, secret []byte, err error) {
	name, realm, _ := strings.Cut(l.settings.Username, "@")
	realm = cmp.Or(realm, l.settings.Realm, conf.LibDefaults.DefaultRealm)
	who = &account{usable: conf.LibDefaults.DefaultTktEnctypeIDs}
	if l.settings.Keytab != "" {
		kt, data, err := readKeytab(l.settings.Keytab)
		if err != nil {
			return nil, nil, err
		}
		file, held := show.Text(l.settings.Keytab, maxShown), principals(kt)
		if name == "" {
			if len(held) != 1 {
				return nil, nil, fmt.Errorf("the keytab %s holds keys of several principals (%s), and no name says which; give one as Username (KEYFACTOR_AUTH_KRB_USERNAME, username)", file, list(held))
			}
			at := strings.LastIndex(held[0], "@")
			name, realm = held[0][:at], held[0][at+1:]
		}
		principal := name + "@" + realm
		if realm != "" && !slices.Contains(held, principal) {
			return nil, nil, fmt.Errorf("the keytab %s holds no key of %s, but of: %s; correct the name or the realm (case counts), or give another keytab",
				file, show.Text(principal, maxShown), list(held))
		}
		kinds := etypes(kt, principal)
		who.usable = slices.DeleteFunc(slices.Clone(who.usable), func(id int32) bool { return !slices.Contains(kinds, id) })
		if realm != "" && len(who.usable) == 0 {
			return nil, nil, fmt.Errorf("the keytab %s holds only keys of %s of encryption types that are not used (%v): weak ones, or ones that %s does not allow; "+
				"make a keytab with AES keys. RC4 (23) has to be named in permitted_enctypes", file, show.Text(principal, maxShown), kinds, conf.file)
		}
		who.key = func(h hint) (types.EncryptionKey, error) { return fromKeytab(kt, principal, h.kind) }
		secret = data
	} else {
		password := l.settings.Password.Reveal()
		who.key = func(h hint) (types.EncryptionKey, error) { return fromPassword(password, who.name, who.realm, h) }
		secret = []byte(password)
	}
	if realm == "" {
		return nil, nil, fmt.Errorf("no realm is given; give it as Realm (KEYFACTOR_AUTH_KRB_REALM, kerberos_realm), write it into the name (\"svc@EXAMPLE.COM\"), or set default_realm in %s", conf.file)
	}
	if len(who.usable) == 0 {
		return nil, nil, fmt.Errorf("%s allows no encryption type that is used: permitted_enctypes and default_tkt_enctypes have no AES in common; name aes256-cts and aes128-cts in both", conf.file)
	}
	// A KDC chooses among the types that it is offered, and not among the keys in a keytab.
	who.offered = slices.Clone(who.usable)
	who.name, who.realm = types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, name), realm
	return who, secret, nil
}

// list is names as they may be shown.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return show.Text(strings.Join(names, ", "), maxShown)
}
