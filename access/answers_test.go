package access_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/access"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
)

// Who can do what is a question for audits. An answer that says nothing, or is about
// something else, must not pass for "nobody can".
func TestAnswersThatSayNothing(t *testing.T) {
	t.Parallel()
	type call func(context.Context, *access.V1, *access.V2) (bool, error)
	list := []string{`[{}]`, `[null]`, `[{"Permissions":[]}]`, `[{"Name":"Ops","Permissions":["Read"]}]`}
	for name, tt := range map[string]struct {
		call           call
		refused, taken []string
	}{
		"My": {
			func(ctx context.Context, s *access.V1, _ *access.V2) (bool, error) {
				v, err := s.My(ctx)
				return v != nil, err
			},
			[]string{`{}`, `{"Message":"fine"}`, `{"Roles":[]}`, `{"GlobalPermissions":[]}`, `{"Roles":[],"GlobalPermissions":[{}]}`, `{"Roles":[],"GlobalPermissions":[null]}`},
			[]string{`{"Roles":[],"GlobalPermissions":[]}`, `{"roles":null,"globalPermissions":null}`},
		},
		"MyPermissions": {
			func(ctx context.Context, s *access.V1, _ *access.V2) (bool, error) {
				v, err := s.MyPermissions(ctx)
				return v != nil, err
			},
			[]string{`{}`, `{"Message":"fine"}`},
			[]string{`{"Permissions":[]}`},
		},
		"AuditCollection": {
			func(ctx context.Context, s *access.V1, _ *access.V2) (bool, error) {
				v, err := s.AuditCollection(ctx, 6)
				return v != nil, err
			},
			[]string{
				`{}`, `{"Message":"fine"}`, `{"QueryId":6}`, `{"QueryId":7,"AccessControlList":[]}`, `{"QueryId":6,"AccessControlList":[{}]}`,
				`{"QueryId":6,"AccessControlList":[{"AreaPermissions":[4]}]}`, `{"QueryId":6,"AccessControlList":[],"AssignableRoles":[{"Name":"Ops"}]}`,
			},
			[]string{`{"QueryId":6,"AccessControlList":[]}`, `{"AccessControlList":null}`, `{"QueryId":6,"AccessControlList":[{"RoleId":1}],"AssignableRoles":[{"RoleId":"1"}]}`},
		},
		"CertificateSecurity": {
			func(ctx context.Context, s *access.V1, _ *access.V2) (bool, error) {
				v, err := s.CertificateSecurity(ctx, 31, 0)
				return v != nil, err
			},
			[]string{`{}`, `{"Message":"fine"}`, `{"Roles":[null]}`},
			[]string{`{"Roles":[]}`, `{"Roles":[{"Name":"Ops"}]}`},
		},
		"ContainerRoles": {
			func(ctx context.Context, s *access.V1, _ *access.V2) (bool, error) {
				v, err := s.ContainerRoles(ctx, 2)
				return v != nil, err
			},
			list,
			[]string{`[]`, `[{"SecurityRoleId":3}]`},
		},
		"ApplicationRoles": {
			func(ctx context.Context, s *access.V1, _ *access.V2) (bool, error) {
				v, err := s.ApplicationRoles(ctx, 2)
				return v != nil, err
			},
			list,
			[]string{`[]`, `[{"SecurityRoleId":3}]`},
		},
		"AuditCertificate, version 1": {
			func(ctx context.Context, s *access.V1, _ *access.V2) (bool, error) {
				v, err := s.AuditCertificate(ctx, 31, 0)
				return v != nil, err
			},
			[]string{`[{}]`, `[null]`, `[{"Permissions":[]}]`, `[{"Id":1,"Permissions":[{}]}]`},
			[]string{`[]`, `[{"Id":1}]`, `[{"AccountName":"a"}]`},
		},
		"AuditCertificate, version 2": {
			func(ctx context.Context, _ *access.V1, s *access.V2) (bool, error) {
				v, err := s.AuditCertificate(ctx, 31, 0)
				return v != nil, err
			},
			[]string{`[{}]`, `[null]`, `[{"Permissions":[]}]`, `[{"Identity":{"Id":1},"Permissions":[null]}]`},
			[]string{`[]`, `[{"Identity":{"Id":1}}]`, `[{"Identity":{"ClaimValue":"a"}}]`},
		},
	} {
		ask := func(answer string) (bool, error) {
			client := apitest.Saying(t, []byte(answer))
			return tt.call(t.Context(), access.NewV1(client), access.NewV2(client))
		}
		for _, answer := range tt.refused {
			if there, err := ask(answer); err == nil || there || !strings.Contains(err.Error(), "the answer cannot be used") {
				t.Errorf("%s takes %s: %v", name, answer, err)
			}
		}
		for _, answer := range tt.taken {
			if there, err := ask(answer); err != nil || !there {
				t.Errorf("%s refuses %s: %v", name, answer, err)
			}
		}
	}
}

// What was set is in the answer, unless the answer says nothing.
func TestSetRolesAnswered(t *testing.T) {
	t.Parallel()
	sent := []access.RoleAccess{{RoleID: 3, Permissions: []permissions.ContainerPermission{"Read", "Schedule"}}, {RoleID: 4}}
	for answer, ok := range map[string]bool{
		`[{"SecurityRoleId":3,"Permissions":["schedule","READ"]}]`:                                               true,
		`[{"SecurityRoleId":3,"Permissions":["Read","Schedule"]},{"SecurityRoleId":9,"Permissions":["Read"]}]`:   true,
		`[{"SecurityRoleId":3,"Permissions":["Read"]},{"SecurityRoleId":3,"Permissions":["Schedule","Modify"]}]`: true,
		`[]`: true,
		`[{"SecurityRoleId":3,"Permissions":["Read"]}]`:                                                        false,
		`[{"SecurityRoleId":9,"Permissions":["Read","Schedule"]}]`:                                             false,
		`[{"SecurityRoleId":3,"Permissions":["Read"]},{"SecurityRoleId":4,"Permissions":["Schedule","Read"]}]`: false,
		`[{"SecurityRoleId":3,"Permissions":["Read","Schedule"]},{}]`:                                          false,
	} {
		s := access.NewV1(apitest.Saying(t, []byte(answer)))
		for name, set := range map[string]func(context.Context, int, []access.RoleAccess, ...security.CallOption) ([]access.RoleAccess, error){
			"container": s.SetContainerRoles, "application": s.SetApplicationRoles,
		} {
			if got, err := set(t.Context(), 2, sent); ok != (err == nil) || ok != (got != nil) || !ok && !errors.Is(err, security.ErrUnknownOutcome) {
				t.Errorf("%s, %s: %v, %v", name, answer, got, err)
			}
		}
	}
}
