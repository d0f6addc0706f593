package apitest

import (
	"fmt"
	"reflect"
	"strings"
)

// Dump is every text that reflection finds in v, as packages that print whole
// structures do: it asks no value how it wants to be printed, and follows pointers,
// interfaces and unexported fields.
func Dump(v any) string {
	var b strings.Builder
	dump(&b, reflect.ValueOf(v), map[uintptr]bool{})
	return b.String()
}

func dump(b *strings.Builder, v reflect.Value, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.String:
		fmt.Fprintln(b, v.String())
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return
		}
		seen[v.Pointer()] = true
		dump(b, v.Elem(), seen)
	case reflect.Interface:
		dump(b, v.Elem(), seen)
	case reflect.Struct:
		for _, field := range v.Fields() {
			dump(b, field, seen)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			dump(b, key, seen)
			dump(b, v.MapIndex(key), seen)
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintln(b, string(v.Bytes()))
			return
		}
		for i := range v.Len() {
			dump(b, v.Index(i), seen)
		}
	default: // numbers, functions and channels hold no text
	}
}
