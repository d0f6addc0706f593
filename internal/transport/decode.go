package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// How much an answer may hold. A server that is asked for a page may ignore the
// size that was asked for, within reason; a body of few bytes may stand for values
// that take a lot of memory.
const (
	minItems      = 10_000 // of a list, whatever was asked for
	itemsPerAsked = 10
	bytesPerValue = 64 // of the longest body allowed, for each value in it

	// Of an answer that is one object. A role with 20,000 claims and as many
	// permissions holds 160,000 values in 8 MiB.
	maxObjectBytes  = 16 << 20
	maxObjectValues = 250_000
)

// single reports whether an answer that is decoded into into is one object, or has
// no body at all.
func single(into any) bool {
	if into == nil {
		return true
	}
	kind := reflect.TypeOf(into).Elem().Kind()
	return kind == reflect.Struct || kind == reflect.Map
}

// decoded decodes the body of a success, and ends with the context. Package json
// cannot be interrupted: what is left of a large body is decoded for nobody, within
// the bounds above.
func (f *flight) decoded(into any) (Reason, error) {
	if len(f.body) < maxChunk && bytes.Count(f.body, comma) < minItems {
		return f.decode(into) // takes no time
	}
	type result struct {
		reason Reason
		err    error
	}
	target := into
	if into != nil {
		target = reflect.New(reflect.TypeOf(into).Elem()).Interface() // into is the caller's again once the context ended
	}
	done := make(chan result, 1)
	go func() {
		reason, err := f.decode(target)
		done <- result{reason, err}
	}()
	select {
	case r := <-done:
		switch {
		case f.ctx.Err() != nil:
			return Undecodable, f.ctx.Err()
		case r.reason == OK && into != nil:
			reflect.ValueOf(into).Elem().Set(reflect.ValueOf(target).Elem())
		}
		return r.reason, r.err
	case <-f.ctx.Done():
		return Undecodable, f.ctx.Err()
	}
}

// unmarshal decodes a body. It refuses one that holds more than was asked for
// before it takes memory for it, and ends with the context between the items of a
// list.
func (f *flight) unmarshal(body []byte, into any) error {
	commas := bytes.Count(body, comma) // no more values than that, and one
	most := max(f.client.maxBytes/bytesPerValue, minItems)
	if body[0] != '[' {
		most = min(most, maxObjectValues)
	}
	if int64(commas) > most {
		return fmt.Errorf("it holds more than %d values", most)
	}
	list := reflect.ValueOf(into).Elem()
	_, own := into.(json.Unmarshaler) // such as json.RawMessage
	if own || list.Kind() != reflect.Slice || body[0] != '[' || commas < minItems && len(body) < maxChunk {
		return json.Unmarshal(body, into)
	}
	return f.unmarshalList(body, list)
}

var comma = []byte{','}

// unmarshalList decodes a large list item by item.
func (f *flight) unmarshalList(body []byte, list reflect.Value) error {
	most := max(itemsPerAsked*f.asked, minItems)
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return err
	}
	items := reflect.MakeSlice(list.Type(), 0, 0)
	for n := 0; d.More(); n++ {
		switch {
		case f.ctx.Err() != nil:
			return f.ctx.Err()
		case n == most:
			return fmt.Errorf("it holds more than %d items, and %d were asked for", most, f.asked)
		}
		item := reflect.New(list.Type().Elem())
		if err := d.Decode(item.Interface()); err != nil {
			return err
		}
		items = reflect.Append(items, item.Elem())
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the list")
	}
	list.Set(items)
	return nil
}
