package gateway

import (
	"errors"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// batch is one round of taking frames: what passes on stands in the buffer from the begin to out.
type batch struct {
	sc       *scan.Scanner
	now      time.Time
	begin    int
	out      int
	messages int
	end      ending // why the direction ended, where it did
}

// over ends the direction.
func (b *batch) over(e ending) bool {
	b.end = e
	return true
}

// consume takes all whole frames that are there.
func (p *pump) consume(now time.Time) (ending, bool) {
	if p.start == p.end {
		return ending{}, false
	}
	b := batch{now: now, begin: p.start, out: p.start}
	b.sc = p.s.rules.scanners.Get().(*scan.Scanner)
	over := p.frames(&b)
	b.sc.Forget()
	p.s.rules.scanners.Put(b.sc)
	return b.end, over
}

// frames takes all whole frames that are there, and reports whether the direction ended.
func (p *pump) frames(b *batch) bool {
	var f frame.Frame
	for p.start < p.end {
		n, err := p.parser.Next(p.buf[p.start:p.end], &f)
		if err != nil {
			return p.broken(b, err)
		}
		if n == 0 {
			break
		}
		whole := p.buf[p.start : p.start+n]
		p.start += n
		b.sc.More = p.start < p.end
		if p.frame(b, &f, whole) {
			return true
		}
	}
	return p.flush(b) || p.unfinished(b)
}

// broken ends the direction with a breach; what came before it passes on.
func (p *pump) broken(b *batch, err error) bool {
	if p.flush(b) {
		return true
	}
	code := ws.StatusProtocolError
	var breach *frame.Error
	if errors.As(err, &breach) {
		code = breach.Code
	}
	if !p.deaf {
		p.s.breach(p.dir, code, err.Error())
	}
	return b.over(ending{how: endBroken, code: code})
}

// unfinished bounds how long a message may take from its first byte to its last.
func (p *pump) unfinished(b *batch) bool {
	switch {
	case p.start == p.end && !p.parser.MidMessage():
		p.begun = time.Time{}
	case p.begun.IsZero():
		p.begun = b.now
	case b.now.Sub(p.begun) > p.s.cfg.Timeouts.Message:
		return b.over(ending{how: endSilent})
	}
	return false
}

// frame takes one frame; whole is all of its bytes.
func (p *pump) frame(b *batch, f *frame.Frame, whole []byte) bool {
	if p.dir == FromClient && (f.OpCode == ws.OpPing || f.OpCode == ws.OpPong) && !p.s.meter(b.now.UnixNano(), len(f.Payload)) {
		return p.not(b, tooMany())
	}
	switch f.OpCode {
	case ws.OpPing:
		if p.from.control(ws.OpPong, f.Payload, b.now) != nil {
			return b.over(ending{how: endLost})
		}
		return false
	case ws.OpPong:
		return false
	case ws.OpClose:
		body := append([]byte{}, f.Payload...) // not nil: an empty one is answered too
		if p.flush(b) {
			return true
		}
		return b.over(ending{how: endClosed, body: body})
	}
	if f.Fin {
		p.begun = time.Time{}
	}
	if p.deaf = p.deaf || p.s.shut(p.dir); p.deaf {
		b.out = b.begin
		return false
	}
	if !f.Fin || f.OpCode == ws.OpContinuation {
		return p.fragment(b, f)
	}
	switch v := p.judge(b, f.OpCode, f.Payload, f.Checked); v {
	case nil:
		p.keep(b, f, whole)
		return false
	default:
		return p.not(b, v)
	}
}

// keep puts a frame that was judged behind those that pass on: the bytes that were judged, under a fresh mask towards a server.
func (p *pump) keep(b *batch, f *frame.Frame, whole []byte) {
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
func (p *pump) fragment(b *batch, f *frame.Frame) bool {
	if f.OpCode != ws.OpContinuation {
		p.msgOp = f.OpCode
		p.msg = append(p.msg[:0], make([]byte, headroom)...)
	}
	p.msg = append(p.msg, f.Payload...)
	if !f.Fin {
		return false
	}
	body := p.msg[headroom:]
	if v := p.judge(b, p.msgOp, body, true); v != nil {
		return p.not(b, v)
	}
	if p.flush(b) {
		return true
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
		return b.over(ending{how: endGone})
	}
	p.s.gw.stats.Forwarded(p.dir, 1, n)
	if cap(p.msg) > pools[1].size {
		p.msg = nil
	}
	return false
}

// flush writes what passes on.
func (p *pump) flush(b *batch) bool {
	if b.out == b.begin {
		b.begin, b.out = p.start, p.start
		return false
	}
	ready := p.buf[b.begin:b.out]
	messages := b.messages
	b.begin, b.out, b.messages = p.start, p.start, 0
	if p.s.shut(p.dir) {
		return false
	}
	if p.to.write(ready, b.now) != nil {
		return b.over(ending{how: endGone})
	}
	p.s.gw.stats.Forwarded(p.dir, messages, len(ready))
	return false
}

// judge judges a message; one in 64 is timed.
func (p *pump) judge(b *batch, op ws.OpCode, payload []byte, checked bool) *fault {
	if p.judged++; p.judged&63 != 0 {
		return p.s.judge(p.dir, b.sc, op, payload, checked, b.now)
	}
	begin := time.Now()
	v := p.s.judge(p.dir, b.sc, op, payload, checked, b.now)
	p.s.gw.stats.Judged(time.Since(begin))
	return v
}

// not does with a message that is not passed on what its fault says. What was judged before it passes on first.
func (p *pump) not(b *batch, v *fault) bool {
	if p.flush(b) {
		return true
	}
	switch v {
	case dropped:
		p.s.gw.stats.Dropped(p.dir)
		return false
	case renewal:
		if p.s.renew(b.sc) {
			return false
		}
		return b.over(ending{how: endCut})
	}
	p.s.refuse(p.dir, v)
	return b.over(ending{how: endCut})
}
