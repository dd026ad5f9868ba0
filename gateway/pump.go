package gateway

import (
	"errors"
	"net"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
)

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
	judged     uint32
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

// run moves messages until one side ends.
func (p *pump) run() ending {
	defer p.release()
	for {
		if end, over := p.consume(time.Now()); over {
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
