package take_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func ExampleFrom() {
	server := securitytest.NewServer(
		securitytest.WithCollections(securitytest.Collection{ID: 6, Name: "Web servers", Query: `CN -contains "www"`}),
		securitytest.WithRoles(securitytest.Role{
			Name: "Operators", Description: "Day-to-day work", Permissions: []string{"/certificates/collections/read/6/"},
			Claims:     []securitytest.Claim{{Type: "OAuthRole", Value: "pki-ops", Scheme: "System"}},
			Identities: []string{`KEYEXAMPLE\jsmith`},
		}),
	)
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		fmt.Println(err)
		return
	}

	s, err := take.From(context.Background(), client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, role := range s.Roles {
		fmt.Println(role.Name, role.Paths)
		for _, holder := range role.Holders {
			fmt.Println("  held by", holder.Key, "seen through versions", holder.Versions)
		}
	}
	for _, collection := range s.Collections {
		fmt.Println("collection", collection.ID, "is", collection.Query)
	}
	for _, gap := range s.Gaps {
		fmt.Printf("not read: %s, %s (option %s)\n", gap.Part, gap.Reason, gap.Option)
	}
	// Output:
	// Administrator [/]
	// Operators [/certificates/collections/read/6/]
	//   held by OAuthRole pki-ops (System) seen through versions [2]
	//   held by User KEYEXAMPLE\jsmith (Active Directory) seen through versions [1 2]
	// Reporting API Access [/dashboard/read/ /portal/read/]
	// collection 6 is CN -contains "www"
	// not read: names for single objects, not asked (option Proof)
}

// What became different since the last time.
func ExampleFrom_compare() {
	server := securitytest.NewServer(
		securitytest.WithCollections(securitytest.Collection{ID: 6, Name: "Web servers", Query: `CN -contains "www"`}),
		securitytest.WithRoles(securitytest.Role{ID: 3, Name: "Operators", Description: "Day-to-day work", Permissions: []string{"/portal/read/"}}),
	)
	defer server.Close()
	dir, err := os.MkdirTemp("", "snapshot")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	client, err := server.Client()
	if err != nil {
		fmt.Println(err)
		return
	}

	// Last quarter.
	s, err := take.From(context.Background(), client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	file := filepath.Join(dir, "q1.json")
	if err := s.Save(file); err != nil {
		fmt.Println(err)
		return
	}

	// Meanwhile somebody changes a role, and what a collection is.
	if err := server.UpdateRole(3, func(r *securitytest.Role) { r.Permissions = append(r.Permissions, "/security/modify/") }); err != nil {
		fmt.Println(err)
		return
	}
	server.PutCollection(securitytest.Collection{ID: 6, Name: "Web servers"})

	// This quarter.
	before, err := snapshot.Load(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	after, err := take.From(context.Background(), client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	changes := snapshot.Compare(before, after)
	for _, r := range changes.Roles {
		fmt.Println("role", r.Name, r.Kind, "and can now", r.AddedPaths)
	}
	for _, o := range changes.Objects {
		fmt.Println(o.Part, o.Name, "-", o.Kind, "-", o.Fields)
	}
	// Output:
	// role Operators changed and can now [/security/modify/]
	// collections Web servers - query changed - [{query CN -contains "www" }]
}
