package migration_test

import (
	"strings"
	"testing"

	"github.com/commandsec/commandsec-go/governance/migration"
	"github.com/commandsec/commandsec-go/governance/plan"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/snapshot"
)

func findingsOf(r *report.Report, code migration.Code) (list []report.Finding) {
	for _, f := range r.Findings {
		if f.Code == string(code) {
			list = append(list, f)
		}
	}
	return list
}

// TestStrangeAccounts: a rule for an account that the source does not have is a typing
// error: the account that was meant would keep its rights. An account without roles is
// fine, and so are all if not all accounts are known.
func TestStrangeAccounts(t *testing.T) {
	t.Parallel()
	rules := load(t, `identities:
  - {account: 'KEYEXAMPLE\nobody', drop: true}
  - {account: 'keyexample\JSMITH', type: User, drop: true}
  - {account: 'KEYEXAMPLE\svc_wed', drop: true}
  - {account: 'KEYEXAMPEL\gone', drop: true}
  - {account: 'KEYEXAMPLE\pki-operators', type: User, drop: true}
  - {account: 'KEYEXAMPLE\quite-another', drop: true}
`)
	_, _, err := migration.Desired(old(), fresh(), rules)
	want := `line 4, column 15: the source has no account "KEYEXAMPLE\svc_wed"; did you mean "KEYEXAMPLE\svc_web"?
line 5, column 15: the source has no account "KEYEXAMPEL\gone"; did you mean "KEYEXAMPLE\gone"?
line 6, column 15: the source has no User "KEYEXAMPLE\pki-operators"; it has a Group with that name
line 7, column 15: the source has no account "KEYEXAMPLE\quite-another"`
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v", err)
	}
	half := old()
	half.Gaps = append(half.Gaps, snapshot.Gap{Part: snapshot.PartIdentities, Reason: snapshot.ReasonRefused})
	_, r, err := migration.Desired(half, fresh(), rules)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(findingsOf(r, migration.CodeUnused)); n != 5 {
		t.Errorf("%d rules are unused", n)
	}
	if _, _, err := migration.Desired(old(), fresh(), load(t, "roles: [{name: Operatorz, skip: true}]")); err == nil || !strings.Contains(err.Error(), `did you mean "Operators"?`) {
		t.Errorf("%v", err)
	}
}

// TestOneClaim: a pattern that makes one claim of several accounts is told first. Rules
// for single accounts do that on purpose.
func TestOneClaim(t *testing.T) {
	t.Parallel()
	_, r, err := migration.Desired(old(), fresh(), load(t, `identities: [{pattern: 'KEYEXAMPLE\\.*', type: Group, claim: 'OAuthRole:all@Entra'}]`))
	if err != nil {
		t.Fatal(err)
	}
	list := findingsOf(r, migration.CodeOneClaim)
	if len(list) != 1 || list[0].Severity != report.High || len(list[0].Holders) != 4 ||
		list[0].Title != `4 accounts become one claim, "OAuthRole all (Entra)": each gets what all of them could do.` {
		t.Errorf("%+v", list)
	}
	if !strings.HasSuffix(r.Lead, "By patterns, 4 accounts become 1 claim: each gets what all of them could do.") {
		t.Errorf("%q", r.Lead)
	}
	for _, rules := range []string{
		`identities: [{pattern: 'KEYEXAMPLE\\(.*)', type: Group, claim: 'OAuthRole:${1}@Entra'}]`,
		`identities: [{account: 'KEYEXAMPLE\audit', claim: 'OAuthRole:audit@Entra'}, {account: 'KEYEXAMPLE\audit-east', claim: 'OAuthRole:audit@Entra'}]`,
	} {
		_, r, err := migration.Desired(old(), fresh(), load(t, rules))
		if err != nil || len(findingsOf(r, migration.CodeOneClaim)) > 0 || strings.Contains(r.Lead, "By patterns") {
			t.Errorf("%s: %v, %q", rules, err, r.Lead)
		}
	}
}

// TestMergedText: a merged role has the texts of one role, and the report says of which.
func TestMergedText(t *testing.T) {
	t.Parallel()
	rules := load(t, "roles: [{name: Auditors, merge: Audit, permissionSet: Readers}, {name: Auditors east, merge: Audit, permissionSet: Readers}]")
	_, r, err := migration.Desired(old(), fresh(), rules)
	if err != nil {
		t.Fatal(err)
	}
	list := findingsOf(r, migration.CodeTexts)
	if len(list) != 1 || !strings.HasPrefix(list[0].Title, `The merged role "Audit" has the description and the e-mail address of "Auditors".`) || len(list[0].Roles) != 2 {
		t.Errorf("%+v", list)
	}
	same := old()
	for i := range same.Roles {
		same.Roles[i].Description = "The same"
	}
	if _, r, err = migration.Desired(same, fresh(), rules); err != nil || len(findingsOf(r, migration.CodeTexts)) > 0 {
		t.Errorf("%v", err)
	}
}

// TestNoEmail: a target before 24.4 would not keep an e-mail address, and a plan refuses
// one: it is left out.
func TestNoEmail(t *testing.T) {
	t.Parallel()
	source := old()
	for i := range source.Roles {
		if source.Roles[i].Name == "Operators" {
			source.Roles[i].EmailAddress = "pki@example.com"
		}
	}
	for version, keeps := range map[string]bool{"24.3.0": false, "24.4.0": true} {
		target := fresh()
		target.Server.Version = version
		d, r, err := migration.Desired(source, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if role := find(d, "Operators"); (role.EmailAddress != nil) != keeps || (len(findingsOf(r, migration.CodeEmail)) == 0) != keeps {
			t.Errorf("%s: %+v, %v", version, role, findingsOf(r, migration.CodeEmail))
		}
		if _, err := plan.Make(target, d, nil); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}
