package access_test

import (
	"testing"

	"github.com/commandsec/commandsec-go/access"
	"github.com/commandsec/commandsec-go/internal/apitest"
)

// FuzzAnswers: whatever the server answers, a call refuses it or understands it.
func FuzzAnswers(f *testing.F) {
	for _, name := range []string{
		"certificate_security.json", "certificate_v1.json", "certificate_v2.json", "collection.json", "collection_documented.json",
		"container_roles.json", "my.json", "my_permissions.json",
	} {
		f.Add([]byte(apitest.Fixture(f, name)))
	}
	f.Add([]byte(`{"QueryId":1,"AccessControlList":[{"Key":{"Id":1},"Value":null}],"AssignableRoles":[{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx, client := t.Context(), apitest.Saying(t, body)
		v1, v2 := access.NewV1(client), access.NewV2(client)
		my, err := v1.My(ctx)
		apitest.Answered(t, my, err)
		if err == nil {
			for _, g := range my.Global {
				_ = g.Legacy()
			}
		}
		mine, err := v1.MyPermissions(ctx)
		apitest.Answered(t, mine, err)
		collection, err := v1.AuditCollection(ctx, 1)
		apitest.Answered(t, collection, err)
		holders, err := v1.AuditCertificate(ctx, 1, 0)
		apitest.Answered(t, holders, err)
		holders2, err := v2.AuditCertificate(ctx, 1, 0)
		apitest.Answered(t, holders2, err)
		security, err := v1.CertificateSecurity(ctx, 1, 0)
		apitest.Answered(t, security, err)
		roles, err := v1.ContainerRoles(ctx, 1)
		apitest.Answered(t, roles, err)
		roles, err = v1.ApplicationRoles(ctx, 1)
		apitest.Answered(t, roles, err)
	})
}
