package validate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/security"
)

// problems is what err says, field by field.
func problems(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	errs, ok := errors.AsType[security.FieldErrors](err)
	if !ok {
		t.Fatalf("%v is a %T", err, err)
	}
	var all []string
	for _, e := range errs {
		all = append(all, e.Error())
	}
	return all
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		check func(*validate.Problems)
		want  []string
	}{
		"nothing":                {func(*validate.Problems) {}, nil},
		"required":               {func(p *validate.Problems) { p.Required("Name", "a", 0) }, nil},
		"required, at the limit": {func(p *validate.Problems) { p.Required("Name", "abc", 3) }, nil},
		"required, empty":        {func(p *validate.Problems) { p.Required("Name", "", 3) }, []string{"Name: must not be empty"}},
		"required, blank":        {func(p *validate.Problems) { p.Required("Name", " \t\n", 3) }, []string{"Name: must not be empty"}},
		"required, too long":     {func(p *validate.Problems) { p.Required("Name", "abcd", 3) }, []string{"Name: must be at most 3 characters, got 4"}},
		"optional, empty":        {func(p *validate.Problems) { p.Optional("Name", "", 3) }, nil},
		"optional, no limit":     {func(p *validate.Problems) { p.Optional("Name", strings.Repeat("a", 9999), 0) }, nil},
		"umlauts count once":     {func(p *validate.Problems) { p.Optional("Name", "äöü", 3) }, nil},
		"too many umlauts":       {func(p *validate.Problems) { p.Optional("Name", "äöüß", 3) }, []string{"Name: must be at most 3 characters, got 4"}},
		"keys count twice":       {func(p *validate.Problems) { p.Optional("Name", "🔑🔑", 3) }, []string{"Name: must be at most 3 characters, got 4"}},
		"not UTF-8":              {func(p *validate.Problems) { p.Required("Name", "a\xff", 3) }, []string{"Name: must be valid UTF-8"}},
		"name":                   {func(p *validate.Problems) { p.Name("Name", "Größe 🔑 \"x\"", 0) }, nil},
		"name, empty":            {func(p *validate.Problems) { p.Name("Name", "\n", 0) }, []string{"Name: must not be empty"}},
		"name, too long":         {func(p *validate.Problems) { p.Name("Name", "abcd\n", 3) }, []string{"Name: must be at most 3 characters, got 5"}},
		"name, not UTF-8":        {func(p *validate.Problems) { p.Name("Name", "a\xff", 3) }, []string{"Name: must be valid UTF-8"}},
		"name, a line break":     {func(p *validate.Problems) { p.Name("Name", "a\nb", 0) }, []string{"Name: must not hold control or invisible characters, got U+000A"}},
		"name, from the right":   {func(p *validate.Problems) { p.Name("Name", "a\u202eb", 0) }, []string{"Name: must not hold control or invisible characters, got U+202E"}},
		"name, of no width":      {func(p *validate.Problems) { p.Name("Name", "a\u200bb", 0) }, []string{"Name: must not hold control or invisible characters, got U+200B"}},
		"id":                     {func(p *validate.Problems) { p.ID("ID", 1) }, nil},
		"id 0":                   {func(p *validate.Problems) { p.ID("ID", 0) }, []string{"ID: must be 1 or more, got 0"}},
		"id below":               {func(p *validate.Problems) { p.ID("ID", -5) }, []string{"ID: must be 1 or more, got -5"}},
		"GUID":                   {func(p *validate.Problems) { p.GUID("ID", "099c05f0-DEBA-4562-a5b1-f491e19c0749") }, nil},
		"GUID, empty":            {func(p *validate.Problems) { p.GUID("ID", "") }, []string{"ID: must not be empty"}},
		"GUID, none":             {func(p *validate.Problems) { p.GUID("ID", "x") }, []string{`ID: must be a GUID, got "x"`}},
		"in order": {func(p *validate.Problems) {
			p.ID("ID", 0)
			p.Add("Other", "is %d", 5)
			p.Required("Name", "", 0)
		}, []string{"ID: must be 1 or more, got 0", "Other: is 5", "Name: must not be empty"}},
		"within": {func(p *validate.Problems) {
			var inner validate.Problems
			inner.Required("Value", "", 0)
			inner.Add("Scheme", "100%% wrong, %s", "%d")
			p.Within("Claims[2]", inner.Err())
			p.Within("Claims[3]", nil)
			p.Within("Claims[4]", fmt.Errorf("broken"))
		}, []string{"Claims[2].Value: must not be empty", "Claims[2].Scheme: 100% wrong, %d", "Claims[4]: broken"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p validate.Problems
			tc.check(&p)
			err := p.Err()
			if got := problems(t, err); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if (err != nil) != errors.Is(err, security.ErrInvalid) {
				t.Errorf("%v is not ErrInvalid", err)
			}
		})
	}
}

func TestIsGUID(t *testing.T) {
	t.Parallel()
	good := "099c05f0-deba-4562-a5b1-f491e19c0749"
	if !validate.IsGUID(good) || !validate.IsGUID(strings.ToUpper(good)) {
		t.Error("a GUID is none")
	}
	bad := []string{"", "x", good + "0", good[1:], "{" + good + "}", strings.ReplaceAll(good, "-", ""), strings.Replace(good, "9", "g", 1), strings.Replace(good, "-", "0", 1)}
	for i := range len(good) {
		bad = append(bad, good[:i]+"/"+good[i+1:], good[:i]+":"+good[i+1:], good[:i]+"@"+good[i+1:], good[:i]+"`"+good[i+1:], good[:i]+"G"+good[i+1:])
	}
	for _, s := range bad {
		if validate.IsGUID(s) {
			t.Errorf("%q is a GUID", s)
		}
	}
}
