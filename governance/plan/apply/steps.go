package apply

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/internal/names"
)

// step is a step of the plan and what became of it. Only one goroutine works on it.
type step struct {
	*plan.Step

	chain *chain // nil if the step is blocked
	// pending: an earlier run may have sent the write. found: it was done, as the first
	// look shows.
	pending, found bool
	earlier        bool // it is done, and the journal has it

	status Status // "" as long as it is open
	text   string
	err    error
	now    *plan.Object // after the write
}

// end notes what became of a step.
func (s *step) end(status Status, text string, err error) {
	s.status, s.text, s.err = status, text, err
}

// leave notes that a step is not done, or was done before, and why.
func (s *step) leave(status Status, why string) { s.end(status, s.Words()+": "+why, nil) }

func (s *step) finished() bool { return s.status == Done || s.status == AlreadyDone }

// listed reports whether the present state is read from a list.
func (s *step) listed() bool { return s.Action == plan.Create || s.Kind == plan.KindIdentity }

// some is the object before or, if there is none, after the step.
func (s *step) some() *plan.Object {
	if s.Before != nil {
		return s.Before
	}
	return s.After
}

// chain are the steps about one object, in their order.
type chain struct {
	steps []*step
	at    int          // the first that is open
	now   *plan.Object // as last read
}

// state is what the object looks like before step i of the chain.
func (c *chain) state(i int) *plan.Object {
	switch {
	case i == 0:
		return c.steps[0].Before
	case c.steps[i-1].now != nil: // with its id
		return c.steps[i-1].now
	}
	return c.steps[i-1].After
}

// arrange makes chains of the steps, and takes from the journal what is done.
func (r *run) arrange() {
	byObject := map[string]*chain{}
	for i := range r.plan.Steps {
		s := &step{Step: &r.plan.Steps[i]}
		r.steps = append(r.steps, s)
		if s.Blocked != "" {
			s.leave(Skipped, "it is blocked: "+s.Blocked)
			continue
		}
		key := objectKey(s.Kind, s.some())
		if byObject[key] == nil {
			byObject[key] = &chain{}
			r.chains = append(r.chains, byObject[key])
		}
		s.chain = byObject[key]
		s.chain.steps = append(s.chain.steps, s)
		r.known.note(s.Before)
		r.known.note(s.After)
		switch {
		case s.Action != plan.Create:
		case s.Kind == plan.KindClaim:
			r.known.made[s.After.Claim.Key.Fold()] = true
		case s.Kind == plan.KindIdentity: // some servers show it as a claim
			r.known.made[s.After.Identity.Key.Fold()] = true
		}
	}
	if r.journal == nil {
		return
	}
	for _, c := range r.chains {
		for i, s := range c.steps {
			rec := r.journal.of(s.Number)
			switch {
			case rec == nil:
			case rec.state == pending:
				s.pending = true
			case rec.state == done:
				s.leave(AlreadyDone, "an earlier run did it")
				s.earlier = true
				s.now, c.at = rec.entry.After, i+1
				r.known.learn(s.After, s.now)
			}
		}
	}
}

// objectKey is the same for all steps about one object.
func objectKey(kind plan.Kind, o *plan.Object) string {
	id, name := "", ""
	switch {
	case o.PermissionSet != nil:
		id, name = strings.ToLower(o.PermissionSet.ID), o.PermissionSet.Name
	case o.Claim != nil:
		id = o.Claim.Key.Fold().String()
	case o.Identity != nil:
		id = o.Identity.Key.Fold().String()
	case o.Role != nil:
		id, name = number(o.Role.ID), o.Role.Name
	case o.Members != nil:
		id, name = number(o.Members.RoleID), o.Members.Role
	}
	return string(kind) + "\x00" + cmp.Or(id, "\x00"+names.Fold(name))
}

func number(id int) string {
	if id == 0 {
		return ""
	}
	return strconv.Itoa(id)
}

// waves are the open steps, in the order of the plan: those of a wave do not need each
// other, and are of one kind. The journal is synced once a wave.
func (r *run) waves() [][]*step {
	var out [][]*step
	var wave []*step
	in := map[*chain]bool{}
	for _, s := range r.steps {
		if s.status != "" {
			continue
		}
		if len(wave) > 0 {
			last := wave[len(wave)-1]
			needs := slices.ContainsFunc(s.Needs, func(n int) bool { return slices.Contains(wave, r.steps[n-1]) })
			if needs || in[s.chain] || last.Kind != s.Kind || last.Removal != s.Removal || last.listed() != s.listed() || len(wave) == r.atOnce(s) {
				out, wave = append(out, wave), nil
				clear(in)
			}
		}
		wave = append(wave, s)
		in[s.chain] = true
	}
	if len(wave) > 0 {
		out = append(out, wave)
	}
	return out
}

// atOnce is how many steps a wave has: many enough to keep all connections busy. A wave
// that reads a list has more if the list is long.
func (r *run) atOnce(s *step) int {
	n := 64 * r.settings.InFlight()
	if s.listed() {
		n = max(n, 8*r.known.pages(s.Kind))
	}
	return n
}

// skips says why a step must not be carried out, "" if it may.
func (r *run) skips(s *step) string {
	before := s.Needs
	for _, other := range s.chain.steps {
		if other.Number < s.Number {
			before = append(slices.Clip(before), other.Number)
		}
	}
	for _, n := range before {
		if need := r.steps[n-1]; !need.finished() && need.status != ToDo {
			return fmt.Sprintf("it needs step %d (%s), which was not done", n, need.Words())
		}
	}
	if s.Removal {
		for _, k := range s.TakesFrom() {
			if n := r.known.owed[k.Fold()]; n != 0 {
				return fmt.Sprintf("it would take something from %s, who gets something by step %d, which was not done", k, n)
			}
		}
	}
	return ""
}

// owe notes who does not get what a step that was not done would have given.
func (r *run) owe(s *step) {
	for _, k := range s.GivesTo() {
		r.known.owed[k.Fold()] = s.Number
	}
}

// ids are what the server calls things that the plan knows by name or key.
type ids struct {
	mu         sync.Mutex
	sets       map[string]string               // id by folded name
	setNames   map[string]string               // name by id
	roles      map[string]int                  // by folded name
	claims     map[plan.Key]plan.Key           // the server's spelling of claims that the plan makes, by folded key
	identities map[plan.Key]plan.IdentityState // likewise of identities
	lengths    map[plan.Kind]int               // of lists

	// These are not for several goroutines.
	made map[plan.Key]bool // claims and identities that the plan makes
	owed map[plan.Key]int  // see owe
}

func newIDs() ids {
	return ids{
		sets: map[string]string{}, setNames: map[string]string{}, roles: map[string]int{}, claims: map[plan.Key]plan.Key{},
		identities: map[plan.Key]plan.IdentityState{}, lengths: map[plan.Kind]int{}, made: map[plan.Key]bool{}, owed: map[plan.Key]int{},
	}
}

// note takes the names of permission sets from an object of the plan.
func (k *ids) note(o *plan.Object) {
	if o != nil && o.Role != nil && o.Role.PermissionSetID != "" {
		k.setNames[strings.ToLower(o.Role.PermissionSetID)] = o.Role.PermissionSet
	}
}

// learn notes what the server made of an object of the plan.
func (k *ids) learn(planned, now *plan.Object) {
	if planned == nil || now == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case planned.PermissionSet != nil && now.PermissionSet != nil:
		k.sets[names.Fold(planned.PermissionSet.Name)] = now.PermissionSet.ID
		k.setNames[now.PermissionSet.ID] = now.PermissionSet.Name
	case planned.Claim != nil && now.Claim != nil:
		k.claims[planned.Claim.Key.Fold()] = now.Claim.Key
	case planned.Identity != nil && now.Identity != nil:
		k.identities[planned.Identity.Key.Fold()] = *now.Identity
	case planned.Role != nil && now.Role != nil:
		k.roles[names.Fold(planned.Role.Name)] = now.Role.ID
	}
}

// resolved is an object of the plan with the ids and spellings of the server, as far as
// they are known. A permission set that is yet to be made has none.
func (k *ids) resolved(o *plan.Object) *plan.Object {
	if o == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case o.Role != nil:
		state := *o.Role
		state.PermissionSetID = cmp.Or(state.PermissionSetID, k.sets[names.Fold(state.PermissionSet)])
		state.Claims = slices.Clone(state.Claims)
		for i := range state.Claims {
			if spelled, ok := k.claims[state.Claims[i].Key.Fold()]; ok {
				state.Claims[i].Key = spelled
			}
		}
		return &plan.Object{Role: &state}
	case o.Members != nil:
		state := *o.Members
		state.RoleID = cmp.Or(state.RoleID, k.roles[names.Fold(state.Role)])
		state.Identities = slices.Clone(state.Identities)
		for i := range state.Identities {
			if made, ok := k.identities[state.Identities[i].Key.Fold()]; ok {
				state.Identities[i] = made
			}
		}
		return &plan.Object{Members: &state}
	case o.Claim != nil:
		state := *o.Claim
		if spelled, ok := k.claims[state.Key.Fold()]; ok {
			state.Key = spelled
		}
		return &plan.Object{Claim: &state}
	case o.Identity != nil:
		if made, ok := k.identities[o.Identity.Key.Fold()]; ok {
			return &plan.Object{Identity: &made}
		}
	}
	return o
}

// setName is what people call a permission set.
func (k *ids) setName(id string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return cmp.Or(k.setNames[id], id)
}

// pages is how many requests a list took.
func (k *ids) pages(kind plan.Kind) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return 1 + k.lengths[kind]/200
}
