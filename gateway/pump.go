package gateway

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// Buffers grow with what comes in and shrink when it falls silent: an idle socket holds the smallest.
const (
	smallBuffer = 512
	calmReads   = 32 // reads that would fit the smallest buffer before a larger one is given back
)

var pools = [...]struct {
	size int
	pool sync.Pool
}{{size: 4 << 10}, {size: 32 << 10}, {size: 256 << 10}}

// takeBuffer returns a buffer of at least n bytes.
func takeBuffer(n int) []byte {
	for i := range pools {
		if n <= pools[i].size {
			if b, ok := pools[i].pool.Get().(*[]byte); ok {
				return *b
			}
			return make([]byte, pools[i].size)
		}
	}
	return make([]byte, n)
}

// giveBuffer gives a buffer back to its pool. What tenants sent is wiped: buffers go from one tenant's socket to another's.
func giveBuffer(b []byte) {
	for i := range pools {
		if len(b) == pools[i].size {
			clear(b)
			pools[i].pool.Put(&b)
		}
	}
}

// pump moves the messages of one direction: it reads, takes all whole frames, has each message judged, and writes what passes
// on with one write. Frames stay where they were read; a message in fragments is put together first.
type pump struct {
	s      *socket
	dir    Direction
	from   *endpoint
	to     *endpoint
	parser frame.Parser

	buf        []byte
	start, end int // the bytes of buf that are read and not taken
	calm       int
	msg        []byte // a fragmented message so far, behind room for its header
	msgOp      ws.OpCode
	begun      time.Time // when the message or frame that is not whole was begun

	heard  bool // something came since the read deadline was set
	pinged bool

	deaf bool // frames are read for the close frame among them, and messages are not acted on
}

// ended is why a pump ended.
type ended uint8

const (
	endClosed ended = iota // the peer sent a close frame
	endLost                // the peer is gone without one
	endBroken              // the peer broke the protocol
	endSilent              // the peer does not answer, or a message does not end
	endGone                // the other side takes nothing any more
	endCut                 // the socket was cut; everything is done
)

// ending is how a pump ended, with the close frame's payload or the breach.
type ending struct {
	how  ended
	body []byte
	code ws.StatusCode
}

const headroom = ws.MaxHeaderSize

// run moves messages until one side ends.
func (p *pump) run() ending {
	defer p.release()
	for {
		now := time.Now()
		if end, over := p.consume(now); over {
			return end
		}
		if end, over := p.fill(); over {
			return end
		}
	}
}

func (p *pump) release() {
	giveBuffer(p.buf)
	p.buf, p.msg = nil, nil
}

// fill reads once, behind what is there, after making room for it.
func (p *pump) fill() (ending, bool) {
	p.makeRoom()
	for {
		n, err := p.from.conn.Read(p.buf[p.end:])
		if n > 0 {
			p.heard = true
			p.end += n
			p.settle(n)
			return ending{}, false
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			return ending{how: endLost}, true
		}
		if p.from.ending() {
			return ending{how: endLost}, true
		}
		if end, over := p.quiet(); over {
			return end, true
		}
	}
}

// settle counts reads that the smallest buffer could have held.
func (p *pump) settle(n int) {
	if n < smallBuffer {
		p.calm++
	} else {
		p.calm = 0
	}
}

// quiet is what a read that timed out means: a ping, or the end.
func (p *pump) quiet() (ending, bool) {
	t := p.s.cfg.Timeouts
	switch {
	case p.heard:
		p.heard, p.pinged = false, false
		p.from.readFor(t.Ping)
	case p.pinged:
		return ending{how: endSilent}, true
	default:
		p.pinged = true
		p.from.readFor(t.Pong)
		if p.from.control(ws.OpPing, nil, time.Now()) != nil {
			return ending{how: endLost}, true
		}
	}
	if p.end == p.start {
		p.calm = calmReads
		p.makeRoom()
	}
	return ending{}, false
}

// makeRoom moves what is left to the buffer's begin, and changes to a larger or the smallest buffer where that is due.
func (p *pump) makeRoom() {
	left := p.end - p.start
	want := len(p.buf)
	switch {
	case left == 0 && p.calm >= calmReads:
		want = smallBuffer
	case left == 0 && len(p.buf) > pools[len(pools)-1].size:
		want = pools[1].size
	case left > 0 && p.parser.Want() > len(p.buf): // grow with what came, not with what was promised
		want = min(p.parser.Want(), max(4*len(p.buf), 2*left))
		if p.end < len(p.buf) && p.start == 0 {
			want = len(p.buf)
		}
	case p.end == len(p.buf) && p.calm == 0: // the last read filled it
		want = min(8*len(p.buf), pools[1].size)
	}
	if want = max(want, smallBuffer); want != len(p.buf) && want >= left {
		next := p.buffer(want)
		copy(next, p.buf[p.start:p.end])
		giveBuffer(p.buf)
		p.buf = next
	} else if p.start > 0 {
		copy(p.buf, p.buf[p.start:p.end])
	}
	p.start, p.end = 0, left
}

func (p *pump) buffer(n int) []byte {
	p.calm = 0
	if n <= smallBuffer {
		return make([]byte, smallBuffer)
	}
	return takeBuffer(n)
}

// batch is one round of taking frames: what passes on stands in the buffer from the begin to out.
type batch struct {
	sc       *scan.Scanner
	now      time.Time
	begin    int
	out      int
	messages int
}

// consume takes all whole frames that are there.
func (p *pump) consume(now time.Time) (ending, bool) {
	if p.start == p.end {
		return ending{}, false
	}
	b := batch{now: now, begin: p.start, out: p.start}
	b.sc = p.s.rules.scanners.Get().(*scan.Scanner)
	defer p.s.rules.scanners.Put(b.sc)
	for p.start < p.end {
		f, n, err := p.parser.Next(p.buf[p.start:p.end])
		if err != nil {
			return p.broken(&b, err)
		}
		if n == 0 {
			break
		}
		whole := p.buf[p.start : p.start+n]
		p.start += n
		if end, over := p.frame(&b, f, whole); over {
			return end, true
		}
	}
	if end, over := p.flush(&b); over {
		return end, true
	}
	return p.unfinished(now)
}

// broken ends the direction with a breach; what came before it passes on.
func (p *pump) broken(b *batch, err error) (ending, bool) {
	if end, over := p.flush(b); over {
		return end, true
	}
	code := ws.StatusProtocolError
	var breach *frame.Error
	if errors.As(err, &breach) {
		code = breach.Code
	}
	if !p.deaf {
		p.s.breach(p.dir, code, err.Error())
	}
	return ending{how: endBroken, code: code}, true
}

// unfinished bounds how long a message may take from its first byte to its last.
func (p *pump) unfinished(now time.Time) (ending, bool) {
	switch {
	case p.start == p.end && !p.parser.MidMessage():
		p.begun = time.Time{}
	case p.begun.IsZero():
		p.begun = now
	case now.Sub(p.begun) > p.s.cfg.Timeouts.Message:
		return ending{how: endSilent}, true
	}
	return ending{}, false
}

// frame takes one frame; whole is all of its bytes.
func (p *pump) frame(b *batch, f frame.Frame, whole []byte) (ending, bool) {
	switch f.OpCode {
	case ws.OpPing:
		if p.from.control(ws.OpPong, f.Payload, b.now) != nil {
			return ending{how: endLost}, true
		}
		return ending{}, false
	case ws.OpPong:
		return ending{}, false
	case ws.OpClose:
		body := append([]byte{}, f.Payload...) // not nil: an empty one is answered too
		if end, over := p.flush(b); over {
			return end, true
		}
		return ending{how: endClosed, body: body}, true
	}
	if f.Fin {
		p.begun = time.Time{}
	}
	if p.deaf = p.deaf || p.s.shut(p.dir); p.deaf {
		b.out = b.begin
		return ending{}, false
	}
	if !f.Fin || f.OpCode == ws.OpContinuation {
		return p.fragment(b, f)
	}
	switch v := p.judge(b, f.OpCode, f.Payload, f.Checked); v {
	case nil:
		p.keep(b, f, whole)
		return ending{}, false
	default:
		return p.not(b, v)
	}
}

// keep puts a frame that was judged behind those that pass on: the bytes that were judged, under a fresh mask towards a server.
func (p *pump) keep(b *batch, f frame.Frame, whole []byte) {
	if f.Masked {
		frame.Remask(whole, len(whole)-len(f.Payload))
	}
	if at := p.buf[b.out:]; &at[0] != &whole[0] {
		copy(at, whole)
	}
	b.out += len(whole)
	b.messages++
}

// fragment puts a message together, and judges it when it is whole.
func (p *pump) fragment(b *batch, f frame.Frame) (ending, bool) {
	if f.OpCode != ws.OpContinuation {
		p.msgOp = f.OpCode
		p.msg = append(p.msg[:0], make([]byte, headroom)...)
	}
	p.msg = append(p.msg, f.Payload...)
	if !f.Fin {
		return ending{}, false
	}
	body := p.msg[headroom:]
	if v := p.judge(b, p.msgOp, body, true); v != nil {
		return p.not(b, v)
	}
	if end, over := p.flush(b); over {
		return end, true
	}
	var room [headroom]byte
	head := frame.AppendHeader(room[:0], p.msgOp, len(body), p.to.as)
	if p.to.as == frame.FromClient {
		ws.Cipher(body, [4]byte(head[len(head)-4:]), 0)
	}
	at := headroom - len(head)
	copy(p.msg[at:], head)
	n := len(p.msg) - at
	if err := p.to.write(p.msg[at:], b.now); err != nil {
		return ending{how: endGone}, true
	}
	p.s.gw.stats.Forwarded(p.dir, 1, n)
	if cap(p.msg) > pools[1].size {
		p.msg = nil
	}
	return ending{}, false
}

// flush writes what passes on.
func (p *pump) flush(b *batch) (ending, bool) {
	if b.out == b.begin {
		b.begin, b.out = p.start, p.start
		return ending{}, false
	}
	ready := p.buf[b.begin:b.out]
	messages := b.messages
	b.begin, b.out, b.messages = p.start, p.start, 0
	if p.s.shut(p.dir) {
		return ending{}, false
	}
	if p.to.write(ready, b.now) != nil {
		return ending{how: endGone}, true
	}
	p.s.gw.stats.Forwarded(p.dir, messages, len(ready))
	return ending{}, false
}

// judge judges a message; one in 64 is timed.
func (p *pump) judge(b *batch, op ws.OpCode, payload []byte, checked bool) *fault {
	if p.s.judged.Add(1)&63 != 0 {
		return p.s.judge(p.dir, b.sc, op, payload, checked, b.now)
	}
	begin := time.Now()
	v := p.s.judge(p.dir, b.sc, op, payload, checked, b.now)
	p.s.gw.stats.Judged(time.Since(begin))
	return v
}

// not does with a message that is not passed on what its fault says. What was judged before it passes on first.
func (p *pump) not(b *batch, v *fault) (ending, bool) {
	if end, over := p.flush(b); over {
		return end, true
	}
	switch v {
	case dropped:
		p.s.gw.stats.Dropped(p.dir)
		return ending{}, false
	case renewal:
		if p.s.renew(b.sc) {
			return ending{}, false
		}
		return ending{how: endCut}, true
	}
	p.s.refuse(p.dir, v)
	return ending{how: endCut}, true
}
