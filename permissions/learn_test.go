package permissions_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/permissions"
)

// server is a server with a mapping of its own. Names for one object and their paths have the placeholder "{id}".
type server struct {
	list    []permissions.Path
	names   []permissions.Legacy
	mapping map[permissions.Legacy][]permissions.Path
}

// on puts an id in the place of the placeholder.
func on[T ~string](s T, id string) T { return T(strings.ReplaceAll(string(s), "{id}", id)) }

// standsFor returns what names, with their ids, stand for.
func (s server) standsFor(names ...permissions.Legacy) []permissions.Path {
	var out []permissions.Path
	for _, l := range names {
		name, id := l, ""
		if _, n, ok := l.Object(); ok || strings.Contains(string(l), "[") {
			id = strconv.Itoa(n)
			if !ok { // an object of a kind that is not known
				id = string(l[strings.Index(string(l), "[")+1 : strings.Index(string(l), "]")])
			}
			name = permissions.Legacy(strings.Replace(string(l), "["+id+"]", "[{id}]", 1))
		}
		for _, p := range s.mapping[name] {
			out = append(out, on(p, id))
		}
	}
	return out
}

// covers reports whether the first paths cover all of the second. They can have placeholders.
func covers(outer, inner []permissions.Path) bool {
	return !slices.ContainsFunc(inner, func(p permissions.Path) bool {
		return !slices.ContainsFunc(outer, func(o permissions.Path) bool { return strings.HasPrefix(string(p), string(o)) })
	})
}

func same(a, b []permissions.Path) bool { return covers(a, b) && covers(b, a) }

// ours is what the mapping of this library has for a name.
func ours(l permissions.Legacy) (rows []permissions.Path, known bool) {
	info, known := permissions.KnownLegacy(l)
	for _, m := range info.Mappings {
		if m.Path != "" {
			for _, word := range []string{"{collectionId}", "{containerId}", "{pamProviderId}"} {
				m.Path = permissions.Path(strings.ReplaceAll(string(m.Path), word, "{id}"))
			}
			rows = append(rows, m.Path)
		}
	}
	return rows, known
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// neverWrong holds a proof to the server that it is about. listed says that the proof knows the server's list of paths.
func (s server) neverWrong(t fataler, proof *permissions.Proof, listed bool) {
	t.Helper()
	for _, row := range proof.Rows() {
		truth := s.mapping[row.Name]
		rows, known := ours(row.Name)
		switch {
		case !slices.Contains(s.names, row.Name) && row.Roles > 0:
			t.Fatalf("no role can have %s: %+v", row.Name, row)
		case !slices.Contains(s.names, row.Name):
			if row.Verdict != permissions.VerdictOpen {
				t.Fatalf("%+v", row)
			}
			continue
		case row.Verdict == permissions.VerdictConfirmed && (len(truth) > 0 || row.Exact) && !same(row.Paths, truth):
			t.Fatalf("confirmed wrongly: %+v, but it stands for %v", row, truth)
		case row.Verdict == permissions.VerdictRefuted && (!known || same(rows, truth)):
			t.Fatalf("refuted wrongly: %+v, but it stands for %v", row, truth)
		case !covers(truth, row.Lower):
			t.Fatalf("the lower bound is too high: %+v, but it stands for %v", row, truth)
		case len(row.Upper) == 0 && row.Verdict != permissions.VerdictOpen && (row.Verdict != permissions.VerdictConsistent || len(rows) > 0):
			t.Fatalf("%+v", row)
		}
		for _, p := range truth {
			if listed && !slices.Contains(row.Upper, p) {
				t.Fatalf("the upper bound is too low: %+v, but it stands for %v", row, truth)
			}
		}
	}
}

// minimal leaves out the paths that others cover.
func minimal(paths []permissions.Path) []permissions.Path {
	paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	var out []permissions.Path
	for _, p := range paths {
		if len(out) == 0 || !strings.HasPrefix(string(p), string(out[len(out)-1])) {
			out = append(out, p)
		}
	}
	return out
}

// anyServer draws a small server: few paths, so that they collide, and names of every kind.
func anyServer(t *rapid.T) server {
	words := []string{"a", "b", "certificates", "7up"}
	path := rapid.Custom(func(t *rapid.T) permissions.Path {
		segments := rapid.SliceOfN(rapid.SampledFrom(words), 1, 3).Draw(t, "segments")
		return permissions.Path("/" + strings.Join(segments, "/") + "/")
	})
	s := server{mapping: map[permissions.Legacy][]permissions.Path{}}
	s.list = rapid.SliceOfN(path, 1, 8).Draw(t, "list")
	s.list = append(s.list, rapid.SliceOfN(rapid.SampledFrom([]permissions.Path{
		"/", "/portal/read/", "/auditing/read/", "/certificate_templates/read/", "/certificate_authorities/read/", "/certificates/collections/read/", "/odd path/x/",
	}), 0, 5).Draw(t, "known")...)
	s.names = []permissions.Legacy{
		"AdminPortal:Read", "Auditing:Read", "PkiManagement:Read", "API:Read", "Certificates:Read", "Home:Grown", "Un:Known",
		"Collections[{id}]:Read", "Collections[{id}]:Revoke", "Containers[{id}]:Read", "Widgets[{id}]:Turn",
	}
	var deep []permissions.Path // with an id in the middle
	for _, l := range s.names {
		if rows, _ := ours(l); len(rows) > 0 && rapid.Bool().Draw(t, "as ours") {
			s.mapping[l] = rows
			for _, p := range rows {
				s.list = append(s.list, permissions.Path(strings.TrimSuffix(string(p), "{id}/")))
			}
			continue
		}
		stands := rapid.SliceOfN(rapid.SampledFrom(s.list), 0, 2).Draw(t, "stands for")
		for i, p := range stands {
			if p == "/odd path/x/" { // only the server's list has it
				stands[i] = s.list[0]
			}
			if strings.Contains(string(l), "{id}") && p != "/" && rapid.Bool().Draw(t, "one object") {
				stands[i] += "{id}/"
				if rapid.IntRange(0, 5).Draw(t, "in the middle") == 0 {
					stands[i] += "deep/"
					deep = append(deep, stands[i])
				}
			}
		}
		s.mapping[l] = minimal(stands)
	}
	s.list = append(s.list, deep...)
	return s
}

// roles draws roles of the server, each of which shows a name only if it covers what the name stands for.
func (s server) roles(t *rapid.T) []permissions.Observation {
	ids := []string{"6", "7"}
	var all []permissions.Legacy
	for _, l := range s.names {
		if strings.Contains(string(l), "{id}") {
			all = append(all, on(l, "6"), on(l, "7"))
		} else {
			all = append(all, l)
		}
	}
	role := rapid.Custom(func(t *rapid.T) permissions.Observation {
		created := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, 5, rapid.ID).Draw(t, "created with")
		o := permissions.Observation{Names: created, Paths: s.standsFor(created...)}
		if o.Exact = rapid.Bool().Draw(t, "exact"); !o.Exact {
			for _, p := range rapid.SliceOfN(rapid.SampledFrom(s.list), 0, 3).Draw(t, "besides") {
				if p != "/" && rapid.Bool().Draw(t, "one object") {
					p += permissions.Path(rapid.SampledFrom(ids).Draw(t, "id") + "/")
				}
				o.Paths = append(o.Paths, p)
			}
			for _, l := range all { // what else the server chooses to show
				if !slices.Contains(o.Names, l) && covers(o.Paths, s.standsFor(l)) && rapid.Bool().Draw(t, "shown") {
					o.Names = append(o.Names, l)
				}
			}
			if rapid.IntRange(0, 5).Draw(t, "malformed name") == 0 {
				o.Names = append(o.Names, "not a name")
			}
		}
		if rapid.Bool().Draw(t, "reduced") {
			o.Paths = minimal(o.Paths)
		}
		return o
	})
	return rapid.SliceOfN(role, 0, 8).Draw(t, "roles")
}

func TestLearnIsNeverWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyServer(t)
		roles := s.roles(t)
		proof := permissions.Learn(roles, s.list)
		s.neverWrong(t, proof, true)
		s.neverWrong(t, permissions.Learn(roles, nil), false)
		shuffled := rapid.Permutation(roles).Draw(t, "shuffled")
		if other := permissions.Learn(shuffled, s.list); !reflect.DeepEqual(other.Rows(), proof.Rows()) || other.String() != proof.String() {
			t.Fatalf("the order matters:\n%v\n%v", proof, other)
		}
	})
}

// Only a complete list of paths excludes what lies below the paths of a role. Case does not matter.
func TestLearnWithoutList(t *testing.T) {
	roles := []permissions.Observation{{Names: names("Home:Grown", "ADMINPORTAL: read"), Paths: paths("/Quantum")}}
	for _, c := range []struct {
		known            []permissions.Path
		homeGrown, admin permissions.Verdict
	}{
		{nil, permissions.VerdictOpen, permissions.VerdictRefuted},
		{paths("/quantum/"), permissions.VerdictConfirmed, permissions.VerdictConfirmed},
		{paths("/quantum/", "/quantum/read/"), permissions.VerdictOpen, permissions.VerdictRefuted},
	} {
		for _, row := range permissions.Learn(roles, c.known).Rows() {
			want, asked := map[permissions.Legacy]permissions.Verdict{"Home:Grown": c.homeGrown, "AdminPortal:Read": c.admin}[row.Name]
			if asked && row.Verdict != want {
				t.Errorf("known %v: %+v, want %s", c.known, row, want)
			}
		}
	}
}

// simulated is a server of the size of a real one. The mapping is ours, except for a part of it that is drawn: other paths,
// several, none.
func simulated(r *rand.Rand, other float64) server {
	s := server{mapping: map[permissions.Legacy][]permissions.Path{}}
	for _, p := range permissions.Catalogue().Paths {
		s.list = append(s.list, p.Path)
	}
	for i := range 10 { // paths that are not known here
		s.list = append(s.list, permissions.Path(fmt.Sprintf("/quantum/%c/read/", 'a'+i)))
	}
	for i := range 5 {
		s.names = append(s.names, permissions.Legacy(fmt.Sprintf("Quantum:Read%d", i)))
	}
	for _, l := range permissions.Catalogue().Legacy {
		s.names = append(s.names, l.Name)
	}
	for _, l := range s.names {
		rows, _ := ours(l)
		if len(rows) == 0 || r.Float64() < other {
			rows = nil
			for range r.IntN(3) {
				p := s.list[r.IntN(len(s.list))]
				if strings.Contains(string(l), "{id}") && p != "/" {
					p += "{id}/"
				}
				rows = append(rows, p)
			}
		}
		s.mapping[l] = minimal(rows)
	}
	return s
}

// role draws a role as they are found: some names, more paths than they stand for, and whatever else it then covers.
func (s server) role(r *rand.Rand, exact bool) permissions.Observation {
	o := permissions.Observation{Exact: exact}
	for range 3 + r.IntN(25) {
		l := on(s.names[r.IntN(len(s.names))], strconv.Itoa(1+r.IntN(9)))
		if !slices.Contains(o.Names, l) {
			o.Names = append(o.Names, l)
		}
	}
	o.Paths = minimal(s.standsFor(o.Names...))
	if exact {
		return o
	}
	for range r.IntN(4) {
		o.Paths = append(o.Paths, s.list[1+r.IntN(len(s.list)-1)])
	}
	for _, l := range s.names {
		if !strings.Contains(string(l), "{id}") && !slices.Contains(o.Names, l) && covers(o.Paths, s.standsFor(l)) && r.IntN(4) > 0 {
			o.Names = append(o.Names, l)
		}
	}
	o.Paths = minimal(o.Paths)
	return o
}

// Servers of the size of a real one: never wrong, and more is proven with more roles.
func TestLearnFromSimulatedServers(t *testing.T) {
	for _, other := range []float64{0.1, 1} {
		before := 0
		for _, n := range []int{20, 50, 200} {
			const servers = 10
			confirmed, refuted, exactly, named := 0, 0, 0, 0
			for seed := range uint64(servers) {
				r := rand.New(rand.NewPCG(seed, uint64(n)))
				s := simulated(r, other)
				var roles, exact []permissions.Observation
				for range n {
					roles = append(roles, s.role(r, false))
					exact = append(exact, s.role(r, true))
				}
				proof := permissions.Learn(roles, s.list)
				s.neverWrong(t, proof, true)
				for _, row := range proof.Rows() {
					if row.Roles > 0 {
						named++
					}
					if row.Verdict == permissions.VerdictConfirmed {
						confirmed++
					}
					if row.Verdict == permissions.VerdictRefuted {
						refuted++
					}
				}
				proof = permissions.Learn(exact, s.list)
				s.neverWrong(t, proof, true)
				for _, row := range proof.Rows() {
					if row.Verdict == permissions.VerdictConfirmed {
						exactly++
					}
				}
			}
			t.Logf("%3.0f%% of the mapping differs, %3d roles: of %d names, %d confirmed and %d refuted; %d confirmed if all roles are exact",
				100*other, n, named/servers, confirmed/servers, refuted/servers, exactly/servers)
			if confirmed <= before {
				t.Errorf("%d roles confirm no more than fewer do", n)
			}
			before = confirmed
		}
	}
}
