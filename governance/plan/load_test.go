package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/show"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at it, and run the test with -update if it is right.\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

var broken = regexp.MustCompile(`(?m)(:[0-9]+):[0-9]+: this is not JSON: .*$`)

// TestLoadDesired reads each file of testdata/load, and compares what was read, or what
// is wrong with it, with a golden file.
func TestLoadDesired(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/load/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "testdata/load/syntax.json", "testdata/load/keys.json") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			d, err := LoadDesired(file)
			var got string
			if err != nil {
				if problems, ok := errors.AsType[Problems](err); !ok || len(problems) == 0 {
					t.Errorf("the error is %T: %v", err, err)
				}
				// How the parser words it, and where in the line it stops, differs between versions of encoding/json.
				got = broken.ReplaceAllString(err.Error(), "$1: this is not JSON: ...") + "\n"
			} else {
				var b bytes.Buffer
				if err := d.WriteYAML(&b); err != nil {
					t.Fatal(err)
				}
				got = b.String()
			}
			golden(t, file+".golden", got)
			if (err == nil) != (filepath.Base(file) == "good.yaml") {
				t.Errorf("unexpected: %v", err)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	d, err := LoadDesired("testdata/load/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"first role": d.Roles[0].At.String(), "its permission": d.Roles[0].Permissions[1].At.String(), "its holder": d.Roles[0].Holders[2].At.String(),
		"role of a list": d.Roles[3].At.String(), "its holder's cell": d.Roles[3].Holders[0].At.String(),
		"role of a JSON list": d.Roles[4].At.String(), "absent": d.Absent.Roles[0].At.String(),
	}
	want := map[string]string{
		"first role": "testdata/load/good.yaml:12:5", "its permission": "testdata/load/good.yaml:19:9", "its holder": "testdata/load/good.yaml:25:9",
		"role of a list": "testdata/load/groups.csv:3:1", "its holder's cell": "testdata/load/groups.csv:3:1",
		"role of a JSON list": "testdata/load/groups.json:2:2", "absent": "testdata/load/good.yaml:44:11",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLoadDesiredFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := LoadDesired(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "large.yaml"), bytes.Repeat([]byte("# padding\n"), maxDesired/10+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadDesired(filepath.Join(dir, "large.yaml")); err == nil || !strings.Contains(err.Error(), "larger than 32 MiB") {
		t.Errorf("a large file: %v", err)
	}
}

// TestBounds: aliases and patterns do not make much of little.
func TestBounds(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("permissionSets:\n  - {name: x, permissions: &p [" + strings.Repeat("/portal/,", 4000) + "]}\nroles:\n")
	bomb.WriteString(strings.Repeat("  - {name: x, permissions: *p}\n", 4000))
	if _, err := parseDesired("bomb.yaml", []byte(bomb.String()), nil); err == nil || !strings.Contains(err.Error(), "more than 4000000 values") {
		t.Errorf("16 million values: %.200v", err)
	}
	list := []byte("a\n" + strings.Repeat("x\n", 100_000))
	text := "rolesFrom:\n  - {file: a.csv, name: '${a}', permissions: [" + strings.Repeat("/portal/,", 100) + "]}\n"
	if _, err := parseDesired("list.yaml", []byte(text), func(string) ([]byte, error) { return list, nil }); err == nil || !strings.Contains(err.Error(), "is too much") {
		t.Errorf("10 million values: %.200v", err)
	}
}

// compiled is the schema for editors.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("desired.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("desired.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fits reports whether the schema takes a YAML text.
func fits(t interface{ Fatalf(string, ...any) }, schema *jsonschema.Schema, text []byte) error {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	value, err = jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return schema.Validate(value)
}

// TestSchemaNames: the schema and the loader know the same members.
func TestSchemaNames(t *testing.T) {
	t.Parallel()
	type object struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Additional *bool                      `json:"additionalProperties"`
	}
	var read struct {
		object

		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &read); err != nil {
		t.Fatal(err)
	}
	read.Defs["desired"] = read.object
	known := map[string][]string{
		"desired": desiredFields, "permissionSet": setFields, "claim": claimFields, "key": keyFields, "identity": identityFields,
		"role": roleFields, "rolesFrom": fromFields, "absent": absentFields,
	}
	for name, fields := range known {
		got := slices.Sorted(maps.Keys(read.Defs[name].Properties))
		if want := slices.Sorted(slices.Values(fields)); !slices.Equal(got, want) {
			t.Errorf("%s: the schema has %v, the loader %v", name, got, want)
		}
		if a := read.Defs[name].Additional; a == nil || *a {
			t.Errorf("%s: the schema allows any member", name)
		}
	}
	for name, def := range read.Defs {
		if len(def.Properties) > 0 && known[name] == nil {
			t.Errorf("the loader does not know %s", name)
		}
	}
	Schema()[0] = 'x'
	if Schema()[0] != '{' {
		t.Error("a caller can change the schema")
	}
}

// TestSchema: the loader takes what the schema takes, and the schema refuses what the
// loader refuses because of its form.
func TestSchema(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	good, err := os.ReadFile("testdata/load/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	good = bytes.ReplaceAll(bytes.ReplaceAll(good, []byte("oauth subject"), []byte("OAuthSubject")), []byte("type: group"), []byte("type: Group"))
	if err := fits(t, schema, good); err != nil {
		t.Errorf("good.yaml: %v", err)
	}
	for _, text := range []string{
		"[]", "x", "format: 2", "other: 1", "roles: {}", "roles: [{}]", "roles: [x]", "roles: [{name: ''}]", "roles: [{name: x, permissions: }]",
		"roles: [{name: x, permissions: [[]]}]", "roles: [{name: x, holders: [5]}]", "roles: [{name: x, holders: [OAuthRole]}]",
		"roles: [{name: x, holders: [{type: Other, value: x, scheme: y}]}]", "roles: [{name: x, holders: [{type: User, value: x}]}]",
		"roles: [{name: x, holders: [{identity: x, type: Computer}]}]", "roles: [{name: x, holders: [{identity: x, value: y}]}]",
		"roles: [{name: x, existing: keep}]", "roles: [{name: x, email: }]", "roles: [{name: x, id: 5}]", "claims: [{type: User}]", "claims: [x]",
		"permissionSets: [{permissions: []}]", "permissionSets: [{name: x, id: y}]", "absent: []", "absent: {role: []}", "absent: {roles: x}",
		"absent: {identities: [{}]}", "rolesFrom: [{file: x}]", "rolesFrom: [{name: x}]", "rolesFrom: [{file: x, name: y, was: z}]",
	} {
		if fits(t, schema, []byte(text)) == nil {
			t.Errorf("the schema takes %q", text)
		}
		if _, err := parseDesired("x.yaml", []byte(text), func(string) ([]byte, error) { return []byte("a\n"), nil }); err == nil {
			t.Errorf("the loader takes %q", text)
		}
	}
}

// TestSchemaFitsExport: what is written for a server is what the schema describes.
func TestSchemaFitsExport(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	rapid.Check(t, func(t *rapid.T) {
		s := seeded(t)
		d, err := Export(s)
		if err != nil {
			t.Fatal(err)
		}
		d.Absent = wished(t, s).Absent
		var b bytes.Buffer
		if err := d.WriteYAML(&b); err != nil {
			t.Fatal(err)
		}
		if err := fits(t, schema, b.Bytes()); err != nil {
			t.Fatalf("%v\n%s", err, &b)
		}
	})
}

// TestTexts: whatever is in a text, it reads back as it was written.
func TestTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~äöü\t\n\r\x{0085}\x{00a0}\x{2028}\x{202e}\x{feff}\x{1f600}#:'"{}\[\]&*!|>%@-]{0,12}[a-z]`).Draw(t, "text")
		description := text
		if limits.UnfitDescription(text) != "" { // which no file can have
			description = "fit"
		}
		d := &Desired{
			Roles: []Role{{Name: text, Description: &description, Existing: Replace, Holders: []Holder{{Key: Key{Type: "OAuthRole", Value: text, Scheme: text}}}}},
			Notes: []string{text},
		}
		var b bytes.Buffer
		if err := d.WriteYAML(&b); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && show.Hidden(r) }) {
			t.Fatalf("something in it does not show: %q", &b)
		}
		read, err := parseDesired("x.yaml", b.Bytes(), nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, &b)
		}
		if r := read.Roles[0]; r.Name != text || *r.Description != description || r.Holders[0].Key != d.Roles[0].Holders[0].Key {
			t.Fatalf("%q became %q, %q, %v\n%s", text, r.Name, *r.Description, r.Holders[0].Key, &b)
		}
	})
}

func FuzzLoadDesired(f *testing.F) {
	for _, pattern := range []string{"testdata/load/*.yaml", "testdata/load/*.json", "testdata/load/*.csv"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, data)
		}
	}
	pattern := []byte("rolesFrom: [{file: x.csv, name: '${a}', holders: ['OAuthRole:${b}@x', '${c}']}, {file: x.json, name: '${a}'}]")
	f.Add(pattern, []byte("a,b,c\n1,2,3;4\n"))
	f.Fuzz(func(t *testing.T, data, list []byte) {
		d, err := parseDesired("x.yaml", data, func(string) ([]byte, error) { return list, nil })
		if err != nil {
			if problems, ok := errors.AsType[Problems](err); !ok || len(problems) == 0 {
				t.Fatalf("the error is %T: %v", err, err)
			}
			return
		}
		var b bytes.Buffer
		if err := d.WriteYAML(&b); err != nil {
			t.Fatal(err)
		}
		again, err := parseDesired("y.yaml", b.Bytes(), nil)
		if err != nil {
			t.Fatalf("what was read is not read again: %v\n%s", err, &b)
		}
		var c bytes.Buffer
		if err := again.WriteYAML(&c); err != nil || c.String() != b.String() {
			t.Fatalf("%s\nbecame\n%s", &b, &c)
		}
	})
}

var digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

func FuzzLoad(f *testing.F) {
	s, d := tenant(3, 5)
	p, err := Make(s, d, nil)
	if err != nil {
		f.Fatal(err)
	}
	data, err := encode(file{Format, p.Digest(), *p})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decode(data)
		if errors.Is(err, ErrDigest) { // so that more than a digest is tried
			said := digests.FindAllString(err.Error(), -1)
			data = digests.ReplaceAll(data, []byte(said[len(said)-1]))
			p, err = decode(data)
		}
		if err != nil {
			return
		}
		p.Report()
		again, err := encode(file{Format, p.Digest(), *p})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(compact(again), compact(data)) {
			t.Fatalf("%s\nbecame\n%s", data, again)
		}
	})
}

// TestDocument: the examples of the guide are what they say.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/access-as-code.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string) (found []string) {
		for _, rest := range strings.Split(string(text), "```"+kind+"\n")[1:] {
			block, _, _ := strings.Cut(rest, "```")
			found = append(found, block)
		}
		return found
	}
	lists := block("csv")
	schema := compiled(t)
	examples := slices.DeleteFunc(block("yaml"), func(s string) bool { return strings.Contains(s, "\njobs:\n") }) // the workflow
	for _, example := range examples {
		d, err := parseDesired("access.yaml", []byte(example), func(string) ([]byte, error) { return []byte(lists[0]), nil })
		if err != nil {
			t.Errorf("%v\n%s", err, example)
			continue
		}
		if err := fits(t, schema, []byte(example)); err != nil {
			t.Errorf("%v\n%s", err, example)
		}
		if strings.Contains(example, "rolesFrom") && (len(d.Roles) != 3 || len(d.Roles[0].Permissions) != 3 || len(d.Roles[2].Permissions) != 0) {
			t.Errorf("the list gives %+v", d.Roles)
		}
	}
	if len(examples) != 3 || len(lists) != 1 {
		t.Errorf("the guide has %d examples and %d lists", len(examples), len(lists))
	}
	for _, code := range []Code{
		CodeLockOut, CodeLarge, CodeAdmin, CodeAbsent, CodeScripts, CodeBlocked, CodeNamed, CodeWidened, CodeUnknown, CodeScheme, CodeDomain, CodeNames, CodeDisabled, CodeNewID, CodeIncomplete,
	} {
		if !strings.Contains(string(text), "`"+string(code)+"`") {
			t.Errorf("the guide lacks the warning %s", code)
		}
	}
}

// TestLongList: a list that is too long says how long it may be.
func TestLongList(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct{ list, want string }{
		"l.csv":  {"n\n" + strings.Repeat("x\n", maxRoles+1), "l.csv:200002:1: the list has more than 200000 lines; split it"},
		"l.json": {"[" + strings.Repeat(`{"n":"x"},`, maxRoles) + `{"n":"x"}]`, "the list has more than 200000 entries; split it"},
	} {
		_, err := parseDesired("d.yaml", []byte("rolesFrom: [{file: "+file+", name: '${n}'}]"), func(string) ([]byte, error) { return []byte(c.list), nil })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", file, err, c.want)
		}
	}
}
