package take

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/holders"
	"github.com/commandsec/commandsec-go/identities"
	"github.com/commandsec/commandsec-go/internal/named"
	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/providers"
	"github.com/commandsec/commandsec-go/roles"
)

// join makes a snapshot of what was read: the two versions of each role, and claims
// and identities, become one.
func (r *reader) join() *snapshot.Snapshot {
	registry := r.registry()
	s := &snapshot.Snapshot{
		Server: snapshot.Server{Version: r.version}, Signatures: snapshot.SignaturesChecked,
		Roles:       r.joinRoles(registry),
		Permissions: r.permissions,
		Collections: make([]snapshot.Collection, 0, len(r.collections)),
		Containers:  objects(r.containers), PAMProviders: objects(r.pamProviders),
	}
	if r.opts.SkipSignatures {
		s.Signatures = snapshot.SignaturesSkipped
	}
	for _, c := range registry.all {
		s.Claims = append(s.Claims, *c)
	}
	for _, set := range r.permissionSets {
		s.PermissionSets = append(s.PermissionSets, snapshot.PermissionSet{ID: strings.ToLower(set.ID), Name: set.Name, Permissions: set.Permissions})
	}
	for _, p := range r.providers {
		s.Providers = append(s.Providers, provider(p))
	}
	for _, c := range r.collections {
		s.Collections = append(s.Collections, snapshot.Collection{ID: c.ID, Name: c.Name, Description: c.Description, Query: c.Query})
	}
	for part, times := range r.rereads {
		s.Rereads = append(s.Rereads, snapshot.Reread{Part: part, Times: times})
	}
	s.Gaps = append(sum(r.gaps, r.asked), r.hidden(s)...)
	return s.Sorted()
}

func objects(list []named.Object) []snapshot.Object {
	out := make([]snapshot.Object, 0, len(list))
	for _, o := range list {
		out = append(out, snapshot.Object{ID: o.ID, Name: o.Name})
	}
	return out
}

// joinRoles makes one of what the versions show of each role. The two have the same
// ids on one server. A role that was deleted before it was read is not among them,
// unless version 1 shows it.
func (r *reader) joinRoles(registry *registry) []snapshot.Role {
	byID := map[int]*joined{}
	for _, role := range r.rolesV1 {
		byID[role.ID] = r.fromV1(role, registry)
	}
	for _, summary := range r.summaries {
		role, detail := byID[summary.ID], r.details[summary.ID]
		if role == nil && !r.gone[summary.ID] {
			role = fromSummary(summary)
			byID[summary.ID] = role
		}
		if detail != nil {
			role.addV2(detail, registry)
		}
	}
	out := make([]snapshot.Role, 0, len(byID))
	for id, role := range byID {
		if names, known := r.objectNames[id]; known {
			role.Names, role.ObjectNames = slices.Concat(role.Names, names), true
		}
		out = append(out, role.Role)
	}
	return out
}

// joined is a role that is being joined, and where its holders are in its list.
type joined struct {
	snapshot.Role

	at map[*snapshot.Claim]int
}

// hold notes that a claim holds the role, as a version shows.
func (j *joined) hold(claim *snapshot.Claim, version int) {
	claim.Versions = union(claim.Versions, version)
	if at, found := j.at[claim]; found {
		j.Holders[at].Versions = union(j.Holders[at].Versions, version)
		return
	}
	j.at[claim] = len(j.Holders)
	j.Holders = append(j.Holders, snapshot.Holder{Key: claim.Key, Versions: []int{version}})
}

// fromSummary is a role of which nothing but the list of version 2 is known.
func fromSummary(s roles.SummaryV2) *joined {
	return &joined{at: map[*snapshot.Claim]int{}, Role: snapshot.Role{
		ID: s.ID, Name: s.Name, EmailAddress: text(s.EmailAddress), Immutable: s.Immutable, PermissionSetID: guid(s.PermissionSetID),
	}}
}

func (r *reader) fromV1(v1 roles.RoleV1, registry *registry) *joined {
	role := &joined{at: map[*snapshot.Claim]int{}, Role: snapshot.Role{
		ID: v1.ID, Name: v1.Name, Description: v1.Description, EmailAddress: text(v1.EmailAddress),
		PermissionSetID: guid(v1.PermissionSetID), Immutable: v1.Immutable, Enabled: new(v1.Enabled), Private: new(v1.Private),
		Versions: []int{1}, Names: v1.Permissions,
	}}
	if !r.opts.SkipSignatures {
		role.Valid = v1.Valid
	}
	for _, identity := range v1.Identities {
		role.hold(registry.identity(identityKey(identity.IdentityType, identity.AccountName)), 1)
	}
	return role
}

// addV2 adds what version 2 shows. Where both show the same thing, version 2 counts.
func (j *joined) addV2(v2 *roles.RoleV2, registry *registry) {
	j.Name, j.Description, j.EmailAddress = v2.Name, v2.Description, text(v2.EmailAddress)
	j.PermissionSetID, j.Immutable, j.Paths = guid(v2.PermissionSetID), v2.Immutable, v2.Permissions
	j.Versions = append(j.Versions, 2)
	for _, claim := range v2.Claims {
		j.hold(registry.claim(claim.Key()), 2)
	}
}

// union adds a version to a sorted list that may have it already.
func union(versions []int, version int) []int {
	if at, found := slices.BinarySearch(versions, version); !found {
		return slices.Insert(versions, at, version)
	}
	return versions
}

// identityKey is the natural key of an identity.
func identityKey(kind identities.Type, account string) snapshot.Key {
	return snapshot.Key{Type: holders.Type(kind), Value: account, Scheme: holders.SchemeActiveDirectory}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

const zeroGUID = "00000000-0000-0000-0000-000000000000"

// guid is a GUID in the one form of all of its spellings; that of nothing is empty.
func guid(s string) string {
	if s == zeroGUID {
		return ""
	}
	return strings.ToLower(s)
}

// parameters are those of an identity provider that say who it is and how it names
// people. All others stay out of a snapshot: they may be secrets.
var parameters = map[string]bool{
	"Authority": true, "AuthorizationEndpoint": true, "TokenEndpoint": true, "UserInfoEndpoint": true, "JSONWebKeySetUri": true,
	"ClientId": true, "NameClaimType": true, "RoleClaimType": true, "UniqueClaimType": true, "FallbackUniqueClaimType": true,
	"OIDCScope": true, "OIDCAudience": true, "SignOutUrl": true, "Auth0ApiUrl": true,
}

func provider(p providers.Provider) snapshot.Provider {
	out := snapshot.Provider{
		ID: strings.ToLower(p.ID), Scheme: cmp.Or(p.AuthenticationScheme, p.DisplayName), Name: p.DisplayName,
		TypeID: guid(p.TypeID), PermissionSetID: guid(p.PermissionSetID), Enabled: p.AuthenticationEnabled,
	}
	for _, v := range p.Parameters {
		if parameters[v.Name] && v.SecretValue == nil && v.Value != "" {
			if out.Parameters == nil {
				out.Parameters = map[string]string{}
			}
			out.Parameters[v.Name] = plain(v.Value)
		}
	}
	return out
}

// plain is a value without what a URL can hold of secrets: a password, a query.
func plain(value string) string {
	if !strings.Contains(value, "://") {
		return value
	}
	u, err := url.Parse(value)
	if err != nil {
		return "(not a URL)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// hidden are the gaps about what the server's lists lack although roles or claims refer
// to it: the account may not see all of them.
func (r *reader) hidden(s *snapshot.Snapshot) []snapshot.Gap {
	missing := map[snapshot.Gap]bool{}
	note := func(part snapshot.Part, object, detail string) {
		missing[snapshot.Gap{Part: part, Object: object, Reason: snapshot.ReasonHidden, Detail: detail}] = true
	}
	sets, schemes := map[string]bool{}, map[string]bool{}
	for _, set := range s.PermissionSets {
		sets[set.ID] = true
	}
	for _, p := range s.Providers {
		schemes[names.Fold(p.Scheme)] = true
	}
	for _, role := range s.Roles {
		if id := role.PermissionSetID; r.listed[snapshot.PartPermissionSets] && id != "" && !sets[id] {
			note(snapshot.PartPermissionSets, id, "roles are in this permission set, and the list lacks it")
		}
	}
	for _, c := range s.Claims {
		if scheme := c.Key.Scheme; r.listed[snapshot.PartProviders] && scheme != "" && !schemes[names.Fold(scheme)] {
			note(snapshot.PartProviders, scheme, "claims have this scheme, and the list lacks it")
		}
	}
	return slices.Collect(maps.Keys(missing))
}
