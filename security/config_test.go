package security_test

import (
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
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

func TestConfigFromEnv(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(otherCA), 0o600); err != nil {
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
		"basic": {env: login, want: security.Config{Host: "h.example.com", Username: "u", Password: "p"}, url: "https://h.example.com/KeyfactorAPI"},
		"domain": {
			env:  with(login, "KEYFACTOR_DOMAIN", "D"),
			want: security.Config{Host: "h.example.com", Username: "u", Password: "p", Domain: "D"}, url: "https://h.example.com/KeyfactorAPI",
		},
		"token": {
			env:  with(host, "KEYFACTOR_AUTH_ACCESS_TOKEN", "t"),
			want: security.Config{Host: "h.example.com", AccessToken: "t"}, url: "https://h.example.com/KeyfactorAPI",
		},
		"OAuth": {
			env:  oauth,
			want: security.Config{Host: "h.example.com", ClientID: "i", ClientSecret: "s", TokenURL: "https://idp.example.com/t"}, url: "https://h.example.com/KeyfactorAPI",
		},
		"scopes and audience": {
			env: with(oauth, "KEYFACTOR_AUTH_SCOPES", "a, b,,c", "KEYFACTOR_AUTH_AUDIENCE", "x"),
			want: security.Config{
				Host: "h.example.com", ClientID: "i", ClientSecret: "s", TokenURL: "https://idp.example.com/t", Scopes: []string{"a", "b", "c"}, Audience: "x",
			}, url: "https://h.example.com/KeyfactorAPI",
		},
		"port":         {env: with(login, "KEYFACTOR_PORT", "8443"), want: security.Config{Host: "h.example.com", Port: 8443, Username: "u", Password: "p"}, url: "https://h.example.com:8443/KeyfactorAPI"},
		"port 443":     {env: with(login, "KEYFACTOR_PORT", "443"), want: security.Config{Host: "h.example.com", Port: 443, Username: "u", Password: "p"}, url: "https://h.example.com/KeyfactorAPI"},
		"path":         {env: with(login, "KEYFACTOR_API_PATH", "/Keyfactor/API/"), want: security.Config{Host: "h.example.com", APIPath: "/Keyfactor/API/", Username: "u", Password: "p"}, url: "https://h.example.com/Keyfactor/API"},
		"URL":          {env: with(login, "KEYFACTOR_HOSTNAME", "https://h.example.com:1/Keyfactor/API"), want: security.Config{Host: "https://h.example.com:1/Keyfactor/API", Username: "u", Password: "p"}, url: "https://h.example.com:1/Keyfactor/API"},
		"host:port":    {env: with(login, "KEYFACTOR_HOSTNAME", "h.example.com:8443"), want: security.Config{Host: "h.example.com:8443", Username: "u", Password: "p"}, url: "https://h.example.com:8443/KeyfactorAPI"},
		"timeout":      {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "90"), want: security.Config{Host: "h.example.com", Username: "u", Password: "p", Timeout: 90 * time.Second}, url: "https://h.example.com/KeyfactorAPI"},
		"skip verify":  {env: with(login, "KEYFACTOR_SKIP_VERIFY", "true"), want: security.Config{Host: "h.example.com", Username: "u", Password: "p", SkipVerify: true}, url: "https://h.example.com/KeyfactorAPI"},
		"verify":       {env: with(login, "KEYFACTOR_SKIP_VERIFY", "false"), want: security.Config{Host: "h.example.com", Username: "u", Password: "p"}, url: "https://h.example.com/KeyfactorAPI"},
		"CA as a file": {env: with(login, "KEYFACTOR_CA_CERT", file), want: security.Config{Host: "h.example.com", Username: "u", Password: "p", RootCAs: []byte(otherCA)}, url: "https://h.example.com/KeyfactorAPI"},
		"CA as text":   {env: with(login, "KEYFACTOR_AUTH_CA_CERT", otherCA), want: security.Config{Host: "h.example.com", Username: "u", Password: "p", RootCAs: []byte(otherCA)}, url: "https://h.example.com/KeyfactorAPI"},
		"nothing":      {env: nil, fails: []string{"KEYFACTOR_HOSTNAME"}},
		"no host":      {env: map[string]string{"KEYFACTOR_USERNAME": "u", "KEYFACTOR_PASSWORD": "p"}, fails: []string{"KEYFACTOR_HOSTNAME"}},
		"everything wrong": {
			env:   with(host, "KEYFACTOR_PORT", "0", "KEYFACTOR_CLIENT_TIMEOUT", "soon", "KEYFACTOR_SKIP_VERIFY", "maybe", "KEYFACTOR_CA_CERT", "/does/not/exist"),
			fails: []string{"KEYFACTOR_PORT", "KEYFACTOR_CLIENT_TIMEOUT", "KEYFACTOR_SKIP_VERIFY", "KEYFACTOR_CA_CERT", "credentials"},
		},
		"port, too large":    {env: with(login, "KEYFACTOR_PORT", "65536"), fails: []string{"KEYFACTOR_PORT"}},
		"port, a word":       {env: with(login, "KEYFACTOR_PORT", "https"), fails: []string{"KEYFACTOR_PORT"}},
		"timeout 0":          {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "0"), fails: []string{"KEYFACTOR_CLIENT_TIMEOUT"}},
		"timeout below 0":    {env: with(login, "KEYFACTOR_CLIENT_TIMEOUT", "-1"), fails: []string{"KEYFACTOR_CLIENT_TIMEOUT"}},
		"no credential":      {env: host, fails: []string{"credentials"}},
		"only a user":        {env: with(host, "KEYFACTOR_USERNAME", "u"), fails: []string{"credentials"}},
		"only a password":    {env: with(host, "KEYFACTOR_PASSWORD", password), fails: []string{"credentials"}},
		"only a client id":   {env: with(host, "KEYFACTOR_AUTH_CLIENT_ID", "i"), fails: []string{"credentials"}},
		"no token URL":       {env: with(host, "KEYFACTOR_AUTH_CLIENT_ID", "i", "KEYFACTOR_AUTH_CLIENT_SECRET", clientSecret), fails: []string{"credentials"}},
		"login and OAuth":    {env: with(oauth, "KEYFACTOR_USERNAME", "u", "KEYFACTOR_PASSWORD", password), fails: []string{"credentials"}},
		"login and a token":  {env: with(login, "KEYFACTOR_AUTH_ACCESS_TOKEN", accessToken), fails: []string{"credentials"}},
		"profile, but a key": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_PROFILE": "p", "KEYFACTOR_PASSWORD": password}, fails: []string{"configuration"}},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, tc.env)
			got, err := security.ConfigFromEnv()
			if tc.fails != nil {
				if f := fields(err); got != nil || !slices.Equal(f, tc.fails) {
					t.Errorf("%v is about %v, want %v", err, f, tc.fails)
				}
				noSecrets(t, err.Error())
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Source = "the environment"
			if len(got.Scopes) == 0 {
				got.Scopes = nil
			}
			got.RootCAs = []byte(strings.TrimSpace(string(got.RootCAs)))
			tc.want.RootCAs = []byte(strings.TrimSpace(string(tc.want.RootCAs)))
			type plain security.Config
			if !reflect.DeepEqual(plain(*got), plain(tc.want)) {
				t.Errorf("got\n%#v, want\n%#v", plain(*got), plain(tc.want))
			}
			if got.BaseURL() != tc.url {
				t.Errorf("the URL is %s, want %s", got.BaseURL(), tc.url)
			}
			if _, err := security.NewClientFromConfig(got); err != nil {
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
	}{
		"profile by file":        {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file}, host: "prod.example.com"},
		"profile by both":        {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_AUTH_CONFIG_PROFILE": "lab"}, host: "lab.example.com"},
		"environment over both":  {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_HOSTNAME": "env.example.com", "KEYFACTOR_AUTH_ACCESS_TOKEN": "e"}, host: "env.example.com"},
		"host from the variable": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_HOSTNAME": "env.example.com"}, names: []string{"KEYFACTOR_HOSTNAME", file}},
		"user from the variable": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_USERNAME": "u"}, names: []string{"KEYFACTOR_USERNAME", file}},
		"scopes of the variable": {env: map[string]string{"KEYFACTOR_AUTH_CONFIG_FILE": file, "KEYFACTOR_AUTH_SCOPES": "a"}, names: []string{"KEYFACTOR_AUTH_SCOPES", file}},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, tc.env)
			cfg, err := security.ConfigFromEnv()
			if tc.names == nil {
				if err != nil || cfg.Host != tc.host {
					t.Errorf("%v, %v; want host %s", cfg, err, tc.host)
				}
				return
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

func profiles(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "command_config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(otherCA), 0o600); err != nil {
		t.Fatal(err)
	}
	file := profiles(t, `{"unknown":1,"servers":{
		"default":{"host":"a.example.com","port":8443,"api_path":"Keyfactor/API","username":"u","password":"p","domain":"D","auth_type":"basic","x":{"y":[]}},
		"oauth":{"host":"b.example.com","client_id":"i","client_secret":"s","token_url":"https://idp.example.com/t","scopes":["a","b"],"audience":"x","skip_tls_verify":true},
		"token":{"host":"c.example.com","access_token":"t","ca_cert_path":"`+ca+`","auth_provider":{"type":"","profile":""}},
		"vault":{"host":"d.example.com","auth_provider":{"type":"azid","parameters":{}}},
		"kerberos":{"host":"e.example.com","username":"u","password":"p","kerberos_realm":"EXAMPLE.COM"},
		"noca":{"host":"f.example.com","access_token":"t","ca_cert_path":"/does/not/exist"},
		"nohost":{"access_token":"t"},
		"half":{"host":"g.example.com","username":"u"},
		"two":{"host":"g.example.com","username":"u","password":"`+password+`","access_token":"`+accessToken+`"}
	}}`)
	for profile, want := range map[string]security.Config{
		"":        {Host: "a.example.com", Port: 8443, APIPath: "Keyfactor/API", Username: "u", Password: "p", Domain: "D"},
		"default": {Host: "a.example.com", Port: 8443, APIPath: "Keyfactor/API", Username: "u", Password: "p", Domain: "D"},
		"oauth": {
			Host: "b.example.com", ClientID: "i", ClientSecret: "s", TokenURL: "https://idp.example.com/t", Scopes: []string{"a", "b"}, Audience: "x", SkipVerify: true,
		},
		"token": {Host: "c.example.com", AccessToken: "t", RootCAs: []byte(otherCA)},
	} {
		got, err := security.LoadConfig(file, profile)
		if err != nil {
			t.Errorf("%q: %v", profile, err)
			continue
		}
		if !strings.Contains(got.Source, file) || profile != "" && !strings.Contains(got.Source, profile) {
			t.Errorf("%q: the source is %q", profile, got.Source)
		}
		want.Source = got.Source
		if len(got.RootCAs) == 0 {
			got.RootCAs = nil
		}
		type plain security.Config
		if !reflect.DeepEqual(plain(*got), plain(want)) {
			t.Errorf("%q is\n%#v, want\n%#v", profile, plain(*got), plain(want))
		}
	}
	for profile, words := range map[string][]string{
		"missing":  {"missing", "default, half, kerberos, noca, nohost, oauth, token, two, vault"},
		"vault":    {"vault", "azid", "not supported"},
		"kerberos": {"kerberos", "not supported"},
		"noca":     {"ca_cert_path", "/does/not/exist"},
		"nohost":   {"nohost", "host"},
		"half":     {"half", "password"},
		"two":      {"two", "more than one"},
	} {
		got, err := security.LoadConfig(file, profile)
		if err == nil || got != nil {
			t.Errorf("%q: got %v", profile, got)
			continue
		}
		for _, w := range append(words, file) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v does not say %q", profile, err, w)
			}
		}
		noSecrets(t, err.Error())
	}
	if _, err := security.LoadConfig(filepath.Join(t.TempDir(), "none.json"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	for _, text := range []string{"", "{", `{"servers":[]}`, `{"servers":{"default":{"host":"h","password":"` + password + `",}}}`, `{"servers":{"default":{"port":"` + password + `"}}}`} {
		_, err := security.LoadConfig(profiles(t, text), "")
		if err == nil || !strings.Contains(err.Error(), "command_config.json") {
			t.Errorf("%s: %v", text, err)
			continue
		}
		noSecrets(t, err.Error())
	}
	if _, err := security.LoadConfig(profiles(t, `{}`), ""); err == nil {
		t.Error("a file without profiles is taken")
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
		client, err := security.NewClientFromConfig(&security.Config{Host: "h.example.com", Username: tc.user, Password: "p", Domain: tc.domain},
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
	cfg := security.Config{Source: "profile X", Host: "a.example.com", AccessToken: accessToken}
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
	full := &security.Config{Source: "profile X", Host: "a.example.com", AccessToken: accessToken}
	bare := &security.Config{Source: "profile X", Host: "a.example.com"}
	for name, tc := range map[string]struct {
		cfg   *security.Config
		opts  []security.Option
		names []string // in the error; nil = it succeeds
	}{
		"good":                      {full, nil, nil},
		"with other options":        {full, []security.Option{security.WithTimeout(time.Second)}, nil},
		"nil":                       {nil, nil, []string{"nil"}},
		"no host":                   {&security.Config{AccessToken: "t"}, nil, []string{"baseURL"}},
		"no credential":             {bare, nil, []string{"profile X", "none"}},
		"credential of its own":     {full, []security.Option{security.WithBasicAuth(user, password)}, []string{"profile X", "WithBasicAuth"}},
		"credential of the program": {bare, []security.Option{security.WithBasicAuth(user, password)}, []string{"profile X", "WithBasicAuth"}},
		"bad timeout":               {full, []security.Option{security.WithTimeout(-1)}, []string{"WithTimeout"}},
		"http":                      {&security.Config{Host: "http://a.example.com", AccessToken: "t"}, nil, []string{"https"}},
		"credentials in the host":   {&security.Config{Host: "u:" + password + "@a.example.com", AccessToken: "t"}, nil, []string{"baseURL"}},
		"bad CA":                    {&security.Config{Host: "a.example.com", AccessToken: "t", RootCAs: []byte("x")}, nil, []string{"WithRootCAs"}},
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
