package review

import (
	"slices"
	"strings"
	"sync"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/permissions"
)

// Rule is a duty rule: things that one person should not be able to do together. A
// rule with one side is about something that nobody should be able to do without a
// second look.
type Rule struct {
	// Name names the rule in the codes of its findings, which are "duty-" and the name.
	Name     string
	Title    string // what somebody can do who breaks it: "Can request and approve"
	Why      string // why it matters
	Do       string // what to do
	Severity report.Severity
	// Sides are what should not come together.
	Sides []Side
}

// Side is one side of a rule. Whoever holds one of the paths, or something that
// includes it, or it on a single object, is on that side.
type Side struct {
	Name  string // what somebody does: "requesting"
	Paths []permissions.Path
}

// enroll are the paths of those who request certificates.
var enroll = Side{Name: "requesting", Paths: []permissions.Path{"/certificates/enrollment/csr/", "/certificates/enrollment/pfx/"}}

// builtIn returns the rules that every review has. They are never changed.
var builtIn = sync.OnceValue(func() []Rule {
	return []Rule{
		{
			Name: "request-approve", Severity: report.High,
			Title: "Can request certificates and approve requests",
			Why:   "Approval is there so that a second person looks at a request. Whoever has both rights can issue a certificate for any name that templates allow, and nobody else sees it before it is valid.",
			Do:    "Take one of both rights away, or give them to different roles and different people. Approval steps in workflows that name the approvers also help.",
			Sides: []Side{enroll, {Name: "approving", Paths: []permissions.Path{"/certificates/requests/manage/"}}},
		},
		{
			Name: "enroll-policy", Severity: report.High,
			Title: "Can request certificates and change what may be issued",
			Why:   "Templates, enrollment patterns and certificate authorities decide which names, keys and lifetimes are allowed. Whoever requests certificates and changes these can allow themselves what was forbidden, and change it back afterwards.",
			Do:    "Leave the policy to a role whose holders do not enroll.",
			Sides: []Side{enroll, {Name: "changing the policy", Paths: []permissions.Path{
				"/certificate_templates/modify/", "/enrollment_pattern/modify/", "/certificate_authorities/modify/",
			}}},
		},
		{
			Name: "workflow-approve", Severity: report.High,
			Title: "Can change workflows and approve in them",
			Why:   "A workflow decides whose approval a request needs. Whoever changes workflows and approves can take out the other approvers, or name themselves. Whoever sees the instances that wait for them counts as an approver; whether they are one depends on the steps of the workflows.",
			Do:    "Let those change workflows who approve nothing, and have the changes of workflows looked at by a second person.",
			Sides: []Side{
				{Name: "changing workflows", Paths: []permissions.Path{"/workflows/definitions/modify/"}},
				{Name: "approving", Paths: []permissions.Path{"/certificates/requests/manage/", "/workflows/instances/manage/", "/workflows/instances/read/pending/"}},
			},
		},
		{
			Name: "security-work", Severity: report.High,
			Title: "Can change security and do other work",
			Why:   "Whoever changes roles, claims and identities decides who can do what. If the same people also do what they give rights for, nobody stands between a wish and its fulfillment. Looking at things does not count as other work.",
			Do:    "Keep a role for changing security that can do nothing else, and accounts for it that are used for nothing else.",
			Sides: []Side{
				{Name: "changing security", Paths: []permissions.Path{"/security/modify/"}},
				{Name: "other work", Paths: otherWork()},
			},
		},
		{
			Name: "export-key", Severity: report.Medium,
			Title: "Can download private keys",
			Why:   "Whoever holds the private key of a certificate can act in the name of its owner. A key that was downloaded once is out of control: revoking the certificate is all that helps.",
			Do:    "Give the right for single collections only, to those who need it now, and look at the audit log for downloads.",
			Sides: []Side{{Name: "downloading keys", Paths: []permissions.Path{
				"/certificates/collections/private_key/read/", "/certificate_stores/private_key/read/",
			}}},
		},
	}
})

// otherWork are all known paths that let somebody do more than look, apart from
// changing security itself.
func otherWork() []permissions.Path {
	var out []permissions.Path
	for _, info := range permissions.Catalogue().Paths {
		if info.Kind == permissions.KindLeaf && !looks(info.Path) && info.Area != "security" {
			out = append(out, info.Path)
		}
	}
	return out
}

// bits are a set of small numbers.
type bits []uint64

func newBits(n int) bits      { return make(bits, (n+63)/64) }
func (b bits) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bits) has(i int) bool { return b[i/64]>>(i%64)&1 == 1 }

// all reports whether i and the n-1 numbers after it are in b.
func (b bits) all(i, n int) bool {
	for k := range n {
		if !b.has(i + k) {
			return false
		}
	}
	return true
}

func (b bits) add(other bits) {
	for i := range other {
		b[i] |= other[i]
	}
}

// sides is how many sides all rules have. The sides of a rule follow each other.
func (r *Review) sides() int {
	n := 0
	for _, rule := range r.rules {
		n += len(rule.Sides)
	}
	return n
}

// markDuties notes for each role on which sides of which rules it is. Every path is
// looked up once, however many rules name it.
func (r *Review) markDuties() {
	places := map[permissions.Path][]int{}
	var paths []permissions.Path
	at := 0
	for _, rule := range r.rules {
		for _, side := range rule.Sides {
			for _, p := range side.Paths {
				if places[p] == nil {
					paths = append(paths, p)
				}
				places[p] = append(places[p], at)
			}
			at++
		}
	}
	for i := range r.roles {
		role := &r.roles[i]
		role.duties = newBits(at)
		for _, p := range paths {
			if whole, parts := role.grants(p); whole != "" || len(parts) > 0 {
				for _, side := range places[p] {
					role.duties.set(side)
				}
			}
		}
	}
}

// A conflict is a duty rule that roles meet together, or one role alone.
type conflict struct {
	rule    int
	roles   []int
	holders []int
	group   *group // of people whose holders meet the rule together only
}

// conflicts finds where duty rules are met. Roles that grant everything are left out,
// and so is whoever holds one: they meet every rule, and have findings of their own.
func (r *Review) conflicts() []conflict {
	var out []conflict
	at := 0
	for n := range r.rules {
		rule := &r.rules[n]
		for i := range r.roles {
			if role := &r.roles[i]; !role.everything() && role.duties.all(at, len(rule.Sides)) {
				out = append(out, conflict{rule: n, roles: []int{i}, holders: role.holders})
			}
		}
		if len(rule.Sides) > 1 {
			out = append(out, r.together(n, at)...)
		}
		at += len(rule.Sides)
	}
	return out
}

// together finds holders whose roles meet a rule together, and none of them alone; and
// people whose holders do. first is the rule's first side.
func (r *Review) together(n, first int) []conflict {
	count := len(r.rules[n].Sides)
	var out []conflict
	byRoles := map[string]int{}
	meets := make([]bool, len(r.holders)) // the rule, or everything
	for h := range r.holders {
		alone, union := r.union(r.holders[h].roles, first, count)
		meets[h] = alone || union.all(first, count)
		if alone || !meets[h] {
			continue
		}
		roles := r.taking(r.holders[h].roles, first, count)
		key := keyOf(roles)
		at, ok := byRoles[key]
		if !ok {
			at = len(out)
			byRoles[key] = at
			out = append(out, conflict{rule: n, roles: roles})
		}
		out[at].holders = append(out[at].holders, h)
	}
	for g := range r.groups {
		group := &r.groups[g]
		if slices.ContainsFunc(group.holders, func(h int) bool { return meets[h] }) {
			continue
		}
		var roles []int
		for _, h := range group.holders {
			roles = append(roles, r.holders[h].roles...)
		}
		slices.Sort(roles)
		roles = slices.Compact(roles)
		if _, union := r.union(roles, first, count); union.all(first, count) {
			roles = r.taking(roles, first, count)
			holds := func(h int) bool {
				return slices.ContainsFunc(r.holders[h].roles, func(i int) bool { return slices.Contains(roles, i) })
			}
			holders := slices.DeleteFunc(slices.Clone(group.holders), func(h int) bool { return !holds(h) })
			out = append(out, conflict{rule: n, roles: roles, holders: holders, group: group})
		}
	}
	return out
}

// union returns the sides that roles meet together, and whether one of them meets the
// rule alone or grants everything.
func (r *Review) union(roles []int, first, count int) (alone bool, union bits) {
	union = newBits(r.sides())
	for _, i := range roles {
		if r.roles[i].everything() || r.roles[i].duties.all(first, count) {
			return true, union
		}
		union.add(r.roles[i].duties)
	}
	return false, union
}

// taking returns those of the roles that are on a side of the rule.
func (r *Review) taking(roles []int, first, count int) []int {
	var out []int
	for _, i := range roles {
		for k := range count {
			if r.roles[i].duties.has(first + k) {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

// looks reports whether a path lets somebody look at things only. Looking at private
// keys is taking them.
func looks(p permissions.Path) bool {
	base := string(p.Unscoped())
	for _, end := range []string{"/read/", "/read/mine/", "/read/pending/"} {
		if strings.HasSuffix(base, end) {
			return !strings.Contains(base, "/private_key/")
		}
	}
	return false
}
