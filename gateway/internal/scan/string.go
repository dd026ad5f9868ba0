package scan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// What a string has in it beside plain ASCII.
const (
	hasEscape = 1 << iota
	hasNonASCII
	hasLone // half a surrogate pair, escaped
)

const (
	ones = 0x0101010101010101
	high = 0x8080808080808080
)

// str reads a string whose first byte after the quote is b[i]. It returns the index of the closing quote.
func str(b []byte, i int) (end int, has uint8, code Code) {
	near := i + 40
	for ; i+8 <= len(b) && i < near; i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		// The lowest bit set is right: a borrow only goes up, and w itself brings in what is not ASCII.
		special := ((w - ones*0x20) | (w ^ ones*'"' - ones) | (w ^ ones*'\\' - ones) | w) & high
		if special != 0 {
			i += bits.TrailingZeros64(special) / 8
			if b[i] == '"' {
				return i, 0, OK
			}
			return strRest(b, i)
		}
	}
	for ; i < len(b) && i < near; i++ { // the message's last bytes
		if c := b[i]; c == '"' {
			return i, 0, OK
		} else if c < 0x20 || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return strRest(b, i)
}

// strRest is str for what is long or not plain. Each search goes on where the last one of its kind ended, so that a string
// of escapes costs its length, not its square.
func strRest(b []byte, i int) (end int, has uint8, code Code) {
	quote := -1
	for {
		if quote < i {
			n := bytes.IndexByte(b[i:], '"')
			if n < 0 {
				return 0, has, Syntax
			}
			quote = i + n
		}
		stop := quote
		if n := bytes.IndexByte(b[i:quote], '\\'); n >= 0 {
			stop = i + n
		}
		seen, code := plain(b[i:stop])
		if code != OK {
			return 0, has, code
		}
		has |= seen
		if stop == quote {
			return quote, has, OK
		}
		n, lone := escape(b[stop:])
		if n == 0 {
			return 0, has, Syntax
		}
		has |= hasEscape
		if lone {
			has |= hasLone
		}
		i = stop + n
	}
}

// plain checks a stretch without quotes and backslashes: no control characters, and UTF-8.
func plain(b []byte) (has uint8, code Code) {
	var odd, more uint64
	i := min(len(b), int(-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&7)) // words begin where they are aligned
	for _, c := range b[:i] {
		odd |= uint64(c-0x20) | uint64(c)
	}
	for ; i+64 <= len(b); i += 64 {
		w := (*[8]uint64)(unsafe.Pointer(&b[i])) // in whichever order of bytes: each is held against the same
		odd |= ((w[0] - ones*0x20) | w[0]) | ((w[1] - ones*0x20) | w[1]) | (((w[2] - ones*0x20) | w[2]) | ((w[3] - ones*0x20) | w[3]))
		more |= ((w[4] - ones*0x20) | w[4]) | ((w[5] - ones*0x20) | w[5]) | (((w[6] - ones*0x20) | w[6]) | ((w[7] - ones*0x20) | w[7]))
	}
	odd |= more
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		odd |= (w - ones*0x20) | w
	}
	for _, c := range b[i:] {
		odd |= uint64(c-0x20) | uint64(c)
	}
	if odd&high == 0 {
		return 0, OK
	}
	for _, c := range b {
		if c < 0x20 {
			return 0, Syntax
		}
	}
	if !utf8.Valid(b) {
		return 0, UTF8
	}
	return hasNonASCII, OK
}

// escape reads the escape that b begins with: its length, 0 where it is none. A surrogate pair is one escape.
func escape(b []byte) (n int, lone bool) {
	if len(b) < 2 {
		return 0, false
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, false
	case 'u':
		r, ok := hex4(b[2:])
		if !ok {
			return 0, false
		}
		if !utf16.IsSurrogate(r) {
			return 6, false
		}
		if _, ok := lowHalf(b, r); ok {
			return 12, false
		}
		return 6, true
	}
	return 0, false
}

// lowHalf decodes the pair whose first half r stands at the begin of b.
func lowHalf(b []byte, r rune) (rune, bool) {
	if len(b) < 12 || b[6] != '\\' || b[7] != 'u' {
		return 0, false
	}
	low, ok := hex4(b[8:])
	if !ok {
		return 0, false
	}
	pair := utf16.DecodeRune(r, low)
	return pair, pair != utf8.RuneError
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

var plainEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendDecoded appends the text of a string that str accepted, its escapes decoded. Half a surrogate pair is U+FFFD.
func appendDecoded(dst, s []byte) []byte {
	for len(s) > 0 {
		n := bytes.IndexByte(s, '\\')
		if n < 0 {
			return append(dst, s...)
		}
		dst, s = append(dst, s[:n]...), s[n:]
		if c := plainEscapes[s[1]]; c != 0 {
			dst, s = append(dst, c), s[2:]
			continue
		}
		r, _ := hex4(s[2:])
		if pair, ok := lowHalf(s, r); ok && utf16.IsSurrogate(r) {
			dst, s = utf8.AppendRune(dst, pair), s[12:]
			continue
		}
		dst, s = utf8.AppendRune(dst, r), s[6:]
	}
	return dst
}
