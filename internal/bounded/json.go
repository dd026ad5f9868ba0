package bounded

import (
	"errors"
	"io"
)

// bytesPerElement is below what an object takes in any document: a file of smaller ones would fill far more memory than its size says.
const bytesPerElement = 128

var errElements = errors.New("it has more objects in its lists than any such document: it was not written by this program")

// JSON passes a JSON text on, and ends with an error where it has more than so many bytes, or more objects, lists and nulls in its
// lists than a text of that size would have. It does not judge the text itself.
func JSON(r io.Reader, most int64) io.Reader {
	return &jsonReader{from: r, most: most, left: most, elements: most / bytesPerElement}
}

type jsonReader struct {
	from     io.Reader
	most     int64
	left     int64
	elements int64
	inString bool
	escaped  bool
	last     byte // the last character outside strings that is no white space
}

// Read implements io.Reader.
func (r *jsonReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, larger(r.most)
	}
	for _, c := range p[:n] {
		r.see(c)
	}
	if r.elements < 0 {
		return 0, errElements
	}
	return n, err
}

func (r *jsonReader) see(c byte) {
	switch {
	case r.escaped:
		r.escaped = false
	case r.inString:
		r.escaped, r.inString = c == '\\', c != '"'
	case c == ' ' || c == '\n' || c == '\r' || c == '\t':
	default:
		if r.last == '[' || r.last == ',' {
			if c == '{' || c == '[' || c == 'n' {
				r.elements--
			}
		}
		r.inString, r.last = c == '"', c
	}
}
