package paging_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var op = transport.Op{Method: http.MethodGet, Path: "Things", Version: 1}

type item struct {
	ID   int `json:"Id"`
	Name string
}

type options struct {
	Filter   security.Filter `url:"QueryString,omitempty"`
	SortBy   string          `url:"SortField,omitempty"`
	Order    security.Order  `url:"SortAscending,omitempty"`
	Page     int             `url:"PageReturned,omitempty"`
	PageSize int             `url:"ReturnLimit,omitempty"`
}

// shape is a server that stays as it is.
type shape struct {
	list   []item
	cap    int
	silent bool
}

func (s shape) server() *server { return &server{list: s.list, cap: s.cap, silent: s.silent} }

// server pages a list as the API does. What it serves can be changed between
// requests.
type server struct {
	list    []item
	cap     int  // largest page that it makes, 0 for any
	silent  bool // states no total
	latency func(page int) time.Duration
	before  func(n, page int)                // told of each request, the first being 1
	answer  func(n, page int) *http.Response // instead of a page, unless nil
	ignore  bool                             // ignores PageReturned

	mu       sync.Mutex
	requests []url.Values
	inFlight int
	most     int
}

func numbered(n int) []item {
	list := make([]item, n)
	for i := range list {
		list[i] = item{i + 1, "thing " + strconv.Itoa(i+1)}
	}
	return list
}

func (s *server) client(t testing.TB, opts ...security.Option) *service.Client {
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(s.serve)
	opts = append([]security.Option{security.WithRetry(security.Retry{MaxAttempts: 1})}, opts...)
	return service.Of(apitest.NewClient(t, mock, opts...))
}

// direct is a client that calls the server without a goroutine in between, so
// that what is under way is known exactly.
func (s *server) direct(t testing.TB) *service.Client {
	return service.Of(apitest.NewClient(t, roundTripper(s.serve), security.WithRetry(security.Retry{MaxAttempts: 1})))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (s *server) serve(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	number, _ := strconv.Atoi(q.Get("PageReturned"))
	size, _ := strconv.Atoi(q.Get("ReturnLimit"))
	if number < 1 {
		number = 1
	}
	if size < 1 {
		size = 50
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, q)
	n := len(s.requests)
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	defer func() { s.inFlight-- }()
	if s.latency != nil {
		s.mu.Unlock()
		select {
		case <-time.After(s.latency(number)):
		case <-r.Context().Done():
			s.mu.Lock()
			return nil, r.Context().Err()
		}
		s.mu.Lock()
	}
	if s.before != nil {
		s.before(n, number)
	}
	if s.answer != nil {
		if resp := s.answer(n, number); resp != nil {
			return resp, nil
		}
	}
	if s.ignore {
		number = 1
	}
	if s.cap > 0 {
		size = min(size, s.cap)
	}
	from := min((number-1)*size, len(s.list))
	to := min(from+size, len(s.list))
	return pageOf(s.list[from:to], len(s.list), s.silent), nil
}

func pageOf(items []item, total int, silent bool) *http.Response {
	if items == nil {
		items = []item{}
	}
	raw, _ := json.Marshal(items)
	resp := httpmock.NewBytesResponse(http.StatusOK, raw)
	resp.Header.Set("Content-Type", "application/json")
	if !silent {
		resp.Header.Set("X-Total-Count", strconv.Itoa(total))
	}
	return resp
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// peak is how many requests were under way at the same time, at most.
func (s *server) peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// open is how many requests are under way.
func (s *server) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inFlight
}

func (s *server) pages() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pages []int
	for _, q := range s.requests {
		n, _ := strconv.Atoi(q.Get("PageReturned"))
		pages = append(pages, n)
	}
	return pages
}

func all(ctx context.Context, c *service.Client, opts *options, call ...security.CallOption) iter.Seq2[item, error] {
	return paging.All(ctx, c, op, opts, "Name", func(i *item) int { return i.ID }, call)
}

// walk ranges over a sequence and keeps what came before an error.
func walk(seq iter.Seq2[item, error]) (items []item, err error) {
	for i, e := range seq {
		if err != nil {
			panic("the sequence goes on after an error")
		}
		if err = e; e == nil {
			items = append(items, i)
		}
	}
	return items, err
}

func TestAllInOrderAndComplete(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server   shape
		opts     *options
		requests int // 0 for any number
	}{
		"empty":                           {shape{}, nil, 1},
		"empty, no total":                 {shape{silent: true}, nil, 1},
		"one page":                        {shape{list: numbered(7)}, nil, 1},
		"exactly one page":                {shape{list: numbered(200)}, nil, 1},
		"exactly one page, no total":      {shape{list: numbered(200), silent: true}, nil, 0},
		"several pages":                   {shape{list: numbered(1001)}, nil, 6},
		"several full pages":              {shape{list: numbered(1000)}, nil, 5},
		"no total":                        {shape{list: numbered(1001), silent: true}, nil, 0},
		"small pages":                     {shape{list: numbered(103)}, &options{PageSize: 10}, 11},
		"the server caps the page":        {shape{list: numbered(1000), cap: 100}, nil, 10},
		"the server caps it, odd":         {shape{list: numbered(999), cap: 70}, nil, 15},
		"the server caps it, no total":    {shape{list: numbered(999), cap: 70, silent: true}, nil, 0},
		"the server caps it to one":       {shape{list: numbered(9), cap: 1}, nil, 9},
		"page 3":                          {shape{list: numbered(103)}, &options{Page: 3, PageSize: 10}, 9},
		"the last page":                   {shape{list: numbered(103)}, &options{Page: 11, PageSize: 10}, 0},
		"beyond the last page":            {shape{list: numbered(103)}, &options{Page: 12, PageSize: 10}, 1},
		"page 3, no total":                {shape{list: numbered(103), silent: true}, &options{Page: 3, PageSize: 10}, 0},
		"page 3, capped":                  {shape{list: numbered(1000), cap: 100}, &options{Page: 3}, 0},
		"page 3, capped, just a few more": {shape{list: numbered(450), cap: 100}, &options{Page: 3}, 0},
		"last page, capped":               {shape{list: numbered(450), cap: 100}, &options{Page: 5}, 0},
		"last full page, capped":          {shape{list: numbered(200), cap: 100}, &options{Page: 2}, 0},
	} {
		for _, concurrency := range []int{1, 4, 16} {
			t.Run(fmt.Sprintf("%s/%d", name, concurrency), func(t *testing.T) {
				t.Parallel()
				s := tc.server.server()
				got, err := walk(all(t.Context(), s.client(t), tc.opts, security.WithConcurrency(concurrency)))
				if err != nil {
					t.Fatal(err)
				}
				start, size := 1, 200
				if tc.opts != nil {
					start, size = max(tc.opts.Page, 1), max(tc.opts.PageSize, 0)
					if size == 0 {
						size = 200
					}
				}
				if s.cap > 0 {
					size = min(size, s.cap)
				}
				if want := s.list[min((start-1)*size, len(s.list)):]; !slices.Equal(got, want) {
					t.Errorf("got %d items, want %d, in order", len(got), len(want))
				}
				if n := s.count(); tc.requests > 0 && n != tc.requests {
					t.Errorf("%d requests, want %d: pages %v", n, tc.requests, s.pages())
				}
			})
		}
	}
}

func TestAllTenThousand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{list: numbered(10_000), latency: func(page int) time.Duration {
			return time.Duration(20+page*7%13) * time.Millisecond // answers overtake each other
		}}
		start := time.Now()
		got, err := walk(all(t.Context(), s.client(t), nil))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, numbered(10_000)) {
			t.Errorf("got %d items, not those of the server in order", len(got))
		}
		if s.count() != 50 || s.peak() != 4 {
			t.Errorf("%d requests, %d at a time; want 50 and 4", s.count(), s.peak())
		}
		if elapsed := time.Since(start); elapsed > 600*time.Millisecond {
			t.Errorf("it took %v; 50 requests of 32 ms, four at a time, take 420", elapsed)
		}
	})
}

func TestAllQuery(t *testing.T) {
	t.Parallel()
	s := &server{list: numbered(30)}
	opts := &options{Filter: security.FilterField("Name").Contains("thing"), Order: security.Descending, PageSize: 20}
	seq := all(t.Context(), s.client(t), opts, security.WithConcurrency(1))
	*opts = options{PageSize: 1, SortBy: "Other"} // must have no effect
	for range 2 {
		if got, err := walk(seq); err != nil || len(got) != 30 {
			t.Fatal(len(got), err)
		}
	}
	if *opts != (options{PageSize: 1, SortBy: "Other"}) {
		t.Errorf("the options were changed to %+v", *opts)
	}
	for i, q := range s.requests {
		want := url.Values{
			"QueryString": {`(Name -contains "thing")`}, "SortField": {"Name"}, "SortAscending": {"1"},
			"PageReturned": {strconv.Itoa(i%2 + 1)}, "ReturnLimit": {"20"},
		}
		if q.Encode() != want.Encode() {
			t.Errorf("request %d has query %v, want %v", i+1, q, want)
		}
	}
	if len(s.requests) != 4 {
		t.Errorf("%d requests for two walks of two pages", len(s.requests))
	}
}

func TestAllSortsByWhatTheCallerSays(t *testing.T) {
	t.Parallel()
	s := &server{}
	_, _ = walk(all(t.Context(), s.client(t), &options{SortBy: "Id"}))
	if got := s.requests[0].Get("SortField"); got != "Id" {
		t.Errorf("sorted by %q", got)
	}
	_, _ = walk(paging.All(t.Context(), s.client(t), op, (*options)(nil), "", func(i *item) int { return i.ID }, nil))
	if q := s.requests[1]; q.Has("SortField") {
		t.Errorf("sorted by %q, want the server's order", q.Get("SortField"))
	}
}

func TestAllIsLazy(t *testing.T) {
	t.Parallel()
	s := &server{list: numbered(1000)}
	seq := all(t.Context(), s.client(t), nil)
	if s.count() != 0 {
		t.Error("making the sequence sent a request")
	}
	for i, err := range seq {
		if err != nil || i.ID != 1 {
			t.Fatal(i, err)
		}
		break
	}
	if n := s.count(); n != 1 {
		t.Errorf("the first item cost %d requests", n)
	}
	n := 0
	for range seq {
		if n++; n == 200 {
			break // the last of the first page
		}
	}
	if got := s.count(); got != 2 {
		t.Errorf("the first page cost %d requests", got-1)
	}
}

// TestAllBreak breaks off anywhere: no request may be under way afterwards.
func TestAllBreak(t *testing.T) {
	t.Parallel()
	for _, after := range []int{1, 200, 201, 399, 400, 401, 999, 1000} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{list: numbered(1000), latency: func(int) time.Duration { return 20 * time.Millisecond }}
			n := 0
			for _, err := range all(t.Context(), s.direct(t), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n == after {
					break
				}
			}
			if n := s.open(); n != 0 {
				t.Errorf("after %d items %d requests are still under way", after, n)
			}
		})
	}
}

func TestAllPanicInTheLoopLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{list: numbered(1000), latency: func(int) time.Duration { return 20 * time.Millisecond }}
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
			if n := s.open(); n != 0 {
				t.Errorf("%d requests are still under way", n)
			}
		}()
		for i := range all(t.Context(), s.direct(t), nil) {
			if i.ID == 201 {
				panic("in the loop")
			}
		}
	})
}

func TestAllConcurrency(t *testing.T) {
	t.Parallel()
	for n := range 9 {
		synctest.Test(t, func(t *testing.T) {
			s := &server{list: numbered(4000), latency: func(page int) time.Duration { return time.Duration(20+page%5) * time.Millisecond }}
			var opts []security.CallOption
			want := 4
			if n > 0 {
				opts, want = []security.CallOption{security.WithConcurrency(n)}, n
			}
			if got, err := walk(all(t.Context(), s.client(t), nil, opts...)); err != nil || len(got) != 4000 {
				t.Fatal(len(got), err)
			}
			if s.peak() != want {
				t.Errorf("WithConcurrency(%d): up to %d requests at a time, want %d", n, s.peak(), want)
			}
			if n == 1 && !slices.IsSorted(s.pages()) {
				t.Errorf("pages were asked for as %v", s.pages())
			}
		})
	}
}

// TestAllSequential: with a concurrency of 1, nothing is fetched ahead.
func TestAllSequential(t *testing.T) {
	t.Parallel()
	s := &server{list: numbered(50)}
	n := 0
	for range all(t.Context(), s.client(t), &options{PageSize: 10}, security.WithConcurrency(1)) {
		n++
		if want := (n + 9) / 10; s.count() != want {
			t.Fatalf("%d requests after %d items, want %d", s.count(), n, want)
		}
	}
}

// TestAllSlowConsumer: pages ahead of a consumer that stands still are bounded.
func TestAllSlowConsumer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{list: numbered(1000)}
		for i, err := range all(t.Context(), s.client(t), &options{PageSize: 10}, security.WithConcurrency(3)) {
			if err != nil {
				t.Fatal(err)
			}
			if i.ID == 11 {
				time.Sleep(time.Hour)
				if n := s.count(); n != 4 {
					t.Errorf("%d pages were fetched while the consumer stood still on the second, want 4", n)
				}
				break
			}
		}
	})
}

func TestAllListChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*server)
		atLeast int // items that come before the error
	}{
		"shrinks": {func(s *server) {
			s.before = func(n, _ int) {
				if n == 3 {
					s.list = s.list[1:]
				}
			}
		}, 10},
		"grows": {func(s *server) {
			s.before = func(n, _ int) {
				if n == 3 {
					s.list = slices.Insert(s.list, 0, item{1000, "new"})
				}
			}
		}, 10},
		"grows, no total": {func(s *server) {
			s.silent = true
			s.before = func(n, _ int) {
				if n == 3 {
					s.list = slices.Insert(s.list, 0, item{1000, "new"})
				}
			}
		}, 10},
		"grows at the end": {func(s *server) { // nothing but the total tells
			s.before = func(n, _ int) {
				if n == 3 {
					s.list = append(s.list, item{1000, "new"})
				}
			}
		}, 10},
		"ends early": {func(s *server) {
			s.answer = func(_, page int) *http.Response {
				if page >= 4 {
					return pageOf(nil, 100, false)
				}
				return nil
			}
		}, 30},
		"more than the total": {func(s *server) {
			s.answer = func(_, page int) *http.Response {
				return pageOf(numbered(page * 10)[(page-1)*10:], 95, false)
			}
		}, 90},
		"a page twice": {func(s *server) {
			s.answer = func(_, page int) *http.Response {
				if page == 4 {
					return pageOf(s.list[20:30], 100, false)
				}
				return nil
			}
		}, 30},
		"shrinks before the end, no total": {func(s *server) {
			s.silent = true
			s.before = func(_, page int) {
				if page == 11 && len(s.list) == 100 {
					s.list = s.list[1:] // moves nothing that is still to come but the end of page 10
				}
			}
		}, 100},
		"a total that comes late and does not fit": {func(s *server) {
			s.answer = func(_, page int) *http.Response {
				from := min((page-1)*10, 100)
				return pageOf(s.list[from:min(from+10, 100)], 101, page < 3)
			}
		}, 30},
		"PageReturned ignored":           {func(s *server) { s.ignore = true }, 10},
		"PageReturned ignored, no total": {func(s *server) { s.ignore, s.silent = true, true }, 10},
		"PageReturned ignored, no ids, no total": {func(s *server) {
			s.ignore, s.silent = true, true
			for i := range s.list {
				s.list[i].ID = 0
			}
		}, 10},
		"PageReturned ignored, no ids": {func(s *server) {
			s.ignore = true
			for i := range s.list {
				s.list[i].ID = 0
			}
		}, 10},
		"one item twice in a page": {func(s *server) { s.list[35] = s.list[34] }, 35},
		"one item on two pages":    {func(s *server) { s.list[35] = s.list[4] }, 35},
		"one item on two pages, no total": {func(s *server) {
			s.silent = true
			s.list[35] = s.list[4]
		}, 35},
	} {
		for _, concurrency := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s/%d", name, concurrency), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { // so that a walk without end is seen
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					s := &server{list: numbered(100), latency: func(int) time.Duration { return time.Second }}
					tc.prepare(s)
					got, err := walk(all(ctx, s.client(t), &options{PageSize: 10}, security.WithConcurrency(concurrency)))
					if !errors.Is(err, security.ErrListChanged) {
						t.Fatalf("%d items, then %v; want ErrListChanged", len(got), err)
					}
					if !strings.HasPrefix(err.Error(), "GET /Things, version 1: ") {
						t.Errorf("the error does not name the call: %v", err)
					}
					if len(got) < tc.atLeast {
						t.Errorf("%d items came before the error, want %d or more", len(got), tc.atLeast)
					}
					seen := map[int]bool{}
					for _, i := range got {
						if seen[i.ID] && i.ID != 0 {
							t.Errorf("item %d came twice", i.ID)
						}
						seen[i.ID] = true
					}
				})
			})
		}
	}
}

func TestAllItemsWithoutID(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		s := &server{silent: silent, answer: func(_, page int) *http.Response {
			body := []string{`[{"Id":null,"Name":"a"},{"Name":"b"}]`, `[{"Id":null,"Name":"c"},{"Id":4,"Name":"d"}]`, `[]`}[min(page, 3)-1]
			resp := httpmock.NewStringResponse(http.StatusOK, body)
			if !silent {
				resp.Header.Set("X-Total-Count", "4")
			}
			return resp
		}}
		got, err := walk(all(t.Context(), s.client(t), &options{PageSize: 2}))
		if want := []item{{0, "a"}, {0, "b"}, {0, "c"}, {4, "d"}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
}

func TestAllStrangeTotals(t *testing.T) {
	t.Parallel()
	for _, total := range []string{"", "many", "-1", "1.5", "99999999999999999999"} {
		s := &server{list: numbered(25), answer: nil}
		s.answer = func(_, page int) *http.Response {
			from := min((page-1)*10, 25)
			resp := pageOf(s.list[from:min(from+10, 25)], 0, true)
			resp.Header.Set("X-Total-Count", total)
			return resp
		}
		if got, err := walk(all(t.Context(), s.client(t), &options{PageSize: 10})); err != nil || len(got) != 25 {
			t.Errorf("total %q: %d items, %v", total, len(got), err)
		}
	}
}

func TestAllErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func() *http.Response
		is     error
	}{
		"forbidden":  {func() *http.Response { return httpmock.NewStringResponse(403, "") }, security.ErrForbidden},
		"login page": {func() *http.Response { return httpmock.NewStringResponse(200, "<html>") }, security.ErrNotJSON},
		"truncated":  {func() *http.Response { return httpmock.NewStringResponse(200, `[{"Id":21},{"Id"`) }, nil},
		"null":       {func() *http.Response { return httpmock.NewStringResponse(200, `null`) }, nil},
	} {
		for _, at := range []int{1, 3} {
			for _, concurrency := range []int{1, 4} {
				t.Run(fmt.Sprintf("%s/page %d/%d", name, at, concurrency), func(t *testing.T) {
					t.Parallel()
					s := &server{list: numbered(100), answer: func(_, page int) *http.Response {
						if page == at {
							return tc.answer()
						}
						return nil
					}}
					got, err := walk(all(t.Context(), s.client(t), &options{PageSize: 10}, security.WithConcurrency(concurrency)))
					if !slices.Equal(got, s.list[:(at-1)*10]) {
						t.Errorf("%d items came before the error, want those of %d pages", len(got), at-1)
					}
					if _, ok := errors.AsType[*security.Error](err); !ok || tc.is != nil && !errors.Is(err, tc.is) {
						t.Errorf("the error is %v (%T)", err, err)
					}
				})
			}
		}
	}
}

func TestBadInputSendsNothing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts   options
		call   []security.CallOption
		fields []string
	}{
		"page":        {opts: options{Page: -1}, fields: []string{"Page"}},
		"page size":   {opts: options{PageSize: -1}, fields: []string{"PageSize"}},
		"both":        {opts: options{Page: -7, PageSize: -8}, fields: []string{"Page", "PageSize"}},
		"filter":      {opts: options{Filter: security.FilterField("Name").Eq(`a"b`)}, fields: []string{"Filter"}},
		"order":       {opts: options{Order: 7}, fields: []string{"Order"}},
		"concurrency": {call: []security.CallOption{security.WithConcurrency(0)}, fields: []string{"WithConcurrency"}},
		"response":    {call: []security.CallOption{security.WithResponse(nil)}, fields: []string{"WithResponse"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{list: numbered(3)}
			client := s.client(t)
			_, listErr := paging.List[item](t.Context(), client, op, &tc.opts, tc.call)
			_, allErr := walk(all(t.Context(), client, &tc.opts, tc.call...))
			for _, err := range []error{listErr, allErr} {
				fields, _ := errors.AsType[security.FieldErrors](err)
				var names []string
				for _, f := range fields {
					names = append(names, f.Field)
				}
				if !slices.Equal(names, tc.fields) || !errors.Is(err, security.ErrInvalid) {
					t.Errorf("the error is %v, naming %v; want %v", err, names, tc.fields)
				}
			}
			if n := s.count(); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestAllContextEnds(t *testing.T) {
	t.Parallel()
	reason := errors.New("enough")
	for name, at := range map[string]int{"in the first page": 5, "at its end": 10, "in the second page": 11, "later": 37} {
		for _, concurrency := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s/%d", name, concurrency), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &server{list: numbered(100), latency: func(int) time.Duration { return time.Second }}
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					var ended time.Time
					n := 0
					var err error
					for _, e := range all(ctx, s.direct(t), &options{PageSize: 10}, security.WithConcurrency(concurrency)) {
						if err = e; err != nil {
							break
						}
						if n++; n == at {
							cancel(reason)
							ended = time.Now()
						}
					}
					if n != at {
						t.Errorf("%d items came, %d before the end", n, at)
					}
					if !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
						t.Errorf("the error is %v", err)
					}
					if elapsed := time.Since(ended); elapsed != 0 {
						t.Errorf("it took %v to end", elapsed)
					}
					if n := s.open(); n != 0 {
						t.Errorf("%d requests are still under way", n)
					}
				})
			})
		}
	}
}

func TestAllContextEndsWhileAPageIsFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{list: numbered(100), latency: func(int) time.Duration { return time.Second }}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		start := time.Now()
		got, err := walk(all(ctx, s.client(t), &options{PageSize: 10}, security.WithConcurrency(1)))
		if !errors.Is(err, context.DeadlineExceeded) || len(got) != 20 || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("%d items and %v after %v", len(got), err, time.Since(start))
		}
	})
}

// TestAllWithResponse: the response is that of the page that the walk is at,
// whatever was fetched ahead. The race detector watches.
func TestAllWithResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testAllWithResponse)
}

func testAllWithResponse(t *testing.T) {
	s := &server{list: numbered(100), latency: func(int) time.Duration { return time.Millisecond }}
	s.answer = func(_, page int) *http.Response {
		resp := pageOf(s.list[(page-1)*10:page*10], 100, false)
		resp.Header.Set("X-Keyfactor-Correlation-Id", "page "+strconv.Itoa(page))
		return resp
	}
	var r security.Response
	n := 0
	for _, err := range all(t.Context(), s.client(t), &options{PageSize: 10}, security.WithResponse(&r)) {
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // everything that is fetched ahead arrives
		if want := "page " + strconv.Itoa(n/10+1); r.CorrelationID != want || r.Total != 100 || r.StatusCode != 200 {
			t.Fatalf("item %d has the response %+v, want that of %s", n, r, want)
		}
		n++
	}
}

func TestAllConcurrentRanges(t *testing.T) {
	t.Parallel()
	s := &server{list: numbered(500)}
	seq := all(t.Context(), s.client(t), &options{PageSize: 50}, security.WithHeader("X-Test", "1"))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := walk(seq); err != nil || !slices.Equal(got, numbered(500)) {
				t.Errorf("%d items, %v", len(got), err)
			}
		})
	}
	group.Wait()
}

func TestList(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server shape
		opts   *options
		want   security.Page[item]
		query  string
	}{
		"no options": {shape{list: numbered(60)}, nil, security.Page[item]{Items: numbered(50), Number: 1, Size: 0, Total: 60}, ""},
		"a page":     {shape{list: numbered(60)}, &options{Page: 2, PageSize: 7}, security.Page[item]{Items: numbered(14)[7:], Number: 2, Size: 7, Total: 60}, "PageReturned=2&ReturnLimit=7"},
		"no total":   {shape{list: numbered(1), silent: true}, &options{}, security.Page[item]{Items: numbered(1), Number: 1, Total: -1}, ""},
		"empty":      {shape{}, &options{Page: 9, SortBy: "Id", Order: security.Ascending}, security.Page[item]{Number: 9, Total: 0}, "PageReturned=9&SortAscending=0&SortField=Id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tc.server.server()
			var r security.Response
			got, err := paging.List[item](t.Context(), s.client(t), op, tc.opts, []security.CallOption{security.WithResponse(&r)})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Items, tc.want.Items) || got.Number != tc.want.Number || got.Size != tc.want.Size || got.Total != tc.want.Total {
				t.Errorf("got %+v, want %+v", *got, tc.want)
			}
			if q := s.requests[0].Encode(); q != tc.query || len(s.requests) != 1 {
				t.Errorf("query %q, want %q", q, tc.query)
			}
			if r.Total != tc.want.Total || r.StatusCode != 200 {
				t.Errorf("the response is %+v", r)
			}
		})
	}
}

func TestListError(t *testing.T) {
	t.Parallel()
	s := &server{answer: func(int, int) *http.Response { return httpmock.NewStringResponse(200, `[{"Id":1},`) }}
	page, err := paging.List[item](t.Context(), s.client(t), op, (*options)(nil), nil)
	if page != nil || err == nil {
		t.Errorf("got %v, %v", page, err)
	}
}

// TestListLongerThanAsked: a server may ignore the size that was asked for, within
// reason: up to ten times as many items, if that is more than 10,000.
func TestListLongerThanAsked(t *testing.T) {
	t.Parallel()
	for items, good := range map[int]bool{15_000: true, 15_001: false} {
		s := &server{answer: func(int, int) *http.Response { return pageOf(numbered(items), items, false) }}
		page, err := paging.List[item](t.Context(), s.client(t), op, &options{PageSize: 1500}, nil)
		if (err == nil) != good || good && len(page.Items) != items || !good && !strings.Contains(err.Error(), "more than 15000 items, and 1500 were asked for") {
			t.Errorf("%d items: %v", items, err)
		}
	}
}

// TestAllAgainstAModel compares the walker with the plainest possible walk, on
// servers of all kinds.
func TestAllAgainstAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := &server{
			list:   numbered(rapid.IntRange(0, 130).Draw(rt, "items")),
			cap:    rapid.IntRange(0, 20).Draw(rt, "cap"),
			silent: rapid.Bool().Draw(rt, "silent"),
		}
		opts := &options{Page: rapid.IntRange(0, 5).Draw(rt, "page"), PageSize: rapid.IntRange(0, 30).Draw(rt, "size")}
		stop := rapid.IntRange(0, 150).Draw(rt, "stop") // 0 never
		concurrency := rapid.IntRange(1, 6).Draw(rt, "concurrency")

		size := opts.PageSize
		if size == 0 {
			size = 200
		}
		if s.cap > 0 {
			size = min(size, s.cap)
		}
		want := s.list[min((max(opts.Page, 1)-1)*size, len(s.list)):]
		if stop > 0 {
			want = want[:min(stop, len(want))]
		}

		var got []item
		for i, err := range all(context.Background(), s.client(t), opts, security.WithConcurrency(concurrency)) {
			if err != nil {
				rt.Fatal(err)
			}
			if got = append(got, i); len(got) == stop {
				break
			}
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("got %v, want %v", got, want)
		}
		if s.peak() > concurrency {
			rt.Fatalf("%d requests at a time, want %d", s.peak(), concurrency)
		}
	})
}

// TestAllWithoutTotalLosesNothing: on a server that states no total, whose list
// only grows or only shrinks meanwhile, an item that is there from the beginning
// to the end is yielded, or the walk says that the list changed.
func TestAllWithoutTotalLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		next := 1000
		steps := rapid.SliceOfN(rapid.IntRange(0, 39), 1, 40).Draw(rt, "steps")
		grows := rapid.Bool().Draw(rt, "grows")
		s := &server{list: numbered(rapid.IntRange(0, 60).Draw(rt, "items")), silent: true}
		stays := slices.Clone(s.list)
		s.before = func(n, _ int) {
			if n < 2 || n-2 >= len(steps) || steps[n-2] >= 20 {
				return
			}
			at := steps[n-2] * len(s.list) / 20
			switch {
			case grows:
				s.list = slices.Insert(slices.Clone(s.list), at, item{next, "new"})
				next++
			case len(s.list) > 0:
				gone := s.list[at]
				stays = slices.DeleteFunc(stays, func(i item) bool { return i == gone })
				s.list = slices.Delete(slices.Clone(s.list), at, at+1)
			}
		}
		opts := &options{PageSize: rapid.IntRange(1, 10).Draw(rt, "size")}
		got, err := walk(all(context.Background(), s.client(t), opts, security.WithConcurrency(rapid.IntRange(1, 4).Draw(rt, "concurrency"))))
		if err != nil {
			if !errors.Is(err, security.ErrListChanged) {
				rt.Fatal(err)
			}
			return
		}
		for _, i := range stays {
			if !slices.Contains(got, i) {
				rt.Fatalf("%v was there all the time, and is not among %v", i, got)
			}
		}
	})
}

// TestAllOnServersWithoutPages: the first answer holds everything, whatever was
// asked for, and so do all others.
func TestAllOnServersWithoutPages(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		s := &server{list: numbered(300), silent: silent}
		s.answer = func(int, int) *http.Response { return pageOf(s.list, 300, silent) }
		got, err := walk(all(t.Context(), s.client(t), nil))
		if err != nil || len(got) != 300 || s.count() > 2 {
			t.Errorf("%d items, %v, after %d requests", len(got), err, s.count())
		}
	}
}

// TestAllBounded: a server that never comes to an end is left.
func TestAllBounded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		page   func(page int) []item
		most   int
		silent []bool
	}{
		"two pages that alternate, without ids": {func(page int) []item {
			return slices.Repeat([]item{{0, strconv.Itoa(page % 2)}}, 200)
		}, 10_000, []bool{false, true}},
		"new ids without end": {func(page int) []item {
			items := make([]item, 2000)
			for i := range items {
				items[i].ID = page*2000 + i
			}
			return items
		}, 1_000_000, []bool{false}}, // takes long enough once
	} {
		for _, silent := range tt.silent {
			t.Run(fmt.Sprintf("%s/%t", name, silent), func(t *testing.T) {
				t.Parallel()
				s := &server{answer: func(_, number int) *http.Response { return pageOf(tt.page(number), 1e12, silent) }}
				n := 0
				var last error
				for _, err := range all(t.Context(), s.client(t), nil) {
					n++
					last = err
				}
				if !errors.Is(last, security.ErrListChanged) || n > tt.most+1 {
					t.Errorf("%d items, then %v", n, last)
				}
			})
		}
	}
}

// TestAllSortRefused: a server may refuse the field that the walk chose.
func TestAllSortRefused(t *testing.T) {
	t.Parallel()
	refusing := func() *server {
		s := &server{list: numbered(450)}
		s.answer = func(n, _ int) *http.Response {
			if s.requests[n-1].Has("SortField") {
				return httpmock.NewStringResponse(400, `{"ErrorCode":"0xA011004A","Message":"Invalid sort field: Name."}`)
			}
			return nil
		}
		return s
	}
	s := refusing()
	client := s.client(t)
	for _, want := range []int{4, 3} { // the client remembers
		before := s.count()
		if got, err := walk(all(t.Context(), client, nil)); err != nil || len(got) != 450 || s.count()-before != want {
			t.Errorf("%d items, %v, after %d requests, want %d", len(got), err, s.count()-before, want)
		}
	}
	if _, err := walk(all(t.Context(), client, &options{SortBy: "Name"})); !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "Invalid sort field") {
		t.Errorf("a field that the caller chose: %v", err)
	}
	s.answer = func(n, _ int) *http.Response { // another reason
		return httpmock.NewStringResponse(400, fmt.Sprintf(`{"Message":"reason %d"}`, n))
	}
	s.requests = nil
	if _, err := walk(all(t.Context(), s.client(t), nil)); !errors.Is(err, security.ErrInvalid) || !strings.Contains(err.Error(), "reason 1") || s.count() != 2 {
		t.Errorf("after %d requests: %v", s.count(), err)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		for _, each := range []bool{false, true} {
			s := &server{list: numbered(25), silent: silent}
			client := s.client(t)
			var told [][2]int
			progress := security.WithProgress(func(done, total int) { told = append(told, [2]int{done, total}) })
			seq := all(t.Context(), client, &options{PageSize: 10}, progress)
			if each {
				seq = paging.Each(t.Context(), client, []security.CallOption{progress}, func(call []security.CallOption) iter.Seq2[item, error] {
					return all(t.Context(), client, &options{PageSize: 10}, call...)
				}, func(_ context.Context, i item) (item, error) { return i, nil })
			}
			if _, err := walk(seq); err != nil {
				t.Fatal(err)
			}
			total := 25
			if silent {
				total = -1
			}
			if len(told) != 25 || told[0] != [2]int{1, total} || told[24] != [2]int{25, total} {
				t.Errorf("silent %t, each %t: progress is %v", silent, each, told)
			}
		}
	}
	if _, err := paging.List[item](t.Context(), shape{}.server().client(t), op, nil, []security.CallOption{security.WithProgress(func(int, int) {})}); !errors.Is(err, security.ErrInvalid) {
		t.Errorf("List: %v", err)
	}
}

// TestAllOnAMovingList: whatever happens to the list meanwhile, no item comes
// twice and the walk ends; if it ends well, as many came as the list held.
func TestAllOnAMovingList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		next := 1000
		steps := rapid.SliceOfN(rapid.IntRange(0, 99), 0, 40).Draw(rt, "steps")
		s := &server{list: numbered(rapid.IntRange(0, 60).Draw(rt, "items")), silent: rapid.Bool().Draw(rt, "silent")}
		first := len(s.list)
		s.before = func(n, _ int) {
			if n < 2 || n-2 >= len(steps) {
				return
			}
			switch step := steps[n-2]; {
			case step < 20:
				s.list = slices.Insert(slices.Clone(s.list), step*len(s.list)/20, item{next, "new"})
				next++
			case step < 40 && len(s.list) > 0:
				at := (step - 20) * len(s.list) / 20
				s.list = slices.Delete(slices.Clone(s.list), at, at+1)
			}
		}
		opts := &options{PageSize: rapid.IntRange(1, 10).Draw(rt, "size")}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		got, err := walk(all(ctx, s.client(t), opts, security.WithConcurrency(rapid.IntRange(1, 4).Draw(rt, "concurrency"))))
		seen := map[int]bool{}
		for _, i := range got {
			if seen[i.ID] {
				rt.Fatalf("item %d came twice", i.ID)
			}
			seen[i.ID] = true
		}
		if err == nil && !s.silent && len(got) != first {
			rt.Fatalf("%d items came of %d, without an error", len(got), first)
		}
		if err != nil && !errors.Is(err, security.ErrListChanged) {
			rt.Fatal(err)
		}
	})
}
