package security_test

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/security"
)

type (
	kind   int
	label  string
	toggle bool
	named  int // has a JSON form of its own
)

func (n named) MarshalJSON() ([]byte, error) {
	switch n {
	case 1:
		return []byte(`"one"`), nil
	case 2:
		return []byte(`22`), nil
	case 3:
		return []byte(`true`), nil
	case 4:
		return []byte(`{"a":1}`), nil
	case 5:
		return []byte(`null`), nil
	case 6:
		return []byte(`"a\"b"`), nil
	}
	return nil, errors.New("no such name")
}

const name = security.FilterField("Name")

func TestFilter(t *testing.T) {
	t.Parallel()
	one := named(1)
	claim := security.FilterField("ClaimType").Eq(claims.TypeOAuthSubject)
	for want, f := range map[string]security.Filter{
		"":                                    {},
		`(Name -eq "Auditors")`:               name.Eq("Auditors"),
		`(Name -ne "Auditors")`:               name.Ne("Auditors"),
		`(Name -contains "udit")`:             name.Contains("udit"),
		`(Name -notcontains "udit")`:          name.NotContains("udit"),
		`(Name -startswith "A")`:              name.StartsWith("A"),
		`(Name -endswith "s")`:                name.EndsWith("s"),
		`(Name -lt "b")`:                      name.Lt("b"),
		`(Name -le "b")`:                      name.Le("b"),
		`(Name -gt "b")`:                      name.Gt("b"),
		`(Name -ge "b")`:                      name.Ge("b"),
		`(Name -eq NULL)`:                     name.IsNull(),
		`(Name -ne NULL)`:                     name.NotNull(),
		`(Name -eq 5)`:                        name.Eq(5),
		`(Name -eq -5)`:                       name.Eq(int64(-5)),
		`(Name -eq 18446744073709551615)`:     name.Eq(uint64(1<<64 - 1)),
		`(Name -eq true)`:                     name.Eq(true),
		`(Name -ne false)`:                    name.Ne(false),
		`(Name -eq 7)`:                        name.Eq(kind(7)),
		`(Name -eq "x")`:                      name.Eq(label("x")),
		`(Name -le true)`:                     name.Le(toggle(true)),
		`(Name -eq "one")`:                    name.Eq(named(1)),
		`(Name -eq 22)`:                       name.Eq(named(2)),
		`(Name -gt true)`:                     name.Gt(named(3)),
		`(Name -lt "one")`:                    name.Lt(&one),
		`(ClaimType -eq 5)`:                   claim,
		`(Name -eq "")`:                       name.Eq(""),
		`(Name -eq "D\u n'(a) AND x")`:        name.Eq(`D\u n'(a) AND x`),
		`(Name -eq "äöü 漢字 🔑")`:               name.Eq("äöü 漢字 🔑"),
		`(Name -ge "2026-01-02T03:04:05Z")`:   name.Ge(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		`((Name -eq "a") AND (Name -eq "b"))`: security.And(name.Eq("a"), name.Eq("b")),
		`((Name -eq "a") OR (Name -eq "b") OR (Name -eq "c"))`:    security.Or(name.Eq("a"), name.Eq("b"), name.Eq("c")),
		`((Name -eq "a") AND ((Name -eq "b") OR (Name -eq "c")))`: security.And(name.Eq("a"), security.Or(name.Eq("b"), name.Eq("c"))),
		`(((Name -eq "a") AND (Name -eq "b")) OR (Name -eq "c"))`: security.Or(security.And(name.Eq("a"), name.Eq("b")), name.Eq("c")),
		`(Name -eq "only")`:                         security.And(security.Or(name.Eq("only"))),
		`(Name -eq "one of two")`:                   security.And(security.Filter{}, name.Eq("one of two")),
		`(Name -eq "%ME%" or 1)`:                    security.Raw(`Name -eq "%ME%" or 1`),
		`((Name -eq "a") AND (x -eq 1 or y -eq 2))`: security.And(name.Eq("a"), security.Raw("x -eq 1 or y -eq 2")),
	} {
		if f.String() != want {
			t.Errorf("got  %s\nwant %s", f, want)
		}
		if f.IsZero() != (want == "") {
			t.Errorf("%s: IsZero is %t", want, f.IsZero())
		}
		v := url.Values{}
		if err := f.EncodeValues("QueryString", &v); err != nil || v.Get("QueryString") != want {
			t.Errorf("%s: encoded as %v, %v", want, v, err)
		}
	}
	if f := security.And(); !f.IsZero() {
		t.Errorf("And of nothing is %q", f)
	}
}

func TestBadFilters(t *testing.T) {
	t.Parallel()
	s := "x"
	bad := map[string]security.Filter{
		"quote":                   name.Eq(`a"b`),
		"only a quote":            name.Contains(`"`),
		"line":                    name.StartsWith("a\nb"),
		"return":                  name.EndsWith("a\rb"),
		"tab":                     name.NotContains("\t"),
		"zero":                    name.Ne("\x00"),
		"delete":                  name.Eq("\x7f"),
		"C1 control":              name.Eq("\u0085"),
		"not UTF-8":               name.Eq("a\xc0\xa2b"), // an overlong quote
		"quote in a named type":   name.Eq(label(`"`)),
		"quote in its JSON":       name.Eq(named(6)),
		"JSON object":             name.Eq(named(4)),
		"JSON null":               name.Eq(named(5)),
		"JSON error":              name.Eq(named(0)),
		"unknown claim type":      name.Eq(claims.Type("Nonsense")),
		"nil":                     name.Eq(nil),
		"nil pointer":             name.Eq((*string)(nil)),
		"nil pointer with a JSON": name.Eq((*named)(nil)),
		"pointer":                 name.Eq(&s),
		"float":                   name.Lt(1.5),
		"slice":                   name.Eq([]string{"a"}),
		"struct":                  name.Eq(struct{}{}),
		"no field":                security.FilterField("").Eq("a"),
		"field with a space":      security.FilterField("a b").Eq("a"),
		"field with a query":      security.FilterField(`Name -eq "a" or Name`).IsNull(),
		"field with a bracket":    security.FilterField("a)").NotNull(),
		"empty raw":               security.Raw(""),
		"blank raw":               security.Raw(" \t"),
		"empty filter in Or":      security.Or(name.Eq("a"), security.Filter{}),
		"nothing in Or":           security.Or(),
		"nested":                  security.And(name.Eq("a"), security.Or(name.Eq("b"), name.Eq(`"`))),
	}
	for what, f := range bad {
		v := url.Values{}
		err := f.EncodeValues("QueryString", &v)
		if got := fields(err); !slices.Equal(got, []string{"Filter"}) || !errors.Is(err, security.ErrInvalid) {
			t.Errorf("%s: %v is about %v, want Filter", what, err, got)
		}
		if f.IsZero() || f.String() != "" || len(v) != 0 {
			t.Errorf("%s: IsZero %t, String %q, encoded %v", what, f.IsZero(), f, v)
		}
	}
}

// tree is a filter taken apart again.
type tree struct {
	with  string // "AND", "OR", or "" for a term
	parts []tree
	term  string
}

// parse reads what Filter writes, by the grammar: a parenthesis holds one term,
// or several parenthesised parts with one word between them.
func parse(s string) (tree, string, error) {
	if !strings.HasPrefix(s, "(") {
		return tree{}, "", fmt.Errorf("no parenthesis at %q", s)
	}
	s = s[1:]
	if !strings.HasPrefix(s, "(") { // a term, up to the parenthesis that is not quoted
		quoted := false
		for i := range len(s) {
			switch {
			case s[i] == '"':
				quoted = !quoted
			case s[i] == ')' && !quoted:
				return tree{term: s[:i]}, s[i+1:], nil
			}
		}
		return tree{}, "", fmt.Errorf("no end of %q", s)
	}
	var node tree
	for {
		part, rest, err := parse(s)
		if err != nil {
			return tree{}, "", err
		}
		node.parts = append(node.parts, part)
		if after, ok := strings.CutPrefix(rest, ")"); ok {
			return node, after, nil
		}
		word, after, ok := strings.Cut(strings.TrimPrefix(rest, " "), " ")
		if !ok || word != "AND" && word != "OR" || node.with != "" && node.with != word {
			return tree{}, "", fmt.Errorf("unexpected %q", rest)
		}
		node.with, s = word, after
	}
}

func (t tree) String() string {
	if t.with == "" {
		return t.term
	}
	parts := make([]string, len(t.parts))
	for i, p := range t.parts {
		parts[i] = p.String()
	}
	return t.with + "[" + strings.Join(parts, "|") + "]"
}

// FuzzFilter: a filter never says more than what it was made of.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"Auditors", `a" OR "1" -eq "1`, `x") OR (Name -ne "`, "(", ")", "a\x00b", `D\u`, "“", "\xff", ""} {
		f.Add(s, s, uint8(0))
		f.Add("plain", s, uint8(5))
		f.Add(s, "plain", uint8(0xff))
	}
	f.Fuzz(func(t *testing.T, a, b string, shape uint8) {
		ops := []struct {
			word string
			make func(string) security.Filter
		}{
			{"-eq", func(s string) security.Filter { return name.Eq(s) }},
			{"-contains", name.Contains},
			{"-startswith", name.StartsWith},
			{"-ge", func(s string) security.Filter { return security.FilterField("Name").Ge(label(s)) }},
		}
		first, second := ops[shape&3], ops[shape>>2&3]
		x, y := first.make(a), second.make(b)
		termX, termY := "Name "+first.word+` "`+a+`"`, "Name "+second.word+` "`+b+`"`
		built, want := security.And(x, y, name.IsNull()), "AND["+termX+"|"+termY+"|Name -eq NULL]"
		if shape&16 != 0 {
			built, want = security.Or(x, y), "OR["+termX+"|"+termY+"]"
		}
		if shape&32 != 0 {
			built, want = security.And(built, name.Eq(1)), "AND["+want+"|Name -eq 1]"
		}
		err := built.EncodeValues("q", &url.Values{})
		fits := func(s string) bool {
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r == '"' || r < 0x20 || r >= 0x7f && r < 0xa0 })
		}
		if fits(a) && fits(b) != (err == nil) || !fits(a) && err == nil {
			t.Fatalf("%q and %q: %v", a, b, err)
		}
		if err != nil {
			return
		}
		got, rest, err := parse(built.String())
		if err != nil || rest != "" || got.String() != want {
			t.Fatalf("%s\nreads as %s\nwant     %s\nrest %q, %v", built, got, want, rest, err)
		}
	})
}

func TestOrder(t *testing.T) {
	t.Parallel()
	for o, want := range map[security.Order]string{security.Ascending: "0", security.Descending: "1"} {
		v := url.Values{}
		if err := o.EncodeValues("SortAscending", &v); err != nil || v.Encode() != "SortAscending="+want {
			t.Errorf("%d: %v, %v", o, v, err)
		}
	}
	for _, o := range []security.Order{-1, 0, 3} {
		v := url.Values{}
		if got := fields(o.EncodeValues("SortAscending", &v)); !slices.Equal(got, []string{"Order"}) || len(v) != 0 {
			t.Errorf("%d: %v, %v", o, got, v)
		}
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	seq := func(n int, err error) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(i, nil) {
					return
				}
			}
			if err != nil && yield(0, err) {
				t.Error("Collect goes on after an error")
			}
		}
	}
	if got, err := security.Collect(seq(3, nil)); err != nil || !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := security.Collect(seq(0, nil)); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := security.Collect(seq(3, failed)); got != nil || !errors.Is(err, failed) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFieldErrors(t *testing.T) {
	t.Parallel()
	errs := security.FieldErrors{{"Name", "must not be empty"}, {"Claims[2].Value", "is too long"}}
	if want := "Name: must not be empty; Claims[2].Value: is too long"; errs.Error() != want {
		t.Errorf("%q, want %q", errs.Error(), want)
	}
	wrapped := fmt.Errorf("create: %w", errs)
	if got, ok := errors.AsType[security.FieldErrors](wrapped); !ok || len(got) != 2 {
		t.Errorf("%v", got)
	}
	if got, ok := errors.AsType[security.FieldError](wrapped); !ok || got.Field != "Name" {
		t.Errorf("%v", got)
	}
	sentinels(t, wrapped, security.ErrInvalid)
}
