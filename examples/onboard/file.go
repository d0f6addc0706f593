package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// team is one team as the file describes it.
type team struct {
	line int    // where it begins
	at   string // its place in the file, such as "teams[2]"

	name, description string
	email             *string
	groups            []claims.Request
	collections       []int
	rights            []string
	permissions       []string
}

// rightsOn are the rights that a team can have on collections.
func rightsOn() map[string]permissions.Path {
	return map[string]permissions.Path{
		"read":          "/certificates/collections/read/",
		"edit_metadata": "/certificates/collections/metadata/modify/",
		"revoke":        "/certificates/collections/revoke/",
		"delete":        "/certificates/collections/delete/",
		"recover":       "/certificates/collections/private_key/read/",
		"change_owner":  "/certificates/collections/change_owner/",
	}
}

// role is the team's role, all of it.
func (t *team) role() roles.CreateV2 {
	role := roles.CreateV2{Name: t.name, Description: t.description, EmailAddress: t.email, Claims: t.groups}
	for _, right := range t.rights {
		for _, id := range t.collections {
			if path, err := rightsOn()[right].WithScope(strconv.Itoa(id)); err == nil {
				role.Permissions = append(role.Permissions, path)
			}
		}
	}
	for _, p := range t.permissions {
		role.Permissions = append(role.Permissions, permissions.Path(p))
	}
	return role
}

// problem is something that is wrong with the file.
type problem struct {
	line int
	text string
}

// readTeams reads a file of teams. Everything that is wrong with it is in the
// error; what is only worth a second look is in warnings.
func readTeams(name string, data []byte) (teams []*team, warnings []string, err error) {
	r := &reader{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	r.object("", fields{"teams": func(at string) {
		r.list(at, func(at string) { teams = append(teams, r.team(at)) })
	}})
	if _, err := r.dec.Token(); r.err == nil && !errors.Is(err, io.EOF) {
		r.problem("", "there is more after the end")
	}
	if r.err != nil {
		r.problem("", "not JSON: %v", r.err)
	} else if len(teams) == 0 && len(r.problems) == 0 {
		r.problem("teams", "there are none")
	}
	names := map[string]*team{}
	for _, t := range teams {
		if r.err == nil {
			warnings = append(warnings, r.check(name, t)...)
		}
		if first := names[strings.ToLower(t.name)]; first != nil && t.name != "" {
			r.problemIn(t.line, t.at+".team", "%q is the name of %s too", t.name, first.at)
		}
		names[strings.ToLower(t.name)] = t
	}
	if len(r.problems) == 0 {
		return teams, warnings, nil
	}
	slices.SortStableFunc(r.problems, func(a, b problem) int { return a.line - b.line })
	var text strings.Builder
	text.WriteString("nothing was sent, because the file has errors:")
	for _, p := range r.problems {
		fmt.Fprintf(&text, "\n  %s:%d: %s", name, p.line, p.text)
	}
	return nil, warnings, errors.New(text.String())
}

// reader reads JSON piece by piece, so that each finding has its line.
type reader struct {
	data     []byte
	dec      *json.Decoder
	err      error // not JSON; nothing can be read from here on
	problems []problem
}

// fields are what an object can hold, and how each is read.
type fields map[string]func(at string)

func (r *reader) line() int { return 1 + bytes.Count(r.data[:r.dec.InputOffset()], []byte("\n")) }

// nextLine is the line that the next token is in.
func (r *reader) nextLine() int {
	from := int(r.dec.InputOffset())
	rest := bytes.TrimLeft(r.data[from:], " \t\r\n,:")
	return 1 + bytes.Count(r.data[:len(r.data)-len(rest)], []byte("\n"))
}

func (r *reader) problem(at, format string, args ...any) {
	r.problemIn(r.line(), at, format, args...)
}

func (r *reader) problemIn(line int, at, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); at != "" {
		r.problems = append(r.problems, problem{line, at + ": " + text})
	} else {
		r.problems = append(r.problems, problem{line, text})
	}
}

// value reads whatever comes next.
func (r *reader) value() (v any) {
	if r.err == nil {
		r.err = r.dec.Decode(&v)
	}
	return v
}

// token reads the next token, nil if there is none.
func (r *reader) token() (t json.Token) {
	if r.err == nil {
		if t, r.err = r.dec.Token(); errors.Is(r.err, io.EOF) {
			r.err = io.ErrUnexpectedEOF
		}
	}
	return t
}

// open begins an object or a list, and passes over anything else.
func (r *reader) open(at string, want json.Delim, kind string) bool {
	got := r.token()
	if got == want || r.err != nil {
		return r.err == nil
	}
	r.problem(at, "must be %s", kind)
	if got == json.Delim('{') || got == json.Delim('[') {
		for r.err == nil && r.dec.More() {
			r.value()
		}
		r.token()
	}
	return false
}

func (r *reader) object(at string, known fields) {
	if !r.open(at, '{', "an object") {
		return
	}
	seen := map[string]bool{}
	for r.err == nil && r.dec.More() {
		name, _ := r.token().(string)
		field := strings.TrimPrefix(at+"."+name, ".")
		switch read := known[name]; {
		case r.err != nil:
		case read == nil:
			r.problem(field, "unknown field; known are %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			r.value()
		case seen[name]:
			r.problem(field, "is there twice")
			r.value()
		default:
			seen[name] = true
			read(field)
		}
	}
	r.token()
}

func (r *reader) list(at string, item func(at string)) {
	if !r.open(at, '[', "a list") {
		return
	}
	for i := 0; r.err == nil && r.dec.More(); i++ {
		item(at + "[" + strconv.Itoa(i) + "]")
	}
	r.token()
}

func (r *reader) text(into *string) func(at string) {
	return func(at string) {
		if text, ok := r.value().(string); ok {
			*into = text
		} else if r.err == nil {
			r.problem(at, "must be a text")
		}
	}
}

func (r *reader) texts(into *[]string) func(at string) {
	return func(at string) {
		r.list(at, func(at string) {
			var text string
			r.text(&text)(at)
			*into = append(*into, text)
		})
	}
}

func (r *reader) team(at string) *team {
	t := &team{at: at, line: r.nextLine()}
	r.object(at, fields{
		"team":        r.text(&t.name),
		"description": r.text(&t.description),
		"email": func(at string) {
			t.email = new("")
			r.text(t.email)(at)
		},
		"groups": func(at string) {
			r.list(at, func(at string) { t.groups = append(t.groups, r.group(at)) })
		},
		"collections": func(at string) {
			r.list(at, func(at string) {
				number, _ := r.value().(json.Number)
				id, err := strconv.ParseInt(number.String(), 10, 32)
				if r.err == nil && (err != nil || id < 1) {
					r.problem(at, "must be the id of a collection")
				}
				t.collections = append(t.collections, int(id))
			})
		},
		"rights": func(at string) {
			r.list(at, func(at string) {
				var right string
				r.text(&right)(at)
				if known := rightsOn(); r.err == nil && known[right] == "" {
					r.problem(at, "%q is not a right; the rights are %s", right, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
				}
				t.rights = append(t.rights, right)
			})
		},
		"permissions": r.texts(&t.permissions),
	})
	return t
}

func (r *reader) group(at string) claims.Request {
	var g claims.Request
	var kind string
	r.object(at, fields{
		"type":   r.text(&kind),
		"value":  r.text(&g.Value),
		"scheme": r.text(&g.Scheme),
	})
	g.Type = claims.Type(kind)
	if known, err := claims.ParseType(kind); err == nil {
		g.Type = known
	}
	return g
}

// check notes what is wrong with a team although it can be read, and returns
// what deserves a second look.
func (r *reader) check(name string, t *team) (warnings []string) {
	for i := range t.groups {
		t.groups[i].Description = "Group of the team " + t.name // of claims that do not exist yet
	}
	role := t.role()
	problems, _ := errors.AsType[security.FieldErrors](role.Validate())
	for _, p := range problems {
		if !strings.HasPrefix(p.Field, "Permissions") { // Lint says more about those
			r.problemIn(t.line, t.at+"."+fieldInFile(p.Field), "%s", p.Problem)
		}
	}
	if (len(t.collections) == 0) != (len(t.rights) == 0) {
		r.problemIn(t.line, t.at, "collections and rights need each other")
	}
	for _, f := range permissions.Lint(role.Permissions, nil) {
		switch f.Severity {
		case permissions.SeverityError:
			r.problemIn(t.line, t.at, "%s", f)
		case permissions.SeverityWarning:
			warnings = append(warnings, fmt.Sprintf("%s:%d: %s: %s", name, t.line, t.at, f))
		case permissions.SeverityInfo:
		}
	}
	return warnings
}

// fieldInFile is what the file calls a field of a role.
func fieldInFile(field string) string {
	return strings.NewReplacer("Name", "team", "Description", "description", "EmailAddress", "email",
		"Claims", "groups", "Type", "type", "Value", "value", "Scheme", "scheme").Replace(field)
}
