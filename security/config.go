package security

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// Config is where a server is and how to sign in to it, as the other tools for
// Keyfactor Command keep it: in KEYFACTOR_* variables ([ConfigFromEnv]) or in a
// profile of command_config.json ([LoadConfig]). Printing it shows no secret.
//
// What counts is decided by source, never field by field: an option given in
// the program, then the environment, then a profile, then a default. A host
// from one source is never combined with the credentials of another, so that no
// credential reaches a host that it was not meant for.
type Config struct {
	Source string // where it came from, for messages

	Host    string // host, host:port, or an https URL
	Port    int    // 443 by default
	APIPath string // "KeyfactorAPI" by default

	Username string
	Password string
	Domain   string // put before Username where that names no domain

	ClientID     string
	ClientSecret string
	TokenURL     string
	Scopes       []string
	Audience     string
	AccessToken  string

	SkipVerify bool          // turns off the check of the server's certificate
	RootCAs    []byte        // PEM, trusted in addition to the system's
	Timeout    time.Duration // of one attempt; 60 s by default
}

// The variables that carry a credential or say whose it is.
var credentialVars = []string{
	"KEYFACTOR_USERNAME", "KEYFACTOR_PASSWORD", "KEYFACTOR_DOMAIN",
	"KEYFACTOR_AUTH_CLIENT_ID", "KEYFACTOR_AUTH_CLIENT_SECRET", "KEYFACTOR_AUTH_TOKEN_URL",
	"KEYFACTOR_AUTH_SCOPES", "KEYFACTOR_AUTH_AUDIENCE", "KEYFACTOR_AUTH_ACCESS_TOKEN",
}

// ConfigFromEnv reads the KEYFACTOR_* variables:
//
//	KEYFACTOR_HOSTNAME         host, host:port or https URL; required
//	KEYFACTOR_PORT             443 by default
//	KEYFACTOR_API_PATH         KeyfactorAPI by default
//	KEYFACTOR_USERNAME, _PASSWORD, _DOMAIN
//	KEYFACTOR_AUTH_CLIENT_ID, _AUTH_CLIENT_SECRET, _AUTH_TOKEN_URL,
//	_AUTH_SCOPES (separated by commas), _AUTH_AUDIENCE
//	KEYFACTOR_AUTH_ACCESS_TOKEN
//	KEYFACTOR_CA_CERT, _AUTH_CA_CERT   PEM, or a file of it
//	KEYFACTOR_SKIP_VERIFY      true or false
//	KEYFACTOR_CLIENT_TIMEOUT   seconds, 60 by default
//	KEYFACTOR_AUTH_CONFIG_FILE, _AUTH_CONFIG_PROFILE
//
// An empty variable counts as not set. Where KEYFACTOR_HOSTNAME is not set but
// one of the last two is, the profile that they name is loaded as by
// [LoadConfig]; credentials in the environment are then refused, because they
// were meant for another host. Everything wrong is reported at once.
func ConfigFromEnv() (*Config, error) {
	file, profile := os.Getenv("KEYFACTOR_AUTH_CONFIG_FILE"), os.Getenv("KEYFACTOR_AUTH_CONFIG_PROFILE")
	host := os.Getenv("KEYFACTOR_HOSTNAME")
	if host == "" && (file != "" || profile != "") {
		for _, name := range credentialVars {
			if os.Getenv(name) != "" {
				return nil, badOption("configuration", "%s is set, but the host comes from a profile of %s; "+
					"set KEYFACTOR_HOSTNAME too, or unset the variable", name, orDefault(file))
			}
		}
		return LoadConfig(file, profile)
	}
	c := &Config{
		Source:       "the environment",
		Host:         host,
		APIPath:      os.Getenv("KEYFACTOR_API_PATH"),
		Username:     os.Getenv("KEYFACTOR_USERNAME"),
		Password:     os.Getenv("KEYFACTOR_PASSWORD"),
		Domain:       os.Getenv("KEYFACTOR_DOMAIN"),
		ClientID:     os.Getenv("KEYFACTOR_AUTH_CLIENT_ID"),
		ClientSecret: os.Getenv("KEYFACTOR_AUTH_CLIENT_SECRET"),
		TokenURL:     os.Getenv("KEYFACTOR_AUTH_TOKEN_URL"),
		Scopes:       strings.FieldsFunc(os.Getenv("KEYFACTOR_AUTH_SCOPES"), func(r rune) bool { return r == ',' || r == ' ' }),
		Audience:     os.Getenv("KEYFACTOR_AUTH_AUDIENCE"),
		AccessToken:  os.Getenv("KEYFACTOR_AUTH_ACCESS_TOKEN"),
	}
	var errs []error
	note := func(name string, err error) {
		if err != nil {
			errs = append(errs, badOption(name, "%v", err))
		}
	}
	if host == "" {
		note("KEYFACTOR_HOSTNAME", errors.New("is not set"))
	}
	if v := os.Getenv("KEYFACTOR_PORT"); v != "" {
		var err error
		if c.Port, err = strconv.Atoi(v); err != nil || c.Port < 1 || c.Port > 65535 {
			note("KEYFACTOR_PORT", fmt.Errorf("%q is not a port", v))
		}
	}
	if v := os.Getenv("KEYFACTOR_CLIENT_TIMEOUT"); v != "" {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil || n == 0 {
			note("KEYFACTOR_CLIENT_TIMEOUT", fmt.Errorf("%q is not a number of seconds", v))
		}
		c.Timeout = time.Duration(n) * time.Second
	}
	if v := os.Getenv("KEYFACTOR_SKIP_VERIFY"); v != "" {
		var err error
		if c.SkipVerify, err = strconv.ParseBool(v); err != nil {
			note("KEYFACTOR_SKIP_VERIFY", fmt.Errorf("%q is neither true nor false", v))
		}
	}
	for _, name := range []string{"KEYFACTOR_CA_CERT", "KEYFACTOR_AUTH_CA_CERT"} {
		pem, err := readPEM(os.Getenv(name))
		note(name, err)
		if len(c.RootCAs) > 0 && len(pem) > 0 {
			c.RootCAs = append(c.RootCAs, '\n') // the first may not end with one
		}
		c.RootCAs = append(c.RootCAs, pem...)
	}
	if _, err := c.credential(); host != "" && err != nil {
		if file != "" || profile != "" {
			err = fmt.Errorf("%w; KEYFACTOR_HOSTNAME is set, so the credentials of the profile in %s are not used", err, orDefault(file))
		}
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("configuration: %w", errors.Join(errs...))
	}
	return c, nil
}

// DefaultConfigPath is where the other tools keep their configuration:
// ~/.keyfactor/command_config.json. It is "" where the system knows no home.
func DefaultConfigPath() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".keyfactor", "command_config.json")
}

func orDefault(path string) string {
	if path == "" {
		return DefaultConfigPath()
	}
	return path
}

// profileJSON is one entry under "servers" of command_config.json.
type profileJSON struct {
	Host          string   `json:"host"`
	Port          int      `json:"port"`
	APIPath       string   `json:"api_path"`
	Username      string   `json:"username"`
	Password      string   `json:"password"`
	Domain        string   `json:"domain"`
	ClientID      string   `json:"client_id"`
	ClientSecret  string   `json:"client_secret"`
	TokenURL      string   `json:"token_url"`
	AccessToken   string   `json:"access_token"`
	Scopes        []string `json:"scopes"`
	Audience      string   `json:"audience"`
	SkipTLSVerify bool     `json:"skip_tls_verify"`
	CACertPath    string   `json:"ca_cert_path"`
	AuthProvider  struct {
		Type string `json:"type"`
	} `json:"auth_provider"`
	KerberosRealm string `json:"kerberos_realm"`
}

// LoadConfig reads a profile of the configuration file that kfutil and the
// Terraform provider use. An empty path means [DefaultConfigPath], an empty
// profile "default". It reads no environment. Keys that it does not know are
// ignored; Kerberos and credentials kept in a vault are refused, because this
// library does not support them.
func LoadConfig(path, profile string) (*Config, error) {
	path = orDefault(path)
	if profile == "" {
		profile = "default"
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var doc struct {
		Servers map[string]profileJSON `json:"servers"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("configuration: %s is not valid JSON: %w", path, err)
	}
	p, ok := doc.Servers[profile]
	if !ok {
		names := make([]string, 0, len(doc.Servers))
		for name := range doc.Servers {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, badOption("configuration", "%s has no profile %q; it has: %s", path, profile, strings.Join(names, ", "))
	}
	source := fmt.Sprintf("profile %q of %s", profile, path)
	switch {
	case p.AuthProvider.Type != "":
		return nil, badOption("configuration", "%s keeps its credentials in %q, which is not supported; use WithTokenSource or variables", source, p.AuthProvider.Type)
	case p.KerberosRealm != "":
		return nil, badOption("configuration", "%s signs in with Kerberos, which is not supported", source)
	}
	pem, err := readPEM(p.CACertPath)
	if err != nil {
		return nil, badOption("configuration", "ca_cert_path of %s: %v", source, err)
	}
	c := &Config{
		Source: source, Host: p.Host, Port: p.Port, APIPath: p.APIPath,
		Username: p.Username, Password: p.Password, Domain: p.Domain,
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, TokenURL: p.TokenURL,
		Scopes: p.Scopes, Audience: p.Audience, AccessToken: p.AccessToken,
		SkipVerify: p.SkipTLSVerify, RootCAs: pem,
	}
	if p.Host == "" {
		return nil, badOption("configuration", "%s names no host", source)
	}
	if _, err := c.credential(); err != nil {
		return nil, err
	}
	return c, nil
}

// readPEM takes PEM text or the path of a file that holds it.
func readPEM(v string) ([]byte, error) {
	if v == "" || strings.Contains(v, "-----BEGIN") {
		return []byte(v), nil
	}
	return os.ReadFile(v) //nolint:gosec // the user names the file
}

// BaseURL is the URL for [NewClient] that Host, Port and APIPath make.
func (c Config) BaseURL() string {
	host := c.Host
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	u, err := url.Parse(host)
	if err != nil {
		return host // NewClient says what is wrong with it
	}
	if c.Port != 0 && u.Port() == "" && (u.Scheme != "https" || c.Port != 443) {
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(c.Port))
	}
	if path := strings.Trim(c.APIPath, "/"); path != "" {
		u.Path = "/" + path
	} else if strings.Trim(u.Path, "/") == "" {
		u.Path = "/KeyfactorAPI"
	}
	return u.String()
}

// Options is what the configuration says besides the URL: its credential and
// its transport settings. The credential is bound to the configured host;
// [NewClient] refuses it for another.
func (c Config) Options() []Option {
	opts := []Option{option(func(cfg *config) error {
		from, err := c.credential()
		if err != nil {
			return err
		}
		if err := from.apply(cfg); err != nil {
			return err
		}
		cred := &cfg.credentials[len(cfg.credentials)-1]
		cred.source = c.source()
		if u, err := url.Parse(c.BaseURL()); err == nil {
			cred.origin = transport.Origin(u)
		}
		cred.name += " of " + cred.source
		return nil
	})}
	if c.SkipVerify {
		opts = append(opts, WithInsecureSkipVerify())
	}
	if len(c.RootCAs) > 0 {
		opts = append(opts, WithRootCAs(c.RootCAs))
	}
	if c.Timeout > 0 {
		opts = append(opts, WithTimeout(c.Timeout))
	}
	return opts
}

// NewClientFromConfig returns a client for the configured server. opts are
// applied after what the configuration says. A credential among them is
// refused: to use the configured host with another credential on purpose, call
// NewClient(cfg.BaseURL(), ...).
func NewClientFromConfig(cfg *Config, opts ...Option) (*Client, error) {
	if cfg == nil {
		return nil, badOption("NewClientFromConfig", "the configuration is nil")
	}
	return build(cfg.BaseURL(), cfg.source(), append(cfg.Options(), opts...))
}

func (c Config) source() string {
	if c.Source == "" {
		return "a Config"
	}
	return c.Source
}

// credential picks the one credential that the configuration holds, and refuses
// none, half of one, and more than one.
func (c Config) credential() (Option, error) {
	var (
		basic = c.Username != "" || c.Password != ""
		oauth = c.ClientID != "" || c.ClientSecret != "" || c.TokenURL != ""
		token = c.AccessToken != ""
		count int
	)
	for _, given := range []bool{basic, oauth, token} {
		if given {
			count++
		}
	}
	fail := func(problem string) (Option, error) {
		return nil, badOption("credentials", "%s: %s", c.source(), problem)
	}
	switch {
	case count == 0:
		return fail("none; give user name and password, or client id, client secret and token URL, or an access token")
	case count > 1:
		return fail("more than one; give either user name and password, or client id, client secret and token URL, or an access token")
	case basic && c.Username == "":
		return fail("a password without a user name")
	case basic && c.Password == "":
		return fail("a user name without a password")
	case oauth && (c.ClientID == "" || c.ClientSecret == "" || c.TokenURL == ""):
		return fail("client id, client secret and token URL belong together, and one is missing")
	case token:
		return WithAccessToken(c.AccessToken), nil
	case oauth:
		return WithClientCredentials(ClientCredentials{
			TokenURL: c.TokenURL, ClientID: c.ClientID, ClientSecret: c.ClientSecret, Scopes: c.Scopes, Audience: c.Audience,
		}), nil
	}
	user := c.Username
	if c.Domain != "" && !strings.ContainsAny(user, `\@`) {
		user = c.Domain + `\` + user
	}
	return WithBasicAuth(user, c.Password), nil
}

// Format prints the configuration without its secrets, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "Config{Source:%s BaseURL:%s Username:%s Domain:%s Password:%s ClientID:%s ClientSecret:%s "+
		"TokenURL:%s Scopes:%v Audience:%s AccessToken:%s SkipVerify:%t Timeout:%v}",
		c.Source, safeURL(c.BaseURL()), c.Username, c.Domain, redacted(c.Password), c.ClientID, redacted(c.ClientSecret),
		safeURL(c.TokenURL), c.Scopes, c.Audience, redacted(c.AccessToken), c.SkipVerify, c.Timeout)
}

// MarshalText keeps the secrets out of JSON and structured logs.
func (c Config) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(c)), nil }
