package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/specimen"
)

var update = flag.Bool("update", false, "write the files under testdata")

// specimens returns reports of every shape.
func specimens() map[string]*report.Report {
	return map[string]*report.Report{
		"review": specimen.Review(), "comparison": specimen.Comparison(), "hostile": specimen.Hostile(), "large": specimen.Large(20, 60),
		"empty": {Kind: report.Plan, Title: "Nothing"},
	}
}

// writers are all writers by the end of the name of the file that they write.
func writers(r *report.Report) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		".txt": r.WriteText, ".csv": r.WriteCSV, ".json": r.WriteJSON, ".html": r.WriteHTML, "-worksheet.csv": r.WriteWorksheet,
	}
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"review", "comparison"} {
		for end, write := range writers(specimens()[name]) {
			if end == ".html" { // looked at in a browser: see e2e
				continue
			}
			got, file := written(t, write), filepath.Join("testdata", name+end)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is not what is written now; if the change is meant, run: go test ./governance/report -update", file)
			}
		}
	}
}

// Whatever is written twice is the same: nothing depends on the order of a map.
func TestStable(t *testing.T) {
	t.Parallel()
	for name, r := range specimens() {
		for end, write := range writers(r) {
			if once, again := written(t, write), written(t, write); once != again {
				t.Errorf("%s%s is another one each time", name, end)
			}
		}
	}
}

// No writer lets characters through that change how the rest is shown.
func TestNothingHidden(t *testing.T) {
	t.Parallel()
	for end, write := range writers(specimen.Hostile()) {
		text := written(t, write)
		if strings.HasSuffix(end, ".csv") {
			text = strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n")
		}
		if i := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && show.Hidden(c) }); i >= 0 {
			t.Errorf("%s has %q", end, text[i:min(i+40, len(text))])
		}
		if !utf8.ValidString(text) {
			t.Errorf("%s is not UTF-8", end)
		}
	}
}

// Every name can be found in what is written, as show writes it.
func TestNothingLost(t *testing.T) {
	t.Parallel()
	for _, name := range specimen.Names() {
		r := &report.Report{Kind: report.Review, Title: "Names", Tables: []report.Table{{
			ID: "names", Title: "Names", Columns: []report.Column{{Title: "Name"}}, Rows: []report.Row{{Cells: []report.Cell{{Text: name}}}},
		}}}
		if len(name) > 80 { // wrapped
			continue
		}
		want := show.Text(name, 100)
		if text := written(t, r.WriteText); !strings.Contains(text, want) {
			t.Errorf("the text lacks %s", want)
		}
		var read report.Report
		if err := json.Unmarshal([]byte(written(t, r.WriteJSON)), &read); err != nil {
			t.Fatal(err)
		}
		valid := strings.Map(func(c rune) rune { return c }, name) // bytes that are not UTF-8 become U+FFFD, as in JSON
		if got := read.Tables[0].Rows[0].Cells[0].Text; got != valid {
			t.Errorf("the JSON has %q, want %q", got, valid)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	colors := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, r := range specimens() {
		for _, width := range []int{10, 40, 60, 80, 100, 200} {
			plain := written(t, func(w io.Writer) error { return r.WriteTerminal(w, width, false) })
			if strings.Contains(plain, "\x1b") {
				t.Errorf("%s: there is color in it without having been asked for", name)
			}
			for line := range strings.SplitSeq(plain, "\n") {
				if n := columns(line); n > max(width, 40) {
					t.Errorf("%s: at width %d, a line takes %d columns: %q", name, width, n, line)
					break
				}
				if strings.HasSuffix(line, " ") && name != "hostile" {
					t.Errorf("%s: at width %d, a line ends with a space: %q", name, width, line)
					break
				}
			}
			colored := written(t, func(w io.Writer) error { return r.WriteTerminal(w, width, true) })
			if !strings.Contains(colored, "\x1b[") || colors.ReplaceAllString(colored, "") != plain {
				t.Errorf("%s: at width %d, color changes more than the color", name, width)
			}
		}
	}
}

// columns is how many columns of a terminal a line takes.
func columns(s string) int {
	n := 0
	for _, c := range s {
		switch {
		case unicode.Is(unicode.Mn, c):
		case unicode.Is(unicode.Han, c):
			n += 2
		default:
			n++
		}
	}
	return n
}

// However a spreadsheet splits the lines into cells, none of them is a formula.
func TestNoFormulas(t *testing.T) {
	t.Parallel()
	r := specimen.Hostile()
	for end, write := range writers(r) {
		if !strings.HasSuffix(end, ".csv") {
			continue
		}
		text := strings.ReplaceAll(strings.TrimPrefix(written(t, write), "\uFEFF"), "\r\n", "\n")
		records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var cells []string
		for _, record := range records {
			cells = append(cells, record...)
		}
		if len(records) < len(specimen.Names()) {
			t.Errorf("%s has %d lines", end, len(records))
		}
		for _, separators := range []string{",", ";", "\t", "|", ",;\t|\""} { // as other countries have it
			cells = append(cells, strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || strings.ContainsRune(separators, c) })...)
		}
		for _, cell := range cells {
			if cell = strings.TrimLeft(cell, ` "`); cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("%s has the cell %q", end, cell[:min(len(cell), 60)])
			}
		}
	}
}

func TestJSONFitsItsSchema(t *testing.T) {
	t.Parallel()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("report.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range specimens() {
		text := written(t, r.WriteJSON)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(text, `\u003c`) {
			t.Errorf("%s: it is escaped for HTML", name)
		}
		if value.(map[string]any)["format"] != json.Number("1") {
			t.Errorf("%s: the format is %v", name, value.(map[string]any)["format"])
		}
		value.(map[string]any)["unknown"] = true
		if schema.Validate(value) == nil {
			t.Errorf("%s: the schema allows any member", name)
		}
	}
	// The schema is handed out as a copy.
	report.Schema()[0] = 'x'
	if report.Schema()[0] != '{' {
		t.Error("a caller can change the schema")
	}
}

// The policy of the page allows the style and the script on it by their hashes,
// and nothing else.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for name, r := range specimens() {
		page := written(t, r.WriteHTML)
		hash := func(element string) string {
			_, rest, _ := strings.Cut(page, "<"+element+">")
			inside, _, found := strings.Cut(rest, "</"+element+">")
			if !found || len(inside) < 1000 {
				t.Fatalf("%s: the page has no %s", name, element)
			}
			sum := sha256.Sum256([]byte(inside))
			return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
		policy := "default-src 'none'; style-src " + hash("style") + "; script-src " + hash("script") + "; base-uri 'none'; form-action 'none'"
		// In an attribute, html/template writes some characters as entities.
		escaped := strings.NewReplacer("'", "&#39;", "+", "&#43;").Replace(policy)
		if !strings.Contains(page, `<meta http-equiv="Content-Security-Policy" content="`+escaped+`">`) {
			t.Errorf("%s: the policy is not %s", name, policy)
		}
		for _, foreign := range []string{"http://", "https://", "//"} {
			for _, attribute := range []string{`src="`, `href="`, "url("} {
				if strings.Contains(page, attribute+foreign) {
					t.Errorf("%s: the page loads or links something else: %s%s", name, attribute, foreign)
				}
			}
		}
	}
}

// Paper of a plan can be told from paper of another plan of the same snapshot: the digest
// at the foot is the one that is signed.
func TestFoot(t *testing.T) {
	t.Parallel()
	foot := func(r *report.Report) string {
		_, rest, _ := strings.Cut(written(t, r.WriteHTML), "@bottom-left{content:\"")
		text, _, _ := strings.Cut(rest, "\"}")
		return regexp.MustCompile(`\\[0-9a-f]{6}`).ReplaceAllStringFunc(text, func(s string) string {
			code, err := strconv.ParseInt(s[1:], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return string(rune(code))
		})
	}
	r := &report.Report{
		Kind: report.Plan,
		Provenance: report.Provenance{Sources: []report.Source{{
			Server: "https://command.example.com", Digest: "sha256:1111111111111111111111111111111111111111",
		}}},
	}
	if got, want := foot(r), "https://command.example.com, sha256:11111111111111111111111..."; got != want {
		t.Errorf("without a digest to sign: %q, want %q", got, want)
	}
	r.SignOff = &report.SignOff{Digest: "sha256:2222222222222222222222222222222222222222"}
	if got, want := foot(r), "Plan sha256:22222222222222222222222...  |  https://command.example.com"; got != want {
		t.Errorf("with one: %q, want %q", got, want)
	}
}

// What the style has from the report cannot end the string that it stands in.
func TestStyle(t *testing.T) {
	t.Parallel()
	const text = `"([A-Za-z0-9]|\\[0-9a-f]{6})*"`
	safe := regexp.MustCompile(`^(#table-[\w-]+ tbody>tr>:nth-child\(\d+\)\{--label:` + text + `\}|#table-[\w-]+ tr>:nth-child\(\d+\)\{text-align:right;[a-z:-]+\}|` +
		`@page\{@bottom-left\{content:` + text + `\}@bottom-right\{content:"Page " counter\(page\) " of " counter\(pages\)\}\})$`)
	style := func(r *report.Report) string {
		_, rest, _ := strings.Cut(written(t, r.WriteHTML), "<style>")
		inside, _, _ := strings.Cut(rest, "</style>")
		return inside
	}
	fixed := strings.Index(style(&report.Report{}), "@page{@bottom-left{")
	for name, r := range specimens() {
		lines := strings.Split(strings.TrimSpace(style(r)[fixed:]), "\n")
		if len(lines) == 0 || fixed < 0 {
			t.Fatalf("%s: the style has nothing from the report", name)
		}
		for _, line := range lines {
			if !safe.MatchString(line) {
				t.Errorf("%s: the style has %s", name, line)
			}
		}
	}
}

var errFull = errors.New("disk full")

// full takes some bytes, and then no more.
type full int

func (f *full) Write(p []byte) (int, error) {
	if len(p) > int(*f) {
		return 0, errFull
	}
	*f -= full(len(p))
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	for end, write := range writers(specimen.Large(20, 200)) {
		for _, room := range []full{0, 10} {
			if err := write(&room); !errors.Is(err, errFull) {
				t.Errorf("%s: %v, want the writer's error", end, err)
			}
		}
	}
}

// The worst finding comes first, and what was accepted last; an acceptance that
// expired counts for nothing.
func TestOrderOfFindings(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	accepted := func(until time.Time) *report.Acceptance {
		return &report.Acceptance{Owner: "M. Jones", Reason: "Known", Until: until}
	}
	r := &report.Report{Kind: report.Review, Title: "Order", Provenance: report.Provenance{Made: made}, Findings: []report.Finding{
		{Code: "low", Severity: report.Low, Title: "Title 5"},
		{Code: "accepted", Severity: report.Critical, Title: "Title 7", Accepted: accepted(made)},
		{Code: "mixed", Severity: report.High, Title: "Title 4", Accepted: accepted(made.AddDate(0, 0, 1))},
		{Code: "mixed", Severity: report.Medium, Title: "Title 3"},
		{Code: "expired", Severity: report.Critical, Title: "Title 1", Accepted: accepted(made.AddDate(0, 0, -1))},
		{Code: "high", Severity: report.High, Title: "Title 2"},
		{Code: "odd", Severity: "bad", Title: "Title 6"},
		{Code: "numbers", Severity: report.Info, Title: "Step 10 of 3"},
		{Code: "numbers", Severity: report.Info, Title: "Step 2 of 3"},
		{Code: "numbers", Severity: report.Info, Title: "Step 10 of 20"},
	}}
	for end, write := range writers(r) {
		if end == ".json" { // which keeps the order it was given
			continue
		}
		text, last := written(t, write), 0
		for _, title := range []string{"Title 1", "Title 2", "Title 3", "Title 4", "Title 5", "Step 2 of", "Step 10 of 3", "Step 10 of 20", "Title 6", "Title 7"} {
			at := strings.LastIndex(text, title)
			if at < last {
				t.Errorf("%s: %s comes too early", end, title)
			}
			last = at
		}
	}
	if text := written(t, r.WriteText); !strings.Contains(text, "1 critical, 1 high, 1 medium, 1 low, 4 info; 2 accepted; 1 of the open ones") {
		t.Errorf("the summary counts otherwise:\n%s", text)
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	until := report.Acceptance{Until: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)}
	for at, want := range map[string]bool{
		"2026-12-31T00:00:00Z": false, "2026-12-31T23:59:59Z": false, "2027-01-01T00:00:00Z": true,
		"2026-12-31T23:30:00-01:00": true, "2020-01-01T00:00:00Z": false,
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := until.Expired(when); got != want {
			t.Errorf("at %s, Expired = %v", at, got)
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	item := func(names ...string) (items []report.Item) {
		for _, n := range names {
			items = append(items, report.Item{Text: n, Link: "x" + n})
		}
		return items
	}
	base := report.Finding{Code: "duty", Title: "Title", Roles: item("a", "b"), Holders: item("c")}
	same := report.Finding{Code: "duty", Title: "Another", Detail: "Detail", Roles: []report.Item{{Text: "b"}, {Text: "a"}}, Holders: item("c")}
	if base.Key() != same.Key() {
		t.Error("the key depends on more than code, roles and holders")
	}
	if !strings.HasPrefix(base.Key(), "duty-") {
		t.Errorf("the key %s does not start with the code", base.Key())
	}
	keys := []string{base.Key()}
	for _, f := range []report.Finding{
		{Code: "other", Roles: item("a", "b"), Holders: item("c")},
		{Code: "duty", Roles: item("a", "b"), Holders: item("c", "d")},
		{Code: "duty", Roles: item("a"), Holders: item("b", "c")},
		{Code: "duty", Roles: item("a", "b", "c")},
		{Code: "duty", Title: "Title"},
		{Code: "duty", Title: "Title 2"},
	} {
		if slices.Contains(keys, f.Key()) {
			t.Errorf("%+v has the key of another one", f)
		}
		keys = append(keys, f.Key())
	}
	base.ID = "mine"
	if base.Key() != "mine" {
		t.Errorf("the key of a finding with an ID is %s", base.Key())
	}
}

// A figure that is not known has no number, wherever it is shown.
func TestUnknownFigure(t *testing.T) {
	t.Parallel()
	r := &report.Report{Kind: report.Review, Title: "Unknown", Figures: []report.Figure{{Label: "signatures", Number: 4711, Unknown: true}}}
	for end, write := range writers(r) {
		text := written(t, write)
		if end != ".json" && (strings.Contains(text, "4711") || strings.Contains(text, "4,711")) {
			t.Errorf("%s shows a number that is not known", end)
		}
	}
}

// What nobody has to look at is counted as text, and listed elsewhere.
func TestFolded(t *testing.T) {
	t.Parallel()
	r := &report.Report{Title: "Test", Tables: []report.Table{{
		ID: "same", Title: "As planned", Folded: true, Columns: []report.Column{{Title: "Holder"}}, Rows: []report.Row{{Cells: []report.Cell{{Text: "jsmith"}}}},
	}}}
	for name, write := range map[string]func(io.Writer) error{"text": r.WriteText, "csv": r.WriteCSV, "json": r.WriteJSON, "html": r.WriteHTML} {
		var b strings.Builder
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if listed := strings.Contains(b.String(), "jsmith"); listed == (name == "text") {
			t.Errorf("%s lists the rows: %t", name, listed)
		}
		if name == "text" && !strings.Contains(b.String(), "As planned (1)") {
			t.Errorf("the text does not count the rows:\n%s", b.String())
		}
	}
}

// TestQuotedNames: "Berlin" comes before "Berlin 2".
func TestQuotedNames(t *testing.T) {
	t.Parallel()
	r := &report.Report{Kind: report.Review, Title: "R", Findings: []report.Finding{
		{Code: "x", Severity: report.High, Title: `The role "Berlin 10" grants everything`},
		{Code: "x", Severity: report.High, Title: `The role "Berlin 2" grants everything`},
		{Code: "x", Severity: report.High, Title: `The role "Berlin" grants everything`},
	}, Guides: []report.Guide{{Code: "x", Title: "Everything"}}}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		if parts := strings.Split(line, `"`); len(parts) == 3 {
			got = append(got, parts[1])
		}
	}
	if !slices.Equal(got, []string{"Berlin", "Berlin 2", "Berlin 10"}) {
		t.Errorf("got %q", got)
	}
}

// TestSignFirst: on a page, the place to sign comes before the details and names them, and
// what is new has no empty column beside it.
func TestSignFirst(t *testing.T) {
	t.Parallel()
	r := &report.Report{
		Kind: report.Plan, Title: "P", Changes: []report.Change{
			{Title: "New", Fields: []report.Field{{Label: "Description", After: []report.Item{{Text: "x"}}}}},
			{Title: "Gone", Fields: []report.Field{{Label: "Description", Before: []report.Item{{Text: "y"}}}}},
			{Title: "Other", Fields: []report.Field{{Label: "Description", Before: []report.Item{{Text: "y"}}, After: []report.Item{{Text: "z"}}}}},
		},
		Tables: []report.Table{{ID: "t", Title: "Steps", Columns: []report.Column{{Title: "A"}}}}, SignOff: &report.SignOff{Statement: "S", Signers: []string{"R"}},
	}
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if sign, changes := strings.Index(page, `id="sign"`), strings.Index(page, `id="changes"`); sign < 0 || changes < sign {
		t.Errorf("signatures at %d, changes at %d", sign, changes)
	}
	if !strings.Contains(page, "The details follow, and belong to what is signed: Changes (3); Steps (0).") {
		t.Error("it does not say what follows")
	}
	if one, nothing := strings.Count(page, `class="beside one"`), strings.Count(page, `class="nothing">nothing`); one != 2 || nothing != 0 {
		t.Errorf("%d with one side, %d times nothing", one, nothing)
	}
}
