package access_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/commandsec/commandsec-go/access"
	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { apitest.Main(m) }

func TestAccess(t *testing.T) {
	t.Parallel()
	operators := []access.RoleAccess{{
		RoleID: 3, Name: "Operators", Permissions: []permissions.ContainerPermission{permissions.ContainerRead, permissions.ContainerSchedule},
	}}
	const operatorsBody = `[{"SecurityRoleId":3,"Permissions":["Read","Schedule"]}]`
	audit := access.CollectionAudit{
		CollectionID:      6,
		AccessControlList: []access.CollectionAccess{{RoleID: 1, AreaPermissions: []int{4, 5, 41}}},
		AssignableRoles:   []access.AssignableRole{{RoleID: 1, Name: "Administrator"}},
	}
	accounts := []access.CertificateAccessV1{
		{
			ID: 7, AccountName: `KEYEXAMPLE\jsmith`, IdentityType: "User", SID: new("S-1-5-21-1111111111-2222222222-3333333333-1104"),
			Permissions: []access.CertificatePermission{{Name: "Read", GrantedBy: []string{"Read Only", "Staff"}}},
		},
		{ID: 8, AccountName: `KEYEXAMPLE\staff`, IdentityType: "Group", Permissions: []access.CertificatePermission{}},
	}
	for name, test := range map[string]struct {
		exchange apitest.Exchange
		call     func(context.Context, *security.Client) (any, error)
		want     any
	}{
		"My": {
			apitest.Exchange{Method: "GET", Path: "/Security/My", Answer: apitest.Fixture(t, "my.json")},
			func(ctx context.Context, c *security.Client) (any, error) { return access.NewV1(c).My(ctx) },
			&access.My{Roles: []string{"Administrator"}, Global: []access.GlobalPermission{
				{Area: "AdminPortal", Permission: "Read"}, {Area: "Dashboard", Permission: "Read"},
			}},
		},
		"My of Command 25": {
			apitest.Exchange{
				Method: "GET", Path: "/Security/My",
				Answer: `{"Roles":[],"GlobalPermissions":[],"GranularPermissions":[{"Area":"Certificates","Permission":"Read","SecurableId":6}]}`,
			},
			func(ctx context.Context, c *security.Client) (any, error) { return access.NewV1(c).My(ctx) },
			&access.My{Roles: []string{}, Global: []access.GlobalPermission{}, Granular: []access.GranularPermission{
				{Area: "Certificates", Permission: "Read", ObjectID: 6},
			}},
		},
		"MyPermissions": {
			apitest.Exchange{Method: "GET", Path: "/Security/My/Permissions", Answer: apitest.Fixture(t, "my_permissions.json")},
			func(ctx context.Context, c *security.Client) (any, error) { return access.NewV1(c).MyPermissions(ctx) },
			&access.MyPermissions{Permissions: []permissions.Path{"/certificates/collections/read/", "/dashboard/", "/portal/"}},
		},
		"AuditCollection": {
			apitest.Exchange{Method: "GET", Path: "/Security/Audit/Collections/6", Answer: apitest.Fixture(t, "collection.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).AuditCollection(ctx, 6)
			},
			&audit,
		},
		"AuditCollection with ids as strings": {
			apitest.Exchange{Method: "GET", Path: "/Security/Audit/Collections/6", Answer: apitest.Fixture(t, "collection_documented.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).AuditCollection(ctx, 6)
			},
			&audit,
		},
		"ContainerRoles": {
			apitest.Exchange{Method: "GET", Path: "/Security/Containers/2/Roles", Answer: apitest.Fixture(t, "container_roles.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).ContainerRoles(ctx, 2)
			},
			operators,
		},
		"SetContainerRoles": {
			apitest.Exchange{Method: "POST", Path: "/Security/Containers/2/Roles", Body: operatorsBody, Answer: apitest.Fixture(t, "container_roles.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).SetContainerRoles(ctx, 2, operators)
			},
			operators,
		},
		"ApplicationRoles": {
			apitest.Exchange{Method: "GET", Path: "/Security/Applications/2/Roles", Answer: apitest.Fixture(t, "container_roles.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).ApplicationRoles(ctx, 2)
			},
			operators,
		},
		"SetApplicationRoles": {
			apitest.Exchange{Method: "POST", Path: "/Security/Applications/2/Roles", Body: operatorsBody, Answer: apitest.Fixture(t, "container_roles.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).SetApplicationRoles(ctx, 2, operators)
			},
			operators,
		},
		"SetApplicationRoles to nothing": {
			apitest.Exchange{Method: "POST", Path: "/Security/Applications/2/Roles", Body: `[{"SecurityRoleId":3,"Permissions":[]}]`, Answer: `[]`},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).SetApplicationRoles(ctx, 2, []access.RoleAccess{{RoleID: 3}})
			},
			[]access.RoleAccess{},
		},
		"SetApplicationRoles without roles": {
			apitest.Exchange{Method: "POST", Path: "/Security/Applications/2/Roles", Body: `[]`, Answer: `[]`},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).SetApplicationRoles(ctx, 2, nil)
			},
			[]access.RoleAccess{},
		},
		"AuditCertificate V1": {
			apitest.Exchange{Method: "GET", Path: "/Certificates/IdentityAudit/31", Query: "collectionId=6", Answer: apitest.Fixture(t, "certificate_v1.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).AuditCertificate(ctx, 31, 6)
			},
			accounts,
		},
		"AuditCertificate V1 without a collection": {
			apitest.Exchange{Method: "GET", Path: "/Certificates/IdentityAudit/31", Answer: apitest.Fixture(t, "certificate_v1.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).AuditCertificate(ctx, 31, 0)
			},
			accounts,
		},
		"AuditCertificate V2": {
			apitest.Exchange{
				Method: "GET", Path: "/Certificates/IdentityAudit/31", Version: 2, Query: "collectionId=6",
				Answer: apitest.Fixture(t, "certificate_v2.json"),
			},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV2(c).AuditCertificate(ctx, 31, 6)
			},
			[]access.CertificateAccessV2{{
				Identity: access.CertificateIdentityV2{
					ID: 12, Description: "PKI admins", Type: claims.TypeGroup, Value: `KEYEXAMPLE\PKI Administrators`,
					Provider: access.CertificateProviderV2{ID: "11111111-2222-3333-4444-555555555555", Name: "Active Directory"},
				},
				Permissions: []access.CertificatePermission{{Name: "Read", GrantedBy: []string{"Staff"}}},
			}},
		},
		"CertificateSecurity": {
			apitest.Exchange{Method: "GET", Path: "/Certificates/31/Security", Query: "collectionId=6", Answer: apitest.Fixture(t, "certificate_security.json")},
			func(ctx context.Context, c *security.Client) (any, error) {
				return access.NewV1(c).CertificateSecurity(ctx, 31, 6)
			},
			&access.CertificateSecurity{Roles: []access.CertificateRole{{Name: "Staff", Permissions: []string{"Read", "Revoke"}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.exchange.Version = max(test.exchange.Version, 1)
			got, err := test.call(t.Context(), apitest.Client(t, test.exchange))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("result is %+v, want %+v", got, test.want)
			}
		})
	}
	if got := (access.GlobalPermission{Area: "SSH", Permission: "User"}).Legacy(); got != "SSH:User" {
		t.Errorf("the permission as roles list it is %s", got)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	apitest.Lossless[access.My](t, apitest.Fixture(t, "my.json"))
	apitest.Lossless[access.MyPermissions](t, apitest.Fixture(t, "my_permissions.json"))
	apitest.Lossless[access.CollectionAudit](t, apitest.Fixture(t, "collection.json"))
	apitest.Lossless[[]access.RoleAccess](t, apitest.Fixture(t, "container_roles.json"))
	apitest.Lossless[[]access.CertificateAccessV1](t, apitest.Fixture(t, "certificate_v1.json"))
	apitest.Lossless[[]access.CertificateAccessV2](t, apitest.Fixture(t, "certificate_v2.json"))
	apitest.Lossless[access.CertificateSecurity](t, apitest.Fixture(t, "certificate_security.json"))
}

func TestDecodesOddities(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		`{"queryId":6,"accessControlList":null,"assignableRoles":[{"roleId":null,"name":"A"},{"Name":"B"}]}`: access.CollectionAudit{
			CollectionID: 6, AssignableRoles: []access.AssignableRole{{Name: "A"}, {Name: "B"}},
		},
		`{"identity":{"claimType":5,"provider":null},"permissions":null}`: access.CertificateAccessV2{
			Identity: access.CertificateIdentityV2{Type: claims.TypeOAuthSubject},
		},
		`{"Identity":{"ClaimType":"QuantumToken"}}`: access.CertificateAccessV2{Identity: access.CertificateIdentityV2{Type: "QuantumToken"}},
	} {
		got := reflect.New(reflect.TypeOf(want))
		if err := json.Unmarshal([]byte(text), got.Interface()); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !reflect.DeepEqual(got.Elem().Interface(), want) {
			t.Errorf("%s\nis %+v\nwant %+v", text, got.Elem().Interface(), want)
		}
	}
	for _, text := range []string{`{"RoleId":"one"}`, `{"RoleId":true}`, `{"RoleId":1.5}`, `{"RoleId":"1","Name":7}`} {
		if err := json.Unmarshal([]byte(text), new(access.AssignableRole)); err == nil {
			t.Errorf("%s is decoded", text)
		}
		if text != `{"RoleId":"1","Name":7}` && json.Unmarshal([]byte(text), new(access.CollectionAccess)) == nil {
			t.Errorf("%s is decoded", text)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s, s2 := access.NewV1(apitest.Client(t)), access.NewV2(apitest.Client(t))
	ctx := t.Context()
	for name, call := range map[string]func(int) (any, error){
		"AuditCollection":     func(id int) (any, error) { return s.AuditCollection(ctx, id) },
		"ContainerRoles":      func(id int) (any, error) { return s.ContainerRoles(ctx, id) },
		"SetContainerRoles":   func(id int) (any, error) { return s.SetContainerRoles(ctx, id, nil) },
		"ApplicationRoles":    func(id int) (any, error) { return s.ApplicationRoles(ctx, id) },
		"SetApplicationRoles": func(id int) (any, error) { return s.SetApplicationRoles(ctx, id, nil) },
		"AuditCertificate V1": func(id int) (any, error) { return s.AuditCertificate(ctx, id, 6) },
		"AuditCertificate V2": func(id int) (any, error) { return s2.AuditCertificate(ctx, id, 6) },
		"CertificateSecurity": func(id int) (any, error) { return s.CertificateSecurity(ctx, id, 6) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, id := range []int{0, -1} {
				_, err := call(id)
				apitest.Refused(t, err, "id")
			}
		})
	}
	for _, call := range []func(int) (any, error){
		func(id int) (any, error) { return s.AuditCertificate(ctx, 31, id) },
		func(id int) (any, error) { return s2.AuditCertificate(ctx, 31, id) },
		func(id int) (any, error) { return s.CertificateSecurity(ctx, 31, id) },
	} {
		_, err := call(-1)
		apitest.Refused(t, err, "collectionID")
	}
	list := []access.RoleAccess{{Permissions: []permissions.ContainerPermission{"Read"}}, {RoleID: 3, Permissions: []permissions.ContainerPermission{"Read", " "}}}
	_, err := s.SetApplicationRoles(ctx, 2, list)
	apitest.Refused(t, err, "roles[0].RoleID", "roles[1].Permissions[1]")
	_, err = s.SetContainerRoles(ctx, 2, list)
	apitest.Refused(t, err, "roles[0].RoleID", "roles[1].Permissions[1]")
}
