package securitytest

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// What all lists have in common: paging, sorting, filtering.

// maxOrders bounds how many sorted and filtered orders of a list are kept.
const maxOrders = 64

// The parameters of pages, in lower case, and the header that tells how many items there are on all of them.
const (
	pageParameter = "pagereturned"
	sizeParameter = "returnlimit"
	totalHeader   = "X-Total-Count"
)

// defaultPageSize is the documented ReturnLimit.
const defaultPageSize = 50

type valueKind int

const (
	text valueKind = iota
	number
	flag
)

// value is what an item has in a column; flags are numbers 0 and 1.
type value struct {
	text   string
	number int
	null   bool
}

// column is a field of a list that clients sort by, filter by, or both.
type column[T any] struct {
	name   string
	kind   valueKind
	sorts  bool
	filter bool
	// exact columns know only the operators -eq and -ne.
	exact bool
	value func(T) value
}

// list is one of the paged lists. It remembers the orders that were asked for until the state changes.
type list[T any] struct {
	columns []column[T]
	// sortBy is the column of the default order.
	sortBy string

	mu     sync.Mutex
	writes uint64
	orders map[string][]T
}

// listQuery is what a client asks of a list.
type listQuery struct {
	filter     string
	page       int
	size       int
	shift      int // by a fault, in items
	sortField  string
	descending bool
}

func parseListQuery(q params) (listQuery, error) {
	query := listQuery{filter: strings.TrimSpace(q.get("QueryString")), sortField: q.get("SortField")}
	var err error
	if query.page, err = q.natural("PageReturned", 1); err != nil {
		return query, err
	}
	if query.size, err = q.natural("ReturnLimit", defaultPageSize); err != nil {
		return query, err
	}
	switch order := q.get("SortAscending"); order {
	case "", "0":
	case "1":
		query.descending = true
	default:
		return query, invalid("SortAscending must be 0 or 1, not %s.", order)
	}
	return query, nil
}

// page returns one page of the items and how many there are on all pages. The items come from all, by id, which is
// called only if no order is remembered that still holds.
func (l *list[T]) page(query listQuery, writes uint64, all func() []T) ([]T, int, error) {
	items, err := l.order(query, writes, all)
	if err != nil {
		return nil, 0, err
	}
	total := len(items)
	// The page may lie anywhere: 64 bits hold the product of two 32-bit numbers.
	start := int64(query.page-1)*int64(query.size) + int64(query.shift)
	first := max(min(start, int64(total)), 0)
	last := max(min(start+int64(query.size), int64(total)), 0)
	return items[first:last], total, nil
}

func (l *list[T]) order(query listQuery, writes uint64, all func() []T) ([]T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.orders == nil || l.writes != writes || len(l.orders) >= maxOrders {
		l.orders, l.writes = map[string][]T{}, writes
	}
	key := fmt.Sprintf("%s|%t|%s", strings.ToLower(query.sortField), query.descending, query.filter)
	if items, found := l.orders[key]; found {
		return items, nil
	}
	sortField := query.sortField
	if sortField == "" {
		sortField = l.sortBy
	}
	by, found := l.column(sortField)
	if !found || (!by.sorts && query.sortField != "") {
		return nil, invalidSortField(sortField)
	}
	matches, err := l.compile(query.filter)
	if err != nil {
		return nil, err
	}
	items := all()
	if matches != nil {
		items = slices.DeleteFunc(items, func(item T) bool { return !matches(item) })
	}
	items = sorted(items, by, query.descending)
	l.orders[key] = items
	return items, nil
}

func (l *list[T]) column(name string) (column[T], bool) {
	for _, c := range l.columns {
		if strings.EqualFold(c.name, name) {
			return c, true
		}
	}
	return column[T]{}, false
}

// sorted orders the items without regard to case. Equal ones stay in the order of their ids.
func sorted[T any](items []T, by column[T], descending bool) []T {
	type keyed struct {
		key  value
		item T
	}
	rows := make([]keyed, len(items))
	for i, item := range items {
		key := by.value(item)
		key.text = strings.ToLower(key.text)
		rows[i] = keyed{key, item}
	}
	slices.SortStableFunc(rows, func(a, b keyed) int {
		order := compareValues(by.kind, a.key, b.key)
		if descending {
			return -order
		}
		return order
	})
	for i, row := range rows {
		items[i] = row.item
	}
	return items
}

// compareValues puts null first, as the database does.
func compareValues(kind valueKind, a, b value) int {
	switch {
	case a.null && b.null:
		return 0
	case a.null:
		return -1
	case b.null:
		return 1
	case kind == text:
		return strings.Compare(a.text, b.text)
	default:
		return cmp.Compare(a.number, b.number)
	}
}

// params are the query parameters of a request, by lower-case name. Older servers used the prefix "pq.", and newer ones
// still accept it.
type params map[string]string

func parseParams(r *http.Request) params {
	p := params{}
	for name, values := range r.URL.Query() {
		name = strings.ToLower(name)
		if _, taken := p[strings.TrimPrefix(name, "pq.")]; !taken || !strings.HasPrefix(name, "pq.") {
			p[strings.TrimPrefix(name, "pq.")] = values[0]
		}
	}
	return p
}

func (p params) get(name string) string { return p[strings.ToLower(name)] }

// natural reads a number that is not negative. A missing one means the default, and so does zero. The latter is an
// assumption, and so is that negative numbers are refused.
func (p params) natural(name string, fallback int) (int, error) {
	given := p.get(name)
	if given == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0, invalid("%s must be a number from 0 up, not '%s'.", name, given)
	}
	if n == 0 {
		return fallback, nil
	}
	return n, nil
}

// truth reads a boolean parameter.
func (p params) truth(name string, fallback bool) (bool, error) {
	given := p.get(name)
	if given == "" {
		return fallback, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(given))
	if err != nil {
		return false, invalid("%s must be true or false, not '%s'.", name, given)
	}
	return b, nil
}
