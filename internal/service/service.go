// Package service is what the services of this module share with package
// security and keep out of its public API: what a client is made of, what call
// options say, and how one call is sent.
package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/internal/turns"
)

// Client is what the services of one security.Client share.
type Client struct {
	Transport *transport.Client
	Turns     *turns.Registry
	Unsorted  OpSet           // lists whose sort field the server refused, see paging.All
	Defaults  func(*Settings) // the options that hold for every call of the client; nil for none
	Account   func() string   // who signs in, "" if the client does not know it; nil if it never does
}

// OpSet is a set of operations, safe for concurrent use. Its zero value is empty.
type OpSet struct{ ops sync.Map }

// Add puts op into the set.
func (s *OpSet) Add(op transport.Op) { s.ops.Store(op, nil) }

// Has reports whether op is in the set.
func (s *OpSet) Has(op transport.Op) bool {
	_, ok := s.ops.Load(op)
	return ok
}

// Settings is what the options of one call say.
type Settings struct {
	Header      http.Header
	OnMeta      func(transport.Meta)
	Replay      bool
	Concurrency int // see InFlight; 0 for the default
	Progress    func(done, total int)

	DryRun bool // safe changes only: do everything except the write
	Settle time.Duration
	// Directly: an edit writes right after its reading. It does not ask before what the
	// permission set allows; the server refuses what lies outside.
	Directly bool

	Attempts int       // see transport.Call; set by safe changes only
	NotAfter time.Time // likewise

	Err error // what was wrong with an option
}

// InFlight is how many requests a walk or a bulk operation may have under way at
// a time.
func (s *Settings) InFlight() int {
	if s.Concurrency < 1 {
		return 4
	}
	return s.Concurrency
}

// Call adds to a call what the settings say about a single request.
func (s *Settings) Call(call transport.Call) transport.Call {
	call.Header, call.OnMeta, call.Replay = s.Header, s.OnMeta, s.Replay
	call.Attempts, call.NotAfter = s.Attempts, s.NotAfter
	switch {
	case s.Err != nil:
		call.Err = s.Err
	case call.Err == nil && s.Progress != nil:
		call.Err = &transport.InputError{Field: "WithProgress", Problem: "this call is about one thing; use it for a walk, Details, EnsureAll or EditAll"}
	case call.Err == nil && s.DryRun && transport.Writes(call.Op.Method):
		call.Err = &transport.InputError{Field: "WithDryRun", Problem: "this call can only write; use Edit, Ensure or what is built on them"}
	}
	return call
}

// setter is every call option of package security.
type setter interface{ Set(*Settings) }

// Resolve returns what the client's defaults and opts say. opts is a
// []security.CallOption, a sealed type that this package cannot name.
func Resolve[O any](c *Client, opts []O) Settings {
	var s Settings
	if c.Defaults != nil {
		c.Defaults(&s)
	}
	for _, opt := range opts {
		set, ok := any(opt).(setter)
		if !ok {
			s.Err = &transport.InputError{Field: "CallOption", Problem: "is nil, or not an option of package security"}
			continue
		}
		set.Set(&s)
	}
	return s
}

// One sends a call whose answer is one JSON object. members are those that every
// answer of a real server has; one that lacks any of them is refused. An object with
// an id needs none: see [About].
func One[T, O any](ctx context.Context, c *Client, opts []O, call transport.Call, members ...string) (*T, error) {
	if len(members) == 0 {
		v := new(T)
		if err := send(ctx, c, opts, call, v); err != nil {
			return nil, err
		}
		return v, nil
	}
	v := new(holding[T])
	check := call.Check
	call.Check = func(any) error {
		if err := v.holds(members); err != nil || check == nil {
			return err
		}
		return check(&v.value)
	}
	if err := send(ctx, c, opts, call, v); err != nil {
		return nil, err
	}
	return &v.value, nil
}

// holding is an answer, and the members that it has.
type holding[T any] struct {
	value   T
	members map[string]json.RawMessage
}

// UnmarshalJSON reads both.
func (h *holding[T]) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &h.value); err != nil {
		return err
	}
	return json.Unmarshal(data, &h.members)
}

// holds refuses an answer without one of these members. One that is null is there.
func (h *holding[T]) holds(members []string) error {
	for _, name := range members {
		if _, ok := h.members[name]; ok {
			continue
		}
		there := false
		for other := range h.members {
			there = there || strings.EqualFold(name, other) // as encoding/json takes them
		}
		if !there {
			return fmt.Errorf("it has no %s, so that it is not what was asked for", name)
		}
	}
	return nil
}

// Many sends a call whose answer is a bare JSON array.
func Many[T, O any](ctx context.Context, c *Client, opts []O, call transport.Call) ([]T, error) {
	var v []T
	if err := send(ctx, c, opts, call, &v); err != nil {
		return nil, err
	}
	return v, nil
}

// None sends a call that answers without a body.
func None[O any](ctx context.Context, c *Client, opts []O, call transport.Call) error {
	call.Bodiless = true
	return send(ctx, c, opts, call, nil)
}

func send[O any](ctx context.Context, c *Client, opts []O, call transport.Call, into any) error {
	s := Resolve(c, opts)
	call = s.Call(call)
	check := call.Check
	call.Check = func(answer any) error {
		if err := Filled(answer); err != nil || check == nil {
			return err
		}
		return check(answer)
	}
	return c.Transport.Do(ctx, &call, into)
}

// About makes a check of an answer (see transport.Call) that refuses one about
// another object than the one asked for, or about none: an answer without an id is
// no answer. want is the zero value if the id is not known yet. more are checks of
// an answer with the right id.
func About[T any, K comparable](want K, id func(*T) K, more ...func(*T) error) func(answer any) error {
	return func(answer any) error {
		var none K
		switch got := id(answer.(*T)); {
		case got == none:
			return errors.New("it has no id")
		case want != none && got != want:
			return fmt.Errorf("it is about the object with id %v, and not with id %v", got, want)
		}
		for _, check := range more {
			if err := check(answer.(*T)); err != nil {
				return err
			}
		}
		return nil
	}
}

// Each makes a check of a list that refuses an item without what every item has:
// what names it, such as "id".
func Each[T any](what string, has func(*T) bool, more ...func([]T) error) func(answer any) error {
	return func(answer any) error {
		items := *answer.(*[]T)
		for i := range items {
			if !has(&items[i]) {
				return fmt.Errorf("item %d of the list has no %s", i+1, what)
			}
		}
		for _, check := range more {
			if err := check(items); err != nil {
				return err
			}
		}
		return nil
	}
}

// Filled refuses an answer with a list that has {} or null in it, in place of an
// object: nothing was said there, and a zero value must not pass for something.
func Filled(answer any) error { return filled(reflect.ValueOf(answer), "the list") }

func filled(v reflect.Value, name string) error {
	switch v.Kind() { //nolint:exhaustive // nothing else holds a list
	case reflect.Pointer:
		if !v.IsNil() {
			return filled(v.Elem(), name)
		}
	case reflect.Struct:
		for _, f := range listsIn(v.Type()) {
			if err := filled(v.Field(f.index), f.name); err != nil {
				return err
			}
		}
	case reflect.Slice:
		item := v.Type().Elem()
		if item.Kind() != reflect.Struct {
			return nil
		}
		deeper := len(listsIn(item)) > 0
		for i := range v.Len() {
			if v.Index(i).IsZero() {
				return fmt.Errorf("item %d of %s is empty", i+1, name)
			}
			if !deeper {
				continue
			}
			if err := filled(v.Index(i), name); err != nil {
				return err
			}
		}
	}
	return nil
}

// listField is a field of a struct that may lead to a list of objects.
type listField struct {
	index int
	name  string
}

// lists has the fields of each type that was looked at, as []listField: to ask
// reflection for them costs more than to look into them.
var lists sync.Map

// listsIn returns the fields of a struct that may lead to a list of objects.
func listsIn(t reflect.Type) []listField {
	if known, ok := lists.Load(t); ok {
		return known.([]listField)
	}
	var found []listField
	for i := range t.NumField() {
		f := t.Field(i)
		in := f.Type
		if in.Kind() == reflect.Pointer || in.Kind() == reflect.Slice {
			in = in.Elem()
		}
		if in.Kind() == reflect.Struct {
			found = append(found, listField{i, f.Name})
		}
	}
	lists.Store(t, found)
	return found
}

// Hooks is how the packages of this module reach what package security does not
// export. Package security sets it when the program starts.
var Hooks struct {
	Client     func(client any) *Client               // of a *security.Client
	Option     func(set func(*Settings)) (option any) // a security.CallOption
	Credential func(Credential) (option any)          // a security.Option
}

// Credential is a way to sign in that a package of its own knows.
type Credential struct {
	Name       string        // of the function that made it
	Err        error         // what is wrong with its settings
	Account    func() string // who signs in, "" if that is not known yet
	Authorizer func(base *url.URL) transport.Authorizer
}

// SignIn makes an option for security.NewClient that gives it the credential. O is
// security.Option, which this package cannot name.
func SignIn[O any](c Credential) O { return Hooks.Credential(c).(O) }

// Option makes a call option that is not in the public API. O is
// security.CallOption, which this package cannot name.
func Option[O any](set func(*Settings)) O { return Hooks.Option(set).(O) }

// Quiet is the option for requests that run at the same time as others, or as a
// part of something larger: they report nothing to the caller.
func Quiet[O any]() O {
	return Option[O](func(s *Settings) { s.OnMeta, s.Progress = nil, nil })
}

// Of returns what the services of client, a *security.Client, share.
func Of(client any) *Client { return Hooks.Client(client) }
