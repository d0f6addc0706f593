package roles_test

import (
	"context"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// The answer to a write shows the role under the name that was sent.
func TestAnotherNameWasWritten(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"Metadata": true, " metadata ": true, "Everyone": false, "": false} {
		client := apitest.Saying(t, []byte(`{"Id":5,"Name":"`+name+`","Description":"d","Permissions":[],"Claims":[],"Identities":[]}`))
		v1, v2 := roles.NewV1(client), roles.NewV2(client)
		_, err1 := v1.Update(t.Context(), roles.UpdateV1{ID: 5, Name: "Metadata", Description: "d"})
		_, err2 := v2.Update(t.Context(), roles.UpdateV2{ID: 5, Name: "Metadata", Description: "d", PermissionSetID: "099c05f0-deba-4562-a5b1-f491e19c0749"})
		_, err3 := v1.Copy(t.Context(), 6, roles.CopyV1{Name: "Metadata", Description: "d"})
		for call, err := range map[string]error{"V1.Update": err1, "V2.Update": err2, "Copy": err3} {
			if ok && err != nil {
				t.Errorf("%s, %q: %v", call, name, err)
			} else if !ok {
				is(t, err, security.ErrUnknownOutcome)
			}
		}
	}
}

// A copy is another role than the one that was copied, whatever its name.
func TestCopyIsNotTheSource(t *testing.T) {
	t.Parallel()
	s := roles.NewV1(apitest.Saying(t, []byte(`{"Id":5,"Name":"Copy","Description":"d"}`)))
	role, err := s.Copy(t.Context(), 5, roles.CopyV1{Name: "Copy", Description: "d"})
	if is(t, err, security.ErrUnknownOutcome); role != nil || !strings.Contains(err.Error(), "it is about role 5, which was to be copied") {
		t.Errorf("%v, %v", role, err)
	}
}

// The lists below a role: what they say, what is refused, and what is taken.
func TestListsOfARole(t *testing.T) {
	t.Parallel()
	type (
		global     = roles.GlobalPermissionV1
		collection = roles.CollectionPermissionV1
		container  = roles.ContainerPermissionV1
		pam        = roles.PAMProviderPermissionsV1
	)
	reads := []string{`[{}]`, `[null]`, `[{"Name":"x"}]`}
	for name, tt := range map[string]struct {
		call           func(context.Context, *roles.V1) (int, error)
		refused, taken []string
	}{
		"Identities": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.Identities(ctx, 5)
			return len(v), err
		}, append([]string{`[{"Id":7},null]`}, reads...), []string{`[]`, `[{"Id":7}]`}},
		"Permissions": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.Permissions(ctx, 5)
			return len(v), err
		}, append([]string{`[{"Type":"Global","Area":"AdminPortal"}]`}, reads...), []string{`[]`, `[{"Permission":"Read"}]`}},
		"GlobalPermissions": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.GlobalPermissions(ctx, 5)
			return len(v), err
		}, append([]string{`[{"Area":"AdminPortal"}]`, `[{"Permission":"Read"}]`}, reads...), []string{`[]`, `[{"Area":"AdminPortal","Permission":"Read"}]`}},
		"CollectionPermissions": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.CollectionPermissions(ctx, 5)
			return len(v), err
		}, append([]string{`[{"CollectionId":6}]`, `[{"Permission":"Read"}]`}, reads...), []string{`[]`, `[{"CollectionId":6,"Permission":"Read"}]`}},
		"ContainerPermissions": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.ContainerPermissions(ctx, 5)
			return len(v), err
		}, append([]string{`[{"ContainerId":6}]`, `[{"Permission":"Read"}]`}, reads...), []string{`[]`, `[{"ContainerId":6,"Permission":"Read"}]`}},
		"PAMProviderPermissions": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.PAMProviderPermissions(ctx, 5)
			return len(v), err
		}, append([]string{`[{"Permissions":["Read"]}]`}, reads...), []string{`[]`, `[{"PamProviderId":1}]`}},

		"SetIdentities": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.SetIdentities(ctx, 5, []int{7, 9})
			return len(v), err
		}, []string{`[{"Id":7}]`, `[{"Id":7},{"Id":9},{"Id":11}]`, `[{"Id":7},{}]`}, []string{`[]`, `[{"Id":9},{"Id":7}]`}},
		"SetIdentities to none": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.SetIdentities(ctx, 5, nil)
			return len(v), err
		}, []string{`[{"Id":7}]`}, []string{`[]`}},
		"AddGlobalPermissions": {
			func(ctx context.Context, s *roles.V1) (int, error) {
				v, err := s.AddGlobalPermissions(ctx, 5, []global{{Area: "Monitoring", Permission: "Read"}, {Area: "API", Permission: "Read"}})
				return len(v), err
			},
			[]string{`[{"Area":"AdminPortal","Permission":"Read"}]`, `[{"Area":"Monitoring","Permission":"Modify"}]`},
			[]string{
				`[]`, `[{"Area":"monitoring","Permission":"READ"},{"Area":"AdminPortal","Permission":"Read"}]`,
				`[{"Area":"WorkflowManagement","Permission":"Read"}]`, // the same path
			},
		},
		"SetGlobalPermissions to none": {func(ctx context.Context, s *roles.V1) (int, error) {
			v, err := s.SetGlobalPermissions(ctx, 5, nil)
			return len(v), err
		}, []string{`[{"Area":"AdminPortal","Permission":"Read"}]`}, []string{`[]`}},
		"AddCollectionPermissions": {
			func(ctx context.Context, s *roles.V1) (int, error) {
				v, err := s.AddCollectionPermissions(ctx, 5, []collection{{CollectionID: 6, Permission: permissions.CollectionRead}})
				return len(v), err
			},
			[]string{`[{"CollectionId":7,"Permission":"Read"}]`, `[{"CollectionId":6,"Permission":"Revoke"}]`},
			[]string{`[]`, `[{"CollectionId":6,"Permission":"read"},{"CollectionId":7,"Permission":"Revoke"}]`},
		},
		"SetCollectionPermissions": {
			func(ctx context.Context, s *roles.V1) (int, error) {
				v, err := s.SetCollectionPermissions(ctx, 5, []collection{{CollectionID: 6, Permission: permissions.CollectionRead}})
				return len(v), err
			},
			[]string{`[{"CollectionId":6,"Permission":"Revoke"}]`, `[{"CollectionId":6,"Permission":"Read"},{"CollectionId":7,"Permission":"Read"}]`},
			[]string{`[]`, `[{"CollectionId":6,"Permission":"Read"},{"CollectionId":6,"Permission":"Revoke"}]`},
		},
		"AddContainerPermissions": {
			func(ctx context.Context, s *roles.V1) (int, error) {
				v, err := s.AddContainerPermissions(ctx, 5, []container{{ContainerID: 2, Permission: permissions.ContainerSchedule}})
				return len(v), err
			},
			[]string{`[{"ContainerId":3,"Permission":"Schedule"}]`},
			[]string{`[]`, `[{"ContainerId":2,"Permission":"Schedule"},{"ContainerId":3,"Permission":"Read"}]`},
		},
		"SetContainerPermissions": {
			func(ctx context.Context, s *roles.V1) (int, error) {
				v, err := s.SetContainerPermissions(ctx, 5, []container{{ContainerID: 2, Permission: permissions.ContainerRead}})
				return len(v), err
			},
			[]string{`[{"ContainerId":3,"Permission":"Read"}]`, `[{"ContainerId":2,"Permission":"Read"},{"ContainerId":3,"Permission":"Read"}]`},
			[]string{`[]`, `[{"ContainerId":2,"Permission":"Read"}]`},
		},
		"SetPAMProviderPermissions": {
			func(ctx context.Context, s *roles.V1) (int, error) {
				v, err := s.SetPAMProviderPermissions(ctx, 5, []pam{{PAMProviderID: 1, Permissions: []permissions.PAMProviderPermission{"Read"}}, {PAMProviderID: 2}})
				return len(v), err
			},
			[]string{`[{"PamProviderId":1,"Permissions":[]}]`, `[{"PamProviderId":1,"Permissions":["Read"]},{"PamProviderId":2,"Permissions":["Read"]}]`},
			[]string{`[]`, `[{"PamProviderId":1,"Permissions":["Read"]},{"PamProviderId":2,"Permissions":[]}]`},
		},
	} {
		for _, answer := range tt.refused {
			n, err := tt.call(t.Context(), roles.NewV1(apitest.Saying(t, []byte(answer))))
			if err == nil || n > 0 || !strings.Contains(err.Error(), "the answer cannot be used") {
				t.Errorf("%s takes %s: %v", name, answer, err)
			}
			if strings.HasPrefix(name, "Set") || strings.HasPrefix(name, "Add") {
				is(t, err, security.ErrUnknownOutcome)
			}
		}
		for _, answer := range tt.taken {
			if _, err := tt.call(t.Context(), roles.NewV1(apitest.Saying(t, []byte(answer)))); err != nil {
				t.Errorf("%s refuses %s: %v", name, answer, err)
			}
		}
	}
}

// What a role holds is all there, or the role was not read.
func TestRoleWithAnEmptyItem(t *testing.T) {
	t.Parallel()
	for member, what := range map[string]string{"Claims": "item 1 of Claims is empty", "Identities": "item 1 of Identities is empty"} {
		for _, item := range []string{"{}", "null", `{"Message":"x"}`} {
			client := apitest.Saying(t, []byte(`{"Id":5,"Name":"Ops","Description":"d","`+member+`":[`+item+`]}`))
			var err error
			if member == "Claims" {
				_, err = roles.NewV2(client).Get(t.Context(), 5)
			} else {
				_, err = roles.NewV1(client).Get(t.Context(), 5)
			}
			if err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s %s: %v", member, item, err)
			}
		}
	}
}
