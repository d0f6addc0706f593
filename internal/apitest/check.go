package apitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/security"
)

// Refused fails the test unless err says that the input was refused before
// anything was sent, and names exactly these fields.
func Refused(t testing.TB, err error, fields ...string) {
	t.Helper()
	if !errors.Is(err, security.ErrInvalid) {
		t.Errorf("error is %v, want ErrInvalid", err)
		return
	}
	if e, ok := errors.AsType[*security.Error](err); ok && (e.Attempts != 0 || e.StatusCode != 0) {
		t.Errorf("refused after %d attempts: %v", e.Attempts, err)
	}
	wrong, _ := errors.AsType[security.FieldErrors](err)
	var got []string
	for _, f := range wrong {
		got = append(got, f.Field)
	}
	if !slices.Equal(got, fields) {
		t.Errorf("fields refused are %q, want %q: %v", got, fields, err)
	}
}

// Lossless decodes JSON into a T, encodes that, and fails the test if
// something was lost or invented. except lists what may be, as Lost writes it.
func Lossless[T any](t testing.TB, text string, except ...string) {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("%T: %v", v, err)
		return
	}
	lost, err := Lost([]byte(text), v)
	if err != nil {
		t.Errorf("%T: %v", v, err)
	}
	for _, l := range lost {
		if !slices.Contains(except, l) {
			t.Errorf("%T: %s", v, l)
		}
	}
}

// Lost encodes v and reports what it lacks of the JSON it was decoded from, and
// what it adds: "Roles[].Valid is lost". Null, absent and empty are alike, and
// so are a claim type's name and number.
func Lost(text []byte, v any) ([]string, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var want, got any
	if err := errors.Join(json.Unmarshal(text, &want), json.Unmarshal(encoded, &got)); err != nil {
		return nil, err
	}
	var c comparison
	c.compare("", want, got)
	slices.Sort(c.found)
	return slices.Compact(c.found), nil
}

type comparison struct{ found []string }

func (c *comparison) note(path, format string, args ...any) {
	c.found = append(c.found, strings.TrimPrefix(path, ".")+" "+fmt.Sprintf(format, args...))
}

func (c *comparison) compare(path string, want, got any) {
	if empty(want) && empty(got) {
		return
	}
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			c.note(path, "is lost")
			return
		}
		for name, w := range want {
			g, ok := member(got, name)
			if !ok && !empty(w) {
				c.note(path+"."+name, "is lost")
			} else if ok {
				c.compare(path+"."+name, w, g)
			}
		}
		for name, g := range got {
			if _, ok := member(want, name); !ok && !empty(g) {
				c.note(path+"."+name, "is invented")
			}
		}
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			c.note(path+"[]", "is lost")
			return
		}
		for i := range want {
			c.compare(path+"[]", want[i], got[i])
		}
	default:
		if got == nil {
			c.note(path, "is lost")
		} else if !reflect.DeepEqual(want, got) && !(strings.HasSuffix(path, ".ClaimType") && sameClaimType(want, got)) {
			c.note(path, "went from %v to %v", want, got)
		}
	}
}

// member finds a member by its name in any case, as encoding/json does.
func member(object map[string]any, name string) (any, bool) {
	if v, ok := object[name]; ok {
		return v, true
	}
	for n, v := range object {
		if strings.EqualFold(n, name) {
			return v, true
		}
	}
	return nil, false
}

// empty reports what null, absence and a zero value have in common.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case float64:
		return v == 0
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, member := range v {
			if !empty(member) {
				return false
			}
		}
		return true
	}
	return false
}

// sameClaimType compares the name that answers carry with the number that
// requests carry.
func sameClaimType(a, b any) bool {
	number := func(v any) string {
		names := []string{"User", "Group", "Computer", "OAuthOid", "OAuthRole", "OAuthSubject", "OAuthClientId"}
		if i := slices.Index(names, fmt.Sprint(v)); i >= 0 {
			return strconv.Itoa(i)
		}
		return fmt.Sprint(v)
	}
	return number(a) == number(b)
}
