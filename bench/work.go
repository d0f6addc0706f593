package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// The numbers that the measurements are about.
const (
	pageRoles    = 1_000
	walkRoles    = 10_000
	memoryRoles  = 100_000
	detailsRoles = 1_000
	pageSize     = 50
	inFlight     = 8
	latency      = 20 * time.Millisecond

	roleID    = 5 // any but the built-in ones
	oauthRole = 4 // its number on the wire
)

// Works is everything that is measured with a server. skipped says why
// something is not.
func Works(ctx context.Context, s *Server) (list []Work, skipped string, err error) {
	var errs []error
	made := func(c *clients, err error) *clients {
		errs = append(errs, err)
		return c
	}
	small := made(newClients(s, s.Base(pageRoles, 0), nil))
	local := made(localClients(ctx, s, small))
	large := made(newClients(s, s.Base(walkRoles, 0), nil))
	slow := made(newClients(s, s.Base(walkRoles, latency), nil))
	slowSmall := made(newClients(s, s.Base(detailsRoles, latency), nil))
	live := made(newClients(s, s.LiveBase(), nil))
	if err := errors.Join(errs...); err != nil {
		return nil, "", err
	}
	pages := walkRoles / pageSize
	list = []Work{
		{Name: "one role", Ops: 200, Ways: []Way{
			{"floor", small.floorGet},
			{"this library", small.get},
		}},
		{Name: "one role, without a network", Ops: 1000, Ways: []Way{
			{"floor", local.floorGet},
			{"this library", local.get},
		}},
		{Name: "a page of 1,000 roles", Ops: 20, Ways: []Way{
			{"floor", small.floorPage},
			{"this library", small.page},
		}},
		{Name: "a page of 1,000 roles, without a network", Ops: 20, Ways: []Way{
			{"floor", local.floorPage},
			{"this library", local.page},
		}},
		{Name: "10,000 roles, 50 a page", Ops: 1, Ways: []Way{
			{"floor, page after page", large.floorWalk},
			{"this library, 1 at a time", large.walk(1)},
			{"this library, 4 at a time", large.walk(4)},
			{"this library, 8 at a time", large.walk(inFlight)},
		}},
		{Name: "10,000 roles, 50 a page, 20 ms a request", Ops: 1, Rounds: 5, Ideal: latency * time.Duration(pages) / inFlight, Ways: []Way{
			{"floor, page after page", slow.floorWalk},
			{"this library, 8 at a time", slow.walk(inFlight)},
		}},
		{Name: "1,000 roles in full, 20 ms a request", Ops: 1, Rounds: 5, Ideal: latency * detailsRoles / inFlight, Ways: []Way{
			{"floor, 8 workers", slowSmall.floorDetails},
			{"this library, 8 at a time", slowSmall.details},
		}},
		{Name: "add a claim to a role, or take it away", Ops: 50, Ways: []Way{
			{"floor, 3 plain requests", live.floorEdit},
			{"this library, Edit", live.edit},
		}},
	}
	if s.Addr443 == "" {
		return list, "the published client only reaches port 443, and nothing may listen there: " + s.Why443, nil
	}
	on443, err := newClients(s, "https://127.0.0.1"+apiPath(strconv.Itoa(pageRoles), 0), nil)
	if err != nil {
		return nil, "", err
	}
	other, err := newPeer(s, apiPath(strconv.Itoa(pageRoles), 0))
	if err != nil {
		return list, "the published client cannot be made: " + err.Error(), nil //nolint:nilerr // told in words
	}
	return append(
		list,
		Work{Name: "one role, port 443", Ops: 50, Ways: []Way{
			{"floor", on443.floorGet},
			{"this library", on443.get},
			{"published client", other.get},
		}},
		Work{Name: "a page of 1,000 roles, port 443", Ops: 20, Ways: []Way{
			{"floor", on443.floorPage},
			{"this library", on443.page},
			{"published client", other.page},
		}},
	), "", nil
}

// clients are the ways to talk to one server.
type clients struct {
	floor floor
	ours  *roles.V2
	claim bool // whether the edited role has the claim
}

// newClients makes clients that go through rt, or over connections of their own
// where it is nil.
func newClients(s *Server, base string, rt http.RoundTripper) (*clients, error) {
	transport := func(trust *tls.Config) http.RoundTripper {
		if rt != nil {
			return rt
		}
		own := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type
		own.TLSClientConfig = trust
		own.MaxIdleConnsPerHost = 64
		return own
	}
	client, err := security.NewClient(base, security.WithBasicAuth(s.Username, s.Password),
		security.WithHTTPClient(&http.Client{Transport: transport(s.TLS())}))
	if err != nil {
		return nil, err
	}
	auth := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.Username+":"+s.Password))
	return &clients{
		floor: floor{http: &http.Client{Transport: transport(s.TLS())}, base: base, auth: auth},
		ours:  roles.NewV2(client),
	}, nil
}

// localClients makes clients that get the answers that over has got, from
// memory: what is measured with them is the client without net/http's transport.
func localClients(ctx context.Context, s *Server, over *clients) (*clients, error) {
	if over == nil {
		return nil, errors.New("no clients")
	}
	kept := &memory{next: over.floor.http.Transport}
	local, err := newClients(s, over.floor.base, kept)
	if err != nil {
		return nil, err
	}
	return local, errors.Join(local.get(ctx), local.floorGet(ctx), local.page(ctx), local.floorPage(ctx))
}

// memory is a RoundTripper that gives each answer again.
type memory struct {
	next    http.RoundTripper
	answers sync.Map
}

type answer struct {
	resp *http.Response
	body []byte
}

// RoundTrip gives the answer that there is, or gets it first.
func (m *memory) RoundTrip(r *http.Request) (*http.Response, error) {
	key := *r.URL
	kept, ok := m.answers.Load(key)
	if !ok {
		resp, err := m.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return nil, err
		}
		kept = answer{resp, body}
		m.answers.Store(key, kept)
	}
	a := kept.(answer) //nolint:forcetypeassert // only such are stored
	resp := *a.resp
	resp.Request = r
	resp.Body = io.NopCloser(bytes.NewReader(a.body))
	return &resp, nil
}

func (c *clients) floorGet(ctx context.Context) error {
	role, err := c.floor.role(ctx, roleID)
	return check(err, role != nil && len(role.Claims) == 5 && len(role.Permissions) == 10)
}

func (c *clients) get(ctx context.Context) error {
	role, err := c.ours.Get(ctx, roleID)
	return check(err, role != nil && len(role.Claims) == 5 && len(role.Permissions) == 10)
}

func (c *clients) floorPage(ctx context.Context) error {
	rows, total, err := c.floor.page(ctx, 1, pageRoles)
	return check(err, len(rows) == pageRoles && total == pageRoles)
}

func (c *clients) page(ctx context.Context) error {
	page, err := c.ours.List(ctx, &roles.ListOptions{Page: 1, PageSize: pageRoles})
	return check(err, page != nil && len(page.Items) == pageRoles && page.Total == pageRoles)
}

func (c *clients) floorWalk(ctx context.Context) error {
	var count int
	for number := 1; ; number++ {
		rows, total, err := c.floor.page(ctx, number, pageSize)
		if err != nil {
			return err
		}
		count += len(rows)
		if count >= total || len(rows) == 0 {
			return check(nil, count == walkRoles)
		}
	}
}

func (c *clients) walk(concurrency int) func(context.Context) error {
	return func(ctx context.Context) error {
		var count int
		for _, err := range c.ours.All(ctx, &roles.ListOptions{PageSize: pageSize}, security.WithConcurrency(concurrency)) {
			if err != nil {
				return err
			}
			count++
		}
		return check(nil, count == walkRoles)
	}
}

// floorDetails knows the ids, and keeps what it gets.
func (c *clients) floorDetails(ctx context.Context) error {
	rows, _, err := c.floor.page(ctx, 1, detailsRoles)
	if err != nil {
		return err
	}
	list, errs := make([]*floorRole, len(rows)), make([]error, inFlight)
	next := make(chan int)
	var workers sync.WaitGroup
	for k := range inFlight {
		workers.Go(func() {
			for i := range next {
				if list[i], err = c.floor.role(ctx, rows[i].ID); err != nil {
					errs[k] = err
				}
			}
		})
	}
	for i := range rows {
		next <- i
	}
	close(next)
	workers.Wait()
	return check(errors.Join(errs...), len(list) == detailsRoles)
}

func (c *clients) details(ctx context.Context) error {
	var count int
	for _, err := range c.ours.Details(ctx, nil, security.WithConcurrency(inFlight)) {
		if err != nil {
			return err
		}
		count++
	}
	return check(nil, count == detailsRoles)
}

// edited is the claim that comes and goes.
var edited = claims.Request{Type: claims.TypeOAuthRole, Value: "pki-visitors", Scheme: "System", Description: "Come and go"}

func (c *clients) floorEdit(ctx context.Context) error {
	c.claim = !c.claim
	return c.floor.edit(ctx, roleID, func(list []floorClaimRequest) []floorClaimRequest {
		if c.claim {
			return append(list, floorClaimRequest{edited.Description, oauthRole, edited.Value, edited.Scheme})
		}
		return slices.DeleteFunc(list, func(r floorClaimRequest) bool {
			return r.ClaimValue == edited.Value && r.ProviderAuthenticationScheme == edited.Scheme
		})
	})
}

func (c *clients) edit(ctx context.Context) error {
	c.claim = !c.claim
	var role *roles.RoleV2
	var err error
	want := 5
	if c.claim {
		want++
		role, err = c.ours.AddClaims(ctx, roleID, []claims.Request{edited})
	} else {
		role, err = c.ours.RemoveClaims(ctx, roleID, []claims.Key{edited.Key()})
	}
	return check(err, role != nil && len(role.Claims) == want)
}

func check(err error, right bool) error {
	if err == nil && !right {
		err = fmt.Errorf("the answer is not what it should be")
	}
	return err
}
