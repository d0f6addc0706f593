package securitytest_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestClient(t *testing.T) {
	t.Parallel()
	server := securitytest.NewServer()
	defer server.Close()
	if err := server.Err(); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string][]security.Option{
		"administrator": nil,
		"token":         {security.WithAccessToken(server.Token)},
		"with settings": {security.WithUserAgent("test")},
	} {
		client, err := server.Client(opts...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := client.HealthCheck(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		client.CloseIdleConnections()
	}
	if n := len(server.Requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
	client, err := server.Client(security.WithAccessToken("wrong"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	if err := client.HealthCheck(t.Context()); !errors.Is(err, security.ErrUnauthorized) {
		t.Errorf("got %v", err)
	}
	if _, err := server.Client(security.WithRootCAs([]byte("no certificate"))); err == nil {
		t.Error("a bad option was accepted")
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	a := start(t)
	if !x509.NewCertPool().AppendCertsFromPEM(a.server.CertificatePEM()) {
		t.Errorf("no certificate in %q", a.server.CertificatePEM())
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	if resp, err := client.Get(a.server.URL); err == nil {
		_ = resp.Body.Close()
		t.Error("the certificate is trusted without being told to")
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]securitytest.Option{
		"role twice":         {securitytest.WithRoles(securitytest.Role{Name: "Administrator"})},
		"unknown set":        {securitytest.WithRoles(securitytest.Role{Name: "A", PermissionSet: "x"})},
		"bad path":           {securitytest.WithRoles(securitytest.Role{Name: "A", Permissions: []string{"x"}})},
		"bad claim type":     {securitytest.WithClaims(securitytest.Claim{Type: "x", Value: "v", Scheme: "System"})},
		"bad claim of role":  {securitytest.WithRoles(securitytest.Role{Name: "A", Claims: []securitytest.Claim{{Type: "User", Scheme: "x"}}})},
		"unknown scheme":     {securitytest.WithClaims(securitytest.Claim{Type: "User", Value: "v", Scheme: "x"})},
		"claim twice":        {securitytest.WithClaims(securitytest.Claim{Type: "User", Value: "v", Scheme: "System"}, securitytest.Claim{Type: "0", Value: "v", Scheme: "System"})},
		"claim id twice":     {securitytest.WithClaims(securitytest.Claim{ID: 1, Type: "User", Value: "v", Scheme: "System"}, securitytest.Claim{ID: 1, Type: "User", Value: "w", Scheme: "System"})},
		"identity twice":     {securitytest.WithIdentities(securitytest.Identity{AccountName: "x"}, securitytest.Identity{AccountName: "X"})},
		"identity id twice":  {securitytest.WithIdentities(securitytest.Identity{ID: 1, AccountName: "x"}, securitytest.Identity{ID: 1, AccountName: "y"})},
		"no account":         {securitytest.WithIdentities(securitytest.Identity{})},
		"bad set":            {securitytest.WithPermissionSets(securitytest.PermissionSet{Name: "x", Permissions: []string{"x"}})},
		"bad set id":         {securitytest.WithPermissionSets(securitytest.PermissionSet{ID: "x", Name: "x"})},
		"bad provider id":    {securitytest.WithIdentityProviders(securitytest.IdentityProvider{ID: "x", Scheme: "x"})},
		"provider twice":     {securitytest.WithIdentityProviders(securitytest.IdentityProvider{Scheme: "system"})},
		"provider set":       {securitytest.WithIdentityProviders(securitytest.IdentityProvider{Scheme: "x", PermissionSet: "x"})},
		"user without role":  {securitytest.WithUser("u", "p", "No such role")},
		"token without role": {securitytest.WithToken("t", "No such role")},
		"empty token":        {securitytest.WithToken("", "Administrator")},
		"empty password":     {securitytest.WithUser("u", "", "Administrator")},
		"empty user name":    {securitytest.WithUser("", "p", "Administrator")},
		"empty secret":       {securitytest.WithClientCredentials("c", "", "Administrator")},
		"empty client id":    {securitytest.WithClientCredentials("", "s", "Administrator")},
		"no version":         {securitytest.WithVersion("latest")},
		"half a version":     {securitytest.WithVersion("25")},
		"an old version":     {securitytest.WithVersion("9.12")},
	} {
		handler := securitytest.NewHandler(opts...)
		if handler.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	server := securitytest.NewServer(securitytest.WithUser("u", "p", "No such role"))
	defer server.Close()
	a := (&api{t: t, server: server}).as(server.Username, server.Password)
	if got := a.get("/Security/Roles", 1); got.status != 500 || !strings.Contains(got.body, "No such role") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if _, err := server.Client(); err == nil {
		t.Error("there is a client")
	}
}

// TestAdministrator checks that its credentials are not known before the server is there, and that options replace them.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	one, other := securitytest.NewHandler(), securitytest.NewHandler()
	for name, secrets := range map[string][2]string{
		"password": {one.Password, other.Password}, "token": {one.Token, other.Token}, "client secret": {one.ClientSecret, other.ClientSecret},
	} {
		if len(secrets[0]) < 20 || secrets[0] == secrets[1] {
			t.Errorf("%s: %q and %q", name, secrets[0], secrets[1])
		}
	}
	a := start(t, securitytest.WithUser(`keyexample\ADMIN`, "mine", "Administrator"), securitytest.WithClientCredentials("simulated-client", "mine too", "Administrator"))
	a.get("/Security/Roles", 2).ok()
	equal(t, a.server.Password, "mine")
	a.bearer(fetchToken(t, a, a.server.ClientID, "mine too")).get("/Security/Roles", 2).ok()
	// An empty credential is nobody's.
	for name, other := range map[string]*api{"password": a.as("", ""), "no password": a.as(a.server.Username, ""), "token": a.bearer("")} {
		if got := other.get("/Security/Roles", 2); got.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d", name, got.status)
		}
	}
}

func TestDirectState(t *testing.T) {
	t.Parallel()
	a := populated(t)
	s := a.server
	id, err := s.AddRole(securitytest.Role{Name: "New", Description: "d", Legacy: []string{"SSH:User", "Collections[6]:Read", "Nobody:Knows"}})
	if err != nil {
		t.Fatal(err)
	}
	role, found := s.Role(id)
	equal(t, found, true)
	equal(t, role.Permissions, []string{"/ssh/user/", "/certificates/collections/read/6/"})
	equal(t, role.Legacy, []string{"SSH:User", "Nobody:Knows", "Collections[6]:Read"})

	update := func(change func(*securitytest.Role)) securitytest.Role {
		t.Helper()
		if err := s.UpdateRole(id, change); err != nil {
			t.Fatal(err)
		}
		role, _ := s.Role(id)
		return role
	}
	equal(t, update(func(r *securitytest.Role) { r.EmailAddress = "x@example.com" }), func() securitytest.Role {
		changed := role
		changed.EmailAddress = "x@example.com"
		return changed
	}())
	role = update(func(r *securitytest.Role) { r.Permissions = []string{"/ssl/read/"} })
	equal(t, role.Legacy, []string{"SslManagement:Read"})
	role = update(func(r *securitytest.Role) { r.Legacy = []string{"Auditing:Read"} })
	equal(t, role.Permissions, []string{"/auditing/read/"})
	role = update(func(r *securitytest.Role) {
		r.Legacy = []string{"SSH:User"}
		r.Permissions = []string{"/ssl/read/"}
		r.Claims = append(r.Claims, securitytest.Claim{Type: "OAuthOid", Value: "v", Scheme: "System", Description: "d"})
	})
	equal(t, role.Permissions, []string{"/ssl/read/", "/ssh/user/"})
	equal(t, role.Claims, []securitytest.Claim{{ID: 8, Type: "OAuthOid", Value: "v", Scheme: "System", Description: "d"}})

	if err := s.UpdateRole(99, func(*securitytest.Role) {}); err == nil {
		t.Error("an unknown role was changed")
	}
	if _, err := s.AddRole(securitytest.Role{Name: "new"}); err == nil {
		t.Error("a name was taken twice")
	}
	claim, err := s.AddClaim(securitytest.Claim{Type: "OAuthOid", Value: "w", Scheme: "System"})
	if err != nil || !s.DeleteClaim(claim) || s.DeleteClaim(claim) {
		t.Errorf("claim %d, %v", claim, err)
	}
	identity, err := s.AddIdentity(securitytest.Identity{AccountName: `KEYEXAMPLE\x`})
	if err != nil || len(s.Identities()) != 2 || !s.DeleteIdentity(identity) || s.DeleteIdentity(identity) {
		t.Errorf("identity %d, %v", identity, err)
	}
	if !s.DeleteRole(id) || s.DeleteRole(id) {
		t.Error("the role was not deleted once")
	}
}

func TestLegacyTenant(t *testing.T) {
	t.Parallel()
	const size = 700
	one := securitytest.NewHandler(securitytest.WithLegacyTenant(1, size))
	same := securitytest.NewHandler(securitytest.WithLegacyTenant(1, size))
	other := securitytest.NewHandler(securitytest.WithLegacyTenant(2, size))
	if err := one.Err(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one.Roles(), same.Roles()) || !reflect.DeepEqual(one.Claims(), same.Claims()) || !reflect.DeepEqual(one.Identities(), same.Identities()) {
		t.Error("the same seed gave another tenant")
	}
	if reflect.DeepEqual(one.Roles(), other.Roles()) {
		t.Error("another seed gave the same tenant")
	}
	if n := len(one.Roles()); n != size+2 {
		t.Errorf("%d roles", n)
	}
	// One claim in four is a group's, and so is every second identity: it is the same group.
	if len(one.Claims()) != size+size*3/4 || len(one.Identities()) != size {
		t.Errorf("%d claims, %d identities", len(one.Claims()), len(one.Identities()))
	}
	old := securitytest.NewHandler(securitytest.WithLegacyTenant(1, size), securitytest.WithVersion("10.5"))
	if len(old.Claims()) != 0 || len(old.Identities()) != size {
		t.Errorf("version 10.5: %d claims, %d identities", len(old.Claims()), len(old.Identities()))
	}
	var legacy []string
	members := 0
	for _, r := range one.Roles() {
		legacy = append(legacy, r.Legacy...)
		members += len(r.Identities)
		if r.Name == "" || r.Description == "" {
			t.Errorf("role %+v", r)
		}
	}
	for _, name := range []string{"API:Read", "PkiManagement:Read", "CertificateEnrollment:PendingCsr", "CertificateRequests:Approve"} {
		if !slices.Contains(legacy, name) {
			t.Errorf("nobody has %s", name)
		}
	}
	if members < size {
		t.Errorf("%d members", members)
	}
	// Several options go together.
	if err := securitytest.NewHandler(securitytest.WithLegacyTenant(1, 1000), securitytest.WithVersion("10.5")).Err(); err != nil {
		t.Error(err)
	}
}
