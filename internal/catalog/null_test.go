package catalog

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// fill gives every list in v one element, and every pointer something to point to, as deep as a snapshot goes.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth-1)
		}
	case reflect.Slice:
		if depth > 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth)
			}
		}
	}
}

// A list that is empty is written as one, wherever it stands; the one null is of what is not known.
func TestNoNullIsWritten(t *testing.T) {
	for depth := range 5 {
		var s Snapshot
		fill(reflect.ValueOf(&s).Elem(), depth)
		s.normalize()
		var b bytes.Buffer
		if err := s.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if strings.HasSuffix(strings.TrimRight(line, ",\n"), "null") && !strings.Contains(line, `"stats_ext_safe"`) {
				t.Errorf("filled %d deep: %s", depth, line)
			}
		}
	}
}
