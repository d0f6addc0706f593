package kerberos

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/krberror"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// failure is what went wrong at a KDC, in words. The library's errors do not come
// along: they hold whatever a KDC wrote.
type failure struct {
	text         string
	code         int32 // of Kerberos, 0 if no KDC answered with one
	unauthorized bool  // the credential was refused, or is worth nothing any more
}

func (f *failure) Error() string { return f.text }

// Is makes a refusal an error that security knows.
func (f *failure) Is(target error) bool { return f.unauthorized && target == security.ErrUnauthorized }

func unauthorizedf(format string, args ...any) error {
	return &failure{text: fmt.Sprintf(format, args...), unauthorized: true}
}

// situation is what was tried.
type situation struct {
	conf      *config.Config
	principal string
	realm     string // whose KDC was asked
	spn       string // for which a ticket was wanted, "" for signing in
	keytab    string // that was used to sign in, "" for a password
	hide      string // what no error may show
}

// code finds the number of a KDC's error in the library's error, which is a text.
var code = regexp.MustCompile(`KRB Error: \((\d+)\)`)

// explain says what err means, and what to do. final means that the credential is
// wrong, and that sending it again can lock the account.
func (s *situation) explain(err error) (final bool, explained error) {
	f := &failure{}
	root := ""
	if e, ok := errors.AsType[krberror.Krberror](err); ok {
		root = e.RootCause
	}
	if found := code.FindStringSubmatch(err.Error()); found != nil {
		n, _ := strconv.ParseInt(found[1], 10, 32)
		f.code = int32(n)
	}
	raw := err.Error()
	if s.hide != "" {
		raw = transport.Hide(raw, s.hide)
	}
	raw = show.Text(raw, 2*maxShown)
	who, realm, spn := show.Text(s.principal, maxShown), show.Text(s.realm, maxShown), show.Text(s.spn, maxShown)
	credential, correct := "the password of "+who, "correct the password and start the program again"
	if s.keytab != "" {
		credential = "the key of " + who + " in the keytab " + show.Text(s.keytab, maxShown)
		correct = "make a new keytab: its key is that of another account, or the password was changed since"
	}
	switch {
	case f.code == 0 && root == krberror.NetworkingError:
		named := "found in DNS"
		if names := kdcs(s.conf, s.realm); len(names) > 0 {
			named = list(names)
		}
		_, detail, found := strings.Cut(raw, " KDC via TCP: ")
		if !found {
			if _, detail, found = strings.Cut(raw, "failed to communicate with KDC. "); !found {
				detail = raw
			}
		}
		f.text = fmt.Sprintf("no KDC of the realm %s answered (%s); check that one runs, and that port 88 is open for TCP or UDP: %s", realm, named, detail)
	case s.spn == "" && (f.code == errorcode.KDC_ERR_PREAUTH_FAILED || f.code == errorcode.KRB_AP_ERR_BAD_INTEGRITY || f.code == 0 && root == krberror.DecryptingError):
		f.unauthorized, final = true, true
		f.text = fmt.Sprintf("the KDC of the realm %s refused %s; %s. Do not try often: that locks an account", realm, credential, correct)
	case f.code == errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN:
		f.unauthorized = true
		f.text = fmt.Sprintf("the KDC of the realm %s does not know %s; check the name and the realm (case counts, a realm is usually in capitals)", realm, who)
	case f.code == errorcode.KDC_ERR_CLIENT_REVOKED || f.code == errorcode.KDC_ERR_NAME_EXP:
		f.unauthorized = true
		f.text = fmt.Sprintf("the account %s is locked, disabled or expired, says the KDC of the realm %s; an administrator of the realm can unlock it", who, realm)
	case f.code == errorcode.KDC_ERR_KEY_EXPIRED:
		f.unauthorized = true
		f.text = fmt.Sprintf("the password of %s has expired, says the KDC of the realm %s; change it", who, realm)
	case f.code == errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN && s.spn != "" && !strings.HasPrefix(s.spn, "krbtgt/"):
		f.text = fmt.Sprintf("the KDC of the realm %s does not know the service principal %s; use the host name that the server's account is registered for (setspn -Q %s), "+
			"register it (setspn -S), or give the right one as SPN (KEYFACTOR_AUTH_KRB_SPN, kerberos_spn)", realm, spn, spn)
	case f.code == errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN && s.spn != "":
		f.text = fmt.Sprintf("the KDC of the realm %s knows no way to the realm %s; check that it trusts it, and the SPN or [domain_realm] in krb5.conf, one of which names that realm",
			realm, strings.TrimPrefix(spn, "krbtgt/"))
	case f.code == errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN || f.code == errorcode.KDC_ERR_WRONG_REALM:
		f.text = fmt.Sprintf("the KDC does not serve the realm %s; check the realm (case counts) and [realms] in krb5.conf", realm)
	case f.code == errorcode.KRB_AP_ERR_SKEW || strings.Contains(raw, "clock skew"):
		f.text = fmt.Sprintf("the clock of this machine differs from that of the KDC of the realm %s by more than is allowed (5 minutes, if nobody changed it); synchronize both", realm)
	case f.code == errorcode.KDC_ERR_ETYPE_NOSUPP || strings.Contains(raw, "matching key not found in keytab"):
		f.text = fmt.Sprintf("the KDC of the realm %s and this client have no encryption type in common for %s; "+
			"allow AES for the account, or name a common type in default_tkt_enctypes, default_tgs_enctypes and permitted_enctypes of krb5.conf", realm, orWho(spn, who))
	case f.code == errorcode.KRB_AP_ERR_TKT_EXPIRED:
		f.unauthorized = true
		f.text = fmt.Sprintf("the ticket of %s has expired, says the KDC of the realm %s; sign in again (kinit), and check the clocks", who, realm)
	default:
		f.text = fmt.Sprintf("the KDC of the realm %s did not give %s a ticket: %s", realm, who, raw)
	}
	return final, f
}

func orWho(spn, who string) string {
	if spn != "" {
		return spn
	}
	return who
}

// spoiled reports whether another ticket-granting ticket may help: the KDC answered,
// and it is not the service that it does not know.
func spoiled(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.code != 0 && f.code != errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN
}

// refused says what a 401 means for a call that had a ticket.
func refused(h http.Header, spn string) string {
	offers := strings.Join(h.Values("Www-Authenticate"), ", ")
	spn = show.Text(spn, maxShown)
	if offers != "" && !strings.Contains(strings.ToLower(offers), "negotiate") {
		var schemes []string
		for _, offer := range h.Values("Www-Authenticate") {
			scheme, _, _ := strings.Cut(offer, " ")
			schemes = append(schemes, scheme)
		}
		return "the server does not take Kerberos here, but " + list(schemes) + "; sign in another way, or turn on Windows authentication (Negotiate) in IIS"
	}
	return "the server refused the Kerberos ticket for " + spn + "; check that this service principal belongs to the account that the service runs as " +
		"(setspn -Q " + spn + "), that the server's clock is right, and that its key was not changed without it"
}
