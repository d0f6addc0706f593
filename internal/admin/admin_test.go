package admin_test

import (
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/permissions"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	all, read := permissions.NewSet("/security/"), permissions.NewSet("/security/read/")
	for _, c := range []struct {
		paths  permissions.Set
		set    string
		legacy bool
		want   bool
	}{
		{all, admin.GlobalSet, false, true},
		{all, strings.ToUpper(admin.GlobalSet), false, true},
		{all, "11111111-1111-1111-1111-111111111111", true, false},
		{all, "", false, false},
		{all, "", true, true},
		{read, admin.GlobalSet, false, false},
		{read, "", true, false},
	} {
		if got := admin.Grants(c.paths, c.set, c.legacy); got != c.want {
			t.Errorf("%v, set %q, legacy %t: %t, want %t", c.paths, c.set, c.legacy, got, c.want)
		}
	}
}
