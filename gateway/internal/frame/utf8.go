package frame

import "unicode/utf8"

// utf8State is where in a code point the bytes read so far end: 0 between two. The low byte counts continuation bytes still
// wanted; the next two bytes hold the lowest and highest value that the next one may have.
type utf8State uint32

const anyContinuation = 0x80<<8 | 0xBF<<16

// complete reports whether no code point is open.
func (s utf8State) complete() bool { return s == 0 }

// feed takes the next bytes of a text and reports whether it can still become UTF-8: the first byte that no text could have
// there ends it, however much is to come.
func (s *utf8State) feed(b []byte) bool {
	for len(b) > 0 && *s != 0 {
		if !s.step(b[0]) {
			return false
		}
		b = b[1:]
	}
	if utf8.Valid(b) {
		return true
	}
	// Not whole: all but the last few bytes must be valid, and those an open code point.
	cut := len(b)
	for back := 1; back <= min(3, len(b)); back++ {
		if utf8.RuneStart(b[len(b)-back]) {
			cut = len(b) - back
			break
		}
	}
	if !utf8.Valid(b[:cut]) {
		return false
	}
	for _, c := range b[cut:] {
		if !s.step(c) {
			return false
		}
	}
	return true
}

// step takes one byte. The ranges are those of Unicode's table 3-7: overlong forms, surrogates and what is above U+10FFFF
// fail at the first byte that makes them so.
func (s *utf8State) step(c byte) bool {
	if *s == 0 {
		switch {
		case c < 0x80:
		case c < 0xC2:
			return false
		case c < 0xE0:
			*s = 1 | anyContinuation
		case c == 0xE0:
			*s = 2 | 0xA0<<8 | 0xBF<<16
		case c == 0xED:
			*s = 2 | 0x80<<8 | 0x9F<<16
		case c < 0xF0:
			*s = 2 | anyContinuation
		case c == 0xF0:
			*s = 3 | 0x90<<8 | 0xBF<<16
		case c < 0xF4:
			*s = 3 | anyContinuation
		case c == 0xF4:
			*s = 3 | 0x80<<8 | 0x8F<<16
		default:
			return false
		}
		return true
	}
	if c < byte(*s>>8) || c > byte(*s>>16) {
		return false
	}
	left := *s&0xFF - 1
	*s = 0
	if left > 0 {
		*s = left | anyContinuation
	}
	return true
}
