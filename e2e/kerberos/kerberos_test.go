package kerberos_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/spnego"

	"github.com/commandsec/commandsec-go/e2e/kerberos/realm"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/kerberos"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

const (
	password = "Correct-Horse-7"
	user     = "svc_sdk"
	spn      = "HTTP/127.0.0.1"
)

// world is a realm with a KDC, and a simulated server that takes its tickets.
type world struct {
	*testing.T
	*realm.Realm
	server *httptest.Server
	asked  atomic.Int64
}

func start(t *testing.T) *world {
	t.Helper()
	return startOver(t, true, true)
}

func startOver(t *testing.T, tcp, udp bool) *world {
	t.Helper()
	w := &world{T: t}
	var err error
	if w.Realm, err = realm.New(t.Context(), t.TempDir(), tcp, udp); err != nil {
		t.Fatal(err)
	}
	w.admin("addpol -maxfailure 3 locking")
	w.admin("addprinc -policy locking +requires_preauth -pw " + password + " " + user)
	w.admin("addprinc -randkey " + spn)
	w.admin("ktadd -k " + w.file("server.keytab") + " " + spn)
	w.admin("ktadd -norandkey -k " + w.file("user.keytab") + " " + user)
	w.serve(w.file("server.keytab"))
	w.up(0)
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) file(name string) string { return filepath.Join(w.Dir, name) }

func (w *world) up(ahead time.Duration) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	if err := w.Start(ctx, ahead); err != nil {
		w.Fatal(err)
	}
}

func (w *world) down() {
	w.Helper()
	if err := w.Stop(); err != nil {
		w.Fatal(err)
	}
}

func (w *world) admin(query string) string {
	w.Helper()
	return w.adminOf(realm.Name, query)
}

func (w *world) adminOf(name, query string) string {
	w.Helper()
	out, err := w.Admin(w.Context(), name, query)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) count(texts ...string) int {
	w.Helper()
	n, err := w.Count(texts...)
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// serve puts the simulated server behind a check of tickets.
func (w *world) serve(keytabFile string) {
	w.Helper()
	kt, err := keytab.Load(keytabFile)
	if err != nil {
		w.Fatal(err)
	}
	handler := securitytest.NewHandler()
	inner := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.SetBasicAuth(handler.Username, handler.Password)
		handler.ServeHTTP(rw, r)
	})
	checked := spnego.SPNEGOKRB5Authenticate(inner, kt, service.DecodePAC(false))
	w.server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		checked.ServeHTTP(rw, r)
	}))
	w.Cleanup(w.server.Close)
}

func (w *world) settings(change func(*security.Kerberos)) security.Kerberos {
	k := security.Kerberos{Username: user, Password: security.NewSecret(password), ConfigFile: w.Config}
	if change != nil {
		change(&k)
	}
	return k
}

func (w *world) client(change func(*security.Kerberos), opts ...security.Option) *security.Client {
	w.Helper()
	client, err := security.NewClient(w.server.URL+"/KeyfactorAPI",
		append([]security.Option{kerberos.WithSettings(w.settings(change)), security.WithHTTPClient(w.server.Client())}, opts...)...)
	if err != nil {
		w.Fatal(err)
	}
	return client
}

// fails makes a call that must fail, without a request, and say all of this.
func (w *world) fails(client *security.Client, refused bool, says ...string) {
	w.Helper()
	before := w.asked.Load()
	err := client.HealthCheck(w.Context())
	if err == nil {
		w.Errorf("the call was answered; the error must say %q", says)
		return
	}
	w.Log(err)
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			w.Errorf("%v does not say %q", err, text)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, client), "Horse") {
		w.Error("a password is shown")
	}
	if errors.Is(err, security.ErrUnauthorized) != refused {
		w.Errorf("%v: ErrUnauthorized is not %t", err, refused)
	}
	if w.asked.Load() != before {
		w.Error("a request was sent")
	}
}

func ok(t *testing.T, client *security.Client) {
	t.Helper()
	if err := client.HealthCheck(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestWays: each way to sign in works, with what it needs and no more.
func TestWays(t *testing.T) {
	t.Parallel()
	w := start(t)
	if err := w.Kinit(t.Context(), user, password, w.file("cache")); err != nil {
		t.Fatal(err)
	}
	w.admin("addprinc -randkey HTTP/other.example.com")
	for name, change := range map[string]func(*security.Kerberos){
		"password":               nil,
		"password, realm":        func(k *security.Kerberos) { k.Realm = realm.Name },
		"password, name":         func(k *security.Kerberos) { k.Username += "@" + realm.Name; k.Realm = "OTHER" },
		"password, without FAST": func(k *security.Kerberos) { k.DisablePAFXFast = true },
		"password, SPN":          func(k *security.Kerberos) { k.SPN = spn + "@" + realm.Name },
		"keytab":                 func(k *security.Kerberos) { k.Keytab, k.Password = w.file("user.keytab"), security.Secret{} },
		"keytab, no name": func(k *security.Kerberos) {
			*k = security.Kerberos{Keytab: w.file("user.keytab"), ConfigFile: w.Config}
		},
		"keytab before password": func(k *security.Kerberos) { k.Keytab, k.Password = w.file("user.keytab"), security.NewSecret("x") },
		"cache": func(k *security.Kerberos) {
			*k = security.Kerberos{CCache: "FILE:" + w.file("cache"), ConfigFile: w.Config}
		},
		"cache before keytab": func(k *security.Kerberos) { k.CCache, k.Keytab = w.file("cache"), "/nowhere" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var who atomic.Value
			client := w.client(change, security.WithAudit(func(_ context.Context, a security.AuditRecord) { who.Store(a.Account) }))
			ok(t, client)
			// A write, for its audit record.
			err := client.Do(t.Context(), http.MethodDelete, "Security/Roles/987654", 1, nil, nil)
			if !errors.Is(err, security.ErrNotFound) {
				t.Error(err)
			}
			if got := fmt.Sprint(who.Load()); got != user+"@"+realm.Name {
				t.Errorf("the audit says %s", got)
			}
		})
	}
}

// TestTransports: a KDC may listen for TCP or UDP only.
func TestTransports(t *testing.T) {
	t.Parallel()
	for _, tcp := range []bool{true, false} {
		w := startOver(t, tcp, !tcp)
		ok(t, w.client(nil))
	}
}

// TestKrb5Conf: what MIT's programs take for a krb5.conf is taken, and means the same.
func TestKrb5Conf(t *testing.T) {
	t.Parallel()
	w := start(t)
	own, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	_, kdc, _ := strings.Cut(string(own), "\n  kdc = ")
	kdc, _, _ = strings.Cut(kdc, "\n")
	put := func(name, text string) string {
		t.Helper()
		path := w.file(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	defaults := "[libdefaults]\n default_realm = " + realm.Name + "\n dns_canonicalize_hostname = false\n"
	realms := "[realms]\n " + realm.Name + " = {\n  kdc = " + kdc + "\n }\n"
	put("conf.d/enable_sssd_conf_dir", "includedir "+w.file("sssd")+"/\n")
	put("conf.d/crypto-policies", "[libdefaults]\npermitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96 camellia256-cts-cmac\n")
	put("sssd/realm", realms)
	for name, text := range map[string]string{
		"Red Hat": "includedir " + w.file("conf.d") + "/\n[logging]\n default = FILE:/var/log/krb5libs.log\n" + defaults + " ticket_lifetime = 24h\n renew_lifetime = 7d\n forwardable = true\n rdns = false\n" +
			" pkinit_anchors = FILE:/etc/pki/tls/certs/ca-bundle.crt\n spake_preauth_groups = edwards25519\n qualify_shortname = \"\"\n default_ccache_name = KEYRING:persistent:%{uid}\n",
		"fallback":         "[libdefaults]\n default_realm = " + realm.Name + "\n dns_canonicalize_hostname = fallback\n" + realms,
		"blocks":           defaults + " " + realm.Name + " = {\n  ticket_lifetime = 1h\n }\n" + strings.Replace(realms, "{\n", "{\n  auth_to_local_names = {\n   a = b\n  }\n", 1),
		"quoted":           "[libdefaults]\n default_realm = \"" + realm.Name + "\"\n" + realms,
		"first counts":     defaults + " default_realm = NOWHERE\n" + realms,
		"families":         defaults + " permitted_enctypes = aes\n proxiable = on\n preferred_preauth_types = 17, 16\n" + realms,
		"without one":      defaults + " permitted_enctypes = DEFAULT -rc4\n" + realms,
		"{ on the next":    defaults + strings.Replace(realms, "= {", "=\n {", 1),
		"no last }":        defaults + strings.TrimSuffix(realms, " }\n"),
		"times":            defaults + " ticket_lifetime = 1d 2h\n clockskew = 100\n renew_lifetime = 10:00\n" + realms,
		"after a tab":      "includedir\t" + w.file("conf.d") + "/\n" + defaults,
		"case counts":      "[libdefaults]\n Default_Realm = NOWHERE\n" + defaults + strings.Replace(realms, "{\n", "{\n  KDC = 192.0.2.1\n", 1),
		"silent, then one": defaults + strings.Replace(realms, "{\n", "{\n  kdc = "+silent(t)+"\n", 1),
	} {
		mit := *w.Realm
		mit.Config = put("krb5."+name, text)
		if err := mit.Kinit(t.Context(), user, password, w.file("cache of "+name)); err != nil {
			t.Errorf("%s: kinit does not take it: %v", name, err)
		}
		if err := w.client(func(k *security.Kerberos) { k.ConfigFile = mit.Config }).HealthCheck(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// silent is the address of a KDC that takes requests and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // nobody accepts what the system does
	return l.Addr().String()
}

// TestConfigurations: a client from variables or a profile works in one call.
func TestConfigurations(t *testing.T) {
	w := start(t)
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "KEYFACTOR_") {
			t.Setenv(name, "")
		}
	}
	profile := fmt.Sprintf(`{"servers":{"default":{"host":%q,"username":%q,"password":%q,"kerberos_realm":%q,"kerberos_config":"krb5.conf"}}}`,
		w.server.URL, user, password, realm.Name)
	if err := os.WriteFile(w.file("command_config.json"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile, err := security.LoadConfig(w.file("command_config.json"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEYFACTOR_HOSTNAME", w.server.URL)
	t.Setenv("KEYFACTOR_AUTH_KRB_USERNAME", user+"@"+realm.Name)
	t.Setenv("KEYFACTOR_AUTH_KRB_KEYTAB", w.file("user.keytab"))
	t.Setenv("KEYFACTOR_AUTH_KRB_CONFIG", w.Config)
	t.Setenv("KEYFACTOR_AUTH_KRB_SPN", spn)
	t.Setenv("KEYFACTOR_AUTH_KRB_DISABLE_PAFXFAST", "true")
	fromEnv, err := security.ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []*security.Config{fromFile, fromEnv} {
		client, err := kerberos.NewClientFromConfig(cfg, security.WithHTTPClient(w.server.Client()))
		if err != nil {
			t.Fatal(err)
		}
		ok(t, client)
	}
}

// TestShared: 200 callers need one ticket.
func TestShared(t *testing.T) {
	t.Parallel()
	w := start(t)
	client := w.client(nil)
	var callers sync.WaitGroup
	for range 200 {
		callers.Go(func() {
			if err := client.HealthCheck(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if as, tgs := w.count("AS_REQ", "ISSUE"), w.count("TGS_REQ", "ISSUE"); as != 1 || tgs != 1 {
		t.Errorf("the KDC issued %d tickets for signing in and %d for the service, want 1 and 1", as, tgs)
	}
}

// TestWrongPassword: it is sent once, whoever calls how often, and the account is not
// locked.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	w := start(t)
	wrong := w.client(func(k *security.Kerberos) { k.Password = security.NewSecret("Wrong-Horse") })
	w.fails(wrong, true, "refused the password of svc_sdk@TEST.COMMANDSEC", "correct the password")
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() { w.fails(wrong, true, "refused the password", "not tried again") })
	}
	callers.Wait()
	if got := w.admin("getprinc " + user); !strings.Contains(got, "Failed password attempts: 1\n") {
		t.Errorf("the KDC counted other than one attempt: %s", got)
	}
	ok(t, w.client(nil))
}

// TestWrongPasswordFoundByTheClient: a KDC that wants no pre-authentication does not
// see that the password is wrong.
func TestWrongPasswordFoundByTheClient(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.admin("modprinc -requires_preauth " + user)
	wrong := w.client(func(k *security.Kerberos) { k.Password = security.NewSecret("Wrong-Horse") })
	w.fails(wrong, true, "refused the password")
	w.fails(wrong, true, "not tried again")
	ok(t, w.client(nil))
}

// TestAccounts: what a KDC says of an account is passed on.
func TestAccounts(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.fails(w.client(func(k *security.Kerberos) { k.Username = "nobody" }), true, "does not know nobody@"+realm.Name, "case counts")
	w.admin(`modprinc -pwexpire "2001-01-01 00:00:00" ` + user)
	w.fails(w.client(nil), true, "has expired", "change it")
	w.admin(`modprinc -pwexpire never -allow_tix ` + user)
	locked := w.client(nil)
	w.fails(locked, true, "locked, disabled or expired")
	w.admin(`modprinc +allow_tix ` + user)
	ok(t, locked)
}

// TestKeytabs: one of another principal, one that a new password made useless, and the
// new one in its place.
func TestKeytabs(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.fails(w.client(func(k *security.Kerberos) { k.Keytab = w.file("server.keytab") }), false,
		"holds no key of svc_sdk@TEST.COMMANDSEC", "HTTP/127.0.0.1@TEST.COMMANDSEC")
	client := w.client(func(k *security.Kerberos) { k.Keytab, k.Password = w.file("user.keytab"), security.Secret{} })
	w.admin("cpw -pw Another-Horse-8 " + user)
	w.fails(client, true, "refused the key of svc_sdk@TEST.COMMANDSEC in the keytab", "make a new keytab")
	w.fails(client, true, "not tried again")
	if got := w.admin("getprinc " + user); !strings.Contains(got, "Failed password attempts: 1\n") {
		t.Errorf("the KDC counted other than one attempt: %s", got)
	}
	if err := os.Remove(w.file("user.keytab")); err != nil {
		t.Fatal(err)
	}
	w.admin("ktadd -norandkey -k " + w.file("user.keytab") + " " + user)
	ok(t, client)
}

// TestKeytabTypes: a keytab with one type of key is offered with that type only.
func TestKeytabTypes(t *testing.T) {
	t.Parallel()
	w := start(t)
	// The KDC has keys of two types and prefers the other one.
	w.admin("ktadd -norandkey -k " + w.file("both.keytab") + " " + user)
	kt, err := keytab.Load(w.file("both.keytab"))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range kt.Entries {
		if e.Key.KeyType == 17 {
			kt.Entries = kt.Entries[i : i+1]
			break
		}
	}
	data, err := kt.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.file("one.keytab"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	ok(t, w.client(func(k *security.Kerberos) { k.Keytab = w.file("one.keytab") }))
}

// TestUnknownService: the error names the service principal.
func TestUnknownService(t *testing.T) {
	t.Parallel()
	w := start(t)
	client := w.client(func(k *security.Kerberos) { k.SPN = "HTTP/unknown.example.com" })
	w.fails(client, false, "does not know the service principal HTTP/unknown.example.com", "setspn", "KEYFACTOR_AUTH_KRB_SPN")
	w.admin("addprinc -randkey HTTP/unknown.example.com") // registered meanwhile
	err := client.HealthCheck(t.Context())                // the server has another key
	if !errors.Is(err, security.ErrUnauthorized) || !strings.Contains(err.Error(), "refused the Kerberos ticket for HTTP/unknown.example.com") {
		t.Error(err)
	}
}

// TestRefused: a server that asks for Negotiate again gets one request a call, and the
// error says what to look at.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := start(t)
	requests, offer := 0, "Negotiate"
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		requests++
		rw.Header().Set("Www-Authenticate", offer)
		rw.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(rw, r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	w.server = server
	client := w.client(nil)
	err := client.HealthCheck(t.Context())
	if !errors.Is(err, security.ErrUnauthorized) || !strings.Contains(err.Error(), "refused the Kerberos ticket for "+spn) || requests != 1 {
		t.Error(requests, err)
	}
	if failure, found := errors.AsType[*security.Error](err); !found || strings.Contains(string(failure.Body), "YI") {
		t.Errorf("the ticket shows in the body: %q", failure.Body)
	}
	offer = "Basic realm=x"
	if err := client.HealthCheck(t.Context()); err == nil || !strings.Contains(err.Error(), "does not take Kerberos here, but Basic") {
		t.Error(err)
	}
	if n := w.count("TGS_REQ", "ISSUE"); n != 1 {
		t.Errorf("%d tickets were asked for", n)
	}
}

// TestGoneAndBack: a call fails while no KDC runs, and the next one works when it does.
// A client with a ticket does not notice.
func TestGoneAndBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	signedIn := w.client(nil)
	ok(t, signedIn)
	w.down()
	client := w.client(nil)
	w.fails(client, false, "no KDC of the realm TEST.COMMANDSEC answered (127.0.0.1:", "port 88")
	ok(t, signedIn)
	w.up(0)
	ok(t, client)
}

// TestRenewed: calls go on when tickets end, with few requests to the KDC. Tickets live
// 6 seconds.
func TestRenewed(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.admin(`modprinc -maxlife "6 seconds" ` + user)
	client := w.client(nil)
	calls := 0
	for begun := time.Now(); w.count("TGS_REQ", "ISSUE") < 4; calls++ {
		if time.Since(begun) > 2*time.Minute {
			t.Fatal("the ticket was not renewed")
		}
		ok(t, client)
		time.Sleep(100 * time.Millisecond)
	}
	if as := w.count("AS_REQ", "ISSUE"); as > 5 || calls < 10 {
		t.Errorf("%d calls, %d tickets for signing in", calls, as)
	}
}

// TestExpiredCache: the error says so, and kinit is all that it takes.
func TestExpiredCache(t *testing.T) {
	t.Parallel()
	w := start(t)
	cache := w.file("cache")
	kinit := func(args ...string) {
		t.Helper()
		if err := w.Kinit(t.Context(), user, password, cache, args...); err != nil {
			t.Fatal(err)
		}
	}
	kinit("-l", "2s")
	time.Sleep(3 * time.Second)
	client := w.client(func(k *security.Kerberos) { *k = security.Kerberos{CCache: cache, ConfigFile: w.Config} })
	w.fails(client, true, "expired at", "run kinit", cache)
	kinit("-l", "1h")
	ok(t, client)
	w.fails(w.client(func(k *security.Kerberos) { k.CCache, k.Username = cache, "somebody" }), false, "holds tickets of svc_sdk@TEST.COMMANDSEC, and not of somebody")
}

// TestRenewableCache: a ticket that can be renewed is.
func TestRenewableCache(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.admin(`modprinc -maxrenewlife "1 hour" ` + user)
	w.admin(`modprinc -maxrenewlife "1 hour" krbtgt/` + realm.Name)
	if err := w.Kinit(t.Context(), user, password, w.file("cache"), "-l", "12s", "-r", "30m"); err != nil {
		t.Fatal(err)
	}
	client := w.client(func(k *security.Kerberos) { *k = security.Kerberos{CCache: w.file("cache"), ConfigFile: w.Config} })
	for begun := time.Now(); time.Since(begun) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		ok(t, client)
	}
}

// TestSkew: the clock of the KDC is an hour ahead.
func TestSkew(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.down()
	w.up(time.Hour)
	w.fails(w.client(nil), false, "the clock of this machine differs", "synchronize")
	w.admin("modprinc -requires_preauth " + user) // found by the client then
	w.fails(w.client(nil), false, "the clock of this machine differs")
	w.down()
	w.up(0)
	ok(t, w.client(nil))
}

// TestOtherConfigurations: what a krb5.conf lacks is told.
func TestOtherConfigurations(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.fails(w.client(func(k *security.Kerberos) { k.Realm = "test.commandsec" }), false, "names no KDC of the realm test.commandsec (it has: OTHER.COMMANDSEC, TEST.COMMANDSEC, THIRD.COMMANDSEC; case counts)")
	w.fails(w.client(func(k *security.Kerberos) { k.ConfigFile = w.file("none.conf") }), false, "none.conf: no such file")
	w.fails(w.client(func(k *security.Kerberos) { k.Keytab = w.file("none.keytab") }), false, "none.keytab: no such file", "KEYFACTOR_AUTH_KRB_KEYTAB")
	w.fails(w.client(func(k *security.Kerberos) { k.CCache = w.file("none") }), false, "none: no such file", "run kinit", "KEYFACTOR_AUTH_KRB_CCACHE")
}

// TestNewKDC: a KDC with new keys does not know the old tickets, and signing in anew
// is all that it takes.
func TestNewKDC(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.admin(`modprinc -maxlife "3 seconds" ` + spn) // so that the other ticket outlives it
	client := w.client(nil)
	ok(t, client)
	w.admin("cpw -randkey krbtgt/" + realm.Name)
	time.Sleep(4 * time.Second)
	ok(t, client)
	if n := w.count("AS_REQ", "ISSUE"); n != 2 {
		t.Errorf("signed in %d times, want 2", n)
	}
}

// TestProgram: the program works with a configuration that signs in with Kerberos.
func TestProgram(t *testing.T) {
	t.Parallel()
	w := start(t)
	program := w.file("commandsec")
	build := exec.Command("go", "build", "-o", program, "./cmd/commandsec")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw})
	run := func(password string) (string, error) {
		c := exec.CommandContext(t.Context(), program, "snapshot", "--out", w.file("snapshot.json"))
		c.Env = []string{
			"HOME=" + w.Dir, "PATH=" + os.Getenv("PATH"), "KEYFACTOR_HOSTNAME=" + w.server.URL, "KEYFACTOR_CA_CERT=" + string(ca),
			"KEYFACTOR_AUTH_KRB_USERNAME=" + user, "KEYFACTOR_AUTH_KRB_PASSWORD=" + password, "KEYFACTOR_AUTH_KRB_CONFIG=" + w.Config,
		}
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run(password); err != nil || !strings.Contains(out, "Read "+w.server.URL) {
		t.Errorf("%v: %s", err, out)
	}
	out, err := run("Wrong-Horse")
	if err == nil || !strings.Contains(out, "refused the password of svc_sdk@TEST.COMMANDSEC") || strings.Contains(out, "Horse") {
		t.Errorf("%v: %s", err, out)
	}
	if got := w.admin("getprinc " + user); !strings.Contains(got, "Failed password attempts: 1\n") {
		t.Errorf("the KDC counted other than one attempt: %s", got)
	}
}

// TestOtherRealm: the service is in another realm, which trusts that of the client. An
// SPN or krb5.conf says so.
func TestOtherRealm(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.adminOf(realm.Other, "addprinc -randkey "+spn)
	if err := os.Remove(w.file("server.keytab")); err != nil {
		t.Fatal(err)
	}
	w.adminOf(realm.Other, "ktadd -k "+w.file("server.keytab")+" "+spn)
	w.serve(w.file("server.keytab"))
	there := func(k *security.Kerberos) { k.SPN = spn + "@" + realm.Other }
	w.fails(w.client(there), false, "the KDC of the realm TEST.COMMANDSEC knows no way to the realm OTHER.COMMANDSEC")
	for _, name := range []string{realm.Name, realm.Other} {
		w.adminOf(name, "addprinc -pw shared krbtgt/"+realm.Other+"@"+realm.Name)
	}
	ok(t, w.client(there))
	conf, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	mapped := w.file("mapped.conf")
	if err := os.WriteFile(mapped, append(conf, "[domain_realm]\n 127.0.0.1 = "+realm.Other+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	ok(t, w.client(func(k *security.Kerberos) { k.ConfigFile = mapped }))
}

// TestReferred: the client does not know the realm of the service. The KDC of its own realm
// knows, and leads there, if need be through another realm.
func TestReferred(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host   string
		realms []string // from the client's on, each trusted by the one before
	}{
		"directly":              {"command.other.test", []string{realm.Name, realm.Other}},
		"through another realm": {"command.third.test", []string{realm.Name, realm.Other, realm.Third}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			last := tc.realms[len(tc.realms)-1]
			service := "HTTP/" + tc.host
			w.adminOf(last, "addprinc -randkey "+service)
			w.adminOf(last, "ktadd -k "+w.file("there.keytab")+" "+service)
			w.serve(w.file("there.keytab"))
			client := func() *security.Client { return w.client(func(k *security.Kerberos) { k.SPN = service }) }
			w.fails(client(), false, "the KDC of the realm TEST.COMMANDSEC does not know the service principal "+service)
			for i, to := range tc.realms[1:] {
				for _, name := range []string{tc.realms[i], to} {
					w.adminOf(name, "addprinc -pw shared krbtgt/"+to+"@"+tc.realms[i])
				}
			}
			ok(t, client())
			ok(t, w.client(func(k *security.Kerberos) { k.SPN = service + "@" + last })) // it is known
		})
	}
}

// TestEncryptionTypes: an account may have keys of one type only. RC4 has to be permitted.
func TestEncryptionTypes(t *testing.T) {
	t.Parallel()
	w := start(t)
	conf, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	permitted := w.file("rc4.conf")
	if err := os.WriteFile(permitted, []byte(strings.Replace(string(conf), "[libdefaults]\n", "[libdefaults]\n permitted_enctypes = aes256-cts aes128-cts rc4-hmac\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, file := range map[string]string{
		"aes256-cts-hmac-sha1-96": w.Config, "aes128-cts-hmac-sha1-96": w.Config,
		"aes256-cts-hmac-sha384-192": w.Config, "aes128-cts-hmac-sha256-128": w.Config, "arcfour-hmac": permitted,
	} {
		name := "svc_" + kind
		w.admin("addprinc +requires_preauth -e " + kind + ":normal -pw " + password + " " + name)
		w.admin("ktadd -norandkey -k " + w.file(name) + " " + name)
		ok(t, w.client(func(k *security.Kerberos) { k.Username, k.ConfigFile = name, file }))
		ok(t, w.client(func(k *security.Kerberos) {
			*k = security.Kerberos{Username: name, Keytab: w.file(name), ConfigFile: file}
		}))
	}
	w.fails(w.client(func(k *security.Kerberos) { k.Username = "svc_arcfour-hmac" }), false, "no encryption type in common for svc_arcfour-hmac", "permitted_enctypes = aes256-cts aes128-cts rc4-hmac in "+w.Config)
	if got := w.admin("getprinc svc_arcfour-hmac"); !strings.Contains(got, "Failed password attempts: 0\n") {
		t.Errorf("the KDC counted a wrong password: %s", got)
	}
	w.fails(w.client(func(k *security.Kerberos) {
		*k = security.Kerberos{Keytab: w.file("svc_arcfour-hmac"), ConfigFile: w.Config}
	}), false, "of encryption types that are not used ([23])", "RC4 (23) has to be named in permitted_enctypes")

	// A service with RC4 only, as old accounts of Active Directory are: its ticket is
	// encrypted so, which is between it and the KDC.
	w.admin("addprinc -e arcfour-hmac:normal -randkey HTTP/old.example.com")
	w.admin("setstr HTTP/old.example.com session_enctypes aes256-cts-hmac-sha1-96")
	w.admin("ktadd -norandkey -k " + w.file("old.keytab") + " HTTP/old.example.com")
	w.serve(w.file("old.keytab"))
	ok(t, w.client(func(k *security.Kerberos) { k.SPN = "HTTP/old.example.com" }))
}

// TestNames: Active Directory allows spaces in names.
func TestNames(t *testing.T) {
	t.Parallel()
	w := start(t)
	name := "svc of the pool"
	w.admin(`addprinc +requires_preauth -pw ` + password + ` "` + name + `"`)
	ok(t, w.client(func(k *security.Kerberos) { k.Username = name + "@" + realm.Name }))
}
