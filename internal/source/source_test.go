package source_test

import (
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/source"
)

func TestVersionOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{
		"V1": 1, "RoleV2": 2, "RoleV17": 17, "opListV3": 3,
		"Role": 0, "V": 0, "V0": 0, "V02": 0, "RoleV2Ref": 0, "RoleV-1": 0, "ServerVersion": 0,
	} {
		if got := source.VersionOf(name); got != want {
			t.Errorf("VersionOf(%s) is %d, want %d", name, got, want)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	m, err := source.Load("../..", map[string]string{
		"widgets/v1.go":      "package widgets\n\nimport \"github.com/commandsec/commandsec-go/roles\"\n\n// V1 is.\ntype V1 struct{ S roles.V2 }\n",
		"widgets/v2.go":      "package widgets\n\ntype V2 struct{}\n\nfunc (V2) Get() {}\n",
		"widgets/v1_test.go": "package widgets_test\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	p := m.Package("widgets")
	if p == nil || p.Name != "widgets" || len(p.Files) != 2 || len(p.Tests) != 1 || !p.Public() {
		t.Fatalf("the package is %+v", p)
	}
	var versions []string
	for _, v := range p.Versions() {
		versions = append(versions, v.Name()+" "+m.At(v.Pos()))
	}
	if got := strings.Join(versions, ", "); got != "V1 widgets/v1.go:6, V2 widgets/v2.go:3" {
		t.Errorf("the versions are %s", got)
	}
	if chain := m.Chain(p, "net/http"); len(chain) < 2 || chain[0] != source.ModulePath+"/roles" || chain[len(chain)-1] != "net/http" {
		t.Errorf("net/http is reached through %q", chain)
	}
	if chain := m.Chain(p, "testing"); chain != nil {
		t.Errorf("testing is reached through %q", chain)
	}
	for _, dir := range []string{"internal/source", "security/securitytest", "examples/quickstart"} {
		if p := m.Package(dir); p == nil || p.Public() {
			t.Errorf("%s is missing, or public", dir)
		}
	}
	for _, dir := range []string{"bench", "tools", "examples/otel"} {
		if m.Package(dir) != nil {
			t.Errorf("%s is a module of its own", dir)
		}
	}
	for text, want := range map[string]string{
		"package widgets\n\nfunc": "expected", "package widgets\n\nvar x int = \"\"\n": "cannot use", "package widgets\n\nimport \"no/such\"\n": "no/such",
	} {
		if _, err := source.Load("../..", map[string]string{"widgets/v1.go": text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
