package securitytest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// roleV2 is the body of a version 2 request.
func roleV2(id int, name, permissions, claims string) string {
	member := ""
	if id > 0 {
		member = fmt.Sprintf(`"Id":%d,`, id)
	}
	return fmt.Sprintf(`{%s"Name":%q,"Description":"d","PermissionSetId":%q,"Permissions":%s,"Claims":%s}`, member, name, globalSet, permissions, claims)
}

const someClaim = `{"ClaimType":5,"ClaimValue":"u","ProviderAuthenticationScheme":"System","Description":"d"}`

// TestTwoViewsOfARole checks that versions 1 and 2 show one and the same role.
func TestTwoViewsOfARole(t *testing.T) {
	t.Parallel()
	a := populated(t)
	v1 := func() any { return decode[map[string]any](a.get("/Security/Roles/3", 1).ok())["Permissions"] }
	v2 := func() any { return decode[map[string]any](a.get("/Security/Roles/3", 2).ok())["Permissions"] }
	list := func(items ...any) []any { return append([]any{}, items...) }

	// Names that need two paths, that share one, and that have none.
	a.put("/Security/Roles/3/Permissions/Global", 1, `[{"Area":"PkiManagement","Permission":"Read"},`+
		`{"Area":"CertificateEnrollment","Permission":"PendingCsr"},{"Area":"WorkflowManagement","Permission":"Participate"},{"Area":"API","Permission":"Read"}]`).ok()
	equal(t, v1(), list("PkiManagement:Read", "CertificateEnrollment:PendingCsr", "WorkflowManagement:Participate", "API:Read"))
	equal(t, v2(), list("/certificate_templates/read/", "/certificate_authorities/read/", "/certificates/requests/manage/",
		"/certificates/collections/read/6/", "/certificate_stores/read/2/", "/certificate_stores/schedule/2/", "/pam/read/1/"))

	// A global permission makes the one on an object redundant: version 2 leaves it out, version 1 still has it.
	a.put("/Security/Roles/3/Permissions/Global", 1, `[{"Area":"Certificates","Permission":"Read"}]`).ok()
	equal(t, v2(), list("/certificates/collections/read/", "/certificate_stores/read/2/", "/certificate_stores/schedule/2/", "/pam/read/1/"))
	a.get("/Security/Roles/3/Permissions/Collections", 1).is(200, `[{"CollectionId":6,"Name":"Web servers","Permission":"Read"}]`)
	// Writing back what version 2 shows is accepted and changes nothing.
	a.put("/Security/Roles", 2, roleV2(3, "Operators", `["/certificates/collections/read/","/certificate_stores/read/2/","/certificate_stores/schedule/2/","/pam/read/1/"]`, "[]")).ok()
	a.get("/Security/Roles/3/Permissions/Collections", 1).is(200, `[{"CollectionId":6,"Name":"Web servers","Permission":"Read"}]`)
	// Taking the global one away brings it back.
	a.put("/Security/Roles/3/Permissions/Global", 1, `[]`).ok()
	equal(t, v2(), list("/certificates/collections/read/6/", "/certificate_stores/read/2/", "/certificate_stores/schedule/2/", "/pam/read/1/"))

	// Version 1 sees what version 2 writes if it has a name for it.
	a.put("/Security/Roles", 2, roleV2(3, "Operators", `["/monitoring/alerts/modify/","/certificate_templates/read/","/ssh/","/certificates/collections/delete/7/",`+
		`"/certificates/collections/change_owner/7/","/pam/modify/1/"]`, "["+someClaim+"]")).ok()
	equal(t, v1(), list("WorkflowManagement:Modify"))
	a.get("/Security/Roles/3/Permissions/Collections", 1).is(200, `[{"CollectionId":7,"Name":"Mail","Permission":"Delete"}]`)
	a.get("/Security/Roles/3/Permissions/PamProviders", 1).is(200, `[{"PamProviderId":1,"Name":"Vault","Permissions":["Modify"]}]`)
	a.get("/Security/Roles/3/Permissions/Containers", 1).is(200, `[]`)

	// Version 1 adds to what is there, also to what it has no name for.
	a.post("/Security/Roles/3/Permissions/Global", 1, `[{"Area":"Auditing","Permission":"Read"}]`).is(200,
		`[{"Area":"WorkflowManagement","Permission":"Modify"},{"Area":"Auditing","Permission":"Read"}]`)
	equal(t, v2(), list("/monitoring/alerts/modify/", "/auditing/read/", "/certificates/collections/delete/7/",
		"/certificates/collections/change_owner/7/", "/pam/modify/1/", "/certificate_templates/read/", "/ssh/"))

	// Version 1 replaces what is global, and leaves objects, claims and what has no name on objects alone.
	a.put("/Security/Roles", 1, `{"Id":3,"Name":"Operators","Description":"Ops","Permissions":["Dashboard:Read"]}`).ok()
	equal(t, v2(), list("/dashboard/read/", "/certificates/collections/delete/7/", "/certificates/collections/change_owner/7/", "/pam/modify/1/"))
	if n := len(decode[map[string]any](a.get("/Security/Roles/3", 2))["Claims"].([]any)); n != 1 {
		t.Errorf("%d claims", n)
	}
	a.get("/Security/Roles/3/Identities", 1).is(200, "[]")
}

func TestPutReplacesEverything(t *testing.T) {
	t.Parallel()
	a := populated(t)
	a.put("/Security/Roles", 2, `{"Id":3,"Name":"Operators","Description":"d","PermissionSetId":"`+globalSet+`"}`).like(200,
		`{"Id":3,"Name":"Operators","Description":"d","EmailAddress":null,"Immutable":false,"PermissionSetId":"`+globalSet+`","Permissions":[],"Claims":[]}`)
	// The claims are no longer the role's, but exist on their own.
	equal(t, a.get("/Security/Claims", 1).column("ClaimValue"), []any{`KEYEXAMPLE\jsmith`, "user-1"})
	a.get("/Security/Roles/3/Identities", 1).is(200, `[]`)
}

func TestClaimsOfRoles(t *testing.T) {
	t.Parallel()
	a := populated(t)
	// An existing claim is found by its key, whatever its description; another one is created.
	got := decode[struct{ Claims []struct{ ID int } }](a.post("/Security/Roles", 2, roleV2(0, "A", `[]`,
		`[{"claimType":"oauthsubject","CLAIMVALUE":"user-1","providerAuthenticationScheme":"system","description":"other"},`+someClaim+`]`)).ok())
	if len(got.Claims) != 2 || got.Claims[0].ID != 1 || got.Claims[1].ID != 8 {
		t.Fatalf("claims %+v", got.Claims)
	}
	equal(t, a.get("/Security/Claims?SortField=ClaimValue&PageReturned=2&ReturnLimit=1", 1).column("Description"), []any{"d"})
	equal(t, a.get("/Security/Claims?SortField=ClaimValue&PageReturned=3&ReturnLimit=1", 1).column("Description"), []any{"A user"})
	equal(t, a.get("/Security/Claims/Roles?ClaimType=OAuthSubject&ClaimValue=user-1&ProviderAuthenticationScheme=system", 1).column("Name"), []any{"Operators", "A"})
	a.get("/Security/Claims/Roles?ClaimType=5&ClaimValue=none&ProviderAuthenticationScheme=System", 1).is(200, "[]")
	for _, query := range []string{"", "ClaimType=9&ClaimValue=u&ProviderAuthenticationScheme=System", "ClaimType=5&ClaimValue=u"} {
		a.get("/Security/Claims/Roles?"+query, 1).refused(400)
	}
	// Renaming shows everywhere; deleting takes the claim from its roles.
	a.put("/Security/Claims", 1, `{"Id":1,"Description":"renamed"}`).ok()
	if body := a.get("/Security/Roles/3", 2).body; !strings.Contains(body, `"renamed"`) {
		t.Errorf("role %s", body)
	}
	a.delete("/Security/Claims/1").is(204, "")
	equal(t, a.get("/Security/Roles?SortField=Id", 2).column("ClaimsCount"), []any{0.0, 0.0, 1.0, 1.0})
	// A refused request creates no claim.
	a.post("/Security/Roles", 2, roleV2(0, "B", `[]`, `[{"ClaimType":5,"ClaimValue":"new","ProviderAuthenticationScheme":"System","Description":"d"},`+
		`{"ClaimType":5,"ClaimValue":"x","ProviderAuthenticationScheme":"nobody","Description":"d"}]`)).refused(400)
	equal(t, a.get("/Security/Claims", 1).column("ClaimValue"), []any{`KEYEXAMPLE\jsmith`, "u"})
	// Ids are not used again.
	if id := decode[map[string]any](a.post("/Security/Claims", 1, strings.Replace(someClaim, `"u"`, `"w"`, 1)).ok())["Id"]; id != 9.0 {
		t.Errorf("id %v", id)
	}
}

func TestDuplicateClaims(t *testing.T) {
	t.Parallel()
	twice := roleV2(0, "Twice", `[]`, "["+someClaim+","+someClaim+"]")
	a := start(t)
	a.post("/Security/Roles", 2, twice).ok()
	equal(t, a.get("/Security/Roles?SortField=Id", 2).column("ClaimsCount"), []any{0.0, 0.0, 2.0})

	a = start(t, securitytest.WithQuirks(securitytest.Quirks{CorruptDuplicates: true}))
	a.post("/Security/Roles", 2, twice).ok()
	if got := a.get("/Security/Roles/3", 2); got.status != http.StatusInternalServerError {
		t.Errorf("got %d %s", got.status, got.body)
	}
	a.put("/Security/Roles", 2, roleV2(3, "Twice", `[]`, "["+someClaim+"]")).ok()
	a.get("/Security/Roles/3", 2).ok()
}

func TestCopy(t *testing.T) {
	t.Parallel()
	a := populated(t)
	a.post("/Security/Roles/3/Copy", 1, `{"Name":"Copy"}`).ok()
	copied, _ := a.server.Role(4)
	original, _ := a.server.Role(3)
	equal(t, copied.Permissions, original.Permissions)
	equal(t, copied.Identities, original.Identities)
	equal(t, copied.Description, original.Description)
	equal(t, copied.Claims, []securitytest.Claim{{ID: 7, Type: "User", Value: `KEYEXAMPLE\jsmith`, Scheme: "Active Directory", Description: `KEYEXAMPLE\jsmith`}})
	// The copy of an immutable role can be changed.
	a.post("/Security/Roles/2/Copy", 1, `{"Name":"Reporting","Description":"d"}`).ok()
	a.put("/Security/Roles/5/Permissions/Global", 1, `[]`).ok()
	a.post("/Security/Roles/3/Copy", 1, `{"Description":"d"}`).refused(400)
	a.post("/Security/Roles/3/Copy", 1, `{"Name":"copy"}`).refused(400)
	a.post("/Security/Roles/99/Copy", 1, `{"Name":"x"}`).refused(404)
}

func TestImmutableRoles(t *testing.T) {
	t.Parallel()
	a := populated(t)
	const description = "Built-in management portal administration role"
	body := func(name, permissions, claims string) string {
		return fmt.Sprintf(`{"Id":1,"Name":%q,"Description":%q,"PermissionSetId":%q,"Permissions":%s,"Claims":%s}`, name, description, globalSet, permissions, claims)
	}
	a.put("/Security/Roles", 2, body("Administrator", `["/"]`, "["+someClaim+"]")).ok()
	a.put("/Security/Roles", 2, body("Admin", `["/"]`, "[]")).refused(400)
	a.put("/Security/Roles", 2, body("Administrator", `[]`, "[]")).refused(400)
	a.put("/Security/Roles", 1, `{"Id":1,"Name":"Administrator","Description":"`+description+`","Identities":[{"AccountName":"KEYEXAMPLE\\jsmith"}]}`).ok()
	a.put("/Security/Roles", 1, `{"Id":1,"Name":"Administrator","Description":"other"}`).refused(400)
	a.put("/Security/Roles", 1, `{"Id":1,"Name":"Administrator","Description":"`+description+`","Permissions":["SSH:User"]}`).refused(400)
	a.put("/Security/Roles/1/Permissions/Global", 1, `[]`).refused(400)
	a.post("/Security/Roles/1/Permissions/Collections", 1, `[{"CollectionId":6,"Permission":"Read"}]`).refused(400)
	a.post("/Security/Containers/2/Roles", 1, `[{"SecurityRoleId":1,"Permissions":["Read"]}]`).refused(400)
	a.put("/Security/Roles/1/Identities", 1, `{"Ids":[7]}`).ok()
	a.delete("/Security/Roles/1").refused(400)
	a.delete("/Security/Roles/2").refused(400)
	admin, _ := a.server.Role(1)
	equal(t, admin.Permissions, []string{"/"})
	equal(t, len(admin.Claims), 2)
	equal(t, admin.Identities, []string{`KEYEXAMPLE\jsmith`})
}

func TestDeletingDropsAssociations(t *testing.T) {
	t.Parallel()
	a := populated(t)
	a.delete("/Security/Roles/3").is(204, "")
	a.get("/Security/Roles/3", 1).refused(404)
	a.delete("/Security/Roles/3").refused(404)
	a.put("/Security/Roles", 2, roleV2(3, "x", "[]", "[]")).refused(404)
	equal(t, a.get("/Security/Identities", 1).column("Roles"), []any{[]any{}})
	a.get("/Security/Claims/Roles?ClaimType=5&ClaimValue=user-1&ProviderAuthenticationScheme=System", 1).is(200, "[]")
	// The id is gone for good, the name is free.
	if id := decode[map[string]any](a.post("/Security/Roles", 2, roleV2(0, "Operators", "[]", "[]")).ok())["Id"]; id != 4.0 {
		t.Errorf("id %v", id)
	}
	a.put("/Security/Roles/4/Identities", 1, `{"Ids":[7]}`).ok()
	a.delete("/Security/Identities/7").is(204, "")
	a.get("/Security/Roles/4/Identities", 1).is(200, "[]")
	a.delete("/Security/Identities/7").refused(404)
	a.get("/Security/Identities/7", 1).refused(404)
}

func TestInUseRefused(t *testing.T) {
	t.Parallel()
	a := populated(t, securitytest.WithQuirks(securitytest.Quirks{RefuseInUse: true}))
	a.delete("/Security/Claims/1").refused(400)
	a.delete("/Security/Identities/7").refused(400)
	a.delete("/Security/Roles/3").ok()
	a.delete("/Security/Claims/1").is(204, "")
	a.delete("/Security/Identities/7").is(204, "")
}

func TestRoleValidation(t *testing.T) {
	t.Parallel()
	const delegated = "11111111-aaaa-4bbb-8ccc-222222222222"
	a := populated(t, securitytest.WithPermissionSets(
		securitytest.PermissionSet{ID: delegated, Name: "Delegated", Permissions: []string{"/ssl/", "/portal/"}}))
	long := func(n int) string { return strings.Repeat("ä", n) }
	for name, body := range map[string]string{
		"no body":              "",
		"null":                 "null",
		"no JSON":              "{",
		"an array":             "[]",
		"two values":           roleV2(0, "A", "[]", "[]") + "{}",
		"no name":              `{"Description":"d","PermissionSetId":"` + globalSet + `"}`,
		"empty name":           roleV2(0, " ", "[]", "[]"),
		"no description":       `{"Name":"A","PermissionSetId":"` + globalSet + `"}`,
		"no permission set":    `{"Name":"A","Description":"d"}`,
		"zero permission set":  strings.Replace(roleV2(0, "A", "[]", "[]"), globalSet, "00000000-0000-0000-0000-000000000000", 1),
		"bad permission set":   strings.Replace(roleV2(0, "A", "[]", "[]"), globalSet, "Global", 1),
		"unknown set":          strings.Replace(roleV2(0, "A", "[]", "[]"), globalSet, "99999999-0000-0000-0000-000000000000", 1),
		"long name":            roleV2(0, long(129), "[]", "[]"),
		"long description":     strings.Replace(roleV2(0, "A", "[]", "[]"), `"d"`, `"`+long(513)+`"`, 1),
		"long address":         `{"EmailAddress":"` + long(257) + `",` + roleV2(0, "A", "[]", "[]")[1:],
		"taken name":           roleV2(0, "OPERATORS", "[]", "[]"),
		"redundant":            roleV2(0, "A", `["/","/ssl/"]`, "[]"),
		"twice the same":       roleV2(0, "A", `["/ssl/","/ssl/"]`, "[]"),
		"no slash":             roleV2(0, "A", `["/ssl"]`, "[]"),
		"a legacy name":        roleV2(0, "A", `["AdminPortal:Read"]`, "[]"),
		"outside the set":      strings.Replace(roleV2(0, "A", `["/ssl/read/","/ssh/"]`, "[]"), globalSet, delegated, 1),
		"claim type unknown":   roleV2(0, "A", "[]", "["+strings.Replace(someClaim, "5", "7", 1)+"]"),
		"claim type missing":   roleV2(0, "A", "[]", `[{"ClaimValue":"u","ProviderAuthenticationScheme":"System","Description":"d"}]`),
		"claim value empty":    roleV2(0, "A", "[]", "["+strings.Replace(someClaim, `"u"`, `""`, 1)+"]"),
		"claim value long":     roleV2(0, "A", "[]", "["+strings.Replace(someClaim, `"u"`, `"`+long(513)+`"`, 1)+"]"),
		"claim scheme missing": roleV2(0, "A", "[]", `[{"ClaimType":5,"ClaimValue":"u","Description":"d"}]`),
		"claim no description": roleV2(0, "A", "[]", `[{"ClaimType":5,"ClaimValue":"u","ProviderAuthenticationScheme":"System"}]`),
		"id too large":         `{"Id":99999999999}`,
	} {
		method := http.MethodPost
		if name == "id too large" {
			method = http.MethodPut
		}
		req := a.request(method, "/Security/Roles", 2, body)
		req.Header.Set("Content-Type", "application/json")
		if a.send(req, body).refused(400); t.Failed() {
			t.Fatalf("after %s", name)
		}
	}
	a.post("/Security/Roles", 2, roleV2(0, long(128), `["/ssl/read/6/","/something/new/"]`, "[]")).ok()
	a.put("/Security/Roles", 2, roleV2(0, "A", "[]", "[]")).refused(400)
	a.put("/Security/Roles", 2, roleV2(99, "A", "[]", "[]")).refused(404)
	if n := len(a.server.Roles()); n != 4 {
		t.Errorf("%d roles", n)
	}

	for name, body := range map[string]string{
		"no name":            `{"Description":"d"}`,
		"no description":     `{"Name":"A"}`,
		"unknown permission": `{"Name":"A","Description":"d","Permissions":["Foo:Read"]}`,
		"a path":             `{"Name":"A","Description":"d","Permissions":["/ssl/"]}`,
		"unknown identity":   `{"Name":"A","Description":"d","Identities":[{"AccountName":"X\\y"}]}`,
		"no identity":        `{"Name":"A","Description":"d","Identities":[{}]}`,
		"outside the set":    `{"Name":"A","Description":"d","PermissionSetId":"` + delegated + `","Permissions":["SSH:User"]}`,
	} {
		if a.post("/Security/Roles", 1, body).refused(400); t.Failed() {
			t.Fatalf("after %s", name)
		}
	}
	// By SID, and into Global when the set is left out or zero.
	a.post("/Security/Roles", 1, `{"Name":"B","Description":"d","PermissionSetId":"00000000-0000-0000-0000-000000000000",`+
		`"Identities":[{"SID":"S-1-5-21-1111111111-2222222222-3333333333-1109"},{"AccountName":"KEYEXAMPLE\\jsmith"}]}`).ok()
	role, _ := a.server.Role(5)
	equal(t, role.Identities, []string{`KEYEXAMPLE\jsmith`})
	equal(t, role.PermissionSet, globalSet)
	for _, path := range []string{"/Security/Roles/x", "/Security/Roles/99999999999", "/PermissionSets/5", "/Security/Claims/x"} {
		a.get(path, 1).refused(400)
	}
	for _, path := range []string{
		"/Security/Roles/0", "/Security/Roles/-1", "/Security/Roles/99/Permissions", "/Security/Claims/99", "/Security/Identities/99",
		"/PermissionSets/99999999-0000-0000-0000-000000000000", "/IdentityProviders/99999999-0000-0000-0000-000000000000",
		"/Security/Audit/Collections/99", "/Security/Containers/99/Roles", "/Security/Applications/99/Roles", "/Certificates/99/Security",
		"/Certificates/IdentityAudit/99", "/Certificates/11/Security?collectionId=7",
	} {
		a.get(path, 1).refused(404)
	}
	a.get("/Nothing", 1).noEndpoint()
	a.get("/Security/Audit/Collections/0", 1).refused(400)
	a.do(http.MethodPatch, "/Security/Roles", 1, "").refused(405)
}

func TestPermissionValidation(t *testing.T) {
	t.Parallel()
	a := populated(t)
	for path, bodies := range map[string][]string{
		"Global":       {`[{"Area":"Foo","Permission":"Read"}]`, `[{"Area":"SSH"}]`, `{}`, `[{"Area":"","Permission":"Read"}]`},
		"Collections":  {`[{"CollectionId":99,"Permission":"Read"}]`, `[{"CollectionId":6,"Permission":"Import"}]`, `[{"CollectionId":6}]`},
		"Containers":   {`[{"ContainerId":2,"Permission":"Schedule"}]`, `[{"ContainerId":2,"Permission":"Read"},{"ContainerId":2,"Permission":"Modify"}]`},
		"PamProviders": {`[{"PamProviderId":1,"Permissions":["Modify"]}]`, `[{"PamProviderId":9,"Permissions":["Read"]}]`},
	} {
		for _, body := range bodies {
			a.put("/Security/Roles/3/Permissions/"+path, 1, body).refused(400)
		}
	}
	// A global permission meets the prerequisite, and letters may be in any case.
	a.post("/Security/Roles/3/Permissions/Global", 1, `[{"Area":"certificatestoremanagement","Permission":"READ"}]`).ok()
	a.put("/Security/Roles/3/Permissions/Containers", 1, `[{"ContainerId":2,"Permission":"schedule"}]`).is(200,
		`[{"ContainerId":2,"Name":"IIS","Permission":"Schedule"}]`)
	a.post("/Security/Containers/2/Roles", 1, `[{"SecurityRoleId":99,"Permissions":[]}]`).refused(400)
	a.post("/Security/Containers/2/Roles", 1, `[{"SecurityRoleId":3,"Permissions":["Everything"]}]`).refused(400)
	a.put("/Security/Roles/3/Identities", 1, `{"Ids":[99]}`).refused(400)
	a.put("/Security/Roles/3/Identities", 1, `{"ids":[7,7]}`).is(200, `[{"Id":7,"Name":"KEYEXAMPLE\\jsmith"}]`)
}

// TestLastWriterWins checks that nothing notices that a role was changed in between.
func TestLastWriterWins(t *testing.T) {
	t.Parallel()
	a := populated(t)
	a.put("/Security/Roles", 2, roleV2(3, "Operators", `["/ssl/"]`, "["+someClaim+"]")).ok()
	a.put("/Security/Roles", 2, roleV2(3, "Operators", `["/ssh/"]`, "[]")).ok()
	role, _ := a.server.Role(3)
	equal(t, role.Permissions, []string{"/ssh/"})
	equal(t, len(role.Claims), 0)
}

func TestConcurrentWrites(t *testing.T) {
	t.Parallel()
	a := populated(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 10 {
				name := fmt.Sprintf("role %d-%d", i, j)
				claim := fmt.Sprintf(`[{"ClaimType":5,"ClaimValue":"u%d","ProviderAuthenticationScheme":"System","Description":"d"}]`, j)
				id := decode[struct{ ID int }](a.post("/Security/Roles", 2, roleV2(0, name, `["/ssl/read/"]`, claim)).ok()).ID
				a.get("/Security/Roles?ReturnLimit=200", 2).ok()
				a.get("/Security/Roles?ReturnLimit=200&SortField=Id", 1).ok()
				a.get("/Security/Identities", 1).ok()
				a.server.Roles()
				if err := a.server.UpdateRole(3, func(r *securitytest.Role) { r.Description = name }); err != nil {
					t.Error(err)
				}
				if j%2 == 0 {
					a.delete(fmt.Sprintf("/Security/Roles/%d", id)).ok()
				}
			}
		})
	}
	group.Wait()
	if n := len(a.server.Roles()); n != 3+40 {
		t.Errorf("%d roles", n)
	}
	if n := len(a.server.Claims()); n != 12 {
		t.Errorf("%d claims", n)
	}
}
