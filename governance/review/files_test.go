package review_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/review"
)

func TestParseRulesErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"everything at once": {`
rules:
  - name: Bad Name
    title: ""
    severity: awful
    colour: red
    sides:
      - paths: [certificates revoke, /certificates/collections/delte/]
      - name: empty
  - name: request-approve
    title: A
    why: B
    sides: []
  - just text
`, []string{
			`line 3, column 11: name is "Bad Name"`, "line 4, column 12: title is empty", `line 5, column 15: severity is "awful"`,
			`line 6, column 5: a rule has no member "colour"`, "line 3, column 5: the rule has no why", "line 8, column 17: permissions:",
			"line 8, column 38: /certificates/collections/delte/ is not known here; /certificates/collections/delete/ is",
			"line 9, column 9: the side has no paths", `line 10, column 11: there is another rule "request-approve"`,
			"line 13, column 12: a rule has 1 to 8 sides, this one 0", "line 14, column 5: a rule has to be a mapping",
		}},
		"not YAML":       {"rules: [", []string{"it is not valid YAML"}},
		"empty":          {"", []string{`the file is empty; it needs "rules"`}},
		"a list":         {"- a", []string{"line 1, column 1: the file has to be a mapping"}},
		"two documents":  {"rules: []\n---\nrules: []\n", []string{"more than one document"}},
		"twice":          {"rules: []\nrules: []\n", []string{`line 2, column 1: "rules" is there twice`}},
		"aliases":        {"rules: &a\n  - *a\n", []string{"line 2, column 5: a rule has to be a mapping"}},
		"too large":      {strings.Repeat("#", 1<<20+1), []string{"larger than 1 MiB"}},
		"too many rules": {"rules:\n" + strings.Repeat("  - {}\n", 101), []string{"line 2, column 5: the rule has no name", "and 381 more"}},
		"too many paths": {"rules: [{name: a, title: b, why: c, sides: [{paths: [" + strings.Repeat("/ssl/, ", 201) + "]}]}]", []string{"at most 200 paths, this one 201"}},
		"long":           {"rules: [{name: a, title: " + strings.Repeat("b", 1001) + ", why: c, sides: [{paths: [/ssl/]}]}]", []string{"title is longer than 1000 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, err := review.ParseRules(strings.NewReader(c.in))
			if err == nil || rules != nil {
				t.Fatalf("ParseRules = %v, %v", rules, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestParsePeopleErrors(t *testing.T) {
	t.Parallel()
	_, err := review.ParsePeople(strings.NewReader(`
people:
  - name: Jane
    holders: [a, {b: c}]
  - holders: []
teams:
  - name: Jane
    holders: x
  - 5
`))
	if err == nil {
		t.Fatal("there is no error")
	}
	for _, want := range []string{
		"line 4, column 18: a holder has to be a text", "line 5, column 5: the person or team has no name", "line 5, column 5: \"\" has no holders",
		`line 7, column 11: "Jane" is there twice`, "line 8, column 14: holders has to be a list", "line 9, column 5: a person or team has to be a mapping",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

// TestBuiltInIsACopy: nobody changes the built-in rules.
func TestBuiltInIsACopy(t *testing.T) {
	t.Parallel()
	before := review.BuiltIn()
	changed := review.BuiltIn()
	changed[0].Sides[0].Paths[0] = "/"
	changed[0].Name = "x"
	if after := review.BuiltIn(); !reflect.DeepEqual(before, after) {
		t.Error("the built-in rules changed")
	}
}

// FuzzParseRules: no file of rules makes the review fail.
func FuzzParseRules(f *testing.F) {
	f.Add([]byte(rulesFile))
	f.Add([]byte("rules: &a [*a]"))
	f.Add([]byte("rules: [{name: a, title: Can, why: b, sides: [{paths: [/]}, {paths: [/ssl/]}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := review.ParseRules(bytes.NewReader(data))
		if err != nil {
			if len(err.Error()) > 30_000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if len(review.New(sample(), &review.Options{Rules: rules}).Findings()) == 0 {
			t.Error("there are no findings")
		}
	})
}

// FuzzParsePeople: no file of people makes the review fail.
func FuzzParsePeople(f *testing.F) {
	f.Add([]byte(peopleFile))
	f.Add([]byte("people: [{name: a, holders: [pipeline, web-team]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		people, err := review.ParsePeople(bytes.NewReader(data))
		if err != nil {
			if len(err.Error()) > 30_000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if len(review.New(sample(), &review.Options{People: people}).Findings()) == 0 {
			t.Error("there are no findings")
		}
	})
}
