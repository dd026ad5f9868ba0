//go:build system

package gateway

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// suiteCase is one conversation with an echo behind the gateway: what is sent, in which pieces, what comes back in order, and the
// close codes that may end it; none: it goes on, and ends by the client's own close.
type suiteCase struct {
	name string
	send []byte
	step int // bytes a write; 0: all at once
	want []string
	code []ws.StatusCode
}

// part is a frame of a client that need not be whole or right.
func part(first byte, payload string) []byte { return masked(first, payload) }

func say(b ...[]byte) []byte {
	var all []byte
	for _, p := range b {
		all = append(all, p...)
	}
	return all
}

// pieces are the frames of a message in fragments of n bytes.
func pieces(op byte, payload string, n int) []byte {
	var all []byte
	for at := 0; at < len(payload) || at == 0; at += n {
		end := min(at+n, len(payload))
		first := byte(0)
		if at == 0 {
			first = op
		}
		if end == len(payload) {
			first |= 0x80
		}
		all = append(all, part(first, payload[at:end])...)
	}
	return all
}

// tell is how a frame is told of: long ones by their length.
func tell(op ws.OpCode, payload string) string {
	if len(payload) > 200 {
		return fmt.Sprintf("%d:%d bytes of %q", op, len(payload), payload[:1])
	}
	return fmt.Sprintf("%d:%s", op, payload)
}

func texts(all ...string) []string {
	for i, s := range all {
		all[i] = tell(ws.OpText, s)
	}
	return all
}

var (
	broken  = []ws.StatusCode{1002}
	notUTF8 = []ws.StatusCode{1007}
)

// suiteCases are the cases of the public conformance suite's list, by its chapters: 1 framing, 2 pings, 3 reserved bits, 4 opcodes,
// 5 fragments, 6 UTF-8, 7 closing, 10 fragments made by a library. Chapter 9, sizes, is sized by the tier.
func suiteCases() []suiteCase {
	var all []suiteCase
	add := func(chapter string, send []byte, step int, want []string, code ...ws.StatusCode) {
		n := 1
		for _, c := range all {
			if strings.HasPrefix(c.name, chapter+".") {
				n++
			}
		}
		all = append(all, suiteCase{fmt.Sprintf("%s.%d", chapter, n), send, step, want, code})
	}
	for i, op := range []byte{0x81, 0x82} {
		chapter := fmt.Sprintf("1.%d", i+1)
		for _, n := range []int{0, 125, 126, 127, 128, 65535, 65536} {
			p := strings.Repeat("*", n)
			add(chapter, part(op, p), 0, []string{tell(ws.OpCode(op&15), p)})
		}
		add(chapter, part(op, strings.Repeat("*", 65536)), 997, []string{tell(ws.OpCode(op&15), strings.Repeat("*", 65536))})
	}
	pong := func(p string) string { return tell(ws.OpPong, p) }
	add("2", part(0x89, ""), 0, []string{pong("")})
	add("2", part(0x89, "Hello, world!"), 0, []string{pong("Hello, world!")})
	add("2", part(0x89, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), 0, []string{pong("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")})
	add("2", part(0x89, strings.Repeat("\xfe", 125)), 0, []string{pong(strings.Repeat("\xfe", 125))})
	add("2", part(0x89, strings.Repeat("\xfe", 126)), 0, nil, broken...)
	add("2", part(0x89, strings.Repeat("\xfe", 125)), 1, []string{pong(strings.Repeat("\xfe", 125))})
	add("2", part(0x8A, ""), 0, nil)
	add("2", part(0x8A, "unsolicited pong payload"), 0, nil)
	add("2", say(part(0x8A, "unsolicited"), part(0x89, "ping payload")), 0, []string{pong("ping payload")})
	for _, step := range []int{0, 1} {
		var b []byte
		var want []string
		for i := range 10 {
			b = append(b, part(0x89, fmt.Sprintf("payload-%d", i))...)
			want = append(want, pong(fmt.Sprintf("payload-%d", i)))
		}
		add("2", b, step, want)
	}
	hello := "Hello, world!"
	add("3", part(0x81|0x10, hello), 0, nil, broken...)
	for i, rsv := range []byte{0x20, 0x30, 0x40} {
		add("3", say(part(0x81, hello), part(0x81|rsv, hello), part(0x89, "")), []int{0, 0, 1}[i], texts(hello), broken...)
	}
	add("3", part(0x82|0x50, "\x00\xff"), 0, nil, broken...)
	add("3", part(0x89|0x60, hello), 0, nil, broken...)
	add("3", part(0x88|0x70, "\x03\xe8"), 0, nil, broken...)
	for i, first := range []byte{3, 4, 5, 6, 7} {
		before, want := []byte(nil), []string(nil)
		if i >= 2 {
			before, want = part(0x81, hello), texts(hello)
		}
		add("4.1", say(before, part(0x80|first, ""), part(0x89, "")), 0, want, broken...)
		add("4.2", say(before, part(0x88|first, ""), part(0x89, "")), 0, want, broken...)
	}
	a, b := "fragment1", "fragment2"
	add("5", say(part(0x09, a), part(0x80, b)), 0, nil, broken...)
	add("5", say(part(0x0A, a), part(0x80, b)), 0, nil, broken...)
	for _, step := range []int{0, 30, 1} {
		add("5", say(part(0x01, a), part(0x80, b)), step, texts(a+b))
	}
	for _, step := range []int{0, 30, 1} {
		add("5", say(part(0x01, a), part(0x89, "ping"), part(0x80, b)), step, []string{pong("ping"), tell(ws.OpText, a+b)})
	}
	for _, step := range []int{0, 30, 1} {
		add("5", say(part(0x80, "non-continuation"), part(0x81, hello)), step, nil, broken...)
	}
	for _, step := range []int{0, 30, 1} {
		add("5", say(part(0x00, "non-continuation"), part(0x81, hello)), step, nil, broken...)
	}
	add("5", say(part(0x01, a), part(0x80, b), part(0x00, "c"), part(0x81, hello)), 0, texts(a+b), broken...)
	for range 2 {
		add("5", say(part(0x00, a), part(0x80, b), part(0x01, a), part(0x80, b)), 0, nil, broken...)
	}
	add("5", say(part(0x01, a), part(0x01, b)), 0, nil, broken...)
	long := say(part(0x01, "1"), part(0x00, "2"), part(0x89, "p1"), part(0x00, "3"), part(0x00, "4"), part(0x89, "p2"), part(0x80, "5"))
	add("5", long, 0, []string{pong("p1"), pong("p2"), tell(ws.OpText, "12345")})
	add("5", long, 1, []string{pong("p1"), pong("p2"), tell(ws.OpText, "12345")})
	suiteUTF8(add)
	suiteClosing(add)
	add("10.1", pieces(1, strings.Repeat("*", 65536), 1300), 0, texts(strings.Repeat("*", 65536)))
	return all
}

// suiteUTF8 is chapter 6: whole, in fragments, in bytes; each border of Unicode's table, and each way to be none.
func suiteUTF8(add func(string, []byte, int, []string, ...ws.StatusCode)) {
	add("6.1", part(0x81, ""), 0, texts(""))
	add("6.1", say(part(0x01, ""), part(0x00, ""), part(0x80, "")), 0, texts(""))
	add("6.1", say(part(0x01, ""), part(0x00, "middle frame payload"), part(0x80, "")), 0, texts("middle frame payload"))
	good := "Hello-µ@ßöäüàá-UTF-8!!"
	add("6.2", part(0x81, good), 0, texts(good))
	add("6.2", say(part(0x01, good[:12]), part(0x80, good[12:])), 0, texts(good))
	add("6.2", pieces(1, good, 1), 0, texts(good))
	add("6.2", pieces(1, "κόσμε", 1), 0, texts("κόσμε"))
	bad := "κόσμε\xed\xa0\x80edited"
	add("6.3", part(0x81, bad), 0, nil, notUTF8...)
	add("6.3", pieces(1, bad, 1), 0, nil, notUTF8...)
	// Fail fast: what follows the bad byte never comes.
	add("6.4", say(part(0x01, "κόσμε\xf4\x90\x80\x80")), 0, nil, notUTF8...)
	add("6.4", say(part(0x01, "κόσμε\xf4"), part(0x00, "\x90")), 0, nil, notUTF8...)
	add("6.4", part(0x81, "κόσμε\xf4\x90\x80\x80edited")[:2+4+12], 0, nil, notUTF8...)
	add("6.4", part(0x81, "κόσμε\xf4\x90\x80\x80edited")[:2+4+13], 1, nil, notUTF8...)
	for _, s := range []string{
		"κόσμε", "\x00", "\u0080", "\u0800", "\U00010000", "\x7f", "\u07ff", "\uffff", "\U0010ffff", "\ud7ff", "\ue000", "\ufffd",
		"\U0001fffe", "\U0001ffff", "\U0002fffe", "\U0002ffff", "\U0003fffe", "\U0003ffff", "\U0004fffe", "\U0004ffff", "\U0005fffe", "\U0005ffff",
		"\U0006fffe", "\U0006ffff", "\U0007fffe", "\U0007ffff", "\U0008fffe", "\U0008ffff", "\U0009fffe", "\U0009ffff", "\U000afffe", "\U000affff",
		"\U000bfffe", "\U000bffff", "\U000cfffe", "\U000cffff", "\U000dfffe", "\U000dffff", "\U000efffe", "\U000effff", "\U000ffffe", "\U000fffff",
		"\U0010fffe", "\ufffe", "\U0001f600 über 東京", "hello$world", "hello¢world", "hello€world", "hello\U00024b62world", "\ufff9", "\ufffa", "\ufffb", "\ufffc",
	} {
		add("6.5", part(0x81, s), 0, texts(s))
		add("6.6", pieces(1, s, 1), 0, texts(s))
	}
	for _, s := range []string{
		"\xce", "\xce\xba\xe1", "\xce\xba\xe1\xbd", "\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80\xbf", "\xc0 ", "\xdf ", "\xe0 ", "\xef ", "\xf0 ", "\xf7 ",
		"\xf8 ", "\xfb ", "\xfc ", "\xfd ", "\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80", "\xdf", "\xef\xbf", "\xf7\xbf\xbf",
		"\xfe", "\xff", "\xfe\xfe\xff\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf", "\xc1\xbf",
		"\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf", "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80",
		"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80",
		"\xed\xaf\xbf\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf7\xbf\xbf\xbf",
		"\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf", "\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80",
		"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
		"\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80", "\x80\xbf\x80", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", run(0x80, 0xbf, ""), run(0xc0, 0xdf, " "),
		run(0xe0, 0xef, " "), run(0xf0, 0xf7, " "), run(0xf8, 0xfb, " "), run(0xfc, 0xfd, " "),
		"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf",
	} {
		add("6.12", part(0x81, s), 0, nil, notUTF8...)
		add("6.20", pieces(1, "ok"+s, 1), 0, nil, notUTF8...)
	}
}

// run are the bytes from one up to before another, each with something behind it.
func run(from, to int, behind string) string {
	var b strings.Builder
	for c := from; c < to; c++ {
		b.WriteByte(byte(c))
		b.WriteString(behind)
	}
	return b.String()
}

// suiteClosing is chapter 7: after a close nothing is acted on; codes come back as they were said, and those that no endpoint may
// send are breaches.
func suiteClosing(add func(string, []byte, int, []string, ...ws.StatusCode)) {
	body := func(code int, reason string) string {
		return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
	}
	closing := part(0x88, body(1000, ""))
	add("7.1", say(part(0x81, "Hello World!"), closing), 0, texts("Hello World!"), 1000)
	add("7.1", say(closing, closing), 0, nil, 1000)
	add("7.1", say(closing, part(0x89, "")), 0, nil, 1000)
	add("7.1", say(closing, part(0x81, "Hello World!")), 0, nil, 1000)
	add("7.1", say(part(0x01, "fragment1"), closing, part(0x80, "fragment2")), 0, nil, 1000)
	add("7.1", say(part(0x81, strings.Repeat("BAsd7&jh23", 26215)[:256<<10]), part(0x81, "Hello World!"), closing, part(0x89, "")), 0,
		texts(strings.Repeat("BAsd7&jh23", 26215)[:256<<10], "Hello World!"), 1000)
	add("7.3", part(0x88, ""), 0, nil, 1005)
	add("7.3", part(0x88, "a"), 0, nil, broken...)
	add("7.3", closing, 0, nil, 1000)
	add("7.3", part(0x88, body(1000, "Hello World!")), 0, nil, 1000)
	add("7.3", part(0x88, body(1000, strings.Repeat("*", 123))), 0, nil, 1000)
	add("7.3", part(0x88, body(1000, strings.Repeat("*", 124))), 0, nil, broken...)
	add("7.5", part(0x88, body(1000, "κόσμε\xed\xa0\x80edited")), 0, nil, notUTF8...)
	for _, c := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		add("7.7", part(0x88, body(c, "")), 0, nil, ws.StatusCode(c))
	}
	for _, c := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		add("7.9", part(0x88, body(c, "")), 0, nil, broken...)
	}
}

// play says what the case says to a peer, and tells what came back before the end, and the close code that ended it: 0 where it went
// on.
func (c suiteCase) play(p *peer) (got []string, code ws.StatusCode, err error) {
	go func() {
		for rest := c.send; len(rest) > 0; {
			n := len(rest)
			if c.step > 0 {
				n = min(c.step, n)
			}
			if p.write(rest[:n]) != nil {
				return
			}
			rest = rest[n:]
		}
		if len(c.code) == 0 { // whoever is still there answers, behind all that was asked
			_ = p.say(ws.OpPing, "are you there?")
		}
	}()
	there := false
	for !there || len(got) < len(c.want) {
		op, payload, err := p.next()
		switch {
		case err != nil:
			return got, 0, err
		case op == ws.OpClose:
			return got, frame.CloseCode([]byte(payload)), nil
		case op == ws.OpPong && payload == "are you there?":
			there = true
		default:
			got = append(got, tell(op, payload))
		}
	}
	return got, 0, nil
}

// hold plays one case through a gateway.
func (c suiteCase) hold(t *testing.T, r *rig) {
	p := r.open(mine + ".anna.t1")
	defer p.conn.Close()
	got, code, err := c.play(p)
	want := ws.StatusCode(0)
	if len(c.code) > 0 {
		want = c.code[0]
	}
	if err != nil || code != want || strings.Join(got, "|") != strings.Join(c.want, "|") {
		t.Errorf("%q, close %d, %v; want %q, close %d", got, code, err, c.want, want)
	}
}

// TestSystemSuite plays the list over real sockets, through the gateway to an echo and back.
func TestSystemSuite(t *testing.T) {
	r := newRig(t, opaque+"\nlimits: {message_bytes: 16MiB}", echo)
	cases := suiteCases()
	if len(cases) < 247 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.hold(t, r) })
	}
}

// thereAndBack sends a thousand messages of one size, each when the one before it came back.
func thereAndBack(t *testing.T, r *rig, op ws.OpCode, n int) {
	p := r.open(mine + ".anna.t1")
	defer p.conn.Close()
	payload := strings.Repeat("*", n)
	for i := range 1000 {
		if err := p.say(op, payload); err != nil {
			t.Fatal(i, err)
		}
		if got, text, err := p.next(); got != op || text != payload || err != nil {
			t.Fatalf("%d: %d, %d bytes, %v", i, got, len(text), err)
		}
	}
}

// TestSystemSuiteSizes is chapter 9: up to 16 MiB in one frame, in fragments of every size, and written in pieces of every size.
func TestSystemSuiteSizes(t *testing.T) {
	r := newRig(t, opaque+"\nlimits: {message_bytes: 16MiB}", echo)
	for _, op := range []byte{1, 2} {
		for _, n := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20} {
			p := strings.Repeat("*", n)
			want := []string{tell(ws.OpCode(op), p)}
			t.Run(fmt.Sprintf("%d/whole/%d", op, n), func(t *testing.T) { suiteCase{send: part(0x80|op, p), want: want}.hold(t, r) })
		}
		big := strings.Repeat("*", 4<<20)
		for _, n := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
			t.Run(fmt.Sprintf("%d/fragments/%d", op, n), func(t *testing.T) {
				suiteCase{send: pieces(op, big, n), want: []string{tell(ws.OpCode(op), big)}}.hold(t, r)
			})
		}
		for _, n := range []int{0, 16, 64, 256, 1 << 10, 4 << 10} {
			t.Run(fmt.Sprintf("%d/there and back/%d", op, n), func(t *testing.T) { thereAndBack(t, r, ws.OpCode(op), n) })
		}
		some := strings.Repeat("*", 1<<20)
		for _, n := range []int{64, 128, 256, 512, 1024, 2048} {
			t.Run(fmt.Sprintf("%d/pieces/%d", op, n), func(t *testing.T) {
				suiteCase{send: part(0x80|op, some), step: n, want: []string{tell(ws.OpCode(op), some)}}.hold(t, r)
			})
		}
	}
	t.Run("one byte too many", func(t *testing.T) {
		suiteCase{send: part(0x82, strings.Repeat("*", 16<<20+1)), code: []ws.StatusCode{1009}}.hold(t, r)
	})
	nettest.Until(t, "all sockets are gone", func() bool { return r.gw.Sockets() == 0 })
}
