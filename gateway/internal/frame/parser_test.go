package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// raw makes a frame of a client byte by byte, whatever the rules say.
func raw(first byte, length []byte, payload string) []byte {
	b := append([]byte{first, length[0] | 0x80}, length[1:]...)
	b = append(b, 1, 2, 3, 4)
	at := len(b)
	b = append(b, payload...)
	ws.Cipher(b[at:], [4]byte{1, 2, 3, 4}, 0)
	return b
}

func short(first byte, payload string) []byte { return raw(first, []byte{byte(len(payload))}, payload) }

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

const limit = 1 << 20

// read takes stream apart as a parser on that side does, in steps of n bytes, and tells frames and the error that ended it.
func read(stream []byte, side Side, step int) (got []string, code ws.StatusCode) {
	p := NewParser(side, limit)
	var buf []byte
	for len(stream) > 0 {
		n := min(step, len(stream))
		buf, stream = append(buf, stream[:n]...), stream[n:]
		for {
			var f Frame
			took, err := p.Next(buf, &f)
			var broken *Error
			if errors.As(err, &broken) {
				return got, broken.Code
			}
			if took == 0 {
				break
			}
			text := string(f.Payload)
			if len(text) > 40 {
				text = fmt.Sprintf("%d bytes", len(text))
			}
			got = append(got, fmt.Sprintf("%d %v %s", f.OpCode, f.Fin, text))
			buf = buf[took:]
		}
	}
	return got, 0
}

func be(n int, v uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, v)[8-n:]
	return append([]byte{map[int]byte{2: 126, 8: 127}[n]}, b...)
}

var wire = []struct {
	name   string
	stream []byte
	want   []string
	code   ws.StatusCode
}{
	{"text", short(0x81, "hi"), []string{"1 true hi"}, 0},
	{"empty text", short(0x81, ""), []string{"1 true "}, 0},
	{"binary", short(0x82, "\xff\x00"), []string{"2 true \xff\x00"}, 0},
	{"16 bit length", raw(0x82, be(2, 126), strings.Repeat("x", 126)), []string{"2 true 126 bytes"}, 0},
	{"64 bit length", raw(0x82, be(8, 65536), strings.Repeat("x", 65536)), []string{"2 true 65536 bytes"}, 0},
	{"16 bit length too long a form", raw(0x82, be(2, 125), strings.Repeat("x", 125)), nil, 1002},
	{"64 bit length too long a form", raw(0x82, be(8, 65535), strings.Repeat("x", 65535)), nil, 1002},
	{"length with its highest bit", raw(0x82, be(8, 1<<63|5), "hello"), nil, 1002},
	{"over the limit", raw(0x82, be(8, limit+1), "h"), nil, 1009},
	{"over the limit in fragments", join(raw(0x02, be(8, limit), strings.Repeat("x", limit)), short(0x80, "y")), []string{"2 false 1048576 bytes"}, 1009},
	{"rsv1", short(0xC1, "x"), nil, 1002},
	{"rsv2", short(0xA1, "x"), nil, 1002},
	{"rsv3", short(0x91, "x"), nil, 1002},
	{"rsv of a control frame", short(0xC9, "x"), nil, 1002},
	{"opcode 3", short(0x83, ""), nil, 1002},
	{"opcode 7", short(0x87, "x"), nil, 1002},
	{"opcode 11", short(0x8B, ""), nil, 1002},
	{"opcode 15", short(0x8F, "x"), nil, 1002},
	{"not masked", []byte{0x81, 2, 'h', 'i'}, nil, 1002},
	{"ping", short(0x89, "p"), []string{"9 true p"}, 0},
	{"ping of 125", short(0x89, strings.Repeat("p", 125)), []string{"9 true 125 bytes"}, 0},
	{"ping of 126", raw(0x89, be(2, 126), strings.Repeat("p", 126)), nil, 1002},
	{"ping in fragments", short(0x09, "p"), nil, 1002},
	{"pong unasked", short(0x8A, ""), []string{"10 true "}, 0},
	{"fragments", join(short(0x01, "a"), short(0x00, "b"), short(0x80, "c")), []string{"1 false a", "0 false b", "0 true c"}, 0},
	{"ping between fragments", join(short(0x01, "a"), short(0x89, "p"), short(0x80, "c")), []string{"1 false a", "9 true p", "0 true c"}, 0},
	{"continuation of nothing", short(0x80, "c"), nil, 1002},
	{"continuation after the end", join(short(0x81, "a"), short(0x00, "b")), []string{"1 true a"}, 1002},
	{"text inside a message", join(short(0x01, "a"), short(0x81, "b")), []string{"1 false a"}, 1002},
	{"code point over fragments", join(short(0x01, "\xce"), short(0x00, ""), short(0x80, "\xba")), []string{"1 false \xce", "0 false ", "0 true \xba"}, 0},
	{"code point cut by the end", join(short(0x01, "a"), short(0x80, "\xce")), []string{"1 false a"}, 1007},
	{"bad byte in a fragment that is not the last", short(0x01, "ab\xff"), nil, 1007},
	{"surrogate in fragments", join(short(0x01, "\xed"), short(0x80, "\xa0\x80")), []string{"1 false \xed"}, 1007},
	{"above U+10FFFF", join(short(0x01, "\xf4"), short(0x00, "\x90")), []string{"1 false \xf4"}, 1007},
	{"overlong", short(0x01, "\xc0\xaf"), nil, 1007},
	{"bytes of a binary message are free", join(short(0x02, "\xff"), short(0x80, "\xfe")), []string{"2 false \xff", "0 true \xfe"}, 0},
	{"close", short(0x88, "\x03\xe8bye"), []string{"8 true \x03\xe8bye"}, 0},
	{"close without a code", short(0x88, ""), []string{"8 true "}, 0},
	{"close of one byte", short(0x88, "\x03"), nil, 1002},
	{"close reason not UTF-8", short(0x88, "\x03\xe8\xff"), nil, 1007},
}

// The same frames are read, and the same breach found, whatever pieces the bytes come in.
func TestParser(t *testing.T) {
	for _, c := range wire {
		for _, step := range []int{1 << 30, 1, 3, 7} {
			if step < 7 && len(c.stream) > 1<<16 {
				continue
			}
			stream := bytes.Clone(c.stream)
			got, code := read(stream, FromClient, step)
			if strings.Join(got, "|") != strings.Join(c.want, "|") || code != c.code {
				t.Errorf("%s, in steps of %d: %q, %d; want %q, %d", c.name, step, got, code, c.want, c.code)
			}
		}
	}
}

func TestFramesOfServersAreNotMasked(t *testing.T) {
	if got, code := read([]byte{0x81, 2, 'h', 'i'}, FromServer, 1); len(got) != 1 || code != 0 {
		t.Errorf("%q, %d", got, code)
	}
	if got, code := read(short(0x81, "hi"), FromServer, 1); got != nil || code != ws.StatusProtocolError {
		t.Errorf("a masked frame of a server: %q, %d", got, code)
	}
}

func TestCloseCodes(t *testing.T) {
	var sendable []string
	for c := 0; c < 1<<16; c++ {
		if Sendable(ws.StatusCode(c)) != Sendable(ws.StatusCode(c-1)) {
			sendable = append(sendable, fmt.Sprint(c))
		}
	}
	if got := strings.Join(sendable, " "); got != "1000 1004 1007 1015 3000 5000" {
		t.Errorf("borders of what may be sent: %s", got)
	}
}

// Fail fast: of every text that is not UTF-8, the first byte that no text can have is the one that ends it.
func TestUTF8FailsAtTheFirstBadByte(t *testing.T) {
	cases := map[string]int{
		"\x80": 0, "\xc2\x20": 1, "\xe0\x9f\xbf": 1, "\xed\xa0\x80": 1, "\xf0\x8f\xbf\xbf": 1, "\xf4\x90\x80\x80": 1,
		"κόσμε\xed\xa0\x80edited": 11, "abc\xf5": 3, "\xe2\x82\x28": 2, "\xf0\x9f\x98\x28": 3,
	}
	for text, at := range cases {
		var s utf8State
		for i := range len(text) {
			if ok := s.feed([]byte{text[i]}); ok != (i < at) {
				t.Errorf("%q: byte %d: %v", text, i, ok)
				break
			} else if !ok {
				break
			}
		}
		var whole utf8State
		if whole.feed([]byte(text)) {
			t.Errorf("%q passes whole", text)
		}
	}
}

func TestAppendReadsBack(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		for _, side := range []Side{FromClient, FromServer} {
			payload := bytes.Repeat([]byte{'x'}, n)
			b := Append(nil, ws.OpBinary, payload, side)
			p := NewParser(side, limit)
			var f Frame
			took, err := p.Next(b, &f)
			if err != nil || took != len(b) || !bytes.Equal(f.Payload, payload) {
				t.Errorf("%d bytes of side %d: %d of %d, %v", n, side, took, len(b), err)
			}
		}
	}
	a, b := Append(nil, ws.OpText, []byte("same"), FromClient), Append(nil, ws.OpText, []byte("same"), FromClient)
	if bytes.Equal(a[2:6], b[2:6]) {
		t.Error("two frames have one masking key")
	}
}

func FuzzParser(f *testing.F) {
	for _, c := range wire {
		if len(c.stream) < 1000 {
			f.Add(c.stream, uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		whole, code := read(bytes.Clone(stream), FromClient, 1<<30)
		pieces, codePieces := read(bytes.Clone(stream), FromClient, int(step)%17+1)
		// A text frame that came whole is left to its judge, so what comes in pieces may fail earlier, by 1007 only.
		if codePieces == 1007 {
			if len(pieces) > len(whole) {
				t.Fatalf("pieces give %q, the whole %q", pieces, whole)
			}
			return
		}
		if strings.Join(whole, "|") != strings.Join(pieces, "|") || code != codePieces {
			t.Fatalf("whole %q %d, in pieces %q %d", whole, code, pieces, codePieces)
		}
	})
}
