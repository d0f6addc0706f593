package migration_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/migration"
)

// TestRulesErrors: everything that is wrong is said at once, with lines and columns.
func TestRulesErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"everything at once": {`
format: 2
colour: red
existing: maybe
from: nowhere
otherIdentities: some
identities:
  - {account: a, pattern: b, drop: true}
  - {account: 'KEYEXAMPLE\a'}
  - {account: 'KEYEXAMPLE\b', drop: true, claim: 'User:x@y'}
  - {account: 'KEYEXAMPLE\c', claim: 'nothing'}
  - {account: 'KEYEXAMPLE\d', claim: 'Nobody:x@y', type: OAuthRole}
  - {pattern: '(', drop: true}
  - {pattern: '(a)', claim: 'User:${2}@y'}
  - {account: 'KEYEXAMPLE\e', claim: {type: User, value: x}}
collections:
  - {to: x}
  - {from: a}
  - {from: A, drop: true}
  - {from: a, drop: perhaps}
decisions:
  - {name: 'API:Read'}
  - {name: 'nonsense', drop: true}
  - {name: 'Collections[{id}]:Read', paths: [nonsense here, '/certificates/collections/read/{id}/']}
  - {name: 'api:read', drop: true, accept: true}
  - {name: 'API:Read', paths: []}
roles:
  - {name: A, skip: true, to: B}
  - {name: a, merge: x, to: y}
  - {accept: [everything]}
  - just text
`, []string{
			"line 2, column 9: format has to be 1", `line 3, column 1: the file has no member "colour"`, `line 4, column 11: existing is "maybe"; write add or replace`,
			`line 5, column 7: from is "nowhere"; write paths or names`, `line 6, column 18: otherIdentities is "some"`,
			"line 8, column 5: the identity needs either an account or a pattern", "line 9, column 5: the identity needs either a claim or drop: true",
			"line 10, column 5: the identity needs either a claim or drop: true", `line 11, column 38: "nothing" is not a claim; write TYPE:VALUE@SCHEME`,
			`line 12, column 38: "Nobody" is not a claim type`, `line 12, column 58: type is "OAuthRole"`, "line 13, column 15: the pattern is no regular expression",
			"line 14, column 29: the pattern has no group \"2\"", "line 15, column 38: the claim has no scheme", "line 17, column 5: the collection has no from",
			"line 18, column 5: the collection needs either to", "line 20, column 21: drop has to be true or false", "line 20, column 5", "and ",
		}},
		"decisions": {`
decisions:
  - {name: 'API:Read'}
  - {name: 'nonsense', drop: true}
  - {name: 'Collections[{id}]:Read', paths: [nonsense here, '/certificates/collections/read/{id}/']}
  - {name: 'api:read', drop: true}
  - {name: 'API:Read', drop: true}
  - {name: 'Reports:Read', paths: []}
`, []string{
			"line 3, column 5: a decision is one of accept: true, drop: true and paths", `line 4, column 12: not a permission name`,
			"line 5, column 46: not a permission path", "line 7, column 5: there is a decision about API:Read already", "line 8, column 35: there are no paths",
		}},
		"roles": {`
roles:
  - {name: A, skip: true, to: B}
  - {name: a, merge: x, to: y}
  - {accept: [everything]}
  - {name: b, to: "\u202e"}
  - {name: c, accept: [everything, not-read]}
  - just text
`, []string{
			"line 3, column 31: the role is skipped", `line 4, column 12: the role "a" is there twice, also in line 3`, "line 4, column 5: the role has to and merge",
			"line 5, column 5: the role has no name", "line 6, column 19: the name holds control or invisible characters",
			`line 7, column 24: "everything" cannot be accepted; what can be is not-read, disabled-role`, "line 8, column 5: a role has to be a mapping",
		}},
		"aliases": {"roles: &a\n  - *a\n", []string{"line 2, column 5: a role has to be a mapping"}},
		"indentation": {"identities:\n  - {account: a, drop: true}\n - {account: b, drop: true}\n", []string{
			"did not find expected key; look further down, too: the entries of a list have to be indented the same",
		}},
		"not YAML":          {"roles: [", []string{"it is not valid YAML"}},
		"two documents":     {"format: 1\n---\nformat: 1\n", []string{"more than one document"}},
		"files":             {"overlay: ../overlay.txt\ndecisionsFile: missing.txt\n", []string{`line 1, column 10: overlay "../overlay.txt"`, `line 2, column 16: decisionsFile "missing.txt"`}},
		"too large":         {strings.Repeat("#", 16<<20+1), []string{"larger than 16 MiB"}},
		"too many patterns": {"identities:\n" + strings.Repeat("  - {pattern: x, drop: true}\n", 101), []string{"there are more than 100 patterns"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "rules.yaml")
			if err := os.WriteFile(file, []byte(c.in), 0o600); err != nil {
				t.Fatal(err)
			}
			rules, err := migration.LoadRules(file)
			if err == nil || rules != nil {
				t.Fatalf("LoadRules = %v, %v", rules, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
		})
	}
	if _, err := migration.LoadRules(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a missing file is %v", err)
	}
}

// TestIdentities: accounts come before patterns, the first pattern that fits counts, and
// groups are filled in.
func TestIdentities(t *testing.T) {
	t.Parallel()
	source, target := old(), fresh()
	source.Roles = source.Roles[:0]
	for _, r := range old().Roles {
		if r.Name == "Operators" {
			r.Holders = held([]int{1}, user("exact"), team("exact"), user("a.b"), team("a.b"), user("plain"), user("cash"), user("empty"))
			source.Roles = append(source.Roles, r)
		}
	}
	rules := load(t, `
identities:
  - {pattern: '.*\\(a)\.(?<last>b)', type: User, claim: 'OAuthSubject:$${1}${last}@Entra'}
  - {pattern: '.*\\a\.b', claim: 'OAuthRole:$x$@Entra'}
  - {pattern: '.*exact', claim: 'OAuthRole:wrong@Entra'}
  - {pattern: 'example\\plain', claim: 'OAuthRole:part@Entra'}
  - {pattern: '.*\\empty(x?)', claim: 'OAuthRole:${1}@Entra'}
  - {account: 'keyexample\EXACT', type: User, claim: 'OAuthSubject:exact@Entra'}
  - {account: 'KEYEXAMPLE\cash', claim: {type: '6', value: 'c@sh:1', scheme: Nowhere}}
`)
	_, r, err := migration.Desired(source, target, rules)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, table := range r.Tables {
		if table.ID == "holders" {
			for _, row := range table.Rows {
				got[row.Cells[0].Text] = row.Cells[1].Text + textOf(row.Cells[3])
			}
		}
	}
	for holder, want := range map[string]string{
		`User KEYEXAMPLE\exact (Active Directory)`:  "OAuthSubject exact (Entra)",
		`Group KEYEXAMPLE\exact (Active Directory)`: "OAuthRole wrong (Entra)",
		`User KEYEXAMPLE\a.b (Active Directory)`:    "OAuthSubject ${1}b (Entra)",
		`Group KEYEXAMPLE\a.b (Active Directory)`:   "OAuthRole $x$ (Entra)",
		`User KEYEXAMPLE\plain (Active Directory)`:  "the same claim",
		`User KEYEXAMPLE\cash (Active Directory)`:   `no identity provider with the scheme "Nowhere"`,
		`User KEYEXAMPLE\empty (Active Directory)`:  "it has no value or no scheme",
	} {
		if !strings.Contains(got[holder], want) {
			t.Errorf("%s became %q, want %q", holder, got[holder], want)
		}
	}
	if codes := codesOfRole(r, "Operators"); !slices.Equal(codes, []string{string(migration.CodeHolder)}) {
		t.Errorf("Operators has the findings %v", codes)
	}
	_, r, err = migration.Desired(source, target, load(t, "otherIdentities: undecided"))
	if err != nil || !slices.Contains(codesOfRole(r, "Operators"), string(migration.CodeHolder)) {
		t.Errorf("an account without a rule needs no decision: %v", err)
	}
}

func FuzzLoadRules(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "rules.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	skeleton, err := migration.Skeleton(old(), fresh())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Add(taken(string(skeleton)))
	f.Add("roles: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"rules.yaml": text, "overlay.txt": text, "decisions.txt": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		rules, err := migration.LoadRules(filepath.Join(dir, "rules.yaml"))
		if (err == nil) == (rules == nil) {
			t.Fatalf("LoadRules = %v, %v", rules, err)
		}
		if err != nil {
			return
		}
		d, r, err := migration.Desired(old(), fresh(), rules)
		if err == nil && (d == nil || r == nil) {
			t.Fatal("Desired returns nothing")
		}
		if d != nil {
			for _, role := range d.Roles {
				if strings.TrimSpace(role.Name) == "" {
					t.Errorf("a role has the name %q", role.Name)
				}
			}
		}
	})
}
