package expr

import (
	"encoding/binary"
	"encoding/hex"
)

// maxElements bounds how many elements of an array constant are read.
const maxElements = 100_000

// array reads an array of at most one dimension (array.h): dimensions, offset of the data (0: no NULLs), element type,
// length, lower bound, NULL bitmap, data.
func (d *decoder) array(raw []byte, elem, collation uint32) ([]*Const, bool) {
	p, ok := varlena(raw)
	if !ok || len(p) < 12 || len(raw) != len(p)+4 {
		return nil, false
	}
	word := func(at int) int { return int(int32(binary.LittleEndian.Uint32(p[at:]))) }
	dims, offset := word(0), word(4)
	if dims == 0 {
		return []*Const{}, true
	}
	if dims != 1 || len(p) < 20 || uint32(word(8)) != elem {
		return nil, false
	}
	count := word(12)
	if count < 0 || count > maxElements {
		return nil, false
	}
	var nulls []byte
	data := 20
	if offset != 0 {
		data = offset - 4 // counted from the length word
		if data < 20+(count+7)/8 || data > len(p) {
			return nil, false
		}
		nulls = p[20:data]
	}
	return d.elements(p, data, nulls, count, elem, collation)
}

func (d *decoder) elements(p []byte, at int, nulls []byte, count int, elem, collation uint32) ([]*Const, bool) {
	t := d.r.names.typeOf(elem)
	if t == nil {
		return nil, false
	}
	in := &decoder{r: d.r, length: int(t.Length)}
	out := make([]*Const, 0, min(count, len(p)))
	for i := range count {
		c := &Const{TypeOID: elem, Collation: collation, Known: true}
		out = append(out, c)
		if nulls != nil && nulls[i/8]&(1<<(i%8)) == 0 {
			c.Null = true
			continue
		}
		size, start, ok := elementSize(p, at, int(t.Length), t.Align)
		if !ok {
			return nil, false
		}
		c.Raw = hex.EncodeToString(p[start : start+size])
		if c.Text, ok = in.scalar(d.r.names.base(elem), p[start:start+size]); !ok {
			return nil, false
		}
		at = start + size
	}
	return out, true
}

// elementSize says where the element at or after `at` starts, and how long it is.
func elementSize(p []byte, at, length int, align string) (size, start int, ok bool) {
	start = alignTo(at, align)
	switch {
	case length > 0:
		size = length
	case length == -2:
		for start+size < len(p) && p[start+size] != 0 {
			size++
		}
		size++
	case at < len(p) && p[at]&1 == 1: // a short one is not aligned
		start, size = at, int(p[at]>>1)
	case start+4 <= len(p):
		size = int(binary.LittleEndian.Uint32(p[start:]) >> 2)
	}
	return size, start, size > 0 && start+size <= len(p)
}

// alignTo rounds an offset up. The data of an array is counted from the datum's start, 4 bytes before the payload; array
// data starts at a multiple of 8 from there, so offsets are shifted by 4 before rounding.
func alignTo(at int, align string) int {
	size := 1
	switch align {
	case "s":
		size = 2
	case "i":
		size = 4
	case "d":
		size = 8
	}
	return (at+4+size-1)/size*size - 4
}
