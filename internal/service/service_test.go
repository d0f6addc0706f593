package service_test

import (
	"testing"

	"github.com/commandsec/commandsec-go/internal/service"
)

// An empty item is found at any depth, and what is no item is left alone.
func TestFilled(t *testing.T) {
	t.Parallel()
	type leaf struct{ Name string }
	type node struct {
		ID      int
		Leaves  []leaf
		One     *node
		Numbers []int
		texts   []string
		hidden  []leaf
	}
	for want, answer := range map[string]any{
		"item 2 of the list is empty": &[]leaf{{"a"}, {}},
		"item 1 of Leaves is empty":   &node{Leaves: []leaf{{}}},
		"item 3 of Leaves is empty":   &[]node{{ID: 1, One: &node{Leaves: []leaf{{"a"}, {"b"}, {}}}}},
		"item 1 of the list is empty": &[]node{{}},
		"item 2 of hidden is empty":   &node{hidden: []leaf{{"a"}, {}}},
	} {
		if err := service.Filled(answer); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", answer, err, want)
		}
	}
	for _, answer := range []any{nil, &[]leaf{}, &node{}, &[]node{{ID: 1}}, &[]string{""}, &node{Numbers: []int{0}, texts: []string{""}}, (*node)(nil)} {
		if err := service.Filled(answer); err != nil {
			t.Errorf("%+v: %v", answer, err)
		}
	}
}
