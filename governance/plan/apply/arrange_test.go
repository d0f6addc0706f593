package apply

import (
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

func TestArrange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ have, want, result string }{
		{"/c/ /a/ /b/", "/a/ /b/ /c/", "/c/ /a/ /b/"},
		{"/c/ /a/ /b/", "/a/ /aa/ /b/ /d/", "/a/ /aa/ /b/ /d/"},
		{"/c/ /b/ /a/", "/0/ /a/ /aa/ /c/", "/0/ /c/ /a/ /aa/"},
		{"/b/ /a/ /b/", "/a/ /b/ /c/", "/b/ /c/ /a/"},
		{"", "/b/ /a/", "/b/ /a/"},
		{"/a/", "", ""},
	} {
		if got := arrange(paths(c.have), paths(c.want)); !slices.Equal(got, paths(c.result)) {
			t.Errorf("%s arranged as %s: %v", c.want, c.have, got)
		}
	}
}

func paths(text string) []permissions.Path {
	var out []permissions.Path
	for p := range strings.FieldsSeq(text) {
		out = append(out, permissions.Path(p))
	}
	return out
}
