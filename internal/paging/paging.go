// Package paging holds the one page walker of the library.
package paging

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"reflect"
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
	total int // -1 where the server did not say
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
// sort by where opts name none: without a fixed order, pages overlap.
//
// The walk ends with the total that the server states, or with the first empty
// page; a short page says nothing, since a server may cap the page size. Where
// what was seen does not add up, it ends with security.ErrListChanged.
func All[T any, K comparable](ctx context.Context, c *service.Client, op transport.Op, opts any, sortBy string,
	id func(*T) K, call []security.CallOption,
) iter.Seq2[T, error] {
	q, err := Query(opts)
	if err == nil && sortBy != "" && !q.Has(paramSort) {
		q.Set(paramSort, sortBy)
	}
	return func(yield func(T, error) bool) {
		settings := service.Resolve(c, call)
		w := walk[T, K]{
			client: c, settings: settings, call: settings.Call(transport.Call{Op: op, Query: q, Err: err}),
			id: id, yield: yield, seen: map[K]struct{}{}, total: -1,
		}
		if err := w.run(ctx); err != nil {
			var zero T
			yield(zero, err)
		}
	}
}

// walk is one range over All.
type walk[T any, K comparable] struct {
	client   *service.Client
	settings service.Settings
	call     transport.Call
	id       func(*T) K
	yield    func(T, error) bool

	start, size int // first page and page size asked for
	seen        map[K]struct{}
	nameless    []T // the last page whose items have no id
	count       int // items yielded
	want        int // items to expect in all, -1 for unknown
	total       int // as the first page stated it, -1 for unknown
	full        int // length of the first page: what the server takes a page to be
}

// run returns the error to end the walk with, nil also where the consumer
// stopped it.
func (w *walk[T, K]) run(ctx context.Context) error {
	w.start, _ = strconv.Atoi(w.call.Query.Get(paramPage))
	w.size, _ = strconv.Atoi(w.call.Query.Get(paramSize))
	w.start = max(w.start, 1)
	if w.size == 0 {
		w.size = defaultPageSize
	}
	p := w.fetch(ctx, w.start)
	w.expect(p)
	if done, err := w.consume(ctx, p); done || err != nil {
		return err
	}

	// From here on pages are fetched ahead of the consumer. Leaving this
	// function ends every request that is still under way and waits for it.
	ctx, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	defer func() { cancel(); _ = group.Wait() }()

	ahead := w.settings.InFlight()
	var queue []chan page[T]
	for next := w.start + 1; ; {
		for len(queue) < ahead && (len(queue) == 0 || w.worthwhile(next)) {
			slot := make(chan page[T], 1)
			number := next
			group.Go(func() error {
				slot <- w.fetch(ctx, number)
				return nil
			})
			queue = append(queue, slot)
			next++
		}
		p := <-queue[0]
		queue = queue[1:]
		if done, err := w.consume(ctx, p); done || err != nil {
			return err
		}
	}
}

// fetch gets one page. It does not report to the caller: pages are fetched at
// the same time, and the caller's Response is told of each in order.
func (w *walk[T, K]) fetch(ctx context.Context, number int) page[T] {
	call := w.call
	call.OnMeta = nil
	call.Query = maps.Clone(w.call.Query)
	if call.Query == nil {
		call.Query = url.Values{}
	}
	call.Query.Set(paramPage, strconv.Itoa(number))
	call.Query.Set(paramSize, strconv.Itoa(w.size))
	return fetch[T](ctx, w.client, call)
}

// expect works out from the first page how many items there are to come.
func (w *walk[T, K]) expect(first page[T]) {
	w.total, w.full = first.total, len(first.items)
	w.want = max(0, w.total-(w.start-1)*w.size)
	if w.total < 0 || w.start > 1 && w.full > 0 && w.full != w.size {
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
func (w *walk[T, K]) consume(ctx context.Context, p page[T]) (done bool, err error) {
	if w.call.OnMeta != nil {
		w.call.OnMeta(p.meta)
	}
	if p.err != nil {
		return true, p.err
	}
	if p.total >= 0 && w.total >= 0 && p.total != w.total {
		return true, w.changed("the total went from %d to %d", w.total, p.total)
	}
	if len(p.items) == 0 {
		if w.want >= 0 && w.count != w.want {
			return true, w.changed("the list ended after %d of %d items", w.count, w.want)
		}
		return true, nil
	}
	if w.repeats(p.items) {
		return true, w.changed("a page came twice")
	}
	fresh := 0
	for i := range p.items {
		if ctx.Err() != nil {
			return true, w.ended(ctx)
		}
		if !w.first(&p.items[i]) {
			continue
		}
		fresh++
		w.count++
		if w.settings.Progress != nil {
			w.settings.Progress(w.count, w.want)
		}
		if !w.yield(p.items[i], nil) {
			return true, nil
		}
	}
	switch {
	case fresh == 0:
		return true, w.changed("a page came twice")
	case fresh < len(p.items):
		return true, w.changed("%d items came twice", len(p.items)-fresh)
	case w.want >= 0 && w.count > w.want:
		return true, w.changed("%d items came, and the total is %d", w.count, w.want)
	}
	return w.count == w.want, nil
}

// repeats reports whether a page of items without ids, which cannot be
// recognized one by one, is the same as the one before.
func (w *walk[T, K]) repeats(items []T) bool {
	var none K
	if w.id(&items[0]) != none {
		return false
	}
	same := reflect.DeepEqual(w.nameless, items)
	w.nameless = items
	return same
}

// first reports whether an item is seen for the first time, and remembers it.
// An item without an id (the server may send null) cannot be recognized.
func (w *walk[T, K]) first(item *T) bool {
	var none K
	id := w.id(item)
	if id == none {
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
