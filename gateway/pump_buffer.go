package gateway

import (
	"sync"

	"github.com/gobwas/ws"
)

// Buffers grow with what comes in and shrink when it falls silent: an idle socket holds the smallest.
const (
	smallBuffer = 128
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

const headroom = ws.MaxHeaderSize

// settle counts reads that the smallest buffer could have held.
func (p *pump) settle(n int) {
	if n < smallBuffer {
		p.calm++
	} else {
		p.calm = 0
	}
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
