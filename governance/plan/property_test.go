package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/admin"
	"github.com/commandsec/commandsec-go/permissions"
)

// forAll checks a property of plans. A desired state with contradictions makes none;
// enough of them have to.
func forAll(t *testing.T, property func(t *rapid.T, s *snapshot.Snapshot, d *Desired, p *Plan)) {
	t.Helper()
	t.Parallel()
	tried, planned, steps := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		tried++
		s := seeded(t)
		d := wished(t, s)
		p, err := Make(s, d, nil)
		if problems, ok := errors.AsType[Problems](err); ok && len(problems) > 0 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		planned, steps = planned+1, steps+len(p.Steps)
		property(t, s, d, p)
	})
	if 4*planned < tried || steps < planned {
		t.Errorf("of %d desired states, %d made plans of %d steps in all", tried, planned, steps)
	}
}

// TestPromise: carried out naively, a plan gives everybody exactly what it promised.
func TestPromise(t *testing.T) {
	forAll(t, func(t *rapid.T, s *snapshot.Snapshot, _ *Desired, p *Plan) {
		w := newWorld(s, nil)
		after, _, err := carriedOut(s, p.Steps, !w.separate())
		if err != nil {
			t.Fatal(err)
		}
		kept(t, p, s, after)
	})
}

// kept reports whether a plan led to what it promised, for everybody.
func kept(t *rapid.T, p *Plan, before, after *snapshot.Snapshot) {
	was, is := effective(before), effective(after)
	said := map[Key]bool{}
	for _, h := range p.Holders {
		said[h.Key.Fold()] = true
		if got := permissions.NewSet(p.Sets[h.Before]...); !got.Equal(was[h.Key.Fold()]) {
			t.Errorf("the plan says that %v could do %v, it was %v", h.Key, got, was[h.Key.Fold()])
		}
		if got := permissions.NewSet(p.Sets[h.After]...); !got.Equal(is[h.Key.Fold()]) {
			t.Errorf("the plan promises %v %v, it is %v", h.Key, got, is[h.Key.Fold()])
		}
	}
	for k, set := range is {
		if !said[k] && !set.Equal(was[k]) {
			t.Errorf("the rights of %v changed, and the plan does not name it", k)
		}
	}
}

// TestNeeds: if a step fails, all that do not need it can be carried out.
func TestNeeds(t *testing.T) {
	forAll(t, func(t *rapid.T, s *snapshot.Snapshot, _ *Desired, p *Plan) {
		if p.Empty() {
			return
		}
		failed := map[int]bool{rapid.IntRange(1, len(p.Steps)).Draw(t, "failed"): true}
		var rest []Step
		for _, step := range p.Steps {
			if slices.ContainsFunc(step.Needs, func(n int) bool { return failed[n] }) {
				failed[step.Number] = true
			}
			if !failed[step.Number] {
				rest = append(rest, step)
			}
		}
		if _, _, err := carriedOut(s, rest, !newWorld(s, nil).separate()); err != nil {
			t.Fatalf("without %v: %v\n%s", failed, err, steps(p))
		}
	})
}

// TestOrder: additions come first, a step needs earlier ones only, and its Before is
// what the steps before it left.
func TestOrder(t *testing.T) {
	forAll(t, func(t *rapid.T, s *snapshot.Snapshot, _ *Desired, p *Plan) {
		removing := false
		for i, step := range p.Steps {
			if step.Number != i+1 {
				t.Fatalf("step %d has the number %d", i+1, step.Number)
			}
			if removing && !step.Removal {
				t.Fatalf("step %d adds after a removal", step.Number)
			}
			removing = step.Removal
			for _, before := range p.Steps[:i] { // whoever loses something gets first what they get instead
				if step.Removal && before.Removal && before.Blocked == "" && step.Blocked == "" && !slices.Contains(step.Needs, before.Number) &&
					slices.ContainsFunc(step.TakesFrom(), func(k Key) bool { return slices.ContainsFunc(before.GivesTo(), k.Same) }) {
					t.Fatalf("step %d takes from those to whom step %d gives, and does not need it", step.Number, before.Number)
				}
			}
			for _, n := range step.Needs {
				if n >= step.Number || p.Steps[n-1].Blocked != "" {
					t.Fatalf("step %d needs step %d", step.Number, n)
				}
			}
			if err := step.check(); err != nil {
				t.Fatalf("step %d: %v", step.Number, err)
			}
		}
		// In between, nobody lacks what they have before and after.
		w := newWorld(s, nil)
		moved := moves(p)
		end, _, err := carriedOut(s, p.Steps, !w.separate())
		if err != nil {
			t.Fatal(err)
		}
		first, last := administrators(s), administrators(end)
		for n := range p.Steps {
			mid, _, err := carriedOut(s, p.Steps[:n], !w.separate())
			if err != nil {
				t.Fatal(err)
			}
			rights, admins := effective(mid), administrators(mid)
			for _, h := range p.Holders {
				k := h.Key.Fold()
				if admins[k] && !first[k] && !last[k] && !w.separate() {
					t.Fatalf("after step %d, %v can change security", n, h.Key)
				}
				if first[k] && last[k] && !admins[k] && moved[k] < 2 {
					t.Fatalf("after step %d, %v cannot change security", n, h.Key)
				}
				always := permissions.NewSet(p.Sets[h.Before]...).Intersect(permissions.NewSet(p.Sets[h.After]...))
				if missing := always.Minus(rights[h.Key.Fold()]); missing.Len() > 0 && moved[h.Key.Fold()] < 2 {
					t.Fatalf("after step %d, %v lacks %v", n, h.Key, missing)
				}
			}
		}
	})
}

// administrators are those who can change security.
func administrators(s *snapshot.Snapshot) map[Key]bool {
	w, out := newWorld(s, nil), map[Key]bool{}
	for i := range s.Roles {
		r := &s.Roles[i]
		if admin.Grants(w.grants(r), r.PermissionSetID, w.legacy) {
			for _, h := range r.Holders {
				out[h.Key.Fold()] = true
			}
		}
	}
	return out
}

// moves counts the roles of each holder that change their permission set in one step, which
// both adds and takes away. Of two such steps, one has to come first.
func moves(p *Plan) map[Key]int {
	out := map[Key]int{}
	for i := range p.Steps {
		step := &p.Steps[i]
		if step.Removal && step.After != nil && len(step.GivesTo()) > 0 {
			for k := range foldAll(slices.Concat(step.Before.heldBy(), step.After.heldBy(), step.IdentitiesBefore, step.IdentitiesAfter)) {
				out[k]++
			}
		}
	}
	return out
}

// TestExportIsEmpty: an exported server is as it is desired.
func TestExportIsEmpty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := seeded(t)
		d, err := Export(s)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := d.WriteYAML(&file); err != nil {
			t.Fatal(err)
		}
		read, err := parseDesired("access.yaml", file.Bytes(), nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, &file)
		}
		for name, d := range map[string]*Desired{"in memory": d, "from a file": read} {
			p, err := Make(s, d, nil)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, &file)
			}
			if !p.Empty() {
				t.Fatalf("%s: %d steps, the first %+v\n%s", name, len(p.Steps), p.Steps[0], &file)
			}
		}
	})
}

// TestDeterministic: the order of what is given does not matter, and nothing given is
// changed.
func TestDeterministic(t *testing.T) {
	forAll(t, func(t *rapid.T, s *snapshot.Snapshot, d *Desired, p *Plan) {
		shuffled := *d
		shuffled.Roles = rapid.Permutation(d.Roles).Draw(t, "order")
		shuffled.PermissionSets = rapid.Permutation(d.PermissionSets).Draw(t, "order of sets")
		other := *s
		other.Roles = rapid.Permutation(s.Roles).Draw(t, "order of roles")
		other.Claims = rapid.Permutation(s.Claims).Draw(t, "order of claims")
		again, err := Make(&other, &shuffled, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.Digest() != again.Digest() {
			t.Fatalf("%+v\n\n%+v", p, again)
		}
		if s.Digest() != p.Snapshot {
			t.Fatal("the snapshot changed")
		}
	})
}

// TestReached: a second plan after the first one has nothing left to do, except what is
// blocked.
func TestReached(t *testing.T) {
	forAll(t, func(t *rapid.T, s *snapshot.Snapshot, d *Desired, p *Plan) {
		w := newWorld(s, nil)
		after, _, err := carriedOut(s, p.Steps, !w.separate())
		if err != nil {
			t.Fatal(err)
		}
		if newWorld(after, nil).separate() != w.separate() {
			return // nothing shows any more that the server keeps identities apart
		}
		again, err := Make(after, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range again.Steps {
			if step.Blocked == "" && p.Blocked() == 0 {
				t.Fatalf("step %d is left: %+v", step.Number, step)
			}
		}
	})
}

// TestSaved: a plan reads back as it was.
func TestSaved(t *testing.T) {
	dir := t.TempDir()
	forAll(t, func(t *rapid.T, _ *snapshot.Snapshot, _ *Desired, p *Plan) {
		if err := p.Save(dir + "/plan.json"); err != nil {
			t.Fatal(err)
		}
		again, err := Load(dir + "/plan.json")
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, again) {
			t.Fatalf("%+v\n\n%+v", p, again)
		}
	})
}

// TestBack: the way back restores what was there, under whatever ids.
func TestBack(t *testing.T) {
	forAll(t, func(t *rapid.T, s *snapshot.Snapshot, _ *Desired, p *Plan) {
		joined := !newWorld(s, nil).separate()
		after, done, err := carriedOut(s, p.Steps, joined)
		if err != nil {
			t.Fatal(err)
		}
		if newWorld(after, nil).separate() == joined {
			return // nothing shows any more that the server keeps identities apart
		}
		back, err := Back(done, after)
		if err != nil {
			t.Fatal(err)
		}
		if back.Blocked() > 0 && len(s.Gaps) > 0 {
			return // a claim that was created may hold a role that cannot be read
		}
		restored, _, err := carriedOut(after, back.Steps, joined)
		if err != nil {
			t.Fatal(err)
		}
		kept(t, back, after, restored)
		if got, want := essence(restored), essence(s); got != want {
			t.Fatalf("after the way back:\n%s\n\nbefore:\n%s\n\nthere:\n%s\nback:\n%s", got, want, steps(p), steps(back))
		}
	})
}

// steps are the steps of a plan as text.
func steps(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		before, _ := json.Marshal(s.Before)
		after, _ := json.Marshal(s.After)
		fmt.Fprintf(&b, "%d %s %s v%d %v %s\n  %s\n  %s\n", s.Number, s.Action, s.object(), s.Version, s.Needs, s.Blocked, before, after)
	}
	return b.String()
}

// essence is a snapshot without ids, as text.
func essence(s *snapshot.Snapshot) string {
	w := newWorld(s, nil)
	var b strings.Builder
	for i := range s.Roles {
		r := &s.Roles[i]
		fmt.Fprintf(&b, "role %q %q %q in %q: %v", r.Name, r.Description, r.EmailAddress, w.setName(r.PermissionSetID), permissions.NewSet(r.Paths...))
		for _, h := range r.Holders {
			fmt.Fprintf(&b, " %v%v", h.Key, h.Versions)
		}
		b.WriteString("\n")
	}
	for _, c := range s.Claims {
		fmt.Fprintf(&b, "claim %v %v\n", c.Key, c.Versions)
	}
	for _, p := range s.PermissionSets {
		fmt.Fprintf(&b, "set %q %v\n", p.Name, permissions.NewSet(p.Permissions...))
	}
	return b.String()
}

// TestVerified: after the plan nothing is found, and whatever else is changed then is.
func TestVerified(t *testing.T) {
	forAll(t, func(t *rapid.T, s *snapshot.Snapshot, _ *Desired, p *Plan) {
		if slices.ContainsFunc(s.Gaps, func(g snapshot.Gap) bool { return g.Object != "" }) {
			return // what is not known, is found
		}
		after, _, err := carriedOut(s, p.Steps, !newWorld(s, nil).separate())
		if err != nil {
			t.Fatal(err)
		}
		if r := Verify(p, after); len(r.Findings) > 0 {
			t.Fatalf("%+v\n%s", r.Findings, steps(p))
		}
		if len(after.Roles) == 0 {
			return
		}
		r := &after.Roles[rapid.IntRange(0, len(after.Roles)-1).Draw(t, "tampered")]
		r.Holders = append(slices.Clone(r.Holders), snapshot.Holder{Key: Key{Type: "OAuthSubject", Value: "intruder", Scheme: "Entra"}, Versions: []int{2}})
		if grants := newWorld(after, nil).grants(r); grants.Len() > 0 && len(Verify(p, after).Findings) == 0 {
			t.Fatal("an intruder was not found")
		}
	})
}
