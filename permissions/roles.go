package permissions

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
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
	// Decisions are the overrides and acceptances of the options, and the roles that each was used for: those about all roles
	// first, then by role.
	Decisions []UsedDecision `json:"decisions,omitempty"`
	// UnknownProofs are names of the overlay that are neither known here nor among those of the roles: perhaps they are
	// misspelled.
	UnknownProofs []Legacy `json:"unknownProofs,omitempty"`
}

// RoleConversion is what became of one role.
type RoleConversion struct {
	Role string `json:"role,omitempty"`
	Conversion
}

// UsedDecision is a decision, and the roles that it was used for: those that have the name, in their order. A decision that
// was used for none is an error.
type UsedDecision struct {
	Decision

	Roles []string `json:"roles"`
}

// ConvertAll converts many roles with the same options, in their order.
func ConvertAll(roles []LegacyRole, opts *ConvertOptions) Conversions {
	if opts == nil {
		opts = &ConvertOptions{}
	}
	shared, byRole := newDecided(opts), newDecidedByRole(opts)
	all := Conversions{Roles: []RoleConversion{}}
	held := map[Legacy]bool{}
	for i, r := range roles {
		conv := convert(r.Names, opts, shared, byRole[r.Role], i)
		for _, item := range conv.Items {
			if item.Proof != nil {
				held[item.Proof.Name] = true
			}
		}
		all.Roles = append(all.Roles, RoleConversion{r.Role, conv})
	}
	all.Decisions = shared.used(roles)
	for _, role := range slices.Sorted(maps.Keys(byRole)) {
		all.Decisions = append(all.Decisions, byRole[role].used(roles)...)
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

// used returns the decisions with the roles that they were used for, sorted by name.
func (d *decided) used(roles []LegacyRole) []UsedDecision {
	var all []UsedDecision
	for _, one := range slices.Concat(d.overrides.list, d.accepts.list) {
		u := UsedDecision{one.Decision, []string{}}
		for _, i := range one.roles {
			u.Roles = append(u.Roles, roles[i].Role)
		}
		all = append(all, u)
	}
	slices.SortStableFunc(all, func(a, b UsedDecision) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// err returns an error if the decision was used for none of the roles.
func (u UsedDecision) err(roles map[string]bool) error {
	kind := ErrOverride
	if u.Accept {
		kind = ErrAccept
	}
	switch {
	case len(u.Roles) > 0:
		return nil
	case u.Role != "" && !roles[u.Role]:
		return fmt.Errorf("permissions: %w: %s is for role %s, which is not among the roles", kind, shownKey(u.Name), quote(u.Role))
	}
	return unused(kind, u.Role, u.Name)
}

// unusedErrs are the errors about decisions that were used for none of the roles.
func (c Conversions) unusedErrs() []error {
	roles := make(map[string]bool, len(c.Roles))
	for _, r := range c.Roles {
		roles[r.Role] = true
	}
	var errs []error
	for _, u := range c.Decisions {
		if err := u.err(roles); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Err returns the errors of all roles (see [Conversion.Err]), each with the name of its role, and the decisions that were
// used for none of them. It is nil if there is none.
func (c Conversions) Err() error {
	errs := c.unusedErrs()
	for _, r := range c.Roles {
		errs = append(errs, r.errs(r.Role)...)
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
		return item.Overridden || item.Accepted || item.Outcome != OutcomeConverted && item.Outcome != OutcomeDropped ||
			item.Widens == "" && item.Narrows == "" && !item.guessed()
	})
}

// guessed reports whether the item gives the role something that rests on a guess.
func (item Item) guessed() bool {
	return item.Outcome == OutcomeConverted && item.Confidence == ConfidenceGuess && len(item.Redundant) < len(item.Paths)
}

// Counts says how many names became what. A name is either converted or lost.
type Counts struct {
	Names     int `json:"names"`
	Converted int `json:"converted"` // the role holds what the name became
	Exact     int `json:"exact"`     // of those, neither wider nor narrower than the name, and no guess
	Widened   int `json:"widened"`   // of those, the role can do more
	Narrowed  int `json:"narrowed"`  // of those, the role can do less
	Guesses   int `json:"guesses"`   // of those, they give the role something that rests on a guess
	Lost      int `json:"lost"`      // nothing is granted for the name: it was dropped or refused, or is unknown
	ToDecide  int `json:"toDecide"`  // undecided, refused or unknown
}

// Counts counts what became of the names.
func (c Conversion) Counts() Counts {
	n := Counts{Names: len(c.Items), ToDecide: len(c.Undecided())}
	tally := func(n *int, applies bool) {
		if applies {
			*n++
		}
	}
	for _, item := range c.Items {
		converted := item.Outcome == OutcomeConverted
		tally(&n.Converted, converted)
		tally(&n.Lost, !converted)
		tally(&n.Widened, converted && item.Widens != "")
		tally(&n.Narrowed, converted && item.Narrows != "")
		tally(&n.Guesses, item.guessed())
		tally(&n.Exact, converted && item.Widens == "" && item.Narrows == "" && !item.guessed())
		tally(&n.ToDecide, item.Outcome == OutcomeRefused || item.Outcome == OutcomeUnknown)
	}
	return n
}

// add returns the sums of both counts.
func (n Counts) add(m Counts) Counts {
	return Counts{
		n.Names + m.Names, n.Converted + m.Converted, n.Exact + m.Exact, n.Widened + m.Widened, n.Narrowed + m.Narrowed,
		n.Guesses + m.Guesses, n.Lost + m.Lost, n.ToDecide + m.ToDecide,
	}
}

// Counts counts what became of the names of all roles.
func (c Conversions) Counts() Counts {
	var sum Counts
	for _, r := range c.Roles {
		sum = sum.add(r.Counts())
	}
	return sum
}

// String returns the roles as tables for an administrator, and their summary.
func (c Conversions) String() string {
	var b strings.Builder
	for _, r := range c.Roles {
		if r.Role != "" {
			b.WriteString("Role " + quote(r.Role) + "\n")
		}
		b.WriteString(r.String() + "\n")
	}
	return b.String() + c.Summary()
}

// Summary returns for an administrator which decision was used for which roles, and the counts of each role.
func (c Conversions) Summary() string {
	var b strings.Builder
	if len(c.Decisions) > 0 {
		b.WriteString("Decisions:\n")
	}
	for _, u := range c.Decisions {
		b.WriteString("  " + u.String() + "\n")
	}
	for _, err := range c.unusedErrs() {
		b.WriteString("  " + strings.TrimPrefix(err.Error(), "permissions: ") + "\n")
	}
	for _, l := range c.UnknownProofs {
		fmt.Fprintf(&b, "note: the overlay has %s, which is not known here and not among the names\n", shownKey(l))
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(t, "names\tconverted\texact\twidened\tnarrowed\tguesses\tlost\tto decide\t\n") // a builder takes everything
	row := func(n Counts, role string) {
		_, _ = fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t  %s\n", n.Names, n.Converted, n.Exact, n.Widened, n.Narrowed, n.Guesses, n.Lost, n.ToDecide, role)
	}
	for _, r := range c.Roles {
		role := ""
		if r.Role != "" {
			role = quote(r.Role)
		}
		row(r.Counts(), role)
	}
	if len(c.Roles) != 1 {
		row(c.Counts(), count(len(c.Roles), "role"))
	}
	_ = t.Flush()
	b.WriteString("Exact, widened, narrowed and guesses are among the converted ones. Lost: nothing is granted for the name.\n")
	return b.String()
}

// String says on one line what was decided about which roles, and why.
func (u UsedDecision) String() string {
	s := shownKey(u.Name) + ": " + u.What()
	roles := make([]string, len(u.Roles))
	for i, r := range u.Roles {
		roles[i] = quote(r)
	}
	switch {
	case u.Role != "":
		s += ", for role " + quote(u.Role) + " only"
	case len(roles) == 1 && u.Roles[0] == "":
	case len(roles) > 0:
		s += ", for all roles that have it: " + strings.Join(roles, ", ")
	}
	if len(roles) == 0 {
		s += ", not used"
	}
	if u.Reason != "" {
		s += " (" + quote(u.Reason) + ")"
	}
	return s
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

// ErrDecisions matches every error about malformed decisions.
var ErrDecisions = errors.New("not a list of decisions")

// ParseDecisions reads decisions for [ConvertOptions.Decisions] from text, one a line: "name | what | reason". What is "-" to
// drop the name, "accept" to take what becomes of it as it is, or the paths that it stands for, separated by spaces. The
// reason may be left out. A line that ends in a colon ("Operators:") begins the decisions about the role with that name alone;
// those before are about all roles. The error names everything that is wrong, by line, and matches [ErrDecisions].
func ParseDecisions(text []byte) ([]Decision, error) {
	decisions := []Decision{}
	type about struct {
		role string
		name Legacy
	}
	role, seen := "", map[about]bool{}
	err := parseTable(text, 1, 3, func(col []string) error {
		if name, header := strings.CutSuffix(col[0], ":"); header && col[1] == "" && col[2] == "" {
			if role = strings.TrimSpace(name); role == "" {
				return errors.New("the name of the role is missing before the colon")
			}
			return nil
		}
		d := Decision{Role: role, Name: canonicalKey(Legacy(col[0])), Reason: col[2]}
		if _, _, _, problem := Legacy(strings.Replace(string(d.Name), placeholder, "[1]", 1)).parts(); problem != "" {
			return fmt.Errorf("%s %s", quote(col[0]), problem)
		}
		if seen[about{role, d.Name}] {
			return fmt.Errorf("there is a decision about %s already", d.Name)
		}
		seen[about{role, d.Name}] = true
		var err error
		switch d.Accept = strings.EqualFold(col[1], "accept"); {
		case col[1] == "":
			return errors.New("what was decided is missing: write | and then paths, accept, or - to drop the name")
		case !d.Accept && col[1] != "-":
			d.Paths, err = parseTemplates(d.Name, col[1])
		}
		decisions = append(decisions, d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("permissions: %w: %w", ErrDecisions, err)
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
