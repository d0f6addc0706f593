// Package specimen makes reports to look at: for tests of the writers, in this
// module and in the browser, and for benchmarks. Nothing in them is about a real
// server.
package specimen

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/commandsec/commandsec-go/governance/report"
)

var taken = time.Date(2026, 3, 2, 8, 15, 0, 0, time.UTC)

const digest = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

func provenance() report.Provenance {
	return report.Provenance{
		Sources: []report.Source{{
			Server: "https://command.keyexample.com/KeyfactorAPI", Version: "25.4.1", Account: `KEYEXAMPLE\svc_review`,
			Taken: taken, File: "2026-03-02.json", Digest: digest,
		}},
		Files: []report.File{{
			Label: "Accepted findings", Name: "accepted.csv",
			Digest: "sha256:9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab",
		}},
		Made: taken.Add(20 * time.Minute), Program: "commandsec 1.0.0",
	}
}

func signOff() *report.SignOff {
	return &report.SignOff{
		Statement: "I have read this review. Everybody named in it needs what they can do, or the finding says what happens instead.",
		Decisions: []string{"Approved", "Approved with exceptions", "Rejected"},
		Signers:   []string{"Reviewer", "Owner of the PKI"},
	}
}

func role(n int, name string) report.Item {
	return report.Item{Text: name, Link: fmt.Sprintf("role-%d", n)}
}

func holder(n int, name string) report.Item {
	return report.Item{Text: name, Link: fmt.Sprintf("holder-%d", n)}
}

func right(words, path string) report.Item { return report.Item{Text: words, Code: path} }

// Review is a review of a small server, with something in every part.
func Review() *report.Report {
	until := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	approve, request := right("approve certificate requests", "/certificates/requests/approve/"), right("request certificates", "/certificates/request/")
	return &report.Report{
		Kind:       report.Review,
		Title:      "Who can do what on command.keyexample.com",
		Lead:       "Five roles, held by nine accounts, groups and clients. Two findings need a decision before this review can be signed.",
		Provenance: provenance(),
		Gaps: []report.Gap{{
			What:   "The names of certificate store containers",
			Reason: "GET /CertificateStoreContainers was answered with 403: KEYEXAMPLE\\svc_review may not read containers.",
			Effect: "Containers are shown by their number.",
			Do:     "Grant /certificate_stores/read/ to the account that reads, and take the snapshot again.",
		}},
		Figures: []report.Figure{
			{Label: "can do everything", Number: 2, Severity: report.Critical, Note: "accounts with a right to everything"},
			{Label: "break a duty rule", Number: 3, Severity: report.High, Note: "request and approve"},
			{Label: "roles", Number: 5},
			{Label: "accounts, groups and clients", Number: 1209},
			{Label: "hold no role", Number: 1, Severity: report.Low},
			{Label: "broken audit signatures", Unknown: true},
		},
		Guides: []report.Guide{
			{
				Code: "duty-request-approve", Title: "One account can request and approve",
				Why: "Somebody who approves their own requests gets any certificate that a template allows, without a second pair of eyes.",
				Do:  "Take one of both rights from the role, or give the account another role.",
			},
			{
				Code: "everything", Title: "A right to everything",
				Why: "Whoever holds it can change every role, their own included.", Do: "Keep it to two accounts that are only used in emergencies.",
			},
		},
		Findings: []report.Finding{
			{
				Code: "role-no-holders", Severity: report.Low, Title: "Nobody holds the role Auditors",
				Roles: []report.Item{role(4, "Auditors")}, Do: "Delete it, if nobody will.",
			},
			{
				Code: "duty-request-approve", Severity: report.High, Title: "Operators request and approve",
				Detail: "The role grants both. Three accounts hold it.",
				Roles:  []report.Item{role(2, "Operators")},
				Holders: []report.Item{
					holder(1, `KEYEXAMPLE\jsmith`), holder(2, `KEYEXAMPLE\PKI Operators`), holder(3, "pki-automation"),
				},
				Evidence: []report.Item{request, approve},
			},
			{
				Code: "duty-request-approve", Severity: report.High, Title: "jsmith requests through Requesters and approves through Approvers",
				Detail: "No role of both grants the two rights. Together they do.",
				Roles:  []report.Item{role(3, "Requesters"), role(5, "Approvers")}, Holders: []report.Item{holder(1, `KEYEXAMPLE\jsmith`)},
				Accepted: &report.Acceptance{Owner: "M. Jones", Reason: "Stands in for the night shift", Until: until(2026, 6, 30)},
			},
			{
				Code: "everything", Severity: report.Critical, Title: "Administrators may do everything",
				Detail: "Two accounts hold the role Administrators.", Roles: []report.Item{role(1, "Administrators")},
				Holders:  []report.Item{holder(4, `KEYEXAMPLE\admin`), holder(5, `KEYEXAMPLE\breakglass`)},
				Evidence: []report.Item{right("do everything", "/")},
				Accepted: &report.Acceptance{Owner: "A. Brown", Reason: "Emergency accounts", Until: until(2025, 12, 31)},
			},
		},
		Tables: []report.Table{roles(), holders(), matrix()},
		Notes: []report.Note{
			{Title: "Holders are not people.", Text: "An account, a group or a client may be used by several people, and one person may have several. No file said which belong together."},
			{Text: "Group membership is known to the identity provider, not to Command. It was not read."},
		},
		SignOff: signOff(),
	}
}

func roles() report.Table {
	items := func(items ...report.Item) report.Cell { return report.Cell{Items: items} }
	text := func(s string) report.Cell { return report.Cell{Text: s} }
	return report.Table{
		ID: "roles", Title: "Roles", Note: "What each role allows, in words and as the server writes it.",
		Columns: []report.Column{
			{Title: "Role", Kind: report.Roles}, {Title: "Permission set"}, {Title: "May"}, {Title: "Holders", Kind: report.Number},
		},
		Rows: []report.Row{
			{
				Anchor: "role-1", Group: "Built in",
				Cells: []report.Cell{text("Administrators"), text("Global"), items(report.Item{Text: "do everything", Code: "/", Mark: report.Warning}), text("2")},
			},
			{Anchor: "role-2", Group: "Made here", Filter: "2", Cells: []report.Cell{text("Operators"), text("Global"), items(
				right("request certificates", "/certificates/request/"),
				right("approve certificate requests", "/certificates/requests/approve/"),
				right("read certificates in the collection Web servers", "/certificates/collections/read/6/"),
				right("revoke certificates in the collection Web servers", "/certificates/collections/revoke/6/"),
				right("download private keys in the collection Web servers", "/certificates/collections/private_key/read/6/"),
				right("read certificate stores in container 12", "/certificate_stores/read/12/"),
				right("schedule inventories in container 12", "/certificate_stores/schedule/12/"),
				right("read templates", "/certificate_templates/read/"),
				right("read certificate authorities", "/certificate_authorities/read/"),
				right("read workflow definitions", "/workflows/definitions/read/"),
				right("read workflow instances", "/workflows/instances/read/"),
			), text("3")}},
			{Anchor: "role-3", Group: "Made here", Cells: []report.Cell{text("Requesters"), text("Global"), items(right("request certificates", "/certificates/request/")), text("1")}},
			{Anchor: "role-4", Group: "Made here", Cells: []report.Cell{text("Auditors"), text("Reading"), items(right("read the audit log", "/auditing/read/"))}},
			{Anchor: "role-5", Group: "Made here", Cells: []report.Cell{text("Approvers"), text("Global"), items(right("approve certificate requests", "/certificates/requests/approve/")), text("1")}},
		},
	}
}

func holders() report.Table {
	row := func(n int, name, kind, provider string, roles ...report.Item) report.Row {
		return report.Row{
			Anchor: fmt.Sprintf("holder-%d", n), Group: kind,
			Cells: []report.Cell{{Text: name}, {Text: provider}, {Items: roles}},
		}
	}
	return report.Table{
		ID: "holders", Title: "Holders",
		Columns: []report.Column{{Title: "Holder", Kind: report.Holders}, {Title: "Identity provider"}, {Title: "Roles", Kind: report.Roles}},
		Rows: []report.Row{
			row(1, `KEYEXAMPLE\jsmith`, "Accounts", "Active Directory", role(2, "Operators"), role(3, "Requesters"), role(5, "Approvers")),
			row(4, `KEYEXAMPLE\admin`, "Accounts", "Active Directory", role(1, "Administrators")),
			row(5, `KEYEXAMPLE\breakglass`, "Accounts", "Active Directory", role(1, "Administrators")),
			row(2, `KEYEXAMPLE\PKI Operators`, "Groups", "Active Directory", role(2, "Operators")),
			row(3, "pki-automation", "Clients", "Keycloak", role(2, "Operators")),
			row(6, "old-client", "Clients", "Keycloak"),
		},
	}
}

func matrix() report.Table {
	areas := []string{"Certificates", "Requests", "Private keys", "Certificate stores", "Templates", "Certificate authorities", "Workflows", "Security", "Auditing", "System settings"}
	t := report.Table{
		ID: "matrix", Title: "Areas against roles", Note: "R reads, M changes, A does everything in the area.", Matrix: true,
		Columns: []report.Column{{Title: "Role", Kind: report.Roles}},
	}
	for _, a := range areas {
		t.Columns = append(t.Columns, report.Column{Title: a})
	}
	for n, row := range [][]string{
		{"Administrators", "A", "A", "A", "A", "A", "A", "A", "A", "A", "A"},
		{"Operators", "RM", "M", "R", "RM", "R", "R", "R"},
		{"Requesters", "", "M"},
		{"Auditors", "", "", "", "", "", "", "", "", "R"},
		{"Approvers", "", "M"},
	} {
		var cells []report.Cell
		for i, text := range row {
			if i == 0 {
				cells = append(cells, report.Cell{Items: []report.Item{role(n+1, text)}})
			} else {
				cells = append(cells, report.Cell{Text: text})
			}
		}
		t.Rows = append(t.Rows, report.Row{Cells: cells})
	}
	return t
}

// Comparison shows what changed between two snapshots.
func Comparison() *report.Report {
	from := provenance()
	before := from.Sources[0]
	before.Label, before.Taken, before.File = "before", taken.AddDate(0, -3, 0), "2025-12-02.json"
	before.Digest = "sha256:0b8f2d1f2b0d1f5f6c3c1f4be5f2d0fc4a4bd0a3d58a06c1f79a5f0a1f6f2e11"
	from.Sources[0].Label = "after"
	from.Sources = append([]report.Source{before}, from.Sources...)
	from.Files = nil
	return &report.Report{
		Kind: report.Comparison, Title: "What changed on command.keyexample.com since December", Provenance: from,
		Lead: "Four changes in three months. One widens what three accounts may do.",
		Figures: []report.Figure{
			{Label: "can do more", Number: 3, Severity: report.High, Note: "accounts, groups and clients"},
			{Label: "can do less", Number: 1},
			{Label: "roles changed", Number: 2},
		},
		Changes: []report.Change{
			{
				Group: "Roles", Title: "Operators", Mark: report.Changed, Anchor: "change-1", Detail: "Three accounts may now approve certificate requests.",
				Fields: []report.Field{
					{Label: "Description", Before: []report.Item{{Text: "Run the PKI"}}, After: []report.Item{{Text: "Run the PKI, day and night"}}},
					{
						Label: "Rights",
						Before: []report.Item{
							{Text: "request certificates", Code: "/certificates/request/"},
							{Text: "read the audit log", Code: "/auditing/read/", Mark: report.Removed},
						},
						After: []report.Item{
							{Text: "request certificates", Code: "/certificates/request/"},
							{Text: "approve certificate requests", Code: "/certificates/requests/approve/", Mark: report.Widened},
						},
					},
				},
				Roles: []report.Item{{Text: "Operators"}}, Holders: []report.Item{{Text: `KEYEXAMPLE\jsmith`}, {Text: `KEYEXAMPLE\PKI Operators`}, {Text: "pki-automation"}},
			},
			{
				Group: "Roles", Title: "Interns", Mark: report.Removed, Detail: "One account lost it.",
				Fields: []report.Field{{Label: "Rights", Before: []report.Item{{Text: "read certificates", Code: "/certificates/read/", Mark: report.Lost}}}},
			},
			{
				Group: "Collections", Title: "Web servers", Mark: report.Changed, Detail: "Every right on this collection now means other certificates.",
				Fields: []report.Field{{
					Label: "Query", Before: []report.Item{{Code: `CN -contains "web"`}}, After: []report.Item{{Code: `CN -contains "web" OR CN -contains "api"`}},
				}},
			},
			{Group: "Providers", Title: "Keycloak", Mark: report.Added},
		},
		Tables: []report.Table{{
			ID: "affected", Title: "Who can do more or less", Columns: []report.Column{{Title: "Holder", Kind: report.Holders}, {Title: "Right"}},
			Rows: []report.Row{
				{Mark: report.Widened, Cells: []report.Cell{{Text: `KEYEXAMPLE\jsmith`}, {Items: []report.Item{{Text: "approve certificate requests", Code: "/certificates/requests/approve/", Mark: report.Added, Link: "change-1"}}}}},
				{Mark: report.Lost, Cells: []report.Cell{{Text: `KEYEXAMPLE\intern`}, {Items: []report.Item{{Text: "read certificates", Code: "/certificates/read/", Mark: report.Removed}}}}},
			},
		}},
	}
}

// Names that try to be something else.
var names = []string{
	`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><b id=injected>bold</b>`, `</title></style></script><b id=injected>`,
	`{{.Title}}`, "javascript:alert(1)", `=HYPERLINK("http://example.com/";"click")`, `+1;=2+3`, "-2", "@SUM(A1)", "\t=1", "a,=1|cmd",
	"\x1b[31mred\x1b[0m", "line\nbreak\r\n", "\x00nul", "bell\a", "evil\u202Egnp.exe", "zero\u200Bwidth\uFEFF", "\u2066isolate", "para\u2029graph",
	"not utf-8 \xff\xfe", "שלום 123 (abc)", "zal\u0301\u0302\u0303go", "証明書管理者", strings.Repeat("long", 1500), strings.Repeat("w ", 400),
	`\000022;} body{display:none} /*`, "-->", "]]>", "&lt;b&gt;&amp;", "`${alert(1)}`", `'";//`,
}

// Names are names that try to be markup, commands of a terminal or formulas.
func Names() []string { return append([]string(nil), names...) }

// Hostile is a report in which every text of a server tries to be something
// else.
func Hostile() *report.Report {
	r := &report.Report{
		Kind: report.Review, Title: names[0], Lead: names[2], Provenance: report.Provenance{
			Sources: []report.Source{{
				Label: names[1], Server: `https://x/"}} body { display: none } </style><b id=injected>`, Version: names[3], Account: names[16], Taken: taken, File: names[10], Digest: names[24],
			}},
			Files: []report.File{{Label: names[3], Name: names[0], Digest: names[1]}}, Made: taken, Program: names[5],
		},
		SignOff: &report.SignOff{Statement: names[0], Decisions: names[:4], Signers: names[:3]},
	}
	list := report.Table{
		ID: `"><b id=injected>`, Title: names[1], Note: names[2],
		Columns: []report.Column{{Title: names[3], Kind: report.Roles}, {Title: `"}</style><b id=injected>`, Kind: report.Holders}, {Title: names[24]}, {Title: `"} body { display: none } x {"`}},
	}
	for i, name := range names {
		item := report.Item{Text: name, Code: name, Link: name}
		r.Gaps = append(r.Gaps, report.Gap{What: name, Reason: name, Effect: name, Do: name})
		r.Figures = append(r.Figures, report.Figure{Label: name, Number: i, Note: name})
		r.Guides = append(r.Guides, report.Guide{Code: name, Title: name, Why: name, Do: name})
		r.Findings = append(r.Findings, report.Finding{
			Code: name, Severity: report.High, Title: name, Detail: name, Do: name, Roles: []report.Item{item}, Holders: []report.Item{item}, Evidence: []report.Item{item},
			Accepted: &report.Acceptance{Owner: name, Reason: name, Until: taken.AddDate(0, i-4, 0)},
		})
		r.Changes = append(r.Changes, report.Change{
			Anchor: "change " + name, Group: name, Title: name, Mark: report.Changed, Detail: name,
			Fields: []report.Field{{Label: name, Before: []report.Item{item}, After: []report.Item{item}}}, Roles: []report.Item{item},
		})
		list.Rows = append(list.Rows, report.Row{
			Anchor: name, Group: name, Filter: name, Cells: []report.Cell{{Text: name}, {Items: []report.Item{item, item}}, {Text: name}},
		})
		r.Notes = append(r.Notes, report.Note{Title: name, Text: name})
	}
	again := list
	again.Title = names[2]
	r.Tables = []report.Table{list, again}
	return r
}

// Large is a review of a server with many roles and holders, each with rights and
// roles of its own.
func Large(roleCount, holderCount int) *report.Report {
	r := Review()
	r.Figures[2].Number, r.Figures[3].Number = roleCount, holderCount
	r.Tables[0].Rows, r.Tables[1].Rows, r.Tables[2].Rows = nil, nil, nil
	r.Findings = nil
	name := func(n int) string { return fmt.Sprintf("Team %04d operators", n) }
	who := func(n int) string { return fmt.Sprintf(`KEYEXAMPLE\account.%05d`, n) }
	for n := range roleCount {
		var rights []report.Item
		for i := range 10 + n%30 {
			rights = append(rights, right(
				fmt.Sprintf("read certificates in the collection Web servers of team %d", n+i), fmt.Sprintf("/certificates/collections/read/%d/", n+i)))
		}
		r.Tables[0].Rows = append(r.Tables[0].Rows, report.Row{Anchor: fmt.Sprintf("role-%d", n), Cells: []report.Cell{
			{Text: name(n)}, {Text: "Global"}, {Items: rights}, {Text: strconv.Itoa(holderCount / roleCount)},
		}})
		cells := []report.Cell{{Items: []report.Item{role(n, name(n))}}}
		for i := range len(r.Tables[2].Columns) - 1 {
			cells = append(cells, report.Cell{Text: []string{"", "R", "RM"}[(n+i)%3]})
		}
		r.Tables[2].Rows = append(r.Tables[2].Rows, report.Row{Cells: cells})
	}
	for n := range holderCount {
		r.Tables[1].Rows = append(r.Tables[1].Rows, report.Row{Anchor: fmt.Sprintf("holder-%d", n), Cells: []report.Cell{
			{Text: who(n)},
			{Text: "Active Directory"},
			{Items: []report.Item{role(n%roleCount, name(n%roleCount)), role(n*7%roleCount, name(n*7%roleCount)), role(n*13%roleCount, name(n*13%roleCount))}},
		}})
	}
	for n := range roleCount {
		f := report.Finding{
			Code: "duty-request-approve", Severity: []report.Severity{report.High, report.Medium, report.Low}[n%3],
			Title: name(n) + " request and approve", Detail: "The role grants both.", Roles: []report.Item{role(n, name(n))},
		}
		for i := range 7 {
			f.Holders = append(f.Holders, holder((n+i*roleCount)%holderCount, who((n+i*roleCount)%holderCount)))
		}
		r.Findings = append(r.Findings, f)
	}
	return r
}
