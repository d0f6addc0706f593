package security_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/security"
)

// fields is the names of the fields that an error is about.
func fields(err error) []string {
	var names []string
	var visit func(error)
	visit = func(err error) {
		switch e := err.(type) { //nolint:errorlint // it takes the tree apart
		case security.FieldErrors:
			for _, f := range e {
				names = append(names, f.Field)
			}
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				visit(inner)
			}
		case interface{ Unwrap() error }:
			visit(e.Unwrap())
		}
	}
	visit(err)
	return names
}

func TestNewClientReportsEverything(t *testing.T) {
	t.Parallel()
	client, err := security.NewClient("ftp://x",
		security.WithHTTPClient(nil), security.WithMiddleware(nil), security.WithRootCAs([]byte("no PEM")),
		security.WithTimeout(0), security.WithTimeout(-time.Second), security.WithRetry(security.Retry{MaxAttempts: -1}),
		security.WithRateLimit(0, 1), security.WithLogger(nil), security.WithUserAgent(""), security.WithMaxResponseBytes(0),
		security.WithConcurrency(0), security.WithHeader("bad header", ""),
		security.WithAuthorization(nil), security.WithClientCertificate(tls.Certificate{}), nil,
	)
	if client != nil {
		t.Error("there is a client all the same")
	}
	want := []string{
		"WithHTTPClient", "WithMiddleware", "WithRootCAs", "WithTimeout", "WithTimeout", "WithRetry", "WithRateLimit", "WithLogger",
		"WithUserAgent", "WithMaxResponseBytes", "WithConcurrency", "WithHeader", "WithAuthorization", "WithClientCertificate",
		"NewClient", "baseURL",
	}
	if got := fields(err); !slices.Equal(got, want) {
		t.Errorf("the errors are about\n%v, want\n%v\n%v", got, want, err)
	}
	if !errors.Is(err, security.ErrInvalid) {
		t.Error("it is not ErrInvalid")
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		option security.Option
		field  string
	}{
		"rate with NaN":          {security.WithRateLimit(nan(), 1), "WithRateLimit"},
		"rate below 0":           {security.WithRateLimit(-1, 1), "WithRateLimit"},
		"burst 0":                {security.WithRateLimit(1, 0), "WithRateLimit"},
		"negative wait":          {security.WithRetry(security.Retry{MinWait: -1}), "WithRetry"},
		"negative longest wait":  {security.WithRetry(security.Retry{MaxWait: -1}), "WithRetry"},
		"waits the wrong way":    {security.WithRetry(security.Retry{MinWait: 2, MaxWait: 1}), "WithRetry"},
		"user agent, two lines":  {security.WithUserAgent("a\r\nX: 1"), "WithUserAgent"},
		"user agent, not ASCII":  {security.WithUserAgent("é"), "WithUserAgent"},
		"header, two lines":      {security.WithHeader("X-A", "1\r\nX-B: 2"), "WithHeader"},
		"header, no name":        {security.WithHeader("", "1"), "WithHeader"},
		"header Authorization":   {security.WithHeader("authorization", "Basic x"), "WithHeader"},
		"settle":                 {security.WithSettle(0), "WithSettle"},
		"empty PEM":              {security.WithRootCAs(nil), "WithRootCAs"},
		"negative response size": {security.WithMaxResponseBytes(-1), "WithMaxResponseBytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := security.NewClient(baseURL, security.WithBasicAuth(user, password), tc.option)
			if got := fields(err); !slices.Equal(got, []string{tc.field}) {
				t.Errorf("%v is about %v, want %s", err, got, tc.field)
			}
		})
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

func TestCredentialOptions(t *testing.T) {
	t.Parallel()
	cc := security.ClientCredentials{TokenURL: tokenURL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret)}
	changed := func(change func(*security.ClientCredentials)) security.Option {
		c := cc
		change(&c)
		return security.WithClientCredentials(c)
	}
	for name, tc := range map[string]struct {
		opts  []security.Option
		field []string
	}{
		"none":              {nil, []string{"credentials"}},
		"two":               {[]security.Option{security.WithBasicAuth(user, password), security.WithAccessToken(accessToken)}, []string{"credentials"}},
		"the same twice":    {[]security.Option{security.WithBasicAuth(user, password), security.WithBasicAuth(user, password)}, []string{"credentials"}},
		"no user":           {[]security.Option{security.WithBasicAuth("", password)}, []string{"WithBasicAuth"}},
		"no password":       {[]security.Option{security.WithBasicAuth(user, "")}, []string{"WithBasicAuth"}},
		"neither":           {[]security.Option{security.WithBasicAuth("", "")}, []string{"WithBasicAuth", "WithBasicAuth"}},
		"colon in the user": {[]security.Option{security.WithBasicAuth("a:b", password)}, []string{"WithBasicAuth"}},
		"line in the user":  {[]security.Option{security.WithBasicAuth("a\nb", password)}, []string{"WithBasicAuth"}},
		"no token":          {[]security.Option{security.WithAccessToken("")}, []string{"WithAccessToken"}},
		"line in the token": {[]security.Option{security.WithAccessToken(accessToken + "\n")}, []string{"WithAccessToken"}},
		"nil token source":  {[]security.Option{security.WithTokenSource(nil)}, []string{"WithTokenSource"}},
		"empty client": {
			[]security.Option{security.WithClientCredentials(security.ClientCredentials{})},
			[]string{"ClientCredentials.TokenURL", "ClientCredentials.ClientID", "ClientCredentials.ClientSecret"},
		},
		"token URL without a scheme": {[]security.Option{changed(func(c *security.ClientCredentials) { c.TokenURL = "idp.example.com/token" })}, []string{"ClientCredentials.TokenURL"}},
		"token URL in clear":         {[]security.Option{changed(func(c *security.ClientCredentials) { c.TokenURL = "http://idp.example.com/token" })}, []string{"ClientCredentials.TokenURL"}},
		"token URL with a password":  {[]security.Option{changed(func(c *security.ClientCredentials) { c.TokenURL = "https://u:" + password + "@idp.example.com/" })}, []string{"ClientCredentials.TokenURL"}},
		"token URL, not one":         {[]security.Option{changed(func(c *security.ClientCredentials) { c.TokenURL = "https://%zz" + password })}, []string{"ClientCredentials.TokenURL"}},
		"good":                       {[]security.Option{security.WithClientCredentials(cc)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := security.NewClient(baseURL, tc.opts...)
			got := fields(err)
			if tc.field == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			seen := slices.Compact(slices.Clone(got))
			if !slices.Equal(seen, slices.Compact(slices.Clone(tc.field))) {
				t.Errorf("%v is about %v, want %v", err, got, tc.field)
			}
			noSecrets(t, err.Error())
		})
	}
	_, err := security.NewClient(baseURL, security.WithBasicAuth(user, password), security.WithTokenSource(&gate{}))
	if err == nil || !strings.Contains(err.Error(), "WithBasicAuth") || !strings.Contains(err.Error(), "WithTokenSource") {
		t.Errorf("%v does not name both", err)
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{ // "" = refused
		"https://command.example.com/KeyfactorAPI":              "https://command.example.com/KeyfactorAPI/Security/Roles/1",
		"https://command.example.com/KeyfactorAPI/":             "https://command.example.com/KeyfactorAPI/Security/Roles/1",
		"https://command.example.com/Keyfactor/API":             "https://command.example.com/Keyfactor/API/Security/Roles/1",
		"https://command.example.com/Keyfactor/API//":           "https://command.example.com/Keyfactor/API/Security/Roles/1",
		"https://command.example.com":                           "https://command.example.com/Security/Roles/1",
		"https://command.example.com/":                          "https://command.example.com/Security/Roles/1",
		"https://command.example.com:8443/a%20b":                "https://command.example.com:8443/a%20b/Security/Roles/1",
		"https://[::1]:8443/api":                                "https://[::1]:8443/api/Security/Roles/1",
		" HTTPS://command.example.com/api\n":                    "https://command.example.com/api/Security/Roles/1",
		"":                                                      "",
		"command.example.com":                                   "",
		"command.example.com/KeyfactorAPI":                      "",
		"//command.example.com/KeyfactorAPI":                    "",
		"/KeyfactorAPI":                                         "",
		"https:///KeyfactorAPI":                                 "",
		"https://:443/KeyfactorAPI":                             "",
		"https:command.example.com":                             "",
		"ftp://command.example.com":                             "",
		"http://command.example.com/KeyfactorAPI":               "",
		"https://command.example.com/api?x=1":                   "",
		"https://command.example.com/api?":                      "",
		"https://command.example.com/api#top":                   "",
		"https://command.example.com/../api":                    "",
		"https://command.example.com/%2e%2e/api":                "",
		"https://command.example.com/a/%2E./api":                "",
		"https://command example.com/api":                       "",
		"https://command.example.com:port/api":                  "",
		"https://command.example.com/\x7f":                      "",
		"https://%zz/":                                          "",
		"https://user@command.example.com/":                     "",
		"https://u:" + password + "@command.example.com/api":    "",
		"https://u:" + password + "%zz@command.example.com/api": "",
		"ftp://u:" + password + "@command.example.com/api":      "",
		"u:" + password + "@command.example.com/api":            "",
		"ftp://command.example.com/api?token=" + accessToken:    "",
		"https://command.example.com/api?token=" + accessToken:  "",
		"https://command.example.com/api#token=" + accessToken:  "",
	} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			server := newScript(ok)
			client, err := security.NewClient(base, security.WithBasicAuth(user, password), security.WithHTTPClient(&http.Client{Transport: server}))
			if want == "" {
				if got := fields(err); !slices.Equal(got, []string{"baseURL"}) {
					t.Fatalf("%v is about %v, want baseURL", err, got)
				}
				noSecrets(t, err.Error())
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := do(t.Context(), client, get); err != nil {
				t.Fatal(err)
			}
			if r := server.all()[0]; r.url != want || r.header.Get("Authorization") != basic {
				t.Errorf("the request went to %s with %q, want %s", r.url, r.header.Get("Authorization"), want)
			}
		})
	}
}

func TestInsecureHTTP(t *testing.T) {
	t.Parallel()
	server := newScript(ok)
	client, err := security.NewClient("http://127.0.0.1:8080/KeyfactorAPI", security.WithBasicAuth(user, password),
		security.WithInsecureHTTP(), security.WithHTTPClient(&http.Client{Transport: server}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, get); err != nil {
		t.Fatal(err)
	}
	if r := server.all()[0]; r.url != "http://127.0.0.1:8080/KeyfactorAPI/Security/Roles/1" || r.header.Get("Authorization") != basic {
		t.Errorf("the request is %+v", r)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for method, body := range map[string]string{get: "", del: "", put: `{"Name":"one"}`, post: `{"Name":"one"}`} {
		server := newScript(ok)
		client := newClient(t, server, security.WithUserAgent("rolesync/1.4"), security.WithHeader("X-Site", "a"))
		if _, err := do(t.Context(), client, method, security.WithHeader("x-request", "b")); err != nil {
			t.Fatal(err)
		}
		r := server.all()[0]
		want := http.Header{
			"X-Keyfactor-Requested-With": {"APIClient"}, "X-Keyfactor-Api-Version": {"1"}, "Accept": {"application/json"},
			"User-Agent": {"rolesync/1.4 commandsec-go/0.1.0"}, "Authorization": {basic}, "X-Site": {"a"}, "X-Request": {"b"},
		}
		if body != "" {
			want["Content-Type"] = []string{"application/json"}
		}
		if len(r.header) != len(want) {
			t.Errorf("%s: headers %v, want %v", method, r.header, want)
		}
		for name := range want {
			if r.header.Get(name) != want.Get(name) {
				t.Errorf("%s: header %s is %q, want %q", method, name, r.header.Get(name), want.Get(name))
			}
		}
		if r.body != body {
			t.Errorf("%s: the body is %q, want %q", method, r.body, body)
		}
	}
	server := newScript(ok)
	_ = newClient(t, server).Do(t.Context(), get, "Status/Endpoints", 7, nil, nil)
	if h := server.all()[0].header; h.Get("User-Agent") != "commandsec-go/0.1.0" || h.Get("x-keyfactor-api-version") != "7" {
		t.Errorf("the headers are %v", h)
	}
}

// TestHTTPClientIsCopied: what the caller gave stays as it was.
func TestHTTPClientIsCopied(t *testing.T) {
	t.Parallel()
	checked := errors.New("the caller's own check")
	transport := &http.Transport{MaxIdleConns: 7, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}}
	given := &http.Client{
		Transport: transport, Timeout: 7 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return checked },
	}
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) })
	client := connect(t, s.URL, security.WithBasicAuth(user, password), s.roots(), security.WithTimeout(time.Minute), security.WithHTTPClient(given))
	if _, err := do(t.Context(), client, get); err != nil {
		t.Fatal(err)
	}
	if given.Transport != transport || given.Timeout != 7*time.Second || given.CheckRedirect(nil, nil) != checked { //nolint:errorlint // it is the same value
		t.Errorf("the client given was changed: %+v", given)
	}
	if transport.MaxIdleConns != 7 || transport.TLSClientConfig.RootCAs != nil || !transport.TLSClientConfig.InsecureSkipVerify {
		t.Errorf("the transport given was changed: %+v", transport.TLSClientConfig)
	}
}

// TestRootCAsKeepTheCallersSettings: adding a root takes nothing away.
func TestRootCAsKeepTheCallersSettings(t *testing.T) {
	t.Parallel()
	trusted := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{"Id":1}`) })
	pool := x509.NewCertPool()
	pool.AddCert(trusted.Certificate())
	rt := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}
	client := connect(t, trusted.URL, security.WithBasicAuth(user, password),
		security.WithHTTPClient(&http.Client{Transport: rt}), security.WithRootCAs([]byte(otherCA)))
	if _, err := do(t.Context(), client, get); err != nil {
		t.Errorf("the caller's own root is gone: %v", err)
	}
	loose := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}}
	client = connect(t, trusted.URL, security.WithBasicAuth(user, password),
		security.WithHTTPClient(&http.Client{Transport: loose}), security.WithRootCAs([]byte(otherCA)))
	if _, err := do(t.Context(), client, get); err != nil {
		t.Errorf("the caller's own setting is gone: %v", err)
	}
}

func TestTimeoutOfTheGivenClient(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	client := connect(t, s.URL, security.WithBasicAuth(user, password), security.WithRetry(security.Retry{MaxAttempts: 1}),
		security.WithHTTPClient(&http.Client{Timeout: 50 * time.Millisecond}), s.roots())
	start := time.Now()
	_, err := do(t.Context(), client, get)
	if elapsed := time.Since(start); elapsed > 5*time.Second {
		t.Errorf("it took %v: %v", elapsed, err)
	}
}

func TestTLSSettingsNeedATransportToApplyThemTo(t *testing.T) {
	t.Parallel()
	own := security.WithHTTPClient(&http.Client{Transport: roundTripper(nil)})
	for _, option := range []security.Option{security.WithRootCAs([]byte(otherCA)), security.WithInsecureSkipVerify()} {
		_, err := security.NewClient(baseURL, security.WithBasicAuth(user, password), own, option)
		if got := fields(err); !slices.Equal(got, []string{"WithHTTPClient"}) {
			t.Errorf("%v is about %v, want WithHTTPClient", err, got)
		}
	}
}

func TestDo(t *testing.T) {
	t.Parallel()
	var out object
	for name, tc := range map[string]struct {
		method, path string
		version      int
		body, into   any
		fields       []string // nil: it is sent
		url          string
	}{
		"plain":              {method: get, path: "Status/Endpoints", version: 1, url: "/Status/Endpoints"},
		"leading slash":      {method: get, path: "/Status/Endpoints", version: 1, url: "/Status/Endpoints"},
		"query":              {method: get, path: "Certificates?ReturnLimit=5&q=a%20b", version: 1, url: "/Certificates?ReturnLimit=5&q=a+b"},
		"escaped segment":    {method: get, path: "Agents/a%2Fb%20c", version: 1, url: "/Agents/a%2Fb%20c"},
		"dots in a name":     {method: get, path: "a..b/...", version: 1, url: "/a..b/..."},
		"into":               {method: get, path: "a", version: 1, into: &out, url: "/a"},
		"empty":              {method: get, path: "", version: 1, fields: []string{"path"}},
		"slash":              {method: get, path: "/", version: 1, fields: []string{"path"}},
		"only a query":       {method: get, path: "?a=1", version: 1, fields: []string{"path"}},
		"two slashes":        {method: get, path: "//evil.example.com/a", version: 1, fields: []string{"path"}},
		"slashes inside":     {method: get, path: "a//b", version: 1, fields: []string{"path"}},
		"slash at the end":   {method: get, path: "a/", version: 1, fields: []string{"path"}},
		"URL":                {method: get, path: "https://evil.example.com/a", version: 1, fields: []string{"path"}},
		"dots":               {method: get, path: "a/../b", version: 1, fields: []string{"path"}},
		"dot":                {method: get, path: "./b", version: 1, fields: []string{"path"}},
		"escaped dots":       {method: get, path: "a/%2e%2E/b", version: 1, fields: []string{"path"}},
		"half escaped":       {method: get, path: "a/.%2e", version: 1, fields: []string{"path"}},
		"slash in disguise":  {method: get, path: "a%2F..%2Fb", version: 1, fields: []string{"path"}},
		"backslash":          {method: get, path: `a\..\b`, version: 1, fields: []string{"path"}},
		"escaped backslash":  {method: get, path: `a%5C..%5Cb`, version: 1, fields: []string{"path"}},
		"bad escape":         {method: get, path: "a%zz", version: 1, fields: []string{"path"}},
		"fragment":           {method: get, path: "a#b", version: 1, fields: []string{"path"}},
		"template":           {method: get, path: "Security/Roles/{id}", version: 1, fields: []string{"path"}},
		"control character":  {method: get, path: "a\r\nb", version: 1, fields: []string{"path"}},
		"control in query":   {method: get, path: "a?b=\x00", version: 1, url: "/a?b=%00"},
		"bad query":          {method: get, path: "a?b=%zz", version: 1, fields: []string{"path"}},
		"version 0":          {method: get, path: "a", fields: []string{"version"}},
		"method":             {method: "TRACE", path: "a", version: 1, fields: []string{"method"}},
		"lower case":         {method: "get", path: "a", version: 1, fields: []string{"method"}},
		"everything":         {method: "", path: "", version: -1, fields: []string{"method", "version", "path"}},
		"body on GET":        {method: get, path: "a", version: 1, body: 1, fields: []string{"body"}},
		"body on DELETE":     {method: del, path: "a", version: 1, body: 1, fields: []string{"body"}},
		"into no pointer":    {method: post, path: "a", version: 1, into: out, fields: []string{"into"}},
		"into nil pointer":   {method: post, path: "a", version: 1, into: (*object)(nil), fields: []string{"into"}},
		"body not encodable": {method: post, path: "a", version: 1, body: make(chan int), fields: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newScript(ok)
			var r security.Response
			err := newClient(t, server).Do(t.Context(), tc.method, tc.path, tc.version, tc.body, tc.into, security.WithResponse(&r))
			if tc.fields == nil {
				if all := server.all(); err != nil || len(all) != 1 || all[0].url != baseURL+tc.url {
					t.Errorf("%v; requests %+v, want one to %s", err, all, tc.url)
				}
				return
			}
			if got := fields(err); !slices.Equal(got, tc.fields) || !errors.Is(err, security.ErrInvalid) {
				t.Errorf("%v is about %v, want %v", err, got, tc.fields)
			}
			if e := failure(t, err); len(server.all()) != 0 || e.Attempts != 0 || e.StatusCode != 0 {
				t.Errorf("%d requests, %+v", len(server.all()), e)
			}
		})
	}
	t.Cleanup(func() {
		if out != (object{1, "one"}) {
			t.Errorf("decoded %+v", out)
		}
	})
}

// TestResponseIsOfThisCall: nothing of a call before may be left in it.
func TestResponseIsOfThisCall(t *testing.T) {
	t.Parallel()
	server := newScript(reply(200, `{"Id":1}`, "X-Total-Count", "5", "X-Keyfactor-Correlation-Id", "first"))
	client := newClient(t, server)
	var r security.Response
	if _, err := do(t.Context(), client, get, security.WithResponse(&r)); err != nil || r.Total != 5 || r.Attempts != 1 {
		t.Fatal(r, err)
	}
	_ = client.Do(t.Context(), get, "..", 1, nil, nil, security.WithResponse(&r))
	if r.StatusCode != 0 || r.Header != nil || r.Total != -1 || r.Attempts != 0 || r.CorrelationID != "" {
		t.Errorf("after a call that was not sent it is %+v", r)
	}
	r.StatusCode = 1
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = do(ctx, client, get, security.WithResponse(&r))
	if r.StatusCode != 0 {
		t.Errorf("after a call that was not sent it is %+v", r)
	}
}

func TestTotalsThatAreNone(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{"": -1, "0": 0, "12": 12, "-3": -1, "x": -1} {
		var r security.Response
		_, _ = do(t.Context(), newClient(t, newScript(reply(200, "{}", "X-Total-Count", value))), get, security.WithResponse(&r))
		if r.Total != want {
			t.Errorf("X-Total-Count %q gives %d, want %d", value, r.Total, want)
		}
	}
}

func TestCallOptionsOfAClient(t *testing.T) {
	t.Parallel()
	server := newScript(ok)
	client := newClient(t, server, security.WithHeader("X-A", "client"), security.WithHeader("X-B", "client"))
	if _, err := do(t.Context(), client, get, security.WithHeader("X-B", "call")); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, get); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t.Context(), client, get, nil); !errors.Is(err, security.ErrInvalid) || len(server.all()) != 2 {
		t.Errorf("a nil option: %v", err)
	}
	for i, want := range []string{"call", "client"} {
		if h := server.all()[i].header; h.Get("X-A") != "client" || h.Get("X-B") != want {
			t.Errorf("call %d has the headers %v", i+1, h)
		}
	}
}

// A list with an empty item is none.
func TestEndpointsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`[null]`, `["/Security/Roles",""]`} {
		if got, err := newClient(t, newScript(reply(200, body))).Endpoints(t.Context()); err == nil || got != nil {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
}

func TestEndpointsHealthCheckVersion(t *testing.T) {
	t.Parallel()
	version := []string{"X-Keyfactor-Product-Version", "25.4.1+dc0db2c8"}
	server := newScript(reply(200, `["GET /Status/Endpoints","GET /Security/Roles"]`, version...))
	client := newClient(t, server)
	got, err := client.Endpoints(t.Context())
	if want := []string{"GET /Status/Endpoints", "GET /Security/Roles"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Endpoints: %v, %v", got, err)
	}
	var r security.Response
	v, err := client.Version(t.Context(), security.WithResponse(&r))
	if err != nil || v != (security.ServerVersion{Major: 25, Minor: 4, Patch: 1, Raw: "25.4.1+dc0db2c8"}) {
		t.Errorf("Version: %+v, %v", v, err)
	}
	if r.StatusCode != 200 || r.Header.Get("X-Keyfactor-Product-Version") == "" {
		t.Errorf("Version did not fill the caller's Response: %+v", r)
	}
	for _, s := range server.all() {
		if s.method+" "+s.url != "GET "+baseURL+"/Status/Endpoints" || s.header.Get("x-keyfactor-api-version") != "1" {
			t.Errorf("the request is %s %s", s.method, s.url)
		}
	}

	server = newScript(reply(200, ""), reply(200, "null"), reply(204, ""), reply(200, "<html>"), reply(200, "\ufeff<html>"), reply(200, "Healthy"), reply(401, ""))
	client = newClient(t, server)
	for i, want := range []error{nil, nil, nil, security.ErrNotJSON, security.ErrNotJSON, security.ErrNotJSON, security.ErrUnauthorized} {
		if err := client.HealthCheck(t.Context()); !errors.Is(err, want) {
			t.Errorf("HealthCheck %d: %v, want %v", i+1, err, want)
		}
	}
	if s := server.all()[0]; s.method+" "+s.url != "GET "+baseURL+"/Status/HealthCheck" {
		t.Errorf("the request is %s %s", s.method, s.url)
	}
	if _, err := newClient(t, newScript(reply(403, ""))).Version(t.Context()); !errors.Is(err, security.ErrForbidden) {
		t.Errorf("Version: %v", err)
	}
	if v, err := newClient(t, newScript(reply(200, "[]"))).Version(t.Context()); err != nil || !v.IsZero() || v.String() != "unknown" {
		t.Errorf("Version of a server that does not say: %v, %v", v, err)
	}
}

func TestServerVersion(t *testing.T) {
	t.Parallel()
	for raw, tc := range map[string]struct {
		major, minor, patch int
		text                string
	}{
		"25.4.1+dc0db2c8d5f4dc0db2c8d5f4dc0db2c8d5f4dc0d": {25, 4, 1, "25.4.1"},
		"25.5.1":                 {25, 5, 1, "25.5.1"},
		"10.5.0.0":               {10, 5, 0, "10.5.0"},
		"11":                     {11, 0, 0, "11.0.0"},
		"11.2":                   {11, 2, 0, "11.2.0"},
		" 12.1.3 ":               {12, 1, 3, "12.1.3"},
		"12.1-rc1":               {12, 0, 0, "12.0.0"},
		"12.1.x":                 {12, 1, 0, "12.1.0"},
		"":                       {0, 0, 0, "unknown"},
		"v25.4":                  {0, 0, 0, "unknown"},
		"-25.4":                  {0, 0, 0, "unknown"},
		"25.-4":                  {25, 0, 0, "25.0.0"},
		"+1.2":                   {0, 0, 0, "unknown"},
		"99999999999999999999.1": {0, 0, 0, "unknown"},
	} {
		v := security.ParseServerVersion(raw)
		if v != (security.ServerVersion{Major: tc.major, Minor: tc.minor, Patch: tc.patch, Raw: raw}) || v.String() != tc.text {
			t.Errorf("%q is %+v (%s), want %+v", raw, v, v, tc)
		}
	}
	v := security.ParseServerVersion("25.4.1")
	for _, tc := range []struct {
		major, minor int
		want         bool
	}{{25, 4, true}, {25, 3, true}, {24, 9, true}, {25, 5, false}, {26, 0, false}} {
		if got := v.AtLeast(tc.major, tc.minor); got != tc.want {
			t.Errorf("AtLeast(%d, %d) is %t", tc.major, tc.minor, got)
		}
	}
	if (security.ServerVersion{}).AtLeast(10, 0) {
		t.Error("an unknown version is at least 10")
	}
}

func FuzzServerVersion(f *testing.F) {
	for _, s := range []string{"25.4.1+dc0d", "10.5.0.0", "", "-1.2.3", "1.2.3.4.5", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := security.ParseServerVersion(s)
		if v.Major < 0 || v.Minor < 0 || v.Patch < 0 || v.Raw != s {
			t.Errorf("%q is %+v", s, v)
		}
		if again := security.ParseServerVersion(v.String()); !v.IsZero() && (again.Major != v.Major || again.Minor != v.Minor || again.Patch != v.Patch) {
			t.Errorf("%q is %v, and that is %v", s, v, again)
		}
	})
}

// otherCA is some certificate authority that signed nothing here.
const otherCA = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIQIRi6zePL6mKjOipn+dNuaTAKBggqhkjOPQQDAjASMRAw
DgYDVQQKEwdBY21lIENvMB4XDTE3MTAyMDE5NDMwNloXDTE4MTAyMDE5NDMwNlow
EjEQMA4GA1UEChMHQWNtZSBDbzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD0d
7VNhbWvZLWPuj/RtHFjvtJBEwOkhbN/BnnE8rnZR8+sbwnc/KhCk3FhnpHZnQz7B
5aETbbIgmuvewdjvSBSjYzBhMA4GA1UdDwEB/wQEAwICpDATBgNVHSUEDDAKBggr
BgEFBQcDATAPBgNVHRMBAf8EBTADAQH/MCkGA1UdEQQiMCCCDmxvY2FsaG9zdDo1
NDUzgg4xMjcuMC4wLjE6NTQ1MzAKBggqhkjOPQQDAgNIADBFAiEA2zpJEPQyz6/l
Wf86aX6PepsntZv2GYlA5UpabfT2EZICICpJ5h/iI+i341gBmLiAFQOyTDT+/wQc
6MF9+Yw1Yy0t
-----END CERTIFICATE-----
`
