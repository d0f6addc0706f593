package permissions_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

// create makes the roles of an experiment on a server.
func (s server) create(roles []permissions.TestRole) []permissions.Observation {
	var out []permissions.Observation
	for _, r := range roles {
		out = append(out, permissions.Observation{Role: r.Name, Names: r.Names, Paths: minimal(s.standsFor(r.Names...)), Exact: true})
	}
	return out
}

// undecided returns the names of a server about which a proof leaves something to be said.
func (s server) undecided(proof *permissions.Proof) []permissions.Legacy {
	var open []permissions.Legacy
	for _, row := range proof.Rows() {
		info, _ := permissions.KnownLegacy(row.Name)
		needs := strings.Contains(string(row.Name), "{id}") && len(info.Needs) > 0 // cannot be decided; see Experiment
		if row.Verdict != permissions.VerdictConfirmed && len(row.Upper) > 0 && !needs {
			open = append(open, row.Name)
		}
	}
	return open
}

// One experiment decides a server like ours. Any other takes more, and nothing that is learned on the way is wrong.
func TestExperimentDecides(t *testing.T) {
	for _, c := range []struct {
		other  float64 // how much of the mapping differs
		seen   int     // roles that are there already
		roles  int     // the most that the first experiment takes
		rounds int     // the most experiments
		hidden bool    // the server's list of paths is not known
	}{
		{0, 0, 12, 1, false},
		{0, 20, 6, 1, false},
		{0, 50, 2, 1, false},
		{0, 0, 12, 1, true},
		{0, 20, 6, 1, true},
		{0.1, 0, 12, 3, false},
		{0.1, 20, 8, 3, false},
		{1, 0, 12, 4, false},
		{1, 20, 10, 4, false},
		{1, 50, 10, 4, false},
	} {
		seeds := uint64(2)
		if c.other == 1 {
			seeds = 1 // it takes long
		}
		for seed := range seeds {
			r := rand.New(rand.NewPCG(seed, 1))
			s := simulated(r, c.other)
			if c.other == 0 {
				for _, l := range s.names {
					if rows, _ := ours(l); len(rows) == 0 {
						s.mapping[l] = nil
					}
				}
			}
			var roles []permissions.Observation
			for range c.seen {
				roles = append(roles, s.role(r, false))
			}
			list := s.list
			if c.hidden {
				list = nil
			}
			proof := permissions.Learn(roles, list)
			rounds, created := 0, []int(nil)
			for tests := proof.Experiment(); len(tests) > 0; tests = proof.Experiment() {
				if again := proof.Experiment(); !reflect.DeepEqual(tests, again) {
					t.Fatalf("not deterministic: %v, %v", tests, again)
				}
				if rounds++; rounds > c.rounds || rounds == 1 && len(tests) > c.roles {
					t.Fatalf("%+v: %d roles in experiment %d", c, len(tests), rounds)
				}
				created = append(created, len(tests))
				roles = append(roles, s.create(tests)...)
				proof = permissions.Learn(roles, list)
				s.neverWrong(t, proof, !c.hidden)
			}
			if left := s.undecided(proof); len(left) > 0 {
				t.Errorf("%+v: undecided after %d experiments: %v", c, rounds, left)
			}
			t.Logf("%3.0f%% of the mapping differs, %2d roles seen: experiments with %v roles", 100*c.other, c.seen, created)
		}
	}
}

// A small case has a known best answer: names that can stand for the same take a role each, until codes tell them apart.
func TestExperimentIsSmall(t *testing.T) {
	known := paths("/a/", "/b/", "/c/", "/d/", "/e/", "/f/")
	all := names("Home:A", "Home:B", "Home:C", "Home:D", "Home:E", "Home:F")
	var rest []permissions.Legacy // all other names stand for nothing
	for _, row := range permissions.Learn(nil, nil).Rows() {
		rest = append(rest, on(row.Name, "1"))
	}
	for n, want := range []int{0, 1, 2, 3, 4, 4, 4} { // 4 roles tell 6 names apart, in twos
		proof := permissions.Learn([]permissions.Observation{{Names: rest, Exact: true}, {Names: all[:n], Paths: known}}, known)
		tests := proof.Experiment()
		if len(tests) != want {
			t.Errorf("%d names take %d roles, want %d: %v", n, len(tests), want, tests)
		}
		for _, r := range tests {
			for _, l := range r.Names {
				if !slices.Contains(all[:n], l) {
					t.Errorf("%v has a name that is decided", r)
				}
			}
		}
	}
	// Names that cannot stand for the same share a role.
	proof := permissions.Learn([]permissions.Observation{
		{Names: rest, Exact: true}, {Names: names("PkiManagement:Read"), Paths: known[:2]}, {Names: names("Home:B"), Paths: known[2:4]},
	}, known)
	if tests := proof.Experiment(); len(tests) != 1 || !slices.Contains(tests[0].Names, "Home:B") {
		t.Errorf("%v", tests)
	}
	// The ids of the roles that were read are used again.
	tests := permissions.Learn([]permissions.Observation{{Names: names("Collections[12]:Read", "Collections[9]:Read", "Containers[3]:Read"), Paths: paths("/")}}, known).Experiment()
	found := fmt.Sprint(tests)
	for _, want := range []string{"Collections[9]:Read", "Collections[9]:Delete", "Containers[3]:Schedule", "PamProviders[1]:Read"} {
		if !strings.Contains(found, want) {
			t.Errorf("%s is not in %v", want, tests)
		}
	}
	// What the server grants only together is there together.
	for _, r := range tests {
		if slices.Contains(r.Names, "Containers[3]:Modify") && (!slices.Contains(r.Names, "Containers[3]:Schedule") || !slices.Contains(r.Names, "Containers[3]:Read")) {
			t.Errorf("%v", r)
		}
	}
}

func TestSteps(t *testing.T) {
	if s := permissions.FormatExperiment(nil); s != "" {
		t.Error(s)
	}
	s := permissions.FormatExperiment([]permissions.TestRole{{Name: "permission test 1 of 1", Names: names("Auditing:Read", "Collections[6]:Read")}})
	for _, want := range []string{
		"takes 1 role on a test server", "Never use a production server", "x-keyfactor-api-version: 1", `"exact": true`, "4. Delete the roles.",
		"\npermission test 1 of 1\n  Auditing:Read\n  Collections[6]:Read\n",
	} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is missing in\n%s", want, s)
		}
	}
}
