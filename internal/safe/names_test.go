package safe_test

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/safe"
	"github.com/commandsec/commandsec-go/security"
)

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
		"another list":      {"Ops", []string{""}, nil, "", "has no name"},
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
			if tt.err != nil && !errors.Is(err, tt.err) || (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error is %v", err)
			}
			if (got != nil) != (tt.want != "") || got != nil && *got != tt.want {
				t.Errorf("found %v, want %q", got, tt.want)
			}
		})
	}
}
