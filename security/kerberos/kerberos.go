// Package kerberos signs a client in with Kerberos (SPNEGO, "Negotiate"), as Active
// Directory does it: with a credential cache, a keytab, or a name and a password.
//
//	client, err := security.NewClient("https://command.example.com/KeyfactorAPI",
//		kerberos.WithSettings(security.Kerberos{
//			Username: "svc_sdk@EXAMPLE.COM", Keytab: "/etc/command/svc_sdk.keytab",
//		}))
//
// It is a package of its own so that only those who import it link a Kerberos
// library. docs/kerberos.md in the repository tells how to set it up, the usual
// mistakes, and what is not covered.
//
// # Tickets
//
// A client gets a ticket when its first call needs one, and all its calls share it.
// Files are read at that moment, so that a keytab or a credential cache that somebody
// renews is noticed. Shortly before a ticket ends, one call fetches a new one while the
// others go on with the old one. If no KDC answers then, calls go on until the ticket
// ends.
//
// A call fetches a ticket with its own context, and others wait for it, each no longer
// than its own context lasts. No request to a KDC outlives its call. Without a context
// that ends, each KDC has 5 seconds to connect and 5 to answer.
//
// # False KDCs
//
// Anybody on the way to a KDC can answer in its place. So what comes is bounded (an answer
// to 128 KiB, a key made of a password to 100,000 rounds, referrals to 10 realms) and
// compared with the request, and no weak encryption type is used: RC4 only if krb5.conf
// names it in permitted_enctypes, DES never.
//
// # Locked accounts
//
// A password or keytab that a KDC refused is not sent again by the same client: each
// further call fails with the same error. A keytab is tried again when its file has
// changed; a new password needs a new client. One that was sent twice and got no answer
// that could be used rests for a minute or more.
package kerberos

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// WithSettings signs in with Kerberos: with settings.CCache if it is given, else with
// settings.Keytab, else with settings.Password. No environment is read, not even
// KRB5CCNAME.
//
//   - The realm is that of the name ("svc@EXAMPLE.COM"), else settings.Realm, else the
//     default_realm of krb5.conf, which is /etc/krb5.conf unless settings.ConfigFile
//     names another.
//   - A keytab that holds one principal needs no name, and a credential cache none at
//     all. If there is one, or a realm, it must be that of the cache.
//   - The service principal is "HTTP/" and the host of the client's URL, as it is
//     written there, unless settings.SPN says otherwise. It may end in "@REALM".
//
// What of the settings cannot be right is reported by [security.NewClient]. Files and
// the KDC are the business of the first call; a failure there is an error of that
// call, nothing is sent to the server, and errors.Is(err, security.ErrUnauthorized)
// tells whether it was the credential that was refused.
func WithSettings(settings security.Kerberos) security.Option {
	var principal atomic.Pointer[string]
	if settings.Username != "" {
		name := settings.Username
		principal.Store(&name)
	}
	return service.SignIn[security.Option](service.Credential{
		Name: "kerberos.WithSettings",
		Err:  check(settings),
		Account: func() string {
			if name := principal.Load(); name != nil {
				return *name
			}
			return ""
		},
		Authorizer: func(base *url.URL) transport.Authorizer {
			spn := settings.SPN
			if spn == "" {
				spn = "HTTP/" + strings.TrimSuffix(strings.ToLower(base.Hostname()), ".")
			}
			l := newLogin(settings, spn, func(name string) { principal.Store(&name) })
			tickets := newSharing(l.fetch)
			return transport.Authorizer{
				Value: tickets.value, Refresh: tickets.refresh,
				Refused: func(h http.Header) string { return refused(h, spn) },
			}
		},
	})
}

// NewClientFromConfig is [security.NewClientFromConfig] for every configuration, those
// that sign in with Kerberos included.
func NewClientFromConfig(cfg *security.Config, opts ...security.Option) (*security.Client, error) {
	if cfg != nil && cfg.Kerberos != nil {
		opts = append([]security.Option{WithSettings(*cfg.Kerberos)}, opts...)
	}
	return security.NewClientFromConfig(cfg, opts...)
}

// check reports what cannot be right whatever the files and the KDC say.
func check(k security.Kerberos) error {
	var problems security.FieldErrors
	note := func(field, problem string) {
		problems = append(problems, security.FieldError{Field: "Kerberos." + field, Problem: problem})
	}
	name, realm, _ := strings.Cut(k.Username, "@")
	if strings.Contains(k.Username, `\`) {
		note("Username", `must look like "svc@EXAMPLE.COM" or "svc", without a backslash`)
	} else if k.Username != "" && name == "" || strings.Contains(realm, "@") || broken(realm) ||
		strings.TrimSpace(name) != name || broken(strings.ReplaceAll(name, " ", "")) { // Active Directory allows spaces within
		note("Username", `must look like "svc@EXAMPLE.COM" or "svc"`)
	}
	if broken(k.Realm) || strings.Contains(k.Realm, "@") {
		note("Realm", `must look like "EXAMPLE.COM"`)
	}
	if service, host, found := strings.Cut(k.SPN, "/"); k.SPN != "" && (!found || service == "" || host == "" || host[0] == '@' || broken(k.SPN)) {
		note("SPN", `must look like "HTTP/command.example.com"`)
	}
	for _, file := range []struct{ field, path string }{{"ConfigFile", k.ConfigFile}, {"Keytab", strings.TrimPrefix(k.Keytab, "FILE:")}, {"CCache", strings.TrimPrefix(k.CCache, "FILE:")}} {
		if strings.HasPrefix(file.path, "~/") { // MIT's programs do not know it either
			note(file.field, "begins with ~, which is not replaced here; give the whole path")
		}
	}
	switch {
	case k.CCache != "":
		if kind := cacheType(k.CCache); kind != "FILE" {
			note("CCache", "is of type "+kind+", and only files can be read; give a path, or FILE: and a path")
		}
	case k.Keytab != "":
	case k.Password.IsZero():
		note("Password", "there is no credential; give a credential cache, a keytab, or a name and a password")
	case k.Username == "":
		note("Username", "must not be empty with a password")
	}
	if problems == nil {
		return nil
	}
	return problems
}

// broken reports what neither a name nor a realm holds.
func broken(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// cacheType is the type that a credential cache is of. A single letter is a drive of
// Windows.
func cacheType(cache string) string {
	if kind, _, found := strings.Cut(cache, ":"); found && len(kind) > 1 && !strings.ContainsAny(kind, `/\.`) {
		return kind
	}
	return "FILE"
}
