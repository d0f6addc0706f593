package permissions

import (
	"io/fs"
	"strings"
	"testing"
)

func TestDataIsSound(t *testing.T) {
	if _, err := load(files.ReadFile); err != nil {
		t.Fatal(err)
	}
}

// A path is a parent or mixed exactly if others lie below it, and what takes an id has nothing else below.
func TestPathKindsFitTheTree(t *testing.T) {
	for _, p := range data().pathList {
		children := 0
		for _, q := range data().pathList {
			if p != q && p.Path.Covers(q.Path) {
				children++
			}
		}
		if (children > 0) != (p.Kind == KindParent || p.Kind == KindMixed) && p.Path != "/portal/" {
			t.Errorf("%s is a %s with %d paths below it", p.Path, p.Kind, children)
		}
		if p.Scope != ScopeGlobal && p.Kind != KindLeaf {
			t.Errorf("%s is a %s that takes an id", p.Path, p.Kind)
		}
		last := strings.Trim(string(p.Path), "/")
		if p.Kind == KindParent && p.Risk != "" && p.Path != "/" {
			t.Errorf("%s: the risk of a parent comes from what is below it", last)
		}
	}
}

// Every kind of mistake in the data is found.
func TestBadDataIsFound(t *testing.T) {
	good := func(name string) string {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const (
		paths, names, mapping = "data/paths.txt", "data/names.txt", "data/mapping.txt"
		effects, companions   = "data/sideeffects.txt", "data/companions.txt"
		calls                 = "data/calls.txt"
	)
	for _, c := range []struct{ file, line, want string }{
		{paths, "/x/ | leaf | - | - | - | full list | -", "wrong number of columns"},
		{paths, "/x/ | leaf | - | - | - | full list | - | do x | - | - | - | -", "wrong number of columns"},
		{paths, "/x/ | leaf | - | - | - | full list | - | do x | hurts | - | hurts", "guarded although it has a risk"},
		{paths, "/X/ | leaf | - | - | - | full list | - | do x", "not a canonical path"},
		{paths, "/x | leaf | - | - | - | full list | - | do x", "not a canonical path"},
		{paths, "/ x/ | leaf | - | - | - | full list | - | do x", "not a canonical path"},
		{paths, "/portal/read/ | leaf | - | - | - | full list | - | do x", "duplicate path"},
		{paths, "/x/ | twig | - | - | - | full list | - | do x", "unknown kind"},
		{paths, "/x/ | leaf | widget | - | - | full list | - | do x", "unknown kind of id"},
		{paths, "/x/ | leaf | - | soon | - | full list | - | do x", "malformed version"},
		{paths, "/x/ | leaf | - | - | late | full list | - | do x", "malformed version"},
		{paths, "/x/ | leaf | collection@x | - | - | full list | - | do x", "malformed version"},
		{paths, "/x/ | leaf | - | - | - | hearsay | - | do x", "paths.txt:129: unknown evidence"},
		{paths, "/x/ | leaf | - | - | - | full list | - | -", "no effect"},
		{names, "AdminPortal:Read | - | - | 10 | - | - | do x", "duplicate name"},
		{names, "X Y:Read | - | - | 10 | - | - | do x", "two plain words"},
		{names, "Widgets[{id}]:Read | - | - | 10 | - | - | do x", "unknown kind of object"},
		{names, "X:Read | - | - | - | - | - | do x", "not listed anywhere"},
		{names, "X:Read | - | - | 10 | - | - | do x", "names.txt:99: no line of mapping.txt is about X:Read"},
		{names, "X:Read | - | - | 10 | Y:Read | - | do x", "needs the unknown Y:Read"},
		{mapping, "X:Read | /portal/read/ | documented | E1 | 11+ | somewhere", "unknown name"},
		{mapping, "API:Read | /x/ | documented | E1 | 11+ | somewhere", "unknown path"},
		{mapping, "API:Read | /portal/read/ | proven | E1 | 11+ | somewhere", "only a server proves a row"},
		{mapping, "API:Read | /portal/read/ | certain | E1 | 11+ | somewhere", "unknown confidence"},
		{mapping, "API:Read | /portal/read/ | documented | E4 | 11+ | somewhere", "evidence of a known kind"},
		{mapping, "API:Read | /portal/read/ | documented | - | 11+ | somewhere", "evidence of a known kind"},
		{names, "X:Read | - | - | 10 26 | - | - | do x", "unknown list"},
		{mapping, "API:Read | /portal/read/ | none | E1 | 11+ | somewhere", "a path and no confidence"},
		{mapping, "API:Read | - | documented | E1 | 11+ | somewhere", "a path and no confidence"},
		{mapping, "API:Read | /portal/read/ | documented | E1 | - | somewhere", "no versions"},
		{mapping, "API:Read | /portal/read/ | documented | E1 | 11+ | -", "no source"},
		{effects, "X:Read | - | widens | - | - | do more | x", "unknown name"},
		{effects, "API:Read | /portal/read/ | widens | - | - | do more | x", "no such name and path"},
		{effects, "API:Read | - | changes | - | - | do more | x", "neither widens nor narrows"},
		{effects, "API:Read | - | widens | - | X:Read | do more | x", "not a known name"},
		{effects, "API:Read | - | widens | - | Collections[{id}]:Read | do more | x", "not a known name"},
		{effects, "API:Read | - | widens | soon | - | do more | x", "malformed version"},
		{effects, "API:Read | - | widens | - | - | - | x", "no effect"},
		{effects, "API:Read | - | widens | - | - | do more | -", "no source"},
		{mapping, "AdminPortal:Read | /portal/read/ | inferred | E3 | 11+ | x", "duplicate row"},
		{mapping, "API:Read | /portal/read/ | inferred | E3 | 11+ | x", "has a line without a path next to others"},
		{mapping, "Collections[{id}]:Read | /pam/read/ | inferred | E3 | 11+ | x", "no placeholder"},
		{mapping, "Collections[{id}]:Read | /pam/read/{collectionId}/ | inferred | E3 | 11+ | x", "takes no such id"},
		{companions, "/x/ | /portal/read/ | call | Because.", "unknown path"},
		{companions, "/portal/read/ | /x/ | call | Because.", "unknown path"},
		{companions, "/portal/read/ | /pam/read/ | often | Because.", "unknown when"},
		{calls, "/x/ | GET /X | assumed", "unknown path"},
		{calls, "/auditing/read/{id}/ | GET /X/{id} | assumed", "takes no id"},
		{calls, "/auditing/read/ | GET /X | assumed", "duplicate call"},
		{calls, "/portal/read/ | PATCH /X/{none} | assumed", "not a call"},
		{calls, "/portal/read/ | GET X | assumed", "not a call"},
		{calls, "/portal/read/ | PUT /X | assumed", "neither a GET nor a write to an id that does not exist"},
		{calls, "/portal/read/ | GET /X/{none} | assumed", "neither a GET nor a write to an id that does not exist"},
		{calls, "/portal/read/ | GET /X/{id} | assumed", "an id in the path and not in the call"},
		{calls, "/pam/read/{id}/ | GET /X | assumed", "an id in the path and not in the call"},
		{calls, "/portal/read/ | GET /X | -", "no source"},
		{calls, "/portal/read/ | GET /X | assumed | /x/", "unknown path that serves"},
	} {
		_, err := load(func(name string) ([]byte, error) {
			if name == c.file {
				return []byte(good(name) + c.line), nil
			}
			return []byte(good(name)), nil
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: %v, want %q", c.file, c.line, err, c.want)
		}
	}
	if _, err := load(func(string) ([]byte, error) { return nil, fs.ErrNotExist }); err == nil {
		t.Error("missing files are not reported")
	}
}

// A new path is one line in one file.
func TestOneLineAddsAPath(t *testing.T) {
	c, err := load(func(name string) ([]byte, error) {
		text, err := files.ReadFile(name)
		if name == "data/paths.txt" {
			text = append(text, "/quantum/read/ | leaf | collection | 26 | - | endpoint page | 26.0 'GET Quantum' | view quantum keys\n"...)
		}
		return text, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if info := c.path("/quantum/read/6/"); info == nil || info.Label != "Quantum > Read" || info.Area != "quantum" || info.Since != "26" {
		t.Errorf("%+v", info)
	}
}
