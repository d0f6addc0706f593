package security

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// ErrNotConfigured means that nothing is configured: no KEYFACTOR_* variable that
// [ConfigFromEnv] reads is set, or [LoadConfig] was given neither a file nor a
// profile and there is no file at [DefaultConfigPath].
var ErrNotConfigured = errors.New("no server is configured")

// Config is where a server is and how to sign in to it, as the other tools for
// Keyfactor Command keep it: in KEYFACTOR_* variables ([ConfigFromEnv]) or in a
// profile of command_config.json ([LoadConfig]). Printing it shows no secret.
//
// One source gives all of it: the environment, or else a profile. A host from one
// source is never combined with the credentials or settings of another, so that no
// credential reaches a host that it was not meant for. Options that the program
// gives to [NewClientFromConfig] come on top.
type Config struct {
	Source string // where it came from, for messages

	Host    string // host, host:port, or an https URL
	Port    int    // 443 by default
	APIPath string // "KeyfactorAPI" by default

	Username string
	Password Secret
	Domain   string // put before Username, unless that names a domain itself

	ClientID     string
	ClientSecret Secret
	TokenURL     string
	Scopes       []string
	Audience     string
	AccessToken  Secret

	// Kerberos is how to sign in with Kerberos, nil for another way. NewClientFromConfig
	// of package [github.com/commandsec/commandsec-go/security/kerberos] does it; that
	// of this package does not.
	Kerberos *Kerberos

	SkipVerify bool          // turns off the check of the server's certificate
	RootCAs    []byte        // PEM, trusted in addition to the system's
	Timeout    time.Duration // of one attempt; 60 s by default

	// Warnings are what a person should know about the source: that other people
	// can read the file, that certificates are not checked, or that a setting has no
	// effect.
	// [NewClientFromConfig] logs them.
	Warnings []string
}

// Kerberos is how to sign in with Kerberos: with a credential cache, else with a
// keytab, else with a password.
type Kerberos struct {
	Username        string // principal, with or without "@REALM"
	Password        Secret
	Realm           string // such as "EXAMPLE.COM"
	Keytab          string // path of a keytab
	ConfigFile      string // path of krb5.conf; "/etc/krb5.conf" is usual
	CCache          string // credential cache: a path, or TYPE:residual such as "FILE:krb5cc"
	SPN             string // of the server; "HTTP/" and its host name is usual
	DisablePAFXFast bool   // does not ask a KDC to confirm the request that it got
}

// BaseURL is the URL for [NewClient] that Host, Port and APIPath make. A name or
// password in Host, which [NewClient] refuses, is replaced by "hidden".
func (c Config) BaseURL() string {
	u, err := c.host()
	if err != nil {
		if strings.Contains(c.Host, "@") {
			return "https://hidden@" // the text may be a password; this is refused as well
		}
		return "https://" + c.Host // NewClient says what is wrong with it
	}
	if u.User != nil {
		u.User = url.User("hidden")
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

func (c Config) host() (*url.URL, error) {
	if strings.Contains(c.Host, "://") {
		return url.Parse(c.Host)
	}
	return url.Parse("https://" + c.Host)
}

// Options is what the configuration says besides the URL: its credential and
// its transport settings. The credential is bound to the configured host;
// [NewClient] refuses it for another.
func (c Config) Options() []Option {
	opts := []Option{option(c.signIn)}
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

// signIn gives a client the credential of the configuration.
func (c Config) signIn(cfg *config) error {
	if err := c.checkCredential(); err != nil {
		return err
	}
	switch {
	case c.Kerberos != nil:
		cfg.kerberos = c.source()
		return nil
	case !c.basic() && !c.oauth() && c.AccessToken.IsZero():
		cfg.unsigned = c.source()
		return nil
	}
	if err := c.credential().apply(cfg); err != nil {
		return err
	}
	cred := &cfg.credentials[len(cfg.credentials)-1]
	cred.source = c.source()
	if u, err := url.Parse(c.BaseURL()); err == nil {
		cred.origin = transport.Origin(u)
	}
	cred.name += " of " + cred.source
	return nil
}

// NewClientFromConfig returns a client for the configured server. opts are
// applied after what the configuration says. A credential among them is refused:
// to use the configured host with another credential on purpose, call
// NewClient(cfg.BaseURL(), ...). If the configuration signs in with Kerberos, call the
// function of this name in package security/kerberos, or give [WithAuthorization]. If
// it names no credential, opts must hold [WithClientCertificate] or
// [WithAuthorization]. The configuration's warnings go to the client's logger.
func NewClientFromConfig(cfg *Config, opts ...Option) (*Client, error) {
	if cfg == nil {
		return nil, badOption("NewClientFromConfig", "the configuration is nil")
	}
	all := append(cfg.Options(), opts...)
	all = append(all, option(func(c *config) error { // the last one: the logger is known by then
		for _, warning := range cfg.Warnings {
			if warning == warnUnverified {
				continue // the client says it itself
			}
			c.logger.Warn("configuration", "source", cfg.source(), "warning", warning)
		}
		return nil
	}))
	return build(cfg.BaseURL(), cfg.source(), all)
}

func (c Config) source() string {
	if c.Source == "" {
		return "a Config"
	}
	return c.Source
}

// The ways to sign in that a configuration gives, whole or in part.
func (c Config) basic() bool { return c.Username != "" || !c.Password.IsZero() }

func (c Config) oauth() bool {
	return c.ClientID != "" || !c.ClientSecret.IsZero() || c.TokenURL != ""
}

const credentialChoice = "user name and password, or client id, client secret and token URL, or an access token, or Kerberos"

// checkCredential refuses half of a credential, and more than one. None is for the
// client to refuse: a certificate may come as an option.
func (c Config) checkCredential() error {
	count := 0
	for _, given := range []bool{c.basic(), c.oauth(), !c.AccessToken.IsZero(), c.Kerberos != nil} {
		if given {
			count++
		}
	}
	var problem string
	switch {
	case count > 1:
		problem = "more than one; give either " + credentialChoice
	case c.basic() && c.Username == "":
		problem = "a password without a user name"
	case c.basic() && c.Password.IsZero():
		problem = "a user name without a password"
	case c.oauth() && (c.ClientID == "" || c.ClientSecret.IsZero() || c.TokenURL == ""):
		problem = "client id, client secret and token URL belong together, and one is missing"
	case c.Kerberos != nil && c.Kerberos.Username == "" && !c.Kerberos.Password.IsZero():
		problem = "a password for Kerberos without a user name"
	default:
		return nil
	}
	return badOption("credentials", "%s: %s", c.source(), problem)
}

// credential is the one that checkCredential let pass, unless it is Kerberos.
func (c Config) credential() Option {
	switch {
	case !c.AccessToken.IsZero():
		return WithAccessToken(c.AccessToken.Reveal())
	case c.oauth():
		return WithClientCredentials(ClientCredentials{
			TokenURL: c.TokenURL, ClientID: c.ClientID, ClientSecret: c.ClientSecret, Scopes: c.Scopes, Audience: c.Audience,
		})
	}
	user := c.Username
	if c.Domain != "" && !strings.ContainsAny(user, `\@`) {
		user = c.Domain + `\` + user
	}
	return WithBasicAuth(user, c.Password.Reveal())
}

// Format prints the configuration without its secrets, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "Config{Source:%s BaseURL:%s Username:%s Domain:%s Password:%s ClientID:%s ClientSecret:%s "+
		"TokenURL:%s Scopes:%v Audience:%s AccessToken:%s Kerberos:%+v SkipVerify:%t Timeout:%v}",
		c.Source, safeURL(c.BaseURL()), c.Username, c.Domain, c.Password, c.ClientID, c.ClientSecret,
		safeURL(c.TokenURL), c.Scopes, c.Audience, c.AccessToken, c.Kerberos, c.SkipVerify, c.Timeout)
}

// MarshalText keeps the secrets out of JSON and structured logs.
func (c Config) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(c)), nil }
