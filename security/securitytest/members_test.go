package securitytest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// members is a server with one identity and one claim of a group, and a role that both have.
func members(t *testing.T, opts ...securitytest.Option) *api {
	return start(t, append([]securitytest.Option{
		securitytest.WithIdentities(securitytest.Identity{ID: 7, AccountName: `KEYEXAMPLE\jsmith`}),
		securitytest.WithClaims(
			securitytest.Claim{ID: 12, Type: "Group", Value: `KEYEXAMPLE\PKI Admins`, Scheme: "Active Directory", Description: "PKI"},
			securitytest.Claim{ID: 13, Type: "OAuthRole", Value: "pki", Scheme: "System", Description: "d"},
		),
		securitytest.WithRoles(securitytest.Role{
			ID: 3, Name: "Operators", Description: "Ops", Identities: []string{`KEYEXAMPLE\jsmith`},
			Claims: []securitytest.Claim{
				{Type: "Group", Value: `KEYEXAMPLE\PKI Admins`, Scheme: "Active Directory"}, {Type: "OAuthRole", Value: "pki", Scheme: "System"},
			},
		}),
	}, opts...)...)
}

// names are the members of role 3 as both versions show them.
func (a *api) names() (identities, claims []string) {
	a.t.Helper()
	for _, m := range decode[[]struct{ Name string }](a.get("/Security/Roles/3/Identities", 1).ok()) {
		identities = append(identities, m.Name)
	}
	for _, c := range decode[struct{ Claims []struct{ ClaimValue string } }](a.get("/Security/Roles/3", 2).ok()).Claims {
		claims = append(claims, c.ClaimValue)
	}
	slices.Sort(identities)
	slices.Sort(claims)
	return identities, claims
}

func (a *api) expect(identities, claims string) {
	a.t.Helper()
	gotIdentities, gotClaims := a.names()
	equal(a.t, strings.Join(gotIdentities, " "), identities)
	equal(a.t, strings.Join(gotClaims, " "), claims)
}

func TestMembersThroughBothVersions(t *testing.T) {
	t.Parallel()
	a := members(t)
	a.expect(`KEYEXAMPLE\PKI Admins KEYEXAMPLE\jsmith`, `KEYEXAMPLE\PKI Admins KEYEXAMPLE\jsmith pki`)
	// Under the same ids.
	equal(t, a.get("/Security/Identities?SortField=Id", 1).column("Id"), []any{7.0, 12.0})
	a.get("/Security/Claims/7", 1).is(200, `{"Id":7,"Description":"KEYEXAMPLE\\jsmith","ClaimType":"User","ClaimValue":"KEYEXAMPLE\\jsmith","Provider":`+adProvider+`}`)
	if body := a.get("/Security/Roles/3", 1).body; !strings.Contains(body, `{"Id":12,"AccountName":"KEYEXAMPLE\\PKI Admins","IdentityType":"Group","SID":"S-1-5-21-`) {
		t.Errorf("role %s", body)
	}
	equal(t, a.get("/Security/Roles?SortField=Id", 2).column("ClaimsCount"), []any{0.0, 0.0, 3.0})
	equal(t, a.get(`/Security/Claims/Roles?ClaimType=0&ClaimValue=keyexample%5CJSMITH&ProviderAuthenticationScheme=Active+Directory`, 1).column("Name"), []any{"Operators"})

	// Version 1 writes. Claims that it does not show stay.
	a.put("/Security/Roles", 1, `{"Id":3,"Name":"Operators","Description":"Ops","Identities":[{"AccountName":"KEYEXAMPLE\\jsmith"}]}`).ok()
	a.expect(`KEYEXAMPLE\jsmith`, `KEYEXAMPLE\jsmith pki`)
	a.put("/Security/Roles/3/Identities", 1, `{"Ids":[12]}`).is(200, `[{"Id":12,"Name":"KEYEXAMPLE\\PKI Admins"}]`)
	a.expect(`KEYEXAMPLE\PKI Admins`, `KEYEXAMPLE\PKI Admins pki`)
	a.put("/Security/Roles/3/Identities", 1, `{"Ids":[13]}`).refused(400) // a claim, and no identity
	a.put("/Security/Roles", 1, `{"Id":3,"Name":"Operators","Description":"Ops"}`).ok()
	a.expect("", "pki")

	// Version 2 writes: it creates the identity, and finds the one that is there.
	a.put("/Security/Roles", 2, roleV2(3, "Operators", "[]", `[{"ClaimType":0,"ClaimValue":"KEYEXAMPLE\\new","ProviderAuthenticationScheme":"Active Directory","Description":"New"},`+
		`{"ClaimType":0,"ClaimValue":"keyexample\\JSmith","ProviderAuthenticationScheme":"Active Directory","Description":"x"},`+
		`{"ClaimType":2,"ClaimValue":"KEYEXAMPLE\\host$","ProviderAuthenticationScheme":"Active Directory","Description":"a computer is not an identity"}]`)).ok()
	a.expect(`KEYEXAMPLE\jsmith KEYEXAMPLE\new`, `KEYEXAMPLE\host$ KEYEXAMPLE\jsmith KEYEXAMPLE\new`)
	equal(t, len(a.server.Identities()), 3)

	// Neither version creates what the other has.
	a.post("/Security/Identities", 1, `{"AccountName":"KEYEXAMPLE\\pki admins"}`).refused(400)
	a.post("/Security/Claims", 1, `{"ClaimType":0,"ClaimValue":"KEYEXAMPLE\\JSMITH","ProviderAuthenticationScheme":"Active Directory","Description":"d"}`).refused(400)
	// What one deletes is gone for the other.
	a.delete("/Security/Identities/7").is(204, "")
	a.get("/Security/Claims/7", 1).refused(404)
	a.delete("/Security/Claims/12").is(204, "")
	a.get("/Security/Identities/12", 1).refused(404)
	a.get("/Security/Identities/13", 1).refused(404) // not an identity
	a.delete("/Security/Identities/13").refused(404)
	a.expect(`KEYEXAMPLE\new`, `KEYEXAMPLE\host$ KEYEXAMPLE\new`)
}

// TestMembersGiveRights checks that somebody holds a role whichever version added them.
func TestMembersGiveRights(t *testing.T) {
	t.Parallel()
	a := members(t, securitytest.WithUser(`KEYEXAMPLE\jsmith`, "p"), securitytest.WithUser(`KEYEXAMPLE\new`, "p"))
	my := func(user string) []string {
		return decode[struct{ Roles []string }](a.as(user, "p").get("/Security/My", 1).ok()).Roles
	}
	equal(t, my(`keyexample\jsmith`), []string{"Operators"})
	equal(t, my(`KEYEXAMPLE\new`), []string{})
	a.put("/Security/Roles", 2, roleV2(3, "Operators", "[]", `[{"ClaimType":0,"ClaimValue":"KEYEXAMPLE\\new","ProviderAuthenticationScheme":"Active Directory","Description":"New"}]`)).ok()
	equal(t, my(`KEYEXAMPLE\jsmith`), []string{})
	equal(t, my(`KEYEXAMPLE\new`), []string{"Operators"})

	a = members(t, securitytest.WithUser(`KEYEXAMPLE\jsmith`, "p"), securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true}))
	equal(t, my(`KEYEXAMPLE\jsmith`), []string{"Operators"})
}

func TestSeparateIdentities(t *testing.T) {
	t.Parallel()
	a := members(t, securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true}))
	a.expect(`KEYEXAMPLE\jsmith`, `KEYEXAMPLE\PKI Admins pki`)
	equal(t, a.get("/Security/Identities", 1).column("Id"), []any{7.0})
	equal(t, a.get("/Security/Claims?SortField=Id", 1).column("Id"), []any{12.0, 13.0})
	a.get("/Security/Claims/7", 1).refused(404)
	// What one version writes, the other does not see.
	a.put("/Security/Roles", 2, `{"Id":3,"Name":"Operators","Description":"d","PermissionSetId":"`+globalSet+`"}`).ok()
	a.expect(`KEYEXAMPLE\jsmith`, "")
	a.put("/Security/Roles", 2, roleV2(3, "Operators", "[]", "["+someClaim+"]")).ok()
	a.put("/Security/Roles/3/Identities", 1, `{"Ids":[]}`).ok()
	a.expect("", "u")
	// Ids are given away separately, and an account can be both.
	a.post("/Security/Claims", 1, `{"ClaimType":0,"ClaimValue":"KEYEXAMPLE\\jsmith","ProviderAuthenticationScheme":"Active Directory","Description":"d"}`).ok()
	if view := a.get("/Security/Identities/7", 1).ok().body; !strings.Contains(view, `"Claim":{"Id":15,`) {
		t.Errorf("view %s", view)
	}
	a.post("/Security/Roles/3/Copy", 1, `{"Name":"Copy"}`).ok()
	copied, _ := a.server.Role(4)
	equal(t, len(copied.Claims), 0)
	// Deleting an identity takes it from its roles.
	a.post("/Security/Identities", 1, `{"AccountName":"KEYEXAMPLE\\new"}`).ok()
	a.put("/Security/Roles/3/Identities", 1, `{"Ids":[7,8]}`).ok()
	a.delete("/Security/Identities/8").is(204, "")
	a.expect(`KEYEXAMPLE\jsmith`, "u")
	a.delete("/Security/Claims/15").ok()
	if view := a.get("/Security/Identities/7", 1).ok().body; strings.Contains(view, `"Claim"`) {
		t.Errorf("view %s", view)
	}
}

// TestIdentitiesOnly checks that version 10 has identities and nothing else.
func TestIdentitiesOnly(t *testing.T) {
	t.Parallel()
	a := members(t, securitytest.WithVersion("10.5"))
	a.get("/Security/Roles/3/Identities", 1).is(200, `[{"Id":7,"Name":"KEYEXAMPLE\\jsmith"}]`)
	equal(t, a.get("/Security/Identities", 1).column("AccountName"), []any{`KEYEXAMPLE\jsmith`})
	role, _ := a.server.Role(3)
	if len(role.Claims) != 0 || len(a.server.Claims()) != 0 {
		t.Errorf("claims %v of the role, %v in all", role.Claims, a.server.Claims())
	}
	if _, err := a.server.AddClaim(securitytest.Claim{Type: "OAuthRole", Value: "v", Scheme: "System"}); err == nil {
		t.Error("a claim was added")
	}
	a.put("/Security/Roles", 1, `{"Id":3,"Name":"Operators","Description":"Ops"}`).ok()
	a.get("/Security/Roles/3/Identities", 1).is(200, "[]")
}

// TestMembersOutsideTheAPI checks the state as tests and interleaved writers see and change it.
func TestMembersOutsideTheAPI(t *testing.T) {
	t.Parallel()
	a := members(t)
	update := func(change func(*securitytest.Role)) {
		t.Helper()
		if err := a.server.UpdateRole(3, change); err != nil {
			t.Fatal(err)
		}
	}
	update(func(r *securitytest.Role) { r.Description = "changed" })
	a.expect(`KEYEXAMPLE\PKI Admins KEYEXAMPLE\jsmith`, `KEYEXAMPLE\PKI Admins KEYEXAMPLE\jsmith pki`)
	update(func(r *securitytest.Role) { r.Identities = []string{`KEYEXAMPLE\jsmith`, `KEYEXAMPLE\third`} })
	a.expect(`KEYEXAMPLE\jsmith KEYEXAMPLE\third`, `KEYEXAMPLE\jsmith KEYEXAMPLE\third pki`)
	update(func(r *securitytest.Role) {
		r.Claims = slices.DeleteFunc(r.Claims, func(c securitytest.Claim) bool { return c.Value == `KEYEXAMPLE\jsmith` })
	})
	a.expect(`KEYEXAMPLE\third`, `KEYEXAMPLE\third pki`)
	update(func(r *securitytest.Role) { r.Claims, r.Identities = nil, []string{`KEYEXAMPLE\jsmith`} })
	a.expect(`KEYEXAMPLE\jsmith`, `KEYEXAMPLE\jsmith`)

	if _, err := a.server.AddIdentity(securitytest.Identity{AccountName: `KEYEXAMPLE\pki admins`, Type: "Group"}); err == nil {
		t.Error("an identity that is a claim already was added")
	}
	if _, err := a.server.AddClaim(securitytest.Claim{Type: "User", Value: `KEYEXAMPLE\jsmith`, Scheme: "Active Directory"}); err == nil {
		t.Error("a claim that is an identity already was added")
	}
	if a.server.DeleteIdentity(13) {
		t.Error("a claim that is no identity was deleted as one")
	}
}

func TestSeededAccounts(t *testing.T) {
	t.Parallel()
	identity := securitytest.WithIdentities(securitytest.Identity{ID: 7, AccountName: `KEYEXAMPLE\jsmith`})
	claim := func(id int, kind, value string) securitytest.Option {
		return securitytest.WithClaims(securitytest.Claim{ID: id, Type: kind, Value: value, Scheme: "Active Directory", Description: "J. Smith"})
	}
	a := start(t, identity, claim(0, "User", `KEYEXAMPLE\JSmith`))
	equal(t, a.server.Claims(), []securitytest.Claim{{ID: 7, Type: "User", Value: `KEYEXAMPLE\jsmith`, Scheme: "Active Directory", Description: "J. Smith"}})
	for name, opts := range map[string][]securitytest.Option{
		"another id":         {identity, claim(8, "User", `KEYEXAMPLE\jsmith`)},
		"described twice":    {identity, claim(0, "User", `KEYEXAMPLE\jsmith`), claim(0, "User", `KEYEXAMPLE\jsmith`)},
		"the id of another":  {identity, claim(7, "User", `KEYEXAMPLE\group`)},
		"no type":            {securitytest.WithIdentities(securitytest.Identity{AccountName: "x", Type: "Computer"})},
		"no type, directory": {securitytest.WithDirectory(securitytest.Identity{AccountName: "x", Type: "Computer"})},
	} {
		if securitytest.NewHandler(opts...).Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
