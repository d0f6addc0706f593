package securitytest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// authenticator knows who may sign in. What they may do is up to the state.
type authenticator struct {
	lifetime time.Duration
	users    map[string]*account // by lower-case name
	clients  map[string]*account // by id
	static   map[string]*account // by token

	mu     sync.Mutex
	issued map[string]issuedToken
}

// account is somebody who can sign in.
type account struct {
	name   string
	secret string
	// roles are those assigned by an option. More come from identities and claims.
	roles []int
}

type issuedToken struct {
	to      *account
	expires time.Time
}

// newAuthenticator takes the users of the configuration; later ones replace earlier ones.
func newAuthenticator(s *state, lifetime time.Duration, users []user) (*authenticator, error) {
	a := &authenticator{
		lifetime: lifetime,
		users:    map[string]*account{},
		clients:  map[string]*account{},
		static:   map[string]*account{},
		issued:   map[string]issuedToken{},
	}
	for _, u := range users {
		who := &account{name: u.name, secret: u.password + u.secret}
		for _, name := range u.roles {
			id, found := s.roleNames[strings.ToLower(name)]
			if !found {
				return a, fmt.Errorf("user %q: there is no role %q", u.name, name)
			}
			who.roles = append(who.roles, id)
		}
		switch {
		case u.token != "":
			a.static[u.token] = who
		case u.secret != "":
			a.clients[u.name] = who
		default:
			a.users[strings.ToLower(u.name)] = who
		}
	}
	return a, nil
}

// authenticate tells who sent a request.
func (a *authenticator) authenticate(r *http.Request) (*account, bool) {
	if name, password, ok := r.BasicAuth(); ok {
		who, found := a.users[strings.ToLower(name)]
		return who, found && who.secret == password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, false
	}
	if who, found := a.static[token]; found {
		return who, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t, found := a.issued[token]
	return t.to, found && time.Now().Before(t.expires)
}

// issue answers the token endpoint: the client credentials grant, with the credentials in the header or in the form.
func (a *authenticator) issue(r *http.Request, body []byte) *response {
	refuse := func(status int, reason string) *response {
		return jsonResponse(status, struct {
			Error string `json:"error"`
		}{reason})
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "invalid_request")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid_request")
	}
	if form.Get("grant_type") != "client_credentials" {
		return refuse(http.StatusBadRequest, "unsupported_grant_type")
	}
	id, secret, ok := basicClient(r)
	if !ok {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	who, found := a.clients[id]
	if !found || who.secret != secret {
		return refuse(http.StatusUnauthorized, "invalid_client")
	}
	token := rand.Text()
	a.mu.Lock()
	a.issued[token] = issuedToken{to: who, expires: time.Now().Add(a.lifetime)}
	a.mu.Unlock()
	return jsonResponse(http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}{token, "Bearer", int(a.lifetime / time.Second)})
}

// RevokeTokens makes every token that the token endpoint has issued so far invalid. The next request with one of them
// is answered with 401, although the client has no way to know that its token is no longer good.
func (h *Handler) RevokeTokens() {
	h.auth.mu.Lock()
	defer h.auth.mu.Unlock()
	clear(h.auth.issued)
}

// caller is somebody who has signed in, with the roles held at this moment.
type caller struct {
	name  string
	roles []*role
}

// caller finds the roles that somebody holds: those assigned when the server was set up, those of the identity with
// their account name, and those of the claims that name them.
func (s *state) caller(who *account) *caller {
	held := map[int]bool{}
	for _, id := range who.roles {
		if s.roles[id] != nil {
			held[id] = true
		}
	}
	add := func(roles map[int]bool) {
		for id := range roles {
			held[id] = true
		}
	}
	if i, found := s.account(who.name); found {
		add(s.identities.roles[i.id])
	}
	for _, p := range s.providers {
		for _, kind := range []int{claimUser, claimSubject, claimClientID} {
			key := (&claim{kind: kind, value: who.name, provider: p}).key()
			if known, found := s.claims.find(key); found {
				add(s.claims.roles[known.id])
			}
		}
	}
	return &caller{name: who.name, roles: s.rolesOf(held)}
}

// may reports whether one of the caller's roles fulfils a requirement.
func (c *caller) may(needs requirement) bool {
	if needs.path == "" {
		return true
	}
	return slices.ContainsFunc(c.roles, func(r *role) bool {
		return anyCovers(r.paths, needs.path) && (!needs.global || r.set == GlobalPermissionSetID)
	})
}

// basicClient reads client credentials from the header, where they are form-encoded before they are joined.
func basicClient(r *http.Request) (id, secret string, ok bool) {
	id, secret, ok = r.BasicAuth()
	if !ok {
		return "", "", false
	}
	id, idErr := url.QueryUnescape(id)
	secret, secretErr := url.QueryUnescape(secret)
	return id, secret, idErr == nil && secretErr == nil
}
