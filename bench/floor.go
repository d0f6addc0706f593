package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// floor is plain code for the same work: one function for a request, plain
// types, no retries, no checks of the input, no cap, no timeout.
type floor struct {
	http *http.Client
	base string
	auth string
}

type floorRole struct {
	ID              int          `json:"Id"`
	Name            string       `json:"Name"`
	Description     string       `json:"Description"`
	EmailAddress    *string      `json:"EmailAddress"`
	Immutable       bool         `json:"Immutable"`
	PermissionSetID string       `json:"PermissionSetId"`
	Permissions     []string     `json:"Permissions"`
	Claims          []floorClaim `json:"Claims"`
}

type floorClaim struct {
	ID          int    `json:"Id"`
	Description string `json:"Description"`
	ClaimType   string `json:"ClaimType"`
	ClaimValue  string `json:"ClaimValue"`
	Provider    struct {
		ID                   string `json:"Id"`
		AuthenticationScheme string `json:"AuthenticationScheme"`
		DisplayName          string `json:"DisplayName"`
	} `json:"Provider"`
}

type floorSummary struct {
	ID              int `json:"Id"`
	Name            string
	EmailAddress    *string
	Immutable       bool
	PermissionSetID string `json:"PermissionSetId"`
	ClaimsCount     int
}

type floorUpdate struct {
	ID              int `json:"Id"`
	Name            string
	Description     string
	EmailAddress    *string
	PermissionSetID string `json:"PermissionSetId"`
	Permissions     []string
	Claims          []floorClaimRequest
}

type floorClaimRequest struct {
	Description                  string
	ClaimType                    int
	ClaimValue                   string
	ProviderAuthenticationScheme string
}

func (f *floor) send(ctx context.Context, method, path string, body, into any) (http.Header, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, f.base+path, reader)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", f.auth)
	r.Header.Set("X-Keyfactor-Requested-With", "APIClient")
	r.Header.Set("X-Keyfactor-Api-Version", "2")
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := f.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return resp.Header, decode(resp, into)
}

// decode reads the whole body first. That is cheaper than a json.Decoder, which
// has to grow its buffer.
func decode(resp *http.Response, into any) error {
	var raw []byte
	var err error
	if resp.ContentLength >= 0 {
		raw = make([]byte, resp.ContentLength)
		_, err = io.ReadFull(resp.Body, raw)
	} else {
		raw, err = io.ReadAll(resp.Body)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func (f *floor) role(ctx context.Context, id int) (*floorRole, error) {
	role := new(floorRole)
	_, err := f.send(ctx, http.MethodGet, "/Security/Roles/"+strconv.Itoa(id), nil, role)
	return role, err
}

func (f *floor) page(ctx context.Context, number, size int) (rows []floorSummary, total int, err error) {
	header, err := f.send(ctx, http.MethodGet, "/Security/Roles?PageReturned="+strconv.Itoa(number)+"&ReturnLimit="+strconv.Itoa(size), nil, &rows)
	if err != nil {
		return nil, 0, err
	}
	total, err = strconv.Atoi(header.Get("X-Total-Count"))
	return rows, total, err
}

// edit changes a role: read, write, read again to see that the change is there.
func (f *floor) edit(ctx context.Context, id int, change func(*floorUpdate)) error {
	role, err := f.role(ctx, id)
	if err != nil {
		return err
	}
	update := floorUpdate{role.ID, role.Name, role.Description, role.EmailAddress, role.PermissionSetID, role.Permissions, nil}
	for _, c := range role.Claims {
		update.Claims = append(update.Claims, floorClaimRequest{c.Description, oauthRole, c.ClaimValue, c.Provider.AuthenticationScheme})
	}
	change(&update)
	if _, err := f.send(ctx, http.MethodPut, "/Security/Roles", update, new(floorRole)); err != nil {
		return err
	}
	role, err = f.role(ctx, id)
	if err == nil && (len(role.Claims) != len(update.Claims) || len(role.Permissions) != len(update.Permissions)) {
		err = fmt.Errorf("the role has %d permissions and %d claims, not %d and %d",
			len(role.Permissions), len(role.Claims), len(update.Permissions), len(update.Claims))
	}
	return err
}
