package securitytest_test

import (
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

func equal(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// populated is a server with something of everything. Its role 3 is "Operators".
func populated(t *testing.T, opts ...securitytest.Option) *api {
	return start(t, append([]securitytest.Option{
		securitytest.WithCollections(securitytest.Collection{ID: 6, Name: "Web servers"}, securitytest.Collection{ID: 7, Name: "Mail"}),
		securitytest.WithContainers(securitytest.Container{ID: 2, Name: "IIS"}),
		securitytest.WithPAMProviders(securitytest.PAMProvider{ID: 1, Name: "Vault"}),
		securitytest.WithCertificates(securitytest.Certificate{ID: 11, Collections: []int{6}}),
		securitytest.WithIdentities(securitytest.Identity{ID: 7, AccountName: `KEYEXAMPLE\jsmith`}),
		securitytest.WithClaims(securitytest.Claim{ID: 1, Type: "OAuthSubject", Value: "user-1", Scheme: "System", Description: "A user"}),
		securitytest.WithRoles(securitytest.Role{
			ID: 3, Name: "Operators", Description: "Ops", Identities: []string{`KEYEXAMPLE\jsmith`},
			Legacy: []string{"AdminPortal:Read", "Dashboard:Read", "Collections[6]:Read", "Containers[2]:Read", "Containers[2]:Schedule", "PamProviders[1]:Read"},
			Claims: []securitytest.Claim{{Type: "OAuthSubject", Value: "user-1", Scheme: "System"}},
		}),
	}, opts...)...)
}

const providerParameters = `{"NameClaimType":"name","RoleClaimType":"roles","UniqueClaimType":"sub","FallbackUniqueClaimType":"cid",` +
	`"ClientId":"command","ClientSecret":{"SecretValue":"hush"},"AuthorizationEndpoint":"https://idp.example.com/authorize",` +
	`"TokenEndpoint":"https://idp.example.com/token","JSONWebKeySetUri":"https://idp.example.com/jwks",` +
	`"Authority":"https://idp.example.com","Timeout":30,"OIDCScope":null,` +
	`"RequestHeaders":[{"Name":"X-Tenant","Value":"a"}],"RequestURLParameters":[]}`

// TestOperations calls the operations of the API one after the other, and looks at what they answer. That none is
// missing is a matter of the contract test in internal/spec.
func TestOperations(t *testing.T) {
	t.Parallel()
	a := populated(t)
	claim := `{"Id":1,"Description":"A user","ClaimType":"OAuthSubject","ClaimValue":"user-1","Provider":` + systemProvider + `}`
	account := `{"Id":7,"Description":"KEYEXAMPLE\\jsmith","ClaimType":"User","ClaimValue":"KEYEXAMPLE\\jsmith","Provider":` + adProvider + `}`

	a.get("/Security/Roles?SortField=Name&ReturnLimit=1&PageReturned=2", 1).like(200, `[{"Id":3,"Description":"Ops",`+
		`"EmailAddress":null,"Enabled":true,"Immutable":false,"Valid":true,"Private":false,"PermissionSetId":"`+globalSet+`",`+
		`"Identities":[{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User",`+
		`"SID":"S-1-5-21-1111111111-2222222222-3333333333-1109"}],"Name":"Operators","Permissions":["AdminPortal:Read","Dashboard:Read"]}]`)
	a.get("/Security/Roles?ReturnLimit=1&PageReturned=2", 2).like(200, `[{"Id":3,"Name":"Operators","EmailAddress":null,`+
		`"Immutable":false,"PermissionSetId":"`+globalSet+`","ClaimsCount":2}]`)
	a.get("/Security/Roles/3", 1).ok()
	a.get("/Security/Roles/3", 2).like(200, `{"Id":3,"Name":"Operators","Description":"Ops","EmailAddress":null,"Immutable":false,`+
		`"PermissionSetId":"`+globalSet+`","Permissions":["/portal/read/","/dashboard/read/","/certificates/collections/read/6/",`+
		`"/certificate_stores/read/2/","/certificate_stores/schedule/2/","/pam/read/1/"],"Claims":[`+claim+`,`+account+`]}`)
	a.post("/Security/Roles", 1, `{"Name":"V1","Description":"d","EmailAddress":"x@example.com","Enabled":false,"Private":true,`+
		`"Permissions":["Auditing:Read"],"PermissionSetId":"`+globalSet+`","Identities":[{"AccountName":"keyexample\\JSMITH"}]}`).like(200,
		`{"Id":4,"Description":"d","EmailAddress":"x@example.com","Enabled":false,"Immutable":false,"Valid":true,"Private":true,`+
			`"PermissionSetId":"`+globalSet+`","Identities":[{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User",`+
			`"SID":"S-1-5-21-1111111111-2222222222-3333333333-1109"}],"Name":"V1","Permissions":["Auditing:Read"]}`)
	// Enabled and Private stay, everything else that is left out is cleared.
	a.put("/Security/Roles", 1, `{"Id":4,"Name":"V1b","Description":"d2"}`).like(200, `{"Id":4,"Description":"d2","EmailAddress":null,`+
		`"Enabled":false,"Immutable":false,"Valid":true,"Private":true,"PermissionSetId":"`+globalSet+`","Identities":[],"Name":"V1b",`+
		`"Permissions":[]}`)
	a.post("/Security/Roles", 2, `{"Name":"V2","Description":"d","PermissionSetId":"`+globalSet+`","Permissions":null,"Claims":null}`).like(200,
		`{"Id":5,"Name":"V2","Description":"d","EmailAddress":null,"Immutable":false,"PermissionSetId":"`+globalSet+`","Permissions":[],"Claims":[]}`)
	a.put("/Security/Roles", 2, `{"Id":5,"Name":"V2","Description":"d","PermissionSetId":"`+globalSet+`","Permissions":["/ssl/"],"Claims":[]}`).like(200,
		`{"Id":5,"Name":"V2","Description":"d","EmailAddress":null,"Immutable":false,"PermissionSetId":"`+globalSet+`","Permissions":["/ssl/"],"Claims":[]}`)
	a.delete("/Security/Roles/5").is(204, "")
	a.post("/Security/Roles/3/Copy", 1, `{"Name":"Operators copy","Description":"Copy","EmailAddress":null}`).like(200, `{"Id":6,`+
		`"Description":"Copy","EmailAddress":null,"Enabled":true,"Immutable":false,"Valid":true,"Private":false,"PermissionSetId":"`+globalSet+`",`+
		`"Identities":[{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","SID":"S-1-5-21-1111111111-2222222222-3333333333-1109"}],`+
		`"Name":"Operators copy","Permissions":["AdminPortal:Read","Dashboard:Read"]}`)
	a.get("/Security/Roles/3/Identities", 1).is(200, `[{"Id":7,"Name":"KEYEXAMPLE\\jsmith"}]`)
	a.put("/Security/Roles/4/Identities", 1, `{"Ids":[7]}`).is(200, `[{"Id":7,"Name":"KEYEXAMPLE\\jsmith"}]`)

	a.get("/Security/Roles/3/Permissions", 1).like(200, `[{"Type":"Global","Area":"AdminPortal","Permission":"Read"},`+
		`{"Type":"Global","Area":"Dashboard","Permission":"Read"},{"Type":"Collection","Area":"Web servers","Permission":"Read"},`+
		`{"Type":"Container","Area":"IIS","Permission":"Read"},{"Type":"Container","Area":"IIS","Permission":"Schedule"},`+
		`{"Type":"PamProvider","Area":"Vault","Permission":"Read"}]`)
	a.get("/Security/Roles/3/Permissions/Global", 1).is(200, `[{"Area":"AdminPortal","Permission":"Read"},{"Area":"Dashboard","Permission":"Read"}]`)
	a.post("/Security/Roles/4/Permissions/Global", 1, `[{"Area":"Dashboard","Permission":"Read"}]`).is(200, `[{"Area":"Dashboard","Permission":"Read"}]`)
	a.put("/Security/Roles/4/Permissions/Global", 1, `[{"Area":"SSH","Permission":"User"}]`).is(200, `[{"Area":"SSH","Permission":"User"}]`)
	a.get("/Security/Roles/3/Permissions/Collections", 1).is(200, `[{"CollectionId":6,"Name":"Web servers","Permission":"Read"}]`)
	a.put("/Security/Roles/4/Permissions/Collections", 1, `[{"CollectionId":6,"Permission":"Read"},{"CollectionId":6,"Permission":"Revoke"}]`).is(200,
		`[{"CollectionId":6,"Name":"Web servers","Permission":"Read"},{"CollectionId":6,"Name":"Web servers","Permission":"Revoke"}]`)
	a.post("/Security/Roles/4/Permissions/Collections", 1, `[{"CollectionId":7,"Permission":"Delete"}]`).like(200,
		`[{"CollectionId":6,"Name":"Web servers","Permission":"Read"},{"CollectionId":6,"Name":"Web servers","Permission":"Revoke"},`+
			`{"CollectionId":7,"Name":"Mail","Permission":"Delete"}]`)
	a.get("/Security/Roles/3/Permissions/Containers", 1).ok()
	a.put("/Security/Roles/4/Permissions/Containers", 1, `[{"ContainerId":2,"Permission":"Read"},{"ContainerId":2,"Permission":"Schedule"}]`).is(200,
		`[{"ContainerId":2,"Name":"IIS","Permission":"Read"},{"ContainerId":2,"Name":"IIS","Permission":"Schedule"}]`)
	a.post("/Security/Roles/4/Permissions/Containers", 1, `[{"ContainerId":2,"Permission":"Modify"}]`).ok()
	a.put("/Security/Roles/4/Permissions/PamProviders", 1, `[{"PamProviderId":1,"Permissions":["Read","Modify"]}]`).is(200,
		`[{"PamProviderId":1,"Name":"Vault","Permissions":["Read","Modify"]}]`)
	a.get("/Security/Roles/4/Permissions/PamProviders", 1).is(200, `[{"PamProviderId":1,"Name":"Vault","Permissions":["Read","Modify"]}]`)

	a.put("/Security/Roles", 1, `{"Id":4,"Name":"V1b","Description":"d2","Enabled":true,"Private":false,`+
		`"Permissions":["SSH:User"],"Identities":[{"AccountName":"KEYEXAMPLE\\jsmith"}]}`).ok()
	a.get("/Security/Claims", 1).is(200, "["+account+","+claim+"]")
	a.get("/Security/Claims/1", 1).is(200, claim)
	a.get("/Security/Claims/Roles?ClaimType=5&ClaimValue=user-1&ProviderAuthenticationScheme=System", 1).is(200,
		`[{"Id":3,"Name":"Operators","Description":"Ops","PermissionSetId":"`+globalSet+`"}]`)
	a.post("/Security/Claims", 1, `{"ClaimType":4,"ClaimValue":"g","ProviderAuthenticationScheme":"System","Description":"d"}`).ok()
	a.put("/Security/Claims", 1, `{"Id":8,"Description":"d2"}`).ok()
	a.delete("/Security/Claims/8").is(204, "")

	a.get("/Security/Identities?Validate=false", 1).ok()
	a.post("/Security/Identities", 1, `{"AccountName":"second@keyexample.com"}`).is(200,
		`{"Id":9,"AccountName":"KEYEXAMPLE\\second","IdentityType":"User","Roles":[],"Valid":true}`)
	a.get("/Security/Identities/Lookup?accountName=KEYEXAMPLE%5Cnobody", 1).is(200, `{"Valid":true}`)
	a.get("/Security/Identities/7", 1).ok()
	a.delete("/Security/Identities/9").is(204, "")

	a.get("/Security/My", 1).ok()
	a.get("/Security/My/Permissions", 1).is(200, `{"Permissions":["/"]}`)
	a.get("/Security/Audit/Collections/6", 1).like(200, `{"QueryId":6,"AccessControlList":[{"RoleId":1,"AreaPermissions":[4,5,41,42,43]},`+
		`{"RoleId":3,"AreaPermissions":[4]},{"RoleId":4,"AreaPermissions":[4,42]},{"RoleId":6,"AreaPermissions":[4]}],"AssignableRoles":[`+
		`{"RoleId":1,"Name":"Administrator"},{"RoleId":2,"Name":"Reporting API Access"},{"RoleId":3,"Name":"Operators"},`+
		`{"RoleId":4,"Name":"V1b"},{"RoleId":6,"Name":"Operators copy"}]}`)
	a.get("/Security/Containers/2/Roles", 1).like(200, `[{"SecurityRoleId":3,"Name":"Operators","Permissions":["Read","Schedule"]},`+
		`{"SecurityRoleId":4,"Name":"V1b","Permissions":["Read","Schedule","Modify"]},`+
		`{"SecurityRoleId":6,"Name":"Operators copy","Permissions":["Read","Schedule"]}]`)
	a.post("/Security/Containers/2/Roles", 1, `[{"SecurityRoleId":6,"Permissions":["Read"]}]`).ok()
	a.post("/Security/Applications/2/Roles", 1, `[{"SecurityRoleId":6,"Name":null,"Permissions":[]}]`).ok()
	a.get("/Security/Applications/2/Roles", 1).like(200, `[{"SecurityRoleId":3,"Name":"Operators","Permissions":["Read","Schedule"]},`+
		`{"SecurityRoleId":4,"Name":"V1b","Permissions":["Read","Schedule","Modify"]}]`)

	a.get("/PermissionSets", 1).ok()
	set := decode[struct{ ID, Name string }](a.post("/PermissionSets", 1, `{"Name":"Operational","Permissions":["/agents/","/certificates/","/portal/"]}`).ok())
	a.put("/PermissionSets", 1, `{"Id":"`+set.ID+`","Permissions":["/agents/"]}`).is(200,
		`{"Id":"`+set.ID+`","Name":"Operational","Permissions":["/agents/"]}`)
	a.get("/PermissionSets/"+set.ID, 1).is(200, `{"Id":"`+set.ID+`","Name":"Operational","Permissions":["/agents/"]}`)
	a.get("/PermissionSets/My?accessControlString=/certificates/collections/modify/", 1).is(200,
		`[{"Id":"`+globalSet+`","Name":"Global","Permissions":["/"],"SecurityRoles":[{"Id":1,"Name":"Administrator"}]}]`)
	a.delete("/PermissionSets/"+set.ID).is(204, "")
	if all := decode[[]string](a.get("/Permissions", 1)); !slices.Contains(all, "/certificates/collections/read/") {
		t.Errorf("permissions %v", all)
	}

	a.get("/IdentityProviders", 1).ok()
	provider := decode[struct{ ID string }](a.post("/IdentityProviders", 1, `{"AuthenticationScheme":"Corporate","DisplayName":"Corporate sign-in",`+
		`"ProviderType":"Generic","Parameters":`+providerParameters+`}`).ok())
	a.put("/IdentityProviders/"+provider.ID, 1, `{"AuthenticationScheme":"Corporate","DisplayName":"Corporate","AuthenticationEnabled":false}`).ok()
	a.get("/IdentityProviders/"+provider.ID, 1).ok()
	a.get("/IdentityProviders/Types", 1).ok()

	a.get("/Certificates/IdentityAudit/11", 1).like(200, `[{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User",`+
		`"SID":"S-1-5-21-1111111111-2222222222-3333333333-1109","Permissions":[{"Name":"Read","GrantedBy":["Operators","V1b","Operators copy"]},`+
		`{"Name":"Revoke","GrantedBy":["V1b"]}]}]`)
	a.get("/Certificates/IdentityAudit/11?collectionId=6", 2).like(200, `[{"Identity":{"Id":1,"Description":"A user",`+
		`"ClaimType":"OAuthSubject","ClaimValue":"user-1","Provider":{"Id":"c70e8641-a543-45b1-a47f-8b7d253fbf14","Name":"System"}},`+
		`"Permissions":[{"Name":"Read","GrantedBy":["Operators"]}]},{"Identity":{"Id":7,"Description":"KEYEXAMPLE\\jsmith",`+
		`"ClaimType":"User","ClaimValue":"KEYEXAMPLE\\jsmith","Provider":{"Id":"11111111-2222-3333-4444-555555555555","Name":"Active Directory"}},`+
		`"Permissions":[{"Name":"Read","GrantedBy":["Operators","V1b","Operators copy"]},{"Name":"Revoke","GrantedBy":["V1b"]}]}]`)
	a.get("/Certificates/11/Security", 1).like(200, `{"Roles":[{"Name":"Administrator","Permissions":["Read","EditMetadata","Recover","Revoke","Delete","ChangeOwner"]},`+
		`{"Name":"Operators","Permissions":["Read"]},{"Name":"V1b","Permissions":["Read","Revoke"]},{"Name":"Operators copy","Permissions":["Read"]}]}`)

	a.get("/Status/Endpoints", 1).ok()
	a.get("/Status/HealthCheck", 1).is(http.StatusNoContent, "")
}
