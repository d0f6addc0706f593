package permissionsets_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"testing"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/permissionsets"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { apitest.Main(m) }

const setID = "11111111-2222-3333-4444-555555555555"

// global is the set of testdata/sets.json.
func global() permissionsets.PermissionSet {
	return permissionsets.PermissionSet{ID: permissionsets.GlobalID, Name: "Global", Permissions: []permissions.Path{"/"}}
}

func operational() permissionsets.PermissionSet {
	return permissionsets.PermissionSet{ID: setID, Name: "Operational", Permissions: []permissions.Path{"/agents/", "/certificates/", "/portal/"}}
}

func TestV1(t *testing.T) {
	t.Parallel()
	set := operational()
	answer := apitest.Fixture(t, "set.json")
	for name, test := range map[string]struct {
		exchange apitest.Exchange
		call     func(context.Context, *permissionsets.V1) (any, error)
		want     any
	}{
		"List": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/PermissionSets", Version: 1, Query: "SortField=Id&SortAscending=1&PageReturned=1&ReturnLimit=50",
				Header: http.Header{"X-Total-Count": {"1"}}, Answer: apitest.Fixture(t, "sets.json"),
			},
			call: func(ctx context.Context, s *permissionsets.V1) (any, error) {
				return s.List(ctx, &permissionsets.ListOptions{
					SortBy: permissionsets.SortID, Order: security.Descending, Page: 1, PageSize: 50,
				})
			},
			want: &security.Page[permissionsets.PermissionSet]{Items: []permissionsets.PermissionSet{global()}, Number: 1, Size: 50, Total: 1},
		},
		"All": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/PermissionSets", Version: 1, Query: "SortField=Id&PageReturned=1&ReturnLimit=200",
				Header: http.Header{"X-Total-Count": {"1"}}, Answer: apitest.Fixture(t, "sets.json"),
			},
			call: func(ctx context.Context, s *permissionsets.V1) (any, error) { return security.Collect(s.All(ctx, nil)) },
			want: []permissionsets.PermissionSet{global()},
		},
		"Get": {
			exchange: apitest.Exchange{Method: "GET", Path: "/PermissionSets/" + setID, Version: 1, Answer: answer},
			call:     func(ctx context.Context, s *permissionsets.V1) (any, error) { return s.Get(ctx, setID) },
			want:     &set,
		},
		"Create": {
			exchange: apitest.Exchange{
				Method: "POST", Path: "/PermissionSets", Version: 1,
				Body: `{"Name":"Operational","Permissions":["/agents/","/certificates/","/portal/"]}`, Answer: answer,
			},
			call: func(ctx context.Context, s *permissionsets.V1) (any, error) {
				return s.Create(ctx, permissionsets.Create{Name: "Operational", Permissions: operational().Permissions})
			},
			want: &set,
		},
		"Create without permissions": {
			exchange: apitest.Exchange{
				Method: "POST", Path: "/PermissionSets", Version: 1, Body: `{"Name":"Empty","Permissions":[]}`,
				Answer: `{"Id":"` + setID + `","Name":"Empty","Permissions":[]}`,
			},
			call: func(ctx context.Context, s *permissionsets.V1) (any, error) {
				return s.Create(ctx, permissionsets.Create{Name: "Empty"})
			},
			want: &permissionsets.PermissionSet{ID: setID, Name: "Empty", Permissions: []permissions.Path{}},
		},
		"Update": {
			exchange: apitest.Exchange{
				Method: "PUT", Path: "/PermissionSets", Version: 1,
				Body: `{"Id":"` + setID + `","Permissions":["/agents/","/certificates/","/portal/"]}`, Answer: answer,
			},
			call: func(ctx context.Context, s *permissionsets.V1) (any, error) {
				return s.Update(ctx, operational().ToUpdate())
			},
			want: &set,
		},
		"Update to nothing": {
			exchange: apitest.Exchange{
				Method: "PUT", Path: "/PermissionSets", Version: 1, Body: `{"Id":"` + setID + `","Permissions":[]}`,
				Answer: `{"Id":"` + setID + `","Name":"Operational","Permissions":[]}`,
			},
			call: func(ctx context.Context, s *permissionsets.V1) (any, error) {
				return s.Update(ctx, permissionsets.Update{ID: setID})
			},
			want: &permissionsets.PermissionSet{ID: setID, Name: "Operational", Permissions: []permissions.Path{}},
		},
		"Delete": {
			exchange: apitest.Exchange{Method: "DELETE", Path: "/PermissionSets/" + setID, Version: 1, Status: 204},
			call:     func(ctx context.Context, s *permissionsets.V1) (any, error) { return nil, s.Delete(ctx, setID) },
		},
		"Mine": {
			exchange: apitest.Exchange{
				Method: "GET", Path: "/PermissionSets/My", Version: 1, Query: "accessControlString=%2Fcertificates%2Fcollections%2Fmodify%2F",
				Answer: apitest.Fixture(t, "mine.json"),
			},
			call: func(ctx context.Context, s *permissionsets.V1) (any, error) {
				return s.Mine(ctx, "/certificates/collections/modify/")
			},
			want: []permissionsets.Held{{
				ID: permissionsets.GlobalID, Name: "Global", Permissions: []permissions.Path{"/"},
				Roles: []permissionsets.RoleRef{{ID: 1, Name: "Administrator"}},
			}},
		},
		"Available": {
			exchange: apitest.Exchange{Method: "GET", Path: "/Permissions", Version: 1, Answer: `["/","/agents/","/agents/management/read/"]`},
			call:     func(ctx context.Context, s *permissionsets.V1) (any, error) { return s.Available(ctx) },
			want:     []permissions.Path{"/", "/agents/", "/agents/management/read/"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), permissionsets.NewV1(apitest.Client(t, test.exchange)))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("result is %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	apitest.Lossless[[]permissionsets.PermissionSet](t, apitest.Fixture(t, "sets.json"))
	apitest.Lossless[permissionsets.PermissionSet](t, apitest.Fixture(t, "set.json"))
	apitest.Lossless[[]permissionsets.Held](t, apitest.Fixture(t, "mine.json"))
	// Servers before Command 25.2 do not name the roles, and some write camelCase.
	var held []permissionsets.Held
	if err := json.Unmarshal([]byte(`[{"id":"`+setID+`","name":"Operational","permissions":null}]`), &held); err != nil {
		t.Fatal(err)
	}
	if want := []permissionsets.Held{{ID: setID, Name: "Operational"}}; !reflect.DeepEqual(held, want) {
		t.Errorf("held are %+v, want %+v", held, want)
	}
}

func TestUpdateIsACopy(t *testing.T) {
	t.Parallel()
	set := operational()
	set.ToUpdate().Permissions[0] = "/"
	if !reflect.DeepEqual(set, operational()) {
		t.Errorf("changing the update changed the set: %+v", set)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s := permissionsets.NewV1(apitest.Client(t))
	ctx := t.Context()
	_, err := s.Create(ctx, permissionsets.Create{Permissions: []permissions.Path{"/agents/", "", "Certificates:Read"}})
	apitest.Refused(t, err, "Name", "Permissions[1]", "Permissions[2]")
	_, err = s.Update(ctx, permissionsets.Update{Permissions: []permissions.Path{"/a//b/"}})
	apitest.Refused(t, err, "ID", "Permissions[0]")
	for _, id := range []string{"", "1", "Global", "../Permissions", setID + "0", "{" + setID[2:] + "}"} {
		_, err := s.Get(ctx, id)
		apitest.Refused(t, err, "id")
		apitest.Refused(t, s.Delete(ctx, id), "id")
		_, err = s.Update(ctx, permissionsets.Update{ID: id})
		apitest.Refused(t, err, "ID")
	}
	for _, path := range []permissions.Path{"", "Certificates:Read", "/a b/"} {
		_, err := s.Mine(ctx, path)
		apitest.Refused(t, err, "path")
	}
	for field, opts := range map[string]permissionsets.ListOptions{"Page": {Page: -1}, "PageSize": {PageSize: -1}, "Order": {Order: 3}} {
		_, err := s.List(ctx, &opts)
		apitest.Refused(t, err, field)
		_, err = security.Collect(s.All(ctx, &opts))
		apitest.Refused(t, err, field)
	}
}

// TestAnotherObject: an answer about another set than the one asked for is none.
func TestAnotherObject(t *testing.T) {
	t.Parallel()
	const other = `{"Id":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee","Name":"Other","Permissions":["/"]}`
	for _, answer := range []string{other, `{}`, `{"Message":"An error occurred"}`} {
		client := func(method, path, body string) *permissionsets.V1 {
			return permissionsets.NewV1(apitest.Client(t, apitest.Exchange{Method: method, Path: path, Version: 1, Body: body, Answer: answer}))
		}
		if set, err := client("GET", "/PermissionSets/"+setID, "").Get(t.Context(), setID); err == nil {
			t.Errorf("Get answered with %s gives %+v", answer, set)
		}
		_, err := client("PUT", "/PermissionSets", `{"Id":"`+setID+`","Permissions":[]}`).Update(t.Context(), permissionsets.Update{ID: setID})
		if !errors.Is(err, security.ErrUnknownOutcome) {
			t.Errorf("Update answered with %s: %v", answer, err)
		}
		if _, err := client("POST", "/PermissionSets", `{"Name":"New","Permissions":[]}`).Create(t.Context(), permissionsets.Create{Name: "New"}); answer != other && !errors.Is(err, security.ErrUnknownOutcome) {
			t.Errorf("Create answered with %s: %v", answer, err)
		}
	}
}
