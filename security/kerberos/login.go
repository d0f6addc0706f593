package kerberos

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/krberror"
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

func issued(owner *credentials.Credentials, t messages.Ticket, part messages.EncKDCRepPart) *ticket { //nolint:gocritic // as the library returns it
	return &ticket{owner.CName(), owner.Domain(), t, part.Key, time.Now(), part.EndTime, part.RenewTill}
}

// fresh reports whether a ticket is not about to be renewed.
func (t *ticket) fresh() bool {
	l := lease{from: t.from, end: t.end}
	return time.Now().Before(l.ahead())
}

// login gets tickets for one client. One goroutine at a time calls fetch.
type login struct {
	settings security.Kerberos
	spn      string
	signedIn func(principal string)

	tgt     *ticket  // the last one
	refused *refusal // the last credential that was refused

	writing sync.Mutex // one authenticator at a time
	written int64      // when the last one was, in microseconds
}

// refusal is a credential that a KDC refused.
type refusal struct {
	credential [sha256.Size]byte
	err        error
}

// fetch gets a ticket for the service.
func (l *login) fetch() (*lease, error) {
	conf, err := readConfig(l.settings.ConfigFile)
	if err != nil {
		return nil, fmt.Errorf("no Kerberos ticket: %w", err)
	}
	t, err := l.serviceTicket(conf)
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
func (l *login) serviceTicket(conf *config.Config) (*ticket, error) {
	if l.settings.CCache != "" {
		tgt, err := l.fromCache(conf)
		if err != nil {
			return nil, err
		}
		return l.grant(conf, tgt)
	}
	if l.tgt != nil && l.tgt.fresh() {
		t, err := l.grant(conf, l.tgt)
		if err == nil || !spoiled(err) {
			return t, err
		}
		// The KDC got a new key, or was replaced.
	}
	tgt, err := l.signIn(conf)
	if err != nil {
		return nil, err
	}
	l.tgt = tgt
	return l.grant(conf, tgt)
}

// fromCache is the ticket-granting ticket in the credential cache, renewed if it is
// about to end and can be.
func (l *login) fromCache(conf *config.Config) (*ticket, error) {
	c, err := readCache(l.settings.CCache)
	if err != nil {
		return nil, err
	}
	file, principal := show.Text(l.settings.CCache, maxShown), c.name.PrincipalNameString()+"@"+c.realm
	if want := l.settings.Username; want != "" && want != principal && want != c.name.PrincipalNameString() {
		return nil, fmt.Errorf("the credential cache %s holds tickets of %s, and not of %s; correct one of them",
			file, show.Text(principal, maxShown), show.Text(want, maxShown))
	}
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
	if !tgt.fresh() && time.Now().Before(tgt.renewTill) {
		if renewed, err := exchange(conf, tgt, "krbtgt/"+tgt.realm, tgt.realm, true); err == nil {
			l.tgt, tgt = renewed, renewed
		} // if not, there is some time left
	}
	return tgt, nil
}

// signIn gets a ticket-granting ticket with the keytab or the password.
func (l *login) signIn(conf *config.Config) (*ticket, error) {
	name, realm, _ := strings.Cut(l.settings.Username, "@")
	for _, other := range []string{l.settings.Realm, conf.LibDefaults.DefaultRealm} {
		if realm == "" {
			realm = other
		}
	}
	var cl *client.Client
	var secret []byte
	password := l.settings.Password.Reveal()
	fast := client.DisablePAFXFAST(l.settings.DisablePAFXFast)
	if l.settings.Keytab != "" {
		kt, data, err := readKeytab(l.settings.Keytab)
		if err != nil {
			return nil, err
		}
		file, held := show.Text(l.settings.Keytab, maxShown), principals(kt)
		if name == "" {
			if len(held) != 1 {
				return nil, fmt.Errorf("the keytab %s holds keys of several principals (%s), and no name says which; give one as Username (KEYFACTOR_AUTH_KRB_USERNAME, username)", file, list(held))
			}
			at := strings.LastIndex(held[0], "@")
			name, realm = held[0][:at], held[0][at+1:]
		}
		if realm != "" && !slices.Contains(held, name+"@"+realm) {
			return nil, fmt.Errorf("the keytab %s holds no key of %s, but of: %s; correct the name or the realm (case counts), or give another keytab",
				file, show.Text(name+"@"+realm, maxShown), list(held))
		}
		// A KDC chooses among the types that it is offered, not among the keys.
		usable := etypes(kt, name+"@"+realm)
		conf.LibDefaults.DefaultTktEnctypeIDs = slices.DeleteFunc(slices.Clone(conf.LibDefaults.DefaultTktEnctypeIDs),
			func(id int32) bool { return !slices.Contains(usable, id) })
		if realm != "" && len(conf.LibDefaults.DefaultTktEnctypeIDs) == 0 {
			return nil, fmt.Errorf("the keytab %s holds only keys of %s of encryption types that krb5.conf does not allow or the Kerberos library does not know (%v); "+
				"make one with AES keys", file, show.Text(name+"@"+realm, maxShown), usable)
		}
		cl, secret = client.NewWithKeytab(name, realm, kt, conf, fast), data
	} else {
		cl, secret = client.NewWithPassword(name, realm, password, conf, fast), []byte(password)
	}
	if realm == "" {
		return nil, errors.New(`no realm is given; give it as Realm (KEYFACTOR_AUTH_KRB_REALM, kerberos_realm), write it into the name ("svc@EXAMPLE.COM"), or set default_realm in krb5.conf`)
	}
	principal := name + "@" + realm
	credential := sha256.Sum256(append([]byte(principal+"\x00"), secret...))
	if l.refused != nil && l.refused.credential == credential {
		return nil, l.refused.err
	}
	if err := findable(conf, l.settings.ConfigFile, realm); err != nil {
		return nil, err
	}
	request, err := messages.NewASReqForTGT(realm, conf, cl.Credentials.CName())
	if err != nil {
		return nil, errors.New("the Kerberos library could not write a request")
	}
	answer, err := ask(conf, func() (messages.ASRep, error) { return cl.ASExchange(realm, request, 0) })
	if err != nil {
		s := situation{conf: conf, principal: principal, realm: realm, keytab: l.settings.Keytab, hide: password}
		final, err := s.explain(err)
		if final {
			l.refused = &refusal{credential, fmt.Errorf("%w (refused at %s, and not tried again)", err, time.Now().Format(time.RFC3339))}
		}
		return nil, err
	}
	return issued(cl.Credentials, answer.Ticket, answer.DecryptedEncPart), nil
}

// grant gets a ticket for the service with a ticket-granting ticket.
func (l *login) grant(conf *config.Config, tgt *ticket) (*ticket, error) {
	spn, realm, _ := strings.Cut(l.spn, "@")
	if realm == "" {
		_, host, _ := strings.Cut(spn, "/")
		realm = conf.ResolveRealm(host)
	}
	if realm != "" && realm != tgt.realm { // the way to another realm
		var err error
		if tgt, err = exchange(conf, tgt, "krbtgt/"+realm, tgt.realm, false); err != nil {
			return nil, err
		}
	} else {
		realm = tgt.realm
	}
	return exchange(conf, tgt, spn, realm, false)
}

// exchange gets a ticket from the KDC of a realm, or renews one.
func exchange(conf *config.Config, tgt *ticket, spn, realm string, renewal bool) (*ticket, error) {
	if err := findable(conf, "", realm); err != nil {
		return nil, err
	}
	cl := client.NewWithPassword("", tgt.realm, "", conf)
	cl.Credentials = credentials.NewFromPrincipalName(tgt.name, tgt.realm)
	owner := cl.Credentials
	defer cl.Destroy() // ends the goroutine that a referral to another realm starts
	answer, err := ask(conf, func() (messages.TGSRep, error) {
		kind := nametype.KRB_NT_PRINCIPAL
		if strings.HasPrefix(spn, "krbtgt/") {
			kind = nametype.KRB_NT_SRV_INST
		}
		_, answer, err := cl.TGSREQGenerateAndExchange(types.NewPrincipalName(kind, spn), realm, tgt.ticket, tgt.key, renewal)
		return answer, err
	})
	if err != nil {
		s := situation{conf: conf, principal: tgt.name.PrincipalNameString() + "@" + tgt.realm, realm: realm, spn: spn}
		_, err := s.explain(err)
		return nil, err
	}
	return issued(owner, answer.Ticket, answer.DecryptedEncPart), nil
}

// ask asks a KDC over TCP, and over UDP if none can be reached so. If one was reached
// and did not answer, it may have counted a wrong password, so nothing is sent again.
func ask[T any](conf *config.Config, do func() (T, error)) (T, error) {
	limit := &conf.LibDefaults.UDPPreferenceLimit
	own := *limit
	defer func() { *limit = own }()
	*limit = onlyTCP
	answer, err := safely(do)
	if err == nil || own == onlyTCP || !strings.Contains(err.Error(), krberror.NetworkingError) || strings.Contains(err.Error(), reached) {
		return answer, err
	}
	*limit = math.MaxInt16 // larger than any request: UDP first
	return safely(do)
}

const (
	onlyTCP = 1                  // as udp_preference_limit
	reached = "error sneding to" // how the library says that it had a connection
)

// findable refuses a realm that krb5.conf does not say how to reach.
func findable(conf *config.Config, file, realm string) error {
	if conf.LibDefaults.DNSLookupKDC || len(kdcs(conf, realm)) > 0 {
		return nil
	}
	known := make([]string, len(conf.Realms))
	for i, r := range conf.Realms {
		known[i] = r.Realm
	}
	if file == "" {
		file = "krb5.conf"
	}
	return fmt.Errorf("%s names no KDC of the realm %s (it has: %s; case counts), and does not set dns_lookup_kdc = true; "+
		"write either into it. Files that it includes are not read", show.Text(file, maxShown), show.Text(realm, maxShown), list(known))
}

// list is names as they may be shown.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return show.Text(strings.Join(names, ", "), maxShown)
}
