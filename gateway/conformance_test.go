package gateway

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/frame"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// masked is a frame as a client sends it, byte by byte, whatever the rules say.
func masked(first byte, payload string) []byte {
	b := frame.Append(nil, ws.OpText, []byte(payload), frame.FromClient)
	b[0] = first
	return b
}

// conformance are cases of RFC 6455 as a client sees them through the gateway, on an echoing back end: what is sent, what
// comes back before the end, and how it ends. 0: the connection goes on.
var conformance = []struct {
	name   string
	frames [][]byte
	want   string
	code   ws.StatusCode
}{
	{"text", [][]byte{masked(0x81, "hi")}, "1:hi", 0},
	{"binary", [][]byte{masked(0x82, "\xff")}, "2:\xff", 0},
	{"fragments with a ping between", [][]byte{masked(0x01, "a"), masked(0x89, "p"), masked(0x80, "b")}, "10:p 1:ab", 0},
	{"pings are answered in order", [][]byte{masked(0x89, "1"), masked(0x89, "2"), masked(0x89, "3")}, "10:1 10:2 10:3", 0},
	{"a pong unasked", [][]byte{masked(0x8A, "x"), masked(0x81, "a")}, "1:a", 0},
	{"ping of 126 bytes", [][]byte{masked(0x89, strings.Repeat("x", 126))}, "", 1002},
	{"rsv behind a message", [][]byte{masked(0x81, "hi"), masked(0xC1, "hi"), masked(0x89, "")}, "1:hi", 1002},
	{"reserved opcode behind a message", [][]byte{masked(0x81, "hi"), masked(0x83, ""), masked(0x89, "")}, "1:hi", 1002},
	{"reserved control opcode", [][]byte{masked(0x8B, "")}, "", 1002},
	{"fragmented ping", [][]byte{masked(0x09, ""), masked(0x80, "")}, "", 1002},
	{"continuation of nothing", [][]byte{masked(0x80, "a")}, "", 1002},
	{"text inside a message", [][]byte{masked(0x01, "a"), masked(0x81, "b")}, "", 1002},
	{"continuation behind the end", [][]byte{masked(0x01, "a"), masked(0x80, "b"), masked(0x00, "c")}, "1:ab", 1002},
	{"not masked", [][]byte{{0x81, 2, 'h', 'i'}}, "", 1002},
	{"not UTF-8", [][]byte{masked(0x81, "a\xff")}, "", 1007},
	{"not UTF-8 in a fragment that is not the last", [][]byte{masked(0x01, "a\xff")}, "", 1007},
	{"a code point over fragments", [][]byte{masked(0x01, "\xce"), masked(0x80, "\xba")}, "1:κ", 0},
	{"a code point cut by the end", [][]byte{masked(0x01, "\xce"), masked(0x80, "")}, "", 1007},
	{"close", [][]byte{masked(0x88, "\x03\xe8bye")}, "", 1000},
	{"close behind a message", [][]byte{masked(0x81, "hi"), masked(0x88, "\x03\xe8")}, "1:hi", 1000},
	{"close without a code", [][]byte{masked(0x88, "")}, "", 1005},
	{"close of the application", [][]byte{masked(0x88, "\x0f\xa0")}, "", 4000},
	{"close of one byte", [][]byte{masked(0x88, "\x03")}, "", 1002},
	{"close with a code of no use", [][]byte{masked(0x88, "\x03\xed")}, "", 1002},
	{"close reason not UTF-8", [][]byte{masked(0x88, "\x03\xe8\xff")}, "", 1007},
	{"ping behind the close", [][]byte{masked(0x88, "\x03\xe8"), masked(0x89, "x")}, "", 1000},
	{"text behind the close", [][]byte{masked(0x88, "\x03\xe8"), masked(0x81, "x")}, "", 1000},
	{"a message over the limit", [][]byte{masked(0x82, strings.Repeat("x", 70000))}, "", 1009},
	{"fragments over the limit", [][]byte{masked(0x02, strings.Repeat("x", 60000)), masked(0x80, strings.Repeat("x", 60000))}, "", 1009},
	{"compressed", [][]byte{masked(0xC1, "\xca\x48\xcd\xc9\xc9\x07\x00")}, "", 1002},
}

// outcome reads until the end, or until count frames came where the connection goes on.
func outcome(p *peer, count int) (string, ws.StatusCode, error) {
	var got []string
	for count < 0 || len(got) < count {
		op, payload, err := p.next()
		if err != nil {
			return strings.Join(got, " "), 0, err
		}
		if op == ws.OpClose {
			return strings.Join(got, " "), frame.CloseCode([]byte(payload)), nil
		}
		if len(payload) > 50 {
			payload = fmt.Sprint(len(payload), " bytes")
		}
		got = append(got, fmt.Sprintf("%d:%s", op, payload))
	}
	return strings.Join(got, " "), 0, nil
}

func TestConformance(t *testing.T) {
	r := newRig(t, opaque+"\nlimits: {message_bytes: 64KiB}", echo)
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) {
			for _, step := range []int{1 << 30, 1} {
				p := r.open(mine + ".anna.t1")
				var all []byte
				for _, f := range c.frames {
					all = append(all, f...)
				}
				if len(all) > 1000 && step == 1 {
					continue
				}
				for len(all) > 0 {
					n := min(step, len(all))
					if p.write(all[:n]) != nil {
						break
					}
					all = all[n:]
				}
				count := -1
				if c.code == 0 {
					count = len(strings.Fields(c.want))
				}
				got, code, err := outcome(p, count)
				if err != nil || got != c.want || code != c.code {
					t.Errorf("in steps of %d: %q, %d, %v; want %q, %d", step, got, code, err, c.want, c.code)
				}
				p.conn.Close()
			}
		})
	}
}

// A code point that no text can have ends the connection before the rest of its frame came.
func TestFailsFastInsideAFrame(t *testing.T) {
	r := newRig(t, opaque, echo)
	p := r.open(mine + ".anna.t1")
	b := masked(0x81, "κόσμε\xf4\x90\x80\x80edited")
	_ = p.write(b[:2+4+12])
	p.wantClose(t, 1007)
}

// What the back end breaks is not passed on: the client is told 1011, and the back end what it broke.
func TestBackendsThatBreakTheProtocol(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked":     masked(0x81, "hi"),
		"rsv":        {0xC1, 2, 'h', 'i'},
		"not UTF-8":  {0x81, 1, 0xff},
		"long form":  {0x81, 126, 0, 1, 'x'},
		"close code": {0x88, 2, 0x03, 0xed},
	} {
		t.Run(name, func(t *testing.T) {
			told := make(chan ws.StatusCode, 1)
			r := newRig(t, opaque, func(p *peer) {
				_ = p.write(b)
				_, code, _ := outcome(p, -1)
				told <- code
			})
			p := r.open(mine + ".anna.t1")
			code, back := ws.StatusInternalServerError, ws.StatusProtocolError
			if name == "not UTF-8" {
				code, back = 1007, 1007
			}
			p.wantClose(t, code)
			if got := <-told; got != back {
				t.Errorf("the back end is told %d, want %d", got, back)
			}
		})
	}
}

// A back end's close reaches the client as it was said, and one that is gone is 1011.
func TestBackendEnds(t *testing.T) {
	r := newRig(t, opaque, func(p *peer) {
		_ = p.text("last words")
		_ = p.say(ws.OpClose, "\x0f\xa1over")
		_, _, _ = p.next()
	})
	p := r.open(mine + ".anna.t1")
	if got, err := p.message(); got != "last words" {
		t.Errorf("%q, %v", got, err)
	}
	if reason := p.wantClose(t, 4001); reason != "over" {
		t.Errorf("reason %q", reason)
	}
	gone := newRig(t, opaque, func(*peer) {})
	gone.open(mine+".anna.t1").wantClose(t, 1011)
}

// Frames towards the back end carry fresh masks: never the client's.
func TestMasksAreFresh(t *testing.T) {
	raw := make(chan []byte, 1)
	r := newRig(t, opaque, func(p *peer) {
		b := make([]byte, 100)
		n, _ := p.conn.Read(b)
		raw <- append(p.buf, b[:n]...)
	})
	p := r.open(mine + ".anna.t1")
	b := append([]byte{0x81, 0x84, 0, 0, 0, 0}, "text"...)
	_ = p.write(b)
	if got := <-raw; len(got) != len(b) || string(got[2:6]) == "\x00\x00\x00\x00" {
		t.Errorf("the back end got % x", got)
	}
}

// Many messages in one segment, and one message in many, come through whole and in order.
func TestBursts(t *testing.T) {
	r := newRig(t, opaque+"\nlimits: {message_bytes: 4MiB}", echo)
	p := r.open(mine + ".anna.t1")
	go func() {
		for i := range 2000 {
			var b []byte
			for j := range 16 {
				text := fmt.Sprintf("%d/%d %s", i, j, strings.Repeat("x", (i*j)%700))
				if j == 7 {
					b = append(b, masked(0x01, text[:3])...)
					b = append(b, masked(0x89, "")...)
					b = append(b, masked(0x80, text[3:])...)
					continue
				}
				b = append(b, masked(0x81, text)...)
			}
			if p.write(b) != nil {
				return
			}
		}
	}()
	for i := range 2000 {
		for j := range 16 {
			got, err := p.data()
			if err != nil || !strings.HasPrefix(got, fmt.Sprintf("%d/%d ", i, j)) {
				t.Fatalf("%d/%d: %.20q, %v", i, j, got, err)
			}
		}
	}
	big := strings.Repeat("y", 3<<20)
	go func() { _ = p.text("%s", big) }()
	if got, err := p.data(); got != big {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// data is message for a peer that others write for: it answers no pings.
func (p *peer) data() (string, error) {
	for {
		op, payload, err := p.next()
		if err != nil || op == ws.OpText || op == ws.OpBinary {
			return payload, err
		}
	}
}

// Frames that come with the handshake, before its answer, are not lost.
func TestFramesBehindTheHandshake(t *testing.T) {
	r := newRig(t, opaque, echo)
	p := shake(t, r.address, dialOptions{header: bearer(mine + ".anna.t1"), behind: masked(0x81, "early")})
	if got, err := p.message(); got != "early" {
		t.Errorf("%q, %v", got, err)
	}
}

// A peer that answers no ping is gone; one that only answers pings stays.
func TestHalfOpenPeers(t *testing.T) {
	r := newRig(t, opaque+"\ntimeouts: {ping: 50ms, pong: 100ms}", echo)
	alive, dead := r.open(mine+".anna.t1"), r.open(mine+".anna.t2")
	go func() {
		for {
			op, payload, err := alive.next()
			if err != nil {
				return
			}
			if op == ws.OpPing {
				_ = alive.say(ws.OpPong, payload)
			}
		}
	}()
	began := time.Now()
	for {
		op, payload, err := dead.next()
		if err != nil {
			t.Fatalf("%v, want a close frame", err)
		}
		if op == ws.OpClose {
			if c := frame.CloseCode([]byte(payload)); c != ws.StatusPolicyViolation {
				t.Errorf("closed with %d", c)
			}
			break
		}
	}
	if waited := time.Since(began); waited < 100*time.Millisecond {
		t.Errorf("closed after %v", waited)
	}
	time.Sleep(300 * time.Millisecond) // several rounds of pings
	nettest.Until(t, "only the socket that answers is left", func() bool { return r.gw.Sockets() == 1 })
}

// A reader that takes nothing is closed, and does not hold the memory of what waits for it.
func TestSlowReaders(t *testing.T) {
	flooding := make(chan error, 1)
	r := newRig(t, opaque+"\ntimeouts: {write: 200ms}", func(p *peer) {
		b := strings.Repeat("z", 1<<16)
		for {
			if err := p.text("%s", b); err != nil {
				flooding <- err
				return
			}
		}
	})
	r.open(mine + ".anna.t1")
	select {
	case <-flooding:
	case <-time.After(patience):
		t.Fatal("the back end goes on writing to nobody")
	}
	nettest.Until(t, "the socket is gone", func() bool { return r.gw.Sockets() == 0 })
}

// A message that never ends does not hold a socket for ever.
func TestMessagesThatDoNotEnd(t *testing.T) {
	r := newRig(t, opaque+"\ntimeouts: {message: 100ms}", echo)
	p := r.open(mine + ".anna.t1")
	begin := masked(0x01, "a")
	for range 200 {
		if p.write(begin) != nil {
			break
		}
		begin = masked(0x00, "a")
		time.Sleep(2 * time.Millisecond)
	}
	_, code, err := outcome(p, -1)
	if code != ws.StatusPolicyViolation && !errors.Is(err, errReset) {
		t.Errorf("%d, %v", code, err)
	}
}

// Breaches of the protocol are on record, and what is only an end is not.
func TestBreachesAreRecorded(t *testing.T) {
	r := newRig(t, opaque+"\nlimits: {message_bytes: 64KiB}", echo)
	p := r.open(mine + ".anna.t1")
	_ = p.write(masked(0xC1, "x"))
	p.wantClose(t, 1002)
	p = r.open(mine + ".anna.t1")
	_ = p.say(ws.OpBinary, strings.Repeat("x", 70000))
	_, _, _ = outcome(p, -1)
	p = r.open(mine + ".anna.t1")
	_ = p.say(ws.OpClose, "")
	_, _, _ = outcome(p, -1)
	r.want(ringfence.MessageMalformed, ringfence.MessageOversize)
}

var errReset = errors.New("reset")
