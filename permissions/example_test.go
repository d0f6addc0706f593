package permissions_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/commandsec/commandsec-go/permissions"
)

func ExampleConvert() {
	conv := permissions.Convert([]permissions.Legacy{
		"AdminPortal:Read",
		"CertificateEnrollment:PendingCsr",
		"Certificates:Read",
		permissions.CollectionRead.On(6),
		permissions.CollectionRevoke.On(6),
		"API:Read",
	}, nil)
	fmt.Print(conv)
	// Output:
	// API:Read                          dropped: has no equivalent in version 2: guards the Classic (CMS) API; nothing in version 2 concerns it
	//                                   NARROWS: can no longer use the Classic (CMS) API
	// AdminPortal:Read                  /portal/read/  (inferred E3)
	//                                   source: vendor page POST Security Roles; vendor page GET Security Roles (25.x) Table 764; Terraform provider full list
	// CertificateEnrollment:PendingCsr  /certificates/requests/manage/  (documented E1)
	//                                   source: On-Prem v10.4 vs On-Prem 25.x 'GET CSR Generation Pending'
	//                                   WIDENS: can now approve and deny certificate requests
	//                                   note: The pages for 11 to 24 were not seen; the owner of the role should decide.
	// Certificates:Read                 /certificates/collections/read/  (documented E1)
	//                                   source: On-Prem v10.0 vs v11.0 'GET Certificates ID Security'
	// Collections[6]:Read               /certificates/collections/read/6/  (documented E1)
	//                                   source: On-Prem v10.0 vs v11.0 'GET Certificates ID Security'
	//                                   /certificates/collections/read/6/ is not needed: /certificates/collections/read/ (Certificates:Read) covers it
	// Collections[6]:Revoke             /certificates/collections/revoke/6/  (inferred E2)
	//                                   source: On-Prem v11.0 'POST Certificates Revoke'
	// 6 names: 5 converted, 1 widening the role, 1 dropped. 4 permissions in version 2:
	//   /certificates/collections/read/
	//   /certificates/collections/revoke/6/
	//   /certificates/requests/manage/
	//   /portal/read/
}

// A careful conversion: nothing on weak evidence, and the role's owner has decided about pending CSRs.
func ExampleConvert_strict() {
	conv := permissions.Convert(
		[]permissions.Legacy{"Certificates:Read", "AdminPortal:Read", "CertificateEnrollment:PendingCsr", "Certifictes:Read"},
		&permissions.ConvertOptions{
			MinConfidence: permissions.ConfidenceDocumented,
			Overrides:     map[permissions.Legacy][]permissions.Path{"CertificateEnrollment:PendingCsr": {}},
		})
	fmt.Println(conv.Set)
	fmt.Println(conv.Err())
	fmt.Println(errors.Is(conv.Err(), permissions.ErrRefused), errors.Is(conv.Err(), permissions.ErrUnknown))
	// Output:
	// {/certificates/collections/read/}
	// permissions: AdminPortal:Read refused: its mapping is inferred, and documented was asked for
	// permissions: unknown permission name: "Certifictes:Read" is not a permission that is known here; did you mean Certificates:Read?
	// true true
}

// Many roles, with the owner's decisions in files and by name.
func ExampleConvertAll() {
	roles, err := permissions.ParseRoles([]byte("Auditors:\nAuditing:Read\nAPI:Read\n\nApprovers:\nCertificateEnrollment:PendingCsr\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	all := permissions.ConvertAll(roles, &permissions.ConvertOptions{Accept: []permissions.Legacy{"API:Read"}})
	for _, r := range all.Roles {
		fmt.Println(r.Role, r.Set)
		for _, item := range r.Undecided() {
			fmt.Println("  undecided:", item.Name, "would let the role", item.Widens)
		}
	}
	fmt.Print(permissions.FormatChecks(all.Roles[0].Checks()))
	// Output:
	// Auditors {/auditing/read/}
	// Approvers {/certificates/requests/manage/}
	//   undecided: CertificateEnrollment:PendingCsr would let the role approve and deny certificate requests
	// To test on a live server, as somebody who holds this role and no other. First make sure that nothing has the id 2147483647 or 00000000-0000-0000-0000-0000000000ff.
	//   kept: /auditing/read/, read the audit log
	//     must work:       GET /Audit (takes /auditing/read/): 200
	//     must be refused: GET /Security/Roles (takes /security/read/): 403
	//   lost: use the Classic (CMS) API
	//     must be refused: check by hand
}

// A server whose mapping is not known in full shows two roles in both notations.
func ExampleLearn() {
	proof := permissions.Learn([]permissions.Observation{
		{
			Role: "Operators", Names: []permissions.Legacy{"AdminPortal:Read", "Auditing:Read", "Dashboard:Read"},
			Paths: []permissions.Path{"/auditing/read/", "/portal/read/", "/reports/"},
		},
		{
			Role: "Auditors", Names: []permissions.Legacy{"Auditing:Read"},
			Paths: []permissions.Path{"/auditing/read/", "/ssl/"},
		},
	}, []permissions.Path{"/portal/read/", "/auditing/read/", "/dashboard/read/", "/reports/", "/reports/read/", "/ssl/", "/ssl/read/"})
	fmt.Print(proof)
	overlay := proof.Overlay(permissions.OverlaySource{Version: "25.1", Date: time.Date(2026, time.January, 31, 0, 0, 0, 0, time.UTC)})
	conv := permissions.Convert([]permissions.Legacy{"Auditing:Read"}, &permissions.ConvertOptions{
		Overlay: overlay, MinConfidence: permissions.ConfidenceProven,
	})
	fmt.Println(conv.Set, conv.Items[0].Confidence)
	fmt.Println(len(proof.Experiment()), "roles decide the rest on a test server")
	// Output:
	// refuted     Dashboard:Read    /dashboard/read/  (1 role); it can be /auditing/read/, /portal/read/, /reports/, /reports/read/
	// confirmed   Auditing:Read     /auditing/read/  (2 roles)
	// consistent  AdminPortal:Read  /portal/read/  (1 role)
	// 3 names: 1 confirmed, 1 refuted, 1 consistent, 0 open; 80 names no role holds.
	// {/auditing/read/} proven
	// 6 roles decide the rest on a test server
}

func ExampleNarrow() {
	fmt.Print(permissions.Narrow([]permissions.Path{
		"/portal/read/", "/certificates/collections/revoke/6/", "/monitoring/alerts/read/", "/certificate_templates/read/", "/reports/",
	}, nil))
	// Output:
	// /certificate_templates/read/         no name: PkiManagement:Read would also grant /certificate_authorities/read/
	// /certificates/collections/revoke/6/  Collections[6]:Revoke
	// /monitoring/alerts/read/             one of Monitoring:Read, WorkflowManagement:Read
	// /portal/read/                        AdminPortal:Read
	// /reports/                            no name: it groups other permissions, and version 1 has no names for groups
	//                                      below it: Reports:Read, Reports:Modify
}

func ExampleLint() {
	paths := []permissions.Path{"/Portal/Read", "/ssl/modify/", "/reports/raed/", "/security/", "/security/read/"}
	findings := permissions.Lint(paths, nil)
	for _, f := range findings {
		fmt.Println(f)
	}
	fmt.Println(permissions.Fix(paths, findings))
	for i, f := range findings {
		findings[i] = f.Accept() // a decision: it lets the role do more
	}
	fmt.Println(permissions.Fix(paths, findings))
	// Output:
	// error form /Portal/Read: is not in canonical form; write /portal/read/
	// warning missing-companion /ssl/modify/: needs /ssl/read/ as well. The page of POST Agent Pools (On-Prem v11.0) lists both
	// error misspelled /reports/raed/: is not known here; /reports/read/ is
	// warning risky /security/: includes /security/modify/ (can give itself and others any permission of its permission set)
	// error redundant /security/read/: /security/ covers it; Command refuses redundant permissions
	// [/portal/read/ /ssl/modify/ /reports/raed/ /security/]
	// [/portal/read/ /ssl/modify/ /reports/read/ /security/ /ssl/read/]
}

func ExampleSet_Diff() {
	before := permissions.NewSet("/portal/read/", "/certificates/collections/read/6/", "/reports/")
	after := permissions.NewSet("/portal/read/", "/certificates/collections/read/6/", "/certificates/collections/revoke/6/", "/reports/read/")
	fmt.Print(before.Diff(after))
	// Output:
	// + revoke certificates in collection 6
	// - add, change, remove and schedule reports
	// - anything else under /reports/, now or in later versions of Command
}

func ExampleSet_Why() {
	set := permissions.NewSet("/certificates/collections/read/6/", "/workflows/")
	fmt.Println(set.Why("/workflows/instances/read/mine/"))
	fmt.Println(set.Allows("/certificates/collections/read/60/"))
	// Output:
	// /workflows/ true
	// false
}

func ExamplePath_Covers() {
	fmt.Println(permissions.Path("/certificates/").Covers("/certificates/collections/read/6/"))
	fmt.Println(permissions.Path("/certificates/collections/read/6/").Covers("/certificates/collections/read/60/"))
	fmt.Println(permissions.Path("/certificates/enrollment/csr/").Covers("/certificates/enrollment/csr_generation/"))
	// Output:
	// true
	// false
	// false
}

func ExamplePath_WithScope() {
	p, err := permissions.Path("/certificates/collections/read/").WithScope("6")
	fmt.Println(p, err)
	_, err = permissions.Path("/certificates/import/").WithScope("6")
	fmt.Println(err)
	// Output:
	// /certificates/collections/read/6/ <nil>
	// permissions: /certificates/import/ cannot be limited to this id "6": it takes no id
}

func ExampleKnown() {
	info, ok := permissions.Known("/certificates/collections/private_key/read/6/")
	fmt.Println(ok, info.Label)
	fmt.Println(info.Description(), "Risk:", info.Risk)
	fmt.Println(permissions.NamesOf("/certificates/collections/private_key/read/6/"))
	// Output:
	// true Certificates > Collections > Private Key > Read
	// Download private keys of certificates. Risk: hands out private keys
	// [Collections[6]:Recover]
}

func ExampleParsePath() {
	p, _ := permissions.ParsePath("Certificates/Import")
	fmt.Println(p)
	_, err := permissions.ParsePath("/certificates/collections/read/#/")
	fmt.Println(err)
	// Output:
	// /certificates/import/
	// permissions: not a permission path: "/certificates/collections/read/#/" has a placeholder; write the id in its place
}

func ExampleParseLegacy() {
	name, err := permissions.ParseLegacy("certificates: editmetadata")
	fmt.Println(name, err)
	_, err = permissions.ParseLegacy("Certificates_EditMetadata")
	fmt.Println(err)
	// Output:
	// Certificates:EditMetadata <nil>
	// permissions: not a permission name: "Certificates_EditMetadata" has no colon; a name is Area:Name; did you mean Certificates:EditMetadata?
}

// What the Management Portal calls "Manage Pending CSRs", and what it becomes.
func ExampleFindByLabel() {
	for _, name := range permissions.FindByLabel("Manage Pending CSRs").Legacy {
		fmt.Println(name.Name, "becomes", name.Mappings[0].Path)
	}
	// Output: CertificateEnrollment:PendingCsr becomes /certificates/requests/manage/
}

func ExampleFindByArea() {
	for _, path := range permissions.FindByArea("pam").Paths {
		fmt.Println(path.Path, "allows to", path.Effect)
	}
	// Output:
	// /pam/ allows to view and change PAM providers
	// /pam/modify/ allows to add, change and remove PAM providers
	// /pam/read/ allows to view PAM providers
}

func ExampleEffectOf() {
	fmt.Println(permissions.EffectOf("/certificates/collections/revoke/6/"))
	fmt.Println(permissions.EffectOf("/quantum/read/"))
	// Output:
	// revoke certificates in collection 6
	// do what /quantum/read/ grants, which is not known here
}

func ExampleCollectionPermission_On() {
	fmt.Println(permissions.CollectionRevoke.On(6))
	// Output: Collections[6]:Revoke
}
