package security_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/security"
)

// TestSecretShowsNothing: by no route, not even those that look into values
// without asking them (unexported fields, %p).
func TestSecretShowsNothing(t *testing.T) {
	t.Parallel()
	secret := security.NewSecret(password)
	cfg := security.Config{
		Host: "h.example.com", Password: secret, ClientSecret: security.NewSecret(clientSecret), AccessToken: security.NewSecret(accessToken),
		Kerberos: &security.Kerberos{Password: secret},
	}
	cc := security.ClientCredentials{TokenURL: tokenURL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret)}
	type exported struct{ S security.Secret }
	type unexported struct {
		s  security.Secret
		c  security.Config
		cp *security.Config
		k  security.Kerberos
		cc security.ClientCredentials
	}
	for name, v := range map[string]any{
		"secret": secret, "pointer": &secret, "exported": exported{secret}, "slice": []security.Secret{secret}, "map": map[string]security.Secret{"a": secret},
		"unexported": unexported{secret, cfg, &cfg, *cfg.Kerberos, cc}, "credentials": cc, "credentials pointer": &cc, "config": cfg, "config pointer": &cfg, "kerberos": *cfg.Kerberos,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%w", "%T", "%t", "%c", "%U", "%e", "%!"} {
			noSecrets(t, name+" "+verb+" "+fmt.Sprintf(verb, v))
		}
		var out bytes.Buffer
		for route, write := range map[string]func() error{
			"json": func() error { return json.NewEncoder(&out).Encode(v) },
			"xml":  func() error { return xml.NewEncoder(&out).Encode(v) },
			"gob":  func() error { return gob.NewEncoder(&out).Encode(v) },
			"yaml": func() error { return yaml.NewEncoder(&out).Encode(v) },
			"slog": func() error { slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v); return nil },
			"text": func() error { slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v); return nil },
		} {
			if err := write(); err != nil {
				noSecrets(t, name+" "+route+" "+err.Error())
			}
			noSecrets(t, name+" "+route+" "+out.String())
		}
		noSecrets(t, name+" by reflection: "+apitest.Dump(v))
	}
	if s := fmt.Sprintf("%v %s %x %v", secret, secret, secret, security.Secret{}); s != "(hidden) (hidden) (hidden) (none)" {
		t.Errorf("it prints as %s", s)
	}
	if raw, err := json.Marshal(exported{secret}); err != nil || string(raw) != `{"S":"(hidden)"}` {
		t.Errorf("as JSON it is %s, %v", raw, err)
	}
	for _, v := range []any{secret, exported{secret}, cfg, security.ClientCredentials{ClientSecret: security.NewSecret(clientSecret)}} {
		if err := gob.NewEncoder(&bytes.Buffer{}).Encode(v); err == nil || !strings.Contains(err.Error(), "not encoded") {
			t.Errorf("gob encodes a %T: %v", v, err)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", " p\x00ä "} {
		s := security.NewSecret(text)
		if s.Reveal() != text || s.IsZero() != (text == "") {
			t.Errorf("%q is %q, zero %t", text, s.Reveal(), s.IsZero())
		}
	}
	if (security.Secret{}).Reveal() != "" || !(security.Secret{}).IsZero() {
		t.Error("the zero value holds something")
	}
}

// TestCredentialsInADumpedRequest: middleware that dumps a request that is
// repeated, its context included, finds no credential.
func TestCredentialsInADumpedRequest(t *testing.T) {
	t.Parallel()
	var dumped string
	client := newClient(t, newScript(reply(503, ""), ok), quick, security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return tripper(func(r *http.Request) (*http.Response, error) {
			dumped += apitest.Dump(r)
			return next.RoundTrip(r)
		})
	}))
	if _, err := do(context.Background(), client, get); err != nil || !strings.Contains(dumped, "Security/Roles/1") {
		t.Errorf("%v, dumped %q", err, dumped)
	}
	noSecrets(t, dumped)
}
