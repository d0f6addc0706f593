package security

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FilterField is a field that a list can be filtered by. Each resource package has
// constants for those it knows, such as roles.FieldName.
type FilterField string

// Filter selects the records of a list. Make one from a [FilterField], and combine
// several with [And] and [Or]. The zero Filter selects all.
//
// A Filter that cannot be expressed safely carries an error, which the call
// returns before it sends anything: the query language has no known way to
// quote a double quote, so a value with one is refused, and so are control
// characters.
type Filter struct {
	expr string
	err  error
}

// Eq selects records whose field equals value: a string, an integer, a boolean,
// or a type derived from one of them. A value that has a JSON form of its own,
// such as a claims.Type, is compared in that form.
func (f FilterField) Eq(value any) Filter { return f.compare("-eq", value) }

// Ne selects records whose field differs from value.
func (f FilterField) Ne(value any) Filter { return f.compare("-ne", value) }

// Lt selects records whose field is less than value.
func (f FilterField) Lt(value any) Filter { return f.compare("-lt", value) }

// Le selects records whose field is at most value.
func (f FilterField) Le(value any) Filter { return f.compare("-le", value) }

// Gt selects records whose field is greater than value.
func (f FilterField) Gt(value any) Filter { return f.compare("-gt", value) }

// Ge selects records whose field is at least value.
func (f FilterField) Ge(value any) Filter { return f.compare("-ge", value) }

// Contains selects records whose field contains text.
func (f FilterField) Contains(text string) Filter { return f.compare("-contains", text) }

// NotContains selects records whose field does not contain text.
func (f FilterField) NotContains(text string) Filter { return f.compare("-notcontains", text) }

// StartsWith selects records whose field starts with text.
func (f FilterField) StartsWith(text string) Filter { return f.compare("-startswith", text) }

// EndsWith selects records whose field ends with text.
func (f FilterField) EndsWith(text string) Filter { return f.compare("-endswith", text) }

// IsNull selects records whose field has no value.
func (f FilterField) IsNull() Filter { return f.term("-eq", "NULL") }

// NotNull selects records whose field has a value.
func (f FilterField) NotNull() Filter { return f.term("-ne", "NULL") }

// And selects what all filters select. An empty Filter among them changes
// nothing.
func And(filters ...Filter) Filter {
	var given []Filter
	for _, f := range filters {
		if !f.IsZero() {
			given = append(given, f)
		}
	}
	return join(" AND ", given)
}

// Or selects what at least one of the filters selects. An empty Filter among
// them is refused: it would select everything.
func Or(filters ...Filter) Filter {
	if len(filters) == 0 {
		return filterError("Or needs at least one filter: without any it would select everything")
	}
	for _, f := range filters {
		if f.IsZero() {
			return filterError("an empty filter inside Or selects everything")
		}
	}
	return join(" OR ", filters)
}

// Raw is a query in the server's own language, sent as it is, in parentheses.
// What it holds is the caller's responsibility: never put into it what a user
// typed.
func Raw(query string) Filter {
	if strings.TrimSpace(query) == "" {
		return filterError("a raw query must not be empty")
	}
	return Filter{expr: "(" + query + ")"}
}

// String is the query as it is sent, "" for the zero Filter and for one that
// cannot be sent.
func (f Filter) String() string { return f.expr }

// IsZero reports whether the filter selects everything.
func (f Filter) IsZero() bool { return f.expr == "" && f.err == nil }

// EncodeValues writes the query parameter, or returns what is wrong with the
// filter.
func (f Filter) EncodeValues(key string, v *url.Values) error {
	if f.err != nil {
		return f.err
	}
	v.Set(key, f.expr)
	return nil
}

func (f FilterField) compare(op string, value any) Filter {
	if _, ok := value.(json.Marshaler); ok {
		raw, err := json.Marshal(value) // knows what to do with a nil pointer
		var form any
		if err == nil {
			decoder := json.NewDecoder(bytes.NewReader(raw))
			decoder.UseNumber()
			err = decoder.Decode(&form)
		}
		if err != nil {
			return filterError(fmt.Sprintf("%s: %v", f, err))
		}
		if n, ok := form.(json.Number); ok {
			return f.term(op, n.String())
		}
		value = form
	}
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid():
		return filterError(fmt.Sprintf("%s: compare with null by IsNull or NotNull", f))
	case v.Kind() == reflect.String:
		return f.quoted(op, v.String())
	case v.Kind() == reflect.Bool:
		return f.term(op, strconv.FormatBool(v.Bool()))
	case v.CanInt():
		return f.term(op, strconv.FormatInt(v.Int(), 10))
	case v.CanUint():
		return f.term(op, strconv.FormatUint(v.Uint(), 10))
	}
	return filterError(fmt.Sprintf("%s: a %T cannot be compared with, use a string, an integer or a boolean", f, value))
}

func (f FilterField) quoted(op, text string) Filter {
	if !utf8.ValidString(text) {
		return filterError(fmt.Sprintf("%s: the value is not valid UTF-8", f))
	}
	for _, r := range text {
		if r == '"' || unicode.IsControl(r) {
			return filterError(fmt.Sprintf("%s: the value contains %q, which the query language cannot quote; "+
				"filter by another field or in your program", f, r))
		}
	}
	return f.term(op, `"`+text+`"`)
}

func (f FilterField) term(op, value string) Filter {
	if f == "" || strings.ContainsFunc(string(f), func(r rune) bool {
		return r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return filterError(fmt.Sprintf("%q is not a field name", string(f)))
	}
	return Filter{expr: "(" + string(f) + " " + op + " " + value + ")"}
}

func join(with string, filters []Filter) Filter {
	texts := make([]string, len(filters))
	for i, f := range filters {
		if f.err != nil {
			return f
		}
		texts[i] = f.expr
	}
	switch len(filters) {
	case 0:
		return Filter{}
	case 1:
		return filters[0]
	}
	return Filter{expr: "(" + strings.Join(texts, with) + ")"}
}

func filterError(problem string) Filter {
	return Filter{err: FieldErrors{{Field: "Filter", Problem: problem}}}
}
