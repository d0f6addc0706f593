package spec_test

import (
	"context"
	"iter"

	"github.com/commandsec/commandsec-go/access"
	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// What the calls below are about. Each call finds a server that has it all.
const (
	roleID, otherRoleID   = 700, 701
	identityID            = 710
	claimID, spareClaimID = 720, 721
	collectionID          = 6
	containerID           = 2
	pamProviderID         = 1
	certificateID         = 31
	setID                 = "11111111-2222-3333-4444-555555555556"
	providerID            = "22222222-3333-4444-5555-666666666666"
)

// seeds are what the simulated server holds.
func seeds() []securitytest.Option {
	return []securitytest.Option{
		securitytest.WithQuirks(securitytest.Quirks{StrictBodies: true}),
		securitytest.WithCollections(securitytest.Collection{ID: collectionID, Name: "Web servers"}),
		securitytest.WithContainers(securitytest.Container{ID: containerID, Name: "IIS servers"}),
		securitytest.WithPAMProviders(securitytest.PAMProvider{ID: pamProviderID, Name: "Vault"}),
		securitytest.WithCertificates(securitytest.Certificate{ID: certificateID, Collections: []int{collectionID}}),
		securitytest.WithIdentities(securitytest.Identity{ID: identityID, AccountName: `KEYEXAMPLE\jsmith`}),
		securitytest.WithClaims(
			securitytest.Claim{ID: claimID, Type: "OAuthSubject", Value: "user-1", Scheme: "System", Description: "A user"},
			securitytest.Claim{ID: spareClaimID, Type: "Group", Value: `KEYEXAMPLE\spare`, Scheme: "Active Directory", Description: "Spare"},
		),
		securitytest.WithPermissionSets(securitytest.PermissionSet{ID: setID, Name: "Operational", Permissions: []string{"/portal/"}}),
		securitytest.WithIdentityProviders(securitytest.IdentityProvider{ID: providerID, Scheme: "Corporate", DisplayName: "Corporate"}),
		securitytest.WithRoles(
			securitytest.Role{
				ID: roleID, Name: "Operators", Description: "Ops", EmailAddress: "ops@example.com", Identities: []string{`KEYEXAMPLE\jsmith`},
				Legacy: []string{"AdminPortal:Read", "Collections[6]:Read", "Containers[2]:Read", "Containers[2]:Schedule", "PamProviders[1]:Read"},
				Claims: []securitytest.Claim{{Type: "OAuthSubject", Value: "user-1", Scheme: "System"}},
			},
			securitytest.Role{ID: otherRoleID, Name: "Auditors", Description: "Audit"},
		),
	}
}

// call is one use of a method of the library.
type call struct {
	method string // as go doc names it
	do     func(context.Context, *security.Client) (any, error)
}

// calls uses every method of every service, with every argument that it takes:
// what no call here sends is not proven to be right.
func calls() []call {
	type (
		ctx = context.Context
		cli = *security.Client
	)
	var (
		everyRole  = &roles.ListOptionsV2{Filter: roles.FieldName.Contains("r"), SortBy: roles.SortName, Order: security.Descending, Page: 1, PageSize: 5}
		checked    = &roles.ListOptionsV1{Filter: everyRole.Filter, SortBy: roles.SortName, Order: security.Ascending, Page: 1, PageSize: 5, Validate: new(false)}
		everyClaim = &claims.ListOptions{
			Filter: security.And(claims.FieldType.Eq(claims.TypeOAuthSubject), claims.FieldValue.Eq("user-1")),
			SortBy: claims.SortProvider, Order: security.Ascending, Page: 1, PageSize: 5,
		}
		everyProvider = &providers.ListOptions{
			Filter: providers.FieldDisplayName.Ne("x"), SortBy: providers.SortProvider, Order: security.Ascending, Page: 1, PageSize: 5,
		}
		user  = claims.Request{Type: claims.TypeOAuthSubject, Value: "user-1", Scheme: "System", Description: "A user"}
		group = claims.Request{Type: claims.TypeGroup, Value: `KEYEXAMPLE\pki`, Scheme: "Active Directory", Description: "PKI"}
		email = new("team@example.com")

		members     = []roles.MemberV1{{AccountName: `KEYEXAMPLE\jsmith`, SID: new("S-1-5-21-1")}}
		names       = []permissions.Legacy{"AdminPortal:Read"}
		paths       = []permissions.Path{"/portal/read/"}
		globals     = []roles.GlobalPermissionV1{{Area: "Dashboard", Permission: "Read"}}
		collections = []roles.CollectionPermissionV1{{CollectionID: collectionID, Permission: permissions.CollectionRead}}
		containers  = []roles.ContainerPermissionV1{
			{ContainerID: containerID, Permission: permissions.ContainerRead}, {ContainerID: containerID, Permission: permissions.ContainerSchedule},
		}
		pam = []roles.PAMProviderPermissionsV1{{
			PAMProviderID: pamProviderID, Permissions: []permissions.PAMProviderPermission{permissions.PAMProviderRead},
		}}
		access1 = []access.RoleAccess{{RoleID: otherRoleID, Permissions: []permissions.ContainerPermission{permissions.ContainerRead}}}

		create1 = roles.CreateV1{
			Name: "New", Description: "New role", EmailAddress: email, Enabled: new(true), Private: new(false),
			Permissions: names, PermissionSetID: permissionsets.GlobalID, Identities: members,
		}
		update1 = roles.UpdateV1{
			ID: roleID, Name: "Operators", Description: "Ops", EmailAddress: email, Enabled: new(true), Private: new(false),
			Permissions: names, PermissionSetID: permissionsets.GlobalID, Identities: members,
		}
		create2 = roles.CreateV2{Name: "New", Description: "New role", EmailAddress: email, Permissions: paths, Claims: []claims.Request{user, group}}
		update2 = roles.UpdateV2{
			ID: roleID, Name: "Operators", Description: "Ops", EmailAddress: email, PermissionSetID: permissionsets.GlobalID,
			Permissions: paths, Claims: []claims.Request{user, group},
		}
	)
	return []call{
		{method: "security.Client.Endpoints", do: func(x ctx, c cli) (any, error) { return c.Endpoints(x) }},
		{method: "security.Client.HealthCheck", do: func(x ctx, c cli) (any, error) { return nil, c.HealthCheck(x) }},
		{method: "security.Client.Version", do: func(x ctx, c cli) (any, error) { return c.Version(x) }},

		{method: "identities.V1.List", do: func(x ctx, c cli) (any, error) {
			return items(identities.NewV1(c).List(x, &identities.ListOptions{
				SortBy: identities.SortID, Order: security.Ascending, Page: 1, PageSize: 5, Validate: new(true),
			}))
		}},
		{method: "identities.V1.All", do: func(x ctx, c cli) (any, error) { return collect(identities.NewV1(c).All(x, nil)) }},
		{method: "identities.V1.Create", do: func(x ctx, c cli) (any, error) {
			return identities.NewV1(c).Create(x, identities.Create{AccountName: `KEYEXAMPLE\new`})
		}},
		{method: "identities.V1.Lookup", do: func(x ctx, c cli) (any, error) { return identities.NewV1(c).Lookup(x, `KEYEXAMPLE\jsmith`) }},
		{method: "identities.V1.Permissions", do: func(x ctx, c cli) (any, error) { return identities.NewV1(c).Permissions(x, identityID) }},
		{method: "identities.V1.Delete", do: func(x ctx, c cli) (any, error) { return nil, identities.NewV1(c).Delete(x, identityID) }},
		{method: "identities.V1.Find", do: func(x ctx, c cli) (any, error) { return identities.NewV1(c).Find(x, "jsmith") }},
		{method: "identities.V1.Ensure", do: func(x ctx, c cli) (any, error) {
			return changed(identities.NewV1(c).Ensure(x, identities.Create{AccountName: `KEYEXAMPLE\new`}))
		}},
		{method: "identities.V1.EnsureAll", do: func(x ctx, c cli) (any, error) {
			return identities.NewV1(c).EnsureAll(x, []identities.Create{{AccountName: `KEYEXAMPLE\new`}}, nil)
		}},

		{method: "claims.V1.List", do: func(x ctx, c cli) (any, error) { return items(claims.NewV1(c).List(x, everyClaim)) }},
		{method: "claims.V1.All", do: func(x ctx, c cli) (any, error) { return collect(claims.NewV1(c).All(x, nil)) }},
		{method: "claims.V1.Get", do: func(x ctx, c cli) (any, error) { return claims.NewV1(c).Get(x, claimID) }},
		{method: "claims.V1.Create", do: func(x ctx, c cli) (any, error) { return claims.NewV1(c).Create(x, group) }},
		{method: "claims.V1.Update", do: func(x ctx, c cli) (any, error) {
			return claims.NewV1(c).Update(x, claims.Update{ID: claimID, Description: "Renamed"})
		}},
		{method: "claims.V1.Delete", do: func(x ctx, c cli) (any, error) { return nil, claims.NewV1(c).Delete(x, spareClaimID) }},
		{method: "claims.V1.Roles", do: func(x ctx, c cli) (any, error) { return claims.NewV1(c).Roles(x, user.Key()) }},
		{method: "claims.V1.Find", do: func(x ctx, c cli) (any, error) { return claims.NewV1(c).Find(x, user.Key()) }},
		{method: "claims.V1.Ensure", do: func(x ctx, c cli) (any, error) { return changed(claims.NewV1(c).Ensure(x, group)) }},
		{method: "claims.V1.EnsureAll", do: func(x ctx, c cli) (any, error) {
			return claims.NewV1(c).EnsureAll(x, []claims.Request{group}, nil)
		}},

		{method: "roles.V1.List", do: func(x ctx, c cli) (any, error) { return items(roles.NewV1(c).List(x, checked)) }},
		{method: "roles.V1.All", do: func(x ctx, c cli) (any, error) { return collect(roles.NewV1(c).All(x, nil)) }},
		{method: "roles.V1.Get", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).Get(x, roleID) }},
		{method: "roles.V1.Find", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).Find(x, "Operators") }},
		{method: "roles.V1.Create", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).Create(x, create1) }},
		{method: "roles.V1.Update", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).Update(x, update1) }},
		{method: "roles.V1.Delete", do: func(x ctx, c cli) (any, error) { return nil, roles.NewV1(c).Delete(x, otherRoleID) }},
		{method: "roles.V1.Copy", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).Copy(x, roleID, roles.CopyV1{Name: "Copy", Description: "A copy", EmailAddress: email})
		}},
		{method: "roles.V1.Identities", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).Identities(x, roleID) }},
		{method: "roles.V1.SetIdentities", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).SetIdentities(x, otherRoleID, []int{identityID})
		}},
		{method: "roles.V1.Permissions", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).Permissions(x, roleID) }},
		{method: "roles.V1.GlobalPermissions", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).GlobalPermissions(x, roleID) }},
		{method: "roles.V1.AddGlobalPermissions", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).AddGlobalPermissions(x, roleID, globals)
		}},
		{method: "roles.V1.SetGlobalPermissions", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).SetGlobalPermissions(x, roleID, globals)
		}},
		{method: "roles.V1.CollectionPermissions", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).CollectionPermissions(x, roleID) }},
		{method: "roles.V1.AddCollectionPermissions", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).AddCollectionPermissions(x, otherRoleID, collections)
		}},
		{method: "roles.V1.SetCollectionPermissions", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).SetCollectionPermissions(x, otherRoleID, collections)
		}},
		{method: "roles.V1.ContainerPermissions", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).ContainerPermissions(x, roleID) }},
		{method: "roles.V1.AddContainerPermissions", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).AddContainerPermissions(x, otherRoleID, containers)
		}},
		{method: "roles.V1.SetContainerPermissions", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).SetContainerPermissions(x, otherRoleID, containers)
		}},
		{method: "roles.V1.PAMProviderPermissions", do: func(x ctx, c cli) (any, error) { return roles.NewV1(c).PAMProviderPermissions(x, roleID) }},
		{method: "roles.V1.SetPAMProviderPermissions", do: func(x ctx, c cli) (any, error) {
			return roles.NewV1(c).SetPAMProviderPermissions(x, otherRoleID, pam)
		}},

		{method: "roles.V2.List", do: func(x ctx, c cli) (any, error) { return items(roles.NewV2(c).List(x, everyRole)) }},
		{method: "roles.V2.All", do: func(x ctx, c cli) (any, error) { return collect(roles.NewV2(c).All(x, nil)) }},
		{method: "roles.V2.Get", do: func(x ctx, c cli) (any, error) { return roles.NewV2(c).Get(x, roleID) }},
		{method: "roles.V2.Create", do: func(x ctx, c cli) (any, error) { return roles.NewV2(c).Create(x, create2) }},
		{method: "roles.V2.Update", do: func(x ctx, c cli) (any, error) { return roles.NewV2(c).Update(x, update2) }},
		{method: "roles.V2.Delete", do: func(x ctx, c cli) (any, error) { return nil, roles.NewV2(c).Delete(x, otherRoleID) }},
		{method: "roles.V2.Find", do: func(x ctx, c cli) (any, error) { return roles.NewV2(c).Find(x, "Operators") }},
		{method: "roles.V2.Details", do: func(x ctx, c cli) (any, error) { return collect(roles.NewV2(c).Details(x, nil)) }},
		{method: "roles.V2.Edit", do: func(x ctx, c cli) (any, error) {
			return changed(roles.NewV2(c).Edit(x, roleID, func(u *roles.UpdateV2) error { u.Description = "Changed"; return nil }))
		}},
		{method: "roles.V2.EditAll", do: func(x ctx, c cli) (any, error) {
			return roles.NewV2(c).EditAll(x, []int{roleID}, func(u *roles.UpdateV2) error { u.Description = "Changed"; return nil }, nil)
		}},
		{method: "roles.V2.AddClaims", do: func(x ctx, c cli) (any, error) {
			return changed(roles.NewV2(c).AddClaims(x, roleID, []claims.Request{group}))
		}},
		{method: "roles.V2.RemoveClaims", do: func(x ctx, c cli) (any, error) {
			return changed(roles.NewV2(c).RemoveClaims(x, roleID, []claims.Key{user.Key()}))
		}},
		{method: "roles.V2.Grant", do: func(x ctx, c cli) (any, error) {
			return changed(roles.NewV2(c).Grant(x, roleID, []permissions.Path{"/ssl/"}))
		}},
		{method: "roles.V2.Revoke", do: func(x ctx, c cli) (any, error) {
			return changed(roles.NewV2(c).Revoke(x, roleID, []permissions.Path{"/portal/read/"}))
		}},
		{method: "roles.V2.Ensure", do: func(x ctx, c cli) (any, error) { return changed(roles.NewV2(c).Ensure(x, create2)) }},
		{method: "roles.V2.EnsureAll", do: func(x ctx, c cli) (any, error) {
			return roles.NewV2(c).EnsureAll(x, []roles.CreateV2{create2}, nil)
		}},

		{method: "permissionsets.V1.List", do: func(x ctx, c cli) (any, error) {
			return items(permissionsets.NewV1(c).List(x, &permissionsets.ListOptions{
				SortBy: permissionsets.SortID, Order: security.Descending, Page: 1, PageSize: 5,
			}))
		}},
		{method: "permissionsets.V1.All", do: func(x ctx, c cli) (any, error) { return collect(permissionsets.NewV1(c).All(x, nil)) }},
		{method: "permissionsets.V1.Get", do: func(x ctx, c cli) (any, error) { return permissionsets.NewV1(c).Get(x, setID) }},
		{method: "permissionsets.V1.Create", do: func(x ctx, c cli) (any, error) {
			return permissionsets.NewV1(c).Create(x, permissionsets.Create{Name: "New", Permissions: paths})
		}},
		{method: "permissionsets.V1.Update", do: func(x ctx, c cli) (any, error) {
			return permissionsets.NewV1(c).Update(x, permissionsets.Update{ID: setID, Permissions: paths})
		}},
		{method: "permissionsets.V1.Delete", do: func(x ctx, c cli) (any, error) { return nil, permissionsets.NewV1(c).Delete(x, setID) }},
		{method: "permissionsets.V1.Ensure", do: func(x ctx, c cli) (any, error) {
			return changed(permissionsets.NewV1(c).Ensure(x, permissionsets.Create{Name: "New", Permissions: paths}))
		}},
		{method: "permissionsets.V1.EnsureAll", do: func(x ctx, c cli) (any, error) {
			return permissionsets.NewV1(c).EnsureAll(x, []permissionsets.Create{{Name: "New", Permissions: paths}}, nil)
		}},
		{method: "permissionsets.V1.Find", do: func(x ctx, c cli) (any, error) { return permissionsets.NewV1(c).Find(x, "Global") }},
		{method: "permissionsets.V1.Mine", do: func(x ctx, c cli) (any, error) { return permissionsets.NewV1(c).Mine(x, "/portal/read/") }},
		{method: "permissionsets.V1.Available", do: func(x ctx, c cli) (any, error) { return permissionsets.NewV1(c).Available(x) }},

		{method: "providers.V1.List", do: func(x ctx, c cli) (any, error) { return items(providers.NewV1(c).List(x, everyProvider)) }},
		{method: "providers.V1.All", do: func(x ctx, c cli) (any, error) { return collect(providers.NewV1(c).All(x, nil)) }},
		{method: "providers.V1.Get", do: func(x ctx, c cli) (any, error) { return providers.NewV1(c).Get(x, providerID) }},
		{method: "providers.V1.Find", do: func(x ctx, c cli) (any, error) { return providers.NewV1(c).Find(x, "System") }},
		{method: "providers.V1.Types", do: func(x ctx, c cli) (any, error) { return providers.NewV1(c).Types(x) }},
		{method: "providers.V1.Create", do: func(x ctx, c cli) (any, error) {
			return providers.NewV1(c).Create(x, createProvider(providers.NewSecret("not-a-secret")))
		}},
		{method: "providers.V1.Create", do: func(x ctx, c cli) (any, error) { return providers.NewV1(c).Create(x, createProvider(vaulted())) }},
		{method: "providers.V1.Update", do: func(x ctx, c cli) (any, error) {
			return providers.NewV1(c).Update(x, providerID, updateProvider(providers.NewSecret("not-a-secret")))
		}},
		{method: "providers.V1.Update", do: func(x ctx, c cli) (any, error) {
			return providers.NewV1(c).Update(x, providerID, updateProvider(vaulted()))
		}},

		{method: "access.V1.My", do: func(x ctx, c cli) (any, error) { return access.NewV1(c).My(x) }},
		{method: "access.V1.MyPermissions", do: func(x ctx, c cli) (any, error) { return access.NewV1(c).MyPermissions(x) }},
		{method: "access.V1.AuditCollection", do: func(x ctx, c cli) (any, error) { return access.NewV1(c).AuditCollection(x, collectionID) }},
		{method: "access.V1.ContainerRoles", do: func(x ctx, c cli) (any, error) { return access.NewV1(c).ContainerRoles(x, containerID) }},
		{method: "access.V1.SetContainerRoles", do: func(x ctx, c cli) (any, error) {
			return access.NewV1(c).SetContainerRoles(x, containerID, access1)
		}},
		{method: "access.V1.ApplicationRoles", do: func(x ctx, c cli) (any, error) { return access.NewV1(c).ApplicationRoles(x, containerID) }},
		{method: "access.V1.SetApplicationRoles", do: func(x ctx, c cli) (any, error) {
			return access.NewV1(c).SetApplicationRoles(x, containerID, access1)
		}},
		{method: "access.V1.AuditCertificate", do: func(x ctx, c cli) (any, error) {
			return access.NewV1(c).AuditCertificate(x, certificateID, collectionID)
		}},
		{method: "access.V1.CertificateSecurity", do: func(x ctx, c cli) (any, error) {
			return access.NewV1(c).CertificateSecurity(x, certificateID, collectionID)
		}},
		{method: "access.V2.AuditCertificate", do: func(x ctx, c cli) (any, error) {
			return access.NewV2(c).AuditCertificate(x, certificateID, collectionID)
		}},
	}
}

func items[T any](page *security.Page[T], err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return page.Items, nil
}

func collect[T any](seq iter.Seq2[T, error]) (any, error) { return security.Collect(seq) }

func changed[T any](value *T, _ security.Change, err error) (any, error) { return value, err }

// vaulted is a secret that a PAM provider keeps.
func vaulted() providers.Secret {
	return providers.Secret{PAMProvider: new(pamProviderID), Parameters: map[string]string{"Folder": "idp"}}
}

func parameters(secret providers.Secret) *providers.Parameters {
	pairs := []providers.NameValue{{Name: "X-Tenant", Value: security.NewSecret("east")}}
	return &providers.Parameters{
		Authority: "https://idp.example.com", AuthorizationEndpoint: "https://idp.example.com/authorize",
		TokenEndpoint: "https://idp.example.com/token", JSONWebKeySetURI: "https://idp.example.com/keys",
		ClientID: "command", ClientSecret: secret,
		NameClaimType: "name", RoleClaimType: "roles", UniqueClaimType: "sub", FallbackUniqueClaimType: "cid",
		UserInfoEndpoint: new("https://idp.example.com/user"), SignOutURL: new("https://idp.example.com/out"),
		Auth0APIURL: new("https://idp.example.com/api"), OIDCAudience: new("command"), OIDCScope: new("openid"), Timeout: new(30),
		RequestHeaders: pairs, RequestURLParameters: pairs,
	}
}

func createProvider(secret providers.Secret) providers.Create {
	return providers.Create{
		AuthenticationScheme: "New", DisplayName: "New provider", ProviderType: "Auth0", PermissionSetID: permissionsets.GlobalID,
		Parameters: parameters(secret),
	}
}

func updateProvider(secret providers.Secret) providers.Update {
	return providers.Update{
		AuthenticationScheme: "Corporate", DisplayName: "Corporate", PermissionSetID: permissionsets.GlobalID,
		AuthenticationEnabled: new(true), Parameters: parameters(secret),
	}
}
