package take_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/security"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// versions are the servers that everything is tried on.
var versions = []string{"10.5.0", "11.0.0", "24.4.0", "25.4.1"}

// seeds are a small installation. Its role 3 is "Operators", 4 is "Auditors".
func seeds(version string, more ...securitytest.Option) []securitytest.Option {
	return append([]securitytest.Option{
		securitytest.WithVersion(version),
		securitytest.WithCollections(securitytest.Collection{ID: 6, Name: "Web servers", Description: "Public sites", Query: `CN -contains "www"`}),
		securitytest.WithContainers(securitytest.Container{ID: 2, Name: "IIS"}),
		securitytest.WithPAMProviders(securitytest.PAMProvider{ID: 1, Name: "Vault"}),
		securitytest.WithIdentities(securitytest.Identity{ID: 7, AccountName: `KEYEXAMPLE\jsmith`}, securitytest.Identity{ID: 8, AccountName: `KEYEXAMPLE\idle`, Type: "Group"}),
		securitytest.WithRoles(
			securitytest.Role{
				ID: 3, Name: "Operators", Description: "Day-to-day work", Identities: []string{`KEYEXAMPLE\jsmith`},
				Legacy: []string{"AdminPortal:Read", "Collections[6]:Read", "Containers[2]:Read"},
				Claims: []securitytest.Claim{{Type: "OAuthRole", Value: "pki-ops", Scheme: "System", Description: "PKI operators"}},
			},
			securitytest.Role{ID: 4, Name: "Auditors", Description: "They look", Legacy: []string{"Auditing:Read"}, Disabled: true},
		),
	}, more...)
}

func start(t *testing.T, opts ...securitytest.Option) (*securitytest.Server, *security.Client) {
	t.Helper()
	server := securitytest.Start(t, opts...)
	client, err := server.Client(security.WithRetry(security.Retry{MaxAttempts: 2, MinWait: time.Millisecond, MaxWait: time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

func from(t *testing.T, client *security.Client, opts *take.Options) *snapshot.Snapshot {
	t.Helper()
	s, err := take.From(t.Context(), client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func role(t *testing.T, s *snapshot.Snapshot, name string) snapshot.Role {
	t.Helper()
	at := slices.IndexFunc(s.Roles, func(r snapshot.Role) bool { return r.Name == name })
	if at < 0 {
		t.Fatalf("there is no role %q in %v", name, s.Roles)
	}
	return s.Roles[at]
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

var (
	jsmith = snapshot.Key{Type: "User", Value: `KEYEXAMPLE\jsmith`, Scheme: "Active Directory"}
	idle   = snapshot.Key{Type: "Group", Value: `KEYEXAMPLE\idle`, Scheme: "Active Directory"}
	pkiOps = snapshot.Key{Type: "OAuthRole", Value: "pki-ops", Scheme: "System"}
)

// TestFrom: everything is there, whatever the version.
func TestFrom(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			server, client := start(t, seeds(version)...)
			s := from(t, client, &take.Options{Proof: true})
			legacy := strings.HasPrefix(version, "10.")
			both := []int{1, 2}
			want := snapshot.Role{
				ID: 3, Name: "Operators", Description: "Day-to-day work", PermissionSetID: securitytest.GlobalPermissionSetID,
				Enabled: new(true), Private: new(false), Valid: new(true), Versions: both,
				Paths:       []permissions.Path{"/certificate_stores/read/2/", "/certificates/collections/read/6/", "/portal/read/"},
				Names:       []permissions.Legacy{"AdminPortal:Read", "Collections[6]:Read", "Containers[2]:Read"},
				ObjectNames: true, Holders: []snapshot.Holder{{Key: pkiOps, Versions: []int{2}}, {Key: jsmith, Versions: both}},
			}
			if legacy {
				want.PermissionSetID, want.Versions, want.Paths = "", []int{1}, []permissions.Path{}
				want.Holders = []snapshot.Holder{{Key: jsmith, Versions: []int{1}}}
			}
			equal(t, "role", role(t, s, "Operators"), want)
			if enabled := role(t, s, "Auditors").Enabled; enabled == nil || *enabled {
				t.Error("a disabled role is not shown as one")
			}
			equal(t, "collections", s.Collections, []snapshot.Collection{{ID: 6, Name: "Web servers", Description: "Public sites", Query: `CN -contains "www"`}})
			equal(t, "containers", s.Containers, []snapshot.Object{{ID: 2, Name: "IIS"}})
			equal(t, "PAM providers", s.PAMProviders, []snapshot.Object{{ID: 1, Name: "Vault"}})
			equal(t, "account", s.Account, server.Username)
			equal(t, "url", s.Server.URL, server.URL)
			if since := time.Since(s.TakenAt); since < 0 || since > time.Hour || s.Signatures != snapshot.SignaturesChecked || len(s.Rereads) != 0 {
				t.Errorf("taken at %v, signatures %s, read again %v", s.TakenAt, s.Signatures, s.Rereads)
			}
			var keys []snapshot.Key
			for _, c := range s.Claims {
				keys = append(keys, c.Key)
			}
			if legacy {
				equal(t, "claims", keys, []snapshot.Key{idle, jsmith})
				equal(t, "gaps", parts(s), []snapshot.Part{
					snapshot.PartClaims, snapshot.PartProviders, snapshot.PartPermissionSets, snapshot.PartPermissions, snapshot.PartRolesV2,
				})
				return
			}
			equal(t, "claims", keys, []snapshot.Key{idle, pkiOps, jsmith})
			equal(t, "gaps", s.Gaps, []snapshot.Gap{})
			if len(s.PermissionSets) != 1 || s.PermissionSets[0].Name != "Global" || len(s.Providers) < 4 || len(s.Permissions) < 50 ||
				!strings.HasPrefix(s.Server.Version, strings.TrimSuffix(version, ".0")) {
				t.Errorf("sets %v, providers %v, %d permissions, version %s", s.PermissionSets, s.Providers, len(s.Permissions), s.Server.Version)
			}
		})
	}
}

// TestUpgrade: that a server got version 2 of the API, and what it shows beyond version
// 1, is no change of who can do what.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	_, old := start(t, seeds("10.5.0")...)
	_, upgraded := start(t, seeds("25.4.1")...)
	before, after := from(t, old, nil), from(t, upgraded, &take.Options{Proof: true})
	before.Server.URL = after.Server.URL
	if c := snapshot.Compare(before, after); !c.Empty() || len(c.NotCompared) != 5 {
		t.Errorf("roles %+v, claims %+v, objects %+v, not compared %+v", c.Roles, c.Claims, c.Objects, c.NotCompared)
	}
}

func parts(s *snapshot.Snapshot) []snapshot.Part {
	var all []snapshot.Part
	for _, g := range s.Gaps {
		all = append(all, g.Part)
	}
	return all
}

// TestRequests: no more requests than the documentation of the package says.
func TestRequests(t *testing.T) {
	t.Parallel()
	const size = 30 // and two built-in roles
	for _, test := range []struct {
		version string
		proof   bool
		want    int
	}{
		{"10.5.0", false, 6 + 2*(size+2)},
		{"10.5.0", true, 6 + 2*(size+2)},
		{"11.0.0", false, 10 + size + 2},
		{"25.4.1", false, 10 + size + 2},
		{"25.4.1", true, 10 + 4*(size+2)},
	} {
		t.Run(fmt.Sprint(test.version, test.proof), func(t *testing.T) {
			t.Parallel()
			server, client := start(t, securitytest.WithVersion(test.version), securitytest.WithLegacyTenant(1, size))
			from(t, client, &take.Options{Proof: test.proof})
			requests := server.Requests()
			if len(requests) != test.want {
				t.Errorf("%d requests, want %d", len(requests), test.want)
			}
			for _, r := range requests {
				if r.Method != http.MethodGet {
					t.Errorf("%s %s: it only reads", r.Method, r.Path)
				}
			}
		})
	}
}

// TestHolders: claims and identities are one by their keys, on servers that keep them
// apart, too, and nobody is lost.
func TestHolders(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1",
		securitytest.WithQuirks(securitytest.Quirks{SeparateIdentities: true}),
		securitytest.WithClaims(securitytest.Claim{ID: 90, Type: "User", Value: `keyexample\JSMITH`, Scheme: "Active Directory", Description: "John"}))...)
	if err := server.UpdateRole(4, func(r *securitytest.Role) {
		r.Claims = []securitytest.Claim{{Type: "User", Value: `keyexample\JSMITH`, Scheme: "Active Directory"}}
		r.Identities = []string{`KEYEXAMPLE\jsmith`, `KEYEXAMPLE\idle`}
	}); err != nil {
		t.Fatal(err)
	}
	s := from(t, client, nil)
	spelled := snapshot.Key{Type: "User", Value: `keyexample\JSMITH`, Scheme: "Active Directory"}
	equal(t, "holders", role(t, s, "Auditors").Holders, []snapshot.Holder{{Key: idle, Versions: []int{1}}, {Key: spelled, Versions: []int{1, 2}}})
	equal(t, "holders", role(t, s, "Operators").Holders, []snapshot.Holder{{Key: pkiOps, Versions: []int{2}}, {Key: spelled, Versions: []int{1}}})
	at := slices.IndexFunc(s.Claims, func(c snapshot.Claim) bool { return c.Key == spelled })
	equal(t, "claim", s.Claims[at], snapshot.Claim{Key: spelled, ClaimID: 90, IdentityID: 7, Description: "John", Valid: new(true), Versions: []int{1, 2}})
}

// TestRefused: each endpoint is refused, is not there, or fails, one after the other.
// That makes a gap with its reason, and costs nothing else.
func TestRefused(t *testing.T) {
	t.Parallel()
	type endpoint struct {
		path    string
		version int
		part    snapshot.Part
		is      func(*snapshot.Snapshot) bool // whether the part is there
	}
	endpoints := []endpoint{
		{"/Security/Roles", 1, snapshot.PartRolesV1, func(s *snapshot.Snapshot) bool { return s.Roles[0].Enabled != nil }},
		{"/Security/Roles", 2, snapshot.PartRolesV2, func(s *snapshot.Snapshot) bool { return len(s.Roles[0].Paths) > 0 }},
		{"/Security/Roles/{id}", 2, snapshot.PartRolesV2, func(s *snapshot.Snapshot) bool { return len(s.Roles[0].Paths) > 0 }},
		{"/Security/Roles/{id}/Permissions/Collections", 1, snapshot.PartObjectNames, func(s *snapshot.Snapshot) bool { return s.Roles[0].ObjectNames }},
		{"/Security/Roles/{id}/Permissions/Containers", 1, snapshot.PartObjectNames, func(s *snapshot.Snapshot) bool { return s.Roles[0].ObjectNames }},
		{"/Security/Roles/{id}/Permissions/PamProviders", 1, snapshot.PartObjectNames, func(s *snapshot.Snapshot) bool { return s.Roles[0].ObjectNames }},
		{"/Security/Claims", 1, snapshot.PartClaims, func(s *snapshot.Snapshot) bool { return slices.ContainsFunc(s.Claims, claimID) }},
		{"/Security/Identities", 1, snapshot.PartIdentities, func(s *snapshot.Snapshot) bool { return slices.ContainsFunc(s.Claims, identityID) }},
		{"/PermissionSets", 1, snapshot.PartPermissionSets, func(s *snapshot.Snapshot) bool { return len(s.PermissionSets) > 0 }},
		{"/IdentityProviders", 1, snapshot.PartProviders, func(s *snapshot.Snapshot) bool { return len(s.Providers) > 0 }},
		{"/Permissions", 1, snapshot.PartPermissions, func(s *snapshot.Snapshot) bool { return len(s.Permissions) > 0 }},
		{"/CertificateCollections", 1, snapshot.PartCollections, func(s *snapshot.Snapshot) bool { return len(s.Collections) > 0 }},
		{"/CertificateStoreContainers", 1, snapshot.PartContainers, func(s *snapshot.Snapshot) bool { return len(s.Containers) > 0 }},
		{"/PamProviders", 1, snapshot.PartPAMProviders, func(s *snapshot.Snapshot) bool { return len(s.PAMProviders) > 0 }},
	}
	for _, e := range endpoints {
		for status, reason := range map[int]snapshot.Reason{403: snapshot.ReasonRefused, 404: snapshot.ReasonNotThere, 500: snapshot.ReasonFailed} {
			t.Run(fmt.Sprint(e.path, " ", e.version, " ", status), func(t *testing.T) {
				t.Parallel()
				server, client := start(t, seeds("25.4.1")...)
				fault := securitytest.Fault{Path: e.path, Version: e.version, Status: status}
				if status == 404 { // as the web server says it, and not Command
					fault.Body, fault.ContentType = "<html>", "text/html"
				}
				server.Inject(fault)
				s := from(t, client, &take.Options{Proof: true})
				if len(s.Gaps) != 1 || s.Gaps[0].Part != e.part || s.Gaps[0].Reason != reason || s.Gaps[0].Object != "" ||
					!strings.Contains(s.Gaps[0].Detail, strconv.Itoa(status)) {
					t.Errorf("gaps are %+v", s.Gaps)
				}
				for _, other := range endpoints {
					if want := other.part != e.part; other.is(s) != want {
						t.Errorf("%s is there: %v, want %v", other.part, !want, want)
					}
				}
				if len(s.Roles) != 4 || len(role(t, s, "Operators").Holders) < 1 {
					t.Errorf("roles are %+v", s.Roles)
				}
			})
		}
	}
}

func claimID(c snapshot.Claim) bool    { return c.ClaimID > 0 }
func identityID(c snapshot.Claim) bool { return c.IdentityID > 0 }

// TestNothing: an account that may read nothing gets a snapshot of gaps.
func TestNothing(t *testing.T) {
	t.Parallel()
	server := securitytest.Start(t, seeds("25.4.1", securitytest.WithUser(`KEYEXAMPLE\nobody`, "hush"))...)
	client, err := security.NewClient(server.URL, security.WithHTTPClient(server.HTTPClient()), security.WithBasicAuth(`KEYEXAMPLE\nobody`, "hush"))
	if err != nil {
		t.Fatal(err)
	}
	s := from(t, client, nil)
	for _, part := range []snapshot.Part{
		snapshot.PartRolesV1, snapshot.PartRolesV2, snapshot.PartClaims, snapshot.PartIdentities, snapshot.PartPermissionSets,
		snapshot.PartPermissions, snapshot.PartCollections, snapshot.PartContainers, snapshot.PartPAMProviders,
	} {
		if !slices.ContainsFunc(s.Gaps, func(g snapshot.Gap) bool { return g.Part == part && g.Reason == snapshot.ReasonRefused }) &&
			part != snapshot.PartPermissionSets { // of which everybody gets a list, an empty one perhaps
			t.Errorf("there is no gap for %s: %+v", part, s.Gaps)
		}
	}
}

// TestErrors: what is no part that is missing is an error.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault securitytest.Fault
		want  error
	}{
		{"401", securitytest.Fault{Status: 401}, security.ErrUnauthorized},
		{"401 in the midst of it", securitytest.Fault{Path: "/Security/Roles/4", Status: 401}, security.ErrUnauthorized},
		{"503", securitytest.Fault{Path: "/Security/Claims", Status: 503}, security.ErrServer},
		{"429", securitytest.Fault{Path: "/Security/Identities", Status: 429}, security.ErrRateLimited},
		{"a login page", securitytest.Fault{Path: "/PermissionSets", HTMLLogin: true}, security.ErrNotJSON},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, client := start(t, seeds("25.4.1")...)
			server.Inject(test.fault)
			s, err := take.From(t.Context(), client, nil)
			if s != nil || !errors.Is(err, test.want) || !strings.Contains(err.Error(), server.URL) {
				t.Errorf("snapshot %v, error %v, want %v", s, err, test.want)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		server, client := start(t, seeds("25.4.1")...)
		server.Close()
		if s, err := take.From(t.Context(), client, nil); s != nil || err == nil {
			t.Errorf("snapshot %v, error %v", s, err)
		}
	})
	t.Run("a bad option", func(t *testing.T) {
		t.Parallel()
		server, client := start(t, seeds("25.4.1")...)
		_, err := take.From(t.Context(), client, &take.Options{Call: []security.CallOption{security.WithConcurrency(-1)}})
		if !errors.Is(err, security.ErrInvalid) || len(server.Requests()) > 0 {
			t.Errorf("error %v, %d requests", err, len(server.Requests()))
		}
	})
}

// TestGone: a role that is deleted between the list and the reading is a gap.
func TestGone(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	server.Inject(securitytest.Fault{Path: "/Security/Identities", Times: 1, Interleave: func() { server.DeleteRole(4) }})
	s := from(t, client, &take.Options{Call: []security.CallOption{security.WithConcurrency(1)}})
	gone := slices.DeleteFunc(s.Gaps, func(g snapshot.Gap) bool { return g.Option != "" })
	if len(gone) != 1 || gone[0].Object != "Auditors" || gone[0].Reason != snapshot.ReasonGone || gone[0].Part != snapshot.PartRolesV2 {
		t.Errorf("gaps are %+v", gone)
	}
	if slices.ContainsFunc(s.Roles, func(r snapshot.Role) bool { return r.ID == 4 }) || len(s.Roles) != 3 {
		t.Errorf("roles are %+v", s.Roles)
	}
}

// TestAllGone: if the server knows none of the roles that it lists, they were not all deleted.
func TestAllGone(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	server.Inject(securitytest.Fault{Path: "/Security/Roles/{id}", Version: 2, Status: 404})
	server.Inject(securitytest.Fault{Path: "/Security/Roles", Version: 1, Status: 403})
	s := from(t, client, nil)
	if len(s.Roles) != 4 {
		t.Errorf("roles are %+v", s.Roles)
	}
	if !slices.ContainsFunc(s.Gaps, func(g snapshot.Gap) bool {
		return g.Part == snapshot.PartRolesV2 && g.Object == "" && g.Reason == snapshot.ReasonNotThere && strings.Contains(g.Detail, "none of 4 roles")
	}) || slices.ContainsFunc(s.Gaps, func(g snapshot.Gap) bool { return g.Reason == snapshot.ReasonGone }) {
		t.Errorf("gaps are %+v", s.Gaps)
	}
}

// TestFailedRole: a role that the server cannot read is a gap, and the others are there.
func TestFailedRole(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	server.Inject(securitytest.Fault{Path: "/Security/Roles/4", Version: 2, Status: 500})
	server.Inject(securitytest.Fault{Path: "/Security/Roles", Version: 1, Status: 403})
	s := from(t, client, nil)
	failed := role(t, s, "Auditors")
	equal(t, "versions", failed.Versions, []int{})
	if gap := s.Gaps[slices.IndexFunc(s.Gaps, func(g snapshot.Gap) bool { return g.Object != "" })]; gap.Object != "Auditors" || gap.Reason != snapshot.ReasonFailed {
		t.Errorf("gaps are %+v", s.Gaps)
	}
	equal(t, "versions", role(t, s, "Operators").Versions, []int{2})
}

// TestReread: a list that changes while it is read is read again, and the snapshot says
// so. One that never stays as it is cannot be read.
func TestReread(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1", securitytest.WithQuirks(securitytest.Quirks{MaxPageSize: 2}))...)
	server.Inject(securitytest.Fault{Path: "/Security/Claims", After: 1, Times: 1, Interleave: func() {
		if _, err := server.AddClaim(securitytest.Claim{Type: "OAuthRole", Value: "late", Scheme: "System"}); err != nil {
			t.Error(err)
		}
	}})
	s := from(t, client, nil)
	equal(t, "read again", s.Rereads, []snapshot.Reread{{Part: snapshot.PartClaims, Times: 1}})
	if !slices.ContainsFunc(s.Claims, func(c snapshot.Claim) bool { return c.Key.Value == "late" }) {
		t.Errorf("claims are %+v", s.Claims)
	}

	server.Inject(securitytest.Fault{Path: "/Security/Claims", PageOff: -1})
	if s, err := take.From(t.Context(), client, nil); s != nil || !errors.Is(err, security.ErrListChanged) {
		t.Errorf("snapshot %v, error %v", s, err)
	}
}

// TestSkipSignatures: the server is not asked for the slow check, and the snapshot says
// that it was not.
func TestSkipSignatures(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		server, client := start(t, seeds(version)...)
		s := from(t, client, &take.Options{SkipSignatures: true})
		if valid := role(t, s, "Operators").Valid; valid != nil || s.Signatures != snapshot.SignaturesSkipped {
			t.Errorf("%s: signatures %s, valid %v", version, s.Signatures, *valid)
		}
		asked := 0
		for _, r := range server.Requests() {
			if r.Query.Get("Validate") == "false" {
				asked++
			}
		}
		if asked != 2 {
			t.Errorf("%s: %d requests without the check, want those for roles and identities", version, asked)
		}
	}
}

// TestSkippedAnyway: what a server says of signatures that it was not asked to check
// means nothing.
func TestSkippedAnyway(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	server.Inject(answer("/Security/Roles", 1, `[{"Id":4,"Name":"Auditors","Valid":true}]`))
	server.Inject(answer("/Security/Identities", 1, `[{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Valid":true}]`))
	s := from(t, client, &take.Options{SkipSignatures: true})
	if at := slices.IndexFunc(s.Claims, identityID); role(t, s, "Auditors").Valid != nil || s.Claims[at].Valid != nil {
		t.Errorf("roles %+v, claims %+v", s.Roles, s.Claims)
	}
}

// answer is a fault that answers a list of version 1 in the words of a test.
func answer(path string, total int, body string) securitytest.Fault {
	return securitytest.Fault{Path: path, Version: 1, Status: 200, Body: body, Header: http.Header{"X-Total-Count": {strconv.Itoa(total)}}}
}

// TestSignatures: what the server says of a signature is kept.
func TestSignatures(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	server.Inject(answer("/Security/Roles", 1, `[{"Id":4,"Name":"Auditors","Valid":false,"Enabled":true}]`))
	server.Inject(answer("/Security/Identities", 2, `[{"Id":null,"AccountName":"KEYEXAMPLE\\nobody"},{"Id":7,"AccountName":"KEYEXAMPLE\\jsmith","IdentityType":"User","Valid":false}]`))
	s := from(t, client, nil)
	if valid := role(t, s, "Auditors").Valid; valid == nil || *valid {
		t.Errorf("a broken signature is read as %v", valid)
	}
	if at := slices.IndexFunc(s.Claims, identityID); s.Claims[at].Valid == nil || *s.Claims[at].Valid {
		t.Errorf("a broken signature is read as %v", s.Claims[at].Valid)
	}
	if !slices.ContainsFunc(s.Gaps, func(g snapshot.Gap) bool {
		return g.Part == snapshot.PartIdentities && g.Reason == snapshot.ReasonUnreadable && g.Object != ""
	}) {
		t.Errorf("an item without an id is silently absent: %+v", s.Gaps)
	}
}

// TestLenient: the lists of named objects are read whatever else is in them, and one
// that makes no sense is a gap.
func TestLenient(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	server.Inject(answer("/CertificateCollections", 1, `[{"Id":6,"Name":"Web","Content":null,"Favorite":true,"Duplication":{}}]`))
	server.Inject(answer("/PamProviders", 1, `[{"Id":"5f0f","Name":"Vault"}]`))
	server.Inject(answer("/Security/Claims", 1, `[null]`))
	server.Inject(securitytest.Fault{Path: "/Security/Roles/4", Version: 2, OtherID: "3"})
	s := from(t, client, nil)
	equal(t, "collections", s.Collections, []snapshot.Collection{{ID: 6, Name: "Web"}})
	for part, object := range map[snapshot.Part]string{snapshot.PartPAMProviders: "", snapshot.PartClaims: "", snapshot.PartRolesV2: "Auditors"} {
		at := slices.IndexFunc(s.Gaps, func(g snapshot.Gap) bool { return g.Part == part && g.Object == object })
		if at < 0 || s.Gaps[at].Reason != snapshot.ReasonUnreadable || !strings.Contains(s.Gaps[at].Detail, "cannot be used: ") {
			t.Errorf("gaps are %+v", s.Gaps)
		}
	}
}

// TestHidden: what the lists lack although something refers to it is a gap.
func TestHidden(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	for _, path := range []string{"/PermissionSets", "/IdentityProviders"} {
		server.Inject(answer(path, 0, `[]`))
	}
	s := from(t, client, nil)
	var hidden []string
	for _, g := range s.Gaps {
		if g.Reason == snapshot.ReasonHidden {
			hidden = append(hidden, g.Object)
		}
	}
	equal(t, "hidden", hidden, []string{"Active Directory", "System", securitytest.GlobalPermissionSetID})
}

// TestProviders: what says who a provider is is kept, and no secret.
func TestProviders(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	server.Inject(answer("/IdentityProviders", 1, `[{"Id":"C70E8641-A543-45B1-A47F-8B7D253FBF14","AuthenticationScheme":"System",`+
		`"DisplayName":"Sign-in","AuthenticationEnabled":true,"Parameters":[{"Name":"Authority","Value":"https://u:hush@idp.example.com/x?key=hush"},`+
		`{"Name":"RoleClaimType","Value":"roles"},{"Name":"ClientSecret","SecretValue":{"SecretValue":"hush"}},{"Name":"ClientSecret","Value":"hush"},`+
		`{"Name":"RequestHeaders","RequestHeaders":[{"Name":"X-Key","Value":"hush"}]},{"Name":"Surprise","Value":"hush"}]}]`))
	s := from(t, client, nil)
	equal(t, "providers", s.Providers, []snapshot.Provider{{
		ID: "c70e8641-a543-45b1-a47f-8b7d253fbf14", Scheme: "System", Name: "Sign-in", Enabled: true,
		Parameters: map[string]string{"Authority": "https://idp.example.com/x", "RoleClaimType": "roles"},
	}})
	if text, err := json.Marshal(s); err != nil || strings.Contains(string(text), "hush") {
		t.Errorf("the snapshot holds a secret: %s, %v", text, err)
	}
}

// TestHostile: any name makes it into the file and back.
func TestHostile(t *testing.T) {
	t.Parallel()
	names := []string{
		"<script>alert(1)</script>", "a\u202eb\u2066c", "tab\tnew\nline\x00\x1b[31m", strings.Repeat("long ", 2000), `"quoted" \ back`,
		"=1+1", " ", "\u2028", "\U000e0001tag", "../../etc/passwd",
	}
	opts := seeds("25.4.1")
	for i, name := range names {
		opts = append(opts, securitytest.WithRoles(securitytest.Role{
			Name: name, Description: name, Permissions: []string{"/portal/read/"},
			Claims: []securitytest.Claim{{Type: "OAuthRole", Value: name, Scheme: "System", Description: name}},
		}), securitytest.WithCollections(securitytest.Collection{ID: 100 + i, Name: name, Query: name}))
	}
	_, client := start(t, opts...)
	s := from(t, client, nil)
	path := filepath.Join(t.TempDir(), "s.json")
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := snapshot.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "snapshot", back, s)
	for _, name := range names {
		role(t, back, name)
	}
}

// TestCanceled: a context that ends, ends the reading.
func TestCanceled(t *testing.T) {
	t.Parallel()
	server, client := start(t, seeds("25.4.1")...)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	server.Inject(securitytest.Fault{Path: "/Security/Roles/3", Hang: true})
	server.Inject(securitytest.Fault{Path: "/Security/Roles/3", Interleave: func() { cancel(reason) }})
	s, err := take.From(ctx, client, nil)
	if s != nil || !errors.Is(err, reason) || !errors.Is(err, context.Canceled) {
		t.Errorf("snapshot %v, error %v", s, err)
	}
}

// TestProgress: the caller is told of every list and role, and no more requests are
// under way than allowed.
func TestProgress(t *testing.T) {
	t.Parallel()
	const limit = 3
	var under, most atomic.Int32
	count := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			n := under.Add(1)
			defer under.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			return next.RoundTrip(r)
		})
	}
	server := securitytest.Start(t, securitytest.WithLegacyTenant(1, 20), securitytest.WithLatency(2*time.Millisecond))
	client, err := server.Client(security.WithMiddleware(count))
	if err != nil {
		t.Fatal(err)
	}
	var told [][2]int
	from(t, client, &take.Options{Proof: true, Call: []security.CallOption{
		security.WithConcurrency(limit), security.WithProgress(func(done, total int) { told = append(told, [2]int{done, total}) }),
	}})
	const roles, lists = 22, 10
	for i, p := range told {
		want := lists + roles
		switch {
		case i == 0:
			want = -1
		case i >= lists+roles:
			want = lists + 2*roles
		}
		if p != [2]int{i + 1, want} {
			t.Errorf("told %v, want %d of %d", p, i+1, want)
		}
	}
	if len(told) != lists+2*roles || most.Load() > limit || most.Load() < 2 {
		t.Errorf("told %d times, at most %d requests at a time", len(told), most.Load())
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
