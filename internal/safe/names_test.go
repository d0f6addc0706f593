package safe_test

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/security"
)

func TestSameAccount(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]bool{
		{`KEYEXAMPLE\ops`, `keyexample\OPS `}:       true,
		{`KEYEXAMPLE\ops`, `ops`}:                   true,
		{`ops`, `KEYEXAMPLE\ops`}:                   true,
		{`KEYEXAMPLE\ops`, `ops@keyexample.com`}:    true,
		{`KEYEXAMPLE\ops`, `ops@local`}:             true,
		{`KEYEXAMPLE\ops`, `keyexample.com\ops`}:    true,
		{`KEYEXAMPLE\a@b`, `KEYEXAMPLE\a@b`}:        true,
		{`KEYEXAMPLE\ops`, `OTHER\ops`}:             false,
		{`KEYEXAMPLE\ops`, `KEYEXAMPLE\ops2`}:       false,
		{`KEYEXAMPLE\root`, `ops@keyexample.com`}:   false,
		{`KEYEXAMPLE\root`, `keyexample.com\ops`}:   false,
		{`KEYEXAMPLE`, `KEYEXAMPLE\ops`}:            false,
		{``, `ops`}:                                 false,
		{"KEYEXAMPLE\\\u212aey", `KEYEXAMPLE\Key`}:  false,
		{`KEYEXAMPLE\sub\ops`, `KEYEXAMPLE\sub`}:    false,
		{`KEYEXAMPLE\ops`, `ops@keyexample.com@x`}:  false,
		{`@keyexample.com`, `KEYEXAMPLE\`}:          false,
		{`KEYEXAMPLE\ops$`, `KEYEXAMPLE\ops`}:       false,
		{`KEYEXAMPLE\ops@x.com`, `ops@x.com`}:       false,
		{`ops@keyexample.com`, `ops@other.example`}: true, // which short names they have is not known
	} {
		if got := safe.SameAccount(pair[0], pair[1]); got != want {
			t.Errorf("%q for %q: %v", pair[0], pair[1], got)
		}
	}
}

func TestFoldClaim(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"User", "Group", "Computer"} {
		want := safe.ClaimKey{Type: kind, Scheme: "ad", Domain: "keyexample", Name: "ops", AD: true}
		if got := safe.FoldClaim(kind, `KeyExample\OPS`, "AD"); got != want || got.Short() != safe.FoldClaim(kind, "ops", "ad") {
			t.Errorf("%+v", got)
		}
	}
	if got := safe.FoldClaim("OAuthRole", `KeyExample\OPS`, "System"); got != (safe.ClaimKey{Type: "OAuthRole", Scheme: "system", Name: `KeyExample\OPS`}) {
		t.Errorf("%+v", got)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	failure := errors.New("no list")
	for name, tt := range map[string]struct {
		name  string
		names []string
		err   error
		want  string
		says  string
	}{
		"as it is written":  {"Ops", []string{"OPS", "ops", "Ops"}, nil, "Ops", ""},
		"in another case":   {"Ops", []string{"Other", "OPS"}, nil, "OPS", ""},
		"none":              {"Ops", []string{"Other"}, nil, "", ""},
		"a list that fails": {"Ops", []string{"OPS"}, failure, "", "no list"},
		"several": {
			"Ops",
			[]string{"OPS", "ops"},
			security.ErrConflict, "",
			`find thing "Ops": conflict: it fits "OPS" and "ops"; write the name as one of them is written, or rename one on the server`,
		},
		"several of any length": {strings.Repeat("o", 9000), []string{strings.Repeat("O", 9000), strings.Repeat("O", 8999) + "o"}, security.ErrConflict, "", "OOO...\""},
		"no name":               {" ", nil, security.ErrInvalid, "", "find thing: name: must"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := safe.Find("thing", tt.name, func(s *string) string { return *s }, "Name", func(filter security.Filter) iter.Seq2[string, error] {
				if want := `(Name -eq "` + tt.name + `")`; filter.String() != want {
					t.Errorf("the filter is %s, want %s", filter, want)
				}
				return func(yield func(string, error) bool) {
					for _, name := range tt.names {
						if !yield(name, nil) {
							return
						}
					}
					if errors.Is(tt.err, failure) {
						yield("", failure)
					}
				}
			})
			if !errors.Is(err, tt.err) || tt.err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error is %v", err)
			}
			if (got != nil) != (tt.want != "") || got != nil && *got != tt.want {
				t.Errorf("found %v, want %q", got, tt.want)
			}
		})
	}
}
