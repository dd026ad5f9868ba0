package frame

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// Side tells whose frames are read.
type Side uint8

// The two sides of a connection.
const (
	FromClient Side = iota // frames must be masked
	FromServer             // frames must not be masked
)

// Error is a breach of the protocol: the status code with which the connection fails, and a short reason for the log.
type Error struct {
	Code   ws.StatusCode
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// The breaches that the parser itself finds; those of a header are gobwas's, with 1002.
var (
	errLength   = &Error{ws.StatusProtocolError, "length not in its shortest form"}
	errTooBig   = &Error{ws.StatusMessageTooBig, "message over the limit"}
	errUTF8     = &Error{ws.StatusInvalidFramePayloadData, "text that is not UTF-8"}
	errCloseLen = &Error{ws.StatusProtocolError, "close frame of one byte"}
	errCode     = &Error{ws.StatusProtocolError, "close code that no endpoint may send"}
	errReason   = &Error{ws.StatusInvalidFramePayloadData, "close reason that is not UTF-8"}
)

// A Frame is one whole frame. Payload is a part of the buffer it was read from, unmasked in place.
type Frame struct {
	ws.Header
	Payload []byte
	// Checked says that the payload's UTF-8 was checked while it came in. A text message that came whole, in one frame,
	// is not: whoever judges it reads each of its bytes anyway.
	Checked bool
}

// Parser takes frames out of the byte stream of one direction. Not safe for concurrent use.
type Parser struct {
	side  Side
	limit int64 // bytes of one message

	inFrame bool // the header of the frame at the buffer's begin is read
	header  ws.Header
	size    int // of that header
	done    int // payload bytes unmasked and checked

	fragmented bool // a message was begun and not ended
	text       bool // and it is text
	total      int64
	utf8       utf8State
}

// NewParser returns a parser for frames of one side. limit bounds one message, its fragments together.
func NewParser(side Side, limit int64) Parser { return Parser{side: side, limit: limit} }

// Next takes the frame at the begin of b into f. It returns how many bytes it took; 0 where b does not hold all of it: the
// caller reads more behind the same bytes and calls again, and f is as it was. Of a frame that is not all there the payload is
// unmasked and checked as far as it came. An error is an *Error; nothing may be read after it.
func (p *Parser) Next(b []byte, f *Frame) (int, error) {
	if !p.inFrame {
		if n := p.usual(b, f); n > 0 {
			return n, nil
		}
		if ok, err := p.readHeader(b); !ok {
			return 0, err
		}
	}
	end := p.size + int(p.header.Length)
	have := min(len(b), end)
	whole := have == end
	fresh := b[p.size+p.done : have]
	if p.header.Masked && len(fresh) > 0 {
		ws.Cipher(fresh, p.header.Mask, p.done)
	}
	single := whole && p.done == 0 && p.header.Fin && p.header.OpCode == ws.OpText
	if p.text && !p.header.OpCode.IsControl() && !single {
		if !p.utf8.feed(fresh) {
			return 0, errUTF8
		}
		if whole && p.header.Fin && !p.utf8.complete() {
			return 0, errUTF8
		}
	}
	p.done += len(fresh)
	if !whole {
		return 0, nil
	}
	*f = Frame{Header: p.header, Payload: b[p.size:end:end], Checked: p.text && !single}
	return end, p.endFrame(f)
}

// usual takes what nearly every frame is: a whole message that is all there, under 64 KiB, and has nothing for readHeader to
// complain of. It returns 0 for all else, and then has changed nothing.
func (p *Parser) usual(b []byte, f *Frame) int {
	if len(b) < 2 || p.fragmented {
		return 0
	}
	if b[0] != 0x80|byte(ws.OpText) && b[0] != 0x80|byte(ws.OpBinary) {
		return 0
	}
	n, size, masked := int(b[1]&0x7f), 2, b[1]&0x80 != 0
	if n == 126 && len(b) >= 4 {
		n, size = int(binary.BigEndian.Uint16(b[2:])), 4
		if n < 126 {
			return 0
		}
	} else if n >= 126 {
		return 0
	}
	if masked {
		size += 4
	}
	end := size + n
	if masked != (p.side == FromClient) || len(b) < end || int64(n) > p.limit {
		return 0
	}
	f.Fin, f.Rsv, f.OpCode, f.Masked, f.Length = true, 0, ws.OpCode(b[0]&15), masked, int64(n)
	f.Payload, f.Checked = b[size:end:end], false
	if masked {
		f.Mask = [4]byte(b[size-4 : size])
		cipher(f.Payload, f.Mask)
	}
	return end
}

// Want returns how many bytes the frame at the buffer's begin takes in all, as far as that is known yet.
func (p *Parser) Want() int {
	if p.inFrame {
		return p.size + int(p.header.Length)
	}
	return ws.MaxHeaderSize
}

// MidMessage reports whether a fragmented message was begun and not ended.
func (p *Parser) MidMessage() bool { return p.fragmented }

// endFrame moves the state behind a whole frame.
func (p *Parser) endFrame(f *Frame) error {
	p.inFrame, p.done = false, 0
	if f.OpCode == ws.OpClose {
		return CheckClose(f.Payload)
	}
	if f.OpCode.IsControl() {
		return nil
	}
	p.fragmented = !f.Fin
	if f.Fin {
		p.total, p.text, p.utf8 = 0, false, 0
	}
	return nil
}

// readHeader reads and checks the header at the begin of b, and reports whether it is all there.
func (p *Parser) readHeader(b []byte) (bool, error) {
	if len(b) < 2 {
		return false, nil
	}
	h := ws.Header{
		Fin: b[0]&0x80 != 0, Rsv: b[0] >> 4 & 7, OpCode: ws.OpCode(b[0] & 15),
		Masked: b[1]&0x80 != 0, Length: int64(b[1] & 0x7f),
	}
	if err := ws.CheckHeader(h, p.state()); err != nil {
		return false, &Error{ws.StatusProtocolError, err.Error()}
	}
	size := 2
	switch h.Length {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	mask := size
	if h.Masked {
		size += 4
	}
	if len(b) < size {
		return false, nil
	}
	switch h.Length {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		if h.Length < 126 {
			return false, errLength
		}
	case 127:
		n := binary.BigEndian.Uint64(b[2:])
		if n>>63 != 0 || n < 1<<16 {
			return false, errLength
		}
		h.Length = int64(n)
	}
	if h.Masked {
		copy(h.Mask[:], b[mask:])
	}
	return p.begin(h, size)
}

// state is what CheckHeader needs to know.
func (p *Parser) state() ws.State {
	s := ws.StateServerSide
	if p.side == FromServer {
		s = ws.StateClientSide
	}
	if p.fragmented {
		s = s.Set(ws.StateFragmented)
	}
	return s
}

// begin takes a header that was checked as the present frame's.
func (p *Parser) begin(h ws.Header, size int) (bool, error) {
	if !h.OpCode.IsControl() {
		if h.Length > p.limit-p.total {
			return false, errTooBig
		}
		p.total += h.Length
		if h.OpCode != ws.OpContinuation {
			p.text = h.OpCode == ws.OpText
		}
	}
	p.inFrame, p.header, p.size, p.done = true, h, size, 0
	return true, nil
}
