// Package access answers who can do what: the caller, and the roles and
// accounts that can get at a collection, a container or application, or a
// certificate.
//
// API: /Security/My, /Security/Audit, /Security/Containers and
// /Security/Applications, version 1; /Certificates/IdentityAudit, versions 1 and
// 2; /Certificates/{id}/Security, version 1.
package access

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/validate"
	"github.com/commandsec/commandsec-go/permissions"
)

// My is what the caller may do, in the permission model of Command 10.
type My struct {
	Roles    []string             `json:"Roles"` // names
	Global   []GlobalPermission   `json:"GlobalPermissions"`
	Granular []GranularPermission `json:"GranularPermissions,omitempty"` // from Command 25.2 on, by inference
}

// GlobalPermission is a permission that holds everywhere.
type GlobalPermission struct {
	Area       string `json:"Area"`       // such as "Certificates"
	Permission string `json:"Permission"` // such as "Read"
}

// Legacy is the permission as roles list it: "Certificates:Read".
func (g GlobalPermission) Legacy() permissions.Legacy {
	return permissions.Legacy(g.Area + ":" + g.Permission)
}

// GranularPermission is a permission on one object.
type GranularPermission struct {
	Area       string `json:"Area"`
	Permission string `json:"Permission"`
	ObjectID   int    `json:"SecurableId"`
}

// MyPermissions is what the caller may do, as access-control paths.
type MyPermissions struct {
	// Permissions are in alphabetical order. A path limited to one object is left
	// out if the caller holds the same path for all.
	Permissions []permissions.Path `json:"Permissions"`
}

// CollectionAudit is who may do what with a collection.
type CollectionAudit struct {
	CollectionID      int                `json:"QueryId"`
	AccessControlList []CollectionAccess `json:"AccessControlList"`
	AssignableRoles   []AssignableRole   `json:"AssignableRoles"`
}

// CollectionAccess is what a role may do with a collection.
type CollectionAccess struct {
	RoleID          int   `json:"RoleId"`
	AreaPermissions []int `json:"AreaPermissions"` // numbers whose meaning is not documented
}

// AssignableRole is a role that can be given permissions on a collection.
type AssignableRole struct {
	RoleID int    `json:"RoleId"`
	Name   string `json:"Name"`
}

// UnmarshalJSON also reads an id written as a string: the documentation's own
// example has it so.
func (a *CollectionAccess) UnmarshalJSON(data []byte) (err error) {
	type wire CollectionAccess
	v := struct {
		*wire
		RoleID json.Number `json:"RoleId"`
	}{wire: (*wire)(a)}
	if err = json.Unmarshal(data, &v); err == nil {
		a.RoleID, err = number(v.RoleID)
	}
	return err
}

// UnmarshalJSON also reads an id written as a string: the documentation's own
// example has it so.
func (a *AssignableRole) UnmarshalJSON(data []byte) (err error) {
	type wire AssignableRole
	v := struct {
		*wire
		RoleID json.Number `json:"RoleId"`
	}{wire: (*wire)(a)}
	if err = json.Unmarshal(data, &v); err == nil {
		a.RoleID, err = number(v.RoleID)
	}
	return err
}

func number(n json.Number) (int, error) {
	if n == "" {
		return 0, nil
	}
	id, err := strconv.Atoi(n.String())
	if err != nil {
		return 0, fmt.Errorf("%q is not an id", n.String())
	}
	return id, nil
}

// RoleAccess is what a role may do with a container or an application.
type RoleAccess struct {
	RoleID      int                               `json:"SecurityRoleId"`
	Name        string                            `json:"Name"` // the role's; read only, not sent
	Permissions []permissions.ContainerPermission `json:"Permissions"`
}

// roleAccessList is a list of what roles may do, as it is sent.
type roleAccessList []RoleAccess

// Validate reports everything that is wrong with the list.
func (l roleAccessList) Validate() error {
	var p validate.Problems
	for i, role := range l {
		field := "roles[" + strconv.Itoa(i) + "]"
		p.ID(field+".RoleID", role.RoleID)
		for j, permission := range role.Permissions {
			p.Required(field+".Permissions["+strconv.Itoa(j)+"]", string(permission), 0)
		}
	}
	return p.Err()
}

// MarshalJSON writes the list without names, and no list as null.
func (l roleAccessList) MarshalJSON() ([]byte, error) {
	type wire struct {
		RoleID      int                               `json:"SecurityRoleId"`
		Permissions []permissions.ContainerPermission `json:"Permissions"`
	}
	sent := make([]wire, len(l))
	for i, role := range l {
		sent[i] = wire{role.RoleID, append([]permissions.ContainerPermission{}, role.Permissions...)}
	}
	return json.Marshal(sent)
}

// CertificateAccessV1 is what an account may do with a certificate.
type CertificateAccessV1 struct {
	ID           int                     `json:"Id"`
	AccountName  string                  `json:"AccountName"`
	IdentityType identities.Type         `json:"IdentityType"`
	SID          *string                 `json:"SID,omitzero"`
	Permissions  []CertificatePermission `json:"Permissions"`
}

// CertificateAccessV2 is what a claim may do with a certificate.
type CertificateAccessV2 struct {
	Identity    CertificateIdentityV2   `json:"Identity"`
	Permissions []CertificatePermission `json:"Permissions"`
}

// CertificateIdentityV2 is a claim as the audit of a certificate shows it.
type CertificateIdentityV2 struct {
	ID          int                   `json:"Id"`
	Description string                `json:"Description"`
	Type        claims.Type           `json:"ClaimType"`
	Value       string                `json:"ClaimValue"`
	Provider    CertificateProviderV2 `json:"Provider,omitzero"` // zero if the server does not name it
}

// CertificateProviderV2 is the identity provider that vouches for a claim. Unlike
// elsewhere it has a name and no authentication scheme.
type CertificateProviderV2 struct {
	ID   string `json:"Id"` // GUID
	Name string `json:"Name"`
}

// CertificatePermission is a permission on a certificate, and what gives it.
type CertificatePermission struct {
	Name      string   `json:"Name"`
	GrantedBy []string `json:"GrantedBy"` // names of roles or collections
}

// CertificateSecurity is which roles may do what with a certificate.
type CertificateSecurity struct {
	Roles []CertificateRole `json:"Roles"`
}

// CertificateRole is what a role may do with a certificate.
type CertificateRole struct {
	Name        string   `json:"Name"`
	Permissions []string `json:"Permissions"`
}

// inCollection is the query that names a collection, none for 0.
func inCollection(id int) (url.Values, error) {
	var p validate.Problems
	if id == 0 {
		return nil, nil
	}
	p.ID("collectionID", id)
	return url.Values{"collectionId": {strconv.Itoa(id)}}, p.Err()
}
