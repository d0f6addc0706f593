package security_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/commandsec/commandsec-go/security"
)

// profiles writes a configuration file, and returns its path.
func profiles(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "command_config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// load loads a profile from a file with this text.
func load(t *testing.T, text, profile string) (*security.Config, error) {
	t.Helper()
	cfg, err := security.LoadConfig(profiles(t, text), profile)
	if err != nil {
		if strings.Count(err.Error(), "configuration: ") != 1 {
			t.Errorf("%q: %v", profile, err)
		}
		noSecrets(t, err.Error())
		if !strings.Contains(err.Error(), "command_config.json") {
			t.Errorf("%v does not name the file", err)
		}
	}
	return cfg, err
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
		"token":{"host":"c.example.com","access_token":"t","ca_cert_path":"`+ca+`","client_timeout":90,"auth_provider":{"type":"","profile":"","parameters":{}}},
		"mixed case":{"Host":"a.example.com","USERNAME":"u","Password":"p","port":null,"domain":""},
		"texts":{"host":"a.example.com","port":"8443","client_id":"i","client_secret":123456789012345678901,"token_url":"https://idp.example.com/t","scopes":"a, b","skip_tls_verify":"false","client_timeout":"1m"},
		"vault":{"host":"d.example.com","auth_provider":{"type":"azid","parameters":{}}},
		"noca":{"host":"f.example.com","access_token":"t","ca_cert_path":"/does/not/exist"},
		"badca":{"host":"f.example.com","access_token":"t","ca_cert_path":"`+filepath.Dir(ca)+`"},
		"nohost":{"access_token":"t"},
		"half":{"host":"g.example.com","username":"u"},
		"two":{"host":"g.example.com","username":"u","password":"`+password+`","access_token":"`+accessToken+`"},
		"wrong":{"host":["g"],"port":"`+password+`","skip_tls_verify":"yes","client_timeout":0,"scopes":[["a"]],"username":{"`+password+`":1},"auth_provider":"x"},
		"leak":{"host":"https://u:`+password+`@g.example.com","access_token":"t"}
	}}`)
	oauth := security.Config{
		ClientID: "i", ClientSecret: security.NewSecret("s"), TokenURL: "https://idp.example.com/t", Scopes: []string{"a", "b"},
	}
	for profile, want := range map[string]security.Config{
		"":        {Host: "a.example.com", Port: 8443, APIPath: "Keyfactor/API", Username: "u", Password: security.NewSecret("p"), Domain: "D"},
		"default": {Host: "a.example.com", Port: 8443, APIPath: "Keyfactor/API", Username: "u", Password: security.NewSecret("p"), Domain: "D"},
		"oauth": {
			Host: "b.example.com", ClientID: "i", ClientSecret: oauth.ClientSecret, TokenURL: oauth.TokenURL, Scopes: oauth.Scopes, Audience: "x", SkipVerify: true,
		},
		"token":      {Host: "c.example.com", AccessToken: security.NewSecret("t"), RootCAs: []byte(otherCA), Timeout: 90 * time.Second},
		"mixed case": {Host: "a.example.com", Username: "u", Password: security.NewSecret("p")},
		"texts": {
			Host: "a.example.com", Port: 8443, ClientID: "i", ClientSecret: security.NewSecret("123456789012345678901"), TokenURL: oauth.TokenURL,
			Scopes: oauth.Scopes, Timeout: time.Minute,
		},
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
		if got, want := inClear(*got), inClear(want); got != want {
			t.Errorf("%q is\n%s, want\n%s", profile, got, want)
		}
		if got.SkipVerify {
			warnings(t, got, "certificate")
		} else {
			warnings(t, got)
		}
	}
	for profile, words := range map[string][]string{
		"missing": {"missing", "default, half, leak, mixed case, noca, nohost, oauth, texts, token, two, vault, wrong"},
		"vault":   {"vault", "azid", "not supported"},
		"noca":    {"ca_cert_path", "/does/not/exist"},
		"badca":   {"ca_cert_path", filepath.Dir(ca), "not a regular file"},
		"nohost":  {"nohost", "host"},
		"half":    {"half", "password"},
		"two":     {"two", "more than one"},
		"wrong": {
			"host: of", "must be a text", "port: of", "skip_tls_verify: of", "neither true nor false", "client_timeout: of", "scopes: of", "must be a list",
			"username: of", "auth_provider: of", "host: is missing in",
		},
		"leak": {"host", "password"},
	} {
		got, err := security.LoadConfig(file, profile)
		if err == nil || got != nil {
			t.Errorf("%q: got %v", profile, got)
			continue
		}
		for _, w := range append(words, file) {
			if !strings.Contains(strings.ReplaceAll(err.Error(), "badca, ", ""), w) {
				t.Errorf("%q: %v does not say %q", profile, err, w)
			}
		}
		if strings.Count(err.Error(), "configuration: ") != 1 {
			t.Errorf("%q: %v", profile, err)
		}
		noSecrets(t, err.Error())
	}
}

// TestLoadConfigKerberos: the profiles that the documents of kfutil show.
func TestLoadConfigKerberos(t *testing.T) {
	t.Parallel()
	file := profiles(t, `{"servers":{
		"password":{"host":"h","username":"svc","password":"p","kerberos_realm":"EXAMPLE.COM","kerberos_config":"/etc/krb5.conf","kerberos_disable_pafxfast":true},
		"keytab":{"host":"h","username":"svc","kerberos_realm":"EXAMPLE.COM","kerberos_keytab":"svc.keytab","kerberos_spn":"HTTP/h"},
		"ccache":{"host":"h","kerberos_ccache":"KEYRING:persistent:1000","kerberos_config":"sub/krb5.conf"},
		"file":{"host":"h","kerberos_ccache":"FILE:krb5cc"},
		"home":{"host":"h","kerberos_ccache":"FILE:~/krb5cc"},
		"type":{"host":"h","username":"svc@EXAMPLE.COM","password":"p","auth_type":"Kerberos","domain":"D"},
		"type alone":{"host":"h","auth_type":"kerberos"},
		"realm":{"host":"h","username":"svc@EXAMPLE.COM","password":"p","kerberos_spn":"HTTP/h"},
		"which":{"host":"h","username":"svc","password":"`+password+`","kerberos_config":"/etc/krb5.conf","kerberos_spn":"HTTP/h","kerberos_disable_pafxfast":true},
		"basic":{"host":"h","username":"svc","password":"`+password+`","kerberos_realm":"EXAMPLE.COM","auth_type":"basic"},
		"basic keytab":{"host":"h","username":"svc","password":"`+password+`","kerberos_keytab":"k","auth_type":"basic"},
		"oauth":{"host":"h","username":"svc@EXAMPLE.COM","password":"`+password+`","kerberos_ccache":"c","auth_type":"oauth"},
		"neither":{"host":"h","username":"svc@EXAMPLE.COM","password":"`+password+`","kerberos_config":"/etc/krb5.conf","auth_type":"oauth"},
		"two":{"host":"h","kerberos_realm":"EXAMPLE.COM","client_id":"i","client_secret":"s","token_url":"https://idp.example.com"},
		"nobody":{"host":"h","password":"`+password+`","kerberos_realm":"EXAMPLE.COM"}
	}}`)
	dir := filepath.Dir(file)
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]security.Kerberos{
		"password":   {Username: "svc", Password: security.NewSecret("p"), Realm: "EXAMPLE.COM", ConfigFile: "/etc/krb5.conf", DisablePAFXFast: true},
		"keytab":     {Username: "svc", Realm: "EXAMPLE.COM", Keytab: filepath.Join(dir, "svc.keytab"), SPN: "HTTP/h"},
		"ccache":     {CCache: "KEYRING:persistent:1000", ConfigFile: filepath.Join(dir, "sub/krb5.conf")},
		"file":       {CCache: "FILE:" + filepath.Join(dir, "krb5cc")},
		"home":       {CCache: "FILE:" + filepath.Join(home, "krb5cc")},
		"type alone": {},
		"realm":      {Username: "svc@EXAMPLE.COM", Password: security.NewSecret("p"), SPN: "HTTP/h"},
		"type":       {Username: "svc@EXAMPLE.COM", Password: security.NewSecret("p")},
	} {
		got, err := security.LoadConfig(file, profile)
		if err != nil {
			t.Errorf("%s: %v", profile, err)
			continue
		}
		if got, want := inClear(*got), inClear(security.Config{Source: got.Source, Host: "h", Domain: got.Domain, Kerberos: &want}); got != want {
			t.Errorf("%s is\n%s, want\n%s", profile, got, want)
		}
	}
	for profile, word := range map[string]string{
		"basic": `auth_type: of `, "basic keytab": `is "basic", and a realm, keytab or credential cache is for Kerberos; give "auth_type": "kerberos", or remove`,
		"oauth": `is "oauth", and`, "neither": "nothing says whether the password is for a KDC or for the server",
		"two": "more than one", "nobody": "without a user name",
		"which": `nothing says whether the password is for a KDC or for the server; for Kerberos, give kerberos_realm or "auth_type": "kerberos"; for Basic,`,
	} {
		if _, err := security.LoadConfig(file, profile); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", profile, err)
		} else {
			if strings.Count(err.Error(), "configuration: ") != 1 {
				t.Errorf("%q: %v", profile, err)
			}
			noSecrets(t, err.Error())
		}
	}
}

// TestLoadConfigBasic: a profile for Basic may have what says nothing of Kerberos, and more
// if it says that it is for Basic.
func TestLoadConfigBasic(t *testing.T) {
	t.Parallel()
	for text, words := range map[string][]string{
		`"kerberos_disable_pafxfast":false,"kerberos_realm":"","kerberos_config":null`:   nil,
		`"auth_type":"Basic","kerberos_config":"/etc/krb5.conf","kerberos_spn":"HTTP/h"`: {"the settings of Kerberos have no effect"},
	} {
		cfg, err := load(t, `{"servers":{"default":{"host":"h","username":"svc@example.com","password":"p",`+text+`}}}`, "")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		warnings(t, cfg, words...)
		if got, want := inClear(*cfg), inClear(security.Config{Source: cfg.Source, Host: "h", Username: "svc@example.com", Password: security.NewSecret("p")}); got != want {
			t.Errorf("%s is\n%s, want\n%s", text, got, want)
		}
	}
}

// TestLoadConfigYAML: YAML says the same as JSON, as its users write it.
func TestLoadConfigYAML(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, `# of the lab
common: &common
  host: lab.example.com
  port: 8443
servers:
  default:
    <<: *common
    username: 'LAB\svc'
    password: 0123   # as it is, not the number
    scopes: ~
  oauth:
    host: b.example.com
    client_id: "i"
    client_secret: 1e5
    token_url: https://idp.example.com/t
    scopes:
      - a
      - b
    skip_tls_verify: true
    client_timeout: 90s
    auth_provider: {type: "", parameters: {a: [b]}}
    acme:
      directory: {url: x}
`, "")
	if err != nil {
		t.Fatal(err)
	}
	want := security.Config{Source: cfg.Source, Host: "lab.example.com", Port: 8443, Username: `LAB\svc`, Password: security.NewSecret("0123")}
	if got, want := inClear(*cfg), inClear(want); got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
	cfg, err = load(t, "servers:\n  x:\n    host: b.example.com\n    client_id: i\n    client_secret: 1e5\n    token_url: https://idp.example.com/t\n"+
		"    scopes: [a, b]\n    skip_tls_verify: true\n    client_timeout: 90s\n    acme: {directory: {url: x}}\n", "x")
	if err != nil {
		t.Fatal(err)
	}
	want = security.Config{
		Source: cfg.Source, Host: "b.example.com", ClientID: "i", ClientSecret: security.NewSecret("1e5"), TokenURL: "https://idp.example.com/t",
		Scopes: []string{"a", "b"}, SkipVerify: true, Timeout: 90 * time.Second,
	}
	if got, want := inClear(*cfg), inClear(want); got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
}

// TestLoadConfigBroken: the error says what is wrong and where, and shows nothing of it.
func TestLoadConfigBroken(t *testing.T) {
	t.Parallel()
	for text, word := range map[string]string{
		"":                                       "no profile",
		"{}":                                     "no profile",
		"# nothing":                              "no profile",
		"{":                                      "JSON (near line 1)",
		`{"servers":[]}`:                         "must be {",
		`{"servers":{"default":{}},"servers":5}`: "must be {",
		`{"servers":{"default":{"host":"h","access_token":"t"}}} {}`:                           "more after its end",
		"{\"servers\":{\"default\":{\n\"host\":\"h\",\"password\":\"" + password + "\",}}}":    "JSON (near line 2)",
		"{\"servers\":{\"default\":\n\"" + password + "\"}}":                                   "must be {",
		`{"servers":{"default":{"host":"h","Host":"i"}}}`:                                      "twice",
		"{\"servers\":{\"default\":{\"host\":\"h\",\n\"host\":\"" + password + "\"}}}":         "twice (near line 2), and nothing says which one counts; remove one of them",
		`{"servers":{"default":{"host":"h"},"default":{"host":"i"}}}`:                          "twice",
		`{"servers":{"default":{"host":"h"}},"servers":{"default":{"host":"i"}}}`:              "twice",
		"servers:\n  default:\n    host: h\n---\nservers: {}\n":                                "more than one YAML document; keep one of them",
		"servers:\n  default:\n    password: *" + password + "\n":                              "YAML",
		"servers:\n  default:\n    password: \"" + password + "\n":                             "YAML (line",
		"servers:\n  default: " + password + "\n":                                              "(line 2)",
		"servers:\n  default:\n    host: h\n    host: " + password + "\n":                      "(line",
		"servers: [" + password + "]":                                                          "must be {",
		"servers:\n  default: &a\n    host: h\n    access_token: t\n    scopes: &b [*b, *a]\n": "must be a list",
		"servers:\n  default:\n    host: &a [*a]\n    access_token: t\n":                       "must be a text",
		"servers:\n\tdefault:\n":                                                               "YAML",
		password:                                                                               "must be {",
		"\xff\xfe{\x00}":                                                                       "UTF-16",
		"\xff\xfe{\x00\x00\xd8}\x00":                                                           "UTF-16",
		`{"servers":{"default":{"host":"h","access_token":"` + "\xe4" + `"}}}`:                 "UTF-8",
		`{"servers":{"default":{"host":"h","password":"a\ud800b"}}}`:                           "half a character; write the character itself",
		"{\x00}\x00": "UTF-16",
	} {
		if cfg, err := load(t, text, ""); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, %v; want %q", text, cfg, err, word)
		}
	}
}

// TestLoadConfigEncodings: files as PowerShell and Notepad write them.
func TestLoadConfigEncodings(t *testing.T) {
	t.Parallel()
	const secret = "pä𝄞ss"
	in16 := func(order binary.AppendByteOrder, text string) string {
		out := order.AppendUint16(nil, 0xFEFF)
		for _, unit := range utf16.Encode([]rune(text)) {
			out = order.AppendUint16(out, unit)
		}
		return string(out)
	}
	for kind, text := range map[string]string{
		"JSON": `{"servers":{"default":{"host":"h.example.com","username":"ü","password":"p\u00e4\ud834\udd1ess"}}}`,
		"YAML": "servers:\r\n  default:\r\n    host: h.example.com\r\n    username: u\r\n    password: " + secret + "\r\n",
	} {
		for encoding, file := range map[string]string{
			"plain": text, "BOM": "\uFEFF" + text, "little-endian": in16(binary.LittleEndian, text), "big-endian": in16(binary.BigEndian, text),
		} {
			cfg, err := load(t, file, "")
			if err != nil || cfg.Password.Reveal() != secret || cfg.Host != "h.example.com" {
				t.Errorf("%s, %s: %v, %v", kind, encoding, cfg, err)
			}
		}
	}
}

// TestLoadConfigRelativePaths: they start at the file, wherever the program runs.
func TestLoadConfigRelativePaths(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for name, path := range map[string]string{"beside the file": "ca.pem", "below it": "sub/ca.pem", "at home": "~/ca.pem", "absolute": filepath.Join(home, "ca.pem")} {
		file := profiles(t, `{"servers":{"default":{"host":"h","access_token":"t","ca_cert_path":"`+path+`"}}}`)
		where := filepath.Join(filepath.Dir(file), path)
		if name == "at home" || name == "absolute" {
			where = filepath.Join(home, "ca.pem")
		}
		if err := os.MkdirAll(filepath.Dir(where), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(where, []byte(otherCA), 0o600); err != nil {
			t.Fatal(err)
		}
		if cfg, err := security.LoadConfig(file, ""); err != nil || string(cfg.RootCAs) != otherCA {
			t.Errorf("%s: %v, %v", name, cfg, err)
		}
	}
	file := profiles(t, `{"servers":{"default":{"host":"h","access_token":"t"}}}`)
	if err := os.Rename(file, filepath.Join(home, "own.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := security.LoadConfig("~/own.json", ""); err != nil {
		t.Error(err)
	}
}

// FuzzLoadConfig: no file breaks the reader; what is refused is told in one short
// line, and what is taken says the same again from JSON.
func FuzzLoadConfig(f *testing.F) {
	f.Add([]byte(`{"servers":{"default":{"host":"h.example.com","port":8443,"username":"u","password":"p","scopes":["a"],"client_timeout":"60s"}}}`))
	f.Add([]byte("servers:\n  default: &a\n    host: h\n    access_token: t\n    kerberos_ccache: FILE:x\n  b: *a\n"))
	f.Add([]byte("servers: {default: {<<: {host: h}, access_token: !!binary aGk=, auth_provider: {type: azid}}}"))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Add([]byte("\xef\xbb\xbf{\"servers\":{\"default\":{\"host\":\"u:p@h\"}}}"))
	dir := f.TempDir()
	file := filepath.Join(dir, "command_config.json")
	again := filepath.Join(dir, "again.json")
	write := func(t *testing.T, file string, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		write(t, file, data)
		cfg, err := security.LoadConfig(file, "")
		if (cfg == nil) == (err == nil) {
			t.Fatal(cfg, err)
		}
		if err != nil {
			if s := err.Error(); len(s) > 16<<10 || strings.ContainsAny(strings.ReplaceAll(s, "\n", ""), "\x1b\r\x00\u202e") {
				t.Errorf("the error is %q", s)
			}
			return
		}
		if strings.Contains(cfg.Host, "@") || cfg.Host == "" {
			t.Errorf("the host is %q", cfg.Host)
		}
		if cfg.Kerberos != nil || len(cfg.RootCAs) > 0 {
			return
		}
		profile := map[string]any{
			"host": cfg.Host, "port": cfg.Port, "api_path": cfg.APIPath, "username": cfg.Username, "password": cfg.Password.Reveal(), "domain": cfg.Domain,
			"client_id": cfg.ClientID, "client_secret": cfg.ClientSecret.Reveal(), "token_url": cfg.TokenURL, "scopes": cfg.Scopes, "audience": cfg.Audience,
			"access_token": cfg.AccessToken.Reveal(), "skip_tls_verify": cfg.SkipVerify, "client_timeout": cfg.Timeout.String(),
		}
		if cfg.Port == 0 {
			delete(profile, "port")
		}
		if cfg.Timeout == 0 {
			delete(profile, "client_timeout")
		}
		raw, err := json.Marshal(map[string]any{"servers": map[string]any{"default": profile}})
		if err != nil {
			t.Fatal(err)
		}
		write(t, again, raw)
		same, err := security.LoadConfig(again, "")
		if err != nil && len(raw) > 1<<20 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		same.Source = cfg.Source
		if a, b := inClear(*cfg), inClear(*same); a != b {
			t.Errorf("it is\n%s, and again\n%s", a, b)
		}
	})
}

// TestLoadConfigMissing: the file is named, and programs can tell.
func TestLoadConfigMissing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "none.json")
	if _, err := security.LoadConfig(file, ""); !errors.Is(err, os.ErrNotExist) || !strings.Contains(fmt.Sprint(err), file) {
		t.Errorf("a missing file: %v", err)
	}
}
