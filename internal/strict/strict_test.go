package strict_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/internal/strict"
)

type part struct {
	ID int `json:"id"`
}

type embedded struct {
	When time.Time `json:"when"`
}

type whole struct {
	embedded

	Name   string            `json:"name"`
	Parts  []part            `json:"parts"`
	Flag   *bool             `json:"flag,omitempty"`
	Values map[string]string `json:"values,omitempty"`
	Hidden string            `json:"-"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const when = `"when":"2026-01-02T03:04:05Z"`
	var got whole
	err := strict.Decode([]byte(`{`+when+`,"name":"n","parts":[{"id":1},{"id":2}],"flag":true,"values":{"a":"b"}}`), &got)
	want := whole{embedded{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "n", []part{{1}, {2}}, new(true), map[string]string{"a": "b"}, ""}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                                     "line 1: it is not JSON",
		"{\n\n":                                "line 3: it is not JSON",
		"[]":                                   "line 1: must be an object",
		"{" + when + `,"name":"n","parts":{}}`: "line 1: parts: must be a list",
		"{" + when + ",\n\"name\":\"n\",\n\"parts\":[{\"id\":1},\n{\"id\":2,\"x\":3}]}": "line 4: parts[1].x: there is no such member",
		"{" + when + `,"Name":"n"}`:                             "Name: there is no such member",
		"{" + when + `,"Hidden":"n"}`:                           "Hidden: there is no such member",
		"{" + when + ",\n" + `"name":"n","name":"m"}`:           "line 2: name: it is there twice",
		"{" + when + `,"name":"n","parts":[{"id":"1"}]}`:        "parts[0].id: must be of the kind int, not a string",
		"{" + when + `,"name":null}`:                            "name: must not be null",
		"{" + when + `,"name":"n","parts":null}`:                "parts: must be a list",
		"{" + when + `,"name":"n","parts":[null]}`:              "parts[0]: must be an object",
		"{" + when + `,"name":"n","parts":[{}]}`:                `parts[0]: the member "id" is missing`,
		`{"when":"yesterday"}`:                                  "when: ",
		"{" + when + `,"name":"n","parts":[]}{}`:                "line 1: it is not JSON",
		"{" + when + `,"name":"n","parts":[],"values":{"a":1}}`: "values.a: must be of the kind string, not a number",
		"{" + when + `,"a\u001bb":1}`:                           `a\x1bb: there is no such member`,
		"{" + when + `,"name":"n" "parts":[]}`:                  "line 1",
	} {
		var got whole
		if err := strict.Decode([]byte(text), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
