package plan

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/internal/limits"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/show"
)

// check returns what is wrong with a desired state on any server.
func check(d *Desired) problems {
	c := checker{said: map[string]Position{}, described: map[string]description{}}
	if d.Server.Value != "" {
		if _, err := snapshot.NormalizeURL(d.Server.Value); err != nil {
			c.add(d.Server.At, "%v", err)
		}
	}
	c.absent(&d.Absent)
	for _, s := range d.PermissionSets {
		c.once("permission set", names.Fold(s.Name), s.Name, s.At)
		c.rights(s.Permissions)
		for _, p := range s.Permissions {
			if r, err := parseRight(p.Value); err == nil && r.legacy != "" {
				c.add(p.At, "a permission set holds paths, not version 1 names such as %s", quote(p.Value))
			}
		}
	}
	for _, claim := range d.Claims {
		c.key(claim.Key, claim.At)
		c.once("claim", holderID(claim.Key), claim.Key.String(), claim.At)
		c.describe(claim.Key, claim.Description, cmp.Or(claim.described, claim.At))
	}
	for i := range d.Roles {
		c.role(&d.Roles[i])
	}
	return c.problems
}

type checker struct {
	problems

	said      map[string]Position    // what was named already, and where
	described map[string]description // of claims
}

type description struct {
	text string
	at   Position
}

// describe checks what is said of a claim, which several roles may say.
func (c *checker) describe(k Key, text *string, at Position) {
	if text == nil {
		return
	}
	if strings.TrimSpace(*text) == "" {
		c.add(at, "the description of the claim must not be empty")
	}
	c.text(at, "the description of the claim", text, limits.ClaimText, limits.UnfitDescription)
	first, said := c.described[holderID(k)]
	if !said {
		c.described[holderID(k)] = description{*text, at}
	} else if first.text != *text {
		where := ""
		if first.at != (Position{}) {
			where = " at " + first.at.String()
		}
		c.add(at, "the claim %s has another description%s", quote(k.String()), where)
	}
}

// once notes what is named a second time.
func (c *checker) once(kind, id, name string, at Position) {
	first, twice := c.said[kind+"\x00"+id]
	if strings.TrimSpace(name) == "" {
		return // that it has no name is said already
	}
	if !twice {
		c.said[kind+"\x00"+id] = at
		return
	}
	where := ""
	if first != (Position{}) {
		where = ", also at " + first.String()
	}
	c.add(at, "the %s %s is named twice%s", kind, quote(name), where)
}

// holderID is one text for all spellings of a key.
func holderID(k Key) string {
	k = k.Fold()
	return string(k.Type) + "\x00" + k.Value + "\x00" + k.Scheme
}

func (c *checker) absent(a *Absent) {
	for _, r := range a.Roles {
		c.once("role", names.Fold(r.Value), r.Value, r.At)
	}
	for _, s := range a.PermissionSets {
		c.once("permission set", names.Fold(s.Value), s.Value, s.At)
	}
	for _, h := range a.Claims {
		if h.Identity {
			c.add(h.At, "an identity that should not be there stands under absent.identities")
			continue
		}
		c.key(h.Key, h.At)
		c.once("claim", holderID(h.Key), h.Key.String(), h.At)
	}
	for _, h := range a.Identities {
		c.once("identity", names.Fold(h.Key.Value), h.Key.Value, h.At)
	}
}

func (c *checker) role(r *Role) {
	c.once("role", names.Fold(r.Name), r.Name, r.where("name"))
	if r.Was != "" && !names.Same(r.Was, r.Name) {
		c.once("role", names.Fold(r.Was), r.Was, r.where("was"))
	}
	c.text(r.where("description"), "the description", r.Description, limits.Description, limits.UnfitDescription)
	c.text(r.where("email"), "the e-mail address", r.EmailAddress, limits.Email, limits.UnfitEmail)
	if r.Existing != "" && r.Existing != Add && r.Existing != Replace {
		c.add(r.where("existing"), `existing must be "add" or "replace", not %s`, quote(string(r.Existing)))
	}
	c.rights(r.Permissions)
	for _, h := range r.Holders {
		if !h.Identity {
			c.key(h.Key, h.At)
			c.describe(h.Key, h.Description, h.At)
		} else if strings.TrimSpace(h.Key.Value) == "" || h.Key.Scheme != holders.SchemeActiveDirectory {
			c.add(h.At, "an identity is an account of the scheme %q", holders.SchemeActiveDirectory)
		}
	}
}

func (c *checker) rights(list []Text) {
	for _, p := range list {
		if _, err := parseRight(p.Value); err != nil {
			c.add(p.At, "%s", strings.TrimPrefix(err.Error(), "permissions: "))
		}
	}
}

func (c *checker) key(k Key, at Position) {
	if _, ok := k.Type.Number(); !ok {
		c.add(at, "%s is not a claim type", quote(string(k.Type)))
	}
	if strings.TrimSpace(k.Value) == "" || strings.TrimSpace(k.Scheme) == "" {
		c.add(at, "a claim must have a value and a scheme")
	}
}

// text checks a text that somebody wrote, if it is given.
func (c *checker) text(at Position, what string, text *string, limit int, unfit func(string) string) {
	if text == nil {
		return
	}
	for _, problem := range []string{tooLong(*text, limit), unfit(*text)} {
		if problem != "" {
			c.add(at, "%s %s", what, problem)
		}
	}
}

// tooLong says what is wrong with the length of a text, as the server counts it.
func tooLong(text string, limit int) string {
	if limits.Exceeds(text, limit) {
		return fmt.Sprintf("is longer than the %d characters that the server takes", limit)
	}
	return ""
}

// unfitName says why nothing new may have a name.
func unfitName(name string, limit int) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "must not be empty"
	case strings.TrimSpace(name) != name:
		return "must not begin or end with a space"
	case !utf8.ValidString(name):
		return "must be valid UTF-8"
	case strings.ContainsFunc(name, show.Hidden):
		return "must not hold control or invisible characters"
	case limit > 0:
		return tooLong(name, limit)
	}
	return ""
}
