package security

import (
	"iter"
	"net/url"
	"strconv"
)

// Page is one page of a list. The total is the server's X-Total-Count: the number of
// matches before paging. The documents do not say so; scripts that the vendor runs
// against servers of version 24 and 25 rely on it.
type Page[T any] struct {
	Items  []T
	Number int // 1 for the first
	Size   int // page size asked for; 0 if the server chose (50 by default)
	Total  int // matches in all, -1 if the server did not say
}

// Collect makes a slice of a sequence. It returns no items together with an
// error.
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var items []T
	for item, err := range seq {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// Order is the direction of a sorted list. Its zero value leaves the choice to
// the server, which sorts ascending.
type Order int

// The orders.
const (
	Ascending Order = iota + 1
	Descending
)

// EncodeValues writes the wire's SortAscending, in which 0 means ascending and 1
// descending.
func (o Order) EncodeValues(key string, v *url.Values) error {
	if o != Ascending && o != Descending {
		return FieldErrors{{Field: "Order", Problem: "must be security.Ascending or security.Descending, got " + strconv.Itoa(int(o))}}
	}
	v.Set(key, strconv.Itoa(int(o-Ascending)))
	return nil
}
