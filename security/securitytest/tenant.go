package securitytest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// WithLegacyTenant seeds an installation as it looks after years of growth since version 10: size roles with legacy
// permissions, as many identities, as many claims (a quarter of which are such identities), and the collections,
// containers, PAM providers and certificates that the permissions are about. The same seed and size give the same
// tenant.
//
// It is not tidy, because real ones are not: roles repeat each other, hold permissions that imply one another or that
// have no counterpart in version 2, are disabled, have no members or no permissions, and a few have the name of a
// permission that no longer exists.
func WithLegacyTenant(seed uint64, size int) Option {
	return func(c *config) {
		rng := rand.New(rand.NewPCG(seed, 0x636f6d6d616e64)) //nolint:gosec // names, not secrets, and the same every time
		for i, name := range tenantCollections {
			c.collections = append(c.collections, Collection{ID: i + 1, Name: name, Description: "Certificates: " + strings.ToLower(name), Query: tenantQuery(name)})
		}
		for i, name := range tenantContainers {
			c.containers = append(c.containers, Container{ID: i + 1, Name: name})
		}
		for i, name := range tenantVaults {
			c.pamProviders = append(c.pamProviders, PAMProvider{ID: i + 1, Name: name})
		}
		for id := 1; id <= 20; id++ {
			c.certificates = append(c.certificates, Certificate{ID: id, Collections: []int{1, 2 + rng.IntN(len(tenantCollections)-1)}})
		}
		c.permissionSets = append(c.permissionSets, PermissionSet{
			ID: "5b0f4c1e-7a38-4c54-9a06-1f0f3cf6a001", Name: "Delegated",
			Permissions: []string{"/certificates/", "/dashboard/", "/metadata/", "/portal/", "/reports/read/"},
		})
		for i := range size {
			c.addTenantRole(rng, i)
		}
	}
}

// addTenantRole adds the role number i, and an identity and a claim that usually belong to it.
func (c *config) addTenantRole(rng *rand.Rand, i int) {
	job := tenantJobs[i%len(tenantJobs)]
	place := tenantPlaces[i/len(tenantJobs)%len(tenantPlaces)]
	label := place
	if round := i / (len(tenantJobs) * len(tenantPlaces)); round > 0 {
		label = fmt.Sprintf("%s %d", place, round+1)
	}
	name := job.name + " - " + label
	role := Role{Name: name, Description: job.description + " in " + label, Private: i%61 == 60, Disabled: i%37 == 36}
	if i%3 == 0 {
		role.EmailAddress = handle(job.name) + "@" + handle(place) + ".keyexample.com"
	}
	if job.delegated {
		role.PermissionSet = "Delegated"
	}
	if i%29 != 28 {
		role.Legacy = append(role.Legacy, job.permissions...)
		for _, o := range job.objects {
			role.Legacy = append(role.Legacy, tenantGrants(rng, o)...)
		}
	}
	if i%53 == 52 {
		role.Legacy = append(role.Legacy, "CertificateRequests:Approve")
	}

	// Groups and people alternate.
	account := Identity{AccountName: `KEYEXAMPLE\` + handle(label) + "-" + handle(job.name), Type: "Group"}
	if i%2 == 1 {
		const initials = "abcdefghijklmnoprstvw"
		surname := tenantSurnames[rng.IntN(len(tenantSurnames))]
		account = Identity{AccountName: fmt.Sprintf(`KEYEXAMPLE\%c.%s%d`, initials[rng.IntN(len(initials))], surname, i), Type: "User"}
	}
	c.identities = append(c.identities, account)
	if i%11 != 10 {
		role.Identities = append(role.Identities, account.AccountName)
	}
	for range rng.IntN(3) {
		// Some people have been there for a while and have collected roles.
		other := c.identities[rng.IntN(len(c.identities))].AccountName
		if !contains(role.Identities, other) {
			role.Identities = append(role.Identities, other)
		}
	}

	claim := Claim{Type: "OAuthRole", Value: handle(job.name) + "." + handle(label), Scheme: "System", Description: name}
	switch i % 4 {
	case 1:
		claim.Type, claim.Value = "OAuthClientId", "app-"+claim.Value
	case 2:
		claim.Type, claim.Value, claim.Scheme = "Group", `KEYEXAMPLE\`+handle(label)+"-"+handle(job.name), schemeAD
	case 3:
		claim.Type, claim.Value = "OAuthSubject", fmt.Sprintf("%016x", rng.Uint64())
	}
	c.claims = append(c.claims, claim)
	if i%3 == 1 {
		role.Claims = append(role.Claims, claim)
	}
	c.roles = append(c.roles, role)
}

// tenantGrants are permissions of a kind on one or two objects.
func tenantGrants(rng *rand.Rand, o tenantObjects) []string {
	count := map[string]int{
		collections: len(tenantCollections), containers: len(tenantContainers), pamProviders: len(tenantVaults),
	}[o.kind]
	var names []string
	first := rng.IntN(count)
	for i := range 1 + rng.IntN(2) {
		for _, permission := range o.permissions {
			names = append(names, objectGrant{o.kind, (first+i)%count + 1, permission}.String())
		}
	}
	return names
}

// tenantQuery is what selects the certificates of a collection.
func tenantQuery(name string) string {
	switch name {
	case "All certificates":
		return ""
	case "Expiring in 30 days":
		return `ExpirationDate -le "%TODAY+30%"`
	case "Self-signed":
		return "SelfSigned -eq true"
	}
	return `CertRequestMetadata -contains "` + handle(name) + `"`
}

// handle is a name as it appears in an account or an address.
func handle(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "-")) }

func contains(list []string, item string) bool {
	for _, other := range list {
		if strings.EqualFold(other, item) {
			return true
		}
	}
	return false
}

// tenantJob is what a role of the tenant is for.
type tenantJob struct {
	name, description string
	permissions       []string
	objects           []tenantObjects
	delegated         bool
}

// tenantObjects are permissions on objects of a kind.
type tenantObjects struct {
	kind        string
	permissions []string
}

var tenantJobs = []tenantJob{
	{
		name: "PKI Operators", description: "Day-to-day certificate operations",
		permissions: []string{
			"AdminPortal:Read", "Dashboard:Read", "Dashboard:RiskHeader", "Certificates:Read", "Certificates:EditMetadata",
			"Certificates:Revoke", "CertificateEnrollment:EnrollCSR", "CertificateEnrollment:EnrollPFX", "PkiManagement:Read",
		},
	},
	{
		name: "Certificate Requesters", description: "Teams that enroll their own certificates",
		permissions: []string{
			"AdminPortal:Read", "CertificateEnrollment:EnrollCSR", "CertificateEnrollment:CsrGeneration",
			"CertificateEnrollment:PendingCsr",
		},
		objects: []tenantObjects{{collections, []string{"Read", "EditMetadata"}}},
	},
	{
		name: "Auditors", description: "Read-only review of certificates and changes",
		permissions: []string{"AdminPortal:Read", "Auditing:Read", "Certificates:Read", "Reports:Read"},
	},
	{
		name: "Web Hosting", description: "Certificates and stores of the web farms",
		permissions: []string{"AdminPortal:Read"},
		objects: []tenantObjects{
			{collections, []string{"Read", "Recover", "Revoke"}}, {containers, []string{"Read", "Schedule"}},
		},
	},
	{
		name: "Store Managers", description: "Certificate stores and their inventory",
		permissions: []string{
			"AdminPortal:Read", "AgentManagement:Read", "CertificateStoreManagement:Read", "CertificateStoreManagement:Schedule",
			"CertificateStoreManagement:Modify",
		},
		objects: []tenantObjects{{containers, []string{"Read", "Schedule", "Modify"}}},
	},
	{
		name: "Help Desk", description: "First-level support", delegated: true,
		permissions: []string{"AdminPortal:Read", "Dashboard:Read", "Certificates:Read"},
	},
	{
		name: "PKI Administrators", description: "Authorities, templates and collections",
		permissions: []string{
			"AdminPortal:Read", "Certificates:Read", "Certificates:EditMetadata", "Certificates:Import", "Certificates:Recover",
			"Certificates:Revoke", "Certificates:Delete", "Certificates:ImportPrivateKey", "CertificateCollections:Modify",
			"CertificateMetadataTypes:Read", "CertificateMetadataTypes:Modify", "PkiManagement:Read", "PkiManagement:Modify",
			"SystemSettings:Read",
		},
	},
	{
		name: "Request Approvers", description: "Approval of certificate requests",
		permissions: []string{
			"AdminPortal:Read", "WorkflowManagement:Participate", "WorkflowInstances:ReadAssignedToMe", "WorkflowInstances:ReadMy",
		},
	},
	{
		name: "Alert Managers", description: "Expiration and pending-request alerts",
		permissions: []string{
			"AdminPortal:Read", "WorkflowManagement:Read", "WorkflowManagement:Modify", "WorkflowManagement:Test",
			"Monitoring:Read", "Monitoring:Modify", "EventHandlerRegistration:Read",
		},
	},
	{
		name: "Automation", description: "Service accounts of pipelines",
		permissions: []string{
			"API:Read", "AgentManagement:Read", "AgentManagement:Modify", "CertificateEnrollment:EnrollPFX", "Certificates:Read",
		},
		objects: []tenantObjects{{collections, []string{"Read", "Recover"}}},
	},
	{
		name: "Workflow Designers", description: "Workflow definitions and running instances",
		permissions: []string{
			"AdminPortal:Read", "WorkflowDefinitions:Read", "WorkflowDefinitions:Modify", "WorkflowInstances:ReadAll",
			"WorkflowInstances:ReadMy", "WorkflowInstances:Manage",
		},
	},
	{
		name: "SSH Server Admins", description: "Keys on the servers of the site",
		permissions: []string{"AdminPortal:Read", "SSH:User", "SSH:ServerAdmin"},
	},
	{
		name: "Network Discovery", description: "Discovery and monitoring of TLS endpoints",
		permissions: []string{"AdminPortal:Read", "SslManagement:Read", "SslManagement:Modify", "AgentManagement:Read"},
	},
	{
		name: "Vault Custodians", description: "Credentials that stores are reached with",
		permissions: []string{"AdminPortal:Read", "SystemSettings:Read"},
		objects:     []tenantObjects{{pamProviders, []string{"Read", "Modify"}}},
	},
	{
		name: "Report Readers", description: "Scheduled reports", delegated: true,
		permissions: []string{"AdminPortal:Read", "Reports:Read"},
		objects:     []tenantObjects{{collections, []string{"Read"}}},
	},
	{
		name: "Security Administrators", description: "Roles and their members",
		permissions: []string{
			"AdminPortal:Read", "SecuritySettings:Read", "SecuritySettings:Modify", "SystemSettings:Read",
			"PrivilegedAccessManagement:Read", "IdentityProviders:Read",
		},
	},
}

var tenantPlaces = []string{
	"Berlin", "Hamburg", "Munich", "Vienna", "Zurich", "Paris", "Lyon", "Madrid", "Lisbon", "London", "Leeds", "Dublin", "Oslo",
	"Stockholm", "Helsinki", "Copenhagen", "Warsaw", "Prague", "Budapest", "Rome", "Milan", "Chicago", "Cleveland", "Austin",
	"Seattle", "Toronto", "Sao Paulo", "Singapore", "Sydney", "Tokyo",
}

var tenantSurnames = []string{
	"schmidt", "weber", "martin", "bernard", "garcia", "rossi", "smith", "jones", "murphy", "hansen", "nowak", "novak", "kovacs",
	"silva", "tanaka", "lee", "brown", "wagner",
}

var tenantCollections = []string{
	"All certificates", "Web servers", "Mail servers", "Code signing", "Load balancers", "Domain controllers", "VPN gateways",
	"Kubernetes ingress", "Expiring in 30 days", "Self-signed", "Partner certificates", "Internal clients",
}

var tenantContainers = []string{
	"IIS production", "IIS staging", "F5 Berlin", "F5 Chicago", "Java keystores", "Azure key vaults", "AWS load balancers",
	"Citrix gateways",
}

var tenantVaults = []string{"Vault production", "Vault staging", "Break-glass safe"}
