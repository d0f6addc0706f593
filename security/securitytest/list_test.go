package securitytest_test

import (
	"fmt"
	"net/url"
	"reflect"
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

func numbered(n int) securitytest.Option {
	var roles []securitytest.Role
	for i := range n {
		// Backwards, so that the order by name is not that of the ids.
		roles = append(roles, securitytest.Role{ID: 10 + i, Name: fmt.Sprintf("role %03d", n-i), Description: "d"})
	}
	return securitytest.WithRoles(roles...)
}

func TestPaging(t *testing.T) {
	t.Parallel()
	a := start(t, numbered(118))
	for _, test := range []struct {
		query string
		count int
		first string
	}{
		{"", 50, "Administrator"},
		{"PageReturned=0&ReturnLimit=0", 50, "Administrator"},
		{"PageReturned=3", 20, "role 099"},
		{"PageReturned=4", 0, ""},
		{"PageReturned=2147483647&ReturnLimit=2147483647", 0, ""},
		{"ReturnLimit=500", 120, "Administrator"},
		{"returnlimit=10&pagereturned=2", 10, "role 009"},
		{"pq.returnLimit=10&pq.pageReturned=12", 10, "role 109"},
	} {
		for version := 1; version <= 2; version++ {
			got := a.get("/Security/Roles?"+test.query, version)
			names := got.column("Name")
			if len(names) != test.count || test.count > 0 && names[0] != test.first {
				t.Errorf("%q, version %d: %d items, %v", test.query, version, len(names), names)
			}
			if total := got.header.Get("X-Total-Count"); total != "120" {
				t.Errorf("%q: X-Total-Count %q", test.query, total)
			}
			if test.count == 0 && got.body != "[]" {
				t.Errorf("%q: body %s", test.query, got.body)
			}
		}
	}
	for _, query := range []string{"PageReturned=-1", "ReturnLimit=-1", "ReturnLimit=x", "ReturnLimit=99999999999", "SortAscending=2", "Validate=maybe"} {
		a.get("/Security/Roles?"+query, 1).refused(400)
	}
}

func TestPageSizeSwitches(t *testing.T) {
	t.Parallel()
	a := start(t, numbered(30), securitytest.WithQuirks(securitytest.Quirks{MaxPageSize: 20, OmitTotalCount: true}))
	got := a.get("/Security/Roles?ReturnLimit=500", 2)
	if n := len(got.column("Id")); n != 20 {
		t.Errorf("%d items", n)
	}
	if _, counted := got.header["X-Total-Count"]; counted {
		t.Error("there is a total count")
	}
}

// TestPagingIgnored is a server that answers every page with everything, and tells no total.
func TestPagingIgnored(t *testing.T) {
	t.Parallel()
	a := start(t, numbered(118), securitytest.WithQuirks(securitytest.Quirks{IgnorePaging: true, OmitTotalCount: true}))
	for _, query := range []string{"", "ReturnLimit=5", "ReturnLimit=5&PageReturned=40"} {
		got := a.get("/Security/Roles?"+query, 2).total("")
		if n := len(got.column("Id")); n != 120 {
			t.Errorf("%q: %d items", query, n)
		}
	}
}

// TestSortFieldsRefused is a server that does not sort by what the reference says it sorts by.
func TestSortFieldsRefused(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithQuirks(securitytest.Quirks{RefuseSortFields: []string{"Id", "Name"}}))
	for _, path := range []string{"/Security/Roles", "/Security/Claims", "/Security/Identities", "/PermissionSets"} {
		a.get(path+"?SortField=id", 1).is(400, `{"ErrorCode":"0xA011004A","Message":"Invalid sort field: id."}`)
		a.get(path, 1).ok()
	}
	a.get("/Security/Roles?SortField=Name", 2).refused(400)
	equal(t, a.get("/Security/Roles?SortField=Description", 2).column("Id"), []any{1.0, 2.0})
}

func TestSorting(t *testing.T) {
	t.Parallel()
	a := start(t,
		securitytest.WithRoles(
			securitytest.Role{ID: 5, Name: "beta", Description: "z", EmailAddress: "b@example.com"},
			securitytest.Role{ID: 4, Name: "Alpha", Description: "z"},
			securitytest.Role{ID: 3, Name: "gamma", Description: "a", EmailAddress: "A@example.com"},
		),
		securitytest.WithIdentities(
			securitytest.Identity{ID: 1, AccountName: `X\b`, Type: "User"}, securitytest.Identity{ID: 2, AccountName: `X\a`, Type: "Group"}),
		securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true}),
		securitytest.WithClaims(
			securitytest.Claim{ID: 1, Type: "OAuthOid", Value: "b", Scheme: "System", Description: "x"},
			securitytest.Claim{ID: 2, Type: "User", Value: "c", Scheme: "Active Directory", Description: "y"},
			securitytest.Claim{ID: 3, Type: "OAuthRole", Value: "a", Scheme: "System", Description: "z"},
		),
		securitytest.WithPermissionSets(securitytest.PermissionSet{ID: "ffffffff-0000-4000-8000-000000000000", Name: "A", Permissions: []string{"/ssl/"}}),
	)
	for path, want := range map[string][]any{
		"/Security/Roles": {1.0, 4.0, 5.0, 3.0, 2.0},
		"/Security/Roles?SortField=name&SortAscending=0":         {1.0, 4.0, 5.0, 3.0, 2.0},
		"/Security/Roles?SortField=Name&SortAscending=1":         {2.0, 3.0, 5.0, 4.0, 1.0},
		"/Security/Roles?SortAscending=1":                        {2.0, 3.0, 5.0, 4.0, 1.0},
		"/Security/Roles?SortField=Id":                           {1.0, 2.0, 3.0, 4.0, 5.0},
		"/Security/Roles?SortField=Description":                  {3.0, 1.0, 2.0, 4.0, 5.0},
		"/Security/Roles?SortField=Description&SortAscending=1":  {4.0, 5.0, 2.0, 1.0, 3.0},
		"/Security/Roles?SortField=EmailAddress":                 {1.0, 2.0, 4.0, 3.0, 5.0},
		"/Security/Identities?SortField=Id":                      {1.0, 2.0},
		"/Security/Identities":                                   {2.0, 1.0},
		"/Security/Identities?SortField=Id&SortAscending=1":      {2.0, 1.0},
		"/Security/Identities?SortField=AccountName":             {2.0, 1.0},
		"/Security/Identities?SortField=IdentityType":            {2.0, 1.0},
		"/Security/Identities?QueryString=nonsense&SortField=Id": {1.0, 2.0},
		"/Security/Claims":                                       {2.0, 1.0, 3.0},
		"/Security/Claims?SortField=Provider&SortAscending=1":    {1.0, 3.0, 2.0},
		"/Security/Claims?SortField=ClaimType":                   {2.0, 1.0, 3.0},
		"/Security/Claims?SortField=ClaimValue":                  {3.0, 1.0, 2.0},
		"/Security/Claims?SortField=Description&SortAscending=1": {3.0, 2.0, 1.0},
		"/PermissionSets":                                        {globalSet, "ffffffff-0000-4000-8000-000000000000"},
		"/PermissionSets?SortField=Name":                         {"ffffffff-0000-4000-8000-000000000000", globalSet},
	} {
		if got := a.get(path, 1).column("Id"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	for _, path := range []string{
		"/Security/Roles?SortField=Foo", "/Security/Identities?SortField=Foo", "/Security/Claims?SortField=ADClaimValue",
		"/PermissionSets?SortField=Foo", "/IdentityProviders?SortField=Foo",
	} {
		a.get(path, 1).refused(400)
	}
}

func TestFiltering(t *testing.T) {
	t.Parallel()
	a := start(t,
		securitytest.WithRoles(
			securitytest.Role{ID: 3, Name: "PKI Operators", Description: "d", EmailAddress: "x@example.com"},
			securitytest.Role{ID: 4, Name: "pki auditors", Description: `DOMAIN\group`},
			securitytest.Role{ID: 5, Name: "Web (and) more", Description: "d"},
		),
		securitytest.WithClaims(
			securitytest.Claim{ID: 1, Type: "OAuthSubject", Value: "user-1", Scheme: "System", Description: "x"},
			securitytest.Claim{ID: 2, Type: "Group", Value: `KEYEXAMPLE\PKI`, Scheme: "Active Directory", Description: "x"},
		),
	)
	run := func(list string, tests map[string][]any) {
		for query, want := range tests {
			got := a.get(list+"?SortField=Id&QueryString="+url.QueryEscape(query), 1)
			if want == nil {
				if got.refused(400); t.Failed() {
					t.Fatalf("after %s", query)
				}
				continue
			}
			if ids := got.column("Id"); len(ids)+len(want) > 0 && !reflect.DeepEqual(ids, want) {
				t.Errorf("%s: got %v, want %v", query, ids, want)
			}
		}
	}
	none := []any{}
	run("/Security/Roles", map[string][]any{
		"":                            {1.0, 2.0, 3.0, 4.0, 5.0},
		`Name -eq "PKI Operators"`:    {3.0},
		`name -EQ "pki OPERATORS"`:    {3.0},
		`Name -ne "PKI Operators"`:    {1.0, 2.0, 4.0, 5.0},
		`Name -contains "operator"`:   {3.0},
		`Name -notcontains "i"`:       {5.0},
		`Name -startswith "PKI"`:      {3.0, 4.0},
		`Name -endswith "ors"`:        {3.0, 4.0},
		`(Name -eq "Web (and) more")`: {5.0},
		`((Name -eq "a") OR ((Name -eq "Administrator")))`:                      {1.0},
		`Name -eq "a" or Name -startswith "p" AND Name -endswith "auditors"`:    {4.0},
		`(Name -startswith "a" or Name -startswith "p") and Name -endswith "r"`: {1.0},
		`Name -startswith "p" or Name -startswith "a" and Name -endswith "x"`:   {3.0, 4.0},
		`Description -eq "DOMAIN\group"`:                                        {4.0},
		`EmailAddress -eq NULL`:                                                 {1.0, 2.0, 4.0, 5.0},
		`EmailAddress -ne null`:                                                 {3.0},
		`EmailAddress -ne "y@example.com"`:                                      {3.0},
		`Id -gt 3`:                                                              {4.0, 5.0},
		`Id -ge 3 and Id -lt 5`:                                                 {3.0, 4.0},
		`Id -le 1`:                                                              {1.0},
		`Id -ne 1 and Id -eq -1`:                                                none,
		`Immutable -eq true`:                                                    {1.0, 2.0},
		`Immutable -ne True`:                                                    {3.0, 4.0, 5.0},
		`Immutable -eq FALSE and (Id -eq 4)`:                                    {4.0},
		`Name -eq ""`:                                                           none,
		`Foo -eq "x"`:                                                           nil,
		`Name`:                                                                  nil,
		`Name -eq`:                                                              nil,
		`Name -eq x`:                                                            nil,
		`Name -eq "x`:                                                           nil,
		`Name eq "x"`:                                                           nil,
		`Name -like "x"`:                                                        nil,
		`Name -gt "x"`:                                                          nil,
		`Name -contains NULL`:                                                   nil,
		`Name -eq "x" and`:                                                      nil,
		`Name -eq "x" Name -eq "y"`:                                             nil,
		`(Name -eq "x"`:                                                         nil,
		`Name -eq "x")`:                                                         nil,
		`and`:                                                                   nil,
		`()`:                                                                    nil,
		`"x" -eq "x"`:                                                           nil,
		`Id -eq "3"`:                                                            nil,
		`Id -contains 3`:                                                        nil,
		`Immutable -eq 1`:                                                       nil,
	})
	run("/Security/Claims", map[string][]any{
		// With two pairs of parentheses as recorded, with one, and without.
		`((ClaimValue -eq "user-1" and ClaimType -eq 5))`: {1.0},
		`(ClaimValue -eq "user-1" and ClaimType -eq 5)`:   {1.0},
		`claimvalue -eq "USER-1" and claimtype -eq 5`:     {1.0},
		`ClaimType -ne 5`:                   {2.0},
		`ClaimType -gt 0`:                   nil,
		`ClaimType -eq "OAuthSubject"`:      nil,
		`ADClaimValue -eq "keyexample\pki"`: {2.0},
		`ADClaimValue -contains "pki"`:      nil,
		`ADClaimValue -eq "user-1"`:         none,
		`Provider -startswith "active"`:     {2.0},
		`Description -eq "x"`:               {1.0, 2.0},
		`Id -eq 1`:                          nil,
	})
	// Scripts of the vendor find the set Global so.
	for _, query := range []string{`name -eq "global"`, `(Name -eq "Global")`} {
		equal(t, a.get("/PermissionSets?QueryString="+url.QueryEscape(query), 1).column("Id"), []any{globalSet})
	}
	a.get("/PermissionSets?QueryString="+url.QueryEscape(`name -eq "other"`), 1).is(200, "[]")
	a.get("/PermissionSets?QueryString="+url.QueryEscape(`Permissions -eq "/"`), 1).refused(400)
	equal(t, a.get("/IdentityProviders?QueryString="+url.QueryEscape(`DisplayName -eq "System"`), 1).column("AuthenticationScheme"), []any{"System"})
	equal(t, a.get("/IdentityProviders?QueryString="+url.QueryEscape(`AuthenticationScheme -contains "cert" and ProviderTypes -eq "Built-in" and AuthorizationUrl -eq NULL`), 1).
		column("DisplayName"), []any{"Client Certificate Authentication CA"})
}

// TestListsAreFresh checks that a list that was asked for before shows what has been written since.
func TestListsAreFresh(t *testing.T) {
	t.Parallel()
	a := start(t)
	const filtered = `/Security/Roles?QueryString=Name%20-startswith%20%22x%22`
	a.get(filtered, 2).is(200, "[]")
	if _, err := a.server.AddRole(securitytest.Role{Name: "x1", Description: "d"}); err != nil {
		t.Fatal(err)
	}
	equal(t, a.get(filtered, 2).column("Name"), []any{"x1"})
	a.put("/Security/Roles", 1, `{"Id":3,"Name":"x2","Description":"d"}`).ok()
	equal(t, a.get(filtered, 2).column("Name"), []any{"x2"})
	a.delete("/Security/Roles/3").ok()
	a.get(filtered, 2).is(200, "[]")
}

func TestManyRoles(t *testing.T) {
	t.Parallel()
	a := start(t, numbered(20_000))
	seen := map[any]bool{}
	for page := 1; ; page++ {
		names := a.get(fmt.Sprintf("/Security/Roles?SortField=Name&ReturnLimit=2000&PageReturned=%d", page), 2).column("Name")
		if len(names) == 0 {
			break
		}
		for _, name := range names {
			seen[name] = true
		}
	}
	if len(seen) != 20_002 {
		t.Errorf("%d roles", len(seen))
	}
}
