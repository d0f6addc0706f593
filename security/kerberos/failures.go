package kerberos

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// failure is what went wrong at a KDC, in words. What a KDC wrote is in it only as it may
// be shown.
type failure struct {
	text         string
	code         int32 // of Kerberos, 0 if no KDC answered with one
	unauthorized bool  // the credential was refused, or is worth nothing any more
	final        bool  // it is wrong, and sending it again can lock the account
	cause        error // why the context ended, nil if it did not
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// Is makes a refusal an error that security knows.
func (f *failure) Is(target error) bool { return f.unauthorized && target == security.ErrUnauthorized }

func unauthorizedf(format string, args ...any) error {
	return &failure{text: fmt.Sprintf(format, args...), unauthorized: true}
}

// situation is what was tried.
type situation struct {
	conf      *krb5conf
	principal string
	realm     string // whose KDC was asked
	spn       string // for which a ticket was wanted, "" for signing in
	keytab    string // that was used to sign in, "" for a password
	hide      string // what no error may show
}

// shown is what a KDC wrote as it may be shown.
func (s *situation) shown(text string, limit int) string {
	if s.hide != "" {
		text = transport.Hide(text, s.hide)
	}
	return show.Text(text, limit)
}

// explain says what err means, and what to do.
func (s *situation) explain(err error) *failure {
	f := &failure{}
	raw := s.shown(err.Error(), 2*maxShown)
	refusal, _ := errors.AsType[messages.KRBError](err)
	f.code = refusal.ErrorCode
	who, realm, spn := show.Text(s.principal, maxShown), show.Text(s.realm, maxShown), show.Text(s.spn, maxShown)
	credential, correct := "the password of "+who, "correct the password and start the program again"
	if s.keytab != "" {
		credential = "the key of " + who + " in the keytab " + show.Text(s.keytab, maxShown)
		correct = "make a new keytab: its key is that of another account, or the password was changed since. A new one is used without a restart"
	}
	if none, ok := errors.AsType[*unanswered](err); ok {
		if f.cause = none.ended; f.cause != nil {
			f.text = fmt.Sprintf("a KDC of the realm %s (%s) was waited for: %v", realm, none.named, f.cause)
			return f
		}
		if none.unknown {
			f.text = fmt.Sprintf("no KDC of the realm %s was found in DNS (_kerberos._tcp.%s was asked for); check the realm, and that this machine uses the name servers of the domain, or write kdc lines into %s: %s",
				realm, realm, s.conf.file, raw)
			return f
		}
		f.text = fmt.Sprintf("no KDC of the realm %s answered (%s); check that one runs, and that port 88 is open for TCP or UDP: %s", realm, none.named, raw)
		return f
	}
	_, distrusted := errors.AsType[distrust](err)
	noType, noCommon := errors.AsType[*noCommonType](err)
	switch {
	case distrusted:
		f.text = fmt.Sprintf("an answer of the KDC of the realm %s is not used: %s; if this happens again, something else may answer in its place: check [realms] in %s, and DNS", realm, raw, s.conf.file)
	case s.spn == "" && (f.code == errorcode.KDC_ERR_PREAUTH_FAILED || f.code == errorcode.KRB_AP_ERR_BAD_INTEGRITY || errors.Is(err, errWrongKey)):
		f.unauthorized, f.final = true, true
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
		f.text = fmt.Sprintf("the KDC of the realm %s knows no way to the realm %s; check that it trusts it, and the SPN or [domain_realm] in %s, one of which names that realm",
			realm, strings.TrimPrefix(spn, "krbtgt/"), s.conf.file)
	case f.code == errorcode.KDC_ERR_PRINCIPAL_NOT_UNIQUE && s.spn != "":
		f.text = fmt.Sprintf("the service principal %s belongs to more than one account, says the KDC of the realm %s; find them (setspn -Q %s), and take it from all but the one that the service runs as (setspn -D)",
			spn, realm, spn)
	case f.code == errorcode.KRB_ERR_RESPONSE_TOO_BIG:
		f.text = fmt.Sprintf("the KDC of the realm %s could be reached over UDP only, and its answer is too large for that; open port 88 for TCP", realm)
	case f.code == errorcode.KDC_ERR_WRONG_REALM && refusal.CRealm != "" && refusal.CRealm != s.realm:
		f.text = fmt.Sprintf("the KDC of the realm %s says that %s is of the realm %s; if that is right, give it so", realm, who, s.shown(refusal.CRealm, maxShown))
	case f.code == errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN || f.code == errorcode.KDC_ERR_WRONG_REALM:
		f.text = fmt.Sprintf("the KDC does not serve the realm %s; check the realm (case counts) and [realms] in %s", realm, s.conf.file)
	case f.code == errorcode.KRB_AP_ERR_SKEW || errors.Is(err, errSkew):
		f.text = fmt.Sprintf("the clock of this machine differs from that of the KDC of the realm %s by more than is allowed (5 minutes, if nobody changed it); synchronize both", realm)
	case f.code == errorcode.KRB_AP_ERR_TKT_NYV || f.code == errorcode.KDC_ERR_NEVER_VALID:
		f.text = fmt.Sprintf("the ticket of %s is not valid yet, says the KDC of the realm %s; its clock, that of this machine and that of the KDC which gave the ticket must agree: synchronize them, and sign in again (kinit)", who, realm)
	case s.spn != "" && (f.code == errorcode.KRB_AP_ERR_BAD_INTEGRITY || f.code == errorcode.KRB_AP_ERR_MODIFIED || f.code == errorcode.KRB_AP_ERR_BADKEYVER || f.code == errorcode.KRB_AP_ERR_NOKEY || errors.Is(err, errWrongKey)):
		f.unauthorized = true
		f.text = fmt.Sprintf("the ticket of %s is not one that the KDC of the realm %s can use: the credential cache is damaged or from another KDC, or the KDC has a new key; sign in again (kinit)", who, realm)
	case f.code == errorcode.KDC_ERR_MUST_USE_USER2USER && s.spn != "":
		f.text = fmt.Sprintf("the account that has the service principal %s may not be a server, says the KDC of the realm %s; register it for the account that the service runs as (setspn -Q %s, setspn -S)", spn, realm, spn)
	case f.code == errorcode.KRB_ERR_GENERIC && strings.Contains(refusal.EText, "NO PREAUTH"):
		f.text = fmt.Sprintf("the KDC of the realm %s gives no ticket for %s to %s, who signed in without proof of the password; let the account need pre-authentication, and sign in again", realm, spn, who)
	case f.code == errorcode.KDC_ERR_ETYPE_NOSUPP || noCommon:
		wants := ""
		if noCommon && len(noType.wanted) > 0 {
			wants = fmt.Sprintf(" (it wants %v)", noType.wanted)
		}
		f.text = fmt.Sprintf("the KDC of the realm %s%s and this client have no encryption type in common for %s; allow AES for the account and set its password anew. "+
			"If it can do RC4 only (23), that has to be named: permitted_enctypes = aes256-cts aes128-cts rc4-hmac in %s", realm, wants, cmp.Or(spn, who), s.conf.file)
	case f.code == errorcode.KRB_AP_ERR_TKT_EXPIRED:
		f.unauthorized = true
		f.text = fmt.Sprintf("the ticket of %s has expired, says the KDC of the realm %s; sign in again (kinit), and check the clocks", who, realm)
	default:
		f.text = fmt.Sprintf("the KDC of the realm %s did not give %s a ticket: %s", realm, who, raw)
	}
	return f
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
