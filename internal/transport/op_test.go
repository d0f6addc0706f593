package transport_test

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExpand(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		path  string
		args  []any
		want  string // "" = refused
		field string // that the refusal names
	}{
		{path: "Security/Roles", want: "Security/Roles"},
		{path: "Security/Roles/{id}", args: []any{5}, want: "Security/Roles/5"},
		{path: "Security/Roles/{id}/Permissions", args: []any{5}, want: "Security/Roles/5/Permissions"},
		{path: "A/{a}/B/{b}", args: []any{1, "x"}, want: "A/1/B/x"},
		{path: "A/{a}", args: []any{"a/b c?d#e%f"}, want: "A/a%2Fb%20c%3Fd%23e%25f"},
		{path: "A/{a}", args: []any{"{b}"}, want: "A/%7Bb%7D"},
		{path: "A/{a}", args: []any{"..."}, want: "A/..."},
		{path: "A/{a}", args: []any{"a..b"}, want: "A/a..b"},
		{path: "A/{a}", args: []any{"ä"}, want: "A/%C3%A4"},
		{path: "A/{id}", args: []any{0}, field: "id"},
		{path: "A/{id}", args: []any{-1}, field: "id"},
		{path: "A/{name}", args: []any{""}, field: "name"},
		{path: "A/{name}", args: []any{"."}, field: "name"},
		{path: "A/{name}", args: []any{".."}, field: "name"},
		{path: "A/{name}", args: []any{"%2e%2E"}, field: "name"},
		{path: "A/{name}", args: []any{"%252e%252e"}, field: "name"},
		{path: "A/{name}", args: []any{"%u002e."}, field: "name"},
		{path: "A/{name}", args: []any{"..;a=b"}, field: "name"},
		{path: "A/{name}", args: []any{".. "}, field: "name"},
		{path: "A/{name}", args: []any{"100%"}, want: "A/100%25"},
		{path: "A/{name}", args: []any{"x/../../y"}, field: "name"},
		{path: "A/{name}", args: []any{`..\y`}, field: "name"},
		{path: "A/{a}/B/{b}", args: []any{1, 0}, field: "b"},
		{path: "A/{id}"},
		{path: "A", args: []any{1}},
		{path: "A/{id}", args: []any{1, 2}},
		{path: "A/{id", args: []any{1}},
		{path: "A/{id}", args: []any{1.5}},
		{path: "A/{id}", args: []any{nil}},
		{path: "A/{id}", args: []any{int64(1)}},
	} {
		got, err := transport.Op{Method: http.MethodGet, Path: tc.path, Version: 1}.Expand(tc.args...)
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s with %v is %q, %v; want %q", tc.path, tc.args, got, err, tc.want)
		}
		in, _ := errors.AsType[*transport.InputError](err)
		if tc.field != "" && (in == nil || in.Field != tc.field) {
			t.Errorf("%s with %v: %v does not name %s", tc.path, tc.args, err, tc.field)
		}
	}
}

func TestOpString(t *testing.T) {
	t.Parallel()
	op := transport.Op{Method: http.MethodPut, Path: "Security/Roles/{id}", Version: 2}
	if got := op.String(); got != "PUT /Security/Roles/{id}, version 2" {
		t.Error(got)
	}
}

// FuzzExpand: whatever the argument, the path keeps its segments and the URL
// its host.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"a", "..", "../..", "/", "//evil.example.com", "a?b", "a#b", "%2e%2e", "%2F", `..\..`, "{x}", "@", ":", "\x00", "a b", "\xff", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		path, err := transport.Op{Path: "Security/Things/{name}/Parts"}.Expand(arg)
		if err != nil {
			if in, ok := errors.AsType[*transport.InputError](err); !ok || in.Field != "name" {
				t.Fatalf("%q: %v", arg, err)
			}
			return
		}
		u, err := url.Parse("https://command.example.com/KeyfactorAPI/" + path)
		if err != nil {
			t.Fatalf("%q: %v", arg, err)
		}
		clean := u.JoinPath() // as a client or proxy may clean it
		if u.Host != "command.example.com" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			t.Fatalf("%q changes the URL to %s", arg, u)
		}
		parts := strings.Split(clean.EscapedPath(), "/")
		if len(parts) != 6 || parts[1] != "KeyfactorAPI" || parts[3] != "Things" || parts[5] != "Parts" {
			t.Fatalf("%q changes the segments to %q", arg, parts)
		}
		if back, err := url.PathUnescape(parts[4]); err != nil || back != arg {
			t.Fatalf("%q arrives as %q, %v", arg, back, err)
		}
		for part := range strings.FieldsFuncSeq(u.Path, func(r rune) bool { return r == '/' || r == '\\' }) {
			if part == ".." || part == "." {
				t.Fatalf("%q climbs: %s", arg, u.Path)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for value, want := range map[string]time.Duration{ // -1 = not ok
			"": -1, "0": 0, "5": 5 * time.Second, "2147483647": 2147483647 * time.Second,
			"2147483648": 1<<63 - 1, "9223372037": 1<<63 - 1, "18446744073709551615": 1<<63 - 1, "18446744073709551616": 1<<63 - 1,
			"-1": -1, "+1": -1, "1.5": -1, "1e3": -1, "0x10": -1, "1 ": -1, "soon": -1,
			time.Now().UTC().Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
			time.Now().UTC().Add(-time.Hour).Format(http.TimeFormat):       0,
			time.Now().UTC().Add(time.Hour).Format(time.RFC850):            time.Hour,
			time.Now().UTC().Add(time.Hour).Format(time.ANSIC):             time.Hour,
			"Fri, 31 Dec 9999 23:59:59 GMT":                                1<<63 - 1,
			"Fri, 31 Dec 9999":                                             -1,
		} {
			got, ok := transport.RetryAfter(http.Header{"Retry-After": {value}})
			if ok != (want >= 0) || ok && got != want {
				t.Errorf("%q is %v, %t; want %v", value, got, ok, want)
			}
		}
		if _, ok := transport.RetryAfter(nil); ok {
			t.Error("no header is ok")
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "5", "-5", "9223372037", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT", "soon", "1e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		d, ok := transport.RetryAfter(http.Header{"Retry-After": {value}})
		if d < 0 || !ok && d != 0 {
			t.Fatalf("%q is %v, %t", value, d, ok)
		}
		if n, err := strconv.Atoi(value); err == nil && n >= 0 && value[0] != '+' && value[0] != '-' && (!ok || d < time.Duration(min(n, 1<<31))*time.Second) {
			t.Fatalf("%q is %v, %t", value, d, ok)
		}
	})
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"https://h.example.com/a", "https://h.example.com/b?c", true},
		{"https://h.example.com", "https://H.EXAMPLE.com:443/", true},
		{"http://h.example.com", "http://h.example.com:80", true},
		{"https://[::1]", "https://[::1]:443", true},
		{"https://h.example.com", "http://h.example.com", false},
		{"https://h.example.com", "http://h.example.com:443", false},
		{"https://h.example.com", "https://h.example.com:8443", false},
		{"https://h.example.com", "https://h.example.com.evil.org", false},
		{"https://h.example.com", "https://evil.org/h.example.com", false},
		{"https://h.example.com", "https://h.example.com@evil.org/", false},
		{"https://h.example.com", "https://x.h.example.com", false},
	} {
		a, errA := url.Parse(tc.a)
		b, errB := url.Parse(tc.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if same := transport.Origin(a) == transport.Origin(b); same != tc.same {
			t.Errorf("%s and %s: same origin is %t", tc.a, tc.b, same)
		}
	}
}
