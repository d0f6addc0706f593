package migration_test

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/commandsec/commandsec-go/governance/migration"
)

func ExampleDesired() {
	rules, err := migration.LoadRules(filepath.Join("testdata", "rules.yaml"))
	if err != nil {
		fmt.Println(err)
		return
	}
	source, target := old(), fresh() // usually snapshot.Load("old.json") and snapshot.Load("new.json")
	desired, report, err := migration.Desired(source, target, rules)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Lead)
	for _, note := range desired.Notes {
		fmt.Println(note)
	}
	// desired.WriteYAML writes what plan.LoadDesired reads, report.WriteHTML a page to sign.
	fmt.Println(desired.Roles[0].Name, desired.Roles[0].Holders[0].Key)

	// Output:
	// 9 roles can be migrated. Left out until somebody decides: 2 roles. Skipped by the rules: 1 role. Afterwards 2 holders can do more than before, and 5 less, 1 of them only because roles of theirs are left out.
	// The role "Broken" is left out: Its audit signature does not match: somebody may have changed it in the database.
	// The role "Reporting API Access" is skipped by the rules.
	// The role "Signers" is left out: The collection "Code signing" of the target has another query: a right on it is a right on other certificates.
	// Administrator User KEYEXAMPLE\admin (Active Directory)
}

func ExampleSkeleton() {
	rules, err := migration.Skeleton(old(), fresh())
	if err != nil {
		fmt.Println(err)
		return
	}
	first, _, _ := strings.Cut(string(rules), "\n") // people edit the whole, and LoadRules reads it
	fmt.Println(first)

	// Output:
	// # Rules of a migration. Lines with ## explain, lines with # suggest: take the # away if a suggestion is right.
}

func ExampleVerify() {
	rules, err := migration.LoadRules(filepath.Join("testdata", "rules.yaml"))
	if err != nil {
		fmt.Println(err)
		return
	}
	before, after := old(), fresh() // the target after the plan was carried out; here it was not
	report := migration.Verify(before, after, rules)
	fmt.Println(report.Lead)
	fmt.Println(report.Findings[0].Title)

	// Output:
	// Not everything is as the rules say: 5 findings. 0 holders can do the same as before. 1 holder can do something through roles that are not part of the migration, or through what others gave to roles of it: no rule says that.
	// 2 holders can do nothing.
}
