package roles_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { apitest.Main(m) }

// auditors is the role of testdata/v1_role.json, updated that of
// v1_role_updated.json, reporting that of v1_roles.json, and full that of
// v1_role_full.json.
func auditors() roles.RoleV1 {
	return roles.RoleV1{
		ID: 909, Name: "Auditors", Description: "Read-only staff", Enabled: true, Valid: new(true),
		PermissionSetID: permissionsets.GlobalID, Identities: []roles.IdentityRefV1{}, Permissions: []permissions.Legacy{},
	}
}

func updated() roles.RoleV1 {
	r := auditors()
	r.Description = "Updated"
	r.Permissions = []permissions.Legacy{"Certificates:EditMetadata", "Certificates:Read"}
	return r
}

func reporting() roles.RoleV1 {
	return roles.RoleV1{
		ID: 2, Name: "Reporting API Access", Description: "Default Role For Dashboard use",
		Enabled: true, Immutable: true, Valid: new(true), PermissionSetID: permissionsets.GlobalID,
		Identities: []roles.IdentityRefV1{{
			ID: 2, AccountName: `KEYEXAMPLE\svc_pool`, IdentityType: "User", SID: new("S-1-5-21-1111111111-2222222222-3333333333-1104"),
		}},
		Permissions: []permissions.Legacy{"AdminPortal:Read", "Dashboard:Read"},
	}
}

func full() roles.RoleV1 {
	return roles.RoleV1{
		ID: 909, Name: "Auditors", Description: "Read-only staff", EmailAddress: new("team@example.com"),
		Immutable: true, Valid: new(false), Private: true, PermissionSetID: "11111111-2222-3333-4444-555555555555",
		Identities: []roles.IdentityRefV1{
			{ID: 2, AccountName: `KEYEXAMPLE\svc_pool`, IdentityType: "User", SID: new("S-1-5-21-1111111111-2222222222-3333333333-1104")},
			{ID: 7, AccountName: `KEYEXAMPLE\jsmith`, IdentityType: "User"},
		},
		Permissions: []permissions.Legacy{"Certificates:EditMetadata", "Certificates:Read"},
	}
}

func TestV1(t *testing.T) {
	t.Parallel()
	created, changed, whole := auditors(), updated(), full()
	role := func(method, path, body, fixture string) apitest.Exchange {
		return apitest.Exchange{Method: method, Path: path, Version: 1, Body: body, Answer: apitest.Fixture(t, fixture)}
	}
	for name, test := range map[string]struct {
		exchange apitest.Exchange
		call     func(context.Context, *roles.V1) (any, error)
		want     any
	}{
		"List": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Roles", Version: 1,
				Query:  `QueryString=(Name -eq "Reporting API Access")&SortField=Name&SortAscending=1&PageReturned=1&ReturnLimit=5&Validate=false`,
				Header: http.Header{"X-Total-Count": {"1"}}, Answer: apitest.Fixture(t, "v1_roles.json"),
			},
			call: func(ctx context.Context, s *roles.V1) (any, error) {
				return s.List(ctx, &roles.ListOptionsV1{
					Filter: roles.FieldName.Eq("Reporting API Access"), SortBy: roles.SortName, Order: security.Descending,
					Page: 1, PageSize: 5, Validate: new(false),
				})
			},
			want: &security.Page[roles.RoleV1]{Items: []roles.RoleV1{reporting()}, Number: 1, Size: 5, Total: 1},
		},
		"All": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/Security/Roles", Version: 1, Query: "SortField=Name&PageReturned=1&ReturnLimit=200",
				Header: http.Header{"X-Total-Count": {"1"}}, Answer: apitest.Fixture(t, "v1_roles.json"),
			},
			call: func(ctx context.Context, s *roles.V1) (any, error) { return security.Collect(s.All(ctx, nil)) },
			want: []roles.RoleV1{reporting()},
		},
		"Get": {
			exchange: role("GET", "/Security/Roles/909", "", "v1_role_full.json"),
			call:     func(ctx context.Context, s *roles.V1) (any, error) { return s.Get(ctx, 909) },
			want:     &whole,
		},
		"Create": {
			exchange: role("POST", "/Security/Roles", `{"Name":"Auditors","Description":"Read-only staff","Permissions":[],"Identities":[]}`, "v1_role.json"),
			call: func(ctx context.Context, s *roles.V1) (any, error) {
				return s.Create(ctx, roles.CreateV1{Name: "Auditors", Description: "Read-only staff"})
			},
			want: &created,
		},
		"Create with everything": {
			exchange: role("POST", "/Security/Roles", `{"Name":"Auditors","Description":"Ops","EmailAddress":"","Enabled":false,"Private":true,
				"Permissions":["AdminPortal:Read"],"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749",
				"Identities":[{"AccountName":"KEYEXAMPLE\\jsmith"},{"AccountName":"KEYEXAMPLE\\svc_pool","SID":"S-1-5-21-1"}]}`, "v1_role.json"),
			call: func(ctx context.Context, s *roles.V1) (any, error) {
				return s.Create(ctx, roles.CreateV1{
					Name: "Auditors", Description: "Ops", EmailAddress: new(""), Enabled: new(false), Private: new(true),
					Permissions: []permissions.Legacy{"AdminPortal:Read"}, PermissionSetID: permissionsets.GlobalID,
					Identities: []roles.MemberV1{{AccountName: `KEYEXAMPLE\jsmith`}, {AccountName: `KEYEXAMPLE\svc_pool`, SID: new("S-1-5-21-1")}},
				})
			},
			want: &created,
		},
		"Update": {
			exchange: role("PUT", "/Security/Roles", `{"Id":909,"Name":"Auditors","Description":"Updated","Enabled":true,"Private":false,
				"Permissions":["Certificates:EditMetadata","Certificates:Read"],"PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749",
				"Identities":[]}`, "v1_role_updated.json"),
			call: func(ctx context.Context, s *roles.V1) (any, error) { return s.Update(ctx, updated().ToUpdate()) },
			want: &changed,
		},
		"Update with everything that was read": {
			exchange: role("PUT", "/Security/Roles", `{"Id":909,"Name":"Auditors","Description":"Read-only staff","EmailAddress":"team@example.com",
				"Enabled":false,"Private":true,"Permissions":["Certificates:EditMetadata","Certificates:Read"],
				"PermissionSetId":"11111111-2222-3333-4444-555555555555","Identities":[
					{"AccountName":"KEYEXAMPLE\\svc_pool","SID":"S-1-5-21-1111111111-2222222222-3333333333-1104"},
					{"AccountName":"KEYEXAMPLE\\jsmith"}]}`, "v1_role_full.json"),
			call: func(ctx context.Context, s *roles.V1) (any, error) { return s.Update(ctx, full().ToUpdate()) },
			want: &whole,
		},
		"Update of an emptied role": {
			exchange: role("PUT", "/Security/Roles", `{"Id":909,"Name":"Auditors","Description":"Updated","Permissions":[],"Identities":[]}`, "v1_role.json"),
			call: func(ctx context.Context, s *roles.V1) (any, error) {
				return s.Update(ctx, roles.UpdateV1{ID: 909, Name: "Auditors", Description: "Updated"})
			},
			want: &created,
		},
		"Delete": {
			exchange: apitest.Exchange{Method: "DELETE", Path: "/Security/Roles/909", Version: 1, Status: 204},
			call:     func(ctx context.Context, s *roles.V1) (any, error) { return nil, s.Delete(ctx, 909) },
		},
		"Copy": {
			exchange: role("POST", "/Security/Roles/2/Copy", `{"Name":"Auditors","Description":"Read-only staff"}`, "v1_role.json"),
			call: func(ctx context.Context, s *roles.V1) (any, error) {
				return s.Copy(ctx, 2, roles.CopyV1{Name: "Auditors", Description: "Read-only staff"})
			},
			want: &created,
		},
		"Copy with an address": {
			exchange: role("POST", "/Security/Roles/2/Copy", `{"Name":"Auditors","Description":"Read-only staff","EmailAddress":"team@example.com"}`, "v1_role_full.json"),
			call: func(ctx context.Context, s *roles.V1) (any, error) {
				return s.Copy(ctx, 2, roles.CopyV1{Name: "Auditors", Description: "Read-only staff", EmailAddress: new("team@example.com")})
			},
			want: &whole,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), roles.NewV1(apitest.Client(t, test.exchange)))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("result is %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestV1Parts(t *testing.T) {
	t.Parallel()
	var (
		members     = []roles.RoleIdentityV1{{ID: 7, Name: `KEYEXAMPLE\jsmith`}}
		all         = []roles.AreaPermissionV1{{Type: "Global", Area: "AdminPortal", Permission: "Read"}}
		globals     = []roles.GlobalPermissionV1{{Area: "Dashboard", Permission: "Read"}}
		collections = []roles.CollectionPermissionV1{
			{CollectionID: 6, Name: "Web servers", Permission: permissions.CollectionRead},
			{CollectionID: 6, Name: "Web servers", Permission: permissions.CollectionRevoke},
		}
		containers = []roles.ContainerPermissionV1{
			{ContainerID: 2, Name: "IIS servers", Permission: permissions.ContainerRead},
			{ContainerID: 2, Name: "IIS servers", Permission: permissions.ContainerSchedule},
		}
		pam = []roles.PAMProviderPermissionsV1{{PAMProviderID: 1, Name: "Vault", Permissions: []permissions.PAMProviderPermission{
			permissions.PAMProviderRead, permissions.PAMProviderModify,
		}}}
	)
	const (
		globalBody     = `[{"Area":"Dashboard","Permission":"Read"}]`
		collectionBody = `[{"CollectionId":6,"Permission":"Read"},{"CollectionId":6,"Permission":"Revoke"}]`
		containerBody  = `[{"ContainerId":2,"Permission":"Read"},{"ContainerId":2,"Permission":"Schedule"}]`
		pamBody        = `[{"PamProviderId":1,"Permissions":["Read","Modify"]}]`
	)
	for name, test := range map[string]struct {
		method, path, body, answer string // the answer is a file of testdata, or JSON
		call                       func(context.Context, *roles.V1) (any, error)
		want                       any
	}{
		"Identities": {
			"GET", "Identities", "", "v1_identities.json",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.Identities(ctx, 5) }, members,
		},
		"SetIdentities": {
			"PUT", "Identities", `{"Ids":[7,9]}`, `[{"Id":9,"Name":"KEYEXAMPLE\\ops"},{"Id":7,"Name":"KEYEXAMPLE\\jsmith"}]`,
			func(ctx context.Context, s *roles.V1) (any, error) { return s.SetIdentities(ctx, 5, []int{7, 9, 7}) },
			[]roles.RoleIdentityV1{{ID: 9, Name: `KEYEXAMPLE\ops`}, {ID: 7, Name: `KEYEXAMPLE\jsmith`}},
		},
		"SetIdentities to none": {
			"PUT", "Identities", `{"Ids":[]}`, "[]",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.SetIdentities(ctx, 5, nil) },
			[]roles.RoleIdentityV1{},
		},
		"Permissions": {
			"GET", "Permissions", "", "v1_permissions.json",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.Permissions(ctx, 5) }, all,
		},
		"GlobalPermissions": {
			"GET", "Permissions/Global", "", "v1_permissions_global.json",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.GlobalPermissions(ctx, 5) }, globals,
		},
		"AddGlobalPermissions": {
			"POST", "Permissions/Global", globalBody, "v1_permissions_global.json",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.AddGlobalPermissions(ctx, 5, globals) }, globals,
		},
		"SetGlobalPermissions": {
			"PUT", "Permissions/Global", globalBody, "v1_permissions_global.json",
			func(ctx context.Context, s *roles.V1) (any, error) {
				return s.SetGlobalPermissions(ctx, 5, append(globals, globals...))
			}, globals,
		},
		"SetGlobalPermissions to none": {
			"PUT", "Permissions/Global", `[]`, "[]",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.SetGlobalPermissions(ctx, 5, nil) },
			[]roles.GlobalPermissionV1{},
		},
		"CollectionPermissions": {
			"GET", "Permissions/Collections", "", "v1_permissions_collections.json",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.CollectionPermissions(ctx, 5) }, collections,
		},
		"AddCollectionPermissions": {
			"POST", "Permissions/Collections", collectionBody, "v1_permissions_collections.json",
			func(ctx context.Context, s *roles.V1) (any, error) {
				return s.AddCollectionPermissions(ctx, 5, collections)
			}, collections,
		},
		"SetCollectionPermissions": {
			"PUT", "Permissions/Collections", collectionBody, "v1_permissions_collections.json",
			func(ctx context.Context, s *roles.V1) (any, error) {
				return s.SetCollectionPermissions(ctx, 5, collections)
			}, collections,
		},
		"SetCollectionPermissions to none": {
			"PUT", "Permissions/Collections", `[]`, "[]",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.SetCollectionPermissions(ctx, 5, nil) },
			[]roles.CollectionPermissionV1{},
		},
		"ContainerPermissions": {
			"GET", "Permissions/Containers", "", "v1_permissions_containers.json",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.ContainerPermissions(ctx, 5) }, containers,
		},
		"AddContainerPermissions": {
			"POST", "Permissions/Containers", containerBody, "v1_permissions_containers.json",
			func(ctx context.Context, s *roles.V1) (any, error) {
				return s.AddContainerPermissions(ctx, 5, containers)
			}, containers,
		},
		"AddContainerPermissions that need what the role may hold": {
			"POST", "Permissions/Containers", `[{"ContainerId":2,"Permission":"Schedule"}]`, "v1_permissions_containers.json",
			func(ctx context.Context, s *roles.V1) (any, error) {
				return s.AddContainerPermissions(ctx, 5, containers[1:])
			}, containers,
		},
		"SetContainerPermissions": {
			"PUT", "Permissions/Containers", containerBody, "v1_permissions_containers.json",
			func(ctx context.Context, s *roles.V1) (any, error) {
				return s.SetContainerPermissions(ctx, 5, containers)
			}, containers,
		},
		"PAMProviderPermissions": {
			"GET", "Permissions/PamProviders", "", "v1_permissions_pam.json",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.PAMProviderPermissions(ctx, 5) }, pam,
		},
		"SetPAMProviderPermissions": {
			"PUT", "Permissions/PamProviders", pamBody, "v1_permissions_pam.json",
			func(ctx context.Context, s *roles.V1) (any, error) { return s.SetPAMProviderPermissions(ctx, 5, pam) }, pam,
		},
		"SetPAMProviderPermissions to none": {
			"PUT", "Permissions/PamProviders", `[{"PamProviderId":1,"Permissions":[]}]`, `[{"PamProviderId":1,"Name":"Vault","Permissions":[]}]`,
			func(ctx context.Context, s *roles.V1) (any, error) {
				return s.SetPAMProviderPermissions(ctx, 5, []roles.PAMProviderPermissionsV1{{PAMProviderID: 1}})
			},
			[]roles.PAMProviderPermissionsV1{{PAMProviderID: 1, Name: "Vault", Permissions: []permissions.PAMProviderPermission{}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := test.answer
			if strings.HasSuffix(answer, ".json") {
				answer = apitest.Fixture(t, answer)
			}
			got, err := test.call(t.Context(), roles.NewV1(apitest.Client(t, apitest.Exchange{
				Method: test.method, Path: "/Security/Roles/5/" + test.path, Version: 1, Body: test.body, Answer: answer,
			})))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("result is %+v, want %+v", got, test.want)
			}
		})
	}
	if got := globals[0].Legacy(); got != "Dashboard:Read" {
		t.Errorf("the permission as roles list it is %s", got)
	}
}

func TestV1RoundTrip(t *testing.T) {
	t.Parallel()
	apitest.Lossless[roles.RoleV1](t, apitest.Fixture(t, "v1_role.json"))
	apitest.Lossless[roles.RoleV1](t, apitest.Fixture(t, "v1_role_updated.json"))
	apitest.Lossless[roles.RoleV1](t, apitest.Fixture(t, "v1_role_full.json"))
	apitest.Lossless[[]roles.RoleV1](t, apitest.Fixture(t, "v1_roles.json"))
	apitest.Lossless[[]roles.RoleV1](t, apitest.Fixture(t, "v1_roles_administrator.json"))
	apitest.Lossless[roles.CreateV1](t, apitest.Fixture(t, "v1_create_request.json"))
	apitest.Lossless[roles.CreateV1](t, apitest.Fixture(t, "v1_create_request_identities.json"))
	apitest.Lossless[roles.UpdateV1](t, apitest.Fixture(t, "v1_update_request.json"))
	apitest.Lossless[[]roles.RoleIdentityV1](t, apitest.Fixture(t, "v1_identities.json"))
	apitest.Lossless[[]roles.AreaPermissionV1](t, apitest.Fixture(t, "v1_permissions.json"))
	apitest.Lossless[[]roles.GlobalPermissionV1](t, apitest.Fixture(t, "v1_permissions_global.json"))
	apitest.Lossless[[]roles.CollectionPermissionV1](t, apitest.Fixture(t, "v1_permissions_collections.json"))
	apitest.Lossless[[]roles.ContainerPermissionV1](t, apitest.Fixture(t, "v1_permissions_containers.json"))
	apitest.Lossless[[]roles.PAMProviderPermissionsV1](t, apitest.Fixture(t, "v1_permissions_pam.json"))
}

func TestRoleV1DecodesOddities(t *testing.T) {
	t.Parallel()
	bare := roles.RoleV1{ID: 5, Name: "Auditors", Description: "Staff", Enabled: true}
	unnumbered := bare
	unnumbered.ID = 0
	for text, want := range map[string]roles.RoleV1{
		// Command 10 has neither address nor permission set.
		`{"Id":5,"Description":"Staff","Enabled":true,"Name":"Auditors"}`:                                      bare,
		`{"id":5,"description":"Staff","enabled":true,"name":"Auditors","emailAddress":null,"valid":null}`:     bare,
		`{"Id":5,"Description":"Staff","Enabled":true,"Name":"Auditors","Identities":null,"Permissions":null}`: bare,
		`{"Id":null,"Description":"Staff","Enabled":true,"Name":"Auditors","Immutable":null,"Private":null}`:   unnumbered,
	} {
		var got roles.RoleV1
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis %+v\nwant %+v", text, got, want)
		}
	}
}

// TestRoleV1Update proves that what Update hands out can be changed without
// changing the role.
func TestRoleV1Update(t *testing.T) {
	t.Parallel()
	r := full()
	u := r.ToUpdate()
	u.Permissions[0], u.Identities[0].AccountName, *u.Enabled = "SSH:User", "", true
	if !reflect.DeepEqual(r, full()) {
		t.Errorf("changing the update changed the role: %+v", r)
	}
}

func TestV1Refused(t *testing.T) {
	t.Parallel()
	s := roles.NewV1(apitest.Client(t))
	ctx := t.Context()
	create := func(change func(*roles.UpdateV1), fields ...string) {
		t.Helper()
		u := full().ToUpdate()
		change(&u)
		_, err := s.Update(ctx, u)
		apitest.Refused(t, err, fields...)
		if fields[0] == "ID" {
			return
		}
		_, err = s.Create(ctx, roles.CreateV1{
			Name: u.Name, Description: u.Description, EmailAddress: u.EmailAddress, PermissionSetID: u.PermissionSetID,
			Permissions: u.Permissions, Identities: u.Identities,
		})
		apitest.Refused(t, err, fields...)
	}
	create(func(u *roles.UpdateV1) { u.ID = 0 }, "ID")
	create(func(u *roles.UpdateV1) { u.ID = -3 }, "ID")
	create(func(u *roles.UpdateV1) { u.Name = "" }, "Name")
	create(func(u *roles.UpdateV1) { u.Name = " " }, "Name")
	create(func(u *roles.UpdateV1) { u.Description = "" }, "Description")
	create(func(u *roles.UpdateV1) { u.EmailAddress = new(strings.Repeat("x", 257)) }, "EmailAddress")
	create(func(u *roles.UpdateV1) { u.PermissionSetID = "Global" }, "PermissionSetID")
	create(func(u *roles.UpdateV1) { u.Permissions[1] = "Certificates" }, "Permissions[1]")
	create(func(u *roles.UpdateV1) { u.Permissions[0] = "/certificates/" }, "Permissions[0]")
	create(func(u *roles.UpdateV1) { u.Identities[1].AccountName = "" }, "Identities[1].AccountName")
	create(func(u *roles.UpdateV1) { *u = roles.UpdateV1{ID: 1} }, "Name", "Description")

	_, err := s.Copy(ctx, 5, roles.CopyV1{})
	apitest.Refused(t, err, "Name", "Description")
	_, err = s.SetIdentities(ctx, 5, []int{7, 0, -1})
	apitest.Refused(t, err, "ids[1]", "ids[2]")
	for _, set := range []func([]roles.GlobalPermissionV1) error{
		func(items []roles.GlobalPermissionV1) error {
			_, err := s.SetGlobalPermissions(ctx, 5, items)
			return err
		},
		func(items []roles.GlobalPermissionV1) error {
			_, err := s.AddGlobalPermissions(ctx, 5, items)
			return err
		},
	} {
		apitest.Refused(t, set([]roles.GlobalPermissionV1{{Permission: "Read"}, {Area: "SSH"}, {}}),
			"items[0].Area", "items[1].Permission", "items[2].Area", "items[2].Permission")
		apitest.Refused(t, set([]roles.GlobalPermissionV1{{Area: "SSH:User", Permission: "Read"}, {Area: "Collections[6]", Permission: "Read"}}),
			"items[0]", "items[1].Area")
	}
	for _, set := range []func([]roles.CollectionPermissionV1) error{
		func(items []roles.CollectionPermissionV1) error {
			_, err := s.SetCollectionPermissions(ctx, 5, items)
			return err
		},
		func(items []roles.CollectionPermissionV1) error {
			_, err := s.AddCollectionPermissions(ctx, 5, items)
			return err
		},
	} {
		apitest.Refused(t, set([]roles.CollectionPermissionV1{{Permission: "Read"}, {CollectionID: 6}}), "items[0].CollectionID", "items[1].Permission")
	}
	for _, set := range []func([]roles.ContainerPermissionV1) error{
		func(items []roles.ContainerPermissionV1) error {
			_, err := s.SetContainerPermissions(ctx, 5, items)
			return err
		},
		func(items []roles.ContainerPermissionV1) error {
			_, err := s.AddContainerPermissions(ctx, 5, items)
			return err
		},
	} {
		apitest.Refused(t, set([]roles.ContainerPermissionV1{{ContainerID: -1, Permission: "Read"}, {ContainerID: 6}}), "items[0].ContainerID", "items[1].Permission")
	}
	_, err = s.SetPAMProviderPermissions(ctx, 5, []roles.PAMProviderPermissionsV1{
		{Permissions: []permissions.PAMProviderPermission{"Read", ""}}, {PAMProviderID: 1}, {PAMProviderID: 1},
	})
	apitest.Refused(t, err, "items[0].PAMProviderID", "items[0].Permissions[1]", "items[2].PAMProviderID")
}

func TestPrerequisites(t *testing.T) {
	t.Parallel()
	s := roles.NewV1(apitest.Client(t))
	ctx := t.Context()
	_, err := s.SetContainerPermissions(ctx, 5, []roles.ContainerPermissionV1{
		{ContainerID: 1, Permission: permissions.ContainerModify}, // its prerequisites come later
		{ContainerID: 1, Permission: permissions.ContainerSchedule},
		{ContainerID: 1, Permission: permissions.ContainerRead},
		{ContainerID: 2, Permission: permissions.ContainerModify}, // container 1 does not help
		{ContainerID: 3, Permission: permissions.ContainerRevoke},
		{ContainerID: 3, Permission: "Invent"}, // nothing is known about it
	})
	apitest.Refused(t, err, "items[3]", "items[3]", "items[4]")
	if err == nil || !strings.Contains(err.Error(), "Modify needs Schedule on the same container (2)") {
		t.Errorf("error is %v", err)
	}
	_, err = s.SetPAMProviderPermissions(ctx, 5, []roles.PAMProviderPermissionsV1{
		{PAMProviderID: 1, Permissions: []permissions.PAMProviderPermission{"Modify", "Read"}},
		{PAMProviderID: 2, Permissions: []permissions.PAMProviderPermission{"Modify"}},
	})
	apitest.Refused(t, err, "items[1].Permissions[0]")
}

func TestV1RefusesIDs(t *testing.T) {
	t.Parallel()
	s := roles.NewV1(apitest.Client(t))
	ctx := t.Context()
	for name, call := range map[string]func(int) (any, error){
		"Get":                       func(id int) (any, error) { return s.Get(ctx, id) },
		"Delete":                    func(id int) (any, error) { return nil, s.Delete(ctx, id) },
		"Copy":                      func(id int) (any, error) { return s.Copy(ctx, id, roles.CopyV1{Name: "a", Description: "b"}) },
		"Identities":                func(id int) (any, error) { return s.Identities(ctx, id) },
		"SetIdentities":             func(id int) (any, error) { return s.SetIdentities(ctx, id, nil) },
		"Permissions":               func(id int) (any, error) { return s.Permissions(ctx, id) },
		"GlobalPermissions":         func(id int) (any, error) { return s.GlobalPermissions(ctx, id) },
		"AddGlobalPermissions":      func(id int) (any, error) { return s.AddGlobalPermissions(ctx, id, nil) },
		"SetGlobalPermissions":      func(id int) (any, error) { return s.SetGlobalPermissions(ctx, id, nil) },
		"CollectionPermissions":     func(id int) (any, error) { return s.CollectionPermissions(ctx, id) },
		"AddCollectionPermissions":  func(id int) (any, error) { return s.AddCollectionPermissions(ctx, id, nil) },
		"SetCollectionPermissions":  func(id int) (any, error) { return s.SetCollectionPermissions(ctx, id, nil) },
		"ContainerPermissions":      func(id int) (any, error) { return s.ContainerPermissions(ctx, id) },
		"AddContainerPermissions":   func(id int) (any, error) { return s.AddContainerPermissions(ctx, id, nil) },
		"SetContainerPermissions":   func(id int) (any, error) { return s.SetContainerPermissions(ctx, id, nil) },
		"PAMProviderPermissions":    func(id int) (any, error) { return s.PAMProviderPermissions(ctx, id) },
		"SetPAMProviderPermissions": func(id int) (any, error) { return s.SetPAMProviderPermissions(ctx, id, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, id := range []int{0, -1} {
				_, err := call(id)
				apitest.Refused(t, err, "id")
			}
		})
	}
}
