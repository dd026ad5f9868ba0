package catalog

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"unicode/utf8"
)

// A row reads one result row's columns from left to right, in PostgreSQL's binary format. A NULL reads as the zero value
// (nil for a list). After the first mistake every read gives the zero value and err tells of it.
type row struct {
	values [][]byte
	next   int
	err    error
}

var errWire = errors.New("a value has not the expected length")

func (r *row) take(size int) []byte {
	if r.err != nil {
		return nil
	}
	if r.next >= len(r.values) {
		r.err = errors.New("fewer columns than expected")
		return nil
	}
	v := r.values[r.next]
	r.next++
	if v != nil && size >= 0 && len(v) != size {
		r.err = errWire
		return nil
	}
	return v
}

func (r *row) oid() uint32 {
	if v := r.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *row) int16() int16 {
	if v := r.take(2); v != nil {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *row) int32() int32 { return int32(r.oid()) }

func (r *row) int64() int64 {
	if v := r.take(8); v != nil {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

func (r *row) float32() float32 {
	if v := r.take(4); v != nil {
		return math.Float32frombits(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (r *row) bool() bool {
	v := r.take(1)
	return v != nil && v[0] != 0
}

func (r *row) text() string { return toText(r.take(-1)) }

// toText copies a text value. Bytes that are not UTF-8 (a database of encoding SQL_ASCII can hold them) are written \xNN, so
// that two such names stay two.
func toText(v []byte) string {
	if utf8.Valid(v) {
		return string(v)
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	for len(v) > 0 {
		c, n := utf8.DecodeRune(v)
		if c == utf8.RuneError && n == 1 {
			b.WriteString(`\x`)
			b.WriteByte(hex[v[0]>>4])
			b.WriteByte(hex[v[0]&15])
		} else {
			b.Write(v[:n])
		}
		v = v[n:]
	}
	return b.String()
}

// tree reads two columns: the node text and its printed form. Both NULL is nil.
func (r *row) tree() *Tree {
	node, text := r.text(), r.text()
	if node == "" {
		return nil
	}
	return &Tree{Node: node, Text: text}
}

// items splits an array of one dimension into its elements' bytes; a NULL element is nil.
func (r *row) items() [][]byte {
	v := r.take(-1)
	if v == nil {
		return nil
	}
	if len(v) == 12 {
		return [][]byte{}
	}
	if len(v) < 20 || binary.BigEndian.Uint32(v) != 1 {
		r.err = errWire
		return nil
	}
	n := int(binary.BigEndian.Uint32(v[12:]))
	if n > len(v)/4 {
		r.err = errWire
		return nil
	}
	out := make([][]byte, 0, n)
	for v = v[20:]; n > 0; n-- {
		if len(v) < 4 {
			r.err = errWire
			return nil
		}
		size := int(int32(binary.BigEndian.Uint32(v)))
		v = v[4:]
		if size < 0 {
			out = append(out, nil)
			continue
		}
		if size > len(v) {
			r.err = errWire
			return nil
		}
		out = append(out, v[:size:size])
		v = v[size:]
	}
	return out
}

func (r *row) texts() []string {
	items := r.items()
	if items == nil {
		return nil
	}
	out := make([]string, len(items))
	for i, v := range items {
		out[i] = toText(v)
	}
	return out
}

func (r *row) oids() []uint32 {
	items := r.items()
	if items == nil {
		return nil
	}
	out := make([]uint32, len(items))
	for i, v := range items {
		if len(v) == 4 {
			out[i] = binary.BigEndian.Uint32(v)
		}
	}
	return out
}

func (r *row) bools() []bool {
	items := r.items()
	out := make([]bool, len(items))
	for i, v := range items {
		out[i] = len(v) == 1 && v[0] != 0
	}
	return out
}

func (r *row) int16s() []int16 {
	items := r.items()
	if items == nil {
		return nil
	}
	out := make([]int16, len(items))
	for i, v := range items {
		if len(v) == 2 {
			out[i] = int16(binary.BigEndian.Uint16(v))
		}
	}
	return out
}
