package bench

import (
	"bytes"
	"context"
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
	detailsRoles = 1_000
	pageSize     = 50 // the server's default
	inFlight     = 8
	latency      = 20 * time.Millisecond
	manyItems    = 20_000 // permissions or claims of one role

	// What the library does without options: the page size and the number of requests under way.
	defaultPageSize    = 200
	defaultConcurrency = 4

	roleID    = 5 // any except the built-in ones
	oauthRole = 4 // its number on the wire
)

// Works is everything that is measured in this process. skipped says why
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
	slowGoverned := made(newClients(s, s.GovernedBase(latency), nil))
	edits, err := largeWorks()
	applying, failed := applyWork(ctx, s)
	if err := errors.Join(append(errs, err, failed)...); err != nil {
		return nil, "", err
	}
	list = []Work{
		{Name: "one role", Ops: 200, Ways: []Way{
			{"floor", small.floorGet},
			{"this library", small.get},
		}, Targets: []Target{
			{"one role: CPU", 1.15, "× floor", func(r []Result) float64 { return r[1].Ratio.CPU }},
			{"one role: allocations over the floor's", 25, "", func(r []Result) float64 { return r[1].Cost.Allocs - r[0].Cost.Allocs }},
		}},
		{Name: "one role, without a network", Ops: 1000, Ways: []Way{
			{"floor", local.floorGet},
			{"this library", local.get},
		}},
		{Name: "a page of 1,000 roles", Ops: 20, Ways: []Way{
			{"floor", small.floorPage},
			{"this library", small.page},
		}, Targets: []Target{
			{"a page of 1,000 roles: time", 1.05, "× floor", func(r []Result) float64 { return r[1].Ratio.Time }},
			{"a page of 1,000 roles: CPU", 1.05, "× floor", func(r []Result) float64 { return r[1].Ratio.CPU }},
			{"a page of 1,000 roles: allocations", 1.02, "× floor", func(r []Result) float64 { return r[1].Ratio.Allocs }},
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
		atIdeal(walkRoles/pageSize, inFlight, 1, Work{Name: "10,000 roles, 50 a page, 20 ms a request", Ways: []Way{
			{"floor, page after page", slow.floorWalk},
			{"this library, 8 at a time", slow.walk(inFlight)},
		}}),
		atIdeal(detailsRoles, inFlight, 1, Work{Name: "1,000 roles in full, 20 ms a request", Ways: []Way{
			{"floor, 8 workers", slowSmall.floorDetails},
			{"this library, `Details`, 8 at a time", slowSmall.details},
		}}),
		{Name: "add a claim to a role, or remove it", Ops: 50, Ways: []Way{
			{"floor, 3 plain requests", live.floorEdit},
			{"this library, `AddClaims`, `RemoveClaims`", live.edit},
		}},
	}
	published, skipped, err := publishedWorks(s)
	return slices.Concat(list, published, governanceWorks(slowGoverned.client), []Work{applying}, edits, setWorks()), skipped, err
}

// publishedWorks compare with the client that Keyfactor publishes.
func publishedWorks(s *Server) (list []Work, skipped string, err error) {
	if s.Addr443 == "" {
		return nil, "the published client can only reach port 443, and nothing may listen there: " + s.Why443, nil
	}
	one, all := apiPath(strconv.Itoa(pageRoles), 0), apiPath(strconv.Itoa(walkRoles), latency)
	small, err := newClients(s, "https://127.0.0.1"+one, nil)
	if err != nil {
		return nil, "", err
	}
	slow, err := newClients(s, "https://127.0.0.1"+all, nil)
	if err != nil {
		return nil, "", err
	}
	other, err := newPeer(s, one)
	if err != nil {
		return nil, "", fmt.Errorf("make the published client: %w", err)
	}
	otherSlow, err := newPeer(s, all)
	if err != nil {
		return nil, "", fmt.Errorf("make the published client: %w", err)
	}
	return []Work{
		{Name: "one role, port 443", Ops: 50, Ways: []Way{
			{"floor", small.floorGet},
			{"this library", small.get},
			{"published client", other.get},
		}},
		{Name: "a page of 1,000 roles, port 443", Ops: 20, Ways: []Way{
			{"floor", small.floorPage},
			{"this library", small.page},
			{"published client", other.page},
		}},
		atIdeal(walkRoles/defaultPageSize, defaultConcurrency, 0, Work{Name: "10,000 roles as a user writes it, 20 ms a request", Ways: []Way{
			{"this library, defaults", slow.walkDefault},
			{"published client, 100 a page", otherSlow.walkToTotal},
			{"published client, default page", otherSlow.walkToEmpty},
			{"floor, default page", slow.floorWalk},
		}}),
	}, "", nil
}

// atIdeal completes a work that takes seconds. If the server's latency were all
// that counts, it would take that many requests, concurrent at a time; way keeps
// to 1.3 times that.
func atIdeal(requests, concurrent, way int, w Work) Work {
	w.Ops, w.Rounds, w.Ideal = 1, 5, latency*time.Duration(requests)/time.Duration(concurrent)
	w.Targets = []Target{{w.Name + ": time", 1.3, "× ideal", func(r []Result) float64 {
		return float64(r[way].Cost.Time) / float64(w.Ideal)
	}}}
	return w
}

// clients are the ways to talk to one server.
type clients struct {
	floor  floor
	client *security.Client
	ours   *roles.V2
	claim  bool // whether the edited role has the claim
}

// newClients makes clients that go through rt, or over connections of their own
// if it is nil.
func newClients(s *Server, base string, rt http.RoundTripper) (*clients, error) {
	transport := func() http.RoundTripper {
		if rt != nil {
			return rt
		}
		own := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type
		own.TLSClientConfig = s.TLS()
		own.MaxIdleConnsPerHost = 64
		return own
	}
	client, err := security.NewClient(base, security.WithBasicAuth(s.Username, s.Password),
		security.WithHTTPClient(&http.Client{Transport: transport()}))
	if err != nil {
		return nil, err
	}
	auth := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.Username+":"+s.Password))
	return &clients{
		floor:  floor{http: &http.Client{Transport: transport()}, base: base, auth: auth},
		client: client,
		ours:   roles.NewV2(client),
	}, nil
}

// localClients makes clients that get from memory the answers that over has got:
// what is measured with them is the client without net/http's transport.
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

// memory is a RoundTripper that gives each answer from memory after the first time.
type memory struct {
	next    http.RoundTripper
	answers sync.Map
}

type answer struct {
	resp *http.Response
	body []byte
}

// RoundTrip gives the answer that is kept, or gets it first.
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
	page, err := c.ours.List(ctx, &roles.ListOptionsV2{Page: 1, PageSize: pageRoles})
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
		for _, err := range c.ours.All(ctx, &roles.ListOptionsV2{PageSize: pageSize}, security.WithConcurrency(concurrency)) {
			if err != nil {
				return err
			}
			count++
		}
		return check(nil, count == walkRoles)
	}
}

// walkDefault is a walk without any option.
func (c *clients) walkDefault(ctx context.Context) error {
	var count int
	for _, err := range c.ours.All(ctx, nil) {
		if err != nil {
			return err
		}
		count++
	}
	return check(nil, count == walkRoles)
}

// floorDetails lists the ids in one page, and keeps what it gets.
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

// edited is the claim that is added and removed.
var edited = claims.Request{Type: claims.TypeOAuthRole, Value: "pki-visitors", Scheme: "System", Description: "Visitors"}

func (c *clients) floorEdit(ctx context.Context) error {
	c.claim = !c.claim
	return c.floor.edit(ctx, roleID, func(u *floorUpdate) {
		u.Claims = toggle(u.Claims, func(r floorClaimRequest) bool {
			return r.ClaimValue == edited.Value && r.ProviderAuthenticationScheme == edited.Scheme
		}, floorClaimRequest{edited.Description, oauthRole, edited.Value, edited.Scheme})
	})
}

func (c *clients) edit(ctx context.Context) error {
	held := c.claim
	c.claim = !held
	return c.editClaims(ctx, held, 5)
}

func check(err error, right bool) error {
	if err == nil && !right {
		err = errors.New("the answer is not what it should be")
	}
	return err
}
