package permissions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrAccept matches [Conversion.Err] if a name that was accepted is none of the names.
var ErrAccept = errors.New("unused acceptance")

// LegacyRole is a role of version 1 to convert.
type LegacyRole struct {
	Role  string   `json:"role,omitempty"`
	Names []Legacy `json:"names"`
}

// Conversions are what became of many roles.
type Conversions struct {
	Roles []RoleConversion `json:"roles"`
	// UnusedOverrides and UnusedAccepts are about none of the names of any role, sorted.
	UnusedOverrides []Legacy `json:"unusedOverrides,omitempty"`
	UnusedAccepts   []Legacy `json:"unusedAccepts,omitempty"`
	// UnknownProofs are names of the overlay that are neither known here nor among those of the roles: perhaps they are
	// misspelled.
	UnknownProofs []Legacy `json:"unknownProofs,omitempty"`
}

// RoleConversion is what became of one role.
type RoleConversion struct {
	Role string `json:"role,omitempty"`
	Conversion
}

// ConvertAll converts many roles with the same options, in their order. An override or acceptance is used if one of the
// roles has the name.
func ConvertAll(roles []LegacyRole, opts *ConvertOptions) Conversions {
	if opts == nil {
		opts = &ConvertOptions{}
	}
	none := newConverter(nil, opts)
	all := Conversions{Roles: []RoleConversion{}, UnusedOverrides: none.overrides.unused(), UnusedAccepts: none.accepts.unused()}
	held := map[Legacy]bool{}
	for _, r := range roles {
		conv := Convert(r.Names, opts)
		all.UnusedOverrides = both(all.UnusedOverrides, conv.UnusedOverrides)
		all.UnusedAccepts = both(all.UnusedAccepts, conv.UnusedAccepts)
		conv.UnusedOverrides, conv.UnusedAccepts = nil, nil
		for _, item := range conv.Items {
			if item.Proof != nil {
				held[item.Proof.Name] = true
			}
		}
		all.Roles = append(all.Roles, RoleConversion{r.Role, conv})
	}
	if opts.Overlay != nil {
		for _, row := range opts.Overlay.rows {
			if data().byName[row.Name] == nil && !held[row.Name] {
				all.UnknownProofs = append(all.UnknownProofs, row.Name)
			}
		}
	}
	return all
}

// both returns what both sorted lists have.
func both(a, b []Legacy) []Legacy {
	return slices.DeleteFunc(a, func(l Legacy) bool { _, found := slices.BinarySearch(b, l); return !found })
}

// Err returns the errors of all roles (see [Conversion.Err]), each with the name of its role, and what is about none of
// them. It is nil if there is none.
func (c Conversions) Err() error {
	errs := unusedErrs(c.UnusedOverrides, c.UnusedAccepts)
	for _, r := range c.Roles {
		switch err := r.Err(); {
		case err != nil && r.Role != "":
			errs = append(errs, fmt.Errorf("role %s: %w", quote(r.Role), err))
		case err != nil:
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Undecided reports whether a role has an item that somebody has to decide about; see [Conversion.Undecided].
func (c Conversions) Undecided() bool {
	return slices.ContainsFunc(c.Roles, func(r RoleConversion) bool { return len(r.Undecided()) > 0 })
}

// Undecided returns the items that somebody has to decide about: those that let the role do more, those that take something
// from it, and guesses that give it something. What was overridden or accepted by name is decided, and what was refused
// gives nothing.
func (c Conversion) Undecided() []Item {
	return slices.DeleteFunc(slices.Clone(c.Items), func(item Item) bool {
		guess := item.Confidence == ConfidenceGuess && len(item.Redundant) < len(item.Paths)
		return item.Overridden || item.Accepted || item.Outcome != OutcomeConverted && item.Outcome != OutcomeDropped ||
			item.Widens == "" && item.Narrows == "" && !(item.Outcome == OutcomeConverted && guess)
	})
}

// String returns the roles as tables for an administrator, and says what is about none of them.
func (c Conversions) String() string {
	var b strings.Builder
	for _, r := range c.Roles {
		if r.Role != "" {
			b.WriteString("Role " + quote(r.Role) + "\n")
		}
		b.WriteString(r.String())
		if len(c.Roles) > 1 {
			b.WriteByte('\n')
		}
	}
	for _, err := range unusedErrs(c.UnusedOverrides, c.UnusedAccepts) {
		fmt.Fprintf(&b, "%v\n", err)
	}
	for _, l := range c.UnknownProofs {
		fmt.Fprintf(&b, "note: the overlay has %s, which is not known here and not among the names\n", shownName(l))
	}
	return b.String()
}

// ErrRoles matches every error about malformed roles.
var ErrRoles = errors.New("not a list of roles")

// ParseRoles reads roles to convert. As text, one name is on each line, and a line that ends in a colon ("Operators:")
// begins the role with that name. As JSON, an array of names is one role; an object has the names of each role; an array of
// objects has "role" and "names", or "Name" and "Permissions" as Command's API answers; and what [ParseObservations] reads
// is taken, too. The error matches [ErrRoles].
func ParseRoles(text []byte) ([]LegacyRole, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))) // some editors start a file with it
	var roles []LegacyRole
	var err error
	switch {
	case bytes.HasPrefix(text, []byte("[")):
		roles, err = parseRoleArray(text)
	case bytes.HasPrefix(text, []byte("{")):
		roles, err = parseRoleObject(text)
	default:
		roles = parseRoleText(string(text))
	}
	if err == nil && len(roles) == 0 {
		err = errors.New("no names given")
	}
	seen := map[string]bool{}
	for _, r := range roles {
		if seen[r.Role] {
			err = errors.Join(err, fmt.Errorf("role %s is there twice", quote(r.Role)))
		}
		seen[r.Role] = true
	}
	if err != nil {
		return nil, fmt.Errorf("permissions: %w: %w", ErrRoles, err)
	}
	return roles, nil
}

func parseRoleText(text string) []LegacyRole {
	var roles []LegacyRole
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, header := strings.CutSuffix(line, ":")
		switch {
		case line == "" || line[0] == '#':
		case header:
			roles = append(roles, LegacyRole{Role: strings.TrimSpace(name), Names: []Legacy{}})
		default:
			if len(roles) == 0 {
				roles = []LegacyRole{{}}
			}
			last := &roles[len(roles)-1]
			last.Names = append(last.Names, Legacy(line))
		}
	}
	return roles
}

func parseRoleArray(text []byte) ([]LegacyRole, error) {
	var names []Legacy
	if json.Unmarshal(text, &names) == nil {
		if len(names) == 0 {
			return nil, nil
		}
		return []LegacyRole{{Names: names}}, nil
	}
	var list []struct {
		Role        string   `json:"role"`
		Name        string   `json:"Name"`
		Names       []Legacy `json:"names"`
		Permissions []Legacy `json:"Permissions"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, errors.New("the input looks like JSON, but is not an array of names, nor of objects with names or Permissions")
	}
	var roles []LegacyRole
	for _, r := range list {
		switch {
		case r.Names == nil && r.Permissions == nil:
			return nil, fmt.Errorf("role %s has neither names nor Permissions", quote(r.Role+r.Name))
		case r.Names == nil:
			roles = append(roles, LegacyRole{r.Name, r.Permissions})
		default:
			roles = append(roles, LegacyRole{r.Role, r.Names})
		}
	}
	return roles, nil
}

// parseRoleObject reads the roles in their order.
func parseRoleObject(text []byte) ([]LegacyRole, error) {
	if observations, _, err := ParseObservations(text); err == nil {
		var roles []LegacyRole
		for _, o := range observations {
			roles = append(roles, LegacyRole{o.Role, o.Names})
		}
		return roles, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	_, _ = decoder.Token() // the brace
	var roles []LegacyRole
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		r := LegacyRole{Role: fmt.Sprint(name)}
		if err := decoder.Decode(&r.Names); err != nil {
			return nil, fmt.Errorf("role %s: %w", quote(r.Role), err)
		}
		roles = append(roles, r)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return roles, nil
}

// ErrOverrides matches every error about malformed overrides.
var ErrOverrides = errors.New("not a list of overrides")

// ParseOverrides reads the decisions for [ConvertOptions.Overrides] from text, one a line: "name | paths | reason". Paths
// are separated by spaces, and "-" drops the name. The reason may be left out. The error names everything that is wrong, by
// line, and matches [ErrOverrides].
func ParseOverrides(text []byte) (map[Legacy][]Path, error) {
	decisions := map[Legacy][]Path{}
	err := parseTable(text, 2, 3, func(col []string) error {
		key := canonicalKey(Legacy(col[0]))
		if _, _, _, problem := Legacy(strings.Replace(string(key), placeholder, "[1]", 1)).parts(); problem != "" {
			return fmt.Errorf("%s %s", quote(col[0]), problem)
		}
		if _, twice := decisions[key]; twice {
			return fmt.Errorf("there is a decision about %s already", key)
		}
		paths, err := parseTemplates(key, col[1])
		decisions[key] = paths
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("permissions: %w: %w", ErrOverrides, err)
	}
	return decisions, nil
}

// ErrObservations matches every error about malformed observations.
var ErrObservations = errors.New("not a list of observations")

// ParseObservations reads what [Learn] takes from a JSON object: "roles", an array of objects with "role", "names", "paths"
// and "exact", and "known", the server's list of paths. The error matches [ErrObservations].
func ParseObservations(text []byte) (observations []Observation, known []Path, err error) {
	var file struct {
		Roles []Observation `json:"roles"`
		Known []Path        `json:"known"`
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&file)
	if err == nil {
		if _, next := decoder.Token(); !errors.Is(next, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("permissions: %w: %w", ErrObservations, err)
	}
	return file.Roles, file.Known, nil
}
