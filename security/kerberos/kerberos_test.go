package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/commandsec/commandsec-go/security"
)

const password = "Correct-Horse-7"

// TestSettings: what cannot be right is reported when the client is made, all at once.
func TestSettings(t *testing.T) {
	t.Parallel()
	secret := security.NewSecret(password)
	for name, tc := range map[string]struct {
		settings security.Kerberos
		fields   []string
	}{
		"password":             {security.Kerberos{Username: "svc", Password: secret}, nil},
		"password and realm":   {security.Kerberos{Username: "svc@EXAMPLE.COM", Password: secret, Realm: "EXAMPLE.COM"}, nil},
		"keytab":               {security.Kerberos{Keytab: "svc.keytab"}, nil},
		"cache":                {security.Kerberos{CCache: "krb5cc"}, nil},
		"cache, FILE":          {security.Kerberos{CCache: "FILE:krb5cc"}, nil},
		"cache, Windows":       {security.Kerberos{CCache: `C:\krb5cc`}, nil},
		"SPN":                  {security.Kerberos{Keytab: "k", SPN: "HTTP/command.example.com@EXAMPLE.COM"}, nil},
		"nothing":              {security.Kerberos{}, []string{"Kerberos.Password"}},
		"realm alone":          {security.Kerberos{Realm: "EXAMPLE.COM"}, []string{"Kerberos.Password"}},
		"name alone":           {security.Kerberos{Username: "svc"}, []string{"Kerberos.Password"}},
		"password alone":       {security.Kerberos{Password: secret}, []string{"Kerberos.Username"}},
		"domain":               {security.Kerberos{Username: `EXAMPLE\svc`, Password: secret}, []string{"Kerberos.Username"}},
		"two realms":           {security.Kerberos{Username: "a@B@C", Password: secret}, []string{"Kerberos.Username"}},
		"no name":              {security.Kerberos{Username: "@B", Password: secret}, []string{"Kerberos.Username"}},
		"cache in the kernel":  {security.Kerberos{CCache: "KEYRING:persistent:1000"}, []string{"Kerberos.CCache"}},
		"cache in a directory": {security.Kerberos{CCache: "DIR:/tmp"}, []string{"Kerberos.CCache"}},
		"all wrong": {
			security.Kerberos{Username: "a b ", Realm: "a b", SPN: "command.example.com", CCache: "KCM:"},
			[]string{"Kerberos.Username", "Kerberos.Realm", "Kerberos.SPN", "Kerberos.CCache"},
		},
		"spaces":             {security.Kerberos{Username: "svc of the pool@EXAMPLE.COM", Password: secret}, nil},
		"spaces in a realm":  {security.Kerberos{Username: "svc@EXAMPLE COM", Password: secret}, []string{"Kerberos.Username"}},
		"a tab":              {security.Kerberos{Username: "svc\tpool", Password: secret}, []string{"Kerberos.Username"}},
		"home":               {security.Kerberos{Keytab: "~/svc.keytab", ConfigFile: "~/krb5.conf"}, []string{"Kerberos.ConfigFile", "Kerberos.Keytab"}},
		"home, FILE":         {security.Kerberos{CCache: "FILE:~/krb5cc"}, []string{"Kerberos.CCache"}},
		"SPN without a host": {security.Kerberos{Keytab: "k", SPN: "HTTP/@R"}, []string{"Kerberos.SPN"}},
	} {
		_, err := security.NewClient("https://command.example.com/KeyfactorAPI", WithSettings(tc.settings))
		problems, _ := errors.AsType[security.FieldErrors](err)
		var fields []string
		for _, p := range problems {
			fields = append(fields, p.Field)
		}
		if fmt.Sprint(fields) != fmt.Sprint(tc.fields) {
			t.Errorf("%s: %v, want %v", name, err, tc.fields)
		}
	}
}

// TestOneCredential: Kerberos is one credential, and a configuration with another has
// two then.
func TestOneCredential(t *testing.T) {
	t.Parallel()
	k := security.Kerberos{Keytab: "k"}
	for name, tc := range map[string]struct {
		cfg  security.Config
		opts []security.Option
		ok   bool
	}{
		"Kerberos":                   {security.Config{Host: "h", Kerberos: &k}, nil, true},
		"Kerberos twice":             {security.Config{Host: "h", Kerberos: &k}, []security.Option{WithSettings(k)}, false},
		"Kerberos and a token":       {security.Config{Host: "h", Kerberos: &k}, []security.Option{security.WithAccessToken("t")}, false},
		"a token":                    {security.Config{Host: "h", AccessToken: security.NewSecret("t")}, nil, true},
		"a token and Kerberos":       {security.Config{Host: "h", AccessToken: security.NewSecret("t")}, []security.Option{WithSettings(k)}, false},
		"nothing, and Kerberos":      {security.Config{Host: "h"}, []security.Option{WithSettings(k)}, true},
		"Kerberos that is not right": {security.Config{Host: "h", Kerberos: &security.Kerberos{Realm: "R"}}, nil, false},
	} {
		if _, err := NewClientFromConfig(&tc.cfg, tc.opts...); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewClientFromConfig(nil); err == nil {
		t.Error("it takes no configuration")
	}
}

// kdc is something that listens where a KDC should.
type kdc struct {
	net.Listener
	asked atomic.Int32
}

// listen starts one that gives each request to answer.
func listen(t testing.TB, answer func(request []byte) []byte) *kdc {
	t.Helper()
	k := &kdc{}
	k.Listener = serve(t, func(conn net.Conn) {
		request := make([]byte, 4)
		if _, err := io.ReadFull(conn, request); err == nil {
			request = make([]byte, binary.BigEndian.Uint32(request))
			_, err = io.ReadFull(conn, request)
			k.asked.Add(1)
			if b := answer(request); err == nil {
				_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
			}
		}
	})
	return k
}

// refuse is a KDC that answers everything with an error.
func refuse(t *testing.T, code int32, text string, data []byte) *kdc {
	t.Helper()
	return listen(t, func([]byte) []byte { return refusalOf(t, code, text, data) })
}

// refusalOf is the error that a KDC answers with.
func refusalOf(t testing.TB, code int32, text string, data []byte) []byte {
	t.Helper()
	e := messages.NewKRBError(types.PrincipalName{NameType: 2, NameString: []string{"krbtgt", "EXAMPLE.COM"}}, "EXAMPLE.COM", code, text)
	e.EData = data
	b, err := e.Marshal()
	if err != nil {
		t.Error(err)
	}
	return b
}

// asking is a client that asks k over TCP, and may not send anything to its server.
func asking(t *testing.T, k *kdc) *security.Client {
	t.Helper()
	return askingAs(t, k, " udp_preference_limit = 1\n", security.Kerberos{})
}

// askingAs is asking with more in krb5.conf, and in the settings.
func askingAs(t *testing.T, k *kdc, defaults string, settings security.Kerberos) *security.Client {
	t.Helper()
	settings.Username, settings.Password = "svc", security.NewSecret(password)
	settings.ConfigFile = write(t, "krb5.conf", "[libdefaults]\n default_realm = EXAMPLE.COM\n"+defaults+"[realms]\n EXAMPLE.COM = {\n  kdc = "+k.Addr().String()+"\n }\n", 0o600)
	c, err := security.NewClient("https://Command.Example.COM/KeyfactorAPI",
		WithSettings(settings), security.WithHTTPClient(&http.Client{Transport: nobody{t}}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestWhichSetting: what lacks is named as it is set in a program, a variable and a
// profile.
func TestWhichSetting(t *testing.T) {
	t.Parallel()
	c, err := security.NewClient("https://command.example.com/KeyfactorAPI",
		WithSettings(security.Kerberos{
			Username: "svc", Password: security.NewSecret(password), ConfigFile: write(t, "krb5.conf", "[libdefaults]\n", 0o600),
		}), security.WithHTTPClient(&http.Client{Transport: nobody{t}}))
	if err != nil {
		t.Fatal(err)
	}
	if err = c.HealthCheck(t.Context()); err == nil || !strings.Contains(err.Error(), "Realm (KEYFACTOR_AUTH_KRB_REALM, kerberos_realm)") {
		t.Error(err)
	}
	s := situation{conf: &krb5conf{}, principal: "svc@EXAMPLE.COM", realm: "EXAMPLE.COM", spn: "HTTP/alias"}
	for code, says := range map[int32]string{
		errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN:  "SPN (KEYFACTOR_AUTH_KRB_SPN, kerberos_spn)",
		errorcode.KDC_ERR_PRINCIPAL_NOT_UNIQUE: "HTTP/alias belongs to more than one account",
		errorcode.KDC_ERR_MUST_USE_USER2USER:   "has the service principal HTTP/alias may not be a server",
		errorcode.KRB_AP_ERR_TKT_NYV:           "is not valid yet, says the KDC of the realm EXAMPLE.COM; its clock",
		errorcode.KRB_AP_ERR_BAD_INTEGRITY:     "damaged or from another KDC, or the KDC has a new key; sign in again (kinit)",
	} {
		if err := s.explain(messages.NewKRBError(types.PrincipalName{}, "EXAMPLE.COM", code, "")); !strings.Contains(err.Error(), says) {
			t.Error(err)
		}
	}
	if err := s.explain(messages.NewKRBError(types.PrincipalName{}, "EXAMPLE.COM", errorcode.KRB_ERR_GENERIC, "NO PREAUTH")); !strings.Contains(err.Error(), "who signed in without proof of the password; let the account need pre-authentication") {
		t.Error(err)
	}
	if err := s.explain(errWrongKey); !strings.Contains(err.Error(), "sign in again (kinit)") || !errors.Is(err, security.ErrUnauthorized) {
		t.Error(err)
	}
}

type nobody struct{ *testing.T }

func (n nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	n.Errorf("%s was sent", r.URL)
	return nil, errors.New("nobody is there")
}

// TestErrors: what a KDC answers is said in words, with what to do.
func TestErrors(t *testing.T) {
	t.Parallel()
	for code, tc := range map[int32]struct {
		says    string
		refused bool
	}{
		errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN: {"does not know svc@EXAMPLE.COM; check the name and the realm", true},
		errorcode.KDC_ERR_CLIENT_REVOKED:      {"locked, disabled or expired", true},
		errorcode.KDC_ERR_NAME_EXP:            {"locked, disabled or expired", true},
		errorcode.KDC_ERR_KEY_EXPIRED:         {"has expired, says the KDC of the realm EXAMPLE.COM; change it", true},
		errorcode.KDC_ERR_ETYPE_NOSUPP:        {"no encryption type in common for svc@EXAMPLE.COM; allow AES", false},
		errorcode.KRB_AP_ERR_SKEW:             {"the clock of this machine differs", false},
		errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN: {"does not serve the realm EXAMPLE.COM", false},
		errorcode.KRB_ERR_RESPONSE_TOO_BIG:    {"open port 88 for TCP", false},
		errorcode.KDC_ERR_POLICY:              {"did not give svc@EXAMPLE.COM a ticket", false},
	} {
		k := refuse(t, code, "mind \x1b[31m"+password, nil)
		err := asking(t, k).HealthCheck(t.Context())
		if err == nil || !strings.Contains(err.Error(), tc.says) || errors.Is(err, security.ErrUnauthorized) != tc.refused {
			t.Errorf("%d: %v, want %q", code, err, tc.says)
		}
		if err != nil && !strings.Contains(err.Error(), "no Kerberos ticket for HTTP/command.example.com: ") {
			t.Errorf("%d: %v does not name the service principal in small letters", code, err)
		}
		if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, password) || strings.Contains(text, "\x1b") {
			t.Errorf("%d: the error shows a password, or what a KDC wrote as it is: %q", code, text)
		}
		if n := k.asked.Load(); n != 1 {
			t.Errorf("%d: the KDC was asked %d times", code, n)
		}
	}
}

// TestRefusedOnce: after the first refusal, the KDC is not asked any more.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	// PA-ENC-TIMESTAMP, and PA-ETYPE-INFO2 with one entry: aes256, and a salt.
	info := []byte("\x30\x2a\x30\x09\xa1\x03\x02\x01\x02\xa2\x02\x04\x00\x30\x1d\xa1\x03\x02\x01\x13\xa2\x16\x04\x14\x30\x12\x30\x10\xa0\x03\x02\x01\x12\xa1\x09\x1b\x07EXAMPLE")
	// The second code is what some KDCs answer if they cannot decrypt what the key encrypted.
	for _, refusal := range []int32{errorcode.KDC_ERR_PREAUTH_FAILED, errorcode.KRB_AP_ERR_BAD_INTEGRITY} {
		asked := 0
		k := listen(t, func([]byte) []byte {
			asked++
			code := errorcode.KDC_ERR_PREAUTH_REQUIRED
			if asked > 1 {
				code = refusal
			}
			e := messages.NewKRBError(types.PrincipalName{NameType: 2, NameString: []string{"krbtgt", "EXAMPLE.COM"}}, "EXAMPLE.COM", code, "")
			e.EData, e.CRealm, e.CName = info, "EXAMPLE.COM", types.PrincipalName{NameType: 1, NameString: []string{"svc"}}
			b, err := e.Marshal()
			if err != nil {
				t.Error(err)
			}
			return b
		})
		c := asking(t, k)
		for range 5 {
			err := c.HealthCheck(t.Context())
			if !errors.Is(err, security.ErrUnauthorized) || !strings.Contains(err.Error(), "refused the password of svc@EXAMPLE.COM; correct the password and start the program again") {
				t.Fatal(err)
			}
		}
		if n := k.asked.Load(); n != 2 {
			t.Errorf("%d: the KDC was asked %d times, want 2: which types of key it wants, and once with the password", refusal, n)
		}
	}
}

// TestPAFXFast: PA-FX-FAST is offered, and not if it is turned off.
func TestPAFXFast(t *testing.T) {
	t.Parallel()
	for _, disabled := range []bool{false, true} {
		var offered atomic.Bool
		k := listen(t, func(request []byte) []byte {
			var asked messages.ASReq
			if err := asked.Unmarshal(request); err != nil {
				t.Error(err)
			}
			offered.Store(asked.PAData.Contains(patype.PA_REQ_ENC_PA_REP))
			return nil
		})
		c := askingAs(t, k, " udp_preference_limit = 1\n", security.Kerberos{DisablePAFXFast: disabled})
		if err := c.HealthCheck(t.Context()); err == nil || k.asked.Load() != 1 || offered.Load() == disabled {
			t.Errorf("disabled %t: offered %t, asked %d times, %v", disabled, offered.Load(), k.asked.Load(), err)
		}
	}
}

// TestNotOverBoth: a KDC that took a request over TCP and gave no answer may have counted
// it. It gets none over UDP.
func TestNotOverBoth(t *testing.T) {
	t.Parallel()
	var k *kdc
	var packets net.PacketConn
	for err := errors.New("none yet"); err != nil; { // something else may have the port for UDP
		k = listen(t, func([]byte) []byte { return nil })
		packets, err = net.ListenPacket("udp", k.Addr().String())
	}
	t.Cleanup(func() { _ = packets.Close() })
	err := askingAs(t, k, "", security.Kerberos{}).HealthCheck(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no KDC of the realm EXAMPLE.COM answered") || k.asked.Load() != 1 {
		t.Errorf("asked %d times over TCP: %v", k.asked.Load(), err)
	}
	if err := packets.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, _, err := packets.ReadFrom(make([]byte, 4096)); err == nil {
		t.Errorf("%d bytes were sent over UDP, too", n)
	}
}

// TestMalformed: answers that a KDC does not give end a call, and not the program.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "x", strings.Repeat("\x6b\xff", 1000)} {
		if err := asking(t, listen(t, func([]byte) []byte { return []byte(answer) })).HealthCheck(t.Context()); err == nil {
			t.Errorf("%q is taken for an answer", answer)
		}
	}
	empty := []byte("\x30\x18\x30\x09\xa1\x03\x02\x01\x02\xa2\x02\x04\x00\x30\x0b\xa1\x03\x02\x01\x13\xa2\x04\x04\x02\x30\x00")
	err := asking(t, refuse(t, errorcode.KDC_ERR_PREAUTH_REQUIRED, "", empty)).HealthCheck(t.Context())
	if err == nil || !strings.Contains(err.Error(), "names no encryption types") {
		t.Error(err)
	}
}

// TestSilent: a KDC that takes the request and says nothing holds nobody longer than
// the context lasts.
func TestSilent(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	k := listen(t, func([]byte) []byte { <-release; return nil })
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	c := asking(t, k)
	done := make(chan error, 1)
	go func() { done <- c.HealthCheck(ctx) }()
	for k.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel(enough)
	if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, enough) || !strings.Contains(err.Error(), "a KDC of the realm EXAMPLE.COM ("+k.Addr().String()+") was waited for: context canceled") {
		t.Error(err)
	}
	close(release)
}

// TestRefused: a 401 is explained by what the server offers.
func TestRefused(t *testing.T) {
	t.Parallel()
	for offer, says := range map[string]string{
		"":                       "setspn -Q HTTP/a",
		"Negotiate oQcwBaADCgEC": "setspn -Q HTTP/a",
		"Basic realm=\x1b":       "but Basic;",
	} {
		h := http.Header{}
		if offer != "" {
			h.Add("Www-Authenticate", offer)
		}
		if got := refused(h, "HTTP/a"); !strings.Contains(got, says) || strings.Contains(got, "\x1b") {
			t.Errorf("%q: %q", offer, got)
		}
	}
}
