package security_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"golang.org/x/oauth2"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/security"
)

// secrets is everything that must appear nowhere, in clear or encoded.
var secrets = []string{
	password, base64.StdEncoding.EncodeToString([]byte(user + ":" + password)), base64.StdEncoding.EncodeToString([]byte(password)),
	clientSecret, base64.StdEncoding.EncodeToString([]byte(clientID + ":" + clientSecret)), base64.StdEncoding.EncodeToString([]byte(clientSecret)),
	accessToken, fmt.Sprintf("%x", password), fmt.Sprintf("%x", clientSecret), fmt.Sprintf("%x", accessToken),
}

const (
	accessToken = "eyJhbGciOi-the-access-token"
	queryValue  = "the-name-in-a-filter"
)

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	cc := security.ClientCredentials{TokenURL: tokenURL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret), Scopes: []string{"a"}, Audience: "b"}
	cfg := security.Config{
		Source: "the test", Host: "h.example.com", Username: "u", Password: security.NewSecret(password), ClientID: clientID,
		ClientSecret: security.NewSecret(clientSecret), TokenURL: tokenURL, AccessToken: security.NewSecret(accessToken),
		Kerberos: &security.Kerberos{Username: "u", Password: security.NewSecret(password)},
	}
	values := map[string]any{
		"ClientCredentials":            cc,
		"*ClientCredentials":           &cc,
		"ClientCredentials in a field": struct{ Creds security.ClientCredentials }{cc},
		"*ClientCredentials in one":    struct{ Creds *security.ClientCredentials }{&cc},
		"ClientCredentials in a map":   map[string]security.ClientCredentials{"x": cc},
		"Config":                       cfg,
		"*Config":                      &cfg,
		"Config in a field":            struct{ Config security.Config }{cfg},
		"Configs":                      []security.Config{cfg},
		"Config in an interface":       []any{cfg, &cfg},
		"Options":                      append(cfg.Options(), security.WithClientCredentials(cc), security.WithBasicAuth(user, password), security.WithAccessToken(accessToken)),
	}
	for name, credential := range map[string]security.Option{
		"basic": security.WithBasicAuth(user, password), "OAuth": security.WithClientCredentials(cc), "token": security.WithAccessToken(accessToken),
		"source": security.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken})),
	} {
		client, err := security.NewClient(baseURL, credential)
		if err != nil {
			t.Fatal(err)
		}
		values["option "+name] = credential
		values["client "+name] = client
		values["*client "+name] = *client
		values["transport "+name] = service.Of(client)
		values["client in a struct "+name] = struct{ C *security.Client }{client}
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p", "%w"} {
			noSecrets(t, name+" "+verb+": "+fmt.Sprintf(verb, v))
		}
		noSecrets(t, name+": "+fmt.Sprint(v), name+": "+fmt.Errorf("%v", v).Error())
		if raw, err := json.Marshal(v); err == nil {
			noSecrets(t, name+" as JSON: "+string(raw))
		}
		var log buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		noSecrets(t, name+" logged: "+log.String(), name+" by reflection: "+apitest.Dump(v))
	}
	for _, v := range []any{cc, cfg} { // hidden, but not useless
		if s := fmt.Sprint(v); !strings.Contains(s, clientID) || !strings.Contains(s, tokenURL) || !strings.Contains(s, "(hidden)") {
			t.Errorf("it prints as %s", s)
		}
	}
}

// TestSecretsInCalls makes calls of all kinds, and looks for secrets and query
// values in what they log and return.
func TestSecretsInCalls(t *testing.T) {
	t.Parallel()
	cc := security.ClientCredentials{TokenURL: tokenURL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret)}
	for name, credential := range map[string]security.Option{
		"basic": security.WithBasicAuth(user, password), "OAuth": security.WithClientCredentials(cc), "token": security.WithAccessToken(accessToken),
		"source": security.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken})),
	} {
		for kind, a := range map[string]answer{
			"success": ok, "400": reply(400, `{"Message":"no"}`), "401": reply(401, "<html>"), "429": reply(429, ""), "503": reply(503, ""),
			"dial": broken(errDial), "reset": broken(errReset), "truncated": truncated, "page": reply(200, "<html>"), "null": reply(200, "null"),
			"redirect": func(r *http.Request) (*http.Response, error) {
				resp := httpmock.NewStringResponse(302, "")
				resp.Header.Set("Location", "https://evil.example.com/?q="+queryValue)
				resp.Request = r
				return resp, nil
			},
			"loop": func(r *http.Request) (*http.Response, error) {
				resp := httpmock.NewStringResponse(302, "")
				resp.Header.Set("Location", r.URL.String())
				return resp, nil
			},
			"another error":      func(*http.Request) (*http.Response, error) { return nil, errors.New("something broke") },
			"proxy with a login": broken(errors.New("proxyconnect tcp: refused")),
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				p := &idp{
					issue: func(int, *http.Request) (*http.Response, error) { return token(accessToken, 3600), nil },
				}
				var log buffer
				rt := roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.URL.Host == "idp.example.com" {
						return p.RoundTrip(r)
					}
					return a(r)
				})
				level := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
				for _, h := range []slog.Handler{slog.NewTextHandler(&log, level), slog.NewJSONHandler(&log, level)} {
					client, err := security.NewClient(baseURL, credential, quick,
						security.WithHTTPClient(&http.Client{Transport: rt}), security.WithLogger(slog.New(h)))
					if err != nil {
						t.Fatal(err)
					}
					for _, method := range []string{get, put, post, del} {
						var body, into any
						if method == put || method == post {
							body = map[string]string{"Password": password}
						}
						if method != del {
							into = &object{}
						}
						err := client.Do(t.Context(), method, "Security/Roles?QueryString="+queryValue, 1, body, into)
						if err == nil {
							continue
						}
						slog.New(h).Error("failed", "error", err)
						texts := []string{err.Error(), fmt.Sprintf("%v %+v %#v %q", err, err, err, err), string(failure(t, err).Body)}
						for inner := err; inner != nil; inner = errors.Unwrap(inner) {
							texts = append(texts, inner.Error(), fmt.Sprintf("%+v %#v", inner, inner))
						}
						noSecrets(t, texts...)
						if all := strings.Join(texts, "\n"); strings.Contains(all, queryValue) {
							t.Errorf("the query is in %s", all)
						}
					}
				}
				noSecrets(t, log.String())
				if strings.Contains(log.String(), queryValue) {
					t.Errorf("the query is in the log:\n%s", log.String())
				}
				if !strings.Contains(log.String(), "GET /Security/Roles, version 1") {
					t.Errorf("the log does not name the call:\n%s", log.String())
				}
			})
		}
	}
}

// TestLog: one line an attempt, with what helps and no more. The first that is
// repeated is a warning, so that it shows without debug output, once a call.
func TestLog(t *testing.T) {
	t.Parallel()
	var log buffer
	server := newScript(reply(503, "", "X-Keyfactor-Correlation-Id", "c1"), broken(errReset), reply(200, `{}`, "X-Keyfactor-Correlation-Id", "c3"))
	client := newClient(t, server, quick, security.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	if _, err := do(t.Context(), client, get); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines for 3 attempts:\n%s", len(lines), log.String())
	}
	const repeats = "keyfactor call failed and will be repeated"
	for i, want := range []map[string]any{
		{"level": "WARN", "msg": repeats, "attempt": 1.0, "status": 503.0, "correlation_id": "c1", "attempts_left": 3.0},
		{"level": "DEBUG", "msg": repeats, "attempt": 2.0, "status": 0.0, "correlation_id": "", "attempts_left": 2.0, "error": errReset.Error()},
		{"level": "DEBUG", "msg": "keyfactor call", "attempt": 3.0, "status": 200.0, "correlation_id": "c3"},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		want["op"], want["path"] = "GET /Security/Roles/1, version 1", "/Security/Roles/1"
		extra := 2 // time and duration
		if want["msg"] == repeats {
			extra++
			if wait, _ := got["wait"].(float64); wait <= 0 {
				t.Errorf("line %d does not tell the wait: %v", i+1, got)
			}
		}
		for name, v := range want {
			if got[name] != v {
				t.Errorf("line %d: %s is %v, want %v", i+1, name, got[name], v)
			}
		}
		if _, has := got["duration"]; !has || len(got) != len(want)+extra {
			t.Errorf("line %d is %v", i+1, got)
		}
	}
	log = buffer{}
	quiet := newClient(t, newScript(ok), security.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))))
	if _, err := do(context.Background(), quiet, get); err != nil || log.String() != "" {
		t.Errorf("at info level it logs %q, %v", log.String(), err)
	}
}
