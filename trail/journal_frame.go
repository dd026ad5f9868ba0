package trail

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// The journal is a directory of segment files. A segment is segmentMagic and then frames, one for each event: frameMagic,
// the payload's length, a CRC-32C over length and payload, the payload (an event's canonical encoding). Numbers are
// big-endian. What follows the last frame is zeros that were written ahead. Frames stand for themselves, so that what
// remains of a damaged file can still be read: no text of an event holds a NUL, so none can hold a frame.
const (
	segmentMagic = "RFTRAIL\x01"
	frameMagic   = "RFE\x01"
	frameHeader  = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends a frame for the canonical encoding that write appends.
func appendFrame(b []byte, write func([]byte) []byte) []byte {
	at := len(b)
	b = append(b, frameMagic...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	b = write(b)
	binary.BigEndian.PutUint32(b[at+4:], uint32(len(b)-at-frameHeader))
	binary.BigEndian.PutUint32(b[at+8:], frameSum(b[at+4:at+8], b[at+frameHeader:]))
	return b
}

func frameSum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// frameAt returns the payload of a whole and undamaged frame at the start of b.
func frameAt(b []byte) (payload []byte, ok bool) {
	if len(b) < frameHeader || string(b[:4]) != frameMagic {
		return nil, false
	}
	n := int(binary.BigEndian.Uint32(b[4:]))
	if n > maxEncoded || len(b) < frameHeader+n {
		return nil, false
	}
	payload = b[frameHeader : frameHeader+n]
	return payload, binary.BigEndian.Uint32(b[8:]) == frameSum(b[4:8], payload)
}

// next tells what stands at off in a segment's bytes: an event; damage, that is bytes up to end which are neither event nor
// zeros written ahead; or nothing more. A torn last frame is damage too: only its place tells that it is the last.
func nextFrame(b []byte, off int) (e Event, end int, found frameKind) {
	if off == 0 && len(b) >= len(segmentMagic) && string(b[:len(segmentMagic)]) == segmentMagic {
		off = len(segmentMagic)
	}
	if payload, ok := frameAt(b[off:]); ok {
		if e, err := Decode(payload); err == nil {
			return e, off + frameHeader + len(payload), frameEvent
		}
	}
	for at := off; ; {
		i := bytes.Index(b[min(at+1, len(b)):], []byte(frameMagic))
		if i < 0 {
			break
		}
		at += 1 + i
		if payload, ok := frameAt(b[at:]); ok {
			if _, err := Decode(payload); err == nil {
				return Event{}, at, frameDamage
			}
		}
	}
	if end = len(bytes.TrimRight(b, "\x00")); end > off {
		return Event{}, end, frameDamage
	}
	return Event{}, len(b), frameNone
}

type frameKind int

const (
	frameNone frameKind = iota
	frameEvent
	frameDamage
)
