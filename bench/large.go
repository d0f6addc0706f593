package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

// largeRole is a server in memory that has one role with many permissions or
// claims. It has two answers ready, without and with one more item, and reads a
// PUT only to see which of them is right from now on: what is measured with it is
// the client. Other requests go to a simulated server.
type largeRole struct {
	without, with []byte
	item          []byte // the one more, as a PUT has it
	each          []byte // what each item of a PUT has once
	have          bool   // whether the role has the one more
	other         *securitytest.Handler
}

func newLargeRole(role floorRole, more func(*floorRole), item, each string) (*largeRole, error) {
	l := &largeRole{item: []byte(item), each: []byte(each), other: securitytest.NewHandler()}
	var err error
	if l.without, err = json.Marshal(role); err != nil {
		return nil, err
	}
	more(&role)
	l.with, err = json.Marshal(role)
	return l, err
}

// RoundTrip answers requests for the role.
func (l *largeRole) RoundTrip(r *http.Request) (*http.Response, error) {
	one := strings.HasSuffix(r.URL.Path, "/Security/Roles/"+strconv.Itoa(roleID))
	switch {
	case r.Method == http.MethodGet && one:
	case r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/Security/Roles"):
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		l.have = bytes.Contains(body, l.item)
		want := manyItems
		if l.have {
			want++
		}
		if n := bytes.Count(body, l.each); n != want {
			return nil, fmt.Errorf("the role was sent with %d items, not %d", n, want)
		}
	default:
		w := httptest.NewRecorder()
		l.other.ServeHTTP(w, r)
		return w.Result(), nil
	}
	answer := l.without
	if l.have {
		answer = l.with
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(bytes.NewReader(answer)),
	}, nil
}

// largeWorks are edits of a role with 20,000 permissions, or as many claims.
func largeWorks() ([]Work, error) {
	role := floorRole{
		ID: roleID, Name: "PKI Operators", Description: "Everything, one by one", PermissionSetID: securitytest.GlobalPermissionSetID,
		Permissions: []string{}, Claims: []floorClaim{},
	}
	byPermissions, byClaims := role, role
	for _, p := range scoped("read") {
		byPermissions.Permissions = append(byPermissions.Permissions, string(p))
	}
	for i := range manyItems {
		byClaims.Claims = append(byClaims.Claims, largeClaim(i, fmt.Sprintf("pki-team-%05d", i)))
	}
	const path = permissions.Path("/certificates/collections/read/987654/")
	onPermissions, err := newLargeRole(byPermissions, func(r *floorRole) {
		r.Permissions = append(slices.Clone(r.Permissions), string(path))
	}, string(path), `"/certificates/`)
	if err != nil {
		return nil, err
	}
	onClaims, err := newLargeRole(byClaims, func(r *floorRole) {
		r.Claims = append(slices.Clone(r.Claims), largeClaim(manyItems, edited.Value))
	}, `"`+edited.Value+`"`, `"ClaimValue":`)
	if err != nil {
		return nil, err
	}
	p, err := largeClients(onPermissions)
	if err != nil {
		return nil, err
	}
	c, err := largeClients(onClaims)
	if err != nil {
		return nil, err
	}
	list := []Work{
		{Name: "`Edit` of a role with 20,000 permissions, no change", Ways: []Way{
			{"floor, 1 plain request", p.floorRead},
			{"this library, `Edit`", p.editNothing},
		}},
		{Name: "grant or revoke one of 20,000 permissions", Ways: []Way{
			{"floor, 3 plain requests", func(ctx context.Context) error {
				return p.floor.edit(ctx, roleID, func(u *floorUpdate) {
					u.Permissions = toggle(u.Permissions, func(held string) bool { return held == string(path) }, string(path))
				})
			}},
			{"this library, `Grant`, `Revoke`", func(ctx context.Context) error {
				return p.grant(ctx, onPermissions.have, path)
			}},
		}},
		{Name: "`Edit` of a role with 20,000 claims, no change", Ways: []Way{
			{"floor, 1 plain request", c.floorRead},
			{"this library, `Edit`", c.editNothing},
		}},
		{Name: "add or remove one of 20,000 claims", Ways: []Way{
			{"floor, 3 plain requests", c.floorEdit},
			{"this library, `AddClaims`, `RemoveClaims`", func(ctx context.Context) error {
				return c.editClaims(ctx, onClaims.have, manyItems)
			}},
		}},
	}
	for i := range list {
		list[i].Ops, list[i].Rounds = 1, 11
	}
	// JSON with 20,000 claims alone takes longer than the target, so that theirs is on top of the floor.
	for i := range list[:2] {
		list[i].Targets = []Target{quick(list[i].Name, 1, "this library")}
	}
	// The changes of claims have no target: three times 4 MB of JSON is what they cost.
	list[2].Targets = []Target{{
		list[2].Name + ", this library: CPU over the floor's", quickly, "ms",
		func(r []Result) float64 { return milliseconds(r[1]) - milliseconds(r[0]) },
	}}
	return list, nil
}

func largeClaim(id int, value string) floorClaim {
	c := floorClaim{ID: id + 1, Description: "Members of a team", ClaimType: "OAuthRole", ClaimValue: value}
	c.Provider.ID, c.Provider.AuthenticationScheme, c.Provider.DisplayName = "c70e8641-a543-45b1-a47f-8b7d253fbf14", "System", "System"
	return c
}

func largeClients(l *largeRole) (*clients, error) {
	return newClients(&Server{Username: l.other.Username, Password: l.other.Password}, "https://memory.example/KeyfactorAPI", l)
}

func (c *clients) floorRead(ctx context.Context) error {
	role, err := c.floor.role(ctx, roleID)
	return check(err, role != nil && len(role.Permissions)+len(role.Claims) >= manyItems)
}

func (c *clients) editNothing(ctx context.Context) error {
	role, change, err := c.ours.Edit(ctx, roleID, func(*roles.UpdateV2) error { return nil })
	return check(err, role != nil && len(role.Permissions)+len(role.Claims) >= manyItems && len(change.Fields) == 0)
}

func (c *clients) grant(ctx context.Context, held bool, path permissions.Path) error {
	var role *roles.RoleV2
	var err error
	want := manyItems
	if held {
		role, _, err = c.ours.Revoke(ctx, roleID, []permissions.Path{path})
	} else {
		want++
		role, _, err = c.ours.Grant(ctx, roleID, []permissions.Path{path})
	}
	return check(err, role != nil && len(role.Permissions) == want)
}

// editClaims adds a claim to a role that then has one more than it has without,
// or removes it if the role has it.
func (c *clients) editClaims(ctx context.Context, held bool, without int) error {
	var role *roles.RoleV2
	var err error
	want := without
	if held {
		role, _, err = c.ours.RemoveClaims(ctx, roleID, []claims.Key{edited.Key()})
	} else {
		want++
		role, _, err = c.ours.AddClaims(ctx, roleID, []claims.Request{edited})
	}
	return check(err, role != nil && len(role.Claims) == want)
}

// toggle adds item to list, or removes it if list has it.
func toggle[T any](list []T, is func(T) bool, item T) []T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return append(list, item)
}
