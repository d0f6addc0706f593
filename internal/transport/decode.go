package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// How much an answer may hold. A server that is asked for a page may ignore the
// size that was asked for, within reason; a body of few bytes may stand for values
// that take a lot of memory.
const (
	minItems      = 10_000 // of a list, whatever was asked for
	itemsPerAsked = 10
	bytesPerValue = 64 // of the longest body allowed, for each value in it
)

// unmarshal decodes a body. It refuses one that holds more than was asked for
// before it takes memory for it, and ends with the context between the items of a
// list.
func (f *flight) unmarshal(body []byte, into any) error {
	commas := bytes.Count(body, comma) // no more values than that, and one
	if most := max(f.client.maxBytes/bytesPerValue, minItems); int64(commas) > most {
		return fmt.Errorf("it holds more than %d values", most)
	}
	list := reflect.ValueOf(into).Elem()
	if list.Kind() != reflect.Slice || body[0] != '[' || commas < minItems && len(body) < maxChunk {
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
	if d.More() {
		return fmt.Errorf("something follows the list")
	}
	list.Set(items)
	return nil
}
