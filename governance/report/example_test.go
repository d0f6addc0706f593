package report_test

import (
	"fmt"
	"os"
	"time"

	"github.com/commandsec/commandsec-go/governance/report"
)

func ExampleReport_WriteText() {
	r := report.Report{
		Kind: report.Review, Title: "Who can do what",
		Provenance: report.Provenance{Sources: []report.Source{{Server: "https://command.example.com/KeyfactorAPI", Version: "25.4.1"}}},
		Figures:    []report.Figure{{Label: "roles", Number: 12}},
		Findings: []report.Finding{{
			Code: "everything", Severity: report.Critical, Title: "Interns may do everything",
			Roles: []report.Item{{Text: "Interns"}}, Evidence: []report.Item{{Text: "do everything", Code: "/"}},
		}},
		Guides: []report.Guide{{Code: "everything", Title: "A right to everything", Do: "Take it away."}},
	}
	if err := r.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Who can do what
	// ===============
	//
	// Server   https://command.example.com/KeyfactorAPI
	// Version  25.4.1
	//
	// Summary
	// -------
	//   12  roles
	//   Findings: 1 critical
	//
	// Findings
	// --------
	// [CRITICAL] A right to everything (everything, 1)
	//   What to do: Take it away.
	//   - Interns may do everything
	//     Roles: Interns
	//     Evidence: do everything (/)
}

func ExampleReport_Accept() {
	r := report.Report{
		Kind: report.Review, Title: "Who can do what",
		Provenance: report.Provenance{Made: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)},
		Findings:   []report.Finding{{ID: "everything-1", Code: "everything", Severity: report.Critical, Title: "Interns may do everything"}},
	}
	worksheet, err := os.Open("testdata/accepted.csv") // which WriteWorksheet wrote, and somebody filled in
	if err != nil {
		fmt.Println(err)
		return
	}
	defer worksheet.Close()
	accepted, err := report.ParseAccepted(worksheet)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range r.Accept(accepted) {
		fmt.Printf("line %d: there is no finding %s any more\n", a.Line, a.Finding)
	}
	a := r.Findings[0].Accepted
	fmt.Println(a.Owner, a.Reason, a.Expired(r.Provenance.Made))
	// Output:
	// line 3: there is no finding everything-2 any more
	// M. Jones Until the tool is replaced false
}
