package roles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/foresee"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/security"
)

// formV2 is a role as version 2 of the API reads and writes it: all that an edit
// has to know of that version.
type formV2 struct {
	s      *V2
	id     int
	change func(*UpdateV2) error
	opts   []security.CallOption
	dryRun bool
	direct bool // see service.Settings

	readAt  time.Time // when the last reading was begun
	role    *RoleV2   // as last read
	damaged bool      // some of its text was not valid, and U+FFFD stands for that
	update  UpdateV2  // as planned
	answer  *RoleV2   // to the last write; nil if it failed
}

// reading is a role as an edit reads it: with what speaks against writing it back.
type reading struct {
	RoleV2
	missing []string // lists that the answer does not have, which is not the same as null
	damaged bool
}

// given is a list, and whether the answer has it.
type given[T any] struct {
	items []T
	ok    bool
}

// UnmarshalJSON is called if the member is there.
func (g *given[T]) UnmarshalJSON(data []byte) error {
	g.ok = true
	return json.Unmarshal(data, &g.items)
}

// UnmarshalJSON notes what plain decoding passes over.
func (r *reading) UnmarshalJSON(data []byte) error {
	answer := struct {
		*RoleV2
		Permissions given[permissions.Path] `json:"Permissions"`
		Claims      given[claims.Claim]     `json:"Claims"`
	}{RoleV2: &r.RoleV2}
	if err := json.Unmarshal(data, &answer); err != nil {
		return err
	}
	r.Permissions, r.Claims = answer.Permissions.items, answer.Claims.items
	for name, ok := range map[string]bool{"Permissions": answer.Permissions.ok, "Claims": answer.Claims.ok} {
		if !ok {
			r.missing = append(r.missing, name)
		}
	}
	slices.Sort(r.missing)
	// encoding/json makes U+FFFD of both.
	r.damaged = !utf8.Valid(data) || surrogate.Match(surrogatePair.ReplaceAll(data, nil))
	return nil
}

// A character beyond 16 bits is escaped in two halves, each of which means nothing
// alone.
var (
	surrogatePair = regexp.MustCompile(`(?i)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}`)
	surrogate     = regexp.MustCompile(`(?i)\\ud[89a-f][0-9a-f]{2}`)
)

// complete refuses a reading that must not be built on.
func (f *formV2) complete(answer any) error {
	if err := about(f.id)(answer); err != nil {
		return err
	}
	if missing := answer.(*reading).missing; len(missing) > 0 {
		return fmt.Errorf("it lacks %s, and to write the role back would take all of them away", strings.Join(missing, " and "))
	}
	return nil
}

// reads is the call options for the requests of an edit that only read.
func (f *formV2) reads() []security.CallOption {
	return slices.Concat(f.opts, []security.CallOption{service.Option[security.CallOption](func(c *service.Settings) { c.DryRun = false })})
}

func (f *formV2) read(ctx context.Context) error {
	f.readAt = time.Now()
	answer, err := service.One[reading](ctx, f.s.c, f.reads(), transport.Call{Op: opGetV2, Args: []any{f.id}, Check: f.complete})
	if err != nil {
		return err
	}
	f.role, f.damaged = &answer.RoleV2, answer.damaged
	return nil
}

// plan works out the update, on a role with what waits to be confirmed: the caller's
// change, or one that is to be repeated.
func (f *formV2) plan(waiting []*delta, again *delta) (*delta, error) {
	base := f.role.ToUpdate()
	for _, change := range waiting {
		change.apply(&base)
	}
	f.update = base.clone()
	if again != nil {
		again.apply(&f.update)
	} else if err := f.change(&f.update); err != nil {
		return nil, err
	}
	if f.update.ID != base.ID {
		return nil, security.FieldErrors{{Field: "ID", Problem: fmt.Sprintf("an edit cannot change it from %d to %d", base.ID, f.update.ID)}}
	}
	var err error
	if f.update.Claims, err = asHeld(base.Claims, f.update.Claims); err != nil {
		return nil, err
	}
	return compare(base, f.update), nil
}

// clone is a copy that shares nothing with u.
func (u UpdateV2) clone() UpdateV2 {
	u.Permissions, u.Claims = slices.Clone(u.Permissions), slices.Clone(u.Claims)
	if u.EmailAddress != nil {
		u.EmailAddress = new(*u.EmailAddress)
	}
	return u
}

// check reports everything that speaks against writing the update.
func (f *formV2) check(ctx context.Context, d *delta) error {
	var p validate.Problems
	if f.role.Immutable && (len(d.fields) > 0 || len(d.grant) > 0 || len(d.revoke) > 0) {
		p.Add("Immutable", "%q is immutable, only its claims can change", f.role.Name)
	}
	p.Merge(f.update.Validate())
	if d.sets("Name") && p.Err() == nil {
		p.Name("Name", f.update.Name, maxName)
	}
	for _, path := range d.grant {
		if path.Canonical() != path {
			p.Add("Permissions", "%q is not in canonical form, write %q", path, path.Canonical())
		}
	}
	for _, claim := range d.add {
		checkLooks(&p, "Claims", claim)
	}
	if f.damaged {
		f.checkDamage(&p)
	}
	if !f.direct && (len(d.grant) > 0 || d.sets("PermissionSetID")) {
		if err := f.s.checkLimits(ctx, &p, f.update.PermissionSetID, f.update.Permissions, f.reads()); err != nil {
			return err
		}
	}
	if f.dryRun {
		if err := f.s.foresee(ctx, &p, d.grant, d.add, f.reads()); err != nil {
			return err
		}
	}
	return p.Err()
}

// checkDamage notes the texts that came damaged from the server. Written back, they
// would be other texts: a claim would become another claim.
func (f *formV2) checkDamage(p *validate.Problems) {
	note := func(name, text string) {
		if strings.ContainsRune(text, utf8.RuneError) {
			p.Add(name, "came from the server as text that is not valid UTF-8, and would be written back as another text (%q)", text)
		}
	}
	for _, field := range fieldsOf(&f.update) {
		note(field.name, field.text())
	}
	for i, path := range f.update.Permissions {
		note(at("Permissions", i), string(path))
	}
	for i, c := range f.update.Claims {
		note(at("Claims", i)+".Value", c.Value)
		note(at("Claims", i)+".Scheme", c.Scheme)
		note(at("Claims", i)+".Description", c.Description)
	}
}

// write sends the update, unless it is later than notAfter.
func (f *formV2) write(ctx context.Context, notAfter time.Time) error {
	once := service.Option[security.CallOption](func(c *service.Settings) { c.Attempts, c.NotAfter = 1, notAfter })
	var err error
	f.answer, err = f.s.Update(ctx, f.update, slices.Concat(f.opts, []security.CallOption{once})...)
	return err
}

// preview is the role as the update would make it.
func (f *formV2) preview() *RoleV2 {
	u := f.update
	p := RoleV2{
		ID: u.ID, Name: u.Name, Description: u.Description, EmailAddress: u.EmailAddress,
		Immutable: f.role.Immutable, PermissionSetID: u.PermissionSetID, Permissions: slices.Clone(u.Permissions),
	}
	held := make(map[claims.Key]claims.Claim, len(f.role.Claims))
	for _, c := range f.role.Claims {
		held[c.Key()] = c
	}
	for _, c := range u.Claims {
		claim, ok := held[c.Key()]
		if !ok {
			claim = claims.Claim{
				Type: c.Type, Value: c.Value, Description: c.Description,
				Provider: claims.Provider{AuthenticationScheme: c.Scheme},
			}
		}
		p.Claims = append(p.Claims, claim)
	}
	return &p
}

// checkLimits notes permissions that the permission set does not hold. A set that
// the caller may not read is left to the server to check.
func (s *V2) checkLimits(ctx context.Context, p *validate.Problems, setID string, paths []permissions.Path, opts []security.CallOption) error {
	if setID == "" || strings.EqualFold(setID, permissionsets.GlobalID) || !validate.IsGUID(setID) {
		return nil // Global holds everything
	}
	set, err := s.sets.Get(ctx, setID, opts...)
	switch {
	case errors.Is(err, security.ErrNotFound):
		p.Add("PermissionSetID", "there is no permission set %s", setID)
		return nil
	case foresee.Unreadable(err):
		return nil
	case err != nil:
		return err
	}
	held := permissions.NewSet(set.Permissions...)
	for i, path := range paths {
		if !held.Allows(path) {
			p.Add(at("Permissions", i), "%s lies outside the permission set %q", path, set.Name)
		}
	}
	return nil
}

// foresee notes what a write would be refused for, as far as that can be read: new
// permissions that the server does not know, and new claims of an unknown scheme.
// What the caller may not read is left to the server to check.
func (s *V2) foresee(ctx context.Context, p *validate.Problems, grant []permissions.Path, add []claims.Request, opts []security.CallOption) error {
	unknown, err := foresee.UnknownPaths(ctx, s.sets.Available, grant, opts)
	if err != nil {
		return err
	}
	for _, path := range unknown {
		p.Add("Permissions", "%s is not among the permissions that this server knows", path)
	}
	if len(add) == 0 {
		return nil
	}
	known, err := foresee.Schemes(ctx, s.providers, opts)
	if err != nil {
		return err
	}
	for _, c := range add {
		if !known(c.Scheme) {
			p.Add("Claims", "%s: no identity provider has the scheme %q", c.Key(), c.Scheme)
		}
	}
	return nil
}
