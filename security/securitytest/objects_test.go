package securitytest_test

import (
	"testing"

	"github.com/commandsec/commandsec-go/security/securitytest"
)

// TestObjects: the lists of what single permissions are about.
func TestObjects(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"10.5.0", "25.4.1"} {
		a := start(
			t, securitytest.WithVersion(version),
			securitytest.WithCollections(
				securitytest.Collection{ID: 6, Name: "Web servers", Description: "Public sites", Query: `CN -contains "www"`}, securitytest.Collection{Name: "all"},
			),
			securitytest.WithContainers(securitytest.Container{ID: 2, Name: "IIS"}),
			securitytest.WithPAMProviders(securitytest.PAMProvider{ID: 1, Name: "Vault"}),
		)
		const web = `{"Id":6,"Name":"Web servers","Description":"Public sites","Content":"CN -contains \"www\""}`
		a.get("/CertificateCollections", 1).is(200, `[{"Id":2,"Name":"all","Description":"","Content":""},`+web+`]`)
		a.get("/CertificateCollections?SortField=Name&ReturnLimit=1&PageReturned=2", 1).is(200, `[`+web+`]`)
		a.get(`/CertificateCollections?QueryString=Name+-eq+%22web+servers%22`, 1).is(200, `[`+web+`]`)
		a.get("/CertificateStoreContainers?SortField=Id", 1).is(200, `[{"Id":2,"Name":"IIS"}]`)
		a.get("/PamProviders", 1).is(200, `[{"Id":1,"Name":"Vault"}]`)
	}
}

// TestPutCollection: another person edits a query, and makes a collection.
func TestPutCollection(t *testing.T) {
	t.Parallel()
	a := start(t, securitytest.WithCollections(securitytest.Collection{ID: 6, Name: "Web servers", Query: "x"}))
	a.get("/CertificateCollections", 1).ok()
	a.server.PutCollection(securitytest.Collection{ID: 6, Name: "Web servers", Query: "y"})
	if id := a.server.PutCollection(securitytest.Collection{Name: "Mail"}); id != 2 {
		t.Errorf("the new collection has the id %d", id)
	}
	a.get("/CertificateCollections", 1).is(200, `[{"Id":2,"Name":"Mail","Description":"","Content":""},{"Id":6,"Name":"Web servers","Description":"","Content":"y"}]`)
}

// TestObjectsNeed: whoever may not read what the objects are about does not get the lists.
func TestObjectsNeed(t *testing.T) {
	t.Parallel()
	for path, needed := range map[string]string{
		"/CertificateCollections": "/certificates/collections/read/", "/CertificateStoreContainers": "/certificate_stores/read/", "/PamProviders": "/pam/read/",
	} {
		a := start(t, securitytest.WithToken("t", "Reader"), securitytest.WithRoles(securitytest.Role{ID: 3, Name: "Reader", Description: "d", Permissions: []string{"/portal/read/"}}))
		a.bearer("t").get(path, 1).refused(403)
		if err := a.server.UpdateRole(3, func(r *securitytest.Role) { r.Permissions = []string{needed} }); err != nil {
			t.Fatal(err)
		}
		a.bearer("t").get(path, 1).ok()
	}
}
