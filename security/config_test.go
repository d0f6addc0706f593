package security_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/security"
)

// variables is every variable that is read.
var variables = []string{
	"KEYFACTOR_HOSTNAME", "KEYFACTOR_PORT", "KEYFACTOR_API_PATH", "KEYFACTOR_USERNAME", "KEYFACTOR_PASSWORD", "KEYFACTOR_DOMAIN",
	"KEYFACTOR_AUTH_CLIENT_ID", "KEYFACTOR_AUTH_CLIENT_SECRET", "KEYFACTOR_AUTH_TOKEN_URL", "KEYFACTOR_AUTH_SCOPES",
	"KEYFACTOR_AUTH_AUDIENCE", "KEYFACTOR_AUTH_ACCESS_TOKEN", "KEYFACTOR_CA_CERT", "KEYFACTOR_AUTH_CA_CERT",
	"KEYFACTOR_SKIP_VERIFY", "KEYFACTOR_CLIENT_TIMEOUT", "KEYFACTOR_AUTH_CONFIG_FILE", "KEYFACTOR_AUTH_CONFIG_PROFILE",
	"KEYFACTOR_AUTH_KRB_USERNAME", "KEYFACTOR_AUTH_KRB_PASSWORD", "KEYFACTOR_AUTH_KRB_REALM", "KEYFACTOR_AUTH_KRB_KEYTAB",
	"KEYFACTOR_AUTH_KRB_CONFIG", "KEYFACTOR_AUTH_KRB_CCACHE", "KEYFACTOR_AUTH_KRB_SPN", "KEYFACTOR_AUTH_KRB_DISABLE_PAFXFAST",
}

// setenv sets the variables given and unsets all others.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range variables {
		t.Setenv(name, "")
	}
	for name, value := range env {
		if !slices.Contains(variables, name) {
			t.Fatal(name)
		}
		t.Setenv(name, value)
	}
}

func with(base map[string]string, more ...string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, base)
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// inClear is all that a configuration holds, to compare it.
func inClear(c security.Config) string {
	s := fmt.Sprintf("%q %q %d %q user=%q %q %q oauth=%q %q %q %q %q token=%q %t %q %v",
		c.Source, c.Host, c.Port, c.APIPath, c.Username, c.Password.Reveal(), c.Domain,
		c.ClientID, c.ClientSecret.Reveal(), c.TokenURL, c.Scopes, c.Audience, c.AccessToken.Reveal(), c.SkipVerify, c.RootCAs, c.Timeout)
	if k := c.Kerberos; k != nil {
		s += fmt.Sprintf(" kerberos=%q %q %q %q %q %q %q %t", k.Username, k.Password.Reveal(), k.Realm, k.Keytab, k.ConfigFile, k.CCache, k.SPN, k.DisablePAFXFast)
	}
	return s
}

func TestConfigFromEnv(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(otherCA), 0o600); err != nil {
		t.Fatal(err)
	}
	noCA := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(noCA, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	host := map[string]string{"KEYFACTOR_HOSTNAME": "h.example.com"}
	login := with(host, "KEYFACTOR_USERNAME", "u", "KEYFACTOR_PASSWORD", "p")
	oauth := with(host, "KEYFACTOR_AUTH_CLIENT_ID", "i", "KEYFACTOR_AUTH_CLIENT_SECRET", "s", "KEYFACTOR_AUTH_TOKEN_URL", "https://idp.example.com/t")
	for name, tc := range map[string]struct {
		env   map[string]string
		want  security.Config
		url   string
		fails []string // fields; nil = it succeeds
	}{
		"basic": {env: login, want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p")}, url: "https://h.example.com/KeyfactorAPI"},
		"domain": {
			env:  with(login, "KEYFACTOR_DOMAIN", "D"),
			want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p"), Domain: "D"}, url: "https://h.example.com/KeyfactorAPI",
		},
		"token": {
			env:  with(host, "KEYFACTOR_AUTH_ACCESS_TOKEN", "t"),
			want: security.Config{Host: "h.example.com", AccessToken: security.NewSecret("t")}, url: "https://h.example.com/KeyfactorAPI",
		},
		"OAuth": {
			env:  oauth,
			want: security.Config{Host: "h.example.com", ClientID: "i", ClientSecret: security.NewSecret("s"), TokenURL: "https://idp.example.com/t"}, url: "https://h.example.com/KeyfactorAPI",
		},
		"scopes and audience": {
			env: with(oauth, "KEYFACTOR_AUTH_SCOPES", "a, b,,c", "KEYFACTOR_AUTH_AUDIENCE", "x"),
			want: security.Config{
				Host: "h.example.com", ClientID: "i", ClientSecret: security.NewSecret("s"), TokenURL: "https://idp.example.com/t", Scopes: []string{"a", "b", "c"}, Audience: "x",
			}, url: "https://h.example.com/KeyfactorAPI",
		},
		"port":      {env: with(login, "KEYFACTOR_PORT", "8443"), want: security.Config{Host: "h.example.com", Port: 8443, Username: "u", Password: security.NewSecret("p")}, url: "https://h.example.com:8443/KeyfactorAPI"},
		"port 443":  {env: with(login, "KEYFACTOR_PORT", "443"), want: security.Config{Host: "h.example.com", Port: 443, Username: "u", Password: security.NewSecret("p")}, url: "https://h.example.com/KeyfactorAPI"},
		"path":      {env: with(login, "KEYFACTOR_API_PATH", "/Keyfactor/API/"), want: security.Config{Host: "h.example.com", APIPath: "/Keyfactor/API/", Username: "u", Password: security.NewSecret("p")}, url: "https://h.example.com/Keyfactor/API"},
		"URL":       {env: with(login, "KEYFACTOR_HOSTNAME", "https://h.example.com:1/Keyfactor/API"), want: security.Config{Host: "https://h.example.com:1/Keyfactor/API", Username: "u", Password: security.NewSecret("p")}, url: "https://h.example.com:1/Keyfactor/API"},
		"host:port": {env: with(login, "KEYFACTOR_HOSTNAME", "h.example.com:8443"), want: security.Config{Host: "h.example.com:8443", Username: "u", Password: security.NewSecret("p")}, url: "https://h.example.com:8443/KeyfactorAPI"},
		"timeout":   {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "90"), want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p"), Timeout: 90 * time.Second}, url: "https://h.example.com/KeyfactorAPI"},
		"timeout with a unit": {
			env:  with(login, "KEYFACTOR_CLIENT_TIMEOUT", "60s"),
			want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p"), Timeout: time.Minute}, url: "https://h.example.com/KeyfactorAPI",
		},
		"timeout below a second": {
			env:  with(login, "KEYFACTOR_CLIENT_TIMEOUT", "1m0.5s"),
			want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p"), Timeout: 60500 * time.Millisecond}, url: "https://h.example.com/KeyfactorAPI",
		},
		"Kerberos": {
			env: with(host, "KEYFACTOR_AUTH_KRB_USERNAME", "svc", "KEYFACTOR_AUTH_KRB_PASSWORD", "p", "KEYFACTOR_AUTH_KRB_REALM", "EXAMPLE.COM",
				"KEYFACTOR_AUTH_KRB_KEYTAB", "rel/svc.keytab", "KEYFACTOR_AUTH_KRB_CONFIG", "/etc/krb5.conf", "KEYFACTOR_AUTH_KRB_CCACHE", "FILE:krb5cc",
				"KEYFACTOR_AUTH_KRB_SPN", "HTTP/h.example.com", "KEYFACTOR_AUTH_KRB_DISABLE_PAFXFAST", "true"),
			want: security.Config{Host: "h.example.com", Kerberos: &security.Kerberos{
				Username: "svc", Password: security.NewSecret("p"), Realm: "EXAMPLE.COM", Keytab: "rel/svc.keytab", ConfigFile: "/etc/krb5.conf",
				CCache: "FILE:krb5cc", SPN: "HTTP/h.example.com", DisablePAFXFast: true,
			}}, url: "https://h.example.com/KeyfactorAPI",
		},
		"skip verify":  {env: with(login, "KEYFACTOR_SKIP_VERIFY", "true"), want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p"), SkipVerify: true}, url: "https://h.example.com/KeyfactorAPI"},
		"verify":       {env: with(login, "KEYFACTOR_SKIP_VERIFY", "false"), want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p")}, url: "https://h.example.com/KeyfactorAPI"},
		"CA as a file": {env: with(login, "KEYFACTOR_CA_CERT", file), want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p"), RootCAs: []byte(otherCA)}, url: "https://h.example.com/KeyfactorAPI"},
		"CA as text":   {env: with(login, "KEYFACTOR_AUTH_CA_CERT", otherCA), want: security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p"), RootCAs: []byte(otherCA)}, url: "https://h.example.com/KeyfactorAPI"},
		"same port twice": {
			env:  with(login, "KEYFACTOR_HOSTNAME", "h.example.com:8443", "KEYFACTOR_PORT", "8443"),
			want: security.Config{Host: "h.example.com:8443", Port: 8443, Username: "u", Password: security.NewSecret("p")}, url: "https://h.example.com:8443/KeyfactorAPI",
		},
		"no host": {env: map[string]string{"KEYFACTOR_USERNAME": "u", "KEYFACTOR_PASSWORD": "p"}, fails: []string{"KEYFACTOR_HOSTNAME"}},
		"everything wrong": {
			env:   with(host, "KEYFACTOR_PORT", "0", "KEYFACTOR_CLIENT_TIMEOUT", "soon", "KEYFACTOR_SKIP_VERIFY", "maybe", "KEYFACTOR_CA_CERT", "/does/not/exist"),
			fails: []string{"KEYFACTOR_PORT", "KEYFACTOR_CLIENT_TIMEOUT", "KEYFACTOR_SKIP_VERIFY", "KEYFACTOR_CA_CERT"},
		},
		"port, too large":     {env: with(login, "KEYFACTOR_PORT", "65536"), fails: []string{"KEYFACTOR_PORT"}},
		"port, a word":        {env: with(login, "KEYFACTOR_PORT", "https"), fails: []string{"KEYFACTOR_PORT"}},
		"timeout 0":           {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "0"), fails: []string{"KEYFACTOR_CLIENT_TIMEOUT"}},
		"timeout below 0":     {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "-1"), fails: []string{"KEYFACTOR_CLIENT_TIMEOUT"}},
		"only a user":         {env: with(host, "KEYFACTOR_USERNAME", "u"), fails: []string{"credentials"}},
		"only a password":     {env: with(host, "KEYFACTOR_PASSWORD", password), fails: []string{"credentials"}},
		"only a client id":    {env: with(host, "KEYFACTOR_AUTH_CLIENT_ID", "i"), fails: []string{"credentials"}},
		"no token URL":        {env: with(host, "KEYFACTOR_AUTH_CLIENT_ID", "i", "KEYFACTOR_AUTH_CLIENT_SECRET", clientSecret), fails: []string{"credentials"}},
		"login and OAuth":     {env: with(oauth, "KEYFACTOR_USERNAME", "u", "KEYFACTOR_PASSWORD", password), fails: []string{"credentials"}},
		"login and a token":   {env: with(login, "KEYFACTOR_AUTH_ACCESS_TOKEN", accessToken), fails: []string{"credentials"}},
		"timeout, half of it": {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "60x"), fails: []string{"KEYFACTOR_CLIENT_TIMEOUT"}},
		"timeout, 0 s":        {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "0s"), fails: []string{"KEYFACTOR_CLIENT_TIMEOUT"}},
		"timeout, too long":   {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "99999999999999999999"), fails: []string{"KEYFACTOR_CLIENT_TIMEOUT"}},
		"only skip verify":    {env: map[string]string{"KEYFACTOR_SKIP_VERIFY": "true"}, fails: []string{"KEYFACTOR_HOSTNAME"}},
		"Kerberos by the realm of the name": {
			env:  with(host, "KEYFACTOR_USERNAME", "svc@EXAMPLE.COM", "KEYFACTOR_PASSWORD", "p", "KEYFACTOR_AUTH_KRB_CONFIG", "/etc/krb5.conf"),
			want: security.Config{Host: "h.example.com", Kerberos: &security.Kerberos{Username: "svc@EXAMPLE.COM", Password: security.NewSecret("p"), ConfigFile: "/etc/krb5.conf"}},
			url:  "https://h.example.com/KeyfactorAPI",
		},
		"two ports": {env: with(login, "KEYFACTOR_HOSTNAME", "h.example.com:8443", "KEYFACTOR_PORT", "443"), fails: []string{"port"}},
		"two paths": {env: with(login, "KEYFACTOR_HOSTNAME", "https://h.example.com/A", "KEYFACTOR_API_PATH", "B"), fails: []string{"API path"}},
		"a password in the host": {
			env: with(login, "KEYFACTOR_HOSTNAME", "https://u:"+password+"@h.example.com"), fails: []string{"host"},
		},
		"a password in a broken host": {
			env: with(login, "KEYFACTOR_HOSTNAME", "https://u:%zz"+password+"@h.example.com"), fails: []string{"host"},
		},
		"a broken host": {env: with(login, "KEYFACTOR_HOSTNAME", "h.example.com/%zz"+password), fails: []string{"host"}},
		"a password in the token URL": {
			env: with(oauth, "KEYFACTOR_AUTH_TOKEN_URL", "https://u:"+password+"@idp.example.com/t"), fails: []string{"token URL"},
		},
		"Kerberos and a login":        {env: with(login, "KEYFACTOR_AUTH_KRB_REALM", "R"), fails: []string{"credentials"}},
		"Basic or Kerberos":           {env: with(login, "KEYFACTOR_AUTH_KRB_CONFIG", "/etc/krb5.conf"), fails: []string{"credentials"}},
		"Kerberos, no user":           {env: with(host, "KEYFACTOR_AUTH_KRB_PASSWORD", password), fails: []string{"credentials"}},
		"Kerberos, neither yes or no": {env: with(host, "KEYFACTOR_AUTH_KRB_DISABLE_PAFXFAST", "x"), fails: []string{"KEYFACTOR_AUTH_KRB_DISABLE_PAFXFAST"}},
		"a CA that is none":           {env: with(login, "KEYFACTOR_CA_CERT", noCA), fails: []string{"KEYFACTOR_CA_CERT"}},
		"a CA text that is none":      {env: with(login, "KEYFACTOR_AUTH_CA_CERT", "-----BEGIN nonsense"), fails: []string{"KEYFACTOR_AUTH_CA_CERT"}},
		"a CA that is a directory":    {env: with(login, "KEYFACTOR_CA_CERT", filepath.Dir(noCA)), fails: []string{"KEYFACTOR_CA_CERT"}},
		"profile, but a key":          {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_PROFILE": "p", "KEYFACTOR_PASSWORD": password}, fails: []string{"configuration"}},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, tc.env)
			got, err := security.ConfigFromEnv()
			if tc.fails != nil {
				if f := fields(err); got != nil || !slices.Equal(f, tc.fails) {
					t.Errorf("%v is about %v, want %v", err, f, tc.fails)
				}
				noSecrets(t, err.Error())
				if ca := tc.env["KEYFACTOR_CA_CERT"]; ca != "" && !strings.Contains(err.Error(), ca) {
					t.Errorf("%v does not name %s", err, ca)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Warnings) > 0 != got.SkipVerify {
				t.Errorf("it warns: %q", got.Warnings)
			}
			tc.want.Source = "the environment"
			if got, want := inClear(*got), inClear(tc.want); got != want {
				t.Errorf("got\n%s, want\n%s", got, want)
			}
			if got.BaseURL() != tc.url {
				t.Errorf("the URL is %s, want %s", got.BaseURL(), tc.url)
			}
			if _, err := security.NewClientFromConfig(got); (err != nil) != (got.Kerberos != nil) {
				t.Error(err)
			}
		})
	}
}

// TestConfigBothCAs: two certificates without a line break between them.
func TestConfigBothCAs(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) })
	own := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	setenv(t, map[string]string{
		"KEYFACTOR_HOSTNAME": s.URL, "KEYFACTOR_AUTH_ACCESS_TOKEN": "t",
		"KEYFACTOR_CA_CERT": strings.TrimSpace(otherCA), "KEYFACTOR_AUTH_CA_CERT": strings.TrimSpace(own),
	})
	cfg, err := security.ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	client, err := security.NewClientFromConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	if _, err := do(t.Context(), client, get); err != nil {
		t.Error(err)
	}
}

// TestConfigSourcesAreNotMixed: an error that names both.
func TestConfigSourcesAreNotMixed(t *testing.T) {
	file := profiles(t, `{"servers":{"default":{"host":"prod.example.com","username":"u","password":"p"},"lab":{"host":"lab.example.com","access_token":"t"}}}`)
	for name, tc := range map[string]struct {
		env   map[string]string
		names []string // in the error; nil = it succeeds
		host  string
		warns []string
	}{
		"profile by file": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file}, host: "prod.example.com"},
		"profile by both": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_AUTH_CONFIG_PROFILE": "lab"}, host: "lab.example.com"},
		"environment over both": {
			env:  map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_HOSTNAME": "env.example.com", "KEYFACTOR_AUTH_ACCESS_TOKEN": "e"},
			host: "env.example.com", warns: []string{"KEYFACTOR_AUTH_CONFIG_FILE"},
		},
		"host from the variable": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_HOSTNAME": "env.example.com"}, names: []string{"none", "environment"}},
		"user from the variable": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_USERNAME": "u"}, names: []string{"KEYFACTOR_USERNAME", file}},
		"scopes of the variable": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_AUTH_SCOPES": "a"}, names: []string{"KEYFACTOR_AUTH_SCOPES", file}},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, tc.env)
			cfg, err := security.ConfigFromEnv()
			if tc.names == nil {
				if err != nil || cfg.Host != tc.host {
					t.Fatalf("%v, %v; want host %s", cfg, err, tc.host)
				}
				warnings(t, cfg, tc.warns...)
				return
			}
			if err == nil { // the client refuses what has no credential
				_, err = security.NewClientFromConfig(cfg)
			}
			if err == nil {
				t.Fatalf("got %v", cfg)
			}
			for _, s := range tc.names {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v does not name %s", err, s)
				}
			}
		})
	}
}

// TestConfigNoSettingIsLost: whatever is set beside a profile that gives the host
// is refused by name, because it would have no effect.
func TestConfigNoSettingIsLost(t *testing.T) {
	file := profiles(t, `{"servers":{"default":{"host":"h.example.com","access_token":"t"}}}`)
	for _, name := range variables {
		if strings.HasPrefix(name, "KEYFACTOR_AUTH_CONFIG") || name == "KEYFACTOR_HOSTNAME" {
			continue
		}
		for _, value := range []string{"false", "garbage"} {
			setenv(t, map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, name: value})
			if cfg, err := security.ConfigFromEnv(); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), file) {
				t.Errorf("with %s it is %v, %v", name, cfg, err)
			}
		}
	}
}

// warnings fails the test unless there is one warning for each word.
func warnings(t *testing.T, cfg *security.Config, words ...string) {
	t.Helper()
	if len(cfg.Warnings) != len(words) {
		t.Fatalf("the warnings are %q, want %d", cfg.Warnings, len(words))
	}
	for i, word := range words {
		if !strings.Contains(cfg.Warnings[i], word) {
			t.Errorf("the warning %q does not say %q", cfg.Warnings[i], word)
		}
	}
}

func TestConfigWarnings(t *testing.T) {
	for name, tc := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"none":      {map[string]string{"KEYFACTOR_USERNAME": "u", "KEYFACTOR_PASSWORD": "p", "KEYFACTOR_DOMAIN": "D"}, nil},
		"profile":   {map[string]string{"KEYFACTOR_AUTH_ACCESS_TOKEN": "t", "KEYFACTOR_AUTH_CONFIG_PROFILE": "x"}, []string{"KEYFACTOR_AUTH_CONFIG_PROFILE"}},
		"domain":    {map[string]string{"KEYFACTOR_AUTH_ACCESS_TOKEN": "t", "KEYFACTOR_DOMAIN": "D"}, []string{"domain"}},
		"scopes":    {map[string]string{"KEYFACTOR_USERNAME": "u", "KEYFACTOR_PASSWORD": "p", "KEYFACTOR_AUTH_SCOPES": "a"}, []string{"scopes"}},
		"krb5.conf": {map[string]string{"KEYFACTOR_AUTH_ACCESS_TOKEN": "t", "KEYFACTOR_AUTH_KRB_CONFIG": "/etc/krb5.conf"}, []string{"Kerberos"}},
		"false":     {map[string]string{"KEYFACTOR_USERNAME": "u", "KEYFACTOR_PASSWORD": "p", "KEYFACTOR_AUTH_KRB_DISABLE_PAFXFAST": "false"}, nil},
		"audience":  {map[string]string{"KEYFACTOR_AUTH_KRB_REALM": "R", "KEYFACTOR_AUTH_AUDIENCE": "a"}, []string{"audience"}},
	} {
		setenv(t, with(tc.env, "KEYFACTOR_HOSTNAME", "h.example.com"))
		cfg, err := security.ConfigFromEnv()
		if err != nil {
			t.Fatal(name, err)
		}
		warnings(t, cfg, tc.want...)
		var log buffer
		_, err = security.NewClientFromConfig(cfg, security.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		if (err != nil) != (cfg.Kerberos != nil) {
			t.Error(name, err)
		}
		if got := strings.Count(log.String(), "level=WARN"); got != len(tc.want) {
			t.Errorf("%s: %d warnings are logged:\n%s", name, got, log.String())
		}
	}
}

// TestErrNotConfigured: only if nobody named anything.
func TestErrNotConfigured(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	check := func(name string, want bool, err error) {
		t.Helper()
		if err == nil || errors.Is(err, security.ErrNotConfigured) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	setenv(t, nil)
	_, err := security.ConfigFromEnv()
	check("nothing", true, err)
	for _, name := range variables {
		setenv(t, map[string]string{name: "x"})
		cfg, err := security.ConfigFromEnv()
		if err == nil { // a host alone is something
			_, err = security.NewClientFromConfig(cfg)
		}
		check(name, false, err)
	}
	setenv(t, nil)
	missing := filepath.Join(t.TempDir(), "none.json")
	for name, tc := range map[string]struct {
		file, profile string
		want          bool
	}{
		"no file":           {"", "", true},
		"a profile":         {"", "default", false},
		"a file":            {missing, "", false},
		"a file and a name": {missing, "default", false},
	} {
		_, err := security.LoadConfig(tc.file, tc.profile)
		check(name, tc.want, err)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v is not fs.ErrNotExist", name, err)
		}
	}
	t.Setenv("HOME", "")
	_, err = security.LoadConfig("", "")
	check("no home", false, err)
}

// TestConfigKerberos: the settings are held, and the program has to sign in.
func TestConfigKerberos(t *testing.T) {
	t.Parallel()
	cfg := &security.Config{Source: "profile X", Host: "h.example.com", Kerberos: &security.Kerberos{Realm: "EXAMPLE.COM", CCache: "krb5cc"}}
	for name, opts := range map[string][]security.Option{
		"alone": nil, "with a client certificate": {security.WithClientCertificate(tls.Certificate{Certificate: [][]byte{{0}}, PrivateKey: struct{}{}})},
	} {
		_, err := security.NewClientFromConfig(cfg, opts...)
		if err == nil || !strings.Contains(err.Error(), "Kerberos") || !strings.Contains(err.Error(), "WithAuthorization") || !strings.Contains(err.Error(), "profile X") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := security.NewClientFromConfig(cfg, security.WithBasicAuth(user, password)); err == nil {
		t.Error("it takes a password of the program")
	}
	server := newScript(ok)
	client, err := security.NewClientFromConfig(cfg, security.WithHTTPClient(&http.Client{Transport: server}),
		security.WithAuthorization(func(r *http.Request) error {
			r.Header.Set("Authorization", "Negotiate YII")
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, get); err != nil {
		t.Fatal(err)
	}
	if sent := server.all()[0]; sent.header.Get("Authorization") != "Negotiate YII" || !strings.HasPrefix(sent.url, "https://h.example.com/KeyfactorAPI/") {
		t.Errorf("it sends %v to %s", sent.header, sent.url)
	}
	login := &security.Config{Host: "h.example.com", Username: "u", Password: security.NewSecret("p")}
	if _, err := security.NewClientFromConfig(login, security.WithAuthorization(func(*http.Request) error { return nil })); err == nil {
		t.Error("two ways to sign in are taken")
	}
}

// TestBaseURLShowsNoPassword: it is printed by programs.
func TestBaseURLShowsNoPassword(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"u:" + password + "@h.example.com", "https://u:" + password + "@h.example.com/A", "https://u:%zz" + password + "@h.example.com", password + "@h.example.com",
	} {
		cfg := &security.Config{Host: host, AccessToken: security.NewSecret("t")}
		noSecrets(t, cfg.BaseURL(), fmt.Sprint(cfg))
		if _, err := security.NewClientFromConfig(cfg); err == nil {
			t.Errorf("%s is taken", host)
		} else {
			noSecrets(t, err.Error())
		}
	}
}

func TestDefaultConfigPath(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	setenv(t, nil)
	want := filepath.Join(home, ".keyfactor", "command_config.json")
	if got := security.DefaultConfigPath(); got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
	if err := os.MkdirAll(filepath.Dir(want), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, []byte(`{"servers":{"lab":{"host":"h","access_token":"t"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, err := security.LoadConfig("", "lab"); err != nil || cfg.Host != "h" {
		t.Errorf("%v, %v", cfg, err)
	}
	t.Setenv("KEYFACTOR_AUTH_CONFIG_PROFILE", "lab")
	if cfg, err := security.ConfigFromEnv(); err != nil || cfg.Host != "h" {
		t.Errorf("%v, %v", cfg, err)
	}
	t.Setenv("HOME", "")
	if got := security.DefaultConfigPath(); got != "" {
		t.Errorf("without a home it is %q", got)
	}
}

func TestConfigUser(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ domain, user, want string }{
		{"", `D\u`, `D\u`},
		{"", "u@d.example.com", "u@d.example.com"},
		{"", "u", "u"},
		{"D", "u", `D\u`},
		{"D", `E\u`, `E\u`},
		{"D", "u@e.example.com", "u@e.example.com"},
	} {
		server := newScript(ok)
		client, err := security.NewClientFromConfig(&security.Config{Host: "h.example.com", Username: tc.user, Password: security.NewSecret("p"), Domain: tc.domain},
			security.WithHTTPClient(&http.Client{Transport: server}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := do(t.Context(), client, get); err != nil {
			t.Fatal(err)
		}
		got, pass, _ := (&http.Request{Header: server.all()[0].header}).BasicAuth()
		if got != tc.want || pass != "p" {
			t.Errorf("domain %q and user %q sign in as %q, want %q", tc.domain, tc.user, got, tc.want)
		}
	}
}

// TestConfigCredentialStaysWithItsHost: no credential reaches a host that it was
// not meant for.
func TestConfigCredentialStaysWithItsHost(t *testing.T) {
	t.Parallel()
	cfg := security.Config{Source: "profile X", Host: "a.example.com", AccessToken: security.NewSecret(accessToken)}
	for base, fits := range map[string]bool{
		"https://a.example.com/KeyfactorAPI":     true,
		"https://A.example.com:443/Other/API":    true,
		"https://b.example.com/KeyfactorAPI":     false,
		"https://a.example.com:444/KeyfactorAPI": false,
		"https://a.example.com.evil.example.org": false,
	} {
		_, err := security.NewClient(base, cfg.Options()...)
		if (err == nil) != fits {
			t.Errorf("%s: %v", base, err)
		}
		if err != nil {
			noSecrets(t, err.Error())
			if !strings.Contains(err.Error(), "profile X") || !strings.Contains(err.Error(), "a.example.com") {
				t.Errorf("%v does not name the source", err)
			}
		}
	}
	_, err := security.NewClient("http://a.example.com:443/KeyfactorAPI", append(cfg.Options(), security.WithInsecureHTTP())...)
	if err == nil {
		t.Error("another scheme was taken")
	}
}

func TestNewClientFromConfig(t *testing.T) {
	t.Parallel()
	full := &security.Config{Source: "profile X", Host: "a.example.com", AccessToken: security.NewSecret(accessToken)}
	bare := &security.Config{Source: "profile X", Host: "a.example.com"}
	for name, tc := range map[string]struct {
		cfg   *security.Config
		opts  []security.Option
		names []string // in the error; nil = it succeeds
	}{
		"good":                      {full, nil, nil},
		"with other options":        {full, []security.Option{security.WithTimeout(time.Second)}, nil},
		"nil":                       {nil, nil, []string{"nil"}},
		"no host":                   {&security.Config{AccessToken: security.NewSecret("t")}, nil, []string{"baseURL"}},
		"no credential":             {bare, nil, []string{"profile X", "none"}},
		"credential of its own":     {full, []security.Option{security.WithBasicAuth(user, password)}, []string{"profile X", "WithBasicAuth"}},
		"credential of the program": {bare, []security.Option{security.WithBasicAuth(user, password)}, []string{"profile X", "WithBasicAuth"}},
		"bad timeout":               {full, []security.Option{security.WithTimeout(-1)}, []string{"WithTimeout"}},
		"http":                      {&security.Config{Host: "http://a.example.com", AccessToken: security.NewSecret("t")}, nil, []string{"https"}},
		"credentials in the host":   {&security.Config{Host: "u:" + password + "@a.example.com", AccessToken: security.NewSecret("t")}, nil, []string{"baseURL"}},
		"bad CA":                    {&security.Config{Host: "a.example.com", AccessToken: security.NewSecret("t"), RootCAs: []byte("x")}, nil, []string{"WithRootCAs"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := security.NewClientFromConfig(tc.cfg, tc.opts...)
			if (err == nil) != (tc.names == nil) || (client == nil) != (err != nil) {
				t.Fatal(client, err)
			}
			for _, s := range tc.names {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v does not say %q", err, s)
				}
			}
			if err != nil {
				noSecrets(t, err.Error())
			}
		})
	}
}
