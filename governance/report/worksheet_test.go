package report_test

import (
	"bytes"
	"encoding/csv"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/internal/specimen"
)

// Somebody fills the worksheet in, and the next report knows it.
func TestWorksheetComesBack(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*report.Report{"review": specimen.Review(), "hostile": specimen.Hostile()} {
		for i := range r.Findings {
			r.Findings[i].Accepted = nil
		}
		records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(written(t, r.WriteWorksheet), "\uFEFF"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(records) != len(r.Findings)+1 {
			t.Fatalf("%s: the worksheet has %d lines, want one for each of %d findings", name, len(records), len(r.Findings))
		}
		for _, record := range records[1:] {
			if got := strings.Join(record[8:], ""); got != "" {
				t.Errorf("%s: the columns to fill in hold %q", name, got)
			}
			copy(record[8:], []string{"accept", "M. Jones", `Known; "=1+2"`, "2026-12-31"})
		}
		for _, comma := range ",;\t" { // as spreadsheets save it in different countries
			var saved bytes.Buffer
			w := csv.NewWriter(&saved)
			w.Comma = comma
			if err := w.WriteAll(records); err != nil {
				t.Fatal(err)
			}
			accepted, err := report.ParseAccepted(&saved)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			next := *r
			next.Findings = append([]report.Finding(nil), r.Findings...)
			if unused := next.Accept(accepted); unused != nil {
				t.Errorf("%s: these fit no finding: %+v", name, unused)
			}
			for _, f := range next.Findings {
				if a := f.Accepted; a == nil || a.Owner != "M. Jones" || a.Reason != `Known; "=1+2"` || !a.Until.Equal(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)) {
					t.Errorf("%s: %s was accepted as %+v", name, f.Key(), a)
				}
			}
			// And what was accepted is filled in the next time.
			again, err := report.ParseAccepted(strings.NewReader(written(t, next.WriteWorksheet)))
			if err != nil || len(again) != len(accepted) {
				t.Errorf("%s: the next worksheet has %d accepted findings, %v, want %d", name, len(again), err, len(accepted))
			}
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	r := specimen.Review()
	gone := report.Acceptance{Finding: "gone", Owner: "x", Reason: "y", Line: 7}
	unused := r.Accept([]report.Acceptance{{Finding: r.Findings[0].Key(), Owner: "M. Jones", Reason: "Known"}, gone})
	if !reflect.DeepEqual(unused, []report.Acceptance{gone}) {
		t.Errorf("unused = %+v, want %+v", unused, gone)
	}
	if a := r.Findings[0].Accepted; a == nil || a.Owner != "M. Jones" {
		t.Errorf("the finding was accepted as %+v", a)
	}
}

const head = "id,decision,owner,reason,until\n"

func TestParseAccepted(t *testing.T) {
	t.Parallel()
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		input string
		want  []report.Acceptance
		err   string // part of it
	}{
		"one":                 {input: head + "a,accept,Jo,Known,2026-12-31\n", want: []report.Acceptance{{Finding: "a", Owner: "Jo", Reason: "Known", Until: day(2026, 12, 31), Line: 2}}},
		"words and spaces":    {input: head + " a , Accepted ,Jo,Known,31.12.2026\n", want: []report.Acceptance{{Finding: "a", Owner: "Jo", Reason: "Known", Until: day(2026, 12, 31), Line: 2}}},
		"month first":         {input: head + "a,accept,Jo,Known,12/31/2026\n", want: []report.Acceptance{{Finding: "a", Owner: "Jo", Reason: "Known", Until: day(2026, 12, 31), Line: 2}}},
		"day first":           {input: head + "a,accept,Jo,Known,31/12/2026\n", want: []report.Acceptance{{Finding: "a", Owner: "Jo", Reason: "Known", Until: day(2026, 12, 31), Line: 2}}},
		"both alike":          {input: head + "a,accept,Jo,Known,6/6/2026\n", want: []report.Acceptance{{Finding: "a", Owner: "Jo", Reason: "Known", Until: day(2026, 6, 6), Line: 2}}},
		"other columns":       {input: "until,x,reason,ID,owner,decision\n2026-12-31,?,Known,a,Jo,accept", want: []report.Acceptance{{Finding: "a", Owner: "Jo", Reason: "Known", Until: day(2026, 12, 31), Line: 2}}},
		"not accepted":        {input: head + "a,,,,\nb,fix,Jo,,\nc,open\nd\n"},
		"nothing":             {input: head},
		"line after a break":  {input: head + "a,fix,\"two\nlines\",,\nb,accept,Jo,Known,2026-12-31\n", want: []report.Acceptance{{Finding: "b", Owner: "Jo", Reason: "Known", Until: day(2026, 12, 31), Line: 4}}},
		"empty":               {err: "the file is empty"},
		"other file":          {input: "a,b\n1,2\n", err: "line 1: there is no column id, decision, owner, reason, until"},
		"typing error":        {input: head + "a,acept,Jo,Known,2026-12-31\n", err: `line 2: decision is "acept"`},
		"forgotten decision":  {input: head + "a,,Jo,,\n", err: "line 2: decision is empty, but"},
		"no owner, no reason": {input: head + "a,accept,,,2026-12-31\n", err: "line 2: owner, reason is empty"},
		"no end":              {input: head + "a,accept,Jo,Known,\n", err: "line 2: until is empty"},
		"no id":               {input: head + ",accept,Jo,Known,2026-12-31\n", err: "line 2: id is empty"},
		"which month":         {input: head + "a,accept,Jo,Known,1/2/2026\n", err: "line 2: until is 1/2/2026, which is 2026-02-01 or 2026-01-02"},
		"no date":             {input: head + "a,accept,Jo,Known,\"soon\x1b\"\n", err: `line 2: until is "soon\\x1b"`},
		"impossible date":     {input: head + "a,accept,Jo,Known,2026-02-30\n", err: "line 2: until is"},
		"twice":               {input: head + "a,accept,Jo,Known,2026-12-31\na,accept,Jo,Known,2026-12-31\n", err: "line 3: id a was accepted in line 2 already"},
		"all at once":         {input: head + "a,acept,,,\nb,accept,,,\n", err: "line 3: owner, reason, until is empty"},
		"quote":               {input: head + "a,\"accept\n", err: "line 2"},
		"not UTF-8":           {input: head + "a,accept,J\xf6rg,Known,2026-12-31\n", err: "not in UTF-8"},
		"too large":           {input: head + strings.Repeat(" ", 17<<20), err: "larger than 16 MiB"},
	} {
		got, err := report.ParseAccepted(strings.NewReader(test.input))
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: error %v, want %q in it", name, err, test.err)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
	_, err := report.ParseAccepted(strings.NewReader(head + strings.Repeat("a,acept,,,\n", 1000)))
	if n := strings.Count(err.Error(), "line "); n != 20 {
		t.Errorf("a thousand problems are told as %d, want 20", n)
	}
}

func FuzzParseAccepted(f *testing.F) {
	f.Add([]byte(head + "a,accept,Jo,Known,2026-12-31\nb,fix,,,\n"))
	f.Add([]byte("\uFEFFid;decision;owner;reason;until\r\n'=1;accept;\"J;'-2\";' ''+x;31.12.2026\r\n"))
	f.Add([]byte("id\tdecision\towner\treason\tuntil\na\taccepted\t\"\x1b[31m\"\tb\t12/31/2026\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		accepted, err := report.ParseAccepted(bytes.NewReader(data))
		if err != nil {
			if accepted != nil {
				t.Error("there is a result beside the error")
			}
			if i := strings.IndexFunc(err.Error(), func(c rune) bool { return c != '\n' && show.Hidden(c) }); i >= 0 {
				t.Errorf("the error has %q", err.Error()[i:])
			}
			return
		}
		r := report.Report{Kind: report.Review, Title: "Fuzz"}
		for i := range accepted {
			a := &accepted[i]
			if len(a.Finding+a.Owner+a.Reason) > 2000 { // what is longer may be cut
				return
			}
			r.Findings = append(r.Findings, report.Finding{ID: a.Finding, Code: "code", Severity: report.Low, Title: "Title", Accepted: a})
		}
		again, err := report.ParseAccepted(strings.NewReader(written(t, r.WriteWorksheet)))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]report.Acceptance{}
		for _, a := range again {
			a.Line = 0
			found[a.Finding] = a
		}
		if len(again) != len(accepted) {
			t.Errorf("%d come back, want %d", len(again), len(accepted))
		}
		for _, a := range accepted {
			a.Line = 0
			if got := found[a.Finding]; !reflect.DeepEqual(got, a) {
				t.Errorf("%+v comes back, want %+v", got, a)
			}
		}
	})
}
