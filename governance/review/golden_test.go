package review_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot"
)

var update = flag.Bool("update", false, "write the golden files")

const rulesFile = `
rules:
  - name: read-certificates
    title: Can view certificates and sign in
    why: It is a rule of this test.
    severity: low
    sides:
      - name: viewing
        paths: [/certificates/collections/read/]
      - paths: [/portal/read/]
`

const peopleFile = `
people:
  - name: Jane Smith
    holders: ['User:KEYEXAMPLE\jsmith', 'user:keyexample\ADM_jsmith', 'nobody@example.com']
teams:
  - name: Pipeline and friends
    holders: ['OAuthClientId:pipeline@System', adm_jsmith]
`

func options(t testing.TB) *review.Options {
	t.Helper()
	rules, err := review.ParseRules(strings.NewReader(rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	people, err := review.ParsePeople(strings.NewReader(peopleFile))
	if err != nil {
		t.Fatal(err)
	}
	return &review.Options{
		Rules: rules, People: people, File: "q4.json", FileBefore: "q3.json", Program: "commandsec test",
		Files: []report.File{{Label: "Duty rules", Name: "rules.yaml"}},
		Made:  time.Date(2026, 10, 2, 9, 0, 0, 0, time.UTC),
	}
}

// TestGolden: what a review and a comparison say, word for word.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*report.Report{
		"review":  review.New(sample(), options(t)).Report(),
		"legacy":  review.New(legacy(), nil).Report(),
		"changes": review.Changes(snapshot.Compare(sample(), later()), options(t)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := r.WriteJSON(&got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the report is not that of %s; look at the difference after: go test ./governance/review -update", file)
			}
		})
	}
}
