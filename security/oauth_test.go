package security_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"golang.org/x/oauth2"

	"github.com/commandsec/commandsec-go/security"
)

const (
	clientID     = "the-client-id"
	clientSecret = "the-client-s3cret"
	tokenURL     = "https://idp.example.com/oauth/token"
)

// idp is an identity provider and an API behind it, in one transport.
type idp struct {
	mu     sync.Mutex
	tokens int                                                       // token requests so far
	forms  []url.Values                                              // of the token requests
	issue  func(n int, r *http.Request) (*http.Response, error)      // answers token request n; nil: token-n
	api    func(n int, token string, r *http.Request) *http.Response // answers API request n; nil: success
	calls  []string                                                  // credential and body of each API request
}

func (p *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	if r.URL.Host == "idp.example.com" {
		p.mu.Lock()
		p.tokens++
		n := p.tokens
		form, _ := url.ParseQuery(string(body))
		if name, secret, ok := r.BasicAuth(); ok {
			form.Set("basic", name+"/"+secret)
		}
		p.forms = append(p.forms, form)
		p.mu.Unlock()
		if p.issue != nil {
			return p.issue(n, r)
		}
		return token(fmt.Sprintf("token-%d", n), 3600), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, strings.TrimSpace(r.Header.Get("Authorization")+" "+string(body)))
	if p.api != nil {
		if resp := p.api(len(p.calls), r.Header.Get("Authorization"), r); resp != nil {
			return resp, nil
		}
	}
	return httpmock.NewStringResponse(200, `{"Id":1}`), nil
}

func (p *idp) counts() (tokens, calls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens, len(p.calls)
}

func token(value string, expiresIn int) *http.Response {
	resp := httpmock.NewStringResponse(200, fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, value, expiresIn))
	resp.Header.Set("Content-Type", "application/json")
	return resp
}

func (p *idp) client(t testing.TB, opts ...security.Option) *security.Client {
	t.Helper()
	client, err := security.NewClient(baseURL, append([]security.Option{
		security.WithHTTPClient(&http.Client{Transport: p}), quick,
		security.WithClientCredentials(security.ClientCredentials{
			TokenURL: tokenURL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret), Scopes: []string{"read", "write"}, Audience: "the-api",
		}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	p := &idp{}
	if _, err := do(t.Context(), p.client(t), post); err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"read write"}, "audience": {"the-api"}, "basic": {clientID + "/" + clientSecret},
	}
	if len(p.forms) != 1 || p.forms[0].Encode() != want.Encode() {
		t.Errorf("the token requests are %v, want %v", p.forms, want)
	}
	if want := []string{`Bearer token-1 {"Name":"one"}`}; !slices.Equal(p.calls, want) {
		t.Errorf("the calls are %q, want %q", p.calls, want)
	}
}

// TestOptionsAreCopied: what the caller does with a slice later changes nothing.
func TestOptionsAreCopied(t *testing.T) {
	t.Parallel()
	p := &idp{}
	cc := security.ClientCredentials{TokenURL: tokenURL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret), Scopes: []string{"read"}}
	client, err := security.NewClient(baseURL, security.WithHTTPClient(&http.Client{Transport: p}), security.WithClientCredentials(cc))
	if err != nil {
		t.Fatal(err)
	}
	cc.Scopes[0] = "everything"
	if _, err := do(t.Context(), client, get); err != nil {
		t.Fatal(err)
	}
	if scope := p.forms[0].Get("scope"); scope != "read" {
		t.Errorf("the scope is %q", scope)
	}
}

// TestRefusedTokenAndABodyThatIsGone: a body that a middleware made and that
// cannot be read again is not sent again.
func TestRefusedTokenAndABodyThatIsGone(t *testing.T) {
	t.Parallel()
	p := &idp{api: func(int, string, *http.Request) *http.Response { return httpmock.NewStringResponse(401, "") }}
	client := p.client(t, security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Body, r.GetBody = io.NopCloser(r.Body), nil
			return next.RoundTrip(r)
		})
	}))
	_, err := do(t.Context(), client, post)
	sentinels(t, err, security.ErrUnauthorized)
	if _, calls := p.counts(); calls != 1 {
		t.Errorf("the calls are %q", p.calls)
	}
}

func TestTokenIsShared(t *testing.T) {
	t.Parallel()
	p := &idp{}
	p.issue = func(n int, _ *http.Request) (*http.Response, error) {
		time.Sleep(20 * time.Millisecond)
		return token(fmt.Sprintf("token-%d", n), 3600), nil
	}
	client := p.client(t)
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if _, err := do(t.Context(), client, get); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if tokens, calls := p.counts(); tokens != 1 || calls != 100 {
		t.Errorf("%d token requests for %d calls", tokens, calls)
	}
}

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &idp{issue: func(n int, _ *http.Request) (*http.Response, error) {
			return token(fmt.Sprintf("token-%d", n), 60), nil
		}}
		client := p.client(t)
		for _, wait := range []time.Duration{0, 49 * time.Second, 5 * time.Second, 49 * time.Second} {
			time.Sleep(wait)
			if _, err := do(t.Context(), client, get); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2"}; !slices.Equal(p.calls, want) {
			t.Errorf("the calls used %v, want %v", p.calls, want)
		}
	})
}

// TestShortLivedToken: a token that expires within seconds is still good for a
// call.
func TestShortLivedToken(t *testing.T) {
	t.Parallel()
	p := &idp{issue: func(n int, _ *http.Request) (*http.Response, error) { return token(fmt.Sprintf("token-%d", n), 5), nil }}
	client := p.client(t)
	for range 2 {
		if _, err := do(t.Context(), client, get); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"Bearer token-1", "Bearer token-2"}; !slices.Equal(p.calls, want) {
		t.Errorf("the calls used %v, want %v", p.calls, want)
	}
}

func TestRefusedToken(t *testing.T) {
	t.Parallel()
	refuse := func(tokens ...string) func(int, string, *http.Request) *http.Response {
		return func(_ int, value string, _ *http.Request) *http.Response {
			if slices.Contains(tokens, value) {
				return httpmock.NewStringResponse(401, "<html>")
			}
			return nil
		}
	}
	for _, method := range []string{get, put, del, post} {
		t.Run("new token/"+method, func(t *testing.T) {
			t.Parallel()
			p := &idp{api: refuse("Bearer token-1")}
			client := p.client(t, security.WithRetry(security.Retry{MaxAttempts: 1}))
			var r security.Response
			if _, err := do(t.Context(), client, method, security.WithResponse(&r)); err != nil {
				t.Fatal(err)
			}
			_, body, _ := strings.Cut(p.calls[0], "token-1")
			if want := []string{"Bearer token-1" + body, "Bearer token-2" + body}; !slices.Equal(p.calls, want) {
				t.Errorf("the calls are %q, want %q", p.calls, want)
			}
			if r.Attempts != 2 {
				t.Errorf("Attempts is %d", r.Attempts)
			}
			_, _ = do(t.Context(), client, method)
			if tokens, calls := p.counts(); tokens != 2 || calls != 3 {
				t.Errorf("%d token requests, %d calls: the new token was not kept", tokens, calls)
			}
		})
		t.Run("new token refused too/"+method, func(t *testing.T) {
			t.Parallel()
			p := &idp{api: refuse("Bearer token-1", "Bearer token-2")}
			_, err := do(t.Context(), p.client(t), method)
			sentinels(t, err, security.ErrUnauthorized)
			if tokens, calls := p.counts(); tokens != 2 || calls != 2 || failure(t, err).Attempts != 2 {
				t.Errorf("%d token requests, %d calls, Attempts %d; want 2 of each", tokens, calls, failure(t, err).Attempts)
			}
		})
		t.Run("same token again/"+method, func(t *testing.T) {
			t.Parallel()
			p := &idp{api: refuse("Bearer same"), issue: func(int, *http.Request) (*http.Response, error) { return token("same", 3600), nil }}
			_, err := do(t.Context(), p.client(t), method)
			sentinels(t, err, security.ErrUnauthorized)
			if tokens, calls := p.counts(); tokens != 2 || calls != 1 {
				t.Errorf("%d token requests, %d calls; want 2 and 1", tokens, calls)
			}
		})
		t.Run("no new token/"+method, func(t *testing.T) {
			t.Parallel()
			p := &idp{api: refuse("Bearer token-1"), issue: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return token("token-1", 3600), nil
				}
				return httpmock.NewStringResponse(401, `{"error":"invalid_client"}`), nil
			}}
			_, err := do(t.Context(), p.client(t), method)
			sentinels(t, err, security.ErrUnauthorized)
			if _, calls := p.counts(); calls != 1 {
				t.Errorf("%d calls", calls)
			}
		})
		t.Run("then a server error/"+method, func(t *testing.T) {
			t.Parallel()
			p := &idp{api: func(n int, _ string, _ *http.Request) *http.Response {
				return httpmock.NewStringResponse([]int{401, 503}[min(n, 2)-1], "")
			}}
			_, err := do(t.Context(), p.client(t), method)
			if unknown := errors.Is(err, security.ErrUnknownOutcome); unknown != (method != get) {
				t.Errorf("unknown outcome is %t", unknown)
			}
			if _, calls := p.counts(); method == post && calls != 2 {
				t.Errorf("the POST was sent %d times, want 2: one refused, one lost", calls)
			}
		})
	}
	t.Run("by many calls", func(t *testing.T) {
		t.Parallel()
		p := &idp{api: refuse("Bearer token-1")}
		client := p.client(t)
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if _, err := do(t.Context(), client, post); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if tokens, _ := p.counts(); tokens != 2 {
			t.Errorf("%d token requests, want 2", tokens)
		}
	})
	t.Run("that cannot be renewed", func(t *testing.T) {
		t.Parallel()
		for name, option := range map[string]security.Option{
			"basic": security.WithBasicAuth(user, password), "token": security.WithAccessToken("token"),
		} {
			server := newScript(reply(401, "<html>"))
			client, err := security.NewClient(baseURL, option, security.WithHTTPClient(&http.Client{Transport: server}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = do(t.Context(), client, get)
			sentinels(t, err, security.ErrUnauthorized)
			if n := len(server.all()); n != 1 {
				t.Errorf("%s: %d requests", name, n)
			}
		}
	})
}

// TestTokenFailure: no token, no call; and nothing that a token endpoint says
// must lead a secret into an error or a log.
func TestTokenFailure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		issue        func(int, *http.Request) (*http.Response, error)
		unauthorized bool
	}{
		"refused": {func(int, *http.Request) (*http.Response, error) {
			return httpmock.NewStringResponse(401, `{"error":"invalid_client","error_description":"the secret `+clientSecret+` is wrong"}`), nil
		}, true},
		"refused, with an echo": {func(int, *http.Request) (*http.Response, error) {
			header := base64.StdEncoding.EncodeToString([]byte(clientID + ":" + clientSecret))
			return httpmock.NewStringResponse(401, `{"error":"invalid_client","error_description":"you sent Basic `+header+`"}`), nil
		}, true},
		"page that echoes": {func(_ int, r *http.Request) (*http.Response, error) {
			return httpmock.NewStringResponse(500, "<html>"+clientSecret+r.Header.Get("Authorization")), nil
		}, false}, // the endpoint is down, which says nothing about the credential
		"busy": {func(int, *http.Request) (*http.Response, error) { return httpmock.NewStringResponse(429, ""), nil }, false},
		"not JSON": {func(int, *http.Request) (*http.Response, error) {
			return httpmock.NewStringResponse(200, clientSecret), nil
		}, false},
		"no token": {func(int, *http.Request) (*http.Response, error) {
			return httpmock.NewStringResponse(200, `{"s":"`+clientSecret+`"}`), nil
		}, false},
		"not reached":  {func(int, *http.Request) (*http.Response, error) { return nil, errDial }, false},
		"breaks off":   {func(int, *http.Request) (*http.Response, error) { return truncated(nil) }, false},
		"never":        {func(_ int, r *http.Request) (*http.Response, error) { return hang(r) }, false},
		"redirects":    {redirectTo("https://evil.example.com/token", 307), false},
		"redirects302": {redirectTo("/other", 302), false},
	} {
		for _, method := range []string{get, post} {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var log buffer
					p := &idp{issue: tc.issue}
					client := p.client(t, security.WithTimeout(time.Second),
						security.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
					start := time.Now()
					_, err := do(t.Context(), client, method)
					var is []error
					if tc.unauthorized {
						is = []error{security.ErrUnauthorized}
					}
					sentinels(t, err, is...)
					tokens, calls := p.counts()
					if calls != 0 {
						t.Errorf("%d calls without a token", calls)
					}
					if tokens > 2 { // two ways to send the secret are tried
						t.Errorf("%d token requests", tokens)
					}
					if elapsed := time.Since(start); elapsed > 2*time.Second {
						t.Errorf("it took %v", elapsed)
					}
					e := failure(t, err)
					noSecrets(t, err.Error(), fmt.Sprintf("%+v %#v %s", e, e, e.Body), log.String())
					for inner := err; inner != nil; inner = errors.Unwrap(inner) {
						noSecrets(t, inner.Error(), fmt.Sprintf("%+v %#v", inner, inner))
					}
				})
			})
		}
	}
}

func redirectTo(location string, status int) func(int, *http.Request) (*http.Response, error) {
	return func(_ int, r *http.Request) (*http.Response, error) {
		if r.URL.String() != tokenURL {
			return nil, errors.New("the redirect was followed")
		}
		resp := httpmock.NewStringResponse(status, "")
		resp.Header.Set("Location", location)
		resp.Request = r
		return resp, nil
	}
}

func noSecrets(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, text)
			}
		}
	}
}

// TestTokenEndpointIsNotTheServer: a connection to the token endpoint says
// nothing about whether the call reached the server.
func TestTokenEndpointIsNotTheServer(t *testing.T) {
	t.Parallel()
	tokens := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		write(w, 200, jsonText, `{"access_token":"t","token_type":"bearer","expires_in":1}`)
	})
	client := connect(t, "https://"+refused(t), tokens.roots(), quick, security.WithClientCredentials(security.ClientCredentials{
		TokenURL: tokens.URL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret),
	}))
	_, err := do(t.Context(), client, post)
	sentinels(t, err)
	if e := failure(t, err); e.Attempts != 4 {
		t.Errorf("Attempts is %d, want 4: %v", e.Attempts, err)
	}
}

// TestRefusedTokenKeepsTheConnection: the call that is repeated with a new token
// needs no new connection.
func TestRefusedTokenKeepsTheConnection(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			write(w, 401, htmlText, strings.Repeat("<p>", 30<<10))
			return
		}
		write(w, 200, jsonText, `{"Id":1}`)
	})
	client := connect(t, s.URL, s.roots(), security.WithTokenSource(&gate{result: good}))
	if _, err := do(t.Context(), client, post); err != nil {
		t.Fatal(err)
	}
	if s.requests.Load() != 2 || s.conns.Load() != 1 {
		t.Errorf("%d requests over %d connections", s.requests.Load(), s.conns.Load())
	}
}

// TestTokenEndpointHangs uses real sockets, on which only the trace tells what was
// sent.
func TestTokenEndpointHangs(t *testing.T) {
	t.Parallel()
	tokens := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the client is gone
		<-r.Context().Done()
	})
	api := newServer(t, func(w http.ResponseWriter, _ *http.Request) { write(w, 200, jsonText, `{}`) })
	opts := []security.Option{
		tokens.roots(), api.roots(), quick, security.WithClientCredentials(security.ClientCredentials{
			TokenURL: tokens.URL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret),
		}),
	}
	t.Run("until the timeout", func(t *testing.T) {
		t.Parallel()
		_, err := do(t.Context(), connect(t, api.URL, append(opts, security.WithTimeout(200*time.Millisecond))...), post)
		sentinels(t, err)
		if e := failure(t, err); e.Attempts != 1 || api.requests.Load() != 0 {
			t.Errorf("Attempts %d, %d calls: %v", e.Attempts, api.requests.Load(), err)
		}
	})
	t.Run("until the caller gives up", func(t *testing.T) {
		t.Parallel()
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		var at time.Time
		time.AfterFunc(100*time.Millisecond, func() { at = time.Now(); cancel(reason) })
		_, err := do(ctx, connect(t, api.URL, opts...), post)
		if elapsed := time.Since(at); elapsed > 50*time.Millisecond {
			t.Errorf("it took %v to return", elapsed)
		}
		if !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
			t.Errorf("the error is %v", err)
		}
		sentinels(t, err)
	})
}

// gate is a token source that waits until it is opened.
type gate struct {
	calls   atomic.Int32
	entered chan struct{}
	open    chan struct{}
	result  func(n int32) (*oauth2.Token, error)
}

func (g *gate) Token() (*oauth2.Token, error) {
	n := g.calls.Add(1)
	if g.entered != nil {
		g.entered <- struct{}{}
		<-g.open
	}
	return g.result(n)
}

func good(n int32) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: fmt.Sprintf("token-%d", n), Expiry: time.Now().Add(time.Hour)}, nil
}

func TestWaitingForAToken(t *testing.T) {
	t.Parallel()
	// Both ways to get a token: one caller fetches and others wait.
	for name, setup := range map[string]func(t *testing.T) (*security.Client, *idp, *gate){
		"client credentials": func(t *testing.T) (*security.Client, *idp, *gate) {
			g := &gate{entered: make(chan struct{}, 9), open: make(chan struct{}), result: good}
			p := &idp{issue: func(int, *http.Request) (*http.Response, error) {
				tok, err := g.Token()
				return token(tok.AccessToken, 3600), err
			}}
			return p.client(t), p, g
		},
		"token source": func(t *testing.T) (*security.Client, *idp, *gate) {
			g := &gate{entered: make(chan struct{}, 9), open: make(chan struct{}), result: good}
			p := &idp{}
			client, err := security.NewClient(baseURL, security.WithTokenSource(g), security.WithHTTPClient(&http.Client{Transport: p}))
			if err != nil {
				t.Fatal(err)
			}
			return client, p, g
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, p, g := setup(t)
				first := goDo(t.Context(), client)
				<-g.entered
				// Whoever gives up while another fetches returns at once.
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				_, err := do(ctx, client, post)
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
					t.Errorf("it returned %v after %v", err, time.Since(start))
				}
				sentinels(t, err)
				second := goDo(t.Context(), client)
				close(g.open)
				if err := errors.Join(<-first, <-second); err != nil {
					t.Error(err)
				}
				if want := []string{"Bearer token-1", "Bearer token-1"}; !slices.Equal(p.calls, want) || g.calls.Load() != 1 {
					t.Errorf("calls %v with %d token requests, want %v", p.calls, g.calls.Load(), want)
				}
			})
		})
	}
}

func goDo(ctx context.Context, client *security.Client) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := do(ctx, client, get)
		done <- err
	}()
	return done
}

// TestWhoFetchesGivesUp: the others must not suffer.
func TestWhoFetchesGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &idp{}
		p.issue = func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return hang(r)
			}
			return token("token-2", 3600), nil
		}
		client := p.client(t)
		ctx, cancel := context.WithCancel(t.Context())
		first := goDo(ctx, client)
		synctest.Wait()
		second := goDo(t.Context(), client)
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first got %v", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the second got %v", err)
		}
	})
}

func TestTokenSource(t *testing.T) {
	t.Parallel()
	failed := errors.New("the vault is sealed")
	for name, tc := range map[string]struct {
		result func(n int32) (*oauth2.Token, error)
		calls  []string
		err    error
		fails  bool
	}{
		"good":    {result: good, calls: []string{"Bearer token-1", "Bearer token-1"}},
		"forever": {result: func(int32) (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "a"}, nil }, calls: []string{"Bearer a", "Bearer a"}},
		"typed":   {result: func(int32) (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "a", TokenType: "bearer"}, nil }, calls: []string{"Bearer a", "Bearer a"}},
		"nearly expired": {result: func(n int32) (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: fmt.Sprint("t", n), Expiry: time.Now().Add(7 * time.Second)}, nil
		}, calls: []string{"Bearer t1", "Bearer t2"}},
		"expired": {result: func(int32) (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: "a", Expiry: time.Now().Add(-time.Second)}, nil
		}, fails: true},
		"nil":   {result: func(int32) (*oauth2.Token, error) { return nil, nil }, fails: true},
		"empty": {result: func(int32) (*oauth2.Token, error) { return &oauth2.Token{}, nil }, fails: true},
		"error": {result: func(int32) (*oauth2.Token, error) { return nil, failed }, fails: true, err: failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, g := &idp{}, &gate{result: tc.result}
			client, err := security.NewClient(baseURL, security.WithTokenSource(g), security.WithHTTPClient(&http.Client{Transport: p}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = do(t.Context(), client, post)
			if (err != nil) != tc.fails || tc.err != nil && !errors.Is(err, tc.err) {
				t.Fatalf("the error is %v, want %v", err, tc.err)
			}
			if tc.fails {
				if errors.Is(err, security.ErrUnknownOutcome) || g.calls.Load() != 1 || len(p.calls) != 0 {
					t.Errorf("%v: %d token requests, %d calls", err, g.calls.Load(), len(p.calls))
				}
				return
			}
			_, err = do(t.Context(), client, get)
			for i := range p.calls {
				p.calls[i] = strings.TrimSuffix(p.calls[i], ` {"Name":"one"}`)
			}
			if err != nil || !slices.Equal(p.calls, tc.calls) {
				t.Errorf("the calls used %v, want %v; %v", p.calls, tc.calls, err)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		p, g := &idp{}, &gate{result: good}
		p.api = func(_ int, value string, _ *http.Request) *http.Response {
			if value == "Bearer token-1" {
				return httpmock.NewStringResponse(401, "")
			}
			return nil
		}
		client, err := security.NewClient(baseURL, security.WithTokenSource(g), security.WithHTTPClient(&http.Client{Transport: p}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := do(t.Context(), client, post); err != nil || g.calls.Load() != 2 || len(p.calls) != 2 {
			t.Errorf("%v, %d tokens, %d calls", err, g.calls.Load(), len(p.calls))
		}
	})
}

// TestTokenEndpointSettings: it is reached with the client's TLS settings and its
// middleware, which can tell the request from a call; the log tells it too.
func TestTokenEndpointSettings(t *testing.T) {
	t.Parallel()
	tokens := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		write(w, 200, jsonText, `{"access_token":"t","token_type":"bearer","expires_in":3600}`)
	})
	api := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t" {
			t.Errorf("the credential is %q", r.Header.Get("Authorization"))
		}
		write(w, 200, jsonText, `{"Id":1}`)
	})
	var seen bytes.Buffer
	var log buffer
	client := connect(t, api.URL, tokens.roots(), api.roots(), security.WithClientCredentials(security.ClientCredentials{
		TokenURL: tokens.URL, ClientID: clientID, ClientSecret: security.NewSecret(clientSecret),
	}), security.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			op, _ := security.OperationFromContext(r.Context())
			seen.WriteString(op.String() + "\n")
			return next.RoundTrip(r)
		})
	}), security.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	if _, err := do(t.Context(), client, get); err != nil {
		t.Fatal(err)
	}
	if seen.String() != "GET /Security/Roles/1, version 1\nPOST token\n" {
		t.Errorf("the middleware saw %q", seen.String())
	}
	if !strings.Contains(log.String(), `msg="token request" host=`+strings.TrimPrefix(tokens.URL, "https://")) || !strings.Contains(log.String(), "status=200") {
		t.Errorf("the log is %s", log.String())
	}
	noSecrets(t, log.String())
}
