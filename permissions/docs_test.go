package permissions_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/permissions"
)

var update = flag.Bool("update", false, "write the tables of docs/permissions.md anew")

// sideEffect says for the table what a row gives or takes.
func sideEffect(kind string, e permissions.SideEffect) string {
	text := fmt.Sprintf("**%s**: %s", kind, e.Effect)
	if e.Since != "" {
		text += ", from " + e.Since + " on"
	}
	if len(e.Unless) > 0 {
		names := make([]string, len(e.Unless))
		for i, l := range e.Unless {
			names[i] = "`" + string(l) + "`"
		}
		text += ", unless it also holds " + strings.Join(names, " and ")
	}
	return text + "."
}

// The page lists every right that a guess never grants, and no other.
func TestDocsOfGuesses(t *testing.T) {
	text, err := os.ReadFile("../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "### What a guess never grants\n")
	table, _, ok := strings.Cut(rest, "These were considered and left out:")
	var listed, want []permissions.Path
	for i, part := range strings.Split(table, "`") {
		if i%2 == 1 {
			listed = append(listed, permissions.Path(part))
		}
	}
	for _, info := range permissions.Catalogue().Paths {
		if info.Sensitive != "" {
			want = append(want, info.Path)
		}
		if info.Risk != "" && info.Sensitive != info.Risk {
			t.Errorf("%s: risk %q, sensitive %q", info.Path, info.Risk, info.Sensitive)
		}
	}
	slices.Sort(listed)
	if !ok || !slices.Equal(listed, want) {
		t.Errorf("%v\nwant\n%v", listed, want)
	}
}

// The files in the page are what the program reads.
func TestDocsFiles(t *testing.T) {
	text, err := os.ReadFile("../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(after string) []byte {
		_, rest, _ := strings.Cut(string(text), after)
		_, rest, _ = strings.Cut(rest, "```")
		_, rest, _ = strings.Cut(rest, "\n")
		rest, _, _ = strings.Cut(rest, "```")
		return []byte(rest)
	}
	decisions, err := permissions.ParseDecisions(block("### Deciding\n"))
	if err != nil || len(decisions) != 5 || decisions[3].Role != "PKI Operators" || !decisions[4].Accept {
		t.Errorf("%+v, %v", decisions, err)
	}
	o, err := permissions.ParseOverlay(block("**The overlay**"))
	if err != nil || len(o.Rows()) != 1 {
		t.Errorf("%v", err)
	}
	observations, _, err := permissions.ParseObservations(block("goes into a file for `--add`"))
	if err != nil || len(observations) != 1 || !observations[0].Exact {
		t.Errorf("%v, %v", observations, err)
	}
	roles, err := permissions.ParseRoles(block("A file of roles has"))
	if err != nil || len(roles) != 2 || roles[1].Role != "Web Team" {
		t.Errorf("%v, %v", roles, err)
	}
	if err := permissions.ConvertAll(roles, nil).Err(); err != nil {
		t.Error(err)
	}
}

func TestDocsTable(t *testing.T) {
	const file, begin, end = "../docs/permissions.md", "<!-- begin table -->\n", "<!-- end table -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	var b strings.Builder
	b.WriteString("\n| name | allows to | path | confidence | |\n|---|---|---|---|---|\n")
	for _, l := range permissions.Catalogue().Legacy {
		for _, m := range l.Mappings {
			path, notes := "none", []string{}
			if m.Path != "" {
				path = "`" + string(m.Path) + "`"
			}
			for _, e := range m.Widens {
				notes = append(notes, sideEffect("widens", e))
			}
			for _, e := range m.Narrows {
				notes = append(notes, sideEffect("narrows", e))
			}
			if m.Confidence <= permissions.ConfidenceGuess && m.Remark != "" {
				notes = append(notes, m.Remark)
			}
			if m.Caution != "" {
				notes = append(notes, m.Caution)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", l.Name, l.Effect, path, strings.TrimSpace(m.Confidence.String()+" "+string(m.Evidence)), strings.Join(notes, " "))
		}
	}
	b.WriteByte('\n')
	want := head + begin + b.String() + end + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("%s is stale: run go test ./permissions -run TestDocsTable -update", file)
	}
}
