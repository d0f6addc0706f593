package security

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/commandsec/commandsec-go/internal/transport"
)

// credential is how a client proves who it is. Secrets live in the closure
// only, so that printing a client or an option shows none.
type credential struct {
	name       string // the option that gave it
	source     string // of a Config, "" if it was given as an option
	origin     string // the origin that source meant it for
	tokenURL   string
	account    func() string // who signs in, nil if that is not known
	separate   bool          // of a package of its own, such as security/kerberos
	authorizer func(base *url.URL, forTokens *http.Client) transport.Authorizer
}

func withCredential(name string, get func() (credential, error)) Option {
	return option(func(c *config) error {
		cred, err := get()
		cred.name = name
		c.credentials = append(c.credentials, cred)
		return err
	})
}

// WithBasicAuth signs in with a name and a password. user is sent as given:
// `DOMAIN\user` or "user@domain".
func WithBasicAuth(user, password string) Option {
	return withCredential("WithBasicAuth", func() (credential, error) {
		var errs []error
		if user == "" || strings.ContainsFunc(user, unprintable) || strings.Contains(user, ":") {
			errs = append(errs, badOption("WithBasicAuth", "user must not be empty, nor contain a colon or control characters"))
		}
		if password == "" {
			errs = append(errs, badOption("WithBasicAuth", "password must not be empty"))
		}
		cred := fixed(basicValue(user, password))
		cred.account = func() string { return user }
		return cred, errors.Join(errs...)
	})
}

func basicValue(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// WithBasicAuthFunc signs in with the name and the password that get returns: for
// passwords that change while the program runs. get is asked for each attempt, and
// once more if the server refuses what it gave; it must be quick, safe for
// concurrent use, and end when its context does. Its error ends the call: nothing
// is sent.
func WithBasicAuthFunc(get func(context.Context) (user, password string, err error)) Option {
	return withCredential("WithBasicAuthFunc", func() (credential, error) {
		if get == nil {
			return credential{}, badOption("WithBasicAuthFunc", "must not be nil")
		}
		var last atomic.Pointer[string]
		value := func(ctx context.Context) (string, error) {
			user, password, err := get(ctx)
			switch {
			case err != nil:
				return "", fmt.Errorf("no password: %w", err)
			case user == "" || password == "" || strings.Contains(user, ":") || strings.ContainsFunc(user, unprintable):
				return "", errors.New("no password: WithBasicAuthFunc gave an empty user or password, or a user with a colon or control characters")
			}
			last.Store(&user)
			return basicValue(user, password), nil
		}
		cred := credential{authorizer: func(*url.URL, *http.Client) transport.Authorizer {
			return transport.Authorizer{Value: value, Refresh: func(ctx context.Context, refused string) (string, error) {
				fresh, err := value(ctx)
				if fresh == refused {
					fresh = ""
				}
				return fresh, err
			}}
		}}
		cred.account = func() string {
			if user := last.Load(); user != nil {
				return *user
			}
			return ""
		}
		return cred, nil
	})
}

// WithAccessToken sends a bearer token that the caller obtained. It is not
// renewed.
func WithAccessToken(token string) Option {
	return withCredential("WithAccessToken", func() (credential, error) {
		if token == "" || strings.ContainsFunc(token, notVisible) {
			return credential{}, badOption("WithAccessToken", "the token is empty, or contains spaces or control characters")
		}
		return fixed("Bearer " + token), nil
	})
}

// notVisible reports what a token cannot hold.
func notVisible(r rune) bool { return r <= ' ' || r > '~' }

func unprintable(r rune) bool { return r < ' ' || r == 0x7f }

func fixed(value string) credential {
	return credential{authorizer: func(*url.URL, *http.Client) transport.Authorizer {
		return transport.Authorizer{Value: func(context.Context) (string, error) { return value, nil }}
	}}
}

// ClientCredentials is an OAuth 2.0 client, for the client-credentials grant.
// Printing, logging or encoding it shows no secret.
type ClientCredentials struct {
	TokenURL     string // https
	ClientID     string
	ClientSecret Secret
	Scopes       []string // optional
	Audience     string   // optional; sent as the form value "audience"
}

// Format prints the credentials without their secret, whatever the verb.
func (c ClientCredentials) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "ClientCredentials{TokenURL:%s ClientID:%s ClientSecret:%s Scopes:%v Audience:%s}",
		safeURL(c.TokenURL), c.ClientID, c.ClientSecret, c.Scopes, c.Audience)
}

// String is the credentials without their secret.
func (c ClientCredentials) String() string { return fmt.Sprint(c) }

// GobEncode refuses to encode the secret.
func (c ClientCredentials) GobEncode() ([]byte, error) { return nil, errNoGob }

// MarshalText keeps the secret out of JSON and structured logs.
func (c ClientCredentials) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(c)), nil }

// safeURL is a URL as it may be printed: one that may hold a credential is not.
func safeURL(s string) string {
	if strings.ContainsAny(s, "@?#") {
		return "(hidden)"
	}
	return s
}

// WithClientCredentials signs in with tokens that it fetches from an identity
// provider. Tokens are shared by all calls, renewed before they expire, and
// renewed once more if the server refuses one. The token endpoint is reached
// with the client's per-attempt timeout, trusted CAs and middleware; its
// certificate is verified even with [WithInsecureSkipVerify], or with a transport in
// [WithHTTPClient] that does not verify, unless that has a check of its own
// (VerifyConnection or VerifyPeerCertificate). A token request that
// fails is not repeated, except to send the secret in the other of the two ways
// that providers know.
func WithClientCredentials(cc ClientCredentials) Option {
	return withCredential("WithClientCredentials", func() (credential, error) {
		var errs []error
		secret := cc.ClientSecret.Reveal()
		for _, f := range []struct{ name, value string }{
			{"TokenURL", cc.TokenURL}, {"ClientID", cc.ClientID}, {"ClientSecret", secret},
		} {
			if f.value == "" {
				errs = append(errs, badOption("ClientCredentials."+f.name, "must not be empty"))
			}
		}
		grant := &clientcredentials.Config{
			ClientID: cc.ClientID, ClientSecret: secret, TokenURL: cc.TokenURL, Scopes: slices.Clone(cc.Scopes),
		}
		if cc.Audience != "" {
			grant.EndpointParams = url.Values{"audience": {cc.Audience}}
		}
		return credential{tokenURL: cc.TokenURL, account: func() string { return cc.ClientID }, authorizer: func(_ *url.URL, hc *http.Client) transport.Authorizer {
			own := *hc
			own.CheckRedirect = func(*http.Request, []*http.Request) error {
				return errors.New("the token endpoint redirects, which is not followed: the request holds the client secret")
			}
			hide := func(s string) string {
				header := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(cc.ClientID) + ":" + url.QueryEscape(secret)))
				return transport.Hide(transport.Hide(s, header), secret)
			}
			return tokens(hide, func(ctx context.Context) (*oauth2.Token, error) {
				return grant.Token(context.WithValue(transport.Hidden(ctx, hide), oauth2.HTTPClient, &own))
			})
		}}, errors.Join(errs...)
	})
}

// WithTokenSource signs in with tokens from ts. They are kept until shortly
// before they expire, and asked for anew if the server refuses one. ts must
// be safe for concurrent use, and must not block for long: its Token method
// takes no context.
func WithTokenSource(ts oauth2.TokenSource) Option {
	return withCredential("WithTokenSource", func() (credential, error) {
		if ts == nil {
			return credential{}, badOption("WithTokenSource", "must not be nil")
		}
		return credential{authorizer: func(*url.URL, *http.Client) transport.Authorizer {
			return tokens(nil, func(context.Context) (*oauth2.Token, error) { return ts.Token() })
		}}, nil
	})
}

const (
	nameAuthorization = "WithAuthorization"
	nameCertificate   = "WithClientCertificate"
)

// WithAuthorization lets sign add the credential to each attempt: for ways to sign
// in that this library does not know, such as the scheme of a proxy. Kerberos is in
// package [github.com/commandsec/commandsec-go/security/kerberos].
// sign may set headers of the request, and nothing else of it is sent; it does not
// see the body. It is called for the configured scheme, host and port only, right
// before the attempt is sent, from several goroutines at a time, and must end when
// the request's context does. Its error ends the call: nothing is sent.
func WithAuthorization(sign func(*http.Request) error) Option {
	return withCredential(nameAuthorization, func() (credential, error) {
		if sign == nil {
			return credential{}, badOption(nameAuthorization, "must not be nil")
		}
		return credential{authorizer: func(*url.URL, *http.Client) transport.Authorizer {
			return transport.Authorizer{Sign: func(r *http.Request) error {
				if err := sign(r); err != nil {
					return fmt.Errorf("no credential: %w", err)
				}
				return nil
			}}
		}}, nil
	})
}

// WithClientCertificate presents cert to the server in the TLS handshake: alone,
// or besides one other credential. The token endpoint does not get it.
//
// That Command signs a caller in by a certificate alone is assumed: it has a
// provider for client certificates, and no document says how they are used. Go
// presents a certificate in the first handshake of a connection only; a server
// that asks for it later (IIS with "negotiate client certificate" off, which
// renegotiates) does not get it.
func WithClientCertificate(cert tls.Certificate) Option {
	return option(func(c *config) error {
		switch {
		case len(cert.Certificate) == 0 || cert.PrivateKey == nil:
			return badOption("WithClientCertificate", "holds no certificate with a private key; tls.LoadX509KeyPair reads one")
		case c.clientCert != nil:
			return badOption("WithClientCertificate", "was given twice")
		}
		c.clientCert = &cert
		return nil
	})
}

// tokens is an authorizer that keeps a token until it expires or is refused.
//
// Whoever finds no usable token fetches one, with its own context; others wait
// for it, each no longer than its own context lasts. So no token request
// outlives the call that made it, and a caller that gives up harms nobody.
//
// hide takes the secret out of what goes wrong.
func tokens(hide func(string) string, fetch func(context.Context) (*oauth2.Token, error)) transport.Authorizer {
	var current atomic.Pointer[oauth2.Token]
	turn := make(chan struct{}, 1)

	// usable is the value of the kept token, unless it is the refused one.
	usable := func(refused string) string {
		if tok := current.Load(); tok.Valid() {
			if value := tok.Type() + " " + tok.AccessToken; value != refused {
				return value
			}
		}
		return ""
	}
	renew := func(ctx context.Context, refused string) (string, error) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if value := usable(refused); value != "" {
			return value, nil // another call fetched it meanwhile
		}
		tok, err := fetch(ctx)
		if err != nil {
			return "", fmt.Errorf("no token: %w", readable(err, hide))
		}
		if tok == nil || tok.AccessToken == "" {
			return "", errors.New("no token: the token source gave an empty one")
		}
		if strings.ContainsFunc(tok.Type()+tok.AccessToken, notVisible) {
			return "", errors.New("no token: the token source gave one with spaces or control characters")
		}
		if !tok.Expiry.IsZero() && !time.Now().Before(tok.Expiry) {
			return "", errors.New("no token: the token source gave one that has expired")
		}
		current.Store(tok)
		if value := tok.Type() + " " + tok.AccessToken; value != refused {
			return value, nil // also if it expires too soon to be kept
		}
		return "", nil
	}
	return transport.Authorizer{
		Value: func(ctx context.Context) (string, error) {
			if value := usable(""); value != "" {
				return value, nil
			}
			return renew(ctx, "")
		},
		Refresh: renew,
	}
}

// readable drops what must not be shown: the token endpoint's answer, the token
// URL, whose query could hold anything, and the secret.
func readable(err error, hide func(string) string) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return newTokenError(refused, hide)
	}
	text := "%w"
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		text, err = "the token endpoint was not reached: %w", wrapped.Err
	}
	if hide != nil { // nil for a token source of the program
		err = hidden(err, hide)
	}
	return fmt.Errorf(text, err)
}

// meantFor refuses to send a credential to a host that its source did not mean
// it for. A certificate gives nothing away; WithAuthorization and the packages for
// other ways to sign in are for what a configuration leaves to the program: one with
// a credential of its own has one too many then.
func (c credential) meantFor(base *url.URL, hostSource string) error {
	switch {
	case c.source != "" && c.origin != transport.Origin(base):
		return badOption("credentials", "those of %s are meant for %s, not for %s", c.source, c.origin, transport.Origin(base))
	case c.source == "" && hostSource != "" && !c.separate && c.name != nameAuthorization && c.name != nameCertificate:
		return badOption("credentials", "the host comes from %s and the credential from the option %s; "+
			"to use them together on purpose, call NewClient with that host's URL", hostSource, c.name)
	}
	return nil
}

func (c *config) checkTokenURL(tokenURL string) error {
	u, err := url.Parse(tokenURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return badOption("ClientCredentials.TokenURL", "must be an https URL")
	case u.User != nil:
		return badOption("ClientCredentials.TokenURL", "must not hold credentials")
	case u.Scheme == "http" && (c.verified || !c.inClear(u)):
		return badOption("ClientCredentials.TokenURL", "is http, which sends the client secret in clear; use https")
	}
	return nil
}
