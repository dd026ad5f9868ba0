package expr

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// jsonbText writes a jsonb (jsonb.h): a container header, one entry for each value, then their bytes.
func jsonbText(p []byte) (string, bool) {
	var b strings.Builder
	if !jsonbContainer(&b, p, 0) {
		return "", false
	}
	return b.String(), true
}

// jsonbContainer writes an object, an array, or the single value of a scalar.
func jsonbContainer(b *strings.Builder, p []byte, depth int) bool {
	if len(p) < 4 || depth > 64 {
		return false
	}
	header := binary.LittleEndian.Uint32(p)
	count, entries := int(header&0x0FFFFFFF), int(header&0x0FFFFFFF)
	object := header&0x20000000 != 0
	if object {
		entries *= 2
	}
	if entries > (len(p)-4)/4 {
		return false
	}
	values, ok := jsonbEntries(p[4:4+4*entries], p[4+4*entries:])
	switch {
	case !ok:
		return false
	case header&0x10000000 != 0: // a scalar stands in an array of one
		return count == 1 && values[0].write(b, depth)
	case object:
		return jsonbObject(b, values, count, depth)
	}
	b.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		if !v.write(b, depth) {
			return false
		}
	}
	b.WriteByte(']')
	return true
}

func jsonbObject(b *strings.Builder, values []jsonbValue, count, depth int) bool {
	b.WriteByte('{')
	for i := range count {
		if i > 0 {
			b.WriteString(", ")
		}
		if !values[i].write(b, depth) {
			return false
		}
		b.WriteString(": ")
		if !values[count+i].write(b, depth) {
			return false
		}
	}
	b.WriteByte('}')
	return true
}

// A jsonbValue is one entry with its bytes, padding included.
type jsonbValue struct {
	kind uint32
	pad  int // bytes to the next multiple of 4
	data []byte
}

// jsonbEntries cuts the data by the entries, each of which has a length or the offset of its end.
func jsonbEntries(heads, data []byte) ([]jsonbValue, bool) {
	out := make([]jsonbValue, 0, len(heads)/4)
	at := 0
	for i := 0; i < len(heads); i += 4 {
		e := binary.LittleEndian.Uint32(heads[i:])
		end := at + int(e&0x0FFFFFFF)
		if e&0x80000000 != 0 {
			end = int(e & 0x0FFFFFFF)
		}
		if end < at || end > len(data) {
			return nil, false
		}
		out = append(out, jsonbValue{kind: e & 0x70000000, pad: -at & 3, data: data[at:end]})
		at = end
	}
	return out, true
}

func (v jsonbValue) write(b *strings.Builder, depth int) bool {
	switch v.kind {
	case 0x00000000:
		return jsonString(b, string(v.data))
	case 0x20000000:
		b.WriteString("false")
		return true
	case 0x30000000:
		b.WriteString("true")
		return true
	case 0x40000000:
		b.WriteString("null")
		return true
	}
	if v.pad > len(v.data) {
		return false
	}
	if v.kind == 0x50000000 {
		return jsonbContainer(b, v.data[v.pad:], depth+1)
	}
	payload, ok := varlena(v.data[v.pad:])
	if !ok {
		return false
	}
	text, ok := numericText(payload)
	b.WriteString(text)
	return ok
}

// jsonString writes a JSON string as PostgreSQL does: no escapes but those that JSON demands.
func jsonString(b *strings.Builder, s string) bool {
	var quoted strings.Builder
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return false
	}
	b.WriteString(strings.TrimSuffix(quoted.String(), "\n"))
	return true
}

// jsonbLiteral writes a JSON text as jsonb prints it: keys by length and then bytes, the last of equal ones. Numbers with an
// exponent are left, for jsonb writes them out.
func jsonbLiteral(text string) (string, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() {
		return "", false
	}
	var b strings.Builder
	ok := jsonbWrite(&b, v)
	return b.String(), ok
}

func jsonbWrite(b *strings.Builder, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.SortedFunc(maps.Keys(v), func(x, y string) int { return cmp.Or(len(x)-len(y), strings.Compare(x, y)) })
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteString(", ")
			}
			if !jsonString(b, k) {
				return false
			}
			b.WriteString(": ")
			if !jsonbWrite(b, v[k]) {
				return false
			}
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			if !jsonbWrite(b, e) {
				return false
			}
		}
		b.WriteByte(']')
	case string:
		return jsonString(b, v)
	case json.Number:
		b.WriteString(v.String())
		return !strings.ContainsAny(v.String(), "eE")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case nil:
		b.WriteString("null")
	}
	return true
}
