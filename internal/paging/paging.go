// Package paging holds the one page walker of the library.
package paging

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-querystring/query"
	"golang.org/x/sync/errgroup"

	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

const defaultPageSize = 200

// The names of the paging and sorting parameters, which all lists share.
const (
	paramPage = "PageReturned"
	paramSize = "ReturnLimit"
	paramSort = "SortField"
)

// Query encodes list options, a nil-able pointer to a struct with url tags, and
// refuses what no list can mean.
func Query(opts any) (url.Values, error) {
	values, err := query.Values(opts)
	if err != nil {
		return nil, err
	}
	var errs security.FieldErrors
	for _, p := range [...]struct{ param, field string }{{paramPage, "Page"}, {paramSize, "PageSize"}} {
		if v := values.Get(p.param); strings.HasPrefix(v, "-") {
			errs = append(errs, security.FieldError{Field: p.field, Problem: "must not be negative, got " + v})
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return values, nil
}

// List fetches one page.
func List[T any](ctx context.Context, c *service.Client, op transport.Op, opts any, call []security.CallOption) (*security.Page[T], error) {
	q, err := Query(opts)
	settings := service.Resolve(c, call)
	p := fetch[T](ctx, c, settings.Call(transport.Call{Op: op, Query: q, Err: err}))
	if p.err != nil {
		return nil, p.err
	}
	number, _ := strconv.Atoi(q.Get(paramPage))
	size, _ := strconv.Atoi(q.Get(paramSize))
	return &security.Page[T]{Items: p.items, Number: max(number, 1), Size: size, Total: p.total}, nil
}

// page is what one request brought.
type page[T any] struct {
	items []T
	total int // -1 if the server did not say
	meta  transport.Meta
	err   error
}

// fetch sends one request whose options are applied already.
func fetch[T any](ctx context.Context, c *service.Client, call transport.Call) page[T] {
	p := page[T]{total: -1}
	report := call.OnMeta
	call.OnMeta = func(m transport.Meta) {
		p.meta = m
		if n, err := strconv.Atoi(m.Header.Get("X-Total-Count")); err == nil && n >= 0 {
			p.total = n
		}
		if report != nil {
			report(m)
		}
	}
	call.Items, _ = strconv.Atoi(call.Query.Get(paramSize))
	call.Check = service.Filled
	p.err = c.Transport.Do(ctx, &call, &p.items)
	if p.err != nil {
		p.items = nil // never half a page
	}
	return p
}

// All walks every page of a list and yields its items in order, none twice.
//
// It fetches the first page alone. Once the consumer goes past it, further
// pages are fetched ahead, up to the call's concurrency. sortBy is the field to
// sort by if opts names none: without a fixed order, pages overlap. If the server
// refuses that field, the walk goes on without it, and so do later walks of the
// list through this client.
//
// The walk ends with the total that the server states, or with the first empty
// page; a short page says nothing, since a server may cap the page size. Without a
// total, pages are fetched one after the other, and after each the page before is
// read again: if it ends with another item now, items moved across the border
// between the two. If what was seen does not add up, the walk ends with
// security.ErrListChanged. What it cannot see is that one item went and another
// came between two pages.
func All[T any, K comparable](ctx context.Context, c *service.Client, op transport.Op, opts any, sortBy string,
	id func(*T) K, call []security.CallOption,
) iter.Seq2[T, error] {
	q, err := Query(opts)
	return func(yield func(T, error) bool) {
		settings := service.Resolve(c, call)
		one := settings
		one.Progress = nil // the walk tells it, not the requests
		w := walk[T, K]{
			client: c, settings: settings, call: one.Call(transport.Call{Op: op, Query: maps.Clone(q), Err: err}),
			id: id, yield: yield, seen: map[K]struct{}{}, total: -1,
		}
		if w.call.Query == nil {
			w.call.Query = url.Values{}
		}
		if sortBy != "" && !q.Has(paramSort) && !c.Unsorted.Has(op) {
			w.sortBy = sortBy
			w.call.Query.Set(paramSort, sortBy)
		}
		if err := w.run(ctx); err != nil {
			var zero T
			yield(zero, err)
		}
	}
}

// How many items a walk takes from a server. No list of security objects comes
// near; a server that never ends does.
const (
	maxItems    = 1_000_000
	maxNameless = 10_000 // without an id, so that nothing tells whether they came before
)

// walk is one range over All.
type walk[T any, K comparable] struct {
	client   *service.Client
	settings service.Settings
	call     transport.Call
	sortBy   string // the field that the walk itself chose, "" for none
	id       func(*T) K
	yield    func(T, error) bool

	start, size int // first page and page size asked for
	seen        map[K]struct{}
	nameless    int // items without an id
	count       int // items yielded
	want        int // items to expect in all, -1 for unknown
	total       int // as the server stated it, -1 for unknown
	full        int // length of the first page: what the server takes a page to be
	number      int // of the last page that had items
	last        []T // its items
}

// run returns the error to end the walk with, nil also if the consumer stopped it.
func (w *walk[T, K]) run(ctx context.Context) error {
	w.start, _ = strconv.Atoi(w.call.Query.Get(paramPage))
	w.size, _ = strconv.Atoi(w.call.Query.Get(paramSize))
	w.start = max(w.start, 1)
	if w.size == 0 {
		w.size = defaultPageSize
	}
	p := w.first(ctx)
	w.full = len(p.items)
	w.expect(p.total)
	if done, err := w.consume(ctx, w.start, p); done || err != nil {
		return err
	}

	// From here on pages are fetched ahead of the consumer. Leaving this
	// function ends every request that is still under way and waits for it.
	ctx, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	defer func() { cancel(); _ = group.Wait() }()

	var queue []chan page[T]
	for number, next := w.start+1, w.start+1; ; number++ {
		for len(queue) == 0 || len(queue) < w.ahead() && w.worthwhile(next) {
			slot := make(chan page[T], 1)
			ahead := next
			group.Go(func() error {
				slot <- w.fetch(ctx, ahead)
				return nil
			})
			queue = append(queue, slot)
			next++
		}
		p := <-queue[0]
		queue = queue[1:]
		if done, err := w.consume(ctx, number, p); done || err != nil {
			return err
		}
	}
}

// first fetches the first page. A server may refuse the field that the walk
// chose to sort by; that must not fail a list that can be had without.
func (w *walk[T, K]) first(ctx context.Context) page[T] {
	p := w.fetch(ctx, w.start)
	if w.sortBy == "" || !errors.Is(p.err, security.ErrInvalid) || p.meta.StatusCode == 0 {
		return p
	}
	w.call.Query.Del(paramSort)
	unsorted := w.fetch(ctx, w.start)
	if unsorted.err != nil {
		return p // the field was not the reason
	}
	w.client.Unsorted.Add(w.call.Op)
	return unsorted
}

// ahead is how many pages may be under way. Without a total it is one: a page
// that was fetched ahead of an earlier one, and was empty then, proves no end.
func (w *walk[T, K]) ahead() int {
	if w.want < 0 {
		return 1
	}
	return w.settings.InFlight()
}

// fetch gets one page. It does not report to the caller: pages are fetched at
// the same time, and the caller's Response is told of each in order.
func (w *walk[T, K]) fetch(ctx context.Context, number int) page[T] {
	call := w.call
	call.OnMeta = nil
	call.Query = maps.Clone(w.call.Query)
	call.Query.Set(paramPage, strconv.Itoa(number))
	call.Query.Set(paramSize, strconv.Itoa(w.size))
	return fetch[T](ctx, w.client, call)
}

// expect works out from the server's total how many items there are to come.
func (w *walk[T, K]) expect(total int) {
	w.total = total
	w.want = max(0, total-(w.start-1)*w.size)
	if total < 0 || w.start > 1 && w.full > 0 && w.full != w.size {
		// Nobody knows: there is no total, or the server may make pages of
		// another size than asked for, and so many items came before this page.
		w.want = -1
	}
}

// worthwhile reports whether page number may hold items.
func (w *walk[T, K]) worthwhile(number int) bool {
	return w.want < 0 || (number-w.start)*w.full < w.want
}

// consume yields the items of a page and reports whether the walk is over.
func (w *walk[T, K]) consume(ctx context.Context, number int, p page[T]) (done bool, err error) {
	if w.call.OnMeta != nil {
		w.call.OnMeta(p.meta)
	}
	switch {
	case p.err != nil:
		return true, p.err
	case p.total >= 0 && w.total < 0:
		w.expect(p.total) // some servers state it late
	case p.total >= 0 && p.total != w.total:
		return true, w.changed("the total went from %d to %d", w.total, p.total)
	}
	switch {
	case w.same(p.items) && w.want < 0 && w.number == 1 && w.full > w.size:
		return true, nil // this server knows no pages: the first held everything
	case w.same(p.items):
		return true, w.changed("page %d came again as page %d", w.number, number)
	case len(p.items) == 0 && w.want >= 0 && w.count != w.want:
		return true, w.changed("the list ended after %d of %d items", w.count, w.want)
	}
	if err := w.overlap(ctx); err != nil {
		return true, err
	}
	if len(p.items) == 0 {
		return true, nil
	}
	if done, err := w.hand(ctx, p.items); done || err != nil {
		return true, err
	}
	w.number, w.last = number, p.items
	return w.count == w.want, nil
}

// hand yields the items of a page that did not come before.
func (w *walk[T, K]) hand(ctx context.Context, items []T) (done bool, err error) {
	again := 0
	for i := range items {
		switch {
		case ctx.Err() != nil:
			return true, w.ended(ctx)
		case !w.fresh(&items[i]):
			again++
			continue
		case w.count == maxItems || w.nameless > maxNameless:
			return true, w.changed("it does not end: %d items came, %d of them without an id", w.count, w.nameless)
		}
		w.count++
		if w.settings.Progress != nil {
			w.settings.Progress(w.count, w.want)
		}
		if !w.yield(items[i], nil) {
			return true, nil
		}
	}
	switch {
	case again > 0:
		return true, w.changed("%d items came twice", again)
	case w.want >= 0 && w.count > w.want:
		return true, w.changed("%d items came, and the total is %d", w.count, w.want)
	}
	return false, nil
}

// overlap checks, without a total, that no item moved across the end of the page
// before while the next one was fetched.
func (w *walk[T, K]) overlap(ctx context.Context) error {
	if w.want >= 0 || len(w.last) == 0 {
		return nil
	}
	again := w.fetch(ctx, w.number)
	if again.err != nil {
		return again.err
	}
	if n := len(again.items); n != len(w.last) || !w.equal(w.last[n-1:], again.items[n-1:]) {
		return w.changed("page %d ends with another item than before", w.number)
	}
	return nil
}

// same reports whether items are those of the page before: the same ids in the
// same order, or for items without an id the same values.
func (w *walk[T, K]) same(items []T) bool {
	return len(items) > 0 && w.equal(w.last, items)
}

func (w *walk[T, K]) equal(a, b []T) bool {
	var none K
	return slices.EqualFunc(a, b, func(a, b T) bool {
		return w.id(&a) == w.id(&b) && (w.id(&a) != none || reflect.DeepEqual(a, b))
	})
}

// fresh reports whether an item is seen for the first time, and remembers it.
// An item without an id (the server may send null) cannot be recognized.
func (w *walk[T, K]) fresh(item *T) bool {
	var none K
	id := w.id(item)
	if id == none {
		w.nameless++
		return true
	}
	if _, ok := w.seen[id]; ok {
		return false
	}
	w.seen[id] = struct{}{}
	return true
}

func (w *walk[T, K]) changed(format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s; walk it again", w.call.Op, security.ErrListChanged, fmt.Sprintf(format, args...))
}

func (w *walk[T, K]) ended(ctx context.Context) error {
	return fmt.Errorf("%s: %w", w.call.Op, transport.EndOf(ctx))
}
