package frame

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Status codes that gobwas/ws has no name for; IANA registered them after RFC 6455.
const (
	StatusServiceRestart ws.StatusCode = 1012
	StatusTryAgainLater  ws.StatusCode = 1013
	StatusBadGateway     ws.StatusCode = 1014
)

// CheckClose checks the payload of a close frame: empty, or a code that an endpoint may send with a reason in UTF-8.
func CheckClose(payload []byte) error {
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1:
		return errCloseLen
	case !Sendable(ws.StatusCode(binary.BigEndian.Uint16(payload))):
		return errCode
	case !utf8.Valid(payload[2:]):
		return errReason
	}
	return nil
}

// Sendable reports whether a status code may stand in a close frame: those that RFC 6455 and IANA's registry define for it, and
// the ranges of applications and private use. 1004 to 1006 and 1015 never stand in one.
func Sendable(c ws.StatusCode) bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}

// CloseCode returns the code that a close frame's payload names, and 1005 where it names none.
func CloseCode(payload []byte) ws.StatusCode {
	if len(payload) < 2 {
		return ws.StatusNoStatusRcvd
	}
	return ws.StatusCode(binary.BigEndian.Uint16(payload))
}

// AppendCloseBody appends the payload of a close frame. A reason too long for a control frame is cut between code points.
func AppendCloseBody(b []byte, code ws.StatusCode, reason string) []byte {
	const most = ws.MaxControlFramePayloadSize - 2
	if len(reason) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}
