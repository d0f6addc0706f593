package security

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/trusted"
)

// setting is one setting, by its names in the two sources.
type setting struct {
	variable string // "" if there is none
	key      string // of a profile, "" if there is none
	set      func(*reading, any) error
}

// reading is a configuration while it is read.
type reading struct {
	Config
	dir      string // where relative paths begin, "" for the working directory
	authType string // of a profile
}

// settings is every setting that is read, with its value as the source has it: a
// text, from a profile also a list of texts or a map of them.
var settings = []setting{
	{"KEYFACTOR_HOSTNAME", "host", setText(func(r *reading) *string { return &r.Host })},
	{"KEYFACTOR_PORT", "port", setPort},
	{"KEYFACTOR_API_PATH", "api_path", setText(func(r *reading) *string { return &r.APIPath })},
	{"KEYFACTOR_USERNAME", "username", setText(func(r *reading) *string { return &r.Username })},
	{"KEYFACTOR_PASSWORD", "password", setSecret(func(r *reading) *Secret { return &r.Password })},
	{"KEYFACTOR_DOMAIN", "domain", setText(func(r *reading) *string { return &r.Domain })},
	{"KEYFACTOR_AUTH_CLIENT_ID", "client_id", setText(func(r *reading) *string { return &r.ClientID })},
	{"KEYFACTOR_AUTH_CLIENT_SECRET", "client_secret", setSecret(func(r *reading) *Secret { return &r.ClientSecret })},
	{"KEYFACTOR_AUTH_TOKEN_URL", "token_url", setText(func(r *reading) *string { return &r.TokenURL })},
	{"KEYFACTOR_AUTH_SCOPES", "scopes", setScopes},
	{"KEYFACTOR_AUTH_AUDIENCE", "audience", setText(func(r *reading) *string { return &r.Audience })},
	{"KEYFACTOR_AUTH_ACCESS_TOKEN", "access_token", setSecret(func(r *reading) *Secret { return &r.AccessToken })},
	{"KEYFACTOR_CLIENT_TIMEOUT", "client_timeout", setTimeout},
	{"KEYFACTOR_SKIP_VERIFY", "skip_tls_verify", setBool(func(r *reading) *bool { return &r.SkipVerify })},
	{"KEYFACTOR_CA_CERT", "ca_cert_path", addRootCAs},
	{"KEYFACTOR_AUTH_CA_CERT", "", addRootCAs},
	{"KEYFACTOR_AUTH_KRB_USERNAME", "", setText(func(r *reading) *string { return &r.kerberos().Username })},
	{"KEYFACTOR_AUTH_KRB_PASSWORD", "", setSecret(func(r *reading) *Secret { return &r.kerberos().Password })},
	{"KEYFACTOR_AUTH_KRB_REALM", "kerberos_realm", setText(func(r *reading) *string { return &r.kerberos().Realm })},
	{"KEYFACTOR_AUTH_KRB_KEYTAB", "kerberos_keytab", setPath(func(r *reading) *string { return &r.kerberos().Keytab })},
	{"KEYFACTOR_AUTH_KRB_CONFIG", "kerberos_config", setPath(func(r *reading) *string { return &r.kerberos().ConfigFile })},
	{"KEYFACTOR_AUTH_KRB_CCACHE", "kerberos_ccache", setPath(func(r *reading) *string { return &r.kerberos().CCache })},
	{"KEYFACTOR_AUTH_KRB_SPN", "kerberos_spn", setText(func(r *reading) *string { return &r.kerberos().SPN })},
	{
		"KEYFACTOR_AUTH_KRB_DISABLE_PAFXFAST", "kerberos_disable_pafxfast",
		setBool(func(r *reading) *bool { return &r.kerberos().DisablePAFXFast }),
	},
	{"", "auth_type", setText(func(r *reading) *string { return &r.authType })},
	{"", "auth_provider", refuseVault},
}

const (
	fileVariable    = "KEYFACTOR_AUTH_CONFIG_FILE"
	profileVariable = "KEYFACTOR_AUTH_CONFIG_PROFILE"
)

// ConfigFromEnv reads the KEYFACTOR_* variables:
//
//	KEYFACTOR_HOSTNAME         host, host:port or https URL; required
//	KEYFACTOR_PORT             443 by default
//	KEYFACTOR_API_PATH         KeyfactorAPI by default
//	KEYFACTOR_USERNAME, _PASSWORD, _DOMAIN
//	KEYFACTOR_AUTH_CLIENT_ID, _AUTH_CLIENT_SECRET, _AUTH_TOKEN_URL,
//	_AUTH_SCOPES (separated by commas), _AUTH_AUDIENCE
//	KEYFACTOR_AUTH_ACCESS_TOKEN
//	KEYFACTOR_AUTH_KRB_USERNAME, _AUTH_KRB_PASSWORD, _AUTH_KRB_REALM,
//	_AUTH_KRB_KEYTAB, _AUTH_KRB_CONFIG, _AUTH_KRB_CCACHE, _AUTH_KRB_SPN,
//	_AUTH_KRB_DISABLE_PAFXFAST (true or false); see [Config.Kerberos]
//	KEYFACTOR_CA_CERT, _AUTH_CA_CERT   PEM, or a file of it
//	KEYFACTOR_SKIP_VERIFY      true or false
//	KEYFACTOR_CLIENT_TIMEOUT   seconds ("60") or a duration ("60s", "1m30s")
//	KEYFACTOR_AUTH_CONFIG_FILE, _AUTH_CONFIG_PROFILE
//
// An empty variable counts as not set. If none is set, the error is
// [ErrNotConfigured]. If KEYFACTOR_HOSTNAME is not set and one of the last two is,
// the profile that they name is loaded as by [LoadConfig]; any other variable is
// then refused, because it was meant for another host or would have no effect. If
// both are set, the profile is not read, and Warnings says so. Everything wrong is
// reported at once.
func ConfigFromEnv() (*Config, error) {
	file, profile := os.Getenv(fileVariable), os.Getenv(profileVariable)
	given := variablesSet()
	switch named := file != "" || profile != ""; {
	case !named && len(given) == 0:
		return nil, fmt.Errorf("configuration: %w: set KEYFACTOR_HOSTNAME and a credential, or %s, or %s", ErrNotConfigured, fileVariable, profileVariable)
	case named && len(given) == 0:
		return LoadConfig(file, profile)
	case named && !slices.Contains(given, "KEYFACTOR_HOSTNAME"):
		return nil, badOption("configuration", "%s and a profile of %s are given, and are not mixed; "+
			"unset the former and write them into the profile, or set KEYFACTOR_HOSTNAME and no profile",
			strings.Join(given, ", "), show.Text(orDefault(file), maxShown))
	}
	r := &reading{Config: Config{Source: "the environment"}}
	var errs []error
	for _, s := range settings {
		if value := os.Getenv(s.variable); s.variable != "" && value != "" {
			if err := s.set(r, value); err != nil {
				errs = append(errs, badOption(s.variable, "%v", err))
			}
		}
	}
	errs = append(errs, r.settleKerberos("for Kerberos, give them as KEYFACTOR_AUTH_KRB_USERNAME and KEYFACTOR_AUTH_KRB_PASSWORD; for Basic, unset the KEYFACTOR_AUTH_KRB_ variables"))
	if r.Host == "" {
		errs = append(errs, badOption("KEYFACTOR_HOSTNAME", "is not set"))
	}
	for _, name := range []string{fileVariable, profileVariable} {
		if os.Getenv(name) != "" {
			r.warn("%s has no effect, because KEYFACTOR_HOSTNAME is set", name)
		}
	}
	return r.finish(errs)
}

// variablesSet is the names of the variables that are set, the two that name a
// profile aside.
func variablesSet() []string {
	var names []string
	for _, s := range settings {
		if s.variable != "" && os.Getenv(s.variable) != "" {
			names = append(names, s.variable)
		}
	}
	return names
}

// warnUnverified is a warning of a configuration and of a client.
const warnUnverified = "the server's certificate is not verified: anybody in between can read the credential"

// finish checks the whole configuration. errs is what is wrong already.
func (r *reading) finish(errs []error) (*Config, error) {
	if r.Host != "" {
		errs = append(errs, r.checkHost(), r.checkCredential())
	}
	if r.SkipVerify {
		r.warn(warnUnverified)
	}
	if r.Domain != "" && !r.basic() {
		r.warn("the domain has no effect: it belongs to a user name and password")
	}
	if (len(r.Scopes) > 0 || r.Audience != "") && !r.oauth() {
		r.warn("scopes and audience have no effect: they belong to a client id and secret")
	}
	r.warnOfReadable()
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return &r.Config, nil
}

// warnOfReadable warns of a keytab or credential cache that others can read, which is
// as good as the password. One that cannot be looked at is told of when it is used.
func (r *reading) warnOfReadable() {
	if r.Kerberos == nil {
		return
	}
	for _, file := range []string{strings.TrimPrefix(r.Kerberos.Keytab, "FILE:"), strings.TrimPrefix(r.Kerberos.CCache, "FILE:")} {
		if info, err := os.Stat(file); file != "" && err == nil && info.Mode().IsRegular() && trusted.Readable(info.Mode()) {
			r.warn("%s can be read by others than its owner (mode %04o), and is as good as the password; chmod 600 it",
				show.Text(file, maxShown), info.Mode().Perm())
		}
	}
}

// checkHost refuses a host that holds a password, and one that contradicts the
// port or the API path.
func (r *reading) checkHost() error {
	if strings.Contains(r.Host, "@") {
		return badOption("host", "of %s must not hold a user name or a password", r.Source)
	}
	if strings.Contains(r.TokenURL, "@") {
		return badOption("token URL", "of %s must not hold a user name or a password", r.Source)
	}
	u, err := r.host()
	if err != nil {
		return badOption("host", "of %s is neither a host nor a URL", r.Source)
	}
	if r.Port != 0 && u.Port() != "" && u.Port() != strconv.Itoa(r.Port) {
		return badOption("port", "of %s is %d, and its host names port %s; give one of them", r.Source, r.Port, u.Port())
	}
	path, own := strings.Trim(u.Path, "/"), strings.Trim(r.APIPath, "/")
	if path != "" && own != "" && !strings.EqualFold(path, own) {
		return badOption("API path", "of %s is %s, and its host is a URL with the path %s; give one of them",
			r.Source, quoted(own), quoted(path))
	}
	return nil
}

func (r *reading) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// kerberos is the part about Kerberos, which is there from the first setting on.
func (r *reading) kerberos() *Kerberos {
	if r.Kerberos == nil {
		r.Kerberos = &Kerberos{}
	}
	return r.Kerberos
}

// settleKerberos decides whether the configuration signs in with Kerberos. A krb5.conf,
// SPN or flag alone does not say so: they are often set for all programs. Besides a user
// name and password, it is refused unless the name has a realm, or auth_type says "basic":
// a password that is meant for a KDC must not go to the server. An auth_type that
// contradicts the settings of Kerberos is refused as well.
func (r *reading) settleKerberos(howToChoose string) error {
	k := r.Kerberos
	switch {
	case strings.EqualFold(r.authType, "kerberos"):
		r.kerberos()
		return nil
	case k == nil:
		return nil
	case r.authType != "" && (k.Realm != "" || k.Keytab != "" || k.CCache != ""):
		r.Kerberos = nil
		return badOption("auth_type", "of %s is %s, and a realm, keytab or credential cache is for Kerberos; give \"auth_type\": \"kerberos\", or remove kerberos_realm, kerberos_keytab and kerberos_ccache",
			r.Source, quoted(r.authType))
	case k.Username != "" || !k.Password.IsZero() || k.Realm != "" || k.Keytab != "" || k.CCache != "":
		return nil
	case k.ConfigFile == "" && k.SPN == "" && !k.DisablePAFXFast:
		r.Kerberos = nil // a flag that is false
		return nil
	case strings.EqualFold(r.authType, "basic") || !r.basic():
		r.Kerberos = nil
		r.warn("the settings of Kerberos have no effect: no user name, realm, keytab or credential cache is given")
		return nil
	case strings.Contains(r.Username, "@") && r.authType == "":
		k.Username, k.Password = r.Username, r.Password
		r.Username, r.Password = "", Secret{}
		return nil
	}
	r.Kerberos = nil
	return badOption("credentials", "%s: settings of Kerberos besides a user name and password, and nothing says whether the password is for a KDC or for the server; %s", r.source(), howToChoose)
}

// resolve makes a relative path one that starts at dir, and "~/" the home.
func (r *reading) resolve(path string) string {
	path = expandHome(path)
	if r.dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
}

func one(value any) (string, error) {
	if s, ok := value.(string); ok {
		return s, nil
	}
	return "", errors.New("must be a text")
}

func setText(field func(*reading) *string) func(*reading, any) error {
	return func(r *reading, value any) error {
		s, err := one(value)
		if err == nil {
			*field(r) = s
		}
		return err
	}
}

func setSecret(field func(*reading) *Secret) func(*reading, any) error {
	return func(r *reading, value any) error {
		s, err := one(value)
		if err == nil {
			*field(r) = NewSecret(s)
		}
		return err
	}
}

// setPath takes a text that names a file. A credential cache may have a type before it;
// what follows FILE: is a path, and what follows another type is not.
func setPath(field func(*reading) *string) func(*reading, any) error {
	return func(r *reading, value any) error {
		s, err := one(value)
		if err != nil {
			return err
		}
		path, isFile := strings.CutPrefix(s, "FILE:")
		if !strings.Contains(path, ":") {
			path = r.resolve(path)
		}
		if *field(r) = path; isFile {
			*field(r) = "FILE:" + path
		}
		return nil
	}
}

func setBool(field func(*reading) *bool) func(*reading, any) error {
	return func(r *reading, value any) error {
		s, err := one(value)
		if err != nil {
			return err
		}
		yes, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("is neither true nor false")
		}
		*field(r) = yes
		return nil
	}
}

func setPort(r *reading, value any) error {
	s, err := one(value)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return errors.New("is not a port: a number from 1 to 65535")
	}
	r.Port = n
	return nil
}

func setTimeout(r *reading, value any) error {
	s, err := one(value)
	if err != nil {
		return err
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		s += "s"
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return errors.New(`is not a time above 0: seconds such as "60", or a duration such as "60s"`)
	}
	r.Timeout = d
	return nil
}

func setScopes(r *reading, value any) error {
	list, ok := value.([]string)
	if s, isText := value.(string); isText {
		list, ok = []string{s}, true
	}
	if !ok {
		return errors.New("must be a list of texts")
	}
	for _, s := range list {
		r.Scopes = append(r.Scopes, strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return nil
}

// addRootCAs takes PEM text, or the path of a file that holds it.
func addRootCAs(r *reading, value any) error {
	s, err := one(value)
	if err != nil {
		return err
	}
	pem, what := []byte(s), "the text"
	if !strings.Contains(s, "-----BEGIN") {
		what = r.resolve(s)
		if pem, _, err = trusted.Read(what); err != nil {
			return err
		}
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no PEM certificate", show.Text(what, maxShown))
	}
	if len(r.RootCAs) > 0 {
		r.RootCAs = append(r.RootCAs, '\n') // the first may not end with one
	}
	r.RootCAs = append(r.RootCAs, pem...)
	return nil
}

// refuseVault refuses a profile whose credentials are somewhere else.
func refuseVault(_ *reading, value any) error {
	provider, ok := value.(map[string]string)
	switch {
	case !ok:
		return errors.New("must be a map")
	case provider["type"] != "":
		return fmt.Errorf("keeps the credentials in %s, which is not supported; use WithTokenSource, or variables", quoted(provider["type"]))
	}
	return nil
}
