package gateway

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
)

var (
	errClosing = errors.New("the close frame was sent")
	past       = time.Unix(1, 0)
)

// endpoint is one side of a relay: its socket, and what waits to be written to it. Frames of different writers never mix, and
// at most limit bytes wait for a slow reader; a reader that takes nothing for longer than patience ends the socket.
type endpoint struct {
	conn     net.Conn
	as       frame.Side // whose frames are written here
	limit    int
	patience time.Duration

	mu      sync.Mutex
	room    *sync.Cond // of who waits for the queue to shrink
	busy    bool       // somebody writes to conn
	queue   []byte
	until   time.Time // present write deadline
	last    time.Time // a deadline that nothing moves any more
	err     error
	closing bool // a close frame was queued: nothing follows it

	rmu     sync.Mutex
	readEnd time.Time // a read deadline that keep-alive does not move any more
}

// write sends whole frames, or queues them behind those that are being sent. b can be used again when it returns.
func (e *endpoint) write(b []byte, now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.busy && e.err == nil && !e.closing && len(e.queue)+len(b) > e.limit && len(e.queue) > 0 {
		if e.room == nil {
			e.room = sync.NewCond(&e.mu)
		}
		e.room.Wait()
	}
	return e.send(b, now)
}

// control sends a control frame; it does not wait where others wait.
func (e *endpoint) control(op ws.OpCode, payload []byte, now time.Time) error {
	var room [14 + ws.MaxControlFramePayloadSize]byte
	b := frame.Append(room[:0], op, payload, e.as)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy && len(e.queue) > e.limit+1<<16 {
		return errors.New("too many control frames wait")
	}
	return e.send(b, now)
}

// close queues a close frame, behind which nothing is sent, and bounds what writing may take from now on.
func (e *endpoint) close(body []byte, within time.Duration) {
	now := time.Now()
	var room [14 + ws.MaxControlFramePayloadSize]byte
	b := frame.Append(room[:0], ws.OpClose, body, e.as)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return
	}
	e.last = now.Add(within)
	_ = e.conn.SetWriteDeadline(e.last)
	if e.busy { // what waits is not acted on any more: the close frame comes next
		e.queue = e.queue[:0]
	}
	_ = e.send(b, now)
	e.closing = true
	e.wake()
}

// closeInOrder is close, behind all that waits.
func (e *endpoint) closeInOrder(body []byte, now time.Time) {
	var room [14 + ws.MaxControlFramePayloadSize]byte
	b := frame.Append(room[:0], ws.OpClose, body, e.as)
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.send(b, now)
	e.closing = true
	e.wake()
}

func (e *endpoint) wake() {
	if e.room != nil {
		e.room.Broadcast()
	}
}

// send writes b, or queues it where somebody else writes; mu is held.
func (e *endpoint) send(b []byte, now time.Time) error {
	switch {
	case e.err != nil:
		return e.err
	case e.closing:
		return errClosing
	case e.busy:
		e.queue = append(e.queue, b...)
		return nil
	}
	e.busy = true
	var spare []byte
	for len(b) > 0 && e.err == nil {
		e.arm(now)
		e.mu.Unlock()
		_, err := e.conn.Write(b)
		e.mu.Lock()
		if err != nil {
			e.err = err
			e.queue = nil
		}
		b, e.queue = e.queue, spare[:0]
		spare = b
		if len(b) > 0 {
			now = time.Now()
		}
		e.wake()
	}
	e.queue = nil
	e.busy = false
	return e.err
}

// arm moves the write deadline, not at every write: that costs more than the write's own work.
func (e *endpoint) arm(now time.Time) {
	if e.last.IsZero() && e.until.Sub(now) < e.patience/2 {
		e.until = now.Add(e.patience)
		_ = e.conn.SetWriteDeadline(e.until)
	}
}

// readFor lets the next reads take at most d, unless a final deadline was set.
func (e *endpoint) readFor(d time.Duration) {
	e.rmu.Lock()
	defer e.rmu.Unlock()
	if e.readEnd.IsZero() {
		_ = e.conn.SetReadDeadline(time.Now().Add(d))
	}
}

// readUntil sets the read deadline for good; the earliest one counts.
func (e *endpoint) readUntil(t time.Time) {
	e.rmu.Lock()
	defer e.rmu.Unlock()
	if e.readEnd.IsZero() || t.Before(e.readEnd) {
		e.readEnd = t
		_ = e.conn.SetReadDeadline(t)
	}
}

// ending reports whether the read deadline is final.
func (e *endpoint) ending() bool {
	e.rmu.Lock()
	defer e.rmu.Unlock()
	return !e.readEnd.IsZero()
}

// slow reports whether writing ended for a reader that took nothing.
func (e *endpoint) slow() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	var timeout net.Error
	return errors.As(e.err, &timeout) && timeout.Timeout() && e.last.IsZero()
}

// linger ends a socket so that the close frame arrives: the sending half first, then what the peer still sends is thrown away
// for a while, since closing on unread bytes would reset the connection and take the frame with it.
func (e *endpoint) linger(d time.Duration) {
	if half, ok := e.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = e.conn.SetReadDeadline(time.Now().Add(d))
		b := make([]byte, 2048)
		for n, left := 0, 64<<20; left > 0; left -= n {
			var err error
			if n, err = e.conn.Read(b); err != nil {
				break
			}
		}
	}
	_ = e.conn.Close()
}
